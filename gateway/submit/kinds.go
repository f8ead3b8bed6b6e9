package submit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// kind is what a lane must know of its inputs.
type kind[T any] struct {
	name     Kind
	function string
	maxBatch int // the contract's own limit
	encode   func([]T) ([]byte, error)
	// keys are what an input must not share with another transaction under way.
	keys func(T) []string
	// size is the input's share of a transaction's argument, bytes.
	size func(T) int
	// weight is the input's share of what else the contract bounds in a batch, maxWeight that bound.
	// The contract refuses what exceeds it, input by input, so a batch must not.
	weight    func(T, []string) int
	maxWeight int
	// prompt kinds are held to clocks so near that a proposal which waited for its endorsers may be late: it is made anew.
	prompt bool
	// early reports whether a peer that is some blocks behind may refuse an input by that code, which the others take: what
	// it rests on was approved, voted for or bonded just before.
	early func(T, string) bool
	// check refuses what would make the contract refuse the whole batch.
	check func(T) error
}

// by is an early for whatever input.
func by[T any](codes ...string) func(T, string) bool {
	return func(_ T, code string) bool { return slices.Contains(codes, code) }
}

func events(maxItems int) kind[Event] {
	return kind[Event]{
		name: KindEvent, function: wire.FnRecordEvents, maxBatch: ledger.MaxBatchEvents,
		weight: func(_ Event, keys []string) int { return len(keys) }, maxWeight: maxItems,
		encode: func(batch []Event) ([]byte, error) {
			entries := make([]wire.EventEntry, len(batch))
			for i, e := range batch {
				entries[i] = e.EventEntry
			}
			return wire.EncodeEventBatch(entries)
		},
		keys: func(e Event) []string {
			if e.Keys != nil {
				return e.Keys
			}
			parsed, err := epcis.ParseEvent(e.Context, e.Body)
			if err != nil {
				return nil // the contract refuses it and touches nothing
			}
			return KeysOf(parsed, parsed.Hash())
		},
		size: func(e Event) int { return len(e.Body) + len(e.Context) },
		check: func(e Event) error {
			if len(e.Body) > ledger.MaxEventBytes || len(e.Context) > ledger.MaxContextBytes {
				return fmt.Errorf("%w: an event of %d bytes (at most %d) under a context of %d (at most %d)", ledger.ErrTooLarge,
					len(e.Body), ledger.MaxEventBytes, len(e.Context), ledger.MaxContextBytes)
			}
			return nil
		},
	}
}

// KeysOf lists what recording the event of that hash reads and writes: its items, lots, transformation, its hash and its
// eventID. Two events that share a key are never in two transactions at once.
func KeysOf(e *epcis.Event, hash epcis.Hash) []string {
	items := e.Items()
	keys := make([]string, 0, len(items)+2)
	keys = append(keys, "hash "+hash.String())
	if e.EventID != "" {
		keys = append(keys, "id "+e.EventID)
	}
	if e.TransformationID != "" { // what goes through it may have an account
		keys = append(keys, "run "+ledger.CanonicalPlace(e.TransformationID))
	}
	for _, item := range items {
		switch {
		case !item.Class:
			keys = append(keys, "item "+item.Canonical)
		case item.Quantity != "" && strings.Contains(item.Canonical, "/10/"): // a lot may have accounts; other classes have no state
			keys = append(keys, "lot "+item.Canonical)
		}
	}
	return keys
}

func devices() kind[ledger.Device] {
	return kind[ledger.Device]{
		name: KindDevice, function: wire.FnRegisterDevices, maxBatch: ledger.MaxBatchDevices,
		encode: func(batch []ledger.Device) ([]byte, error) { return wire.Encode(wire.DeviceBatch{Devices: batch}) },
		keys:   func(d ledger.Device) []string { return []string{d.ID} },
		size:   func(d ledger.Device) int { return len(d.ID) + len(d.PublicKey) + len(d.Owner) + 64 },
	}
}

func segments() kind[Segment] {
	return kind[Segment]{
		name: KindSegment, function: wire.FnRecordSegments, maxBatch: ledger.MaxBatchSegments,
		encode: func(batch []Segment) ([]byte, error) {
			signed := make([]wire.SignedSegment, len(batch))
			for i, s := range batch {
				signed[i] = s.SignedSegment
			}
			return wire.Encode(wire.SegmentBatch{Segments: signed})
		},
		keys: func(s Segment) []string { return []string{s.Device} },
		weight: func(s Segment, _ []string) int {
			readings, err := wire.SegmentReadings(s.Payload)
			if err != nil {
				return 0 // the contract refuses it
			}
			return readings
		},
		maxWeight: ledger.MaxBatchReadings,
		size:      func(s Segment) int { return len(s.Payload) + len(s.Signature) + 16 },
		check: func(s Segment) error {
			if len(s.Payload) > ledger.MaxSegmentBytes || len(s.Signature) > ledger.MaxSignatureBytes {
				return fmt.Errorf("%w: a segment of %d bytes (at most %d), signature of %d (at most %d)", ledger.ErrTooLarge,
					len(s.Payload), ledger.MaxSegmentBytes, len(s.Signature), ledger.MaxSignatureBytes)
			}
			return nil
		},
	}
}

func policies() kind[ledger.Policy] {
	return kind[ledger.Policy]{
		name: KindPolicy, function: wire.FnSetPolicies, maxBatch: ledger.MaxBatchPolicies,
		encode: func(batch []ledger.Policy) ([]byte, error) { return wire.Encode(wire.PolicyBatch{Policies: batch}) },
		keys: func(p ledger.Policy) []string {
			keys := []string{"policy " + p.ID}
			for _, product := range p.Products {
				keys = append(keys, "product "+product)
			}
			return keys
		},
		size: func(p ledger.Policy) int {
			n := len(p.ID) + 256
			for _, product := range p.Products {
				n += len(product) + 8
			}
			return n
		},
		check: func(p ledger.Policy) error {
			if len(p.Products) > ledger.MaxPolicyProducts {
				return fmt.Errorf("%w: a policy of %d products, at most %d are allowed", ledger.ErrTooLarge, len(p.Products), ledger.MaxPolicyProducts)
			}
			return nil
		},
	}
}

func roots() kind[wire.SignedRoot] {
	return kind[wire.SignedRoot]{
		name: KindRoot, function: wire.FnAnchorRoots, maxBatch: ledger.MaxBatchRoots,
		encode: func(batch []wire.SignedRoot) ([]byte, error) { return wire.Encode(wire.RootBatch{Roots: batch}) },
		// They are all of one organisation and change its last root.
		keys: func(wire.SignedRoot) []string { return []string{"root"} },
		size: func(r wire.SignedRoot) int { return len(r.Root.Channel) + len(r.Signed.Signature) + 192 },
	}
}

func verdicts() kind[ledger.Verdict] {
	return kind[ledger.Verdict]{
		name: KindVerdict, function: wire.FnRecordVerdicts, maxBatch: ledger.MaxBatchVerdicts,
		encode: func(batch []ledger.Verdict) ([]byte, error) { return wire.Encode(wire.VerdictBatch{Verdicts: batch}) },
		early:  by[ledger.Verdict](ledger.CodeModelBlocked),
		keys: func(v ledger.Verdict) []string {
			return []string{fmt.Sprintf("%s %d %s", v.Shipment, v.Window, v.Model)}
		},
		size: verdictSize,
		check: func(v ledger.Verdict) error {
			if n := verdictSize(v); n > ledger.MaxVerdictBytes+1024 {
				return fmt.Errorf("%w: a verdict of about %d bytes, at most %d are allowed", ledger.ErrTooLarge, n, ledger.MaxVerdictBytes)
			}
			return nil
		},
	}
}

// masterData goes one transaction at a time: a datum rests on those before it.
func masterData() kind[ledger.MasterDatum] {
	return kind[ledger.MasterDatum]{
		name: KindMaster, function: wire.FnRegisterMaster, maxBatch: ledger.MaxBatchMaster,
		encode: func(batch []ledger.MasterDatum) ([]byte, error) { return wire.Encode(wire.MasterBatch{Data: batch}) },
		early:  by[ledger.MasterDatum](ledger.CodeKeepers),
		keys:   func(ledger.MasterDatum) []string { return []string{"masterdata"} },
		size: func(m ledger.MasterDatum) int {
			n := 256
			for _, part := range m.ID() {
				n += len(part)
			}
			if m.Place != nil {
				for _, s := range slices.Concat(m.Place.Operators, m.Place.Steps) {
					n += len(s) + 4
				}
			}
			if m.Rules != nil {
				for _, s := range m.Rules.Keepers {
					n += len(s) + 4
				}
			}
			return n
		},
		check: func(m ledger.MasterDatum) error {
			if m.Place != nil && len(m.Place.Operators)+len(m.Place.Steps) > ledger.MaxPlaceOperators+ledger.MaxPlaceSteps ||
				m.Rules != nil && len(m.Rules.Keepers) > ledger.MaxRulesKeepers {
				return fmt.Errorf("%w: a place or rules with too many organisations or business steps", ledger.ErrTooLarge)
			}
			return nil
		},
	}
}

// elements are vocabulary elements of master data. Two statements on one are never in two transactions at once.
func elements() kind[wire.ElementEntry] {
	return kind[wire.ElementEntry]{
		name: KindElement, function: wire.FnRecordElements, maxBatch: ledger.MaxBatchElements,
		encode: wire.EncodeElementBatch,
		keys:   func(e wire.ElementEntry) []string { return []string{e.Type + " " + e.ID} },
		size:   func(e wire.ElementEntry) int { return len(e.Body) + len(e.Context) },
		check: func(e wire.ElementEntry) error {
			if len(e.Body) > ledger.MaxElementBytes || len(e.Context) > ledger.MaxContextBytes {
				return fmt.Errorf("%w: a vocabulary element of %d bytes (at most %d) under a context of %d (at most %d)", ledger.ErrTooLarge,
					len(e.Body), ledger.MaxElementBytes, len(e.Context), ledger.MaxContextBytes)
			}
			return nil
		},
	}
}

func reviews() kind[wire.ReviewSubject] {
	return kind[wire.ReviewSubject]{
		name: KindReview, function: wire.FnReview, maxBatch: ledger.MaxBatchReviews,
		encode: func(batch []wire.ReviewSubject) ([]byte, error) {
			return wire.Encode(wire.ReviewBatch{Subjects: batch})
		},
		keys: func(s wire.ReviewSubject) []string {
			if s.Item == "" {
				return []string{"event " + s.Event.String()}
			}
			return []string{"item " + s.Item}
		},
		weight: func(s wire.ReviewSubject, _ []string) int {
			if s.Item == "" {
				return 1
			}
			return 0
		},
		maxWeight: ledger.MaxReviewEvents,
		size:      func(s wire.ReviewSubject) int { return len(s.Item) + 48 },
	}
}

func verdictSize(v ledger.Verdict) int {
	n := 256 + len(v.Shipment) + len(v.Model) + len(v.Policy) + 34*len(v.Events)
	for _, r := range v.Reasons {
		n += len(r.Code) + len(r.Detail) + 32
	}
	for _, s := range v.Segments {
		n += len(s.Device) + 56
	}
	return n
}
