package panel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

const (
	// maxCall bounds the operations of one call, maxCalls the calls under way, maxQuestions what the proof log is asked at once.
	maxCall      = 400
	maxCalls     = 32
	maxQuestions = 16
	// unseen is how long what the ledger took may stay out of the block stream before it is sent again.
	unseen     = 15 * time.Second
	retryFirst = 200 * time.Millisecond
	retryMost  = 10 * time.Second
	// idle is how long the loop sleeps at most.
	idle = time.Second
	// patience is how often an opening is tried that the ledger refuses, before the verdict is written alone.
	patience = 12
)

// errand is a step that is being done.
type errand struct {
	task       ledger.Digest
	deed       deed
	operations []ledger.TaskOperation
	trial      bool
	find       func(context.Context, ask) ([]ledger.TaskOperation, error)
	claimant   ledger.Digest // of a claim that is to be refuted
}

// errVain says of a challenge that it would prove nothing.
var errVain = errors.New("it proves nothing")

// next gives the steps whose time has come, as under way from now on, and when to ask again at the latest: at most so many
// operations, and steps of which the proof log is to be asked.
func (b *book) next(now time.Time, most, questions int) (out []errand, again time.Time) {
	again = now.Add(idle)
	if !b.live || b.account.IsZero() {
		return nil, again
	}
	var none ledger.Digest
	n, opening := 0, b.underWay(now)
	take := func(task, claimant ledger.Digest, s step, a *attempt) {
		at := later(s.at, a.after)
		switch {
		case a.flying, !s.until.IsZero() && !s.until.After(now):
		case at.After(now):
			if at.Before(again) {
				again = at
			}
		case s.find != nil && questions == 0:
			// It waits for an answer to what was asked before; whatever else is to be done does not.
		case n >= most:
			again = now
		case s.deed == doOpen && opening >= b.cfg.MaxOpening:
			// It waits for others to end; what has been committed to must be revealed in time.
		default:
			if s.deed == doOpen {
				opening++
			}
			if s.find != nil {
				questions--
			}
			n += max(len(s.operations), 1)
			a.flying = true
			out = append(out, errand{task, s.deed, s.operations, s.trial, s.find, claimant})
		}
	}
	// What another's turn was to open comes after all else: where more falls due than is opened, those that wait would
	// else be opened by everybody at once.
	var overtaken []func()
	for _, l := range b.lists() {
		for e := l.Front(); e != nil; e = e.Next() {
			r := e.Value.(*round)
			for _, s := range r.steps(b) {
				if s.deed == doOpen && s.at.After(r.since) && opening < b.cfg.MaxOpening {
					overtaken = append(overtaken, func() { take(r.id, none, s, &r.attempts[s.deed]) })
					continue
				}
				take(r.id, none, s, &r.attempts[s.deed])
			}
		}
	}
	for _, open := range overtaken {
		open()
	}
	for _, f := range b.foreign.All {
		for _, s := range f.steps(b) {
			take(f.id, none, s, &f.attempts[s.deed])
		}
	}
	for _, t := range b.blends.truths.All {
		take(t.task, none, t.step(b), &t.attempt)
	}
	for _, c := range b.rebuttals.All {
		take(c.task, c.claimant, c.step(b), &c.attempt)
	}
	return out, again
}

// underWay counts the tasks that this scorer opened, or is opening, and that are not at their end; those that are stuck, since
// too few take part, do not count.
func (b *book) underWay(now time.Time) int {
	n := 0
	for e := b.order.Front(); e != nil; e = e.Next() {
		r := e.Value.(*round)
		switch v := &r.view; {
		case v.Phase() == ledger.TaskAbsent:
			if a := &r.attempts[doOpen]; a.flying || a.tries == 0 && a.after.After(now) {
				n++
			}
		case v.Task.By != b.account || v.Settlement != nil:
		case v.Closing != nil && now.Before(stamp(v.Closing.RevealBy)), v.Closing == nil && now.Before(b.overdue(v.Task)):
			n++
		}
	}
	return n
}

// overdue is when a task that is not closed is taken for one that too few take part in.
func (b *book) overdue(t ledger.ScoringTask) time.Time {
	return stamp(t.CommitBy + b.policies[t.Policy].RevealFor)
}

// answered takes what became of an errand. What the ledger took is believed when it is seen in a block.
func (b *book) answered(e errand, answers []wire.Answer, err error, now time.Time) {
	if e.deed == doRefute {
		if c, ok := b.rebuttals.Get(claimID(e.task, e.claimant)); ok {
			c.told(b, answers, err, now)
		}
		return
	}
	if e.deed == doInspect {
		if t, ok := b.blends.truths.Get(e.task.String()); ok {
			t.told(b, answers, err, now)
		}
		return
	}
	if f, ok := b.foreign.Get(e.task.String()); ok {
		f.told(b, e, answers, err, now)
		return
	}
	r := b.rounds[e.task]
	if r == nil {
		return
	}
	a := &r.attempts[e.deed]
	a.flying = false
	refused := refusalOf(answers)
	switch {
	case err == nil && refused == nil:
		a.tries, a.after = 0, now.Add(unseen)
		if e.deed == doExpire {
			// A stake that holds nothing loses nothing, which no block shows.
			r.shown = true
			r.changed()
			if r.view.Settlement != nil {
				b.end(r)
			}
		}
		return
	case err == nil && !passing(e.deed, refused.Code):
		b.stats.Refused++
		b.log.Warn("the ledger refused an operation on a task", "operation", e.deed.String(), "task", e.task.String(), "shipment", r.window.shipment, "window", r.window.number,
			"code", refused.Code, "message", refused.Message)
	}
	a.tries++
	a.after = now.Add(min(retryFirst<<min(a.tries-1, 8), retryMost))
	if err == nil && e.deed == doOpen {
		b.notTaken(r, *refused)
	}
}

// refusalOf is the first refusal among answers, nil if there is none.
func refusalOf(answers []wire.Answer) *wire.Answer {
	for i := range answers {
		if answers[i].Status == ledger.StatusRefused {
			return &answers[i]
		}
	}
	return nil
}

// passing reports whether a refusal says no more than that it is too early or too late, that a peer is behind, or that
// the referee has ruled once in the transaction.
func passing(d deed, code string) bool {
	switch code {
	case ledger.CodeTaskTime, ledger.CodeTaskState, ledger.CodeNotFound, ledger.CodeClockSkew:
		return true
	case ledger.CodeTooLarge:
		return d == doSettle || d == doChallenge || d == doOrder
	case ledger.CodeNotAnchored:
		return d == doRefute || d == doOrder // a peer is behind, or the keepers are others since
	default:
		return false
	}
}

// notTaken gives a task up that the ledger does not take: as often as not because what it rests on has no final
// verdict, such as the container's journey before this one, and never will.
func (b *book) notTaken(r *round, why wire.Answer) {
	switch why.Code {
	case ledger.CodeSchema, ledger.CodeTooLarge, ledger.CodeConflict, ledger.CodeFewScorers:
	case ledger.CodeScorer:
		// Its stake is gone or on its way out. Those who have one open the task and judge it without this scorer.
		b.drop(r)
		return
	case ledger.CodeNotFound:
		if s := r.statement; r.attempts[doOpen].tries < patience || s.Begins > 0 && b.windows[window{s.Shipment, s.Begins - 1}] != nil {
			return // the peers are behind, or the window before is under way
		}
	case ledger.CodeModelBlocked:
		if r.attempts[doOpen].tries < patience {
			return
		}
	default:
		return
	}
	if r.view.Phase() != ledger.TaskAbsent {
		return // another has opened it meanwhile
	}
	b.byItself(r.verdict, NotTaken, why.Code+": "+why.Message)
	b.alone = append(b.alone, r.verdict)
	b.drop(r)
}

// act does what the book asks for until the context is done.
func (s *Service) act(ctx context.Context) {
	slots, questions := make(chan struct{}, maxCalls), make(chan struct{}, maxQuestions)
	var calls sync.WaitGroup
	defer calls.Wait()
	for acquire(ctx, slots) {
		errands, err := s.await(ctx, questions)
		if err != nil {
			return
		}
		known, rest := parted(errands)
		calls.Go(func() {
			defer func() { <-slots }()
			s.do(ctx, known)
		})
		// What waits for the proof log, which may not answer, keeps no slot from what has a time to be done in.
		for _, e := range rest {
			questions <- struct{}{} // no more were taken than there is room for
			calls.Go(func() {
				found, ok := s.find(ctx, e)
				<-questions
				s.stir()
				if ok && acquire(ctx, slots) {
					defer func() { <-slots }()
					s.do(ctx, []errand{found})
				}
			})
		}
	}
}

// acquire takes a slot; false: the context is done.
func acquire(ctx context.Context, slots chan<- struct{}) bool {
	select {
	case <-ctx.Done():
		return false
	case slots <- struct{}{}:
		return true
	}
}

// parted gives those whose operations are known, and those of which the proof log is to be asked.
func parted(errands []errand) (known, rest []errand) {
	for _, e := range errands {
		if e.find == nil {
			known = append(known, e)
		} else {
			rest = append(rest, e)
		}
	}
	return known, rest
}

// await waits until something is to be done. questions are those that the proof log is being asked.
func (s *Service) await(ctx context.Context, questions chan struct{}) ([]errand, error) {
	for {
		s.mu.Lock()
		errands, again := s.book.next(s.cfg.Now(), maxCall, cap(questions)-len(questions))
		s.mu.Unlock()
		if len(errands) > 0 {
			return errands, nil
		}
		timer := time.NewTimer(max(again.Sub(s.cfg.Now()), time.Millisecond))
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-timer.C:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

// find makes operations of what the proof log says; false: there is nothing to do, which the book was told.
func (s *Service) find(ctx context.Context, e errand) (errand, bool) {
	limited, cancel := context.WithTimeout(ctx, proveTime)
	defer cancel()
	s.mu.Lock()
	prove := s.book.asking(s.cfg.Prove)
	s.mu.Unlock()
	operations, err := e.find(limited, prove)
	if err == nil {
		e.operations = operations
		return e, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.book.answered(e, nil, err, s.cfg.Now())
	return e, false
}

// try gives the errands that are to be done: of trials those that prove something.
func (s *Service) try(ctx context.Context, errands []errand) []errand {
	if !slices.ContainsFunc(errands, func(e errand) bool { return e.trial }) {
		return errands
	}
	return slices.DeleteFunc(errands, func(e errand) bool {
		if !e.trial {
			return false
		}
		err := errVain
		if s.cfg.Try != nil {
			var answers []wire.Answer
			answers, err = s.cfg.Try(ctx, e.operations)
			if err == nil && (len(answers) != 1 || answers[0].Status != ledger.StatusRecorded || answers[0].Message != ledger.SettledNoWindow.String()) {
				err = errVain
			}
		}
		if err == nil {
			return false
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.book.answered(e, nil, err, s.cfg.Now())
		return true
	})
}

// do calls the ledger with the operations of some errands and tells the book what became of them.
func (s *Service) do(ctx context.Context, errands []errand) {
	var operations []ledger.TaskOperation
	if len(errands) == 0 {
		return
	}
	if errands = s.try(ctx, errands); len(errands) == 0 {
		s.stir()
		return
	}
	for _, e := range errands {
		operations = append(operations, e.operations...)
	}
	answers, err := s.cfg.Ledger.Tasks(ctx, operations)
	if err == nil && len(answers) != len(operations) {
		err = fmt.Errorf("%d answers to %d operations", len(answers), len(operations))
	}
	if err != nil && ctx.Err() == nil {
		s.log.Warn("operations on tasks are tried again", "operations", len(operations), "error", err)
	}
	s.mu.Lock()
	now := s.cfg.Now()
	for _, e := range errands {
		var own []wire.Answer
		if err == nil {
			own, answers = answers[:len(e.operations)], answers[len(e.operations):]
		}
		s.book.answered(e, own, err, now)
	}
	alone := s.book.alone
	s.book.alone = nil
	s.mu.Unlock()
	s.scorer.Write(alone)
	s.stir()
}

// stir has the loop look again.
func (s *Service) stir() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
