package e2e_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/waybill-dev/waybill/api/rest"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/profile"
)

// webhooksHere lets subscriptions post to this machine without TLS.
func webhooksHere() []string { return []string{"--webhook-http", "--webhook-allow", "127.0.0.0/8"} }

// web calls the REST binding of an organisation as one of its identities.
type web struct {
	t      *testing.T
	base   string
	client *http.Client
}

func (l *lab) web(t *testing.T, org, identity string) *web {
	t.Helper()
	p := l.profile(t, org)
	id, err := p.Identity(identity)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := tls.LoadX509KeyPair(id.Cert, id.Key)
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.ReadFile(p.API.RootCA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(root)
	transport := &http.Transport{TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: pool}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &web{t: t, base: "https://" + p.API.RESTAddress, client: &http.Client{Transport: transport}}
}

// reply is an answer of the REST binding.
type reply struct {
	*http.Response
	body []byte
}

func (w *web) try(ctx context.Context, method, path, body string, headers ...string) (reply, error) {
	r, err := http.NewRequestWithContext(ctx, method, w.base+strings.TrimPrefix(path, w.base), strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := w.client.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	return reply{response, b}, err
}

// do calls and wants a status.
func (w *web) do(ctx context.Context, status int, method, path, body string, headers ...string) reply {
	w.t.Helper()
	r, err := w.try(ctx, method, path, body, headers...)
	if err != nil {
		w.t.Fatal(err)
	}
	if r.StatusCode != status {
		w.t.Fatalf("%s %s: %s, wanted %d: %.800s", method, path, r.Status, status, r.body)
	}
	return r
}

// job is a capture job as the binding shows it.
type job struct {
	Running, Success bool
	FinishedAt       time.Time
	Errors           []struct {
		Code, EventID, Detail string
		Index                 *int
	}
}

// ended waits until a capture job has ended.
func (w *web) ended(ctx context.Context, location string) (j job) {
	w.t.Helper()
	until(ctx, w.t, "the capture job ends", func() error {
		r, err := w.try(ctx, http.MethodGet, location, "")
		if err != nil {
			return err
		}
		j = job{}
		if err := json.Unmarshal(r.body, &j); err != nil {
			return fmt.Errorf("%w: %.300s", err, r.body)
		}
		if j.Running {
			return errors.New("it runs")
		}
		return nil
	})
	return j
}

// found gives all events of a query, page by page.
func (w *web) found(ctx context.Context, query url.Values) (hashes map[epcis.Hash]int) {
	w.t.Helper()
	query.Set("perPage", "1000")
	hashes = map[epcis.Hash]int{}
	for next := "/events?" + query.Encode(); next != ""; {
		r := w.do(ctx, http.StatusOK, http.MethodGet, next, "")
		for _, e := range eventsIn(w.t, r.body) {
			hashes[e.Hash()]++
		}
		next = ""
		if link := r.Header.Get("Link"); link != "" {
			next = link[1:strings.Index(link, ">")]
		}
	}
	return hashes
}

func eventsIn(t *testing.T, document []byte) (events []*epcis.Event) {
	t.Helper()
	doc, err := epcis.ParseDocument(document, epcis.Limits{})
	if err == nil {
		err = doc.Err()
	}
	if err != nil {
		t.Fatalf("%v: %.500s", err, document)
	}
	for _, e := range doc.Events {
		events = append(events, e.Event)
	}
	return events
}

const restHead = `{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"2026-01-01T00:00:00Z","epcisBody":{"eventList":[`

func restDocument(events ...string) string { return restHead + strings.Join(events, ",") + `]}}` }

// observed is an event at a place of its own; n makes it different from the others.
func observed(place, id string, n int) string {
	event := fmt.Sprintf(`"type":"ObjectEvent","action":"OBSERVE","bizStep":"storing","eventTime":"2026-01-02T03:04:05.%03dZ","eventTimeZoneOffset":"+00:00",`+
		`"epcList":["https://id.gs1.org/01/09521321000018/21/r%d"],"readPoint":{"id":%q}`, n%1000, n, place)
	if id != "" {
		event += fmt.Sprintf(`,"eventID":%q`, id)
	}
	return "{" + event + "}"
}

func somewhere() string { return "https://example.com/place/" + rand.Text() }

func TestACompanyUsesRESTAlone(t *testing.T) {
	ctx, l := endToEnd(t, 3*time.Minute)
	l.serve(ctx, t, "producer", webhooksHere()...)
	w := l.web(t, "producer", profile.IdentityCompany)
	place := somewhere()
	at := url.Values{"EQ_readPoint": {place}}
	name := "q" + rand.Text()

	// A query of its own, a webhook and a socket on it.
	w.do(ctx, http.StatusCreated, http.MethodPost, "/queries", fmt.Sprintf(`{"name":%q,"query":{"EQ_readPoint":[%q]}}`, name, place))
	const secret = "a secret between the two"
	reports := make(chan []byte, 16)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := rest.VerifySignature(r.Header.Get(rest.SignatureHeader), secret, body, time.Now(), time.Minute); err != nil {
			t.Error(err)
		}
		reports <- body
	}))
	defer receiver.Close()
	w.do(ctx, http.StatusCreated, http.MethodPost, "/queries/"+name+"/subscriptions", fmt.Sprintf(`{"dest":%q,"signatureToken":%q,"stream":true}`, receiver.URL, secret))
	socket, _, err := websocket.Dial( //nolint:bodyclose // the library closes it
		ctx, w.base+"/queries/"+name+"/events?stream=true", &websocket.DialOptions{HTTPClient: &http.Client{
			Transport: &http.Transport{TLSClientConfig: w.client.Transport.(*http.Transport).TLSClientConfig.Clone()},
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.CloseNow()
	socket.SetReadLimit(1 << 20)

	// JSON goes in, is reported, and is read back in both forms.
	captured := w.do(ctx, http.StatusAccepted, http.MethodPost, "/capture", restDocument(observed(place, "", 1), observed(place, "", 2)))
	if j := w.ended(ctx, captured.Header.Get("Location")); !j.Success || len(j.Errors) > 0 {
		t.Fatalf("the capture ended with %+v", j)
	}
	if got := w.found(ctx, at); len(got) != 2 {
		t.Fatalf("%d events at the place, wanted 2", len(got))
	}
	receive := func(what string, next func() ([]byte, error)) {
		t.Helper()
		for n := 0; n < 2; {
			body, err := next()
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			n += len(eventsIn(t, body))
		}
	}
	receive("the webhook", func() ([]byte, error) {
		select {
		case b := <-reports:
			return b, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	receive("the socket", func() ([]byte, error) {
		_, b, err := socket.Read(ctx)
		return b, err
	})
	asXML := w.do(ctx, http.StatusOK, http.MethodGet, "/events?"+at.Encode(), "", "Accept", "application/xml")
	if got := eventsIn(t, asXML.body); len(got) != 2 {
		t.Fatalf("%d events in XML", len(got))
	}

	// XML goes in: what was read, as a document of the same events, is a duplicate each.
	var xml bytes.Buffer
	doc, err := epcis.ParseDocument([]byte(restDocument(observed(place, "", 1), observed(place, "", 3))), epcis.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	encoder, err := epcis.NewEncoder(&xml, doc, epcis.WriteOptions{Form: epcis.FormXML})
	for _, e := range doc.Events {
		err = errors.Join(err, encoder.WriteEvent(e.Event))
	}
	if err = errors.Join(err, encoder.Close()); err != nil {
		t.Fatal(err)
	}
	captured = w.do(ctx, http.StatusAccepted, http.MethodPost, "/capture", xml.String(), "Content-Type", "application/xml")
	if j := w.ended(ctx, captured.Header.Get("Location")); !j.Success {
		t.Fatalf("the capture of XML ended with %+v", j)
	}
	if got := w.found(ctx, at); len(got) != 3 {
		t.Fatalf("%d events at the place, wanted 3", len(got))
	}

	// One event by itself; its id belongs to it.
	id := "urn:uuid:" + rand.Text()
	bare := func(n int) string {
		return `{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],` + observed(place, id, n)[1:]
	}
	w.do(ctx, http.StatusCreated, http.MethodPost, "/events", bare(4))
	w.do(ctx, http.StatusCreated, http.MethodPost, "/events", bare(4))
	conflict := w.do(ctx, http.StatusConflict, http.MethodPost, "/events", bare(5))
	if !bytes.Contains(conflict.body, []byte("WB_CONFLICT")) {
		t.Errorf("the conflict says %s", conflict.body)
	}
	if got := eventsIn(t, w.do(ctx, http.StatusOK, http.MethodGet, "/events/"+url.PathEscape(id), "").body); len(got) != 1 || got[0].EPCs[0] != "https://id.gs1.org/01/09521321000018/21/r4" {
		t.Errorf("the event of the id is %+v", got)
	}

	// A rollback of which one event cannot be recorded records none, and says which.
	captured = w.do(ctx, http.StatusAccepted, http.MethodPost, "/capture", restDocument(observed(place, "", 6), observed(place, id, 7), observed(place, "", 8)))
	j := w.ended(ctx, captured.Header.Get("Location"))
	if j.Success || len(j.Errors) != 1 || j.Errors[0].Code != "WB_CONFLICT" || *j.Errors[0].Index != 1 || j.Errors[0].EventID != id {
		t.Fatalf("the rollback ended with %+v", j)
	}
	if got := w.found(ctx, at); len(got) != 4 {
		t.Fatalf("%d events at the place after the rollback, wanted 4", len(got))
	}

	// Who only reads may not write, and is told by a code.
	reader := l.web(t, "producer", profile.IdentityDashboard)
	reader.do(ctx, http.StatusOK, http.MethodGet, "/events?"+at.Encode(), "")
	refusal := reader.do(ctx, http.StatusForbidden, http.MethodPost, "/capture", restDocument(observed(place, "", 9)))
	if !bytes.Contains(refusal.body, []byte("WB_UNAUTHORISED")) {
		t.Errorf("the refusal says %s", refusal.body)
	}
	stranger := l.web(t, "carrier", profile.IdentityCompany)
	stranger.base = w.base
	stranger.client.Transport.(*http.Transport).TLSClientConfig.RootCAs = w.client.Transport.(*http.Transport).TLSClientConfig.RootCAs
	refusal = stranger.do(ctx, http.StatusForbidden, http.MethodGet, "/events", "")
	if !bytes.Contains(refusal.body, []byte("WB_CERTIFICATE_FOREIGN")) {
		t.Errorf("the refusal says %s", refusal.body)
	}
}

// TestACaptureJobOutlivesItsServer kills the server in the middle of a capture of 10,000 events of which 100 are
// bad: the next start records the other 9,900, once each, and names the 100.
func TestACaptureJobOutlivesItsServer(t *testing.T) {
	ctx, l := endToEnd(t, 4*time.Minute)
	s := l.serve(ctx, t, "producer", webhooksHere()...)
	w := l.web(t, "producer", profile.IdentityCompany)
	place := somewhere()
	const events, every = 10_000, 100
	var list []string
	for n := range events {
		e := observed(place, "", n)
		if n%every == every-1 {
			e = strings.Replace(e, `"action":"OBSERVE",`, "", 1)
		}
		list = append(list, e)
	}
	// A query and a webhook, which go on as well.
	name := "q" + rand.Text()
	w.do(ctx, http.StatusCreated, http.MethodPost, "/queries", fmt.Sprintf(`{"name":%q,"query":{"EQ_readPoint":[%q]}}`, name, place))
	reports := make(chan int, 10*events)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for _, e := range eventsIn(t, body) {
			var n int
			if _, err := fmt.Sscanf(e.EPCs[0], "https://id.gs1.org/01/09521321000018/21/r%d", &n); err != nil {
				t.Error(err)
			}
			reports <- n
		}
	}))
	defer receiver.Close()
	w.do(ctx, http.StatusCreated, http.MethodPost, "/queries/"+name+"/subscriptions", fmt.Sprintf(`{"dest":%q,"stream":true}`, receiver.URL))

	location := w.do(ctx, http.StatusAccepted, http.MethodPost, "/capture", restDocument(list...), "GS1-Capture-Error-Behaviour", "proceed").Header.Get("Location")
	var first int
	select { // the first events are recorded, and most are not
	case first = <-reports:
	case <-ctx.Done():
		t.Fatal(ctx.Err())
	}
	s.kill()
	restarted := time.Now()
	l.serve(ctx, t, "producer", webhooksHere()...)
	j := w.ended(ctx, location)
	if j.FinishedAt.Before(restarted) {
		t.Fatalf("the job ended at %s, before the server was killed: the test shows nothing", j.FinishedAt)
	}
	if j.Success || len(j.Errors) != events/every {
		t.Fatalf("the job ended with success %t and %d errors, wanted %d", j.Success, len(j.Errors), events/every)
	}
	for i, e := range j.Errors {
		if e.Index == nil || *e.Index != i*every+every-1 || !strings.HasPrefix(e.Code, "WB_") {
			t.Fatalf("error %d is %+v", i, e)
		}
	}
	got := w.found(ctx, url.Values{"EQ_readPoint": {place}})
	if len(got) != events-events/every {
		t.Fatalf("%d events are recorded, wanted %d", len(got), events-events/every)
	}
	for hash, times := range got {
		if times != 1 {
			t.Errorf("%s is answered %d times", hash, times)
		}
	}
	told := map[int]bool{first: true}
	for len(told) < len(got) {
		select {
		case n := <-reports:
			told[n] = true
		case <-ctx.Done():
			t.Fatalf("the webhook was told of %d events of %d", len(told), len(got))
		}
	}
}
