package score

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/analytics/calibrate"
	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/coldchain"
	"github.com/waybill-dev/waybill/analytics/detect"
	"github.com/waybill-dev/waybill/analytics/detect/sensor"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// cause is a reason before it has its share of the score.
type cause struct {
	code     string
	severity int64 // millionths
	from, to ledger.Millis
	detail   string
	counter  string // what would have cleared it
	count    int64  // readings or events
	exceeded bool   // of a rule: broken
	doubted  bool   // of a rule: by readings that are not to be believed
}

func codeCause(c *canon.Coder, k *cause) {
	canon.String(c, &k.code, ledger.MaxReasonCodeBytes)
	canon.Int(c, &k.severity)
	canon.Int(c, &k.from)
	canon.Int(c, &k.to)
	canon.String(c, &k.detail, ledger.MaxReasonTextBytes)
	canon.String(c, &k.counter, ledger.MaxReasonTextBytes)
	canon.Int(c, &k.count)
	c.Bool(&k.exceeded)
	if k.severity < 0 || k.severity > Million || k.count < 0 {
		c.Fail("severity %d, count %d", k.severity, k.count)
		k.severity, k.count = 0, 0
	}
}

// listed is the least severity of a cause that is told.
const listed = 1_000

// graded is the severity of a broken rule: its own, and up to three quarters of what is left for
// three times the allowance more, in millionths.
func graded(own, used, allowed int64) int64 {
	if allowed <= 0 || used <= allowed {
		return own
	}
	over := min(3*Million, share(used-allowed, allowed))
	return own + (Million-own)*over/(4*Million)
}

// share is a over b in millionths, at most a thousand times.
func share(a, b int64) int64 {
	if a <= 0 || b <= 0 {
		return 0
	}
	if a/b >= 1000 {
		return 1000 * Million
	}
	if a > 1<<40 { // keeps the product below 2^63
		a, b = a>>20, max(1, b>>20)
	}
	return a * Million / b
}

// combine gives the score, one minus the product of what each cause leaves, and the reasons with
// contributions in proportion to the severities that sum to it exactly.
func combine(causes []cause) (int64, []ledger.Reason) {
	slices.SortStableFunc(causes, func(a, b cause) int {
		return cmp.Or(cmp.Compare(b.severity, a.severity), cmp.Compare(a.code, b.code))
	})
	causes = causes[:min(len(causes), ledger.MaxVerdictReasons)] // the contract takes no more
	left, sum := int64(Million), int64(0)
	for _, c := range causes {
		left = left * (Million - c.severity) / Million
		sum += c.severity
	}
	score := Million - left
	rest := score
	var reasons []ledger.Reason
	for _, c := range causes {
		contribution := score * c.severity / sum
		rest -= contribution
		reasons = append(reasons, ledger.Reason{
			Code: c.code, Contribution: contribution, From: c.from, To: max(c.from, c.to), Detail: bounded(c.detail, ledger.MaxReasonTextBytes),
			Counterfactual: bounded(c.counter, ledger.MaxReasonTextBytes), Count: c.count,
		})
	}
	if len(reasons) > 0 {
		reasons[0].Contribution += rest // what rounding left over
	}
	return score, reasons
}

// bounded cuts text to whole characters.
func bounded(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	s = s[:limit]
	for len(s) > 0 && !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}

// judgement is what a verdict is made of.
type judgement struct {
	causes  []cause
	signals []told // the statistics
	lane    string
	stratum *Stratum // nil: no p-value is stated
	result  calibrate.Result
}

// judgement takes together all that speaks against the shipment so far. It changes nothing.
func (e *Engine) judgement(final bool) judgement {
	steps := e.sequence()
	j := judgement{lane: laneName(steps.Lane())}
	if e.policy != nil {
		j.stratum = e.model.p.stratum(e.policy.ID, j.lane, e.Sampling())
	}
	j.signals = e.statistics(final, steps, j.stratum)
	j.causes = e.policyCauses(final)
	j.causes = append(j.causes, e.sensorCauses(final)...)
	j.causes = append(j.causes, e.statisticCauses(&j)...)
	j.causes = append(j.causes, e.journeyCauses()...)
	j.causes = append(j.causes, e.findingCauses()...)
	j.causes = slices.DeleteFunc(j.causes, func(c cause) bool { return c.severity < listed })
	return j
}

// policyCauses takes for each rule the device that speaks the most against the shipment.
func (e *Engine) policyCauses(final bool) []cause {
	worst := slices.Clone(e.broken)
	for _, s := range e.series {
		if s.evaluator == nil {
			continue
		}
		for _, c := range e.ruleCauses(s, e.policy, final) {
			worst = worsened(worst, c)
		}
	}
	// What is not to be believed asks for one inspection, whatever it would have broken.
	first := true
	for i := range worst {
		if worst[i].doubted && !first {
			worst[i].severity = min(worst[i].severity, e.model.p.Within)
		}
		first = first && !worst[i].doubted
	}
	return worst
}

// doubtedMost is the share of a rule's time in which the readings may be doubtful and still condemn.
const doubtedMost = Million / 2

// ruleCauses are what a device's readings say of the policy's rules. Nonsense condemns no goods: where a
// logger was not to be believed for most of the time in question, or where the rule is kept without the
// readings that are not to be believed, the rule asks for an inspection.
func (e *Engine) ruleCauses(s *instrument, p *ledger.Policy, final bool) []cause {
	var causes []cause
	uses := s.evaluator.Uses(final)
	var without []coldchain.Rule
	if slices.ContainsFunc(uses, func(u coldchain.Use) bool { return u.Exceeded }) {
		without = e.keptWithoutDoubted(s, p, uses)
	}
	for _, u := range uses {
		if c, ok := e.used(u, p); ok {
			if share, _ := s.monitor.Doubted(c.from, c.to); share <= doubtedMost && slices.Contains(without, u.Rule) {
				_, why := s.monitor.Doubted(s.first, s.last)
				c.severity, c.exceeded, c.doubted = min(c.severity, e.model.p.InspectAt), false, true
				c.detail += fmt.Sprintf(" But without the readings of %s that are not to be believed (%s) it would be kept.", logger(s.device), strings.ReplaceAll(why, "_", " "))
			}
			causes = append(causes, c)
		}
	}
	for _, a := range s.alarms {
		for _, u := range a.Uses(p) {
			if c, ok := e.alarmed(u); ok {
				causes = append(causes, c)
			}
		}
	}
	for i := range causes {
		c := &causes[i]
		if !c.exceeded {
			continue
		}
		if share, why := s.monitor.Doubted(c.from, c.to); share > doubtedMost {
			c.severity, c.exceeded, c.doubted = min(c.severity, e.model.p.InspectAt), false, true
			c.detail += fmt.Sprintf(" But %s is not to be believed for most of that time (%s).", logger(s.device), strings.ReplaceAll(why, "_", " "))
		}
	}
	return causes
}

// keptWithoutDoubted are the broken rules that only readings broke which are not to be believed. What such
// readings add to a rule's account is measured on the log of the journey, with them and without.
func (e *Engine) keptWithoutDoubted(s *instrument, p *ledger.Policy, uses []coldchain.Use) []coldchain.Rule {
	if share, _ := s.monitor.Doubted(s.first, s.last); share == 0 {
		return nil
	}
	with, without := coldchain.NewEvaluator(*p, e.model.p.Hold), coldchain.NewEvaluator(*p, e.model.p.Hold)
	r := s.log.Readings()
	for i, at := range r.Times {
		with.Observe(at, r.Values[i])
		until := s.last
		if i+1 < len(r.Times) {
			until = r.Times[i+1]
		}
		if share, _ := s.monitor.Doubted(at, until); share > 0 {
			without.Break(at)
		} else {
			without.Observe(at, r.Values[i])
		}
	}
	all, trusted := with.Uses(true), without.Uses(true)
	var kept []coldchain.Rule
	for _, u := range uses {
		of := func(o coldchain.Use) bool { return o.Rule == u.Rule }
		i, k := slices.IndexFunc(all, of), slices.IndexFunc(trusted, of)
		switch {
		case !u.Exceeded || i < 0:
		case k < 0:
			kept = append(kept, u.Rule)
		default:
			left := u.Used - max(0, all[i].Used-trusted[k].Used)
			if left < u.Allowed || left == u.Allowed && u.Rule != coldchain.Frozen {
				kept = append(kept, u.Rule)
			}
		}
	}
	return kept
}

// worsened has one cause for each code, the one that speaks the most against the shipment.
func worsened(causes []cause, c cause) []cause {
	i := slices.IndexFunc(causes, func(o cause) bool { return o.code == c.code })
	switch {
	case i < 0:
		causes = append(causes, c)
	case c.severity > causes[i].severity:
		causes[i] = c
	}
	return causes
}

// used grades how a rule's allowance was used, false if that is not to be told.
func (e *Engine) used(u coldchain.Use, p *ledger.Policy) (cause, bool) {
	c := cause{code: string(u.Rule), from: u.From, to: u.To, detail: tell(u, p), exceeded: u.Exceeded}
	own, ok := e.model.p.severity(c.code)
	switch {
	case !ok:
		return c, false
	case u.Exceeded && u.Rule == coldchain.MKTExceeded:
		c.severity = own // degrees over a limit are no multiple of an allowance
		c.counter = clears(u, p)
	case u.Exceeded:
		c.severity = graded(own, u.Used, u.Allowed)
		c.counter = clears(u, p)
	case u.Rule == coldchain.MKTExceeded:
		return c, false
	default:
		c.severity = e.model.p.Within * min(Million, share(u.Used, u.Allowed)) / Million
	}
	return c, true
}

// alarmed grades an alarm of the model's. It asks for an inspection however long it is: what the goods bear is the
// policy's to say.
func (e *Engine) alarmed(u coldchain.AlarmUse) (cause, bool) {
	own, ok := e.model.p.severity(u.Level.Code)
	c := cause{code: u.Level.Code, from: u.From, to: u.To, count: u.Readings, exceeded: u.Exceeded}
	side, back := "At or above", "below"
	if u.Level.Below {
		side, back = "At or below", "above"
	}
	kind := "without a break"
	if u.Level.Cumulative {
		kind = "in all"
	}
	c.detail = fmt.Sprintf("%s %s for %s %s, furthest %s; an alarm of this kind is %s.", side, degrees(u.Level.At), span(u.Used), kind, degrees(u.Worst), span(int64(u.Level.For)))
	if u.Exceeded {
		c.severity = own
		less := spanUp(u.Used - int64(u.Level.For) + 1) // an alarm is for at least its time
		if u.Level.Cumulative {
			c.counter = fmt.Sprintf("%s less %s %s in all would have raised no alarm.", less, strings.ToLower(side), degrees(u.Level.At))
		} else {
			c.counter = fmt.Sprintf("Back %s %s %s earlier%s would have raised no alarm.", back, degrees(u.Level.At), less, each(u.Times))
		}
	} else {
		c.severity = e.model.p.Within * min(Million, share(u.Used, int64(u.Level.For))) / Million
	}
	return c, ok
}

// clears is what would have kept a broken rule.
func clears(u coldchain.Use, p *ledger.Policy) string {
	over := u.Used - u.Allowed
	if u.Rule == coldchain.Frozen {
		over++ // it is broken by the time itself, the others by more
	}
	earlier := spanUp(over) + " earlier" + each(u.Times)
	switch u.Rule {
	case coldchain.AboveRange:
		return fmt.Sprintf("Back at %s or below %s would have kept the allowance.", degrees(p.ExcursionHigh), earlier)
	case coldchain.BelowRange:
		return fmt.Sprintf("Back at %s or above %s would have kept the allowance.", degrees(p.ExcursionLow), earlier)
	case coldchain.ExcursionBudget:
		return fmt.Sprintf("%s less outside %s to %s in all would have kept the allowance.", spanUp(over), degrees(p.Low), degrees(p.High))
	case coldchain.MKTExceeded:
		return fmt.Sprintf("A mean kinetic temperature lower by %s would have kept the limit.", exactly(u.Worst-p.MKTMax))
	case coldchain.Frozen:
		if p.FreezeBelow == nil {
			return ""
		}
		return fmt.Sprintf("Back above %s %s would have kept the allowance.", degrees(*p.FreezeBelow), earlier)
	default:
		return ""
	}
}

func tell(u coldchain.Use, p *ledger.Policy) string {
	allows := fmt.Sprintf("the policy %s/%d allows %s", p.ID, p.Version, span(u.Allowed))
	switch u.Rule {
	case coldchain.AboveRange:
		return fmt.Sprintf("Above %s for %s without a break, highest %s; %s.", degrees(p.ExcursionHigh), span(u.Used), degrees(u.Worst), allows)
	case coldchain.BelowRange:
		return fmt.Sprintf("Below %s for %s without a break, lowest %s; %s.", degrees(p.ExcursionLow), span(u.Used), degrees(u.Worst), allows)
	case coldchain.ExcursionBudget:
		return fmt.Sprintf("Outside %s to %s for %s in all, furthest %s; %s.", degrees(p.Low), degrees(p.High), span(u.Used), degrees(u.Worst), allows)
	case coldchain.MKTExceeded:
		return fmt.Sprintf("Mean kinetic temperature %s over %s; the policy %s/%d allows %s.", exactly(u.Worst), span(int64(u.To-u.From)), p.ID, p.Version, exactly(p.MKTMax))
	case coldchain.Frozen:
		freeze := int32(0)
		if p.FreezeBelow != nil {
			freeze = *p.FreezeBelow
		}
		return fmt.Sprintf("At or below %s for %s, lowest %s: the goods may have frozen; %s.", degrees(freeze), span(u.Used), degrees(u.Worst), allows)
	default:
		return ""
	}
}

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

// journeyCauses are what does not fit in where it went and what measured it.
func (e *Engine) journeyCauses() []cause {
	var causes []cause
	if shipped, received, ok := e.diverted(); ok {
		own, _ := e.model.p.severity(CodeDiverted)
		causes = append(causes, cause{
			code: CodeDiverted, severity: own, from: e.shippedAt(), to: received.at, count: 1,
			detail:  fmt.Sprintf("Received at %s, but it was shipped to %s.", place(received.places[0]), place(shipped.places[0])),
			counter: fmt.Sprintf("Receipt at %s, or a shipping event for where it was received, would have cleared it.", place(shipped.places[0])),
		})
	}
	if old, b, ok := e.swapped(); ok {
		own, _ := e.model.p.severity(CodeLoggerSwapped)
		causes = append(causes, cause{
			code: CodeLoggerSwapped, severity: own, from: b.at, to: b.at, count: 1,
			detail:  fmt.Sprintf("%s was put in the place of %s on the way, between shipping and receipt.", capital(logger(b.device)), logger(old)),
			counter: "One logger from shipping to receipt, or a second beside it, would have cleared it.",
		})
	}
	return causes
}

// diverted gives the shipping and the receipt that do not fit, if both say where.
func (e *Engine) diverted() (shipped, received move, ok bool) {
	if len(e.shipped) == 0 || len(e.received) == 0 {
		return shipped, received, false
	}
	// Shipped on from where it was sent: the last destination counts.
	shipped, received = e.shipped[len(e.shipped)-1], e.received[len(e.received)-1]
	ok = len(shipped.places) > 0 && len(received.places) > 0 &&
		!slices.ContainsFunc(received.places, func(p string) bool { return slices.Contains(shipped.places, p) })
	return shipped, received, ok
}

// shippedAt is when it was shipped first.
func (e *Engine) shippedAt() ledger.Millis {
	var at ledger.Millis
	for i, m := range e.shipped {
		if i == 0 || m.at < at {
			at = m.at
		}
	}
	return at
}

// swapped finds a device that was bound under way, between shipping and receipt, when another was
// removed under way that had been bound before. A second logger beside the first is no exchange.
func (e *Engine) swapped() (old string, b bind, ok bool) {
	if len(e.shipped) == 0 {
		return "", bind{}, false
	}
	begun := e.shippedAt()
	underWay := func(at ledger.Millis) bool { return at > begun && (!e.isEnded || at < e.endedAt) }
	for _, b := range e.binds {
		if !underWay(b.at) {
			continue
		}
		for _, o := range e.binds {
			if o.device != b.device && o.at < b.at &&
				slices.ContainsFunc(e.unbinds, func(u bind) bool { return u.device == o.device && u.at > o.at && underWay(u.at) }) {
				return o.device, b, true
			}
		}
	}
	return "", bind{}, false
}

// findingCauses has one cause for each code, by the first finding of it.
func (e *Engine) findingCauses() []cause {
	var causes []cause
	var more []int
	for _, f := range e.findings {
		code, severity := e.model.p.finding(f)
		if i := slices.IndexFunc(causes, func(c cause) bool { return c.code == code }); i >= 0 {
			more[i]++
			continue
		}
		causes = append(causes, cause{
			code: code, severity: severity, detail: bounded(f.Detail, ledger.MaxReasonTextBytes-40), count: 1,
			counter: "It is closed when an event is recorded that explains it, or when one of its events is declared in error by who recorded it.",
		})
		more = append(more, 0)
	}
	for i, n := range more {
		if n > 0 {
			causes[i].detail += fmt.Sprintf(" And %d more of the kind.", n)
			causes[i].count += int64(n)
		}
	}
	return causes
}

// degrees writes thousandths of a degree with one decimal, halves away from zero.
func degrees(milli int32) string {
	v, sign := int64(milli), ""
	if v < 0 {
		v, sign = -v, "−"
	}
	v = (v + 50) / 100
	if v == 0 {
		sign = ""
	}
	return fmt.Sprintf("%s%d.%d °C", sign, v/10, v%10)
}

// exactly writes thousandths of a degree with all three decimals.
func exactly(milli int32) string {
	v, sign := int64(milli), ""
	if v < 0 {
		v, sign = -v, "−"
	}
	return fmt.Sprintf("%s%d.%03d °C", sign, v/1000, v%1000)
}

// each says that something holds for more than one time.
func each(times int64) string {
	if times > 1 {
		return " each time"
	}
	return ""
}

// spanUp writes a time that is no shorter than milliseconds: whole minutes, and of two days or more whole hours.
func spanUp(ms int64) string {
	unit := int64(60_000)
	if ms > 48*60*unit {
		unit *= 60
	}
	return span(max(1, (ms+unit-1)/unit) * unit)
}

// span writes milliseconds as a person says them.
func span(ms int64) string {
	minutes := ms / 60_000
	switch {
	case ms <= 0:
		return "no time"
	case ms < 60_000:
		return fmt.Sprintf("%d s", max(1, ms/1000))
	case minutes < 60:
		return fmt.Sprintf("%d min", minutes)
	case minutes < 48*60 && minutes%60 != 0:
		return fmt.Sprintf("%d h %d min", minutes/60, minutes%60)
	case minutes < 48*60:
		return fmt.Sprintf("%d h", minutes/60)
	case minutes/60%24 != 0:
		return fmt.Sprintf("%d days %d h", minutes/1440, minutes/60%24)
	default:
		return fmt.Sprintf("%d days", minutes/1440)
	}
}

// logger names a device by the end of its identifier.
func logger(device string) string {
	if device == "" {
		return "the sensor"
	}
	if i := strings.LastIndexByte(device, '/'); i >= 0 && i+1 < len(device) {
		device = device[i+1:]
	}
	return "logger " + bounded(device, 60)
}

// place names a GLN by its digits.
func place(key string) string {
	if i := strings.LastIndex(key, "/414/"); i >= 0 {
		return "the place with GLN " + bounded(key[i+len("/414/"):], 60)
	}
	return bounded(key, 120)
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
