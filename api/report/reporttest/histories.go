package reporttest

import (
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/epcis"
)

// Identifiers of the histories.
const (
	FarmGLN    = "urn:epc:id:sgln:9521321.00001.0"
	PackerGLN  = "urn:epc:id:sgln:9521321.00002.0"
	StoreGLN   = "urn:epc:id:sgln:9521321.00003.0"
	KitchenGLN = "urn:epc:id:sgln:9521321.00004.0"
	ShopGLN    = "urn:epc:id:sgln:9521321.00005.0"
	PierGLN    = "urn:epc:id:sgln:9521321.00006.0"

	FieldLettuce = "urn:epc:class:lgtin:9521321.000001.F1"
	CaseLettuce  = "urn:epc:class:lgtin:9521321.000002.L-77"
	Salad        = "urn:epc:class:lgtin:9521321.000003.S9"
	Tuna         = "urn:epc:class:lgtin:9521321.000004.T4"
	FoodPallet   = "urn:epc:id:sscc:9521321.0000000011"

	MakerGLN      = "urn:epc:id:sgln:9521321.00011.0"
	WholesalerGLN = "urn:epc:id:sgln:9521322.00012.0"
	PharmacyGLN   = "urn:epc:id:sgln:9521323.00013.0"
	DrugPallet    = "urn:epc:id:sscc:9521321.0000000021"
)

// Unit names the n-th saleable unit of the medicine, Case its n-th case.
func Unit(n int) string { return fmt.Sprintf("urn:epc:id:sgtin:9521321.000021.U%d", n) }

// Case names the n-th case of the medicine.
func Case(n int) string { return fmt.Sprintf("urn:epc:id:sgtin:9521321.100021.C%d", n) }

// Event writes an event as JSON. The fields are a JSON object's members.
func Event(kind, at, offset string, fields ...string) string {
	members := append([]string{`"type":"` + kind + `"`, `"eventTime":"` + at + `"`, `"eventTimeZoneOffset":"` + offset + `"`}, fields...)
	return "{" + strings.Join(members, ",") + "}"
}

func place(gln string) string {
	return `"readPoint":{"id":"` + gln + `"},"bizLocation":{"id":"` + gln + `"}`
}

func read(gln string) string { return `"readPoint":{"id":"` + gln + `"}` }

func step(s string) string { return `"bizStep":"` + s + `"` }

func action(s string) string { return `"action":"` + s + `"` }

func quantities(list string, of ...string) string {
	var out []string
	for i := 0; i+2 < len(of); i += 3 {
		q := `{"epcClass":"` + of[i] + `"`
		if of[i+1] != "" {
			q += `,"quantity":` + of[i+1]
		}
		if of[i+2] != "" {
			q += `,"uom":"` + of[i+2] + `"`
		}
		out = append(out, q+"}")
	}
	return `"` + list + `":[` + strings.Join(out, ",") + "]"
}

func epcs(list string, of ...string) string {
	return `"` + list + `":["` + strings.Join(of, `","`) + `"]`
}

func document(kind, id string) string {
	return `"bizTransactionList":[{"type":"` + kind + `","bizTransaction":"` + id + `"}]`
}

func transfer(from, to, kind string) string {
	return `"sourceList":[{"type":"` + kind + `","source":"` + from + `"}],"destinationList":[{"type":"` + kind + `","destination":"` + to + `"}]`
}

func ilmd(members string) string { return `"ilmd":{` + members + "}" }

// canonical gives master data by canonical identifiers.
func canonical(tb fataler, by map[string]map[string]string) Master {
	m := Master{}
	for id, attributes := range by {
		c, err := epcis.CanonicalEPC(id)
		if err != nil {
			tb.Fatal(err)
		}
		m[c] = attributes
	}
	return m
}

// Food is a history of lettuce, from the field to a shop, and of a landed fish. Its last events have
// faults: a shipping that was declared in error, and one of a pallet that nobody packed.
func Food(tb fataler) (*Ledger, Master) {
	l := &Ledger{}
	l.Block(tb, "ProducerMSP",
		Event("ObjectEvent", "2026-05-01T06:30:00-07:00", "-07:00", quantities("quantityList", FieldLettuce, "1200.5", "KGM"), action("ADD"),
			step("https://example.org/bizstep/harvesting"), place(FarmGLN), transfer(FarmGLN, PackerGLN, "location"),
			document("bol", "urn:epcglobal:cbv:bt:9521321000012:H-1"), ilmd(`"cbvmda:harvestStartDate":"2026-05-01","cbvmda:growingArea":"North 40"`)),
		Event("ObjectEvent", "2026-05-01T09:00:00-07:00", "-07:00", quantities("quantityList", FieldLettuce, "1200.5", "KGM"), action("OBSERVE"),
			step("https://example.org/bizstep/cooling"), place(PackerGLN), transfer(PackerGLN, PackerGLN, "location"), document("prodorder", "urn:epcglobal:cbv:bt:9521321000029:COOL-1"), `"cbvmda:farm":"`+FarmGLN+`"`),
		Event("TransformationEvent", "2026-05-01T23:30:00-07:00", "-07:00", quantities("inputQuantityList", FieldLettuce, "1200.5", "KGM"),
			quantities("outputQuantityList", CaseLettuce, "100", ""), step("https://example.org/bizstep/initial_packing"), place(PackerGLN),
			document("prodorder", "urn:epcglobal:cbv:bt:9521321000029:PO-5"),
			ilmd(`"cbvmda:harvestStartDate":"2026-05-01","cbvmda:growingArea":"North 40","cbvmda:farm":"`+FarmGLN+`","cbvmda:harvester":"Valley Harvest","cbvmda:harvesterPhone":"+1 555 0100","cbvmda:receivedDate":"2026-05-01","cbvmda:coolingDate":"2026-05-01","cbvmda:coolingLocation":"`+PackerGLN+`"`)),
	)
	l.Block(tb, "ProducerMSP",
		Event("AggregationEvent", "2026-05-02T08:00:00-07:00", "-07:00", `"parentID":"`+FoodPallet+`"`, quantities("childQuantityList", CaseLettuce, "60", ""), action("ADD"), step("packing"), place(PackerGLN)),
		Event("ObjectEvent", "2026-05-02T10:00:00-07:00", "-07:00", epcs("epcList", FoodPallet), action("OBSERVE"), step("shipping"), read(PackerGLN),
			transfer(PackerGLN, StoreGLN, "location"), document("desadv", "urn:epcglobal:cbv:bt:9521321000029:ASN-1")),
	)
	l.Block(tb, "CarrierMSP",
		Event("ObjectEvent", "2026-05-03T07:00:00-05:00", "-05:00", epcs("epcList", FoodPallet), action("OBSERVE"), step("receiving"), place(StoreGLN),
			transfer(PackerGLN, StoreGLN, "location"), document("recadv", "urn:epcglobal:cbv:bt:9521321000036:RA-1")),
		Event("AggregationEvent", "2026-05-03T08:00:00-05:00", "-05:00", `"parentID":"`+FoodPallet+`"`, quantities("childQuantityList", CaseLettuce, "20", ""), action("DELETE"), step("unpacking"), place(StoreGLN)),
		Event("ObjectEvent", "2026-05-03T09:00:00-05:00", "-05:00", quantities("quantityList", CaseLettuce, "20", ""), action("OBSERVE"), step("shipping"), read(StoreGLN),
			transfer(StoreGLN, KitchenGLN, "location"), document("inv", "urn:epcglobal:cbv:bt:9521321000036:=1+1")),
		Event("ObjectEvent", "2026-05-03T09:30:00-05:00", "-05:00", epcs("epcList", FoodPallet), action("OBSERVE"), step("shipping"), read(StoreGLN), transfer(StoreGLN, ShopGLN, "location")),
	)
	l.Block(tb, "RetailerMSP",
		Event("TransformationEvent", "2026-05-04T05:00:00-05:00", "-05:00", quantities("inputQuantityList", CaseLettuce, "20", ""), quantities("outputQuantityList", Salad, "96.25", "LBR"),
			step("commissioning"), place(KitchenGLN), document("prodorder", "urn:epcglobal:cbv:bt:9521321000043:W-3"), ilmd(`"cbvmda:traceabilityLotCodeSourceReference":"https://kitchen.example.org/tlc"`)),
		Event("ObjectEvent", "2026-05-04T06:00:00-05:00", "-05:00", quantities("quantityList", Tuna, "300", "KGM"), action("ADD"), step("urn:gdst:bizStep:landing"), place(PierGLN),
			document("cert", "urn:epcglobal:cbv:bt:9521321000067:LAND-8"), ilmd(`"cbvmda:harvestStartDate":"2026-04-20","cbvmda:harvestEndDate":"2026-05-02","cbvmda:catchArea":"FAO 77"`)),
		Event("ObjectEvent", "2026-05-04T12:00:00-05:00", "-05:00", quantities("quantityList", Salad, "96.25", "LBR"), action("OBSERVE"), step("shipping"), read(KitchenGLN), transfer(KitchenGLN, ShopGLN, "location")),
		Event("ObjectEvent", "2026-05-04T12:30:00-05:00", "-05:00", epcs("epcList", "urn:epc:id:sscc:9521321.0000000099"), action("OBSERVE"), step("shipping"), read(KitchenGLN)),
	)
	l.DeclareError(11)
	l.Finding(12, "shipped_by_non_holder")
	where := func(name, street, city, state, zip string) map[string]string {
		return map[string]string{"name": name, "telephone": "+1 555 0199", "streetAddressOne": street, "city": city, "state": state, "postalCode": zip, "countryCode": "US"}
	}
	return l, canonical(tb, map[string]map[string]string{
		FarmGLN:                                where("Valley Farm", "1 Field Rd", "Salinas", "CA", "93901"),
		PackerGLN:                              where("Valley Packing", "2 Shed Ave", "Salinas", "CA", "93901"),
		StoreGLN:                               where("Central Store", "3 Dock St", "Dallas", "TX", "75201"),
		KitchenGLN:                             where("Fresh Kitchen", "4 Oven Ln", "Dallas", "TX", "75201"),
		ShopGLN:                                {"name": "Corner Shop", "city": "Dallas", "countryCode": "US"},
		"urn:epc:idpat:sgtin:9521321.000001.*": {"commodity": "lettuce", "variety": "romaine"},
		"urn:epc:idpat:sgtin:9521321.000002.*": {"commodity": "lettuce", "variety": "romaine", "descriptionShort": "Romaine lettuce", "brandName": "Valley", "netContentDescription": "24 heads", "packagingStyle": "carton"},
		"urn:epc:idpat:sgtin:9521321.000003.*": {"descriptionShort": "Green salad"},
	})
}

// Drug is a history of a medicine: 4 units in 2 cases on a pallet, from the maker over a wholesaler to a
// pharmacy, which takes one unit out.
func Drug(tb fataler) (*Ledger, Master) {
	l := &Ledger{Facts: nil}
	lot := ilmd(`"cbvmda:lotNumber":"A123","cbvmda:itemExpirationDate":"2027-03-31"`)
	l.Block(tb, "ProducerMSP",
		Event("ObjectEvent", "2026-03-01T06:00:00Z", "-05:00", epcs("epcList", Unit(1), Unit(2), Unit(3), Unit(4)), action("ADD"), step("commissioning"), place(MakerGLN), lot),
		Event("ObjectEvent", "2026-03-01T06:10:00Z", "-05:00", epcs("epcList", Case(1), Case(2)), action("ADD"), step("commissioning"), place(MakerGLN), lot),
		Event("AggregationEvent", "2026-03-01T07:00:00Z", "-05:00", `"parentID":"`+Case(1)+`"`, epcs("childEPCs", Unit(1), Unit(2)), action("ADD"), step("packing"), place(MakerGLN)),
		Event("AggregationEvent", "2026-03-01T07:05:00Z", "-05:00", `"parentID":"`+Case(2)+`"`, epcs("childEPCs", Unit(3), Unit(4)), action("ADD"), step("packing"), place(MakerGLN)),
		Event("AggregationEvent", "2026-03-01T08:00:00Z", "-05:00", `"parentID":"`+DrugPallet+`"`, epcs("childEPCs", Case(1), Case(2)), action("ADD"), step("packing"), place(MakerGLN)),
		Event("ObjectEvent", "2026-03-02T03:00:00Z", "-05:00", epcs("epcList", DrugPallet), action("OBSERVE"), step("shipping"), read(MakerGLN),
			transfer(MakerGLN, WholesalerGLN, "owning_party"), document("po", "urn:epcglobal:cbv:bt:9521322000127:PO-1"), `"example:affirmTransactionStatement":"true"`),
	)
	l.Block(tb, "WholesalerMSP",
		Event("ObjectEvent", "2026-03-03T09:00:00Z", "-06:00", epcs("epcList", DrugPallet), action("OBSERVE"), step("receiving"), place(WholesalerGLN), transfer(MakerGLN, WholesalerGLN, "owning_party")),
		Event("AggregationEvent", "2026-03-03T10:00:00Z", "-06:00", `"parentID":"`+DrugPallet+`"`, action("DELETE"), step("unpacking"), place(WholesalerGLN)),
		Event("ObjectEvent", "2026-03-05T10:00:00Z", "-06:00", epcs("epcList", Case(1)), action("OBSERVE"), step("shipping"), read(WholesalerGLN), transfer(WholesalerGLN, PharmacyGLN, "owning_party")),
		Event("ObjectEvent", "2026-03-05T11:00:00Z", "-06:00", epcs("epcList", DrugPallet), action("OBSERVE"), step("shipping"), read(WholesalerGLN), transfer(WholesalerGLN, MakerGLN, "owning_party")),
	)
	l.Block(tb, "PharmacyMSP",
		Event("ObjectEvent", "2026-03-06T10:00:00Z", "-06:00", epcs("epcList", Case(1)), action("OBSERVE"), step("receiving"), place(PharmacyGLN)),
		Event("AggregationEvent", "2026-03-06T11:00:00Z", "-06:00", `"parentID":"`+Case(1)+`"`, epcs("childEPCs", Unit(1)), action("DELETE"), step("unpacking"), place(PharmacyGLN)),
		Event("ObjectEvent", "2026-03-09T11:00:00Z", "-06:00", epcs("epcList", Unit(1)), action("OBSERVE"), step("shipping"), read(PharmacyGLN), transfer(PharmacyGLN, PharmacyGLN, "owning_party")),
	)
	return l, canonical(tb, map[string]map[string]string{
		"urn:epc:idpat:sgtin:9521321.000021.*": {
			"regulatedProductName": "Epcistra", "strengthDescription": "100 mg", "dosageFormType": "PILL", "netContentDescription": "500 pills",
			"additionalTradeItemIdentification": "0001-0123-45", "additionalTradeItemIdentificationTypeCode": "US_FDA_NDC",
		},
		MakerGLN:      {"name": "Maker", "streetAddressOne": "1 Biopharm Ct", "city": "Thousand Oaks", "state": "CA", "postalCode": "91320", "countryCode": "US"},
		WholesalerGLN: {"name": "Wholesaler", "streetAddressOne": "230 Park Ave S", "city": "New York", "state": "NY", "postalCode": "10003", "countryCode": "US"},
	})
}
