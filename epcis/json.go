package epcis

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonParser reads one JSON value (RFC 8259) into a tree.
type jsonParser struct {
	s     string
	pos   int
	lim   Limits
	t     *tree
	fault *Fault
}

// parseJSON reads the one value in s. The path of a fault starts at that value ($); a
// syntax fault has none but gives its byte offset in the message. broken tells that s is not JSON at all,
// so that what follows it in a stream cannot be trusted either.
func parseJSON(s string, lim Limits, t *tree) (root int32, fault *Fault, broken bool) {
	if !utf8.ValidString(s) {
		at := 0
		for at < len(s) {
			r, size := utf8.DecodeRuneInString(s[at:])
			if r == utf8.RuneError && size == 1 {
				break
			}
			at += size
		}
		return none, &Fault{Path: pathAt(s, at), Code: CodeNotUTF8, Message: "text is not UTF-8"}, false
	}
	if cap(t.nodes) == 0 {
		t.nodes = make([]node, 0, 16+len(s)/20)
	}
	p := jsonParser{s: s, lim: lim, t: t}
	p.space()
	root = p.value(1)
	if p.fault == nil {
		p.space()
		if p.pos != len(s) {
			p.syntax("text after the value")
		}
	}
	if p.fault == nil {
		return root, nil, false
	}
	f := *p.fault
	if f.Code != CodeNotJSON {
		f.Path = pathAt(s, p.pos)
	}
	return none, &f, f.Code == CodeNotJSON
}

// pathAt gives the path of the value that stands at pos, or that ends there, as far as s is JSON
// up to pos and not too deep.
func pathAt(s string, pos int) string {
	type frame struct {
		array, named bool
		name         string
		index        int
	}
	var open []frame
	const (
		longest = 256 // a longer name would fill the message
		deepest = 100
	)
	for i := 0; i < pos && i < len(s) && len(open) < deepest; i++ {
		top := len(open) - 1
		switch s[i] {
		case '{', '[':
			open = append(open, frame{array: s[i] == '['})
		case '}', ']':
			if top >= 0 {
				open = open[:top]
			}
		case ',':
			if top >= 0 {
				open[top].index++
				open[top].named, open[top].name = false, ""
			}
		case '"':
			start := i
			for i++; i < pos && i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
			if i >= pos || i >= len(s) || top < 0 || open[top].array || open[top].named {
				continue
			}
			open[top].named = true
			if name, ok := (&jsonParser{s: s, pos: start, lim: Limits{MaxString: longest}, t: &tree{}}).string(); ok {
				open[top].name = name
			}
		}
	}
	b := []byte{'$'}
	for _, f := range open {
		switch {
		case f.array:
			b = append(strconv.AppendInt(append(b, '['), int64(f.index), 10), ']')
		case f.name != "":
			b = appendPathMember(b, f.name)
		default:
			return string(b)
		}
	}
	return string(b)
}

func (p *jsonParser) fail(code, message string) int32 {
	if p.fault == nil {
		p.fault = &Fault{Code: code, Message: message}
	}
	return none
}

func (p *jsonParser) syntax(what string) int32 {
	return p.fail(CodeNotJSON, what+" at byte "+strconv.FormatInt(p.t.offset+int64(p.pos), 10))
}

func (p *jsonParser) space() {
	for p.pos < len(p.s) {
		switch p.s[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

func (p *jsonParser) add(k Kind, text string) int32 {
	if len(p.t.nodes) >= p.lim.MaxNodes {
		return p.fail(CodeTooManyFields, "more than "+strconv.Itoa(p.lim.MaxNodes)+" values")
	}
	p.t.nodes = append(p.t.nodes, node{kind: k, text: text, first: none, next: none})
	return int32(len(p.t.nodes) - 1) //nolint:gosec // bounded by MaxNodes, an int32 in practice
}

func (p *jsonParser) value(depth int) int32 {
	if p.pos >= len(p.s) {
		return p.syntax("a value is missing")
	}
	switch c := p.s[p.pos]; c {
	case '{':
		return p.object(depth)
	case '[':
		return p.array(depth)
	case '"':
		text, ok := p.string()
		if !ok {
			return none
		}
		return p.add(KindString, text)
	case 't':
		return p.word("true", KindBool)
	case 'f':
		return p.word("false", KindBool)
	case 'n':
		return p.word("null", KindNull)
	default:
		if c == '-' || c >= '0' && c <= '9' {
			return p.number()
		}
		return p.syntax("unexpected character")
	}
}

func (p *jsonParser) word(w string, k Kind) int32 {
	if !strings.HasPrefix(p.s[p.pos:], w) {
		return p.syntax("unexpected word")
	}
	text := p.s[p.pos : p.pos+len(w)]
	p.pos += len(w)
	return p.add(k, text)
}

func (p *jsonParser) digits() bool {
	start := p.pos
	for p.pos < len(p.s) && p.s[p.pos] >= '0' && p.s[p.pos] <= '9' {
		p.pos++
	}
	return p.pos > start
}

func (p *jsonParser) number() int32 {
	start := p.pos
	if p.s[p.pos] == '-' {
		p.pos++
	}
	if p.pos < len(p.s) && p.s[p.pos] == '0' {
		p.pos++
	} else if !p.digits() {
		return p.syntax("a digit is missing")
	}
	plain := true
	if p.pos < len(p.s) && p.s[p.pos] == '.' {
		p.pos++
		if !p.digits() {
			return p.syntax("a digit is missing")
		}
	}
	if p.pos < len(p.s) && (p.s[p.pos] == 'e' || p.s[p.pos] == 'E') {
		plain = false
		p.pos++
		if p.pos < len(p.s) && (p.s[p.pos] == '+' || p.s[p.pos] == '-') {
			p.pos++
		}
		if !p.digits() {
			return p.syntax("a digit is missing")
		}
	}
	text := p.s[start:p.pos]
	if !plain || len(text) > 300 {
		if !numberInRange(text) {
			return p.fail(CodeNumberRange, "number is too long or beyond the range of a float64")
		}
	}
	return p.add(KindNumber, text)
}

// maxNumber is the longest spelling of a number that is read, in bytes.
const maxNumber = 400

func numberInRange(text string) bool {
	if len(text) > maxNumber {
		return false
	}
	_, err := strconv.ParseFloat(text, 64)
	return err == nil
}

// string reads a string at the opening quote.
func (p *jsonParser) string() (string, bool) {
	p.pos++
	start := p.pos
	for p.pos < len(p.s) {
		switch c := p.s[p.pos]; {
		case c == '"':
			text := p.s[start:p.pos]
			p.pos++
			if len(text) > p.lim.MaxString {
				p.fail(CodeTooLong, "string of more than "+strconv.Itoa(p.lim.MaxString)+" bytes")
				return "", false
			}
			return text, true
		case c == '\\':
			return p.escaped(start)
		case c < 0x20:
			p.syntax("control character in a string")
			return "", false
		}
		p.pos++
	}
	p.syntax("a string does not end")
	return "", false
}

// escaped continues a string at its first backslash.
func (p *jsonParser) escaped(start int) (string, bool) {
	var b strings.Builder
	b.WriteString(p.s[start:p.pos])
	for p.pos < len(p.s) {
		c := p.s[p.pos]
		switch {
		case c == '"':
			p.pos++
			if b.Len() > p.lim.MaxString {
				p.fail(CodeTooLong, "string of more than "+strconv.Itoa(p.lim.MaxString)+" bytes")
				return "", false
			}
			return b.String(), true
		case c < 0x20:
			p.syntax("control character in a string")
			return "", false
		case c != '\\':
			b.WriteByte(c)
			p.pos++
			continue
		}
		p.pos++
		if p.pos >= len(p.s) {
			break
		}
		c = p.s[p.pos]
		p.pos++
		switch c {
		case '"', '\\', '/':
			b.WriteByte(c)
		case 'b':
			b.WriteByte('\b')
		case 'f':
			b.WriteByte('\f')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		case 'u':
			r, ok := p.hex4()
			if !ok {
				p.syntax("a Unicode escape needs four hexadecimal digits")
				return "", false
			}
			if utf16.IsSurrogate(r) {
				low := rune(-1)
				if strings.HasPrefix(p.s[p.pos:], `\u`) {
					p.pos += 2
					if low, ok = p.hex4(); !ok {
						p.syntax("a Unicode escape needs four hexadecimal digits")
						return "", false
					}
				}
				if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
					p.fail(CodeNotUTF8, "half of a surrogate pair in a string")
					return "", false
				}
			}
			b.WriteRune(r)
		default:
			p.syntax("unknown escape")
			return "", false
		}
	}
	p.syntax("a string does not end")
	return "", false
}

func (p *jsonParser) hex4() (rune, bool) {
	if p.pos+4 > len(p.s) {
		return 0, false
	}
	var r rune
	for i := range 4 {
		v := hexValue(p.s[p.pos+i])
		if v < 0 {
			return 0, false
		}
		r = r<<4 | rune(v) //nolint:gosec // v is below 16
	}
	p.pos += 4
	return r, true
}

func hexValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func (p *jsonParser) array(depth int) int32 {
	if depth > p.lim.MaxDepth {
		return p.fail(CodeTooDeep, "more than "+strconv.Itoa(p.lim.MaxDepth)+" levels")
	}
	self := p.add(KindArray, "")
	if self == none {
		return none
	}
	p.pos++
	p.space()
	if p.pos < len(p.s) && p.s[p.pos] == ']' {
		p.pos++
		return self
	}
	last := none
	for {
		p.space()
		c := p.value(depth + 1)
		if c == none {
			return none
		}
		p.link(self, last, c)
		last = c
		p.space()
		if p.pos >= len(p.s) {
			return p.syntax("an array does not end")
		}
		switch p.s[p.pos] {
		case ',':
			p.pos++
		case ']':
			p.pos++
			return self
		default:
			return p.syntax("a comma or bracket is missing")
		}
	}
}

func (p *jsonParser) link(parent, last, c int32) {
	if last == none {
		p.t.nodes[parent].first = c
	} else {
		p.t.nodes[last].next = c
	}
	p.t.nodes[parent].count++
}

// linearMembers is up to how many members an object's names are compared one by
// one; beyond it a set keeps the search for duplicates from growing quadratic.
const linearMembers = 24

// mayRepeat tells the one member that may stand twice, an event's eventID: GS1's
// own example AssociationEvent-h does so. The last one counts.
func mayRepeat(key string, depth int) bool { return depth == 1 && key == "eventID" }

func (p *jsonParser) object(depth int) int32 {
	if depth > p.lim.MaxDepth {
		return p.fail(CodeTooDeep, "more than "+strconv.Itoa(p.lim.MaxDepth)+" levels")
	}
	self := p.add(KindObject, "")
	if self == none {
		return none
	}
	p.pos++
	p.space()
	if p.pos < len(p.s) && p.s[p.pos] == '}' {
		p.pos++
		return self
	}
	last := none
	var seen map[string]struct{}
	for {
		p.space()
		if p.pos >= len(p.s) || p.s[p.pos] != '"' {
			return p.syntax("a member name is missing")
		}
		key, ok := p.string()
		if !ok {
			return none
		}
		p.space()
		if p.pos >= len(p.s) || p.s[p.pos] != ':' {
			return p.syntax("a colon is missing")
		}
		p.pos++
		p.space()
		if seen == nil && p.t.nodes[self].count < linearMembers {
			for c := p.t.nodes[self].first; c != none; c = p.t.nodes[c].next {
				if p.t.nodes[c].key == key && !mayRepeat(key, depth) {
					return p.fail(CodeDuplicateMember, "member "+strconv.Quote(key)+" stands twice in one object")
				}
			}
		} else {
			if seen == nil {
				seen = make(map[string]struct{}, 2*linearMembers)
				for c := p.t.nodes[self].first; c != none; c = p.t.nodes[c].next {
					seen[p.t.nodes[c].key] = struct{}{}
				}
			}
			if _, twice := seen[key]; twice && !mayRepeat(key, depth) {
				return p.fail(CodeDuplicateMember, "member "+strconv.Quote(key)+" stands twice in one object")
			}
			seen[key] = struct{}{}
		}
		c := p.value(depth + 1)
		if c == none {
			return none
		}
		p.t.nodes[c].key = key
		p.link(self, last, c)
		last = c
		p.space()
		if p.pos >= len(p.s) {
			return p.syntax("an object does not end")
		}
		switch p.s[p.pos] {
		case ',':
			p.pos++
		case '}':
			p.pos++
			return self
		default:
			return p.syntax("a comma or brace is missing")
		}
	}
}
