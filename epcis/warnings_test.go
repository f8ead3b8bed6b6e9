package epcis_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/epcis"
)

// warned reads a document, which must be valid, and gives its warnings as code and path: read as a whole and as a stream.
func warned(t *testing.T, text string) []string {
	t.Helper()
	doc, err := epcis.ParseDocument([]byte(text), epcis.Limits{})
	if err == nil {
		err = doc.Err()
	}
	if err != nil {
		t.Fatal(err)
	}
	list := func(fs epcis.Faults) (out []string) {
		for _, f := range fs {
			if f.Message == "" {
				t.Errorf("%+v says nothing", f)
			}
			out = append(out, f.Code+" "+f.Path)
		}
		return out
	}
	var whole, stream []string
	for i := range doc.Events {
		whole = append(whole, list(doc.Events[i].Warnings())...)
	}
	if head := list(doc.Warnings()); len(head) > 0 && !slices.Equal(head, whole[:min(len(head), len(whole))]) {
		t.Errorf("the document says %v, its events %v", head, whole)
	}
	events := epcis.Events(strings.NewReader(text), epcis.Limits{})
	if doc.Format == epcis.XML {
		events = epcis.EventsXML(strings.NewReader(text), epcis.Limits{})
	}
	for s, err := range events {
		if err != nil {
			t.Fatal(err)
		}
		stream = append(stream, list(s.Warnings())...)
	}
	if !slices.Equal(whole, stream) {
		t.Errorf("whole %v, streamed %v", whole, stream)
	}
	return whole
}

func TestRulesThatNoSchemaCatchesAreWarnings(t *testing.T) {
	document := func(version, context, fields string) string {
		return fmt.Sprintf(`{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"%s],"type":"EPCISDocument","schemaVersion":%q,"creationDate":"2026-01-01T00:00:00Z","epcisBody":{"eventList":[`+
			`{"type":"ObjectEvent","eventTime":"2026-01-01T00:00:00Z","eventTimeZoneOffset":"+00:00","action":"OBSERVE","epcList":["https://id.gs1.org/01/09521321000018/21/1"]%s}]}}`, context, version, fields)
	}
	report := func(kind, uom string) string {
		return fmt.Sprintf(`,"sensorElementList":[{"sensorReport":[{"type":%q,"value":4,"uom":%q}]}]`, kind, uom)
	}
	const event = "$.epcisBody.eventList[0]"
	const uom = "WB_EPCIS_UNIT " + event + ".sensorElementList[0].sensorReport[0].uom"
	acme := `,{"acme":"https://acme.example/"}`
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"nothing":                         {document("2.0", "", ""), nil},
		"a version with a patch":          {document("2.0.1", "", ""), nil},
		"an unknown version":              {document("3.7", "", ""), []string{"WB_EPCIS_VERSION $.schemaVersion"}},
		"a version that JSON has not":     {document("1.2", "", ""), []string{"WB_EPCIS_VERSION $.schemaVersion"}},
		"a temperature in kilograms":      {document("2.0", "", report("Temperature", "KGM")), []string{uom}},
		"a temperature in degrees":        {document("2.0", "", report("Temperature", "CEL")), nil},
		"a type written out":              {document("2.0", "", report("gs1:Temperature", "KGM")), []string{uom}},
		"a unit that nobody knows":        {document("2.0", "", report("Temperature", "QQQ")), []string{uom}},
		"relative humidity in percent":    {document("2.0", "", report("RelativeHumidity", "P1")), nil},
		"a type of one's own":             {document("2.0", acme, report("acme:Ripeness", "QQQ")), nil},
		"a negative quantity":             {document("2.0", "", `,"quantityList":[{"epcClass":"https://id.gs1.org/01/09521321000018/10/L","quantity":-3,"uom":"KGM"}]`), []string{"WB_EPCIS_NEGATIVE " + event + ".quantityList[0].quantity"}},
		"no quantity at all":              {document("2.0", "", `,"quantityList":[{"epcClass":"https://id.gs1.org/01/09521321000018/10/L","quantity":0}]`), nil},
		"an undeclared field":             {document("2.0", "", `,"acme:lot":{"acme:of":[{"other:x":1}]}`), []string{"WB_EPCIS_PREFIX " + event + "['acme:lot']", "WB_EPCIS_PREFIX " + event + "['acme:lot']['acme:of']", "WB_EPCIS_PREFIX " + event + "['acme:lot']['acme:of'][0]['other:x']"}},
		"a declared field":                {document("2.0", acme, `,"acme:lot":{"acme:of":1}`), nil},
		"declared in the event":           {document("2.0", "", `,"@context":[{"acme":"https://acme.example/"}],"acme:lot":1,"bizStep":"acme:step"`), nil},
		"a field written out":             {document("2.0", "", `,"https://acme.example/lot":1,"urn:acme:lot":1`), nil},
		"an undeclared step":              {document("2.0", "", `,"bizStep":"acme:step"`), []string{"WB_EPCIS_PREFIX " + event + ".bizStep"}},
		"a declared step":                 {document("2.0", acme, `,"bizStep":"acme:step"`), nil},
		"a declared place":                {document("2.0", acme, `,"readPoint":{"id":"acme:gate"}`), nil},
		"an undeclared place":             {document("2.0", "", `,"readPoint":{"id":"acme:gate"}`), []string{"WB_EPCIS_PREFIX " + event + ".readPoint.id"}},
		"steps and places of other kinds": {document("2.0", "", `,"bizStep":"urn:acme:step","readPoint":{"id":"geo:1,2"},"bizLocation":{"id":"https://acme.example/x"}`), nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := warned(t, c.text); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestACreationDateWithoutOffsetIsReadFromXMLWithAWarning(t *testing.T) {
	document := func(version, date, at string) string {
		space := "urn:epcglobal:epcis:xsd:" + version[:1]
		return fmt.Sprintf(`<epcis:EPCISDocument xmlns:epcis=%q schemaVersion=%q creationDate=%q><EPCISBody><EventList><ObjectEvent><eventTime>%s</eventTime><eventTimeZoneOffset>+00:00</eventTimeZoneOffset><epcList><epc>urn:epc:id:sgtin:9521321.000001.1</epc></epcList><action>OBSERVE</action></ObjectEvent></EventList></EPCISBody></epcis:EPCISDocument>`,
			space, version, date, at)
	}
	for _, version := range []string{"1.2", "2.0"} {
		text := document(version, "2026-01-01T10:00:00.5", "2026-01-01T00:00:00Z")
		if got, want := warned(t, text), []string{"WB_EPCIS_OFFSET /EPCISDocument/@creationDate"}; !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", version, got, want)
		}
		if got := warned(t, document(version, "2026-01-01T10:00:00+02:00", "2026-01-01T00:00:00Z")); got != nil {
			t.Errorf("%s: %v", version, got)
		}
		doc, err := epcis.ParseDocument([]byte(text), epcis.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if err = doc.Write(&b, epcis.WriteOptions{Form: epcis.FormJSON}); err != nil {
			t.Fatal(err)
		}
		back, err := epcis.ParseDocument([]byte(b.String()), epcis.Limits{})
		if err != nil || back.CreationDate.Text != "2026-01-01T10:00:00.5Z" {
			t.Errorf("%s: %q, %v", version, back.CreationDate.Text, err)
		}
	}
	// What happened needs its offset, and JSON says it of every time.
	doc, err := epcis.ParseDocument([]byte(document("1.2", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00")), epcis.Limits{})
	if err != nil || doc.Err() == nil {
		t.Errorf("an event time without an offset: %v, %v", err, doc.Err())
	}
	for _, date := range []string{"2026-01-01", "yesterday", "2026-13-01T00:00:00", ""} {
		if _, err = epcis.ParseDocument([]byte(document("1.2", date, "2026-01-01T00:00:00Z")), epcis.Limits{}); err == nil {
			t.Errorf("%q is accepted", date)
		}
	}
}
