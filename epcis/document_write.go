package epcis

import (
	"bytes"
	"io"
	"slices"
	"strconv"
	"strings"
)

// WriteOptions say how a document is written.
type WriteOptions struct {
	// Form is the syntax.
	Form Form
	// Newer lets FormXML12 put what EPCIS 1.2 does not know (AssociationEvent, sensor
	// data, persistent dispositions, certifications) into the extension points of its
	// schema, where a reader of 1.2 passes over it. Without it these are faults.
	Newer bool
	// WebVocabulary lets FormXML write the words of the CBV as web URIs and not as URNs.
	WebVocabulary bool
	// CreationDate stands in for that of a document that has none, such as bare events.
	CreationDate Time
	// Identifier, if set, gives the spelling in which to write each identifier of an
	// object, class, place, party or sensor device, see CompanyPrefixes.
	Identifier func(string) (string, error)
}

// Encoder writes a document event by event: it holds one event at a time, besides
// the header. It is not safe for concurrent use.
type Encoder struct {
	w   io.Writer
	opt WriteOptions
	doc *Document
	ctx *Context
	x   xmlWriter
	// root is the name of an XML document's outermost element.
	root   string
	events int
	closed bool
	err    error
}

// NewEncoder writes the head of a document: all that doc holds but its events. What
// doc.Extensions gains until Close is written by Close. A document without a type
// becomes an EPCISDocument; a document of EPCIS 2.0 says schemaVersion 2.0, one of
// EPCIS 1.2 says 1.2. The error is Faults, with the code CodeForm where the form
// cannot express the head, or what w returned.
func NewEncoder(w io.Writer, doc *Document, opt WriteOptions) (*Encoder, error) {
	ctx, err := ParseContext(doc.Context)
	if err != nil {
		return nil, err
	}
	e := &Encoder{w: w, opt: opt, doc: doc, ctx: ctx.withIgnored(doc.ignoredFields())}
	var b []byte
	switch opt.Form {
	case FormJSON:
		b, err = e.jsonHead()
	case FormXML, FormXML12:
		b, err = e.xmlHead()
	default:
		err = Faults{{Path: "$", Code: CodeForm, Message: "there is no such form of document"}}
	}
	if err != nil {
		return nil, err
	}
	return e, e.write(b)
}

// ignoredFields gives the names that the document takes out of the hash.
func (d *Document) ignoredFields() []string {
	var names []string
	for i := range d.Extensions {
		if x := &d.Extensions[i]; x.Local == ignoreFields && x.Value.Kind == KindArray {
			for _, v := range x.Value.Items {
				if v.Kind == KindString {
					names = append(names, v.Text)
				}
			}
		}
	}
	return names
}

func (e *Encoder) write(b []byte) error {
	if e.err == nil {
		_, e.err = e.w.Write(b)
	}
	return e.err
}

func formFault(path, message string) error {
	return Faults{{Path: path, Code: CodeForm, Message: message}}
}

// query tells a document of query results.
func (e *Encoder) query() bool { return e.doc.Type == "EPCISQueryDocument" }

// eventPath is the path of the next event's field.
func (e *Encoder) eventPath(path string) string {
	list := "$.epcisBody.eventList["
	if e.query() {
		list = "$.epcisBody.queryResults.resultsBody.eventList["
	}
	return list + strconv.Itoa(e.events) + "]" + strings.TrimPrefix(path, "$")
}

// WriteEvent writes one event. Prefixes that the document does not declare, or
// declares otherwise, are declared with the event. After a fault of the event, which
// is Faults with paths as if the document were JSON, nothing of it is written and the
// next event may follow; after another error the document is lost.
func (e *Encoder) WriteEvent(ev *Event) error {
	if e.err != nil {
		return e.err
	}
	if e.closed {
		return formFault("$", "the document is closed")
	}
	if e.opt.Identifier != nil {
		var err error
		if ev, err = e.renamed(ev); err != nil {
			return err
		}
	}
	var b []byte
	var err error
	if e.opt.Form == FormJSON {
		b, err = e.jsonEvent(ev)
	} else {
		b, err = e.xmlEvent(ev)
	}
	if err != nil {
		return err
	}
	if err := e.write(b); err != nil {
		return err
	}
	e.events++
	return nil
}

// Close writes the end of the document. It does not close the writer.
func (e *Encoder) Close() error {
	if e.err != nil || e.closed {
		return e.err
	}
	e.closed = true
	var b []byte
	var err error
	if e.opt.Form == FormJSON {
		b = e.jsonTail()
	} else {
		b, err = e.xmlTail()
	}
	if err != nil {
		e.err = err
		return err
	}
	return e.write(b)
}

// Write writes the whole document. A fault of an event, its own or that the form
// cannot express it, ends the writing.
func (d *Document) Write(w io.Writer, opt WriteOptions) error {
	e, err := NewEncoder(w, d, opt)
	if err != nil {
		return err
	}
	for i := range d.Events {
		if d.Events[i].Err != nil {
			return d.Events[i].Err
		}
		if err := e.WriteEvent(d.Events[i].Event); err != nil {
			return err
		}
	}
	return e.Close()
}

// renamed gives the event with its identifiers spelled anew.
func (e *Encoder) renamed(ev *Event) (*Event, error) {
	out := *ev
	var faults Faults
	one := func(path, s string) string {
		if s == "" {
			return s
		}
		name, err := e.opt.Identifier(s)
		if err != nil {
			f := Fault{Code: CodeIdentifier, Message: err.Error()}
			if own, ok := err.(Fault); ok { //nolint:errorlint // a wrapped fault keeps its whole text
				f = own
			}
			f.Path = e.eventPath("$." + path)
			faults = append(faults, f)
			return s
		}
		return name
	}
	list := func(path string, in []string) []string {
		out := slices.Clone(in)
		for i := range out {
			out[i] = one(path+"["+strconv.Itoa(i)+"]", out[i])
		}
		return out
	}
	quantities := func(path string, in []Quantity) []Quantity {
		out := slices.Clone(in)
		for i := range out {
			out[i].EPCClass = one(path+"["+strconv.Itoa(i)+"].epcClass", out[i].EPCClass)
		}
		return out
	}
	place := func(path string, in *Location) *Location {
		if in == nil {
			return nil
		}
		out := *in
		out.ID = one(path+".id", out.ID)
		return &out
	}
	parties := func(path, member string, in []Party) []Party {
		out := slices.Clone(in)
		for i := range out {
			out[i].ID = one(path+"["+strconv.Itoa(i)+"]."+member, out[i].ID)
		}
		return out
	}
	out.ParentID = one("parentID", ev.ParentID)
	out.EPCs = list("epcList", ev.EPCs)
	out.ChildEPCs = list("childEPCs", ev.ChildEPCs)
	out.InputEPCs = list("inputEPCList", ev.InputEPCs)
	out.OutputEPCs = list("outputEPCList", ev.OutputEPCs)
	out.Quantities = quantities("quantityList", ev.Quantities)
	out.ChildQuantities = quantities("childQuantityList", ev.ChildQuantities)
	out.InputQuantities = quantities("inputQuantityList", ev.InputQuantities)
	out.OutputQuantities = quantities("outputQuantityList", ev.OutputQuantities)
	out.ReadPoint = place("readPoint", ev.ReadPoint)
	out.BizLocation = place("bizLocation", ev.BizLocation)
	out.Sources = parties("sourceList", "source", ev.Sources)
	out.Destinations = parties("destinationList", "destination", ev.Destinations)
	out.SensorElements = slices.Clone(ev.SensorElements)
	for i := range out.SensorElements {
		el := &out.SensorElements[i]
		path := "sensorElementList[" + strconv.Itoa(i) + "]."
		if el.Metadata != nil {
			m := *el.Metadata
			m.DeviceID = one(path+"sensorMetadata.deviceID", m.DeviceID)
			el.Metadata = &m
		}
		el.Reports = slices.Clone(el.Reports)
		for j := range el.Reports {
			el.Reports[j].DeviceID = one(path+"sensorReport["+strconv.Itoa(j)+"].deviceID", el.Reports[j].DeviceID)
		}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return &out, nil
}

// creationDate gives the document's own or the one that stands in for it.
func (e *Encoder) creationDate() string {
	if e.doc.CreationDate.Text != "" {
		return e.doc.CreationDate.Text
	}
	return e.opt.CreationDate.Text
}

// The form JSON.

func (e *Encoder) jsonHead() ([]byte, error) {
	d := e.doc
	w := jsonWriter{b: make([]byte, 0, 512+len(d.Header))}
	w.begin('{')
	w.key("@context")
	if len(d.Context) > 0 {
		w.b = append(w.b, d.Context...)
	} else {
		w.b = appendString(w.b, DefaultContext)
	}
	w.str("id", d.ID)
	if e.query() {
		w.str("type", d.Type)
	} else {
		w.str("type", "EPCISDocument")
	}
	version := d.SchemaVersion
	if version != "2" && !strings.HasPrefix(version, "2.") && (version != "" || !e.query()) {
		version = "2.0"
	}
	w.str("schemaVersion", version)
	date := e.creationDate()
	if withoutOffset(date) {
		date += "Z" // JSON wants an offset; XML Schema's local time is taken for UTC
	}
	if date == "" && !e.query() {
		return nil, formFault("$.creationDate", "the document has no creationDate")
	}
	w.str("creationDate", date)
	if e.query() && (d.InstanceIdentifier != "" || d.Sender != "" || d.Receiver != "" || d.Header != nil) {
		return nil, formFault("$.epcisHeader", "a query document has no header in JSON")
	}
	w.str("instanceIdentifier", d.InstanceIdentifier)
	w.str("sender", d.Sender)
	w.str("receiver", d.Receiver)
	if d.Header != nil {
		w.key("epcisHeader")
		w.b = append(w.b, d.Header...)
	}
	e.jsonExtensions(&w, InDocument, true)
	w.key("epcisBody")
	w.begin('{')
	e.jsonExtensions(&w, InBody, true)
	if e.query() {
		w.key("queryResults")
		w.begin('{')
		w.key("queryName")
		w.b = appendString(w.b, d.QueryName)
		w.str("subscriptionID", d.SubscriptionID)
		e.jsonExtensions(&w, InQueryResults, true)
		w.key("resultsBody")
		w.begin('{')
		e.jsonExtensions(&w, InResultsBody, true)
	}
	w.key("eventList")
	w.begin('[')
	return w.b, nil
}

func (e *Encoder) jsonTail() []byte {
	w := jsonWriter{}
	if e.events > 0 {
		w.b = append(w.b, '\n')
	}
	w.end(']')
	if e.query() {
		if e.doc.Vocabulary != nil {
			w.key("vocabularyList")
			w.b = append(w.b, e.doc.Vocabulary...)
		}
		e.jsonExtensions(&w, InResultsBody, false)
		w.end('}')
		e.jsonExtensions(&w, InQueryResults, false)
		w.end('}')
	}
	e.jsonExtensions(&w, InBody, false)
	w.end('}')
	e.jsonExtensions(&w, InDocument, false)
	w.end('}')
	return append(w.b, '\n')
}

// jsonExtensions writes the document's own extensions of one place: those that must
// stand before the events, or the others.
func (e *Encoder) jsonExtensions(w *jsonWriter, place Place, before bool) {
	for i := range e.doc.Extensions {
		x := &e.doc.Extensions[i]
		if x.Place == place && (x.Local == ignoreFields) == before {
			one := e.ctx.renamed(x.Extension)
			w.extensions([]Extension{one})
		}
	}
}

// renamed spells the names of an extension so that they mean in c what they mean.
// Names that c would read otherwise become URIs.
func (c *Context) renamed(x Extension) Extension {
	if ns, local := c.name(x.Name); ns != x.Namespace || local != x.Local {
		x.Name = x.Namespace + x.Local
	}
	x.Value = c.renamedValue(x.Value)
	return x
}

func (c *Context) renamedValue(v Value) Value {
	v.Items, v.Members = slices.Clone(v.Items), slices.Clone(v.Members)
	for i := range v.Items {
		v.Items[i] = c.renamedValue(v.Items[i])
	}
	for _, x := range v.Members {
		if x.Name == contextMember && x.Namespace == "" {
			return v // it says itself what its names mean
		}
	}
	for i := range v.Members {
		v.Members[i] = c.renamed(v.Members[i])
	}
	return v
}

func (e *Encoder) jsonEvent(ev *Event) ([]byte, error) {
	if err := e.ignoredWithin(ev); err != nil {
		return nil, err
	}
	out := *ev
	if !e.reads(ev) {
		n := contextNeeds{ctx: e.ctx}
		if ev.Context != nil {
			var own tree
			root, fault, _ := parseJSON(string(ev.Context), DefaultLimits(), &own)
			if fault != nil {
				return nil, formFault(e.eventPath("$['@context']"), fault.Message)
			}
			d := decoder{t: &own, lim: DefaultLimits()}
			n.ctx = e.ctx.with(&d, root)
		}
		n.outer = ev.ctx
		n.event(&out)
		if n.failed != "" {
			return nil, formFault(e.eventPath("$"), "the name "+quote(n.failed)+" does not give its namespace")
		}
		out.Context = n.own(ev.Context)
	}
	b, err := out.MarshalJSON()
	if err != nil {
		return nil, err
	}
	text := make([]byte, 0, len(b)+2)
	if e.events > 0 {
		text = append(text, ',')
	}
	return append(append(text, '\n'), b...), nil
}

// reads tells whether an event's own context, or none, explains it in this document
// as it did where it was read.
func (e *Encoder) reads(ev *Event) bool {
	c := ev.ctx
	if c != nil && ev.Context != nil {
		c = c.outer
	}
	return c != nil && (c == e.ctx || bytes.Equal(c.raw, e.ctx.raw))
}

// ignoredWithin faults an event whose hash has fields that the document leaves out.
func (e *Encoder) ignoredWithin(ev *Event) error {
	for _, name := range e.ctx.ignored {
		if !slices.Contains(ev.ignored, name) && ev.ctx != nil {
			return formFault(e.eventPath("$"), "the document leaves "+quote(name)+" out of the hash, the event does not")
		}
	}
	return nil
}

// ignoredBeyond gives the names that an event leaves out of its hash beyond those of
// the document.
func (e *Encoder) ignoredBeyond(ev *Event) []string {
	var names []string
	for _, name := range ev.ignored {
		if !slices.Contains(e.ctx.ignored, name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// contextNeeds finds which prefixes an event uses that a context does not have.
type contextNeeds struct {
	ctx *Context
	// outer is what the event was read in.
	outer  *Context
	terms  []term
	nulls  []string
	failed string
}

// bind declares a prefix. A prefix that the context has already keeps its meaning,
// unless override says that it may change: before any name was read.
func (n *contextNeeds) bind(prefix, space string, override bool) bool {
	for _, t := range n.terms {
		if t.name == prefix {
			return t.iri == space
		}
	}
	if have, known := n.ctx.prefix(prefix); known && have != space && !override {
		return false
	}
	n.terms = append(n.terms, term{prefix, space})
	return true
}

// read splits a name as the context and the terms found so far do.
func (n *contextNeeds) read(name string) (space, local string) {
	before, after, found := strings.Cut(name, ":")
	if found && !strings.HasPrefix(after, "//") {
		for _, t := range n.terms {
			if t.name == before {
				return t.iri, after
			}
		}
	}
	return n.ctx.name(name)
}

// name spells a name for the context, differently from those that taken knows.
func (n *contextNeeds) name(x *Extension, taken map[string]bool) {
	if x.Namespace == "" {
		if space, local := n.read(x.Name); space != "" || local != x.Local {
			n.failed = x.Name
		}
		return
	}
	try := func(name string) bool {
		if taken[name] {
			return false
		}
		space, local := n.read(name)
		if space != x.Namespace || local != x.Local {
			return false
		}
		x.Name = name
		return true
	}
	if x.Name != "" && try(x.Name) {
		return
	}
	if prefix, ok := curie(x); ok && n.bind(prefix, x.Namespace, false) && try(x.Name) {
		return
	}
	for i := 1; i < maxDocumentMembers; i++ {
		prefix := "ns" + strconv.Itoa(i)
		if n.bind(prefix, x.Namespace, false) && try(prefix+":"+x.Local) {
			return
		}
	}
	n.failed = x.Name
}

func (n *contextNeeds) mention(s string) {
	prefix, rest, found := strings.Cut(s, ":")
	if !found || strings.HasPrefix(rest, "//") {
		return
	}
	if space, ok := n.outer.declared(prefix); ok {
		if have, known := n.ctx.prefix(prefix); !known || have != space {
			n.bind(prefix, space, true)
		}
	}
}

// mentions declares the prefixes of CURIEs that stand as values. They cannot be
// spelled anew, as names can, so they come first.
func (n *contextNeeds) mentions(list []Extension) {
	for i := range list {
		if list[i].Name != contextMember {
			n.mentioned(&list[i].Value)
		}
	}
}

func (n *contextNeeds) mentioned(v *Value) {
	if v.Kind == KindString {
		n.mention(v.Text)
	}
	for i := range v.Items {
		n.mentioned(&v.Items[i])
	}
	n.mentions(v.Members)
}

// extensions gives a copy whose names the context explains.
func (n *contextNeeds) extensions(list []Extension) []Extension {
	out := slices.Clone(list)
	taken := make(map[string]bool, len(out))
	for i := range out {
		n.name(&out[i], taken)
		taken[out[i].Name] = true
		out[i].Value = n.value(out[i].Value)
	}
	return out
}

func (n *contextNeeds) value(v Value) Value {
	v.Items = slices.Clone(v.Items)
	for i := range v.Items {
		v.Items[i] = n.value(v.Items[i])
	}
	// A context inside an extension would read the new names its own way; the names
	// are resolved, so it goes.
	members := make([]Extension, 0, len(v.Members))
	for _, x := range v.Members {
		if x.Name != contextMember || x.Namespace != "" {
			members = append(members, x)
		}
	}
	if v.Kind == KindObject {
		v.Members = n.extensions(members)
	}
	return v
}

// values declares the prefixes that an event's values mention.
func (n *contextNeeds) values(e *Event) {
	if !e.Type.Standard() {
		n.mention(string(e.Type))
	}
	n.mention(string(e.BizStep))
	n.mention(string(e.Disposition))
	if d := e.ErrorDeclaration; d != nil {
		n.mention(d.Reason)
		n.mentions(d.Extensions)
	}
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
	for _, l := range []*Location{e.ReadPoint, e.BizLocation} {
		if l != nil {
			n.mentions(l.Extensions)
		}
	}
	for i := range e.SensorElements {
		s := &e.SensorElements[i]
		if s.Metadata != nil {
			n.mentions(s.Metadata.Extensions)
		}
		for j := range s.Reports {
			r := &s.Reports[j]
			for _, v := range []string{r.Type, r.Exception, r.Component} {
				n.mention(v)
			}
			n.mentions(r.Extensions)
		}
		n.mentions(s.Extensions)
	}
	n.mentions(e.ILMD)
	n.mentions(e.Extensions)
}

// event spells the names of an event, which it may change, for the context.
func (n *contextNeeds) event(e *Event) {
	n.values(e)
	for _, name := range e.ignored {
		if slices.Contains(n.ctx.ignored, name) || slices.Contains(n.nulls, name) {
			continue
		}
		space, local, found := strings.Cut(strings.TrimPrefix(name, "{"), "}")
		if !found {
			space, local = "", name
		}
		x := Extension{Namespace: space, Local: local, Name: space + local}
		if n.name(&x, nil); x.Name != "" {
			n.nulls = append(n.nulls, x.Name)
		}
	}
	if d := e.ErrorDeclaration; d != nil {
		c := *d
		c.Extensions = n.extensions(d.Extensions)
		e.ErrorDeclaration = &c
	}
	place := func(l *Location) *Location {
		if l == nil {
			return nil
		}
		return &Location{ID: l.ID, Extensions: n.extensions(l.Extensions)}
	}
	e.ReadPoint, e.BizLocation = place(e.ReadPoint), place(e.BizLocation)
	e.SensorElements = slices.Clone(e.SensorElements)
	for i := range e.SensorElements {
		s := &e.SensorElements[i]
		if s.Metadata != nil {
			m := *s.Metadata
			m.Extensions = n.extensions(m.Extensions)
			s.Metadata = &m
		}
		s.Reports = slices.Clone(s.Reports)
		for j := range s.Reports {
			s.Reports[j].Extensions = n.extensions(s.Reports[j].Extensions)
		}
		s.Extensions = n.extensions(s.Extensions)
	}
	e.ILMD = n.extensions(e.ILMD)
	e.Extensions = n.extensions(e.Extensions)
}

// own gives the @context of the event itself: what it had and what it needs besides.
func (n *contextNeeds) own(had []byte) []byte {
	if len(n.terms) == 0 && len(n.nulls) == 0 {
		return had
	}
	w := jsonWriter{}
	w.begin('[')
	switch inner := bytes.TrimSpace(had); {
	case len(inner) > 2 && inner[0] == '[':
		w.b = append(w.b, inner[1:len(inner)-1]...)
		w.fresh = false
	case len(inner) > 0 && inner[0] != '[':
		w.b = append(w.b, inner...)
		w.fresh = false
	}
	w.begin('{')
	for _, t := range n.terms {
		w.key(t.name)
		w.b = appendString(w.b, t.iri)
	}
	for _, name := range n.nulls {
		w.key(name)
		w.b = append(w.b, "null"...)
	}
	w.end('}')
	w.end(']')
	return w.b
}
