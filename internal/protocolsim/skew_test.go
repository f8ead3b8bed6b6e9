package protocolsim

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// punctual is the policy of a network whose clocks agree within two seconds.
func punctual() ledger.ScoringPolicy {
	p := DefaultPolicy()
	p.Skew, p.RevealFor, p.ChallengeFor = 2_000, 8_000, 8_000
	return p
}

// late holds that a transaction is refused as a whole for its time.
func late(t *testing.T, w *World, who string, skew time.Duration, ops ...ledger.TaskOperation) {
	t.Helper()
	if answers, err := w.ScoreAt(who, skew, ops...); err == nil || !strings.Contains(err.Error(), ledger.CodeClockSkew) {
		t.Fatalf("%s by %s: %v, %v", ops[0].TaskKind(), skew, answers, err)
	}
}

func TestEveryOperationOnATaskIsHeldToThePolicysClocks(t *testing.T) {
	w, players := ruled(t, punctual(), 4, 1)
	task := w.Tasks[0]
	open := ledger.TaskOperation{Open: &task.Statement}
	late(t, w, "s0", 2_001*time.Millisecond, open)
	late(t, w, "s0", -2_001*time.Millisecond, open)
	if _, err := recorded(w.ScoreAt("s0", -2*time.Second, open)); err != nil {
		t.Fatal(err)
	}
	id, err := wire.TaskDigest(task.Statement)
	if err != nil {
		t.Fatal(err)
	}
	var reveals []ledger.TaskOperation
	for _, p := range players {
		commit, reveal := operations(t, w, p.Name, id, task.Truth.Answer)
		late(t, w, p.Name, 3*time.Second, commit)
		do(t, w, p.Name, commit, "")
		reveals = append(reveals, reveal)
	}
	stop := ledger.TaskOperation{Close: &id}
	late(t, w, "s0", 3*time.Second, stop)
	// One operation that is too late takes those beside it down with it, and nothing of them is recorded.
	late(t, w, "s0", -3*time.Second, ledger.TaskOperation{Register: &ledger.RegisterScorer{Leave: true}}, stop)
	do(t, w, "s0", ledger.TaskOperation{Register: &ledger.RegisterScorer{}}, "")
	do(t, w, "s0", stop, "")
	for i, p := range players[:3] {
		late(t, w, p.Name, -3*time.Second, reveals[i])
		do(t, w, p.Name, reveals[i], "")
	}
	for _, op := range []ledger.TaskOperation{{Settle: &ledger.SettleTask{Task: id}}, {Challenge: &ledger.ChallengeTask{Task: id}}, {Expire: &id}} {
		late(t, w, "s0", 3*time.Second, op)
	}
	// Who leaves, and could join again, undoes what opens tasks.
	late(t, w, "s3", 3*time.Second, ledger.TaskOperation{Register: &ledger.RegisterScorer{Leave: true}})
	// Silence costs twice the skew after the last reveal.
	w.Advance(w.Policy.RevealFor + 2*w.Policy.Skew - 1)
	do(t, w, "s0", ledger.TaskOperation{Expire: &id}, ledger.CodeTaskTime)
	w.Advance(1)
	do(t, w, "s0", ledger.TaskOperation{Expire: &id}, "")
	if stake, err := w.Stake("s3"); err != nil || stake.Slashed != 200 {
		t.Errorf("%+v, %v", stake, err)
	}
}

func TestATaskKeepsTheClocksOfThePolicyItOpenedUnder(t *testing.T) {
	for name, c := range map[string]struct {
		first, then ledger.Millis
		within      time.Duration // of the task that opened first
	}{
		"larger later":  {2_000, 0, 2 * time.Second},
		"smaller later": {60_000, 1_000, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			policy := DefaultPolicy()
			policy.Skew, policy.ChallengeFor = c.first, 2*ledger.MinPhase // what a stake is at risk for then suffices later
			w, _ := ruled(t, policy, 4, 1)
			task := w.Tasks[0]
			id := do(t, w, "s0", ledger.TaskOperation{Open: &task.Statement}, "").Digest
			policy.Version, policy.Skew, policy.ChallengeFor = 2, c.then, ledger.MinPhase
			argument, err := wire.Encode(wire.ScoringPolicyBatch{Policies: []ledger.ScoringPolicy{policy}})
			if err = w.all(wire.FnGovernScoring, argument, err); err != nil {
				t.Fatal(err)
			}
			commit, _ := operations(t, w, "s0", id, task.Truth.Answer)
			late(t, w, "s0", c.within+time.Millisecond, commit)
			if _, err := recorded(w.ScoreAt("s0", c.within, commit)); err != nil {
				t.Error(err)
			}
			other := ledger.TaskOperation{Open: &w.Tasks[1].Statement}
			now := time.Duration(policy.ClockSkew()) * time.Millisecond
			late(t, w, "s0", now+time.Millisecond, other)
			if _, err := recorded(w.ScoreAt("s0", now, other)); err != nil {
				t.Error(err)
			}
		})
	}
}

// Liars who choose times within two seconds gain no more on phases of eight than others do on twenty minutes.
func TestOneHonestChallengerSufficesWhereClocksAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	n := rounds(t, 120)
	for _, g := range grounds(t, punctual()) {
		playGround(t, g, max(n*g.share/100, 1), r)
	}
}
