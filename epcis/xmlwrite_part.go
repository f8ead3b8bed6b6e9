package epcis

import (
	"strconv"
	"strings"
)

// epcs writes a list. The schemas demand some lists even where JSON leaves them out.
func (w *xmlWriter) epcs(name string, list []string, demanded bool) {
	if list == nil && !demanded {
		return
	}
	w.at = "$." + name
	w.open(name)
	if list == nil {
		w.mark(markNone)
	}
	for _, epc := range list {
		w.leaf("epc", epc)
	}
	w.end(name)
}

func (w *xmlWriter) quantities(name string, list []Quantity) {
	if list == nil {
		return
	}
	w.at = "$." + name
	w.open(name)
	for _, q := range list {
		w.open("quantityElement")
		w.leaf("epcClass", q.EPCClass)
		w.field("quantity", plainDecimal(q.Quantity))
		w.field("uom", q.UOM)
		w.end("quantityElement")
	}
	w.end(name)
}

// plainDecimal writes a number without an exponent, which xsd:decimal does not have.
// A number that would grow beyond bounds stays as it is.
func plainDecimal(n Number) string {
	s := string(n)
	i := strings.IndexAny(s, "eE")
	if i < 0 {
		return s
	}
	exponent, err := strconv.Atoi(s[i+1:])
	if err != nil || exponent > 250 || exponent < -250 {
		return s
	}
	sign, mantissa := "", s[:i]
	if mantissa[0] == '-' {
		sign, mantissa = "-", mantissa[1:]
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits, point := whole+fraction, len(whole)+exponent
	if point <= 0 {
		digits, point = strings.Repeat("0", 1-point)+digits, 1
	}
	if point > len(digits) {
		digits += strings.Repeat("0", point-len(digits))
	}
	whole = strings.TrimLeft(digits[:point], "0")
	if whole == "" {
		whole = "0"
	}
	if point < len(digits) {
		return sign + whole + "." + digits[point:]
	}
	return sign + whole
}

// spelled gives a word of the CBV as XML documents write it: by URN, but a word that
// CBV 1.2 does not have by web URI in a document of that version.
func (w *xmlWriter) spelled(s string, v vocabulary) string {
	if !v.words(s) {
		return s
	}
	switch {
	case w.webWords && w.form == FormXML:
		return v.web + s
	case v.web == webVoc:
		return "gs1:" + s
	case v.web == webComponent:
		return "cbv:Comp-" + s
	case w.form == FormXML12 && newInCBV2(s):
		return v.web + s
	}
	return v.urn + s
}

// newInCBV2 tells the business steps, dispositions and transaction types that CBV 1.2
// does not have.
func newInCBV2(s string) bool {
	switch s {
	case "sensor_reporting", "sampling",
		"available", "completeness_verified", "completeness_inferred", "conformant", "container_open",
		"mismatch_instance", "mismatch_class", "mismatch_quantity", "needs_replacement", "non_conformant", "unavailable",
		"cert", "testprd", "testres", "upevt":
		return true
	}
	return false
}

func (w *xmlWriter) word(name, s string, v vocabulary) {
	w.at = "$." + name
	if s != "" {
		w.leaf(name, w.spelled(s, v))
	}
}

func (w *xmlWriter) errorDeclaration(d *ErrorDeclaration) {
	if d == nil {
		return
	}
	w.at = "$.errorDeclaration"
	w.open("errorDeclaration")
	w.leaf("declarationTime", xmlTimeOut(d.DeclarationTime.Text))
	w.field("reason", w.spelled(d.Reason, vocReason()))
	if d.CorrectiveEventIDs != nil {
		w.open("correctiveEventIDs")
		for _, id := range d.CorrectiveEventIDs {
			w.leaf("correctiveEventID", id)
		}
		w.end("correctiveEventIDs")
	}
	w.extensions(d.Extensions)
	w.end("errorDeclaration")
}

func (w *xmlWriter) location(name string, l *Location) {
	if l == nil {
		return
	}
	w.at = "$." + name
	w.open(name)
	w.leaf("id", l.ID)
	w.extensions(l.Extensions)
	w.end(name)
}

// typed writes an element with an optional type attribute.
func (w *xmlWriter) typed(name, typ, id string, v vocabulary) {
	w.begin(name)
	if typ != "" {
		w.attr("type", w.spelled(typ, v))
	}
	w.inner()
	w.escaped(id, false)
	w.end(name)
}

func (w *xmlWriter) bizTransactions(e *Event) {
	if e.BizTransactions == nil {
		return
	}
	w.at = "$.bizTransactionList"
	w.open("bizTransactionList")
	for _, t := range e.BizTransactions {
		w.typed("bizTransaction", t.Type, t.ID, vocTransaction())
	}
	w.end("bizTransactionList")
}

func (w *xmlWriter) parties(name, member string, list []Party) {
	if list == nil {
		return
	}
	w.at = "$." + name
	w.open(name)
	for _, p := range list {
		w.typed(member, p.Type, p.ID, vocParty())
	}
	w.end(name)
}

func (w *xmlWriter) persistentDisposition(p *PersistentDisposition) {
	if p == nil {
		return
	}
	w.at = "$.persistentDisposition"
	w.open("persistentDisposition")
	for _, d := range p.Unset {
		w.leaf("unset", w.spelled(string(d), vocDisposition()))
	}
	for _, d := range p.Set {
		w.leaf("set", w.spelled(string(d), vocDisposition()))
	}
	w.end("persistentDisposition")
}

func (w *xmlWriter) ilmd(e *Event) {
	if !e.HasILMD {
		return
	}
	w.at = "$.ilmd"
	w.open("ilmd")
	w.extensions(e.ILMD)
	w.end("ilmd")
}
