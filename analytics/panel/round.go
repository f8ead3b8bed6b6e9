package panel

import (
	"bytes"
	"container/list"
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// deed is what a scorer does for a task.
type deed uint8

const (
	doOpen   deed = iota // and commit
	doCommit             // where another opened
	doClose              // and reveal
	doReveal             // where another closed
	doSettle
	doChallenge
	doExpire
	doRefute // a claim that an own task leaves something out
	doOrder  // challenges the order of another's list
	doInspect
	deeds
)

func (d deed) String() string {
	return [...]string{"open", "commit", "close", "reveal", "settle", "challenge", "expire", "refute", "challenge the order", "inspect", "unknown"}[min(d, deeds)]
}

// attempt is how it stands with a deed.
type attempt struct {
	flying bool
	unsure bool // the last one ended without an answer
	sent   time.Time
	tries  int
	after  time.Time // not before
}

// round is a task of a verdict that fell due here.
type round struct {
	id        ledger.Digest
	window    window
	statement *ledger.TaskStatement // nil once it is final or void
	verdict   ledger.Verdict
	answer    ledger.TaskAnswer
	view      ledger.TaskView // as the ledger shows it, without the references
	due       time.Time
	since     time.Time // when it came where it is
	live      bool      // it fell due while the service ran

	punished      []ledger.Digest // for silence
	shown         bool            // silence was shown by this scorer
	foreignSecret bool            // the own commitment cannot be revealed
	late          bool            // the own reveal was not shown in half of its time
	attempts      [deeds]attempt
	plan          []step
	planned       uint64 // for which generation of the book; 0: not

	saved, savedStatement string // what a checkpoint holds of it; empty: not encoded yet

	place *list.Element
	list  *list.List
}

// step is a deed that is this scorer's to do, from a time on.
type step struct {
	deed       deed
	at         time.Time
	until      time.Time // zero: for ever
	operations []ledger.TaskOperation
	// trial: whether it proves anything is to be tried before it is sent, since it costs the bond if not.
	trial bool
	// find makes the operations of what the proof log says; nil: they are known.
	find func(context.Context, ask) ([]ledger.TaskOperation, error)
}

// commitment is what this scorer commits to.
func (r *round) commitment(b *book) (ledger.Digest, error) {
	return wire.CommitmentOf(r.id, b.account, r.answer, nonceOf(b.cfg.Secret, r.id, b.account))
}

// steps are what the round asks of this scorer, now or later. They are made anew when something has changed.
func (r *round) steps(b *book) []step {
	if r.planned != b.generation {
		r.plan, r.planned = r.asks(b), b.generation
	}
	return r.plan
}

// changed notes that the ledger has moved the round on.
func (r *round) changed() { r.planned = 0 }

func (r *round) asks(b *book) []step {
	if r.view.Phase() == ledger.TaskAbsent {
		return r.opening(b)
	}
	if _, ok := r.view.Task.Seat(b.account); !ok {
		return nil
	}
	if r.view.Closing == nil {
		return r.committing(b)
	}
	var all []step
	if s, ok := r.revealing(b); ok {
		all = append(all, s)
	}
	if s, ok := r.ending(b); ok {
		all = append(all, s)
	}
	if s, ok := r.silencing(b); ok {
		all = append(all, s)
	}
	return all
}

func (r *round) opening(b *book) []step {
	if !b.scorers[b.account].Active {
		return nil
	}
	var all []ledger.Digest
	for account, s := range b.scorers {
		if s.Active {
			all = append(all, account)
		}
	}
	if r.blended() && b.unfit() != nil {
		return nil // others open it; of a model's task the ledger says so, and the verdict is given up
	}
	own, err := r.commitment(b)
	if err != nil {
		return nil
	}
	return []step{{deed: doOpen, at: b.turn(r.id, doOpen, all, r.since), operations: []ledger.TaskOperation{
		{Open: r.statement}, {Commit: &ledger.CommitAnswer{Task: r.id, Commitment: own}},
	}}}
}

func (r *round) committing(b *book) []step {
	committed := make([]ledger.Digest, len(r.view.Commitments))
	for i, c := range r.view.Commitments {
		committed[i] = c.Account
	}
	if !slices.Contains(committed, b.account) {
		if b.unfit() != nil {
			return nil // it could not reveal
		}
		own, err := r.commitment(b)
		if err != nil {
			return nil
		}
		return []step{{deed: doCommit, at: r.since, operations: []ledger.TaskOperation{{Commit: &ledger.CommitAnswer{Task: r.id, Commitment: own}}}}}
	}
	from := r.since
	if !r.view.Carried() {
		return nil // it waits for others
	}
	if len(committed) < len(r.view.Task.Panel) {
		from = later(from, stamp(r.view.Task.CommitBy))
	}
	s := step{deed: doClose, at: b.turn(r.id, doClose, committed, from), operations: []ledger.TaskOperation{{Close: &r.id}}}
	if !r.foreignSecret {
		s.operations = append(s.operations, r.reveal(b))
	}
	return []step{s}
}

func (r *round) reveal(b *book) ledger.TaskOperation {
	return ledger.TaskOperation{Reveal: &ledger.RevealAnswer{Task: r.id, Answer: r.answer, Nonce: nonceOf(b.cfg.Secret, r.id, b.account)}}
}

// revealing is the own answer, where it is still to be shown. It is worth its reward after the end too.
func (r *round) revealing(b *book) (step, bool) {
	v := &r.view
	if r.foreignSecret || r.has(b.account) || !slices.Contains(v.Closing.Committed, b.account) || v.Phase() == ledger.TaskVoid {
		return step{}, false
	}
	return step{deed: doReveal, until: stamp(v.Closing.RevealBy), operations: []ledger.TaskOperation{r.reveal(b)}}, true
}

// has reports whether an account revealed its answer.
func (r *round) has(account ledger.Digest) bool {
	return slices.ContainsFunc(r.view.Reveals, func(v ledger.Reveal) bool { return v.Account == account })
}

// ending is what brings the task to its end: settling it, or challenging an answer that is not the own.
func (r *round) ending(b *book) (step, bool) {
	v := &r.view
	if v.Settlement != nil {
		return step{}, false
	}
	if r.blended() {
		return r.blending(b), true
	}
	policy, ok := b.policies[v.Task.Policy]
	if !ok {
		return step{}, false
	}
	ruled := v.Provisional != nil && v.Provisional.By != 0
	if ruled {
		if v.Provisional.Answer != r.answer {
			return step{}, false // the others have its verdict
		}
		return r.settling(b, stamp(v.Provisional.At+policy.ChallengeFor), false), true
	}
	from := r.since
	if len(v.Reveals) < len(v.Closing.Committed) {
		from = later(from, stamp(v.Closing.RevealBy))
	}
	rules := v.Rules(policy)
	switch {
	case rules:
		return r.settling(b, from, true), true
	case r.dissent():
		return step{deed: doChallenge, at: b.pressing(r.id, doChallenge, r.agreeing(), from, policy), operations: []ledger.TaskOperation{{Challenge: &ledger.ChallengeTask{Task: r.id}}}}, true
	case v.Provisional != nil:
		from = stamp(v.Provisional.At + policy.ChallengeFor)
	}
	return r.settling(b, from, false), true
}

// settling asks for the end; the referee, if it rules, needs no verdict.
func (r *round) settling(b *book, from time.Time, ruled bool) step {
	op := &ledger.SettleTask{Task: r.id}
	if !ruled {
		op.Verdict = &r.verdict
	}
	// While a claim stands it ends when that is refuted; if that never comes it is void.
	from = later(from, standing(r.view.Claims))
	return step{deed: doSettle, at: b.turn(r.id, doSettle, r.agreeing(), from), operations: []ledger.TaskOperation{{Settle: op}}}
}

// dissent reports whether somebody revealed another answer than the own.
func (r *round) dissent() bool {
	return slices.ContainsFunc(r.view.Reveals, func(v ledger.Reveal) bool { return v.Answer != r.answer })
}

// agreeing are the accounts that revealed the own answer; where each has its own model, all that revealed one.
func (r *round) agreeing() []ledger.Digest {
	var all []ledger.Digest
	for _, v := range r.view.Reveals {
		if v.Answer == r.answer || r.blended() {
			all = append(all, v.Account)
		}
	}
	return all
}

// silent are those who committed, did not reveal, and have not paid for it.
func (r *round) silent() []ledger.Digest {
	var all []ledger.Digest
	for _, account := range r.view.Closing.Committed {
		if !r.has(account) && !slices.Contains(r.punished, account) {
			all = append(all, account)
		}
	}
	return all
}

func (r *round) silencing(b *book) (step, bool) {
	policy, ok := b.policies[r.view.Task.Policy]
	if !ok || r.shown || len(r.silent()) == 0 {
		return step{}, false
	}
	from := stamp(policy.SilenceAt(*r.view.Closing))
	return step{deed: doExpire, at: b.turn(r.id, doExpire, r.agreeing(), from), operations: []ledger.TaskOperation{{Expire: &r.id}}}, true
}

// finished reports whether nothing is left to do or to show.
func (b *book) finished(r *round) bool {
	if r.view.Settlement == nil {
		return false
	}
	_, seated := r.view.Task.Seat(b.account)
	_, known := b.policies[r.view.Task.Policy]
	return !seated || !known || r.shown || r.view.Closing == nil || len(r.silent()) == 0
}

// turn is when this scorer does a deed that one of some should: the first by a hash of task and account at once, each
// of the others a pause later. Who was away when its last task closed comes after the others, and who is not one of
// them comes last.
func (b *book) turn(task ledger.Digest, d deed, some []ledger.Digest, from time.Time) time.Time {
	own := b.lot(task, d, b.account)
	rank := 0
	for _, account := range some {
		if account != b.account && bytes.Compare(b.lot(task, d, account), own) < 0 {
			rank++
		}
	}
	if !slices.Contains(some, b.account) {
		rank = len(some)
	}
	return from.Add(time.Duration(rank) * b.cfg.Pause)
}

// pressing is the turn to challenge or to refute, within a quarter of the time that is left for it whatever others say that
// the time is: those who come before may be the ones who lie.
func (b *book) pressing(task ledger.Digest, d deed, some []ledger.Digest, from time.Time, p ledger.ScoringPolicy) time.Time {
	at := b.turn(task, d, some, from)
	if latest := from.Add(pressed(p, 1)); latest.Before(at) {
		return latest
	}
	return at
}

// pressed is some quarters of the time that a challenge surely has, whatever others say that the time is.
func pressed(p ledger.ScoringPolicy, quarters time.Duration) time.Duration {
	return quarters * time.Duration(p.ChallengeFor-2*p.ClockSkew()) * time.Millisecond / 4
}

// lot is what an account's place in the order rests on.
func (b *book) lot(task ledger.Digest, d deed, account ledger.Digest) []byte {
	h := sha256.New()
	h.Write(task[:])
	h.Write([]byte{byte(d)})
	h.Write(account[:])
	away := byte(0)
	if b.absent[account] {
		away = 1
	}
	return h.Sum([]byte{away})
}

func stamp(t ledger.Millis) time.Time { return time.UnixMilli(int64(t)) }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
