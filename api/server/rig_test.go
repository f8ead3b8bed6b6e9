package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/waybill-dev/waybill/api/client"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/api/servertest"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/profile"
)

// rig is a server over TLS on a free port, in front of a ledger in memory and a read model in SQLite.
type rig struct {
	tb     testing.TB
	ca     *servertest.CA
	ledger *servertest.Ledger
	store  *readmodel.Store
	config Config
	// callers is the file of the CAs whose callers are accepted.
	callers string

	mu     sync.Mutex
	server *Server
	listen net.Listener
	stop   context.CancelFunc
	ended  chan error
}

func newRig(tb testing.TB, change ...func(*Config)) *rig {
	tb.Helper()
	r := &rig{tb: tb, ca: servertest.NewCA(tb, "ca.producer"), ledger: servertest.NewLedger()}
	var err error
	r.store, err = readmodel.Open(tb.Context(), readmodel.Config{Path: filepath.Join(tb.TempDir(), "store.db"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	reading := make(chan error, 1)
	go func() { reading <- r.store.Run(ctx, r.ledger) }()
	cert, key := r.ca.Issue(servertest.Certificate{Name: "server"})
	root, err := os.ReadFile(r.ca.File)
	if err != nil {
		tb.Fatal(err)
	}
	r.callers = filepath.Join(tb.TempDir(), "callers.pem")
	if err = os.WriteFile(r.callers, root, 0o600); err != nil {
		tb.Fatal(err)
	}
	certificates, err := LoadCertificates(CertificateFiles{Cert: cert, Key: key, ClientCAs: []string{r.callers}})
	if err != nil {
		tb.Fatal(err)
	}
	r.config = Config{
		Recorder: r.ledger, Reader: r.store, TLS: certificates, Height: r.ledger.Height, Logger: slog.New(slog.DiscardHandler),
		About:  About{Version: "test", Organisation: "producer", MSPID: servertest.MSPID, Network: "demo", Channel: "waybill", Chaincode: "waybill"},
		Limits: Limits{ReadableTime: time.Minute}, // tests read what they wrote, however slow the machine
	}
	for _, f := range change {
		f(&r.config)
	}
	r.start()
	tb.Cleanup(func() {
		r.end()
		cancel()
		if err := errors.Join(<-reading, r.store.Close()); err != nil {
			tb.Error(err)
		}
	})
	return r
}

// start makes a server and has it serve.
func (r *rig) start() {
	r.tb.Helper()
	r.config.Metrics = prometheus.NewRegistry()
	s, err := New(r.config)
	if err != nil {
		r.tb.Fatal(err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(r.tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		r.tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.server, r.listen, r.stop, r.ended = s, l, cancel, ended
}

// end ends the server as a signal would.
func (r *rig) end() {
	r.stop()
	if err := <-r.ended; err != nil {
		r.tb.Error(err)
	}
}

// kill breaks every connection off, and starts another server.
func (r *rig) kill() {
	r.server.grpc.Stop()
	r.end()
	r.start()
}

func (r *rig) dial(ctx context.Context, _ string) (net.Conn, error) {
	r.mu.Lock()
	address := r.listen.Addr().String()
	r.mu.Unlock()
	var d net.Dialer
	return d.DialContext(ctx, "tcp", address)
}

func (r *rig) connectWith(cert, key string) *grpc.ClientConn {
	r.tb.Helper()
	p := &profile.Profile{
		Organisation: "producer", API: profile.API{Address: "127.0.0.1:1", RootCA: r.ca.File},
		Identities: map[string]profile.Identity{"caller": {Cert: cert, Key: key}},
	}
	conn, err := client.Dial(p, "caller", grpc.WithContextDialer(r.dial))
	if err != nil {
		r.tb.Fatal(err)
	}
	r.tb.Cleanup(func() { conn.Close() })
	return conn
}

// connect makes a connection of a caller with those roles.
func (r *rig) connect(roles ...ledger.Role) *grpc.ClientConn {
	r.tb.Helper()
	cert, key := r.ca.Issue(servertest.Certificate{Name: fmt.Sprintf("caller%v", roles), Roles: roles})
	return r.connectWith(cert, key)
}

func (r *rig) any() *grpc.ClientConn {
	return r.connect(ledger.RoleRecorder, ledger.RoleGateway, ledger.RoleRegistrar, ledger.RoleReader)
}

// wants checks the status and the stable code of an error, in its details and at the head of its text.
func wants(tb testing.TB, err error, grpcCode codes.Code, code string) {
	tb.Helper()
	if status.Code(err) != grpcCode || client.Code(err) != code {
		tb.Fatalf("got %s %s (%v), want %s %s", status.Code(err), client.Code(err), err, grpcCode, code)
	}
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetReason() == code {
			if head, _ := ledger.ParseCode(status.Convert(err).Message()); head != code {
				tb.Fatalf("the message %q does not begin with %s", status.Convert(err).Message(), code)
			}
			return
		}
	}
	tb.Fatalf("%v carries no ErrorInfo with %s", err, code)
}

// calls reads from the metrics how many calls of a method ended with a code.
func (s *Server) calls(method string, code codes.Code) float64 {
	var m dto.Metric
	if err := s.metrics.calls.WithLabelValues(method, code.String()).Write(&m); err != nil {
		return -1
	}
	return m.GetCounter().GetValue()
}
