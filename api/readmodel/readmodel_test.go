package readmodel

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

func TestAnySplitOfTheBlocksGivesTheSameStore(t *testing.T) {
	whole := onSQLite(t)
	onEach(t, func(t *testing.T, k kind) {
		// The stores are emptied between runs: making one anew takes longer than the test.
		whole, cfg := open(t, whole), k.fresh(t)
		pieces := open(t, cfg)
		defer func() { pieces.Close() }()
		whole.cfg.partEntries, pieces.cfg.partEntries = 3, 3
		rapid.Check(t, func(rt *rapid.T) {
			c := anyChain(rt)
			empty(rt, whole)
			empty(rt, pieces)
			whole, pieces = reopened(rt, t, whole), reopened(rt, t, pieces)
			if err := whole.Apply(t.Context(), c.all()...); err != nil {
				rt.Fatal(err)
			}
			for at := 0; at < len(c.all()); {
				// Each piece may begin with blocks that were taken in before, as after a restart.
				from := at - rapid.IntRange(0, at).Draw(rt, "overlap")
				to := rapid.IntRange(at+1, len(c.all())).Draw(rt, "to")
				if err := pieces.Apply(t.Context(), c.all()[from:to]...); err != nil {
					rt.Fatal(err)
				}
				at = to
				if rapid.Bool().Draw(rt, "restart") {
					pieces = reopened(rt, t, pieces)
				}
			}
			if a, b := dumped(rt, whole), dumped(rt, pieces); a != b {
				rt.Fatalf("the stores differ:\n%s\n--- in pieces ---\n%s", a, b)
			}
			if a, b := digest(rt, whole), digest(rt, pieces); a != b {
				rt.Fatalf("digests %x and %x of equal stores", a, b)
			}
			if counted, kept := countedTotals(rt, pieces), totalsOf(rt, pieces); counted != kept {
				rt.Fatalf("the store counts %+v, its tables hold %+v", kept, counted)
			}
		})
	})
}

func reopened(rt *rapid.T, t *testing.T, s *Store) *Store {
	s.Close()
	s, err := Open(t.Context(), s.cfg)
	if err != nil {
		rt.Fatal(err)
	}
	return s
}

func digest(tb interface{ Fatal(...any) }, s *Store) [32]byte {
	d, err := s.Digest(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func totalsOf(tb interface{ Fatal(...any) }, s *Store) Totals {
	t, _, err := s.Totals(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// countedTotals counts the rows of the tables.
func countedTotals(tb interface{ Fatal(...any) }, s *Store) (t Totals) {
	for table, n := range map[string]*uint64{
		"events": &t.Events, "restatements": &t.Restatements, "findings": &t.Findings, "devices": &t.Devices, "segments": &t.Segments,
		"policies": &t.Policies, "verdicts": &t.Verdicts, "items": &t.Items, "shipments": &t.Shipments,
	} {
		if err := s.read.QueryRowContext(context.Background(), "SELECT COUNT(*) FROM "+table).Scan(n); err != nil {
			tb.Fatal(table, err)
		}
	}
	t.Readings = totalsOf(tb, s).Readings
	return t
}

func TestRowsAndPositionChangeTogether(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		s := k.open(t)
		c := newChain(1)
		c.add(tx("a", wire.Transaction{Events: []wire.RecordedEvent{recorded(t, objectEvent("2026-03-01T10:00:00Z", bottle, stepShip))}}))
		if err := s.Apply(t.Context(), c.all()...); err != nil {
			t.Fatal(err)
		}
		before := dumped(t, s)
		// The second event of the block is on the ledger already, which breaks the transaction after
		// the first has been written.
		c.add(tx("b", wire.Transaction{Events: []wire.RecordedEvent{
			recorded(t, objectEvent("2026-03-01T11:00:00Z", bottle, stepShip)),
			recorded(t, objectEvent("2026-03-01T10:00:00Z", bottle, stepShip)),
		}}))
		if err := s.Apply(t.Context(), c.all()...); err == nil {
			t.Fatal("an event recorded twice was taken in")
		}
		if after := dumped(t, s); after != before {
			t.Fatalf("a failed block left rows behind:\n%s\n---\n%s", before, after)
		}
		if height, _ := s.Changed(); height != 1 {
			t.Fatalf("height %d, want 1", height)
		}
		// A process killed in the midst leaves what an unfinished transaction leaves.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Apply(ctx, c.all()...); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
		if after := dumped(t, s); after != before {
			t.Fatal("an interrupted block left rows behind")
		}
	})
}

func TestAnotherLedgerIsRefused(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		ctx := t.Context()
		s := k.open(t)
		mine, other := newChain(1), newChain(2)
		for range 3 {
			mine.add()
			other.add()
		}
		if err := s.Apply(ctx, mine.all()...); err != nil {
			t.Fatal(err)
		}
		other.add()
		if err := s.Apply(ctx, other.all()[3]); !errors.Is(err, ErrForeign) {
			t.Fatalf("a block of another ledger: %v", err)
		}
		if err := s.Apply(ctx, other.all()[2]); !errors.Is(err, ErrForeign) {
			t.Fatalf("another ledger's last block: %v", err)
		}
		if err := s.Run(ctx, other); !errors.Is(err, ErrForeign) {
			t.Fatalf("another ledger's stream: %v", err)
		}
		shorter := newChain(3)
		shorter.add()
		if err := s.Run(ctx, shorter); !errors.Is(err, ErrForeign) {
			t.Fatalf("a ledger made anew, shorter than the store: %v", err)
		}
		if err := s.Apply(ctx, Block{Number: 9}); !errors.Is(err, ErrGap) {
			t.Fatalf("a gap: %v", err)
		}
	})
}

// flaky ends its stream after each block.
type flaky struct {
	*chain
	streams atomic.Int64
}

var errFlaky = errors.New("connection lost")

func (f *flaky) Blocks(ctx context.Context, from uint64) iter.Seq2[Block, error] {
	f.streams.Add(1)
	return func(yield func(Block, error) bool) {
		n := 0
		for b, err := range f.chain.Blocks(ctx, from) {
			if n++; n > 2 {
				yield(Block{}, errFlaky)
				return
			}
			if !yield(b, err) {
				return
			}
		}
	}
}

func TestRunFollowsTheLedgerThroughBrokenStreams(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		cfg := k.fresh(t)
		cfg.Retry = 1
		s := open(t, cfg)
		c := newChain(1)
		for range 3 {
			c.add()
		}
		f := &flaky{chain: c}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx, f) }()
		if err := s.WaitFor(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		c.add()
		if err := s.WaitFor(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Fatalf("Run ended with %v", err)
		}
		if f.streams.Load() < 3 {
			t.Fatal("the stream was never opened again")
		}
	})
}

func TestWaitForEndsWithItsContext(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		s := k.open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.WaitFor(ctx, 0); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestAStoreOfAnotherKindIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	if err := os.WriteFile(path, []byte("this is no database, though it is long enough to look at for a while"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Config{Path: path}); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("got %v", err)
	}
	newer := filepath.Join(t.TempDir(), "newer.db")
	s := open(t, Config{Path: newer})
	if _, err := s.write.Exec(`UPDATE schema_version SET version = 99`); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := Open(t.Context(), Config{Path: newer}); !errors.Is(err, ErrNewer) {
		t.Fatalf("got %v", err)
	}
}

func TestQuestionsAboutEvents(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		ctx := t.Context()
		s := k.open(t)
		c := newChain(1)
		first := recorded(t, objectEvent("2026-03-01T10:00:00Z", bottle, stepShip))
		second := recorded(t, objectEvent("2026-03-01T11:00:00Z", bottle, "receiving"))
		third := recorded(t, objectEvent("2026-03-01T12:00:00Z", pallet, stepShip))
		third.Context = []byte(`["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",{"ex":"https://example.com/"}]`)
		restated := first
		restated.Body = []byte(`{"eventID":"urn:uuid:1",` + string(first.Body[1:]))
		c.add(tx("a", wire.Transaction{
			Events:   []wire.RecordedEvent{first, second},
			Items:    []ledger.ItemState{{EPC: bottle, Status: ledger.ItemActive, Container: pallet, LastEvent: second.Hash}},
			Findings: []ledger.Finding{{Code: ledger.FindingShippedByNonHolder, Item: bottle, Event: first.Hash, Other: second.Hash, Detail: "held by another"}},
		}))
		c.add(tx("b", wire.Transaction{Restatements: []wire.RecordedEvent{restated}}), tx("c", wire.Transaction{Events: []wire.RecordedEvent{third}}))
		if err := s.Apply(ctx, c.all()...); err != nil {
			t.Fatal(err)
		}
		at := func(text string) *ledger.Millis {
			m := map[string]ledger.Millis{"10": noon - 2*3_600_000, "11": noon - 3_600_000, "12": noon}[text]
			return &m
		}
		for _, c := range []struct {
			name   string
			filter EventFilter
			want   []ledger.Digest
		}{
			{"all", EventFilter{}, []ledger.Digest{first.Hash, second.Hash, third.Hash}},
			{"item", EventFilter{EPC: bottle}, []ledger.Digest{first.Hash, second.Hash}},
			{"step", EventFilter{BizStep: stepShip}, []ledger.Digest{first.Hash, third.Hash}},
			{"type", EventFilter{Type: "AggregationEvent"}, nil},
			{"from is inclusive", EventFilter{Time: Range{From: at("11")}}, []ledger.Digest{second.Hash, third.Hash}},
			{"until is exclusive", EventFilter{Time: Range{Until: at("11")}}, []ledger.Digest{first.Hash}},
			{"finding", EventFilter{Finding: string(ledger.FindingShippedByNonHolder)}, []ledger.Digest{first.Hash}},
			{"other finding", EventFilter{Finding: string(ledger.FindingCommissionedTwice)}, nil},
			{"any finding", EventFilter{AnyFinding: true}, []ledger.Digest{first.Hash}},
			{"item and step", EventFilter{EPC: bottle, BizStep: stepShip}, []ledger.Digest{first.Hash}},
		} {
			for _, newest := range []bool{false, true} {
				var hashes []ledger.Digest
				var after *Position
				for {
					rows, err := s.Events(ctx, c.filter, Page{Limit: 1, After: after, Newest: newest})
					if err != nil {
						t.Fatal(err)
					}
					for _, e := range rows.Rows {
						hashes = append(hashes, e.Hash)
						after = &e.Position
					}
					if !rows.More {
						break
					}
				}
				want := c.want
				if newest {
					want = nil
					for i := range c.want {
						want = append(want, c.want[len(c.want)-1-i])
					}
				}
				if fmt.Sprint(hashes) != fmt.Sprint(want) {
					t.Errorf("%s, newest %v: got %v, want %v", c.name, newest, hashes, want)
				}
			}
		}
		e, err := s.Event(ctx, first.Hash)
		if err != nil {
			t.Fatal(err)
		}
		if string(e.Body) != string(first.Body) || len(e.Context) != 0 || len(e.Restatements) != 1 || string(e.Restatements[0].Body) != string(restated.Body) ||
			len(e.Findings) != 1 || e.Findings[0].Other != second.Hash || e.Position != (Position{0, 0}) || e.Restatements[0].Position != (Position{1, 0}) {
			t.Errorf("event: %+v", e)
		}
		if e := got(s.Event(ctx, third.Hash))(t); string(e.Context) != string(third.Context) || e.Position != (Position{1, 1}) {
			t.Errorf("event under its own context: %+v", e)
		}
		if _, err = s.Event(ctx, ledger.Digest{9}); !errors.Is(err, ErrNotFound) || !errors.Is(err, ledger.ErrUnknown) {
			t.Errorf("unknown event: %v", err)
		}
		i, err := s.Item(ctx, bottle, 10)
		if err != nil || i.Container != pallet || i.Events != 2 || len(i.Findings) != 1 {
			t.Errorf("item: %+v, %v", i, err)
		}
		if _, err = s.Item(ctx, carton, 10); !errors.Is(err, ErrNotFound) {
			t.Errorf("unknown item: %v", err)
		}
		// A page ends after the row whose body exceeds its bytes.
		rows, err := s.Events(ctx, EventFilter{}, Page{Limit: 10, Bytes: 1})
		if err != nil || len(rows.Rows) != 1 || !rows.More || rows.At.Height != 2 {
			t.Errorf("bounded page: %+v, %v", rows, err)
		}
	})
}

func TestAnErrorDeclarationMarksItsEvent(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		ctx := t.Context()
		s := k.open(t)
		c := newChain(1)
		bound := recorded(t, associationEvent("2026-03-01T08:00:00Z", pallet, logger, "ADD"))
		wrong := bound
		wrong.Body = []byte(`{"errorDeclaration":{"declarationTime":"2026-03-02T00:00:00Z"},` + string(bound.Body[1:]))
		c.add(tx("a", wire.Transaction{Events: []wire.RecordedEvent{bound}}))
		others := wrong
		others.Body = []byte(`{"eventID":"urn:uuid:1",` + string(wrong.Body[1:]))
		word := tx("b", wire.Transaction{Restatements: []wire.RecordedEvent{others}})
		word.MSPID = "CarrierMSP"
		c.add(word)
		if err := s.Apply(ctx, c.all()...); err != nil {
			t.Fatal(err)
		}
		if e, err := s.Event(ctx, bound.Hash); err != nil || e.DeclaredInError || !e.Restatements[0].DeclaresError {
			t.Errorf("another organisation's declaration: %+v, %v", e, err)
		}
		c.add(tx("c", wire.Transaction{Restatements: []wire.RecordedEvent{wrong}}))
		if err := s.Apply(ctx, c.all()...); err != nil {
			t.Fatal(err)
		}
		e, err := s.Event(ctx, bound.Hash)
		if err != nil || !e.DeclaredInError || len(e.Restatements) != 2 {
			t.Errorf("event: %+v, %v", e, err)
		}
		sh, err := s.Shipment(ctx, pallet)
		if err != nil || len(sh.Bindings) != 0 {
			t.Errorf("a binding declared in error counts: %+v, %v", sh, err)
		}
	})
}

func TestUntyingWithoutNamesUntiesEveryDevice(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		ctx := t.Context()
		s := k.open(t)
		c := newChain(1)
		all := `{"type":"AssociationEvent","eventTime":"2026-03-01T18:00:00Z","eventTimeZoneOffset":"+00:00","parentID":"` + pallet + `","action":"DELETE"}`
		c.add(tx("a", wire.Transaction{
			Events: []wire.RecordedEvent{
				recorded(t, associationEvent("2026-03-01T08:00:00Z", pallet, logger, "ADD")),
				recorded(t, associationEvent("2026-03-01T09:00:00Z", pallet, logger+"2", "ADD")),
				recorded(t, all),
			},
			Devices: []ledger.Device{{ID: logger, PublicKey: []byte{1}}},
		}))
		if err := s.Apply(ctx, c.all()...); err != nil {
			t.Fatal(err)
		}
		sh, err := s.Shipment(ctx, pallet)
		if err != nil || len(sh.Bindings) != 2 || sh.Bindings[0].Until == nil || sh.Bindings[1].Until == nil {
			t.Errorf("shipment: %+v, %v", sh, err)
		}
		if d, err := s.Device(ctx, logger); err != nil || d.Container != "" {
			t.Errorf("device: %+v, %v", d, err)
		}
	})
}

func TestShipmentsFollowBindingsAndVerdicts(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		ctx := t.Context()
		s := k.open(t)
		c := newChain(1)
		// The unbinding is recorded before the binding: event time decides.
		unbound := recorded(t, associationEvent("2026-03-01T18:00:00Z", pallet, logger, "DELETE"))
		bound := recorded(t, associationEvent("2026-03-01T08:00:00Z", pallet, logger, "ADD"))
		rebound := recorded(t, associationEvent("2026-03-02T08:00:00Z", carton, logger, "ADD"))
		c.add(tx("dev", wire.Transaction{Devices: []ledger.Device{{ID: logger, Algorithm: ledger.KeyEd25519, PublicKey: []byte{1}, Owner: "CarrierMSP", RegisteredAt: noon}}}))
		c.add(tx("a", wire.Transaction{Events: []wire.RecordedEvent{unbound, bound}}), tx("b", wire.Transaction{Events: []wire.RecordedEvent{rebound}}))
		c.add(tx("v", wire.Transaction{Verdicts: []ledger.Verdict{
			{Shipment: pallet, Window: 0, Model: "m", Level: ledger.Quarantine, From: noon, To: noon + 1},
			{Shipment: pallet, Window: 1, Model: "m", Level: ledger.Inspect, Final: true, From: noon, To: noon + 2},
		}, Segments: []wire.RecordedSegment{segmentOf(t, logger, 0, noon, 5_000, 6_000), segmentOf(t, logger, 1, noon+600_000, 7_000)}}))
		if err := s.Apply(ctx, c.all()...); err != nil {
			t.Fatal(err)
		}
		sh, err := s.Shipment(ctx, pallet)
		if err != nil {
			t.Fatal(err)
		}
		if sh.StartedAt != noon-4*3_600_000 || sh.EndedAt == nil || sh.Verdicts != 2 || sh.Worst != ledger.Quarantine ||
			sh.Latest == nil || sh.Latest.Level != ledger.Inspect || len(sh.Bindings) != 1 || sh.Bindings[0].Until == nil || *sh.Bindings[0].Until != noon+6*3_600_000 {
			t.Errorf("shipment: %+v", sh)
		}
		if open := got(s.Shipments(ctx, ShipmentFilter{Open: true}, "", 10))(t); len(open) != 1 || open[0].ID != carton {
			t.Errorf("open shipments: %+v", open)
		}
		if bad := got(s.Shipments(ctx, ShipmentFilter{AtLeast: ledger.Inspect}, "", 10))(t); len(bad) != 1 || bad[0].ID != pallet {
			t.Errorf("shipments to inspect: %+v", bad)
		}
		d, err := s.Device(ctx, logger)
		if err != nil || d.Container != carton || d.NextSeq != 2 || d.LastReading == nil || *d.LastReading != noon+600_000 || d.LastDigest.IsZero() {
			t.Errorf("device: %+v, %v", d, err)
		}
		until := noon + 600_000
		if early := got(s.Segments(ctx, logger, 0, Range{Until: &until}, 10))(t); len(early) != 1 || early[0].Seq != 0 {
			t.Errorf("segments until: %+v", early)
		}
		// Segments stand before verdicts in the order of a transaction.
		g, err := s.Segment(ctx, logger, 1)
		if err != nil || g.Position != (Position{2, 1}) {
			t.Errorf("segment: %+v, %v", g, err)
		}
		if decoded := got(g.Decode())(t); decoded.Channels[0].Values[0] != 7_000 {
			t.Errorf("readings: %+v", decoded)
		}
		v, err := s.Verdicts(ctx, VerdictFilter{Shipment: pallet, AtLeast: ledger.Quarantine}, Page{Limit: 5})
		if err != nil || len(v.Rows) != 1 || v.Rows[0].Position != (Position{2, 2}) {
			t.Errorf("verdicts: %+v, %v", v, err)
		}
		if final := got(s.Verdicts(ctx, VerdictFilter{Final: true, Model: "m"}, Page{Limit: 5}))(t); len(final.Rows) != 1 || final.Rows[0].Window != 1 {
			t.Errorf("final verdicts: %+v", final)
		}
		if _, err = s.Verdict(ctx, pallet, 7, "m"); !errors.Is(err, ErrNotFound) {
			t.Errorf("unknown verdict: %v", err)
		}
		totals, at, err := s.Totals(ctx)
		if err != nil || at.Height != 3 || totals.Events != 3 || totals.Segments != 2 || totals.Readings != 3 || totals.Verdicts != 2 || totals.Shipments != 2 || totals.Devices != 1 {
			t.Errorf("totals: %+v at %+v, %v", totals, at, err)
		}
	})
}

func TestTheLatestVerdictIsThatOfTheLastWindowInWhateverOrderTheyWereRecorded(t *testing.T) {
	at := func(window uint32, level ledger.VerdictLevel) ledger.Verdict {
		return ledger.Verdict{Shipment: pallet, Window: window, Model: "m", Level: level, From: noon, To: noon + 1, Final: window == 3}
	}
	c := newChain(1)
	c.add(tx("a", wire.Transaction{Verdicts: []ledger.Verdict{at(1, ledger.Inspect), at(0, ledger.Clear)}}))
	c.add(tx("b", wire.Transaction{Verdicts: []ledger.Verdict{at(3, ledger.Quarantine)}}))
	c.add(tx("c", wire.Transaction{Verdicts: []ledger.Verdict{at(2, ledger.Clear)}}))
	c.add(tx("d", wire.Transaction{Events: []wire.RecordedEvent{recorded(t, associationEvent("2026-03-01T08:00:00Z", pallet, logger, "ADD"))}}))
	eachWay(t, c, func(t *testing.T, s *Store) {
		sh := got(s.Shipment(t.Context(), pallet))(t)
		if sh.Latest == nil || sh.Latest.Window != 3 || sh.Latest.Level != ledger.Quarantine || sh.Verdicts != 4 || sh.EndedAt == nil {
			t.Errorf("%+v, latest %+v", sh, sh.Latest)
		}
		if bad := got(s.Shipments(t.Context(), ShipmentFilter{AtLeast: ledger.Quarantine}, "", 10))(t); len(bad) != 1 {
			t.Errorf("%+v", bad)
		}
	})
}

func TestPoliciesGiveTheLatestVersionOrAll(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		ctx := t.Context()
		s := k.open(t)
		c := newChain(1)
		freeze := int32(-500)
		c.add(tx("a", wire.Transaction{Policies: []ledger.Policy{{ID: "cold", Version: 1}, {ID: "warm", Version: 1}}}))
		c.add(tx("b", wire.Transaction{Policies: []ledger.Policy{{ID: "cold", Version: 2, FreezeBelow: &freeze}}}))
		if err := s.Apply(ctx, c.all()...); err != nil {
			t.Fatal(err)
		}
		latest, err := s.Policies(ctx, "", false, PolicyKey{}, 10)
		if err != nil || len(latest) != 2 || latest[0].Version != 2 || latest[0].FreezeBelow == nil || *latest[0].FreezeBelow != freeze {
			t.Errorf("latest: %+v, %v", latest, err)
		}
		all, err := s.Policies(ctx, "", true, PolicyKey{ID: "cold", Version: 1}, 10)
		if err != nil || len(all) != 2 || all[0].Version != 2 || all[1].ID != "warm" {
			t.Errorf("all after cold/1: %+v, %v", all, err)
		}
	})
}

func TestPositionsOrderAsTheLedger(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(name string) Position {
			return Position{Block: rapid.Uint64Range(0, maxBlock).Draw(rt, name), Index: rapid.Uint32Range(0, maxIndex).Draw(rt, name)}
		}
		p, q := draw("p"), draw("q")
		before := p.Block < q.Block || p.Block == q.Block && p.Index < q.Index
		if p.Before(q) != before || positionOf(p.key()) != p {
			rt.Fatalf("%+v, %+v", p, q)
		}
		if end, ok := EndOf(p.Block + 1); !ok || end.Before(p) {
			rt.Fatalf("%+v lies after the end %+v of its block", p, end)
		}
	})
}

// BenchmarkApply takes in blocks of 400 events each, four a transaction.
func BenchmarkApply(b *testing.B) {
	onEachB(b, func(b *testing.B, k kind) {
		s := k.open(b)
		const perBlock = 400
		c := newChain(1)
		n := 0
		next := func() Block {
			var content wire.Transaction
			for range perBlock {
				n++
				epc := fmt.Sprintf("https://id.gs1.org/01/09521321000012/21/%d", n)
				e := recorded(b, objectEvent("2026-03-01T10:00:00Z", epc, stepShip))
				content.Events = append(content.Events, e)
				content.Items = append(content.Items, ledger.ItemState{EPC: epc, Status: ledger.ItemInTransit, LastEvent: e.Hash})
			}
			return c.add(tx(fmt.Sprint(n), content))
		}
		b.ReportAllocs()
		for b.Loop() {
			b.StopTimer()
			blocks := []Block{next(), next(), next(), next()}
			b.StartTimer()
			if err := s.Apply(b.Context(), blocks...); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
	})
}
