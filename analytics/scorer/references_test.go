package scorer_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

const (
	palletA = "urn:epc:id:sscc:9520001.3000000001"
	palletB = "urn:epc:id:sscc:9520001.3000000002"
	caseX   = "urn:epc:id:sscc:9520001.3000000011"
	caseY   = "urn:epc:id:sscc:9520001.3000000012"
	logger1 = "urn:epc:id:giai:9520002.A"
	logger2 = "urn:epc:id:giai:9520002.B"
	insulin = "urn:epc:id:sgtin:9520001.000101.1"
	tablets = "urn:epc:id:sgtin:9520001.000201.1"
	shop    = "urn:epc:id:sgln:9520003.00001.0"
)

// play plays named transactions to a docket, each in a block, and holds that every task is replayed to its verdict.
type play struct {
	t      testing.TB
	model  *score.Model
	limits feature.Limits
	docket *scorer.Docket
	book   *records
	names  map[string]string
	block  uint64
	dues   []scorer.Due
}

func newPlay(t testing.TB) *play {
	p := &play{t: t, model: model(t), limits: feature.DefaultLimits(), book: newRecords(), names: map[string]string{}}
	p.docket = scorer.NewTaskDocket(p.model, p.limits)
	return p
}

func (p *play) tx(txs ...wire.Transaction) []scorer.Due {
	p.t.Helper()
	var all wire.Transaction
	for _, tx := range txs {
		all.Policies = append(all.Policies, tx.Policies...)
		all.Events = append(all.Events, tx.Events...)
		all.Restatements, all.Withdrawn = append(all.Restatements, tx.Restatements...), append(all.Withdrawn, tx.Withdrawn...)
		all.Findings, all.Changes = append(all.Findings, tx.Findings...), append(all.Changes, tx.Changes...)
		all.Segments, all.Items = append(all.Segments, tx.Segments...), append(all.Items, tx.Items...)
	}
	p.block++
	p.book.record(all)
	p.dues = p.docket.Judge(p.block, all)
	for _, due := range p.dues {
		if due.Statement != nil {
			p.book.replayed(p.t, p.model, due)
		}
	}
	p.docket = restarted(p.t, p.model, p.docket, p.limits)
	return p.dues
}

// wants holds that the last judgement of a shipment in the latest transaction rests on what is named.
func (p *play) wants(shipment, want string) *ledger.TaskStatement {
	p.t.Helper()
	for _, due := range slices.Backward(p.dues) {
		if due.Verdict.Shipment != canonical(p.t, shipment) {
			continue
		}
		if due.Statement == nil {
			p.t.Errorf("no task: %s", due.Why)
			return nil
		}
		var names []string
		for _, ref := range due.Statement.References {
			names = append(names, p.name(ref))
		}
		if got := strings.Join(names, " "); got != want {
			p.t.Errorf("\n got %s\nwant %s", got, want)
		}
		return due.Statement
	}
	p.t.Errorf("%s is not judged", shipment)
	return nil
}

func (p *play) name(ref ledger.Reference) string {
	switch ref.Kind {
	case ledger.RefPolicy:
		return fmt.Sprintf("%s/%d", ref.ID, ref.First)
	case ledger.RefSegments:
		return fmt.Sprintf("%s:%d-%d", ref.ID[len(ref.ID)-1:], ref.First, ref.Last)
	case ledger.RefFinding:
		return "!" + p.names[ref.Finding.Event.String()]
	case ledger.RefClosed:
		return "closed!" + p.names[ref.Finding.Event.String()]
	case ledger.RefWithdrawn:
		return "-" + p.names[ref.Digest.String()]
	case ledger.RefElsewhere:
		return map[uint64]string{ledger.TiedBound: "elsewhere:", ledger.TiedRemoved: "back:"}[ref.First] + p.names[ref.Digest.String()]
	case ledger.RefEvent:
	}
	return p.names[ref.Digest.String()]
}

func (p *play) event(name string, minutes int, fields map[string]any) wire.Transaction {
	p.t.Helper()
	fields["eventTime"] = (dayStart + ledger.Millis(minutes)*60_000).Time().Format("2006-01-02T15:04:05.000Z")
	fields["eventTimeZoneOffset"] = "+00:00"
	body := must(json.Marshal(fields))
	hash := ledger.Digest(must(epcis.ParseEvent(nil, body)).Hash())
	p.names[hash.String()] = name
	return wire.Transaction{Events: []wire.RecordedEvent{{Hash: hash, Body: body}}}
}

func (p *play) bind(name string, minutes int, action, parent string, devices ...string) wire.Transaction {
	return p.event(name, minutes, map[string]any{"type": "AssociationEvent", "parentID": parent, "childEPCs": devices, "action": action})
}

func (p *play) pack(name string, minutes int, action, parent string, children ...string) wire.Transaction {
	return p.event(name, minutes, map[string]any{"type": "AggregationEvent", "parentID": parent, "childEPCs": children, "action": action})
}

func (p *play) step(name string, minutes int, step string, epcs ...string) wire.Transaction {
	return p.event(name, minutes, map[string]any{"type": "ObjectEvent", "epcList": epcs, "action": "OBSERVE", "bizStep": step, "bizLocation": map[string]any{"id": shop}})
}

func (p *play) segment(device string, seq uint64, from, to int) wire.Transaction {
	s := ledger.Segment{Device: canonical(p.t, device), Seq: seq, Channels: []ledger.Channel{{Quantity: ledger.Temperature}}}
	for m := from; m < to; m++ {
		s.Times = append(s.Times, dayStart+ledger.Millis(m)*60_000)
		s.Channels[0].Values = append(s.Channels[0].Values, int32(5_000+m%20))
	}
	return wire.Transaction{Segments: []wire.RecordedSegment{{Segment: s, Digest: ledger.Digest{byte(seq), byte(seq >> 8), device[len(device)-1], 1}}}}
}

func rule(id string, version uint32, high int32, products ...string) wire.Transaction {
	return wire.Transaction{Policies: []ledger.Policy{{ID: id, Version: version, Low: 2_000, High: high, ExcursionHigh: 30_000, Products: products}}}
}

func (p *play) class(item string) string {
	return canonical(p.t, item)[:len("https://id.gs1.org/01/")+14]
}

// finding is raised on an item, which the ledger says to be in a container.
func (p *play) finding(name, item, container string) wire.Transaction {
	tx := p.step("event of "+name, 100+len(p.names), "inspecting", item)
	f := ledger.Finding{Code: ledger.FindingCommissionedTwice, Item: canonical(p.t, item), Event: tx.Events[0].Hash, Detail: "twice"}
	p.names[f.Event.String()] = name
	tx.Findings = []ledger.Finding{f}
	state := ledger.ItemState{EPC: f.Item}
	if container != "" {
		state.Container = canonical(p.t, container)
	}
	tx.Items = []ledger.ItemState{state}
	return tx
}

func closes(tx wire.Transaction) wire.Transaction {
	f := tx.Findings[0]
	f.Change = ledger.FindingClosed
	return wire.Transaction{Changes: []ledger.Finding{f}, Items: tx.Items}
}

func withdraws(tx wire.Transaction) wire.Transaction {
	return wire.Transaction{Restatements: tx.Events, Withdrawn: []ledger.Digest{tx.Events[0].Hash}}
}

func TestATaskNamesThePoliciesOfItsGoods(t *testing.T) {
	p := newPlay(t)
	p.tx(rule("cold", 1, 9_000, p.class(insulin)), rule("room", 1, 25_000, p.class(tablets)), rule("any", 1, 28_000, "*"))
	p.tx(rule("cold", 2, 8_000, p.class(insulin)))
	p.tx(p.bind("bind", 0, "ADD", palletA, logger1))
	p.tx(p.segment(logger1, 0, 0, 30))
	p.wants(palletA, "any/1 bind A:0-0")
	p.tx(p.pack("pack", 31, "ADD", palletA, insulin))
	p.tx(rule("cold", 3, 7_000, p.class(insulin)), rule("room", 2, 25_000, p.class(tablets)))
	p.tx(p.segment(logger1, 1, 30, 60))
	p.wants(palletA, "any/1 cold/2 bind A:0-0 pack A:1-1")
	p.tx(p.pack("more", 61, "ADD", palletA, tablets))
	p.tx(p.segment(logger1, 2, 60, 90))
	p.wants(palletA, "any/1 cold/2 bind A:0-0 pack room/2 A:1-1 more A:2-2")
}

func TestATaskNamesAPolicyThatComesLateAndOneThatIsTakenAway(t *testing.T) {
	p := newPlay(t)
	p.tx(p.pack("pack", 0, "ADD", palletA, insulin))
	p.tx(rule("cold", 1, 9_000, p.class(insulin), p.class(tablets)))
	p.tx(rule("cold", 2, 9_000, p.class(tablets)))
	p.tx(p.bind("bind", 0, "ADD", palletA, logger1))
	p.tx(p.segment(logger1, 0, 0, 30))
	p.wants(palletA, "pack cold/1 cold/2 bind A:0-0")
	p.tx(rule("late", 1, 6_000, p.class(insulin)))
	p.tx(p.segment(logger1, 1, 30, 60))
	p.wants(palletA, "pack cold/1 cold/2 bind A:0-0 late/1 A:1-1")
}

func TestATaskNamesWhatIsInItsContainersWhereverItWasPacked(t *testing.T) {
	p := newPlay(t)
	p.tx(rule("cold", 1, 8_000, p.class(insulin)), rule("room", 1, 25_000, p.class(tablets)))
	p.tx(p.pack("into X", 0, "ADD", caseX, tablets))
	p.tx(p.pack("into Y", 0, "ADD", caseY, caseX))
	p.tx(p.bind("bind X", 0, "ADD", caseX, logger2)) // a journey of its own
	p.tx(p.bind("bind", 0, "ADD", palletA, logger1))
	p.tx(p.pack("Y on A", 5, "ADD", palletA, caseY))
	p.tx(p.segment(logger1, 0, 0, 30), p.segment(logger2, 0, 0, 30))
	p.wants(palletA, "room/1 into X into Y bind Y on A A:0-0")
	p.wants(caseX, "room/1 into X bind X B:0-0")
	p.tx(p.pack("more into X", 31, "ADD", caseX, insulin))
	p.tx(p.pack("the same into X", 32, "ADD", caseX, "urn:epc:id:sgtin:9520001.000101.2"))
	p.tx(p.segment(logger1, 1, 30, 60))
	p.wants(palletA, "cold/1 room/1 into X into Y bind Y on A A:0-0 more into X A:1-1")

	// It moves to another pallet, and what is put into it there is nothing to the first.
	p.tx(p.bind("bind B", 0, "ADD", palletB, logger2))
	p.tx(p.pack("X off Y", 61, "DELETE", caseY, caseX), p.pack("X on B", 62, "ADD", palletB, caseX))
	p.tx(p.pack("yet more into X", 63, "ADD", caseX, "urn:epc:id:sgtin:9520001.000301.1"))
	p.tx(p.segment(logger1, 2, 60, 90))
	p.wants(palletA, "cold/1 room/1 into X into Y bind Y on A A:0-0 more into X A:1-1 X off Y A:2-2")
	p.tx(p.segment(logger2, 1, 60, 90))
	p.wants(palletB, "cold/1 room/1 into X elsewhere:bind X more into X bind B X on B yet more into X B:1-1")
	// And comes back.
	p.tx(p.pack("X on A", 91, "ADD", palletA, caseX))
	p.tx(p.segment(logger1, 3, 90, 120))
	p.wants(palletA, "cold/1 room/1 into X into Y bind Y on A A:0-0 more into X A:1-1 X off Y yet more into X A:2-2 X on A A:3-3")
}

func TestATaskNamesFindingsFromBeforeAndWithinTheJourney(t *testing.T) {
	p := newPlay(t)
	early, closed := p.finding("early", insulin, ""), p.finding("closed", tablets, palletA)
	p.tx(early)
	p.tx(p.pack("into X", 0, "ADD", caseX, "urn:epc:id:sgtin:9520001.000301.1"))
	p.tx(p.pack("X on A", 0, "ADD", palletA, caseX))
	p.tx(p.pack("pack", 0, "ADD", caseX, insulin)) // brings what was found before
	p.tx(closed)
	p.tx(closes(closed))
	p.tx(p.bind("bind", 0, "ADD", palletA, logger1))
	p.wants(palletA, "!early into X X on A pack !closed closed!closed bind")
	inside := p.finding("inside", insulin, caseX)
	p.tx(inside)
	s := p.wants(palletA, "!early into X X on A pack !closed closed!closed bind !inside")
	last := s.References[len(s.References)-1]
	if len(last.Containers) != 1 || last.Containers[0] != (ledger.Contained{Item: canonical(t, insulin), Container: canonical(t, palletA)}) {
		t.Errorf("%+v", last.Containers)
	}
	p.tx(closes(inside))
	p.wants(palletA, "!early into X X on A pack !closed closed!closed bind !inside closed!inside")
	p.tx(p.finding("outside", tablets, palletB))
	if len(p.dues) > 0 {
		t.Errorf("%+v", p.dues)
	}
}

func TestATaskNamesReadingsOfItsGoodsInEvents(t *testing.T) {
	p := newPlay(t)
	p.tx(p.bind("bind", 0, "ADD", palletA, logger1))
	p.tx(p.pack("X on A", 0, "ADD", palletA, caseX)) // nothing is known of it yet
	tx := p.event("measured", 5, map[string]any{
		"type": "ObjectEvent", "epcList": []string{insulin, tablets}, "action": "OBSERVE", "bizStep": "inspecting",
		"sensorElementList": []any{map[string]any{"sensorReport": []any{map[string]any{"type": "Temperature", "value": 5, "uom": "CEL"}}}},
	})
	tx.Items = []ledger.ItemState{{EPC: canonical(t, insulin), Container: canonical(t, palletB)}, {EPC: canonical(t, tablets), Container: canonical(t, palletA)}}
	p.tx(tx)
	p.wants(palletA, "bind measured")
}

func TestATaskNamesWhatWasTakenBack(t *testing.T) {
	p := newPlay(t)
	mistaken := p.step("received", 60, "receiving", palletA)
	p.tx(p.bind("bind", 0, "ADD", palletA, logger1, logger2))
	p.tx(p.step("shipped", 1, "shipping", palletA))
	p.tx(mistaken)
	p.tx(p.segment(logger2, 0, 50, 80), p.segment(logger1, 0, 50, 80))
	p.tx(p.segment(logger2, 1, 80, 90))
	p.tx(withdraws(mistaken)) // and nothing else in the transaction
	p.wants(palletA, "bind shipped received B:0-0 A:0-0 B:1-1 -received")
	p.tx(p.segment(logger1, 1, 80, 95))
	p.wants(palletA, "bind shipped received B:0-0 A:0-0 B:1-1 -received A:1-1")
}

func TestATaskNamesSegmentsInLedgerOrder(t *testing.T) {
	p := newPlay(t)
	p.tx(p.segment(logger1, 0, 0, 30)) // before the binding
	p.tx(p.segment(logger1, 1, 30, 60), p.segment(logger2, 0, 0, 60), p.segment(logger1, 2, 60, 70))
	p.tx(p.bind("bind 2", 0, "ADD", palletA, logger2))
	p.wants(palletA, "B:0-0 bind 2")
	p.tx(p.bind("bind 1", 40, "ADD", palletA, logger1))
	p.wants(palletA, "A:1-1 B:0-0 A:2-2 bind 2 bind 1")
	if len(p.dues) != 2 || p.dues[0].Statement == nil || p.dues[0].Verdict.Window == p.dues[1].Verdict.Window {
		t.Errorf("two windows close with one event: %+v", p.dues)
	}
	p.tx(p.segment(logger1, 3, 70, 80), p.segment(logger1, 4, 80, 90), p.segment(logger2, 1, 60, 90), p.segment(logger1, 5, 90, 95))
	p.wants(palletA, "A:1-1 B:0-0 A:2-2 bind 2 bind 1 A:3-4 B:1-1 A:5-5")
	if len(p.dues) != 4 {
		t.Errorf("%d are due", len(p.dues))
	}
	for _, due := range p.dues {
		if due.Statement == nil {
			t.Error(due.Why)
		}
	}
}

func TestASecondJourneyBeginsWhereTheFirstEnded(t *testing.T) {
	p := newPlay(t)
	p.tx(rule("cold", 1, 8_000, p.class(insulin)), rule("any", 1, 28_000, "*"))
	p.tx(p.pack("pack", 0, "ADD", palletA, insulin))
	p.tx(p.bind("bind", 0, "ADD", palletA, logger1))
	p.tx(p.segment(logger1, 0, 0, 30))
	p.tx(p.step("received", 30, "receiving", palletA))
	p.wants(palletA, "cold/1 pack bind A:0-0 received")
	p.tx(p.segment(logger1, 1, 30, 60))
	p.tx(p.bind("again", 40, "ADD", palletA, logger1))
	s := p.wants(palletA, "any/1 A:1-1 again")
	if s == nil || s.Begins != 2 || s.Window != 2 {
		t.Fatalf("%+v", s)
	}
	p.block += p.limits.Linger + 10 // it is still under way
	p.tx(p.segment(logger1, 2, 60, 90))
	p.wants(palletA, "any/1 A:1-1 again A:2-2")
}

func TestAListOfTwoSegmentsAroundAnEventIsNoRange(t *testing.T) {
	p := newPlay(t)
	p.tx(p.bind("bind", 0, "ADD", palletA, logger1))
	p.tx(p.segment(logger1, 0, 0, 30))
	p.tx(p.step("moved", 30, "departing", palletA))
	p.tx(p.segment(logger1, 1, 30, 60))
	p.wants(palletA, "bind A:0-0 moved A:1-1")
}

func TestAJourneyAfterALongTimeHasNothingOfTheOneBefore(t *testing.T) {
	p := newPlay(t)
	p.tx(p.bind("bind", 0, "ADD", palletA, logger1))
	p.tx(p.step("received", 30, "receiving", palletA))
	p.block += p.limits.Linger + 10
	p.tx(p.bind("again", 40, "ADD", palletA, logger1))
	p.tx(p.segment(logger1, 0, 30, 60))
	if s := p.wants(palletA, "again A:0-0"); s == nil || s.Begins != 1 {
		t.Errorf("%+v", s)
	}
}

func TestAllThatOneTransactionMakesDueAreTasks(t *testing.T) {
	p := newPlay(t)
	p.tx(p.pack("pack", 0, "ADD", palletA, insulin), p.bind("bind", 0, "ADD", palletA, logger1), p.bind("bind B", 0, "ADD", palletB, logger2))
	moved := p.step("moved", 5, "departing", palletA)
	p.tx(moved)
	found := p.finding("found", insulin, palletA)
	p.tx(rule("cold", 1, 8_000, p.class(insulin)), p.step("shipped", 6, "shipping", palletA, palletB), withdraws(moved), found, closes(found),
		p.segment(logger1, 0, 0, 30), p.segment(logger2, 0, 0, 30), p.segment(logger1, 1, 30, 60))
	p.wants(palletA, "pack bind moved cold/1 shipped -moved !found closed!found A:0-1")
	p.wants(palletB, "bind B shipped B:0-0")
	if len(p.dues) != 6 {
		t.Errorf("%d are due", len(p.dues))
	}
	for _, due := range p.dues {
		if due.Statement == nil {
			t.Error(due.Why)
		}
	}
}

func TestWhatIsBeyondTheBoundsIsNoTaskAndSaysSo(t *testing.T) {
	for name, fill := range map[string]func(p *play){
		"references": func(p *play) {
			for k := range ledger.MaxTaskReferences {
				p.docket.Judge(1, p.step("step", k, "departing", palletA))
			}
		},
		"segments": func(p *play) {
			for k := range ledger.MaxTaskSegments {
				p.docket.Judge(1, p.segment(logger1, uint64(k), k, k+1))
			}
		},
		"readings": func(p *play) { p.docket.Judge(1, p.segment(logger1, 0, 0, ledger.MaxTaskReadings+1)) },
		"items": func(p *play) {
			var boxes []string
			for k := range ledger.MaxTaskContained + 1 {
				box := fmt.Sprintf("urn:epc:id:sscc:9520001.31%08d", k)
				p.docket.Judge(1, p.step("box", 0, "shipping", box))
				boxes = append(boxes, box)
			}
			p.docket.Judge(1, p.pack("boxes", 0, "ADD", palletA, boxes...))
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlay(t)
			p.tx(p.bind("bind", 0, "ADD", palletA, logger1))
			fill(p)
			p.tx(p.step("received", 200_000, "receiving", palletA))
			if len(p.dues) != 1 || p.dues[0].Statement != nil || p.dues[0].Why == "" {
				t.Fatalf("%+v", p.dues)
			}
			t.Log(p.dues[0].Why)
		})
	}
}

func TestADocketWithoutTasksSaysThatItKeepsNoReferences(t *testing.T) {
	p := newPlay(t)
	plain := scorer.NewDocket(p.model, p.limits)
	plain.Judge(0, p.bind("bind", 0, "ADD", palletA, logger1))
	dues := plain.Judge(1, p.segment(logger1, 0, 0, 30))
	if len(dues) != 1 || dues[0].Statement != nil || dues[0].Why == "" {
		t.Errorf("%+v", dues)
	}
	saved := must(plain.MarshalBinary())
	if err := scorer.NewTaskDocket(p.model, p.limits).UnmarshalBinary(saved); err == nil {
		t.Error("a docket that lacks references is taken for one that has them")
	}
	if err := plain.UnmarshalBinary(must(p.docket.MarshalBinary())); err == nil {
		t.Error("a docket with references is taken for one that keeps none")
	}
}
