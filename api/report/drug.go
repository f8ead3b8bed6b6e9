package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/epcis"
)

// The columns of the transaction information.
const (
	dName = iota
	dStrength
	dForm
	dNDC
	dSize
	dContainers
	dLot
	dTransactionDate
	dShipmentDate
	dFromID
	dFrom
	dToID
	dTo
	dChange
	dStatement
	dPrior
	dGTIN
	dSerial
	dEPC
	dExpiry
	dShippedFrom
	dShippedTo
	dReceived
	dReceipt
	dVoided
	dDocumentType
	dDocumentNumber
	dLogisticUnit
	dInferred
	dMissing
	dStep
	dEventTime
	dOffset
	dInError
	dFindings
	dRecordedBy
	dRecordedAt
	dHash
	dBlock
	dIndex
	dTx
	dLeaf
	drugWidth
)

func drugColumns() []Column {
	c := make([]Column, drugWidth)
	set := func(i int, key, title string, kind Kind, law string) { c[i] = Column{key, title, kind, law} }
	set(dName, "product_name", "Proprietary or established name", Text, "21 USC 360eee(26)(A)")
	set(dStrength, "strength", "Strength", Text, "21 USC 360eee(26)(B)")
	set(dForm, "dosage_form", "Dosage form", Text, "21 USC 360eee(26)(B)")
	set(dNDC, "ndc", "National Drug Code", Text, "21 USC 360eee(26)(C)")
	set(dSize, "container_size", "Container size", Text, "21 USC 360eee(26)(D)")
	set(dContainers, "containers", "Number of containers of the lot in the shipment", Number, "21 USC 360eee(26)(E)")
	set(dLot, "lot", "Lot number", Text, "21 USC 360eee(26)(F)")
	set(dTransactionDate, "transaction_date", "Date of the transaction", Date, "21 USC 360eee(26)(G)")
	set(dShipmentDate, "shipment_date", "Date of the shipment, if more than 24 hours later", Date, "21 USC 360eee(26)(H)")
	set(dFromID, "from_id", "Ownership from: GLN or identifier", Text, "")
	set(dFrom, "from", "Ownership from: business name and address", Text, "21 USC 360eee(26)(I)")
	set(dToID, "to_id", "Ownership to: GLN or identifier", Text, "")
	set(dTo, "to", "Ownership to: business name and address", Text, "21 USC 360eee(26)(J)")
	set(dChange, "change", "Kind of change", Text, "21 USC 360eee(24)")
	set(dStatement, "transaction_statement", "Transaction statement", Text, "21 USC 360eee(27)")
	set(dPrior, "prior_transaction", "Prior change of ownership on record (event hash)", Text, "21 USC 360eee(27)(C)")
	set(dGTIN, "gtin", "GTIN", Text, "21 USC 360eee(14)")
	set(dSerial, "serial", "Serial number", Text, "21 USC 360eee(14)")
	set(dEPC, "epc", "Product identifier", Text, "21 USC 360eee(14)")
	set(dExpiry, "expiry", "Expiration date", Date, "21 USC 360eee(14)")
	set(dShippedFrom, "shipped_from", "Shipped from", Text, "")
	set(dShippedTo, "shipped_to", "Shipped to", Text, "")
	set(dReceived, "received_date", "Received on", Date, "")
	set(dReceipt, "receipt_event", "Event of the receipt (hash)", Text, "")
	set(dVoided, "voided_by", "Shipping voided by (event hash)", Text, "")
	set(dDocumentType, "document_type", "Document type", Text, "")
	set(dDocumentNumber, "document_number", "Document number", Text, "")
	set(dLogisticUnit, "logistic_unit", "Shipped in the logistic unit", Text, "")
	set(dInferred, "packed_by", "Inferred through the packing events (hashes)", Text, "")
	set(dMissing, "missing", "Elements not on record", Text, "")
	set(dStep, "business_step", "Business step (CBV)", Text, "")
	set(dEventTime, "event_time", "Event time", Time, "")
	set(dOffset, "event_time_zone_offset", "Time zone offset of the event", Text, "")
	set(dInError, "declared_in_error", "Declared in error since", Text, "")
	set(dFindings, "findings", "Findings of the ledger's rules", Text, "")
	set(dRecordedBy, "recorded_by", "Recorded by", Text, "")
	set(dRecordedAt, "recorded_at", "Recorded at", Time, "")
	set(dHash, "event_hash", "Event hash", Text, "")
	set(dBlock, "ledger_block", "Ledger block", Number, "")
	set(dIndex, "ledger_index", "Index in the block", Number, "")
	set(dTx, "ledger_transaction", "Ledger transaction", Text, "")
	set(dLeaf, "proof_leaf", "Leaf of the proof log", Number, "")
	return c
}

// statement is what a seller states under 21 USC 360eee(27).
func statement() []string {
	return []string{
		"Transaction statement, for the entity transferring ownership to make (21 USC 360eee(27)): that it (A) is authorized as required; (B) received the product from a person that is authorized as required; " +
			"(C) received transaction information and a transaction statement from the prior owner; (D) did not knowingly ship a suspect or illegitimate product; (E) had systems and processes in place to comply with verification requirements; " +
			"(F) did not knowingly provide false transaction information; and (G) did not knowingly alter the transaction history.",
		"The statement is the seller's. The column \"Transaction statement\" says whether the recorded event affirms it.",
	}
}

// DrugQuery asks for the transactions of one serialised product.
type DrugQuery struct {
	Identity
	// Zone is what times are shown in; nil for UTC. Dates are those of the place and the event.
	Zone *time.Location
}

// Transactions writes the transaction information and statement of each change of ownership of a
// serialised product, also where only the logistic unit was shipped that contained it.
// ErrUnknownProduct, ErrArgument, ErrTooLarge, or the source's error.
func Transactions(ctx context.Context, source Source, master MasterData, q DrugQuery, sink Sink) error {
	epc, _, err := q.parse()
	if err != nil {
		return err
	}
	asOf, err := source.AsOf(ctx)
	if err != nil {
		return err
	}
	d := &drug{view: newLedgerView(source, master, asOf), epc: epc}
	moves, err := d.moves(ctx)
	if err != nil {
		return err
	}
	rows, err := sink(&Sheet{
		Name: "dscsa", Title: "Transaction information and transaction statement", Law: "21 USC 360eee(26) and (27), 360eee-1",
		Subject: epc, AsOf: asOf, Zone: q.Zone, Columns: drugColumns(),
		Notes: append(statement(), "Empty cells are not on record; those that the law asks for are named in the row's column \"Elements not on record\"."),
	})
	if err != nil {
		return err
	}
	for _, t := range d.transactions(moves) {
		row, err := d.row(ctx, t)
		if err == nil {
			err = rows.Row(row)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// drug follows one serialised product.
type drug struct {
	view   *ledgerView
	epc    string
	origin *origin
}

// carried says that the product, or a container with it, was named by an event.
type carried struct {
	*event
	unit     string       // the container named; empty if the product itself was
	packedBy []epcis.Hash // the events that put the product into it, innermost first
}

// maxCarriers bounds the containers that one product is followed into.
const maxCarriers = 1_000

// moves gives the events of the product and of its containers while it was in them, by time.
func (d *drug) moves(ctx context.Context) ([]carried, error) {
	if err := d.view.trace(ctx, []string{d.epc}); err != nil {
		return nil, err
	}
	d.origin = d.view.origins[d.epc]
	type carrier struct {
		object      string
		from, until time.Time
		packedBy    []epcis.Hash
	}
	var moves []carried
	seen := map[epcis.Hash]bool{}
	todo := []carrier{{object: d.epc}}
	for n := 0; n < len(todo); n++ {
		c := todo[n]
		if n >= maxCarriers {
			return nil, fmt.Errorf("%w: %s has been in more than %d containers", ErrTooLarge, d.epc, maxCarriers)
		}
		within := func(at time.Time) bool {
			return (c.from.IsZero() || !at.Before(c.from)) && (c.until.IsZero() || at.Before(c.until))
		}
		history, err := d.view.history(ctx, c.object, AsEPC|AsParent|AsChild, false)
		if err != nil {
			return nil, err
		}
		for _, e := range history {
			if seen[e.rec.Hash] || !within(e.EventTime.Instant) {
				continue
			}
			seen[e.rec.Hash] = true
			m := carried{event: e, packedBy: c.packedBy}
			if c.object != d.epc {
				m.unit = c.object
			}
			moves = append(moves, m)
		}
		stays, _, err := d.view.stays(ctx, c.object)
		if err != nil {
			return nil, err
		}
		for _, s := range stays {
			if len(c.packedBy) >= maxDepth || s.container == "" {
				continue
			}
			next := carrier{object: s.container, from: s.from, until: s.until, packedBy: append(slices.Clone(c.packedBy), s.packedBy)}
			if next.from.Before(c.from) {
				next.from = c.from
			}
			if next.until.IsZero() || !c.until.IsZero() && c.until.Before(next.until) {
				next.until = c.until
			}
			if next.until.IsZero() || next.from.Before(next.until) {
				todo = append(todo, next)
			}
		}
	}
	if len(moves) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrUnknownProduct, d.epc)
	}
	slices.SortStableFunc(moves, func(a, b carried) int { return byTime(a.event, b.event) })
	return moves, nil
}

// transaction is a shipping with what followed it.
type transaction struct {
	carried
	prior, receipt, voided *event
}

// transactions gives the shippings among the moves with their receipts.
func (d *drug) transactions(moves []carried) []transaction {
	var found []transaction
	var prior *event
	for i, m := range moves {
		if cteOf(m.event) != Shipping {
			continue
		}
		t := transaction{carried: m, prior: prior}
		for _, later := range moves[i+1:] {
			kind := cteOf(later.event)
			if later.rec.InError {
				continue
			}
			if kind == Shipping {
				break
			}
			if kind == VoidShipping && t.voided == nil {
				t.voided = later.event
			}
			if kind == Receiving && t.receipt == nil {
				t.receipt = later.event
			}
		}
		found = append(found, t)
		if !m.rec.InError && t.voided == nil {
			prior = m.event
		}
	}
	return found
}

// row fills the transaction information of one shipping.
func (d *drug) row(ctx context.Context, t transaction) ([]Value, error) {
	row := make([]Value, drugWidth)
	var missing []string
	lack := func(what string) { missing = append(missing, what) }
	id := parts(d.epc)
	row[dGTIN], row[dSerial], row[dEPC] = TextOf(id.gtin), TextOf(id.serial), TextOf(d.epc)
	g, err := d.view.good(ctx, product(id.gtin))
	if err != nil {
		return nil, err
	}
	for _, f := range drugFacts() {
		if row[f.cell] = TextOf(f.of(g)); row[f.cell].Empty() {
			lack(f.what)
		}
	}
	if d.origin.known {
		row[dLot], row[dExpiry] = TextOf(d.origin.lot), d.origin.expiry
	}
	if row[dLot].Empty() {
		lack("lot number")
	}
	if row[dExpiry].Empty() {
		lack("expiration date (product identifier)")
	}
	if err := d.count(ctx, t.event, row, lack); err != nil {
		return nil, err
	}
	d.dates(t.event, row)
	if err := d.owners(ctx, t.event, row, lack); err != nil {
		return nil, err
	}
	switch t.fact("affirmTransactionStatement") {
	case "true", "1":
		row[dStatement] = TextOf(join(": ", "affirmed in the event", t.fact("legalNotice")))
	case "":
		row[dStatement] = TextOf("not on record: for the seller to make")
	default:
		row[dStatement] = TextOf("not affirmed in the event")
	}
	if t.prior != nil {
		row[dPrior] = TextOf(t.prior.rec.Hash.String())
	}
	if t.receipt != nil {
		row[dReceived], row[dReceipt] = t.receipt.date(), TextOf(t.receipt.rec.Hash.String())
	}
	if t.voided != nil {
		row[dVoided] = TextOf(t.voided.rec.Hash.String())
	}
	types, numbers := t.documents()
	row[dDocumentType], row[dDocumentNumber] = TextOf(types), TextOf(numbers)
	row[dLogisticUnit] = TextOf(t.unit)
	var packed []string
	for _, h := range t.packedBy {
		packed = append(packed, h.String())
	}
	row[dInferred] = TextOf(strings.Join(packed, "; "))
	row[dMissing] = TextOf(strings.Join(missing, "; "))
	row[dStep], row[dOffset] = TextOf(string(t.BizStep)), TextOf(t.EventTimeZoneOffset)
	evidence(t.rec, row[dEventTime:])
	return row, nil
}

// evidence fills the columns that tell where an event is recorded, from the event time on: offset
// (left as it is), in error, findings, recorded by and at, hash, block, index, transaction, leaf.
func evidence(r *Record, row []Value) {
	row[0] = TimeOf(r.EventTime)
	if r.InError {
		row[2] = TextOf("yes")
	}
	row[3] = TextOf(strings.Join(r.Findings, "; "))
	row[4], row[5] = TextOf(r.RecordedBy), TimeOf(r.RecordedAt)
	row[6], row[7], row[8], row[9] = TextOf(r.Hash.String()), CountOf(r.Block), CountOf(uint64(r.Index)), TextOf(r.TxID)
	if r.Leaf != nil {
		row[10] = CountOf(*r.Leaf)
	}
}

// drugFact is an element that master data of the product tells.
type drugFact struct {
	cell int
	what string
	of   func(*good) string
}

func drugFacts() []drugFact {
	named := func(names ...string) func(*good) string { return func(g *good) string { return g.first(names...) } }
	return []drugFact{
		{dName, "proprietary or established name", named("regulatedProductName", "labelDescription", "functionalName", "descriptionShort", "tradeItemDescription", "name")},
		{dStrength, "strength", named("strengthDescription", "strength")},
		{dForm, "dosage form", named("dosageFormType", "dosageForm")},
		{dNDC, "National Drug Code", ndc},
		{dSize, "container size", named("netContentDescription", "containerSize")},
	}
}

// ndc is the product's National Drug Code: an additional trade item identification of that type.
func ndc(g *good) string {
	if s := g.first("ndc", "nationalDrugCode"); s != "" {
		return s
	}
	switch kind := g.first("additionalTradeItemIdentificationTypeCode"); kind {
	case "US_FDA_NDC", "FDA_NDC_11", "FDA_NDC_10", "NDC":
		return g.first("additionalTradeItemIdentification")
	}
	return ""
}

// count counts the containers of the product's lot in a shipping.
func (d *drug) count(ctx context.Context, e *event, row []Value, lack func(string)) error {
	var units []string
	for _, it := range e.Items() {
		if !it.Class {
			units = append(units, it.Canonical)
		}
	}
	if err := d.view.load(ctx, units); err != nil {
		return err
	}
	gtin := parts(d.epc).gtin
	same := map[string]bool{}
	more := false
	for _, u := range units {
		c := d.view.contentsOf(u, e.EventTime.Instant, true)
		more = more || c.more
		for _, o := range append(c.objects, u) {
			if parts(o).gtin == gtin {
				same[o] = true
			}
		}
	}
	if more {
		lack("number of containers: the shipment holds more than is looked at")
		return nil
	}
	objects := make([]string, 0, len(same))
	for o := range same {
		objects = append(objects, o)
	}
	slices.Sort(objects)
	var n uint64
	for part := range slices.Chunk(objects, maxRemembered/2) {
		if err := d.view.trace(ctx, part); err != nil {
			return err
		}
		for _, o := range part {
			if from := d.view.origins[o]; from != nil && from.lot == d.origin.lot {
				n++
			}
		}
	}
	row[dContainers] = CountOf(n)
	return nil
}

// dates fills the dates of the transaction and, if it was more than 24 hours later, of the shipment.
func (d *drug) dates(e *event, row []Value) {
	row[dTransactionDate] = e.date()
	at := when(e.fact("transactionDate", "dateOfTransaction"))
	if at.kind != Date || !at.set {
		return
	}
	row[dTransactionDate] = at
	if shipped := e.date(); time.Duration(shipped.at-at.at)*time.Millisecond > 24*time.Hour {
		row[dShipmentDate] = shipped
	}
}

// owners fills who gives ownership to whom.
func (d *drug) owners(ctx context.Context, e *event, row []Value, lack func(string)) error {
	from, to := party(e.Sources, "owning_party"), party(e.Destinations, "owning_party")
	switch {
	case from == "" || to == "":
		row[dChange] = TextOf("owners not stated")
	case from == to:
		row[dChange] = TextOf("within one owner: no transaction under 21 USC 360eee(24)(B)")
	default:
		row[dChange] = TextOf("change of ownership")
	}
	name := func(id int, at, what string, required bool) error {
		if at == "" {
			if required {
				lack(what)
			}
			return nil
		}
		p, err := d.view.place(ctx, at)
		if err != nil {
			return err
		}
		cell := id
		if required {
			row[id] = TextOf(p.gln)
			cell = id + 1
			if lacking := slices.DeleteFunc(slices.Clone(p.missing), func(s string) bool { return s == "phone number" }); len(lacking) > 0 {
				lack(what + ": " + strings.Join(lacking, ", "))
			}
		}
		if row[cell] = TextOf(p.text); !required && p.text == "" {
			row[cell] = TextOf(p.gln)
		}
		return nil
	}
	shippedFrom := cmp.Or(party(e.Sources, "location"), placeOf(e.ReadPoint), placeOf(e.BizLocation))
	return cmp.Or(
		name(dFromID, from, "business name and address of the person from whom ownership is transferred", true),
		name(dToID, to, "business name and address of the person to whom ownership is transferred", true),
		name(dShippedFrom, shippedFrom, "", false),
		name(dShippedTo, party(e.Destinations, "location"), "", false),
	)
}
