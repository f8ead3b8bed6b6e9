// Package querytest generates events and queries for tests of what answers
// queries: the filter in memory, the stores, the REST binding. Values come from
// small sets, so that a generated query often matches a generated event.
//
// Only tests import it.
package querytest

import (
	"encoding/json"
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/epcis"
)

// Namespace is the one of the extension fields, prefix ex.
const Namespace = "https://ns.example.com/epcis/"

// Context is the @context of generated events and queries.
const Context = `["` + epcis.DefaultContext + `",{"ex":"` + Namespace + `"}]`

type object = map[string]any

// epcs are objects in two spellings each.
func epcs() []string {
	return []string{
		"urn:epc:id:sgtin:0614141.107346.2017", "https://id.gs1.org/01/10614141073464/21/2017",
		"urn:epc:id:sgtin:0614141.107346.2018", "https://example.com/01/10614141073464/21/2018?x=1",
		"urn:epc:id:sgtin:4012345.077889.25", "https://id.gs1.org/01/04012345778895/21/25",
		"urn:epc:id:sscc:0614141.1234567890", "https://id.gs1.org/00/106141412345678908",
		"urn:epc:id:grai:4012345.55555.987", "urn:epc:id:giai:4000001.111", "urn:uuid:9b0b5d2a-56c1-4b50-8b5f-0d6c1a3d7c01",
	}
}

func classes() []string {
	return []string{
		"urn:epc:class:lgtin:4012345.012345.998877", "https://id.gs1.org/01/04012345123456/10/998877",
		"urn:epc:idpat:sgtin:4012345.066666.*", "https://id.gs1.org/01/04012345666663", "urn:epc:class:lgtin:0614141.107346.L1",
	}
}

func matches() []string {
	return append(append(epcs(), classes()...), "urn:epc:idpat:sgtin:0614141.107346.*", "urn:epc:idpat:sgtin:0614141.*.*",
		"urn:epc:idpat:sgtin:*.*.*", "urn:epc:idpat:sscc:0614141.*", "urn:epc:idpat:grai:4012345.*.*", "urn:epc:idpat:giai:*.*",
		"urn:epc:idpat:lgtin:4012345.012345.*", "https://id.gs1.org/01/10614141073464")
}

func places() []string {
	return []string{
		"urn:epc:id:sgln:0614141.07346.1234", "https://id.gs1.org/414/0614141073467/254/1234",
		"urn:epc:id:sgln:0012345.11111.0", "https://id.gs1.org/414/0012345111112", "urn:epc:id:sgln:0012345.11111.400",
	}
}

func instants() []string {
	return []string{"2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00", "2024-01-01T00:00:00.001Z", "2024-03-05T10:15:00-05:00", "2023-12-31T23:59:59Z"}
}

func reals() []string {
	return []string{"0", "1", "-1", "2.5", "20", "293.15", "68", "1000", "0.001", "1e3"}
}

func units() []string {
	return []string{"CEL", "KEL", "FAH", "KGM", "GRM", "LBR", "BAR", "KPA", "P1", "XYZ"}
}

func pick(t *rapid.T, of []string) string { return rapid.SampledFrom(of).Draw(t, "pick") }

func maybe(t *rapid.T) bool { return rapid.Bool().Draw(t, "maybe") }

func some(t *rapid.T, of []string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(of), 1, min(3, len(of)), rapid.ID[string]).Draw(t, "some")
}

func words(f string) []string {
	switch f {
	case "bizStep":
		return []string{"shipping", "receiving", "commissioning", "https://example.com/step/x", "ex:step"}
	case "disposition":
		return []string{"in_transit", "in_progress", "damaged", "https://example.com/disp/x"}
	case "type":
		return []string{"Temperature", "Mass", "Pressure", "https://example.com/measure/x"}
	case "reason":
		return []string{"did_not_occur", "incorrect_data", "https://example.com/reason/x"}
	}
	return []string{"https://example.com/" + f + "/1", "https://example.com/" + f + "/2", "urn:uuid:0e1b7c9e-0000-4000-8000-0000000000" + fmt.Sprintf("%02d", len(f))}
}

// Event generates one valid event as JSON-LD in Context.
func Event(t *rapid.T) []byte {
	e := object{
		"@context":  json.RawMessage(Context),
		"eventTime": pick(t, instants()), "eventTimeZoneOffset": "+00:00", "recordTime": pick(t, instants()),
		"eventID": "urn:uuid:" + rapid.StringMatching(`[0-9a-f]{8}-0000-4000-8000-00000000000[0-9]`).Draw(t, "id"),
	}
	kind := rapid.SampledFrom([]string{"ObjectEvent", "AggregationEvent", "TransactionEvent", "TransformationEvent", "AssociationEvent"}).Draw(t, "type")
	e["type"] = kind
	if kind != "TransformationEvent" {
		e["action"] = rapid.SampledFrom([]string{"ADD", "OBSERVE", "DELETE"}).Draw(t, "action")
	}
	objects(t, e, kind)
	for _, f := range []string{"bizStep", "disposition"} {
		if maybe(t) {
			e[f] = pick(t, words(f))
		}
	}
	if maybe(t) && kind == "ObjectEvent" {
		e["persistentDisposition"] = object{"set": some(t, words("disposition")), "unset": some(t, words("disposition"))}
	}
	for _, f := range []string{"readPoint", "bizLocation"} {
		if maybe(t) {
			place := object{"id": pick(t, places())}
			fields(t, place)
			e[f] = place
		}
	}
	if maybe(t) || kind == "TransactionEvent" {
		e["bizTransactionList"] = []any{
			object{"type": pick(t, []string{"po", "inv", "desadv"}), "bizTransaction": pick(t, words("transaction"))},
			object{"bizTransaction": pick(t, words("transaction"))},
		}
	}
	for _, f := range []string{"source", "destination"} {
		if maybe(t) {
			e[f+"List"] = []any{object{"type": pick(t, []string{"owning_party", "possessing_party", "location"}), f: pick(t, append(words("party"), places()...))}}
		}
	}
	if maybe(t) {
		e["errorDeclaration"] = declaration(t)
	}
	if maybe(t) {
		n := rapid.IntRange(1, 2).Draw(t, "elements")
		var list []any
		for range n {
			list = append(list, sensorElement(t))
		}
		e["sensorElementList"] = list
	}
	if maybe(t) && (kind == "ObjectEvent" && e["action"] == "ADD" || kind == "TransformationEvent") {
		ilmd := object{}
		fields(t, ilmd)
		if len(ilmd) > 0 {
			e["ilmd"] = ilmd
		}
	}
	fields(t, e)
	out, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func objects(t *rapid.T, e object, kind string) {
	switch kind {
	case "ObjectEvent":
		e["epcList"] = some(t, epcs())
		e["quantityList"] = quantities(t)
	case "AggregationEvent", "AssociationEvent":
		e["parentID"] = pick(t, epcs())
		e["childEPCs"] = some(t, epcs())
		e["childQuantityList"] = quantities(t)
	case "TransactionEvent":
		if maybe(t) {
			e["parentID"] = pick(t, epcs())
		}
		e["epcList"] = some(t, epcs())
		e["quantityList"] = quantities(t)
	case "TransformationEvent":
		e["inputEPCList"], e["outputEPCList"] = some(t, epcs()), some(t, epcs())
		e["inputQuantityList"], e["outputQuantityList"] = quantities(t), quantities(t)
		if maybe(t) {
			e["transformationID"] = pick(t, words("transformation"))
		}
	}
}

func quantities(t *rapid.T) []any {
	var list []any
	for _, class := range some(t, classes()) {
		q := object{"epcClass": class}
		if maybe(t) {
			q["quantity"] = json.Number(pick(t, reals()))
			if maybe(t) {
				q["uom"] = pick(t, units())
			}
		}
		list = append(list, q)
	}
	return list
}

func declaration(t *rapid.T) object {
	d := object{"declarationTime": pick(t, instants())}
	if maybe(t) {
		d["reason"] = pick(t, words("reason"))
	}
	if maybe(t) {
		d["correctiveEventIDs"] = some(t, words("event"))
	}
	fields(t, d)
	return d
}

func sensorElement(t *rapid.T) object {
	el := object{}
	if maybe(t) {
		m := object{}
		for _, f := range []string{"time", "startTime", "endTime"} {
			if maybe(t) {
				m[f] = instants()[4] // never after the event
				if f == "endTime" {
					m[f] = instants()[0]
				}
			}
		}
		for _, f := range []string{"deviceID", "dataProcessingMethod", "bizRules"} {
			if maybe(t) {
				m[f] = pick(t, words(f))
			}
		}
		fields(t, m)
		el["sensorMetadata"] = m
	}
	var list []any
	for range rapid.IntRange(1, 2).Draw(t, "reports") {
		list = append(list, sensorReport(t))
	}
	el["sensorReport"] = list
	fields(t, el)
	return el
}

func sensorReport(t *rapid.T) object {
	r := object{"type": pick(t, words("type"))}
	for _, f := range []string{"value", "minValue", "maxValue", "meanValue", "sDev", "percValue"} {
		if maybe(t) {
			r[f] = json.Number(pick(t, reals()))
		}
	}
	if maybe(t) {
		r["percRank"] = json.Number(pick(t, []string{"5", "50", "95.5"}))
	}
	if maybe(t) {
		r["uom"] = pick(t, units())
	}
	if maybe(t) {
		r["time"] = pick(t, instants())
	}
	for _, f := range []string{"deviceID", "dataProcessingMethod", "bizRules", "microorganism", "chemicalSubstance", "uriValue"} {
		if maybe(t) {
			r[f] = pick(t, words(f))
		}
	}
	if maybe(t) {
		r["stringValue"] = pick(t, []string{"open", "closed", "a b"})
	}
	if maybe(t) {
		r["booleanValue"] = maybe(t)
	}
	if maybe(t) {
		r["hexBinaryValue"] = pick(t, []string{"f0f0", "F0F0", "00"})
	}
	fields(t, r)
	return r
}

// fields adds extension fields.
func fields(t *rapid.T, to object) {
	for _, name := range []string{"ex:text", "ex:number", "ex:when", "ex:nested"} {
		if rapid.IntRange(0, 3).Draw(t, "field") > 0 {
			continue
		}
		switch name {
		case "ex:text":
			to[name] = pick(t, []string{"alpha", "beta", "5"})
		case "ex:number":
			to[name] = json.Number(pick(t, reals()))
		case "ex:when":
			to[name] = pick(t, instants())
		case "ex:nested":
			inner := object{"ex:inner": pick(t, []string{"alpha", "7"}), "ex:list": []string{"beta", "gamma"}}
			if maybe(t) {
				inner["ex:deeper"] = object{"ex:number": json.Number(pick(t, reals()))}
			}
			to[name] = inner
		}
	}
}

// Parsed generates an event and reads it.
func Parsed(t *rapid.T) *epcis.Event {
	raw := Event(t)
	e, err := epcis.ParseEvent(nil, raw)
	if err != nil {
		t.Fatalf("generated event is not valid: %v\n%s", err, raw)
	}
	return e
}

// Parameter generates one parameter of a JSON query, with a value that the
// published schema takes.
func Parameter(t *rapid.T) (name string, value any) {
	name = rapid.SampledFrom(Names()).Draw(t, "parameter")
	return name, Value(t, name)
}

// Names gives a name for every parameter of the published schema, order and
// limits aside.
func Names() []string {
	names := strings.Fields(`eventType GE_eventTime LT_eventTime GE_recordTime LT_recordTime EQ_action EQ_bizStep EQ_disposition
		EQ_persistentDisposition_set EQ_persistentDisposition_unset EQ_quantity GT_quantity GE_quantity LT_quantity LE_quantity
		EQ_readPoint WD_readPoint EQ_bizLocation WD_bizLocation EQ_transformationID MATCH_epc MATCH_parentID MATCH_inputEPC
		MATCH_outputEPC MATCH_anyEPC MATCH_epcClass MATCH_inputEPCClass MATCH_outputEPCClass MATCH_anyEPCClass EQ_eventID
		EXISTS_errorDeclaration GE_errorDeclaration_Time LT_errorDeclaration_Time EQ_errorReason EQ_correctiveEventID
		EXISTS_sensorElementList GE_time LT_time GE_startTime LT_startTime GE_endTime LT_endTime EQ_type EQ_deviceID
		EQ_dataProcessingMethod EQ_microorganism EQ_chemicalSubstance EQ_bizRules EQ_stringValue EQ_booleanValue
		EQ_hexBinaryValue EQ_uriValue GE_percRank LT_percRank GT_percRank LE_percRank EQ_bizTransaction_po EQ_source_owning_party
		EQ_destination_location HASATTR_ex:text EQ_ATTR_bizLocation_site`)
	for _, uom := range []string{"CEL", "GRM", "XYZ"} {
		for _, f := range []string{"value", "minValue", "maxValue", "meanValue", "sDev", "percValue", "quantity"} {
			for _, op := range []string{"EQ", "GE", "GT", "LE", "LT"} {
				if op != "EQ" && (f != "percValue" || op != "EQ") || f == "value" || f == "quantity" {
					names = append(names, op+"_"+f+"_"+uom)
				}
			}
		}
	}
	for _, scope := range []string{"", "ILMD_", "ERROR_DECLARATION_", "SENSORELEMENT_", "SENSORMETADATA_", "SENSORREPORT_", "readPoint_", "bizLocation_"} {
		for _, inner := range []string{"", "INNER_"} {
			for _, op := range []string{"EQ", "GT", "GE", "LT", "LE", "EXISTS"} {
				place := scope == "readPoint_" || scope == "bizLocation_"
				sensor := strings.HasPrefix(scope, "SENSOR")
				if place && op != "EQ" || sensor && inner != "" && op == "EXISTS" {
					continue // the schema has no such parameter
				}
				of := []string{"ex:text", "ex:number", "ex:when", "ex:nested"}
				if inner != "" {
					of = []string{"ex:inner", "ex:list", "ex:number"}
				}
				for _, field := range of {
					names = append(names, op+"_"+inner+scope+field)
				}
			}
		}
	}
	return names
}

// Value generates a value for one of Names.
func Value(t *rapid.T, name string) any {
	op, field, _ := strings.Cut(name, "_")
	number := func() any { return json.Number(pick(t, reals())) }
	switch {
	case name == "eventType":
		return some(t, []string{"ObjectEvent", "AggregationEvent", "TransactionEvent", "TransformationEvent", "AssociationEvent"})
	case op == "EXISTS":
		return rapid.SampledFrom([]any{nil, json.Number("1")}).Draw(t, "void")
	case op == "MATCH":
		return some(t, matches())
	case op == "HASATTR":
		return []string{"urn:epcglobal:cbv:mda#site"}
	case strings.HasPrefix(name, "EQ_ATTR_"):
		return []string{"A1"}
	case strings.Contains(field, ":"):
		if op == "EQ" && maybe(t) {
			return some(t, []string{"alpha", "beta", "gamma", "5", "7"})
		}
		if maybe(t) {
			return number()
		}
		return pick(t, instants())
	case strings.HasSuffix(strings.ToLower(field), "time"):
		return pick(t, instants())
	case name == "EQ_booleanValue":
		return maybe(t)
	}
	head, _, _ := strings.Cut(field, "_")
	switch head {
	case "quantity", "value", "minValue", "maxValue", "meanValue", "sDev", "percValue", "percRank":
		if op == "EQ" {
			return []any{number(), number()}
		}
		return number()
	case "action":
		return some(t, []string{"ADD", "OBSERVE", "DELETE"})
	case "bizStep", "disposition", "type":
		return some(t, words(head))
	case "persistentDisposition":
		return some(t, words("disposition"))
	case "errorReason":
		return some(t, words("reason"))
	case "readPoint", "bizLocation":
		return some(t, places())
	case "bizTransaction":
		return some(t, words("transaction"))
	case "source", "destination":
		return some(t, append(words("party"), places()...))
	case "transformationID":
		return some(t, words("transformation"))
	case "correctiveEventID", "eventID":
		return some(t, words("event"))
	case "stringValue":
		return some(t, []string{"open", "closed"})
	case "hexBinaryValue":
		return some(t, []string{"f0f0", "00"})
	}
	return some(t, words(head))
}

// Query generates a JSON query with up to n different parameters.
func Query(t *rapid.T, n int) []byte {
	q := object{"@context": json.RawMessage(Context)}
	for range rapid.IntRange(1, n).Draw(t, "parameters") {
		name, value := Parameter(t)
		q[name] = value
	}
	out, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
