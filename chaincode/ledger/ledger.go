// Package ledger holds the rules of Waybill's ledger: its types and its decisions. It is pure: no
// Fabric, no clock, no randomness, no floats in what is stored. It may import epcis and nothing
// else of Waybill. Time is always an argument.
package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Role is what a certificate's waybill.role attribute allows its holder to do.
type Role string

// The roles. An identity may hold several.
const (
	RoleRecorder  Role = "recorder"  // records EPCIS events
	RoleGateway   Role = "gateway"   // pushes device segments
	RoleScorer    Role = "scorer"    // writes verdicts
	RoleRegistrar Role = "registrar" // registers devices and policies
	RoleReader    Role = "reader"    // reads through the API
	RoleAnchor    Role = "anchor"    // signs roots of the proof log for its organisation
	RoleHolder    Role = "holder"    // holds and moves credits
	RoleModeller  Role = "modeller"  // submits data set snapshots, models and evaluations
	RoleSteward   Role = "steward"   // speaks for its organisation: votes, approves, recovers its accounts
)

// Actor is who signed a transaction: the organisation's MSP, the certificate's subject and key, and its
// roles.
type Actor struct {
	MSPID   string
	Subject string
	Key     Digest // SHA-256 of the public key in PKIX DER form
	Roles   []Role
}

// Digest is a SHA-256 value.
type Digest [sha256.Size]byte

// String returns the digest in hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// IsZero reports whether the digest was never set.
func (d Digest) IsZero() bool { return d == Digest{} }

// ParseDigest reads 64 hexadecimal digits.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	if len(s) != 2*sha256.Size {
		return d, fmt.Errorf("%w: a digest has %d hexadecimal digits, not %d", ErrMalformed, 2*sha256.Size, len(s))
	}
	if _, err := hex.Decode(d[:], []byte(s)); err != nil {
		return d, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return d, nil
}

// Millis is a time in milliseconds since 1970-01-01T00:00:00Z, the ledger's only form of time.
type Millis int64

// MillisOf converts a time, dropping what is finer than a millisecond.
func MillisOf(t time.Time) Millis { return Millis(t.UnixMilli()) }

// Time converts to UTC.
func (m Millis) Time() time.Time { return time.UnixMilli(int64(m)).UTC() }

// Refusals. Each has a stable code (see Code) that crosses the chaincode boundary and the API.
var (
	ErrMalformed    = errors.New("malformed")
	ErrSchema       = errors.New("does not follow the schema")
	ErrConflict     = errors.New("the same id with other content is already recorded")
	ErrUnauthorised = errors.New("the caller's role does not allow this")
	ErrTooLarge     = errors.New("too large")
	ErrUnknown      = errors.New("not found")
	ErrSignature    = errors.New("the signature does not verify")
	ErrGap          = errors.New("a segment is missing before this one")
	ErrReplay       = errors.New("a segment with this sequence number and other content is already recorded")
	ErrChain        = errors.New("the segment does not continue the device's hash chain")
	ErrOrder        = errors.New("the segment's times do not follow the device's last segment")
	ErrDevice       = errors.New("the device is not registered")
	ErrFuture       = errors.New("the time lies in the future")
	ErrSkew         = errors.New("the transaction's time is too far from the peer's")
	ErrAnchorOrder  = errors.New("the root does not follow the organisation's last one")

	ErrOverflow       = errors.New("an amount out of bounds")
	ErrUnbalanced     = errors.New("credits do not balance")
	ErrNoteSpent      = errors.New("the note is not there: it was spent, or never was")
	ErrLocked         = errors.New("the note is locked")
	ErrNotLocked      = errors.New("the note is not locked")
	ErrNotOwner       = errors.New("not the submitter's")
	ErrNoAccount      = errors.New("no such credit account")
	ErrAccountFrozen  = errors.New("the credit account is frozen")
	ErrAllowance      = errors.New("not within the allowance")
	ErrStake          = errors.New("the stake does not allow this")
	ErrNoCreditPolicy = errors.New("no credit policy is in force")
	ErrKeepers        = errors.New("not a matter for the submitter's organisation alone, or not for it")

	ErrModelState   = errors.New("the model's state does not allow this")
	ErrModelBlocked = errors.New("no verdict may rest on the model")
	ErrGate         = errors.New("the model does not pass the gate")
	ErrApproval     = errors.New("not an organisation that may approve the model")
	ErrArtefact     = errors.New("the artefact is not what the model says")

	ErrNoScoringPolicy = errors.New("no scoring policy is in force")
	ErrScorer          = errors.New("not a scorer of this task")
	ErrFewScorers      = errors.New("too few organisations have scorers")
	ErrTaskState       = errors.New("the task's state does not allow this")
	ErrTaskTime        = errors.New("not the time for this")
	ErrCommitment      = errors.New("not what was committed to")
	ErrProof           = errors.New("the proof does not show it")
	ErrNotAnchored     = errors.New("the keepers have not anchored that root")
)

// Status answers one input of a batch.
type Status uint8

// The answers.
const (
	StatusRecorded  Status = 1
	StatusDuplicate Status = 2
	StatusRefused   Status = 3
)

// String names the status in lower case.
func (s Status) String() string {
	switch s {
	case StatusRecorded:
		return "recorded"
	case StatusDuplicate:
		return "duplicate"
	case StatusRefused:
		return "refused"
	default:
		return "unknown"
	}
}
