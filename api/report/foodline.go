package report

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/waybill-dev/waybill/epcis"
)

// wanted reports whether an object of an event is one that rows are about: the parent of an
// aggregation is what its children stand in.
func wanted(e *event, it epcis.Item) bool {
	return it.Role != epcis.RoleParent || len(e.ChildEPCs)+len(e.ChildQuantities) == 0 && len(e.EPCs)+len(e.Quantities) == 0
}

// line is a lot, or what is not known to be one, in an event.
type line struct {
	role    string
	class   string // the class of a quantity, canonical; empty for serialised objects
	lot     string // the canonical lot; empty if not known
	objects []string
	quantity
	unit     string // the logistic unit that it is in, canonical
	inferred bool
	partial  bool // there is more in the unit than was looked at
	origin   *origin
}

// lines lists what an event names, before the lots of serialised objects are known. Containers must be
// loaded.
func (v *ledgerView) lines(e *event) []line {
	var lines []line
	for _, it := range e.Items() {
		if !wanted(e, it) {
			continue
		}
		role := "food"
		switch it.Role {
		case epcis.RoleInput:
			role = "used"
		case epcis.RoleOutput:
			role = "produced"
		case epcis.RoleEPC, epcis.RoleParent, epcis.RoleChild:
		}
		id := parts(it.Canonical)
		switch {
		case it.Class:
			lines = append(lines, line{role: role, class: it.Canonical, quantity: quantity{class: it.Canonical, amount: string(it.Quantity), uom: it.UOM}})
		case id.gtin != "":
			lines = append(lines, line{role: role, objects: []string{it.Canonical}})
		default:
			lines = append(lines, v.unit(e, role, it.Canonical)...)
		}
	}
	return lines
}

// unit lists what is in a logistic unit at the time of an event.
func (v *ledgerView) unit(e *event, role, unit string) (lines []line) {
	c := v.contentsOf(unit, e.EventTime.Instant, false)
	for _, q := range c.quantities {
		lines = append(lines, line{role: role, class: q.class, quantity: q, unit: unit, inferred: true, partial: c.more})
	}
	if len(c.objects) > 0 {
		lines = append(lines, line{role: role, objects: c.objects, unit: unit, inferred: true, partial: c.more})
	}
	if len(lines) == 0 {
		lines = append(lines, line{role: role, unit: unit, quantity: quantity{amount: "1"}, partial: c.more})
	}
	return lines
}

// byLot puts together the serialised objects of a lot, and gives each line its origin. Their origins must
// be loaded.
func (v *ledgerView) byLot(lines []line) []line {
	var out []line
	type key struct{ role, gtin, lot, unit string }
	at := map[key]int{}
	for _, l := range lines {
		if len(l.objects) == 0 {
			l.origin = v.origins[l.class]
			if parts(l.class).lot != "" || l.class != "" && parts(l.class).gtin == "" {
				l.lot = l.class
			}
			out = append(out, l)
			continue
		}
		for _, o := range l.objects {
			id, from := parts(o), v.origins[o]
			k := key{l.role, id.gtin, "", l.unit}
			if from != nil {
				k.lot = from.lot
			}
			i, ok := at[k]
			if !ok {
				i = len(out)
				at[k] = i
				n := line{role: l.role, class: product(id.gtin), unit: l.unit, inferred: l.inferred, partial: l.partial, origin: from}
				if id.gtin == "" {
					n.class = o
				}
				if n.lot = lotID(id.gtin, k.lot); n.lot == "" && k.lot != "" {
					n.lot = k.lot // a lot by a code that GS1's key cannot hold
				}
				out = append(out, n)
			}
			out[i].objects = append(out[i].objects, o)
			out[i].amount = strconv.Itoa(len(out[i].objects))
		}
	}
	slices.SortStableFunc(out, func(a, b line) int {
		return cmp.Or(cmp.Compare(a.lot, b.lot), cmp.Compare(a.class, b.class))
	})
	return out
}

// lotCode is a lot as people write it: (01)GTIN(10)LOT, or the identifier itself.
func lotCode(lot string) string {
	if id := parts(lot); id.gtin != "" && id.lot != "" {
		return "(01)" + id.gtin + "(10)" + id.lot
	}
	return lot
}
