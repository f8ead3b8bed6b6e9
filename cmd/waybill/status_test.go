package main

import (
	"bytes"
	"context"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	grpchealth "google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/test/bufconn"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
)

// cannedRoots answers how organisations stand.
type cannedRoots struct {
	waybillv1.UnimplementedProofServiceServer
	organisations []*waybillv1.OrganisationRoots
}

func (c cannedRoots) ListRoots(context.Context, *waybillv1.ListRootsRequest) (*waybillv1.ListRootsResponse, error) {
	return &waybillv1.ListRootsResponse{Organisations: c.organisations}, nil
}

// statusOf runs the command against a server whose organisations stand so.
func statusOf(t *testing.T, organisations []*waybillv1.OrganisationRoots, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	l := bufconn.Listen(1 << 20)
	s := grpc.NewServer()
	waybillv1.RegisterAdminServiceServer(s, canned{})
	waybillv1.RegisterProofServiceServer(s, cannedRoots{organisations: organisations})
	healthv1.RegisterHealthServer(s, grpchealth.NewServer())
	go s.Serve(l)
	t.Cleanup(s.Stop)
	conn, err := grpc.NewClient("passthrough:///canned", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	var out, errOut bytes.Buffer
	code = (&app{dialed: conn}).run(t.Context(), append([]string{"status"}, args...), strings.NewReader(""), &out, &errOut)
	return code, out.String(), errOut.String()
}

func TestStatusSaysHowTheOrganisationsRootsStand(t *testing.T) {
	anchored := &waybillv1.AnchoredRoot{Root: &waybillv1.Root{Height: 7}}
	agrees := &waybillv1.OrganisationRoots{Organisation: "AMSP", Standing: waybillv1.Standing_STANDING_AGREES, Last: anchored}
	stands := func(name string, s waybillv1.Standing) *waybillv1.OrganisationRoots {
		return &waybillv1.OrganisationRoots{Organisation: name, Standing: s, Why: "its reason", Last: anchored, Since: at(9)}
	}
	code, out, stderr := statusOf(t, []*waybillv1.OrganisationRoots{
		agrees,
		{Organisation: "BMSP"},
		{Organisation: "CMSP", Standing: waybillv1.Standing_STANDING_AGREES, Last: anchored, FalseRoots: 2},
	})
	if want := "roots         AMSP agrees, BMSP has anchored nothing yet, CMSP agrees (it anchored 2 false roots before)\n"; code != exitOK || !strings.HasSuffix(out, want) {
		t.Errorf("exit %d\n%s%s", code, out, stderr)
	}
	for standing, want := range map[waybillv1.Standing]string{
		waybillv1.Standing_STANDING_DIFFERS: "BMSP differs since 2026-03-01T07:09:00Z",
		waybillv1.Standing_STANDING_LATE:    "BMSP is late since 2026-03-01T07:09:00Z",
		waybillv1.Standing_STANDING_ABSENT:  "BMSP is absent since 2026-03-01T07:09:00Z",
	} {
		organisations := []*waybillv1.OrganisationRoots{agrees, stands("BMSP", standing)}
		code, out, stderr = statusOf(t, organisations)
		if code != exitUnavailable || !strings.Contains(out, "AMSP agrees, "+want+"\n") || !strings.Contains(stderr, "WB_ROOT_STANDING") || !strings.Contains(stderr, want) {
			t.Errorf("%s: exit %d\n%s%s", standing, code, out, stderr)
		}
		code, out, _ = statusOf(t, organisations, "--json")
		want = `"roots":[{"organisation":"AMSP","standing":"agrees"},{"organisation":"BMSP","standing":"` + wordOf(standing) + `","since":"2026-03-01T07:09:00Z","why":"its reason"}]`
		if code != exitUnavailable || !strings.Contains(out, want) {
			t.Errorf("%s: exit %d, %s", standing, code, out)
		}
	}
}
