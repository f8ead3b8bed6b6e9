package liar

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/panel"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Way is how a lie is told.
type Way string

// The ways.
const (
	Wrong  Way = "wrong answer"      // commits to another answer, and reveals it
	Copied Way = "copied commitment" // sends another scorer's as its own, and cannot reveal it
	Silent Way = "silence"           // commits to its answer, and reveals nothing
	// Denied: commits to nothing, and says that the task leaves out an event of the shipment that is not for it to list.
	Denied Way = "false claim"
)

// Lie is one that is to be told once: of the first task that it fits.
type Lie struct {
	Way Way
	// Shipments of which one is lied about; none: any.
	Shipments []string
	// Say is the level of a wrong answer. Only windows that the engine judges otherwise are lied about.
	Say ledger.VerdictLevel
	// AtLeast is the engine's level of windows that are lied about, 0: any.
	AtLeast ledger.VerdictLevel
	// Last restricts it to the last window of a shipment.
	Last bool
}

// fits reports whether the lie can be told of a window.
func (l Lie) fits(v ledger.Verdict) bool {
	return (len(l.Shipments) == 0 || slices.Contains(l.Shipments, v.Shipment)) && v.Level >= l.AtLeast && (v.Final || !l.Last) &&
		(l.Way != Wrong || v.Level != l.Say)
}

// Told is a lie that was told.
type Told struct {
	Lie      Lie
	Task     ledger.Digest
	Shipment string
	Window   uint32
	// Engine is what the scoring engine answers, Said what was committed to instead; nil: nothing else was.
	Engine ledger.TaskAnswer
	Said   *ledger.TaskAnswer
	// Whose is the account whose commitment was copied.
	Whose ledger.Digest
	// Omitted is the event that is claimed to be left out.
	Omitted ledger.Digest
	// Revealed says that the ledger took the reveal, Refused with which code it did not.
	Revealed bool
	Refused  string
}

// Config is what a liar needs. All but Lies have no default.
type Config struct {
	Ledger panel.Ledger
	Source scorer.Source
	Model  *score.Model
	// Binding names the key of the account, see ledger.CreditBinding.
	Binding ledger.Digest
	Lies    []Lie
}

// maxDue bounds the windows whose verdicts are kept; later ones are not lied about.
const maxDue = 100_000

// Liar changes words on their way. It is safe for concurrent use.
type Liar struct {
	cfg Config

	// judge gives the engine's verdicts, by which lies are chosen.
	judge func(block uint64, tx wire.Transaction) []scorer.Due

	mu      sync.Mutex
	next    uint64 // the next block that was not judged
	account ledger.Digest
	due     map[ledger.Digest]ledger.Verdict
	others  map[ledger.Digest]ledger.Commitment // one of another scorer's, by task under way
	events  map[string][]ledger.Digest          // by shipment, those that it may be said to leave out
	accused []accusation                        // claims to be made
	lies    []Lie                               // not told yet
	parts   map[ledger.Digest]*part
	order   []ledger.Digest // of parts
}

// part is a task that is lied about.
type part struct {
	Told

	nonce  ledger.Digest
	honest ledger.Digest // the service's commitment
	reveal ledger.RevealAnswer
	claims []ledger.ChallengeTask // that may be made
}

// accusation is a task of which something is to be claimed, now that somebody has answered it.
type accusation struct {
	task   ledger.Digest
	claims []ledger.ChallengeTask
}

// New makes a liar. It starts nothing.
func New(cfg Config) *Liar {
	return &Liar{
		cfg: cfg, judge: scorer.NewTaskDocket(cfg.Model, feature.DefaultLimits()).Judge, due: map[ledger.Digest]ledger.Verdict{},
		others: map[ledger.Digest]ledger.Commitment{}, events: map[string][]ledger.Digest{}, lies: slices.Clone(cfg.Lies), parts: map[ledger.Digest]*part{},
	}
}

// Tell says which lies are to be told from now on. It begins anew: Told gives these, and what was told before is known
// only to what is still under way.
func (l *Liar) Tell(lies ...Lie) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lies, l.order = slices.Clone(lies), nil
}

// Told gives the lies that were told, in their order.
func (l *Liar) Told() []Told {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Told, len(l.order))
	for i, task := range l.order {
		out[i] = l.parts[task].Told
	}
	return out
}

// Untold gives the lies that fitted no task so far.
func (l *Liar) Untold() []Lie {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := slices.Clone(l.lies)
	for _, p := range l.parts {
		if len(p.claims) > 0 {
			out = append(out, p.Lie)
		}
	}
	return out
}

// Account is the scorer's, zero while the block stream has not shown it.
func (l *Liar) Account() ledger.Digest {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.account
}

// Engine gives what the scoring engine answers on a shipment, by window: what an honest scorer says.
func (l *Liar) Engine(shipment string) (map[uint32]ledger.TaskAnswer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[uint32]ledger.TaskAnswer{}
	for _, v := range l.due {
		if v.Shipment != shipment {
			continue
		}
		answer, err := answerOf(v)
		if err != nil {
			return nil, err
		}
		out[v.Window] = answer
	}
	return out, nil
}

func answerOf(v ledger.Verdict) (ledger.TaskAnswer, error) {
	digest, err := wire.VerdictDigest(v)
	if err != nil {
		return ledger.TaskAnswer{}, fmt.Errorf("verdict on %s, window %d: %w", v.Shipment, v.Window, err)
	}
	return ledger.AnswerOf(v, digest), nil
}

// Ledger is what the service is to call.
func (l *Liar) Ledger() panel.Ledger { return mouth{l} }

// Source is what the service is to read.
func (l *Liar) Source() scorer.Source { return ears{l} }

// ears are the block stream, with the liar's words as the service said them.
type ears struct{ l *Liar }

func (e ears) Height(ctx context.Context) (uint64, error) { return e.l.cfg.Source.Height(ctx) }

func (e ears) Blocks(ctx context.Context, from uint64) iter.Seq2[scorer.Block, error] {
	return func(yield func(scorer.Block, error) bool) {
		for b, err := range e.l.cfg.Source.Blocks(ctx, from) {
			if err == nil {
				b, err = e.l.hear(b)
				e.l.accuse(ctx)
			}
			if !yield(b, err) || err != nil {
				return
			}
		}
	}
}

// hear takes notice of a block, and gives it as an honest scorer would have left it.
func (l *Liar) hear(b scorer.Block) (scorer.Block, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fresh := b.Number >= l.next
	if fresh {
		l.next = b.Number + 1
	}
	b.Transactions = slices.Clone(b.Transactions)
	for i := range b.Transactions {
		tx := &b.Transactions[i].Tx
		for _, a := range tx.Credits.Accounts {
			if a.Binding == l.cfg.Binding {
				l.account = a.ID
			}
		}
		if fresh {
			for _, due := range l.judge(b.Number, *tx) {
				if due.Statement == nil || len(l.due) == maxDue {
					continue
				}
				task, err := wire.TaskDigest(*due.Statement)
				if err != nil {
					return b, err
				}
				l.due[task] = due.Verdict
				l.deny(task, due)
			}
			l.collect(*tx)
		}
		tx.Scoring.Commitments = slices.Clone(tx.Scoring.Commitments)
		for k, c := range tx.Scoring.Commitments {
			if c.Account != l.account {
				l.others[c.Task] = c
			} else if p := l.parts[c.Task]; p != nil {
				tx.Scoring.Commitments[k].Commitment = p.honest
			}
		}
		for _, s := range tx.Scoring.Settlements {
			delete(l.others, s.Task)
		}
		tx.Scoring.Reveals = slices.Clone(tx.Scoring.Reveals)
		for k, r := range tx.Scoring.Reveals {
			l.answeredBy(r)
			if p := l.parts[r.Task]; p != nil && r.Account == l.account {
				tx.Scoring.Reveals[k].Answer, tx.Scoring.Reveals[k].Nonce = p.reveal.Answer, p.reveal.Nonce
			}
		}
	}
	return b, nil
}

// mouth is the ledger, which hears the liar's words for the service's.
type mouth struct{ l *Liar }

// Tasks is panel.Ledger's.
func (m mouth) Tasks(ctx context.Context, operations []ledger.TaskOperation) ([]wire.Answer, error) {
	answers := make([]wire.Answer, len(operations))
	var sent []ledger.TaskOperation
	var at []int
	for i, op := range operations {
		said, answer, err := m.l.say(op)
		switch {
		case err != nil:
			return nil, err
		case said == nil:
			answers[i] = answer
		default:
			sent, at = append(sent, *said), append(at, i)
		}
	}
	if len(sent) == 0 {
		return answers, nil
	}
	got, err := m.l.cfg.Ledger.Tasks(ctx, sent)
	if err != nil {
		return nil, err
	}
	if len(got) != len(sent) {
		return nil, fmt.Errorf("%d answers to %d operations", len(got), len(sent))
	}
	for k, answer := range got {
		answers[at[k]] = m.l.answered(operations[at[k]], answer)
	}
	return answers, nil
}

// say gives the operation that is sent for one of the service's, nil for none: then the service has the answer.
func (l *Liar) say(op ledger.TaskOperation) (*ledger.TaskOperation, wire.Answer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case op.Commit != nil:
		return l.commit(op)
	case op.Reveal != nil && l.parts[op.Reveal.Task] != nil:
		return l.parts[op.Reveal.Task].revealing(op)
	}
	return &op, wire.Answer{}, nil
}

// commit changes a commitment, if a lie fits the task.
func (l *Liar) commit(op ledger.TaskOperation) (*ledger.TaskOperation, wire.Answer, error) {
	task := op.Commit.Task
	p := l.parts[task]
	if p != nil && p.Lie.Way == Denied {
		return nil, wire.Answer{Status: ledger.StatusRecorded, Digest: task}, nil
	}
	if p == nil {
		verdict, known := l.due[task]
		i := slices.IndexFunc(l.lies, func(lie Lie) bool { return lie.Way != Denied && lie.fits(verdict) })
		if !known || i < 0 || l.account.IsZero() {
			return &op, wire.Answer{}, nil
		}
		other, committed := l.others[task]
		if l.lies[i].Way == Copied && !committed {
			// There is nothing to copy yet: later. To the service it looks as if a peer were behind.
			return nil, wire.Answer{Status: ledger.StatusRefused, Code: ledger.CodeTaskState, Digest: task, Message: "not yet"}, nil
		}
		var err error
		if p, err = newPart(l.lies[i], task, verdict, other); err != nil {
			return nil, wire.Answer{}, err
		}
		l.lies = slices.Delete(l.lies, i, i+1)
		l.parts[task], l.order = p, append(l.order, task)
	}
	p.honest = op.Commit.Commitment
	said := ledger.CommitAnswer{Task: task, Commitment: op.Commit.Commitment}
	switch p.Lie.Way {
	case Wrong:
		own, err := wire.CommitmentOf(task, l.account, *p.Said, p.nonce)
		if err != nil {
			return nil, wire.Answer{}, err
		}
		said.Commitment = own
	case Copied:
		said.Commitment = p.nonce
	case Silent, Denied:
	}
	return &ledger.TaskOperation{Commit: &said}, wire.Answer{}, nil
}

// newPart begins a lie. Of a copied commitment the nonce is what is sent for a commitment.
func newPart(lie Lie, task ledger.Digest, verdict ledger.Verdict, other ledger.Commitment) (*part, error) {
	p := &part{Told: Told{Lie: lie, Task: task, Shipment: verdict.Shipment, Window: verdict.Window}}
	var err error
	if p.Engine, err = answerOf(verdict); err != nil {
		return nil, err
	}
	_, _ = rand.Read(p.nonce[:]) // it does not fail (crypto/rand)
	switch lie.Way {
	case Wrong:
		said := p.Engine
		said.Level, said.Score, said.PValue = lie.Say, 0, 0
		if lie.Say > ledger.Clear {
			said.Score = 990_000
		}
		said.Trace = sha256.Sum256(append([]byte("a trace that no engine leaves"), p.nonce[:]...))
		said.Verdict = sha256.Sum256(append([]byte("a verdict that no engine gives"), p.nonce[:]...))
		p.Said = &said
	case Copied:
		p.nonce, p.Whose = other.Commitment, other.Account
	case Silent, Denied:
	}
	return p, nil
}

// revealing changes a reveal, or keeps it back.
func (p *part) revealing(op ledger.TaskOperation) (*ledger.TaskOperation, wire.Answer, error) {
	p.reveal = *op.Reveal
	switch {
	case p.Lie.Way == Wrong:
		return &ledger.TaskOperation{Reveal: &ledger.RevealAnswer{Task: p.Task, Answer: *p.Said, Nonce: p.nonce}}, wire.Answer{}, nil
	case p.Lie.Way == Copied && p.Refused == "":
		return &op, wire.Answer{}, nil // it tries, for it knows the answer; what it does not know is the nonce
	}
	return nil, wire.Answer{Status: ledger.StatusRecorded, Digest: p.Task}, nil
}

// answered notes how the ledger answered what was sent, and gives the service its answer.
func (l *Liar) answered(op ledger.TaskOperation, a wire.Answer) wire.Answer {
	l.mu.Lock()
	defer l.mu.Unlock()
	if op.Reveal == nil {
		return a
	}
	p := l.parts[op.Reveal.Task]
	switch {
	case p == nil:
	case a.Status != ledger.StatusRefused:
		p.Revealed = true
	case p.Lie.Way == Copied && a.Code == ledger.CodeCommitment:
		p.Refused = a.Code
		return wire.Answer{Status: ledger.StatusRecorded, Digest: p.Task}
	}
	return a
}
