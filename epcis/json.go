package epcis

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// none is the index of no node.
const none int32 = -1

// node is one value of a document. Its strings are slices of the document's own
// text wherever no escape forces a copy.
type node struct {
	key   string
	text  string
	first int32
	next  int32
	count int32
	kind  Kind
}

// tree holds the values of one event or header; children are linked in document
// order, so that an event costs one allocation however many values it has.
type tree struct {
	nodes []node
	// origin says for each node where it stood in an XML document; nil for JSON.
	origin []xmlOrigin
	// offset is how many bytes of the document came before the text.
	offset int64
}

// child finds the member of an object by name.
func (t *tree) child(n int32, name string) int32 {
	for c := t.nodes[n].first; c != none; c = t.nodes[c].next {
		if t.nodes[c].key == name {
			return c
		}
	}
	return none
}

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

// path gives the JSON path of node n below base, or its XPath when the tree
// comes from XML. It searches, because faults are rare and parents are not kept.
func (t *tree) path(base string, n int32) string {
	if t.origin != nil {
		return t.origin[n].path(base)
	}
	var b []byte
	var find func(at int32) bool
	find = func(at int32) bool {
		if at == n {
			return true
		}
		i := 0
		for c := t.nodes[at].first; c != none; c = t.nodes[c].next {
			mark := len(b)
			if t.nodes[at].kind == KindArray {
				b = append(b, '[')
				b = strconv.AppendInt(b, int64(i), 10)
				b = append(b, ']')
			} else {
				b = appendPathMember(b, t.nodes[c].key)
			}
			if find(c) {
				return true
			}
			b = b[:mark]
			i++
		}
		return false
	}
	if len(t.nodes) > 0 {
		find(0)
	}
	return base + string(b)
}

func appendPathMember(b []byte, name string) []byte {
	plain := name != ""
	for i := range len(name) {
		c := name[i]
		if c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			plain = false
			break
		}
	}
	if plain {
		b = append(b, '.')
		return append(b, name...)
	}
	b = append(b, "['"...)
	b = append(b, strings.ReplaceAll(strings.ReplaceAll(name, `\`, `\\`), `'`, `\'`)...)
	return append(b, "']"...)
}

// compact copies JSON without the white space between its tokens. Member order,
// number spelling and escapes stay. src must be valid JSON.
func compact(dst []byte, src string) []byte {
	start := 0
	for i := 0; i < len(src); i++ {
		switch src[i] {
		case '"':
			for i++; i < len(src) && src[i] != '"'; i++ {
				if src[i] == '\\' {
					i++
				}
			}
		case ' ', '\t', '\n', '\r':
			dst = append(dst, src[start:i]...)
			for i+1 < len(src) && src[i+1] <= ' ' {
				i++
			}
			start = i + 1
		}
	}
	if start < len(src) {
		dst = append(dst, src[start:]...)
	}
	return dst
}

// appendJSON writes node n as compact JSON.
func (t *tree) appendJSON(b []byte, n int32) []byte {
	switch nd := &t.nodes[n]; nd.kind {
	case KindObject:
		b = append(b, '{')
		for c := nd.first; c != none; c = t.nodes[c].next {
			if c != nd.first {
				b = append(b, ',')
			}
			b = appendString(b, t.nodes[c].key)
			b = append(b, ':')
			b = t.appendJSON(b, c)
		}
		return append(b, '}')
	case KindArray:
		b = append(b, '[')
		for c := nd.first; c != none; c = t.nodes[c].next {
			if c != nd.first {
				b = append(b, ',')
			}
			b = t.appendJSON(b, c)
		}
		return append(b, ']')
	case KindString:
		return appendString(b, nd.text)
	case KindNumber, KindBool:
		return append(b, nd.text...)
	case KindNull:
	}
	return append(b, "null"...)
}

// appendString writes s as a JSON string, escaping only what RFC 8259 demands.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
