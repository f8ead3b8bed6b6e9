package server

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/waybill-dev/waybill/api/client"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/ingest"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/submit"
)

const loggerID = "https://id.gs1.org/8004/9521321900001"

// registered puts a device on the ledger and gives its chain.
func registered(t *testing.T, r *rig, id string) *ingest.Chain {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	a, err := waybillv1.NewTelemetryServiceClient(r.connect(ledger.RoleRegistrar)).RegisterDevices(t.Context(), &waybillv1.RegisterDevicesRequest{
		Devices: []*waybillv1.DeviceKey{{Id: id, Algorithm: waybillv1.KeyAlgorithm_KEY_ALGORITHM_ED25519, PublicKey: der}},
	})
	if err != nil || a.GetResults()[0].GetStatus() != recordedStatus || a.GetResults()[0].GetTransactionId() == "" {
		t.Fatal(a, err)
	}
	return &ingest.Chain{Device: a.GetResults()[0].GetId(), Signer: private}
}

func signed(t *testing.T, c *ingest.Chain, from ledger.Millis, values ...int32) *waybillv1.SignedSegment {
	t.Helper()
	times := make([]ledger.Millis, len(values))
	for i := range values {
		times[i] = from + ledger.Millis(i)*60_000
	}
	s, err := c.Sign(times, []ledger.Channel{{Quantity: ledger.Temperature, Values: values}})
	if err != nil {
		t.Fatal(err)
	}
	return &waybillv1.SignedSegment{Payload: s.Payload, Signature: s.Signature}
}

func push(t *testing.T, stream waybillv1.TelemetryService_PushSegmentsClient, segments ...*waybillv1.SignedSegment) []*waybillv1.SegmentResult {
	t.Helper()
	if err := stream.Send(&waybillv1.PushSegmentsRequest{Segments: segments}); err != nil {
		t.Fatal(err)
	}
	var results []*waybillv1.SegmentResult
	for len(results) < len(segments) {
		a, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, a.GetResults()...)
	}
	return results
}

func TestSegmentsAreAnsweredEachWithItsCode(t *testing.T) {
	r := newRig(t)
	chain := registered(t, r, loggerID)
	noon := r.ledger.Now
	api := waybillv1.NewTelemetryServiceClient(r.connect(ledger.RoleGateway))
	stream, err := api.PushSegments(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := signed(t, chain, noon-3_600_000, 5_000, 5_100)
	forged := signed(t, chain, noon-3_000_000, 6_000)
	forged.Signature = append([]byte(nil), forged.Signature...)
	forged.Signature[3] ^= 1
	chain.Next, chain.Previous = 1, ledger.Digest{}
	otherFirst := *chain
	otherFirst.Next = 0
	replayed := signed(t, &otherFirst, noon-3_600_000, 9_000)
	unregistered := signed(t, &ingest.Chain{Device: loggerID + "9", Signer: chain.Signer}, noon-3_600_000, 5_000)
	gap := signed(t, &ingest.Chain{Device: loggerID, Signer: chain.Signer, Next: 5}, noon-3_600_000, 5_000)
	future := signed(t, &ingest.Chain{Device: loggerID, Signer: chain.Signer, Next: 1}, ledger.MillisOf(time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)), 5_000)
	results := push(t, stream, first, forged, replayed, unregistered, gap, future, &waybillv1.SignedSegment{Payload: []byte("nonsense")}, first)
	for i, want := range []struct {
		status waybillv1.AnswerStatus
		code   string
	}{
		{recordedStatus, ""},
		{refusedStatus, "WB_SIGNATURE"},
		{refusedStatus, "WB_SEGMENT_REPLAY"},
		{refusedStatus, "WB_UNKNOWN_DEVICE"},
		{refusedStatus, "WB_SEGMENT_GAP"},
		{refusedStatus, "WB_TIME_FUTURE"},
		{refusedStatus, "WB_MALFORMED"},
		{duplicateStatus, ""},
	} {
		if got := results[i]; got.GetStatus() != want.status || got.GetCode() != want.code || got.GetIndex() != uint64(i) {
			t.Errorf("segment %d: %v, want %s %s", i, got, want.status, want.code)
		}
	}
	if f := results[0]; f.GetTransactionId() == "" || f.GetBlock() == 0 || f.GetDevice() != loggerID || f.GetDigest() == "" || results[7].GetTransactionId() != f.GetTransactionId() || results[7].GetBlock() != 0 {
		t.Errorf("recorded and again: %v, %v", f, results[7])
	}
	g, err := api.GetSegment(t.Context(), &waybillv1.GetSegmentRequest{Device: loggerID})
	if err != nil || !proto.Equal(&waybillv1.SignedSegment{Payload: g.GetSegment().GetPayload(), Signature: g.GetSegment().GetSignature()}, first) ||
		g.GetSegment().GetCount() != 2 || g.GetSegment().GetPrevious() != "" || g.GetSegment().GetPosition().GetBlock() != results[0].GetBlock() {
		t.Errorf("read back: %v, %v", g, err)
	}
	d, err := api.GetDevice(t.Context(), &waybillv1.GetDeviceRequest{Id: "urn:epc:id:giai:9521321.900001"})
	if err != nil || d.GetDevice().GetNextSequence() != 1 || d.GetDevice().GetLastDigest() != results[0].GetDigest() || d.GetDevice().GetOwner() != "ProducerMSP" {
		t.Errorf("device: %v, %v", d, err)
	}
	list, err := api.ListDevices(t.Context(), &waybillv1.ListDevicesRequest{})
	if err != nil || len(list.GetDevices()) != 1 {
		t.Errorf("devices: %v, %v", list, err)
	}
	_, err = api.GetSegment(t.Context(), &waybillv1.GetSegmentRequest{Device: loggerID, Sequence: 1 << 63})
	wants(t, err, codes.NotFound, "WB_NOT_FOUND")
}

func TestReadingsComeInPagesCutToTheirRange(t *testing.T) {
	r := newRig(t)
	chain := registered(t, r, loggerID)
	start := r.ledger.Now - 10*3_600_000
	api := waybillv1.NewTelemetryServiceClient(r.connect(ledger.RoleGateway))
	stream, err := api.PushSegments(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var segments []*waybillv1.SignedSegment
	const count = 50
	for i := range count {
		segments = append(segments, signed(t, chain, start+ledger.Millis(i)*600_000, int32(i), int32(i), int32(i)))
	}
	for _, result := range push(t, stream, segments...) {
		if result.GetStatus() != recordedStatus {
			t.Fatal(result)
		}
	}
	for name, c := range map[string]struct {
		req  *waybillv1.ListReadingsRequest
		want int
	}{
		"all":            {&waybillv1.ListReadingsRequest{}, 3 * count},
		"pages of 7":     {&waybillv1.ListReadingsRequest{PageSize: 7}, 3 * count},
		"pages of 40":    {&waybillv1.ListReadingsRequest{PageSize: 40}, 3 * count},
		"a range":        {&waybillv1.ListReadingsRequest{Time: &waybillv1.TimeRange{From: timestamppb.New((start + 60_000).Time()), Until: timestamppb.New((start + 660_000).Time())}}, 3},
		"other quantity": {&waybillv1.ListReadingsRequest{Quantity: waybillv1.Quantity_QUANTITY_DOOR}, 0},
	} {
		c.req.Device = loggerID
		got, last := 0, int64(0)
		for {
			page, err := api.ListReadings(t.Context(), c.req)
			if err != nil {
				t.Fatal(err)
			}
			for _, run := range page.GetRuns() {
				for i, at := range run.GetTimesMs() {
					if at <= last || run.GetChannels()[0].GetValues()[i] != int32(run.GetSequence()) {
						t.Fatalf("%s: %v after %d", name, run, last)
					}
					last = at
					got++
				}
			}
			if c.req.PageToken = page.GetNextPageToken(); c.req.GetPageToken() == "" {
				break
			}
		}
		if got != c.want {
			t.Errorf("%s: %d readings, want %d", name, got, c.want)
		}
	}
}

func TestDevicesAreAnsweredEachForItself(t *testing.T) {
	r := newRig(t)
	chain := registered(t, r, loggerID)
	der, err := x509.MarshalPKIXPublicKey(chain.Signer.Public())
	if err != nil {
		t.Fatal(err)
	}
	api := waybillv1.NewTelemetryServiceClient(r.connect(ledger.RoleRegistrar))
	ed := waybillv1.KeyAlgorithm_KEY_ALGORITHM_ED25519
	a, err := api.RegisterDevices(t.Context(), &waybillv1.RegisterDevicesRequest{Devices: []*waybillv1.DeviceKey{
		{Id: "urn:epc:id:giai:9521321.900001", Algorithm: ed, PublicKey: der},
		{Id: loggerID + "2", PublicKey: der},
		{Algorithm: ed, PublicKey: der},
		{Id: loggerID + "3", Algorithm: ed, PublicKey: []byte("nonsense")},
		{Id: loggerID + "4", Algorithm: ed, PublicKey: der},
		{Id: "urn:epc:id:sgtin:9521321.000001.1001", Algorithm: ed, PublicKey: der},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []waybillv1.AnswerStatus{duplicateStatus, refusedStatus, refusedStatus, refusedStatus, recordedStatus, refusedStatus} {
		if got := a.GetResults()[i]; got.GetStatus() != want || got.GetIndex() != uint64(i) || (want == refusedStatus) != (got.GetCode() != "") {
			t.Errorf("device %d: %v, want %s", i, got, want)
		}
	}
	_, err = api.RegisterDevices(t.Context(), &waybillv1.RegisterDevicesRequest{Devices: make([]*waybillv1.DeviceKey, 1001)})
	wants(t, err, codes.ResourceExhausted, "WB_TOO_MANY_INPUTS")
}

func TestPoliciesComeBackAsTheyWereSet(t *testing.T) {
	r := newRig(t)
	freeze := int32(-500)
	cold := &waybillv1.Policy{
		Id: "cold", Version: 1, Products: []string{"*"}, Low: 2_000, High: 8_000, ExcursionLow: 1_000, ExcursionHigh: 15_000,
		ExcursionFor: durationpb.New(24 * time.Hour), Grace: durationpb.New(time.Minute), MktMax: 8_000, MktOver: durationpb.New(24 * time.Hour),
		FreezeBelow: &freeze, FreezeFor: durationpb.New(time.Hour),
	}
	api := waybillv1.NewPolicyServiceClient(r.any())
	a, err := api.SetPolicies(t.Context(), &waybillv1.SetPoliciesRequest{Policies: []*waybillv1.Policy{cold, {Id: "broken", Version: 0}, cold}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []waybillv1.AnswerStatus{recordedStatus, refusedStatus, duplicateStatus} {
		if got := a.GetResults()[i]; got.GetStatus() != want {
			t.Errorf("policy %d: %v, want %s", i, got, want)
		}
	}
	list, err := api.ListPolicies(t.Context(), &waybillv1.ListPoliciesRequest{})
	if err != nil || len(list.GetPolicies()) != 1 {
		t.Fatal(list, err)
	}
	got := list.GetPolicies()[0]
	if got.GetSetBy() != "ProducerMSP" || got.GetSetAt() == nil {
		t.Errorf("policy: %v", got)
	}
	got.SetBy, got.SetAt = "", nil
	if !proto.Equal(got, cold) {
		t.Errorf("got %v, want %v", got, cold)
	}
}

func TestStatusTellsWhatTheServiceHolds(t *testing.T) {
	r := newRig(t)
	conn := r.any()
	if _, err := waybillv1.NewCaptureServiceClient(conn).CaptureEvents(t.Context(), captureList(observed(1, ""), observed(2, ""))); err != nil {
		t.Fatal(err)
	}
	s, err := waybillv1.NewAdminServiceClient(conn).GetStatus(t.Context(), &waybillv1.GetStatusRequest{})
	if err != nil || s.GetTotals().GetEvents() != 2 || s.GetReadHeight() != 2 || s.GetLedgerHeight() != 2 || s.GetLag() != 0 || s.GetReadHash() == "" ||
		s.GetMspId() != "ProducerMSP" || s.GetSchemaVersion() == 0 || s.GetLedgerError() != "" {
		t.Errorf("status: %v, %v", s, err)
	}
}

func each[T any](values []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range values {
			if !yield(v, nil) {
				return
			}
		}
	}
}

func TestASenderLosesAndDoublesNothingWhileServersAreKilled(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.Pending = 16 })
	chain := registered(t, r, loggerID)
	conn := r.any()
	var calls atomic.Int64
	die := make(chan struct{}, 1)
	// Every third transaction is recorded, but its answer does not get out: the server dies first.
	r.ledger.After = func(submit.Kind) error {
		if calls.Add(1)%3 == 0 {
			select {
			case die <- struct{}{}:
			default:
			}
			return &fabric.Error{Kind: fabric.ErrUnknownOutcome}
		}
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	killed := make(chan int, 1)
	go func() {
		n := 0
		for {
			select {
			case <-die:
				r.kill()
				n++
			case <-ctx.Done():
				killed <- n
				return
			}
		}
	}()
	const n = 200
	var events [][]byte
	var segments []*waybillv1.SignedSegment
	for i := range n {
		events = append(events, []byte(observed(i, "")))
		segments = append(segments, signed(t, chain, r.ledger.Now-1_000*60_000+ledger.Millis(i)*60_000, int32(i)))
	}
	retries := 0
	cfg := client.Config{Window: 32, Batch: 4, OnRetry: func(error) { retries++ }}
	next := uint64(0)
	err := client.SendEvents(ctx, conn, cfg, nil, each(events), func(index uint64, a *waybillv1.EventResult) {
		if index != next || a.GetStatus() == refusedStatus || a.GetTransactionId() == "" {
			t.Errorf("event %d: %v, want %d", index, a, next)
		}
		next++
	})
	if err != nil || next != n {
		t.Errorf("%d events answered, %v", next, err)
	}
	next = 0
	err = client.PushSegments(ctx, conn, cfg, each(segments), func(index uint64, a *waybillv1.SegmentResult) {
		if index != next || a.GetSequence() != next || a.GetStatus() == refusedStatus || a.GetTransactionId() == "" {
			t.Errorf("segment %d: %v, want %d", index, a, next)
		}
		next++
	})
	if err != nil || next != n {
		t.Errorf("%d segments answered, %v", next, err)
	}
	cancel()
	if kills := <-killed; kills < 3 || retries < 3 {
		t.Errorf("%d kills and %d retries make no test", kills, retries)
	}
	height, _ := r.ledger.Height(t.Context())
	if err = r.store.WaitFor(t.Context(), height-1); err != nil {
		t.Fatal(err)
	}
	totals, _, err := r.store.Totals(t.Context())
	if err != nil || totals.Events != n || totals.Segments != n || totals.Restatements != 0 {
		t.Errorf("the ledger holds %+v, %v", totals, err)
	}
}

func TestASenderEndsWithWhatTheServerRefuses(t *testing.T) {
	r := newRig(t)
	err := client.SendEvents(t.Context(), r.connect(ledger.RoleReader), client.Config{}, nil, each([][]byte{[]byte(observed(1, ""))}), func(uint64, *waybillv1.EventResult) {})
	wants(t, err, codes.PermissionDenied, "WB_UNAUTHORISED")
	broken := errors.New("the file ends here")
	answered := 0
	err = client.SendEvents(t.Context(), r.any(), client.Config{}, nil, func(yield func([]byte, error) bool) {
		_ = yield([]byte(observed(1, "")), nil) && yield(nil, broken)
	}, func(uint64, *waybillv1.EventResult) { answered++ })
	if !errors.Is(err, broken) || answered != 1 {
		t.Errorf("got %v after %d answers", err, answered)
	}
}

func TestAFullBacklogMakesTheSenderWait(t *testing.T) {
	const pending = 8
	limits := Limits{Pending: pending, PendingBytes: 1 << 20}
	received, release := 0, make(chan struct{})
	high := 0
	answered := 0
	err := pump(t.Context(), limits, nil, func(add func(int, int) error) error {
		if received == 100 {
			return io.EOF
		}
		if err := add(received, 1); err != nil {
			return err
		}
		received++
		if received == pending {
			close(release)
		}
		return nil
	}, func(batch []int) error {
		<-release
		high = max(high, len(batch))
		for _, v := range batch {
			if v != answered {
				return fmt.Errorf("%d came for %d", v, answered)
			}
			answered++
		}
		return nil
	})
	if err != nil || answered != 100 || high > pending {
		t.Errorf("%d answered, at most %d at a time, %v", answered, high, err)
	}
	boom := errors.New("boom")
	if err := pump(t.Context(), limits, nil, func(func(int, int) error) error { panic(boom) }, func([]int) error { return nil }); err == nil {
		t.Error("a panic while receiving was lost")
	}
}

func TestQuantitiesAndLevelsHaveTheLedgersNumbers(t *testing.T) {
	for name, pair := range map[string][2]int{
		"temperature": {int(waybillv1.Quantity_QUANTITY_TEMPERATURE), int(ledger.Temperature)},
		"humidity":    {int(waybillv1.Quantity_QUANTITY_RELATIVE_HUMIDITY), int(ledger.RelativeHumidity)},
		"shock":       {int(waybillv1.Quantity_QUANTITY_SHOCK), int(ledger.Shock)},
		"light":       {int(waybillv1.Quantity_QUANTITY_LIGHT), int(ledger.Light)},
		"door":        {int(waybillv1.Quantity_QUANTITY_DOOR), int(ledger.Door)},
		"clear":       {int(waybillv1.VerdictLevel_VERDICT_LEVEL_CLEAR), int(ledger.Clear)},
		"inspect":     {int(waybillv1.VerdictLevel_VERDICT_LEVEL_INSPECT), int(ledger.Inspect)},
		"quarantine":  {int(waybillv1.VerdictLevel_VERDICT_LEVEL_QUARANTINE), int(ledger.Quarantine)},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %d in the protocol and %d on the ledger", name, pair[0], pair[1])
		}
	}
}
