// Package sequence judges the events of one shipment as a sequence: how long it stood at each step
// of its lane, which step followed which, and whether it was where shipments of its lane are. Times
// are measured on the lane's own clock: the logarithm of a dwell against the robust centre and
// spread of accepted shipments, so that an hour and a week are judged alike.
//
// What the contract finds by itself is not judged again here: its findings go into the verdict as
// they are. impossible_journey is travel faster than possible; commissioned_twice,
// moved_after_decommission and packed_in_two_places are clones; shipped_by_non_holder,
// received_without_shipping and reshipped_before_receipt are hands that do not fit;
// shipped_not_received is a shipping overdue by the parties' own terms; quantity_imbalance is
// quantity that appears or vanishes along a chain (analytics/fleet follows it over many shipments).
//
// It may import ledger, analytics/canon, analytics/coldchain (for Exp and Ln) and analytics/detect;
// no clock, no gonum, no result that depends on map order.
package sequence

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/coldchain"
	"github.com/waybill-dev/waybill/analytics/detect"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// The codes of the signals, in the order in which Signals gives them. All are of SubjectEvents.
const (
	// CodeDwellLong and CodeDwellShort: between two steps more, or less, time passed than does on the
	// lane. Value is the time and Limit the bound, in milliseconds; Count is the accepted shipments
	// behind the bound. Before the final judgement CodeDwellLong also speaks of goods that still stand,
	// judged by the time that passed and the next step that leaves them the most of it; To is then the
	// time of judging. It is no code of its own, so that the statistic of a journey under way is hardly
	// ever above that of the whole, which is the one that can be calibrated.
	CodeDwellLong  = "dwell_long"
	CodeDwellShort = "dwell_short"
	// CodeTransition: a step followed that hardly ever or never follows on the lane. Value is the share
	// of accepted shipments with it and Limit the share that is rare, in thousandths; Count is how many
	// had it.
	CodeTransition = "step_unusual"
	// CodeRoute: a place where shipments of the lane hardly ever or never are. As CodeTransition.
	CodeRoute = "route_deviation"
)

// MaxSteps is how many steps of a shipment are kept, by order of recording.
const MaxSteps = 64

// MaxText is the longest name of a step or place, in bytes.
const MaxText = 2_048

const million = 1_000_000

// Step is one event of the shipment as a whole.
type Step struct {
	At    ledger.Millis
	Event ledger.Digest
	Name  string // business step
	Place string // as places are compared; empty: not told
	To    string // the destination, of a shipping; as places are compared
}

func (s *Step) compare(o *Step) int {
	// Steps recorded for one moment have one order on every shipment.
	return cmp.Or(cmp.Compare(s.At, o.At), cmp.Compare(s.Name, o.Name), bytes.Compare(s.Event[:], o.Event[:]))
}

// LaneKey names a lane by where it begins and ends.
func LaneKey(from, to string) string { return from + " > " + to }

// laneOf is the lane of steps in order: the first shipping's; empty if nothing was shipped.
func laneOf(steps []Step) string {
	for i := range steps {
		if steps[i].To != "" {
			return LaneKey(steps[i].Place, steps[i].To)
		}
	}
	return ""
}

// Sequence follows the steps of one shipment. It is not safe for concurrent use.
type Sequence struct {
	table   *LaneTable
	steps   []Step // by time, then name, then event
	dropped int64
}

// New starts a sequence. The table may be shared; nil knows no lane.
func New(t *LaneTable) *Sequence { return &Sequence{table: t} }

// Observe takes a step, in any order of time. One of an event that is known, without a name, with a
// longer text than MaxText, or beyond MaxSteps, is left out.
func (s *Sequence) Observe(step Step) {
	i, found := slices.BinarySearchFunc(s.steps, step, func(a, b Step) int { return a.compare(&b) })
	if found {
		return
	}
	if len(s.steps) == MaxSteps || step.Name == "" || len(step.Name) > MaxText || len(step.Place) > MaxText || len(step.To) > MaxText {
		s.dropped++
		return
	}
	s.steps = slices.Insert(s.steps, i, step)
}

// Lane is the shipment's lane; empty while nothing was shipped.
func (s *Sequence) Lane() string { return laneOf(s.steps) }

// Steps gives a copy of the steps in order of time, for fitting.
func (s *Sequence) Steps() []Step { return slices.Clone(s.steps) }

// Signals appends a signal for each code, one that has nothing to tell with a Ratio of 0; none at all
// while the lane is not known to the table. now is the latest time that the ledger knows of.
func (s *Sequence) Signals(dst []detect.Signal, now ledger.Millis, final bool) []detect.Signal {
	lane := s.table.lane(s.Lane())
	if lane == nil {
		return dst
	}
	p := &s.table.Params
	long, short := detect.Signal{Code: CodeDwellLong}, detect.Signal{Code: CodeDwellShort}
	unusual, route := detect.Signal{Code: CodeTransition}, detect.Signal{Code: CodeRoute}
	before := ""
	for i := range s.steps {
		step := &s.steps[i]
		from, to := step.At, step.At
		if i > 0 {
			from = s.steps[i-1].At
		}
		worse(&unusual, lane.transition(p, before, step.Name), from, to)
		if step.Place != "" {
			worse(&route, lane.place(p, step.Place), from, to)
		}
		if i > 0 {
			if leg := lane.leg(before, s.steps[i-1].Place, step.Name); leg != nil && leg.Journeys >= p.Least {
				l, sh := leg.judge(p, int64(to-from))
				worse(&long, l, from, to)
				worse(&short, sh, from, to)
			}
		}
		before = step.Name
	}
	if n := len(s.steps); n > 0 {
		last := &s.steps[n-1]
		if final {
			worse(&unusual, lane.transition(p, before, ""), last.At, last.At)
		} else if now > last.At {
			worse(&long, lane.open(p, last, int64(now-last.At)), last.At, now)
		}
	}
	for _, g := range []detect.Signal{long, short, unusual, route} {
		g.Subject = detect.SubjectEvents
		dst = append(dst, g)
	}
	return dst
}

// judged is what one step or dwell gives.
type judged struct {
	ratio, value, limit, count int64
}

func worse(g *detect.Signal, j judged, from, to ledger.Millis) {
	if j.ratio > g.Ratio {
		g.Ratio, g.Value, g.Limit, g.Count, g.From, g.To = j.ratio, j.value, j.limit, j.count, from, to
	}
}

// rescaled is the logarithm of a dwell in minutes, plus one: events that are recorded together are a
// minute apart. In millionths.
func rescaled(dwell int64) int64 {
	return int64(coldchain.Ln(1+float64(max(0, dwell))/60_000) * million)
}

// dwellOf is the inverse of rescaled, in milliseconds.
func dwellOf(y int64) int64 {
	if y <= 0 {
		return 0
	}
	return int64(float64((coldchain.Exp(float64(min(y, 25*million))/million) - 1) * 60_000))
}

// judge compares a dwell with the leg's, from above and from below.
func (l *Leg) judge(p *Params, dwell int64) (long, short judged) {
	spread := max(l.Spread, p.SpreadFloor)
	off := rescaled(dwell) - l.Centre
	bound := spread * p.Threshold / million
	long = judged{value: dwell, limit: dwellOf(l.Centre + bound), count: int64(l.Journeys)}
	short = judged{value: dwell, limit: dwellOf(l.Centre - bound), count: int64(l.Journeys)}
	if off >= 0 {
		long.ratio = off * million / bound
	} else {
		short.ratio = -off * million / bound
	}
	return long, short
}

// open compares how long a shipment stands after a step with the leg that leaves it the most time.
func (l *Lane) open(p *Params, last *Step, dwell int64) judged {
	best, found := judged{}, false
	for i := range l.Legs {
		leg := &l.Legs[i]
		if leg.From != last.Name || leg.Place != last.Place || leg.Journeys < p.Least {
			continue
		}
		if long, _ := leg.judge(p, dwell); !found || long.ratio < best.ratio {
			best, found = long, true
		}
	}
	return best
}

func (l *Lane) transition(p *Params, from, to string) judged {
	i, found := slices.BinarySearchFunc(l.Transitions, Transition{From: from, To: to}, compareTransitions)
	count := 0
	if found {
		count = l.Transitions[i].Journeys
	}
	all := 0
	for i := range l.Transitions {
		if l.Transitions[i].From == from {
			all = l.Transitions[i].Of
			break
		}
	}
	return p.surprise(count, all)
}

func (l *Lane) place(p *Params, place string) judged {
	i, found := slices.BinarySearchFunc(l.Places, place, func(a Place, b string) int { return cmp.Compare(a.Place, b) })
	count := 0
	if found {
		count = l.Places[i].Journeys
	}
	return p.surprise(count, l.Journeys)
}

// surprise is -ln of the share of accepted shipments over that of the rare share. Half a shipment is
// added, so that what never was is the odder the more shipments there are to tell it.
func (p *Params) surprise(count, of int) judged {
	share := min(1, (float64(count)+0.5)/float64(of+1))
	rare := -coldchain.Ln(float64(p.Rare) / million)
	j := judged{ratio: int64(-coldchain.Ln(share) / rare * million), limit: p.Rare / 1000, count: int64(count)}
	if of > 0 {
		j.value = int64(count) * 1000 / int64(of)
	}
	return j
}

// Trace appends what the signals rest on.
func (s *Sequence) Trace(c *canon.Coder) {
	n := len(s.steps)
	canon.Int(c, &n)
	canon.Int(c, &s.dropped)
	for i := range s.steps {
		at := s.steps[i].At
		canon.Int(c, &at)
	}
}

// Code writes or reads the state. The table is the model's and is not part of it.
func (s *Sequence) Code(c *canon.Coder) {
	canon.Int(c, &s.dropped)
	canon.Slice(c, &s.steps, MaxSteps, func(c *canon.Coder, v *Step) {
		canon.Int(c, &v.At)
		c.Raw(v.Event[:])
		canon.String(c, &v.Name, MaxText)
		canon.String(c, &v.Place, MaxText)
		canon.String(c, &v.To, MaxText)
	})
	if !c.Reading() || c.Err() != nil {
		return
	}
	for i := range s.steps {
		if i > 0 && s.steps[i-1].compare(&s.steps[i]) >= 0 {
			c.Fail("steps out of order")
			return
		}
	}
	if s.dropped < 0 {
		c.Fail("%d steps dropped", s.dropped)
	}
}
