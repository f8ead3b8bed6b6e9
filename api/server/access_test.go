package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/servertest"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

func TestEveryMethodHasARuleAndEveryRuleAMethod(t *testing.T) {
	r := newRig(t)
	left := rules()
	for service, info := range r.server.grpc.GetServiceInfo() {
		for _, m := range info.Methods {
			name := "/" + service + "/" + m.Name
			if _, ok := left[name]; !ok {
				t.Errorf("%s has no rule", name)
			}
			if k := left[name].kind; (k == pushes || k == watches || k == reports || k == answers) != (m.IsClientStream || m.IsServerStream) {
				t.Errorf("%s: its rule and its form differ", name)
			}
			delete(left, name)
		}
	}
	for name := range left {
		t.Errorf("the rule of %s has no method", name)
	}
}

// try calls any method with an empty message and gives the status of what comes.
func try(ctx context.Context, conn *grpc.ClientConn, method string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(&emptypb.Empty{}); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return stream.RecvMsg(&emptypb.Empty{})
}

func TestOnlyTheRightRoleMayWrite(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Limits.Heartbeat = 10 * time.Millisecond })
	writers := map[string]ledger.Role{
		"/waybill.v1.CaptureService/CaptureEvents":     ledger.RoleRecorder,
		"/waybill.v1.CaptureService/StreamEvents":      ledger.RoleRecorder,
		"/waybill.v1.TelemetryService/PushSegments":    ledger.RoleGateway,
		"/waybill.v1.TelemetryService/RegisterDevices": ledger.RoleRegistrar,
		"/waybill.v1.PolicyService/SetPolicies":        ledger.RoleRegistrar,

		"/waybill.v1.MasterDataService/RegisterMasterData": ledger.RoleRegistrar,
		"/waybill.v1.FindingService/ReviewFindings":        ledger.RoleRecorder,

		"/waybill.v1.CreditService/Transact":        ledger.RoleHolder,
		"/waybill.v1.CreditService/GovernCredits":   ledger.RoleSteward,
		"/waybill.v1.ModelService/StoreChunks":      ledger.RoleModeller,
		"/waybill.v1.ModelService/SnapshotDatasets": ledger.RoleModeller,
		"/waybill.v1.ModelService/SubmitModels":     ledger.RoleModeller,
		"/waybill.v1.ModelService/EvaluateModels":   ledger.RoleModeller,
		"/waybill.v1.ModelService/GovernModels":     ledger.RoleSteward,
	}
	all := []ledger.Role{ledger.RoleRecorder, ledger.RoleGateway, ledger.RoleScorer, ledger.RoleRegistrar, ledger.RoleReader, ledger.RoleHolder, ledger.RoleModeller, ledger.RoleSteward, ""}
	for _, role := range all {
		var conn *grpc.ClientConn
		if role == "" {
			conn = r.connect()
		} else {
			conn = r.connect(role)
		}
		for method := range rules() {
			err := try(t.Context(), conn, method)
			allowed := role != ""
			if need, writes := writers[method]; writes {
				allowed = role == need
			}
			if strings.HasPrefix(method, "/grpc.") {
				allowed = true
			}
			if denied := status.Code(err) == codes.PermissionDenied; denied == allowed {
				t.Errorf("%q on %s: %v", role, method, err)
			}
			if !allowed {
				wants(t, err, codes.PermissionDenied, "WB_UNAUTHORISED")
			}
		}
	}
}

func TestACallerOutsideItsCertificatesTimeIsToldSo(t *testing.T) {
	r := newRig(t)
	for code, c := range map[string]servertest.Certificate{
		"WB_CERTIFICATE_EXPIRED":       {Name: "old", Roles: []ledger.Role{ledger.RoleReader}, NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(-time.Minute)},
		"WB_CERTIFICATE_NOT_YET_VALID": {Name: "new", Roles: []ledger.Role{ledger.RoleReader}, NotBefore: time.Now().Add(time.Hour), NotAfter: time.Now().Add(2 * time.Hour)},
	} {
		cert, key := r.ca.Issue(c)
		conn := r.connectWith(cert, key)
		_, err := waybillv1.NewAdminServiceClient(conn).GetStatus(t.Context(), &waybillv1.GetStatusRequest{})
		wants(t, err, codes.Unauthenticated, code)
		_, err = healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
		wants(t, err, codes.Unauthenticated, code)
	}
}

func TestACertificateThatExpiresUnderAConnectionEndsIt(t *testing.T) {
	var now func() time.Time
	r := newRig(t, func(c *Config) {
		clock := time.Now
		now = func() time.Time { return clock() }
		c.TLS.now = func() time.Time { return now() }
	})
	api := waybillv1.NewAdminServiceClient(r.any())
	if _, err := api.GetStatus(t.Context(), &waybillv1.GetStatusRequest{}); err != nil {
		t.Fatal(err)
	}
	now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	_, err := api.GetStatus(t.Context(), &waybillv1.GetStatusRequest{})
	wants(t, err, codes.Unauthenticated, "WB_CERTIFICATE_EXPIRED")
}

func TestAStrangersCertificateIsNotAccepted(t *testing.T) {
	r := newRig(t)
	stranger := servertest.NewCA(t, "ca.producer") // the same name, another key
	cert, key := stranger.Issue(servertest.Certificate{Name: "stranger", Roles: []ledger.Role{ledger.RoleReader}})
	_, err := waybillv1.NewAdminServiceClient(r.connectWith(cert, key)).GetStatus(t.Context(), &waybillv1.GetStatusRequest{})
	if status.Code(err) != codes.Unavailable {
		t.Errorf("got %v", err)
	}
	cert, key = stranger.Issue(servertest.Certificate{Name: "old", NotBefore: time.Now().Add(-3 * time.Hour), NotAfter: time.Now().Add(-2 * time.Hour)})
	_, err = waybillv1.NewAdminServiceClient(r.connectWith(cert, key)).GetStatus(t.Context(), &waybillv1.GetStatusRequest{})
	if status.Code(err) != codes.Unavailable {
		t.Errorf("a stranger's expired certificate: %v", err)
	}
}

func TestACallerOfAnotherOrganisationIsToldSo(t *testing.T) {
	other := servertest.NewCA(t, "ca.carrier")
	r := newRig(t, func(c *Config) {
		files := c.TLS.files
		files.OtherCAs = []string{other.File}
		var err error
		if c.TLS, err = LoadCertificates(files); err != nil {
			t.Fatal(err)
		}
	})
	for _, notAfter := range []time.Time{time.Now().Add(time.Hour), time.Now().Add(-time.Minute)} {
		cert, key := other.Issue(servertest.Certificate{Name: "foreign", Roles: []ledger.Role{ledger.RoleRecorder, ledger.RoleReader}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: notAfter})
		conn := r.connectWith(cert, key)
		_, err := waybillv1.NewCaptureServiceClient(conn).CaptureEvents(t.Context(), captureList(observed(1, "")))
		wants(t, err, codes.PermissionDenied, "WB_CERTIFICATE_FOREIGN")
		_, err = healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
		wants(t, err, codes.PermissionDenied, "WB_CERTIFICATE_FOREIGN")
		stream, err := waybillv1.NewVerdictServiceClient(conn).WatchVerdicts(t.Context(), &waybillv1.WatchVerdictsRequest{})
		if err == nil {
			_, err = stream.Recv()
		}
		wants(t, err, codes.PermissionDenied, "WB_CERTIFICATE_FOREIGN")
	}
	if _, err := waybillv1.NewAdminServiceClient(r.any()).GetStatus(t.Context(), &waybillv1.GetStatusRequest{}); err != nil {
		t.Error(err)
	}
}

func TestCertificatesAreTakenUpWhileTheServerRuns(t *testing.T) {
	now := time.Now()
	r := newRig(t, func(c *Config) { c.TLS.now = func() time.Time { return now } })
	other := servertest.NewCA(t, "ca.next")
	cert, key := other.Issue(servertest.Certificate{Name: "caller", Roles: []ledger.Role{ledger.RoleReader}})
	ask := func() error {
		_, err := waybillv1.NewAdminServiceClient(r.connectWith(cert, key)).GetStatus(t.Context(), &waybillv1.GetStatusRequest{})
		return err
	}
	if ask() == nil {
		t.Fatal("the next CA is accepted before it is named")
	}
	before, err := os.ReadFile(r.callers)
	if err != nil {
		t.Fatal(err)
	}
	next, err := os.ReadFile(other.File)
	if err != nil {
		t.Fatal(err)
	}
	replace := func(pem string, at time.Time) {
		if err := errors.Join(os.WriteFile(r.callers, []byte(pem), 0o600), os.Chtimes(r.callers, at, at)); err != nil {
			t.Fatal(err)
		}
		now = now.Add(recheck)
	}
	// A file that cannot be used leaves the old certificates in force.
	replace("half a certific", now.Add(time.Second))
	if _, err := waybillv1.NewAdminServiceClient(r.any()).GetStatus(t.Context(), &waybillv1.GetStatusRequest{}); err != nil {
		t.Fatal(err)
	}
	replace(string(before)+string(next), now.Add(2*time.Second))
	if err := ask(); err != nil {
		t.Errorf("the next CA is not accepted: %v", err)
	}
	if _, err := waybillv1.NewAdminServiceClient(r.any()).GetStatus(t.Context(), &waybillv1.GetStatusRequest{}); err != nil {
		t.Errorf("the CA before is no longer accepted: %v", err)
	}
}

func TestHealthAndReflectionAnswer(t *testing.T) {
	r := newRig(t)
	conn := r.connect(ledger.RoleReader)
	h, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{Service: "waybill.v1.CaptureService"})
	if err != nil || h.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("health: %v, %v", h, err)
	}
	r.server.SetServing("waybill.v1.CaptureService", false)
	h, err = healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{Service: "waybill.v1.CaptureService"})
	if err != nil || h.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("health: %v, %v", h, err)
	}
	stream, err := reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err = stream.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil || !strings.Contains(fmt.Sprint(answer), "waybill.v1.VerdictService") {
		t.Errorf("reflection: %v, %v", answer, err)
	}
}
