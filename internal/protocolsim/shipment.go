package protocolsim

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/state/statetest"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// apart is how long after the events the segments are recorded: more than clocks may differ.
const apart = ledger.Millis(15 * 60_000)

// readings of a segment, a minute apart: two segments make the two windows of a shipment.
const readings = 20

// goods records what all shipments may be exposed to.
func (w *World) goods() error {
	freeze := int32(-500)
	const hour = ledger.Millis(3_600_000)
	policy := ledger.Policy{
		ID: "refrigerated", Version: 1, Products: []string{ledger.AnyProduct}, Low: 2_000, High: 8_000, ExcursionLow: 0, ExcursionHigh: 15_000,
		ExcursionFor: 4 * hour, Grace: 5 * 60_000, MKTMax: 8_000, MKTOver: 24 * hour, FreezeBelow: &freeze, FreezeFor: hour,
	}
	argument, err := wire.Encode(wire.PolicyBatch{Policies: []ledger.Policy{policy}})
	if err == nil {
		_, err = recorded(w.submit("rootA", wire.FnSetPolicies, argument, 0))
	}
	return err
}

// each records so many shipments.
func (w *World) each(n int, shipment func(i int) error) error {
	for i := range n {
		if err := shipment(i); err != nil {
			return fmt.Errorf("shipment %d: %w", i, err)
		}
	}
	return nil
}

// shipment records a shipment with two windows, and events that can be said to be left out of them: one shortly before the
// journey, one that binds its logger again, and one that is held back until the windows are closed.
func (w *World) shipment(i int) error {
	pallet, logger := fmt.Sprintf("urn:epc:id:sscc:9520001.3%09d", i), fmt.Sprintf("urn:epc:id:giai:9520002.L%d", i)
	shipment, device, err := canonical(pallet, logger)
	if err != nil {
		return err
	}
	bind := map[string]any{"type": "AssociationEvent", "action": "ADD", "parentID": pallet, "childEPCs": []string{logger}}
	observe := func(step string) map[string]any {
		return map[string]any{"type": "ObjectEvent", "action": "OBSERVE", "epcList": []string{pallet}, "bizStep": step}
	}
	before, err := w.events("rootB", -1, observe("inspecting"))
	if err != nil {
		return err
	}
	w.Advance(minute)
	events, err := w.events("rootA", 0, bind, observe("shipping"))
	if err != nil {
		return err
	}
	within, err := w.events("rootA", 2, bind)
	if err != nil {
		return err
	}
	late, held, err := w.holdBack("rootB", 1, observe("storing"))
	if err != nil {
		return err
	}
	w.Advance(apart)
	digests, err := w.segments(i, device)
	if err != nil {
		return err
	}
	codes, err := w.Commit(late)
	if err != nil || codes[0] != peer.TxValidationCode_VALID {
		return fmt.Errorf("%w: what is held back: %v: %w", ErrRefused, codes, err)
	}
	decoys := []Decoy{
		{Kind: DecoyBefore, Event: ledger.Reference{Kind: ledger.RefEvent, Digest: before[0]}, At: 2},
		{Kind: DecoyHeld, Event: ledger.Reference{Kind: ledger.RefEvent, Digest: held}, At: 3},
		{Kind: DecoyWithin, Event: ledger.Reference{Kind: ledger.RefEvent, Digest: within[0]}, At: 1},
	}
	for window := range 2 {
		s := ledger.TaskStatement{
			Shipment: shipment, Window: uint32(window), Model: w.Model.Name(),
			References: []ledger.Reference{
				{Kind: ledger.RefPolicy, ID: "refrigerated", First: 1},
				{Kind: ledger.RefEvent, Digest: events[0]},
				{Kind: ledger.RefEvent, Digest: events[1]},
				{Kind: ledger.RefSegments, ID: device, First: 0, Last: uint64(window), Digest: digests[window]},
			},
		}
		if err = w.add(Task{Statement: s, Decoys: decoys}); err != nil {
			return err
		}
	}
	return nil
}

// add has the engine rule on a task and keeps it.
func (w *World) add(task Task) error {
	if err := w.rule(&task); err != nil {
		return fmt.Errorf("window %d: %w", task.Statement.Window, err)
	}
	w.Tasks = append(w.Tasks, task)
	return nil
}

// minute of the simulated ledger.
const minute = ledger.Millis(60_000)

// batch encodes events that happen a minute apart from so many minutes after the beginning.
func batch(from int, events ...map[string]any) ([]byte, error) {
	var entries []wire.EventEntry
	for k, fields := range events {
		fields = maps.Clone(fields)
		fields["eventTime"], fields["eventTimeZoneOffset"] = begin().Add(time.Duration(from+k)*time.Minute).Format(time.RFC3339), "+00:00"
		body, err := json.Marshal(fields)
		if err != nil {
			return nil, err
		}
		entries = append(entries, wire.EventEntry{Body: body})
	}
	return wire.EncodeEventBatch(entries)
}

// events records events and gives their hashes.
func (w *World) events(who string, from int, events ...map[string]any) ([]ledger.Digest, error) {
	argument, err := batch(from, events...)
	if err != nil {
		return nil, err
	}
	return hashes(recorded(w.submit(who, wire.FnRecordEvents, argument, 0)))
}

// holdBack has peers endorse an event that is not sent to be ordered yet.
func (w *World) holdBack(who string, from int, event map[string]any) (*statetest.Stub, ledger.Digest, error) {
	argument, err := batch(from, event)
	if err != nil {
		return nil, ledger.Digest{}, err
	}
	stub, answers, err := w.Invoke(who, wire.FnRecordEvents, argument, 0)
	all, err := hashes(recorded(answers, err))
	if err != nil {
		return nil, ledger.Digest{}, err
	}
	return stub, all[0], nil
}

// hashes are those that answers give.
func hashes(answers []wire.Answer, err error) ([]ledger.Digest, error) {
	all := make([]ledger.Digest, len(answers))
	for i, a := range answers {
		all[i] = a.Digest
	}
	return all, err
}

// logger is a device that measures.
type logger struct {
	device   string
	key      ed25519.PrivateKey
	warm     bool
	seed     int
	previous ledger.Digest
	seq      uint64
}

// logger registers a device of the i-th shipment, of which every second one is too warm.
func (w *World) logger(i int, device string) (*logger, error) {
	seed := sha256.Sum256([]byte(device))
	l := &logger{device: device, key: ed25519.NewKeyFromSeed(seed[:]), warm: i%2 == 1, seed: i}
	public, err := x509.MarshalPKIXPublicKey(l.key.Public())
	if err != nil {
		return nil, err
	}
	argument, err := wire.Encode(wire.DeviceBatch{Devices: []ledger.Device{{ID: device, Algorithm: ledger.KeyEd25519, PublicKey: public}}})
	if err == nil {
		_, err = recorded(w.submit("rootA", wire.FnRegisterDevices, argument, 0))
	}
	return l, err
}

// next signs the logger's next segment, a minute a reading, and gives a reference to it.
func (l *logger) next(from, readings int) (signed wire.SignedSegment, ref ledger.Reference, err error) {
	s := ledger.Segment{Device: l.device, Seq: l.seq, Previous: l.previous, Channels: []ledger.Channel{{Quantity: ledger.Temperature}}}
	for k := range readings {
		minute := from + k
		s.Times = append(s.Times, ledger.MillisOf(begin().Add(time.Duration(minute)*time.Minute)))
		value := int32(4_800 + 37*((minute*minute+l.seed)%11))
		if l.warm && k > 2 {
			value += 12_000
		}
		s.Channels[0].Values = append(s.Channels[0].Values, value)
	}
	if signed.Payload, err = wire.EncodeSegment(s); err == nil {
		signed.Signature, err = wire.SignSegment(l.key, signed.Payload)
	}
	l.previous = wire.SegmentDigest(signed.Payload)
	ref = ledger.Reference{Kind: ledger.RefSegments, ID: l.device, First: l.seq, Last: l.seq, Digest: l.previous}
	l.seq++
	return signed, ref, err
}

// measure records a logger's next segment.
func (w *World) measure(l *logger, from, readings int) (ledger.Reference, error) {
	signed, ref, err := l.next(from, readings)
	if err != nil {
		return ref, err
	}
	argument, err := wire.Encode(wire.SegmentBatch{Segments: []wire.SignedSegment{signed}})
	if err == nil {
		_, err = recorded(w.submit("rootA", wire.FnRecordSegments, argument, 0))
	}
	return ref, err
}

// segments records two segments of a logger at once and gives their digests.
func (w *World) segments(i int, device string) ([]ledger.Digest, error) {
	l, err := w.logger(i, device)
	if err != nil {
		return nil, err
	}
	var batch wire.SegmentBatch
	var digests []ledger.Digest
	for seq := range 2 {
		signed, ref, failed := l.next(2+seq*readings, readings)
		if failed != nil {
			return nil, failed
		}
		digests, batch.Segments = append(digests, ref.Digest), append(batch.Segments, signed)
	}
	argument, err := wire.Encode(batch)
	if err == nil {
		_, err = recorded(w.submit("rootA", wire.FnRecordSegments, argument, 0))
	}
	return digests, err
}
