// Package referee re-executes a scoring task: from what a task refers to on the ledger to the verdict that the scoring
// engine gives on it, bit for bit. The chaincode settles challenges with it; scorers and auditors run it too. It is
// pure: what is recorded reaches it through the Source. It may import ledger, wire, analytics/feature and
// analytics/score; no clock, no randomness, no Fabric.
package referee

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"

	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Source gives what is recorded. An error that is a refusal of the ledger says that it is not recorded so.
type Source interface {
	// RecordedEvent gives an event with its text.
	RecordedEvent(hash ledger.Digest) (wire.RecordedEvent, error)
	// RecordedSegment gives a segment with its readings.
	RecordedSegment(device string, seq uint64) (wire.RecordedSegment, error)
	// RecordedPolicy gives a version of a policy.
	RecordedPolicy(id string, version uint32) (ledger.Policy, error)
}

// Judge replays what the task refers to, in its order, through the tracker and the engine, and gives the verdict on
// the task's window. The ruling has a fault where the window does not close with the last reference. Of the ruling's
// answer the verdict's digest is set too.
func Judge(m *score.Model, s ledger.TaskStatement, source Source) (ledger.Ruling, error) {
	r := replay{model: m, shipment: s.Shipment, window: s.Begins, tracker: feature.NewReplay(limits(), s.Shipment)}
	opened := len(s.References)
	for i, ref := range s.References {
		last := i == len(s.References)-1
		verdicts, err := r.reference(ref, source)
		if r.engine != nil {
			opened = min(opened, i)
		}
		if err != nil {
			if ledger.Code(err) != ledger.CodeInternal {
				return ledger.Ruling{Fault: err.Error(), Blame: ledger.Code(err) != ledger.CodeTooLarge, Opened: opened}, nil
			}
			return ledger.Ruling{}, err
		}
		if !last {
			continue
		}
		// What was recorded last may close several windows: a binding brings segments that waited for it.
		closed := slices.IndexFunc(verdicts, func(v ledger.Verdict) bool { return v.Window == s.Window })
		if closed < 0 {
			return ledger.Ruling{Fault: fmt.Sprintf("window %d of the shipment does not close with the last reference", s.Window), Blame: true, Opened: opened}, nil
		}
		if r.journeys > 1 {
			// Who counts windows from an earlier journey on could leave out of that what makes the number right.
			return ledger.Ruling{Fault: "the references tell of more journeys than one", Blame: true, Opened: opened}, nil
		}
		verdict := verdicts[closed]
		digest, err := wire.VerdictDigest(verdict)
		if err != nil {
			return ledger.Ruling{}, err
		}
		return ledger.Ruling{Answer: ledger.AnswerOf(verdict, digest), Inputs: verdict.Inputs, Verdict: verdict, Opened: opened}, nil
	}
	return ledger.Ruling{Fault: "no reference", Blame: true}, nil
}

// limits are wide enough for all that one task can refer to, and what a claim says that it leaves out. Twice the loggers that
// a scorer knows are those that a list of its own names, and what others put into theirs.
func limits() feature.Limits {
	l := feature.DefaultLimits()
	l.EarlyReadings = ledger.MaxClaimReadings
	l.Devices *= 2
	l.Containers = 1 << 20
	return l
}

type replay struct {
	model    *score.Model
	shipment string
	window   uint32
	tracker  *feature.Tracker
	engine   *score.Engine
	journeys int // begun
}

// reference observes what one reference names and gives the verdicts that its last part made due.
func (r *replay) reference(ref ledger.Reference, source Source) ([]ledger.Verdict, error) {
	var tx wire.Transaction
	for _, c := range ref.Containers {
		tx.Items = append(tx.Items, ledger.ItemState{EPC: c.Item, Container: c.Container})
	}
	switch ref.Kind {
	case ledger.RefPolicy:
		p, err := source.RecordedPolicy(ref.ID, uint32(ref.First)) //nolint:gosec // ledger.CheckTask held it to 32 bits
		if err != nil {
			return nil, err
		}
		tx.Policies = []ledger.Policy{p}
	case ledger.RefEvent, ledger.RefWithdrawn:
		e, err := source.RecordedEvent(ref.Digest)
		if err != nil {
			return nil, err
		}
		if ref.Kind == ledger.RefWithdrawn {
			tx.Restatements, tx.Withdrawn = []wire.RecordedEvent{e}, []ledger.Digest{e.Hash}
		} else {
			tx.Events = []wire.RecordedEvent{e}
		}
	case ledger.RefFinding:
		tx.Findings = []ledger.Finding{*ref.Finding}
	case ledger.RefClosed:
		tx.Changes = []ledger.Finding{*ref.Finding}
	case ledger.RefElsewhere:
		e, err := source.RecordedEvent(ref.Digest)
		if err != nil {
			return nil, err
		}
		steps, err := r.tracker.Elsewhere(ref, e)
		if err != nil {
			return nil, err
		}
		return r.take(steps), nil
	case ledger.RefSegments:
		var verdicts []ledger.Verdict
		for seq := ref.First; seq <= ref.Last; seq++ {
			segment, err := source.RecordedSegment(ref.ID, seq)
			if err != nil {
				return nil, err
			}
			verdicts = r.apply(wire.Transaction{Segments: []wire.RecordedSegment{segment}})
		}
		return verdicts, nil
	default:
		return nil, fmt.Errorf("%w: a reference of kind %d", ledger.ErrSchema, ref.Kind)
	}
	return r.apply(tx), nil
}

// apply observes a part of a transaction and gives the verdicts that it made due.
func (r *replay) apply(tx wire.Transaction) []ledger.Verdict {
	return r.take(r.tracker.Apply(0, tx))
}

func (r *replay) take(steps []feature.Step) []ledger.Verdict {
	var due []ledger.Verdict
	for _, step := range steps {
		if step.Shipment != r.shipment {
			continue
		}
		switch step.Kind {
		case feature.StepOpen:
			r.journeys++
			r.engine = score.New(r.model, r.shipment, r.window)
		case feature.StepRetire:
			if r.engine != nil {
				r.window = r.engine.Window()
			}
			r.engine = nil
		case feature.StepInput:
			if r.engine != nil {
				// An input that the engine refuses changes nothing but its digests, here as at the scorers.
				_ = r.engine.Observe(step.Input)
			}
		case feature.StepJudge:
			if r.engine != nil && r.engine.Due(step.Final, step.Forced) {
				due = append(due, r.engine.Judge(step.Final))
			}
		}
	}
	return due
}

// Models keeps models that were parsed, by the digest of their artefact, a few at a time: parsing one costs more than
// most tasks. It is for concurrent use. It asks for the artefact each time, so that what it holds shapes no read of it.
type Models struct {
	mu     sync.Mutex
	models []*score.Model // the latest used last
}

const maxModels = 4

// Get gives the model of an artefact that has a digest.
func (c *Models) Get(digest ledger.Digest, artefact []byte) (*score.Model, error) {
	if found := ledger.Digest(sha256.Sum256(artefact)); found != digest {
		return nil, fmt.Errorf("%w: its digest is %s, not %s", ledger.ErrArtefact, found, digest)
	}
	if m := c.kept(digest); m != nil {
		return m, nil
	}
	m, err := score.ParseModel(artefact)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ledger.ErrArtefact, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.models) == maxModels {
		c.models = c.models[1:]
	}
	c.models = append(c.models, m)
	return m, nil
}

func (c *Models) kept(digest ledger.Digest) *score.Model {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, m := range c.models {
		if m.Digest() == digest {
			c.models = append(append(c.models[:i:i], c.models[i+1:]...), m)
			return m
		}
	}
	return nil
}
