package epcis

// Role tells how an object takes part in an event.
type Role uint8

// The roles of objects.
const (
	// RoleEPC is an object of an ObjectEvent or TransactionEvent.
	RoleEPC Role = iota
	// RoleParent is the container, pallet or transaction parent.
	RoleParent
	// RoleChild is an object that is put into or taken from the parent.
	RoleChild
	// RoleInput is an object that a transformation consumes.
	RoleInput
	// RoleOutput is an object that a transformation produces.
	RoleOutput
)

// String names the role.
func (r Role) String() string {
	switch r {
	case RoleEPC:
		return "epc"
	case RoleParent:
		return "parent"
	case RoleChild:
		return "child"
	case RoleInput:
		return "input"
	case RoleOutput:
		return "output"
	}
	return "unknown"
}

// Item is an object, or a class of objects, that an event speaks of.
type Item struct {
	Role Role
	// EPC is the identifier as the document spells it.
	EPC string
	// Canonical is the key under which all spellings of the identifier meet: the
	// canonical Digital Link, or EPC itself when it is no well-formed GS1 identifier.
	Canonical string
	// Kind is KindOther when EPC is no well-formed GS1 identifier.
	Kind IdentifierKind
	// Class tells that the entry is of a quantity list, or names a class.
	Class bool
	// Quantity and UOM are those of a quantity list; Quantity is empty if unstated.
	Quantity Number
	UOM      string
}

// Items lists the objects of an event in the order parent, EPCs, children,
// inputs, outputs; within each first the instances, then the classes, both in
// document order. Nothing is left out: an object that stands twice comes twice.
func (e *Event) Items() []Item {
	n := len(e.EPCs) + len(e.Quantities) + len(e.ChildEPCs) + len(e.ChildQuantities) +
		len(e.InputEPCs) + len(e.InputQuantities) + len(e.OutputEPCs) + len(e.OutputQuantities)
	items := make([]Item, 0, n+1)
	add := func(role Role, epcs []string, quantities []Quantity) {
		for _, s := range epcs {
			items = append(items, newItem(role, s))
		}
		for _, q := range quantities {
			it := newItem(role, q.EPCClass)
			it.Class, it.Quantity, it.UOM = true, q.Quantity, q.UOM
			items = append(items, it)
		}
	}
	if e.ParentID != "" {
		items = append(items, newItem(RoleParent, e.ParentID))
	}
	add(RoleEPC, e.EPCs, e.Quantities)
	add(RoleChild, e.ChildEPCs, e.ChildQuantities)
	add(RoleInput, e.InputEPCs, e.InputQuantities)
	add(RoleOutput, e.OutputEPCs, e.OutputQuantities)
	return items
}

func newItem(role Role, s string) Item {
	it := Item{Role: role, EPC: s, Canonical: s}
	if id, err := ParseIdentifier(s); err == nil {
		it.Canonical, it.Kind, it.Class = id.Canonical, id.Kind, id.Class
	}
	return it
}
