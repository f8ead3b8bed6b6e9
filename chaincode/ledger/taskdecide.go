package ledger

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"slices"
)

// ScoringLedger answers what decisions on tasks need of the ledger.
type ScoringLedger interface {
	CreditLedger
	ModelStanding
	Ledger
	// Event gives the record of an event, nil if it is not recorded.
	Event(hash Digest) (*EventRecord, error)
	// Finding gives the latest state of a finding, nil if it was never raised.
	Finding(n Naming) (*Finding, error)
	// ScoringPolicyVersion gives a version, nil if it never came in force.
	ScoringPolicyVersion(version uint32) (*ScoringPolicy, error)
	// FinalVerdict gives what stands for a window, nil if nothing does.
	FinalVerdict(shipment string, window uint32, model string) (*FinalVerdict, error)
	// Statement gives what a task asks, nil if it was not opened.
	Statement(task Digest) (*TaskStatement, error)
	// Anchor gives a root of the proof log as an organisation anchored it, nil if it did not.
	Anchor(height uint64, mspID string) (*Anchor, error)
}

// Ruling is what re-executing a task gave.
type Ruling struct {
	Answer  TaskAnswer
	Inputs  Digest
	Verdict Verdict
	// Fault says why the references are no window of the shipment; empty: they are. Blame says that whoever
	// judged them should have seen it.
	Fault string
	Blame bool
	// Opened is the reference with which the first journey that they tell of began; as many as there are: none did.
	Opened int
}

// Referee re-executes a task, and reads packs of at most so many bytes for that. It is deterministic; an error is a fault of
// the machinery.
type Referee func(s TaskStatement, packBytes int) (Ruling, error)

// TaskDecision is what becomes of an operation: what is to be written. Nothing is written of what is nil.
type TaskDecision struct {
	Status      Status
	In          string // of a duplicate: the transaction that recorded it
	Scorer      *Scorer
	Task        *ScoringTask
	Commitment  *Commitment
	Closing     *Closing
	Reveal      *Reveal
	Provisional *Provisional
	Settlement  *Settlement
	Final       *FinalVerdict
	Verdict     *Verdict // to be recorded under its key unless one is
	Slashes     []Slash
	Reward      *Reward
	Inspection  *Inspection
	Claim       *Claim // new, or refuted
}

// OpenTask decides on a statement that CheckTask passed; id is its digest, scorers are those that are registered.
func OpenTask(s TaskStatement, id Digest, before TaskView, scorers []Scorer, l ScoringLedger, tx Tx) (TaskDecision, error) {
	account, err := callersAccount(l, tx)
	if err != nil {
		return TaskDecision{}, err
	}
	if before.Phase() != TaskAbsent {
		return TaskDecision{Status: StatusDuplicate, In: before.Task.TxID}, nil
	}
	policy, err := scoringPolicy(l)
	if err != nil {
		return TaskDecision{}, err
	}
	if err = policy.asks(s); err != nil {
		return TaskDecision{}, err
	}
	if err = ModelBegins(s.Model, l); s.Model != "" && err != nil {
		return TaskDecision{}, err
	}
	final, err := l.FinalVerdict(s.Shipment, s.Window, s.Model)
	if err != nil {
		return TaskDecision{}, err
	}
	if final != nil {
		return TaskDecision{}, refuse(ErrTaskState, "task %s has the final verdict on window %d of %s", final.Task, s.Window, s.Shipment)
	}
	if err = s.follows(l); err != nil {
		return TaskDecision{}, err
	}
	task := ScoringTask{ID: id, Statement: s, Policy: policy.Version, CommitBy: tx.Time + policy.CommitFor, By: account.ID, At: tx.Time, TxID: tx.ID}
	for _, scorer := range scorers {
		if !scorer.Active {
			continue
		}
		var stake *Stake
		if stake, err = l.Stake(scorer.Account); err != nil {
			return TaskDecision{}, err
		}
		if stake == nil || stake.Bonded < policy.MinStake {
			continue
		}
		task.Panel = append(task.Panel, Seat{Account: scorer.Account, MSPID: scorer.MSPID, Weight: stake.Bonded, Unbonds: stake.Unbonds})
		if task.Weight, err = task.Weight.Plus(stake.Bonded); err != nil {
			return TaskDecision{}, err
		}
	}
	if n := organisations(task.Panel); n < policy.LeastPanel() {
		return TaskDecision{}, refuse(ErrFewScorers, "%d organisations have a scorer with %d credits bonded, a task takes %d", n, policy.MinStake, policy.LeastPanel())
	}
	slices.SortFunc(task.Panel, func(a, b Seat) int { return bytes.Compare(a.Account[:], b.Account[:]) })
	if _, ok := task.Seat(account.ID); !ok {
		return TaskDecision{}, refuse(ErrScorer, "account %s opens no task: it is not a scorer with %d credits bonded", account.ID, policy.MinStake)
	}
	if task.Readings, err = recorded(s.References, l); err != nil {
		return TaskDecision{}, err
	}
	return TaskDecision{Status: StatusRecorded, Task: &task}, nil
}

// former is the final verdict on the last window of the container's journey before, nil if there is none: that of the task's model,
// or that of scorers' own, by which all answered while a vote had it so.
func (s TaskStatement) former(l ScoringLedger) (*FinalVerdict, error) {
	final, err := l.FinalVerdict(s.Shipment, s.Begins-1, s.Model)
	if final != nil || err != nil || s.Model == "" {
		return final, err
	}
	return l.FinalVerdict(s.Shipment, s.Begins-1, "")
}

// organisations counts those that have a seat.
func organisations(panel []Seat) int {
	var all []string
	for _, s := range panel {
		if !slices.Contains(all, s.MSPID) {
			all = append(all, s.MSPID)
		}
	}
	return len(all)
}

// recorded holds that all that a task refers to is recorded and within what the referee re-executes, and counts
// the times of its segments.
func recorded(references []Reference, l ScoringLedger) (readings uint32, err error) {
	packs := map[string]struct{}{}
	times := 0
	for _, r := range references {
		switch r.Kind {
		case RefEvent, RefWithdrawn, RefElsewhere:
			record, err := l.Event(r.Digest)
			switch {
			case err != nil:
				return 0, err
			case record == nil:
				return 0, refuse(ErrUnknown, "event %s", r.Digest)
			case r.Kind == RefWithdrawn && !record.DeclaredInError:
				return 0, refuse(ErrUnknown, "a declaration of error of event %s", r.Digest)
			}
			packs[record.TxID] = struct{}{}
		case RefPolicy:
			version := uint32(r.First) //nolint:gosec // CheckTask held it to 32 bits
			if ok, err := l.HasPolicy(r.ID, version); err != nil {
				return 0, err
			} else if !ok {
				return 0, refuse(ErrUnknown, "policy %s/%d", r.ID, version)
			}
		case RefFinding, RefClosed:
			f, err := l.Finding(r.Finding.Naming())
			if err != nil {
				return 0, err
			}
			if f == nil || !f.wasOnce(*r.Finding) {
				return 0, refuse(ErrUnknown, "finding %s on event %s as the task gives it", r.Finding.Code, r.Finding.Event)
			}
		case RefSegments:
			for seq := r.First; seq <= r.Last; seq++ {
				record, err := l.SegmentOf(r.ID, seq)
				switch {
				case err != nil:
					return 0, err
				case record == nil:
					return 0, refuse(ErrUnknown, "segment %d of %s", seq, r.ID)
				case seq == r.Last && record.Digest != r.Digest:
					return 0, refuse(ErrConflict, "segment %d of %s is %s, the task says %s", seq, r.ID, record.Digest, r.Digest)
				}
				packs[record.TxID] = struct{}{}
				times += record.Count
			}
		}
		if times > MaxTaskReadings || len(packs) > MaxTaskPacks {
			return 0, refuse(ErrTooLarge, "%d readings in %d packs; the referee re-executes at most %d in %d", times, len(packs), MaxTaskReadings, MaxTaskPacks)
		}
	}
	return uint32(times), nil
}

// CommitToTask decides on a commitment.
func CommitToTask(op CommitAnswer, v TaskView, l ScoringLedger, tx Tx) (TaskDecision, error) {
	account, err := seated(v, l, tx)
	if err != nil {
		return TaskDecision{}, err
	}
	if i := slices.IndexFunc(v.Commitments, func(c Commitment) bool { return c.Account == account }); i >= 0 {
		if v.Commitments[i].Commitment != op.Commitment {
			return TaskDecision{}, refuse(ErrConflict, "account %s has committed to another answer", account)
		}
		return TaskDecision{Status: StatusDuplicate, In: v.Commitments[i].TxID}, nil
	}
	if v.Phase() != TaskOpen {
		return TaskDecision{}, wrongPhase(v, "takes no commitment")
	}
	seat, _ := v.Task.Seat(account)
	held, err := heldBy(seat, l)
	if err != nil {
		return TaskDecision{}, err
	}
	if !held {
		return TaskDecision{}, lapsed(seat)
	}
	return TaskDecision{Status: StatusRecorded, Commitment: &Commitment{Task: op.Task, Account: account, Commitment: op.Commitment, At: tx.Time, TxID: tx.ID}}, nil
}

// held reports whether what a seat weighs is at stake still: nothing was asked back since the task opened, and faults have not
// used it up. A task may be open for any time, and a stake that is asked back is free after one.
func (s Seat) held(stake *Stake) bool {
	return stake != nil && stake.Unbonds == s.Unbonds && stake.Bonded > 0
}

func heldBy(s Seat, l CreditLedger) (bool, error) {
	stake, err := l.Stake(s.Account)
	return s.held(stake), err
}

func lapsed(s Seat) error {
	return refuse(ErrScorer, "account %s has no seat any more: its stake was asked back after the task opened, or is used up", s.Account)
}

// seated holds that the submitter's account is of the task's panel, and gives it.
func seated(v TaskView, l ScoringLedger, tx Tx) (Digest, error) {
	account, err := callersAccount(l, tx)
	if err != nil {
		return Digest{}, err
	}
	if v.Phase() == TaskAbsent {
		return Digest{}, refuse(ErrUnknown, "the task was not opened")
	}
	if _, ok := v.Task.Seat(account.ID); !ok {
		return Digest{}, refuse(ErrScorer, "account %s is not of the task's panel", account.ID)
	}
	return account.ID, nil
}

func wrongPhase(v TaskView, what string) error {
	return refuse(ErrTaskState, "task %s is %s and %s", v.Task.ID, v.Phase(), what)
}

// Carried reports whether more than half of the panel's stake has committed. Honest scorers commit to nothing but what
// they themselves hold for the window, so that no task goes on that only a lesser part of the stake stands behind.
func (v TaskView) Carried() bool {
	var weight Credits
	for _, c := range v.Commitments {
		seat, _ := v.Task.Seat(c.Account)
		weight += seat.Weight // the panel's sum did not overflow
	}
	return weight > v.Task.Weight-weight
}

// CloseTask decides on ending the commitments: when the whole panel has committed, or, with more than half of its stake,
// when the time is over. Until then it takes commitments. One whose stake was asked back meanwhile does not count; from
// here on a stake that is asked back stays at risk for as long as a fault may take to be proven.
func CloseTask(v TaskView, l ScoringLedger, tx Tx) (TaskDecision, error) {
	if _, err := seated(v, l, tx); err != nil {
		return TaskDecision{}, err
	}
	if v.Closing != nil {
		return TaskDecision{Status: StatusDuplicate, In: v.Closing.TxID}, nil
	}
	backed := make([]Commitment, 0, len(v.Commitments))
	for _, c := range v.Commitments {
		seat, _ := v.Task.Seat(c.Account)
		held, err := heldBy(seat, l)
		if err != nil {
			return TaskDecision{}, err
		}
		if held {
			backed = append(backed, c)
		}
	}
	v.Commitments = backed
	if len(v.Commitments) < len(v.Task.Panel) && tx.Time < v.Task.CommitBy {
		return TaskDecision{}, refuse(ErrTaskTime, "%d of %d scorers have committed; the task closes at %s", len(v.Commitments), len(v.Task.Panel), stamp(v.Task.CommitBy))
	}
	if !v.Carried() {
		return TaskDecision{}, refuse(ErrTaskTime, "%d of %d scorers have committed; a task closes with more than half of the stake", len(v.Commitments), len(v.Task.Panel))
	}
	policy, err := policyOf(v, l)
	if err != nil {
		return TaskDecision{}, err
	}
	c := Closing{Task: v.Task.ID, RevealBy: tx.Time + policy.RevealFor, At: tx.Time, TxID: tx.ID}
	for _, commitment := range v.Commitments {
		seat, _ := v.Task.Seat(commitment.Account)
		c.Committed = append(c.Committed, commitment.Account)
		if c.Weight, err = c.Weight.Plus(seat.Weight); err != nil {
			return TaskDecision{}, err
		}
	}
	return TaskDecision{Status: StatusRecorded, Closing: &c}, nil
}

func policyOf(v TaskView, l ScoringLedger) (ScoringPolicy, error) {
	p, err := l.ScoringPolicyVersion(v.Task.Policy)
	if err == nil && p == nil {
		err = refuse(ErrNoScoringPolicy, "version %d", v.Task.Policy)
	}
	if err != nil {
		return ScoringPolicy{}, err
	}
	return *p, nil
}

// TaskSkew is how far the time of an operation on a task may be from the endorsing peers' clocks: what the policy allows
// that the task opened under, of a task that is to open the one in force. A later policy with a larger skew would move the
// phases of a task by more than they outlast.
func TaskSkew(v TaskView, l ScoringLedger) (Millis, error) {
	policy, err := l.ScoringPolicy()
	if v.Phase() != TaskAbsent {
		policy, err = l.ScoringPolicyVersion(v.Task.Policy)
	}
	if err != nil || policy == nil {
		return maxSkew, err
	}
	return policy.ClockSkew(), nil
}

// RevealAnswerOf decides on opening a commitment; opened is what the answer and the nonce commit to. After the
// referee has ruled, the reveal is paid or costs what it is worth at once. That the model was revoked since the commitment
// hinders no reveal: one organisation revokes, and silence costs. Nothing is settled on it.
func RevealAnswerOf(op RevealAnswer, opened Digest, v TaskView, l ScoringLedger, tx Tx) (TaskDecision, error) {
	account, err := seated(v, l, tx)
	if err != nil {
		return TaskDecision{}, err
	}
	if i := slices.IndexFunc(v.Reveals, func(r Reveal) bool { return r.Account == account }); i >= 0 {
		if v.Reveals[i].Answer != op.Answer || v.Reveals[i].Nonce != op.Nonce {
			return TaskDecision{}, refuse(ErrConflict, "account %s has revealed another answer", account)
		}
		return TaskDecision{Status: StatusDuplicate, In: v.Reveals[i].TxID}, nil
	}
	i := slices.IndexFunc(v.Commitments, func(c Commitment) bool { return c.Account == account })
	switch {
	case v.Closing == nil:
		return TaskDecision{}, wrongPhase(v, "takes no reveal")
	case i < 0 || !slices.Contains(v.Closing.Committed, account):
		return TaskDecision{}, refuse(ErrCommitment, "account %s did not commit", account)
	case v.Commitments[i].Commitment != opened:
		return TaskDecision{}, refuse(ErrCommitment, "answer and nonce are not what account %s committed to", account)
	case tx.Time >= v.Closing.RevealBy:
		return TaskDecision{}, refuse(ErrTaskTime, "reveals ended at %s", stamp(v.Closing.RevealBy))
	case v.Task.Statement.Model != "" && op.Answer.Model != v.Task.Statement.Model:
		return TaskDecision{}, refuse(ErrCommitment, "the task asks for model %s", v.Task.Statement.Model)
	}
	if v.Task.Statement.Model == "" {
		if err = mayAnswer(op.Answer.Model, l); err != nil {
			return TaskDecision{}, err
		}
	}
	d := TaskDecision{Status: StatusRecorded, Reveal: &Reveal{Task: op.Task, Account: account, Answer: op.Answer, Nonce: op.Nonce, At: tx.Time, TxID: tx.ID}}
	s := v.Settlement
	if s == nil || s.Answer == nil || s.By == SettledBlend {
		return d, nil
	}
	policy, err := policyOf(v, l)
	if err != nil {
		return TaskDecision{}, err
	}
	if op.Answer != *s.Answer {
		d.Slashes, err = wrong(v, []Digest{account}, policy, nil)
		return d, err
	}
	total, err := mintable(policy.Reward, l)
	if err != nil {
		return TaskDecision{}, err
	}
	parts, err := v.Task.parts(total)
	if pay := parts[account]; err == nil && pay > 0 {
		d.Reward = &Reward{Task: v.Task.ID.String() + "/" + account.String(), Payments: []Payment{{To: account, Amount: pay}}}
	}
	return d, err
}

// parts divides an amount among the panel by weight, all of it: to each its part rounded down, and what that leaves a credit
// each to those that were rounded down most, at equal rounding in the panel's order.
func (t ScoringTask) parts(amount Credits) (map[Digest]Credits, error) {
	out, rest := make(map[Digest]Credits, len(t.Panel)), make([]uint64, len(t.Panel))
	left := amount
	for i, seat := range t.Panel {
		part, err := shareOf(amount, seat.Weight, t.Weight)
		if err != nil {
			return nil, err
		}
		// The remainder of the division in shareOf: less than t.Weight, so that the products' lower halves give it.
		rest[i] = uint64(amount)*uint64(seat.Weight) - uint64(part)*uint64(t.Weight)
		out[seat.Account] = part
		left -= part
	}
	order := make([]int, len(t.Panel))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rest[b], rest[a]) })
	for _, i := range order[:min(left, Credits(len(order)))] {
		out[t.Panel[i].Account]++
	}
	return out, nil
}

// shareOf is the part of an amount that a weight has in all, rounded down.
func shareOf(amount, weight, all Credits) (Credits, error) {
	if all == 0 || weight > all {
		return 0, refuse(ErrOverflow, "a weight of %d in %d", weight, all)
	}
	high, low := bits.Mul64(uint64(amount), uint64(weight))
	quotient, _ := bits.Div64(high, low, uint64(all)) // high < all, since weight <= all and amount < 2^64
	return Credits(quotient), nil
}

// wrong are the slashes of accounts whose answers were proven wrong.
func wrong(v TaskView, accounts []Digest, p ScoringPolicy, finder *Digest) ([]Slash, error) {
	return faults(v, "wrong", accounts, p.Wrong, p.Finder, finder)
}

// faults are slashes of a share of what the task weighed. Who proves its own fault gets nothing of it.
func faults(v TaskView, what string, accounts []Digest, share, reward uint64, finder *Digest) ([]Slash, error) {
	var out []Slash
	for _, account := range accounts {
		seat, ok := v.Task.Seat(account)
		if !ok {
			return nil, refuse(ErrScorer, "account %s is not of the task's panel", account)
		}
		amount, err := seat.Weight.Share(share)
		if err != nil {
			return nil, err
		}
		s := Slash{Account: account, Fault: what + "/" + v.Task.ID.String(), Amount: max(amount, 1)}
		if finder != nil && *finder != account {
			s.To, s.Share = finder, reward
		}
		out = append(out, s)
	}
	return out, nil
}

// drawn reports whether the draw has the task re-executed: nobody knows it before the last nonce is revealed, and a
// nonce that is not revealed counts as drawn, so that silence avoids no examination. Where keepers vote for no draw, nothing is.
func drawn(v TaskView, p ScoringPolicy) bool {
	if p.Canary == 0 {
		return false
	}
	if len(v.Reveals) < len(v.Closing.Committed) {
		return true
	}
	h := sha256.New()
	h.Write([]byte("waybill draw\x00"))
	h.Write(v.Task.ID[:])
	for _, r := range v.Reveals {
		h.Write(r.Nonce[:])
	}
	return binary.BigEndian.Uint64(h.Sum(nil))%million < p.Canary
}
