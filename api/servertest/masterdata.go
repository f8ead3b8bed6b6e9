package servertest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/submit"
)

// MasterData registers master data by the ledger's rules. Rules that wait for approvals it does not keep.
func (l *Ledger) MasterData(ctx context.Context, data []ledger.MasterDatum) ([]submit.Outcome, error) {
	return l.call(ctx, submit.KindMaster, len(data), func() []submit.Outcome {
		tx := l.tx()
		var content wire.Transaction
		outcomes := make([]submit.Outcome, len(data))
		for i, m := range data {
			outcomes[i] = l.master(tx, m, &content)
		}
		l.commit(tx, content, outcomes)
		return outcomes
	})
}

func (l *Ledger) master(tx ledger.Tx, m ledger.MasterDatum, content *wire.Transaction) submit.Outcome {
	if err := ledger.CheckMaster(m); err != nil {
		return refusal(err)
	}
	name := func(kind ledger.MasterKind, version uint32, id ...string) string {
		return fmt.Sprintf("%s %d %s", kind, version, strings.Join(id, " "))
	}
	at := func(kind ledger.MasterKind, version uint32, id ...string) *ledger.MasterDatum {
		if d, ok := l.registered[name(kind, version, id...)]; ok {
			return &d
		}
		return nil
	}
	decision, err := ledger.DecideMaster(m, ledger.MasterView{
		Recorded: at(m.Kind(), m.Version, m.ID()...), Latest: at(m.Kind(), 0, m.ID()...),
		Holder: func(prefix string) (string, error) {
			if d := at(ledger.MasterPrefix, 0, prefix); d != nil {
				return d.Owner, nil
			}
			return "", nil
		},
		Place: func(id string) (*ledger.MasterDatum, error) { return at(ledger.MasterPlace, 0, id), nil },
	}, tx)
	if err != nil {
		return refusal(err)
	}
	if decision.Status == ledger.StatusDuplicate {
		return submit.Outcome{Answer: wire.Answer{Status: decision.Status, RecordedIn: decision.Datum.TxID}}
	}
	l.registered[name(m.Kind(), m.Version, m.ID()...)] = decision.Datum
	l.registered[name(m.Kind(), 0, m.ID()...)] = decision.Datum
	content.Master = append(content.Master, decision.Datum)
	return submit.Outcome{Answer: wire.Answer{Status: decision.Status}}
}

// Review judges items again, by the rules that need no master data.
func (l *Ledger) Review(ctx context.Context, subjects []wire.ReviewSubject) ([]submit.Outcome, error) {
	return l.call(ctx, submit.KindReview, len(subjects), func() []submit.Outcome {
		outcomes := make([]submit.Outcome, len(subjects))
		for i, s := range subjects {
			state, ok := l.items[s.Item]
			record, known := l.events[s.Event]
			switch {
			case s.Item != "" && ok:
				record = l.events[state.LastEvent]
			case s.Item != "" || !known:
				outcomes[i] = refusal(fmt.Errorf("%w: %s %s", ledger.ErrUnknown, s.Item, s.Event))
				continue
			}
			outcomes[i] = submit.Outcome{Answer: wire.Answer{Status: ledger.StatusDuplicate, RecordedIn: record.TxID}}
		}
		l.commit(l.tx(), wire.Transaction{}, slices.Clip(outcomes))
		return outcomes
	})
}
