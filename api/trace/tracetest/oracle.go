package tracetest

import (
	"bytes"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

// Oracle knows what a list of events means, by replaying all of it.
//
// Time is cut into slots: slot 0 before every event, slot 2i+1 the moment of event i, slot 2i+2 what
// lies between it and the next.
type Oracle struct {
	events []Record // that stand, in order
	stays  []*stay
	lots   []lotFact
}

// stay is one object in one container, or one entry of an amount of a class.
type stay struct {
	child, parent string
	kind          epcis.EventType
	class         bool
	begin, end    int // indices of events; end is -1 while it lasts
	quantity, uom string
	amounts       []epcis.Item
	slots         []bool
}

type lotFact struct {
	item, lot string
	event     int
}

// NewOracle reads the whole list of records; at leaves out what happened later.
func NewOracle(records []Record, at *ledger.Millis) *Oracle {
	o := &Oracle{}
	for _, r := range Standing(records) {
		if at == nil || ledger.MillisOf(r.Event.EventTime.Instant) <= *at {
			o.events = append(o.events, r)
		}
	}
	slices.SortFunc(o.events, func(a, b Record) int {
		if c := a.Event.EventTime.Instant.Compare(b.Event.EventTime.Instant); c != 0 {
			return c
		}
		return bytes.Compare(a.Hash[:], b.Hash[:])
	})
	o.replay()
	for i, r := range o.events {
		for _, f := range lotsTold(r) {
			f.event = i
			o.lots = append(o.lots, f)
		}
	}
	return o
}

func (o *Oracle) slots() int { return 2*len(o.events) + 1 }

var (
	ilmdLot = regexp.MustCompile(`"cbvmda:lotNumber":"([^"]*)"`)
	linkLot = regexp.MustCompile(`/01/(\d{14})/10/([^/"]+)/21/([^/"]+)`)
)

func bornHere(r Record, role epcis.Role) bool {
	return r.Event.Type == epcis.ObjectEvent && r.Event.Action == "ADD" || r.Event.Type == epcis.TransformationEvent && role == epcis.RoleOutput
}

func lotsTold(r Record) (facts []lotFact) {
	number := ""
	if m := ilmdLot.FindSubmatch(r.Body); m != nil {
		number = string(m[1])
	}
	for _, it := range r.Event.Items() {
		if !strings.Contains(it.Canonical, "/21/") || it.Class || it.Kind != epcis.KindSGTIN {
			continue
		}
		trade, _, _ := strings.Cut(it.Canonical, "/21/")
		if m := linkLot.FindStringSubmatch(it.EPC); m != nil {
			facts = append(facts, lotFact{item: it.Canonical, lot: trade + "/10/" + strings.ReplaceAll(m[2], "%2D", "-")})
		} else if number != "" && bornHere(r, it.Role) {
			facts = append(facts, lotFact{item: it.Canonical, lot: trade + "/10/" + number})
		}
	}
	return facts
}

// items are the objects of an event, a class with the lot that its ILMD tells.
func items(r Record) []epcis.Item {
	list := r.Event.Items()
	if m := ilmdLot.FindSubmatch(r.Body); m != nil {
		for i, it := range list {
			if it.Kind != epcis.KindGTIN || !bornHere(r, it.Role) {
				continue
			}
			if r.Event.Type == epcis.ObjectEvent {
				list = append(list, it)
			}
			list[i].Canonical += "/10/" + string(m[1])
		}
	}
	return list
}

func parentOf(r Record) string {
	for _, it := range items(r) {
		if it.Role == epcis.RoleParent {
			return it.Canonical
		}
	}
	return ""
}

// replay goes through the events once for each kind of tie and each child that is ever named.
func (o *Oracle) replay() {
	for _, kind := range []epcis.EventType{epcis.AggregationEvent, epcis.AssociationEvent} {
		instances, amounts := map[string]bool{}, map[[2]string]bool{}
		for _, r := range o.events {
			for _, it := range items(r) {
				switch {
				case r.Event.Type != kind || it.Role != epcis.RoleChild:
				case it.Class:
					amounts[[2]string{it.Canonical, parentOf(r)}] = true
				default:
					instances[it.Canonical] = true
				}
			}
		}
		for id := range instances {
			o.replayInstance(kind, id)
		}
		for of := range amounts {
			if of[1] != "" && of[0] != of[1] {
				o.replayAmount(kind, of[0], of[1])
			}
		}
	}
	for _, s := range o.stays {
		s.slots = make([]bool, o.slots())
		last := len(s.slots)
		if s.end >= 0 {
			last = 2*s.end + 1
		}
		for i := 2*s.begin + 1; i < last; i++ {
			s.slots[i] = true
		}
	}
}

func (o *Oracle) replayInstance(kind epcis.EventType, id string) {
	var now *stay
	for i, r := range o.events {
		ev := r.Event
		parent, named, children, gone := parentOf(r), false, 0, false
		for _, it := range items(r) {
			if it.Role == epcis.RoleChild {
				children++
			}
			if it.Canonical != id || it.Class {
				continue
			}
			named = named || it.Role == epcis.RoleChild
			gone = gone || it.Role == epcis.RoleInput ||
				ev.Type == epcis.ObjectEvent && (ev.Action == "DELETE" || ev.BizStep == "decommissioning" || ev.BizStep == "destroying")
		}
		takesOut := ev.Type == kind && ev.Action == "DELETE"
		if now != nil {
			emptied := takesOut && children == 0 && parent == now.parent
			removed := takesOut && named && (parent == "" || parent == now.parent)
			elsewhere := ev.Type == kind && named && ev.Action != "DELETE" && parent != "" && parent != id && parent != now.parent
			if emptied || removed || elsewhere || gone {
				now.end = i
				now = nil
			}
		}
		if now == nil && ev.Type == kind && named && ev.Action != "DELETE" && parent != "" && parent != id {
			now = &stay{child: id, parent: parent, kind: kind, begin: i, end: -1}
			o.stays = append(o.stays, now)
		}
	}
}

// weight is an amount in kilograms or pieces; ok is false where it is unstated.
func weight(it epcis.Item) (unit string, amount *big.Rat, ok bool) {
	amount, ok = new(big.Rat).SetString(string(it.Quantity))
	if !ok {
		return "", nil, false
	}
	switch it.UOM {
	case "GRM":
		return "KGM", amount.Quo(amount, big.NewRat(1000, 1)), true
	default:
		return it.UOM, amount, true
	}
}

func (o *Oracle) replayAmount(kind epcis.EventType, id, parent string) {
	var open []*stay
	var taken []epcis.Item
	for i, r := range o.events {
		if r.Event.Type != kind || parentOf(r) != parent {
			continue
		}
		var amounts []epcis.Item
		children := 0
		for _, it := range items(r) {
			if it.Role == epcis.RoleChild {
				children++
				if it.Class && it.Canonical == id {
					amounts = append(amounts, it)
				}
			}
		}
		empties := r.Event.Action == "DELETE" && children == 0
		switch {
		case empties:
		case len(amounts) == 0:
			continue
		case r.Event.Action == "DELETE":
			if len(open) == 0 {
				continue
			}
			taken = append(taken, amounts...)
			if !allTaken(open, taken, amounts) {
				continue
			}
		case r.Event.Action == "OBSERVE" && len(open) > 0:
			continue
		default:
			s := &stay{child: id, parent: parent, kind: kind, class: true, begin: i, end: -1, amounts: amounts}
			if len(amounts) == 1 {
				s.quantity, s.uom = string(amounts[0].Quantity), amounts[0].UOM
			}
			open = append(open, s)
			o.stays = append(o.stays, s)
			continue
		}
		for _, s := range open {
			s.end = i
		}
		open, taken = nil, nil
	}
}

func allTaken(open []*stay, taken, now []epcis.Item) bool {
	for _, it := range now {
		if _, _, ok := weight(it); !ok {
			return true
		}
	}
	left := map[string]*big.Rat{}
	for _, s := range open {
		for _, it := range s.amounts {
			unit, amount, ok := weight(it)
			if !ok {
				return false
			}
			if left[unit] == nil {
				left[unit] = new(big.Rat)
			}
			left[unit].Add(left[unit], amount)
		}
	}
	for _, it := range taken {
		if unit, amount, ok := weight(it); ok && left[unit] != nil {
			left[unit].Sub(left[unit], amount)
		}
	}
	for _, rest := range left {
		if rest.Sign() > 0 {
			return false
		}
	}
	return true
}

// balance adds up a transformation: inputs and outputs by unit, and under ? what is unstated.
func (o *Oracle) balance(process string) map[string]string {
	in, out := map[string]float64{}, map[string]float64{}
	unstated := [2]int{}
	for i, r := range o.events {
		if r.Event.Type != epcis.TransformationEvent || o.process(i).id != process {
			continue
		}
		for _, it := range items(r) {
			into, side := in, 0
			if it.Role == epcis.RoleOutput {
				into, side = out, 1
			}
			if !it.Class {
				into[""]++
				continue
			}
			unit, amount, ok := weight(it)
			if !ok {
				unstated[side]++
				continue
			}
			f, _ := amount.Float64()
			into[unit] += f
		}
	}
	lines := map[string]string{"?": fmt.Sprint(unstated[0], unstated[1])}
	for _, side := range []map[string]float64{in, out} {
		for unit := range side {
			lines[unit] = fmt.Sprintf("%.6f %.6f", in[unit], out[unit])
		}
	}
	return lines
}
