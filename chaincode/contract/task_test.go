package contract

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/state"
	"github.com/waybill-dev/waybill/chaincode/state/statetest"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// tasks is a channel as a contract sees it that ends tasks: it slashes and rewards.
type tasks struct {
	world *statetest.World
	txs   int
	now   ledger.Millis
}

type failing interface {
	Helper()
	Fatal(...any)
}

// do runs a part of a transaction and commits it.
func (k *tasks) do(t failing, part func(*transaction) error) error {
	t.Helper()
	k.txs++
	stub := k.world.Simulate(statetest.Proposal{TxID: fmt.Sprintf("tx%d", k.txs)})
	tx := &transaction{
		Tx:         ledger.Tx{ID: stub.TxID, Time: k.now, Actor: ledger.Actor{MSPID: "A", Subject: "x", Key: ledger.Digest{1}}},
		repository: state.New(stub), stub: stub,
	}
	if err := part(tx); err != nil {
		return err
	}
	if _, err := tx.end(); err != nil {
		t.Fatal(err)
	}
	for _, code := range k.world.Commit(stub) {
		if code != 0 {
			t.Fatal(code)
		}
	}
	return nil
}

func (k *tasks) transact(t failing, op ledger.CreditOperation) {
	t.Helper()
	if err := k.do(t, func(tx *transaction) error {
		digest, err := wire.CreditDigest(op)
		if err != nil {
			return err
		}
		if err = tx.transact(op, digest); err == nil && tx.answers[0].Code != "" {
			err = fmt.Errorf("%s: %s", tx.answers[0].Code, tx.answers[0].Message)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func (k *tasks) stake(t failing, account ledger.Digest) ledger.Stake {
	t.Helper()
	stake, err := state.New(k.world.Simulate(statetest.Proposal{TxID: "read"})).Stake(account)
	if err != nil || stake == nil {
		t.Fatal(stake, err)
	}
	return *stake
}

func (k *tasks) conserved(t failing) ledger.CreditSums {
	t.Helper()
	sums, err := creditSums(k.world.Simulate(statetest.Proposal{TxID: "read"}), "")
	if err == nil {
		err = sums.Check()
	}
	if err != nil {
		t.Fatal(err)
	}
	return sums
}

// newTasks makes a channel with one account that was rewarded with 100 credits and bonded some.
func newTasks(t failing, bonded ledger.Credits) (*tasks, ledger.Digest) {
	t.Helper()
	k := &tasks{world: statetest.NewWorld(), now: ledger.EarliestTime}
	account := ledger.CreditBinding("A", ledger.Digest{1})
	if err := k.do(t, func(tx *transaction) error {
		return tx.repository.PutCreditPolicy(ledger.CreditPolicy{Version: 1, TaskMint: 100, MinStake: 1, UnbondDelay: 3_600_000})
	}); err != nil {
		t.Fatal(err)
	}
	k.transact(t, ledger.CreditOperation{Open: &ledger.OpenAccount{}})
	var note ledger.NoteID
	if err := k.do(t, func(tx *transaction) error {
		note = ledger.NoteID{TxID: tx.ID}
		return tx.reward(ledger.Reward{Task: "t", Payments: []ledger.Payment{{To: account, Amount: 100}}})
	}); err != nil {
		t.Fatal(err)
	}
	k.transact(t, ledger.CreditOperation{Bond: &ledger.BondStake{Inputs: []ledger.NoteID{note}, Amount: bonded}})
	return k, account
}

func TestATaskIsRewardedOnceAndWithinThePolicy(t *testing.T) {
	k, account := newTasks(t, 10)
	again := func(task string, amount ledger.Credits) error {
		return k.do(t, func(tx *transaction) error {
			return tx.reward(ledger.Reward{Task: task, Payments: []ledger.Payment{{To: account, Amount: amount}}})
		})
	}
	if err := again("t", 100); err != nil {
		t.Fatal(err)
	}
	if sums := k.conserved(t); sums.Minted != 100 {
		t.Errorf("%+v", sums)
	}
	for what, err := range map[string]error{
		ledger.CodeAllowance: again("t2", 101),
		ledger.CodeSchema:    again("", 1),
	} {
		if ledger.Code(err) != what {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestAFaultIsSlashedOnceAlsoOnItsWayOut(t *testing.T) {
	k, account := newTasks(t, 80)
	stake := k.stake(t, account)
	k.transact(t, ledger.CreditOperation{Unbond: &ledger.UnbondStake{Stake: *stake.Note, Amount: 50}})
	slash := func(fault string, amount ledger.Credits, to *ledger.Digest, share uint64) error {
		return k.do(t, func(tx *transaction) error {
			return tx.slash(ledger.Slash{Account: account, Fault: fault, Amount: amount, To: to, Share: share})
		})
	}
	for range 2 { // the second time changes nothing
		if err := slash("f1", 40, nil, 0); err != nil {
			t.Fatal(err)
		}
		stake = k.stake(t, account)
		if stake.Bonded != 0 || stake.Note != nil || len(stake.Unbonding) != 1 || stake.Unbonding[0].Amount != 40 || stake.Slashed != 40 {
			t.Fatalf("%+v", stake)
		}
	}
	if sums := k.conserved(t); sums.Burned != 40 || sums.Locked != 40 || sums.Unspent != 20 {
		t.Errorf("%+v", sums)
	}
	if err := slash("f2", 1_000, &account, 500_000); err != nil {
		t.Fatal(err)
	}
	if sums := k.conserved(t); sums.Burned != 60 || sums.Locked != 0 || sums.Unspent != 40 {
		t.Errorf("%+v", sums)
	}
	if err := slash("f3", 1, nil, 0); ledger.Code(err) != ledger.CodeStake {
		t.Error(err)
	}
	if err := slash("f3", 1, nil, 1); ledger.Code(err) != ledger.CodeSchema {
		t.Error(err)
	}
	if risk, err := k.stake(t, account).AtRisk(); risk != 0 || err != nil {
		t.Error(risk, err)
	}
}

// Whatever is bonded, unbonded and slashed: the stake's record is the sum of its notes.
func TestAStakeIsTheSumOfItsNotes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, account := newTasks(t, ledger.Credits(rapid.Uint64Range(1, 100).Draw(t, "bonded")))
		for i := range rapid.IntRange(1, 12).Draw(t, "moves") {
			stake := k.stake(t, account)
			switch {
			case rapid.Bool().Draw(t, "slash"):
				err := k.do(t, func(tx *transaction) error {
					return tx.slash(ledger.Slash{Account: account, Fault: fmt.Sprint(i), Amount: ledger.Credits(rapid.Uint64Range(1, 60).Draw(t, "amount")), To: &account, Share: rapid.Uint64Range(0, 1_000_000).Draw(t, "share")})
				})
				if err != nil && ledger.Code(err) != ledger.CodeStake {
					t.Fatal(err)
				}
			case stake.Bonded > 0 && len(stake.Unbonding) < ledger.MaxUnbondings:
				k.transact(t, ledger.CreditOperation{Unbond: &ledger.UnbondStake{Stake: *stake.Note, Amount: ledger.Credits(rapid.Uint64Range(1, uint64(stake.Bonded)).Draw(t, "out"))}})
			}
			after := k.stake(t, account)
			risk, err := after.AtRisk()
			if err != nil {
				t.Fatal(err)
			}
			if sums := k.conserved(t); sums.Locked != risk {
				t.Fatalf("%+v, the stake is %+v", sums, after)
			}
		}
	})
}
