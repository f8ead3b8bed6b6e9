//go:build !linux

package stack

import "syscall"

// childAttributes put a server into a process group of its own, out of reach of the terminal's Ctrl-C.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
