package panel

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

func TestWhatCannotBeATaskIsWrittenAlone(t *testing.T) {
	c := newChannel(t, undrawn(), 2)
	p := c.player(t, "a")
	p.read(c, len(c.log))
	due := scorer.Due{Verdict: c.world.Tasks[0].Truth.Verdict, Why: "more than 512 references"}
	alone := p.book.apply(wire.Transaction{}, []scorer.Due{due}, time.Now())
	if len(alone) != 1 || alone[0].Trace != due.Verdict.Trace || p.book.snapshot().Alone[NoTask] != 1 || p.book.snapshot().Open != 0 {
		t.Errorf("%v %+v", alone, p.book.snapshot())
	}
}

func TestMoreTasksThanAreKeptAreWrittenAlone(t *testing.T) {
	c := newChannel(t, undrawn(), 3)
	p := c.player(t, "a")
	p.cfg.MaxOpen = 4
	p.restart(nil)
	c.fallsDue(c.world.Tasks...)
	p.read(c, len(c.log))
	if s := p.book.snapshot(); len(p.alone) != 2 || s.Alone[TooMany] != 2 || s.Open != 4 {
		t.Errorf("%d alone, %+v", len(p.alone), s)
	}
}

func TestWhatFallsDueNowHasThePlaceOfWhatIsOfThePast(t *testing.T) {
	c := newChannel(t, undrawn(), 3)
	p := c.player(t, "a")
	p.cfg.MaxOpen = 4
	p.restart(nil)
	c.fallsDue(c.world.Tasks[:4]...)
	p.read(c, len(c.log))
	p.live()
	opened := c.world.Tasks[3]
	id, err := wire.TaskDigest(opened.Statement)
	if err != nil {
		t.Fatal(err)
	}
	p.book.apply(wire.Transaction{Scoring: wire.ScoringRecords{Tasks: []ledger.ScoringTask{{ID: id, Statement: opened.Statement, By: c.world.Account("b")}}}}, nil, time.Now())

	c.fallsDue(c.world.Tasks[4:]...)
	p.read(c, len(c.log))
	if len(p.alone) != 2 || p.alone[0].Trace != c.world.Tasks[2].Truth.Verdict.Trace || p.alone[1].Trace != c.world.Tasks[1].Truth.Verdict.Trace {
		t.Errorf("%d alone: %+v", len(p.alone), p.alone)
	}
	for i, task := range c.world.Tasks {
		held := p.book.windows[window{task.Truth.Verdict.Shipment, task.Truth.Verdict.Window}] != nil
		if want := i != 1 && i != 2; held != want {
			t.Errorf("task %d held: %t", i, held)
		}
	}
	if s := p.book.snapshot(); s.Alone[TooMany] != 2 || s.Open != 4 {
		t.Errorf("%+v", s)
	}
}

func TestWhatFellDueBeforeThereWereRulesIsNoTask(t *testing.T) {
	c := newChannel(t, undrawn(), 1)
	p := c.player(t, "a")
	rules := 0
	for !p.book.governs() {
		p.read(c, p.at+1)
		rules = p.at
	}
	p.restart(nil)
	p.read(c, rules-1)
	task := c.world.Tasks[0]
	due := []scorer.Due{{Verdict: task.Truth.Verdict, Statement: &task.Statement}}
	if alone := p.book.apply(wire.Transaction{}, due, time.Now()); len(alone) != 1 || len(p.book.rounds) != 0 {
		t.Errorf("%d alone, %d tasks", len(alone), len(p.book.rounds))
	}
	if alone := p.book.apply(c.log[rules-1].tx, due, time.Now()); len(alone) != 1 {
		t.Error("the transaction that brings the rules is not under them")
	}
	if alone := p.book.apply(wire.Transaction{}, due, time.Now()); len(alone) != 0 || len(p.book.rounds) != 1 {
		t.Errorf("%d alone, %d tasks", len(alone), len(p.book.rounds))
	}
}

func TestAFloodOfStrangeTasksTakesNoMemory(t *testing.T) {
	c := newChannel(t, undrawn(), 1)
	p := c.player(t, "a")
	c.fallsDue(c.world.Tasks...)
	p.read(c, len(c.log))
	task := c.world.Tasks[1].Statement
	for i := range 5 * maxForeign {
		s := task
		s.References = append([]ledger.Reference{}, task.References...)
		s.References[3].First = 1
		s.Inputs = ledger.Digest{1}
		if i%2 == 0 {
			s.Window = uint32(1_000 + i) // judged by nobody
		}
		id := ledger.Digest{byte(i), byte(i >> 8), byte(i >> 16), 1}
		p.book.apply(wire.Transaction{Scoring: wire.ScoringRecords{Tasks: []ledger.ScoringTask{{ID: id, Statement: s}}}}, nil, time.Now())
	}
	if s := p.book.snapshot(); s.Foreign > maxForeign || s.Open != 2 || s.Strange != 5*maxForeign {
		t.Errorf("%+v", s)
	}
}

func TestAnOpeningThatTheLedgerNeverTakesIsGivenUp(t *testing.T) {
	for code, tries := range map[string]int{ledger.CodeTooLarge: 1, ledger.CodeNotFound: patience, ledger.CodeModelBlocked: patience} {
		c := newChannel(t, undrawn(), 1)
		p := c.player(t, "a")
		c.fallsDue(c.world.Tasks[0])
		p.read(c, len(c.log))
		p.live()
		for try := 1; ; try++ {
			c.world.Advance(ledger.Millis(p.cfg.Pause.Milliseconds()) * 10)
			errands, _ := p.book.next(p.cfg.Now(), 10, maxQuestions)
			if len(errands) != 1 || errands[0].deed != doOpen {
				t.Fatalf("%s: try %d: %+v", code, try, errands)
			}
			p.book.answered(errands[0], []wire.Answer{{Status: ledger.StatusRefused, Code: code}, {Status: ledger.StatusRefused, Code: ledger.CodeNotFound}}, nil, p.cfg.Now())
			if given := len(p.book.alone) == 1; given != (try == tries) {
				t.Fatalf("%s: try %d: given up: %v", code, try, given)
			} else if given {
				break
			}
		}
		if s := p.book.snapshot(); s.Open != 0 || s.Alone[NotTaken] != 1 {
			t.Errorf("%s: %+v", code, s)
		}
	}
}

func TestARotatedKeyNoLongerActs(t *testing.T) {
	c := newChannel(t, undrawn(), 1)
	p := c.player(t, "a")
	c.fallsDue(c.world.Tasks...)
	p.read(c, len(c.log))
	p.live()
	taken := ledger.CreditAccount{ID: p.book.account, Binding: ledger.Digest{1}}
	p.book.apply(wire.Transaction{Credits: wire.CreditRecords{Accounts: []ledger.CreditAccount{taken}}}, nil, time.Now())
	if errands, _ := p.book.next(p.cfg.Now().Add(time.Hour), 10, maxQuestions); len(errands) != 0 || p.book.snapshot().Standing == "" {
		t.Errorf("%+v %s", errands, p.book.snapshot().Standing)
	}
}

func TestADamagedCheckpointIsRefused(t *testing.T) {
	c := newChannel(t, undrawn(), 2)
	players := c.players(t)
	c.fallsDue(c.world.Tasks...)
	for range 3 {
		for _, p := range players {
			p.read(c, len(c.log))
		}
		c.turn(t, players, nil)
	}
	data, err := players[0].book.save()
	if err != nil {
		t.Fatal(err)
	}
	whole := c.player(t, "a")
	whole.restart(data)
	again, err := whole.book.save()
	if err != nil || string(again) != string(data) || whole.book.account != players[0].book.account || len(whole.book.rounds) == 0 {
		t.Errorf("%d and %d bytes, %v", len(again), len(data), err)
	}
	for n := range data {
		if err := newBook(whole.cfg, whole.book.log).restore(data[:n], time.Now()); !errors.Is(err, errSaved) {
			t.Fatalf("%d of %d bytes: %v", n, len(data), err)
		}
	}
}

func FuzzRestore(f *testing.F) {
	c := newChannel(f, undrawn(), 1)
	p := c.player(f, "a")
	c.fallsDue(c.world.Tasks...)
	p.read(c, len(c.log))
	data, err := p.book.save()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		b := newBook(p.cfg, p.book.log)
		if err := b.restore(data, time.Now()); err != nil {
			return
		}
		b.goLive(time.Now())
		b.next(time.Now().Add(time.Hour), 10, maxQuestions)
		if _, err := b.save(); err != nil {
			t.Error(err)
		}
	})
}

func TestNoMoreTasksAreOpenedAtOnceThanCanBeEnded(t *testing.T) {
	c := newChannel(t, undrawn(), 3)
	p := c.player(t, "a")
	c.fallsDue(c.world.Tasks...)
	p.read(c, len(c.log))
	p.live()
	c.world.Advance(60_000) // its turn has come, whoever is before it
	for round := range 2 {
		errands, _ := p.book.next(p.cfg.Now(), 90, maxQuestions)
		if want := 2 * (1 - round); len(errands) != want {
			t.Fatalf("%d tasks are opened, want %d", len(errands), want)
		}
	}
}

func TestATaskThatTheLedgerDoesNotTakeOfThisScorerIsGivenUp(t *testing.T) {
	for _, code := range []string{ledger.CodeFewScorers, ledger.CodeScorer} {
		c := newChannel(t, undrawn(), 1)
		p := c.player(t, "a")
		c.fallsDue(c.world.Tasks[0])
		p.read(c, len(c.log))
		p.live()
		c.world.Advance(60_000)
		errands, _ := p.book.next(p.cfg.Now(), 90, maxQuestions)
		if len(errands) != 1 {
			t.Fatal(errands)
		}
		p.book.answered(errands[0], []wire.Answer{{Status: ledger.StatusRefused, Code: code}}, nil, p.cfg.Now())
		// Where too few have a stake the verdict is its own word; where others have one, they judge.
		want := 0
		if code == ledger.CodeFewScorers {
			want = 1
		}
		if len(p.book.alone) != want || len(p.book.rounds) != 0 {
			t.Errorf("%s: %d alone, %d tasks", code, len(p.book.alone), len(p.book.rounds))
		}
	}
}

// Its stake was asked back after another opened the task: one refusal, and it is done.
func TestATaskInWhichItsSeatLapsedIsGivenUp(t *testing.T) {
	c := newChannel(t, undrawn(), 1)
	p := c.player(t, "a")
	task := c.world.Tasks[0]
	c.fallsDue(task)
	if _, err := c.world.Score("b", ledger.TaskOperation{Open: &task.Statement}); err != nil {
		t.Fatal(err)
	}
	c.world.Advance(c.world.Policy.MoveDelay())
	stake, err := c.world.Stake("a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.world.Transact("a", ledger.CreditOperation{Unbond: &ledger.UnbondStake{Stake: *stake.Note, Amount: 1}}); err != nil {
		t.Fatal(err)
	}
	p.read(c, len(c.log))
	p.live()
	errands, _ := p.book.next(p.cfg.Now(), 90, maxQuestions)
	if len(errands) != 1 || errands[0].deed != doCommit {
		t.Fatal(errands)
	}
	answers, err := c.world.Score("a", errands[0].operations...)
	if err != nil || answers[0].Code != ledger.CodeScorer {
		t.Fatal(answers, err)
	}
	p.book.answered(errands[0], answers, nil, p.cfg.Now())
	c.world.Advance(c.world.Policy.CommitFor)
	if again, _ := p.book.next(p.cfg.Now(), 90, maxQuestions); len(again) != 0 || len(p.book.rounds) != 0 || len(p.book.alone) != 0 {
		t.Errorf("%v, %d tasks, %d alone", again, len(p.book.rounds), len(p.book.alone))
	}
}

func TestAPolicyThatLeavesTooLittleTimeToRefuteIsWarnedOf(t *testing.T) {
	hasty, calm := undrawn(), undrawn()
	hasty.Version, hasty.Skew, hasty.RevealFor, hasty.ChallengeFor = 2, 2_000, 8_000, 8_000
	calm.Version = 3
	if most := AnchorAtMost(hasty); most != time.Second {
		t.Errorf("roots every %s", most)
	}
	for every, want := range map[time.Duration]int{0: 0, time.Second: 0, 1001 * time.Millisecond: 1, time.Hour: 3} {
		var told bytes.Buffer
		b := newBook(Config{AnchorEvery: every, Scorer: scorer.Config{Model: newChannel(t, undrawn(), 0).world.Model}}, slog.New(slog.NewTextHandler(&told, nil)))
		in := func(p ledger.ScoringPolicy) {
			b.apply(wire.Transaction{Scoring: wire.ScoringRecords{Policies: []ledger.ScoringPolicy{p}}}, nil, time.Now())
		}
		first := undrawn()
		in(first)
		b.goLive(time.Now())
		in(hasty)
		in(calm)
		if got := strings.Count(told.String(), "WB_PANEL_ANCHOR_RARELY"); got != want {
			t.Errorf("every %s: warned %d times\n%s", every, got, told.String())
		}
	}
}
