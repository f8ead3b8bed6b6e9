package epcis

func (k Kind) article() string {
	switch k {
	case KindNull:
		return "null"
	case KindBool:
		return "a boolean"
	case KindNumber:
		return "a number"
	case KindString:
		return "a string"
	case KindArray:
		return "an array"
	case KindObject:
		return "an object"
	}
	return "nothing"
}

func (d *decoder) is(n int32, k Kind) bool {
	if d.t.nodes[n].kind == k {
		return true
	}
	d.fault(n, CodeType, "want "+k.article()+", have "+d.t.nodes[n].kind.article())
	return false
}

func (d *decoder) str(n int32) string {
	if !d.is(n, KindString) {
		return ""
	}
	return d.t.nodes[n].text
}

func (d *decoder) uri(n int32) string {
	if !d.is(n, KindString) {
		return ""
	}
	s := d.t.nodes[n].text
	if !isURI(s) {
		d.fault(n, CodeFormat, quote(s)+" is not an absolute URI")
	}
	return s
}

func (d *decoder) time(n int32) Time {
	if !d.is(n, KindString) {
		return Time{}
	}
	s := d.t.nodes[n].text
	at, ok := parseTime(s)
	if !ok {
		d.fault(n, CodeFormat, quote(s)+" is not a date and time with an offset (RFC 3339)")
	}
	return Time{Instant: at, Text: s}
}

func (d *decoder) number(n int32) Number {
	if !d.is(n, KindNumber) {
		return ""
	}
	return Number(d.t.nodes[n].text)
}

func (d *decoder) vocab(n int32, v vocabulary) string {
	if !d.is(n, KindString) {
		return ""
	}
	s := d.t.nodes[n].text
	if v.words(s) {
		return s
	}
	if !isURI(s) || v.refuse(s) {
		d.fault(n, CodeVocabulary, quote(s)+" is neither the bare word of "+v.what+" nor another URI")
		return s
	}
	return v.bare(s)
}

func (d *decoder) uris(n int32) []string {
	if !d.is(n, KindArray) {
		return nil
	}
	list := make([]string, 0, d.t.nodes[n].count)
	for c := d.t.nodes[n].first; c != none; c = d.t.nodes[c].next {
		list = append(list, d.uri(c))
	}
	return list
}

// distinctURIs is uris for a list whose members must differ.
func (d *decoder) distinctURIs(n int32) []string {
	list := d.uris(n)
	d.distinct(n)
	return list
}

// distinct reports members of an array that stand twice.
func (d *decoder) distinct(n int32) {
	nd := &d.t.nodes[n]
	if nd.kind != KindArray || nd.count < 2 {
		return
	}
	allStrings := true
	for c := nd.first; c != none; c = d.t.nodes[c].next {
		allStrings = allStrings && d.t.nodes[c].kind == KindString
	}
	if allStrings && nd.count <= linearMembers {
		for c := nd.first; c != none; c = d.t.nodes[c].next {
			for o := nd.first; o != c; o = d.t.nodes[o].next {
				if d.t.nodes[o].text == d.t.nodes[c].text {
					d.fault(c, CodeRepeated, "this member stands twice in the list")
					break
				}
			}
		}
		return
	}
	seen := make(map[string]struct{}, nd.count)
	var b []byte
	for c := nd.first; c != none; c = d.t.nodes[c].next {
		b = d.t.appendSorted(b[:0], c)
		if _, twice := seen[string(b)]; twice {
			d.fault(c, CodeRepeated, "this member stands twice in the list")
			continue
		}
		seen[string(b)] = struct{}{}
	}
}

func (d *decoder) filled(n int32, what string) {
	if d.t.nodes[n].kind == KindArray && d.t.nodes[n].count == 0 {
		d.fault(n, CodeEmpty, what+" needs at least one member")
	}
}
