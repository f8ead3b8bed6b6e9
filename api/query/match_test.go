package query_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/api/query/querytest"
	"github.com/waybill-dev/waybill/epcis"
)

const observed = `{
	"@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld", {"ex": "https://ns.example.com/epcis/", "h": "http://hash.example.com#"}],
	"type": "ObjectEvent", "action": "ADD", "eventTime": "2024-01-01T12:00:00.5+02:00", "eventTimeZoneOffset": "+02:00",
	"recordTime": "2024-01-02T00:00:00Z", "eventID": "urn:uuid:00000000-0000-4000-8000-000000000001",
	"errorDeclaration": {"declarationTime": "2024-02-01T00:00:00Z", "reason": "incorrect_data", "correctiveEventIDs": ["urn:uuid:c1", "urn:uuid:c2"],
		"ex:by": "alice", "ex:box": {"ex:deep": 4}},
	"bizStep": "commissioning", "disposition": "active",
	"persistentDisposition": {"set": ["completeness_verified"], "unset": ["completeness_inferred"]},
	"epcList": ["urn:epc:id:sgtin:0614141.107346.2017", "https://example.org/00/106141412345678908", "urn:epc:id:gid:95100000.12345.400"],
	"quantityList": [{"epcClass": "urn:epc:class:lgtin:4012345.012345.998877", "quantity": 2, "uom": "KGM"}, {"epcClass": "urn:epc:idpat:sgtin:4012345.066666.*", "quantity": 10}],
	"readPoint": {"id": "urn:epc:id:sgln:0012345.11111.400", "ex:dock": "7", "ex:hall": {"ex:aisle": "north"}},
	"bizLocation": {"id": "https://id.gs1.org/414/0012345111112", "ex:zone": "cold", "ex:map": {"ex:cell": 12}},
	"bizTransactionList": [{"type": "po", "bizTransaction": "urn:epc:id:gdti:0614141.06012.1234"}, {"type": "inv", "bizTransaction": "https://example.com/inv/1"}],
	"sourceList": [{"type": "owning_party", "source": "urn:epc:id:pgln:4012345.00001"}],
	"destinationList": [{"type": "https://example.com/dtype", "destination": "https://example.com/dest"}, {"type": "location", "destination": "https://id.gs1.org/414/0012345111112"}],
	"sensorElementList": [
		{"sensorMetadata": {"time": "2024-01-01T09:00:00Z", "startTime": "2024-01-01T08:00:00Z", "endTime": "2024-01-01T09:30:00Z", "deviceID": "urn:epc:id:giai:4000001.111",
			"dataProcessingMethod": "https://example.com/dpm", "bizRules": "https://example.com/rules", "ex:lab": "L1", "ex:kit": {"ex:bolt": "M8"}},
		 "sensorReport": [
			{"type": "Temperature", "value": 4.5, "minValue": 2, "maxValue": 8, "meanValue": 5, "sDev": 1.8, "percRank": 95, "percValue": 7.5, "uom": "CEL", "ex:grade": "A", "ex:cal": {"ex:due": "2025-01-01T00:00:00Z"}},
			{"type": "Illuminance", "value": 800, "uom": "LUX", "time": "2024-01-01T09:45:00Z"}],
		 "ex:seal": "intact", "ex:wrap": {"ex:colour": "red"}},
		{"sensorReport": [
			{"type": "https://example.com/odour", "stringValue": "fresh", "booleanValue": false, "hexBinaryValue": "f0Ff", "uriValue": "https://example.com/v", "deviceID": "https://id.gs1.org/8004/4000001222",
			 "microorganism": "https://example.com/listeria", "chemicalSubstance": "https://example.com/no2"}]}],
	"ilmd": {"ex:lot": "L42", "ex:bestBefore": "2025-06-01T00:00:00Z", "ex:made": {"ex:line": 3, "ex:crew": ["x", "y"]}},
	"ex:note": "hello", "ex:count": 5, "ex:at": "2024-01-01T00:00:00+01:00", "ex:tags": ["a", "b"], "h:frag": "yes",
	"ex:outer": {"ex:middle": {"ex:leaf": "found", "ex:size": 9}}
}`

const transformed = `{"type": "TransformationEvent", "eventTime": "2024-05-01T00:00:00Z", "eventTimeZoneOffset": "+00:00",
	"inputEPCList": ["urn:epc:id:sgtin:4012345.011122.25"], "outputEPCList": ["urn:epc:id:sgtin:4012345.077889.25"],
	"inputQuantityList": [{"epcClass": "urn:epc:class:lgtin:4012345.011111.4444", "quantity": 10, "uom": "KGM"}],
	"outputQuantityList": [{"epcClass": "https://id.gs1.org/01/04012345666663", "quantity": 5, "uom": "LBR"}],
	"transformationID": "urn:epc:id:gdti:0614141.06012.77"}`

const packed = `{"type": "AggregationEvent", "action": "DELETE", "eventTime": "2024-06-01T00:00:00Z", "eventTimeZoneOffset": "+00:00",
	"parentID": "urn:epc:id:sscc:0614141.1234567890", "childEPCs": ["urn:epc:id:sgtin:0614141.107346.2018"],
	"childQuantityList": [{"epcClass": "urn:epc:class:lgtin:0614141.107346.L1", "quantity": 7}]}`

func parse(t testing.TB, raw string) *epcis.Event {
	t.Helper()
	e, err := epcis.ParseEvent(nil, []byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func masterData(t testing.TB) *query.Vocabulary {
	t.Helper()
	v := query.NewVocabulary()
	err := v.Add([]byte(`{"epcisMasterData":{"vocabularyList":[
		{"type":"urn:epcglobal:epcis:vtype:BusinessLocation","vocabularyElementList":[
			{"id":"urn:epc:id:sgln:0614141.00001.0","children":["urn:epc:id:sgln:0614141.00002.0"]},
			{"id":"urn:epc:id:sgln:0614141.00002.0","children":["urn:epc:id:sgln:0012345.11111.0","urn:epc:id:sgln:0012345.11111.400","urn:epc:id:sgln:0614141.00001.0"]},
			{"id":"urn:epc:id:sgln:0012345.11111.0","attributes":[{"id":"urn:epcglobal:cbv:mda#countryCode","attribute":"DE"},{"id":"cbvmda:floor","attribute":3},{"id":"cbvmda:none","attribute":null}]}]},
		{"type":"urn:epcglobal:epcis:vtype:EPCClass","vocabularyElementList":[
			{"id":"https://id.gs1.org/01/04012345123456/10/998877","attributes":[{"id":"cbvmda:descriptionShort","attribute":"Widget"}]},
			{"id":"hello","attributes":[{"id":"https://example.com/kind","attribute":"greeting"}]}]}]}}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

type row struct {
	name  string
	value any
	event string
	want  bool
}

// rows holds at least one match and one miss for every family of parameters.
func rows() []row {
	const yes, no = true, false
	list := func(s ...string) []string { return append([]string{}, s...) }
	num := func(s ...string) any {
		out := []any{}
		for _, n := range s {
			out = append(out, json.Number(n))
		}
		return out
	}
	n := func(s string) any { return json.Number(s) }
	var r []row
	add := func(name string, value any, want bool, event ...string) {
		on := observed
		if len(event) > 0 {
			on = event[0]
		}
		r = append(r, row{name, value, on, want})
	}
	add("eventType", list("AggregationEvent", "ObjectEvent"), yes)
	add("eventType", list("AggregationEvent"), no)
	add("GE_eventTime", "2024-01-01T10:00:00.5Z", yes)
	add("GE_eventTime", "2024-01-01T10:00:00.500001Z", no)
	add("LT_eventTime", "2024-01-01T10:00:00.500Z", no)
	add("LT_eventTime", "2024-01-01T10:00:00.501Z", yes)
	add("GE_recordTime", "2024-01-02T01:00:00+01:00", yes)
	add("GE_recordTime", "2024-01-02T00:00:01Z", no)
	add("LT_recordTime", "2024-01-02T00:00:01Z", yes)
	add("LT_recordTime", "2024-01-02T00:00:00Z", no)
	add("LT_recordTime", "2030-01-02T00:00:00Z", no, transformed) // has none
	add("EQ_action", list("ADD", "OBSERVE"), yes)
	add("EQ_action", list("DELETE"), no)
	add("EQ_action", list("ADD", "OBSERVE", "DELETE"), no, transformed)
	add("EQ_bizStep", list("shipping", "commissioning"), yes)
	add("EQ_bizStep", list("urn:epcglobal:cbv:bizstep:commissioning"), yes)
	add("EQ_bizStep", list("https://ref.gs1.org/cbv/BizStep-commissioning"), yes)
	add("EQ_bizStep", list("shipping"), no)
	add("EQ_bizStep", list(), no)
	add("EQ_disposition", list("active"), yes)
	add("EQ_disposition", list("cbv:Disp-active"), yes)
	add("EQ_disposition", list("in_transit"), no)
	add("EQ_persistentDisposition_set", list("completeness_verified"), yes)
	add("EQ_persistentDisposition_set", list("completeness_inferred"), no)
	add("EQ_persistentDisposition_unset", list("completeness_inferred"), yes)
	add("EQ_persistentDisposition_unset", list("completeness_verified"), no)
	add("EQ_quantity", num("10"), yes)
	add("EQ_quantity", num("2.0", "77"), yes) // whatever the unit
	add("EQ_quantity", num("3"), no)
	add("GT_quantity", n("9.9"), yes)
	add("GT_quantity", n("10"), no)
	add("GE_quantity", n("10"), yes)
	add("GE_quantity", n("10.1"), no)
	add("LT_quantity", n("2.1"), yes)
	add("LT_quantity", n("2"), no)
	add("LE_quantity", n("2"), yes)
	add("LE_quantity", n("1.9"), no)
	add("EQ_quantity_KGM", num("2"), yes)
	add("EQ_quantity_GRM", num("2000"), yes)
	add("EQ_quantity_GRM", num("2"), no)
	add("EQ_quantity_XYZ", num("2"), no)
	add("GE_quantity_LBR", n("4.4"), yes)
	add("GE_quantity_LBR", n("4.5"), no)
	add("GT_quantity_GRM", n("1999"), yes)
	add("GT_quantity_GRM", n("2000"), no)
	add("LT_quantity_TNE", n("0.0021"), yes)
	add("LT_quantity_TNE", n("0.002"), no)
	add("LE_quantity_TNE", n("0.002"), yes)
	add("LE_quantity_CEL", n("1000"), no)
	add("EQ_quantity_LBR", num("5"), yes, transformed)
	add("EQ_quantity_KGM", num("2.26796185"), yes, transformed)
	add("EQ_readPoint", list("urn:epc:id:sgln:0012345.11111.400"), yes)
	add("EQ_readPoint", list("https://dl.example.com/414/0012345111112/254/400"), yes)
	add("EQ_readPoint", list("urn:epc:id:sgln:0012345.11111.0"), no)
	add("EQ_bizLocation", list("urn:epc:id:sgln:0012345.11111.0"), yes)
	add("EQ_bizLocation", list("urn:epc:id:sgln:0614141.00001.0"), no)
	add("WD_bizLocation", list("urn:epc:id:sgln:0614141.00001.0"), yes)
	add("WD_bizLocation", list("urn:epc:id:sgln:0012345.11111.0"), yes)
	add("WD_bizLocation", list("urn:epc:id:sgln:0012345.11111.400"), no)
	add("WD_readPoint", list("https://id.gs1.org/414/0614141000029"), yes)
	add("WD_readPoint", list("urn:epc:id:sgln:0012345.11111.0"), no)
	add("EQ_transformationID", list("https://id.gs1.org/253/061414106012977"), no, transformed)
	add("EQ_transformationID", list("urn:epc:id:gdti:0614141.06012.77"), yes, transformed)
	add("EQ_transformationID", list("urn:epc:id:gdti:0614141.06012.77"), no)
	add("MATCH_epc", list("urn:epc:id:sgtin:0614141.107346.2017"), yes)
	add("MATCH_epc", list("https://other.example/01/10614141073464/21/2017"), yes)
	add("MATCH_epc", list("urn:epc:id:sgtin:0614141.107346.2018"), no)
	add("MATCH_epc", list("urn:epc:idpat:sgtin:0614141.107346.*"), yes)
	add("MATCH_epc", list("https://id.gs1.org/01/10614141073464"), yes)
	add("MATCH_epc", list("urn:epc:idpat:sgtin:0614141.*.*"), yes)
	add("MATCH_epc", list("urn:epc:idpat:sgtin:*.*.*"), yes)
	add("MATCH_epc", list("urn:epc:idpat:sgtin:0614142.*.*"), no)
	add("MATCH_epc", list("urn:epc:idpat:sscc:0614141.*"), yes)
	add("MATCH_epc", list("urn:epc:idpat:grai:*.*.*"), no)
	add("MATCH_epc", list("urn:epc:idpat:gid:95100000.12345.*"), yes)
	add("MATCH_epc", list("urn:epc:idpat:gid:95100000.1234.*"), no)
	add("MATCH_epc", list("urn:epc:id:sgtin:0614141.107346.2018"), yes, packed)
	add("MATCH_epc", list("urn:epc:id:sscc:0614141.1234567890"), no, packed)
	add("MATCH_epc", list("urn:epc:class:lgtin:4012345.012345.998877"), no)
	add("MATCH_parentID", list("https://id.gs1.org/00/106141412345678908"), yes, packed)
	add("MATCH_parentID", list("urn:epc:id:sgtin:0614141.107346.2018"), no, packed)
	add("MATCH_inputEPC", list("urn:epc:idpat:sgtin:4012345.011122.*"), yes, transformed)
	add("MATCH_inputEPC", list("urn:epc:id:sgtin:4012345.077889.25"), no, transformed)
	add("MATCH_outputEPC", list("urn:epc:id:sgtin:4012345.077889.25"), yes, transformed)
	add("MATCH_outputEPC", list("urn:epc:idpat:sgtin:4012345.011122.*"), no, transformed)
	add("MATCH_anyEPC", list("urn:epc:id:sscc:0614141.1234567890"), yes, packed)
	add("MATCH_anyEPC", list("urn:epc:id:sscc:0614141.1234567890"), yes)
	add("MATCH_anyEPC", list("urn:epc:id:sgtin:4012345.077889.25"), yes, transformed)
	add("MATCH_anyEPC", list("urn:epc:class:lgtin:4012345.011111.4444"), no, transformed)
	add("MATCH_epcClass", list("https://id.gs1.org/01/04012345123456/10/998877"), yes)
	add("MATCH_epcClass", list("urn:epc:idpat:sgtin:4012345.066666.*"), yes)
	add("MATCH_epcClass", list("urn:epc:idpat:sgtin:4012345.*.*"), yes)
	add("MATCH_epcClass", list("urn:epc:idpat:lgtin:4012345.012345.*"), yes)
	add("MATCH_epcClass", list("urn:epc:idpat:lgtin:4012345.066666.*"), no)
	add("MATCH_epcClass", list("urn:epc:class:lgtin:0614141.107346.L1"), yes, packed)
	add("MATCH_epcClass", list("urn:epc:class:lgtin:4012345.011111.4444"), no, transformed)
	add("MATCH_inputEPCClass", list("urn:epc:class:lgtin:4012345.011111.4444"), yes, transformed)
	add("MATCH_inputEPCClass", list("https://id.gs1.org/01/04012345666663"), no, transformed)
	add("MATCH_outputEPCClass", list("urn:epc:idpat:sgtin:4012345.066666.*"), yes, transformed)
	add("MATCH_outputEPCClass", list("urn:epc:class:lgtin:4012345.011111.4444"), no, transformed)
	add("MATCH_anyEPCClass", list("urn:epc:class:lgtin:4012345.011111.4444"), yes, transformed)
	add("MATCH_anyEPCClass", list("urn:epc:id:sgtin:4012345.077889.25"), no, transformed)
	add("EQ_eventID", list("urn:uuid:00000000-0000-4000-8000-000000000001"), yes)
	add("EQ_eventID", list("urn:uuid:00000000-0000-4000-8000-000000000002"), no)
	add("EXISTS_errorDeclaration", nil, yes)
	add("EXISTS_errorDeclaration", n("1"), no, packed)
	add("GE_errorDeclaration_Time", "2024-02-01T00:00:00Z", yes)
	add("GE_errorDeclaration_Time", "2024-02-01T00:00:01Z", no)
	add("LT_errorDeclaration_Time", "2024-02-01T00:00:01Z", yes)
	add("LT_errorDeclaration_Time", "2024-02-01T00:00:00Z", no)
	add("EQ_errorReason", list("incorrect_data"), yes)
	add("EQ_errorReason", list("did_not_occur"), no)
	add("EQ_correctiveEventID", list("urn:uuid:c2"), yes)
	add("EQ_correctiveEventID", list("urn:uuid:c3"), no)
	add("EXISTS_sensorElementList", nil, yes)
	add("EXISTS_sensorElementList", nil, no, packed)
	add("GE_time", "2024-01-01T09:45:00Z", yes) // the report's own
	add("GE_time", "2024-01-01T09:45:01Z", no)
	add("LT_time", "2024-01-01T09:00:01Z", yes)
	add("LT_time", "2024-01-01T09:00:00Z", no)
	add("GE_startTime", "2024-01-01T08:00:00Z", yes)
	add("GE_startTime", "2024-01-01T08:00:01Z", no)
	add("LT_startTime", "2024-01-01T08:00:01Z", yes)
	add("LT_startTime", "2024-01-01T08:00:00Z", no)
	add("GE_endTime", "2024-01-01T09:30:00Z", yes)
	add("GE_endTime", "2024-01-01T09:30:01Z", no)
	add("LT_endTime", "2024-01-01T09:30:01Z", yes)
	add("LT_endTime", "2024-01-01T09:30:00Z", no)
	add("EQ_type", list("Temperature"), yes)
	add("EQ_type", list("gs1:Illuminance"), yes)
	add("EQ_type", list("https://example.com/odour"), yes)
	add("EQ_type", list("Pressure"), no)
	add("EQ_deviceID", list("https://id.gs1.org/8004/4000001111"), yes)
	add("EQ_deviceID", list("urn:epc:id:giai:4000001.222"), yes)
	add("EQ_deviceID", list("urn:epc:id:giai:4000001.333"), no)
	add("EQ_dataProcessingMethod", list("https://example.com/dpm"), yes)
	add("EQ_dataProcessingMethod", list("https://example.com/DPM"), no)
	add("EQ_microorganism", list("https://example.com/listeria"), yes)
	add("EQ_microorganism", list("https://example.com/no2"), no)
	add("EQ_chemicalSubstance", list("https://example.com/no2"), yes)
	add("EQ_chemicalSubstance", list("https://example.com/listeria"), no)
	add("EQ_bizRules", list("https://example.com/rules"), yes)
	add("EQ_bizRules", list("https://example.com/rule"), no)
	add("EQ_stringValue", list("fresh"), yes)
	add("EQ_stringValue", list("Fresh"), no)
	add("EQ_booleanValue", false, yes)
	add("EQ_booleanValue", true, no)
	add("EQ_hexBinaryValue", list("F0FF"), yes)
	add("EQ_hexBinaryValue", list("f0"), no)
	add("EQ_uriValue", list("https://example.com/v"), yes)
	add("EQ_uriValue", list("https://example.com/w"), no)
	add("GE_percRank", n("95"), yes)
	add("GE_percRank", n("95.1"), no)
	add("LT_percRank", n("96"), yes)
	add("LT_percRank", n("95"), no)
	add("GT_percRank", n("94"), yes)
	add("GT_percRank", n("95"), no)
	add("LE_percRank", n("95"), yes)
	add("LE_percRank", n("94"), no)
	add("EQ_bizTransaction_po", list("https://id.gs1.org/253/06141410601241234"), no)
	add("EQ_bizTransaction_po", list("urn:epc:id:gdti:0614141.06012.1234"), yes)
	add("EQ_bizTransaction_po", list("https://example.com/inv/1"), no)
	add("EQ_bizTransaction_inv", list("https://example.com/inv/1"), yes)
	add("EQ_source_owning_party", list("https://id.gs1.org/417/4012345000016"), yes)
	add("EQ_source_owning_party", list("urn:epc:id:pgln:4012345.00001"), yes)
	add("EQ_source_possessing_party", list("urn:epc:id:pgln:4012345.00001"), no)
	add("EQ_destination_https://example.com/dtype", list("https://example.com/dest"), yes)
	add("EQ_destination_location", list("https://example.com/dest"), no)
	add("EQ_destination_location", list("urn:epc:id:sgln:0012345.11111.0"), yes)
	// 4.5 °C is 277.65 K and 40.1 °F.
	add("EQ_value_CEL", num("4.50"), yes)
	add("EQ_value_KEL", num("277.65"), yes)
	add("EQ_value_FAH", num("40.1", "0"), yes)
	add("EQ_value_FAH", num("4.5"), no)
	add("EQ_value_KLX", num("0.8"), yes)
	add("EQ_value_PAL", num("800"), no)
	for _, f := range []struct{ field, at, below, above string }{ // the field in kelvin
		{"value", "277.65", "277.6", "277.7"},
		{"minValue", "275.15", "275", "276"},
		{"maxValue", "281.15", "281", "282"},
		{"meanValue", "278.15", "278", "279"},
		{"percValue", "280.65", "280", "281"},
		{"sDev", "1.8", "1.7", "1.9"},
	} {
		add("GE_"+f.field+"_KEL", n(f.at), yes)
		add("GE_"+f.field+"_KEL", n(f.above), no)
		add("GT_"+f.field+"_KEL", n(f.below), yes)
		add("GT_"+f.field+"_KEL", n(f.at), no)
		add("LE_"+f.field+"_KEL", n(f.at), yes)
		add("LE_"+f.field+"_KEL", n(f.below), no)
		add("LT_"+f.field+"_KEL", n(f.above), yes)
		add("LT_"+f.field+"_KEL", n(f.at), no)
	}
	add("LE_sDev_FAH", n("3.24"), yes) // a difference has no zero point
	add("LE_sDev_FAH", n("3.23"), no)
	add("EQ_ex:note", list("x", "hello"), yes)
	add("EQ_ex:note", list("hell"), no)
	add("EQ_https://ns.example.com/epcis/#note", list("hello"), yes)
	add("EQ_http://hash.example.com#frag", list("yes"), yes)
	add("EQ_ex:tags", list("b"), yes)
	add("EQ_ex:count", n("5.0"), yes)
	add("EQ_ex:count", list("5"), yes)
	add("EQ_ex:count", n("6"), no)
	add("EQ_ex:at", "2023-12-31T23:00:00Z", yes)
	add("EQ_ex:leaf", list("found"), no) // not on the top level
	add("EQ_ex:outer", list("found"), no)
	add("EQ_ex:lot", list("L42"), no) // in the ILMD
	add("GT_ex:count", n("4"), yes)
	add("GT_ex:count", n("5"), no)
	add("GE_ex:count", n("5"), yes)
	add("GE_ex:count", "2020-01-01T00:00:00Z", no)
	add("LT_ex:at", "2023-12-31T23:00:01Z", yes)
	add("LT_ex:at", "2023-12-31T23:00:00Z", no)
	add("LE_ex:count", n("5"), yes)
	add("LE_ex:count", n("4.9"), no)
	add("LE_ex:note", n("5"), no)
	add("EQ_INNER_ex:leaf", list("found"), yes)
	add("EQ_INNER_ex:note", list("hello"), no)
	add("GT_INNER_ex:size", n("8"), yes)
	add("GT_INNER_ex:size", n("9"), no)
	add("GE_INNER_ex:size", n("9"), yes)
	add("LT_INNER_ex:size", n("10"), yes)
	add("LT_INNER_ex:size", n("9"), no)
	add("LE_INNER_ex:size", n("9"), yes)
	add("EXISTS_ex:outer", nil, yes)
	add("EXISTS_ex:leaf", nil, no)
	add("EXISTS_INNER_ex:leaf", nil, yes)
	add("EXISTS_INNER_ex:outer", nil, no)
	add("EQ_ILMD_ex:lot", list("L42"), yes)
	add("EQ_ILMD_ex:note", list("hello"), no)
	add("GT_ILMD_ex:bestBefore", "2025-05-31T00:00:00Z", yes)
	add("GE_ILMD_ex:bestBefore", "2025-06-01T00:00:00Z", yes)
	add("LT_ILMD_ex:bestBefore", "2025-06-01T00:00:00Z", no)
	add("LE_ILMD_ex:bestBefore", "2025-06-01T02:00:00+02:00", yes)
	add("EXISTS_ILMD_ex:lot", nil, yes)
	add("EXISTS_ILMD_ex:line", nil, no)
	add("EQ_INNER_ILMD_ex:crew", list("y"), yes)
	add("EQ_INNER_ILMD_ex:lot", list("L42"), no)
	add("GT_INNER_ILMD_ex:line", n("2"), yes)
	add("GE_INNER_ILMD_ex:line", n("3"), yes)
	add("LT_INNER_ILMD_ex:line", n("3"), no)
	add("LE_INNER_ILMD_ex:line", n("3"), yes)
	add("EXISTS_INNER_ILMD_ex:line", nil, yes)
	add("EXISTS_INNER_ILMD_ex:lot", nil, no)
	add("EQ_ERROR_DECLARATION_ex:by", list("alice"), yes)
	add("EQ_ERROR_DECLARATION_ex:by", list("bob"), no)
	add("EXISTS_ERROR_DECLARATION_ex:by", nil, yes)
	add("EXISTS_ERROR_DECLARATION_ex:deep", nil, no)
	add("EXISTS_INNER_ERROR_DECLARATION_ex:deep", nil, yes)
	add("EXISTS_INNER_ERROR_DECLARATION_ex:by", nil, no)
	add("EQ_INNER_ERROR_DECLARATION_ex:deep", n("4"), yes)
	add("EQ_readPoint_ex:dock", list("7"), yes)
	add("EQ_readPoint_ex:dock", n("7"), yes)
	add("EQ_readPoint_ex:zone", list("cold"), no)
	add("EQ_INNER_readPoint_ex:aisle", list("north"), yes)
	add("EQ_INNER_readPoint_ex:dock", list("7"), no)
	add("EQ_bizLocation_ex:zone", list("cold"), yes)
	add("EQ_bizLocation_ex:dock", list("7"), no)
	add("EQ_INNER_bizLocation_ex:cell", n("12"), yes)
	add("EQ_INNER_bizLocation_ex:zone", list("cold"), no)
	for _, f := range []struct{ scope, name, text, inner, innerText string }{
		{"SENSORELEMENT_", "ex:seal", "intact", "ex:colour", "red"},
		{"SENSORMETADATA_", "ex:lab", "L1", "ex:bolt", "M8"},
		{"SENSORREPORT_", "ex:grade", "A", "ex:due", "2025-01-01T00:00:00Z"},
	} {
		add("EQ_"+f.scope+f.name, list(f.text), yes)
		add("EQ_"+f.scope+f.name, list("other"), no)
		add("EQ_"+f.scope+f.inner, list(f.innerText), no)
		add("EQ_INNER_"+f.scope+f.inner, list(f.innerText), yes)
		add("EQ_INNER_"+f.scope+f.name, list(f.text), no)
		add("EXISTS_"+f.scope+f.name, nil, yes)
		add("EXISTS_"+f.scope+f.inner, nil, no)
	}
	// Every comparison in every scope that the schema has, on a number that is 1.
	for _, scope := range []string{"", "ILMD_", "ERROR_DECLARATION_", "SENSORELEMENT_", "SENSORMETADATA_", "SENSORREPORT_"} {
		for _, inner := range []string{"", "INNER_"} {
			for _, c := range []struct {
				op            string
				low, at, high bool
			}{{"GT", yes, no, no}, {"GE", yes, yes, no}, {"LT", no, no, yes}, {"LE", no, yes, yes}, {"EQ", no, yes, no}} {
				for i, bound := range []string{"0.5", "1", "1.5"} {
					add(c.op+"_"+inner+scope+"ex:one", n(bound), []bool{c.low, c.at, c.high}[i], numbered)
				}
			}
		}
	}
	add("HASATTR_bizLocation", list("urn:epcglobal:cbv:mda#countryCode"), yes)
	add("HASATTR_bizLocation", list("cbvmda:floor"), yes)
	add("HASATTR_bizLocation", list("cbvmda:none", "cbvmda:other"), no)
	add("HASATTR_readPoint", list("cbvmda:floor"), no)
	add("HASATTR_epcClass", list("urn:epcglobal:cbv:mda:descriptionShort"), yes)
	add("HASATTR_ex:note", list("https://example.com/kind"), yes)
	add("HASATTR_ex:note", list("https://example.com/sort"), no)
	add("EQATTR_bizLocation_cbvmda:countryCode", list("FR", "DE"), yes)
	add("EQATTR_bizLocation_cbvmda:countryCode", list("FR"), no)
	add("EQATTR_bizLocation_urn:epcglobal:cbv:mda#floor", list("3"), yes)
	add("EQATTR_ex:note_https://example.com/kind", list("greeting"), yes)
	add("EQ_ATTR_bizLocation_cbvmda:floor", list("3"), yes)
	add("EQ_ATTR_bizLocation_floor", list("3"), no) // a name without its namespace is another name
	return r
}

// numbered has a field ex:one of value 1 everywhere, on its own and nested.
var numbered = strings.ReplaceAll(`{
	"@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld", {"ex": "https://ns.example.com/epcis/"}],
	"type": "ObjectEvent", "action": "ADD", "eventTime": "2024-01-01T12:00:00Z", "eventTimeZoneOffset": "+02:00", "epcList": ["urn:x:1"],
	"errorDeclaration": {"declarationTime": "2024-02-01T00:00:00Z", ONE},
	"sensorElementList": [{"sensorMetadata": {"time": "2024-01-01T09:00:00Z", ONE}, "sensorReport": [{"type": "Temperature", ONE}], ONE}],
	"ilmd": {ONE}, ONE}`, "ONE", `"ex:one": 1, "ex:box": {"ex:one": "1.0"}`)

func TestEachParameterKeepsAndDropsEvents(t *testing.T) {
	md := masterData(t)
	events := map[string]*epcis.Event{}
	for _, raw := range []string{observed, transformed, packed, numbered} {
		events[raw] = parse(t, raw)
	}
	for _, r := range rows() {
		raw := body(t, r.name, r.value)
		q, err := query.ParseJSON(raw, nil)
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		if got := q.MatchesWith(events[r.event], md); got != r.want {
			t.Errorf("%s = %v on the %s: %v, want %v", r.name, r.value, events[r.event].Type, got, r.want)
		}
	}
}

func TestTheTableHoldsAMatchAndAMissForEveryPublishedParameter(t *testing.T) {
	p := parameters(t)
	none := []string{"orderBy", "orderDirection", "eventCountLimit", "maxEventCount"}
	check := func(what string, is func(name string) bool) {
		var hit, miss bool
		for _, r := range rows() {
			if is(r.name) {
				hit, miss = hit || r.want, miss || !r.want
			}
		}
		if !hit || !miss {
			t.Errorf("%s: a match %v, a miss %v", what, hit, miss)
		}
	}
	for name := range p.fixed {
		if !slices.Contains(none, name) {
			check(name, func(s string) bool { return s == name })
		}
	}
	for pattern := range p.patterns {
		if pattern == `^EQ_ATTR_\w+_\w+$` { // its names hold no colon, and no attribute is without a namespace
			continue
		}
		re := regexp.MustCompile(pattern)
		check(pattern, func(s string) bool { return re.MatchString(s) })
	}
}

func TestURLAndJSONSayTheSame(t *testing.T) {
	md := masterData(t)
	c, err := epcis.ParseContext([]byte(querytest.Context))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows() {
		var text string
		switch v := r.value.(type) {
		case []string:
			if len(v) == 0 {
				continue
			}
			text = strings.Join(v, "|")
		case []any:
			parts := []string{}
			for _, x := range v {
				parts = append(parts, string(x.(json.Number)))
			}
			text = strings.Join(parts, "|")
		case json.Number:
			text = string(v)
		case string:
			text = v
		case bool:
			text = map[bool]string{true: "true", false: "false"}[v]
		case nil:
			text = "true"
		}
		q, err := query.ParseValues(url.Values{r.name: {text}}, c)
		if err != nil {
			t.Errorf("%s=%s: %v", r.name, text, err)
			continue
		}
		if got := q.MatchesWith(parse(t, r.event), md); got != r.want {
			t.Errorf("%s=%s: %v, want %v", r.name, text, got, r.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct{ query, code string }{
		{`[]`, query.CodeSyntax},
		{`{"eventType":["ObjectEvent"]`, query.CodeSyntax},
		{`{} {}`, query.CodeSyntax},
		{"{\"EQ_stringValue\":[\"\xff\"]}", query.CodeSyntax},
		{`{"EQ_action":["ADD"],"EQ_action":["ADD"]}`, query.CodeRepeated},
		{`{"EQ_nope:x":["a"]}`, query.CodePrefix},
		{`{"eventCountLimit":3}`, query.CodeConflict},
		{`{"eventCountLimit":3,"maxEventCount":3,"orderBy":"eventTime"}`, query.CodeConflict},
		{`{"eventCountLimit":0,"orderBy":"eventTime"}`, query.CodeValue},
		{`{"maxEventCount":-1}`, query.CodeValue},
		{`{"orderBy":"disposition"}`, query.CodeValue},
		{`{"orderBy":"eventTime","orderDirection":"up"}`, query.CodeValue},
		{`{"perPage":3}`, query.CodeUnknown},
		{`{"EQ_bizStep":["sailing"]}`, query.CodeValue},
		{`{"MATCH_epc":["urn:epc:idpat:sgtin:0614141.*.5"]}`, query.CodeValue},
		{`{"MATCH_epc":["urn:epc:idpat:sgtin:06141.*.*"]}`, query.CodeValue},
		{`{"GE_eventTime":"yesterday"}`, query.CodeValue},
		{`{"EQ_stringValue":["` + strings.Repeat("x", query.MaxValue+1) + `"]}`, query.CodeLimit},
		{`{"EQ_stringValue":[` + strings.Repeat(`"x",`, query.MaxValues) + `"x"]}`, query.CodeLimit},
		{`{"@context":"no uri","EQ_action":["ADD"]}`, query.CodeValue},
		{`"` + strings.Repeat("x", query.MaxBody) + `"`, query.CodeLimit},
	} {
		_, err := query.ParseJSON([]byte(c.query), nil)
		var faults query.Faults
		if !errors.As(err, &faults) || !faults.Has(c.code) {
			t.Errorf("%.80s: %v, want %s", c.query, err, c.code)
		}
	}
	for _, c := range []struct{ query, code string }{
		{"EQ_action=ADD|", query.CodeValue},
		{"GE_eventTime=2024-01-01T00:00:00Z&GE_eventTime=2025-01-01T00:00:00Z", query.CodeRepeated},
		{"perPage=0", query.CodeValue},
		{"perPage=many", query.CodeValue},
		{"colour=red", query.CodeUnknown},
		{"EQ_example:x=a", query.CodePrefix},
		{"EQ_booleanValue=yes", query.CodeValue},
	} {
		values, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		_, err = query.ParseValues(values, nil)
		var faults query.Faults
		if !errors.As(err, &faults) || !faults.Has(c.code) {
			t.Errorf("%s: %v, want %s", c.query, err, c.code)
		}
	}
}

func TestPagingParametersOfAURL(t *testing.T) {
	q, err := query.ParseValues(url.Values{"perPage": {"100000"}, "nextPageToken": {"abc"}, "GE_eventTime": {"2024-01-01T00:00:00 01:00"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if q.PerPage != query.MaxPerPage || q.NextPageToken != "abc" {
		t.Errorf("%+v", q)
	}
	if !q.Predicates[0].Holds(&epcis.Event{EventTime: epcis.Time{Text: "x", Instant: parse(t, packed).EventTime.Instant}}, nil) {
		t.Error("an offset whose + was not escaped is not understood")
	}
}

func TestSelectOrdersAndLimits(t *testing.T) {
	var events []*epcis.Event
	for _, s := range []string{
		`"eventTime":"2024-01-02T00:00:00Z","ex:n":10`, `"eventTime":"2024-01-01T00:00:00Z","ex:n":9`,
		`"eventTime":"2024-01-03T00:00:00Z"`, `"eventTime":"2024-01-01T01:00:00+01:00","ex:n":"a"`,
	} {
		events = append(events, parse(t, `{"@context":`+querytest.Context+`,"type":"ObjectEvent","action":"OBSERVE","eventTimeZoneOffset":"+00:00","epcList":["urn:x:1"],`+s+`}`))
	}
	for _, c := range []struct {
		query string
		want  []int
	}{
		{`{}`, []int{0, 1, 2, 3}},
		{`{"orderBy":"eventTime"}`, []int{2, 0, 1, 3}},
		{`{"orderBy":"eventTime","orderDirection":"ASC"}`, []int{1, 3, 0, 2}},
		{`{"orderBy":"eventTime","orderDirection":"ASC","eventCountLimit":2}`, []int{1, 3}},
		{`{"@context":` + querytest.Context + `,"orderBy":"ex:n","orderDirection":"ASC"}`, []int{1, 0, 3, 2}},
		{`{"@context":` + querytest.Context + `,"orderBy":"ex:n"}`, []int{3, 0, 1, 2}},
		{`{"maxEventCount":4}`, []int{0, 1, 2, 3}},
	} {
		q, err := query.ParseJSON([]byte(c.query), nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := q.Select(events, nil)
		if err != nil {
			t.Fatal(err)
		}
		var at []int
		for _, e := range got {
			at = append(at, slices.Index(events, e))
		}
		if !slices.Equal(at, c.want) {
			t.Errorf("%s: %v, want %v", c.query, at, c.want)
		}
	}
	q, err := query.ParseJSON([]byte(`{"maxEventCount":3}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = q.Select(events, nil)
	var faults query.Faults
	if !errors.As(err, &faults) || !faults.Has(query.CodeTooLarge) {
		t.Errorf("more than maxEventCount: %v", err)
	}
}

func TestCustomWordsMatchInBothSpellings(t *testing.T) {
	q, err := query.ParseJSON([]byte(`{"@context":`+querytest.Context+`,"EQ_bizStep":["ex:step"]}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{"ex:step", querytest.Namespace + "step"} {
		e := parse(t, strings.Replace(packed, `"type"`, `"bizStep":"`+step+`","type"`, 1))
		if !q.Matches(e) {
			t.Errorf("%s does not match", step)
		}
	}
}

func TestConjunctionIsEachParameterByItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := querytest.Parsed(t)
		raw := querytest.Query(t, 4)
		q, err := query.ParseJSON(raw, nil)
		if err != nil {
			t.Fatal(err)
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(raw, &members); err != nil {
			t.Fatal(err)
		}
		want := true
		for name, value := range members {
			if name == "@context" {
				continue
			}
			one, err := query.ParseJSON([]byte(`{"@context":`+querytest.Context+`,"`+name+`":`+string(value)+`}`), nil)
			if err != nil {
				t.Fatal(err)
			}
			want = want && one.Matches(e)
		}
		if got := q.Matches(e); got != want {
			t.Fatalf("%s: %v, want %v", raw, got, want)
		}
	})
}

func TestAListIsTheUnionOfItsMembers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := querytest.Parsed(t)
		name, value := querytest.Parameter(t)
		list, ok := value.([]string)
		if !ok {
			return
		}
		match := func(v []string) bool {
			raw, err := json.Marshal(map[string]any{"@context": json.RawMessage(querytest.Context), name: v})
			if err != nil {
				t.Fatal(err)
			}
			q, err := query.ParseJSON(raw, nil)
			if err != nil {
				t.Fatal(err)
			}
			return q.Matches(e)
		}
		want := false
		for _, s := range list {
			want = want || match([]string{s})
		}
		if got := match(list); got != want {
			t.Fatalf("%s %v: %v, want %v", name, list, got, want)
		}
	})
}

func TestEverySpellingOfAnEventIsMatchedAlike(t *testing.T) {
	// Only identifiers differ between the two: each EPC URN becomes its Digital Link.
	respell := regexp.MustCompile(`"urn:epc:id:[^"]+"`)
	rapid.Check(t, func(t *rapid.T) {
		raw := querytest.Event(t)
		linked := respell.ReplaceAllFunc(raw, func(b []byte) []byte {
			return []byte(`"` + query.CanonicalID(strings.Trim(string(b), `"`)) + `"`)
		})
		a, err := epcis.ParseEvent(nil, raw)
		if err != nil {
			t.Fatal(err)
		}
		b, err := epcis.ParseEvent(nil, linked)
		if err != nil {
			return // two spellings of one EPC became the same member of a list
		}
		q, err := query.ParseJSON(querytest.Query(t, 2), nil)
		if err != nil {
			t.Fatal(err)
		}
		if q.Matches(a) != q.Matches(b) {
			t.Fatalf("not alike:\n%s\n%s", raw, linked)
		}
	})
}

// The examples are fixed ones, enough for every parameter to have its chance on each run.
func TestGeneratedQueriesBothKeepAndDrop(t *testing.T) {
	matched := rapid.Custom(func(t *rapid.T) []string {
		e := querytest.Parsed(t)
		var names []string
		for _, name := range querytest.Names() {
			raw, err := json.Marshal(map[string]any{"@context": json.RawMessage(querytest.Context), name: querytest.Value(t, name)})
			if err != nil {
				t.Fatal(err)
			}
			q, err := query.ParseJSON(raw, nil)
			if err != nil {
				t.Fatal(err)
			}
			if q.Matches(e) {
				names = append(names, name)
			}
		}
		return names
	})
	hits := map[string]int{}
	for seed := range 100 {
		for _, name := range matched.Example(seed) {
			hits[name]++
		}
	}
	dead := 0
	for _, name := range querytest.Names() {
		if hits[name] == 0 {
			dead++
			t.Logf("never matched: %s", name)
		}
	}
	if dead > len(querytest.Names())/3 {
		t.Errorf("%d of %d parameters never matched", dead, len(querytest.Names()))
	}
}

func BenchmarkMatches(b *testing.B) {
	e := parse(b, observed)
	q, err := query.ParseJSON([]byte(`{"EQ_action":["ADD"],"MATCH_anyEPC":["urn:epc:idpat:sscc:0614141.*"],"GE_value_KEL":277}`), nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if !q.Matches(e) {
			b.Fatal("no match")
		}
	}
}
