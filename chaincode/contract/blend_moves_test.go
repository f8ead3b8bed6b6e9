package contract_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/internal/protocolsim"
)

// newBlendCourt is a task for which each scorer has its own model, with the same callers.
func newBlendCourt(t fatal) *court {
	t.Helper()
	policy := protocolsim.DefaultPolicy()
	policy.Canary, policy.Blend.Own, policy.Blend.Truth = 0, true, 448
	w, err := protocolsim.NewWorld(policy, []protocolsim.Member{
		{Name: "s0", MSPID: "A", Stake: 10_000},
		{Name: "s1", MSPID: "B", Stake: 10_000},
		{Name: "s2", MSPID: "C", Stake: 10_000},
		{Name: "bonded", MSPID: "D", Stake: 600},
		{Name: "poor", MSPID: "D"},
	}, 2)
	if err == nil {
		err = w.Identity("stranger", "D", "scorer")
	}
	if err != nil {
		t.Fatal(err)
	}
	c := &court{t: t, w: w, task: w.Tasks[3], later: w.Tasks[2], held: w.Tasks[3].Decoys[slices.IndexFunc(w.Tasks[3].Decoys, func(d protocolsim.Decoy) bool { return d.Kind == protocolsim.DecoyHeld })]}
	c.wrong = c.task.Truth.Answer
	c.wrong.Score, c.wrong.Level = 0, ledger.Clear
	s := &c.task.Statement
	s.Model, s.Inputs = "", ledger.Digest{}
	if c.id, err = wire.TaskDigest(*s); err != nil {
		t.Fatal(err)
	}
	return c
}

// blendCalls are a task's calls, and those that concern models and inspections.
func (c *court) blendCalls(who string) map[string]ledger.TaskOperation {
	c.t.Helper()
	all := map[string]ledger.TaskOperation{}
	for call, op := range c.calls(who) {
		if op.Refute == nil && (op.Challenge == nil || op.Challenge.Order == nil) {
			all[call] = op
		}
	}
	named := c.later.Statement
	unknown := all["reveal"].Reveal.Answer
	unknown.Model = "own@" + ledger.Digest{9}.String()
	all["open with a model"] = ledger.TaskOperation{Open: &named}
	all["commit to unknown"] = ledger.TaskOperation{Commit: &ledger.CommitAnswer{Task: c.id, Commitment: c.commitment(who0(who), unknown)}}
	all["reveal unknown"] = ledger.TaskOperation{Reveal: &ledger.RevealAnswer{Task: c.id, Answer: unknown, Nonce: nonce(who0(who))}}
	all["inspect by no inspection"] = all["inspect"]
	all["inspect"] = ledger.TaskOperation{Inspect: &ledger.InspectTask{Task: c.id, Event: c.looked}}
	all["inspect by another"] = ledger.TaskOperation{Inspect: &ledger.InspectTask{Task: c.id, Event: c.again}}
	return all
}

// who0 is whose account a caller uses.
func who0(who string) string {
	if who == "stranger" {
		return "s0"
	}
	return who
}

// look has the organisation of s1 record an inspection of the shipment, and another one.
func (c *court) look() {
	c.t.Helper()
	c.w.Advance(1_000)
	var err error
	if c.looked, err = c.w.Inspect("rootB", 1, "inspecting", "non_conformant"); err == nil {
		c.again, err = c.w.Inspect("rootC", 1, "inspecting", "conformant")
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *court) blendStates() (names []string, reach map[string]func(*court)) {
	panel := func(c *court, call string) {
		for _, who := range []string{"s0", "s1", "s2"} {
			c.mustBlend(who, call)
		}
	}
	open := func(c *court) { c.mustBlend("s0", "open") }
	committed := func(c *court) { open(c); panel(c, "commit") }
	closed := func(c *court) { committed(c); c.mustBlend("s0", "close") }
	revealed := func(c *court) { closed(c); panel(c, "reveal") }
	differ := func(c *court) {
		open(c)
		c.mustBlend("s0", "commit")
		c.mustBlend("s1", "commit to unknown")
		c.mustBlend("s2", "commit another")
		c.mustBlend("s0", "close", "reveal")
		c.mustBlend("s2", "reveal another")
	}
	late := func(c *court) { differ(c); c.w.Advance(c.w.Policy.RevealFor) }
	final := func(c *court) { revealed(c); c.mustBlend("s0", "settle without") }
	return []string{"absent", "open", "committed", "closed", "revealed", "they differ", "reveal time over", "looked at too soon", "final", "looked at", "inspected", "void"},
		map[string]func(*court){
			"absent": func(*court) {}, "open": open, "committed": committed, "closed": closed, "revealed": revealed, "they differ": differ, "reveal time over": late,
			"looked at too soon": func(c *court) { revealed(c); c.look(); c.w.Advance(1_000); c.mustBlend("s0", "settle without") },
			"final":              final,
			"looked at":          func(c *court) { final(c); c.look() },
			"inspected":          func(c *court) { final(c); c.look(); c.mustBlend("s0", "inspect") },
			"void":               func(c *court) { closed(c); c.w.Advance(c.w.Policy.RevealFor); c.mustBlend("s0", "settle") },
		}
}

func (c *court) mustBlend(who string, calls ...string) {
	c.t.Helper()
	for _, call := range calls {
		answers, err := c.w.Score(who, c.blendCalls(who)[call])
		if err != nil || answers[0].Status != ledger.StatusRecorded {
			c.t.Fatalf("%s %s: %v %v", who, call, answers, err)
		}
	}
}

func legalBlendMoves() map[string]string {
	const seats, accounts = "s0 s2", "s0 s2 bonded poor"
	all := map[string]string{
		"absent: open":                     seats,
		"open: commit":                     seats,
		"open: commit another":             seats,
		"open: commit to unknown":          seats,
		"committed: close":                 seats,
		"closed: reveal":                   seats,
		"revealed: settle":                 seats,
		"revealed: settle without":         seats,
		"reveal time over: settle":         seats,
		"reveal time over: settle without": seats,
		"looked at: inspect":               accounts,
		"looked at: inspect by another":    accounts,
	}
	states, _ := (&court{}).blendStates()
	for _, state := range states {
		all[state+": leave"] = seats
		if state != "absent" && state != "open" && state != "they differ" && state != "reveal time over" {
			all[state+": expose"] = accounts
		}
	}
	for _, state := range []string{"they differ", "reveal time over"} {
		// s1 committed to an answer by a model that nobody knows: both signed ones are others.
		all[state+": expose"], all[state+": expose the same"] = accounts, accounts
	}
	return all
}

// Every move where each scorer has its own model.
func TestEveryMoveOfABlendIsAllowedOrRefusedWithItsCode(t *testing.T) {
	base := newBlendCourt(t)
	names, reach := base.blendStates()
	everyMove(t, base, names, reach, (*court).blendCalls, maps.Clone(legalBlendMoves()), "testdata/tasks/blend.golden")
}
