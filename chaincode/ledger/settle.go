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
//	no answer has two thirds of the revealed stake     the referee rules
//	the draw, or a commitment that is not revealed     the referee rules
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
	if v.Task.Statement.Model == "" {
		return settleBlend(v, policy, tx)
	}
	t, err := tallyOf(v)
	if err != nil {
		return TaskDecision{}, err
	}
	by, answer := SettledWindow, t.answer
	switch {
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
	case by != SettledUnanimous && v.Provisional == nil:
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
// revealed the engine's is paid. The ruling is on what the task refers to; that this is all there is, the commitments of
// the whole panel say, or the time to challenge it shows.
func execute(v TaskView, by SettledBy, prover Digest, p ScoringPolicy, referee Referee, l ScoringLedger, tx Tx) (TaskDecision, error) {
	if err := ModelBlocked(v.Task.Statement.Model, l); err != nil {
		return TaskDecision{}, err
	}
	ruling, err := referee(v.Task.Statement)
	if err != nil {
		return TaskDecision{}, err
	}
	if ruling.Fault == "" && ruling.Inputs != v.Task.Statement.Inputs {
		ruling.Fault, ruling.Blame = "the references give other inputs than the task says", true
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
	pot := by == SettledDraw || len(v.Reveals) == len(v.Closing.Committed) && drawn(v, p)
	if p.AtOnce && len(v.Closing.Committed) == len(v.Task.Panel) {
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
		Final: &FinalVerdict{Shipment: s.Shipment, Window: s.Window, Model: s.Model, Task: v.Task.ID, Answer: answer, By: by, At: tx.Time, TxID: tx.ID},
	}
	total := p.Reward
	if jackpot {
		total += p.Jackpot
	}
	total, err := mintable(total, l)
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
		seat, _ := v.Task.Seat(r.Account)
		pay, err := shareOf(total, seat.Weight, v.Task.Weight)
		if err != nil {
			return TaskDecision{}, err
		}
		if pay > 0 {
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
// proves an answer wrong it gets a part of what that costs, else it loses the bond. A segment or event that is left out,
// was recorded before the window closed, and would have changed what is judged, voids the task. That costs nobody
// anything: times of recording are their submitters' and no proof to punish by.
func ChallengeTaskOf(op ChallengeTask, v TaskView, referee Referee, l ScoringLedger, tx Tx) (TaskDecision, error) {
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
	case op.Omitted == nil && v.Provisional != nil && v.Provisional.By != 0:
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
	lost := []Slash{{Account: account.ID, Fault: "challenge/" + v.Task.ID.String(), Amount: policy.Bond}}
	if op.Omitted == nil {
		var d TaskDecision
		if d, err = execute(v, SettledChallenge, account.ID, policy, referee, l, tx); err == nil && len(d.Slashes) == 0 {
			d.Slashes = lost
		}
		return d, err
	}
	inserted, err := v.Task.Statement.with(*op.Omitted, op.At, l)
	if err != nil {
		return TaskDecision{}, err
	}
	if _, err = recorded([]Reference{*op.Omitted}, l); err != nil {
		return TaskDecision{}, err
	}
	ruling, err := referee(inserted)
	if err != nil {
		return TaskDecision{}, err
	}
	if ruling.Fault != "" && !ruling.Blame {
		// With it the list is more than can be re-executed, which says nothing of the list without it.
		return TaskDecision{}, refuse(ErrTooLarge, "with what is said to be left out: %s", ruling.Fault)
	}
	if ruling.Fault == "" && ruling.Inputs == v.Task.Statement.Inputs {
		return TaskDecision{}, refuse(ErrCommitment, "what is said to be left out changes nothing that is judged")
	}
	return v.void(SettledOmission, nil, &account.ID, tx), nil
}

// with gives the statement with what it leaves out.
func (s TaskStatement) with(omitted Reference, at uint32, l ScoringLedger) (TaskStatement, error) {
	if uint64(at) >= uint64(len(s.References)) {
		return s, refuse(ErrSchema, "the task has %d references", len(s.References))
	}
	holds := s.holdsSegment
	if omitted.Kind == RefEvent {
		holds = func(r Reference, at int) error { return s.holdsEvent(r, at, l) }
	}
	if err := holds(omitted, int(at)); err != nil {
		return s, err
	}
	s.References = slices.Insert(slices.Clone(s.References), int(at), omitted)
	return s, nil
}

// holdsSegment holds that a segment is left out and belongs before reference at: the chain of its device shows it to be
// earlier than one that is named.
func (s TaskStatement) holdsSegment(omitted Reference, at int) error {
	later := false
	for i, r := range s.References {
		if r.Kind != RefSegments || r.ID != omitted.ID {
			continue
		}
		switch {
		case r.First <= omitted.First && omitted.First <= r.Last:
			return refuse(ErrConflict, "segment %d of %s is not left out", omitted.First, omitted.ID)
		case r.First > omitted.First && i >= at:
			later = true
		case r.First > omitted.First || i >= at:
			return refuse(ErrSchema, "segment %d of %s does not belong before reference %d", omitted.First, omitted.ID, at)
		}
	}
	if !later {
		return refuse(ErrCommitment, "nothing shows that segment %d of %s was recorded before the window closed", omitted.First, omitted.ID)
	}
	return nil
}

// holdsEvent holds that an event is left out and belongs before reference at: it was recorded before the window closed by
// more than clocks may differ, and its neighbours' times allow the place. Of a journey that is not a container's first,
// an event is only left out if it is not earlier than the first one named.
func (s TaskStatement) holdsEvent(omitted Reference, at int, l ScoringLedger) error {
	record, err := l.Event(omitted.Digest)
	if err != nil {
		return err
	}
	if record == nil {
		return refuse(ErrUnknown, "event %s", omitted.Digest)
	}
	const apart = 2 * maxSkew // times of recording are held to that, whatever the policy
	begun := false
	for i, r := range s.References {
		if r.Kind == RefEvent && r.Digest == omitted.Digest {
			return refuse(ErrConflict, "event %s is not left out", omitted.Digest)
		}
		recordedAt, dated, err := r.recordedAt(l)
		if err != nil {
			return err
		}
		last := i == len(s.References)-1
		switch {
		case !dated && last:
			return refuse(ErrCommitment, "the window closes with what has no time of recording")
		case !dated:
		case last && record.RecordedAt+apart >= recordedAt:
			return refuse(ErrCommitment, "event %s was recorded at %s, the window closed at %s: that is too near to tell", omitted.Digest, stamp(record.RecordedAt), stamp(recordedAt))
		case i < at && record.RecordedAt+apart < recordedAt, i >= at && record.RecordedAt > recordedAt+apart,
			!begun && s.Begins > 0 && record.RecordedAt < recordedAt:
			return refuse(ErrSchema, "event %s does not belong before reference %d", omitted.Digest, at)
		}
		begun = begun || dated
	}
	return nil
}

// recordedAt is when an event or the last of segments was recorded; dated is false for what has no such time.
func (r Reference) recordedAt(l ScoringLedger) (at Millis, dated bool, err error) {
	switch r.Kind {
	case RefEvent:
		record, err := l.Event(r.Digest)
		if err != nil || record == nil {
			return 0, false, err
		}
		return record.RecordedAt, true, nil
	case RefSegments:
		record, err := l.SegmentOf(r.ID, r.Last)
		if err != nil || record == nil {
			return 0, false, err
		}
		return record.RecordedAt, true, nil
	default:
		return 0, false, nil
	}
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
	if err = op.Verify(*accused, statement); err != nil {
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
