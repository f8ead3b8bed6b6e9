package epcis

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A mark is a processing instruction, <?epcis-json word?>, inside an element. It
// says what XML cannot say of a value that comes from JSON: that 20 was a number,
// that one element stands for an array of one. Whoever does not know it, a schema
// validator or another hash generator, passes over it and loses the JSON type, not
// the value. No mark changes the event hash of a value that has text.
const markTarget = "epcis-json"

// The marks of a value or a name.
const (
	markNumber  = "number"  // the text is a JSON number
	markBoolean = "boolean" // the text is true or false
	markString  = "string"  // the white space around the text belongs to it
	markNull    = "null"    // the empty element is null
	markArray   = "array"   // the element stands for an array of one
	markEmpty   = "empty"   // the empty element stands for an array of none
	markList    = "list"    // an array inside an array, whose items are the children
	markObject  = "object"  // an object though there are no children
	markNone    = "none"    // the empty element stands for a member that is absent
	markName    = "name"    // the local name is escaped, see encodeName
	markURI     = "uri"     // the name was spelled as a URI, without a prefix
	markIgnore  = "ignore"  // followed by names that the event hash leaves out
	markContext = "context" // followed by what a document's @context has beyond prefixes
)

// maxMarks bounds the marks of one element.
const maxMarks = 8

func (el *xmlElement) marked(word string) bool {
	return slices.Contains(el.marks, word)
}

// argument gives what follows the word of a mark.
func (el *xmlElement) argument(word string) (string, bool) {
	for _, m := range el.marks {
		if before, after, found := strings.Cut(m, " "); found && before == word {
			return after, true
		}
	}
	return "", false
}

// content is the text of an element: trimmed, unless a mark says that it is exact.
func (el *xmlElement) content() string {
	if el.marked(markString) {
		return string(el.text)
	}
	return el.trimmed()
}

// nameStart tells the characters that start an XML name without a colon, nameChar
// those inside it: the part of XML 1.0 on which all its editions agree.
func nameStart(r rune) bool {
	switch {
	case r == '_', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
		return true
	case r >= 0xc0 && r <= 0x131:
		return r != 0xd7 && r != 0xf7
	case r >= 0x3a3 && r <= 0x3ce, r >= 0x410 && r <= 0x44f, r >= 0x4e00 && r <= 0x9fa5, r >= 0xac00 && r <= 0xd7a3:
		return true
	}
	return false
}

func nameChar(r rune) bool { return nameStart(r) || r >= '0' && r <= '9' || r == '-' || r == '.' }

// isNCName reports whether s can be an XML name as it is.
func isNCName(s string) bool {
	for i, r := range s {
		if i == 0 && !nameStart(r) || !nameChar(r) {
			return false
		}
	}
	return s != ""
}

// encodeName makes an XML name of any text: what may not stand in a name becomes
// _xHHHH_ or _xHHHHHHHH_, an underscore before an x too, and no text becomes _x_.
// Source: ISO/IEC 9075-14, the mapping of identifiers to XML names.
func encodeName(s string, first bool) string {
	if s == "" {
		return "_x_"
	}
	var b strings.Builder
	for i, r := range s {
		plain := nameChar(r) && (i > 0 || nameStart(r) && !first)
		if plain && (r != '_' || !strings.HasPrefix(s[i+1:], "x")) {
			b.WriteRune(r)
			continue
		}
		digits := strings.ToUpper(strconv.FormatInt(int64(r), 16))
		width := 4
		if r > 0xffff {
			width = 8
		}
		b.WriteString("_x" + strings.Repeat("0", width-len(digits)) + digits + "_")
	}
	return b.String()
}

// decodeName is the reverse of encodeName.
func decodeName(s string) (string, bool) {
	if s == "_x_" {
		return "", true
	}
	var b strings.Builder
	for s != "" {
		i := strings.Index(s, "_x")
		if i < 0 {
			break
		}
		b.WriteString(s[:i])
		digits, rest, found := strings.Cut(s[i+2:], "_")
		if !found || len(digits) != 4 && len(digits) != 8 {
			return "", false
		}
		r, err := strconv.ParseUint(digits, 16, 32)
		if err != nil || r > utf8.MaxRune || !utf8.ValidRune(rune(r)) {
			return "", false
		}
		b.WriteRune(rune(r))
		s = rest
	}
	b.WriteString(s)
	return b.String(), true
}

// xmlChar tells the characters that XML 1.0 can hold at all.
func xmlChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd || r >= 0x10000
}

// badXMLChar gives the first character of s that XML cannot hold.
func badXMLChar(s string) (rune, bool) {
	for i, r := range s {
		if !xmlChar(r) {
			return r, true
		}
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return r, true
			}
		}
	}
	return 0, false
}

// numericType tells the types of XML Schema whose values are JSON numbers.
func numericType(local string) bool {
	switch local {
	case "decimal", "double", "float", "integer", "int", "long", "short", "byte", "nonNegativeInteger", "positiveInteger",
		"nonPositiveInteger", "negativeInteger", "unsignedLong", "unsignedInt", "unsignedShort", "unsignedByte":
		return true
	}
	return false
}
