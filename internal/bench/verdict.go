package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/profile"
)

const (
	// verdictPatience is how long the last verdicts are waited for after the last reading was sent.
	verdictPatience = 30 * time.Second
	maxWaitingKeys  = 1 << 20
)

// waits holds the segments that were sent and whose verdict was not seen, by device.
type waits struct {
	mu      sync.Mutex
	sent    map[string][]sentSegment
	pending int
	latency Histogram
	timed   uint64
	changed chan struct{}
}

type sentSegment struct {
	seq      uint64
	at       time.Time
	readings int
}

func newWaits() *waits {
	return &waits{sent: map[string][]sentSegment{}, changed: make(chan struct{}, 1)}
}

var errBacklog = errors.New("WB_BENCH: more segments wait for their verdicts than can be kept: the scorer does not keep up at all")

// add notes a segment at the moment of its sending.
func (w *waits) add(key segmentKey, readings int, at time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pending >= maxWaitingKeys {
		return errBacklog
	}
	w.sent[key.device] = append(w.sent[key.device], sentSegment{key.seq, at, readings})
	w.pending++
	return nil
}

// seen notes that a verdict on the ledger rests on the device's segments up to last.
func (w *waits) seen(device string, last uint64, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.sent[device]
	n := 0
	for n < len(list) && list[n].seq <= last {
		w.latency.Add(at.Sub(list[n].at), list[n].readings)
		w.timed++
		n++
	}
	if n == 0 {
		return
	}
	w.sent[device] = list[n:]
	w.pending -= n
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// left counts the segments without a verdict and their readings.
func (w *waits) left() (segments int, readings uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, list := range w.sent {
		for _, s := range list {
			readings += uint64(max(s.readings, 0))
		}
	}
	return w.pending, readings
}

// shipmentOf is the pallet that logger n of a run watches over.
func shipmentOf(run uint64, n int) string {
	return "https://id.gs1.org/00/" + gs1Digits(fmt.Sprintf("3952114%05d%05d", run%100_000, n))
}

// benchProduct is what the bench's pallets hold: a GTIN of GS1's range for demonstrations.
func benchProduct() string { return "https://id.gs1.org/01/0" + gs1Digits("952114100099") }

// bind puts a product and a logger on each pallet, which are numbered from first on.
func (b *bench) bind(ctx context.Context, first int, loggers []*Logger, at time.Time) error {
	conn, err := b.cfg.Dial(profile.IdentityCompany)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing is under way any more
	list := &waybillv1.EventList{}
	for n, l := range loggers {
		i := first + n
		stamp, pallet := at.UTC().Format("2006-01-02T15:04:05.000Z07:00"), shipmentOf(b.run, i)
		for _, body := range [][]byte{
			fmt.Appendf(nil, `{"type":"AggregationEvent","eventTime":%q,"eventTimeZoneOffset":"+00:00","parentID":%q,`+
				`"childEPCs":["%s/21/%x.%d"],"action":"ADD","bizStep":"packing"}`, stamp, pallet, benchProduct(), b.run, i),
			fmt.Appendf(nil, `{"type":"AssociationEvent","eventTime":%q,"eventTimeZoneOffset":"+00:00","parentID":%q,`+
				`"childEPCs":[%q],"action":"ADD","bizStep":"installing"}`, stamp, pallet, l.ID),
		} {
			hash, bad := hashOf(body)
			if bad != nil {
				return bad
			}
			b.events.Sent(hash, 1)
			list.Events = append(list.Events, body)
		}
	}
	callCtx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := waybillv1.NewCaptureServiceClient(conn).CaptureEvents(callCtx, &waybillv1.CaptureEventsRequest{
		Source: &waybillv1.CaptureEventsRequest_Events{Events: list},
	})
	if err != nil {
		return fmt.Errorf("binding loggers: %w", err)
	}
	for _, r := range answer.GetResults() {
		if r.GetStatus() != waybillv1.AnswerStatus_ANSWER_STATUS_RECORDED {
			return fmt.Errorf("binding loggers: event %d: %s: %s", r.GetIndex(), r.GetCode(), r.GetMessage())
		}
	}
	return nil
}

// setPolicy registers the policy of the bench's product: it asks for no least time between two
// verdicts, so that each segment is judged.
func (b *bench) setPolicy(ctx context.Context) error {
	conn, err := b.cfg.Dial(profile.IdentityRegistrar)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing is under way any more
	callCtx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := waybillv1.NewPolicyServiceClient(conn).SetPolicies(callCtx, &waybillv1.SetPoliciesRequest{Policies: []*waybillv1.Policy{{
		Id: "waybill-bench", Version: 1, Products: []string{benchProduct()}, Low: 2000, High: 8000, ExcursionLow: 0, ExcursionHigh: 15000,
		ExcursionFor: durationpb.New(24 * time.Hour), Grace: durationpb.New(30 * time.Minute),
	}}})
	if err != nil {
		return fmt.Errorf("setting the policy: %w", err)
	}
	for _, r := range answer.GetResults() {
		if r.GetStatus() == waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED {
			return fmt.Errorf("setting the policy: %s: %s", r.GetCode(), r.GetMessage())
		}
	}
	return nil
}

// gateway is one IoT gateway under an open load: it sends on schedule, whether answers have come or not.
type gateway struct {
	client   waybillv1.TelemetryServiceClient
	loggers  []*Logger
	readings int
	// pace gives the moment at which this gateway's next segment is due, waiting for it; false: there is none.
	pace  func(ctx context.Context, n int) (due time.Time, more bool, err error)
	tally *Tally[segmentKey]
	// sent hears of each segment at the moment of its sending.
	sent func(key segmentKey, readings int, due time.Time) error
}

// schedule paces a gateway by the clock, one segment each interval for a while.
func schedule(start time.Time, offset, every, d time.Duration) func(ctx context.Context, n int) (time.Time, bool, error) {
	return func(ctx context.Context, n int) (time.Time, bool, error) {
		due := start.Add(offset + time.Duration(n)*every)
		if due.Sub(start) >= d {
			return due, false, nil
		}
		return due, true, sleepUntil(ctx, due)
	}
}

// push sends segments at its pace, then waits for the answers. Lateness counts against the system: a segment's time
// begins when it was due.
func (g *gateway) push(ctx context.Context) (p piece, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := g.client.PushSegments(ctx)
	if err != nil {
		return p, err
	}
	var mu sync.Mutex
	var keys []segmentKey
	sent := make(chan error, 1)
	go func() {
		sent <- func() error {
			for n := 0; ; n++ {
				due, more, err := g.pace(ctx, n)
				if err != nil {
					return err
				}
				if !more {
					return stream.CloseSend()
				}
				key, signed, err := signedSegment(g.loggers[n%len(g.loggers)], g.readings)
				if err != nil {
					return err
				}
				g.tally.Sent(key, g.readings)
				if err := g.sent(key, g.readings, due); err != nil {
					return err
				}
				mu.Lock()
				keys = append(keys, key)
				mu.Unlock()
				req := &waybillv1.PushSegmentsRequest{Segments: []*waybillv1.SignedSegment{{Payload: signed.Payload, Signature: signed.Signature}}}
				if err := stream.Send(req); err != nil {
					if errors.Is(err, io.EOF) {
						return nil // the receiving side learns the reason
					}
					return err
				}
			}
		}()
	}()
	for answered := 0; ; {
		answer, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return p, <-sent
		}
		if err != nil {
			cancel()
			return p, errors.Join(err, <-sent)
		}
		for _, r := range answer.GetResults() {
			mu.Lock()
			ok := answered < len(keys)
			var key segmentKey
			if ok {
				key = keys[answered]
			}
			mu.Unlock()
			if !ok {
				return p, fmt.Errorf("%w: more answers than segments", ErrProtocol)
			}
			answered++
			if r.GetStatus() == waybillv1.AnswerStatus_ANSWER_STATUS_RECORDED {
				g.tally.Acked(key)
				p.records += g.readings
				continue
			}
			g.tally.Failed(key)
			p.failed += g.readings
			if p.why == nil {
				p.why = fmt.Errorf("%s %s: %s", r.GetStatus(), r.GetCode(), r.GetMessage())
			}
		}
	}
}

func sleepUntil(ctx context.Context, at time.Time) error {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// watch notes each verdict as a dashboard hears of it, which is after its block was read and stored.
func watch(ctx context.Context, client waybillv1.VerdictServiceClient, w *waits, opened chan<- struct{}) error {
	stream, err := client.WatchVerdicts(ctx, &waybillv1.WatchVerdictsRequest{OnlyNew: true})
	if err != nil {
		return err
	}
	if _, err := stream.Header(); err != nil {
		return err
	}
	close(opened)
	for {
		r, err := stream.Recv()
		if err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // the watch is over
			}
			return fmt.Errorf("watching verdicts: %w", err)
		}
		now := time.Now()
		for _, s := range r.GetVerdict().GetSegments() {
			w.seen(s.GetDevice(), s.GetLast(), now)
		}
	}
}

// MeasureVerdict finds the sustained rate of readings, then offers half of it and measures the time from the
// sending of a reading to the moment a dashboard hears of the verdict that rests on it.
func MeasureVerdict(ctx context.Context, cfg Config) (result *Result, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b, err := newBench(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	if err = b.naiveClient(profile.IdentityGateway); err != nil {
		return nil, err
	}
	conns, closeAll, err := b.conns(profile.IdentityGateway, min(b.cfg.Clients, 4))
	if err != nil {
		return nil, err
	}
	defer closeAll()
	// Half of the time finds the rate, half measures at half of it.
	whole := b.cfg.Seconds
	b.cfg.Seconds = max(whole/2, b.cfg.Rounds)
	way, naive, err := b.readingSenders(ctx, conns)
	if err != nil {
		return nil, err
	}
	var found measured
	if err = b.alternate(ctx, naive, way, &found); err != nil {
		return nil, err
	}
	sustained := rate(found.way.records, found.way.elapsed)
	if sustained <= 0 {
		return nil, fmt.Errorf("%w: no readings were recorded", ErrConfig)
	}
	w := newWaits()
	offered, err := b.offer(ctx, conns, sustained/2, time.Duration(max(whole-b.cfg.Seconds, 1))*time.Second, w)
	if err != nil {
		return nil, err
	}
	segments, readings := w.left()
	found.warmWay.add(found.way) // its rate is not what is told
	m := &measured{way: offered, naive: found.naive, rounds: found.rounds, warmWay: found.warmWay, warmNaive: found.warmNaive}
	result, err = b.result(ctx, Verdict, m, func(tx wire.Transaction) bool { return len(tx.Verdicts) > 0 })
	if err != nil {
		return nil, err
	}
	result.P50MS, result.P99MS, result.MaxMS = millis(w.latency.Quantile(0.5)), millis(w.latency.Quantile(0.99)), millis(w.latency.Max())
	result.SustainedPerS, result.Verdicts = sustained, w.timed
	if segments > 0 {
		result.Failed += readings
		if result.FirstError == "" {
			result.FirstError = fmt.Sprintf("%d segments had no verdict %s after the last was sent", segments, verdictPatience)
		}
	}
	load, naiveLoad := b.readingsLoad()
	result.Load, result.Naive.Load = load+", each logger bound to a pallet, at half the sustained rate", naiveLoad
	return result, nil
}

// offer sends readings at a rate for a while, each logger bound to a pallet, and waits for the verdicts.
func (b *bench) offer(ctx context.Context, conns []*grpc.ClientConn, readingsPerSecond float64, d time.Duration, w *waits) (stretch, error) {
	// Loggers of their own, numbered beyond all others, in as many gateways as before.
	first := (b.cfg.Clients + b.cfg.NaiveClients*(1+spareLoggers)) * b.cfg.Loggers
	start := b.begun.Add(-365 * 24 * time.Hour)
	var all []*Logger
	for i := range b.cfg.Clients * b.cfg.Loggers {
		all = append(all, NewLogger(b.run, first+i, start, time.Second))
	}
	conn, err := b.cfg.Dial(profile.IdentityRegistrar)
	if err != nil {
		return stretch{}, err
	}
	defer conn.Close() //nolint:errcheck // nothing is under way any more
	if err = registerLoggers(ctx, conn, all); err != nil {
		return stretch{}, err
	}
	if err = errors.Join(b.setPolicy(ctx), b.bind(ctx, 0, all, start.Add(-time.Second))); err != nil {
		return stretch{}, err
	}
	viewer, err := b.cfg.Dial(profile.IdentityDashboard)
	if err != nil {
		return stretch{}, err
	}
	defer viewer.Close() //nolint:errcheck // nothing is under way any more
	watchCtx, stopWatch := context.WithCancel(ctx)
	defer stopWatch()
	opened, watching := make(chan struct{}), make(chan error, 1)
	go func() { watching <- watch(watchCtx, waybillv1.NewVerdictServiceClient(viewer), w, opened) }()
	select {
	case <-opened:
	case err = <-watching:
		return stretch{}, err
	case <-ctx.Done():
		return stretch{}, context.Cause(ctx)
	}
	every := time.Duration(math.Round(float64(b.cfg.Readings*b.cfg.Clients) / readingsPerSecond * float64(time.Second)))
	b.cfg.Say(fmt.Sprintf("offering %s readings/s for %s", grouped(readingsPerSecond), d))
	cpu := cpuByProgram()
	begun := time.Now()
	pieces, errs := make([]piece, b.cfg.Clients), make([]error, b.cfg.Clients)
	var wg sync.WaitGroup
	for i := range b.cfg.Clients {
		g := &gateway{
			client: waybillv1.NewTelemetryServiceClient(conns[i%len(conns)]), loggers: all[i*b.cfg.Loggers : (i+1)*b.cfg.Loggers], readings: b.cfg.Readings,
			pace: schedule(begun, every*time.Duration(i)/time.Duration(b.cfg.Clients), every, d), tally: b.segments, sent: w.add,
		}
		wg.Go(func() { pieces[i], errs[i] = g.push(ctx) })
	}
	wg.Wait()
	s := stretch{elapsed: time.Since(begun)}
	for _, p := range pieces {
		s.records += uint64(max(p.records, 0))
		s.failed += uint64(max(p.failed, 0))
		if s.why == nil {
			s.why = p.why
		}
	}
	if err = errors.Join(errs...); err != nil {
		return s, err
	}
	err = b.awaitVerdicts(ctx, w, watching)
	s.cpu = cpuSince(cpu)
	return s, err
}

// awaitVerdicts waits until every segment has its verdict, or until patience ends, which is no error: what is left is counted.
func (b *bench) awaitVerdicts(ctx context.Context, w *waits, watching <-chan error) error {
	patience := time.NewTimer(verdictPatience)
	defer patience.Stop()
	for {
		if left, _ := w.left(); left == 0 {
			return nil
		}
		select {
		case err := <-watching:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-patience.C:
			return nil
		case <-w.changed:
		}
	}
}
