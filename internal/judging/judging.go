// Package judging is what a scorer stands on in a process of its own: verified blocks in, verdicts and operations on tasks
// out, and what the proof log says of facts. `waybill serve` and the demo wire their scorers with it. It owns nothing, and may import api/readmodel,
// analytics/panel, analytics/scorer and gateway/submit.
package judging

import (
	"context"
	"iter"

	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/blocks"
	"github.com/waybill-dev/waybill/gateway/submit"
)

// Blocks is the verified block stream as a scorer reads it, a scorer.Source.
type Blocks struct {
	source readmodel.Source
	stream *blocks.Stream
}

// FromStream reads the records of a chaincode from a stream.
func FromStream(stream *blocks.Stream, chaincode string) Blocks {
	return Blocks{readmodel.FromStream(stream, chaincode), stream}
}

// Height is the number of blocks that the first peer to answer has.
func (b Blocks) Height(ctx context.Context) (uint64, error) { return b.stream.Height(ctx) }

// Blocks yields what each block recorded, from that number on, until the context is done or an error ends it.
func (b Blocks) Blocks(ctx context.Context, from uint64) iter.Seq2[scorer.Block, error] {
	return func(yield func(scorer.Block, error) bool) {
		for block, err := range b.source.Blocks(ctx, from) {
			out := scorer.Block{Number: block.Number}
			for _, t := range block.Transactions {
				out.Transactions = append(out.Transactions, scorer.Recorded{TxID: t.TxID, Tx: t.Transaction})
			}
			if !yield(out, err) || err != nil {
				return
			}
		}
	}
}

// Words are what a scorer writes through a submitter: a scorer.Sink and a panel.Ledger.
type Words struct{ Submit *submit.Submitter }

// Verdicts records verdicts and gives the ledger's answers in their order.
func (w Words) Verdicts(ctx context.Context, verdicts []ledger.Verdict) ([]wire.Answer, error) {
	return answersOf(w.Submit.Verdicts(ctx, verdicts))
}

// Tasks does operations on tasks and gives the ledger's answers in their order.
func (w Words) Tasks(ctx context.Context, operations []ledger.TaskOperation) ([]wire.Answer, error) {
	return answersOf(w.Submit.Tasks(ctx, operations))
}

func answersOf(outcomes []submit.Outcome, err error) ([]wire.Answer, error) {
	if err != nil {
		return nil, err
	}
	answers := make([]wire.Answer, len(outcomes))
	for i, o := range outcomes {
		answers[i] = o.Answer
	}
	return answers, nil
}
