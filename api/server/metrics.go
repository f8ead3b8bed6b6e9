package server

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
)

type metrics struct {
	calls    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight *prometheus.GaugeVec
	answers  *prometheus.CounterVec
	panics   prometheus.Counter
}

func newMetrics(registry prometheus.Registerer) metrics {
	m := metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "waybill_api_calls_total", Help: "Calls and streams that have ended."}, []string{"method", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "waybill_api_call_seconds", Help: "Time from a call's or stream's begin to its end.", Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 14),
		}, []string{"method"}),
		inFlight: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "waybill_api_calls_in_flight", Help: "Calls and streams under way."}, []string{"method"}),
		answers:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "waybill_api_answers_total", Help: "Inputs answered, by what they are and what became of them."}, []string{"input", "status"}),
		panics:   prometheus.NewCounter(prometheus.CounterOpts{Name: "waybill_api_panics_total", Help: "Calls that ended in a panic."}),
	}
	if registry != nil {
		registry.MustRegister(m.calls, m.seconds, m.inFlight, m.answers, m.panics)
	}
	return m
}

func (m metrics) answered(input string, status waybillv1.AnswerStatus) {
	word := "refused"
	switch status {
	case waybillv1.AnswerStatus_ANSWER_STATUS_RECORDED:
		word = "recorded"
	case waybillv1.AnswerStatus_ANSWER_STATUS_DUPLICATE:
		word = "duplicate"
	case waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED, waybillv1.AnswerStatus_ANSWER_STATUS_UNSPECIFIED:
	}
	m.answers.WithLabelValues(input, word).Inc()
}

// Health is what /healthz answers.
type Health struct {
	Healthy bool `json:"healthy"`
	// Height is the number of blocks that the read model has taken in.
	Height uint64 `json:"height"`
	// Fault is why it is not healthy.
	Fault string `json:"fault,omitempty"`
}

// ServeMetrics answers /metrics from the gatherer and /healthz from check on the listener, without
// TLS, until the context is done, which is no error: the listener belongs on a loopback address.
func ServeMetrics(ctx context.Context, listener net.Listener, gatherer prometheus.Gatherer, check func(context.Context) Health) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		h := check(r.Context())
		w.Header().Set("Content-Type", "application/json")
		if !h.Healthy {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(h) //nolint:errcheck // the caller has gone
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = server.Shutdown(grace) //nolint:errcheck // what is still under way is cut off
	})
	err := server.Serve(listener)
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
