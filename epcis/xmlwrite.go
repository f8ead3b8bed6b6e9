package epcis

import (
	"fmt"
	"slices"
	"strconv"
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

const xmlNamespace = "http://www.w3.org/XML/1998/namespace"

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

func (w *xmlWriter) lookup(prefix string) (string, bool) {
	for _, b := range slices.Backward(w.scope) {
		if b.prefix == prefix {
			return b.space, true
		}
	}
	return "", false
}

// prefixOf gives a prefix that stands for a namespace here.
func (w *xmlWriter) prefixOf(space string) (string, bool) {
	for _, b := range w.scope {
		if s, _ := w.lookup(b.prefix); b.space == space && s == space {
			return b.prefix, true
		}
	}
	return "", false
}

// usablePrefix tells prefixes that mean in XML what they mean in JSON-LD.
func usablePrefix(p string) bool {
	switch p {
	case "urn", "http", "https":
		return false
	}
	return isNCName(p) && (len(p) < 3 || !strings.EqualFold(p[:3], "xml"))
}

// usableSpace tells namespaces that names of somebody else's can have.
func usableSpace(s string) bool {
	_, bad := badXMLChar(s)
	return s != "" && !bad && s != xmlNamespace && s != "http://www.w3.org/2000/xmlns/" && !epcisNamespace(s)
}

// curie gives the prefix of an extension's name; false if it has none of use.
func curie(x *Extension) (string, bool) {
	prefix, local, found := strings.Cut(x.Name, ":")
	ok := found && local == x.Local && x.Name != x.Namespace+x.Local && usablePrefix(prefix)
	return prefix, ok
}

func (w *xmlWriter) fresh() string {
	for i := 1; ; i++ {
		prefix := "ns" + strconv.Itoa(i)
		_, taken := w.lookup(prefix)
		_, declared := w.ctx.declared(prefix)
		if !taken && !declared {
			return prefix
		}
	}
}

// declared gives what a prefix stands for by the context's own terms.
func (c *Context) declared(p string) (string, bool) {
	for ; c != nil; c = c.outer {
		if c.index != nil {
			if iri, ok := c.index[p]; ok {
				return iri, true
			}
			continue
		}
		for _, t := range slices.Backward(c.terms) {
			if t.name == p {
				return t.iri, true
			}
		}
	}
	return "", false
}

// needs finds the namespaces of an event that are not declared yet, so that its
// start tag can declare them.
type needs struct {
	w    *xmlWriter
	more []xmlBinding
	// spaces wait for a prefix to be made up.
	spaces []string
}

func (n *needs) bind(prefix, space string) {
	if !usableSpace(space) {
		return
	}
	if _, taken := n.w.lookup(prefix); !taken {
		n.w.scope = append(n.w.scope, xmlBinding{prefix, space})
		n.more = append(n.more, xmlBinding{prefix, space})
	}
}

func (n *needs) name(x *Extension) {
	if prefix, ok := curie(x); ok {
		n.bind(prefix, x.Namespace)
	} else if x.Namespace != xmlNamespace && usableSpace(x.Namespace) {
		n.spaces = append(n.spaces, x.Namespace)
	}
}

func (n *needs) value(v *Value) {
	if v.Kind == KindString {
		n.mention(v.Text)
	}
	for i := range v.Items {
		n.value(&v.Items[i])
	}
	n.extensions(v.Members)
}

func (n *needs) extensions(list []Extension) {
	for i := range list {
		if list[i].Name == contextMember {
			continue
		}
		n.name(&list[i])
		n.value(&list[i].Value)
	}
}

// mention declares the prefix of a CURIE that stands as a value.
func (n *needs) mention(s string) {
	prefix, rest, found := strings.Cut(s, ":")
	if !found || strings.HasPrefix(rest, "//") || !usablePrefix(prefix) {
		return
	}
	if space, ok := n.w.ctx.declared(prefix); ok {
		n.bind(prefix, space)
	}
}

// done makes up prefixes for what has none and gives what is to be declared.
func (n *needs) done() []xmlBinding {
	for _, space := range n.spaces {
		if _, ok := n.w.prefixOf(space); !ok {
			n.bind(n.w.fresh(), space)
		}
	}
	return n.more
}

func (n *needs) event(e *Event) {
	n.extensions(e.Extensions)
	n.extensions(e.ILMD)
	if e.ErrorDeclaration != nil {
		n.extensions(e.ErrorDeclaration.Extensions)
		n.mention(e.ErrorDeclaration.Reason)
	}
	for _, l := range []*Location{e.ReadPoint, e.BizLocation} {
		if l != nil {
			n.extensions(l.Extensions)
		}
	}
	for i := range e.SensorElements {
		s := &e.SensorElements[i]
		n.extensions(s.Extensions)
		if s.Metadata != nil {
			n.extensions(s.Metadata.Extensions)
		}
		for j := range s.Reports {
			r := &s.Reports[j]
			n.extensions(r.Extensions)
			for _, v := range []string{r.Type, r.Exception, r.Component} {
				n.mention(v)
			}
		}
	}
	n.mention(string(e.BizStep))
	n.mention(string(e.Disposition))
	if p := e.PersistentDisposition; p != nil {
		for _, d := range slices.Concat(p.Set, p.Unset) {
			n.mention(string(d))
		}
	}
	for _, t := range e.BizTransactions {
		n.mention(t.Type)
	}
	for _, p := range slices.Concat(e.Sources, e.Destinations) {
		n.mention(p.Type)
	}
}

// contextMember declares prefixes inside an extension; the names in it are resolved,
// and XML declares the prefixes its own way.
const contextMember = "@context"

// xmlTag is a name ready to be written: what it declares and the marks it needs.
type xmlTag struct {
	name    string
	declare *xmlBinding
	marks   []string
}

// tag gives the tag of an extension. standard tells that a name without a namespace
// would be one of the standard's here, and must not look like it.
func (w *xmlWriter) tag(x *Extension, standard bool) (xmlTag, bool) {
	var t xmlTag
	local := x.Local
	bare := x.Namespace == ""
	if bare && x.Name != x.Local {
		w.fault("the prefix of " + quote(x.Name) + " stands for nothing, which XML cannot say")
		return t, false
	}
	if force := bare && standard; force || !isNCName(local) {
		local = encodeName(local, force)
		t.marks = append(t.marks, markName)
	}
	if bare {
		t.name = local
		return t, true
	}
	if x.Namespace == xmlNamespace {
		t.name = "xml:" + local
		return t, true
	}
	if !usableSpace(x.Namespace) {
		w.fault("a name of somebody else's cannot be in the namespace " + quote(x.Namespace))
		return t, false
	}
	prefix, ok := curie(x)
	if !ok {
		// A URI is read back as it was; any other name gets a prefix of its own, lest it
		// meet a neighbour of the same namespace.
		uri := x.Name == x.Namespace+x.Local && isURI(x.Name)
		if uri {
			t.marks = append(t.marks, markURI)
		}
		if prefix, ok = w.prefixOf(x.Namespace); !ok || !uri && x.Name != "" {
			prefix = w.fresh()
		}
	}
	if space, found := w.lookup(prefix); !found || space != x.Namespace {
		t.declare = &xmlBinding{prefix, x.Namespace}
	}
	t.name = prefix + ":" + local
	return t, true
}

// extensions writes members that the standard does not define, beside its own.
func (w *xmlWriter) extensions(list []Extension) {
	for i := range list {
		w.extension(&list[i], true)
	}
}

func (w *xmlWriter) extension(x *Extension, standard bool) {
	if x.Name == contextMember && x.Namespace == "" {
		return
	}
	t, ok := w.tag(x, standard)
	if !ok {
		return
	}
	v := &x.Value
	if v.Kind != KindArray {
		w.element(t, v)
		return
	}
	switch len(v.Items) {
	case 0:
		t.marks = append(t.marks, markEmpty)
		w.element(t, &Value{Kind: KindString})
	case 1:
		t.marks = append(t.marks, markArray)
		w.element(t, &v.Items[0])
	default:
		for i := range v.Items {
			w.element(t, &v.Items[i])
		}
	}
}

// element writes one value. Its own array is one inside another.
func (w *xmlWriter) element(t xmlTag, v *Value) {
	outer := len(w.scope)
	w.begin(t.name)
	if t.declare != nil {
		w.scope = append(w.scope, *t.declare)
		w.attr("xmlns:"+t.declare.prefix, t.declare.space)
	}
	marks := slices.Clip(t.marks)
	switch v.Kind {
	case KindObject:
		w.object(marks, v.Members)
	case KindArray:
		w.inner()
		w.mark(append(marks, markList)...)
		for i := range v.Items {
			w.element(xmlTag{name: t.name}, &v.Items[i])
		}
	case KindNull:
		w.inner()
		w.mark(append(marks, markNull)...)
	case KindNumber:
		w.inner()
		w.mark(append(marks, markNumber)...)
		w.b = append(w.b, v.Text...)
	case KindBool:
		w.inner()
		w.mark(append(marks, markBoolean)...)
		w.b = append(w.b, v.Text...)
	case KindString:
		w.inner()
		if v.Text != strings.TrimSpace(v.Text) {
			marks = append(marks, markString)
		}
		w.mark(marks...)
		w.escaped(v.Text, false)
	}
	w.end(t.name)
	w.scope = w.scope[:outer]
}

// object writes the rest of an element that holds an object. A member #text is its
// text, and strings before it are its attributes: so XML was read.
func (w *xmlWriter) object(marks []string, members []Extension) {
	text := slices.IndexFunc(members, func(x Extension) bool {
		return x.Name == textMember && x.Value.Kind == KindString && x.Value.Text != ""
	})
	attrs := make([]bool, len(members))
	empty := true // nothing but text, which alone would be a string
	for i := range members {
		attrs[i] = i < text && w.attribute(&members[i])
		empty = empty && (i == text || members[i].Name == contextMember)
	}
	w.inner()
	if empty {
		marks = append(marks, markObject)
	}
	if text >= 0 {
		s := members[text].Value.Text
		if s != strings.TrimSpace(s) {
			marks = append(marks, markString)
		}
		w.mark(marks...)
		w.escaped(s, false)
	} else {
		w.mark(marks...)
	}
	for i := range members {
		if i != text && !attrs[i] {
			w.extension(&members[i], false)
		}
	}
}

// attribute writes an extension as an attribute of the open start tag, if it can be one.
func (w *xmlWriter) attribute(x *Extension) bool {
	if x.Value.Kind != KindString || !isNCName(x.Local) || x.Namespace == xsiNamespace || x.Name == contextMember {
		return false
	}
	switch {
	case x.Namespace == "":
		if x.Name != x.Local || strings.HasPrefix(x.Local, "xmlns") {
			return false
		}
		w.attr(x.Local, x.Value.Text)
		return true
	case x.Namespace == xmlNamespace:
		w.attr("xml:"+x.Local, x.Value.Text)
		return true
	case !usableSpace(x.Namespace):
		return false
	}
	prefix, ok := curie(x)
	if space, found := w.lookup(prefix); !ok || !found || space != x.Namespace {
		return false
	}
	w.attr(prefix+":"+x.Local, x.Value.Text)
	return true
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

func (w *xmlWriter) sensorElements(list []SensorElement) {
	if list == nil {
		return
	}
	w.open("sensorElementList")
	for i := range list {
		w.at = "$.sensorElementList[" + strconv.Itoa(i) + "]"
		w.sensorElement(&list[i])
	}
	w.end("sensorElementList")
}

// optional writes an attribute unless its value is empty.
func (w *xmlWriter) optional(name, value string) {
	if value != "" {
		w.attr(name, value)
	}
}

func (w *xmlWriter) sensorElement(s *SensorElement) {
	w.open("sensorElement")
	if m := s.Metadata; m != nil {
		w.begin("sensorMetadata")
		w.optional("time", xmlTimeOut(m.Time.Text))
		w.optional("startTime", xmlTimeOut(m.StartTime.Text))
		w.optional("endTime", xmlTimeOut(m.EndTime.Text))
		w.optional("deviceID", m.DeviceID)
		w.optional("deviceMetadata", m.DeviceMetadata)
		w.optional("rawData", m.RawData)
		w.optional("dataProcessingMethod", m.DataProcessingMethod)
		w.optional("bizRules", m.BizRules)
		w.rest("sensorMetadata", m.Extensions)
	}
	for i := range s.Reports {
		w.sensorReport(&s.Reports[i])
	}
	w.extensions(s.Extensions)
	w.end("sensorElement")
}

// rest ends an element whose fields are attributes: extensions are attributes too
// where they can be, else children.
func (w *xmlWriter) rest(name string, list []Extension) {
	var kids []*Extension
	for i := range list {
		if list[i].Namespace == "" || !w.attribute(&list[i]) {
			kids = append(kids, &list[i])
		}
	}
	w.inner()
	for _, x := range kids {
		w.extension(x, true)
	}
	w.end(name)
}

func (w *xmlWriter) sensorReport(r *SensorReport) {
	w.begin("sensorReport")
	w.optional("type", w.spelled(r.Type, vocMeasurement()))
	w.optional("exception", w.spelled(r.Exception, vocAlert()))
	w.optional("deviceID", r.DeviceID)
	w.optional("deviceMetadata", r.DeviceMetadata)
	w.optional("rawData", r.RawData)
	w.optional("dataProcessingMethod", r.DataProcessingMethod)
	w.optional("bizRules", r.BizRules)
	w.optional("time", xmlTimeOut(r.Time.Text))
	w.optional("microorganism", r.Microorganism)
	w.optional("chemicalSubstance", r.ChemicalSubstance)
	w.optional("value", string(r.Value))
	w.optional("component", w.spelled(r.Component, vocComponent()))
	if r.StringValue != nil {
		w.attr("stringValue", *r.StringValue)
	}
	if r.BooleanValue != nil {
		w.attr("booleanValue", strconv.FormatBool(*r.BooleanValue))
	}
	w.optional("hexBinaryValue", r.HexBinaryValue)
	w.optional("uriValue", r.URIValue)
	w.optional("minValue", string(r.MinValue))
	w.optional("maxValue", string(r.MaxValue))
	w.optional("meanValue", string(r.MeanValue))
	w.optional("sDev", string(r.SDev))
	w.optional("percRank", string(r.PercRank))
	w.optional("percValue", string(r.PercValue))
	w.optional("uom", r.UOM)
	w.optional("coordinateReferenceSystem", r.CoordinateReferenceSystem)
	w.rest("sensorReport", r.Extensions)
}
