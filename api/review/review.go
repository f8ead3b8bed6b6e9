// Package review has findings judged again that no event brings up by itself: shippings whose time to be
// received is over, and open findings that what was registered or recorded meanwhile may close. The contract
// decides; this asks it to, a bounded number at a time. Every organisation may do so, since a review that
// changes nothing writes nothing.
//
// It may import the ledger's types and the encoding; where it reads and writes it says by interfaces.
package review

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/submit"
)

// Reader tells what may need a review; *readmodel.Store is one.
type Reader interface {
	Overdue(ctx context.Context, now ledger.Millis, limit int) ([]string, error)
	Doubtful(ctx context.Context, after readmodel.Position, limit int) ([]readmodel.Finding, error)
}

// Reviewer has subjects judged; *submit.Submitter is one.
type Reviewer interface {
	Review(ctx context.Context, subjects []wire.ReviewSubject) ([]submit.Outcome, error)
}

// Config is what a Service needs. Reader and Reviewer have no default.
type Config struct {
	Reader   Reader
	Reviewer Reviewer
	// Every is the pause between two sweeps, default 30 seconds.
	Every time.Duration
	// AtOnce bounds the overdue items of one sweep, default 500; what remains comes with the next, which then
	// follows at once.
	AtOnce int
	// Doubts bounds the open findings that one sweep has judged again, default 50, at most
	// ledger.MaxReviewEvents. The next sweep goes on where this one ended.
	Doubts int
	// Now is the clock, default time.Now.
	Now func() time.Time
	// Changed observes how many findings a sweep changed; may be nil.
	Changed func(findings int)
	Logger  *slog.Logger
}

// Service sweeps.
type Service struct {
	cfg   Config
	after readmodel.Position // the doubtful finding that was judged last
}

// New makes a service. It starts nothing.
func New(cfg Config) *Service {
	if cfg.Every <= 0 {
		cfg.Every = 30 * time.Second
	}
	if cfg.AtOnce <= 0 || cfg.AtOnce > ledger.MaxBatchReviews {
		cfg.AtOnce = 500
	}
	if cfg.Doubts <= 0 || cfg.Doubts > ledger.MaxReviewEvents {
		cfg.Doubts = ledger.MaxReviewEvents
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Service{cfg: cfg}
}

// Run sweeps until the context is done, which is no error. A sweep that fails is logged, and the next one
// tries again.
func (s *Service) Run(ctx context.Context) error {
	timer := time.NewTimer(s.cfg.Every)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		changed, more, err := s.Sweep(ctx)
		if err != nil && ctx.Err() == nil {
			s.cfg.Logger.Warn("findings were not reviewed", "error", err)
		}
		if s.cfg.Changed != nil && changed > 0 {
			s.cfg.Changed(changed)
		}
		pause := s.cfg.Every
		if more && changed > 0 {
			pause = 0
		}
		timer.Reset(pause)
	}
}

// Sweep has what is overdue judged, and the next open findings that may have been settled. It tells how many
// findings changed, and whether more is overdue than one sweep takes.
func (s *Service) Sweep(ctx context.Context) (changed int, more bool, err error) {
	overdue, err := s.cfg.Reader.Overdue(ctx, ledger.MillisOf(s.cfg.Now()), s.cfg.AtOnce)
	if err != nil {
		return 0, false, err
	}
	doubts, err := s.cfg.Reader.Doubtful(ctx, s.after, s.cfg.Doubts)
	if err != nil {
		return 0, false, err
	}
	subjects := make([]wire.ReviewSubject, 0, len(overdue)+len(doubts))
	seen := make(map[wire.ReviewSubject]bool, cap(subjects))
	add := func(subject wire.ReviewSubject) {
		if !seen[subject] {
			seen[subject] = true
			subjects = append(subjects, subject)
		}
	}
	for _, epc := range overdue {
		add(wire.ReviewSubject{Item: epc})
	}
	for _, f := range doubts {
		add(subjectOf(f.Finding))
	}
	if len(subjects) == 0 {
		s.after = readmodel.Position{}
		return 0, false, nil
	}
	outcomes, err := s.cfg.Reviewer.Review(ctx, subjects)
	for _, o := range outcomes {
		if o.Err == nil {
			changed += len(o.Findings)
		}
	}
	if err != nil {
		return changed, false, err
	}
	for i, o := range outcomes {
		if o.Status == ledger.StatusRefused {
			err = errors.Join(err, errors.New(o.Code+": "+subjects[i].Item+": "+o.Message))
		}
	}
	s.after = readmodel.Position{}
	if len(doubts) == s.cfg.Doubts {
		s.after = doubts[len(doubts)-1].Position
	}
	return changed, len(overdue) == s.cfg.AtOnce, err
}

// subjectOf tells what to judge for a finding: the item, or the event for a finding on places.
func subjectOf(f ledger.Finding) wire.ReviewSubject {
	switch f.Code {
	case ledger.FindingUnregisteredPlace, ledger.FindingUnregisteredOrganisation, ledger.FindingUnregisteredStep:
		return wire.ReviewSubject{Event: f.Event}
	default:
		return wire.ReviewSubject{Item: f.Item}
	}
}
