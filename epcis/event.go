package epcis

import "time"

// EventType names the kind of an event: one of the five of the standard, or the
// URI of an extension type.
type EventType string

// The event types of EPCIS 2.0.
const (
	ObjectEvent         EventType = "ObjectEvent"
	AggregationEvent    EventType = "AggregationEvent"
	TransactionEvent    EventType = "TransactionEvent"
	TransformationEvent EventType = "TransformationEvent"
	AssociationEvent    EventType = "AssociationEvent"
)

// Standard reports whether t is one of the five types of the standard.
func (t EventType) Standard() bool {
	switch t {
	case ObjectEvent, AggregationEvent, TransactionEvent, TransformationEvent, AssociationEvent:
		return true
	}
	return false
}

// Action says how an event relates to the life of its objects. It is empty on a
// TransformationEvent.
type Action string

// The actions of EPCIS.
const (
	Add     Action = "ADD"
	Observe Action = "OBSERVE"
	Delete  Action = "DELETE"
)

// BizStep is a business step: the bare CBV word ("shipping") or another URI.
type BizStep string

// Disposition is a state of objects: the bare CBV word ("in_transit") or another URI.
type Disposition string

// Time is an instant together with the text it was given as.
type Time struct {
	// Instant is the moment in UTC. A leap second counts as the first instant
	// of the following minute.
	Instant time.Time
	// Text is the spelling in the document; empty means that the field is absent.
	Text string
}

// IsZero reports whether the field is absent.
func (t Time) IsZero() bool { return t.Text == "" }

// Number is a decimal number in the spelling of the document; empty means absent.
type Number string

// Kind tells what a [Value] holds.
type Kind uint8

// The kinds of a value in an extension.
const (
	KindNull Kind = iota
	KindBool
	KindNumber
	KindString
	KindArray
	KindObject
)

// Value is the content of an extension.
type Value struct {
	Kind Kind
	// Text holds a string, a number's spelling, or "true" and "false".
	Text string
	// Items holds the members of an array.
	Items []Value
	// Members holds the members of an object, in document order.
	Members []Extension
}

// Extension is a field that the standard does not define.
type Extension struct {
	// Namespace is the URI that the field's prefix stands for; empty for a name
	// without a prefix inside an extension.
	Namespace string
	// Local is the name without its prefix.
	Local string
	// Name is the spelling in the document, such as example:myField.
	Name string
	// Value is the content.
	Value Value
}

// Location is a read point or a business location.
type Location struct {
	ID         string
	Extensions []Extension
}

// BizTransaction is a business transaction that an event belongs to. Type is a
// bare CBV word, another URI, or empty.
type BizTransaction struct {
	Type string
	ID   string
}

// Party is one end of a business transfer: a source or a destination. Type is a
// bare CBV word (owning_party, possessing_party, location) or another URI.
type Party struct {
	Type string
	ID   string
}

// Quantity is an amount of a class of objects. Quantity is empty when unstated;
// UOM is a UN/CEFACT code (KGM) and empty for counts.
type Quantity struct {
	EPCClass string
	Quantity Number
	UOM      string
}

// PersistentDisposition sets and unsets states that outlast the event.
type PersistentDisposition struct {
	Set   []Disposition
	Unset []Disposition
}

// ErrorDeclaration declares an earlier event, repeated with its eventID, wrong.
type ErrorDeclaration struct {
	DeclarationTime Time
	// Reason is did_not_occur, incorrect_data, another URI, or empty.
	Reason             string
	CorrectiveEventIDs []string
	Extensions         []Extension
}

// SensorMetadata describes the readings of one sensor element.
type SensorMetadata struct {
	Time, StartTime, EndTime Time
	DeviceID                 string
	DeviceMetadata           string
	RawData                  string
	DataProcessingMethod     string
	BizRules                 string
	Extensions               []Extension
}

// SensorReport is one reading or one statistic over readings.
type SensorReport struct {
	// Type is a GS1 measurement type ("Temperature") or another URI.
	Type string
	// Exception is ALARM_CONDITION, ERROR_CONDITION, another URI, or empty.
	Exception                 string
	DeviceID                  string
	DeviceMetadata            string
	RawData                   string
	DataProcessingMethod      string
	BizRules                  string
	Time                      Time
	Microorganism             string
	ChemicalSubstance         string
	CoordinateReferenceSystem string
	Value                     Number
	// Component is a CBV component ("x"), another URI, or empty.
	Component   string
	StringValue *string
	// BooleanValue is nil when absent.
	BooleanValue   *bool
	HexBinaryValue string
	URIValue       string
	MinValue       Number
	MaxValue       Number
	MeanValue      Number
	SDev           Number
	PercRank       Number
	PercValue      Number
	UOM            string
	Extensions     []Extension
}

// SensorElement groups reports that share metadata.
type SensorElement struct {
	Metadata   *SensorMetadata
	Reports    []SensorReport
	Extensions []Extension
}

// Event is one EPCIS event of any type. Only the fields of its type are set. A
// nil list is absent; an empty one stood empty in the document.
type Event struct {
	Type                EventType
	EventTime           Time
	EventTimeZoneOffset string
	RecordTime          Time
	EventID             string
	ErrorDeclaration    *ErrorDeclaration
	CertificationInfo   []string

	Action                Action
	BizStep               BizStep
	Disposition           Disposition
	PersistentDisposition *PersistentDisposition
	ReadPoint             *Location
	BizLocation           *Location
	BizTransactions       []BizTransaction
	Sources               []Party
	Destinations          []Party

	EPCs             []string
	Quantities       []Quantity
	ParentID         string
	ChildEPCs        []string
	ChildQuantities  []Quantity
	InputEPCs        []string
	InputQuantities  []Quantity
	OutputEPCs       []string
	OutputQuantities []Quantity
	TransformationID string

	SensorElements []SensorElement
	ILMD           []Extension
	HasILMD        bool
	Extensions     []Extension

	// Context is the event's own @context as compact JSON; nil if it has none.
	Context []byte

	ignored []string
	// ctx is what the event was read in; nil for an event made by hand.
	ctx *Context
	// repeatedID tells that eventID stood twice in the document.
	repeatedID bool
}

// IsErrorDeclaration reports whether the event declares an earlier event wrong.
func (e *Event) IsErrorDeclaration() bool { return e.ErrorDeclaration != nil }
