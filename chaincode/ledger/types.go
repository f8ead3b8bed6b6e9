package ledger

import "crypto/sha256"

// EventRecord is the small value under an event's key; the body lies in its transaction's pack.
type EventRecord struct {
	TxID            string   `cbor:"1,keyasint"` // names the pack
	Index           int      `cbor:"2,keyasint"` // position in the pack
	BodyDigest      Digest   `cbor:"3,keyasint"`
	MSPID           string   `cbor:"4,keyasint"` // the organisation that recorded it
	RecordedAt      Millis   `cbor:"5,keyasint"` // the transaction's time, chosen by its submitter within the allowed skew
	DeclaredInError bool     `cbor:"6,keyasint,omitempty"`
	EventID         string   `cbor:"7,keyasint,omitempty"`
	Findings        []string `cbor:"8,keyasint,omitempty"` // codes
}

// BodyDigest identifies an event's exact text: SHA-256 over context, a zero byte and body.
func BodyDigest(context, body []byte) Digest {
	h := sha256.New()
	h.Write(context)
	h.Write([]byte{0})
	h.Write(body)
	return Digest(h.Sum(nil))
}

// ItemStatus is where an item is in its life.
type ItemStatus uint8

// The statuses.
const (
	ItemUnknown        ItemStatus = 0 // observed but never commissioned here
	ItemActive         ItemStatus = 1
	ItemInTransit      ItemStatus = 2
	ItemDecommissioned ItemStatus = 3
)

// String names the status in lower case.
func (s ItemStatus) String() string {
	switch s {
	case ItemUnknown:
		return "unknown"
	case ItemActive:
		return "active"
	case ItemInTransit:
		return "in_transit"
	case ItemDecommissioned:
		return "decommissioned"
	default:
		return "unknown"
	}
}

// ItemState is the state of one item (EPC): registers, each holding the value of the latest event
// by (event time, hash), so that every order of recording gives the same state.
type ItemState struct {
	EPC            string     `cbor:"1,keyasint"` // canonical Digital Link
	Status         ItemStatus `cbor:"2,keyasint"`
	StatusAt       Millis     `cbor:"3,keyasint"`
	StatusBy       Digest     `cbor:"4,keyasint"`
	Custodian      string     `cbor:"5,keyasint,omitempty"` // MSP ID
	CustodianAt    Millis     `cbor:"6,keyasint"`
	CustodianBy    Digest     `cbor:"7,keyasint"`
	Container      string     `cbor:"8,keyasint,omitempty"` // canonical EPC of the container it is in, empty if none
	ContainerAt    Millis     `cbor:"9,keyasint"`
	ContainerBy    Digest     `cbor:"10,keyasint"`
	LastEvent      Digest     `cbor:"11,keyasint"`
	LastAt         Millis     `cbor:"12,keyasint"`
	CommissionedAt Millis     `cbor:"13,keyasint"`
	CommissionedBy Digest     `cbor:"14,keyasint"`
	EndedAt        Millis     `cbor:"15,keyasint"` // decommissioned or destroyed
	EndedBy        Digest     `cbor:"16,keyasint"`
	Disposition    string     `cbor:"17,keyasint,omitempty"`
	Place          string     `cbor:"18,keyasint,omitempty"` // bizLocation, else readPoint, of the last event
	BizStep        string     `cbor:"19,keyasint,omitempty"` // of the last event
	MovedAt        Millis     `cbor:"20,keyasint"`           // last event that moved, packed, unpacked or handed it over
	MovedBy        Digest     `cbor:"21,keyasint"`
	// Steps are what the latest events say of the item, by (event time, hash), at most MaxItemSteps.
	// The rules judge them, so that findings do not depend on the order of recording.
	Steps []Step `cbor:"22,keyasint,omitempty"`
	// Open names the findings on the item that are open and whose event is among the steps, by code,
	// then by event.
	Open []FindingRef `cbor:"23,keyasint,omitempty"`
}

// KeyAlgorithm names a device key's signature scheme.
type KeyAlgorithm string

// The schemes.
const (
	KeyEd25519   KeyAlgorithm = "ed25519"    // RFC 8032
	KeyECDSAP256 KeyAlgorithm = "ecdsa-p256" // ASN.1 DER signature over SHA-256
)

// Device is a sensor logger with its public key.
type Device struct {
	ID           string       `cbor:"1,keyasint"` // canonical Digital Link of its GIAI
	Algorithm    KeyAlgorithm `cbor:"2,keyasint"`
	PublicKey    []byte       `cbor:"3,keyasint"` // PKIX DER
	Owner        string       `cbor:"4,keyasint"` // MSP ID, set by the contract
	RegisteredAt Millis       `cbor:"5,keyasint"` // set by the contract
	TxID         string       `cbor:"6,keyasint"` // set by the contract
}

// Quantity is what a channel measures; with it goes a fixed unit, so that the ledger holds integers.
type Quantity uint8

// The quantities and their units.
const (
	Temperature      Quantity = 1 // thousandths of a degree Celsius
	RelativeHumidity Quantity = 2 // thousandths of a percent
	Shock            Quantity = 3 // thousandths of standard gravity
	Light            Quantity = 4 // thousandths of lux
	Door             Quantity = 5 // 0 closed, 1000 open
)

// Segment is a run of readings of one device: times in order, and for each channel one value a time.
type Segment struct {
	Device   string
	Seq      uint64 // 0 for a device's first
	Previous Digest // digest of the segment before, zero for the first
	Times    []Millis
	Channels []Channel
}

// Channel is one measured quantity of a segment.
type Channel struct {
	Quantity Quantity
	Values   []int32 // one for each of the segment's times, in the quantity's unit
}

// SegmentRecord is the small value under a segment's key.
type SegmentRecord struct {
	TxID       string `cbor:"1,keyasint"` // names the pack
	Index      int    `cbor:"2,keyasint"`
	Digest     Digest `cbor:"3,keyasint"` // SHA-256 of the signed payload
	From       Millis `cbor:"4,keyasint"`
	To         Millis `cbor:"5,keyasint"`
	Count      int    `cbor:"6,keyasint"` // times
	MSPID      string `cbor:"7,keyasint"`
	RecordedAt Millis `cbor:"8,keyasint"`
}

// Policy is what a product may be exposed to.
type Policy struct {
	ID       string   `cbor:"1,keyasint"` // such as "refrigerated"
	Version  uint32   `cbor:"2,keyasint"` // from 1; a new version supersedes, the old stay readable
	Products []string `cbor:"3,keyasint"` // canonical class https://id.gs1.org/01/<gtin14>, or "*"
	// Limits on temperature in thousandths of a degree Celsius and durations in milliseconds.
	Low           int32  `cbor:"4,keyasint"`            // recommended range, inclusive
	High          int32  `cbor:"5,keyasint"`            // recommended range, inclusive
	ExcursionLow  int32  `cbor:"6,keyasint"`            // allowed excursion range
	ExcursionHigh int32  `cbor:"7,keyasint"`            // allowed excursion range
	ExcursionFor  Millis `cbor:"8,keyasint"`            // cumulative time outside the recommended range, at most
	Grace         Millis `cbor:"9,keyasint"`            // outside the excursion range for longer than this condemns
	MKTMax        int32  `cbor:"10,keyasint,omitempty"` // highest mean kinetic temperature; 0 with MKTOver 0: not used
	MKTOver       Millis `cbor:"11,keyasint,omitempty"` // over a sliding span of this length
	FreezeBelow   *int32 `cbor:"12,keyasint,omitempty"` // at or below for FreezeFor condemns
	FreezeFor     Millis `cbor:"13,keyasint,omitempty"`
	WindowAtLeast Millis `cbor:"14,keyasint,omitempty"` // least data time between two verdicts of a shipment; 0: every segment
	SetBy         string `cbor:"15,keyasint"`           // MSP ID, set by the contract
	SetAt         Millis `cbor:"16,keyasint"`           // set by the contract
	TxID          string `cbor:"17,keyasint,omitempty"` // set by the contract
}

// VerdictLevel is what a verdict says to do.
type VerdictLevel uint8

// The levels.
const (
	Clear      VerdictLevel = 1
	Inspect    VerdictLevel = 2
	Quarantine VerdictLevel = 3
)

// String names the level in lower case.
func (l VerdictLevel) String() string {
	switch l {
	case Clear:
		return "clear"
	case Inspect:
		return "inspect"
	case Quarantine:
		return "quarantine"
	default:
		return "unknown"
	}
}

// Reason is one cause of a verdict. The contributions of a verdict's reasons sum to its score.
type Reason struct {
	Code         string `cbor:"1,keyasint"` // such as "above_range", "mkt_exceeded", "frozen"
	Contribution int64  `cbor:"2,keyasint"` // millionths
	From         Millis `cbor:"3,keyasint,omitempty"`
	To           Millis `cbor:"4,keyasint,omitempty"`
	Detail       string `cbor:"5,keyasint,omitempty"` // one sentence for a person
	// Counterfactual is one sentence on what would have cleared it; empty where nothing would.
	Counterfactual string `cbor:"6,keyasint,omitempty"`
	Count          int64  `cbor:"7,keyasint,omitempty"` // readings or events that did it; 0: not counted
}

// SegmentRange is evidence: segments First to Last of a device, inclusive, and the digest of the last.
type SegmentRange struct {
	Device string `cbor:"1,keyasint"`
	First  uint64 `cbor:"2,keyasint"`
	Last   uint64 `cbor:"3,keyasint"`
	Digest Digest `cbor:"4,keyasint"`
}

// Verdict is a model's result on a shipment's window.
type Verdict struct {
	Shipment string         `cbor:"1,keyasint"` // canonical EPC of the logistic unit
	Window   uint32         `cbor:"2,keyasint"` // from 0, in ledger order
	Final    bool           `cbor:"3,keyasint,omitempty"`
	Model    string         `cbor:"4,keyasint"` // "id@digest" of the model artefact
	Level    VerdictLevel   `cbor:"5,keyasint"`
	Score    int64          `cbor:"6,keyasint"`           // millionths, 0 to 1,000,000
	PValue   int64          `cbor:"7,keyasint,omitempty"` // millionths; 0: none stated
	From     Millis         `cbor:"8,keyasint"`
	To       Millis         `cbor:"9,keyasint"`
	Reasons  []Reason       `cbor:"10,keyasint,omitempty"`
	Events   []Digest       `cbor:"11,keyasint,omitempty"` // evidence
	Segments []SegmentRange `cbor:"12,keyasint,omitempty"` // evidence
	Policy   string         `cbor:"13,keyasint,omitempty"` // "id/version"
	Trace    Digest         `cbor:"14,keyasint"`           // digest of the scoring engine's trace
	Inputs   Digest         `cbor:"15,keyasint"`           // digest of the inputs judged
	Scorer   string         `cbor:"16,keyasint,omitempty"` // MSP ID, set by the contract
	TxID     string         `cbor:"17,keyasint,omitempty"` // set by the contract
	At       Millis         `cbor:"18,keyasint,omitempty"` // set by the contract
	// Stratum names the accepted shipments that PValue compares with, and References how many of them
	// calibrate it: without Tail, PValue is at most the share α with probability at most α for a
	// shipment like them. Tail says that PValue is an extrapolation beyond all of them, and no guarantee.
	Stratum    string `cbor:"19,keyasint,omitempty"` // "policy|lane", or "policy|*" for any lane
	References uint32 `cbor:"20,keyasint,omitempty"`
	Tail       bool   `cbor:"21,keyasint,omitempty"`
	Lane       string `cbor:"22,keyasint,omitempty"` // "from>to", GLNs or other identifiers of places
}
