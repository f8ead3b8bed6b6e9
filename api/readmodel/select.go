package readmodel

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

var (
	// ErrTooComplex says that a query would have to look at too many events: ask for fewer, such as those
	// of a time or of a business step.
	ErrTooComplex = errors.New("WB_QUERY_TOO_COMPLEX")
	// ErrCursor says that a page's cursor was not given by an earlier page of the same query.
	ErrCursor = errors.New("WB_CURSOR")
)

// Entry is an event as queries answer it: as it was recorded, or a later declaration that it was in
// error.
type Entry struct {
	Position
	Hash       ledger.Digest
	RecordedAt ledger.Millis
	// Event is the event as sent; what a repository fills in (eventID, recordTime) is not.
	Event *epcis.Event

	bytes int // of the texts that it was read from
}

// filled is the event as a repository answers it, with recordTime and eventID.
func (e Entry) filled() *epcis.Event {
	f := *e.Event
	at := e.RecordedAt.Time().UTC()
	f.RecordTime = epcis.Time{Instant: at, Text: at.Format("2006-01-02T15:04:05.000Z07:00")}
	if f.EventID == "" {
		f.EventID = epcis.Hash(e.Hash).String()
	}
	return &f
}

// Selected is a page of a query's result.
type Selected struct {
	Entries []Entry
	// Next is the cursor of the next page, empty at the end. A page may hold fewer entries than it could,
	// or none, and have a next one: the store looks at a bounded number of events for a page.
	Next string
	// Full says that the page ended because of the bytes in it, and that more would be too many at a time.
	Full bool
	// At is the progress that the whole result reflects, on every page of it.
	At Progress
}

// selectBounds bound the work on a page.
type selectBounds struct {
	// listed is how many events the objects of one condition may be in to be listed; objects in more are
	// found by what their identifiers begin with.
	listed int
	// looked bounds the entries that are read and decoded for one page.
	looked int
	// counted bounds the same for a count, and for an order that no index has.
	counted int
	// countedBytes bounds the bytes of entries that are held for an order that no index has.
	countedBytes int
	// pageBytes ends a page after the entry whose text exceeds it in sum.
	pageBytes int
	// chunk is how many entries are read at a time.
	chunk int
	// window is how many parts are looked into at a time.
	window int
}

func defaultBounds() selectBounds {
	return selectBounds{listed: 8_000, looked: 5_000, counted: 50_000, countedBytes: 128 << 20, pageBytes: entryBytes, chunk: 128, window: 128}
}

// Select gives a page of up to limit entries of a query's result, in the query's order; entries that
// compare equal come in the order of recording. cursor is one that an earlier page of the same query
// gave, or empty. What is recorded after the first page does not change the result. md nil: the master data of
// the store as it is at each page. It
// fails with ErrCursor, ErrTooComplex, or query.Faults when there are more than MaxEventCount. Event
// times are ordered by microseconds.
func (s *Store) Select(ctx context.Context, q *query.Query, md query.MasterData, cursor string, limit int) (Selected, error) {
	var found Selected
	at, err := parseCursor(cursor)
	if err != nil {
		return found, err
	}
	err = s.snapshot(ctx, func(tx querier) (err error) {
		state, err := readPosition(ctx, tx, "")
		if err != nil {
			return err
		}
		found.At = state
		if cursor == "" {
			if end, ok := EndOf(found.At.Height); ok {
				at.asOf = end.key()
			}
		} else if at.asOf >= 0 {
			found.At.Height = min(found.At.Height, positionOf(at.asOf).Block+1)
		}
		view := newMasterView(ctx, tx)
		if md == nil {
			md = view
		}
		defer func() {
			if err == nil {
				err = view.err
			}
		}()
		sel := s.newSelection(ctx, tx, q, md, at.asOf, state)
		if err = sel.plan(); err != nil || sel.nothing {
			return err
		}
		if cursor == "" && q.MaxEventCount > 0 {
			if err = sel.mustNotExceed(q.MaxEventCount); err != nil {
				return err
			}
		}
		if q.EventCountLimit > 0 {
			limit = min(limit, q.EventCountLimit-int(at.given))
		}
		if limit <= 0 {
			return nil
		}
		if q.Order.Field == query.OrderExtension {
			found.Entries, found.Next, err = sel.byField(at, limit)
			return err
		}
		found.Entries, found.Next, found.Full, err = sel.page(at, limit)
		return err
	})
	return found, err
}

// place is where a page begins: after the entry of that key and position.
type place struct {
	asOf  int64 // the last position that counts
	key   int64 // the time that the result is ordered by; with byField, how many entries were given
	pos   int64
	given uint32
	begun bool
}

const cursorVersion = 1

func (p place) String() string {
	b := []byte{cursorVersion}
	for _, n := range []int64{p.asOf, p.key, p.pos} {
		b = binary.BigEndian.AppendUint64(b, uint64(n)) //nolint:gosec // the bits
	}
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(b, p.given))
}

func parseCursor(s string) (p place, err error) {
	if s == "" {
		return place{asOf: -1}, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	const size = 1 + 3*8 + 4
	if err != nil || len(b) != size || b[0] != cursorVersion {
		return p, ErrCursor
	}
	n := func(at int) int64 { return int64(binary.BigEndian.Uint64(b[at:])) } //nolint:gosec // the bits
	p = place{asOf: n(1), key: n(9), pos: n(17), given: binary.BigEndian.Uint32(b[25:]), begun: true}
	if p.asOf < -1 || p.pos < 0 || p.given > 1<<30 {
		return place{}, ErrCursor
	}
	return p, nil
}

// selection is the work on one page.
type selection struct {
	ctx    context.Context //nolint:containedctx // lives as long as the one call that made it
	tx     querier
	q      *query.Query
	md     query.MasterData
	order  order
	asOf   int64
	bounds selectBounds
	budget int // entries that may still be looked at

	clauses         []clause
	event, recorded between
	nothing         bool // no entry can be in the result
	parts           []*part
	aliases         []alias
	cache           *partCache
	genesis         [32]byte
	height          uint64 // of the state that is read
}

func (s *Store) newSelection(ctx context.Context, tx querier, q *query.Query, md query.MasterData, asOf int64, at Progress) *selection {
	sel := &selection{
		ctx: ctx, tx: tx, q: q, md: md, asOf: asOf, bounds: s.bounds, budget: s.bounds.looked, event: always(), recorded: always(),
		cache: &s.cache, genesis: at.Genesis, height: at.Height,
	}
	switch q.Order.Field {
	case query.OrderEventTime:
		sel.order.by = byEventTime
	case query.OrderRecordTime:
		sel.order.by = byRecordTime
	case query.OrderNone, query.OrderExtension:
	}
	sel.order.descending = sel.order.by != byPosition && q.Order.Descending
	return sel
}

// plan turns the predicates into what the index is asked, and reads which parts there are.
func (s *selection) plan() error {
	if s.asOf < 0 {
		s.nothing = true
		return nil
	}
	for _, p := range s.q.Predicates {
		if t, ok := p.(query.TimeIs); ok && (t.Field == query.EventTime || t.Field == query.RecordTime) {
			s.within(t)
			continue
		}
		c, possible := s.clauseOf(p)
		if !possible {
			s.nothing = true
			return nil
		}
		if c.empty() {
			continue
		}
		if len(c.objects) > 0 || len(c.hashes) > 0 {
			if err := s.list(&c); err != nil {
				return err
			}
			if c.empty() {
				continue
			}
		}
		c.terms = append(c.terms, overflow())
		s.clauses = append(s.clauses, c)
	}
	if s.event.none() || s.recorded.none() {
		s.nothing = true
		return nil
	}
	// What is likely to be rare comes first: where it is not, the others need not be read.
	slices.SortStableFunc(s.clauses, func(a, b clause) int { return cmp.Compare(a.common, b.common) })
	if err := s.readAliases(); err != nil {
		return err
	}
	return s.readParts()
}

// within narrows the times. They are kept rounded down, so a bound includes what is rounded to it.
func (s *selection) within(t query.TimeIs) {
	b, bound := &s.event, t.Time.UnixMicro()
	if t.Field == query.RecordTime {
		b, bound = &s.recorded, t.Time.UnixMilli()
	}
	switch t.Op {
	case query.LT, query.LE:
		b.high = min(b.high, bound)
	case query.GT, query.GE:
		b.low = max(b.low, bound)
	case query.EQ:
		b.low, b.high = max(b.low, bound), min(b.high, bound)
	}
}

// page takes candidates in order and keeps those that match.
func (s *selection) page(at place, limit int) (entries []Entry, next string, full bool, err error) {
	bytes := 0
	for {
		candidates, done, err := s.next(at, min(s.bounds.chunk, limit-len(entries)+16))
		if err != nil {
			return nil, "", false, err
		}
		matching, err := s.read(candidates)
		if err != nil {
			return nil, "", false, err
		}
		for i, c := range candidates {
			if entry, ok := matching[c.pos]; ok {
				entries = append(entries, entry)
				at.given++
				bytes += entry.bytes
			}
			at.key, at.pos, at.begun = c.key, c.pos, true
			if full = bytes > s.bounds.pageBytes; full || len(entries) == limit {
				if done && i == len(candidates)-1 || s.q.EventCountLimit > 0 && int(at.given) >= s.q.EventCountLimit {
					return entries, "", full, nil
				}
				return entries, at.String(), full, nil
			}
		}
		if done {
			return entries, "", false, nil
		}
		if s.budget <= 0 {
			return entries, at.String(), false, nil
		}
	}
}

// among adds that a column is one of the values. There are few sizes of such lists, so that there are
// few statements.
func among[T any](w *where, column string, values []T) {
	size := len(values)
	for _, n := range []int{1, 4, 16, 128, 512} {
		if n >= len(values) {
			size = n
			break
		}
	}
	args := make([]any, size)
	for i := range args {
		args[i] = values[min(i, len(values)-1)]
	}
	w.add(column+" IN (?"+strings.Repeat(", ?", size-1)+")", args...)
}

// read reads and decodes candidates and gives those that match, by position.
func (s *selection) read(candidates []candidate) (map[int64]Entry, error) {
	matching := make(map[int64]Entry, len(candidates))
	for part := range slices.Chunk(candidates, s.bounds.chunk) {
		positions := make([]int64, len(part))
		for i, c := range part {
			positions[i] = c.pos
		}
		s.budget -= len(part)
		var w where
		among(&w, "b.pos", positions)
		// Master data is looked up when the rows are read: a connection answers one question at a time.
		entries := make([]Entry, 0, len(part))
		err := each(s.ctx, s.tx, func(rows *sql.Rows) error {
			var pos, at int64
			var context, body, hash []byte
			if err := rows.Scan(&pos, &at, &hash, &context, &body); err != nil {
				return err
			}
			entry, err := readEntry(pos, ledger.Millis(at), hash, context, body)
			entry.bytes = len(context) + len(body)
			entries = append(entries, entry)
			return err
		}, `SELECT b.pos, COALESCE(v.recorded_at, r.recorded_at), COALESCE(v.hash, r.hash), c.context, b.body FROM bodies b
			LEFT JOIN events v ON v.pos = b.pos LEFT JOIN restatements r ON r.pos = b.pos LEFT JOIN contexts c ON c.digest = b.context`+w.String(), w.args...)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			if s.q.MatchesWith(entry.filled(), s.md) {
				matching[entry.key()] = entry
			}
		}
	}
	return matching, nil
}

func readEntry(pos int64, at ledger.Millis, hash, context, body []byte) (Entry, error) {
	e, err := epcis.ParseEvent(context, body)
	if err != nil {
		return Entry{}, fmt.Errorf("%w: the event at %d cannot be parsed: %w", ErrCorrupt, pos, err)
	}
	entry := Entry{Position: positionOf(pos), RecordedAt: at, Event: e}
	copy(entry.Hash[:], hash)
	return entry, nil
}

// mustNotExceed fails if the result has more than most entries.
func (s *selection) mustNotExceed(most int) error {
	all := *s
	all.budget = s.bounds.counted
	matching, err := all.everything(most)
	if err != nil {
		return err
	}
	if len(matching) > most {
		return query.Faults{{Parameter: "maxEventCount", Code: query.CodeTooLarge, Message: "the result has more than " + strconv.Itoa(most) + " events"}}
	}
	return nil
}

// everything gives the whole result in the order of recording, or more than most of it.
func (s *selection) everything(most int) ([]Entry, error) {
	s.order = order{}
	at := place{asOf: s.asOf}
	var entries []Entry
	bytes := 0
	for {
		candidates, done, err := s.next(at, s.bounds.counted)
		if err != nil {
			return nil, err
		}
		for part := range slices.Chunk(candidates, s.bounds.chunk) {
			if s.budget <= 0 {
				return nil, fmt.Errorf("%w: more than %d events would have to be looked at", ErrTooComplex, s.bounds.counted)
			}
			matching, err := s.read(part)
			if err != nil {
				return nil, err
			}
			for _, c := range part {
				at.key, at.pos, at.begun = c.key, c.pos, true
				if entry, ok := matching[c.pos]; ok {
					entries = append(entries, entry)
					bytes += entry.bytes
				}
			}
			if len(entries) > most {
				return entries, nil
			}
			if bytes > s.bounds.countedBytes {
				return nil, fmt.Errorf("%w: more than %d MiB of events would have to be held", ErrTooComplex, s.bounds.countedBytes>>20)
			}
		}
		if done {
			return entries, nil
		}
	}
}

// byField gives a page in the order of an extension field, which no index has.
func (s *selection) byField(at place, limit int) ([]Entry, string, error) {
	order := s.q.Order
	s.budget = s.bounds.counted
	entries, err := s.everything(s.bounds.counted)
	if err != nil {
		return nil, "", err
	}
	slices.SortStableFunc(entries, func(a, b Entry) int { return order.Compare(a.Event, b.Event) })
	if at.key < 0 || at.key > int64(len(entries)) {
		return nil, "", ErrCursor
	}
	entries = entries[at.key:]
	more := len(entries) > limit
	entries = entries[:min(limit, len(entries))]
	at.key += int64(len(entries))
	at.given += uint32(len(entries)) //nolint:gosec // bounded by what is counted
	if !more || s.q.EventCountLimit > 0 && int(at.given) >= s.q.EventCountLimit {
		return entries, "", nil
	}
	return entries, at.String(), nil
}
