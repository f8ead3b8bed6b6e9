package ledger

import (
	"bytes"
	"cmp"

	"github.com/waybill-dev/waybill/epcis"
)

// effect is what an event does to one of its items, a function of the event and the item's role alone.
type effect struct {
	status      ItemStatus // ItemUnknown: leaves it
	commissions bool
	ends        bool // decommissioned, destroyed or consumed
	moves       bool // moved, packed, unpacked or handed over
	ships       bool
	receives    bool
	voids       bool // takes a shipping back
	empties     bool // takes everything out of it
	holds       bool // shows that the recording organisation holds the item
	container   *string
}

// effectOf reads CBV business steps and dispositions, actions and event types.
func effectOf(e *epcis.Event, role epcis.Role, container string) effect {
	var f effect
	f.step(e)
	switch e.Type {
	case epcis.ObjectEvent:
		switch e.Action {
		case epcis.Add:
			f.commission()
		case epcis.Delete:
			f.end()
		case epcis.Observe:
		}
	case epcis.TransformationEvent:
		switch role {
		case epcis.RoleInput:
			f.end()
		case epcis.RoleOutput:
			f.commission()
		case epcis.RoleEPC, epcis.RoleParent, epcis.RoleChild:
		}
	case epcis.AggregationEvent, epcis.AssociationEvent:
		f.pack(e, role, container)
	case epcis.TransactionEvent:
	default:
	}
	return f
}

// step reads the business step and the disposition. Lives begin and end in object events and
// transformations: a packing at the commissioning station commissions nothing.
func (f *effect) step(e *epcis.Event) {
	switch e.BizStep {
	case "commissioning", "creating_class_instance":
		if e.Type == epcis.ObjectEvent {
			f.commission()
		}
	case "decommissioning", "destroying":
		if e.Type == epcis.ObjectEvent {
			f.end()
		}
	case "shipping":
		f.moves, f.ships, f.status = true, true, ItemInTransit
	case "receiving", "accepting":
		f.moves, f.receives, f.holds, f.status = true, true, true, ItemActive
	case "departing", "transporting":
		f.moves, f.status = true, ItemInTransit
	case "void_shipping":
		f.voids, f.status = true, ItemActive
	case "arriving", "loading", "unloading", "picking", "packing", "unpacking", "staging_outbound",
		"dispensing", "retail_selling", "installing", "removing", "entering_exiting", "consigning":
		f.moves = true
	default:
	}
	if e.Disposition == "in_transit" && f.status == ItemUnknown && !f.ends && !f.commissions {
		f.status = ItemInTransit
	}
}

// pack reads an aggregation or association.
func (f *effect) pack(e *epcis.Event, role epcis.Role, container string) {
	switch {
	case role == epcis.RoleChild && e.Action == epcis.Delete:
		f.moves, f.holds, f.container = true, true, new(string)
	case role == epcis.RoleChild:
		f.moves = true
		if container != "" {
			f.container = &container
		}
	case role == epcis.RoleParent && e.Action != epcis.Observe && e.Type == epcis.AggregationEvent:
		f.holds = true
		f.empties = e.Action == epcis.Delete && len(e.ChildEPCs)+len(e.ChildQuantities) == 0
	}
}

func (f *effect) commission() {
	f.commissions, f.holds, f.ends, f.moves, f.status = true, true, false, false, ItemActive
}

func (f *effect) end() {
	f.ends, f.commissions, f.holds, f.moves, f.ships, f.receives, f.status = true, false, false, false, false, false, ItemDecommissioned
}

// Container gives the canonical EPC of the event's parent, empty if it has none.
func (in EventInput) Container() string {
	for _, p := range in.Items {
		if p.Role == epcis.RoleParent {
			return p.EPC
		}
	}
	return ""
}

// Apply gives the item's state after an event that was just recorded. The state after a set of events
// does not depend on the order of their recording: each register keeps the value of the event that is
// last by event time, then by hash, and the steps are in that order too. An event that declares itself
// in error sets registers and is no step: no rule rests on it.
func (s ItemState) Apply(in EventInput, role epcis.Role, tx Tx) ItemState {
	f := effectOf(in.Event, role, in.Container())
	if !in.Event.IsErrorDeclaration() {
		s.Steps = withStep(s.Steps, stepOf(in, f, tx.Actor.MSPID))
	}
	now := moment{in.At, in.Hash}
	if f.status != ItemUnknown && now.follows(s.StatusAt, s.StatusBy) {
		s.Status, s.StatusAt, s.StatusBy = f.status, in.At, in.Hash
	}
	if f.holds && now.follows(s.CustodianAt, s.CustodianBy) {
		s.Custodian, s.CustodianAt, s.CustodianBy = tx.Actor.MSPID, in.At, in.Hash
	}
	if f.container != nil && now.follows(s.ContainerAt, s.ContainerBy) {
		s.Container, s.ContainerAt, s.ContainerBy = *f.container, in.At, in.Hash
	}
	if f.commissions && now.follows(s.CommissionedAt, s.CommissionedBy) {
		s.CommissionedAt, s.CommissionedBy = in.At, in.Hash
	}
	if f.ends && now.follows(s.EndedAt, s.EndedBy) {
		s.EndedAt, s.EndedBy = in.At, in.Hash
	}
	if f.moves && now.follows(s.MovedAt, s.MovedBy) {
		s.MovedAt, s.MovedBy = in.At, in.Hash
	}
	if now.follows(s.LastAt, s.LastEvent) {
		s.LastAt, s.LastEvent = in.At, in.Hash
		s.BizStep, s.Disposition, s.Place = string(in.Event.BizStep), string(in.Event.Disposition), in.Place
	}
	return s
}

// moment orders events: by time, then by hash.
type moment struct {
	at   Millis
	hash Digest
}

// follows reports whether the moment is later than that of a register, or the register never set.
// An event that meets itself, as one that names an item in two roles does, follows.
func (m moment) follows(at Millis, by Digest) bool {
	return by.IsZero() || cmp.Or(cmp.Compare(m.at, at), bytes.Compare(m.hash[:], by[:])) >= 0
}

func stamp(m Millis) string { return m.Time().Format("2006-01-02T15:04:05Z") }
