package panel

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/internal/protocolsim"
)

// saved is a checkpoint with the place on the stream that it is of.
type saved struct {
	data []byte
	at   int
}

// TestWhateverIsLostAndKilledEveryVerdictBecomesFinalOnce has scorers read at their own pace, lose answers, be killed
// and started anew from a checkpoint or from the first block, and lose races.
func TestWhateverIsLostAndKilledEveryVerdictBecomesFinalOnce(t *testing.T) {
	base := newChannel(t, undrawn(), 3)
	start := len(base.log)
	rapid.Check(t, func(rt *rapid.T) {
		c := &channel{policy: base.policy, log: append([]entry{}, base.log[:start]...)}
		c.world = base.world.Clone()
		c.world.Tell(func(tx wire.Transaction) { c.log = append(c.log, entry{tx: tx}) })
		c.policy.AtOnce = true
		players := c.players(t)
		checkpoints := make([]saved, len(players))
		waiting := append([]protocolsim.Task{}, c.world.Tasks...)
		for range rapid.IntRange(10, 60).Draw(rt, "moves") {
			if len(waiting) > 0 && rapid.Bool().Draw(rt, "due") {
				c.fallsDue(waiting[0])
				waiting = waiting[1:]
			}
			i := rapid.IntRange(0, len(players)-1).Draw(rt, "who")
			p := players[i]
			switch rapid.IntRange(0, 9).Draw(rt, "move") {
			case 0, 1, 2:
				p.disturbed(rt, &checkpoints[i])
			case 3, 4:
				p.read(c, min(len(c.log), p.at+rapid.IntRange(1, 3).Draw(rt, "blocks")))
			case 5, 6:
				p.read(c, len(c.log))
			default:
				c.someSay(rt, players)
			}
			c.world.Advance(ledger.Millis(rapid.IntRange(0, 5_000).Draw(rt, "pause")))
		}
		c.fallsDue(waiting...)
		c.play(rt, players, 25*time.Minute)
		c.final(rt, c.world.Tasks...)
		for _, p := range players {
			if s := p.book.snapshot(); s.Open != 0 || s.Refused != 0 || s.Outvoted != 0 || len(p.alone) != 0 || c.lostStake(rt, p.name) != 0 {
				rt.Errorf("%s: %+v, %d alone", p.name, s, len(p.alone))
			}
		}
	})
}

// disturbed kills the player's process, which begins anew or from its last checkpoint, or has it make one.
func (p *player) disturbed(t *rapid.T, last *saved) {
	t.Helper()
	switch rapid.IntRange(0, 2).Draw(t, "disturbance") {
	case 0:
		p.restart(nil)
	case 1:
		p.restart(last.data)
		p.at = last.at
	default:
		data, err := p.book.save()
		if err != nil {
			t.Fatal(err)
		}
		*last = saved{data, p.at}
	}
}

// resumed kills the player's process, which begins again from a checkpoint made just before.
func (p *player) resumed(t testing.TB) {
	t.Helper()
	data, err := p.book.save()
	if err != nil {
		t.Fatal(err)
	}
	at := p.at
	p.restart(data)
	p.at = at
}

// someSay has some of the players speak, and some not hear the answers.
func (c *channel) someSay(t *rapid.T, players []*player) {
	t.Helper()
	all := 1<<len(players) - 1
	c.say(t, players, rapid.IntRange(0, all).Draw(t, "speak"), rapid.IntRange(0, all).Draw(t, "deaf"))
}

// say has some speak in one block, in any order, of whom some do not hear the answers.
func (c *channel) say(t rapid.TB, players []*player, speak, deaf int) {
	var calls []*call
	for i, p := range players {
		if speak>>i&1 == 0 || !p.book.live && p.at < len(c.log) {
			continue
		}
		p.live()
		if k := c.next(p); k != nil {
			calls = append(calls, k)
		}
	}
	rand.Shuffle(len(calls), func(i, j int) { calls[i], calls[j] = calls[j], calls[i] })
	sent := make([]protocolsim.Call, len(calls))
	for i, k := range calls {
		sent[i] = k.call
	}
	done, err := c.world.Together(sent...)
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range calls {
		if deaf>>i&1 == 1 {
			done[i] = protocolsim.Done{Err: errConflict} // what it did is done all the same
		}
		k.answered(done[i])
	}
}
