package epcis_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/epcis"
)

const xmlEvent = `<ObjectEvent><eventTime>2024-03-05T09:00:00Z</eventTime><eventTimeZoneOffset>+00:00</eventTimeZoneOffset>` +
	`<epcList><epc>urn:epc:id:sscc:4012345.1234567890</epc></epcList><action>OBSERVE</action>%s</ObjectEvent>`

const xmlFrame = `<e:EPCISDocument xmlns:e="urn:epcglobal:epcis:xsd:2" xmlns:r="https://r.example.com/" schemaVersion="2.0" creationDate="2024-03-05T10:00:00Z">` +
	`%s<EPCISBody><EventList>%s</EventList></EPCISBody></e:EPCISDocument>`

const xmlQuery = `<q:EPCISQueryDocument xmlns:q="urn:epcglobal:epcis-query:xsd:2" xmlns:r="https://r.example.com/" schemaVersion="2.0" creationDate="2024-03-05T10:00:00Z">` +
	`%s<queryName>SimpleEventQuery</queryName><resultsBody><EventList>%s</EventList></resultsBody></q:EPCISQueryDocument>`

const jsonQuery = `{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",{"r":"https://r.example.com/"}],"type":"EPCISQueryDocument",` +
	`"schemaVersion":"2.0","creationDate":"2024-03-05T10:00:00Z","epcisBody":{"queryResults":{"queryName":"SimpleEventQuery",%s"resultsBody":{"eventList":[%s]}}}}`

// Every form of document can name fields that its sender's system added and that the hash leaves out.
func TestFieldsThatADocumentIgnoresAreLeftOutOfTheHash(t *testing.T) {
	bare, err := epcis.ParseEvent(nil, []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	const list = `<r:ignoreFields><r:hash/><s:captureID xmlns:s="https://s.example.com/ids"/></r:ignoreFields>`
	added := fmt.Sprintf(xmlEvent, `<r:hash>1</r:hash><s:captureID xmlns:s="https://s.example.com/ids">2</s:captureID>`)
	for name, doc := range map[string]string{
		"XML":                  fmt.Sprintf(xmlFrame, list, added),
		"XML query":            fmt.Sprintf(xmlQuery, list, added),
		"JSON query":           fmt.Sprintf(jsonQuery, `"r:ignoreFields":["r:hash"],`, with(`"r:hash":"1"`)),
		"XML of another shape": fmt.Sprintf(xmlFrame, list, fmt.Sprintf(xmlEvent, `<p:hash xmlns:p="https://r.example.com/"><p:algorithm>x</p:algorithm></p:hash>`)),
	} {
		t.Run(name, func(t *testing.T) {
			d, err := epcis.ParseDocument([]byte(doc), epcis.Limits{})
			if err != nil || len(d.Events) != 1 || d.Events[0].Err != nil {
				t.Fatalf("%v, %+v", err, d.Events)
			}
			s := d.Events[0]
			if s.Event.Hash() != bare.Hash() {
				t.Errorf("hashed: %s", s.Event.PreHash())
			}
			if len(s.Event.Extensions) == 0 || !strings.Contains(string(s.Raw), "hash") {
				t.Errorf("the ignored field is gone from the event: %s", s.Raw)
			}
			again, err := epcis.ParseEvent(s.Context, s.Raw)
			if err != nil || again.Hash() != bare.Hash() {
				t.Errorf("%s does not carry what is ignored: %v", s.Context, err)
			}
		})
	}
}

func TestFieldsCannotBeIgnoredAfterTheEventsThatHaveThem(t *testing.T) {
	late := strings.Replace(fmt.Sprintf(xmlFrame, "", fmt.Sprintf(xmlEvent, "")), "</EPCISBody>", `</EPCISBody><r:ignoreFields><r:hash/></r:ignoreFields>`, 1)
	if _, err := epcis.ParseDocument([]byte(late), epcis.Limits{}); err == nil {
		t.Error("accepted")
	} else if fs := faults(t, err); fs[0].Code != epcis.CodeSchema || fs[0].Path != "/EPCISDocument/r:ignoreFields" {
		t.Errorf("%v", fs)
	}
}
