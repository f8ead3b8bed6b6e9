package epcis

import "strings"

// xmlTime writes a time of XML Schema as RFC 3339: seconds that are left out are
// put in.
func xmlTime(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 16 && s[13] == ':' && s[16] != ':' {
		return s[:16] + ":00" + s[16:]
	}
	return s
}

// xmlNumber writes a decimal of XML Schema as a JSON number.
func xmlNumber(s string) (string, bool) {
	s = strings.TrimSpace(s)
	sign := ""
	if s != "" && (s[0] == '+' || s[0] == '-') {
		if s[0] == '-' {
			sign = "-"
		}
		s = s[1:]
	}
	mantissa, exponent := s, ""
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa, exponent = s[:i], s[i:]
		if digits := strings.TrimLeft(exponent[1:], "+-"); digits == "" || !isDigits(digits) || len(exponent)-len(digits) > 2 {
			return "", false
		}
	}
	whole, fraction, point := strings.Cut(mantissa, ".")
	if !isDigits(whole) || !isDigits(fraction) || whole == "" && fraction == "" {
		return "", false
	}
	for len(whole) > 1 && whole[0] == '0' {
		whole = whole[1:]
	}
	if whole == "" {
		whole = "0"
	}
	out := sign + whole
	if point && fraction != "" {
		out += "." + fraction
	}
	out += exponent
	return out, len(out) < 300 && exponent == "" || numberInRange(out)
}
