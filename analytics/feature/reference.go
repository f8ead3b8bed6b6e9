package feature

import (
	"cmp"
	"slices"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

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

// union gives a list with what it lacks; the list may be shared.
func union[T comparable](list, more []T) []T {
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(slices.Clip(list), s)
		}
	}
	return list
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
	goods, facts, pieces, ties := k.goods, k.facts, k.pieces, k.tied
	packs, pack := 0, uint64(0)
	const never = 1<<64 - 1
	for len(goods)+len(facts)+len(pieces)+len(ties) > 0 {
		g, f, p, e := uint64(never), uint64(never), uint64(never), uint64(never)
		if len(goods) > 0 {
			g = goods[0].order
		}
		if len(facts) > 0 {
			f = facts[0].order
		}
		if len(pieces) > 0 {
			p = pieces[0].order
		}
		if len(ties) > 0 {
			e = ties[0].order
		}
		next := min(g, f, p, e)
		switch next {
		case e: // before what the same event tells of the journey itself, which may close a window
			list = append(list, ties[0].reference())
			ties = ties[1:]
		case p:
			list = withPiece(list, pieces[0])
			pieces = pieces[1:]
		default:
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

func eventFact(kind ledger.ReferenceKind, e *wire.RecordedEvent) fact {
	return fact{kind: kind, digest: e.Hash}
}

func policyFact(p *ledger.Policy) fact {
	return fact{kind: ledger.RefPolicy, policy: p.ID, version: p.Version}
}

func findingFact(kind ledger.ReferenceKind, f ledger.Finding) fact {
	return fact{kind: kind, finding: &f}
}
