package epcis

import "strings"

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
