package submit

import (
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Config bounds a submitter; zero fields take the defaults.
type Config struct {
	// MaxBatch is the most inputs of one transaction, default 1,000.
	MaxBatch int
	// MaxBytes is the most bytes of inputs in one transaction, default 2 MiB.
	MaxBytes int
	// MaxItems is the most keys of the world state that the inputs of one transaction name, default 4,000.
	MaxItems int
	// MaxInFlight is the most transactions of one kind under way at a time, default 8. The number in
	// use adapts below it to what the network bears.
	MaxInFlight int
	// QueueBytes bounds the memory of accepted and unfinished inputs of one kind, default 64 MiB.
	QueueBytes int
	// MinLinger is how long the first input of an idle submitter waits for company, default 2 ms.
	MinLinger time.Duration
	// MaxLinger is how long an input waits for its batch to fill when all but one of MaxInFlight
	// transactions are under way, default 250 ms; with fewer under way it waits proportionally less.
	MaxLinger time.Duration
	// TargetLatency is the time from endorsement to commit above which fewer transactions are put
	// under way, default 3 s.
	TargetLatency time.Duration
	// RetryFor is how long a batch is tried again while the network does not take it, default 60 s.
	RetryFor time.Duration
	// ResolveFor is how long an unknown outcome is resolved before it is reported as such, default 2 min.
	ResolveFor time.Duration
	// DrainFor is how long shutting down waits for accepted inputs, default 20 s.
	DrainFor time.Duration
	// FailWhenBusy answers ErrBusy when the queue is full, instead of waiting for room.
	FailWhenBusy bool
	// Hooks observe the submitter.
	Hooks Hooks
}

// Hooks observe the submitter, for metrics and logs. Each may be nil, is called from the
// submitter's goroutines and must return at once.
type Hooks struct {
	// Transaction is called when a transaction has ended one way or the other.
	Transaction func(Transaction)
	// Queue is called when the inputs waiting of a kind change: how many wait, how many are under way.
	Queue func(kind Kind, waiting, inFlight int)
	// Retry is called when a batch is tried again.
	Retry func(kind Kind, inputs int, cause error)
}

// Kind is what an input is.
type Kind string

// The kinds.
const (
	KindEvent   Kind = "event"
	KindDevice  Kind = "device"
	KindSegment Kind = "segment"
	KindPolicy  Kind = "policy"
	KindVerdict Kind = "verdict"
	KindRoot    Kind = "root"
	KindMaster  Kind = "masterdata"
	KindReview  Kind = "review"
	KindElement Kind = "element"

	KindCredits      Kind = "credits"
	KindCreditMotion Kind = "credit_motion"
	KindChunk        Kind = "chunk"
	KindDataset      Kind = "dataset"
	KindModel        Kind = "model"
	KindEvaluation   Kind = "evaluation"
	KindModelMotion  Kind = "model_motion"
)

// Transaction is one transaction as the submitter saw it.
type Transaction struct {
	Kind     Kind
	TxID     string // empty if it was never endorsed
	Inputs   int
	Bytes    int           // of the argument
	Endorse  time.Duration // spent on endorsement
	Total    time.Duration // from the start of endorsement to the end
	Ordered  bool          // false if there was nothing to write
	Block    uint64
	Err      error
	Attempts int
}

func (c Config) withDefaults() Config {
	number := func(v *int, d, most int) {
		if *v <= 0 {
			*v = d
		}
		if most > 0 && *v > most {
			*v = most
		}
	}
	span := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	number(&c.MaxBatch, 1_000, 0)
	number(&c.MaxBytes, 2<<20, ledger.MaxBatchBytes)
	number(&c.MaxItems, 4_000, ledger.MaxBatchItems)
	number(&c.MaxInFlight, 8, 256)
	number(&c.QueueBytes, 64<<20, 0)
	if least := 4 * (ledger.MaxEventBytes + itemOverhead); c.QueueBytes < least {
		c.QueueBytes = least
	}
	span(&c.MinLinger, 2*time.Millisecond)
	span(&c.MaxLinger, 250*time.Millisecond)
	span(&c.TargetLatency, 3*time.Second)
	span(&c.RetryFor, time.Minute)
	span(&c.ResolveFor, 2*time.Minute)
	span(&c.DrainFor, 20*time.Second)
	return c
}
