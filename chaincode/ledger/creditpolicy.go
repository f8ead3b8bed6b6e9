package ledger

import (
	"slices"
	"strconv"
)

// CreditPolicy says who may mint how much, and what a stake is. A majority of the keepers of the network's
// rules sets each version.
type CreditPolicy struct {
	Version uint32 `cbor:"1,keyasint"` // from 1 without gaps; the earlier ones stay readable
	// Allowances are what organisations may mint by themselves, by MSP ID ascending. Beyond them every
	// mint is a motion of its own.
	Allowances []Allowance `cbor:"2,keyasint,omitempty"`
	// TaskMint is the most that a task that was done may mint.
	TaskMint Credits `cbor:"3,keyasint,omitempty"`
	// MinStake is the least that may be bonded, other than nothing.
	MinStake Credits `cbor:"4,keyasint,omitempty"`
	// UnbondDelay is how long a stake is at risk after it was unbonded. It must outlast what a fault may
	// take to be proven, see ScoringPolicy.UnbondDelay, and twice MaxSkew, since times are the submitters'.
	UnbondDelay Millis `cbor:"5,keyasint"`
	// What follows is set by the contract.
	Approvals []string `cbor:"6,keyasint,omitempty"` // MSP IDs, ascending
	SetAt     Millis   `cbor:"7,keyasint,omitempty"`
	TxID      string   `cbor:"8,keyasint,omitempty"`
}

// Allowance is what an organisation may mint by itself: so many times a period, each time so much. Each
// use has a key of its own, so that nobody counts.
type Allowance struct {
	MSPID  string  `cbor:"1,keyasint"`
	Period Millis  `cbor:"2,keyasint"`
	Uses   uint32  `cbor:"3,keyasint"` // a period
	Amount Credits `cbor:"4,keyasint"` // a use, at most
}

// Stated drops what the contract sets.
func (p CreditPolicy) Stated() CreditPolicy {
	p.Approvals, p.SetAt, p.TxID = nil, 0, ""
	return p
}

// CreditMotion is what an organisation's steward asks for: exactly one of the three.
type CreditMotion struct {
	Policy  *CreditPolicy   `cbor:"1,keyasint,omitempty"` // by a majority of the keepers
	Mint    *Mint           `cbor:"2,keyasint,omitempty"` // by a majority of the keepers, or within an allowance
	Recover *RecoverAccount `cbor:"3,keyasint,omitempty"` // by the account's organisation
}

// Mint makes credits.
type Mint struct {
	Payments []Payment `cbor:"1,keyasint"`
	// Serial tells motions apart that are equal otherwise; empty within an allowance.
	Serial string        `cbor:"2,keyasint,omitempty"`
	Use    *AllowanceUse `cbor:"3,keyasint,omitempty"` // nil: keepers vote
	Memo   string        `cbor:"4,keyasint,omitempty"`
}

// AllowanceUse is one use of the submitter's organisation's allowance.
type AllowanceUse struct {
	Policy uint32 `cbor:"1,keyasint"` // version in force
	Period uint64 `cbor:"2,keyasint"` // the transaction's time over the allowance's period
	Use    uint32 `cbor:"3,keyasint"` // from 0
}

// RecoverAccount freezes an account whose key is lost and names the key that may take it over.
type RecoverAccount struct {
	Account Digest  `cbor:"1,keyasint"`
	Next    *Digest `cbor:"2,keyasint,omitempty"` // CreditBinding of the key; nil freezes and no more
}

// MotionDecision is what becomes of a motion.
type MotionDecision struct {
	Status  Status         // StatusDuplicate: it is so already, there is nothing to write
	In      string         // transaction in which it became so, where that is known
	Tally   *Tally         // nil: nobody votes on it
	Policy  *CreditPolicy  // to be written as the one in force
	Account *CreditAccount // to be written
	Credit  *CreditDecision
}

// Kind tells which of the three the motion is, empty if it is none or several.
func (m CreditMotion) Kind() string {
	switch {
	case m.Policy != nil && m.Mint == nil && m.Recover == nil:
		return "credit policy"
	case m.Policy == nil && m.Mint != nil && m.Recover == nil:
		return "mint"
	case m.Policy == nil && m.Mint == nil && m.Recover != nil:
		return "recover"
	}
	return ""
}

// Stated drops what the contract sets, so that equal motions have one digest.
func (m CreditMotion) Stated() CreditMotion {
	if m.Policy != nil {
		p := m.Policy.Stated()
		m.Policy = &p
	}
	return m
}

// CheckMotion holds what can be said of a motion by itself.
func CheckMotion(m CreditMotion) error {
	switch m.Kind() {
	case "credit policy":
		return checkCreditPolicy(*m.Policy)
	case "mint":
		if err := checkMemo(m.Mint.Memo); err != nil {
			return err
		}
		if m.Mint.Use == nil && !plainName(m.Mint.Serial, MaxTxIDBytes) || m.Mint.Use != nil && m.Mint.Serial != "" {
			return refuse(ErrSchema, "a mint that is voted on has a serial of a-z, 0-9, '.', '_' and '-', at most %d bytes; one within an allowance has none", MaxTxIDBytes)
		}
		return checkPayments(m.Mint.Payments)
	case "recover":
		if m.Recover.Account.IsZero() || m.Recover.Next != nil && m.Recover.Next.IsZero() {
			return refuse(ErrSchema, "no account, or a next key of no digits")
		}
		return nil
	}
	return refuse(ErrSchema, "a motion is one of policy, mint and recover")
}

func checkCreditPolicy(p CreditPolicy) error {
	switch {
	case p.Version == 0:
		return refuse(ErrSchema, "versions begin at 1")
	case len(p.Allowances) > MaxAllowances:
		return refuse(ErrTooLarge, "%d allowances, at most %d are allowed", len(p.Allowances), MaxAllowances)
	case p.TaskMint > MaxCredits || p.MinStake > MaxCredits:
		return refuse(ErrSchema, "amounts are at most %d", MaxCredits)
	case p.UnbondDelay < 2*maxSkew || p.UnbondDelay > tenYears:
		return refuse(ErrSchema, "a delay of unbonding of %d ms; it is from twice the allowed skew of clocks to ten years", p.UnbondDelay)
	}
	ids := make([]string, len(p.Allowances))
	for i, a := range p.Allowances {
		ids[i] = a.MSPID
		if a.Period <= 0 || a.Period > tenYears || a.Uses == 0 || a.Uses > MaxAllowanceUses {
			return refuse(ErrSchema, "an allowance has a period of at most ten years and 1 to %d uses", MaxAllowanceUses)
		}
		if err := checkAmount(a.Amount); err != nil {
			return err
		}
	}
	return checkOrganisations("allowances", ids, MaxAllowances)
}

// DecideMotion decides on a motion that CheckMotion passed; subject is its digest, first the index of the
// first note that it makes.
func DecideMotion(m CreditMotion, subject Digest, l CreditLedger, first uint32, tx Tx) (MotionDecision, error) {
	switch m.Kind() {
	case "credit policy":
		return decideCreditPolicy(m.Policy.Stated(), subject, l, tx)
	case "mint":
		return decideMint(*m.Mint, subject, l, first, tx)
	case "recover":
		return decideRecover(*m.Recover, l, tx)
	}
	return MotionDecision{}, refuse(ErrSchema, "a motion is one of policy, mint and recover")
}

func decideCreditPolicy(p CreditPolicy, subject Digest, l CreditLedger, tx Tx) (MotionDecision, error) {
	latest, err := l.CreditPolicy()
	if err != nil {
		return MotionDecision{}, err
	}
	next := uint32(1)
	if latest != nil {
		if latest.Version == p.Version && sameCreditPolicy(*latest, p) {
			return MotionDecision{Status: StatusDuplicate, In: latest.TxID}, nil
		}
		next = latest.Version + 1
	}
	if p.Version != next {
		return MotionDecision{}, refuse(ErrConflict, "the next version of the credit policy is %d, not %d", next, p.Version)
	}
	scoring, err := l.ScoringPolicy()
	switch {
	case err != nil:
		return MotionDecision{}, err
	case scoring != nil && p.UnbondDelay < scoring.UnbondDelay():
		return MotionDecision{}, refuse(ErrStake, "version %d of the scoring policy is in force: a fault may take %d ms to be proven, a stake would be free %d after it is unbonded",
			scoring.Version, scoring.UnbondDelay(), p.UnbondDelay)
	}
	tally, err := CastVote(subject, "credit policy", l, tx)
	if err != nil {
		return MotionDecision{}, err
	}
	d := voted(tally)
	if tally.Carried {
		p.Approvals, p.SetAt, p.TxID = tally.For, tx.Time, tx.ID
		d.Policy = &p
	}
	return d, nil
}

// voted is the decision on a motion of which no more is known than its votes.
func voted(t Tally) MotionDecision {
	d := MotionDecision{Status: StatusRecorded, Tally: &t}
	if t.Vote == nil && !t.Carried {
		d.Status = StatusDuplicate
	}
	return d
}

func sameCreditPolicy(a, b CreditPolicy) bool {
	return a.Version == b.Version && slices.Equal(a.Allowances, b.Allowances) && a.TaskMint == b.TaskMint &&
		a.MinStake == b.MinStake && a.UnbondDelay == b.UnbondDelay
}

func decideMint(m Mint, subject Digest, l CreditLedger, first uint32, tx Tx) (MotionDecision, error) {
	source := []string{"motion", subject.String()}
	if m.Use != nil {
		source = []string{"allowance", tx.Actor.MSPID, strconv.FormatUint(uint64(m.Use.Policy), 10), strconv.FormatUint(m.Use.Period, 10), strconv.FormatUint(uint64(m.Use.Use), 10)}
	}
	done, err := l.Supply(source)
	if err != nil {
		return MotionDecision{}, err
	}
	if done != nil {
		if done.Receipt != subject {
			return MotionDecision{}, refuse(ErrAllowance, "use %d of period %d was another mint", m.Use.Use, m.Use.Period)
		}
		return MotionDecision{Status: StatusDuplicate}, nil
	}
	d := MotionDecision{Status: StatusRecorded}
	if m.Use != nil {
		err = checkUse(m, l, tx)
	} else {
		var tally Tally
		tally, err = CastVote(subject, "mint", l, tx)
		d = voted(tally)
	}
	if err != nil || d.Tally != nil && !d.Tally.Carried {
		return d, err
	}
	c := newCrediting(CreditMint, subject, l, first, tx)
	c.receipt.Memo, c.receipt.Cause = m.Memo, source[0]
	if c.receipt.Minted, err = c.pay(m.Payments); err != nil {
		return MotionDecision{}, err
	}
	credit, err := c.end()
	if err != nil {
		return MotionDecision{}, err
	}
	credit.Source = source
	d.Credit = &credit
	return d, nil
}

// checkUse holds that a mint lies within the allowance of the submitter's organisation.
func checkUse(m Mint, l CreditLedger, tx Tx) error {
	policy, err := l.CreditPolicy()
	if err != nil {
		return err
	}
	if policy == nil {
		return refuse(ErrNoCreditPolicy, "the keepers of the network's rules set one")
	}
	i := slices.IndexFunc(policy.Allowances, func(a Allowance) bool { return a.MSPID == tx.Actor.MSPID })
	if i < 0 {
		return refuse(ErrAllowance, "%s has none", tx.Actor.MSPID)
	}
	a := policy.Allowances[i]
	var sum Credits
	for _, p := range m.Payments {
		if sum, err = sum.Plus(p.Amount); err != nil {
			return err
		}
	}
	switch now := uint64(max(tx.Time, 0) / a.Period); { //nolint:gosec // not negative
	case m.Use.Policy != policy.Version:
		return refuse(ErrAllowance, "version %d of the credit policy is in force, not %d", policy.Version, m.Use.Policy)
	case m.Use.Period != now:
		return refuse(ErrAllowance, "the period is %d, not %d", now, m.Use.Period)
	case m.Use.Use >= a.Uses:
		return refuse(ErrAllowance, "use %d; a period has %d, from 0", m.Use.Use, a.Uses)
	case sum > a.Amount:
		return refuse(ErrAllowance, "%d credits; a use is of at most %d", sum, a.Amount)
	}
	return nil
}

func decideRecover(r RecoverAccount, l CreditLedger, tx Tx) (MotionDecision, error) {
	account, err := l.CreditAccount(r.Account)
	switch {
	case err != nil:
		return MotionDecision{}, err
	case account == nil:
		return MotionDecision{}, refuse(ErrNoAccount, "account %s", r.Account)
	case account.MSPID != tx.Actor.MSPID:
		return MotionDecision{}, refuse(ErrNotOwner, "account %s belongs to %s", account.ID, account.MSPID)
	case account.Frozen && sameDigest(account.Next, r.Next):
		return MotionDecision{Status: StatusDuplicate, In: account.TxID}, nil
	case r.Next != nil && *r.Next == account.Binding:
		return MotionDecision{}, refuse(ErrSchema, "the next key is another key")
	}
	after := *account
	after.Frozen, after.Next = true, r.Next
	after.ChangedAt, after.TxID = tx.Time, tx.ID
	return MotionDecision{Status: StatusRecorded, Account: &after}, nil
}
