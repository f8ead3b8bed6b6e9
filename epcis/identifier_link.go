package epcis

import "strings"

const canonicalDomain = "https://id.gs1.org"

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
