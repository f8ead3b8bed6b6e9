package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/waybill-dev/waybill/analytics/panel"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/internal/protocolsim"
	"github.com/waybill-dev/waybill/internal/statedfile"
)

// policyFields are the fields of a scoring policy that a person states, in the order in which they are explained.
func policyFields() [][2]string {
	return [][2]string{
		{"version", "the next one, unless it is given"},
		{"min_stake", "credits that a scorer has bonded at least"},
		{"min_panel", "organisations that have a scorer on a panel at least; with fewer no task opens"},
		{"skew", "how far an operation's time may be from the peers' clocks: 1s, where they agree, to 300s"},
		{"commit_for", "how long a task waits for the commitments of all its panel"},
		{"reveal_for", "how long it takes reveals: at least four times the skew"},
		{"challenge_for", "how long an answer may be challenged: likewise"},
		{"reward", "credits that a task pays, shared by the stake of the panel"},
		{"jackpot", "what it pays more if the draw had it re-executed"},
		{"canary_millionths", "the share of tasks that the draw has re-executed"},
		{"wrong_millionths", "what a wrong answer costs of the stake; draw × wrong × stake above what lying saves and earns"},
		{"silent_millionths", "what a commitment costs that is not revealed"},
		{"bond", "what a challenge costs that proves nothing"},
		{"finder_millionths", "what who proves a fault gets of what it cost, at most half"},
		{"blend_own_models", "each scorer answers by a model of its own, and the median is final; else all by one model"},
		{"blend_cap_millionths", "the most that the scorers of one organisation weigh together among such answers"},
		{"blend_truth", "what an inspection of such answers pays"},
		{"at_once", "final is at once what the whole panel committed to and agrees on, or was ruled upon"},
	}
}

func lasting(m ledger.Millis) *durationpb.Duration {
	return durationpb.New(time.Duration(m) * time.Millisecond)
}

func millis(d *durationpb.Duration) ledger.Millis {
	return ledger.Millis(d.AsDuration().Milliseconds())
}

// policyFacts gives a policy as a file states it: by field, in JSON's types.
func policyFacts(p ledger.ScoringPolicy) (map[string]any, error) {
	raw, err := protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}.Marshal(&waybillv1.ScoringPolicy{
		Version: p.Version, MinStake: uint64(p.MinStake), Skew: lasting(p.ClockSkew()), CommitFor: lasting(p.CommitFor), RevealFor: lasting(p.RevealFor), ChallengeFor: lasting(p.ChallengeFor),
		Reward: uint64(p.Reward), Jackpot: uint64(p.Jackpot), CanaryMillionths: p.Canary, WrongMillionths: p.Wrong, SilentMillionths: p.Silent,
		Bond: uint64(p.Bond), FinderMillionths: p.Finder, BlendCapMillionths: p.Blend.Cap, BlendTruth: uint64(p.Blend.Truth), BlendOwnModels: p.Blend.Own, AtOnce: p.AtOnce,
		MinPanel: uint32(p.LeastPanel()), //nolint:gosec // at most ledger.MaxScorers
	})
	if err != nil {
		return nil, err
	}
	var all map[string]any
	if err = json.Unmarshal(raw, &all); err != nil {
		return nil, err
	}
	facts := map[string]any{}
	for _, f := range policyFields() {
		facts[f[0]] = all[f[0]]
	}
	return facts, nil
}

// defaultPolicy is what a file need not state: the policy whose economics docs/scoring.md measures.
func defaultPolicy() ledger.ScoringPolicy {
	p := protocolsim.DefaultPolicy()
	p.Version = 0
	return p
}

// anchoringNeeds says how often servers have to anchor under a policy, where that is more often than they do by default; else
// nothing.
func anchoringNeeds(p ledger.ScoringPolicy) string {
	most := panel.AnchorAtMost(p)
	switch {
	case most >= defaultAnchorEvery:
		return ""
	case most <= 0:
		return fmt.Sprintf("WB_PANEL_ANCHOR_RARELY: with challenge_for %s and a skew of %s false claims are refuted too late however often roots are anchored, and void right tasks",
			lasting(p.ChallengeFor).AsDuration(), lasting(p.ClockSkew()).AsDuration())
	default:
		return fmt.Sprintf("WB_PANEL_ANCHOR_RARELY: every keeper's server has to run with --anchor-every %s or less, or false claims are refuted too late and void right tasks", most)
	}
}

// writePolicy writes a policy as a file that states it, each field with what it is for.
func writePolicy(w io.Writer, p ledger.ScoringPolicy) error {
	facts, err := policyFacts(p)
	if err != nil {
		return err
	}
	for _, f := range policyFields() {
		line := fmt.Sprintf("%s: %v", f[0], facts[f[0]])
		if f[0] == "version" && p.Version == 0 {
			line = "# version: 1"
		}
		if _, err = fmt.Fprintf(w, "%-30s # %s\n", line, f[1]); err != nil {
			return err
		}
	}
	return nil
}

// readPolicy reads the policy that a YAML or JSON file states; what it leaves out is as in the default.
func readPolicy(file string, stdin io.Reader) (ledger.ScoringPolicy, error) {
	text, err := statedText(file, stdin)
	if err != nil {
		return ledger.ScoringPolicy{}, err
	}
	var m waybillv1.ScoringPolicy
	said, err := statedfile.Fields(text, &m, fieldNames()...)
	switch {
	case errors.Is(err, statedfile.ErrEmpty):
		return ledger.ScoringPolicy{}, usage("%s: %w; --print writes a file that states a policy", file, err)
	case err != nil:
		return ledger.ScoringPolicy{}, usage("%s: %w", file, err)
	}
	all, err := policyFacts(defaultPolicy())
	if err != nil {
		return ledger.ScoringPolicy{}, err
	}
	maps.Copy(all, said)
	if err = statedfile.FromFields(all, &m); err != nil {
		return ledger.ScoringPolicy{}, usage("%s: %w", file, err)
	}
	p := ledger.ScoringPolicy{
		Version: m.GetVersion(), MinStake: ledger.Credits(m.GetMinStake()), Skew: millis(m.GetSkew()), CommitFor: millis(m.GetCommitFor()), RevealFor: millis(m.GetRevealFor()),
		ChallengeFor: millis(m.GetChallengeFor()), Reward: ledger.Credits(m.GetReward()), Jackpot: ledger.Credits(m.GetJackpot()), Canary: m.GetCanaryMillionths(), Wrong: m.GetWrongMillionths(),
		Silent: m.GetSilentMillionths(), Bond: ledger.Credits(m.GetBond()), Finder: m.GetFinderMillionths(),
		Blend: ledger.BlendPolicy{Cap: m.GetBlendCapMillionths(), Truth: ledger.Credits(m.GetBlendTruth()), Own: m.GetBlendOwnModels()}, AtOnce: m.GetAtOnce(), MinPanel: m.GetMinPanel(),
	}
	if p.Skew == defaultPolicy().ClockSkew() {
		p.Skew = 0 // two ways to say the same would be two motions
	}
	if p.MinPanel == uint32(defaultPolicy().LeastPanel()) { //nolint:gosec // at most ledger.MaxScorers
		p.MinPanel = 0
	}
	checked := p
	checked.Version = max(checked.Version, 1)
	if err = ledger.CheckScoringPolicy(checked); err != nil {
		return ledger.ScoringPolicy{}, usage("%s: %s", file, err)
	}
	return p, nil
}

func fieldNames() []string {
	var names []string
	for _, f := range policyFields() {
		names = append(names, f[0])
	}
	return names
}
