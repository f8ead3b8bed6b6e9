package protocolsim

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// answered is a task that s0 to s2 answered rightly; s3 did not commit.
func answered(t *testing.T, w *World, task Task, players []Player) *game {
	t.Helper()
	g := &game{w: w, task: task, r: rand.New(rand.NewPCG(11, 12))}
	var err error
	if g.id, err = wire.TaskDigest(task.Statement); err != nil {
		t.Fatal(err)
	}
	cast := append([]Player(nil), players...)
	cast[3].Strategy = Objector
	if err = g.parts(cast); err == nil {
		err = g.rush(3, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func holdings(t *testing.T, w *World, players []Player) (all []int64) {
	t.Helper()
	held, _, err := w.Holdings()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range players {
		all = append(all, int64(held[w.Account(p.Name)]))
	}
	return all
}

// Whatever is claimed falsely, and on whatever window: while more than half of the keepers anchor, the claim is refuted, costs
// who made it a fifth of its stake, of which half goes to who refuted it, and the task goes on to the right verdict.
func TestAFalseClaimVoidsNoTaskWhileKeepersAnchor(t *testing.T) {
	base, players := world(t, 4, 2)
	for _, task := range base.Tasks {
		for _, d := range task.Decoys {
			w := base.Clone()
			w.anchoring = Keepers()[1:]
			g := answered(t, w, task, players)
			do(t, w, "s0", d.claim(g.id), ledger.CodeTaskState) // it committed to the list
			before := holdings(t, w, players)
			do(t, w, "s3", d.claim(g.id), "")
			settle := ledger.TaskOperation{Settle: &ledger.SettleTask{Task: g.id, Verdict: &task.Truth.Verdict}}
			do(t, w, "s0", settle, ledger.CodeTaskTime)
			if err := g.refute("s1"); err != nil {
				t.Fatal(d.Kind, err)
			}
			after := holdings(t, w, players)
			for i, delta := range []int64{0, 1_000, 0, -2_000} {
				if after[i]-before[i] != delta {
					t.Errorf("%s: s%d has %d more credits, not %d", d.Kind, i, after[i]-before[i], delta)
				}
			}
			do(t, w, "s3", task.Decoys[0].claim(g.id), again(d.Kind))
			w.Advance(w.Policy.ChallengeFor + w.Policy.ClockSkew()) // the provisional answer said a later time than it was
			do(t, w, "s0", settle, "")
			if final, err := w.Final(task.Statement); err != nil || final == nil || final.Answer != task.Truth.Answer {
				t.Errorf("%s: %+v, %v", d.Kind, final, err)
			}
		}
	}
}

// again is what the same claim, or another of the same account, is answered with.
func again(first DecoyKind) string {
	if first == DecoyBefore {
		return ""
	}
	return ledger.CodeConflict
}

// Where half of the keepers at most anchor the log, a false claim voids the task: nobody loses anything, and nothing is final.
// When they do again, who claimed it loses what it costs.
func TestWithoutRootsAFalseClaimVoidsAndNothingWrongIsFinal(t *testing.T) {
	base, players := world(t, 4, 1)
	for n := range 2 {
		for _, d := range base.Tasks[1].Decoys {
			task, w := base.Tasks[1], base.Clone()
			w.anchoring = Keepers()[:n]
			g := answered(t, w, task, players)
			before := holdings(t, w, players)
			do(t, w, "s3", d.claim(g.id), "")
			if err := g.refute("s1"); err != nil {
				t.Fatal(err)
			}
			settle := ledger.TaskOperation{Settle: &ledger.SettleTask{Task: g.id, Verdict: &task.Truth.Verdict}}
			w.Advance(w.Policy.ChallengeFor - w.anchorEvery() - 1)
			do(t, w, "s0", settle, ledger.CodeTaskTime)
			w.Advance(1)
			if a := do(t, w, "s0", settle, ""); a.Message != ledger.SettledOmission.String() {
				t.Error(a.Message)
			}
			if final, err := w.Final(task.Statement); err != nil || final != nil {
				t.Errorf("%+v, %v", final, err)
			}
			after := holdings(t, w, players)
			for i := range players {
				if after[i] != before[i] {
					t.Errorf("%s: s%d has %d credits, before %d", d.Kind, i, after[i], before[i])
				}
			}
			view, err := w.View(g.id)
			if err != nil {
				t.Fatal(err)
			}
			if _, err = w.Refutation(task.Statement, view.Claims[0]); !errors.Is(err, ErrNotAnchored) {
				t.Fatal(err)
			}
			w.anchoring = append([]string{}, Keepers()...)
			if n == 1 {
				w.anchoring = w.anchoring[:2] // the third has stated another root at that height, once and for all
			}
			if _, err = w.events("rootA", 200+n, map[string]any{"type": "ObjectEvent", "action": "OBSERVE", "epcList": []string{"urn:epc:id:sscc:9520001.3999999999"}}); err != nil {
				t.Fatal(err)
			}
			if err = g.refute("s1"); err != nil {
				t.Fatal(err)
			}
			if last := holdings(t, w, players); last[1] != before[1]+1_000 || last[3] != before[3]-2_000 {
				t.Errorf("%s: %v, before %v", d.Kind, last, before)
			}
			if again, err := w.View(g.id); err != nil || again.Phase() != ledger.TaskVoid || again.Claims[0].Open() {
				t.Errorf("%+v, %v", again, err)
			}
		}
	}
}

// Liars who claim falsely what nobody can refute keep right verdicts from being final, and make none that is wrong.
func TestLiarsWithoutRootsMakeNothingWrongFinal(t *testing.T) {
	base, players := world(t, 4, 4)
	r := rand.New(rand.NewPCG(13, 14))
	void, right := 0, 0
	for i := range rounds(t, 60) {
		w := base.Clone()
		w.anchoring = nil
		out, err := w.attack(base.Tasks[r.IntN(len(base.Tasks))], players, r.IntN(len(players)), nil, never, r)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case out.Wrong || out.Refuted > 0 || (out.Final == nil) != (out.Claims > 0):
			t.Fatalf("round %d: %+v", i, out)
		case out.Final == nil:
			void++
		default:
			right++
		}
	}
	if void == 0 || right == 0 {
		t.Errorf("%d void, %d right", void, right)
	}
}
