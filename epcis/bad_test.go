package epcis_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/internal/racing"
)

const frame = `{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"2024-03-05T10:00:00Z","epcisBody":{"eventList":[%s]}}`

const plain = `{"type":"ObjectEvent","eventTime":"2024-03-05T09:00:00Z","eventTimeZoneOffset":"+00:00","epcList":["urn:epc:id:sscc:4012345.1234567890"],"action":"OBSERVE"}`

func with(field string) string { return strings.TrimSuffix(plain, "}") + "," + field + "}" }

func TestBadEventsAreNamedAndTheirNeighboursRead(t *testing.T) {
	tests := []struct{ name, event, code, path string }{
		{"twice the same member", with(`"action":"ADD"`), epcis.CodeDuplicateMember, ""},
		{"too deep", with(`"example:x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40)), epcis.CodeTooDeep, ""},
		{"huge number", with(`"example:x":1e999`), epcis.CodeNumberRange, ""},
		{"endless number", with(`"example:x":` + strings.Repeat("1", 500)), epcis.CodeNumberRange, ""},
		{"half a surrogate pair", with(`"example:x":"\ud800"`), epcis.CodeNotUTF8, ""},
		{"not UTF-8", with("\"example:x\":\"\xff\""), epcis.CodeNotUTF8, ""},
		{"long string", with(`"example:x":"` + strings.Repeat("x", 70<<10) + `"`), epcis.CodeTooLong, ""},
		{"large event", with(`"example:x":[` + strings.TrimSuffix(strings.Repeat(`"`+strings.Repeat("x", 60<<10)+`",`, 20), ",") + `]`), epcis.CodeTooLarge, ""},
		{"too many values", with(`"example:x":[` + strings.TrimSuffix(strings.Repeat(`1,`, 70_000), ",") + `]`), epcis.CodeTooManyFields, ""},
		{"not an object", `7`, epcis.CodeType, ""},
		{"no type", `{}`, epcis.CodeRequired, ".type"},
		{"unknown type", strings.Replace(plain, "ObjectEvent", "FooEvent", 1), epcis.CodeVocabulary, ".type"},
		{"no time", strings.Replace(plain, `"eventTime":"2024-03-05T09:00:00Z",`, "", 1), epcis.CodeRequired, ".eventTime"},
		{"31 February", strings.Replace(plain, `2024-03-05`, "2024-02-31", 1), epcis.CodeFormat, ".eventTime"},
		{"unknown field", with(`"madeUp":1`), epcis.CodeUnknownField, ".madeUp"},
		{"field of another type", with(`"parentID":"urn:epc:id:sscc:4012345.1234567891"`), epcis.CodeNotAllowed, ".parentID"},
		{"ilmd while observing", with(`"ilmd":{}`), epcis.CodeNotAllowed, ".ilmd"},
		{"the same EPC twice", strings.Replace(plain, `567890"]`, `567890","urn:epc:id:sscc:4012345.1234567890"]`, 1), epcis.CodeRepeated, ".epcList[1]"},
		{"not a URI", with(`"readPoint":{"id":"dock 7"}`), epcis.CodeFormat, ".readPoint.id"},
		{"readPoint without id", with(`"readPoint":{}`), epcis.CodeRequired, ".readPoint.id"},
		{"odd unit", with(`"quantityList":[{"epcClass":"a:b","quantity":1,"uom":"kg"}]`), epcis.CodeFormat, ".quantityList[0].uom"},
		{"sensorReport without type", with(`"sensorElementList":[{"sensorReport":[{}]}]`), epcis.CodeRequired, ".sensorElementList[0].sensorReport[0].type"},
		{"empty sensorReport", with(`"sensorElementList":[{"sensorReport":[]}]`), epcis.CodeEmpty, ".sensorElementList[0].sensorReport"},
		{"bracket path", with(`"sensorElementList":[{"sensorReport":[{"type":"Temperature"}],"x y":1}]`), epcis.CodeUnknownField, ".sensorElementList[0]['x y']"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			doc, err := epcis.ParseDocument(fmt.Appendf(nil, frame, plain+","+tt.event+","+plain), epcis.Limits{})
			if err != nil {
				t.Fatalf("document refused: %v", err)
			}
			if len(doc.Events) != 3 || doc.Events[0].Err != nil || doc.Events[2].Err != nil {
				t.Fatalf("neighbours not read: %d events, %v, %v", len(doc.Events), doc.Events[0].Err, doc.Events[len(doc.Events)-1].Err)
			}
			fs := faults(t, doc.Events[1].Err)
			if len(fs) == 0 || fs[0].Code != tt.code {
				t.Fatalf("faults %v, want %s", fs, tt.code)
			}
			want := "$.epcisBody.eventList[1]"
			if tt.path != "" {
				want += tt.path
			}
			if tt.path != "" && fs[0].Path != want || !strings.HasPrefix(fs[0].Path, want) {
				t.Errorf("path %s, want %s", fs[0].Path, want)
			}
			var one epcis.Fault
			if !errors.As(doc.Events[1].Err, &one) || one != fs[0] {
				t.Errorf("errors.As gives %v, want the first fault", one)
			}
		})
	}
}

func TestBadDocumentsEndWithTheirCode(t *testing.T) {
	doc := fmt.Sprintf(frame, plain)
	tests := []struct {
		name, text, code string
		lim              epcis.Limits
	}{
		{name: "empty", text: "", code: epcis.CodeNotJSON},
		{name: "a word", text: "nonsense", code: epcis.CodeNotJSON},
		{name: "NaN", text: fmt.Sprintf(frame, with(`"example:x":NaN`)), code: epcis.CodeNotJSON},
		{name: "cut off", text: doc[:len(doc)-40], code: epcis.CodeNotJSON},
		{name: "something after", text: doc + "x", code: epcis.CodeNotJSON},
		{name: "comma at the end", text: strings.Replace(doc, "}]}}", "},]}}", 1), code: epcis.CodeNotJSON},
		{name: "no events", text: strings.Replace(doc, "eventList", "eventlist", 1), code: epcis.CodeRequired},
		{name: "no context", text: strings.Replace(doc, `"@context"`, `"example:context"`, 1), code: epcis.CodeRequired},
		{name: "another type", text: strings.Replace(doc, `EPCISDocument`, `Invoice`, 1), code: epcis.CodeSchema},
		{name: "no type", text: `{"foo":1}`, code: epcis.CodeSchema},
		{name: "an array for a list", text: strings.Replace(doc, `"eventList":[`+plain+`]`, `"eventList":{}`, 1), code: epcis.CodeSchema},
		{name: "a member twice", text: strings.Replace(doc, `"schemaVersion"`, `"type":"EPCISDocument","schemaVersion"`, 1), code: epcis.CodeDuplicateMember},
		{name: "too many events", text: fmt.Sprintf(frame, strings.TrimSuffix(strings.Repeat(plain+",", 11), ",")), code: epcis.CodeTooManyEvents, lim: epcis.Limits{MaxEvents: 10}},
		{name: "too large", text: fmt.Sprintf(frame, strings.TrimSuffix(strings.Repeat(plain+",", 1000), ",")), code: epcis.CodeTooLarge, lim: epcis.Limits{MaxBytes: 100_000}},
		{name: "XML with a type declaration", text: `<!DOCTYPE x [<!ENTITY a "b">]><x/>`, code: epcis.CodeNotXML},
		{name: "XML of another sort", text: `<invoice/>`, code: epcis.CodeSchema},
		{name: "XML cut off", text: `<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:2" schemaVersion="2.0" creationDate="2024-03-05T10:00:00Z">`, code: epcis.CodeNotXML},
		{name: "XML with crossed tags", text: `<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:2" schemaVersion="2.0" creationDate="2024-03-05T10:00:00Z"><EPCISBody></EventList></epcis:EPCISDocument>`, code: epcis.CodeNotXML},
		{name: "XML without times", text: `<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:2"><EPCISBody><EventList/></EPCISBody></epcis:EPCISDocument>`, code: epcis.CodeRequired},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := epcis.ParseDocument([]byte(tt.text), tt.lim)
			fs := faults(t, err)
			if !fs.Has(tt.code) {
				t.Errorf("faults %v, want %s", err, tt.code)
			}
		})
	}
}

// endless gives a document that never ends, and counts what was asked of it.
type endless struct {
	head string
	body string
	at   int
}

func (r *endless) Read(p []byte) (int, error) {
	var n int
	if r.at < len(r.head) {
		n = copy(p, r.head[r.at:])
	} else {
		off := (r.at - len(r.head)) % len(r.body)
		n = copy(p, r.body[off:])
	}
	r.at += n
	return n, nil
}

func TestLongDocumentsAreReadInBoundedMemory(t *testing.T) {
	racing.Pure(t)
	head, _, _ := strings.Cut(frame, "%s")
	tests := []struct {
		name, head, body, code string
	}{
		{"events", head, plain + ",", epcis.CodeTooManyEvents},
		{"one string", head + `{"x":"`, "xxxxxxxxxxxxxxxx", epcis.CodeTooLarge},
		{"one event", head + `{"x":[`, "1,", epcis.CodeTooLarge},
		{"white space", head, "    ", epcis.CodeTooLarge},
		{"brackets", head, "[[[[[[[[", epcis.CodeTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			var last error
			for _, err := range epcis.Events(&endless{head: tt.head, body: tt.body}, epcis.Limits{MaxBytes: 64 << 20, MaxEvents: 200_000}) {
				last = err
			}
			if !faults(t, last).Has(tt.code) {
				t.Fatalf("stream ends with %v, want %s", last, tt.code)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			if held := int64(after.HeapSys) - int64(before.HeapSys); held > 40<<20 {
				t.Errorf("heap grew by %d MiB", held>>20)
			}
		})
	}
}

func TestEventsBeforeTheContextAreReadAsTheOthers(t *testing.T) {
	late := `{"epcisBody":{"eventList":[` + with(`"ex:a":1`) + `]},"creationDate":"2024-03-05T10:00:00Z","schemaVersion":"2.0","type":"EPCISDocument","@context":[{"ex":"https://ns.example.com/"}]}`
	doc, err := epcis.ParseDocument([]byte(late), epcis.Limits{})
	if err != nil || len(doc.Events) != 1 || doc.Events[0].Err != nil {
		t.Fatalf("%v, %+v", err, doc)
	}
	if got := doc.Events[0].Event.Extensions[0].Namespace; got != "https://ns.example.com/" {
		t.Errorf("namespace %q", got)
	}
}

func TestBareEventsNeedTheirContext(t *testing.T) {
	ctx := `"@context":"https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"`
	for _, text := range []string{with(ctx), "[" + with(ctx) + "]", "\xef\xbb\xbf " + with(ctx)} {
		doc, err := epcis.ParseDocument([]byte(text), epcis.Limits{})
		if err != nil || doc.Err() != nil || len(doc.Events) != 1 {
			t.Errorf("%s: %v %v", text, err, doc.Err())
		}
	}
	doc, err := epcis.ParseDocument([]byte(plain), epcis.Limits{})
	if err != nil || !faults(t, doc.Err()).Has(epcis.CodeRequired) {
		t.Errorf("event without @context: %v %v", err, doc.Err())
	}
	if _, err := epcis.ParseEvent(nil, []byte(plain)); err != nil {
		t.Errorf("ParseEvent brings GS1's context, but: %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, context.Canceled }

func TestAReaderThatFailsIsNamed(t *testing.T) {
	for s, err := range epcis.Events(io.MultiReader(strings.NewReader(`{"type":`), failing{}), epcis.Limits{}) {
		if !errors.Is(err, context.Canceled) || s.Event != nil {
			t.Errorf("JSON ends with %v", err)
		}
		if !faults(t, err).Has(epcis.CodeRead) {
			t.Errorf("no code in %v", err)
		}
	}
	for _, err := range epcis.EventsXML(io.MultiReader(strings.NewReader(`<a`), failing{}), epcis.Limits{}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("XML ends with %v", err)
		}
	}
}

func TestRangingMayStopEarly(t *testing.T) {
	text := fmt.Sprintf(frame, plain+","+plain+","+plain)
	n := 0
	for _, err := range epcis.Events(strings.NewReader(text), epcis.Limits{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d events", n)
	}
}

func TestAnEventTakesTheMemoryTheDocumentationSays(t *testing.T) {
	racing.Pure(t)
	const values = 60_000
	json := fmt.Sprintf(frame, with(`"example:x":[`+strings.TrimSuffix(strings.Repeat("{},", values), ",")+`]`))
	xml := `<e:EPCISDocument xmlns:e="urn:epcglobal:epcis:xsd:2" schemaVersion="2.0" creationDate="2024-03-05T10:00:00Z"><EPCISBody><EventList>` +
		`<ObjectEvent><eventTime>2024-03-05T09:00:00Z</eventTime><eventTimeZoneOffset>+00:00</eventTimeZoneOffset><epcList/><action>OBSERVE</action>` +
		`<x:a xmlns:x="https://x.example.com/">` + strings.Repeat("<x:b/>", values) + `</x:a></ObjectEvent></EventList></EPCISBody></e:EPCISDocument>`
	for name, tt := range map[string]struct {
		text     string
		perValue uint64
	}{"JSON": {json, 384}, "XML": {xml, 768}} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		doc, err := epcis.ParseDocument([]byte(tt.text), epcis.Limits{})
		runtime.ReadMemStats(&after)
		if err != nil || doc.Err() != nil {
			t.Fatal(err, doc.Err())
		}
		if got, most := after.TotalAlloc-before.TotalAlloc, tt.perValue*values+4*uint64(len(tt.text))+1<<20; got > 2*most {
			t.Errorf("%s: %d bytes allocated in all, want at most twice %d", name, got, most)
		}
	}
}

func TestLatin1DocumentsAreRead(t *testing.T) {
	xml := `<?xml version="1.0" encoding="ISO-8859-1"?><e:EPCISDocument xmlns:e="urn:epcglobal:epcis:xsd:1" schemaVersion="1.2" creationDate="2024-03-05T10:00:00Z"><EPCISBody><EventList>` +
		"<ObjectEvent><eventTime>2024-03-05T09:00:00Z</eventTime><eventTimeZoneOffset>+00:00</eventTimeZoneOffset><epcList/><action>OBSERVE</action>" +
		"<x:city xmlns:x=\"https://x.example.com/\">M\xfcnchen</x:city></ObjectEvent></EventList></EPCISBody></e:EPCISDocument>"
	doc, err := epcis.ParseDocument([]byte(xml), epcis.Limits{})
	if err != nil || doc.Err() != nil {
		t.Fatal(err, doc.Err())
	}
	if got := doc.Events[0].Event.Extensions[0].Value.Text; got != "München" {
		t.Errorf("got %q", got)
	}
	utf16 := strings.Replace(xml, "ISO-8859-1", "UTF-16", 1)
	if _, err := epcis.ParseDocument([]byte(utf16), epcis.Limits{}); !faults(t, err).Has(epcis.CodeNotUTF8) {
		t.Errorf("UTF-16: %v", err)
	}
}

func TestWideEncodingsAreNamedAsSuch(t *testing.T) {
	for _, text := range []string{`<?xml version="1.0" encoding="UTF-16"?><a/>`, `{"type":"EPCISDocument"}`} {
		for name, order := range map[string]binary.AppendByteOrder{"little endian": binary.LittleEndian, "big endian": binary.BigEndian} {
			for _, mark := range []string{"\ufeff", ""} {
				var wide []byte
				for _, unit := range utf16.Encode([]rune(mark + text)) {
					wide = order.AppendUint16(wide, unit)
				}
				if _, err := epcis.ParseDocument(wide, epcis.Limits{}); !faults(t, err).Has(epcis.CodeNotUTF8) {
					t.Errorf("%s, mark %q: %v", name, mark, err)
				}
				for _, err := range epcis.EventsXML(bytes.NewReader(wide), epcis.Limits{}) {
					if !faults(t, err).Has(epcis.CodeNotUTF8) {
						t.Errorf("%s, mark %q, read as XML: %v", name, mark, err)
					}
				}
			}
		}
	}
}

func TestBadXMLEventsAreNamedByXPath(t *testing.T) {
	const head = `<e:EPCISDocument xmlns:e="urn:epcglobal:epcis:xsd:1" xmlns:x="https://x.example.com/" schemaVersion="1.2" creationDate="2024-03-05T10:00:00Z"><EPCISBody><EventList>`
	const tail = `</EventList></EPCISBody></e:EPCISDocument>`
	good := `<ObjectEvent><eventTime>2024-03-05T09:00:00Z</eventTime><eventTimeZoneOffset>+00:00</eventTimeZoneOffset>` +
		`<epcList><epc>urn:epc:id:sscc:4012345.1234567890</epc><epc>urn:epc:id:sscc:4012345.1234567891</epc></epcList><action>OBSERVE</action></ObjectEvent>`
	tests := []struct{ name, event, code, path string }{
		{"action", strings.Replace(good, "OBSERVE", "LOOK", 1), epcis.CodeVocabulary, "ObjectEvent[2]/action"},
		{"second EPC", strings.Replace(good, "urn:epc:id:sscc:4012345.1234567891", "pallet", 1), epcis.CodeFormat, "ObjectEvent[2]/epcList/epc[2]"},
		{"twice the same EPC", strings.Replace(good, "7891", "7890", 1), epcis.CodeRepeated, "ObjectEvent[2]/epcList/epc[2]"},
		{"twice the time", strings.Replace(good, "<epcList>", "<eventTime>2024-03-05T09:00:00Z</eventTime><epcList>", 1), epcis.CodeDuplicateMember, "ObjectEvent[2]/eventTime[2]"},
		{"quantity as text", strings.Replace(good, "</ObjectEvent>", "<extension><quantityList><quantityElement><epcClass>a:b</epcClass><quantity>ten</quantity></quantityElement></quantityList></extension></ObjectEvent>", 1), epcis.CodeType, "ObjectEvent[2]/extension/quantityList/quantityElement/quantity"},
		{"transaction type", strings.Replace(good, "</ObjectEvent>", `<bizTransactionList><bizTransaction type="po">a:b</bizTransaction><bizTransaction type="urn:epcglobal:cbv:btt:xx">a:b</bizTransaction></bizTransactionList></ObjectEvent>`, 1), epcis.CodeVocabulary, "ObjectEvent[2]/bizTransactionList/bizTransaction[2]/@type"},
		{"sensor value", strings.Replace(good, "</ObjectEvent>", `<sensorElementList><sensorElement><sensorReport type="gs1:Temperature" value="warm"/></sensorElement></sensorElementList></ObjectEvent>`, 1), epcis.CodeType, "ObjectEvent[2]/sensorElementList/sensorElement/sensorReport/@value"},
		{"stray element", strings.Replace(good, "<epcList>", "<epcList><pallet/>", 1), epcis.CodeUnknownField, "ObjectEvent[2]/epcList/pallet"},
		{"new type without parent", `<extension><AssociationEvent><eventTime>2024-03-05T09:00:00Z</eventTime><eventTimeZoneOffset>+00:00</eventTimeZoneOffset><childEPCs><epc>a:b</epc></childEPCs><action>ADD</action></AssociationEvent></extension>`, epcis.CodeRequired, "extension[1]/AssociationEvent[1]/parentID"},
		{"unknown type", `<FooEvent/>`, epcis.CodeVocabulary, "FooEvent[1]"},
		{"deep", strings.Replace(good, "</ObjectEvent>", strings.Repeat("<x:a>", 40)+strings.Repeat("</x:a>", 40)+"</ObjectEvent>", 1), epcis.CodeTooDeep, "ObjectEvent[2]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			doc, err := epcis.ParseDocument([]byte(head+good+tt.event+good+tail), epcis.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if len(doc.Events) != 3 || doc.Events[0].Err != nil || doc.Events[2].Err != nil {
				t.Fatalf("neighbours not read: %+v", doc.Events)
			}
			fs := faults(t, doc.Events[1].Err)
			if len(fs) == 0 || fs[0].Code != tt.code || fs[0].Path != "/EPCISDocument/EPCISBody/EventList/"+tt.path {
				t.Errorf("faults %v, want %s at %s", fs, tt.code, tt.path)
			}
		})
	}
}
