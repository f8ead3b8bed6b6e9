package wire_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

func taskOperations() []ledger.TaskOperation {
	id := digest(3)
	answer := ledger.TaskAnswer{Model: "m@1", Level: ledger.Inspect, Score: 1, PValue: 2, Trace: digest(4), Verdict: digest(5)}
	segments := ledger.Reference{Kind: ledger.RefSegments, ID: "https://id.gs1.org/8004/95200021", First: 1, Last: 2, Digest: digest(6)}
	return []ledger.TaskOperation{
		{Register: &ledger.RegisterScorer{Leave: true}},
		{Open: &ledger.TaskStatement{
			Shipment: "https://id.gs1.org/00/395200010000000014", Window: 3, Begins: 1, Model: "m@1", Inputs: digest(7),
			References: []ledger.Reference{
				{Kind: ledger.RefPolicy, ID: "cold", First: 1},
				{Kind: ledger.RefEvent, Digest: digest(8), Containers: []ledger.Contained{{Item: "a", Container: "b"}}},
				{Kind: ledger.RefFinding, Finding: &ledger.Finding{Code: ledger.FindingCommissionedTwice, Event: digest(9)}},
				segments,
			},
		}},
		{Commit: &ledger.CommitAnswer{Task: id, Commitment: id}},
		{Close: &id},
		{Reveal: &ledger.RevealAnswer{Task: id, Answer: answer, Nonce: digest(1)}},
		{Settle: &ledger.SettleTask{Task: id, Verdict: &ledger.Verdict{Shipment: "x"}}},
		{Challenge: &ledger.ChallengeTask{Task: id, Omitted: &segments, At: 1}},
		{Expire: &id},
		{Expose: &ledger.SignedCommitment{Task: id, Account: id, Commitment: id, PublicKey: []byte{1}, Signature: []byte{2}}},
		{Inspect: &ledger.InspectTask{Task: id, Event: id}},
		{Challenge: &ledger.ChallengeTask{Task: id, Omitted: &segments, At: 1, Segment: 2}},
		{Challenge: &ledger.ChallengeTask{Task: id, Order: &ledger.Misplaced{First: 1, FirstSegment: 2, Second: 3, SecondSegment: 4, Proof: []byte{5}}}},
		{Refute: &ledger.RefuteClaim{Task: id, Account: digest(1), Reference: 2, Segment: 3, Proof: []byte{4}}},
	}
}

func TestBatchesOfTasksAreBounded(t *testing.T) {
	for _, n := range []int{0, ledger.MaxBatchTasks + 1} {
		tasks, err := wire.Encode(wire.TaskBatch{Operations: make([]ledger.TaskOperation, n)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = wire.DecodeTaskBatch(tasks); !errors.Is(err, ledger.ErrMalformed) && !errors.Is(err, ledger.ErrTooLarge) {
			t.Errorf("%d operations: %v", n, err)
		}
	}
	none, err := wire.Encode(wire.ScoringPolicyBatch{Policies: []ledger.ScoringPolicy{}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = wire.DecodeScoringPolicyBatch(none); !errors.Is(err, ledger.ErrMalformed) {
		t.Error(err)
	}
}

// A commitment binds to everything that it is made of, and hides it behind the nonce.
func TestACommitmentIsOfItsTaskScorerAnswerAndNonce(t *testing.T) {
	answer := ledger.TaskAnswer{Model: "m@1", Level: ledger.Inspect, Score: 1, Trace: digest(4), Verdict: digest(5)}
	seen := map[ledger.Digest]string{}
	add := func(what string, task, account ledger.Digest, a ledger.TaskAnswer, nonce ledger.Digest) {
		d, err := wire.CommitmentOf(task, account, a, nonce)
		if err != nil {
			t.Fatal(err)
		}
		if other, twice := seen[d]; twice {
			t.Errorf("%s commits to the same as %s", what, other)
		}
		seen[d] = what
	}
	add("the answer", digest(1), digest(2), answer, digest(3))
	add("another task", digest(9), digest(2), answer, digest(3))
	add("another scorer", digest(1), digest(9), answer, digest(3))
	add("another nonce", digest(1), digest(2), answer, digest(9))
	for what, change := range map[string]func(*ledger.TaskAnswer){
		"another model":   func(a *ledger.TaskAnswer) { a.Model += "x" },
		"another level":   func(a *ledger.TaskAnswer) { a.Level++ },
		"another score":   func(a *ledger.TaskAnswer) { a.Score++ },
		"another p-value": func(a *ledger.TaskAnswer) { a.PValue++ },
		"another trace":   func(a *ledger.TaskAnswer) { a.Trace = digest(9) },
		"another verdict": func(a *ledger.TaskAnswer) { a.Verdict = digest(9) },
	} {
		other := answer
		change(&other)
		add(what, digest(1), digest(2), other, digest(3))
	}
}

func TestOperationsAreNamedByTheirTask(t *testing.T) {
	for _, op := range taskOperations() {
		got, err := wire.OperationDigest(op)
		if err != nil {
			t.Fatal(err)
		}
		switch op.TaskKind() {
		case "register":
		case "open":
			other := *op.Open
			other.Window++
			if changed, err := wire.TaskDigest(other); err != nil || changed == got {
				t.Error("another window has the same id")
			}
		default:
			if got != digest(3) {
				t.Errorf("%s is named %s", op.TaskKind(), got)
			}
		}
	}
}

func FuzzDecodeTasks(f *testing.F) {
	tasks, err := wire.Encode(wire.TaskBatch{Operations: taskOperations()})
	if err != nil {
		f.Fatal(err)
	}
	policies, err := wire.Encode(wire.ScoringPolicyBatch{Policies: []ledger.ScoringPolicy{{Version: 1, Votes: []string{"A"}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(tasks)
	f.Add(policies)
	f.Fuzz(func(t *testing.T, data []byte) {
		if b, err := wire.DecodeTaskBatch(data); err == nil {
			again, err := wire.Encode(b)
			if err != nil || !bytes.Equal(again, data) {
				t.Fatalf("%x, then %x (%v)", data, again, err)
			}
			for _, op := range b.Operations {
				if err := ledger.CheckTaskOperation(op); err == nil {
					if _, err := wire.OperationDigest(op); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		if b, err := wire.DecodeScoringPolicyBatch(data); err == nil {
			for _, p := range b.Policies {
				if _, err := wire.ScoringPolicyDigest(p); err != nil {
					t.Fatal(err)
				}
				_ = ledger.CheckScoringPolicy(p)
			}
		}
	})
}
