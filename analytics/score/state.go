package score

import (
	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/coldchain"
	"github.com/waybill-dev/waybill/analytics/detect/sequence"
	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

const stateVersion = 6

// MarshalBinary gives the state, from which Restore goes on as if nothing had happened.
func (e *Engine) MarshalBinary() ([]byte, error) {
	c := canon.Writer(nil)
	e.Code(c)
	return c.Bytes(), c.Err()
}

// Restore reads a state that an engine of the same model gave.
func Restore(m *Model, data []byte) (*Engine, error) {
	e := &Engine{model: m, scratch: canon.Writer(nil)}
	c := canon.Reader(data)
	e.Code(c)
	if err := c.Done(); err != nil {
		return nil, err
	}
	return e, nil
}

// Blank gives an engine of a model for Code to read a state into.
func Blank(m *Model) *Engine { return &Engine{model: m, scratch: canon.Writer(nil)} }

// Code writes or reads the state.
func (e *Engine) Code(c *canon.Coder) {
	version, model := uint32(stateVersion), e.model.digest
	canon.Uint(c, &version)
	c.Raw(model[:])
	if version != stateVersion || model != e.model.digest {
		c.Fail("the state of another version or model")
		return
	}
	text := func(c *canon.Coder, s *string) { canon.String(c, s, feature.MaxText) }
	text(c, &e.shipment)
	canon.Uint(c, &e.window)
	canon.Int(c, &e.windowFrom)
	canon.Int(c, &e.last)
	c.Bool(&e.hasTime)
	has := e.policy != nil
	c.Bool(&has)
	if has {
		if c.Reading() {
			e.policy = new(ledger.Policy)
		}
		coldchain.CodePolicy(c, e.policy)
	}
	canon.Slice(c, &e.series, maxSeries, e.codeSeries)
	canon.Slice(c, &e.broken, maxBroken, codeCause)
	for _, list := range []*[]bind{&e.binds, &e.unbinds} {
		canon.Slice(c, list, maxBinds, func(c *canon.Coder, b *bind) {
			text(c, &b.device)
			canon.Int(c, &b.at)
			c.Raw(b.event[:])
		})
	}
	canon.Slice(c, &e.findings, maxFindings, feature.CodeFinding)
	canon.Uint(c, &e.moreOf)
	canon.Uint(c, &e.unheard)
	canon.Int(c, &e.unheardAt)
	canon.Slice(c, &e.events, maxEvents, func(c *canon.Coder, d *ledger.Digest) { c.Raw(d[:]) })
	canon.Slice(c, &e.steps, sequence.MaxSteps, func(c *canon.Coder, s *sequence.Step) {
		canon.Int(c, &s.At)
		c.Raw(s.Event[:])
		text(c, &s.Name)
		text(c, &s.Place)
		text(c, &s.To)
	})
	for _, list := range []*[]move{&e.shipped, &e.received} {
		canon.Slice(c, list, maxMoves, func(c *canon.Coder, m *move) {
			canon.Int(c, &m.at)
			c.Raw(m.event[:])
			canon.Slice(c, &m.places, feature.MaxPlaces, text)
		})
	}
	canon.Int(c, &e.endedAt)
	c.Bool(&e.isEnded)
	c.Raw(e.inputs[:])
	c.Raw(e.trace[:])
}

func (e *Engine) codeSeries(c *canon.Coder, p **instrument) {
	if c.Reading() {
		*p = e.blank()
	}
	s := *p
	canon.String(c, &s.device, feature.MaxText)
	c.Bool(&s.unbound)
	canon.Int(c, &s.first)
	canon.Int(c, &s.last)
	canon.Uint(c, &s.count)
	canon.Int(c, &s.gap)
	canon.Int(c, &s.gapFrom)
	for i := range s.intervals {
		canon.Uint(c, &s.intervals[i])
	}
	c.Bool(&s.complete)
	canon.Slice(c, &s.early, maxEarly, func(c *canon.Coder, r *reading) {
		canon.Int(c, &r.at)
		canon.Int(c, &r.value)
	})
	has := s.evaluator != nil
	c.Bool(&has)
	if has {
		if e.policy == nil {
			c.Fail("accounts without a policy")
			return
		}
		if c.Reading() {
			e.regulate(s)
		}
		s.evaluator.Code(c)
		for _, a := range s.alarms {
			a.Code(c)
		}
	}
	s.monitor.Code(c)
	s.drift.Code(c)
	s.energy.Code(c)
	s.log.Code(c)
	canon.Slice(c, &s.channels, maxChannels, func(c *canon.Coder, p **channel) {
		if c.Reading() {
			*p = newChannel(&e.model.p, ledger.Temperature)
		}
		(*p).code(c, &e.model.p)
	})
	canon.Slice(c, &s.ranges, maxRanges, func(c *canon.Coder, r *ledger.SegmentRange) {
		canon.String(c, &r.Device, feature.MaxText)
		canon.Uint(c, &r.First)
		canon.Uint(c, &r.Last)
		c.Raw(r.Digest[:])
	})
}
