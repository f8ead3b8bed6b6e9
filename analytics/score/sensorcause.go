package score

import (
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/analytics/detect"
	"github.com/waybill-dev/waybill/analytics/detect/sensor"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// sensorCauses are what the loggers themselves give cause to look at, one cause for each code.
func (e *Engine) sensorCauses(final bool) []cause {
	var causes []cause
	if e.unheard > 0 {
		// Loggers that say nothing must not crowd out the one that tells of harm.
		own, _ := e.model.p.severity(CodeMissing)
		causes = append(causes, cause{
			code: CodeMissing, severity: own, from: e.unheardAt, to: e.last,
			detail: fmt.Sprintf("More than %d loggers reported; what the others measured was not judged.", maxSeries),
		})
	}
	for _, s := range e.series {
		if s.gap > e.model.p.Gap {
			own, _ := e.model.p.severity(CodeMissing)
			causes = worsened(causes, cause{
				code: CodeMissing, severity: own, from: s.gapFrom, to: s.gapFrom + s.gap,
				detail:  fmt.Sprintf("%s was silent for %s; %s are allowed.", capital(logger(s.device)), span(int64(s.gap)), span(int64(e.model.p.Gap))),
				counter: fmt.Sprintf("A reading at least every %s would have cleared it; what the logger still holds is judged when it is recorded.", span(int64(e.model.p.Gap))),
			})
		}
		for _, signal := range s.monitor.Signals(final) {
			c := e.instrumental(s, signal)
			if c.code == CodeMissing && slices.ContainsFunc(causes, func(o cause) bool { return o.code == CodeMissing }) {
				continue // the silence is told
			}
			causes = worsened(causes, c)
		}
	}
	if final && len(e.binds) > 0 {
		causes = worsened(causes, e.unobserved())
	}
	return causes
}

// instrumental is the cause of a monitor's signal.
func (e *Engine) instrumental(s *instrument, signal detect.Signal) cause {
	c := cause{code: signal.Code, from: signal.From, to: signal.To, count: signal.Count}
	if c.code == sensor.CodeDropout {
		c.code = CodeMissing
	}
	own, _ := e.model.p.severity(c.code)
	c.severity = own
	if !signal.IsAlarm() {
		c.severity = 0
		if signal.Ratio >= Million/2 {
			c.severity = min(own, e.model.p.Within*min(Million, signal.Ratio)/Million)
		}
	}
	name, length := capital(logger(s.device)), span(int64(signal.To-signal.From))
	value, limit := degrees(clipped(signal.Value)), degrees(clipped(signal.Limit))
	switch signal.Code {
	case sensor.CodeStuck:
		c.detail = fmt.Sprintf("%s repeated %s for %s: it measured nothing in that time.", name, value, length)
		c.counter = fmt.Sprintf("Another reading within %s would have cleared it.", span(signal.Limit))
	case sensor.CodeRail:
		c.detail = fmt.Sprintf("%s told %s, which is the mark of a broken sensor.", name, value)
		c.counter = "Readings that a sensor can give would have cleared it: inspect the logger."
	case sensor.CodeFlatline:
		c.detail = fmt.Sprintf("%s hardly moved for %s: by %s in all, where it moved by %s at its quietest.", name, length, value, limit)
		c.counter = fmt.Sprintf("Readings that move by %s in such a time would have cleared it.", limit)
	case sensor.CodeDropout:
		c.detail = fmt.Sprintf("%s left out %d readings; %s are lost, %s are allowed.", name, signal.Count, span(signal.Value), span(signal.Limit))
		c.counter = "What the logger still holds is judged when it is recorded."
	case sensor.CodeClock:
		ahead := "ahead"
		if signal.Value < 0 {
			ahead = "back"
		}
		c.detail = fmt.Sprintf("The clock of %s was set %s by %s.", logger(s.device), ahead, span(max(signal.Value, -signal.Value)))
		c.counter = fmt.Sprintf("A clock that is set by at most %s would have cleared it.", span(signal.Limit))
	case sensor.CodeUnit:
		c.detail = fmt.Sprintf("%s told degrees of another unit for %s: %s stands for %s.", name, length, value, limit)
		c.counter = "Readings in one unit would have cleared it: inspect the logger."
	case sensor.CodeSpikes:
		c.detail = fmt.Sprintf("%s told %d single wild readings, such as %s after %s.", name, signal.Count, value, limit)
		c.counter = "Neighbours that agree with them would have cleared it: inspect the logger."
	case sensor.CodeResolution:
		c.detail = fmt.Sprintf("%s began to count in steps of %s, before in steps of %s: another sensor, or another setting.", name, value, limit)
	default:
		c.detail = fmt.Sprintf("%s gives cause for doubt (%s).", name, signal.Code)
	}
	return c
}

func clipped(v int64) int32 { return int32(max(-1<<31, min(1<<31-1, v))) }

// unobserved is the longer time at either end of a journey of which no logger's reading tells, though one
// was bound: a logger that stops for good leaves no gap between two readings. Like every silence it
// asks for an inspection however long it is, since it shows no harm to the goods.
func (e *Engine) unobserved() cause {
	own, _ := e.model.p.severity(CodeMissing)
	first := e.binds[0]
	for _, b := range e.binds {
		if b.at < first.at {
			first = b
		}
	}
	c := cause{code: CodeMissing}
	var begin, end ledger.Millis
	for _, s := range e.series {
		if s.count > 0 && (begin == 0 || s.first < begin) {
			begin = s.first
		}
		end = max(end, s.last)
	}
	if begin == 0 {
		c.severity, c.from, c.to = own, first.at, e.last
		c.detail = fmt.Sprintf("No reading of %s was recorded for the whole journey.", logger(first.device))
		c.counter = "What the logger still holds is judged when it is recorded."
		return c
	}
	for _, silence := range [][2]ledger.Millis{{first.at, begin}, {end, e.endedAt}} {
		length := silence[1] - silence[0]
		if length <= e.model.p.Gap || length <= c.to-c.from {
			continue
		}
		c.severity, c.from, c.to = own, silence[0], silence[1]
		c.counter = "Readings within that time of both ends would have cleared it; what the logger still holds is judged when it is recorded."
		c.detail = fmt.Sprintf("No logger told anything for %s at one end of the journey; %s are allowed.", span(int64(length)), span(int64(e.model.p.Gap)))
	}
	return c
}
