package liar

import (
	"context"
	"iter"
	"testing"

	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/internal/protocolsim"
)

// channel is the contract's own world as a liar sees it: what it sends goes to the contract, what was recorded comes
// back in blocks.
type channel struct {
	t      *testing.T
	world  *protocolsim.World
	blocks []scorer.Block
	liar   *Liar
}

// Tasks is panel.Ledger's, as the assessor.
func (c *channel) Tasks(_ context.Context, operations []ledger.TaskOperation) ([]wire.Answer, error) {
	return c.world.Score("d", operations...)
}

// Height is scorer.Source's.
func (c *channel) Height(context.Context) (uint64, error) { return uint64(len(c.blocks)), nil }

// Blocks is scorer.Source's; it ends at the last block that there is.
func (c *channel) Blocks(_ context.Context, from uint64) iter.Seq2[scorer.Block, error] {
	return func(yield func(scorer.Block, error) bool) {
		for _, b := range c.blocks[from:] {
			if !yield(b, nil) {
				return
			}
		}
	}
}

func newChannel(t *testing.T, lies ...Lie) *channel {
	t.Helper()
	c := &channel{t: t}
	var members []protocolsim.Member
	for _, name := range []string{"a", "b", "c", "d"} {
		members = append(members, protocolsim.Member{Name: name, MSPID: name, Stake: 10_000})
	}
	policy := protocolsim.DefaultPolicy()
	policy.Canary = 0
	var err error
	if c.world, err = protocolsim.NewWorldTold(policy, members, 2, func(tx wire.Transaction) {
		c.blocks = append(c.blocks, scorer.Block{Number: uint64(len(c.blocks)), Transactions: []scorer.Recorded{{Tx: tx}}})
	}); err != nil {
		t.Fatal(err)
	}
	c.liar = New(Config{Ledger: c, Source: c, Model: c.world.Model, Binding: c.world.Account("d")})
	c.liar.Tell(lies...)
	last := uint64(len(c.blocks) - 1)
	c.liar.judge = func(block uint64, _ wire.Transaction) []scorer.Due {
		if block != last {
			return nil
		}
		var all []scorer.Due
		for _, task := range c.world.Tasks {
			all = append(all, scorer.Due{Verdict: task.Truth.Verdict, Statement: &task.Statement})
		}
		return all
	}
	c.heard()
	return c
}

// heard is what the service reads of the commitments and reveals of its own account.
func (c *channel) heard() (commitments []ledger.Commitment, reveals []ledger.Reveal) {
	c.t.Helper()
	for b, err := range c.liar.Source().Blocks(c.t.Context(), 0) {
		if err != nil {
			c.t.Fatal(err)
		}
		for _, tx := range b.Transactions {
			for _, one := range tx.Tx.Scoring.Commitments {
				if one.Account == c.world.Account("d") {
					commitments = append(commitments, one)
				}
			}
			for _, one := range tx.Tx.Scoring.Reveals {
				if one.Account == c.world.Account("d") {
					reveals = append(reveals, one)
				}
			}
		}
	}
	return commitments, reveals
}

// honest are what an honest scorer sends for a task.
func (c *channel) honest(who string, task protocolsim.Task) (id ledger.Digest, commit, reveal ledger.TaskOperation) {
	c.t.Helper()
	id, err := wire.TaskDigest(task.Statement)
	if err != nil {
		c.t.Fatal(err)
	}
	nonce := ledger.Digest{who[0]}
	own, err := wire.CommitmentOf(id, c.world.Account(who), task.Truth.Answer, nonce)
	if err != nil {
		c.t.Fatal(err)
	}
	return id, ledger.TaskOperation{Commit: &ledger.CommitAnswer{Task: id, Commitment: own}},
		ledger.TaskOperation{Reveal: &ledger.RevealAnswer{Task: id, Answer: task.Truth.Answer, Nonce: nonce}}
}

func (c *channel) do(who string, ops ...ledger.TaskOperation) {
	c.t.Helper()
	answers, err := c.world.Score(who, ops...)
	for _, a := range answers {
		if err != nil || a.Status == ledger.StatusRefused {
			c.t.Fatal(a, err)
		}
	}
}

// says has the service say something, and gives the last answer's code.
func (c *channel) says(ops ...ledger.TaskOperation) string {
	c.t.Helper()
	answers, err := c.liar.Ledger().Tasks(c.t.Context(), ops)
	if err != nil || len(answers) != len(ops) {
		c.t.Fatal(answers, err)
	}
	return answers[len(answers)-1].Code
}

func (c *channel) view(id ledger.Digest) ledger.TaskView {
	c.t.Helper()
	v, err := c.world.View(id)
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}

func (c *channel) slashed(who string) ledger.Credits {
	c.t.Helper()
	stake, err := c.world.Stake(who)
	if err != nil {
		c.t.Fatal(err)
	}
	return stake.Slashed
}

func TestALieIsToldAndItsServiceKnowsNothingOfIt(t *testing.T) {
	c := newChannel(t, Lie{Way: Wrong, Say: ledger.Clear, AtLeast: ledger.Quarantine})
	var bad, good protocolsim.Task
	for _, task := range c.world.Tasks {
		if task.Truth.Answer.Level == ledger.Quarantine {
			bad = task
		} else {
			good = task
		}
	}
	for _, task := range []protocolsim.Task{good, bad} {
		id, commit, reveal := c.honest("d", task)
		c.says(ledger.TaskOperation{Open: &task.Statement}, commit)
		for _, who := range []string{"a", "b", "c"} {
			_, own, _ := c.honest(who, task)
			c.do(who, own)
		}
		c.says(ledger.TaskOperation{Close: &id}, reveal)
		for _, who := range []string{"a", "b", "c"} {
			_, _, own := c.honest(who, task)
			c.do(who, own)
		}
		commitments, reveals := c.heard()
		if last := commitments[len(commitments)-1]; last.Commitment != commit.Commit.Commitment {
			t.Errorf("its service reads another commitment than it sent")
		}
		if last := reveals[len(reveals)-1]; last.Answer != task.Truth.Answer || last.Nonce != reveal.Reveal.Nonce {
			t.Errorf("its service reads another answer than it gave: %+v", last)
		}
	}
	told := c.liar.Told()
	id, _, _ := c.honest("d", bad)
	if len(told) != 1 || told[0].Task != id || told[0].Said.Level != ledger.Clear || told[0].Engine != bad.Truth.Answer || !told[0].Revealed || len(c.liar.Untold()) != 0 {
		t.Fatalf("%+v", told)
	}
	other, _, _ := c.honest("d", good)
	for _, r := range c.view(other).Reveals {
		if r.Answer != good.Truth.Answer {
			t.Errorf("it lied about a task that it was not to lie about: %+v", r)
		}
	}
	c.do("a", ledger.TaskOperation{Challenge: &ledger.ChallengeTask{Task: id}})
	if v := c.view(id); v.Settlement == nil || *v.Settlement.Answer != bad.Truth.Answer || c.slashed("d") != 2_000 {
		t.Errorf("%+v, slashed %d", v.Settlement, c.slashed("d"))
	}
	engine, err := c.liar.Engine(bad.Statement.Shipment)
	if err != nil || engine[bad.Statement.Window] != bad.Truth.Answer {
		t.Errorf("%+v, %v", engine, err)
	}
}

func TestACopiedCommitmentWaitsForOneToCopyAndCannotBeRevealed(t *testing.T) {
	c := newChannel(t, Lie{Way: Copied})
	task := c.world.Tasks[0]
	id, commit, reveal := c.honest("d", task)
	if code := c.says(ledger.TaskOperation{Open: &task.Statement}, commit); code != ledger.CodeTaskState {
		t.Fatalf("nobody has committed, and it says %q", code)
	}
	for _, who := range []string{"a", "b", "c"} {
		_, own, _ := c.honest(who, task)
		c.do(who, own)
	}
	c.heard()
	if code := c.says(commit); code != "" {
		t.Fatal(code)
	}
	if commitments, _ := c.heard(); len(commitments) != 1 || commitments[0].Commitment != commit.Commit.Commitment {
		t.Errorf("%+v", commitments)
	}
	told := c.liar.Told()
	if len(told) != 1 || told[0].Whose.IsZero() || told[0].Whose == c.world.Account("d") {
		t.Fatalf("%+v", told)
	}
	seen := map[ledger.Digest]int{}
	for _, one := range c.view(id).Commitments {
		seen[one.Commitment]++
	}
	if len(seen) != 3 {
		t.Errorf("no commitment was copied: %v", seen)
	}
	// Its service believes that its answer was taken.
	if code := c.says(ledger.TaskOperation{Close: &id}, reveal); code != "" || c.liar.Told()[0].Refused != ledger.CodeCommitment {
		t.Errorf("%q, %+v", code, c.liar.Told())
	}
	c.expired(t, id, task)
}

func TestASilentScorerKeepsItsAnswerBack(t *testing.T) {
	c := newChannel(t, Lie{Way: Silent, Shipments: []string{"of no task"}}, Lie{Way: Silent, Last: true}, Lie{Way: Silent})
	task := c.world.Tasks[0]
	id, commit, reveal := c.honest("d", task)
	c.says(ledger.TaskOperation{Open: &task.Statement}, commit)
	for _, who := range []string{"a", "b", "c"} {
		_, own, _ := c.honest(who, task)
		c.do(who, own)
	}
	if code := c.says(ledger.TaskOperation{Close: &id}, reveal); code != "" {
		t.Error(code)
	}
	if _, reveals := c.heard(); len(reveals) != 0 || len(c.liar.Untold()) != 2 {
		t.Errorf("%+v, untold %+v", reveals, c.liar.Untold())
	}
	c.expired(t, id, task)
}

func TestAFalseClaimIsMadeWithoutACommitmentOnceSomebodyAnswered(t *testing.T) {
	c := newChannel(t, Lie{Way: Denied, Shipments: []string{"of no task"}}, Lie{Way: Denied})
	task := c.world.Tasks[0]
	id, commit, _ := c.honest("d", task)
	if code := c.says(ledger.TaskOperation{Open: &task.Statement}, commit); code != "" || len(c.view(id).Commitments) != 0 {
		t.Fatalf("%q, %d commitments", code, len(c.view(id).Commitments))
	}
	for _, who := range []string{"a", "b", "c"} {
		_, own, _ := c.honest(who, task)
		c.do(who, own)
	}
	c.world.Advance(c.world.Policy.CommitFor)
	c.do("a", ledger.TaskOperation{Close: &id})
	if c.heard(); len(c.liar.Told()) != 0 || len(c.liar.Untold()) != 2 {
		t.Fatalf("%+v, untold %+v", c.liar.Told(), c.liar.Untold())
	}
	_, _, own := c.honest("b", task)
	c.do("b", own)
	c.heard()
	told := c.liar.Told()
	if len(told) != 1 || told[0].Task != id || told[0].Omitted.IsZero() || len(c.liar.Untold()) != 1 {
		t.Fatalf("%+v, untold %+v", told, c.liar.Untold())
	}
	v := c.view(id)
	if len(v.Claims) != 1 || !v.Claims[0].Open() || v.Claims[0].Account != c.world.Account("d") || v.Claims[0].Omitted.Digest != told[0].Omitted {
		t.Fatalf("%+v", v.Claims)
	}
	if err := c.world.Anchor("A", "B"); err != nil {
		t.Fatal(err)
	}
	op, err := c.world.Refutation(task.Statement, v.Claims[0])
	if err != nil || op == nil {
		t.Fatal("what it says cannot be refuted", err)
	}
	c.do("a", ledger.TaskOperation{Refute: op})
	if c.slashed("d") != 2_000 {
		t.Errorf("it cost %d", c.slashed("d"))
	}
}

// expired has the others reveal, and one of them show that the liar did not.
func (c *channel) expired(t *testing.T, id ledger.Digest, task protocolsim.Task) {
	t.Helper()
	for _, who := range []string{"a", "b", "c"} {
		_, _, own := c.honest(who, task)
		c.do(who, own)
	}
	c.world.Advance(c.world.Policy.RevealFor + 2*c.world.Policy.ClockSkew())
	c.do("b", ledger.TaskOperation{Expire: &id})
	if c.slashed("d") != 200 {
		t.Errorf("it lost %d", c.slashed("d"))
	}
}
