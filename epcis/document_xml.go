package epcis

import (
	"slices"
	"strings"
)

// spaceOf gives the namespaces of a document's form.
func (e *Encoder) spaceOf() (epcis, query string) {
	if e.opt.Form == FormXML12 {
		return "urn:epcglobal:epcis:xsd:1", "urn:epcglobal:epcis-query:xsd:1"
	}
	return "urn:epcglobal:epcis:xsd:2", "urn:epcglobal:epcis-query:xsd:2"
}

// taken takes the faults of what was just written.
func (e *Encoder) taken() error {
	if len(e.x.faults) == 0 {
		return nil
	}
	faults := e.x.faults
	e.x.faults = nil
	return faults
}

func (e *Encoder) xmlHead() ([]byte, error) {
	d := e.doc
	w := &e.x
	w.form, w.newer, w.webWords, w.ctx, w.at = e.opt.Form, e.opt.Newer, e.opt.WebVocabulary, e.ctx, "$"
	date := e.creationDate()
	if date == "" {
		return nil, formFault("$.creationDate", "XML needs a creationDate")
	}
	epcis, query := e.spaceOf()
	free := func(prefix string) string {
		for {
			if _, taken := e.ctx.declared(prefix); !taken {
				return prefix
			}
			prefix += "x"
		}
	}
	w.b = append(w.b, `<?xml version="1.0" encoding="UTF-8"?>`+"\n"...)
	prefix := free("epcis")
	spaces := []xmlBinding{{prefix, epcis}}
	e.root = prefix + ":EPCISDocument"
	if e.query() {
		prefix = free("epcisq")
		spaces = append(spaces, xmlBinding{prefix, query})
		e.root = prefix + ":EPCISQueryDocument"
	}
	w.scope = spaces
	n := needs{w: w}
	extra := e.ctx.beyondPrefixes(&n)
	for i := range d.Extensions {
		n.extensions([]Extension{d.Extensions[i].Extension})
	}
	header, err := e.headerValue()
	if err != nil {
		return nil, err
	}
	n.extensions(header)
	if d.Sender != "" || d.Receiver != "" || d.InstanceIdentifier != "" {
		n.extensions([]Extension{sbdhOf(d)})
	}
	if d.ID != "" {
		if _, ok := w.prefixOf(rdfNamespace); !ok {
			n.bind(free("rdf"), rdfNamespace)
		}
	}
	declare := append(slices.Clip(spaces), n.done()...)
	w.begin(e.root)
	for _, b := range declare {
		w.attr("xmlns:"+b.prefix, b.space)
	}
	if d.ID != "" {
		if rdf, ok := w.prefixOf(rdfNamespace); ok {
			w.attr(rdf+":about", d.ID)
		}
	}
	version := d.SchemaVersion
	switch {
	case e.opt.Form == FormXML12:
		version = "1.2"
	case version != "2" && !strings.HasPrefix(version, "2."):
		version = "2.0"
	}
	w.attr("schemaVersion", version)
	w.attr("creationDate", xmlTimeOut(date))
	w.inner()
	if extra != "" {
		w.mark(markContext + " " + strings.ReplaceAll(extra, ">", `\u003e`))
	}
	e.xmlHeader(header)
	e.xmlExtensions(InDocument, true)
	w.open("EPCISBody")
	e.xmlExtensions(InBody, true)
	if e.query() {
		w.open(prefix + ":QueryResults")
		w.leaf("queryName", d.QueryName)
		w.field("subscriptionID", d.SubscriptionID)
		e.xmlExtensions(InQueryResults, true)
		w.open("resultsBody")
		e.xmlExtensions(InResultsBody, true)
	}
	w.open("EventList")
	if err := e.taken(); err != nil {
		return nil, err
	}
	out := w.b
	w.b = nil
	return out, nil
}

// beyondPrefixes declares a context's prefixes and gives, as JSON, what else it has:
// other contexts, terms that XML has no declaration for. Empty if nothing.
func (c *Context) beyondPrefixes(n *needs) string {
	var t tree
	root, fault, _ := parseJSON(string(c.raw), DefaultLimits(), &t)
	if fault != nil {
		return ""
	}
	j := jsonWriter{}
	j.begin('[')
	strange := false
	take := func(at int32) {
		switch t.nodes[at].kind {
		case KindString:
			j.comma()
			j.b = appendString(j.b, t.nodes[at].text)
			strange = strange || t.nodes[at].text != DefaultContext
		case KindObject:
			var rest []int32
			for m := t.nodes[at].first; m != none; m = t.nodes[m].next {
				prefix := t.nodes[m].key
				space, _ := c.declared(prefix)
				if t.nodes[m].kind == KindNull {
					continue // fields left out of the hash have a place of their own
				}
				if t.nodes[m].kind == KindString && usablePrefix(prefix) && usableSpace(space) && space != xsiNamespace && space == t.nodes[m].text {
					n.bind(prefix, space)
				} else {
					rest = append(rest, m)
				}
			}
			if len(rest) == 0 {
				return
			}
			strange = true
			j.begin('{')
			for _, m := range rest {
				j.key(t.nodes[m].key)
				j.b = t.appendJSON(j.b, m)
			}
			j.end('}')
		case KindNull, KindBool, KindNumber, KindArray:
		}
	}
	if t.nodes[root].kind == KindArray {
		for at := t.nodes[root].first; at != none; at = t.nodes[at].next {
			take(at)
		}
	} else {
		take(root)
	}
	j.end(']')
	if !strange {
		return ""
	}
	return string(j.b)
}

// headerValue reads the header for its names.
func (e *Encoder) headerValue() ([]Extension, error) {
	if e.doc.Header == nil {
		return nil, nil
	}
	lim := DefaultLimits()
	lim.MaxNodes *= 16
	var t tree
	root, fault, _ := parseJSON(string(e.doc.Header), lim, &t)
	if fault != nil {
		fault.Path = "$.epcisHeader"
		return nil, Faults{*fault}
	}
	d := decoder{t: &t, ctx: e.ctx, lim: lim, base: "$.epcisHeader"}
	return d.value(root).Members, nil
}

func (e *Encoder) xmlHeader(members []Extension) {
	w, d := &e.x, e.doc
	w.at = "$.epcisHeader"
	short := d.Sender != "" || d.Receiver != "" || d.InstanceIdentifier != ""
	if e.doc.Header == nil && !short {
		return
	}
	var whole, master *Extension
	var rest []Extension
	for i := range members {
		switch x := &members[i]; {
		case x.Namespace == sbdhNamespace && x.Local == sbdhElement:
			whole = x
		case x.Name == "epcisMasterData":
			master = x
		default:
			rest = append(rest, *x)
		}
	}
	w.open("EPCISHeader")
	switch {
	case whole != nil:
		// What the header says and what the document says must be one.
		if s, r, id := sbdhFields(whole); s != d.Sender || r != d.Receiver || id != d.InstanceIdentifier {
			w.fault("sender, receiver and instanceIdentifier differ from the " + sbdhElement + " in epcisHeader")
		}
		w.extension(whole, true)
	case short:
		x := sbdhOf(&Document{Sender: d.Sender, Receiver: d.Receiver, InstanceIdentifier: d.InstanceIdentifier, CreationDate: Time{Text: e.creationDate()}})
		w.extension(&x, true)
	}
	if master != nil {
		w.open("extension")
		e.masterData(master)
		w.end("extension")
	}
	w.extensions(rest)
	w.end("EPCISHeader")
}

// sbdhFields gives what the reader would take from a header.
func sbdhFields(x *Extension) (sender, receiver, instance string) {
	text := func(v *Value) string {
		if v.Kind == KindString {
			return strings.TrimSpace(v.Text)
		}
		for i := range v.Members {
			if v.Members[i].Name == textMember {
				return strings.TrimSpace(v.Members[i].Value.Text)
			}
		}
		return ""
	}
	var leaves func(local string, v *Value)
	leaves = func(local string, v *Value) {
		for i := range v.Items {
			leaves(local, &v.Items[i])
		}
		for i := range v.Members {
			m := &v.Members[i]
			values := []*Value{&m.Value}
			if m.Value.Kind == KindArray {
				values = values[:0]
				for k := range m.Value.Items {
					values = append(values, &m.Value.Items[k])
				}
			}
			for _, one := range values {
				switch local + "/" + m.Local {
				case "Sender/Identifier":
					sender = text(one)
				case "Receiver/Identifier":
					receiver = text(one)
				case "DocumentIdentification/InstanceIdentifier":
					instance = text(one)
				}
			}
		}
	}
	for i := range x.Value.Members {
		leaves(x.Value.Members[i].Local, &x.Value.Members[i].Value)
	}
	return sender, receiver, instance
}

// wants reports a value that master data cannot have here.
func (w *xmlWriter) wants(v *Value, k Kind, name string) bool {
	if v.Kind != k {
		w.fault(name + ": want " + k.article() + ", have " + v.Kind.article())
	}
	return v.Kind == k
}

func (e *Encoder) masterData(x *Extension) {
	w := &e.x
	w.at = "$.epcisHeader.epcisMasterData"
	if !w.wants(&x.Value, KindObject, x.Name) {
		return
	}
	w.open("EPCISMasterData")
	var rest []Extension
	for i := range x.Value.Members {
		m := &x.Value.Members[i]
		if m.Name == "vocabularyList" {
			w.vocabularies(&m.Value)
		} else {
			rest = append(rest, *m)
		}
	}
	w.extensions(rest)
	w.end("EPCISMasterData")
}

func (w *xmlWriter) vocabularies(list *Value) {
	if !w.wants(list, KindArray, "vocabularyList") {
		return
	}
	w.open("VocabularyList")
	for i := range list.Items {
		v := &list.Items[i]
		if !w.wants(v, KindObject, "a vocabulary") {
			continue
		}
		rest := w.identified("Vocabulary", "type", v)
		w.inner()
		for k := range rest {
			if x := &rest[k]; x.Name == "vocabularyElementList" && w.wants(&x.Value, KindArray, x.Name) {
				w.open("VocabularyElementList")
				for n := range x.Value.Items {
					if w.wants(&x.Value.Items[n], KindObject, "a vocabulary element") {
						w.vocabularyElement(&x.Value.Items[n])
					}
				}
				w.end("VocabularyElementList")
			}
		}
		for k := range rest {
			if rest[k].Name != "vocabularyElementList" {
				w.extension(&rest[k], true)
			}
		}
		w.end("Vocabulary")
	}
	w.end("VocabularyList")
}

// identified opens the start tag of an element that an attribute names, and gives the
// members besides.
func (w *xmlWriter) identified(tag, name string, v *Value) []Extension {
	w.begin(tag)
	var rest []Extension
	for i := range v.Members {
		x := &v.Members[i]
		if x.Name == name && w.wants(&x.Value, KindString, name) {
			w.attr(name, w.masterDataName(x.Value.Text))
		} else if x.Name != name {
			rest = append(rest, *x)
		}
	}
	return rest
}

// masterDataName writes the CURIEs of EPCIS 2.0 for vocabularies and their attributes
// as the URNs that EPCIS 1.2 has for them.
func (w *xmlWriter) masterDataName(s string) string {
	if w.form != FormXML12 {
		return s
	}
	if rest, ok := strings.CutPrefix(s, "epcis:"); ok {
		return "urn:epcglobal:epcis:vtype:" + rest
	}
	if rest, ok := strings.CutPrefix(s, "cbvmda:"); ok {
		return "urn:epcglobal:cbv:mda#" + rest
	}
	return s
}

func (w *xmlWriter) vocabularyElement(v *Value) {
	rest := w.identified("VocabularyElement", "id", v)
	w.inner()
	var others []Extension
	for i := range rest {
		switch x := &rest[i]; x.Name {
		case "attributes":
			if !w.wants(&x.Value, KindArray, x.Name) {
				continue
			}
			for k := range x.Value.Items {
				if w.wants(&x.Value.Items[k], KindObject, "an attribute") {
					w.vocabularyAttribute(&x.Value.Items[k])
				}
			}
			if len(x.Value.Items) == 0 {
				w.open("attribute")
				w.mark(markEmpty)
				w.end("attribute")
			}
		case "children":
		default:
			others = append(others, *x)
		}
	}
	for i := range rest {
		if x := &rest[i]; x.Name == "children" && w.wants(&x.Value, KindArray, x.Name) {
			w.open("children")
			for k := range x.Value.Items {
				w.leaf("id", x.Value.Items[k].Text)
			}
			w.end("children")
		}
	}
	w.extensions(others)
	w.end("VocabularyElement")
}

func (w *xmlWriter) vocabularyAttribute(v *Value) {
	rest := w.identified("attribute", "id", v)
	var value *Value
	for i := range rest {
		x := &rest[i]
		switch x.Name {
		case "attribute":
			value = &x.Value
		default:
			w.fault("an attribute of master data cannot have the member " + quote(x.Name) + " in XML")
		}
	}
	if value == nil {
		w.inner()
		w.mark(markNone)
		w.end("attribute")
		return
	}
	// element writes a start tag of its own; this one is open already.
	at := len(w.b)
	w.element(xmlTag{name: "attribute"}, value)
	body := w.b[at+len("<attribute"):]
	w.b = append(w.b[:at], body...)
}

// xmlExtensions writes the document's own extensions of one place, as jsonExtensions does.
func (e *Encoder) xmlExtensions(place Place, before bool) {
	w := &e.x
	for i := range e.doc.Extensions {
		x := &e.doc.Extensions[i]
		if x.Place != place || (x.Local == ignoreFields) != before {
			continue
		}
		w.at = "$['" + x.Name + "']"
		if before {
			e.xmlIgnored(&x.Extension)
		} else {
			w.extension(&x.Extension, true)
		}
	}
}

// xmlIgnored writes names that the hash leaves out as empty elements.
func (e *Encoder) xmlIgnored(x *Extension) {
	w := &e.x
	t, ok := w.tag(x, true)
	if !ok || !w.wants(&x.Value, KindArray, x.Name) {
		return
	}
	w.begin(t.name)
	w.inner()
	for _, v := range x.Value.Items {
		if !w.wants(&v, KindString, x.Name) {
			continue
		}
		name := Extension{Name: v.Text}
		name.Namespace, name.Local = e.ctx.name(v.Text)
		if prefix, ok := w.prefixOf(name.Namespace); ok && isNCName(name.Local) {
			w.begin(prefix + ":" + name.Local)
		} else if isNCName(name.Local) && usableSpace(name.Namespace) {
			w.begin("n:" + name.Local)
			w.attr("xmlns:n", name.Namespace)
		} else {
			w.fault("the name " + quote(v.Text) + " cannot stand in XML")
			continue
		}
		w.b = append(w.b, '/', '>')
	}
	w.end(t.name)
}

func (e *Encoder) xmlEvent(ev *Event) ([]byte, error) {
	if err := e.ignoredWithin(ev); err != nil {
		return nil, err
	}
	w := &e.x
	w.b, w.ctx = append(w.b[:0], '\n'), ev.ctx
	w.event(ev, e.ignoredBeyond(ev))
	if err := e.taken(); err != nil {
		faults, _ := err.(Faults) //nolint:errorlint // taken gives Faults
		for i := range faults {
			faults[i].Path = e.eventPath(faults[i].Path)
		}
		return nil, faults
	}
	return w.b, nil
}

func (e *Encoder) xmlTail() ([]byte, error) {
	w := &e.x
	w.b, w.ctx, w.at = w.b[:0], e.ctx, "$"
	if e.events > 0 {
		w.b = append(w.b, '\n')
	}
	w.end("EventList")
	if e.query() {
		if e.doc.Vocabulary != nil {
			var t tree
			lim := DefaultLimits()
			lim.MaxNodes *= 16
			root, fault, _ := parseJSON(string(e.doc.Vocabulary), lim, &t)
			if fault != nil {
				return nil, Faults{*fault}
			}
			d := decoder{t: &t, ctx: e.ctx, lim: lim, base: "$"}
			list := d.value(root)
			w.vocabularies(&list)
		}
		e.xmlExtensions(InResultsBody, false)
		w.end("resultsBody")
		e.xmlExtensions(InQueryResults, false)
		prefix, _, _ := strings.Cut(e.root, ":")
		w.end(prefix + ":QueryResults")
	}
	e.xmlExtensions(InBody, false)
	w.end("EPCISBody")
	e.xmlExtensions(InDocument, false)
	w.end(e.root)
	w.b = append(w.b, '\n')
	if err := e.taken(); err != nil {
		return nil, err
	}
	return w.b, nil
}
