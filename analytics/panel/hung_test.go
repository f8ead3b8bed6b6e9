package panel

import (
	"context"
	"iter"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// still is a ledger on which nothing happens, and that tells what it is asked to do.
type still struct{ asked chan []ledger.TaskOperation }

func (still) Height(context.Context) (uint64, error) { return 0, nil }

func (still) Blocks(context.Context, uint64) iter.Seq2[scorer.Block, error] {
	return func(func(scorer.Block, error) bool) {}
}

func (still) Verdicts(context.Context, []ledger.Verdict) ([]wire.Answer, error) { return nil, nil }

func (s still) Tasks(_ context.Context, operations []ledger.TaskOperation) ([]wire.Answer, error) {
	s.asked <- operations
	return make([]wire.Answer, len(operations)), nil
}

// TestAProofLogThatDoesNotAnswerKeepsNothingElseWaiting has more to ask of a hung proof log than there are calls at once.
func TestAProofLogThatDoesNotAnswerKeepsNothingElseWaiting(t *testing.T) {
	c := newChannel(t, undrawn(), 1)
	p := c.player(t, "a")
	world := still{make(chan []ledger.TaskOperation)}
	cfg := p.cfg
	cfg.Ledger, cfg.Now = world, time.Now
	cfg.Scorer.Source, cfg.Scorer.Sink = world, world
	cfg.Scorer.Checkpoint = t.TempDir() + "/checkpoint"
	var asked atomic.Int64
	cfg.Prove = func(ctx context.Context, _ Question) (Evidence, error) {
		asked.Add(1)
		<-ctx.Done()
		return Evidence{}, ctx.Err()
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p.cfg = cfg
	p.restart(nil)
	p.read(c, len(c.log))
	s.book = p.book
	for i := range 10 * maxCalls {
		n := &rebuttal{task: ledger.Digest{byte(i), byte(i >> 8), 1}, near: []neighbour{{key: "b"}}, key: "a"}
		s.book.rebuttals.Put(claimID(n.task, n.claimant), n)
	}
	s.book.goLive(time.Now().Add(-time.Hour))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.act(ctx)
	}()
	waitUntil(t, func() bool { return asked.Load() == maxQuestions })
	for _, task := range c.world.Tasks { // they fall due one after another while nothing is answered
		s.mu.Lock()
		s.book.apply(wire.Transaction{}, []scorer.Due{{Verdict: task.Truth.Verdict, Statement: &task.Statement}}, time.Now().Add(-time.Hour))
		s.mu.Unlock()
		s.stir()
		select {
		case operations := <-world.asked:
			if operations[0].Open == nil {
				t.Errorf("%+v", operations)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("a task is not opened while the proof log does not answer")
		}
	}
	if n := asked.Load(); n != maxQuestions {
		t.Errorf("%d questions at once", n)
	}
	cancel()
	<-done
}

// waitUntil asks again and again whether a condition holds that no channel tells of.
func waitUntil(t *testing.T, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("waited too long")
		}
	}
}
