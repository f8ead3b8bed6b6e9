package statetest_test

import (
	"testing"

	"github.com/hyperledger/fabric-chaincode-go/v2/pkg/cid"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/waybill-dev/waybill/chaincode/state/statetest"
)

func put(t *testing.T, s *statetest.Stub, key, value string) {
	t.Helper()
	if err := s.PutState(key, []byte(value)); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, s *statetest.Stub, key string) string {
	t.Helper()
	value, err := s.GetState(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(value)
}

func simulate(w *statetest.World, id string) *statetest.Stub {
	return w.Simulate(statetest.Proposal{TxID: id})
}

func TestATransactionDoesNotReadItsOwnWrites(t *testing.T) {
	w := statetest.NewWorld()
	s := simulate(w, "a")
	put(t, s, "k", "1")
	if v := get(t, s, "k"); v != "" {
		t.Fatalf("read %q", v)
	}
	w.Commit(s)
	if v := get(t, simulate(w, "b"), "k"); v != "1" {
		t.Fatalf("read %q", v)
	}
}

func TestVersionsAreCheckedAtCommit(t *testing.T) {
	w := statetest.NewWorld()
	seed := simulate(w, "seed")
	put(t, seed, "k", "1")
	w.Commit(seed)
	a, b, c := simulate(w, "a"), simulate(w, "b"), simulate(w, "c")
	get(t, a, "k")
	put(t, a, "k", "2")
	get(t, b, "k")
	put(t, b, "other", "x")
	put(t, c, "k", "blind")
	codes := w.Commit(a, b, c)
	if codes[0] != peer.TxValidationCode_VALID || codes[1] != peer.TxValidationCode_MVCC_READ_CONFLICT || codes[2] != peer.TxValidationCode_VALID {
		t.Fatal(codes)
	}
	if got := w.State(); string(got["k"]) != "blind" || got["other"] != nil {
		t.Fatal(got)
	}
	// The same value written again is another version.
	d, e := simulate(w, "d"), simulate(w, "e")
	get(t, d, "k")
	put(t, e, "k", "blind")
	if codes = w.Commit(e, d); codes[1] != peer.TxValidationCode_MVCC_READ_CONFLICT {
		t.Fatal(codes)
	}
}

func TestATransactionCommitsOnce(t *testing.T) {
	w := statetest.NewWorld()
	s := simulate(w, "a")
	put(t, s, "k", "1")
	if codes := w.Commit(s, s); codes[0] != peer.TxValidationCode_VALID || codes[1] != peer.TxValidationCode_DUPLICATE_TXID {
		t.Fatal(codes)
	}
}

func TestRangesAreReadAgainAtCommit(t *testing.T) {
	w := statetest.NewWorld()
	a, b := simulate(w, "a"), simulate(w, "b")
	key, err := b.CreateCompositeKey("item", []string{"x", "1"})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := a.GetStateByPartialCompositeKey("item", []string{"x"})
	if err != nil || rows.HasNext() {
		t.Fatal(err)
	}
	put(t, a, "seen", "nothing")
	put(t, b, key, "1")
	if codes := w.Commit(b, a); codes[0] != peer.TxValidationCode_VALID || codes[1] != peer.TxValidationCode_PHANTOM_READ_CONFLICT {
		t.Fatal(codes)
	}
	c := simulate(w, "c")
	if rows, err = c.GetStateByPartialCompositeKey("item", []string{"x"}); err != nil || !rows.HasNext() {
		t.Fatal(err)
	}
	row, err := rows.Next()
	if err != nil || row.GetKey() != key || rows.HasNext() {
		t.Fatal(row, err)
	}
	if _, err := c.GetStateByRange("\x00", ""); err == nil {
		t.Fatal("a range of simple keys reaches composite keys")
	}
}

func TestATransactionHasOneEvent(t *testing.T) {
	s := simulate(statetest.NewWorld(), "a")
	for _, name := range []string{"first", "second"} {
		if err := s.SetEvent(name, []byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	if e := s.ReadWriteSet().Event; e.GetEventName() != "second" || string(e.GetPayload()) != "second" {
		t.Fatal(e)
	}
	if err := s.SetEvent("", nil); err == nil {
		t.Fatal("an event without a name")
	}
}

func TestKeysFollowTheShimsRules(t *testing.T) {
	s := simulate(statetest.NewWorld(), "a")
	if _, err := s.CreateCompositeKey("item", []string{"a\x00b"}); err == nil {
		t.Error("U+0000 in an attribute")
	}
	if err := s.PutState("", []byte("x")); err == nil {
		t.Error("an empty key")
	}
	if err := s.PutState("k", nil); err == nil {
		t.Error("an empty value")
	}
}

func TestWriteBatchesArriveWhenFinished(t *testing.T) {
	s := simulate(statetest.NewWorld(), "a")
	s.StartWriteBatch()
	put(t, s, "k", "1")
	if n := len(s.ReadWriteSet().Writes); n != 0 {
		t.Fatal(n)
	}
	if err := s.FinishWriteBatch(); err != nil {
		t.Fatal(err)
	}
	if n := len(s.ReadWriteSet().Writes); n != 1 {
		t.Fatal(n)
	}
}

func TestCreatorsAreReadByFabricsLibrary(t *testing.T) {
	creator, err := statetest.Creator("A", "someone", map[string]string{"k": "v"})
	if err != nil {
		t.Fatal(err)
	}
	id, err := cid.New(statetest.NewWorld().Simulate(statetest.Proposal{TxID: "a", Creator: creator}))
	if err != nil {
		t.Fatal(err)
	}
	msp, _ := id.GetMSPID()
	value, ok, err := id.GetAttributeValue("k")
	if msp != "A" || !ok || value != "v" || err != nil {
		t.Fatal(msp, value, ok, err)
	}
}
