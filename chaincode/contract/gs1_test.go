package contract_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/internal/testdata"
)

// TestGS1sExamplesAreRecordedAndReadBack records every example document of GS1 on one ledger, with
// the eventIDs that those examples use more than once, and reads every event back as it was sent.
func TestGS1sExamplesAreRecordedAndReadBack(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(testdata.Dir(t), "epcis", "gs1", "*.jsonld"))
	if err != nil || len(paths) != 47 {
		t.Fatalf("%d documents: %v", len(paths), err)
	}
	c := newChannel(t)
	sent := map[ledger.Digest]epcis.Source{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := epcis.ParseDocument(data, epcis.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		var entries []wire.EventEntry
		for _, source := range doc.Events {
			e, err := wire.NewEventEntry(source.Context, source.Raw)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			entries = append(entries, e)
		}
		answers, stub := c.submit(t, "A", wire.FnRecordEvents, events(t, entries...))
		for i, a := range answers {
			if a.Status == ledger.StatusRefused {
				t.Errorf("%s event %d: %s %s", filepath.Base(path), i, a.Code, a.Message)
			}
			if a.Status == ledger.StatusRecorded {
				sent[a.Digest] = doc.Events[i]
			}
		}
		if stub.ReadWriteSet().Event != nil {
			transaction(t, stub)
		}
	}
	for hash, source := range sent {
		back := query[wire.RecordedEvent](t, c, wire.FnGetEvent, hash.String())
		var want, got any
		if err := json.Unmarshal(source.Raw, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(back.Body, &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s came back as %s", source.Raw, back.Body)
		}
	}
	t.Logf("%d different events in %d documents", len(sent), len(paths))
}
