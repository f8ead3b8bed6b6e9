package server

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

func verdictOn(shipment, window int, level ledger.VerdictLevel, detail string) ledger.Verdict {
	return ledger.Verdict{
		Shipment: fmt.Sprintf("https://id.gs1.org/00/0952132100000000%02d", shipment), Window: uint32(window), Model: "rules@1", Level: level,
		From: 1, To: 2, Reasons: []ledger.Reason{{Code: "above_range", Contribution: 1, Detail: detail}},
	}
}

func TestWatchingResumesWithoutGapOrDoubleWhileVerdictsAreRecorded(t *testing.T) {
	r := newRig(t)
	const blocks = 120
	var want []string
	var writer sync.WaitGroup
	writer.Go(func() {
		source := rand.New(rand.NewPCG(1, 2))
		for b := range blocks {
			var batch []ledger.Verdict
			for i := range source.IntN(4) {
				batch = append(batch, verdictOn(i, b, ledger.VerdictLevel(1+source.IntN(3)), ""))
			}
			r.ledger.RecordVerdicts(batch...)
			for _, v := range batch {
				want = append(want, fmt.Sprint(v.Shipment, v.Window))
			}
		}
		r.ledger.RecordVerdicts(verdictOn(99, 0, ledger.Quarantine, "the last"))
	})
	api := waybillv1.NewVerdictServiceClient(r.connect(ledger.RoleReader))
	source := rand.New(rand.NewPCG(3, 4))
	var got []string
	var after *waybillv1.Position
	streams := 0
	for last := false; !last; streams++ {
		ctx, cancel := context.WithCancel(t.Context())
		stream, err := api.WatchVerdicts(ctx, &waybillv1.WatchVerdictsRequest{After: after})
		if err != nil {
			t.Fatal(err)
		}
		for range 1 + source.IntN(15) {
			a, err := stream.Recv()
			if err != nil {
				t.Fatal(err)
			}
			after = a.GetPosition()
			v := a.GetVerdict()
			if v == nil {
				continue
			}
			if last = v.GetReasons()[0].GetDetail() == "the last"; last {
				break
			}
			got = append(got, fmt.Sprint(v.GetShipment(), v.GetWindow()))
		}
		cancel()
	}
	writer.Wait()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Fatalf("over %d streams got %d verdicts, want %d, in order", streams, len(got), len(want))
	}
	if streams < 5 {
		t.Fatalf("only %d streams", streams)
	}
}

func TestWatchingGivesSignsOfLifeAndCanBeginNow(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.Heartbeat = 5 * time.Millisecond })
	old := r.ledger.RecordVerdicts(verdictOn(1, 0, ledger.Clear, ""))
	if err := r.store.WaitFor(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	stream, err := waybillv1.NewVerdictServiceClient(r.connect(ledger.RoleReader)).WatchVerdicts(t.Context(), &waybillv1.WatchVerdictsRequest{
		OnlyNew: true, Filter: &waybillv1.VerdictFilter{AtLeast: waybillv1.VerdictLevel_VERDICT_LEVEL_INSPECT},
	})
	if err != nil {
		t.Fatal(err)
	}
	first, err := stream.Recv()
	if err != nil || first.GetVerdict() != nil || first.GetPosition().GetBlock() != old {
		t.Fatalf("the first answer is %v, %v", first, err)
	}
	r.ledger.RecordVerdicts(verdictOn(1, 1, ledger.Clear, ""))
	block := r.ledger.RecordVerdicts(verdictOn(1, 2, ledger.Clear, ""), verdictOn(1, 3, ledger.Quarantine, ""))
	lives := 0
	var a *waybillv1.WatchVerdictsResponse
	for {
		if a, err = stream.Recv(); err != nil {
			t.Fatal(err)
		}
		if v := a.GetVerdict(); v != nil {
			if v.GetWindow() != 3 || a.GetPosition().GetBlock() != block || a.GetPosition().GetIndex() != 1 {
				t.Fatalf("got %v", a)
			}
			break
		}
		lives++
	}
	for lives < 3 {
		if a, err = stream.Recv(); err != nil || a.GetVerdict() != nil {
			t.Fatal(a, err)
		}
		lives++
	}
	stream, err = waybillv1.NewVerdictServiceClient(r.connect(ledger.RoleReader)).WatchVerdicts(t.Context(), &waybillv1.WatchVerdictsRequest{OnlyNew: true, After: &waybillv1.Position{}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.Recv()
	wants(t, err, codes.InvalidArgument, "WB_ARGUMENT")
}

func TestWatchingAfterAPositionBeyondTheLedgerIsRefused(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.Heartbeat = time.Millisecond })
	height := ledgerHeight(t, r)
	conn := r.connect(ledger.RoleReader)
	for _, block := range []uint64{height + farBehind, 999_999_999, 1 << 62, math.MaxUint64} {
		after := &waybillv1.Position{Block: block}
		verdicts, err := waybillv1.NewVerdictServiceClient(conn).WatchVerdicts(t.Context(), &waybillv1.WatchVerdictsRequest{After: after})
		if err != nil {
			t.Fatal(err)
		}
		_, err = verdicts.Recv()
		wants(t, err, codes.OutOfRange, "WB_POSITION")
		events, err := waybillv1.NewCaptureServiceClient(conn).WatchEvents(t.Context(), &waybillv1.WatchEventsRequest{After: after})
		if err != nil {
			t.Fatal(err)
		}
		_, err = events.Recv()
		wants(t, err, codes.OutOfRange, "WB_POSITION")
	}
	// A position that another peer has seen a moment earlier is waited for.
	near, err := waybillv1.NewVerdictServiceClient(conn).WatchVerdicts(t.Context(), &waybillv1.WatchVerdictsRequest{After: &waybillv1.Position{Block: height + 1}})
	if err != nil {
		t.Fatal(err)
	}
	if a, err := near.Recv(); err != nil || a.GetVerdict() != nil {
		t.Fatalf("%v, %v", a, err)
	}
}

func TestAWatcherThatDoesNotReadIsEndedAndResumes(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.SendTime = 50 * time.Millisecond })
	const verdicts = 4_000
	detail := strings.Repeat("d", 4_000)
	for b := range verdicts / 100 {
		var batch []ledger.Verdict
		for i := range 100 {
			batch = append(batch, verdictOn(i, b, ledger.Clear, detail))
		}
		r.ledger.RecordVerdicts(batch...)
	}
	if err := r.store.WaitFor(t.Context(), verdicts/100); err != nil {
		t.Fatal(err)
	}
	api := waybillv1.NewVerdictServiceClient(r.connect(ledger.RoleReader))
	stream, err := api.WatchVerdicts(t.Context(), &waybillv1.WatchVerdictsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	// The reader reads nothing until the server has ended the stream.
	for r.server.calls("/waybill.v1.VerdictService/WatchVerdicts", codes.ResourceExhausted) == 0 {
		select {
		case <-t.Context().Done():
			t.Fatal("the stream was never ended")
		case <-time.After(time.Millisecond):
		}
	}
	seen := map[string]bool{}
	var after *waybillv1.Position
	take := func() error {
		a, recvErr := stream.Recv()
		if recvErr != nil {
			return recvErr
		}
		after = a.GetPosition()
		if v := a.GetVerdict(); v != nil {
			key := fmt.Sprint(v.GetShipment(), v.GetWindow())
			if seen[key] {
				t.Fatalf("%s came twice", key)
			}
			seen[key] = true
		}
		return nil
	}
	for err == nil {
		err = take()
	}
	wants(t, err, codes.ResourceExhausted, "WB_SLOW_READER")
	if len(seen) == 0 || len(seen) == verdicts {
		t.Fatalf("%d verdicts came before the stream was ended", len(seen))
	}
	for len(seen) < verdicts {
		if stream, err = api.WatchVerdicts(t.Context(), &waybillv1.WatchVerdictsRequest{After: after}); err != nil {
			t.Fatal(err)
		}
		for len(seen) < verdicts {
			if take() != nil {
				break
			}
		}
	}
}

func TestStoppingEndsWatchersWithTheirPosition(t *testing.T) {
	r := newRig(t)
	r.ledger.RecordVerdicts(verdictOn(1, 0, ledger.Clear, ""))
	conn := r.connect(ledger.RoleReader)
	verdicts, err := waybillv1.NewVerdictServiceClient(conn).WatchVerdicts(t.Context(), &waybillv1.WatchVerdictsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = verdicts.Recv(); err != nil {
		t.Fatal(err)
	}
	events, err := waybillv1.NewCaptureServiceClient(conn).WatchEvents(t.Context(), &waybillv1.WatchEventsRequest{OnlyNew: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = events.Recv(); err != nil {
		t.Fatal(err)
	}
	r.end()
	for err == nil {
		_, err = verdicts.Recv()
	}
	wants(t, err, codes.Unavailable, "WB_STOPPING")
	_, err = events.Recv()
	wants(t, err, codes.Unavailable, "WB_STOPPING")
	r.start()
}

func TestVerdictsAndShipmentsAreAskedFor(t *testing.T) {
	r := newRig(t)
	final := verdictOn(12, 1, ledger.Inspect, "warm")
	final.Final, final.Score, final.PValue, final.Policy = true, 400_000, 10_000, "cold/1"
	final.Segments = []ledger.SegmentRange{{Device: "d", First: 1, Last: 3, Digest: ledger.Digest{1}}}
	final.Events = []ledger.Digest{{2}}
	block := r.ledger.RecordVerdicts(verdictOn(11, 0, ledger.Quarantine, ""), verdictOn(12, 0, ledger.Quarantine, ""), final)
	if err := r.store.WaitFor(t.Context(), block); err != nil {
		t.Fatal(err)
	}
	api := waybillv1.NewVerdictServiceClient(r.connect(ledger.RoleReader))
	page, err := api.ListVerdicts(t.Context(), &waybillv1.ListVerdictsRequest{Filter: &waybillv1.VerdictFilter{Shipment: "urn:epc:id:sscc:9521321.0000000001"}})
	if err != nil || len(page.GetVerdicts()) != 0 {
		t.Errorf("another shipment: %v, %v", page, err)
	}
	page, err = api.ListVerdicts(t.Context(), &waybillv1.ListVerdictsRequest{PageSize: 2})
	if err != nil || len(page.GetVerdicts()) != 2 || page.GetNextPageToken() == "" {
		t.Fatalf("%v, %v", page, err)
	}
	page, err = api.ListVerdicts(t.Context(), &waybillv1.ListVerdictsRequest{PageSize: 2, PageToken: page.GetNextPageToken()})
	if err != nil || len(page.GetVerdicts()) != 1 || page.GetNextPageToken() != "" {
		t.Fatalf("%v, %v", page, err)
	}
	v := page.GetVerdicts()[0]
	if !v.GetFinal() || v.GetScoreMillionths() != 400_000 || v.GetLevel() != waybillv1.VerdictLevel_VERDICT_LEVEL_INSPECT || v.GetSegments()[0].GetLast() != 3 ||
		len(v.GetEvents()) != 1 || v.GetScorer() != "ProducerMSP" || v.GetPosition().GetIndex() != 2 || v.GetReasons()[0].GetDetail() != "warm" {
		t.Errorf("verdict: %v", v)
	}
	ships, err := api.ListShipments(t.Context(), &waybillv1.ListShipmentsRequest{OpenOnly: true})
	if err != nil || len(ships.GetShipments()) != 1 || ships.GetShipments()[0].GetWorst() != waybillv1.VerdictLevel_VERDICT_LEVEL_QUARANTINE {
		t.Errorf("open shipments: %v, %v", ships, err)
	}
	ships, err = api.ListShipments(t.Context(), &waybillv1.ListShipmentsRequest{PageSize: 1})
	if err != nil || len(ships.GetShipments()) != 1 || ships.GetNextPageToken() == "" {
		t.Fatalf("shipments: %v, %v", ships, err)
	}
	ships, err = api.ListShipments(t.Context(), &waybillv1.ListShipmentsRequest{PageSize: 1, PageToken: ships.GetNextPageToken()})
	if err != nil || len(ships.GetShipments()) != 1 || ships.GetShipments()[0].GetLatest().GetWindow() != 1 || ships.GetShipments()[0].GetEndedAt() == nil || ships.GetNextPageToken() != "" {
		t.Fatalf("shipments: %v, %v", ships, err)
	}
	_, err = api.GetVerdict(t.Context(), &waybillv1.GetVerdictRequest{Shipment: "https://id.gs1.org/00/095213210000000012", Window: 9, Model: "rules@1"})
	wants(t, err, codes.NotFound, "WB_NOT_FOUND")
	_, err = api.ListVerdicts(t.Context(), &waybillv1.ListVerdictsRequest{Filter: &waybillv1.VerdictFilter{AtLeast: 77}})
	wants(t, err, codes.InvalidArgument, "WB_ARGUMENT")
}

func ledgerHeight(t *testing.T, r *rig) uint64 {
	t.Helper()
	height, err := r.ledger.Height(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return height
}
