package feature

import (
	"slices"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// A traced tracker keeps, beside each container, which recorded things its journey rests on, so that a replay of those alone
// (NewReplay) gives the same steps. A thing is kept where it did something, and for the containers that it did it to: what it
// told a journey, which goods came in or went, which policies were looked up. What goods of an inner container brought is kept
// with it, and handed on when it is put into another.
//
// A replay knows one shipment and, of the containers in it, their products and where they are. Everything else a tracker
// knows reaches a journey in ways that are seen here: another journey's binding takes readings of a segment that the replay
// would still offer, a bound drops something, a container is used again with the old goods in it. Where what follows could
// differ, the journey has no list and says why.

// trace is what a container's present life rests on. A life ends with its journey, or when it is forgotten.
type trace struct {
	life   uint64
	within uint64 // the parent's life when it was put into it
	last   uint64 // order of the part that last concerned it, kept or not
	goods  []fact // what came in and went out; by order
	// The journey's own: by order.
	facts    []fact
	tied     []tied
	pieces   []piece
	readings int
	gaps     []gap
	// forgot says that an inner container was forgotten that a replay still knows.
	forgot bool
	why    string // why there is no list
	lost   bool   // nor one of goods
}

// suspect is a finding on an item that is in no known container.
type suspect struct {
	finding ledger.Finding
	order   uint64
}

// rule is what set a product's policy last, and what took it away since.
type rule struct {
	set, removed fact // removed.order is 0 if nothing did
}

// Why a journey has no list.
const (
	whyMany      = "it rests on more than a task may refer to"
	whyOldGoods  = "goods in it were packed before an earlier journey, or in a container that was used otherwise since"
	whyForgotten = "a container in it was forgotten, since more were known than the limit"
	whyReadings  = "readings of a logger went to another journey, or were dropped, that this one asks for again"
	whyBindings  = "a logger of it was bound more often, or forgotten, than the limits say"
	whyRules     = "more products have policies than the limit"
	whyAgain     = "one event belongs to it and to the container's journey before"
	whyCrowd     = "an event names more containers than it is told to"
	whyCircle    = "the containers in it contain each other"
	whyOver      = "the journey is over"
)

const (
	maxFacts = 2 * ledger.MaxTaskReferences // an event may be among the goods and the journey's own
	maxGaps  = 16
)

// NewTracedTracker starts at an empty ledger and keeps what References gives.
func NewTracedTracker(limits Limits) *Tracker {
	t := NewTracker(limits)
	t.keeps = true
	t.rules = canon.NewRecent[rule]()
	return t
}

// NewReplay starts a tracker that follows one shipment through a list that References gave: of everything else it knows
// what the list says is in the shipment.
func NewReplay(limits Limits, shipment string) *Tracker {
	t := NewTracker(limits)
	t.only = shipment
	return t
}

// follows reports whether journeys of a container are followed.
func (t *Tracker) follows(epc string) bool { return t.only == "" || t.only == epc }

// references is what a traced tracker keeps beside its containers.
type references struct {
	keeps     bool
	order     uint64 // of the present part
	present   fact
	lives     uint64
	rules     *canon.Recent[rule]
	rulesLost bool
	changed   []string // containers whose trace changed in the present part
}

// part begins a part of a transaction.
func (t *Tracker) part(f fact) {
	t.steps = nil
	if !t.keeps {
		return
	}
	t.order++
	f.order = t.order
	t.present = f
	t.changed = nil
}

// transaction begins a transaction.
func (t *Tracker) transaction() {
	if t.keeps {
		t.order = (t.order>>partBits + 1) << partBits
	}
}

// Changed are the containers of which something more is kept since the part before.
func (t *Tracker) Changed() []string { return t.changed }

// born starts a life.
func (t *Tracker) born(c *container, within uint64) {
	if t.keeps {
		t.lives++
		c.trace = &trace{life: t.lives, within: within}
	}
}

// note says that a fact belongs to a container's journey, or to what comes before it.
func (t *Tracker) note(c *container, f fact) {
	if !t.keeps {
		return
	}
	k := c.trace
	k.last = t.order
	if k.why != "" {
		return
	}
	t.changed = append(t.changed, c.epc)
	if k.facts = add(k.facts, f); len(k.facts) > maxFacts {
		t.spoil(c, whyMany)
	}
}

// told notes the present part; items of it are in the container.
func (t *Tracker) told(c *container, items ...string) {
	if t.keeps {
		f := t.present
		f.items = items
		t.note(c, f)
	}
}

// stow says that a fact changed what is in a container.
func (t *Tracker) stow(c *container, f fact) {
	k := c.trace
	k.last = t.order
	if k.lost {
		return
	}
	t.changed = append(t.changed, c.epc)
	if k.goods = add(k.goods, f); len(k.goods) > maxFacts {
		t.lose(c, whyMany)
	}
}

// spoil says that a journey has no list.
func (t *Tracker) spoil(c *container, why string) {
	if !t.keeps || c.trace.why != "" {
		return
	}
	k := c.trace
	t.changed = append(t.changed, c.epc)
	k.why, k.facts, k.tied, k.pieces, k.gaps = why, nil, nil, nil, nil
}

// lose says that what is in a container cannot be told.
func (t *Tracker) lose(c *container, why string) {
	if !t.keeps || c.trace.lost {
		return
	}
	t.spoil(c, why)
	c.trace.lost, c.trace.goods = true, nil
}

// ruled keeps what a policy changed and gives the products whose policy it changed.
func (t *Tracker) ruled(changed map[string]bool, product string, removed bool) {
	if !t.keeps {
		return
	}
	changed[product] = true
	r := rule{set: t.present}
	if removed {
		r, _ = t.rules.Get(product)
		r.removed = t.present
	}
	t.rules.Put(product, r)
}

// rulesChanged notes a policy for a journey that may look up what it changed.
func (t *Tracker) rulesChanged(c *container, changed map[string]bool) {
	if !t.keeps || !changed["*"] && !slices.ContainsFunc(c.classes, func(class string) bool { return changed[class] }) {
		return
	}
	t.told(c)
}

// lookedUp notes what set the policy of a product that a journey asks for.
func (t *Tracker) lookedUp(c *container, product string) {
	if !t.keeps {
		return
	}
	r, ok := t.rules.Get(product)
	if !ok {
		return
	}
	t.note(c, r.set)
	if r.removed.order > 0 {
		t.note(c, r.removed)
	}
}

// found says that a finding was told to a container, or is kept for its journey.
func (t *Tracker) found(c *container, s suspect, by *container, fresh bool) {
	switch f := findingFact(ledger.RefFinding, s.finding); {
	case !t.keeps:
	case by == nil:
		f.order, f.items = s.order, []string{s.finding.Item}
		t.note(c, f)
	case !fresh:
		t.lose(c, whyOldGoods)
	case s.finding.Item == c.epc:
		t.spoil(c, whyCircle)
	default:
		f.order = s.order
		t.note(c, f)
		t.got(c, by, true)
	}
}
