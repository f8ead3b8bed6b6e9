package epcis_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/internal/racing"
)

// written is a document made from the text of the standard: valid, or with the fault
// that it must be refused for.
type written struct {
	name, text string
	// code and path are those of the first fault; empty for a valid document.
	code, path string
	// differs tells that GS1's draft schema says otherwise, by number in DIFFERENCES.md.
	differs int
}

const gs1 = `"https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"`

// docIn wraps events in a document with a context.
func docIn(context string, events ...string) string {
	return `{"@context":` + context + `,"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"2024-03-05T10:00:00Z","epcisBody":{"eventList":[` + strings.Join(events, ",") + `]}}`
}

// docOf wraps events in a document with GS1's context and the prefix ex.
func docOf(events ...string) string {
	return docIn(`[`+gs1+`,{"ex":"https://ns.example.com/"}]`, events...)
}

const when = `"eventTime":"2024-03-05T09:00:00.5+01:00","eventTimeZoneOffset":"+01:00"`

func objectOf(fields string) string {
	return `{"type":"ObjectEvent","action":"ADD",` + when + `,` + fields + `}`
}

func eventOf(kind, fields string) string {
	return `{"type":"` + kind + `",` + when + `,` + fields + `}`
}

func sensorOf(report string) string {
	return docOf(objectOf(`"epcList":[],"sensorElementList":[{"sensorMetadata":{"time":"2024-03-05T07:00:00Z","deviceID":"urn:epc:id:giai:4000001.111"},"sensorReport":[` + report + `]}]`))
}

func queryOf(results string) string {
	return `{"@context":` + gs1 + `,"type":"EPCISQueryDocument","schemaVersion":"2.0","creationDate":"2024-03-05T10:00:00Z","epcisBody":{"queryResults":` + results + `}}`
}

func masterOf(vocabulary string) string {
	return `{"@context":` + gs1 + `,"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"2024-03-05T10:00:00Z","epcisHeader":{"epcisMasterData":{"vocabularyList":` + vocabulary + `}},"epcisBody":{"eventList":[]}}`
}

const (
	sgtin = `"urn:epc:id:sgtin:9521321.000001.1"`
	item  = `"epcList":[` + sgtin + `]`
	at0   = "$.epcisBody.eventList[0]"
)

func writtenJSON() []written {
	long := strings.Repeat("x", 300)
	return []written{
		// Contexts, and names that they give.
		{name: "one context", text: docIn(gs1, objectOf(item))},
		{name: "an array of one context", text: docIn(`[`+gs1+`]`, objectOf(item))},
		{name: "the address without a version", text: docIn(`"https://ref.gs1.org/standards/epcis/epcis-context.jsonld"`, objectOf(item))},
		{name: "the context of the draft", text: docIn(`["https://gs1.github.io/EPCIS/epcis-context.jsonld",{"ex":"https://ns.example.com/"}]`, objectOf(item+`,"ex:a":"b"`))},
		{name: "prefixes in an object alone", text: docIn(`{"ex":"https://ns.example.com/"}`, objectOf(item+`,"ex:a":1`))},
		{name: "many prefixes in many objects", text: docIn(`[`+gs1+`,{"ex":"https://ns.example.com/"},{"ey":"urn:example:"},{"ez":{"@id":"https://z.example.com#"}}]`, objectOf(item+`,"ex:a":[1,"2",true,null,{"b":[]}],"ey:c":{},"ez:d":"e"`))},
		{name: "a context of the event's own", text: docOf(`{"@context":{"own":"https://own.example.com/"},` + objectOf(item + `,"own:a":{"own:b":"c","ex:d":1.50}`)[1:])},
		{name: "a field named by a full URI", text: docOf(objectOf(item + `,"https://ns.example.com/height":{"https://ns.example.com/unit":"MTR"}`))},
		{name: "a field with a prefix that nothing declares", text: docOf(objectOf(item + `,"nobody:a":1`))},
		{name: "no context", text: strings.Replace(docOf(objectOf(item)), `"@context":[`+gs1+`,{"ex":"https://ns.example.com/"}],`, "", 1), code: epcis.CodeRequired, path: "$['@context']"},
		{name: "a context that is a number", text: docIn(`7`, objectOf(item)), code: epcis.CodeContext, path: "$['@context']"},
		{name: "a context that is no URI", text: docIn(`"epcis"`, objectOf(item)), code: epcis.CodeContext, path: "$['@context']"},
		{name: "an extension without a prefix", text: docOf(objectOf(item + `,"height":1`)), code: epcis.CodeUnknownField, path: at0 + ".height"},
		{name: "ilmd without a prefix", text: docOf(objectOf(item + `,"ilmd":{"lot":"A"}`)), code: epcis.CodeUnknownField, path: at0 + ".ilmd.lot"},
		{name: "master data beside the objects", text: docIn(`[`+gs1+`,{"schema":"https://schema.org/"}]`, objectOf(item+`,"gs1:masterDataAvailableFor":[{"@id":"https://id.gs1.org/01/09521321000018","@type":"gs1:Product","expirationDate":"2024-11-20","schema:countryOfOrigin":"EC"}]`))},
		{name: "a list of one in an extension and in ilmd", text: docOf(objectOf(item + `,"ilmd":{"ex:a":[{"part":"1"}]},"ex:b":[{"part":"1"}]`))},

		// Vocabulary: bare words, CURIEs, URIs.
		{name: "bare words", text: docOf(objectOf(item + `,"bizStep":"sensor_reporting","disposition":"container_open","persistentDisposition":{"set":["completeness_verified"],"unset":["completeness_inferred"]}`))},
		{name: "words of one's own", text: docOf(objectOf(item + `,"bizStep":"ex:polishing","disposition":"https://ns.example.com/shiny"`))},
		{name: "words of the vocabulary written out", text: docOf(objectOf(item + `,"bizStep":"cbv:BizStep-shipping","disposition":"https://ref.gs1.org/cbv/Disp-in_transit"`))},
		{name: "a URN of CBV 1.2 in JSON", text: docOf(objectOf(item + `,"bizStep":"urn:epcglobal:cbv:bizstep:shipping"`)), code: epcis.CodeVocabulary, path: at0 + ".bizStep"},
		{name: "a word that does not exist", text: docOf(objectOf(item + `,"disposition":"lost"`)), code: epcis.CodeVocabulary, path: at0 + ".disposition"},
		{name: "a word in capitals", text: docOf(objectOf(item + `,"bizStep":"Shipping"`)), code: epcis.CodeVocabulary, path: at0 + ".bizStep"},
		{name: "a disposition as a step", text: docOf(objectOf(item + `,"bizStep":"in_transit"`)), code: epcis.CodeVocabulary, path: at0 + ".bizStep"},
		{name: "types of transactions", text: docOf(objectOf(item + `,"bizTransactionList":[{"type":"po","bizTransaction":"urn:epc:id:gdti:0614141.00001.1618034"},{"type":"ex:mine","bizTransaction":"https://ex.example.com/1"},{"bizTransaction":"urn:epcglobal:cbv:bt:9521321000010:99"}]`))},
		{name: "a type of transaction that does not exist", text: docOf(objectOf(item + `,"bizTransactionList":[{"type":"order","bizTransaction":"a:b"}]`)), code: epcis.CodeVocabulary, path: at0 + ".bizTransactionList[0].type"},
		{name: "a source without a type", text: docOf(objectOf(item + `,"sourceList":[{"source":"urn:epc:id:pgln:4012345.00000"}]`)), code: epcis.CodeRequired, path: at0 + ".sourceList[0].type"},
		{name: "a destination under the name of a source", text: docOf(objectOf(item + `,"destinationList":[{"type":"location","source":"a:b"}]`)), code: epcis.CodeUnknownField, path: at0 + ".destinationList[0].source"},

		// Times.
		{name: "offsets at their ends", text: docOf(strings.ReplaceAll(objectOf(item), `"+01:00"`, `"+14:00"`), strings.ReplaceAll(objectOf(item), `"+01:00"`, `"-14:00"`), strings.ReplaceAll(objectOf(item), `"+01:00"`, `"-00:00"`))},
		{name: "an offset beyond", text: docOf(strings.Replace(objectOf(item), `"+01:00"`, `"+14:30"`, 1)), code: epcis.CodeFormat, path: at0 + ".eventTimeZoneOffset"},
		{name: "an offset without a colon", text: docOf(strings.Replace(objectOf(item), `"+01:00"`, `"+0100"`, 1)), code: epcis.CodeFormat, path: at0 + ".eventTimeZoneOffset"},
		{name: "an offset in hours", text: docOf(strings.Replace(objectOf(item), `"+01:00"`, `"+1"`, 1)), code: epcis.CodeFormat, path: at0 + ".eventTimeZoneOffset"},
		{name: "an offset of Z", text: docOf(strings.Replace(objectOf(item), `"+01:00"`, `"Z"`, 1)), code: epcis.CodeFormat, path: at0 + ".eventTimeZoneOffset"},
		{name: "an offset that is a number", text: docOf(strings.Replace(objectOf(item), `"+01:00"`, `1`, 1)), code: epcis.CodeType, path: at0 + ".eventTimeZoneOffset"},
		{name: "no offset", text: docOf(`{"type":"ObjectEvent","action":"ADD","eventTime":"2024-03-05T09:00:00Z",` + item + `}`), code: epcis.CodeRequired, path: at0 + ".eventTimeZoneOffset"},
		{name: "a local time", text: docOf(strings.Replace(objectOf(item), `00.5+01:00`, `00`, 1)), code: epcis.CodeFormat, path: at0 + ".eventTime"},
		{name: "a date", text: docOf(strings.Replace(objectOf(item), `2024-03-05T09:00:00.5+01:00`, `2024-03-05`, 1)), code: epcis.CodeFormat, path: at0 + ".eventTime"},
		{name: "hour 24", text: docOf(strings.Replace(objectOf(item), `T09`, `T24`, 1)), code: epcis.CodeFormat, path: at0 + ".eventTime"},
		{name: "a leap day that was not", text: docOf(strings.Replace(objectOf(item), `2024-03-05`, `2023-02-29`, 1)), code: epcis.CodeFormat, path: at0 + ".eventTime"},
		{name: "a leap day and a leap second", text: docOf(strings.Replace(objectOf(item), `2024-03-05T09:00:00.5+01:00`, `2024-02-29T23:59:60Z`, 1))},

		// The five types.
		{name: "an ObjectEvent of quantities", text: docOf(objectOf(`"quantityList":[{"epcClass":"urn:epc:class:lgtin:4012345.012345.998877","quantity":200.50,"uom":"KGM"},{"epcClass":"urn:epc:idpat:sgtin:4012345.066666.*","quantity":7},{"epcClass":"https://id.gs1.org/01/04012345123456"}]`))},
		{name: "an ObjectEvent of nothing", text: docOf(objectOf(`"bizStep":"shipping"`)), code: epcis.CodeRequired, path: at0 + ".epcList"},
		{name: "an ObjectEvent of sensors at a place", text: docOf(`{"type":"ObjectEvent","action":"OBSERVE",` + when + `,"readPoint":{"id":"https://id.gs1.org/414/4012345000054"},"sensorElementList":[{"sensorReport":[{"type":"Temperature","value":-18.0,"uom":"CEL"}]}]}`)},
		{name: "a quantity as text", text: docOf(objectOf(`"quantityList":[{"epcClass":"a:b","quantity":"7"}]`)), code: epcis.CodeType, path: at0 + ".quantityList[0].quantity"},
		{name: "a quantity without a class", text: docOf(objectOf(`"quantityList":[{"quantity":7}]`)), code: epcis.CodeRequired, path: at0 + ".quantityList[0].epcClass"},
		{name: "an action in small letters", text: docOf(strings.Replace(objectOf(item), `"ADD"`, `"add"`, 1)), code: epcis.CodeVocabulary, path: at0 + ".action"},
		{name: "an action that is almost one", text: docOf(strings.Replace(objectOf(item), `"ADD"`, `"OBSERV"`, 1)), code: epcis.CodeVocabulary, path: at0 + ".action"},
		{name: "an aggregation with its parent", text: docOf(eventOf("AggregationEvent", `"action":"ADD","parentID":"urn:epc:id:sscc:4012345.1234567890","childEPCs":[`+sgtin+`],"childQuantityList":[{"epcClass":"urn:epc:idpat:sgtin:4012345.066666.*","quantity":5}]`))},
		{name: "an aggregation taken apart", text: docOf(eventOf("AggregationEvent", `"action":"DELETE","parentID":"urn:epc:id:sscc:4012345.1234567890"`))},
		{name: "an aggregation of nothing", text: docOf(eventOf("AggregationEvent", `"action":"ADD","parentID":"urn:epc:id:sscc:4012345.1234567890"`)), code: epcis.CodeRequired, path: at0 + ".childEPCs"},
		{name: "an aggregation with an epcList", text: docOf(eventOf("AggregationEvent", `"action":"ADD","parentID":"a:b","childEPCs":["a:c"],"epcList":["a:d"]`)), code: epcis.CodeNotAllowed, path: at0 + ".epcList"},
		{name: "an association", text: docOf(eventOf("AssociationEvent", `"action":"ADD","parentID":"urn:epc:id:grai:4012345.55555.987","childEPCs":["urn:epc:id:giai:4000001.12345"]`))},
		{name: "an association ended as a whole", text: docOf(eventOf("AssociationEvent", `"action":"DELETE","parentID":"urn:epc:id:grai:4012345.55555.987"`))},
		{name: "an association without a parent", text: docOf(eventOf("AssociationEvent", `"action":"ADD","childEPCs":["urn:epc:id:giai:4000001.12345"]`)), code: epcis.CodeRequired, path: at0 + ".parentID"},
		{name: "a transaction", text: docOf(eventOf("TransactionEvent", `"action":"ADD","bizTransactionList":[{"type":"po","bizTransaction":"https://po.example.com/1"}],"parentID":"urn:epc:id:sscc:4012345.1234567890",`+item))},
		{name: "a transaction without its list", text: docOf(eventOf("TransactionEvent", `"action":"ADD",`+item)), code: epcis.CodeRequired, path: at0 + ".bizTransactionList"},
		{name: "a transaction with an empty list", text: docOf(eventOf("TransactionEvent", `"action":"ADD","bizTransactionList":[],`+item)), code: epcis.CodeEmpty, path: at0 + ".bizTransactionList"},
		{name: "a transformation", text: docOf(eventOf("TransformationEvent", `"inputEPCList":[`+sgtin+`],"outputQuantityList":[{"epcClass":"urn:epc:class:lgtin:4012345.012345.998877","quantity":0.5,"uom":"KGM"}],"transformationID":"urn:epc:id:gdti:0614141.12345.400","ilmd":{"ex:lot":"A"}`))},
		{name: "half a transformation", text: docOf(eventOf("TransformationEvent", `"inputEPCList":[`+sgtin+`],"transformationID":"urn:epc:id:gdti:0614141.12345.400"`))},
		{name: "half a transformation that nothing joins", text: docOf(eventOf("TransformationEvent", `"inputEPCList":[`+sgtin+`]`)), code: epcis.CodeRequired, path: at0 + ".outputEPCList"},
		{name: "a transformation with an action", text: docOf(eventOf("TransformationEvent", `"action":"ADD","inputEPCList":[`+sgtin+`],"outputEPCList":["a:b"]`)), code: epcis.CodeNotAllowed, path: at0 + ".action"},
		{name: "a persistent disposition anywhere", text: docOf(eventOf("AssociationEvent", `"action":"DELETE","parentID":"a:b","persistentDisposition":{"set":["recalled"]}`)), differs: 3},
		{name: "a persistent disposition of nothing", text: docOf(objectOf(item + `,"persistentDisposition":{}`)), code: epcis.CodeRequired, path: at0 + ".persistentDisposition.set"},
		{name: "a type of somebody else's", text: docOf(eventOf("https://ns.example.com/WeighingEvent", `"ex:weight":5.20`))},
		{name: "a type of nobody's", text: docOf(eventOf("QuantityEvent", `"epcClass":"a:b"`)), code: epcis.CodeVocabulary, path: at0 + ".type"},
		{name: "an error declaration", text: docOf(objectOf(item + `,"eventID":"urn:uuid:404d95fc-9457-4a51-bd6a-0bba133845a8","errorDeclaration":{"declarationTime":"2024-03-06T00:00:00Z","reason":"incorrect_data","correctiveEventIDs":["urn:uuid:504d95fc-9457-4a51-bd6a-0bba133845a8"],"ex:by":"QA"}`))},
		{name: "an error declaration without its time", text: docOf(objectOf(item + `,"errorDeclaration":{"reason":"did_not_occur"}`)), code: epcis.CodeRequired, path: at0 + ".errorDeclaration.declarationTime"},
		{name: "certificates, one and several", text: docOf(objectOf(item+`,"certificationInfo":"https://c.example.com/1"`), objectOf(item+`,"certificationInfo":["https://c.example.com/1","https://c.example.com/2"]`))},
		{name: "a certificate that is a number", text: docOf(objectOf(item + `,"certificationInfo":42`)), code: epcis.CodeType, path: at0 + ".certificationInfo"},
		{name: "places with fields of somebody's own", text: docOf(objectOf(item + `,"readPoint":{"id":"https://id.gs1.org/414/4012345000054/254/D1","ex:dock":7},"bizLocation":{"id":"geo:47.6,-122.3"}`))},
		{name: "a place as text", text: docOf(objectOf(item + `,"readPoint":"urn:epc:id:sgln:4012345.00005.0"`)), code: epcis.CodeType, path: at0 + ".readPoint"},

		// Sensors.
		{name: "every value that a sensor reports", text: sensorOf(`{"type":"Temperature","value":26.0,"minValue":-2e1,"maxValue":27.50,"meanValue":26,"sDev":0.10,"percRank":50,"percValue":12.7,"uom":"CEL","component":"x","exception":"ALARM_CONDITION"},` +
			`{"type":"gs1:Illuminance","stringValue":"","booleanValue":false,"hexBinaryValue":"f0F0","uriValue":"https://id.gs1.org/8004/4000001111","microorganism":"https://www.ncbi.nlm.nih.gov/taxonomy/1126011","chemicalSubstance":"https://identifiers.org/inchikey:CZMRCDWAGMRECN-UGDNZRGBSA-N"},` +
			`{"type":"gs1:Length","value":-477979.89,"component":"cbv:Comp-northing","coordinateReferenceSystem":"http://www.opengis.net/def/crs/EPSG/0/27700","ex:quality":["good"]},{"type":"ex:Smell","stringValue":"` + long + `"}`)},
		{name: "a sensor's value as text", text: sensorOf(`{"type":"Temperature","value":"26"}`), code: epcis.CodeType, path: at0 + ".sensorElementList[0].sensorReport[0].value"},
		{name: "a measurement written out", text: sensorOf(`{"type":"https://gs1.org/voc/Length"}`), code: epcis.CodeVocabulary, path: at0 + ".sensorElementList[0].sensorReport[0].type"},
		{name: "a measurement that does not exist", text: sensorOf(`{"type":"Smell"}`), code: epcis.CodeVocabulary, path: at0 + ".sensorElementList[0].sensorReport[0].type"},
		{name: "a component that does not exist", text: sensorOf(`{"type":"Length","component":"north"}`), code: epcis.CodeVocabulary, path: at0 + ".sensorElementList[0].sensorReport[0].component"},
		{name: "a sensor without a report", text: docOf(objectOf(item + `,"sensorElementList":[{"sensorMetadata":{}}]`)), code: epcis.CodeRequired, path: at0 + ".sensorElementList[0].sensorReport"},
		{name: "a sensor's field that does not exist", text: sensorOf(`{"type":"Temperature","unit":"CEL"}`), code: epcis.CodeUnknownField, path: at0 + ".sensorElementList[0].sensorReport[0].unit"},
		{name: "hexadecimal that is none", text: sensorOf(`{"type":"Temperature","hexBinaryValue":"0xF0"}`), code: epcis.CodeFormat, path: at0 + ".sensorElementList[0].sensorReport[0].hexBinaryValue"},

		// What no reader may pass over.
		{name: "a member twice", text: docOf(objectOf(item + `,"ilmd":{"ex:a":[{"b":1},{"c":1,"d":{},"c":2}]}`)), code: epcis.CodeDuplicateMember, path: at0 + ".ilmd['ex:a'][1].c", differs: 4},
		{name: "half a surrogate pair", text: docOf(objectOf(item), objectOf(item+`,"ex:a":["b","\ud800"]`)), code: epcis.CodeNotUTF8, path: "$.epcisBody.eventList[1]['ex:a'][1]", differs: 4},
		{name: "a number beyond all others", text: docOf(objectOf(item + `,"ex:a":{"b":{"c":1e400}}`)), code: epcis.CodeNumberRange, path: at0 + "['ex:a'].b.c", differs: 4},
		{name: "a text too long", text: docOf(objectOf(item + `,"ex:a":"` + strings.Repeat("x", 70<<10) + `"`)), code: epcis.CodeTooLong, path: at0 + "['ex:a']", differs: 5},
		{name: "bytes that are no UTF-8", text: docOf(objectOf(item + ",\"ex:a\":{\"b\":\"\xff\"}")), code: epcis.CodeNotUTF8, path: at0 + "['ex:a'].b", differs: 4},

		// Documents.
		{name: "no events", text: docOf()},
		{name: "a bare event", text: `{"@context":` + gs1 + `,` + objectOf(item)[1:]},
		{name: "a document with its name and header", text: strings.Replace(docOf(objectOf(item)), `"type"`, `"id":"https://docs.example.com/1","instanceIdentifier":"1","sender":"urn:epc:id:pgln:4012345.00000","receiver":"urn:epc:id:pgln:0614141.00000","epcisHeader":{"ex:note":["a","b"]},"ex:origin":"ERP","type"`, 1)},
		{name: "master data", text: masterOf(`[{"type":"urn:epcglobal:epcis:vtype:BusinessLocation","vocabularyElementList":[{"id":"urn:epc:id:sgln:0037000.00729.0","attributes":[{"id":"cbvmda:latitude","attribute":"+18.0000"},{"id":"ex:floors","attribute":3},{"id":"ex:address","attribute":{"ex:street":"1 Main"}}],"children":["urn:epc:id:sgln:0037000.00729.8201"]}]}]`)},
		{name: "master data without a type", text: masterOf(`[{"vocabularyElementList":[]}]`), code: epcis.CodeRequired, path: "$.epcisHeader.epcisMasterData.vocabularyList[0].type"},
		{name: "query results", text: queryOf(`{"queryName":"q","subscriptionID":"s","resultsBody":{"eventList":[` + objectOf(item) + `]}}`)},
		{name: "query results of nothing", text: queryOf(`{"queryName":"q","resultsBody":{"eventList":[]}}`)},
		{name: "query results without a name", text: queryOf(`{"resultsBody":{"eventList":[]}}`), code: epcis.CodeRequired, path: "$.epcisBody.queryResults.queryName"},
		{name: "query results with a bad event", text: queryOf(`{"queryName":"q","resultsBody":{"eventList":[` + strings.Replace(objectOf(item), "ObjectEvent", "ObjectEventInvalid", 1) + `]}}`), code: epcis.CodeVocabulary, path: "$.epcisBody.queryResults.resultsBody.eventList[0].type"},
		{name: "no creationDate", text: strings.Replace(docOf(objectOf(item)), `"creationDate":"2024-03-05T10:00:00Z",`, "", 1), code: epcis.CodeRequired, path: "$.creationDate"},
		{name: "a version in words", text: strings.Replace(docOf(objectOf(item)), `"2.0"`, `"two"`, 1), code: epcis.CodeFormat, path: "$.schemaVersion"},
		{name: "a body that is a list", text: strings.Replace(docOf(), `{"eventList":[]}`, `[]`, 1), code: epcis.CodeSchema, path: "$.epcisBody"},
		{name: "a member that does not exist", text: strings.Replace(docOf(), `"type"`, `"author":"me","type"`, 1), code: epcis.CodeUnknownField, path: "$.author"},
		{name: "an EPC that is no URI", text: docOf(objectOf(`"epcList":["09521321000018"]`)), code: epcis.CodeFormat, path: at0 + ".epcList[0]"},
		{name: "an EPC that is a number", text: docOf(objectOf(`"epcList":[9521321000018]`)), code: epcis.CodeType, path: at0 + ".epcList[0]"},
		{name: "null where a list is meant", text: docOf(objectOf(`"epcList":null`)), code: epcis.CodeType, path: at0 + ".epcList"},
	}
}

// TestDocumentsWrittenFromTheStandardGetTheirVerdict compares three: what the standard
// says, what GS1's schema says, what this package says.
func TestDocumentsWrittenFromTheStandardGetTheirVerdict(t *testing.T) {
	schema := gs1Schema(t)
	for _, w := range writtenJSON() {
		t.Run(w.name, func(t *testing.T) {
			ours := verdict([]byte(w.text))
			w.check(t, ours)
			value, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(w.text)))
			if err != nil {
				t.Fatal(err)
			}
			if theirs := schema.Validate(value); (theirs == nil) != (ours == nil) && w.differs == 0 {
				t.Errorf("the schema says %v", theirs)
			} else if (theirs == nil) == (ours == nil) && w.differs != 0 {
				t.Error("the schema says the same")
			}
		})
	}
}

func (w *written) check(t *testing.T, err error) {
	t.Helper()
	if w.code == "" {
		if err != nil {
			t.Errorf("it is valid, but: %v\n%s", err, w.text)
		}
		return
	}
	if err == nil {
		t.Fatalf("it is accepted, want %s at %s\n%s", w.code, w.path, w.text)
	}
	if fs := faults(t, err); fs[0].Code != w.code || fs[0].Path != w.path {
		t.Errorf("%v, want %s at %s", fs, w.code, w.path)
	}
}

// TestDocumentsWrittenFromTheStandardSurviveEveryForm takes the valid ones to XML and
// back: the same hashes and the same fields.
func TestDocumentsWrittenFromTheStandardSurviveEveryForm(t *testing.T) {
	for _, w := range writtenJSON() {
		if w.code != "" {
			continue
		}
		t.Run(w.name, func(t *testing.T) {
			sent := parse(t, []byte(w.text))
			for _, way := range []epcis.WriteOptions{{Form: epcis.FormXML}, {Form: epcis.FormXML12, Newer: true}} {
				way.CreationDate = sent.CreationDate
				if sent.Type == "" {
					way.CreationDate = sent.Events[0].Event.EventTime
				}
				xml, err := convert(t, []byte(w.text), way)
				if err != nil {
					t.Fatalf("to %v: %v", way.Form, err)
				}
				sameEvents(t, fmt.Sprint(way.Form), sent, parse(t, xml))
				back, err := convert(t, xml, epcis.WriteOptions{Form: epcis.FormJSON})
				if err != nil {
					t.Fatalf("from %v: %v\n%s", way.Form, err, xml)
				}
				got := parse(t, back)
				sameEvents(t, fmt.Sprint(way.Form)+" and back", sent, got)
				if sent.Type != "" && way.Form != epcis.FormXML12 { // which names master data otherwise
					sameHead(t, fmt.Sprint(way.Form), sent, got)
				}
			}
		})
	}
}

// TestNamesGetTheSchemasVerdictAtEveryLevel puts odd names into every object of a document.
func TestNamesGetTheSchemasVerdictAtEveryLevel(t *testing.T) {
	racing.Pure(t)
	schema := gs1Schema(t)
	levels := map[string]string{
		"document":  strings.Replace(docOf(objectOf(item)), `{"@context"`, `{%s"@context"`, 1),
		"body":      strings.Replace(docOf(objectOf(item)), `{"eventList"`, `{%s"eventList"`, 1),
		"header":    strings.Replace(docOf(objectOf(item)), `"epcisBody"`, `"epcisHeader":{%s"epcisMasterData":{"vocabularyList":[]}},"epcisBody"`, 1),
		"event":     docOf(strings.Replace(objectOf(item), "{", "{%s", 1)),
		"ilmd":      docOf(objectOf(item + `,"ilmd":{%s"ex:z":1}`)),
		"place":     docOf(objectOf(item + `,"readPoint":{%s"id":"a:b"}`)),
		"quantity":  docOf(objectOf(`"quantityList":[{%s"epcClass":"a:b"}]`)),
		"order":     docOf(objectOf(item + `,"bizTransactionList":[{%s"bizTransaction":"a:b"}]`)),
		"source":    docOf(objectOf(item + `,"sourceList":[{%s"type":"location","source":"a:b"}]`)),
		"error":     docOf(objectOf(item + `,"errorDeclaration":{%s"declarationTime":"2024-03-05T10:00:00Z"}`)),
		"state":     docOf(objectOf(item + `,"persistentDisposition":{%s"set":["recalled"]}`)),
		"sensor":    docOf(objectOf(item + `,"sensorElementList":[{%s"sensorReport":[{"type":"Temperature"}]}]`)),
		"metadata":  docOf(objectOf(item + `,"sensorElementList":[{"sensorMetadata":{%s"time":"2024-03-05T07:00:00Z"},"sensorReport":[{"type":"Temperature"}]}]`)),
		"report":    docOf(objectOf(item + `,"sensorElementList":[{"sensorReport":[{%s"type":"Temperature"}]}]`)),
		"query":     strings.Replace(queryOf(`{"queryName":"q","resultsBody":{"eventList":[]}}`), `{"@context"`, `{%s"@context"`, 1),
		"querybody": strings.Replace(queryOf(`{"queryName":"q","resultsBody":{"eventList":[]}}`), `{"queryResults"`, `{%s"queryResults"`, 1),
		"results":   queryOf(`{%s"queryName":"q","resultsBody":{"eventList":[]}}`),
		"resbody":   queryOf(`{"queryName":"q","resultsBody":{%s"eventList":[]}}`),
		"masters":   masterOf(`[{%s"type":"a:b","vocabularyElementList":[]}]`),
		"master":    masterOf(`[{"type":"a:b","vocabularyElementList":[{%s"id":"a:b"}]}]`),
		"attribute": masterOf(`[{"type":"a:b","vocabularyElementList":[{"id":"a:b","attributes":[{%s"id":"a:b","attribute":"c"}]}]}]`),
	}
	names := []string{
		"@id", "@type", "@graph", "@value", "@", "ex:a", "ex:", ":a", ":", "", "ex", "ex:a:b", "#a", "urn:x", "urn:", "1a:b", "_:b", "rdfs:comment",
		"ex:a b", "e x:a", "ex:é", "é:x", "http://example.com/a", "http://", "http:", "https://example.com", "mailto:a@b", "ex:%41", "ex:%zz", "ex:{a}",
		"a-b:c", "a+b.c:d", "a_b:c", "ex:a/b", "/a", "?a:b", "ex:#", "Type", "eventtime", "extension", "baseExtension", "comment", "certification", "implements",
	}
	differ := 0
	for level, text := range levels {
		if strings.Count(text, "%s") != 1 {
			t.Fatalf("%s: %s", level, text)
		}
		for _, name := range names {
			for _, value := range []string{`1`, `"a:b"`, `{"ex:a":1}`, `[]`, `null`} {
				data := []byte(fmt.Sprintf(text, fmt.Sprintf(`%q:%s,`, name, value)))
				v, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
				if err != nil {
					t.Fatal(err)
				}
				theirs, ours := schema.Validate(v), verdict(data)
				if (theirs == nil) == (ours == nil) {
					continue
				}
				if known(theirs, ours) != 0 {
					differ++
					continue
				}
				t.Errorf("%s, %q is %s:\n the schema: %.300v\n here: %v", level, name, value, theirs, ours)
			}
		}
	}
	t.Logf("%d documents, %d knowing differences", len(levels)*len(names)*5, differ)
}
