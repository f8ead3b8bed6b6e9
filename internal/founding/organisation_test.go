package founding

import (
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

func TestAnOrganisationJoinsAndLeavesByItself(t *testing.T) {
	n := newNetwork(t)
	if _, err := found(t.Context(), options(), n.seats("producer", "carrier", "retailer")); err != nil {
		t.Fatal(err)
	}
	o := connected(t.Context(), n.seats("assessor")[0])
	defer func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	}()
	account, err := o.Open(t.Context())
	if err != nil || account.Status != ledger.StatusRecorded {
		t.Fatalf("%+v, %v", account, err)
	}
	if again, err := o.Open(t.Context()); err != nil || again.Status != ledger.StatusDuplicate || again.Digest != account.Digest {
		t.Errorf("%+v, %v", again, err)
	}
	if r, err := o.Register(t.Context(), false); err != nil || r.Code != ledger.CodeStake {
		t.Errorf("registered without a stake: %+v, %v", r, err)
	}
	if r, err := o.Bond(t.Context(), []ledger.NoteID{{TxID: "none"}}, 1_000); err != nil || r.Code != ledger.CodeNoteSpent {
		t.Errorf("bonded what is not there: %+v, %v", r, err)
	}
	if bonded, err := o.Bonded(t.Context(), account.Digest); err != nil || bonded != 0 {
		t.Errorf("%d, %v", bonded, err)
	}
	motion := ledger.CreditMotion{Mint: &ledger.Mint{Serial: "join", Payments: []ledger.Payment{{To: account.Digest, Amount: 5_000}}}}
	for _, org := range []string{"producer", "carrier"} {
		k := connected(t.Context(), n.seats(org)[0])
		if _, err := k.seat.submit.CreditMotions(t.Context(), []ledger.CreditMotion{motion}); err != nil {
			t.Fatal(err)
		}
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
	}
	subject, err := wire.MotionDigest(motion)
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := o.seat.receipt(t.Context(), subject)
	if err != nil || receipt == nil {
		t.Fatal(receipt, err)
	}
	if r, err := o.Bond(t.Context(), []ledger.NoteID{receipt.Created[0].ID}, 3_000); err != nil || r.Status != ledger.StatusRecorded {
		t.Fatalf("%+v, %v", r, err)
	}
	if bonded, err := o.Bonded(t.Context(), account.Digest); err != nil || bonded != 3_000 {
		t.Errorf("%d, %v", bonded, err)
	}
	for _, leave := range []bool{false, true} {
		for _, want := range []ledger.Status{ledger.StatusRecorded, ledger.StatusDuplicate} {
			if r, err := o.Register(t.Context(), leave); err != nil || r.Status != want {
				t.Errorf("leave %t: %+v, %v", leave, r, err)
			}
		}
	}
	if r, err := o.Inspect(t.Context(), ledger.Digest{1}, ledger.Digest{2}); err != nil || r.Code != ledger.CodeNotFound {
		t.Errorf("a task that nobody opened was settled: %+v, %v", r, err)
	}
	inForce, err := o.Policy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	next, same, err := Next(policy(), inForce)
	if err != nil || !same || next.Version != 1 {
		t.Errorf("%+v, %t, %v", next, same, err)
	}
	if r, err := o.Vote(t.Context(), next); err != nil || r.Status != ledger.StatusDuplicate {
		t.Errorf("%+v, %v", r, err)
	}
	next.Version, next.Reward = 2, 1
	if r, err := o.Vote(t.Context(), next); err != nil || r.Code != ledger.CodeKeepers {
		t.Errorf("who keeps no rules voted: %+v, %v", r, err)
	}
}
