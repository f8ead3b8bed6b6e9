package network

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// fileLock is an advisory lock that the kernel drops with its holder. The file holds the holder's process id.
type fileLock struct{ f *os.File }

// tryLock takes the lock at once or answers ok = false.
func tryLock(path string) (lock *fileLock, ok bool, err error) {
	if err = os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, false, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // below the state or cache folder
	if err != nil {
		return nil, false, err
	}
	if err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, false, nil
		}
		return nil, false, err
	}
	if err = f.Truncate(0); err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())), 0)
	}
	if err != nil {
		_ = f.Close()
		return nil, false, err
	}
	return &fileLock{f}, true, nil
}

// waitLock takes the lock, waiting for its holder; waiting is called once if there is one.
func waitLock(ctx context.Context, path string, waiting func()) (*fileLock, error) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for first := true; ; first = false {
		lock, ok, err := tryLock(path)
		if err != nil || ok {
			return lock, err
		}
		if first {
			waiting()
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// lockSoon takes a supervisor's lock. A reader of the status holds it for an instant, a supervisor for
// good: it fails with context.DeadlineExceeded where one does.
func lockSoon(ctx context.Context, path string) (*fileLock, error) {
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	return waitLock(ctx, path, func() {})
}

// holder answers the process id that holds the lock, 0 if none does.
func holder(path string) (int, error) {
	f, err := os.Open(path) //nolint:gosec // below the state folder
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return 0, nil
		}
		return 0, err
	}
	defer f.Close() //nolint:errcheck // read only
	raw := make([]byte, 20)
	for range 100 {
		if err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err == nil {
			return 0, nil
		} else if !errors.Is(err, syscall.EWOULDBLOCK) {
			return 0, err
		}
		// Between taking the lock and writing its id the file is empty, or names a holder that was killed.
		n, _ := f.ReadAt(raw, 0)
		pid, parseErr := strconv.Atoi(string(raw[:n]))
		if parseErr == nil && pid > 0 && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return pid, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return 0, fmt.Errorf("%s is locked and names no process that runs", path)
}

// stands says that the file of the lock is still there under its name.
func (l *fileLock) stands() bool {
	mine, err := l.f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(l.f.Name())
	return err == nil && os.SameFile(mine, there)
}

// release empties the file first: an id that is no longer the holder's must not be read from it.
func (l *fileLock) release() {
	_ = l.f.Truncate(0)
	_ = l.f.Close()
}
