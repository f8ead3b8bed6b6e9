// Package e2e holds the end-to-end tests: one real network, the real command as processes, and the
// ledger read back and compared. It has no code of its own to import; its tests may import anything.
package e2e
