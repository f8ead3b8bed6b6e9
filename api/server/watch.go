package server

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/readmodel"
)

// watchRequest opens a stream from a position.
type watchRequest interface {
	GetAfter() *waybillv1.Position
	GetOnlyNew() bool
}

// watcher asks for rows in ledger order and sends them. send gets no row for a sign of life.
type watcher[T any] struct {
	ask      func(ctx context.Context, page readmodel.Page) (readmodel.Rows[T], error)
	position func(T) readmodel.Position
	send     func(row *T, at *waybillv1.Position) error
}

// watchPage is how many rows a stream holds at a time: a slow reader costs this much and no more.
const watchPage = 128

// watch sends the rows after a position as they come, without end; a row that moves to a later position comes again. Each round asks the store for
// what lies after the last row sent, so nothing is missed or sent twice however slow the reader is.
func watch[T any](ctx context.Context, s *Server, req watchRequest, w watcher[T]) error {
	var after *readmodel.Position
	switch given := req.GetAfter(); {
	case req.GetOnlyNew() && given != nil:
		return refuse(codes.InvalidArgument, codeArgument, "after and only_new exclude each other")
	case given != nil:
		after = &readmodel.Position{Block: given.GetBlock(), Index: given.GetIndex()}
		if err := s.reached(ctx, after.Block); err != nil {
			return err
		}
	case req.GetOnlyNew():
		height, _ := s.cfg.Reader.Changed()
		if end, ok := readmodel.EndOf(height); ok {
			after = &end
		}
		// The caller learns where its stream begins before anything happens.
		if err := w.send(nil, wirePosition(after)); err != nil {
			return err
		}
	}
	heartbeat := time.NewTicker(s.limits.Heartbeat)
	defer heartbeat.Stop()
	for {
		// Before asking: what is taken in after this closes the channel.
		_, more := s.cfg.Reader.Changed()
		rows, err := askPage(ctx, s, w, after)
		if err != nil {
			return err
		}
		for i := range rows.Rows {
			at := w.position(rows.Rows[i])
			if err := w.send(&rows.Rows[i], position(at)); err != nil {
				return err
			}
			after = &at
		}
		if rows.More {
			if s.ending() {
				return errWatchStopping()
			}
			continue
		}
		if end, ok := readmodel.EndOf(rows.At.Height); ok && (after == nil || after.Before(end)) {
			after = &end // all up to here has been sent, or did not pass the filter
		}
		select {
		case <-more:
		case <-heartbeat.C:
			if err := w.send(nil, wirePosition(after)); err != nil {
				return err
			}
		case <-s.stopping:
			return errWatchStopping()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// reached refuses a position that the ledger is far from. One that the read model has not taken in, or
// that this server's peer is a little behind of, is waited for; so is any where the height is not known.
func (s *Server) reached(ctx context.Context, block uint64) error {
	if height, _ := s.cfg.Reader.Changed(); block < height+farBehind || s.cfg.Height == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askHeight)
	defer cancel()
	height, err := s.cfg.Height(ctx)
	if err != nil {
		s.log.WarnContext(ctx, "the ledger's height is not known", "error", err)
		return nil
	}
	if block >= height+farBehind {
		return refuse(codes.OutOfRange, codePosition, "block %d lies beyond the ledger, which has %d blocks", block, height)
	}
	return nil
}

func askPage[T any](ctx context.Context, s *Server, w watcher[T], after *readmodel.Position) (readmodel.Rows[T], error) {
	ctx, cancel := context.WithTimeout(ctx, s.limits.ReadTime)
	defer cancel()
	return w.ask(ctx, readmodel.Page{After: after, Limit: watchPage, Bytes: pageBytes})
}

func (s *Server) ending() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}

func errWatchStopping() error {
	return refuse(codes.Unavailable, codeStopping, "the server is shutting down; resume from the last position")
}

func wirePosition(p *readmodel.Position) *waybillv1.Position {
	if p == nil {
		return nil
	}
	return position(*p)
}
