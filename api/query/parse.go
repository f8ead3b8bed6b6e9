package query

import (
	"net/url"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/epcis"
)

// ParseValues reads a URL query string. Members of a list are divided by '|', or
// the parameter stands several times. c says what prefixes mean; nil is GS1's own
// context. The error is Faults.
func ParseValues(values url.Values, c *epcis.Context) (*Query, error) {
	p := newParser(c)
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if len(values[name]) == 0 {
			continue
		}
		q := parameter{name: name}
		for _, v := range values[name] {
			q.values = append(q.values, value{kind: epcis.KindNull, text: v})
		}
		p.take(q)
	}
	return p.finish()
}

// ParseJSON reads the query of a named query: the JSON object of the published
// query-schema.json. Its @context adds to c. The error is Faults.
func ParseJSON(body []byte, c *epcis.Context) (*Query, error) {
	if len(body) > MaxBody {
		return nil, Faults{{Code: CodeLimit, Message: "the query has more than " + strconv.Itoa(MaxBody) + " bytes"}}
	}
	params, context, err := members(body)
	if err != nil {
		return nil, err
	}
	p := newParser(c)
	p.json = true
	if context != nil {
		own, err := epcis.ParseContext(context)
		if err != nil {
			return nil, Faults{{Parameter: "@context", Code: CodeValue, Message: err.Error()}}
		}
		p.contexts = append([]*epcis.Context{own}, p.contexts...)
	}
	for _, q := range params {
		p.take(q)
	}
	return p.finish()
}

type parser struct {
	contexts []*epcis.Context
	json     bool
	q        Query
	faults   Faults
	count    int
	taken    int
	// name is that of the parameter at hand.
	name string
}

func newParser(c *epcis.Context) *parser {
	return &parser{contexts: []*epcis.Context{c}, q: Query{Order: Order{Descending: true}}}
}

func (p *parser) fault(code, message string) {
	if len(p.faults) < maxFaults {
		p.faults = append(p.faults, Fault{Parameter: cut(p.name), Code: code, Message: message})
	}
}

// cut bounds a name that is repeated in a fault.
func cut(name string) string {
	const most = 128
	if len(name) > most {
		return strings.ToValidUTF8(name[:most], "") + "…"
	}
	return strings.ToValidUTF8(name, "�")
}

func (p *parser) finish() (*Query, error) {
	p.name = "eventCountLimit"
	if p.q.EventCountLimit > 0 && p.q.MaxEventCount > 0 {
		p.fault(CodeConflict, "eventCountLimit and maxEventCount may not stand together")
	}
	if p.q.EventCountLimit > 0 && p.q.Order.Field == OrderNone {
		p.fault(CodeConflict, "eventCountLimit needs orderBy")
	}
	if len(p.faults) > 0 {
		return nil, p.faults
	}
	if p.q.Order.Field == OrderNone {
		p.q.Order.Descending = false
	}
	return &p.q, nil
}

func (p *parser) add(pred Predicate) { p.q.Predicates = append(p.q.Predicates, pred) }

// take reads one parameter.
func (p *parser) take(q parameter) {
	p.name = q.name
	p.taken++
	p.count += len(q.values)
	switch {
	case p.taken > MaxParameters:
		if p.taken == MaxParameters+1 {
			p.fault(CodeLimit, "more than "+strconv.Itoa(MaxParameters)+" parameters")
		}
		return
	case len(q.name) > MaxValue:
		p.fault(CodeLimit, "the name is too long")
		return
	}
	for _, v := range q.values {
		if !utf8.ValidString(v.text) {
			p.fault(CodeValue, "a value is not UTF-8")
			return
		}
	}
	if p.standing(q) {
		return
	}
	op, rest, _ := strings.Cut(q.name, "_")
	switch op {
	case "EQ", "GT", "GE", "LT", "LE":
		p.compare(q, map[string]Op{"EQ": EQ, "GT": GT, "GE": GE, "LT": LT, "LE": LE}[op], rest)
	case "EXISTS":
		p.exists(q, rest)
	case "MATCH":
		p.match(q, rest)
	case "WD":
		switch rest {
		case "readPoint":
			p.ids(q, IDIn{Field: ReadPoint, Descendants: true})
		case "bizLocation":
			p.ids(q, IDIn{Field: BizLocation, Descendants: true})
		default:
			p.unknown()
		}
	case "HASATTR":
		p.hasAttribute(q, rest)
	case "EQATTR":
		p.equalAttribute(q, rest)
	default:
		p.unknown()
	}
}

func (p *parser) unknown() { p.fault(CodeUnknown, "the standard has no such parameter") }

// standing reads the parameters that are no comparison.
func (p *parser) standing(q parameter) bool {
	switch q.name {
	case "eventType":
		var types []epcis.EventType
		for _, s := range p.strings(q) {
			switch t := epcis.EventType(s); {
			case t.Standard():
				types = append(types, t)
			case isURI(s):
				for _, w := range p.spellings(s) {
					types = append(types, epcis.EventType(w))
				}
			default:
				p.fault(CodeValue, shown(s)+" is neither an event type of the standard nor a URI")
			}
		}
		p.add(EventTypeIn{types})
	case "orderBy":
		p.orderBy(p.one(q, epcis.KindString))
	case "orderDirection":
		switch s := p.one(q, epcis.KindString); s {
		case "ASC":
			p.q.Order.Descending = false
		case "DESC":
			p.q.Order.Descending = true
		default:
			p.fault(CodeValue, shown(s)+" is neither ASC nor DESC")
		}
	case "eventCountLimit":
		p.q.EventCountLimit = p.positive(q, 0)
	case "maxEventCount":
		p.q.MaxEventCount = p.positive(q, 0)
	case "perPage":
		if p.json {
			return false
		}
		p.q.PerPage = p.positive(q, MaxPerPage)
	case "nextPageToken":
		if p.json {
			return false
		}
		p.q.NextPageToken = p.one(q, epcis.KindString)
	default:
		return false
	}
	return true
}

func (p *parser) orderBy(s string) {
	switch s {
	case "eventTime":
		p.q.Order.Field = OrderEventTime
	case "recordTime":
		p.q.Order.Field = OrderRecordTime
	default:
		name, ok := p.fieldName(s)
		if !ok {
			p.fault(CodeValue, shown(s)+" is neither eventTime nor recordTime nor the name of an extension field")
			return
		}
		p.q.Order.Field, p.q.Order.Name = OrderExtension, name
	}
}
