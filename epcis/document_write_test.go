package epcis_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/epcis"
)

func TestQuantityEventIsTheObjectEventThatTheStandardCallsEquivalent(t *testing.T) {
	const common = `<eventTime>2024-03-05T09:00:00Z</eventTime><eventTimeZoneOffset>+00:00</eventTimeZoneOffset>`
	const class = `urn:epc:class:lgtin:4012345.011111.1234`
	const rest = `<bizStep>urn:epcglobal:cbv:bizstep:storing</bizStep>`
	old := fmt.Sprintf(xmlFrame, "", `<QuantityEvent>`+common+`<epcClass>`+class+`</epcClass><quantity>42</quantity>`+rest+`</QuantityEvent>`)
	equal := fmt.Sprintf(xmlFrame, "", `<ObjectEvent>`+common+`<epcList/><action>OBSERVE</action>`+rest+
		`<quantityList><quantityElement><epcClass>`+class+`</epcClass><quantity>42</quantity></quantityElement></quantityList></ObjectEvent>`)
	sameEvents(t, "QuantityEvent", parse(t, []byte(old)), parse(t, []byte(equal)))
	doc, err := epcis.ParseDocument([]byte(strings.Replace(old, "<epcClass>"+class+"</epcClass>", "", 1)), epcis.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if fs := faults(t, doc.Err()); fs[0].Code != epcis.CodeRequired || !strings.Contains(fs[0].Path, "QuantityEvent[1]") {
		t.Errorf("%v", fs)
	}
}

// Types of XML Schema on elements of somebody else's are types of JSON.
func TestTypedElementsAreTypedValues(t *testing.T) {
	doc := parse(t, []byte(fmt.Sprintf(xmlFrame, "", fmt.Sprintf(xmlEvent,
		`<r:a xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema">`+
			`<r:n xsi:type="xsd:double">2.50</r:n><r:b xsi:type="xsd:boolean">1</r:b><r:s xsi:type="xsd:string">2</r:s><r:z xsi:nil="true"/><r:w xsi:type="xsd:int">x</r:w></r:a>`))))
	out, err := doc.Events[0].Event.MarshalJSON()
	if err != nil || !strings.Contains(string(out), `"r:a":{"r:n":2.50,"r:b":true,"r:s":"2","r:z":null,"r:w":"x"}`) {
		t.Errorf("%s %v", out, err)
	}
}

const head = `"@context":["https://other.example.com/context.jsonld","https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",{"ex":"https://ns.example.com/epcis/","Word":"https://w.example.com/"}],` +
	`"id":"https://doc.example.com/1","type":"EPCISDocument","schemaVersion":"2.0","creationDate":"2024-03-05T10:00:00Z"`

const masterData = `"epcisHeader":{"ex:own":{"ex:deep":[1]},"epcisMasterData":{"ex:more":true,"vocabularyList":[{"type":"urn:epcglobal:epcis:vtype:EPCClass","ex:note":"n","vocabularyElementList":[` +
	`{"id":"urn:epc:idpat:sgtin:4012345.011111.*","ex:x":null,"attributes":[{"id":"ex:#1","attribute":"text"},{"id":"ex:#2","attribute":12.50},` +
	`{"id":"ex:#3","attribute":{"ex:o":{"unit":"KGM","#text":"5"}}},{"id":"ex:#4"}],"children":["urn:a:1","urn:a:2"]},{"id":"urn:a:1","attributes":[]},{"id":"urn:a:2","children":[]}]},` +
	`{"type":"ex:other","vocabularyElementList":[]},{"type":"ex:none"}]}}`

func TestWhatStandsOutsideTheEventsIsKept(t *testing.T) {
	doc := `{` + head + `,"sender":"urn:epc:id:sgln:4012345.00001.0","instanceIdentifier":"7",` + masterData + `,"ex:note":[{"ex:a":1}],"https://u.example.com/x":"y",` +
		`"epcisBody":{"ex:inBody":null,"eventList":[` + plain + `,` + with(`"ex:f":"ex:v"`) + `]},"ex:late":"z"}`
	query := `{` + strings.Replace(head, "EPCISDocument", "EPCISQueryDocument", 1) + `,"ex:q":1,"epcisBody":{"queryResults":{"queryName":"Q","ex:r":{"ex:s":2},"resultsBody":{"eventList":[` +
		plain + `],"vocabularyList":[{"type":"ex:t","vocabularyElementList":[{"id":"urn:a:1"}]}],"ex:rb":"x"}}}}`
	for name, text := range map[string]string{"document": doc, "query": query} {
		before := parse(t, []byte(text))
		for _, way := range [][]epcis.Form{{epcis.FormJSON}, {epcis.FormXML}, {epcis.FormXML12}, {epcis.FormXML, epcis.FormXML12, epcis.FormJSON}} {
			step := []byte(text)
			for _, form := range way {
				var err error
				if step, err = convert(t, step, epcis.WriteOptions{Form: form}); err != nil {
					t.Fatalf("%s %v: %v", name, way, err)
				}
			}
			after := parse(t, step)
			sameEvents(t, name, before, after)
			sameHead(t, name, before, after)
			if !strings.Contains(string(after.Context), "https://other.example.com/context.jsonld") {
				t.Errorf("%s %v: the context is now %s", name, way, after.Context)
			}
			if t.Failed() {
				t.Fatalf("%s %v\n%s", name, way, step)
			}
		}
	}
}

// TestADocumentsNameCostsNoPrefix: rdf:about needs rdf in XML only, however often a
// document goes to XML and back.
func TestADocumentsNameCostsNoPrefix(t *testing.T) {
	sent := []byte(`{` + head + `,"epcisBody":{"eventList":[` + plain + `]}}`)
	before := parse(t, sent)
	json := sent
	var first []byte
	for range 3 {
		xml, err := convert(t, json, epcis.WriteOptions{Form: epcis.FormXML})
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = xml
		}
		if !bytes.Equal(xml, first) {
			t.Fatalf("XML became\n%s\nwas\n%s", xml, first)
		}
		if json, err = convert(t, xml, epcis.WriteOptions{Form: epcis.FormJSON}); err != nil {
			t.Fatal(err)
		}
	}
	after := parse(t, json)
	if sameHead(t, "rdf", before, after); strings.Contains(string(after.Context), "rdf") {
		t.Errorf("the context is now %s", after.Context)
	}
}

func TestAHeaderThatJSONHasNoRoomForIsKeptWhole(t *testing.T) {
	const sbdh = `<EPCISHeader><s:StandardBusinessDocumentHeader xmlns:s="http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader"><s:HeaderVersion>1.0</s:HeaderVersion>` +
		`<s:Sender><s:Identifier Authority="GLN">4012345000009</s:Identifier><s:ContactInformation><s:Contact>A &amp; B</s:Contact></s:ContactInformation></s:Sender>` +
		`<s:Receiver><s:Identifier>urn:r</s:Identifier></s:Receiver><s:Receiver><s:Identifier>urn:r2</s:Identifier></s:Receiver></s:StandardBusinessDocumentHeader></EPCISHeader>`
	text := []byte(fmt.Sprintf(xmlFrame, sbdh+"<!-- said -->", fmt.Sprintf(xmlEvent, "")))
	before := parse(t, text)
	if before.Sender != "4012345000009" {
		t.Errorf("sender %q", before.Sender)
	}
	for _, form := range []epcis.Form{epcis.FormJSON, epcis.FormXML12} {
		step, err := convert(t, text, epcis.WriteOptions{Form: form})
		if err != nil {
			t.Fatal(err)
		}
		if step, err = convert(t, step, epcis.WriteOptions{Form: epcis.FormXML}); err != nil {
			t.Fatal(err)
		}
		sameHead(t, form.String(), before, parse(t, step))
		if !bytes.Contains(step, []byte(`Authority="GLN"`)) || !bytes.Contains(step, []byte("A &amp; B")) {
			t.Errorf("%s", step)
		}
	}
	before.Sender = "another"
	if err := before.Write(io.Discard, epcis.WriteOptions{Form: epcis.FormXML}); !faults(t, err).Has(epcis.CodeForm) {
		t.Errorf("two senders: %v", err)
	}
}

func TestAnEventThatCannotBeWrittenLeavesTheDocumentWhole(t *testing.T) {
	bad, err := epcis.ParseEvent([]byte(exampleContext), []byte(with(`"ex:a":["\u0000"]`)))
	if err != nil {
		t.Fatal(err)
	}
	good, err := epcis.ParseEvent(nil, []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	enc, err := epcis.NewEncoder(&out, &epcis.Document{CreationDate: epcis.Time{Text: "2024-03-05T10:00:00Z"}}, epcis.WriteOptions{Form: epcis.FormXML})
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range []*epcis.Event{good, bad, good} {
		err := enc.WriteEvent(e)
		if (err != nil) != (e == bad) {
			t.Errorf("%d: %v", i, err)
		}
		if fs := faults(t, err); e == bad && (len(fs) != 1 || fs[0].Code != epcis.CodeForm || !strings.HasPrefix(fs[0].Path, "$.epcisBody.eventList[1]")) {
			t.Errorf("%v", fs)
		}
	}
	if err := enc.Close(); err != nil {
		t.Fatal(err)
	}
	if doc := parse(t, out.Bytes()); len(doc.Events) != 2 {
		t.Errorf("%d events", len(doc.Events))
	}
	if err := enc.WriteEvent(good); err == nil {
		t.Error("written after Close")
	}
}

func TestADocumentWithoutCreationDateNeedsOne(t *testing.T) {
	bare := []byte(with(`"@context":"https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"`))
	for _, form := range []epcis.Form{epcis.FormJSON, epcis.FormXML} {
		if _, err := convert(t, bare, epcis.WriteOptions{Form: form}); !faults(t, err).Has(epcis.CodeForm) {
			t.Errorf("%v: %v", form, err)
		}
		out, err := convert(t, bare, epcis.WriteOptions{Form: form, CreationDate: epcis.Time{Text: "2024-03-05T10:00:00Z"}})
		if err != nil {
			t.Fatal(err)
		}
		if doc := parse(t, out); doc.Type != "EPCISDocument" || len(doc.Events) != 1 {
			t.Errorf("%s", out)
		}
	}
}

type fullDisk struct{ after int }

var errFull = errors.New("full")

func (f *fullDisk) Write(p []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestAWriterThatFailsEndsTheDocument(t *testing.T) {
	doc := parse(t, []byte(fmt.Sprintf(frame, plain+","+plain)))
	for after := range 4 {
		if err := doc.Write(&fullDisk{after: after}, epcis.WriteOptions{Form: epcis.FormXML}); !errors.Is(err, errFull) {
			t.Errorf("after %d writes: %v", after, err)
		}
	}
}

// repeating is a document of n events that is never in memory as a whole.
type repeating struct {
	start, event, end string
	n                 int
	at                int64
	peak              uint64
}

func (e *repeating) size() int64 {
	return int64(len(e.start)) + int64(e.n)*int64(len(e.event)) + int64(len(e.end))
}

func (e *repeating) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekCurrent {
		offset += e.at
	}
	e.at = offset
	return offset, nil
}

func (e *repeating) Read(p []byte) (int, error) {
	if e.at >= e.size() {
		return 0, io.EOF
	}
	var text string
	switch body := e.at - int64(len(e.start)); {
	case body < 0:
		text = e.start[e.at:]
	case body >= int64(e.n)*int64(len(e.event)):
		text = e.end[body-int64(e.n)*int64(len(e.event)):]
	default:
		text = e.event[body%int64(len(e.event)):]
	}
	n := copy(p, text)
	if e.at>>22 != (e.at+int64(n))>>22 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		e.peak = max(e.peak, m.HeapAlloc)
	}
	e.at += int64(n)
	return n, nil
}

func TestALargeDocumentIsConvertedInLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 64 MiB")
	}
	parts := strings.SplitN(fmt.Sprintf(frame, "|"), "|", 2)
	xmlParts := strings.SplitN(fmt.Sprintf(xmlFrame, "", "|"), "|", 2)
	for name, c := range map[string]struct {
		doc  repeating
		form epcis.Form
	}{
		"JSON to XML": {repeating{start: parts[0] + plain, event: "," + event1k, end: parts[1], n: 40_000}, epcis.FormXML},
		"XML to JSON": {repeating{start: xmlParts[0], event: fmt.Sprintf(xmlEvent, ""), end: xmlParts[1], n: 80_000}, epcis.FormJSON},
	} {
		t.Run(name, func(t *testing.T) {
			doc := c.doc
			n, err := epcis.Convert(io.Discard, &doc, epcis.Limits{MaxBytes: 1 << 30, MaxEvents: 1 << 20}, epcis.WriteOptions{Form: c.form})
			if err != nil || n < doc.n {
				t.Fatalf("%d events, %v", n, err)
			}
			if doc.peak == 0 || doc.peak > 16<<20 {
				t.Errorf("%d MiB of text need %d KiB of heap", doc.size()>>20, doc.peak>>10)
			}
			t.Logf("%d MiB of text, %d KiB of heap at most", doc.size()>>20, doc.peak>>10)
		})
	}
}

func BenchmarkConvert(b *testing.B) {
	doc := []byte(fmt.Sprintf(frame, strings.TrimSuffix(strings.Repeat(event1k+",", 200), ",")))
	for _, form := range []epcis.Form{epcis.FormJSON, epcis.FormXML, epcis.FormXML12} {
		b.Run("json→"+form.String(), func(b *testing.B) {
			b.SetBytes(int64(len(doc)))
			for b.Loop() {
				if _, err := epcis.Convert(io.Discard, bytes.NewReader(doc), epcis.Limits{}, epcis.WriteOptions{Form: form, Newer: true}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestSensorDevicesAreSpelledAsOtherIdentifiers(t *testing.T) {
	prefixes, err := epcis.ParseCompanyPrefixes([]string{"9521321"})
	if err != nil {
		t.Fatal(err)
	}
	const urn, link = "urn:epc:id:giai:9521321.logger7", "https://id.gs1.org/8004/9521321logger7"
	document := func(device string) []byte {
		return fmt.Appendf(nil, `{"@context":"https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld","type":"EPCISDocument","schemaVersion":"2.0","creationDate":"2026-01-01T00:00:00Z","epcisBody":{"eventList":[`+
			`{"type":"ObjectEvent","eventTime":"2026-01-01T00:00:00Z","eventTimeZoneOffset":"+00:00","action":"OBSERVE","readPoint":{"id":"https://acme.example/gate"},`+
			`"sensorElementList":[{"sensorMetadata":{"deviceID":%q},"sensorReport":[{"type":"Temperature","value":4,"uom":"CEL"}]},{"sensorReport":[{"type":"Temperature","deviceID":%[1]q,"value":5,"uom":"CEL"}]}]}]}}`, device)
	}
	for from, to := range map[string]string{urn: link, link: urn} {
		spell := prefixes.URN
		if to == link {
			spell = func(id string) (string, error) {
				if !strings.HasPrefix(id, "urn:epc:") {
					return id, nil
				}
				return epcis.CanonicalEPC(id)
			}
		}
		doc, err := epcis.ParseDocument(document(from), epcis.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []epcis.Form{epcis.FormJSON, epcis.FormXML} {
			var b bytes.Buffer
			if err = doc.Write(&b, epcis.WriteOptions{Form: form, Identifier: spell}); err != nil {
				t.Fatal(err)
			}
			back, err := epcis.ParseDocument(b.Bytes(), epcis.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			e, was := back.Events[0].Event, doc.Events[0].Event
			if got := []string{e.SensorElements[0].Metadata.DeviceID, e.SensorElements[1].Reports[0].DeviceID}; got[0] != to || got[1] != to {
				t.Errorf("%s became %v", from, got)
			}
			if was.SensorElements[0].Metadata.DeviceID != from || was.SensorElements[1].Reports[0].DeviceID != from {
				t.Error("writing changed the event")
			}
			if e.Hash() != was.Hash() {
				t.Errorf("%s: another hash", from)
			}
		}
	}
}
