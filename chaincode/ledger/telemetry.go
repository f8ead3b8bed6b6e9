package ledger

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/waybill-dev/waybill/epcis"
)

// CheckDevice holds that a device can be registered: its id is a GIAI and canonical, its key is one.
func CheckDevice(d Device) error {
	if err := checkCanonical("device id", d.ID); err != nil {
		return err
	}
	if epcis.KindOf(d.ID) != epcis.KindGIAI {
		return refuse(ErrMalformed, "a device is named by a GIAI, %s is none", d.ID)
	}
	_, err := d.key()
	return err
}

// Digest names the device's key: SHA-256 of its PKIX DER.
func (d Device) Digest() Digest { return sha256.Sum256(d.PublicKey) }

// DecideDevice decides on the registration of a device that CheckDevice passed; recorded is the
// device of that id, nil if none. The device that it gives is to be written when its status is
// StatusRecorded; else it is the recorded one.
func DecideDevice(d Device, recorded *Device, tx Tx) (Device, Status, error) {
	if recorded == nil {
		d.Owner, d.RegisteredAt, d.TxID = tx.Actor.MSPID, tx.Time, tx.ID
		return d, StatusRecorded, nil
	}
	if recorded.Owner != tx.Actor.MSPID {
		return Device{}, 0, refuse(ErrConflict, "device %s belongs to %s", d.ID, recorded.Owner)
	}
	if recorded.Algorithm != d.Algorithm || !bytes.Equal(recorded.PublicKey, d.PublicKey) {
		return Device{}, 0, refuse(ErrConflict, "device %s is registered with another key; register the new key under a new id", d.ID)
	}
	return *recorded, StatusDuplicate, nil
}

// checkCanonical holds that an identifier is spelled as the ledger's keys spell it.
func checkCanonical(what, id string) error {
	if len(id) > MaxIdentifierBytes {
		return refuse(ErrTooLarge, "%s of %d bytes, at most %d are allowed", what, len(id), MaxIdentifierBytes)
	}
	canonical, err := epcis.CanonicalEPC(id)
	if err != nil {
		return refuse(ErrSchema, "%s: %v", what, err)
	}
	if canonical != id {
		return refuse(ErrSchema, "%s %s is not canonical; write %s", what, id, canonical)
	}
	return nil
}

// SegmentInput is one segment to record, decoded.
type SegmentInput struct {
	Segment Segment
	Digest  Digest // SHA-256 of the payload
}

// SegmentView is what the ledger holds that bears on a segment.
type SegmentView struct {
	Recorded *SegmentRecord // of the same device and sequence number, if any
	Previous *SegmentRecord // of the device and the sequence number before, if any
}

// CheckSender holds that a device is registered, belongs to the transaction's organisation and signed
// the payload.
func CheckSender(id string, device *Device, payload, signature []byte, tx Tx) error {
	if device == nil {
		return refuse(ErrDevice, "register %s first", id)
	}
	if device.Owner != tx.Actor.MSPID {
		return refuse(ErrUnauthorised, "device %s belongs to %s, not to %s", id, device.Owner, tx.Actor.MSPID)
	}
	return device.Verify(payload, signature)
}

// DecideSegment decides on a segment whose sender was checked; position is where its payload will
// lie in the transaction's pack. The record is to be written when the status is StatusRecorded; else
// it is the recorded one.
func DecideSegment(in SegmentInput, view SegmentView, tx Tx, position int) (SegmentRecord, Status, error) {
	s := in.Segment
	if view.Recorded != nil {
		if view.Recorded.Digest != in.Digest {
			return SegmentRecord{}, 0, refuse(ErrReplay, "segment %d of %s is %s", s.Seq, s.Device, view.Recorded.Digest)
		}
		return *view.Recorded, StatusDuplicate, nil
	}
	if err := CheckSegment(s, tx.Time); err != nil {
		return SegmentRecord{}, 0, err
	}
	from, to := s.Times[0], s.Times[len(s.Times)-1]
	switch {
	case s.Seq == 0:
		if !s.Previous.IsZero() {
			return SegmentRecord{}, 0, refuse(ErrChain, "the first segment of %s names a segment before it", s.Device)
		}
	case view.Previous == nil:
		return SegmentRecord{}, 0, refuse(ErrGap, "segment %d of %s was not recorded; send it before segment %d", s.Seq-1, s.Device, s.Seq)
	case view.Previous.Digest != s.Previous:
		return SegmentRecord{}, 0, refuse(ErrChain, "segment %d of %s is %s, segment %d names %s", s.Seq-1, s.Device, view.Previous.Digest, s.Seq, s.Previous)
	case from <= view.Previous.To:
		return SegmentRecord{}, 0, refuse(ErrOrder, "segment %d of %s ends at %s, segment %d begins at %s", s.Seq-1, s.Device, stamp(view.Previous.To), s.Seq, stamp(from))
	}
	return SegmentRecord{
		TxID: tx.ID, Index: position, Digest: in.Digest, From: from, To: to, Count: len(s.Times),
		MSPID: tx.Actor.MSPID, RecordedAt: tx.Time,
	}, StatusRecorded, nil
}

// CheckSegment holds what can be said of a segment by itself: readings in ascending order, no
// earlier than EarliestTime and no later than the transaction, known quantities, values that a
// sensor can give.
func CheckSegment(s Segment, tx Millis) error {
	if len(s.Times) == 0 || len(s.Channels) == 0 {
		return refuse(ErrMalformed, "a segment without readings")
	}
	if n := len(s.Times) * len(s.Channels); n > MaxSegmentReadings {
		return refuse(ErrTooLarge, "a segment of %d readings, at most %d are allowed", n, MaxSegmentReadings)
	}
	if err := checkCanonical("device id", s.Device); err != nil {
		return err
	}
	for i := 1; i < len(s.Times); i++ {
		if s.Times[i] <= s.Times[i-1] {
			return refuse(ErrSchema, "reading %d is not later than reading %d", i, i-1)
		}
	}
	for _, at := range []Millis{s.Times[0], s.Times[len(s.Times)-1]} {
		if err := CheckReadingTime(at, tx); err != nil {
			return err
		}
	}
	for i, c := range s.Channels {
		if i > 0 && c.Quantity <= s.Channels[i-1].Quantity {
			return refuse(ErrSchema, "channels must ascend by quantity, once each")
		}
		if len(c.Values) != len(s.Times) {
			return refuse(ErrSchema, "%d values for %d times", len(c.Values), len(s.Times))
		}
		for j, v := range c.Values {
			if err := c.Quantity.CheckValue(v); err != nil {
				return fmt.Errorf("%w (reading %d)", err, j)
			}
		}
	}
	return nil
}

// CheckReadingTime holds that a reading's time is no earlier than EarliestTime and no later than the
// transaction, give or take MaxSkew.
func CheckReadingTime(at, tx Millis) error {
	if at < EarliestTime {
		return refuse(ErrSchema, "a reading at %s; set the device's clock", stamp(at))
	}
	return checkNotFuture("a reading", at, tx)
}

// CheckValue holds that a value is within the quantity's Bounds; a door is shut or open.
func (q Quantity) CheckValue(v int32) error {
	low, high, ok := q.Bounds()
	if !ok {
		return refuse(ErrSchema, "unknown quantity %d", q)
	}
	if v < low || v > high || q == Door && v != low && v != high {
		return refuse(ErrSchema, "%s %d is out of range, %d to %d in thousandths", q, v, low, high)
	}
	return nil
}

// String names the quantity in lower case.
func (q Quantity) String() string {
	switch q {
	case Temperature:
		return "temperature"
	case RelativeHumidity:
		return "relative humidity"
	case Shock:
		return "shock"
	case Light:
		return "light"
	case Door:
		return "door"
	default:
		return "unknown"
	}
}

// Bounds gives the least and the greatest plausible value of a quantity, in its unit: what a sensor
// of supply chains can measure at all, from liquid nitrogen to an oven. ok is false for an unknown
// quantity.
func (q Quantity) Bounds() (low, high int32, ok bool) {
	switch q {
	case Temperature:
		return -273_150, 300_000, true
	case RelativeHumidity:
		return 0, 100_000, true
	case Shock:
		return -1_000_000, 1_000_000, true
	case Light:
		return 0, 200_000_000, true
	case Door:
		return 0, 1_000, true
	default:
		return 0, 0, false
	}
}
