package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/api/query"
)

// notifier delivers the results of subscriptions to their webhooks. Each has a
// goroutine of its own, so that a receiver that is down holds up no other. The
// position of a subscription moves on after its receiver took the report, so that a
// report may come twice after a crash and never not at all.
type notifier struct {
	s      *Server
	client *http.Client
	wake   chan struct{}
}

func newNotifier(s *Server) *notifier {
	return &notifier{s: s, client: s.cfg.Targets.client(s.cfg.Delivery.Timeout), wake: make(chan struct{}, 1)}
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
	f := feed{s: n.s, q: q, schedule: sub.Schedule, reportIfEmpty: sub.ReportIfEmpty, progress: p, batch: n.s.cfg.Delivery.Batch}
	f.report = func(ctx context.Context, records []Record) error {
		d := results{queryName: sub.Query, subscriptionID: sub.ID, identifier: identifier, records: records, at: now()}
		body, failed := d.bytes()
		if failed != nil {
			return failed
		}
		return n.deliver(ctx, sub, body)
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

// deliver posts a report until the receiver takes it.
func (n *notifier) deliver(ctx context.Context, sub Subscription, body []byte) error {
	wait := n.s.cfg.Delivery.Backoff
	for attempt := 1; ; attempt++ {
		err := n.post(ctx, sub, body)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		n.s.cfg.Log.WarnContext(ctx, "webhook did not take a report", "query", sub.Query, "subscription", sub.ID, "attempt", attempt, "error", err)
		// Spread over the second half of the wait, so that receivers of one host do not
		// come back in step.
		pause := wait/2 + rand.N(wait/2+1) //nolint:gosec // no secret
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		wait = min(2*wait, n.s.cfg.Delivery.MaxBackoff)
	}
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
	// report returns when the receiver took the records.
	report func(ctx context.Context, records []Record) error
	save   func(ctx context.Context, p Progress) error
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
				if err := f.tell(ctx, nil); err != nil {
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
		records, next, err := f.s.cfg.Events.After(ctx, f.progress.Position, f.batch)
		if err != nil {
			return reported, fmt.Errorf("reading events: %w", err)
		}
		if len(records) == 0 {
			return reported, nil
		}
		var matched []Record
		for _, r := range records {
			if f.q.MatchesWith(answered(r), f.s.cfg.MasterData) {
				matched = append(matched, r)
			}
		}
		if len(matched) > 0 {
			if err := f.tell(ctx, matched); err != nil {
				return reported, err
			}
			reported = true
		}
		f.progress.Position = next
		if err := f.save(ctx, f.progress); err != nil {
			return reported, err
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
