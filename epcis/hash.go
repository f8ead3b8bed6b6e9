package epcis

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Hash is the CBV 2.0 event hash: SHA-256 of the pre-hash string. It is the same
// for every spelling of an event: member order, list order, JSON or XML, EPC URN
// or Digital Link, time zone, bare word or URI.
type Hash [32]byte

const (
	hashPrefix = "ni:///sha-256;"
	hashSuffix = "?ver=CBV2.0"
)

// String gives ni:///sha-256;<hex>?ver=CBV2.0.
func (h Hash) String() string {
	b := make([]byte, 0, len(hashPrefix)+2*len(h)+len(hashSuffix))
	b = append(b, hashPrefix...)
	b = hex.AppendEncode(b, h[:])
	return string(append(b, hashSuffix...))
}

// MarshalText gives String.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what ParseHash reads.
func (h *Hash) UnmarshalText(text []byte) error {
	v, err := ParseHash(string(text))
	if err != nil {
		return err
	}
	*h = v
	return nil
}

// ParseHash reads the form of String, or 64 bare hexadecimal digits. The error is
// a Fault.
func ParseHash(s string) (Hash, error) {
	digits := s
	if rest, ok := strings.CutPrefix(s, hashPrefix); ok {
		digits, ok = strings.CutSuffix(rest, hashSuffix)
		if !ok {
			return Hash{}, Fault{Code: CodeHash, Message: quote(s) + " does not end in " + hashSuffix}
		}
	}
	var h Hash
	if len(digits) != 2*len(h) {
		return Hash{}, Fault{Code: CodeHash, Message: quote(s) + " is not a CBV 2.0 event hash"}
	}
	if _, err := hex.Decode(h[:], []byte(digits)); err != nil {
		return Hash{}, Fault{Code: CodeHash, Message: quote(s) + " is not a CBV 2.0 event hash"}
	}
	return h, nil
}

// HashProfile names a reading of the CBV 2.0 hash algorithm; HASH.md lists where
// they differ.
type HashProfile uint8

const (
	// ProfileReference is what GS1's reference implementation computes and what
	// its published vectors hold. It is the one in use: Hash and PreHash use it.
	ProfileReference HashProfile = iota
	// ProfileText is the published text of CBV 2.0, section 8.9, taken literally.
	ProfileText
)

// Hash gives the CBV 2.0 event hash.
func (e *Event) Hash() Hash {
	var h hasher
	h.buf = make([]byte, 0, 2048)
	h.event(e)
	return sha256.Sum256(h.buf)
}

// PreHash gives the string that Hash digests.
func (e *Event) PreHash() string { return e.PreHashProfile(ProfileReference) }

// PreHashProfile gives the pre-hash string by another reading of the algorithm.
func (e *Event) PreHashProfile(p HashProfile) string {
	h := hasher{profile: p}
	h.event(e)
	return string(h.buf)
}

// hasher builds a pre-hash string at the end of buf.
type hasher struct {
	buf     []byte
	scratch []byte
	spans   []span
	ignored []string
	profile HashProfile
}

// span is one member of a list in buf.
type span struct{ from, to int }

// list is an open list whose members get sorted when it closes.
type list struct{ at, spans int }

func (h *hasher) open() list { return list{len(h.buf), len(h.spans)} }

// member marks what was appended since from as one member of the open list.
func (h *hasher) member(from int) {
	if len(h.buf) > from {
		h.spans = append(h.spans, span{from, len(h.buf)})
	}
}

// close puts the members of the list in bytewise order.
func (h *hasher) close(l list) {
	spans := h.spans[l.spans:]
	sorted := true
	for i := 1; i < len(spans); i++ {
		if bytes.Compare(h.buf[spans[i-1].from:spans[i-1].to], h.buf[spans[i].from:spans[i].to]) > 0 {
			sorted = false
			break
		}
	}
	if !sorted {
		h.scratch = append(h.scratch[:0], h.buf[l.at:]...)
		text := func(s span) []byte { return h.scratch[s.from-l.at : s.to-l.at] }
		slices.SortFunc(spans, func(a, b span) int { return bytes.Compare(text(a), text(b)) })
		h.buf = h.buf[:l.at]
		for _, s := range spans {
			h.buf = append(h.buf, text(s)...)
		}
	}
	h.spans = h.spans[:l.spans]
}

func (h *hasher) event(e *Event) {
	h.ignored = e.ignored
	h.buf = append(h.buf, "eventType="...)
	h.buf = append(h.buf, e.Type...)
	h.time("eventTime", e.EventTime)
	h.field("eventTimeZoneOffset", e.EventTimeZoneOffset)
	if h.profile == ProfileReference {
		l := h.open()
		for _, c := range e.CertificationInfo {
			from := len(h.buf)
			h.field("certificationInfo", c)
			h.member(from)
		}
		h.close(l)
		h.field("parentID", e.ParentID)
		h.epcs("epcList", e.EPCs)
	} else {
		h.epcs("epcList", e.EPCs)
		h.field("parentID", e.ParentID)
	}
	h.epcs("inputEPCList", e.InputEPCs)
	h.epcs("childEPCs", e.ChildEPCs)
	h.quantities("quantityList", e.Quantities)
	h.quantities("childQuantityList", e.ChildQuantities)
	h.quantities("inputQuantityList", e.InputQuantities)
	h.epcs("outputEPCList", e.OutputEPCs)
	h.quantities("outputQuantityList", e.OutputQuantities)
	h.field("action", string(e.Action))
	h.field("transformationID", e.TransformationID)
	h.word("bizStep", string(e.BizStep), vocBizStep())
	h.word("disposition", string(e.Disposition), vocDisposition())
	h.persistentDisposition(e.PersistentDisposition)
	h.location("readPoint", e.ReadPoint)
	h.location("bizLocation", e.BizLocation)
	if h.profile == ProfileText {
		h.bizTransactions(e.BizTransactions)
		h.parties("sourceList", "source", e.Sources)
		h.parties("destinationList", "destination", e.Destinations)
	}
	h.sensorElements(e.SensorElements)
	h.rest(e)
}

// rest writes what the canonical order leaves over: in the reference, every such
// field is sorted with the extensions by its whole text.
func (h *hasher) rest(e *Event) {
	if h.profile == ProfileText {
		if e.HasILMD {
			h.ilmd(e.ILMD)
		}
		l := h.open()
		for i := range e.Extensions {
			h.extension(&e.Extensions[i])
		}
		h.close(l)
		return
	}
	l := h.open()
	from := len(h.buf)
	h.bizTransactions(e.BizTransactions)
	h.member(from)
	from = len(h.buf)
	h.parties("destinationList", "destination", e.Destinations)
	h.member(from)
	if e.HasILMD {
		from = len(h.buf)
		h.ilmd(e.ILMD)
		h.member(from)
	}
	from = len(h.buf)
	h.locationRest("readPoint", e.ReadPoint)
	h.member(from)
	from = len(h.buf)
	h.locationRest("bizLocation", e.BizLocation)
	h.member(from)
	from = len(h.buf)
	h.sensorRest(e.SensorElements)
	h.member(from)
	from = len(h.buf)
	h.parties("sourceList", "source", e.Sources)
	h.member(from)
	for i := range e.Extensions {
		h.extension(&e.Extensions[i])
	}
	h.close(l)
}

// ilmd writes the master data of instance and lot.
func (h *hasher) ilmd(extensions []Extension) {
	h.buf = append(h.buf, "ilmd"...)
	l := h.open()
	for i := range extensions {
		h.extension(&extensions[i])
	}
	h.close(l)
}

// field writes name=value, or nothing if there is no value.
func (h *hasher) field(name, value string) {
	if value = trim(value); value == "" {
		return
	}
	h.buf = append(h.buf, name...)
	h.buf = append(h.buf, '=')
	h.value(value)
}

func (h *hasher) word(name, value string, v vocabulary) {
	if value == "" {
		return
	}
	h.buf = append(h.buf, name...)
	h.buf = append(h.buf, '=')
	if v.words(value) {
		h.buf = append(h.buf, v.web...)
		h.buf = append(h.buf, value...)
		return
	}
	h.value(value)
}

func (h *hasher) time(name string, t Time) {
	if t.IsZero() {
		return
	}
	h.buf = append(h.buf, name...)
	h.buf = append(h.buf, '=')
	h.buf = appendHashTime(h.buf, t)
}

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

func (h *hasher) epcs(name string, epcs []string) {
	h.named(name, len(epcs), func(i int) { h.field("epc", epcs[i]) })
}

// named writes a list: its name once, then its members sorted. An empty list
// leaves nothing behind.
func (h *hasher) named(name string, n int, write func(i int)) {
	if n == 0 {
		return
	}
	start := len(h.buf)
	h.buf = append(h.buf, name...)
	l := h.open()
	for i := range n {
		from := len(h.buf)
		write(i)
		h.member(from)
	}
	if len(h.buf) == l.at {
		h.buf = h.buf[:start]
		return
	}
	h.close(l)
}

func (h *hasher) quantities(name string, qs []Quantity) {
	h.named(name, len(qs), func(i int) {
		h.buf = append(h.buf, "quantityElement"...)
		h.field("epcClass", qs[i].EPCClass)
		h.field("quantity", string(qs[i].Quantity))
		h.field("uom", qs[i].UOM)
	})
}

func (h *hasher) persistentDisposition(p *PersistentDisposition) {
	if p == nil {
		return
	}
	start := len(h.buf)
	h.buf = append(h.buf, "persistentDisposition"...)
	at := len(h.buf)
	for _, side := range []struct {
		name  string
		words []Disposition
	}{{"set", p.Set}, {"unset", p.Unset}} {
		l := h.open()
		for _, w := range side.words {
			from := len(h.buf)
			h.word(side.name, string(w), vocDisposition())
			h.member(from)
		}
		h.close(l)
	}
	if len(h.buf) == at {
		h.buf = h.buf[:start]
	}
}

func (h *hasher) bizTransactions(list []BizTransaction) {
	h.named("bizTransactionList", len(list), func(i int) {
		if h.profile == ProfileText {
			h.field("bizTransaction", list[i].ID)
			h.word("type", list[i].Type, vocTransaction())
			return
		}
		h.word("type", list[i].Type, vocTransaction())
		h.field("bizTransaction", list[i].ID)
	})
}

func (h *hasher) parties(name, member string, list []Party) {
	h.named(name, len(list), func(i int) {
		if h.profile == ProfileText {
			h.field(member, list[i].ID)
			h.word("type", list[i].Type, vocParty())
			return
		}
		h.word("type", list[i].Type, vocParty())
		h.field(member, list[i].ID)
	})
}

// inline tells whether the reference writes the extensions among the n children
// of a standard element inside that element. Where it does not, they end up
// with the fields left over at the end of the event.
func (h *hasher) inline(n int, extensions []Extension) bool {
	if h.profile == ProfileText {
		return true
	}
	if n <= 1 {
		return false
	}
	for i := range extensions {
		x := &extensions[i]
		for _, s := range [2]string{"eventTime", "action"} {
			if strings.Contains(x.Namespace, s) || strings.Contains(x.Local, s) {
				return false
			}
		}
	}
	return true
}

// inlined tells whether an extension is one that inline moves.
func (h *hasher) inlined(x *Extension) bool {
	return h.profile == ProfileText || strings.HasSuffix(x.Namespace, "/")
}

// children counts the elements that extensions make in XML, an array's members
// each by itself.
func children(extensions []Extension) int {
	n := 0
	for i := range extensions {
		if v := &extensions[i].Value; v.Kind == KindArray {
			n += len(v.Items)
		} else if v.Kind != KindNull {
			n++
		}
	}
	return n
}

// own writes the extensions that belong inside an element of n children.
func (h *hasher) own(n int, extensions []Extension) {
	if len(extensions) == 0 || !h.inline(n, extensions) {
		return
	}
	l := h.open()
	for i := range extensions {
		if h.inlined(&extensions[i]) {
			h.extension(&extensions[i])
		}
	}
	h.close(l)
}

// others writes the extensions that own leaves over.
func (h *hasher) others(n int, extensions []Extension) {
	if len(extensions) == 0 {
		return
	}
	inline := h.inline(n, extensions)
	for i := range extensions {
		if !inline || !h.inlined(&extensions[i]) {
			h.extension(&extensions[i])
		}
	}
}

func (h *hasher) location(name string, l *Location) {
	if l == nil {
		return
	}
	start := len(h.buf)
	h.buf = append(h.buf, name...)
	at := len(h.buf)
	h.field("id", l.ID)
	h.own(1+children(l.Extensions), l.Extensions)
	if len(h.buf) == at {
		h.buf = h.buf[:start]
	}
}

// prefixed writes name and what write appends, or nothing if that is nothing.
func (h *hasher) prefixed(name string, write func()) {
	start := len(h.buf)
	h.buf = append(h.buf, name...)
	l := h.open()
	write()
	if len(h.buf) == l.at {
		h.buf = h.buf[:start]
		return
	}
	h.close(l)
}

func (h *hasher) locationRest(name string, l *Location) {
	if l == nil || len(l.Extensions) == 0 {
		return
	}
	h.prefixed(name, func() { h.others(1+children(l.Extensions), l.Extensions) })
}

func (h *hasher) sensorElements(list []SensorElement) {
	h.named("sensorElementList", len(list), func(i int) {
		s := &list[i]
		start := len(h.buf)
		h.buf = append(h.buf, "sensorElement"...)
		at := len(h.buf)
		h.sensorMetadata(s.Metadata)
		l := h.open()
		for r := range s.Reports {
			from := len(h.buf)
			h.sensorReport(&s.Reports[r])
			h.member(from)
		}
		h.close(l)
		h.own(elementChildren(s), s.Extensions)
		if len(h.buf) == at {
			h.buf = h.buf[:start]
		}
	})
}

func elementChildren(s *SensorElement) int {
	n := len(s.Reports) + children(s.Extensions)
	if s.Metadata != nil {
		n++
	}
	return n
}

func (h *hasher) sensorMetadata(m *SensorMetadata) {
	if m == nil {
		return
	}
	start := len(h.buf)
	h.buf = append(h.buf, "sensorMetadata"...)
	at := len(h.buf)
	h.time("time", m.Time)
	h.time("startTime", m.StartTime)
	h.time("endTime", m.EndTime)
	h.field("deviceID", m.DeviceID)
	h.field("deviceMetadata", m.DeviceMetadata)
	h.field("rawData", m.RawData)
	h.field("dataProcessingMethod", m.DataProcessingMethod)
	h.field("bizRules", m.BizRules)
	h.own(metadataChildren(m), m.Extensions)
	if len(h.buf) == at {
		h.buf = h.buf[:start]
	}
}

func metadataChildren(m *SensorMetadata) int {
	n := children(m.Extensions)
	for _, s := range [...]string{
		m.Time.Text, m.StartTime.Text, m.EndTime.Text,
		m.DeviceID, m.DeviceMetadata, m.RawData, m.DataProcessingMethod, m.BizRules,
	} {
		if s != "" {
			n++
		}
	}
	return n
}

func (h *hasher) sensorReport(r *SensorReport) {
	start := len(h.buf)
	h.buf = append(h.buf, "sensorReport"...)
	at := len(h.buf)
	h.word("type", r.Type, vocMeasurement())
	h.word("exception", r.Exception, vocAlert())
	h.field("deviceID", r.DeviceID)
	h.field("deviceMetadata", r.DeviceMetadata)
	h.field("rawData", r.RawData)
	h.field("dataProcessingMethod", r.DataProcessingMethod)
	h.time("time", r.Time)
	h.field("microorganism", r.Microorganism)
	h.field("chemicalSubstance", r.ChemicalSubstance)
	h.field("value", string(r.Value))
	h.word("component", r.Component, vocComponent())
	if r.StringValue != nil {
		h.field("stringValue", *r.StringValue)
	}
	if r.BooleanValue != nil {
		h.field("booleanValue", strconv.FormatBool(*r.BooleanValue))
	}
	h.field("hexBinaryValue", r.HexBinaryValue)
	h.field("uriValue", r.URIValue)
	h.field("minValue", string(r.MinValue))
	h.field("maxValue", string(r.MaxValue))
	h.field("meanValue", string(r.MeanValue))
	h.field("sDev", string(r.SDev))
	h.field("percRank", string(r.PercRank))
	h.field("percValue", string(r.PercValue))
	h.field("uom", r.UOM)
	h.field("coordinateReferenceSystem", r.CoordinateReferenceSystem)
	if h.profile == ProfileText {
		h.field("bizRules", r.BizRules)
	}
	h.own(reportChildren(r), r.Extensions)
	if len(h.buf) == at {
		h.buf = h.buf[:start]
	}
}

// reportChildren counts a report's children; a report has a type and, if it has
// a second field of the standard, no more need be known.
func reportChildren(r *SensorReport) int {
	n := children(r.Extensions)
	if r.Type != "" {
		n++
	}
	return n
}

// sensorRest writes what the reference's order does not know of sensor elements.
func (h *hasher) sensorRest(list []SensorElement) {
	leftover := false
	for i := range list {
		s := &list[i]
		leftover = leftover || len(s.Extensions) > 0 || s.Metadata != nil && len(s.Metadata.Extensions) > 0
		for r := range s.Reports {
			leftover = leftover || s.Reports[r].BizRules != "" || len(s.Reports[r].Extensions) > 0
		}
	}
	if !leftover {
		return
	}
	h.prefixed("sensorElementList", func() {
		for i := range list {
			from := len(h.buf)
			h.prefixed("sensorElement", func() { h.sensorElementRest(&list[i]) })
			h.member(from)
		}
	})
}

func (h *hasher) sensorElementRest(s *SensorElement) {
	if s.Metadata != nil {
		from := len(h.buf)
		h.prefixed("sensorMetadata", func() { h.others(metadataChildren(s.Metadata), s.Metadata.Extensions) })
		h.member(from)
	}
	for r := range s.Reports {
		rep := &s.Reports[r]
		from := len(h.buf)
		h.prefixed("sensorReport", func() {
			at := len(h.buf)
			h.field("bizRules", rep.BizRules)
			h.member(at)
			h.others(reportChildren(rep), rep.Extensions)
		})
		h.member(from)
	}
	h.others(elementChildren(s), s.Extensions)
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
