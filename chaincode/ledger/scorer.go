package ledger

import (
	"slices"
	"time"
)

// Scorer is an account that scores. Its stake is weighed when a task opens.
type Scorer struct {
	Account Digest `cbor:"1,keyasint"` // credit account
	MSPID   string `cbor:"2,keyasint"`
	Active  bool   `cbor:"3,keyasint,omitempty"` // false: it takes no part in tasks that open
	Since   Millis `cbor:"4,keyasint"`           // when it became so
	TxID    string `cbor:"5,keyasint"`
	// Instead is whose place it took, nil: there was one free.
	Instead *Former `cbor:"6,keyasint,omitempty"`
}

// Former is a scorer whose place another took.
type Former struct {
	Account Digest `cbor:"1,keyasint"`
	MSPID   string `cbor:"2,keyasint"`
}

// Both gives the scorer and, as no scorer any more, whom it took the place of.
func (s Scorer) Both() []Scorer {
	if s.Instead == nil {
		return []Scorer{s}
	}
	return []Scorer{{Account: s.Instead.Account, MSPID: s.Instead.MSPID, Since: s.Since, TxID: s.TxID}, s}
}

// ScoringPolicy says how several scorers reach a final verdict, what it pays and what a fault costs. A majority
// of the keepers of the network's rules sets each version; a task goes by the version it opened under.
type ScoringPolicy struct {
	Version  uint32  `cbor:"1,keyasint"` // from 1 without gaps
	MinStake Credits `cbor:"2,keyasint"` // bonded, of a scorer
	// CommitFor is how long a task waits for commitments of all its panel; then more than half of its stake suffices. It is
	// at least 2 s: who commits does so in a transaction after the one that it saw opening the task, and half of the stake that is
	// nearer to the orderers would else close before the others came, and take their rewards from them without a lie.
	CommitFor Millis `cbor:"3,keyasint"`
	// RevealFor and ChallengeFor outlast what a submitter can gain by its choice of time: each is at least four times
	// ClockSkew.
	RevealFor    Millis `cbor:"4,keyasint"`
	ChallengeFor Millis `cbor:"5,keyasint"`
	// Reward is shared by the stake of the panel; who was right gets its share. Jackpot likewise, of a
	// task that the draw had re-executed.
	Reward  Credits `cbor:"6,keyasint,omitempty"`
	Jackpot Credits `cbor:"7,keyasint,omitempty"`
	// Canary is the share of tasks, in millionths, that the draw has re-executed.
	Canary uint64 `cbor:"8,keyasint,omitempty"`
	// Wrong is what a wrong answer or a second commitment costs, Silent what a commitment costs that is not
	// revealed, in millionths of the stake that the task weighed.
	Wrong  uint64 `cbor:"9,keyasint"`
	Silent uint64 `cbor:"10,keyasint"`
	// Bond is what a challenge costs that proves nothing.
	Bond Credits `cbor:"11,keyasint"`
	// Finder is what who proves a fault gets of what it cost, in millionths; the rest is burned.
	Finder uint64 `cbor:"12,keyasint"`
	// Blend says how answers of different models are joined.
	Blend BlendPolicy `cbor:"13,keyasint"`
	// AtOnce lets an answer be final before its time to be challenged is over, if the whole panel committed to the
	// task, and with that said that it is the window, and either agrees or was ruled upon.
	AtOnce bool `cbor:"14,keyasint,omitempty"`
	// Skew is how far the time of an operation on a task may be from the endorsing peers' clocks, 0: MaxSkew.
	Skew Millis `cbor:"18,keyasint,omitempty"`
	// MinPanel is how many organisations at least have a scorer on a panel, 0: three. With fewer no task opens: what one
	// or two stand behind is no verdict of several.
	MinPanel uint32 `cbor:"19,keyasint,omitempty"`
	// What follows is set by the contract.
	Votes []string `cbor:"15,keyasint,omitempty"`
	At    Millis   `cbor:"16,keyasint,omitempty"`
	TxID  string   `cbor:"17,keyasint,omitempty"`
}

// Stated drops what the contract sets.
func (p ScoringPolicy) Stated() ScoringPolicy {
	p.Votes, p.At, p.TxID = nil, 0, ""
	return p
}

// Bounds of scoring by several organisations.
const (
	MaxScorers = 64
	// MaxOrganisationScorers keeps a few organisations from taking all places.
	MaxOrganisationScorers = 8
	// leastPanel is for policies that name none: of two, more than half is both, so that either can hold all up.
	leastPanel = 3
	// MinPhase is the least time to reveal and to challenge where clocks may be MaxSkew apart.
	MinPhase = phaseSkews * maxSkew
	// Times are the submitters', within the skew of the peers' clocks, so that two of them move a phase by at most
	// twice that; half of the least phase is real.
	phaseSkews = 4
	// minCommit is what a block that opens a task and a block with the answers to it need.
	minCommit = Millis(2_000)
	// minSkew is what clocks that are kept by NTP and a proposal's way to its endorsers need.
	minSkew  = Millis(1_000)
	maxSkew  = Millis(MaxSkew / time.Millisecond)
	maxPhase = Millis(30 * 24 * 3_600_000)
	// maxFinder keeps a scorer from losing nothing by proving its own fault.
	maxFinder = million / 2
)

// LeastPanel is how many organisations a panel has at least.
func (p ScoringPolicy) LeastPanel() int {
	if p.MinPanel == 0 {
		return leastPanel
	}
	return int(p.MinPanel)
}

// ClockSkew is how far the time of an operation on a task may be from the endorsing peers' clocks.
func (p ScoringPolicy) ClockSkew() Millis {
	if p.Skew == 0 {
		return maxSkew
	}
	return p.Skew
}

// SilenceAt is when a commitment that is not revealed begins to cost: no choice of times makes a reveal late that was not.
func (p ScoringPolicy) SilenceAt(c Closing) Millis { return c.RevealBy + 2*p.ClockSkew() }

// MoveDelay is how long an account waits between two moves of its own which undo what others do in the same block: of its stake,
// of the offer of its key, and to join the scorers again that it left. Those times are held to ClockSkew too. It is
// as long as an answer may be challenged, as clocks go, so that an account has one of each to undo challenges with.
func (p ScoringPolicy) MoveDelay() Millis { return p.ChallengeFor + phaseSkews*p.ClockSkew() }

// UnbondDelay is how long a stake must at least stay at risk after it is unbonded: as long as a fault may take to be proven, and
// a claim that was made last to be refuted. Whoever unbonds gains up to twice MaxSkew by its choice of times: they are held to a later policy's clocks.
func (p ScoringPolicy) UnbondDelay() Millis {
	return p.CommitFor + p.RevealFor + 2*p.ChallengeFor + 2*p.ClockSkew() + 2*maxSkew
}

// CheckScoringPolicy holds what can be said of a policy by itself.
func CheckScoringPolicy(p ScoringPolicy) error {
	switch {
	case p.Version == 0:
		return refuse(ErrSchema, "versions begin at 1")
	case p.MinStake == 0 || p.MinStake > MaxCredits || p.Bond == 0 || p.Bond > p.MinStake:
		return refuse(ErrSchema, "a scorer's stake is from 1 to %d credits, a challenge's bond from 1 to that", MaxCredits)
	case p.MinPanel > MaxScorers:
		return refuse(ErrSchema, "a panel of at least %d organisations; there are at most %d scorers", p.MinPanel, MaxScorers)
	case p.Skew != 0 && (p.Skew < minSkew || p.Skew > maxSkew):
		return refuse(ErrSchema, "clocks may be from %d to %d ms apart", minSkew, maxSkew)
	case p.CommitFor < minCommit || p.CommitFor > maxPhase:
		return refuse(ErrSchema, "a task waits for commitments from %d to %d ms", minCommit, maxPhase)
	case min(p.RevealFor, p.ChallengeFor) < phaseSkews*p.ClockSkew() || max(p.RevealFor, p.ChallengeFor) > maxPhase:
		return refuse(ErrSchema, "where clocks may be %d ms apart, phases to reveal and to challenge are from %d to %d ms", p.ClockSkew(), phaseSkews*p.ClockSkew(), maxPhase)
	case p.Reward > MaxCredits/2 || p.Jackpot > MaxCredits/2:
		return refuse(ErrSchema, "a reward and a jackpot of at most %d credits", MaxCredits/2)
	case p.Canary > million || p.Wrong == 0 || p.Wrong > million || p.Silent == 0 || p.Silent > p.Wrong:
		return refuse(ErrSchema, "shares in millionths; a wrong answer and silence cost something, silence no more than a wrong answer")
	case p.Finder == 0 || p.Finder > maxFinder:
		return refuse(ErrSchema, "who proves a fault gets a part of it, at most half")
	}
	return p.Blend.check()
}

// sameScoringPolicy compares what is stated.
func sameScoringPolicy(a, b ScoringPolicy) bool {
	return a.Version == b.Version && a.MinStake == b.MinStake && a.CommitFor == b.CommitFor && a.RevealFor == b.RevealFor &&
		a.ChallengeFor == b.ChallengeFor && a.Reward == b.Reward && a.Jackpot == b.Jackpot && a.Canary == b.Canary &&
		a.Wrong == b.Wrong && a.Silent == b.Silent && a.Bond == b.Bond && a.Finder == b.Finder && a.Blend == b.Blend && a.AtOnce == b.AtOnce &&
		a.ClockSkew() == b.ClockSkew() && a.LeastPanel() == b.LeastPanel()
}

// ScoringMotion is what becomes of a policy that a steward asks for.
type ScoringMotion struct {
	Status Status
	In     string // transaction in which it became so
	Tally  *Tally
	Policy *ScoringPolicy // to be written as the one in force
}

// DecideScoringPolicy decides on a policy that CheckScoringPolicy passed; subject is its digest. What is unbonded must
// stay at risk for as long as a fault may take to be proven.
func DecideScoringPolicy(p ScoringPolicy, subject Digest, l ScoringLedger, tx Tx) (ScoringMotion, error) {
	p = p.Stated()
	latest, err := l.ScoringPolicy()
	if err != nil {
		return ScoringMotion{}, err
	}
	next := uint32(1)
	if latest != nil {
		if sameScoringPolicy(*latest, p) {
			return ScoringMotion{Status: StatusDuplicate, In: latest.TxID}, nil
		}
		next = latest.Version + 1
	}
	if p.Version != next {
		return ScoringMotion{}, refuse(ErrConflict, "the next version of the scoring policy is %d, not %d", next, p.Version)
	}
	credit, err := l.CreditPolicy()
	switch {
	case err != nil:
		return ScoringMotion{}, err
	case credit == nil:
		return ScoringMotion{}, refuse(ErrNoCreditPolicy, "the keepers of the network's rules set one first")
	case credit.UnbondDelay < p.UnbondDelay():
		return ScoringMotion{}, refuse(ErrStake, "a stake is free %d ms after it is unbonded; a fault may take %d to be proven, as clocks go", credit.UnbondDelay, p.UnbondDelay())
	case credit.MinStake > p.MinStake:
		return ScoringMotion{}, refuse(ErrStake, "stakes are at least %d credits", credit.MinStake)
	case credit.TaskMint < p.Reward+p.Jackpot:
		return ScoringMotion{}, refuse(ErrAllowance, "a task may mint %d credits, reward and jackpot are %d", credit.TaskMint, p.Reward+p.Jackpot)
	case credit.TaskMint < p.Blend.Truth:
		return ScoringMotion{}, refuse(ErrAllowance, "a task may mint %d credits, an inspection pays %d", credit.TaskMint, p.Blend.Truth)
	}
	tally, err := CastVote(subject, "scoring policy", l, tx)
	if err != nil {
		return ScoringMotion{}, err
	}
	d := ScoringMotion{Status: voted(tally).Status, Tally: &tally}
	if tally.Carried {
		p.Votes, p.At, p.TxID = tally.For, tx.Time, tx.ID
		d.Policy = &p
	}
	return d, nil
}

// DecideScorer decides on joining the scorers, or leaving them. all are those that are registered, by account. Who left may
// join again after a while, and where places are scarce gives its own up to another, as does whose stake is used up.
func DecideScorer(join bool, all []Scorer, l ScoringLedger, tx Tx) (Scorer, Status, error) {
	account, err := callersAccount(l, tx)
	if err != nil {
		return Scorer{}, 0, err
	}
	i := slices.IndexFunc(all, func(s Scorer) bool { return s.Account == account.ID })
	switch {
	case i >= 0 && all[i].Active == join:
		return all[i], StatusDuplicate, nil
	case i < 0 && !join:
		return Scorer{}, 0, refuse(ErrScorer, "account %s is not registered", account.ID)
	}
	s := Scorer{Account: account.ID, MSPID: account.MSPID, Active: join, Since: tx.Time, TxID: tx.ID}
	if !join {
		return s, StatusRecorded, nil
	}
	policy, err := scoringPolicy(l)
	if err != nil {
		return Scorer{}, 0, err
	}
	bonded, err := bondedOf(account.ID, l)
	if err != nil {
		return Scorer{}, 0, err
	}
	if bonded < policy.MinStake {
		return Scorer{}, 0, refuse(ErrStake, "account %s has %d credits bonded, a scorer at least %d", account.ID, bonded, policy.MinStake)
	}
	if i >= 0 {
		return s, StatusRecorded, rested("joins the scorers again", all[i].Since, l, tx)
	}
	s.Instead, err = placeFor(account.MSPID, all, policy, l, tx)
	return s, StatusRecorded, err
}

// placeFor finds the scorer whose place a newcomer takes, nil where one is free. Only a row that could move again is given up, so
// that no two accounts take turns.
func placeFor(mspID string, all []Scorer, p ScoringPolicy, l ScoringLedger, tx Tx) (*Former, error) {
	own := 0
	for _, s := range all {
		if s.MSPID == mspID {
			own++
		}
	}
	crowded := own >= MaxOrganisationScorers
	if !crowded && len(all) < MaxScorers {
		return nil, nil //nolint:nilnil // a place is free
	}
	for _, s := range all {
		if crowded && s.MSPID != mspID || tx.Time < s.Since+p.MoveDelay() {
			continue
		}
		bonded, err := bondedOf(s.Account, l)
		if err != nil {
			return nil, err
		}
		if !s.Active || bonded < p.MinStake {
			return &Former{Account: s.Account, MSPID: s.MSPID}, nil
		}
	}
	return nil, refuse(ErrTooLarge, "%d scorers are registered, %d of %s; at most %d are allowed, %d of an organisation", len(all), own, mspID, MaxScorers, MaxOrganisationScorers)
}

func scoringPolicy(l ScoringLedger) (ScoringPolicy, error) {
	p, err := l.ScoringPolicy()
	if err == nil && p == nil {
		err = refuse(ErrNoScoringPolicy, "the keepers of the network's rules set one")
	}
	if err != nil {
		return ScoringPolicy{}, err
	}
	return *p, nil
}

func bondedOf(account Digest, l CreditLedger) (Credits, error) {
	stake, err := l.Stake(account)
	if err != nil || stake == nil {
		return 0, err
	}
	return stake.Bonded, nil
}
