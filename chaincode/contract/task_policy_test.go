package contract_test

import "github.com/waybill-dev/waybill/chaincode/ledger"

// scoringPolicy is a policy of scoring within what the tests' credit policy allows.
func scoringPolicy() ledger.ScoringPolicy {
	return ledger.ScoringPolicy{
		Version: 1, MinStake: 20, CommitFor: 60_000, RevealFor: ledger.MinPhase, ChallengeFor: ledger.MinPhase,
		Reward: 40, Jackpot: 60, Canary: 50_000, Wrong: 200_000, Silent: 50_000, Bond: 10, Finder: 500_000,
		Blend: ledger.BlendPolicy{Cap: 400_000, Truth: 40},
	}
}
