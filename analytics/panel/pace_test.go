package panel

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/internal/protocolsim"
)

// hasty is a policy whose phases are as short as those of a demonstration.
func hasty() ledger.ScoringPolicy {
	p := undrawn()
	p.Skew, p.CommitFor, p.RevealFor, p.ChallengeFor = 2_000, 8_000, 12_000, 8_000
	return p
}

// busy is a ledger that takes so many operations in each tick, of each scorer in turn, and what one sends in its order.
type busy struct {
	tick time.Duration
	each func() int         // operations
	lost func() bool        // whether a call fails
	wait map[string][]*call // by scorer
	most map[string]int     // commitments of a scorer that waited for their reveal
	from int                // whose turn it is
}

// send has a player send what is to be done now, as Service.act does.
func (s *busy) send(c *channel, p *player) {
	known, _ := parted(first(p.book.next(p.cfg.Now(), 90, maxQuestions)))
	calls, rest := inCalls(known)
	if len(rest) > 0 {
		calls = append(calls, rest)
	}
	for _, errands := range calls {
		k := &call{p: p, errands: errands, call: protocolsim.Call{Who: p.name}}
		for _, e := range errands {
			for _, op := range e.operations {
				k.at = append(k.at, len(k.call.Operations))
				k.call.Operations = append(k.call.Operations, op)
			}
		}
		s.wait[p.name] = append(s.wait[p.name], k)
	}
	s.most[p.name] = max(s.most[p.name], p.book.load(p.cfg.Now()).owed)
}

// take gives the calls of one tick. A call that is more than a tick's operations takes several.
func (s *busy) take(players []*player, room *int) []*call {
	var out []*call
	*room += s.each()
	for none := 0; none < len(players) && *room > 0; s.from++ {
		name := players[s.from%len(players)].name
		if len(s.wait[name]) == 0 {
			none++
			continue
		}
		none = 0
		k := s.wait[name][0]
		s.wait[name] = s.wait[name][1:]
		*room -= len(k.call.Operations)
		out = append(out, k)
	}
	*room = min(*room, 0) // what is not used is lost
	return out
}

// run goes on until the tasks are final, or for so long.
func (s *busy) run(t rapid.TB, c *channel, players []*player, limit time.Duration) time.Duration {
	t.Helper()
	s.wait, s.most = map[string][]*call{}, map[string]int{}
	room, quiet := 0, time.Duration(0)
	begun := c.world.Now()
	for {
		for _, p := range players {
			p.read(c, len(c.log))
			p.live()
			s.send(c, p)
		}
		calls := s.take(players, &room)
		if quiet += s.tick; len(calls) > 0 || room < 0 {
			quiet = 0
		}
		took := time.Duration(c.world.Now()-begun) * time.Millisecond
		if quiet > time.Minute || took > limit {
			return took - quiet
		}
		c.world.Advance(ledger.Millis(s.tick.Milliseconds()))
		var sent []protocolsim.Call
		var landed []*call
		for _, k := range calls {
			if s.lost() {
				k.answered(protocolsim.Done{Conflict: true})
				continue
			}
			landed, sent = append(landed, k), append(sent, k.call)
		}
		if len(sent) == 0 {
			continue
		}
		done, err := c.world.Together(sent...)
		if err != nil {
			t.Fatal(err)
		}
		for i, k := range landed {
			k.answered(done[i])
		}
	}
}

// offered is a channel on which so many shipments fall due at once, and its scorers.
func offered(t *testing.T, shipments int, controlled bool) (*channel, []*player) {
	t.Helper()
	c := newChannel(t, hasty(), shipments)
	c.fallsDue(c.world.Tasks...)
	players := c.players(t)
	for _, p := range players {
		p.cfg.MaxOpen, p.cfg.MaxOpening = 8_192, defaultMaxOpening
		p.restart(nil)
		if !controlled {
			p.book.pace = pace{allowed: 1 << 20, least: 1 << 20, most: 1 << 20}
		}
	}
	return c, players
}

// silenced counts the slashes for silence.
func (c *channel) silenced() int {
	n := 0
	for _, e := range c.log {
		for _, r := range e.tx.Credits.Receipts {
			if r.Stake != nil && len(r.Cause) > 7 && r.Cause[:7] == "silent/" {
				n++
			}
		}
	}
	return n
}

func never() bool { return false }

func TestNoRevealIsMissedWhereTheLedgerIsOfferedMoreThanItTakes(t *testing.T) {
	for _, operations := range []int{4, 8, 16} {
		slow := func() *busy {
			return &busy{tick: 500 * time.Millisecond, each: func() int { return operations }, lost: never}
		}
		c, players := offered(t, 100, true)
		s := slow()
		took := s.run(t, c, players, 30*time.Minute)
		c.final(t, c.world.Tasks...)
		if n := c.silenced(); n != 0 {
			t.Errorf("%d reveals of honest scorers were missed", n)
		}
		t.Logf("%d operations a tick: %d tasks in %s, at most %v commitments waited", operations, len(c.world.Tasks), took, s.most)

		c, players = offered(t, 100, false)
		s = slow()
		took = s.run(t, c, players, 30*time.Minute)
		missed := c.silenced()
		t.Logf("without control: %s, %d reveals missed, at most %v commitments waited", took, missed, s.most)
		if operations <= 8 && missed == 0 {
			t.Error("no reveal is missed without control: the ledger is not slow enough to show what it is for")
		}
	}
}

func TestNoRevealIsMissedHoweverSlowTheLedgerIs(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c, players := offered(t, rapid.IntRange(8, 16).Draw(rt, "shipments"), true)
		least := rapid.IntRange(6, 20).Draw(rt, "operations")
		lost := rapid.IntRange(0, 10).Draw(rt, "lost in a hundred")
		n := 0
		s := &busy{
			tick: 500 * time.Millisecond, each: func() int { n++; return least + n*7%5 },
			lost: func() bool { n += 13; return n%100 < lost },
		}
		s.run(rt, c, players, time.Hour)
		c.final(rt, c.world.Tasks...)
		if missed := c.silenced(); missed != 0 {
			rt.Fatalf("%d missed, at most %v waited", missed, s.most)
		}
	})
}

func TestTheAllowanceFollowsWhatTheLedgerBears(t *testing.T) {
	phase, now := 12*time.Second, time.Unix(1_000, 0)
	p := newPace(64)
	for range 1_000 {
		p.look(p.allowed, now, phase)
		p.quick()
	}
	if p.allowed != 256 {
		t.Fatalf("a fast ledger: %d", p.allowed)
	}
	p.slow(now, phase)
	p.slow(now.Add(phase-1), phase)
	if p.allowed != 128 {
		t.Errorf("two late ones of one phase: %d", p.allowed)
	}
	for i := range 20 {
		p.slow(now.Add(time.Duration(i+1)*phase), phase)
	}
	if p.allowed != 2 {
		t.Errorf("a very slow ledger: %d", p.allowed)
	}
	p.look(0, now, phase)
	p.quick()
	if p.allowed != 2 {
		t.Errorf("what is not used shows nothing: %d", p.allowed)
	}
	p.allowed = 200
	p.look(0, now.Add(phase+1), phase)
	if p.allowed != paceFirst {
		t.Errorf("after a phase without any: %d", p.allowed)
	}
}

func TestWhatRevealsGoesFirstAndInSmallCalls(t *testing.T) {
	var errands []errand
	for i := range 40 {
		errands = append(errands, errand{deed: deed(i % int(deeds))})
	}
	calls, rest := inCalls(errands)
	n := 0
	for _, few := range calls {
		if n += len(few); len(few) > smallCall || slices.ContainsFunc(few, func(e errand) bool { return !e.deed.presses() }) {
			t.Errorf("%+v", few)
		}
	}
	if n+len(rest) != len(errands) || slices.ContainsFunc(rest, func(e errand) bool { return e.deed.presses() }) {
		t.Errorf("%d and %d", n, len(rest))
	}
}
