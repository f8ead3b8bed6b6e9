package panel

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/internal/protocolsim"
)

// ownModels is a policy by which each scorer answers by its own model.
func ownModels() ledger.ScoringPolicy {
	p := undrawn()
	p.Blend.Own, p.Blend.Truth = true, 448
	return p
}

// newBlendChannel is a channel of that policy, with a second model that is approved and says other things.
func newBlendChannel(t testing.TB, shipments int) (*channel, *score.Model) {
	t.Helper()
	c := newChannel(t, ownModels(), shipments)
	p := c.world.Model.Parameters()
	p.ID = "other"
	for i := range p.Severities {
		p.Severities[i].Millionths = p.Severities[i].Millionths * 2 / 3
	}
	p.QuarantineAt = score.Million
	other, err := score.NewModel(p)
	if err == nil {
		err = c.world.Approve(other)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c, other
}

// bothDue puts verdicts of both models on the stream: each reader has its own.
func (c *channel) bothDue(t testing.TB, other *score.Model, tasks ...protocolsim.Task) {
	t.Helper()
	c.fallsDue(tasks...)
	e := &c.log[len(c.log)-1]
	e.dueOf = map[string][]scorer.Due{other.Name(): nil}
	for _, task := range tasks {
		ruling, err := c.world.JudgeBy(other, task.Statement)
		if err != nil || ruling.Fault != "" {
			t.Fatal(ruling.Fault, err)
		}
		s := task.Statement
		s.Model, s.Inputs = other.Name(), ruling.Inputs
		e.dueOf[other.Name()] = append(e.dueOf[other.Name()], scorer.Due{Verdict: ruling.Verdict, Statement: &s})
	}
}

// runs has players run a model from their start.
func runs(m *score.Model, players ...*player) {
	for _, p := range players {
		p.cfg.Scorer.Model = m
		p.restart(nil)
	}
}

// blend is the final blend on a task's window.
func (c *channel) blend(t rapid.TB, task protocolsim.Task) (ledger.FinalVerdict, ledger.TaskView) {
	t.Helper()
	s := task.Statement
	s.Model, s.Inputs = "", ledger.Digest{}
	f, err := c.world.Final(s)
	if err != nil || f == nil || f.By != ledger.SettledBlend {
		t.Fatalf("window %d of %s: %+v, %v", s.Window, s.Shipment, f, err)
	}
	id, err := wire.TaskDigest(s)
	if err != nil || f.Task != id {
		t.Fatal("another list is final", err)
	}
	v, err := c.world.View(id)
	if err != nil {
		t.Fatal(err)
	}
	return *f, v
}

// earned is what each player's account holds beside its stake.
func (c *channel) earned(t rapid.TB) map[string]ledger.Credits {
	t.Helper()
	holdings, _, err := c.world.Holdings()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]ledger.Credits{}
	for _, name := range scorerNames() {
		out[name] = holdings[c.world.Account(name)] - 10_000
	}
	return out
}

// Scorers of two models agree on what is judged, the median of what they say is final, each writes its own verdict beside it,
// and an inspection pays them by how right they were, but for who recorded it.
func TestScorersOfDifferentModelsMakeABlendFinal(t *testing.T) {
	c, other := newBlendChannel(t, 2)
	players := c.players(t)
	runs(other, players[2], players[3])
	warm := c.world.Tasks[3] // the last window of the shipment that is too warm
	c.bothDue(t, other, c.world.Tasks...)
	c.play(t, players, 40*time.Minute)
	for _, task := range c.world.Tasks {
		f, v := c.blend(t, task)
		if len(v.Reveals) != 4 || v.Settlement.Blend == nil || v.Settlement.Blend.Count != 4 || f.Model != "" || f.Answer.Model != "" {
			t.Errorf("%+v, %d revealed", f, len(v.Reveals))
		}
		models := map[string]int{}
		for _, r := range v.Reveals {
			models[r.Answer.Model]++
		}
		if models[c.world.Model.Name()] != 2 || models[other.Name()] != 2 {
			t.Errorf("%v", models)
		}
	}
	for _, p := range players {
		s := p.book.snapshot()
		if s.Open != 0 || s.Refused != 0 || s.Outvoted != 0 || s.Strange != 0 || len(s.Alone) != 0 || c.lostStake(t, p.name) != 0 || s.Settled[ledger.SettledBlend] != 4 {
			t.Errorf("%s: %+v", p.name, s)
		}
		if len(p.alone) != 4 || slices.ContainsFunc(p.alone, func(v ledger.Verdict) bool { return v.Model != p.cfg.Scorer.Model.Name() }) {
			t.Errorf("%s writes %d verdicts of its own beside", p.name, len(p.alone))
		}
	}
	// Who begins with another model, or without an account, says nothing of what was judged before.
	late := c.player(t, "a")
	runs(other, late)
	late.read(c, len(c.log))
	if len(late.alone) != 0 || late.book.snapshot().Open != 0 {
		t.Errorf("%d verdicts on what others judged, %d tasks open", len(late.alone), late.book.snapshot().Open)
	}

	f, v := c.blend(t, warm)
	b := *v.Settlement.Blend
	if b.Low >= b.High || f.Answer.Score != b.Low || f.Answer.Level == ledger.Clear {
		t.Fatalf("the models say the same: %+v", b)
	}

	// The organisation of a, which said most surely that it is spoiled, records that.
	if _, err := c.world.Inspect("rootA", 1, "inspecting", "non_conformant"); err != nil {
		t.Fatal(err)
	}
	c.play(t, players, 5*time.Minute)
	var told, refused uint64
	for _, p := range players {
		s := p.book.snapshot()
		told, refused = told+uint64(p.book.blends.truths.Len()), refused+s.Refused
	}
	if told != 0 || refused != 0 {
		t.Errorf("%d still tell of the inspection, %d were refused", told, refused)
	}
	got := c.earned(t)
	if got["a"] != 0 || got["b"] <= got["c"] || got["c"] != got["d"] || got["d"] == 0 {
		t.Errorf("%v", got)
	}
	// What is inspected again is settled, and a shipment without a final blend has none to settle.
	c.world.Advance(1_000)
	if _, err := c.world.Inspect("rootB", 1, "inspecting", "conformant"); err != nil {
		t.Fatal(err)
	}
	calls := c.world.Now()
	c.play(t, players, 5*time.Minute)
	if again := c.earned(t); again["b"] != got["b"] || again["a"] != 0 {
		t.Errorf("%v after %v, at %v", again, got, calls)
	}
	// The other shipment waits for its own.
	for _, p := range players {
		if p.book.blends.last.Len() != 1 || p.book.blends.truths.Len() != 0 {
			t.Errorf("%s: %d blends wait, %d inspections", p.name, p.book.blends.last.Len(), p.book.blends.truths.Len())
		}
	}
}

// Whoever is killed, late or deaf: every blend is final once, and the inspection is told once.
func TestWhateverIsLostBlendsBecomeFinalAndInspected(t *testing.T) {
	base, other := newBlendChannel(t, 2)
	start := len(base.log)
	rapid.Check(t, func(rt *rapid.T) {
		c := &channel{policy: base.policy, log: append([]entry{}, base.log[:start]...)}
		c.world = base.world.Clone()
		c.world.Tell(func(tx wire.Transaction) { c.log = append(c.log, entry{tx: tx}) })
		players := c.players(t)
		runs(other, players[1], players[2])
		checkpoints := make([]saved, len(players))
		c.bothDue(t, other, c.world.Tasks...)
		inspected := false
		for range rapid.IntRange(10, 40).Draw(rt, "moves") {
			i := rapid.IntRange(0, len(players)-1).Draw(rt, "who")
			p := players[i]
			switch rapid.IntRange(0, 9).Draw(rt, "move") {
			case 0, 1, 2:
				p.disturbed(rt, &checkpoints[i])
			case 3:
				p.read(c, min(len(c.log), p.at+rapid.IntRange(1, 3).Draw(rt, "blocks")))
			case 4, 5:
				p.read(c, len(c.log))
			case 6:
				if inspected || p.book.blends.last.Len() == 0 {
					continue
				}
				inspected = true
				if _, err := c.world.Inspect("rootC", 1, "inspecting", "damaged"); err != nil {
					rt.Fatal(err)
				}
			default:
				c.someSay(rt, players)
			}
			c.world.Advance(ledger.Millis(rapid.IntRange(0, 5_000).Draw(rt, "pause")))
		}
		c.play(rt, players, 25*time.Minute)
		if _, err := c.world.Inspect("rootC", 1, "inspecting", "destroyed"); err != nil {
			rt.Fatal(err)
		}
		c.play(rt, players, 5*time.Minute)
		answered := map[ledger.Digest]int{} // tasks, by account
		for _, task := range c.world.Tasks {
			_, v := c.blend(rt, task)
			for _, r := range v.Reveals {
				answered[r.Account]++
			}
		}
		got := c.earned(rt)
		for _, p := range players {
			s := p.book.snapshot()
			if s.Open != 0 || s.Outvoted != 0 || len(s.Alone) != 0 || c.lostStake(rt, p.name) != 0 || p.book.blends.truths.Len() != 0 {
				rt.Errorf("%s: %+v, %d inspections to tell", p.name, s, p.book.blends.truths.Len())
			}
			// Who was away while all others committed to a task answered less; c's organisation records what is inspected.
			n := answered[c.world.Account(p.name)]
			if got[p.name] > 0 && (n == 0 || p.name == "c") || got[p.name] == 0 && n == len(c.world.Tasks) && p.name != "c" {
				rt.Errorf("%s earned %d for %d answers", p.name, got[p.name], n)
			}
		}
	})
}

// A vote that changes how tasks are finds verdicts that wait to be opened: all have them be as the new policy asks.
func TestWaitingVerdictsAreWhatThePolicyInForceAsksFor(t *testing.T) {
	c, other := newBlendChannel(t, 1)
	p := c.player(t, "a")
	c.bothDue(t, other, c.world.Tasks...)
	p.read(c, len(c.log))
	policy := ownModels()
	for i, own := range []bool{false, true, true, false} {
		policy.Version, policy.Blend.Own = uint32(i+2), own
		c.log = append(c.log, entry{tx: wire.Transaction{Scoring: wire.ScoringRecords{Policies: []ledger.ScoringPolicy{policy}}}})
		p.read(c, len(c.log))
		if len(p.book.rounds) != 2 || p.book.order.Len() != 2 || len(p.book.windows) != 2 {
			t.Fatalf("%d rounds", len(p.book.rounds))
		}
		for _, task := range c.world.Tasks {
			want := task.Statement
			if own {
				want.Model, want.Inputs = "", ledger.Digest{}
			}
			id, err := wire.TaskDigest(want)
			if err != nil {
				t.Fatal(err)
			}
			if r := p.book.rounds[id]; r == nil || r.blended() != own || r.answer != task.Truth.Answer {
				t.Errorf("version %d: %+v", policy.Version, r)
			}
		}
	}
}

// What cannot be told is given up, a withdrawn inspection is told to nobody, and one before the verdict is none.
func TestAnInspectionThatSaysNothingIsNotTold(t *testing.T) {
	c, other := newBlendChannel(t, 2)
	players := c.players(t)
	c.bothDue(t, other, c.world.Tasks...)
	for _, p := range players {
		p.read(c, len(c.log))
	}
	if _, err := c.world.Inspect("rootA", 1, "inspecting", "damaged"); err != nil { // nothing is final yet
		t.Fatal(err)
	}
	c.play(t, players, 40*time.Minute)
	p := players[0]
	if p.book.blends.last.Len() != 2 || p.book.blends.truths.Len() != 0 {
		t.Fatalf("%d blends, %d inspections", p.book.blends.last.Len(), p.book.blends.truths.Len())
	}
	for _, said := range [][2]string{{"inspecting", "in_transit"}, {"receiving", "damaged"}} {
		if _, err := c.world.Inspect("rootA", 1, said[0], said[1]); err != nil {
			t.Fatal(err)
		}
	}
	p.read(c, len(c.log))
	if p.book.blends.truths.Len() != 0 {
		t.Error("what is no inspection is told")
	}
	event, err := c.world.Inspect("rootA", 1, "inspecting", "expired")
	if err == nil {
		p.read(c, len(c.log))
	}
	if err != nil || p.book.blends.truths.Len() != 1 {
		t.Fatal(err, p.book.blends.truths.Len())
	}
	c.log = append(c.log, entry{tx: wire.Transaction{Withdrawn: []ledger.Digest{event}}})
	p.read(c, len(c.log))
	if p.book.blends.truths.Len() != 0 || p.book.blends.last.Len() != 2 {
		t.Error("what was withdrawn is told")
	}
	if _, err = c.world.Inspect("rootB", 1, "inspecting", "destroyed"); err != nil {
		t.Fatal(err)
	}
	p.read(c, len(c.log))
	for _, one := range p.book.blends.truths.All {
		for _, a := range []struct {
			code string
			left int
		}{{ledger.CodeNotFound, 1}, {ledger.CodeClockSkew, 1}, {ledger.CodeConflict, 0}} {
			p.book.answered(errand{task: one.task, deed: doInspect}, []wire.Answer{{Status: ledger.StatusRefused, Code: a.code}}, nil, p.cfg.Now())
			if p.book.blends.truths.Len() != a.left {
				t.Errorf("after %s %d are to be told", a.code, p.book.blends.truths.Len())
			}
		}
	}
}

func TestWhatOthersMadeOfAWindowIsWatchedUntilItIsOver(t *testing.T) {
	c := newChannel(t, undrawn(), 1)
	c.fallsDue(c.world.Tasks...)
	p := c.player(t, "a")
	id := c.strange(t, func(s *ledger.TaskStatement) { s.References = slices.Delete(s.References, 2, 3) })
	p.read(c, len(c.log))
	apply := func(s wire.ScoringRecords) { p.book.apply(wire.Transaction{Scoring: s}, nil, time.Now()) }
	watched := func() bool { _, ok := p.book.foreign.Get(id.String()); return ok }
	next := ownModels()
	next.Version = 2
	if apply(wire.ScoringRecords{Policies: []ledger.ScoringPolicy{next}}); !watched() {
		t.Error("it is forgotten when the rules change")
	}
	next = undrawn()
	next.Version = 3
	apply(wire.ScoringRecords{Policies: []ledger.ScoringPolicy{next}})
	window := window{c.world.Tasks[1].Statement.Shipment, c.world.Tasks[1].Statement.Window}
	own := p.book.windows[window].id
	saved, err := p.book.save()
	if err != nil {
		t.Fatal(err)
	}
	if apply(wire.ScoringRecords{Settlements: []ledger.Settlement{{Task: own, By: ledger.SettledOmission}}}); !watched() {
		t.Error("it is forgotten when the own task is void")
	}
	p.restart(saved)
	answer := c.world.Tasks[1].Truth.Answer
	if apply(wire.ScoringRecords{Settlements: []ledger.Settlement{{Task: own, By: ledger.SettledWindow, Answer: &answer}}}); watched() {
		t.Error("it is not forgotten when the window is over")
	}
}
