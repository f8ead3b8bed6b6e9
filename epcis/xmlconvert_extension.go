package epcis

import "strings"

// repeated adds a member whose repetitions make it an array.
func (c *xmlConverter) repeated(parent int32, el *xmlElement, k Kind, text string) int32 {
	return c.group(parent, el.local, k, text, xmlOrigin{el: el})
}

// group adds a value to the member named key, which becomes an array with its
// second value.
func (c *xmlConverter) group(parent int32, key string, k Kind, text string, o xmlOrigin) int32 {
	old := c.find(parent, key)
	if old == none {
		return c.add(parent, k, key, text, o)
	}
	if c.t.nodes[old].kind != KindArray || !c.grouped(old) {
		// The first value moves into an array that takes its place.
		moved := c.add(none, c.t.nodes[old].kind, "", c.t.nodes[old].text, c.t.origin[old])
		c.t.nodes[moved].first, c.t.nodes[moved].count = c.t.nodes[old].first, c.t.nodes[old].count
		c.last[moved] = c.last[old]
		n := &c.t.nodes[old]
		n.kind, n.text, n.first, n.count = KindArray, groupMark, moved, 1
		c.last[old] = moved
	}
	return c.add(old, k, "", text, o)
}

// groupMark tells arrays that group made; the text of an array is not written.
const groupMark = "group"

func (c *xmlConverter) grouped(n int32) bool { return c.t.nodes[n].text == groupMark }

// foreign tells an element that is not one of the standard's.
func (el *xmlElement) foreign() bool { return el.space != "" || el.marked(markName) }

// extension adds an element of somebody else's namespace.
func (c *xmlConverter) extension(parent int32, el *xmlElement) {
	key := c.key(el)
	o := xmlOrigin{el: el}
	c.value(el, func(k Kind, text string) int32 {
		if !el.marked(markArray) || c.find(parent, key) != none {
			return c.group(parent, key, k, text, o)
		}
		return c.add(c.add(parent, KindArray, key, groupMark, o), k, "", text, o)
	})
}

// value gives place what an element of somebody else's holds: text is a scalar;
// attributes, children or a mark make it an object, whose text is a member.
func (c *xmlConverter) value(el *xmlElement, place func(k Kind, text string) int32) {
	o := xmlOrigin{el: el}
	attrs := el.data()
	text := el.content()
	switch {
	case el.marked(markList) && attrs == 0 && text == "":
		n := place(KindArray, "")
		for _, kid := range el.kids {
			c.value(kid, func(k Kind, text string) int32 { return c.add(n, k, "", text, xmlOrigin{el: kid}) })
		}
	case el.marked(markEmpty) && attrs == 0 && len(el.kids) == 0 && text == "":
		place(KindArray, "")
	case len(el.kids) == 0 && attrs == 0 && !el.marked(markObject):
		k, s := el.scalar(text)
		if k == KindString {
			s = c.mention(el, s)
		}
		place(k, s)
	default:
		n := place(KindObject, "")
		for _, a := range el.attrs {
			if a.space != xsiNamespace {
				c.group(n, c.name(a.xmlName), KindString, c.mention(el, a.value), xmlOrigin{el: el, attr: a.String()})
			}
		}
		if text != "" {
			c.add(n, KindString, textMember, c.mention(el, text), o)
		}
		for _, kid := range el.kids {
			c.extension(n, kid)
		}
	}
}

// data counts the attributes that are data: those of xsi speak of the element's type.
func (el *xmlElement) data() int {
	n := 0
	for i := range el.attrs {
		if el.attrs[i].space != xsiNamespace {
			n++
		}
	}
	return n
}

// scalar gives the kind of an element's text, by its mark or its xsi:type.
func (el *xmlElement) scalar(text string) (Kind, string) {
	number, boolean, null := el.marked(markNumber), el.marked(markBoolean), el.marked(markNull)
	if a := el.attr(xsiNamespace, "type"); a != nil {
		_, local, found := strings.Cut(strings.TrimSpace(a.value), ":")
		number = number || found && numericType(local)
		boolean = boolean || found && local == "boolean"
	}
	if a := el.attr(xsiNamespace, "nil"); a != nil {
		null = null || a.value == "true" || a.value == "1"
	}
	switch {
	case null && text == "":
		return KindNull, "null"
	case number:
		if s, ok := xmlNumber(text); ok {
			return KindNumber, s
		}
	case boolean && (text == "true" || text == "1"):
		return KindBool, "true"
	case boolean && (text == "false" || text == "0"):
		return KindBool, "false"
	}
	return KindString, text
}

// attrs adds the attributes of a standard element: those known by name as f
// renders them, and those of other namespaces as extensions.
func (c *xmlConverter) attrs(n int32, el *xmlElement, f func(a *xmlAttr) (Kind, string)) {
	for i := range el.attrs {
		a := &el.attrs[i]
		if a.space == xsiNamespace {
			continue
		}
		k, s := KindString, a.value
		if a.space == "" {
			if f == nil {
				continue
			}
			k, s = f(a)
		}
		c.once(n, k, c.name(a.xmlName), c.mention(el, s), xmlOrigin{el: el, attr: a.String()})
	}
}

// members adds the children of an element as extensions.
func (c *xmlConverter) members(n int32, el *xmlElement) {
	c.attrs(n, el, nil)
	for _, kid := range el.kids {
		if kid.space == "" && kid.local == "extension" {
			c.members(n, kid)
			continue
		}
		c.extension(n, kid)
	}
}

// attributeElements adds the child elements of an element whose own fields are attributes.
func (c *xmlConverter) attributeElements(n int32, el *xmlElement) {
	for _, kid := range el.kids {
		switch {
		case kid.space != "":
			c.extension(n, kid)
		case kid.local == "extension":
			c.attributeElements(n, kid)
		default:
			c.fault(xmlOrigin{el: kid}, CodeUnknownField, quote(kid.local)+" is not an element of the standard here")
		}
	}
}
