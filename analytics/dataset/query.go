package dataset

import (
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

// maxQueryValues bounds the values of a query.
const maxQueryValues = 64

// Query says which journeys a snapshot is about: those that have one of the values of every name that has
// any. The zero value is all, and the snapshot then holds everything that its blocks recorded.
type Query struct {
	Shipments []string // canonical EPCs
	Devices   []string // canonical GIAIs, whose readings the journey holds
	Policies  []string // policy ids
	Lanes     []string // "from>to", as verdicts name them
}

// IsZero reports whether everything belongs to it.
func (q Query) IsZero() bool {
	return len(q.Shipments)+len(q.Devices)+len(q.Policies)+len(q.Lanes) == 0
}

type term struct {
	name   string
	values *[]string
}

func (q *Query) terms() []term {
	return []term{{"device", &q.Devices}, {"lane", &q.Lanes}, {"policy", &q.Policies}, {"shipment", &q.Shipments}}
}

// String is the query's one spelling, as a snapshot records it: terms name=value, ascending, a space
// between them.
func (q Query) String() string {
	var out []string
	for _, t := range q.terms() {
		for _, v := range *t.values {
			out = append(out, t.name+"="+v)
		}
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), " ")
}

// ParseQuery reads what String wrote, and no other spelling.
func ParseQuery(text string) (Query, error) {
	q, err := NewQuery(strings.Fields(text))
	if err == nil && q.String() != text {
		err = fmt.Errorf("%w: %.200q is spelt %.200q", ErrQuery, text, q.String())
	}
	return q, err
}

// NewQuery makes a query of terms "name=value", in any order. EPCs may be in any spelling.
func NewQuery(terms []string) (Query, error) {
	var q Query
	if len(terms) > maxQueryValues {
		return q, fmt.Errorf("%w: %d terms, at most %d", ErrQuery, len(terms), maxQueryValues)
	}
	for _, text := range terms {
		name, value, _ := strings.Cut(text, "=")
		i := slices.IndexFunc(q.terms(), func(t term) bool { return t.name == name })
		if i < 0 || value == "" || strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return Query{}, fmt.Errorf("%w: %.200q; a term is shipment=EPC, device=EPC, policy=ID or lane=FROM>TO", ErrQuery, text)
		}
		if name == "shipment" || name == "device" {
			canonical, err := epcis.CanonicalEPC(value)
			if err != nil {
				return Query{}, fmt.Errorf("%w: %.200q: %w", ErrQuery, text, err)
			}
			value = canonical
		}
		to := q.terms()[i].values
		*to = append(*to, value)
	}
	for _, t := range q.terms() {
		slices.Sort(*t.values)
		*t.values = slices.Compact(*t.values)
	}
	if n := len(q.String()); n > ledger.MaxQueryBytes {
		return Query{}, fmt.Errorf("%w: %d bytes, at most %d", ErrQuery, n, ledger.MaxQueryBytes)
	}
	return q, nil
}

// has reports whether a name has no values or one of those given.
func has(wanted []string, given ...string) bool {
	return len(wanted) == 0 || slices.ContainsFunc(given, func(v string) bool { return slices.Contains(wanted, v) })
}
