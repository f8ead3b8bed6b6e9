package epcis

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// xmlConverter turns the elements of one event into the tree of its JSON-LD
// rendering.
type xmlConverter struct {
	x    *xmlReader
	t    *tree
	base string
	// last is the last child of each node, so that children are added in order.
	last []int32
	// used are the prefixes of the rendering in the order of their first use.
	used []xmlBinding
	// index finds the members of large objects.
	index  map[int32]map[string]int32
	faults Faults
	full   *Fault
}

func (c *xmlConverter) convert(el *xmlElement) error {
	root := c.add(none, KindObject, "", "", xmlOrigin{el: el})
	typ := el.local
	if el.space != "" {
		typ = c.key(el)
	}
	quantity := el.space == "" && el.local == "QuantityEvent"
	if quantity {
		typ = string(ObjectEvent)
	}
	c.add(root, KindString, "type", typ, xmlOrigin{el: el})
	c.attrs(root, el, nil)
	if quantity {
		c.quantityEvent(root, el)
	} else {
		c.fields(root, el)
		if len(c.faults) == 0 {
			c.sequence(EventType(typ), el)
		}
	}
	if c.full != nil {
		return Faults{*c.full}
	}
	return nil
}

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

func (c *xmlConverter) fault(o xmlOrigin, code, message string) {
	if len(c.faults) < c.x.lim.MaxFaults {
		c.faults = append(c.faults, Fault{Path: o.path(c.base), Code: code, Message: message})
	}
}

// add puts a value below parent and gives its node.
func (c *xmlConverter) add(parent int32, k Kind, key, text string, o xmlOrigin) int32 {
	if len(c.t.nodes) >= 2*c.x.lim.MaxNodes {
		// A rendering has at most a wrapping array a value, so this is not reached
		// by an element within the limit; it bounds the tree all the same.
		c.full = &Fault{Path: c.base, Code: CodeTooManyFields, Message: "more than " + strconv.Itoa(c.x.lim.MaxNodes) + " values"}
		return 0
	}
	n := int32(len(c.t.nodes)) //nolint:gosec // bounded by MaxNodes
	c.t.nodes = append(c.t.nodes, node{kind: k, key: key, text: text, first: none, next: none})
	c.t.origin = append(c.t.origin, o)
	c.last = append(c.last, none)
	if parent != none {
		if c.last[parent] == none {
			c.t.nodes[parent].first = n
		} else {
			c.t.nodes[c.last[parent]].next = n
		}
		c.last[parent] = n
		c.t.nodes[parent].count++
		if members := c.index[parent]; members != nil && key != "" {
			members[key] = n
		}
	}
	return n
}

// find gives the member of an object by name, as tree.child does, and keeps an
// index of objects too large to search.
func (c *xmlConverter) find(parent int32, key string) int32 {
	if c.t.nodes[parent].count < linearMembers {
		return c.t.child(parent, key)
	}
	members := c.index[parent]
	if members == nil {
		members = make(map[string]int32, 2*linearMembers)
		for n := c.t.nodes[parent].first; n != none; n = c.t.nodes[n].next {
			members[c.t.nodes[n].key] = n
		}
		if c.index == nil {
			c.index = map[int32]map[string]int32{}
		}
		c.index[parent] = members
	}
	if n, ok := members[key]; ok {
		return n
	}
	return none
}

// once is add for a member that may stand but once.
func (c *xmlConverter) once(parent int32, k Kind, key, text string, o xmlOrigin) int32 {
	if c.find(parent, key) != none {
		c.fault(o, CodeDuplicateMember, quote(key)+" stands twice")
	}
	return c.add(parent, k, key, text, o)
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

func (el *xmlElement) trimmed() string { return string(bytes.TrimSpace(el.text)) }

// sequence reports the first field that stands before one it must follow: the
// schemas want a sequence. Results of queries are let pass, since published ones
// are jumbled.
func (c *xmlConverter) sequence(t EventType, el *xmlElement) {
	if c.x.doc.Type == "EPCISQueryDocument" || !t.Standard() {
		return
	}
	least, before := lastInSequence+1, ""
	var early *xmlElement
	for _, kid := range slices.Backward(el.kids) {
		if kid.foreign() {
			continue
		}
		rank := sequenceRank(t, kid.local)
		if rank > least {
			early = kid
			continue
		}
		if rank > 0 && rank < least {
			least, before = rank, kid.local
		}
	}
	if early == nil {
		return
	}
	// The field that it must follow is the first one behind it with a lower rank.
	rank := sequenceRank(t, early.local)
	behind := false
	for _, kid := range el.kids {
		if behind && !kid.foreign() {
			if r := sequenceRank(t, kid.local); r > 0 && r < rank {
				before = kid.local
				break
			}
		}
		behind = behind || kid == early
	}
	c.fault(xmlOrigin{el: early}, CodeSequence, early.local+" stands before "+before+", which it must follow")
}

const lastInSequence = 11

// sequenceRank gives the place of a field in the sequence that the schemas of 1.2 and
// 2.0 have in common; 0 for fields that they place differently, or not at all.
func sequenceRank(t EventType, field string) int {
	switch field {
	case "eventTime":
		return 1
	case "recordTime":
		return 2
	case "eventTimeZoneOffset":
		return 3
	case "eventID", "errorDeclaration", "baseExtension":
		return 4
	case "epcList", "parentID", "childEPCs", "inputEPCList", "inputQuantityList", "outputEPCList", "outputQuantityList":
		return 5
	case "bizTransactionList":
		if t == TransactionEvent {
			return 5
		}
		return lastInSequence
	case "action", "transformationID":
		return 6
	case "bizStep":
		return 7
	case "disposition":
		return 8
	case "readPoint":
		return 9
	case "bizLocation":
		return 10
	case "sourceList", "destinationList", "sensorElementList", "persistentDisposition", "ilmd", "extension":
		return lastInSequence
	}
	return 0
}

// fields adds the child elements of an event; those of its extension wrappers
// belong to the event itself.
func (c *xmlConverter) fields(root int32, el *xmlElement) { //nolint:gocyclo,cyclop // one case a field of the standard
	for _, kid := range el.kids {
		o := xmlOrigin{el: kid}
		if kid.foreign() {
			c.extension(root, kid)
			continue
		}
		text := kid.trimmed()
		switch kid.local {
		case "extension", "baseExtension":
			c.fields(root, kid)
			continue
		case "eventTime", "recordTime":
			if text != "" || kid.local == "eventTime" {
				c.once(root, KindString, kid.local, xmlTime(text), o)
			}
		case "eventTimeZoneOffset", "action":
			c.once(root, KindString, kid.local, text, o)
		case "eventID", "parentID", "transformationID":
			if text != "" {
				c.once(root, KindString, kid.local, text, o)
			}
		case "bizStep":
			if text != "" {
				c.once(root, KindString, kid.local, vocBizStep().bareOfURN(c.mention(kid, text)), o)
			}
		case "disposition":
			if text != "" {
				c.once(root, KindString, kid.local, vocDisposition().bareOfURN(c.mention(kid, text)), o)
			}
		case "certificationInfo":
			if kid.marked(markEmpty) && text == "" {
				c.once(root, KindArray, kid.local, "", o)
			} else {
				c.repeated(root, kid, KindString, text)
			}
			continue
		case "errorDeclaration":
			c.errorDeclaration(c.once(root, KindObject, kid.local, "", o), kid)
			continue
		case "epcList", "childEPCs", "inputEPCList", "outputEPCList":
			if kid.marked(markNone) && len(kid.kids) == 0 {
				continue
			}
			c.strings(c.once(root, KindArray, kid.local, "", o), kid, "epc", nil)
			continue
		case "quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList":
			c.quantities(c.once(root, KindArray, kid.local, "", o), kid)
			continue
		case "bizTransactionList":
			c.typed(c.once(root, KindArray, kid.local, "", o), kid, "bizTransaction", vocTransaction())
			continue
		case "sourceList":
			c.typed(c.once(root, KindArray, kid.local, "", o), kid, "source", vocParty())
			continue
		case "destinationList":
			c.typed(c.once(root, KindArray, kid.local, "", o), kid, "destination", vocParty())
			continue
		case "readPoint", "bizLocation":
			c.location(c.once(root, KindObject, kid.local, "", o), kid)
			continue
		case "persistentDisposition":
			c.persistentDisposition(c.once(root, KindObject, kid.local, "", o), kid)
			continue
		case "sensorElementList":
			list := c.once(root, KindArray, kid.local, "", o)
			c.each(kid, "sensorElement", func(s *xmlElement) {
				c.sensorElement(c.add(list, KindObject, "", "", xmlOrigin{el: s}), s)
			})
			continue
		case "ilmd":
			c.members(c.once(root, KindObject, kid.local, "", o), kid)
			continue
		default:
			c.once(root, KindString, kid.local, text, o)
			continue
		}
		c.leaf(kid)
	}
}

// leaf wants an element without children.
func (c *xmlConverter) leaf(el *xmlElement) {
	for _, kid := range el.kids {
		c.fault(xmlOrigin{el: kid}, CodeUnknownField, "an element stands where only text may")
	}
}

// each calls f for the children of that name and reports others; extension
// wrappers are opened.
func (c *xmlConverter) each(el *xmlElement, name string, f func(*xmlElement)) {
	for _, kid := range el.kids {
		switch {
		case kid.space == "" && kid.local == name:
			f(kid)
		case kid.space == "" && kid.local == "extension":
			c.each(kid, name, f)
		default:
			c.fault(xmlOrigin{el: kid}, CodeUnknownField, quote(kid.String())+" is not an element of the standard here")
		}
	}
}

func (c *xmlConverter) strings(list int32, el *xmlElement, name string, f func(el *xmlElement, s string) string) {
	c.each(el, name, func(kid *xmlElement) {
		s := kid.trimmed()
		if f != nil {
			s = f(kid, s)
		}
		c.add(list, KindString, "", s, xmlOrigin{el: kid})
		c.leaf(kid)
	})
}

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

// quantityEvent adds the fields of a QuantityEvent as those of the ObjectEvent that
// EPCIS 1.2 (section 7.4.6) calls equivalent to it: no EPCs and one quantity element.
// It reports what is there, which is the action OBSERVE.
func (c *xmlConverter) quantityEvent(root int32, el *xmlElement) {
	rest := *el
	rest.kids = nil
	var quantity []*xmlElement
	for _, kid := range el.kids {
		if kid.space == "" && (kid.local == "epcClass" || kid.local == "quantity") {
			quantity = append(quantity, kid)
		} else {
			rest.kids = append(rest.kids, kid)
		}
	}
	c.fields(root, &rest)
	o := xmlOrigin{el: el}
	c.once(root, KindArray, "epcList", "", o)
	one := &xmlElement{xmlName: xmlName{local: "quantityElement"}, parent: el, kids: quantity}
	c.quantities(c.once(root, KindArray, "quantityList", "", o), &xmlElement{xmlName: el.xmlName, parent: el.parent, kids: []*xmlElement{one}})
	c.once(root, KindString, "action", string(Observe), o)
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

func (c *xmlConverter) errorDeclaration(n int32, el *xmlElement) {
	for _, kid := range el.kids {
		o := xmlOrigin{el: kid}
		switch {
		case kid.space != "":
			c.extension(n, kid)
		case kid.local == "extension":
			c.errorDeclaration(n, kid)
		case kid.local == "declarationTime":
			c.once(n, KindString, kid.local, xmlTime(kid.trimmed()), o)
		case kid.local == "reason":
			if s := kid.trimmed(); s != "" {
				c.once(n, KindString, kid.local, vocReason().bareOfURN(s), o)
			}
		case kid.local == "correctiveEventIDs":
			c.strings(c.once(n, KindArray, kid.local, "", o), kid, "correctiveEventID", nil)
		default:
			c.once(n, KindString, kid.local, kid.trimmed(), o)
		}
	}
}

func (c *xmlConverter) quantities(list int32, el *xmlElement) {
	c.each(el, "quantityElement", func(q *xmlElement) {
		n := c.add(list, KindObject, "", "", xmlOrigin{el: q})
		for _, kid := range q.kids {
			o := xmlOrigin{el: kid}
			text := kid.trimmed()
			if kid.space != "" || kid.local != "quantity" && kid.local != "epcClass" && kid.local != "uom" {
				c.fault(o, CodeUnknownField, quote(kid.String())+" is not a field of a quantity")
				continue
			}
			if text == "" && kid.local != "epcClass" {
				// A quantity that is not known may stand as an empty or nil element.
				continue
			}
			k := KindString
			if kid.local == "quantity" {
				if num, ok := xmlNumber(text); ok {
					k, text = KindNumber, num
				}
			}
			c.once(n, k, kid.local, text, o)
			c.leaf(kid)
		}
	})
}

// typed adds a list of elements with a type attribute.
func (c *xmlConverter) typed(list int32, el *xmlElement, name string, v vocabulary) {
	c.each(el, name, func(kid *xmlElement) {
		o := xmlOrigin{el: kid}
		n := c.add(list, KindObject, "", "", o)
		for _, a := range kid.attrs {
			switch {
			case a.space == xsiNamespace:
			case a.space == "" && a.local == "type":
				c.add(n, KindString, "type", v.bareOfURN(c.mention(kid, strings.TrimSpace(a.value))), xmlOrigin{el: kid, attr: "type"})
			default:
				c.fault(xmlOrigin{el: kid, attr: a.String()}, CodeUnknownField, quote(a.String())+" is not an attribute of the standard here")
			}
		}
		c.add(n, KindString, name, kid.trimmed(), o)
		c.leaf(kid)
	})
}

func (c *xmlConverter) location(n int32, el *xmlElement) {
	for _, kid := range el.kids {
		switch {
		case kid.foreign():
			c.extension(n, kid)
		case kid.local == "extension":
			c.location(n, kid)
		case kid.local == "id":
			c.once(n, KindString, "id", kid.trimmed(), xmlOrigin{el: kid})
		default:
			c.fault(xmlOrigin{el: kid}, CodeUnknownField, quote(kid.local)+" is not an element of the standard here")
		}
	}
}

func (c *xmlConverter) persistentDisposition(n int32, el *xmlElement) {
	for _, kid := range el.kids {
		o := xmlOrigin{el: kid}
		if kid.space != "" || kid.local != "set" && kid.local != "unset" {
			c.fault(o, CodeUnknownField, quote(kid.String())+" is not a field of persistentDisposition")
			continue
		}
		list := c.t.child(n, kid.local)
		if list == none {
			list = c.add(n, KindArray, kid.local, "", o)
		}
		c.add(list, KindString, "", vocDisposition().bareOfURN(c.mention(kid, kid.trimmed())), o)
		c.leaf(kid)
	}
}

func (c *xmlConverter) sensorElement(n int32, el *xmlElement) {
	c.attrs(n, el, nil)
	for _, kid := range el.kids {
		o := xmlOrigin{el: kid}
		switch {
		case kid.space != "":
			c.extension(n, kid)
		case kid.local == "extension":
			c.sensorElement(n, kid)
		case kid.local == "sensorMetadata":
			m := c.once(n, KindObject, kid.local, "", o)
			c.attrs(m, kid, func(a *xmlAttr) (Kind, string) {
				s := strings.TrimSpace(a.value)
				switch a.local {
				case "time", "startTime", "endTime":
					s = xmlTime(s)
				}
				return KindString, s
			})
			c.attributeElements(m, kid)
		case kid.local == "sensorReport":
			list := c.t.child(n, kid.local)
			if list == none {
				list = c.add(n, KindArray, kid.local, "", o)
			}
			r := c.add(list, KindObject, "", "", o)
			c.attrs(r, kid, sensorAttribute)
			c.attributeElements(r, kid)
		default:
			c.fault(o, CodeUnknownField, quote(kid.local)+" is not an element of the standard here")
		}
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

// sensorAttribute renders an attribute of a sensorReport.
func sensorAttribute(a *xmlAttr) (Kind, string) {
	s := strings.TrimSpace(a.value)
	switch a.local {
	case "type":
		return KindString, vocMeasurement().bareOfURN(s)
	case "exception":
		return KindString, vocAlert().bareOfURN(s)
	case "component":
		return KindString, vocComponent().bareOfURN(s)
	case "time":
		return KindString, xmlTime(s)
	case "value", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue":
		if num, ok := xmlNumber(s); ok {
			return KindNumber, num
		}
	case "booleanValue":
		switch s {
		case "true", "1":
			return KindBool, "true"
		case "false", "0":
			return KindBool, "false"
		}
	case "stringValue":
		return KindString, a.value
	}
	return KindString, s
}

// header reads an EPCISHeader into the members that JSON-LD documents have.
func (x *xmlReader) header(el *xmlElement) error {
	path := x.path() + "/" + el.String()
	over, err := x.whole(el, 16*x.lim.MaxNodes, 0)
	if err != nil {
		return err
	}
	if over != nil {
		return fatal(path, over.Code, over.Message)
	}
	c := xmlConverter{x: x, t: &tree{origin: []xmlOrigin{}}, base: path, used: x.used}
	root := c.add(none, KindObject, "", "", xmlOrigin{el: el})
	c.attrs(root, el, nil)
	c.headerMembers(root, el)
	if c.full != nil {
		return Faults{*c.full}
	}
	x.used = c.used
	if c.t.nodes[root].count > 0 {
		x.doc.Header = c.t.appendJSON(nil, root)
	}
	d := decoder{t: c.t, lim: x.lim, base: path, faults: c.faults}
	d.header(root)
	x.faults = append(x.faults, d.faults...)
	if len(x.faults) > 0 {
		return x.faults
	}
	return nil
}

func (c *xmlConverter) headerMembers(root int32, el *xmlElement) {
	for _, kid := range el.kids {
		switch {
		case kid.space == sbdhNamespace && kid.local == sbdhElement:
			c.sbdh(kid)
			if !c.generatedSBDH(kid) {
				c.extension(root, kid)
			}
		case kid.foreign():
			c.extension(root, kid)
		case kid.local == "extension":
			c.headerMembers(root, kid)
		case kid.local == "EPCISMasterData":
			n := c.once(root, KindObject, "epcisMasterData", "", xmlOrigin{el: kid})
			c.masterData(n, kid)
		default:
			c.fault(xmlOrigin{el: kid}, CodeUnknownField, quote(kid.local)+" is not an element of the standard here")
		}
	}
}

func (c *xmlConverter) masterData(n int32, el *xmlElement) {
	for _, list := range el.kids {
		switch {
		case list.foreign():
			c.extension(n, list)
		case list.local == "VocabularyList":
			c.vocabularies(c.once(n, KindArray, "vocabularyList", "", xmlOrigin{el: list}), list)
		case list.local == "extension":
			c.masterData(n, list)
		default:
			c.fault(xmlOrigin{el: list}, CodeUnknownField, quote(list.local)+" is not an element of the standard here")
		}
	}
}

// sbdh takes from the Standard Business Document Header what JSON-LD has members for.
func (c *xmlConverter) sbdh(el *xmlElement) {
	for _, kid := range el.kids {
		for _, leaf := range kid.kids {
			switch kid.local + "/" + leaf.local {
			case "Sender/Identifier":
				c.x.doc.Sender = leaf.trimmed()
			case "Receiver/Identifier":
				c.x.doc.Receiver = leaf.trimmed()
			case "DocumentIdentification/InstanceIdentifier":
				c.x.doc.InstanceIdentifier = leaf.trimmed()
			}
		}
	}
}

// generatedSBDH tells whether a header holds no more than the writer makes of the
// document's sender, receiver and instanceIdentifier.
func (c *xmlConverter) generatedSBDH(el *xmlElement) bool {
	alone := xmlConverter{x: c.x, t: &tree{origin: []xmlOrigin{}}, base: c.base}
	root := alone.add(none, KindObject, "", "", xmlOrigin{el: el})
	alone.extension(root, el)
	w := jsonWriter{}
	x := sbdhOf(c.x.doc)
	w.begin('{')
	w.extensions([]Extension{x})
	w.end('}')
	return string(alone.t.appendJSON(nil, root)) == string(w.b)
}

// parts calls f for the children that have a name of the standard, reports names
// that are none, and adds what is somebody else's to n as extensions.
func (c *xmlConverter) parts(n int32, el *xmlElement, f func(*xmlElement) bool) {
	for _, kid := range el.kids {
		switch {
		case kid.foreign() && n != none:
			c.extension(n, kid)
		case kid.foreign() || !f(kid):
			c.fault(xmlOrigin{el: kid}, CodeUnknownField, quote(kid.String())+" is not an element of the standard here")
		}
	}
}

// identified adds the attribute that names an element of master data, and others'
// attributes as extensions.
func (c *xmlConverter) identified(n int32, el *xmlElement, name string) {
	c.attrs(n, el, func(a *xmlAttr) (Kind, string) {
		if a.local != name {
			c.fault(xmlOrigin{el: el, attr: a.local}, CodeUnknownField, quote(a.local)+" is not an attribute of the standard here")
		}
		return KindString, strings.TrimSpace(a.value)
	})
}

func (c *xmlConverter) vocabularies(list int32, el *xmlElement) {
	c.parts(none, el, func(v *xmlElement) bool {
		if v.local != "Vocabulary" {
			return false
		}
		n := c.add(list, KindObject, "", "", xmlOrigin{el: v})
		c.identified(n, v, "type")
		c.parts(n, v, func(l *xmlElement) bool {
			if l.local != "VocabularyElementList" {
				return false
			}
			elements := c.once(n, KindArray, "vocabularyElementList", "", xmlOrigin{el: l})
			c.parts(none, l, func(e *xmlElement) bool {
				if e.local != "VocabularyElement" {
					return false
				}
				c.vocabularyElement(c.add(elements, KindObject, "", "", xmlOrigin{el: e}), e)
				return true
			})
			return true
		})
		return true
	})
}

func (c *xmlConverter) vocabularyElement(n int32, el *xmlElement) {
	c.identified(n, el, "id")
	attributes := none
	c.parts(n, el, func(kid *xmlElement) bool {
		switch kid.local {
		case "attribute":
			if attributes == none {
				attributes = c.once(n, KindArray, "attributes", "", xmlOrigin{el: kid})
			}
			if !kid.marked(markEmpty) {
				c.vocabularyAttribute(c.add(attributes, KindObject, "", "", xmlOrigin{el: kid}), kid)
			}
		case "children":
			ids := c.once(n, KindArray, "children", "", xmlOrigin{el: kid})
			c.parts(none, kid, func(id *xmlElement) bool {
				if id.local == "id" {
					c.add(ids, KindString, "", id.trimmed(), xmlOrigin{el: id})
				}
				return id.local == "id"
			})
		default:
			return false
		}
		return true
	})
}

// vocabularyAttribute adds one attribute of master data. Attributes of its element
// other than the id belong to its value.
func (c *xmlConverter) vocabularyAttribute(n int32, el *xmlElement) {
	value := *el
	value.attrs = nil
	for _, a := range el.attrs {
		if a.space == "" && a.local == "id" {
			c.once(n, KindString, "id", strings.TrimSpace(a.value), xmlOrigin{el: el, attr: "id"})
		} else {
			value.attrs = append(value.attrs, a)
		}
	}
	if el.marked(markNone) {
		return
	}
	c.value(&value, func(k Kind, text string) int32 {
		return c.once(n, k, "attribute", text, xmlOrigin{el: el})
	})
}
