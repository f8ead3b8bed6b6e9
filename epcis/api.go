package epcis

import (
	"io"
	"iter"
)

// Hash is the CBV 2.0 event hash (SHA-256 of the pre-hash string).
type Hash [32]byte

// String gives ni:///sha-256;<hex>?ver=CBV2.0.
func (h Hash) String() string { return "" }

// ParseHash reads the form of String, or 64 bare hexadecimal digits.
func ParseHash(s string) (Hash, error) { return Hash{}, Faults{{Code: CodeHash}} }

// ParseEvent reads and validates one event; context is the JSON-LD context in force, nil for GS1's own.
func ParseEvent(context, event []byte) (*Event, error) { return nil, Faults{{Code: CodeNotJSON}} }

// Hash gives the CBV 2.0 event hash.
func (e *Event) Hash() Hash { return Hash{} }

// PreHash gives the string that Hash digests.
func (e *Event) PreHash() string { return "" }

// MarshalJSON gives the event as JSON-LD.
func (e *Event) MarshalJSON() ([]byte, error) { return nil, Faults{{Code: CodeNotJSON}} }

// Source is one event of a document, or the faults that stand in its place.
type Source struct {
	Index   int
	Path    string
	Raw     []byte
	Context []byte
	Event   *Event
	Err     error
}

// Document is a whole document in memory.
type Document struct {
	Type          string
	SchemaVersion string
	CreationDate  Time
	Context       []byte
	Events        []Source
}

// Events streams a JSON document.
func Events(r io.Reader, lim Limits) iter.Seq2[Source, error] {
	return func(yield func(Source, error) bool) { yield(Source{}, Faults{{Code: CodeNotJSON}}) }
}

// EventsXML streams an XML document.
func EventsXML(r io.Reader, lim Limits) iter.Seq2[Source, error] {
	return func(yield func(Source, error) bool) { yield(Source{}, Faults{{Code: CodeNotXML}}) }
}

// ParseDocument reads a whole document.
func ParseDocument(data []byte, lim Limits) (*Document, error) { return nil, Faults{{Code: CodeNotJSON}} }

// Format is the syntax of a document.
type Format int

// The formats.
const (
	FormatUnknown Format = iota
	JSON
	XML
)

// Detect guesses the format from the first bytes.
func Detect(prefix []byte) Format { return FormatUnknown }

// IdentifierKind names what a GS1 identifier identifies, such as "sgtin".
type IdentifierKind string

// Kinds of identifiers.
const (
	KindOther IdentifierKind = ""
	KindSGTIN IdentifierKind = "sgtin"
	KindLGTIN IdentifierKind = "lgtin"
	KindGTIN  IdentifierKind = "gtin"
	KindSSCC  IdentifierKind = "sscc"
	KindSGLN  IdentifierKind = "sgln"
	KindPGLN  IdentifierKind = "pgln"
	KindGRAI  IdentifierKind = "grai"
	KindGIAI  IdentifierKind = "giai"
	KindGDTI  IdentifierKind = "gdti"
)

// KindOf tells what s identifies.
func KindOf(s string) IdentifierKind { return KindOther }

// CanonicalEPC gives the canonical https://id.gs1.org form of an EPC URN or Digital Link.
func CanonicalEPC(s string) (string, error) { return s, nil }

// Role tells how an object takes part in an event.
type Role uint8

// The roles.
const (
	RoleEPC Role = iota
	RoleParent
	RoleChild
	RoleInput
	RoleOutput
)

// Item is an object of an event. Canonical is its key.
type Item struct {
	Role      Role
	EPC       string
	Canonical string
	Class     bool
}

// Items lists the objects of an event: instances and, with Class set, classes.
func (e *Event) Items() []Item { return nil }
