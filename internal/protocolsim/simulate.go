package protocolsim

import "github.com/waybill-dev/waybill/chaincode/ledger"

// DefaultPolicy is the policy whose economics the simulator and the documents measure.
func DefaultPolicy() ledger.ScoringPolicy {
	return ledger.ScoringPolicy{
		Version: 1, MinStake: 1_000, CommitFor: 30_000, RevealFor: ledger.MinPhase, ChallengeFor: ledger.MinPhase,
		Reward: 48, Jackpot: 400, Canary: 20_000, Wrong: 200_000, Silent: 20_000, Bond: 500, Finder: 500_000,
		Blend: ledger.BlendPolicy{Cap: 334_000, Truth: 48}, AtOnce: true,
	}
}
