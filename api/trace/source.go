package trace

import (
	"context"

	"github.com/waybill-dev/waybill/epcis"
)

// Mention is an event with the parts that an identifier has in it.
type Mention struct {
	Event *Event
	Roles Roles
}

// Roles is a set of roles: bit 1<<r for each epcis.Role r.
type Roles uint16

// Has reports whether a role is in the set.
func (r Roles) Has(role epcis.Role) bool { return r&(1<<role) != 0 }

// LotMention is an event that tells that an instance is of a lot.
type LotMention struct {
	Binding
	Event *Event
}

// Source gives the standing events that bear on identifiers, each list in any order and each event
// once. An event met by several questions may be the same pointer; nobody changes it. What a source
// leaves out because there is too much it names in cut.
type Source interface {
	// Mentions gives the events that name each identifier, those of classes included.
	Mentions(ctx context.Context, ids []string) (found map[string][]Mention, cut []string, err error)
	// Clears gives the events that empty each container.
	Clears(ctx context.Context, containers []string) (found map[string][]*Event, cut []string, err error)
	// Runs gives the events of each transformationID.
	Runs(ctx context.Context, runs []string) (found map[string][]*Event, cut []string, err error)
	// Instances gives the instances of each lot.
	Instances(ctx context.Context, lots []string) (found map[string][]LotMention, cut []string, err error)
	// LotsOf gives the lots of each instance.
	LotsOf(ctx context.Context, items []string) (found map[string][]LotMention, cut []string, err error)
}
