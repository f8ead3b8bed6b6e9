package panel

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

const (
	// maxChallenges bounds what is tried as left out of one task.
	maxChallenges = 8
	// maxBetween bounds what a task lists beside the place of what it leaves out.
	maxBetween = 64
	// maxListed bounds the references of others' tasks whose order is to be examined.
	maxListed = 1 << 16
	// unansweredQuarters of the time to challenge is how long the proof log has to tell the order of a list.
	unansweredQuarters = 2
)

// foreign is another task than this scorer's, of its model.
type foreign struct {
	id     ledger.Digest
	window window
	policy uint32
	// seated says that this scorer is of its panel, and may claim and settle.
	seated bool
	// challenges are what may end it, in the order in which they are tried: claims that it leaves something out, of which a
	// scorer makes one, then that it be re-executed, which costs the bond if nothing comes of it.
	challenges []accusation
	// listed are those of its references that the proof log knows, while their order is to be examined; empty: it need not be,
	// or cannot.
	listed []place
	// former is, in the proof log, the end of the container's journey before, where that is known and the list may begin before it.
	former string
	// skipped are the events that stand before that and that the journey was found not to begin with.
	skipped int
	// doubted: the own list does not vouch for the order of this one, nor has the proof log yet. What is claimed of a list in
	// another order than the ledger's can be refuted by what else is wrong with it.
	doubted bool
	since   time.Time
	// closed and answered are what a challenge waits for.
	closed   bool
	answered bool
	// alike: it claims the inputs of the own statement, so that whoever gives another answer than the own is wrong, or
	// the claim is. refutable: somebody did.
	alike, refutable bool
	// claims are those that this scorer holds to be true and nobody has refuted.
	claims   []vouched
	attempts [deeds]attempt
}

// place is an event, or a segment of a span, in a list.
type place struct {
	reference uint32
	segment   uint64
	inside    bool // it is not the first of its span
	// names is 0 of what is no event, 2 of one of the shipment's container itself, 1 of one that tells of what is in it too.
	names uint32
	key   string
}

// accusation is a challenge.
type accusation struct {
	ledger.TaskOperation

	// between is what the task lists, and the own list does not, right before the place of what is left out; key names that.
	// Where among them it belongs the proof log says.
	between []place
	key     string
	// begins says that what is claimed before all of the list is to be shown to come after former, the end of the container's journey
	// before; late, that it is of that journey.
	begins bool
	late   bool
	former string
}

// omits is what is said to be left out, nil if nothing is.
func (a accusation) omits() *ledger.Reference { return a.Challenge.Omitted }

// vouched is a claim that this scorer holds to be true, and until when it may be refuted.
type vouched struct {
	account ledger.Digest
	until   time.Time
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
	f := &foreign{id: t.ID, window: window{s.Shipment, s.Window}, policy: t.Policy}
	_, f.seated = t.Seat(b.account)
	var own *ledger.TaskStatement
	if r := b.windows[f.window]; r != nil {
		own = r.statement
	}
	if own != nil {
		if f.alike = s.Inputs == own.Inputs; !f.alike && f.seated {
			f.challenges = b.leftOut(*own, s, t.ID)
		}
	}
	former := b.former(s)
	if a, ok := b.late(s, t.ID, former); ok && f.seated {
		f.challenges = append(f.challenges[:min(len(f.challenges), maxChallenges-1)], a)
	}
	f.challenges = append(f.challenges, accusation{TaskOperation: ledger.TaskOperation{Challenge: &ledger.ChallengeTask{Task: t.ID}}})
	f.listed = doubted(s, own)
	if former != "" && begunOtherwise(s, own) {
		f.listed, f.former = places(s), former
	}
	f.doubted = len(f.listed) > 0
	if b.cfg.Prove == nil || b.listed+len(f.listed) > maxListed {
		f.unexamined()
	}
	b.log.Warn("another task than this scorer's", "shipment", s.Shipment, "window", s.Window, "task", t.ID.String(), "by", t.By.String(), "same_inputs", f.alike,
		"left_out", len(f.challenges)-1, "order_doubted", f.doubted)
	b.forget(f.id)
	b.foreign.Put(t.ID.String(), f)
	b.listed += len(f.listed)
	for b.foreign.Len() > maxForeign {
		b.forget(b.leastForeign())
	}
}

// unexamined gives the order up that the proof log was to be asked for: where that is in doubt nothing is claimed.
func (f *foreign) unexamined() {
	f.listed = nil
	if f.doubted {
		f.challenges = slices.DeleteFunc(f.challenges, func(a accusation) bool { return !plain(a) })
	}
}

// forget drops a task of others.
func (b *book) forget(task ledger.Digest) {
	if f, ok := b.foreign.Get(task.String()); ok {
		b.listed -= len(f.listed)
		b.foreign.Remove(task.String())
	}
}

// leastForeign is the task of others that is dropped first where there are too many: the oldest of those that are not
// closed, which need no stake behind them, else the oldest.
func (b *book) leastForeign() (task ledger.Digest) {
	first := true
	for _, f := range b.foreign.All {
		if !f.closed {
			return f.id
		}
		if first {
			task, first = f.id, false
		}
	}
	return task
}

// doubted gives the places in a list whose order is to be asked of the proof log: two where the own list has them the other
// way round, all where the own list does not have all, none where the order is the own one.
func doubted(other ledger.TaskStatement, own *ledger.TaskStatement) []place {
	all := places(other)
	if own == nil {
		return several(all)
	}
	before, at, last := -1, place{}, map[int]uint64{}
	for _, p := range all {
		r := other.References[p.reference]
		i := slices.IndexFunc(own.References, func(o ledger.Reference) bool {
			if o.Kind != r.Kind || o.ID != r.ID {
				return false
			}
			if o.Kind == ledger.RefSegments {
				return o.First <= p.segment && p.segment <= o.Last
			}
			return o.Digest == r.Digest && o.First == r.First
		})
		switch {
		case i < 0:
			return several(all)
		case i < before, i == before && p.segment < last[i]:
			return []place{at, p}
		}
		before, at, last[i] = i, p, p.segment
	}
	return nil
}

// places are those of a list that the proof log knows, of a span its ends.
func places(s ledger.TaskStatement) (all []place) {
	for i, r := range s.References {
		ends := []uint64{0}
		if r.Kind == ledger.RefSegments {
			ends = slices.Compact([]uint64{r.First, r.Last})
		}
		for _, seq := range ends {
			if key, ok := keyOf(r, seq); ok {
				all = append(all, place{reference: uint32(i), segment: seq, names: names(r), key: key})
			}
		}
	}
	return all
}

// begunOtherwise reports whether a list of a later journey may begin in the one before: the own one does not vouch for all its
// events, or has the journey begin with another window.
func begunOtherwise(other ledger.TaskStatement, own *ledger.TaskStatement) bool {
	return other.Begins > 0 && slices.ContainsFunc(other.References, func(r ledger.Reference) bool {
		return names(r) > 0 && (own == nil || own.Begins != other.Begins || !slices.ContainsFunc(own.References, func(o ledger.Reference) bool {
			return names(o) > 0 && o.Digest == r.Digest
		}))
	})
}

// several gives places of which at least two may be in a wrong order.
func several(all []place) []place {
	if len(all) < 2 {
		return nil
	}
	return all
}

// item is an event, a segment of a device, or what an event did with a device.
type item struct {
	event  ledger.Digest
	device string
	seq    uint64
}

// located yields what a list names that has a place in the proof log, in the list's order: each with its reference and
// that alone.
func located(s ledger.TaskStatement) iter.Seq2[item, place] {
	return func(yield func(item, place) bool) {
		for i, r := range s.References {
			at := place{reference: uint32(i)}
			switch r.Kind {
			case ledger.RefEvent:
				if !yield(item{event: r.Digest}, at) {
					return
				}
			case ledger.RefElsewhere:
				if !yield(item{event: r.Digest, device: r.ID, seq: r.First}, at) {
					return
				}
			case ledger.RefSegments:
				for at.segment = r.First; at.segment <= r.Last; at.segment++ {
					at.inside = at.segment > r.First
					if !yield(item{device: r.ID, seq: at.segment}, at) {
						return
					}
				}
			default:
			}
		}
	}
}

// leftOut are the claims that show what other leaves out of own. A claim says exactly where that belongs, or the proof log
// refutes it.
func (b *book) leftOut(own, other ledger.TaskStatement, id ledger.Digest) []accusation {
	named, order := map[item]int{}, []place(nil) // in other
	for what, at := range located(other) {
		named[what] = len(order)
		order = append(order, at)
	}
	var out []accusation
	var waiting []ledger.Reference // for what comes next in both
	last, former := -1, b.former(other)
	for what, at := range located(own) {
		i, both := named[what]
		if !both {
			if r, ok := b.omission(own.References[at.reference], what); ok && len(out)+len(waiting) < maxChallenges {
				waiting = append(waiting, r)
			}
			continue
		}
		if i > last {
			for _, r := range waiting {
				if a, ok := b.accuse(id, r, other, order[last+1:i+1], last < 0, former); ok {
					out = append(out, a)
				}
			}
		}
		waiting, last = nil, i
	}
	return out
}

// accuse makes a claim that something is left out right before the last of some places, or the others, which only the proof
// log tells. first says that the list has nothing before those: of an event that opens a journey that is not the container's first
// it is to be shown that it came after former, the end of the one before.
func (b *book) accuse(id ledger.Digest, omitted ledger.Reference, other ledger.TaskStatement, places []place, first bool, former string) (accusation, bool) {
	next, between := places[len(places)-1], slices.Clone(places[:len(places)-1])
	a := accusation{TaskOperation: ledger.TaskOperation{Challenge: next.before(id, omitted)}, between: between}
	if a.begins = first && other.Begins > 0 && omitted.Kind == ledger.RefEvent; a.begins {
		a.former = former
	}
	if !a.asks() {
		return a, true
	}
	ok := b.cfg.Prove != nil && len(between) <= maxBetween && (len(between) > 0 || former != "")
	for i := range between {
		if ok {
			between[i].key, ok = keyOf(other.References[between[i].reference], between[i].segment)
		}
	}
	if ok {
		a.key, ok = keyOf(omitted, omitted.First)
	}
	return a, ok
}

// asks reports whether the proof log is to be asked before the challenge is made.
func (a accusation) asks() bool { return len(a.between) > 0 || a.begins }

// before claims that something is left out right before a place.
func (p place) before(task ledger.Digest, omitted ledger.Reference) *ledger.ChallengeTask {
	c := &ledger.ChallengeTask{Task: task, Omitted: &omitted, At: p.reference}
	if p.inside {
		c.Segment = p.segment
	}
	return c
}

// find asks the proof log where among other things what is left out belongs, and whether it came after the journey before.
func (a accusation) find(ctx context.Context, prove ask) ([]ledger.TaskOperation, error) {
	claim, first := *a.Challenge, len(a.between) == 0
	if !first {
		keys := []string{a.key}
		for _, p := range a.between {
			keys = append(keys, p.key)
		}
		places, err := prove.places(ctx, keys)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(places[1:], func(at uint64) bool { return places[0] < at })
		switch {
		case i >= 0:
			claim, first = *a.between[i].before(claim.Task, *a.omits()), i == 0
		case a.late:
			return nil, errVain // the journey had begun
		}
	}
	if a.late || a.begins && first {
		var err error
		if claim.Since, err = a.since(ctx, prove); err != nil {
			return nil, err
		}
		claim.Late = a.late
	}
	return []ledger.TaskOperation{{Challenge: &claim}}, nil
}

// since shows that what is left out came after the journey before.
func (a accusation) since(ctx context.Context, prove ask) ([]byte, error) {
	if a.former == "" || a.former == a.key {
		return nil, errVain
	}
	e, err := prove(ctx, []string{a.former, a.key})
	switch {
	case err != nil:
		return nil, err
	case len(e.Places) != 2:
		return nil, fmt.Errorf("the proof log gives %d places of 2 facts", len(e.Places))
	case e.Places[0] >= e.Places[1]:
		return nil, errVain // it is of that journey
	}
	return e.Proof, nil
}

// omission names what may be claimed to be left out: a segment whose digest is known, or an event of which no containers
// need be told.
func (b *book) omission(r ledger.Reference, what item) (ledger.Reference, bool) {
	switch r.Kind {
	case ledger.RefEvent:
		return r, len(r.Containers) == 0
	case ledger.RefElsewhere:
		return r, false // the contract takes no such claim
	default:
	}
	digest, known := b.digests.Get(segmentKey(what.device, what.seq))
	if what.seq == r.Last {
		digest, known = r.Digest, true
	}
	return ledger.Reference{Kind: ledger.RefSegments, ID: what.device, First: what.seq, Last: what.seq, Digest: digest}, known
}

// steps are what the task asks of this scorer, once there is an answer to challenge.
func (f *foreign) steps(b *book) []step {
	if !f.closed || !f.answered {
		return nil
	}
	var all []ledger.Digest
	for account, s := range b.scorers {
		if s.Active {
			all = append(all, account)
		}
	}
	var out []step
	policy := b.policies[f.policy]
	if len(f.listed) > 0 {
		out = append(out, step{deed: doOrder, at: b.pressing(f.id, doOrder, all, f.since, policy), find: f.misplaced})
	}
	if len(f.claims) > 0 {
		if f.seated {
			from := slices.MinFunc(f.claims, func(x, y vouched) int { return x.until.Compare(y.until) }).until
			out = append(out, step{deed: doSettle, at: b.turn(f.id, doSettle, all, from), operations: []ledger.TaskOperation{{Settle: &ledger.SettleTask{Task: f.id}}}})
		}
		return out
	}
	if len(f.challenges) == 0 || f.alike && !f.refutable {
		return out
	}
	a, from := f.challenges[0], f.since
	if !plain(a) && f.doubted {
		// What is proven of the order ends the task, and a claim that was made of it would be refuted. If the proof log
		// does not answer in time, what is left is that the task be re-executed.
		if a, from = f.challenges[len(f.challenges)-1], f.since.Add(pressed(policy, unansweredQuarters)); !plain(a) {
			return out
		}
	}
	s := step{
		deed: doChallenge, at: b.pressing(f.id, doChallenge, all, from, policy), operations: []ledger.TaskOperation{a.TaskOperation},
		trial: plain(a) && !f.alike, // else it is sure to prove something
	}
	if a.asks() {
		s.find = a.find
	}
	return append(out, s)
}

// alike reports whether both name the same segment or event, or nothing.
func alike(a, b *ledger.Reference) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Kind == b.Kind && a.ID == b.ID && a.First == b.First && a.Digest == b.Digest
}

// plain reports whether a challenge asks for no more than that a task be re-executed.
func plain(a accusation) bool { return a.omits() == nil }

// misplaced asks the proof log whether what the task lists stands in that order, and after the journey before.
func (f *foreign) misplaced(ctx context.Context, prove ask) ([]ledger.TaskOperation, error) {
	keys := make([]string, 0, len(f.listed)+1)
	for _, p := range f.listed {
		keys = append(keys, p.key)
	}
	if f.former != "" {
		keys = append(keys, f.former)
	}
	places, err := prove.places(ctx, keys)
	if err != nil {
		return nil, err
	}
	for i := 1; i < len(f.listed); i++ {
		if places[i-1] <= places[i] {
			continue
		}
		e, err := prove(ctx, []string{keys[i-1], keys[i]})
		if err != nil {
			return nil, err
		}
		first, second := f.listed[i-1], f.listed[i]
		return []ledger.TaskOperation{{Challenge: &ledger.ChallengeTask{Task: f.id, Order: &ledger.Misplaced{
			First: first.reference, FirstSegment: first.segment, Second: second.reference, SecondSegment: second.segment, Proof: e.Proof,
		}}}}, nil
	}
	if f.former == "" {
		return nil, errVain
	}
	skip := f.skipped
	for _, names := range []uint32{2, 1} {
		for i, p := range f.listed {
			if p.names != names || places[i] > places[len(f.listed)] {
				continue
			}
			if skip--; skip < 0 {
				return f.overlaps(ctx, prove, p)
			}
		}
	}
	return nil, errVain
}

// overlaps says that the list begins the journey with an event that stands before the end of the journey before.
func (f *foreign) overlaps(ctx context.Context, prove ask, p place) ([]ledger.TaskOperation, error) {
	order := ledger.Misplaced{First: p.reference, Former: true}
	if p.key != f.former {
		e, err := prove(ctx, []string{p.key, f.former})
		if err != nil {
			return nil, err
		}
		order.Proof = e.Proof
	}
	return []ledger.TaskOperation{{Challenge: &ledger.ChallengeTask{Task: f.id, Order: &order}}}, nil
}

// claimed takes a claim that the task leaves something out. One that this scorer would have made stands in its place.
func (f *foreign) claimed(b *book, c ledger.Claim, now time.Time) {
	own := c.Account == b.account
	holds := own || slices.ContainsFunc(f.challenges, func(a accusation) bool {
		return len(a.between) == 0 && a.late == c.Late && alike(a.omits(), &c.Omitted) && a.Challenge.At == c.Before && a.Challenge.Segment == c.Segment
	})
	f.claims = slices.DeleteFunc(f.claims, func(v vouched) bool { return v.account == c.Account })
	if holds && c.Refuted == nil {
		f.claims = append(f.claims, vouched{c.Account, stamp(c.RefuteBy)})
	}
	if own { // there is one a task and account
		f.challenges = slices.DeleteFunc(f.challenges, func(a accusation) bool { return !plain(a) })
	}
	f.since = now
}

// ruled notes that the task was re-executed: it is not asked again, what it leaves out may still be claimed.
func (f *foreign) ruled(b *book) {
	f.challenges = slices.DeleteFunc(f.challenges, plain)
	f.spent(b)
}

// spent forgets the task if nothing is left to be done about it, and reports whether it is.
func (f *foreign) spent(b *book) bool {
	if len(f.challenges) > 0 || len(f.claims) > 0 || len(f.listed) > 0 {
		return false
	}
	b.forget(f.id)
	return true
}

// told takes the answer to a deed: what the ledger does not take for left out, the next may be.
func (f *foreign) told(b *book, e errand, answers []wire.Answer, err error, now time.Time) {
	a := &f.attempts[e.deed]
	a.flying = false
	refused := refusalOf(answers)
	vain := errors.Is(err, errVain) || err == nil && refused != nil && !passing(e.deed, refused.Code)
	switch {
	case err == nil && refused == nil:
		a.after = now.Add(unseen)
		return
	case vain && e.deed != doSettle:
		if refused != nil {
			b.log.Info("a challenge that the ledger does not take", "task", f.id.String(), "operation", e.deed.String(), "code", refused.Code, "message", refused.Message)
		}
		switch {
		case e.deed == doOrder && refused != nil && e.operations[0].Challenge.Order.Former:
			f.skipped++
			a.tries, a.after = 0, now
			return
		case e.deed == doOrder:
			b.listed -= len(f.listed)
			f.doubted = refused != nil // the proof log has it in order, or what it says is not taken
			f.unexamined()
		default:
			f.challenges = slices.DeleteFunc(f.challenges, func(a accusation) bool {
				return len(e.operations) == 1 && alike(a.omits(), e.operations[0].Challenge.Omitted)
			})
		}
		if f.spent(b) {
			b.log.Error("another task than this scorer's holds, as far as it can be re-executed", "code", "WB_PANEL_STRANGE", "shipment", f.window.shipment, "window", f.window.number, "task", f.id.String())
		}
		a.tries, a.after = 0, now
		return
	case vain:
		b.stats.Refused++
		b.log.Warn("the ledger does not end a task that leaves something out", "task", f.id.String(), "code", refused.Code, "message", refused.Message)
	}
	a.tries++
	a.after = now.Add(min(retryFirst<<min(a.tries-1, 8), retryMost))
}
