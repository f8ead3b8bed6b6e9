package state_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/state"
	"github.com/waybill-dev/waybill/chaincode/state/statetest"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

func simulate(w *statetest.World, id string) *statetest.Stub {
	return w.Simulate(statetest.Proposal{TxID: id})
}

func TestATransactionSeesItsOwnWrites(t *testing.T) {
	w := statetest.NewWorld()
	stub := simulate(w, "tx")
	r := state.New(stub)
	hash := ledger.Digest{1}
	if e, err := r.Event(hash); e != nil || err != nil {
		t.Fatal(e, err)
	}
	if err := r.CreateEvent(hash, ledger.EventRecord{TxID: "tx"}); err != nil {
		t.Fatal(err)
	}
	if e, err := r.Event(hash); err != nil || e == nil || e.TxID != "tx" {
		t.Fatal(e, err)
	}
	r.PutItem(ledger.ItemState{EPC: "urn:x", Custodian: "A"})
	if s, err := r.Item("urn:x"); err != nil || s.Custodian != "A" {
		t.Fatal(s, err)
	}
	// The peer sees nothing before Flush, and what it reads is what was committed.
	if v, err := stub.GetState(wire.EventKey(hash)); v != nil || err != nil || len(stub.ReadWriteSet().Writes) != 0 {
		t.Fatal(v, err)
	}
	if wrote, err := r.Flush(); !wrote || err != nil {
		t.Fatal(wrote, err)
	}
	if codes := w.Commit(stub); codes[0] != peer.TxValidationCode_VALID {
		t.Fatal(codes)
	}
	r = state.New(simulate(w, "next"))
	if e, err := r.Event(hash); err != nil || e == nil {
		t.Fatal(e, err)
	}
	if s, err := r.Item("urn:x"); err != nil || s.Custodian != "A" {
		t.Fatal(s, err)
	}
}

func TestFactsAreNeverWrittenOver(t *testing.T) {
	w := statetest.NewWorld()
	stub := simulate(w, "tx")
	r := state.New(stub)
	record := ledger.EventRecord{TxID: "tx", BodyDigest: ledger.Digest{2}, MSPID: "A"}
	hash := ledger.Digest{1}
	if err := errors.Join(r.CreateEvent(hash, record), r.CreateSegment("d", 0, ledger.SegmentRecord{}), r.CreatePack("tx", []byte{1}), r.CreateClaim("A", "urn:x", hash)); err != nil {
		t.Fatal(err)
	}
	if err := r.CreateEvent(hash, record); !errors.Is(err, state.ErrExists) {
		t.Error(err)
	}
	if _, err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	w.Commit(stub)
	r = state.New(simulate(w, "next"))
	if _, err := r.Event(hash); err != nil {
		t.Fatal(err)
	}
	if err := r.CreateEvent(hash, record); !errors.Is(err, state.ErrExists) {
		t.Error(err)
	}
	marked := record
	marked.DeclaredInError = true
	if err := r.MarkEvent(hash, marked); err != nil {
		t.Error(err)
	}
	marked.BodyDigest[5]++
	if err := r.MarkEvent(hash, marked); !errors.Is(err, state.ErrExists) {
		t.Error(err)
	}
	if err := r.MarkEvent(ledger.Digest{9}, marked); !errors.Is(err, state.ErrExists) {
		t.Error(err)
	}
}

func TestWhatDidNotChangeIsNotWritten(t *testing.T) {
	w := statetest.NewWorld()
	stub := simulate(w, "tx")
	r := state.New(stub)
	item := ledger.ItemState{EPC: "urn:x", Custodian: "A"}
	r.PutItem(item)
	if _, err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	w.Commit(stub)
	r = state.New(simulate(w, "next"))
	r.PutItem(item)
	if wrote, err := r.Flush(); wrote || err != nil {
		t.Error(wrote, err)
	}
}

func TestBulkReadsAskForAKeyOnce(t *testing.T) {
	w := statetest.NewWorld()
	stub := simulate(w, "tx")
	r := state.New(stub)
	keys := make([]string, 250)
	for i := range keys {
		keys[i] = wire.EventKey(ledger.Digest{byte(i)})
	}
	if err := r.Prefetch(slices.Concat(keys, keys)); err != nil {
		t.Fatal(err)
	}
	for i := range keys {
		if _, err := r.Event(ledger.Digest{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if stub.Gets != 3 {
		t.Errorf("%d messages", stub.Gets)
	}
}

// broken is a world state that fails.
type broken struct{ *statetest.Stub }

func (broken) GetMultipleStates(...string) ([][]byte, error) { return nil, errors.New("down") }

// short is a world state that answers too little.
type short struct{ *statetest.Stub }

func (short) GetMultipleStates(...string) ([][]byte, error) { return nil, nil }

func TestAFailedReadIsNoAbsence(t *testing.T) {
	for _, w := range []state.WorldState{broken{simulate(statetest.NewWorld(), "tx")}, short{simulate(statetest.NewWorld(), "tx")}} {
		r := state.New(w)
		for range 2 {
			if _, err := r.Event(ledger.Digest{1}); err == nil || ledger.Code(err) != ledger.CodeInternal {
				t.Error(err)
			}
		}
	}
}

func TestDamagedValuesAreFaultsAndNoRefusals(t *testing.T) {
	w := statetest.NewWorld()
	stub := simulate(w, "tx")
	item, err := wire.ItemKey("urn:x")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{wire.EventKey(ledger.Digest{1}), item} {
		if err := stub.PutState(key, []byte("?")); err != nil {
			t.Fatal(err)
		}
	}
	w.Commit(stub)
	r := state.New(simulate(w, "next"))
	if _, err := r.Event(ledger.Digest{1}); ledger.Code(err) != ledger.CodeInternal {
		t.Error(err)
	}
	if _, err := r.Item("urn:x"); ledger.Code(err) != ledger.CodeInternal {
		t.Error(err)
	}
	if _, err := r.EventBody(ledger.EventRecord{TxID: "nowhere"}); ledger.Code(err) != ledger.CodeInternal {
		t.Error(err)
	}
}

func TestProductsLoseTheirPolicy(t *testing.T) {
	w := statetest.NewWorld()
	stub := simulate(w, "tx")
	r := state.New(stub)
	ref := &wire.PolicyRef{ID: "p", Version: 1}
	if err := r.PutProduct("*", ref); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Product("*"); err != nil || got == nil || *got != *ref {
		t.Fatal(got, err)
	}
	if err := r.PutProduct("*", nil); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Product("*"); err != nil || got != nil {
		t.Fatal(got, err)
	}
	if _, err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	if writes := stub.ReadWriteSet().Writes; len(writes) != 1 || !writes[0].Delete {
		t.Fatal(writes)
	}
}

func TestWritesGoInTheOrderOfTheirKeys(t *testing.T) {
	w := statetest.NewWorld()
	var order []string
	r := state.New(&ordered{Stub: simulate(w, "tx"), order: &order})
	for _, b := range []byte{9, 3, 7, 1} {
		if err := r.CreateEvent(ledger.Digest{b}, ledger.EventRecord{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	if len(order) != 4 || !slices.IsSorted(order) {
		t.Fatal(order)
	}
}

type ordered struct {
	*statetest.Stub

	order *[]string
}

func (o *ordered) PutState(key string, value []byte) error {
	*o.order = append(*o.order, key)
	return o.Stub.PutState(key, value)
}
