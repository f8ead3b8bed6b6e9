package state

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// A Repository is a ledger.ScoringLedger.
var _ ledger.ScoringLedger = (*Repository)(nil)

// storedTask is a type of scoring by several organisations that lies under a key as it is.
type storedTask interface {
	ledger.Scorer | ledger.ScoringTask | ledger.Commitment | ledger.Closing | ledger.Reveal | ledger.Provisional |
		ledger.Settlement | ledger.FinalVerdict | ledger.Inspection | ledger.ScoringPolicy | ledger.Claim
}

// ScoringPolicy gives the scoring policy in force, nil if none is.
func (r *Repository) ScoringPolicy() (*ledger.ScoringPolicy, error) {
	return load[ledger.ScoringPolicy](r, wire.ScoringPolicyKey())
}

// ScoringPolicyVersion gives a version of the scoring policy, nil if it never came in force.
func (r *Repository) ScoringPolicyVersion(version uint32) (*ledger.ScoringPolicy, error) {
	return load[ledger.ScoringPolicy](r, wire.ScoringPolicyVersionKey(version))
}

// PutScoringPolicy puts a version of the scoring policy in force.
func (r *Repository) PutScoringPolicy(p ledger.ScoringPolicy) error {
	if err := store(r, wire.ScoringPolicyVersionKey(p.Version), p); err != nil {
		return err
	}
	return replace(r, wire.ScoringPolicyKey(), p)
}

// PutScorer writes that an account scores, or does no longer.
func (r *Repository) PutScorer(s ledger.Scorer) error {
	return replace(r, wire.ScorerKey(s.Account), s)
}

// FinalVerdict gives what stands for a window, nil if nothing does.
func (r *Repository) FinalVerdict(shipment string, window uint32, model string) (*ledger.FinalVerdict, error) {
	return named[ledger.FinalVerdict](r, func() (string, error) { return wire.FinalKey(shipment, window, model) })
}

// Inspection gives what an inspection said of a task, nil if none did.
func (r *Repository) Inspection(task ledger.Digest) (*ledger.Inspection, error) {
	return load[ledger.Inspection](r, wire.InspectionKey(task))
}

// Task gives a task with all that was done to it; one that was not opened is empty. It reads the keys of the panel's
// seats and no range.
func (r *Repository) Task(id ledger.Digest) (ledger.TaskView, error) {
	v, err := r.task(id, func(ledger.Seat) bool { return true })
	if err != nil || v.Closing == nil {
		return v, err // claims come after the closing
	}
	keys := make([]string, len(v.Task.Panel))
	for i, seat := range v.Task.Panel {
		keys[i] = wire.ClaimKey(id, seat.Account)
	}
	if err = r.Prefetch(keys); err != nil {
		return v, err
	}
	for _, seat := range v.Task.Panel {
		if err = r.claim(&v, id, seat.Account); err != nil {
			return v, err
		}
	}
	return v, nil
}

// Statement gives what a task asks, nil if it was not opened.
func (r *Repository) Statement(id ledger.Digest) (*ledger.TaskStatement, error) {
	task, err := load[ledger.ScoringTask](r, wire.TaskKey(id))
	if err != nil || task == nil {
		return nil, err
	}
	return &task.Statement, nil
}

// TaskClaim gives a task with what one scorer claims of it, and nothing else that was done to it.
func (r *Repository) TaskClaim(id, account ledger.Digest) (ledger.TaskView, error) {
	var v ledger.TaskView
	if err := r.Prefetch([]string{wire.TaskKey(id), wire.ClaimKey(id, account)}); err != nil {
		return v, err
	}
	task, err := load[ledger.ScoringTask](r, wire.TaskKey(id))
	if err != nil || task == nil {
		return v, err
	}
	v.Task = *task
	return v, r.claim(&v, id, account)
}

// claim adds what a scorer claims of a task.
func (r *Repository) claim(v *ledger.TaskView, id, account ledger.Digest) error {
	claim, err := load[ledger.Claim](r, wire.ClaimKey(id, account))
	if err == nil && claim != nil {
		v.Claims = append(v.Claims, *claim)
	}
	return err
}

// TaskPart gives a task with what one scorer did to it, so that the transactions of two scorers do not meet.
func (r *Repository) TaskPart(id, account ledger.Digest) (ledger.TaskView, error) {
	return r.task(id, func(s ledger.Seat) bool { return s.Account == account })
}

func (r *Repository) task(id ledger.Digest, wanted func(ledger.Seat) bool) (ledger.TaskView, error) {
	var v ledger.TaskView
	single := []string{wire.TaskKey(id), wire.ClosingKey(id), wire.ProvisionalKey(id), wire.SettledKey(id)}
	if err := r.Prefetch(single); err != nil {
		return v, err
	}
	task, err := load[ledger.ScoringTask](r, single[0])
	if err != nil || task == nil {
		return v, err
	}
	v.Task = *task
	if v.Closing, err = load[ledger.Closing](r, single[1]); err != nil {
		return v, err
	}
	if v.Provisional, err = load[ledger.Provisional](r, single[2]); err != nil {
		return v, err
	}
	if v.Settlement, err = load[ledger.Settlement](r, single[3]); err != nil {
		return v, err
	}
	var keys []string
	seats := slices.DeleteFunc(slices.Clone(task.Panel), func(s ledger.Seat) bool { return !wanted(s) })
	for _, seat := range seats {
		keys = append(keys, wire.CommitKey(id, seat.Account), wire.RevealKey(id, seat.Account))
	}
	if err = r.Prefetch(keys); err != nil {
		return v, err
	}
	for _, seat := range seats {
		commitment, err := load[ledger.Commitment](r, wire.CommitKey(id, seat.Account))
		if err != nil {
			return v, err
		}
		if commitment != nil {
			v.Commitments = append(v.Commitments, *commitment)
		}
		reveal, err := load[ledger.Reveal](r, wire.RevealKey(id, seat.Account))
		if err != nil {
			return v, err
		}
		if reveal != nil {
			v.Reveals = append(v.Reveals, *reveal)
		}
	}
	return v, nil
}

// ApplyTask writes what a decision on a task changed, but for credits and the verdict.
func (r *Repository) ApplyTask(d ledger.TaskDecision) error {
	if d.Scorer != nil {
		if err := r.PutScorer(*d.Scorer); err != nil {
			return err
		}
		if d.Scorer.Instead != nil {
			r.keys.delete(wire.ScorerKey(d.Scorer.Instead.Account))
		}
	}
	if d.Provisional != nil {
		// What the referee finds takes the place of what most said.
		if err := replace(r, wire.ProvisionalKey(d.Provisional.Task), *d.Provisional); err != nil {
			return err
		}
	}
	if c := d.Claim; c != nil && !c.Open() {
		if err := replace(r, wire.ClaimKey(c.Task, c.Account), *c); err != nil {
			return err
		}
		d.Claim = nil
	}
	if d.Final != nil {
		f := *d.Final
		if err := create(r, f, func() (string, error) { return wire.FinalKey(f.Shipment, f.Window, f.Model) }); err != nil {
			return err
		}
	}
	return first(
		fact(r, d.Task, func(t ledger.ScoringTask) string { return wire.TaskKey(t.ID) }),
		fact(r, d.Commitment, func(c ledger.Commitment) string { return wire.CommitKey(c.Task, c.Account) }),
		fact(r, d.Closing, func(c ledger.Closing) string { return wire.ClosingKey(c.Task) }),
		fact(r, d.Reveal, func(v ledger.Reveal) string { return wire.RevealKey(v.Task, v.Account) }),
		fact(r, d.Settlement, func(s ledger.Settlement) string { return wire.SettledKey(s.Task) }),
		fact(r, d.Claim, func(c ledger.Claim) string { return wire.ClaimKey(c.Task, c.Account) }),
		fact(r, d.Inspection, func(i ledger.Inspection) string { return wire.InspectionKey(i.Task) }),
	)
}

// fact writes what is not nil, once.
func fact[T storedTask](r *Repository, v *T, key func(T) string) error {
	if v == nil {
		return nil
	}
	name := key(*v)
	if before, err := r.keys.get(name); err != nil {
		return err
	} else if before != nil {
		return fmt.Errorf("%w: %q", ErrExists, name)
	}
	return store(r, name, *v)
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// Packs reads recorded texts and readings back, of a list whose packs may hold far more than there is room for: one pack at a
// time is decoded, once, and what the list names is kept of it, up to a bound in all.
type Packs struct {
	r        *Repository
	left     int
	asked    map[string][]int // positions in a transaction's pack that the list names
	entries  map[place]wire.EventEntry
	segments map[place]wire.SignedSegment
}

// place is a position in the pack of a transaction.
type place struct {
	txID  string
	index int
}

// NewPacks reads what references name, of at most so many bytes in all. It reads their records, and packs as they are asked for.
func NewPacks(r *Repository, references []ledger.Reference, limit int) (*Packs, error) {
	p := &Packs{r: r, left: limit, asked: map[string][]int{}, entries: map[place]wire.EventEntry{}, segments: map[place]wire.SignedSegment{}}
	// Findings are given with the list: who reads them meets whoever closes one.
	keys, err := wire.ReferenceKeys(slices.DeleteFunc(slices.Clone(references), func(r ledger.Reference) bool { return r.Finding != nil }))
	if err != nil {
		return nil, err
	}
	if err = r.Prefetch(keys); err != nil {
		return nil, err
	}
	for _, ref := range references {
		switch ref.Kind {
		case ledger.RefEvent, ledger.RefWithdrawn, ledger.RefElsewhere:
			record, err := r.Event(ref.Digest)
			if err != nil {
				return nil, err
			}
			if record != nil {
				p.ask(record.TxID, record.Index)
			}
		case ledger.RefSegments:
			for seq := ref.First; seq <= ref.Last; seq++ {
				record, err := r.Segment(ref.ID, seq)
				if err != nil {
					return nil, err
				}
				if record != nil {
					p.ask(record.TxID, record.Index)
				}
			}
		case ledger.RefPolicy, ledger.RefFinding, ledger.RefClosed:
		}
	}
	return p, nil
}

func (p *Packs) ask(txID string, index int) {
	if !slices.Contains(p.asked[txID], index) {
		p.asked[txID] = append(p.asked[txID], index)
	}
}

// take accounts for bytes that are to be kept, before they are.
func (p *Packs) take(n int) error {
	if n > p.left {
		return fmt.Errorf("%w: the list is of more bytes than may be read back", ledger.ErrTooLarge)
	}
	p.left -= n
	return nil
}

// entry gives an event's entry, and reads its pack for all that the list names there.
func (p *Packs) entry(at place) (wire.EventEntry, bool, error) {
	if entry, ok := p.entries[at]; ok {
		return entry, true, nil
	}
	value, key, err := packFrom(at.txID, p.r.keys.pass)
	if err != nil {
		return wire.EventEntry{}, false, err
	}
	all, err := wire.DecodeEventBatch(value)
	if err != nil {
		return wire.EventEntry{}, false, damaged(key, err)
	}
	p.ask(at.txID, at.index)
	for _, index := range p.asked[at.txID] {
		if index < 0 || index >= len(all) {
			continue
		}
		entry := all[index]
		if err = p.take(len(entry.Context) + len(entry.Body)); err != nil {
			return wire.EventEntry{}, false, err
		}
		p.entries[place{at.txID, index}] = wire.EventEntry{Context: bytes.Clone(entry.Context), Body: bytes.Clone(entry.Body)}
	}
	entry, ok := p.entries[at]
	return entry, ok, nil
}

// segment gives a segment as it was signed, and reads its pack for all that the list names there.
func (p *Packs) segment(at place) (wire.SignedSegment, bool, error) {
	if segment, ok := p.segments[at]; ok {
		return segment, true, nil
	}
	value, key, err := packFrom(at.txID, p.r.keys.pass)
	if err != nil {
		return wire.SignedSegment{}, false, err
	}
	batch, err := wire.DecodeSegmentBatch(value)
	if err != nil {
		return wire.SignedSegment{}, false, damaged(key, err)
	}
	p.ask(at.txID, at.index)
	for _, index := range p.asked[at.txID] {
		if index < 0 || index >= len(batch.Segments) {
			continue
		}
		s := batch.Segments[index]
		if err = p.take(len(s.Payload) + len(s.Signature)); err != nil {
			return wire.SignedSegment{}, false, err
		}
		p.segments[place{at.txID, index}] = wire.SignedSegment{Payload: bytes.Clone(s.Payload), Signature: bytes.Clone(s.Signature)}
	}
	segment, ok := p.segments[at]
	return segment, ok, nil
}

// RecordedEvent gives an event with its text.
func (p *Packs) RecordedEvent(hash ledger.Digest) (wire.RecordedEvent, error) {
	record, err := p.r.Event(hash)
	if err != nil {
		return wire.RecordedEvent{}, err
	}
	if record == nil {
		return wire.RecordedEvent{}, fmt.Errorf("%w: event %s", ledger.ErrUnknown, hash)
	}
	entry, ok, err := p.entry(place{record.TxID, record.Index})
	if err != nil {
		return wire.RecordedEvent{}, err
	}
	if !ok || entry.Digest() != record.BodyDigest {
		return wire.RecordedEvent{}, fmt.Errorf("the text of event %s is damaged", hash)
	}
	return wire.RecordedEvent{Hash: hash, Context: entry.Context, Body: entry.Body, Record: *record}, nil
}

// RecordedSegment gives a segment with its readings.
func (p *Packs) RecordedSegment(device string, seq uint64) (wire.RecordedSegment, error) {
	record, err := p.r.Segment(device, seq)
	if err != nil {
		return wire.RecordedSegment{}, err
	}
	if record == nil {
		return wire.RecordedSegment{}, fmt.Errorf("%w: segment %d of %s", ledger.ErrUnknown, seq, device)
	}
	signed, ok, err := p.segment(place{record.TxID, record.Index})
	if err != nil {
		return wire.RecordedSegment{}, err
	}
	if !ok || wire.SegmentDigest(signed.Payload) != record.Digest {
		return wire.RecordedSegment{}, fmt.Errorf("the payload of segment %d of %s is damaged", seq, device)
	}
	segment, err := wire.DecodeSegment(signed.Payload)
	if err != nil {
		return wire.RecordedSegment{}, fmt.Errorf("the payload of segment %d of %s is damaged: %s", seq, device, ledger.ErrorText(err))
	}
	return wire.RecordedSegment{Segment: segment, Digest: record.Digest, Payload: signed.Payload, Signature: signed.Signature, Record: *record}, nil
}

// RecordedPolicy gives a version of a policy.
func (p *Packs) RecordedPolicy(id string, version uint32) (ledger.Policy, error) {
	policy, err := p.r.Policy(id, version)
	if err == nil && policy == nil {
		err = fmt.Errorf("%w: policy %s/%d", ledger.ErrUnknown, id, version)
	}
	if err != nil {
		return ledger.Policy{}, err
	}
	return *policy, nil
}
