package ledger

import (
	"bytes"
	"cmp"
	"fmt"

	"github.com/waybill-dev/waybill/epcis"
)

// effect is what an event does to one of its items, a function of the event and the item's role alone.
type effect struct {
	status      ItemStatus // ItemUnknown: leaves it
	commissions bool
	ends        bool // decommissioned, destroyed or consumed
	moves       bool // moved, packed, unpacked or handed over
	ships       bool
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
		f.moves, f.holds, f.status = true, true, ItemActive
	case "departing", "transporting":
		f.moves, f.status = true, ItemInTransit
	case "void_shipping":
		f.status = ItemActive
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
	}
}

func (f *effect) commission() {
	f.commissions, f.holds, f.ends, f.moves, f.status = true, true, false, false, ItemActive
}

func (f *effect) end() {
	f.ends, f.commissions, f.holds, f.moves, f.ships, f.status = true, false, false, false, false, ItemDecommissioned
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

// Apply gives the item's state after an event that was just recorded and the rules it breaks. The
// state after a set of events does not depend on the order of their recording: each register keeps
// the value of the event that is last by event time, then by hash. Findings compare the event with
// what the ledger held when it was recorded.
func (s ItemState) Apply(in EventInput, role epcis.Role, tx Tx) (ItemState, []Finding) {
	f := effectOf(in.Event, role, in.Container())
	findings := s.findings(in, f, tx)
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
		s.BizStep, s.Disposition, s.Place = string(in.Event.BizStep), string(in.Event.Disposition), place(in.Event)
	}
	return s, findings
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

// place spells the event's place canonically where it is a GS1 key, so that it is the same for every
// text of the event.
func place(e *epcis.Event) string {
	var id string
	switch {
	case e.BizLocation != nil:
		id = e.BizLocation.ID
	case e.ReadPoint != nil:
		id = e.ReadPoint.ID
	}
	if canonical, err := epcis.CanonicalEPC(id); err == nil {
		return canonical
	}
	return id
}

// findings compares an event with the item's state before it. Commissioning twice and moving after
// the end are found whichever of the two events is recorded first; shipping by who does not hold the
// item is found when the shipping is recorded after what made the other the holder.
func (s ItemState) findings(in EventInput, f effect, tx Tx) []Finding {
	var out []Finding
	add := func(code FindingCode, other Digest, format string, args ...any) {
		out = append(out, Finding{Code: code, Item: s.EPC, Event: in.Hash, Other: other, Detail: fmt.Sprintf(format, args...)})
	}
	if f.commissions && !s.CommissionedBy.IsZero() && s.CommissionedBy != in.Hash {
		first, second := min(in.At, s.CommissionedAt), max(in.At, s.CommissionedAt)
		if s.EndedBy.IsZero() || s.EndedAt < first || s.EndedAt > second {
			add(FindingCommissionedTwice, s.CommissionedBy, "The item was commissioned at %s and at %s and not decommissioned between.", stamp(first), stamp(second))
		}
	}
	switch {
	case f.moves && !s.EndedBy.IsZero() && s.EndedAt < in.At && !s.revived(s.EndedAt, in.At):
		add(FindingMovedAfterDecommission, s.EndedBy, "The item was decommissioned at %s and moved at %s.", stamp(s.EndedAt), stamp(in.At))
	case f.ends && !s.MovedBy.IsZero() && in.At < s.MovedAt && !s.revived(in.At, s.MovedAt):
		add(FindingMovedAfterDecommission, s.MovedBy, "The item was decommissioned at %s and moved at %s.", stamp(in.At), stamp(s.MovedAt))
	}
	// What lies in a container is in the hands of whoever holds the container.
	within := s.Container
	if f.container != nil {
		within = *f.container
	}
	if f.ships && !f.holds && within == "" && s.Custodian != "" && s.Custodian != tx.Actor.MSPID && s.CustodianAt <= in.At {
		add(FindingShippedByNonHolder, s.CustodianBy, "%s shipped the item at %s while %s held it since %s.", tx.Actor.MSPID, stamp(in.At), s.Custodian, stamp(s.CustodianAt))
	}
	return out
}

// revived reports whether the item was commissioned again after its end and not after its move.
func (s ItemState) revived(ended, moved Millis) bool {
	return !s.CommissionedBy.IsZero() && s.CommissionedAt > ended && s.CommissionedAt <= moved
}

func stamp(m Millis) string { return m.Time().Format("2006-01-02T15:04:05Z") }

// Stands reports whether a finding holds; other is the record of the event that it names beside its
// own, nil if it names none. What its recorder declared in error is no ground for a finding, so that a
// mistake can be corrected as EPCIS has it: by a declaration and then the right event.
func (f Finding) Stands(other *EventRecord) bool { return other == nil || !other.DeclaredInError }

// MismatchFinding is the finding of an event whose eventID is the hash of other content.
func MismatchFinding(in EventInput) Finding {
	return Finding{
		Code: FindingEventIDMismatch, Event: in.Hash,
		Detail: "The eventID is an event hash, and not this event's, which is " + epcis.Hash(in.Hash).String() + ".",
	}
}
