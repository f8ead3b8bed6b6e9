package wire

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"sync"

	"github.com/fxamacker/cbor/v2"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Version is the first byte of every encoded value. A change of any encoding is a new version.
const Version = 1

// modes are the encoder and the decoder, made once and never changed.
type modes struct {
	enc cbor.EncMode
	dec cbor.DecMode
}

// codec makes the modes at first use. Bounds on arrays, maps and nesting are set above what the
// ledger's limits allow, far below what could exhaust memory.
var codec = sync.OnceValues(func() (modes, error) { //nolint:gochecknoglobals // immutable once made
	options := cbor.CoreDetEncOptions()
	options.TagsMd = cbor.TagsForbidden
	enc, err := options.EncMode()
	if err != nil {
		return modes{}, err
	}
	dec, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8RejectInvalid,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		MaxArrayElements:  1 << 14,
		MaxMapPairs:       1 << 7,
		MaxNestedLevels:   8,
		NaN:               cbor.NaNDecodeForbidden,
		Inf:               cbor.InfDecodeForbidden,
	}.DecMode()
	if err != nil {
		return modes{}, err
	}
	return modes{enc: enc, dec: dec}, nil
})

// message is a type with an encoding.
type message interface {
	EventBatch | Answers | DeviceBatch | SegmentBatch | PolicyBatch | VerdictBatch | Summary |
		RecordedEvent | StoredSegment | storedItem | ledger.ItemState |
		ledger.EventRecord | ledger.SegmentRecord | ledger.Device | ledger.Policy | ledger.Verdict |
		ledger.Finding | PolicyRef | EventClaim |
		RootBatch | rootStatement | ledger.Anchor | ledger.AnchorHead |
		MasterBatch | ReviewBatch | ledger.MasterDatum | ledger.Rulebook | ledger.Account |
		RecordedElement | ledger.ElementRecord |
		creditMessage | modelMessage | taskMessage
}

// Encode gives the one encoding of a value: the version byte and its CBOR.
func Encode[T message](v T) ([]byte, error) {
	m, err := codec()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteByte(Version)
	if err := m.enc.NewEncoder(&b).Encode(v); err != nil {
		return nil, fmt.Errorf("%w: %w", ledger.ErrMalformed, err)
	}
	return b.Bytes(), nil
}

// Decode reads a value of at most limit bytes. It refuses unknown versions and fields, and every
// spelling but the one that Encode gives.
func Decode[T message](data []byte, limit int) (T, error) {
	var v T
	if len(data) > limit {
		return v, fmt.Errorf("%w: %d bytes, at most %d are allowed", ledger.ErrTooLarge, len(data), limit)
	}
	if len(data) == 0 {
		return v, fmt.Errorf("%w: no bytes", ledger.ErrMalformed)
	}
	if data[0] != Version {
		return v, fmt.Errorf("%w: encoding version %d, this program reads version %d", ledger.ErrMalformed, data[0], Version)
	}
	m, err := codec()
	if err != nil {
		return v, err
	}
	if err = m.dec.Unmarshal(data[1:], &v); err != nil {
		var zero T
		return zero, fmt.Errorf("%w: %w", ledger.ErrMalformed, err)
	}
	again, err := Encode(v)
	if err != nil || !bytes.Equal(again, data) {
		var zero T
		return zero, fmt.Errorf("%w: not in the deterministic encoding", ledger.ErrMalformed)
	}
	return v, nil
}

// MaxStoredBytes bounds a stored value or an answer when it is read back.
const MaxStoredBytes = 32 << 20

// DecodeAnswers reads what a batched function returned.
func DecodeAnswers(data []byte) (Answers, error) { return Decode[Answers](data, MaxStoredBytes) }

// DecodeSummary reads the payload of a chaincode event.
func DecodeSummary(data []byte) (Summary, error) { return Decode[Summary](data, MaxStoredBytes) }

// bounded refuses a list that is empty or longer than the limit.
func bounded(what string, n, limit int) error {
	switch {
	case n == 0:
		return fmt.Errorf("%w: a batch without %s", ledger.ErrMalformed, what)
	case n > limit:
		return fmt.Errorf("%w: %d %s, at most %d are allowed", ledger.ErrTooLarge, n, what, limit)
	}
	return nil
}

// DecodeDeviceBatch reads the argument of RegisterDevices.
func DecodeDeviceBatch(data []byte) (DeviceBatch, error) {
	b, err := Decode[DeviceBatch](data, ledger.MaxArgumentBytes)
	if err == nil {
		err = bounded("devices", len(b.Devices), ledger.MaxBatchDevices)
	}
	return b, err
}

// DecodeSegmentBatch reads the argument of RecordSegments or a pack of segments.
func DecodeSegmentBatch(data []byte) (SegmentBatch, error) {
	b, err := Decode[SegmentBatch](data, ledger.MaxArgumentBytes)
	if err == nil {
		err = bounded("segments", len(b.Segments), ledger.MaxBatchSegments)
	}
	total := 0
	for _, s := range b.Segments {
		total += len(s.Payload)
	}
	if err == nil && total > ledger.MaxBatchBytes {
		err = fmt.Errorf("%w: %d bytes of segments, at most %d are allowed", ledger.ErrTooLarge, total, ledger.MaxBatchBytes)
	}
	return b, err
}

// DecodePolicyBatch reads the argument of SetPolicies.
func DecodePolicyBatch(data []byte) (PolicyBatch, error) {
	b, err := Decode[PolicyBatch](data, ledger.MaxArgumentBytes)
	if err == nil {
		err = bounded("policies", len(b.Policies), ledger.MaxBatchPolicies)
	}
	return b, err
}

// DecodeVerdictBatch reads the argument of RecordVerdicts.
func DecodeVerdictBatch(data []byte) (VerdictBatch, error) {
	b, err := Decode[VerdictBatch](data, ledger.MaxArgumentBytes)
	if err == nil {
		err = bounded("verdicts", len(b.Verdicts), ledger.MaxBatchVerdicts)
	}
	return b, err
}

// DecodeMasterBatch reads the argument of masterdata:Register.
func DecodeMasterBatch(data []byte) (MasterBatch, error) {
	b, err := Decode[MasterBatch](data, ledger.MaxArgumentBytes)
	if err == nil {
		err = bounded("master data", len(b.Data), ledger.MaxBatchMaster)
	}
	return b, err
}

// DecodeReviewBatch reads the argument of Review.
func DecodeReviewBatch(data []byte) (ReviewBatch, error) {
	b, err := Decode[ReviewBatch](data, ledger.MaxArgumentBytes)
	if err == nil {
		err = bounded("items and events", len(b.Subjects), ledger.MaxBatchReviews)
	}
	return b, err
}

// VerdictDigest names a verdict as its scorer states it: SHA-256 of its encoding without what the
// contract sets, so that equal statements of different organisations have one digest.
func VerdictDigest(v ledger.Verdict) (ledger.Digest, error) {
	data, err := Encode(v.Stated())
	if err != nil {
		return ledger.Digest{}, err
	}
	return sha256.Sum256(data), nil
}

// MasterDigest names a datum as its registrar states it.
func MasterDigest(m ledger.MasterDatum) (ledger.Digest, error) {
	data, err := Encode(m.Stated())
	if err != nil {
		return ledger.Digest{}, err
	}
	return sha256.Sum256(data), nil
}
