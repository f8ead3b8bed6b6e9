package main

import (
	"bytes"
	"context"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// askedProofs keeps what it is asked to prove, and proves nothing.
type askedProofs struct {
	waybillv1.UnimplementedProofServiceServer
	waybillv1.UnimplementedCaptureServiceServer
	event *waybillv1.Event
	facts []*waybillv1.FactRef
}

func (p *askedProofs) Prove(_ context.Context, r *waybillv1.ProveRequest) (*waybillv1.ProveResponse, error) {
	p.facts = r.GetFacts()
	return nil, status.Error(codes.NotFound, "WB_NOT_FOUND: nothing is proven here")
}

func (p *askedProofs) GetEvent(context.Context, *waybillv1.GetEventRequest) (*waybillv1.GetEventResponse, error) {
	return &waybillv1.GetEventResponse{Event: p.event}, nil
}

func (p *askedProofs) run(t *testing.T, args ...string) (code int, stderr string) {
	t.Helper()
	l := bufconn.Listen(1 << 20)
	s := grpc.NewServer()
	waybillv1.RegisterProofServiceServer(s, p)
	waybillv1.RegisterCaptureServiceServer(s, p)
	go s.Serve(l)
	t.Cleanup(s.Stop)
	conn, err := grpc.NewClient("passthrough:///canned", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	code = (&app{dialed: conn}).run(t.Context(), append([]string{"prove"}, args...), strings.NewReader(""), &out, &errOut)
	return code, errOut.String()
}

func TestAFindingIsProvenInEitherOrderOfItsName(t *testing.T) {
	for _, args := range [][]string{
		{"finding", "impossible_journey", cannedHash, "urn:x:1"},
		{"finding", cannedHash, "impossible_journey", "urn:x:1"},
	} {
		p := &askedProofs{}
		p.run(t, args...)
		if len(p.facts) != 1 || p.facts[0].GetFinding().GetCode() != "impossible_journey" || p.facts[0].GetFinding().GetEvent() != cannedHash || p.facts[0].GetFinding().GetItem() != "urn:x:1" {
			t.Errorf("%v: %v", args, p.facts)
		}
	}
	p := &askedProofs{}
	if code, stderr := p.run(t, "finding", cannedHash, cannedHash); code != exitUsage || p.facts != nil {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

func TestWhatStandsForAWindowIsProvenWithOrWithoutItsModel(t *testing.T) {
	for _, model := range []string{"rules@1", ""} {
		p := &askedProofs{}
		args := []string{"final", "urn:x:shipment", "3"}
		if model != "" {
			args = append(args, model)
		}
		p.run(t, args...)
		if len(p.facts) != 1 || p.facts[0].GetFinal().GetShipment() != "urn:x:shipment" || p.facts[0].GetFinal().GetWindow() != 3 || p.facts[0].GetFinal().GetModel() != model {
			t.Errorf("%v", p.facts)
		}
	}
	p := &askedProofs{}
	if code, stderr := p.run(t, "final", "urn:x:shipment", "-1"); code != exitUsage || p.facts != nil {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

func TestEveryOtherTextOfAnEventIsProvenOnce(t *testing.T) {
	e := cannedEvent()
	p := &askedProofs{event: e}
	if code, stderr := p.run(t, "restatement", "x"); code != exitRefused || !strings.Contains(stderr, "WB_NOT_FOUND") || p.facts != nil {
		t.Errorf("exit %d, %s", code, stderr)
	}
	declared, renamed := []byte(`{"errorDeclaration":{}}`), []byte(`{"eventID":"urn:x:2"}`)
	e.Restatements = []*waybillv1.Restatement{
		{Body: declared, RecordedBy: "CarrierMSP"}, {Body: renamed, RecordedBy: "ProducerMSP"}, {Body: declared, RecordedBy: "ProducerMSP"},
	}
	p.run(t, "restatement", "x")
	if len(p.facts) != 2 {
		t.Fatal(p.facts)
	}
	for i, body := range [][]byte{declared, renamed} {
		if r := p.facts[i].GetRestatement(); r.GetEvent() != cannedHash || r.GetBodyDigest() != ledger.BodyDigest(nil, body).String() {
			t.Errorf("%v", r)
		}
	}
}
