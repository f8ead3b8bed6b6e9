package rest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/coder/websocket"

	"github.com/waybill-dev/waybill/api/query"
)

const (
	// socketPing is also how often a caller's right to listen is looked at again.
	socketPing  = 30 * time.Second
	socketWrite = 30 * time.Second
)

// controls reads the subscription that the URL of a WebSocket asks for.
func controls(values url.Values) (schedule *Schedule, from time.Time, reportIfEmpty bool, err error) {
	var s Schedule
	scheduled := false
	for name, list := range values {
		v := list[0]
		if len(list) != 1 {
			return nil, from, false, badSubscription(name + " stands more than once")
		}
		switch name {
		case "stream":
			if v != "true" {
				return nil, from, false, badSubscription("stream is true or left out")
			}
		case "reportIfEmpty":
			if v != "true" && v != "false" {
				return nil, from, false, badSubscription("reportIfEmpty is true or false")
			}
			reportIfEmpty = v == "true"
		case "initialRecordTime":
			if from, err = time.Parse(time.RFC3339Nano, v); err != nil {
				return nil, from, false, badSubscription("initialRecordTime is no date and time with an offset")
			}
		default:
			known := false
			for _, f := range s.fields() {
				if f.name == name {
					*f.text, known, scheduled = v, true, true
				}
			}
			if !known {
				return nil, from, false, badSubscription(name + " is not for a subscription")
			}
		}
	}
	if scheduled == values.Has("stream") {
		return nil, from, false, badSubscription("either stream is true or there is a schedule")
	}
	if !scheduled {
		return nil, from, reportIfEmpty, nil
	}
	if err := s.parse(); err != nil {
		return nil, from, false, badSubscription(err.Error())
	}
	return &s, from, reportIfEmpty, nil
}

// socket serves a subscription over a WebSocket: each message is an
// EPCISQueryDocument.
func (s *Server) socket(w http.ResponseWriter, r *http.Request, named NamedQuery, q *query.Query) error {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return badSubscription("the query string is malformed")
	}
	schedule, from, reportIfEmpty, err := controls(values)
	if err != nil {
		return err
	}
	if err = subscribable(q); err != nil {
		return err
	}
	_, identifier, err := s.epcFormat(r.Header.Get("GS1-EPC-Format"))
	if err != nil {
		return err
	}
	// Asked for before the query is looked up once more, so that no deletion is missed.
	gone := s.goneOf(named.Name)
	if _, err = s.cfg.Queries.Query(r.Context(), named.Name); err != nil {
		return err
	}
	at := now()
	if from.IsZero() {
		from = at
	}
	position, err := s.cfg.Events.PositionAt(r.Context(), from)
	if err != nil {
		return err
	}
	select {
	case s.sockets <- struct{}{}:
		defer func() { <-s.sockets }()
	default:
		return newProblem(http.StatusServiceUnavailable, excImplementation, "Too many subscriptions", "try again later")
	}
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return nil // Accept has answered
	}
	defer conn.CloseNow() //nolint:errcheck // it is gone either way
	ctx := conn.CloseRead(r.Context())
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	deleted, stopped, refused := errors.New("the query was deleted"), errors.New("the server stops"), errors.New("the caller may not listen any more")
	go func() { // ends with ctx
		ping := time.NewTicker(s.ping)
		defer ping.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-gone:
				cancel(deleted)
				return
			case <-s.done:
				cancel(stopped)
				return
			case <-ping.C:
				pingCtx, done := context.WithTimeout(ctx, socketWrite)
				lost := conn.Ping(pingCtx)
				done()
				if lost != nil {
					cancel(lost)
					return
				}
				// A certificate may have expired since.
				if s.admit(r, Read) != nil {
					cancel(refused)
					return
				}
				// Another process may have deleted it.
				if _, missing := s.cfg.Queries.Query(ctx, named.Name); errors.Is(missing, ErrNotFound) {
					cancel(deleted)
					return
				}
			}
		}
	}()
	f := feed{
		s: s, q: q, schedule: schedule, reportIfEmpty: reportIfEmpty, batch: s.cfg.Delivery.Batch, since: since(from, at),
		progress: Progress{Position: position, LastRun: at}, save: func(context.Context, Progress) error { return nil },
	}
	f.report = func(ctx context.Context, records []Record) error {
		body, failed := results{queryName: named.Name, identifier: identifier, records: records, at: now()}.bytes()
		if failed != nil {
			return failed
		}
		ctx, done := context.WithTimeout(ctx, socketWrite)
		defer done()
		return conn.Write(ctx, websocket.MessageText, body)
	}
	err = f.run(ctx)
	switch {
	case errors.Is(context.Cause(ctx), deleted):
		_ = conn.Close(websocket.StatusNormalClosure, deleted.Error())
	case errors.Is(context.Cause(ctx), stopped):
		_ = conn.Close(websocket.StatusGoingAway, stopped.Error())
	case errors.Is(context.Cause(ctx), refused):
		_ = conn.Close(websocket.StatusPolicyViolation, refused.Error())
	case ctx.Err() == nil:
		s.cfg.Log.ErrorContext(r.Context(), "socket subscription ended", "query", named.Name, "error", err)
		_ = conn.Close(websocket.StatusInternalError, "")
	}
	return nil
}

// goneOf gives the channel that is closed when the query is deleted.
func (s *Server) goneOf(name string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.gone[name]
	if !ok {
		c = make(chan struct{})
		s.gone[name] = c
	}
	return c
}
