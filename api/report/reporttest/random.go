package reporttest

import (
	"fmt"

	"pgregory.net/rapid"
)

// Random gives a random history over few lots, units and containers: with repackings, cycles, faults and
// late events.
func Random(t *rapid.T) *Ledger {
	l := &Ledger{}
	lots := []string{FieldLettuce, CaseLettuce, Salad, "urn:epc:idpat:sgtin:9521321.000009.*"}
	units := []string{Unit(1), Unit(2), Unit(3), Case(1), Case(2), "https://example.org/obj/1"}
	containers := []string{DrugPallet, FoodPallet, Case(1), "https://id.gs1.org/8003/09521321000019A1"}
	places := []string{FarmGLN, PackerGLN, StoreGLN}
	pick := func(of []string) string { return rapid.SampledFrom(of).Draw(t, "pick") }
	maybe := func() bool { return rapid.Bool().Draw(t, "maybe") }
	seen := map[string]bool{}
	for range rapid.IntRange(1, 5).Draw(t, "blocks") {
		var bodies []string
		for range rapid.IntRange(0, 8).Draw(t, "events") {
			at := fmt.Sprintf("2026-05-%02dT%02d:00:00.%03dZ", rapid.IntRange(1, 5).Draw(t, "day"), rapid.IntRange(0, 23).Draw(t, "hour"), rapid.IntRange(0, 2).Draw(t, "ms"))
			fields := []string{}
			if maybe() {
				fields = append(fields, place(pick(places)))
			}
			if maybe() {
				fields = append(fields, transfer(pick(places), pick(places), pick([]string{"location", "owning_party"})))
			}
			if maybe() {
				fields = append(fields, document("po", fmt.Sprintf("urn:epcglobal:cbv:bt:9521321000012:%d", rapid.IntRange(1, 9).Draw(t, "document"))))
			}
			amount := func() string { return pick([]string{"1", "2.5", "10", "0.125", ""}) }
			var kind string
			switch rapid.IntRange(0, 4).Draw(t, "kind") {
			case 0:
				kind = "ObjectEvent"
				fields = append(fields, action("OBSERVE"), step(pick([]string{"shipping", "receiving", "storing", "void_shipping", "https://example.org/bizstep/cooling"})))
				if maybe() {
					fields = append(fields, epcs("epcList", pick(append(units, containers...))))
				} else {
					fields = append(fields, quantities("quantityList", pick(lots), amount(), pick([]string{"KGM", ""})))
				}
			case 1:
				kind = "ObjectEvent"
				fields = append(fields, action("ADD"), step("commissioning"))
				if maybe() {
					fields = append(fields, epcs("epcList", pick(units)), ilmd(`"cbvmda:lotNumber":"`+pick([]string{"L-77", "A1", "F1"})+`"`))
				} else {
					fields = append(fields, quantities("quantityList", pick(lots), amount(), ""))
				}
			case 2:
				kind = "TransformationEvent"
				fields = append(fields, quantities("inputQuantityList", pick(lots), amount(), "KGM"), quantities("outputQuantityList", pick(lots), amount(), ""))
			default:
				kind = "AggregationEvent"
				fields = append(fields, `"parentID":"`+pick(containers)+`"`, action(pick([]string{"ADD", "ADD", "DELETE"})), step("packing"))
				// A DELETE that names no child takes everything out; an ADD names one.
				if maybe() {
					fields = append(fields, epcs("childEPCs", pick(append(units, containers...))))
				} else {
					fields = append(fields, quantities("childQuantityList", pick(lots), amount(), pick([]string{"KGM", ""})))
				}
			}
			body := Event(kind, at, pick([]string{"+00:00", "-07:00"}), fields...)
			if !seen[body] {
				seen[body] = true
				bodies = append(bodies, body)
			}
		}
		l.Block(t, pick([]string{"ProducerMSP", "CarrierMSP"}), bodies...)
	}
	for i := range l.records {
		if rapid.IntRange(0, 9).Draw(t, "wrong") == 0 {
			l.DeclareError(i)
		}
	}
	return l
}
