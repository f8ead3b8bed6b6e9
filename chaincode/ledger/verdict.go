package ledger

import (
	"slices"
	"strconv"
	"strings"
)

// million is 1 in millionths.
const million = 1_000_000

// CheckVerdict holds what can be said of a verdict by itself: identifiers in canonical form, a score
// and p-value between 0 and 1, contributions that sum to the score, a reason for every level above
// clear, evidence, and digests of trace and inputs.
func CheckVerdict(v Verdict) error {
	if err := checkCanonical("shipment", v.Shipment); err != nil {
		return err
	}
	if id, digest, ok := strings.Cut(v.Model, "@"); !ok || id == "" || digest == "" || len(v.Model) > MaxModelBytes || !printable(v.Model) {
		return refuse(ErrSchema, "model %q is not of the form id@digest", v.Model)
	}
	switch {
	case v.Level < Clear || v.Level > Quarantine:
		return refuse(ErrSchema, "level %d", v.Level)
	case v.Score < 0 || v.Score > million:
		return refuse(ErrSchema, "score %d; scores are from 0 to 1,000,000 millionths", v.Score)
	case v.PValue < 0 || v.PValue > million:
		return refuse(ErrSchema, "p-value %d; p-values are from 0 to 1,000,000 millionths", v.PValue)
	case v.From > v.To:
		return refuse(ErrSchema, "the window ends at %s before it begins at %s", stamp(v.To), stamp(v.From))
	case v.Trace.IsZero() || v.Inputs.IsZero():
		return refuse(ErrSchema, "the digest of the trace or of the inputs is missing")
	case len(v.Reasons) > MaxVerdictReasons || len(v.Events) > MaxVerdictEvents || len(v.Segments) > MaxVerdictSegments:
		return refuse(ErrTooLarge, "%d reasons, %d events and %d segment ranges; at most %d, %d and %d are allowed",
			len(v.Reasons), len(v.Events), len(v.Segments), MaxVerdictReasons, MaxVerdictEvents, MaxVerdictSegments)
	case v.size() > MaxVerdictBytes:
		return refuse(ErrTooLarge, "a verdict of about %d bytes, at most %d are allowed", v.size(), MaxVerdictBytes)
	case len(v.Events)+len(v.Segments) == 0:
		return refuse(ErrSchema, "a verdict without evidence")
	case v.Level != Clear && len(v.Reasons) == 0:
		return refuse(ErrSchema, "a verdict of %s without a reason", v.Level)
	}
	if err := checkReasons(v); err != nil {
		return err
	}
	if err := checkCalibration(v); err != nil {
		return err
	}
	for _, s := range v.Segments {
		if s.First > s.Last || s.Digest.IsZero() {
			return refuse(ErrSchema, "segments %d to %d of %s", s.First, s.Last, s.Device)
		}
		if err := checkCanonical("device id", s.Device); err != nil {
			return err
		}
	}
	_, _, err := v.PolicyVersion()
	return err
}

// size is about what the verdict takes when it is stored.
func (v Verdict) size() int {
	const number = 9 // the most that an integer takes
	n := len(v.Shipment) + len(v.Model) + len(v.Policy) + len(v.Stratum) + len(v.Lane) + 11*number + (2+len(v.Events))*len(Digest{})
	for _, r := range v.Reasons {
		n += len(r.Code) + len(r.Detail) + len(r.Counterfactual) + 4*number
	}
	for _, s := range v.Segments {
		n += len(s.Device) + len(s.Digest) + 2*number
	}
	return n
}

// checkCalibration holds that a p-value says what it rests on: an honest one is never below what so
// many references resolve.
func checkCalibration(v Verdict) error {
	switch {
	case len(v.Lane) > MaxLaneBytes || v.Lane != "" && !printable(v.Lane):
		return refuse(ErrSchema, "a lane is of at most %d printable characters", MaxLaneBytes)
	case len(v.Stratum) > MaxStratumBytes || v.Stratum != "" && !printable(v.Stratum):
		return refuse(ErrSchema, "a stratum is of at most %d printable characters", MaxStratumBytes)
	case v.Stratum == "" && (v.References != 0 || v.Tail):
		return refuse(ErrSchema, "references without a stratum")
	case v.Stratum != "" && (v.References == 0 || v.PValue == 0):
		return refuse(ErrSchema, "a stratum without references or p-value")
	case v.Stratum != "" && !v.Tail && v.PValue*(int64(v.References)+1) < million:
		return refuse(ErrSchema, "a p-value of %d millionths is less than %d references can tell", v.PValue, v.References)
	}
	return nil
}

func checkReasons(v Verdict) error {
	var sum int64
	for _, r := range v.Reasons {
		switch {
		case len(r.Counterfactual) > MaxReasonTextBytes:
			return refuse(ErrTooLarge, "a reason's counterfactual of %d bytes, at most %d are allowed", len(r.Counterfactual), MaxReasonTextBytes)
		case r.Count < 0:
			return refuse(ErrSchema, "reason %s rests on %d readings", r.Code, r.Count)
		case r.Code == "" || len(r.Code) > MaxReasonCodeBytes || !printable(r.Code):
			return refuse(ErrSchema, "a reason's code is of 1 to %d printable characters", MaxReasonCodeBytes)
		case len(r.Detail) > MaxReasonTextBytes:
			return refuse(ErrTooLarge, "a reason's detail of %d bytes, at most %d are allowed", len(r.Detail), MaxReasonTextBytes)
		case r.Contribution > MaxContributionsAbs || r.Contribution < -MaxContributionsAbs:
			return refuse(ErrSchema, "a contribution of %d millionths", r.Contribution)
		case r.From > r.To:
			return refuse(ErrSchema, "reason %s ends before it begins", r.Code)
		}
		sum += r.Contribution
	}
	if sum != v.Score {
		return refuse(ErrSchema, "the contributions of the reasons sum to %d, the score is %d", sum, v.Score)
	}
	return nil
}

// PolicyVersion reads the verdict's policy, "id/version"; the id is empty when it names none.
func (v Verdict) PolicyVersion() (id string, version uint32, err error) {
	if v.Policy == "" {
		return "", 0, nil
	}
	id, digits, _ := strings.Cut(v.Policy, "/")
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != digits || !plainName(id, MaxPolicyIDBytes) {
		return "", 0, refuse(ErrSchema, "policy %q is not of the form id/version", v.Policy)
	}
	return id, uint32(n), nil
}

// Ledger answers what a verdict's evidence needs to be checked.
type Ledger interface {
	// HasEvent reports whether the event is recorded.
	HasEvent(hash Digest) (bool, error)
	// SegmentOf gives a segment's record, nil if there is none.
	SegmentOf(device string, seq uint64) (*SegmentRecord, error)
	// HasPolicy reports whether the version of the policy is set.
	HasPolicy(id string, version uint32) (bool, error)
}

// CheckEvidence holds that all that a verdict rests on is recorded.
func CheckEvidence(v Verdict, l Ledger) error {
	for _, hash := range v.Events {
		if ok, err := l.HasEvent(hash); err != nil {
			return err
		} else if !ok {
			return refuse(ErrUnknown, "event %s is evidence and not recorded", hash)
		}
	}
	for _, s := range v.Segments {
		record, err := l.SegmentOf(s.Device, s.Last)
		if err != nil {
			return err
		}
		if record == nil {
			return refuse(ErrUnknown, "segment %d of %s is evidence and not recorded", s.Last, s.Device)
		}
		if record.Digest != s.Digest {
			return refuse(ErrConflict, "segment %d of %s is %s, the verdict says %s", s.Last, s.Device, record.Digest, s.Digest)
		}
	}
	id, version, err := v.PolicyVersion()
	if err != nil || id == "" {
		return err
	}
	if ok, err := l.HasPolicy(id, version); err != nil {
		return err
	} else if !ok {
		return refuse(ErrUnknown, "policy %s is not set", v.Policy)
	}
	return nil
}

// Stated gives the verdict without what the contract sets.
func (v Verdict) Stated() Verdict {
	v.Scorer, v.TxID, v.At = "", "", 0
	return v
}

// DecideVerdict decides on a verdict that CheckVerdict and CheckEvidence passed; recorded is the
// verdict under its key, nil if none. The verdict that it gives is to be written when its status is
// StatusRecorded; else it is the recorded one.
func DecideVerdict(v Verdict, recorded *Verdict, tx Tx) (Verdict, Status, error) {
	if recorded == nil {
		v.Scorer, v.TxID, v.At = tx.Actor.MSPID, tx.ID, tx.Time
		return v, StatusRecorded, nil
	}
	if !sameVerdict(*recorded, v) {
		return Verdict{}, 0, refuse(ErrConflict, "the verdict of %s on window %d of %s is recorded otherwise by %s", v.Model, v.Window, v.Shipment, recorded.Scorer)
	}
	return *recorded, StatusDuplicate, nil
}

// sameVerdict compares what the scorer states.
func sameVerdict(a, b Verdict) bool {
	return a.Shipment == b.Shipment && a.Window == b.Window && a.Final == b.Final && a.Model == b.Model &&
		a.Level == b.Level && a.Score == b.Score && a.PValue == b.PValue && a.From == b.From && a.To == b.To &&
		slices.Equal(a.Reasons, b.Reasons) && slices.Equal(a.Events, b.Events) && slices.Equal(a.Segments, b.Segments) &&
		a.Policy == b.Policy && a.Trace == b.Trace && a.Inputs == b.Inputs &&
		a.Stratum == b.Stratum && a.References == b.References && a.Tail == b.Tail && a.Lane == b.Lane
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
