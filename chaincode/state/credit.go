package state

import (
	"fmt"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// A Repository is a ledger.CreditLedger.
var _ ledger.CreditLedger = (*Repository)(nil)

// storedCredit is a type of the token contract that lies under a key as it is.
type storedCredit interface {
	ledger.Note | ledger.CreditAccount | ledger.KeyBinding | ledger.Stake | ledger.Receipt | ledger.Supply |
		ledger.Outcome | ledger.CreditPolicy | ledger.Vote
}

// Note gives a note that is unspent, nil if there is none.
func (r *Repository) Note(id ledger.NoteID) (*ledger.Note, error) {
	return named[ledger.Note](r, func() (string, error) { return wire.NoteKey(id) })
}

// CreditAccount gives a credit account, nil if it was not opened.
func (r *Repository) CreditAccount(id ledger.Digest) (*ledger.CreditAccount, error) {
	return load[ledger.CreditAccount](r, wire.CreditAccountKey(id))
}

// KeyBinding tells which credit account a key is bound to, nil if none.
func (r *Repository) KeyBinding(binding ledger.Digest) (*ledger.KeyBinding, error) {
	return load[ledger.KeyBinding](r, wire.CreditKeyKey(binding))
}

// Stake gives an account's stake, nil if it never bonded.
func (r *Repository) Stake(account ledger.Digest) (*ledger.Stake, error) {
	return load[ledger.Stake](r, wire.StakeKey(account))
}

// Outcome tells how a task ended, nil if it did not.
func (r *Repository) Outcome(task string) (*ledger.Outcome, error) {
	return named[ledger.Outcome](r, func() (string, error) { return wire.OutcomeKey(task) })
}

// CreateOutcome records how a task ended.
func (r *Repository) CreateOutcome(o ledger.Outcome) error {
	before, err := r.Outcome(o.Task)
	if err != nil {
		return err
	}
	if before != nil {
		return fmt.Errorf("%w: outcome of %s", ErrExists, o.Task)
	}
	key, err := wire.OutcomeKey(o.Task)
	if err != nil {
		return err
	}
	return store(r, key, o)
}

// CreditPolicy gives the credit policy in force, nil if none is.
func (r *Repository) CreditPolicy() (*ledger.CreditPolicy, error) {
	return load[ledger.CreditPolicy](r, wire.CreditPolicyKey())
}

// CreditPolicyVersion gives a version of the credit policy, nil if it never came in force.
func (r *Repository) CreditPolicyVersion(version uint32) (*ledger.CreditPolicy, error) {
	return load[ledger.CreditPolicy](r, wire.CreditPolicyVersionKey(version))
}

// PutCreditPolicy puts a version of the credit policy in force.
func (r *Repository) PutCreditPolicy(p ledger.CreditPolicy) error {
	if err := store(r, wire.CreditPolicyVersionKey(p.Version), p); err != nil {
		return err
	}
	return replace(r, wire.CreditPolicyKey(), p)
}

// Supply gives the mint of a source, nil if it did not mint.
func (r *Repository) Supply(source []string) (*ledger.Supply, error) {
	return named[ledger.Supply](r, func() (string, error) { return wire.MintKey(source) })
}

// Receipt gives an operation's receipt, nil if it did not happen.
func (r *Repository) Receipt(operation ledger.Digest) (*ledger.Receipt, error) {
	return load[ledger.Receipt](r, wire.ReceiptKey(operation))
}

// Vote gives an organisation's vote for a motion, nil if it did not vote.
func (r *Repository) Vote(subject ledger.Digest, mspID string) (*ledger.Vote, error) {
	return named[ledger.Vote](r, func() (string, error) { return wire.VoteKey(subject, mspID) })
}

// CreateVote records a vote.
func (r *Repository) CreateVote(v ledger.Vote) error {
	key, err := wire.VoteKey(v.Subject, v.MSPID)
	if err != nil {
		return err
	}
	return store(r, key, v)
}

// ApplyCredit writes what a decision on credits changed.
func (r *Repository) ApplyCredit(d ledger.CreditDecision) error {
	if d.Account != nil {
		if err := replace(r, wire.CreditAccountKey(d.Account.ID), *d.Account); err != nil {
			return err
		}
	}
	for _, b := range d.Bindings {
		if err := replace(r, wire.CreditKeyKey(b.Key), b.Binding); err != nil {
			return err
		}
	}
	if d.Receipt == nil {
		return nil
	}
	return r.applyReceipt(*d.Receipt, d.Source)
}

func (r *Repository) applyReceipt(receipt ledger.Receipt, source []string) error {
	for _, n := range receipt.Spent {
		key, err := wire.NoteKey(n.ID)
		if err != nil {
			return err
		}
		r.keys.delete(key)
	}
	for _, n := range receipt.Created {
		key, err := wire.NoteKey(n.ID)
		if err != nil {
			return err
		}
		if err = store(r, key, n.Note); err != nil {
			return err
		}
	}
	if receipt.Stake != nil {
		if err := replace(r, wire.StakeKey(receipt.Stake.Account), *receipt.Stake); err != nil {
			return err
		}
	}
	if receipt.Minted > 0 {
		key, err := wire.MintKey(source)
		if err != nil {
			return err
		}
		if err = store(r, key, ledger.Supply{Amount: receipt.Minted, Receipt: receipt.Operation}); err != nil {
			return err
		}
	}
	if receipt.Burned > 0 {
		if err := store(r, wire.BurnKey(receipt.Operation), ledger.Supply{Amount: receipt.Burned, Receipt: receipt.Operation}); err != nil {
			return err
		}
	}
	return store(r, wire.ReceiptKey(receipt.Operation), receipt)
}

// replace writes a value over whatever its key holds.
func replace[T stored](r *Repository, key string, v T) error {
	value, err := wire.Encode(v)
	if err != nil {
		return err
	}
	r.keys.put(key, value)
	return nil
}
