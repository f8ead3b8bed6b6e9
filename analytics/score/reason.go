package score

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/analytics/coldchain"
	"github.com/waybill-dev/waybill/analytics/detect"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// cause is a reason before it has its share of the score.
type cause struct {
	code     string
	severity int64 // millionths
	from, to ledger.Millis
	detail   string
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

// causes are all that speaks against the shipment so far.
func (e *Engine) causes(final bool) []cause {
	causes := e.policyCauses(final)
	causes = append(causes, e.sensorCauses(final)...)
	causes = append(causes, e.journeyCauses()...)
	causes = append(causes, e.findingCauses()...)
	return slices.DeleteFunc(causes, func(c cause) bool { return c.severity < listed })
}

// policyCauses takes for each rule the series that speaks the most against the shipment.
func (e *Engine) policyCauses(final bool) []cause {
	worst := slices.Clone(e.broken)
	for _, s := range e.series {
		if s.evaluator == nil {
			continue
		}
		for _, u := range s.evaluator.Uses(final) {
			if c, ok := e.used(u, e.policy); ok {
				worst = worsened(worst, c)
			}
		}
	}
	return worst
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
	c := cause{code: string(u.Rule), from: u.From, to: u.To, detail: tell(u, p)}
	own, ok := e.model.p.severity(c.code)
	switch {
	case !ok:
		return c, false
	case u.Exceeded && u.Rule == coldchain.MKTExceeded:
		c.severity = own // degrees over a limit are no multiple of an allowance
	case u.Exceeded:
		c.severity = graded(own, u.Used, u.Allowed)
	case u.Rule == coldchain.MKTExceeded:
		return c, false
	default:
		c.severity = e.model.p.Within * min(Million, share(u.Used, u.Allowed)) / Million
	}
	return c, true
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
		return fmt.Sprintf("Mean kinetic temperature %s over %s; the policy %s/%d allows %s.", degrees(u.Worst), span(int64(u.To-u.From)), p.ID, p.Version, degrees(p.MKTMax))
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

// sensorCauses are what the detectors and the silence of a logger say.
func (e *Engine) sensorCauses(final bool) []cause {
	var drift, stuck, missing cause
	worse := func(to *cause, c cause) {
		if c.severity > to.severity {
			*to = c
		}
	}
	for _, s := range e.series {
		name := logger(s.device)
		if r := s.drift.Result(); r.Alarm || r.Ratio >= Million/2 {
			c := e.detected(CodeDrift, r.Alarm && e.nearsLimit(r), r.Ratio)
			direction := "up"
			if !r.Up {
				direction = "down"
			}
			c.from, c.to = r.From, r.To
			c.detail = fmt.Sprintf("The temperature at %s crept %s for %s, by more than the usual variation explains.", name, direction, span(int64(r.To-r.From)))
			worse(&drift, c)
		}
		if r := s.stuck.Result(); r.Alarm || r.Ratio >= Million/2 {
			c := e.detected(CodeStuck, r.Alarm, r.Ratio)
			c.from, c.to = r.From, r.To
			c.detail = fmt.Sprintf("%s repeated %s for %s: it measured nothing in that time.", capital(name), degrees(int32(r.Shift)), span(int64(r.To-r.From))) //nolint:gosec // a temperature
			worse(&stuck, c)
		}
		if s.gap > e.model.p.Gap {
			own, _ := e.model.p.severity(CodeMissing)
			worse(&missing, cause{
				code: CodeMissing, severity: own, from: s.gapFrom, to: s.gapFrom + s.gap,
				detail: fmt.Sprintf("%s was silent for %s; %s are allowed.", capital(name), span(int64(s.gap)), span(int64(e.model.p.Gap))),
			})
		}
	}
	if final && len(e.binds) > 0 {
		worse(&missing, e.unobserved())
	}
	return []cause{drift, stuck, missing}
}

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
		return c
	}
	for _, silence := range [][2]ledger.Millis{{first.at, begin}, {end, e.endedAt}} {
		length := silence[1] - silence[0]
		if length <= e.model.p.Gap || length <= c.to-c.from {
			continue
		}
		c.severity, c.from, c.to = own, silence[0], silence[1]
		c.detail = fmt.Sprintf("No logger told anything for %s at one end of the journey; %s are allowed.", span(int64(length)), span(int64(e.model.p.Gap)))
	}
	return c
}

// nearsLimit tells whether a drift has used up more than half of the room that lay between where
// the series began and the limit of the recommended range. Temperatures wander inside their limits
// on most real journeys; only what may leave them speaks against the goods. Without a policy
// nothing is known of the goods.
func (e *Engine) nearsLimit(r detect.Result) bool {
	if e.policy == nil {
		return false
	}
	room, shift := int64(e.policy.High)-r.Began, r.Shift
	if !r.Up {
		room, shift = r.Began-int64(e.policy.Low), -r.Shift
	}
	return 2*shift > room
}

// detected grades a detector's result.
func (e *Engine) detected(code string, alarm bool, ratio int64) cause {
	own, _ := e.model.p.severity(code)
	c := cause{code: code, severity: e.model.p.Within * min(Million, ratio) / Million}
	if alarm {
		c.severity = own
	}
	return c
}

// journeyCauses are what does not fit in where it went and what measured it.
func (e *Engine) journeyCauses() []cause {
	var causes []cause
	if e.isReceived && len(e.destinations) > 0 && len(e.places) > 0 && !slices.ContainsFunc(e.places, func(p string) bool { return slices.Contains(e.destinations, p) }) {
		own, _ := e.model.p.severity(CodeDiverted)
		causes = append(causes, cause{
			code: CodeDiverted, severity: own, from: e.shippedAt, to: e.receivedAt,
			detail: fmt.Sprintf("Received at %s, but it was shipped to %s.", place(e.places[0]), place(e.destinations[0])),
		})
	}
	if old, b, ok := e.swapped(); ok {
		own, _ := e.model.p.severity(CodeLoggerSwapped)
		causes = append(causes, cause{
			code: CodeLoggerSwapped, severity: own, from: b.at, to: b.at,
			detail: fmt.Sprintf("%s was put in the place of %s on the way, between shipping and receipt.", capital(logger(b.device)), logger(old)),
		})
	}
	return causes
}

// swapped finds a device that was bound under way, between shipping and receipt, when another was
// removed under way that had been bound before. A second logger beside the first is no exchange.
func (e *Engine) swapped() (old string, b bind, ok bool) {
	if !e.isShipped {
		return "", bind{}, false
	}
	underWay := func(at ledger.Millis) bool { return at > e.shippedAt && (!e.isEnded || at < e.endedAt) }
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
		code := bounded(FindingPrefix+string(f.Code), ledger.MaxReasonCodeBytes)
		if i := slices.IndexFunc(causes, func(c cause) bool { return c.code == code }); i >= 0 {
			more[i]++
			continue
		}
		severity, ok := e.model.p.severity(code)
		if !ok {
			severity, _ = e.model.p.severity(CodeOtherFinding)
		}
		causes = append(causes, cause{code: code, severity: severity, detail: bounded(f.Detail, ledger.MaxReasonTextBytes-40)})
		more = append(more, 0)
	}
	for i, n := range more {
		if n > 0 {
			causes[i].detail += fmt.Sprintf(" And %d more of the kind.", n)
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
