package panel

import (
	"cmp"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

const (
	// paceFirst is how many own commitments may wait for their reveal at the start, paceLeast however slow the ledger is.
	paceFirst = 16
	paceLeast = 2
	// commitmentsPerOpening times MaxOpening is how many at most: a scorer commits to what it opens and to what others do.
	commitmentsPerOpening = 4
	// smallCall bounds the errands of a call that reveals: one refused transaction delays few.
	smallCall = 8
)

// pace is how many own commitments may wait for their reveal, which costs stake if it comes too late. It follows what the
// ledger bears as a sender of packets does: one more for each reveal that was quick, half as many when one was slow.
type pace struct {
	allowed, least, most int

	used   int       // when it was last looked at
	halved time.Time // last
	idle   time.Time // since when none waits; zero: some do
}

func newPace(maxOpening int) pace {
	most := commitmentsPerOpening * maxOpening
	return pace{allowed: min(paceFirst, most), least: min(paceLeast, most), most: most}
}

// look notes how many wait. What was found long ago says little: after a phase without any it begins anew.
func (p *pace) look(used int, now time.Time, phase time.Duration) {
	p.used = used
	switch {
	case used > 0:
		p.idle = time.Time{}
	case p.idle.IsZero():
		p.idle = now
	case now.Sub(p.idle) > phase:
		p.allowed = min(p.allowed, max(paceFirst, p.least))
	}
}

// quick takes notice of a reveal that came soon. It shows that the ledger bears as many as wait, not more.
func (p *pace) quick() {
	if 4*p.used >= 3*p.allowed {
		p.allowed = min(p.allowed+1, p.most)
	}
}

// slow takes notice of a reveal that came late, or has not come. What is late in one phase has one cause.
func (p *pace) slow(now time.Time, phase time.Duration) {
	if p.halved.IsZero() || now.Sub(p.halved) >= phase {
		p.allowed, p.halved = max(p.allowed/2, p.least), now
	}
}

// load is what this scorer has under way.
type load struct {
	opened int  // tasks of its own that are not at their end
	owed   int  // commitments that are not revealed, or on their way
	own    int  // of these to tasks that it opened
	flying int  // operations that can wait and whose call has not ended, which later reveals wait behind
	held   bool // the ledger takes so long that nothing is to be committed to
}

// load counts, and tells the pace of reveals that do not come.
func (b *book) load(now time.Time) load {
	var l load
	inForce := stamp(b.policies[b.inForce].RevealFor).Sub(stamp(0))
	for e := b.order.Front(); e != nil; e = e.Next() {
		r := e.Value.(*round)
		v := &r.view
		for _, d := range [...]deed{doOpen, doCommit, doSettle} {
			if a := &r.attempts[d]; a.flying {
				l.fly(a, now, inForce)
			}
		}
		if v.Phase() == ledger.TaskAbsent {
			if r.attempts[doOpen].pending(now) {
				l.opened, l.owed, l.own = l.opened+1, l.owed+1, l.own+1
			}
			continue
		}
		own := v.Task.By == b.account
		if own && b.underWay(r, now) {
			l.opened++
		}
		if !b.owes(r, now) {
			continue
		}
		l.owed++
		if own {
			l.own++
		}
		if v.Closing == nil {
			continue
		}
		after, phase := b.sinceClosing(r, now)
		if after > phase/2 && !r.late {
			r.late = true
			b.pace.slow(now, phase)
		}
		l.held = l.held || after > phase/3 && after < phase
	}
	b.pace.look(l.owed, now, inForce)
	return l
}

// fly takes notice of what is on its way: a reveal would take as long.
func (l *load) fly(a *attempt, now time.Time, phase time.Duration) {
	l.flying++
	l.held = l.held || now.Sub(a.sent) > phase/4
}

// pending reports whether an operation is on its way: it may be on the ledger.
func (a *attempt) pending(now time.Time) bool {
	return a.flying || a.unsure || a.tries == 0 && a.after.After(now)
}

// underWay reports whether an opened task is not at its end; one that is stuck, since too few take part, is not.
func (b *book) underWay(r *round, now time.Time) bool {
	v := &r.view
	switch {
	case v.Settlement != nil:
		return false
	case v.Closing != nil:
		return len(r.punished) == 0 || len(r.silent()) > 0
	default:
		return v.Carried() || now.Before(b.overdue(v.Task))
	}
}

// owes reports whether an own commitment to an opened task is to be revealed, or will be.
func (b *book) owes(r *round, now time.Time) bool {
	v := &r.view
	switch {
	case r.foreignSecret || v.Settlement != nil || r.has(b.account) || slices.Contains(r.punished, b.account):
		return false
	case v.Closing != nil:
		return slices.Contains(v.Closing.Committed, b.account)
	case slices.ContainsFunc(v.Commitments, func(c ledger.Commitment) bool { return c.Account == b.account }):
		return b.underWay(r, now)
	default:
		return r.attempts[doCommit].pending(now)
	}
}

// sinceClosing is how much of the time to reveal is over, and how much there is.
func (b *book) sinceClosing(r *round, now time.Time) (after, phase time.Duration) {
	revealFor := b.policies[r.view.Task.Policy].RevealFor
	return now.Sub(stamp(r.view.Closing.RevealBy - revealFor)), stamp(revealFor).Sub(stamp(0))
}

// paced takes notice of an own reveal that the ledger shows.
func (b *book) paced(r *round, v ledger.Reveal, now time.Time) {
	if !b.live || r.late || r.view.Closing == nil {
		return
	}
	switch after, phase := b.sinceClosing(r, now); {
	case after > phase/2:
		r.late = true
		b.pace.slow(now, phase)
	case after <= phase/4 && v.TxID != r.view.Closing.TxID: // with the own closing it waited before that
		b.pace.quick()
	}
}

// admits reports whether one more commitment may be made. Who opens leaves room for what others open, each its share: else all
// would wait for each other's commitments.
func (b *book) admits(l load, opens bool) bool {
	switch {
	case l.held || l.owed >= b.pace.allowed || b.crowded(l):
		return false
	case opens:
		return l.opened < b.cfg.MaxOpening && l.own < max(b.pace.allowed/max(b.active(), 1), 1)
	default:
		return true
	}
}

// crowded reports whether so much is on its way that reveals would wait behind it.
func (b *book) crowded(l load) bool { return l.flying >= max(b.pace.allowed/2, 1) }

// presses reports whether a deed shows an own answer, in time or at a cost.
func (d deed) presses() bool { return d == doReveal || d == doClose }

// waiting is a step whose time has come.
type waiting struct {
	round *round
	step  step
}

// asOpened sorts what is to be committed to as the ledger has it, so that all scorers commit to the same ones first.
func asOpened(all []waiting) {
	slices.SortFunc(all, func(x, y waiting) int {
		return cmp.Or(cmp.Compare(x.round.view.Task.At, y.round.view.Task.At), slices.Compare(x.round.id[:], y.round.id[:]))
	})
}

// inCalls parts errands into calls: what reveals in small ones of its own, before all else. A closing may conflict with
// another's, so what only reveals is not in one call with that.
func inCalls(errands []errand) (pressing [][]errand, rest []errand) {
	var reveals, closings []errand
	for _, e := range errands {
		switch e.deed {
		case doReveal:
			reveals = append(reveals, e)
		case doClose:
			closings = append(closings, e)
		default:
			rest = append(rest, e)
		}
	}
	return slices.AppendSeq(slices.Collect(slices.Chunk(reveals, smallCall)), slices.Chunk(closings, smallCall/2)), rest
}
