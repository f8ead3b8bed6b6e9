package epcis

import (
	"bytes"
	"slices"
	"strings"
)

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
