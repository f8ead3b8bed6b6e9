package contract

import (
	"fmt"

	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// refute decides on proving a claim false. It reads the task and the claim alone, so that it meets nothing that goes on.
func (t *scoringRound) refute(op ledger.RefuteClaim) (ledger.TaskDecision, error) {
	view, err := t.repository.TaskClaim(op.Task, op.Account)
	if err == nil {
		err = t.onTime(view)
	}
	if err != nil {
		return ledger.TaskDecision{}, err
	}
	return ledger.RefuteClaimOf(op, view, logOrder, t.repository, t.Tx)
}

// logOrder is a ledger.LogOrder: data is a proof.Bare of the two facts' leaves.
func logOrder(data []byte, first, second ledger.LogFact) (before bool, root ledger.Root, err error) {
	shown, err := proof.DecodeBare(data)
	if err != nil {
		return false, root, fmt.Errorf("%w: %w", ledger.ErrProof, err)
	}
	facts, err := shown.Check()
	if err != nil {
		return false, root, fmt.Errorf("%w: %w", ledger.ErrProof, err)
	}
	if len(facts) != 2 {
		return false, root, fmt.Errorf("%w: it is of %d facts, not of two", ledger.ErrProof, len(facts))
	}
	var keys [2]string
	for i, f := range [...]ledger.LogFact{first, second} {
		if keys[i], err = wire.FactKey(f); err != nil {
			return false, root, err
		}
	}
	switch {
	case facts[0].Key == keys[0] && facts[1].Key == keys[1]:
		return true, shown.Root, nil
	case facts[0].Key == keys[1] && facts[1].Key == keys[0]:
		return false, shown.Root, nil
	}
	return false, root, fmt.Errorf("%w: it is of %s and %s", ledger.ErrProof, facts[0], facts[1])
}
