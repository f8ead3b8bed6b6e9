package stack

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gateway/profile"
)

func TestAServerWithoutAnAPIIsAskedOnItsMetricsAddress(t *testing.T) {
	works := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		if !works {
			http.Error(w, `{"parts":{"ledger":"it is starting"}}`, http.StatusServiceUnavailable)
		}
	}))
	p := &profile.Profile{API: profile.API{MetricsAddress: server.Listener.Addr().String()}}
	if err := readyz(t.Context(), p); err == nil || !strings.Contains(err.Error(), "it is starting") {
		t.Errorf("while it starts: %v", err)
	}
	works = true
	if err := readyz(t.Context(), p); err != nil {
		t.Errorf("once it works: %v", err)
	}
	server.Close()
	if err := readyz(t.Context(), p); err == nil {
		t.Error("a server that is gone serves")
	}
	for roles, want := range map[string]bool{"": true, "api,readmodel": true, "scorer": false, "readmodel,scorer": false} {
		var list []string
		if roles != "" {
			list = strings.Split(roles, ",")
		}
		if hasAPI(list) != want {
			t.Errorf("roles %q: %t", roles, !want)
		}
	}
}
