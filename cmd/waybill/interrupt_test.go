package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/gateway/profile"
)

func TestInterruptedCommandsSaySo(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, args := range [][]string{
		{"capture", "testdata/two.jsonld"},
		{"item", "x"},
		{"validate", "testdata/two.jsonld"},
		{"verdicts", "watch", "--new"},
	} {
		var stdout, stderr bytes.Buffer
		code := (&app{dialed: cannedAPI(t, nil)}).run(ctx, args, strings.NewReader(""), &stdout, &stderr)
		if code != exitInterrupted || !strings.Contains(stderr.String(), codeInterrupted) {
			t.Errorf("%v: exit code %d, %q", args, code, stderr.String())
		}
	}
}

// interrupting cuts the command off as soon as it has a document's first part.
type interrupting struct {
	canned
	cut context.CancelFunc
}

func (i interrupting) StreamEvents(s grpc.BidiStreamingServer[waybillv1.StreamEventsRequest, waybillv1.StreamEventsResponse]) error {
	_, err := s.Recv()
	i.cut()
	<-s.Context().Done()
	return err
}

func TestAnInterruptedCaptureSaysThatEventsMayBeRecorded(t *testing.T) {
	for _, args := range [][]string{{"capture", "testdata/two.jsonld"}, {"--json", "capture", "testdata/two.jsonld"}} {
		ctx, cancel := context.WithCancel(t.Context())
		var stdout, stderr bytes.Buffer
		code := (&app{dialed: cannedAPIWith(t, nil, interrupting{cut: cancel})}).run(ctx, args, strings.NewReader(""), &stdout, &stderr)
		said := strings.Contains(stdout.String(), "may be on the ledger") || strings.Contains(stderr.String(), `"documents_uncertain":1`)
		if code != exitInterrupted || !said {
			t.Errorf("%v: exit code %d, %q, %q", args, code, stdout.String(), stderr.String())
		}
		cancel()
	}
}

func TestErrorsGetTheirCodeAndExitCode(t *testing.T) {
	for _, c := range []struct {
		err  error
		code string
		exit int
	}{
		{status.Error(codes.Unavailable, "connection refused"), "WB_UNAVAILABLE", exitUnavailable},
		{status.Error(codes.Unavailable, "WB_UNKNOWN_OUTCOME: it may be recorded"), "WB_UNKNOWN_OUTCOME", exitUnavailable},
		{fmt.Errorf("file: %w", status.Error(codes.PermissionDenied, "WB_UNAUTHORISED: no")), "WB_UNAUTHORISED", exitRefused},
		{status.Error(codes.DeadlineExceeded, "deadline"), "WB_UNAVAILABLE", exitUnavailable},
		{context.DeadlineExceeded, "WB_UNAVAILABLE", exitUnavailable},
		{fmt.Errorf("%w: x", profile.ErrNotFound), "WB_PROFILE_NOT_FOUND", exitRefused},
		{errors.New("disk on fire"), "WB_INTERNAL", exitInternal},
		{fail(exitUsage, codeUsage, "", "no"), "WB_USAGE", exitUsage},
		{fmt.Errorf("readmodel: %w", errors.New("WB_STORE_FOREIGN: other")), "WB_STORE_FOREIGN", exitRefused},
	} {
		f := classify(context.Background(), c.err, true)
		if f.code != c.code || f.exit != c.exit {
			t.Errorf("%v: %s and exit code %d, want %s and %d", c.err, f.code, f.exit, c.code, c.exit)
		}
	}
	if f := classify(context.Background(), errors.New("unknown flag"), false); f.exit != exitUsage {
		t.Errorf("an error of the command line gives exit code %d", f.exit)
	}
}

func TestMilliIsReadExactly(t *testing.T) {
	for text, want := range map[string]int32{"2": 2000, "-0.5": -500, "8.125": 8125, "0": 0, "-273.15": -273150} {
		if got, err := parseMilli(text); err != nil || got != want {
			t.Errorf("%q: %d %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-", ".5", "1.", "1.2345", "1e3", "warm", "--1", "+1", "99999999999", "1.-2"} {
		if got, err := parseMilli(text); err == nil {
			t.Errorf("%q is read as %d", text, got)
		}
	}
}
