package server

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/waybill-dev/waybill/api/client"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/submit"
)

// halting records the first half of every other batch and does not know what became of the rest.
type halting struct {
	Recorder
	calls atomic.Int64
}

func halve[T any](h *halting, inputs []T, record func([]T) ([]submit.Outcome, error)) ([]submit.Outcome, error) {
	if h.calls.Add(1)%2 == 0 || len(inputs) < 2 {
		return record(inputs)
	}
	outcomes, err := record(inputs[:len(inputs)/2])
	if err != nil {
		return outcomes, err
	}
	for range inputs[len(inputs)/2:] {
		outcomes = append(outcomes, submit.Outcome{Err: &fabric.Error{Kind: fabric.ErrUnknownOutcome}})
	}
	return outcomes, fabric.ErrUnknownOutcome
}

func (h *halting) Events(ctx context.Context, events []submit.Event) ([]submit.Outcome, error) {
	return halve(h, events, func(part []submit.Event) ([]submit.Outcome, error) { return h.Recorder.Events(ctx, part) })
}

func (h *halting) Segments(ctx context.Context, segments []submit.Segment) ([]submit.Outcome, error) {
	return halve(h, segments, func(part []submit.Segment) ([]submit.Outcome, error) { return h.Recorder.Segments(ctx, part) })
}

func TestABatchAnsweredInPartEndsItsStreamSoThatTheRestIsSentAgain(t *testing.T) {
	h := &halting{}
	r := newRig(t, func(c *Config) { h.Recorder, c.Recorder = c.Recorder, h })
	chain := registered(t, r, loggerID)
	conn := r.any()
	const n = 60
	var events [][]byte
	var segments []*waybillv1.SignedSegment
	for i := range n {
		events = append(events, []byte(observed(i, "")))
		segments = append(segments, signed(t, chain, r.ledger.Now-1_000*60_000+ledger.Millis(i)*60_000, int32(i)))
	}
	hashes := map[string]bool{}
	cfg := client.Config{Window: 32, Batch: 8}
	err := client.SendEvents(t.Context(), conn, cfg, nil, each(events), func(_ uint64, a *waybillv1.EventResult) { hashes[a.GetHash()] = true })
	if err != nil || len(hashes) != n {
		t.Errorf("%d of %d events answered, %v", len(hashes), n, err)
	}
	next := uint64(0)
	err = client.PushSegments(t.Context(), conn, cfg, each(segments), func(index uint64, a *waybillv1.SegmentResult) {
		if index != next || a.GetSequence() != next || a.GetStatus() == refusedStatus {
			t.Errorf("segment %d: %v, want %d", index, a, next)
		}
		next++
	})
	if err != nil || next != n {
		t.Errorf("%d segments answered, %v", next, err)
	}
	height, err := r.ledger.Height(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err = r.store.WaitFor(t.Context(), height-1); err != nil {
		t.Fatal(err)
	}
	totals, _, err := r.store.Totals(t.Context())
	if err != nil || totals.Events != n || totals.Segments != n {
		t.Errorf("the ledger holds %+v, %v", totals, err)
	}
}
