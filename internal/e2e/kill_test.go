package e2e_test

import (
	"bufio"
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/api/client"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/profile"
)

const kills = 20

// sent is what was sent and acknowledged.
type sent struct {
	mu       sync.Mutex
	events   map[ledger.Digest]bool
	segments map[segmentID]ledger.Digest
}

// patient is a sender that outlives the server.
func patient() client.Config { return client.Config{Patience: time.Minute} }

func one[T any](v T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) { yield(v, nil) }
}

// event sends an event and wants it on the ledger.
func (s *sent) event(ctx context.Context, conn *grpc.ClientConn, contextJSON, body []byte) error {
	parsed, err := epcis.ParseEvent(contextJSON, body)
	if err != nil {
		return err
	}
	var answer *waybillv1.EventResult
	if err := client.SendEvents(ctx, conn, patient(), contextJSON, one(body), func(_ uint64, r *waybillv1.EventResult) { answer = r }); err != nil {
		return err
	}
	if answer.GetStatus() == refused {
		return fmt.Errorf("event refused: %s %s", answer.GetCode(), answer.GetMessage())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events[ledger.Digest(parsed.Hash())] = true
	return nil
}

func (s *sent) segment(ctx context.Context, conn *grpc.ClientConn, v *simulate.Segment) error {
	var answer *waybillv1.SegmentResult
	message := &waybillv1.SignedSegment{Payload: v.Signed.Payload, Signature: v.Signed.Signature}
	if err := client.PushSegments(ctx, conn, patient(), one(message), func(_ uint64, r *waybillv1.SegmentResult) { answer = r }); err != nil {
		return err
	}
	if answer.GetStatus() == refused {
		return fmt.Errorf("segment %d of %s refused: %s %s", v.Readings.Seq, v.Readings.Device, answer.GetCode(), answer.GetMessage())
	}
	digest, err := ledger.ParseDigest(answer.GetDigest())
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.segments[segmentID{v.Readings.Device, v.Readings.Seq}] = digest
	return nil
}

// stream sends commissioning events in one stream until stop is closed.
func (s *sent) stream(ctx context.Context, conn *grpc.ClientConn, now time.Time, stop <-chan struct{}) error {
	var hashes []ledger.Digest
	var mu sync.Mutex
	var failure error
	source := func(yield func([]byte, error) bool) {
		for {
			select {
			case <-stop:
				return
			default:
			}
			body := []byte(commissioning(now))
			parsed, err := epcis.ParseEvent(nil, body)
			if err == nil {
				mu.Lock()
				hashes = append(hashes, ledger.Digest(parsed.Hash()))
				mu.Unlock()
			}
			if !yield(body, err) {
				return
			}
		}
	}
	c := patient()
	c.Window, c.Batch = 256, 32
	err := client.SendEvents(ctx, conn, c, nil, source, func(index uint64, r *waybillv1.EventResult) {
		mu.Lock()
		hash := hashes[index]
		mu.Unlock()
		if r.GetStatus() == refused || r.GetHash() != epcis.Hash(hash).String() {
			failure = fmt.Errorf("event %d (%s): %s %s %s", index, hash, r.GetStatus(), r.GetHash(), r.GetCode())
			return
		}
		s.mu.Lock()
		s.events[hash] = true
		s.mu.Unlock()
	})
	if err == nil {
		err = failure
	}
	return err
}

// TestEndToEndKilledServersLoseAndDoubleNothing kills a server at random under load, again and
// again, while clients send shipments and a stream of events through it.
func TestEndToEndKilledServersLoseAndDoubleNothing(t *testing.T) {
	ctx, l := endToEnd(t, 6*time.Minute)
	const org = "producer"
	seed := uint64(time.Now().UnixNano()) // serials of its own each time the test is run
	t.Logf("seed %d", seed)
	day, err := simulate.New(simulate.Config{Seed: seed, Now: time.Now().Add(-time.Hour), Shipments: 12, SegmentReadings: 15})
	if err != nil {
		t.Fatal(err)
	}
	server := l.serve(ctx, t, org)
	s := &sent{events: map[ledger.Digest]bool{}, segments: map[segmentID]ledger.Digest{}}
	l.setUp(ctx, t, org, day)

	lives := map[string][]simulate.Action{}
	for _, a := range day.Actions {
		if a.Kind == simulate.KindEvent || a.Kind == simulate.KindSegment {
			lives[a.Shipment] = append(lives[a.Shipment], a)
		}
	}
	company, gateway := l.dial(t, org, profile.IdentityCompany), l.dial(t, org, profile.IdentityGateway)
	load, loadCtx := errgroup.WithContext(ctx)
	var under atomic.Int64
	for _, actions := range lives {
		under.Add(1)
		load.Go(func() error {
			defer under.Add(-1)
			for _, a := range actions {
				var err error
				if a.Event != nil {
					err = s.event(loadCtx, company, a.Event.Context, a.Event.Body)
				} else {
					err = s.segment(loadCtx, gateway, a.Segment)
				}
				if err != nil {
					return fmt.Errorf("shipment %s: %w", a.Shipment, err)
				}
			}
			return nil
		})
	}
	stop := make(chan struct{})
	load.Go(func() error { return s.stream(loadCtx, company, time.Now().Add(-time.Hour), stop) })

	began, underLoad := time.Now(), 0
	for range kills {
		select {
		case <-time.After(200*time.Millisecond + rand.N(1300*time.Millisecond)): // a random moment, after it was ready
		case <-loadCtx.Done():
		}
		if under.Load() > 0 {
			underLoad++
		}
		server.kill()
		server = l.serveBehind(ctx, t, org)
	}
	close(stop)
	if err := load.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d kills, %d of them with shipments under way, in %s; %d events and %d segments acknowledged",
		kills, underLoad, time.Since(began).Round(time.Millisecond), len(s.events), len(s.segments))

	var c *contents
	until(ctx, t, "every verdict that the ledger makes due is on it", func() error {
		c = l.ledger(ctx, t)
		return sameVerdicts(t, c)
	})
	lost, doubled := 0, 0
	for hash := range s.events {
		switch n := c.events[hash]; {
		case n == 0:
			lost++
		case n > 1:
			doubled++
		}
	}
	for id, digest := range s.segments {
		switch n := c.segments[id]; {
		case n == 0 || c.digests[id] != digest:
			lost++
		case n > 1:
			doubled++
		}
	}
	if lost != 0 || doubled != 0 {
		t.Errorf("%d lost, %d doubled", lost, doubled)
	}
	for id, v := range c.verdicts {
		if len(v) != 1 {
			t.Errorf("verdict %v is recorded %d times", id, len(v))
		}
	}
	finals := map[string]bool{}
	for _, v := range c.verdicts {
		if v[0].Final {
			finals[v[0].Shipment] = true
		}
	}
	for _, truth := range day.Truth {
		if !finals[truth.Shipment] {
			t.Errorf("shipment %s has no final verdict", truth.Shipment)
		}
	}
	l.readModelHolds(ctx, t, org, c)

	// A scorer of another organisation, never killed, comes to the same verdicts: it has nothing to add.
	fresh := l.serve(ctx, t, "carrier", "--role", "scorer", "--dir", t.TempDir(), "--profile", l.net.ProfilePath("carrier"))
	until(ctx, t, "the other scorer has judged everything", func() error {
		position, pending := l.metric(ctx, t, "carrier", "waybill_scorer_position"), l.metric(ctx, t, "carrier", "waybill_scorer_pending")
		if position < float64(c.height) || pending != 0 {
			return fmt.Errorf("it is at block %g of %d, with %g verdicts to write", position, c.height, pending)
		}
		return nil
	})
	if judged := l.metric(ctx, t, "carrier", "waybill_scorer_judged"); judged != float64(len(c.verdicts)) {
		t.Errorf("it judged %g verdicts, the ledger holds %d", judged, len(c.verdicts))
	}
	if code := fresh.end(ctx, t); code != 0 {
		t.Errorf("the scorer ended with exit code %d", code)
	}
	again := l.ledger(ctx, t)
	if len(again.verdicts) != len(c.verdicts) {
		t.Errorf("a scorer that was never killed added %d verdicts", len(again.verdicts)-len(c.verdicts))
	}
	if code := server.end(ctx, t); code != 0 {
		t.Errorf("the server ended with exit code %d", code)
	}
}

// setUp registers the policies and devices of a day.
func (l *lab) setUp(ctx context.Context, t *testing.T, org string, day *simulate.Day) {
	t.Helper()
	conn := l.dial(t, org, profile.IdentityRegistrar)
	devices := &waybillv1.RegisterDevicesRequest{}
	for _, d := range day.Devices {
		devices.Devices = append(devices.Devices, &waybillv1.DeviceKey{Id: d.ID, Algorithm: waybillv1.KeyAlgorithm_KEY_ALGORITHM_ED25519, PublicKey: d.PublicKey})
	}
	r, err := waybillv1.NewTelemetryServiceClient(conn).RegisterDevices(ctx, devices)
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range r.GetResults() {
		if result.GetStatus() == refused {
			t.Fatalf("device %s: %s %s", result.GetId(), result.GetCode(), result.GetMessage())
		}
	}
	policies := &waybillv1.SetPoliciesRequest{}
	for _, p := range day.Policies {
		policies.Policies = append(policies.Policies, client.PolicyMessage(p))
	}
	set, err := waybillv1.NewPolicyServiceClient(conn).SetPolicies(ctx, policies)
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range set.GetResults() {
		if result.GetStatus() == refused {
			t.Fatalf("policy %s: %s %s", result.GetId(), result.GetCode(), result.GetMessage())
		}
	}
}

// sameVerdicts judges the ledger in one go, with no server and no kill, and compares.
func sameVerdicts(t *testing.T, c *contents) error {
	t.Helper()
	model, err := score.Default()
	if err != nil {
		t.Fatal(err)
	}
	docket := scorer.NewDocket(model, feature.DefaultLimits())
	due := map[verdictID]ledger.Verdict{}
	for _, b := range c.blocks {
		for _, tx := range b.Transactions {
			for _, v := range docket.Apply(b.Number, tx.Transaction) {
				due[verdictID{v.Shipment, v.Window, v.Model}] = v
			}
		}
	}
	if len(due) == 0 {
		return fmt.Errorf("no verdict is due")
	}
	missing := 0
	for id, want := range due {
		have := c.verdicts[id]
		if len(have) == 0 {
			missing++
			continue
		}
		if v := have[0]; v.Level != want.Level || v.Trace != want.Trace || v.Inputs != want.Inputs || v.Score != want.Score || v.Final != want.Final {
			t.Errorf("verdict %v is %s with trace %s on the ledger; without kills %s with trace %s", id, v.Level, v.Trace, want.Level, want.Trace)
		}
	}
	for id := range c.verdicts {
		if _, ok := due[id]; !ok && id.model == model.Name() {
			t.Errorf("verdict %v is on the ledger and not due", id)
		}
	}
	if missing > 0 {
		return fmt.Errorf("%d of %d verdicts are not on the ledger yet", missing, len(due))
	}
	return nil
}

// metric reads one figure of a server.
func (l *lab) metric(ctx context.Context, t *testing.T, org, name string) float64 {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.profile(t, org).API.MetricsAddress+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	for lines := bufio.NewScanner(r.Body); lines.Scan(); {
		if figure, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			v, err := strconv.ParseFloat(figure, 64)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("the server of %s has no metric %s", org, name)
	return 0
}

// readModelHolds wants the read model to count what the ledger holds.
func (l *lab) readModelHolds(ctx context.Context, t *testing.T, org string, c *contents) {
	t.Helper()
	api := waybillv1.NewAdminServiceClient(l.dial(t, org, profile.IdentityDashboard))
	until(ctx, t, "the read model has caught up", func() error {
		r, err := api.GetStatus(ctx, &waybillv1.GetStatusRequest{})
		if err != nil {
			return err
		}
		have := r.GetTotals()
		if have.GetEvents() != uint64(len(c.events)) || have.GetSegments() != uint64(len(c.segments)) || have.GetVerdicts() != uint64(len(c.verdicts)) {
			return fmt.Errorf("it counts %d events, %d segments, %d verdicts; the ledger holds %d, %d, %d",
				have.GetEvents(), have.GetSegments(), have.GetVerdicts(), len(c.events), len(c.segments), len(c.verdicts))
		}
		return nil
	})
}
