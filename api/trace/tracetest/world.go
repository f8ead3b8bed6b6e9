package tracetest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/epcis"
)

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
