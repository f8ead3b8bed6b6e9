package panel

import (
	"cmp"
	"slices"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// A container that goes on several journeys counts its windows on, and the list of a later journey begins where that did. What
// opened it is told from the journey before by the end of that one's last final verdict, which the proof log has before it. So
// that is remembered.

const (
	// maxTails bounds the tasks under way that are none of this scorer's, of which it is remembered how their lists end.
	maxTails = 1 << 14
	// maxEnded bounds the shipments of which it is remembered how their last windows ended, maxEnds the windows of one.
	maxEnded = 1 << 15
	maxEnds  = 6
)

// tail is how the list of a task ends.
type tail struct {
	window window
	begins uint32
	blend  bool
	last   ledger.Reference // an event, or a single segment
}

// key names what the list ends with in the proof log.
func (t tail) key() string {
	key, _ := keyOf(t.last, t.last.First)
	return key
}

// ends are the ends of lists.
type ends struct {
	tails *canon.Recent[tail]   // by task
	final *canon.Recent[[]tail] // by shipment: of windows with a final verdict, one each
}

func newEnds() ends { return ends{tails: canon.NewRecent[tail](), final: canon.NewRecent[[]tail]()} }

// tailOf is how a statement ends; false: with nothing that has a place in the log.
func tailOf(s ledger.TaskStatement) (tail, bool) {
	t := tail{window: window{s.Shipment, s.Window}, begins: s.Begins, blend: s.Model == ""}
	fact, ok := s.Ends()
	switch {
	case !ok:
		return t, false
	case fact.Device == "":
		t.last = ledger.Reference{Kind: ledger.RefEvent, Digest: fact.Event}
		return t, true
	}
	i := slices.IndexFunc(s.References, func(r ledger.Reference) bool {
		return r.Kind == ledger.RefSegments && r.ID == fact.Device && r.Last == fact.Segment
	})
	t.last = ledger.Reference{Kind: ledger.RefSegments, ID: fact.Device, First: fact.Segment, Last: fact.Segment, Digest: s.References[i].Digest}
	_, ok = keyOf(t.last, t.last.First)
	return t, ok
}

// watch remembers how the list of a task ends that is no round, until that is final or void.
func (b *book) watch(id ledger.Digest, s ledger.TaskStatement) {
	if s.Model != "" && s.Model != b.model() || !b.cfg.Scorer.Partition.Holds(s.Shipment) {
		return
	}
	if t, ok := tailOf(s); ok {
		b.ends.tails.Put(id.String(), t)
		trim(b.ends.tails, maxTails)
	}
}

// concluded takes how a task ended.
func (b *book) concluded(v ledger.Settlement) {
	t, ok := b.ends.tails.Get(v.Task.String())
	b.ends.tails.Remove(v.Task.String())
	if r := b.rounds[v.Task]; r != nil && r.statement != nil {
		t, ok = tailOf(*r.statement)
	}
	if !ok || v.Answer == nil {
		return
	}
	all, _ := b.ends.final.Get(t.window.shipment)
	b.ends.final.Put(t.window.shipment, withTail(all, t))
	trim(b.ends.final, maxEnded)
}

// withTail adds an end to those of a shipment's other windows. Of a window that has a verdict by a model and one by scorers' own
// the former stands. Where there are too many, the first goes that is not the last of its journey.
func withTail(all []tail, t tail) []tail {
	i, known := slices.BinarySearchFunc(all, t.window.number, func(e tail, n uint32) int { return cmp.Compare(e.window.number, n) })
	all = slices.Clone(all)
	switch {
	case known && t.blend && !all[i].blend:
		return all
	case known:
		all[i] = t
		return all
	}
	all = slices.Insert(all, i, t)
	if len(all) <= maxEnds {
		return all
	}
	for i = 0; i+1 < len(all); i++ {
		if all[i].begins == all[i+1].begins {
			return slices.Delete(all, i, i+1)
		}
	}
	return all[1:]
}

// endOf is how the list of a window with a final verdict ends.
func (b *book) endOf(shipment string, number uint32) (tail, bool) {
	all, _ := b.ends.final.Get(shipment)
	i := slices.IndexFunc(all, func(t tail) bool { return t.window.number == number })
	if i < 0 {
		return tail{}, false
	}
	return all[i], true
}

// former names, in the proof log, the end of the journey before the one that a statement is of; empty: it is the first, or that is
// not known.
func (b *book) former(s ledger.TaskStatement) string {
	if s.Begins == 0 {
		return ""
	}
	t, ok := b.endOf(s.Shipment, s.Begins-1)
	if !ok {
		return ""
	}
	return t.key()
}

// names tells of a reference what place.names says.
func names(r ledger.Reference) uint32 {
	switch {
	case r.Kind != ledger.RefEvent:
		return 0
	case len(r.Containers) > 0:
		return 1
	}
	return 2
}

// late is the claim that a task has a journey begin with a window that the one before it had: what closed that window is left out.
func (b *book) late(other ledger.TaskStatement, id ledger.Digest, former string) (accusation, bool) {
	t, ok := b.endOf(other.Shipment, other.Begins)
	if r := b.windows[window{other.Shipment, other.Begins}]; !ok && r != nil && r.statement != nil {
		t, ok = tailOf(*r.statement)
	}
	if former == "" || b.cfg.Prove == nil || !ok || t.begins >= other.Begins {
		return accusation{}, false
	}
	var places []place
	for _, at := range located(other) {
		places = append(places, at)
		if names(other.References[at.reference]) < 2 {
			continue
		}
		// Before the last of them too the log is to have it.
		a, ok := b.accuse(id, t.last, other, append(places, at), false, former)
		a.late, a.former = true, former
		return a, ok
	}
	return accusation{}, false
}

func (e *ends) code(c *canon.Coder) {
	e.tails.Code(c, maxTails, codeTail)
	e.final.Code(c, maxEnded, func(c *canon.Coder, all *[]tail) { canon.Slice(c, all, maxEnds, codeTail) })
}

func codeTail(c *canon.Coder, t *tail) {
	canon.String(c, &t.window.shipment, maxSavedPart)
	canon.Uint(c, &t.window.number)
	canon.Uint(c, &t.begins)
	c.Bool(&t.blend)
	kind := uint32(t.last.Kind)
	canon.Uint(c, &kind)
	t.last.Kind = ledger.ReferenceKind(kind) //nolint:gosec // what was saved is one
	canon.String(c, &t.last.ID, maxSavedPart)
	canon.Uint(c, &t.last.First)
	t.last.Last = t.last.First
	c.Raw(t.last.Digest[:])
}
