package bench_test

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/waybill-dev/waybill/api/client"
	"github.com/waybill-dev/waybill/internal/bench"
	"github.com/waybill-dev/waybill/internal/stack"
)

// The ratios that a release must reach are measured with `waybill bench` on a machine that does nothing
// else; here it is held that all of them can be measured and that the ledger holds what was sent, once.
func TestEndToEndTheLedgerHoldsWhatEachBenchSentOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a Fabric network; not with -short")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	dir, bin := t.TempDir(), t.TempDir()
	build := exec.CommandContext(ctx, "go", "build", "-o", bin+string(filepath.Separator), "./cmd/...")
	build.Dir = filepath.Join("..", "..")
	if out, failed := build.CombinedOutput(); failed != nil {
		t.Fatalf("building the commands: %v\n%s", failed, out)
	}
	const org = "carrier"
	s, err := stack.Up(ctx, stack.Options{
		Dir: dir, NetworkDir: filepath.Join(dir, "network"), Servers: []stack.Server{{Organisation: org}},
		Program: filepath.Join(bin, "waybill"), ChaincodeBin: filepath.Join(bin, "waybill-chaincode"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		down, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if failed := s.Down(down); failed != nil {
			t.Error(failed)
		}
	})
	p, err := s.Profile(org)
	if err != nil {
		t.Fatal(err)
	}
	cfg := bench.Config{
		Profile: p, Dial: func(identity string) (*grpc.ClientConn, error) { return client.Dial(p, identity) },
		Seconds: 6, Rounds: 1, Clients: 4, NaiveClients: 16, Loggers: 4, Say: func(line string) { t.Log(line) },
	}
	for kind, measure := range map[bench.Kind]func(context.Context, bench.Config) (*bench.Result, error){
		bench.Capture: bench.MeasureCapture, bench.Readings: bench.MeasureReadings, bench.Verdict: bench.MeasureVerdict,
	} {
		t.Run(string(kind), func(t *testing.T) {
			r, err := measure(ctx, cfg)
			if err != nil {
				t.Fatal(err)
			}
			var text bytes.Buffer
			if err := r.WriteText(&text); err != nil {
				t.Fatal(err)
			}
			t.Log("\n" + text.String())
			if !r.OK() || r.Records == 0 || r.NaiveRatePerS <= 0 || r.Ratio <= 1 || r.P50MS <= 0 || r.P99MS < r.P50MS || r.Transactions == 0 ||
				r.Check.Failed != r.Failed+r.Naive.Failed {
				t.Errorf("%+v", r)
			}
			if kind == bench.Verdict && r.Verdicts == 0 {
				t.Error("no verdict was timed")
			}
		})
	}
	t.Run(string(bench.Payments), func(t *testing.T) {
		r, err := bench.MeasurePayments(ctx, bench.PaymentsConfig{
			Member: s.Profile, Organisations: s.Endorsing(), Network: s, Payments: 60, Seconds: 8, Say: func(line string) { t.Log(line) },
		})
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		if err := r.WriteText(&text); err != nil {
			t.Fatal(err)
		}
		t.Log("\n" + text.String())
		// Sixty at once reach fewer blocks than sixty, so those in balances must have met.
		if !r.OK() || r.Notes.Retries != 0 || r.Balances.Committed == 0 || r.Balances.Conflicts == 0 || r.Balances.Retries == 0 || r.Ratio <= 1 {
			t.Errorf("%+v", r)
		}
	})
}
