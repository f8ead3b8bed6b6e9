package ledger

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/waybill-dev/waybill/epcis"
)

// MaxItemSteps bounds the steps that an item keeps: its latest ones by event time, then by hash.
const MaxItemSteps = 32

// Acts is what an event does to an item, as a set of bits.
type Acts uint16

// The acts.
const (
	ActCommissions Acts = 1 << iota
	ActEnds             // decommissioned, destroyed or consumed
	ActMoves            // moved, packed, unpacked or handed over
	ActShips
	ActReceives // received or accepted
	ActHolds    // shows that the recording organisation holds the item
	ActVoids    // takes a shipping back
	ActPacks    // seen in or put into the container of an aggregation
	ActTied     // seen on or tied to the container of an association
	ActUnpacks  // taken out of its container
	ActEmpties  // as a container: all is taken out
)

// Has reports whether one of the acts is in the set.
func (a Acts) Has(one Acts) bool { return a&one != 0 }

// Step is what one event says of an item, as far as the rules need it.
type Step struct {
	At        Millis `cbor:"1,keyasint"`
	Event     Digest `cbor:"2,keyasint"`
	By        string `cbor:"3,keyasint"` // the organisation that recorded it
	Acts      Acts   `cbor:"4,keyasint,omitempty"`
	Place     string `cbor:"5,keyasint,omitempty"` // canonical; readPoint, else bizLocation
	Container string `cbor:"6,keyasint,omitempty"` // canonical EPC, with ActPacks or ActTied
	To        string `cbor:"7,keyasint,omitempty"` // canonical destination, with ActShips
}

func (s Step) compare(at Millis, event Digest) int {
	return cmp.Or(cmp.Compare(s.At, at), bytes.Compare(s.Event[:], event[:]))
}

// stepOf reads the step of an item in an event.
func stepOf(in EventInput, f effect, by string) Step {
	s := Step{At: in.At, Event: in.Hash, By: by, Place: in.SeenAt}
	for _, a := range [...]struct {
		on  bool
		act Acts
	}{
		{f.commissions, ActCommissions},
		{f.ends, ActEnds},
		{f.moves, ActMoves},
		{f.ships, ActShips},
		{f.receives, ActReceives},
		{f.holds, ActHolds},
		{f.voids, ActVoids},
		{f.empties, ActEmpties},
	} {
		if a.on {
			s.Acts |= a.act
		}
	}
	if f.container != nil {
		switch {
		case *f.container == "":
			s.Acts |= ActUnpacks
		case in.Event.Type == epcis.AssociationEvent:
			s.Acts |= ActTied
		default:
			s.Acts |= ActPacks
		}
		s.Container = *f.container
	}
	if f.ships {
		s.To = in.Destination
	}
	return s
}

// withStep gives the steps with one more, in order and within their bound. The slice given is not changed.
func withStep(steps []Step, s Step) []Step {
	i, found := slices.BinarySearchFunc(steps, s, func(a, b Step) int { return a.compare(b.At, b.Event) })
	if found { // the event names the item in two roles
		steps = slices.Clone(steps)
		t := &steps[i]
		t.Acts |= s.Acts
		if t.Container == "" {
			t.Container = s.Container
		}
		if t.To == "" {
			t.To = s.To
		}
		return steps
	}
	if len(steps) == MaxItemSteps {
		if i == 0 {
			return steps
		}
		out := make([]Step, 0, MaxItemSteps)
		out = append(out, steps[1:i]...)
		out = append(out, s)
		return append(out, steps[i:]...)
	}
	out := make([]Step, 0, len(steps)+1)
	out = append(out, steps[:i]...)
	out = append(out, s)
	return append(out, steps[i:]...)
}

// WithoutStep takes back what an event says of the item to the rules: its recorder declared it in error.
// The registers keep what the event set.
func (s ItemState) WithoutStep(event Digest) ItemState {
	if i := slices.IndexFunc(s.Steps, func(t Step) bool { return t.Event == event }); i >= 0 {
		s.Steps = slices.Delete(slices.Clone(s.Steps), i, i+1)
	}
	return s
}

// knows reports whether an event is among the steps.
func (s ItemState) knows(event Digest) bool {
	return slices.ContainsFunc(s.Steps, func(t Step) bool { return t.Event == event })
}

// WithinAt gives the container that the item is in after every step up to a time.
func (s ItemState) WithinAt(at Millis) string {
	in := s.withinBefore()
	for _, t := range s.Steps {
		if t.At > at {
			break
		}
		in = t.within(in)
	}
	return in
}

// unknownContainer stands for a container that lies before the steps which the item keeps.
const unknownContainer = "?"

// withinBefore gives the container that the item was in before its first kept step.
func (s ItemState) withinBefore() string {
	switch {
	case len(s.Steps) < MaxItemSteps || s.ContainerBy.IsZero():
		return ""
	case s.Steps[0].compare(s.ContainerAt, s.ContainerBy) > 0:
		return s.Container
	}
	return unknownContainer
}

// within gives the container after a step of an item that was in one before.
func (s Step) within(before string) string {
	switch {
	case s.Acts.Has(ActPacks | ActTied):
		return s.Container
	case s.Acts.Has(ActUnpacks):
		return ""
	}
	return before
}

// Awaited gives the shipping whose receipt is still to come: the item's last, unless the item was
// received, handed over, unpacked by another or ended since, the shipping was taken back, or the item
// went inside a container, which then is awaited instead of it.
func (s ItemState) Awaited() (Step, bool) {
	in, shipped := s.withinBefore(), -1
	for i, t := range s.Steps {
		in = t.within(in)
		if t.Acts.Has(ActShips) {
			shipped = i
			if in != "" {
				shipped = -1
			}
		}
	}
	if shipped < 0 || s.arrived(shipped) {
		return Step{}, false
	}
	return s.Steps[shipped], true
}

// arrived reports whether a step after the shipping, or at its time, ends the waiting for it.
func (s ItemState) arrived(shipped int) bool {
	from := s.Steps[shipped]
	return slices.ContainsFunc(s.Steps, func(t Step) bool { return t.Event != from.Event && t.At >= from.At && t.ends(from) })
}

// ends reports whether a step ends the waiting for the receipt of a shipping.
func (s Step) ends(shipping Step) bool {
	return s.Acts.Has(ActReceives|ActVoids|ActEnds|ActCommissions) || s.Acts.Has(ActHolds) && s.By != shipping.By
}
