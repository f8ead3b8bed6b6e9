package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
)

// Server is the API of one organisation.
type Server struct {
	cfg          Config
	limits       Limits
	log          *slog.Logger
	certificates *Certificates
	rules        map[string]rule
	metrics      metrics
	grpc         *grpc.Server
	health       *health.Server
	started      time.Time

	writing, pushing, watching, reporting chan struct{}
	documentBytes                         atomic.Int64 // of the documents under way

	stopping chan struct{} // closed when streams shall end
	stopOnce sync.Once
}

// New makes the server. It listens to nothing yet.
func New(cfg Config) (*Server, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Governor == nil {
		cfg.Governor = ungoverned{}
	}
	if cfg.Books == nil {
		cfg.Books = ungoverned{}
	}
	if cfg.Tasks == nil {
		cfg.Tasks = ungoverned{}
	}
	limits := cfg.Limits.withDefaults()
	s := &Server{
		cfg: cfg, limits: limits, log: cfg.Logger, certificates: cfg.TLS, rules: rules(), metrics: newMetrics(cfg.Metrics),
		health: health.NewServer(), started: time.Now(),
		writing: make(chan struct{}, limits.Calls), pushing: make(chan struct{}, limits.Pushes), watching: make(chan struct{}, limits.Watches),
		reporting: make(chan struct{}, limits.Reports),
		stopping:  make(chan struct{}),
	}
	const envelope = 64 << 10 // what a message holds beside the bytes that a limit is about
	s.grpc = grpc.NewServer(
		grpc.Creds(cfg.TLS.credentials()),
		grpc.MaxRecvMsgSize(limits.MessageBytes+envelope),
		grpc.MaxSendMsgSize(64<<20),
		grpc.MaxHeaderListSize(32<<10),
		grpc.MaxConcurrentStreams(uint32(limits.Streams)), //nolint:gosec // a small number
		grpc.ConnectionTimeout(10*time.Second),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: limits.MinPing, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 10 * time.Second, MaxConnectionIdle: 30 * time.Minute}),
		grpc.UnaryInterceptor(s.unary),
		grpc.StreamInterceptor(s.stream),
	)
	waybillv1.RegisterCaptureServiceServer(s.grpc, &captureService{Server: s})
	waybillv1.RegisterTelemetryServiceServer(s.grpc, &telemetryService{Server: s})
	waybillv1.RegisterVerdictServiceServer(s.grpc, &verdictService{Server: s})
	waybillv1.RegisterProofServiceServer(s.grpc, &proofService{Server: s})
	waybillv1.RegisterTraceServiceServer(s.grpc, &traceService{Server: s})
	waybillv1.RegisterPolicyServiceServer(s.grpc, &policyService{Server: s})
	waybillv1.RegisterFindingServiceServer(s.grpc, &findingService{Server: s})
	waybillv1.RegisterMasterDataServiceServer(s.grpc, &masterDataService{Server: s})
	waybillv1.RegisterCreditServiceServer(s.grpc, &creditService{Server: s})
	waybillv1.RegisterModelServiceServer(s.grpc, &modelService{Server: s})
	waybillv1.RegisterScoringServiceServer(s.grpc, &scoringService{Server: s})
	waybillv1.RegisterAdminServiceServer(s.grpc, &adminService{Server: s})
	waybillv1.RegisterReportServiceServer(s.grpc, &reportService{Server: s})
	healthpb.RegisterHealthServer(s.grpc, s.health)
	reflection.Register(s.grpc)
	for service := range s.grpc.GetServiceInfo() {
		s.health.SetServingStatus(service, healthpb.HealthCheckResponse_SERVING)
	}
	return s, nil
}

// Serve answers calls on the listener until the context is done, which is no error. It then takes no
// new calls, ends streams after what they have under way, and gives calls Limits.DrainTime to end.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	stopped := make(chan struct{})
	failed := make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-ctx.Done():
		case <-failed:
		}
		s.health.Shutdown()
		s.stopOnce.Do(func() { close(s.stopping) })
		force := time.AfterFunc(s.limits.DrainTime, s.grpc.Stop)
		defer force.Stop()
		s.grpc.GracefulStop()
	}()
	err := s.grpc.Serve(listener)
	close(failed)
	<-stopped
	if err != nil && ctx.Err() == nil && !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return nil
}
