package readmodel

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/blocks"
)

// Block is a block as the projection takes it in: what its valid transactions recorded, in order.
type Block struct {
	Number         uint64
	Hash, Previous [32]byte
	Transactions   []Recorded
}

// Recorded is what one valid transaction recorded, with the facts that its author did not write.
type Recorded struct {
	TxID  string
	MSPID string        // the creator's organisation
	At    ledger.Millis // the transaction's time
	wire.Transaction
}

func (b Block) facts() (n int) {
	for _, t := range b.Transactions {
		n += len(t.Events) + len(t.Restatements) + len(t.Segments) + len(t.Verdicts) + len(t.Scoring.Finals)
	}
	return n
}

// Source yields verified blocks in order, beginning with the one of the number, and ends with the
// error that stopped it.
type Source interface {
	Blocks(ctx context.Context, from uint64) iter.Seq2[Block, error]
}

// blockStream is what the projection needs of gateway/blocks.
type blockStream interface {
	Blocks(ctx context.Context, from uint64) iter.Seq2[blocks.Block, error]
}

// FromStream reads a channel's verified block stream for the projection: the valid transactions of
// the chaincode of that name. A transaction that this program cannot read ends the stream.
func FromStream(stream blockStream, chaincode string) Source {
	return streamSource{stream: stream, chaincode: chaincode}
}

type streamSource struct {
	stream    blockStream
	chaincode string
}

func (s streamSource) Blocks(ctx context.Context, from uint64) iter.Seq2[Block, error] {
	return func(yield func(Block, error) bool) {
		for raw, err := range s.stream.Blocks(ctx, from) {
			if err != nil {
				yield(Block{}, err)
				return
			}
			b, err := s.read(raw)
			if !yield(b, err) || err != nil {
				return
			}
		}
	}
}

// ErrUnreadable says that a valid transaction is not in a form that this program reads: it was
// written by a newer version of the chaincode.
var ErrUnreadable = errors.New("WB_UNREADABLE_TRANSACTION")

func (s streamSource) read(raw blocks.Block) (Block, error) {
	b := Block{Number: raw.Number, Hash: raw.Hash, Previous: raw.Previous}
	for _, t := range raw.Transactions {
		if !t.Valid || t.Chaincode != s.chaincode || t.Event == nil {
			continue
		}
		content, err := wire.ReadTransaction(t.Event, values(t.Writes))
		if err != nil {
			return Block{}, fmt.Errorf("%w: %s in block %d: %w", ErrUnreadable, t.ID, raw.Number, err)
		}
		b.Transactions = append(b.Transactions, Recorded{
			TxID: t.ID, MSPID: t.CreatorMSP, At: ledger.MillisOf(t.Time), Transaction: content,
		})
	}
	return b, nil
}

func values(writes []blocks.Write) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for _, w := range writes {
			if !w.Delete && !yield(w.Key, w.Value) {
				return
			}
		}
	}
}

// Position is a place in the ledger: the index-th fact of a block. Facts are events, restatements,
// segments, verdicts and final verdicts; they are counted from 0 in the block's order, within a transaction in the
// order of these words.
type Position struct {
	Block uint64
	Index uint32
}

// Before reports whether p comes before q.
func (p Position) Before(q Position) bool { return p.key() < q.key() }

const (
	indexBits = 24
	maxIndex  = 1<<indexBits - 1
	maxBlock  = math.MaxInt64>>indexBits - 1
)

// EndOf is the position after every fact of the blocks below height; ok is false at height 0.
func EndOf(height uint64) (p Position, ok bool) {
	if height == 0 {
		return Position{}, false
	}
	return Position{Block: height - 1, Index: maxIndex}, true
}

// key is the position as the database orders it. What lies beyond every possible block is at the end.
func (p Position) key() int64 {
	block := min(p.Block, maxBlock)
	return int64(block)<<indexBits | int64(min(p.Index, maxIndex))
}

func positionOf(key int64) Position {
	return Position{Block: uint64(key) >> indexBits, Index: uint32(key & maxIndex)} //nolint:gosec // keys are never negative, and masked
}
