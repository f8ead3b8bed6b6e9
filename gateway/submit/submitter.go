package submit

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Submitter turns writes into transactions. Run must be running for anything to be written; writes
// accepted before it starts wait for it.
type Submitter struct {
	cfg      Config
	events   *lane[Event]
	devices  *lane[ledger.Device]
	segments *lane[Segment]
	policies *lane[ledger.Policy]
	verdicts *lane[ledger.Verdict]
	roots    *lane[wire.SignedRoot]
	master   *lane[ledger.MasterDatum]
	reviews  *lane[wire.ReviewSubject]
	elements *lane[wire.ElementEntry]
	governed governed

	closing   chan struct{}
	closeOnce sync.Once
}

// New makes a submitter on that ledger. It starts nothing.
func New(l Ledger, cfg Config) *Submitter {
	cfg = cfg.withDefaults()
	return &Submitter{
		cfg:      cfg,
		events:   newLane(events(cfg.MaxItems), l, cfg),
		devices:  newLane(devices(), l, cfg),
		segments: newLane(segments(), l, cfg),
		policies: newLane(policies(), l, cfg),
		verdicts: newLane(verdicts(), l, cfg),
		roots:    newLane(roots(), l, cfg),
		master:   newLane(masterData(), l, cfg),
		reviews:  newLane(reviews(), l, cfg),
		elements: newLane(elements(), l, cfg),
		governed: newGoverned(l, cfg),
		closing:  make(chan struct{}),
	}
}

// Close stops taking writes and has Run write what was accepted, within Config.DrainFor. It returns at once.
func (s *Submitter) Close() {
	s.closeOnce.Do(func() {
		close(s.closing)
		s.events.close()
		s.devices.close()
		s.segments.close()
		s.policies.close()
		s.verdicts.close()
		s.roots.close()
		s.master.close()
		s.reviews.close()
		s.elements.close()
		s.governed.close()
	})
}

// Run writes until ctx ends or Close is called, then writes what was accepted, within
// Config.DrainFor, and returns. What could not be written by then is answered with ErrClosed, or
// with an unknown outcome if it was under way. It must be called once.
func (s *Submitter) Run(ctx context.Context) error {
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	done := make(chan struct{})
	go func() {
		select {
		case <-ctx.Done():
		case <-s.closing:
		case <-done:
			return
		}
		s.Close()
		select {
		case <-after(s.cfg.DrainFor):
			stop()
		case <-done:
		}
	}()
	var g errgroup.Group
	g.Go(func() error { s.events.run(work); return nil })
	g.Go(func() error { s.devices.run(work); return nil })
	g.Go(func() error { s.segments.run(work); return nil })
	g.Go(func() error { s.policies.run(work); return nil })
	g.Go(func() error { s.verdicts.run(work); return nil })
	g.Go(func() error { s.roots.run(work); return nil })
	g.Go(func() error { s.master.run(work); return nil })
	g.Go(func() error { s.reviews.run(work); return nil })
	g.Go(func() error { s.elements.run(work); return nil })
	for _, run := range s.governed.runs() {
		g.Go(func() error { run(work); return nil })
	}
	err := g.Wait()
	close(done)
	return err
}
