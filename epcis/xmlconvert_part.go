package epcis

import "strings"

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
