package protocolsim

import (
	"crypto/ecdsa"
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

func canonical(pallet, logger string) (shipment, device string, err error) {
	if shipment, err = epcis.CanonicalEPC(pallet); err != nil {
		return "", "", err
	}
	device, err = epcis.CanonicalEPC(logger)
	return shipment, device, err
}

// Strategy is how a scorer plays.
type Strategy string

// The strategies.
const (
	Honest       Strategy = "honest"       // runs the engine, reveals, challenges what differs
	Copycat      Strategy = "copycat"      // sends another's commitment as its own
	Latecomer    Strategy = "latecomer"    // waits for others' answers and commits to those
	Lazy         Strategy = "lazy"         // always says clear, without running the engine
	Random       Strategy = "random"       // says something
	Silent       Strategy = "silent"       // commits to the right answer and reveals nothing
	Equivocating Strategy = "equivocating" // commits to the right answer and signs another for others
	Objector     Strategy = "objector"     // commits to nothing and claims that something is left out
	Cartel       Strategy = "cartel"       // all of its members give one wrong answer
	Reorder      Strategy = "reorder"      // with more than half of the stake, agrees on a list in another order
)

// Strategies lists the dishonest ones that need no more than half of the stake.
func Strategies() []Strategy {
	return []Strategy{Copycat, Latecomer, Lazy, Random, Silent, Equivocating, Objector, Cartel}
}

// Player is a scorer with its strategy.
type Player struct {
	Name     string
	Strategy Strategy
}

// runsEngine tells which strategies pay for computing.
func (s Strategy) runsEngine() bool {
	return s == Honest || s == Silent || s == Equivocating || s == Reorder
}

// digest draws 32 bytes.
func digest(r *rand.Rand) ledger.Digest {
	var d ledger.Digest
	for i := 0; i < len(d); i += 8 {
		binary.BigEndian.PutUint64(d[i:], r.Uint64())
	}
	return d
}

// lie makes a verdict that is well formed, rests on what is recorded, and is not the engine's.
func lie(truth ledger.Verdict, r *rand.Rand) (ledger.Verdict, ledger.TaskAnswer, error) {
	v := truth
	v.Trace = digest(r)
	v.Stratum, v.References, v.Tail, v.PValue = "", 0, false, 0
	if truth.Level == ledger.Clear {
		v.Level, v.Score = ledger.Quarantine, 900_000
		v.Reasons = []ledger.Reason{{Code: "above_range", Contribution: v.Score, Detail: "It was too warm."}}
	} else {
		v.Level, v.Score, v.Reasons = ledger.Clear, 0, nil
	}
	id, err := wire.VerdictDigest(v)
	return v, ledger.AnswerOf(v, id), err
}

// part is what a player does in a round.
type part struct {
	player   Player
	answer   ledger.TaskAnswer
	verdict  *ledger.Verdict
	nonce    ledger.Digest
	commits  bool
	copied   *ledger.Digest // the commitment it sends, where it is none of its own
	reveals  bool
	revealed bool
}

// Watch is the chance, from 0 to 1, that an honest player looks at what others revealed.
type Watch float64

// Outcome is what a round came to.
type Outcome struct {
	Final *ledger.FinalVerdict // nil: none
	Wrong bool                 // another answer than the engine's is final
	By    ledger.SettledBy
	Phase ledger.TaskPhase // that the task was left in
	// Claims is how many claims were made that the task leaves something out, Refuted how many of them were refuted.
	Claims, Refuted int
	// Ended is how a list ended before that was not the window, 0: there was none. Vain counts what was tried to refute the
	// claim that ended it.
	Ended ledger.SettledBy
	Vain  int
	// Revoked says that the model was revoked before anything was final.
	Revoked bool
	Delta   map[string]int64 // credits won and lost by each player, stakes included
	Sent    map[string]int   // transactions of each player
	Sums    ledger.CreditSums
}

// Play plays one task to its end.
func (w *World) Play(task Task, players []Player, watch Watch, r *rand.Rand) (Outcome, error) {
	before, _, err := w.Holdings()
	if err != nil {
		return Outcome{}, err
	}
	if slices.ContainsFunc(players, func(p Player) bool { return p.Strategy == Reorder }) {
		if players, err = w.reorder(task, players, r); err != nil {
			return Outcome{}, err
		}
	}
	g := game{w: w, task: task, watch: watch, r: r}
	if g.id, err = wire.TaskDigest(task.Statement); err != nil {
		return Outcome{}, err
	}
	if err = g.parts(players); err == nil {
		err = g.play()
	}
	if err != nil {
		return Outcome{}, err
	}
	out, after, err := g.outcome()
	if err != nil {
		return Outcome{}, err
	}
	out.Delta, out.Sent = map[string]int64{}, w.sent
	for _, p := range players {
		out.Delta[p.Name] = int64(after[w.Account(p.Name)]) - int64(before[w.Account(p.Name)]) //nolint:gosec // far below 2^63
	}
	return out, nil
}

// outcome is what a task came to, and what each account then has.
func (g *game) outcome() (Outcome, map[ledger.Digest]ledger.Credits, error) {
	final, err := g.w.Final(g.task.Statement)
	if err != nil {
		return Outcome{}, nil, err
	}
	view, err := g.w.View(g.id)
	if err != nil {
		return Outcome{}, nil, err
	}
	holdings, sums, err := g.w.Holdings()
	out := Outcome{
		Final: final, Wrong: final != nil && final.Answer != g.task.Truth.Answer, Phase: view.Phase(), Claims: len(view.Claims), Sums: sums,
	}
	out.Refuted = out.Claims - len(standing(view))
	if view.Settlement != nil {
		out.By = view.Settlement.By
	}
	return out, holdings, err
}

type game struct {
	w     *World
	task  Task
	id    ledger.Digest
	watch Watch
	r     *rand.Rand
	all   []*part

	claims moment // of an attack
	revoke moment // that the model is revoked at
	gone   bool   // it was before anything was final
	vain   int    // refutations of what is true that were tried
}

// parts decides what everybody will say.
func (g *game) parts(players []Player) error {
	truth := g.task.Truth
	cartel, shared, err := lie(truth.Verdict, g.r)
	if err != nil {
		return err
	}
	for _, p := range players {
		one := &part{player: p, answer: truth.Answer, verdict: &truth.Verdict, nonce: digest(g.r), commits: true, reveals: true}
		switch p.Strategy {
		case Silent:
			one.reveals = false
		case Lazy:
			one.answer = ledger.TaskAnswer{Model: truth.Answer.Model, Level: ledger.Clear, Trace: ledger.Digest{1}, Verdict: ledger.Digest{1}}
			one.verdict = nil
		case Random:
			one.answer = ledger.TaskAnswer{
				Model: truth.Answer.Model, Level: []ledger.VerdictLevel{ledger.Clear, ledger.Inspect, ledger.Quarantine}[g.r.IntN(3)], Score: g.r.Int64N(1_000_001), Trace: digest(g.r), Verdict: digest(g.r),
			}
			one.verdict = nil
		case Cartel:
			one.answer, one.verdict = shared, &cartel
		case Latecomer, Objector:
			one.commits = false
		case Honest, Copycat, Equivocating, Reorder:
		}
		g.all = append(g.all, one)
	}
	return nil
}

// try submits an operation; a refusal is no error, since players try what they may not.
func (g *game) try(who string, op ledger.TaskOperation) (wire.Answer, error) {
	answers, err := g.w.Score(who, op)
	if err != nil {
		return wire.Answer{}, err
	}
	return answers[0], nil
}

// must submits an operation that the protocol lets everybody do.
func (g *game) must(who string, op ledger.TaskOperation) error {
	a, err := g.try(who, op)
	if err == nil && a.Status == ledger.StatusRefused {
		err = fmt.Errorf("%w: %s %s: %s: %s", ErrRefused, who, op.TaskKind(), a.Code, a.Message)
	}
	return err
}

func (g *game) play() error {
	opener := g.all[0].player.Name
	if honest := g.honest(); len(honest) > 0 {
		opener = honest[0].player.Name
	}
	if err := g.must(opener, ledger.TaskOperation{Open: &g.task.Statement}); err != nil {
		return err
	}
	if err := g.commit(); err != nil {
		return err
	}
	if err := g.must(opener, ledger.TaskOperation{Close: &g.id}); err != nil {
		return err
	}
	if err := g.reveal(); err != nil {
		return err
	}
	if err := g.expose(); err != nil {
		return err
	}
	if err := g.settle(opener); err != nil {
		return err
	}
	return g.expire(opener)
}

func (g *game) honest() []*part {
	var out []*part
	for _, p := range g.all {
		if p.player.Strategy == Honest {
			out = append(out, p)
		}
	}
	return out
}

func (g *game) commit() error {
	missing := false
	var first *ledger.Digest
	for _, p := range g.all {
		if !p.commits {
			missing = true
			continue
		}
		own, err := wire.CommitmentOf(g.id, g.w.Account(p.player.Name), p.answer, p.nonce)
		if err != nil {
			return err
		}
		if p.player.Strategy == Copycat && first != nil {
			own = *first
		}
		if first == nil {
			first = &own
		}
		if err = g.must(p.player.Name, ledger.TaskOperation{Commit: &ledger.CommitAnswer{Task: g.id, Commitment: own}}); err != nil {
			return err
		}
		p.copied = &own
	}
	if missing {
		g.w.Advance(g.w.Policy.CommitFor)
	}
	return nil
}

func (g *game) reveal() error {
	claimed := false
	for _, p := range g.all {
		switch p.player.Strategy {
		case Latecomer:
			// Now that an answer is known, it commits to it: too late.
			own, err := wire.CommitmentOf(g.id, g.w.Account(p.player.Name), p.answer, p.nonce)
			if err != nil {
				return err
			}
			if _, err = g.try(p.player.Name, ledger.TaskOperation{Commit: &ledger.CommitAnswer{Task: g.id, Commitment: own}}); err != nil {
				return err
			}
			continue
		case Silent, Objector:
			continue
		default:
		}
		a, err := g.try(p.player.Name, ledger.TaskOperation{Reveal: &ledger.RevealAnswer{Task: g.id, Answer: p.answer, Nonce: p.nonce}})
		if err != nil {
			return err
		}
		p.revealed = a.Status == ledger.StatusRecorded
		if !p.revealed && p.player.Strategy != Copycat {
			return fmt.Errorf("%w: %s reveals: %s: %s", ErrRefused, p.player.Name, a.Code, a.Message)
		}
		if p.revealed && !claimed {
			// From the first answer on the task can be challenged, and before the last one it cannot be settled.
			if err = g.object(); err != nil {
				return err
			}
			claimed = true
		}
	}
	return nil
}

// object has the objectors claim that the task leaves something out, at the earliest time that they can say.
func (g *game) object() error {
	for _, p := range g.all {
		if p.player.Strategy != Objector {
			continue
		}
		d := g.task.Decoys[g.r.IntN(len(g.task.Decoys))]
		op, err := g.accusation(d)
		if err != nil {
			return err
		}
		answers, err := g.w.ScoreAt(p.player.Name, -g.skewed(), op)
		if err != nil {
			return err
		}
		switch code := answers[0].Code; {
		case code == d.Code:
			g.w.moves[claimOf(d)]++
		case d.Code != "" && code == "":
			return fmt.Errorf("%w: a claim is taken that is to be refused with %s: %s", ErrRefused, d.Code, claimOf(d))
		case code != ledger.CodeTaskTime && code != ledger.CodeTaskState:
			return fmt.Errorf("%w: %s: %s %s", ErrRefused, claimOf(d), code, answers[0].Message)
		}
	}
	return nil
}

// expose shows the second commitments that were signed outside the ledger: the honest scorer to which one was sent has
// nothing to look for.
func (g *game) expose() error {
	for _, p := range g.all {
		if p.player.Strategy != Equivocating {
			continue
		}
		honest := g.honest()
		if len(honest) == 0 {
			continue
		}
		signed, err := g.w.SignCommitment(p.player.Name, g.id, digest(g.r))
		if err != nil {
			return err
		}
		if err = g.must(honest[g.r.IntN(len(honest))].player.Name, ledger.TaskOperation{Expose: &signed}); err != nil {
			return err
		}
	}
	return nil
}

// SignCommitment signs a commitment outside the ledger.
func (w *World) SignCommitment(who string, task, commitment ledger.Digest) (ledger.SignedCommitment, error) {
	id := w.ids[who]
	message, err := wire.CommitmentMessage(task, id.account, commitment)
	if err != nil {
		return ledger.SignedCommitment{}, err
	}
	sum := sha256.Sum256(message)
	signature, err := ecdsa.SignASN1(crand.Reader, id.key, sum[:])
	return ledger.SignedCommitment{Task: task, Account: id.account, Commitment: commitment, PublicKey: id.public, Signature: signature}, err
}
