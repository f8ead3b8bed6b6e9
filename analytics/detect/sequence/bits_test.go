package sequence

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// TestTheBitsAreThoseOfEveryMachine holds a digest that amd64 and arm64 gave alike.
func TestTheBitsAreThoseOfEveryMachine(t *testing.T) {
	state := uint64(1)
	next := func(n uint64) int64 {
		state = state*6364136223846793005 + 1442695040888963407
		return int64((state >> 33) % n)
	}
	shipment := func() []Step {
		s := New(nil)
		at := start
		for i, name := range []string{"packing", "shipping", "arriving", "departing", "receiving"} {
			at += ledger.Millis(next(uint64(20 * hour)))
			step := Step{At: at, Event: ledger.Digest{byte(i)}, Name: name, Place: []string{plant, hub, shop}[next(3)]}
			if i == 1 {
				step.Place, step.To = plant, shop
			}
			if next(15) > 0 || i == 1 {
				s.Observe(step)
			}
		}
		return s.Steps()
	}
	all := make([][]Step, 500)
	for i := range all {
		all[i] = shipment()
	}
	table := fit(t, all)
	text, err := json.Marshal(table)
	if err != nil {
		t.Fatal(err)
	}
	c := canon.Writer(text)
	for i := range 500 {
		s := New(table)
		for _, step := range shipment() {
			s.Observe(step)
		}
		for _, g := range s.Signals(nil, start+100*hour, i%2 == 0) {
			for _, v := range []int64{g.Ratio, g.Value, g.Limit, g.Count, int64(g.From), int64(g.To)} {
				canon.Int(c, &v)
			}
		}
	}
	const want = "0f45796aeac71be6441bf63599d10f31b945894508904f9ec0ec87a98fa0ddc4"
	sum := sha256.Sum256(c.Bytes())
	if got := hex.EncodeToString(sum[:]); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
