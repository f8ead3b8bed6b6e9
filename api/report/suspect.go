package report

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/waybill-dev/waybill/epcis"
)

// The columns of the suspect-product data.
const (
	sItem = iota
	sField
	sValue
	sFilledBy
	sNote
	sEventTime
	sOffset
	sInError
	sFindings
	sRecordedBy
	sRecordedAt
	sHash
	sBlock
	sIndex
	sTx
	sLeaf
	suspectWidth
)

func suspectColumns() []Column {
	c := make([]Column, suspectWidth)
	set := func(i int, key, title string, kind Kind) { c[i] = Column{Key: key, Title: title, Kind: kind} }
	set(sItem, "item", "Item of Form FDA 3911 (8/15)", Text)
	set(sField, "field", "Field", Text)
	set(sValue, "value", "Value", Text)
	set(sFilledBy, "filled_by", "Filled by", Text)
	set(sNote, "note", "Note", Text)
	set(sEventTime, "event_time", "Event time", Time)
	set(sOffset, "event_time_zone_offset", "Time zone offset of the event", Text)
	set(sInError, "declared_in_error", "Declared in error since", Text)
	set(sFindings, "findings", "Findings of the ledger's rules", Text)
	set(sRecordedBy, "recorded_by", "Recorded by", Text)
	set(sRecordedAt, "recorded_at", "Recorded at", Time)
	set(sHash, "event_hash", "Event hash", Text)
	set(sBlock, "ledger_block", "Ledger block", Number)
	set(sIndex, "ledger_index", "Index in the block", Number)
	set(sTx, "ledger_transaction", "Ledger transaction", Text)
	set(sLeaf, "proof_leaf", "Leaf of the proof log", Number)
	return c
}

// Who fills a field.
const (
	fromLedger = "ledger"
	fromMaster = "master data"
	fromAsked  = "the request"
	fromUser   = "to be filled by the user"
	fromFDA    = "assigned by FDA"
)

// SuspectQuery asks for the data of a report on one suspect product.
type SuspectQuery struct {
	Identity
	// At is the moment of the verification that the data rest on.
	At time.Time
	// Zone is what times are shown in; nil for UTC.
	Zone *time.Location
}

// SuspectProduct writes what the ledger and the master data can say for Form FDA 3911, the drug
// notification of 21 USC 360eee-1, about one serialised product, and names the fields that are the
// user's. A product that the ledger does not know has a report too. ErrArgument, ErrTooLarge, or the
// source's error.
func SuspectProduct(ctx context.Context, source Source, master MasterData, q SuspectQuery, sink Sink) error {
	epc, until, err := q.parse()
	if err != nil {
		return err
	}
	verified, err := Verify(ctx, source, q.Identity, q.At)
	if err != nil {
		return err
	}
	view := newLedgerView(source, master, verified.AsOf)
	d := &drug{view: view, epc: epc}
	moves, err := d.moves(ctx)
	if err != nil && !errors.Is(err, ErrUnknownProduct) {
		return err
	}
	rows, err := sink(&Sheet{
		Name: "suspect", Title: "Data for a drug notification (Form FDA 3911)", Law: "21 USC 360eee-1(b)(4), (c)(4), (d)(4), (e)(4)",
		Subject: epc, AsOf: verified.AsOf, Zone: q.Zone, Columns: suspectColumns(),
		Notes: []string{
			"Illegitimate product is notified to FDA and to all immediate trading partners within 24 hours of the determination. The determination is the user's: this report holds what is on record.",
			"Verification outcome: " + string(verified.Outcome) + ".",
		},
	})
	if err != nil {
		return err
	}
	w := &suspectWriter{rows: rows, events: map[epcis.Hash]*Record{}}
	for _, m := range moves {
		w.events[m.rec.Hash] = m.rec
	}
	if verified.Commissioned != nil {
		w.events[verified.Commissioned.Hash] = verified.Commissioned
	}
	id := parts(epc)
	g, err := view.good(ctx, product(id.gtin))
	if err != nil {
		return err
	}
	w.product(g, id, d.origin, q.Identity, until)
	w.issues(verified)
	if err := w.partners(ctx, d, moves); err != nil {
		return err
	}
	return w.err
}

// suspectWriter writes fields until one cannot be written.
type suspectWriter struct {
	rows   Rows
	events map[epcis.Hash]*Record
	err    error
}

func (w *suspectWriter) field(item, field, value, by, note string, event epcis.Hash) {
	if w.err != nil {
		return
	}
	row := make([]Value, suspectWidth)
	row[sItem], row[sField], row[sValue], row[sFilledBy], row[sNote] = TextOf(item), TextOf(field), TextOf(value), TextOf(by), TextOf(note)
	if r := w.events[event]; r != nil {
		evidence(r, row[sEventTime:])
	} else if event != (epcis.Hash{}) {
		row[sHash] = TextOf(event.String())
	}
	w.err = w.rows.Row(row)
}

func (w *suspectWriter) user(item, field, note string) {
	w.field(item, field, "", fromUser, note, epcis.Hash{})
}

// known fills a field from master data, or leaves it to the user.
func (w *suspectWriter) known(item, field, value string) {
	if value == "" {
		w.user(item, field, "not in the master data")
		return
	}
	w.field(item, field, value, fromMaster, "", epcis.Hash{})
}

func (w *suspectWriter) product(g *good, id identified, from *origin, asked Identity, until Value) {
	none := epcis.Hash{}
	w.user("1", "Type of report", "initial notification, follow-up notification, or request for termination")
	w.field("2", "Incident number", "", fromFDA, "empty in an initial notification", none)
	w.user("3", "Date of initial notification", "")
	w.user("4", "Date company determined product was illegitimate", "")
	w.user("5", "Classification of notification", "")
	w.known("6", "Name of product as it appears on label", g.first("regulatedProductName", "labelDescription", "functionalName", "descriptionShort", "name"))
	w.known("7", "Primary ingredient(s)", g.first("primaryIngredient", "activeIngredient", "genericName"))
	w.user("8", "Drug use", "human or other")
	w.user("9", "Drug description", "")
	w.known("10", "Strength of drug", g.first("strengthDescription", "strength"))
	w.known("11", "Dosage form", g.first("dosageFormType", "dosageForm"))
	w.field("12", "Quantity of drug", "1", fromAsked, join("; ", "the one serialised package that was asked about", g.first("netContentDescription", "containerSize")), none)
	w.known("13", "NDC number", ndc(g))
	w.field("14", "Serial number", id.serial, fromAsked, "GTIN "+id.gtin, none)
	lot, best, event := "", "", none
	if from != nil && from.known {
		lot, best, event = from.lot, from.expiry.String(), from.event
	}
	either := func(item, field, recorded, borne string) {
		switch {
		case recorded != "":
			w.field(item, field, recorded, fromLedger, "as commissioned", event)
		case borne == "":
			w.user(item, field, "not on record")
		}
		if borne != "" && borne != recorded {
			w.field(item, field, borne, fromAsked, "as on the package asked about", none)
		}
	}
	either("15", "Lot number(s)", lot, asked.Lot)
	either("16", "Expiration date(s)", best, until.String())
}

func (w *suspectWriter) issues(v Verification) {
	w.field("17", "Description of event/issue", "verification: "+string(v.Outcome), fromLedger, "as of ledger height "+strconv.FormatUint(v.AsOf.Height, 10), epcis.Hash{})
	for _, r := range v.Reasons {
		w.field("17", "Description of event/issue", string(r.Code)+": "+r.Detail, fromLedger, "", r.Event)
	}
	w.user("17", "Description of event/issue", "what the user knows beyond the ledger")
	w.user("18", "Description of why notification is no longer necessary", "in a request for termination only")
	w.user("19", "Submitted to FDA by another mechanism", "")
	w.user("20", "Company name and address", "of the company that notifies")
	w.user("21", "Company category", "")
	w.user("22", "Unique facility identifier", "")
	w.user("23", "Contact information", "")
}

// partners lists where the product has been and who is to be told.
func (w *suspectWriter) partners(ctx context.Context, d *drug, moves []carried) error {
	if len(moves) == 0 {
		return nil
	}
	for _, t := range d.transactions(moves) {
		row, err := d.row(ctx, t)
		if err != nil {
			return err
		}
		from, to := join(", ", row[dFromID].text, row[dFrom].text), join(", ", row[dToID].text, row[dTo].text)
		if from == "" {
			from = row[dShippedFrom].text
		}
		if to == "" {
			to = row[dShippedTo].text
		}
		w.field("", "Trading partners in the transaction of "+row[dTransactionDate].String(), "from "+orUnknown(from)+" to "+orUnknown(to), fromLedger,
			row[dChange].text, t.rec.Hash)
	}
	return nil
}

func orUnknown(s string) string {
	if s == "" {
		return "a party not on record"
	}
	return s
}
