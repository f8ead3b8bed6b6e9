package epcis

import (
	"fmt"
	"strings"
)

// xmlWriter writes events and headers as XML. Elements come in the order of GS1's
// XML schemas.
type xmlWriter struct {
	b    []byte
	form Form
	// webWords tells that words of the CBV are written as web URIs.
	webWords bool
	// newer puts what EPCIS 1.2 does not know into its extension points.
	newer bool
	// scope holds the namespaces declared around the current element.
	scope []xmlBinding
	// ctx tells what the prefixes of values stand for.
	ctx    *Context
	faults Faults
	// at is the path of the field that is written.
	at string
}

func (w *xmlWriter) fault(message string) {
	if len(w.faults) < DefaultLimits().MaxFaults {
		w.faults = append(w.faults, Fault{Path: w.at, Code: CodeForm, Message: message})
	}
}

// escaped appends text; attributes also keep their quotes and line ends.
func (w *xmlWriter) escaped(s string, attribute bool) {
	if r, bad := badXMLChar(s); bad {
		w.fault(fmt.Sprintf("XML cannot hold the character %U", r))
		return
	}
	start := 0
	for i := range len(s) {
		var ref string
		switch s[i] {
		case '&':
			ref = "&amp;"
		case '<':
			ref = "&lt;"
		case '>':
			ref = "&gt;"
		case '\r':
			ref = "&#13;"
		case '"':
			if attribute {
				ref = "&quot;"
			}
		case '\n':
			if attribute {
				ref = "&#10;"
			}
		case '\t':
			if attribute {
				ref = "&#9;"
			}
		}
		if ref != "" {
			w.b = append(append(w.b, s[start:i]...), ref...)
			start = i + 1
		}
	}
	w.b = append(w.b, s[start:]...)
}

// begin opens a start tag, which attr may go on with until inner ends it.
func (w *xmlWriter) begin(name string) { w.b = append(append(w.b, '<'), name...) }

func (w *xmlWriter) inner() { w.b = append(w.b, '>') }

func (w *xmlWriter) attr(name, value string) {
	w.b = append(append(append(w.b, ' '), name...), '=', '"')
	w.escaped(value, true)
	w.b = append(w.b, '"')
}

func (w *xmlWriter) open(name string) {
	w.begin(name)
	w.inner()
}

func (w *xmlWriter) end(name string) { w.b = append(append(append(w.b, "</"...), name...), '>') }

func (w *xmlWriter) leaf(name, text string) {
	w.open(name)
	w.escaped(text, false)
	w.end(name)
}

// field writes an element unless its text is empty.
func (w *xmlWriter) field(name, text string) {
	if text != "" {
		w.leaf(name, text)
	}
}

func (w *xmlWriter) mark(words ...string) {
	for _, word := range words {
		w.b = append(append(append(w.b, "<?"+markTarget+" "...), word...), "?>"...)
	}
}

// event writes one event with the wrappers of its form. ignored are the names that
// the hash of this event leaves out beside those of the document.
func (w *xmlWriter) event(e *Event, ignored []string) {
	outer := len(w.scope)
	n := needs{w: w}
	typ := Extension{Name: string(e.Type), Local: string(e.Type)}
	if !e.Type.Standard() {
		w.at = "$.type"
		typ.Namespace, typ.Local = w.ctx.name(typ.Name)
		n.name(&typ)
	}
	n.event(e)
	declare := n.done()
	var wrap []string
	if w.form == FormXML12 {
		switch e.Type { //nolint:exhaustive // the other types stand in the list itself
		case TransformationEvent:
			wrap = []string{"extension"}
		case AssociationEvent:
			wrap = []string{"extension", "extension"}
			if w.at = "$.type"; !w.newer {
				w.fault("EPCIS 1.2 has no AssociationEvent")
			}
		}
	}
	t, _ := w.tag(&typ, false)
	for _, name := range wrap {
		w.open(name)
	}
	w.begin(t.name)
	for _, b := range declare {
		w.attr("xmlns:"+b.prefix, b.space)
	}
	w.inner()
	w.mark(t.marks...)
	if len(ignored) > 0 {
		j := jsonWriter{}
		j.begin('[')
		for _, name := range ignored {
			j.comma()
			j.b = appendString(j.b, name)
		}
		j.end(']')
		w.mark(markIgnore + " " + strings.ReplaceAll(string(j.b), ">", `\u003e`))
	}
	w.fields(e)
	w.at = "$"
	w.extensions(e.Extensions)
	w.end(t.name)
	for _, name := range wrap {
		w.end(name)
	}
	w.scope = w.scope[:outer]
}

func (w *xmlWriter) fields(e *Event) {
	old := w.form == FormXML12
	w.leaf("eventTime", xmlTimeOut(e.EventTime.Text))
	w.at = "$.recordTime"
	w.field("recordTime", xmlTimeOut(e.RecordTime.Text))
	w.leaf("eventTimeZoneOffset", e.EventTimeZoneOffset)
	wrapped := old && (e.EventID != "" || e.ErrorDeclaration != nil)
	if wrapped {
		w.open("baseExtension")
	}
	w.at = "$.eventID"
	w.field("eventID", e.EventID)
	w.errorDeclaration(e.ErrorDeclaration)
	if wrapped {
		w.end("baseExtension")
	}
	if !old || e.Type == AssociationEvent {
		w.certificationInfo(e)
	}
	if e.Type == TransactionEvent {
		w.bizTransactions(e)
	}
	w.at = "$.parentID"
	w.field("parentID", e.ParentID)
	w.epcs("epcList", e.EPCs, e.Type == ObjectEvent || e.Type == TransactionEvent)
	w.epcs("childEPCs", e.ChildEPCs, e.Type == AggregationEvent)
	w.epcs("inputEPCList", e.InputEPCs, false)
	w.quantities("inputQuantityList", e.InputQuantities)
	w.epcs("outputEPCList", e.OutputEPCs, false)
	w.quantities("outputQuantityList", e.OutputQuantities)
	if e.Type == AssociationEvent {
		w.quantities("childQuantityList", e.ChildQuantities)
	}
	w.at = "$.transformationID"
	w.field("transformationID", e.TransformationID)
	w.field("action", string(e.Action))
	w.word("bizStep", string(e.BizStep), vocBizStep())
	w.word("disposition", string(e.Disposition), vocDisposition())
	w.location("readPoint", e.ReadPoint)
	w.location("bizLocation", e.BizLocation)
	if e.Type != TransactionEvent {
		w.bizTransactions(e)
	}
	direct := !old || e.Type == TransformationEvent || e.Type == AssociationEvent
	mark := len(w.b)
	if !direct {
		w.open("extension")
	}
	inside := len(w.b)
	w.quantities("quantityList", e.Quantities)
	if e.Type != AssociationEvent {
		w.quantities("childQuantityList", e.ChildQuantities)
	}
	w.parties("sourceList", "source", e.Sources)
	w.parties("destinationList", "destination", e.Destinations)
	if old && e.Type != AssociationEvent {
		w.ilmd(e)
		w.beyond12(e)
	} else {
		w.sensorElements(e.SensorElements)
		w.persistentDisposition(e.PersistentDisposition)
		w.ilmd(e)
	}
	if direct {
		return
	}
	if len(w.b) == inside {
		w.b = w.b[:mark]
		return
	}
	w.end("extension")
}

// beyond12 writes what EPCIS 1.2 does not know: a fault, or its extension point.
func (w *xmlWriter) beyond12(e *Event) {
	unknown := func(field string, present bool) bool {
		if present && !w.newer {
			w.at = "$." + field
			w.fault("EPCIS 1.2 has no " + field)
		}
		return present
	}
	sensors := unknown("sensorElementList", e.SensorElements != nil)
	persistent := unknown("persistentDisposition", e.PersistentDisposition != nil)
	certified := unknown("certificationInfo", e.CertificationInfo != nil)
	if !w.newer || !sensors && !persistent && !certified {
		return
	}
	w.open("extension")
	w.sensorElements(e.SensorElements)
	w.persistentDisposition(e.PersistentDisposition)
	w.certificationInfo(e)
	w.end("extension")
}

func (w *xmlWriter) certificationInfo(e *Event) {
	w.at = "$.certificationInfo"
	for _, c := range e.CertificationInfo {
		w.leaf("certificationInfo", c)
	}
	if e.CertificationInfo != nil && len(e.CertificationInfo) == 0 {
		w.open("certificationInfo")
		w.mark(markEmpty)
		w.end("certificationInfo")
	}
}
