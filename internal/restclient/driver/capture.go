package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	rest "github.com/waybill-dev/waybill/internal/restclient/driver/epcisrest"
)

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
