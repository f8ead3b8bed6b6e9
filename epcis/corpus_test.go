package epcis_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/internal/testdata"
)

// corpus gives the files that match a pattern below the data folder, at least one.
func corpus(tb testing.TB, pattern ...string) []string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(append([]string{testdata.Dir(tb)}, pattern...)...))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no files match %v: %v", pattern, err)
	}
	return files
}

func read(tb testing.TB, file string) []byte {
	tb.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func TestPublishedDocumentsAreAccepted(t *testing.T) {
	groups := []struct {
		name    string
		pattern []string
		files   int
	}{
		{"GS1 examples", []string{"epcis", "gs1", "*"}, 47},
		{"OpenEPCIS JSON", []string{"epcis", "openepcis", "valid", "*"}, 0},
		{"XML 2.0", []string{"epcis", "xml", "2.0", "*"}, 0},
		{"XML 1.2", []string{"epcis", "xml", "1.2", "*"}, 0},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			files := corpus(t, g.pattern...)
			if g.files > 0 && len(files) != g.files {
				t.Errorf("%d files, want %d", len(files), g.files)
			}
			for _, file := range files {
				doc, err := epcis.ParseDocument(read(t, file), epcis.Limits{})
				if err != nil {
					t.Errorf("%s: %v", filepath.Base(file), err)
					continue
				}
				if len(doc.Events) == 0 {
					t.Errorf("%s: no events", filepath.Base(file))
				}
				for _, s := range doc.Events {
					if s.Err != nil {
						t.Errorf("%s: %v", filepath.Base(file), s.Err)
					}
				}
			}
		})
	}
}

func TestReferenceHashVectorsMatch(t *testing.T) {
	matched := 0
	for _, file := range corpus(t, "eventhash", "*.hashes") {
		base := strings.TrimSuffix(file, ".hashes")
		want := strings.Fields(string(read(t, file)))
		var prehashes []string
		if b, err := os.ReadFile(base + ".prehashes"); err == nil {
			prehashes = strings.Split(strings.TrimSpace(string(b)), "\n")
		}
		for _, ext := range []string{".jsonld", ".xml"} {
			data, err := os.ReadFile(base + ext)
			if err != nil {
				continue
			}
			name := filepath.Base(base + ext)
			doc, err := epcis.ParseDocument(data, epcis.Limits{})
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if len(doc.Events) != len(want) {
				t.Errorf("%s: %d events, %d hashes", name, len(doc.Events), len(want))
				continue
			}
			for i, s := range doc.Events {
				if s.Event == nil {
					t.Errorf("%s %s: %v", name, s.Path, s.Err)
					continue
				}
				if s.Err != nil {
					t.Logf("%s %s: %v", name, s.Path, s.Err)
				}
				if got := s.Event.Hash().String(); got != want[i] {
					t.Errorf("%s %s\n got %s", name, s.Path, s.Event.PreHash())
					if i < len(prehashes) {
						t.Logf("want %s", prehashes[i])
					}
					continue
				}
				matched++
				again, err := epcis.ParseEvent(s.Context, s.Raw)
				if s.Err == nil && err != nil {
					t.Errorf("%s %s: Raw is refused: %v\n%s\n%s", name, s.Path, err, s.Context, s.Raw)
				} else if again.Hash() != s.Event.Hash() {
					t.Errorf("%s %s: Raw has another hash\n%s", name, s.Path, again.PreHash())
				}
			}
		}
	}
	if matched < 60 {
		t.Errorf("only %d events were compared", matched)
	}
}

func TestRefusedDocumentsNameTheirFaults(t *testing.T) {
	for _, file := range append(corpus(t, "epcis", "openepcis", "invalid", "*"), corpus(t, "epcis", "xml", "invalid", "*")...) {
		doc, err := epcis.ParseDocument(read(t, file), epcis.Limits{})
		if err == nil {
			err = doc.Err()
		}
		if err == nil {
			t.Errorf("%s is accepted", filepath.Base(file))
			continue
		}
		t.Logf("%s:", filepath.Base(file))
		for _, f := range faults(t, err) {
			t.Logf("  %v", f)
		}
	}
}

func faults(tb testing.TB, err error) epcis.Faults {
	tb.Helper()
	var fs epcis.Faults
	if err != nil && !asFaults(err, &fs) {
		tb.Fatalf("%v is not Faults", err)
	}
	return fs
}

func TestStreamEqualsWholeDocument(t *testing.T) {
	for _, file := range append(corpus(t, "epcis", "gs1", "*"), corpus(t, "epcis", "openepcis", "*", "*")...) {
		data := read(t, file)
		doc, wantErr := epcis.ParseDocument(data, epcis.Limits{})
		n := 0
		for s, err := range epcis.Events(&slowReader{data: data}, epcis.Limits{}) {
			if err != nil {
				if wantErr == nil || err.Error() != wantErr.Error() {
					t.Errorf("%s: stream ends with %v, document with %v", file, err, wantErr)
				}
				continue
			}
			w := doc.Events[n]
			if s.Path != w.Path || !bytes.Equal(s.Raw, w.Raw) || !bytes.Equal(s.Context, w.Context) || s.Index != n {
				t.Errorf("%s: event %d differs", file, n)
			}
			n++
		}
		if n != len(doc.Events) {
			t.Errorf("%s: %d events in the stream, %d in the document", file, n, len(doc.Events))
		}
	}
}

func TestXMLAndJSONOfTheSameEventsHaveTheSameHash(t *testing.T) {
	pairs := 0
	for _, file := range corpus(t, "epcis", "xml", "2.0", "*.xml") {
		name := strings.TrimSuffix(filepath.Base(file), ".xml") + ".json"
		data, err := os.ReadFile(filepath.Join(testdata.Dir(t), "epcis", "openepcis", "valid", name))
		if err != nil || name == "AggregationEvent.json" {
			continue
		}
		pairs++
		x, errX := epcis.ParseDocument(read(t, file), epcis.Limits{})
		j, errJ := epcis.ParseDocument(data, epcis.Limits{})
		if errX != nil || errJ != nil || len(x.Events) != len(j.Events) {
			t.Errorf("%s: %v, %v", name, errX, errJ)
			continue
		}
		for i := range x.Events {
			if a, b := x.Events[i].Event, j.Events[i].Event; a.Hash() != b.Hash() {
				t.Errorf("%s event %d\n XML %s\nJSON %s", name, i, a.PreHash(), b.PreHash())
			}
		}
	}
	if pairs == 0 {
		t.Error("no document stands in both forms")
	}
}

func TestRealEventsComeBackFromTheirJSON(t *testing.T) {
	for _, file := range slices.Concat(corpus(t, "epcis", "gs1", "*"), corpus(t, "epcis", "openepcis", "valid", "*"),
		corpus(t, "epcis", "xml", "2.0", "*"), corpus(t, "epcis", "xml", "1.2", "*"), corpus(t, "eventhash", "*l*d")) {
		doc, err := epcis.ParseDocument(read(t, file), epcis.Limits{})
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		for _, s := range doc.Events {
			out, err := s.Event.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			again, err := epcis.ParseEvent(s.Context, out)
			if err != nil {
				t.Errorf("%s %s: %v\n%s", filepath.Base(file), s.Path, err, out)
				continue
			}
			if again.Hash() != s.Event.Hash() || again.EventID != s.Event.EventID || again.IsErrorDeclaration() != s.Event.IsErrorDeclaration() {
				t.Errorf("%s %s is not what it was:\n%s", filepath.Base(file), s.Path, out)
			}
		}
	}
}

func TestWarningsOfTheStandardsOwnExamples(t *testing.T) {
	found := map[string]int{}
	for _, file := range corpus(t, "epcis", "gs1", "*") {
		doc, err := epcis.ParseDocument(read(t, file), epcis.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range doc.Events {
			for _, f := range doc.Events[i].Warnings() {
				found[f.Code]++
				if !strings.HasPrefix(f.Path, doc.Events[i].Path+".") {
					t.Errorf("path %s is not below %s", f.Path, doc.Events[i].Path)
				}
			}
		}
	}
	for _, code := range []string{epcis.CodeSensorTwice, epcis.CodeSensorTime, epcis.CodeDuplicateMember} {
		if found[code] == 0 {
			t.Errorf("no %s in the examples, which have it: %v", code, found)
		}
	}
	t.Log(found)
}
