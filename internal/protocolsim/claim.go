package protocolsim

import (
	"errors"
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// anchorEvery is how long at most a root of the proof log waits to be anchored: seconds, and a fourth of the time that a
// claim can be refuted in for sure.
func (w *World) anchorEvery() ledger.Millis {
	return min(5_000, (w.Policy.ChallengeFor-2*w.Policy.ClockSkew())/4)
}

// claim is the operation that says of a decoy that a task leaves it out. What it is to prove beside a scorer brings (accusation).
func (d Decoy) claim(task ledger.Digest) ledger.TaskOperation {
	return ledger.TaskOperation{Challenge: &ledger.ChallengeTask{Task: task, Omitted: &d.Event, At: d.At, Late: d.Late}}
}

// accusation is the claim of a decoy with what it is to prove, which may be false.
func (g *game) accusation(d Decoy) (ledger.TaskOperation, error) {
	op := d.claim(g.id)
	if !d.Since {
		return op, nil
	}
	if g.task.Statement.Begins == 0 {
		op.Challenge.Since = []byte{1} // there is nothing to prove
		return op, nil
	}
	var err error
	op.Challenge.Since, err = g.w.sinceFormer(g.task.Statement, d.Event)
	return op, err
}

// keysOf are the keys of the leaves that a reference has in the proof log: that of an event, one for each segment.
func keysOf(r ledger.Reference) (keys []string, err error) {
	switch r.Kind {
	case ledger.RefEvent, ledger.RefElsewhere:
		return []string{wire.EventKey(r.Digest)}, nil
	case ledger.RefSegments:
		for seq := r.First; seq <= r.Last && err == nil; seq++ {
			var key string
			key, err = wire.SegmentKey(r.ID, seq)
			keys = append(keys, key)
		}
	default:
	}
	return keys, err
}

// located is where a part of a reference stands in the proof log.
type located struct {
	reference, segment int
	key                string
	position           int
}

// locate finds what of a statement has leaves, in the order of the list.
func (w *World) locate(s ledger.TaskStatement) ([]located, error) {
	var out []located
	for i, ref := range s.References {
		keys, err := keysOf(ref)
		if err != nil {
			return nil, err
		}
		for k, key := range keys {
			if position := w.history.position(key); position >= 0 {
				out = append(out, located{reference: i, segment: int(ref.First) + k, key: key, position: position}) //nolint:gosec // of a few
			}
		}
	}
	return out, nil
}

// Refutation is the operation that refutes a claim with the proof log; nil if the log shows nothing against the claim. It
// fails with ErrNotAnchored where the keepers' roots do not cover it.
func (w *World) Refutation(s ledger.TaskStatement, c ledger.Claim) (*ledger.RefuteClaim, error) {
	all, err := w.refutations(s, c)
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		if !r.shows {
			continue
		}
		r.operation.Proof, err = w.Prove(r.keys...)
		return &r.operation, err
	}
	return nil, nil
}

// attempt is a refutation without its proof, and whether the log's order makes it one.
type attempt struct {
	operation ledger.RefuteClaim
	keys      []string
	shows     bool
}

// refutations lists one attempt for each part of a task's list.
func (w *World) refutations(s ledger.TaskStatement, c ledger.Claim) ([]attempt, error) {
	keys, err := keysOf(c.Omitted)
	if err != nil {
		return nil, err
	}
	omitted := w.history.position(keys[0])
	list, err := w.locate(s)
	var out []attempt
	for i, at := range list {
		after := at.reference < int(c.Before) || at.reference == int(c.Before) && at.segment < int(c.Segment) //nolint:gosec // of a few
		begins := s.Begins > 0 && !c.Since && c.Omitted.Kind == ledger.RefEvent && i == 0
		out = append(out, attempt{
			operation: ledger.RefuteClaim{Task: c.Task, Account: c.Account, Reference: uint32(at.reference), Segment: uint64(at.segment)}, //nolint:gosec // of a few
			keys:      []string{keys[0], at.key},
			shows:     (after || begins) && omitted < at.position || !after && omitted > at.position,
		})
	}
	return out, err
}

// Misplaced shows with the proof log that a list is not in ledger order; nil if it is.
func (w *World) Misplaced(s ledger.TaskStatement) (*ledger.Misplaced, error) {
	list, err := w.locate(s)
	if err != nil {
		return nil, err
	}
	for i, first := range list {
		for _, second := range list[i+1:] {
			if first.reference < second.reference && first.position > second.position {
				file, err := w.Prove(first.key, second.key)
				return &ledger.Misplaced{
					First: uint32(first.reference), FirstSegment: uint64(first.segment), Second: uint32(second.reference), SecondSegment: uint64(second.segment), Proof: file, //nolint:gosec // of a few
				}, err
			}
		}
	}
	return nil, nil
}

// standing are a task's claims that nobody has refuted.
func standing(v ledger.TaskView) []ledger.Claim {
	return slices.DeleteFunc(slices.Clone(v.Claims), func(c ledger.Claim) bool { return !c.Open() })
}

// refute has a player refute the claims that stand and are false, as soon as keepers have anchored the log. Where too few
// do, they stand.
func (g *game) refute(who string) error {
	view, err := g.w.View(g.id)
	if err != nil || len(standing(view)) == 0 {
		return err
	}
	if err = g.anchor(); err != nil {
		return err
	}
	for _, c := range standing(view) {
		op, err := g.w.Refutation(view.Task.Statement, c)
		if errors.Is(err, ErrNotAnchored) {
			return nil
		}
		if err != nil {
			return err
		}
		if op == nil {
			continue
		}
		if err = g.must(who, ledger.TaskOperation{Refute: op}); err != nil {
			return fmt.Errorf("a false claim is not refuted: %w", err)
		}
	}
	return nil
}

// anchor waits until those keepers who do so have anchored the log. The others anchor each
// a root of its own, which is not the log's.
func (g *game) anchor() error {
	g.w.Advance(g.w.anchorEvery())
	root, err := g.w.Root()
	if err == nil {
		err = g.w.AnchorRoot(root, g.w.anchoring...)
	}
	for _, k := range Keepers() {
		root.Hash[0]++
		if err == nil && !slices.Contains(g.w.anchoring, k) {
			err = g.w.AnchorRoot(root, k)
		}
	}
	return err
}
