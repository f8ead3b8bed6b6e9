package epcis

import (
	"net/netip"
	"strings"
	"time"
)

// isURI reports whether s is an absolute URI (RFC 3986); characters beyond ASCII
// are taken as well (RFC 3987), because JSON-LD speaks of IRIs.
func isURI(s string) bool {
	colon := -1
	for i := range len(s) {
		c := s[i]
		if c == ':' {
			colon = i
			break
		}
		if isLetter(c) || i > 0 && (isDigit(c) || c == '+' || c == '-' || c == '.') {
			continue
		}
		return false
	}
	if colon < 1 {
		return false
	}
	rest := s[colon+1:]
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c <= ' ', c == 0x7f, c == '"', c == '<', c == '>', c == '\\', c == '^', c == '`', c == '{', c == '|', c == '}':
			return false
		case c == '%':
			if i+2 >= len(rest) || hexValue(rest[i+1]) < 0 || hexValue(rest[i+2]) < 0 {
				return false
			}
			i += 2
		}
	}
	if strings.HasPrefix(rest, "//") {
		return isAuthority(rest[2:])
	}
	return true
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isAuthority(s string) bool {
	if i := strings.IndexAny(s, "/?#"); i >= 0 {
		s = s[:i]
	}
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		if strings.ContainsAny(s[:i], "[]@") {
			return false
		}
		s = s[i+1:]
	}
	port := ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return false
		}
		a, err := netip.ParseAddr(s[1:end])
		if err != nil || !a.Is6() {
			return false
		}
		port = s[end+1:]
		if port != "" && port[0] != ':' {
			return false
		}
	} else {
		if i := strings.IndexByte(s, ':'); i >= 0 {
			port, s = s[i:], s[:i]
		}
		if strings.ContainsAny(s, "[]") {
			return false
		}
	}
	for i := 1; i < len(port); i++ {
		if port[i] < '0' || port[i] > '9' {
			return false
		}
	}
	return true
}

// isOffset reports whether s is a time zone offset of EPCIS: ±hh:mm up to 14:00.
func isOffset(s string) bool {
	if len(s) != 6 || s[0] != '+' && s[0] != '-' || s[3] != ':' {
		return false
	}
	h, okH := twoDigits(s[1:3])
	m, okM := twoDigits(s[4:6])
	return okH && okM && (h <= 13 && m <= 59 || h == 14 && m == 0)
}

func twoDigits(s string) (int, bool) {
	a, b := s[0]-'0', s[1]-'0'
	return int(a)*10 + int(b), a <= 9 && b <= 9
}

// parseTime reads an RFC 3339 date-time. Fractions beyond nanoseconds are cut.
func parseTime(s string) (time.Time, bool) {
	// yyyy-mm-ddThh:mm:ssZ is the shortest spelling.
	if len(s) < 20 || s[4] != '-' || s[7] != '-' || s[10]|0x20 != 't' || s[13] != ':' || s[16] != ':' {
		return time.Time{}, false
	}
	c, ok0 := twoDigits(s[0:2])
	y, ok1 := twoDigits(s[2:4])
	mon, ok2 := twoDigits(s[5:7])
	day, ok3 := twoDigits(s[8:10])
	h, ok4 := twoDigits(s[11:13])
	m, ok5 := twoDigits(s[14:16])
	sec, ok6 := twoDigits(s[17:19])
	if !ok0 || !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 {
		return time.Time{}, false
	}
	y += 100 * c
	if mon < 1 || mon > 12 || day < 1 || day > daysIn(y, mon) || h > 23 || m > 59 || sec > 60 {
		return time.Time{}, false
	}
	i, nanos := 19, int64(0)
	if s[i] == '.' {
		i++
		start, unit := i, int64(100_000_000)
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			nanos += int64(s[i]-'0') * unit
			unit /= 10
			i++
		}
		if i == start {
			return time.Time{}, false
		}
	}
	offset := 0
	switch zone := s[i:]; {
	case zone == "Z" || zone == "z":
	case len(zone) == 6 && (zone[0] == '+' || zone[0] == '-') && zone[3] == ':':
		zh, okH := twoDigits(zone[1:3])
		zm, okM := twoDigits(zone[4:6])
		if !okH || !okM || zh > 23 || zm > 59 {
			return time.Time{}, false
		}
		offset = zh*3600 + zm*60
		if zone[0] == '-' {
			offset = -offset
		}
	default:
		return time.Time{}, false
	}
	if sec == 60 {
		// A leap second stands at 23:59:60 UTC only.
		if ((h*60+m)*60-offset+2*86400)%86400 != (23*60+59)*60 {
			return time.Time{}, false
		}
	}
	unix := daysSince1970(y, mon, day)*86400 + int64(h*3600+m*60+sec-offset)
	return time.Unix(unix, nanos).UTC(), true
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysSince1970 counts days in the proleptic Gregorian calendar.
// Source: H. Hinnant, chrono-compatible low-level date algorithms, days_from_civil.
func daysSince1970(y, m, d int) int64 {
	if m <= 2 {
		y--
		m += 12
	}
	// 400 years are added so that the year 0 stays positive in integer division.
	y += 400
	era := y / 400
	yoe := y - era*400
	doy := (153*(m-3)+2)/5 + d - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return int64(era)*146097 + int64(doe) - 719468 - 146097
}

// isUOM reports whether s looks like a UN/CEFACT Recommendation 20 code.
func isUOM(s string) bool {
	if len(s) < 2 || len(s) > 3 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

func isHex(s string) bool {
	for i := range len(s) {
		if hexValue(s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

// isVersion reports whether s is a schemaVersion: numbers joined by dots.
func isVersion(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" {
			return false
		}
		for i := range len(part) {
			if part[i] < '0' || part[i] > '9' {
				return false
			}
		}
	}
	return true
}
