package founding

import (
	"context"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

func (s *seat) sums(ctx context.Context) (ledger.CreditSums, error) {
	sums, err := read(ctx, s, wire.Decode[ledger.CreditSums], wire.FnGetCreditSums, "")
	if err != nil {
		return ledger.CreditSums{}, err
	}
	return *sums, sums.Check()
}

// leave unbonds an organisation's stake.
func (s *seat) leave(t *testing.T, note ledger.NoteID, amount ledger.Credits) {
	t.Helper()
	batch, err := wire.Encode(wire.CreditBatch{Operations: []ledger.CreditOperation{{Unbond: &ledger.UnbondStake{Stake: note, Amount: amount}}}})
	if err != nil {
		t.Fatal(err)
	}
	tx, err := s.client.Endorse(t.Context(), wire.FnTransact, batch)
	if err == nil {
		err = s.client.Submit(t.Context(), tx)
	}
	if err != nil {
		t.Fatal(err)
	}
}
