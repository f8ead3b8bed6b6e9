package trace

import (
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

// Event is what a recorded event says that bears on genealogy and custody. It stands: an event that
// was declared in error is none.
type Event struct {
	Hash        ledger.Digest
	At          ledger.Millis
	Type        epcis.EventType
	Action      epcis.Action
	Step        epcis.BizStep
	Disposition epcis.Disposition
	Place       string // bizLocation, else readPoint
	MSPID       string // the organisation that recorded it

	// Parent and Members are those of an aggregation, association or transformation; of other events
	// a Source need not give them.
	Parent  string // canonical
	Members []Member
	// Run is the transformationID: the events of one are one transformation.
	Run string

	index map[string][]int // of Members by ID, made when first asked for
}

// Member is a child of an aggregation or association, or an input or output of a transformation.
type Member struct {
	Role     epcis.Role
	ID       string // canonical
	Class    bool   // it stands in a quantity list, or names a class
	Quantity epcis.Number
	UOM      string
}

// Binding says that an instance belongs to a lot.
type Binding struct{ Item, Lot string }

// Moment is the event's place in the order of events.
func (e *Event) Moment() Moment { return Moment{At: e.At, Hash: e.Hash} }

// Clears reports whether the event empties its parent: a DELETE that names no children takes all.
func (e *Event) Clears() bool {
	return (e.Type == epcis.AggregationEvent || e.Type == epcis.AssociationEvent) && e.Action == epcis.Delete &&
		e.Parent != "" && len(e.Members) == 0
}

// Linked reports whether events of a type tie identifiers together by what they are.
func Linked(t epcis.EventType) bool {
	return t == epcis.AggregationEvent || t == epcis.AssociationEvent || t == epcis.TransformationEvent
}

// as gives the members with an identifier.
func (e *Event) as(id string) []Member {
	const few = 8
	if len(e.Members) <= few {
		var found []Member
		for _, m := range e.Members {
			if m.ID == id {
				found = append(found, m)
			}
		}
		return found
	}
	if e.index == nil {
		e.index = make(map[string][]int, len(e.Members))
		for i, m := range e.Members {
			e.index[m.ID] = append(e.index[m.ID], i)
		}
	}
	at := e.index[id]
	if len(at) == 0 {
		return nil
	}
	found := make([]Member, len(at))
	for i, n := range at {
		found[i] = e.Members[n]
	}
	return found
}

// Read gives what an event says, with the lots that it tells of instances: by the lotNumber of its
// ILMD for what it brings into being, and by the lot in a Digital Link. A class of trade items whose
// lot the ILMD tells is that lot: as an output it stands for it, in an object event beside it.
func Read(ev *epcis.Event, hash ledger.Digest, mspID string) (Event, []Binding) {
	e := Event{
		Hash: hash, At: ledger.MillisOf(ev.EventTime.Instant), Type: ev.Type, Action: ev.Action, Step: ev.BizStep,
		Disposition: ev.Disposition, Place: placeOf(ev), MSPID: mspID, Run: ev.TransformationID,
	}
	number := lotNumber(ev)
	var lots []Binding
	for _, it := range ev.Items() {
		m := Member{Role: it.Role, ID: it.Canonical, Class: it.Class, Quantity: it.Quantity, UOM: it.UOM}
		lot := ""
		switch {
		case it.Kind == epcis.KindSGTIN:
			if lot = lotInLink(it); lot == "" && begets(ev, it.Role) {
				lot = lotOf(it.Canonical, number)
			}
		case it.Kind == epcis.KindGTIN && begets(ev, it.Role):
			if l := lotOf(it.Canonical, number); l != "" && ev.Type == epcis.TransformationEvent {
				m.ID = l
			} else if l != "" {
				e.Members = append(e.Members, m)
				m.ID = l
			}
		default:
		}
		if lot != "" && !it.Class {
			lots = append(lots, Binding{Item: m.ID, Lot: lot})
		}
		if it.Role == epcis.RoleParent {
			e.Parent = m.ID
			continue
		}
		e.Members = append(e.Members, m)
	}
	slices.SortFunc(lots, func(a, b Binding) int { return strings.Compare(a.Lot+"\x00"+a.Item, b.Lot+"\x00"+b.Item) })
	return e, slices.Compact(lots)
}

// TellsLots reports whether an event may tell lots, without reading all of it.
func TellsLots(ev *epcis.Event) bool {
	if lotNumber(ev) != "" {
		return true
	}
	linked := func(id string) bool {
		return strings.HasPrefix(id, "http") && (strings.Contains(id, "/10/") || strings.Contains(id, "/lot/"))
	}
	return linked(ev.ParentID) || slices.ContainsFunc(ev.EPCs, linked) || slices.ContainsFunc(ev.ChildEPCs, linked) ||
		slices.ContainsFunc(ev.InputEPCs, linked) || slices.ContainsFunc(ev.OutputEPCs, linked)
}

// RolesOf gives the parts that an identifier has in an event whose members are known.
func (e *Event) RolesOf(id string) (roles Roles) {
	if e.Parent == id {
		roles = 1 << epcis.RoleParent
	}
	for _, m := range e.as(id) {
		roles |= 1 << m.Role
	}
	return roles
}

// begets reports whether what has the role comes into being by the event, so that its ILMD speaks of it.
func begets(ev *epcis.Event, role epcis.Role) bool {
	switch ev.Type {
	case epcis.ObjectEvent:
		return ev.Action == epcis.Add
	case epcis.TransformationEvent:
		return role == epcis.RoleOutput
	case epcis.AggregationEvent, epcis.AssociationEvent, epcis.TransactionEvent:
	}
	return false
}

// lotNumber is the lotNumber of the Core Business Vocabulary's master data attributes, where the event has one.
func lotNumber(ev *epcis.Event) string {
	for _, x := range ev.ILMD {
		if x.Local == "lotNumber" && strings.HasPrefix(x.Namespace, "urn:epcglobal:cbv:mda") && x.Value.Kind == epcis.KindString {
			return strings.TrimSpace(x.Value.Text)
		}
	}
	return ""
}

const tradeItem = "https://id.gs1.org/01/"

// lotOf is the lot with a number of the trade item that a canonical identifier is of; empty where it
// makes no lot by GS1's rules.
func lotOf(canonical, number string) string {
	const gtin = 14
	rest, ok := strings.CutPrefix(canonical, tradeItem)
	if !ok || number == "" || len(rest) < gtin {
		return ""
	}
	return canonicalLot(rest[:gtin], number, true)
}

// canonicalLot spells a lot canonically; raw says that number is text and not part of a link.
func canonicalLot(gtin, number string, raw bool) string {
	if raw {
		number = escape(number)
	}
	id, err := epcis.ParseIdentifier(tradeItem + gtin + "/10/" + number)
	if err != nil || id.Kind != epcis.KindLGTIN {
		return ""
	}
	return id.Canonical
}

// escape writes text so that it stands in the path of a link as itself.
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

// lotInLink is the lot that the Digital Link of an instance tells beside its serial.
func lotInLink(it epcis.Item) string {
	if !strings.HasPrefix(it.EPC, "http") {
		return ""
	}
	path, _, _ := strings.Cut(it.EPC, "?")
	segments := strings.Split(path, "/")
	for i := len(segments) - 2; i > 0; i-- {
		if segments[i] == "10" || segments[i] == "lot" {
			// A qualifier stands after the key and its value: another segment of that text is a value.
			if k := i - 2; k > 0 && (segments[k] == "01" || segments[k] == "gtin" || segments[k] == "22" || segments[k] == "cpv") {
				const gtin = 14
				return canonicalLot(strings.TrimPrefix(it.Canonical, tradeItem)[:gtin], segments[i+1], false)
			}
		}
	}
	return ""
}

// placeOf spells the event's place canonically where it is a GS1 key.
func placeOf(ev *epcis.Event) string {
	readPoint, bizLocation := "", ""
	if ev.ReadPoint != nil {
		readPoint = ev.ReadPoint.ID
	}
	if ev.BizLocation != nil {
		bizLocation = ev.BizLocation.ID
	}
	return Place(readPoint, bizLocation)
}

// Place is where an event was: its business location, else its read point, canonical where that is a
// GS1 key.
func Place(readPoint, bizLocation string) string {
	id := bizLocation
	if id == "" {
		id = readPoint
	}
	if canonical, err := epcis.CanonicalEPC(id); err == nil {
		return canonical
	}
	return id
}

// isLot reports whether an identifier is that of a lot of a trade item.
func isLot(id string) bool { return epcis.KindOf(id) == epcis.KindLGTIN }
