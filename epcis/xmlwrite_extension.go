package epcis

import (
	"slices"
	"strings"
)

// extensions writes members that the standard does not define, beside its own.
func (w *xmlWriter) extensions(list []Extension) {
	for i := range list {
		w.extension(&list[i], true)
	}
}

func (w *xmlWriter) extension(x *Extension, standard bool) {
	if x.Name == contextMember && x.Namespace == "" {
		return
	}
	t, ok := w.tag(x, standard)
	if !ok {
		return
	}
	v := &x.Value
	if v.Kind != KindArray {
		w.element(t, v)
		return
	}
	switch len(v.Items) {
	case 0:
		t.marks = append(t.marks, markEmpty)
		w.element(t, &Value{Kind: KindString})
	case 1:
		t.marks = append(t.marks, markArray)
		w.element(t, &v.Items[0])
	default:
		for i := range v.Items {
			w.element(t, &v.Items[i])
		}
	}
}

// element writes one value. Its own array is one inside another.
func (w *xmlWriter) element(t xmlTag, v *Value) {
	outer := len(w.scope)
	w.begin(t.name)
	if t.declare != nil {
		w.scope = append(w.scope, *t.declare)
		w.attr("xmlns:"+t.declare.prefix, t.declare.space)
	}
	marks := slices.Clip(t.marks)
	switch v.Kind {
	case KindObject:
		w.object(marks, v.Members)
	case KindArray:
		w.inner()
		w.mark(append(marks, markList)...)
		for i := range v.Items {
			w.element(xmlTag{name: t.name}, &v.Items[i])
		}
	case KindNull:
		w.inner()
		w.mark(append(marks, markNull)...)
	case KindNumber:
		w.inner()
		w.mark(append(marks, markNumber)...)
		w.b = append(w.b, v.Text...)
	case KindBool:
		w.inner()
		w.mark(append(marks, markBoolean)...)
		w.b = append(w.b, v.Text...)
	case KindString:
		w.inner()
		if v.Text != strings.TrimSpace(v.Text) {
			marks = append(marks, markString)
		}
		w.mark(marks...)
		w.escaped(v.Text, false)
	}
	w.end(t.name)
	w.scope = w.scope[:outer]
}

// object writes the rest of an element that holds an object. A member #text is its
// text, and strings before it are its attributes: so XML was read.
func (w *xmlWriter) object(marks []string, members []Extension) {
	text := slices.IndexFunc(members, func(x Extension) bool {
		return x.Name == textMember && x.Value.Kind == KindString && x.Value.Text != ""
	})
	attrs := make([]bool, len(members))
	empty := true // nothing but text, which alone would be a string
	for i := range members {
		attrs[i] = i < text && w.attribute(&members[i])
		empty = empty && (i == text || members[i].Name == contextMember)
	}
	w.inner()
	if empty {
		marks = append(marks, markObject)
	}
	if text >= 0 {
		s := members[text].Value.Text
		if s != strings.TrimSpace(s) {
			marks = append(marks, markString)
		}
		w.mark(marks...)
		w.escaped(s, false)
	} else {
		w.mark(marks...)
	}
	for i := range members {
		if i != text && !attrs[i] {
			w.extension(&members[i], false)
		}
	}
}

// attribute writes an extension as an attribute of the open start tag, if it can be one.
func (w *xmlWriter) attribute(x *Extension) bool {
	if x.Value.Kind != KindString || !isNCName(x.Local) || x.Namespace == xsiNamespace || x.Name == contextMember {
		return false
	}
	switch {
	case x.Namespace == "":
		if x.Name != x.Local || strings.HasPrefix(x.Local, "xmlns") {
			return false
		}
		w.attr(x.Local, x.Value.Text)
		return true
	case x.Namespace == xmlNamespace:
		w.attr("xml:"+x.Local, x.Value.Text)
		return true
	case !usableSpace(x.Namespace):
		return false
	}
	prefix, ok := curie(x)
	if space, found := w.lookup(prefix); !ok || !found || space != x.Namespace {
		return false
	}
	w.attr(prefix+":"+x.Local, x.Value.Text)
	return true
}
