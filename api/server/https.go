package server

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// RefusalError says why a caller over HTTPS may not do what it asks.
type RefusalError struct {
	// Code is the stable code, Message what to do about it.
	Code, Message string
	// Unauthenticated says that the caller is not known, rather than not allowed.
	Unauthenticated bool
}

func (r *RefusalError) Error() string { return r.Code + ": " + r.Message }

// Admit checks that the certificate of a connection is a caller's, that it is valid now and that it
// has one of the roles; none means every caller. It gives the holder's name, or a *RefusalError.
func (c *Certificates) Admit(state *tls.ConnectionState, roles ...ledger.Role) (subject string, err error) {
	if state == nil || len(state.PeerCertificates) == 0 {
		return "", &RefusalError{Code: codeNoCert, Message: "a client certificate is required", Unauthenticated: true}
	}
	from, err := c.callerOf(state.PeerCertificates)
	if err == nil {
		err = rule{roles: roles}.allows(from)
	}
	if p, ok := errors.AsType[*problem](err); ok {
		return from.subject, &RefusalError{Code: p.code, Message: p.message, Unauthenticated: p.grpc == codes.Unauthenticated}
	}
	return from.subject, err
}

// Readers are the roles that may ask questions: all of them.
func Readers() []ledger.Role {
	return []ledger.Role{
		ledger.RoleReader, ledger.RoleRecorder, ledger.RoleGateway, ledger.RoleScorer, ledger.RoleRegistrar,
		ledger.RoleHolder, ledger.RoleModeller, ledger.RoleSteward,
	}
}

// HTTPSConfig is what an HTTPS server needs. Handler and TLS have no default.
type HTTPSConfig struct {
	// Handler takes the requests. It asks TLS.Admit who may do what.
	Handler http.Handler
	TLS     *Certificates
	// Requests bounds the requests under way at a time, default 512; sockets are the handler's to bound.
	Requests int
	// ReadTime bounds how long a request may take to arrive, and WriteTime how long the answer may
	// take after that; default 2 minutes each. A request that becomes a socket is free of both.
	ReadTime, WriteTime time.Duration
	// DrainTime bounds how long shutting down waits for requests under way, default 20 seconds.
	DrainTime time.Duration
	// Metrics takes the server's metrics, labelled by the pattern that the handler matched; nil for none.
	Metrics prometheus.Registerer
	// Logger defaults to slog.Default().
	Logger *slog.Logger
}

// HTTPS serves a handler under the same certificates and the same bounds as the gRPC API.
type HTTPS struct {
	cfg      HTTPSConfig
	slots    chan struct{}
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
	panics   prometheus.Counter
}

// NewHTTPS makes the server. It listens to nothing yet.
func NewHTTPS(cfg HTTPSConfig) (*HTTPS, error) {
	if cfg.Handler == nil || cfg.TLS == nil {
		return nil, errors.New("server: no handler or no certificates")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	for _, d := range []struct {
		v *time.Duration
		d time.Duration
	}{{&cfg.ReadTime, 2 * time.Minute}, {&cfg.WriteTime, 2 * time.Minute}, {&cfg.DrainTime, 20 * time.Second}} {
		if *d.v <= 0 {
			*d.v = d.d
		}
	}
	if cfg.Requests <= 0 {
		cfg.Requests = 512
	}
	h := &HTTPS{
		cfg: cfg, slots: make(chan struct{}, cfg.Requests),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "waybill_rest_requests_total", Help: "REST requests that have ended."}, []string{"route", "method", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "waybill_rest_request_seconds", Help: "Time from a REST request's begin to its end.", Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 14),
		}, []string{"route", "method"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "waybill_rest_requests_in_flight", Help: "REST requests under way."}),
		panics:   prometheus.NewCounter(prometheus.CounterOpts{Name: "waybill_rest_panics_total", Help: "REST requests that ended in a panic."}),
	}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(h.requests, h.seconds, h.inFlight, h.panics)
	}
	return h, nil
}

// headerBytes bounds the headers of a request, its URL among them. What is longer than the handler takes
// is the handler's to refuse, in words: beyond this bound HTTP/2 ends the connection and says nothing.
const headerBytes = 256 << 10

// Serve answers requests on the listener until the context is done, which is no error. It then takes
// no new ones and gives those under way DrainTime to end; sockets are the handler's to end.
func (h *HTTPS) Serve(ctx context.Context, listener net.Listener) error {
	config := h.cfg.TLS.tls()
	config.NextProtos = []string{"h2", "http/1.1"}
	s := &http.Server{
		Handler: http.HandlerFunc(h.serve), TLSConfig: config,
		ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 5 * time.Minute, MaxHeaderBytes: headerBytes,
		ErrorLog: slog.NewLogLogger(h.cfg.Logger.Handler(), slog.LevelDebug), // handshakes of strangers
		HTTP2:    &http.HTTP2Config{MaxConcurrentStreams: 100},
	}
	stopped := make(chan struct{})
	failed := make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-ctx.Done():
		case <-failed:
		}
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.cfg.DrainTime)
		defer cancel()
		if s.Shutdown(limited) != nil {
			_ = s.Close() // they had their time
		}
	}()
	err := s.ServeTLS(listener, "", "")
	close(failed)
	<-stopped
	if err != nil && ctx.Err() == nil && !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// busyProblem is written as it is, since the handler is not reached.
const busyProblem = `{"type":"epcisException:ImplementationException","title":"The server is busy","status":503,"code":"` + codeBusy +
	`","detail":"` + codeBusy + `: the server has as many requests under way as it takes; try again"}`

func (h *HTTPS) serve(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(start.Add(h.cfg.ReadTime)) // a connection that has none is bounded by the handler
	_ = control.SetWriteDeadline(start.Add(h.cfg.ReadTime + h.cfg.WriteTime))
	select {
	case h.slots <- struct{}{}:
	default:
		w.Header().Set("Retry-After", "1")
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(busyProblem)) // the caller is gone, if it fails
		h.requests.WithLabelValues("other", "other", strconv.Itoa(http.StatusServiceUnavailable)).Inc()
		return
	}
	h.inFlight.Inc()
	rec := &recorder{ResponseWriter: w, status: http.StatusOK, leave: sync.OnceFunc(func() {
		<-h.slots
		h.inFlight.Dec()
	})}
	defer func() { //nolint:contextcheck // the request's own
		rec.leave()
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler { //nolint:errorlint // the very value
				panic(p)
			}
			h.panics.Inc()
			h.cfg.Logger.ErrorContext(r.Context(), "panic", "method", r.Method, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
			rec.status = http.StatusInternalServerError
			if !rec.wrote {
				w.WriteHeader(rec.status)
			}
		}
		route, method := r.Pattern, r.Method
		if route == "" {
			route = "other" // callers must not make label values
		}
		if !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete, http.MethodOptions}, method) {
			method = "other"
		}
		took := time.Since(start)
		h.requests.WithLabelValues(route, method, strconv.Itoa(rec.status)).Inc()
		h.seconds.WithLabelValues(route, method).Observe(took.Seconds())
		h.cfg.Logger.DebugContext(r.Context(), "request", "method", r.Method, "route", route, "status", rec.status, "took", took)
	}()
	h.cfg.Handler.ServeHTTP(rec, r)
}

// recorder notes the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
	wrote  bool
	leave  func() // gives the slot back
}

func (r *recorder) WriteHeader(status int) {
	if !r.wrote {
		r.status, r.wrote = status, true
	}
	if status == http.StatusSwitchingProtocols {
		// What follows lasts as long as both sides want.
		control := http.NewResponseController(r.ResponseWriter)
		_ = control.SetReadDeadline(time.Time{})
		_ = control.SetWriteDeadline(time.Time{})
		r.leave()
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	r.wrote = true
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
