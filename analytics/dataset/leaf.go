package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/transparency-dev/merkle/compact"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// The kinds of leaves. Events and segments are the data; the others are what else of the ledger decides
// how journeys are read and which are accepted.
const (
	leafEvent       = 1 // wire.RecordedEvent
	leafRestatement = 2 // wire.RecordedEvent
	leafWithdrawn   = 3 // hash of an event that its recorder declared in error
	leafSegment     = 4 // wire.StoredSegment: what the device signed
	leafPolicy      = 5 // ledger.Policy
	leafFinding     = 6 // ledger.Finding that was raised
	leafChange      = 7 // ledger.Finding that was amended or closed
	leafPlacement   = 8 // an item and the container that it is in
	leafVerdict     = 9 // ledger.Verdict, which says whether a journey was accepted where nothing is final
	// leafFinal is a ledger.FinalVerdict, which says it where one is; leafGoverned the number of a version of the scoring policy
	// that came in force, from when on nothing else says it.
	leafFinal    = 10
	leafGoverned = 11
)

// subject is what a leaf is about, by which a query chooses.
type subject struct {
	event     ledger.Digest
	segment   ledger.Digest
	shipments []string
	always    bool
}

// leaf is the canonical bytes of one record: the leaf version, its kind, its block, and the encoding in
// which the ledger shares it.
type leaf struct {
	kind    byte
	bytes   []byte
	subject subject
}

const leafVersion = 1

func newLeaf[T ledger.Policy | ledger.Finding | ledger.Verdict | ledger.FinalVerdict | wire.RecordedEvent | wire.StoredSegment](kind byte, block uint64, v T, about subject) (leaf, error) {
	value, err := wire.Encode(v)
	if err != nil {
		return leaf{}, fmt.Errorf("dataset: %w", err)
	}
	return rawLeaf(kind, block, value, about), nil
}

func rawLeaf(kind byte, block uint64, value []byte, about subject) leaf {
	b := make([]byte, 0, len(value)+2+binary.MaxVarintLen64)
	b = binary.AppendUvarint(append(b, leafVersion, kind), block)
	return leaf{kind: kind, bytes: append(b, value...), subject: about}
}

// leavesOf gives the leaves of a transaction, in the order of the kinds and within one in the ledger's.
// With detail they say which items an event names.
func leavesOf(block uint64, tx *wire.Transaction, detail bool) ([]leaf, error) {
	var out []leaf
	var failed error
	keep := func(l leaf, err error) {
		if err != nil && failed == nil {
			failed = err
		}
		out = append(out, l)
	}
	for _, e := range tx.Events {
		keep(newLeaf(leafEvent, block, e, aboutEvent(&e, detail)))
	}
	for _, e := range tx.Restatements {
		keep(newLeaf(leafRestatement, block, e, aboutEvent(&e, detail)))
	}
	for _, hash := range tx.Withdrawn {
		keep(rawLeaf(leafWithdrawn, block, hash[:], subject{event: hash}), nil)
	}
	for _, s := range tx.Segments {
		stored := wire.StoredSegment{Signed: wire.SignedSegment{Payload: s.Payload, Signature: s.Signature}, Record: s.Record}
		keep(newLeaf(leafSegment, block, stored, subject{segment: s.Digest}))
	}
	for _, p := range tx.Policies {
		keep(newLeaf(leafPolicy, block, p, subject{always: true}))
	}
	for _, f := range tx.Findings {
		keep(newLeaf(leafFinding, block, f, subject{event: f.Event, shipments: []string{f.Item}}))
	}
	for _, f := range tx.Changes {
		keep(newLeaf(leafChange, block, f, subject{event: f.Event, shipments: []string{f.Item}}))
	}
	for _, i := range tx.Items {
		if i.Container != "" {
			value := binary.AppendUvarint(nil, uint64(len(i.EPC)))
			value = append(append(value, i.EPC...), i.Container...)
			keep(rawLeaf(leafPlacement, block, value, subject{shipments: []string{i.EPC, i.Container}}), nil)
		}
	}
	for _, v := range tx.Verdicts {
		keep(newLeaf(leafVerdict, block, v, subject{shipments: []string{v.Shipment}}))
	}
	for _, f := range tx.Scoring.Finals {
		keep(newLeaf(leafFinal, block, f, subject{shipments: []string{f.Shipment}}))
	}
	for _, p := range tx.Scoring.Policies {
		keep(rawLeaf(leafGoverned, block, binary.AppendUvarint(nil, uint64(p.Version)), subject{always: true}), nil)
	}
	return out, failed
}

// aboutEvent is what an event is about. One that cannot be parsed is not of this contract, and about
// nothing but itself.
func aboutEvent(e *wire.RecordedEvent, detail bool) subject {
	s := subject{event: e.Hash}
	if !detail {
		return s
	}
	parsed, err := epcis.ParseEvent(e.Context, e.Body)
	if err != nil {
		return s
	}
	for _, item := range parsed.Items() {
		if !item.Class {
			s.shipments = append(s.shipments, item.Canonical)
		}
	}
	return s
}

// summed is a leaf that has been hashed.
type summed struct {
	kind    byte
	size    int
	hash    [sha256.Size]byte
	subject subject
}

// sum hashes a leaf as RFC 6962 section 2.1 does.
func (l leaf) sum() summed {
	h := sha256.New()
	h.Write([]byte{0})
	h.Write(l.bytes)
	s := summed{kind: l.kind, size: len(l.bytes), subject: l.subject}
	h.Sum(s.hash[:0])
	return s
}

// tree is the right edge of the Merkle tree over the leaves so far.
type tree struct {
	edge     *compact.Range
	events   uint64
	segments uint64
	bytes    uint64
}

func newTree() *tree {
	factory := compact.RangeFactory{Hash: func(left, right []byte) []byte {
		h := sha256.New()
		h.Write([]byte{1})
		h.Write(left)
		h.Write(right)
		return h.Sum(nil)
	}}
	return &tree{edge: factory.NewEmptyRange(0)}
}

func (t *tree) add(s summed) error {
	if t.edge.End() >= maxLeaves {
		return fmt.Errorf("%w: more than %d records", ErrRange, maxLeaves)
	}
	switch s.kind {
	case leafEvent:
		t.events++
	case leafSegment:
		t.segments++
	}
	t.bytes += uint64(s.size) //nolint:gosec // a length
	return t.edge.Append(s.hash[:], nil)
}

func (t *tree) root() (ledger.Digest, error) {
	if t.edge.End() == 0 {
		return sha256.Sum256(nil), nil
	}
	root, err := t.edge.GetRootHash(nil)
	if err != nil {
		return ledger.Digest{}, fmt.Errorf("dataset: %w", err)
	}
	return ledger.Digest(root), nil
}
