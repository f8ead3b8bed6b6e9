package readmodel

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Page says which rows of an answer to give.
type Page struct {
	// After is the position that the page before ended with; nil for the first page.
	After *Position
	// Limit is how many rows to give at most.
	Limit int
	// Bytes ends the page after the row whose body exceeds it in sum; 0 for no bound.
	Bytes int
	// Newest gives the latest on the ledger first.
	Newest bool
}

// Rows is a page of an answer.
type Rows[T any] struct {
	Rows []T
	// More says that there are rows after the page.
	More bool
	// At is the progress that the answer reflects: what it does not hold below that is not there.
	At Progress
}

// full reports whether the page ends before one more row.
func (p Page) full(rows, bytes int) bool { return rows == p.Limit || p.Bytes > 0 && bytes > p.Bytes }

// Range is the times from From, inclusive, until Until, exclusive; nil is open.
type Range struct{ From, Until *ledger.Millis }

// Event is a recorded event.
type Event struct {
	Position
	Hash            ledger.Digest
	Type            string
	EventTime       ledger.Millis
	BizStep         string
	EventID         string
	DeclaredInError bool
	MSPID           string
	RecordedAt      ledger.Millis
	TxID            string
	Context, Body   []byte
	Findings        []Finding
	Restatements    []Restatement
}

// Restatement is another spelling of a recorded event.
type Restatement struct {
	Position
	EventID       string
	DeclaresError bool
	MSPID         string
	RecordedAt    ledger.Millis
	TxID          string
	Context, Body []byte
}

// Finding is a rule's result as it stands, with the place that raised it first.
type Finding struct {
	ledger.Finding
	Position // among the changes of findings
	TxID     string
}

// Item is an item's state with what the ledger holds on it.
type Item struct {
	ledger.ItemState
	Findings []Finding
	Events   uint64
}

// EventFilter selects events; each field that is set must hold. EPC is canonical.
type EventFilter struct {
	EPC        string
	Type       string
	BizStep    string
	Time       Range
	Finding    string
	AnyFinding bool
}

// where collects conditions and their arguments.
type where struct {
	conditions []string
	args       []any
}

func (w *where) add(condition string, args ...any) {
	w.conditions = append(w.conditions, condition)
	w.args = append(w.args, args...)
}

func (w *where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

// page adds the order and the bound of a page over column.
func (w *where) page(column string, p Page) (order string) {
	comparison, direction := " > ?", " ASC"
	if p.Newest {
		comparison, direction = " < ?", " DESC"
	}
	if p.After != nil {
		w.add(column+comparison, p.After.key())
	}
	return " ORDER BY " + column + direction + " LIMIT ?"
}

func (w *where) times(column string, r Range) {
	if r.From != nil {
		w.add(column+" >= ?", int64(*r.From))
	}
	if r.Until != nil {
		w.add(column+" < ?", int64(*r.Until))
	}
}

// snapshot runs ask on one unchanging state of the store.
func (s *Store) snapshot(ctx context.Context, ask func(tx querier) error) error {
	tx, err := s.read.BeginTx(ctx, &s.dialect.reading)
	if err != nil {
		return s.failed(err)
	}
	defer tx.Rollback() //nolint:errcheck // nothing was written
	return s.failed(ask(asker{s.dialect, tx}))
}

// errEnough ends a scan early, without being an error of the question.
var errEnough = errors.New("enough rows")

// each runs a question and scans its rows until there are no more or scan has had enough.
func each(ctx context.Context, q querier, scan func(*sql.Rows) error, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // rows.Err is what tells
	for rows.Next() {
		if err := scan(rows); errors.Is(err, errEnough) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return rows.Err()
}

// Events gives a page of events in ledger order, without restatements.
func (s *Store) Events(ctx context.Context, f EventFilter, page Page) (Rows[Event], error) {
	var found Rows[Event]
	err := s.snapshot(ctx, func(tx querier) error {
		var err error
		if found.At, err = readPosition(ctx, tx, ""); err != nil {
			return err
		}
		if f.EPC == "" && f.Finding == "" && !f.AnyFinding && (f.Type != "" || f.BizStep != "" || f.Time.From != nil || f.Time.Until != nil) {
			found.Rows, found.More, err = s.eventsByIndex(ctx, tx, found.At, f, page)
			return err
		}
		var w where
		from, column := "events e", "e.pos"
		if f.EPC != "" {
			from, column = "event_epcs x JOIN events e ON e.pos = x.pos", "x.pos"
			w.add("x.epc = ?", storable(bounded(f.EPC)))
		}
		w.event(f)
		switch {
		case f.Finding != "":
			w.add("e.hash IN (SELECT event FROM findings WHERE code = ?)", f.Finding)
		case f.AnyFinding:
			w.add("e.hash IN (SELECT event FROM findings)")
		}
		order := w.page(column, page)
		found.Rows, found.More, err = selectEvents(ctx, tx, page, from, w.String()+order, append(w.args, page.Limit+1)...)
		return err
	})
	return found, err
}

// event adds what the columns of an event are asked.
func (w *where) event(f EventFilter) {
	if f.Type != "" {
		w.add("e.event_type = ?", f.Type)
	}
	if f.BizStep != "" {
		w.add("e.biz_step = ?", f.BizStep)
	}
	w.times("e.event_time", f.Time)
}

// eventsByIndex gives a page of the events that the index of the query language finds.
func (s *Store) eventsByIndex(ctx context.Context, tx querier, at Progress, f EventFilter, page Page) (events []Event, more bool, err error) {
	end, ok := EndOf(at.Height)
	if !ok {
		return nil, false, nil
	}
	sel := s.newSelection(ctx, tx, &query.Query{Predicates: ofEvents(f)}, nil, end.key(), at)
	sel.order.descending = page.Newest
	if err = sel.plan(); err != nil || sel.nothing {
		return nil, false, err
	}
	var from place
	if page.After != nil {
		from.pos, from.begun = page.After.key(), true
	}
	for bytes := 0; ; {
		candidates, done, err := sel.candidates(from, s.bounds.chunk)
		if err != nil || len(candidates) == 0 {
			return events, false, err
		}
		positions := make([]int64, len(candidates))
		for i, c := range candidates {
			positions[i] = c.pos
		}
		from.pos, from.begun = positions[len(positions)-1], true
		var w where
		among(&w, "e.pos", positions)
		w.event(f)
		rest := Page{Limit: page.Limit - len(events), Newest: page.Newest}
		if page.Bytes > 0 {
			rest.Bytes = max(1, page.Bytes-bytes)
			if bytes > page.Bytes {
				rest.Limit = 0 // all that is left to ask is whether there are more
			}
		}
		order := w.page("e.pos", rest)
		some, more, err := selectEvents(ctx, tx, rest, "events e", w.String()+order, append(w.args, len(positions))...)
		if err != nil {
			return nil, false, err
		}
		for _, e := range some {
			bytes += len(e.Body) + len(e.Context)
		}
		if events = append(events, some...); more || done {
			return events, more, nil
		}
	}
}

// restatementBytes bounds the bodies of the restatements that are given with an event: the first ones.
const restatementBytes = 8 << 20

// Event gives an event by its hash, with its restatements; ErrNotFound.
func (s *Store) Event(ctx context.Context, hash ledger.Digest) (Event, error) {
	var event Event
	err := s.snapshot(ctx, func(tx querier) error {
		found, _, err := selectEvents(ctx, tx, Page{Limit: 1}, "events e", " WHERE e.hash = ?", hash[:])
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("%w: event %s", ErrNotFound, hash)
		}
		event = found[0]
		bytes := 0
		return each(ctx, tx, func(rows *sql.Rows) error {
			r, err := scanRestatement(rows)
			if err != nil {
				return err
			}
			event.Restatements = append(event.Restatements, r)
			if bytes += len(r.Body) + len(r.Context); bytes > restatementBytes {
				return errEnough
			}
			return nil
		}, questionRestatements+" WHERE r.hash = ? ORDER BY r.pos", hash[:])
	})
	return event, err
}

func selectEvents(ctx context.Context, tx querier, page Page, from, rest string, args ...any) ([]Event, bool, error) {
	var events []Event
	bytes, more := 0, false
	err := each(ctx, tx, func(rows *sql.Rows) error {
		if page.full(len(events), bytes) {
			more = true
			return errEnough
		}
		var e Event
		var pos, eventTime, recordedAt int64
		var hash []byte
		var declared int
		err := rows.Scan(&pos, &hash, &e.Type, &eventTime, &e.BizStep, &e.EventID, &declared, &e.MSPID, &recordedAt, &e.TxID, &e.Context, &e.Body)
		if err != nil {
			return err
		}
		e.Position, e.EventTime, e.RecordedAt, e.DeclaredInError = positionOf(pos), ledger.Millis(eventTime), ledger.Millis(recordedAt), declared != 0
		copy(e.Hash[:], hash)
		events = append(events, e)
		bytes += len(e.Body) + len(e.Context)
		return nil
	}, `SELECT e.pos, e.hash, e.event_type, e.event_time, e.biz_step, e.event_id, e.declared_in_error, e.msp_id, e.recorded_at, e.tx_id, c.context, b.body FROM `+
		from+` JOIN bodies b ON b.pos = e.pos LEFT JOIN contexts c ON c.digest = b.context`+rest, args...)
	if err != nil {
		return nil, false, err
	}
	return events, more, addFindings(ctx, tx, events)
}

func addFindings(ctx context.Context, tx querier, events []Event) error {
	byHash := make(map[ledger.Digest]*Event, len(events))
	for i := range events {
		byHash[events[i].Hash] = &events[i]
	}
	const atOnce = 500 // below every database's bound on parameters
	for part := range slices.Chunk(events, atOnce) {
		args := make([]any, len(part))
		for i := range part {
			args[i] = part[i].Hash[:]
		}
		found, err := selectFindings(ctx, tx, "WHERE event IN (?"+strings.Repeat(", ?", len(part)-1)+") ORDER BY pos", args...)
		if err != nil {
			return err
		}
		for _, f := range found {
			e := byHash[f.Event]
			e.Findings = append(e.Findings, f)
		}
	}
	return nil
}

// Item gives an item's state by its canonical EPC, with at most limit of its findings; ErrNotFound.
func (s *Store) Item(ctx context.Context, epc string, limit int) (Item, error) {
	var item Item
	err := s.snapshot(ctx, func(tx querier) error {
		i := &item.ItemState
		i.EPC = epc
		var status int
		var lastAt, commissionedAt, endedAt int64
		var last, commissionedBy, endedBy []byte
		err := tx.QueryRowContext(ctx, `SELECT status, custodian, container, place, disposition, biz_step, last_event, last_at, commissioned_at, commissioned_by, ended_at, ended_by
			FROM items WHERE epc = ?`, epc).
			Scan(&status, &i.Custodian, &i.Container, &i.Place, &i.Disposition, &i.BizStep, &last, &lastAt, &commissionedAt, &commissionedBy, &endedAt, &endedBy)
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("%w: item %s", ErrNotFound, epc)
		}
		if err != nil {
			return err
		}
		i.Status = ledger.ItemStatus(status) //nolint:gosec // written from that type
		i.LastAt, i.CommissionedAt, i.EndedAt = ledger.Millis(lastAt), ledger.Millis(commissionedAt), ledger.Millis(endedAt)
		copy(i.LastEvent[:], last)
		copy(i.CommissionedBy[:], commissionedBy)
		copy(i.EndedBy[:], endedBy)
		if item.Findings, err = selectFindings(ctx, tx, "WHERE item = ? AND pos IN (SELECT pos FROM findings WHERE item = ? ORDER BY pos DESC LIMIT ?) ORDER BY pos", epc, epc, limit); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM event_epcs WHERE epc = ? AND roles < ?`, storable(bounded(epc)), declarationRole).Scan(&item.Events)
	})
	return item, err
}

// Device is a registered device with where its chain of segments stands.
type Device struct {
	ledger.Device
	NextSeq     uint64
	LastDigest  ledger.Digest  // zero if it has no segment
	LastReading *ledger.Millis // nil if it has no segment
	Container   string         // what it is bound to, empty if nothing
}

const deviceColumns = `SELECT id, algorithm, public_key, owner, registered_at, tx_id, next_seq, last_digest, last_reading FROM devices `

// Device gives a device by its canonical id; ErrNotFound.
func (s *Store) Device(ctx context.Context, id string) (Device, error) {
	found, err := s.devices(ctx, deviceColumns+`WHERE id = ?`, id)
	if err != nil {
		return Device{}, err
	}
	if len(found) == 0 {
		return Device{}, fmt.Errorf("%w: device %s", ErrNotFound, id)
	}
	return found[0], nil
}

// Devices lists at most limit devices whose id is greater than after, by id.
func (s *Store) Devices(ctx context.Context, after string, limit int) ([]Device, error) {
	return s.devices(ctx, deviceColumns+`WHERE id > ? ORDER BY id LIMIT ?`, after, limit)
}

func (s *Store) devices(ctx context.Context, query string, args ...any) ([]Device, error) {
	var found []Device
	err := s.snapshot(ctx, func(tx querier) error {
		err := each(ctx, tx, func(rows *sql.Rows) error {
			var d Device
			var algorithm string
			var registered, next int64
			var digest []byte
			var last sql.NullInt64
			if err := rows.Scan(&d.ID, &algorithm, &d.PublicKey, &d.Owner, &registered, &d.TxID, &next, &digest, &last); err != nil {
				return err
			}
			d.Algorithm, d.RegisteredAt, d.NextSeq = ledger.KeyAlgorithm(algorithm), ledger.Millis(registered), uint64(next) //nolint:gosec // counted from 0
			copy(d.LastDigest[:], digest)
			if last.Valid {
				at := ledger.Millis(last.Int64)
				d.LastReading = &at
			}
			found = append(found, d)
			return nil
		}, query, args...)
		if err != nil {
			return err
		}
		for i := range found {
			bindings, err := selectBindings(ctx, tx, "(a.device = ? OR a.device = '' AND a.container IN (SELECT container FROM associations WHERE device = ?))", found[i].ID, found[i].ID)
			if err != nil {
				return err
			}
			if n := len(bindings); n > 0 && bindings[n-1].Until == nil {
				found[i].Container = bindings[n-1].Container
			}
		}
		return nil
	})
	return found, err
}

// Binding says that a device watched over a container for a time, by the events' times.
type Binding struct {
	Device, Container string
	From              ledger.Millis
	Until             *ledger.Millis // nil while it lasts
	Event             ledger.Digest  // the event that bound it
}

// maxAssociations bounds the association events read for one device or container.
const maxAssociations = 10_000

// selectBindings folds association events by (event time, hash): the same for every order of
// recording. An event declared in error binds nothing.
func selectBindings(ctx context.Context, tx querier, condition string, keys ...any) ([]Binding, error) {
	var bindings []Binding
	open := map[[2]string]int{} // device and container to index
	err := each(ctx, tx, func(rows *sql.Rows) error {
		var device, container string
		var at int64
		var event []byte
		var binds int
		if err := rows.Scan(&device, &container, &at, &event, &binds); err != nil {
			return err
		}
		pair := [2]string{device, container}
		i, bound := open[pair]
		until := ledger.Millis(at)
		switch {
		case device == allDevices:
			for tied, i := range open {
				if tied[1] == container {
					bindings[i].Until = &until
					delete(open, tied)
				}
			}
		case binds != 0 && !bound:
			b := Binding{Device: device, Container: container, From: ledger.Millis(at)}
			copy(b.Event[:], event)
			open[pair] = len(bindings)
			bindings = append(bindings, b)
		case binds == 0 && bound:
			bindings[i].Until = &until
			delete(open, pair)
		}
		return nil
	}, `SELECT a.device, a.container, a.event_time, a.event, a.binds FROM associations a JOIN events e ON e.hash = a.event
		WHERE `+condition+` AND e.declared_in_error = 0 ORDER BY a.event_time, a.event LIMIT ?`, append(keys, maxAssociations)...)
	return bindings, err
}

// Segment is a recorded segment.
type Segment struct {
	Position
	Device             string
	Seq                uint64
	Digest             ledger.Digest
	From, To           ledger.Millis
	Times              int
	Payload, Signature []byte
	MSPID              string
	RecordedAt         ledger.Millis
	TxID               string
}

// Decode gives the readings that the device signed.
func (g Segment) Decode() (ledger.Segment, error) { return wire.DecodeSegment(g.Payload) }

// Segment gives a segment by its device's canonical id and its sequence number; ErrNotFound.
func (s *Store) Segment(ctx context.Context, device string, seq uint64) (Segment, error) {
	found, err := s.segments(ctx, "WHERE device = ? AND seq = ?", device, int64(seq)) //nolint:gosec // a number beyond matches nothing
	if err != nil {
		return Segment{}, err
	}
	if len(found) == 0 {
		return Segment{}, fmt.Errorf("%w: segment %d of device %s", ErrNotFound, seq, device)
	}
	return found[0], nil
}

// Segments lists at most limit segments of a device, from the sequence number on, that hold a time
// of the range.
func (s *Store) Segments(ctx context.Context, device string, from uint64, times Range, limit int) ([]Segment, error) {
	var w where
	w.add("device = ?", device)
	w.add("seq >= ?", int64(from)) //nolint:gosec // a number beyond matches nothing
	if times.From != nil {
		w.add("to_time >= ?", int64(*times.From))
	}
	if times.Until != nil {
		w.add("from_time < ?", int64(*times.Until))
	}
	return s.segments(ctx, w.String()+" ORDER BY seq LIMIT ?", append(w.args, limit)...)
}

func (s *Store) segments(ctx context.Context, rest string, args ...any) ([]Segment, error) {
	var found []Segment
	err := each(ctx, s.asking(), func(rows *sql.Rows) error {
		var g Segment
		var pos, seq, from, to, recorded int64
		var digest []byte
		if err := rows.Scan(&pos, &g.Device, &seq, &digest, &from, &to, &g.Times, &g.Payload, &g.Signature, &g.MSPID, &recorded, &g.TxID); err != nil {
			return err
		}
		g.Position, g.Seq = positionOf(pos), uint64(seq) //nolint:gosec // counted from 0
		g.From, g.To, g.RecordedAt = ledger.Millis(from), ledger.Millis(to), ledger.Millis(recorded)
		copy(g.Digest[:], digest)
		found = append(found, g)
		return nil
	}, `SELECT pos, device, seq, digest, from_time, to_time, times, payload, signature, msp_id, recorded_at, tx_id FROM segments `+rest, args...)
	return found, s.failed(err)
}

// PolicyKey orders policies: by id, then version.
type PolicyKey struct {
	ID      string
	Version uint32
}

// Policies lists at most limit policies that come after a key: those of one id, if it is not empty,
// and the latest version of each only, unless all are asked for.
func (s *Store) Policies(ctx context.Context, id string, all bool, after PolicyKey, limit int) ([]ledger.Policy, error) {
	var found []ledger.Policy
	var w where
	w.add("(p.id > ? OR (p.id = ? AND p.version > ?))", after.ID, after.ID, int64(after.Version))
	if id != "" {
		w.add("p.id = ?", id)
	}
	if !all {
		w.add("p.version = (SELECT MAX(q.version) FROM policies q WHERE q.id = p.id)")
	}
	err := each(ctx, s.asking(), func(rows *sql.Rows) error {
		var text string
		if err := rows.Scan(&text); err != nil {
			return err
		}
		var p ledger.Policy
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			return fmt.Errorf("%w: policy: %w", ErrCorrupt, err)
		}
		found = append(found, p)
		return nil
	}, `SELECT p.policy FROM policies p`+w.String()+` ORDER BY p.id, p.version LIMIT ?`, append(w.args, limit)...)
	return found, s.failed(err)
}

// Verdict is a recorded verdict, or the final one where that is another.
type Verdict struct {
	Position
	ledger.Verdict

	Standing Standing
	By       ledger.SettledBy // what made it final or, of a provisional one, had it re-executed
	Task     ledger.Digest    // that found or disputes it
	// Changed is where Standing was last changed, or may have been: behind the facts of that block; Position where it was not.
	Changed Position
	// Overruled is the verdict that is recorded where this one is final.
	Overruled *ledger.Verdict
}

// VerdictFilter selects verdicts; each field that is set must hold. Shipment is canonical.
type VerdictFilter struct {
	Shipment string
	AtLeast  ledger.VerdictLevel
	Final    bool
	Model    string
}

// Verdicts gives a page of verdicts in ledger order.
func (s *Store) Verdicts(ctx context.Context, f VerdictFilter, page Page) (Rows[Verdict], error) {
	return s.verdicts(ctx, f, "v.pos", page)
}

// ChangedVerdicts gives a page of verdicts in the order in which they or their standing changed last: Page.After is the place of such a
// change. A verdict whose standing changes again comes again; so does one that a final verdict overrules, also if that no
// longer passes the filter where the overruled one did.
func (s *Store) ChangedVerdicts(ctx context.Context, f VerdictFilter, page Page) (Rows[Verdict], error) {
	return s.verdicts(ctx, f, "v.changed", page)
}

func (s *Store) verdicts(ctx context.Context, f VerdictFilter, column string, page Page) (Rows[Verdict], error) {
	var found Rows[Verdict]
	err := s.snapshot(ctx, func(tx querier) error {
		var err error
		if found.At, err = readPosition(ctx, tx, ""); err != nil {
			return err
		}
		var w where
		if f.Shipment != "" {
			w.add("v.shipment = ?", f.Shipment)
		}
		var level where
		if f.AtLeast > 0 {
			level.add("v.level >= ?", int(f.AtLeast))
		}
		if f.Final {
			level.add("v.final = 1")
		}
		passes := strings.Join(level.conditions, " AND ")
		switch {
		case passes != "" && column == "v.changed":
			w.add("("+passes+" OR EXISTS (SELECT 1 FROM overruled o WHERE o.shipment = v.shipment AND o.window_no = v.window_no AND o.model = v.model AND "+
				strings.ReplaceAll(passes, "v.", "o.")+"))", append(level.args, level.args...)...)
		case passes != "":
			w.add(passes, level.args...)
		}
		if f.Model != "" {
			w.add("v.model = ?", f.Model)
		}
		order := w.page(column, page)
		found.Rows, found.More, err = selectVerdicts(ctx, tx, page, w.String()+order, append(w.args, page.Limit+1)...)
		return err
	})
	return found, err
}

// Verdict gives one verdict; ErrNotFound. The shipment is canonical.
func (s *Store) Verdict(ctx context.Context, shipment string, window uint32, model string) (Verdict, error) {
	found, _, err := selectVerdicts(ctx, s.asking(), Page{Limit: 1}, " WHERE v.shipment = ? AND v.window_no = ? AND v.model = ?", shipment, int64(window), model)
	if err != nil {
		return Verdict{}, s.failed(err)
	}
	if len(found) == 0 {
		return Verdict{}, fmt.Errorf("%w: verdict of %s on window %d of shipment %s", ErrNotFound, model, window, shipment)
	}
	return found[0], nil
}

func selectVerdicts(ctx context.Context, q querier, page Page, rest string, args ...any) ([]Verdict, bool, error) {
	var found []Verdict
	bytes, more := 0, false
	err := each(ctx, q, func(rows *sql.Rows) error {
		if page.full(len(found), bytes) {
			more = true
			return errEnough
		}
		var v Verdict
		var pos, changed int64
		var text string
		var final, provisional []byte
		var overruled sql.NullString
		if err := rows.Scan(&pos, &changed, &text, &final, &provisional, &overruled); err != nil {
			return err
		}
		err := json.Unmarshal([]byte(text), &v.Verdict)
		if err == nil {
			err = v.stand(final, provisional, overruled)
		}
		if err != nil {
			return fmt.Errorf("%w: verdict: %w", ErrCorrupt, err)
		}
		v.Position, v.Changed = positionOf(pos), positionOf(changed)
		found = append(found, v)
		bytes += len(text)
		return nil
	}, questionVerdicts+rest, args...)
	return found, more, err
}

// questionVerdicts asks for verdicts v with what is final or provisional under their keys, and what that overruled.
const questionVerdicts = `SELECT v.pos, v.changed, v.verdict,
	(SELECT f.value FROM finals f WHERE f.shipment = v.shipment AND f.window_no = v.window_no AND f.model = v.model),
	(SELECT q.value FROM tasks k JOIN task_parts q ON q.task = k.id AND q.kind = 4 AND q.account = ''
		WHERE k.shipment = v.shipment AND k.window_no = v.window_no AND k.model = v.model AND k.phase = 3 ORDER BY k.pos LIMIT 1),
	(SELECT o.verdict FROM overruled o WHERE o.shipment = v.shipment AND o.window_no = v.window_no AND o.model = v.model)
	FROM verdicts v`

// Shipment is a logistic unit that devices watch over.
type Shipment struct {
	ID        string
	StartedAt ledger.Millis
	EndedAt   *ledger.Millis // nil while it is under way
	Bindings  []Binding
	Verdicts  uint64
	Latest    *Verdict // of the last window that has one; nil if none has
	Worst     ledger.VerdictLevel
	Items     uint64
}

// ShipmentFilter selects shipments; each field that is set must hold.
type ShipmentFilter struct {
	AtLeast ledger.VerdictLevel // of the latest verdict
	Open    bool
}

// Shipment gives a shipment by its canonical id; ErrNotFound.
func (s *Store) Shipment(ctx context.Context, id string) (Shipment, error) {
	var w where
	w.add("id = ?", id)
	found, err := s.shipments(ctx, w, 1)
	if err != nil {
		return Shipment{}, err
	}
	if len(found) == 0 {
		return Shipment{}, fmt.Errorf("%w: shipment %s", ErrNotFound, id)
	}
	return found[0], nil
}

// Shipments lists at most limit shipments whose id is greater than after, by id.
func (s *Store) Shipments(ctx context.Context, f ShipmentFilter, after string, limit int) ([]Shipment, error) {
	var w where
	w.add("id > ?", after)
	if f.AtLeast > 0 {
		w.add("level >= ?", int(f.AtLeast))
	}
	if f.Open {
		w.add("ended_at IS NULL")
	}
	return s.shipments(ctx, w, limit)
}

func (s *Store) shipments(ctx context.Context, w where, limit int) ([]Shipment, error) {
	var found []Shipment
	err := s.snapshot(ctx, func(tx querier) error {
		var latest []sql.NullInt64
		err := each(ctx, tx, func(rows *sql.Rows) error {
			var sh Shipment
			var started, verdicts int64
			var ended, last sql.NullInt64
			var worst int
			if err := rows.Scan(&sh.ID, &started, &ended, &verdicts, &last, &worst); err != nil {
				return err
			}
			sh.StartedAt, sh.Verdicts, sh.Worst = ledger.Millis(started), uint64(verdicts), ledger.VerdictLevel(worst) //nolint:gosec // written from those types
			if ended.Valid {
				at := ledger.Millis(ended.Int64)
				sh.EndedAt = &at
			}
			found, latest = append(found, sh), append(latest, last)
			return nil
		}, `SELECT id, started_at, ended_at, verdicts, latest, worst FROM shipments`+w.String()+` ORDER BY id LIMIT ?`, append(w.args, limit)...)
		if err != nil {
			return err
		}
		for i := range found {
			sh := &found[i]
			if sh.Bindings, err = selectBindings(ctx, tx, "a.container = ?", sh.ID); err != nil {
				return err
			}
			if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM items WHERE container = ?`, sh.ID).Scan(&sh.Items); err != nil {
				return err
			}
			if !latest[i].Valid {
				continue
			}
			v, _, err := selectVerdicts(ctx, tx, Page{Limit: 1}, " WHERE v.pos = ?", latest[i].Int64)
			if err != nil {
				return err
			}
			if len(v) == 1 {
				sh.Latest = &v[0]
			}
		}
		return nil
	})
	return found, err
}

// Totals counts what the ledger holds, up to the block read.
type Totals struct {
	Events, Restatements, Items, Findings, Devices, Segments, Readings, Policies, Verdicts, Shipments uint64
}

// Totals gives the counts with the progress that they reflect.
func (s *Store) Totals(ctx context.Context) (Totals, Progress, error) {
	var t Totals
	var at Progress
	counts := map[string]*uint64{
		"events": &t.Events, "restatements": &t.Restatements, "findings": &t.Findings, "devices": &t.Devices,
		"segments": &t.Segments, "readings": &t.Readings, "policies": &t.Policies, "verdicts": &t.Verdicts,
		"items": &t.Items, "shipments": &t.Shipments,
	}
	err := s.snapshot(ctx, func(tx querier) error {
		var err error
		if at, err = readPosition(ctx, tx, ""); err != nil {
			return err
		}
		return each(ctx, tx, func(rows *sql.Rows) error {
			var name string
			var n uint64
			scanned := rows.Scan(&name, &n)
			if c, ok := counts[name]; ok {
				*c = n
			}
			return scanned
		}, `SELECT name, value FROM totals`)
	})
	return t, at, err
}
