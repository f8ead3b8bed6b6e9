package contract_test

import (
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// claimed brings a task to where s2, who did not commit, has claimed falsely that something is left out.
func claimed(t *testing.T) *court {
	t.Helper()
	c := newCourt(t)
	_, reach := c.states()
	reach["claimed"](c)
	return c
}

func (c *court) bonded(who string) ledger.Credits {
	c.t.Helper()
	stake, err := c.w.Stake(who)
	if err != nil || stake == nil {
		c.t.Fatal(stake, err)
	}
	return stake.Bonded
}

func (c *court) view() ledger.TaskView {
	c.t.Helper()
	v, err := c.w.View(c.id)
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}

// A claim that is refuted costs its claimant what a wrong answer does, half of it who refuted; once, whoever refutes it
// again and with whatever. The task goes on, and its verdict is the right one.
func TestAFalseClaimCostsItsClaimantOnceAndTheTaskGoesOn(t *testing.T) {
	c := claimed(t)
	before, _, err := c.w.Holdings()
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"s0", "s1", "bonded"} {
		if _, err := c.w.Score(who, c.calls(who)["refute"]); err != nil {
			t.Fatal(err)
		}
	}
	after, _, err := c.w.Holdings()
	if err != nil {
		t.Fatal(err)
	}
	lost := ledger.Credits(10_000 * c.w.Policy.Wrong / 1_000_000)
	found := lost * ledger.Credits(c.w.Policy.Finder) / 1_000_000
	for who, want := range map[string]ledger.Credits{"s2": before[c.w.Account("s2")] - lost, "s0": before[c.w.Account("s0")] + found, "s1": before[c.w.Account("s1")], "bonded": before[c.w.Account("bonded")]} {
		if got := after[c.w.Account(who)]; got != want {
			t.Errorf("%s has %d, not %d", who, got, want)
		}
	}
	v := c.view()
	if len(v.Claims) != 1 || v.Claims[0].Open() || v.Claims[0].Refuted.Account != c.w.Account("s0") || v.Claims[0].Refuted.Reference != c.held.At {
		t.Errorf("%+v", v.Claims)
	}
	c.must("s0", "settle")
	c.w.Advance(c.w.Policy.ChallengeFor)
	c.must("s1", "settle")
	if v = c.view(); v.Phase() != ledger.TaskFinal || *v.Settlement.Answer != c.task.Truth.Answer {
		t.Errorf("%+v", v.Settlement)
	}
}

// Where nobody refutes in time the task is void and costs nobody; the refutation that comes late costs the claimant all the
// same, and ends nothing otherwise.
func TestARefutationAfterTheTaskWasVoidedOnlySlashes(t *testing.T) {
	c := claimed(t)
	before, _, err := c.w.Holdings()
	if err != nil {
		t.Fatal(err)
	}
	c.w.Advance(c.w.Policy.ChallengeFor)
	c.must("s1", "settle")
	ended := *c.view().Settlement
	if ended.By != ledger.SettledOmission || ended.Answer != nil || *ended.Prover != c.w.Account("s2") {
		t.Fatalf("%+v", ended)
	}
	void, _, err := c.w.Holdings()
	if err != nil {
		t.Fatal(err)
	}
	for account, holds := range before {
		if void[account] != holds {
			t.Errorf("%s has %d, before %d", account, void[account], holds)
		}
	}
	c.must("bonded", "refute")
	if got := c.bonded("s2"); got != 8_000 {
		t.Errorf("%d are bonded", got)
	}
	if v := c.view(); v.Settlement.TxID != ended.TxID || v.Claims[0].Open() {
		t.Errorf("%+v", v)
	}
}

// A list in another order than the ledger's is void by the log, and whoever answered it loses what a wrong answer costs.
func TestAListInAnotherOrderCostsAllWhoAnsweredIt(t *testing.T) {
	c := newCourt(t)
	task := c.task
	var ruling ledger.Ruling
	for _, d := range c.task.Decoys {
		task.Statement.References = slices.Insert(slices.Clone(c.task.Statement.References), int(d.At), d.Event)
		var err error
		if ruling, err = c.w.Judge(task.Statement); err != nil {
			t.Fatal(err)
		}
		if ruling.Fault == "" {
			break
		}
	}
	order, err := c.w.Misplaced(task.Statement)
	if err != nil || order == nil || ruling.Fault != "" {
		t.Fatal(order, ruling.Fault, err)
	}
	c.task = task
	c.task.Statement.Inputs, c.task.Truth = ruling.Inputs, ruling
	if c.id, err = wire.TaskDigest(c.task.Statement); err != nil {
		t.Fatal(err)
	}
	c.must("s0", "open", "commit")
	c.must("s1", "commit")
	c.w.Advance(c.w.Policy.CommitFor)
	c.must("s0", "close", "reveal")
	c.must("s1", "reveal")
	answers, err := c.w.Score("s2", ledger.TaskOperation{Challenge: &ledger.ChallengeTask{Task: c.id, Order: order}})
	if err != nil || answers[0].Message != ledger.SettledNoWindow.String() {
		t.Fatal(answers, err)
	}
	for who, want := range map[string]ledger.Credits{"s0": 8_000, "s1": 8_000, "s2": 10_000} {
		if got := c.bonded(who); got != want {
			t.Errorf("%s has %d bonded", who, got)
		}
	}
}
