package contract_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/internal/protocolsim"
)

// court is a task with three scorers and others around it, at any state of its life.
type court struct {
	t     fatal
	w     *protocolsim.World
	task  protocolsim.Task
	later protocolsim.Task // another window of the same shipment
	id    ledger.Digest
	wrong ledger.TaskAnswer
	held  protocolsim.Decoy // an event that came after the window closed, and says an earlier time
	// What the proof log shows of it and of the reference that it is said to come before, of it and of the one before that,
	// and of these two: under a root of two keepers of three. Lone is shown under a root of a single one.
	shown, agrees, order, lone []byte
	// looked and again are inspections of the shipment, where there are any.
	looked, again ledger.Digest
}

// The callers: s0, s1 and s2 are the panel; bonded has a stake and is no scorer, poor has an account and nothing in it,
// stranger has no account.
func callers() []string { return []string{"s0", "s2", "bonded", "poor", "stranger"} }

func newCourt(t fatal) *court {
	t.Helper()
	policy := protocolsim.DefaultPolicy()
	policy.Canary = 0 // the draw would decide at random
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
	c := &court{t: t, w: w, task: w.Tasks[3], later: w.Tasks[2]}
	c.wrong = c.task.Truth.Answer
	c.wrong.Trace[0]++
	if c.id, err = wire.TaskDigest(c.task.Statement); err != nil {
		t.Fatal(err)
	}
	c.log()
	return c
}

// fact is what a reference names, of a span its first segment.
func (c *court) fact(at uint32) ledger.LogFact {
	r := c.task.Statement.References[at]
	if r.Kind == ledger.RefSegments {
		return ledger.LogFact{Device: r.ID, Segment: r.First}
	}
	return ledger.LogFact{Event: r.Digest}
}

// prove shows two facts in the proof log.
func (c *court) prove(w *protocolsim.World, facts ...ledger.LogFact) []byte {
	c.t.Helper()
	var keys []string
	for _, f := range facts {
		key, err := wire.FactKey(f)
		if err != nil {
			c.t.Fatal(err)
		}
		keys = append(keys, key)
	}
	data, err := w.Prove(keys...)
	if err != nil {
		c.t.Fatal(err)
	}
	return data
}

// log has keepers anchor the proof log, and proves with it.
func (c *court) log() {
	c.t.Helper()
	c.held = c.task.Decoys[slices.IndexFunc(c.task.Decoys, func(d protocolsim.Decoy) bool { return d.Kind == protocolsim.DecoyHeld })]
	held, first, second := ledger.LogFact{Event: c.held.Event.Digest}, c.fact(c.held.At-1), c.fact(c.held.At)
	if err := c.w.Anchor("A", "B"); err != nil {
		c.t.Fatal(err)
	}
	c.shown, c.agrees, c.order = c.prove(c.w, held, second), c.prove(c.w, held, first), c.prove(c.w, first, second)
	grown := c.w.Clone()
	body := `{"type":"ObjectEvent","action":"OBSERVE","epcList":["urn:epc:id:sscc:9520001.3999999999"],"eventTime":"2026-03-01T08:00:00Z","eventTimeZoneOffset":"+00:00"}`
	_, err := grown.Record("rootA", wire.EventEntry{Body: []byte(body)})
	if err == nil {
		err = grown.Anchor("A", "B")
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.lone = c.prove(grown, held, second)
	root, err := grown.Root()
	if err == nil {
		err = c.w.AnchorRoot(root, "A")
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

func nonce(who string) ledger.Digest { return ledger.Digest{who[len(who)-1], 7} }

func (c *court) commitment(who string, answer ledger.TaskAnswer) ledger.Digest {
	c.t.Helper()
	d, err := wire.CommitmentOf(c.id, c.w.Account(who), answer, nonce(who))
	if err != nil {
		c.t.Fatal(err)
	}
	return d
}

// calls are the operations, by name, as a caller would make them.
func (c *court) calls(who string) map[string]ledger.TaskOperation {
	c.t.Helper()
	right, verdict := c.task.Truth.Answer, c.task.Truth.Verdict
	account := who
	if who == "stranger" {
		account = "s0"
	}
	other := c.commitment(account, c.wrong)
	signed, err := c.w.SignCommitment("s1", c.id, other)
	if err != nil {
		c.t.Fatal(err)
	}
	same, err := c.w.SignCommitment("s1", c.id, c.commitment("s1", right))
	if err != nil {
		c.t.Fatal(err)
	}
	forged := signed
	forged.Account = c.w.Account("s0")
	omitted := c.task.Statement.References[3]
	omitted.Last, omitted.Digest = 0, c.later.Statement.References[3].Digest
	span := c.task.Statement.References[c.held.At]
	refute := func(at uint32, proof []byte) ledger.TaskOperation {
		op := ledger.RefuteClaim{Task: c.id, Account: c.w.Account("s2"), Reference: at, Proof: proof}
		if at == c.held.At {
			op.Segment = span.First
		}
		return ledger.TaskOperation{Refute: &op}
	}
	damaged := slices.Clone(c.shown)
	if n := len(damaged); n > 0 {
		damaged[n-1] ^= 1
	}
	order := ledger.Misplaced{First: c.held.At - 1, Second: c.held.At, SecondSegment: span.First, Proof: c.order}
	return map[string]ledger.TaskOperation{
		"claim":                 {Challenge: &ledger.ChallengeTask{Task: c.id, Omitted: &c.held.Event, At: c.held.At}},
		"claim elsewhere":       {Challenge: &ledger.ChallengeTask{Task: c.id, Omitted: &c.held.Event, At: c.held.At - 1}},
		"refute":                refute(c.held.At, c.shown),
		"refute by what agrees": refute(c.held.At-1, c.agrees),
		"refute by another":     refute(c.held.At-1, c.shown),
		"refute by one keeper":  refute(c.held.At, c.lone),
		"refute by a forgery":   refute(c.held.At, damaged),
		"challenge the order":   {Challenge: &ledger.ChallengeTask{Task: c.id, Order: &order}},
		"register":              {Register: &ledger.RegisterScorer{}},
		"leave":                 {Register: &ledger.RegisterScorer{Leave: true}},
		"open":                  {Open: &c.task.Statement},
		"commit":                {Commit: &ledger.CommitAnswer{Task: c.id, Commitment: c.commitment(account, right)}},
		"commit another":        {Commit: &ledger.CommitAnswer{Task: c.id, Commitment: other}},
		"close":                 {Close: &c.id},
		"reveal":                {Reveal: &ledger.RevealAnswer{Task: c.id, Answer: right, Nonce: nonce(account)}},
		"reveal another":        {Reveal: &ledger.RevealAnswer{Task: c.id, Answer: c.wrong, Nonce: nonce(account)}},
		"settle":                {Settle: &ledger.SettleTask{Task: c.id, Verdict: &verdict}},
		"settle without":        {Settle: &ledger.SettleTask{Task: c.id}},
		"challenge":             {Challenge: &ledger.ChallengeTask{Task: c.id}},
		"challenge an omission": {Challenge: &ledger.ChallengeTask{Task: c.id, Omitted: &omitted, At: 3}},
		"expire":                {Expire: &c.id},
		"expose":                {Expose: &signed},
		"expose the same":       {Expose: &same},
		"expose a forgery":      {Expose: &forged},
		"inspect":               {Inspect: &ledger.InspectTask{Task: c.id, Event: c.task.Statement.References[2].Digest}},
	}
}

func (c *court) must(who string, calls ...string) {
	c.t.Helper()
	for _, call := range calls {
		answers, err := c.w.Score(who, c.calls(who)[call])
		if err != nil || answers[0].Status != ledger.StatusRecorded {
			c.t.Fatalf("%s %s: %v %v", who, call, answers, err)
		}
	}
}

// states are the lives of a task, each from the one before or from the start.
func (c *court) states() (names []string, reach map[string]func(*court)) {
	panel := func(c *court, call string) {
		for _, who := range []string{"s0", "s1", "s2"} {
			c.must(who, call)
		}
	}
	open := func(c *court) { c.must("s0", "open") }
	committed := func(c *court) { open(c); panel(c, "commit") }
	closed := func(c *court) { committed(c); c.must("s0", "close") }
	one := func(c *court) { closed(c); c.must("s0", "reveal") }
	revealed := func(c *court) { closed(c); panel(c, "reveal") }
	liar := func(c *court) {
		open(c)
		c.must("s0", "commit")
		c.must("s1", "commit")
		c.must("s2", "commit another")
		c.must("s0", "close", "reveal")
		c.must("s1", "reveal")
		c.must("s2", "reveal another")
	}
	split := func(c *court) {
		open(c)
		c.must("s0", "commit")
		c.must("s2", "commit another")
		c.w.Advance(c.w.Policy.CommitFor)
		c.must("s0", "close", "reveal")
		c.must("s2", "reveal another")
	}
	silent := func(c *court) { closed(c); c.must("s0", "reveal"); c.w.Advance(c.w.Policy.RevealFor) }
	claimable := func(c *court) {
		open(c)
		c.must("s0", "commit")
		c.must("s1", "commit")
		c.w.Advance(c.w.Policy.CommitFor)
		c.must("s0", "close", "reveal")
		c.must("s1", "reveal")
	}
	claimed := func(c *court) { claimable(c); c.must("s2", "claim") }
	lapsed := func(c *court) { claimed(c); c.w.Advance(c.w.Policy.ChallengeFor) }
	return []string{
		"claimable", "claimed", "claimed when provisional", "claim refuted", "claim lapsed", "void by claim", "refuted when void",
		"absent", "open", "committed", "too few committed", "commit time over", "closed", "one revealed", "revealed", "one lies", "split", "reveal time over", "silence over",
		"provisional", "challenge time over", "ruled", "final", "final by challenge", "void",
	}, map[string]func(*court){
		"claimable": claimable, "claimed": claimed, "claim lapsed": lapsed,
		"claimed when provisional": func(c *court) { claimable(c); c.must("s0", "settle"); c.must("s2", "claim") },
		"claim refuted":            func(c *court) { claimed(c); c.must("s0", "refute") },
		"void by claim":            func(c *court) { lapsed(c); c.must("s0", "settle") },
		"refuted when void":        func(c *court) { lapsed(c); c.must("s0", "settle"); c.must("bonded", "refute") },
		"absent":                   func(*court) {}, "open": open, "committed": committed, "closed": closed, "one revealed": one, "revealed": revealed, "one lies": liar,
		"too few committed": func(c *court) { open(c); c.must("s0", "commit"); c.w.Advance(c.w.Policy.CommitFor) },
		"commit time over": func(c *court) {
			open(c)
			c.must("s0", "commit")
			c.must("s1", "commit")
			c.w.Advance(c.w.Policy.CommitFor)
		},
		"split":               split,
		"reveal time over":    silent,
		"silence over":        func(c *court) { silent(c); c.w.Advance(ledger.MinPhase / 2) },
		"provisional":         func(c *court) { silent(c); c.must("s0", "settle") },
		"challenge time over": func(c *court) { silent(c); c.must("s0", "settle"); c.w.Advance(c.w.Policy.ChallengeFor) },
		"ruled":               func(c *court) { split(c); c.must("s0", "settle") },
		"final":               func(c *court) { revealed(c); c.must("s0", "settle") },
		"final by challenge":  func(c *court) { liar(c); c.must("s0", "challenge") },
		"void":                func(c *court) { closed(c); c.w.Advance(c.w.Policy.RevealFor); c.must("s0", "settle") },
	}
}

// legalMoves are the moves that a task allows, as "state: call", with who may make them. Everything else is refused, or
// changes nothing.
func legalMoves() map[string]string {
	const seats, stakes, accounts = "s0 s2", "s0 s2 bonded", "s0 s2 bonded poor"
	all := map[string]string{
		"absent: open":                      seats,
		"open: commit":                      seats,
		"open: commit another":              seats,
		"too few committed: commit":         "s2",
		"too few committed: commit another": "s2",
		"commit time over: commit":          "s2",
		"commit time over: commit another":  "s2",
		"commit time over: close":           seats,
		"committed: close":                  seats,
		"closed: reveal":                    seats,
		"one revealed: reveal":              "s2",
		"one revealed: challenge":           stakes,
		"revealed: challenge":               stakes,
		"revealed: settle":                  seats,
		"one lies: challenge":               stakes,
		"one lies: settle":                  seats, // there is no quorum of two thirds among three: the referee rules
		"one lies: settle without":          seats,
		"split: challenge":                  stakes,
		"split: settle":                     seats,
		"split: settle without":             seats,
		"reveal time over: challenge":       stakes,
		"reveal time over: settle":          seats,
		"reveal time over: settle without":  seats,
		"silence over: challenge":           stakes,
		"silence over: settle":              seats,
		"silence over: settle without":      seats,
		"silence over: expire":              accounts,
		"provisional: challenge":            stakes,
		"challenge time over: challenge":    stakes,
		"challenge time over: expire":       accounts,
		"challenge time over: settle":       seats,
	}
	for _, state := range []string{"claimed", "claimed when provisional", "claim lapsed", "void by claim"} {
		all[state+": refute"] = accounts
	}
	for _, state := range []string{"claimable", "claimed", "claimed when provisional", "claim refuted", "claim lapsed"} {
		all[state+": challenge"] = stakes
	}
	for _, state := range []string{"claimable", "claim refuted", "claim lapsed"} {
		all[state+": settle"], all[state+": settle without"] = seats, seats
	}
	all["claimable: claim"], all["claimable: claim elsewhere"] = "s2", "s2" // the others committed to the list
	for _, state := range []string{
		"claimable", "claimed", "claimed when provisional", "claim refuted", "claim lapsed", "void by claim", "refuted when void", "committed", "commit time over", "closed", "one revealed", "revealed", "one lies", "reveal time over", "silence over", "provisional", "challenge time over", "final", "final by challenge", "void",
	} {
		all[state+": expose"] = accounts
	}
	states, _ := (&court{}).states()
	for _, state := range states {
		all[state+": leave"] = seats
	}
	return all
}

// Every move: each state, each call, each caller, on a ledger of its own.
func TestEveryMoveOfATaskIsAllowedOrRefusedWithItsCode(t *testing.T) {
	base := newCourt(t)
	names, reach := base.states()
	everyMove(t, base, names, reach, (*court).calls, legalMoves(), "testdata/tasks/moves.golden")
}

// everyMove makes each call of each caller in each state, on a ledger of its own, and holds that what is done is what is legal,
// and the table of all as it was.
func everyMove(t *testing.T, base *court, names []string, reach map[string]func(*court), calls func(*court, string) map[string]ledger.TaskOperation, want map[string]string, file string) {
	t.Helper()
	var table strings.Builder
	got := map[string][]string{}
	for _, state := range names {
		start := *base
		start.w = base.w.Clone()
		reach[state](&start)
		now := start.w.Now()
		for _, call := range slices.Sorted(maps.Keys(calls(&start, "s0"))) {
			for _, who := range callers() {
				c := start
				c.w = start.w.Clone()
				c.w.Advance(now - c.w.Now())
				answers, err := c.w.Score(who, calls(&c, who)[call])
				if err != nil {
					t.Fatalf("%s, %s by %s: %v", state, call, who, err)
				}
				a := answers[0]
				text := a.Status.String()
				switch a.Status {
				case ledger.StatusRefused:
					text = a.Code
				case ledger.StatusRecorded:
					move := state + ": " + call
					got[move] = append(got[move], who)
					text = strings.TrimSpace(text + " " + a.Message)
				default:
				}
				fmt.Fprintf(&table, "%-24s %-21s %-9s %s\n", state, call, who, text)
				if _, _, err = c.w.Holdings(); err != nil {
					t.Errorf("%s, %s by %s: %v", state, call, who, err)
				}
			}
		}
	}
	for move, callers := range got {
		if strings.Join(callers, " ") != want[move] {
			t.Errorf("%s by %q, allowed is %q", move, strings.Join(callers, " "), want[move])
		}
		delete(want, move)
	}
	for move := range want {
		t.Errorf("nobody may %s", move)
	}
	golden(t, file, table.String())
}
