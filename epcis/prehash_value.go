package epcis

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// appendHashTime writes a time in UTC with milliseconds, rounded half up on the
// fourth decimal place.
func appendHashTime(b []byte, t Time) []byte {
	at := t.Instant
	if at.IsZero() {
		// The text of a faulty time stands for itself.
		if _, ok := parseTime(t.Text); !ok {
			return append(b, t.Text...)
		}
	}
	ms := at.Nanosecond() / 100_000
	at = at.Add(time.Duration((ms+5)/10*1_000_000 - at.Nanosecond()))
	y, mon, d := at.Date()
	hh, mm, ss := at.Clock()
	b = appendPadded(b, y, 4)
	b = append(b, '-')
	b = appendPadded(b, int(mon), 2)
	b = append(b, '-')
	b = appendPadded(b, d, 2)
	b = append(b, 'T')
	b = appendPadded(b, hh, 2)
	b = append(b, ':')
	b = appendPadded(b, mm, 2)
	b = append(b, ':')
	b = appendPadded(b, ss, 2)
	b = append(b, '.')
	b = appendPadded(b, at.Nanosecond()/1_000_000, 3)
	return append(b, 'Z')
}

func appendPadded(b []byte, v, width int) []byte {
	var digits [20]byte
	d := strconv.AppendInt(digits[:0], int64(v), 10)
	for range width - len(d) {
		b = append(b, '0')
	}
	return append(b, d...)
}

// extension writes a field beyond the standard as one member, or as several if it
// is an array.
func (h *hasher) extension(x *Extension) {
	if x.Namespace == rdfsNamespace && x.Local == "comment" || x.Name == "@context" {
		return
	}
	if len(h.ignored) > 0 && slices.Contains(h.ignored, fullName(x.Namespace, x.Local)) {
		return
	}
	h.extensionValue(x, &x.Value)
}

func (h *hasher) extensionValue(x *Extension, v *Value) {
	if v.Kind == KindArray && x != nil {
		for i := range v.Items {
			h.oneValue(x, &v.Items[i])
		}
		return
	}
	h.oneValue(x, v)
}

// oneValue writes one element; x is nil inside an array of arrays, whose members
// have no name.
func (h *hasher) oneValue(x *Extension, v *Value) {
	if v.Kind == KindNull {
		return
	}
	from := len(h.buf)
	if x != nil {
		if x.Namespace != "" {
			h.buf = append(h.buf, '{')
			h.buf = append(h.buf, x.Namespace...)
			h.buf = append(h.buf, '}')
		}
		h.buf = append(h.buf, x.Local...)
	}
	switch v.Kind {
	case KindArray:
		l := h.open()
		for i := range v.Items {
			h.oneValue(nil, &v.Items[i])
		}
		h.close(l)
	case KindObject:
		for i := range v.Members {
			if v.Members[i].Name == textMember {
				h.text(v.Members[i].Value.Text)
			}
		}
		l := h.open()
		for i := range v.Members {
			if v.Members[i].Name != textMember {
				h.extension(&v.Members[i])
			}
		}
		h.close(l)
	case KindString, KindNumber, KindBool:
		h.text(v.Text)
	case KindNull:
	}
	h.member(from)
}

// textMember names the text of an XML element that has attributes or children too.
const textMember = "#text"

func (h *hasher) text(s string) {
	if s = trim(s); s != "" {
		h.buf = append(h.buf, '=')
		h.value(s)
	}
}

// trim cuts white space the way the reference's language does.
func trim(s string) string {
	if s != "" && s[0] > ' ' && s[0] < 0x80 {
		if c := s[len(s)-1]; c > ' ' && c < 0x80 {
			return s
		}
	}
	return strings.TrimSpace(s)
}

// value writes a trimmed value in canonical form.
func (h *hasher) value(s string) {
	c := s[0]
	if c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.' {
		if b, ok := appendDecimal(h.buf, s); ok {
			h.buf = b
			return
		}
	}
	switch c {
	case 'u', 'h', 'U', 'H':
		var kind IdentifierKind
		if h.buf, kind, _ = appendCanonical(h.buf, s); kind != KindOther {
			return
		}
	case 'c', 'g':
		s = expandGS1(s)
	}
	if strings.Contains(s, "urn:epcglobal:cbv:") {
		s = webVocabulary(s)
	}
	h.buf = append(h.buf, s...)
}

// webVocabulary writes the vocabulary URNs of CBV 1.x as web URIs.
func webVocabulary(s string) string {
	for _, p := range [...][2]string{
		{"urn:epcglobal:cbv:bizstep:", webBizStep},
		{"urn:epcglobal:cbv:disp:", webDisposition},
		{"urn:epcglobal:cbv:btt:", webTransaction},
		{"urn:epcglobal:cbv:sdt:", webParty},
		{"urn:epcglobal:cbv:er:", webReason},
	} {
		s = strings.ReplaceAll(s, p[0], p[1])
	}
	return s
}

// appendDecimal writes a number as the reference does, through float64: a whole
// number in full, another in the shortest decimal that gives the same float64,
// with an exponent below 0.0001. It reports false when s is no number.
func appendDecimal(b []byte, s string) ([]byte, bool) {
	i, exponent := 0, false
	if s[0] == '+' || s[0] == '-' {
		i++
	}
	start := i
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	whole, fraction := s[start:i], ""
	if i < len(s) && s[i] == '.' {
		i++
		start = i
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		fraction = s[start:i]
	}
	if whole == "" && fraction == "" {
		return b, false
	}
	if i < len(s) {
		if s[i] != 'e' && s[i] != 'E' {
			return b, false
		}
		digits := i + 1
		if digits < len(s) && (s[digits] == '+' || s[digits] == '-') {
			digits++
		}
		if digits == len(s) || !isDigits(s[digits:]) {
			return b, false
		}
		exponent = true
	}
	for whole != "" && whole[0] == '0' {
		whole = whole[1:]
	}
	for fraction != "" && fraction[len(fraction)-1] == '0' {
		fraction = fraction[:len(fraction)-1]
	}
	// Up to 15 digits are what a float64 gives back unchanged.
	if !exponent && len(whole)+len(fraction) <= 15 && (whole != "" || !hasPrefix(fraction, "0000")) {
		if whole == "" && fraction == "" {
			return append(b, '0'), true
		}
		if s[0] == '-' {
			b = append(b, '-')
		}
		if whole == "" {
			whole = "0"
		}
		b = append(b, whole...)
		if fraction != "" {
			b = append(b, '.')
			b = append(b, fraction...)
		}
		return b, true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return b, false
	}
	switch {
	case f == 0:
		return append(b, '0'), true
	case f == math.Trunc(f):
		return strconv.AppendFloat(b, f, 'f', 0, 64), true
	case f < 1e-4 && f > -1e-4:
		return strconv.AppendFloat(b, f, 'e', -1, 64), true
	}
	return strconv.AppendFloat(b, f, 'f', -1, 64), true
}
