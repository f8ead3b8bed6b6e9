// Package scorer is the service loop of judgement: blocks in, verdicts out. It owns the order in
// which recorded things reach the scoring engine, the checkpoint and the verdicts that are judged
// but not yet confirmed. What is judged, and how, is decided by analytics/feature and
// analytics/score. It may import those, ledger and wire; the block stream and the ledger reach it
// through the small interfaces below.
package scorer

import (
	"context"
	"iter"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Block is a block's number and what its valid transactions recorded, in order. A block that
// recorded nothing of ours is still yielded, so that the position advances.
type Block struct {
	Number       uint64
	Transactions []Recorded
}

// Recorded is what one valid transaction recorded.
type Recorded struct {
	TxID string
	Tx   wire.Transaction
}

// Source yields verified blocks in order from a number, without end, until the context is done or
// an error ends it.
type Source interface {
	Blocks(ctx context.Context, from uint64) iter.Seq2[Block, error]
	// Height is the number of blocks on the ledger now.
	Height(ctx context.Context) (uint64, error)
}

// Sink writes verdicts on the ledger and returns when each has its final answer, in the order of
// the verdicts. It may be called from several goroutines at once.
type Sink interface {
	Verdicts(ctx context.Context, verdicts []ledger.Verdict) ([]wire.Answer, error)
}
