// Package servertest stands in for what lies behind the API in tests: a ledger in memory that takes
// its decisions with the rules of chaincode/ledger and gives its blocks to a read model, and
// certificates like those of a network. Only tests import it.
package servertest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/submit"
)

// MSPID is the organisation that a Ledger records for.
const MSPID = "ProducerMSP"

// Ledger is a ledger in memory. Each call that records something makes one transaction in one block.
type Ledger struct {
	// Now is the transactions' time.
	Now ledger.Millis
	// Before, if set, is called before a call is taken; its error is the answer of every input.
	Before func(ctx context.Context, kind submit.Kind) error
	// After, if set, is called when a call's transaction is in its block; its error takes the place
	// of every answer, as when a connection breaks before the answer comes.
	After func(kind submit.Kind) error

	mu           sync.Mutex
	grown        chan struct{}
	blocks       []readmodel.Block
	events       map[ledger.Digest]ledger.EventRecord
	restatements map[[2]ledger.Digest]ledger.EventRecord
	ids          map[string]ledger.Digest
	items        map[string]ledger.ItemState
	findings     map[ledger.Naming]ledger.Finding
	registered   map[string]ledger.MasterDatum
	statements   map[statement]ledger.ElementRecord
	devices      map[string]ledger.Device
	segments     map[string]map[uint64]ledger.SegmentRecord
	policies     map[string]map[uint32]ledger.Policy
	products     map[string]string
}

// NewLedger makes a ledger that holds its first block and nothing else.
func NewLedger() *Ledger {
	l := &Ledger{
		Now: ledger.MillisOf(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), grown: make(chan struct{}),
		events: map[ledger.Digest]ledger.EventRecord{}, restatements: map[[2]ledger.Digest]ledger.EventRecord{}, ids: map[string]ledger.Digest{},
		items: map[string]ledger.ItemState{}, findings: map[ledger.Naming]ledger.Finding{}, registered: map[string]ledger.MasterDatum{}, statements: map[statement]ledger.ElementRecord{},
		devices: map[string]ledger.Device{}, segments: map[string]map[uint64]ledger.SegmentRecord{},
		policies: map[string]map[uint32]ledger.Policy{}, products: map[string]string{},
	}
	l.append(nil)
	return l
}

// append adds a block; the lock is held, or the ledger not yet shared.
func (l *Ledger) append(transactions []readmodel.Recorded) uint64 {
	b := readmodel.Block{Number: uint64(len(l.blocks)), Transactions: transactions}
	if n := len(l.blocks); n > 0 {
		b.Previous = l.blocks[n-1].Hash
	}
	b.Hash = sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, b.Number), b.Previous[:]...))
	l.blocks = append(l.blocks, b)
	close(l.grown)
	l.grown = make(chan struct{})
	return b.Number
}

func (l *Ledger) tx() ledger.Tx {
	return ledger.Tx{ID: fmt.Sprintf("tx%d", len(l.blocks)), Time: l.Now, Actor: ledger.Actor{MSPID: MSPID, Subject: "service"}}
}

// commit puts what a transaction recorded into a block and completes the outcomes.
func (l *Ledger) commit(tx ledger.Tx, content wire.Transaction, outcomes []submit.Outcome) {
	var block uint64
	wrote := false
	for _, o := range outcomes {
		wrote = wrote || o.Wrote()
	}
	if wrote {
		block = l.append([]readmodel.Recorded{{TxID: tx.ID, MSPID: MSPID, At: tx.Time, Transaction: content}})
	}
	for i := range outcomes {
		if o := &outcomes[i]; o.RecordedIn != "" {
			o.TxID = o.RecordedIn
		} else if o.Wrote() {
			o.TxID, o.Block = tx.ID, block
		}
	}
}

func refusal(err error) submit.Outcome {
	return submit.Outcome{Answer: wire.Answer{Status: ledger.StatusRefused, Code: ledger.Code(err), Message: err.Error()}}
}

// call runs one call on the ledger, as its hooks let it.
func (l *Ledger) call(ctx context.Context, kind submit.Kind, inputs int, do func() []submit.Outcome) ([]submit.Outcome, error) {
	failed := func(err error) ([]submit.Outcome, error) {
		outcomes := make([]submit.Outcome, inputs)
		for i := range outcomes {
			outcomes[i].Err = err
		}
		return outcomes, err
	}
	if err := ctx.Err(); err != nil {
		return failed(err)
	}
	if l.Before != nil {
		if err := l.Before(ctx, kind); err != nil {
			return failed(err)
		}
	}
	l.mu.Lock()
	outcomes := do()
	l.mu.Unlock()
	if l.After != nil {
		if err := l.After(kind); err != nil {
			return failed(err)
		}
	}
	return outcomes, ctx.Err()
}

// Events records events.
func (l *Ledger) Events(ctx context.Context, events []submit.Event) ([]submit.Outcome, error) {
	return l.call(ctx, submit.KindEvent, len(events), func() []submit.Outcome {
		tx := l.tx()
		var content wire.Transaction
		outcomes := make([]submit.Outcome, len(events))
		changed := map[string]bool{}
		for i, e := range events {
			outcomes[i] = l.event(tx, e, i, &content, changed)
		}
		for epc := range changed {
			content.Items = append(content.Items, l.items[epc])
		}
		l.commit(tx, content, outcomes)
		return outcomes
	})
}

func (l *Ledger) event(tx ledger.Tx, e submit.Event, position int, content *wire.Transaction, changed map[string]bool) submit.Outcome {
	within, err := epcis.ParseContext(e.Context)
	if err != nil {
		return refusal(err)
	}
	in, err := ledger.ReadEvent(within, e.Context, e.Body)
	if err != nil {
		return refusal(err)
	}
	var view ledger.EventView
	if r, ok := l.events[in.Hash]; ok {
		view.Recorded = &r
	}
	if r, ok := l.restatements[[2]ledger.Digest{in.Hash, in.Body}]; ok {
		view.Restated = &r
	}
	if bearer, ok := l.ids[in.Claims]; ok {
		view.Bearer = &bearer
	}
	d, err := ledger.DecideEvent(in, view, tx, position)
	if err != nil {
		return refusal(err)
	}
	answer := wire.Answer{Status: d.Status, Digest: in.Hash, Restatement: d.Restatement, RecordedIn: d.RecordedIn}
	if d.RecordedIn != "" {
		return submit.Outcome{Answer: answer}
	}
	if d.ClaimsID {
		l.ids[in.Claims] = in.Hash
	}
	recorded := wire.RecordedEvent{Hash: in.Hash, Context: e.Context, Body: e.Body, Record: d.Record}
	if d.Restatement {
		l.restatements[[2]ledger.Digest{in.Hash, in.Body}] = d.Record
		content.Restatements = append(content.Restatements, recorded)
		return submit.Outcome{Answer: answer}
	}
	l.events[in.Hash] = d.Record
	content.Events = append(content.Events, recorded)
	if in.Mismatch {
		answer.Findings = append(answer.Findings, ledger.MismatchFinding(in))
	}
	for _, part := range in.Items {
		state := l.items[part.EPC]
		state.EPC = part.EPC
		state = state.Apply(in, part.Role, tx)
		now, err := state.Judge(ledger.Rulebook{}, shelf{l}, tx.Time)
		if err != nil {
			return refusal(err)
		}
		docket := state.Docket(now, func(ledger.Digest) bool { return false })
		found, open, err := docket.Settle(func(ref ledger.FindingRef) (*ledger.Finding, error) {
			if f, ok := l.findings[ledger.Naming{Event: ref.Event, Code: ref.Code, Item: part.EPC}]; ok {
				return &f, nil
			}
			return nil, nil //nolint:nilnil // what was never raised is no error
		}, in.Hash, tx)
		if err != nil {
			return refusal(err)
		}
		state.Open = state.InSight(open)
		l.items[part.EPC] = state
		changed[part.EPC] = true
		for _, f := range found {
			l.findings[f.Naming()] = f
			if f.Change == ledger.FindingRaised {
				answer.Findings = append(answer.Findings, f)
			} else {
				content.Changes = append(content.Changes, f)
			}
		}
	}
	content.Findings = append(content.Findings, answer.Findings...)
	return submit.Outcome{Answer: answer}
}

// shelf is what the rules ask of a ledger on which no master data is registered.
type shelf struct{ l *Ledger }

func (shelf) Place(string) (*ledger.MasterDatum, error) { return nil, nil } //nolint:nilnil // none is registered
func (shelf) Lane(_, _ string) (*ledger.Lane, error)    { return nil, nil } //nolint:nilnil // none is registered

func (s shelf) Item(epc string) (ledger.ItemState, error) {
	state := s.l.items[epc]
	state.EPC = epc
	return state, nil
}

// Devices registers devices.
func (l *Ledger) Devices(ctx context.Context, devices []ledger.Device) ([]submit.Outcome, error) {
	return l.call(ctx, submit.KindDevice, len(devices), func() []submit.Outcome {
		tx := l.tx()
		var content wire.Transaction
		outcomes := make([]submit.Outcome, len(devices))
		for i, d := range devices {
			var known *ledger.Device
			if k, ok := l.devices[d.ID]; ok {
				known = &k
			}
			err := ledger.CheckDevice(d)
			var status ledger.Status
			if err == nil {
				d, status, err = ledger.DecideDevice(d, known, tx)
			}
			if err != nil {
				outcomes[i] = refusal(err)
				continue
			}
			outcomes[i].Answer = wire.Answer{Status: status, Digest: d.Digest()}
			if status == ledger.StatusDuplicate {
				outcomes[i].RecordedIn = d.TxID
				continue
			}
			l.devices[d.ID] = d
			content.Devices = append(content.Devices, d)
		}
		l.commit(tx, content, outcomes)
		return outcomes
	})
}

// Segments records segments.
func (l *Ledger) Segments(ctx context.Context, segments []submit.Segment) ([]submit.Outcome, error) {
	return l.call(ctx, submit.KindSegment, len(segments), func() []submit.Outcome {
		tx := l.tx()
		var content wire.Transaction
		outcomes := make([]submit.Outcome, len(segments))
		for i, g := range segments {
			outcomes[i] = l.segment(tx, g.SignedSegment, i, &content)
		}
		l.commit(tx, content, outcomes)
		return outcomes
	})
}

func (l *Ledger) segment(tx ledger.Tx, g wire.SignedSegment, position int, content *wire.Transaction) submit.Outcome {
	decoded, err := wire.DecodeSegment(g.Payload)
	if err != nil {
		return refusal(err)
	}
	var device *ledger.Device
	if d, ok := l.devices[decoded.Device]; ok {
		device = &d
	}
	if err = ledger.CheckSender(decoded.Device, device, g.Payload, g.Signature, tx); err != nil {
		return refusal(err)
	}
	if l.segments[decoded.Device] == nil {
		l.segments[decoded.Device] = map[uint64]ledger.SegmentRecord{}
	}
	of := l.segments[decoded.Device]
	var view ledger.SegmentView
	if r, ok := of[decoded.Seq]; ok {
		view.Recorded = &r
	}
	if r, ok := of[decoded.Seq-1]; ok && decoded.Seq > 0 {
		view.Previous = &r
	}
	record, status, err := ledger.DecideSegment(ledger.SegmentInput{Segment: decoded, Digest: wire.SegmentDigest(g.Payload)}, view, tx, position)
	if err != nil {
		return refusal(err)
	}
	o := submit.Outcome{Answer: wire.Answer{Status: status, Digest: record.Digest}}
	if status == ledger.StatusDuplicate {
		o.RecordedIn = record.TxID
		return o
	}
	of[decoded.Seq] = record
	content.Segments = append(content.Segments, wire.RecordedSegment{
		Segment: decoded, Digest: record.Digest, Payload: g.Payload, Signature: g.Signature, Record: record,
	})
	return o
}

// Policies sets policies.
func (l *Ledger) Policies(ctx context.Context, policies []ledger.Policy) ([]submit.Outcome, error) {
	return l.call(ctx, submit.KindPolicy, len(policies), func() []submit.Outcome {
		tx := l.tx()
		var content wire.Transaction
		outcomes := make([]submit.Outcome, len(policies))
		for i, p := range policies {
			outcomes[i] = l.policy(tx, p, &content)
		}
		l.commit(tx, content, outcomes)
		return outcomes
	})
}

func (l *Ledger) policy(tx ledger.Tx, p ledger.Policy, content *wire.Transaction) submit.Outcome {
	if err := ledger.CheckPolicy(p); err != nil {
		return refusal(err)
	}
	versions := l.policies[p.ID]
	view := ledger.PolicyView{Owner: func(product string) (string, error) { return l.products[product], nil }}
	if r, ok := versions[p.Version]; ok {
		view.Recorded = &r
	}
	if r, ok := versions[p.Version-1]; ok {
		view.Previous = &r
	}
	d, err := ledger.DecidePolicy(p, view, tx)
	if err != nil {
		return refusal(err)
	}
	o := submit.Outcome{Answer: wire.Answer{Status: d.Status}}
	if d.Status == ledger.StatusDuplicate {
		o.RecordedIn = d.Policy.TxID
		return o
	}
	if versions == nil {
		versions = map[uint32]ledger.Policy{}
		l.policies[p.ID] = versions
	}
	versions[p.Version] = d.Policy
	for _, product := range d.Release {
		delete(l.products, product)
	}
	for _, product := range d.Take {
		l.products[product] = p.ID
	}
	content.Policies = append(content.Policies, d.Policy)
	return o
}

// RecordVerdicts puts verdicts into a block of their own, unchecked, and gives its number.
func (l *Ledger) RecordVerdicts(verdicts ...ledger.Verdict) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	tx := l.tx()
	for i := range verdicts {
		verdicts[i].Scorer, verdicts[i].TxID, verdicts[i].At = MSPID, tx.ID, tx.Time
	}
	return l.append([]readmodel.Recorded{{TxID: tx.ID, MSPID: MSPID, At: tx.Time, Transaction: wire.Transaction{Verdicts: verdicts}}})
}

// Height is the number of blocks.
func (l *Ledger) Height(context.Context) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.blocks)), nil
}

// Blocks yields the blocks from a number on and waits for further ones.
func (l *Ledger) Blocks(ctx context.Context, from uint64) iter.Seq2[readmodel.Block, error] {
	return func(yield func(readmodel.Block, error) bool) {
		for n := from; ; n++ {
			b, ok := l.wait(ctx, n)
			if !ok {
				yield(readmodel.Block{}, ctx.Err())
				return
			}
			if !yield(b, nil) {
				return
			}
		}
	}
}

func (l *Ledger) wait(ctx context.Context, n uint64) (readmodel.Block, bool) {
	for {
		l.mu.Lock()
		if uint64(len(l.blocks)) > n {
			b := l.blocks[n]
			l.mu.Unlock()
			return b, true
		}
		grown := l.grown
		l.mu.Unlock()
		select {
		case <-grown:
		case <-ctx.Done():
			return readmodel.Block{}, false
		}
	}
}
