package epcis_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/epcis"
)

const (
	head12 = `<?xml version="1.0" encoding="UTF-8"?><epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1" xmlns:ex="https://ns.example.com/" xmlns:gs1ushc="http://epcis.gs1us.org/hc/ns" ` +
		`xmlns:sbdh="http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader" xmlns:cbvmda="urn:epcglobal:cbv:mda" schemaVersion="1.2" creationDate="2024-03-05T10:00:00Z">`
	head20 = `<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:2" xmlns:ex="https://ns.example.com/" schemaVersion="2.0" creationDate="2024-03-05T10:00:00Z">`
	tailOf = `</epcis:EPCISDocument>`

	timesXML = `<eventTime>2024-03-05T09:00:00.5+01:00</eventTime><eventTimeZoneOffset>+01:00</eventTimeZoneOffset>`
	list0    = "/EPCISDocument/EPCISBody/EventList/"
)

func body(events ...string) string {
	return "<EPCISBody><EventList>" + strings.Join(events, "") + "</EventList></EPCISBody>"
}

func objectXML(rest string) string {
	return "<ObjectEvent>" + timesXML + "<epcList><epc>urn:epc:id:sgtin:9521321.000001.1</epc></epcList><action>ADD</action>" + rest + "</ObjectEvent>"
}

const sbdHeader = `<sbdh:StandardBusinessDocumentHeader><sbdh:HeaderVersion>1.0</sbdh:HeaderVersion>` +
	`<sbdh:Sender><sbdh:Identifier Authority="GS1">urn:epc:id:sgln:9521321.00001.0</sbdh:Identifier><sbdh:ContactInformation><sbdh:Contact>QA</sbdh:Contact></sbdh:ContactInformation></sbdh:Sender>` +
	`<sbdh:Receiver><sbdh:Identifier Authority="GS1">urn:epc:id:sgln:9521322.00001.0</sbdh:Identifier></sbdh:Receiver>` +
	`<sbdh:DocumentIdentification><sbdh:Standard>EPCglobal</sbdh:Standard><sbdh:TypeVersion>1.0</sbdh:TypeVersion><sbdh:InstanceIdentifier>42</sbdh:InstanceIdentifier>` +
	`<sbdh:Type>Events</sbdh:Type><sbdh:CreationDateAndTime>2024-03-05T10:00:00Z</sbdh:CreationDateAndTime></sbdh:DocumentIdentification></sbdh:StandardBusinessDocumentHeader>`

const masterXML = `<extension><EPCISMasterData><VocabularyList><Vocabulary type="urn:epcglobal:epcis:vtype:EPCClass"><VocabularyElementList>` +
	`<VocabularyElement id="urn:epc:idpat:sgtin:9521321.000001.*"><attribute id="urn:epcglobal:cbv:mda#additionalTradeItemIdentification">12345-678-90</attribute>` +
	`<attribute id="urn:epcglobal:cbv:mda#netContentDescription">30 tablets</attribute></VocabularyElement></VocabularyElementList></Vocabulary>` +
	`<Vocabulary type="urn:epcglobal:epcis:vtype:Location"><VocabularyElementList><VocabularyElement id="urn:epc:id:sgln:9521321.00001.0"><attribute id="urn:epcglobal:cbv:mda#name">Plant</attribute>` +
	`<children><id>urn:epc:id:sgln:9521321.00001.1</id></children></VocabularyElement></VocabularyElementList></Vocabulary></VocabularyList></EPCISMasterData></extension>`

func writtenXML() []written {
	ship := `<bizStep>urn:epcglobal:cbv:bizstep:shipping</bizStep><disposition>urn:epcglobal:cbv:disp:in_transit</disposition>` +
		`<readPoint><id>urn:epc:id:sgln:9521321.00001.0</id></readPoint><bizTransactionList><bizTransaction type="urn:epcglobal:cbv:btt:desadv">urn:epcglobal:cbv:bt:9521321000010:99</bizTransaction></bizTransactionList>`
	parties := `<sourceList><source type="urn:epcglobal:cbv:sdt:owning_party">urn:epc:id:sgln:9521321.00001.0</source></sourceList>` +
		`<destinationList><destination type="urn:epcglobal:cbv:sdt:owning_party">urn:epc:id:sgln:9521322.00001.0</destination></destinationList>`
	ilmd := `<ilmd><cbvmda:lotNumber>A123</cbvmda:lotNumber><cbvmda:itemExpirationDate>2026-03-31</cbvmda:itemExpirationDate></ilmd>`
	transformation := "<TransformationEvent>" + timesXML + `%s<inputQuantityList><quantityElement><epcClass>urn:epc:class:lgtin:4012345.012345.998877</epcClass><quantity>10.50</quantity><uom>KGM</uom></quantityElement></inputQuantityList>` +
		`<outputEPCList><epc>urn:epc:id:sgtin:9521321.000001.1</epc></outputEPCList><transformationID>urn:epc:id:gdti:0614141.12345.400</transformationID><bizStep>urn:epcglobal:cbv:bizstep:commissioning</bizStep>%s</TransformationEvent>`
	declared := `<eventID>urn:uuid:404d95fc-9457-4a51-bd6a-0bba133845a8</eventID><errorDeclaration><declarationTime>2024-03-06T00:00:00Z</declarationTime><reason>urn:epcglobal:cbv:er:incorrect_data</reason>` +
		`<correctiveEventIDs><correctiveEventID>urn:uuid:504d95fc-9457-4a51-bd6a-0bba133845a8</correctiveEventID></correctiveEventIDs></errorDeclaration>`
	sensors := `<sensorElementList><sensorElement><sensorMetadata time="2024-03-05T07:00:00Z" deviceID="urn:epc:id:giai:4000001.111" ex:firmware="1.2"/>` +
		`<sensorReport type="gs1:Temperature" value="26.0" uom="CEL"/><sensorReport type="gs1:Humidity" stringValue="wet"/></sensorElement></sensorElementList>`
	return []written{
		// 1.2, as partners under DSCSA send it.
		{name: "1.2 with a business header and master data", text: head12 + "<EPCISHeader>" + sbdHeader + masterXML + "</EPCISHeader>" +
			body(objectXML(ship+"<extension>"+parties+"</extension><gs1ushc:dscsaTransactionStatement><gs1ushc:affirmTransactionStatement>true</gs1ushc:affirmTransactionStatement><gs1ushc:legalNotice>Seller has complied.</gs1ushc:legalNotice></gs1ushc:dscsaTransactionStatement>")) + tailOf},
		{name: "1.2 with ilmd and quantities in extensions", text: head12 + body(objectXML("<bizStep>urn:epcglobal:cbv:bizstep:commissioning</bizStep><extension><quantityList><quantityElement><epcClass>urn:epc:idpat:sgtin:9521321.000002.*</epcClass><quantity>7</quantity></quantityElement></quantityList>"+parties+ilmd+"</extension>")) + tailOf},
		{name: "1.2 with an error declaration in baseExtension", text: head12 + body(strings.Replace(objectXML(""), "<epcList>", "<baseExtension>"+declared+"</baseExtension><epcList>", 1)) + tailOf},
		{name: "1.2 with a transformation in an extension", text: head12 + body(objectXML(""), "<extension>"+strings.Replace(strings.Replace(transformation, "%s", "<baseExtension>"+declared+"</baseExtension>", 1), "%s", ilmd, 1)+"</extension>", objectXML("")) + tailOf},
		{name: "1.2 with an association in two extensions", text: head12 + body("<extension><extension><AssociationEvent>"+timesXML+"<parentID>urn:epc:id:grai:4012345.55555.987</parentID><childEPCs><epc>urn:epc:id:giai:4000001.12345</epc></childEPCs><action>ADD</action></AssociationEvent></extension></extension>") + tailOf},
		{name: "1.2 with children of a class", text: head12 + body("<AggregationEvent>"+timesXML+"<parentID>urn:epc:id:sscc:9521321.1234567890</parentID><childEPCs/><action>ADD</action><extension><childQuantityList><quantityElement><epcClass>urn:epc:class:lgtin:4012345.012345.998877</epcClass><quantity>5</quantity></quantityElement></childQuantityList></extension></AggregationEvent>") + tailOf},
		{name: "1.0 with a QuantityEvent", text: strings.ReplaceAll(head12, `schemaVersion="1.2"`, `schemaVersion="1.0"`) + body("<QuantityEvent>"+timesXML+"<epcClass>urn:epc:idpat:sgtin:9521321.000001.*</epcClass><quantity>20</quantity></QuantityEvent>") + tailOf},
		{name: "1.2 with a transaction", text: head12 + body("<TransactionEvent>"+timesXML+`<bizTransactionList><bizTransaction type="urn:epcglobal:cbv:btt:po">urn:epc:id:gdti:0614141.00001.1618034</bizTransaction></bizTransactionList><parentID>urn:epc:id:sscc:9521321.1234567890</parentID><epcList><epc>urn:epc:id:sgtin:9521321.000001.1</epc></epcList><action>ADD</action></TransactionEvent>`) + tailOf},
		{name: "1.2 without a namespace on its fields, and one with", text: head12 + strings.ReplaceAll(strings.ReplaceAll(body(objectXML("")), "</", "</epcis:"), "<e", "<epcis:e") + tailOf, code: epcis.CodeNotXML, path: "/"},
		// 2.0.
		{name: "2.0 with everything of sensors", text: head20 + body(objectXML(ship+parties+sensors+"<persistentDisposition><set>urn:epcglobal:cbv:disp:completeness_verified</set></persistentDisposition><ilmd><ex:lot>A</ex:lot></ilmd><ex:note ex:by=\"me\">hello</ex:note>")) + tailOf},
		{name: "2.0 with words written out", text: head20 + body(objectXML("<bizStep>https://ref.gs1.org/cbv/BizStep-shipping</bizStep><disposition>https://ns.example.com/shiny</disposition>")) + tailOf},
		{name: "2.0 with a header and master data", text: strings.Replace(head20, " schemaVersion", ` xmlns:sbdh="http://www.unece.org/cefact/namespaces/StandardBusinessDocumentHeader" schemaVersion`, 1) + "<EPCISHeader>" + sbdHeader + masterXML + "</EPCISHeader>" + body(objectXML("")) + tailOf},
		{name: "2.0 with an empty list of events", text: head20 + body() + tailOf},
		{name: "2.0 with its namespace on every element", text: strings.NewReplacer("<EPCISBody", "<epcis:EPCISBody", "</EPCISBody", "</epcis:EPCISBody", "<EventList", "<epcis:EventList", "</EventList", "</epcis:EventList").Replace(head20 + body() + tailOf)},
		{name: "2.0 as the default namespace", text: strings.ReplaceAll(strings.ReplaceAll(head20+body(objectXML(""))+tailOf, "epcis:EPCISDocument", "EPCISDocument"), "xmlns:epcis", "xmlns")},
		{name: "a bare event", text: objectXML("")},
		{name: "a bare event with the attributes of a document", text: strings.Replace(objectXML(""), "<ObjectEvent>", `<ObjectEvent xmlns:ex="https://ns.example.com/" schemaVersion="2.0" creationDate="2024-03-05T10:00:00Z">`, 1)},
		{name: "a bare event with its namespace on every element", text: `<e:ObjectEvent xmlns:e="urn:epcglobal:epcis:xsd:2" xmlns:ex="https://ns.example.com/"><e:eventTime>2024-03-05T09:00:00Z</e:eventTime><e:eventTimeZoneOffset>+00:00</e:eventTimeZoneOffset>` +
			`<e:epcList><e:epc>a:b</e:epc></e:epcList><e:action>OBSERVE</e:action><e:readPoint><e:id>a:c</e:id></e:readPoint><ex:n>10</ex:n></e:ObjectEvent>`},
		{name: "a quantity that is nil", text: `<TransformationEvent xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">` + timesXML + `<inputQuantityList><quantityElement><epcClass>a:b</epcClass><quantity xsi:nil="true"/></quantityElement></inputQuantityList>` +
			`<outputEPCList><epc>a:c</epc></outputEPCList></TransformationEvent>`},
		{name: "a query document with jumbled fields and no date", text: `<q:EPCISQueryDocument xmlns:q="urn:epcglobal:epcis-query:xsd:2" createdAt="2024-03-05T10:00:00Z"><EPCISBody><QueryResults><queryName>q</queryName><resultsBody><EventList>` +
			"<ObjectEvent><action>ADD</action><epcList><epc>a:b</epc></epcList>" + timesXML + "</ObjectEvent></EventList></resultsBody></QueryResults></EPCISBody></q:EPCISQueryDocument>"},
		// Refused.
		{name: "fields out of sequence", text: head20 + body("<ObjectEvent><action>ADD</action>"+timesXML+"<epcList><epc>a:b</epc></epcList></ObjectEvent>") + tailOf, code: epcis.CodeSequence, path: list0 + "ObjectEvent[1]/action"},
		{name: "a place before the step", text: head12 + body(objectXML("<readPoint><id>a:b</id></readPoint><bizStep>urn:epcglobal:cbv:bizstep:shipping</bizStep>")) + tailOf, code: epcis.CodeSequence, path: list0 + "ObjectEvent[1]/readPoint"},
		{name: "an action that is almost one", text: head20 + body(strings.Replace(objectXML(""), "ADD", "OBSERV", 1)) + tailOf, code: epcis.CodeVocabulary, path: list0 + "ObjectEvent[1]/action"},
		{name: "no offset", text: head20 + body(strings.Replace(objectXML(""), "<eventTimeZoneOffset>+01:00</eventTimeZoneOffset>", "", 1)) + tailOf, code: epcis.CodeRequired, path: list0 + "ObjectEvent[1]/eventTimeZoneOffset"},
		{name: "a time that is none", text: head20 + body(objectXML(""), strings.Replace(objectXML(""), "2024-03-05T09", "05.03.2024 09", 1)) + tailOf, code: epcis.CodeFormat, path: list0 + "ObjectEvent[2]/eventTime"},
		{name: "a bare event without its action", text: strings.Replace(objectXML(""), "<action>ADD</action>", "", 1), code: epcis.CodeRequired, path: "/ObjectEvent/action"},
		{name: "a type that does not exist", text: head20 + body("<ObjectEventInvalid>"+timesXML+"</ObjectEventInvalid>") + tailOf, code: epcis.CodeVocabulary, path: list0 + "ObjectEventInvalid[1]"},
		{name: "an element that does not exist", text: head20 + body(objectXML("<dock>7</dock>")) + tailOf, code: epcis.CodeUnknownField, path: list0 + "ObjectEvent[1]/dock"},
		{name: "a step of CBV that does not exist", text: head12 + body(objectXML("<bizStep>urn:epcglobal:cbv:bizstep:polishing</bizStep>")) + tailOf, code: epcis.CodeVocabulary, path: list0 + "ObjectEvent[1]/bizStep"},
		{name: "a source without a type", text: head20 + body(objectXML("<sourceList><source>a:b</source></sourceList>")) + tailOf, code: epcis.CodeRequired, path: list0 + "ObjectEvent[1]/sourceList/source/@type"},
		{name: "a quantity in words", text: head20 + body(objectXML("<quantityList><quantityElement><epcClass>a:b</epcClass><quantity>seven</quantity></quantityElement></quantityList>")) + tailOf, code: epcis.CodeType, path: list0 + "ObjectEvent[1]/quantityList/quantityElement/quantity"},
		{name: "an aggregation of nothing", text: head12 + body("<AggregationEvent>"+timesXML+"<parentID>a:b</parentID><childEPCs/><action>ADD</action></AggregationEvent>") + tailOf, code: epcis.CodeRequired, path: list0 + "AggregationEvent[1]/childEPCs"},
		{name: "an entity of one's own", text: `<!DOCTYPE a [<!ENTITY b "c">]>` + head20 + body(objectXML("<ex:note>&b;</ex:note>")) + tailOf, code: epcis.CodeNotXML, path: "/"},
		{name: "an entity that nothing declares", text: head20 + body(objectXML("<ex:note>&b;</ex:note>")) + tailOf, code: epcis.CodeNotXML, path: "/"},
		{name: "a prefix that nothing declares", text: head20 + body(objectXML("<nobody:note/>")) + tailOf, code: epcis.CodeNotXML, path: "/"},
		{name: "no version", text: strings.Replace(head20, ` schemaVersion="2.0"`, "", 1) + body() + tailOf, code: epcis.CodeRequired, path: "/EPCISDocument/@schemaVersion"},
		{name: "another root", text: `<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"/>`, code: epcis.CodeSchema, path: "/Invoice"},
		{name: "more attributes than anybody needs", text: head20 + body(objectXML("<ex:a"+strings.Repeat(` a=""`, 2001)+"/>")) + tailOf, code: epcis.CodeTooManyFields, path: "/"},
	}
}

func TestXMLDocumentsWrittenFromTheStandardGetTheirVerdict(t *testing.T) {
	for _, w := range writtenXML() {
		t.Run(w.name, func(t *testing.T) { w.check(t, verdict([]byte(w.text))) })
	}
}

// TestXMLDocumentsWrittenFromTheStandardSurviveJSON takes the valid ones to JSON and
// back: the same hashes and the same fields.
func TestXMLDocumentsWrittenFromTheStandardSurviveJSON(t *testing.T) {
	for _, w := range writtenXML() {
		if w.code != "" {
			continue
		}
		t.Run(w.name, func(t *testing.T) {
			sent := parse(t, []byte(w.text))
			date := sent.CreationDate
			if date.IsZero() {
				date = sent.Events[0].Event.EventTime
			}
			json, err := convert(t, []byte(w.text), epcis.WriteOptions{Form: epcis.FormJSON, CreationDate: date})
			if err != nil {
				t.Fatal(err)
			}
			between := parse(t, json)
			sameEvents(t, "JSON", sent, between)
			for _, form := range []epcis.WriteOptions{{Form: epcis.FormXML, CreationDate: date}, {Form: epcis.FormXML12, Newer: true, CreationDate: date}} {
				xml, err := convert(t, json, form)
				if err != nil {
					t.Fatalf("%v: %v\n%s", form.Form, err, json)
				}
				back := parse(t, xml)
				sameEvents(t, form.Form.String(), sent, back)
				if sent.Sender != back.Sender || sent.Receiver != back.Receiver || sent.InstanceIdentifier != back.InstanceIdentifier {
					t.Errorf("%v: the business header became %q %q %q", form.Form, back.Sender, back.Receiver, back.InstanceIdentifier)
				}
			}
		})
	}
}

// TestAttributesAreCountedInTagsOnly has text, comments and values that look like tags.
func TestAttributesAreCountedInTagsOnly(t *testing.T) {
	many := strings.Repeat(` a="b"`, 3000)
	for name, text := range map[string]string{
		"a comment":               "<!-- <a" + many + "> - > -->",
		"CDATA":                   "<ex:a><![CDATA[<a" + many + "]> ]]></ex:a>",
		"an attribute's value":    `<ex:a b='&lt;a` + many + `>'/>`,
		"text":                    "<ex:a>" + many + "</ex:a>",
		"an instruction":          "<?a" + many + "?>",
		"a tag after a tag":       strings.Repeat(`<ex:a ex:b="c" ex:d='"'/>`, 3000),
		"a comment of dashes":     "<!-- <a" + many + "-> - --><ex:a/>",
		"brackets in CDATA":       "<ex:a><![CDATA[]]]]><![CDATA[<a" + many + "]]></ex:a>",
		"quotes in an apostrophe": `<ex:a b='"' c="'"/>`,
	} {
		if err := verdict([]byte(head20 + body(objectXML(text)) + tailOf)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := verdict([]byte(head20 + body(objectXML("<ex:a"+strings.Repeat(` a=""`, 2001)+"/>")) + tailOf)); err == nil {
		t.Error("2,001 attributes are accepted")
	}
}

// What stands in an instruction, a comment or CDATA is no tag, and hides none behind it.
func TestATagHasABoundedNumberOfAttributesWhateverStandsBeforeIt(t *testing.T) {
	tag := `<x:a xmlns:x="a:b"`
	for n := range 3_000 {
		tag += fmt.Sprintf(` b%d=""`, n)
	}
	for _, before := range []string{"", "<?a > <b c='?>", "<?a ?'>'?>", "<!-- > <b c=' -->", "<![CDATA[ > <b c=']]>"} {
		doc := `<e:EPCISDocument xmlns:e="urn:epcglobal:epcis:xsd:2" schemaVersion="2.0" creationDate="2026-01-01T00:00:00Z"><EPCISBody><EventList><ObjectEvent>` +
			before + tag + "/></ObjectEvent></EventList></EPCISBody></e:EPCISDocument>"
		_, err := epcis.ParseDocument([]byte(doc), epcis.DefaultLimits())
		// 2,000 is the bound before a tag is parsed; that of parsed attributes is lower.
		if fs, ok := errors.AsType[epcis.Faults](err); !ok || !fs.Has(epcis.CodeTooManyFields) || !strings.Contains(err.Error(), "2000 attributes") {
			t.Errorf("behind %q: %v", before, err)
		}
	}
}
