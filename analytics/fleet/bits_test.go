package fleet

import (
	"crypto/sha256"
	"encoding/hex"
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
	f := fleet(t, DefaultParams())
	for i := range 3_000 {
		name := []string{"a", "b", "c"}[next(3)]
		if _, _, err := f.Verdict(Lane, name, "s", ledger.Millis(i), next(600_000)+1, int(next(5_000))+1); err != nil {
			t.Fatal(err)
		}
		if _, _, err := f.Quantity(Supplier, name, "s", ledger.Millis(i), 1_000, 985+next(20)); err != nil {
			t.Fatal(err)
		}
	}
	c := canon.Writer(nil)
	f.Code(c)
	const want = "4f3fb2c2d995a36289d49db3ac461646411277d8cafb227d46a9b0bb212beef4"
	sum := sha256.Sum256(c.Bytes())
	if got := hex.EncodeToString(sum[:]); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
