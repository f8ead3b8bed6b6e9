package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/internal/founding"
	"github.com/waybill-dev/waybill/internal/protocolsim"
)

// TestEndToEndAnOrganisationJoinsTheScorersByHand takes the way of a consortium: rules, policies that two of three vote
// for, credits that they mint, a stake and a registration, each by the command.
func TestEndToEndAnOrganisationJoinsTheScorersByHand(t *testing.T) {
	ctx, l := endToEndOn(t, convened, 3*time.Minute)
	const joins = "carrier"
	keepers := []string{"producer", joins}
	for _, org := range keepers {
		l.serve(ctx, t, org, "--role", "api", "--role", "readmodel")
	}
	l.must(ctx, t, "masterdata", "register", "--org", "producer", writeFile(t, "rules.yaml", []byte("rules: {keepers: [CarrierMSP, ProducerMSP, RetailerMSP]}\n")))

	// A file states what differs from the default.
	policy := protocolsim.DefaultPolicy()
	policy.Skew, policy.CommitFor, policy.RevealFor, policy.ChallengeFor = 2_000, 10_000, 60_000, 8_000
	if credit, suffices := founding.CreditPolicyFor(policy, l.creditPolicy(ctx, t)); !suffices {
		file := writeFile(t, "credits.yaml", fmt.Appendf(nil, "version: %d\ntask_mint: %d\nmin_stake: %d\nunbond_delay: %ds\n",
			credit.Version, credit.TaskMint, credit.MinStake, credit.UnbondDelay/1_000))
		for _, org := range keepers {
			l.level(ctx, t)
			l.must(ctx, t, "credits", "policy", "--org", org, file)
		}
	}
	file := writeFile(t, "scoring.yaml", []byte("skew: 2s\ncommit_for: 10s\nreveal_for: 60s\nchallenge_for: 8s\n"))
	for _, org := range keepers {
		l.level(ctx, t)
		l.must(ctx, t, "scoring", "vote", "--org", org, file)
	}
	l.level(ctx, t)
	if again := l.must(ctx, t, "scoring", "vote", "--org", "producer", file); !strings.Contains(again, "duplicate") {
		t.Errorf("the policy in force is asked for again: %s", again)
	}
	if r := l.run(ctx, t, "scoring", "vote", "--org", assessor, writeFile(t, "other.yaml", []byte("version: 99\n"))); r.code == 0 {
		t.Errorf("who keeps no rules voted: %s", r.stdout)
	}

	// More than any test before this one gave it, and taken out again afterwards: who weighs more than half holds up the others.
	const stake, usual = 123_456, 10_000
	agreed := func(keepers string) string {
		return writeFile(t, "agreed.yaml", []byte("rules: {keepers: ["+keepers+"]}\n"))
	}
	join := []string{"scoring", "join", "--org", joins, "--stake", fmt.Sprint(stake), "--json"}
	if r := l.run(ctx, t, append(join, "--rules", agreed("CarrierMSP, ProducerMSP"))...); r.code == 0 || r.stableCode(t) != "WB_OTHER_KEEPERS" {
		t.Errorf("the ledger has other keepers than were agreed on: exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	join = append(join, "--rules", agreed("RetailerMSP, CarrierMSP, ProducerMSP"))
	r := l.run(ctx, t, join...)
	lacks := regexp.MustCompile(`mint --serial NAME ([0-9a-f]{64}=[0-9]+)`).FindStringSubmatch(r.stderr)
	if r.code == 0 || r.stableCode(t) != ledger.CodeStake || lacks == nil {
		t.Fatalf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	serial := fmt.Sprintf("stake-%d", time.Now().UnixNano())
	for _, org := range keepers {
		l.level(ctx, t)
		l.must(ctx, t, "credits", "mint", "--org", org, "--serial", serial, lacks[1])
	}
	until(ctx, t, "its server has read of the credits", func() error {
		if r = l.run(ctx, t, join...); r.code != 0 {
			return fmt.Errorf("%s", r.stderr)
		}
		return nil
	})
	t.Cleanup(func() { // the other tests find no scorer, as this one did; its servers end after this
		leaving, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		l.must(leaving, t, "scoring", "leave", "--org", joins)
		until(leaving, t, "its stake may be moved again", func() error {
			if r := l.run(leaving, t, "credits", "unbond", fmt.Sprint(stake-usual), "--org", joins); r.code != 0 {
				return fmt.Errorf("%s", r.stderr)
			}
			return nil
		})
		l.level(leaving, t)
	})
	account, _, _ := strings.Cut(lacks[1], "=")
	scorer := func(active bool) func() error {
		return func() error {
			var shown struct {
				Account string `json:"account"`
				Active  bool   `json:"active"`
				Stake   struct {
					Bonded json.Number `json:"bonded"`
				} `json:"stake"`
			}
			for line := range strings.Lines(l.must(ctx, t, "scoring", "scorers", "--org", "producer", "--json")) {
				if err := json.Unmarshal([]byte(line), &shown); err != nil {
					t.Fatal(err)
				}
				if shown.Account == account {
					break
				}
				shown.Account = ""
			}
			if shown.Account == "" || shown.Active != active || shown.Stake.Bonded.String() != fmt.Sprint(stake) {
				return fmt.Errorf("%+v", shown)
			}
			return nil
		}
	}
	until(ctx, t, "it is a scorer", scorer(true))
	l.must(ctx, t, join...) // does nothing
	l.must(ctx, t, "scoring", "leave", "--org", joins)
	until(ctx, t, "it scores no longer", scorer(false))
}

// creditPolicy gives the one in force, nil if none is.
func (l *lab) creditPolicy(ctx context.Context, t *testing.T) *ledger.CreditPolicy {
	t.Helper()
	client, err := fabric.Dial(l.profile(t, "producer"), profile.IdentityDashboard, fabric.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	raw, err := client.Evaluate(ctx, wire.FnGetCreditPolicy, []byte(""))
	if err != nil && strings.Contains(err.Error(), ledger.CodeNotFound) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	p, err := wire.Decode[ledger.CreditPolicy](raw, wire.MaxStoredBytes)
	if err != nil {
		t.Fatal(err)
	}
	return &p
}
