package epcis

import (
	"slices"
	"strings"
)

// Place says where in a document an extension stands.
type Place uint8

// The places of extensions.
const (
	// InDocument is beside epcisHeader and epcisBody.
	InDocument Place = iota
	// InBody is inside epcisBody, beside eventList or queryResults.
	InBody
	// InQueryResults is inside queryResults, beside resultsBody.
	InQueryResults
	// InResultsBody is inside resultsBody, beside eventList.
	InResultsBody
)

// DocumentExtension is a member of a document, outside its events and its header,
// that the standard does not define.
type DocumentExtension struct {
	Place Place
	Extension
}

// ignoreFields is the local name of a member that names fields which the event
// hash leaves out. It must stand before the events.
const ignoreFields = "ignoreFields"

// rawMember is a member whose name cannot be read before the @context is known.
type rawMember struct {
	place      Place
	name, text string
}

// keep notes a member that the standard does not define.
func (d *docReader) keep(place Place, name, text string) {
	if isURI(name) {
		d.others = append(d.others, rawMember{place, name, string(compact(nil, text))})
	}
}

// resolve reads the members noted so far, once the @context is known.
func (d *docReader) resolve() {
	if d.ctx == nil {
		return
	}
	for _, m := range d.others {
		var t tree
		lim := d.in.lim
		lim.MaxNodes *= 16
		root, fault, _ := parseJSON(m.text, lim, &t)
		if fault != nil {
			continue // it was read before, within the same limits
		}
		t.nodes[root].key = m.name
		v := decoder{t: &t, ctx: d.ctx, lim: lim, base: "$"}
		d.doc.Extensions = append(d.doc.Extensions, DocumentExtension{m.place, v.extension(root)})
	}
	d.others = d.others[:0]
}

// keep notes an element that the standard does not define. It reads the element.
func (x *xmlReader) keep(place Place, el *xmlElement) error {
	path := strings.TrimSuffix(x.path(), "/") + "/" + el.String()
	over, err := x.whole(el, 16*x.lim.MaxNodes, 0)
	if err != nil {
		return err
	}
	if over != nil {
		x.addFault(path, over.Code, over.Message)
		return nil //nolint:nilerr // faults are collected
	}
	c := xmlConverter{x: x, t: &tree{origin: []xmlOrigin{}}, base: path, used: x.used}
	root := c.add(none, KindObject, "", "", xmlOrigin{el: el})
	if el.local == ignoreFields {
		c.names(root, el)
		x.noteIgnored(path, el)
	} else {
		c.extension(root, el)
	}
	if c.full != nil {
		x.addFault(path, c.full.Code, c.full.Message)
		return nil //nolint:nilerr // faults are collected
	}
	x.used = c.used
	v := decoder{t: c.t, ctx: c.context(nil), lim: x.lim, base: path}
	for _, e := range v.extensions(root, nil) {
		i := slices.IndexFunc(x.doc.Extensions, func(o DocumentExtension) bool {
			return o.Place == place && o.Namespace == e.Namespace && o.Local == e.Local
		})
		if i >= 0 {
			// Repeated elements are an array, as they are inside an event.
			x.doc.Extensions[i].Value = joined(x.doc.Extensions[i].Value, e.Value)
			continue
		}
		x.doc.Extensions = append(x.doc.Extensions, DocumentExtension{place, e})
	}
	return nil
}

func joined(a, b Value) Value {
	if a.Kind != KindArray {
		a = Value{Kind: KindArray, Items: []Value{a}}
	}
	a.Items = append(slices.Clip(a.Items), b)
	return a
}

// names adds the names of an element's children, which is what JSON-LD documents
// have under ignoreFields.
func (c *xmlConverter) names(root int32, el *xmlElement) {
	list := c.add(root, KindArray, c.key(el), "", xmlOrigin{el: el})
	for _, kid := range el.kids {
		c.add(list, KindString, "", c.key(kid), xmlOrigin{el: kid})
	}
}

// noteIgnored takes the names of an element's children out of the hash.
func (x *xmlReader) noteIgnored(path string, el *xmlElement) {
	if x.index > 0 {
		x.addFault(path, CodeSchema, "ignoreFields must stand before the events")
	}
	for _, kid := range el.kids {
		if len(x.ignored) < maxDocumentMembers {
			x.ignored = append(x.ignored, kid.xmlName)
		}
	}
}

// rootContext gives the @context of the document itself: the prefixes of its root,
// its header and its extensions, and what a mark adds.
func (x *xmlReader) rootContext() []byte {
	raw := []byte(`["` + DefaultContext + `"`)
	if x.context != "" {
		if ctx, err := ParseContext([]byte(x.context)); err == nil {
			raw = slices.Clone(ctx.raw)
			if raw[0] == '[' {
				raw = raw[:len(raw)-1]
			} else {
				raw = append([]byte{'['}, raw...)
			}
		}
	}
	if len(x.used) == 0 && x.context == "" {
		return raw[1:]
	}
	if len(x.used) > 0 {
		if len(raw) > 1 {
			raw = append(raw, ',')
		}
		raw = append(raw, '{')
		for i, b := range x.used {
			if i > 0 {
				raw = append(raw, ',')
			}
			raw = appendString(raw, b.prefix)
			raw = append(raw, ':')
			raw = appendString(raw, b.space)
		}
		raw = append(raw, '}')
	}
	return append(raw, ']')
}

// rootUsed notes the prefixes that the root declares.
func (x *xmlReader) rootUsed(el *xmlElement) {
	for _, b := range el.bindings {
		if b.prefix == "" || b.space == "" || b.space == xsiNamespace || epcisNamespace(b.space) {
			continue
		}
		switch b.prefix {
		case "urn", "http", "https", "xml":
			continue
		case "rdf": // GS1's own context declares it; documents in XML need it for their id
			if b.space == rdfNamespace {
				continue
			}
		}
		x.used = append(x.used, xmlBinding{b.prefix, b.space})
	}
}

// rdfNamespace has the attribute, rdf:about, that names a document: the id of JSON-LD.
const rdfNamespace = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

// rootAttribute notes an attribute of the root that the standard does not define.
func (x *xmlReader) rootAttribute(a xmlAttr) {
	if a.space == xsiNamespace {
		return
	}
	c := xmlConverter{x: x, used: x.used}
	name := c.name(a.xmlName)
	x.used = c.used
	x.doc.Extensions = append(x.doc.Extensions, DocumentExtension{InDocument, Extension{
		Namespace: a.space, Local: a.local, Name: name, Value: Value{Kind: KindString, Text: a.value},
	}})
}

// vocabularyList reads the master data that a query gave.
func (x *xmlReader) vocabularyList(el *xmlElement) error {
	path := x.path() + "/" + el.String()
	over, err := x.whole(el, 16*x.lim.MaxNodes, 0)
	if err != nil {
		return err
	}
	if over != nil {
		return fatal(path, over.Code, over.Message)
	}
	c := xmlConverter{x: x, t: &tree{origin: []xmlOrigin{}}, base: path, used: x.used}
	root := c.add(none, KindArray, "", "", xmlOrigin{el: el})
	c.vocabularies(root, el)
	if c.full != nil {
		return Faults{*c.full}
	}
	x.used = c.used
	d := decoder{t: c.t, lim: x.lim, base: path, faults: c.faults}
	d.vocabularyList(root)
	x.faults = append(x.faults, d.faults...)
	x.doc.Vocabulary = c.t.appendJSON(nil, root)
	return nil
}
