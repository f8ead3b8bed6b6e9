package wire

import (
	"crypto/sha256"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// The transaction functions of scoring by several organisations.
const (
	FnScore            = "scoring:Score"
	FnGovernScoring    = "scoring:Govern"
	FnGetTask          = "scoring:GetTask"
	FnGetScorers       = "scoring:GetScorers"
	FnGetFinal         = "scoring:GetFinal"
	FnGetScoringPolicy = "scoring:GetScoringPolicy"
)

// The kinds of keys of scoring by several organisations. Each scorer writes keys of its own.
const (
	KindScorer            Kind = "scorer"            // account → ledger.Scorer
	KindTask              Kind = "task"              // id → ledger.ScoringTask
	KindCommit            Kind = "commit"            // task, account → ledger.Commitment
	KindClosing           Kind = "closing"           // task → ledger.Closing
	KindReveal            Kind = "reveal"            // task, account → ledger.Reveal
	KindProvisional       Kind = "provisional"       // task → ledger.Provisional
	KindSettled           Kind = "settled"           // task → ledger.Settlement
	KindFinal             Kind = "final"             // shipment, window, model (may be empty) → ledger.FinalVerdict
	KindClaim             Kind = "claim"             // task, account → ledger.Claim
	KindInspection        Kind = "inspection"        // task → ledger.Inspection
	KindScoringPolicy     Kind = "scoringpolicy"     // → ledger.ScoringPolicy in force
	KindScoringPolicyPast Kind = "scoringpolicypast" // version → ledger.ScoringPolicy
)

// TaskBatch is the argument of Score.
type TaskBatch struct {
	Operations []ledger.TaskOperation `cbor:"1,keyasint"`
}

// ScoringPolicyBatch is the argument of scoring:Govern.
type ScoringPolicyBatch struct {
	Policies []ledger.ScoringPolicy `cbor:"1,keyasint"`
}

// Scorers is what GetScorers returns.
type Scorers struct {
	Scorers []ledger.Scorer `cbor:"1,keyasint,omitempty"` // by account
}

// TaskPartRef names a scorer's part in a task.
type TaskPartRef struct {
	Task    ledger.Digest `cbor:"1,keyasint"`
	Account ledger.Digest `cbor:"2,keyasint"`
}

// ScoringSummary names what a transaction did with tasks.
type ScoringSummary struct {
	Scorers      []ledger.Digest `cbor:"1,keyasint,omitempty"` // accounts
	Tasks        []ledger.Digest `cbor:"2,keyasint,omitempty"`
	Commitments  []TaskPartRef   `cbor:"3,keyasint,omitempty"`
	Closings     []ledger.Digest `cbor:"4,keyasint,omitempty"`
	Reveals      []TaskPartRef   `cbor:"5,keyasint,omitempty"`
	Provisionals []ledger.Digest `cbor:"6,keyasint,omitempty"`
	Settlements  []ledger.Digest `cbor:"7,keyasint,omitempty"`
	Finals       []VerdictRef    `cbor:"8,keyasint,omitempty"`
	Inspections  []ledger.Digest `cbor:"9,keyasint,omitempty"`
	Policies     []uint32        `cbor:"10,keyasint,omitempty"` // versions that came in force
	Claims       []TaskPartRef   `cbor:"11,keyasint,omitempty"` // made or refuted
}

// ScoringRecords are what a transaction did with tasks.
type ScoringRecords struct {
	Scorers      []ledger.Scorer
	Tasks        []ledger.ScoringTask
	Commitments  []ledger.Commitment
	Closings     []ledger.Closing
	Reveals      []ledger.Reveal
	Provisionals []ledger.Provisional
	Settlements  []ledger.Settlement
	Finals       []ledger.FinalVerdict
	Inspections  []ledger.Inspection
	Policies     []ledger.ScoringPolicy
	Claims       []ledger.Claim // made or refuted
}

// taskMessage is a type of scoring by several organisations with an encoding.
type taskMessage interface {
	TaskBatch | ScoringPolicyBatch | Scorers | answerStatement | commitmentStatement |
		ledger.TaskStatement | ledger.TaskView | ledger.Scorer | ledger.ScoringTask | ledger.Commitment | ledger.Closing |
		ledger.Reveal | ledger.Provisional | ledger.Settlement | ledger.FinalVerdict | ledger.Inspection | ledger.ScoringPolicy | ledger.Claim
}

// TaskFact is a type that consumers of the block stream keep as it is encoded: what was done with tasks.
type TaskFact interface {
	ledger.ScoringTask | ledger.Commitment | ledger.Closing | ledger.Reveal | ledger.Provisional | ledger.Settlement |
		ledger.FinalVerdict | ledger.Inspection | ledger.Claim
}

// ScorerKey is the key of a scorer.
func ScorerKey(account ledger.Digest) string { return hashKey(KindScorer, account.String()) }

// TaskKey is the key of a task.
func TaskKey(task ledger.Digest) string { return hashKey(KindTask, task.String()) }

// CommitKey is the key of a scorer's commitment to a task.
func CommitKey(task, account ledger.Digest) string {
	return hashKey(KindCommit, task.String(), account.String())
}

// ClosingKey is the key of what ends the commitments to a task.
func ClosingKey(task ledger.Digest) string { return hashKey(KindClosing, task.String()) }

// RevealKey is the key of a scorer's revealed answer.
func RevealKey(task, account ledger.Digest) string {
	return hashKey(KindReveal, task.String(), account.String())
}

// ProvisionalKey is the key of a task's provisional answer.
func ProvisionalKey(task ledger.Digest) string { return hashKey(KindProvisional, task.String()) }

// SettledKey is the key of how a task ended.
func SettledKey(task ledger.Digest) string { return hashKey(KindSettled, task.String()) }

// FinalKey is the key of what stands for a window of a shipment under a model.
func FinalKey(shipment string, window uint32, model string) (string, error) {
	return Key(KindFinal, shipment, padded(uint64(window), windowDigits), model)
}

// ClaimKey is the key of what a scorer claims that a task leaves out.
func ClaimKey(task, account ledger.Digest) string {
	return hashKey(KindClaim, task.String(), account.String())
}

// InspectionKey is the key of what an inspection said of a task.
func InspectionKey(task ledger.Digest) string { return hashKey(KindInspection, task.String()) }

// ScoringPolicyKey is the key of the scoring policy in force.
func ScoringPolicyKey() string { return "\x00" + string(KindScoringPolicy) + "\x00" }

// ScoringPolicyVersionKey is the key of a version of the scoring policy.
func ScoringPolicyVersionKey(version uint32) string {
	return hashKey(KindScoringPolicyPast, padded(uint64(version), versionDigits))
}

// ReferenceKeys are the keys of what references name: records of events and segments, policies and findings.
func ReferenceKeys(references []ledger.Reference) ([]string, error) {
	keys := make([]string, 0, len(references))
	for _, r := range references {
		var key string
		var err error
		switch r.Kind {
		case ledger.RefEvent, ledger.RefWithdrawn, ledger.RefElsewhere:
			key = EventKey(r.Digest)
		case ledger.RefPolicy:
			key, err = PolicyKey(r.ID, uint32(r.First)) //nolint:gosec // ledger.CheckTask held it to 32 bits
		case ledger.RefFinding, ledger.RefClosed:
			key, err = FindingKey(*r.Finding)
		case ledger.RefSegments:
			for seq := r.First; seq < r.Last && err == nil; seq++ {
				if key, err = SegmentKey(r.ID, seq); err == nil {
					keys = append(keys, key)
				}
			}
			if err == nil {
				key, err = SegmentKey(r.ID, r.Last)
			}
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// DecodeTaskBatch reads the argument of Score.
func DecodeTaskBatch(data []byte) (TaskBatch, error) {
	b, err := Decode[TaskBatch](data, ledger.MaxArgumentBytes)
	if err == nil {
		err = bounded("operations", len(b.Operations), ledger.MaxBatchTasks)
	}
	return b, err
}

// DecodeScoringPolicyBatch reads the argument of scoring:Govern.
func DecodeScoringPolicyBatch(data []byte) (ScoringPolicyBatch, error) {
	b, err := Decode[ScoringPolicyBatch](data, ledger.MaxArgumentBytes)
	if err == nil {
		err = bounded("policies", len(b.Policies), ledger.MaxBatchCredits)
	}
	return b, err
}

const (
	taskPrefix          = "waybill scoring task\x00"
	answerPrefix        = "waybill scoring answer\x00"
	scoringPolicyPrefix = "waybill scoring policy\x00"
	// commitmentPrefix keeps a signed commitment from meaning anything else that the key signs.
	commitmentPrefix = "waybill scoring commitment\x00"
)

// TaskDigest is a task's id: all that is to be scored, so that who scores something else has another task.
func TaskDigest(s ledger.TaskStatement) (ledger.Digest, error) { return named(taskPrefix, s) }

// ScoringPolicyDigest names a policy as a steward states it.
func ScoringPolicyDigest(p ledger.ScoringPolicy) (ledger.Digest, error) {
	return named(scoringPolicyPrefix, p.Stated())
}

type answerStatement struct {
	Task    ledger.Digest     `cbor:"1,keyasint"`
	Account ledger.Digest     `cbor:"2,keyasint"`
	Answer  ledger.TaskAnswer `cbor:"3,keyasint"`
	Nonce   ledger.Digest     `cbor:"4,keyasint"`
}

// CommitmentOf is what a scorer commits to: SHA-256 over task, account, answer and nonce. Because of the account,
// another's commitment is of no use.
func CommitmentOf(task, account ledger.Digest, answer ledger.TaskAnswer, nonce ledger.Digest) (ledger.Digest, error) {
	return named(answerPrefix, answerStatement{Task: task, Account: account, Answer: answer, Nonce: nonce})
}

type commitmentStatement struct {
	Task       ledger.Digest `cbor:"1,keyasint"`
	Account    ledger.Digest `cbor:"2,keyasint"`
	Commitment ledger.Digest `cbor:"3,keyasint"`
}

// CommitmentMessage is what a scorer signs who tells its commitment outside the ledger.
func CommitmentMessage(task, account, commitment ledger.Digest) ([]byte, error) {
	data, err := Encode(commitmentStatement{Task: task, Account: account, Commitment: commitment})
	if err != nil {
		return nil, err
	}
	return append([]byte(commitmentPrefix), data...), nil
}

// OperationDigest names an operation in its answer: the task it is about, or what it states.
func OperationDigest(op ledger.TaskOperation) (ledger.Digest, error) {
	switch op.TaskKind() {
	case "open":
		return TaskDigest(*op.Open)
	case "commit":
		return op.Commit.Task, nil
	case "close":
		return *op.Close, nil
	case "reveal":
		return op.Reveal.Task, nil
	case "settle":
		return op.Settle.Task, nil
	case "challenge":
		return op.Challenge.Task, nil
	case "expire":
		return *op.Expire, nil
	case "expose":
		return op.Expose.Task, nil
	case "inspect":
		return op.Inspect.Task, nil
	case "refute":
		return op.Refute.Task, nil
	}
	return sha256.Sum256(nil), nil
}

// scoring reads what a transaction did with tasks.
func (r *transactionReader) scoring(s *ScoringSummary) (ScoringRecords, error) {
	var out ScoringRecords
	if s == nil {
		return out, nil
	}
	plain := func(key string) func() (string, error) { return func() (string, error) { return key, nil } }
	for _, account := range s.Scorers {
		if err := add(&out.Scorers, *r, plain(ScorerKey(account))); err != nil {
			return out, err
		}
	}
	for _, id := range s.Tasks {
		if err := add(&out.Tasks, *r, plain(TaskKey(id))); err != nil {
			return out, err
		}
	}
	for _, ref := range s.Commitments {
		if err := add(&out.Commitments, *r, plain(CommitKey(ref.Task, ref.Account))); err != nil {
			return out, err
		}
	}
	for _, id := range s.Closings {
		if err := add(&out.Closings, *r, plain(ClosingKey(id))); err != nil {
			return out, err
		}
	}
	for _, ref := range s.Reveals {
		if err := add(&out.Reveals, *r, plain(RevealKey(ref.Task, ref.Account))); err != nil {
			return out, err
		}
	}
	for _, id := range s.Provisionals {
		if err := add(&out.Provisionals, *r, plain(ProvisionalKey(id))); err != nil {
			return out, err
		}
	}
	for _, id := range s.Settlements {
		if err := add(&out.Settlements, *r, plain(SettledKey(id))); err != nil {
			return out, err
		}
	}
	for _, ref := range s.Finals {
		if err := add(&out.Finals, *r, func() (string, error) { return FinalKey(ref.Shipment, ref.Window, ref.Model) }); err != nil {
			return out, err
		}
	}
	for _, id := range s.Inspections {
		if err := add(&out.Inspections, *r, plain(InspectionKey(id))); err != nil {
			return out, err
		}
	}
	for _, ref := range s.Claims {
		if err := add(&out.Claims, *r, plain(ClaimKey(ref.Task, ref.Account))); err != nil {
			return out, err
		}
	}
	for _, version := range s.Policies {
		if err := add(&out.Policies, *r, plain(ScoringPolicyVersionKey(version))); err != nil {
			return out, err
		}
	}
	return out, nil
}
