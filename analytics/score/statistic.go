package score

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/analytics/calibrate"
	"github.com/waybill-dev/waybill/analytics/coldchain"
	"github.com/waybill-dev/waybill/analytics/detect"
	"github.com/waybill-dev/waybill/analytics/detect/journey"
	"github.com/waybill-dev/waybill/analytics/detect/sequence"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// told is a statistic and what measured it. A statistic orders shipments by how odd they are, and
// means nothing by itself until a stratum calibrates it.
type told struct {
	detect.Signal
	device   string
	quantity ledger.Quantity
	word     string // of a series: what is unusual
	level    int64  // of a drift: the level it began at
	shift    int64  // and how far it went, in the direction of the sign
	own      int64  // of the most unusual of a device's channels: its ratio, all of them taken together
	apart    bool   // no stratum calibrates it
}

// statistics are all that a stratum calibrates. Each grows as a journey goes on, or stays, so that a
// p-value of a journey under way is never below that of the whole one but for what came to light.
func (e *Engine) statistics(final bool, steps *sequence.Sequence, stratum *Stratum) []told {
	var all []told
	judged := 0
	for _, s := range e.series {
		if s.count == 0 && len(s.channels) == 0 {
			continue
		}
		// What nothing was seen of is zero and not left out: a shipment with a statistic is no odder
		// than one without.
		drift := told{Signal: detect.Signal{Code: CodeDrift}}
		for _, g := range s.drift.Signals(final) {
			r := s.drift.Result()
			drift = told{Signal: g, level: r.Began, shift: r.Shift}
		}
		energy := told{Signal: detect.Signal{Code: detect.CodeEnergy}}
		for _, g := range s.energy.Signals(final) {
			energy.Signal = root(g)
		}
		own := append([]told{drift, energy}, s.unusual(&e.model.p)...)
		for _, c := range s.channels {
			if t, ok := c.high(); ok {
				own = append(own, t)
			}
			if c.energy == nil {
				continue
			}
			t := told{Signal: detect.Signal{Code: codeOf(detect.CodeEnergy, c.quantity)}, quantity: c.quantity}
			for _, g := range c.energy.Signals(final) {
				g.Code = t.Code
				t.Signal = root(g)
			}
			own = append(own, t)
		}
		if final && judged < maxJudged {
			judged++
			own = append(own, e.whole(s, stratum)...)
		}
		for i := range own {
			own[i].device, own[i].Subject = s.device, detect.SubjectChain
		}
		all = append(all, own...)
	}
	for _, g := range steps.Signals(nil, e.last, final) {
		all = append(all, told{Signal: g})
	}
	return all
}

// root takes an energy's ratio from squares to amplitudes: the tail of squares is too heavy for few
// references to tell.
func root(g detect.Signal) detect.Signal {
	g.Ratio = int64(math.Sqrt(float64(g.Ratio) * Million))
	return g
}

// unusual is the most unusual step of each of a device's channels. Each is a statistic of its own, so that one of a
// quantity is the same whatever else a logger measures, and a stratum whose references lack the quantity leaves it out.
func (s *instrument) unusual(p *Parameters) []told {
	var all []told
	worst := -1
	for _, c := range s.channels {
		t := told{Signal: detect.Signal{Code: codeOf(CodeUnusual, c.quantity)}, quantity: c.quantity}
		// Of light and doors how high they went tells more, and leaves the others their power.
		t.apart = c.quantity == ledger.Light || c.quantity == ledger.Door
		if t.Ratio = c.ratio(p, 1); t.Ratio > 0 {
			t.Value, t.word, t.own = c.value, string(c.reason), c.ratio(p, len(s.channels))
			t.From, t.To, t.Count = c.worstAt, c.worstAt+p.SeriesStep, 1
		}
		if worst >= 0 && t.own <= all[worst].own {
			t.own = 0
		} else {
			if worst >= 0 {
				all[worst].own = 0
			}
			worst = len(all)
		}
		all = append(all, t)
	}
	return all
}

// whole judges a device's whole journey.
func (e *Engine) whole(s *instrument, stratum *Stratum) []told {
	var ref *journey.Reference
	if stratum != nil {
		ref = stratum.Journey
	}
	r, err := journey.Judge(e.model.p.Journey, s.log.Readings(), ref)
	if err != nil {
		return nil // parameters and reference were checked, and a log's readings are in order
	}
	var all []told
	for _, statistic := range r.Statistics {
		all = append(all, told{Signal: statistic.Signal()})
	}
	return all
}

// statsOf gives each statistic once, the largest of all devices, in the order in which they come.
func statsOf(all []told) []calibrate.Stat {
	var stats []calibrate.Stat
	for _, t := range all {
		if t.apart {
			continue
		}
		i := slices.IndexFunc(stats, func(s calibrate.Stat) bool { return s.Name == t.Code })
		if i < 0 {
			stats = append(stats, calibrate.Stat{Name: t.Code, Value: t.Ratio})
		} else {
			stats[i].Value = max(stats[i].Value, t.Ratio)
		}
	}
	return stats
}

// statisticCauses are what the statistics say. With a stratum they are judged together: at a p-value of at
// most α they ask for an inspection, and never for more by themselves. Without one only what calibrates
// itself speaks: a channel unlike all its past, and a drift that uses up the product's room.
func (e *Engine) statisticCauses(j *judgement) []cause {
	if j.stratum == nil {
		return e.selfCalibrated(j.signals)
	}
	t, stats := &j.stratum.Table, statsOf(j.signals)
	j.result = t.P(stats)
	if j.result.Component < 0 {
		j.stratum, j.result = nil, calibrate.Result{} // nothing was measured yet
		return e.selfCalibrated(j.signals)
	}
	var causes []cause
	for _, part := range t.Explain(nil, stats) {
		name := stats[part.Index].Name
		at := slices.IndexFunc(j.signals, func(s told) bool { return s.Code == name && s.Ratio == stats[part.Index].Value })
		s := j.signals[at]
		c := e.statistic(s)
		own := c.severity
		most, known := t.Clear(e.model.p.Alpha, name)
		alone := known && s.Ratio > most
		switch {
		case j.result.P <= e.model.p.Alpha && part.Index == j.result.Component:
			c.detail += " " + e.compared(j)
		case j.result.P <= e.model.p.Alpha && alone:
			// It would have been enough by itself.
			c.severity = min(own, e.model.p.Within)
		case s.Ratio >= Million/2 && part.P <= 10*e.model.p.Alpha:
			c.severity = min(own, e.model.p.Within*min(Million, s.Ratio)/Million)
		default:
			continue
		}
		if alone {
			c.counter = usual(s, most)
		}
		causes = append(causes, c)
	}
	return causes
}

// compared says what the p-value compares with.
func (e *Engine) compared(j *judgement) string {
	lane := "of its lane"
	if strings.Contains(j.stratum.Name, "|"+AnyLane) {
		lane = "of its policy and no known lane"
	}
	n := int64(j.result.N)
	if j.result.Tail {
		return fmt.Sprintf("None of %d accepted shipments %s was as unusual; p %s is a model's extrapolation.", n, lane, probability(j.result.P))
	}
	// p is rounded up from (1 + so many)/(n + 1).
	least := max(0, j.result.P*(n+1)/Million-1)
	return fmt.Sprintf("Of %d accepted shipments %s %d were at least as unusual: p %s.", n, lane, least, probability(j.result.P))
}

// probability writes millionths with three digits at least.
func probability(p int64) string {
	s := strings.TrimRight(fmt.Sprintf("0.%06d", min(p, Million-1)), "0")
	if len(s) < 5 {
		s += strings.Repeat("0", 5-len(s))
	}
	return s
}

func (e *Engine) selfCalibrated(signals []told) []cause {
	var causes []cause
	for _, s := range signals {
		c := e.statistic(s)
		switch {
		case s.own >= Million:
			c.counter = "Readings such as the logger gave before would have cleared it."
		case s.Code == CodeDrift && s.IsAlarm() && e.nearsLimit(s):
			c.counter = "A level that kept half of the room between where it began and the product's limit would have cleared it."
		case s.Code == CodeDrift && s.Ratio >= Million/2:
			c.severity = e.model.p.Within * min(Million, s.Ratio) / Million
		default:
			continue
		}
		causes = worsened(causes, c)
	}
	return causes
}

// nearsLimit tells whether a drift has used up more than half of the room that lay between where
// the series began and the limit of the recommended range. Temperatures wander inside their limits
// on most real journeys; only what may leave them speaks against the goods. Without a policy
// nothing is known of the goods.
func (e *Engine) nearsLimit(s told) bool {
	if e.policy == nil {
		return false
	}
	room, shift := int64(e.policy.High)-s.level, s.shift
	if s.shift < 0 {
		room, shift = s.level-int64(e.policy.Low), -s.shift
	}
	return 2*shift > room
}

// statistic is the cause that a statistic is if it condemns.
func (e *Engine) statistic(s told) cause {
	own, ok := e.model.p.severity(s.Code)
	if !ok {
		own, _ = e.model.p.severity(CodeStatistic)
	}
	c := cause{code: s.Code, severity: own, from: s.From, to: s.To, count: s.Count}
	name, length := logger(s.device), span(int64(s.To-s.From))
	value := degrees(clipped(s.Value))
	switch s.Code {
	case CodeDrift:
		direction := "up"
		if s.shift < 0 {
			direction = "down"
		}
		c.detail = fmt.Sprintf("The temperature at %s crept %s for %s, by more than the usual variation explains.", name, direction, length)
	case detect.CodeEnergy:
		c.detail = fmt.Sprintf("The temperature at %s swung wider for %s than before: %s from its level in the mean.", name, length, value)
	case codeOf(CodeUnusual, s.quantity):
		c.detail = fmt.Sprintf("The %s at %s was unlike all that it told before (%s).", s.quantity.String(), name, strings.ReplaceAll(s.word, "_", " "))
	case codeOf(CodeHighest, s.quantity):
		if s.quantity == ledger.Shock {
			c.detail = fmt.Sprintf("A shock of %s at %s was the hardest.", amount(s.quantity, s.Value), name)
		} else {
			c.detail = fmt.Sprintf("The %s at %s stayed high: %s in the mean of about half an hour.", s.quantity.String(), name, amount(s.quantity, s.Value))
		}
	case journey.WindowEnergy:
		c.detail = fmt.Sprintf("For %s the temperature at %s lay %s from the journey's own level.", length, name, value)
	case journey.Discord:
		c.detail = fmt.Sprintf("For %s the temperature at %s went as at no other time of the journey: %s away.", length, name, value)
	case journey.WindowResidual:
		c.detail = fmt.Sprintf("For %s the temperature at %s lay %s off what came before and after.", length, name, value)
	case journey.ReferenceDistance:
		c.detail = fmt.Sprintf("For %s the temperature at %s lay %s from what is usual in that part of the journey.", length, name, value)
	case sequence.CodeDwellLong:
		c.detail = capital(span(s.Value)) + " passed between two steps, more than is usual there."
	case sequence.CodeDwellShort:
		c.detail = fmt.Sprintf("Only %s passed between two steps, less than is usual there.", span(s.Value))
	case sequence.CodeTransition:
		c.detail = fmt.Sprintf("A step followed that %d accepted shipments of the lane took.", s.Count)
		c.count = 1
	case sequence.CodeRoute:
		c.detail = fmt.Sprintf("It was at a place where %d accepted shipments of the lane were.", s.Count)
		c.count = 1
	default:
		c.detail = fmt.Sprintf("The %s at %s lay %s from its level for %s.", s.quantity.String(), name, amount(s.quantity, s.Value), length)
	}
	if d := e.find(s.device); d != nil && s.Subject == detect.SubjectChain {
		// Nonsense says nothing of the goods; what speaks of the logger asks for the inspection.
		if share, why := d.monitor.Doubted(s.From-(s.To-s.From), s.To+(s.To-s.From)); share > 0 { // a time is judged by what is beside it
			c.severity = min(c.severity, e.model.p.Within)
			c.detail += fmt.Sprintf(" But it is not to be believed in that time or beside it (%s).", strings.ReplaceAll(why, "_", " "))
		}
	}
	if s.Code == sequence.CodeDwellLong || s.Code == sequence.CodeDwellShort {
		c.count = 2 // the events at either end
	}
	return c
}

// usual is the largest value of a statistic that would have been clear, in words; empty where there is none that
// is true whatever else would then have been.
func usual(s told, most int64) string {
	switch s.Code {
	case sequence.CodeDwellLong, sequence.CodeDwellShort:
		return dwell(s, most)
	case sequence.CodeTransition:
		return "A step that accepted shipments of the lane took would have cleared it."
	case sequence.CodeRoute:
		return "A place where accepted shipments of the lane were would have cleared it."
	default:
	}
	// Of what a statistic makes of readings nothing smaller than itself can be promised.
	if of := share(most, max(1, s.Ratio)) / 10_000; of > 0 {
		return fmt.Sprintf("Up to %d %% of what this measures would have been usual.", of)
	}
	return ""
}

// dwell is the longest time between two steps that would have been usual, or the shortest. The ratio is a
// straight line of ln(1 + minutes): through its own point and, at one, the limit.
func dwell(s told, most int64) string {
	const minute = 60_000.0
	apart := s.Ratio - Million
	if max(apart, -apart) < Million/100 || s.Limit <= 0 {
		return "" // the line is not known well enough
	}
	logOf := func(ms int64) float64 { return coldchain.Ln(1 + float64(ms)/minute) }
	limit := logOf(s.Limit)
	bound := limit + float64((logOf(s.Value)-limit)*float64(most-Million))/float64(apart)
	if !(bound > 0 && bound < 16) { // sixteen years
		return ""
	}
	ms := int64((coldchain.Exp(bound) - 1) * minute)
	if s.Code == sequence.CodeDwellShort {
		return fmt.Sprintf("At least %s would have been usual.", spanUp(ms+1))
	}
	if ms < 60_000 {
		return ""
	}
	return fmt.Sprintf("Up to %s would have been usual.", span(ms))
}

// amount writes thousandths of a quantity's unit.
func amount(q ledger.Quantity, v int64) string {
	unit := ""
	switch q {
	case ledger.Temperature:
		return degrees(clipped(v))
	case ledger.RelativeHumidity:
		unit = " %"
	case ledger.Shock:
		unit = " g"
	case ledger.Light:
		unit = " lx"
	case ledger.Door:
	}
	return fmt.Sprintf("%d.%d%s", v/1000, max(v, -v)%1000/100, unit)
}

// sequence orders the steps that hold.
func (e *Engine) sequence() *sequence.Sequence {
	s := sequence.New(e.model.p.Lanes)
	for _, step := range e.steps {
		s.Observe(step)
	}
	return s
}

// laneName is a lane of places as verdicts write it: the digits of a GLN, else the identifier. It is
// empty where a place is not of a form that fits a name.
func laneName(lane string) string {
	from, to, ok := strings.Cut(lane, " > ")
	if !ok {
		return ""
	}
	name := gln(from) + ">" + gln(to)
	if gln(from) == "" || gln(to) == "" || len(name) > ledger.MaxLaneBytes {
		return ""
	}
	return name
}

func gln(place string) string {
	if i := strings.LastIndex(place, "/414/"); i >= 0 {
		place = place[i+len("/414/"):]
	}
	for i := range len(place) {
		if place[i] <= ' ' || place[i] > '~' || place[i] == '>' || place[i] == '|' {
			return ""
		}
	}
	return place
}
