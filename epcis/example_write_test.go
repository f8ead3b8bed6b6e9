package epcis_test

import (
	"fmt"
	"os"
	"strings"

	"github.com/waybill-dev/waybill/epcis"
)

const exampleDocument = `{
	"@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld", {"ex": "https://ns.example.com/epcis/"}],
	"type": "EPCISDocument", "schemaVersion": "2.0", "creationDate": "2024-03-05T10:00:00Z",
	"epcisBody": {"eventList": [{
		"type": "ObjectEvent", "eventTime": "2024-03-05T09:00:00Z", "eventTimeZoneOffset": "+01:00",
		"epcList": ["https://id.gs1.org/01/09521321000018/21/1001"], "action": "OBSERVE", "bizStep": "shipping", "ex:seal": 4711
	}]}
}`

// One event at a time goes from JSON to the XML of EPCIS 1.2, and its identifiers
// from Digital Link to EPC URN.
func ExampleConvert() {
	prefixes, err := epcis.ParseCompanyPrefixes([]string{"9521321"})
	if err != nil {
		fmt.Println(err)
		return
	}
	opt := epcis.WriteOptions{Form: epcis.FormXML12, Identifier: prefixes.URN}
	if _, err := epcis.Convert(os.Stdout, strings.NewReader(exampleDocument), epcis.Limits{}, opt); err != nil {
		fmt.Println(err)
	}
	// Output:
	// <?xml version="1.0" encoding="UTF-8"?>
	// <epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1" xmlns:ex="https://ns.example.com/epcis/" schemaVersion="1.2" creationDate="2024-03-05T10:00:00Z"><EPCISBody><EventList>
	// <ObjectEvent><eventTime>2024-03-05T09:00:00Z</eventTime><eventTimeZoneOffset>+01:00</eventTimeZoneOffset><epcList><epc>urn:epc:id:sgtin:9521321.000001.1001</epc></epcList><action>OBSERVE</action><bizStep>urn:epcglobal:cbv:bizstep:shipping</bizStep><ex:seal><?epcis-json number?>4711</ex:seal></ObjectEvent>
	// </EventList></EPCISBody></epcis:EPCISDocument>
}

func ExampleEncoder() {
	head := &epcis.Document{
		CreationDate: epcis.Time{Text: "2024-03-05T10:00:00Z"},
		Sender:       "urn:epc:id:sgln:9521321.00001.0",
	}
	enc, err := epcis.NewEncoder(os.Stdout, head, epcis.WriteOptions{Form: epcis.FormJSON})
	if err != nil {
		fmt.Println(err)
		return
	}
	for serial := range 2 {
		event := &epcis.Event{
			Type: epcis.ObjectEvent, Action: epcis.Add, BizStep: "commissioning",
			EventTime: epcis.Time{Text: "2024-03-05T09:00:00Z"}, EventTimeZoneOffset: "+01:00",
			EPCs:       []string{fmt.Sprintf("urn:epc:id:sgtin:9521321.000001.%d", serial)},
			Extensions: []epcis.Extension{{Namespace: "https://ns.example.com/epcis/", Local: "line", Name: "ex:line", Value: epcis.Value{Kind: epcis.KindNumber, Text: "7"}}},
		}
		if err := enc.WriteEvent(event); err != nil {
			fmt.Println(err)
			return
		}
	}
	if err := enc.Close(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// {"@context":"https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld","type":"EPCISDocument","schemaVersion":"2.0","creationDate":"2024-03-05T10:00:00Z","sender":"urn:epc:id:sgln:9521321.00001.0","epcisBody":{"eventList":[
	// {"@context":[{"ex":"https://ns.example.com/epcis/"}],"type":"ObjectEvent","eventTime":"2024-03-05T09:00:00Z","eventTimeZoneOffset":"+01:00","epcList":["urn:epc:id:sgtin:9521321.000001.0"],"action":"ADD","bizStep":"commissioning","ex:line":7},
	// {"@context":[{"ex":"https://ns.example.com/epcis/"}],"type":"ObjectEvent","eventTime":"2024-03-05T09:00:00Z","eventTimeZoneOffset":"+01:00","epcList":["urn:epc:id:sgtin:9521321.000001.1"],"action":"ADD","bizStep":"commissioning","ex:line":7}
	// ]}}
}

// What EPCIS 1.2 does not know is a fault that names the field, not a silent loss.
func ExampleEncoder_WriteEvent() {
	event, err := epcis.ParseEvent(nil, []byte(`{"type":"AssociationEvent","eventTime":"2024-03-05T09:00:00Z","eventTimeZoneOffset":"+01:00",
		"parentID":"urn:epc:id:grai:4012345.55555.98765","childEPCs":["urn:epc:id:giai:4000001.12345"],"action":"ADD"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	var out strings.Builder
	enc, err := epcis.NewEncoder(&out, &epcis.Document{CreationDate: epcis.Time{Text: "2024-03-05T10:00:00Z"}}, epcis.WriteOptions{Form: epcis.FormXML12})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(enc.WriteEvent(event))
	// Output:
	// WB_EPCIS_FORM: $.epcisBody.eventList[0].type: EPCIS 1.2 has no AssociationEvent
}

func ExampleEPCURN() {
	for _, length := range []int{7, 8, 0} {
		urn, err := epcis.EPCURN("https://example.com/01/09521321000018/21/1001", length)
		fmt.Println(urn, err)
	}
	// Output:
	// urn:epc:id:sgtin:9521321.000001.1001 <nil>
	// urn:epc:id:sgtin:95213210.00001.1001 <nil>
	//  WB_EPCIS_COMPANY_PREFIX: the company prefix of "https://example.com/01/09521321000018/21/1001" has 6 to 12 digits, not 0
}
