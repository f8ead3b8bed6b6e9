package feature

import (
	"slices"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

type container struct {
	epc       string
	parent    string
	classes   []string
	findings  []ledger.Finding // that came before the journey
	journey   uint64           // number of the journey among all, from 1; 0: none yet
	open      bool             // a journey is under way or lingers
	isEnded   bool
	endedAt   ledger.Millis
	endedBy   ledger.Digest
	isShipped bool
	shippedBy ledger.Digest // the last
	places    []string      // destinations
	devices   []string      // bound now
	policy    ledger.Policy
	hasPolicy bool
	specific  bool

	trace *trace // nil unless references are kept
}

type ending struct {
	epc     string
	journey uint64
	block   uint64
}

// retire forgets journeys that ended long ago.
func (t *Tracker) retire(block uint64) {
	if block <= t.block {
		return
	}
	t.block = block
	for len(t.ended) > 0 && t.ended[0].block+t.limits.Linger < block {
		t.closeEnded()
	}
}

// closeEnded forgets the journey that ended first.
func (t *Tracker) closeEnded() {
	e := t.ended[0]
	t.ended = t.ended[1:]
	if c, ok := t.containers.Get(e.epc); ok && c.open && c.isEnded && c.journey == e.journey {
		t.close(c)
	}
}

// close ends what is kept of a journey.
func (t *Tracker) close(c *container) {
	t.steps = append(t.steps, Step{Kind: StepRetire, Shipment: c.epc})
	c.open = false
	t.open--
	old := c.trace
	*c = container{epc: c.epc, parent: c.parent, journey: c.journey}
	if t.keeps {
		t.born(c, old.within)
	}
	if c.parent == "" {
		t.containers.Remove(c.epc)
	}
}

// known gives the container, which it makes if it is new, and touches it.
func (t *Tracker) known(epc string) *container {
	c, ok := t.containers.Get(epc)
	if !ok {
		c = &container{epc: epc}
		t.born(c, 0)
	}
	t.containers.Put(epc, c)
	return c
}

func (t *Tracker) input(c *container, in Input) {
	t.steps = append(t.steps, Step{Kind: StepInput, Shipment: c.epc, Input: in, journey: c.journey})
}

func (t *Tracker) judge(c *container, forced bool) {
	t.steps = append(t.steps, Step{Kind: StepJudge, Shipment: c.epc, Final: c.isEnded, Forced: forced, journey: c.journey})
}

// begin opens a journey unless one is under way, or lingers that had not ended yet at the time. A
// container that comes back into use after its journey ended begins another.
func (t *Tracker) begin(c *container, at ledger.Millis) {
	if c.open && (!c.isEnded || at < c.endedAt) || !t.follows(c.epc) {
		return
	}
	if c.open {
		again := t.keeps && c.trace.last == t.order
		t.close(c)
		t.containers.Put(c.epc, c)
		if again {
			t.lose(c, whyAgain)
		}
	}
	c.open, c.isEnded = true, false
	t.journeys++
	c.journey = t.journeys
	t.open++
	t.steps = append(t.steps, Step{Kind: StepOpen, Shipment: c.epc, journey: c.journey})
	t.told(c)
	t.choosePolicy(c, c.classes)
	for _, f := range c.findings {
		t.input(c, Input{Kind: KindFinding, Event: f.Event, Finding: f})
	}
	if len(c.findings) > 0 {
		t.judge(c, true)
	}
	c.findings = nil
}

// end closes a journey's books: every device is taken as removed, and the final judgement is due.
func (t *Tracker) end(c *container, at ledger.Millis, event ledger.Digest) {
	if !c.open || c.isEnded {
		return
	}
	for _, id := range c.devices {
		if d, ok := t.devices.Get(id); ok {
			for i := range d.bindings {
				b := &d.bindings[i]
				if b.container == c.epc && b.journey == c.journey && b.to == always {
					b.to, b.removed = at, mark{t.order, event}
				}
			}
		}
	}
	c.devices = nil
	c.isEnded, c.endedAt, c.endedBy = true, at, event
	t.ended = append(t.ended, ending{c.epc, c.journey, t.block})
	t.told(c)
	t.input(c, Input{Kind: KindEnded, At: at, Event: event})
	t.judge(c, true)
}

// reopen lets a journey go on whose end did not happen: the devices that were bound until then are
// bound still, and tell what they measured since.
func (t *Tracker) reopen(c *container) {
	t.input(c, Input{Kind: KindReopened, At: c.endedAt, Event: c.endedBy})
	t.ended = slices.DeleteFunc(t.ended, func(e ending) bool { return e.epc == c.epc && e.journey == c.journey })
	end := c.endedAt
	c.isEnded, c.endedAt, c.endedBy = false, 0, ledger.Digest{}
	var removed []string
	for id, d := range t.devices.All {
		if slices.ContainsFunc(d.bindings, func(b binding) bool { return b.container == c.epc && b.journey == c.journey && b.to == end }) {
			removed = append(removed, id)
		}
	}
	slices.Sort(removed) // the order in which all were touched last is not the journey's own
	for _, id := range removed {
		d, _ := t.devices.Get(id)
		for i := range d.bindings {
			b := &d.bindings[i]
			if b.container != c.epc || b.journey != c.journey || b.to != end || len(c.devices) == maxContainerDevice {
				continue
			}
			b.to, b.untold = always, true
			c.devices = append(c.devices, id)
			t.asks(c, id, end, always)
			t.release(d)
		}
	}
	if !c.specific {
		t.choosePolicy(c, c.classes) // what changed meanwhile
	}
}
