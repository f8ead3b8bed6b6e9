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
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/internal/bench"
	"github.com/waybill-dev/waybill/internal/founding"
	"github.com/waybill-dev/waybill/internal/protocolsim"
	"github.com/waybill-dev/waybill/internal/stack"
)

// The time that a release must reach is measured with `waybill bench final`; here it is held that it can be.
func TestEndToEndEveryWindowOfABenchBecomesFinal(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a Fabric network; not with -short")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	dir, bin := t.TempDir(), t.TempDir()
	build := exec.CommandContext(ctx, "go", "build", "-o", bin+string(filepath.Separator), "./cmd/...")
	build.Dir = filepath.Join("..", "..")
	if out, failed := build.CombinedOutput(); failed != nil {
		t.Fatalf("building the commands: %v\n%s", failed, out)
	}
	servers := []stack.Server{{Organisation: "producer"}}
	for _, org := range []string{"carrier", "retailer", "assessor"} {
		servers = append(servers, stack.Server{Organisation: org, Roles: []string{"scorer"}})
	}
	s, err := stack.Up(ctx, stack.Options{
		Dir: dir, NetworkDir: filepath.Join(dir, "network"), Servers: servers,
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
	var members []*profile.Profile
	for _, server := range servers {
		p, err := s.Profile(server.Organisation)
		if err != nil {
			t.Fatal(err)
		}
		members = append(members, p)
	}
	policy := protocolsim.DefaultPolicy()
	policy.Skew, policy.RevealFor, policy.ChallengeFor = 2_000, 30_000, 30_000
	cfg := bench.FinalConfig{
		Config: bench.Config{
			Profile: members[0], Dial: func(identity string) (*grpc.ClientConn, error) { return client.Dial(members[0], identity) },
			Seconds: 10, Clients: 2, Loggers: 16, Say: func(line string) { t.Log(line) },
		},
		Rules: func(ctx context.Context) error {
			_, err := founding.Found(ctx, founding.Options{Profiles: members, Policy: policy, Stake: 10_000})
			return err
		},
	}
	r, err := bench.MeasureFinal(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + text.String())
	if !r.OK() || r.MostPerS <= 0 || r.P50MS <= 0 || r.P99MS < r.P50MS || len(r.Stages) != 6 {
		t.Errorf("%+v", r)
	}
}
