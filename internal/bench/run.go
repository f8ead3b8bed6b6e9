package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/blocks"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/profile"
)

// Dialer makes a connection to the organisation's API as one of its identities.
type Dialer func(identity string) (*grpc.ClientConn, error)

// Config says what to measure and how long. Zero fields take their defaults.
type Config struct {
	// Profile is of the organisation whose API and peers are used; Dial reaches its API. Both are needed.
	Profile *profile.Profile
	Dial    Dialer
	// Seconds is the time of load, warm-up apart, a third of it the naive way's; default 36.
	Seconds int
	// Records ends the measured way early once so many are recorded; 0: never.
	Records uint64
	// Rounds are the turns that the two ways take, so that the machine's moods meet both; default 3.
	Rounds int
	// Clients is how many of the measured way write at once, default 32 companies or 16 gateways;
	// NaiveClients how many of the naive one, default 128.
	Clients, NaiveClients int
	// Events is how many events a captured document holds, default 250.
	Events int
	// Loggers is how many loggers each gateway has, default 8; Readings how many readings a segment, default 1,000.
	Loggers, Readings int
	// Say hears of each step, a line each. It may be nil.
	Say func(string)
}

const (
	defaultSeconds      = 36
	defaultRounds       = 3
	defaultCompanies    = 32
	defaultGateways     = 16
	defaultNaiveClients = 128
	defaultEvents       = 250
	defaultLoggers      = 8
	defaultReadings     = 1000
	warmUp              = 3 * time.Second
	// spare loggers for each naive client, one of which it uses up when a transaction fails.
	spareLoggers = 4
	catchUp      = 2 * time.Minute
)

// ErrConfig says that a run cannot be made as asked.
var ErrConfig = errors.New("WB_BENCH_CONFIG")

// Check says which number of a run is out of its bounds, without a code: a caller may ask before anything is started.
func (c Config) Check() error { return c.numbers() }

// numbers gives zero fields their defaults and holds all of them to their bounds.
func (c *Config) numbers() error {
	for _, n := range []struct {
		name    string
		v       *int
		d, most int
	}{
		{"seconds", &c.Seconds, defaultSeconds, 24 * 3600},
		{"rounds", &c.Rounds, defaultRounds, 100},
		{"clients", &c.Clients, defaultGateways, 1000},
		{"naive clients", &c.NaiveClients, defaultNaiveClients, 400},
		{"events", &c.Events, defaultEvents, ledger.MaxBatchEvents},
		{"loggers", &c.Loggers, defaultLoggers, 1000},
		{"readings", &c.Readings, defaultReadings, ledger.MaxSegmentReadings},
	} {
		if *n.v == 0 {
			*n.v = n.d
		}
		if *n.v < 1 || *n.v > n.most {
			return fmt.Errorf("%s: %d is not from 1 to %d", n.name, *n.v, n.most)
		}
	}
	return nil
}

func (c Config) withDefaults() (Config, error) {
	if c.Say == nil {
		c.Say = func(string) {}
	}
	if c.Profile == nil || c.Dial == nil {
		return c, fmt.Errorf("%w: no profile or no way to dial", ErrConfig)
	}
	if err := c.numbers(); err != nil {
		return c, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return c, nil
}

// bench is one run's state.
type bench struct {
	cfg      Config
	run      uint64 // tells this run's load from that of others
	naive    *fabric.Client
	reader   *fabric.Client
	stream   *blocks.Stream
	from     uint64 // the ledger's height at the start
	events   *Tally[ledger.Digest]
	log      *eventLog
	segments *Tally[segmentKey]
	begun    time.Time
}

func newBench(ctx context.Context, cfg Config) (*bench, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	b := &bench{
		cfg: cfg, run: rand.Uint64N(1 << 40), events: NewTally[ledger.Digest](), segments: NewTally[segmentKey](), begun: time.Now(), //nolint:gosec // a name, not a secret
	}
	b.log = &eventLog{tally: b.events}
	if b.reader, err = fabric.Dial(cfg.Profile, profile.IdentityDashboard, fabric.Options{}); err != nil {
		return nil, err
	}
	if b.stream, err = blocks.Open(cfg.Profile, b.reader, blocks.Options{}); err != nil {
		return nil, errors.Join(err, b.close())
	}
	if b.from, err = b.stream.Height(ctx); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (b *bench) close() error {
	var errs []error
	for _, c := range []*fabric.Client{b.naive, b.reader} {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}

// conns makes n connections, so that one connection's flow control is not what is measured.
func (b *bench) conns(identity string, n int) ([]*grpc.ClientConn, func(), error) {
	var out []*grpc.ClientConn
	closeAll := func() {
		for _, c := range out {
			_ = c.Close() // nothing is under way any more
		}
	}
	for range n {
		c, err := b.cfg.Dial(identity)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		out = append(out, c)
	}
	return out, closeAll, nil
}

// naiveClient is the Fabric client of the naive way, which holds no more than one peer's gateway service allows.
func (b *bench) naiveClient(identity string) (err error) {
	b.naive, err = fabric.Dial(b.cfg.Profile, identity, fabric.Options{OwnPeersOnly: true})
	return err
}

// measured is what alternating rounds came to.
type measured struct {
	way, naive         stretch
	latency, naiveTime Histogram
	rounds             []Round
	// warmWay and warmNaive are load whose rate does not count, but whose failures do.
	warmWay, warmNaive stretch
}

// alternate lets the naive and the measured way take turns, after a warm-up of both.
func (b *bench) alternate(ctx context.Context, naive, way []sender, m *measured) error {
	var cold Histogram
	b.cfg.Say(fmt.Sprintf("warming up: %s of each way", warmUp))
	for _, w := range []struct {
		senders []sender
		to      *stretch
	}{{naive, &m.warmNaive}, {way, &m.warmWay}} {
		s, err := run(ctx, w.senders, warmUp, &cold)
		if err != nil {
			return err
		}
		w.to.add(s)
	}
	total := time.Duration(b.cfg.Seconds) * time.Second
	for i := range b.cfg.Rounds {
		slow, err := run(ctx, naive, total/3/time.Duration(b.cfg.Rounds), &m.naiveTime)
		if err != nil {
			return err
		}
		fast, err := run(ctx, way, total*2/3/time.Duration(b.cfg.Rounds), &m.latency)
		if err != nil {
			return err
		}
		m.naive.add(slow)
		m.way.add(fast)
		round := Round{RatePerS: rate(fast.records, fast.elapsed), NaiveRatePerS: rate(slow.records, slow.elapsed)}
		m.rounds = append(m.rounds, round)
		b.cfg.Say(fmt.Sprintf("round %d of %d: naive %s/s, through the API %s/s", i+1, b.cfg.Rounds, grouped(round.NaiveRatePerS), grouped(round.RatePerS)))
		if b.cfg.Records > 0 && m.way.records >= b.cfg.Records {
			break
		}
	}
	return nil
}

// result fills what every kind of run has in common, and checks the ledger.
func (b *bench) result(ctx context.Context, kind Kind, m *measured, counted func(wire.Transaction) bool) (*Result, error) {
	r := &Result{
		Bench: kind, Records: m.way.records, Seconds: round1(m.way.elapsed.Seconds()), RatePerS: rate(m.way.records, m.way.elapsed),
		NaiveRatePerS: rate(m.naive.records, m.naive.elapsed), P50MS: millis(m.latency.Quantile(0.5)), P99MS: millis(m.latency.Quantile(0.99)),
		MaxMS: millis(m.latency.Max()), Machine: ThisMachine(), Rounds: m.rounds,
		Naive: Way{
			Records: m.naive.records, Seconds: round1(m.naive.elapsed.Seconds()), RatePerS: rate(m.naive.records, m.naive.elapsed),
			P50MS: millis(m.naiveTime.Quantile(0.5)), P99MS: millis(m.naiveTime.Quantile(0.99)), Failed: m.naive.failed + m.warmNaive.failed,
			CPU: cpuOf(m.naive),
		},
		CPU: cpuOf(m.way),
	}
	if r.NaiveRatePerS > 0 {
		r.Ratio = round1(r.RatePerS / r.NaiveRatePerS)
	}
	if why := cmp.Or(m.warmWay.why, m.way.why); why != nil {
		r.FirstError = why.Error()
	} else if why := cmp.Or(m.warmNaive.why, m.naive.why); why != nil {
		r.FirstError = "the naive way: " + why.Error()
	}
	if err := b.log.settle(); err != nil {
		return nil, err
	}
	height, err := b.stream.Height(ctx)
	if err != nil {
		return nil, err
	}
	b.cfg.Say(fmt.Sprintf("reading blocks %d to %d", b.from, height-1))
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	h, err := readLedger(ctx, b.stream, b.from, height, b.events, b.segments, counted)
	if err != nil {
		return nil, err
	}
	events, segments := b.events.Balance(), b.segments.Balance()
	r.Transactions, r.Blocks = h.transactions, h.blocks
	r.Check = events
	if kind != Capture {
		// The events of such a run only bind loggers; their balance must be even all the same.
		r.Check = segments
		r.Check.Lost += events.Lost
		r.Check.Doubled += events.Doubled
		r.Check.Foreign += events.Foreign
	} else {
		r.Check.Foreign += segments.Foreign
	}
	r.Failed, r.Lost, r.Doubled = m.way.failed+m.warmWay.failed, r.Check.Lost, r.Check.Doubled
	return r, nil
}

// MeasureCapture measures how many events a second the API records.
func MeasureCapture(ctx context.Context, cfg Config) (result *Result, err error) {
	cfg.Clients = cmp.Or(cfg.Clients, defaultCompanies)
	b, err := newBench(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	if err = b.naiveClient(profile.IdentityCompany); err != nil {
		return nil, err
	}
	conns, closeAll, err := b.conns(profile.IdentityCompany, min(b.cfg.Clients, 4))
	if err != nil {
		return nil, err
	}
	defer closeAll()
	start := b.begun.Add(-24 * time.Hour)
	var way, naive []sender
	for i := range b.cfg.Clients {
		client := waybillv1.NewCaptureServiceClient(conns[i%len(conns)])
		way = append(way, captureSender(client, NewEventLoad(b.run, i, start), b.cfg.Events, b.log))
	}
	for i := range b.cfg.NaiveClients {
		naive = append(naive, naiveEventSender(b.naive, NewEventLoad(b.run, b.cfg.Clients+i, start), b.log))
	}
	var m measured
	if err = b.alternate(ctx, naive, way, &m); err != nil {
		return nil, err
	}
	result, err = b.result(ctx, Capture, &m, func(tx wire.Transaction) bool { return len(tx.Events) > 1 })
	if err != nil {
		return nil, err
	}
	result.Load = fmt.Sprintf("%d companies, each capturing documents of %d ObjectEvents of 0.5 kB (%d steps of a pallet one after the other), public gRPC API", b.cfg.Clients, b.cfg.Events, len(steps()))
	result.Naive.Load = fmt.Sprintf("the same events, one a transaction, %d clients straight to the peer's gateway", b.cfg.NaiveClients)
	return result, nil
}

// readingLoads makes the loggers of a run, registered: those of the measured way by gateway, then those of each naive client.
func (b *bench) readingLoads(ctx context.Context) (gateways, naive [][]*Logger, err error) {
	start := b.begun.Add(-365 * 24 * time.Hour)
	next := 0
	some := func(n int, step time.Duration) []*Logger {
		out := make([]*Logger, n)
		for i := range out {
			out[i] = NewLogger(b.run, next, start, step)
			next++
		}
		return out
	}
	var all []*Logger
	for range b.cfg.Clients {
		loggers := some(b.cfg.Loggers, time.Second)
		gateways, all = append(gateways, loggers), append(all, loggers...)
	}
	for range b.cfg.NaiveClients {
		loggers := some(1+spareLoggers, time.Second)
		naive, all = append(naive, loggers), append(all, loggers...)
	}
	conn, err := b.cfg.Dial(profile.IdentityRegistrar)
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close() //nolint:errcheck // nothing is under way any more
	b.cfg.Say(fmt.Sprintf("registering %d loggers", len(all)))
	return gateways, naive, registerLoggers(ctx, conn, all)
}

// readingSenders makes the senders of both ways.
func (b *bench) readingSenders(ctx context.Context, conns []*grpc.ClientConn) (way, naive []sender, err error) {
	gateways, alone, err := b.readingLoads(ctx)
	if err != nil {
		return nil, nil, err
	}
	for i, loggers := range gateways {
		way = append(way, pushSender(ctx, waybillv1.NewTelemetryServiceClient(conns[i%len(conns)]), loggers, b.cfg.Readings, b.segments))
	}
	for _, loggers := range alone {
		naive = append(naive, naiveReadingSender(b.naive, loggers, b.segments))
	}
	return way, naive, nil
}

func (b *bench) readingsLoad() (way, naive string) {
	return fmt.Sprintf("%d gateways of %d loggers, signed segments of %d readings, public gRPC API", b.cfg.Clients, b.cfg.Loggers, b.cfg.Readings),
		fmt.Sprintf("one signed reading a transaction, %d clients straight to the peer's gateway", b.cfg.NaiveClients)
}

// MeasureReadings measures how many readings a second the API records.
func MeasureReadings(ctx context.Context, cfg Config) (result *Result, err error) {
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
	way, naive, err := b.readingSenders(ctx, conns)
	if err != nil {
		return nil, err
	}
	var m measured
	if err = b.alternate(ctx, naive, way, &m); err != nil {
		return nil, err
	}
	result, err = b.result(ctx, Readings, &m, func(tx wire.Transaction) bool { return len(tx.Segments) > 1 })
	if err != nil {
		return nil, err
	}
	result.Load, result.Naive.Load = b.readingsLoad()
	return result, nil
}
