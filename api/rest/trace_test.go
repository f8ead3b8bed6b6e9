package rest_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/api/rest"
	"github.com/waybill-dev/waybill/api/rest/resttest"
	"github.com/waybill-dev/waybill/api/trace"
	"github.com/waybill-dev/waybill/api/trace/tracetest"
)

// memory answers from events in memory.
type memory struct{ *tracetest.Memory }

func (m memory) known(ctx context.Context, id string) error {
	found, _, err := m.Mentions(ctx, []string{id})
	if err == nil && len(found[id]) == 0 {
		err = rest.ErrNotFound
	}
	return err
}

func (m memory) Trace(ctx context.Context, q trace.Question) (trace.Graph, error) {
	if err := m.known(ctx, q.ID); err != nil {
		return trace.Graph{}, err
	}
	return trace.Trace(ctx, m, q)
}

func (m memory) Recall(ctx context.Context, q trace.Question) (trace.Graph, error) {
	return trace.Recall(ctx, m, q)
}

func (m memory) Locate(ctx context.Context, q trace.Question) (trace.Where, error) {
	return trace.Locate(ctx, m, q)
}

func TestTracesAreAnsweredAsJSONAndAsPictures(t *testing.T) {
	const (
		item = "urn:epc:id:sgtin:9521321.000001.1"
		box  = "urn:epc:id:sscc:9521321.0000000001"
	)
	records := []tracetest.Record{tracetest.New(t, "ProducerMSP", []byte(`{"type":"AggregationEvent","eventTime":"2026-03-01T02:00:00Z","eventTimeZoneOffset":"+00:00","action":"ADD","parentID":"`+box+`","childEPCs":["`+item+`"]}`))}
	store := resttest.New()
	server, err := rest.New(rest.Config{Capturer: store, Events: store, Queries: store, Subscriptions: store, Traces: memory{tracetest.NewMemory(records)}})
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string, parameters ...string) *httptest.ResponseRecorder {
		values := url.Values{}
		for i := 0; i+1 < len(parameters); i += 2 {
			values.Add(parameters[i], parameters[i+1])
		}
		w := httptest.NewRecorder()
		server.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/waybill/v1/"+path+"?"+values.Encode(), nil))
		return w
	}
	w := get("recall", "id", item)
	var g trace.GraphJSON
	if err := json.Unmarshal(w.Body.Bytes(), &g); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %s %v", w.Code, w.Body, err)
	}
	if len(g.Nodes) != 2 || len(g.Edges) != 1 || g.Nodes[0].Degree != trace.Subject || g.Edges[0].Begin.Event != records[0].Hash.String() {
		t.Errorf("%s", w.Body)
	}
	w = get("trace", "id", box, "direction", "up", "format", "svg")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "image/svg+xml" || xml.Unmarshal(w.Body.Bytes(), new(struct{})) != nil {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	w = get("locate", "id", item, "at", "2026-03-01T03:00:00Z")
	var where trace.WhereJSON
	if err := json.Unmarshal(w.Body.Bytes(), &where); err != nil || len(where.Containers) != 1 || !strings.HasSuffix(where.Containers[0], "/00/095213210000000018") {
		t.Errorf("%d %s %v", w.Code, w.Body, err)
	}
	for _, bad := range [][]string{
		{"trace", "id", item},
		{"trace", "id", item, "direction", "sideways"},
		{"trace", "direction", "up"},
		{"trace", "id", "urn:epc:id:sgtin:nothing", "direction", "up"},
		{"recall", "id", item, "direction", "up"},
		{"recall", "id", item, "depth", "0"},
		{"recall", "id", item, "nodes", "1000000"},
		{"recall", "id", item, "at", "noon"},
		{"recall", "id", item, "id", box},
		{"locate", "id", item, "format", "svg"},
	} {
		if w := get(bad[0], bad[1:]...); w.Code != http.StatusBadRequest {
			t.Errorf("%v: %d %s", bad, w.Code, w.Body)
		}
	}
	// What may stand there is named.
	for want, asked := range map[string][]string{
		`direction is up or down, not \"sideways\"`:                        {"trace", "id", item, "direction", "sideways"},
		`direction is missing; it is up or down`:                           {"trace", "id", item},
		`format is json or svg, not \"png\"`:                               {"recall", "id", item, "format", "png"},
		`\"direction\" is no parameter of this question; it takes id, at,`: {"recall", "id", item, "direction", "up"},
	} {
		if w := get(asked[0], asked[1:]...); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%v: %s lacks %s", asked, w.Body, want)
		}
	}
	if w := get("trace", "id", "https://example.com/unheard/of", "direction", "up"); w.Code != http.StatusNotFound {
		t.Errorf("what no event names: %d %s", w.Code, w.Body)
	}
	if w := get("trace", "id", "https://example.com/unheard/of", "direction", "up"); !strings.Contains(w.Body.String(), "no event names https://example.com/unheard/of") {
		t.Errorf("the thing is not named: %s", w.Body)
	}
	// A lot is named as GS1 prints it, and as in reports.
	lot := []tracetest.Record{tracetest.New(t, "ProducerMSP", []byte(`{"type":"ObjectEvent","eventTime":"2026-03-01T02:00:00Z","eventTimeZoneOffset":"+00:00","action":"ADD","bizStep":"commissioning","quantityList":[{"epcClass":"urn:epc:class:lgtin:9521321.000002.L-77","quantity":5}]}`))}
	if server, err = rest.New(rest.Config{Capturer: store, Events: store, Queries: store, Subscriptions: store, Traces: memory{tracetest.NewMemory(lot)}}); err != nil {
		t.Fatal(err)
	}
	for _, asked := range [][]string{{"recall"}, {"locate"}, {"trace", "direction", "down"}} {
		if w := get(asked[0], append(asked[1:], "id", "(01)09521321000025(10)L-77")...); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "https://id.gs1.org/01/09521321000025/10/L-77") {
			t.Errorf("%v: %d %s", asked, w.Code, w.Body)
		}
	}
	for id, want := range map[string]string{
		"(01)09521321000026(10)L-77":                   "check digit of 09521321000026 should be 5",
		"https://id.gs1.org/01/09521321000026/10/L-77": "check digit of 09521321000026 should be 5",
		"(01)09521321000025":                           "has no (10)",
	} {
		if w := get("trace", "id", id, "direction", "down"); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", id, w.Code, w.Body)
		}
	}
}
