package demo

import (
	"context"
	"fmt"
	"sync"
	"time"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
)

// hearing keeps the verdicts of a watch.
type hearing struct {
	mu   sync.Mutex
	all  []*waybillv1.Verdict
	last time.Time
}

func (h *hearing) take(v *waybillv1.Verdict) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all, h.last = append(h.all, v), time.Now()
}

// untilQuiet waits until no verdict was heard for a while.
func (h *hearing) untilQuiet(ctx context.Context) {
	start := time.Now()
	for {
		h.mu.Lock()
		since := h.last
		h.mu.Unlock()
		if since.Before(start) {
			since = start
		}
		left := quiet - time.Since(since)
		if left <= 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(left):
		}
	}
}

func (h *hearing) byShipment() map[string][]*waybillv1.Verdict {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[string][]*waybillv1.Verdict{}
	for _, v := range h.all {
		out[v.GetShipment()] = append(out[v.GetShipment()], v)
	}
	inOrder(out)
	return out
}

// latest is the position of the last verdict on the ledger, nil if there is none.
func latest(ctx context.Context, api waybillv1.VerdictServiceClient) (*waybillv1.Position, error) {
	r, err := api.ListVerdicts(ctx, &waybillv1.ListVerdictsRequest{PageSize: 1, NewestFirst: true})
	if err != nil {
		return nil, fmt.Errorf("listing verdicts: %w", err)
	}
	if len(r.GetVerdicts()) == 0 {
		return nil, nil //nolint:nilnil // no verdict and no error: watch from the beginning
	}
	return r.GetVerdicts()[0].GetPosition(), nil
}
