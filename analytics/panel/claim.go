package panel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// ErrNotAnchored says that what is to be proven is not under a root that more than half of the keepers anchored. A Prove
// that fails with it is asked again.
var ErrNotAnchored = errors.New("WB_PANEL_NOT_ANCHORED: not under a root that a majority anchored yet")

// Evidence is what the proof log says of facts.
type Evidence struct {
	Places []uint64 // in the log, in the order in which the facts were asked for
	Proof  []byte   // of two facts, that they are there: in the wire form, without contents
}

// Question is what a proof log is asked for.
type Question struct {
	Keys []string // of facts: wire.EventKey, wire.SegmentKey
	// Keepers are those of the network's rules, by MSP ID: the contract takes a root that more than half of them anchored.
	Keepers []string
}

// Prove asks an organisation's own proof log.
type Prove func(ctx context.Context, q Question) (Evidence, error)

// ask is Prove under the keepers of the rules in force.
type ask func(ctx context.Context, keys []string) (Evidence, error)

// places asks where facts stand in the log, of which some may be the same.
func (a ask) places(ctx context.Context, keys []string) ([]uint64, error) {
	each := slices.Compact(slices.Sorted(slices.Values(keys)))
	e, err := a(ctx, each)
	if err != nil {
		return nil, err
	}
	if len(e.Places) != len(each) {
		return nil, fmt.Errorf("the proof log gives %d places of %d facts", len(e.Places), len(each))
	}
	out := make([]uint64, len(keys))
	for i, key := range keys {
		at, _ := slices.BinarySearch(each, key)
		out[i] = e.Places[at]
	}
	return out, nil
}

// asking is how a proof log is asked now.
func (b *book) asking(prove Prove) ask {
	keepers := b.keepers
	return func(ctx context.Context, keys []string) (Evidence, error) {
		if len(keepers) == 0 {
			return Evidence{}, ErrNotAnchored // and the contract takes no root
		}
		return prove(ctx, Question{Keys: keys, Keepers: keepers})
	}
}

const (
	// maxRebuttals bounds the claims that are to be refuted; what comes beyond is left to the other scorers.
	maxRebuttals = 16_384
	// proveTime bounds one question to the proof log.
	proveTime = 10 * time.Second
)

// rebuttal is a claim that this scorer's own task leaves something out: by its own reading of the ledger a false one, which
// the proof log shows to be so.
type rebuttal struct {
	task, claimant ledger.Digest
	key            string // of what is said to be left out
	near           []neighbour
	judges         []ledger.Digest // the panel but for the claimant
	policy         uint32
	since          time.Time
	tried          bool // in vain so far for another reason than that roots are late, which was told
	attempt        attempt
}

// neighbour is a reference beside the place where something is said to be left out.
type neighbour struct {
	reference uint32
	segment   uint64 // of a span
	key       string
	// after says that what is left out comes after it, by the claim.
	after bool
}

func claimID(task, account ledger.Digest) string { return task.String() + "/" + account.String() }

// keyOf names a fact that has a place in the proof log; of a span one of its segments. Other references have none.
func keyOf(r ledger.Reference, segment uint64) (string, bool) {
	switch r.Kind {
	case ledger.RefEvent, ledger.RefElsewhere:
		return wire.EventKey(r.Digest), true
	case ledger.RefSegments:
		key, err := wire.SegmentKey(r.ID, segment)
		return key, err == nil
	default:
		return "", false
	}
}

// nearest gives the references next to the place of a claim that the proof log knows. The list is in the log's order, so
// that a claim that neither of them refutes none does.
func nearest(s ledger.TaskStatement, c ledger.Claim) (out []neighbour) {
	at := min(int(c.Before), len(s.References))
	omitted, _ := keyOf(c.Omitted, c.Omitted.First)
	put := func(i int, segment uint64, after bool) bool {
		if s.References[i].Kind != ledger.RefSegments {
			segment = 0
		}
		key, ok := keyOf(s.References[i], segment)
		ok = ok && key != omitted // the list may name the event for what it did with a logger
		if ok {
			out = append(out, neighbour{reference: uint32(i), segment: segment, key: key, after: after}) //nolint:gosec // an index of a list of at most 512
		}
		return ok
	}
	if c.Segment > 0 {
		put(at, c.Segment-1, true)
		put(at, c.Segment, false)
		return out
	}
	first := true
	for i := at - 1; i >= 0 && first; i-- {
		first = !put(i, s.References[i].Last, true)
	}
	for i := at; i < len(s.References); i++ {
		if !put(i, s.References[i].First, false) {
			continue
		}
		if first && s.Begins > 0 && !c.Since && c.Omitted.Kind == ledger.RefEvent {
			put(i, s.References[i].First, true) // no event of an earlier journey belongs to this one
		}
		break
	}
	return out
}

// claimed takes a claim as it was made, or as it was refuted.
func (b *book) claimed(c ledger.Claim, now time.Time) {
	refuted := c.Refuted != nil
	switch {
	case c.Account == b.account && refuted:
		b.stats.ClaimsLost++
		b.log.Error("a claim of this account was refuted", "code", "WB_PANEL_CLAIM_LOST", "task", c.Task.String(), "by", c.Refuted.Account.String())
	case c.Account == b.account:
		b.stats.Claims++
	}
	if refuted && c.Refuted.Account == b.account {
		b.stats.Refuted++
	}
	id := claimID(c.Task, c.Account)
	if refuted {
		b.rebuttals.Remove(id)
	}
	if f, ok := b.foreign.Get(c.Task.String()); ok {
		f.claimed(b, c, now)
	}
	r := b.rounds[c.Task]
	if r == nil {
		return
	}
	if i := slices.IndexFunc(r.view.Claims, func(o ledger.Claim) bool { return o.Account == c.Account }); i >= 0 {
		r.view.Claims[i] = c
	} else {
		r.view.Claims = append(r.view.Claims, c)
	}
	r.since = now
	r.changed()
	if !refuted && c.Account != b.account {
		b.rebut(r, c, now)
	}
}

// rebut takes a false claim up.
func (b *book) rebut(r *round, c ledger.Claim, now time.Time) {
	b.log.Warn("a task is said to leave something out that does not belong there", "code", "WB_PANEL_FALSE_CLAIM", "shipment", r.window.shipment, "window", r.window.number,
		"task", c.Task.String(), "by", c.Account.String(), "before", c.Before)
	key, located := keyOf(c.Omitted, c.Omitted.First)
	if b.cfg.Prove == nil || r.statement == nil || !located || b.rebuttals.Len() >= maxRebuttals {
		return
	}
	n := &rebuttal{task: c.Task, claimant: c.Account, key: key, near: nearest(*r.statement, c), policy: r.view.Task.Policy, since: now}
	for _, seat := range r.view.Task.Panel {
		if seat.Account != c.Account {
			n.judges = append(n.judges, seat.Account)
		}
	}
	b.rebuttals.Put(claimID(c.Task, c.Account), n)
}

// step is refuting the claim, in turn.
func (n *rebuttal) step(b *book) step {
	return step{deed: doRefute, at: b.pressing(n.task, doRefute, n.judges, n.since, b.policies[n.policy]), find: n.find}
}

// find asks the proof log for the reference that what is claimed stands on the wrong side of.
func (n *rebuttal) find(ctx context.Context, prove ask) ([]ledger.TaskOperation, error) {
	waits := errVain
	for _, o := range n.near {
		if o.key == n.key {
			continue
		}
		e, err := prove(ctx, []string{n.key, o.key})
		switch {
		case err != nil:
			waits = err
		case len(e.Places) != 2:
			waits = fmt.Errorf("the proof log gives %d places of 2 facts", len(e.Places))
		case e.Places[0] < e.Places[1] == o.after:
			return []ledger.TaskOperation{{Refute: &ledger.RefuteClaim{
				Task: n.task, Account: n.claimant, Reference: o.reference, Segment: o.segment, Proof: e.Proof,
			}}}, nil
		}
	}
	return nil, waits
}

// told takes what became of refuting.
func (n *rebuttal) told(b *book, answers []wire.Answer, err error, now time.Time) {
	a := &n.attempt
	a.flying = false
	refused := refusalOf(answers)
	switch {
	case err == nil && refused == nil:
		a.tries, a.after = 0, now.Add(unseen)
		return
	case errors.Is(err, errVain):
		b.log.Error("the proof log does not refute a claim against this scorer's own reading of the ledger", "code", "WB_PANEL_CLAIM_STANDS", "task", n.task.String(), "by", n.claimant.String())
		b.rebuttals.Remove(claimID(n.task, n.claimant))
		return
	case err != nil && !errors.Is(err, ErrNotAnchored) && !n.tried:
		n.tried = true
		b.log.Warn("a false claim is not refuted yet", "task", n.task.String(), "by", n.claimant.String(), "error", err)
	case err == nil && !passing(doRefute, refused.Code):
		b.stats.Refused++
		b.log.Warn("the ledger does not take a refutation", "task", n.task.String(), "by", n.claimant.String(), "code", refused.Code, "message", refused.Message)
	}
	a.tries++
	a.after = now.Add(min(retryFirst<<min(a.tries-1, 8), retryMost))
}

// standing gives until when claims stand that nobody has refuted; zero: there are none.
func standing(claims []ledger.Claim) (until time.Time) {
	for _, c := range claims {
		if c.Refuted == nil {
			until = later(until, stamp(c.RefuteBy))
		}
	}
	return until
}

func (n *rebuttal) code(c *canon.Coder) {
	c.Raw(n.task[:])
	c.Raw(n.claimant[:])
	canon.String(c, &n.key, maxSavedPart)
	canon.Slice(c, &n.near, maxNear, func(c *canon.Coder, o *neighbour) {
		canon.Uint(c, &o.reference)
		canon.Uint(c, &o.segment)
		canon.String(c, &o.key, maxSavedPart)
		c.Bool(&o.after)
	})
	canon.Slice(c, &n.judges, ledger.MaxScorers, codeDigest)
	canon.Uint(c, &n.policy)
}

const maxNear = 4

func codeDigest(c *canon.Coder, d *ledger.Digest) { c.Raw(d[:]) }
