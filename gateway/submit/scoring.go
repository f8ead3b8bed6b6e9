package submit

import (
	"context"
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// The kinds of scoring by several organisations.
const (
	KindTask          Kind = "task"
	KindScoringPolicy Kind = "scoring_policy"
)

// Tasks does operations on tasks of scoring, those on one task in the order given and never in two transactions at once. A
// transaction re-executes one task at most: an operation that needed a second one is refused with ledger.CodeTooLarge
// and may be sent again.
func (s *Submitter) Tasks(ctx context.Context, operations []ledger.TaskOperation) ([]Outcome, error) {
	return s.governed.tasks.submit(ctx, operations)
}

// ScoringPolicies asks for scoring policies, in the order given.
func (s *Submitter) ScoringPolicies(ctx context.Context, policies []ledger.ScoringPolicy) ([]Outcome, error) {
	return s.governed.scoringPolicies.submit(ctx, policies)
}

func tasks() kind[ledger.TaskOperation] {
	return kind[ledger.TaskOperation]{
		name: KindTask, function: wire.FnScore, maxBatch: ledger.MaxBatchTasks, prompt: true,
		encode: func(batch []ledger.TaskOperation) ([]byte, error) {
			return wire.Encode(wire.TaskBatch{Operations: batch})
		},
		keys: func(op ledger.TaskOperation) []string {
			if op.Register != nil {
				return []string{"scorers"}
			}
			task, err := wire.OperationDigest(op)
			if err != nil {
				return nil // the contract refuses it and touches nothing
			}
			return []string{task.String()}
		},
		// What scorers do on tasks they do again by themselves when it was too early; who registers is told.
		early: func(op ledger.TaskOperation, code string) bool {
			return op.Register != nil && slices.Contains([]string{ledger.CodeStake, ledger.CodeScorer, ledger.CodeNoAccount, ledger.CodeNoScoringPolicy}, code)
		},
		size:      taskSize,
		weight:    func(op ledger.TaskOperation, _ []string) int { return taskReads(op) },
		maxWeight: ledger.MaxBatchTaskReads,
		check: func(op ledger.TaskOperation) error {
			if op.Open != nil && len(op.Open.References) > ledger.MaxTaskReferences {
				return fmt.Errorf("%w: a task of %d references, at most %d are allowed", ledger.ErrTooLarge, len(op.Open.References), ledger.MaxTaskReferences)
			}
			return nil
		},
	}
}

// taskReads is how many keys an operation has read for its references, of ledger.MaxBatchTaskReads. What re-executes takes a
// whole transaction's share, as one does at most: a challenge, and settling for which nobody gives a verdict; whether other
// settling does is not known before.
func taskReads(op ledger.TaskOperation) int {
	switch {
	case op.Challenge != nil, op.Settle != nil && op.Settle.Verdict == nil:
		return ledger.MaxBatchTaskReads
	case op.Inspect != nil:
		return ledger.MaxBatchTaskReads / ledger.MaxBatchInspections
	case op.Open == nil:
		return 0
	}
	return op.Open.Reads()
}

func taskSize(op ledger.TaskOperation) int {
	n := 8 * entryBytes
	if op.Open != nil {
		n += len(op.Open.Shipment) + len(op.Open.Model)
		for _, r := range op.Open.References {
			n += 2*entryBytes + len(r.ID)
			for _, c := range r.Containers {
				n += len(c.Item) + len(c.Container) + 8
			}
			if r.Finding != nil {
				n += 4*entryBytes + len(r.Finding.Item) + len(r.Finding.Detail)
			}
		}
	}
	if op.Settle != nil && op.Settle.Verdict != nil {
		n += verdictSize(*op.Settle.Verdict)
	}
	return n
}

func scoringPolicies() kind[ledger.ScoringPolicy] {
	return kind[ledger.ScoringPolicy]{
		name: KindScoringPolicy, function: wire.FnGovernScoring, maxBatch: ledger.MaxBatchCredits,
		encode: func(batch []ledger.ScoringPolicy) ([]byte, error) {
			return wire.Encode(wire.ScoringPolicyBatch{Policies: batch})
		},
		keys: func(ledger.ScoringPolicy) []string { return []string{"policy"} },
		// What the credit policy does not allow, it may since its last version.
		early: by[ledger.ScoringPolicy](ledger.CodeKeepers, ledger.CodeConflict, ledger.CodeNoCreditPolicy, ledger.CodeStake, ledger.CodeAllowance),
		size:  func(ledger.ScoringPolicy) int { return 4 * entryBytes },
	}
}
