package score

import "testing"

// TestAShipmentIsComparedWithItsOwnLaneOnly names what accepted shipments each shipment is compared with.
func TestAShipmentIsComparedWithItsOwnLaneOnly(t *testing.T) {
	const policy, lane = "refrigerated", "a>b"
	p := Parameters{Strata: []Stratum{{Name: StratumName(policy, AnyLane)}, {Name: StratumName(policy, lane)}}}
	for _, c := range []struct{ policy, lane, want string }{
		{policy, lane, StratumName(policy, lane)},
		{policy, "", StratumName(policy, AnyLane)},
		{policy, "a>c", ""},
		{"frozen", "", ""},
	} {
		got := ""
		if s := p.stratum(c.policy, c.lane, 0); s != nil {
			got = s.Name
		}
		if got != c.want {
			t.Errorf("policy %q, lane %q: compared with %q, want %q", c.policy, c.lane, got, c.want)
		}
	}
}
