package bench

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// sender writes one piece of load and waits for its answer. It gives how many records were recorded
// and how many failed; an error ends the whole measurement, a failed record does not.
type sender func(ctx context.Context) (sent piece, err error)

// piece is what one call of a sender came to.
type piece struct {
	records int
	failed  int
	// why is the first failure of the piece.
	why error
}

// stretch is what a stretch of load came to.
type stretch struct {
	records, failed uint64
	elapsed         time.Duration
	why             error
	cpu             map[string]float64 // seconds by program, nil if unknown
}

func (s *stretch) add(o stretch) {
	if o.cpu != nil && s.cpu == nil {
		s.cpu = map[string]float64{}
	}
	for name, seconds := range o.cpu {
		s.cpu[name] += seconds
	}
	s.records += o.records
	s.failed += o.failed
	s.elapsed += o.elapsed
	s.why = errors.Join(s.why, o.why)
	if s.why != nil && o.why != nil {
		s.why = firstOf(s.why)
	}
}

// firstOf keeps the first of joined errors: a thousand times the same failure tells no more than one.
func firstOf(err error) error {
	var many interface{ Unwrap() []error }
	if errors.As(err, &many) && len(many.Unwrap()) > 0 {
		return many.Unwrap()[0]
	}
	return err
}

// run calls each sender over and over, all of them at once, until the duration has passed, and waits
// for the calls under way. The time until the last of them counts, so that no record is counted
// whose time is not. Latencies go to h.
func run(ctx context.Context, senders []sender, d time.Duration, h *Histogram) (stretch, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		wg              sync.WaitGroup
		records, failed atomic.Uint64
		why             atomic.Pointer[error]
	)
	cpu := cpuByProgram()
	start := time.Now()
	for _, send := range senders {
		wg.Go(func() {
			for ctx.Err() == nil && time.Since(start) < d {
				begun := time.Now()
				p, err := send(ctx)
				if err != nil {
					cancel(err)
					return
				}
				h.Add(time.Since(begun), p.records)
				records.Add(uint64(max(p.records, 0)))
				failed.Add(uint64(max(p.failed, 0)))
				if p.why != nil {
					why.CompareAndSwap(nil, &p.why)
				}
			}
		})
	}
	wg.Wait()
	s := stretch{records: records.Load(), failed: failed.Load(), elapsed: time.Since(start), cpu: cpuSince(cpu)}
	if e := why.Load(); e != nil {
		s.why = *e
	}
	return s, context.Cause(ctx)
}
