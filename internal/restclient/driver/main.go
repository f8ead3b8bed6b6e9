// Command driver drives an EPCIS 2.0 REST server through a client that was
// generated from GS1's OpenAPI document: every request is built and every answer
// decoded by the generated code, XML aside. It prints a line for each step and ends with 1 at
// the first answer that is not as it should be.
//
// The package epcisrest is generated when the driver is built and is not part of
// the repository.
package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	rest "github.com/waybill-dev/waybill/internal/restclient/driver/epcisrest"
)

func main() {
	server := flag.String("url", "", "where the server is")
	ca := flag.String("ca", "", "file of root certificates of the server")
	cert := flag.String("cert", "", "file of the client's certificate")
	key := flag.String("key", "", "file of the client's key")
	run := flag.String("run", "", "letters and digits that no other run has")
	receive := flag.Bool("receive", false, "subscribe with a webhook on a loopback address")
	limit := flag.Duration("limit", 2*time.Minute, "how long all may take")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), *limit)
	defer cancel()
	d, err := newDriver(*server, *ca, *cert, *key, *run)
	if err == nil {
		d.receive = *receive
		err = d.all(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		cancel()
		os.Exit(1) //nolint:gocritic // cancelled above
	}
}

type driver struct {
	api     *rest.ClientWithResponses
	run     string
	receive bool
	epcs    []string
	began   time.Time
}

func newDriver(server, ca, cert, key, run string) (*driver, error) {
	transport := &http.Transport{}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, errors.New("no root certificates in " + ca)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig.Certificates = []tls.Certificate{pair}
	}
	api, err := rest.NewClientWithResponses(server, rest.WithHTTPClient(&http.Client{Transport: transport}))
	return &driver{api: api, run: run}, err
}

// all takes every step; decoding is the generated client's, but for XML.
func (d *driver) all(ctx context.Context) error {
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"discovery", d.discovery},
		{"capture", d.capture},
		{"capture of XML", d.captureXML},
		{"capture that proceeds", d.proceed},
		{"capture that rolls back", d.rollback},
		{"capture jobs", d.jobs},
		{"one event", d.event},
		{"query parameters", d.parameters},
		{"paging", d.paging},
		{"results as XML", d.resultsXML},
		{"resources", d.resources},
		{"named queries", d.queries},
		{"subscriptions", d.subscriptions},
		{"refusals", d.refusals},
	} {
		began := time.Now()
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Printf("%s: %s\n", step.name, time.Since(began).Round(time.Millisecond))
	}
	return nil
}

// answered checks the status of an answer.
func answered(what string, res *http.Response, body []byte, want int) error {
	if res.StatusCode == want {
		return nil
	}
	return fmt.Errorf("%s: %s, want %d: %.600s", what, res.Status, want, body)
}

func ptr[T any](v T) *T { return &v }

// until repeats a check until it holds.
func until(ctx context.Context, check func() error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; last: %w", ctx.Err(), err)
		case <-tick.C:
		}
	}
}

const gs1Context = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"

// count is how many events the capture step sends.
const count = 25

func (d *driver) epc(i int) string {
	return fmt.Sprintf("urn:epc:id:sgtin:9521321.000077.%s%d", d.run, i)
}

func (d *driver) place(what string) string { return "https://example.com/" + d.run + "/" + what }

// objectEvent is the i-th event of this run: events lie a minute apart.
func (d *driver) objectEvent(i int, fields map[string]any) map[string]any {
	e := map[string]any{
		"type": "ObjectEvent", "action": "OBSERVE", "bizStep": []string{"shipping", "receiving", "packing"}[i%3], "disposition": "in_transit",
		"eventTime": d.began.Add(time.Duration(i) * time.Minute).Format(time.RFC3339), "eventTimeZoneOffset": "+00:00",
		"epcList": []string{d.epc(i)}, "readPoint": map[string]any{"id": d.place("gate")}, "bizLocation": map[string]any{"id": d.place("hall")},
	}
	maps.Copy(e, fields)
	return e
}

func document(events ...map[string]any) []byte {
	b, err := json.Marshal(map[string]any{
		"@context": gs1Context, "type": "EPCISDocument", "schemaVersion": "2.0", "creationDate": "2026-03-01T08:00:00Z",
		"epcisBody": map[string]any{"eventList": events},
	})
	if err != nil {
		panic(err) // a map of strings
	}
	return b
}

func (d *driver) discovery(ctx context.Context) error {
	d.began = time.Now().UTC().Add(-24 * time.Hour).Truncate(time.Second)
	top, err := d.api.GetWithResponse(ctx, &rest.GetParams{})
	if err != nil {
		return err
	}
	if err = answered("GET /", top.HTTPResponse, top.Body, http.StatusOK); err != nil {
		return err
	}
	if !slices.Contains(top.JSON200.Member, rest.TopLevelResources("queries")) {
		return fmt.Errorf("resources: %v", top.JSON200.Member)
	}
	options, err := d.api.OptionsCaptureWithResponse(ctx, &rest.OptionsCaptureParams{})
	if err != nil {
		return err
	}
	if err = answered("OPTIONS /capture", options.HTTPResponse, options.Body, http.StatusNoContent); err != nil {
		return err
	}
	for _, name := range []string{"GS1-EPCIS-Version", "GS1-EPCIS-Min", "GS1-EPCIS-Max", "GS1-CBV-Version", "GS1-Capture-Error-Behaviour", "GS1-EPCIS-Capture-Limit", "GS1-EPCIS-Capture-File-Size-Limit"} {
		if options.HTTPResponse.Header.Get(name) == "" {
			return errors.New("OPTIONS /capture does not tell " + name)
		}
	}
	return nil
}

// captured sends a document and waits until its job has ended.
func (d *driver) captured(ctx context.Context, kind string, body []byte, behaviour rest.GS1CaptureErrorBehaviour) (*rest.CaptureJob, []rest.RFC7807ProblemResponseBody, error) {
	res, err := d.api.PostCaptureWithBodyWithResponse(ctx, &rest.PostCaptureParams{GS1CaptureErrorBehaviour: &behaviour}, kind, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	if err = answered("POST /capture", res.HTTPResponse, res.Body, http.StatusAccepted); err != nil {
		return nil, nil, err
	}
	location, err := res.HTTPResponse.Location()
	if err != nil {
		return nil, nil, err
	}
	_, id, found := strings.Cut(location.Path, "/capture/")
	if !found {
		return nil, nil, fmt.Errorf("location %s", location)
	}
	var job *rest.CaptureJob
	err = until(ctx, func() error {
		r, failed := d.api.GetCaptureCaptureIDWithResponse(ctx, id, &rest.GetCaptureCaptureIDParams{})
		if failed != nil {
			return failed
		}
		if failed = answered("GET /capture/"+id, r.HTTPResponse, r.Body, http.StatusOK); failed != nil {
			return failed
		}
		if job = r.JSON200; *job.Running {
			return errors.New("the job is still running")
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if job.CaptureID == nil || *job.CaptureID != id || job.CreatedAt == nil || job.FinishedAt == nil || string(*job.CaptureErrorBehaviour) != string(behaviour) {
		return nil, nil, fmt.Errorf("job %+v", job)
	}
	with, err := job.AsCaptureJob0()
	if err != nil || with.Errors == nil {
		return nil, nil, fmt.Errorf("the job's errors: %w", err)
	}
	return job, *with.Errors, nil
}

func (d *driver) good(ctx context.Context, kind string, body []byte) error {
	job, faults, err := d.captured(ctx, kind, body, rest.GS1CaptureErrorBehaviourRollback)
	if err != nil {
		return err
	}
	if !*job.Success || len(faults) != 0 {
		return fmt.Errorf("job %+v", faults)
	}
	return nil
}

func (d *driver) capture(ctx context.Context) error {
	events := make([]map[string]any, count)
	for i := range events {
		events[i] = d.objectEvent(i, map[string]any{"quantityList": []any{map[string]any{"epcClass": "urn:epc:idpat:sgtin:9521321.000078.*", "quantity": i}}})
		d.epcs = append(d.epcs, d.epc(i))
	}
	return d.good(ctx, "application/json", document(events...))
}

func (d *driver) captureXML(ctx context.Context) error {
	return d.good(ctx, "application/xml", fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?>
<epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:2" schemaVersion="2.0" creationDate="2026-03-01T08:00:00Z"><EPCISBody><EventList>
<AggregationEvent><eventTime>%s</eventTime><eventTimeZoneOffset>+02:00</eventTimeZoneOffset><parentID>urn:epc:id:sscc:9521321.1%09d</parentID>
<childEPCs><epc>%s</epc><epc>%s</epc></childEPCs><action>ADD</action><bizStep>urn:epcglobal:cbv:bizstep:packing</bizStep>
<readPoint><id>%s</id></readPoint></AggregationEvent></EventList></EPCISBody></epcis:EPCISDocument>`,
		d.began.Add(2*time.Hour).Format(time.RFC3339), d.began.UnixNano()%1e9, d.epc(0), d.epc(1), d.place("packing")))
}

// bad gives events of which all but two cannot be recorded.
func (d *driver) bad(from int) []map[string]any {
	at := func(i int, fields map[string]any) map[string]any {
		fields["readPoint"] = map[string]any{"id": d.place("faulty")}
		return d.objectEvent(from+i, fields)
	}
	return []map[string]any{
		at(0, map[string]any{}),
		at(1, map[string]any{"action": "LOOK"}),
		at(2, map[string]any{"eventTime": "yesterday"}),
		at(3, map[string]any{}),
		at(4, map[string]any{"madeUp": 1}),
	}
}

func (d *driver) proceed(ctx context.Context) error {
	job, faults, err := d.captured(ctx, "application/ld+json", document(d.bad(100)...), rest.GS1CaptureErrorBehaviourProceed)
	if err != nil {
		return err
	}
	if *job.Success || len(faults) != 3 {
		return fmt.Errorf("success %t, errors %+v", *job.Success, faults)
	}
	for i, path := range []string{"eventList[1].action", "eventList[2].eventTime", "eventList[4].madeUp"} {
		if f := faults[i]; f.Detail == nil || !strings.Contains(*f.Detail, path) || f.Title == "" || !strings.HasPrefix(f.Type, "epcisException:") {
			return fmt.Errorf("errors %+v", faults)
		}
	}
	return d.found(ctx, 2, &rest.GetEventsParams{EQReadPoint: &rest.EQReadPoint{d.place("faulty")}})
}

func (d *driver) rollback(ctx context.Context) error {
	job, faults, err := d.captured(ctx, "application/json", document(d.bad(200)...), rest.GS1CaptureErrorBehaviourRollback)
	if err != nil {
		return err
	}
	if *job.Success || len(faults) == 0 {
		return fmt.Errorf("success %t, errors %+v", *job.Success, faults)
	}
	return d.found(ctx, 2, &rest.GetEventsParams{EQReadPoint: &rest.EQReadPoint{d.place("faulty")}})
}

func (d *driver) jobs(ctx context.Context) error {
	r, err := d.api.GetCaptureWithResponse(ctx, &rest.GetCaptureParams{PerPage: ptr(3)})
	if err != nil {
		return err
	}
	if err = answered("GET /capture", r.HTTPResponse, r.Body, http.StatusOK); err != nil {
		return err
	}
	if len(*r.JSON200) != 3 || next(r.HTTPResponse) == nil {
		return fmt.Errorf("%d jobs, Link %q", len(*r.JSON200), r.HTTPResponse.Header.Get("Link"))
	}
	return nil
}

func (d *driver) event(ctx context.Context) error {
	id := "urn:uuid:" + pseudoUUID(d.run)
	step := rest.BizStep{}
	if err := step.FromBizStep1("inspecting"); err != nil {
		return err
	}
	at, err := time.Parse(time.RFC3339, d.began.Format(time.RFC3339))
	if err != nil {
		return err
	}
	make1 := func(epc string) (rest.EPCISEvent, error) {
		o := rest.ObjectEvent{
			Type: "ObjectEvent", Action: "ADD", BizStep: &step, EventID: &id, EventTime: at, EventTimeZoneOffset: "+00:00",
			EpcList: &rest.EpcList{epc}, ReadPoint: &rest.ReadPoint{Id: d.place("lab")}, Context: &rest.LDContext{},
		}
		if failed := json.Unmarshal([]byte(`["`+gs1Context+`"]`), o.Context); failed != nil {
			return rest.EPCISEvent{}, failed
		}
		var e rest.EPCISEvent
		return e, e.FromObjectEvent(o)
	}
	first, err := make1(d.epc(300))
	if err != nil {
		return err
	}
	for range 2 {
		r, err := d.api.PostEventsWithResponse(ctx, &rest.PostEventsParams{}, first)
		if err != nil {
			return err
		}
		if err = answered("POST /events", r.HTTPResponse, r.Body, http.StatusCreated); err != nil {
			return err
		}
		o, err := r.JSON201.AsObjectEvent()
		if err != nil || o.EventID == nil || *o.EventID != id || o.RecordTime == nil {
			return fmt.Errorf("POST /events answers %s", r.Body)
		}
	}
	other, err := make1(d.epc(301))
	if err != nil {
		return err
	}
	r, err := d.api.PostEventsWithResponse(ctx, &rest.PostEventsParams{}, other)
	if err != nil {
		return err
	}
	if err = answered("POST /events with other content", r.HTTPResponse, r.Body, http.StatusConflict); err != nil {
		return err
	}
	return until(ctx, func() error {
		g, err := d.api.GetEventsEventIDWithResponse(ctx, id, &rest.GetEventsEventIDParams{GS1EPCFormat: ptr(rest.GS1EPCFormatNeverTranslates)})
		if err != nil {
			return err
		}
		if err = answered("GET /events/"+id, g.HTTPResponse, g.Body, http.StatusOK); err != nil {
			return err
		}
		list := g.JSON200.EpcisBody.QueryResults.ResultsBody.EventList
		if len(list) != 1 {
			return fmt.Errorf("%d events with the id", len(list))
		}
		o, err := list[0].AsObjectEvent()
		if err != nil || !slices.Equal(*o.EpcList, rest.EpcList{d.epc(300)}) {
			return fmt.Errorf("GET /events/%s: %s", id, g.Body)
		}
		return nil
	})
}

func pseudoUUID(run string) string {
	sum := sha256.Sum256([]byte(run))
	s := hex.EncodeToString(sum[:16])
	return s[:8] + "-" + s[8:12] + "-4" + s[13:16] + "-a" + s[17:20] + "-" + s[20:]
}

// page asks for one page of events.
func (d *driver) page(ctx context.Context, p *rest.GetEventsParams) ([]rest.EPCISEvent, *string, error) {
	p.GS1EPCFormat = ptr(rest.GS1EPCFormatNeverTranslates)
	r, err := d.api.GetEventsWithResponse(ctx, p)
	if err != nil {
		return nil, nil, err
	}
	if err = answered("GET "+r.HTTPResponse.Request.URL.RequestURI(), r.HTTPResponse, r.Body, http.StatusOK); err != nil {
		return nil, nil, err
	}
	return r.JSON200.EpcisBody.QueryResults.ResultsBody.EventList, next(r.HTTPResponse), nil
}

// found waits until so many events are in the result.
func (d *driver) found(ctx context.Context, want int, p *rest.GetEventsParams) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return until(ctx, func() error {
		list, _, err := d.page(ctx, p)
		if err != nil {
			return err
		}
		if len(list) != want {
			return fmt.Errorf("%d events, want %d", len(list), want)
		}
		return nil
	})
}

// next gives the token of the next page.
func next(res *http.Response) *string {
	m := regexp.MustCompile(`^<([^>]+)>; rel="next"$`).FindStringSubmatch(res.Header.Get("Link"))
	if m == nil {
		return nil
	}
	u, err := url.Parse(m[1])
	if err != nil {
		return nil
	}
	token := u.Query().Get("nextPageToken")
	return &token
}

func (d *driver) parameters(ctx context.Context) error {
	gate := func(p rest.GetEventsParams) *rest.GetEventsParams {
		p.EQReadPoint, p.PerPage = &rest.EQReadPoint{d.place("gate")}, ptr(100)
		return &p
	}
	steps := func(words ...string) *rest.EQBizStep {
		list := make(rest.EQBizStep, len(words))
		for i, w := range words {
			_ = list[i].FromBizStep1(rest.BizStep1(w))
		}
		return &list
	}
	types := func(words ...string) *rest.EventTypeParameter2 {
		list := make(rest.EventTypeParameter2, len(words))
		for i, w := range words {
			_ = list[i].FromEPCISEventTypes0(rest.EPCISEventTypes0(w))
		}
		return &list
	}
	minute := func(i int) *time.Time { return ptr(d.began.Add(time.Duration(i) * time.Minute)) }
	for _, q := range []struct {
		name string
		want int
		p    *rest.GetEventsParams
	}{
		{"EQ_readPoint", count, gate(rest.GetEventsParams{})},
		{"MATCH_epc", 1, &rest.GetEventsParams{MATCHEpc: &rest.MATCHEpc{d.epc(3)}}},
		{"MATCH_anyEPC", 2, &rest.GetEventsParams{MATCHAnyEPC: &rest.MATCHAnyEPC{d.epc(0)}}},
		{"MATCH_epcClass", count, gate(rest.GetEventsParams{MATCHEpcClass: &rest.MATCHEpcClass{"urn:epc:idpat:sgtin:9521321.000078.*"}})},
		{"two values", 2, &rest.GetEventsParams{MATCHEpc: &rest.MATCHEpc{d.epc(3), d.epc(4)}}},
		{"EQ_bizStep", 17, gate(rest.GetEventsParams{EQBizStep: steps("shipping", "receiving")})},
		{"EQ_action", 0, gate(rest.GetEventsParams{EQAction: &rest.EQAction{"ADD", "DELETE"}})},
		{"GE_ and LT_eventTime", 5, gate(rest.GetEventsParams{GEEventTime: minute(5), LTEventTime: minute(10)})},
		{"GE_quantity", 5, gate(rest.GetEventsParams{GEQuantity: ptr(rest.GEQuantity(20))})},
		{"GT_ and LT_quantity", 3, gate(rest.GetEventsParams{GTQuantity: ptr(rest.GTQuantity(6)), LTQuantity: ptr(rest.LTQuantity(10))})},
		{"EQ_bizLocation", count, gate(rest.GetEventsParams{EQBizLocation: &rest.EQBizLocation{d.place("hall")}})},
		{"eventType", 1, &rest.GetEventsParams{EventType: types("AggregationEvent", "AssociationEvent"), EQReadPoint: &rest.EQReadPoint{d.place("packing")}}},
		{"eventType of none", 0, gate(rest.GetEventsParams{EventType: types("TransactionEvent")})},
		{"MATCH_parentID of none", 0, gate(rest.GetEventsParams{MATCHParentID: &rest.MATCHParentID{"urn:epc:id:sscc:9521321.1999999999"}})},
		{"eventCountLimit", 4, gate(rest.GetEventsParams{OrderBy: ptr("eventTime"), OrderDirection: ptr(rest.GetEventsParamsOrderDirectionASC), EventCountLimit: ptr(4)})},
		{"EXISTS_errorDeclaration", 0, gate(rest.GetEventsParams{EXISTSErrorDeclaration: ptr(true)})},
		{"GE_recordTime", count, gate(rest.GetEventsParams{GERecordTime: ptr(d.began)})},
		{"LT_recordTime", 0, gate(rest.GetEventsParams{LTRecordTime: ptr(d.began)})},
	} {
		if err := d.found(ctx, q.want, q.p); err != nil {
			return fmt.Errorf("%s: %w", q.name, err)
		}
	}
	return nil
}

func (d *driver) paging(ctx context.Context) error {
	var seen []string
	p := &rest.GetEventsParams{EQReadPoint: &rest.EQReadPoint{d.place("gate")}, PerPage: ptr(7), OrderBy: ptr("eventTime"), OrderDirection: ptr(rest.GetEventsParamsOrderDirectionASC)}
	for pages := 1; ; pages++ {
		list, token, err := d.page(ctx, p)
		if err != nil {
			return err
		}
		for _, e := range list {
			o, err := e.AsObjectEvent()
			if err != nil {
				return err
			}
			seen = append(seen, *o.EpcList...)
		}
		if token == nil {
			if !slices.Equal(seen, d.epcs) || pages != 4 {
				return fmt.Errorf("%d pages with %v, want %v", pages, seen, d.epcs)
			}
			return nil
		}
		p.NextPageToken = token
	}
}

// resultsXML reads the answer itself: the document describes XML by a JSON schema,
// which encoding/xml cannot follow.
func (d *driver) resultsXML(ctx context.Context) error {
	res, err := d.api.GetEvents(ctx, &rest.GetEventsParams{EQReadPoint: &rest.EQReadPoint{d.place("gate")}}, func(_ context.Context, req *http.Request) error {
		req.Header.Set("Accept", "application/xml")
		return nil
	})
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if err = answered("GET /events as XML", res, body, http.StatusOK); err != nil {
		return err
	}
	if got := strings.Count(string(body), "<ObjectEvent>"); got != count || res.Header.Get("Content-Type") != "application/xml" {
		return fmt.Errorf("%d events in %.300s", got, body)
	}
	return nil
}

func (d *driver) resources(ctx context.Context) error {
	list := func(what string, want string, get func(token *string) (*http.Response, []byte, []string, error)) error {
		var token *string
		for range 10_000 {
			res, body, members, err := get(token)
			if err != nil {
				return err
			}
			if err = answered("GET /"+what, res, body, http.StatusOK); err != nil {
				return err
			}
			if slices.Contains(members, want) {
				return nil
			}
			if token = next(res); token == nil {
				break
			}
		}
		return fmt.Errorf("/%s has no %s", what, want)
	}
	types, err := d.api.GetEventTypesWithResponse(ctx, &rest.GetEventTypesParams{PerPage: ptr(100)})
	if err != nil {
		return err
	}
	if err = answered("GET /eventTypes", types.HTTPResponse, types.Body, http.StatusOK); err != nil {
		return err
	}
	if len(types.JSON200.Member) < 2 {
		return fmt.Errorf("event types: %s", types.Body)
	}
	for _, err := range []error{
		list("bizSteps", "shipping", func(t *string) (*http.Response, []byte, []string, error) {
			r, err := d.api.GetBizStepsWithResponse(ctx, &rest.GetBizStepsParams{PerPage: ptr(100), NextPageToken: t})
			if err != nil {
				return nil, nil, nil, err
			}
			return r.HTTPResponse, r.Body, words(r.Body), nil
		}),
		list("dispositions", "in_transit", func(t *string) (*http.Response, []byte, []string, error) {
			r, err := d.api.GetDispositionsWithResponse(ctx, &rest.GetDispositionsParams{PerPage: ptr(100), NextPageToken: t})
			if err != nil {
				return nil, nil, nil, err
			}
			return r.HTTPResponse, r.Body, words(r.Body), nil
		}),
		list("readPoints", d.place("gate"), func(t *string) (*http.Response, []byte, []string, error) {
			r, err := d.api.GetReadPointsWithResponse(ctx, &rest.GetReadPointsParams{PerPage: ptr(5), NextPageToken: t})
			if err != nil {
				return nil, nil, nil, err
			}
			return r.HTTPResponse, r.Body, words(r.Body), nil
		}),
		list("bizLocations", d.place("hall"), func(t *string) (*http.Response, []byte, []string, error) {
			r, err := d.api.GetBizLocationsWithResponse(ctx, &rest.GetBizLocationsParams{PerPage: ptr(5), NextPageToken: t})
			if err != nil {
				return nil, nil, nil, err
			}
			return r.HTTPResponse, r.Body, words(r.Body), nil
		}),
	} {
		if err != nil {
			return err
		}
	}
	epcs, err := d.api.GetEpcsWithResponse(ctx, &rest.GetEpcsParams{PerPage: ptr(10)})
	if err != nil {
		return err
	}
	if err = answered("GET /epcs", epcs.HTTPResponse, epcs.Body, http.StatusOK); err != nil {
		return err
	}
	if len(epcs.JSON200.Member) != 10 || next(epcs.HTTPResponse) == nil {
		return fmt.Errorf("GET /epcs: %s", epcs.Body)
	}
	one, err := d.api.GetEpcsEpcWithResponse(ctx, d.epc(0), &rest.GetEpcsEpcParams{})
	if err != nil {
		return err
	}
	if err = answered("GET /epcs/{epc}", one.HTTPResponse, one.Body, http.StatusOK); err != nil {
		return err
	}
	at, err := d.api.GetEpcsEpcEventsWithResponse(ctx, d.epc(0), &rest.GetEpcsEpcEventsParams{})
	if err != nil {
		return err
	}
	if err = answered("GET /epcs/{epc}/events", at.HTTPResponse, at.Body, http.StatusOK); err != nil {
		return err
	}
	if got := len(at.JSON200.EpcisBody.QueryResults.ResultsBody.EventList); got != 2 {
		return fmt.Errorf("/epcs/%s/events: %d events, want 2", d.epc(0), got)
	}
	steps, err := d.api.GetBizStepsBizStepEventsWithResponse(ctx, "packing", &rest.GetBizStepsBizStepEventsParams{EQReadPoint: &rest.EQReadPoint{d.place("packing")}})
	if err != nil {
		return err
	}
	if err = answered("GET /bizSteps/packing/events", steps.HTTPResponse, steps.Body, http.StatusOK); err != nil {
		return err
	}
	if got := len(steps.JSON200.EpcisBody.QueryResults.ResultsBody.EventList); got != 1 {
		return fmt.Errorf("/bizSteps/packing/events: %d events, want 1", got)
	}
	places, err := d.api.GetReadPointsReadPointEventsWithResponse(ctx, d.place("gate"), &rest.GetReadPointsReadPointEventsParams{PerPage: ptr(100)})
	if err != nil {
		return err
	}
	if err = answered("GET /readPoints/{readPoint}/events", places.HTTPResponse, places.Body, http.StatusOK); err != nil {
		return err
	}
	if got := len(places.JSON200.EpcisBody.QueryResults.ResultsBody.EventList); got != count {
		return fmt.Errorf("/readPoints/…/events: %d events, want %d", got, count)
	}
	return nil
}

// words gives the members of a collection.
func words(body []byte) []string {
	var c rest.UriCollection
	if err := json.Unmarshal(body, &c); err != nil {
		return nil
	}
	return c.Member
}

func (d *driver) queries(ctx context.Context) error {
	name := "gate-" + d.run
	definition := rest.QueryDefinition{Name: name, Query: rest.EPCISEventsQuery{
		"eventType": []string{"ObjectEvent"}, "EQ_readPoint": []string{d.place("gate")}, "EQ_bizStep": []string{"shipping"},
	}}
	for _, want := range []int{http.StatusCreated, http.StatusConflict} {
		r, err := d.api.PostQueriesWithResponse(ctx, &rest.PostQueriesParams{}, definition)
		if err != nil {
			return err
		}
		if err = answered("POST /queries", r.HTTPResponse, r.Body, want); err != nil {
			return err
		}
	}
	list, err := d.api.GetQueriesWithResponse(ctx, &rest.GetQueriesParams{PerPage: ptr(100)})
	if err != nil {
		return err
	}
	if err = answered("GET /queries", list.HTTPResponse, list.Body, http.StatusOK); err != nil {
		return err
	}
	there := false
	for _, q := range *list.JSON200 {
		there = there || q.Name == name
	}
	one, err := d.api.GetQueriesQueryNameWithResponse(ctx, name, &rest.GetQueriesQueryNameParams{})
	if err != nil {
		return err
	}
	if err = answered("GET /queries/{queryName}", one.HTTPResponse, one.Body, http.StatusOK); err != nil {
		return err
	}
	if !there || len(*one.JSON200) != 1 || fmt.Sprint((*one.JSON200)[0].Query["EQ_bizStep"]) != "[shipping]" {
		return fmt.Errorf("the query is not as it was sent: %s", one.Body)
	}
	got := 0
	p := &rest.GetQueriesQueryNameEventsParams{PerPage: ptr(4)}
	for {
		r, err := d.api.GetQueriesQueryNameEventsWithResponse(ctx, name, p)
		if err != nil {
			return err
		}
		if err = answered("GET /queries/{queryName}/events", r.HTTPResponse, r.Body, http.StatusOK); err != nil {
			return err
		}
		if r.JSON200.EpcisBody.QueryResults.QueryName != name {
			return fmt.Errorf("results of the query %q", r.JSON200.EpcisBody.QueryResults.QueryName)
		}
		got += len(r.JSON200.EpcisBody.QueryResults.ResultsBody.EventList)
		if p.NextPageToken = next(r.HTTPResponse); p.NextPageToken == nil {
			break
		}
	}
	if got != 9 {
		return fmt.Errorf("%d events of the named query, want 9", got)
	}
	return nil
}

// received is a report that came to the webhook.
type received struct {
	signature string
	body      []byte
}

func (d *driver) subscriptions(ctx context.Context) error {
	name := "gate-" + d.run
	reports := make(chan received, 16)
	dest := "https://reports.example.com/" + d.run
	if d.receive {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		var wg sync.WaitGroup
		hook := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
			if err != nil {
				return
			}
			select {
			case reports <- received{r.Header.Get("GS1-Signature"), body}:
			default:
			}
			w.WriteHeader(http.StatusNoContent)
		})}
		wg.Go(func() { _ = hook.Serve(l) })
		defer wg.Wait()
		defer hook.Close()
		dest = "http://" + l.Addr().String() + "/reports"
	}
	const secret = "13df38d8275b13f05704629e5f1cf3d45d6132d5"
	// The generated type of this body leaves out the members that a choice gives it.
	body := fmt.Sprintf(`{"dest":%q,"signatureToken":%q,"initialRecordTime":%q,"stream":true,"reportIfEmpty":false}`, dest, secret, d.began.Format(time.RFC3339))
	made, err := d.api.PostQueriesQueryNameSubscriptionsWithBodyWithResponse(ctx, name, &rest.PostQueriesQueryNameSubscriptionsParams{}, "application/json", strings.NewReader(body))
	if err != nil {
		return err
	}
	if err = answered("POST …/subscriptions", made.HTTPResponse, made.Body, http.StatusCreated); err != nil {
		return err
	}
	id := string(made.JSON201.SubscriptionID)
	list, err := d.api.GetQueriesQueryNameSubscriptionsWithResponse(ctx, name, &rest.GetQueriesQueryNameSubscriptionsParams{})
	if err != nil {
		return err
	}
	if err = answered("GET …/subscriptions", list.HTTPResponse, list.Body, http.StatusOK); err != nil {
		return err
	}
	if len(*list.JSON200) != 1 || strings.Contains(string(list.Body), secret) {
		return fmt.Errorf("subscriptions: %s", list.Body)
	}
	for got := 0; d.receive && got < 9; {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of 9 events reported: %w", got, ctx.Err())
		case r := <-reports:
			t, v, _ := strings.Cut(strings.TrimPrefix(r.signature, "t="), ",v1=")
			m := hmac.New(sha256.New, []byte(secret))
			m.Write([]byte(t + "."))
			m.Write(r.body)
			if hex.EncodeToString(m.Sum(nil)) != v {
				return fmt.Errorf("a report is signed %q", r.signature)
			}
			var doc rest.EpcisQueryDocument
			if err := json.Unmarshal(r.body, &doc); err != nil {
				return err
			}
			if s := doc.EpcisBody.QueryResults.SubscriptionID; s == nil || *s != id {
				return fmt.Errorf("a report of another subscription: %.300s", r.body)
			}
			got += len(doc.EpcisBody.QueryResults.ResultsBody.EventList)
		}
	}
	one, err := d.api.GetQueriesQueryNameSubscriptionsSubscriptionIDWithResponse(ctx, name, id, &rest.GetQueriesQueryNameSubscriptionsSubscriptionIDParams{})
	if err != nil {
		return err
	}
	if err = answered("GET …/subscriptions/{subscriptionID}", one.HTTPResponse, one.Body, http.StatusOK); err != nil {
		return err
	}
	for _, want := range []int{http.StatusNoContent, http.StatusNotFound} {
		r, err := d.api.UnsubscribeWithResponse(ctx, name, id)
		if err != nil {
			return err
		}
		if err = answered("DELETE …/subscriptions/{subscriptionID}", r.HTTPResponse, r.Body, want); err != nil {
			return err
		}
	}
	for _, want := range []int{http.StatusNoContent, http.StatusNotFound} {
		r, err := d.api.DeleteQueriesQueryNameWithResponse(ctx, name)
		if err != nil {
			return err
		}
		if err = answered("DELETE /queries/{queryName}", r.HTTPResponse, r.Body, want); err != nil {
			return err
		}
	}
	return nil
}

func (d *driver) refusals(ctx context.Context) error {
	job, err := d.api.GetCaptureCaptureIDWithResponse(ctx, "nosuchjob", &rest.GetCaptureCaptureIDParams{})
	if err != nil {
		return err
	}
	if err = answered("GET /capture/nosuchjob", job.HTTPResponse, job.Body, http.StatusNotFound); err != nil {
		return err
	}
	if job.ApplicationproblemJSON404 == nil {
		return fmt.Errorf("404 without its problem document: %s", job.Body)
	}
	event, err := d.api.GetEventsEventIDWithResponse(ctx, "urn:uuid:00000000-0000-4000-8000-000000000000", &rest.GetEventsEventIDParams{})
	if err != nil {
		return err
	}
	if err = answered("GET /events/{eventID}", event.HTTPResponse, event.Body, http.StatusNotFound); err != nil {
		return err
	}
	body, err := d.api.PostCaptureWithBodyWithResponse(ctx, &rest.PostCaptureParams{}, "application/json", strings.NewReader("nonsense"))
	if err != nil {
		return err
	}
	if err = answered("POST /capture of nonsense", body.HTTPResponse, body.Body, http.StatusBadRequest); err != nil {
		return err
	}
	if body, err = d.api.PostCaptureWithBodyWithResponse(ctx, &rest.PostCaptureParams{}, "text/csv", strings.NewReader("a,b")); err != nil {
		return err
	}
	if err = answered("POST /capture of CSV", body.HTTPResponse, body.Body, http.StatusUnsupportedMediaType); err != nil {
		return err
	}
	if body, err = d.api.PostCaptureWithBodyWithResponse(ctx, &rest.PostCaptureParams{GS1CaptureErrorBehaviour: ptr(rest.GS1CaptureErrorBehaviourAll)}, "application/json", bytes.NewReader(document(d.objectEvent(400, nil)))); err != nil {
		return err
	}
	return answered("POST /capture with all errors", body.HTTPResponse, body.Body, http.StatusBadRequest)
}
