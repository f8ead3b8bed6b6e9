package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"

	"google.golang.org/grpc/codes"
)

// backlog holds what one stream has sent and the server has not answered. It is bounded, and a full
// one makes the stream's receiver wait, which closes the sender's window.
type backlog[T any] struct {
	maxCount, maxBytes int

	mu           sync.Mutex
	waiting      []T
	waitingBytes int
	count, bytes int   // unanswered: waiting and under way
	err          error // why no more will come
	filled       chan struct{}
	freed        chan struct{}
}

func newBacklog[T any](count, bytes int) *backlog[T] {
	return &backlog[T]{maxCount: count, maxBytes: bytes, filled: make(chan struct{}, 1), freed: make(chan struct{}, 1)}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// put adds an input when there is room. An empty backlog takes an input of any size.
func (b *backlog[T]) put(ctx context.Context, v T, bytes int) error {
	for {
		b.mu.Lock()
		if b.count == 0 || b.count < b.maxCount && b.bytes+bytes <= b.maxBytes {
			b.waiting = append(b.waiting, v)
			b.waitingBytes += bytes
			b.count++
			b.bytes += bytes
			b.mu.Unlock()
			signal(b.filled)
			return nil
		}
		b.mu.Unlock()
		select {
		case <-b.freed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// end says that no more will come, and why: io.EOF if the sender is done.
func (b *backlog[T]) end(err error) {
	b.mu.Lock()
	b.err = err
	b.mu.Unlock()
	signal(b.filled)
}

// take gives all that waits once something does, and after the last of it the reason of the end.
func (b *backlog[T]) take(ctx context.Context, stopping <-chan struct{}) (batch []T, bytes int, err error) {
	for {
		b.mu.Lock()
		batch, bytes, err = b.waiting, b.waitingBytes, b.err
		b.waiting, b.waitingBytes = nil, 0
		b.mu.Unlock()
		if len(batch) > 0 {
			return batch, bytes, nil
		}
		if err != nil {
			return nil, 0, err
		}
		select {
		case <-b.filled:
		case <-stopping:
			return nil, 0, errStopping()
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
}

func (b *backlog[T]) answered(count, bytes int) {
	b.mu.Lock()
	b.count -= count
	b.bytes -= bytes
	b.mu.Unlock()
	signal(b.freed)
}

func errStopping() error {
	return refuse(codes.Unavailable, codeStopping, "the server is shutting down; send again what was not answered")
}

// pump receives inputs while earlier ones are being answered, and answers them in order, all that
// wait at a time. It ends when the sender is done and all is answered, with the first error, or after
// the batch under way when the server stops.
func pump[T any](ctx context.Context, limits Limits, stopping <-chan struct{}, receive func(add func(T, int) error) error, answer func([]T) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b := newBacklog[T](limits.Pending, limits.PendingBytes)
	add := func(v T, bytes int) error { return b.put(ctx, v, bytes) }
	go func() {
		var err error
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			}
			b.end(err)
		}()
		for err == nil {
			err = receive(add)
		}
	}()
	for {
		batch, bytes, err := b.take(ctx, stopping)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := answer(batch); err != nil {
			return err
		}
		b.answered(len(batch), bytes)
		select {
		case <-stopping:
			return errStopping()
		default:
		}
	}
}
