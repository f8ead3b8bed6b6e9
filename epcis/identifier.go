package epcis

import (
	"slices"
	"strings"
)

// IdentifierKind names what a GS1 identifier identifies.
type IdentifierKind string

// The kinds of identifiers. Each is spelled as its EPC scheme, or as its key
// where there is no scheme.
const (
	KindOther IdentifierKind = ""
	KindSGTIN IdentifierKind = "sgtin" // one trade item
	KindLGTIN IdentifierKind = "lgtin" // a batch of a trade item
	KindGTIN  IdentifierKind = "gtin"  // a trade item, any of its instances
	KindUPUI  IdentifierKind = "upui"  // one item under tobacco rules
	KindITIP  IdentifierKind = "itip"  // a piece of a trade item
	KindSSCC  IdentifierKind = "sscc"  // a logistic unit
	KindSGLN  IdentifierKind = "sgln"  // a place
	KindPGLN  IdentifierKind = "pgln"  // a party
	KindGRAI  IdentifierKind = "grai"  // a returnable asset
	KindGIAI  IdentifierKind = "giai"  // an individual asset, such as a sensor
	KindGDTI  IdentifierKind = "gdti"  // a document
	KindGSRN  IdentifierKind = "gsrn"  // a service recipient
	KindGSRNP IdentifierKind = "gsrnp" // a service provider
	KindCPI   IdentifierKind = "cpi"   // a component or part
	KindSGCN  IdentifierKind = "sgcn"  // a coupon
	KindGINC  IdentifierKind = "ginc"  // a consignment
	KindGSIN  IdentifierKind = "gsin"  // a shipment
)

// Identifier is what a URI identifies by GS1's rules.
type Identifier struct {
	// Kind is KindOther for a URI that is no GS1 identifier.
	Kind IdentifierKind
	// Canonical is the GS1 Digital Link on https://id.gs1.org with the finest key
	// only, or the URI itself for KindOther.
	Canonical string
	// Class tells that it names a class of objects, not one object.
	Class bool
}

// ParseIdentifier reads an EPC URN (pure identity, class or pattern) or a GS1
// Digital Link. A URI of another sort is KindOther. The error, a Fault, tells
// that s is no URI, or an EPC URN of a GS1 scheme that breaks the scheme's rules.
func ParseIdentifier(s string) (Identifier, error) {
	b, kind, class := appendCanonical(make([]byte, 0, 64), s)
	if kind != KindOther {
		return Identifier{Kind: kind, Canonical: string(b), Class: class}, nil
	}
	if !isURI(s) {
		return Identifier{}, Fault{Code: CodeIdentifier, Message: quote(s) + " is not an absolute URI"}
	}
	if scheme, ok := gs1Scheme(s); ok {
		return Identifier{}, Fault{Code: CodeIdentifier, Message: quote(s) + " breaks the rules of the EPC scheme " + scheme}
	}
	return Identifier{Canonical: s}, nil
}

// CanonicalEPC gives the canonical form of an EPC URN or Digital Link:
// https://id.gs1.org with the finest key only. A URI that is no GS1 identifier is
// its own canonical form. The error, a Fault, is that of ParseIdentifier.
func CanonicalEPC(s string) (string, error) {
	id, err := ParseIdentifier(s)
	if err != nil {
		return "", err
	}
	return id.Canonical, nil
}

// KindOf tells what s identifies; KindOther if it is no GS1 identifier.
func KindOf(s string) IdentifierKind {
	var scratch [128]byte
	_, kind, _ := appendCanonical(scratch[:0], s)
	return kind
}

// VerifyCheckDigit reports a GS1 key with a wrong check digit as a Fault. EPC URNs
// carry no check digit and always pass, as do URIs that are no GS1 identifier.
func VerifyCheckDigit(s string) error {
	b, kind, _ := appendCanonical(nil, s)
	if kind == KindOther {
		return nil
	}
	c := string(b[len(canonicalDomain)+1:])
	slash := strings.IndexByte(c, '/')
	var digits int
	switch c[:slash] {
	case "01", "8003", "8006":
		digits = 14
	case "00", "8017", "8018":
		digits = 18
	case "402":
		digits = 17
	case "253", "255", "414", "417":
		digits = 13
	default:
		return nil
	}
	key := c[slash+1 : slash+1+digits]
	if want := checkDigit([]byte(key[:digits-1])); want != key[digits-1] {
		return Fault{Code: CodeCheckDigit, Message: "check digit of " + key + " should be " + string(rune(want))}
	}
	return nil
}

const canonicalDomain = "https://id.gs1.org"

// checkDigit computes the check digit of a GS1 key.
// Source: GS1 General Specifications, section 7.9.1.
func checkDigit(key []byte) byte {
	sum, weight := 0, 3
	for _, k := range slices.Backward(key) {
		sum += weight * int(k-'0')
		weight = 4 - weight
	}
	return byte('0' + (10-sum%10)%10)
}

// appendCanonical appends the canonical Digital Link of s. Nothing is appended
// when s is no well-formed GS1 identifier.
func appendCanonical(b []byte, s string) ([]byte, IdentifierKind, bool) {
	switch {
	case hasScheme(s, "urn:epc:"):
		return appendURN(b, s[len("urn:epc:"):])
	case hasScheme(s, "https://"):
		return appendLink(b, s[len("https://"):])
	case hasScheme(s, "http://"):
		return appendLink(b, s[len("http://"):])
	}
	return b, KindOther, false
}

// hasScheme tells whether s begins with p, in small or capital letters: a scheme and the namespace of a URN
// are the same in either (RFC 3986, section 6.2.2.1; RFC 8141, section 3.1). QR codes hold capitals shorter.
func hasScheme(s, p string) bool {
	return hasPrefix(s, p) || len(s) >= len(p) && strings.EqualFold(s[:len(p)], p)
}

// gs1Scheme tells whether s is an EPC URN of a scheme with GS1 keys.
func gs1Scheme(s string) (string, bool) {
	if !hasScheme(s, "urn:epc:") {
		return "", false
	}
	s = s[len("urn:epc:"):]
	for _, form := range []string{"id:", "class:", "idpat:"} {
		rest, ok := strings.CutPrefix(s, form)
		if !ok {
			continue
		}
		scheme, _, _ := strings.Cut(rest, ":")
		switch IdentifierKind(scheme) {
		case KindSGTIN, KindLGTIN, KindUPUI, KindITIP, KindSSCC, KindSGLN, KindPGLN, KindGRAI, KindGIAI,
			KindGDTI, KindGSRN, KindGSRNP, KindCPI, KindSGCN, KindGINC, KindGSIN:
			return scheme, true
		case KindOther, KindGTIN:
		}
	}
	return "", false
}

// appendURN reads what follows urn:epc: (EPC Tag Data Standard 2.0, section 6).
func appendURN(b []byte, s string) ([]byte, IdentifierKind, bool) {
	form, rest, ok1 := strings.Cut(s, ":")
	scheme, body, ok2 := strings.Cut(rest, ":")
	if !ok1 || !ok2 {
		return b, KindOther, false
	}
	dot := strings.IndexByte(body, '.')
	if dot < 6 || dot > 12 || !isDigits(body[:dot]) {
		return b, KindOther, false
	}
	company, rest := body[:dot], body[dot+1:]
	mark := len(b)
	b = append(b, canonicalDomain...)
	kind, class, ok := KindOther, false, false
	switch form {
	case "id":
		kind = IdentifierKind(scheme)
		b, ok = appendInstance(b, kind, company, rest)
	case "class":
		if scheme == string(KindLGTIN) {
			kind, class = KindLGTIN, true
			var lot string
			if b, lot, ok = appendGTIN(b, "/01/", company, rest); ok {
				b, ok = appendTail(b, "/10/", lot, 20)
			}
		}
	case "idpat":
		class = true
		b, kind, ok = appendPattern(b, IdentifierKind(scheme), company, rest)
	}
	if !ok {
		return b[:mark], KindOther, false
	}
	return b, kind, class
}

func appendInstance(b []byte, kind IdentifierKind, company, rest string) (_ []byte, ok bool) {
	var tail string
	switch kind {
	case KindSGTIN:
		if b, tail, ok = appendGTIN(b, "/01/", company, rest); ok {
			return appendTail(b, "/21/", tail, 20)
		}
	case KindUPUI:
		if b, tail, ok = appendGTIN(b, "/01/", company, rest); ok {
			return appendTail(b, "/235/", tail, 28)
		}
	case KindITIP:
		if b, tail, ok = appendGTIN(b, "/8006/", company, rest); ok {
			if len(tail) < 7 || tail[2] != '.' || tail[5] != '.' || !isDigits(tail[:2]) || !isDigits(tail[3:5]) {
				return b, false
			}
			b = append(b, tail[:2]...)
			b = append(b, tail[3:5]...)
			return appendTail(b, "/21/", tail[6:], 20)
		}
	case KindSSCC:
		if len(rest) != 17-len(company) || !isDigits(rest) {
			return b, false
		}
		b = append(b, "/00/"...)
		at := len(b)
		b = append(b, rest[0])
		b = append(b, company...)
		b = append(b, rest[1:]...)
		return append(b, checkDigit(b[at:])), true
	case KindSGLN:
		if b, tail, ok = appendKey(b, "/414/", company, rest, 12, true); ok {
			if tail == "0" {
				return b, true
			}
			return appendTail(b, "/254/", tail, 20)
		}
	case KindPGLN:
		b, _, ok = appendKey(b, "/417/", company, rest, 12, false)
		return b, ok
	case KindGRAI:
		if b, tail, ok = appendKey(b, "/8003/0", company, rest, 12, true); ok {
			return appendTail(b, "", tail, 16)
		}
	case KindGDTI:
		if b, tail, ok = appendKey(b, "/253/", company, rest, 12, true); ok {
			return appendTail(b, "", tail, 17)
		}
	case KindSGCN:
		if b, tail, ok = appendKey(b, "/255/", company, rest, 12, true); ok {
			return append(b, tail...), len(tail) >= 1 && len(tail) <= 12 && isDigits(tail)
		}
	case KindGSRN:
		b, _, ok = appendKey(b, "/8018/", company, rest, 17, false)
		return b, ok
	case KindGSRNP:
		b, _, ok = appendKey(b, "/8017/", company, rest, 17, false)
		return b, ok
	case KindGSIN:
		b, _, ok = appendKey(b, "/402/", company, rest, 16, false)
		return b, ok
	case KindGIAI:
		b = append(append(b, "/8004/"...), company...)
		return appendTail(b, "", rest, 30-len(company))
	case KindGINC:
		b = append(append(b, "/401/"...), company...)
		return appendTail(b, "", rest, 30-len(company))
	case KindCPI:
		part, serial, found := strings.Cut(rest, ".")
		if !found || serial == "" || len(serial) > 12 || !isDigits(serial) {
			return b, false
		}
		if b, ok = appendPart(b, company, part); ok {
			return append(append(b, "/8011/"...), serial...), true
		}
	case KindOther, KindGTIN, KindLGTIN:
	}
	return b, false
}

// appendPattern reads a pattern that leaves the serial open: a class of objects.
func appendPattern(b []byte, kind IdentifierKind, company, rest string) (_ []byte, _ IdentifierKind, ok bool) {
	var tail string
	switch kind {
	case KindSGTIN, KindUPUI:
		b, tail, ok = appendGTIN(b, "/01/", company, rest)
		return b, KindGTIN, ok && tail == "*"
	case KindITIP:
		b, tail, ok = appendGTIN(b, "/8006/", company, rest)
		if !ok || len(tail) != 7 || tail[2] != '.' || tail[5:] != ".*" || !isDigits(tail[:2]) || !isDigits(tail[3:5]) {
			return b, KindOther, false
		}
		b = append(b, tail[:2]...)
		return append(b, tail[3:5]...), KindITIP, true
	case KindGRAI:
		b, tail, ok = appendKey(b, "/8003/0", company, rest, 12, true)
	case KindGDTI:
		b, tail, ok = appendKey(b, "/253/", company, rest, 12, true)
	case KindSGCN:
		b, tail, ok = appendKey(b, "/255/", company, rest, 12, true)
	case KindCPI:
		part, open := strings.CutSuffix(rest, ".*")
		if !open {
			return b, KindOther, false
		}
		b, ok = appendPart(b, company, part)
		return b, kind, ok
	case KindOther, KindLGTIN, KindGTIN, KindSSCC, KindSGLN, KindPGLN, KindGIAI, KindGSRN, KindGSRNP, KindGINC, KindGSIN:
		return b, KindOther, false
	default:
		return b, KindOther, false
	}
	return b, kind, ok && tail == "*"
}

// appendGTIN writes a GTIN-14 from a company prefix and what follows it; tail is
// what follows the item reference.
func appendGTIN(b []byte, ai, company, rest string) (_ []byte, tail string, ok bool) {
	n := 13 - len(company)
	if len(rest) <= n || rest[n] != '.' || !isDigits(rest[:n]) {
		return b, "", false
	}
	b = append(b, ai...)
	at := len(b)
	b = append(b, rest[0])
	b = append(b, company...)
	b = append(b, rest[1:n]...)
	return append(b, checkDigit(b[at:])), rest[n+1:], true
}

// appendKey writes a numeric key of n digits and its check digit. serial tells
// whether a dot and a serial follow the key. A digit before the company prefix
// may stand at the end of ai.
func appendKey(b []byte, ai, company, rest string, n int, serial bool) (_ []byte, tail string, ok bool) {
	n -= len(company)
	if len(rest) < n || !isDigits(rest[:n]) {
		return b, "", false
	}
	if serial {
		if len(rest) <= n || rest[n] != '.' {
			return b, "", false
		}
		tail = rest[n+1:]
	} else if len(rest) != n {
		return b, "", false
	}
	b = append(b, ai...)
	at := len(b)
	if ai[len(ai)-1] != '/' {
		at--
	}
	b = append(b, company...)
	b = append(b, rest[:n]...)
	return append(b, checkDigit(b[at:])), tail, true
}

// appendTail writes a serial, lot or extension of 1 to limit characters.
func appendTail(b []byte, ai, s string, limit int) ([]byte, bool) {
	b = append(b, ai...)
	n := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			if i+2 >= len(s) {
				return b, false
			}
			hi, lo := hexValue(s[i+1]), hexValue(s[i+2])
			if hi < 0 || lo < 0 {
				return b, false
			}
			c = hexByte(hi, lo)
			i += 2
		} else if !urnPlain(c) {
			return b, false
		}
		if !gs1Char(c) {
			return b, false
		}
		b = appendLinkChar(b, c)
		n++
	}
	return b, n >= 1 && n <= limit
}

// appendPart writes a component or part identifier.
func appendPart(b []byte, company, part string) ([]byte, bool) {
	b = append(append(b, "/8010/"...), company...)
	n := 0
	for i := 0; i < len(part); i++ {
		c := part[i]
		if c == '%' && i+2 < len(part) && hexValue(part[i+1]) >= 0 && hexValue(part[i+2]) >= 0 {
			c = hexByte(hexValue(part[i+1]), hexValue(part[i+2]))
			i += 2
		} else if c == '#' || c == '/' {
			return b, false
		}
		if !partChar(c) {
			return b, false
		}
		b = appendLinkChar(b, c)
		n++
	}
	return b, n >= 1 && n <= 30-len(company)
}

func partChar(c byte) bool {
	return c == '#' || c == '-' || c == '/' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z'
}

// urnPlain tells the characters that stand unescaped in an EPC URN.
func urnPlain(c byte) bool {
	switch c {
	case '!', '\'', '(', ')', '*', '+', ',', '-', '.', ':', ';', '=', '_':
		return true
	}
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// gs1Char tells GS1 AI encodable character set 82.
func gs1Char(c byte) bool {
	switch c {
	case '"', '%', '&', '/', '<', '>', '?':
		return true
	}
	return urnPlain(c)
}

// appendLinkChar writes a character of a key as a Digital Link does: what is
// reserved in a path is escaped (GS1 Digital Link URI Syntax, section 7.1).
func appendLinkChar(b []byte, c byte) []byte {
	const hex = "0123456789ABCDEF"
	switch c {
	case '\'', '-', '.', ';', '=', '_':
		return append(b, c)
	}
	if c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' {
		return append(b, c)
	}
	return append(b, '%', hex[c>>4], hex[c&15])
}

// hexByte joins two hexadecimal digits.
func hexByte(hi, lo int) byte { return byte(hi<<4 | lo) } //nolint:gosec // both are below 16

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// appendLink reads what follows the scheme of a GS1 Digital Link URI.
func appendLink(b []byte, s string) ([]byte, IdentifierKind, bool) {
	slash := strings.IndexByte(s, '/')
	if slash < 0 || strings.IndexByte(s, '#') >= 0 {
		return b, KindOther, false
	}
	path := s[slash+1:]
	if q := strings.IndexByte(path, '?'); q >= 0 {
		path = path[:q]
	}
	for path != "" {
		name, rest, found := strings.Cut(path, "/")
		if !found {
			break
		}
		if ai := linkKey(name); ai != "" {
			mark := len(b)
			if out, kind, class, ok := appendLinkKey(b, ai, rest); ok {
				return out, kind, class
			}
			b = b[:mark]
		}
		path = rest
	}
	return b, KindOther, false
}

// linkKey gives the application identifier of a primary key, by number or by the
// short name that earlier versions of the Digital Link standard allowed.
func linkKey(name string) string {
	switch name {
	case "01", "gtin":
		return "01"
	case "00", "sscc":
		return "00"
	case "8006", "itip":
		return "8006"
	case "8010", "cpid":
		return "8010"
	case "414", "gln":
		return "414"
	case "417", "party":
		return "417"
	case "8017", "gsrnp":
		return "8017"
	case "8018", "gsrn":
		return "8018"
	case "255", "gcn":
		return "255"
	case "253", "gdti":
		return "253"
	case "401", "ginc":
		return "401"
	case "402", "gsin":
		return "402"
	case "8003", "grai":
		return "8003"
	case "8004", "giai":
		return "8004"
	}
	return ""
}

// qualifiers are the key qualifiers found after a primary key.
type qualifiers struct{ cpv, lot, serial, tpx, extension, part string }

// parse reads pairs of qualifier and value in the order of the standard.
func (q *qualifiers) parse(ai, s string) bool {
	for step := 0; s != ""; {
		name, rest, found := strings.Cut(s, "/")
		if !found {
			return false
		}
		value, more, again := strings.Cut(rest, "/")
		if value == "" || again && more == "" {
			return false
		}
		s = more
		rank := 0
		switch {
		case (ai == "01" || ai == "8006") && (name == "22" || name == "cpv"):
			rank, q.cpv = 1, value
		case (ai == "01" || ai == "8006") && (name == "10" || name == "lot"):
			rank, q.lot = 2, value
		case (ai == "01" || ai == "8006") && (name == "21" || name == "ser"):
			rank, q.serial = 3, value
		case ai == "01" && name == "235" && step <= 1:
			rank, q.tpx = 4, value
		case ai == "414" && name == "254":
			rank, q.extension = 1, value
		case ai == "8010" && name == "8011":
			rank, q.part = 1, value
		}
		if rank <= step {
			return false
		}
		step = rank
	}
	return true
}

// appendLinkKey reads a primary key's value and its qualifiers.
func appendLinkKey(b []byte, ai, s string) (_ []byte, kind IdentifierKind, class, ok bool) {
	value, rest, found := strings.Cut(s, "/")
	if found && rest == "" || len(value) < 5 || !isDigits(value[:4]) {
		return b, KindOther, false, false
	}
	var q qualifiers
	if !q.parse(ai, rest) {
		return b, KindOther, false, false
	}
	b = append(b, canonicalDomain...)
	b = append(b, '/')
	b = append(b, ai...)
	b = append(b, '/')
	digits := func(n int) bool {
		if len(value) != n || !isDigits(value) {
			return false
		}
		b = append(b, value...)
		return true
	}
	// serial writes n digits and a tail of at most limit characters.
	serial := func(n, limit int) bool {
		if len(value) < n || !isDigits(value[:n]) {
			return false
		}
		b = append(b, value[:n]...)
		if len(value) == n {
			return true
		}
		b, ok = appendLinkTail(b, "", value[n:], limit)
		return ok
	}
	switch ai {
	case "01":
		switch n := len(value); {
		case !isDigits(value):
			return b, KindOther, false, false
		case n == 8 || n == 12 || n == 13:
			b = append(b, "000000"[:14-n]...)
		case n != 14:
			return b, KindOther, false, false
		}
		b = append(b, value...)
		return appendTradeItem(b, KindGTIN, q)
	case "8006":
		if !digits(18) {
			return b, KindOther, false, false
		}
		return appendTradeItem(b, KindITIP, q)
	case "00":
		kind, ok = KindSSCC, digits(18)
	case "253":
		kind, class, ok = KindGDTI, len(value) == 13, serial(13, 17)
	case "255":
		kind, class, ok = KindSGCN, len(value) == 13, isDigits(value) && serial(13, 12)
	case "8003":
		kind, class, ok = KindGRAI, len(value) == 14, serial(14, 16)
	case "401":
		kind, ok = KindGINC, serial(0, 30)
	case "8004":
		kind, ok = KindGIAI, serial(0, 30)
	case "402":
		kind, ok = KindGSIN, digits(17)
	case "417":
		kind, ok = KindPGLN, digits(13)
	case "8017":
		kind, ok = KindGSRNP, digits(18)
	case "8018":
		kind, ok = KindGSRN, digits(18)
	case "414":
		kind, ok = KindSGLN, digits(13)
		if ok && q.extension != "" {
			b, ok = appendLinkTail(b, "/254/", q.extension, 20)
		}
	case "8010":
		kind, class = KindCPI, q.part == ""
		b, ok = appendLinkPart(b, value)
		if ok && q.part != "" {
			b = append(append(b, "/8011/"...), q.part...)
			ok = len(q.part) <= 12 && isDigits(q.part)
		}
	}
	return b, kind, class, ok
}

// appendTradeItem writes the finest qualifier of a trade item.
func appendTradeItem(b []byte, kind IdentifierKind, q qualifiers) (_ []byte, _ IdentifierKind, class, ok bool) {
	switch {
	case q.serial != "":
		b, ok = appendLinkTail(b, "/21/", q.serial, 20)
		if kind == KindGTIN {
			kind = KindSGTIN
		}
		return b, kind, false, ok
	case q.tpx != "":
		b, ok = appendLinkTail(b, "/235/", q.tpx, 28)
		return b, KindUPUI, false, ok
	case q.lot != "":
		b, ok = appendLinkTail(b, "/10/", q.lot, 20)
		if kind == KindGTIN {
			kind = KindLGTIN
		}
		return b, kind, true, ok
	}
	return b, kind, true, true
}

// appendLinkTail is appendTail for text from a Digital Link's path, where a few
// more characters may stand unescaped.
func appendLinkTail(b []byte, ai, s string, limit int) ([]byte, bool) {
	b = append(b, ai...)
	n := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			if i+2 >= len(s) || hexValue(s[i+1]) < 0 || hexValue(s[i+2]) < 0 {
				return b, false
			}
			c = hexByte(hexValue(s[i+1]), hexValue(s[i+2]))
			i += 2
		}
		if !gs1Char(c) {
			return b, false
		}
		b = appendLinkChar(b, c)
		n++
	}
	return b, n >= 1 && n <= limit
}

func appendLinkPart(b []byte, s string) ([]byte, bool) {
	n := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			if i+2 >= len(s) || hexValue(s[i+1]) < 0 || hexValue(s[i+2]) < 0 {
				return b, false
			}
			c = hexByte(hexValue(s[i+1]), hexValue(s[i+2]))
			i += 2
		}
		if !partChar(c) {
			return b, false
		}
		b = appendLinkChar(b, c)
		n++
	}
	return b, n >= 1 && n <= 30
}
