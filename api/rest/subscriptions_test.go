package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/api/rest"
	"github.com/waybill-dev/waybill/api/rest/resttest"
	"github.com/waybill-dev/waybill/epcis"
)

// receiver stands for a webhook: it answers by a function.
type receiver func(*http.Request, []byte) int

func (f receiver) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	status := f(r, body)
	if status == 0 {
		return nil, errors.New("connection refused")
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: io.NopCloser(strings.NewReader("")), Request: r, Header: http.Header{}}, nil
}

// bubble runs a server in a bubble of its own time, in which its webhooks are
// called; test is given a way to ask it.
func bubble(t *testing.T, to receiver, test func(t *testing.T, store *resttest.Store, ask func(method, path, body string) *httptest.ResponseRecorder)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		store := resttest.New()
		server, err := rest.New(rest.Config{
			Capturer: store, Events: store, Queries: store, Subscriptions: store, EPCFormat: rest.FormatOriginal,
			Targets: rest.Targets{Transport: to},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- server.Run(ctx) }()
		ask := func(method, path, body string) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
			r.Header.Set("Content-Type", asJSON)
			server.ServeHTTP(w, r)
			return w
		}
		test(t, store, ask)
		stop()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
	})
}

func idsOf(t *testing.T, body []byte) []string {
	t.Helper()
	doc, err := epcis.ParseDocument(body, epcis.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{}
	for _, e := range doc.Events {
		ids = append(ids, e.Event.EventID)
	}
	return ids
}

const stream = `{"dest":"https://hook.example.com/in","signatureToken":"s3cret","stream":true}`

func TestAWebhookGetsEachMatchingEventOnceInOrderAndSigned(t *testing.T) {
	var got []string
	bubble(t, func(r *http.Request, body []byte) int {
		if err := rest.VerifySignature(r.Header.Get(rest.SignatureHeader), "s3cret", body, time.Now(), time.Minute); err != nil {
			t.Error(err)
		}
		if r.URL.String() != "https://hook.example.com/in" || r.Header.Get("Content-Type") != asJSON || r.Header.Get("GS1-EPCIS-Version") != "2.0.0" {
			t.Errorf("%s %v", r.URL, r.Header)
		}
		if !bytes.Contains(body, []byte(`"queryName":"q"`)) || !bytes.Contains(body, []byte(`"subscriptionID"`)) {
			t.Errorf("%s", body)
		}
		got = append(got, idsOf(t, body)...)
		return http.StatusOK
	}, func(t *testing.T, _ *resttest.Store, ask func(method, path, body string) *httptest.ResponseRecorder) {
		ask("POST", "/queries", `{"name":"q","query":{"EQ_bizStep":["shipping"]}}`)
		ask("POST", "/events", objectEvent("urn:uuid:before", sgtin+"1", "shipping"))
		time.Sleep(time.Second)
		if w := ask("POST", "/queries/q/subscriptions", stream); w.Code != http.StatusCreated || strings.Contains(w.Body.String(), "s3cret") {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		synctest.Wait()
		for _, e := range [][2]string{{"urn:uuid:1", "shipping"}, {"urn:uuid:2", "receiving"}, {"urn:uuid:3", "shipping"}} {
			ask("POST", "/events", objectEvent(e[0], sgtin+"7"+e[0][9:], e[1]))
			synctest.Wait()
		}
		if want := []string{"urn:uuid:1", "urn:uuid:3"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

// below knows one hierarchy of places.
type below struct{ child, parent string }

func (b below) Below(id, ancestor string) bool { return id == b.child && ancestor == b.parent }

func (below) Attribute(string, query.Name) []string { return nil }

func TestSubscriptionsKnowTheMasterData(t *testing.T) {
	g := newRig(t, func(c *rest.Config) {
		c.MasterData = below{"https://id.gs1.org/414/0012345111112", "https://id.gs1.org/414/0614141000012"}
	})
	g.post("/queries", `{"name":"q","query":{"WD_bizLocation":["https://id.gs1.org/414/0614141000012"]}}`).want(t, http.StatusCreated)
	c, err := g.dial("/queries/q/events?stream=true")
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	g.post("/events", objectEvent("urn:uuid:1", sgtin+"1", "shipping")).want(t, http.StatusCreated)
	if got := idsOf(t, read(t, c)); !slices.Equal(got, []string{"urn:uuid:1"}) {
		t.Errorf("%v", got)
	}
}

func TestAFailingWebhookIsTriedAgainWithGrowingPauses(t *testing.T) {
	var at []time.Time
	var delivered []string
	bubble(t, func(_ *http.Request, body []byte) int {
		at = append(at, time.Now())
		switch len(at) {
		case 1, 2, 3:
			return 0
		case 4:
			return http.StatusInternalServerError
		case 5:
			return http.StatusFound // redirects are not followed
		}
		delivered = append(delivered, idsOf(t, body)...)
		return http.StatusNoContent
	}, func(t *testing.T, _ *resttest.Store, ask func(method, path, body string) *httptest.ResponseRecorder) {
		ask("POST", "/queries", `{"name":"q","query":{}}`)
		ask("POST", "/queries/q/subscriptions", stream)
		synctest.Wait()
		ask("POST", "/events", objectEvent("urn:uuid:1", sgtin+"1", "shipping"))
		ask("POST", "/events", objectEvent("urn:uuid:2", sgtin+"2", "shipping"))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if want := []string{"urn:uuid:1", "urn:uuid:2"}; !slices.Equal(delivered, want) {
			t.Errorf("delivered %v, want %v", delivered, want)
		}
		for i := 1; i < 6; i++ {
			full := time.Second << (i - 1)
			if d := at[i].Sub(at[i-1]); d < full/2 || d > full {
				t.Errorf("attempt %d came after %s, want %s to %s", i+1, d, full/2, full)
			}
		}
	})
}

func TestAReceiverThatIsDownTakesNoRoomFromOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := resttest.New()
		var log bytes.Buffer
		var down, up []string
		server, err := rest.New(rest.Config{
			Capturer: store, Events: store, Queries: store, Subscriptions: store, EPCFormat: rest.FormatOriginal,
			Log: slog.New(slog.NewTextHandler(&log, nil)), Delivery: rest.Delivery{Reports: 1},
			Targets: rest.Targets{Transport: receiver(func(r *http.Request, body []byte) int {
				if r.URL.Host == "down.example.com" {
					down = append(down, strings.Join(idsOf(t, body), " "))
					return 0
				}
				up = append(up, idsOf(t, body)...)
				return http.StatusOK
			})},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- server.Run(ctx) }()
		ask := func(path, body string) {
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
			r.Header.Set("Content-Type", asJSON)
			if server.ServeHTTP(w, r); w.Code != http.StatusCreated {
				t.Fatalf("%s: %d %s", path, w.Code, w.Body)
			}
		}
		ask("/queries", `{"name":"q","query":{}}`)
		ask("/queries/q/subscriptions", `{"dest":"https://down.example.com/?token=s3cret","stream":true}`)
		ask("/queries/q/subscriptions", `{"dest":"https://up.example.com/","stream":true}`)
		synctest.Wait()
		for _, id := range []string{"1", "2"} {
			ask("/events", objectEvent("urn:uuid:"+id, sgtin+id, "shipping"))
			synctest.Wait()
		}
		if !slices.Equal(up, []string{"urn:uuid:1", "urn:uuid:2"}) {
			t.Errorf("the receiver that takes reports got %v", up)
		}
		time.Sleep(time.Second) // to the second attempt
		synctest.Wait()
		if len(down) != 2 || down[0] != "urn:uuid:1" || down[1] != "urn:uuid:1 urn:uuid:2" {
			t.Errorf("the receiver that is down was sent %q; each attempt is made anew of what there is by then", down)
		}
		stop()
		<-ended
		if !strings.Contains(log.String(), "connection refused") || strings.Contains(log.String(), "s3cret") {
			t.Errorf("the log says %s", log.String())
		}
	})
}

func TestASubscriptionForLaterBeginsThen(t *testing.T) {
	var got []string
	bubble(t, func(_ *http.Request, body []byte) int {
		got = append(got, idsOf(t, body)...)
		return http.StatusOK
	}, func(t *testing.T, _ *resttest.Store, ask func(method, path, body string) *httptest.ResponseRecorder) {
		ask("POST", "/queries", `{"name":"q","query":{}}`)
		later := time.Now().Add(time.Hour).Format(time.RFC3339)
		if w := ask("POST", "/queries/q/subscriptions", `{"dest":"https://hook.example.com/in","stream":true,"initialRecordTime":"`+later+`"}`); w.Code != http.StatusCreated {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		for _, n := range []string{"1", "2", "3"} {
			synctest.Wait()
			ask("POST", "/events", objectEvent("urn:uuid:"+n, sgtin+n, "shipping"))
			time.Sleep(31 * time.Minute)
		}
		synctest.Wait()
		if want := []string{"urn:uuid:3"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestASubscriptionGoesOnWhereItEndedAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := resttest.New()
		var got []string
		up := true
		serve := func() (ask func(method, path, body string) *httptest.ResponseRecorder, stop func()) {
			server, err := rest.New(rest.Config{
				Capturer: store, Events: store, Queries: store, Subscriptions: store,
				Targets: rest.Targets{Transport: receiver(func(_ *http.Request, body []byte) int {
					if !up {
						return 0
					}
					got = append(got, idsOf(t, body)...)
					return http.StatusOK
				})},
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- server.Run(ctx) }()
			return func(method, path, body string) *httptest.ResponseRecorder {
				w := httptest.NewRecorder()
				r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
				r.Header.Set("Content-Type", asJSON)
				server.ServeHTTP(w, r)
				return w
			}, func() { cancel(); <-ended }
		}
		ask, stop := serve()
		ask("POST", "/queries", `{"name":"q","query":{}}`)
		ask("POST", "/queries/q/subscriptions", stream)
		synctest.Wait()
		ask("POST", "/events", objectEvent("urn:uuid:1", sgtin+"1", "shipping"))
		synctest.Wait()
		up = false
		ask("POST", "/events", objectEvent("urn:uuid:2", sgtin+"2", "shipping"))
		synctest.Wait()
		stop() // in the middle of trying
		ask("POST", "/events", objectEvent("urn:uuid:3", sgtin+"3", "shipping"))
		up = true
		_, stop = serve()
		synctest.Wait()
		stop()
		if want := []string{"urn:uuid:1", "urn:uuid:2", "urn:uuid:3"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestAScheduledSubscriptionReportsAtItsTimes(t *testing.T) {
	type report struct {
		at  time.Time
		ids []string
	}
	var got []report
	bubble(t, func(_ *http.Request, body []byte) int {
		got = append(got, report{time.Now().UTC(), idsOf(t, body)})
		return http.StatusOK
	}, func(t *testing.T, _ *resttest.Store, ask func(method, path, body string) *httptest.ResponseRecorder) {
		start := time.Now().UTC() // midnight, in a bubble
		ask("POST", "/queries", `{"name":"q","query":{"EQ_bizStep":["shipping"]}}`)
		w := ask("POST", "/queries/q/subscriptions", `{"dest":"https://hook.example.com/","schedule":{"minute":"5","hour":"1"},"reportIfEmpty":true}`)
		if w.Code != http.StatusCreated {
			t.Fatal(w.Body)
		}
		time.Sleep(30 * time.Minute)
		ask("POST", "/events", objectEvent("urn:uuid:1", sgtin+"1", "shipping"))
		ask("POST", "/events", objectEvent("urn:uuid:2", sgtin+"2", "receiving"))
		time.Sleep(50 * time.Hour)
		synctest.Wait()
		if len(got) != 3 {
			t.Fatalf("%d reports: %v", len(got), got)
		}
		for i, r := range got {
			want := start.Truncate(24*time.Hour).AddDate(0, 0, i).Add(time.Hour + 5*time.Minute)
			if !r.at.Equal(want) {
				t.Errorf("report %d at %s, want %s", i, r.at, want)
			}
			if i == 0 && !slices.Equal(r.ids, []string{"urn:uuid:1"}) || i > 0 && len(r.ids) != 0 {
				t.Errorf("report %d: %v", i, r.ids)
			}
		}
		var list []struct{ LastNotifiedAt, MinRecordTime time.Time }
		if err := json.Unmarshal(ask("GET", "/queries/q/subscriptions", "").Body.Bytes(), &list); err != nil || len(list) != 1 || !list[0].LastNotifiedAt.Equal(got[2].at) {
			t.Errorf("%v %+v", err, list)
		}
	})
}

func TestUnsubscribingEndsTheReports(t *testing.T) {
	reports := 0
	bubble(t, func(*http.Request, []byte) int {
		reports++
		return http.StatusOK
	}, func(t *testing.T, _ *resttest.Store, ask func(method, path, body string) *httptest.ResponseRecorder) {
		ask("POST", "/queries", `{"name":"q","query":{}}`)
		w := ask("POST", "/queries/q/subscriptions", stream)
		synctest.Wait()
		if gone := ask("DELETE", w.Header().Get("Location"), ""); gone.Code != http.StatusNoContent {
			t.Fatal(gone.Code)
		}
		synctest.Wait()
		ask("POST", "/events", objectEvent("urn:uuid:1", sgtin+"1", "shipping"))
		time.Sleep(time.Hour)
		synctest.Wait()
		if reports != 0 {
			t.Errorf("%d reports", reports)
		}
	})
}

func TestSubscriptionsAreShownWithoutTheirSecret(t *testing.T) {
	g := newRig(t)
	g.post("/queries", `{"name":"q","query":{}}`).want(t, http.StatusCreated)
	for _, body := range []string{
		stream, `{"dest":"https://hook.example.com/","secret":"s3cret","schedule":{"second":"0/30"},"initialRecordTime":"2024-01-01T00:00:00Z"}`,
	} {
		a := g.post("/queries/q/subscriptions", body).want(t, http.StatusCreated)
		one := g.get(a.location(t)).want(t, http.StatusOK)
		for _, a := range []answer{a, one} {
			if strings.Contains(string(a.body), "s3cret") {
				t.Errorf("%s", a.body)
			}
		}
	}
	ids := map[string]bool{}
	for path := "/queries/q/subscriptions?perPage=1"; path != ""; {
		a := g.get(path).want(t, http.StatusOK)
		var list []struct{ SubscriptionID string }
		if err := json.Unmarshal(a.body, &list); err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			ids[s.SubscriptionID] = true
		}
		path = a.next(t)
	}
	if len(ids) != 2 {
		t.Errorf("%d subscriptions", len(ids))
	}
	for id := range ids {
		g.do(http.MethodDelete, "/queries/q/subscriptions/"+id, "").want(t, http.StatusNoContent)
		g.get("/queries/q/subscriptions/"+id).want(t, http.StatusNotFound)
	}
}

func TestSubscriptionsThatCannotBeAreRefused(t *testing.T) {
	g := newRig(t)
	g.post("/queries", `{"name":"q","query":{}}`).want(t, http.StatusCreated)
	g.post("/queries", `{"name":"ordered","query":{"orderBy":"eventTime"}}`).want(t, http.StatusCreated)
	for _, body := range []string{
		`{"dest":"https://hook.example.com/"}`, `{"dest":"https://hook.example.com/","stream":false}`, `{"stream":true}`,
		`{"dest":"https://hook.example.com/","stream":true,"schedule":{"hour":"1"}}`, `{"dest":"https://hook.example.com/","schedule":{}}`,
		`{"dest":"https://hook.example.com/","schedule":{"hour":"25"}}`, `{"dest":"http://hook.example.com/","stream":true}`, `nonsense`,
		`{"dest":"https://127.0.0.1/","stream":true}`, `{"dest":"https://u:p@hook.example.com/","stream":true}`, `{"dest":"ftp://hook.example.com/","stream":true}`,
	} {
		if a := g.post("/queries/q/subscriptions", body).want(t, http.StatusBadRequest); a.exception(t) != "SubscriptionControlsException" {
			t.Errorf("%s: %s", body, a.body)
		}
	}
	g.post("/queries/ordered/subscriptions", stream).want(t, http.StatusBadRequest)
}

// TestWebhooksDoNotReachIntoTheNetwork connects for real: the name resolves to an
// address that is not allowed.
func TestWebhooksDoNotReachIntoTheNetwork(t *testing.T) {
	calls := make(chan struct{}, 16)
	hook := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls <- struct{}{} }))
	defer hook.Close()
	port := hook.URL[strings.LastIndexByte(hook.URL, ':'):]
	for _, c := range []struct {
		targets rest.Targets
		dest    string
		status  int
	}{
		{rest.Targets{}, hook.URL, http.StatusBadRequest},
		{rest.Targets{}, "https://[::1]" + port, http.StatusBadRequest},
		{rest.Targets{}, "https://[::ffff:127.0.0.1]" + port, http.StatusBadRequest},
		{rest.Targets{}, "https://169.254.169.254/latest", http.StatusBadRequest},
		{rest.Targets{}, "https://10.0.0.1/", http.StatusBadRequest},
		{rest.Targets{}, "https://100.64.0.1/", http.StatusBadRequest},
		{rest.Targets{}, "https://[64:ff9b::7f00:1]/", http.StatusBadRequest},
		{rest.Targets{}, "https://0.0.0.0/", http.StatusBadRequest},
		{rest.Targets{}, "https://[::7f00:1]/", http.StatusBadRequest},
		{rest.Targets{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, hook.URL, http.StatusCreated},
		{rest.Targets{}, "https://8.8.8.8/", http.StatusCreated},
	} {
		g := newRig(t, func(cfg *rest.Config) { cfg.Targets = c.targets })
		g.post("/queries", `{"name":"q","query":{}}`).want(t, http.StatusCreated)
		if a := g.post("/queries/q/subscriptions", `{"dest":"`+c.dest+`","stream":true}`); a.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", c.dest, a.StatusCode, c.status)
		}
	}
	// A name is checked when it is resolved: localhost passes as a name and is refused
	// as an address.
	g := newRig(t, func(cfg *rest.Config) {
		cfg.Targets = rest.Targets{AllowHTTP: true}
		cfg.Delivery.Backoff = time.Millisecond
	})
	g.post("/queries", `{"name":"q","query":{}}`).want(t, http.StatusCreated)
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls <- struct{}{} }))
	defer plain.Close()
	err := rest.Reach(t.Context(), g.server, "http://localhost"+plain.URL[strings.LastIndexByte(plain.URL, ':'):])
	if err == nil || !strings.Contains(err.Error(), "WB_TARGET_REFUSED") {
		t.Errorf("reached by name: %v", err)
	}
	if len(calls) != 0 {
		t.Errorf("%d calls came through", len(calls))
	}
}

func TestASignatureBindsTokenBodyAndTime(t *testing.T) {
	at := time.Unix(1700000000, 0)
	header := rest.Sign("token", at, []byte("body"))
	if err := rest.VerifySignature(header, "token", []byte("body"), at.Add(time.Minute), time.Minute); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		header, token, body string
		at                  time.Time
	}{
		{header, "other", "body", at},
		{header, "token", "bodY", at},
		{header, "token", "body", at.Add(2 * time.Minute)},
		{strings.Replace(header, "t=17", "t=18", 1), "token", "body", time.Unix(1800000000, 0)},
		{"", "token", "body", at},
		{"t=1,v1=zz", "token", "body", time.Unix(1, 0)},
	} {
		if err := rest.VerifySignature(c.header, c.token, []byte(c.body), c.at, time.Minute); !errors.Is(err, rest.ErrSignature) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func (g *rig) dial(path string) (*websocket.Conn, error) {
	c, res, err := websocket.Dial(context.Background(), g.http.URL+path, nil)
	if res != nil && res.Body != nil {
		res.Body.Close()
	}
	return c, err
}

func read(t *testing.T, c *websocket.Conn) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	kind, body, err := c.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if kind != websocket.MessageText {
		t.Error("not a text message")
	}
	return body
}

// closed gives the error that a socket ends with.
func closed(t *testing.T, c *websocket.Conn) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, _, err := c.Read(ctx)
	return err
}

func TestAWebSocketGetsMatchingEvents(t *testing.T) {
	g := newRig(t)
	g.post("/queries", `{"name":"q","query":{"EQ_bizStep":["shipping"]}}`).want(t, http.StatusCreated)
	g.post("/events", objectEvent("urn:uuid:0", sgtin+"1", "shipping")).want(t, http.StatusCreated)
	c, err := g.dial("/queries/q/events?stream=true&initialRecordTime=2020-01-01T00:00:00Z")
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if got := idsOf(t, read(t, c)); !slices.Equal(got, []string{"urn:uuid:0"}) {
		t.Errorf("%v", got)
	}
	g.post("/events", objectEvent("urn:uuid:1", sgtin+"2", "receiving")).want(t, http.StatusCreated)
	g.post("/events", objectEvent("urn:uuid:2", sgtin+"3", "shipping")).want(t, http.StatusCreated)
	if got := idsOf(t, read(t, c)); !slices.Equal(got, []string{"urn:uuid:2"}) {
		t.Errorf("%v", got)
	}
	g.do(http.MethodDelete, "/queries/q", "").want(t, http.StatusNoContent)
	err = closed(t, c)
	if websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("after the query was deleted: %v", err)
	}
}

func TestAWebSocketBySchedule(t *testing.T) {
	g := newRig(t)
	g.post("/queries", `{"name":"q","query":{}}`).want(t, http.StatusCreated)
	c, err := g.dial("/queries/q/events?second=*&reportIfEmpty=true")
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if got := idsOf(t, read(t, c)); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestASocketEndsWithTheRightToListen(t *testing.T) {
	var expired atomic.Bool
	g := newRig(t, func(c *rest.Config) {
		c.Authorize = func(*http.Request, rest.Action) error {
			if expired.Load() {
				return rest.ErrUnauthorized
			}
			return nil
		}
	})
	rest.SetPing(g.server, 10*time.Millisecond)
	g.post("/queries", `{"name":"q","query":{}}`).want(t, http.StatusCreated)
	c, err := g.dial("/queries/q/events?stream=true")
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	expired.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, _, err = c.Read(ctx); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("the socket ended with %v", err)
	}
}

func TestSocketsThatCannotBeAreRefused(t *testing.T) {
	g := newRig(t, func(c *rest.Config) { c.MaxSockets = 1 })
	g.post("/queries", `{"name":"q","query":{}}`).want(t, http.StatusCreated)
	for _, path := range []string{"/queries/q/events", "/queries/q/events?stream=false", "/queries/q/events?stream=true&hour=1", "/queries/q/events?hour=99", "/queries/q/events?stream=true&colour=red", "/queries/none/events?stream=true"} {
		if c, err := g.dial(path); err == nil {
			c.CloseNow()
			t.Errorf("%s is taken", path)
		}
	}
	c, err := g.dial("/queries/q/events?stream=true")
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if c, err := g.dial("/queries/q/events?stream=true"); err == nil {
		c.CloseNow()
		t.Error("more sockets than allowed")
	}
}

func TestSocketsEndWithTheServer(t *testing.T) {
	g := newRig(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.server.Run(ctx) }()
	g.post("/queries", `{"name":"q","query":{}}`).want(t, http.StatusCreated)
	c, err := g.dial("/queries/q/events?stream=true")
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	stop()
	if err := closed(t, c); websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("%v", err)
	}
	<-ended
}
