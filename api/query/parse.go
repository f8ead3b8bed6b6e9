package query

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"slices"
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

// members reads the parameters of a JSON object, in order, and its @context.
func members(body []byte) (params []parameter, context []byte, err error) {
	fail := func(message string) ([]parameter, []byte, error) {
		return nil, nil, Faults{{Code: CodeSyntax, Message: message}}
	}
	if !utf8.Valid(body) {
		return fail("the query is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return fail("the query is not a JSON object")
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return fail("the query is not JSON: " + err.Error())
		}
		name, _ := t.(string)
		var raw json.RawMessage
		if err = d.Decode(&raw); err != nil {
			return fail("the query is not JSON: " + err.Error())
		}
		if seen[name] {
			return nil, nil, Faults{{Parameter: cut(name), Code: CodeRepeated, Message: "the member stands twice"}}
		}
		seen[name] = true
		if name == "@context" {
			context = raw
			continue
		}
		q, err := member(name, raw)
		if err != nil {
			return nil, nil, err
		}
		if params = append(params, q); len(params) > MaxParameters {
			break
		}
	}
	if len(params) <= MaxParameters {
		if _, err := d.Token(); err != nil {
			return fail("the query is not JSON: " + err.Error())
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return fail("something follows the query")
		}
	}
	return params, context, nil
}

func member(name string, raw json.RawMessage) (parameter, error) {
	q := parameter{name: name}
	if raw[0] != '[' {
		v, ok := scalar(raw)
		if !ok {
			return q, Faults{{Parameter: cut(name), Code: CodeValue, Message: "an object is no value of a parameter"}}
		}
		q.values = []value{v}
		return q, nil
	}
	q.list = true
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return q, Faults{{Parameter: cut(name), Code: CodeSyntax, Message: err.Error()}}
	}
	for _, item := range items {
		v, ok := scalar(item)
		if !ok {
			return q, Faults{{Parameter: cut(name), Code: CodeValue, Message: "a member of a list is a string or a number"}}
		}
		q.values = append(q.values, v)
	}
	return q, nil
}

func scalar(raw json.RawMessage) (value, bool) {
	switch raw[0] {
	case '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return value{kind: epcis.KindString, text: s}, err == nil
	case 't', 'f':
		return value{kind: epcis.KindBool, text: string(raw)}, true
	case 'n':
		return value{kind: epcis.KindNull}, true
	case '{', '[':
		return value{}, false
	}
	return value{kind: epcis.KindNumber, text: string(raw)}, true
}

// parameter is a parameter before its meaning is known.
type parameter struct {
	name string
	// list tells that the JSON value is an array.
	list   bool
	values []value
}

// value is a JSON scalar; in a URL every value is text of kind KindNull.
type value struct {
	kind epcis.Kind
	text string
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

// one gives the only value of a parameter, which in JSON is of the kind.
func (p *parser) one(q parameter, kind epcis.Kind) string {
	if len(q.values) != 1 || q.list {
		if p.json || len(q.values) == 0 {
			p.fault(CodeValue, "one value is wanted")
		} else {
			p.fault(CodeRepeated, "the parameter stands more than once")
		}
		return ""
	}
	if v := q.values[0]; p.json && v.kind != kind {
		p.fault(CodeValue, "the value is of the wrong type")
		return ""
	}
	if len(q.values[0].text) > MaxValue {
		p.fault(CodeLimit, "the value is too long")
		return ""
	}
	return q.values[0].text
}

func (p *parser) positive(q parameter, most int) int {
	before := len(p.faults)
	s := p.one(q, epcis.KindNumber)
	if len(p.faults) > before {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil || n < 1 {
		p.fault(CodeValue, shown(s)+" is not a whole number from 1")
		return 0
	}
	if most > 0 && int(n) > most { // a page may always be smaller than asked for
		return most
	}
	return int(n)
}

// strings gives the members of a list of strings.
func (p *parser) strings(q parameter) []string {
	var list []string
	switch {
	case p.json && !q.list:
		p.fault(CodeValue, "a list of strings is wanted")
		return nil
	case p.json:
		for _, v := range q.values {
			if v.kind != epcis.KindString {
				p.fault(CodeValue, "a member of the list is not a string")
				return nil
			}
			list = append(list, v.text)
		}
	default:
		for _, v := range q.values {
			list = append(list, strings.Split(v.text, "|")...)
		}
		p.count += len(list) - len(q.values)
	}
	if p.count > MaxValues {
		p.fault(CodeLimit, "more than "+strconv.Itoa(MaxValues)+" values")
		return nil
	}
	for _, s := range list {
		if len(s) > MaxValue {
			p.fault(CodeLimit, "a value is too long")
			return nil
		}
		if s == "" && !p.json {
			p.fault(CodeValue, "a value is empty")
			return nil
		}
	}
	return list
}

// uris gives the members of a list of URIs.
func (p *parser) uris(q parameter) []string {
	list := p.strings(q)
	for _, s := range list {
		if !isURI(s) {
			p.fault(CodeValue, shown(s)+" is not an absolute URI")
			return nil
		}
	}
	return list
}

// numbers gives the values of a numeric parameter; several for EQ only.
func (p *parser) numbers(q parameter, op Op) []string {
	var texts []string
	switch {
	case op == EQ && p.json && !q.list:
		p.fault(CodeValue, "a list of numbers is wanted")
		return nil
	case op == EQ && !p.json:
		texts = p.strings(q)
	case op == EQ:
		for _, v := range q.values {
			if v.kind != epcis.KindNumber {
				p.fault(CodeValue, "a member of the list is not a number")
				return nil
			}
			texts = append(texts, v.text)
		}
		if p.count > MaxValues {
			p.fault(CodeLimit, "more than "+strconv.Itoa(MaxValues)+" values")
			return nil
		}
	default:
		before := len(p.faults)
		texts = []string{p.one(q, epcis.KindNumber)}
		if len(p.faults) > before {
			return nil
		}
	}
	for _, s := range texts {
		if _, ok := number(s); !ok {
			p.fault(CodeValue, shown(s)+" is not a number")
			return nil
		}
	}
	return texts
}

// time reads a parameter GE_… or LT_… with a time.
func (p *parser) time(q parameter, op Op, f TimeField) {
	if op != GE && op != LT {
		p.unknown()
		return
	}
	before := len(p.faults)
	s := p.one(q, epcis.KindString)
	if len(p.faults) > before {
		return
	}
	at, ok := instant(s)
	if !ok && !p.json { // a '+' of an offset that was not escaped reads as a space
		at, ok = instant(strings.Replace(s, " ", "+", 1))
	}
	if !ok {
		p.fault(CodeValue, shown(s)+" is not a date and time with an offset (RFC 3339)")
		return
	}
	p.add(TimeIs{Field: f, Op: op, Time: at})
}

func (p *parser) ids(q parameter, in IDIn) {
	for _, s := range p.uris(q) {
		if in.Field == EventID || in.Field == CorrectiveEventID {
			in.IDs = append(in.IDs, s)
			continue
		}
		for _, w := range p.spellings(s) {
			in.IDs = append(in.IDs, CanonicalID(w))
		}
	}
	p.add(in)
}

// words reads a list of words of a vocabulary. standard tells its bare words; its
// URIs begin with one of the prefixes.
func (p *parser) words(q parameter, f WordField, standard func(string) bool, prefixes ...string) {
	var words []string
	for _, s := range p.strings(q) {
		s = bare(s, standard, prefixes)
		switch {
		case standard(s):
			words = append(words, s)
		case isURI(s):
			words = append(words, p.spellings(s)...)
		default:
			p.fault(CodeValue, shown(s)+" is neither a word of the standard nor a URI")
			return
		}
	}
	p.add(WordIn{Field: f, Words: words})
}

// bare gives the bare word of a CBV URI, or s itself.
func bare(s string, standard func(string) bool, prefixes []string) string {
	for _, prefix := range prefixes {
		if w, ok := strings.CutPrefix(s, prefix); ok && standard(w) {
			return w
		}
	}
	return s
}

// spellings gives a URI as it stands and, when it is a CURIE, written out.
func (p *parser) spellings(s string) []string {
	if full, ok := p.expand(s); ok && full != s {
		return []string{s, full}
	}
	return []string{s}
}

// expand writes a CURIE out; false when no context declares its prefix.
func (p *parser) expand(s string) (string, bool) {
	prefix, rest, ok := strings.Cut(s, ":")
	if !ok || strings.HasPrefix(rest, "//") {
		return s, false
	}
	for _, c := range p.contexts {
		if ns, local := c.Name(s); local == rest && ns != prefix+":" {
			return ns + local, true
		}
	}
	return s, false
}

// fieldName reads the name of an extension field: prefix:local or namespace#local.
func (p *parser) fieldName(s string) (Name, bool) {
	if i := strings.LastIndexByte(s, '#'); i > 0 && i < len(s)-1 && isURI(s[:i]) {
		return Name{Namespace: s[:i], Local: s[i+1:]}, true
	}
	prefix, local, ok := strings.Cut(s, ":")
	if !ok || prefix == "" || local == "" {
		return Name{}, false
	}
	if strings.HasPrefix(local, "//") {
		at := strings.LastIndexByte(s, '/') + 1
		p.fault(CodeUnknown, "the name of a field is written as its namespace, # and its local name ("+shown(s[:at]+"#"+s[at:])+", with %23 for # in a URL), or as prefix:local with the prefix declared by GS1-Extensions or an @context")
		return Name{}, true
	}
	for _, c := range p.contexts {
		if ns, l := c.Name(s); l == local && ns != prefix+":" {
			return Name{Namespace: strings.TrimSuffix(ns, "#"), Local: local}, true
		}
	}
	p.fault(CodePrefix, "no @context and no GS1-Extensions header declares the prefix "+shown(prefix)+"; declare it (GS1-Extensions: prefix=namespace), or write the field as its namespace, # (%23 in a URL) and its local name")
	return Name{}, true
}

func isAction(s string) bool {
	return s == string(epcis.Add) || s == string(epcis.Observe) || s == string(epcis.Delete)
}

func isReason(s string) bool { return s == "did_not_occur" || s == "incorrect_data" }

func isParty(s string) bool {
	return s == "owning_party" || s == "possessing_party" || s == "location"
}

func isStep(s string) bool { return epcis.BizStep(s).Standard() }

func isDisposition(s string) bool { return epcis.Disposition(s).Standard() }

const cbv = "https://ref.gs1.org/cbv/"

// compare reads the parameters of the form operator_field.
func (p *parser) compare(q parameter, op Op, field string) {
	switch field {
	case "eventTime":
		p.time(q, op, EventTime)
		return
	case "recordTime":
		p.time(q, op, RecordTime)
		return
	case "errorDeclarationTime", "errorDeclaration_Time": // the OpenAPI document and the JSON Schema
		p.time(q, op, DeclarationTime)
		return
	case "time":
		p.time(q, op, SensorTime)
		return
	case "startTime":
		p.time(q, op, SensorStartTime)
		return
	case "endTime":
		p.time(q, op, SensorEndTime)
		return
	case "quantity":
		p.number(q, op, NumberIs{Field: QuantityValue, AnyUnit: true}, "")
		return
	case "percRank":
		if op == EQ {
			break
		}
		p.number(q, op, NumberIs{Field: SensorPercRank}, "")
		return
	}
	if f, uom, ok := measured(field); ok {
		p.number(q, op, NumberIs{Field: f}, uom)
		return
	}
	if op == EQ && p.equal(q, field) {
		return
	}
	if rest, ok := strings.CutPrefix(field, "ATTR_"); ok && op == EQ {
		p.equalAttribute(q, rest)
		return
	}
	scope, inner, rest := scopeOf(field)
	name, ok := p.fieldName(rest)
	if !ok {
		p.unknown()
		return
	}
	p.fieldIs(q, FieldIs{Scope: scope, Inner: inner, Name: name, Op: op})
}

// equal reads the EQ parameters of the fields of the standard.
func (p *parser) equal(q parameter, field string) bool {
	switch field {
	case "action":
		var words []string
		for _, s := range p.strings(q) {
			if !isAction(s) {
				p.fault(CodeValue, shown(s)+" is none of ADD, OBSERVE and DELETE")
			}
			words = append(words, s)
		}
		p.add(WordIn{Field: Action, Words: words})
	case "bizStep":
		p.words(q, BizStep, isStep, "urn:epcglobal:cbv:bizstep:", cbv+"BizStep-", "cbv:BizStep-")
	case "disposition":
		p.dispositions(q, Disposition)
	case "persistentDisposition_set":
		p.dispositions(q, PersistentDispositionSet)
	case "persistentDisposition_unset":
		p.dispositions(q, PersistentDispositionUnset)
	case "errorReason":
		p.words(q, ErrorReason, isReason, "urn:epcglobal:cbv:er:", cbv+"ER-", "cbv:ER-")
	case "type":
		p.words(q, SensorType, epcis.StandardMeasurementType, "https://gs1.org/voc/", "gs1:")
	case "readPoint":
		p.ids(q, IDIn{Field: ReadPoint})
	case "bizLocation":
		p.ids(q, IDIn{Field: BizLocation})
	case "transformationID":
		p.ids(q, IDIn{Field: TransformationID})
	case "eventID":
		p.ids(q, IDIn{Field: EventID})
	case "correctiveEventID":
		p.ids(q, IDIn{Field: CorrectiveEventID})
	case "deviceID":
		p.ids(q, IDIn{Field: DeviceID})
	case "dataProcessingMethod":
		p.ids(q, IDIn{Field: DataProcessingMethod})
	case "bizRules":
		p.ids(q, IDIn{Field: BizRules})
	case "microorganism":
		p.ids(q, IDIn{Field: Microorganism})
	case "chemicalSubstance":
		p.ids(q, IDIn{Field: ChemicalSubstance})
	case "uriValue":
		p.ids(q, IDIn{Field: URIValue})
	case "stringValue":
		p.add(TextIn{Field: StringValue, Texts: p.strings(q)})
	case "hexBinaryValue":
		texts := p.strings(q)
		for i, s := range texts {
			texts[i] = strings.ToUpper(s)
		}
		p.add(TextIn{Field: HexBinaryValue, Texts: texts})
	case "booleanValue":
		switch p.one(q, epcis.KindBool) {
		case "true":
			p.add(BooleanIs{true})
		case "false":
			p.add(BooleanIs{false})
		default:
			p.fault(CodeValue, "true or false is wanted")
		}
	default:
		return p.typed(q, field)
	}
	return true
}

func (p *parser) dispositions(q parameter, f WordField) {
	p.words(q, f, isDisposition, "urn:epcglobal:cbv:disp:", cbv+"Disp-", "cbv:Disp-")
}

// typed reads EQ_bizTransaction_type, EQ_source_type and EQ_destination_type.
func (p *parser) typed(q parameter, field string) bool {
	name, kind, _ := strings.Cut(field, "_")
	in := IDIn{}
	standard, prefixes := isParty, []string{"urn:epcglobal:cbv:sdt:", cbv + "SDT-", "cbv:SDT-"}
	switch name {
	case "bizTransaction":
		in.Field = BizTransaction
		standard, prefixes = epcis.StandardTransactionType, []string{"urn:epcglobal:cbv:btt:", cbv + "BTT-", "cbv:BTT-"}
	case "source":
		in.Field = Source
	case "destination":
		in.Field = Destination
	default:
		return false
	}
	if kind = bare(kind, standard, prefixes); isURI(kind) {
		in.Types = p.spellings(kind)
	} else {
		// The schema lets any bare word through; one that is not of the standard has
		// no events.
		if !isPlainWord(kind) {
			p.unknown()
			return true
		}
		in.Types = []string{kind}
	}
	p.ids(q, in)
	return true
}

// isPlainWord tells whether s is what the schema's patterns take for a type.
func isPlainWord(s string) bool {
	if len(s) < 2 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// measured splits the name of a numeric field from its unit.
func measured(field string) (NumberField, string, bool) {
	name, uom, ok := strings.Cut(field, "_")
	if !ok || len(uom) < 2 || len(uom) > 4 {
		return 0, "", false
	}
	for i := range len(uom) {
		if c := uom[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return 0, "", false
		}
	}
	f, ok := map[string]NumberField{
		"quantity": QuantityValue, "value": SensorValue, "minValue": SensorMinValue, "maxValue": SensorMaxValue,
		"meanValue": SensorMeanValue, "sDev": SensorSDev, "percValue": SensorPercValue,
	}[name]
	return f, uom, ok
}

func (p *parser) number(q parameter, op Op, n NumberIs, uom string) {
	n.Op = op
	for _, s := range p.numbers(q, op) {
		dimension, v, ok := measure(epcis.Number(s), uom, n.Field == SensorSDev)
		if !ok {
			p.fault(CodeValue, shown(s)+" is not a number")
			return
		}
		n.Dimension = dimension
		n.Values = append(n.Values, v)
	}
	p.add(n)
}

// scopeOf splits a field's name from the place where it stands.
func scopeOf(field string) (scope Scope, inner bool, rest string) {
	rest, inner = strings.CutPrefix(field, "INNER_")
	for _, s := range []struct {
		name  string
		scope Scope
	}{
		{"ILMD_", ILMD},
		{"ERROR_DECLARATION_", InErrorDeclaration},
		{"readPoint_", InReadPoint},
		{"bizLocation_", InBizLocation},
		{"SENSORELEMENT_", InSensorElement},
		{"SENSORMETADATA_", InSensorMetadata},
		{"SENSORREPORT_", InSensorReport},
	} {
		if after, ok := strings.CutPrefix(rest, s.name); ok {
			return s.scope, inner, after
		}
	}
	return TopLevel, inner, rest
}

// fieldIs reads the values that an extension field is compared with.
func (p *parser) fieldIs(q parameter, f FieldIs) {
	switch {
	case p.json && q.list:
		if f.Op != EQ {
			p.fault(CodeValue, "a number or a date and time is wanted")
			return
		}
		for _, s := range p.strings(q) {
			f.Values = append(f.Values, Operand{Text: s})
		}
	case p.json:
		v := q.values[0]
		o := NewOperand(v.text)
		switch {
		case v.kind == epcis.KindNumber && o.Number != nil:
			o.Time = nil
		case v.kind == epcis.KindString && o.Time != nil:
			o.Number = nil
		default:
			p.fault(CodeValue, "a number or a date and time is wanted, or a list of strings with EQ")
			return
		}
		f.Values = []Operand{o}
	case f.Op == EQ:
		for _, s := range p.strings(q) {
			f.Values = append(f.Values, NewOperand(s))
		}
	default:
		before := len(p.faults)
		s := p.one(q, epcis.KindString)
		if len(p.faults) > before {
			return
		}
		o := NewOperand(s)
		if o.Number == nil && o.Time == nil {
			p.fault(CodeValue, shown(s)+" is neither a number nor a date and time")
			return
		}
		f.Values = []Operand{o}
	}
	p.add(f)
}

// exists reads the EXISTS parameters. Their value has no meaning but for false
// and 0, which ask for nothing.
func (p *parser) exists(q parameter, field string) {
	if len(q.values) != 1 || q.list {
		p.fault(CodeValue, "one value is wanted")
		return
	}
	v := q.values[0]
	wanted := true
	switch v.kind {
	case epcis.KindString:
		p.fault(CodeValue, "null, a whole number or a truth value is wanted")
		return
	case epcis.KindBool, epcis.KindNumber, epcis.KindNull, epcis.KindArray, epcis.KindObject:
		switch v.text {
		case "", "null", "true":
		case "false":
			wanted = false
		default:
			n, err := strconv.ParseInt(v.text, 10, 64)
			if err != nil {
				p.fault(CodeValue, shown(v.text)+" is neither null nor a whole number nor a truth value")
				return
			}
			wanted = n != 0
		}
	}
	var pred Predicate
	switch field {
	case "errorDeclaration":
		pred = PartExists{ErrorDeclaration}
	case "sensorElementList":
		pred = PartExists{SensorElementList}
	default:
		scope, inner, rest := scopeOf(field)
		name, ok := p.fieldName(rest)
		if !ok {
			p.unknown()
			return
		}
		pred = FieldExists{Scope: scope, Inner: inner, Name: name}
	}
	if wanted {
		p.add(pred)
	}
}

func (p *parser) match(q parameter, field string) {
	f, ok := map[string]EPCField{
		"epc": EPCs, "parentID": ParentID, "inputEPC": InputEPCs, "outputEPC": OutputEPCs, "anyEPC": AnyEPC,
		"epcClass": EPCClasses, "inputEPCClass": InputEPCClasses, "outputEPCClass": OutputEPCClasses, "anyEPCClass": AnyEPCClass,
	}[field]
	if !ok {
		p.unknown()
		return
	}
	m := EPCMatches{Field: f}
	for _, s := range p.uris(q) {
		for _, w := range p.spellings(s) {
			pattern, ok := parsePattern(w)
			if !ok {
				p.fault(CodeValue, shown(s)+" is not a pure identity pattern")
				return
			}
			m.Patterns = append(m.Patterns, pattern)
		}
	}
	p.add(m)
}

// attributeField reads the field of an attribute parameter.
func (p *parser) attributeField(field string) (a AttributeIs, ok bool) {
	if slices.Contains(attributeFields(), field) {
		return AttributeIs{Field: field}, true
	}
	name, ok := p.fieldName(field)
	return AttributeIs{Name: name}, ok
}

// hasAttribute reads HASATTR_field with a list of names of attributes.
func (p *parser) hasAttribute(q parameter, field string) {
	a, ok := p.attributeField(field)
	if !ok {
		p.unknown()
		return
	}
	for _, s := range p.strings(q) {
		a.Attributes = append(a.Attributes, p.attributeNames(s)...)
	}
	p.add(a)
}

// equalAttribute reads EQATTR_field_attribute with a list of values.
func (p *parser) equalAttribute(q parameter, rest string) {
	for _, field := range attributeFields() {
		if attribute, ok := strings.CutPrefix(rest, field+"_"); ok && attribute != "" {
			p.attributeValues(q, AttributeIs{Field: field}, attribute)
			return
		}
	}
	// An underscore may be part of either name; the prefix of a field has none, so
	// that the attribute begins after the last one that leaves both.
	i := strings.LastIndexByte(rest, '_')
	if i <= 0 || i == len(rest)-1 {
		p.unknown()
		return
	}
	field, attribute := rest[:i], rest[i+1:]
	// A schema without prefixes: a bare word names no field of an event.
	if !strings.ContainsAny(field, ":#") {
		p.attributeValues(q, AttributeIs{Name: Name{Local: field}}, attribute)
		return
	}
	a, ok := p.attributeField(field)
	if !ok {
		p.unknown()
		return
	}
	p.attributeValues(q, a, attribute)
}

func (p *parser) attributeValues(q parameter, a AttributeIs, attribute string) {
	a.Attributes = p.attributeNames(attribute)
	a.Values = []string{}
	switch {
	case p.json && !q.list:
		if v := q.values[0]; v.kind == epcis.KindNumber || v.kind == epcis.KindString {
			a.Values = append(a.Values, v.text)
		} else {
			p.fault(CodeValue, "a list of strings, a number or a date and time is wanted")
			return
		}
	default:
		a.Values = append(a.Values, p.strings(q)...)
	}
	p.add(a)
}

// attributeNames gives the names of an attribute in every context in force.
func (p *parser) attributeNames(s string) []Name {
	var names []Name
	for _, c := range p.contexts {
		if n := attributeName(s, c); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

// isURI tells whether s is an absolute URI or a CURIE: a scheme, and characters
// that a URI may hold.
func isURI(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || scheme == "" || rest == "" || scheme[0]|0x20 < 'a' || scheme[0]|0x20 > 'z' {
		return false
	}
	for i := range len(scheme) {
		if c := scheme[i]; (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '+' && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	for i := range len(rest) {
		if c := rest[i]; c <= ' ' || c == 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			return false
		}
	}
	if strings.Contains(scheme, "_") { // the prefix of a CURIE, and no scheme
		return true
	}
	_, err := url.Parse(s)
	return err == nil
}
