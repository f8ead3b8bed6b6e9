package panel

import (
	"context"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/internal/protocolsim"
)

// logs are how a scorer's proof log can be.
func logs() map[string]func(Prove) Prove {
	failing := func(err error) func(Prove) Prove {
		return func(Prove) Prove {
			return func(context.Context, Question) (Evidence, error) { return Evidence{}, err }
		}
	}
	return map[string]func(Prove) Prove{
		"answers":        func(p Prove) Prove { return p },
		"is late":        failing(ErrNotAnchored),
		"does not speak": failing(errConflict),
		"is not there":   func(Prove) Prove { return nil },
	}
}

func decoy(task protocolsim.Task, kind protocolsim.DecoyKind) ledger.Reference {
	i := slices.IndexFunc(task.Decoys, func(d protocolsim.Decoy) bool { return d.Kind == kind })
	return task.Decoys[i].Event
}

// unbaited plays a scorer against a list of others and holds that it claims nothing that can be refuted.
func (c *channel) unbaited(t rapid.TB, p *player, id ledger.Digest) ledger.TaskView {
	t.Helper()
	c.play(t, []*player{p}, 45*time.Minute)
	v := c.view(t, id)
	c.unhurt(t, p, v)
	return v
}

// unhurt holds that nothing that a scorer claimed of a task can be refuted, and that it lost nothing.
func (c *channel) unhurt(t rapid.TB, p *player, v ledger.TaskView) {
	t.Helper()
	for _, claim := range v.Claims {
		if refute, err := c.world.Refutation(v.Task.Statement, claim); err != nil || refute != nil {
			t.Errorf("its claim of reference %d can be refuted: %v %v", claim.Before, refute != nil, err)
		}
	}
	if s := p.book.snapshot(); s.ClaimsLost != 0 || s.Lost != 0 || c.lostStake(t, p.name) != 0 {
		t.Errorf("%+v", s)
	}
}

func TestNothingIsClaimedOfAListThatIsWrongOtherwiseToo(t *testing.T) {
	for how, log := range logs() {
		for name, change := range map[string]func([]ledger.Reference, protocolsim.Task) []ledger.Reference{
			"what came later is put first": func(r []ledger.Reference, task protocolsim.Task) []ledger.Reference {
				return []ledger.Reference{r[0], decoy(task, protocolsim.DecoyHeld), r[1], r[3]}
			},
			"what came earlier is put last": func(r []ledger.Reference, task protocolsim.Task) []ledger.Reference {
				return []ledger.Reference{r[0], r[1], r[3], decoy(task, protocolsim.DecoyBefore)}
			},
		} {
			t.Run(name+", and the log "+how, func(t *testing.T) {
				c := newChannel(t, undrawn(), 1)
				c.fallsDue(c.world.Tasks...)
				p := c.player(t, "a")
				p.cfg.Prove = log(p.cfg.Prove)
				p.restart(nil)
				id := c.strange(t, func(s *ledger.TaskStatement) { s.References = change(s.References, c.world.Tasks[1]) })
				v := c.unbaited(t, p, id)
				if len(v.Claims) != 0 {
					t.Errorf("%+v", v.Claims)
				}
				if how == "answers" && (v.Settlement == nil || v.Settlement.By != ledger.SettledNoWindow) {
					t.Errorf("%+v", v.Settlement)
				}
			})
		}
	}
}

// TestNoListBaitsAScorer makes lists of what is and is not of a window, in any order.
func TestNoListBaitsAScorer(t *testing.T) {
	base := newChannel(t, undrawn(), 1)
	start := len(base.log)
	rapid.Check(t, func(rt *rapid.T) {
		c := &channel{policy: base.policy, log: slices.Clone(base.log[:start])}
		c.world = base.world.Clone()
		c.world.Tell(func(tx wire.Transaction) { c.log = append(c.log, entry{tx: tx}) })
		c.fallsDue(c.world.Tasks...)
		p := c.player(rt, "a")
		how := rapid.SampledFrom([]string{"answers", "is late", "does not speak", "is not there"}).Draw(rt, "log")
		p.cfg.Prove = logs()[how](p.cfg.Prove)
		p.restart(nil)
		task := c.world.Tasks[1]
		all := slices.Clone(task.Statement.References[1:])
		for _, d := range task.Decoys {
			all = append(all, d.Event)
		}
		some := rapid.Permutation(all).Draw(rt, "list")
		some = some[:rapid.IntRange(1, len(some)).Draw(rt, "length")]
		other := task.Statement
		other.References = append([]ledger.Reference{other.References[0]}, some...)
		ruling, err := c.world.Judge(other)
		if err != nil {
			rt.Fatal(err)
		}
		other.Inputs = ruling.Inputs
		if ruling.Fault != "" {
			ruling.Answer, other.Inputs = task.Truth.Answer, ledger.Digest{5}
		}
		if idOf(rt, other) == idOf(rt, task.Statement) {
			return
		}
		if answers, err := c.world.Score("b", ledger.TaskOperation{Open: &other}); err != nil || answers[0].Status == ledger.StatusRefused {
			return // nobody can be baited by it
		}
		c.unbaited(rt, p, c.agree(rt, other, ruling.Answer, "b", "c", "d"))
	})
}

func TestWithoutAProofLogNothingIsAskedOfItThatACheckpointHeld(t *testing.T) {
	c := newChannel(t, undrawn(), 1)
	c.fallsDue(c.world.Tasks...)
	p := c.player(t, "a")
	id := c.strange(t, func(s *ledger.TaskStatement) { s.References[2] = decoy(c.world.Tasks[1], protocolsim.DecoyWithin) })
	p.read(c, len(c.log))
	f, _ := p.book.foreign.Get(id.String())
	if len(f.listed) == 0 || len(f.challenges[0].between) == 0 {
		t.Fatalf("%+v", f)
	}
	saved, err := p.book.save()
	if err != nil {
		t.Fatal(err)
	}
	p.cfg.Prove = nil
	p.restart(saved)
	p.live()
	errands, _ := p.book.next(p.cfg.Now().Add(time.Hour), 90, maxQuestions)
	if i := slices.IndexFunc(errands, func(e errand) bool { return e.find != nil }); i >= 0 || p.book.listed != 0 {
		t.Errorf("%+v", errands)
	}
}
