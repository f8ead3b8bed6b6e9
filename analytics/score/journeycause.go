package score

import (
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

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
