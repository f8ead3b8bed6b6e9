package feature

import (
	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

func codeText(c *canon.Coder, s *string) { canon.String(c, s, MaxText) }

// code writes or reads a fact. Findings that are read are equal to those that were written, to the last field.
func (f *fact) code(c *canon.Coder) {
	canon.Uint(c, &f.order)
	canon.Uint(c, &f.kind)
	switch f.kind {
	case ledger.RefPolicy:
		codeText(c, &f.policy)
		canon.Uint(c, &f.version)
	case ledger.RefEvent, ledger.RefWithdrawn:
		c.Raw(f.digest[:])
	case ledger.RefFinding, ledger.RefClosed:
		if c.Reading() {
			f.finding = &ledger.Finding{}
		}
		codeWhole(c, f.finding)
	default:
		c.Fail("a reference of kind %d", f.kind)
	}
	canon.Slice(c, &f.items, maxItems, codeText)
	vesselOf := func(c *canon.Coder, v *vessel) {
		codeText(c, &v.epc)
		canon.Uint(c, &v.life)
	}
	canon.Slice(c, &f.known, maxItems, vesselOf)
	vesselOf(c, &f.parent)
}

const maxItems = 1 << 16

// codeWhole writes or reads all of a finding.
func codeWhole(c *canon.Coder, f *ledger.Finding) {
	CodeFinding(c, f)
	canon.Int(c, &f.Value)
	canon.Int(c, &f.Limit)
	codeText(c, &f.Unit)
	canon.Uint(c, &f.Severity)
	canon.Uint(c, &f.Change)
	canon.Int(c, &f.RaisedAt)
	codeText(c, &f.RaisedIn)
	canon.Int(c, &f.ClosedAt)
	codeText(c, &f.ClosedIn)
	c.Raw(f.ClosedBy[:])
	canon.Uint(c, &f.Again)
}

// codeTrace writes or reads what is kept of a container; of one on a journey but for what CodeJourney does.
func (t *Tracker) codeTrace(c *canon.Coder, k *container) {
	if !t.keeps {
		return
	}
	if c.Reading() {
		k.trace = &trace{}
	}
	canon.Uint(c, &k.trace.life)
	canon.Uint(c, &k.trace.within)
	if !k.open {
		k.trace.code(c)
	}
}

// CodeJourney writes or reads what a shipment under way rests on, which Code leaves out: of many shipments few change
// between two checkpoints, and Changed says which.
func (t *Tracker) CodeJourney(c *canon.Coder, shipment string) {
	if !t.keeps {
		return
	}
	k, ok := t.containers.Get(shipment)
	if !ok || !k.open {
		c.Fail("%s is not on a journey", shipment)
		return
	}
	k.trace.code(c)
}

func (k *trace) code(c *canon.Coder) {
	facts := func(list *[]fact) { canon.Slice(c, list, maxFacts, func(c *canon.Coder, f *fact) { f.code(c) }) }
	facts(&k.goods)
	facts(&k.facts)
	canon.Slice(c, &k.tied, maxFacts, func(c *canon.Coder, e *tied) {
		e.code(c)
		codeText(c, &e.device)
		codeText(c, &e.container)
		c.Bool(&e.removed)
	})
	canon.Slice(c, &k.pieces, ledger.MaxTaskSegments, func(c *canon.Coder, p *piece) {
		canon.Uint(c, &p.order)
		codeText(c, &p.device)
		canon.Uint(c, &p.seq)
		c.Raw(p.digest[:])
	})
	canon.Int(c, &k.readings)
	canon.Slice(c, &k.gaps, maxGaps, func(c *canon.Coder, g *gap) {
		codeText(c, &g.device)
		canon.Int(c, &g.from)
		canon.Int(c, &g.to)
	})
	c.Bool(&k.forgot)
	codeText(c, &k.why)
	c.Bool(&k.lost)
}

func (t *Tracker) codeSuspect(c *canon.Coder, s *suspect) {
	if !t.keeps {
		return
	}
	canon.Uint(c, &s.order)
	codeWhole(c, &s.finding)
}

func (m *mark) code(c *canon.Coder) {
	canon.Uint(c, &m.order)
	c.Raw(m.event[:])
}

func (s *span) code(c *canon.Coder) {
	canon.Int(c, &s.from)
	canon.Int(c, &s.to)
}

func (t *Tracker) codeTale(c *canon.Coder, b *tale) {
	if !t.keeps {
		return
	}
	b.bound.code(c)
	b.removed.code(c)
	c.Bool(&b.untold)
	b.took.code(c)
}

func (t *Tracker) codeLeft(c *canon.Coder, s *ledgerSegment) {
	if !t.keeps {
		return
	}
	canon.Uint(c, &s.order)
	canon.Int(c, &s.total)
	canon.Int(c, &s.offset)
	canon.Int(c, &s.before)
	canon.Slice(c, &s.takers, maxTimes, func(c *canon.Coder, k *taker) {
		codeText(c, &k.container)
		canon.Uint(c, &k.journey)
		canon.Int(c, &k.upTo)
	})
}

func (t *Tracker) codeReferences(c *canon.Coder) {
	if !t.keeps {
		return
	}
	canon.Uint(c, &t.order)
	canon.Uint(c, &t.lives)
	c.Bool(&t.rulesLost)
	t.rules.Code(c, 1<<24, func(c *canon.Coder, r *rule) {
		r.set.code(c)
		removed := r.removed.order > 0
		c.Bool(&removed)
		if removed {
			r.removed.code(c)
		}
	})
}
