package bench

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/blocks"
)

// blockStream is what the check needs of gateway/blocks: verified blocks in order.
type blockStream interface {
	Blocks(ctx context.Context, from uint64) iter.Seq2[blocks.Block, error]
}

// holding is what a stretch of the ledger holds of the load.
type holding struct {
	transactions, blocks uint64
	invalid              uint64
	verdicts             uint64
}

// readLedger reads the verified blocks from one number until another, exclusive, and notes in the
// tallies what their valid transactions recorded. counted selects the transactions that are counted;
// all are tallied.
func readLedger(ctx context.Context, stream blockStream, from, until uint64, events *Tally[ledger.Digest], segments *Tally[segmentKey],
	counted func(wire.Transaction) bool,
) (holding, error) {
	var h holding
	if from >= until {
		return h, nil
	}
	next := from
	for b, err := range stream.Blocks(ctx, from) {
		if err != nil {
			return h, fmt.Errorf("reading block %d: %w", next, err)
		}
		if b.Number != next {
			return h, fmt.Errorf("%w: block %d came where %d was due", errOrder, b.Number, next)
		}
		hit := false
		for _, tx := range b.Transactions {
			if !tx.Valid {
				h.invalid++
				continue
			}
			if tx.Event == nil {
				continue
			}
			recorded, err := wire.ReadTransaction(tx.Event, writesOf(tx))
			if err != nil {
				return h, fmt.Errorf("transaction %s of block %d: %w", tx.ID, b.Number, err)
			}
			for _, e := range recorded.Events {
				events.Seen(e.Hash)
			}
			for _, s := range recorded.Segments {
				segments.Seen(segmentKey{s.Segment.Device, s.Segment.Seq})
			}
			h.verdicts += uint64(len(recorded.Verdicts))
			if counted(recorded) {
				h.transactions++
				hit = true
			}
		}
		if hit {
			h.blocks++
		}
		if next++; next == until {
			return h, nil
		}
	}
	return h, fmt.Errorf("%w: the stream ended at block %d of %d", errOrder, next, until)
}

var errOrder = errors.New("WB_BENCH: the block stream left its order")

func writesOf(tx blocks.Transaction) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, w := range tx.Writes {
			if !w.Delete && !yield(w.Key, w.Value) {
				return
			}
		}
	}
}
