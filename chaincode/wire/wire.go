// Package wire is the versioned canonical encoding of what crosses the chaincode's boundary: the
// arguments, the answers, the stored values and the summary event. Chaincode and clients share it.
// It may import ledger and epcis and nothing else of Waybill.
//
// Values are CBOR in the core deterministic encoding of RFC 8949, section 4.2.1, preceded by one
// version byte, so that equal values are equal bytes on every machine.
package wire

import "github.com/waybill-dev/waybill/chaincode/ledger"

// EventName is the name of the one chaincode event that a transaction emits; its payload is a Summary.
const EventName = "waybill"

// The contracts and their transaction functions, as a client names them.
const (
	FnRecordEvents    = "traceability:RecordEvents"
	FnGetEvent        = "traceability:GetEvent"
	FnGetItem         = "traceability:GetItem"
	FnReview          = "traceability:Review"
	FnGetFinding      = "traceability:GetFinding"
	FnRegisterMaster  = "masterdata:Register"
	FnGetMaster       = "masterdata:Get"
	FnRecordElements  = "masterdata:RecordElements"
	FnGetElement      = "masterdata:GetElement"
	FnRegisterDevices = "telemetry:RegisterDevices"
	FnRecordSegments  = "telemetry:RecordSegments"
	FnGetDevice       = "telemetry:GetDevice"
	FnGetSegment      = "telemetry:GetSegment"
	FnSetPolicies     = "scoring:SetPolicies"
	FnGetPolicy       = "scoring:GetPolicy"
	FnRecordVerdicts  = "scoring:RecordVerdicts"
	FnGetVerdict      = "scoring:GetVerdict"
)

// EventEntry is one event to record: its JSON body, compact and otherwise as its author wrote it,
// and the JSON-LD context it is read under (compact JSON, empty for the GS1 default context).
type EventEntry struct {
	Context []byte
	Body    []byte
}

// EventBatch is the argument of RecordEvents and the pack in which a transaction stores bodies.
// Contexts are listed once each; Pack is the zstd frame of the bodies' concatenation, or with Plain
// set that concatenation itself; Lengths are the bodies' lengths, ContextOf each body's index in
// Contexts (or -1 for the default context).
type EventBatch struct {
	Contexts  [][]byte `cbor:"1,keyasint"`
	ContextOf []int    `cbor:"2,keyasint"`
	Lengths   []int    `cbor:"3,keyasint"`
	Pack      []byte   `cbor:"4,keyasint"`
	Plain     bool     `cbor:"5,keyasint,omitempty"`
}

// Answer answers one input of a batch.
type Answer struct {
	Status      ledger.Status    `cbor:"1,keyasint"`
	Code        string           `cbor:"2,keyasint,omitempty"` // stable code, when refused
	Message     string           `cbor:"3,keyasint,omitempty"` // what to do about it, when refused
	Digest      ledger.Digest    `cbor:"4,keyasint"`           // event hash, segment digest, verdict digest …
	Restatement bool             `cbor:"5,keyasint,omitempty"`
	Findings    []ledger.Finding `cbor:"6,keyasint,omitempty"`
	RecordedIn  string           `cbor:"7,keyasint,omitempty"` // for a duplicate: the transaction that recorded it
}

// Wrote reports whether the answered input made the transaction write something: it was recorded,
// or it is a restatement that was not stored before. A transaction none of whose answers wrote has
// an empty write set and need not be ordered.
func (a Answer) Wrote() bool {
	return a.Status == ledger.StatusRecorded || a.Status == ledger.StatusDuplicate && a.RecordedIn == ""
}

// Answers is what every batched function returns, one answer an input, in the input's order.
type Answers struct {
	Answers []Answer `cbor:"1,keyasint"`
}

// DeviceBatch is the argument of RegisterDevices.
type DeviceBatch struct {
	Devices []ledger.Device `cbor:"1,keyasint"`
}

// SegmentBatch is the argument of RecordSegments: signed segments, each the bytes that
// EncodeSegment made and its device signed.
type SegmentBatch struct {
	Segments []SignedSegment `cbor:"1,keyasint"`
}

// SignedSegment is a segment as it travels and as it is stored: the encoded segment and the
// device's signature over those bytes.
type SignedSegment struct {
	Payload   []byte `cbor:"1,keyasint"`
	Signature []byte `cbor:"2,keyasint"`
}

// PolicyBatch is the argument of SetPolicies.
type PolicyBatch struct {
	Policies []ledger.Policy `cbor:"1,keyasint"`
}

// VerdictBatch is the argument of RecordVerdicts.
type VerdictBatch struct {
	Verdicts []ledger.Verdict `cbor:"1,keyasint"`
}

// MasterBatch is the argument of masterdata:Register. What others rest on comes first.
type MasterBatch struct {
	Data []ledger.MasterDatum `cbor:"1,keyasint"`
}

// ReviewBatch is the argument of Review: items and events whose findings are judged again by what is
// registered and recorded now and by the transaction's time. A subject none of whose findings changed
// is answered as a duplicate.
type ReviewBatch struct {
	Subjects []ReviewSubject `cbor:"1,keyasint"`
}

// ReviewSubject is an item, or an event if Item is empty.
type ReviewSubject struct {
	Item  string        `cbor:"1,keyasint,omitempty"` // canonical EPC
	Event ledger.Digest `cbor:"2,keyasint"`
}

// Summary is the payload of the chaincode event: what one transaction recorded, each list in the
// order of the transaction's input. It names; what it names lies in the transaction's writes.
// Consumers read both with ReadTransaction.
type Summary struct {
	Events       []EventRef   `cbor:"1,keyasint,omitempty"`
	Restatements []EventRef   `cbor:"2,keyasint,omitempty"`
	Devices      []string     `cbor:"3,keyasint,omitempty"`
	Segments     []SegmentRef `cbor:"4,keyasint,omitempty"`
	Policies     []PolicyRef  `cbor:"5,keyasint,omitempty"`
	Verdicts     []VerdictRef `cbor:"6,keyasint,omitempty"`
	Anchors      []AnchorRef  `cbor:"7,keyasint,omitempty"`
	Master       []MasterRef  `cbor:"8,keyasint,omitempty"`
	Elements     []ElementRef `cbor:"9,keyasint,omitempty"`

	Credits *CreditSummary `cbor:"10,keyasint,omitempty"`
	Votes   []VoteRef      `cbor:"11,keyasint,omitempty"`
	Models  *ModelSummary  `cbor:"12,keyasint,omitempty"`

	Scoring *ScoringSummary `cbor:"13,keyasint,omitempty"`
}

// ElementRef names a recorded statement on a vocabulary element.
type ElementRef struct {
	Key     string `cbor:"1,keyasint"` // ElementPastKey
	InForce bool   `cbor:"2,keyasint,omitempty"`
}

// MasterRef names a registered version of a master datum. Rules that wait for approvals are named by
// their digest too, since several may wait under one version.
type MasterRef struct {
	Kind    ledger.MasterKind `cbor:"1,keyasint"`
	ID      []string          `cbor:"2,keyasint"`
	Version uint32            `cbor:"3,keyasint"`
	Waiting []byte            `cbor:"4,keyasint,omitempty"` // digest
}

// EventRef names a recorded event and where its body lies in the transaction's pack.
type EventRef struct {
	Hash  ledger.Digest `cbor:"1,keyasint"`
	Index int           `cbor:"2,keyasint"` // position in the pack
}

// SegmentRef names a recorded segment and where its payload lies in the transaction's pack.
type SegmentRef struct {
	Device string `cbor:"1,keyasint"`
	Seq    uint64 `cbor:"2,keyasint"`
	Index  int    `cbor:"3,keyasint"` // position in the pack
}

// PolicyRef names a recorded version of a policy.
type PolicyRef struct {
	ID      string `cbor:"1,keyasint"`
	Version uint32 `cbor:"2,keyasint"`
}

// VerdictRef names a recorded verdict.
type VerdictRef struct {
	Shipment string `cbor:"1,keyasint"`
	Window   uint32 `cbor:"2,keyasint"`
	Model    string `cbor:"3,keyasint"`
}

// Transaction is what a valid transaction recorded, ready for a consumer of the block stream.
type Transaction struct {
	Events       []RecordedEvent
	Restatements []RecordedEvent
	// Withdrawn are events, recorded before, whose recorders have declared them in error, by hash. One
	// may come again in a later transaction that writes its record for another reason.
	Withdrawn []ledger.Digest
	Devices   []ledger.Device
	Segments  []RecordedSegment
	Policies  []ledger.Policy
	Verdicts  []ledger.Verdict
	Anchors   []ledger.Anchor
	// Findings are those that were raised, Changes those that were amended or closed.
	Findings []ledger.Finding
	Changes  []ledger.Finding
	Items    []ledger.ItemState
	Master   []ledger.MasterDatum
	Elements []RecordedElement
	Credits  CreditRecords
	Votes    []ledger.Vote
	Models   ModelRecords
	Scoring  ScoringRecords
}

// RecordedElement is an organisation's statement on a vocabulary element with its text.
type RecordedElement struct {
	Record  ledger.ElementRecord `cbor:"1,keyasint"`
	Context []byte               `cbor:"2,keyasint,omitempty"` // empty for the GS1 default context
	Body    []byte               `cbor:"3,keyasint"`
	InForce bool                 `cbor:"4,keyasint,omitempty"` // since its transaction
}

// RecordedEvent is an event with the bytes its author sent.
type RecordedEvent struct {
	Hash    ledger.Digest      `cbor:"1,keyasint"`
	Context []byte             `cbor:"2,keyasint,omitempty"` // empty for the GS1 default context
	Body    []byte             `cbor:"3,keyasint"`
	Record  ledger.EventRecord `cbor:"4,keyasint"`
}

// RecordedSegment is a device's segment, decoded, with the bytes that were signed.
type RecordedSegment struct {
	Segment   ledger.Segment
	Digest    ledger.Digest // SHA-256 of Payload
	Payload   []byte
	Signature []byte
	Record    ledger.SegmentRecord
}

// StoredSegment is what GetSegment returns: a segment as it was signed, and its record.
type StoredSegment struct {
	Signed SignedSegment        `cbor:"1,keyasint"`
	Record ledger.SegmentRecord `cbor:"2,keyasint"`
}
