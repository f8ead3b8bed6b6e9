package epcis_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/waybill-dev/waybill/epcis"
)

// seeds adds the published documents where they are at hand.
func seeds(f *testing.F, patterns ...string) {
	f.Helper()
	for _, file := range seedFiles(f, patterns...) {
		f.Add(read(f, file))
	}
}

// seedFiles gives the published documents, none where they are not at hand.
func seedFiles(f *testing.F, patterns ...string) []string {
	f.Helper()
	var all []string
	dir := os.Getenv("WAYBILL_TEST_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	for _, p := range patterns {
		files, err := filepath.Glob(filepath.Join(dir, p))
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, files...)
	}
	return all
}

func checkEvent(t *testing.T, context []byte, e *epcis.Event) {
	t.Helper()
	out, err := e.MarshalJSON()
	if err != nil || !json.Valid(out) {
		t.Fatalf("MarshalJSON: %v %q", err, out)
	}
	again, err := epcis.ParseEvent(context, out)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if again.Hash() != e.Hash() {
		t.Fatalf("hash changes\n%s\n%s", e.PreHash(), again.PreHash())
	}
	e.Items()
	e.Warnings()
	e.PreHashProfile(epcis.ProfileText)
}

func TestTextThatIsNeitherUTF8NorJSONHasAFault(t *testing.T) {
	for _, text := range []string{
		"{\"\x00\"\xed", "[{\"\n\"\"\xa5\"}", "{\"a\\u12\"\xff", "{\"a\":{\"b\\", strings.Repeat("[", 1<<20) + "\xff",
		strings.Repeat(`{"a":`, 1<<17) + "\xff", "\"" + strings.Repeat("x", 1<<10) + "\xff",
	} {
		_, err := epcis.ParseEvent([]byte(exampleContext), []byte(text))
		found := faults(t, err)
		if len(found) == 0 {
			t.Fatalf("%.40q: %v", text, err)
		}
		if len(found[0].Path) > 1<<12 {
			t.Errorf("%.40q: a path of %d bytes", text, len(found[0].Path))
		}
	}
}

func FuzzParseEvent(f *testing.F) {
	f.Add([]byte(plain))
	f.Add([]byte(event1k))
	f.Add([]byte(with(`"ilmd":{"ex:a":[1,[2,{"ex:b":null}],"\u00e9"]},"ex:#text":{"#text":" 1.0 "}`)))
	f.Add([]byte("{\"\x00\"\xed"))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := epcis.ParseEvent([]byte(exampleContext), data)
		if err == nil {
			if !json.Valid(data) {
				t.Fatalf("accepted, but not JSON: %q", data)
			}
			checkEvent(t, []byte(exampleContext), e)
		} else if len(faults(t, err)) == 0 {
			t.Fatal("an error without a fault")
		}
	})
}

func FuzzEvents(f *testing.F) {
	seeds(f, "epcis/gs1/*", "epcis/openepcis/*/*")
	f.Fuzz(func(t *testing.T, data []byte) {
		lim := epcis.Limits{MaxBytes: 1 << 20, MaxEvents: 1000}
		collect := func(whole bool) (out []epcis.Source, last error) {
			r := iotest.HalfReader(bytes.NewReader(data))
			if whole {
				r = bytes.NewReader(data)
			}
			for s, err := range epcis.Events(r, lim) {
				if err != nil {
					last = err
					continue
				}
				out = append(out, s)
			}
			return out, last
		}
		one, errOne := collect(true)
		two, errTwo := collect(false)
		if len(one) != len(two) || (errOne == nil) != (errTwo == nil) || errOne != nil && errOne.Error() != errTwo.Error() {
			t.Fatalf("reading in pieces gives %d events and %v, at once %d and %v", len(two), errTwo, len(one), errOne)
		}
		if errOne == nil && !json.Valid(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))) {
			for _, s := range one {
				if s.Err != nil {
					return
				}
			}
			t.Fatalf("accepted, but not JSON: %q", data)
		}
		for _, s := range one {
			if s.Err != nil {
				continue
			}
			if !json.Valid(s.Raw) || !json.Valid(s.Context) {
				t.Fatalf("raw %q context %q", s.Raw, s.Context)
			}
			again, err := epcis.ParseEvent(s.Context, s.Raw)
			if err != nil || again.Hash() != s.Event.Hash() {
				t.Fatalf("%v: %s", err, s.Raw)
			}
		}
	})
}

func FuzzEventsXML(f *testing.F) {
	seeds(f, "epcis/xml/*/*", "eventhash/*.xml")
	f.Fuzz(func(t *testing.T, data []byte) {
		for s, err := range epcis.EventsXML(bytes.NewReader(data), epcis.Limits{MaxBytes: 1 << 20, MaxEvents: 1000}) {
			if err != nil {
				faults(t, err)
				continue
			}
			if s.Err != nil {
				continue
			}
			if !json.Valid(s.Raw) || !json.Valid(s.Context) {
				t.Fatalf("raw %q context %q", s.Raw, s.Context)
			}
			again, err := epcis.ParseEvent(s.Context, s.Raw)
			if err != nil {
				t.Fatalf("the rendering is refused: %v\n%s\n%s", err, s.Context, s.Raw)
			}
			if again.Hash() != s.Event.Hash() {
				t.Fatalf("hash changes\n%s\n%s", s.Event.PreHash(), again.PreHash())
			}
		}
	})
}

func FuzzCanonicalEPC(f *testing.F) {
	for _, s := range slices.Concat([]string{"urn:epc:id:sgtin:4012345.011111.98%2F76", "https://example.com/01/04012345111118/10/A/21/B?x=y"}, samples) {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := epcis.ParseIdentifier(s)
		if err != nil {
			return
		}
		again, err := epcis.ParseIdentifier(id.Canonical)
		if err != nil || again.Canonical != id.Canonical || again.Class != id.Class || id.Kind == epcis.KindOther && id.Canonical != s {
			t.Fatalf("%q: %+v, then %+v, %v", s, id, again, err)
		}
		if err := epcis.VerifyCheckDigit(s); err != nil && id.Kind == epcis.KindOther {
			t.Fatalf("%q: %v", s, err)
		}
	})
}
