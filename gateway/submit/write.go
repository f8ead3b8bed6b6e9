package submit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/internal/idle"
)

// Pauses between two tries.
const (
	pauseMin = 50 * time.Millisecond
	pauseMax = 3 * time.Second
)

// maxInvalidated is how often a transaction may be invalidated for a reason other than a conflict
// before its inputs are given up: such a reason passes only if it was a change of the network's rules.
const maxInvalidated = 3

// step says how a batch goes on after a try.
type step uint8

const (
	finished step = iota
	again         // endorse anew, after a pause
	split         // in two halves
)

// write brings a batch to its end, in one transaction or, where that is refused as a whole, in several.
func (l *lane[T]) write(ctx context.Context, batch []*item[T]) {
	defer func() {
		l.mu.Lock()
		l.flying--
		l.items -= len(batch)
		l.observe()
		l.mu.Unlock()
		l.signal()
	}()
	todo := [][]*item[T]{batch}
	for len(todo) > 0 {
		part := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if l.transact(ctx, part) == split {
			half := len(part) / 2
			todo = append(todo, part[half:], part[:half]) // the first half goes first
		}
	}
}

// try is what one batch goes through until it ends.
type try[T any] struct {
	batch       []*item[T]
	report      Transaction
	started     time.Time
	invalidated int
}

// transact tries a batch until every input of it is finished, or it must be split.
func (l *lane[T]) transact(ctx context.Context, batch []*item[T]) step {
	t := &try[T]{batch: batch, started: time.Now()}
	until := t.started.Add(l.cfg.RetryFor)
	for pause := pauseMin; ; pause = min(2*pause, pauseMax) {
		next, err := l.once(ctx, t)
		if next != again {
			return next
		}
		if ctx.Err() != nil || time.Now().After(until) {
			l.fail(t.batch, "", err)
			return finished
		}
		if l.cfg.Hooks.Retry != nil {
			l.cfg.Hooks.Retry(l.kind.name, len(t.batch), err)
		}
		if idle.About(ctx, pause) != nil {
			l.fail(t.batch, "", errors.Join(ErrClosed, err))
			return finished
		}
	}
}

// once makes one transaction of the batch: endorse, order, wait.
func (l *lane[T]) once(ctx context.Context, t *try[T]) (step, error) {
	if t.batch = l.wanted(t.batch); len(t.batch) == 0 {
		return finished, nil
	}
	argument, err := l.encode(t.batch)
	if err != nil {
		return l.whole(t.batch, err), nil
	}
	t.report = Transaction{Kind: l.kind.name, Inputs: len(t.batch), Bytes: len(argument), Attempts: t.report.Attempts + 1}
	began := time.Now()
	next, err := l.attempt(ctx, t, argument)
	t.report.Total = time.Since(began)
	t.report.Err = err
	l.adapt(t.report)
	if l.cfg.Hooks.Transaction != nil {
		l.cfg.Hooks.Transaction(t.report)
	}
	return next, err
}

func (l *lane[T]) attempt(ctx context.Context, t *try[T], argument []byte) (step, error) {
	began := time.Now()
	tx, err := l.ledger.Endorse(ctx, l.kind.function, argument)
	t.report.Endorse = time.Since(began)
	if err != nil {
		return l.notEndorsed(ctx, t, err), err
	}
	t.report.TxID = tx.ID
	answers, err := wire.DecodeAnswers(tx.Result)
	if err == nil && len(answers.Answers) != len(t.batch) {
		err = fmt.Errorf("%d answers to %d inputs", len(answers.Answers), len(t.batch))
	}
	if err != nil {
		err = fmt.Errorf("%s: the chaincode's result: %w", ledger.CodeInternal, err)
		l.fail(t.batch, "", err)
		return finished, err
	}
	if l.settled(t.batch, answers.Answers) {
		l.answer(t.batch, answers.Answers, "", 0)
		return finished, nil
	}
	t.report.Ordered = true
	l.underWay(t.batch, tx.ID)
	status, err := l.order(ctx, tx)
	if err == nil {
		t.report.Block = status.Block
		err = status.Err()
	}
	switch {
	case err == nil:
		l.answer(t.batch, answers.Answers, tx.ID, status.Block)
		return finished, nil
	case errors.Is(err, fabric.ErrUnknownOutcome):
		l.fail(t.batch, tx.ID, err)
		return finished, err
	case errors.Is(err, fabric.ErrConflict), errors.Is(err, fabric.ErrTooMany):
		l.underWay(t.batch, "")
		return again, err
	case errors.Is(err, fabric.ErrTooLarge):
		l.underWay(t.batch, "")
		return l.whole(t.batch, err), err
	case errors.Is(err, fabric.ErrInvalidated) && t.invalidated < maxInvalidated:
		t.invalidated++
		l.underWay(t.batch, "")
		return again, err
	default:
		l.fail(t.batch, "", err)
		return finished, err
	}
}

// notEndorsed decides on a batch that nobody has recorded.
func (l *lane[T]) notEndorsed(ctx context.Context, t *try[T], err error) step {
	refused, _ := errors.AsType[*fabric.Error](err)
	switch {
	case l.kind.prompt && refused != nil && refused.Code == ledger.CodeClockSkew && ctx.Err() == nil:
		return again
	case errors.Is(err, fabric.ErrTooLarge), errors.Is(err, fabric.ErrRefused):
		return l.whole(t.batch, err)
	case ctx.Err() != nil:
		l.fail(t.batch, "", errors.Join(ErrClosed, err))
		return finished
	case errors.Is(err, fabric.ErrDeadline) && len(t.batch) > 1:
		return split // too much for the peers in the time given
	case errors.Is(err, fabric.ErrDenied), errors.Is(err, fabric.ErrClosed):
		l.fail(t.batch, "", err)
		return finished
	default:
		return again
	}
}

// whole decides on a batch that was refused as a whole: what does not concern one input rather than
// another is every input's answer, everything else is looked for by halving the batch.
func (l *lane[T]) whole(batch []*item[T], err error) step {
	code, text := ledger.Code(err), err.Error()
	if refused, ok := errors.AsType[*fabric.Error](err); ok {
		code, text = refused.Code, refused.Text
		if code == "" && errors.Is(err, fabric.ErrTooLarge) {
			code, text = ledger.CodeTooLarge, err.Error()
		}
	}
	switch {
	case code == ledger.CodeUnauthorised:
		l.answerAll(batch, refusal(code, text))
		return finished
	case code == ledger.CodeClockSkew:
		l.fail(batch, "", err)
		return finished
	case len(batch) > 1:
		return split
	case code == "", code == ledger.CodeInternal:
		l.fail(batch, "", err)
		return finished
	default:
		l.answerAll(batch, refusal(code, text))
		return finished
	}
}

// settled reports whether a transaction need not be ordered: it would write nothing, and every
// answer stays true. A refusal for what is not there yet, or does not stand as it should, may be that of
// a peer which lags behind; ordered, such a transaction is invalidated, and the batch tried again, for
// RetryFor at most.
func (l *lane[T]) settled(batch []*item[T], answers []wire.Answer) bool {
	for i, a := range answers {
		if a.Wrote() {
			return false
		}
		switch a.Code {
		case ledger.CodeSegmentGap, ledger.CodeUnknownDevice, ledger.CodeNotFound, ledger.CodeUnauthorised:
			return false
		}
		if a.Status == ledger.StatusRefused && l.kind.early != nil && l.kind.early(batch[i].payload, a.Code) {
			return false
		}
	}
	return true
}

// order submits an endorsed transaction and finds out what became of it. Its error is
// ErrUnknownOutcome, or one by which the transaction was never ordered. Where the outcome is unknown
// the same transaction is submitted again until it is known: of its copies one at most is valid, so
// nothing can be recorded twice.
func (l *lane[T]) order(ctx context.Context, tx *fabric.Endorsed) (fabric.Status, error) {
	err := l.ledger.Submit(ctx, tx)
	if err != nil && !errors.Is(err, fabric.ErrUnknownOutcome) {
		return fabric.Status{}, err
	}
	if err == nil {
		status, unknown := l.ledger.Commit(ctx, tx.ID)
		if unknown == nil && !duplicate(status) {
			return status, nil
		}
		err = unknown
	}
	until := time.Now().Add(l.cfg.ResolveFor)
	for pause := pauseMin; ; pause = min(2*pause, pauseMax) {
		status, notYet := l.ledger.Resolve(ctx, tx.ID)
		if notYet == nil && !duplicate(status) {
			return status, nil
		}
		if notYet != nil {
			err = notYet
		}
		if time.Now().After(until) || idle.About(ctx, pause) != nil {
			return fabric.Status{}, fmt.Errorf("%w: transaction %s: %w", fabric.ErrUnknownOutcome, tx.ID, errors.Join(err, ctx.Err()))
		}
		if l.cfg.Hooks.Retry != nil {
			l.cfg.Hooks.Retry(l.kind.name, 0, fmt.Errorf("resolving %s: %w", tx.ID, errors.Join(err)))
		}
		if again := l.ledger.Submit(ctx, tx); again == nil {
			if status, unknown := l.ledger.Commit(ctx, tx.ID); unknown == nil && !duplicate(status) {
				return status, nil
			}
		}
	}
}

// duplicate holds for the judgement on a second copy of a transaction, which says nothing of the first.
func duplicate(s fabric.Status) bool { return s.Code == peer.TxValidationCode_DUPLICATE_TXID }

// wanted drops the inputs whose callers have gone. None of them is under way.
func (l *lane[T]) wanted(batch []*item[T]) []*item[T] {
	l.mu.Lock()
	defer l.mu.Unlock()
	kept := batch[:0:0]
	for _, it := range batch {
		if it.call.gone {
			l.finish(it, Outcome{})
			continue
		}
		kept = append(kept, it)
	}
	return kept
}

func (l *lane[T]) encode(batch []*item[T]) ([]byte, error) {
	payloads := make([]T, len(batch))
	for i, it := range batch {
		payloads[i] = it.payload
	}
	return l.kind.encode(payloads)
}

// underWay notes the transaction for callers who do not wait for its end.
func (l *lane[T]) underWay(batch []*item[T], txID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, it := range batch {
		it.txID = txID
	}
}

func (l *lane[T]) answer(batch []*item[T], answers []wire.Answer, txID string, block uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, it := range batch {
		o := Outcome{Answer: answers[i], TxID: txID, Block: block}
		if earlier := o.RecordedIn; earlier != "" && earlier != txID {
			o.TxID, o.Block = earlier, 0
		}
		l.finish(it, o)
	}
}

func (l *lane[T]) answerAll(batch []*item[T], a wire.Answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, it := range batch {
		l.finish(it, Outcome{Answer: a})
	}
}

func (l *lane[T]) fail(batch []*item[T], txID string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, it := range batch {
		l.finish(it, Outcome{TxID: txID, Err: err})
	}
}

// adapt sets how many batches may be under way, and how large: additive increase, multiplicative decrease.
func (l *lane[T]) adapt(r Transaction) {
	l.mu.Lock()
	defer l.mu.Unlock()
	slower := func(factor float64) { l.window = max(1, l.window*factor) }
	switch {
	case r.Err == nil && r.Total <= l.cfg.TargetLatency:
		if l.flying >= int(l.window) {
			l.window = min(l.window+1/l.window, float64(l.cfg.MaxInFlight))
		}
		l.size = min(l.size*1.1+1, float64(l.cfg.MaxBatch))
	case r.Err == nil:
		slower(0.8)
	case errors.Is(r.Err, fabric.ErrTooLarge):
		l.size = max(1, float64(r.Inputs)/2)
	case errors.Is(r.Err, fabric.ErrDeadline):
		l.size = max(1, float64(r.Inputs)/2)
		slower(0.5)
	case errors.Is(r.Err, fabric.ErrTooMany), errors.Is(r.Err, fabric.ErrUnavailable):
		slower(0.5)
	}
}
