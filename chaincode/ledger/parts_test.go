package ledger

import (
	"errors"
	"maps"
	"testing"

	"pgregory.net/rapid"
)

// panelOf seats accounts 1, 2, … with these weights.
func panelOf(weights ...Credits) ScoringTask {
	var t ScoringTask
	for i, w := range weights {
		t.Panel = append(t.Panel, Seat{Account: Digest{byte(i + 1)}, Weight: w})
		t.Weight += w
	}
	return t
}

func TestARewardIsPaidToTheLastCreditWhereAllAreRight(t *testing.T) {
	for _, c := range []struct {
		weights []Credits
		amount  Credits
		want    []Credits
	}{
		{[]Credits{10_000, 10_000, 10_000, 10_000}, 48, []Credits{12, 12, 12, 12}},
		{[]Credits{10_000, 10_000, 10_000, 9_995}, 48, []Credits{12, 12, 12, 12}},
		{[]Credits{1, 1, 1}, 2, []Credits{1, 1, 0}}, // by account
		{[]Credits{1, 2, 3}, 100, []Credits{17, 33, 50}},
		{[]Credits{MaxCredits / 2, MaxCredits / 2}, MaxCredits - 1, []Credits{MaxCredits / 2, MaxCredits / 2}},
		{[]Credits{5, 7}, 0, []Credits{0, 0}},
	} {
		task := panelOf(c.weights...)
		got, err := task.parts(c.amount)
		if err != nil {
			t.Fatal(err)
		}
		for i, seat := range task.Panel {
			if got[seat.Account] != c.want[i] {
				t.Errorf("%d among %d: %d gets %d, want %d", c.amount, c.weights, i, got[seat.Account], c.want[i])
			}
		}
	}
}

func TestPartsAreAllOfAnAmountAndNeverACreditOff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.Uint64Range(1, uint64(MaxCredits)/MaxScorers), 1, MaxScorers).Draw(t, "weights")
		amount := Credits(rapid.Uint64Range(0, uint64(MaxCredits)).Draw(t, "amount"))
		stakes := make([]Credits, len(weights))
		for i, w := range weights {
			stakes[i] = Credits(w)
		}
		task := panelOf(stakes...)
		got, err := task.parts(amount)
		if err != nil {
			t.Fatal(err)
		}
		again, err := task.parts(amount)
		if err != nil || !maps.Equal(got, again) {
			t.Fatal("the same is divided otherwise")
		}
		var sum Credits
		for _, seat := range task.Panel {
			down, err := shareOf(amount, seat.Weight, task.Weight)
			part := got[seat.Account]
			if err != nil || part < down || part > down+1 {
				t.Fatalf("%d of %d by %d of %d", part, amount, seat.Weight, task.Weight)
			}
			sum += part
			for _, other := range task.Panel {
				if other.Weight > seat.Weight && got[other.Account] < part {
					t.Fatalf("%d has %d, %d has %d", seat.Weight, part, other.Weight, got[other.Account])
				}
			}
		}
		if sum != amount {
			t.Fatalf("%d of %d", sum, amount)
		}
	})
}

// delays is a ledger whose keepers have policies in force.
type delays struct {
	CreditLedger

	scoring *ScoringPolicy
}

func (delays) CreditPolicy() (*CreditPolicy, error)     { return nil, nil } //nolint:nilnil // none is in force
func (d delays) ScoringPolicy() (*ScoringPolicy, error) { return d.scoring, nil }
func (delays) Rulebook() (Rulebook, error) {
	return Rulebook{Rules: Rules{Keepers: []string{"A"}}}, nil
}

func TestACreditPolicyLeavesAStakeAtRiskForAsLongAsScoringNeeds(t *testing.T) {
	scoring := taskPolicy()
	decide := func(p *ScoringPolicy, delay Millis) error {
		_, err := DecideMotion(CreditMotion{Policy: &CreditPolicy{Version: 1, UnbondDelay: delay}}, Digest{1}, delays{scoring: p}, 0, Tx{ID: "x", Actor: Actor{MSPID: "B"}})
		return err
	}
	if err := decide(&scoring, scoring.UnbondDelay()-1); !errors.Is(err, ErrStake) {
		t.Errorf("a delay that scoring outlasts: %v", err)
	}
	for what, err := range map[string]error{"enough": decide(&scoring, scoring.UnbondDelay()), "no scoring": decide(nil, 2*maxSkew)} {
		if !errors.Is(err, ErrKeepers) { // B's vote is none
			t.Errorf("%s: %v", what, err)
		}
	}
}
