package epcis

func (d *decoder) errorDeclaration(n int32) *ErrorDeclaration {
	if !d.is(n, KindObject) {
		return nil
	}
	e := &ErrorDeclaration{}
	e.Extensions = d.extensions(n, func(c int32) bool {
		switch d.t.nodes[c].key {
		case "declarationTime":
			e.DeclarationTime = d.time(c)
		case "reason":
			e.Reason = d.vocab(c, vocReason())
		case "correctiveEventIDs":
			e.CorrectiveEventIDs = d.uris(c)
		default:
			return false
		}
		return true
	})
	if d.t.child(n, "declarationTime") == none {
		d.missing(n, "declarationTime")
	}
	return e
}

func (d *decoder) persistentDisposition(n int32) *PersistentDisposition {
	if !d.is(n, KindObject) {
		return nil
	}
	p := &PersistentDisposition{}
	words := func(c int32) []Disposition {
		if !d.is(c, KindArray) {
			return nil
		}
		d.filled(c, d.t.nodes[c].key)
		list := make([]Disposition, 0, d.t.nodes[c].count)
		for w := d.t.nodes[c].first; w != none; w = d.t.nodes[w].next {
			list = append(list, Disposition(d.vocab(w, vocDisposition())))
		}
		d.distinct(c)
		return list
	}
	for c := d.t.nodes[n].first; c != none; c = d.t.nodes[c].next {
		switch d.t.nodes[c].key {
		case "set":
			p.Set = words(c)
		case "unset":
			p.Unset = words(c)
		default:
			d.fault(c, CodeUnknownField, quote(d.t.nodes[c].key)+" is not a field of persistentDisposition")
		}
	}
	if d.t.child(n, "set") == none && d.t.child(n, "unset") == none {
		d.missing(n, "set")
	}
	return p
}

func (d *decoder) location(n int32) *Location {
	if !d.is(n, KindObject) {
		return nil
	}
	l := &Location{}
	for c := d.t.nodes[n].first; c != none; c = d.t.nodes[c].next {
		if d.t.nodes[c].key == "id" {
			l.ID = d.uri(c)
		} else {
			l.Extensions = append(l.Extensions, d.extension(c))
		}
	}
	if d.t.child(n, "id") == none {
		d.missing(n, "id")
	}
	return l
}

// objects calls f for each member of an array of objects and gives their number.
func (d *decoder) objects(n int32, f func(c int32)) {
	if !d.is(n, KindArray) {
		return
	}
	for c := d.t.nodes[n].first; c != none; c = d.t.nodes[c].next {
		if d.is(c, KindObject) {
			f(c)
		}
	}
}

func (d *decoder) bizTransactions(n int32) []BizTransaction {
	list := make([]BizTransaction, 0, d.t.nodes[n].count)
	d.objects(n, func(o int32) {
		var b BizTransaction
		for c := d.t.nodes[o].first; c != none; c = d.t.nodes[c].next {
			switch d.t.nodes[c].key {
			case "type":
				b.Type = d.vocab(c, vocTransaction())
			case "bizTransaction":
				b.ID = d.uri(c)
			default:
				d.fault(c, CodeUnknownField, quote(d.t.nodes[c].key)+" is not a field of a business transaction")
			}
		}
		if d.t.child(o, "bizTransaction") == none {
			d.missing(o, "bizTransaction")
		}
		list = append(list, b)
	})
	return list
}

func (d *decoder) parties(n int32, member string) []Party {
	list := make([]Party, 0, d.t.nodes[n].count)
	d.objects(n, func(o int32) {
		var p Party
		for c := d.t.nodes[o].first; c != none; c = d.t.nodes[c].next {
			switch d.t.nodes[c].key {
			case "type":
				p.Type = d.vocab(c, vocParty())
			case member:
				p.ID = d.uri(c)
			default:
				d.fault(c, CodeUnknownField, quote(d.t.nodes[c].key)+" is not a field of a "+member)
			}
		}
		if d.t.child(o, "type") == none {
			d.missing(o, "type")
		}
		if d.t.child(o, member) == none {
			d.missing(o, member)
		}
		list = append(list, p)
	})
	return list
}

func (d *decoder) quantities(n int32) []Quantity {
	list := make([]Quantity, 0, d.t.nodes[n].count)
	d.objects(n, func(o int32) {
		var q Quantity
		for c := d.t.nodes[o].first; c != none; c = d.t.nodes[c].next {
			switch d.t.nodes[c].key {
			case "epcClass":
				q.EPCClass = d.uri(c)
			case "quantity":
				q.Quantity = d.number(c)
			case "uom":
				if q.UOM = d.str(c); d.t.nodes[c].kind == KindString && !isUOM(q.UOM) {
					d.fault(c, CodeFormat, quote(q.UOM)+" is not a unit code of two or three capitals and digits")
				}
			default:
				d.fault(c, CodeUnknownField, quote(d.t.nodes[c].key)+" is not a field of a quantity")
			}
		}
		if d.t.child(o, "epcClass") == none {
			d.missing(o, "epcClass")
		}
		list = append(list, q)
	})
	return list
}
