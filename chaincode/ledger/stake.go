package ledger

import "slices"

// Stake is what an account has at risk. Its notes are locked under the account and nobody else's
// operations touch them, but for a slash on a proven fault.
type Stake struct {
	Account Digest  `cbor:"1,keyasint"`
	MSPID   string  `cbor:"2,keyasint"`
	Bonded  Credits `cbor:"3,keyasint,omitempty"`
	Note    *NoteID `cbor:"4,keyasint,omitempty"` // that holds Bonded, nil: nothing is bonded
	// Unbonding is what is on its way out and still at risk, those first that are free first.
	Unbonding []Unbonding `cbor:"5,keyasint,omitempty"`
	Slashed   Credits     `cbor:"6,keyasint,omitempty"` // all that faults have cost
	BondedAt  Millis      `cbor:"7,keyasint,omitempty"` // when it was last added to
	ChangedAt Millis      `cbor:"8,keyasint"`
	TxID      string      `cbor:"9,keyasint"` // of the last change
	// MovedAt is when its account last moved it: a slash is no move.
	MovedAt Millis `cbor:"10,keyasint,omitempty"`
	// Unbonds counts how often a part was asked back, which ends the seats that its account had until then.
	Unbonds uint32 `cbor:"11,keyasint,omitempty"`
}

// Unbonding is a part of a stake on its way out.
type Unbonding struct {
	Note   NoteID  `cbor:"1,keyasint"`
	Amount Credits `cbor:"2,keyasint"`
	FreeAt Millis  `cbor:"3,keyasint"`
}

// AtRisk is all that a slash can take.
func (s Stake) AtRisk() (Credits, error) {
	sum := s.Bonded
	for _, u := range s.Unbonding {
		var err error
		if sum, err = sum.Plus(u.Amount); err != nil {
			return 0, err
		}
	}
	return sum, nil
}

func (s Stake) clone() Stake {
	s.Unbonding = slices.Clone(s.Unbonding)
	return s
}

// Slash takes from a stake for a fault that the contract has proven.
type Slash struct {
	Account Digest  `cbor:"1,keyasint"`
	Fault   string  `cbor:"2,keyasint"` // names the fault; one fault is slashed once
	Amount  Credits `cbor:"3,keyasint"` // at most: a stake that holds less is taken whole
	// To is who proved it and gets Share millionths of what is taken; the rest is burned. nil: all is burned.
	To    *Digest `cbor:"4,keyasint,omitempty"`
	Share uint64  `cbor:"5,keyasint,omitempty"`
}

// Reward mints credits for a task that was done. One task is rewarded once.
type Reward struct {
	Task     string    `cbor:"1,keyasint"`
	Payments []Payment `cbor:"2,keyasint"`
}

// bond decides on adding to a stake.
func (c *crediting) bond(op BondStake) error {
	policy, err := c.needPolicy()
	if err != nil {
		return err
	}
	stake, err := c.movable()
	if err != nil {
		return err
	}
	if err = c.spendOwn(op.Inputs); err != nil {
		return err
	}
	if stake.Note != nil {
		// The stake stays one note, so that who weighs it reads one record.
		if err = c.spend(*stake.Note); err != nil {
			return err
		}
	}
	total, err := stake.Bonded.Plus(op.Amount)
	if err != nil {
		return err
	}
	if total < policy.MinStake || total > MaxCredits {
		return refuse(ErrStake, "a stake of %d credits; stakes are from %d to %d", total, policy.MinStake, MaxCredits)
	}
	note := c.create(Note{Owner: c.account.ID, Amount: total, Lock: &Lock{Purpose: LockStake}})
	stake.Bonded, stake.Note, stake.BondedAt = total, &note, c.tx.Time
	c.moveStake(stake)
	return c.change(c.account.ID)
}

// unbond decides on beginning to take out of a stake.
func (c *crediting) unbond(op UnbondStake) error {
	policy, err := c.needPolicy()
	if err != nil {
		return err
	}
	stake, err := c.movable()
	if err != nil {
		return err
	}
	switch {
	case stake.Note == nil || *stake.Note != op.Stake:
		return refuse(ErrNoteSpent, "note %s is not the stake of the account", op.Stake)
	case op.Amount > stake.Bonded:
		return refuse(ErrStake, "%d credits are bonded, %d cannot be taken out", stake.Bonded, op.Amount)
	case op.Amount < stake.Bonded && stake.Bonded-op.Amount < policy.MinStake:
		return refuse(ErrStake, "%d credits would stay bonded; a stake is at least %d, or nothing", stake.Bonded-op.Amount, policy.MinStake)
	case len(stake.Unbonding) >= MaxUnbondings:
		return refuse(ErrStake, "%d parts of the stake are on their way out, at most %d are allowed; release those that are free", len(stake.Unbonding), MaxUnbondings)
	}
	if err = c.spend(op.Stake); err != nil {
		return err
	}
	free := c.tx.Time + policy.UnbondDelay
	part := c.create(Note{Owner: c.account.ID, Amount: op.Amount, Lock: &Lock{Purpose: LockUnbonding, NotBefore: free}})
	stake.Bonded -= op.Amount
	stake.Note = nil
	if stake.Bonded > 0 {
		rest := c.create(Note{Owner: c.account.ID, Amount: stake.Bonded, Lock: &Lock{Purpose: LockStake}})
		stake.Note = &rest
	}
	stake.Unbonding = append(stake.Unbonding, Unbonding{Note: part, Amount: op.Amount, FreeAt: free})
	// A later policy may have a shorter delay.
	slices.SortStableFunc(stake.Unbonding, func(a, b Unbonding) int { return int(min(max(a.FreeAt-b.FreeAt, -1), 1)) })
	stake.Unbonds++
	c.moveStake(stake)
	return nil
}

// unbonded takes a part that is free off the stake's record.
func (c *crediting) unbonded(id NoteID) error {
	stake, err := c.movable()
	if err != nil {
		return err
	}
	stake.Unbonding = slices.DeleteFunc(stake.Unbonding, func(u Unbonding) bool { return u.Note == id })
	c.moveStake(stake)
	return nil
}

// movable gives the submitter's stake for a move of its own. Whoever proves a fault reads the stake that it costs, and a move
// of it in the same block undoes that: so there is one move in a time, or several within one transaction.
func (c *crediting) movable() (Stake, error) {
	stake, err := c.ledger.Stake(c.account.ID)
	switch {
	case err != nil:
		return Stake{}, err
	case stake == nil:
		return Stake{Account: c.account.ID, MSPID: c.account.MSPID}, nil
	case stake.TxID == c.tx.ID:
		return stake.clone(), nil
	}
	return stake.clone(), rested("moves its stake", stake.MovedAt, c.ledger, c.tx)
}

// rested holds that an account's last move of a kind is long enough ago. Where nobody voted how faults are proven, it may
// move as it likes.
func rested(what string, moved Millis, l CreditLedger, tx Tx) error {
	policy, err := l.ScoringPolicy()
	if err != nil || policy == nil || moved == 0 || tx.Time >= moved+policy.MoveDelay() {
		return err
	}
	return refuse(ErrTaskTime, "an account %s once in %d ms; this one may from %s on", what, policy.MoveDelay(), stamp(moved+policy.MoveDelay()))
}

// moveStake writes a stake that its account moved.
func (c *crediting) moveStake(s Stake) {
	s.MovedAt = c.tx.Time
	c.setStake(s)
}

func (c *crediting) setStake(s Stake) {
	s.ChangedAt, s.TxID = c.tx.Time, c.tx.ID
	c.receipt.Stake = &s
}

// CheckSlash holds what can be said of a slash by itself.
func CheckSlash(s Slash) error {
	switch {
	case s.Account.IsZero() || s.To != nil && s.To.IsZero():
		return refuse(ErrSchema, "a slash of no account or for none")
	case s.Share > million || s.To == nil && s.Share != 0:
		return refuse(ErrSchema, "a share of %d millionths", s.Share)
	}
	if err := checkTask(s.Fault, false); err != nil {
		return err
	}
	return checkAmount(s.Amount)
}

// DecideSlash decides on a slash that CheckSlash passed, on behalf of the contract that proved the fault.
// It takes what is bonded first, then what is on its way out, those parts first that are free first.
func DecideSlash(s Slash, operation Digest, l CreditLedger, first uint32, tx Tx) (CreditDecision, error) {
	stake, err := l.Stake(s.Account)
	if err != nil {
		return CreditDecision{}, err
	}
	if stake == nil {
		return CreditDecision{}, refuse(ErrStake, "account %s has no stake", s.Account)
	}
	c := newCrediting(CreditSlash, operation, l, first, tx)
	c.receipt.Cause = s.Fault
	left, after := s.Amount, stake.clone()
	if stake.Note != nil {
		taken := min(left, stake.Bonded)
		if err = c.spend(*stake.Note); err != nil {
			return CreditDecision{}, err
		}
		left -= taken
		after.Bonded -= taken
		after.Note = nil
		if after.Bonded > 0 {
			rest := c.create(Note{Owner: s.Account, Amount: after.Bonded, Lock: &Lock{Purpose: LockStake}})
			after.Note = &rest
		}
	}
	after.Unbonding = nil
	for _, u := range stake.Unbonding {
		taken := min(left, u.Amount)
		if taken == 0 {
			after.Unbonding = append(after.Unbonding, u)
			continue
		}
		if err = c.spend(u.Note); err != nil {
			return CreditDecision{}, err
		}
		left -= taken
		if u.Amount -= taken; u.Amount > 0 {
			u.Note = c.create(Note{Owner: s.Account, Amount: u.Amount, Lock: &Lock{Purpose: LockUnbonding, NotBefore: u.FreeAt}})
			after.Unbonding = append(after.Unbonding, u)
		}
	}
	taken := s.Amount - left
	if taken == 0 {
		return CreditDecision{}, refuse(ErrStake, "the stake of account %s holds nothing", s.Account)
	}
	if after.Slashed, err = after.Slashed.Plus(taken); err != nil {
		return CreditDecision{}, err
	}
	c.receipt.Burned = taken
	if s.To != nil {
		share, err := taken.Share(s.Share)
		if err != nil {
			return CreditDecision{}, err
		}
		if err = c.needAccount(*s.To); err != nil {
			return CreditDecision{}, err
		}
		if share > 0 {
			c.create(Note{Owner: *s.To, Amount: share})
			c.receipt.Burned -= share
		}
	}
	c.setStake(after)
	return c.end()
}

// CheckReward holds what can be said of a reward by itself.
func CheckReward(r Reward) error {
	if err := checkTask(r.Task, false); err != nil {
		return err
	}
	return checkPayments(r.Payments)
}

// DecideReward decides on a reward that CheckReward passed, on behalf of the contract whose task was done. It is for accounts
// that the contract knows to be open.
// A task mints no more than the policy in force lets it.
func DecideReward(r Reward, operation Digest, l CreditLedger, first uint32, tx Tx) (CreditDecision, error) {
	c := newCrediting(CreditReward, operation, l, first, tx)
	policy, err := c.needPolicy()
	if err != nil {
		return CreditDecision{}, err
	}
	c.receipt.Cause = r.Task
	// Who has a seat has an account, and none is ever deleted: it is not read, so that no change of it undoes what ends the task.
	if c.receipt.Minted, err = c.issue(r.Payments); err != nil {
		return CreditDecision{}, err
	}
	if c.receipt.Minted > policy.TaskMint {
		return CreditDecision{}, refuse(ErrAllowance, "task %s would mint %d credits, at most %d are allowed", r.Task, c.receipt.Minted, policy.TaskMint)
	}
	d, err := c.end()
	d.Source = []string{"reward", r.Task}
	return d, err
}
