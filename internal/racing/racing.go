// Package racing tells tests whether the race detector watches them. It makes computing about ten times as slow and
// can find nothing where one goroutine computes, so such tests of packages that have others too leave themselves to
// the run without it; `make test-unit` makes both. It may be imported by tests only, and imports nothing of the project.
package racing

import "testing"

// Pure skips a test in which one goroutine computes and others do nothing, if the race detector watches.
func Pure(t testing.TB) {
	t.Helper()
	if Enabled {
		t.Skip("one goroutine computes: run without the race detector")
	}
}
