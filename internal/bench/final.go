package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"google.golang.org/grpc"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/profile"
)

// Final is the kind of a run that measures the time from a reading's arrival to the final verdict of several scorers.
const Final Kind = "final"

const (
	// finalReadings and finalLoggers are this kind's defaults: many shipments with few windows each.
	finalReadings = 60
	finalLoggers  = 64
	// outstanding is how many windows wait for their final verdict while the most that is reached is looked for.
	outstanding   = 300
	finalPatience = 60 * time.Second
	bindBatch     = 200
	tenths        = 10
)

// FinalConfig says what to measure. Of Config, Rounds, NaiveClients and Records have no meaning.
type FinalConfig struct {
	Config
	// Rules bring the network under the rules of scoring, where it is not; nil: it is.
	Rules func(ctx context.Context) error
	// Offered is the load in windows a second; 0: half of the most that is reached, which is measured first.
	Offered float64
}

// MeasureFinal finds the most final verdicts a second, then offers half of that load and measures the time from the
// call that hands a segment over to the verified block that makes the verdict on it final. It fails with ErrNotReady where
// that cannot be.
func MeasureFinal(ctx context.Context, cfg FinalConfig) (result *FinalResult, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if cfg.Loggers == 0 {
		cfg.Loggers = finalLoggers
	}
	if cfg.Readings == 0 {
		cfg.Readings = finalReadings
	}
	if cfg.Clients == 0 {
		cfg.Clients = 8
	}
	b, err := newBench(ctx, cfg.Config)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	if cfg.Rules != nil {
		if err = cfg.Rules(ctx); err != nil {
			return nil, err
		}
	} else if err = readyForFinals(ctx, b.reader); err != nil {
		return nil, err
	}
	conns, closeAll, err := b.conns(profile.IdentityGateway, min(b.cfg.Clients, 4))
	if err != nil {
		return nil, err
	}
	defer closeAll()
	loggers, err := b.shipments(ctx)
	if err != nil {
		return nil, err
	}
	f := newFinals(loggers, b.run)
	watching := make(chan error, 1)
	go func() { watching <- f.watch(ctx, b) }()
	run := finalRun{b: b, finals: f, conns: conns, loggers: loggers, watching: watching}

	result = &FinalResult{Bench: Final, Machine: ThisMachine(), Offered: cfg.Offered}
	whole := time.Duration(b.cfg.Seconds) * time.Second
	if result.Offered == 0 {
		if err = run.saturate(ctx, whole/2, result); err != nil {
			return nil, err
		}
		whole /= 2
	}
	if err = run.offer(ctx, whole, result); err != nil {
		return nil, err
	}
	return result, run.check(ctx, result)
}

// shipments makes the loggers, each bound to a pallet of its own.
func (b *bench) shipments(ctx context.Context) ([]*Logger, error) {
	start := b.begun.Add(-365 * 24 * time.Hour)
	var all []*Logger
	for i := range b.cfg.Clients * b.cfg.Loggers {
		all = append(all, NewLogger(b.run, i, start, time.Minute))
	}
	conn, err := b.cfg.Dial(profile.IdentityRegistrar)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // nothing is under way any more
	b.cfg.Say(fmt.Sprintf("registering and binding %d loggers", len(all)))
	if err = errors.Join(registerLoggers(ctx, conn, all), b.setPolicy(ctx)); err != nil {
		return nil, err
	}
	for first := 0; first < len(all); first += bindBatch {
		if err = b.bind(ctx, first, all[first:min(first+bindBatch, len(all))], start.Add(-time.Second)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// finalRun is the two stretches of a run.
type finalRun struct {
	b        *bench
	finals   *finals
	conns    []*grpc.ClientConn
	loggers  []*Logger
	watching <-chan error
}

// saturate keeps so many windows waiting and counts what becomes final.
func (r *finalRun) saturate(ctx context.Context, d time.Duration, result *FinalResult) error {
	r.b.cfg.Say(fmt.Sprintf("looking for the most: %d windows under way for %s", outstanding, d))
	until := time.Now().Add(d)
	room := make(chan struct{}, outstanding)
	r.finals.begin(func() { <-room })
	begun := time.Now()
	if err := r.push(ctx, func(int) func(context.Context, int) (time.Time, bool, error) {
		return func(ctx context.Context, _ int) (time.Time, bool, error) {
			timer := time.NewTimer(time.Until(until))
			defer timer.Stop()
			select {
			case room <- struct{}{}:
				return time.Now(), time.Now().Before(until), nil
			case <-timer.C:
				return time.Time{}, false, nil
			case <-ctx.Done():
				return time.Time{}, false, context.Cause(ctx)
			}
		}
	}, result); err != nil {
		return err
	}
	// The first third fills what waits and warms up.
	result.MostPerS = round1(r.finals.rate(begun.Add(d/3), until))
	for i := range time.Duration(tenths) {
		result.Course = append(result.Course, round1(r.finals.rate(begun.Add(i*d/tenths), begun.Add((i+1)*d/tenths))))
	}
	if err := r.drain(ctx); err != nil {
		return err
	}
	if result.MostPerS <= 0 {
		return fmt.Errorf("%w: none did: %s", ErrNotReady, r.finals.stuck())
	}
	result.Offered = round1(result.MostPerS / 2)
	result.Saturated = r.finals.stages()
	r.b.cfg.Say(fmt.Sprintf("%.1f final verdicts/s at most", result.MostPerS))
	return nil
}

// offer sends segments by the clock and measures.
func (r *finalRun) offer(ctx context.Context, d time.Duration, result *FinalResult) error {
	r.b.cfg.Say(fmt.Sprintf("offering %.1f windows/s for %s", result.Offered, d))
	r.finals.begin(func() {})
	every := time.Duration(math.Round(float64(r.b.cfg.Clients) / result.Offered * float64(time.Second)))
	begun, cpu := time.Now(), cpuByProgram()
	if err := r.push(ctx, func(i int) func(context.Context, int) (time.Time, bool, error) {
		return schedule(begun, every*time.Duration(i)/time.Duration(r.b.cfg.Clients), every, d)
	}, result); err != nil {
		return err
	}
	result.Seconds = round1(time.Since(begun).Seconds())
	if err := r.drain(ctx); err != nil {
		return err
	}
	r.finals.tell(result)
	result.CPU = cpuOf(stretch{records: result.Finals, cpu: cpuSince(cpu)})
	return nil
}

// push has each gateway send at its pace.
func (r *finalRun) push(ctx context.Context, pace func(i int) func(context.Context, int) (time.Time, bool, error), result *FinalResult) error {
	n := r.b.cfg.Loggers
	pieces, errs := make([]piece, r.b.cfg.Clients), make([]error, r.b.cfg.Clients)
	var wg sync.WaitGroup
	for i := range r.b.cfg.Clients {
		g := &gateway{
			client: waybillv1.NewTelemetryServiceClient(r.conns[i%len(r.conns)]), loggers: r.loggers[i*n : (i+1)*n], readings: r.b.cfg.Readings,
			pace: pace(i), tally: r.b.segments, sent: r.finals.sent,
		}
		wg.Go(func() { pieces[i], errs[i] = g.push(ctx) })
	}
	wg.Wait()
	for _, p := range pieces {
		result.Readings += uint64(max(p.records, 0))
		result.Failed += uint64(max(p.failed, 0))
		if p.why != nil && result.FirstError == "" {
			result.FirstError = p.why.Error()
		}
	}
	return errors.Join(errs...)
}

// drain waits until every window that was sent has its final verdict, or until patience ends, which is no error.
func (r *finalRun) drain(ctx context.Context) error {
	patience := time.NewTimer(finalPatience)
	defer patience.Stop()
	for r.finals.left() > 0 {
		select {
		case err := <-r.watching:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-patience.C:
			return nil
		case <-r.finals.changed:
		}
	}
	return nil
}

// check holds the ledger against what was sent.
func (r *finalRun) check(ctx context.Context, result *FinalResult) error {
	height, err := r.b.stream.Height(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	h, err := readLedger(ctx, r.b.stream, r.b.from, height, r.b.events, r.b.segments, scores)
	if err != nil {
		return err
	}
	balance := r.b.segments.Balance()
	result.Lost, result.Doubled = balance.Lost, balance.Doubled
	result.Transactions, result.Blocks, result.Invalid = h.transactions, h.blocks, h.invalid
	result.Load = fmt.Sprintf("%d gateways of %d loggers, each logger bound to a pallet, signed segments of %d readings, a window each, public gRPC API; "+
		"four scorers, each a process", r.b.cfg.Clients, r.b.cfg.Loggers, r.b.cfg.Readings)
	return nil
}

// scores reports whether a transaction did something with tasks.
func scores(tx wire.Transaction) bool {
	s := tx.Scoring
	return len(s.Tasks)+len(s.Commitments)+len(s.Closings)+len(s.Reveals)+len(s.Provisionals)+len(s.Settlements) > 0
}

// span is the moments of one window's way.
type span struct {
	sent, recorded, opened, committed, closed, revealed, final time.Time
	task                                                       ledger.Digest
}

// finals follows the verified blocks and times each window.
type finals struct {
	shipments map[string]string // device of a shipment
	changed   chan struct{}

	mu      sync.Mutex
	spans   map[segmentKey]*span
	tasks   map[ledger.Digest]*taskSpan
	waiting int
	done    []time.Time
	timed   []*span
	alone   uint64
	free    func()
	by      map[string]uint64
}

type taskSpan struct {
	*span
	panel, commits, committed, reveals int
}

func newFinals(loggers []*Logger, run uint64) *finals {
	f := &finals{
		shipments: map[string]string{}, changed: make(chan struct{}, 1), spans: map[segmentKey]*span{}, tasks: map[ledger.Digest]*taskSpan{},
		free: func() {}, by: map[string]uint64{},
	}
	for i, l := range loggers {
		f.shipments[shipmentOf(run, i)] = l.ID
	}
	return f
}

// begin starts over with counting; freed hears of each window that is final.
func (f *finals) begin(freed func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.done, f.timed, f.by, f.free = nil, nil, map[string]uint64{}, freed
}

func (f *finals) sent(key segmentKey, _ int, due time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.spans) >= maxWaitingKeys {
		return errBacklog
	}
	f.spans[key] = &span{sent: due}
	f.waiting++
	return nil
}

func (f *finals) left() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.waiting
}

// rate is final verdicts a second in a stretch of time.
func (f *finals) rate(from, until time.Time) float64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, at := range f.done {
		if !at.Before(from) && at.Before(until) {
			n++
		}
	}
	return float64(n) / until.Sub(from).Seconds()
}

// watch reads verified blocks as they come.
func (f *finals) watch(ctx context.Context, b *bench) error {
	from, err := b.stream.Height(ctx)
	if err != nil {
		return err
	}
	for block, err := range b.stream.Blocks(ctx, from) {
		if ctx.Err() != nil {
			return nil // the run is over
		}
		if err != nil {
			return fmt.Errorf("watching blocks: %w", err)
		}
		now := time.Now()
		for _, tx := range block.Transactions {
			if !tx.Valid || tx.Event == nil {
				continue
			}
			recorded, err := wire.ReadTransaction(tx.Event, writesOf(tx))
			if err != nil {
				return fmt.Errorf("transaction %s: %w", tx.ID, err)
			}
			f.follow(recorded, now)
		}
	}
	return nil
}

func (f *finals) follow(tx wire.Transaction, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range tx.Segments {
		if one := f.spans[segmentKey{s.Segment.Device, s.Segment.Seq}]; one != nil {
			one.recorded = now
		}
	}
	for _, t := range tx.Scoring.Tasks {
		if one := f.spans[f.key(t.Statement.Shipment, t.Statement.Window)]; one != nil {
			one.opened, one.task = now, t.ID
			f.tasks[t.ID] = &taskSpan{span: one, panel: len(t.Panel)}
		}
	}
	for _, c := range tx.Scoring.Commitments {
		if t := f.tasks[c.Task]; t != nil {
			if t.commits++; t.commits == t.panel {
				t.span.committed = now
			}
		}
	}
	for _, c := range tx.Scoring.Closings {
		if t := f.tasks[c.Task]; t != nil {
			t.closed, t.committed = now, len(c.Committed)
		}
	}
	for _, v := range tx.Scoring.Reveals {
		if t := f.tasks[v.Task]; t != nil {
			if t.reveals++; t.reveals == t.committed {
				t.revealed = now
			}
		}
	}
	for _, v := range tx.Scoring.Finals {
		f.final(v, now)
	}
	if len(tx.Scoring.Finals) == 0 {
		f.alone += uint64(len(tx.Verdicts))
	}
}

// key is the segment that closes a window: each makes one, in their order.
func (f *finals) key(shipment string, window uint32) segmentKey {
	return segmentKey{f.shipments[shipment], uint64(window)}
}

func (f *finals) final(v ledger.FinalVerdict, now time.Time) {
	key := f.key(v.Shipment, v.Window)
	one := f.spans[key]
	if one == nil {
		return
	}
	one.final = now
	delete(f.spans, key)
	delete(f.tasks, v.Task)
	f.waiting--
	f.done, f.timed = append(f.done, now), append(f.timed, one)
	f.by[v.By.String()]++
	f.free()
	select {
	case f.changed <- struct{}{}:
	default:
	}
}
