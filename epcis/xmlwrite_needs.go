package epcis

import (
	"slices"
	"strings"
)

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
