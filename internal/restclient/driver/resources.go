package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	rest "github.com/waybill-dev/waybill/internal/restclient/driver/epcisrest"
)

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
