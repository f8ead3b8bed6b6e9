package panel

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/internal/protocolsim"
)

// undrawn is the default one without the draw, so that what a test shows is not its doing.
func undrawn() ledger.ScoringPolicy {
	p := protocolsim.DefaultPolicy()
	p.Canary = 0
	return p
}

func TestOneThatIsAwayDelaysAndChangesNothing(t *testing.T) {
	c := newChannel(t, undrawn(), 3)
	c.fallsDue(c.world.Tasks...)
	players := c.players(t)[:3]
	c.play(t, players, 25*time.Minute)
	c.final(t, c.world.Tasks...)
	for _, name := range scorerNames() {
		if c.lostStake(t, name) != 0 {
			t.Errorf("%s lost stake, nobody did wrong", name)
		}
	}
}

func TestOneThatCommitsAndHidesItsAnswerIsShown(t *testing.T) {
	c := newChannel(t, undrawn(), 2)
	c.fallsDue(c.world.Tasks...)
	players := c.players(t)
	players[1].bend = func(op ledger.TaskOperation) (ledger.TaskOperation, bool) { return op, op.Reveal == nil }
	c.play(t, players, 45*time.Minute)
	c.final(t, c.world.Tasks...)
	for i, p := range players {
		if lost := c.lostStake(t, p.name); (lost > 0) != (i == 1) {
			t.Errorf("%s lost %d", p.name, lost)
		}
		if s := p.book.snapshot(); s.Silenced != uint64(len(c.world.Tasks)) || len(p.book.rounds) != 0 {
			t.Errorf("%s: %+v, %d held", p.name, s, len(p.book.rounds))
		}
	}
}

// lies is how a scorer changes its answers: others than the engine's, committed to and revealed.
func lies(p *player, account ledger.Digest) func(ledger.TaskOperation) (ledger.TaskOperation, bool) {
	lie := func(a ledger.TaskAnswer) ledger.TaskAnswer {
		a.Score, a.Trace = 1_000_000-a.Score, ledger.Digest{1}
		return a
	}
	return func(op ledger.TaskOperation) (ledger.TaskOperation, bool) {
		switch {
		case op.Commit != nil:
			r := p.book.rounds[op.Commit.Task]
			own, err := wire.CommitmentOf(op.Commit.Task, account, lie(r.answer), nonceOf(p.cfg.Secret, op.Commit.Task, account))
			if err != nil {
				panic(err)
			}
			return ledger.TaskOperation{Commit: &ledger.CommitAnswer{Task: op.Commit.Task, Commitment: own}}, true
		case op.Reveal != nil:
			v := *op.Reveal
			v.Answer = lie(v.Answer)
			return ledger.TaskOperation{Reveal: &v}, true
		default:
			return op, op.Settle == nil && op.Challenge == nil // whatever comes of it is bad for a liar
		}
	}
}

// deceive makes a player lie, and believe its lies.
func (c *channel) deceive(p *player) {
	p.bend = lies(p, c.world.Account(p.name))
}

func TestOneThatLiesIsChallengedAndTheVerdictStands(t *testing.T) {
	for name, n := range map[string]int{"one of four": 1, "two of four": 2, "three of four": 3} {
		t.Run(name, func(t *testing.T) {
			c := newChannel(t, undrawn(), 2)
			c.fallsDue(c.world.Tasks...)
			players := c.players(t)
			for _, p := range players[4-n:] {
				c.deceive(p)
			}
			c.play(t, players, 45*time.Minute)
			c.final(t, c.world.Tasks...)
			for i, p := range players {
				if lost := c.lostStake(t, p.name); (lost > 0) != (i >= 4-n) {
					t.Errorf("%s lost %d", p.name, lost)
				}
				if s := p.book.snapshot(); s.Lost != 0 {
					t.Errorf("%s: %+v", p.name, s)
				}
			}
		})
	}
}

func TestOneThatCopiesCannotReveal(t *testing.T) {
	c := newChannel(t, undrawn(), 2)
	c.fallsDue(c.world.Tasks...)
	players := c.players(t)
	copycat := players[2]
	copycat.bend = func(op ledger.TaskOperation) (ledger.TaskOperation, bool) {
		if op.Commit == nil {
			return op, true
		}
		v := copycat.book.rounds[op.Commit.Task].view
		if len(v.Commitments) == 0 {
			return op, true
		}
		return ledger.TaskOperation{Commit: &ledger.CommitAnswer{Task: op.Commit.Task, Commitment: v.Commitments[0].Commitment}}, true
	}
	c.play(t, players, 45*time.Minute)
	c.final(t, c.world.Tasks...)
	if c.lostStake(t, copycat.name) == 0 {
		t.Error("it lost nothing")
	}
}

func TestATaskThatLeavesSomethingOutOrLiesIsEndedByAChallenge(t *testing.T) {
	lie := func(a *ledger.TaskAnswer) { a.Trace = ledger.Digest{9} }
	for name, v := range map[string]struct {
		change  func(s *ledger.TaskStatement, first ledger.Digest)
		answer  func(*ledger.TaskAnswer)
		claims  bool // the inputs of the whole
		by      ledger.SettledBy
		slashed bool
	}{
		"a segment": {func(s *ledger.TaskStatement, _ ledger.Digest) { s.References[3].First = 1 }, nil, false, ledger.SettledOmission, false},
		"an event": {
			func(s *ledger.TaskStatement, _ ledger.Digest) {
				s.References = append(s.References[:2], s.References[3])
			}, nil, false,
			ledger.SettledOmission, false,
		},
		"a segment, and denies it": {func(s *ledger.TaskStatement, _ ledger.Digest) { s.References[3].First = 1 }, nil, true, ledger.SettledNoWindow, true},
		"nothing, with another answer": {
			func(s *ledger.TaskStatement, first ledger.Digest) {
				last := s.References[3]
				s.References[3].Last, s.References[3].Digest = 0, first
				last.First = 1
				s.References = append(s.References, last)
			}, lie, true, ledger.SettledChallenge, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChannel(t, undrawn(), 1)
			task := c.world.Tasks[1] // of two segments
			c.fallsDue(c.world.Tasks...)
			players := c.players(t)
			other := task.Statement
			other.References = slices.Clone(other.References)
			v.change(&other, c.world.Tasks[0].Statement.References[3].Digest)
			ruling, err := c.world.Judge(other)
			if err != nil {
				t.Fatal(err)
			}
			if ruling.Fault != "" { // there is no true answer to it
				ruling.Answer, ruling.Inputs = task.Truth.Answer, ledger.Digest{5}
				lie(&ruling.Answer)
			}
			if !v.claims {
				other.Inputs = ruling.Inputs
			}
			answer := ruling.Answer
			if v.answer != nil {
				v.answer(&answer)
			}
			id := c.threeAgree(t, other, answer)
			c.play(t, players[:1], 45*time.Minute)
			view, err := c.world.View(id)
			ended, ruled := view.Settlement != nil && view.Settlement.By == v.by, view.Provisional != nil && view.Provisional.By == v.by
			if err != nil || !ended && !ruled {
				t.Errorf("%+v %+v %v", view.Provisional, view.Settlement, err)
			}
			if s := players[0].book.snapshot(); s.Strange != 1 || s.Won != 1 || s.Lost != 0 || s.Foreign != 0 {
				t.Errorf("%+v", s)
			}
			if lost := c.lostStake(t, "b"); (lost > 0) != v.slashed {
				t.Errorf("b lost %d", lost)
			}
			c.play(t, players, 45*time.Minute) // more than half of the stake is needed for the right one
			c.final(t, task)
		})
	}
}

// threeAgree has all but the first scorer take a task to its reveals, and gives its id.
func (c *channel) threeAgree(t *testing.T, s ledger.TaskStatement, answer ledger.TaskAnswer) ledger.Digest {
	t.Helper()
	return c.agree(t, s, answer, scorerNames()[1:]...)
}

func (c *channel) agree(t rapid.TB, s ledger.TaskStatement, answer ledger.TaskAnswer, all ...string) ledger.Digest {
	t.Helper()
	id, err := wire.TaskDigest(s)
	if err != nil {
		t.Fatal(err)
	}
	must := func(who string, op ledger.TaskOperation) {
		t.Helper()
		answers, err := c.world.Score(who, op)
		if err != nil || answers[0].Status == ledger.StatusRefused {
			t.Fatal(who, answers, err)
		}
	}
	must("b", ledger.TaskOperation{Open: &s})
	nonce := ledger.Digest{7}
	for _, who := range all {
		own, err := wire.CommitmentOf(id, c.world.Account(who), answer, nonce)
		if err != nil {
			t.Fatal(err)
		}
		must(who, ledger.TaskOperation{Commit: &ledger.CommitAnswer{Task: id, Commitment: own}})
	}
	c.world.Advance(c.policy.CommitFor)
	must("b", ledger.TaskOperation{Close: &id})
	for _, who := range all {
		must(who, ledger.TaskOperation{Reveal: &ledger.RevealAnswer{Task: id, Answer: answer, Nonce: nonce}})
	}
	return id
}

func TestAWindowThatIsMadeUpIsVoidThoughAllOthersTakeItAllTheWay(t *testing.T) {
	for name, v := range map[string]struct {
		change func(*ledger.TaskStatement)
		void   bool
	}{
		"a window that has not come": {func(s *ledger.TaskStatement) { s.Window = 7 }, true},
		"another order": {func(s *ledger.TaskStatement) {
			s.Window, s.References = 9, append([]ledger.Reference{s.References[3]}, s.References[:3]...)
		}, true},
		"one policy twice, and true": {func(s *ledger.TaskStatement) {
			s.References = append([]ledger.Reference{s.References[0]}, s.References...)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChannel(t, undrawn(), 1)
			c.fallsDue(c.world.Tasks[0])
			players := c.players(t)
			c.play(t, players, time.Minute)
			c.final(t, c.world.Tasks[0])
			other := c.world.Tasks[1].Statement // whose window is due to nobody yet
			other.References = slices.Clone(other.References)
			v.change(&other)
			ruling, err := c.world.Judge(other)
			if err != nil || (ruling.Fault != "") != v.void {
				t.Fatal(ruling.Fault, err)
			}
			other.Inputs = ledger.Digest{1}
			if !v.void {
				other.Inputs = ruling.Inputs
			}
			answer := c.world.Tasks[1].Truth.Answer
			id := c.threeAgree(t, other, answer)
			c.play(t, players[:1], 45*time.Minute)
			view, err := c.world.View(id)
			if err != nil {
				t.Fatal(err)
			}
			s, lost := players[0].book.snapshot(), c.lostStake(t, "b")
			if !v.void {
				if view.Settlement != nil || s.Won != 0 || s.Foreign != 0 || lost != 0 || c.lostStake(t, "a") != 0 {
					t.Errorf("%+v %+v", view.Settlement, s)
				}
				return
			}
			if view.Phase() != ledger.TaskVoid || view.Settlement.By != ledger.SettledNoWindow || s.Won != 1 || s.Lost != 0 || s.Foreign != 0 || lost == 0 {
				t.Errorf("%+v %+v, b lost %d", view.Settlement, s, lost)
			}
		})
	}
}

func TestATaskBehindWhichOnlyALesserPartOfTheStakeStandsGoesNoFurther(t *testing.T) {
	c := newChannel(t, undrawn(), 1)
	task := c.world.Tasks[1]
	c.fallsDue(task)
	id, err := wire.TaskDigest(task.Statement)
	if err != nil {
		t.Fatal(err)
	}
	own, err := wire.CommitmentOf(id, c.world.Account("b"), task.Truth.Answer, ledger.Digest{7})
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range []ledger.TaskOperation{{Open: &task.Statement}, {Commit: &ledger.CommitAnswer{Task: id, Commitment: own}}} {
		if answers, err := c.world.Score("b", op); err != nil || answers[0].Status != ledger.StatusRecorded {
			t.Fatal(answers, err)
		}
	}
	c.world.Advance(10 * c.policy.CommitFor)
	if answers, err := c.world.Score("b", ledger.TaskOperation{Close: &id}); err != nil || answers[0].Code != ledger.CodeTaskTime {
		t.Fatal(answers, err)
	}
	players := c.players(t)
	c.play(t, []*player{players[0], players[2], players[3]}, 45*time.Minute) // however late they come
	c.final(t, task)
}
