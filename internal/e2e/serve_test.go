package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/profile"
)

// TestEndToEndServersEndCleanlyAndGoOn asks a server to end while it has work: what it accepted is on
// the ledger, the process ends with 0, and the next one goes on where the ledger stands.
func TestEndToEndServersEndCleanlyAndGoOn(t *testing.T) {
	ctx, l := endToEnd(t, 3*time.Minute)
	const org = "retailer"
	server := l.serve(ctx, t, org)

	if r := l.run(ctx, t, "serve", "--org", org, "--json", "--listen", freeAddress(t), "--metrics", "off"); r.code != 1 || r.stableCode(t) != "WB_STATE_LOCKED" {
		t.Errorf("a second server in the same state folder: exit code %d, %s", r.code, tail(r.stderr))
	}
	if r := l.run(ctx, t, "serve", "--org", org, "--json", "--dir", t.TempDir(), "--profile", l.net.ProfilePath(org)); r.code == 0 {
		t.Error("two servers listen on one address")
	}

	s := &sent{events: map[ledger.Digest]bool{}, segments: map[segmentID]ledger.Digest{}}
	stop := make(chan struct{})
	var load errgroup.Group
	company := l.dial(t, org, profile.IdentityCompany)
	load.Go(func() error { return s.stream(ctx, company, time.Now().Add(-time.Hour), stop) })
	for range 3 {
		until(ctx, t, "events are under way", func() error {
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(s.events) == 0 {
				return fmt.Errorf("none was acknowledged yet")
			}
			return nil
		})
		began := time.Now()
		if code := server.end(ctx, t); code != 0 {
			t.Errorf("exit code %d under load", code)
		}
		if took := time.Since(began); took > 25*time.Second {
			t.Errorf("it took %s to end", took)
		}
		server = l.serve(ctx, t, org)
	}
	close(stop)
	if err := load.Wait(); err != nil {
		t.Fatal(err)
	}
	c := l.ledger(ctx, t)
	for hash := range s.events {
		if c.events[hash] != 1 {
			t.Errorf("event %s was acknowledged and is recorded %d times", hash, c.events[hash])
		}
	}
	l.readModelHolds(ctx, t, org, c)

	// Another test may have had an organisation anchor falsely.
	until(ctx, t, "it says that it serves", func() error { // it looks at how far behind it is now and then
		if r := l.run(ctx, t, "status", "--org", org, "--json"); !strings.Contains(r.stdout, `"serving":true`) || r.code != 0 && r.stableCode(t) != "WB_ROOT_STANDING" {
			return fmt.Errorf("status: exit code %d, %s%s", r.code, r.stdout, tail(r.stderr))
		}
		return nil
	})
	if r := l.run(ctx, t, "status", "--org", "carrier", "--json", "--timeout", "2s"); r.code != 3 || r.stableCode(t) != "WB_UNAVAILABLE" {
		t.Errorf("status of a server that is not there: exit code %d, %s", r.code, tail(r.stderr))
	}
}

// TestEndToEndServersSayWhatDoesNotWork stops every peer under a running server: it says so, answers
// with a clear code, and works again when they are back.
func TestEndToEndServersSayWhatDoesNotWork(t *testing.T) {
	ctx, l := endToEnd(t, 3*time.Minute)
	const org = "carrier"
	server := l.serve(ctx, t, org)
	health := healthv1.NewHealthClient(l.dial(t, org, profile.IdentityDashboard))
	says := func(want healthv1.HealthCheckResponse_ServingStatus) func() error {
		return func() error {
			r, err := health.Check(ctx, &healthv1.HealthCheckRequest{})
			if err != nil {
				return err
			}
			if r.GetStatus() != want {
				return fmt.Errorf("it says %s", r.GetStatus())
			}
			return nil
		}
	}
	until(ctx, t, "a server with peers serves", says(healthv1.HealthCheckResponse_SERVING))
	names := []string{"peer0.producer", "peer0.carrier", "peer0.retailer"}
	for _, name := range names {
		if err := l.net.StopProcess(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	until(ctx, t, "a server without peers does not serve", says(healthv1.HealthCheckResponse_NOT_SERVING))
	until(ctx, t, "it says that no peer answers", func() error { // it may have noticed something else first
		response, err := http.Get("http://" + l.profile(t, org).API.MetricsAddress + "/readyz")
		if err != nil {
			return err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), `"ledger":"no peer answers`) {
			return fmt.Errorf("/readyz: %d %s %w", response.StatusCode, body, err)
		}
		return nil
	})
	if r := l.run(ctx, t, "status", "--org", org); r.code != 3 || !strings.Contains(r.stdout, "does not serve") {
		t.Errorf("status: exit code %d\n%s", r.code, r.stdout)
	}
	file := writeFile(t, "event.json", document(commissioning(time.Now().Add(-time.Hour))))
	// The caller's deadline may cut an endorsement short, and then the server cannot say more than this.
	r := l.run(ctx, t, "capture", "--org", org, "--json", "--timeout", "2s", file)
	if code := r.stableCode(t); r.code != 3 || code != "WB_UNAVAILABLE" && code != "WB_UNKNOWN_OUTCOME" {
		t.Errorf("capture: exit code %d, %s", r.code, tail(r.stderr))
	}
	for _, name := range names {
		if err := l.net.StartProcess(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	until(ctx, t, "it serves again once the peers are back", says(healthv1.HealthCheckResponse_SERVING))
	l.must(ctx, t, "capture", "--org", org, file)
	if code := server.end(ctx, t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
