package readmodel

import (
	"fmt"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/api/trace"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// shipped is the state of an item whose shipping is awaited, or not.
func shipped(epc, from, to string, at ledger.Millis, received bool) ledger.ItemState {
	hash := ledger.Digest{1, byte(at)}
	s := ledger.ItemState{EPC: epc, LastEvent: hash, LastAt: at}
	s.Steps = []ledger.Step{{At: at, Event: hash, By: "A", Acts: ledger.ActShips, Place: from, To: to}}
	if received {
		s.Steps = append(s.Steps, ledger.Step{At: at + 1, Event: ledger.Digest{2, byte(at)}, By: "B", Acts: ledger.ActReceives})
	}
	return s
}

func TestFindingsAreKeptAsTheyStandWithEveryChange(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		s, ctx := k.open(t), t.Context()
		raised := ledger.Finding{Code: ledger.FindingReshipped, Item: "i1", Event: ledger.Digest{7}, Other: ledger.Digest{6}, Detail: "One.", Severity: ledger.SeverityWarning, Change: ledger.FindingRaised, RaisedAt: 5, RaisedIn: "t1"}
		amended, closed := raised, raised
		amended.Detail, amended.Change = "Two.", ledger.FindingAmended
		closed.Detail, closed.Change, closed.ClosedAt, closed.ClosedIn = "Two.", ledger.FindingClosed, 9, "t3"
		other := ledger.Finding{Code: ledger.FindingImpossibleJourney, Item: "i2", Event: ledger.Digest{8}, Detail: "Fast.", Severity: ledger.SeverityCritical, Change: ledger.FindingRaised, RaisedIn: "t1"}
		transactions := []wire.Transaction{{Findings: []ledger.Finding{raised, other}}, {Changes: []ledger.Finding{amended}}, {Changes: []ledger.Finding{closed}}}
		b := Block{Number: 0, Hash: [32]byte{1}}
		for i, tx := range transactions {
			b.Transactions = append(b.Transactions, Recorded{TxID: []string{"t1", "t2", "t3"}[i], MSPID: "A", Transaction: tx})
			if i == 1 { // some in one batch, some in the next
				if err := s.Apply(ctx, b); err != nil {
					t.Fatal(err)
				}
				b = Block{Number: 1, Hash: [32]byte{2}, Previous: [32]byte{1}}
			}
		}
		if err := s.Apply(ctx, b); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			filter FindingFilter
			want   []ledger.Finding
		}{
			{FindingFilter{}, []ledger.Finding{closed, other}},
			{FindingFilter{Open: true}, []ledger.Finding{other}},
			{FindingFilter{Closed: true}, []ledger.Finding{closed}},
			{FindingFilter{AtLeast: ledger.SeverityCritical}, []ledger.Finding{other}},
			{FindingFilter{Code: ledger.FindingReshipped, Item: "i1", Event: ledger.Digest{7}}, []ledger.Finding{closed}},
			{FindingFilter{Item: "i3"}, nil},
		} {
			found, err := s.Findings(ctx, c.filter, Page{Limit: 10, Bytes: 1 << 20})
			if err != nil {
				t.Fatal(err)
			}
			var got []ledger.Finding
			for _, f := range found.Rows {
				got = append(got, f.Finding)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%+v: %+v", c.filter, got)
			}
		}
		history, err := s.FindingHistory(ctx, raised.Naming(), 10)
		if err != nil || len(history) != 3 || history[0].Finding != raised || history[2].Finding != closed || history[2].TxID != "t3" {
			t.Errorf("%+v %v", history, err)
		}
		page, err := s.Findings(ctx, FindingFilter{}, Page{Limit: 1, Bytes: 1 << 20})
		if err != nil || !page.More || len(page.Rows) != 1 {
			t.Fatalf("%+v %v", page, err)
		}
		next, err := s.Findings(ctx, FindingFilter{}, Page{Limit: 1, Bytes: 1 << 20, After: &page.Rows[0].Position})
		if err != nil || next.More || len(next.Rows) != 1 || next.Rows[0].Finding != other {
			t.Errorf("%+v %v", next, err)
		}
		doubts, err := s.Doubtful(ctx, Position{}, 10)
		if err != nil || len(doubts) != 1 || doubts[0].Finding != other {
			t.Errorf("%+v %v", doubts, err)
		}
		totals, _, err := s.Totals(ctx)
		if err != nil || totals.Findings != 2 {
			t.Errorf("%+v %v", totals, err)
		}
	})
}

func TestOverdueGoesByTheLaneElseTheRules(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		s, ctx := k.open(t), t.Context()
		lane := func(version uint32, window ledger.Millis) ledger.MasterDatum {
			return ledger.MasterDatum{Version: version, Lane: &ledger.Lane{From: "a", To: "b", Window: window}, Owner: "A"}
		}
		rules := ledger.MasterDatum{Version: 1, Rules: &ledger.Rules{Keepers: []string{"A"}, Window: 50}}
		waiting := ledger.MasterDatum{Version: 2, Rules: &ledger.Rules{Keepers: []string{"A"}, Window: 1}, Pending: true}
		overdue := func(now ledger.Millis, limit int) []string {
			t.Helper()
			epcs, err := s.Overdue(ctx, now, limit)
			if err != nil {
				t.Fatal(err)
			}
			return epcs
		}
		number := uint64(0)
		apply := func(tx wire.Transaction) {
			t.Helper()
			b := Block{Number: number, Hash: [32]byte{byte(number + 1)}, Transactions: []Recorded{{TxID: "t", MSPID: "A", Transaction: tx}}}
			if number > 0 {
				b.Previous = [32]byte{byte(number)}
			}
			number++
			if err := s.Apply(ctx, b); err != nil {
				t.Fatal(err)
			}
		}
		apply(wire.Transaction{Items: []ledger.ItemState{
			shipped("i1", "a", "b", 100, false), shipped("i2", "a", "c", 101, false), shipped("i3", "a", "b", 102, true), shipped("i4", "", "", 103, false),
		}})
		if got := overdue(1_000_000, 10); got != nil {
			t.Errorf("without windows: %v", got)
		}
		apply(wire.Transaction{Master: []ledger.MasterDatum{lane(1, 5), lane(2, 10)}})
		for now, want := range map[ledger.Millis][]string{110: nil, 111: {"i1"}, 500: {"i1"}} {
			if got := overdue(now, 10); !slices.Equal(got, want) {
				t.Errorf("lane at %d: %v", now, got)
			}
		}
		apply(wire.Transaction{Master: []ledger.MasterDatum{rules, waiting}})
		for now, want := range map[ledger.Millis][]string{111: {"i1"}, 152: {"i1", "i2"}, 154: {"i1", "i2", "i4"}} {
			if got := overdue(now, 10); !slices.Equal(got, want) {
				t.Errorf("rules at %d: %v", now, got)
			}
		}
		if got := overdue(154, 2); len(got) != 2 {
			t.Errorf("bounded: %v", got)
		}
		apply(wire.Transaction{Items: []ledger.ItemState{shipped("i2", "a", "c", 101, true)}, Findings: []ledger.Finding{{Code: ledger.FindingNotReceived, Item: "i1", Event: ledger.Digest{1}}}})
		if got := overdue(154, 10); !slices.Equal(got, []string{"i4"}) {
			t.Errorf("found and received: %v", got)
		}
		master, err := s.MasterData(ctx, MasterFilter{}, MasterKey{}, 10)
		if err != nil || len(master) != 2 || master[0].Version != 2 || master[1].Rules == nil || master[1].Version != 1 {
			t.Errorf("%+v %v", master, err)
		}
		if master, err = s.MasterData(ctx, MasterFilter{All: true}, MasterKey{}, 10); err != nil || len(master) != 4 || !master[3].Pending {
			t.Errorf("%+v %v", master, err)
		}
		if master, err = s.MasterData(ctx, MasterFilter{All: true}, master[1].Key, 10); err != nil || len(master) != 2 {
			t.Errorf("%+v %v", master, err)
		}
		if master, err = s.MasterData(ctx, MasterFilter{Kind: ledger.MasterLane, ID: "a b", Owner: "A"}, MasterKey{}, 10); err != nil || len(master) != 1 {
			t.Errorf("%+v %v", master, err)
		}
	})
}

// Who holds a thing by an event that an open finding is on holds it by that organisation's word alone, and
// so does what lies in it.
func TestCustodyThatAFindingSpeaksAgainstIsDisputed(t *testing.T) {
	at := func(minute int) string { return fmt.Sprintf("2026-03-01T10:%02d:00Z", minute) }
	object := func(minute int, step, epc string) wire.RecordedEvent {
		return recorded(t, fmt.Sprintf(`{"type":"ObjectEvent","eventTime":%q,"eventTimeZoneOffset":"+00:00","epcList":[%q],"action":"OBSERVE","bizStep":%q}`, at(minute), epc, step))
	}
	packed := recorded(t, fmt.Sprintf(`{"type":"AggregationEvent","eventTime":%q,"eventTimeZoneOffset":"+00:00","parentID":%q,"childEPCs":[%q],"action":"ADD","bizStep":"packing"}`, at(1), pallet, bottle))
	other := "https://id.gs1.org/01/09521321000012/21/2002"
	commissioned, receipt, fair := object(0, "commissioning", bottle), object(5, "receiving", pallet), object(6, "receiving", other)
	finding := ledger.Finding{Code: ledger.FindingReceivedWithoutShipping, Item: pallet, Event: receipt.Hash, Other: packed.Hash, Detail: "Nobody shipped it.", Change: ledger.FindingRaised, RaisedAt: noon}
	closed := finding
	closed.Change, closed.ClosedAt, closed.ClosedIn = ledger.FindingClosed, noon+1, "late"
	elsewhere := ledger.Finding{Code: ledger.FindingUnregisteredOrganisation, Item: "https://id.gs1.org/414/9521321000018", Event: fair.Hash, Detail: "Not its dock.", Change: ledger.FindingRaised, RaisedAt: noon}
	c := newChain(1)
	c.add(tx("made", wire.Transaction{Events: []wire.RecordedEvent{commissioned, packed}}))
	liar := tx("taken", wire.Transaction{Events: []wire.RecordedEvent{receipt, fair}, Findings: []ledger.Finding{finding, elsewhere}})
	liar.MSPID = "LiarMSP"
	c.add(liar)
	onEach(t, func(t *testing.T, k kind) {
		s := k.open(t)
		if err := s.Apply(t.Context(), c.all()...); err != nil {
			t.Fatal(err)
		}
		disputed := func(id string, want ...ledger.FindingCode) {
			t.Helper()
			w := got(s.Locate(t.Context(), trace.Question{ID: id}))(t)
			if w.Custody.Custodian != "LiarMSP" || !slices.Equal(w.Custody.Disputed, want) {
				t.Errorf("%s is with %s, disputed by %v, not %v", id, w.Custody.Custodian, w.Custody.Disputed, want)
			}
			g := got(s.Recall(t.Context(), trace.Question{ID: id}))(t)
			for _, n := range g.Nodes {
				if n.ID == id && !slices.Equal(n.Custody.Disputed, want) {
					t.Errorf("recalled, %s is disputed by %v, not %v", id, n.Custody.Disputed, want)
				}
			}
		}
		disputed(pallet, ledger.FindingReceivedWithoutShipping)
		disputed(bottle, ledger.FindingReceivedWithoutShipping)
		disputed(other, ledger.FindingUnregisteredOrganisation)
		late := newChain(1)
		late.blocks = slices.Clone(c.blocks)
		late.add(tx("late", wire.Transaction{Changes: []ledger.Finding{closed}}))
		if err := s.Apply(t.Context(), late.all()...); err != nil {
			t.Fatal(err)
		}
		disputed(pallet)
		disputed(bottle)
	})
}
