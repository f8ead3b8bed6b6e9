//go:build !linux

package network

import "syscall"

// childAttributes put a child into a process group of its own, out of reach of the terminal's Ctrl-C.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
