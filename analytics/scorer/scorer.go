// Package scorer is the service loop of judgement: blocks in, verdicts out. It owns the order in
// which recorded things reach the scoring engine, the checkpoint and the verdicts that are judged
// but not yet confirmed. What is judged, and how, is decided by analytics/feature and
// analytics/score. It may import those, ledger, wire and internal/idle; the block stream and the ledger reach it
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

// Panel decides together with other scorers on what falls due, and says which verdicts this service is to write by
// itself. Its methods are called one at a time, by the loop that reads blocks.
type Panel interface {
	// Reset starts over with what Save gave, or with nil at an empty ledger.
	Reset(saved []byte) error
	// Save gives what a later Reset needs.
	Save() ([]byte, error)
	// Apply takes what a valid transaction recorded and the verdicts that it makes due, and gives those that are to be
	// written by this service.
	Apply(tx Recorded, due []Due) (alone []ledger.Verdict)
	// Applied says that a block has been applied; live, that all that was on the ledger at the start has been.
	Applied(live bool)
}
