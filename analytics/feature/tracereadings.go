package feature

import (
	"cmp"
	"slices"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// gap are readings that a replay would still offer to bindings and the tracker does not.
type gap struct {
	device   string
	from, to ledger.Millis // inclusive
}

// taker is a journey that took a segment's times up to an index.
type taker struct {
	container string
	journey   uint64
	upTo      int
}

// unbound is called when a binding is dropped for want of room.
func (t *Tracker) unbound(b binding) {
	if c, ok := t.containers.Get(b.container); t.keeps && ok && c.open && c.journey == b.journey {
		t.spoil(c, whyBindings)
	}
}

// take says that a journey took times of a segment, by the binding, up to an index of those that are left.
func (t *Tracker) take(c *container, b binding, s *ledgerSegment, last int) {
	if !t.keeps {
		return
	}
	i := slices.IndexFunc(s.takers, func(k taker) bool { return k.container == c.epc && k.journey == c.journey })
	first := i < 0
	if first {
		i = len(s.takers)
		s.takers = append(slices.Clip(s.takers), taker{container: c.epc, journey: c.journey})
	}
	if k := &s.takers[i]; s.offset > k.upTo && b.from <= s.before {
		t.spoil(c, whyReadings)
	}
	s.takers[i].upTo = max(s.takers[i].upTo, s.offset+last)
	k := c.trace
	if !first || k.why != "" {
		return
	}
	t.changed = append(t.changed, c.epc)
	p := piece{order: s.order, device: s.segment.Device, seq: s.segment.Seq, digest: s.digest}
	at := len(k.pieces)
	if at > 0 && k.pieces[at-1].order > p.order {
		at, _ = slices.BinarySearchFunc(k.pieces, p.order, func(q piece, order uint64) int { return cmp.Compare(q.order, order) })
	}
	k.pieces = slices.Insert(k.pieces, at, p)
	if k.readings += s.total; k.readings > ledger.MaxTaskReadings || len(k.pieces) > ledger.MaxTaskSegments {
		t.spoil(c, whyMany)
	}
}

// dropped says that times of a segment, up to an index of those that are left, are offered to nobody any more.
func (t *Tracker) dropped(s *ledgerSegment, upTo int) {
	if !t.keeps || upTo == 0 {
		return
	}
	for _, k := range s.takers {
		if k.upTo >= s.offset+upTo {
			continue
		}
		c, ok := t.containers.Get(k.container)
		if !ok || !c.open || c.journey != k.journey || c.trace.why != "" {
			continue
		}
		t.changed = append(t.changed, c.epc)
		from, to := s.segment.Times[max(k.upTo-s.offset, 0)], s.segment.Times[upTo-1]
		if i := slices.IndexFunc(c.trace.gaps, func(g gap) bool { return g.device == s.segment.Device }); i >= 0 {
			g := &c.trace.gaps[i]
			g.from, g.to = min(g.from, from), max(g.to, to)
		} else if c.trace.gaps = append(c.trace.gaps, gap{s.segment.Device, from, to}); len(c.trace.gaps) > maxGaps {
			t.spoil(c, whyReadings)
		}
	}
}

// asks says that a journey asks a device for what it measured from one time to another, exclusive.
func (t *Tracker) asks(c *container, device string, from, to ledger.Millis) {
	t.tookElsewhere(c, device, from, to)
	if t.keeps && slices.ContainsFunc(c.trace.gaps, func(g gap) bool { return g.device == device && g.from < to && from <= g.to }) {
		t.spoil(c, whyReadings)
	}
}
