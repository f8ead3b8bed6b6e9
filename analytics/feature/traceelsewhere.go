package feature

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// What a logger measured goes to the bindings that it has when a segment is recorded. A journey that binds it afterwards, for
// a time before, is not given what went to others; who replays its list alone would give it that, were such a segment
// said to be left out. So the list names the events that bound the logger elsewhere and removed it there.

// mark is an event's place and hash.
type mark struct {
	order uint64
	event ledger.Digest
}

// span is a range of times, inclusive; none: the zero span.
type span struct{ from, to ledger.Millis }

func (s span) none() bool { return s == span{} }

func (s *span) join(o span) {
	switch {
	case o.none():
	case s.none():
		*s = o
	default:
		s.from, s.to = min(s.from, o.from), max(s.to, o.to)
	}
}

// meets reports whether a time of the span is from one time to another, exclusive.
func (s span) meets(from, to ledger.Millis) bool { return !s.none() && s.from < to && from <= s.to }

// tale says what a list tells of a binding.
type tale struct {
	bound   mark
	removed mark // order 0: not yet
	untold  bool // more than one event each made it so
	took    span // of the times that it took from who asks later
}

// tied is an event that bound a logger to another journey's container, or ended that.
type tied struct {
	mark
	device, container string
	removed           bool
}

func (e tied) compare(o tied) int {
	return cmp.Or(cmp.Compare(e.order, o.order), cmp.Compare(e.device, o.device), cmp.Compare(e.container, o.container))
}

func (e tied) reference() ledger.Reference {
	r := ledger.Reference{
		Kind: ledger.RefElsewhere, ID: e.device, First: ledger.TiedBound, Digest: e.event,
		Containers: []ledger.Contained{{Item: e.device, Container: e.container}},
	}
	if e.removed {
		r.First = ledger.TiedRemoved
	}
	return r
}

// missed says that a segment that waited is offered to nobody any more.
func (t *Tracker) missed(d *device, s *ledgerSegment) {
	times := s.segment.Times
	t.dropped(s, len(times))
	if t.keeps {
		d.gone.join(span{times[0], times[len(times)-1]})
	}
}

// tookElsewhere notes, of a journey that asks a device for a range of times, the bindings to others that took some of it.
func (t *Tracker) tookElsewhere(c *container, id string, from, to ledger.Millis) {
	if !t.keeps || c.trace.why != "" {
		return
	}
	d := t.device(id)
	if d.gone.meets(from, to) {
		t.spoil(c, whyReadings)
		return
	}
	k := c.trace
	dropped := 0 // bindings of the device that were noted and are no more
	for _, e := range k.tied {
		if e.device == id && !e.removed {
			dropped++
		}
	}
	var noted []binding
	for _, b := range d.bindings {
		if b.container == c.epc && b.journey == c.journey {
			continue
		}
		bound := tied{mark: b.bound, device: id, container: b.container}
		at, told := slices.BinarySearchFunc(k.tied, bound, tied.compare)
		switch {
		case told:
			dropped--
		case !b.took.meets(from, to):
			continue
		default:
			k.tied = slices.Insert(k.tied, at, bound)
			t.changed = append(t.changed, c.epc)
		}
		if b.untold {
			t.spoil(c, whyReadings)
			return
		}
		noted = append(noted, b)
		if b.removed.order == 0 {
			continue
		}
		removed := tied{mark: b.removed, device: id, container: b.container, removed: true}
		if at, told = slices.BinarySearchFunc(k.tied, removed, tied.compare); !told {
			k.tied = slices.Insert(k.tied, at, removed)
			t.changed = append(t.changed, c.epc)
		}
	}
	switch {
	case dropped != 0:
		t.spoil(c, whyBindings)
	case slices.ContainsFunc(noted, func(b binding) bool { return k.removedBy(id, b) != b.removed }):
		t.spoil(c, whyReadings)
	case len(k.tied) > maxFacts:
		t.spoil(c, whyMany)
	}
}

// removedBy is the event by which a replay of what is noted ends a binding: the first after it that ends one to the container.
func (k *trace) removedBy(id string, b binding) mark {
	for _, e := range k.tied {
		if e.removed && e.device == id && e.container == b.container && e.order > b.bound.order {
			return e.mark
		}
	}
	return mark{}
}

// Elsewhere is Apply, in a replay, of an event that ties a logger to a container for a journey that is not followed: it
// takes the event as such a list says. It fails where the event does not say so.
func (t *Tracker) Elsewhere(ref ledger.Reference, recorded wire.RecordedEvent) ([]Step, error) {
	if len(ref.Containers) != 1 {
		return nil, fmt.Errorf("%w: logger %s is tied to one container", ledger.ErrSchema, ref.ID)
	}
	container := ref.Containers[0].Container
	e, err := epcis.ParseEvent(recorded.Context, recorded.Body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ledger.ErrSchema, err)
	}
	names := func(epc string, child bool) bool {
		return slices.ContainsFunc(e.Items(), func(o epcis.Item) bool {
			return o.Canonical == epc && !o.Class && (o.Role == epcis.RoleChild) == child
		})
	}
	at := ledger.MillisOf(e.EventTime.Instant)
	t.steps, t.changed = nil, nil
	d := t.device(ref.ID)
	switch {
	case !names(container, false):
		return nil, fmt.Errorf("%w: event %s does not name container %s", ledger.ErrSchema, ref.Digest, container)
	case ref.First == ledger.TiedBound:
		if e.Type != epcis.AssociationEvent || e.Action != epcis.Add || !names(ref.ID, true) {
			return nil, fmt.Errorf("%w: event %s does not bind logger %s", ledger.ErrSchema, ref.Digest, ref.ID)
		}
		t.tie(d, binding{container: container, from: at, to: always})
		t.release(d)
	default:
		for i := range d.bindings {
			if b := &d.bindings[i]; b.journey == 0 && b.container == container && b.to == always {
				b.to = at
			}
		}
	}
	return t.steps, nil
}
