package feature

import (
	"cmp"
	"slices"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
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

// fact is something recorded: a part of a transaction.
type fact struct {
	order   uint64 // of the transaction among all, and within it
	kind    ledger.ReferenceKind
	policy  string
	version uint32
	digest  ledger.Digest
	finding *ledger.Finding
	// items of it are in the shipment, by what the ledger says of them: a finding on one concerns it, their readings are its.
	items []string
	// known are containers of it whose contents bear on the shipment.
	known []vessel
	// parent is whose contents an event tells.
	parent vessel
}

// vessel is a container in one of its lives.
type vessel struct {
	epc  string
	life uint64
}

const partBits = 24 // of an order

// piece is a segment.
type piece struct {
	order  uint64
	device string
	seq    uint64
	digest ledger.Digest
}

// trace is what a container's present life rests on. A life ends with its journey, or when it is forgotten.
type trace struct {
	life   uint64
	within uint64 // the parent's life when it was put into it
	last   uint64 // order of the part that last concerned it, kept or not
	goods  []fact // what came in and went out; by order
	// The journey's own: by order.
	facts    []fact
	pieces   []piece
	readings int
	gaps     []gap
	// forgot says that an inner container was forgotten that a replay still knows.
	forgot bool
	why    string // why there is no list
	lost   bool   // nor one of goods
}

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

// add puts a fact into a list, in order, and joins what is said of its items.
func add(list []fact, f fact) []fact {
	i := len(list)
	if i > 0 && list[i-1].order >= f.order {
		var found bool
		i, found = slices.BinarySearchFunc(list, f.order, func(g fact, order uint64) int { return cmp.Compare(g.order, order) })
		if found {
			list[i].items, list[i].known = union(list[i].items, f.items), union(list[i].known, f.known)
			return list
		}
	}
	return slices.Insert(list, i, f)
}

// has reports whether a list holds a fact of an order.
func has(list []fact, order uint64) bool {
	_, found := slices.BinarySearchFunc(list, order, func(f fact, order uint64) int { return cmp.Compare(f.order, order) })
	return found
}

func (c *container) vessel() vessel { return vessel{c.epc, c.trace.life} }

// knew reports whether what is kept of a container's goods is of another life of a container. A replay does not know
// one from another.
func (c *container) knew(v vessel) bool {
	other := func(o vessel) bool { return o.epc == v.epc && o.life != v.life }
	return other(c.vessel()) || slices.ContainsFunc(c.trace.goods, func(g fact) bool { return other(g.parent) || slices.ContainsFunc(g.known, other) })
}

// bring stows what is known of a container that is put into c.
func (t *Tracker) bring(c *container, f fact) {
	if !c.trace.lost && !has(c.trace.goods, f.order) && (c.knew(f.parent) || slices.ContainsFunc(f.known, c.knew)) {
		t.lose(c, whyOldGoods)
	}
	t.stow(c, f)
}

// union gives a list with what it lacks; the list may be shared.
func union[T comparable](list, more []T) []T {
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(slices.Clip(list), s)
		}
	}
	return list
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
	k.why, k.facts, k.pieces, k.gaps = why, nil, nil, nil
}

// lose says that what is in a container cannot be told.
func (t *Tracker) lose(c *container, why string) {
	if !t.keeps || c.trace.lost {
		return
	}
	t.spoil(c, why)
	c.trace.lost, c.trace.goods = true, nil
}

// around yields a container and those around it, nearest first. Fresh says that each was put into the next in the next
// one's present life. What is around the shipment that a replay follows is not asked.
func (t *Tracker) around(c *container) func(yield func(c *container, fresh bool) bool) {
	return func(yield func(*container, bool) bool) {
		fresh := true
		for range maxDepth {
			if !yield(c, fresh) {
				return
			}
			parent, ok := t.containers.Get(c.parent)
			if c.parent == "" || !ok || t.only == c.epc {
				return
			}
			fresh = fresh && t.keeps && c.trace.within == parent.trace.life
			c = parent
		}
	}
}

// entered is called before a container is put into another.
func (t *Tracker) entered(inner, parent *container) {
	if !t.keeps {
		return
	}
	parent.trace.last = t.order
	if inner.parent == parent.epc && inner.trace.within == parent.trace.life {
		return
	}
	t.left(inner)
	inner.trace.within = parent.trace.life
	f := t.present
	f.known = []vessel{parent.vessel()}
	if len(inner.trace.goods) == 0 {
		f.known = append(f.known, inner.vessel()) // nothing else would tell a replay that it is known
	}
	for c, fresh := range t.around(parent) {
		if !fresh {
			return
		}
		switch {
		case inner.trace.lost:
			t.lose(c, whyOldGoods)
		case c.trace.forgot && len(inner.trace.goods) > 0:
			t.lose(c, whyForgotten)
		default:
			for _, g := range inner.trace.goods {
				t.bring(c, g)
			}
			if c.knew(inner.vessel()) {
				t.lose(c, whyOldGoods)
			}
			t.stow(c, f)
		}
	}
}

// left is called before a container is taken out of another.
func (t *Tracker) left(inner *container) {
	parent, ok := t.containers.Get(inner.parent)
	if !t.keeps || inner.parent == "" || !ok || inner.trace.within != parent.trace.life {
		return
	}
	for c, fresh := range t.around(parent) {
		if !fresh {
			return
		}
		t.stow(c, t.present)
	}
}

// got says that products came into c with the present event of a container in it, whose parent is named.
func (t *Tracker) got(c, parent *container, fresh bool) {
	if !t.keeps {
		return
	}
	if !fresh {
		t.lose(c, whyOldGoods)
		return
	}
	f := t.present
	f.known = []vessel{parent.vessel()}
	t.stow(c, f)
}

// forgotten is called when a container is dropped for want of room.
func (t *Tracker) forgotten(inner *container) {
	parent, ok := t.containers.Get(inner.parent)
	if !t.keeps || inner.parent == "" || !ok || inner.trace.within != parent.trace.life {
		return
	}
	for c, fresh := range t.around(parent) {
		if !fresh {
			return
		}
		if !c.trace.forgot {
			c.trace.forgot = true
			t.changed = append(t.changed, c.epc)
		}
	}
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
	if t.keeps && slices.ContainsFunc(c.trace.gaps, func(g gap) bool { return g.device == device && g.from < to && from <= g.to }) {
		t.spoil(c, whyReadings)
	}
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

// References gives what a step's journey rests on so far, in ledger order, of what a task can refer to; or why there is no such
// list. It is asked before the next part.
func (t *Tracker) References(s Step) (list []ledger.Reference, why string) {
	c, ok := t.containers.Get(s.Shipment)
	switch {
	case !t.keeps:
		return nil, "no references are kept"
	case !ok || !c.open || c.journey != s.journey:
		return nil, whyOver
	case c.trace.why != "":
		return nil, c.trace.why
	case t.rulesLost:
		return nil, whyRules
	}
	k := c.trace
	list = make([]ledger.Reference, 0, len(k.goods)+len(k.facts)+8)
	goods, facts, pieces := k.goods, k.facts, k.pieces
	packs, pack := 0, uint64(0)
	const never = 1<<64 - 1
	for len(goods)+len(facts)+len(pieces) > 0 {
		g, f, p := uint64(never), uint64(never), uint64(never)
		if len(goods) > 0 {
			g = goods[0].order
		}
		if len(facts) > 0 {
			f = facts[0].order
		}
		if len(pieces) > 0 {
			p = pieces[0].order
		}
		next := min(g, f, p)
		if next == p {
			list = withPiece(list, pieces[0])
			pieces = pieces[1:]
		} else {
			var both fact
			if g == next {
				both, goods = goods[0], goods[1:]
			}
			if f == next {
				known := both.known
				both, facts = facts[0], facts[1:]
				both.known = union(known, both.known)
			}
			list = append(list, both.reference(c.epc))
		}
		if kind := list[len(list)-1].Kind; next>>partBits != pack && kind != ledger.RefPolicy && kind != ledger.RefFinding && kind != ledger.RefClosed {
			pack = next >> partBits
			packs++
		}
	}
	if len(list) > ledger.MaxTaskReferences || packs > ledger.MaxTaskPacks {
		return nil, whyMany
	}
	return list, ""
}

// withPiece appends a segment, to the range before it if it goes on there.
func withPiece(list []ledger.Reference, p piece) []ledger.Reference {
	if n := len(list); n > 0 {
		if last := &list[n-1]; last.Kind == ledger.RefSegments && last.ID == p.device && last.Last+1 == p.seq {
			last.Last, last.Digest = p.seq, p.digest
			return list
		}
	}
	return append(list, ledger.Reference{Kind: ledger.RefSegments, ID: p.device, First: p.seq, Last: p.seq, Digest: p.digest})
}

// reference names a fact. Of its items it says that they are in the shipment, of a container whose contents alone bear on the
// shipment that it is in itself.
func (f fact) reference(shipment string) ledger.Reference {
	ref := ledger.Reference{Kind: f.kind, ID: f.policy, First: uint64(f.version), Digest: f.digest, Finding: f.finding}
	for _, item := range f.items {
		if item != shipment {
			ref.Containers = append(ref.Containers, ledger.Contained{Item: item, Container: shipment})
		}
	}
	for _, v := range f.known {
		if v.epc != shipment && !slices.Contains(f.items, v.epc) {
			ref.Containers = append(ref.Containers, ledger.Contained{Item: v.epc, Container: v.epc})
		}
	}
	slices.SortFunc(ref.Containers, func(a, b ledger.Contained) int { return cmp.Compare(a.Item, b.Item) })
	ref.Containers = slices.Compact(ref.Containers)
	return ref
}

// measures says that readings in the present event are a container's, since an item of it is in it or is it.
func (t *Tracker) measures(c *container, item string) {
	if !t.keeps {
		return
	}
	t.told(c, item)
	if item == c.epc {
		return
	}
	goods := c.trace.goods
	known := len(goods) > 0 && goods[len(goods)-1].order == t.order && slices.ContainsFunc(goods[len(goods)-1].known, func(v vessel) bool { return v.epc == item })
	inner, ok := t.containers.Get(item)
	switch parent := t.present.parent.epc == item; {
	case parent == known:
	case known: // as a child: a replay is told that it is in the shipment, and not that it is a container
		t.spoil(c, whyOldGoods)
	case ok && t.holds(c, inner):
		t.got(c, inner, true)
	default: // a replay takes what it holds for the shipment's
		t.spoil(c, whyOldGoods)
	}
}

// holds reports whether a container is in c.
func (t *Tracker) holds(c, inner *container) bool {
	for around, fresh := range t.around(inner) {
		if around == c {
			return fresh
		}
	}
	return false
}

func eventFact(kind ledger.ReferenceKind, e *wire.RecordedEvent) fact {
	return fact{kind: kind, digest: e.Hash}
}

func policyFact(p *ledger.Policy) fact {
	return fact{kind: ledger.RefPolicy, policy: p.ID, version: p.Version}
}

func findingFact(kind ledger.ReferenceKind, f ledger.Finding) fact {
	return fact{kind: kind, finding: &f}
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
