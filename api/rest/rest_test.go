package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/api/query/querytest"
	"github.com/waybill-dev/waybill/api/rest"
	"github.com/waybill-dev/waybill/api/rest/resttest"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/internal/testdata"
)

const (
	gs1Context = `"https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"`
	asJSON     = "application/json"
)

// rig is a server over a store in memory. Every answer is compared with the
// published OpenAPI document.
type rig struct {
	t      testing.TB
	store  *resttest.Store
	server *rest.Server
	http   *httptest.Server
	doc    *document
}

func newRig(t *testing.T, change ...func(*rest.Config)) *rig {
	t.Helper()
	store := resttest.New()
	cfg := rest.Config{Capturer: store, Events: store, Queries: store, Subscriptions: store, EPCFormat: rest.FormatOriginal}
	for _, c := range change {
		c(&cfg)
	}
	server, err := rest.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{t: t, store: store, server: server, http: httptest.NewServer(server), doc: load(t)}
	t.Cleanup(g.http.Close)
	return g
}

type answer struct {
	*http.Response
	body []byte
}

func (g *rig) do(method, path, body string, headers ...string) answer {
	g.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, g.http.URL+strings.TrimPrefix(path, g.http.URL), strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	g.doc.check(g.t, req, res, out)
	return answer{res, out}
}

func (g *rig) get(path string, headers ...string) answer {
	g.t.Helper()
	return g.do(http.MethodGet, path, "", headers...)
}

func (g *rig) post(path, body string, headers ...string) answer {
	g.t.Helper()
	return g.do(http.MethodPost, path, body, append([]string{"Content-Type", asJSON}, headers...)...)
}

func (a answer) want(t testing.TB, status int) answer {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s %s: %d, want %d: %.600s", a.Request.Method, a.Request.URL, a.StatusCode, status, a.body)
	}
	return a
}

// exception gives the type of a problem document.
func (a answer) exception(t testing.TB) string {
	t.Helper()
	var p struct{ Type string }
	if err := json.Unmarshal(a.body, &p); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return strings.TrimPrefix(p.Type, "epcisException:")
}

// events gives the events of a document of results.
func (a answer) events(t testing.TB) []*epcis.Event {
	t.Helper()
	doc, err := epcis.ParseDocument(a.body, epcis.Limits{})
	if err != nil {
		t.Fatalf("%v: %.500s", err, a.body)
	}
	if err := doc.Err(); err != nil {
		t.Fatal(err)
	}
	var list []*epcis.Event
	for _, e := range doc.Events {
		list = append(list, e.Event)
	}
	return list
}

func (a answer) members(t testing.TB) []string {
	t.Helper()
	var c struct{ Member []string }
	if err := json.Unmarshal(a.body, &c); err != nil {
		t.Fatal(err)
	}
	return c.Member
}

// next gives the path of the next page; empty at the end.
func (a answer) next(t testing.TB) string {
	t.Helper()
	link := a.Header.Get("Link")
	if link == "" {
		return ""
	}
	m := regexp.MustCompile(`^<([^>]+)>; rel="next"$`).FindStringSubmatch(link)
	if m == nil || a.Header.Get("GS1-Next-Page-Token-Expires") == "" {
		t.Fatalf("Link: %s", link)
	}
	u, err := url.Parse(m[1])
	if err != nil || u.Host != a.Request.URL.Host {
		t.Fatalf("Link: %s", link)
	}
	return u.RequestURI()
}

// location gives the path that an answer points at.
func (a answer) location(t testing.TB) string {
	t.Helper()
	u, err := url.Parse(a.Header.Get("Location"))
	if err != nil || !u.IsAbs() {
		t.Fatalf("Location: %q", a.Header.Get("Location"))
	}
	return u.RequestURI()
}

func objectEvent(id, epc, step string) string {
	if id != "" {
		id = `"eventID":"` + id + `",`
	}
	return `{"@context":` + gs1Context + `,` + id + `"type":"ObjectEvent","action":"OBSERVE","bizStep":"` + step + `","disposition":"in_transit",
		"eventTime":"2024-01-01T00:00:00Z","eventTimeZoneOffset":"+00:00","epcList":["` + epc + `"],
		"readPoint":{"id":"urn:epc:id:sgln:0012345.11111.400"},"bizLocation":{"id":"urn:epc:id:sgln:0012345.11111.0"}}`
}

func document2(events ...string) string {
	for i, e := range events {
		events[i] = strings.Replace(e, `"@context":`+gs1Context+`,`, "", 1)
	}
	return `{"@context":` + gs1Context + `,"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"2024-01-01T00:00:00Z","epcisBody":{"eventList":[` + strings.Join(events, ",") + `]}}`
}

const sgtin = "urn:epc:id:sgtin:0614141.107346."

// seed records n events.
func (g *rig) seed(n int) {
	g.t.Helper()
	steps := []string{"shipping", "receiving", "packing"}
	for i := range n {
		g.post("/events", objectEvent(fmt.Sprintf("urn:uuid:00000000-0000-4000-8000-%012d", i), sgtin+fmt.Sprint(1000+i), steps[i%3])).want(g.t, http.StatusCreated)
	}
}

func TestEveryPathTellsWhatItCanDo(t *testing.T) {
	g := newRig(t, func(c *rest.Config) { c.VendorVersion = "waybill" })
	for path, item := range g.doc.doc.Paths.Map() {
		if item.Options == nil {
			continue
		}
		at := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(path, "x")
		a := g.do(http.MethodOptions, at, "").want(t, http.StatusNoContent)
		for method := range item.Operations() {
			if !strings.Contains(a.Header.Get("Allow"), method) {
				t.Errorf("%s allows %q, not %s", path, a.Header.Get("Allow"), method)
			}
		}
		for _, h := range []string{"GS1-EPCIS-Version", "GS1-EPCIS-Min", "GS1-EPCIS-Max", "GS1-CBV-Version", "GS1-CBV-Min", "GS1-CBV-Max", "GS1-EPC-Format", "GS1-CBV-XML-Format", "GS1-Vendor-Version"} {
			if a.Header.Get(h) == "" {
				t.Errorf("%s does not tell %s", path, h)
			}
		}
	}
	a := g.do(http.MethodOptions, "/capture", "")
	if a.Header.Get("GS1-EPCIS-Capture-Limit") != "50000" || a.Header.Get("GS1-EPCIS-Capture-File-Size-Limit") != "33554432" || a.Header.Get("GS1-Capture-Error-Behaviour") != "all" {
		t.Errorf("capture: %v", a.Header)
	}
	if m := g.get("/").want(t, http.StatusOK).members(t); len(m) != 9 {
		t.Errorf("top level: %v", m)
	}
	g.get("/nothing").want(t, http.StatusNotFound)
	g.do(http.MethodPut, "/events", "").want(t, http.StatusMethodNotAllowed)
	if a := g.do(http.MethodDelete, "/nextPageToken/abc", "").want(t, http.StatusNotImplemented); a.exception(t) != "ImplementationException" {
		t.Error(a.exception(t))
	}
	if a := g.do(http.MethodHead, "/events", ""); a.StatusCode != http.StatusOK || len(a.body) != 0 {
		t.Errorf("HEAD: %d, %d bytes", a.StatusCode, len(a.body))
	}
}

func TestAnEventIsRecordedOnceAndKeepsItsID(t *testing.T) {
	g := newRig(t)
	event := objectEvent("urn:uuid:a", sgtin+"1", "shipping")
	first := g.post("/events", event).want(t, http.StatusCreated)
	if got := first.location(t); got != "/events/urn:uuid:a" {
		t.Errorf("Location: %s", got)
	}
	e, err := epcis.ParseEvent(nil, first.body)
	if err != nil {
		t.Fatal(err)
	}
	sent, err := epcis.ParseEvent(nil, []byte(event))
	if err != nil {
		t.Fatal(err)
	}
	if e.Hash() != sent.Hash() || e.RecordTime.IsZero() {
		t.Errorf("the event came back as %s", first.body)
	}
	again := g.post("/events", event).want(t, http.StatusCreated)
	if !bytes.Equal(again.body, first.body) {
		t.Error("recorded twice")
	}
	conflict := g.post("/events", objectEvent("urn:uuid:a", sgtin+"2", "shipping")).want(t, http.StatusConflict)
	if conflict.exception(t) != "ResourceAlreadyExistsException" {
		t.Error(conflict.exception(t))
	}
	if got := g.get("/events").want(t, http.StatusOK).events(t); len(got) != 1 || got[0].Hash() != sent.Hash() {
		t.Errorf("after a refused event there are %d", len(got))
	}
	if got := g.get("/events/urn:uuid:a").want(t, http.StatusOK).events(t); len(got) != 1 {
		t.Error("not found by its id")
	}
	g.get("/events/urn:uuid:b").want(t, http.StatusNotFound)
}

func TestAMissingEventIDIsTheHash(t *testing.T) {
	g := newRig(t)
	a := g.post("/events", objectEvent("", sgtin+"1", "shipping")).want(t, http.StatusCreated)
	e, err := epcis.ParseEvent(nil, a.body)
	if err != nil {
		t.Fatal(err)
	}
	if e.EventID != e.Hash().String() {
		t.Errorf("eventID %s", e.EventID)
	}
	for _, path := range []string{a.location(t), "/events/" + url.PathEscape(e.EventID), "/events?EQ_eventID=" + url.QueryEscape(e.EventID)} {
		if got := g.get(path).want(t, http.StatusOK).events(t); len(got) != 1 || got[0].EventID != e.EventID {
			t.Errorf("%s: %d events", path, len(got))
		}
	}
}

func TestExtensionsAndContextsComeBack(t *testing.T) {
	g := newRig(t)
	event := strings.Replace(objectEvent("urn:uuid:x", sgtin+"1", "shipping"), gs1Context, `[`+gs1Context+`,{"ex":"https://ns.example.com/"}]`, 1)
	event = strings.TrimSuffix(event, "}") + `,"ex:note":"hello","ex:nested":{"ex:n":5}}`
	one := g.post("/events", event).want(t, http.StatusCreated)
	sent, err := epcis.ParseEvent(nil, []byte(event))
	if err != nil {
		t.Fatal(err)
	}
	if e, err := epcis.ParseEvent(nil, one.body); err != nil || e.Hash() != sent.Hash() {
		t.Errorf("the answer is another event: %v\n%s", err, one.body)
	}
	for _, accept := range []string{asJSON, "application/xml"} {
		got := g.get("/events?EQ_ex%3Anote=hello", "GS1-Extensions", "ex=https://ns.example.com/", "Accept", accept).want(t, http.StatusOK).events(t)
		if len(got) != 1 || got[0].Hash() != sent.Hash() {
			t.Errorf("%s: %d events", accept, len(got))
		}
	}
	if a := g.get("/events?EQ_ex%3Anote=hello").want(t, http.StatusBadRequest); a.exception(t) != "QueryParameterException" {
		t.Error(a.exception(t))
	}
	g.get("/events", "GS1-Extensions", "nonsense").want(t, http.StatusBadRequest)
}

func TestPagesAreWholeStableAndSigned(t *testing.T) {
	g := newRig(t)
	g.seed(25)
	var ids []string
	pages := 0
	for path := "/events?perPage=7&EQ_action=OBSERVE&orderBy=recordTime&orderDirection=ASC"; path != ""; pages++ {
		a := g.get(path).want(t, http.StatusOK)
		for _, e := range a.events(t) {
			ids = append(ids, e.EventID)
		}
		if pages == 0 { // recorded meanwhile: not in the pages that follow
			g.post("/events", objectEvent("urn:uuid:late", sgtin+"9", "shipping")).want(t, http.StatusCreated)
			again := g.get(a.next(t))
			if !slices.EqualFunc(again.events(t), g.get(a.next(t)).events(t), func(a, b *epcis.Event) bool { return a.EventID == b.EventID }) {
				t.Error("a page is not the same the second time")
			}
		}
		path = a.next(t)
	}
	if pages != 4 || len(ids) != 25 || !slices.IsSorted(ids) || ids[0] != "urn:uuid:00000000-0000-4000-8000-000000000000" {
		t.Errorf("%d pages, %d events", pages, len(ids))
	}
	next := g.get("/events?perPage=7").next(t)
	token := regexp.MustCompile(`nextPageToken=([^&]+)`).FindStringSubmatch(next)[1]
	for _, path := range []string{
		"/events?perPage=7&EQ_action=ADD&nextPageToken=" + token, "/events?nextPageToken=" + token[:len(token)-2] + "AA",
		"/events?nextPageToken=abc", "/events?nextPageToken=" + strings.Repeat("A", 9000), "/epcs?nextPageToken=" + token, "/bizSteps/shipping/events?nextPageToken=" + token,
	} {
		if a := g.get(path).want(t, http.StatusBadRequest); a.exception(t) != "QueryParameterException" {
			t.Errorf("%s: %s", path, a.exception(t))
		}
	}
	g.get("/events?perPage=3&nextPageToken="+token).want(t, http.StatusOK) // the size may change
}

func TestTokensExpireAndBelongToOneKey(t *testing.T) {
	key := bytes.Repeat([]byte("k"), 32)
	g := newRig(t, func(c *rest.Config) { c.TokenLife, c.TokenKey = -2*time.Second, key })
	g.seed(3)
	g.get(g.get("/events?perPage=1").next(t)).want(t, http.StatusBadRequest)
	one := newRig(t, func(c *rest.Config) { c.TokenKey = key })
	two := newRig(t, func(c *rest.Config) { c.TokenKey = key })
	other := newRig(t)
	for _, g := range []*rig{one, two, other} {
		g.seed(3)
	}
	next := one.get("/events?perPage=1").next(t)
	two.get(next).want(t, http.StatusOK)
	other.get(next).want(t, http.StatusBadRequest)
}

func TestResourcesLeadToTheirEvents(t *testing.T) {
	g := newRig(t)
	g.seed(6)
	e := url.PathEscape
	for _, c := range []struct {
		list, member string
		path         string
		events       int
	}{
		{"/eventTypes", "ObjectEvent", "/eventTypes/ObjectEvent", 6},
		{"/bizSteps", "shipping", "/bizSteps/shipping", 2},
		{"/bizSteps", "receiving", "/bizSteps/" + e("urn:epcglobal:cbv:bizstep:receiving"), 2},
		{"/dispositions", "in_transit", "/dispositions/in_transit", 6},
		{"/epcs", "https://id.gs1.org/01/10614141073464/21/1003", "/epcs/" + e(sgtin+"1003"), 1},
		{"/epcs", "https://id.gs1.org/01/10614141073464/21/1003", "/epcs/" + e("https://id.gs1.org/01/10614141073464/21/1003"), 1},
		{"/readPoints", "https://id.gs1.org/414/0012345111112/254/400", "/readPoints/" + e("urn:epc:id:sgln:0012345.11111.400"), 6},
		{"/bizLocations", "https://id.gs1.org/414/0012345111112", "/bizLocations/" + e("urn:epc:id:sgln:0012345.11111.0"), 6},
	} {
		if m := g.get(c.list).want(t, http.StatusOK).members(t); !slices.Contains(m, c.member) {
			t.Errorf("%s has no %s: %v", c.list, c.member, m)
		}
		if m := g.get(c.path).want(t, http.StatusOK).members(t); !slices.Equal(m, []string{"events"}) {
			t.Errorf("%s: %v", c.path, m)
		}
		if got := g.get(c.path+"/events").want(t, http.StatusOK).events(t); len(got) != c.events {
			t.Errorf("%s: %d events, want %d", c.path, len(got), c.events)
		}
		if got := g.get(c.path+"/events?EQ_bizStep=destroying").want(t, http.StatusOK).events(t); len(got) != 0 {
			t.Errorf("%s: parameters are not added", c.path)
		}
		if a := g.get(c.list+"/"+e("urn:x:nothing")).want(t, http.StatusNotFound); a.exception(t) != "NoSuchNameException" {
			t.Errorf("%s: %s", c.list, a.exception(t))
		}
		g.get(c.list+"/"+e("urn:x:nothing")+"/events").want(t, http.StatusNotFound)
	}
	if got := g.get("/eventTypes/AssociationEvent/events").want(t, http.StatusOK).events(t); len(got) != 0 {
		t.Error("a standard type without events has some")
	}
	var all []string
	for path := "/epcs?perPage=4"; path != ""; {
		a := g.get(path).want(t, http.StatusOK)
		all = append(all, a.members(t)...)
		path = a.next(t)
	}
	if len(all) != 6 || !slices.IsSorted(all) {
		t.Errorf("epcs over pages: %v", all)
	}
}

func TestACaptureRollsBackOrProceeds(t *testing.T) {
	for _, c := range []struct {
		behaviour string
		recorded  int
	}{{"", 0}, {"rollback", 0}, {"proceed", 2}} {
		g := newRig(t)
		g.post("/events", objectEvent("urn:uuid:taken", sgtin+"0", "shipping")).want(t, http.StatusCreated)
		doc := document2(objectEvent("urn:uuid:1", sgtin+"1", "shipping"), `{"type":"ObjectEvent"}`, objectEvent("urn:uuid:taken", sgtin+"2", "shipping"), objectEvent("", sgtin+"3", "shipping"))
		release := g.store.Hold()
		headers := []string{"GS1-Capture-Error-Behaviour", c.behaviour}
		if c.behaviour == "" {
			headers = nil
		}
		a := g.post("/capture", doc, headers...).want(t, http.StatusAccepted)
		path := a.location(t)
		job := func() (j struct {
			CaptureID, CaptureErrorBehaviour string
			Running, Success                 bool
			FinishedAt                       string
			Errors                           []struct{ Type, Detail string }
		},
		) {
			if err := json.Unmarshal(g.get(path).want(t, http.StatusOK).body, &j); err != nil {
				t.Fatal(err)
			}
			return j
		}
		if j := job(); !j.Running || !j.Success || j.FinishedAt != "" || path != "/capture/"+j.CaptureID {
			t.Errorf("%q while it runs: %+v", c.behaviour, j)
		}
		release()
		g.store.Settle()
		j := job()
		if j.Running || j.Success || j.FinishedAt == "" || len(j.Errors) != 2 {
			t.Errorf("%q at its end: %+v", c.behaviour, j)
		}
		if c.behaviour != "" && j.CaptureErrorBehaviour != c.behaviour || c.behaviour == "" && j.CaptureErrorBehaviour != "rollback" {
			t.Errorf("%q: %s", c.behaviour, j.CaptureErrorBehaviour)
		}
		if !strings.Contains(j.Errors[0].Detail, "eventList[1]") || !strings.HasSuffix(j.Errors[1].Type, "ResourceAlreadyExistsException") {
			t.Errorf("%q: %+v", c.behaviour, j.Errors)
		}
		if got := len(g.get("/events").events(t)); got != 1+c.recorded {
			t.Errorf("%q: %d events", c.behaviour, got)
		}
		x := g.get(path, "Accept", "application/xml").want(t, http.StatusOK)
		var shown struct {
			XMLName xml.Name
			ID      string `xml:"captureID,attr"`
			Running bool   `xml:"running,attr"`
		}
		if err := xml.Unmarshal(x.body, &shown); err != nil || shown.XMLName.Local != "EPCISCaptureJob" || shown.ID != j.CaptureID || shown.Running {
			t.Errorf("job in XML: %v %+v\n%s", err, shown, x.body)
		}
	}
}

func TestCaptureJobsAreListedNewestFirst(t *testing.T) {
	g := newRig(t)
	for i := range 5 {
		g.post("/capture", document2(objectEvent("", sgtin+fmt.Sprint(i+1), "shipping"))).want(t, http.StatusAccepted)
	}
	g.store.Settle()
	var ids []string
	for path := "/capture?perPage=2"; path != ""; {
		a := g.get(path).want(t, http.StatusOK)
		var jobs []struct{ CaptureID string }
		if err := json.Unmarshal(a.body, &jobs); err != nil {
			t.Fatal(err)
		}
		for _, j := range jobs {
			ids = append(ids, j.CaptureID)
		}
		path = a.next(t)
	}
	if len(ids) != 5 || ids[0] <= ids[4] {
		t.Errorf("%v", ids)
	}
	g.get("/capture/none").want(t, http.StatusNotFound)
}

func TestPublishedDocumentsGoInAndComeOut(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testdata.Dir(t), "epcis", "gs1", "*.json*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	captured := 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := epcis.ParseDocument(raw, epcis.Limits{})
		if err != nil || doc.Type == "" {
			continue // a bare event
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			g := newRig(t)
			g.post("/capture", string(raw), "GS1-Capture-Error-Behaviour", "proceed").want(t, http.StatusAccepted)
			g.store.Settle()
			got := map[epcis.Hash]bool{}
			for path := "/events?perPage=1000"; path != ""; {
				a := g.get(path).want(t, http.StatusOK)
				for _, e := range a.events(t) {
					got[e.Hash()] = true
				}
				path = a.next(t)
			}
			for _, e := range doc.Events {
				if e.Err == nil && !got[e.Event.Hash()] && e.Event.EventID == "" {
					t.Errorf("%s did not come back", e.Path)
				}
			}
			if len(got) == 0 {
				t.Error("nothing came back")
			}
		})
		captured++
	}
	t.Logf("%d documents", captured)
}

func TestXMLGoesInAndComesOut(t *testing.T) {
	g := newRig(t)
	raw, err := filepath.Glob(filepath.Join(testdata.Dir(t), "epcis", "xml", "1.2", "*.xml"))
	if err != nil || len(raw) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	in, err := os.ReadFile(raw[0])
	if err != nil {
		t.Fatal(err)
	}
	g.do(http.MethodPost, "/capture", string(in), "Content-Type", "application/xml").want(t, http.StatusAccepted)
	g.store.Settle()
	j := g.get("/events?perPage=1000").want(t, http.StatusOK).events(t)
	a := g.get("/events?perPage=1000", "Accept", "application/xml").want(t, http.StatusOK)
	if a.Header.Get("Content-Type") != "application/xml" || epcis.Detect(a.body) != epcis.XML {
		t.Errorf("%s", a.Header.Get("Content-Type"))
	}
	x := a.events(t)
	if len(j) == 0 || !slices.EqualFunc(j, x, func(a, b *epcis.Event) bool { return a.Hash() == b.Hash() }) {
		t.Errorf("%d events in JSON, %d in XML", len(j), len(x))
	}
}

func TestIdentifiersAreSpelledAsAskedFor(t *testing.T) {
	g := newRig(t, func(c *rest.Config) { c.EPCFormat = "" })
	g.post("/events", objectEvent("urn:uuid:1", sgtin+"1", "shipping")).want(t, http.StatusCreated)
	const link = "https://id.gs1.org/01/10614141073464/21/1"
	for asked, want := range map[string]string{"": link, rest.FormatDigitalLink: link, rest.FormatOriginal: sgtin + "1", rest.FormatAny: sgtin + "1"} {
		headers := []string{"GS1-EPC-Format", asked}
		if asked == "" {
			headers = nil
		}
		a := g.get("/events", headers...).want(t, http.StatusOK)
		if got := a.events(t)[0].EPCs[0]; got != want {
			t.Errorf("%q: %s", asked, got)
		}
		if a.Header.Get("GS1-EPC-Format") == "" {
			t.Errorf("%q: the answer does not tell its format", asked)
		}
	}
	g.get("/events", "GS1-EPC-Format", rest.FormatURN).want(t, http.StatusNotAcceptable)
	g.get("/events", "GS1-EPC-Format", "nonsense").want(t, http.StatusNotAcceptable)
	urn := newRig(t, func(c *rest.Config) {
		c.URN = func(s string) (string, error) { return strings.Replace(s, link, sgtin+"1", 1), nil }
	})
	urn.post("/events", objectEvent("urn:uuid:1", link, "shipping")).want(t, http.StatusCreated)
	if got := urn.get("/events", "GS1-EPC-Format", rest.FormatURN).events(t)[0].EPCs[0]; got != sgtin+"1" {
		t.Errorf("as URN: %s", got)
	}
}

func TestVersionsThatAreSpokenAreTaken(t *testing.T) {
	g := newRig(t)
	event := objectEvent("", sgtin+"1", "shipping")
	for _, version := range []string{"2", "2.0", "2.0.0", "2.0.1"} {
		g.post("/events", event, "GS1-EPCIS-Version", version, "GS1-CBV-Version", version).want(t, http.StatusCreated)
		g.get("/events", "GS1-EPCIS-Version", version).want(t, http.StatusOK)
	}
	const old = `<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1" schemaVersion="1.2" creationDate="2026-01-01T00:00:00"><EPCISBody><EventList/></EPCISBody></epcis:EPCISDocument>`
	g.do(http.MethodPost, "/capture", old, "Content-Type", "application/xml", "GS1-EPCIS-Version", "1.2").want(t, http.StatusAccepted)
}

func TestJSONLDIsAnsweredAsSuchToWhoAsksForIt(t *testing.T) {
	g := newRig(t)
	g.post("/events", objectEvent("urn:uuid:1", sgtin+"1", "shipping")).want(t, http.StatusCreated)
	g.store.Settle()
	const linked = "application/ld+json"
	for accept, want := range map[string]string{
		"": "application/json", "*/*": "application/json", "application/json": "application/json", linked: linked, "application/ld+json, application/json": "application/json",
		"application/json;q=0.5, application/ld+json": linked, "application/ld+json, */*;q=0.1": linked, "application/ld+json;q=0.2, application/xml": "application/xml",
	} {
		var headers []string
		if accept != "" {
			headers = []string{"Accept", accept}
		}
		for _, path := range []string{"/events", "/events/urn:uuid:1"} {
			a := g.get(path, headers...)
			if got := a.Header.Get("Content-Type"); a.StatusCode != http.StatusOK || got != want {
				t.Errorf("%s, Accept %q: %d %s, want %s", path, accept, a.StatusCode, got, want)
			}
		}
	}
	if a := g.get("/bizSteps", "Accept", linked); a.Header.Get("Content-Type") != linked {
		t.Errorf("a collection: %s", a.Header.Get("Content-Type"))
	}
	if a := g.get("/capture", "Accept", linked); a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "application/json" {
		t.Errorf("capture jobs, which are no JSON-LD: %d %s", a.StatusCode, a.Header.Get("Content-Type"))
	}
}

func TestTheLimitsOfADocumentAreThoseThatAreTold(t *testing.T) {
	g := newRig(t, func(c *rest.Config) {
		c.Limits = epcis.Limits{MaxEvents: 3, MaxBytes: 4096}
		c.EventBytes, c.EventInstances = 1000, 50
	})
	for _, path := range []string{"/capture", "/events"} {
		if h := g.do(http.MethodOptions, path, "").Header; h.Get("Waybill-Event-Size-Limit") != "1000" || h.Get("Waybill-Event-Instance-Limit") != "50" {
			t.Errorf("%s: %v", path, h)
		}
	}
	h := g.do(http.MethodOptions, "/capture", "").Header
	if h.Get("GS1-EPCIS-Capture-Limit") != "3" || h.Get("GS1-EPCIS-Capture-File-Size-Limit") != "4096" {
		t.Errorf("%v", h)
	}
	event := objectEvent("", sgtin+"1", "shipping")
	sized := func(n int) string {
		text := document2(event)
		return text + strings.Repeat(" ", n-len(text))
	}
	for text, want := range map[string]int{
		document2(event, event, event): 202, document2(event, event, event, event): 413, sized(4096): 202, sized(4097): 413,
	} {
		if a := g.do(http.MethodPost, "/capture", text, "Content-Type", asJSON); a.StatusCode != want {
			t.Errorf("%d bytes: %d, want %d", len(text), a.StatusCode, want)
		}
	}
}

func TestRefusalsAreProblemDocumentsOfTheStandard(t *testing.T) {
	g := newRig(t, func(c *rest.Config) {
		c.Limits = epcis.Limits{MaxEvents: 2, MaxBytes: 4096, MaxEventBytes: 2048}
		c.MaxURL = 1000
	})
	event := objectEvent("", sgtin+"1", "shipping")
	for _, c := range []struct {
		method, path, body string
		headers            []string
		status             int
		exception          string
	}{
		{"GET", "/events", "", []string{"Accept", "text/html"}, 406, "NotAcceptableException"},
		{"GET", "/epcs", "", []string{"Accept", "image/png, application/json;q=0"}, 406, "NotAcceptableException"},
		{"GET", "/events", "", []string{"GS1-EPCIS-Min", "2.1"}, 406, "NotAcceptableException"},
		{"GET", "/events", "", []string{"GS1-EPCIS-Max", "1.2"}, 406, "NotAcceptableException"},
		{"GET", "/events", "", []string{"GS1-CBV-Max", "x"}, 406, "NotAcceptableException"},
		{"GET", "/events", "", []string{"GS1-EPCIS-Version", "3.0.0"}, 406, "NotAcceptableException"},
		{"GET", "/events", "", []string{"GS1-EPCIS-Version", "1.2"}, 406, "NotAcceptableException"},
		{"POST", "/events", event, []string{"Content-Type", asJSON, "GS1-EPCIS-Version", "2.1"}, 406, "NotAcceptableException"},
		{"POST", "/capture", document2(event), []string{"Content-Type", asJSON, "GS1-EPCIS-Version", "1.2"}, 406, "NotAcceptableException"},
		{"POST", "/capture", document2(event), []string{"Content-Type", asJSON, "GS1-CBV-Version", "3"}, 406, "NotAcceptableException"},
		{"POST", "/capture", document2(event), []string{"Content-Type", asJSON, "GS1-EPCIS-Version", "two"}, 406, "NotAcceptableException"},
		{"GET", "/events?EQ_ILMD_https://acme.example/ns/lot=1", "", nil, 400, "QueryParameterException"},
		{"GET", "/events?EQ_action=SELL", "", nil, 400, "QueryParameterException"},
		{"GET", "/events?colour=red", "", nil, 400, "QueryParameterException"},
		{"GET", "/events?perPage=0", "", nil, 400, "QueryParameterException"},
		{"GET", "/epcs?perPage=x", "", nil, 400, "QueryParameterException"},
		{"GET", "/events?EQ_eventID=urn:x:" + strings.Repeat("y", 1000), "", nil, 414, "URITooLongException"},
		{"POST", "/events", event, []string{"Content-Type", "text/plain"}, 415, "UnsupportedMediaTypeException"},
		{"POST", "/capture", event, nil, 415, "UnsupportedMediaTypeException"},
		{"POST", "/queries", "{}", []string{"Content-Type", "application/xml"}, 415, "UnsupportedMediaTypeException"},
		{"POST", "/events", "{", []string{"Content-Type", asJSON}, 400, "ValidationException"},
		{"POST", "/events", `{"type":"ObjectEvent"}`, []string{"Content-Type", asJSON}, 400, "ValidationException"},
		{"POST", "/events", document2(event), []string{"Content-Type", asJSON}, 400, "ValidationException"},
		{"POST", "/events", "[" + event + "," + event + "]", []string{"Content-Type", asJSON}, 400, "ValidationException"},
		{"POST", "/events", `{"x":"` + strings.Repeat("y", 3000) + `"}`, []string{"Content-Type", asJSON}, 413, "CaptureLimitExceededException"},
		{"POST", "/capture", event, []string{"Content-Type", asJSON}, 400, "ValidationException"},
		{"POST", "/capture", "<a/>", []string{"Content-Type", asJSON}, 400, "ValidationException"},
		{"POST", "/capture", document2(event, event, event), []string{"Content-Type", asJSON}, 413, "CaptureLimitExceededException"},
		{"POST", "/capture", document2(strings.Repeat(" ", 5000) + event), []string{"Content-Type", asJSON}, 413, "CaptureLimitExceededException"},
		{"POST", "/capture", document2(event), []string{"Content-Type", asJSON, "GS1-Capture-Error-Behaviour", "all"}, 400, "ValidationException"},
		{"POST", "/queries", "nonsense", []string{"Content-Type", asJSON}, 400, "QueryValidationException"},
		{"POST", "/queries", `{"name":"a/b","query":{}}`, []string{"Content-Type", asJSON}, 400, "QueryValidationException"},
		{"POST", "/queries", `{"name":"a"}`, []string{"Content-Type", asJSON}, 400, "QueryValidationException"},
		{"POST", "/queries", `{"name":"a","query":[]}`, []string{"Content-Type", asJSON}, 400, "QueryValidationException"},
		{"POST", "/queries", `{"name":"a","query":{"EQ_colour":["red"]}}`, []string{"Content-Type", asJSON}, 400, "QueryParameterException"},
		{"GET", "/queries/none", "", nil, 404, "NoSuchNameException"},
		{"GET", "/queries/none/events", "", nil, 404, "NoSuchNameException"},
		{"DELETE", "/queries/none", "", nil, 404, "NoSuchNameException"},
		{"GET", "/queries/none/subscriptions", "", nil, 404, "NoSuchNameException"},
		{"GET", "/queries/none/subscriptions/x", "", nil, 404, "NoSuchNameException"},
		{"DELETE", "/queries/none/subscriptions/x", "", nil, 404, "NoSuchNameException"},
		{"POST", "/queries/none/subscriptions", "{}", []string{"Content-Type", asJSON}, 404, "NoSuchNameException"},
	} {
		a := g.do(c.method, c.path, c.body, c.headers...)
		if a.StatusCode != c.status || a.exception(t) != c.exception {
			t.Errorf("%s %.60s: %d %s, want %d %s\n%.300s", c.method, c.path, a.StatusCode, a.body, c.status, c.exception, a.body)
		}
		if strings.Contains(string(a.body), "goroutine") {
			t.Error("an answer tells too much")
		}
	}
	g.get("/epcs", "Accept", "application/xml").want(t, http.StatusNotAcceptable)
	x := g.get("/events/none", "Accept", "application/xml").want(t, http.StatusNotFound)
	var p struct {
		XMLName xml.Name
		Type    string `xml:"type"`
	}
	if err := xml.Unmarshal(x.body, &p); err != nil || x.Header.Get("Content-Type") != "application/problem+xml" || p.Type != "epcisException:NoSuchNameException" {
		t.Errorf("%v %+v", err, p)
	}
}

// failing is a store whose questions fail.
type failing struct {
	*resttest.Store
	err error
}

func (f failing) Select(context.Context, *query.Query, string, int) ([]rest.Record, string, error) {
	return nil, "", f.err
}

func TestErrorsOfTheStoreBecomeAnswers(t *testing.T) {
	for _, c := range []struct {
		err       error
		status    int
		exception string
	}{
		{errors.New("the disk with the password hunter2 is full"), 500, "ImplementationException"},
		{fmt.Errorf("wrapped: %w", rest.ErrTooLarge), 413, "QueryTooLargeException"},
		{rest.ErrTooComplex, 413, "QueryTooComplexException"},
		{context.DeadlineExceeded, 413, "QueryTooComplexException"},
		{query.Faults{{Code: query.CodeTooLarge}}, 413, "QueryTooLargeException"},
		{rest.ErrForbidden, 403, "SecurityException"},
	} {
		g := newRig(t, func(cfg *rest.Config) { cfg.Events = failing{resttest.New(), c.err} })
		a := g.get("/events").want(t, c.status)
		if a.exception(t) != c.exception || strings.Contains(string(a.body), "hunter2") {
			t.Errorf("%v: %s", c.err, a.body)
		}
	}
}

func TestTheAuthorizerDecides(t *testing.T) {
	var asked []rest.Action
	g := newRig(t, func(c *rest.Config) {
		c.Authorize = func(r *http.Request, a rest.Action) error {
			asked = append(asked, a)
			switch r.Header.Get("X-Role") {
			case "":
				return rest.ErrUnauthorized
			case "reader":
				if a != rest.Read && a != rest.Discover {
					return rest.ErrForbidden
				}
			}
			return nil
		}
	})
	if a := g.get("/events").want(t, http.StatusUnauthorized); a.exception(t) != "SecurityException" {
		t.Error(a.exception(t))
	}
	g.get("/events", "X-Role", "reader").want(t, http.StatusOK)
	g.do(http.MethodOptions, "/capture", "", "X-Role", "reader").want(t, http.StatusNoContent)
	g.post("/events", objectEvent("", sgtin+"1", "shipping"), "X-Role", "reader").want(t, http.StatusForbidden)
	g.post("/events", objectEvent("", sgtin+"1", "shipping"), "X-Role", "writer").want(t, http.StatusCreated)
	g.post("/queries", `{"name":"q","query":{}}`, "X-Role", "reader").want(t, http.StatusForbidden)
	if want := []rest.Action{rest.Read, rest.Read, rest.Discover, rest.Write, rest.Write, rest.Manage}; !slices.Equal(asked, want) {
		t.Errorf("asked for %v", asked)
	}
}

func TestNamedQueriesLiveAndDie(t *testing.T) {
	g := newRig(t)
	g.seed(6)
	for _, name := range []string{"b shipments", "a", "c"} {
		a := g.post("/queries", `{"name":"`+name+`","query":{"eventType":["ObjectEvent"],"EQ_bizStep":["shipping"]}}`).want(t, http.StatusCreated)
		if got := a.location(t); got != "/queries/"+url.PathEscape(name) {
			t.Errorf("Location: %s", got)
		}
		var shown []struct {
			Name  string
			Query map[string][]string
		}
		if err := json.Unmarshal(g.get(a.location(t)).want(t, http.StatusOK).body, &shown); err != nil || len(shown) != 1 || shown[0].Name != name || shown[0].Query["EQ_bizStep"][0] != "shipping" {
			t.Errorf("%v %+v", err, shown)
		}
	}
	g.post("/queries", `{"name":"a","query":{}}`).want(t, http.StatusConflict)
	names := 0
	for path := "/queries?perPage=2"; path != ""; {
		a := g.get(path).want(t, http.StatusOK)
		var list []struct{ Name string }
		if err := json.Unmarshal(a.body, &list); err != nil {
			t.Fatal(err)
		}
		names += len(list)
		path = a.next(t)
	}
	if names != 3 {
		t.Errorf("%d queries", names)
	}
	a := g.get("/queries/a/events?perPage=1").want(t, http.StatusOK)
	if got := a.events(t); len(got) != 1 || got[0].BizStep != "shipping" || !strings.Contains(string(a.body), `"queryName":"a"`) {
		t.Errorf("%s", a.body)
	}
	if b := g.get(a.next(t)).want(t, http.StatusOK); len(b.events(t)) != 1 || b.next(t) != "" {
		t.Error("no second page")
	}
	if a := g.get("/queries/a/events?EQ_action=ADD").want(t, http.StatusBadRequest); a.exception(t) != "SubscriptionControlsException" {
		t.Error(a.exception(t))
	}
	g.do(http.MethodDelete, "/queries/a", "").want(t, http.StatusNoContent)
	g.get("/queries/a").want(t, http.StatusNotFound)
}

func TestANamedQueryKeepsItsPrefixes(t *testing.T) {
	g := newRig(t)
	event := strings.TrimSuffix(strings.Replace(objectEvent("", sgtin+"1", "shipping"), gs1Context, `[`+gs1Context+`,{"p":"https://ns.example.com/"}]`, 1), "}") + `,"p:note":"hello"}`
	g.post("/events", event).want(t, http.StatusCreated)
	g.post("/queries", `{"name":"own","query":{"@context":{"ex":"https://ns.example.com/"},"EQ_ex:note":["hello"]}}`).want(t, http.StatusCreated)
	g.post("/queries", `{"name":"header","query":{"EQ_ex:note":["hello"]}}`, "GS1-Extensions", "ex=https://ns.example.com/").want(t, http.StatusCreated)
	for _, name := range []string{"own", "header"} {
		if got := g.get("/queries/"+name+"/events").want(t, http.StatusOK).events(t); len(got) != 1 {
			t.Errorf("%s: %d events", name, len(got))
		}
	}
}

func TestMaxEventCountRefusesALargerResult(t *testing.T) {
	g := newRig(t)
	g.seed(4)
	g.get("/events?maxEventCount=4").want(t, http.StatusOK)
	if a := g.get("/events?maxEventCount=3").want(t, http.StatusRequestEntityTooLarge); a.exception(t) != "QueryTooLargeException" {
		t.Error(a.exception(t))
	}
	g.post("/queries", `{"name":"q","query":{"maxEventCount":3}}`).want(t, http.StatusCreated)
	if a := g.get("/queries/q/events").want(t, http.StatusRequestEntityTooLarge); a.exception(t) != "QueryTooLargeException" {
		t.Error(a.exception(t))
	}
}

func TestGeneratedQueriesAreAnsweredAsByAPlainFilter(t *testing.T) {
	g := newRig(t)
	var events []*epcis.Event
	rapid.Check(t, func(rt *rapid.T) {
		if len(events) >= 40 {
			return
		}
		raw := querytest.Event(rt)
		e, err := epcis.ParseEvent(nil, raw)
		if err != nil {
			rt.Fatal(err)
		}
		if g.post("/events", string(raw)).StatusCode == http.StatusCreated {
			events = append(events, e)
		}
	})
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		def := querytest.Query(rt, 2)
		n++
		name := fmt.Sprintf("q%d", n)
		g.post("/queries", `{"name":"`+name+`","query":`+string(def)+`}`).want(t, http.StatusCreated)
		q, err := query.ParseJSON(def, nil)
		if err != nil {
			rt.Fatal(err)
		}
		want := map[epcis.Hash]bool{}
		got := map[epcis.Hash]bool{}
		stored, _, err := g.store.After(context.Background(), "", 1000)
		if err != nil {
			rt.Fatal(err)
		}
		for _, r := range stored {
			e := *r.Event
			e.RecordTime = epcis.Time{Instant: r.RecordTime, Text: "x"}
			if q.Matches(&e) {
				want[r.Hash] = true
			}
		}
		for path := "/queries/" + name + "/events?perPage=9"; path != ""; {
			a := g.get(path).want(t, http.StatusOK)
			for _, e := range a.events(t) {
				got[e.Hash()] = true
			}
			path = a.next(t)
		}
		if len(got) != len(want) {
			rt.Fatalf("%s: %d events, want %d", def, len(got), len(want))
		}
	})
}
