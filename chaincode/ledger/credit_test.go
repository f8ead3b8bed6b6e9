package ledger_test

import (
	"errors"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Arithmetic on credits is that of integers, or refused.
func TestCreditsAreCountedExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := ledger.Credits(rapid.Uint64().Draw(t, "a")), ledger.Credits(rapid.Uint64().Draw(t, "b"))
		exact := new(big.Int).Add(new(big.Int).SetUint64(uint64(a)), new(big.Int).SetUint64(uint64(b)))
		sum, err := a.Plus(b)
		switch fits := exact.BitLen() <= 63; {
		case fits && (err != nil || new(big.Int).SetUint64(uint64(sum)).Cmp(exact) != 0):
			t.Fatalf("%d and %d are %d, %v", a, b, sum, err)
		case !fits && !errors.Is(err, ledger.ErrOverflow):
			t.Fatalf("%d and %d are %d, %v", a, b, sum, err)
		}
		less, err := a.Minus(b)
		if (err == nil) != (a >= b) || err == nil && less != a-b || err != nil && !errors.Is(err, ledger.ErrOverflow) {
			t.Fatalf("%d less %d is %d, %v", a, b, less, err)
		}
		share := rapid.Uint64Range(0, 1_000_001).Draw(t, "share")
		part, err := a.Share(share)
		exact.Mul(new(big.Int).SetUint64(uint64(a)), new(big.Int).SetUint64(share))
		exact.Div(exact, big.NewInt(1_000_000))
		if (err == nil) != (share <= 1_000_000) || err == nil && new(big.Int).SetUint64(uint64(part)).Cmp(exact) != 0 {
			t.Fatalf("%d millionths of %d are %d, %v", share, a, part, err)
		}
	})
}

func TestNotesAreNamedInOneWay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := ledger.NoteID{TxID: rapid.StringMatching(`[a-f0-9]{1,64}`).Draw(t, "tx"), Index: rapid.Uint32().Draw(t, "index")}
		back, err := ledger.ParseNoteID(id.String())
		if err != nil || back != id {
			t.Fatalf("%s: %+v, %v", id, back, err)
		}
	})
	for _, text := range []string{"", "tx", "tx/", "/1", "tx/01", "tx/+1", "tx/-1", "tx/4294967296", "t x/1", "tx/1/1"} {
		if id, err := ledger.ParseNoteID(text); !errors.Is(err, ledger.ErrMalformed) {
			t.Errorf("%q: %+v, %v", text, id, err)
		}
	}
}

func TestSumsThatDoNotBalanceAreNamed(t *testing.T) {
	for _, s := range []ledger.CreditSums{{Minted: 1}, {Unspent: 1}, {Locked: 1, Burned: 1, Minted: 1}, {Burned: 1}} {
		if err := s.Check(); !errors.Is(err, ledger.ErrUnbalanced) {
			t.Errorf("%+v: %v", s, err)
		}
	}
	if err := (ledger.CreditSums{Minted: 6, Burned: 1, Unspent: 2, Locked: 3}).Check(); err != nil {
		t.Error(err)
	}
	if err := (ledger.CreditSums{Unspent: 1<<63 - 1, Locked: 1}).Check(); !errors.Is(err, ledger.ErrOverflow) {
		t.Error(err)
	}
}
