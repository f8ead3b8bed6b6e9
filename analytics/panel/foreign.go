package panel

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// maxChallenges bounds what is tried as left out of one task.
const maxChallenges = 8

// foreign is another task than this scorer's, of its model.
type foreign struct {
	id     ledger.Digest
	window window
	// challenges are what may end it, in the order in which they are tried. The last, which asks for no more than that it
	// be re-executed, costs the bond if nothing comes of it.
	challenges []ledger.TaskOperation
	since      time.Time
	// closed and answered are what a challenge waits for.
	closed   bool
	answered bool
	// alike: it claims the inputs of the own statement, so that whoever gives another answer than the own is wrong, or
	// the claim is. refutable: somebody did.
	alike, refutable bool
	attempt          attempt
}

func segmentKey(device string, seq uint64) string { return fmt.Sprintf("%s %d", device, seq) }

// stranger looks at a task that is none of this scorer's. More than half of the stake takes it to its end, if nobody objects: of
// a window that is under way it may leave something out, and any other window there is not, for what was recorded when
// a task opens has been read and judged.
func (b *book) stranger(t ledger.ScoringTask) {
	s := t.Statement
	if s.Model != b.model() || !b.cfg.Scorer.Partition.Holds(s.Shipment) {
		return
	}
	b.stats.Strange++
	f := &foreign{id: t.ID, window: window{s.Shipment, s.Window}}
	if r := b.windows[f.window]; r != nil && r.statement != nil {
		if f.alike = s.Inputs == r.statement.Inputs; !f.alike {
			f.challenges = b.leftOut(*r.statement, s, t.ID)
		}
	}
	b.log.Warn("another task than this scorer's", "shipment", s.Shipment, "window", s.Window, "task", t.ID.String(), "by", t.By.String(), "same_inputs", f.alike, "left_out", len(f.challenges))
	f.challenges = append(f.challenges, ledger.TaskOperation{Challenge: &ledger.ChallengeTask{Task: t.ID}})
	b.foreign.Put(t.ID.String(), f)
	trim(b.foreign, maxForeign)
}

// leftOut are the challenges that show what other leaves out of own.
func (b *book) leftOut(own, other ledger.TaskStatement, id ledger.Digest) []ledger.TaskOperation {
	var out []ledger.TaskOperation
	challenge := func(omitted ledger.Reference, at int) {
		if len(out) < maxChallenges {
			out = append(out, ledger.TaskOperation{Challenge: &ledger.ChallengeTask{Task: id, Omitted: &omitted, At: uint32(at)}}) //nolint:gosec // an index of a list of at most 512
		}
	}
	before := 0 // where what comes now in own belongs in other
	for _, ref := range own.References {
		switch ref.Kind {
		case ledger.RefSegments:
			for seq := ref.First; seq <= ref.Last && len(out) < maxChallenges; seq++ {
				i, named := places(other, ref.ID, seq)
				if named {
					before = max(before, i+1)
					continue
				}
				digest, known := b.digests.Get(segmentKey(ref.ID, seq))
				if seq == ref.Last {
					digest, known = ref.Digest, true
				}
				if known && i < len(other.References) {
					challenge(ledger.Reference{Kind: ledger.RefSegments, ID: ref.ID, First: seq, Last: seq, Digest: digest}, i)
				}
			}
		default:
			i := slices.IndexFunc(other.References, func(o ledger.Reference) bool {
				return o.Kind == ref.Kind && o.ID == ref.ID && o.First == ref.First && o.Digest == ref.Digest
			})
			switch {
			case i >= 0:
				before = max(before, i+1)
			case ref.Kind == ledger.RefEvent && len(ref.Containers) == 0 && before < len(other.References):
				challenge(ref, before)
			}
		}
	}
	return out
}

// places finds a segment among references, or the first later one of its device, before which it belongs.
func places(s ledger.TaskStatement, device string, seq uint64) (at int, named bool) {
	for i, r := range s.References {
		if r.Kind == ledger.RefSegments && r.ID == device && r.Last >= seq {
			return i, r.First <= seq
		}
	}
	return len(s.References), false
}

// step is the next challenge, once there is an answer to challenge.
func (f *foreign) step(b *book) (step, bool) {
	if !f.closed || !f.answered || f.alike && !f.refutable || len(f.challenges) == 0 {
		return step{}, false
	}
	var all []ledger.Digest
	for account, s := range b.scorers {
		if s.Active {
			all = append(all, account)
		}
	}
	plain := f.challenges[0].Challenge.Omitted == nil
	return step{
		deed: doChallenge, at: b.challenging(f.id, all, f.since, b.policies[b.inForce]), operations: f.challenges[:1],
		trial: plain && !f.alike, // else it is sure to prove something
	}, true
}

// told takes the answer to a challenge: what the ledger does not take for left out, the next may be.
func (f *foreign) told(b *book, answers []wire.Answer, err error, now time.Time) {
	f.attempt.flying = false
	refused := refusalOf(answers)
	switch {
	case err == nil && refused == nil:
		f.attempt.after = now.Add(unseen)
		return
	case errors.Is(err, errVain), err == nil && !passing(doChallenge, refused.Code):
		if refused != nil {
			b.log.Info("a challenge that the ledger does not take", "task", f.id.String(), "code", refused.Code, "message", refused.Message)
		}
		if f.challenges = f.challenges[1:]; len(f.challenges) == 0 {
			b.log.Error("another task than this scorer's holds, as far as it can be re-executed", "code", "WB_PANEL_STRANGE", "shipment", f.window.shipment, "window", f.window.number, "task", f.id.String())
			b.foreign.Remove(f.id.String())
			return
		}
	}
	f.attempt.tries++
	f.attempt.after = now.Add(min(retryFirst<<min(f.attempt.tries-1, 8), retryMost))
}
