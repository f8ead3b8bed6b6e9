package report

import (
	"cmp"
	"context"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/epcis"
)

// FoodQuery says which rows the food traceability spreadsheet has.
type FoodQuery struct {
	// Lot is the canonical identifier of a batch or lot (LotOf); empty for every lot.
	Lot string
	// From and Until bound the event time; a zero time is open, Until is exclusive.
	From, Until time.Time
	// Zone is what times are shown in; nil for UTC. Dates are those of the place and the event.
	Zone *time.Location
}

// Sink begins a sheet. A report calls it once, before its first row.
type Sink func(*Sheet) (Rows, error)

// Progress is told now and then how many events a report has read and how many rows it has.
type Progress func(events, rows uint64)

// CTE is a critical tracking event of 21 CFR 1.1310.
type CTE string

// The critical tracking events, and what is close to one.
const (
	Harvesting     CTE = "harvesting"
	Cooling        CTE = "cooling before initial packing"
	InitialPacking CTE = "initial packing"
	Landing        CTE = "first land-based receiving"
	Shipping       CTE = "shipping"
	Receiving      CTE = "receiving"
	Transformation CTE = "transformation"
	// LotAssigned is an event that gives a lot its code and does not say whether by initial packing,
	// first land-based receiving or transformation.
	LotAssigned CTE = "lot code assigned"
	// VoidShipping takes an earlier shipping back.
	VoidShipping CTE = "shipping voided"
	// Unreadable is an event that this program cannot read.
	Unreadable CTE = "unreadable"
	// NoCTE is any other event: it has no row.
	NoCTE CTE = ""
)

// The columns of the food traceability spreadsheet.
const (
	fCTE = iota
	fTLC
	fLine
	fGTIN
	fLot
	fQuantity
	fUnit
	fUnitName
	fProduct
	fCommodity
	fDate
	fPlaceGLN
	fPlace
	fFromGLN
	fFrom
	fToGLN
	fTo
	fSourceGLN
	fSource
	fSourceReference
	fSourceEvent
	fFarmGLN
	fFarm
	fGrowingArea
	fPond
	fHarvester
	fHarvestDate
	fHarvestUntil
	fHarvestArea
	fCooledGLN
	fCooledAt
	fCooledDate
	fReceivedDate
	fReceivedQuantity
	fReceivedUnit
	fDocumentType
	fDocumentNumber
	fLogisticUnit
	fInferred
	fMissing
	fStep
	fEventType
	fEventTime
	fOffset
	fInError
	fFindings
	fRecordedBy
	fRecordedAt
	fHash
	fBlock
	fIndex
	fTx
	fLeaf
	foodWidth
)

func foodColumns() []Column {
	c := make([]Column, foodWidth)
	set := func(i int, key, title string, kind Kind, law string) { c[i] = Column{key, title, kind, law} }
	set(fCTE, "cte", "Critical tracking event", Text, "21 CFR 1.1325-1.1350")
	set(fTLC, "tlc", "Traceability lot code", Text, "21 CFR 1.1340(a)(1)")
	set(fLine, "line", "The lot in the event (food, received, packed, used, produced)", Text, "21 CFR 1.1350(a)")
	set(fGTIN, "gtin", "GTIN", Text, "")
	set(fLot, "batch_lot", "Batch or lot number", Text, "")
	set(fQuantity, "quantity", "Quantity", Number, "21 CFR 1.1340(a)(2)")
	set(fUnit, "unit", "Unit of measure (UN/CEFACT code; empty: a count)", Text, "21 CFR 1.1340(a)(2)")
	set(fUnitName, "unit_name", "Unit of measure", Text, "21 CFR 1.1340(a)(2)")
	set(fProduct, "product_description", "Product description", Text, "21 CFR 1.1340(a)(3)")
	set(fCommodity, "commodity_variety", "Commodity and variety, or species", Text, "21 CFR 1.1325(a)(1)(ii)")
	set(fDate, "date", "Date of the tracking event, where it happened", Date, "21 CFR 1.1340(a)(6)")
	set(fPlaceGLN, "location_id", "Location of the tracking event: GLN or identifier", Text, "")
	set(fPlace, "location", "Location of the tracking event: description", Text, "21 CFR 1.1340(a)(5)")
	set(fFromGLN, "previous_source_id", "Immediate previous source: GLN or identifier", Text, "")
	set(fFrom, "previous_source", "Immediate previous source: location description", Text, "21 CFR 1.1345(a)(4)")
	set(fToGLN, "subsequent_recipient_id", "Immediate subsequent recipient: GLN or identifier", Text, "")
	set(fTo, "subsequent_recipient", "Immediate subsequent recipient: location description", Text, "21 CFR 1.1340(a)(4)")
	set(fSourceGLN, "tlc_source_id", "Traceability lot code source: GLN or identifier", Text, "")
	set(fSource, "tlc_source", "Traceability lot code source: location description", Text, "21 CFR 1.1340(a)(7)")
	set(fSourceReference, "tlc_source_reference", "Traceability lot code source reference", Text, "21 CFR 1.1340(a)(7)")
	set(fSourceEvent, "tlc_source_event", "Event that assigned the lot code (hash)", Text, "")
	set(fFarmGLN, "farm_id", "Farm of harvest: GLN or identifier", Text, "")
	set(fFarm, "farm", "Farm of harvest: location description", Text, "21 CFR 1.1325(a)(1)(iv)")
	set(fGrowingArea, "growing_area", "Field or growing area", Text, "21 CFR 1.1325(a)(1)(v)")
	set(fPond, "aquaculture_container", "Container of aquacultured food", Text, "21 CFR 1.1325(a)(1)(vi)")
	set(fHarvester, "harvester", "Harvester: business name and phone number", Text, "21 CFR 1.1330(a)(7)")
	set(fHarvestDate, "harvest_date", "Date of harvesting, or first of the range", Date, "21 CFR 1.1330(a)(8)")
	set(fHarvestUntil, "harvest_date_last", "Last date of the harvest range", Date, "21 CFR 1.1335(d)")
	set(fHarvestArea, "harvest_location", "Harvest locations of the fishing trip", Text, "21 CFR 1.1335(d)")
	set(fCooledGLN, "cooling_location_id", "Cooled at: GLN or identifier", Text, "")
	set(fCooledAt, "cooling_location", "Cooled at: location description", Text, "21 CFR 1.1330(a)(9)")
	set(fCooledDate, "cooling_date", "Date of cooling", Date, "21 CFR 1.1330(a)(10)")
	set(fReceivedDate, "received_date", "Date the packed food was received", Date, "21 CFR 1.1330(a)(2)")
	set(fReceivedQuantity, "received_quantity", "Quantity received for packing", Number, "21 CFR 1.1330(a)(3)")
	set(fReceivedUnit, "received_unit", "Unit of measure received for packing", Text, "21 CFR 1.1330(a)(3)")
	set(fDocumentType, "reference_document_type", "Reference document type", Text, "21 CFR 1.1340(a)(8)")
	set(fDocumentNumber, "reference_document_number", "Reference document number", Text, "21 CFR 1.1340(a)(8)")
	set(fLogisticUnit, "logistic_unit", "Logistic unit", Text, "")
	set(fInferred, "inferred", "How the lot was found", Text, "")
	set(fMissing, "missing", "Key data elements not on record", Text, "")
	set(fStep, "business_step", "Business step (CBV)", Text, "")
	set(fEventType, "event_type", "Event type (EPCIS)", Text, "")
	set(fEventTime, "event_time", "Event time", Time, "")
	set(fOffset, "event_time_zone_offset", "Time zone offset of the event", Text, "")
	set(fInError, "declared_in_error", "Declared in error since", Text, "")
	set(fFindings, "findings", "Findings of the ledger's rules", Text, "")
	set(fRecordedBy, "recorded_by", "Recorded by", Text, "")
	set(fRecordedAt, "recorded_at", "Recorded at", Time, "")
	set(fHash, "event_hash", "Event hash", Text, "")
	set(fBlock, "ledger_block", "Ledger block", Number, "")
	set(fIndex, "ledger_index", "Index in the block", Number, "")
	set(fTx, "ledger_transaction", "Ledger transaction", Text, "")
	set(fLeaf, "proof_leaf", "Leaf of the proof log", Number, "")
	return c
}

// FoodSheet describes the food traceability spreadsheet.
func FoodSheet(q FoodQuery, asOf AsOf) *Sheet {
	subject := "all lots"
	if q.Lot != "" {
		subject = "lot " + lotCode(q.Lot)
	}
	if !q.From.IsZero() {
		subject += ", from " + TimeOf(q.From).String()
	}
	if !q.Until.IsZero() {
		subject += ", before " + TimeOf(q.Until).String()
	}
	return &Sheet{
		Name: "fsma204", Title: "Food traceability: sortable spreadsheet", Law: "FSMA section 204(d); 21 CFR 1.1455(c)(3)(ii)",
		Subject: subject, AsOf: asOf, Zone: q.Zone, Columns: foodColumns(),
		Notes: []string{
			"One row for each lot in a critical tracking event, sorted by event time, ledger position and lot. Filter by the first column for one kind of event.",
			"Empty cells are not on record. Those that the rule asks for of a row's event are named in its column " + strconv.Quote("Key data elements not on record") + ".",
			"Dates are those of the calendar where the event happened. Quantities without a unit of measure are counts.",
			"The ledger does not say whether a food is on the Food Traceability List, nor whom the rule exempts.",
			"Lots in a logistic unit are inferred through the aggregation events that held at the event's time; the column " + strconv.Quote("How the lot was found") + " says where.",
		},
	}
}

// FoodTraceability writes the food traceability spreadsheet. Its memory does not grow with the number
// of rows. ErrTooLarge, ErrUnknownLot, ErrArgument for a query that no time fits, or the source's error.
func FoodTraceability(ctx context.Context, source Source, master MasterData, q FoodQuery, sink Sink, progress Progress) error {
	if !q.From.IsZero() && !q.Until.IsZero() && !q.From.Before(q.Until) {
		return fmt.Errorf("%w: no time lies at or after %s and before %s", ErrArgument, q.From.Format(time.RFC3339), q.Until.Format(time.RFC3339))
	}
	asOf, err := source.AsOf(ctx)
	if err != nil {
		return err
	}
	f := &food{view: newLedgerView(source, master, asOf), query: q, progress: progress}
	var named []*event
	if q.Lot != "" { // before the sheet begins, so that a lot that nobody knows has none
		if named, err = f.gather(ctx); err != nil {
			return err
		}
	}
	if f.rows, err = sink(FoodSheet(q, asOf)); err != nil {
		return err
	}
	if q.Lot != "" {
		return f.lot(ctx, named)
	}
	return f.all(ctx)
}

// food makes the rows.
type food struct {
	view     *ledgerView
	query    FoodQuery
	rows     Rows
	progress Progress

	read, written uint64
	// shared and row are used again for each event and each row.
	shared, row []Value
	// seen holds the objects whose beginnings have passed, in a report that began with the first event; nil in
	// others.
	seen *filter
}

// pageSize is how many events of a lot are taken at a time.
const pageSize = 2_000

// all reports on every event of the query's time.
func (f *food) all(ctx context.Context) error {
	sel := Selection{From: f.query.From, Until: f.query.Until, AsOf: f.view.asOf}
	if f.query.From.IsZero() {
		f.seen = newFilter()
	}
	for chunk, err := range readAhead(ctx, f.view.source, sel) {
		if err == nil {
			err = f.report(ctx, chunk)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// report writes the rows of events that are in order.
func (f *food) report(ctx context.Context, events []*event) error {
	kinds := make([]CTE, len(events))
	var containers []string
	for i, e := range events {
		if kinds[i] = cteOf(e); kinds[i] == NoCTE {
			continue
		}
		for _, it := range e.Items() {
			if !it.Class && parts(it.Canonical).gtin == "" && wanted(e, it) {
				containers = append(containers, it.Canonical)
			}
		}
	}
	if err := f.view.load(ctx, containers); err != nil {
		return err
	}
	lines := make([][]line, len(events))
	var objects []string
	for i, e := range events {
		if kinds[i] == NoCTE {
			continue
		}
		lines[i] = f.view.lines(e)
		for _, l := range lines[i] {
			objects = append(objects, l.objects...)
			if l.class != "" {
				objects = append(objects, l.class)
			}
		}
	}
	if f.seen != nil {
		f.view.learn(events, f.seen)
	}
	if err := f.view.trace(ctx, objects); err != nil {
		return err
	}
	for i, e := range events {
		if kinds[i] == NoCTE {
			continue
		}
		if err := f.event(ctx, e, kinds[i], f.view.byLot(lines[i])); err != nil {
			return err
		}
	}
	f.read += uint64(len(events))
	if f.progress != nil {
		f.progress(f.read, f.written)
	}
	return ctx.Err()
}

// wanted reports whether an object of an event is one that rows are about: the parent of an
// aggregation is what its children stand in.
func wanted(e *event, it epcis.Item) bool {
	return it.Role != epcis.RoleParent || len(e.ChildEPCs)+len(e.ChildQuantities) == 0 && len(e.EPCs)+len(e.Quantities) == 0
}

// cteOf tells which critical tracking event an event is. What the CBV has no word for is known by the
// last word of another vocabulary's URI, such as urn:gdst:bizStep:landing.
func cteOf(e *event) CTE {
	if e.unreadable != nil {
		return Unreadable
	}
	switch word := lastWord(string(e.BizStep)); word {
	case "harvesting", "harvest", "farmharvest":
		return Harvesting
	case "cooling", "precooling", "hydrocooling", "vacuumcooling", "icing", "forcedaircooling":
		return Cooling
	case "initialpacking", "initialpack":
		return InitialPacking
	case "landing", "firstlandbasedreceiving", "firstlandbasedreceiver", "firstlandreceiving":
		return Landing
	case "shipping", "consigning":
		return Shipping
	case "receiving", "accepting":
		return Receiving
	case "voidshipping":
		return VoidShipping
	case "transformation", "transforming", "repackaging", "processing":
		return Transformation
	}
	harvested := e.fact("harvestStartDate", "harvestDate", "harvestEndDate") != ""
	if e.Type == epcis.TransformationEvent {
		if harvested {
			return InitialPacking
		}
		return Transformation
	}
	if e.Type == epcis.ObjectEvent && e.Action == epcis.Add && givesLot(e) {
		switch {
		case e.fact("vesselCatchInformationList", "vesselCatchInformation", "catchArea", "landingDate") != "" || nested(e, "vesselCatchInformationList"):
			return Landing
		case harvested:
			return InitialPacking
		}
		return LotAssigned
	}
	return NoCTE
}

func nested(e *event, name string) bool {
	return slices.ContainsFunc(e.ILMD, func(x epcis.Extension) bool { return x.Local == name })
}

// givesLot reports whether an event that brings objects into being gives them a lot.
func givesLot(e *event) bool {
	if e.fact("lotNumber", "hasBatchLotNumber", "traceabilityLotCode") != "" {
		return true
	}
	return slices.ContainsFunc(e.Quantities, func(q epcis.Quantity) bool { return parts(canonical(q.EPCClass)).lot != "" })
}

// lastWord is the last word of a business step, in lower case without separators.
func lastWord(step string) string {
	if i := strings.LastIndexAny(step, ":/#"); i >= 0 {
		step = step[i+1:]
	}
	step = strings.TrimPrefix(strings.ToLower(step), "bizstep-")
	if !strings.ContainsAny(step, "_- ") {
		return step
	}
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == ' ' {
			return -1
		}
		return r
	}, step)
}

// line is a lot, or what is not known to be one, in an event.
type line struct {
	role    string
	class   string // the class of a quantity, canonical; empty for serialised objects
	lot     string // the canonical lot; empty if not known
	objects []string
	quantity
	unit     string // the logistic unit that it is in, canonical
	inferred bool
	partial  bool // there is more in the unit than was looked at
	origin   *origin
}

// lines lists what an event names, before the lots of serialised objects are known. Containers must be
// loaded.
func (v *ledgerView) lines(e *event) []line {
	var lines []line
	for _, it := range e.Items() {
		if !wanted(e, it) {
			continue
		}
		role := "food"
		switch it.Role {
		case epcis.RoleInput:
			role = "used"
		case epcis.RoleOutput:
			role = "produced"
		case epcis.RoleEPC, epcis.RoleParent, epcis.RoleChild:
		}
		id := parts(it.Canonical)
		switch {
		case it.Class:
			lines = append(lines, line{role: role, class: it.Canonical, quantity: quantity{class: it.Canonical, amount: string(it.Quantity), uom: it.UOM}})
		case id.gtin != "":
			lines = append(lines, line{role: role, objects: []string{it.Canonical}})
		default:
			lines = append(lines, v.unit(e, role, it.Canonical)...)
		}
	}
	return lines
}

// unit lists what is in a logistic unit at the time of an event.
func (v *ledgerView) unit(e *event, role, unit string) (lines []line) {
	c := v.contentsOf(unit, e.EventTime.Instant, false)
	for _, q := range c.quantities {
		lines = append(lines, line{role: role, class: q.class, quantity: q, unit: unit, inferred: true, partial: c.more})
	}
	if len(c.objects) > 0 {
		lines = append(lines, line{role: role, objects: c.objects, unit: unit, inferred: true, partial: c.more})
	}
	if len(lines) == 0 {
		lines = append(lines, line{role: role, unit: unit, quantity: quantity{amount: "1"}, partial: c.more})
	}
	return lines
}

// byLot puts together the serialised objects of a lot, and gives each line its origin. Their origins must
// be loaded.
func (v *ledgerView) byLot(lines []line) []line {
	var out []line
	type key struct{ role, gtin, lot, unit string }
	at := map[key]int{}
	for _, l := range lines {
		if len(l.objects) == 0 {
			l.origin = v.origins[l.class]
			if parts(l.class).lot != "" || l.class != "" && parts(l.class).gtin == "" {
				l.lot = l.class
			}
			out = append(out, l)
			continue
		}
		for _, o := range l.objects {
			id, from := parts(o), v.origins[o]
			k := key{l.role, id.gtin, "", l.unit}
			if from != nil {
				k.lot = from.lot
			}
			i, ok := at[k]
			if !ok {
				i = len(out)
				at[k] = i
				n := line{role: l.role, class: product(id.gtin), unit: l.unit, inferred: l.inferred, partial: l.partial, origin: from}
				if id.gtin == "" {
					n.class = o
				}
				if n.lot = lotID(id.gtin, k.lot); n.lot == "" && k.lot != "" {
					n.lot = k.lot // a lot by a code that GS1's key cannot hold
				}
				out = append(out, n)
			}
			out[i].objects = append(out[i].objects, o)
			out[i].amount = strconv.Itoa(len(out[i].objects))
		}
	}
	slices.SortStableFunc(out, func(a, b line) int {
		return cmp.Or(cmp.Compare(a.lot, b.lot), cmp.Compare(a.class, b.class))
	})
	return out
}

// lotCode is a lot as people write it: (01)GTIN(10)LOT, or the identifier itself.
func lotCode(lot string) string {
	if id := parts(lot); id.gtin != "" && id.lot != "" {
		return "(01)" + id.gtin + "(10)" + id.lot
	}
	return lot
}

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
