package protocolsim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Attack plays a round in which every scorer but one lies and works together, and the one challenges. The liars choose at
// random whether they give one lie or several, whether they shut the honest scorer out by saying a later time than it is,
// whether they open a task that leaves a segment or an event out, or puts an event where the ledger does not have it,
// whether one of them claims falsely that the right list leaves something out, and when, and settle before the honest
// scorer has its turn. Where their list is not the window the honest scorer voids their task and opens the right one, on
// which they lie again. Two of three keepers anchor the proof log, the third anchors something else.
func (w *World) Attack(task Task, players []Player, honest int, r *rand.Rand) (Outcome, error) {
	w.anchoring = Keepers()[:2]
	p, err := w.scheme(task, r)
	if err != nil {
		return Outcome{}, err
	}
	if p == nil {
		return w.attack(task, players, honest, nil, r)
	}
	first, err := w.attack(p.task, players, honest, p, r)
	if err != nil || first.Final != nil {
		first.Wrong = first.Final != nil // whatever it says, it rests on what is not the window
		return first, err
	}
	if first.By != p.voids {
		return first, fmt.Errorf("%w: a list that is not the window ended by %s in phase %s", ErrRefused, first.By, first.Phase)
	}
	out, err := w.attack(task, players, honest, nil, r)
	out.Ended, out.Vain = first.By, first.Vain
	return out, err
}

// scheme is a task whose list is not the window, and how whoever knows the right one has it voided.
type scheme struct {
	task    Task
	omitted *ledger.ChallengeTask // the claim of what it leaves out; nil: the log shows that it is in another order
	voids   ledger.SettledBy
}

// scheme makes a list that is not the window, as liars would; nil for one that is, which liars choose as well.
func (w *World) scheme(task Task, r *rand.Rand) (*scheme, error) {
	const shipping, last = 2, 3 // the references of every shipment: policy, association, shipping, segments
	p := scheme{task: task, voids: ledger.SettledOmission}
	s := &p.task.Statement
	s.References = slices.Clone(s.References)
	segments := s.References[last]
	switch choice := r.IntN(4); {
	case choice == 0:
		return nil, nil
	case choice == 1 && segments.Last > segments.First:
		first := w.Tasks[slices.IndexFunc(w.Tasks, func(t Task) bool { return t.Statement.Shipment == s.Shipment && t.Statement.Window == 0 })]
		p.omitted = &ledger.ChallengeTask{Omitted: &first.Statement.References[last], At: last}
		s.References[last].First, s.Window = segments.Last, 0
	case choice == 3:
		p.voids = ledger.SettledNoWindow
		var err error
		p.task, err = w.disordered(task, r)
		return &p, err
	default:
		event := s.References[shipping]
		p.omitted = &ledger.ChallengeTask{Omitted: &event, At: shipping}
		s.References = slices.Delete(s.References, shipping, shipping+1)
	}
	return &p, w.rule(&p.task)
}

// rule has the engine rule on a task that liars made.
func (w *World) rule(task *Task) error {
	ruling, err := w.Judge(task.Statement)
	if err == nil && ruling.Fault != "" {
		err = fmt.Errorf("%w: %s", ErrRefused, ruling.Fault)
	}
	task.Statement.Inputs, task.Truth = ruling.Inputs, ruling
	return err
}

// disordered puts an event into a task's list where the ledger does not have it, so that the window still closes.
func (w *World) disordered(task Task, r *rand.Rand) (Task, error) {
	list, first := task.Statement.References, r.IntN(len(task.Decoys))
	for i := range task.Decoys {
		d := task.Decoys[(first+i)%len(task.Decoys)]
		task.Statement.References = slices.Insert(slices.Clone(list), int(d.At), d.Event)
		if err := w.rule(&task); !errors.Is(err, ErrRefused) {
			return task, err
		}
	}
	return task, fmt.Errorf("%w: the window closes with none of its decoys", ErrRefused)
}

// reorder has those who play so open a task in another order, and the others show it with the log. It gives the players as
// they go on with the right task.
func (w *World) reorder(task Task, players []Player, r *rand.Rand) ([]Player, error) {
	wrong, err := w.disordered(task, r)
	if err != nil {
		return nil, err
	}
	g := game{w: w, task: wrong, r: r}
	if g.id, err = wire.TaskDigest(wrong.Statement); err != nil {
		return nil, err
	}
	cast, after := slices.Clone(players), slices.Clone(players)
	first := -1
	for i, p := range players {
		if p.Strategy != Reorder {
			cast[i].Strategy, first = Latecomer, i // it takes no part in what is not the window
			continue
		}
		after[i].Strategy = Honest
	}
	if err = g.parts(cast); err != nil {
		return nil, err
	}
	if err = g.rush(first, true); err != nil {
		return nil, err
	}
	if err = g.misplaced(players[first].Name); err != nil {
		return nil, err
	}
	if view, err := w.View(g.id); err != nil || view.Phase() != ledger.TaskVoid {
		return nil, fmt.Errorf("%w: a list in another order ended in phase %s: %w", ErrRefused, view.Phase(), err)
	}
	return after, nil
}

// misplaced has a player show with the log that the list is not in ledger order.
func (g *game) misplaced(who string) error {
	if err := g.anchor(); err != nil {
		return err
	}
	order, err := g.w.Misplaced(g.task.Statement)
	if err != nil {
		return err
	}
	if order == nil {
		return fmt.Errorf("%w: the list is in ledger order", ErrRefused)
	}
	return g.must(who, ledger.TaskOperation{Challenge: &ledger.ChallengeTask{Task: g.id, Order: order}})
}

// attack plays the liars' moves on one task, and what the honest scorer does about it. p is nil for a task that is the window.
func (w *World) attack(task Task, players []Player, honest int, p *scheme, r *rand.Rand) (Outcome, error) {
	g := game{w: w, task: task, watch: 1, r: r}
	var err error
	if g.id, err = wire.TaskDigest(task.Statement); err != nil {
		return Outcome{}, err
	}
	// A task closes with more than half of the stake, so that where a liar objects, the honest scorer is let in.
	shut := r.IntN(2) == 0
	claims := never
	if p == nil && !shut {
		claims = moment(r.IntN(int(atLast) + 1))
	}
	if err = g.parts(g.cast(players, honest, p, claims)); err != nil {
		return Outcome{}, err
	}
	g.claims = claims
	if err = g.rush(honest, shut); err != nil {
		return Outcome{}, err
	}
	who := players[honest].Name
	if err = g.turn(honest); err == nil {
		err = g.answer(who, p)
	}
	if err == nil && claims == afterTurn {
		err = g.object()
	}
	if err == nil {
		err = g.turn(honest)
	}
	if err == nil {
		err = g.refute(who)
	}
	if err != nil {
		return Outcome{}, err
	}
	g.w.Advance(w.Policy.RevealFor + w.Policy.ChallengeFor)
	if claims == atLast {
		if err = g.object(); err == nil {
			err = g.turn(honest)
		}
		if err == nil {
			err = g.refute(who)
		}
		if err != nil {
			return Outcome{}, err
		}
	}
	for range 2 {
		for _, p := range g.all {
			if err = g.end(p, 0); err != nil {
				return Outcome{}, err
			}
		}
		g.w.Advance(w.Policy.ChallengeFor)
	}
	out, _, err := g.outcome()
	out.Vain = g.vain
	return out, err
}

// moment is when a liar claims that something is left out.
type moment int

const (
	never     moment = iota
	atReveal         // after the first answer
	afterTurn        // after the honest scorer has had its turn
	atLast           // when the time to challenge is over
)

// cast gives the players their parts.
func (g *game) cast(players []Player, honest int, p *scheme, claims moment) []Player {
	cast := slices.Clone(players)
	several := g.r.IntN(4) == 0
	objector := (honest + 1 + g.r.IntN(len(players)-1)) % len(players)
	for i := range cast {
		switch {
		case i == honest && p == nil:
			cast[i].Strategy = Honest
		case i == honest:
			cast[i].Strategy = Latecomer // it takes no part in what is not the window
		case p != nil:
			cast[i].Strategy = Honest // on what is left, the engine's answer serves the liars
		case i == objector && claims != never:
			cast[i].Strategy = Objector
		case several:
			cast[i].Strategy = Random
		default:
			cast[i].Strategy = Cartel
		}
	}
	return cast
}

// turn lets time pass until the honest scorer's turn, within the time to challenge or to refute less what the liars gained on
// the clock, and has the liars try to settle just before.
func (g *game) turn(honest int) error {
	g.w.Advance(ledger.Millis(g.r.Int64N(int64(g.w.Policy.ChallengeFor) - 2*int64(g.w.Policy.ClockSkew()) - int64(g.w.anchorEvery()))))
	return g.settleAll(honest)
}

// settleAll has the liars try to settle at the latest time that they can say.
func (g *game) settleAll(honest int) error {
	for i, p := range g.all {
		if i == honest {
			continue
		}
		if err := g.end(p, g.skewed()); err != nil {
			return err
		}
	}
	return nil
}

// answer is the honest scorer's turn: it refutes what is false, has answers that are not the engine's re-executed, and a list
// that is not the window voided. The liars then try to refute a claim that is true.
func (g *game) answer(who string, p *scheme) error {
	if err := g.refute(who); err != nil {
		return err
	}
	switch {
	case p == nil:
		_, err := g.try(who, ledger.TaskOperation{Challenge: &ledger.ChallengeTask{Task: g.id}})
		return err
	case p.omitted == nil:
		return g.misplaced(who)
	}
	challenge := *p.omitted
	challenge.Task = g.id
	if err := g.must(who, ledger.TaskOperation{Challenge: &challenge}); err != nil {
		return err
	}
	return g.disprove(who)
}

// disprove has every other player try to refute every claim that stands with whatever the log has. The claims are true.
func (g *game) disprove(claimant string) error {
	view, err := g.w.View(g.id)
	if err == nil {
		err = g.anchor()
	}
	if err != nil {
		return err
	}
	for _, c := range standing(view) {
		attempts, err := g.w.refutations(view.Task.Statement, c)
		if err != nil {
			return err
		}
		for _, a := range attempts {
			if a.operation.Proof, err = g.w.Prove(a.keys...); err != nil {
				return err
			}
			for _, p := range g.all {
				if p.player.Name == claimant {
					continue
				}
				answer, err := g.try(p.player.Name, ledger.TaskOperation{Refute: &a.operation})
				if err != nil {
					return err
				}
				g.vain++
				if answer.Status != ledger.StatusRefused {
					return fmt.Errorf("%w: a claim that is true was refuted by reference %d", ErrRefused, a.operation.Reference)
				}
			}
		}
	}
	return nil
}

// rush has the liars open, commit, close, reveal and settle as fast as they can; shut leaves the honest scorer no time
// to commit.
func (g *game) rush(honest int, shut bool) error {
	opener := g.all[(honest+1)%len(g.all)].player.Name
	if err := g.must(opener, ledger.TaskOperation{Open: &g.task.Statement}); err != nil {
		return err
	}
	for i, p := range g.all {
		switch p.player.Strategy {
		case Latecomer, Objector:
			p.commits = false
		default:
			p.commits = i != honest || !shut
		}
		if !p.commits {
			continue
		}
		own, err := wire.CommitmentOf(g.id, g.w.Account(p.player.Name), p.answer, p.nonce)
		if err != nil {
			return err
		}
		if err = g.must(p.player.Name, ledger.TaskOperation{Commit: &ledger.CommitAnswer{Task: g.id, Commitment: own}}); err != nil {
			return err
		}
	}
	g.w.Advance(max(g.w.Policy.CommitFor-g.w.Policy.ClockSkew()+1, 0)) // what no choice of time gains
	if _, err := recorded(g.w.ScoreAt(opener, g.skewed(), ledger.TaskOperation{Close: &g.id})); err != nil {
		return err
	}
	claimed := false
	for _, p := range g.all {
		if !p.commits {
			continue
		}
		if err := g.must(p.player.Name, ledger.TaskOperation{Reveal: &ledger.RevealAnswer{Task: g.id, Answer: p.answer, Nonce: p.nonce}}); err != nil {
			return err
		}
		if claimed || g.claims != atReveal {
			continue
		}
		if err := g.object(); err != nil {
			return err
		}
		claimed = true
	}
	for range 2 {
		if err := g.settleAll(honest); err != nil {
			return err
		}
	}
	return nil
}

// skewed is about the most that a submitter gains by its choice of time.
func (g *game) skewed() time.Duration {
	return time.Duration(g.w.Policy.ClockSkew())*time.Millisecond - time.Millisecond
}

// end tries to settle with what a player says.
func (g *game) end(p *part, skew time.Duration) error {
	_, err := g.w.ScoreAt(p.player.Name, skew, ledger.TaskOperation{Settle: &ledger.SettleTask{Task: g.id, Verdict: p.verdict}})
	return err
}
