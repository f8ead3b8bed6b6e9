package feature

import (
	"math"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Limits bound what a Tracker remembers. They are part of what decides verdicts: two trackers
// with other limits may differ once one of them has reached its own.
type Limits struct {
	Shipments     int    // journeys under way or lingering
	Containers    int    // containers known, under way or not
	Devices       int    // devices known
	EarlyReadings int    // times of segments that came before their device's binding, in all
	Suspects      int    // items with findings that are in no known container
	Products      int    // products with a policy
	Linger        uint64 // blocks for which an ended journey still takes late data
}

// DefaultLimits fit a scorer of 20,000 shipments. Linger is some hours of a busy channel and days of a
// quiet one: loggers without a radio are read out after arrival.
func DefaultLimits() Limits {
	return Limits{
		Shipments: 20_000, Containers: 80_000, Devices: 50_000, EarlyReadings: 262_144, Suspects: 50_000, Products: 100_000, Linger: 20_000,
	}
}

const (
	maxClasses         = 64 // products of a container; more make it no stricter than these
	maxContainerEvents = 32 // findings kept for a container before its journey begins
	maxSuspectFindings = 8  // of one item
	maxBindings        = 8  // of one device, the latest
	maxEarlySegments   = 64 // of one device
	maxContainerDevice = 32 // devices bound to a container at once
	maxDepth           = 8  // containers in containers
	always             = ledger.Millis(math.MaxInt64)
	unknownStart       = always // of a binding whose removal was recorded first
)

// trim drops what was touched least recently where a limit is passed; journeys that only linger go
// before those under way.
func (t *Tracker) trim() {
	for t.open > t.limits.Shipments && len(t.ended) > 0 {
		t.closeEnded()
	}
	for t.open > t.limits.Shipments {
		for _, c := range t.containers.All {
			if c.open {
				t.overflow++
				t.close(c)
				break
			}
		}
	}
	for key, c := range t.containers.All {
		if t.containers.Len() <= t.limits.Containers {
			break
		}
		if c.open {
			continue
		}
		t.forgotten(c)
		t.containers.Remove(key)
	}
	for key, d := range t.devices.All {
		if t.devices.Len() <= t.limits.Devices && t.early <= t.limits.EarlyReadings {
			break
		}
		for i := range d.early {
			s := &d.early[i]
			t.early -= len(s.segment.Times)
			t.missed(d, s)
		}
		d.early = nil
		if t.devices.Len() > t.limits.Devices || len(d.bindings) == 0 {
			for _, b := range d.bindings {
				t.unbound(b)
			}
			t.devices.Remove(key)
		}
	}
	for key := range t.suspects.All {
		if t.suspects.Len() <= t.limits.Suspects {
			break
		}
		t.suspects.Remove(key)
	}
	for key := range t.policies.All {
		if t.policies.Len() <= t.limits.Products {
			break
		}
		t.policies.Remove(key)
		t.rulesLost = true
	}
	if t.keeps && t.rules.Len() > t.limits.Products {
		for key := range t.rules.All {
			t.rules.Remove(key)
			if t.rules.Len() <= t.limits.Products {
				break
			}
		}
		t.rulesLost = true
	}
}

// mostEarly is how many segments of a device wait for a binding. A replay drops none: those of a list are few, also with one
// that it is said to leave out.
func (t *Tracker) mostEarly() int {
	if t.only != "" {
		return ledger.MaxClaimSegments
	}
	return maxEarlySegments
}
