package epcis

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

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
