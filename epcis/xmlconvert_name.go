package epcis

import (
	"strconv"
	"strings"
)

// ignoredNames spells the names of the fields that the document takes out of the hash.
func (c *xmlConverter) ignoredNames() []string {
	names := make([]string, 0, len(c.x.ignored))
	for _, n := range c.x.ignored {
		names = append(names, c.name(n))
	}
	return names
}

// ignoredHere spells the names that a mark takes out of the hash of one event.
func (c *xmlConverter) ignoredHere(el *xmlElement) []string {
	list, found := el.argument(markIgnore)
	if !found {
		return nil
	}
	var t tree
	root, fault, _ := parseJSON(list, c.x.lim, &t)
	if fault != nil || t.nodes[root].kind != KindArray {
		return nil
	}
	var names []string
	for n := t.nodes[root].first; n != none; n = t.nodes[n].next {
		space, local, ok := strings.Cut(strings.TrimPrefix(t.nodes[n].text, "{"), "}")
		if t.nodes[n].kind == KindString && ok && len(names) < maxDocumentMembers {
			names = append(names, c.name(xmlName{local: local, space: space}))
		}
	}
	return names
}

// context gives the @context that explains the prefixes in use and takes the named
// fields out of the data.
func (c *xmlConverter) context(ignored []string) *Context {
	if len(c.used) == 0 {
		ctx := &Context{raw: []byte(`"` + DefaultContext + `"`)}
		return ctx.withIgnored(ignored)
	}
	ctx := &Context{raw: []byte(`["` + DefaultContext + `",{`)}
	for i, b := range c.used {
		if i > 0 {
			ctx.raw = append(ctx.raw, ',')
		}
		ctx.raw = appendString(ctx.raw, b.prefix)
		ctx.raw = append(ctx.raw, ':')
		ctx.raw = appendString(ctx.raw, b.space)
		ctx.terms = append(ctx.terms, term{b.prefix, b.space})
	}
	ctx.raw = append(ctx.raw, "}]"...)
	ctx.seal()
	return ctx.withIgnored(ignored)
}

// name spells a name of a namespace of somebody else's as a CURIE.
func (c *xmlConverter) name(n xmlName) string {
	if n.space == "" {
		return n.local
	}
	return c.prefix(n.prefix, n.space) + ":" + n.local
}

// key spells the name of an element of somebody else's, minding its marks.
func (c *xmlConverter) key(el *xmlElement) string {
	name := el.xmlName
	if el.marked(markName) {
		if local, ok := decodeName(name.local); ok {
			name.local = local
		}
	}
	if el.marked(markURI) && isURI(name.space+name.local) {
		return name.space + name.local
	}
	return c.name(name)
}

// prefix gives the prefix that stands for a namespace in the rendering: the
// document's own unless it stands for another namespace already.
func (c *xmlConverter) prefix(prefix, space string) string {
	free := prefix != "" && prefix != "urn" && prefix != "http" && prefix != "https"
	for _, b := range c.used {
		if b.space == space && (b.prefix == prefix || !free) {
			return b.prefix
		}
		free = free && b.prefix != prefix
	}
	if !free {
		for _, b := range c.used {
			if b.space == space {
				return b.prefix
			}
		}
		prefix = "ns" + strconv.Itoa(len(c.used)+1)
		for i := len(c.used) + 2; c.taken(prefix); i++ {
			prefix = "ns" + strconv.Itoa(i)
		}
	}
	c.use(prefix, space)
	return prefix
}

func (c *xmlConverter) taken(prefix string) bool {
	for _, b := range c.used {
		if b.prefix == prefix {
			return true
		}
	}
	return false
}

// mention keeps the prefix of a CURIE that stands as a value.
func (c *xmlConverter) mention(el *xmlElement, s string) string {
	i := strings.IndexByte(s, ':')
	if i < 1 || strings.HasPrefix(s[i+1:], "//") {
		return s
	}
	space, ok := c.x.lookup(el, s[:i])
	if ok && !epcisNamespace(space) && space != xsiNamespace && s[:i] != "urn" && !c.taken(s[:i]) {
		c.use(s[:i], space)
	}
	return s
}

func (c *xmlConverter) use(prefix, space string) {
	if len(c.used) >= maxDocumentMembers {
		c.full = &Fault{Path: c.base, Code: CodeTooManyFields, Message: "more than " + strconv.Itoa(maxDocumentMembers) + " namespaces"}
		return
	}
	c.used = append(c.used, xmlBinding{prefix, space})
}
