package query

import (
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/epcis"
)

// attributeField reads the field of an attribute parameter.
func (p *parser) attributeField(field string) (a AttributeIs, ok bool) {
	if slices.Contains(attributeFields(), field) {
		return AttributeIs{Field: field}, true
	}
	name, ok := p.fieldName(field)
	return AttributeIs{Name: name}, ok
}

// hasAttribute reads HASATTR_field with a list of names of attributes.
func (p *parser) hasAttribute(q parameter, field string) {
	a, ok := p.attributeField(field)
	if !ok {
		p.unknown()
		return
	}
	for _, s := range p.strings(q) {
		a.Attributes = append(a.Attributes, p.attributeNames(s)...)
	}
	p.add(a)
}

// equalAttribute reads EQATTR_field_attribute with a list of values.
func (p *parser) equalAttribute(q parameter, rest string) {
	for _, field := range attributeFields() {
		if attribute, ok := strings.CutPrefix(rest, field+"_"); ok && attribute != "" {
			p.attributeValues(q, AttributeIs{Field: field}, attribute)
			return
		}
	}
	// An underscore may be part of either name; the prefix of a field has none, so
	// that the attribute begins after the last one that leaves both.
	i := strings.LastIndexByte(rest, '_')
	if i <= 0 || i == len(rest)-1 {
		p.unknown()
		return
	}
	field, attribute := rest[:i], rest[i+1:]
	// A schema without prefixes: a bare word names no field of an event.
	if !strings.ContainsAny(field, ":#") {
		p.attributeValues(q, AttributeIs{Name: Name{Local: field}}, attribute)
		return
	}
	a, ok := p.attributeField(field)
	if !ok {
		p.unknown()
		return
	}
	p.attributeValues(q, a, attribute)
}

func (p *parser) attributeValues(q parameter, a AttributeIs, attribute string) {
	a.Attributes = p.attributeNames(attribute)
	a.Values = []string{}
	switch {
	case p.json && !q.list:
		if v := q.values[0]; v.kind == epcis.KindNumber || v.kind == epcis.KindString {
			a.Values = append(a.Values, v.text)
		} else {
			p.fault(CodeValue, "a list of strings, a number or a date and time is wanted")
			return
		}
	default:
		a.Values = append(a.Values, p.strings(q)...)
	}
	p.add(a)
}

// attributeNames gives the names of an attribute in every context in force.
func (p *parser) attributeNames(s string) []Name {
	var names []Name
	for _, c := range p.contexts {
		if n := attributeName(s, c); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}
