package e2e_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/profile"
)

var serial atomic.Uint64

// unique gives a number that no other test of this run has.
func unique() uint64 { return serial.Add(1) }

const eventContext = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"

// commissioning is an event of an item of its own.
func commissioning(at time.Time) string {
	return fmt.Sprintf(`{"type":"ObjectEvent","action":"ADD","bizStep":"commissioning","disposition":"active",`+
		`"eventTime":%q,"eventTimeZoneOffset":"+00:00","epcList":["urn:epc:id:sgtin:9521321.000001.e2e%d"]}`,
		at.UTC().Format(time.RFC3339Nano), unique())
}

// document wraps events.
func document(events ...string) []byte {
	return fmt.Appendf(nil, `{"@context":%q,"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"2026-03-01T08:00:00Z","epcisBody":{"eventList":[%s]}}`, eventContext, strings.Join(events, ","))
}

// itemsOf lists the items that an event names.
func itemsOf(t *testing.T, event string) []string {
	t.Helper()
	e, err := epcis.ParseEvent(nil, []byte(event))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, i := range e.Items() {
		out = append(out, i.Canonical)
	}
	return out
}

func hashOf(t *testing.T, event string) ledger.Digest {
	t.Helper()
	e, err := epcis.ParseEvent(nil, []byte(event))
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Digest(e.Hash())
}

// device is a logger with its key and the state of its chain.
type device struct {
	id   string
	key  ed25519.PrivateKey
	next uint64
	last ledger.Digest
	at   ledger.Millis
}

func newDevice(t *testing.T, started time.Time) *device {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := epcis.CanonicalEPC(fmt.Sprintf("urn:epc:id:giai:9521321.e2e%d", unique()))
	if err != nil {
		t.Fatal(err)
	}
	return &device{id: id, key: key, at: ledger.MillisOf(started)}
}

func (d *device) ledgerDevice(t *testing.T) ledger.Device {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(d.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Device{ID: d.id, Algorithm: ledger.KeyEd25519, PublicKey: der}
}

func (d *device) message(t *testing.T) *waybillv1.DeviceKey {
	t.Helper()
	v := d.ledgerDevice(t)
	return &waybillv1.DeviceKey{Id: v.ID, Algorithm: waybillv1.KeyAlgorithm_KEY_ALGORITHM_ED25519, PublicKey: v.PublicKey}
}

// readings makes the device's next segment, a reading a minute.
func (d *device) readings(milliCelsius ...int32) ledger.Segment {
	s := ledger.Segment{Device: d.id, Seq: d.next, Previous: d.last, Channels: []ledger.Channel{{Quantity: ledger.Temperature, Values: milliCelsius}}}
	for range milliCelsius {
		d.at += ledger.Millis(time.Minute.Milliseconds())
		s.Times = append(s.Times, d.at)
	}
	return s
}

// sign encodes and signs a segment without moving the device's chain on.
func (d *device) sign(t *testing.T, s ledger.Segment) *waybillv1.SignedSegment {
	t.Helper()
	payload, err := wire.EncodeSegment(s)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := wire.SignSegment(d.key, payload)
	if err != nil {
		t.Fatal(err)
	}
	return &waybillv1.SignedSegment{Payload: payload, Signature: signature}
}

// segment makes, signs and chains the device's next segment.
func (d *device) segment(t *testing.T, milliCelsius ...int32) *waybillv1.SignedSegment {
	t.Helper()
	signed := d.sign(t, d.readings(milliCelsius...))
	d.next++
	d.last = wire.SegmentDigest(signed.GetPayload())
	return signed
}

func (l *lab) register(ctx context.Context, t *testing.T, org string, devices ...*device) {
	t.Helper()
	request := &waybillv1.RegisterDevicesRequest{}
	for _, d := range devices {
		request.Devices = append(request.Devices, d.message(t))
	}
	r, err := waybillv1.NewTelemetryServiceClient(l.dial(t, org, profile.IdentityRegistrar)).RegisterDevices(ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range r.GetResults() {
		if result.GetStatus() != waybillv1.AnswerStatus_ANSWER_STATUS_RECORDED {
			t.Fatalf("device %s: %s %s", result.GetId(), result.GetCode(), result.GetMessage())
		}
	}
}

// push sends segments in one stream and gives their answers.
func (l *lab) push(ctx context.Context, t *testing.T, org string, segments ...*waybillv1.SignedSegment) []*waybillv1.SegmentResult {
	t.Helper()
	stream, err := waybillv1.NewTelemetryServiceClient(l.dial(t, org, profile.IdentityGateway)).PushSegments(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&waybillv1.PushSegmentsRequest{Segments: segments}); err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	var out []*waybillv1.SegmentResult
	for len(out) < len(segments) {
		r, err := stream.Recv()
		if err != nil {
			t.Fatalf("after %d of %d answers: %v", len(out), len(segments), err)
		}
		out = append(out, r.GetResults()...)
	}
	return out
}
