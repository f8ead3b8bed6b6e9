package server

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/waybill-dev/waybill/api/client"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/trace"
	"github.com/waybill-dev/waybill/api/trace/tracetest"
	"github.com/waybill-dev/waybill/epcis"
)

// A lot becomes another, its serials are packed with others, and one is sold.
func tracedEvents() []string {
	at := func(hour int, rest string) string {
		return fmt.Sprintf(`{"eventTime":"2026-03-01T%02d:00:00Z","eventTimeZoneOffset":"+00:00",%s}`, hour, rest)
	}
	return []string{
		at(1, `"type":"TransformationEvent","inputQuantityList":[{"epcClass":"urn:epc:class:lgtin:9521321.000001.RAW","quantity":2,"uom":"KGM"}],"outputQuantityList":[{"epcClass":"urn:epc:class:lgtin:9521321.000002.B","quantity":1900,"uom":"GRM"}]`),
		at(2, `"type":"ObjectEvent","action":"ADD","bizStep":"commissioning","epcList":["urn:epc:id:sgtin:9521321.000002.1","urn:epc:id:sgtin:9521321.000002.2"],"ilmd":{"cbvmda:lotNumber":"B"}`),
		at(3, `"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":"urn:epc:id:sscc:9521321.0000000001","childEPCs":["urn:epc:id:sgtin:9521321.000002.1","urn:epc:id:sgtin:9521321.000002.2","urn:epc:id:sgtin:9521321.000003.9"]`),
		at(4, `"type":"ObjectEvent","action":"OBSERVE","bizStep":"retail_selling","epcList":["urn:epc:id:sgtin:9521321.000002.2"]`),
	}
}

func TestTraceRecallAndLocateAnswerOverTheWireAsTheStoreDoes(t *testing.T) {
	r := newRig(t)
	conn := r.any()
	a, err := waybillv1.NewCaptureServiceClient(conn).CaptureEvents(t.Context(), captureList(tracedEvents()...))
	if err != nil || int(a.GetRecorded()) != len(tracedEvents()) {
		t.Fatal(a, err)
	}
	api := waybillv1.NewTraceServiceClient(conn)
	const raw = "urn:epc:class:lgtin:9521321.000001.RAW"
	stream, err := api.Recall(t.Context(), &waybillv1.RecallRequest{Id: raw})
	if err != nil {
		t.Fatal(err)
	}
	got, err := client.ReadGraph(func() (*waybillv1.TracePart, error) { m, err := stream.Recv(); return m.GetPart(), err })
	if err != nil {
		t.Fatal(err)
	}
	want, err := r.store.Recall(t.Context(), trace.Question{ID: got.Root})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("the wire gives\n%+v\nthe store\n%+v, %v", got, want, err)
	}
	degrees := map[trace.Degree]int{}
	sold := 0
	for _, n := range got.Nodes {
		degrees[n.Degree]++
		if n.Custody != nil && n.Custody.Status == trace.StatusSold {
			sold++
		}
	}
	if degrees[trace.Subject] != 1 || degrees[trace.Contains] != 5 || degrees[trace.Touched] != 1 || sold != 1 {
		t.Errorf("%v, %d sold", degrees, sold)
	}
	up, err := api.Trace(t.Context(), &waybillv1.TraceRequest{Id: "urn:epc:id:sgtin:9521321.000002.1", Direction: waybillv1.TraceDirection_TRACE_DIRECTION_UP})
	if err != nil {
		t.Fatal(err)
	}
	origin, err := client.ReadGraph(func() (*waybillv1.TracePart, error) { m, err := up.Recv(); return m.GetPart(), err })
	if err != nil || len(origin.Nodes) != 4 || len(origin.Balances) != 1 {
		t.Fatalf("%+v, %v", origin, err)
	}
	if b := origin.Balances[0].Amounts[0]; b.UOM != "GRM" || b.Inputs != 2000 || b.Outputs != 1900 {
		t.Errorf("2 kg in and 1.9 kg out is told as %+v", b)
	}
	where, err := api.Locate(t.Context(), &waybillv1.LocateRequest{Id: "urn:epc:id:sgtin:9521321.000002.1", At: timestamppb.New(tracetest.Hour(3))})
	if err != nil || len(where.GetContainers()) != 1 || where.GetCustody().GetStatus() != waybillv1.CustodyStatus_CUSTODY_STATUS_HELD {
		t.Errorf("%v, %v", where, err)
	}
}

func TestBadQuestionsOfGenealogyAreRefused(t *testing.T) {
	r := newRig(t)
	api := waybillv1.NewTraceServiceClient(r.any())
	ask := func(req *waybillv1.TraceRequest) error {
		s, err := api.Trace(t.Context(), req)
		if err != nil {
			return err
		}
		_, err = s.Recv()
		return err
	}
	const item = "urn:epc:id:sgtin:9521321.000002.1"
	up := waybillv1.TraceDirection_TRACE_DIRECTION_UP
	wants(t, ask(&waybillv1.TraceRequest{Direction: up}), codes.InvalidArgument, codeArgument)
	wants(t, ask(&waybillv1.TraceRequest{Id: item}), codes.InvalidArgument, codeArgument)
	wants(t, ask(&waybillv1.TraceRequest{Id: item, Direction: 9}), codes.InvalidArgument, codeArgument)
	wants(t, ask(&waybillv1.TraceRequest{Id: item, Direction: up, Limits: &waybillv1.TraceLimits{Nodes: trace.MaxNodes + 1}}), codes.InvalidArgument, codeArgument)
	wants(t, ask(&waybillv1.TraceRequest{Id: item, Direction: up, At: &timestamppb.Timestamp{Nanos: -1}}), codes.InvalidArgument, codeArgument)
	unheard := ask(&waybillv1.TraceRequest{Id: item, Direction: up})
	wants(t, unheard, codes.NotFound, "WB_NOT_FOUND")
	if !strings.Contains(unheard.Error(), "no event names https://id.gs1.org/01/09521321000025/21/1") {
		t.Error(unheard)
	}
	wrong := ask(&waybillv1.TraceRequest{Id: "https://id.gs1.org/01/09521321000026/21/1", Direction: up})
	wants(t, wrong, codes.InvalidArgument, epcis.CodeCheckDigit)
	if !strings.Contains(wrong.Error(), "check digit of 09521321000026 should be 5") {
		t.Error(wrong)
	}
}
