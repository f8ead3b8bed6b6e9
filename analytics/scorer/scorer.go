// Package scorer is the service loop of judgement: blocks in, verdicts out. It owns the order in
// which recorded things reach the scoring engine, the checkpoint and the verdicts that are judged
// but not yet confirmed. What is judged, and how, is decided by analytics/feature and
// analytics/score. It may import those, ledger and wire; the block stream and the ledger reach it
// through the small interfaces below.
package scorer

import (
	"errors"
	"log/slog"
	"time"

	"context"
	"iter"

	"github.com/waybill-dev/waybill/analytics/score"
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

// Config is what a Service needs. Source, Sink and Model have no default.
type Config struct {
	Source Source
	Sink   Sink
	Model  *score.Model
	// Checkpoint is the path of the checkpoint file; empty means that every start begins at block 0.
	Checkpoint string
	// CheckpointEvery is the least time between two checkpoints; default 5 seconds.
	CheckpointEvery time.Duration
	// Partition is the part of the shipments whose verdicts this service writes; default all.
	Partition Partition
	// Takeover is how long a verdict of another part may stay off the ledger before this service
	// writes it too; default 0, never.
	Takeover time.Duration
	// MaxShipments bounds the shipments under judgement at once; default 20,000.
	MaxShipments int
	// MaxPending bounds the verdicts judged and not yet on the ledger; blocks are not read further
	// while there are more. Default 8,192.
	MaxPending int
	// Logger defaults to slog.Default().
	Logger *slog.Logger
}

// Partition is part Index of Count: the shipments whose hash modulo Count is Index.
type Partition struct{ Index, Count int }

// Service judges shipments as their data reaches the ledger.
type Service struct{ cfg Config }

// New checks the configuration. It starts nothing.
func New(cfg Config) (*Service, error) { return &Service{cfg: cfg}, nil }

// Run reads blocks and writes verdicts until the context is done, which is no error, or until the
// source or the sink fails for good. It may be called again; it goes on where the checkpoint says.
func (s *Service) Run(ctx context.Context) error { return errors.ErrUnsupported }

// Stats is a snapshot of a service's work.
type Stats struct {
	Position  uint64 // the next block to read
	Height    uint64 // the ledger's height when it was last asked
	Shipments int    // under judgement
	Judged    uint64 // verdicts judged since the start
	Confirmed uint64 // of those, found on the ledger
	Pending   int    // judged and not yet on the ledger
	Refused   uint64 // verdicts that the ledger refused
	Overflow  uint64 // shipments not judged because MaxShipments was reached
}

// Stats gives the snapshot. It may be called from any goroutine.
func (s *Service) Stats() Stats { return Stats{} }
