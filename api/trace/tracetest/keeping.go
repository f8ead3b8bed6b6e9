package tracetest

import (
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/epcis"
)

// Where gives the line of who holds a thing and what it is in.
func (o *Oracle) Where(id string) string {
	return (&keeping{Oracle: o, memo: map[string]int{}}).line(id)
}

// keeping asks who held what, by looking at every event for every thing.
type keeping struct {
	*Oracle
	memo map[string]int
}

func (k *keeping) line(id string) string {
	all := from(k.slots(), 0)
	text := func(i int) string {
		if i < 0 {
			return "-"
		}
		return k.events[i].Hash.String()
	}
	held, last, seen := k.last(id, "held", all, 0), k.last(id, "status", all, 0), k.last(id, "place", all, 0)/len(ranksOf())
	custodian, status, where, container := "", "", "", ""
	if last >= 0 {
		last, status = last/len(ranksOf()), ranksOf()[last%len(ranksOf())]
	}
	if held >= 0 {
		held /= len(ranksOf())
		custodian = k.events[held].MSPID
	}
	if seen >= 0 {
		where = placeText(k.events[seen])
	}
	for _, s := range k.stays {
		if s.child == id && !s.class && s.end < 0 {
			if s.kind == epcis.AggregationEvent {
				container = s.parent
				break
			}
			container = s.parent
		}
	}
	return WhereLine(custodian, text(held), status, text(last), where, text(seen), container)
}

// WhereLine is who holds a thing as a line.
func WhereLine(custodian, held, status, since, where, seen, container string) string {
	return fmt.Sprintf("held by %q %s, %q %s, at %q %s, in %q", custodian, held, status, since, where, seen, container)
}

func placeText(r Record) string {
	id := ""
	if r.Event.ReadPoint != nil {
		id = r.Event.ReadPoint.ID
	}
	if r.Event.BizLocation != nil {
		id = r.Event.BizLocation.ID
	}
	if c, err := epcis.CanonicalEPC(id); err == nil {
		return c
	}
	return id
}

// ranks are what an event may say of a thing; where it says several the last counts.
func ranksOf() []string { return []string{"", "held", "shipped", "sold", "ended"} }

// says gives what event i says of a thing by its parts in it: -1 for nothing about it, else a rank.
func (k *keeping) says(i int, id, about string) int {
	r := k.events[i]
	roles := map[epcis.Role]bool{}
	for _, it := range items(r) {
		if it.Canonical == id {
			roles[it.Role] = true
		}
	}
	if len(roles) == 0 {
		return -1
	}
	said := map[string]bool{}
	for _, status := range statusBy(r.Event, roles) {
		said[status] = true
	}
	rank := -1
	for n, status := range ranksOf() {
		if said[status] {
			rank = n
		}
	}
	switch {
	case about == "place" && placeText(r) == "", about == "held" && !said["held"]:
		return -1
	case about == "place":
		return max(rank, 0)
	}
	return rank
}

func statusBy(ev *epcis.Event, roles map[epcis.Role]bool) (said []string) {
	object := ev.Type == epcis.ObjectEvent
	step, disposition := string(ev.BizStep), string(ev.Disposition)
	if object && (ev.Action == "DELETE" || step == "decommissioning" || step == "destroying") || roles[epcis.RoleInput] {
		return []string{"ended"}
	}
	if slices.Contains([]string{"retail_selling", "dispensing"}, step) || slices.Contains([]string{"retail_sold", "dispensed", "partially_dispensed"}, disposition) {
		said = append(said, "sold")
	}
	unpacked := roles[epcis.RoleChild] && ev.Action == "DELETE"
	packs := ev.Type == epcis.AggregationEvent && roles[epcis.RoleParent] && ev.Action != "OBSERVE"
	born := object && (ev.Action == "ADD" || step == "commissioning" || step == "creating_class_instance") || roles[epcis.RoleOutput]
	if step == "receiving" || step == "accepting" || unpacked || packs || born {
		said = append(said, "held")
	}
	if slices.Contains([]string{"shipping", "departing", "transporting"}, step) {
		said = append(said, "shipped")
	}
	return said
}

// last gives the last event that says something of a thing, itself or by what it is in, and the rank of
// what it says, as one number: event times ranks plus rank. It is below 0 if none does.
func (k *keeping) last(id, about string, slots []bool, level int) int {
	memo := fmt.Sprint(id, about, level, slots)
	if i, ok := k.memo[memo]; ok {
		return i
	}
	best := -len(ranksOf())
	for i := range k.events {
		rank := k.says(i, id, about)
		ended := rank >= 0 && ranksOf()[rank] == "ended"
		if rank < 0 || !slots[2*i+1] || level > 0 && ended && k.events[i].Event.Type != epcis.TransformationEvent {
			continue
		}
		best = max(best, i*len(ranksOf())+rank)
	}
	if level < 16 {
		for _, s := range k.stays {
			if s.child == id && !s.class {
				if inside := and(slots, s.slots); slices.Contains(inside, true) {
					best = max(best, k.last(s.parent, about, inside, level+1))
				}
			}
		}
	}
	k.memo[memo] = best
	return best
}
