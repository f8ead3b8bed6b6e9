package epcis

// header checks an epcisHeader.
func (d *decoder) header(n int32) {
	if !d.is(n, KindObject) {
		return
	}
	for c := d.t.nodes[n].first; c != none; c = d.t.nodes[c].next {
		if d.t.nodes[c].key != "epcisMasterData" {
			if !isURI(d.t.nodes[c].key) {
				d.fault(c, CodeUnknownField, quote(d.t.nodes[c].key)+" is not a field of epcisHeader and not an extension")
			}
			continue
		}
		if d.is(c, KindObject) {
			if l := d.t.child(c, "vocabularyList"); l != none {
				d.vocabularyList(l)
			}
		}
	}
}

// vocabularyList checks master data.
func (d *decoder) vocabularyList(n int32) {
	uriMember := func(o int32, name string) {
		if c := d.t.child(o, name); c != none {
			d.uri(c)
		} else {
			d.missing(o, name)
		}
	}
	d.objects(n, func(v int32) {
		uriMember(v, "type")
		elements := d.t.child(v, "vocabularyElementList")
		if elements == none {
			return
		}
		d.objects(elements, func(e int32) {
			uriMember(e, "id")
			if list := d.t.child(e, "attributes"); list != none {
				d.objects(list, func(a int32) {
					uriMember(a, "id")
					if c := d.t.child(a, "attribute"); c != none {
						switch d.t.nodes[c].kind {
						case KindString, KindNumber, KindObject:
						case KindNull, KindBool, KindArray:
							d.fault(c, CodeType, "want a string, a number or an object, have "+d.t.nodes[c].kind.article())
						}
					}
				})
			}
			if list := d.t.child(e, "children"); list != none {
				d.uris(list)
			}
		})
	})
}
