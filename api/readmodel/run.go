package readmodel

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/gateway/blocks"
)

// Run takes blocks in as the source yields them, until the context is done, which is no error. While
// it is behind it takes many blocks into one database transaction; once it has caught up each block
// is committed as it comes. A source that ends is opened again, unless what it delivers cannot be
// trusted or read (blocks.ErrTampered, blocks.ErrTrust, ErrUnreadable); so is it when the store's
// database goes away. Run also fails with ErrForeign, when the ledger is not the one that the store
// was built from, and when the store fails for good.
func (s *Store) Run(ctx context.Context, src Source) error {
	const firstWait = 100 * time.Millisecond
	wait := firstWait
	for {
		before, _ := s.Changed()
		err := s.stream(ctx, src)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the caller ended it
		}
		if _, broken := errors.AsType[*storeError](err); broken || lasting(err) {
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

// lasting reports whether opening the stream again would give the same error.
func lasting(err error) bool {
	return errors.Is(err, ErrUnreadable) || errors.Is(err, blocks.ErrTampered) || errors.Is(err, blocks.ErrTrust)
}

// storeError marks what opening the stream again would not mend.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// lastingOf marks an error of the store, unless it may pass: its database is away, or another process
// has put a store rebuilt from the ledger in its place.
func lastingOf(err error) error {
	if errors.Is(err, ErrUnavailable) || errors.Is(err, ErrGap) {
		return err
	}
	return &storeError{err}
}

var errEnded = errors.New("without a reason")

func (s *Store) stream(ctx context.Context, src Source) error {
	at, err := s.start(ctx, src)
	if err != nil {
		return err
	}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	const ahead = 16 // blocks decoded while others are written; their bodies are in memory
	queue, batches := make(chan parsedBlock, min(ahead, s.cfg.BatchBlocks)), make(chan batch)
	var ended error
	var stages sync.WaitGroup
	stages.Go(func() {
		defer close(queue)
		ended = enqueue(reading, src, at, queue)
	})
	stages.Go(func() {
		defer close(batches)
		s.gather(queue, batches)
	})
	// What was read is written though the stream has broken: a stream that breaks often must not keep
	// the store from coming forward.
	var failed error
	for b := range batches {
		if failed == nil {
			if failed = s.apply(ctx, b); failed != nil {
				stop()
			}
		}
	}
	stages.Wait()
	if failed != nil {
		return lastingOf(failed)
	}
	return ended
}

// enqueue reads and parses blocks until the source ends, and gives the reason.
func enqueue(ctx context.Context, src Source, from uint64, queue chan<- parsedBlock) error {
	for b, err := range src.Blocks(ctx, from) {
		if err != nil {
			return err
		}
		select {
		case queue <- parse(b):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return errEnded
}

// start gives the block to stream from, after comparing the ledger's first block with the store's: a
// ledger that was made anew may be shorter than the store. The stream begins with the last block
// taken in, so that its hash is compared before anything is added to it.
func (s *Store) start(ctx context.Context, src Source) (uint64, error) {
	at, err := s.Progress(ctx)
	if err != nil {
		return 0, lastingOf(err)
	}
	if at.Height == 0 {
		return 0, nil
	}
	for first, err := range src.Blocks(ctx, 0) {
		if err != nil {
			return 0, err
		}
		if first.Hash != at.Genesis {
			return 0, &storeError{fmt.Errorf("%w: the ledger begins with %x, the store with %x", ErrForeign, first.Hash, at.Genesis)}
		}
		break
	}
	return at.Height - 1, nil
}

// gather puts blocks together, and makes their rows, while the writer is busy with those before, within
// the bounds of one transaction. It ends when the queue does.
func (s *Store) gather(queue <-chan parsedBlock, batches chan<- batch) {
	for first := range queue {
		next := batch{projection: newProjection(s)}
		next.add(first)
		for full := false; !full; {
			more := queue
			if len(next.blocks) >= s.cfg.BatchBlocks || next.facts >= s.cfg.BatchFacts {
				more = nil
			}
			select {
			case b, ok := <-more:
				if !ok {
					batches <- next
					return
				}
				next.add(b)
			case batches <- next:
				full = true
			}
		}
	}
}
