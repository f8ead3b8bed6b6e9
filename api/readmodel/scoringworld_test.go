package readmodel

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/internal/protocolsim"
)

// played is a ledger that the contract wrote: four scorers judge every window of some shipments, honestly and in every other way,
// with the views of the tasks as the contract has them.
func played(t *testing.T) (*protocolsim.World, *chain, []string, []ledger.TaskView) {
	t.Helper()
	c := newChain(1)
	c.add()
	n := 0
	told := func(recorded wire.Transaction) {
		n++
		c.add(Recorded{TxID: fmt.Sprintf("tx%d", n), MSPID: "A", At: noon, Transaction: recorded})
	}
	var members []protocolsim.Member
	var names []string
	for i := range 4 {
		names = append(names, fmt.Sprintf("s%d", i))
		members = append(members, protocolsim.Member{Name: names[i], MSPID: string(rune('A' + i)), Stake: 40_000})
	}
	policy := protocolsim.DefaultPolicy()
	policy.Canary = 200_000
	w, err := protocolsim.NewWorldTold(policy, members, 6, told)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(7, 11))
	var views []ledger.TaskView
	strategies := append([]protocolsim.Strategy{protocolsim.Honest}, protocolsim.Strategies()...)
	for i, task := range w.Tasks {
		if i%5 == 2 {
			// Somebody says something else alone, before the others have judged.
			alone := task.Truth.Verdict
			alone.Trace[0]++
			alone.Final = true
			argument, err := wire.Encode(wire.VerdictBatch{Verdicts: []ledger.Verdict{alone}})
			if err != nil {
				t.Fatal(err)
			}
			stub, answers, err := w.Invoke("s3", wire.FnRecordVerdicts, argument, 0)
			if err != nil || answers[0].Status != ledger.StatusRecorded {
				t.Fatal(answers, err)
			}
			if _, err = w.Commit(stub); err != nil {
				t.Fatal(err)
			}
		}
		var players []protocolsim.Player
		for k, name := range names {
			p := protocolsim.Player{Name: name, Strategy: protocolsim.Honest}
			if k == i%3+1 {
				p.Strategy = strategies[i%len(strategies)]
			}
			if i == 11 && k > 1 {
				p.Strategy = protocolsim.Random // neither half has a quorum
			}
			players = append(players, p)
		}
		if _, err := w.Play(task, players, protocolsim.Watch(i%2), r); err != nil {
			t.Fatal(i, err)
		}
		id, err := wire.TaskDigest(task.Statement)
		if err != nil {
			t.Fatal(err)
		}
		view, err := w.View(id)
		if err != nil {
			t.Fatal(err)
		}
		views = append(views, view)
	}
	return w, c, names, views
}

// What the read model says of stakes, rewards, slashes and reputation is what the contract's state says.
func TestScoringIsReadAsTheContractHasIt(t *testing.T) {
	w, c, names, views := played(t)
	holdings, sums, err := w.Holdings()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[ledger.SettledBy]bool{}
	eachWay(t, c, func(t *testing.T, s *Store) {
		read, _, err := s.CreditSums(t.Context())
		read.Facts = sums.Facts
		if err != nil || read != sums {
			t.Errorf("%+v, not %+v: %v", read, sums, err)
		}
		overruled, refuted := 0, 0
		for i, v := range views {
			task := got(s.Task(t.Context(), v.Task.ID))(t)
			if !reflect.DeepEqual(task.TaskView, v) {
				t.Errorf("task %d: %+v, not %+v", i, task.TaskView, v)
			}
			if v.Settlement == nil {
				t.Fatalf("task %d has not ended", i)
			}
			seen[v.Settlement.By] = true
			for _, c := range task.Claims {
				if c.Refuted == nil {
					continue
				}
				refuted++
				cost := got(s.ScoringEntries(t.Context(), EntryFilter{Account: &c.Account, Task: &c.Task, Kinds: []EntryKind{EntrySlashed}}, nil, true, 9))(t)
				paid := got(s.ScoringEntries(t.Context(), EntryFilter{Account: &c.Refuted.Account, Task: &c.Task, Kinds: []EntryKind{EntryFound}}, nil, true, 9))(t)
				if len(cost) != 1 || cost[0].Cause != "claim" || cost[0].Amount == 0 || len(paid) == 0 || paid[0].Cause != "claim" {
					t.Errorf("a false claim cost %+v and paid %+v", cost, paid)
				}
			}
			statement := v.Task.Statement
			final, err := w.Final(statement)
			if err != nil {
				t.Fatal(err)
			}
			if final == nil {
				continue
			}
			f := got(s.Final(t.Context(), statement.Shipment, statement.Window, statement.Model))(t)
			if !reflect.DeepEqual(f.FinalVerdict, *final) || f.Whole == nil || answered(t, f.Whole.Verdict) != final.Answer || f.Whole.Standing != StandsFinal || f.Whole.By != v.Settlement.By || f.Whole.Task != v.Task.ID {
				t.Errorf("task %d: %+v, not %+v", i, f, final)
			}
			if (final.Verdict != nil) != (f.Whole.Overruled != nil) {
				t.Errorf("task %d: %+v", i, f.Whole)
			}
			if f.Whole.Overruled != nil {
				overruled++
			}
		}
		if refuted == 0 {
			t.Error("no claim was refuted")
		}
		if overruled < 2 {
			t.Errorf("%d verdicts were overruled", overruled)
		}
		slashed := ledger.Credits(0)
		for _, name := range names {
			id := w.Account(name)
			want := ledger.Reputation{Account: id}
			for _, v := range views {
				want = want.Settle(v)
			}
			is := got(s.ScoringSums(t.Context(), id))(t)
			if is.Reputation != want || is.Tasks != uint64(len(views)) {
				t.Errorf("%s: %+v, not %+v", name, is.Reputation, want)
			}
			stake, err := w.Stake(name)
			if err != nil || stake == nil || stake.Slashed != is.Slashed {
				t.Errorf("%s: %+v, not %+v: %v", name, is, stake, err)
			}
			if have := 40_000 + is.Rewarded + is.Found - is.Slashed; have != holdings[id] {
				t.Errorf("%s has %d by its entries, %d in notes", name, have, holdings[id])
			}
			record := got(s.Governed(t.Context(), RecordFilter{Kind: wire.KindStake, ID: id.String()}, RecordKey{}, 1))(t)
			if len(record) != 1 {
				t.Fatalf("%s has no stake", name)
			}
			if held := got(wire.Decode[ledger.Stake](record[0].Value, wire.MaxStoredBytes))(t); !reflect.DeepEqual(held, *stake) {
				t.Errorf("%s: %+v, not %+v", name, held, stake)
			}
			last := got(s.ScoringEntries(t.Context(), EntryFilter{Account: &id, Kinds: []EntryKind{EntryBonded, EntryUnbonded, EntrySlashed}}, nil, true, 1))(t)
			if len(last) != 1 || last[0].Bonded != stake.Bonded {
				t.Errorf("%s: %+v, not %+v", name, last, stake)
			}
			slashed += is.Slashed
		}
		if slashed == 0 {
			t.Error("nobody was slashed")
		}
	})
	for _, by := range []ledger.SettledBy{ledger.SettledUnanimous, ledger.SettledDraw, ledger.SettledChallenge} {
		if !seen[by] {
			t.Errorf("no task ended by %s", by)
		}
	}
}
