package trace

import (
	"context"
	"slices"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/epcis"
)

// span is an interval in which a child was in, or on, a parent.
type span struct {
	child, parent string
	kind          epcis.EventType // AggregationEvent or AssociationEvent
	class         bool
	Window
	begin, end *Event // end is nil while it lasts
	quantity   epcis.Number
	uom        string
}

// history is what is known of an identifier.
type history struct {
	mentions []Mention // in order
	spans    []span    // as a child, in the order of their beginnings
	spanned  bool
	children []string // identifiers that were ever put into it
	custody  []stay   // made when first asked for
	kept     bool
}

// knowledge loads what a question needs, in batches and each thing once.
type knowledge struct {
	src     Source
	horizon Moment // later events are left out
	budget  int    // of mentions
	spent   bool   // the budget is
	of      map[string]*history
	clears  map[string][]*Event
	runs    map[string][]*Event
	insts   map[string][]LotMention
	lots    map[string][]LotMention
	cut     bool
}

func newKnowledge(src Source, horizon Moment, budget int) *knowledge {
	return &knowledge{
		src: src, horizon: horizon, budget: budget, of: map[string]*history{}, clears: map[string][]*Event{},
		runs: map[string][]*Event{}, insts: map[string][]LotMention{}, lots: map[string][]LotMention{},
	}
}

// unknown gives the keys that are not in a map, sorted, each once.
func unknown[T any](have map[string]T, keys []string) []string {
	var missing []string
	for _, k := range keys {
		if _, ok := have[k]; !ok {
			missing = append(missing, k)
		}
	}
	slices.Sort(missing)
	return slices.Compact(missing)
}

func (k *knowledge) seen(e *Event) bool { return e.Moment().before(k.horizon) }

// mentions loads the events of identifiers.
func (k *knowledge) mentions(ctx context.Context, ids []string) error {
	ids = unknown(k.of, ids)
	if len(ids) == 0 {
		return nil
	}
	if k.spent {
		for _, id := range ids {
			k.of[id] = &history{}
		}
		return nil
	}
	found, cut, err := k.src.Mentions(ctx, ids)
	if err != nil {
		return err
	}
	k.cut = k.cut || len(cut) > 0
	for _, id := range ids {
		h := &history{}
		k.of[id] = h
		for _, m := range found[id] {
			if k.seen(m.Event) {
				h.mentions = append(h.mentions, m)
			}
		}
		slices.SortFunc(h.mentions, func(a, b Mention) int { return a.Event.Moment().Compare(b.Event.Moment()) })
		if k.budget -= len(h.mentions); k.budget < 0 {
			k.spent, k.cut = true, true
		}
		var seen map[string]bool
		for _, m := range h.mentions {
			if m.Event.Parent != id || m.Event.Type == epcis.TransformationEvent || m.Event.Action == epcis.Delete || !Linked(m.Event.Type) {
				continue
			}
			if seen == nil {
				seen = make(map[string]bool, len(m.Event.Members))
			}
			for _, c := range m.Event.Members {
				if c.Role == epcis.RoleChild && c.ID != id && !seen[c.ID] {
					seen[c.ID] = true
					h.children = append(h.children, c.ID)
				}
			}
		}
	}
	return nil
}

// spans loads the events of identifiers and all that ends their stays in containers.
func (k *knowledge) spans(ctx context.Context, ids []string) error {
	if err := k.mentions(ctx, ids); err != nil {
		return err
	}
	var parents []string
	for _, id := range ids {
		h := k.of[id]
		if h.spanned {
			continue
		}
		for _, m := range h.mentions {
			if m.Roles.Has(epcis.RoleChild) && Linked(m.Event.Type) && m.Event.Parent != "" && m.Event.Parent != id {
				parents = append(parents, m.Event.Parent)
			}
		}
	}
	if parents = unknown(k.clears, parents); len(parents) > 0 {
		found, cut, err := k.src.Clears(ctx, parents)
		if err != nil {
			return err
		}
		k.cut = k.cut || len(cut) > 0
		for _, p := range parents {
			k.clears[p] = nil
			for _, e := range found[p] {
				if k.seen(e) {
					k.clears[p] = append(k.clears[p], e)
				}
			}
		}
	}
	for _, id := range ids {
		if h := k.of[id]; !h.spanned {
			h.spanned = true
			h.spans = k.spansOf(id, h)
		}
	}
	return nil
}

// contents loads what was ever put into containers, and how long it stayed.
func (k *knowledge) contents(ctx context.Context, ids []string) error {
	if err := k.mentions(ctx, ids); err != nil {
		return err
	}
	var children []string
	for _, id := range ids {
		children = append(children, k.of[id].children...)
	}
	slices.Sort(children)
	return k.spans(ctx, slices.Compact(children))
}

// contentsOf gives the spans with a parent; contents must have been loaded.
func (k *knowledge) contentsOf(parent string) (found []span) {
	for _, c := range k.of[parent].children {
		for _, s := range k.of[c].spans {
			if s.parent == parent {
				found = append(found, s)
			}
		}
	}
	return found
}

func (k *knowledge) spansOf(id string, h *history) []span {
	// What may begin or end a stay: the events of the item, and those that empty its containers.
	events := make([]*Event, 0, len(h.mentions))
	parents := map[string]bool{}
	classes := false
	for _, m := range h.mentions {
		events = append(events, m.Event)
		if !m.Roles.Has(epcis.RoleChild) || !Linked(m.Event.Type) {
			continue
		}
		if p := m.Event.Parent; p != "" && p != id && !parents[p] {
			parents[p] = true
			events = append(events, k.clears[p]...)
		}
		classes = classes || slices.ContainsFunc(m.Event.as(id), func(m Member) bool { return m.Class })
	}
	if len(parents) == 0 {
		return nil
	}
	slices.SortFunc(events, func(a, b *Event) int { return a.Moment().Compare(b.Moment()) })
	events = slices.CompactFunc(events, func(a, b *Event) bool { return a.Hash == b.Hash })
	var spans []span
	for _, kind := range []epcis.EventType{epcis.AggregationEvent, epcis.AssociationEvent} {
		spans = append(spans, instanceSpans(id, kind, events)...)
		if classes {
			for parent := range parents {
				spans = append(spans, classSpans(id, parent, kind, events)...)
			}
		}
	}
	slices.SortFunc(spans, func(a, b span) int {
		if c := a.From.Compare(b.From); c != 0 {
			return c
		}
		return compareStrings(a.parent, b.parent)
	})
	return spans
}

// instanceSpans follows one object, which is in one container at a time.
func instanceSpans(id string, kind epcis.EventType, events []*Event) (spans []span) {
	in := -1 // index of the present stay
	leave := func(e *Event) {
		spans[in].Until, spans[in].end = e.Moment(), e
		in = -1
	}
	for _, e := range events {
		switch {
		case e.Type == kind && e.Clears():
			if in >= 0 && spans[in].parent == e.Parent {
				leave(e)
			}
		case e.Type == kind && e.hasInstance(id, epcis.RoleChild):
			switch {
			case e.Action == epcis.Delete:
				if in >= 0 && (e.Parent == "" || e.Parent == spans[in].parent) {
					leave(e)
				}
			case e.Parent == "" || e.Parent == id || in >= 0 && spans[in].parent == e.Parent:
			default:
				if in >= 0 {
					leave(e)
				}
				spans = append(spans, span{child: id, parent: e.Parent, kind: kind, Window: Window{From: e.Moment(), Until: forever()}, begin: e})
				in = len(spans) - 1
			}
		case in >= 0 && ends(e, id):
			leave(e)
		}
	}
	return spans
}

func (e *Event) hasInstance(id string, role epcis.Role) bool {
	return slices.ContainsFunc(e.as(id), func(m Member) bool { return m.Role == role && !m.Class })
}

// ends reports whether an object of the event ceases to be: it is consumed, decommissioned or destroyed.
func ends(e *Event, id string) bool {
	switch e.Type {
	case epcis.TransformationEvent:
		return e.hasInstance(id, epcis.RoleInput)
	case epcis.ObjectEvent:
		return e.Action == epcis.Delete || e.Step == "decommissioning" || e.Step == "destroying"
	case epcis.AggregationEvent, epcis.AssociationEvent, epcis.TransactionEvent:
	}
	return false
}

// classSpans follows an amount of a class in one container. Each entry is a stay of its own, and all
// end together: when the container is emptied, when an unstated amount is taken out, or when no less
// was taken out than put in.
func classSpans(id, parent string, kind epcis.EventType, events []*Event) (spans []span) {
	var open []int
	in, out, unstated := map[string]float64{}, map[string]float64{}, false
	leave := func(e *Event) {
		for _, i := range open {
			spans[i].Until, spans[i].end = e.Moment(), e
		}
		open, unstated = nil, false
		clear(in)
		clear(out)
	}
	for _, e := range events {
		if e.Type != kind || e.Parent != parent {
			continue
		}
		if e.Clears() {
			leave(e)
			continue
		}
		var amounts []Member
		for _, m := range e.as(id) {
			if m.Role == epcis.RoleChild && m.Class {
				amounts = append(amounts, m)
			}
		}
		if len(amounts) == 0 {
			continue
		}
		if e.Action != epcis.Delete {
			if e.Action == epcis.Observe && len(open) > 0 {
				continue
			}
			for _, m := range amounts {
				if dimension, amount, ok := query.Measure(m.Quantity, m.UOM); ok {
					in[dimension] += amount
				} else {
					unstated = true
				}
			}
			open = append(open, len(spans))
			s := span{child: id, parent: parent, kind: kind, class: true, Window: Window{From: e.Moment(), Until: forever()}, begin: e}
			if len(amounts) == 1 {
				s.quantity, s.uom = amounts[0].Quantity, amounts[0].UOM
			}
			spans = append(spans, s)
			continue
		}
		all := false
		for _, m := range amounts {
			if dimension, amount, ok := query.Measure(m.Quantity, m.UOM); ok {
				out[dimension] += amount
			} else {
				all = true
			}
		}
		if all || !unstated && covers(out, in) {
			leave(e)
		}
	}
	return spans
}

// covers reports whether no less was taken out than put in, up to the rounding of sums.
func covers(out, in map[string]float64) bool {
	const rounding = 1e-9
	for dimension, amount := range in {
		if out[dimension] < amount*(1-rounding) {
			return false
		}
	}
	return true
}

// instances loads the instances of lots.
func (k *knowledge) instances(ctx context.Context, lots []string) error {
	return loadLots(ctx, k, k.insts, lots, k.src.Instances)
}

// lotsOf loads the lots of instances.
func (k *knowledge) lotsOf(ctx context.Context, items []string) error {
	return loadLots(ctx, k, k.lots, items, k.src.LotsOf)
}

func loadLots(ctx context.Context, k *knowledge, into map[string][]LotMention, keys []string,
	ask func(context.Context, []string) (map[string][]LotMention, []string, error),
) error {
	keys = unknown(into, keys)
	if len(keys) == 0 {
		return nil
	}
	found, cut, err := ask(ctx, keys)
	if err != nil {
		return err
	}
	k.cut = k.cut || len(cut) > 0
	for _, key := range keys {
		into[key] = nil
		for _, m := range found[key] {
			if k.seen(m.Event) {
				into[key] = append(into[key], m)
			}
		}
		slices.SortFunc(into[key], func(a, b LotMention) int {
			if c := a.Event.Moment().Compare(b.Event.Moment()); c != 0 {
				return c
			}
			return compareStrings(a.Item+"\x00"+a.Lot, b.Item+"\x00"+b.Lot)
		})
	}
	return nil
}

// transformations loads the events of transformations.
func (k *knowledge) transformations(ctx context.Context, runs []string) error {
	runs = unknown(k.runs, runs)
	if len(runs) == 0 {
		return nil
	}
	found, cut, err := k.src.Runs(ctx, runs)
	if err != nil {
		return err
	}
	k.cut = k.cut || len(cut) > 0
	for _, run := range runs {
		k.runs[run] = nil
		for _, e := range found[run] {
			if k.seen(e) {
				k.runs[run] = append(k.runs[run], e)
			}
		}
		slices.SortFunc(k.runs[run], func(a, b *Event) int { return a.Moment().Compare(b.Moment()) })
	}
	return nil
}
