package wire_test

import (
	"errors"
	"maps"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// must gives the data of an encoder that may not fail.
func must(t *testing.T, data []byte, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// name gives what a key builder that may not fail builds.
func name(t *testing.T) func(key string, err error) string {
	t.Helper()
	return func(key string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
}

// recorded makes the event and the writes of a transaction with two events, one restatement, a
// finding and an item.
func recorded(t *testing.T) ([]byte, map[string][]byte) {
	t.Helper()
	entries := []wire.EventEntry{{Body: []byte(`{"a":1}`)}, {Context: []byte("[1]"), Body: []byte(`{"b":2}`)}, {Body: []byte(`{"c":3}`)}}
	writes := map[string][]byte{}
	put := func(key string, data []byte, err error) { writes[key] = must(t, data, err) }
	pack, err := wire.EncodeEventBatch(entries)
	put(name(t)(wire.PackKey("tx")), pack, err)
	for i, d := range []ledger.Digest{digest(9), digest(2)} {
		record, e := wire.Encode(ledger.EventRecord{TxID: "tx", Index: i, BodyDigest: entries[i].Digest()})
		put(wire.EventKey(d), record, e)
	}
	data, err := wire.Encode(ledger.EventRecord{TxID: "tx", Index: 2, BodyDigest: entries[2].Digest()})
	put(wire.RestatementKey(digest(7), entries[2].Digest()), data, err)
	for _, d := range []ledger.Digest{digest(2), digest(9)} {
		f := ledger.Finding{Code: ledger.FindingCommissionedTwice, Item: "urn:x", Event: d}
		data, err = wire.Encode(f)
		put(name(t)(wire.FindingKey(f)), data, err)
	}
	for _, epc := range []string{"urn:y", "urn:x"} {
		data, err = wire.EncodeItem(ledger.ItemState{EPC: epc, LastEvent: digest(2)})
		put(name(t)(wire.ItemKey(epc)), data, err)
	}
	summary, err := wire.Encode(wire.Summary{
		Events:       []wire.EventRef{{Hash: digest(9), Index: 0}, {Hash: digest(2), Index: 1}},
		Restatements: []wire.EventRef{{Hash: digest(7), Index: 2}},
	})
	return must(t, summary, err), writes
}

func TestTransactionsAreReadInTheOrderOfTheirInput(t *testing.T) {
	summary, writes := recorded(t)
	tx, err := wire.ReadTransaction(summary, maps.All(writes))
	if err != nil {
		t.Fatal(err)
	}
	if len(tx.Events) != 2 || tx.Events[0].Hash != digest(9) || string(tx.Events[1].Context) != "[1]" || string(tx.Events[1].Body) != `{"b":2}` {
		t.Errorf("%+v", tx.Events)
	}
	if len(tx.Restatements) != 1 || string(tx.Restatements[0].Body) != `{"c":3}` {
		t.Errorf("%+v", tx.Restatements)
	}
	if len(tx.Findings) != 2 || tx.Findings[0].Event != digest(9) {
		t.Errorf("%+v", tx.Findings)
	}
	if len(tx.Items) != 2 || tx.Items[0].EPC != "urn:x" {
		t.Errorf("%+v", tx.Items)
	}
	if tx, err = wire.ReadTransaction(nil, maps.All(writes)); err != nil || len(tx.Events) != 0 {
		t.Errorf("%+v %v", tx, err)
	}
}

func TestATransactionThatDoesNotAddUpIsRefused(t *testing.T) {
	pack := name(t)(wire.PackKey("tx"))
	for what, change := range map[string]func(map[string][]byte){
		"no pack":       func(w map[string][]byte) { delete(w, pack) },
		"no record":     func(w map[string][]byte) { delete(w, wire.EventKey(digest(2))) },
		"broken pack":   func(w map[string][]byte) { w[pack] = w[pack][:10] },
		"broken record": func(w map[string][]byte) { w[wire.EventKey(digest(2))] = []byte("x") },
		"other body": func(w map[string][]byte) {
			w[wire.EventKey(digest(2))] = w[wire.EventKey(digest(9))]
		},
		"shorter pack": func(w map[string][]byte) {
			data, err := wire.EncodePlainPack([]wire.EventEntry{{Body: []byte(`{"a":1}`)}})
			w[pack] = must(t, data, err)
		},
	} {
		summary, writes := recorded(t)
		change(writes)
		if _, err := wire.ReadTransaction(summary, maps.All(writes)); !errors.Is(err, ledger.ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, writes := recorded(t)
	if _, err := wire.ReadTransaction([]byte("x"), maps.All(writes)); !errors.Is(err, ledger.ErrMalformed) {
		t.Error(err)
	}
}

func TestWritesOfOtherKindsAreRead(t *testing.T) {
	payload, err := wire.EncodeSegment(regular(3))
	if err != nil {
		t.Fatal(err)
	}
	device := ledger.Device{ID: regular(1).Device, Owner: "A"}
	policy := ledger.Policy{ID: "p", Version: 2}
	verdict := ledger.Verdict{Shipment: "urn:s", Window: 4, Model: "m@1"}
	writes := map[string][]byte{}
	put := func(key string, data []byte, err error) { writes[key] = must(t, data, err) }
	data, err := wire.Encode(device)
	put(name(t)(wire.DeviceKey(device.ID)), data, err)
	data, err = wire.Encode(policy)
	put(name(t)(wire.PolicyKey("p", 2)), data, err)
	data, err = wire.Encode(verdict)
	put(name(t)(wire.VerdictKey("urn:s", 4, "m@1")), data, err)
	data, err = wire.Encode(wire.SegmentBatch{Segments: []wire.SignedSegment{{Payload: payload, Signature: []byte{1}}}})
	put(name(t)(wire.PackKey("tx")), data, err)
	data, err = wire.Encode(ledger.SegmentRecord{TxID: "tx", Digest: wire.SegmentDigest(payload)})
	put(name(t)(wire.SegmentKey(device.ID, 0)), data, err)
	summary, err := wire.Encode(wire.Summary{
		Devices: []string{device.ID}, Policies: []wire.PolicyRef{{ID: "p", Version: 2}},
		Segments: []wire.SegmentRef{{Device: device.ID}}, Verdicts: []wire.VerdictRef{{Shipment: "urn:s", Window: 4, Model: "m@1"}},
	})
	tx, err2 := wire.ReadTransaction(must(t, summary, err), maps.All(writes))
	if err2 != nil {
		t.Fatal(err2)
	}
	if len(tx.Devices) != 1 || len(tx.Policies) != 1 || len(tx.Verdicts) != 1 || len(tx.Segments) != 1 || len(tx.Segments[0].Segment.Times) != 3 {
		t.Errorf("%+v", tx)
	}
}
