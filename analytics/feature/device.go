package feature

import (
	"slices"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

type device struct {
	bindings []binding
	early    []ledgerSegment

	gone span // of a traced tracker: times offered to nobody any more of which no binding here tells
}

// binding ties a device to a container's journey from one time to another, exclusive.
type binding struct {
	container string
	journey   uint64
	from, to  ledger.Millis

	tale // of a traced tracker
}

// ledgerSegment is a segment with its digest, or what is left of one.
type ledgerSegment struct {
	segment ledger.Segment
	digest  ledger.Digest

	// Of a traced tracker: when it was recorded and how many times it had, how many were taken off, the last of them,
	// and the journeys that took some.
	order  uint64
	total  int
	offset int
	before ledger.Millis
	takers []taker
}

// release offers the segments that no binding claimed so far to the device's bindings again.
func (t *Tracker) release(d *device) {
	early := d.early
	d.early = nil
	for _, s := range early {
		t.early -= len(s.segment.Times)
	}
	for _, s := range early {
		t.claim(d, s)
	}
}

func (t *Tracker) device(id string) *device {
	d, ok := t.devices.Get(id)
	if !ok {
		d = &device{}
	}
	t.devices.Put(id, d)
	return d
}

// bind ties a device to a container's journey and gives the journey the readings that the ledger
// already holds.
func (t *Tracker) bind(c *container, id string, at ledger.Millis, hash ledger.Digest) {
	if len(id) > MaxText {
		return
	}
	d := t.device(id)
	b := binding{container: c.epc, journey: c.journey, from: at, to: always}
	b.bound = mark{t.order, hash}
	known := -1
	for i, old := range d.bindings {
		if old.container == c.epc && old.journey == c.journey && old.from == unknownStart && old.to >= at {
			known = i // its removal was recorded first
		}
		if old.container == c.epc && old.journey == c.journey && old.from <= at && at < old.to {
			return // bound already
		}
	}
	if c.isEnded {
		b.to, b.untold = c.endedAt, true
	}
	if known >= 0 {
		b.to, b.untold = d.bindings[known].to, true
		d.bindings = slices.Delete(d.bindings, known, known+1)
	}
	t.tie(d, b)
	if b.to == always && !c.isEnded && len(c.devices) < maxContainerDevice && !slices.Contains(c.devices, id) {
		c.devices = append(c.devices, id)
	}
	t.told(c)
	t.input(c, Input{Kind: KindBind, At: at, Event: hash, Device: id})

	t.asks(c, id, b.from, b.to)
	t.release(d)
	if c.isShipped || c.isEnded {
		t.judge(c, true)
	}
}

// tie gives a device one more binding, for which the oldest goes where there are too many.
func (t *Tracker) tie(d *device, b binding) {
	if len(d.bindings) == maxBindings {
		t.unbound(d.bindings[0])
		d.gone.join(d.bindings[0].took)
		d.bindings = slices.Delete(d.bindings, 0, 1)
	}
	d.bindings = append(d.bindings, b)
}

func (t *Tracker) unbind(c *container, id string, at ledger.Millis, hash ledger.Digest) {
	if len(id) > MaxText {
		return
	}
	if c.open {
		t.told(c)
	}
	c.devices = slices.DeleteFunc(c.devices, func(s string) bool { return s == id })
	d := t.device(id)
	bound := false
	for i := range d.bindings {
		b := &d.bindings[i]
		if b.container == c.epc && b.journey == c.journey && b.from < at {
			bound = true
			if b.to == always {
				b.to, b.removed = at, mark{t.order, hash}
			}
		}
	}
	if !bound && c.journey > 0 {
		t.tie(d, binding{container: c.epc, journey: c.journey, from: unknownStart, to: at, tale: tale{untold: true}})
	}
	if c.open && !c.isEnded {
		t.input(c, Input{Kind: KindUnbind, At: at, Event: hash, Device: id})
	}
}

func (t *Tracker) segment(s ledgerSegment) {
	if len(s.segment.Device) > MaxText || len(s.segment.Times) == 0 {
		return
	}
	if t.keeps {
		s.order, s.total = t.order, len(s.segment.Times)
	}
	t.claim(t.device(s.segment.Device), s)
}

// claim gives a segment's readings to the journeys its device was bound to at their times, and
// keeps the others until a binding asks for them.
func (t *Tracker) claim(d *device, s ledgerSegment) {
	times := s.segment.Times
	unclaimed := 0 // times before this index belong to no later binding
	for i, b := range d.bindings {
		first, _ := slices.BinarySearch(times, b.from)
		last, _ := slices.BinarySearch(times, b.to)
		if first >= last {
			continue
		}
		unclaimed = max(unclaimed, last)
		if t.keeps {
			d.bindings[i].took.join(span{times[0], times[last-1]})
		}
		c, ok := t.containers.Get(b.container)
		if !ok || !c.open || c.journey != b.journey {
			continue
		}
		t.containers.Touch(c.epc)
		t.take(c, b, &s, last)
		in := Input{Kind: KindReadings, At: times[last-1], Device: s.segment.Device, Seq: s.segment.Seq, Segment: s.digest}
		in.Times, in.Channels = cut(s.segment, first, last)
		t.input(c, in)
		t.judge(c, false)
	}
	t.dropped(&s, unclaimed)
	if unclaimed == len(times) {
		return
	}
	rest := s
	if t.keeps && unclaimed > 0 {
		rest.offset += unclaimed
		rest.before = times[unclaimed-1]
	}
	rest.segment.Times, rest.segment.Channels = cut(s.segment, unclaimed, len(times))
	d.early = append(d.early, rest)
	t.early += len(rest.segment.Times)
	for len(d.early) > t.mostEarly() {
		t.early -= len(d.early[0].segment.Times)
		t.missed(d, &d.early[0])
		d.early = slices.Delete(d.early, 0, 1)
	}
}

// cut gives a part of a segment; channels that are shorter than the times, which the contract
// refuses, are left out.
func cut(s ledger.Segment, first, last int) ([]ledger.Millis, []ledger.Channel) {
	var channels []ledger.Channel
	for _, ch := range s.Channels {
		if len(ch.Values) >= last && len(channels) < maxChannels {
			channels = append(channels, ledger.Channel{Quantity: ch.Quantity, Values: ch.Values[first:last]})
		}
	}
	return s.Times[first:last], channels
}
