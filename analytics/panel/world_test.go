package panel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/internal/protocolsim"
)

// channel is the contract's own world with what it recorded as a stream, which scorers read each at its own pace.
type channel struct {
	world  *protocolsim.World
	log    []entry
	policy ledger.ScoringPolicy
}

// entry is a transaction on the stream, with the verdicts that it makes due.
type entry struct {
	tx  wire.Transaction
	due []scorer.Due
	// dueOf is what falls due at those who run another model, by its name.
	dueOf map[string][]scorer.Due
}

// scorerNames are the members of a channel.
func scorerNames() []string { return []string{"a", "b", "c", "d"} }

func newChannel(t testing.TB, policy ledger.ScoringPolicy, shipments int) *channel {
	t.Helper()
	c := &channel{policy: policy}
	var members []protocolsim.Member
	for _, name := range scorerNames() {
		members = append(members, protocolsim.Member{Name: name, MSPID: strings.ToUpper(name), Stake: 10_000})
	}
	var err error
	if c.world, err = protocolsim.NewWorldTold(policy, members, shipments, func(tx wire.Transaction) { c.log = append(c.log, entry{tx: tx}) }); err != nil {
		t.Fatal(err)
	}
	if shipments > 0 {
		c.anchor(t)
	}
	return c
}

// anchor has a majority of the keepers anchor what is in the proof log now.
func (c *channel) anchor(t testing.TB) {
	t.Helper()
	if err := c.world.Anchor("A", "B"); err != nil {
		t.Fatal(err)
	}
}

// prove is a scorer's own proof log.
func (c *channel) prove(_ context.Context, q Question) (Evidence, error) {
	keys := q.Keys
	file, err := c.world.Prove(keys...)
	if errors.Is(err, protocolsim.ErrNotAnchored) {
		return Evidence{}, ErrNotAnchored
	}
	if err != nil {
		return Evidence{}, err
	}
	shown, err := proof.DecodeBare(file)
	if err != nil {
		return Evidence{}, err
	}
	facts, err := shown.Check()
	e := Evidence{Proof: file}
	for _, key := range keys {
		i := slices.IndexFunc(facts, func(f proof.Fact) bool { return f.Key == key })
		e.Places = append(e.Places, facts[i].Position)
	}
	return e, err
}

// fallsDue puts verdicts on the stream as what a block of readings makes due.
func (c *channel) fallsDue(tasks ...protocolsim.Task) {
	e := entry{}
	for _, task := range tasks {
		e.due = append(e.due, scorer.Due{Verdict: task.Truth.Verdict, Statement: &task.Statement})
	}
	c.log = append(c.log, e)
}

// player is a scorer with its book and the place on the stream that it has read to.
type player struct {
	name  string
	cfg   Config
	book  *book
	at    int
	alone []ledger.Verdict
	// bend changes what it sends, nil: nothing.
	bend func(ledger.TaskOperation) (ledger.TaskOperation, bool)
}

func (c *channel) player(t rapid.TB, name string) *player {
	t.Helper()
	secret := make([]byte, secretBytes)
	copy(secret, name)
	p := &player{name: name, cfg: Config{
		Binding: c.world.Account(name), Secret: secret, Pause: 3 * time.Second, MaxOpen: 100, MaxOpening: 2,
		Scorer: scorer.Config{Model: c.world.Model}, Settled: func(ledger.SettledBy, time.Duration) {}, Prove: c.prove,
		Now: func() time.Time { return stamp(c.world.Now()) },
	}}
	p.restart(nil)
	return p
}

func (c *channel) players(t rapid.TB) []*player {
	t.Helper()
	var all []*player
	for _, name := range scorerNames() {
		all = append(all, c.player(t, name))
	}
	return all
}

// restart begins with an empty book at the start of the stream, or with what a checkpoint held at a place.
func (p *player) restart(saved []byte) {
	p.book = newBook(p.cfg, slog.New(slog.NewTextHandler(io.Discard, nil)))
	p.at = 0
	if saved != nil {
		if err := p.book.restore(saved, p.cfg.Now()); err != nil {
			panic(err)
		}
	}
}

// read follows the stream to its end or to a place.
func (p *player) read(c *channel, to int) {
	for ; p.at < to; p.at++ {
		e := c.log[p.at]
		due := e.due
		if other, ok := e.dueOf[p.cfg.Scorer.Model.Name()]; ok {
			due = other
		}
		p.alone = append(p.alone, p.book.apply(e.tx, due, p.cfg.Now())...)
	}
}

// live has the player act from now on.
func (p *player) live() {
	if !p.book.live {
		p.book.goLive(p.cfg.Now())
	}
}

// call is what a player has to send now, nil if nothing.
type call struct {
	p       *player
	errands []errand
	at      []int // for each operation of the errands where it is in the call; -1: it was dropped
	call    protocolsim.Call
}

func (c *channel) next(p *player) *call {
	known, rest := parted(first(p.book.next(p.cfg.Now(), 90, maxQuestions)))
	errands := known
	for _, e := range rest {
		operations, err := e.find(context.Background(), p.book.asking(p.cfg.Prove))
		if err != nil {
			p.book.answered(e, nil, err, p.cfg.Now())
			continue
		}
		e.operations = operations
		errands = append(errands, e)
	}
	errands = slices.DeleteFunc(errands, func(e errand) bool {
		if !e.trial || c.proves(p, e) {
			return false
		}
		p.book.answered(e, nil, errVain, p.cfg.Now())
		return true
	})
	if len(errands) == 0 {
		return nil
	}
	out := &call{p: p, errands: errands, call: protocolsim.Call{Who: p.name}}
	for _, e := range errands {
		for _, op := range e.operations {
			send := true
			if p.bend != nil {
				op, send = p.bend(op)
			}
			if !send {
				out.at = append(out.at, -1)
				continue
			}
			out.at = append(out.at, len(out.call.Operations))
			out.call.Operations = append(out.call.Operations, op)
		}
	}
	return out
}

func first(errands []errand, _ time.Time) []errand { return errands }

// proves tries a challenge as Service.try does.
func (c *channel) proves(p *player, e errand) bool {
	argument, err := wire.Encode(wire.TaskBatch{Operations: e.operations})
	if err != nil {
		panic(err)
	}
	_, answers, err := c.world.Invoke(p.name, wire.FnScore, argument, 0)
	return err == nil && answers[0].Message == ledger.SettledNoWindow.String()
}

// answered tells the book what became of the call.
func (k *call) answered(d protocolsim.Done) {
	i := 0
	for _, e := range k.errands {
		var answers []wire.Answer
		for range e.operations {
			if at := k.at[i]; at >= 0 && at < len(d.Answers) {
				answers = append(answers, d.Answers[at])
			}
			i++
		}
		err := d.Err
		if d.Conflict {
			err = errConflict
		}
		k.p.book.answered(e, answers, err, k.p.cfg.Now())
	}
}

var errConflict = fmt.Errorf("a conflict")

// turn has all that have something to say say it in one block, in an order, and gives how many did.
func (c *channel) turn(t rapid.TB, players []*player, order func([]*call)) int {
	t.Helper()
	var calls []*call
	for _, p := range players {
		p.live()
		if k := c.next(p); k != nil {
			calls = append(calls, k)
		}
	}
	if order != nil {
		order(calls)
	}
	sent := make([]protocolsim.Call, len(calls))
	for i, k := range calls {
		sent[i] = k.call
	}
	if len(calls) == 0 {
		return 0
	}
	done, err := c.world.Together(sent...)
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range calls {
		k.answered(done[i])
	}
	return len(calls)
}

// play goes on until nobody has anything to say for the time given: in steps of half a second while somebody speaks.
func (c *channel) play(t rapid.TB, players []*player, quiet time.Duration) {
	t.Helper()
	for still := time.Duration(0); still < quiet; {
		for _, p := range players {
			p.read(c, len(c.log))
		}
		step := 500 * time.Millisecond
		if c.turn(t, players, nil) > 0 {
			still = 0
		} else {
			step = min(step<<min(still/(2*time.Second), 5), 10*time.Second)
			still += step
		}
		c.world.Advance(ledger.Millis(step.Milliseconds()))
	}
	for _, p := range players {
		p.read(c, len(c.log))
	}
}

// final holds that each task has the engine's verdict as its final one.
func (c *channel) final(t rapid.TB, tasks ...protocolsim.Task) {
	t.Helper()
	for _, task := range tasks {
		f, err := c.world.Final(task.Statement)
		if err != nil || f == nil || f.Answer != task.Truth.Answer {
			id, _ := wire.TaskDigest(task.Statement)
			v, _ := c.world.View(id)
			t.Errorf("window %d of %s: %+v (%v); the task is %s", task.Statement.Window, task.Statement.Shipment, f, err, v.Phase())
		}
	}
}

// lostStake is how much of its stake a scorer has lost.
func (c *channel) lostStake(t rapid.TB, name string) ledger.Credits {
	t.Helper()
	s, err := c.world.Stake(name)
	if err != nil || s == nil {
		t.Fatal(err)
	}
	return s.Slashed
}
