package ledger

import "time"

// Limits of one transaction. A client splits its input so that each transaction stays within them;
// the contract refuses what does not. They leave a block of 10 MiB room for the argument and the
// write set, which both hold the bodies.
const (
	MaxArgumentBytes = 6 << 20 // an encoded batch

	MaxBatchEvents   = 5_000
	MaxBatchBytes    = 4 << 20 // all bodies of an event batch before compression, or all payloads of a segment batch
	MaxBatchContexts = 1_000
	MaxEventBytes    = 1 << 20 // one body
	MaxContextsBytes = 1 << 20 // all contexts of a batch
	MaxContextBytes  = 64 << 10
	MaxEventItems    = 5_000  // instances one event names
	MaxBatchItems    = 20_000 // instances the events of a batch name, each time counted

	MaxBatchSegments   = 1_000
	MaxSegmentBytes    = 1 << 20   // one encoded segment
	MaxSegmentReadings = 100_000   // times × channels of a segment
	MaxBatchReadings   = 1_000_000 // times × channels of a batch
	MaxSignatureBytes  = 128

	MaxBatchDevices   = 1_000
	MaxPublicKeyBytes = 512

	MaxBatchPolicies  = 20
	MaxPolicyProducts = 2_000

	MaxBatchReviews = 1_000 // items and events to judge again
	MaxReviewEvents = 50    // events among them, each of whose bodies is read back

	MaxBatchVerdicts    = 500
	MaxVerdictReasons   = 64
	MaxVerdictEvents    = 2_000
	MaxVerdictSegments  = 1_000
	MaxVerdictBytes     = 256 << 10
	MaxReasonCodeBytes  = 64
	MaxReasonTextBytes  = 500
	MaxPolicyIDBytes    = 64
	MaxModelBytes       = 256
	MaxLaneBytes        = 400
	MaxStratumBytes     = MaxPolicyIDBytes + 1 + MaxLaneBytes + 6 // how often there are readings
	MaxIdentifierBytes  = 1_024                                   // an EPC, device id, eventID or anything else that becomes part of a key
	MaxRegisterBytes    = 256                                     // a business step, disposition or place, which every item of an event keeps
	MaxAnswerTextBytes  = 400
	MaxContributionsAbs = 1_000_000_000_000 // |contribution| of a reason, millionths
)

// MaxSkew is how far a transaction's time may lie from the endorsing peer's clock, and how far a
// reading's or event's time may lie after the transaction's.
const MaxSkew = 5 * time.Minute

// EarliestTime is the least time a reading may have: 2000-01-01T00:00:00Z. An earlier one is that of
// a device whose clock was never set.
const EarliestTime Millis = 946_684_800_000
