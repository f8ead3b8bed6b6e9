package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waybill-dev/waybill/api/rest"
	"github.com/waybill-dev/waybill/api/rest/resttest"
	"github.com/waybill-dev/waybill/epcis"
)

// ended keeps tokens in memory.
type ended struct {
	mu   sync.Mutex
	list map[string]time.Time
}

func (e *ended) EndToken(_ context.Context, digest []byte, expires time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list[string(digest)] = expires
	return nil
}

func (e *ended) TokenEnded(_ context.Context, digest []byte) (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, ok := e.list[string(digest)]
	return ok, nil
}

func TestATokenThatWasGivenBackAnswersNothing(t *testing.T) {
	tokens := &ended{list: map[string]time.Time{}}
	g := newRig(t, func(c *rest.Config) { c.Tokens = tokens })
	g.seed(9)
	link := g.get("/events?perPage=3").want(t, http.StatusOK).Header.Get("Link")
	next := strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
	_, token, _ := strings.Cut(next, "nextPageToken=")
	token, _, _ = strings.Cut(token, "&")
	g.get(next).want(t, http.StatusOK)
	g.do(http.MethodDelete, "/nextPageToken/"+token, "").want(t, http.StatusNoContent)
	g.do(http.MethodDelete, "/nextPageToken/"+token, "").want(t, http.StatusNoContent)
	if a := g.get(next).want(t, http.StatusBadRequest); a.exception(t) != "QueryParameterException" {
		t.Error(a.exception(t))
	}
	for at, expires := range tokens.list {
		if d := time.Until(expires); d < 23*time.Hour || d > 24*time.Hour {
			t.Errorf("the token %x is remembered for %s", at, d)
		}
	}
	// What is none is kept nowhere.
	g.do(http.MethodDelete, "/nextPageToken/abc", "").want(t, http.StatusNoContent)
	if len(tokens.list) != 1 {
		t.Errorf("%d tokens are remembered", len(tokens.list))
	}
}

func TestWordsOfTheCBVInXMLAreSpelledAsAsked(t *testing.T) {
	g := newRig(t)
	g.post("/events", objectEvent("urn:uuid:a", sgtin+"1", "shipping")).want(t, http.StatusCreated)
	for asked, want := range map[string]string{
		"": "urn:epcglobal:cbv:bizstep:shipping", "No_Preference": "urn:epcglobal:cbv:bizstep:shipping",
		"Always_URN": "urn:epcglobal:cbv:bizstep:shipping", "Always_Web_URI": "https://ref.gs1.org/cbv/BizStep-shipping",
	} {
		a := g.get("/events", "Accept", "application/xml", "GS1-CBV-XML-Format", asked).want(t, http.StatusOK)
		if !bytes.Contains(a.body, []byte("<bizStep>"+want+"</bizStep>")) {
			t.Errorf("%q: %s", asked, a.body)
		}
	}
	g.get("/events", "Accept", "application/xml", "GS1-CBV-XML-Format", "Never_Translates").want(t, http.StatusNotAcceptable)
	g.get("/events", "Accept", "application/xml", "GS1-CBV-XML-Format", "sometimes").want(t, http.StatusNotAcceptable)
}

func TestAnEventThatXMLCannotHoldIsNoFaultOfTheServer(t *testing.T) {
	g := newRig(t)
	event := strings.Replace(objectEvent("urn:uuid:a", sgtin+"1", "shipping"), `"readPoint"`, `"https://ns.example.com/a":"\u0000","readPoint"`, 1)
	g.post("/events", event).want(t, http.StatusCreated)
	for _, path := range []string{"/events", "/events/urn:uuid:a"} {
		a := g.get(path, "Accept", "application/xml").want(t, http.StatusNotAcceptable)
		if !bytes.Contains(a.body, []byte("ni:///sha-256;")) || !bytes.Contains(a.body, []byte("U+0000")) {
			t.Errorf("%s names neither event nor cause: %s", path, a.body)
		}
		g.get(path).want(t, http.StatusOK)
	}
}

func TestEPCURNsNeedKnownCompanyPrefixes(t *testing.T) {
	var known epcis.CompanyPrefixes
	g := newRig(t, func(c *rest.Config) { c.URN = func(id string) (string, error) { return known.URN(id) } })
	g.post("/events", objectEvent("urn:uuid:a", "https://id.gs1.org/01/09521321000018/21/1", "shipping")).want(t, http.StatusCreated)
	a := g.get("/events", "GS1-EPC-Format", "Always_EPC_URN").want(t, http.StatusNotAcceptable)
	var p struct{ Code, Detail string }
	if err := json.Unmarshal(a.body, &p); err != nil || p.Code != epcis.CodeCompanyPrefix || strings.Count(p.Detail, epcis.CodeCompanyPrefix) != 1 {
		t.Errorf("the refusal is %s, %v", a.body, err)
	}
	known = epcis.CompanyPrefixes{"9521321"}
	a = g.get("/events", "GS1-EPC-Format", "Always_EPC_URN").want(t, http.StatusOK)
	if got := a.events(t); a.Header.Get("GS1-EPC-Format") != "Always_EPC_URN" || got[0].EPCs[0] != "urn:epc:id:sgtin:9521321.000001.1" {
		t.Errorf("%s %v", a.Header.Get("GS1-EPC-Format"), got[0].EPCs)
	}
}

func TestEveryProblemHasAStableCode(t *testing.T) {
	g := newRig(t, func(c *rest.Config) {
		c.Authorize = func(r *http.Request, _ rest.Action) error {
			if r.Header.Get("X-Stranger") != "" {
				return fmt.Errorf("%w: %w", rest.ErrForbidden, errors.New("WB_CERTIFICATE_FOREIGN: call your own server"))
			}
			return nil
		}
	})
	event := objectEvent("urn:uuid:a", sgtin+"1", "shipping")
	g.post("/events", event).want(t, http.StatusCreated)
	for _, c := range []struct {
		answer answer
		code   string
	}{
		{g.get("/nothing"), "WB_NOT_FOUND"},
		{g.get("/events", "X-Stranger", "yes"), "WB_CERTIFICATE_FOREIGN"},
		{g.post("/events", objectEvent("urn:uuid:a", sgtin+"2", "shipping")), "WB_CONFLICT"},
		{g.get("/events", "Accept", "image/png"), "WB_NOT_ACCEPTABLE"},
		{g.do(http.MethodPost, "/events", "x", "Content-Type", "text/plain"), "WB_MEDIA_TYPE"},
		{g.post("/capture", document2(event), "Content-Encoding", "gzip"), "WB_MEDIA_TYPE"},
		{g.post("/events", event, "Content-Encoding", "gzip"), "WB_MEDIA_TYPE"},
		{g.do(http.MethodPut, "/events", ""), "WB_METHOD"},
		{g.post("/capture", `{"type":"EPCISDocument"}`), "WB_EPCIS_"},
	} {
		var p struct{ Code, Detail string }
		if err := json.Unmarshal(c.answer.body, &p); err != nil || !strings.HasPrefix(p.Code, c.code) || !strings.HasPrefix(p.Detail, p.Code+": ") {
			t.Errorf("%s %s: %s, wanted the code %s (%v)", c.answer.Request.Method, c.answer.Request.URL, c.answer.body, c.code, err)
		}
	}
}

func TestDocumentsUnderWayAreBounded(t *testing.T) {
	g := newRig(t, func(c *rest.Config) { c.MaxDocuments = 1 })
	document := document2(objectEvent("", sgtin+"1", "shipping"))
	body, sender := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.http.URL+"/capture", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", asJSON)
	r.ContentLength = int64(len(document))
	first := make(chan int, 1)
	go func() {
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Error(err)
			first <- 0
			return
		}
		res.Body.Close()
		first <- res.StatusCode
	}()
	if _, err = sender.Write([]byte(document[:10])); err != nil { // returns once the server reads
		t.Fatal(err)
	}
	// The first one is taken though it is larger than the bound, since it is alone; the second is not.
	for {
		res, err := http.Post(g.http.URL+"/capture", asJSON, strings.NewReader(document))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode == http.StatusServiceUnavailable {
			if res.Header.Get("Retry-After") == "" {
				t.Error("nothing tells when to try again")
			}
			break
		}
		// The server had not begun with the first one yet.
	}
	if _, err = sender.Write([]byte(document[10:])); err != nil {
		t.Fatal(err)
	}
	sender.Close()
	if status := <-first; status != http.StatusAccepted {
		t.Errorf("the first capture got %d", status)
	}
	g.store.Settle()
}

// capturer takes a capture only while there is time for it, as a database does.
type capturer struct{ rest.Capturer }

func (c capturer) Start(ctx context.Context, capture rest.Capture) (string, error) {
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	return c.Capturer.Start(ctx, capture)
}

// slowly gives a body after a minute.
type slowly struct{ io.Reader }

func (s slowly) Read(p []byte) (int, error) {
	time.Sleep(time.Minute)
	return s.Reader.Read(p)
}

func TestADocumentMayArriveSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := resttest.New()
		server, err := rest.New(rest.Config{Capturer: capturer{store}, Events: store, Queries: store, Subscriptions: store, RequestTimeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/capture", slowly{strings.NewReader(document2(objectEvent("", sgtin+"1", "shipping")))})
		r.Header.Set("Content-Type", asJSON)
		if server.ServeHTTP(w, r); w.Code != http.StatusAccepted {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		store.Settle()
	})
}
