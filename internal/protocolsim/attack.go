package protocolsim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Attack plays a round in which every scorer but one lies and works together, and the one challenges. The liars choose at
// random whether they give one lie or several, whether they shut the honest scorer out by saying a later time than it is,
// whether they open a task that leaves a segment or an event out, or puts an event where the ledger does not have it,
// whether one of them claims falsely that the right list leaves something out, and when, and settle before the honest
// scorer has its turn. Where their list is not the window the honest scorer voids their task and opens the right one, on
// which they lie again. Two of three keepers anchor the proof log, the third anchors something else.
func (w *World) Attack(task Task, players []Player, honest int, r *rand.Rand) (Outcome, error) {
	return w.assault(task, players, honest, never, r)
}

// AttackRevoked is Attack on the right list in which one organisation revokes the model meanwhile, as the liars like it.
func (w *World) AttackRevoked(task Task, players []Player, honest int, r *rand.Rand) (Outcome, error) {
	return w.assault(task, players, honest, moment(1+r.IntN(int(atChallenge))), r)
}

func (w *World) assault(task Task, players []Player, honest int, revoke moment, r *rand.Rand) (Outcome, error) {
	w.anchoring = Keepers()[:2]
	before, _, err := w.Holdings()
	if err != nil {
		return Outcome{}, err
	}
	out, err := w.siege(task, players, honest, revoke, r)
	if err != nil {
		return out, err
	}
	after, _, err := w.Holdings()
	out.Delta = map[string]int64{}
	for _, p := range players {
		out.Delta[p.Name] = int64(after[w.Account(p.Name)]) - int64(before[w.Account(p.Name)]) //nolint:gosec // far below 2^63
	}
	return out, err
}

// siege plays a list that is not the window, where the liars make one, and the right one.
func (w *World) siege(task Task, players []Player, honest int, revoke moment, r *rand.Rand) (Outcome, error) {
	var p *scheme
	var err error
	if revoke == never {
		if p, err = w.scheme(task, r); err != nil {
			return Outcome{}, err
		}
	}
	if p == nil {
		return w.attack(task, players, honest, nil, revoke, r)
	}
	w.moves[p.move]++
	liar := players[(honest+1)%len(players)].Name
	if p.code != "" {
		g := game{w: w, task: p.task, r: r}
		if err = g.refused(liar, ledger.TaskOperation{Open: &p.task.Statement}, p.code); err != nil {
			return Outcome{}, fmt.Errorf("%s: %w", p.move, err)
		}
		return w.attack(task, players, honest, nil, never, r)
	}
	first, err := w.attack(p.task, players, honest, p, never, r)
	if err != nil {
		return first, fmt.Errorf("%s: %w", p.move, err)
	}
	if first.Final != nil {
		first.Wrong = true // whatever it says, it rests on what is not the window
		return first, nil
	}
	if first.By != p.voids && first.By != ledger.SettledNoWindow { // the draw had it re-executed before
		return first, fmt.Errorf("%w: %s: a list that is not the window ended by %s in phase %s", ErrRefused, p.move, first.By, first.Phase)
	}
	// The window that they meant is judged then, if the ledger has come that far, or else the one that was due.
	same := func(t Task) bool {
		s := t.Statement
		return s.Shipment == p.task.Statement.Shipment && s.Window == p.task.Statement.Window
	}
	if i := slices.IndexFunc(w.Tasks, same); i >= 0 {
		task = w.Tasks[i]
	}
	beside := r.IntN(4) == 0
	other := game{w: w, task: task, r: r}
	if beside {
		other.task = variant(p.task, task)
		if err = other.beside(liar); err != nil {
			return first, err
		}
	}
	out, err := w.attack(task, players, honest, nil, never, r)
	if err == nil {
		err = w.afterwards(other, slices.Delete(slices.Clone(players), honest, honest+1), p, out)
	}
	out.Ended, out.Vain = first.By, first.Vain
	return out, err
}

// variant is a list that is not the window either, which was not open yet: it says the former task's references, but for the policy.
func variant(former, right Task) Task {
	v := right
	v.Statement = former.Statement
	v.Statement.Begins, v.Statement.Window = right.Statement.Begins, right.Statement.Window
	v.Statement.References, v.Statement.Inputs = former.Statement.References[1:], ledger.Digest{9}
	return v
}

// beside has a liar open a list beside the right one.
func (g *game) beside(liar string) (err error) {
	if g.id, err = wire.TaskDigest(g.task.Statement); err != nil {
		return err
	}
	return g.must(liar, ledger.TaskOperation{Open: &g.task.Statement})
}

// afterwards has a liar go on with lists that are not the window when the right one has its verdict: with the one that was void, one
// that was open beside, and a new one.
func (w *World) afterwards(other game, liars []Player, p *scheme, out Outcome) error {
	liar := liars[0].Name
	g := game{w: w, task: p.task, r: other.r}
	a, err := g.try(liar, ledger.TaskOperation{Open: &p.task.Statement})
	if err != nil {
		return err
	}
	if a.Status != ledger.StatusDuplicate {
		return fmt.Errorf("%w: a list that was void is open again: %s %s", ErrRefused, a.Status, a.Code)
	}
	w.moves[AgainVoid]++
	if out.Final == nil {
		return nil
	}
	if !other.id.IsZero() {
		w.moves[Beside]++
		return other.overtaken(liars)
	}
	if right := other.task.Statement; !out.Final.Ended {
		right.Begins, right.Window = right.Window+1, right.Window+1
		w.moves[BeginWithin]++
		if err = other.refused(liar, ledger.TaskOperation{Open: &right}, ledger.CodeTaskState); err != nil {
			return err
		}
	}
	late := other.task
	late.Statement.References = append(slices.Clone(late.Statement.References), late.Statement.References[0])
	w.moves[AfterAll]++
	return other.refused(liar, ledger.TaskOperation{Open: &late.Statement}, ledger.CodeTaskState)
}

// overtaken has the liars answer an open list whose window has its verdict from another: nothing comes of it.
func (g *game) overtaken(liars []Player) error {
	if err := g.parts(liars); err != nil {
		return err
	}
	for _, p := range g.all {
		own, err := wire.CommitmentOf(g.id, g.w.Account(p.player.Name), p.answer, p.nonce)
		if err == nil {
			err = g.must(p.player.Name, ledger.TaskOperation{Commit: &ledger.CommitAnswer{Task: g.id, Commitment: own}})
		}
		if err != nil {
			return err
		}
	}
	g.w.Advance(g.w.Policy.CommitFor)
	who := liars[0].Name
	if err := g.must(who, ledger.TaskOperation{Close: &g.id}); err != nil {
		return err
	}
	for _, p := range g.all {
		if err := g.must(p.player.Name, ledger.TaskOperation{Reveal: &ledger.RevealAnswer{Task: g.id, Answer: p.answer, Nonce: p.nonce}}); err != nil {
			return err
		}
	}
	if err := g.must(who, ledger.TaskOperation{Settle: &ledger.SettleTask{Task: g.id, Verdict: &g.task.Truth.Verdict}}); err != nil {
		return err
	}
	view, err := g.w.View(g.id)
	if err == nil && (view.Settlement == nil || view.Settlement.By != ledger.SettledSuperseded) {
		err = fmt.Errorf("%w: a list beside the final one is %s", ErrRefused, view.Phase())
	}
	return err
}

// scheme is a task whose list is not the window, and how whoever knows the right one has it voided.
type scheme struct {
	move    Move
	task    Task
	omitted *ledger.ChallengeTask // the claim of what it leaves out; nil: the log shows that it is in another order
	segment uint64                // of the span that the claim names
	since   bool                  // the claim shows that it came after the journey before
	late    bool                  // and was of that
	former  bool                  // it has what was before the end of the journey before
	// executed: nobody can re-execute it, which a challenge shows.
	executed bool
	voids    ledger.SettledBy
	code     string // with which the ledger does not open it; empty: it does
}

// claim says what a scheme leaves out.
func (p *scheme) claim(omitted ledger.Reference, at uint32) {
	p.omitted = &ledger.ChallengeTask{Omitted: &omitted, At: at}
}

// scheme makes a list that is not the window, as liars would; nil for one that is, which liars choose as well.
func (w *World) scheme(task Task, r *rand.Rand) (*scheme, error) {
	if task.schemes != nil {
		if i := r.IntN(len(task.schemes) + 1); i < len(task.schemes) {
			return &task.schemes[i], nil
		}
		return nil, nil
	}
	const shipping, last = 2, 3 // the references of every shipment: policy, association, shipping, segments
	p := scheme{move: LeaveOutEvent, task: task, voids: ledger.SettledOmission}
	s := &p.task.Statement
	s.References = slices.Clone(s.References)
	segments := s.References[last]
	switch choice := r.IntN(5); {
	case choice == 0:
		return nil, nil
	case choice == 1 && segments.Last > segments.First:
		first := w.Tasks[slices.IndexFunc(w.Tasks, func(t Task) bool { return t.Statement.Shipment == s.Shipment && t.Statement.Window == 0 })]
		p.move = LeaveOutSegment
		p.claim(first.Statement.References[last], last)
		s.References[last].First, s.Window = segments.Last, 0
	case choice == 2:
		p.move, p.voids = PutElsewhere, ledger.SettledNoWindow
		var err error
		p.task, err = w.disordered(task, r)
		return &p, err
	case choice == 3:
		return w.misstated(task, r)
	default:
		p.claim(s.References[shipping], shipping)
		s.References = slices.Delete(s.References, shipping, shipping+1)
	}
	return &p, w.rule(&p.task)
}

// misstated says of the right list that it is another window, or of another journey.
func (w *World) misstated(task Task, r *rand.Rand) (*scheme, error) {
	p := scheme{task: task}
	s := &p.task.Statement
	switch window := s.Window; {
	case r.IntN(3) == 0:
		p.move, p.code = BeginUnjudged, ledger.CodeNotFound
		s.Begins, s.Window = window+1, window+1
	case r.IntN(2) == 0:
		p.move, p.code = Twice, ledger.CodeSchema
		s.References = slices.Insert(slices.Clone(s.References), 2, s.References[2])
	default:
		p.move, p.voids, p.executed = OtherWindow, ledger.SettledNoWindow, true
		s.Window++
		return &p, p.say(func(v *ledger.Verdict) { v.Window = s.Window })
	}
	return &p, nil
}

// say has the liars say something else than the engine.
func (p *scheme) say(change func(*ledger.Verdict)) error {
	t := &p.task.Truth
	change(&t.Verdict)
	digest, err := wire.VerdictDigest(t.Verdict)
	t.Answer = ledger.AnswerOf(t.Verdict, digest)
	return err
}

// rule has the engine rule on a task that liars made.
func (w *World) rule(task *Task) error {
	ruling, err := w.Judge(task.Statement)
	if err == nil && ruling.Fault != "" {
		err = fmt.Errorf("%w: %s", ErrRefused, ruling.Fault)
	}
	task.Statement.Inputs, task.Truth = ruling.Inputs, ruling
	return err
}

// disordered puts an event into a task's list where the ledger does not have it, so that the window still closes.
func (w *World) disordered(task Task, r *rand.Rand) (Task, error) {
	list, first := task.Statement.References, r.IntN(len(task.Decoys))
	for i := range task.Decoys {
		d := task.Decoys[(first+i)%len(task.Decoys)]
		task.Statement.References = slices.Insert(slices.Clone(list), int(d.At), d.Event)
		if err := w.rule(&task); !errors.Is(err, ErrRefused) {
			return task, err
		}
	}
	return task, fmt.Errorf("%w: the window closes with none of its decoys", ErrRefused)
}

// reorder has those who play so open a task in another order, and the others show it with the log. It gives the players as
// they go on with the right task.
func (w *World) reorder(task Task, players []Player, r *rand.Rand) ([]Player, error) {
	wrong, err := w.disordered(task, r)
	if err != nil {
		return nil, err
	}
	g := game{w: w, task: wrong, r: r}
	if g.id, err = wire.TaskDigest(wrong.Statement); err != nil {
		return nil, err
	}
	cast, after := slices.Clone(players), slices.Clone(players)
	first := -1
	for i, p := range players {
		if p.Strategy != Reorder {
			cast[i].Strategy, first = Latecomer, i // it takes no part in what is not the window
			continue
		}
		after[i].Strategy = Honest
	}
	if err = g.parts(cast); err != nil {
		return nil, err
	}
	if err = g.rush(first, true); err != nil {
		return nil, err
	}
	if err = g.misplaced(players[first].Name); err != nil {
		return nil, err
	}
	if view, err := w.View(g.id); err != nil || view.Phase() != ledger.TaskVoid {
		return nil, fmt.Errorf("%w: a list in another order ended in phase %s: %w", ErrRefused, view.Phase(), err)
	}
	return after, nil
}

// misplaced has a player show with the log that the list is not in ledger order.
func (g *game) misplaced(who string) error {
	if err := g.anchor(); err != nil {
		return err
	}
	order, err := g.w.Misplaced(g.task.Statement)
	if err != nil {
		return err
	}
	if order == nil {
		return fmt.Errorf("%w: the list is in ledger order", ErrRefused)
	}
	return g.must(who, ledger.TaskOperation{Challenge: &ledger.ChallengeTask{Task: g.id, Order: order}})
}

// former has a player show with the log that the list has what was before the end of the journey before.
func (g *game) former(who string) error {
	if err := g.anchor(); err != nil {
		return err
	}
	order, err := g.w.Former(g.task.Statement)
	if err != nil {
		return err
	}
	if order == nil {
		return fmt.Errorf("%w: the list has nothing of the journey before", ErrRefused)
	}
	return g.must(who, ledger.TaskOperation{Challenge: &ledger.ChallengeTask{Task: g.id, Order: order}})
}

// attack plays the liars' moves on one task, and what the honest scorer does about it. p is nil for a task that is the window.
func (w *World) attack(task Task, players []Player, honest int, p *scheme, revoke moment, r *rand.Rand) (Outcome, error) {
	g := game{w: w, task: task, watch: 1, r: r, revoke: revoke}
	var err error
	if g.id, err = wire.TaskDigest(task.Statement); err != nil {
		return Outcome{}, err
	}
	// A task closes with more than half of the stake, so that where a liar objects, the honest scorer is let in.
	shut := r.IntN(2) == 0
	claims := never
	if p == nil && !shut && len(task.Decoys) > 0 {
		claims = moment(r.IntN(int(atLast) + 1))
	}
	if err = g.parts(g.cast(players, honest, p, claims)); err != nil {
		return Outcome{}, err
	}
	g.claims = claims
	if err = g.rush(honest, shut); err != nil {
		return Outcome{}, err
	}
	who := players[honest].Name
	if err = g.revoked(atAnswer); err != nil {
		return Outcome{}, err
	}
	if err = g.turn(honest); err == nil {
		err = g.answer(who, p)
	}
	if err == nil {
		err = g.revoked(atChallenge)
	}
	if err == nil && claims == afterTurn {
		err = g.object()
	}
	if err == nil {
		err = g.turn(honest)
	}
	if err == nil {
		err = g.refute(who)
	}
	if err != nil {
		return Outcome{}, err
	}
	g.w.Advance(w.Policy.RevealFor + w.Policy.ChallengeFor)
	if claims == atLast {
		if err = g.object(); err == nil {
			err = g.turn(honest)
		}
		if err == nil {
			err = g.refute(who)
		}
		if err != nil {
			return Outcome{}, err
		}
	}
	for range 2 {
		for _, p := range g.all {
			if err = g.end(p, 0); err != nil {
				return Outcome{}, err
			}
		}
		g.w.Advance(w.Policy.ChallengeFor)
	}
	out, _, err := g.outcome()
	out.Vain, out.Revoked = g.vain, g.gone
	return out, err
}

// moment is when a liar claims that something is left out, or has the model revoked.
type moment int

const (
	never     moment = iota
	atReveal         // after the first answer
	afterTurn        // after the honest scorer has had its turn
	atLast           // when the time to challenge is over
)

// The moments of a revocation.
const (
	atOpen moment = 1 + iota
	atClose
	atAnswers // after the first
	atAnswer  // after the last
	atChallenge
)

// revoked has the model revoked if the liars chose that moment, and notes whether that came before a verdict.
func (g *game) revoked(at moment) error {
	if g.revoke != at {
		return nil
	}
	final, err := g.w.Final(g.task.Statement)
	if err != nil {
		return err
	}
	_, artefact, ok := ledger.ArtefactOf(g.task.Statement.Model)
	if !ok {
		return fmt.Errorf("%w: model %s", ErrRefused, g.task.Statement.Model)
	}
	g.gone = final == nil
	g.w.moves[[...]Move{atOpen: RevokeOpen, atClose: RevokeCommitted, atAnswers: RevokeRevealed, atAnswer: RevokeAnswered, atChallenge: RevokeChallenged}[at]]++
	return g.w.Revoke(artefact)
}

// cast gives the players their parts.
func (g *game) cast(players []Player, honest int, p *scheme, claims moment) []Player {
	cast := slices.Clone(players)
	several := g.r.IntN(4) == 0
	objector := (honest + 1 + g.r.IntN(len(players)-1)) % len(players)
	for i := range cast {
		switch {
		case i == honest && p == nil:
			cast[i].Strategy = Honest
		case i == honest:
			cast[i].Strategy = Latecomer // it takes no part in what is not the window
		case p != nil:
			cast[i].Strategy = Honest // on what is left, the engine's answer serves the liars
		case i == objector && claims != never:
			cast[i].Strategy = Objector
		case several:
			cast[i].Strategy = Random
		default:
			cast[i].Strategy = Cartel
		}
	}
	return cast
}

// turn lets time pass until the honest scorer's turn, within the time to challenge or to refute less what the liars gained on
// the clock, and has the liars try to settle just before.
func (g *game) turn(honest int) error {
	g.w.Advance(ledger.Millis(g.r.Int64N(int64(g.w.Policy.ChallengeFor) - 2*int64(g.w.Policy.ClockSkew()) - int64(g.w.anchorEvery()))))
	return g.settleAll(honest)
}

// settleAll has the liars try to settle at the latest time that they can say.
func (g *game) settleAll(honest int) error {
	for i, p := range g.all {
		if i == honest {
			continue
		}
		if err := g.end(p, g.skewed()); err != nil {
			return err
		}
	}
	return nil
}

// answer is the honest scorer's turn: it refutes what is false, has answers that are not the engine's re-executed, and a list
// that is not the window voided. The liars then try to refute a claim that is true.
func (g *game) answer(who string, p *scheme) error {
	if err := g.refute(who); err != nil {
		return err
	}
	if p == nil {
		_, err := g.try(who, ledger.TaskOperation{Challenge: &ledger.ChallengeTask{Task: g.id}})
		return err
	}
	if view, err := g.w.View(g.id); err != nil || view.Settlement != nil && view.Settlement.By == ledger.SettledNoWindow {
		return err // the draw had it re-executed before
	}
	switch {
	case p.executed:
		return g.must(who, ledger.TaskOperation{Challenge: &ledger.ChallengeTask{Task: g.id}})
	case p.former:
		return g.former(who)
	case p.omitted == nil:
		return g.misplaced(who)
	}
	challenge := *p.omitted
	challenge.Task, challenge.Segment, challenge.Late = g.id, p.segment, p.late
	if p.since {
		err := g.anchor()
		if err == nil {
			challenge.Since, err = g.w.sinceFormer(g.task.Statement, *challenge.Omitted)
		}
		if err != nil {
			return err
		}
	}
	if err := g.must(who, ledger.TaskOperation{Challenge: &challenge}); err != nil {
		return err
	}
	return g.disprove(who)
}

// disprove has every other player try to refute every claim that stands with whatever the log has. The claims are true.
func (g *game) disprove(claimant string) error {
	view, err := g.w.View(g.id)
	if err == nil {
		err = g.anchor()
	}
	if err != nil {
		return err
	}
	for _, c := range standing(view) {
		attempts, err := g.w.refutations(view.Task.Statement, c)
		if err != nil {
			return err
		}
		for _, a := range g.some(attempts, c) {
			if a.operation.Proof, err = g.w.Prove(a.keys...); err != nil {
				return err
			}
			for _, p := range g.all {
				if p.player.Name == claimant {
					continue
				}
				answer, err := g.try(p.player.Name, ledger.TaskOperation{Refute: &a.operation})
				if err != nil {
					return err
				}
				g.vain++
				if answer.Status != ledger.StatusRefused {
					return fmt.Errorf("%w: a claim that is true was refuted by reference %d", ErrRefused, a.operation.Reference)
				}
			}
		}
	}
	return nil
}

// maxAttempts bounds how many references of a long list are tried.
const maxAttempts = 16

// some are all attempts at a claim, or of a long list those next to where the claim puts what is left out and others at random.
func (g *game) some(all []attempt, c ledger.Claim) (out []attempt) {
	if len(all) <= maxAttempts {
		return all
	}
	for _, a := range all {
		if near := int64(a.operation.Reference) - int64(c.Before); near >= -1 && near <= 1 || g.r.IntN(len(all)) < maxAttempts {
			out = append(out, a)
		}
	}
	return out
}

// rush has the liars open, commit, close, reveal and settle as fast as they can; shut leaves the honest scorer no time
// to commit.
func (g *game) rush(honest int, shut bool) error {
	opener := g.all[(honest+1)%len(g.all)].player.Name
	if err := g.must(opener, ledger.TaskOperation{Open: &g.task.Statement}); err != nil {
		return err
	}
	if err := g.revoked(atOpen); err != nil {
		return err
	}
	for i, p := range g.all {
		switch p.player.Strategy {
		case Latecomer, Objector:
			p.commits = false
		default:
			p.commits = i != honest || !shut
		}
		if !p.commits {
			continue
		}
		own, err := wire.CommitmentOf(g.id, g.w.Account(p.player.Name), p.answer, p.nonce)
		if err != nil {
			return err
		}
		if err = g.must(p.player.Name, ledger.TaskOperation{Commit: &ledger.CommitAnswer{Task: g.id, Commitment: own}}); err != nil {
			return err
		}
	}
	g.w.Advance(max(g.w.Policy.CommitFor-g.w.Policy.ClockSkew()+1, 0)) // what no choice of time gains
	if _, err := recorded(g.w.ScoreAt(opener, g.skewed(), ledger.TaskOperation{Close: &g.id})); err != nil {
		return err
	}
	if err := g.revoked(atClose); err != nil {
		return err
	}
	first, claimed := true, false
	for _, p := range g.all {
		if !p.commits {
			continue
		}
		if err := g.must(p.player.Name, ledger.TaskOperation{Reveal: &ledger.RevealAnswer{Task: g.id, Answer: p.answer, Nonce: p.nonce}}); err != nil {
			return err
		}
		if first {
			if err := g.revoked(atAnswers); err != nil {
				return err
			}
			first = false
		}
		if claimed || g.claims != atReveal {
			continue
		}
		if err := g.object(); err != nil {
			return err
		}
		claimed = true
	}
	for range 2 {
		if err := g.settleAll(honest); err != nil {
			return err
		}
	}
	return nil
}

// skewed is about the most that a submitter gains by its choice of time.
func (g *game) skewed() time.Duration {
	return time.Duration(g.w.Policy.ClockSkew())*time.Millisecond - time.Millisecond
}

// end tries to settle with what a player says.
func (g *game) end(p *part, skew time.Duration) error {
	_, err := g.w.ScoreAt(p.player.Name, skew, ledger.TaskOperation{Settle: &ledger.SettleTask{Task: g.id, Verdict: p.verdict}})
	return err
}
