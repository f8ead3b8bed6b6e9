package wire

import (
	"crypto/sha256"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// The token contract's transaction functions.
const (
	FnTransact         = "token:Transact"
	FnGovernCredits    = "token:Govern"
	FnGetNote          = "token:GetNote"
	FnGetCreditAccount = "token:GetAccount"
	FnGetStake         = "token:GetStake"
	FnGetCreditPolicy  = "token:GetPolicy"
	FnGetReceipt       = "token:GetReceipt"
	FnGetCreditSums    = "token:GetSums"
)

// The kinds of keys of the token contract.
const (
	KindNote             Kind = "note"             // transaction id, index → ledger.Note, unspent
	KindCreditAccount    Kind = "creditaccount"    // id → ledger.CreditAccount
	KindCreditKey        Kind = "creditkey"        // binding → ledger.KeyBinding
	KindStake            Kind = "stake"            // account → ledger.Stake
	KindReceipt          Kind = "receipt"          // digest of the operation → ledger.Receipt
	KindMint             Kind = "mint"             // source… → ledger.Supply
	KindBurn             Kind = "burn"             // digest of the operation → ledger.Supply
	KindOutcome          Kind = "outcome"          // task → ledger.Outcome
	KindCreditPolicy     Kind = "creditpolicy"     // → ledger.CreditPolicy in force
	KindCreditPolicyPast Kind = "creditpolicypast" // version → ledger.CreditPolicy
	KindVote             Kind = "vote"             // digest of the motion, MSP ID → ledger.Vote
)

const indexDigits = 10

// CreditBatch is the argument of Transact.
type CreditBatch struct {
	Operations []ledger.CreditOperation `cbor:"1,keyasint"`
}

// MotionBatch is the argument of token:Govern.
type MotionBatch struct {
	Motions []ledger.CreditMotion `cbor:"1,keyasint"`
}

// VoteRef names a vote.
type VoteRef struct {
	Subject ledger.Digest `cbor:"1,keyasint"`
	MSPID   string        `cbor:"2,keyasint"`
}

// CreditSummary names what a transaction did with credits.
type CreditSummary struct {
	Accounts []ledger.Digest `cbor:"1,keyasint,omitempty"` // opened or changed
	Receipts []ledger.Digest `cbor:"2,keyasint,omitempty"`
	Policies []uint32        `cbor:"3,keyasint,omitempty"` // versions that came in force
	Outcomes []string        `cbor:"4,keyasint,omitempty"` // tasks that ended
}

// CreditRecords are what a transaction did with credits.
type CreditRecords struct {
	Accounts []ledger.CreditAccount
	Receipts []ledger.Receipt
	Policies []ledger.CreditPolicy
	Outcomes []ledger.Outcome
}

// creditMessage is a type of the token contract with an encoding.
type creditMessage interface {
	CreditBatch | MotionBatch |
		ledger.CreditOperation | ledger.CreditMotion | ledger.Slash | ledger.Reward |
		ledger.Note | ledger.CreditAccount | ledger.KeyBinding | ledger.Stake | ledger.Receipt | ledger.Supply |
		ledger.Outcome | ledger.CreditPolicy | ledger.Vote | ledger.CreditSums
}

// NoteKey is the key of a note.
func NoteKey(id ledger.NoteID) (string, error) {
	return Key(KindNote, id.TxID, padded(uint64(id.Index), indexDigits))
}

// CreditAccountKey is the key of a credit account.
func CreditAccountKey(id ledger.Digest) string { return hashKey(KindCreditAccount, id.String()) }

// CreditKeyKey is the key under which the account of a public key is found.
func CreditKeyKey(binding ledger.Digest) string { return hashKey(KindCreditKey, binding.String()) }

// StakeKey is the key of an account's stake.
func StakeKey(account ledger.Digest) string { return hashKey(KindStake, account.String()) }

// ReceiptKey is the key of an operation's receipt.
func ReceiptKey(operation ledger.Digest) string { return hashKey(KindReceipt, operation.String()) }

// MintKey is the key of a mint.
func MintKey(source []string) (string, error) { return Key(KindMint, source...) }

// BurnKey is the key of a burn.
func BurnKey(operation ledger.Digest) string { return hashKey(KindBurn, operation.String()) }

// OutcomeKey is the key of a task's outcome.
func OutcomeKey(task string) (string, error) { return Key(KindOutcome, task) }

// CreditPolicyKey is the key of the credit policy in force.
func CreditPolicyKey() string { return "\x00" + string(KindCreditPolicy) + "\x00" }

// CreditPolicyVersionKey is the key of a version of the credit policy.
func CreditPolicyVersionKey(version uint32) string {
	return hashKey(KindCreditPolicyPast, padded(uint64(version), versionDigits))
}

// VoteKey is the key of an organisation's vote for a motion.
func VoteKey(subject ledger.Digest, mspID string) (string, error) {
	return Key(KindVote, subject.String(), mspID)
}

// DecodeCreditBatch reads the argument of Transact.
func DecodeCreditBatch(data []byte) (CreditBatch, error) {
	b, err := Decode[CreditBatch](data, ledger.MaxArgumentBytes)
	if err == nil {
		err = bounded("operations", len(b.Operations), ledger.MaxBatchCredits)
	}
	return b, err
}

// DecodeMotionBatch reads the argument of token:Govern.
func DecodeMotionBatch(data []byte) (MotionBatch, error) {
	b, err := Decode[MotionBatch](data, ledger.MaxArgumentBytes)
	if err == nil {
		err = bounded("motions", len(b.Motions), ledger.MaxBatchCredits)
	}
	return b, err
}

// Prefixes that keep the digest of one thing from being that of another.
const (
	operationPrefix = "waybill credit operation\x00"
	motionPrefix    = "waybill credit motion\x00"
	slashPrefix     = "waybill slash\x00"
	rewardPrefix    = "waybill reward\x00"
)

func named[T message](prefix string, v T) (ledger.Digest, error) {
	data, err := Encode(v)
	if err != nil {
		return ledger.Digest{}, err
	}
	return sha256.Sum256(append([]byte(prefix), data...)), nil
}

// CreditDigest names an operation, and its receipt. Operations that spend notes can happen once, so that
// one sent again is told from another.
func CreditDigest(op ledger.CreditOperation) (ledger.Digest, error) {
	return named(operationPrefix, op)
}

// MotionDigest names a motion as a steward states it.
func MotionDigest(m ledger.CreditMotion) (ledger.Digest, error) {
	return named(motionPrefix, m.Stated())
}

// SlashDigest names a slash, and its receipt, by account and fault.
func SlashDigest(s ledger.Slash) (ledger.Digest, error) {
	return named(slashPrefix, ledger.Slash{Account: s.Account, Fault: s.Fault})
}

// RewardDigest names a reward, and its receipt, by its task.
func RewardDigest(r ledger.Reward) (ledger.Digest, error) {
	return named(rewardPrefix, ledger.Reward{Task: r.Task, Payments: []ledger.Payment{}})
}

// governed reads what a transaction did with credits and models, and who voted.
func (r *transactionReader) governed(tx *Transaction, summary Summary) (err error) {
	if tx.Credits, err = r.credits(summary.Credits); err != nil {
		return err
	}
	if tx.Models, err = r.models(summary.Models); err != nil {
		return err
	}
	if tx.Scoring, err = r.scoring(summary.Scoring); err != nil {
		return err
	}
	for _, ref := range summary.Votes {
		if err = add(&tx.Votes, *r, func() (string, error) { return VoteKey(ref.Subject, ref.MSPID) }); err != nil {
			return err
		}
	}
	return nil
}

// credits reads what a transaction did with credits.
func (r *transactionReader) credits(s *CreditSummary) (CreditRecords, error) {
	var out CreditRecords
	if s == nil {
		return out, nil
	}
	for _, id := range s.Accounts {
		if err := add(&out.Accounts, *r, func() (string, error) { return CreditAccountKey(id), nil }); err != nil {
			return out, err
		}
	}
	for _, digest := range s.Receipts {
		if err := add(&out.Receipts, *r, func() (string, error) { return ReceiptKey(digest), nil }); err != nil {
			return out, err
		}
	}
	for _, version := range s.Policies {
		if err := add(&out.Policies, *r, func() (string, error) { return CreditPolicyVersionKey(version), nil }); err != nil {
			return out, err
		}
	}
	for _, task := range s.Outcomes {
		if err := add(&out.Outcomes, *r, func() (string, error) { return OutcomeKey(task) }); err != nil {
			return out, err
		}
	}
	return out, nil
}
