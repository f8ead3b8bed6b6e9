package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	rest "github.com/waybill-dev/waybill/internal/restclient/driver/epcisrest"
)

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
