package panel

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/internal/protocolsim"
)

// travels is a channel on which a container goes on several journeys.
type travels struct {
	*channel

	docket *scorer.Docket
	minute int
	tasks  []protocolsim.Task // of all its windows
	begins []int              // of each journey the first of its tasks
}

const container = "urn:epc:id:sscc:9520001.5000000001"

// newTravels has a container go on so many journeys of four windows each. All but the last have their final verdicts. Late: then
// a reading came that gave the one before the last another window, which has none.
func newTravels(t testing.TB, journeys int, late bool) *travels {
	t.Helper()
	c := &travels{channel: &channel{policy: undrawn()}}
	var members []protocolsim.Member
	for _, name := range scorerNames() {
		members = append(members, protocolsim.Member{Name: name, MSPID: strings.ToUpper(name), Stake: 10_000})
	}
	var early []wire.Transaction
	tell := func(tx wire.Transaction) { early = append(early, tx) }
	var err error
	if c.world, err = protocolsim.NewWorldTold(c.policy, members, 0, func(tx wire.Transaction) { tell(tx) }); err != nil {
		t.Fatal(err)
	}
	c.docket = scorer.NewTaskDocket(c.world.Model, feature.DefaultLimits())
	tell = func(tx wire.Transaction) {
		c.log = append(c.log, entry{tx: tx, due: c.docket.Judge(uint64(len(c.log)), tx)})
	}
	for _, tx := range early {
		tell(tx)
	}
	for n := range journeys {
		if n > 0 {
			players := c.players(t)
			c.play(t, players, 25*time.Minute)
			c.final(t, c.tasks...)
		}
		if late && n == journeys-1 {
			now := c.minute
			c.minute -= 3
			e := reading(31)
			delete(e, "bizStep") // which would give it two
			c.records(t, e)
			c.minute = now
		}
		c.journey(t)
	}
	c.anchor(t)
	return c
}

// clone goes its own way from here.
func (c *travels) clone() *travels {
	d := *c
	d.channel = &channel{policy: c.policy, log: slices.Clone(c.log), world: c.world.Clone()}
	d.world.Tell(func(tx wire.Transaction) { d.log = append(d.log, entry{tx: tx}) })
	return &d
}

// records has an event recorded.
func (c *travels) records(t testing.TB, fields map[string]any) {
	t.Helper()
	c.minute++
	fields["eventTime"] = time.Date(2026, 3, 1, 9, c.minute, 0, 0, time.UTC).Format(time.RFC3339)
	fields["eventTimeZoneOffset"] = "+00:00"
	body, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	from := len(c.log)
	if _, err = c.world.Record("rootA", wire.EventEntry{Body: body}); err != nil {
		t.Fatal(err)
	}
	for _, e := range c.log[from:] {
		for _, due := range e.due {
			if due.Statement == nil {
				t.Fatal(due.Why)
			}
			ruling, err := c.world.Judge(*due.Statement)
			if err != nil || ruling.Fault != "" {
				t.Fatal(ruling.Fault, err)
			}
			c.tasks = append(c.tasks, protocolsim.Task{Statement: *due.Statement, Truth: ruling})
		}
	}
}

func handling(name string) map[string]any {
	return map[string]any{"type": "ObjectEvent", "action": "OBSERVE", "epcList": []string{container}, "bizStep": name}
}

func reading(celsius int) map[string]any {
	e := handling("storing")
	e["sensorElementList"] = []any{map[string]any{"sensorReport": []any{map[string]any{"type": "Temperature", "value": celsius, "uom": "CEL"}}}}
	return e
}

// journey has the container bound to a logger, shipped, measured thrice, looked at and received.
func (c *travels) journey(t testing.TB) {
	t.Helper()
	c.begins = append(c.begins, len(c.tasks))
	for _, e := range []map[string]any{
		{"type": "AssociationEvent", "action": "ADD", "parentID": container, "childEPCs": []string{fmt.Sprintf("urn:epc:id:giai:9520002.T%d", len(c.begins))}},
		handling("shipping"), reading(5), handling("inspecting"), reading(30), reading(6), handling("receiving"),
	} {
		c.records(t, e)
	}
}

// watched has a scorer that is alone do what it can about a task of others, and holds that it loses nothing by it. It goes on trying
// to open what waits for the window before, so that it is never quiet.
func (c *travels) watched(t rapid.TB, p *player, id ledger.Digest) ledger.TaskView {
	t.Helper()
	v := c.view(t, id)
	for range 1_200 {
		p.read(c.channel, len(c.log))
		if v = c.view(t, id); v.Settlement != nil {
			break
		}
		c.turn(t, []*player{p}, nil)
		c.world.Advance(2_000)
	}
	p.read(c.channel, len(c.log))
	c.unhurt(t, p, v)
	return v
}

// other is a list that three agree on: as another of a window, with what is said of when its journey begins.
func (c *travels) other(t rapid.TB, s ledger.TaskStatement, change func(*ledger.TaskStatement)) (ledger.TaskStatement, ledger.Ruling) {
	t.Helper()
	s.References = slices.Clone(s.References)
	change(&s)
	ruling, err := c.world.Judge(s)
	if err != nil {
		t.Fatal(err)
	}
	s.Inputs = ruling.Inputs
	if ruling.Fault != "" {
		s.Inputs, ruling.Answer = ledger.Digest{5}, c.tasks[len(c.tasks)-1].Truth.Answer
	}
	return s, ruling
}

func TestWhatOpenedALaterJourneyIsClaimed(t *testing.T) {
	base := newTravels(t, 3, false)
	for _, how := range []string{"goes on", "from its checkpoint", "from the first block", "once the root is anchored"} {
		for name, omit := range map[string]int{"the first window": 0, "the last window": len(base.tasks) - 1 - base.begins[2]} {
			t.Run(name+", "+how, func(t *testing.T) {
				c := base.clone()
				task := c.tasks[c.begins[2]+omit]
				anchored := how != "once the root is anchored"
				p := c.player(t, "a")
				prove := p.cfg.Prove
				p.cfg.Prove = func(ctx context.Context, q Question) (Evidence, error) {
					if !anchored {
						return Evidence{}, ErrNotAnchored
					}
					return prove(ctx, q)
				}
				p.restart(nil)
				other, ruling := c.other(t, task.Statement, func(s *ledger.TaskStatement) { s.References = slices.Delete(s.References, 1, 2) })
				if ruling.Fault != "" || other.Begins == 0 {
					t.Fatal(ruling.Fault, other.Begins)
				}
				id := c.agree(t, other, ruling.Answer, scorerNames()[1:]...)
				p.read(c.channel, len(c.log))
				switch how {
				case "from its checkpoint":
					p.resumed(t)
				case "from the first block":
					p.restart(nil)
				case "once the root is anchored":
					for range 30 {
						c.turn(t, []*player{p}, nil)
						c.world.Advance(500)
					}
					anchored = true
				}
				c.until(t, []*player{p}, func() bool { return len(c.view(t, id).Claims) == 1 })
				if v := c.view(t, id); !v.Claims[0].Since || v.Claims[0].Omitted.Digest != task.Statement.References[1].Digest {
					t.Errorf("%+v", v.Claims)
				}
				v := c.watched(t, p, id)
				if v.Settlement == nil || v.Settlement.By != ledger.SettledOmission {
					t.Errorf("%+v", v.Settlement)
				}
				c.play(t, append(c.players(t)[1:], p), 45*time.Minute)
				c.final(t, c.tasks...)
			})
		}
	}
}

// What was measured before a journey ended and came later gave it a window more. A list that begins the next journey with that
// window is void by the claim of what closed it; so is one of that window that tells of the next journey.
func TestAWindowIsNotTakenFromTheJourneyBefore(t *testing.T) {
	base := newTravels(t, 2, true)
	late := base.tasks[base.begins[1]-1]
	if s := late.Statement; s.Begins != 0 || s.Window != 4 || !late.Truth.Verdict.Final {
		t.Fatalf("window %d from %d on", s.Window, s.Begins)
	}
	for name, window := range map[string]int{"the window": 0, "a later one": 2} {
		for _, how := range []string{"goes on", "from its checkpoint"} {
			t.Run(name+", "+how, func(t *testing.T) {
				c := base.clone()
				p := c.player(t, "a")
				p.restart(nil)
				task := c.tasks[c.begins[1]+window]
				other, ruling := c.other(t, task.Statement, func(s *ledger.TaskStatement) { s.Begins, s.Window = s.Begins-1, s.Window-1 })
				if ruling.Fault != "" {
					t.Fatal(ruling.Fault)
				}
				id := c.agree(t, other, ruling.Answer, scorerNames()[1:]...)
				p.read(c.channel, len(c.log))
				if how == "from its checkpoint" {
					p.resumed(t)
				}
				v := c.watched(t, p, id)
				if len(v.Claims) != 1 || !v.Claims[0].Late || v.Settlement == nil || v.Settlement.By != ledger.SettledOmission {
					t.Errorf("%+v %+v", v.Claims, v.Settlement)
				}
				c.play(t, append(c.players(t)[1:], p), 45*time.Minute)
				c.final(t, c.tasks...)
			})
		}
	}
}

// A false claim that something opened a later journey is refuted as any other is, and not by what the contract does not take for that.
func TestAFalseClaimOfWhatOpenedALaterJourneyIsRefuted(t *testing.T) {
	c := newTravels(t, 2, false)
	last := c.tasks[len(c.tasks)-1]
	task := c.tasks[c.begins[1]]
	players := c.players(t)[:3]
	id := idOf(t, task.Statement)
	c.until(t, players, func() bool { return len(c.view(t, id).Reveals) > 0 })
	// What came in the midst of the journey is said to have opened it: the claimant binds the container to it by its own reading.
	omitted := last.Statement.References[slices.IndexFunc(last.Statement.References, func(r ledger.Reference) bool {
		return r.Kind == ledger.RefEvent && !slices.ContainsFunc(task.Statement.References, func(o ledger.Reference) bool { return o.Digest == r.Digest })
	})]
	former, ok := c.tasks[c.begins[1]-1].Statement.Ends()
	if !ok {
		t.Fatal("the journey before has no end")
	}
	key, err := wire.FactKey(former)
	if err != nil {
		t.Fatal(err)
	}
	since, err := c.world.Prove(key, wire.EventKey(omitted.Digest))
	if err != nil {
		t.Fatal(err)
	}
	for at := range task.Statement.References {
		answers, err := c.world.Score("d", ledger.TaskOperation{Challenge: &ledger.ChallengeTask{Task: id, Omitted: &omitted, At: uint32(at), Since: since}})
		if err != nil {
			t.Fatal(err)
		}
		if answers[0].Status == ledger.StatusRecorded {
			break
		}
	}
	if v := c.view(t, id); len(v.Claims) != 1 || !v.Claims[0].Since {
		t.Fatalf("%+v", v.Claims)
	}
	c.until(t, players, func() bool { return !c.view(t, id).Claims[0].Open() })
	c.play(t, players, 45*time.Minute)
	c.final(t, c.tasks...)
	for _, p := range players {
		if s := p.book.snapshot(); s.Refused != 0 || c.lostStake(t, p.name) != 0 {
			t.Errorf("%s: %+v", p.name, s)
		}
	}
	if c.lostStake(t, "d") == 0 {
		t.Error("it cost nothing")
	}
}

// thinned leaves one of so many and one out of a list; its policy stays, of which the log does not tell when it was.
func thinned(t *rapid.T, list []ledger.Reference, most int) []ledger.Reference {
	return slices.DeleteFunc(slices.Clone(list), func(r ledger.Reference) bool {
		return r.Kind != ledger.RefPolicy && rapid.IntRange(0, most).Draw(t, "left out") == 0
	})
}

// TestNoListOfALaterJourneyBecomesFinalThatIsNot has three of four agree on any list of what two journeys rest on, in the log's
// order or in another, under any window to begin with, while the fourth reads, is killed and does not hear.
func TestNoListOfALaterJourneyBecomesFinalThatIsNot(t *testing.T) {
	bases := []*travels{newTravels(t, 2, false), newTravels(t, 2, true)}
	wrong, ended := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		base := rapid.SampledFrom(bases).Draw(rt, "travels")
		first, last := base.tasks[base.begins[1]-1].Statement, base.tasks[len(base.tasks)-1].Statement
		all := slices.Concat(first.References, last.References[1:])
		c := base.clone()
		task := c.tasks[rapid.IntRange(c.begins[1]-1, len(c.tasks)-1).Draw(rt, "window")]
		other, ruling := c.other(rt, task.Statement, func(s *ledger.TaskStatement) {
			switch rapid.IntRange(0, 4).Draw(rt, "how") {
			case 0: // what came first is left out
				s.References = slices.Delete(s.References, 1, rapid.IntRange(2, len(s.References)-1).Draw(rt, "first"))
			case 1: // some is
				s.References = thinned(rt, s.References, 3)
			case 2: // of both journeys
				s.Begins = rapid.SampledFrom([]uint32{0, 0, 1, s.Begins}).Draw(rt, "begins")
				s.References = thinned(rt, all, 9)
				s.References = s.References[:rapid.IntRange(min(3, len(s.References)), len(s.References)).Draw(rt, "length")]
			case 3: // another beginning
				s.References = slices.Clone(last.References)[:rapid.IntRange(1, len(last.References)).Draw(rt, "length")]
				s.Begins = uint32(rapid.IntRange(0, int(s.Window)).Draw(rt, "begins"))
			default: // in another order
				s.References = append(s.References[:1:1], rapid.Permutation(s.References[1:]).Draw(rt, "order")...)
			}
		})
		if idOf(rt, other) == idOf(rt, task.Statement) || other.Inputs == task.Statement.Inputs {
			return
		}
		if answers, err := c.world.Score("b", ledger.TaskOperation{Open: &other}); err != nil || answers[0].Status == ledger.StatusRefused {
			return
		}
		wrong++
		p := c.player(rt, "a")
		var checkpoint saved
		id := c.agree(rt, other, ruling.Answer, "b", "c", "d")
		for range rapid.IntRange(0, 12).Draw(rt, "moves") {
			switch rapid.IntRange(0, 4).Draw(rt, "move") {
			case 0:
				p.disturbed(rt, &checkpoint)
			case 1, 2:
				p.read(c.channel, min(len(c.log), p.at+rapid.IntRange(1, 40).Draw(rt, "blocks")))
			default:
				c.someSay(rt, []*player{p})
			}
			c.world.Advance(ledger.Millis(rapid.IntRange(0, 10_000).Draw(rt, "pause")))
		}
		v := c.watched(rt, p, id)
		if v.Settlement != nil && v.Phase() == ledger.TaskVoid {
			ended++
		}
		// The others would have it final.
		for range 3 {
			if v = c.view(rt, id); v.Settlement == nil {
				_, err := c.world.Score("b", ledger.TaskOperation{Settle: &ledger.SettleTask{Task: id, Verdict: &ruling.Verdict}})
				if err != nil {
					rt.Fatal(err)
				}
				c.world.Advance(c.policy.ChallengeFor)
			}
		}
		if v = c.view(rt, id); v.Phase() == ledger.TaskFinal {
			rt.Errorf("window %d, which begins with %d, of %d references instead of %d: final by %s", other.Window, other.Begins, len(other.References), len(task.Statement.References), v.Settlement.By)
		}
	})
	t.Logf("%d other lists opened, %d void by the one", wrong, ended)
	if ended == 0 {
		t.Error("nothing was tried")
	}
}
