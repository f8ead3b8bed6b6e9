package wire

import (
	"bytes"
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// ReadTransaction reads what a valid transaction recorded from the payload of its chaincode event
// (nil: it recorded nothing) and its writes, each a key with its value, in any order. It fails with
// ledger.ErrMalformed where event and writes do not belong together.
func ReadTransaction(payload []byte, writes iter.Seq2[string, []byte]) (Transaction, error) {
	var tx Transaction
	if len(payload) == 0 {
		return tx, nil
	}
	summary, err := DecodeSummary(payload)
	if err != nil {
		return tx, fmt.Errorf("summary: %w", err)
	}
	r := transactionReader{values: map[string][]byte{}}
	maps.Insert(r.values, writes)
	if err := r.pack(summary); err != nil {
		return tx, err
	}
	for _, ref := range summary.Events {
		e, err := r.event(EventKey(ref.Hash), ref)
		if err != nil {
			return tx, err
		}
		tx.Events = append(tx.Events, e)
	}
	for _, ref := range summary.Restatements {
		e, err := r.restatement(ref)
		if err != nil {
			return tx, err
		}
		tx.Restatements = append(tx.Restatements, e)
	}
	for _, ref := range summary.Segments {
		s, err := r.segment(ref)
		if err != nil {
			return tx, err
		}
		tx.Segments = append(tx.Segments, s)
	}
	for _, id := range summary.Devices {
		if err := add(&tx.Devices, r, func() (string, error) { return DeviceKey(id) }); err != nil {
			return tx, err
		}
	}
	for _, ref := range summary.Policies {
		if err := add(&tx.Policies, r, func() (string, error) { return PolicyKey(ref.ID, ref.Version) }); err != nil {
			return tx, err
		}
	}
	for _, ref := range summary.Verdicts {
		if err := add(&tx.Verdicts, r, func() (string, error) { return VerdictKey(ref.Shipment, ref.Window, ref.Model) }); err != nil {
			return tx, err
		}
	}
	for _, ref := range summary.Anchors {
		if err := add(&tx.Anchors, r, func() (string, error) { return RootKey(ref.Height, ref.MSPID) }); err != nil {
			return tx, err
		}
	}
	for _, ref := range summary.Master {
		if err := add(&tx.Master, r, ref.key); err != nil {
			return tx, err
		}
	}
	for _, ref := range summary.Elements {
		e, err := r.element(ref)
		if err != nil {
			return tx, err
		}
		tx.Elements = append(tx.Elements, e)
	}
	if err := r.governed(&tx, summary); err != nil {
		return tx, err
	}
	return tx, r.derived(&tx)
}

// key is where the datum that the reference names is written.
func (ref MasterRef) key() (string, error) {
	if len(ref.Waiting) == 0 {
		return MasterVersionKey(ref.Kind, ref.Version, ref.ID...)
	}
	if len(ref.Waiting) != len(ledger.Digest{}) {
		return "", fmt.Errorf("%w: a digest of %d bytes", ledger.ErrMalformed, len(ref.Waiting))
	}
	return WaitingKey(ref.Version, ledger.Digest(ref.Waiting)), nil
}

// transactionReader holds the writes of one transaction.
type transactionReader struct {
	values   map[string][]byte
	events   []EventEntry
	segments []SignedSegment
}

// pack decodes the transaction's pack, which holds events, vocabulary elements or segments as the summary says.
func (r *transactionReader) pack(summary Summary) error {
	holdsEvents := len(summary.Events)+len(summary.Restatements)+len(summary.Elements) > 0
	if !holdsEvents && len(summary.Segments) == 0 {
		return nil
	}
	for key, value := range r.values {
		kind, _, err := ParseKey(key)
		if err != nil || kind != KindPack {
			continue
		}
		if holdsEvents {
			r.events, err = DecodeEventBatch(value)
		} else {
			var batch SegmentBatch
			batch, err = DecodeSegmentBatch(value)
			r.segments = batch.Segments
		}
		if err != nil {
			return fmt.Errorf("pack: %w", err)
		}
		return nil
	}
	return missing("\x00" + string(KindPack) + "\x00")
}

func missing(key string) error {
	return fmt.Errorf("%w: the transaction's event names %q, which it does not write", ledger.ErrMalformed, key)
}

func (r *transactionReader) event(key string, ref EventRef) (RecordedEvent, error) {
	value, ok := r.values[key]
	if !ok {
		return RecordedEvent{}, missing(key)
	}
	record, err := Decode[ledger.EventRecord](value, MaxStoredBytes)
	if err != nil {
		return RecordedEvent{}, fmt.Errorf("event %s: %w", ref.Hash, err)
	}
	if ref.Index < 0 || ref.Index >= len(r.events) {
		return RecordedEvent{}, fmt.Errorf("%w: event %s at position %d of a pack of %d", ledger.ErrMalformed, ref.Hash, ref.Index, len(r.events))
	}
	entry := r.events[ref.Index]
	if entry.Digest() != record.BodyDigest {
		return RecordedEvent{}, fmt.Errorf("%w: the body of event %s is not the recorded one", ledger.ErrMalformed, ref.Hash)
	}
	return RecordedEvent{Hash: ref.Hash, Context: entry.Context, Body: entry.Body, Record: record}, nil
}

func (r *transactionReader) restatement(ref EventRef) (RecordedEvent, error) {
	if ref.Index < 0 || ref.Index >= len(r.events) {
		return RecordedEvent{}, fmt.Errorf("%w: restatement of %s at position %d of a pack of %d", ledger.ErrMalformed, ref.Hash, ref.Index, len(r.events))
	}
	return r.event(RestatementKey(ref.Hash, r.events[ref.Index].Digest()), ref)
}

func (r *transactionReader) element(ref ElementRef) (RecordedElement, error) {
	value, ok := r.values[ref.Key]
	if !ok {
		return RecordedElement{}, missing(ref.Key)
	}
	record, err := Decode[ledger.ElementRecord](value, MaxStoredBytes)
	if err != nil {
		return RecordedElement{}, fmt.Errorf("element %q: %w", ref.Key, err)
	}
	if record.Index < 0 || record.Index >= len(r.events) || r.events[record.Index].Digest() != record.Body {
		return RecordedElement{}, fmt.Errorf("%w: the text of element %q is not at position %d of its pack", ledger.ErrMalformed, ref.Key, record.Index)
	}
	entry := r.events[record.Index]
	return RecordedElement{Record: record, Context: entry.Context, Body: entry.Body, InForce: ref.InForce}, nil
}

func (r *transactionReader) segment(ref SegmentRef) (RecordedSegment, error) {
	key, err := SegmentKey(ref.Device, ref.Seq)
	if err != nil {
		return RecordedSegment{}, err
	}
	value, ok := r.values[key]
	if !ok {
		return RecordedSegment{}, missing(key)
	}
	record, err := Decode[ledger.SegmentRecord](value, MaxStoredBytes)
	if err != nil {
		return RecordedSegment{}, fmt.Errorf("segment %d of %s: %w", ref.Seq, ref.Device, err)
	}
	if ref.Index < 0 || ref.Index >= len(r.segments) {
		return RecordedSegment{}, fmt.Errorf("%w: segment %d of %s at position %d of a pack of %d", ledger.ErrMalformed, ref.Seq, ref.Device, ref.Index, len(r.segments))
	}
	signed := r.segments[ref.Index]
	if SegmentDigest(signed.Payload) != record.Digest {
		return RecordedSegment{}, fmt.Errorf("%w: the payload of segment %d of %s is not the recorded one", ledger.ErrMalformed, ref.Seq, ref.Device)
	}
	s, err := DecodeSegment(signed.Payload)
	if err != nil {
		return RecordedSegment{}, fmt.Errorf("segment %d of %s: %w", ref.Seq, ref.Device, err)
	}
	return RecordedSegment{Segment: s, Digest: record.Digest, Payload: signed.Payload, Signature: signed.Signature, Record: record}, nil
}

// add appends the value that the transaction wrote under a key.
func add[T message](to *[]T, r transactionReader, name func() (string, error)) error {
	key, err := name()
	if err != nil {
		return err
	}
	value, ok := r.values[key]
	if !ok {
		return missing(key)
	}
	v, err := Decode[T](value, MaxStoredBytes)
	if err != nil {
		return fmt.Errorf("%q: %w", key, err)
	}
	*to = append(*to, v)
	return nil
}

// derived reads the findings, in the order of the events that raised them, and the items, by EPC.
func (r *transactionReader) derived(tx *Transaction) error {
	order := make(map[ledger.Digest]int, len(tx.Events))
	for i, e := range tx.Events {
		order[e.Hash] = i + 1
	}
	for key, value := range r.values {
		kind, attributes, err := ParseKey(key)
		if err != nil {
			continue
		}
		switch {
		case kind == KindFinding:
			f, err := Decode[ledger.Finding](value, MaxStoredBytes)
			if err != nil {
				return fmt.Errorf("%q: %w", key, err)
			}
			if f.Change == ledger.FindingAmended || f.Change == ledger.FindingClosed {
				tx.Changes = append(tx.Changes, f)
			} else {
				tx.Findings = append(tx.Findings, f)
			}
		case kind == KindEvent && len(attributes) == 1:
			if err := withdrawn(tx, order, attributes[0], value); err != nil {
				return fmt.Errorf("%q: %w", key, err)
			}
		case kind == KindItem && len(attributes) == 1:
			s, err := DecodeItem(attributes[0], value)
			if err != nil {
				return fmt.Errorf("%q: %w", key, err)
			}
			tx.Items = append(tx.Items, s)
		}
	}
	// Findings whose event was recorded before come first.
	for _, list := range [][]ledger.Finding{tx.Findings, tx.Changes} {
		slices.SortFunc(list, func(a, b ledger.Finding) int {
			return cmp.Or(cmp.Compare(order[a.Event], order[b.Event]), bytes.Compare(a.Event[:], b.Event[:]), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Item, b.Item))
		})
	}
	slices.SortFunc(tx.Withdrawn, func(a, b ledger.Digest) int { return bytes.Compare(a[:], b[:]) })
	slices.SortFunc(tx.Items, func(a, b ledger.ItemState) int { return cmp.Compare(a.EPC, b.EPC) })
	return nil
}

// withdrawn notes an event that was recorded before and is marked as declared in error.
func withdrawn(tx *Transaction, recorded map[ledger.Digest]int, name string, value []byte) error {
	hash, err := ledger.ParseDigest(name)
	if err != nil {
		return err
	}
	if recorded[hash] != 0 {
		return nil
	}
	record, err := Decode[ledger.EventRecord](value, MaxStoredBytes)
	if err == nil && record.DeclaredInError {
		tx.Withdrawn = append(tx.Withdrawn, hash)
	}
	return err
}
