package protocolsim

import (
	"fmt"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/state/statetest"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// rulers has the referee rule only on what is challenged or split.
func rulers(p ledger.ScoringPolicy) ledger.ScoringPolicy {
	p.Canary = 0
	return p
}

// pocket mints single credits for somebody, each a note.
func (w *World) pocket(t *testing.T, who string, n int) (notes []ledger.NoteID) {
	t.Helper()
	payments := make([]ledger.Payment, n)
	for i := range payments {
		payments[i] = ledger.Payment{To: w.Account(who), Amount: 1}
	}
	argument, err := wire.Encode(wire.MotionBatch{Motions: []ledger.CreditMotion{{Mint: &ledger.Mint{Serial: "pocket-" + who, Payments: payments}}}})
	if err = w.all(wire.FnGovernCredits, argument, err); err != nil {
		t.Fatal(err)
	}
	for i := range payments {
		notes = append(notes, ledger.NoteID{TxID: fmt.Sprintf("tx%d", w.txs), Index: uint32(i)})
	}
	return notes
}

// moved simulates an operation on credits at a time skew from the peers' clock, and gives the code that it is refused with, empty
// if it is not.
func moved(t *testing.T, w *World, who string, skew time.Duration, op ledger.CreditOperation) (*statetest.Stub, string) {
	t.Helper()
	argument, err := wire.Encode(wire.CreditBatch{Operations: []ledger.CreditOperation{op}})
	if err != nil {
		t.Fatal(err)
	}
	stub, answers, err := w.Invoke(who, wire.FnTransact, argument, skew)
	if err != nil {
		t.Fatal(err)
	}
	return stub, answers[0].Code
}

// move is moved and committed.
func move(t *testing.T, w *World, who string, op ledger.CreditOperation, code string) {
	t.Helper()
	stub, got := moved(t, w, who, 0, op)
	if codes, err := w.Commit(stub); err != nil || codes[0] != peer.TxValidationCode_VALID || got != code {
		t.Fatalf("%s is answered %q, not %q: %v %v", who, got, code, codes, err)
	}
}

// scored simulates an operation on tasks that is taken.
func scored(t *testing.T, w *World, who string, op ledger.TaskOperation) *statetest.Stub {
	t.Helper()
	argument, err := wire.Encode(wire.TaskBatch{Operations: []ledger.TaskOperation{op}})
	if err != nil {
		t.Fatal(err)
	}
	stub, answers, err := w.Invoke(who, wire.FnScore, argument, 0)
	if _, err = recorded(answers, err); err != nil {
		t.Fatal(err)
	}
	return stub
}

func bondOf(n ledger.NoteID) ledger.CreditOperation {
	return ledger.CreditOperation{Bond: &ledger.BondStake{Inputs: []ledger.NoteID{n}, Amount: 1}}
}

func (w *World) unbondOf(t *testing.T, who string, amount ledger.Credits) ledger.CreditOperation {
	t.Helper()
	stake, err := w.Stake(who)
	if err != nil || stake == nil || stake.Note == nil {
		t.Fatal(stake, err)
	}
	return ledger.CreditOperation{Unbond: &ledger.UnbondStake{Stake: *stake.Note, Amount: amount}}
}

// falseVerdict is one that the engine does not come to.
func falseVerdict(t *testing.T, task Task) (ledger.Verdict, ledger.TaskAnswer) {
	t.Helper()
	v := task.Truth.Verdict
	v.Trace[0]++
	v.Stratum, v.References, v.Tail, v.PValue = "", 0, false, 0
	digest, err := wire.VerdictDigest(v)
	if err != nil {
		t.Fatal(err)
	}
	return v, ledger.AnswerOf(v, digest)
}

// committedTo has a task opened and committed to; it gives the reveals.
func committedTo(t *testing.T, w *World, task Task, say map[string]ledger.TaskAnswer, order ...string) (ledger.Digest, map[string]ledger.TaskOperation) {
	t.Helper()
	id := do(t, w, order[0], ledger.TaskOperation{Open: &task.Statement}, "").Digest
	reveals := map[string]ledger.TaskOperation{}
	for _, who := range order {
		commit, reveal := operations(t, w, who, id, say[who])
		do(t, w, who, commit, "")
		reveals[who] = reveal
	}
	return id, reveals
}

// Three liars would have their lie final if one of them could undo each challenge with a move of its own stake.
func TestALiarsOwnStakeUndoesOneChallengeAndNoMore(t *testing.T) {
	for name, policy := range map[string]ledger.ScoringPolicy{"clocks that agree": rulers(punctual()), "as usual": rulers(DefaultPolicy())} {
		t.Run(name, func(t *testing.T) {
			w, players := ruled(t, policy, 4, 1)
			w.Advance(policy.MoveDelay())
			notes := w.pocket(t, "s3", 60)
			task := w.Tasks[0]
			_, lying := falseVerdict(t, task)
			id, reveals := committedTo(t, w, task, map[string]ledger.TaskAnswer{"s0": task.Truth.Answer, "s1": lying, "s2": lying, "s3": lying}, "s0", "s1", "s2", "s3")
			do(t, w, "s0", ledger.TaskOperation{Close: &id}, "")
			for _, p := range players {
				do(t, w, p.Name, reveals[p.Name], "")
			}
			do(t, w, "s1", ledger.TaskOperation{Settle: &ledger.SettleTask{Task: id}}, "")
			skews := []time.Duration{-time.Duration(policy.ClockSkew()) * time.Millisecond, time.Duration(policy.ClockSkew()) * time.Millisecond}
			undone := 0
			for from := w.Now(); w.Now() < from+policy.ChallengeFor; w.Advance(policy.ChallengeFor / 32) {
				challenge := scored(t, w, "s0", ledger.TaskOperation{Challenge: &ledger.ChallengeTask{Task: id}})
				var block []*statetest.Stub
				for _, skew := range skews { // whatever time the liar says
					if stub, code := moved(t, w, "s3", skew, bondOf(notes[undone])); code == "" {
						block = append(block, stub)
						break
					}
				}
				codes, err := w.Commit(append(block, challenge)...)
				if err != nil {
					t.Fatal(err)
				}
				if codes[len(block)] == peer.TxValidationCode_VALID {
					break
				}
				undone++
			}
			view, err := w.View(id)
			if err != nil || view.Phase() != ledger.TaskFinal || view.Settlement.Answer == nil || *view.Settlement.Answer != task.Truth.Answer || undone != 1 {
				t.Errorf("after %d challenges that came to nothing: %+v, %v", undone, view.Settlement, err)
			}
		})
	}
}

func TestAnAccountMovesItsStakeOnceInATimeWhateverTimeItSays(t *testing.T) {
	policy := rulers(punctual())
	w, _ := ruled(t, policy, 4, 1)
	notes := w.pocket(t, "s3", 8)
	skew := time.Duration(policy.ClockSkew()) * time.Millisecond
	move(t, w, "s3", bondOf(notes[0]), "")
	notes = notes[1:]
	move(t, w, "s3", bondOf(notes[0]), ledger.CodeTaskTime)
	argument, err := wire.Encode(wire.CreditBatch{Operations: []ledger.CreditOperation{bondOf(notes[0])}})
	if err != nil {
		t.Fatal(err)
	}
	for _, late := range []time.Duration{skew + time.Millisecond, -skew - time.Millisecond} {
		if _, answers, err := w.Invoke("s3", wire.FnTransact, argument, late); err == nil {
			t.Errorf("%s from the peers' clock: %+v", late, answers)
		}
	}
	// In any time that a challenge has, there is one move.
	var moves []ledger.Millis
	for from := w.Now(); w.Now() < from+4*policy.MoveDelay() && len(moves) < len(notes)-1; w.Advance(250) {
		for _, at := range []time.Duration{-skew, 0, skew} {
			if stub, code := moved(t, w, "s3", at, bondOf(notes[len(moves)])); code == "" {
				if _, err := w.Commit(stub); err != nil {
					t.Fatal(err)
				}
				moves = append(moves, w.Now())
			}
		}
	}
	if len(moves) < 3 {
		t.Fatalf("moves at %v", moves)
	}
	for i := 1; i < len(moves); i++ {
		if moves[i]-moves[i-1] < policy.ChallengeFor {
			t.Errorf("two moves within %d ms", moves[i]-moves[i-1])
		}
	}
	// Unbonding and taking out are such moves, a payment is none.
	w.Advance(policy.MoveDelay())
	move(t, w, "s3", w.unbondOf(t, "s3", 1), "")
	move(t, w, "s3", w.unbondOf(t, "s3", 1), ledger.CodeTaskTime)
	move(t, w, "s3", ledger.CreditOperation{Transfer: &ledger.Transfer{Inputs: notes[6:], Outputs: []ledger.Payment{{To: w.Account("s0"), Amount: 1}}}}, "")
}

// What is asked back is free after a time, and a task may be open for any.
func TestWhoAsksItsStakeBackHasNoSeatInTasksThatAreOpen(t *testing.T) {
	policy := rulers(DefaultPolicy())
	w, _ := ruled(t, policy, 4, 1)
	w.Advance(policy.MoveDelay())
	task := w.Tasks[0]
	_, lying := falseVerdict(t, task)
	id := do(t, w, "s3", ledger.TaskOperation{Open: &task.Statement}, "").Digest
	reveals := map[string]ledger.TaskOperation{}
	for _, who := range []string{"s0", "s1", "s2", "s3"} {
		answer := task.Truth.Answer
		if who > "s1" {
			answer = lying
		}
		var commit ledger.TaskOperation
		commit, reveals[who] = operations(t, w, who, id, answer)
		if who == "s3" { // it asks for its stake back before it commits, another after it did
			move(t, w, who, w.unbondOf(t, who, 1), "")
			do(t, w, who, commit, ledger.CodeScorer)
			continue
		}
		do(t, w, who, commit, "")
	}
	move(t, w, "s2", w.unbondOf(t, "s2", 10_000), "")
	w.Advance(policy.CommitFor)
	do(t, w, "s0", ledger.TaskOperation{Close: &id}, ledger.CodeTaskTime) // half of the stake
	// Bonding again brings no seat back; another task has one.
	w.Advance(policy.MoveDelay())
	notes := w.pocket(t, "s3", 1)
	move(t, w, "s3", bondOf(notes[0]), "")
	commit, _ := operations(t, w, "s3", id, lying)
	do(t, w, "s3", commit, ledger.CodeScorer)
	other := do(t, w, "s3", ledger.TaskOperation{Open: &w.Tasks[1].Statement}, "").Digest
	commit, _ = operations(t, w, "s3", other, w.Tasks[1].Truth.Answer)
	do(t, w, "s3", commit, "")
}

func TestACommitmentWhoseStakeWasAskedBackIsNotCountedNorRevealed(t *testing.T) {
	policy := rulers(DefaultPolicy())
	w, _ := ruled(t, policy, 4, 1)
	w.Advance(policy.MoveDelay())
	task := w.Tasks[0]
	_, lying := falseVerdict(t, task)
	id, reveals := committedTo(t, w, task, map[string]ledger.TaskAnswer{"s0": task.Truth.Answer, "s1": task.Truth.Answer, "s2": task.Truth.Answer, "s3": lying}, "s3", "s0", "s1", "s2")
	move(t, w, "s3", w.unbondOf(t, "s3", 1), "")
	do(t, w, "s0", ledger.TaskOperation{Close: &id}, ledger.CodeTaskTime) // not all of the panel count
	w.Advance(policy.CommitFor)
	do(t, w, "s0", ledger.TaskOperation{Close: &id}, "")
	view, err := w.View(id)
	if err != nil || len(view.Closing.Committed) != 3 {
		t.Fatal(view.Closing, err)
	}
	do(t, w, "s3", reveals["s3"], ledger.CodeCommitment)
	// Who asks for it after the closing reveals, and pays for a lie, as long as one can be proven.
	move(t, w, "s2", w.unbondOf(t, "s2", 10_000), "")
	for _, who := range []string{"s0", "s1", "s2"} {
		do(t, w, who, reveals[who], "")
	}
	stake, err := w.Stake("s2")
	if err != nil {
		t.Fatal(err)
	}
	free := stake.Unbonding[0].FreeAt
	if least := view.Closing.At + policy.RevealFor + 2*policy.ChallengeFor + 2*policy.ClockSkew(); free < least {
		t.Errorf("free at %d, a fault is proven until %d", free, least)
	}
	// A claim that may be false has its whole price at stake.
	omitted := ledger.TaskOperation{Challenge: &ledger.ChallengeTask{Task: id, Omitted: &ledger.Reference{Kind: ledger.RefEvent, Digest: ledger.Digest{1}}}}
	do(t, w, "s3", omitted, ledger.CodeScorer)
}

func TestLeavingUndoesOneOpening(t *testing.T) {
	policy := rulers(DefaultPolicy())
	w, _ := ruled(t, policy, 5, 2)
	leave, join := ledger.TaskOperation{Register: &ledger.RegisterScorer{Leave: true}}, ledger.TaskOperation{Register: &ledger.RegisterScorer{}}
	open := scored(t, w, "s0", ledger.TaskOperation{Open: &w.Tasks[0].Statement})
	if codes, err := w.Commit(scored(t, w, "s4", leave), open); err != nil || codes[1] == peer.TxValidationCode_VALID {
		t.Fatal("who is a scorer is no part of what opens a task", codes, err)
	}
	do(t, w, "s4", join, ledger.CodeTaskTime)
	do(t, w, "s0", ledger.TaskOperation{Open: &w.Tasks[0].Statement}, "")
	w.Advance(policy.MoveDelay() - 1)
	do(t, w, "s4", join, ledger.CodeTaskTime)
	w.Advance(1)
	do(t, w, "s4", join, "")
}

func TestAPayeesKeyUndoesNoSettlement(t *testing.T) {
	policy := rulers(DefaultPolicy())
	w, players := ruled(t, policy, 3, 1)
	task := w.Tasks[0]
	truth := task.Truth.Answer
	id, reveals := committedTo(t, w, task, map[string]ledger.TaskAnswer{"s0": truth, "s1": truth, "s2": truth}, "s0", "s1", "s2")
	do(t, w, "s0", ledger.TaskOperation{Close: &id}, "")
	for _, p := range players {
		do(t, w, p.Name, reveals[p.Name], "")
	}
	settle := scored(t, w, "s0", ledger.TaskOperation{Settle: &ledger.SettleTask{Task: id, Verdict: &task.Truth.Verdict}})
	offer := func(n byte) ledger.CreditOperation {
		return ledger.CreditOperation{Rotate: &ledger.RotateKey{Next: &ledger.Digest{n}}}
	}
	rotate, code := moved(t, w, "s2", 0, offer(5))
	if codes, err := w.Commit(rotate, settle); err != nil || code != "" || codes[1] != peer.TxValidationCode_VALID {
		t.Errorf("beside a payee's offer of its key: %v %v", codes, err)
	}
	// An offer is taken back at any time, and the next one waits.
	move(t, w, "s2", ledger.CreditOperation{Rotate: &ledger.RotateKey{}}, "")
	move(t, w, "s2", offer(6), ledger.CodeTaskTime)
	w.Advance(policy.MoveDelay())
	move(t, w, "s2", offer(6), "")
}

func TestPlacesOfScorersAreNotTakenForEver(t *testing.T) {
	policy := rulers(DefaultPolicy())
	w, _ := ruled(t, policy, 3, 1)
	for i := range ledger.MaxOrganisationScorers {
		if err := w.member(Member{fmt.Sprint("puppet", i), "D", 10_000}); err != nil {
			t.Fatal(i, err)
		}
	}
	another := func(name, msp string) string {
		err := w.member(Member{name, msp, 10_000})
		if err == nil {
			return ""
		}
		return ledger.CodeTooLarge
	}
	if another("extra", "D") == "" {
		t.Error("an organisation takes more places than it may")
	}
	join, leave := ledger.TaskOperation{Register: &ledger.RegisterScorer{}}, ledger.TaskOperation{Register: &ledger.RegisterScorer{Leave: true}}
	do(t, w, "puppet3", leave, "")
	do(t, w, "extra", join, ledger.CodeTooLarge) // they would take turns
	w.Advance(policy.MoveDelay())
	do(t, w, "extra", join, "")
	do(t, w, "puppet3", join, ledger.CodeTooLarge)
	// All places are taken; whose stake is below the least gives one up.
	for i := range ledger.MaxScorers - 3 - ledger.MaxOrganisationScorers {
		if err := w.member(Member{fmt.Sprint("m", i), string(rune('E' + i/ledger.MaxOrganisationScorers)), 10_000}); err != nil {
			t.Fatal(i, err)
		}
	}
	if another("late", "Z") == "" {
		t.Error("there are more scorers than may be")
	}
	w.Advance(policy.MoveDelay())
	do(t, w, "late", join, ledger.CodeTooLarge)
	move(t, w, "m7", w.unbondOf(t, "m7", 9_500), "")
	do(t, w, "late", join, "")
	view := do(t, w, "s0", ledger.TaskOperation{Open: &w.Tasks[0].Statement}, "").Digest
	task, err := w.View(view)
	if err != nil {
		t.Fatal(err)
	}
	if _, seat := task.Task.Seat(w.Account("late")); !seat || len(task.Task.Panel) != ledger.MaxScorers {
		t.Errorf("%d seats", len(task.Task.Panel))
	}
	if _, seat := task.Task.Seat(w.Account("m7")); seat {
		t.Error("who gave its place up has a seat")
	}
}

// A key that was replaced spoke for the account while it moved it.
func TestAKeyThatWasReplacedGivesDoubleTalkAway(t *testing.T) {
	w, _ := ruled(t, rulers(DefaultPolicy()), 4, 2)
	truth := w.Tasks[0].Truth.Answer
	id := do(t, w, "s0", ledger.TaskOperation{Open: &w.Tasks[0].Statement}, "").Digest
	commit, _ := operations(t, w, "s1", id, truth)
	do(t, w, "s1", commit, "")
	signed, err := w.SignCommitment("s1", id, ledger.Digest{9})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Identity("s1 anew", "B", "scorer,holder"); err != nil {
		t.Fatal(err)
	}
	next, account := w.Account("s1 anew"), w.Account("s1")
	move(t, w, "s1", ledger.CreditOperation{Rotate: &ledger.RotateKey{Next: &next}}, "")
	move(t, w, "s1 anew", ledger.CreditOperation{Open: &ledger.OpenAccount{Account: &account}}, "")
	do(t, w, "s0", ledger.TaskOperation{Expose: &signed}, "")
	stake, err := w.Stake("s1")
	if err != nil || stake.Slashed != 2_000 {
		t.Error(stake, err)
	}
	// It speaks for no task that opens later: whoever stole it would.
	w.Advance(2*ledger.MinPhase + 1)
	later := do(t, w, "s0", ledger.TaskOperation{Open: &w.Tasks[1].Statement}, "").Digest
	seat := commitmentOf(t, later, account, w.Tasks[1].Truth.Answer)
	do(t, w, "s1 anew", ledger.TaskOperation{Commit: &ledger.CommitAnswer{Task: later, Commitment: seat}}, "")
	stolen, err := w.SignCommitment("s1", later, ledger.Digest{9})
	if err != nil {
		t.Fatal(err)
	}
	do(t, w, "s0", ledger.TaskOperation{Expose: &stolen}, ledger.CodeSignature)
}

func commitmentOf(t *testing.T, task, account ledger.Digest, answer ledger.TaskAnswer) ledger.Digest {
	t.Helper()
	c, err := wire.CommitmentOf(task, account, answer, ledger.Digest{1})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What was revealed after an answer became provisional may make it another, which may be challenged for as long.
func TestAnotherAnswerIsProvisionalAnew(t *testing.T) {
	policy := rulers(DefaultPolicy())
	w, _ := ruled(t, policy, 4, 1)
	task := w.Tasks[0]
	verdict, lying := falseVerdict(t, task)
	id, reveals := committedTo(t, w, task, map[string]ledger.TaskAnswer{"s0": task.Truth.Answer, "s1": lying, "s2": lying, "s3": lying}, "s0", "s1", "s2", "s3")
	do(t, w, "s0", ledger.TaskOperation{Close: &id}, "")
	do(t, w, "s0", reveals["s0"], "")
	skew := time.Duration(policy.ClockSkew()-1) * time.Millisecond
	score := func(who string, skew time.Duration, op ledger.TaskOperation, code string) {
		t.Helper()
		answers, err := w.ScoreAt(who, skew, op)
		if err != nil || answers[0].Code != code {
			t.Fatalf("%s by %s: %+v, %v", op.TaskKind(), who, answers, err)
		}
	}
	w.Advance(policy.RevealFor - policy.ClockSkew() + 2)
	score("s1", skew, ledger.TaskOperation{Settle: &ledger.SettleTask{Task: id}}, "")
	w.Advance(2*policy.ClockSkew() - 10)
	for _, who := range []string{"s1", "s2", "s3"} {
		score(who, -skew, reveals[who], "")
	}
	before, err := w.View(id)
	if err != nil {
		t.Fatal(err)
	}
	w.Advance(before.Provisional.At + policy.ChallengeFor - w.Now() - policy.ClockSkew() + 2)
	score("s1", skew, ledger.TaskOperation{Settle: &ledger.SettleTask{Task: id, Verdict: &verdict}}, "")
	after, err := w.View(id)
	if err != nil || after.Settlement != nil || after.Provisional.Answer != lying || after.Provisional.At <= before.Provisional.At {
		t.Fatalf("%+v, %+v, %v", after.Provisional, after.Settlement, err)
	}
	do(t, w, "s1", ledger.TaskOperation{Settle: &ledger.SettleTask{Task: id, Verdict: &verdict}}, ledger.CodeTaskTime)
	do(t, w, "s0", ledger.TaskOperation{Challenge: &ledger.ChallengeTask{Task: id}}, "")
}

// Silence that costs nothing any more is refused, so that whoever asks knows that nothing was recorded.
func TestSilenceOfWhoHasNothingAtStakeIsRefused(t *testing.T) {
	policy := rulers(DefaultPolicy())
	w, _ := ruled(t, policy, 4, 1)
	truth := w.Tasks[0].Truth.Answer
	id, reveals := committedTo(t, w, w.Tasks[0], map[string]ledger.TaskAnswer{"s0": truth, "s1": truth, "s2": truth, "s3": truth}, "s0", "s1", "s2", "s3")
	do(t, w, "s0", ledger.TaskOperation{Close: &id}, "")
	for _, who := range []string{"s0", "s1", "s2"} {
		do(t, w, who, reveals[who], "")
	}
	w.Advance(policy.MoveDelay())
	move(t, w, "s3", w.unbondOf(t, "s3", 10_000), "")
	stake, err := w.Stake("s3")
	if err != nil {
		t.Fatal(err)
	}
	release := ledger.CreditOperation{Release: &ledger.ReleaseNote{Note: stake.Unbonding[0].Note}}
	w.Advance(policy.UnbondDelay() - 1)
	move(t, w, "s3", release, ledger.CodeNoteLocked)
	w.Advance(1)
	move(t, w, "s3", release, "")
	do(t, w, "s0", ledger.TaskOperation{Expire: &id}, ledger.CodeStake)
	if stake, err = w.Stake("s3"); err != nil || stake.Slashed != 0 {
		t.Error(stake, err)
	}
}
