package report

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/waybill-dev/waybill/epcis"
)

// Errors of this package. Each begins with its stable code.
var (
	// ErrArgument says that a report cannot be made of what was asked: mend the request.
	ErrArgument = errors.New("WB_REPORT_ARGUMENT")
	// ErrTooLarge says that one answer would have to look at more than it may.
	ErrTooLarge = errors.New("WB_REPORT_TOO_LARGE")
	// ErrUnreadable says that a recorded event is in a form that this program cannot read.
	ErrUnreadable = errors.New("WB_REPORT_UNREADABLE_EVENT")
	// ErrUnknownProduct says that the ledger holds no event of the product asked for.
	ErrUnknownProduct = errors.New("WB_REPORT_UNKNOWN_PRODUCT")
	// ErrUnknownLot says that no recorded event names the lot asked for.
	ErrUnknownLot = errors.New("WB_NOT_FOUND")
)

// Record is a recorded event with its place on the ledger.
type Record struct {
	Hash epcis.Hash
	// Block and Index are the event's position on the ledger: the Index-th fact of the Block.
	Block uint64
	Index uint32
	TxID  string
	// Leaf is the event's index in the proof log; nil where that is not known.
	Leaf *uint64
	// RecordedBy is the organisation (MSP ID) that recorded it, RecordedAt its transaction's time.
	RecordedBy string
	RecordedAt time.Time
	// InError says that its organisation has declared it wrong since.
	InError bool
	// EventTime is the event's time in milliseconds, by which events are ordered.
	EventTime time.Time
	// Context is the JSON-LD @context it was sent under, nil for GS1's own; Body its JSON as sent.
	Context, Body []byte
	// Findings are the codes of what the ledger's rules found in it.
	Findings []string
}

// AsOf is how far the ledger has been read.
type AsOf struct {
	// Height is the number of blocks.
	Height uint64
	// Hash is the hash of the last of them.
	Hash [32]byte
}

// Selection says which events to give. A zero time is open.
type Selection struct {
	// From and Until bound the event time; Until is exclusive.
	From, Until time.Time
	// AsOf leaves out what was recorded in later blocks.
	AsOf AsOf
}

// Role is a set of the ways in which an event names an object.
type Role uint8

// The roles, as bits: 1 << epcis.Role.
const (
	AsEPC     Role = 1 << epcis.RoleEPC
	AsParent  Role = 1 << epcis.RoleParent
	AsChild   Role = 1 << epcis.RoleChild
	AsInput   Role = 1 << epcis.RoleInput
	AsOutput  Role = 1 << epcis.RoleOutput
	InAnyRole      = AsEPC | AsParent | AsChild | AsInput | AsOutput
)

// Asked says which events of an object to give.
type Asked struct {
	Roles Role
	// Beginnings leaves only events that bring objects into being: those that ADD, and transformations.
	Beginnings bool
	// Limit bounds the events of each object: the first recorded are given.
	Limit int
	// AsOf leaves out what was recorded in later blocks.
	AsOf AsOf
}

// ItemFacts is what the ledger holds of one object.
type ItemFacts struct {
	// Known says that the ledger has a state of it.
	Known bool
	// Status is the word for where it is in its life, and Ended says that that is over: decommissioned or
	// destroyed. Disposition is the last one told.
	Status, Disposition string
	Ended               bool
	// Custodian is the organisation (MSP ID) that holds it; Container what it is packed in.
	Custodian, Container string
	// Registrant is the organisation (MSP ID) that has registered the product, or the company prefix in
	// its identifier, on the ledger; empty if none has.
	Registrant string
	// Findings are what the ledger's rules found on it, in the order of recording.
	Findings []Finding
}

// Finding is a result of the ledger's rules.
type Finding struct {
	Code, Detail string
	Event        epcis.Hash
	Block        uint64
	TxID         string
	// Grave says that it casts doubt on the object; others are to be known of.
	Grave bool
	// Closed says that a later event has resolved it.
	Closed bool
}

// Source answers from the ledger. Objects are named by their canonical identifiers, as
// epcis.CanonicalEPC gives them. Its methods are safe for concurrent use.
type Source interface {
	// AsOf tells how far the ledger has been read.
	AsOf(ctx context.Context) (AsOf, error)
	// Events yields the events of the selection, some at a time, by event time and then by position. It
	// ends with the error that stopped it.
	Events(ctx context.Context, sel Selection) iter.Seq2[[]Record, error]
	// Naming gives the events that name each of the objects, in ledger order. more lists the objects
	// that have more events than the limit.
	Naming(ctx context.Context, objects []string, asked Asked) (found map[string][]Record, more []string, err error)
	// LotItems gives the events that give objects of a trade item (GTIN-14) the batch or lot by their
	// instance/lot master data, in ledger order, at most limit.
	LotItems(ctx context.Context, gtin, lot string, asOf AsOf, limit int) ([]Record, error)
	// Item gives what the ledger holds of one object.
	Item(ctx context.Context, object string) (ItemFacts, error)
}

// MasterData knows what products and places are called.
type MasterData interface {
	// Describe gives the attributes of an identifier by their names in the CBV's master data vocabulary
	// (urn:epcglobal:cbv:mda) without the namespace; nil if it is not known. The identifier is canonical.
	Describe(ctx context.Context, id string) (map[string]string, error)
}

// NoMasterData knows nothing.
type NoMasterData struct{}

// Describe implements MasterData.
func (NoMasterData) Describe(context.Context, string) (map[string]string, error) { return nil, nil }
