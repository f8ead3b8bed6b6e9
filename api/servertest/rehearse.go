package servertest

import (
	"context"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/fabric"
)

// Evaluate decides on a batch of events as a peer does whose answer is not ordered: nothing is recorded. It
// knows the one function wire.FnRecordEvents.
func (l *Ledger) Evaluate(ctx context.Context, function string, arguments ...[]byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if function != wire.FnRecordEvents || len(arguments) != 1 {
		return nil, &fabric.Error{Op: "evaluate", Kind: fabric.ErrRefused, Code: ledger.CodeMalformed}
	}
	entries, err := wire.DecodeEventBatch(arguments[0])
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	answers := make([]wire.Answer, len(entries))
	for i, e := range entries {
		answers[i] = l.rehearsed(e)
	}
	return wire.Encode(wire.Answers{Answers: answers})
}

func (l *Ledger) rehearsed(e wire.EventEntry) wire.Answer {
	within, err := epcis.ParseContext(e.Context)
	if err != nil {
		return refusal(err).Answer
	}
	in, err := ledger.ReadEvent(within, e.Context, e.Body)
	if err != nil {
		return refusal(err).Answer
	}
	var view ledger.EventView
	if r, ok := l.events[in.Hash]; ok {
		view.Recorded = &r
	}
	if bearer, ok := l.ids[in.Claims]; ok {
		view.Bearer = &bearer
	}
	d, err := ledger.DecideEvent(in, view, l.tx(), 0)
	if err != nil {
		return refusal(err).Answer
	}
	return wire.Answer{Status: d.Status, Digest: in.Hash, Restatement: d.Restatement, RecordedIn: d.RecordedIn}
}
