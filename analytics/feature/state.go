package feature

import (
	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/coldchain"
)

// Code writes or reads the state; the limits are the reader's own.
func (t *Tracker) Code(c *canon.Coder) {
	text := func(c *canon.Coder, s *string) { canon.String(c, s, MaxText) }
	const most = 1 << 24
	canon.Uint(c, &t.block)
	t.policies.Code(c, most, coldchain.CodePolicy)
	t.containers.Code(c, most, func(c *canon.Coder, p **container) {
		if c.Reading() {
			*p = &container{}
		}
		k := *p
		text(c, &k.epc)
		text(c, &k.parent)
		canon.Slice(c, &k.classes, maxClasses, text)
		canon.Slice(c, &k.findings, maxContainerEvents, CodeFinding)
		canon.Uint(c, &k.journey)
		c.Bool(&k.open)
		c.Bool(&k.isEnded)
		canon.Int(c, &k.endedAt)
		c.Raw(k.endedBy[:])
		c.Bool(&k.isShipped)
		c.Raw(k.shippedBy[:])
		canon.Slice(c, &k.places, MaxPlaces, text)
		canon.Slice(c, &k.devices, maxContainerDevice, text)
		coldchain.CodePolicy(c, &k.policy)
		c.Bool(&k.hasPolicy)
		c.Bool(&k.specific)
		t.codeTrace(c, k)
	})
	t.devices.Code(c, most, func(c *canon.Coder, p **device) {
		if c.Reading() {
			*p = &device{}
		}
		canon.Slice(c, &(*p).bindings, maxBindings, func(c *canon.Coder, b *binding) {
			text(c, &b.container)
			canon.Uint(c, &b.journey)
			canon.Int(c, &b.from)
			canon.Int(c, &b.to)
			t.codeTale(c, &b.tale)
		})
		if t.keeps {
			(*p).gone.code(c)
		}
		canon.Slice(c, &(*p).early, maxEarlySegments, func(c *canon.Coder, s *ledgerSegment) {
			text(c, &s.segment.Device)
			canon.Uint(c, &s.segment.Seq)
			c.Raw(s.segment.Previous[:])
			codeTimes(c, &s.segment.Times)
			canon.Slice(c, &s.segment.Channels, maxChannels, codeChannel)
			c.Raw(s.digest[:])
			t.codeLeft(c, s)
		})
	})
	t.suspects.Code(c, most, func(c *canon.Coder, f *[]suspect) {
		canon.Slice(c, f, maxSuspectFindings, func(c *canon.Coder, s *suspect) {
			CodeFinding(c, &s.finding)
			t.codeSuspect(c, s)
		})
	})
	canon.Slice(c, &t.ended, most, func(c *canon.Coder, e *ending) {
		text(c, &e.epc)
		canon.Uint(c, &e.journey)
		canon.Uint(c, &e.block)
	})
	canon.Uint(c, &t.overflow)
	canon.Uint(c, &t.journeys)
	t.codeReferences(c)
	if c.Reading() && c.Err() == nil {
		t.open, t.early = 0, 0
		for _, k := range t.containers.All {
			if k.open {
				t.open++
			}
		}
		for _, d := range t.devices.All {
			for _, s := range d.early {
				t.early += len(s.segment.Times)
			}
		}
	}
}
