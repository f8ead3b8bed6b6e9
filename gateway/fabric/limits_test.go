package fabric

import (
	"testing"
	"time"
)

// A peer closes the connections of clients that ping more often than its keepalive.minInterval.
func TestPingsAreRarerThanPeersAllow(t *testing.T) {
	const minInterval = 60 * time.Second // Fabric's default
	if keepaliveEvery <= minInterval {
		t.Errorf("pings every %v", keepaliveEvery)
	}
}
