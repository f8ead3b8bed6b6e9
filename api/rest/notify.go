package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/internal/idle"
)

// notifier delivers the results of subscriptions to their webhooks. Each has a
// goroutine of its own, so that a receiver that is down holds up no other. The
// position of a subscription moves on after its receiver took the report, so that a
// report may come twice after a crash and never not at all. While a receiver is not
// there its report is let go, and made anew for the next attempt.
type notifier struct {
	s      *Server
	client *http.Client
	wake   chan struct{}
	// reports are those that are in memory.
	reports chan struct{}
}

func newNotifier(s *Server) *notifier {
	return &notifier{
		s: s, client: s.cfg.Targets.client(s.cfg.Delivery.Timeout), wake: make(chan struct{}, 1), reports: make(chan struct{}, s.cfg.Delivery.Reports),
	}
}

// changed tells that subscriptions came or went.
func (n *notifier) changed() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

func (n *notifier) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	ended := make(chan string)
	running := map[string]context.CancelFunc{}
	for {
		subs, err := n.all(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			n.s.cfg.Log.ErrorContext(ctx, "subscriptions cannot be read", "error", err)
		} else {
			n.reconcile(ctx, subs, running, &wg, ended)
		}
		timer := time.NewTimer(n.s.cfg.Delivery.Refresh)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-n.wake:
		case <-timer.C:
		case key := <-ended:
			if stop := running[key]; stop != nil {
				stop()
			}
			delete(running, key)
		}
		timer.Stop()
	}
}

// all reads every subscription.
func (n *notifier) all(ctx context.Context) (map[string]Subscription, error) {
	const page = 500
	subs := map[string]Subscription{}
	for after := ""; ; {
		list, err := n.s.cfg.Subscriptions.Subscriptions(ctx, "", after, page)
		if err != nil {
			return nil, fmt.Errorf("reading subscriptions: %w", err)
		}
		for _, s := range list {
			if len(subs) >= n.s.cfg.Delivery.MaxSubscriptions {
				n.s.cfg.Log.WarnContext(ctx, "more subscriptions than are served", "served", len(subs))
				return subs, nil
			}
			subs[s.ID] = s
		}
		if len(list) < page {
			return subs, nil
		}
		after = list[len(list)-1].ID
	}
}

func (n *notifier) reconcile(ctx context.Context, subs map[string]Subscription, running map[string]context.CancelFunc, wg *sync.WaitGroup, ended chan<- string) {
	for key, stop := range running {
		if _, ok := subs[key]; !ok {
			stop()
			delete(running, key)
		}
	}
	for key, sub := range subs {
		if running[key] != nil {
			continue
		}
		own, stop := context.WithCancel(ctx)
		running[key] = stop
		wg.Go(func() {
			if err := n.serve(own, sub); err != nil && own.Err() == nil {
				n.s.cfg.Log.ErrorContext(ctx, "subscription is not served", "query", sub.Query, "subscription", sub.ID, "error", err)
			}
			// What failed is tried again, though not at once.
			timer := time.NewTimer(n.s.cfg.Delivery.Refresh)
			defer timer.Stop()
			select {
			case <-own.Done():
				return
			case <-timer.C:
			}
			select {
			case ended <- key:
			case <-own.Done():
			}
		})
	}
}

// serve delivers one subscription until it is gone or ctx is done.
func (n *notifier) serve(ctx context.Context, sub Subscription) error {
	q, err := n.s.named(ctx, sub.Query)
	if err != nil {
		return err
	}
	_, identifier, err := n.s.epcFormat(sub.EPCFormat)
	if err != nil {
		return err
	}
	_, p, err := n.s.cfg.Subscriptions.Subscription(ctx, sub.Query, sub.ID)
	if err != nil {
		return fmt.Errorf("reading subscription: %w", err)
	}
	f := feed{
		s: n.s, q: q, schedule: sub.Schedule, reportIfEmpty: sub.ReportIfEmpty, progress: p, batch: n.s.cfg.Delivery.Batch,
		since: since(sub.InitialRecordTime, sub.Created), slots: n.reports,
	}
	wait, attempt := n.s.cfg.Delivery.Backoff, 1
	f.report = func(ctx context.Context, records []Record) error {
		d := results{queryName: sub.Query, subscriptionID: sub.ID, identifier: identifier, records: records, at: now()}
		body, failed := d.bytes()
		if failed != nil {
			return failed
		}
		if failed = n.post(ctx, sub, body); failed != nil {
			return fmt.Errorf("%w: %w", errNotTaken, failed)
		}
		wait, attempt = n.s.cfg.Delivery.Backoff, 1
		return nil
	}
	f.later = func(ctx context.Context, failed error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		n.s.cfg.Log.WarnContext(ctx, "webhook did not take a report", "query", sub.Query, "subscription", sub.ID, "attempt", attempt, "error", failed)
		// Spread over the second half of the wait, so that receivers of one host do not
		// come back in step.
		pause := wait/2 + rand.N(wait/2+1) //nolint:gosec // no secret
		wait, attempt = min(2*wait, n.s.cfg.Delivery.MaxBackoff), attempt+1
		return idle.For(ctx, pause)
	}
	f.save = func(ctx context.Context, p Progress) error {
		return n.s.cfg.Subscriptions.SaveProgress(ctx, sub.Query, sub.ID, p)
	}
	err = f.run(ctx)
	if errors.Is(err, ErrNotFound) {
		return nil // unsubscribed
	}
	return err
}

// errNotTaken says that a receiver did not take a report and may take it later.
var errNotTaken = errors.New("WB_NOT_TAKEN")

// since gives the time before which recorded events are none of a subscription's, where its position
// does not tell: one that was made for a later time begins with it.
func since(initial, created time.Time) time.Time {
	if initial.After(created) {
		return initial
	}
	return time.Time{}
}

func (n *notifier) post(ctx context.Context, sub Subscription, body []byte) error {
	if err := n.s.cfg.Targets.check(sub.Dest); err != nil { // the rules may have changed since
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, n.s.cfg.Delivery.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, sub.Dest, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: %w", errTarget, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("GS1-EPCIS-Version", epcisVersion)
	req.Header.Set("GS1-CBV-Version", cbvVersion)
	req.Header.Set("GS1-EPC-Format", sub.EPCFormat)
	if sub.SignatureToken != "" {
		req.Header.Set(SignatureHeader, Sign(sub.SignatureToken, now(), body))
	}
	res, err := n.client.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // without the URL, which may hold a secret of the receiver's
		}
		return fmt.Errorf("calling webhook: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	const most = 64 << 10 // enough to use the connection again
	_, _ = io.CopyN(io.Discard, res.Body, most)
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("webhook answered %s", res.Status)
	}
	return nil
}

// feed follows the events of a query, at once or by a schedule, and reports them.
type feed struct {
	s             *Server
	q             *query.Query
	schedule      *Schedule
	reportIfEmpty bool
	progress      Progress
	batch         int
	// since leaves out what was recorded before; zero leaves out nothing.
	since time.Time
	// slots bound the reports in memory; nil for no bound.
	slots chan struct{}
	// report returns when the receiver took the records; errNotTaken says that it may take them later.
	report func(ctx context.Context, records []Record) error
	// later waits after errNotTaken for the next attempt.
	later func(ctx context.Context, failed error) error
	save  func(ctx context.Context, p Progress) error
}

func (f *feed) run(ctx context.Context) error {
	for {
		if f.schedule != nil {
			if err := f.until(ctx, f.schedule.Next(f.progress.LastRun)); err != nil {
				return err
			}
		}
		reported, err := f.drain(ctx)
		if err != nil {
			return err
		}
		if f.schedule != nil {
			if !reported && f.reportIfEmpty {
				if err := f.tellNothing(ctx); err != nil {
					return err
				}
			}
			f.progress.LastRun = now()
			if err := f.save(ctx, f.progress); err != nil {
				return err
			}
			continue
		}
		if err := f.s.cfg.Events.Wait(ctx, f.progress.Position); err != nil {
			return fmt.Errorf("waiting for events: %w", err)
		}
	}
}

func (f *feed) until(ctx context.Context, at time.Time) error {
	if at.IsZero() {
		<-ctx.Done()
		return ctx.Err()
	}
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// drain reports all events there are after the position, in batches.
func (f *feed) drain(ctx context.Context) (reported bool, err error) {
	for {
		told, more, err := f.step(ctx)
		switch {
		case errors.Is(err, errNotTaken):
			if err = f.later(ctx, err); err != nil {
				return reported, err
			}
		case err != nil:
			return reported, err
		case !more:
			return reported, nil
		}
		reported = reported || told
	}
}

// step reports a batch, and tells whether there may be more.
func (f *feed) step(ctx context.Context) (told, more bool, err error) {
	leave, err := f.enter(ctx)
	if err != nil {
		return false, false, err
	}
	defer leave()
	records, next, err := f.s.cfg.Events.After(ctx, f.progress.Position, f.batch)
	if err != nil {
		return false, false, fmt.Errorf("reading events: %w", err)
	}
	if len(records) == 0 {
		return false, false, nil
	}
	var matched []Record
	for _, r := range records {
		if !r.RecordTime.Before(f.since) && f.q.MatchesWith(answered(r), f.s.cfg.MasterData) {
			matched = append(matched, r)
		}
	}
	if len(matched) > 0 {
		if err := f.tell(ctx, matched); err != nil {
			return false, false, err
		}
	}
	f.progress.Position = next
	return len(matched) > 0, true, f.save(ctx, f.progress)
}

// enter waits until there is room for a report.
func (f *feed) enter(ctx context.Context) (leave func(), err error) {
	if f.slots == nil {
		return func() {}, nil
	}
	select {
	case f.slots <- struct{}{}:
		return func() { <-f.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// tellNothing reports that there is nothing.
func (f *feed) tellNothing(ctx context.Context) error {
	for {
		err := f.tell(ctx, nil)
		if !errors.Is(err, errNotTaken) {
			return err
		}
		if err = f.later(ctx, err); err != nil {
			return err
		}
	}
}

func (f *feed) tell(ctx context.Context, records []Record) error {
	if err := f.report(ctx, records); err != nil {
		return err
	}
	f.progress.LastNotified = now()
	return nil
}
