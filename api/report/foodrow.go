package report

import (
	"cmp"
	"context"
	"math/big"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/epcis"
)

// event writes the rows of one event.
func (f *food) event(ctx context.Context, e *event, cte CTE, lines []line) error {
	if len(lines) == 0 {
		lines = []line{{role: "food"}}
	}
	common, missing, err := f.common(ctx, e, cte, lines)
	if err != nil {
		return err
	}
	shown := lines
	if f.query.Lot != "" {
		if e.Type != epcis.TransformationEvent { // whose rows belong together
			shown = slices.DeleteFunc(slices.Clone(lines), func(l line) bool { return l.lot != f.query.Lot })
		} else if !slices.ContainsFunc(lines, func(l line) bool { return l.lot == f.query.Lot }) {
			shown = nil
		}
	}
	for i := range shown {
		f.row = append(f.row[:0], common...)
		row := f.row
		if err := f.line(ctx, e, cte, &shown[i], row, slices.Clone(missing)); err != nil {
			return err
		}
		if err := f.rows.Row(row); err != nil {
			return err
		}
		f.written++
	}
	return nil
}

// common fills what the rows of an event share, and names what is missing in all of them.
func (f *food) common(ctx context.Context, e *event, cte CTE, lines []line) (row []Value, missing []string, err error) {
	v, r := f.view, e.rec
	if f.shared == nil {
		f.shared = make([]Value, foodWidth)
	}
	row = f.shared
	clear(row)
	row[fCTE] = TextOf(string(cte))
	row[fEventTime] = TimeOf(r.EventTime)
	row[fRecordedBy], row[fRecordedAt] = TextOf(r.RecordedBy), TimeOf(r.RecordedAt)
	row[fHash], row[fBlock], row[fIndex], row[fTx] = TextOf(r.Hash.String()), CountOf(r.Block), CountOf(uint64(r.Index)), TextOf(r.TxID)
	if r.Leaf != nil {
		row[fLeaf] = CountOf(*r.Leaf)
	}
	if r.InError {
		row[fInError] = TextOf("yes")
	}
	row[fFindings] = TextOf(strings.Join(r.Findings, "; "))
	if cte == Unreadable {
		return row, []string{"every element: " + e.unreadable.Error()}, nil
	}
	row[fStep], row[fEventType], row[fOffset] = TextOf(string(e.BizStep)), TextOf(string(e.Type)), TextOf(e.EventTimeZoneOffset)
	row[fDate] = e.date()
	types, numbers := e.documents()
	row[fDocumentType], row[fDocumentNumber] = TextOf(types), TextOf(numbers)
	put := func(id, text int, at string, what string, required bool) {
		if err != nil || at == "" && !required {
			return
		}
		var p *place
		if p, err = v.place(ctx, at); err != nil {
			return
		}
		row[id], row[text] = TextOf(p.gln), TextOf(p.text)
		if required && len(p.missing) > 0 {
			missing = append(missing, what+": "+strings.Join(p.missing, ", "))
		}
	}
	need := func(what string, cells ...int) {
		for _, c := range cells {
			if !row[c].Empty() {
				return
			}
		}
		missing = append(missing, what)
	}
	text := func(cell int, names ...string) { row[cell] = TextOf(e.fact(names...)) }

	text(fGrowingArea, "growingArea", "fieldName", "growingAreaName", "field", "plot")
	text(fPond, "aquacultureContainer", "containerName", "pondName", "pond", "tank", "cage")
	text(fHarvester, "harvester", "harvesterName", "harvesterBusinessName")
	if phone := e.fact("harvesterPhone", "harvesterTelephone", "harvesterPhoneNumber"); phone != "" {
		row[fHarvester] = TextOf(strings.TrimPrefix(row[fHarvester].text+", "+phone, ", "))
	}
	row[fHarvestDate] = when(e.fact("harvestStartDate", "harvestDate"))
	row[fHarvestUntil] = when(e.fact("harvestEndDate"))
	text(fHarvestArea, "catchArea", "harvestLocation", "fishingArea", "majorFishingArea")
	row[fCooledDate] = when(e.fact("coolingDate", "dateOfCooling", "cooledDate"))
	row[fReceivedDate] = when(e.fact("receivedDate", "dateReceived"))

	own := placeOf(e.BizLocation)
	if own == "" || cte == Shipping || cte == VoidShipping {
		own = cmp.Or(placeOf(e.ReadPoint), own)
	}
	from := party(e.Sources, "location", "possessing_party", "owning_party")
	to := party(e.Destinations, "location", "possessing_party", "owning_party")
	switch cte {
	case Shipping, VoidShipping:
		own = cmp.Or(party(e.Sources, "location"), own)
	case Receiving, Landing:
		own = cmp.Or(own, party(e.Destinations, "location"))
	default:
	}
	where := map[CTE]string{
		Harvesting: "location where harvested", Cooling: "location where cooled", InitialPacking: "location where initially packed",
		Landing: "location of the first land-based receiver", Shipping: "location shipped from", VoidShipping: "location shipped from",
		Receiving: "location received at", Transformation: "location where transformed", LotAssigned: "location where the lot code was assigned",
	}[cte]
	put(fPlaceGLN, fPlace, own, where, true)
	switch cte {
	case Receiving, Landing:
		put(fFromGLN, fFrom, from, "immediate previous source", cte == Receiving)
	case Shipping, Harvesting, Cooling, VoidShipping:
		put(fToGLN, fTo, to, "immediate subsequent recipient", cte != VoidShipping)
	default:
	}
	farm := canonical(e.fact("farm", "farmGLN", "farmLocation", "farmID", "farmList"))
	if cte == Harvesting {
		farm = cmp.Or(farm, own)
	}
	put(fFarmGLN, fFarm, farm, "farm of harvest", cte == Harvesting || cte == Cooling || cte == InitialPacking)
	cooled := canonical(e.fact("coolingLocation", "cooledAt", "coolingLocationGLN"))
	put(fCooledGLN, fCooledAt, cooled, "location where cooled", false)
	if err != nil {
		return nil, nil, err
	}
	need("reference document type and number", fDocumentNumber)
	switch cte {
	case Harvesting:
		need("growing area (produce) or container (aquaculture)", fGrowingArea, fPond)
		if row[fHarvestDate].Empty() {
			row[fHarvestDate] = row[fDate]
		}
	case Cooling:
		row[fCooledGLN], row[fCooledAt], row[fCooledDate] = row[fPlaceGLN], row[fPlace], row[fDate]
	case InitialPacking:
		if d := when(e.fact("packagingDate", "packDate", "packingDate")); !d.Empty() && d.kind == Date {
			row[fDate] = d
		}
		received(row, lines)
		need("date the food was received", fReceivedDate)
		need("quantity and unit of measure received", fReceivedQuantity)
		need("growing area (produce) or container (aquaculture)", fGrowingArea, fPond)
		need("harvester: business name and phone number", fHarvester)
		need("date of harvesting", fHarvestDate)
	case Landing:
		if d := when(e.fact("landingDate", "unloadingDate")); !d.Empty() && d.kind == Date {
			row[fDate] = d
		}
		need("harvest date range", fHarvestDate, fHarvestUntil)
		need("harvest locations", fHarvestArea)
	case LotAssigned:
		missing = append(missing, "which critical tracking event (initial packing, first land-based receiving or transformation)")
	default:
	}
	return row, missing, nil
}

// received sums up what an initial packing took in, if it is all of one unit.
func received(row []Value, lines []line) {
	sum, unit, first := new(big.Rat), "", true
	for _, l := range lines {
		if l.role != "used" {
			continue
		}
		n, ok := new(big.Rat).SetString(l.amount)
		if !ok || !first && unit != l.uom {
			return
		}
		sum.Add(sum, n)
		unit, first = l.uom, false
	}
	if !first {
		row[fReceivedQuantity], row[fReceivedUnit] = NumberOf(decimal(sum)), TextOf(unitName(unit))
	}
}

// line fills what belongs to one lot.
func (f *food) line(ctx context.Context, e *event, cte CTE, l *line, row []Value, missing []string) error {
	if cte == Unreadable {
		row[fMissing] = TextOf(strings.Join(missing, "; "))
		return nil
	}
	role := l.role
	if cte == InitialPacking {
		role = map[string]string{"used": "received", "produced": "packed", "food": "packed"}[role]
	}
	needed := cte != Harvesting && cte != Cooling && role != "received" // a lot has its code from then on
	own := role != "used" && role != "received"                         // the event's own KDEs are those of what comes out of it
	if !own {
		missing = nil
	}
	row[fLine] = TextOf(role)
	id := parts(l.lot)
	if id.gtin == "" {
		id.gtin = parts(l.class).gtin
	}
	row[fGTIN], row[fLot] = TextOf(id.gtin), TextOf(id.lot)
	code := l.lot
	assigns := l.origin != nil && l.origin.event == e.rec.Hash
	if l.origin != nil && l.origin.facts["traceabilityLotCode"] != "" {
		code = l.origin.facts["traceabilityLotCode"]
	}
	row[fTLC] = TextOf(lotCode(code))
	lack := func(what string) { missing = append(missing, what) }
	if row[fTLC].Empty() && needed {
		lack("traceability lot code")
	}
	if !l.inferred && l.unit != "" {
		lack("contents of the logistic unit")
	}
	row[fQuantity], row[fUnit] = NumberOf(l.amount), TextOf(l.uom)
	if row[fQuantity].Empty() {
		lack("quantity and unit of measure")
	} else {
		row[fUnitName] = TextOf(unitName(l.uom))
	}
	if l.unit != "" && !l.inferred {
		row[fUnitName] = TextOf("logistic units")
	}
	if l.partial {
		lack("quantity: the logistic unit has more events than are looked at")
	}
	row[fLogisticUnit] = TextOf(l.unit)
	switch {
	case l.inferred:
		row[fInferred] = TextOf("inferred through aggregation")
	case len(l.objects) > 0 && l.lot != "":
		row[fInferred] = TextOf("by the events that commissioned the serial numbers")
	case l.lot != "":
		row[fInferred] = TextOf("named in the event")
	}
	g, err := f.view.good(ctx, cmp.Or(l.lot, l.class))
	if err != nil {
		return err
	}
	described(e, l, g, row, lack, cte)
	if own {
		if err := f.source(ctx, e, cte, l, row, lack, assigns); err != nil {
			return err
		}
	}
	row[fMissing] = TextOf(strings.Join(missing, "; "))
	return nil
}

// described fills the product description (21 CFR 1.1310) and the commodity.
func described(e *event, l *line, g *good, row []Value, lack func(string), cte CTE) {
	said := func(names ...string) string {
		if s := g.first(names...); s != "" {
			return s
		}
		if l.origin != nil {
			for _, n := range names {
				if s := l.origin.facts[n]; s != "" {
					return s
				}
			}
		}
		if l.role == "food" || l.role == "produced" {
			return e.fact(names...)
		}
		return ""
	}
	commodity := said("commodity", "functionalName", "speciesForFisheryStatisticsPurposesName", "scientificName")
	variety := said("variety", "varietyName", "growingVariety")
	row[fCommodity] = TextOf(join(", ", commodity, variety))
	if cte == Harvesting || cte == Cooling || cte == InitialPacking {
		if commodity == "" {
			lack("commodity and variety")
		}
	}
	if cte == Harvesting || cte == Cooling || cte == InitialPacking && l.role == "used" {
		return
	}
	name := said("descriptionShort", "tradeItemDescription", "productDescription", "regulatedProductName", "productName", "name")
	size := said("netContentDescription", "packagingSize", "netContent", "drainedWeight", "netWeight")
	style := said("packagingStyle", "packagingType", "packagingTypeCode", "tradeItemUnitDescriptor")
	brand := said("brandName", "brand")
	if name == "" {
		name = commodity
	}
	row[fProduct] = TextOf(join(", ", brand, name, variety, size, style))
	var parts []string
	for _, p := range [][2]string{{name, "product name"}, {size, "packaging size"}, {style, "packaging style"}} {
		if p[0] == "" {
			parts = append(parts, p[1])
		}
	}
	if len(parts) > 0 {
		lack("product description: " + strings.Join(parts, ", "))
	}
}

// source fills the traceability lot code source: what is said, or the place where the ledger saw the
// lot code assigned.
func (f *food) source(ctx context.Context, e *event, cte CTE, l *line, row []Value, lack func(string), assigns bool) error {
	if cte == Harvesting || cte == Cooling {
		return nil
	}
	at := canonical(e.fact("traceabilityLotCodeSource", "tlcSource", "traceabilityLotCodeSourceGLN"))
	row[fSourceReference] = TextOf(e.fact("traceabilityLotCodeSourceReference", "tlcSourceReference"))
	if o := l.origin; o != nil && o.known && l.lot != "" {
		row[fSourceEvent] = TextOf(o.event.String())
		at = cmp.Or(at, canonical(o.facts["traceabilityLotCodeSource"]), o.place)
		if row[fSourceReference].Empty() {
			row[fSourceReference] = TextOf(o.facts["traceabilityLotCodeSourceReference"])
		}
	}
	if at == "" {
		if row[fSourceReference].Empty() && !assigns {
			lack("traceability lot code source, or its reference")
		}
		return nil
	}
	p, err := f.view.place(ctx, at)
	if err != nil {
		return err
	}
	row[fSourceGLN], row[fSource] = TextOf(p.gln), TextOf(p.text)
	if len(p.missing) > 0 && row[fSourceReference].Empty() {
		lack("traceability lot code source: " + strings.Join(p.missing, ", "))
	}
	return nil
}

func join(separator string, texts ...string) string {
	return strings.Join(slices.DeleteFunc(texts, func(s string) bool { return s == "" }), separator)
}

// unitName says in words what UN/CEFACT recommendations 20 and 21 abbreviate; other codes stay.
func unitName(code string) string {
	switch code {
	case "":
		return "count of trade items"
	case "KGM":
		return "kilograms"
	case "GRM":
		return "grams"
	case "TNE":
		return "tonnes"
	case "LBR":
		return "pounds"
	case "ONZ":
		return "ounces"
	case "STN":
		return "short tons"
	case "LTR":
		return "litres"
	case "MLT":
		return "millilitres"
	case "GLL":
		return "US gallons"
	case "EA", "C62", "H87":
		return "pieces"
	case "CS", "XCS":
		return "cases"
	case "BX", "XBX":
		return "boxes"
	case "CR", "XCR":
		return "crates"
	case "CT", "XCT":
		return "cartons"
	case "PX", "XPX":
		return "pallets"
	case "BG", "XBG":
		return "bags"
	case "BI", "XBI":
		return "bins"
	}
	return code
}
