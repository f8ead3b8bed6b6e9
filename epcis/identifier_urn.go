package epcis

import "strings"

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
