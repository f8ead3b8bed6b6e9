// Package coldchain is the science of the cold chain on one series of temperatures: the limits of
// a policy with their durations and budgets, freezing, mean kinetic temperature over a sliding
// span and over the journey, and alarms at several levels as WHO's indicators have them. Its state
// does not grow with the series, and its results are the same bits on every machine. It may import
// ledger, analytics/canon and analytics/detect; no clock, no gonum, and of math only what is exact
// everywhere.
//
// A reading holds until the next one, at most for Hold: what lies beyond was not observed and
// counts nowhere. The last reading therefore weighs nothing until another follows.
package coldchain

import (
	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Rule names a rule of a policy; it is the code of a verdict's reason.
type Rule string

// The rules.
const (
	AboveRange      Rule = "above_range"      // above the excursion range for longer than the grace
	BelowRange      Rule = "below_range"      // below it
	ExcursionBudget Rule = "excursion_budget" // outside the recommended range for longer than allowed, summed up
	MKTExceeded     Rule = "mkt_exceeded"     // mean kinetic temperature too high
	Frozen          Rule = "frozen"           // at or below the freezing limit for too long
)

// Use says how much of what a rule allows was used.
type Use struct {
	Rule     Rule
	Exceeded bool
	// Used and Allowed are milliseconds, or for MKTExceeded thousandths of a degree Celsius.
	Used, Allowed int64
	// Worst is the furthest reading that the rule counted, in thousandths of a degree Celsius; for
	// MKTExceeded it is the highest mean.
	Worst int32
	// From and To bound the time in question: the longest run, the first to the last excursion, or
	// the span of the highest mean.
	From, To ledger.Millis
	// Times is how many runs were too long, of a rule that counts runs.
	Times int64
}

// run measures how long without a break a condition held, and remembers the longest.
type run struct {
	since      int64
	length     int64
	worst      int32
	bestFor    int64
	bestFrom   int64
	bestWorst  int32
	times      int64 // too long
	over       bool  // this one
	ever       bool
	isExceeded bool
}

// farthest bounds times, so that no difference overflows.
const farthest = int64(1) << 53

// Evaluator applies a policy to one series of temperatures.
type Evaluator struct {
	policy ledger.Policy
	hold   int64

	have   bool
	lastAt int64
	last   int32
	gap    bool // from lastAt on nothing is known

	above, below, frozen run

	outside      int64 // summed up
	outsideFrom  int64
	outsideTo    int64
	outsideWorst int32 // furthest from the range
	outsideBy    int64 // how far
	budget       bool

	journey  Mean
	from     int64
	sliding  sliding
	mktWorst float64
	mktAt    int64
	mktHave  bool
}

// NewEvaluator starts a series under a policy. Hold is how long a reading stands for at most; 0
// means without bound.
func NewEvaluator(policy ledger.Policy, hold ledger.Millis) *Evaluator {
	e := &Evaluator{policy: policy, hold: max(0, int64(hold))}
	if policy.MKTMax != 0 || policy.MKTOver != 0 {
		e.sliding = newSliding(policy.MKTOver)
	}
	return e
}

// Policy gives the policy in force.
func (e *Evaluator) Policy() ledger.Policy { return e.policy }

// Observe takes the next reading, in thousandths of a degree Celsius. It answers false, and takes
// nothing, if the reading is not later than the one before or lies 285,000 years away.
func (e *Evaluator) Observe(at ledger.Millis, milli int32) bool {
	now := int64(at)
	if now > farthest || now < -farthest {
		return false
	}
	if !e.have {
		e.have, e.lastAt, e.last, e.from = true, now, milli, now
		return true
	}
	if now <= e.lastAt {
		return false
	}
	end := now
	if e.hold > 0 && now-e.lastAt > e.hold {
		end = e.lastAt + e.hold
	}
	if e.gap {
		e.gap, end = false, now // its last reading was counted
	} else {
		e.count(e.lastAt, end, e.last)
	}
	if end < now {
		// Nobody saw what happened in between: no run goes through it.
		e.broken()
	}
	e.lastAt, e.last = now, milli
	return true
}

// Break says that nothing is known from a time on until the next reading: the last one holds until
// then and no longer.
func (e *Evaluator) Break(at ledger.Millis) {
	if e.have && e.Observe(at, e.last) {
		e.broken()
		e.gap = true
	}
}

// broken ends every run.
func (e *Evaluator) broken() { e.above.length, e.below.length, e.frozen.length = 0, 0, 0 }

// count takes a temperature that held from one time to another.
func (e *Evaluator) count(from, to int64, milli int32) {
	p := &e.policy
	held := to - from
	e.above.count(milli > p.ExcursionHigh, from, to, milli, milli > e.above.worst, int64(p.Grace), false)
	e.below.count(milli < p.ExcursionLow, from, to, milli, milli < e.below.worst, int64(p.Grace), false)
	if p.FreezeBelow != nil {
		e.frozen.count(milli <= *p.FreezeBelow, from, to, milli, milli < e.frozen.worst, int64(p.FreezeFor), true)
	}
	if by := max(int64(milli)-int64(p.High), int64(p.Low)-int64(milli)); by > 0 {
		if e.outside == 0 {
			e.outsideFrom = from
		}
		e.outside += held
		e.outsideTo = to
		if by > e.outsideBy {
			e.outsideBy, e.outsideWorst = by, milli
		}
		if e.outside > int64(p.ExcursionFor) {
			e.budget = true
		}
	}
	r := rate(milli)
	e.journey.add(r, held)
	e.sliding.add(r, from, to, func(end int64, celsius float64) {
		if !e.mktHave || celsius > e.mktWorst {
			e.mktHave, e.mktWorst, e.mktAt = true, celsius, end
		}
	})
}

// count extends the run if the condition holds and ends it if not.
func (r *run) count(holds bool, from, to int64, milli int32, worse bool, allowed int64, atLeast bool) {
	if !holds {
		r.length = 0
		return
	}
	if r.length == 0 {
		r.since, r.worst, r.over = from, milli, false
	} else if worse {
		r.worst = milli
	}
	r.ever = true
	r.length += to - from
	if r.length > r.bestFor {
		r.bestFor, r.bestFrom, r.bestWorst = r.length, r.since, r.worst
	}
	if r.length > allowed || atLeast && r.length >= allowed {
		r.isExceeded = true
		if !r.over {
			r.over = true
			r.times++
		}
	}
}

func (r *run) use(rule Rule, allowed int64) (Use, bool) {
	return Use{
		Rule: rule, Exceeded: r.isExceeded, Used: r.bestFor, Allowed: allowed, Worst: r.bestWorst,
		From: ledger.Millis(r.bestFrom), To: ledger.Millis(r.bestFrom + r.bestFor), Times: r.times,
	}, r.ever
}

// Uses says, in the order of the rules, how much of each rule's allowance was used; rules of which
// nothing was used are left out. At the end of a journey that was shorter than the span of the mean
// kinetic temperature, the mean over the journey is judged instead.
func (e *Evaluator) Uses(final bool) []Use {
	var uses []Use
	p := &e.policy
	if u, ok := e.above.use(AboveRange, int64(p.Grace)); ok {
		uses = append(uses, u)
	}
	if u, ok := e.below.use(BelowRange, int64(p.Grace)); ok {
		uses = append(uses, u)
	}
	if e.outside > 0 {
		uses = append(uses, Use{
			Rule: ExcursionBudget, Exceeded: e.budget, Used: e.outside, Allowed: int64(p.ExcursionFor),
			Worst: e.outsideWorst, From: ledger.Millis(e.outsideFrom), To: ledger.Millis(e.outsideTo),
		})
	}
	if u, ok := e.mkt(final); ok {
		uses = append(uses, u)
	}
	if u, ok := e.frozen.use(Frozen, int64(p.FreezeFor)); ok {
		uses = append(uses, u)
	}
	return uses
}

func (e *Evaluator) mkt(final bool) (Use, bool) {
	p := &e.policy
	if p.MKTMax == 0 && p.MKTOver == 0 {
		return Use{}, false
	}
	worst, from, to := e.mktWorst, e.mktAt-spanParts*e.sliding.width, e.mktAt
	if !e.mktHave {
		mean, ok := e.journey.Celsius()
		if !ok || !final {
			return Use{}, false
		}
		worst, from, to = mean, e.from, e.lastAt
	}
	mean, exceeded := milliOf(worst), float64(worst*1000) > float64(p.MKTMax)
	if exceeded && float64(mean) < float64(worst*1000) {
		mean++ // what is taken off it is enough
	}
	return Use{
		Rule: MKTExceeded, Exceeded: exceeded, Used: mean, Allowed: int64(p.MKTMax),
		Worst: int32(mean), //nolint:gosec // a mean of clamped temperatures
		From:  ledger.Millis(from), To: ledger.Millis(to),
	}, true
}

// milliOf rounds degrees Celsius to thousandths, halves away from zero.
func milliOf(celsius float64) int64 {
	if celsius < 0 {
		return -int64(float64(-celsius*1000) + 0.5)
	}
	return int64(float64(celsius*1000) + 0.5)
}

// Journey is the mean kinetic temperature of all that was observed.
func (e *Evaluator) Journey() *Mean { return &e.journey }

// Trace appends the values that a verdict rests on to the trace.
func (e *Evaluator) Trace(c *canon.Coder) {
	canon.Int(c, &e.above.length)
	canon.Int(c, &e.below.length)
	canon.Int(c, &e.frozen.length)
	canon.Int(c, &e.outside)
	e.journey.code(c)
	c.Float(&e.mktWorst)
}

// Code writes or reads the state.
func (e *Evaluator) Code(c *canon.Coder) {
	CodePolicy(c, &e.policy)
	if c.Reading() {
		*e = *NewEvaluator(e.policy, 0)
	}
	canon.Int(c, &e.hold)
	c.Bool(&e.have)
	canon.Int(c, &e.lastAt)
	canon.Int(c, &e.last)
	c.Bool(&e.gap)
	if e.hold < 0 || e.lastAt < -farthest || e.lastAt > farthest {
		c.Fail("hold %d, time %d", e.hold, e.lastAt)
	}
	for _, r := range []*run{&e.above, &e.below, &e.frozen} {
		canon.Int(c, &r.since)
		canon.Int(c, &r.length)
		canon.Int(c, &r.worst)
		canon.Int(c, &r.bestFor)
		canon.Int(c, &r.bestFrom)
		canon.Int(c, &r.bestWorst)
		canon.Int(c, &r.times)
		c.Bool(&r.over)
		c.Bool(&r.ever)
		c.Bool(&r.isExceeded)
	}
	canon.Int(c, &e.outside)
	canon.Int(c, &e.outsideFrom)
	canon.Int(c, &e.outsideTo)
	canon.Int(c, &e.outsideWorst)
	canon.Int(c, &e.outsideBy)
	c.Bool(&e.budget)
	e.journey.code(c)
	canon.Int(c, &e.from)
	e.sliding.code(c)
	c.Float(&e.mktWorst)
	canon.Int(c, &e.mktAt)
	c.Bool(&e.mktHave)
}

// CodePolicy writes or reads a policy.
func CodePolicy(c *canon.Coder, p *ledger.Policy) {
	canon.String(c, &p.ID, 1<<10)
	canon.Uint(c, &p.Version)
	canon.Slice(c, &p.Products, 1<<16, func(c *canon.Coder, s *string) { canon.String(c, s, 1<<10) })
	canon.Int(c, &p.Low)
	canon.Int(c, &p.High)
	canon.Int(c, &p.ExcursionLow)
	canon.Int(c, &p.ExcursionHigh)
	canon.Int(c, &p.ExcursionFor)
	canon.Int(c, &p.Grace)
	canon.Int(c, &p.MKTMax)
	canon.Int(c, &p.MKTOver)
	freezes := p.FreezeBelow != nil
	c.Bool(&freezes)
	if freezes {
		var at int32
		if p.FreezeBelow != nil {
			at = *p.FreezeBelow
		}
		canon.Int(c, &at)
		if c.Reading() { // what is written may be shared
			p.FreezeBelow = &at
		}
	}
	canon.Int(c, &p.FreezeFor)
	canon.Int(c, &p.WindowAtLeast)
	canon.String(c, &p.SetBy, 1<<10)
	canon.Int(c, &p.SetAt)
}
