package e2e_test

import (
	"bytes"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/network"
)

// simulations is how often each peer runs the same proposal.
const simulations = 5

// TestEndToEndTransactionsSimulateAlike has every peer run the same proposal of every transaction
// function again and again: what they would endorse must be the same to the last byte.
func TestEndToEndTransactionsSimulateAlike(t *testing.T) {
	ctx, l := endToEnd(t, 3*time.Minute)
	const org = "carrier"
	p := l.profile(t, org)
	server := l.serve(ctx, t, org, "--role", "api,readmodel")
	now := time.Now().Add(-24 * time.Hour)

	// What is there before: an event, a device and a segment, so that duplicates and evidence are simulated too.
	event := commissioning(now)
	l.must(ctx, t, "capture", "--org", org, writeFile(t, "before.json", document(event)))
	logger, stranger, late := newDevice(t, now), newDevice(t, now), newDevice(t, now)
	l.register(ctx, t, org, logger)
	first := logger.segment(t, 4000, 4100)
	if r := l.push(ctx, t, org, first)[0]; r.GetStatus() != recorded {
		t.Fatalf("segment: %s %s", r.GetCode(), r.GetMessage())
	}
	if code := server.end(ctx, t); code != 0 {
		t.Errorf("the server ended with exit code %d", code)
	}
	l.level(ctx, t) // or a peer simulates on an earlier state

	day, err := simulate.New(simulate.Config{Seed: 11, Now: now, Shipments: 8})
	if err != nil {
		t.Fatal(err)
	}
	entries := []wire.EventEntry{{Body: []byte(event)}, {Body: []byte(`{"type":"ObjectEvent"}`)}}
	for _, a := range day.Actions {
		if a.Event != nil {
			entries = append(entries, *a.Event)
		}
	}
	signed := func(d *device, celsius ...int32) wire.SignedSegment {
		v := d.segment(t, celsius...)
		return wire.SignedSegment{Payload: v.GetPayload(), Signature: v.GetSignature()}
	}
	again := wire.SignedSegment{Payload: first.GetPayload(), Signature: first.GetSignature()}
	lastRecorded := logger.last
	segments := []wire.SignedSegment{again, signed(logger, 4200, 4300), signed(logger, 4400), signed(stranger, 1)}
	policies := day.Policies
	policies = append(policies, ledger.Policy{ID: "e2e", Version: 1, Products: []string{"https://id.gs1.org/01/09521321000056"}, Low: 2000, High: 8000, ExcursionHigh: 9000, ExcursionLow: 1000})
	shipment, err := epcis.CanonicalEPC("urn:epc:id:sscc:9521321.0000000777")
	if err != nil {
		t.Fatal(err)
	}
	verdict := ledger.Verdict{
		Shipment: shipment, Model: "e2e@00", Level: ledger.Inspect, Score: 250_000, From: ledger.MillisOf(now), To: ledger.MillisOf(now.Add(time.Hour)),
		Reasons: []ledger.Reason{{Code: "above_range", Contribution: 250_000}}, Events: []ledger.Digest{hashOf(t, event)},
		Segments: []ledger.SegmentRange{{Device: logger.id, First: 0, Last: 0, Digest: lastRecorded}},
		Trace:    ledger.Digest{1}, Inputs: ledger.Digest{2},
	}
	unfounded := verdict
	unfounded.Window, unfounded.Events = 1, []ledger.Digest{{9}}

	encode := func(raw []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	for function, argument := range map[string][]byte{
		wire.FnRecordEvents:    encode(wire.EncodeEventBatch(entries)),
		wire.FnRegisterDevices: encode(wire.Encode(wire.DeviceBatch{Devices: []ledger.Device{logger.ledgerDevice(t), stranger.ledgerDevice(t), late.ledgerDevice(t)}})),
		wire.FnRecordSegments:  encode(wire.Encode(wire.SegmentBatch{Segments: segments})),
		wire.FnSetPolicies:     encode(wire.Encode(wire.PolicyBatch{Policies: policies})),
		wire.FnReview:          encode(wire.Encode(wire.ReviewBatch{Subjects: []wire.ReviewSubject{{Item: itemsOf(t, event)[0]}, {Event: hashOf(t, event)}}})),
		wire.FnRegisterMaster: encode(wire.Encode(wire.MasterBatch{Data: []ledger.MasterDatum{
			{Version: 1, Prefix: &ledger.Prefix{Prefix: "9507000"}}, {Version: 1, Place: &ledger.Place{ID: "https://example.com/yard"}},
		}})),
		wire.FnRecordVerdicts: encode(wire.Encode(wire.VerdictBatch{Verdicts: []ledger.Verdict{verdict, unfounded}})),
	} {
		t.Run(function, func(t *testing.T) {
			proposal := signedProposal(t, p, profile.IdentityService, function, argument)
			var want []byte
			peers := l.endorsers(t, p)
			if len(peers) != 3 {
				t.Fatalf("%d peers", len(peers))
			}
			for _, e := range peers {
				for i := range simulations {
					got := e.simulate(ctx, t, proposal)
					if want == nil {
						want = got
						if writes := writesOf(t, got, p.Chaincode); writes == 0 && function != wire.FnReview {
							t.Error("the simulation writes nothing: it shows nothing")
						}
					}
					if !bytes.Equal(got, want) {
						t.Fatalf("simulation %d at %s differs", i, e.name)
					}
				}
			}
		})
	}
}

// writesOf counts the keys that a simulation writes in the chaincode's namespace.
func writesOf(t *testing.T, payload []byte, chaincode string) int {
	t.Helper()
	var response peer.ProposalResponsePayload
	var action peer.ChaincodeAction
	var sets rwset.TxReadWriteSet
	for _, step := range []struct {
		raw  func() []byte
		into proto.Message
	}{
		{func() []byte { return payload }, &response},
		{response.GetExtension, &action},
		{action.GetResults, &sets},
	} {
		if err := proto.Unmarshal(step.raw(), step.into); err != nil {
			t.Fatal(err)
		}
	}
	writes := 0
	for _, ns := range sets.GetNsRwset() {
		if ns.GetNamespace() != chaincode {
			continue
		}
		var kv kvrwset.KVRWSet
		if err := proto.Unmarshal(ns.GetRwset(), &kv); err != nil {
			t.Fatal(err)
		}
		writes += len(kv.GetWrites())
	}
	return writes
}

// TestEndToEndWorldStatesAreEqual compares the snapshots that all peers of a network take at the same height,
// after everything that the tests before have recorded there.
func TestEndToEndWorldStatesAreEqual(t *testing.T) {
	ctx, _ := endToEnd(t, 3*time.Minute)
	for ground, l := range shared.up {
		states, err := network.CompareStates(ctx, l.net.Dir())
		if err != nil {
			t.Fatalf("%s: %v", ground, err)
		}
		if !states.Equal || len(states.Peers) != 3 {
			t.Errorf("%s: the states at height %d: %+v", ground, states.Height, states.Peers)
		}
		t.Logf("%s: %d peers agree at height %d", ground, len(states.Peers), states.Height)
	}
}
