package main

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	grpchealth "google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// canned answers every question the same way, so that a transcript shows how answers are printed.
type canned struct {
	waybillv1.UnimplementedCaptureServiceServer
	waybillv1.UnimplementedTelemetryServiceServer
	waybillv1.UnimplementedVerdictServiceServer
	waybillv1.UnimplementedPolicyServiceServer
	waybillv1.UnimplementedAdminServiceServer

	device []byte // the public key of the device, PKIX DER
}

const (
	cannedHash = "ni:///sha-256;054aa9dd2668f85a35d88ae7e696844d8c221fd25da4cfc8ed0591f4aa7125a5?ver=CBV2.0"
	cannedItem = "https://id.gs1.org/01/09521321000012/21/1001"
	cannedTx   = "5f0c9d7e"
)

func at(minute int) *timestamppb.Timestamp {
	return timestamppb.New(time.Date(2026, 3, 1, 7, minute, 0, 0, time.UTC))
}

func cannedFinding() *waybillv1.Finding {
	return &waybillv1.Finding{Code: "commissioned_twice", Item: cannedItem, EventHash: cannedHash, Detail: "the serial was \x1b[31mcommissioned before", Block: 7, TransactionId: cannedTx}
}

func (canned) GetItem(_ context.Context, r *waybillv1.GetItemRequest) (*waybillv1.GetItemResponse, error) {
	if r.GetEpc() != cannedItem {
		return nil, status.Error(codes.NotFound, "WB_NOT_FOUND: the ledger holds no such item")
	}
	return &waybillv1.GetItemResponse{Item: &waybillv1.Item{
		Epc: cannedItem, Status: waybillv1.ItemStatus_ITEM_STATUS_ACTIVE, Custodian: "ProducerMSP", LastEvent: cannedHash,
		LastEventTime: at(0), CommissionedAt: at(0), BizStep: "commissioning", Events: 1, Findings: []*waybillv1.Finding{cannedFinding()},
	}}, nil
}

func cannedEvent() *waybillv1.Event {
	return &waybillv1.Event{
		Hash: cannedHash, Body: []byte(`{"type":"ObjectEvent","n":1.50}`), EventType: "ObjectEvent", EventTime: at(0), BizStep: "commissioning",
		RecordedBy: "ProducerMSP", RecordedAt: at(5), TransactionId: cannedTx, Position: &waybillv1.Position{Block: 7},
	}
}

func (canned) GetEvent(_ context.Context, r *waybillv1.GetEventRequest) (*waybillv1.GetEventResponse, error) {
	if r.GetEventId() == "slow" {
		return nil, status.Error(codes.DeadlineExceeded, "context deadline exceeded")
	}
	e := cannedEvent()
	if r.GetEventId() == "restated" {
		e.Restatements = []*waybillv1.Restatement{{Body: []byte(`{"type":"ObjectEvent","n":1.5}`), RecordedBy: "CarrierMSP", RecordedAt: at(6), TransactionId: cannedTx}}
	}
	return &waybillv1.GetEventResponse{Event: e}, nil
}

func (canned) ListEvents(_ context.Context, r *waybillv1.ListEventsRequest) (*waybillv1.ListEventsResponse, error) {
	if r.GetPageToken() == "" {
		return &waybillv1.ListEventsResponse{Events: []*waybillv1.Event{cannedEvent()}, NextPageToken: "2"}, nil
	}
	e := cannedEvent()
	e.Position.Block, e.Findings = 8, []*waybillv1.Finding{cannedFinding()}
	return &waybillv1.ListEventsResponse{Events: []*waybillv1.Event{e}}, nil
}

// cannedVerdict is final from window 1 on, where one organisation had recorded another.
func cannedVerdict(window uint32) *waybillv1.Verdict {
	v := &waybillv1.Verdict{
		Shipment: "https://id.gs1.org/00/095213210000000012", Window: window, Final: window == 1, Model: "waybill@1234",
		Level: waybillv1.VerdictLevel_VERDICT_LEVEL_QUARANTINE, ScoreMillionths: 912_345, From: at(0), To: at(30), Policy: "refrigerated/1",
		Reasons: []*waybillv1.Reason{{Code: "above_range", ContributionMillionths: 912_345, From: at(10), To: at(30), Detail: "20 minutes above 8 °C"}},
		Scorer:  "ProducerMSP", RecordedAt: at(31), TransactionId: cannedTx, Position: &waybillv1.Position{Block: 9, Index: window},
		Standing: waybillv1.VerdictStanding_VERDICT_STANDING_ALONE,
	}
	if window == 1 {
		v.Standing, v.StandingBy, v.Task = waybillv1.VerdictStanding_VERDICT_STANDING_FINAL, "challenge", cannedDigest("50")
		v.Overruled = &waybillv1.Verdict{
			Shipment: v.GetShipment(), Window: window, Model: v.GetModel(), Level: waybillv1.VerdictLevel_VERDICT_LEVEL_CLEAR, Scorer: "CarrierMSP", RecordedAt: at(30), TransactionId: cannedTx,
		}
	}
	return v
}

func (canned) ListVerdicts(context.Context, *waybillv1.ListVerdictsRequest) (*waybillv1.ListVerdictsResponse, error) {
	return &waybillv1.ListVerdictsResponse{Verdicts: []*waybillv1.Verdict{cannedVerdict(0), cannedVerdict(1)}}, nil
}

// WatchVerdicts breaks after its first verdict: the watcher must take up after it.
func (canned) WatchVerdicts(r *waybillv1.WatchVerdictsRequest, s grpc.ServerStreamingServer[waybillv1.WatchVerdictsResponse]) error {
	if r.GetAfter() == nil {
		v := cannedVerdict(0)
		return errors.Join(s.Send(&waybillv1.WatchVerdictsResponse{Verdict: v, Position: v.GetPosition()}))
	}
	v := cannedVerdict(r.GetAfter().GetIndex() + 1)
	return s.Send(&waybillv1.WatchVerdictsResponse{Verdict: v, Position: v.GetPosition()})
}

func (canned) ListShipments(context.Context, *waybillv1.ListShipmentsRequest) (*waybillv1.ListShipmentsResponse, error) {
	return &waybillv1.ListShipmentsResponse{Shipments: []*waybillv1.Shipment{
		{Id: "https://id.gs1.org/00/095213210000000012", StartedAt: at(0), EndedAt: at(40), Verdicts: 2, Latest: cannedVerdict(1), Worst: waybillv1.VerdictLevel_VERDICT_LEVEL_QUARANTINE, Items: 12},
		{Id: "https://id.gs1.org/00/095213210000000029", StartedAt: at(5)},
	}}, nil
}

func (canned) ListPolicies(context.Context, *waybillv1.ListPoliciesRequest) (*waybillv1.ListPoliciesResponse, error) {
	below := int32(-500)
	return &waybillv1.ListPoliciesResponse{Policies: []*waybillv1.Policy{{
		Id: "refrigerated", Version: 1, Products: []string{"*"}, Low: 2000, High: 8000, ExcursionHigh: 15000, ExcursionFor: durationpb.New(24 * time.Hour),
		MktMax: 8000, MktOver: durationpb.New(24 * time.Hour), FreezeBelow: &below, FreezeFor: durationpb.New(time.Hour), SetBy: "ProducerMSP",
	}}}, nil
}

func (canned) SetPolicies(_ context.Context, r *waybillv1.SetPoliciesRequest) (*waybillv1.SetPoliciesResponse, error) {
	out := &waybillv1.SetPoliciesResponse{}
	for i, p := range r.GetPolicies() {
		result := &waybillv1.PolicyResult{Index: uint64(i), Id: p.GetId(), Version: p.GetVersion(), Status: waybillv1.AnswerStatus_ANSWER_STATUS_RECORDED, TransactionId: cannedTx, Block: 3}
		if p.GetLow() > p.GetHigh() {
			result = &waybillv1.PolicyResult{Index: uint64(i), Id: p.GetId(), Version: p.GetVersion(), Status: waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED, Code: "WB_SCHEMA", Message: "low lies above high"}
		}
		out.Results = append(out.Results, result)
	}
	return out, nil
}

func (c canned) GetDevice(_ context.Context, r *waybillv1.GetDeviceRequest) (*waybillv1.GetDeviceResponse, error) {
	if r.GetId() == "unknown" {
		return nil, status.Error(codes.NotFound, "WB_NOT_FOUND: the ledger holds no such device")
	}
	return &waybillv1.GetDeviceResponse{Device: &waybillv1.Device{
		Id: "https://id.gs1.org/8004/9521321logger7", Algorithm: waybillv1.KeyAlgorithm_KEY_ALGORITHM_ED25519, PublicKey: c.device,
		Owner: "ProducerMSP", RegisteredAt: at(0), TransactionId: cannedTx, NextSequence: 3, LastDigest: strings.Repeat("ab", 32), LastReading: at(2),
	}}, nil
}

func (canned) RegisterDevices(context.Context, *waybillv1.RegisterDevicesRequest) (*waybillv1.RegisterDevicesResponse, error) {
	return nil, status.Error(codes.PermissionDenied, "WB_UNAUTHORISED: registering devices takes the role registrar")
}

// PushSegments refuses every second segment.
func (canned) PushSegments(s grpc.BidiStreamingServer[waybillv1.PushSegmentsRequest, waybillv1.PushSegmentsResponse]) error {
	for n := uint64(0); ; {
		r, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, segment := range r.GetSegments() {
			decoded, err := wire.DecodeSegment(segment.GetPayload())
			if err != nil {
				return err
			}
			result := &waybillv1.SegmentResult{Index: n, Status: waybillv1.AnswerStatus_ANSWER_STATUS_RECORDED, Device: decoded.Device, Sequence: decoded.Seq, TransactionId: cannedTx, Block: 8}
			if n++; n%2 == 0 {
				result.Status, result.Code, result.Message = waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED, "WB_SIGNATURE", "the signature is not the device's"
			}
			if err := s.Send(&waybillv1.PushSegmentsResponse{Results: []*waybillv1.SegmentResult{result}}); err != nil {
				return err
			}
		}
	}
}

func (canned) ListReadings(context.Context, *waybillv1.ListReadingsRequest) (*waybillv1.ListReadingsResponse, error) {
	return &waybillv1.ListReadingsResponse{Runs: []*waybillv1.ReadingRun{{
		Sequence: 3, TimesMs: []int64{at(0).AsTime().UnixMilli(), at(1).AsTime().UnixMilli()},
		Channels: []*waybillv1.ReadingChannel{{Quantity: waybillv1.Quantity_QUANTITY_TEMPERATURE, Values: []int32{4500, -250}}, {Quantity: waybillv1.Quantity_QUANTITY_DOOR, Values: []int32{0, 1000}}},
	}}}, nil
}

func (canned) GetStatus(context.Context, *waybillv1.GetStatusRequest) (*waybillv1.GetStatusResponse, error) {
	return &waybillv1.GetStatusResponse{
		Version: "v0", Organisation: "producer", MspId: "ProducerMSP", Network: "default", Channel: "waybill", Chaincode: "waybill",
		ReadHeight: 12, LedgerError: "no peer answers", Totals: &waybillv1.Totals{Events: 1, Items: 2}, StartedAt: at(0),
	}, nil
}

// StreamEvents answers two events of a document, the second with a refusal.
func (canned) StreamEvents(s grpc.BidiStreamingServer[waybillv1.StreamEventsRequest, waybillv1.StreamEventsResponse]) error {
	for {
		r, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if !r.GetDocumentPart().GetLast() {
			continue
		}
		if err := s.Send(&waybillv1.StreamEventsResponse{
			Results: []*waybillv1.EventResult{
				{Index: 0, Status: waybillv1.AnswerStatus_ANSWER_STATUS_RECORDED, Hash: cannedHash, TransactionId: cannedTx, Block: 7, Findings: []*waybillv1.Finding{cannedFinding()}},
				{Index: 1, Status: waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED, Code: "WB_EPCIS_REQUIRED", Path: "$.epcisBody.eventList[1].eventTime", Message: "eventTime is required"},
			},
			Document: &waybillv1.DocumentResult{Events: 2},
		}); err != nil {
			return err
		}
	}
}

func cannedAPI(t *testing.T, device []byte) *grpc.ClientConn {
	t.Helper()
	return cannedAPIWith(t, device, canned{})
}

// cannedAPIWith answers about events as capture does.
func cannedAPIWith(t *testing.T, device []byte, capture waybillv1.CaptureServiceServer) *grpc.ClientConn {
	t.Helper()
	l := bufconn.Listen(1 << 20)
	s := grpc.NewServer()
	waybillv1.RegisterCaptureServiceServer(s, capture)
	waybillv1.RegisterTelemetryServiceServer(s, canned{device: device})
	waybillv1.RegisterVerdictServiceServer(s, canned{})
	waybillv1.RegisterPolicyServiceServer(s, canned{})
	waybillv1.RegisterAdminServiceServer(s, canned{})
	waybillv1.RegisterReportServiceServer(s, cannedReports{})
	waybillv1.RegisterFindingServiceServer(s, cannedRules{})
	waybillv1.RegisterMasterDataServiceServer(s, cannedRules{})
	waybillv1.RegisterScoringServiceServer(s, cannedScoring{})
	waybillv1.RegisterModelServiceServer(s, cannedScoring{})
	ill := grpchealth.NewServer()
	ill.SetServingStatus("", healthv1.HealthCheckResponse_NOT_SERVING)
	healthv1.RegisterHealthServer(s, ill)
	go s.Serve(l)
	t.Cleanup(s.Stop)
	conn, err := grpc.NewClient("passthrough:///canned", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}
