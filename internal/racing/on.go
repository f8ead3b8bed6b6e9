//go:build race

package racing

// Enabled says that the race detector is built in.
const Enabled = true
