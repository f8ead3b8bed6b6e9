package stack

import (
	"os/exec"
	"runtime"
)

// Start starts a command whose process the kernel ends with this program, however that goes, where the
// kernel can (Linux). ended gets what the command's Wait gave, once.
func Start(cmd *exec.Cmd) (ended <-chan error, err error) {
	cmd.SysProcAttr = childAttributes()
	begun, waited := make(chan error), make(chan error, 1)
	go func() {
		// The kernel ties a child's life to the thread that started it, so the goroutine keeps its
		// thread until the child has ended; then the thread ends with it.
		runtime.LockOSThread()
		err := cmd.Start()
		begun <- err
		if err == nil {
			waited <- cmd.Wait()
		}
	}()
	return waited, <-begun
}
