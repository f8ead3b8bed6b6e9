package tracetest

import (
	"bytes"
	"cmp"
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

// Lines is an answer as sorted lines, to be compared.
type Lines []string

type place struct {
	id      string
	process bool
}

type world struct {
	*Oracle
	up            bool
	depth         map[place]int
	reach, stands map[place][]bool
	edges         map[string]bool
}

func (w *world) clone() *world {
	c := &world{Oracle: w.Oracle, up: w.up, depth: map[place]int{}, reach: map[place][]bool{}, stands: map[place][]bool{}, edges: map[string]bool{}}
	for k, v := range w.depth {
		c.depth[k], c.reach[k], c.stands[k] = v, slices.Clone(w.reach[k]), slices.Clone(w.stands[k])
	}
	for k := range w.edges {
		c.edges[k] = true
	}
	return c
}

func (w *world) meet(p place, depth int) {
	if _, ok := w.depth[p]; !ok {
		w.depth[p], w.reach[p], w.stands[p] = depth, make([]bool, w.slots()), make([]bool, w.slots())
	}
}

func (w *world) equal(o *world) bool {
	if len(w.depth) != len(o.depth) || len(w.edges) != len(o.edges) {
		return false
	}
	for k := range w.depth {
		if !slices.Equal(w.reach[k], o.reach[k]) || !slices.Equal(w.stands[k], o.stands[k]) {
			return false
		}
	}
	return true
}

func or(into, from []bool) {
	for i, b := range from {
		into[i] = into[i] || b
	}
}

func and(a, b []bool) []bool {
	both := make([]bool, len(a))
	for i := range a {
		both[i] = a[i] && b[i]
	}
	return both
}

func from(n, slot int) []bool {
	s := make([]bool, n)
	for i := slot; i < n; i++ {
		s[i] = true
	}
	return s
}

func at(n, slot int) []bool {
	s := make([]bool, n)
	s[slot] = true
	return s
}

func (o *Oracle) process(i int) place {
	r := o.events[i]
	if r.Event.TransformationID != "" {
		return place{r.Event.TransformationID, true}
	}
	return place{epcis.Hash(r.Hash).String(), true}
}

func (o *Oracle) stayLine(s *stay) string {
	kind, end := "aggregated", "-"
	if s.kind == epcis.AssociationEvent {
		kind = "associated"
	}
	if s.end >= 0 {
		end = o.events[s.end].Hash.String()
	}
	return EdgeLine(s.child, s.parent, kind, o.events[s.begin].Hash.String(), end, s.quantity, s.uom)
}

// EdgeLine is an edge as a line.
func EdgeLine(from, to, kind, begin, end, quantity, uom string) string {
	return fmt.Sprintf("edge %s -> %s %s %s %s [%s %s]", from, to, kind, begin, end, quantity, uom)
}

func (o *Oracle) partLine(i int, id string, role epcis.Role) string {
	var of []epcis.Item
	for _, it := range items(o.events[i]) {
		if it.Role == role && it.Canonical == id {
			of = append(of, it)
		}
	}
	quantity, uom := "", ""
	if len(of) == 1 {
		quantity, uom = string(of[0].Quantity), of[0].UOM
	}
	if role == epcis.RoleInput {
		return EdgeLine(id, o.process(i).id, "consumed", o.events[i].Hash.String(), "-", quantity, uom)
	}
	return EdgeLine(o.process(i).id, id, "produced", o.events[i].Hash.String(), "-", quantity, uom)
}

func (o *Oracle) lotLine(f lotFact) string {
	return EdgeLine(f.lot, f.item, "of_lot", o.events[f.event].Hash.String(), "-", "", "")
}

// step takes every node one edge further.
func (w *world) step(depth int) *world {
	n := w.clone()
	all := from(w.slots(), 0)
	for i, r := range w.events {
		if r.Event.Type != epcis.TransformationEvent {
			continue
		}
		p := w.process(i)
		_, reached := w.depth[p]
		for _, it := range items(r) {
			id := place{id: it.Canonical}
			switch {
			case it.Role == epcis.RoleInput && !w.up:
				if w.reach[id] != nil && w.reach[id][2*i+1] {
					n.meet(p, depth)
					or(n.reach[p], all)
					n.edges[w.partLine(i, id.id, it.Role)] = true
				}
			case it.Role == epcis.RoleOutput && !w.up:
				if reached {
					n.meet(id, depth)
					or(n.reach[id], from(w.slots(), 2*i+1))
					or(n.stands[id], from(w.slots(), 2*i+1))
					n.edges[w.partLine(i, id.id, it.Role)] = true
				}
			case it.Role == epcis.RoleOutput:
				if w.reach[id] != nil && slices.Contains(w.reach[id][2*i+1:], true) {
					n.meet(p, depth)
					or(n.reach[p], all)
					n.edges[w.partLine(i, id.id, it.Role)] = true
				}
			case it.Role == epcis.RoleInput:
				if reached {
					n.meet(id, depth)
					or(n.reach[id], at(w.slots(), 2*i+1))
					n.edges[w.partLine(i, id.id, it.Role)] = true
				}
			}
		}
	}
	for _, f := range w.lots {
		lot, item := place{id: f.lot}, place{id: f.item}
		if _, ok := w.depth[lot]; ok && !w.up {
			if slices.Contains(w.reach[lot], true) {
				n.meet(item, depth)
				or(n.reach[item], w.reach[lot])
				or(n.stands[item], w.reach[lot])
				n.edges[w.lotLine(f)] = true
			}
		}
		if _, ok := w.depth[item]; ok && w.up {
			n.meet(lot, depth)
			or(n.reach[lot], w.reach[item])
			n.edges[w.lotLine(f)] = true
		}
	}
	for _, s := range w.stays {
		child, parent := place{id: s.child}, place{id: s.parent}
		if w.reach[child] != nil && !w.up {
			carried := and(w.reach[child], s.slots)
			if s.class {
				carried = make([]bool, w.slots())
				if w.reach[child][2*s.begin+1] {
					carried = s.slots
				}
			}
			if slices.Contains(carried, true) {
				n.meet(parent, depth)
				or(n.reach[parent], carried)
				n.edges[w.stayLine(s)] = true
			}
		}
		if w.stands[parent] != nil && !w.up {
			if held := and(w.stands[parent], s.slots); slices.Contains(held, true) {
				n.meet(child, depth)
				n.edges[w.stayLine(s)] = true
				switch {
				case !s.class:
					or(n.stands[child], held)
					or(n.reach[child], from(w.slots(), slices.Index(held, true)))
				case s.end >= 0:
					or(n.reach[child], from(w.slots(), 2*s.end+1))
				}
			}
		}
		if w.reach[parent] != nil && w.up {
			if held := and(w.reach[parent], s.slots); slices.Contains(held, true) {
				n.meet(child, depth)
				n.edges[w.stayLine(s)] = true
				if s.class {
					held = at(w.slots(), 2*s.begin+1)
				}
				or(n.reach[child], held)
			}
		}
	}
	return n
}

// walk gives the world that a question reaches, and whether the depth cut it off.
func (o *Oracle) walk(id string, up, timed bool, depth int) (*world, bool) {
	w := &world{Oracle: o, up: up, depth: map[place]int{}, reach: map[place][]bool{}, stands: map[place][]bool{}, edges: map[string]bool{}}
	root := place{id: id}
	w.meet(root, 0)
	w.stands[root] = from(o.slots(), 0)
	w.reach[root] = from(o.slots(), 0)
	if up && timed {
		w.reach[root] = at(o.slots(), o.slots()-1)
	}
	for d := 1; ; d++ {
		n := w.step(d)
		if n.equal(w) {
			return w, false
		}
		if d > depth {
			return w, true
		}
		w = n
	}
}

func kindOf(p place) string {
	switch {
	case p.process:
		return "transformation"
	case strings.HasPrefix(p.id, "https://id.gs1.org/01/") && strings.Contains(p.id, "/10/"):
		return "lot"
	case strings.HasPrefix(p.id, "https://id.gs1.org/01/") && !strings.Contains(p.id, "/21/"):
		return "class"
	}
	return "item"
}

// Trace gives the lines of a trace; timed says that the oracle was made for a time.
func (o *Oracle) Trace(id string, up, timed bool, depth int) Lines {
	w, cut := o.walk(id, up, timed, depth)
	return w.lines(cut, func(p place) string { return "" })
}

func (w *world) lines(cut bool, more func(place) string) Lines {
	var lines Lines
	for p, depth := range w.depth {
		lines = append(lines, NodeLine(p.id, kindOf(p), depth)+more(p))
	}
	for e := range w.edges {
		lines = append(lines, e)
	}
	if cut {
		lines = append(lines, "truncated depth")
	}
	slices.Sort(lines)
	return lines
}

// NodeLine is a node as a line.
func NodeLine(id, kind string, depth int) string {
	return fmt.Sprintf("node %s %s %d", id, kind, depth)
}

// Recall gives the lines of a recall.
func (o *Oracle) Recall(id string, depth int) Lines {
	w, cut := o.walk(id, false, false, depth)
	near := map[place]string{}
	furthest := 0
	for p, d := range w.depth {
		furthest = max(furthest, d)
		near[p] = "contains"
		if slices.Contains(w.reach[p], true) && !w.reach[p][o.slots()-1] {
			near[p] = "touched"
		}
	}
	near[place{id: id}] = "subject"
	for d := furthest + 1; ; d++ {
		n := w.clone()
		for _, s := range w.stays {
			child, parent := place{id: s.child}, place{id: s.parent}
			if w.reach[parent] == nil {
				continue
			}
			together := and(w.reach[parent], s.slots)
			if !slices.Contains(together, true) {
				continue
			}
			n.meet(child, d)
			n.edges[w.stayLine(s)] = true
			if !s.class {
				or(n.reach[child], together)
			}
		}
		if n.equal(w) {
			break
		}
		w = n
	}
	for p := range w.depth {
		near[p] = cmp.Or(near[p], "touched")
	}
	keeping := &keeping{Oracle: o, memo: map[string]int{}}
	return w.lines(cut, func(p place) string {
		if p.process {
			return " " + near[p]
		}
		return " " + near[p] + " " + keeping.line(p.id)
	})
}

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
