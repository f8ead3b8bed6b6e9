package scorer_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/internal/bits"
)

// Scorers of different models are to be asked the same: when a window closes and what it rests on follow from what is
// recorded, whatever the model. Their verdicts differ, and so do the digests of inputs, which cover the model's name.
func TestWhatATaskRefersToIsTheSameForEveryModel(t *testing.T) {
	models, err := bits.Models(7)
	if err != nil {
		t.Fatal(err)
	}
	models[0] = model(t)
	tasks, differ := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		limits := drawLimits(t)
		h := newHistory(t)
		dockets := make([]*scorer.Docket, len(models))
		for i, m := range models {
			dockets[i] = scorer.NewTaskDocket(m, limits)
		}
		block := uint64(0)
		for range rapid.IntRange(5, 60).Draw(t, "transactions") {
			var tx wire.Transaction
			for range rapid.IntRange(1, 4).Draw(t, "parts") {
				h.record(&tx)
			}
			block += uint64(rapid.IntRange(0, 3).Draw(t, "blocks"))
			first := dockets[0].Judge(block, tx)
			for i, d := range dockets[1:] {
				dues := d.Judge(block, tx)
				if len(dues) != len(first) {
					t.Fatalf("%d windows close by one model, %d by another", len(first), len(dues))
				}
				for k, due := range dues {
					one, other := first[k].Statement, due.Statement
					if due.Why != first[k].Why || due.Verdict.Final != first[k].Verdict.Final {
						t.Fatalf("%q and %q", first[k].Why, due.Why)
					}
					if one == nil {
						continue
					}
					if other.Inputs == one.Inputs || other.Model != models[i+1].Name() {
						t.Fatal("two models have one statement")
					}
					if blended(t, *one) != blended(t, *other) {
						t.Fatalf("%s and %s are asked for other things", one.Model, other.Model)
					}
					tasks++
					if due.Verdict.Score != first[k].Verdict.Score {
						differ++
					}
				}
			}
		}
	})
	if tasks == 0 || differ == 0 {
		t.Errorf("%d tasks, of which the models say different things of %d", tasks, differ)
	}
	t.Logf("%d tasks, of which the models say different things of %d", tasks, differ)
}

// blended is the task of a statement where each scorer answers by its own model.
func blended(t failer, s ledger.TaskStatement) ledger.Digest {
	s.Model, s.Inputs = "", ledger.Digest{}
	id, err := wire.TaskDigest(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
