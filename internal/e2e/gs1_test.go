package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/internal/testdata"
)

// decoded reads JSON with numbers in the spelling they have.
func decoded(t *testing.T, raw []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return v
}

// TestEndToEndGS1DocumentsAreReadBackAsSent captures every example document of GS1, the query
// document included, and reads every event back by its hash.
func TestEndToEndGS1DocumentsAreReadBackAsSent(t *testing.T) {
	folder := filepath.Join(testdata.Dir(t), "epcis", "gs1")
	ctx, l := endToEnd(t, 3*time.Minute)
	l.serve(ctx, t, "retailer", "--role", "api,readmodel")
	files, err := filepath.Glob(filepath.Join(folder, "*.jsonld"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 47 {
		t.Fatalf("%d documents, there should be 47", len(files))
	}

	began := time.Now()
	out := l.must(ctx, t, "capture", "--org", "retailer", "--json", folder)
	t.Logf("captured in %s", time.Since(began).Round(time.Millisecond))
	answered := map[string]int{}
	for line := range bytes.Lines([]byte(out)) {
		var answer struct{ File, Status, Hash, Code, Message string }
		if err := json.Unmarshal(line, &answer); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if answer.Status != "recorded" && answer.Status != "duplicate" {
			t.Errorf("%s: %s: %s %s", answer.File, answer.Status, answer.Code, answer.Message)
		}
		answered[answer.File]++
	}

	api := waybillv1.NewCaptureServiceClient(l.dial(t, "retailer", profile.IdentityDashboard))
	documents, events := 0, 0
	for _, file := range files {
		in, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		documents++
		inFile := 0
		for source, err := range epcis.Events(in, epcis.DefaultLimits()) {
			if err != nil || source.Err != nil {
				t.Fatalf("%s: %v %v", file, err, source.Err)
			}
			inFile++
			hash := source.Event.Hash().String()
			r, err := api.GetEvent(ctx, &waybillv1.GetEventRequest{Hash: hash})
			if err != nil {
				t.Errorf("%s: %s: %v", file, hash, err)
				continue
			}
			if err := holds(t, r.GetEvent(), source.Raw); err != nil {
				t.Errorf("%s: %s: %v", filepath.Base(file), hash, err)
			}
		}
		if answered[file] != inFile {
			t.Errorf("%s: %d events answered, it has %d", file, answered[file], inFile)
		}
		events += inFile
	}
	t.Logf("%d of 47 documents, %d events", documents, events)

	again := l.must(ctx, t, "capture", "--org", "retailer", "--json", folder)
	for line := range bytes.Lines([]byte(again)) {
		var answer struct{ Status string }
		if err := json.Unmarshal(line, &answer); err != nil || answer.Status != "duplicate" {
			t.Errorf("sent again: %s", line)
		}
	}
}

// holds checks that the event was sent like this, or that one of its other spellings was.
func holds(t *testing.T, e *waybillv1.Event, sent []byte) error {
	t.Helper()
	want := decoded(t, sent)
	if reflect.DeepEqual(decoded(t, e.GetBody()), want) {
		return nil
	}
	for _, r := range e.GetRestatements() {
		if reflect.DeepEqual(decoded(t, r.GetBody()), want) {
			return nil
		}
	}
	return fmt.Errorf("sent %s, read back %s and %d other spellings", sent, e.GetBody(), len(e.GetRestatements()))
}
