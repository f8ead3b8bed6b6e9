package trace

import (
	"context"
	"slices"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

// Question asks for the genealogy of an identifier.
type Question struct {
	ID        string // canonical
	Direction Direction
	At        *ledger.Millis // as of this time; nil: all events
	Limits    Limits
}

// state is what is known of a node on the way.
type state struct {
	depth int
	// reach is when the node is, or carries, what is traced; upward, when its matter counts.
	reach windows
	// stands is when a container stands for its contents.
	stands windows
}

// change is what a round adds to a node.
type change struct{ reach, stands windows }

// walk answers one question, round by round: each round takes every node that changed one edge further.
type walk struct {
	*knowledge
	q         Question
	items     map[string]*node
	processes map[string]*node
	reached   []*node
	edges     map[edgeKey]Edge
	single    map[*node]*Event // transformations of one event, without a transformationID
	order     []*node
	truncated map[Truncation]bool

	pending     []*node
	pendingEdge map[edgeKey]Edge
}

func (w *walk) item(id string) *node {
	n := w.items[id]
	if n == nil {
		n = &node{id: id}
		w.items[id] = n
	}
	return n
}

func newWalk(src Source, q Question) *walk {
	q.Limits = q.Limits.withDefaults()
	horizon := forever()
	if q.At != nil {
		horizon = after(*q.At)
	}
	return &walk{
		knowledge: newKnowledge(src, horizon, q.Limits.Events), q: q,
		items: map[string]*node{}, processes: map[string]*node{}, edges: map[edgeKey]Edge{}, single: map[*node]*Event{},
		truncated: map[Truncation]bool{}, pendingEdge: map[edgeKey]Edge{},
	}
}

// Trace gives the genealogy of an identifier. An identifier that no event names is a graph of one node.
func Trace(ctx context.Context, src Source, q Question) (Graph, error) {
	w := newWalk(src, q)
	if err := w.run(ctx); err != nil {
		return Graph{}, err
	}
	return w.graph(ctx)
}

func (w *walk) graph(ctx context.Context) (Graph, error) {
	g := Graph{Root: w.q.ID, Direction: w.q.Direction, At: w.q.At}
	w.sorted(&g)
	if err := w.balances(ctx, &g); err != nil {
		return Graph{}, err
	}
	if w.cut {
		w.truncated[TruncatedEvents] = true
	}
	for t := range w.truncated {
		g.Truncated = append(g.Truncated, t)
	}
	slices.Sort(g.Truncated)
	return g, nil
}

func (w *walk) run(ctx context.Context) error {
	root := w.item(w.q.ID)
	reach := always()
	if w.q.Direction == Up && w.q.At != nil {
		// At a time, what is in it then counts and not what ever was.
		reach = Window{From: after(*w.q.At), Until: forever()}
	}
	w.add(root, change{reach: windows{reach}, stands: windows{always()}})
	frontier := w.settle(0)
	for depth := 1; len(frontier) > 0; depth++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		step := w.down
		if w.q.Direction == Up {
			step = w.up
		}
		if err := step(ctx, frontier); err != nil {
			return err
		}
		if depth > w.q.Limits.Depth {
			if w.adds() {
				w.truncated[TruncatedDepth] = true
			}
			w.forget()
			return nil
		}
		frontier = w.settle(depth)
	}
	return nil
}

// add notes what a round adds to a node.
func (w *walk) add(n *node, c change) {
	if n.pending == nil {
		n.pending = &change{}
		w.pending = append(w.pending, n)
	}
	n.pending.reach = union(n.pending.reach, c.reach)
	n.pending.stands = union(n.pending.stands, c.stands)
}

// union may share what it is given: nobody changes windows in place.
func union(a, b windows) windows {
	if len(a) == 0 {
		return b
	}
	for _, w := range b {
		a, _ = a.add(w)
	}
	return a
}

// link notes an edge and what it adds to the node at its far end.
func (w *walk) link(e Edge, from, to, far *node, c change) {
	k := edgeKey{from: from, to: to, kind: e.Kind, begin: e.Begin.Hash}
	if _, ok := w.edges[k]; !ok {
		w.pendingEdge[k] = e
	}
	w.add(far, c)
}

func (w *walk) forget() {
	for _, n := range w.pending {
		n.pending = nil
	}
	w.pending = w.pending[:0]
	clear(w.pendingEdge)
}

// settle takes in what a round adds, within the limits, and gives the nodes that changed.
func (w *walk) settle(depth int) (changed []*node) {
	for _, n := range sortNodes(w.pending) {
		if n.state == nil {
			if len(w.reached) >= w.q.Limits.Nodes {
				w.truncated[TruncatedNodes] = true
				continue
			}
			n.state = &state{depth: depth}
			w.reached = append(w.reached, n)
		}
		if n.state.grow(n.pending) {
			changed = append(changed, n)
		}
	}
	edges := make([]edgeKey, 0, len(w.pendingEdge))
	for k := range w.pendingEdge {
		if k.from.state != nil && k.to.state != nil {
			edges = append(edges, k)
		}
	}
	if len(w.edges)+len(edges) > w.q.Limits.Edges {
		w.truncated[TruncatedEdges] = true
		slices.SortFunc(edges, edgeKey.compare)
		edges = edges[:w.q.Limits.Edges-len(w.edges)]
	}
	for _, k := range edges {
		w.edges[k] = w.pendingEdge[k]
	}
	w.forget()
	return changed
}

// adds reports whether the round that was just made adds anything.
func (w *walk) adds() bool {
	for _, n := range w.pending {
		if n.state == nil {
			return true
		}
		if probe := *n.state; probe.grow(n.pending) {
			return true
		}
	}
	return len(w.pendingEdge) > 0
}

func (st *state) grow(c *change) (grown bool) {
	for _, r := range c.reach {
		var more bool
		st.reach, more = st.reach.add(r)
		grown = grown || more
	}
	for _, s := range c.stands {
		var more bool
		st.stands, more = st.stands.add(s)
		grown = grown || more
	}
	return grown
}

// itemsOf gives the identifiers of the nodes that are no transformations.
func itemsOf(nodes []*node) (ids []string) {
	for _, n := range nodes {
		if !n.process {
			ids = append(ids, n.id)
		}
	}
	return ids
}

// eventsOf gives the events of a transformation; transformations must have been loaded.
func (w *walk) eventsOf(k *node) []*Event {
	if e := w.single[k]; e != nil {
		return []*Event{e}
	}
	return w.runs[k.id]
}

// loadRuns loads the transformations among nodes that have a transformationID.
func (w *walk) loadRuns(ctx context.Context, frontier []*node) error {
	var runs []string
	for _, n := range frontier {
		if n.process && w.single[n] == nil {
			runs = append(runs, n.id)
		}
	}
	return w.transformations(ctx, runs)
}

func (w *walk) process(e *Event) *node {
	id := processOf(e)
	n := w.processes[id]
	if n == nil {
		n = &node{id: id, process: true}
		w.processes[id] = n
		if e.Run == "" {
			w.single[n] = e
		}
	}
	return n
}

func edgeOf(s span) Edge {
	e := Edge{From: s.child, To: s.parent, Kind: Aggregated, Begin: evidence(s.begin), Quantity: s.quantity, UOM: s.uom}
	if s.kind == epcis.AssociationEvent {
		e.Kind = Associated
	}
	if s.end != nil {
		end := evidence(s.end)
		e.End = &end
	}
	return e
}

// part ties an item to a transformation that names it as an input or output.
func part(e *Event, m []Member, item, process *node, role epcis.Role) Edge {
	edge := Edge{From: item.id, To: process.id, Kind: Consumed, Begin: evidence(e)}
	if role == epcis.RoleOutput {
		edge.From, edge.To, edge.Kind = process.id, item.id, Produced
	}
	if of := slices.DeleteFunc(slices.Clone(m), func(m Member) bool { return m.Role != role }); len(of) == 1 {
		edge.Quantity, edge.UOM = of[0].Quantity, of[0].UOM
	}
	return edge
}

func lotEdge(m LotMention) Edge {
	return Edge{From: m.Lot, To: m.Item, Kind: OfLot, Begin: evidence(m.Event)}
}

// members gives the identifiers with a role, each once, in order.
func (e *Event) members(role epcis.Role) []string {
	var ids []string
	for _, m := range e.Members {
		if m.Role == role {
			ids = append(ids, m.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// down follows matter from the nodes that changed.
func (w *walk) down(ctx context.Context, frontier []*node) error {
	items := itemsOf(frontier)
	var lots, standing []string
	for _, id := range items {
		if isLot(id) {
			lots = append(lots, id)
		}
		if len(w.item(id).state.stands) > 0 {
			standing = append(standing, id)
		}
	}
	if err := w.spans(ctx, items); err != nil {
		return err
	}
	if err := w.contents(ctx, standing); err != nil {
		return err
	}
	if err := w.instances(ctx, lots); err != nil {
		return err
	}
	if err := w.loadRuns(ctx, frontier); err != nil {
		return err
	}
	for _, k := range frontier {
		if k.process {
			for _, e := range w.eventsOf(k) {
				since := windows{{From: e.Moment(), Until: forever()}}
				for _, id := range e.members(epcis.RoleOutput) {
					to := w.item(id)
					w.link(part(e, e.as(id), to, k, epcis.RoleOutput), k, to, to, change{reach: since, stands: since})
				}
			}
			continue
		}
		w.downItem(k)
	}
	return nil
}

func (w *walk) downItem(k *node) {
	st := k.state
	h := w.of[k.id]
	for _, s := range h.spans {
		to := w.item(s.parent)
		if carried := s.carries(st.reach); len(carried) > 0 {
			w.link(edgeOf(s), k, to, to, change{reach: carried})
		}
	}
	for _, m := range h.mentions {
		if m.Event.Type == epcis.TransformationEvent && m.Roles.Has(epcis.RoleInput) && st.reach.hold(m.Event.Moment()) {
			to := w.process(m.Event)
			w.link(part(m.Event, m.Event.as(k.id), k, to, epcis.RoleInput), k, to, to, change{reach: windows{always()}})
		}
	}
	for _, m := range w.insts[k.id] {
		to := w.item(m.Item)
		w.link(lotEdge(m), k, to, to, change{reach: st.reach, stands: st.reach})
	}
	if len(st.stands) == 0 {
		return
	}
	for _, s := range w.contentsOf(k.id) {
		held := st.stands.meet(s.Window)
		if len(held) == 0 {
			continue
		}
		from := w.item(s.child)
		var c change
		switch {
		case !s.class:
			c = change{reach: windows{{From: held[0].From, Until: forever()}}, stands: held}
		case s.end != nil:
			// Once taken out, the amount cannot be told from the rest of its class.
			c = change{reach: windows{{From: s.Until, Until: forever()}}}
		default:
		}
		w.link(edgeOf(s), from, k, from, c)
	}
}

// carries gives when a container holds what its child is then. An amount of a class is what the class
// was when it was put in.
func (s span) carries(reach windows) windows {
	if !s.class {
		return reach.meet(s.Window)
	}
	if reach.hold(s.From) {
		return windows{s.Window}
	}
	return nil
}

// up follows matter to the nodes that changed.
func (w *walk) up(ctx context.Context, frontier []*node) error {
	items := itemsOf(frontier)
	if err := w.contents(ctx, items); err != nil {
		return err
	}
	instances := slices.DeleteFunc(slices.Clone(items), func(id string) bool { return epcis.KindOf(id) != epcis.KindSGTIN })
	if err := w.lotsOf(ctx, instances); err != nil {
		return err
	}
	if err := w.loadRuns(ctx, frontier); err != nil {
		return err
	}
	for _, k := range frontier {
		if !k.process {
			w.upItem(k)
			continue
		}
		for _, e := range w.eventsOf(k) {
			then := windows{point(e.Moment())}
			for _, id := range e.members(epcis.RoleInput) {
				from := w.item(id)
				w.link(part(e, e.as(id), from, k, epcis.RoleInput), from, k, from, change{reach: then})
			}
		}
	}
	return nil
}

func (w *walk) upItem(k *node) {
	st := k.state
	for _, m := range w.of[k.id].mentions {
		if m.Event.Type == epcis.TransformationEvent && m.Roles.Has(epcis.RoleOutput) && m.Event.Moment().before(st.reach.end()) {
			from := w.process(m.Event)
			w.link(part(m.Event, m.Event.as(k.id), k, from, epcis.RoleOutput), from, k, from, change{reach: windows{always()}})
		}
	}
	for _, s := range w.contentsOf(k.id) {
		held := st.reach.meet(s.Window)
		if len(held) == 0 {
			continue
		}
		if s.class {
			held = windows{point(s.From)}
		}
		from := w.item(s.child)
		w.link(edgeOf(s), from, k, from, change{reach: held})
	}
	for _, m := range w.lots[k.id] {
		from := w.item(m.Lot)
		w.link(lotEdge(m), from, k, from, change{reach: st.reach})
	}
}
