package readmodel

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// Run takes blocks in as the source yields them, until the context is done, which is no error. While
// it is behind it takes many blocks into one database transaction; once it has caught up each block
// is committed as it comes. A source that ends is opened again; it fails with ErrForeign when the
// ledger is not the one that the store was built from, with ErrUnreadable, and when the store does.
func (s *Store) Run(ctx context.Context, src Source) error {
	const firstWait = 100 * time.Millisecond
	wait := firstWait
	for {
		before, _ := s.Changed()
		err := s.stream(ctx, src)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the caller ended it
		}
		if _, broken := errors.AsType[*storeError](err); broken || errors.Is(err, ErrUnreadable) {
			return err
		}
		if after, _ := s.Changed(); after > before {
			wait = firstWait
		}
		s.log.Warn("the block stream ended", "error", err, "retry_in", wait)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		wait = min(2*wait, s.cfg.Retry)
	}
}

// storeError marks what opening the stream again would not mend.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

var errEnded = errors.New("without a reason")

func (s *Store) stream(ctx context.Context, src Source) error {
	at, err := s.start(ctx, src)
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	queue := make(chan Block, s.cfg.BatchBlocks)
	g.Go(func() error {
		defer close(queue)
		for b, err := range src.Blocks(ctx, at) {
			if err != nil {
				return err
			}
			select {
			case queue <- b:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return errEnded
	})
	g.Go(func() error {
		for first := range queue {
			if err := s.Apply(ctx, s.gather(first, queue)...); err != nil {
				return &storeError{err}
			}
		}
		return nil
	})
	return g.Wait()
}

// start gives the block to stream from: the last one taken in, so that its hash is compared with
// the ledger's before anything is added to it.
func (s *Store) start(ctx context.Context, src Source) (uint64, error) {
	at, err := s.Progress(ctx)
	if err != nil {
		return 0, &storeError{err}
	}
	if at.Height == 0 {
		return 0, nil
	}
	height, err := src.Height(ctx)
	if err != nil {
		return 0, err
	}
	if height < at.Height {
		// A peer that is catching up is also short; one that stays short is another ledger's.
		return 0, fmt.Errorf("the ledger has %d blocks, the store has taken in %d: waiting, unless it is another ledger (%w)", height, at.Height, errShort)
	}
	return at.Height - 1, nil
}

var errShort = errors.New("the peer is behind the store")

// gather adds to the first block what waits behind it, within the bounds of one transaction.
func (s *Store) gather(first Block, queue <-chan Block) []Block {
	batch, facts := []Block{first}, first.facts()
	for len(batch) < s.cfg.BatchBlocks && facts < s.cfg.BatchFacts {
		select {
		case b, ok := <-queue:
			if !ok {
				return batch
			}
			batch = append(batch, b)
			facts += b.facts()
		default:
			return batch
		}
	}
	return batch
}
