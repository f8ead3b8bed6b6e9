package panel

import (
	"bytes"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// Where the policy has each scorer answer by its own model, a task is the same list without a model: what a window rests on
// and when it closes follow from the ledger alone, whatever the model. The median of the answers is final, each scorer's own
// verdict is written beside it, and who was how right is settled by an inspection of the shipment, if there is one.

// maxBlends bounds the shipments whose last final blend waits for an inspection, and the inspections that are to be told; of
// more the oldest are left to whoever tells them by hand.
const maxBlends = 1 << 16

// blend is the last final blend on a shipment.
type blend struct {
	task   ledger.Digest
	window uint32
	at     ledger.Millis // when it was final
}

// truth is an inspection of a shipment with a final blend that the ledger is to be told of.
type truth struct {
	task, event ledger.Digest
	shipment    string
	since       time.Time
	attempt     attempt
}

// blends are what waits for inspections.
type blends struct {
	last   *canon.Recent[blend]  // by shipment
	truths *canon.Recent[*truth] // by task
}

func newBlends() blends {
	return blends{last: canon.NewRecent[blend](), truths: canon.NewRecent[*truth]()}
}

// own reports whether the policy in force has each scorer answer by its own model.
func (b *book) own() bool { return b.policies[b.inForce].Blend.Own }

// form gives the statement of a verdict as tasks are by the policy in force.
func (b *book) form(s ledger.TaskStatement, v ledger.Verdict) *ledger.TaskStatement {
	switch {
	case b.own():
		s.Model, s.Inputs = "", ledger.Digest{}
	case s.Model == "":
		s.Model, s.Inputs = v.Model, v.Inputs
	}
	return &s
}

// reform has the rounds that are not opened be of what the policy in force asks for. All scorers do so at the same block.
func (b *book) reform() {
	var others []*round
	for e := b.order.Front(); e != nil; e = e.Next() {
		if r := e.Value.(*round); r.view.Phase() == ledger.TaskAbsent && r.blended() != b.own() {
			others = append(others, r)
		}
	}
	for _, r := range others {
		s := b.form(*r.statement, r.verdict)
		id, err := wire.TaskDigest(*s)
		if err != nil {
			continue // it was one before
		}
		b.drop(r)
		b.insert(&round{id: id, window: r.window, statement: s, verdict: r.verdict, answer: r.answer, due: r.due, since: r.since, live: r.live})
	}
}

// blended reports whether each scorer answers by its own model.
func (r *round) blended() bool {
	if r.statement != nil {
		return r.statement.Model == ""
	}
	return r.view.Task.Statement.Model == ""
}

// blending brings a blend to its end, once all have revealed or the time for it is over: no answer is wrong.
func (r *round) blending(b *book) step {
	from := r.since
	if len(r.view.Reveals) < len(r.view.Closing.Committed) {
		from = later(from, stamp(r.view.Closing.RevealBy))
	}
	return step{deed: doSettle, at: b.turn(r.id, doSettle, r.agreeing(), from), operations: []ledger.TaskOperation{{Settle: &ledger.SettleTask{Task: r.id}}}}
}

// beside has this scorer's own verdict written beside what is final of several, where that is what it answered: of windows
// that were judged before it took part, or by another model, it says nothing.
func (b *book) beside(r *round) {
	if slices.ContainsFunc(r.view.Reveals, func(v ledger.Reveal) bool { return v.Account == b.account && v.Answer == r.answer }) {
		b.alone = append(b.alone, r.verdict)
	}
}

// strangeBlend takes notice of a task of no model that is none of this scorer's. It commits to none such, and less than half of
// the stake takes none to its end.
func (b *book) strangeBlend(t ledger.ScoringTask) {
	if s := t.Statement; b.cfg.Scorer.Partition.Holds(s.Shipment) {
		b.stats.Strange++
		b.log.Warn("another task than this scorer's", "shipment", s.Shipment, "window", s.Window, "task", t.ID.String(), "by", t.By.String())
	}
}

// blendFinal takes a final blend: the last one of its shipment waits for an inspection.
func (b *book) blendFinal(f ledger.FinalVerdict) {
	if f.By != ledger.SettledBlend || !b.cfg.Scorer.Partition.Holds(f.Shipment) {
		return
	}
	if before, ok := b.blends.last.Get(f.Shipment); ok && before.window > f.Window {
		return
	}
	b.blends.last.Put(f.Shipment, blend{task: f.Task, window: f.Window, at: f.At})
	trim(b.blends.last, maxBlends)
}

// inspections takes what events say of shipments with a final blend, and what the ledger has been told of that.
func (b *book) inspections(tx wire.Transaction, now time.Time) {
	for i := range tx.Events {
		if e := &tx.Events[i]; b.blends.last.Len() > 0 && mayInspect(e) {
			b.inspected(e, now)
		}
	}
	for _, hash := range tx.Withdrawn {
		for _, t := range b.blends.truths.All {
			if t.event == hash {
				b.blends.truths.Remove(t.task.String())
				break
			}
		}
	}
	for _, told := range tx.Scoring.Inspections {
		b.settledTruth(told.Task)
	}
}

// mayInspect tells cheaply what is no inspection.
func mayInspect(e *wire.RecordedEvent) bool {
	return len(e.Context) > 0 || bytes.Contains(e.Body, []byte("inspecting")) || bytes.Contains(e.Body, []byte(`\u`))
}

func (b *book) inspected(e *wire.RecordedEvent, now time.Time) {
	parsed, err := epcis.ParseEvent(e.Context, e.Body)
	if err != nil {
		return // the contract would not take it either
	}
	for _, item := range parsed.Items() {
		last, ok := b.blends.last.Get(item.Canonical)
		if !ok || e.Record.RecordedAt < last.at || e.Record.DeclaredInError {
			continue
		}
		if _, ok = ledger.InspectionOf(parsed, item.Canonical); !ok {
			continue
		}
		if _, ok = b.blends.truths.Get(last.task.String()); ok {
			continue // the first says what was so
		}
		b.blends.truths.Put(last.task.String(), &truth{task: last.task, event: e.Hash, shipment: item.Canonical, since: now})
		trim(b.blends.truths, maxBlends)
	}
}

// settledTruth forgets a blend that an inspection has settled.
func (b *book) settledTruth(task ledger.Digest) {
	t, ok := b.blends.truths.Get(task.String())
	if !ok {
		// Another event settled it, or this one before it was read here: its shipment is not known, and what is
		// said of it again does nothing.
		for shipment, last := range b.blends.last.All {
			if last.task == task {
				b.blends.last.Remove(shipment)
				break
			}
		}
		return
	}
	b.blends.truths.Remove(task.String())
	if last, ok := b.blends.last.Get(t.shipment); ok && last.task == task {
		b.blends.last.Remove(t.shipment)
	}
}

// step tells the ledger of the inspection, in turn.
func (t *truth) step(b *book) step {
	var all []ledger.Digest
	for account, s := range b.scorers {
		if s.Active {
			all = append(all, account)
		}
	}
	return step{deed: doInspect, at: b.turn(t.task, doInspect, all, t.since), operations: []ledger.TaskOperation{{Inspect: &ledger.InspectTask{Task: t.task, Event: t.event}}}}
}

// told takes the answer to what the ledger was told of an inspection. A peer that is behind knows the event later.
func (t *truth) told(b *book, answers []wire.Answer, err error, now time.Time) {
	t.attempt.flying = false
	refused := refusalOf(answers)
	if err == nil && refused == nil {
		t.attempt.after = now.Add(unseen)
		return
	}
	t.attempt.tries++
	t.attempt.after = now.Add(min(retryFirst<<min(t.attempt.tries-1, 8), retryMost))
	passing := []string{ledger.CodeNotFound, ledger.CodeTaskState, ledger.CodeClockSkew}
	if err == nil && (!slices.Contains(passing, refused.Code) || t.attempt.tries >= patience) {
		b.stats.Refused++
		b.log.Warn("the ledger takes no inspection for the truth of a blend", "task", t.task.String(), "event", t.event.String(), "shipment", t.shipment,
			"code", refused.Code, "message", refused.Message)
		b.blends.truths.Remove(t.task.String())
	}
}

// code writes or reads what waits for inspections; since is when reading.
func (w blends) code(c *canon.Coder, since time.Time) {
	w.last.Code(c, maxBlends, func(c *canon.Coder, l *blend) {
		c.Raw(l.task[:])
		canon.Uint(c, &l.window)
		canon.Int(c, &l.at)
	})
	w.truths.Code(c, maxBlends, func(c *canon.Coder, t **truth) {
		if c.Reading() {
			*t = &truth{since: since}
		}
		c.Raw((*t).task[:])
		c.Raw((*t).event[:])
		canon.String(c, &(*t).shipment, maxSavedPart)
	})
}
