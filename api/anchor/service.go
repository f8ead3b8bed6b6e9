package anchor

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/submit"
)

var (
	// ErrNotAnchored says that no root that a majority anchored covers what is asked. Ask again later.
	ErrNotAnchored = errors.New("WB_PROOF_NOT_ANCHORED: not yet under a root that a majority of the organisations anchored")
	// ErrDisagrees says that this node's proof log is not the one that a majority anchored: its store is
	// damaged, or was told otherwise than the others. Check the store; ask another organisation's node.
	ErrDisagrees = errors.New("WB_ROOT_DISAGREES: this node's proof log is not the one that a majority of the organisations anchored")
	// ErrDamaged says that what is stored is not what the proof log was made of, so that nothing of it can
	// be proven: check the store and build it anew from the ledger.
	ErrDamaged = errors.New("WB_PROOF_STORE_DAMAGED: what this node stores is not what its proof log was made of; its operator has to check the store")
)

// Store is the read model as far as roots and proofs go; *readmodel.Store is one.
type Store interface {
	Changed() (height uint64, more <-chan struct{})
	LatestRoot(ctx context.Context) (ledger.Root, error)
	Root(ctx context.Context, height uint64) (ledger.Root, error)
	Anchors(ctx context.Context, above uint64, limit int) ([]readmodel.Anchored, error)
	LatestAnchors(ctx context.Context, below uint64, limit int) ([]readmodel.Anchored, error)
	AnchorsAt(ctx context.Context, height uint64) ([]readmodel.Anchored, error)
	LastAnchor(ctx context.Context, mspID string) (readmodel.Anchored, error)
	Disagreements(ctx context.Context) (map[string]readmodel.Disagreement, error)
	ProofsOf(ctx context.Context, height uint64, keys []string) (proof.Proof, error)
	Consistency(ctx context.Context, from, to uint64) (proof.Proof, error)
}

// Submitter puts roots on the ledger; *submit.Submitter is one.
type Submitter interface {
	Roots(ctx context.Context, roots []wire.SignedRoot) ([]submit.Outcome, error)
}

// Config is what a Service needs. Store, Channel, MSPID and Organisations have no default; without
// Submit and Key it watches and proves, and anchors nothing. An organisation whose agreement does not count
// has none of them.
type Config struct {
	Store   Store
	Channel string
	MSPID   string
	// Organisations are the MSP IDs whose agreement counts.
	Organisations []string
	Submit        Submitter
	Key           crypto.Signer // of the identity that Submit submits by
	// Every is how long new leaves wait for their root, default 5 s; Blocks how many blocks with leaves
	// at most, default 1,000. Organisations take turns: those later in the order wait a little longer, and sign
	// the height that another has chosen.
	Every  time.Duration
	Blocks uint64
	// LateAfter and AbsentAfter say when an organisation that has not anchored what a majority has is
	// late, and absent; default 6 and 120 times Every.
	LateAfter, AbsentAfter time.Duration
	Clock                  func() time.Time // default time.Now
	Metrics                prometheus.Registerer
	Logger                 *slog.Logger
}

// Service anchors, watches and proves.
type Service struct {
	cfg       Config
	log       *slog.Logger
	rank      int
	anchored  uint64 // height of the last root that this process has put on the ledger
	waitingAt uint64 // a latest root that is not anchored yet
	since     time.Time
	told      map[string]string // what was last logged of each organisation
	metrics   metrics
}

// New makes a service. It starts nothing.
func New(cfg Config) (*Service, error) {
	switch {
	case cfg.Store == nil || cfg.Channel == "" || cfg.MSPID == "":
		return nil, errors.New("anchor: no store, channel or organisation")
	case (cfg.Submit == nil) != (cfg.Key == nil):
		return nil, errors.New("anchor: a submitter without its key, or a key without a submitter")
	}
	organisations := slices.Clone(cfg.Organisations)
	slices.Sort(organisations)
	cfg.Organisations = slices.Compact(organisations)
	if len(cfg.Organisations) == 0 {
		return nil, errors.New("anchor: no organisation's agreement counts")
	}
	rank, counts := slices.BinarySearch(cfg.Organisations, cfg.MSPID)
	if !counts && cfg.Submit != nil {
		return nil, fmt.Errorf("anchor: the roots of %s do not count, so it has none to submit", cfg.MSPID)
	}
	span := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	span(&cfg.Every, 5*time.Second)
	span(&cfg.LateAfter, 6*cfg.Every)
	span(&cfg.AbsentAfter, 120*cfg.Every)
	if cfg.Blocks == 0 {
		cfg.Blocks = 1_000
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &Service{cfg: cfg, log: cfg.Logger, rank: rank, told: map[string]string{}, metrics: newMetrics(cfg.Metrics)}, nil
}

const (
	// look is how often the service looks at the clock; a change of the store wakes it too, but not
	// sooner than rest after it last looked.
	look = time.Second
	rest = 250 * time.Millisecond
	// window is how many anchored roots are looked at for an agreement.
	window = 2_000
)

// Run anchors and watches until the context is done, which is no error. What fails is tried again.
func (s *Service) Run(ctx context.Context) error {
	watched := time.Time{}
	for ctx.Err() == nil {
		_, more := s.cfg.Store.Changed()
		if err := s.step(ctx); err != nil && ctx.Err() == nil {
			s.metrics.failures.Inc()
			s.log.Warn("the root could not be anchored", "error", err)
		}
		if now := s.cfg.Clock(); now.Sub(watched) >= look {
			watched = now
			if err := s.watch(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("the other organisations' roots could not be read", "error", err)
			}
		}
		pause := time.NewTimer(rest)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return nil
		}
		again := time.NewTimer(look - rest)
		select {
		case <-more:
		case <-again.C:
		case <-ctx.Done():
		}
		again.Stop()
	}
	return nil
}

// step anchors a root if it is time.
func (s *Service) step(ctx context.Context) error {
	if s.cfg.Submit == nil {
		return nil
	}
	last, err := s.cfg.Store.LastAnchor(ctx, s.cfg.MSPID)
	if err != nil && !errors.Is(err, readmodel.ErrNotFound) {
		return err
	}
	head := max(last.Root.Height, s.anchored)
	latest, err := s.cfg.Store.LatestRoot(ctx)
	if err != nil && !errors.Is(err, readmodel.ErrNotFound) {
		return err
	}
	if latest.Height <= head {
		s.waitingAt = 0
		return nil
	}
	now := s.cfg.Clock()
	if s.waitingAt == 0 {
		s.waitingAt, s.since = latest.Height, now
	}
	height, err := s.others(ctx, head)
	if err != nil {
		return err
	}
	if height == 0 {
		due := s.cfg.Every + time.Duration(s.rank)*s.cfg.Every/4
		if now.Sub(s.since) < due && latest.Height-head < s.cfg.Blocks*uint64(s.rank+1) { //nolint:gosec // a small number
			return nil
		}
		height = latest.Height
	}
	return s.anchor(ctx, height)
}

// others gives the highest root above head that another organisation has anchored and this log has a
// root at; 0 if there is none. Whether the two agree does not matter: if not, it shall be seen.
func (s *Service) others(ctx context.Context, head uint64) (uint64, error) {
	latest, err := s.cfg.Store.LatestAnchors(ctx, ^uint64(0), window)
	for _, a := range latest {
		if a.Root.Height <= head {
			break
		}
		if a.MSPID != s.cfg.MSPID && a.Own != nil {
			return a.Root.Height, nil
		}
	}
	return 0, err
}

func (s *Service) anchor(ctx context.Context, height uint64) error {
	root, err := s.cfg.Store.Root(ctx, height)
	if err != nil {
		return err
	}
	root.Channel = s.cfg.Channel
	signed, err := Sign(s.cfg.Key, s.cfg.MSPID, root, ledger.MillisOf(s.cfg.Clock()))
	if err != nil {
		return err
	}
	outcomes, err := s.cfg.Submit.Roots(ctx, []wire.SignedRoot{signed})
	if err != nil {
		return err
	}
	s.anchored, s.waitingAt = height, 0
	if o := outcomes[0]; o.Status == ledger.StatusRefused {
		return fmt.Errorf("%s: the root at height %d: %s", o.Code, height, o.Message)
	}
	s.metrics.anchored.Inc()
	s.log.Debug("anchored", "height", height, "leaves", root.Size, "root", root.Hash.String(), "tx", outcomes[0].TxID)
	return nil
}

// Sign states a root by the key of an organisation, which is named by its MSP ID.
func Sign(key crypto.Signer, mspID string, root ledger.Root, at ledger.Millis) (wire.SignedRoot, error) {
	statement, err := wire.RootStatement(root, mspID, at)
	if err != nil {
		return wire.SignedRoot{}, err
	}
	signature, err := ledger.SignStatement(key, rand.Reader, statement)
	return wire.SignedRoot{Root: root, Signed: ledger.RootSignature{At: at, Signature: signature}}, err
}

// watch logs and counts how the organisations stand.
func (s *Service) watch(ctx context.Context) error {
	standings, agreed, err := s.Standings(ctx)
	if err != nil {
		return err
	}
	if agreed != nil {
		s.metrics.agreed.Set(float64(agreed.Root.Height))
	}
	for _, o := range standings {
		s.metrics.observe(o)
		key := fmt.Sprintf("%s %d", o.State, o.FalseRoots)
		before, known := s.told[o.MSPID]
		if key == before {
			continue
		}
		s.told[o.MSPID] = key
		level := slog.LevelInfo
		switch o.State {
		case Differs:
			level = slog.LevelError
		case Late, Absent:
			level = slog.LevelWarn
		case Nothing, Agrees:
			if !known && o.FalseRoots == 0 {
				continue
			}
			if o.FalseRoots > 0 {
				level = slog.LevelError
			}
		}
		s.log.Log(ctx, level, "an organisation's roots", "organisation", o.MSPID, "standing", string(o.State), "why", o.Why, "false_roots", o.FalseRoots)
	}
	return nil
}

type metrics struct {
	anchored, failures prometheus.Counter
	agreed             prometheus.Gauge
	height, behind     *prometheus.GaugeVec
	falseRoots, state  *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) metrics {
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	m := metrics{
		anchored:   prometheus.NewCounter(prometheus.CounterOpts{Name: "waybill_anchor_roots_total", Help: "Roots that this process anchored."}),
		failures:   prometheus.NewCounter(prometheus.CounterOpts{Name: "waybill_anchor_failures_total", Help: "Attempts to anchor a root that failed."}),
		agreed:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "waybill_anchor_agreed_height", Help: "Height of the last root that a majority of the organisations anchored."}),
		height:     gauge("waybill_anchor_height", "Height of the last root of each organisation.", "organisation"),
		behind:     gauge("waybill_anchor_behind_blocks", "Blocks by which an organisation's last root is behind what a majority anchored.", "organisation"),
		falseRoots: gauge("waybill_anchor_false_roots", "Roots of each organisation that are not those of this node.", "organisation"),
		state:      gauge("waybill_anchor_standing", "1 for what an organisation's roots are: nothing, agrees, differs, late or absent.", "organisation", "standing"),
	}
	if reg != nil {
		reg.MustRegister(m.anchored, m.failures, m.agreed, m.height, m.behind, m.falseRoots, m.state)
	}
	return m
}

func (m metrics) observe(o Standing) {
	if o.Last != nil {
		m.height.WithLabelValues(o.MSPID).Set(float64(o.Last.Root.Height))
	}
	m.behind.WithLabelValues(o.MSPID).Set(float64(o.BehindBlocks))
	m.falseRoots.WithLabelValues(o.MSPID).Set(float64(o.FalseRoots))
	for _, state := range []State{Nothing, Agrees, Differs, Late, Absent} {
		value := 0.0
		if o.State == state {
			value = 1
		}
		m.state.WithLabelValues(o.MSPID, string(state)).Set(value)
	}
}
