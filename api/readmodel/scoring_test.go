package readmodel

import (
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

const sealed = "cold@0707070707070707070707070707070707070707070707070707070707070707"

func panelOf(accounts ...byte) (panel []ledger.Seat) {
	for _, a := range accounts {
		panel = append(panel, ledger.Seat{Account: account(a), MSPID: string('A' + rune(a) - 1), Weight: 100})
	}
	return panel
}

func taskOf(id byte, window uint32, model string, accounts ...byte) ledger.ScoringTask {
	return ledger.ScoringTask{
		ID: account(id), Statement: ledger.TaskStatement{Shipment: pallet, Window: window, Model: model, References: []ledger.Reference{{Kind: ledger.RefEvent, Digest: account(1)}}},
		Policy: 1, Panel: panelOf(accounts...), Weight: ledger.Credits(100 * len(accounts)), By: account(accounts[0]), At: noon, TxID: "open",
	}
}

func committedBy(task byte, accounts ...byte) (out []ledger.Commitment) {
	for _, a := range accounts {
		out = append(out, ledger.Commitment{Task: account(task), Account: account(a), Commitment: account(a + 100), At: noon, TxID: "commit"})
	}
	return out
}

func closingOf(task byte, accounts ...byte) ledger.Closing {
	c := ledger.Closing{Task: account(task), Weight: ledger.Credits(100 * len(accounts)), RevealBy: noon + 60_000, At: noon, TxID: "close"}
	for _, a := range accounts {
		c.Committed = append(c.Committed, account(a))
	}
	return c
}

func revealed(task, by byte, answer ledger.TaskAnswer, tx string) ledger.Reveal {
	return ledger.Reveal{Task: account(task), Account: account(by), Answer: answer, Nonce: account(by), At: noon, TxID: tx}
}

func answered(tb interface{ Fatal(...any) }, v ledger.Verdict) ledger.TaskAnswer {
	digest, err := wire.VerdictDigest(v)
	if err != nil {
		tb.Fatal(err)
	}
	return ledger.AnswerOf(v, digest)
}

func scoredTx(id string, s wire.ScoringRecords, receipts ...ledger.Receipt) Recorded {
	content := credits(receipts...)
	content.Scoring = s
	return tx(id, content)
}

// judged is a ledger on which scorers 1 to 4 judged the pallet: window 0 is drawn, 3 lies and loses a part of its stake, 4 reveals
// after the ruling; a verdict that 3 had recorded alone is overruled. Window 1 is provisional under the word of 2; window 2 is
// several models', and an inspection says what was so.
func judged(tb interface{ Fatal(...any) }, c *chain) {
	truth := ledger.Verdict{Shipment: pallet, Window: 0, Model: sealed, Level: ledger.Quarantine, Score: 900_000, From: noon, To: noon + 1, Trace: account(5), Inputs: account(6)}
	lie := truth
	lie.Level, lie.Score, lie.Final = ledger.Clear, 0, true
	right, wrong := answered(tb, truth), answered(tb, lie)
	alone := lie
	alone.Scorer, alone.At, alone.TxID = "C", noon, "alone"
	c.add(tx("alone", wire.Transaction{Verdicts: []ledger.Verdict{alone}}))
	stake := func(a byte, bonded ledger.Credits) *ledger.Stake {
		return &ledger.Stake{Account: account(a), MSPID: string('A' + rune(a) - 1), Bonded: bonded}
	}
	setUp := wire.ScoringRecords{Policies: []ledger.ScoringPolicy{{Version: 1, MinStake: 100}}}
	accounts := wire.Transaction{Scoring: setUp}
	for _, s := range panelOf(1, 2, 3, 4) {
		accounts.Scoring.Scorers = append(accounts.Scoring.Scorers, ledger.Scorer{Account: s.Account, MSPID: s.MSPID, Active: true, Since: noon, TxID: "set"})
		accounts.Credits.Accounts = append(accounts.Credits.Accounts, ledger.CreditAccount{ID: s.Account, MSPID: s.MSPID, Binding: s.Account})
	}
	c.add(tx("set", accounts), tx("bond", credits(ledger.Receipt{
		Kind: ledger.CreditBond, Spent: []ledger.NamedNote{namedNote("m3", 0, 3, 100, 0)}, Created: []ledger.NamedNote{namedNote("b3", 0, 3, 100, ledger.LockStake)},
		Stake: stake(3, 100), TxID: "b3", At: noon,
	})))
	c.add(scoredTx("open", wire.ScoringRecords{Tasks: []ledger.ScoringTask{taskOf(50, 0, sealed, 1, 2, 3, 4)}, Commitments: committedBy(50, 1)}),
		scoredTx("commit", wire.ScoringRecords{Commitments: committedBy(50, 2, 3, 4)}))
	c.add(scoredTx("close", wire.ScoringRecords{Closings: []ledger.Closing{closingOf(50, 1, 2, 3, 4)}, Reveals: []ledger.Reveal{revealed(50, 1, right, "close")}}),
		scoredTx("reveal", wire.ScoringRecords{Reveals: []ledger.Reveal{revealed(50, 2, right, "reveal"), revealed(50, 3, wrong, "reveal")}}))
	prover := account(1)
	final := ledger.FinalVerdict{Shipment: pallet, Window: 0, Model: sealed, Task: account(50), Answer: right, By: ledger.SettledChallenge, At: noon + 5, TxID: "end", Verdict: &truth}
	c.add(scoredTx("end", wire.ScoringRecords{
		Settlements: []ledger.Settlement{{
			Task: account(50), By: ledger.SettledChallenge, Answer: &right, Right: []ledger.Digest{account(1), account(2)}, Wrong: []ledger.Digest{account(3)}, Prover: &prover,
			MSPID: "A", At: noon + 5, TxID: "end",
		}},
		Finals: []ledger.FinalVerdict{final},
	}, ledger.Receipt{
		Kind: ledger.CreditSlash, Cause: "wrong/" + account(50).String(), Spent: []ledger.NamedNote{namedNote("b3", 0, 3, 100, ledger.LockStake)},
		Created: []ledger.NamedNote{namedNote("end", 0, 3, 80, ledger.LockStake), namedNote("end", 1, 1, 10, 0)}, Burned: 10, Stake: stake(3, 80), TxID: "end", At: noon + 5,
	}, ledger.Receipt{
		Kind: ledger.CreditReward, Cause: account(50).String(), Minted: 24, Created: []ledger.NamedNote{namedNote("end", 2, 1, 12, 0), namedNote("end", 3, 2, 12, 0)}, TxID: "end", At: noon + 5,
	}))
	c.add(scoredTx("late", wire.ScoringRecords{Reveals: []ledger.Reveal{revealed(50, 4, right, "late")}}, ledger.Receipt{
		Kind: ledger.CreditReward, Cause: account(50).String() + "/" + account(4).String(), Minted: 12, Created: []ledger.NamedNote{namedNote("late", 0, 4, 12, 0)}, TxID: "late", At: noon + 6,
	}))
	second := truth
	second.Window = 1
	own := second
	own.Scorer, own.At, own.TxID = "B", noon, "own"
	c.add(tx("own", wire.Transaction{Verdicts: []ledger.Verdict{own}}), scoredTx("two", wire.ScoringRecords{
		Tasks: []ledger.ScoringTask{taskOf(51, 1, sealed, 1, 2, 3)}, Commitments: committedBy(51, 1, 2, 3), Closings: []ledger.Closing{closingOf(51, 1, 2, 3)},
		Reveals:      []ledger.Reveal{revealed(51, 1, answered(tb, second), "two"), revealed(51, 2, answered(tb, second), "two")},
		Provisionals: []ledger.Provisional{{Task: account(51), Answer: answered(tb, second), Weight: 200, Of: 200, At: noon, TxID: "two"}},
	}))
	blend := ledger.TaskAnswer{Level: ledger.Inspect, Score: 400_000}
	c.add(scoredTx("three", wire.ScoringRecords{
		Tasks: []ledger.ScoringTask{taskOf(52, 2, "", 1, 2)}, Commitments: committedBy(52, 1, 2), Closings: []ledger.Closing{closingOf(52, 1, 2)},
		Reveals:     []ledger.Reveal{revealed(52, 1, ledger.TaskAnswer{Model: sealed, Score: 300_000}, "three"), revealed(52, 2, ledger.TaskAnswer{Model: "other@1", Score: 500_000}, "three")},
		Settlements: []ledger.Settlement{{Task: account(52), By: ledger.SettledBlend, Answer: &blend, Blend: &ledger.Blend{Level: ledger.Inspect, Score: 400_000, Low: 300_000, High: 500_000, Count: 2}, At: noon, TxID: "three"}},
		Finals:      []ledger.FinalVerdict{{Shipment: pallet, Window: 2, Task: account(52), Answer: blend, By: ledger.SettledBlend, At: noon, TxID: "three"}},
	}))
	c.add(scoredTx("truth", wire.ScoringRecords{Inspections: []ledger.Inspection{{
		Task: account(52), Event: account(1), Spoiled: true, Losses: []ledger.Loss{{Account: account(1), Brier: 360_000}, {Account: account(2), Brier: 250_000}}, At: noon, TxID: "truth",
	}}}, ledger.Receipt{
		Kind: ledger.CreditReward, Cause: "truth/" + account(52).String(), Minted: 9, Created: []ledger.NamedNote{namedNote("truth", 0, 2, 9, 0)}, TxID: "truth", At: noon,
	}))
}

// eachWay runs a test on stores of each kind that took the ledger in at once, and block by block.
func eachWay(t *testing.T, c *chain, test func(t *testing.T, s *Store)) {
	t.Helper()
	onEach(t, func(t *testing.T, k kind) {
		atOnce, slowly := k.open(t), k.open(t)
		if err := atOnce.Apply(t.Context(), c.all()...); err != nil {
			t.Fatal(err)
		}
		for _, b := range c.all() {
			if err := slowly.Apply(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		if a, b := dumped(t, atOnce), dumped(t, slowly); a != b {
			t.Errorf("how blocks come in shows:\n%s\n%s", a, b)
		}
		test(t, slowly)
		if _, found := check(t, atOnce, c); len(found) != 0 {
			t.Errorf("a sound store differs: %v", names(found))
		}
	})
}

func judgedChain(t *testing.T) *chain {
	t.Helper()
	c := newChain(1)
	c.add()
	judged(t, c)
	return c
}

func TestTasksAreFoundByEachOfTheirSides(t *testing.T) {
	window, lost := uint32(1), account(3)
	eachWay(t, judgedChain(t), func(t *testing.T, s *Store) {
		for name, c := range map[string]struct {
			filter TaskFilter
			want   []byte
		}{
			"all":           {TaskFilter{}, []byte{50, 51, 52}},
			"final":         {TaskFilter{Phase: ledger.TaskFinal}, []byte{50, 52}},
			"provisional":   {TaskFilter{Phase: ledger.TaskProvisional}, []byte{51}},
			"void":          {TaskFilter{Phase: ledger.TaskVoid}, nil},
			"window":        {TaskFilter{Shipment: pallet, Window: &window}, []byte{51}},
			"scorer":        {TaskFilter{Scorer: &lost}, []byte{50, 51}},
			"scorer, phase": {TaskFilter{Scorer: &lost, Phase: ledger.TaskFinal, Shipment: pallet}, []byte{50}},
			"elsewhere":     {TaskFilter{Shipment: carton}, nil},
		} {
			for _, newest := range []bool{false, true} {
				var ids []byte
				page := Page{Limit: 1, Newest: newest}
				for more := true; more; {
					rows, err := s.Tasks(t.Context(), c.filter, page)
					if err != nil {
						t.Fatal(err)
					}
					for _, k := range rows.Rows {
						ids = append(ids, k.Task.ID[0])
						page.After = &k.Opened
					}
					more = rows.More
				}
				want := slices.Clone(c.want)
				if newest {
					slices.Reverse(want)
				}
				if !slices.Equal(ids, want) {
					t.Errorf("%s: %v, not %v", name, ids, want)
				}
			}
		}
		k, err := s.Task(t.Context(), account(50))
		if err != nil || k.Phase() != ledger.TaskFinal || len(k.Commitments) != 4 || len(k.Reveals) != 4 || k.Closing == nil || k.Settlement.By != ledger.SettledChallenge || k.Inspection != nil {
			t.Errorf("%+v, %v", k, err)
		}
		if k, err = s.Task(t.Context(), account(52)); err != nil || k.Inspection == nil || !k.Inspection.Spoiled {
			t.Errorf("%+v, %v", k, err)
		}
		if _, err = s.Task(t.Context(), account(99)); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		changed, err := s.ChangedTasks(t.Context(), TaskFilter{}, Page{Limit: 9})
		if err != nil || len(changed.Rows) != 3 || changed.Rows[0].Task.ID != account(50) || changed.Rows[2].Task.ID != account(52) {
			t.Errorf("%+v, %v", changed, err)
		}
		if changed, err = s.ChangedTasks(t.Context(), TaskFilter{}, Page{Limit: 9, After: &changed.Rows[0].Changed}); err != nil || len(changed.Rows) != 2 {
			t.Errorf("%+v, %v", changed, err)
		}
	})
}

// A claim is one row, whether it and its refutation come in together or apart.
func TestClaimsAreKeptUntilTheyAreRefuted(t *testing.T) {
	claim := func(task, by byte, refuted *ledger.Refutation) ledger.Claim {
		return ledger.Claim{
			Task: account(task), Account: account(by), Omitted: ledger.Reference{Kind: ledger.RefEvent, Digest: account(9)}, Before: 1, RefuteBy: noon + 60_000, At: noon, TxID: "claim", Refuted: refuted,
		}
	}
	refutation := &ledger.Refutation{Account: account(1), Reference: 1, Height: 3, At: noon + 1, TxID: "refute"}
	c := newChain(1)
	c.add()
	c.add(scoredTx("open", wire.ScoringRecords{Tasks: []ledger.ScoringTask{taskOf(60, 0, sealed, 1, 2, 3), taskOf(61, 1, sealed, 1, 2, 3)}, Closings: []ledger.Closing{closingOf(60, 1, 2, 3), closingOf(61, 1, 2, 3)}}),
		scoredTx("claim", wire.ScoringRecords{Claims: []ledger.Claim{claim(60, 3, nil), claim(61, 2, nil), claim(61, 3, nil)}}))
	c.add(scoredTx("refute", wire.ScoringRecords{Claims: []ledger.Claim{claim(60, 3, refutation), claim(61, 2, refutation)}}))
	c.add(scoredTx("end", wire.ScoringRecords{Settlements: []ledger.Settlement{{Task: account(61), By: ledger.SettledOmission, Prover: &ledger.Digest{3}, MSPID: "A", At: noon + 60_000, TxID: "end"}}}))
	eachWay(t, c, func(t *testing.T, s *Store) {
		one, two := got(s.Task(t.Context(), account(60)))(t), got(s.Task(t.Context(), account(61)))(t)
		if len(one.Claims) != 1 || !reflect.DeepEqual(one.Claims[0], claim(60, 3, refutation)) || one.Phase() != ledger.TaskClosed || one.Changed.Block != 2 {
			t.Errorf("%+v", one)
		}
		if !reflect.DeepEqual(two.Claims, []ledger.Claim{claim(61, 2, refutation), claim(61, 3, nil)}) || two.Phase() != ledger.TaskVoid {
			t.Errorf("%+v", two)
		}
		found := got(s.Tasks(t.Context(), TaskFilter{Claimed: true}, Page{Limit: 9}))(t)
		if len(found.Rows) != 1 || found.Rows[0].Task.ID != account(61) {
			t.Errorf("%+v", found.Rows)
		}
		if found = got(s.Tasks(t.Context(), TaskFilter{Claimed: true, Phase: ledger.TaskClosed}, Page{Limit: 9}))(t); len(found.Rows) != 0 {
			t.Errorf("%+v", found.Rows)
		}
	})
}

func TestAFinalVerdictStandsWhereAnotherWasRecorded(t *testing.T) {
	c := judgedChain(t)
	eachWay(t, c, func(t *testing.T, s *Store) {
		v := got(s.Verdict(t.Context(), pallet, 0, sealed))(t)
		if v.Level != ledger.Quarantine || v.Standing != StandsFinal || v.By != ledger.SettledChallenge || v.Task != account(50) || v.TxID != "end" || v.Block != 5 {
			t.Errorf("%+v", v)
		}
		if v.Position != (Position{Block: 5}) || v.Changed != (Position{Block: 5, Index: firstWord}) {
			t.Errorf("%+v", v)
		}
		if v.Overruled == nil || v.Overruled.Level != ledger.Clear || v.Overruled.Scorer != "C" || v.Overruled.TxID != "alone" {
			t.Errorf("%+v", v.Overruled)
		}
		if v = got(s.Verdict(t.Context(), pallet, 1, sealed))(t); v.Standing != StandsProvisional || v.Task != account(51) || v.Overruled != nil {
			t.Errorf("%+v", v)
		}
		listed, err := s.Verdicts(t.Context(), VerdictFilter{Shipment: pallet, AtLeast: ledger.Quarantine}, Page{Limit: 9})
		if err != nil || len(listed.Rows) != 2 || listed.Rows[0].Window != 0 || listed.Rows[1].Window != 1 {
			t.Errorf("%+v, %v", listed, err)
		}
		// Whoever watches gets it, though the window's verdict was sent before.
		after := Position{Block: 4, Index: maxIndex}
		if listed, err = s.Verdicts(t.Context(), VerdictFilter{}, Page{Limit: 9, After: &after}); err != nil || len(listed.Rows) != 2 {
			t.Errorf("%+v, %v", listed, err)
		}
		sh := got(s.Shipment(t.Context(), pallet))(t)
		if sh.Worst != ledger.Quarantine || sh.Latest == nil || sh.Latest.Window != 1 || sh.EndedAt != nil || sh.Verdicts != 2 {
			t.Errorf("%+v", sh)
		}
		f := got(s.Final(t.Context(), pallet, 0, sealed))(t)
		if f.Whole == nil || f.Whole.Level != ledger.Quarantine || f.Block != 5 {
			t.Errorf("%+v", f)
		}
		finals, err := s.Finals(t.Context(), pallet, nil, nil, 1)
		if err != nil || len(finals) != 1 || finals[0].Window != 0 {
			t.Errorf("%+v, %v", finals, err)
		}
		finals, err = s.Finals(t.Context(), "", nil, &FinalKey{Shipment: pallet, Window: 0, Model: sealed}, 9)
		if err != nil || len(finals) != 1 || finals[0].By != ledger.SettledBlend || finals[0].Whole != nil || finals[0].Blend == nil || finals[0].Blend.Low != 300_000 || finals[0].Blend.Count != 2 {
			t.Errorf("%+v, %v", finals, err)
		}
		if _, err = s.Final(t.Context(), pallet, 1, sealed); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		rests, err := s.Resting(t.Context(), sealed, nil, 2)
		if err != nil || len(rests) != 2 || rests[0].Verdict.Window != 0 || rests[1].Verdict.Window != 1 {
			t.Errorf("%+v, %v", rests, err)
		}
		if rests, err = s.Resting(t.Context(), sealed, &rests[1].Key, 2); err != nil || len(rests) != 1 || rests[0].Blend == nil || rests[0].Blend.Window != 2 {
			t.Errorf("%+v, %v", rests, err)
		}
		if rests, err = s.Resting(t.Context(), "other@1", nil, 2); err != nil || len(rests) != 1 {
			t.Errorf("%+v, %v", rests, err)
		}
	})
}

// Both words are proven: the one that was overruled, and the one that stands.
func TestAnOverrulingVerdictIsProven(t *testing.T) {
	key := func(k string, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	alone, final, blend := key(wire.VerdictKey(pallet, 0, sealed)), key(wire.FinalKey(pallet, 0, sealed)), key(wire.FinalKey(pallet, 2, ""))
	c := judgedChain(t)
	for _, b := range c.blocks { // the contract has both from the transaction
		for i, x := range b.Transactions {
			for _, v := range x.Verdicts {
				b.Transactions[i].MSPID = v.Scorer
			}
			for _, f := range x.Scoring.Finals {
				b.Transactions[i].At = f.At
			}
		}
	}
	eachWay(t, c, func(t *testing.T, s *Store) {
		root := got(s.LatestRoot(t.Context()))(t)
		p, err := s.ProofsOf(t.Context(), root.Height, []string{blend, alone, final})
		if err != nil || len(p.Leaves) != 3 {
			t.Fatal(err, p.Leaves)
		}
		levels := map[string]ledger.VerdictLevel{}
		for _, l := range p.Leaves {
			leaf := got(proof.ParseLeaf(l.Leaf))(t)
			if leaf.Kind() == wire.KindVerdict {
				levels[leaf.Key] = got(wire.Decode[ledger.Verdict](l.Content.Body, wire.MaxStoredBytes))(t).Level
				continue
			}
			f := got(wire.Decode[ledger.FinalVerdict](l.Content.Body, wire.MaxStoredBytes))(t)
			levels[leaf.Key] = f.Answer.Level
			if leaf.MSPID != "ProducerMSP" || leaf.TxID != f.TxID || (f.Verdict != nil) != (leaf.Key == final) {
				t.Errorf("%+v of %+v", leaf, f)
			}
		}
		if levels[alone] != ledger.Clear || levels[final] != ledger.Quarantine || levels[blend] != ledger.Inspect {
			t.Error(levels)
		}
		if _, err = s.ProofsOf(t.Context(), 2, []string{final}); !errors.Is(err, ErrNotYet) {
			t.Error(err)
		}
		if _, err = s.ProofsOf(t.Context(), root.Height, []string{key(wire.FinalKey(pallet, 1, sealed))}); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	})
}

// Whoever watches sees each change of whose word a verdict is, also of one that the filter no longer selects.
func TestAVerdictComesAgainWhenItsStandingChanges(t *testing.T) {
	c := newChain(1)
	c.add()
	verdict := func(window uint32, level ledger.VerdictLevel) ledger.Verdict {
		return ledger.Verdict{Shipment: pallet, Window: window, Model: sealed, Level: level, From: noon, To: noon + 1, Trace: account(5), Inputs: account(6), Scorer: "C", At: noon, TxID: "alone"}
	}
	provisional := func(task byte, v ledger.Verdict) ledger.Provisional {
		return ledger.Provisional{Task: account(task), Answer: answered(t, v), Weight: 200, Of: 300, At: noon, TxID: "p"}
	}
	settled := func(task byte, by ledger.SettledBy, v *ledger.Verdict) ledger.Settlement {
		s := ledger.Settlement{Task: account(task), By: by, MSPID: "A", At: noon, TxID: "s"}
		if v != nil {
			answer := answered(t, *v)
			s.Answer = &answer
		}
		return s
	}
	truth := verdict(0, ledger.Clear)
	final := ledger.FinalVerdict{Shipment: pallet, Window: 0, Model: sealed, Task: account(51), Answer: answered(t, truth), By: ledger.SettledWindow, At: noon, TxID: "s", Verdict: &truth}
	steps := []struct {
		name string
		do   wire.Transaction
		want []Standing // of windows 0 and 1, 0 for one that is not sent
	}{
		{"recorded alone", wire.Transaction{Verdicts: []ledger.Verdict{verdict(0, ledger.Quarantine), verdict(1, ledger.Inspect)}}, []Standing{StandsAlone, StandsAlone}},
		{"tasks open", wire.Transaction{Scoring: wire.ScoringRecords{Tasks: []ledger.ScoringTask{taskOf(50, 0, sealed, 1, 2, 3), taskOf(51, 0, sealed, 1, 2, 3), taskOf(52, 1, sealed, 1, 2, 3)}}}, []Standing{0, 0}},
		{"a quorum finds it", wire.Transaction{Scoring: wire.ScoringRecords{Provisionals: []ledger.Provisional{provisional(52, verdict(1, ledger.Inspect))}}}, []Standing{0, StandsProvisional}},
		{"a quorum finds something else", wire.Transaction{Scoring: wire.ScoringRecords{Provisionals: []ledger.Provisional{provisional(50, truth)}}}, []Standing{StandsDisputed, 0}},
		{"that task is void", wire.Transaction{Scoring: wire.ScoringRecords{Settlements: []ledger.Settlement{settled(50, ledger.SettledOmission, nil)}}}, []Standing{StandsAlone, 0}},
		{"it is overruled", wire.Transaction{Scoring: wire.ScoringRecords{
			Provisionals: []ledger.Provisional{provisional(51, truth)}, Settlements: []ledger.Settlement{settled(51, ledger.SettledWindow, &truth)}, Finals: []ledger.FinalVerdict{final},
		}}, []Standing{StandsFinal, 0}},
		{"nothing", wire.Transaction{}, []Standing{0, 0}},
	}
	for _, step := range steps {
		c.add(tx("s", step.do))
	}
	filters := map[string]VerdictFilter{"all": {}, "bad ones": {AtLeast: ledger.Inspect, Model: sealed, Shipment: pallet}}
	onEach(t, func(t *testing.T, k kind) {
		s := k.open(t)
		after := map[string]Position{"all": {}, "bad ones": {}}
		for i, b := range c.all() {
			if err := s.Apply(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				continue
			}
			step := steps[i-1]
			for name, filter := range filters {
				from := after[name]
				rows := got(s.ChangedVerdicts(t.Context(), filter, Page{Limit: 9, After: &from}))(t)
				is := make([]Standing, 2)
				for _, v := range rows.Rows {
					is[v.Window] = v.Standing
					after[name] = v.Changed
				}
				if !slices.Equal(is, step.want) {
					t.Errorf("%s, %s: %v, not %v", step.name, name, is, step.want)
				}
			}
		}
		// Who begins late gets each once, as it stands.
		rows := got(s.ChangedVerdicts(t.Context(), VerdictFilter{}, Page{Limit: 9}))(t)
		if len(rows.Rows) != 2 || rows.Rows[0].Window != 1 || rows.Rows[1].Level != ledger.Clear || rows.Rows[1].Overruled.Level != ledger.Quarantine {
			t.Errorf("%+v", rows.Rows)
		}
		atOnce := k.open(t)
		if err := atOnce.Apply(t.Context(), c.all()...); err != nil {
			t.Fatal(err)
		}
		if a, b := dumped(t, atOnce), dumped(t, s); a != b {
			t.Errorf("how blocks come in shows:\n%s\n%s", a, b)
		}
	})
}

func TestEntriesSumUpToWhatAScorerIs(t *testing.T) {
	eachWay(t, judgedChain(t), func(t *testing.T, s *Store) {
		for who, want := range map[byte]ScoringSums{
			1: {Rewarded: 12, Found: 10, Tasks: 3, Reputation: ledger.Reputation{Right: 1, Truths: 1, Brier: 360_000}},
			2: {Rewarded: 21, Tasks: 3, Reputation: ledger.Reputation{Right: 1, Truths: 1, Brier: 250_000}},
			3: {Slashed: 20, Tasks: 2, Reputation: ledger.Reputation{Wrong: 1}},
			4: {Rewarded: 12, Tasks: 1, Reputation: ledger.Reputation{Right: 1}},
			9: {},
		} {
			a := account(who)
			want.Reputation.Account = a
			if sums := got(s.ScoringSums(t.Context(), a))(t); sums != want {
				t.Errorf("%d: %+v, not %+v", who, sums, want)
			}
			var sums ScoringSums
			sums.Tasks, sums.Reputation.Account = want.Tasks, a
			var after *EntryKey
			for {
				entries := got(s.ScoringEntries(t.Context(), EntryFilter{Account: &a}, after, false, 2))(t)
				if len(entries) == 0 {
					break
				}
				for _, e := range entries {
					after = &e.EntryKey
					if e.MSPID != string('A'+rune(who)-1) || e.TxID == "" {
						t.Errorf("%+v", e)
					}
					switch e.Kind {
					case EntryRewarded:
						sums.Rewarded += e.Amount
					case EntryFound:
						sums.Found += e.Amount
					case EntrySlashed:
						sums.Slashed += e.Amount
						if e.Cause != "wrong" || e.Task != account(50).String() || e.Bonded != 80 {
							t.Errorf("%+v", e)
						}
					case EntryRight:
						sums.Reputation.Right++
					case EntryWrong:
						sums.Reputation.Wrong++
					case EntryInspected:
						sums.Reputation.Truths++
						sums.Reputation.Brier += uint64(e.Brier)
					case EntryBonded:
						if e.Amount != 100 || e.Task != "" {
							t.Errorf("%+v", e)
						}
					case EntryUnbonded, EntryReleased, EntryOther, EntrySilent:
						t.Errorf("%+v", e)
					}
				}
			}
			if sums != want {
				t.Errorf("entries of %d come to %+v, not %+v", who, sums, want)
			}
		}
		of := account(50)
		entries := got(s.ScoringEntries(t.Context(), EntryFilter{Task: &of, Kinds: []EntryKind{EntryRewarded, EntryWrong}}, nil, true, 9))(t)
		if len(entries) != 4 || entries[0].TxID != "late" || entries[3].Kind != EntryWrong {
			t.Errorf("%+v", entries)
		}
	})
}
