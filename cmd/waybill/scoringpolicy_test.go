package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

func TestThePolicyThatIsPrintedIsReadAsTheDefault(t *testing.T) {
	var file bytes.Buffer
	if err := writePolicy(&file, defaultPolicy()); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"as printed": file.String(), "nothing stated": "{}", "JSON": `{"bond": "500", "at_once": true}`} {
		p, err := readPolicy("-", strings.NewReader(text))
		if err != nil || !equalPolicies(p, defaultPolicy()) {
			t.Errorf("%s: %+v, %v\n%s", name, p, err, text)
		}
	}
	for _, f := range policyFields() {
		if !strings.Contains(file.String(), f[0]+":") {
			t.Errorf("%s is not in\n%s", f[0], file.String())
		}
	}
}

func equalPolicies(a, b ledger.ScoringPolicy) bool {
	return a.Version == b.Version && a.MinStake == b.MinStake && a.CommitFor == b.CommitFor && a.RevealFor == b.RevealFor && a.ChallengeFor == b.ChallengeFor &&
		a.Reward == b.Reward && a.Jackpot == b.Jackpot && a.Canary == b.Canary && a.Wrong == b.Wrong && a.Silent == b.Silent && a.Bond == b.Bond &&
		a.Finder == b.Finder && a.Blend == b.Blend && a.AtOnce == b.AtOnce && a.Skew == b.Skew
}

func TestAPolicyFileStatesWhatDiffersFromTheDefault(t *testing.T) {
	p, err := readPolicy("-", strings.NewReader("version: 3\nskew: 2s\nreveal_for: 8s\nchallenge_for: 8.5s\nat_once: false\nreward: 0\n"))
	if err != nil {
		t.Fatal(err)
	}
	own, err := readPolicy("-", strings.NewReader("blend_own_models: true\nblend_truth: 448\n"))
	if blended := defaultPolicy().Blend; err != nil || !own.Blend.Own || own.Blend.Truth != 448 || own.Blend.Cap != blended.Cap || blended.Own {
		t.Errorf("%+v, %v", own.Blend, err)
	}
	want := defaultPolicy()
	want.Version, want.Skew, want.RevealFor, want.ChallengeFor, want.AtOnce, want.Reward = 3, 2_000, 8_000, 8_500, false, 0
	if !equalPolicies(p, want) {
		t.Errorf("%+v", p)
	}
	// Five minutes are what no skew says: both are one motion.
	for _, skew := range []string{"300s", (300 * time.Second).String()} {
		if p, err = readPolicy("-", strings.NewReader("skew: "+skew)); err != nil || p.Skew != 0 {
			t.Errorf("%s: %+v, %v", skew, p, err)
		}
	}
}

func TestAPolicyFileThatCannotBeIsRefusedBeforeAnythingIsAsked(t *testing.T) {
	for name, text := range map[string]string{
		"a field of another name":       "min_steak: 1000",
		"no fields":                     "- 1",
		"a phase that clocks may jump":  "skew: 2s\nreveal_for: 7s\nchallenge_for: 8s",
		"what is no number":             "bond: many",
		"a field that the ledger sets":  "votes: [AMSP]",
		"what is not YAML":              "bond: [",
		"more than a million millionth": "wrong_millionths: 1000001",
		"own models for nothing":        "blend_own_models: true\nblend_truth: 0",
		"nothing at all":                "",
	} {
		p, err := readPolicy("-", strings.NewReader(text))
		if err == nil {
			t.Errorf("%s: %+v", name, p)
			continue
		}
		for _, raw := range []string{"yaml", "proto", "json", "unmarshal", "EOF"} {
			if strings.Contains(err.Error(), raw) {
				t.Errorf("%s: a parser's own words: %v", name, err)
			}
		}
	}
}

func TestAVoteForAPolicyInAHurrySaysHowOftenToAnchor(t *testing.T) {
	for text, want := range map[string]string{
		"{}": "",
		"skew: 2s\nreveal_for: 16s\nchallenge_for: 16s": "",
		"skew: 2s\nreveal_for: 8s\nchallenge_for: 8s":   "--anchor-every 1s or less",
		"skew: 1s\nreveal_for: 4s\nchallenge_for: 4s":   "however often",
	} {
		p, err := readPolicy("-", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := anchoringNeeds(p); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q: %q", text, got)
		}
	}
}
