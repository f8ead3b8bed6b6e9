package repository

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/api/rest"
	"github.com/waybill-dev/waybill/api/servicestate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/submit"
)

// Recorder puts events, and the vocabulary elements in the headers of documents, on the ledger; gateway/submit implements it.
type Recorder interface {
	Events(ctx context.Context, events []submit.Event) ([]submit.Outcome, error)
	Elements(ctx context.Context, elements []wire.ElementEntry) ([]submit.Outcome, error)
}

// Rehearsal runs a function of the chaincode on one peer and records nothing; gateway/fabric
// implements it.
type Rehearsal interface {
	Evaluate(ctx context.Context, function string, arguments ...[]byte) ([]byte, error)
}

// Reader answers questions about the ledger up to the block it has read; api/readmodel implements it.
type Reader interface {
	Select(ctx context.Context, q *query.Query, md query.MasterData, cursor string, limit int) (readmodel.Selected, error)
	Values(ctx context.Context, of readmodel.Resource, after string, limit int) ([]string, error)
	HasValue(ctx context.Context, of readmodel.Resource, value string) (bool, error)
	Event(ctx context.Context, hash ledger.Digest) (readmodel.Event, error)
	EntriesAfter(ctx context.Context, after *readmodel.Position, limit int) ([]readmodel.Entry, error)
	PositionBefore(ctx context.Context, at ledger.Millis) (readmodel.Position, bool, error)
	LastEntry(ctx context.Context) (readmodel.Position, bool, error)
	Changed() (height uint64, more <-chan struct{})
	WaitFor(ctx context.Context, block uint64) error
}

// Jobs keeps capture jobs; api/servicestate implements it.
type Jobs interface {
	CreateJob(ctx context.Context, behaviour rest.ErrorBehaviour, document []byte) (id string, err error)
	Job(ctx context.Context, id string) (rest.Job, error)
	Jobs(ctx context.Context, before string, limit int) (jobs []rest.Job, more bool, err error)
	ClaimJob(ctx context.Context) (w servicestate.Work, ok bool, err error)
	JobDocument(ctx context.Context, id string) ([]byte, error)
	KeepJob(ctx context.Context, id string, sending bool, errs []rest.JobError) error
	ExtendJob(ctx context.Context, id string) error
	FinishJob(ctx context.Context, id string, errs []rest.JobError) error
	LeaveJob(ctx context.Context, id string) error
	LeaseTime() time.Duration
}

// Config is what a Repository needs. Recorder, Rehearsal, Reader and Jobs have no default.
type Config struct {
	Recorder  Recorder
	Rehearsal Rehearsal
	Reader    Reader
	Jobs      Jobs
	// Limits are those that documents were parsed with.
	Limits epcis.Limits
	// Workers is how many jobs are under way at a time, default 64, and DocumentBytes how much their
	// documents may hold in sum, default 64 MiB; one larger than that is done by itself.
	Workers       int
	DocumentBytes int64
	// Chunk is how many events of a job are put to the recorder at a time, default 16,000.
	Chunk int
	// Patience is how long a job tries again while the network does not take it, default 6 h; then it
	// ends with what was not recorded among its errors.
	Patience time.Duration
	// RecordTime bounds how long one event posted by itself is tried, default 25 s.
	RecordTime time.Duration
	// ReadableTime bounds how long a write waits for the read model to take it in, default 5 s.
	ReadableTime time.Duration
	// Metrics takes metrics; nil for none.
	Metrics prometheus.Registerer
	// Logger defaults to slog.Default(). It gets no bodies.
	Logger *slog.Logger
}

// Repository implements rest.Capturer and rest.Events.
type Repository struct {
	cfg    Config
	log    *slog.Logger
	wake   chan struct{}
	room   *semaphore.Weighted
	ended  *prometheus.CounterVec
	events *prometheus.CounterVec

	mu     sync.Mutex
	height uint64 // at which last was asked
	last   readmodel.Position
	any    bool // there is a last entry
}

var (
	_ rest.Capturer = (*Repository)(nil)
	_ rest.Events   = (*Repository)(nil)
)

// New makes a repository. Jobs are done while Run runs.
func New(cfg Config) (*Repository, error) {
	if cfg.Recorder == nil || cfg.Rehearsal == nil || cfg.Reader == nil || cfg.Jobs == nil {
		return nil, errors.New("repository: no recorder, rehearsal, reader or jobs")
	}
	count := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	span := func(v *time.Duration, d time.Duration) {
		if *v <= 0 {
			*v = d
		}
	}
	count(&cfg.Workers, 64)
	if cfg.DocumentBytes <= 0 {
		cfg.DocumentBytes = 64 << 20
	}
	count(&cfg.Chunk, 16_000)
	span(&cfg.Patience, 6*time.Hour)
	span(&cfg.RecordTime, 25*time.Second)
	span(&cfg.ReadableTime, 5*time.Second)
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	r := &Repository{
		cfg: cfg, log: cfg.Logger, wake: make(chan struct{}, 1), room: semaphore.NewWeighted(cfg.DocumentBytes),
		ended:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "waybill_rest_jobs_ended_total", Help: "Capture jobs that have ended, by behaviour and result."}, []string{"behaviour", "result"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "waybill_rest_events_total", Help: "Events captured over REST, by what became of them."}, []string{"status"}),
	}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(r.ended, r.events)
	}
	return r, nil
}

// Start implements rest.Capturer.
func (r *Repository) Start(ctx context.Context, c rest.Capture) (string, error) {
	id, err := r.cfg.Jobs.CreateJob(ctx, c.Behaviour, c.Raw)
	if err != nil {
		return "", err
	}
	r.hurry()
	return id, nil
}

// hurry wakes a worker.
func (r *Repository) hurry() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Job implements rest.Capturer.
func (r *Repository) Job(ctx context.Context, id string) (rest.Job, error) {
	return r.cfg.Jobs.Job(ctx, id)
}

// Jobs implements rest.Capturer.
func (r *Repository) Jobs(ctx context.Context, cursor string, limit int) (jobs []rest.Job, next string, err error) {
	jobs, more, err := r.cfg.Jobs.Jobs(ctx, cursor, limit)
	if err != nil {
		return nil, "", err
	}
	if more && len(jobs) > 0 {
		next = jobs[len(jobs)-1].ID
	}
	return jobs, next, nil
}

// Record implements rest.Capturer.
func (r *Repository) Record(ctx context.Context, source epcis.Source) (rest.Record, error) {
	if source.Err != nil {
		return rest.Record{}, fmt.Errorf("%w: %w", rest.ErrInvalid, source.Err)
	}
	event, fault := entryOf(source)
	if fault != nil {
		return rest.Record{}, fmt.Errorf("%w: %s: %s", rest.ErrInvalid, fault.Code, fault.Detail)
	}
	limited, cancel := context.WithTimeout(ctx, r.cfg.RecordTime)
	defer cancel()
	outcomes, err := r.cfg.Recorder.Events(limited, []submit.Event{event})
	if len(outcomes) != 1 {
		return rest.Record{}, unavailable(err)
	}
	o := outcomes[0]
	if o.Err != nil {
		code, message, final := finalOf(o.Err)
		if !final {
			return rest.Record{}, unavailable(o.Err)
		}
		o.Status, o.Code, o.Message = ledger.StatusRefused, code, message
	}
	r.events.WithLabelValues(statusWord(o)).Inc()
	if o.Status == ledger.StatusRefused {
		if o.Code == ledger.CodeConflict {
			return rest.Record{}, fmt.Errorf("%w: %s", rest.ErrConflict, o.Message)
		}
		return rest.Record{}, fmt.Errorf("%w: %s: %s", rest.ErrInvalid, o.Code, o.Message)
	}
	return r.recorded(ctx, source.Event, o), nil
}

// recorded gives what the repository holds of an event, as far as the read model tells it in time.
func (r *Repository) recorded(ctx context.Context, e *epcis.Event, o submit.Outcome) rest.Record {
	rec := rest.Record{Event: e, Hash: e.Hash()}
	ctx, cancel := context.WithTimeout(ctx, r.cfg.ReadableTime)
	defer cancel()
	for {
		height, more := r.cfg.Reader.Changed()
		if height > o.Block {
			have, err := r.cfg.Reader.Event(ctx, ledger.Digest(rec.Hash))
			if err == nil && e.EventID != "" && e.EventID != have.EventID {
				if r.restated(ctx, &rec) {
					return rec
				}
			} else if err == nil {
				if !e.IsErrorDeclaration() || have.DeclaredInError && len(have.Restatements) == 0 {
					return recordOf(have, rec)
				}
				for _, s := range have.Restatements {
					if s.TxID == o.TxID {
						rec.RecordTime = s.RecordedAt.Time()
						return rec
					}
				}
			}
			if err != nil && !errors.Is(err, readmodel.ErrNotFound) {
				return rec
			}
		}
		select {
		case <-more:
		case <-ctx.Done():
			return rec // it is recorded; when is not known yet
		}
	}
}

// restated finds the text of an event that bears the eventID it was sent with, which is not that of its
// first text.
func (r *Repository) restated(ctx context.Context, rec *rest.Record) bool {
	found, err := r.Event(ctx, rec.Event.EventID)
	if err != nil {
		return false
	}
	for _, f := range found {
		if f.Hash == rec.Hash && f.Event.EventID == rec.Event.EventID && f.Event.IsErrorDeclaration() == rec.Event.IsErrorDeclaration() {
			*rec = f
			return true
		}
	}
	return false
}

// recordOf gives the recorded text of an event, or what was sent where it cannot be read.
func recordOf(have readmodel.Event, sent rest.Record) rest.Record {
	if e, err := epcis.ParseEvent(have.Context, have.Body); err == nil {
		sent.Event = e
	}
	sent.RecordTime = have.RecordedAt.Time()
	return sent
}

func statusWord(o submit.Outcome) string {
	switch o.Status {
	case ledger.StatusRecorded:
		return "recorded"
	case ledger.StatusDuplicate:
		return "duplicate"
	case ledger.StatusRefused:
	}
	return "refused"
}

// unavailable marks what may succeed later.
func unavailable(err error) error {
	switch {
	case err == nil:
		return rest.ErrUnavailable
	case errors.Is(err, submit.ErrBusy):
		return fmt.Errorf("%w: %w", rest.ErrBusy, err)
	case errors.Is(err, context.Canceled):
		return err
	}
	return fmt.Errorf("%w: %w", rest.ErrUnavailable, err)
}

// finalOf reports whether the answer to an input will be the same however often it is sent again, though
// it came as an error; the code and message are then the refusal's.
func finalOf(err error) (code, message string, final bool) {
	switch {
	case errors.Is(err, fabric.ErrUnknownOutcome):
		return "", "", false
	case errors.Is(err, fabric.ErrRefused):
		if e, ok := errors.AsType[*fabric.Error](err); ok && e.Code != "" {
			return e.Code, e.Text, true
		}
		return "WB_REFUSED", "the chaincode refused the transaction", true
	case errors.Is(err, fabric.ErrTooLarge), errors.Is(err, ledger.ErrTooLarge):
		return ledger.CodeTooLarge, "it exceeds a limit of the network", true
	}
	if f, ok := errors.AsType[epcis.Fault](err); ok {
		return f.Code, f.Message, true
	}
	return "", "", false
}
