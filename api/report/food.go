package report

import (
	"context"
	"fmt"
	"strconv"
	"time"
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
