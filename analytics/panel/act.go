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
	// retryPressing is retryMost for what reveals, which has little time.
	retryPressing = time.Second
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

// next gives the steps whose time has come, as under way from now on, and when to ask again at the latest: what reveals, then at most
// so many operations, and steps of which the proof log is to be asked.
func (b *book) next(now time.Time, most, questions int) (out []errand, again time.Time) {
	again = now.Add(idle)
	if !b.live || b.account.IsZero() {
		return nil, again
	}
	var none ledger.Digest
	n, under := 0, b.load(now)
	// come reports whether a step's time has come.
	come := func(s step, a *attempt) bool {
		at := later(s.at, a.after)
		switch {
		case a.flying, !s.until.IsZero() && !s.until.After(now):
			return false
		case at.After(now):
			if at.Before(again) {
				again = at
			}
			return false
		}
		return true
	}
	take := func(task, claimant ledger.Digest, s step, a *attempt) {
		switch {
		case s.find != nil && questions == 0:
			// It waits for an answer to what was asked before; whatever else is to be done does not.
			return
		case !s.deed.presses() && n >= most:
			if most > 0 {
				again = now
			}
			return // with no room at all the end of a call is waited for
		}
		if s.find != nil {
			questions--
		}
		n += max(len(s.operations), 1)
		a.flying, a.sent = true, now
		out = append(out, errand{task, s.deed, s.operations, s.trial, s.find, claimant})
	}
	commit := func(w waiting, opens bool) {
		a := &w.round.attempts[w.step.deed]
		if !a.unsure { // else it is counted, and may be on the ledger
			if !b.admits(under, opens) {
				return
			}
			if n < most {
				under.owed, under.flying = under.owed+1, under.flying+1
				if opens {
					under.opened, under.own = under.opened+1, under.own+1
				}
			}
		}
		take(w.round.id, none, w.step, a)
	}
	// What is committed to must be revealed in time, so that goes first. What another's turn was to open comes after all else: where
	// more falls due than is opened, those that wait would else be opened by everybody at once.
	var ending, commits, opens, overtaken []waiting
	for _, l := range b.lists() {
		for e := l.Front(); e != nil; e = e.Next() {
			r := e.Value.(*round)
			for _, s := range r.steps(b) {
				switch {
				case !come(s, &r.attempts[s.deed]):
				case s.deed.presses():
					take(r.id, none, s, &r.attempts[s.deed])
				case s.deed == doCommit:
					commits = append(commits, waiting{r, s})
				case s.deed != doOpen:
					ending = append(ending, waiting{r, s})
				case s.at.After(r.since):
					overtaken = append(overtaken, waiting{r, s})
				default:
					opens = append(opens, waiting{r, s})
				}
			}
		}
	}
	for _, w := range ending {
		if w.step.deed == doSettle {
			if b.crowded(under) {
				continue
			}
			under.flying++
		}
		take(w.round.id, none, w.step, &w.round.attempts[w.step.deed])
	}
	for _, f := range b.foreign.All {
		for _, s := range f.steps(b) {
			if a := &f.attempts[s.deed]; come(s, a) {
				take(f.id, none, s, a)
			}
		}
	}
	for _, t := range b.blends.truths.All {
		if s := t.step(b); come(s, &t.attempt) {
			take(t.task, none, s, &t.attempt)
		}
	}
	for _, c := range b.rebuttals.All {
		if s := c.step(b); come(s, &c.attempt) {
			take(c.task, c.claimant, s, &c.attempt)
		}
	}
	asOpened(commits)
	for _, w := range commits {
		commit(w, false)
	}
	for _, w := range slices.Concat(opens, overtaken) {
		commit(w, true)
	}
	return out, again
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
	a.flying, a.unsure = false, err != nil
	refused := refusalOf(answers)
	switch {
	case err == nil && refused == nil:
		a.tries, a.after = 0, now.Add(unseen)
		if e.deed == doExpire {
			b.expired(r)
		}
		return
	case err == nil && e.deed == doExpire && refused.Code == ledger.CodeStake:
		// A stake that holds nothing loses nothing, which no block shows.
		b.expired(r)
		return
	case err == nil && !passing(e.deed, refused.Code):
		b.stats.Refused++
		b.log.Warn("the ledger refused an operation on a task", "operation", e.deed.String(), "task", e.task.String(), "shipment", r.window.shipment, "window", r.window.number,
			"code", refused.Code, "message", refused.Message)
	}
	a.tries++
	a.after = now.Add(min(retryFirst<<min(a.tries-1, 8), retryMost))
	switch {
	case !e.deed.presses() || a.tries > patience:
	case err != nil && a.tries == 1:
		a.after = now
	default:
		a.after = now.Add(min(retryFirst<<min(a.tries-1, 8), retryPressing))
	}
	if err == nil && (e.deed == doOpen || e.deed == doCommit && refused.Code == ledger.CodeScorer) {
		b.notTaken(r, *refused)
	}
}

// expired takes that silence on a task has cost what it could.
func (b *book) expired(r *round) {
	r.shown = true
	r.changed()
	if r.view.Settlement != nil {
		b.end(r)
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
		// Its stake is gone or was asked back. Those who have one open the task, and judge it without this scorer.
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
	pressing, slots, questions := make(chan struct{}, maxCalls), make(chan struct{}, maxCalls), make(chan struct{}, maxQuestions)
	var calls sync.WaitGroup
	defer calls.Wait()
	send := func(slots chan struct{}, errands []errand) {
		calls.Go(func() {
			if acquire(ctx, slots) {
				s.do(ctx, errands)
				<-slots
				s.stir()
			}
		})
	}
	for {
		errands, err := s.await(ctx, slots, questions)
		if err != nil {
			return
		}
		known, rest := parted(errands)
		// What reveals waits for no slot that anything else has.
		first, known := inCalls(known)
		for _, few := range first {
			send(pressing, few)
		}
		if len(known) > 0 {
			send(slots, known)
		}
		// What waits for the proof log, which may not answer, keeps no slot from what has a time to be done in.
		for _, e := range rest {
			questions <- struct{}{} // no more were taken than there is room for
			calls.Go(func() {
				found, ok := s.find(ctx, e)
				<-questions
				s.stir()
				if ok && acquire(ctx, slots) {
					s.do(ctx, []errand{found})
					<-slots
					s.stir()
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

// await waits until something is to be done. slots are those of calls under way, questions those that the proof log is being asked.
func (s *Service) await(ctx context.Context, slots, questions chan struct{}) ([]errand, error) {
	for {
		most := maxCall
		if len(slots) == cap(slots) {
			most = 0
		}
		s.mu.Lock()
		errands, again := s.book.next(s.cfg.Now(), most, cap(questions)-len(questions))
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
