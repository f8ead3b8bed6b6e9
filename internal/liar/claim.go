package liar

import (
	"context"
	"slices"

	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// maxEvents bounds the events of a shipment that are remembered, maxShipments the shipments.
const (
	maxEvents    = 16
	maxShipments = 100_000
)

// collect remembers events by the containers that they name, in the order in which they were recorded.
func (l *Liar) collect(tx wire.Transaction) {
	if !slices.ContainsFunc(l.lies, func(lie Lie) bool { return lie.Way == Denied }) {
		return
	}
	for _, e := range tx.Events {
		parsed, err := epcis.ParseEvent(e.Context, e.Body)
		if err != nil {
			continue
		}
		for _, o := range parsed.Items() {
			known := l.events[o.Canonical]
			if o.Class || o.Role != epcis.RoleEPC || parsed.BizStep == "" || len(known) == maxEvents || known == nil && len(l.events) == maxShipments {
				continue
			}
			l.events[o.Canonical] = append(known, e.Hash)
		}
	}
}

// deny begins a lie about a window that falls due, if there is one to be told and something to be said: an event of the
// shipment that its journey does not rest on, such as one that came before it. No commitment is made then, since whoever
// commits says that the list is whole.
func (l *Liar) deny(task ledger.Digest, due scorer.Due) {
	i := slices.IndexFunc(l.lies, func(lie Lie) bool { return lie.Way == Denied && lie.fits(due.Verdict) })
	if i < 0 || l.account.IsZero() || l.parts[task] != nil {
		return
	}
	references := due.Statement.References
	var claims []ledger.ChallengeTask
	for _, hash := range l.events[due.Verdict.Shipment] {
		if slices.ContainsFunc(references, func(r ledger.Reference) bool { return r.Kind == ledger.RefEvent && r.Digest == hash }) {
			continue
		}
		// Before what closes the window: there the journey is under way for sure.
		at := uint32(len(references) - 1) //nolint:gosec // a list of at most 512
		claims = append(claims, ledger.ChallengeTask{Task: task, Omitted: &ledger.Reference{Kind: ledger.RefEvent, Digest: hash}, At: at})
	}
	p, err := newPart(l.lies[i], task, due.Verdict, ledger.Commitment{})
	if err != nil || len(claims) == 0 {
		return
	}
	p.claims = claims
	l.lies = slices.Delete(l.lies, i, i+1)
	l.parts[task] = p
}

// answeredBy notes that a task has an answer, so that something can be claimed of it.
func (l *Liar) answeredBy(r ledger.Reveal) {
	p := l.parts[r.Task]
	if p == nil || p.Lie.Way != Denied || len(p.claims) == 0 {
		return
	}
	l.accused = append(l.accused, accusation{r.Task, p.claims})
	p.claims = nil
}

// accuse makes the claims whose time has come. What the ledger takes is told; a lie of which it takes nothing is for
// another task to be told of.
func (l *Liar) accuse(ctx context.Context) {
	l.mu.Lock()
	accused := l.accused
	l.accused = nil
	l.mu.Unlock()
	for _, a := range accused {
		said := l.claim(ctx, a.claims)
		l.mu.Lock()
		if p := l.parts[a.task]; said != nil {
			p.Omitted = said.Omitted.Digest
			l.order = append(l.order, a.task)
		} else {
			l.lies = append(l.lies, p.Lie)
		}
		l.mu.Unlock()
	}
}

// claim sends claims until the ledger takes one, and gives that.
func (l *Liar) claim(ctx context.Context, claims []ledger.ChallengeTask) *ledger.ChallengeTask {
	for _, c := range claims {
		answers, err := l.cfg.Ledger.Tasks(ctx, []ledger.TaskOperation{{Challenge: &c}})
		if err == nil && len(answers) == 1 && answers[0].Status != ledger.StatusRefused {
			return &c
		}
	}
	return nil
}
