// Package datasettest plays simulated shipments as the blocks of a ledger in memory. Only tests import it.
package datasettest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/analytics/dataset"
	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// Day is the time of the simulated shipments.
func Day() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// OneLane is clean shipments of one product on one lane, so that few of them fill a stratum.
func OneLane(n int) simulate.Config {
	return simulate.Config{
		Now: Day(), Shipments: n, Items: 1, Seed: 1, Lanes: []string{"Basel - Lyon"}, Products: []string{"insulin 2-8 °C"}, Faults: []simulate.Fault{},
	}
}

// Chain is a ledger in memory.
type Chain []dataset.Block

// errEnd ends the stream of a chain, which does not grow.
var errEnd = errors.New("the chain ends here")

// Blocks yields the blocks from a number on, and ends with an error.
func (c Chain) Blocks(ctx context.Context, from uint64) iter.Seq2[dataset.Block, error] {
	return func(yield func(dataset.Block, error) bool) {
		for i := from; i < uint64(len(c)); i++ {
			if ctx.Err() != nil {
				yield(dataset.Block{}, ctx.Err())
				return
			}
			if !yield(c[i], nil) {
				return
			}
		}
		yield(dataset.Block{}, errEnd)
	}
}

// Height is how many blocks there are.
func (c Chain) Height() uint64 { return uint64(len(c)) }

// Add appends a block.
func (c *Chain) Add(transactions ...wire.Transaction) {
	var previous ledger.Digest
	if n := len(*c); n > 0 {
		previous = (*c)[n-1].Hash
	}
	hash := sha256.Sum256(binary.BigEndian.AppendUint64(previous[:], uint64(len(*c))))
	*c = append(*c, dataset.Block{Number: uint64(len(*c)), Hash: hash, Transactions: transactions})
}

// Played gives the blocks of simulated shipments, a transaction each block.
func Played(t testing.TB, cfg simulate.Config) Chain {
	t.Helper()
	var c Chain
	c.Add()
	known := map[string]bool{}
	for j, err := range simulate.Journeys(cfg) {
		if err != nil {
			t.Fatal(err)
		}
		if !known[j.Policy.ID] {
			known[j.Policy.ID] = true
			c.Add(wire.Transaction{Policies: []ledger.Policy{j.Policy}})
		}
		for _, a := range j.Actions {
			if tx, ok := transaction(t, &a); ok {
				c.Add(tx)
			}
		}
	}
	return c
}

func transaction(t testing.TB, a *simulate.Action) (wire.Transaction, bool) {
	t.Helper()
	switch {
	case a.Event != nil:
		parsed, err := epcis.ParseContext(a.Event.Context)
		if err != nil {
			t.Fatal(err)
		}
		in, err := ledger.ReadEvent(parsed, a.Event.Context, a.Event.Body)
		if err != nil {
			t.Fatal(err)
		}
		record := ledger.EventRecord{TxID: "tx", MSPID: "ProducerMSP", BodyDigest: ledger.BodyDigest(a.Event.Context, a.Event.Body)}
		return wire.Transaction{Events: []wire.RecordedEvent{{Hash: in.Hash, Context: a.Event.Context, Body: a.Event.Body, Record: record}}}, true
	case a.Segment != nil:
		s := a.Segment.Readings
		payload, err := wire.EncodeSegment(s)
		if err != nil {
			t.Fatal(err)
		}
		digest := wire.SegmentDigest(payload)
		return wire.Transaction{Segments: []wire.RecordedSegment{{
			Segment: s, Digest: digest, Payload: payload, Signature: slices.Repeat([]byte{1}, 64),
			Record: ledger.SegmentRecord{TxID: "tx", Digest: digest, Count: len(s.Times), MSPID: "ProducerMSP"},
		}}}, true
	}
	return wire.Transaction{}, false
}
