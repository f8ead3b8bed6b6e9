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
	// At is the progress that the whole result reflects, on every page of it.
	At Progress
}

// selectBounds bound the work on a page.
type selectBounds struct {
	// enumerated is how many entries a condition may select to be listed; what selects more is walked
	// along in order.
	enumerated int
	// looked bounds the entries that are read and decoded for one page.
	looked int
	// counted bounds the same for a count, and for an order that no index has.
	counted int
	// chunk is how many entries are read at a time.
	chunk int
}

func defaultBounds() selectBounds {
	return selectBounds{enumerated: 4_000, looked: 5_000, counted: 50_000, chunk: 128}
}

// Select gives a page of up to limit entries of a query's result, in the query's order; entries that
// compare equal come in the order of recording. cursor is one that an earlier page of the same query
// gave, or empty. What is recorded after the first page does not change the result. md may be nil. It
// fails with ErrCursor, ErrTooComplex, or query.Faults when there are more than MaxEventCount. Event
// times are ordered by microseconds.
func (s *Store) Select(ctx context.Context, q *query.Query, md query.MasterData, cursor string, limit int) (Selected, error) {
	var found Selected
	at, err := parseCursor(cursor)
	if err != nil {
		return found, err
	}
	err = s.snapshot(ctx, func(tx querier) error {
		sel := selection{ctx: ctx, tx: tx, q: q, md: md, bounds: s.bounds, budget: s.bounds.looked}
		if found.At, err = readPosition(ctx, tx, ""); err != nil {
			return err
		}
		if cursor == "" {
			if end, ok := EndOf(found.At.Height); ok {
				at.asOf = end.key()
			}
		} else if at.asOf > 0 {
			found.At.Height = min(found.At.Height, positionOf(at.asOf).Block+1)
		}
		sel.asOf = at.asOf
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
		found.Entries, found.Next, err = sel.page(at, limit)
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

// source is a set of entries that an index gives.
type source struct {
	from    string // table
	where   string // condition on it
	args    []any
	ordered bool // the index gives it in the order of positions
}

// clause is what one predicate asks: an entry that meets the predicate is in one of the sources, and
// meets the filter.
type clause struct {
	sources []source
	filter  string // condition on the entry e; empty if no index tells quickly
	args    []any
	size    int // entries in the sources, counted up to enumerated+1
}

// selection is the work on one page.
type selection struct {
	ctx     context.Context //nolint:containedctx // lives as long as the one call of Select that made it
	tx      querier
	q       *query.Query
	md      query.MasterData
	asOf    int64
	clauses []clause
	best    *clause // the one with the fewest entries, nil if none has sources
	nothing bool    // no entry can be in the result
	bounds  selectBounds
	budget  int // entries that may still be looked at
}

// plan turns the predicates into clauses and finds the one to begin with.
func (s *selection) plan() error {
	if s.asOf < 0 {
		s.nothing = true
		return nil
	}
	for _, p := range s.q.Predicates {
		c, possible := s.clauseOf(p)
		if !possible {
			s.nothing = true
			return nil
		}
		if len(c.sources) == 0 && c.filter == "" {
			continue
		}
		for _, src := range c.sources {
			var n int
			question := "SELECT COUNT(*) FROM (SELECT 1 FROM " + src.from + " s WHERE " + src.where + " LIMIT " + strconv.Itoa(s.bounds.enumerated+1) + ") found"
			if err := s.tx.QueryRowContext(s.ctx, question, src.args...).Scan(&n); err != nil {
				return err
			}
			c.size += n
		}
		s.clauses = append(s.clauses, c)
	}
	for i := range s.clauses {
		if c := &s.clauses[i]; len(c.sources) > 0 && (s.best == nil || c.size < s.best.size) {
			s.best = c
		}
	}
	s.nothing = s.best != nil && s.best.size == 0
	return nil
}

// others are the filters of the clauses that do not lead.
func (s *selection) others(leading *clause) where {
	var w where
	for i := range s.clauses {
		if c := &s.clauses[i]; c != leading && c.filter != "" {
			w.add(c.filter, c.args...)
		}
	}
	return w
}

// ofTerms is the clause of entries with one of the terms.
func ofTerms(terms ...int64) clause {
	terms = append(terms, overflow())
	c := clause{filter: "EXISTS (SELECT 1 FROM event_terms t WHERE t.term IN (?" + strings.Repeat(", ?", len(terms)-1) + ") AND t.pos = e.pos)"}
	for _, t := range terms {
		c.sources = append(c.sources, source{from: "event_terms", where: "s.term = ?", args: []any{t}, ordered: true})
		c.args = append(c.args, t)
	}
	return c
}

// ofNumbers is the clause of entries with a number of the field.
func ofNumbers(field int64, op query.Op, values []float64) clause {
	c := clause{sources: []source{{from: "event_terms", where: "s.term = ?", args: []any{overflow()}, ordered: true}}}
	for _, v := range values {
		src := source{from: "event_numbers", args: []any{field, v + 0}}
		switch op {
		case query.EQ:
			src.where, src.ordered = "s.field = ? AND s.value = ?", true
		case query.GT, query.GE:
			src.where = "s.field = ? AND s.value >= ?"
		case query.LT, query.LE:
			src.where = "s.field = ? AND s.value <= ?"
		}
		c.sources = append(c.sources, src)
	}
	return c
}

// maxSources bounds the alternatives of one clause; a predicate with more is looked at event by event.
const maxSources = 400

// clauseOf gives what indexes know of a predicate; possible is false if no event can meet it.
func (s *selection) clauseOf(p query.Predicate) (c clause, possible bool) {
	var terms []int64
	switch p := p.(type) {
	case query.EventTypeIn:
		for _, t := range p.Types {
			terms = append(terms, term(aType, 0, string(t)))
		}
	case query.TimeIs:
		return timeClause(p), true
	case query.WordIn:
		for _, w := range p.Words {
			terms = append(terms, term(aWord, uint8(p.Field), w))
		}
	case query.IDIn:
		if p.Descendants && s.md != nil {
			return clause{}, true
		}
		for _, id := range p.IDs {
			if p.Field == query.BizTransaction || p.Field == query.Source || p.Field == query.Destination {
				for _, kind := range p.Types {
					terms = append(terms, term(aTypedID, uint8(p.Field), kind, id))
				}
				continue
			}
			terms = append(terms, term(aID, uint8(p.Field), id))
		}
	case query.TextIn:
		for _, t := range p.Texts {
			terms = append(terms, term(aText, uint8(p.Field), t))
		}
	case query.BooleanIs:
		terms = append(terms, term(aBoolean, 0, strconv.FormatBool(p.Value)))
	case query.PartExists:
		terms = append(terms, term(aPart, uint8(p.Part)))
	case query.FieldExists:
		terms = append(terms, term(aField, uint8(p.Scope), fieldKey(p.Inner, p.Name)...))
	case query.FieldIs:
		return fieldClause(p)
	case query.NumberIs:
		field := term(aNumber, uint8(p.Field), p.Dimension)
		if p.AnyUnit {
			field = term(aAnyUnit, uint8(p.Field))
		}
		c := ofNumbers(field, p.Op, p.Values)
		return c, len(p.Values) > 0
	case query.EPCMatches:
		return epcClause(p), len(p.Patterns) > 0
	case query.AttributeIs:
		return clause{}, s.md != nil
	default:
		return clause{}, true
	}
	if len(terms) == 0 {
		return clause{}, false
	}
	if len(terms) > maxSources {
		return clause{}, true
	}
	return ofTerms(terms...), true
}

func timeClause(p query.TimeIs) clause {
	column, bound := "", p.Time.UnixMilli()
	switch p.Field {
	case query.EventTime:
		column, bound = "event_time", p.Time.UnixMicro()
	case query.RecordTime:
		column = "recorded_at"
	case query.DeclarationTime, query.SensorTime, query.SensorStartTime, query.SensorEndTime:
		return ofNumbers(term(aTime, uint8(p.Field)), p.Op, []float64{float64(bound)})
	}
	// Times are kept rounded down, so a bound includes what is rounded to it.
	comparison := " >= ?"
	switch p.Op {
	case query.LT, query.LE:
		comparison = " <= ?"
	case query.EQ:
		comparison = " = ?"
	case query.GE, query.GT:
	}
	return clause{
		sources: []source{{from: "entries", where: "s." + column + comparison, args: []any{bound}}},
		filter:  "e." + column + comparison, args: []any{bound},
	}
}

func fieldClause(p query.FieldIs) (clause, bool) {
	key := fieldKey(p.Inner, p.Name)
	if p.Op == query.EQ {
		var terms []int64
		for _, v := range p.Values {
			terms = append(terms, term(aFieldValue, uint8(p.Scope), append(slices.Clip(key), spelling(query.NewOperand(v.Text)))...))
		}
		if len(terms) > maxSources {
			return clause{}, true
		}
		return ofTerms(terms...), len(terms) > 0
	}
	var bounds []float64
	for _, v := range p.Values {
		if m, ok := magnitude(v); ok {
			bounds = append(bounds, m)
		}
	}
	return ofNumbers(term(aFieldValue, uint8(p.Scope), key...), p.Op, bounds), len(bounds) > 0
}

// rolesOf are the bits of the places that a parameter looks at.
func rolesOf(f query.EPCField) (mask int) {
	const (
		parent, object, child = 1 << epcis.RoleParent, 1 << epcis.RoleEPC, 1 << epcis.RoleChild
		input, output         = 1 << epcis.RoleInput, 1 << epcis.RoleOutput
	)
	switch f {
	case query.EPCs:
		return object | child
	case query.ParentID:
		return parent
	case query.InputEPCs:
		return input
	case query.OutputEPCs:
		return output
	case query.AnyEPC:
		return parent | object | child | input | output
	case query.EPCClasses:
		return (object | child) << quantityShift
	case query.InputEPCClasses:
		return input << quantityShift
	case query.OutputEPCClasses:
		return output << quantityShift
	case query.AnyEPCClass:
		return (object | child | input | output) << quantityShift
	}
	return 0
}

func epcClause(p query.EPCMatches) (c clause) {
	mask := rolesOf(p.Field)
	// The rows of a declaration carry the same bits and one more.
	const has = " AND (s.roles & ?) <> 0"
	terms := []int64{}
	exact, complete := []any{}, true
	for _, pattern := range p.Patterns {
		if pattern.Exact != "" {
			key := storable(bounded(pattern.Exact))
			c.sources = append(c.sources, source{from: "event_epcs", where: "s.epc = ?" + has, args: []any{key, mask}, ordered: true})
			exact = append(exact, key)
		}
		for _, prefix := range pattern.Prefixes {
			if strings.HasSuffix(prefix, "/") && strings.Count(prefix, "/") == 6 { // a class: https://id.gs1.org/01/…/21/
				for bit := 1; bit < declarationRole; bit <<= 1 {
					if mask&bit != 0 {
						terms = append(terms, classTerm(bit, prefix))
					}
				}
				continue
			}
			complete = false
			from, until := span(prefix)
			c.sources = append(c.sources, source{from: "event_epcs", where: "s.epc >= ? AND s.epc < ?" + has, args: []any{from, until, mask}})
		}
	}
	for _, t := range terms {
		c.sources = append(c.sources, source{from: "event_terms", where: "s.term = ?", args: []any{t}, ordered: true})
	}
	c.sources = append(c.sources, source{from: "event_terms", where: "s.term = ?", args: []any{overflow()}, ordered: true})
	if len(c.sources) > maxSources {
		return clause{}
	}
	if complete {
		var either []string
		if len(exact) > 0 {
			either = append(either, "EXISTS (SELECT 1 FROM event_epcs x WHERE x.epc IN (?"+strings.Repeat(", ?", len(exact)-1)+") AND x.pos = e.pos AND (x.roles & ?) <> 0)")
			c.args = append(append(c.args, exact...), mask)
		}
		of := ofTerms(terms...)
		either, c.args = append(either, of.filter), append(c.args, of.args...)
		c.filter = "(" + strings.Join(either, " OR ") + ")"
	}
	return c
}

// span gives the keys between which lie those that begin with a prefix.
func span(prefix string) (from, until string) {
	const most = 900 // below where bounded cuts
	if len(prefix) > most {
		prefix = strings.ToValidUTF8(prefix[:most], "")
	}
	prefix = storable(prefix)
	if n := len(prefix); n > 0 && prefix[n-1] < 0x7f {
		return prefix, prefix[:n-1] + string(rune(prefix[n-1]+1))
	}
	return prefix, prefix + "\U0010FFFF"
}

// candidate is an entry that may be in the result.
type candidate struct{ key, pos int64 }

// orderColumn is what the entries are ordered by before their positions; empty for positions alone.
func (s *selection) orderColumn() string {
	switch s.q.Order.Field {
	case query.OrderEventTime:
		return "event_time"
	case query.OrderRecordTime:
		return "recorded_at"
	case query.OrderNone, query.OrderExtension:
	}
	return ""
}

// page walks candidates in order and keeps those that match.
func (s *selection) page(at place, limit int) (entries []Entry, next string, err error) {
	walk := s.walker()
	for {
		candidates, done, err := walk(at, min(s.bounds.chunk, max(2*(limit-len(entries)), 16)))
		if err != nil {
			return nil, "", err
		}
		matching, err := s.read(candidates)
		if err != nil {
			return nil, "", err
		}
		for i, c := range candidates {
			if entry, ok := matching[c.pos]; ok {
				entries = append(entries, entry)
				at.given++
			}
			at.key, at.pos, at.begun = c.key, c.pos, true
			if len(entries) == limit {
				if done && i == len(candidates)-1 || s.q.EventCountLimit > 0 && int(at.given) >= s.q.EventCountLimit {
					return entries, "", nil
				}
				return entries, at.String(), nil
			}
		}
		if done {
			return entries, "", nil
		}
		if s.budget <= 0 {
			return entries, at.String(), nil
		}
	}
}

// walker gives the candidates after a place, up to a number of them; done says that there are no more.
func (s *selection) walker() func(at place, n int) (candidates []candidate, done bool, err error) {
	switch {
	case s.best != nil && s.best.size <= s.bounds.enumerated:
		var all []candidate
		listed := false
		return func(at place, n int) ([]candidate, bool, error) {
			if !listed {
				var err error
				if all, err = s.list(at); err != nil {
					return nil, false, err
				}
				listed = true
			}
			some := all[:min(n, len(all))]
			all = all[len(some):]
			return some, len(all) == 0, nil
		}
	case s.best != nil && s.orderColumn() == "" && !slices.ContainsFunc(s.best.sources, func(src source) bool { return !src.ordered }):
		return s.merge
	}
	return s.scan
}

// list enumerates the leading clause and gives what comes after the place, in order.
func (s *selection) list(at place) ([]candidate, error) {
	var positions []int64
	for _, src := range s.best.sources {
		err := each(s.ctx, s.tx, func(rows *sql.Rows) error {
			var pos int64
			defer func() { positions = append(positions, pos) }()
			return rows.Scan(&pos)
		}, "SELECT s.pos FROM "+src.from+" s WHERE "+src.where+" AND s.pos <= ?", append(slices.Clip(src.args), s.asOf)...)
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(positions)
	positions = slices.Compact(positions)
	column := s.orderColumn()
	if column == "" {
		column = "pos"
		if at.begun {
			after, _ := slices.BinarySearch(positions, at.pos+1)
			positions = positions[after:]
		}
	}
	others := s.others(s.best)
	var found []candidate
	for part := range slices.Chunk(positions, s.bounds.chunk) {
		w := where{conditions: slices.Clone(others.conditions), args: slices.Clone(others.args)}
		w.among("e.pos", part, s.bounds.chunk)
		err := each(s.ctx, s.tx, func(rows *sql.Rows) error {
			var c candidate
			defer func() { found = append(found, c) }()
			return rows.Scan(&c.key, &c.pos)
		}, "SELECT e."+column+", e.pos FROM entries e"+w.String(), w.args...)
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(found, s.compare)
	if at.begun {
		after := candidate{at.key, at.pos}
		found = slices.DeleteFunc(found, func(c candidate) bool { return s.compare(c, after) <= 0 })
	}
	return found, nil
}

// compare orders candidates as the result is ordered.
func (s *selection) compare(a, b candidate) int {
	order := 0
	if s.orderColumn() != "" {
		order = cmp.Compare(a.key, b.key)
	}
	if s.q.Order.Descending {
		order = -order
	}
	return cmp.Or(order, cmp.Compare(a.pos, b.pos))
}

// among adds that a column is one of the positions; the number of parameters is always the same, so
// that the statement is.
func (w *where) among(column string, positions []int64, size int) {
	args := make([]any, size)
	for i := range args {
		args[i] = positions[min(i, len(positions)-1)]
	}
	w.add(column+" IN (?"+strings.Repeat(", ?", size-1)+")", args...)
}

// merge walks along several sources at once, each in the order of positions.
func (s *selection) merge(at place, n int) (candidates []candidate, done bool, err error) {
	others := s.others(s.best)
	from := int64(-1)
	if at.begun {
		from = at.pos
	}
	var positions []int64
	horizon, done := s.asOf, true
	for _, src := range s.best.sources {
		w := where{conditions: []string{src.where, "s.pos > ?", "s.pos <= ?"}, args: append(slices.Clip(src.args), from, s.asOf)}
		w.conditions, w.args = append(w.conditions, others.conditions...), append(w.args, others.args...)
		rows, last := 0, int64(0)
		err := each(s.ctx, s.tx, func(r *sql.Rows) error {
			rows++
			defer func() { positions = append(positions, last) }()
			return r.Scan(&last)
		}, "SELECT s.pos FROM "+src.from+" s JOIN entries e ON e.pos = s.pos"+w.String()+" ORDER BY s.pos LIMIT ?", append(w.args, n)...)
		if err != nil {
			return nil, false, err
		}
		if rows == n { // there may be more of this one, beyond which the others must wait
			horizon, done = min(horizon, last), false
		}
	}
	slices.Sort(positions)
	for _, pos := range slices.Compact(positions) {
		if pos <= horizon {
			candidates = append(candidates, candidate{pos, pos})
		}
	}
	return candidates, done, nil
}

// scan walks along the entries in the order of the result.
func (s *selection) scan(at place, n int) (candidates []candidate, done bool, err error) {
	w := s.others(nil)
	column, direction, after, notBefore := s.orderColumn(), "", ">", ">="
	if s.q.Order.Descending {
		direction, after, notBefore = " DESC", "<", "<="
	}
	order := "e.pos"
	if column == "" {
		column = "pos"
		w.add("e.pos <= ?", s.asOf)
		if at.begun {
			w.add("e.pos > ?", at.pos)
		}
	} else {
		w.add("+e.pos <= ?", s.asOf) // with the sign, SQLite does not take the index on pos for it
		order = "e." + column + direction + ", e.pos"
		if at.begun {
			w.add("e."+column+" "+notBefore+" ? AND (e."+column+" "+after+" ? OR e.pos > ?)", at.key, at.key, at.pos)
		}
	}
	err = each(s.ctx, s.tx, func(rows *sql.Rows) error {
		var c candidate
		defer func() { candidates = append(candidates, c) }()
		return rows.Scan(&c.key, &c.pos)
	}, "SELECT e."+column+", e.pos FROM entries e"+w.String()+" ORDER BY "+order+" LIMIT ?", append(w.args, n)...)
	return candidates, len(candidates) < n, err
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
		w.among("e.pos", positions, s.bounds.chunk)
		err := each(s.ctx, s.tx, func(rows *sql.Rows) error {
			var pos, at int64
			var context, body, hash []byte
			if err := rows.Scan(&pos, &at, &hash, &context, &body); err != nil {
				return err
			}
			entry, ok, err := s.entry(pos, ledger.Millis(at), hash, context, body)
			if ok {
				matching[pos] = entry
			}
			return err
		}, `SELECT e.pos, e.recorded_at, COALESCE(v.hash, r.hash), c.context, b.body FROM entries e JOIN bodies b ON b.pos = e.pos
			LEFT JOIN events v ON v.pos = e.pos LEFT JOIN restatements r ON r.pos = e.pos LEFT JOIN contexts c ON c.digest = b.context`+w.String(), w.args...)
		if err != nil {
			return nil, err
		}
	}
	return matching, nil
}

func (s *selection) entry(pos int64, at ledger.Millis, hash, context, body []byte) (Entry, bool, error) {
	e, err := epcis.ParseEvent(context, body)
	if err != nil {
		return Entry{}, false, fmt.Errorf("%w: the event at %d cannot be parsed: %w", ErrCorrupt, pos, err)
	}
	entry := Entry{Position: positionOf(pos), RecordedAt: at, Event: e}
	copy(entry.Hash[:], hash)
	return entry, s.q.MatchesWith(entry.filled(), s.md), nil
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

// everything gives the whole result in the order of recording, or one more than most of it.
func (s *selection) everything(most int) ([]Entry, error) {
	unordered := *s.q
	unordered.Order = query.Order{}
	s.q = &unordered
	walk := s.walker()
	at := place{asOf: s.asOf}
	var entries []Entry
	for {
		candidates, done, err := walk(at, s.bounds.chunk)
		if err != nil {
			return nil, err
		}
		matching, err := s.read(candidates)
		if err != nil {
			return nil, err
		}
		for _, c := range candidates {
			at.key, at.pos, at.begun = c.key, c.pos, true
			if entry, ok := matching[c.pos]; ok {
				entries = append(entries, entry)
			}
		}
		switch {
		case done || len(entries) > most:
			return entries, nil
		case s.budget <= 0:
			return nil, fmt.Errorf("%w: more than %d events would have to be looked at", ErrTooComplex, s.bounds.counted)
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
