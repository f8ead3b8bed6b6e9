package score

import (
	"cmp"
	"slices"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/analytics/calibrate"
	"github.com/waybill-dev/waybill/analytics/canon"
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
