package servertest

import (
	"context"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/submit"
)

// statement is what names a statement on a vocabulary element; of the one in force but type and id are zero.
type statement struct {
	kind, id string
	statedAt ledger.Millis
	content  ledger.Digest
}

// Elements records statements on vocabulary elements by the ledger's rules.
func (l *Ledger) Elements(ctx context.Context, elements []wire.ElementEntry) ([]submit.Outcome, error) {
	return l.call(ctx, submit.KindElement, len(elements), func() []submit.Outcome {
		tx := l.tx()
		var content wire.Transaction
		outcomes := make([]submit.Outcome, len(elements))
		for i, e := range elements {
			outcomes[i] = l.element(tx, e.EventEntry, &content)
		}
		l.commit(tx, content, outcomes)
		return outcomes
	})
}

func (l *Ledger) element(tx ledger.Tx, entry wire.EventEntry, content *wire.Transaction) submit.Outcome {
	within, err := epcis.ParseContext(entry.Context)
	if err != nil {
		return refusal(err)
	}
	e, err := ledger.ReadElement(within, entry.Context, entry.Body)
	if err != nil {
		return refusal(err)
	}
	var view ledger.ElementView
	latest, own := statement{kind: e.Type, id: e.ID}, statement{e.Type, e.ID, e.Stated(tx.Time), e.Content}
	if r, ok := l.statements[latest]; ok {
		view.InForce = &r
	}
	if r, ok := l.statements[own]; ok {
		view.Recorded = &r
	}
	decision := ledger.DecideElement(e, view, tx)
	if decision.Status == ledger.StatusDuplicate {
		return submit.Outcome{Answer: wire.Answer{Status: decision.Status, Digest: e.Content, RecordedIn: decision.Record.TxID}}
	}
	decision.Record.Index = len(content.Elements)
	l.statements[own] = decision.Record
	if decision.InForce {
		l.statements[latest] = decision.Record
	}
	content.Elements = append(content.Elements, wire.RecordedElement{Record: decision.Record, Context: entry.Context, Body: entry.Body, InForce: decision.InForce})
	return submit.Outcome{Answer: wire.Answer{Status: decision.Status, Digest: e.Content}}
}
