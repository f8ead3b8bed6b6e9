package epcis

import (
	"bytes"
	"strconv"
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

func (el *xmlElement) trimmed() string { return string(bytes.TrimSpace(el.text)) }

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
