package query

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/epcis"
)

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
