package review_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/api/review"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/submit"
)

// shelf has overdue items until they are reviewed, and open findings.
type shelf struct {
	mu       sync.Mutex
	overdue  []string
	doubts   []readmodel.Finding
	reviewed []wire.ReviewSubject
	err      error
}

func (s *shelf) Overdue(_ context.Context, _ ledger.Millis, limit int) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.overdue[:min(limit, len(s.overdue))]), s.err
}

func (s *shelf) Doubtful(_ context.Context, after readmodel.Position, limit int) ([]readmodel.Finding, error) {
	var out []readmodel.Finding
	for _, f := range s.doubts {
		if f.Block > after.Block && len(out) < limit {
			out = append(out, f)
		}
	}
	return out, nil
}

func (s *shelf) Review(_ context.Context, subjects []wire.ReviewSubject) ([]submit.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]submit.Outcome, len(subjects))
	for i, subject := range subjects {
		s.reviewed = append(s.reviewed, subject)
		if at := slices.Index(s.overdue, subject.Item); at >= 0 {
			s.overdue = slices.Delete(s.overdue, at, at+1)
			out[i].Status, out[i].Findings = ledger.StatusRecorded, []ledger.Finding{{Code: ledger.FindingNotReceived}}
		}
	}
	return out, nil
}

func TestASweepReviewsWhatIsOverdueAndWhatMayBeSettled(t *testing.T) {
	s := &shelf{overdue: []string{"i1", "i2", "i3"}}
	for i, code := range []ledger.FindingCode{ledger.FindingPackedTwice, ledger.FindingUnregisteredPlace, ledger.FindingPackedTwice} {
		s.doubts = append(s.doubts, readmodel.Finding{
			Position: readmodel.Position{Block: uint64(i + 1)}, Finding: ledger.Finding{Code: code, Item: fmt.Sprintf("d%d", i), Event: ledger.Digest{byte(i + 1)}},
		})
	}
	service := review.New(review.Config{Reader: s, Reviewer: s, AtOnce: 2, Doubts: 2})
	for i, want := range []struct {
		changed  int
		more     bool
		subjects []wire.ReviewSubject
	}{
		{2, true, []wire.ReviewSubject{{Item: "i1"}, {Item: "i2"}, {Item: "d0"}, {Event: ledger.Digest{2}}}},
		{1, false, []wire.ReviewSubject{{Item: "i3"}, {Item: "d2"}}},
		{0, false, []wire.ReviewSubject{{Item: "d0"}, {Event: ledger.Digest{2}}}},
	} {
		s.reviewed = nil
		changed, more, err := service.Sweep(t.Context())
		if err != nil || changed != want.changed || more != want.more || !slices.Equal(s.reviewed, want.subjects) {
			t.Errorf("sweep %d: %d %v %v %+v", i, changed, more, err, s.reviewed)
		}
	}
}

func TestTheSweepGoesOnAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{err: errors.New("the store is away")}
		service := review.New(review.Config{Reader: s, Reviewer: s, Every: time.Minute, AtOnce: 1})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- service.Run(ctx) }()
		time.Sleep(90 * time.Second)
		synctest.Wait()
		s.mu.Lock()
		s.err, s.overdue = nil, []string{"i1", "i2"}
		s.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		s.mu.Lock()
		left := slices.Clone(s.overdue)
		s.mu.Unlock()
		if len(left) != 0 {
			t.Errorf("not reviewed: %v", left)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
