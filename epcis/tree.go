package epcis

import (
	"strconv"
	"strings"
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
