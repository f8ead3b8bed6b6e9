package founding

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/gateway/submit"
)

// ErrFounding says that a step did not succeed; StepError says whose.
var ErrFounding = errors.New("WB_FOUNDING")

// StepError is a step that an organisation could not take.
type StepError struct {
	Organisation, Step string
	Err                error
}

// Error names the organisation and the step.
func (e *StepError) Error() string {
	return fmt.Sprintf("%s: %s: %s: %s", ErrFounding.Error(), e.Organisation, e.Step, e.Err.Error())
}

// Unwrap gives ErrFounding and the reason.
func (e *StepError) Unwrap() []error { return []error{ErrFounding, e.Err} }

// Options say what is to be founded.
type Options struct {
	// Profiles are of the organisations that take part: keepers among them vote, and each of them scores.
	Profiles []*profile.Profile
	// Identity signs for each organisation; empty: the service's, with which its server writes.
	Identity string
	// Keepers are the MSP IDs that new rules name, where the network has none; nil: the organisations with peers. A
	// keeper without one could vote, and would be waited for wherever peers of keepers must endorse.
	Keepers []string
	// Policy is to be in force; its version is the next, or that of an equal one in force.
	Policy ledger.ScoringPolicy
	// Stake is minted for, and bonded by, each scorer whose stake is less than Least.
	Stake ledger.Credits
	// Least is what a stake is left at; 0: what the policy asks for, less than which is none.
	Least ledger.Credits
	// Say hears of each step, a line each, one at a time. It may be nil.
	Say func(line string)
}

// Result is what is in force.
type Result struct {
	Keepers []string // MSP IDs
	Credit  ledger.CreditPolicy
	Policy  ledger.ScoringPolicy
	// Accounts are the scorers', by organisation.
	Accounts map[string]ledger.Digest
	// Written is how many operations this run had to ask for; 0: all was so already.
	Written int
}

// retryFor is how long an operation is tried while the network does not take it.
const retryFor = 30 * time.Second

// Found brings the network under rules. It fails with ErrFounding.
func Found(ctx context.Context, o Options) (Result, error) {
	identity := o.Identity
	if identity == "" {
		identity = profile.IdentityService
	}
	var seats []*seat
	defer func() {
		for _, s := range seats {
			_ = s.client.Close() // nothing is under way any more
		}
	}()
	for _, p := range o.Profiles {
		client, err := fabric.Dial(p, identity, fabric.Options{})
		if err != nil {
			return Result{}, &StepError{p.Organisation, "connect", err}
		}
		seats = append(seats, &seat{organisation: p.Organisation, mspID: p.MSPID, peers: len(p.Peers[p.MSPID]) > 0, client: client})
	}
	return found(ctx, o, seats)
}

// founding is a run.
type founding struct {
	Options

	seats   []*seat
	keepers []*seat // those of the rules' keepers that are here
	result  Result
}

func found(ctx context.Context, o Options, seats []*seat) (_ Result, err error) {
	o.Say = spoken(o.Say)
	if err = o.check(); err != nil {
		return Result{}, err
	}
	var running errgroup.Group
	for _, s := range seats {
		s.submit = submit.New(s.client, submit.Config{RetryFor: retryFor})
		running.Go(func() error { return s.submit.Run(ctx) })
	}
	defer func() {
		for _, s := range seats {
			s.submit.Close()
		}
		err = errors.Join(err, running.Wait())
	}()
	f := &founding{Options: o, seats: seats, result: Result{Accounts: map[string]ledger.Digest{}}}
	if err = f.run(ctx); err != nil {
		return Result{}, err
	}
	for _, s := range seats {
		f.result.Accounts[s.organisation] = s.account
		f.result.Written += int(s.written.Load())
	}
	return f.result, nil
}

// spoken says one line at a time, of steps that are taken at once.
func spoken(say func(string)) func(string) {
	var mu sync.Mutex
	return func(line string) {
		mu.Lock()
		defer mu.Unlock()
		if say != nil {
			say(line)
		}
	}
}

func (o Options) check() error {
	p := o.Policy
	p.Version = 1
	err := ledger.CheckScoringPolicy(p)
	switch {
	case err == nil && (o.Stake < p.MinStake || o.Stake > ledger.MaxCredits):
		err = fmt.Errorf("a stake of %d credits, the policy asks for %d", o.Stake, p.MinStake)
	case err == nil && len(o.Profiles) == 0:
		err = errors.New("no organisation")
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFounding, err)
	}
	return nil
}

// run takes the steps, those at once that do not wait for each other.
func (f *founding) run(ctx context.Context) error {
	for _, step := range [][]func(context.Context) error{
		{f.rules, f.accounts},
		{f.policies, f.issue},
		{f.stake},
		{f.register},
	} {
		group, groupCtx := errgroup.WithContext(ctx)
		for _, do := range step {
			group.Go(func() error { return do(groupCtx) })
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	return nil
}

// each has every organisation take a step, all at once.
func (f *founding) each(ctx context.Context, step string, do func(context.Context, *seat) error) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range f.seats {
		group.Go(func() error { return s.step(step, do(ctx, s)) })
	}
	return group.Wait()
}

// seen waits until the peers that all organisations ask have a transaction, so that none decides on what was before.
func (f *founding) seen(ctx context.Context, txID string) error {
	if txID == "" {
		return nil
	}
	return f.each(ctx, "wait for transaction "+txID, func(ctx context.Context, s *seat) error { return s.seen(ctx, txID) })
}

// vote has keepers ask for the same, one after another, until all of it is carried.
func (f *founding) vote(ctx context.Context, what string, ask func(context.Context, *seat) ([]submit.Outcome, error)) error {
	waits := ""
	for _, k := range f.keepers {
		outcomes, err := ask(ctx, k)
		if err = k.took(outcomes, err); err != nil {
			return k.step("ask for "+what, err)
		}
		waits = ""
		for _, o := range outcomes {
			if err := f.seen(ctx, o.TxID); err != nil {
				return err
			}
			if o.Message != "" {
				waits = o.Message
			}
		}
		if waits == "" {
			return nil
		}
	}
	return fmt.Errorf("%w: %s %s", ErrFounding, what, waits)
}

// rules sees to it that the network has rules with keepers, a majority of which is here.
func (f *founding) rules(ctx context.Context) error {
	first := f.seats[0]
	book, err := first.rules(ctx)
	if err == nil && book == nil {
		names := slices.Clone(f.Keepers)
		if names == nil {
			for _, s := range f.seats {
				if s.peers {
					names = append(names, s.mspID)
				}
			}
		}
		slices.Sort(names)
		for _, s := range f.seats {
			if slices.Contains(names, s.mspID) {
				first = s
				break
			}
		}
		book = &ledger.MasterDatum{Version: 1, Rules: &ledger.Rules{Keepers: names}}
		var outcomes []submit.Outcome
		outcomes, err = first.submit.MasterData(ctx, []ledger.MasterDatum{*book})
		if err = first.took(outcomes, err); err == nil {
			book.TxID, book.SetBy = outcomes[0].TxID, first.mspID
		}
	}
	if err != nil {
		return first.step("register the network's rules", err)
	}
	f.result.Keepers = book.Rules.Keepers
	for _, s := range f.seats {
		if slices.Contains(f.result.Keepers, s.mspID) {
			f.keepers = append(f.keepers, s)
		}
	}
	if 2*len(f.keepers) <= len(f.result.Keepers) {
		return fmt.Errorf("%w: %s keep the network's rules; a majority of them must be among the organisations here", ErrFounding, strings.Join(f.result.Keepers, ", "))
	}
	f.Say(TellRules(*book))
	return f.seen(ctx, book.TxID)
}
