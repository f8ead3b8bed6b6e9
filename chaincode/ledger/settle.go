package ledger

import "slices"

// tally is how the revealed stake is parted among answers.
type tally struct {
	answer TaskAnswer // that of the most stake
	weight Credits    // of it
	of     Credits    // revealed
	one    bool       // whoever revealed, revealed it
}

func (t tally) quorum() bool {
	// More than two thirds: 3·weight > 2·of, without overflow.
	return t.of > 0 && t.weight > t.of-t.weight && t.weight-(t.of-t.weight) > t.of-t.weight
}

// tallyOf sums the stake of each answer. Of answers with equal stake, which are no quorum, the first revealer's
// by account is named.
func tallyOf(v TaskView) (tally, error) {
	var t tally
	sums := map[TaskAnswer]Credits{}
	for _, r := range v.Reveals {
		seat, _ := v.Task.Seat(r.Account)
		var err error
		if t.of, err = t.of.Plus(seat.Weight); err != nil {
			return t, err
		}
		if sums[r.Answer], err = sums[r.Answer].Plus(seat.Weight); err != nil {
			return t, err
		}
	}
	for _, r := range v.Reveals {
		if sums[r.Answer] > t.weight {
			t.answer, t.weight = r.Answer, sums[r.Answer]
		}
	}
	t.one = t.weight == t.of
	return t, nil
}

// SettleTaskOf decides on bringing a task to its end. verdict is the digest of op.Verdict.
//
//	nobody revealed in time                            void
//	something is claimed to be left out                void, unless it is refuted in time
//	no answer has two thirds of the revealed stake     the referee rules
//	the draw; where there is one, a hidden commitment  the referee rules
//	the model was revoked                              void, when the referee has ruled
//	the whole panel revealed one answer, and AtOnce    final
//	otherwise                                          provisional, and final when its time to be challenged is over
func SettleTaskOf(op SettleTask, verdict Digest, v TaskView, referee Referee, l ScoringLedger, tx Tx) (TaskDecision, error) {
	account, err := seated(v, l, tx)
	if err != nil {
		return TaskDecision{}, err
	}
	if v.Settlement != nil {
		return TaskDecision{Status: StatusDuplicate, In: v.Settlement.TxID}, nil
	}
	if v.Closing == nil {
		return TaskDecision{}, wrongPhase(v, "has nothing to settle")
	}
	ruled := v.Provisional != nil && v.Provisional.By != 0
	if len(v.Reveals) < len(v.Closing.Committed) && tx.Time < v.Closing.RevealBy && !ruled {
		return TaskDecision{}, refuse(ErrTaskTime, "%d of %d commitments are revealed; reveals end at %s", len(v.Reveals), len(v.Closing.Committed), stamp(v.Closing.RevealBy))
	}
	policy, err := policyOf(v, l)
	if err != nil {
		return TaskDecision{}, err
	}
	if len(v.Reveals) == 0 {
		return v.void(SettledNobody, nil, nil, tx), nil
	}
	over, err := superseded(v, l)
	if err != nil || over {
		return v.void(SettledSuperseded, nil, nil, tx), err
	}
	if d, done, waits := settleClaims(v, tx); done {
		return d, waits
	}
	if v.Task.Statement.Model == "" {
		return settleBlend(v, policy, l, tx)
	}
	t, err := tallyOf(v)
	if err != nil {
		return TaskDecision{}, err
	}
	revoked, err := isRevoked(v.Task.Statement.Model, l)
	if err != nil {
		return TaskDecision{}, err
	}
	by, answer := SettledWindow, t.answer
	switch {
	case revoked && ruled:
		return v.void(SettledRevoked, nil, nil, tx), nil
	case revoked:
		return execute(v, SettledRevoked, account, policy, referee, l, tx)
	case ruled:
		by, answer = v.Provisional.By, v.Provisional.Answer
	case !t.quorum():
		return execute(v, SettledSplit, account, policy, referee, l, tx)
	case drawn(v, policy):
		return execute(v, SettledDraw, account, policy, referee, l, tx)
	case t.one && len(v.Reveals) == len(v.Task.Panel) && policy.AtOnce:
		by = SettledUnanimous
	}
	switch {
	case by != SettledUnanimous && (v.Provisional == nil || v.Provisional.Answer != answer):
		// What was revealed since made it another: the time to challenge that begins.
		p := Provisional{Task: v.Task.ID, Answer: answer, Weight: t.weight, Of: t.of, At: tx.Time, TxID: tx.ID}
		return TaskDecision{Status: StatusRecorded, Provisional: &p}, nil
	case by != SettledUnanimous && tx.Time < v.Provisional.At+policy.ChallengeFor:
		return TaskDecision{}, refuse(ErrTaskTime, "the answer is provisional and may be challenged until %s", stamp(v.Provisional.At+policy.ChallengeFor))
	}
	if op.Verdict == nil || verdict != answer.Verdict || !answer.isOf(*op.Verdict, v.Task.Statement) {
		return TaskDecision{}, refuse(ErrCommitment, "the verdict is not the one that is to be final, %s", answer.Verdict)
	}
	if err = ModelBlocked(v.Task.Statement.Model, l); err != nil {
		return TaskDecision{}, err
	}
	if err = CheckEvidence(*op.Verdict, l); err != nil {
		return TaskDecision{}, err
	}
	if !ruled {
		return v.final(by, answer, *op.Verdict, false, nil, policy, l, tx)
	}
	d, err := v.final(by, answer, *op.Verdict, v.Provisional.Drawn, v.Provisional.Prover, policy, l, tx)
	if err == nil {
		// Those who revealed after the ruling; what the others did has been dealt with.
		d.Slashes, err = wrong(v, d.Settlement.Wrong, policy, nil)
	}
	return d, err
}

// isOf reports whether the answer says of a verdict what the verdict says of the task.
func (a TaskAnswer) isOf(v Verdict, s TaskStatement) bool {
	return v.Shipment == s.Shipment && v.Window == s.Window && v.Model == a.Model && v.Level == a.Level && v.Score == a.Score &&
		v.PValue == a.PValue && v.Trace == a.Trace && v.Inputs == s.Inputs
}

// AnswerOf is the answer that a verdict with this digest gives.
func AnswerOf(v Verdict, digest Digest) TaskAnswer {
	return TaskAnswer{Model: v.Model, Level: v.Level, Score: v.Score, PValue: v.PValue, Trace: v.Trace, Verdict: digest}
}

func superseded(v TaskView, l ScoringLedger) (bool, error) {
	s := v.Task.Statement
	final, err := l.FinalVerdict(s.Shipment, s.Window, s.Model)
	return final != nil && final.Task != v.Task.ID, err
}

// execute has the referee rule: who revealed another answer than the engine's loses a part of its stake, and who
// revealed the engine's is paid. On a model that was revoked nothing is final and nobody is paid, but a lie costs what it
// does, so that no liar saves itself by revoking. The ruling is on what the task refers to; that this is all there is, the commitments of
// the whole panel say, or the time to challenge it shows.
func execute(v TaskView, by SettledBy, prover Digest, p ScoringPolicy, referee Referee, l ScoringLedger, tx Tx) (TaskDecision, error) {
	revoked, err := isRevoked(v.Task.Statement.Model, l)
	if err == nil && !revoked {
		err = ModelBlocked(v.Task.Statement.Model, l)
	}
	if err != nil {
		return TaskDecision{}, err
	}
	ruling, err := referee(v.Task.Statement, MaxTaskPackBytes)
	if err != nil {
		return TaskDecision{}, err
	}
	if ruling.Fault == "" && ruling.Inputs != v.Task.Statement.Inputs {
		ruling.Fault, ruling.Blame = "the references give other inputs than the task says", true
	}
	if ruling.Fault == "" {
		var whole bool
		if whole, err = v.Task.Statement.goesOnAs(ruling.Opened, l); err != nil {
			return TaskDecision{}, err
		}
		if !whole {
			ruling.Fault, ruling.Blame = "the references are not of the journey whose windows they count", true
		}
	}
	if ruling.Fault != "" {
		var all []Digest
		for _, r := range v.Reveals {
			if ruling.Blame {
				all = append(all, r.Account)
			}
		}
		d := v.void(SettledNoWindow, all, &prover, tx)
		d.Slashes, err = wrong(v, all, p, &prover)
		return d, err
	}
	if revoked {
		var liars []Digest
		for _, r := range v.Reveals {
			if r.Answer != ruling.Answer {
				liars = append(liars, r.Account)
			}
		}
		d := v.void(SettledRevoked, liars, &prover, tx)
		d.Slashes, err = wrong(v, liars, p, &prover)
		return d, err
	}
	pot := by == SettledDraw || len(v.Reveals) == len(v.Closing.Committed) && drawn(v, p)
	if lapsed, until := v.standing(tx.Time); p.AtOnce && len(v.Closing.Committed) == len(v.Task.Panel) && lapsed == nil && until == 0 {
		var d TaskDecision
		if d, err = v.final(by, ruling.Answer, ruling.Verdict, pot, &prover, p, l, tx); err == nil {
			d.Slashes, err = wrong(v, d.Settlement.Wrong, p, &prover)
		}
		return d, err
	}
	t, err := tallyOf(v)
	if err != nil {
		return TaskDecision{}, err
	}
	provisional := Provisional{Task: v.Task.ID, Answer: ruling.Answer, Of: t.of, By: by, Drawn: pot, Prover: &prover, At: tx.Time, TxID: tx.ID}
	var liars []Digest
	for _, r := range v.Reveals {
		if r.Answer != ruling.Answer {
			liars = append(liars, r.Account)
			continue
		}
		seat, _ := v.Task.Seat(r.Account)
		provisional.Weight += seat.Weight
	}
	d := TaskDecision{Status: StatusRecorded, Provisional: &provisional}
	d.Slashes, err = wrong(v, liars, p, &prover)
	return d, err
}

// void ends a task without a verdict.
func (v TaskView) void(by SettledBy, liars []Digest, prover *Digest, tx Tx) TaskDecision {
	return TaskDecision{Status: StatusRecorded, Settlement: &Settlement{
		Task: v.Task.ID, By: by, Wrong: liars, Prover: prover, MSPID: tx.Actor.MSPID, At: tx.Time, TxID: tx.ID,
	}}
}

// final ends a task with an answer and pays who gave it. With a prover the answer is the referee's, and others are wrong.
func (v TaskView) final(by SettledBy, answer TaskAnswer, verdict Verdict, jackpot bool, prover *Digest, p ScoringPolicy, l ScoringLedger, tx Tx) (TaskDecision, error) {
	s := v.Task.Statement
	settlement := Settlement{
		Task: v.Task.ID, By: by, Answer: &answer, Drawn: jackpot, Prover: prover, MSPID: tx.Actor.MSPID, At: tx.Time, TxID: tx.ID,
	}
	d := TaskDecision{
		Status: StatusRecorded, Settlement: &settlement, Verdict: &verdict,
		Final: &FinalVerdict{Shipment: s.Shipment, Window: s.Window, Model: s.Model, Task: v.Task.ID, Answer: answer, By: by, At: tx.Time, TxID: tx.ID, Ended: verdict.Final},
	}
	total := p.Reward
	if jackpot {
		total += p.Jackpot
	}
	total, err := mintable(total, l)
	if err != nil {
		return TaskDecision{}, err
	}
	parts, err := v.Task.parts(total)
	if err != nil {
		return TaskDecision{}, err
	}
	var payments []Payment
	for _, r := range v.Reveals {
		if r.Answer != answer {
			if prover != nil {
				settlement.Wrong = append(settlement.Wrong, r.Account)
			}
			continue
		}
		settlement.Right = append(settlement.Right, r.Account)
		if pay := parts[r.Account]; pay > 0 {
			payments = append(payments, Payment{To: r.Account, Amount: pay})
		}
	}
	if len(payments) > 0 {
		d.Reward = &Reward{Task: v.Task.ID.String(), Payments: payments}
	}
	return d, nil
}

// mintable is what of an amount a task may pay: the bound may have been lowered since the task opened.
func mintable(amount Credits, l ScoringLedger) (Credits, error) {
	policy, err := l.CreditPolicy()
	if err != nil || policy == nil {
		return amount, err
	}
	return min(amount, policy.TaskMint), nil
}

// ChallengeTaskOf decides on a challenge. Whoever has the bond at risk may have a closed task re-executed: if it
// proves an answer wrong it gets a part of what that costs, else it loses the bond. That two references are not in the
// ledger's order voids the task and costs all who answered it. That a recorded segment or event is left out, with which
// what is judged would be otherwise, is a Claim: who has a seat may make it, and it voids the task unless it is refuted.
func ChallengeTaskOf(op ChallengeTask, v TaskView, referee Referee, order LogOrder, l ScoringLedger, tx Tx) (TaskDecision, error) {
	account, err := callersAccount(l, tx)
	if err != nil {
		return TaskDecision{}, err
	}
	switch {
	case v.Phase() == TaskAbsent:
		return TaskDecision{}, refuse(ErrUnknown, "the task was not opened")
	case v.Settlement != nil:
		return TaskDecision{}, wrongPhase(v, "cannot be challenged")
	case v.Task.Statement.Model == "":
		return TaskDecision{}, wrongPhase(v, "is of several models; the inspection decides")
	case op.Omitted == nil && op.Order == nil && v.Provisional != nil && v.Provisional.By != 0:
		return TaskDecision{}, wrongPhase(v, "was ruled upon")
	case v.Closing == nil || len(v.Reveals) == 0:
		return TaskDecision{}, wrongPhase(v, "has no answer to challenge")
	}
	policy, err := policyOf(v, l)
	if err != nil {
		return TaskDecision{}, err
	}
	stake, err := l.Stake(account.ID)
	if err != nil {
		return TaskDecision{}, err
	}
	if stake == nil || stake.Bonded < policy.Bond {
		return TaskDecision{}, refuse(ErrStake, "a challenge takes %d credits bonded", policy.Bond)
	}
	over, err := superseded(v, l)
	if err != nil || over {
		return v.void(SettledSuperseded, nil, nil, tx), err
	}
	switch {
	case op.Order != nil:
		return misplaced(*op.Order, account.ID, v, policy, referee, order, l, tx)
	case op.Omitted != nil:
		// What a false claim costs must be at risk from when it is made.
		if seat, ok := v.Task.Seat(account.ID); ok && !seat.held(stake) {
			return TaskDecision{}, lapsed(seat)
		}
	default:
		var d TaskDecision
		// A list that is more than can be re-executed is void and costs nobody anything, nor does it who says so: what it comes to
		// depends on what others recorded beside what it refers to.
		if d, err = execute(v, SettledChallenge, account.ID, policy, referee, l, tx); err == nil && len(d.Slashes) == 0 && (d.Settlement == nil || d.Settlement.By != SettledNoWindow) {
			d.Slashes = []Slash{{Account: account.ID, Fault: "challenge/" + v.Task.ID.String(), Amount: policy.Bond}}
		}
		return d, err
	}
	return claimOmission(op, account.ID, v, policy, referee, order, l, tx)
}

// ExpireTask decides on the commitments that nobody revealed.
func ExpireTask(v TaskView, l ScoringLedger, tx Tx) (TaskDecision, error) {
	account, err := callersAccount(l, tx)
	if err != nil {
		return TaskDecision{}, err
	}
	switch {
	case v.Phase() == TaskAbsent:
		return TaskDecision{}, refuse(ErrUnknown, "the task was not opened")
	case v.Closing == nil:
		return TaskDecision{}, wrongPhase(v, "has nothing to expire")
	}
	policy, err := policyOf(v, l)
	switch {
	case err != nil:
		return TaskDecision{}, err
	case tx.Time < policy.SilenceAt(*v.Closing):
		return TaskDecision{}, refuse(ErrTaskTime, "silence costs from %s on", stamp(policy.SilenceAt(*v.Closing)))
	}
	var silent []Digest
	for _, a := range v.Closing.Committed {
		if !slices.ContainsFunc(v.Reveals, func(r Reveal) bool { return r.Account == a }) {
			silent = append(silent, a)
		}
	}
	if len(silent) == 0 {
		return TaskDecision{}, refuse(ErrTaskState, "every commitment to task %s is revealed", v.Task.ID)
	}
	d := TaskDecision{Status: StatusRecorded}
	d.Slashes, err = faults(v, "silent", silent, policy.Silent, policy.Finder, &account.ID)
	return d, err
}

// ExposeScorer decides on a commitment that a scorer signed beside the one that it recorded; statement is what is
// signed.
func ExposeScorer(op SignedCommitment, statement []byte, v TaskView, l ScoringLedger, tx Tx) (TaskDecision, error) {
	account, err := callersAccount(l, tx)
	if err != nil {
		return TaskDecision{}, err
	}
	if v.Phase() == TaskAbsent {
		return TaskDecision{}, refuse(ErrUnknown, "the task was not opened")
	}
	i := slices.IndexFunc(v.Commitments, func(c Commitment) bool { return c.Account == op.Account })
	if i < 0 || v.Commitments[i].Commitment == op.Commitment {
		return TaskDecision{}, refuse(ErrCommitment, "account %s recorded no other commitment", op.Account)
	}
	accused, err := l.CreditAccount(op.Account)
	switch {
	case err != nil:
		return TaskDecision{}, err
	case accused == nil:
		return TaskDecision{}, refuse(ErrNoAccount, "account %s", op.Account)
	}
	if err = spokeFor(op, *accused, v.Task, l); err != nil {
		return TaskDecision{}, err
	}
	if err = op.verify(statement); err != nil {
		return TaskDecision{}, err
	}
	policy, err := policyOf(v, l)
	if err != nil {
		return TaskDecision{}, err
	}
	d := TaskDecision{Status: StatusRecorded}
	d.Slashes, err = faults(v, "equivocation", []Digest{op.Account}, policy.Wrong, policy.Finder, &account.ID)
	return d, err
}

// spokeFor holds that a key spoke for the account when the task was open: the one that moves it, or one that it replaced since.
// When that was the submitter of the replacement said, who may have been off by MaxSkew, as who opened the task.
func spokeFor(op SignedCommitment, accused CreditAccount, t ScoringTask, l ScoringLedger) error {
	binding, err := l.KeyBinding(op.signedBy(accused.MSPID))
	switch {
	case err != nil:
		return err
	case binding == nil || binding.Account != accused.ID:
		return refuse(ErrSignature, "the key is not that of account %s", accused.ID)
	case binding.Retired && binding.Until+2*maxSkew < t.At:
		return refuse(ErrSignature, "account %s had replaced the key before the task opened", accused.ID)
	}
	return nil
}
