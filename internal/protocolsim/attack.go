package protocolsim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Attack plays a round in which every scorer but one lies and works together, and the one challenges. The liars choose at
// random whether they give one lie or several, whether they shut the honest scorer out by saying a later time than it is,
// whether they open a task that leaves a segment or an event out, and settle before the honest scorer has its turn. Where they left
// something out the honest scorer voids their task and opens the right one, on which they lie again.
func (w *World) Attack(task Task, players []Player, honest int, r *rand.Rand) (Outcome, error) {
	short, challenge, err := w.short(task.Statement, r)
	if err != nil {
		return Outcome{}, err
	}
	if challenge != nil {
		out, err := w.attack(short, players, honest, challenge, r)
		if err != nil || out.Final != nil {
			out.Wrong = out.Final != nil // whatever it says, it rests on a part of what is recorded
			return out, err
		}
	}
	return w.attack(task, players, honest, &ledger.ChallengeTask{}, r)
}

// short makes a task that leaves something out, as liars would, and the challenge that shows it; nil for a task that leaves
// nothing out, which liars choose as well.
func (w *World) short(s ledger.TaskStatement, r *rand.Rand) (Task, *ledger.ChallengeTask, error) {
	const shipping, last = 2, 3 // the references of every shipment: policy, association, shipping, segments
	s.References = slices.Clone(s.References)
	segments := s.References[last]
	var challenge ledger.ChallengeTask
	switch choice := r.IntN(3); {
	case choice == 0:
		return Task{}, nil, nil
	case choice == 1 && segments.Last > segments.First:
		first := w.Tasks[slices.IndexFunc(w.Tasks, func(t Task) bool { return t.Statement.Shipment == s.Shipment && t.Statement.Window == 0 })]
		challenge.Omitted, challenge.At = &first.Statement.References[last], last
		s.References[last].First, s.Window = segments.Last, 0
	default:
		event := s.References[shipping]
		challenge.Omitted, challenge.At = &event, shipping
		s.References = slices.Delete(s.References, shipping, shipping+1)
	}
	ruling, err := w.Judge(s)
	if err == nil && ruling.Fault != "" {
		err = fmt.Errorf("%w: %s", ErrRefused, ruling.Fault)
	}
	s.Inputs = ruling.Inputs
	return Task{Statement: s, Truth: ruling}, &challenge, err
}

// attack plays the liars' moves on one task, and the honest scorer's challenge.
func (w *World) attack(task Task, players []Player, honest int, challenge *ledger.ChallengeTask, r *rand.Rand) (Outcome, error) {
	g := game{w: w, task: task, watch: 1, r: r}
	var err error
	if g.id, err = wire.TaskDigest(task.Statement); err != nil {
		return Outcome{}, err
	}
	challenge.Task = g.id
	cast := slices.Clone(players)
	several := r.IntN(4) == 0
	for i := range cast {
		switch {
		case i == honest && challenge.Omitted == nil:
			cast[i].Strategy = Honest
		case i == honest:
			cast[i].Strategy = Latecomer // it takes no part in what is not the window
		case challenge.Omitted != nil:
			cast[i].Strategy = Honest // on what is left, the engine's answer serves the liars
		case several:
			cast[i].Strategy = Random
		default:
			cast[i].Strategy = Cartel
		}
	}
	if err = g.parts(cast); err != nil {
		return Outcome{}, err
	}
	if err = g.rush(honest, r.IntN(2) == 0); err != nil {
		return Outcome{}, err
	}
	// The honest scorer's turn comes within the time to challenge, less what the liars gained on the clock.
	g.w.Advance(ledger.Millis(r.Int64N(int64(w.Policy.ChallengeFor) - 2*int64(w.Policy.ClockSkew()))))
	if _, err = g.try(players[honest].Name, ledger.TaskOperation{Challenge: challenge}); err != nil {
		return Outcome{}, err
	}
	g.w.Advance(w.Policy.RevealFor + w.Policy.ChallengeFor)
	for _, p := range g.all {
		if err = g.end(p, 0); err != nil {
			return Outcome{}, err
		}
	}
	final, err := w.Final(task.Statement)
	if err != nil {
		return Outcome{}, err
	}
	view, err := w.View(g.id)
	if err != nil {
		return Outcome{}, err
	}
	out := Outcome{Final: final, Wrong: final != nil && final.Answer != task.Truth.Answer}
	if view.Settlement != nil {
		out.By = view.Settlement.By
	}
	_, out.Sums, err = w.Holdings()
	return out, err
}

// rush has the liars open, commit, close, reveal and settle as fast as they can; shut leaves the honest scorer no time
// to commit.
func (g *game) rush(honest int, shut bool) error {
	opener := g.all[(honest+1)%len(g.all)].player.Name
	if err := g.must(opener, ledger.TaskOperation{Open: &g.task.Statement}); err != nil {
		return err
	}
	for i, p := range g.all {
		if p.commits = p.player.Strategy != Latecomer && (i != honest || !shut); !p.commits {
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
	for _, p := range g.all {
		if !p.commits {
			continue
		}
		if err := g.must(p.player.Name, ledger.TaskOperation{Reveal: &ledger.RevealAnswer{Task: g.id, Answer: p.answer, Nonce: p.nonce}}); err != nil {
			return err
		}
	}
	for range 2 {
		for i, p := range g.all {
			if i == honest {
				continue
			}
			if err := g.end(p, g.skewed()); err != nil {
				return err
			}
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
