package main

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
)

// cannedScoring answers about scoring by several organisations, and about what rests on a model.
type cannedScoring struct {
	waybillv1.UnimplementedScoringServiceServer
	waybillv1.UnimplementedModelServiceServer
}

const cannedShipment = "https://id.gs1.org/00/095213210000000012"

func cannedDigest(b string) string { return strings.Repeat(b, 32) }

func cannedAnswer(level waybillv1.VerdictLevel, score int64) *waybillv1.TaskAnswer {
	return &waybillv1.TaskAnswer{Model: "waybill@1234", Level: level, ScoreMillionths: score, TraceDigest: cannedDigest("0a"), VerdictDigest: cannedDigest("0b")}
}

func cannedTask() *waybillv1.ScoringTask {
	return &waybillv1.ScoringTask{
		Id: cannedDigest("50"), Phase: waybillv1.TaskPhase_TASK_PHASE_FINAL, Shipment: cannedShipment, Window: 1, Model: "waybill@1234", InputsDigest: cannedDigest("0c"), Policy: 1,
		Panel: []*waybillv1.Seat{
			{Account: cannedDigest("a1"), MspId: "ProducerMSP", Weight: 10_000},
			{Account: cannedDigest("a2"), MspId: "CarrierMSP", Weight: 10_000},
			{Account: cannedDigest("a3"), MspId: "AssessorMSP", Weight: 10_000},
		},
		Weight: 30_000, Readings: 40, ReferenceCount: 4, CommitBy: at(32), OpenedBy: cannedDigest("a1"), OpenedAt: at(31), TransactionId: cannedTx, Committed: 3, Revealed: 2,
		Answer: cannedAnswer(waybillv1.VerdictLevel_VERDICT_LEVEL_QUARANTINE, 912_345), SettledBy: "challenge",
		Opened: &waybillv1.Position{Block: 9}, Changed: &waybillv1.Position{Block: 11, Index: 2}, Claims: 2, OpenClaims: 1,
	}
}

func cannedEntries() []*waybillv1.ScoringEntry {
	entry := func(kind waybillv1.ScoringEntryKind, account, msp string, amount uint64, cause string) *waybillv1.ScoringEntry {
		return &waybillv1.ScoringEntry{Kind: kind, Account: cannedDigest(account), MspId: msp, Amount: amount, Task: cannedDigest("50"), Cause: cause, At: at(35), TransactionId: cannedTx, Block: 11}
	}
	return []*waybillv1.ScoringEntry{
		entry(waybillv1.ScoringEntryKind_SCORING_ENTRY_KIND_SLASHED, "a2", "CarrierMSP", 2_000, "wrong"),
		entry(waybillv1.ScoringEntryKind_SCORING_ENTRY_KIND_SLASHED, "a2", "CarrierMSP", 1_600, "claim"),
		entry(waybillv1.ScoringEntryKind_SCORING_ENTRY_KIND_REWARDED, "a1", "ProducerMSP", 16, ""),
		entry(waybillv1.ScoringEntryKind_SCORING_ENTRY_KIND_FOUND, "a1", "ProducerMSP", 1_000, "wrong"),
		entry(waybillv1.ScoringEntryKind_SCORING_ENTRY_KIND_RIGHT, "a1", "ProducerMSP", 0, "challenge"),
		entry(waybillv1.ScoringEntryKind_SCORING_ENTRY_KIND_WRONG, "a2", "CarrierMSP", 0, "challenge"),
		entry(waybillv1.ScoringEntryKind_SCORING_ENTRY_KIND_SILENT, "a3", "AssessorMSP", 0, "challenge"),
	}
}

func (cannedScoring) ListTasks(_ context.Context, r *waybillv1.ListTasksRequest) (*waybillv1.ListTasksResponse, error) {
	open := cannedTask()
	open.Id, open.Phase, open.Answer, open.SettledBy, open.Window, open.Committed, open.Revealed = cannedDigest("51"), waybillv1.TaskPhase_TASK_PHASE_OPEN, nil, "", 2, 1, 0
	open.Claims, open.OpenClaims = 0, 0
	switch r.GetFilter().GetPhase() {
	case waybillv1.TaskPhase_TASK_PHASE_OPEN:
		return &waybillv1.ListTasksResponse{Tasks: []*waybillv1.ScoringTask{open}}, nil
	case waybillv1.TaskPhase_TASK_PHASE_VOID:
		return &waybillv1.ListTasksResponse{}, nil
	default:
		return &waybillv1.ListTasksResponse{Tasks: []*waybillv1.ScoringTask{cannedTask(), open}}, nil
	}
}

func (cannedScoring) GetTask(_ context.Context, r *waybillv1.GetTaskRequest) (*waybillv1.GetTaskResponse, error) {
	if r.GetId() != cannedDigest("50") {
		return nil, status.Error(codes.NotFound, "WB_NOT_FOUND: there is no such task")
	}
	right, wrong := cannedAnswer(waybillv1.VerdictLevel_VERDICT_LEVEL_QUARANTINE, 912_345), cannedAnswer(waybillv1.VerdictLevel_VERDICT_LEVEL_CLEAR, 0)
	out := &waybillv1.GetTaskResponse{
		Task: cannedTask(),
		References: []*waybillv1.TaskReference{
			{Kind: "policy", Id: "refrigerated", First: 1},
			{Kind: "event", Digest: cannedDigest("e1")},
			{Kind: "segments", Id: "https://id.gs1.org/8004/9521321logger7", First: 3, Last: 5, Digest: cannedDigest("e2")},
			{Kind: "closed", Digest: cannedDigest("e1"), Code: "impossible_journey", Item: cannedItem},
		},
		Closing: &waybillv1.TaskClosing{RevealBy: at(34), At: at(32), TransactionId: cannedTx},
		Reveals: []*waybillv1.TaskReveal{
			{Account: cannedDigest("a1"), Answer: right, Nonce: cannedDigest("01"), At: at(33), TransactionId: cannedTx}, {Account: cannedDigest("a2"), Answer: wrong, Nonce: cannedDigest("02"), At: at(33), TransactionId: cannedTx},
		},
		Settlement: &waybillv1.TaskSettlement{
			By: "challenge", Answer: right, Right: []string{cannedDigest("a1")}, Wrong: []string{cannedDigest("a2")}, Prover: cannedDigest("a1"), MspId: "ProducerMSP", At: at(35), TransactionId: cannedTx,
		},
		Claims: []*waybillv1.TaskClaim{
			{
				Account: cannedDigest("a2"), Omitted: &waybillv1.TaskReference{Kind: "event", Digest: cannedDigest("e7")}, Before: 2, Segment: 4, RefuteBy: at(40), At: at(33), TransactionId: cannedTx,
				Refutation: &waybillv1.ClaimRefutation{Account: cannedDigest("a1"), Reference: 2, Segment: 5, Height: 9, At: at(34), TransactionId: cannedTx},
			},
			{Account: cannedDigest("a3"), Omitted: &waybillv1.TaskReference{Kind: "segments", Id: "https://id.gs1.org/8004/9521321logger7", First: 2, Last: 2, Digest: cannedDigest("e8")}, Before: 2, RefuteBy: at(40), At: at(36), TransactionId: cannedTx},
		},
		Entries: cannedEntries(),
	}
	for _, a := range []string{"a1", "a2", "a3"} {
		out.Commitments = append(out.Commitments, &waybillv1.TaskCommitment{Account: cannedDigest(a), Commitment: cannedDigest("c0"), At: at(31), TransactionId: cannedTx})
	}
	return out, nil
}

func cannedScorer() *waybillv1.Scorer {
	return &waybillv1.Scorer{
		Account: cannedDigest("a2"), MspId: "CarrierMSP", Active: true, Since: at(1), TransactionId: cannedTx,
		Stake:    &waybillv1.Stake{Bonded: 8_000, Note: "5f0c9d7e/1", Unbonding: []*waybillv1.Unbonding{{Note: "5f0c9d7e/2", Amount: 500, FreeAt: at(50)}}, Slashed: 2_000, BondedAt: at(1)},
		Rewarded: 48, Slashed: 2_000, Tasks: 5, Reputation: &waybillv1.Reputation{Right: 3, Wrong: 1, Silent: 1, Inspections: 1, BrierMillionths: 40_000, ScoreMillionths: 560_000},
	}
}

func (cannedScoring) ListScorers(context.Context, *waybillv1.ListScorersRequest) (*waybillv1.ListScorersResponse, error) {
	left := &waybillv1.Scorer{Account: cannedDigest("a3"), MspId: "AssessorMSP", Since: at(2), Reputation: &waybillv1.Reputation{ScoreMillionths: 500_000}}
	return &waybillv1.ListScorersResponse{Scorers: []*waybillv1.Scorer{cannedScorer(), left}}, nil
}

func (cannedScoring) GetScorer(_ context.Context, r *waybillv1.GetScorerRequest) (*waybillv1.GetScorerResponse, error) {
	if r.GetAccount() == "" {
		return nil, status.Error(codes.NotFound, "WB_NOT_FOUND: ProducerMSP has no scorer")
	}
	return &waybillv1.GetScorerResponse{Scorer: cannedScorer(), Slashes: cannedEntries()[:1]}, nil
}

func (cannedScoring) ListScoringEntries(_ context.Context, r *waybillv1.ListScoringEntriesRequest) (*waybillv1.ListScoringEntriesResponse, error) {
	if r.GetAccount() == "abc" {
		return nil, status.Error(codes.InvalidArgument, "WB_USAGE: abc names no account")
	}
	if len(r.GetKinds()) == 2 {
		return &waybillv1.ListScoringEntriesResponse{Entries: cannedEntries()[:1]}, nil
	}
	return &waybillv1.ListScoringEntriesResponse{Entries: cannedEntries()}, nil
}

func (cannedScoring) ListFinals(_ context.Context, r *waybillv1.ListFinalsRequest) (*waybillv1.ListFinalsResponse, error) {
	if r.GetShipment() == "nonsense" {
		return nil, status.Error(codes.InvalidArgument, "WB_USAGE: nonsense is no EPC")
	}
	if r.Window != nil && r.GetWindow() != 1 {
		return &waybillv1.ListFinalsResponse{}, nil
	}
	blend := &waybillv1.FinalVerdict{
		Shipment: cannedShipment, Window: 0, Task: cannedDigest("52"), By: "blend", Answer: &waybillv1.TaskAnswer{Level: waybillv1.VerdictLevel_VERDICT_LEVEL_INSPECT, ScoreMillionths: 400_000},
		Blend: &waybillv1.TaskBlend{Level: waybillv1.VerdictLevel_VERDICT_LEVEL_INSPECT, ScoreMillionths: 400_000, LowMillionths: 300_000, HighMillionths: 912_345, Count: 3},
		At:    at(34), TransactionId: cannedTx, Block: 10,
	}
	final := &waybillv1.FinalVerdict{
		Shipment: cannedShipment, Window: 1, Model: "waybill@1234", Task: cannedDigest("50"), By: "challenge", Answer: cannedAnswer(waybillv1.VerdictLevel_VERDICT_LEVEL_QUARANTINE, 912_345),
		At: at(35), TransactionId: cannedTx, Block: 11, Verdict: cannedVerdict(1),
	}
	if r.Window != nil {
		return &waybillv1.ListFinalsResponse{Finals: []*waybillv1.FinalVerdict{final}}, nil
	}
	return &waybillv1.ListFinalsResponse{Finals: []*waybillv1.FinalVerdict{blend, final}}, nil
}

func (cannedScoring) GetScoringPolicy(_ context.Context, r *waybillv1.GetScoringPolicyRequest) (*waybillv1.GetScoringPolicyResponse, error) {
	if r.GetVersion() == 0 {
		return &waybillv1.GetScoringPolicyResponse{}, nil
	}
	return &waybillv1.GetScoringPolicyResponse{Policy: &waybillv1.ScoringPolicy{
		Version: 1, MinStake: 10_000, CommitFor: durationpb.New(60e9), RevealFor: durationpb.New(8e9), ChallengeFor: durationpb.New(8e9), Reward: 48, Jackpot: 400, CanaryMillionths: 20_000,
		WrongMillionths: 200_000, SilentMillionths: 20_000, Bond: 500, FinderMillionths: 500_000, BlendCapMillionths: 400_000, BlendTruth: 40, AtOnce: true, Skew: durationpb.New(2e9),
		Votes: []string{"CarrierMSP", "ProducerMSP"}, At: at(0), TransactionId: cannedTx,
	}}, nil
}

func (cannedScoring) ListModelVerdicts(_ context.Context, r *waybillv1.ListModelVerdictsRequest) (*waybillv1.ListModelVerdictsResponse, error) {
	blend := &waybillv1.FinalVerdict{Shipment: cannedShipment, Window: 4, Task: cannedDigest("52"), By: "blend", Answer: &waybillv1.TaskAnswer{Level: waybillv1.VerdictLevel_VERDICT_LEVEL_INSPECT, ScoreMillionths: 400_000}, TransactionId: cannedTx, Block: 12}
	out := &waybillv1.ListModelVerdictsResponse{Verdicts: []*waybillv1.ModelVerdict{
		{Rests: &waybillv1.ModelVerdict_Verdict{Verdict: cannedVerdict(1)}}, {Rests: &waybillv1.ModelVerdict_Blend{Blend: blend}},
	}}
	if r.GetName() == "cold-chain/2" {
		out.Model = &waybillv1.StoredModel{
			Model: &waybillv1.ModelVersion{Name: "cold-chain/2"}, Status: &waybillv1.ModelStatus{State: "revoked", Revoked: "it passes warm goods", ChangedBy: "CarrierMSP", ChangedAt: at(40)},
		}
	}
	return out, nil
}

func TestATaskSaysWhomItWaitsFor(t *testing.T) {
	k := cannedTask()
	r := &waybillv1.GetTaskResponse{Task: k}
	if phase, waits := phaseText(k, at(99).AsTime()), awaited(r); phase != "final" || waits != "" {
		t.Errorf("a final one: %q, %q", phase, waits)
	}
	k.Phase = waybillv1.TaskPhase_TASK_PHASE_OPEN
	if before, after := phaseText(k, at(32).AsTime()), phaseText(k, at(33).AsTime()); before != "open" || after != "open, overdue" {
		t.Errorf("%q, then %q", before, after)
	}
	for _, c := range []struct {
		committed []string
		want      string
	}{
		{nil, "0 of 30000 credits have; AssessorMSP, CarrierMSP, ProducerMSP have not: do their scorers run?"},
		{[]string{"a2"}, "10000 of 30000 credits have; AssessorMSP, ProducerMSP have not: do their scorers run?"},
		{[]string{"a2", "a1"}, "commitments of all until its time is over, without: AssessorMSP"},
	} {
		r.Commitments = nil
		for _, account := range c.committed {
			r.Commitments = append(r.Commitments, &waybillv1.TaskCommitment{Account: cannedDigest(account)})
		}
		if got := awaited(r); !strings.Contains(got, c.want) {
			t.Errorf("%q, not %q", got, c.want)
		}
	}
}
