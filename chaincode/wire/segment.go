package wire

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// A segment is encoded as
//
//	"WBS" 0x01 | device | seq | previous digest (32 bytes) | count | times | channels | channel…
//
// with unsigned varints (encoding/binary) for numbers, the device as its length and bytes, and each
// channel as its quantity (one byte, ascending) and its values. Times and values are series:
//
//	first value (zigzag varint) | step | token…
//
// where step is the greatest common divisor of the differences between neighbours (0 if all are 0
// or there are none), and a token stands for differences in units of step: an even token t is one
// difference, zigzag t/2; an odd token t is a run of t/2 equal differences, whose zigzag follows.
// Runs are as long as they can be and used from three differences on, so a segment has exactly one
// encoding; a regular time grid takes about ten bytes whatever its length.
const segmentMagic = "WBS\x01"

const (
	minRun      = 3
	maxChannels = 16
	maxTime     = ledger.Millis(1) << 52 // bounds differences, so that no arithmetic overflows
)

// EncodeSegment gives the bytes that a device signs.
func EncodeSegment(s ledger.Segment) ([]byte, error) {
	n := len(s.Times)
	switch {
	case n == 0 || len(s.Channels) == 0:
		return nil, fmt.Errorf("%w: a segment without readings", ledger.ErrMalformed)
	case len(s.Channels) > maxChannels || n*len(s.Channels) > ledger.MaxSegmentReadings:
		return nil, fmt.Errorf("%w: a segment of %d times and %d channels, at most %d readings are allowed",
			ledger.ErrTooLarge, n, len(s.Channels), ledger.MaxSegmentReadings)
	case s.Device == "" || !utf8.ValidString(s.Device):
		return nil, fmt.Errorf("%w: a segment without a device", ledger.ErrMalformed)
	case len(s.Device) > ledger.MaxIdentifierBytes:
		return nil, fmt.Errorf("%w: a device id of %d bytes", ledger.ErrTooLarge, len(s.Device))
	}
	b := make([]byte, 0, len(segmentMagic)+len(s.Device)+64+2*n*len(s.Channels))
	b = append(b, segmentMagic...)
	b = binary.AppendUvarint(b, uint64(len(s.Device)))
	b = append(b, s.Device...)
	b = binary.AppendUvarint(b, s.Seq)
	b = append(b, s.Previous[:]...)
	b = binary.AppendUvarint(b, uint64(n))
	for i, t := range s.Times {
		if t < -maxTime || t > maxTime {
			return nil, fmt.Errorf("%w: time %d is out of range", ledger.ErrMalformed, t)
		}
		if i > 0 && t <= s.Times[i-1] {
			return nil, fmt.Errorf("%w: times must ascend", ledger.ErrMalformed)
		}
	}
	b = appendSeries(b, s.Times)
	b = binary.AppendUvarint(b, uint64(len(s.Channels)))
	for i, c := range s.Channels {
		if i > 0 && c.Quantity <= s.Channels[i-1].Quantity {
			return nil, fmt.Errorf("%w: channels must ascend by quantity", ledger.ErrMalformed)
		}
		if len(c.Values) != n {
			return nil, fmt.Errorf("%w: %d values for %d times", ledger.ErrMalformed, len(c.Values), n)
		}
		b = append(b, byte(c.Quantity))
		b = appendSeries(b, c.Values)
	}
	if len(b) > ledger.MaxSegmentBytes {
		return nil, fmt.Errorf("%w: a segment of %d bytes, at most %d are allowed", ledger.ErrTooLarge, len(b), ledger.MaxSegmentBytes)
	}
	return b, nil
}

// DecodeSegment reads what EncodeSegment gave, and nothing else: every size is checked before
// memory is taken, and bytes that EncodeSegment would not have given are refused.
func DecodeSegment(payload []byte) (ledger.Segment, error) {
	if len(payload) > ledger.MaxSegmentBytes {
		return ledger.Segment{}, fmt.Errorf("%w: a segment of %d bytes, at most %d are allowed", ledger.ErrTooLarge, len(payload), ledger.MaxSegmentBytes)
	}
	d := segmentReader{rest: payload}
	s, err := d.segment()
	if err != nil {
		return ledger.Segment{}, err
	}
	if again, err := EncodeSegment(s); err != nil || !bytes.Equal(again, payload) {
		return ledger.Segment{}, fmt.Errorf("%w: not a segment's one encoding", ledger.ErrMalformed)
	}
	return s, nil
}

// SegmentHeader reads the front of a segment: device, sequence number, the digest of the segment
// before, and how many times it announces.
func SegmentHeader(payload []byte) (s ledger.Segment, times int, err error) {
	d := segmentReader{rest: payload}
	return d.header()
}

// SegmentReadings counts the readings of a segment, times × channels, without decoding them: what its
// front announces, where the rest may be malformed.
func SegmentReadings(payload []byte) (int, error) {
	d := segmentReader{rest: payload}
	_, times, err := d.header()
	if err != nil {
		return 0, err
	}
	if err = d.skipSeries(times); err != nil {
		return 0, err
	}
	channels, err := d.uvarint(maxChannels)
	return times * int(channels), err //nolint:gosec // both are bounded
}

// SegmentDigest names a segment: SHA-256 of its payload.
func SegmentDigest(payload []byte) ledger.Digest { return sha256.Sum256(payload) }

// SignSegment signs a payload with a device's private key: an ed25519.PrivateKey or an ECDSA key on
// P-256.
func SignSegment(signer crypto.Signer, payload []byte) ([]byte, error) {
	algorithm, err := ledger.AlgorithmOf(signer.Public())
	if err != nil {
		return nil, err
	}
	if algorithm == ledger.KeyEd25519 {
		return signer.Sign(rand.Reader, payload, crypto.Hash(0)) //nolint:forbidigo // a device signs, the contract never
	}
	digest := sha256.Sum256(payload)
	return signer.Sign(rand.Reader, digest[:], crypto.SHA256) //nolint:forbidigo // a device signs, the contract never
}

// appendSeries encodes a series; neighbours differ by less than 2^54.
func appendSeries[T ~int32 | ~int64](b []byte, values []T) []byte {
	b = binary.AppendVarint(b, int64(values[0]))
	var step uint64
	for i := 1; i < len(values) && step != 1; i++ {
		step = gcd(step, magnitude(int64(values[i])-int64(values[i-1])))
	}
	b = binary.AppendUvarint(b, step)
	divisor := int64(max(step, 1))
	for i := 1; i < len(values); {
		difference := int64(values[i]) - int64(values[i-1])
		run := 1
		for i+run < len(values) && int64(values[i+run])-int64(values[i+run-1]) == difference {
			run++
		}
		token := zigzag(difference / divisor)
		switch {
		case run >= minRun:
			b = binary.AppendUvarint(b, uint64(run)<<1|1)
			b = binary.AppendUvarint(b, token)
		default:
			for range run {
				b = binary.AppendUvarint(b, token<<1)
			}
		}
		i += run
	}
	return b
}

// segmentReader reads a payload from the front.
type segmentReader struct{ rest []byte }

var errSegment = fmt.Errorf("%w: a segment ends early or holds an impossible number", ledger.ErrMalformed)

func (d *segmentReader) uvarint(limit uint64) (uint64, error) {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 || v > limit {
		return 0, errSegment
	}
	d.rest = d.rest[n:]
	return v, nil
}

func (d *segmentReader) take(n uint64) ([]byte, error) {
	if n > uint64(len(d.rest)) {
		return nil, errSegment
	}
	taken := d.rest[:n]
	d.rest = d.rest[n:]
	return taken, nil
}

// header reads up to the number of times.
func (d *segmentReader) header() (s ledger.Segment, count int, err error) {
	magic, err := d.take(uint64(len(segmentMagic)))
	if err != nil || string(magic) != segmentMagic {
		return s, 0, fmt.Errorf("%w: not a segment of a version that this program reads", ledger.ErrMalformed)
	}
	n, err := d.uvarint(ledger.MaxIdentifierBytes)
	if err != nil {
		return s, 0, err
	}
	id, err := d.take(n)
	if err != nil {
		return s, 0, err
	}
	s.Device = string(id)
	if s.Seq, err = d.uvarint(math.MaxUint64); err != nil {
		return s, 0, err
	}
	previous, err := d.take(uint64(len(s.Previous)))
	if err != nil {
		return s, 0, err
	}
	copy(s.Previous[:], previous)
	times, err := d.uvarint(math.MaxUint32)
	if err != nil {
		return s, 0, err
	}
	if times > ledger.MaxSegmentReadings {
		return s, 0, fmt.Errorf("%w: a segment of %d times, at most %d readings are allowed", ledger.ErrTooLarge, times, ledger.MaxSegmentReadings)
	}
	return s, int(times), nil
}

func (d *segmentReader) segment() (ledger.Segment, error) {
	s, n, err := d.header()
	if err != nil {
		return s, err
	}
	if n == 0 {
		return s, errSegment
	}
	if s.Times, err = readSeries[ledger.Millis](d, n, -int64(maxTime), int64(maxTime)); err != nil {
		return s, err
	}
	channels, err := d.uvarint(maxChannels)
	if err != nil {
		return s, err
	}
	if n*int(channels) > ledger.MaxSegmentReadings { //nolint:gosec // both are small
		return s, fmt.Errorf("%w: a segment of %d times and %d channels, at most %d readings are allowed",
			ledger.ErrTooLarge, n, channels, ledger.MaxSegmentReadings)
	}
	for range channels {
		quantity, err := d.take(1)
		if err != nil {
			return s, err
		}
		values, err := readSeries[int32](d, n, math.MinInt32, math.MaxInt32)
		if err != nil {
			return s, err
		}
		s.Channels = append(s.Channels, ledger.Channel{Quantity: ledger.Quantity(quantity[0]), Values: values})
	}
	if len(d.rest) != 0 {
		return s, fmt.Errorf("%w: %d bytes after a segment", ledger.ErrMalformed, len(d.rest))
	}
	return s, nil
}

// readSeries reads n values between low and high.
func readSeries[T ~int32 | ~int64](d *segmentReader, n int, low, high int64) ([]T, error) {
	const limit = 1 << 56 // of a token: a zigzag difference and the run bit
	first, used := binary.Varint(d.rest)
	if used <= 0 || first < low || first > high {
		return nil, errSegment
	}
	d.rest = d.rest[used:]
	step, err := d.uvarint(limit)
	if err != nil {
		return nil, err
	}
	values := make([]T, 1, n)
	values[0] = T(first)
	last := first
	for len(values) < n {
		token, err := d.uvarint(limit)
		if err != nil {
			return nil, err
		}
		run, difference := uint64(1), token>>1
		if token&1 == 1 {
			run = token >> 1
			if difference, err = d.uvarint(limit); err != nil {
				return nil, err
			}
		}
		if run == 0 || run > uint64(n-len(values)) { //nolint:gosec // positive
			return nil, errSegment
		}
		add, ok := scaled(unzigzag(difference), step)
		if !ok {
			return nil, errSegment
		}
		for range run {
			last += add
			if last < low || last > high {
				return nil, errSegment
			}
			values = append(values, T(last))
		}
	}
	return values, nil
}

// skipSeries passes over n values.
func (d *segmentReader) skipSeries(n int) error {
	_, used := binary.Varint(d.rest)
	if used <= 0 {
		return errSegment
	}
	d.rest = d.rest[used:]
	if _, err := d.uvarint(math.MaxUint64); err != nil { // the step
		return err
	}
	for left := uint64(max(n-1, 0)); left > 0; {
		token, err := d.uvarint(math.MaxUint64)
		if err != nil {
			return err
		}
		run := uint64(1)
		if token&1 == 1 {
			run = token >> 1
			if _, err := d.uvarint(math.MaxUint64); err != nil {
				return err
			}
		}
		if run == 0 || run > left {
			return errSegment
		}
		left -= run
	}
	return nil
}

// scaled multiplies a difference by the step; ok is false where the product leaves ±2^54.
func scaled(difference int64, step uint64) (int64, bool) {
	const limit = 1 << 54
	if difference == 0 || step == 0 {
		return 0, true
	}
	if step > limit || magnitude(difference) > limit/step {
		return 0, false
	}
	return difference * int64(step), true
}

func zigzag(v int64) uint64 { return uint64(v<<1) ^ uint64(v>>63) } //nolint:gosec // the bits are meant

func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

func magnitude(v int64) uint64 {
	if v < 0 {
		return uint64(-v)
	}
	return uint64(v)
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
