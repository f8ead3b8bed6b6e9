package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// lockState takes a role in a state folder for this process, which runs the command holder; the kernel gives it back when the
// process ends, however it ends.
func lockState(dir, role, holder string) (release func(), err error) {
	if err = os.MkdirAll(dir, 0o700); err != nil {
		return nil, fail(exitInternal, codeInternal, "", "%w", err)
	}
	path := filepath.Join(dir, role+".lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // below the state folder
	if err != nil {
		return nil, fail(exitInternal, codeInternal, "", "%w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		said, _ := io.ReadAll(io.LimitReader(f, 100))
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			who := strings.TrimSpace(string(said))
			if who == "" {
				who = "another process"
			}
			return nil, fail(exitRefused, "WB_STATE_LOCKED", lockedHint(role), "%s holds the role %s in %s", who, role, dir)
		}
		return nil, fail(exitInternal, codeInternal, "", "locking %s: %w", path, err)
	}
	// For people who look; the lock does not rest on it.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt(fmt.Appendf(nil, "%s (process %d)\n", holder, os.Getpid()), 0)
	}
	return func() {
		_ = f.Truncate(0)
		_ = f.Close()
	}, nil
}

// lockedHint says what to do where another process has a role. A scorer's is never another folder alone: that has another
// scorer.secret, and what the one commits to the other cannot reveal.
func lockedHint(role string) string {
	if role == roleScorer {
		return "wait for its end or stop it; a second scorer of one identity must not begin with another --dir, for its other scorer.secret cannot reveal what " +
			"the first committed to, which costs stake. To move, take the whole state folder along; to share the work, give each its part by --partition"
	}
	return "wait for its end or stop it, or give this one a state folder of its own with --dir"
}
