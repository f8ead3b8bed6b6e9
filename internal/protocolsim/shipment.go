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

// shipments records what the windows rest on: every second shipment is too warm.
func (w *World) shipments(n int) error {
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
	for i := range n {
		if err == nil {
			err = w.shipment(i)
		}
	}
	return err
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
	if codes, err := w.Commit(late); err != nil || codes[0] != peer.TxValidationCode_VALID {
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
		ruling, err := w.Judge(s)
		if err == nil && ruling.Fault != "" {
			err = fmt.Errorf("%w: window %d: %s", ErrRefused, window, ruling.Fault)
		}
		if err != nil {
			return err
		}
		s.Inputs = ruling.Inputs
		w.Tasks = append(w.Tasks, Task{Statement: s, Truth: ruling, Decoys: decoys})
	}
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

// segments records two segments of a logger and gives their digests.
func (w *World) segments(i int, device string) ([]ledger.Digest, error) {
	seed := sha256.Sum256([]byte(device))
	key := ed25519.NewKeyFromSeed(seed[:])
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	argument, err := wire.Encode(wire.DeviceBatch{Devices: []ledger.Device{{ID: device, Algorithm: ledger.KeyEd25519, PublicKey: public}}})
	if err == nil {
		_, err = recorded(w.submit("rootA", wire.FnRegisterDevices, argument, 0))
	}
	if err != nil {
		return nil, err
	}
	var batch wire.SegmentBatch
	var digests []ledger.Digest
	var previous ledger.Digest
	for seq := range 2 {
		s := ledger.Segment{Device: device, Seq: uint64(seq), Previous: previous, Channels: []ledger.Channel{{Quantity: ledger.Temperature}}}
		for k := range readings {
			minute := 2 + seq*readings + k
			s.Times = append(s.Times, ledger.MillisOf(begin().Add(time.Duration(minute)*time.Minute)))
			value := int32(4_800 + 37*((minute*minute+i)%11))
			if i%2 == 1 && k > 2 {
				value += 12_000
			}
			s.Channels[0].Values = append(s.Channels[0].Values, value)
		}
		signed := wire.SignedSegment{}
		if signed.Payload, err = wire.EncodeSegment(s); err != nil {
			return nil, err
		}
		if signed.Signature, err = wire.SignSegment(key, signed.Payload); err != nil {
			return nil, err
		}
		previous = wire.SegmentDigest(signed.Payload)
		digests = append(digests, previous)
		batch.Segments = append(batch.Segments, signed)
	}
	if argument, err = wire.Encode(batch); err == nil {
		_, err = recorded(w.submit("rootA", wire.FnRecordSegments, argument, 0))
	}
	return digests, err
}
