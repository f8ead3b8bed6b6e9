package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"
	"time"

	"google.golang.org/grpc"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/internal/idle"
)

// Config bounds a sender. A zero field means the default.
type Config struct {
	// Window is how many inputs may be unanswered, default 2,048; they are kept to be sent again.
	Window int
	// Batch is how many inputs go into a message at most, default 256, and BatchBytes how many bytes,
	// default 1 MiB.
	Batch, BatchBytes int
	// Patience is how long a server may stay away, while something is unanswered, before the sender
	// gives up; default 1 minute.
	Patience time.Duration
	// OnRetry, if set, is told why a stream is opened again.
	OnRetry func(error)
}

func (c Config) withDefaults() Config {
	if c.Window <= 0 {
		c.Window = 2_048
	}
	if c.Batch <= 0 {
		c.Batch = 256
	}
	if c.BatchBytes <= 0 {
		c.BatchBytes = 1 << 20
	}
	if c.Patience <= 0 {
		c.Patience = time.Minute
	}
	return c
}

// SendEvents sends events of one JSON-LD context (nil: GS1's own) as the source yields them and
// gives each result, with the event's index in the source, in that order. When the stream breaks it
// sends again what was not answered; what had been recorded all the same is then a duplicate. It
// ends with the source, with the source's error, or when the server refuses or stays away.
func SendEvents(ctx context.Context, conn grpc.ClientConnInterface, c Config, contextJSON []byte, events iter.Seq2[[]byte, error], answered func(index uint64, r *waybillv1.EventResult)) error {
	api := waybillv1.NewCaptureServiceClient(conn)
	return send(ctx, c.withDefaults(), events, func(e []byte) int { return len(e) }, func(ctx context.Context) (stream[[]byte], error) {
		s, err := api.StreamEvents(ctx)
		if err != nil {
			return stream[[]byte]{}, err
		}
		return stream[[]byte]{
			send: func(batch [][]byte) error {
				return s.Send(&waybillv1.StreamEventsRequest{Part: &waybillv1.StreamEventsRequest_Events{Events: &waybillv1.EventList{Context: contextJSON, Events: batch}}})
			},
			end: s.CloseSend,
			receive: func(take func(index uint64, each func(index uint64)) error) error {
				r, err := s.Recv()
				if err != nil {
					return err
				}
				for _, result := range r.GetResults() {
					if err := take(result.GetIndex(), func(index uint64) { result.Index = index; answered(index, result) }); err != nil {
						return err
					}
				}
				return nil
			},
		}, nil
	})
}

// PushSegments pushes signed segments, those of one device in the order of their sequence numbers,
// as SendEvents sends events.
func PushSegments(ctx context.Context, conn grpc.ClientConnInterface, c Config, segments iter.Seq2[*waybillv1.SignedSegment, error], answered func(index uint64, r *waybillv1.SegmentResult)) error {
	api := waybillv1.NewTelemetryServiceClient(conn)
	size := func(s *waybillv1.SignedSegment) int { return len(s.GetPayload()) + len(s.GetSignature()) }
	return send(ctx, c.withDefaults(), segments, size, func(ctx context.Context) (stream[*waybillv1.SignedSegment], error) {
		s, err := api.PushSegments(ctx)
		if err != nil {
			return stream[*waybillv1.SignedSegment]{}, err
		}
		return stream[*waybillv1.SignedSegment]{
			send: func(batch []*waybillv1.SignedSegment) error {
				return s.Send(&waybillv1.PushSegmentsRequest{Segments: batch})
			},
			end: s.CloseSend,
			receive: func(take func(index uint64, each func(index uint64)) error) error {
				r, err := s.Recv()
				if err != nil {
					return err
				}
				for _, result := range r.GetResults() {
					if err := take(result.GetIndex(), func(index uint64) { result.Index = index; answered(index, result) }); err != nil {
						return err
					}
				}
				return nil
			},
		}, nil
	})
}

// stream is one stream to the server. receive waits for a message and calls take for each answer in
// it, with the input's index in the stream; take calls each with the input's index in the source.
type stream[T any] struct {
	send    func([]T) error
	end     func() error
	receive func(take func(index uint64, each func(index uint64)) error) error
}

// errProtocol is a server whose answers are not those to the inputs, one for each and in their order.
var errProtocol = errors.New("WB_PROTOCOL: the server's answers do not fit the inputs that it was sent")

// window holds the inputs that are not answered, in order.
type window[T any] struct {
	c    Config
	size func(T) int

	mu       sync.Mutex
	inputs   []T
	sent     int    // of them, on the present stream
	taken    uint64 // answers on the present stream
	answered uint64 // since the beginning
	ended    bool   // the source has no more
	err      error  // the source's
	changed  chan struct{}
}

// wake tells all that wait that something changed; the lock is held.
func (w *window[T]) wake() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// await calls ready with the lock held until it is true.
func (w *window[T]) await(ctx context.Context, ready func() bool) error {
	for {
		w.mu.Lock()
		done, changed := ready(), w.changed
		w.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (w *window[T]) fill(ctx context.Context, source iter.Seq2[T, error]) {
	finish := func(err error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.ended, w.err = true, err
		w.wake()
	}
	for v, err := range source {
		if err != nil {
			finish(err)
			return
		}
		err := w.await(ctx, func() bool {
			if len(w.inputs) >= w.c.Window {
				return false
			}
			w.inputs = append(w.inputs, v)
			w.wake()
			return true
		})
		if err != nil {
			return
		}
	}
	finish(nil)
}

// batch waits for inputs to send; none means that there will be no more.
func (w *window[T]) batch(ctx context.Context) (batch []T, err error) {
	err = w.await(ctx, func() bool {
		waiting := w.inputs[w.sent:]
		if len(waiting) == 0 {
			return w.ended
		}
		bytes := 0
		for _, v := range waiting {
			if len(batch) == w.c.Batch || len(batch) > 0 && bytes+w.size(v) > w.c.BatchBytes {
				break
			}
			batch = append(batch, v)
			bytes += w.size(v)
		}
		w.sent += len(batch)
		return true
	})
	return batch, err
}

func (w *window[T]) take(inStream uint64, each func(index uint64)) error {
	w.mu.Lock()
	if w.sent == 0 || inStream != w.taken {
		w.mu.Unlock()
		return errProtocol
	}
	w.taken++
	var none T
	w.inputs[0] = none
	w.inputs, w.sent = w.inputs[1:], w.sent-1
	index := w.answered
	w.answered++
	w.wake()
	w.mu.Unlock()
	each(index)
	return nil
}

// state says how many inputs were answered, how many are not, and whether the source has ended, with
// its error.
func (w *window[T]) state() (answered uint64, unanswered int, ended bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.answered, len(w.inputs), w.ended, w.err
}

func send[T any](ctx context.Context, c Config, source iter.Seq2[T, error], size func(T) int, open func(context.Context) (stream[T], error)) error {
	ctx, cancel := context.WithCancel(ctx)
	w := &window[T]{c: c, size: size, changed: make(chan struct{})}
	filled := make(chan struct{})
	go func() {
		defer close(filled)
		w.fill(ctx, source)
	}()
	defer func() {
		cancel()
		<-filled
	}()
	const firstWait, lastWait = 100 * time.Millisecond, 3 * time.Second
	wait := firstWait
	var away time.Time // since when, with something unanswered; zero: not so
	for {
		before, _, _, _ := w.state()
		err := session(ctx, w, open)
		after, unanswered, ended, sourceErr := w.state()
		switch {
		case ended && unanswered == 0:
			return sourceErr
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			err = errors.New("WB_UNAVAILABLE: the server ended the stream before its last answer")
		case errors.Is(err, errProtocol) || !Passing(err) && !errors.Is(err, io.EOF):
			return err
		}
		if after > before || unanswered == 0 {
			wait, away = firstWait, time.Time{}
		}
		if away.IsZero() {
			away = time.Now()
		}
		if time.Since(away)+wait > c.Patience {
			return fmt.Errorf("no answer for %s: %w", c.Patience, err)
		}
		if c.OnRetry != nil {
			c.OnRetry(err)
		}
		if err := idle.For(ctx, wait); err != nil {
			return err
		}
		wait = min(2*wait, lastWait)
	}
}

// session sends all that is unanswered, and what comes, on one stream until it ends.
func session[T any](ctx context.Context, w *window[T], open func(context.Context) (stream[T], error)) error {
	ctx, cancel := context.WithCancel(ctx)
	w.mu.Lock()
	w.sent, w.taken = 0, 0
	w.mu.Unlock()
	s, err := open(ctx)
	if err != nil {
		cancel()
		return err
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for {
			batch, err := w.batch(ctx)
			if err != nil {
				return
			}
			if len(batch) == 0 {
				_ = s.end() // the receiving side learns of a broken stream
				return
			}
			if s.send(batch) != nil {
				return // the receiving side learns the reason
			}
		}
	}()
	defer func() {
		cancel()
		<-sent
	}()
	for {
		if err := s.receive(w.take); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}
