package panel

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/internal/protocolsim"
)

// until has players go on until something holds.
func (c *channel) until(t rapid.TB, players []*player, holds func() bool) {
	t.Helper()
	for range 400 {
		for _, p := range players {
			p.read(c, len(c.log))
		}
		if holds() {
			return
		}
		c.turn(t, players, nil)
		c.world.Advance(500)
	}
	t.Fatal("waited too long")
}

func (c *channel) view(t rapid.TB, id ledger.Digest) ledger.TaskView {
	t.Helper()
	v, err := c.world.View(id)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func idOf(t rapid.TB, s ledger.TaskStatement) ledger.Digest {
	t.Helper()
	id, err := wire.TaskDigest(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// says does an operation that the ledger takes.
func (c *channel) says(t rapid.TB, who string, op ledger.TaskOperation) {
	t.Helper()
	answers, err := c.world.Score(who, op)
	if err != nil || answers[0].Status != ledger.StatusRecorded {
		t.Fatal(who, answers, err)
	}
}

// claims says of a decoy that a task leaves it out.
func claims(task ledger.Digest, d protocolsim.Decoy) ledger.TaskOperation {
	return ledger.TaskOperation{Challenge: &ledger.ChallengeTask{Task: task, Omitted: &d.Event, At: d.At}}
}

// accused plays a right task with three of the four until it can be settled, and has the fourth claim that it leaves out
// what it does not.
func (c *channel) accused(t rapid.TB, players []*player, task protocolsim.Task, d protocolsim.Decoy) ledger.Digest {
	t.Helper()
	id := idOf(t, task.Statement)
	c.until(t, players, func() bool { return len(c.view(t, id).Reveals) > 0 })
	c.says(t, "d", claims(id, d))
	return id
}

func TestAFalseClaimOnARightTaskIsRefutedAndItIsFinal(t *testing.T) {
	world := newChannel(t, undrawn(), 1).world
	for _, decoy := range world.Tasks[0].Decoys {
		t.Run(string(decoy.Kind), func(t *testing.T) {
			c := newChannel(t, undrawn(), 1)
			task := c.world.Tasks[1]
			i := slices.IndexFunc(task.Decoys, func(d protocolsim.Decoy) bool { return d.Kind == decoy.Kind })
			c.fallsDue(task)
			players := c.players(t)[:3]
			id := c.accused(t, players, task, task.Decoys[i])
			if s := players[0].book.snapshot(); s.Contested != 0 || !s.Refutes {
				t.Errorf("%+v", s)
			}
			players[0].read(c, len(c.log))
			if s := players[0].book.snapshot(); s.Contested != 1 {
				t.Errorf("%+v", s)
			}
			claimed := c.world.Now()
			c.until(t, players, func() bool { return !c.view(t, id).Claims[0].Open() })
			if took := c.world.Now() - claimed; took > 2_000 {
				t.Errorf("refuted after %d ms", took)
			}
			c.play(t, players, 25*time.Minute)
			c.final(t, task)
			if lost := c.lostStake(t, "d"); lost != 2_000 {
				t.Errorf("it cost %d", lost)
			}
			refuted := uint64(0)
			for _, p := range players {
				s := p.book.snapshot()
				if refuted += s.Refuted; s.Refused != 0 || s.Contested != 0 || s.Open != 0 || len(p.alone) != 0 || c.lostStake(t, p.name) != 0 {
					t.Errorf("%s: %+v", p.name, s)
				}
			}
			if refuted != 1 {
				t.Errorf("refuted %d times", refuted)
			}
		})
	}
}

func TestWhoRefutesWaitsForTheRootAndGoesOnAfterItWasKilled(t *testing.T) {
	for name, restart := range map[string]func(c *channel, p *player){
		"goes on": func(*channel, *player) {},
		"from its checkpoint": func(_ *channel, p *player) {
			data, err := p.book.save()
			if err != nil {
				panic(err)
			}
			at := p.at
			p.restart(data)
			p.at = at
		},
		"from the first block": func(_ *channel, p *player) { p.restart(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newChannel(t, undrawn(), 1)
			task := c.world.Tasks[0]
			c.fallsDue(task)
			players := c.players(t)[:3]
			anchored := false
			for _, p := range players {
				prove := p.cfg.Prove
				p.cfg.Prove = func(ctx context.Context, q Question) (Evidence, error) {
					if !anchored {
						return Evidence{}, ErrNotAnchored
					}
					return prove(ctx, q)
				}
				p.restart(nil)
			}
			id := c.accused(t, players, task, task.Decoys[0])
			for range 60 {
				for _, p := range players {
					p.read(c, len(c.log))
				}
				c.turn(t, players, nil)
				c.world.Advance(500)
			}
			v := c.view(t, id)
			if v.Settlement != nil || !v.Claims[0].Open() {
				t.Fatalf("%+v", v)
			}
			for _, p := range players {
				restart(c, p)
			}
			anchored = true
			c.until(t, players, func() bool { return !c.view(t, id).Claims[0].Open() })
			c.play(t, players, 25*time.Minute)
			c.final(t, task)
			if c.lostStake(t, "d") == 0 {
				t.Error("it cost nothing")
			}
		})
	}
}

func TestWhatNobodyRefutesInTimeIsVoidAndTheClaimIsStillRefutedLater(t *testing.T) {
	c := newChannel(t, undrawn(), 1)
	task := c.world.Tasks[0]
	c.fallsDue(task)
	players := c.players(t)[:3]
	for _, p := range players[:2] {
		p.cfg.Prove = nil
		p.restart(nil)
	}
	blind := true
	prove := players[2].cfg.Prove
	players[2].cfg.Prove = func(ctx context.Context, q Question) (Evidence, error) {
		if blind {
			return Evidence{}, errConflict
		}
		return prove(ctx, q)
	}
	players[2].restart(nil)
	id := c.accused(t, players, task, task.Decoys[0])
	c.play(t, players, 45*time.Minute)
	if v := c.view(t, id); v.Settlement == nil || v.Settlement.By != ledger.SettledOmission {
		t.Fatalf("%+v", v.Settlement)
	}
	for i, p := range players {
		if s := p.book.snapshot(); len(p.alone) != 1 || s.Refutes != (i == 2) || s.Alone[Voided] != 1 || c.lostStake(t, p.name) != 0 {
			t.Errorf("%s: %+v", p.name, s)
		}
	}
	blind = false
	c.play(t, players, time.Minute)
	if c.lostStake(t, "d") != 2_000 || players[2].book.snapshot().Refuted != 1 {
		t.Error("a false claim costs nothing")
	}
}

// TestWhateverIsLostAndKilledFalseClaimsCostAndNothingElseDoes has scorers read at their own pace, lose answers and be
// killed while a fourth makes false claims.
func TestWhateverIsLostAndKilledFalseClaimsCostAndNothingElseDoes(t *testing.T) {
	base := newChannel(t, undrawn(), 2)
	start := len(base.log)
	rapid.Check(t, func(rt *rapid.T) {
		c := &channel{policy: base.policy, log: append([]entry{}, base.log[:start]...)}
		c.world = base.world.Clone()
		c.world.Tell(func(tx wire.Transaction) { c.log = append(c.log, entry{tx: tx}) })
		players := c.players(t)[:3]
		checkpoints := make([]saved, len(players))
		waiting := append([]protocolsim.Task{}, c.world.Tasks...)
		made := 0
		claim := func(task protocolsim.Task) {
			op := claims(idOf(rt, task.Statement), rapid.SampledFrom(task.Decoys).Draw(rt, "decoy"))
			if answers, err := c.world.Score("d", op); err == nil && answers[0].Status == ledger.StatusRecorded {
				made++
			}
		}
		for range rapid.IntRange(20, 90).Draw(rt, "moves") {
			if len(waiting) > 0 && rapid.Bool().Draw(rt, "due") {
				c.fallsDue(waiting[0])
				waiting = waiting[1:]
			}
			i := rapid.IntRange(0, len(players)-1).Draw(rt, "who")
			p := players[i]
			switch rapid.IntRange(0, 11).Draw(rt, "move") {
			case 0, 1, 2:
				p.disturbed(rt, &checkpoints[i])
			case 3, 4:
				p.read(c, min(len(c.log), p.at+rapid.IntRange(1, 3).Draw(rt, "blocks")))
			case 5, 6:
				p.read(c, len(c.log))
			case 7, 8:
				claim(rapid.SampledFrom(c.world.Tasks).Draw(rt, "task"))
			default:
				c.someSay(rt, players)
			}
			c.world.Advance(ledger.Millis(rapid.IntRange(0, 10_000).Draw(rt, "pause")))
		}
		c.fallsDue(waiting...)
		for _, task := range c.world.Tasks {
			c.until(rt, players, func() bool {
				v := c.view(rt, idOf(rt, task.Statement))
				return len(v.Reveals) > 0 || v.Settlement != nil
			})
			claim(task)
		}
		c.play(rt, players, 25*time.Minute)
		c.final(rt, c.world.Tasks...)
		paid := 0
		for _, e := range c.log {
			for _, r := range e.tx.Credits.Receipts {
				if strings.HasPrefix(r.Cause, "claim/") && r.Stake.Account == c.world.Account("d") {
					paid++
				}
			}
		}
		if paid != made {
			rt.Errorf("of %d false claims %d cost something", made, paid)
		}
		for _, p := range players {
			if s := p.book.snapshot(); s.Open != 0 || s.Refused != 0 || s.Contested != 0 || s.Outvoted != 0 || len(p.alone) != 0 || c.lostStake(rt, p.name) != 0 {
				rt.Errorf("%s: %+v, %d alone", p.name, s, len(p.alone))
			}
		}
	})
}

// strange has all but the first scorer take another list than the true one of a window to its reveals.
func (c *channel) strange(t *testing.T, change func(*ledger.TaskStatement)) ledger.Digest {
	t.Helper()
	other := c.world.Tasks[1].Statement
	other.References = slices.Clone(other.References)
	change(&other)
	ruling, err := c.world.Judge(other)
	if err != nil {
		t.Fatal(err)
	}
	other.Inputs = ruling.Inputs
	if ruling.Fault != "" {
		ruling.Answer, other.Inputs = c.world.Tasks[1].Truth.Answer, ledger.Digest{5}
	}
	return c.threeAgree(t, other, ruling.Answer)
}

func TestWhatAnotherListLeavesOutIsClaimedWhereItBelongs(t *testing.T) {
	within := func(s *ledger.TaskStatement, d []protocolsim.Decoy) ledger.Reference {
		i := slices.IndexFunc(d, func(d protocolsim.Decoy) bool { return d.Kind == protocolsim.DecoyWithin })
		return d[i].Event
	}
	for name, v := range map[string]struct {
		change func(*ledger.TaskStatement, []protocolsim.Decoy)
		prove  bool
	}{
		"an event": {func(s *ledger.TaskStatement, _ []protocolsim.Decoy) { s.References = slices.Delete(s.References, 2, 3) }, false},
		"an event beside what changes nothing": {func(s *ledger.TaskStatement, d []protocolsim.Decoy) {
			s.References[2] = within(s, d)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChannel(t, undrawn(), 1)
			c.fallsDue(c.world.Tasks...)
			players := c.players(t)
			if !v.prove {
				players[0].cfg.Prove = nil
				players[0].restart(nil)
			}
			id := c.strange(t, func(s *ledger.TaskStatement) { v.change(s, c.world.Tasks[1].Decoys) })
			c.until(t, players[:1], func() bool { return len(c.view(t, id).Claims) == 1 })
			view := c.view(t, id)
			if refute, err := c.world.Refutation(view.Task.Statement, view.Claims[0]); err != nil || refute != nil {
				t.Fatalf("its claim can be refuted: %+v %v", refute, err)
			}
			if early := view.Claims[0].RefuteBy; c.world.Now() >= early {
				t.Error("the test is late")
			}
			c.play(t, players[:1], 45*time.Minute)
			if v := c.view(t, id); v.Settlement == nil || v.Settlement.By != ledger.SettledOmission || v.Settlement.At < v.Claims[0].RefuteBy {
				t.Errorf("%+v", v.Settlement)
			}
			if s := players[0].book.snapshot(); s.Claims != 1 || s.ClaimsLost != 0 || s.Won != 1 || s.Lost != 0 || s.Foreign != 0 || s.Refused != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestAClaimInsideASpanOfSegmentsSaysWhere(t *testing.T) {
	b := newBook(Config{}, nil)
	device, event := "urn:epc:id:giai:9520002.X", ledger.Digest{9}
	span := func(first, last uint64) ledger.Reference {
		return ledger.Reference{Kind: ledger.RefSegments, ID: device, First: first, Last: last, Digest: ledger.Digest{byte(last) + 1}}
	}
	own := ledger.TaskStatement{References: []ledger.Reference{span(0, 4), {Kind: ledger.RefEvent, Digest: event}, span(5, 9)}}
	other := ledger.TaskStatement{References: []ledger.Reference{span(0, 9)}}
	found := b.leftOut(own, other, ledger.Digest{1})
	if len(found) != 1 || found[0].Challenge.At != 0 || found[0].Challenge.Segment != 5 || found[0].omits().Digest != event {
		t.Fatalf("%+v", found)
	}
	claim := ledger.Claim{Omitted: *found[0].omits(), Before: 0, Segment: 5}
	near := nearest(other, claim)
	if len(near) != 2 || near[0].segment != 4 || !near[0].after || near[1].segment != 5 || near[1].after {
		t.Errorf("%+v", near)
	}
	// At the end of what the other lists nothing shows where it belongs.
	other = ledger.TaskStatement{References: []ledger.Reference{span(0, 4)}}
	if found = b.leftOut(own, other, ledger.Digest{1}); len(found) != 0 {
		t.Errorf("%+v", found)
	}
}

func TestNothingOfAnEarlierJourneyBelongsToThisOne(t *testing.T) {
	event := func(n byte) ledger.Reference {
		return ledger.Reference{Kind: ledger.RefEvent, Digest: ledger.Digest{n}}
	}
	s := ledger.TaskStatement{References: []ledger.Reference{{Kind: ledger.RefPolicy, ID: "p", First: 1}, event(1), event(2)}}
	claim := ledger.Claim{Omitted: event(9), Before: 1}
	if near := nearest(s, claim); len(near) != 1 || near[0].reference != 1 || near[0].after {
		t.Errorf("%+v", near)
	}
	s.Begins, s.Window = 3, 3
	if near := nearest(s, claim); len(near) != 2 || near[1].reference != 1 || !near[1].after {
		t.Errorf("%+v", near)
	}
	claim.Before = 2
	if near := nearest(s, claim); len(near) != 2 || near[0].reference != 1 || !near[0].after || near[1].reference != 2 || near[1].after {
		t.Errorf("%+v", near)
	}
}

func TestAListInAnotherOrderThanTheLedgersIsVoidAndCostsWhoAnsweredIt(t *testing.T) {
	for name, change := range map[string]func(*ledger.TaskStatement){
		"of a window that is held": func(s *ledger.TaskStatement) {
			s.References[1], s.References[2] = s.References[2], s.References[1]
		},
		"of a window that is not": func(s *ledger.TaskStatement) {
			s.References[1], s.References[2], s.Window = s.References[2], s.References[1], 7
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChannel(t, undrawn(), 1)
			c.fallsDue(c.world.Tasks...)
			players := c.players(t)
			id := c.strange(t, change)
			c.until(t, players[:1], func() bool { return c.view(t, id).Settlement != nil })
			s := players[0].book.snapshot()
			if v := c.view(t, id); v.Settlement.By != ledger.SettledNoWindow || c.lostStake(t, "b") == 0 || c.lostStake(t, "a") != 0 {
				t.Errorf("%+v %+v", v.Settlement, s)
			}
			c.play(t, players[:1], time.Minute)
			if s = players[0].book.snapshot(); s.Won != 1 || s.Lost != 0 || s.Foreign != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestTheOrderOfAListIsAskedWhereTheOwnDoesNotVouchForIt(t *testing.T) {
	event := func(n byte) ledger.Reference {
		return ledger.Reference{Kind: ledger.RefEvent, Digest: ledger.Digest{n}}
	}
	list := func(refs ...ledger.Reference) ledger.TaskStatement { return ledger.TaskStatement{References: refs} }
	span := ledger.Reference{Kind: ledger.RefSegments, ID: "urn:epc:id:giai:9520002.X", First: 2, Last: 5, Digest: ledger.Digest{7}}
	part := func(first, last uint64) ledger.Reference {
		return ledger.Reference{Kind: ledger.RefSegments, ID: span.ID, First: first, Last: last, Digest: ledger.Digest{7}}
	}
	elsewhere := ledger.Reference{Kind: ledger.RefElsewhere, ID: span.ID, First: ledger.TiedBound, Digest: ledger.Digest{8}}
	own, tied := list(event(1), event(2), span), list(event(1), elsewhere, event(2), span)
	for name, v := range map[string]struct {
		other ledger.TaskStatement
		own   *ledger.TaskStatement
		want  int
	}{
		"the same":                          {own, &own, 0},
		"less":                              {list(event(1), span), &own, 0},
		"two the other way":                 {list(event(2), event(1), span), &own, 2},
		"something more":                    {list(event(1), event(9), span), &own, 4},
		"of an unknown window":              {own, nil, 4},
		"a single thing":                    {list(event(1)), nil, 0},
		"a span in parts, the second first": {list(part(4, 5), part(2, 3)), &own, 2},
		"a span in parts":                   {list(part(2, 3), part(4, 5)), &own, 0},
		"what else took the logger":         {list(event(1), elsewhere, span), &tied, 0},
		"it, in another place":              {list(elsewhere, event(1), span), &tied, 2},
		"it, where the own list has none":   {list(event(1), elsewhere, span), &own, 4},
	} {
		if got := doubted(v.other, v.own); len(got) != v.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestOfTooManyStrangeTasksThoseThatNobodyStandsBehindAreForgottenFirst(t *testing.T) {
	c := newChannel(t, undrawn(), 1)
	p := c.player(t, "a")
	c.fallsDue(c.world.Tasks...)
	p.read(c, len(c.log))
	open := func(i int) ledger.Digest {
		s := c.world.Tasks[1].Statement
		s.Window, s.Inputs = uint32(1_000+i), ledger.Digest{1}
		id := ledger.Digest{byte(i), byte(i >> 8), byte(i >> 16), 1}
		p.book.apply(wire.Transaction{Scoring: wire.ScoringRecords{Tasks: []ledger.ScoringTask{{ID: id, Statement: s}}}}, nil, time.Now())
		return id
	}
	closed := open(0)
	p.book.apply(wire.Transaction{Scoring: wire.ScoringRecords{Closings: []ledger.Closing{{Task: closed}}}}, nil, time.Now())
	for i := range 2 * maxForeign {
		open(i + 1)
	}
	if _, ok := p.book.foreign.Get(closed.String()); !ok || p.book.foreign.Len() != maxForeign || p.book.listed > maxListed {
		t.Errorf("%v %d %d", ok, p.book.foreign.Len(), p.book.listed)
	}
}

func TestACheckpointKeepsWhoWasAwayAndWhatIsDisputed(t *testing.T) {
	c := newChannel(t, undrawn(), 2)
	c.fallsDue(c.world.Tasks...)
	players := c.players(t)
	c.until(t, players[:3], func() bool { return len(players[0].book.absent) == 1 })
	p := players[0]
	s := c.world.Tasks[1].Statement
	s.References = []ledger.Reference{s.References[0], s.References[3]}
	s.Inputs = ledger.Digest{1}
	panel := []ledger.Seat{{Account: p.book.account}}
	at := ledger.Digest{8}
	p.book.apply(wire.Transaction{Scoring: wire.ScoringRecords{Tasks: []ledger.ScoringTask{{ID: at, Statement: s, Panel: panel, Policy: 1}}}}, nil, time.Now())
	f, _ := p.book.foreign.Get(at.String())
	if len(f.challenges) != 3 {
		t.Fatalf("%+v", f)
	}
	first := f.challenges[0].Challenge
	p.book.apply(wire.Transaction{Scoring: wire.ScoringRecords{
		Closings: []ledger.Closing{{Task: at}}, Reveals: []ledger.Reveal{{Task: at}},
		Claims: []ledger.Claim{{Task: at, Account: ledger.Digest{3}, Omitted: *first.Omitted, Before: first.At, RefuteBy: 5_000}},
	}}, nil, time.Now())
	for id := range c.openRounds(p) {
		p.book.apply(wire.Transaction{Scoring: wire.ScoringRecords{Claims: []ledger.Claim{
			{Task: id, Account: ledger.Digest{4}, Omitted: c.world.Tasks[1].Decoys[0].Event, Before: 2, RefuteBy: 9_000},
		}}}, nil, time.Now())
	}
	data, err := p.book.save()
	if err != nil {
		t.Fatal(err)
	}
	other := c.player(t, "a")
	other.restart(data)
	again, err := other.book.save()
	if err != nil || string(again) != string(data) {
		t.Error("what was restored is saved as something else", err)
	}
	if len(other.book.absent) != 1 || other.book.rebuttals.Len() == 0 || other.book.rebuttals.Len() != p.book.rebuttals.Len() {
		t.Errorf("%d away, %d claims", len(other.book.absent), other.book.rebuttals.Len())
	}
	g, ok := other.book.foreign.Get(at.String())
	if !ok || len(g.claims) != 1 || len(g.challenges) != 3 || !g.seated || g.policy != 1 || g.claims[0].until.UnixMilli() != 5_000 {
		t.Errorf("%+v", g)
	}
	// Without a proof log there is nothing to refute by.
	other.cfg.Prove = nil
	if other.restart(data); other.book.rebuttals.Len() != 0 {
		t.Error("it would refute")
	}
}

// openRounds are the tasks under way.
func (c *channel) openRounds(p *player) map[ledger.Digest]*round {
	out := map[ledger.Digest]*round{}
	for id, r := range p.book.rounds {
		if r.statement != nil && r.view.Phase() != ledger.TaskAbsent {
			out[id] = r
		}
	}
	return out
}

func TestAClaimThatTheProofLogDoesNotRefuteIsGivenUp(t *testing.T) {
	c := newChannel(t, undrawn(), 1)
	task := c.world.Tasks[0]
	short := task.Statement
	short.References = slices.Delete(slices.Clone(short.References), 2, 3)
	p := c.player(t, "a")
	ruling, err := c.world.Judge(short)
	if err != nil {
		t.Fatal(err)
	}
	// This scorer has read a ledger in which the event is not.
	short.Inputs = ruling.Inputs
	c.log = append(c.log, entry{due: []scorer.Due{{Verdict: task.Truth.Verdict, Statement: &short}}})
	id := c.agree(t, short, task.Truth.Answer, "a", "b", "c")
	omitted := task.Statement.References[2]
	c.says(t, "d", ledger.TaskOperation{Challenge: &ledger.ChallengeTask{Task: id, Omitted: &omitted, At: 2}})
	p.read(c, len(c.log))
	if s := p.book.snapshot(); s.Contested != 1 {
		t.Fatalf("%+v", s)
	}
	c.until(t, []*player{p}, func() bool { return p.book.snapshot().Contested == 0 })
	if v := c.view(t, id); !v.Claims[0].Open() {
		t.Errorf("%+v", v.Claims)
	}
}

func TestTheProofLogIsAskedForARootOfTheKeepersInForce(t *testing.T) {
	c := newChannel(t, undrawn(), 1)
	task := c.world.Tasks[0]
	c.fallsDue(task)
	players := c.players(t)[:3]
	var asked [][]string
	for _, p := range players {
		prove := p.cfg.Prove
		p.cfg.Prove = func(ctx context.Context, q Question) (Evidence, error) {
			asked = append(asked, q.Keepers)
			return prove(ctx, q)
		}
		p.restart(nil)
	}
	id := c.accused(t, players, task, task.Decoys[0])
	data, err := players[0].book.save()
	if err != nil {
		t.Fatal(err)
	}
	at := players[0].at
	players[0].restart(data)
	players[0].at = at
	// Rules that wait for approvals are not in force.
	c.log = append(c.log, entry{tx: wire.Transaction{Master: []ledger.MasterDatum{{Version: 2, Pending: true, Rules: &ledger.Rules{Keepers: []string{"X"}}}}}})
	c.until(t, players, func() bool { return !c.view(t, id).Claims[0].Open() })
	if len(asked) == 0 {
		t.Error("nobody was asked")
	}
	for _, keepers := range asked {
		if !slices.Equal(slices.Sorted(slices.Values(keepers)), slices.Sorted(slices.Values(protocolsim.Keepers()))) {
			t.Errorf("it was asked for a root of %v", keepers)
		}
	}
}

func TestARootThatTheContractDoesNotTakeYetIsWaitedFor(t *testing.T) {
	late := []wire.Answer{{Status: ledger.StatusRefused, Code: ledger.CodeNotAnchored}}
	b := newBook(Config{}, slog.New(slog.DiscardHandler))
	n := &rebuttal{task: ledger.Digest{1}, claimant: ledger.Digest{2}}
	b.rebuttals.Put(claimID(n.task, n.claimant), n)
	b.answered(errand{task: n.task, claimant: n.claimant, deed: doRefute}, late, nil, time.Now())
	f := &foreign{id: ledger.Digest{3}, listed: make([]place, 2), doubted: true, challenges: []accusation{{TaskOperation: ledger.TaskOperation{Challenge: &ledger.ChallengeTask{}}}}}
	b.foreign.Put(f.id.String(), f)
	b.answered(errand{task: f.id, deed: doOrder}, late, nil, time.Now())
	if b.stats.Refused != 0 || b.rebuttals.Len() != 1 || n.attempt.tries != 1 || len(f.listed) != 2 || f.attempts[doOrder].tries != 1 {
		t.Errorf("%+v %+v %+v", b.stats, n, f)
	}
}

func TestWhatElseTookALoggerHasAPlaceInAList(t *testing.T) {
	b := newBook(Config{Prove: func(context.Context, Question) (Evidence, error) { return Evidence{}, nil }}, nil)
	event := func(n byte) ledger.Reference {
		return ledger.Reference{Kind: ledger.RefEvent, Digest: ledger.Digest{n}}
	}
	tied := ledger.Reference{Kind: ledger.RefElsewhere, ID: "urn:epc:id:giai:9520002.X", First: ledger.TiedRemoved, Digest: ledger.Digest{8}}
	list := func(refs ...ledger.Reference) ledger.TaskStatement { return ledger.TaskStatement{References: refs} }
	own := list(event(1), event(2), event(3))
	// Which side of it the second event is on the proof log says, whose places are those of the test.
	found := b.leftOut(own, list(event(1), tied, event(3)), ledger.Digest{1})
	if len(found) != 1 || len(found[0].between) != 1 || found[0].between[0].segment != 0 {
		t.Fatalf("%+v", found)
	}
	for place, at := range map[uint64]uint32{1: 2, 9: 1} {
		asked := ask(func(_ context.Context, keys []string) (Evidence, error) {
			e := Evidence{Places: make([]uint64, len(keys))}
			for i, key := range keys {
				if e.Places[i] = 5; key == wire.EventKey(tied.Digest) {
					e.Places[i] = place
				}
			}
			return e, nil
		})
		operations, err := found[0].find(t.Context(), asked)
		if err != nil || operations[0].Challenge.At != at {
			t.Errorf("%d: %+v %v", place, operations, err)
		}
	}
	// It is claimed of nobody's list that it leaves such out.
	if found = b.leftOut(list(event(1), tied, event(3)), list(event(1), event(3)), ledger.Digest{1}); len(found) != 0 {
		t.Errorf("%+v", found)
	}
	// One event may be listed twice; it is in one place.
	places, err := ask(func(_ context.Context, keys []string) (Evidence, error) {
		return Evidence{Places: []uint64{4, 7}[:len(keys)]}, nil
	}).places(t.Context(), []string{"b", "a", "b"})
	if err != nil || !slices.Equal(places, []uint64{7, 4, 7}) {
		t.Error(places, err)
	}
}

func TestNothingIsClaimedBeforeALaterJourneyBegins(t *testing.T) {
	b := newBook(Config{Prove: func(context.Context, Question) (Evidence, error) { return Evidence{}, nil }}, nil)
	event := func(n byte) ledger.Reference {
		return ledger.Reference{Kind: ledger.RefEvent, Digest: ledger.Digest{n}}
	}
	own := ledger.TaskStatement{References: []ledger.Reference{event(1), event(2), event(3)}}
	other := ledger.TaskStatement{References: []ledger.Reference{event(2), event(3)}}
	if found := b.leftOut(own, other, ledger.Digest{1}); len(found) != 1 {
		t.Errorf("%+v", found)
	}
	own.Begins, other.Begins = 2, 2
	if found := b.leftOut(own, other, ledger.Digest{1}); len(found) != 0 {
		t.Errorf("%+v", found)
	}
	// Beside what the own list has not, the proof log says whether it would be before all.
	other.References[0] = event(9)
	found := b.leftOut(own, other, ledger.Digest{1})
	if len(found) != 2 {
		t.Fatalf("%+v", found)
	}
	for first, want := range map[uint64]error{1: nil, 9: errVain} {
		_, err := found[0].find(t.Context(), func(_ context.Context, keys []string) (Evidence, error) {
			e := Evidence{Places: make([]uint64, len(keys))}
			for i, key := range keys {
				if e.Places[i] = 5; key == wire.EventKey(ledger.Digest{9}) {
					e.Places[i] = first
				}
			}
			return e, nil
		})
		if !errors.Is(err, want) {
			t.Errorf("%d: %v", first, err)
		}
	}
}
