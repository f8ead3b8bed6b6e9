package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/waybill-dev/waybill/api/client"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/submit"
	"github.com/waybill-dev/waybill/internal/testdata"
)

const (
	recordedStatus  = waybillv1.AnswerStatus_ANSWER_STATUS_RECORDED
	duplicateStatus = waybillv1.AnswerStatus_ANSWER_STATUS_DUPLICATE
	refusedStatus   = waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED
)

func observed(serial int, more string) string {
	return fmt.Sprintf(`{"type":"ObjectEvent","eventTime":"2026-03-01T10:00:00Z","eventTimeZoneOffset":"+00:00","epcList":["https://id.gs1.org/01/09521321000018/21/%d"],"action":"OBSERVE","bizStep":"shipping"%s}`, serial, more)
}

func documentOf(events ...string) []byte {
	return []byte(`{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"2026-03-01T10:00:00Z","epcisBody":{"eventList":[` +
		strings.Join(events, ",") + `]}}`)
}

func captureDocument(document []byte) *waybillv1.CaptureEventsRequest {
	return &waybillv1.CaptureEventsRequest{Source: &waybillv1.CaptureEventsRequest_Document{Document: document}}
}

func captureList(events ...string) *waybillv1.CaptureEventsRequest {
	list := &waybillv1.EventList{}
	for _, e := range events {
		list.Events = append(list.Events, []byte(e))
	}
	return &waybillv1.CaptureEventsRequest{Source: &waybillv1.CaptureEventsRequest_Events{Events: list}}
}

func TestAFaultyEventIsRefusedAndItsNeighboursRecorded(t *testing.T) {
	r := newRig(t)
	api := waybillv1.NewCaptureServiceClient(r.any())
	named := `,"eventID":"https://example.com/events/1"`
	for name, req := range map[string]*waybillv1.CaptureEventsRequest{
		"document": captureDocument(documentOf(observed(1, named), observed(2, named), `{"type":"ObjectEvent"}`, observed(3, ""), observed(3, ""))),
		"list":     captureList(observed(11, `,"eventID":"https://example.com/events/2"`), observed(12, `,"eventID":"https://example.com/events/2"`), `{"type":"ObjectEvent"}`, observed(13, ""), observed(13, "")),
	} {
		t.Run(name, func(t *testing.T) {
			a, err := api.CaptureEvents(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			if a.GetRecorded() != 2 || a.GetRefused() != 2 || a.GetDuplicate() != 1 || len(a.GetResults()) != 5 {
				t.Fatalf("got %v", a)
			}
			for i, want := range []waybillv1.AnswerStatus{recordedStatus, refusedStatus, refusedStatus, recordedStatus, duplicateStatus} {
				if got := a.GetResults()[i]; got.GetStatus() != want || got.GetIndex() != uint64(i) {
					t.Errorf("event %d: %v, want %s", i, got, want)
				}
			}
			if c := a.GetResults()[1]; c.GetCode() != "WB_CONFLICT" || c.GetPath() == "" || c.GetHash() == "" {
				t.Errorf("conflict: %v", c)
			}
			bad := a.GetResults()[2]
			if !strings.HasPrefix(bad.GetCode(), "WB_EPCIS_") || !strings.Contains(bad.GetPath(), "[2]") || len(bad.GetFaults()) == 0 || bad.GetMessage() == "" {
				t.Errorf("refused: %v", bad)
			}
			first := a.GetResults()[0]
			if first.GetTransactionId() == "" || first.GetBlock() == 0 {
				t.Errorf("recorded: %v", first)
			}
			// What was answered can be asked for at once.
			got, err := api.GetEvent(t.Context(), &waybillv1.GetEventRequest{Hash: first.GetHash()})
			if err != nil || got.GetEvent().GetTransactionId() != first.GetTransactionId() || got.GetEvent().GetPosition().GetBlock() != first.GetBlock() {
				t.Errorf("read back: %v, %v", got, err)
			}
			again, err := api.CaptureEvents(t.Context(), req)
			if err != nil || again.GetRecorded() != 0 || again.GetDuplicate() != 3 || again.GetResults()[0].GetTransactionId() != first.GetTransactionId() || again.GetResults()[0].GetBlock() != 0 {
				t.Errorf("again: %v, %v", again, err)
			}
		})
	}
}

func TestADocumentThatCannotBeReadIsRefusedWhole(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.Events, c.Limits.MessageBytes = 10, 64<<10 })
	api := waybillv1.NewCaptureServiceClient(r.any())
	many := make([]string, 11)
	for i := range many {
		many[i] = observed(i, "")
	}
	for name, c := range map[string]struct {
		req  *waybillv1.CaptureEventsRequest
		grpc codes.Code
		code string
	}{
		"not JSON":          {captureDocument([]byte("{nonsense")), codes.InvalidArgument, "WB_NOT_JSON"},
		"broken off":        {captureDocument(documentOf(observed(1, ""))[:300]), codes.InvalidArgument, "WB_NOT_JSON"},
		"too many events":   {captureDocument(documentOf(many...)), codes.ResourceExhausted, "WB_TOO_MANY_EVENTS"},
		"too long a list":   {captureList(many...), codes.ResourceExhausted, "WB_TOO_MANY_EVENTS"},
		"nothing":           {&waybillv1.CaptureEventsRequest{}, codes.InvalidArgument, "WB_ARGUMENT"},
		"no EPCIS document": {captureDocument([]byte(`{"hello":"world"}`)), codes.InvalidArgument, "WB_EPCIS_SCHEMA"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := api.CaptureEvents(t.Context(), c.req)
			wants(t, err, c.grpc, c.code)
		})
	}
	// gRPC itself refuses the message; the client names it as the server would.
	_, err := api.CaptureEvents(t.Context(), captureDocument(bytes.Repeat([]byte(" "), 1<<20)))
	if client.Code(err) != "WB_TOO_LARGE" {
		t.Errorf("a large message: %v", err)
	}
	if h, _ := r.ledger.Height(t.Context()); h != 1 {
		t.Errorf("%d blocks, though nothing was to be recorded", h)
	}
}

// sendPieces sends a document in pieces and gives its results.
func sendPieces(t *testing.T, stream waybillv1.CaptureService_StreamEventsClient, document []byte, size int) ([]*waybillv1.EventResult, *waybillv1.DocumentResult) {
	t.Helper()
	for at := 0; ; at += size {
		end := min(at+size, len(document))
		part := &waybillv1.DocumentPart{Data: document[at:end], Last: end == len(document)}
		if err := stream.Send(&waybillv1.StreamEventsRequest{Part: &waybillv1.StreamEventsRequest_DocumentPart{DocumentPart: part}}); err != nil {
			t.Fatal(err)
		}
		if part.GetLast() {
			break
		}
	}
	var results []*waybillv1.EventResult
	for {
		a, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, a.GetResults()...)
		if d := a.GetDocument(); d != nil {
			return results, d
		}
	}
}

func TestADocumentInPiecesIsAnsweredAndAFaultyOneEndsNoStream(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.DocumentBytes, c.Limits.Pending = 8<<10, 3 })
	stream, err := waybillv1.NewCaptureServiceClient(r.any()).StreamEvents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	results, doc := sendPieces(t, stream, documentOf(observed(1, ""), observed(2, ""), `{"type":"Nonsense"}`, observed(4, ""), observed(5, "")), 100)
	if len(results) != 5 || doc.GetFault() != nil || doc.GetEvents() != 5 || doc.GetIndex() != 0 || results[2].GetStatus() != refusedStatus {
		t.Fatalf("first document: %v, %v", results, doc)
	}
	results, doc = sendPieces(t, stream, bytes.Repeat([]byte("{"), 64<<10), 1000)
	if len(results) != 0 || doc.GetFault().GetCode() != "WB_TOO_LARGE" || doc.GetIndex() != 1 {
		t.Fatalf("too large: %v, %v", results, doc)
	}
	results, doc = sendPieces(t, stream, []byte("<nonsense"), 4)
	if len(results) != 0 || doc.GetFault() == nil || doc.GetIndex() != 2 {
		t.Fatalf("broken: %v, %v", results, doc)
	}
	results, doc = sendPieces(t, stream, documentOf(observed(1, ""), observed(6, "")), 1<<20)
	if len(results) != 2 || results[0].GetIndex() != 5 || results[0].GetStatus() != duplicateStatus || results[1].GetIndex() != 6 || results[1].GetStatus() != recordedStatus || doc.GetFault() != nil || doc.GetIndex() != 3 {
		t.Fatalf("last document: %v, %v", results, doc)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Fatalf("the stream ended with %v", err)
	}
	if n := r.server.documentBytes.Load(); n != 0 {
		t.Errorf("%d bytes of documents are still held", n)
	}
}

func TestAStreamEndedWithinADocumentIsAnError(t *testing.T) {
	r := newRig(t)
	stream, err := waybillv1.NewCaptureServiceClient(r.any()).StreamEvents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err = errors.Join(stream.Send(&waybillv1.StreamEventsRequest{Part: &waybillv1.StreamEventsRequest_DocumentPart{DocumentPart: &waybillv1.DocumentPart{Data: []byte("{")}}}), stream.CloseSend()); err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	wants(t, err, codes.InvalidArgument, "WB_ARGUMENT")
}

func TestTheServerSetsADeadlineWhereTheCallerSetNone(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.WriteTime = 20 * time.Millisecond })
	r.ledger.Before = func(ctx context.Context, _ submit.Kind) error { <-ctx.Done(); return ctx.Err() }
	_, err := waybillv1.NewCaptureServiceClient(r.any()).CaptureEvents(context.WithoutCancel(t.Context()), captureList(observed(1, "")))
	wants(t, err, codes.DeadlineExceeded, "WB_DEADLINE")
}

func TestFailuresOfTheNetworkAreToldByCodeAndNotByTheirCause(t *testing.T) {
	r := newRig(t)
	api := waybillv1.NewCaptureServiceClient(r.any())
	secret := errors.New("peer0 at 10.0.0.7 with key /etc/secret")
	for code, c := range map[string]struct {
		err  error
		grpc codes.Code
	}{
		"WB_UNAVAILABLE":     {&fabric.Error{Op: "endorse", Kind: fabric.ErrUnavailable, Cause: secret}, codes.Unavailable},
		"WB_UNKNOWN_OUTCOME": {&fabric.Error{Op: "submit", Kind: fabric.ErrUnknownOutcome, Cause: errors.Join(context.DeadlineExceeded, secret)}, codes.Unavailable},
		"WB_BUSY":            {fmt.Errorf("%w: %w", submit.ErrBusy, secret), codes.ResourceExhausted},
		"WB_STOPPING":        {submit.ErrClosed, codes.Unavailable},
		"WB_CLOCK_SKEW":      {&fabric.Error{Kind: fabric.ErrRefused, Code: "WB_CLOCK_SKEW", Text: "set the client's clock", Cause: secret}, codes.FailedPrecondition},
		"WB_INTERNAL":        {secret, codes.Internal},
	} {
		var tries atomic.Int64
		r.ledger.Before = func(context.Context, submit.Kind) error { tries.Add(1); return c.err }
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		_, err := api.CaptureEvents(ctx, captureList(observed(1, "")))
		cancel()
		wants(t, err, c.grpc, code)
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s tells %v", code, err)
		}
		if n := tries.Load(); n != 1 && code != "WB_STOPPING" {
			t.Errorf("%s: gRPC has the server try %d times", code, n)
		}
	}
}

func TestAPanicEndsItsCallAndNotTheServer(t *testing.T) {
	r := newRig(t)
	conn := r.any()
	r.ledger.Before = func(context.Context, submit.Kind) error { panic("a fault of ours") }
	_, err := waybillv1.NewCaptureServiceClient(conn).CaptureEvents(t.Context(), captureList(observed(1, "")))
	wants(t, err, codes.Internal, "WB_INTERNAL")
	if strings.Contains(err.Error(), "fault of ours") {
		t.Errorf("the caller is told %v", err)
	}
	if _, err := waybillv1.NewAdminServiceClient(conn).GetStatus(t.Context(), &waybillv1.GetStatusRequest{}); err != nil {
		t.Error(err)
	}
}

func TestMoreWritersThanAllowedAreToldToTryAgain(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.Pushes = 1 })
	conn := r.any()
	first, err := waybillv1.NewCaptureServiceClient(conn).StreamEvents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err = first.Send(&waybillv1.StreamEventsRequest{Part: &waybillv1.StreamEventsRequest_Events{Events: &waybillv1.EventList{Events: [][]byte{[]byte(observed(1, ""))}}}}); err != nil {
		t.Fatal(err)
	}
	if _, err = first.Recv(); err != nil {
		t.Fatal(err)
	}
	second, err := waybillv1.NewCaptureServiceClient(conn).StreamEvents(t.Context())
	if err == nil {
		_, err = second.Recv()
	}
	wants(t, err, codes.ResourceExhausted, "WB_BUSY")
	// A stream that is open and idle is in nobody's way.
	if _, err = waybillv1.NewCaptureServiceClient(conn).CaptureEvents(t.Context(), captureList(observed(2, ""))); err != nil {
		t.Error(err)
	}
}

func TestMoreCallsThanAllowedAreToldToTryAgain(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.Calls = 1 })
	api := waybillv1.NewCaptureServiceClient(r.any())
	under, release := make(chan struct{}), make(chan struct{})
	r.ledger.Before = func(context.Context, submit.Kind) error { close(under); <-release; return nil }
	first := make(chan error, 1)
	go func() {
		_, err := api.CaptureEvents(t.Context(), captureList(observed(1, "")))
		first <- err
	}()
	<-under
	_, err := api.CaptureEvents(t.Context(), captureList(observed(2, "")))
	wants(t, err, codes.ResourceExhausted, "WB_BUSY")
	close(release)
	if err := <-first; err != nil {
		t.Error(err)
	}
}

func TestEventsAreListedPageByPage(t *testing.T) {
	r := newRig(t)
	api := waybillv1.NewCaptureServiceClient(r.any())
	var events []string
	for i := range 25 {
		events = append(events, observed(i, ""))
	}
	a, err := api.CaptureEvents(t.Context(), captureList(events...))
	if err != nil {
		t.Fatal(err)
	}
	for _, newest := range []bool{false, true} {
		var hashes []string
		req := &waybillv1.ListEventsRequest{Filter: &waybillv1.EventFilter{BizStep: "https://ref.gs1.org/cbv/BizStep-shipping"}, PageSize: 7, NewestFirst: newest}
		for pages := 0; ; pages++ {
			var page *waybillv1.ListEventsResponse
			if page, err = api.ListEvents(t.Context(), req); err != nil {
				t.Fatal(err)
			}
			for _, e := range page.GetEvents() {
				hashes = append(hashes, e.GetHash())
			}
			if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
				if pages != 3 {
					t.Errorf("%d pages", pages+1)
				}
				break
			}
		}
		if len(hashes) != 25 || (hashes[0] == a.GetResults()[0].GetHash()) == newest {
			t.Errorf("newest first %v: %d events, first %s", newest, len(hashes), hashes[0])
		}
	}
	page, err := api.ListEvents(t.Context(), &waybillv1.ListEventsRequest{PageSize: 5})
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{page.GetNextPageToken(), "nonsense", "AQ"} {
		_, err = api.ListEvents(t.Context(), &waybillv1.ListEventsRequest{PageToken: token, Filter: &waybillv1.EventFilter{EventType: "ObjectEvent"}})
		wants(t, err, codes.InvalidArgument, "WB_PAGE_TOKEN")
	}
	if _, err = api.ListEvents(t.Context(), &waybillv1.ListEventsRequest{PageSize: 3, PageToken: page.GetNextPageToken()}); err != nil {
		t.Errorf("another page size: %v", err)
	}
	_, err = api.GetEvent(t.Context(), &waybillv1.GetEventRequest{Hash: strings.Repeat("0", 64)})
	wants(t, err, codes.NotFound, "WB_NOT_FOUND")
	_, err = api.GetEvent(t.Context(), &waybillv1.GetEventRequest{Hash: "nonsense"})
	wants(t, err, codes.InvalidArgument, "WB_EPCIS_HASH")
}

func TestAnEventIsFoundByEachOfItsEventIDs(t *testing.T) {
	r := newRig(t)
	api := waybillv1.NewCaptureServiceClient(r.any())
	a, err := api.CaptureEvents(t.Context(), captureList(observed(1, `,"eventID":"urn:uuid:a"`), observed(1, `,"eventID":"urn:uuid:b"`)))
	if err != nil || a.GetRecorded() != 1 || a.GetDuplicate() != 1 {
		t.Fatalf("%v, %v", a, err)
	}
	for _, id := range []string{"urn:uuid:a", "urn:uuid:b"} {
		got, err := api.GetEvent(t.Context(), &waybillv1.GetEventRequest{EventId: id})
		if err != nil {
			t.Fatal(id, err)
		}
		e := got.GetEvent()
		if e.GetHash() != a.GetResults()[0].GetHash() || e.GetEventId() != id || !strings.Contains(string(e.GetBody()), id) || len(e.GetRestatements()) != 1 || len(got.GetOthers()) != 0 {
			t.Errorf("%s: %v", id, got)
		}
	}
	_, err = api.GetEvent(t.Context(), &waybillv1.GetEventRequest{EventId: "urn:uuid:c"})
	wants(t, err, codes.NotFound, "WB_NOT_FOUND")
	_, err = api.GetEvent(t.Context(), &waybillv1.GetEventRequest{EventId: "urn:uuid:a", Hash: a.GetResults()[0].GetHash()})
	wants(t, err, codes.InvalidArgument, "WB_ARGUMENT")
}

func TestItemsAnswerInAnySpelling(t *testing.T) {
	r := newRig(t)
	api := waybillv1.NewCaptureServiceClient(r.any())
	commissioned := strings.Replace(strings.Replace(observed(7, ""), "OBSERVE", "ADD", 1), "shipping", "commissioning", 1)
	if _, err := api.CaptureEvents(t.Context(), captureList(commissioned, strings.Replace(commissioned, "10:00", "11:00", 1))); err != nil {
		t.Fatal(err)
	}
	for _, spelling := range []string{"https://id.gs1.org/01/09521321000018/21/7", "urn:epc:id:sgtin:9521321.000001.7"} {
		a, err := api.GetItem(t.Context(), &waybillv1.GetItemRequest{Epc: spelling})
		if err != nil {
			t.Fatal(err)
		}
		i := a.GetItem()
		if i.GetStatus() != waybillv1.ItemStatus_ITEM_STATUS_ACTIVE || i.GetCustodian() != "ProducerMSP" || i.GetEvents() != 2 ||
			len(i.GetFindings()) != 1 || i.GetFindings()[0].GetCode() != string(ledger.FindingCommissionedTwice) || i.GetFindings()[0].GetTransactionId() == "" {
			t.Errorf("%s: %v", spelling, i)
		}
	}
	_, err := api.GetItem(t.Context(), &waybillv1.GetItemRequest{Epc: "nonsense"})
	if text := status.Convert(err).Message(); strings.Count(text, "WB_") != 1 || !strings.Contains(text, "epc: ") {
		t.Errorf("the code does not stand in %q once", text)
	}
	_, err = api.GetItem(t.Context(), &waybillv1.GetItemRequest{})
	wants(t, err, codes.InvalidArgument, "WB_ARGUMENT")
}

// anyJSON reads JSON so that equal JSON compares equal.
func anyJSON(t *testing.T, data []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestPublishedDocumentsAreCapturedAndReadBackAsTheyWereSent(t *testing.T) {
	r := newRig(t)
	r.ledger.Now = ledger.MillisOf(time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC))
	api := waybillv1.NewCaptureServiceClient(r.any())
	documents := 0
	err := filepath.WalkDir(filepath.Join(testdata.Dir(t), "epcis", "gs1"), func(path string, d fs.DirEntry, err error) error {
		if ext := filepath.Ext(path); err != nil || d.IsDir() || ext != ".jsonld" && ext != ".json" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		sent, ok := anyJSON(t, data).(map[string]any)
		if !ok || sent["type"] != "EPCISDocument" && sent["type"] != "EPCISQueryDocument" {
			return nil
		}
		documents++
		body, _ := sent["epcisBody"].(map[string]any)
		if q, ok := body["queryResults"].(map[string]any); ok {
			body, _ = q["resultsBody"].(map[string]any)
		}
		var events []any
		switch list := body["eventList"].(type) {
		case []any:
			events = list
		case nil:
			events = []any{body["event"]}
		}
		a, err := api.CaptureEvents(t.Context(), captureDocument(data))
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(path), err)
			return nil
		}
		if len(a.GetResults()) != len(events) {
			t.Errorf("%s: %d results for %d events", filepath.Base(path), len(a.GetResults()), len(events))
			return nil
		}
		for i, result := range a.GetResults() {
			if result.GetStatus() == refusedStatus {
				t.Errorf("%s event %d: %v", filepath.Base(path), i, result)
				continue
			}
			got, err := api.GetEvent(t.Context(), &waybillv1.GetEventRequest{Hash: result.GetHash()})
			if err != nil {
				t.Errorf("%s event %d: %v", filepath.Base(path), i, err)
				continue
			}
			spellings := [][]byte{got.GetEvent().GetBody()}
			for _, other := range got.GetEvent().GetRestatements() {
				spellings = append(spellings, other.GetBody())
			}
			found := false
			for _, s := range spellings {
				found = found || reflect.DeepEqual(anyJSON(t, s), events[i])
			}
			if !found {
				t.Errorf("%s event %d is not read back as it was sent:\n%s", filepath.Base(path), i, got.GetEvent().GetBody())
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if documents == 0 {
		t.Fatal("no documents were found")
	}
	t.Logf("%d documents", documents)
}
