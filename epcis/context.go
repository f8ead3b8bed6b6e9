package epcis

import (
	"slices"
	"strconv"
	"strings"
)

// DefaultContext is the address of GS1's JSON-LD context for EPCIS 2.0.
const DefaultContext = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"

// Context is a JSON-LD @context: which prefix stands for which namespace. It
// knows the prefixes of GS1's own context and fetches nothing. A Context is
// immutable and safe for concurrent use.
type Context struct {
	raw []byte
	// outer is the context that this one adds to.
	outer *Context
	// terms hold the declared prefixes in document order; a later one wins.
	terms []term
	// index finds a term where there are many.
	index map[string]string
	// ignored are the names of fields that a null term takes out of the data.
	ignored []string
}

type term struct{ name, iri string }

// standardPrefix gives the namespaces of GS1's own context.
func standardPrefix(prefix string) (string, bool) {
	switch prefix {
	case "epcis":
		return "https://ref.gs1.org/epcis/", true
	case "cbv":
		return webCBV, true
	case "gs1":
		return webVoc, true
	case "cbvmda":
		return "urn:epcglobal:cbv:mda", true
	case "dcterms":
		return "http://purl.org/dc/terms/", true
	case "owl":
		return "http://www.w3.org/2002/07/owl#", true
	case "rdf":
		return "http://www.w3.org/1999/02/22-rdf-syntax-ns#", true
	case "rdfs":
		return rdfsNamespace, true
	case "xsd":
		return "http://www.w3.org/2001/XMLSchema#", true
	}
	return "", false
}

const rdfsNamespace = "http://www.w3.org/2000/01/rdf-schema#"

// ParseContext reads the value of an @context member: a URI, an object, or an
// array of both. Nil or empty input means GS1's own context. The error is Faults.
func ParseContext(data []byte) (*Context, error) {
	if len(data) == 0 {
		return &Context{raw: []byte(`"` + DefaultContext + `"`)}, nil
	}
	lim := DefaultLimits()
	if len(data) > lim.MaxEventBytes {
		return nil, Faults{{Path: "$['@context']", Code: CodeTooLarge, Message: "context is too large"}}
	}
	var t tree
	s := string(data)
	root, fault, _ := parseJSON(s, lim, &t)
	if fault != nil {
		fault.Path = "$['@context']"
		return nil, Faults{*fault}
	}
	c := &Context{raw: compact(nil, strings.TrimSpace(s))}
	d := decoder{t: &t, lim: lim, base: "$['@context']"}
	c.take(&d, root)
	if err := d.err(); err != nil {
		return nil, err
	}
	c.seal()
	return c, nil
}

// seal ends the making of a context.
func (c *Context) seal() {
	if len(c.terms) <= linearMembers {
		return
	}
	c.index = make(map[string]string, len(c.terms))
	for _, t := range c.terms {
		c.index[t.name] = t.iri
	}
}

// JSON gives the context as compact JSON. The caller must not change it.
func (c *Context) JSON() []byte { return c.raw }

// take adds the terms of an @context value.
func (c *Context) take(d *decoder, n int32) {
	switch nd := &d.t.nodes[n]; nd.kind {
	case KindString:
		if !isURI(nd.text) {
			d.fault(n, CodeContext, quote(nd.text)+" is not an absolute URI")
		}
	case KindObject:
		c.takeTerms(d, n)
	case KindArray:
		for e := nd.first; e != none; e = d.t.nodes[e].next {
			if k := d.t.nodes[e].kind; k == KindString || k == KindObject {
				c.take(d, e)
			} else {
				d.fault(e, CodeContext, "a context is an absolute URI or an object")
			}
		}
		d.distinct(n)
	case KindNull, KindBool, KindNumber:
		d.fault(n, CodeContext, "a context is an absolute URI, an object, or an array of these")
	}
}

func (c *Context) takeTerms(d *decoder, n int32) {
	for m := d.t.nodes[n].first; m != none; m = d.t.nodes[m].next {
		nd := &d.t.nodes[m]
		if nd.key == "" || nd.key[0] == '@' {
			continue
		}
		switch nd.kind {
		case KindString:
			c.terms = append(c.terms, term{nd.key, nd.text})
		case KindObject:
			if id := d.t.child(m, "@id"); id != none && d.t.nodes[id].kind == KindString {
				c.terms = append(c.terms, term{nd.key, d.t.nodes[id].text})
			}
		case KindNull:
			if len(c.ignored) >= maxDocumentMembers {
				d.fault(m, CodeTooManyFields, "more than "+strconv.Itoa(maxDocumentMembers)+" terms without a meaning")
				return
			}
			ns, local := c.name(nd.key)
			c.ignored = append(c.ignored, fullName(ns, local))
		case KindBool, KindNumber, KindArray:
		}
	}
}

// with gives the context that holds inside a value that has an @context of its own.
func (c *Context) with(d *decoder, n int32) *Context {
	inner := &Context{raw: c.raw, outer: c, ignored: slices.Clip(c.ignored)}
	inner.take(d, n)
	inner.seal()
	return inner
}

// withIgnored gives the context that also takes the named fields out of the data.
// Mapping a term to null is how JSON-LD says so.
func (c *Context) withIgnored(names []string) *Context {
	if len(names) == 0 {
		return c
	}
	raw := make([]byte, 0, len(c.raw)+64)
	switch {
	case len(c.raw) > 2 && c.raw[0] == '[':
		raw = append(raw, c.raw[:len(c.raw)-1]...)
	case len(c.raw) == 2 && c.raw[0] == '[':
		raw = append(raw, `["`+DefaultContext+`"`...)
	default:
		raw = append(raw, '[')
		raw = append(raw, c.raw...)
	}
	raw = append(raw, ",{"...)
	inner := &Context{outer: c, ignored: slices.Clip(c.ignored)}
	for i, name := range names {
		if i > 0 {
			raw = append(raw, ',')
		}
		raw = appendString(raw, name)
		raw = append(raw, ":null"...)
		ns, local := c.name(name)
		inner.ignored = append(inner.ignored, fullName(ns, local))
	}
	raw = append(raw, "}]"...)
	inner.raw = raw
	return inner
}

// prefix gives the namespace that a prefix stands for.
func (c *Context) prefix(p string) (string, bool) {
	if iri, ok := c.declared(p); ok {
		return iri, true
	}
	return standardPrefix(p)
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

// name splits a field's name into namespace and local name. A CURIE splits at its
// prefix, another URI after its last '/', '#' or ':'; a bare word has no namespace.
func (c *Context) name(name string) (namespace, local string) {
	before, after, ok := strings.Cut(name, ":")
	if !ok {
		return "", name
	}
	if ns, ok := c.prefix(before); ok && !strings.HasPrefix(after, "//") {
		return ns, after
	}
	end := strings.LastIndexAny(name, "/#:")
	return name[:end+1], name[end+1:]
}

// fullName is how the event hash writes a name: {namespace}local.
func fullName(namespace, local string) string {
	if namespace == "" {
		return local
	}
	return "{" + namespace + "}" + local
}

func quote(s string) string {
	const most = 80
	if len(s) > most {
		cut := most
		for cut > 0 && s[cut]&0xc0 == 0x80 {
			cut--
		}
		s = s[:cut] + "…"
	}
	return strconv.Quote(s)
}
