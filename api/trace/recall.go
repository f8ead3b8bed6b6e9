package trace

import (
	"context"
	"slices"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

// Recall gives everything that may contain what is asked for, or has touched it, with who holds it and
// what of it is sold. The question's direction is Down, whatever it says.
func Recall(ctx context.Context, src Source, q Question) (Graph, error) {
	q.Direction = Down
	w := newWalk(src, q)
	if err := w.run(ctx); err != nil {
		return Graph{}, err
	}
	near, err := w.touch(ctx)
	if err != nil {
		return Graph{}, err
	}
	g, err := w.graph(ctx)
	if err != nil {
		return Graph{}, err
	}
	if err := w.keepers(ctx); err != nil {
		return Graph{}, err
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		n.Degree = near[w.order[i]]
		if n.Kind != KindTransformation {
			n.Custody, n.Container = w.custodyOf(n.ID), w.containerOf(n.ID)
		}
	}
	if w.cut && !slices.Contains(g.Truncated, TruncatedEvents) {
		g.Truncated = append(g.Truncated, TruncatedEvents)
		slices.Sort(g.Truncated)
	}
	return g, nil
}

// touch adds what was in one container with what was reached, and gives the degree of each node.
func (w *walk) touch(ctx context.Context) (map[*node]Degree, error) {
	near := make(map[*node]Degree, len(w.reached))
	var frontier []*node
	depth := 0
	for _, n := range w.reached {
		depth = max(depth, n.state.depth)
		// What still is or carries it, and an amount of a class that is in it; else it did so once.
		near[n] = Contains
		if len(n.state.reach) > 0 && n.state.reach.end() != forever() {
			near[n] = Touched
		}
		if !n.process && len(n.state.reach) > 0 {
			frontier = append(frontier, n)
		}
	}
	near[w.item(w.q.ID)] = Subject
	for frontier = sortNodes(frontier); len(frontier) > 0; frontier = w.settle(depth) {
		depth++
		items := itemsOf(frontier)
		if err := w.contents(ctx, items); err != nil {
			return nil, err
		}
		for _, k := range frontier {
			for _, s := range w.contentsOf(k.id) {
				together := k.state.reach.meet(s.Window)
				if len(together) == 0 {
					continue
				}
				from := w.item(s.child)
				var c change
				if !s.class {
					c.reach = together
				}
				w.link(edgeOf(s), from, k, from, c)
			}
		}
		if depth > 2*MaxDepth {
			w.truncated[TruncatedDepth] = true
			break
		}
	}
	for _, n := range w.reached {
		if near[n] == "" {
			near[n] = Touched
		}
	}
	return near, nil
}

// Custody is who holds a thing, by the events.
type Custody struct {
	// Custodian is the organisation (MSP ID) that last showed that it holds the thing, or what it is
	// in; empty if none did.
	Custodian string
	Held      *Evidence // by which event
	Status    Status
	Since     *Evidence // the event that gave the status; nil if unknown
	Place     string    // where it was last seen, itself or what it is in; empty if unknown
	Seen      *Evidence
	// Party is whom the event of the status names as the one that then possesses it, or owns it,
	// canonical; empty if it names none, and where a consumer has it.
	Party string
	// Disputed are the rules whose open findings say that the events by which this is known do not fit,
	// ascending: who holds the thing is then the word of one organisation. A Source does not tell.
	Disputed []ledger.FindingCode
}

// Disputes lists the rules whose findings speak against what an event says of who holds a thing.
func Disputes() []ledger.FindingCode {
	return []ledger.FindingCode{
		ledger.FindingCommissionedTwice, ledger.FindingMovedAfterDecommission, ledger.FindingPackedTwice,
		ledger.FindingReceivedWithoutShipping, ledger.FindingShippedByNonHolder, ledger.FindingUnregisteredOrganisation,
	}
}

// Status is what became of a thing.
type Status string

// The statuses. Each is what the last event says that says one of them.
const (
	StatusUnknown Status = ""
	StatusHeld    Status = "held"
	StatusShipped Status = "shipped"
	StatusSold    Status = "sold" // to a consumer: sold at retail, or dispensed
	StatusEnded   Status = "ended"
)

// stay is what an event says of who holds one of its things.
type stay struct {
	event  *Event
	status Status // StatusUnknown if it says nothing but a place
	held   bool   // it shows that the recording organisation holds the thing
}

// rank orders what an event may say at once, of a thing itself and of what it is in.
func (s Status) rank() int {
	return slices.Index([]Status{StatusUnknown, StatusHeld, StatusShipped, StatusSold, StatusEnded}, s)
}

// stayOf reads what an event says of the custody of a thing that has these roles in it. Who holds it is
// told as the contract tells it.
func stayOf(e *Event, roles Roles) stay {
	s := stay{event: e}
	linked := e.Type == epcis.AggregationEvent || e.Type == epcis.AssociationEvent
	switch {
	case e.Type == epcis.ObjectEvent && (e.Action == epcis.Delete || e.Step == "decommissioning" || e.Step == "destroying"),
		e.Type == epcis.TransformationEvent && roles.Has(epcis.RoleInput):
		s.status = StatusEnded
		return s
	case e.Step == "receiving" || e.Step == "accepting",
		e.Type == epcis.ObjectEvent && (e.Action == epcis.Add || e.Step == "commissioning" || e.Step == "creating_class_instance"),
		e.Type == epcis.TransformationEvent && roles.Has(epcis.RoleOutput),
		linked && roles.Has(epcis.RoleChild) && e.Action == epcis.Delete,
		e.Type == epcis.AggregationEvent && roles.Has(epcis.RoleParent) && e.Action != epcis.Observe:
		s.status, s.held = StatusHeld, true
	}
	switch {
	case e.Step == "retail_selling" || e.Step == "dispensing" || e.Disposition == "retail_sold" || e.Disposition == "dispensed" || e.Disposition == "partially_dispensed":
		s.status = StatusSold
	case e.Step == "shipping" || e.Step == "departing" || e.Step == "transporting":
		s.status = StatusShipped
	}
	return s
}

// later reports whether s tells more lately than o; at one event the higher status counts.
func (s stay) later(o *stay) bool {
	if o == nil {
		return true
	}
	if c := s.event.Moment().Compare(o.event.Moment()); c != 0 {
		return c > 0
	}
	return s.status.rank() > o.status.rank()
}

// keepers loads the containers of the nodes, theirs, and so on.
func (w *walk) keepers(ctx context.Context) error {
	items := itemsOf(w.order)
	seen := map[string]bool{}
	for len(items) > 0 {
		if err := w.spans(ctx, items); err != nil {
			return err
		}
		var next []string
		for _, id := range items {
			for _, s := range w.of[id].spans {
				if !s.class && !seen[s.parent] {
					seen[s.parent] = true
					next = append(next, s.parent)
				}
			}
		}
		slices.Sort(next)
		items = next
	}
	return nil
}

// deepest bounds how many containers within each other tell who holds a thing.
const deepest = 16

// search looks for the last event that wanted picks, of a thing or of what it was in.
type search struct {
	*walk
	wanted func(stay) bool
	steps  int // that are left: what bad data asks for is bounded
}

// follows reports whether what a container went through its contents went through: its own end is not
// theirs, unless it was consumed with them.
func (s stay) follows() bool {
	return s.status != StatusEnded || s.event.Type == epcis.TransformationEvent
}

// staysOf gives what the events of a thing say of its custody, in order.
func (w *walk) staysOf(id string) []stay {
	h := w.of[id]
	if h == nil {
		return nil
	}
	if !h.kept {
		h.kept = true
		for _, m := range h.mentions {
			if s := stayOf(m.Event, m.Roles); s.status != StatusUnknown || m.Event.Place != "" {
				h.custody = append(h.custody, s)
			}
		}
	}
	return h.custody
}

// own finds the last of a thing's own events within a window.
func (w *search) own(id string, within Window, level int) *stay {
	for _, s := range slices.Backward(w.staysOf(id)) {
		at := s.event.Moment()
		if at.before(within.From) {
			break
		}
		if at.before(within.Until) && w.wanted(s) && (level == 0 || s.follows()) {
			return &s
		}
	}
	return nil
}

// latest looks container by container, the last first, and into none that cannot tell anything later.
func (w *search) latest(id string, within Window, level int) (best *stay) {
	if w.steps--; w.steps < 0 {
		return nil
	}
	best = w.own(id, within, level)
	if h := w.of[id]; h != nil && level < deepest {
		for _, s := range slices.Backward(h.spans) {
			inside := s.meet(within)
			if best != nil && inside.From.before(best.event.Moment()) {
				inside.From = best.event.Moment()
			}
			if s.class || inside.empty() {
				continue
			}
			if found := w.latest(s.parent, inside, level+1); found != nil && found.later(best) {
				best = found
			}
		}
	}
	return best
}

// sweep finds the same by looking at each container once for all the times at which it counts.
func (w *search) sweep(id string) (best *stay) {
	seen := map[string]windows{id: {always()}}
	frontier := map[string]windows{id: {always()}}
	for level := 0; len(frontier) > 0; level++ {
		next := map[string]windows{}
		for id, times := range frontier {
			for _, within := range times {
				if found := w.own(id, within, level); found != nil && found.later(best) {
					best = found
				}
				if w.of[id] == nil || level == deepest {
					continue
				}
				for _, s := range w.of[id].spans {
					inside := s.meet(within)
					if s.class || inside.empty() {
						continue
					}
					if all, more := seen[s.parent].add(inside); more {
						seen[s.parent] = all
						next[s.parent], _ = next[s.parent].add(inside)
					}
				}
			}
		}
		frontier = next
	}
	return best
}

// last finds the last event that wanted picks. Where containers lie in each other in circles there are
// too many ways to go one by one.
func (w *walk) last(id string, wanted func(stay) bool) *stay {
	const steps = 500
	s := search{walk: w, wanted: wanted, steps: steps}
	if found := s.latest(id, always(), 0); s.steps >= 0 {
		return found
	}
	return s.sweep(id)
}

func (w *walk) custodyOf(id string) *Custody {
	c := &Custody{}
	if held := w.last(id, func(s stay) bool { return s.held }); held != nil {
		at := evidence(held.event)
		c.Custodian, c.Held = held.event.MSPID, &at
	}
	if last := w.last(id, func(s stay) bool { return s.status != StatusUnknown }); last != nil {
		at := evidence(last.event)
		c.Status, c.Since = last.status, &at
	}
	if seen := w.last(id, func(s stay) bool { return s.event.Place != "" }); seen != nil {
		at := evidence(seen.event)
		c.Place, c.Seen = seen.event.Place, &at
	}
	return c
}

// containerOf gives what a thing is in: by aggregation, else by association.
func (w *walk) containerOf(id string) (container string) {
	for _, s := range w.of[id].spans {
		if s.class || s.end != nil {
			continue
		}
		if s.kind == epcis.AggregationEvent {
			return s.parent
		}
		container = s.parent
	}
	return container
}

// Where is where a thing is, or was, and who holds it.
type Where struct {
	ID string
	// Container is what it is in, and Containers that and what is around it, from the inside out.
	Container  string
	Containers []string
	Custody    Custody
	At         *ledger.Millis
	Truncated  []Truncation
	AsOf       AsOf
}

// Locate gives the container and the custodian of a thing as of the question's time.
func Locate(ctx context.Context, src Source, q Question) (Where, error) {
	q.Direction = Down
	w := newWalk(src, q)
	w.order = []*node{w.item(q.ID)}
	if err := w.keepers(ctx); err != nil {
		return Where{}, err
	}
	found := Where{ID: q.ID, At: q.At, Custody: *w.custodyOf(q.ID)}
	for id := w.containerOf(q.ID); id != "" && len(found.Containers) < deepest && !slices.Contains(found.Containers, id) && id != q.ID; id = w.containerOf(id) {
		found.Containers = append(found.Containers, id)
	}
	if len(found.Containers) > 0 {
		found.Container = found.Containers[0]
	}
	if w.cut {
		found.Truncated = append(found.Truncated, TruncatedEvents)
	}
	return found, nil
}
