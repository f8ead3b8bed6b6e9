package readmodel

import (
	"database/sql"
	"math"
	"slices"
	"strconv"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/epcis"
)

// clause is what one predicate asks of the index: an entry that meets the predicate has one of the
// terms, or a number, or an object, or a hash. The empty clause knows nothing of the predicate.
type clause struct {
	// common says how likely many entries meet it, by the kind of the predicate.
	common  int
	terms   []int64
	numbers *numberClause
	// objects are keys of event_epcs, in one of the places of roles; instead are terms that every entry
	// with one of them has.
	objects []any
	roles   int
	instead []int64
	hashes  []any
	// positions are those of the entries with an object or a hash, rising.
	positions []int64
}

func (c *clause) empty() bool {
	return len(c.terms) == 0 && c.numbers == nil && len(c.objects) == 0 && len(c.hashes) == 0
}

// holds tells whether the clause knows an entry.
func (c *clause) holds(e entry) bool {
	if slices.ContainsFunc(c.terms, func(t int64) bool { return slices.Contains(e.terms, t) }) {
		return true
	}
	if c.numbers != nil {
		for _, n := range e.numbers {
			if n.field == c.numbers.field && c.numbers.wants(n.value) {
				return true
			}
		}
	}
	_, found := slices.BinarySearch(c.positions, e.pos)
	return found
}

// numberClause wants a number of a field.
type numberClause struct {
	field     int64
	low, high float64   // inclusive
	among     []float64 // if not empty, the values wanted
}

func (n *numberClause) wants(v float64) bool {
	return v >= n.low && v <= n.high && (len(n.among) == 0 || slices.Contains(n.among, v))
}

// between is a closed interval.
type between struct{ low, high int64 }

func always() between { return between{math.MinInt64, math.MaxInt64} }

func (b between) none() bool                  { return b.low > b.high }
func (b between) contains(v int64) bool       { return v >= b.low && v <= b.high }
func (b between) covers(low, high int64) bool { return b.low <= low && high <= b.high }
func (b between) meets(low, high int64) bool  { return b.low <= high && low <= b.high }

// How common what a predicate asks for is likely to be.
const (
	fewEntries = iota
	someEntries
	manyEntries
	mostEntries
)

// maxAlternatives bounds the alternatives of one clause; a predicate with more is looked at event by event.
const maxAlternatives = 400

func ofTerms(common int, terms []int64) (c clause, possible bool) {
	if len(terms) > maxAlternatives {
		return clause{}, true
	}
	return clause{common: common, terms: terms}, len(terms) > 0
}

func ofNumbers(field int64, op query.Op, values []float64) (c clause, possible bool) {
	if len(values) == 0 {
		return clause{}, false
	}
	n := &numberClause{field: field, low: math.Inf(-1), high: math.Inf(1)}
	switch op {
	case query.EQ:
		for _, v := range values {
			n.among = append(n.among, v+0)
		}
		n.low, n.high = slices.Min(n.among), slices.Max(n.among)
	case query.GT, query.GE:
		n.low = slices.Min(values)
	case query.LT, query.LE:
		n.high = slices.Max(values)
	}
	return clause{common: manyEntries, numbers: n}, true
}

// clauseOf gives what the index knows of a predicate; possible is false if no event can meet it.
func (s *selection) clauseOf(p query.Predicate) (c clause, possible bool) {
	var terms []int64
	common := someEntries
	switch p := p.(type) {
	case query.EventTypeIn:
		common = mostEntries
		for _, t := range p.Types {
			terms = append(terms, term(aType, 0, string(t)))
		}
	case query.TimeIs:
		return ofNumbers(term(aTime, uint8(p.Field)), p.Op, []float64{float64(p.Time.UnixMilli())})
	case query.WordIn:
		common = manyEntries
		for _, w := range p.Words {
			terms = append(terms, term(aWord, uint8(p.Field), w))
		}
	case query.IDIn:
		return s.idClause(p)
	case query.TextIn:
		for _, t := range p.Texts {
			terms = append(terms, term(aText, uint8(p.Field), t))
		}
	case query.BooleanIs:
		terms = append(terms, term(aBoolean, 0, strconv.FormatBool(p.Value)))
	case query.PartExists:
		terms = append(terms, term(aPart, uint8(p.Part)))
	case query.FieldExists:
		common = manyEntries
		terms = append(terms, term(aField, uint8(p.Scope), fieldKey(p.Inner, p.Name)...))
	case query.FieldIs:
		return fieldClause(p)
	case query.NumberIs:
		field := term(aNumber, uint8(p.Field), p.Dimension)
		if p.AnyUnit {
			field = term(aAnyUnit, uint8(p.Field))
		}
		return ofNumbers(field, p.Op, p.Values)
	case query.EPCMatches:
		return objectClause(p), len(p.Patterns) > 0
	case query.AttributeIs:
		if v, ok := s.md.(*masterView); ok {
			return s.attributeClause(v, p)
		}
		return clause{}, s.md != nil
	default:
		return clause{}, true
	}
	return ofTerms(common, terms)
}

func (s *selection) idClause(p query.IDIn) (c clause, possible bool) {
	if p.Descendants && s.md != nil {
		v, ok := s.md.(*masterView)
		if !ok {
			return clause{}, true
		}
		p = v.descendantsClause(p)
	}
	var terms []int64
	for _, id := range p.IDs {
		if p.Field == query.BizTransaction || p.Field == query.Source || p.Field == query.Destination {
			for _, kind := range p.Types {
				terms = append(terms, term(aTypedID, uint8(p.Field), kind, id))
			}
			continue
		}
		terms = append(terms, term(aID, uint8(p.Field), id))
	}
	c, possible = ofTerms(someEntries, terms)
	if p.Field == query.EventID && !c.empty() {
		c.common = fewEntries
		for _, id := range p.IDs {
			// An event without an identifier has its hash for one.
			if h, err := epcis.ParseHash(id); err == nil && h.String() == id {
				c.hashes = append(c.hashes, h[:])
			}
		}
	}
	return c, possible
}

func fieldClause(p query.FieldIs) (c clause, possible bool) {
	key := fieldKey(p.Inner, p.Name)
	if p.Op == query.EQ {
		var terms []int64
		for _, v := range p.Values {
			terms = append(terms, term(aFieldValue, uint8(p.Scope), append(slices.Clip(key), spelling(query.NewOperand(v.Text)))...))
		}
		return ofTerms(someEntries, terms)
	}
	var bounds []float64
	for _, v := range p.Values {
		if m, ok := magnitude(v); ok {
			bounds = append(bounds, m)
		}
	}
	return ofNumbers(term(aFieldValue, uint8(p.Scope), key...), p.Op, bounds)
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

// objectTerms are the terms of one text in each of the places.
func objectTerms(mask int, text string) (terms []int64) {
	for bit := 1; bit < declarationRole; bit <<= 1 {
		if mask&bit != 0 {
			terms = append(terms, objectTerm{bit, text}.term())
		}
	}
	return terms
}

// beginningTerms are the terms of the longest beginning that an identifier, or a prefix, is found by.
func beginningTerms(mask int, text string) []int64 {
	longest := ""
	for _, b := range beginnings(text) {
		if b != "" {
			longest = b
		}
	}
	if longest == "" {
		return nil
	}
	return objectTerms(mask, longest)
}

func objectClause(p query.EPCMatches) (c clause) {
	c.common, c.roles = someEntries, rolesOf(p.Field)
	replaceable := true
	for _, pattern := range p.Patterns {
		switch {
		case pattern.Exact == "":
		case c.roles >= 1<<quantityShift:
			c.terms = append(c.terms, objectTerms(c.roles, pattern.Exact)...)
		default:
			c.objects = append(c.objects, storable(bounded(pattern.Exact)))
			terms := beginningTerms(c.roles, pattern.Exact)
			c.instead, replaceable = append(c.instead, terms...), replaceable && len(terms) > 0
		}
		for _, prefix := range pattern.Prefixes {
			terms := beginningTerms(c.roles, prefix)
			if len(terms) == 0 {
				return clause{}
			}
			c.terms = append(c.terms, terms...)
		}
	}
	if len(c.terms)+len(c.objects)+len(c.instead) > maxAlternatives {
		return clause{}
	}
	if !replaceable {
		c.instead = nil
	}
	if len(c.terms) == 0 {
		c.common = fewEntries
	}
	return c
}

// list reads the positions of the entries with an object or a hash. The clause is empty afterwards if
// there are too many and nothing else to find them by.
func (s *selection) list(c *clause) error {
	collect := func(question string, w where, more ...any) error {
		return each(s.ctx, s.tx, func(rows *sql.Rows) error {
			var pos int64
			defer func() { c.positions = append(c.positions, pos) }()
			return rows.Scan(&pos)
		}, question+w.String()+" LIMIT ?", append(append(w.args, more...), s.bounds.listed+1)...)
	}
	if len(c.objects) > 0 {
		var w where
		among(&w, "epc", c.objects)
		w.add("(roles & ?) <> 0", c.roles)
		if err := collect("SELECT pos FROM event_epcs", w); err != nil {
			return err
		}
		if len(c.positions) > s.bounds.listed {
			c.positions = nil
			if c.objects = nil; len(c.instead) == 0 {
				*c = clause{}
				return nil
			}
			c.terms = append(c.terms, c.instead...)
		}
	}
	if len(c.hashes) > 0 {
		for _, table := range []string{"events", "restatements"} {
			var w where
			among(&w, "hash", c.hashes)
			if err := collect("SELECT pos FROM "+table, w); err != nil {
				return err
			}
		}
		if len(c.positions) > s.bounds.listed {
			*c = clause{}
			return nil
		}
	}
	slices.Sort(c.positions)
	c.positions = slices.Compact(c.positions)
	return nil
}

// ofEvents is the clause of what the questions for events ask by.
func ofEvents(f EventFilter) (predicates []query.Predicate) {
	if f.Type != "" {
		predicates = append(predicates, query.EventTypeIn{Types: []epcis.EventType{epcis.EventType(f.Type)}})
	}
	if f.BizStep != "" {
		predicates = append(predicates, query.WordIn{Field: query.BizStep, Words: []string{f.BizStep}})
	}
	if f.Time.From != nil {
		predicates = append(predicates, query.TimeIs{Field: query.EventTime, Op: query.GE, Time: f.Time.From.Time()})
	}
	if f.Time.Until != nil {
		predicates = append(predicates, query.TimeIs{Field: query.EventTime, Op: query.LT, Time: f.Time.Until.Time()})
	}
	return predicates
}
