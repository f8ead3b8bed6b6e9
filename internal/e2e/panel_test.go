package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/gateway/submit"
	"github.com/waybill-dev/waybill/internal/founding"
	"github.com/waybill-dev/waybill/internal/protocolsim"
)

// TestEndToEndFourScorersMakeEveryVerdictFinalThoughOneIsKilled has four organisations score simulated shipments, one of
// them killed again and again under load, and compares each final verdict with that of a docket that nobody disturbed.
func TestEndToEndFourScorersMakeEveryVerdictFinalThoughOneIsKilled(t *testing.T) {
	ctx, l := endToEndOn(t, convened, 6*time.Minute)
	const org, victim = "producer", "carrier"
	l.level(ctx, t)
	l.serve(ctx, t, org)
	l.convene(ctx, t, org, victim, "retailer", assessor)
	killed := l.serve(ctx, t, victim, "--role", "scorer")
	l.serve(ctx, t, "retailer", "--role", "scorer")
	l.serve(ctx, t, assessor, "--role", "scorer")

	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	day, err := simulate.New(simulate.Config{Seed: seed, Now: time.Now().Add(-time.Hour), Shipments: 8, SegmentReadings: 60})
	if err != nil {
		t.Fatal(err)
	}
	l.setUp(ctx, t, org, day)
	s := &sent{events: map[ledger.Digest]bool{}, segments: map[segmentID]ledger.Digest{}}
	lives := map[string][]simulate.Action{}
	for _, a := range day.Actions {
		if a.Kind == simulate.KindEvent || a.Kind == simulate.KindSegment {
			lives[a.Shipment] = append(lives[a.Shipment], a)
		}
	}
	company, gateway := l.dial(t, org, profile.IdentityCompany), l.dial(t, org, profile.IdentityGateway)
	load, loadCtx := errgroup.WithContext(ctx)
	for _, actions := range lives {
		load.Go(func() error {
			for _, a := range actions {
				var err error
				if a.Event != nil {
					err = s.event(loadCtx, company, a.Event.Context, a.Event.Body)
				} else {
					err = s.segment(loadCtx, gateway, a.Segment)
				}
				if err != nil {
					return fmt.Errorf("shipment %s: %w", a.Shipment, err)
				}
			}
			return nil
		})
	}
	for range 6 {
		select {
		case <-time.After(300*time.Millisecond + rand.N(2*time.Second)): // a random moment, after it was ready
		case <-loadCtx.Done():
		}
		killed.kill()
		killed = l.serveBehind(ctx, t, victim, "--role", "scorer")
	}
	if err := load.Wait(); err != nil {
		t.Fatal(err)
	}
	until(ctx, t, "every verdict that is due is final", func() error {
		p := l.protocol(ctx, t)
		return p.allFinal(t)
	})
	p := l.protocol(ctx, t)
	t.Logf("%d final verdicts: %v; %d opened; beside them %d verdicts that are no task", len(p.finals), p.by, p.opened, p.noTask)
	for _, why := range p.faults {
		t.Error(why)
	}
}

// TestEndToEndTasksSayWhomTheyWaitForWhileHalfOfTheScorersDoNotRun has two of four organisations start no scorer: no verdict is
// final, the command says who is missing, and with a third all become final.
func TestEndToEndTasksSayWhomTheyWaitForWhileHalfOfTheScorersDoNotRun(t *testing.T) {
	ctx, l := endToEndOn(t, convened, 4*time.Minute)
	const org, late = "producer", "carrier"
	policy := protocolsim.DefaultPolicy()
	policy.Skew, policy.CommitFor, policy.RevealFor, policy.ChallengeFor = 2_000, 4_000, 60_000, 8_000
	l.serve(ctx, t, org)
	l.conveneUnder(ctx, t, policy, org, late, "retailer", assessor)
	l.serve(ctx, t, assessor, "--role", "scorer")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	day, err := simulate.New(simulate.Config{Seed: seed, Now: time.Now().Add(-time.Hour), Shipments: 1, SegmentReadings: 240})
	if err != nil {
		t.Fatal(err)
	}
	l.setUp(ctx, t, org, day)
	l.live(ctx, t, org, day, day.Truth[0].Shipment)
	tasks := []string{"scoring", "tasks", "--shipment", day.Truth[0].Shipment, "--org", org}
	until(ctx, t, "a task is overdue", func() error {
		if said := l.must(ctx, t, tasks...); !strings.Contains(said, "open, overdue") {
			return errors.New(said)
		}
		return nil
	})
	p := l.protocol(ctx, t)
	if p.opened == 0 || p.allFinal(t) == nil {
		t.Fatalf("%d tasks, final although half of the stake has not committed", p.opened)
	}
	overdue := regexp.MustCompile(`(?m)^([0-9a-f]{64}) +open, overdue`).FindStringSubmatch(l.must(ctx, t, tasks...))
	if overdue == nil {
		t.Fatal("the list names no task that is overdue")
	}
	if said := l.must(ctx, t, "scoring", "task", overdue[1], "--org", org); !strings.Contains(said, "CarrierMSP, RetailerMSP have not: do their scorers run?") {
		t.Error(said)
	}
	l.serve(ctx, t, late, "--role", "scorer")
	until(ctx, t, "every verdict that is due is final", func() error {
		p = l.protocol(ctx, t)
		return p.allFinal(t)
	})
	for _, why := range p.faults {
		t.Error(why)
	}
	if said := l.must(ctx, t, tasks...); strings.Contains(said, "overdue") {
		t.Error(said)
	}
}

// convene brings the network under rules by which organisations score together.
func (l *lab) convene(ctx context.Context, t *testing.T, organisations ...string) {
	t.Helper()
	policy := protocolsim.DefaultPolicy()
	policy.Skew, policy.CommitFor, policy.RevealFor, policy.ChallengeFor = 2_000, 10_000, 60_000, 8_000
	l.conveneUnder(ctx, t, policy, organisations...)
}

// conveneUnder is convene with a scoring policy, and gives what is in force.
func (l *lab) conveneUnder(ctx context.Context, t *testing.T, policy ledger.ScoringPolicy, organisations ...string) founding.Result {
	t.Helper()
	o := founding.Options{Policy: policy, Stake: 10_000, Least: 5_000, Say: func(line string) { t.Log(line) }}
	for _, org := range organisations {
		o.Profiles = append(o.Profiles, l.profile(t, org))
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	founded, err := founding.Found(limited, o)
	if err != nil {
		t.Fatalf("bringing the network under rules: %v", err)
	}
	// The other tests find no scorer, as this one did.
	t.Cleanup(func() {
		leaving, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		l.dissolve(leaving, t, organisations...)
	})
	return founded
}

// dissolve has organisations leave the scorers.
func (l *lab) dissolve(ctx context.Context, t *testing.T, organisations ...string) {
	t.Helper()
	for _, org := range organisations {
		client, err := fabric.Dial(l.profile(t, org), profile.IdentityService, fabric.Options{})
		if err != nil {
			t.Fatal(err)
		}
		submitter := submit.New(client, submit.Config{})
		running, stop := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- submitter.Run(running) }()
		outcomes, err := submitter.Tasks(ctx, []ledger.TaskOperation{{Register: &ledger.RegisterScorer{Leave: true}}})
		if err != nil || outcomes[0].Status == ledger.StatusRefused {
			t.Errorf("%s leaves: %+v %v", org, outcomes, err)
		}
		stop()
		<-done
		client.Close()
	}
}

// protocol is what the ledger says of tasks, and what a docket that read it undisturbed makes due.
type protocol struct {
	due    map[verdictID]scorer.Due // while tasks governed
	finals map[verdictID]ledger.FinalVerdict
	by     map[string]int
	opened int
	noTask int
	faults []string
}

func (l *lab) protocol(ctx context.Context, t *testing.T) protocol {
	t.Helper()
	model, err := score.Default()
	if err != nil {
		t.Fatal(err)
	}
	docket := scorer.NewTaskDocket(model, feature.DefaultLimits())
	p := protocol{due: map[verdictID]scorer.Due{}, finals: map[verdictID]ledger.FinalVerdict{}, by: map[string]int{}}
	policy, own, active := false, false, map[ledger.Digest]bool{}
	for _, b := range l.ledger(ctx, t).blocks {
		for _, tx := range b.Transactions {
			for _, d := range docket.Judge(b.Number, tx.Transaction) {
				if policy && !own && len(active) > 0 {
					p.due[verdictID{d.Verdict.Shipment, d.Verdict.Window, d.Verdict.Model}] = d
				}
			}
			for _, p := range tx.Scoring.Policies {
				policy, own = true, p.Blend.Own
			}
			for _, s := range tx.Scoring.Scorers {
				if delete(active, s.Account); s.Active {
					active[s.Account] = true
				}
			}
			p.follow(tx.Transaction)
		}
	}
	return p
}

// follow notes what a transaction did with tasks, and what it should not have done.
func (p *protocol) follow(tx wire.Transaction) {
	p.opened += len(tx.Scoring.Tasks)
	for _, f := range tx.Scoring.Finals {
		id := verdictID{f.Shipment, f.Window, f.Model}
		if _, twice := p.finals[id]; twice {
			p.faults = append(p.faults, fmt.Sprintf("%v became final twice", id))
		}
		p.finals[id] = f
		p.by[f.By.String()]++
	}
	for _, v := range tx.Verdicts {
		id := verdictID{v.Shipment, v.Window, v.Model}
		if d, ok := p.due[id]; ok && len(tx.Scoring.Finals) == 0 {
			if p.noTask++; d.Statement != nil {
				p.faults = append(p.faults, fmt.Sprintf("%v was written alone", id))
			}
		}
	}
	for _, r := range tx.Credits.Receipts {
		if fault, _, ok := strings.Cut(r.Cause, "/"); ok && r.Stake != nil && (fault == "silent" || fault == "wrong" || fault == "challenge") {
			p.faults = append(p.faults, fmt.Sprintf("account %s paid for %s", r.Stake.Account, r.Cause))
		}
	}
}

// allFinal holds that each task that is due has the docket's verdict as its final one.
func (p *protocol) allFinal(t *testing.T) error {
	t.Helper()
	missing, tasks := 0, 0
	for id, d := range p.due {
		if d.Statement == nil {
			continue
		}
		tasks++
		f, ok := p.finals[id]
		if !ok {
			missing++
			continue
		}
		digest, err := wire.VerdictDigest(d.Verdict)
		if err != nil {
			t.Fatal(err)
		}
		if f.Answer != ledger.AnswerOf(d.Verdict, digest) {
			t.Errorf("the final verdict on %v is not the docket's", id)
		}
	}
	if missing > 0 || tasks == 0 {
		return fmt.Errorf("%d of %d tasks have no final verdict", missing, tasks)
	}
	return nil
}
