package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/analytics/panel"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/gateway/submit"
	"github.com/waybill-dev/waybill/internal/judging"
	"github.com/waybill-dev/waybill/internal/liar"
	"github.com/waybill-dev/waybill/internal/protocolsim"
)

// TestEndToEndAFalseClaimIsRefutedThoughWhoRefutesIsKilled has the assessor say of right tasks that they leave out an event
// that came before the journey. The proof log refutes it as soon as two of the keepers have anchored it.
func TestEndToEndAFalseClaimIsRefutedThoughWhoRefutesIsKilled(t *testing.T) {
	ctx, l := endToEndOn(t, convened, 5*time.Minute)
	const refuter, witness = "producer", "carrier"
	l.level(ctx, t)
	policy := protocolsim.DefaultPolicy()
	policy.Skew, policy.CommitFor, policy.RevealFor, policy.ChallengeFor, policy.Canary = 2_000, 4_000, 60_000, 25_000, 0
	server := l.serve(ctx, t, refuter, "--anchor-every", "500ms")
	founded := l.conveneUnder(ctx, t, policy, refuter, witness, "retailer", assessor)
	l.serve(ctx, t, witness, "--role", "scorer", "--metrics", "off")
	l.serve(ctx, t, "retailer", "--role", "scorer")
	lies := l.lie(ctx, t, founded.Accounts[assessor])

	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	day, err := simulate.New(simulate.Config{Seed: seed, Now: time.Now().Add(-time.Hour), Shipments: 2, SegmentReadings: 120, Faults: []simulate.Fault{}})
	if err != nil {
		t.Fatal(err)
	}
	l.setUp(ctx, t, refuter, day)

	// One of three keepers anchors: no root is a majority's, and who could refute is killed.
	lies.Tell(liar.Lie{Way: liar.Denied, Shipments: []string{day.Truth[0].Shipment}})
	l.live(ctx, t, refuter, day, day.Truth[0].Shipment)
	told := claimTold(ctx, t, lies)
	server.kill()
	server = l.serveBehind(ctx, t, refuter, "--anchor-every", "500ms")
	if c := l.claim(ctx, t, told.Task, founded.Accounts[assessor]); !c.Open() {
		t.Fatalf("refuted without a root: %+v", c.Refuted)
	}
	since := time.Now()
	l.serveBehind(ctx, t, witness, "--role", "readmodel", "--anchor-every", "500ms")
	first := l.refuted(ctx, t, told, founded.Accounts[assessor], founded.Accounts[refuter], founded.Accounts[witness])
	t.Logf("refuted %s after the second keeper was started, under the root at height %d", first.Refuted.At.Time().Sub(since).Round(time.Millisecond), first.Refuted.Height)

	// With the keepers at work it takes seconds. The only one that can refute has its proof log from another process.
	server.kill()
	l.serve(ctx, t, refuter, "--role", "api,readmodel", "--anchor-every", "500ms")
	lies.Tell(liar.Lie{Way: liar.Denied, Shipments: []string{day.Truth[1].Shipment}})
	l.live(ctx, t, refuter, day, day.Truth[1].Shipment)
	told = claimTold(ctx, t, lies)
	second := l.refuted(ctx, t, told, founded.Accounts[assessor], founded.Accounts[witness])
	took := second.Refuted.At - second.At
	t.Logf("refuted after %d ms", took)
	if took > 15_000 {
		t.Errorf("a false claim stood for %d ms", took)
	}

	until(ctx, t, "every verdict that is due is final", func() error {
		p := l.protocol(ctx, t)
		return p.allFinal(t)
	})
	p := l.protocol(ctx, t)
	t.Logf("%d final verdicts: %v", len(p.finals), p.by)
	for _, why := range p.faults {
		t.Error(why)
	}
	// What stands although it was claimed to rest on less than there is.
	for id, f := range p.finals {
		if f.Task == told.Task {
			l.standsProven(ctx, t, refuter, p.finals[id])
		}
	}
}

// lie runs the assessor's scorer in the test, so that it can be told to lie.
func (l *lab) lie(ctx context.Context, t *testing.T, binding ledger.Digest) *liar.Liar {
	t.Helper()
	own := l.profile(t, assessor)
	stream, client := l.stream(t, assessor)
	model, err := score.Default()
	if err != nil {
		t.Fatal(err)
	}
	secret, err := panel.Secret(filepath.Join(t.TempDir(), "secret"))
	if err != nil {
		t.Fatal(err)
	}
	submitter := submit.New(client, submit.Config{})
	words := judging.Words{Submit: submitter}
	lies := liar.New(liar.Config{Ledger: words, Source: judging.FromStream(stream, own.Chaincode), Model: model, Binding: binding})
	service, err := panel.New(panel.Config{
		Scorer: scorer.Config{Source: lies.Source(), Sink: words, Model: model, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))},
		Ledger: lies.Ledger(), Binding: binding, Secret: secret,
	})
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	var group errgroup.Group
	group.Go(func() error { return submitter.Run(running) })
	group.Go(func() error { return service.Run(running) })
	t.Cleanup(func() {
		stop()
		if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	until(ctx, t, "the assessor takes part", func() error {
		if s := service.Stats(); s.Standing != "" || s.Scorer.Position == 0 || lies.Account().IsZero() {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	return lies
}

// live sends what happens to a shipment.
func (l *lab) live(ctx context.Context, t *testing.T, org string, day *simulate.Day, shipment string) {
	t.Helper()
	s := &sent{events: map[ledger.Digest]bool{}, segments: map[segmentID]ledger.Digest{}}
	company, gateway := l.dial(t, org, profile.IdentityCompany), l.dial(t, org, profile.IdentityGateway)
	for _, a := range day.Actions {
		if a.Shipment != shipment {
			continue
		}
		var err error
		switch a.Kind {
		case simulate.KindEvent:
			err = s.event(ctx, company, a.Event.Context, a.Event.Body)
		case simulate.KindSegment:
			err = s.segment(ctx, gateway, a.Segment)
		default:
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// claimTold waits for the claim to be made.
func claimTold(ctx context.Context, t *testing.T, lies *liar.Liar) liar.Told {
	t.Helper()
	var told liar.Told
	until(ctx, t, "a false claim is made", func() error {
		all := lies.Told()
		if len(all) != 1 {
			return fmt.Errorf("told %+v, untold %+v", all, lies.Untold())
		}
		told = all[0]
		return nil
	})
	return told
}

// task reads a task on a peer.
func (l *lab) task(ctx context.Context, t *testing.T, id ledger.Digest) ledger.TaskView {
	t.Helper()
	client, err := fabric.Dial(l.profile(t, "retailer"), profile.IdentityDashboard, fabric.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	raw, err := client.Evaluate(ctx, wire.FnGetTask, []byte(id.String()))
	if err != nil {
		t.Fatal(err)
	}
	v, err := wire.Decode[ledger.TaskView](raw, wire.MaxStoredBytes)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// claim gives what an account claims of a task.
func (l *lab) claim(ctx context.Context, t *testing.T, task, account ledger.Digest) ledger.Claim {
	t.Helper()
	for _, c := range l.task(ctx, t, task).Claims {
		if c.Account == account {
			return c
		}
	}
	t.Fatalf("account %s claims nothing of task %s", account, task)
	return ledger.Claim{}
}

// refuted waits until a claim is, by one of some, holds that it cost its maker a part of its stake, of which who refuted it
// has half, and that the task has the engine's answer for its final one.
func (l *lab) refuted(ctx context.Context, t *testing.T, told liar.Told, liarsAccount ledger.Digest, some ...ledger.Digest) ledger.Claim {
	t.Helper()
	var c ledger.Claim
	until(ctx, t, "the claim is refuted", func() error {
		if c = l.claim(ctx, t, told.Task, liarsAccount); !c.Open() {
			return nil
		}
		if by := c.RefuteBy.Time(); time.Now().After(by) {
			t.Fatalf("it was to be refuted by %s and stands: the task is void", by)
		}
		return errors.New("it stands")
	})
	by := c.Refuted.Account
	if !slices.Contains(some, by) || c.Refuted.At >= c.RefuteBy {
		t.Errorf("%+v", c.Refuted)
	}
	until(ctx, t, "the task is final", func() error {
		s := l.task(ctx, t, told.Task).Settlement
		if s == nil {
			return errors.New("it is not settled")
		}
		if s.Answer == nil || *s.Answer != told.Engine {
			t.Fatalf("it ended by %s with %+v", s.By, s.Answer)
		}
		return nil
	})
	var paid []ledger.Receipt
	for _, b := range l.ledger(ctx, t).blocks {
		for _, tx := range b.Transactions {
			for _, r := range tx.Credits.Receipts {
				if r.Cause == "claim/"+told.Task.String() {
					paid = append(paid, r)
				}
			}
		}
	}
	if len(paid) != 1 || paid[0].Stake.Account != liarsAccount || paid[0].Burned == 0 || paid[0].TxID != c.Refuted.TxID {
		t.Fatalf("%+v", paid)
	}
	for _, n := range paid[0].Created {
		if n.Note.Lock == nil && (n.Note.Owner != by || n.Note.Amount != paid[0].Burned) {
			t.Errorf("%+v", n.Note)
		}
	}
	return c
}
