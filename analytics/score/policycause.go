package score

import (
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/analytics/coldchain"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

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
