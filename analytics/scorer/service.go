package scorer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/internal/idle"
)

// ErrConfig says that a configuration cannot work.
var ErrConfig = errors.New("WB_SCORER: configuration")

// Config is what a Service needs. Source, Sink and Model have no default.
type Config struct {
	Source Source
	Sink   Sink
	Model  *score.Model
	// Panel has a part in what is written; nil: every verdict of the partition is written by this service.
	Panel Panel
	// Checkpoint is the path of the checkpoint file; empty means that every start begins at block 0.
	Checkpoint string
	// CheckpointEvery is the least time between two checkpoints; default 5 seconds.
	CheckpointEvery time.Duration
	// Partition is the part of the shipments whose verdicts this service writes; default all.
	Partition Partition
	// Takeover is how long a verdict of another part may stay off the ledger before this service
	// writes it too; default 0, never.
	Takeover time.Duration
	// MaxShipments bounds the shipments under judgement at once; default 20,000. Scorers whose
	// verdicts are to agree need the same.
	MaxShipments int
	// MaxPending bounds the verdicts judged and not yet on the ledger; blocks are not read further
	// while there are more. Default 8,192.
	MaxPending int
	// GiveUp is how long the source or the sink may fail without a break before Run returns their
	// error; default 2 minutes.
	GiveUp time.Duration
	// Ends is asked of each valid transaction before it is judged, in order: once it reports true, nothing more falls due
	// here, for good. What fell due before is brought to its end. It must return at once; nil: never.
	Ends func(tx wire.Transaction) bool
	// Logger defaults to slog.Default().
	Logger *slog.Logger
}

// Partition is part Index of Count: the shipments whose hash modulo Count is Index. The zero value
// is all of them.
type Partition struct{ Index, Count int }

// Holds reports whether a shipment belongs to the part.
func (p Partition) Holds(shipment string) bool {
	if p.Count <= 1 {
		return true
	}
	sum := sha256.Sum256([]byte(shipment))
	return binary.BigEndian.Uint64(sum[:8])%uint64(p.Count) == uint64(p.Index) //nolint:gosec // checked by New
}

// Service judges shipments as their data reaches the ledger.
type Service struct {
	cfg   Config
	log   *slog.Logger
	queue *queue

	mu    sync.Mutex
	stats Stats
}

// Stats is a snapshot of a service's work.
type Stats struct {
	Position  uint64 // the next block to read
	Height    uint64 // the ledger's height when it was last asked
	Shipments int    // under judgement
	Judged    uint64 // verdicts judged since the start, those of other parts included
	Confirmed uint64 // of those to be written here, found on the ledger
	Pending   int    // judged and not yet on the ledger
	Refused   uint64 // verdicts that the ledger refused
	Overflow  uint64 // shipments given up because of MaxShipments
	Inputs    uint64 // inputs that the engine refused
	Ended     bool   // nothing more falls due here
}

const (
	maxBatch    = 250 // verdicts of one call of the sink
	maxInFlight = 4   // calls of the sink at once
	gather      = 20 * time.Millisecond
	behindPause = 250 * time.Millisecond
	retryFirst  = 200 * time.Millisecond
	retryMost   = 10 * time.Second
)

// New checks the configuration. It starts nothing.
func New(cfg Config) (*Service, error) {
	if cfg.CheckpointEvery == 0 {
		cfg.CheckpointEvery = 5 * time.Second
	}
	if cfg.MaxShipments == 0 {
		cfg.MaxShipments = feature.DefaultLimits().Shipments
	}
	if cfg.MaxPending == 0 {
		cfg.MaxPending = 8_192
	}
	if cfg.GiveUp == 0 {
		cfg.GiveUp = 2 * time.Minute
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	switch p := cfg.Partition; {
	case cfg.Source == nil || cfg.Sink == nil || cfg.Model == nil:
		return nil, fmt.Errorf("%w: source, sink and model are needed", ErrConfig)
	case p.Count < 0 || p.Index < 0 || p.Count > 0 && p.Index >= p.Count || p.Count == 0 && p.Index != 0:
		return nil, fmt.Errorf("%w: part %d of %d", ErrConfig, p.Index, p.Count)
	case cfg.MaxShipments < 1 || cfg.MaxPending < 1 || cfg.CheckpointEvery < 0 || cfg.Takeover < 0 || cfg.GiveUp < 0:
		return nil, fmt.Errorf("%w: a bound or a duration below its least", ErrConfig)
	}
	return &Service{cfg: cfg, log: cfg.Logger.With("part", "scorer"), queue: newQueue(cfg.Partition, cfg.Takeover)}, nil
}

// Stats gives the snapshot. It may be called from any goroutine.
func (s *Service) Stats() Stats {
	s.mu.Lock()
	st := s.stats
	s.mu.Unlock()
	st.Pending, st.Confirmed, st.Refused = s.queue.counts()
	return st
}

func (s *Service) limits() feature.Limits {
	l := feature.DefaultLimits()
	l.Containers = max(l.Containers, 4*s.cfg.MaxShipments)
	l.Shipments = s.cfg.MaxShipments
	return l
}

// Run reads blocks and writes verdicts until the context is done, which is no error, or until the
// source or the sink fails for good. It goes on where the checkpoint says; verdicts that were judged
// before it and did not reach the ledger are part of it and are written now. One Run at a time.
func (s *Service) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	height, err := s.height(ctx)
	if err != nil {
		return stopped(ctx, err)
	}
	state, err := s.start(height)
	if err != nil {
		return err
	}
	writer := make(chan error, 1)
	go func() { writer <- s.write(ctx, cancel) }()
	saver := newSaver(s.cfg.Checkpoint)

	err = s.read(ctx, state, height, saver)
	cancel()
	writeErr := <-writer
	saver.wait()
	if s.cfg.Checkpoint != "" {
		if data, saveErr := s.checkpoint(state); saveErr != nil {
			s.log.Error("last checkpoint", "error", saveErr)
		} else if saveErr = writeFile(s.cfg.Checkpoint, data); saveErr != nil {
			s.log.Error("last checkpoint", "error", saveErr)
		}
	}
	if writeErr != nil {
		return writeErr
	}
	return stopped(ctx, err)
}

// stopped gives nil for an end that the context asked for.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return nil
	}
	return err
}

// state is what a checkpoint saves, beside the queue.
type state struct {
	docket   *Docket
	position uint64 // the next block to read
	ended    bool   // Config.Ends has reported true
}

// docket gives an empty one. A panel's keeps what tasks refer to.
func (s *Service) docket() *Docket {
	if s.cfg.Panel != nil {
		return NewTaskDocket(s.cfg.Model, s.limits())
	}
	return NewDocket(s.cfg.Model, s.limits())
}

// start gives the state of the checkpoint, or an empty one.
func (s *Service) start(height uint64) (*state, error) {
	s.queue.reset(nil)
	if s.cfg.Panel != nil {
		if err := s.cfg.Panel.Reset(nil); err != nil {
			return nil, err
		}
	}
	fresh := &state{docket: s.docket()}
	if s.cfg.Checkpoint == "" {
		return fresh, nil
	}
	saved, err := readCheckpoint(s.cfg.Checkpoint, s.cfg.Model, s.docket())
	switch {
	case errors.Is(err, errNoCheckpoint):
		return fresh, nil
	case err != nil:
		s.log.Warn("the checkpoint cannot be used; judging again from block 0", "path", s.cfg.Checkpoint, "error", err)
		return fresh, nil
	case saved.position > height:
		s.log.Warn("the checkpoint is of another ledger; judging again from block 0", "position", saved.position, "height", height)
		return fresh, nil
	}
	if s.cfg.Panel != nil {
		if err = s.cfg.Panel.Reset(saved.panel); err != nil {
			s.log.Warn("the checkpoint's tasks cannot be used; judging again from block 0", "path", s.cfg.Checkpoint, "error", err)
			return fresh, s.cfg.Panel.Reset(nil)
		}
	}
	s.queue.reset(saved.pending)
	return &saved.state, nil
}

// checkpoint gives the parts of one.
func (s *Service) checkpoint(st *state) ([][]byte, error) {
	var panel []byte
	if s.cfg.Panel != nil {
		var err error
		if panel, err = s.cfg.Panel.Save(); err != nil {
			return nil, err
		}
	}
	return encodeCheckpoint(s.cfg.Model.Digest(), st, s.queue.unconfirmed(), panel)
}

// Write has verdicts written that are not to be tasks after all. It may be called from any goroutine.
func (s *Service) Write(alone []ledger.Verdict) { s.queue.add(alone) }

func (s *Service) height(ctx context.Context) (uint64, error) {
	var height uint64
	err := s.retry(ctx, "height of the ledger", func() (bool, error) {
		var err error
		height, err = s.cfg.Source.Height(ctx)
		return false, err
	})
	return height, err
}

// retry repeats what fails, with growing pauses, until it succeeds, the context is done, or it has
// failed for GiveUp without progress.
func (s *Service) retry(ctx context.Context, what string, do func() (progress bool, err error)) error {
	pause, since := retryFirst, time.Now()
	for {
		progress, err := do()
		if err == nil {
			return nil
		}
		if progress {
			pause, since = retryFirst, time.Now()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if permanent(err) || time.Since(since) >= s.cfg.GiveUp {
			return fmt.Errorf("scorer: %s: %w", what, err)
		}
		s.log.Warn("trying again", "what", what, "error", err, "pause", pause)
		if err := idle.For(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, retryMost)
	}
}

// permanent tells what no second try will mend.
func permanent(err error) bool { return errors.Is(err, ledger.ErrUnauthorised) }

// read applies blocks until the context is done or the source fails for good.
func (s *Service) read(ctx context.Context, st *state, height uint64, saver *saver) error {
	s.publish(st, height)
	s.queue.hold(st.position < height)
	if s.cfg.Panel != nil {
		s.cfg.Panel.Applied(st.position >= height)
	}
	saved, every := time.Now(), s.cfg.CheckpointEvery
	return s.retry(ctx, "blocks", func() (progress bool, err error) {
		for block, err := range s.cfg.Source.Blocks(ctx, st.position) {
			if err != nil {
				return progress, err
			}
			if block.Number != st.position {
				return progress, fmt.Errorf("block %d came where %d was asked for", block.Number, st.position)
			}
			s.apply(st, block)
			progress = true
			s.publish(st, height)
			if s.cfg.Panel != nil {
				s.cfg.Panel.Applied(st.position >= height)
			}
			if st.position >= height {
				// What an earlier run or another scorer wrote has now been seen; what is left is ours.
				s.queue.hold(false)
			}
			if s.cfg.Checkpoint != "" && time.Since(saved) >= every && saver.idle() {
				begun := time.Now()
				data, err := s.checkpoint(st)
				if err != nil {
					return progress, fmt.Errorf("checkpoint: %w", err)
				}
				saver.save(data, func(err error) { s.log.Error("checkpoint", "error", err) })
				saved = time.Now()
				// A large state takes a while: blocks wait for it for at most a twentieth of the time, and a
				// fifth goes to writing it.
				every = max(s.cfg.CheckpointEvery, 20*saved.Sub(begun), 5*saver.last())
			}
			if err := s.queue.room(ctx, s.cfg.MaxPending); err != nil {
				return progress, err
			}
		}
		if ctx.Err() != nil {
			return progress, ctx.Err()
		}
		return progress, errors.New("the stream of blocks ended without a reason")
	})
}

func (s *Service) apply(st *state, block Block) {
	judged := uint64(0)
	for _, recorded := range block.Transactions {
		if s.cfg.Ends != nil && s.cfg.Ends(recorded.Tx) {
			st.ended = true
		}
		due := st.docket.Judge(block.Number, recorded.Tx)
		if st.ended {
			due = nil
		}
		judged += uint64(len(due))
		s.queue.add(s.alone(recorded, due))
		for _, v := range recorded.Tx.Verdicts {
			if v.Model == s.cfg.Model.Name() {
				s.queue.seen(v)
			}
		}
	}
	st.position = block.Number + 1
	s.mu.Lock()
	s.stats.Judged += judged
	s.mu.Unlock()
}

// alone gives the verdicts that this service writes by itself.
func (s *Service) alone(recorded Recorded, due []Due) []ledger.Verdict {
	if s.cfg.Panel != nil {
		return s.cfg.Panel.Apply(recorded, due)
	}
	verdicts := make([]ledger.Verdict, len(due))
	for i, d := range due {
		verdicts[i] = d.Verdict
	}
	return verdicts
}

func (s *Service) publish(st *state, height uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Position, s.stats.Height = st.position, max(height, st.position)
	s.stats.Ended = st.ended
	s.stats.Shipments, s.stats.Overflow, s.stats.Inputs = st.docket.Shipments(), st.docket.Overflow(), st.docket.Refused()
}

// write sends what the queue holds, a few calls at a time, until the context is done. It cancels
// the service when the sink fails for good.
func (s *Service) write(ctx context.Context, cancel context.CancelFunc) error {
	slots := make(chan struct{}, maxInFlight)
	var failed error
	var once sync.Once
	var calls sync.WaitGroup
	defer calls.Wait()
	for {
		select {
		case <-ctx.Done():
			calls.Wait()
			return failed
		case slots <- struct{}{}:
		}
		batch, err := s.queue.take(ctx, s.cfg.MaxPending)
		if err != nil {
			calls.Wait()
			return failed
		}
		calls.Go(func() {
			defer func() { <-slots }()
			err := s.retry(ctx, "verdicts", func() (bool, error) { return false, s.send(ctx, batch) })
			if err != nil && ctx.Err() == nil {
				once.Do(func() {
					failed = err
					cancel()
				})
			}
		})
	}
}

func (s *Service) send(ctx context.Context, batch []ledger.Verdict) error {
	answers, err := s.cfg.Sink.Verdicts(ctx, batch)
	if err != nil {
		return err
	}
	if len(answers) != len(batch) {
		return fmt.Errorf("%d answers to %d verdicts", len(answers), len(batch))
	}
	for i, a := range answers {
		if a.Status == ledger.StatusRefused && a.Code == ledger.Code(ledger.ErrUnknown) && s.queue.postpone(batch[i], behindPause, s.cfg.GiveUp) {
			// Its evidence is on the ledger, where it was read, but a peer that was asked is a block behind.
			continue
		}
		if a.Status == ledger.StatusRefused {
			s.log.Error("the ledger refused a verdict", "shipment", batch[i].Shipment, "window", batch[i].Window, "code", a.Code, "message", a.Message)
		}
		s.queue.settle(batch[i], a.Status == ledger.StatusRefused)
	}
	return nil
}
