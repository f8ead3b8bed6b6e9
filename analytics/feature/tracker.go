package feature

import (
	"bytes"
	"cmp"
	"iter"
	"math"
	"slices"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/coldchain"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// Limits bound what a Tracker remembers. They are part of what decides verdicts: two trackers
// with other limits may differ once one of them has reached its own.
type Limits struct {
	Shipments     int    // journeys under way or lingering
	Containers    int    // containers known, under way or not
	Devices       int    // devices known
	EarlyReadings int    // times of segments that came before their device's binding, in all
	Suspects      int    // items with findings that are in no known container
	Products      int    // products with a policy
	Linger        uint64 // blocks for which an ended journey still takes late data
}

// DefaultLimits fit a scorer of 20,000 shipments. Linger is some hours of a busy channel and days of a
// quiet one: loggers without a radio are read out after arrival.
func DefaultLimits() Limits {
	return Limits{
		Shipments: 20_000, Containers: 80_000, Devices: 50_000, EarlyReadings: 262_144, Suspects: 50_000, Products: 100_000, Linger: 20_000,
	}
}

const (
	maxClasses         = 64 // products of a container; more make it no stricter than these
	maxContainerEvents = 32 // findings kept for a container before its journey begins
	maxSuspectFindings = 8  // of one item
	maxBindings        = 8  // of one device, the latest
	maxEarlySegments   = 64 // of one device
	maxContainerDevice = 32 // devices bound to a container at once
	maxDepth           = 8  // containers in containers
	always             = ledger.Millis(math.MaxInt64)
	unknownStart       = always // of a binding whose removal was recorded first
)

// Tracker follows shipments in ledger order. It is not safe for concurrent use.
type Tracker struct {
	limits     Limits
	block      uint64
	policies   *canon.Recent[ledger.Policy] // by product
	containers *canon.Recent[*container]
	devices    *canon.Recent[*device]
	suspects   *canon.Recent[[]suspect]
	ended      []ending // journeys that linger, in the order they ended
	open       int      // journeys under way or lingering
	early      int      // times held by devices
	overflow   uint64
	journeys   uint64 // begun so far

	only string // the one shipment that is followed; empty: all

	references

	steps []Step
}

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

type device struct {
	bindings []binding
	early    []ledgerSegment
}

// binding ties a device to a container's journey from one time to another, exclusive.
type binding struct {
	container string
	journey   uint64
	from, to  ledger.Millis
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

// ledgerEvent is an event with its hash, what it names and when it happened.
type ledgerEvent struct {
	*epcis.Event
	hash    ledger.Digest
	at      ledger.Millis
	objects []epcis.Item

	containers map[string]string // by item: what the ledger says that it is in
}

// NewTracker starts at an empty ledger.
func NewTracker(limits Limits) *Tracker {
	return &Tracker{
		limits: limits, policies: canon.NewRecent[ledger.Policy](), containers: canon.NewRecent[*container](),
		devices: canon.NewRecent[*device](), suspects: canon.NewRecent[[]suspect](),
	}
}

// Overflow is how many journeys under way were given up because there were more than the limit.
func (t *Tracker) Overflow() uint64 { return t.overflow }

// Open is how many journeys are under way or linger.
func (t *Tracker) Open() int { return t.open }

// Apply takes what a valid transaction of a block recorded and gives the steps that follow from
// it. Transactions come in ledger order.
func (t *Tracker) Apply(block uint64, tx wire.Transaction) []Step {
	var all []Step
	for steps := range t.Parts(block, tx) {
		if all == nil {
			all = slices.Clip(steps)
		} else {
			all = append(all, steps...)
		}
	}
	return all
}

// Parts is Apply that gives the steps as they follow from each thing recorded, one after the other. All of them
// have to be taken.
func (t *Tracker) Parts(block uint64, tx wire.Transaction) iter.Seq[[]Step] {
	return func(yield func([]Step) bool) {
		goOn := true
		give := func() {
			if goOn && len(t.steps)+len(t.changed) > 0 {
				goOn = yield(t.steps)
			}
			t.steps, t.changed = nil, nil
		}
		t.steps, t.changed = nil, nil
		t.transaction()
		t.retire(block)
		give()
		items := make(map[string]string, len(tx.Items))
		for _, s := range tx.Items {
			if s.Container != "" {
				items[s.EPC] = s.Container
			}
		}
		for i := range tx.Policies {
			t.part(policyFact(&tx.Policies[i]))
			t.setPolicy(tx.Policies[i])
			give()
		}
		for i := range tx.Events {
			t.part(eventFact(ledger.RefEvent, &tx.Events[i]))
			t.event(&tx.Events[i], items)
			give()
		}
		for i := range tx.Restatements {
			if r := &tx.Restatements[i]; slices.Contains(tx.Withdrawn, r.Hash) {
				t.part(eventFact(ledger.RefWithdrawn, r))
				t.withdraw(r)
				give()
			}
		}
		for _, f := range tx.Findings {
			t.part(findingFact(ledger.RefFinding, f))
			t.finding(f, items)
			give()
		}
		for _, f := range tx.Changes {
			if !f.Open() {
				t.part(findingFact(ledger.RefClosed, f))
				t.closed(f, items)
				give()
			}
		}
		for _, s := range tx.Segments {
			t.part(fact{})
			t.segment(ledgerSegment{segment: s.Segment, digest: s.Digest})
			give()
		}
		t.trim()
		give()
	}
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

// trim drops what was touched least recently where a limit is passed; journeys that only linger go
// before those under way.
func (t *Tracker) trim() {
	for t.open > t.limits.Shipments && len(t.ended) > 0 {
		t.closeEnded()
	}
	for t.open > t.limits.Shipments {
		for _, c := range t.containers.All {
			if c.open {
				t.overflow++
				t.close(c)
				break
			}
		}
	}
	for key, c := range t.containers.All {
		if t.containers.Len() <= t.limits.Containers {
			break
		}
		if c.open {
			continue
		}
		t.forgotten(c)
		t.containers.Remove(key)
	}
	for key, d := range t.devices.All {
		if t.devices.Len() <= t.limits.Devices && t.early <= t.limits.EarlyReadings {
			break
		}
		for i := range d.early {
			s := &d.early[i]
			t.early -= len(s.segment.Times)
			t.dropped(s, len(s.segment.Times))
		}
		d.early = nil
		if t.devices.Len() > t.limits.Devices || len(d.bindings) == 0 {
			for _, b := range d.bindings {
				t.unbound(b)
			}
			t.devices.Remove(key)
		}
	}
	for key := range t.suspects.All {
		if t.suspects.Len() <= t.limits.Suspects {
			break
		}
		t.suspects.Remove(key)
	}
	for key := range t.policies.All {
		if t.policies.Len() <= t.limits.Products {
			break
		}
		t.policies.Remove(key)
		t.rulesLost = true
	}
	if t.keeps && t.rules.Len() > t.limits.Products {
		for key := range t.rules.All {
			t.rules.Remove(key)
			if t.rules.Len() <= t.limits.Products {
				break
			}
		}
		t.rulesLost = true
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
					b.to = at
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

func (t *Tracker) setPolicy(p ledger.Policy) {
	var changed map[string]bool // kept where references are
	if t.keeps {
		changed = map[string]bool{}
	}
	for product, old := range t.policies.All {
		if old.ID == p.ID && old.Version < p.Version && !slices.Contains(p.Products, product) {
			t.policies.Remove(product) // the new version no longer names it
			t.ruled(changed, product, true)
		}
	}
	for _, product := range p.Products {
		if old, ok := t.policies.Get(product); ok && old.ID == p.ID && old.Version > p.Version {
			continue
		}
		t.policies.Put(product, p)
		t.ruled(changed, product, false)
	}
	// Journeys that had to do without their own policy get it now. Others keep the version they
	// began with, so that a change of rules does not move under a shipment.
	for _, c := range t.containers.All {
		if c.open && !c.specific {
			t.rulesChanged(c, changed)
			t.choosePolicy(c, c.classes)
		}
	}
}

// stricter orders policies: the narrower recommended range first, then the shorter allowances.
func stricter(a, b *ledger.Policy) int {
	return cmp.Or(
		cmp.Compare(int64(a.High)-int64(a.Low), int64(b.High)-int64(b.Low)),
		cmp.Compare(a.ExcursionFor, b.ExcursionFor), cmp.Compare(a.Grace, b.Grace),
		cmp.Compare(a.ID, b.ID), cmp.Compare(a.Version, b.Version),
	)
}

// choosePolicy takes the strictest policy of the products named, if it is stricter than the one in
// force or the first of its own.
func (t *Tracker) choosePolicy(c *container, classes []string) {
	if !c.open || c.isEnded {
		return
	}
	var best *ledger.Policy
	for _, class := range classes {
		t.lookedUp(c, class)
		if p, ok := t.policies.Get(class); ok && (best == nil || stricter(&p, best) < 0) {
			best = &p
		}
	}
	specific := best != nil
	if best == nil && !c.hasPolicy {
		t.lookedUp(c, "*")
		if p, ok := t.policies.Get("*"); ok {
			best = &p
		}
	}
	if best == nil || c.specific && stricter(best, &c.policy) >= 0 {
		return
	}
	p := *best
	// A verdict names its policy; the products of a policy may be thousands.
	p.Products = nil
	c.policy, c.hasPolicy, c.specific = p, true, specific
	t.input(c, Input{Kind: KindPolicy, Policy: &p, Default: !specific})
}

// addClasses notes products in a container and in the containers around it.
func (t *Tracker) addClasses(c *container, classes []string) {
	named, fresh := c, true
	for range maxDepth {
		var added []string
		for _, class := range classes {
			if i, found := slices.BinarySearch(c.classes, class); !found && len(c.classes) < maxClasses {
				c.classes = slices.Insert(c.classes, i, class)
				added = append(added, class)
			}
		}
		if len(added) == 0 {
			return
		}
		t.got(c, named, fresh)
		t.choosePolicy(c, added)
		parent, ok := t.containers.Get(c.parent)
		if c.parent == "" || !ok {
			return
		}
		fresh = fresh && t.keeps && c.trace.within == parent.trace.life
		c, classes = parent, added
	}
}

// Words of an event without which it tells a tracker nothing. Every event goes through this, and
// parsing costs far more. Text with escapes is always parsed.
func relevant(body []byte) bool {
	if bytes.IndexByte(body, '\\') >= 0 {
		return true
	}
	for _, word := range []string{
		"AssociationEvent", "AggregationEvent", "sensorElementList", "shipping", "receiving", "accepting", "unpacking",
		"destroying", "decommissioning", ":sscc:", ":grai:", "/00/", "/8003/", // and whatever names a container
	} {
		if bytes.Contains(body, []byte(word)) {
			return true
		}
	}
	return false
}

// isContainer tells whether an EPC can be a shipment by itself, before anything is known in it.
func isContainer(kind epcis.IdentifierKind) bool {
	return kind == epcis.KindSSCC || kind == epcis.KindGRAI
}

// isPlace tells whether an EPC is no container whatever is associated with it.
func isPlace(kind epcis.IdentifierKind) bool {
	return kind == epcis.KindSGLN || kind == epcis.KindPGLN || kind == epcis.KindGDTI
}

func (t *Tracker) event(recorded *wire.RecordedEvent, containers map[string]string) {
	if !relevant(recorded.Body) {
		return
	}
	parsed, err := epcis.ParseEvent(recorded.Context, recorded.Body)
	if err != nil || parsed.IsErrorDeclaration() {
		// The contract took the event; one that a later rule of epcis refuses tells nothing here.
		return
	}
	e := &ledgerEvent{Event: parsed, hash: recorded.Hash, at: ledger.MillisOf(parsed.EventTime.Instant), objects: parsed.Items(), containers: containers}
	var parent *container
	if len(e.objects) > 0 && e.objects[0].Role == epcis.RoleParent && e.objects[0].Canonical != "" && !isPlace(e.objects[0].Kind) && len(e.objects[0].Canonical) <= MaxText {
		switch e.Type {
		case epcis.AssociationEvent, epcis.AggregationEvent:
			if epc := e.objects[0].Canonical; t.follows(epc) || e.containers[epc] == t.only || e.containers[epc] == epc {
				parent = t.known(epc)
				if t.keeps {
					t.present.parent = parent.vessel()
				}
			} else {
				t.elsewhere(epc, e)
			}
		default:
		}
	}
	told := t.handled(e, nil)
	if parent != nil {
		t.contents(parent, e)
	}
	t.movement(e)
	t.handled(e, told)
	t.sensors(e)
}

// elsewhere takes, of an event of a container that is not in the shipment that is followed, that others are in it now or are
// no more.
func (t *Tracker) elsewhere(parent string, e *ledgerEvent) {
	for _, o := range e.objects {
		inner, ok := t.containers.Get(o.Canonical)
		if !ok || o.Role != epcis.RoleChild || o.Class || inner.epc == parent {
			continue
		}
		switch {
		case e.Action == epcis.Add && (e.Type != epcis.AssociationEvent || !isSensor(o.Kind)):
			inner.parent = parent
		case e.Action == epcis.Delete && e.Type != epcis.AssociationEvent && inner.parent == parent:
			inner.parent = ""
		}
	}
}

// isSensor tells whether what is associated with a container is taken for a device.
func isSensor(kind epcis.IdentifierKind) bool {
	return kind == epcis.KindGIAI || kind == epcis.KindOther
}

// contents takes an event that puts things into a container or takes them out.
func (t *Tracker) contents(parent *container, e *ledgerEvent) {
	association := e.Type == epcis.AssociationEvent
	switch e.Action {
	case epcis.Add:
		var classes []string
		for _, o := range e.objects {
			if o.Role != epcis.RoleChild {
				continue
			}
			if class := classOf(o.Canonical); class != "" {
				classes = append(classes, class)
			}
			if o.Class {
				continue
			}
			if association && isSensor(o.Kind) {
				if t.follows(parent.epc) {
					t.begin(parent, e.at)
					t.bind(parent, o.Canonical, e.at, e.hash)
				}
				continue
			}
			if t.only != "" && e.containers[o.Canonical] == o.Canonical {
				t.known(o.Canonical)
			}
			if inner, ok := t.containers.Get(o.Canonical); ok && inner != parent {
				t.entered(inner, parent)
				inner.parent = parent.epc
				classes = append(classes, inner.classes...)
			}
			if found, ok := t.suspects.Get(o.Canonical); ok {
				t.suspects.Remove(o.Canonical)
				for _, f := range found {
					t.concern(parent, f, parent)
				}
			}
		}
		t.addClasses(parent, classes)
	case epcis.Delete:
		named := false
		for _, o := range e.objects {
			if o.Role != epcis.RoleChild || o.Class {
				continue
			}
			named = true
			if association {
				if t.follows(parent.epc) {
					t.unbind(parent, o.Canonical, e.at, e.hash)
				}
			} else if inner, ok := t.containers.Get(o.Canonical); ok && inner.parent == parent.epc {
				t.left(inner)
				inner.parent = ""
			}
		}
		if association && !named {
			for _, id := range slices.Clone(parent.devices) {
				t.unbind(parent, id, e.at, e.hash)
			}
		}
		switch {
		case association && len(parent.devices) == 0 && (!parent.isShipped || meet(whereabouts(e.Event), parent.places)),
			!association && (!named || e.BizStep == "unpacking"):
			t.end(parent, e.at, e.hash)
		}
	default:
	}
}

// movement takes an event that ships, receives or ends containers.
func (t *Tracker) movement(e *ledgerEvent) {
	switch e.BizStep {
	case "shipping", "receiving", "accepting", "decommissioning", "destroying":
	default:
		return
	}
	for _, o := range e.objects {
		if o.Class || o.Role != epcis.RoleEPC && o.Role != epcis.RoleParent || len(o.Canonical) > MaxText || !t.follows(o.Canonical) {
			continue
		}
		c, ok := t.containers.Get(o.Canonical)
		if !ok && (e.BizStep != "shipping" || !isContainer(o.Kind)) {
			continue
		}
		if !ok {
			c = t.known(o.Canonical)
		}
		t.containers.Touch(c.epc)
		switch e.BizStep {
		case "shipping":
			t.begin(c, e.at)
			c.isShipped = true
			c.places = destinations(e.Event)
			c.shippedBy = e.hash
			t.told(c)
			t.input(c, Input{Kind: KindShipped, At: e.at, Event: e.hash, Places: c.places, Origin: origin(e.Event)})
			if c.isEnded {
				t.judge(c, true)
			}
		case "receiving", "accepting":
			places := whereabouts(e.Event)
			if !c.open || c.isEnded || e.BizStep == "accepting" && !meet(places, c.places) {
				continue // taking over on the way is not arriving
			}
			t.told(c)
			t.input(c, Input{Kind: KindReceived, At: e.at, Event: e.hash, Places: places})
			t.end(c, e.at, e.hash)
		default:
			t.end(c, e.at, e.hash)
		}
	}
}

// destinations are the places an event ships to.
func destinations(e *epcis.Event) []string {
	var places []string
	for _, d := range e.Destinations {
		if key := PlaceKey(d.ID); d.Type == "location" && len(places) < MaxPlaces && len(key) <= MaxText {
			places = append(places, key)
		}
	}
	return places
}

// origin is the place an event ships from: its source, else where it happened.
func origin(e *epcis.Event) string {
	for _, s := range e.Sources {
		if key := PlaceKey(s.ID); s.Type == "location" && len(key) <= MaxText {
			return key
		}
	}
	if places := whereabouts(e); len(places) > 0 {
		return places[0]
	}
	return ""
}

// handled tells the journeys under way of what was done with their containers, step by step, but for
// those told already, and gives all that were told. It is asked before and after the event did the rest,
// which may begin or end a journey.
func (t *Tracker) handled(e *ledgerEvent, told []string) []string {
	step := string(e.BizStep)
	if step == "" || len(step) > MaxText {
		return told
	}
	for _, o := range e.objects {
		if o.Class || o.Role != epcis.RoleEPC && o.Role != epcis.RoleParent {
			continue
		}
		c, ok := t.containers.Get(o.Canonical)
		if !ok || !c.open || c.isEnded && e.at > c.endedAt || slices.Contains(told, c.epc) {
			continue
		}
		if len(told) == maxClasses {
			t.spoil(c, whyCrowd)
			continue
		}
		told = append(told, c.epc)
		t.told(c)
		t.input(c, Input{Kind: KindStep, At: e.at, Event: e.hash, Step: step, Places: whereabouts(e.Event)})
		if c.isEnded {
			t.judge(c, true)
		}
	}
	return told
}

// withdraw takes back what an event did that its recorder declares in error. Readings that were taken
// for the event's sake stay: who bound a logger by mistake still measured what it measured.
func (t *Tracker) withdraw(r *wire.RecordedEvent) {
	e, err := epcis.ParseEvent(r.Context, r.Body)
	if err != nil {
		return
	}
	at := ledger.MillisOf(e.EventTime.Instant)
	for _, o := range e.Items() {
		if o.Class || o.Role != epcis.RoleEPC && o.Role != epcis.RoleParent {
			continue
		}
		c, ok := t.containers.Get(o.Canonical)
		if !ok || !c.open {
			continue
		}
		t.containers.Touch(c.epc)
		if c.isShipped && c.shippedBy == r.Hash {
			c.isShipped, c.places = false, nil
		}
		t.told(c)
		t.input(c, Input{Kind: KindWithdrawn, At: at, Event: r.Hash})
		if c.isEnded && c.endedBy == r.Hash {
			t.reopen(c)
		}
		t.judge(c, true)
	}
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
			b.to = always
			c.devices = append(c.devices, id)
			t.asks(c, id, end, always)
			t.release(d)
		}
	}
	if !c.specific {
		t.choosePolicy(c, c.classes) // what changed meanwhile
	}
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

// whereabouts are the places an event happened at.
func whereabouts(e *epcis.Event) []string {
	var places []string
	for _, l := range []*epcis.Location{e.BizLocation, e.ReadPoint} {
		if l == nil || l.ID == "" {
			continue
		}
		if key := PlaceKey(l.ID); len(key) <= MaxText {
			places = append(places, key)
		}
	}
	return places
}

func meet(a, b []string) bool {
	return slices.ContainsFunc(a, func(p string) bool { return slices.Contains(b, p) })
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
		b.to = c.endedAt
	}
	if known >= 0 {
		b.to = d.bindings[known].to
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
				b.to = at
			}
		}
	}
	if !bound && c.journey > 0 {
		t.tie(d, binding{container: c.epc, journey: c.journey, from: unknownStart, to: at})
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
	for _, b := range d.bindings {
		first, _ := slices.BinarySearch(times, b.from)
		last, _ := slices.BinarySearch(times, b.to)
		if first >= last {
			continue
		}
		unclaimed = max(unclaimed, last)
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
		t.dropped(&d.early[0], len(d.early[0].segment.Times))
		d.early = slices.Delete(d.early, 0, 1)
	}
}

// mostEarly is how many segments of a device wait for a binding. A replay drops none: those of a list are few.
func (t *Tracker) mostEarly() int {
	if t.only != "" {
		return ledger.MaxTaskSegments
	}
	return maxEarlySegments
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

// sensors takes readings that stand in an event.
func (t *Tracker) sensors(e *ledgerEvent) {
	if len(e.SensorElements) == 0 {
		return
	}
	measured := samples(e.Event)
	if len(measured) == 0 {
		return
	}
	var done []string
	for _, o := range e.objects {
		for _, epc := range []string{o.Canonical, e.containers[o.Canonical]} {
			c, ok := t.containers.Get(epc)
			if !ok || !c.open || slices.Contains(done, epc) {
				continue
			}
			if len(done) == maxDepth {
				t.spoil(c, whyCrowd)
				continue
			}
			done = append(done, epc)
			t.containers.Touch(epc)
			t.measures(c, o.Canonical)
			for _, in := range seriesOf(measured, e.hash) {
				t.input(c, in)
			}
			t.judge(c, false)
		}
	}
}

// seriesOf groups samples by device and quantity, each group in order of time.
func seriesOf(measured []sample, hash ledger.Digest) []Input {
	sorted := slices.Clone(measured)
	slices.SortStableFunc(sorted, func(a, b sample) int {
		return cmp.Or(cmp.Compare(a.device, b.device), cmp.Compare(a.quantity, b.quantity), cmp.Compare(a.at, b.at))
	})
	var out []Input
	for i, s := range sorted {
		if i == 0 || s.device != sorted[i-1].device || s.quantity != sorted[i-1].quantity {
			out = append(out, Input{Kind: KindReadings, Event: hash, Device: s.device, Channels: []ledger.Channel{{Quantity: s.quantity}}})
		}
		in := &out[len(out)-1]
		if n := len(in.Times); n > 0 && in.Times[n-1] == s.at {
			continue
		}
		in.At = s.at
		in.Times = append(in.Times, s.at)
		in.Channels[0].Values = append(in.Channels[0].Values, s.value)
	}
	return out
}

// finding brings a finding to every container around its item.
func (t *Tracker) finding(f ledger.Finding, containers map[string]string) {
	if f.Item == "" || len(f.Item) > MaxText || len(f.Detail) > 2*MaxText || len(f.Code) > MaxText {
		return
	}
	c, ok := t.concerned(f, containers)
	if !ok {
		found, _ := t.suspects.Get(f.Item)
		if len(found) < maxSuspectFindings {
			t.suspects.Put(f.Item, append(slices.Clone(found), suspect{f, t.order}))
		}
		return
	}
	t.concern(c, suspect{f, t.order}, nil)
}

// concerned is the container that a finding's item is, or is in. A replay is told which findings concern its shipment,
// through however many containers.
func (t *Tracker) concerned(f ledger.Finding, containers map[string]string) (*container, bool) {
	if t.only != "" {
		if f.Item != t.only && containers[f.Item] != t.only {
			return nil, false
		}
		return t.known(t.only), true
	}
	c, ok := t.containers.Get(f.Item)
	if !ok {
		c, ok = t.containers.Get(containers[f.Item])
	}
	return c, ok
}

// closed tells every container around a finding's item that it holds no longer.
func (t *Tracker) closed(f ledger.Finding, containers map[string]string) {
	same := func(o ledger.Finding) bool { return o.Code == f.Code && o.Event == f.Event && o.Item == f.Item }
	if found, ok := t.suspects.Get(f.Item); ok {
		if found = slices.DeleteFunc(slices.Clone(found), func(s suspect) bool { return same(s.finding) }); len(found) == 0 {
			t.suspects.Remove(f.Item)
		} else {
			t.suspects.Put(f.Item, found)
		}
	}
	first, ok := t.concerned(f, containers)
	if !ok {
		return
	}
	var seen []string
	for c := range t.around(first) {
		switch {
		case c.open:
			t.told(c, f.Item)
			t.input(c, Input{Kind: KindClosed, Event: f.ClosedBy, Finding: f})
			t.judge(c, true)
		case slices.ContainsFunc(c.findings, same):
			t.told(c, f.Item)
			c.findings = slices.DeleteFunc(c.findings, same)
		}
		if slices.Contains(seen, c.epc) {
			t.spoil(c, whyCircle)
		}
		seen = append(seen, c.epc)
	}
}

// concern tells a finding to a container and those around it. By is the container that its item was packed into just now,
// nil for a finding that was recorded just now.
func (t *Tracker) concern(first *container, s suspect, by *container) {
	f := s.finding
	var seen []string
	for c, fresh := range t.around(first) {
		t.containers.Touch(c.epc)
		switch {
		case c.open:
			t.found(c, s, by, fresh)
			t.input(c, Input{Kind: KindFinding, Event: f.Event, Finding: f})
			t.judge(c, true)
		case len(c.findings) < maxContainerEvents:
			t.found(c, s, by, fresh)
			c.findings = append(c.findings, f)
		}
		if slices.Contains(seen, c.epc) {
			t.spoil(c, whyCircle)
		}
		seen = append(seen, c.epc)
	}
}

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
		})
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
