package panel_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/analytics/panel"
	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/internal/protocolsim"
)

// line is the contract's own world as a ledger and a stream of blocks, for several services at once.
type line struct {
	mu      sync.Mutex
	world   *protocolsim.World
	blocks  []scorer.Block
	changed chan struct{}
	alone   []ledger.Verdict
	finals  map[string]ledger.FinalVerdict
	// broken is asked before each call of the ledger.
	broken func() error
}

func names() []string { return []string{"a", "b", "c", "d"} }

// newLine makes a line whose world has shipments; with a policy of version 0 its scoring policy is told to nobody.
func newLine(t *testing.T, shipments int, told func(wire.Transaction) bool) *line {
	t.Helper()
	l := &line{changed: make(chan struct{}), finals: map[string]ledger.FinalVerdict{}, broken: func() error { return nil }}
	policy := protocolsim.DefaultPolicy()
	policy.Canary = 0
	var members []protocolsim.Member
	for _, name := range names() {
		members = append(members, protocolsim.Member{Name: name, MSPID: strings.ToUpper(name), Stake: 10_000})
	}
	var err error
	if l.world, err = protocolsim.NewWorldTold(policy, members, shipments, func(tx wire.Transaction) {
		if told == nil || told(tx) {
			l.append(tx)
		}
	}); err != nil {
		t.Fatal(err)
	}
	return l
}

// append adds a block; the caller holds the lock, or is alone.
func (l *line) append(tx wire.Transaction) {
	n := uint64(len(l.blocks))
	l.blocks = append(l.blocks, scorer.Block{Number: n, Transactions: []scorer.Recorded{{TxID: fmt.Sprint(n), Tx: tx}}})
	for _, f := range tx.Scoring.Finals {
		l.finals[fmt.Sprint(f.Shipment, f.Window)] = f
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *line) Height(context.Context) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.blocks)), nil
}

func (l *line) Blocks(ctx context.Context, from uint64) iter.Seq2[scorer.Block, error] {
	return func(yield func(scorer.Block, error) bool) {
		for ; ; from++ {
			l.mu.Lock()
			for from >= uint64(len(l.blocks)) {
				changed := l.changed
				l.mu.Unlock()
				select {
				case <-changed:
				case <-ctx.Done():
					yield(scorer.Block{}, ctx.Err())
					return
				}
				l.mu.Lock()
			}
			b := l.blocks[from]
			l.mu.Unlock()
			if !yield(b, nil) {
				return
			}
		}
	}
}

func (l *line) Verdicts(_ context.Context, verdicts []ledger.Verdict) ([]wire.Answer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.alone = append(l.alone, verdicts...)
	l.append(wire.Transaction{Verdicts: verdicts})
	return make([]wire.Answer, len(verdicts)), nil
}

// account is one scorer's way to the ledger.
type account struct {
	*line
	name string
}

func (a account) Tasks(ctx context.Context, operations []ledger.TaskOperation) ([]wire.Answer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := errors.Join(a.broken(), ctx.Err()); err != nil {
		return nil, err
	}
	a.world.Advance(ledger.MillisOf(time.Now()) - a.world.Now())
	done, err := a.world.Together(protocolsim.Call{Who: a.name, Operations: operations})
	if err != nil {
		return nil, err
	}
	return done[0].Answers, done[0].Err
}

// Try asks what would become of operations.
func (a account) Try(_ context.Context, operations []ledger.TaskOperation) ([]wire.Answer, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.world.Advance(ledger.MillisOf(time.Now()) - a.world.Now())
	argument, err := wire.Encode(wire.TaskBatch{Operations: operations})
	if err != nil {
		return nil, err
	}
	_, answers, err := a.world.Invoke(a.name, wire.FnScore, argument, 0)
	return answers, err
}

// prove asks the proof log.
func (l *line) prove(_ context.Context, q panel.Question) (panel.Evidence, error) {
	keys := q.Keys
	l.mu.Lock()
	defer l.mu.Unlock()
	file, err := l.world.Prove(keys...)
	if errors.Is(err, protocolsim.ErrNotAnchored) {
		return panel.Evidence{}, panel.ErrNotAnchored
	}
	if err != nil {
		return panel.Evidence{}, err
	}
	shown, err := proof.DecodeBare(file)
	if err != nil {
		return panel.Evidence{}, err
	}
	facts, err := shown.Check()
	e := panel.Evidence{Proof: file}
	for _, key := range keys {
		i := slices.IndexFunc(facts, func(f proof.Fact) bool { return f.Key == key })
		e.Places = append(e.Places, facts[i].Position)
	}
	return e, err
}

// config is a service's, with its state in a folder.
func (l *line) config(name, folder string) (panel.Config, error) {
	secret, err := panel.Secret(filepath.Join(folder, name+".secret"))
	return panel.Config{
		Scorer: scorer.Config{
			Source: l, Sink: l, Model: l.world.Model, Checkpoint: filepath.Join(folder, name+".checkpoint"), CheckpointEvery: time.Millisecond,
			Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		},
		Ledger: account{l, name}, Try: account{l, name}.Try, Prove: l.prove, Binding: l.world.Account(name), Secret: secret, Pause: 200 * time.Millisecond,
	}, err
}

// start runs a service and gives it with what ends it and waits.
func (l *line) start(t *testing.T, name, folder string) (*panel.Service, func()) {
	t.Helper()
	cfg, err := l.config(name, folder)
	if err != nil {
		t.Fatal(err)
	}
	s, err := panel.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return s, stop
}

// until waits for a block after which a condition holds.
func (l *line) until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		l.mu.Lock()
		changed, ok := l.changed, holds()
		l.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("waited too long for %s", what)
		}
	}
}

// right holds that every window has the engine's final verdict.
func (l *line) right(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, task := range l.world.Tasks {
		if f := l.finals[fmt.Sprint(task.Statement.Shipment, task.Statement.Window)]; f.Answer != task.Truth.Answer {
			t.Errorf("the final verdict on window %d of %s is %+v", task.Statement.Window, task.Statement.Shipment, f)
		}
	}
}

func TestFourServicesMakeWhatTheLedgerMakesDueFinal(t *testing.T) {
	l := newLine(t, 6, nil)
	folder := t.TempDir()
	var services []*panel.Service
	for _, name := range names() {
		s, _ := l.start(t, name, folder)
		services = append(services, s)
	}
	l.until(t, "all to be final", func() bool { return len(l.finals) == len(l.world.Tasks) })
	l.right(t)
	if len(l.alone) != 0 {
		t.Errorf("%d verdicts were written alone", len(l.alone))
	}
	for i, s := range services {
		waitFor(t, func() bool { return s.Stats().Open == 0 })
		if st := s.Stats(); st.Standing != "" || st.Policy != 1 || st.Scorers != 4 || st.Due != uint64(len(l.world.Tasks)) || st.Outvoted != 0 {
			t.Errorf("%s: %+v", names()[i], st)
		}
	}
}

// waitFor asks again and again whether a condition holds that no channel tells of.
func waitFor(t *testing.T, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("waited too long")
		}
	}
}

func TestServicesThatEndAndBeginAnewGoOnWhereTheLedgerIs(t *testing.T) {
	l := newLine(t, 6, nil)
	folder := t.TempDir()
	calls := 0
	l.broken = func() error {
		if calls++; calls%5 == 0 {
			return errors.New("no line")
		}
		return nil
	}
	ends := make([]func(), len(names()))
	for i, name := range names() {
		_, ends[i] = l.start(t, name, folder)
	}
	for n := 2; ; n += 3 {
		i := n % len(ends)
		l.until(t, "the next blocks", func() bool { return len(l.finals) == len(l.world.Tasks) || len(l.blocks) >= n })
		ends[i]()
		_, ends[i] = l.start(t, names()[i], folder)
		l.mu.Lock()
		over := len(l.finals) == len(l.world.Tasks)
		n = max(n, len(l.blocks))
		l.mu.Unlock()
		if over {
			break
		}
	}
	l.right(t)
	for _, name := range names() {
		if s, err := l.world.Stake(name); err != nil || s.Slashed != 0 {
			t.Errorf("%s: %+v %v", name, s, err)
		}
	}
}

func TestAFalseClaimIsRefutedOnceItsRootIsAnchored(t *testing.T) {
	l := newLine(t, 1, nil)
	folder := t.TempDir()
	var services []*panel.Service
	for _, name := range names()[:3] {
		s, _ := l.start(t, name, folder)
		services = append(services, s)
	}
	task := l.world.Tasks[0]
	id, err := wire.TaskDigest(task.Statement)
	if err != nil {
		t.Fatal(err)
	}
	view := func() ledger.TaskView {
		v, err := l.world.View(id)
		if err != nil {
			t.Error(err)
		}
		return v
	}
	// The fourth commits to nothing, and its clock says that the others have had their time.
	l.until(t, "three commitments", func() bool { return len(view().Commitments) == 3 })
	l.mu.Lock()
	if answers, err := l.world.ScoreAt("d", time.Minute, ledger.TaskOperation{Close: &id}); err != nil || answers[0].Status != ledger.StatusRecorded {
		t.Error(answers, err)
	}
	l.mu.Unlock()
	l.until(t, "an answer", func() bool { return len(view().Reveals) > 0 })
	l.mu.Lock()
	claim := ledger.ChallengeTask{Task: id, Omitted: &task.Decoys[0].Event, At: task.Decoys[0].At}
	if answers, err := l.world.Score("d", ledger.TaskOperation{Challenge: &claim}); err != nil || answers[0].Status != ledger.StatusRecorded {
		t.Error(answers, err)
	}
	l.mu.Unlock()
	waitFor(t, func() bool { return services[0].Stats().Contested == 1 })
	l.mu.Lock()
	if err := l.world.Anchor("A", "B"); err != nil {
		t.Error(err)
	}
	l.mu.Unlock()
	l.until(t, "the refutation", func() bool { return !view().Claims[0].Open() })
	waitFor(t, func() bool {
		refuted := uint64(0)
		for _, s := range services {
			refuted += s.Stats().Refuted
		}
		return refuted == 1
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	if stake, err := l.world.Stake("d"); err != nil || stake.Slashed != 2_000 {
		t.Errorf("%+v %v", stake, err)
	}
}

func TestATaskThatOthersMadeUpIsTriedAndChallenged(t *testing.T) {
	l := newLine(t, 1, nil)
	s, _ := l.start(t, "a", t.TempDir())
	other := l.world.Tasks[1].Statement
	other.Window, other.Inputs = 7, ledger.Digest{1}
	id, err := wire.TaskDigest(other)
	if err != nil {
		t.Fatal(err)
	}
	answer, nonce := l.world.Tasks[1].Truth.Answer, ledger.Digest{7}
	l.mu.Lock()
	l.world.Advance(ledger.MillisOf(time.Now()) - l.world.Now())
	do := func(who string, late time.Duration, op ledger.TaskOperation) {
		if answers, err := l.world.ScoreAt(who, late, op); err != nil || answers[0].Status != ledger.StatusRecorded {
			t.Error(answers, err)
		}
	}
	do("b", 0, ledger.TaskOperation{Open: &other})
	for _, who := range []string{"b", "c", "d"} {
		own, err := wire.CommitmentOf(id, l.world.Account(who), answer, nonce)
		if err != nil {
			t.Error(err)
		}
		do(who, time.Minute, ledger.TaskOperation{Commit: &ledger.CommitAnswer{Task: id, Commitment: own}})
	}
	do("b", 2*time.Minute, ledger.TaskOperation{Close: &id})
	do("b", 3*time.Minute, ledger.TaskOperation{Reveal: &ledger.RevealAnswer{Task: id, Answer: answer, Nonce: nonce}})
	l.mu.Unlock()
	l.until(t, "the end of what was made up", func() bool {
		view, err := l.world.View(id)
		return err == nil && view.Settlement != nil && view.Settlement.By == ledger.SettledNoWindow
	})
	waitFor(t, func() bool { return s.Stats().Won == 1 })
}

func TestWithoutAPolicyEveryVerdictIsWrittenAloneAsBefore(t *testing.T) {
	l := newLine(t, 3, func(tx wire.Transaction) bool { return len(tx.Scoring.Policies) == 0 })
	s, _ := l.start(t, "a", t.TempDir())
	l.until(t, "the verdicts", func() bool { return len(l.alone) == len(l.world.Tasks) })
	if st := s.Stats(); st.Standing == "" || st.Due != 0 || len(st.Alone) != 0 || st.Open != 0 {
		t.Errorf("%+v", st)
	}
}

func TestOneThatIsNoScorerFollowsAndWritesNothing(t *testing.T) {
	l := newLine(t, 3, nil)
	folder := t.TempDir()
	if err := l.world.Identity("x", "X", "scorer,holder"); err != nil {
		t.Fatal(err)
	}
	stranger, _ := l.start(t, "x", folder)
	for _, name := range names() {
		l.start(t, name, folder)
	}
	l.until(t, "all to be final", func() bool { return len(l.finals) == len(l.world.Tasks) })
	waitFor(t, func() bool { return stranger.Stats().Open == 0 })
	if st := stranger.Stats(); !strings.Contains(st.Standing, "no credit account") || st.Committed != 0 || st.Due == 0 || len(l.alone) != 0 {
		t.Errorf("%+v", st)
	}
}

func TestAConfigurationThatCannotWorkIsRefused(t *testing.T) {
	l := newLine(t, 0, nil)
	for name, change := range map[string]func(*panel.Config){
		"no ledger":       func(c *panel.Config) { c.Ledger = nil },
		"no key":          func(c *panel.Config) { c.Binding = ledger.Digest{} },
		"no model":        func(c *panel.Config) { c.Scorer.Model = nil },
		"a short secret":  func(c *panel.Config) { c.Secret = c.Secret[1:] },
		"negative pauses": func(c *panel.Config) { c.Pause = -1 },
		"no room":         func(c *panel.Config) { c.MaxOpen = -1 },
		"no opening":      func(c *panel.Config) { c.MaxOpening = -1 },
	} {
		cfg, err := l.config("a", t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		change(&cfg)
		if _, err = panel.New(cfg); !errors.Is(err, panel.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	cfg, err := l.config("a", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cfg.Scorer.Source = nil
	if _, err = panel.New(cfg); !errors.Is(err, scorer.ErrConfig) {
		t.Error(err)
	}
	if !slices.Contains(panel.Reasons(), panel.NoTask) {
		t.Error(panel.Reasons())
	}
}
