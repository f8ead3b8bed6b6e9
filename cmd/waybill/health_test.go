package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestHealthServesOnlyWhileEveryPartWorks(t *testing.T) {
	h := newHealth("api", "ledger")
	heard := map[string]bool{}
	h.onChange(func(works map[string]bool) { heard = works })
	get := func() (int, healthReport) {
		w := httptest.NewRecorder()
		h.handler(prometheus.NewRegistry()).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		var r healthReport
		if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		return w.Code, r
	}
	if code, r := get(); code != http.StatusServiceUnavailable || r.Serving {
		t.Errorf("a server that is starting says %d %+v", code, r)
	}
	h.set("api", "")
	select {
	case <-h.ready:
		t.Error("ready while the ledger was never reached")
	default:
	}
	h.set("ledger", "")
	select {
	case <-h.ready:
	default:
		t.Error("not ready although every part works")
	}
	if code, r := get(); code != http.StatusOK || !r.Serving {
		t.Errorf("a server that works says %d %+v", code, r)
	}
	if news := h.set("ledger", "no peer answers"); !news {
		t.Error("a part's failure is no news")
	}
	if news := h.set("ledger", "no peer answers"); news {
		t.Error("the same failure is news again")
	}
	code, r := get()
	if code != http.StatusServiceUnavailable || r.Parts["ledger"] != "no peer answers" || r.Parts["api"] != "works" {
		t.Errorf("a server without a ledger says %d %+v", code, r)
	}
	if want := map[string]bool{"api": true, "ledger": false}; !reflect.DeepEqual(heard, want) {
		t.Errorf("heard %v, want %v", heard, want)
	}
}
