// Package panel is a scorer's part in scoring by several organisations: it follows the block stream, and for every
// verdict that falls due it opens the task, commits, closes, reveals, settles and challenges, as its turn comes. What
// happened is taken from the stream alone; answers to its own calls are hints. So it goes on after a crash, after a
// lost race and after whatever others did meanwhile.
//
// It owns the book of tasks under way and the turns of those who act. What a verdict is comes from analytics/scorer,
// whose loop it stands in; what is allowed, from chaincode/ledger. It may import those, wire and canon; the ledger and
// the block stream reach it through small interfaces.
package panel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// ErrConfig says that a configuration cannot work.
var ErrConfig = errors.New("WB_PANEL: configuration")

// Ledger does operations on tasks and returns when each has its answer, in their order. An error says that some have
// none; doing an operation again is always safe. It may be called from several goroutines at once.
type Ledger interface {
	Tasks(ctx context.Context, operations []ledger.TaskOperation) ([]wire.Answer, error)
}

// Config is what a Service needs. Scorer, Ledger, Binding and Secret have no default.
type Config struct {
	// Scorer says how verdicts are judged, and how those are written that cannot be a task. Its Panel is set by New;
	// its part of the shipments is that of the tasks too.
	Scorer scorer.Config
	Ledger Ledger
	// Binding names the key that the ledger is called with, see ledger.CreditBinding: the account that is bound to it
	// is the scorer's.
	Binding ledger.Digest
	// Secret is what nonces are made of, see Secret. Whoever has it can guess answers before they are revealed.
	Secret []byte
	// Try asks a peer what would become of operations, without doing them; nil: nobody is asked, and tasks that others
	// made up are challenged only where this scorer can tell by itself that that is no loss.
	Try func(ctx context.Context, operations []ledger.TaskOperation) ([]wire.Answer, error)
	// Prove asks this organisation's proof log, by which false claims that a task leaves something out are refuted, and lists
	// of others whose order is not the ledger's are challenged. Nil: that is left to the other scorers.
	Prove Prove
	// AnchorEvery is how long what is new in that log waits for its root, 0: unknown. A policy that leaves too little time
	// for that is warned of, see AnchorAtMost.
	AnchorEvery time.Duration
	// Pause is how long who is next waits for who is before; default 3 seconds, well above the time that a
	// transaction takes.
	Pause time.Duration
	// MaxOpen bounds the tasks under way; default 8,192. What falls due beyond it is written by this scorer alone.
	MaxOpen int
	// MaxOpening bounds the tasks that this scorer has opened and that are not at their end; default 64. Four times as many own
	// commitments may wait for their reveal at most, fewer where the ledger is slow: a late one costs stake. Further ones wait.
	MaxOpening int
	// Settled hears of each task that ended while its verdict was held: how, and how long after it fell due. It may be
	// nil and must return at once.
	Settled func(by ledger.SettledBy, after time.Duration)
	// Now is the clock that operations are timed by; default time.Now.
	Now func() time.Time
}

const (
	defaultPause   = 3 * time.Second
	defaultMaxOpen = 8_192
	// landing is how long a transaction takes until its block is read, where the ledger is not at its bound.
	landing = 2 * time.Second
	// defaultMaxOpening, for each of four scorers, is about twice what a ledger of 50 final verdicts a second has under way.
	defaultMaxOpening = 64
)

// AnchorAtMost is how long the roots of proof logs may be apart under a policy, so that a false claim is refuted while it may
// be: what is claimed is under a root after two of them at most, the refutation lands after that, and others' clocks may
// take twice the skew from the time there is. Zero or less: no interval is short enough.
func AnchorAtMost(p ledger.ScoringPolicy) time.Duration {
	return (time.Duration(p.ChallengeFor-2*p.ClockSkew())*time.Millisecond - landing) / 2
}

// Service takes part in tasks, and judges alone while there are none.
type Service struct {
	cfg    Config
	log    *slog.Logger
	scorer *scorer.Service

	mu   sync.Mutex // guards book
	book *book
	wake chan struct{}
}

// New checks the configuration. It starts nothing.
func New(cfg Config) (*Service, error) {
	if cfg.Pause == 0 {
		cfg.Pause = defaultPause
	}
	if cfg.MaxOpen == 0 {
		cfg.MaxOpen = defaultMaxOpen
	}
	if cfg.MaxOpening == 0 {
		cfg.MaxOpening = defaultMaxOpening
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Settled == nil {
		cfg.Settled = func(ledger.SettledBy, time.Duration) {}
	}
	if cfg.Scorer.Logger == nil {
		cfg.Scorer.Logger = slog.Default()
	}
	switch {
	case cfg.Ledger == nil || cfg.Binding.IsZero() || cfg.Scorer.Model == nil:
		return nil, fmt.Errorf("%w: a ledger, the binding of a key and a model are needed", ErrConfig)
	case len(cfg.Secret) != secretBytes:
		return nil, fmt.Errorf("%w: a secret of %d bytes, it must have %d", ErrConfig, len(cfg.Secret), secretBytes)
	case cfg.Pause < 0 || cfg.MaxOpen < 1 || cfg.MaxOpening < 1:
		return nil, fmt.Errorf("%w: a bound or a duration below its least", ErrConfig)
	}
	s := &Service{cfg: cfg, log: cfg.Scorer.Logger.With("part", "panel"), wake: make(chan struct{}, 1)}
	s.book = newBook(cfg, s.log)
	cfg.Scorer.Panel = seat{s}
	var err error
	s.scorer, err = scorer.New(cfg.Scorer)
	return s, err
}

// Run follows the ledger and takes part until the context is done, which is no error, or until the source or the
// ledger fails for good. One Run at a time.
func (s *Service) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group.Go(func() error {
		defer cancel() // with or without an error, the other part ends too
		return s.scorer.Run(ctx)
	})
	group.Go(func() error {
		s.act(ctx)
		return nil
	})
	return group.Wait()
}

// Stats is a snapshot of a service's work. Counts are since the start of the process.
type Stats struct {
	Scorer scorer.Stats
	// Standing says in words what keeps this scorer from taking part; empty: nothing does.
	Standing string
	// Unfit says why no verdict may rest on this scorer's model; empty: one may.
	Unfit   string
	Policy  uint32 // version of the scoring policy in force, 0: none
	Scorers int    // registered and active
	Open    int    // tasks under way whose verdict is held, those not opened yet included
	Foreign int    // tasks of others, with another statement than this scorer's or for a window that it has not judged
	// Due counts the verdicts that fell due while tasks governed.
	Due uint64
	// Opened, Committed and Revealed count what the ledger shows this account to have done.
	Opened, Committed, Revealed uint64
	// Settled counts how tasks ended whose verdict was held.
	Settled map[ledger.SettledBy]uint64
	// Alone counts the verdicts that this scorer wrote by itself while tasks governed, by reason.
	Alone map[Reason]uint64
	// Won and Lost count the challenges of this account that proved something, and those that cost the bond.
	Won, Lost uint64
	// Silenced counts accounts that lost stake for an answer that they did not reveal, whoever showed it.
	Silenced uint64
	// Outvoted counts final answers other than this scorer's own: never, unless it or all others are wrong.
	Outvoted uint64
	// Strange counts tasks of this scorer's model that are none of its own.
	Strange uint64
	// Refused counts operations that the ledger refused for another reason than that it is too early, or late.
	Refused uint64
	// Claims counts what this account said that others' tasks leave out, ClaimsLost what of it was refuted, which costs stake.
	Claims, ClaimsLost uint64
	// Refuted counts the claims of others that this account refuted.
	Refuted uint64
	// Contested are the false claims against this scorer's tasks that nobody has refuted yet, as far as it can refute them.
	Contested int
	// Refutes says whether it can: whether it has a proof log to ask.
	Refutes bool
}

// Reason is why a verdict is written alone although tasks govern.
type Reason string

// The reasons.
const (
	NoTask   Reason = "no_task"  // it is beyond what a task may hold
	TooMany  Reason = "too_many" // more tasks were under way than are kept
	NotTaken Reason = "refused"  // the ledger takes no such task
	// NobodyAnswered: no commitment to its task was revealed.
	NobodyAnswered Reason = "nobody"
	// Voided: its task was declared no window, or incomplete. A task opens once.
	Voided Reason = "void"
)

// Reasons lists them.
func Reasons() []Reason { return []Reason{NoTask, TooMany, NotTaken, NobodyAnswered, Voided} }

// Stats gives the snapshot. It may be called from any goroutine.
func (s *Service) Stats() Stats {
	st := s.scorer.Stats()
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.book.snapshot()
	out.Scorer = st
	return out
}
