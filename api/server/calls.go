package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// call is one call under way, from its first byte to its status.
type call struct {
	method string
	id     string
	from   caller
	start  time.Time
}

// unary bounds, admits, measures and logs a call, and turns its error into a status.
func (s *Server) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (answer any, err error) {
	c := &call{method: info.FullMethod, id: callID(), start: time.Now()}
	defer func() { err = s.ended(ctx, c, err) }()
	defer s.recovered(ctx, c, &err)
	ctx, leave, err := s.enter(ctx, c)
	if err != nil {
		return nil, err
	}
	defer leave()
	answer, err = handle(ctx, req)
	if err == nil && ctx.Err() != nil {
		err = ctx.Err() // the caller gave up or ran out of time: what was computed is of no use
	}
	return answer, err
}

// stream does for a stream what unary does for a call.
func (s *Server) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) (err error) {
	c := &call{method: info.FullMethod, id: callID(), start: time.Now()}
	ctx := stream.Context()
	defer func() { err = s.ended(ctx, c, err) }()
	defer s.recovered(ctx, c, &err)
	ctx, leave, err := s.enter(ctx, c)
	if err != nil {
		return err
	}
	defer leave()
	return handle(srv, &boundStream{ServerStream: stream, ctx: ctx, limit: s.limits.SendTime})
}

// enter admits a call, or says why not; leave must follow.
func (s *Server) enter(ctx context.Context, c *call) (context.Context, context.CancelFunc, error) {
	r, ok := s.rules[c.method]
	if !ok {
		return ctx, nil, refuse(codes.PermissionDenied, codeUnauthorised, "no rule says who may call this")
	}
	from, err := s.certificates.caller(ctx)
	if err != nil {
		return ctx, nil, err
	}
	c.from = from
	if err := r.allows(from); err != nil {
		return ctx, nil, err
	}
	slots := s.slots(r.kind)
	if slots != nil {
		select {
		case slots <- struct{}{}:
		default:
			return ctx, nil, refuse(codes.ResourceExhausted, codeBusy, "the server has %d such calls under way; try again", cap(slots))
		}
	}
	cancel := func() {}
	switch r.kind {
	case asks, answers:
		ctx, cancel = context.WithTimeout(ctx, s.limits.ReadTime)
	case writes:
		ctx, cancel = context.WithTimeout(ctx, s.limits.WriteTime)
	case reports:
		ctx, cancel = context.WithTimeout(ctx, s.limits.ReportTime)
	case pushes, watches:
	}
	s.metrics.inFlight.WithLabelValues(c.method).Inc()
	return ctx, func() {
		cancel()
		s.metrics.inFlight.WithLabelValues(c.method).Dec()
		if slots != nil {
			<-slots
		}
	}, nil
}

func (s *Server) slots(k kind) chan struct{} {
	switch k {
	case writes:
		return s.writing
	case pushes:
		return s.pushing
	case watches:
		return s.watching
	case reports:
		return s.reporting
	case asks, answers: // bounded by the read model's connections
	}
	return nil
}

// recovered turns a panic into an error; the caller learns no more than that there was one.
func (s *Server) recovered(ctx context.Context, c *call, err *error) {
	if p := recover(); p != nil {
		s.metrics.panics.Inc()
		s.log.ErrorContext(ctx, "panic", "method", c.method, "call", c.id, "panic", p, "stack", string(debug.Stack()))
		*err = refuse(codes.Internal, codeInternal, "the server failed; its log has the cause under call %s", c.id)
	}
}

// ended turns the error into the caller's status, and records the call.
func (s *Server) ended(ctx context.Context, c *call, err error) error {
	st, own := tell(err)
	took := time.Since(c.start)
	method := c.method
	if _, known := s.rules[method]; !known {
		method = "other" // callers must not make label values
	}
	s.metrics.calls.WithLabelValues(method, status.Code(st.Err()).String()).Inc()
	s.metrics.seconds.WithLabelValues(method).Observe(took.Seconds())
	if err != nil && reason(st) != codeStopping {
		// Callers' gRPC repeats what no server took. What this one has tried, for as long as it may, it is
		// for the caller to try again.
		_ = grpc.SetTrailer(ctx, metadata.Pairs("grpc-retry-pushback-ms", "-1")) // a hint, as good as lost if it is
	}
	attributes := []any{"method", c.method, "call", c.id, "caller", c.from.subject, "code", st.Code().String(), "took", took}
	switch {
	case err == nil:
		s.log.Log(ctx, slog.LevelDebug, "call", attributes...)
		return nil
	case own:
		s.log.ErrorContext(ctx, "call failed", append(attributes, "error", err)...)
		if st.Code() == codes.Internal {
			st = withCode(codes.Internal, codeInternal, "the server failed; its log has the cause under call "+c.id)
		}
	case st.Code() == codes.Unavailable || st.Code() == codes.ResourceExhausted || st.Code() == codes.Aborted:
		s.log.WarnContext(ctx, "call failed", append(attributes, "error", err)...)
	default:
		s.log.InfoContext(ctx, "call refused", append(attributes, "error", err)...)
	}
	return st.Err()
}

func callID() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails, says its documentation
	return hex.EncodeToString(b[:])
}

// boundStream gives a stream's handler the bounded context, and ends a stream whose reader does not read.
type boundStream struct {
	grpc.ServerStream
	ctx   context.Context //nolint:containedctx // a stream is asked for its context
	limit time.Duration
}

func (b *boundStream) Context() context.Context { return b.ctx }

// SendMsg waits until the transport has taken the message. If the reader's window stays closed for
// longer than the limit the stream ends; a watcher resumes from its position, a writer sends again.
func (b *boundStream) SendMsg(m any) error {
	sent := make(chan error, 1)
	go func() { sent <- b.ServerStream.SendMsg(m) }()
	timer := time.NewTimer(b.limit)
	defer timer.Stop()
	select {
	case err := <-sent:
		return err
	case <-timer.C:
		// Returning from the handler ends the stream, which frees the goroutine.
		return refuse(codes.ResourceExhausted, codeSlow, "the caller has read nothing for %s; resume from the last position", b.limit)
	}
}
