package protocolsim

import (
	"slices"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// watcher is an honest player that looks, one of them at random; nil if nobody does.
func (g *game) watcher() *part {
	var awake []*part
	for _, p := range g.honest() {
		if g.r.Float64() < float64(g.watch) {
			awake = append(awake, p)
		}
	}
	if len(awake) == 0 {
		return nil
	}
	return awake[g.r.IntN(len(awake))]
}

func (g *game) settle(opener string) error {
	view, err := g.w.View(g.id)
	if err != nil {
		return err
	}
	if len(standing(view)) > 0 {
		// A claim holds up the task, so that who settles it looks into the log, even if nobody else looks at anything.
		who := opener
		if watcher := g.watcher(); watcher != nil {
			who = watcher.player.Name
		}
		if err = g.refute(who); err != nil {
			return err
		}
	}
	op := ledger.TaskOperation{}
	who := opener
	if slices.ContainsFunc(view.Reveals, func(r ledger.Reveal) bool { return r.Answer != g.task.Truth.Answer }) {
		if watcher := g.watcher(); watcher != nil {
			who, op.Challenge = watcher.player.Name, &ledger.ChallengeTask{Task: g.id}
		}
	}
	if op.Challenge == nil {
		if len(view.Reveals) < len(view.Closing.Committed) {
			g.w.Advance(g.w.Policy.RevealFor)
		}
		op.Settle = &ledger.SettleTask{Task: g.id, Verdict: g.verdictOf(most(view))}
	}
	if err = g.must(who, op); err != nil {
		return err
	}
	if view, err = g.w.View(g.id); err != nil || view.Phase() != ledger.TaskProvisional {
		return err
	}
	g.w.Advance(g.w.Policy.ChallengeFor)
	err = g.must(opener, ledger.TaskOperation{Settle: &ledger.SettleTask{Task: g.id, Verdict: g.verdictOf(&view.Provisional.Answer)}})
	return err
}

// verdictOf is the whole of a verdict that gives an answer, nil if nobody has it.
func (g *game) verdictOf(answer *ledger.TaskAnswer) *ledger.Verdict {
	if answer == nil {
		return nil
	}
	if *answer == g.task.Truth.Answer {
		return &g.task.Truth.Verdict
	}
	for _, p := range g.all {
		if p.verdict != nil && p.answer == *answer {
			return p.verdict
		}
	}
	return nil
}

// most is the answer of the most revealed stake, nil if nobody revealed.
func most(v ledger.TaskView) *ledger.TaskAnswer {
	sums := map[ledger.TaskAnswer]ledger.Credits{}
	var best *ledger.TaskAnswer
	for _, r := range v.Reveals {
		seat, _ := v.Task.Seat(r.Account)
		sums[r.Answer] += seat.Weight
		if best == nil || sums[r.Answer] > sums[*best] {
			best = &r.Answer
		}
	}
	return best
}

func (g *game) expire(opener string) error {
	view, err := g.w.View(g.id)
	if err != nil {
		return err
	}
	if len(view.Reveals) == len(view.Closing.Committed) {
		return nil
	}
	if until := g.w.Policy.SilenceAt(*view.Closing) - g.w.Now(); until > 0 {
		g.w.Advance(until)
	}
	who := opener
	if watcher := g.watcher(); watcher != nil {
		who = watcher.player.Name
	}
	err = g.must(who, ledger.TaskOperation{Expire: &g.id})
	return err
}
