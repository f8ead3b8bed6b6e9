package stack

import "syscall"

// childAttributes put a server into a process group of its own, out of reach of the terminal's
// Ctrl-C, and have the kernel kill it when this program is gone, however it went.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
