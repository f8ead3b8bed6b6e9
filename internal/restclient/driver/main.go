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
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
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
