package readmodel

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

var (
	// ErrForeign says that the store was built from another ledger than the one it is given. Point it
	// at the right ledger, or delete the store to have it built again.
	ErrForeign = errors.New("WB_STORE_FOREIGN")
	// ErrNewer says that a newer version of the program has written the store. Use that version, or
	// delete the store.
	ErrNewer = errors.New("WB_STORE_NEWER")
	// ErrOlder says that the store, which is only to be read, was left by an older version of the program, or is not made yet.
	// The process that keeps it migrates it when it runs this version.
	ErrOlder = errors.New("WB_STORE_OLDER")
	// ErrCorrupt says that the store does not hold what it must. Delete it to have it built again.
	ErrCorrupt = errors.New("WB_STORE_CORRUPT")
	// ErrGap says that a block was given out of order.
	ErrGap = errors.New("WB_STORE_GAP")
	// ErrUnavailable says that the store's database does not answer. Ask again later.
	ErrUnavailable = errors.New("WB_STORE_UNAVAILABLE")
	// ErrLocation says that the connection URL of the store's database is wrong.
	ErrLocation = errors.New("WB_STORE_LOCATION")
	// ErrNotFound says that the read model does not hold what was asked for.
	ErrNotFound = fmt.Errorf("the ledger holds no such thing up to the block read: %w", ledger.ErrUnknown)
)

// Config says where the store is and how much it may use.
type Config struct {
	// Path is the file of the store, on SQLite; it and its folder are made if they are not there.
	Path string
	// Postgres is the connection URL of a PostgreSQL database that holds the store instead, as libpq
	// reads it: with TLS as its sslmode says, in the schema that its search_path names.
	Postgres string
	// Readers bounds the questions answered at a time; default 8.
	Readers int
	// BatchBlocks and BatchFacts bound what one database transaction takes in while the store is
	// behind; default 256 blocks and 20,000 facts.
	BatchBlocks int
	BatchFacts  int
	// Retry is the longest wait before a block stream that ended is opened again; default 5 s.
	Retry time.Duration
	// Watch is called after each database transaction that took in blocks, with the blocks taken in
	// altogether and the facts of the transaction; nil for none.
	Watch Watch
	// Metrics takes the store's metrics; nil for none.
	Metrics prometheus.Registerer
	// Logger defaults to slog.Default().
	Logger *slog.Logger
	// partEntries is the constant of that name, or fewer in tests.
	partEntries int
}

func (c Config) withDefaults() Config {
	if c.Readers <= 0 {
		c.Readers = 8
	}
	if c.BatchBlocks <= 0 {
		c.BatchBlocks = 256
	}
	if c.BatchFacts <= 0 {
		c.BatchFacts = 20_000
	}
	if c.Retry <= 0 {
		c.Retry = 5 * time.Second
	}
	if c.partEntries <= 0 {
		c.partEntries = partEntries
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

// Store is the read model. Its questions may be asked from any goroutine while one goroutine takes
// in blocks.
type Store struct {
	cfg        Config
	log        *slog.Logger
	dialect    dialect
	tables     [tableCount]table
	bounds     selectBounds
	cache      partCache
	write      *sql.DB    // one connection
	edge       *proof.Log // kept by the goroutine that takes in blocks; see writer.logEdge
	read       *sql.DB
	schema     int    // version
	schemaName string // on PostgreSQL
	readOnly   bool
	analyse    int  // facts to take in before the database looks at its tables
	nextLook   int  // how many after that
	loading    bool // see load

	metrics metrics

	mu      sync.Mutex
	height  uint64
	changed chan struct{}
}

// Open opens the store, making and migrating it as needed. It fails with ErrNewer, ErrCorrupt,
// ErrLocation or ErrUnavailable.
func Open(ctx context.Context, cfg Config) (*Store, error) { return openIn(ctx, cfg, "") }

// OpenReadOnly opens a store that another process keeps, to ask it questions: it is neither made nor migrated nor written to.
// It fails with ErrOlder or ErrNewer where its schema is not that of this program, and as Open does.
func OpenReadOnly(ctx context.Context, cfg Config) (*Store, error) {
	return (&Store{readOnly: true}).openWith(ctx, cfg)
}

// openIn opens the store in another schema of its database than the one that the URL names.
func openIn(ctx context.Context, cfg Config, schemaName string) (*Store, error) {
	return (&Store{schemaName: schemaName}).openWith(ctx, cfg)
}

func (s *Store) openWith(ctx context.Context, cfg Config) (*Store, error) {
	cfg = cfg.withDefaults()
	s.cfg, s.log, s.tables, s.bounds, s.changed = cfg, cfg.Logger, tables(), defaultBounds(), make(chan struct{})
	if err := s.open(ctx); err != nil {
		s.Close() //nolint:errcheck // the error that counts is the one above
		return nil, fmt.Errorf("read model %s: %w", cfg.Location(), err)
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	open := s.openSQLite
	if s.cfg.Postgres != "" {
		open = s.openPostgres
	}
	if err := open(ctx); err != nil {
		return err
	}
	s.read.SetMaxOpenConns(s.cfg.Readers)
	s.read.SetMaxIdleConns(s.cfg.Readers)
	if !s.readOnly {
		// The row is always there, so that whoever takes in blocks can lock it.
		nothing := make([]byte, len(Progress{}.Hash))
		if _, err := s.write.ExecContext(ctx, s.dialect.bind(`INSERT INTO position (one, block, hash, genesis) VALUES (1, -1, ?, ?) ON CONFLICT (one) DO NOTHING`), nothing, nothing); err != nil {
			return err
		}
	}
	p, err := readPosition(ctx, asker{s.dialect, s.write}, "")
	if s.readOnly && errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%w: it is being made", ErrOlder)
	}
	if err != nil {
		return err
	}
	s.height = p.Height
	s.metrics = newMetrics(s.cfg.Metrics, func() float64 { h, _ := s.Changed(); return float64(h) })
	return nil
}

// Close gives up the store. No question may be under way.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// SchemaVersion is the version of the store's schema.
func (s *Store) SchemaVersion() int { return s.schema }

// Progress is how far the ledger has been taken in.
type Progress struct {
	// Height is the number of blocks taken in: the number of the next one.
	Height uint64
	// Hash is the hash of the last block taken in; zero at height 0.
	Hash [32]byte
	// Genesis is the hash of block 0, which names the ledger; zero at height 0.
	Genesis [32]byte
}

// Progress reads how far the ledger has been taken in.
func (s *Store) Progress(ctx context.Context) (Progress, error) {
	p, err := readPosition(ctx, s.asking(), "")
	return p, s.failed(err)
}

// readPosition reads the position; lock is what the dialect ends such a question with, or empty.
func readPosition(ctx context.Context, q querier, lock string) (p Progress, err error) {
	var block int64
	var hash, genesis []byte
	err = q.QueryRowContext(ctx, `SELECT block, hash, genesis FROM position`+lock).Scan(&block, &hash, &genesis)
	if err != nil || block == -1 {
		return Progress{}, err
	}
	if len(hash) != len(p.Hash) || len(genesis) != len(p.Genesis) || block < 0 {
		return Progress{}, fmt.Errorf("%w: position is block %d with a hash of %d bytes", ErrCorrupt, block, len(hash))
	}
	p.Height = uint64(block) + 1
	copy(p.Hash[:], hash)
	copy(p.Genesis[:], genesis)
	return p, nil
}

// asking asks the store outside a transaction.
func (s *Store) asking() querier { return asker{s.dialect, s.read} }

// failed marks an error of a database that may answer later.
func (s *Store) failed(err error) error {
	if err != nil && s.cfg.Postgres != "" {
		return unreachable(err)
	}
	return err
}

// Changed gives the number of blocks taken in and a channel that is closed when there are more.
func (s *Store) Changed() (height uint64, more <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.height, s.changed
}

// WaitFor returns once the block of that number has been taken in, or with the context's error.
func (s *Store) WaitFor(ctx context.Context, block uint64) error {
	for {
		height, more := s.Changed()
		if height > block {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Store) advance(height uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if height > s.height {
		s.height = height
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

// Follow notices what another process takes into the same store, looking every interval, until the
// context is done. A process that calls Run has no need of it.
func (s *Store) Follow(ctx context.Context, interval time.Duration) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		p, err := s.Progress(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		s.advance(p.Height)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

type metrics struct {
	blocks, facts prometheus.Counter
	commits       prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer, height func() float64) metrics {
	m := metrics{
		blocks:  prometheus.NewCounter(prometheus.CounterOpts{Name: "waybill_readmodel_blocks_total", Help: "Blocks taken in since the start."}),
		facts:   prometheus.NewCounter(prometheus.CounterOpts{Name: "waybill_readmodel_facts_total", Help: "Events, restatements, segments and verdicts taken in since the start."}),
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "waybill_readmodel_commit_seconds", Help: "Time of a database transaction that takes in blocks.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}),
	}
	if reg != nil {
		reg.MustRegister(m.blocks, m.facts, m.commits,
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "waybill_readmodel_height", Help: "Blocks taken in."}, height))
	}
	return m
}
