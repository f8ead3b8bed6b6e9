package founding

import (
	"context"
	"fmt"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/submit"
)

// policies sees to it that the scoring policy is in force, and a credit policy that allows it.
func (f *founding) policies(ctx context.Context) error {
	if err := f.creditPolicy(ctx); err != nil {
		return err
	}
	return f.scoringPolicy(ctx)
}

// CreditPolicyFor is the credit policy that a scoring policy needs: the one in force if that suffices, else its next version,
// raised as far as needed. inForce may be nil.
func CreditPolicyFor(p ledger.ScoringPolicy, inForce *ledger.CreditPolicy) (_ ledger.CreditPolicy, suffices bool) {
	mint := max(p.Reward+p.Jackpot, p.Blend.Truth)
	if inForce == nil {
		return ledger.CreditPolicy{Version: 1, TaskMint: mint, MinStake: p.MinStake, UnbondDelay: p.UnbondDelay()}, false
	}
	if inForce.TaskMint >= mint && inForce.MinStake <= p.MinStake && inForce.UnbondDelay >= p.UnbondDelay() {
		return *inForce, true
	}
	next := inForce.Stated()
	next.Version++
	next.TaskMint, next.MinStake, next.UnbondDelay = max(next.TaskMint, mint), min(next.MinStake, p.MinStake), max(next.UnbondDelay, p.UnbondDelay())
	return next, false
}

func (f *founding) creditPolicy(ctx context.Context) error {
	first := f.keepers[0]
	inForce, err := first.creditPolicy(ctx)
	if err != nil {
		return first.step("read the credit policy", err)
	}
	policy, suffices := CreditPolicyFor(f.Policy, inForce)
	f.result.Credit = policy
	if !suffices {
		motion := []ledger.CreditMotion{{Policy: &policy}}
		if err := f.vote(ctx, "the credit policy", func(ctx context.Context, k *seat) ([]submit.Outcome, error) {
			return k.submit.CreditMotions(ctx, motion)
		}); err != nil {
			return err
		}
	}
	f.Say(fmt.Sprintf("credit policy, version %d: a task mints at most %d, a stake is at risk for %s after it is unbonded", policy.Version, policy.TaskMint, span(policy.UnbondDelay)))
	return nil
}

func (f *founding) scoringPolicy(ctx context.Context) error {
	first := f.keepers[0]
	inForce, err := first.scoringPolicy(ctx)
	if err != nil {
		return first.step("read the scoring policy", err)
	}
	policy, same, err := Next(f.Policy, inForce)
	if err != nil {
		return err
	}
	f.result.Policy = policy
	if same {
		f.result.Policy = *inForce
		f.saidPolicy(policy)
		return nil
	}
	all := []ledger.ScoringPolicy{policy}
	if err := f.vote(ctx, "the scoring policy", func(ctx context.Context, k *seat) ([]submit.Outcome, error) {
		return k.submit.ScoringPolicies(ctx, all)
	}); err != nil {
		return err
	}
	f.saidPolicy(policy)
	return nil
}

// Next gives the policy the version that it is asked for under: the next after the one in force, or that of the same one.
// inForce may be nil.
func Next(p ledger.ScoringPolicy, inForce *ledger.ScoringPolicy) (_ ledger.ScoringPolicy, same bool, err error) {
	p = p.Stated()
	p.Version = 1
	if inForce == nil {
		return p, false, nil
	}
	p.Version = inForce.Version
	if same, err = sameScoring(p, inForce.Stated()); err == nil && !same {
		p.Version++
	}
	return p, same, err
}

func (f *founding) saidPolicy(p ledger.ScoringPolicy) {
	f.Say(fmt.Sprintf("scoring policy, version %d: stakes from %d, clocks within %s, a lie costs %d %% of the stake, silence %d %%",
		p.Version, p.MinStake, span(p.ClockSkew()), p.Wrong/10_000, p.Silent/10_000))
}

// sameScoring compares two policies as they are stated.
func sameScoring(a, b ledger.ScoringPolicy) (bool, error) {
	a.Skew, b.Skew = a.ClockSkew(), b.ClockSkew()
	one, err := wire.ScoringPolicyDigest(a)
	if err != nil {
		return false, err
	}
	other, err := wire.ScoringPolicyDigest(b)
	return one == other, err
}
