package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
)

// dashboard watches verdicts as a compliance dashboard does: a stream that is taken up again where it broke.
type dashboard struct {
	api waybillv1.VerdictServiceClient

	mu       sync.Mutex
	verdicts int
	final    map[string]bool
	worst    map[string]waybillv1.VerdictLevel
	changed  chan struct{}
}

func newDashboard(api waybillv1.VerdictServiceClient) *dashboard {
	return &dashboard{api: api, final: map[string]bool{}, worst: map[string]waybillv1.VerdictLevel{}, changed: make(chan struct{}, 1)}
}

const retryPause = 250 * time.Millisecond

// run watches from the position on (nil: from the beginning) until ctx ends. heard, if any, is told of each verdict.
func (d *dashboard) run(ctx context.Context, after *waybillv1.Position, heard func(*waybillv1.Verdict)) error {
	for {
		next, err := d.stream(ctx, after, heard)
		if next != nil {
			after = next
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // a watch lasts until it is stopped
		}
		switch status.Code(err) {
		case codes.Unavailable, codes.ResourceExhausted, codes.Aborted, codes.DeadlineExceeded:
		default:
			return fmt.Errorf("watching verdicts: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retryPause):
		}
	}
}

func (d *dashboard) stream(ctx context.Context, after *waybillv1.Position, heard func(*waybillv1.Verdict)) (*waybillv1.Position, error) {
	stream, err := d.api.WatchVerdicts(ctx, &waybillv1.WatchVerdictsRequest{After: after})
	if err != nil {
		return after, err
	}
	for {
		r, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			err = status.Error(codes.Unavailable, "the server ended the stream")
		}
		if err != nil {
			return after, err
		}
		if p := r.GetPosition(); p != nil {
			after = p
		}
		if v := r.GetVerdict(); v != nil {
			d.take(v)
			if heard != nil {
				heard(v)
			}
		}
	}
}

func (d *dashboard) take(v *waybillv1.Verdict) {
	d.mu.Lock()
	d.verdicts++
	d.worst[v.GetShipment()] = max(d.worst[v.GetShipment()], v.GetLevel())
	if v.GetFinal() {
		d.final[v.GetShipment()] = true
	}
	d.mu.Unlock()
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// judged counts the shipments of the list that have a final verdict, and all verdicts seen.
func (d *dashboard) judged(shipments []string) (final, verdicts int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range shipments {
		if d.final[s] {
			final++
		}
	}
	return final, d.verdicts
}

// settled waits until each shipment has a final verdict, until none was heard for as long as patience lasts, or until ctx ends.
func (d *dashboard) settled(ctx context.Context, shipments []string, patience time.Duration) bool {
	quiet := time.NewTimer(patience)
	defer quiet.Stop()
	for {
		if final, _ := d.judged(shipments); final == len(shipments) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-quiet.C:
			return false
		case <-d.changed:
			quiet.Reset(patience)
		}
	}
}

// verdictsOf lists all verdicts on the shipments, by window, from the read model.
func verdictsOf(ctx context.Context, api waybillv1.VerdictServiceClient, shipments []string) (map[string][]*waybillv1.Verdict, error) {
	wanted := map[string]bool{}
	for _, s := range shipments {
		wanted[s] = true
	}
	out := map[string][]*waybillv1.Verdict{}
	for token := ""; ; {
		r, err := api.ListVerdicts(ctx, &waybillv1.ListVerdictsRequest{PageSize: 1000, PageToken: token})
		if err != nil {
			return nil, fmt.Errorf("listing verdicts: %w", err)
		}
		for _, v := range r.GetVerdicts() {
			if wanted[v.GetShipment()] {
				out[v.GetShipment()] = append(out[v.GetShipment()], v)
			}
		}
		if token = r.GetNextPageToken(); token == "" {
			inOrder(out)
			return out, nil
		}
	}
}

// inOrder sorts verdicts by window: those of several scorers become final in any order.
func inOrder(verdicts map[string][]*waybillv1.Verdict) {
	for _, all := range verdicts {
		slices.SortStableFunc(all, func(a, b *waybillv1.Verdict) int { return cmp.Compare(a.GetWindow(), b.GetWindow()) })
	}
}
