package main

import (
	"encoding/json"
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// health knows which parts of a server work. A part that was never reported does not.
type health struct {
	mu     sync.Mutex
	parts  map[string]string // why it does not work; empty: it does
	listen func(works map[string]bool)
	ready  chan struct{} // closed once every part has worked at the same time
	once   sync.Once
}

func newHealth(parts ...string) *health {
	h := &health{parts: map[string]string{}, ready: make(chan struct{})}
	for _, p := range parts {
		h.parts[p] = "it is starting"
	}
	return h
}

// onChange has f hear of the parts that work now, and at each change from now on.
func (h *health) onChange(f func(works map[string]bool)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listen = f
	f(h.working())
}

func (h *health) working() map[string]bool {
	works := make(map[string]bool, len(h.parts))
	for p, trouble := range h.parts {
		works[p] = trouble == ""
	}
	return works
}

// set reports a part; trouble is why it does not work, empty if it does. It answers whether that is news.
func (h *health) set(part, trouble string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	was, known := h.parts[part]
	h.parts[part] = trouble
	if h.listen != nil && (!known || (was == "") != (trouble == "")) {
		h.listen(h.working())
	}
	if h.works() {
		h.once.Do(func() { close(h.ready) })
	}
	return !known || was != trouble
}

func (h *health) works() bool {
	for _, trouble := range h.parts {
		if trouble != "" {
			return false
		}
	}
	return true
}

// healthReport is what the health endpoint says.
type healthReport struct {
	Serving bool              `json:"serving"`
	Parts   map[string]string `json:"parts"`
}

func (h *health) report() healthReport {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := healthReport{Serving: h.works(), Parts: map[string]string{}}
	for p, trouble := range h.parts {
		r.Parts[p] = "works"
		if trouble != "" {
			r.Parts[p] = trouble
		}
	}
	return r
}

// handler serves /metrics, /livez (the process answers) and /readyz (every part works).
func (h *health) handler(metrics *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok\n")) // the caller is gone, if it fails
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		r := h.report()
		w.Header().Set("Content-Type", "application/json")
		if !r.Serving {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(r) // as above
	})
	return mux
}
