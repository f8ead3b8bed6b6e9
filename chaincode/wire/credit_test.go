package wire_test

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

func creditOperations() []ledger.CreditOperation {
	note, to := ledger.NoteID{TxID: "tx", Index: 7}, digest(3)
	return []ledger.CreditOperation{
		{Open: &ledger.OpenAccount{}},
		{Open: &ledger.OpenAccount{Account: &to}},
		{Rotate: &ledger.RotateKey{Next: &to}},
		{Transfer: &ledger.Transfer{Inputs: []ledger.NoteID{note}, Outputs: []ledger.Payment{{To: to, Amount: ledger.MaxCredits}}}, Memo: "m"},
		{Lock: &ledger.LockNotes{Inputs: []ledger.NoteID{note}, Amount: 1, Lock: ledger.Lock{Purpose: ledger.LockEscrow, NotBefore: 5, Task: "t", Payee: &to, Arbiter: &to}}},
		{Release: &ledger.ReleaseNote{Note: note, ToPayee: true}},
		{Burn: &ledger.BurnNotes{Inputs: []ledger.NoteID{note}, Amount: 1}},
		{Bond: &ledger.BondStake{Inputs: []ledger.NoteID{note}, Amount: 1}},
		{Unbond: &ledger.UnbondStake{Stake: note, Amount: 1}},
	}
}

func creditMotions() []ledger.CreditMotion {
	to := digest(3)
	return []ledger.CreditMotion{
		{Policy: &ledger.CreditPolicy{Version: 1, Allowances: []ledger.Allowance{{MSPID: "A", Period: 1, Uses: 2, Amount: 3}}, TaskMint: 4, MinStake: 5, UnbondDelay: 600_000}},
		{Mint: &ledger.Mint{Serial: "s", Payments: []ledger.Payment{{To: to, Amount: 1}}, Memo: "m"}},
		{Mint: &ledger.Mint{Use: &ledger.AllowanceUse{Policy: 1, Period: 2, Use: 3}, Payments: []ledger.Payment{{To: to, Amount: 1}}}},
		{Recover: &ledger.RecoverAccount{Account: to, Next: &to}},
	}
}

func TestBatchesOfCreditsAreBounded(t *testing.T) {
	for name, data := range map[string][]byte{
		"no operations":   must2(t, wire.CreditBatch{Operations: []ledger.CreditOperation{}}),
		"many operations": must2(t, wire.CreditBatch{Operations: make([]ledger.CreditOperation, ledger.MaxBatchCredits+1)}),
	} {
		if _, err := wire.DecodeCreditBatch(data); !errors.Is(err, ledger.ErrMalformed) && !errors.Is(err, ledger.ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, data := range map[string][]byte{
		"no motions":   must2(t, wire.MotionBatch{Motions: []ledger.CreditMotion{}}),
		"many motions": must2(t, wire.MotionBatch{Motions: make([]ledger.CreditMotion, ledger.MaxBatchCredits+1)}),
	} {
		if _, err := wire.DecodeMotionBatch(data); !errors.Is(err, ledger.ErrMalformed) && !errors.Is(err, ledger.ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func must2[T wire.CreditBatch | wire.MotionBatch | ledger.Receipt | ledger.CreditAccount | ledger.CreditPolicy | ledger.Outcome | ledger.Vote | wire.Summary](t *testing.T, v T) []byte {
	t.Helper()
	data, err := wire.Encode(v)
	return must(t, data, err)
}

// Different operations and motions have different digests, and equal ones the same.
func TestOperationsAreNamedByWhatTheyAsk(t *testing.T) {
	seen := map[ledger.Digest]bool{}
	for range 2 {
		before := len(seen)
		for _, op := range creditOperations() {
			d, err := wire.CreditDigest(op)
			if err != nil {
				t.Fatal(err)
			}
			seen[d] = true
		}
		for _, m := range creditMotions() {
			d, err := wire.MotionDigest(m)
			if err != nil {
				t.Fatal(err)
			}
			seen[d] = true
		}
		if before != 0 && before != len(seen) {
			t.Error("the second time the digests are others")
		}
	}
	if len(seen) != len(creditOperations())+len(creditMotions()) {
		t.Errorf("%d digests", len(seen))
	}
	// What the contract sets is not asked.
	asked := creditMotions()[0]
	first, err := wire.MotionDigest(asked)
	if err != nil {
		t.Fatal(err)
	}
	asked.Policy.Approvals, asked.Policy.SetAt, asked.Policy.TxID = []string{"A"}, 7, "tx"
	if again, err := wire.MotionDigest(asked); err != nil || again != first {
		t.Error(again, err)
	}
}

func TestTransactionsTellOfCredits(t *testing.T) {
	d := digest(1)
	receipt := ledger.Receipt{Operation: d, Kind: ledger.CreditMint, Minted: 5, Created: []ledger.NamedNote{{ID: ledger.NoteID{TxID: "tx"}, Note: ledger.Note{Owner: d, Amount: 5}}}}
	outcome, err := wire.OutcomeKey("t")
	if err != nil {
		t.Fatal(err)
	}
	vote, err := wire.VoteKey(d, "A")
	if err != nil {
		t.Fatal(err)
	}
	writes := map[string][]byte{
		wire.ReceiptKey(d):             must2(t, receipt),
		wire.CreditAccountKey(d):       must2(t, ledger.CreditAccount{ID: d}),
		wire.CreditPolicyVersionKey(3): must2(t, ledger.CreditPolicy{Version: 3}),
		outcome:                        must2(t, ledger.Outcome{Task: "t", Done: true}),
		vote:                           must2(t, ledger.Vote{Subject: d, MSPID: "A"}),
	}
	summary := must2(t, wire.Summary{
		Credits: &wire.CreditSummary{Accounts: []ledger.Digest{d}, Receipts: []ledger.Digest{d}, Policies: []uint32{3}, Outcomes: []string{"t"}},
		Votes:   []wire.VoteRef{{Subject: d, MSPID: "A"}},
	})
	tx, err := wire.ReadTransaction(summary, maps.All(writes))
	if err != nil {
		t.Fatal(err)
	}
	if len(tx.Credits.Receipts) != 1 || tx.Credits.Receipts[0].Minted != 5 || len(tx.Credits.Accounts) != 1 || len(tx.Votes) != 1 ||
		len(tx.Credits.Policies) != 1 || len(tx.Credits.Outcomes) != 1 || !tx.Credits.Outcomes[0].Done {
		t.Errorf("%+v", tx)
	}
	for _, key := range slices.Collect(maps.Keys(writes)) {
		less := maps.Clone(writes)
		delete(less, key)
		if _, err := wire.ReadTransaction(summary, maps.All(less)); !errors.Is(err, ledger.ErrMalformed) {
			t.Errorf("without %q: %v", key, err)
		}
	}
}

func FuzzDecodeCredits(f *testing.F) {
	operations, err := wire.Encode(wire.CreditBatch{Operations: creditOperations()})
	if err != nil {
		f.Fatal(err)
	}
	motions, err := wire.Encode(wire.MotionBatch{Motions: creditMotions()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(operations)
	f.Add(motions)
	f.Fuzz(func(t *testing.T, data []byte) {
		if b, err := wire.DecodeCreditBatch(data); err == nil {
			again, err := wire.Encode(b)
			if err != nil || !bytes.Equal(again, data) {
				t.Fatalf("%x, then %x (%v)", data, again, err)
			}
			for _, op := range b.Operations {
				if _, err := wire.CreditDigest(op); err != nil {
					t.Fatal(err)
				}
				_ = ledger.CheckCredit(op)
			}
		}
		if b, err := wire.DecodeMotionBatch(data); err == nil {
			again, err := wire.Encode(b)
			if err != nil || !bytes.Equal(again, data) {
				t.Fatalf("%x, then %x (%v)", data, again, err)
			}
			for _, m := range b.Motions {
				if _, err := wire.MotionDigest(m); err != nil {
					t.Fatal(err)
				}
				_ = ledger.CheckMotion(m)
			}
		}
	})
}
