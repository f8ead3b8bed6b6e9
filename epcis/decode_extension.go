package epcis

import (
	"slices"
	"strings"
)

// extensions reads an object whose known members known takes; the others are
// extensions and must have URIs for names.
func (d *decoder) extensions(n int32, known func(c int32) bool) []Extension {
	if !d.is(n, KindObject) {
		return nil
	}
	var list []Extension
	for c := d.t.nodes[n].first; c != none; c = d.t.nodes[c].next {
		if known != nil && known(c) {
			continue
		}
		if key := d.t.nodes[c].key; !isURI(key) {
			d.fault(c, CodeUnknownField, quote(key)+" is not a field of the standard here and not an extension")
			continue
		}
		list = append(list, d.extension(c))
	}
	return list
}

func (d *decoder) extension(c int32) Extension {
	name := d.t.nodes[c].key
	ns, local := d.ctx.name(name)
	return Extension{Namespace: ns, Local: local, Name: name, Value: d.value(c)}
}

func (d *decoder) value(n int32) Value {
	nd := &d.t.nodes[n]
	v := Value{Kind: nd.kind, Text: nd.text}
	switch nd.kind {
	case KindArray:
		v.Text = "" // a tree from XML marks its arrays there
		v.Items = make([]Value, 0, nd.count)
		for c := nd.first; c != none; c = d.t.nodes[c].next {
			v.Items = append(v.Items, d.value(c))
		}
	case KindObject:
		outer := d.ctx
		if own := d.t.child(n, "@context"); own != none {
			// The standard asks nothing of what is inside an extension, so neither does this.
			free := decoder{t: d.t, lim: d.lim}
			if inner := outer.with(&free, own); free.err() == nil {
				d.ctx = inner
			}
		}
		v.Members = make([]Extension, 0, nd.count)
		for c := nd.first; c != none; c = d.t.nodes[c].next {
			v.Members = append(v.Members, d.extension(c))
		}
		d.ctx = outer
	case KindNull, KindBool, KindNumber, KindString:
	}
	return v
}

// appendSorted writes a value with its members sorted and its numbers canonical,
// so that equal values have equal text.
func (t *tree) appendSorted(b []byte, n int32) []byte {
	switch nd := &t.nodes[n]; nd.kind {
	case KindObject:
		members := make([]int32, 0, nd.count)
		for c := nd.first; c != none; c = t.nodes[c].next {
			members = append(members, c)
		}
		slices.SortFunc(members, func(a, b int32) int { return strings.Compare(t.nodes[a].key, t.nodes[b].key) })
		b = append(b, '{')
		for _, c := range members {
			b = appendString(b, t.nodes[c].key)
			b = append(b, ':')
			b = t.appendSorted(b, c)
			b = append(b, ',')
		}
		return append(b, '}')
	case KindArray:
		b = append(b, '[')
		for c := nd.first; c != none; c = t.nodes[c].next {
			b = t.appendSorted(b, c)
			b = append(b, ',')
		}
		return append(b, ']')
	case KindNumber:
		if out, ok := appendDecimal(b, nd.text); ok {
			return out
		}
		return append(b, nd.text...)
	case KindNull, KindBool, KindString:
	}
	return t.appendJSON(b, n)
}
