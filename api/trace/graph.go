package trace

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

// Direction says which way a trace goes.
type Direction string

// The directions.
const (
	// Up goes to the origins: what was put in, what it was made of, the lot it is of.
	Up Direction = "up"
	// Down goes to what came of it: what it was put in, what was made of it, the instances of a lot.
	Down Direction = "down"
)

// Kind is what a node is.
type Kind string

// The kinds of nodes.
const (
	KindItem           Kind = "item"           // one object
	KindLot            Kind = "lot"            // a batch of a trade item
	KindClass          Kind = "class"          // any other class of objects
	KindTransformation Kind = "transformation" // inputs becoming outputs
)

// Degree is how near a node is to what is recalled.
type Degree string

// The degrees, from near to far.
const (
	Subject  Degree = "subject"  // what was asked for
	Contains Degree = "contains" // it may contain the subject, be made of it or belong to it
	Touched  Degree = "touched"  // it held the subject once, or was in one container with it
)

// EdgeKind is how two nodes are tied.
type EdgeKind string

// The kinds of edges. Matter goes from From to To.
const (
	Aggregated EdgeKind = "aggregated" // From was in To
	Associated EdgeKind = "associated" // From was tied to To
	Consumed   EdgeKind = "consumed"   // From was an input of To
	Produced   EdgeKind = "produced"   // To was an output of From
	OfLot      EdgeKind = "of_lot"     // To is an instance of From
)

// Node is an identifier, or a transformation, in an answer.
type Node struct {
	ID    string // canonical; of a transformation its transformationID, else its event's hash
	Kind  Kind
	Depth int // edges from the subject, by the shortest way
	// Degree, Custody and Container are those of a recall.
	Degree    Degree
	Custody   *Custody
	Container string // that it is in; empty if none
}

// Edge ties two nodes, with the events that say so.
type Edge struct {
	From, To string
	Kind     EdgeKind
	Begin    Evidence
	End      *Evidence // what ended a stay in a container; nil while it lasts, and for other kinds
	Quantity epcis.Number
	UOM      string
}

// Evidence is an event.
type Evidence struct {
	Hash ledger.Digest
	At   ledger.Millis
}

// Graph is the answer to a trace or a recall.
type Graph struct {
	Root      string
	Direction Direction
	At        *ledger.Millis // the time that it is as of; nil: all events
	Nodes     []Node         // by depth, then identifier
	Edges     []Edge         // by the depth of the nodes, then by the event and the nodes
	Balances  []Balance      // of the transformations among the nodes, in their order
	// Truncated says why the answer is not whole; empty if it is.
	Truncated []Truncation
	AsOf      AsOf
}

// AsOf is how much of the ledger an answer reflects; a Source does not tell.
type AsOf struct {
	Height uint64   // blocks
	Hash   [32]byte // of the last one
}

// Truncation is a bound that an answer ran into.
type Truncation string

// The truncations.
const (
	TruncatedDepth  Truncation = "depth"  // there is more beyond the depth asked for
	TruncatedNodes  Truncation = "nodes"  // there are more nodes than asked for
	TruncatedEdges  Truncation = "edges"  // there are more edges than an answer holds
	TruncatedEvents Truncation = "events" // some identifier has more events than are read
)

// Limits bound an answer; each 0 is its default.
type Limits struct {
	Depth  int // edges from the subject; default 64, at most 256
	Nodes  int // default 1,000, at most 50,000
	Edges  int // default 8 times the nodes
	Events int // read for the answer, an event counted with each identifier that it is read for; default 1,000,000
}

// Bounds of Limits.
const (
	DefaultDepth = 64
	MaxDepth     = 256
	DefaultNodes = 1_000
	MaxNodes     = 50_000
	edgesANode   = 8
	maxEvents    = 1_000_000
)

func (l Limits) withDefaults() Limits {
	bound := func(n, otherwise, most int) int {
		if n <= 0 {
			n = otherwise
		}
		return min(n, most)
	}
	l.Depth = bound(l.Depth, DefaultDepth, MaxDepth)
	l.Nodes = bound(l.Nodes, DefaultNodes, MaxNodes)
	l.Edges = bound(l.Edges, edgesANode*l.Nodes, edgesANode*MaxNodes)
	l.Events = bound(l.Events, maxEvents, maxEvents)
	return l
}

// node is a node while an answer is made. A transformation is never taken for an item.
type node struct {
	id      string
	process bool
	state   *state // nil until an answer reaches it
	pending *change
}

func (n *node) compare(o *node) int {
	if n.process != o.process {
		if o.process {
			return -1
		}
		return 1
	}
	return strings.Compare(n.id, o.id)
}

type edgeKey struct {
	from, to *node
	kind     EdgeKind
	begin    ledger.Digest
}

func (k edgeKey) compare(o edgeKey) int {
	return cmp.Or(k.from.compare(o.from), k.to.compare(o.to), cmp.Compare(k.kind, o.kind), bytes.Compare(k.begin[:], o.begin[:]))
}

func compareStrings(a, b string) int { return strings.Compare(a, b) }

func kindOf(k *node) Kind {
	if k.process {
		return KindTransformation
	}
	id, err := epcis.ParseIdentifier(k.id)
	switch {
	case err != nil || !id.Class:
		return KindItem
	case id.Kind == epcis.KindLGTIN:
		return KindLot
	}
	return KindClass
}

func evidence(e *Event) Evidence { return Evidence{Hash: e.Hash, At: e.At} }

// processOf names the transformation that an event is of.
func processOf(e *Event) string {
	if e.Run != "" {
		return e.Run
	}
	return epcis.Hash(e.Hash).String()
}

func sortNodes(nodes []*node) []*node {
	slices.SortFunc(nodes, (*node).compare)
	return slices.Compact(nodes)
}

// sorted puts what was reached in the order of an answer.
func (w *walk) sorted(g *Graph) {
	order := slices.Clone(w.reached)
	slices.SortFunc(order, func(a, b *node) int { return cmp.Or(cmp.Compare(a.state.depth, b.state.depth), a.compare(b)) })
	g.Nodes = make([]Node, len(order))
	for i, n := range order {
		g.Nodes[i] = Node{ID: n.id, Kind: kindOf(n), Depth: n.state.depth}
	}
	edges := make([]edgeKey, 0, len(w.edges))
	for k := range w.edges {
		edges = append(edges, k)
	}
	near := func(e edgeKey) int { return min(e.from.state.depth, e.to.state.depth) }
	slices.SortFunc(edges, func(a, b edgeKey) int {
		if c := cmp.Compare(near(a), near(b)); c != 0 {
			return c
		}
		if c := bytes.Compare(a.begin[:], b.begin[:]); c != 0 {
			return c
		}
		return a.compare(b)
	})
	g.Edges = make([]Edge, len(edges))
	for i, k := range edges {
		g.Edges[i] = w.edges[k]
	}
	w.order = order
}
