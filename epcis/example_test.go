package epcis_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/epcis"
)

func ExampleParseEvent() {
	event := []byte(`{
		"type": "ObjectEvent",
		"eventTime": "2024-03-05T10:31:16.116+01:00",
		"eventTimeZoneOffset": "+01:00",
		"epcList": ["urn:epc:id:sscc:4012345.1234567890"],
		"action": "OBSERVE",
		"bizStep": "shipping"
	}`)
	e, err := epcis.ParseEvent(nil, event)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(e.Type, e.BizStep, e.EventTime.Instant.Format("15:04:05Z07:00"))
	for _, item := range e.Items() {
		fmt.Println(item.Role, item.Kind, item.Canonical)
	}
	// Output:
	// ObjectEvent shipping 09:31:16Z
	// epc sscc https://id.gs1.org/00/140123452345678902
}

func ExampleParseEvent_faults() {
	_, err := epcis.ParseEvent(nil, []byte(`{"type":"ObjectEvent","eventTime":"yesterday","eventTimeZoneOffset":"+01:00","epcList":[],"action":"CREATE"}`))
	if faults, ok := errors.AsType[epcis.Faults](err); ok {
		for _, f := range faults {
			fmt.Println(f.Path, f.Code)
		}
	}
	// Output:
	// $.eventTime WB_EPCIS_FORMAT
	// $.action WB_EPCIS_VOCABULARY
}

func ExampleEvent_Hash() {
	urn := `{"type":"ObjectEvent","eventTime":"2024-03-05T10:00:00+01:00","eventTimeZoneOffset":"+01:00","epcList":["urn:epc:id:sgtin:4012345.011111.9876"],"action":"OBSERVE"}`
	link := `{"action":"OBSERVE","epcList":["https://example.com/01/04012345111118/21/9876"],"eventTimeZoneOffset":"+01:00","eventTime":"2024-03-05T09:00:00Z","type":"ObjectEvent"}`
	for _, text := range []string{urn, link} {
		e, err := epcis.ParseEvent(nil, []byte(text))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(e.Hash())
	}
	// Output:
	// ni:///sha-256;758c410d80975eb3048d537dbfec8fd6b4618f123414a4c0365c4694dceffb77?ver=CBV2.0
	// ni:///sha-256;758c410d80975eb3048d537dbfec8fd6b4618f123414a4c0365c4694dceffb77?ver=CBV2.0
}

func ExampleEvents() {
	document := `{
		"@context": "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
		"type": "EPCISDocument", "schemaVersion": "2.0", "creationDate": "2024-03-05T10:00:00Z",
		"epcisBody": {"eventList": [
			{"type": "ObjectEvent", "eventTime": "2024-03-05T09:00:00Z", "eventTimeZoneOffset": "+01:00", "epcList": [], "action": "OBSERVE"},
			{"type": "ObjectEvent", "eventTime": "2024-03-05T09:00:00Z", "eventTimeZoneOffset": "+01:00", "epcList": [], "action": "LOOK"}
		]}
	}`
	for source, err := range epcis.Events(strings.NewReader(document), epcis.Limits{}) {
		switch {
		case err != nil:
			fmt.Println("the document:", err)
		case source.Err != nil:
			fmt.Println("refused:", source.Err)
		default:
			fmt.Println("accepted:", source.Path)
		}
	}
	// Output:
	// accepted: $.epcisBody.eventList[0]
	// refused: WB_EPCIS_VOCABULARY: $.epcisBody.eventList[1].action: "LOOK" is not ADD, OBSERVE or DELETE
}

func ExampleEventsXML() {
	document := `<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1" schemaVersion="1.2" creationDate="2024-03-05T10:00:00Z">
	<EPCISBody><EventList>
		<ObjectEvent>
			<eventTime>2024-03-05T09:00:00Z</eventTime>
			<eventTimeZoneOffset>+01:00</eventTimeZoneOffset>
			<epcList><epc>urn:epc:id:sscc:4012345.1234567890</epc></epcList>
			<action>OBSERVE</action>
			<bizStep>urn:epcglobal:cbv:bizstep:shipping</bizStep>
		</ObjectEvent>
	</EventList></EPCISBody></epcis:EPCISDocument>`
	for source, err := range epcis.EventsXML(strings.NewReader(document), epcis.Limits{}) {
		if err != nil || source.Err != nil {
			fmt.Println(err, source.Err)
			return
		}
		fmt.Println(source.Path)
		fmt.Println(string(source.Raw))
	}
	// Output:
	// /EPCISDocument/EPCISBody/EventList/ObjectEvent[1]
	// {"type":"ObjectEvent","eventTime":"2024-03-05T09:00:00Z","eventTimeZoneOffset":"+01:00","epcList":["urn:epc:id:sscc:4012345.1234567890"],"action":"OBSERVE","bizStep":"shipping"}
}

func ExampleCanonicalEPC() {
	for _, epc := range []string{
		"urn:epc:id:sgtin:4012345.011111.9876",
		"https://shop.example.com/gtin/4012345111118/lot/A7/ser/9876?colour=red",
	} {
		c, err := epcis.CanonicalEPC(epc)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(c)
	}
	// Output:
	// https://id.gs1.org/01/04012345111118/21/9876
	// https://id.gs1.org/01/04012345111118/21/9876
}
