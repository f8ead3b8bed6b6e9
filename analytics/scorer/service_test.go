package scorer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/analytics/evaluate"
	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

var errBroken = errors.New("the line is broken")

type key struct {
	shipment string
	window   uint32
	model    string
}

// chain is a ledger in memory: what is recorded makes a block, and a verdict's key is written once.
type chain struct {
	mu       sync.Mutex
	blocks   []scorer.Block
	verdicts map[key]ledger.Verdict
	twice    int // verdicts sent again
	conflict int // verdicts sent again with other content
	calls    int
	changed  chan struct{}
	// fail is asked before each call of the sink and each block of the source.
	fail func() error
}

func newChain() *chain {
	return &chain{verdicts: map[key]ledger.Verdict{}, changed: make(chan struct{}), fail: func() error { return nil }}
}

func (c *chain) record(txs ...wire.Transaction) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.append(txs...)
}

func (c *chain) append(txs ...wire.Transaction) {
	b := scorer.Block{Number: uint64(len(c.blocks))}
	for _, tx := range txs {
		b.Transactions = append(b.Transactions, scorer.Recorded{TxID: fmt.Sprint(len(c.blocks)), Tx: tx})
	}
	c.blocks = append(c.blocks, b)
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *chain) Height(context.Context) (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return uint64(len(c.blocks)), nil
}

func (c *chain) Blocks(ctx context.Context, from uint64) iter.Seq2[scorer.Block, error] {
	return func(yield func(scorer.Block, error) bool) {
		for {
			c.mu.Lock()
			changed, height, err := c.changed, uint64(len(c.blocks)), c.fail()
			var b scorer.Block
			if from < height {
				b = c.blocks[from]
			}
			c.mu.Unlock()
			if err != nil {
				yield(scorer.Block{}, err)
				return
			}
			if from < height {
				if !yield(b, nil) {
					return
				}
				from++
				continue
			}
			select {
			case <-ctx.Done():
				yield(scorer.Block{}, ctx.Err())
				return
			case <-changed:
			}
		}
	}
}

func (c *chain) Verdicts(ctx context.Context, verdicts []ledger.Verdict) ([]wire.Answer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if err := c.fail(); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	answers := make([]wire.Answer, len(verdicts))
	var tx wire.Transaction
	for i, v := range verdicts {
		k := key{v.Shipment, v.Window, v.Model}
		old, ok := c.verdicts[k]
		switch {
		case !ok:
			c.verdicts[k] = v
			tx.Verdicts = append(tx.Verdicts, v)
			answers[i].Status = ledger.StatusRecorded
		case old.Trace == v.Trace && old.Inputs == v.Inputs:
			c.twice++
			answers[i].Status = ledger.StatusDuplicate
		default:
			c.conflict++
			answers[i] = wire.Answer{Status: ledger.StatusRefused, Code: "WB_CONFLICT"}
		}
	}
	if len(tx.Verdicts) > 0 {
		c.append(tx)
	}
	return answers, nil
}

func (c *chain) written() map[key]ledger.Verdict {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.verdicts)
}

// waitFor waits until the condition holds after a change of the chain.
func (c *chain) waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		c.mu.Lock()
		changed := c.changed
		c.mu.Unlock()
		if holds() {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("waited too long for %s", what)
		}
	}
}

// until asks again and again whether a condition holds that no channel tells of.
func until(t *testing.T, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("waited too long")
		}
	}
}

func model(t testing.TB) *score.Model {
	t.Helper()
	m, err := score.Default()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// day gives the transactions of a simulated day and the verdicts that are due on them.
func day(t testing.TB, shipments int) ([]wire.Transaction, map[key]ledger.Verdict) {
	t.Helper()
	d, err := simulate.New(simulate.Config{Seed: 4, Now: time.Date(2026, 3, 14, 15, 0, 0, 0, time.UTC), Shipments: shipments, Items: 3})
	if err != nil {
		t.Fatal(err)
	}
	r, docket := evaluate.NewRehearsal(), scorer.NewDocket(model(t), feature.DefaultLimits())
	var txs []wire.Transaction
	want := map[key]ledger.Verdict{}
	for i, a := range d.Actions {
		tx, err := r.Record(a)
		if err != nil {
			t.Fatal(err)
		}
		txs = append(txs, tx)
		for _, v := range docket.Apply(uint64(i), tx) {
			want[key{v.Shipment, v.Window, v.Model}] = v
		}
	}
	return txs, want
}

func service(t testing.TB, c *chain, change func(*scorer.Config)) *scorer.Service {
	t.Helper()
	cfg := scorer.Config{Source: c, Sink: c, Model: model(t), Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if change != nil {
		change(&cfg)
	}
	s, err := scorer.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// run starts a service and gives a function that stops it and waits.
func run(t testing.TB, s *scorer.Service) func() {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func same(t *testing.T, got, want map[key]ledger.Verdict) {
	t.Helper()
	for k, w := range want {
		if g, ok := got[k]; !ok {
			t.Errorf("no verdict on window %d of %s", k.window, k.shipment)
		} else if g.Trace != w.Trace || g.Level != w.Level {
			t.Errorf("another verdict on window %d of %s", k.window, k.shipment)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d verdicts, want %d", len(got), len(want))
	}
}

func TestEveryVerdictThatIsDueIsWrittenOnce(t *testing.T) {
	txs, want := day(t, 12)
	c := newChain()
	stop := run(t, service(t, c, nil))
	for _, tx := range txs {
		c.record(tx)
	}
	c.waitFor(t, "the verdicts", func() bool { return len(c.written()) == len(want) })
	stop()
	same(t, c.written(), want)
	if c.twice != 0 || c.conflict != 0 {
		t.Errorf("%d verdicts sent twice, %d in conflict", c.twice, c.conflict)
	}
	if c.calls > len(want) {
		t.Errorf("%d calls for %d verdicts", c.calls, len(want))
	}
}

func TestALedgerThatIsJudgedAlreadyIsNotJudgedAgain(t *testing.T) {
	txs, want := day(t, 8)
	c := newChain()
	stop := run(t, service(t, c, nil))
	for _, tx := range txs {
		c.record(tx)
	}
	c.waitFor(t, "the verdicts", func() bool { return len(c.written()) == len(want) })
	stop()
	calls := c.calls
	late := service(t, c, nil) // no checkpoint: it reads from block 0
	stop = run(t, late)
	c.record(wire.Transaction{})
	height, _ := c.Height(context.Background())
	until(t, func() bool { return late.Stats().Position >= height })
	stop()
	if c.calls != calls || c.twice != 0 {
		t.Errorf("%d calls more, %d verdicts sent twice", c.calls-calls, c.twice)
	}
	if s := late.Stats(); s.Pending != 0 || s.Confirmed != uint64(len(want)) {
		t.Errorf("%+v", s)
	}
}

// A kill leaves the checkpoint as it last was: the test puts back a copy of it, some kills earlier
// ones, and starts again.
func TestKillsAtAnyPointLoseAndDoubleNothing(t *testing.T) {
	txs, want := day(t, 10)
	r := rand.New(rand.NewPCG(1, 2))
	c := newChain()
	path := filepath.Join(t.TempDir(), "checkpoint")
	var copies [][]byte
	for next := 0; ; {
		s := service(t, c, func(cfg *scorer.Config) { cfg.Checkpoint, cfg.CheckpointEvery = path, time.Nanosecond })
		stop := run(t, s)
		target := len(c.written()) + r.IntN(20)
		for n := r.IntN(60); n > 0 && next < len(txs); n-- {
			c.record(txs[next])
			next++
		}
		if next == len(txs) {
			c.waitFor(t, "the verdicts", func() bool { return len(c.written()) == len(want) })
			stop()
			break
		}
		tries := 0
		until(t, func() bool { // lets it get somewhere, or not
			tries++
			return tries > 200 || len(c.written()) >= target
		})
		if data, err := os.ReadFile(path); err == nil {
			copies = append(copies, data)
		}
		stop() // writes a last checkpoint, which a kill would not have
		if len(copies) > 0 {
			if err := os.WriteFile(path, copies[len(copies)-1-r.IntN(min(3, len(copies)))], 0o600); err != nil {
				t.Fatal(err)
			}
		} else if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	same(t, c.written(), want)
	if c.conflict != 0 {
		t.Errorf("%d verdicts in conflict", c.conflict)
	}
}

func TestADamagedCheckpointIsNotUsed(t *testing.T) {
	txs, want := day(t, 4)
	c := newChain()
	path := filepath.Join(t.TempDir(), "checkpoint")
	with := func(cfg *scorer.Config) { cfg.Checkpoint = path }
	stop := run(t, service(t, c, with))
	for _, tx := range txs {
		c.record(tx)
	}
	c.waitFor(t, "the verdicts", func() bool { return len(c.written()) == len(want) })
	stop()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, damaged := range [][]byte{nil, data[:10], data[:len(data)-1], flip(data, len(data)/2), flip(data, 12)} {
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		s := service(t, c, with)
		stop := run(t, s)
		height, _ := c.Height(context.Background())
		until(t, func() bool { return s.Stats().Position >= height })
		stop()
	}
	same(t, c.written(), want)
	if c.twice+c.conflict != 0 {
		t.Errorf("%d verdicts sent twice, %d in conflict", c.twice, c.conflict)
	}
}

func flip(data []byte, at int) []byte {
	out := append([]byte(nil), data...)
	out[at] ^= 1
	return out
}

func TestFailuresOfSourceAndSinkAreSurvived(t *testing.T) {
	txs, want := day(t, 6)
	c := newChain()
	n := 0
	c.fail = func() error {
		n++
		if n%7 == 3 {
			return errBroken
		}
		return nil
	}
	stop := run(t, service(t, c, nil))
	for _, tx := range txs {
		c.record(tx)
	}
	// Each failure costs a pause, so the blocks are asked for until all have come.
	c.mu.Lock()
	c.fail = func() error { return nil }
	c.mu.Unlock()
	c.waitFor(t, "the verdicts", func() bool { return len(c.written()) == len(want) })
	stop()
	same(t, c.written(), want)
}

func TestRunGivesUpOnWhatNoSecondTryMends(t *testing.T) {
	txs, _ := day(t, 2)
	c := newChain()
	for _, tx := range txs {
		c.record(tx)
	}
	s := service(t, c, func(cfg *scorer.Config) { cfg.Sink = refusing{} })
	if err := s.Run(context.Background()); !errors.Is(err, ledger.ErrUnauthorised) {
		t.Error(err)
	}
	c.fail = func() error { return errBroken }
	s = service(t, c, func(cfg *scorer.Config) { cfg.GiveUp = time.Millisecond })
	if err := s.Run(context.Background()); !errors.Is(err, errBroken) {
		t.Error(err)
	}
}

type refusing struct{}

func (refusing) Verdicts(context.Context, []ledger.Verdict) ([]wire.Answer, error) {
	return nil, fmt.Errorf("WB_UNAUTHORISED: %w", ledger.ErrUnauthorised)
}

// A peer that is a block behind does not know the evidence yet.
type behind struct {
	*chain
	left *atomic.Int32
}

func (b behind) Verdicts(ctx context.Context, v []ledger.Verdict) ([]wire.Answer, error) {
	if b.left.Add(-1) >= 0 {
		answers := make([]wire.Answer, len(v))
		for i := range answers {
			answers[i] = wire.Answer{Status: ledger.StatusRefused, Code: ledger.Code(ledger.ErrUnknown)}
		}
		return answers, nil
	}
	return b.chain.Verdicts(ctx, v)
}

func TestAPeerThatIsBehindIsAskedAgain(t *testing.T) {
	txs, want := day(t, 6)
	c := newChain()
	var left atomic.Int32
	left.Store(3)
	stop := run(t, service(t, c, func(cfg *scorer.Config) { cfg.Sink = behind{c, &left} }))
	for _, tx := range txs {
		c.record(tx)
	}
	c.waitFor(t, "the verdicts", func() bool { return len(c.written()) == len(want) })
	stop()
	same(t, c.written(), want)
}

func TestPartsTogetherWriteEverythingOnce(t *testing.T) {
	txs, want := day(t, 12)
	c := newChain()
	var stops []func()
	for i := range 3 {
		stops = append(stops, run(t, service(t, c, func(cfg *scorer.Config) { cfg.Partition = scorer.Partition{Index: i, Count: 3} })))
	}
	for _, tx := range txs {
		c.record(tx)
	}
	c.waitFor(t, "the verdicts", func() bool { return len(c.written()) == len(want) })
	for _, stop := range stops {
		stop()
	}
	same(t, c.written(), want)
	if c.twice != 0 {
		t.Errorf("%d verdicts sent twice", c.twice)
	}
}

func TestAPartThatIsSilentIsTakenOver(t *testing.T) {
	txs, want := day(t, 6)
	c := newChain()
	stop := run(t, service(t, c, func(cfg *scorer.Config) {
		cfg.Partition, cfg.Takeover = scorer.Partition{Index: 1, Count: 2}, 30*time.Millisecond
	}))
	for _, tx := range txs {
		c.record(tx)
	}
	c.waitFor(t, "the verdicts", func() bool { return len(c.written()) == len(want) })
	stop()
	same(t, c.written(), want)
}

func TestBlocksWaitWhileVerdictsPileUp(t *testing.T) {
	txs, want := day(t, 12)
	c := newChain()
	gate := make(chan struct{})
	s := service(t, c, func(cfg *scorer.Config) { cfg.MaxPending, cfg.Sink = 10, gated{c, gate} })
	for _, tx := range txs {
		c.record(tx)
	}
	stop := run(t, s)
	until(t, func() bool { return s.Stats().Pending >= 10 })
	if p := s.Stats().Position; p == uint64(len(txs)) {
		t.Error("all blocks were read though no verdict could be written")
	}
	close(gate)
	c.waitFor(t, "the verdicts", func() bool { return len(c.written()) == len(want) })
	stop()
	same(t, c.written(), want)
}

type gated struct {
	*chain
	gate chan struct{}
}

func (g gated) Verdicts(ctx context.Context, v []ledger.Verdict) ([]wire.Answer, error) {
	select {
	case <-g.gate:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return g.chain.Verdicts(ctx, v)
}

func TestImpossibleConfigurationsAreRefused(t *testing.T) {
	c := newChain()
	m := model(t)
	for _, cfg := range []scorer.Config{
		{},
		{Source: c, Sink: c},
		{Source: c, Sink: c, Model: m, Partition: scorer.Partition{Index: 2, Count: 2}},
		{Source: c, Sink: c, Model: m, Partition: scorer.Partition{Index: -1, Count: 2}},
		{Source: c, Sink: c, Model: m, MaxPending: -1},
	} {
		if _, err := scorer.New(cfg); !errors.Is(err, scorer.ErrConfig) {
			t.Errorf("%+v: %v", cfg.Partition, err)
		}
	}
}

func TestShipmentsBeyondTheBoundAreGivenUpAndCounted(t *testing.T) {
	txs, _ := day(t, 30)
	limits := feature.DefaultLimits()
	limits.Shipments = 5
	d := scorer.NewDocket(model(t), limits)
	for i, tx := range txs {
		d.Apply(uint64(i), tx)
		if d.Shipments() > limits.Shipments {
			t.Fatalf("%d shipments", d.Shipments())
		}
	}
	if d.Overflow() == 0 {
		t.Error("nothing was counted")
	}
}

func TestEndedShipmentsLeaveTheState(t *testing.T) {
	txs, _ := day(t, 20)
	limits := feature.DefaultLimits()
	limits.Linger = 3
	d := scorer.NewDocket(model(t), limits)
	for i, tx := range txs {
		d.Apply(uint64(i), tx)
	}
	if d.Shipments() > 1 { // the last may linger
		t.Errorf("%d shipments are left", d.Shipments())
	}
}

func BenchmarkDocketMarshal(b *testing.B) {
	txs, _ := day(b, 100)
	d := scorer.NewDocket(model(b), feature.DefaultLimits())
	for i, tx := range txs {
		d.Apply(uint64(min(i, 1)), tx)
	}
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		data, err := d.MarshalBinary()
		if err != nil {
			b.Fatal(err)
		}
		size = len(data)
	}
	b.ReportMetric(float64(size)/float64(d.Shipments()), "B/shipment")
}

// alias is the transaction by which a class takes another version.
func alias(generation uint32) wire.Transaction {
	return wire.Transaction{Models: wire.ModelRecords{Aliases: []ledger.Alias{{Class: ledger.AnyProduct, Generation: generation}}}}
}

func TestNothingFallsDueAfterTheEndAndWhatDidIsWritten(t *testing.T) {
	txs, _ := day(t, 6)
	docket, want := scorer.NewDocket(model(t), feature.DefaultLimits()), map[key]ledger.Verdict{}
	for i, tx := range txs[:len(txs)/2] {
		for _, v := range docket.Apply(uint64(i), tx) {
			want[key{v.Shipment, v.Window, v.Model}] = v
		}
	}
	c := newChain()
	path := filepath.Join(t.TempDir(), "checkpoint")
	with := func(cfg *scorer.Config) {
		cfg.Checkpoint = path
		cfg.Ends = func(tx wire.Transaction) bool {
			return slices.ContainsFunc(tx.Models.Aliases, func(a ledger.Alias) bool { return a.Generation > 1 })
		}
	}
	s := service(t, c, with)
	stop := run(t, s)
	c.record(alias(1))
	for _, tx := range txs[:len(txs)/2] {
		c.record(tx)
	}
	c.record(alias(2))
	until(t, func() bool { return s.Stats().Ended && s.Stats().Pending == 0 })
	stop()
	late := service(t, c, with) // its checkpoint says that it ended
	stop = run(t, late)
	for _, tx := range txs[len(txs)/2:] {
		c.record(tx)
	}
	height, _ := c.Height(context.Background())
	until(t, func() bool { return late.Stats().Position >= height })
	stop()
	if st := late.Stats(); !st.Ended || st.Pending != 0 || st.Judged != 0 {
		t.Errorf("%+v", st)
	}
	if len(want) == 0 {
		t.Fatal("nothing was due")
	}
	same(t, c.written(), want)
}
