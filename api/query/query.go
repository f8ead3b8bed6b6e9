package query

import (
	"time"

	"github.com/waybill-dev/waybill/epcis"
)

// Query is a validated query. Every predicate must hold for an event to be in the
// result. The zero Query asks for all events.
type Query struct {
	Predicates []Predicate
	Order      Order
	// EventCountLimit keeps the first events only, in the order asked for; zero
	// means all.
	EventCountLimit int
	// MaxEventCount refuses a larger result; zero means any size.
	MaxEventCount int
	// PerPage is the largest page wanted; zero means the server's choice.
	PerPage int
	// NextPageToken goes on where another page ended; empty means the first page.
	NextPageToken string
}

// Order says how results are sorted.
type Order struct {
	Field      OrderField
	Descending bool
	// Name is the extension field of OrderExtension.
	Name Name
}

// OrderField is what results are sorted by.
type OrderField uint8

// The fields to sort by.
const (
	// OrderNone leaves events in the order of recording.
	OrderNone OrderField = iota
	OrderEventTime
	OrderRecordTime
	// OrderExtension sorts by a field on the top level of the event.
	OrderExtension
)

// Name is the name of a field that the standard does not define.
type Name struct {
	// Namespace is the URI, without a '#' at its end.
	Namespace string
	Local     string
}

// Predicate is one condition on an event: one of the types of this package that
// have the method.
type Predicate interface {
	// Holds reports whether the event meets the condition. md may be nil.
	Holds(e *epcis.Event, md MasterData) bool
	predicate()
}

// Op is a comparison.
type Op uint8

// The comparisons. EQ holds when one of several values is equal.
const (
	EQ Op = iota
	GT
	GE
	LT
	LE
)

// String is the operator as parameter names spell it.
func (o Op) String() string { return [...]string{"EQ", "GT", "GE", "LT", "LE"}[o] }

// EventTypeIn wants one of the event types.
type EventTypeIn struct{ Types []epcis.EventType }

// TimeField is a time of an event.
type TimeField uint8

// The times. The last three are in sensor elements; any of several may match.
const (
	EventTime TimeField = iota
	RecordTime
	DeclarationTime
	// SensorTime is the time of a sensorMetadata or of a sensorReport.
	SensorTime
	SensorStartTime
	SensorEndTime
)

// TimeIs compares a time: GE or LT.
type TimeIs struct {
	Field TimeField
	Op    Op
	Time  time.Time
}

// WordField is a field that holds a word of a vocabulary.
type WordField uint8

// The fields with words.
const (
	Action WordField = iota
	BizStep
	Disposition
	PersistentDispositionSet
	PersistentDispositionUnset
	ErrorReason
	SensorType
)

// WordIn wants one of the words in a field. A word is a bare CBV word or another
// URI; a CURIE is there both as it stands and written out.
type WordIn struct {
	Field WordField
	Words []string
}

// IDField is a field that holds an identifier.
type IDField uint8

// The fields with identifiers.
const (
	ReadPoint IDField = iota
	BizLocation
	TransformationID
	EventID
	CorrectiveEventID
	// BizTransaction, Source and Destination look at entries of one type only.
	BizTransaction
	Source
	Destination
	// DeviceID, DataProcessingMethod and BizRules stand in sensorMetadata or in a
	// sensorReport, the others below in a sensorReport.
	DeviceID
	DataProcessingMethod
	BizRules
	Microorganism
	ChemicalSubstance
	URIValue
)

// IDIn wants one of the identifiers in a field. Identifiers are canonical, as
// CanonicalID gives them, except those of events.
type IDIn struct {
	Field IDField
	IDs   []string
	// Types are the spellings of the type of BizTransaction, Source and Destination.
	Types []string
	// Descendants also takes the places below the given ones, by master data.
	Descendants bool
}

// TextField is a sensor field that holds text.
type TextField uint8

// The fields with text.
const (
	StringValue TextField = iota
	// HexBinaryValue compares without regard to case; values are in upper case.
	HexBinaryValue
)

// TextIn wants one of the texts in a field.
type TextIn struct {
	Field TextField
	Texts []string
}

// BooleanIs wants a sensor report with this booleanValue.
type BooleanIs struct{ Value bool }

// EPCField is a group of fields that hold EPCs or classes of them.
type EPCField uint8

// The groups of fields.
const (
	// EPCs are epcList and childEPCs.
	EPCs EPCField = iota
	ParentID
	InputEPCs
	OutputEPCs
	// AnyEPC is all of the above.
	AnyEPC
	// EPCClasses are quantityList and childQuantityList.
	EPCClasses
	InputEPCClasses
	OutputEPCClasses
	// AnyEPCClass is all of the quantity lists.
	AnyEPCClass
)

// EPCMatches wants one object of a group of fields to match a pattern.
type EPCMatches struct {
	Field    EPCField
	Patterns []Pattern
}

// NumberField is a field that holds a number with a unit of measure.
type NumberField uint8

// The numeric fields.
const (
	// QuantityValue is the quantity of a member of any quantity list.
	QuantityValue NumberField = iota
	SensorValue
	SensorMinValue
	SensorMaxValue
	SensorMeanValue
	// SensorSDev is a standard deviation: units convert by their scale alone.
	SensorSDev
	SensorPercValue
	// SensorPercRank has no unit.
	SensorPercRank
)

// NumberIs compares a number. With AnyUnit the unit of the event does not count;
// otherwise numbers compare when their dimensions are the same.
type NumberIs struct {
	Field   NumberField
	Op      Op
	AnyUnit bool
	// Dimension is that of the values, as Measure gives it.
	Dimension string
	// Values are in the base unit of the dimension; one, except for EQ.
	Values []float64
}

// Part is a part of an event that some parameters ask to be there.
type Part uint8

// The parts.
const (
	ErrorDeclaration Part = iota
	SensorElementList
)

// PartExists wants a part to be there.
type PartExists struct{ Part Part }

// Scope is a place in an event where extension fields stand.
type Scope uint8

// The scopes.
const (
	TopLevel Scope = iota
	ILMD
	InErrorDeclaration
	InReadPoint
	InBizLocation
	InSensorElement
	InSensorMetadata
	InSensorReport
)

// Operand is a value that an extension field is compared with. A field's value
// is what it reads as: text compares as text; when both are numbers as numbers,
// when both are times as instants.
type Operand struct {
	// Text is the spelling, for EQ.
	Text string
	// Number and Time are set when the text reads as one.
	Number *float64
	Time   *time.Time
}

// FieldIs compares an extension field.
type FieldIs struct {
	Scope Scope
	// Inner looks inside the fields of the scope, at any depth, and not at these.
	Inner  bool
	Name   Name
	Op     Op
	Values []Operand
}

// FieldExists wants an extension field to be there.
type FieldExists struct {
	Scope Scope
	Inner bool
	Name  Name
}

// AttributeIs wants an identifier in a field to have an attribute in the master
// data: with Values, one of these; without, one of Attributes with any value.
type AttributeIs struct {
	// Field is the name of a field of the standard, or empty for Name.
	Field      string
	Name       Name
	Attributes []Name
	Values     []string
}

func (EventTypeIn) predicate() {}
func (TimeIs) predicate()      {}
func (WordIn) predicate()      {}
func (IDIn) predicate()        {}
func (TextIn) predicate()      {}
func (BooleanIs) predicate()   {}
func (EPCMatches) predicate()  {}
func (NumberIs) predicate()    {}
func (PartExists) predicate()  {}
func (FieldIs) predicate()     {}
func (FieldExists) predicate() {}
func (AttributeIs) predicate() {}
