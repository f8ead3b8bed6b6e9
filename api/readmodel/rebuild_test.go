package readmodel

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// example is a ledger with rows in every table.
func example(t *testing.T, seed byte) *chain {
	t.Helper()
	c := newChain(seed)
	c.add(tx("dev", wire.Transaction{Devices: []ledger.Device{{ID: logger, Algorithm: ledger.KeyEd25519, PublicKey: []byte{1}, Owner: "CarrierMSP", RegisteredAt: noon}}}))
	bound := recorded(t, associationEvent("2026-03-01T08:00:00Z", pallet, logger, "ADD"))
	seen := recorded(t, strings.Replace(objectEvent("2026-03-01T10:00:00Z", bottle, stepShip), `{`, `{"quantityList":[{"epcClass":"urn:epc:class:lgtin:4012345.012345.998877","quantity":3}],`, 1))
	seen.Context = []byte(`["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",{"ex":"https://example.com/"}]`)
	seen.Record.BodyDigest = ledger.BodyDigest(seen.Context, seen.Body)
	c.add(tx("a", wire.Transaction{
		Events:   []wire.RecordedEvent{bound, seen},
		Items:    []ledger.ItemState{{EPC: bottle, Status: ledger.ItemActive, Container: pallet, LastEvent: seen.Hash}},
		Findings: []ledger.Finding{{Code: ledger.FindingShippedByNonHolder, Item: bottle, Event: seen.Hash, Other: bound.Hash, Detail: "held by another"}},
	}))
	wrong := bound
	wrong.Body = []byte(`{"errorDeclaration":{"declarationTime":"2026-03-02T00:00:00Z"},` + string(bound.Body[1:]))
	c.add(tx("b", wire.Transaction{Restatements: []wire.RecordedEvent{wrong}}))
	c.add(tx("v", wire.Transaction{
		Segments: []wire.RecordedSegment{segmentOf(t, logger, 0, noon, 5_000, 6_000)},
		Verdicts: []ledger.Verdict{{Shipment: pallet, Window: 0, Model: "m", Level: ledger.Quarantine, From: noon, To: noon + 1, Final: true}},
		Policies: []ledger.Policy{{ID: "cold", Version: 1, Products: []string{"*"}}},
		Master:   []ledger.MasterDatum{{Place: &ledger.Place{ID: "https://id.gs1.org/414/9521321000012", Name: "Hall"}}},
		Elements: []wire.RecordedElement{said(t, "ProducerMSP", "https://id.gs1.org/414/9521321000012", noon, true, map[string]string{"cbvmda:name": "Hall 1"})},
		Credits:  credits(ledger.Receipt{Kind: ledger.CreditMint, Minted: 5, Created: []ledger.NamedNote{namedNote("v", 0, 1, 5, 0)}, TxID: "v"}).Credits,
		Votes:    []ledger.Vote{{Subject: ledger.Digest{1}, MSPID: "CarrierMSP"}},
		Anchors: []ledger.Anchor{{
			Root:   ledger.Root{Channel: "waybill", Genesis: ledger.Digest{1}, Height: 3, Block: ledger.Digest{2}, Size: 4, Hash: ledger.Digest{3}},
			Signed: ledger.RootSignature{At: noon, Signature: []byte{4}}, Certificate: []byte{5}, MSPID: "CarrierMSP", TxID: "v", RecordedAt: noon,
		}},
	}))
	return c
}

func names(found []Difference) (lines []string) {
	for _, d := range found {
		line := fmt.Sprintf("%s %s %s", d.Change, d.Table, d.Key)
		if len(d.Fields) > 0 {
			line += fmt.Sprint(" ", d.Fields)
		}
		lines = append(lines, line)
	}
	return lines
}

func check(t *testing.T, s *Store, src Source) (Checked, []Difference) {
	t.Helper()
	var found []Difference
	c, err := s.Check(t.Context(), src, t.TempDir(), nil, func(d Difference) error { found = append(found, d); return nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Differences != len(found) {
		t.Fatalf("%d differences are counted, %d named", c.Differences, len(found))
	}
	return c, found
}

func TestEveryTableIsCompared(t *testing.T) {
	c := example(t, 1)
	c.blocks[1].Transactions = append(c.blocks[1].Transactions, tx("l", wire.Transaction{Events: lotAndClearing(t)}))
	judged(t, c)
	c.add(scoredTx("claim", wire.ScoringRecords{Claims: []ledger.Claim{{
		Task: account(50), Account: account(4), Omitted: ledger.Reference{Kind: ledger.RefEvent, Digest: account(9)}, RefuteBy: noon, At: noon, TxID: "claim",
	}}}))
	onEach(t, func(t *testing.T, k kind) {
		cfg := k.fresh(t)
		cfg.partEntries = 2 // the first block with events is a part, the other waits
		s := open(t, cfg)
		if err := s.Apply(t.Context(), c.all()...); err != nil {
			t.Fatal(err)
		}
		for _, table := range s.tables {
			if len(rowsOf(t, s, table.ordered())) == 0 {
				t.Errorf("the example has no rows in %s", table.name)
			}
			columns := rowsOf(t, s, "SELECT * FROM "+table.name)
			if listed := rowsOf(t, s, table.ordered()); !slices.Equal(sortedFields(columns), sortedFields(listed)) {
				t.Errorf("%s has columns that are not compared:\n%s\n%s", table.name, columns, listed)
			}
		}
		if _, found := check(t, s, c); len(found) != 0 {
			t.Errorf("a sound store differs: %v", names(found))
		}
	})
}

func sortedFields(lines []string) []string {
	var fields []string
	for _, line := range lines {
		r := []rune(line)
		slices.Sort(r)
		fields = append(fields, string(r))
	}
	slices.Sort(fields)
	return fields
}

func TestCheckNamesEveryDifference(t *testing.T) {
	c := example(t, 1)
	for _, tc := range []struct{ name, change, want string }{
		{"altered event", "UPDATE events SET biz_step = 'receiving' WHERE biz_step = 'shipping'", "[altered events pos=1/1 [biz_step]]"},
		{"two columns", "UPDATE items SET container = '', last_at = 7", "[altered items epc=" + bottle + " [container last_at]]"},
		{"missing body", fmt.Sprintf("DELETE FROM bodies WHERE pos = %d", Position{1, 0}.key()), "[missing bodies pos=1/0]"},
		{"extra EPC", "INSERT INTO event_epcs (epc, pos, roles) VALUES ('x', 5, 1)", "[extra event_epcs epc=x pos=0/5]"},
		{"null", "UPDATE findings SET other = NULL", "[altered findings pos=1/0 [other]]"},
		{"total", "UPDATE totals SET value = 9 WHERE name = 'events'", "[altered totals name=events [value]]"},
		{"moved row", "UPDATE shipments SET id = 'moved'", "[missing shipments id=" + pallet + " extra shipments id=moved]"},
		{"nothing", "UPDATE items SET place = place", "[]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			onEach(t, func(t *testing.T, k kind) {
				s := k.open(t)
				if err := s.Apply(t.Context(), c.all()...); err != nil {
					t.Fatal(err)
				}
				if _, err := s.write.ExecContext(t.Context(), tc.change); err != nil {
					t.Fatal(err)
				}
				result, found := check(t, s, c)
				if got := fmt.Sprint(names(found)); got != tc.want {
					t.Errorf("got %s, want %s", got, tc.want)
				}
				if same := result.Digest == result.Wanted; same != (len(found) == 0) || result.Digest != digest(t, s) || result.Height != 4 {
					t.Errorf("digest %x, wanted %x, height %d", result.Digest, result.Wanted, result.Height)
				}
			})
		})
	}
}

func TestCheckComparesTheStoreAsItWasAtTheBeginning(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		c := example(t, 1)
		s := k.open(t)
		if err := s.Apply(t.Context(), c.all()[:2]...); err != nil {
			t.Fatal(err)
		}
		grow := func(uint64) Watch {
			if err := s.Apply(t.Context(), c.all()...); err != nil {
				t.Error(err)
			}
			return nil
		}
		result, err := s.Check(t.Context(), c, t.TempDir(), grow, func(d Difference) error { t.Errorf("%+v", d); return nil }, nil)
		if err != nil || result.Height != 2 {
			t.Errorf("height %d, %v", result.Height, err)
		}
	})
}

func TestCheckRefusesAStoreOfAnotherLedger(t *testing.T) {
	s := open(t, onSQLite(t))
	if err := s.Apply(t.Context(), example(t, 1).all()...); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Check(t.Context(), example(t, 2), t.TempDir(), nil, nil, nil); !errors.Is(err, ErrForeign) {
		t.Fatalf("got %v", err)
	}
}

func TestARebuiltStoreEqualsTheOldOne(t *testing.T) {
	ledgers := rapid.Custom(anyChain)
	onEach(t, func(t *testing.T, k kind) {
		for seed := range 8 {
			c, cfg := ledgers.Example(seed), k.fresh(t)
			height := uint64(len(c.all()))
			s := open(t, cfg)
			// The old store may be behind the ledger.
			if err := s.Apply(t.Context(), c.all()[:len(c.all())-seed%len(c.all())]...); err != nil {
				t.Fatal(err)
			}
			s.Close()
			r, err := Rebuild(t.Context(), cfg, c, height, func(d Difference) error { t.Errorf("%+v", d); return nil }, nil)
			if err != nil {
				t.Fatal(err)
			}
			s = open(t, cfg)
			if !r.Compared || r.Digest != r.Wanted || r.Digest != digest(t, s) || r.Height != height {
				t.Fatalf("%+v, digest %x", r, digest(t, s))
			}
			if at, _ := s.Changed(); at != height {
				t.Fatalf("the store holds %d blocks, %d were built", at, height)
			}
			s.Close()
		}
	})
}

// dying is a ledger whose reader is killed after some blocks.
type dying struct {
	*chain
	after int
	kill  context.CancelFunc
}

func (d *dying) Blocks(ctx context.Context, from uint64) iter.Seq2[Block, error] {
	return func(yield func(Block, error) bool) {
		for b, err := range d.chain.Blocks(ctx, from) {
			if from > 0 || b.Number > 0 {
				d.after--
			}
			if d.after == 0 {
				d.kill()
				<-ctx.Done()
			}
			if !yield(b, err) {
				return
			}
		}
	}
}

func TestAKilledRebuildGoesOnWhereItWas(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		c := example(t, 1)
		for range 20 {
			c.add()
		}
		cfg := k.fresh(t)
		cfg.BatchBlocks = 1
		s := open(t, cfg)
		if err := s.Apply(t.Context(), c.all()...); err != nil {
			t.Fatal(err)
		}
		before := dumped(t, s)
		s.Close()
		height := uint64(len(c.all()))
		ctx, kill := context.WithCancel(t.Context())
		if _, err := Rebuild(ctx, cfg, &dying{c, 12, kill}, height, nil, nil); !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
		s = open(t, cfg)
		if dumped(t, s) != before {
			t.Fatal("an unfinished rebuild has touched the store")
		}
		s.Close()
		r, err := Rebuild(t.Context(), cfg, c, height, nil, nil)
		if err != nil || r.From < 5 || r.From >= height || !r.Compared || r.Differences != 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		if dumped(t, open(t, cfg)) != before {
			t.Error("the rebuilt store differs")
		}
	})
}

func TestRebuildReplacesWhatIsNotAsTheLedgerSays(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		c, other := example(t, 1), example(t, 2)
		other.add()
		cfg := k.fresh(t)
		s := open(t, cfg)
		if err := s.Apply(t.Context(), c.all()...); err != nil {
			t.Fatal(err)
		}
		want := dumped(t, s)
		if _, err := s.write.ExecContext(t.Context(), "UPDATE events SET action = 'ADD'"); err != nil {
			t.Fatal(err)
		}
		s.Close()
		var found []Difference
		r, err := Rebuild(t.Context(), cfg, c, 4, func(d Difference) error { found = append(found, d); return nil }, nil)
		if err != nil || fmt.Sprint(names(found)) != "[altered events pos=1/1 [action]]" || r.Differences != 1 {
			t.Fatalf("%v, %+v, %v", names(found), r, err)
		}
		s = open(t, cfg)
		if dumped(t, s) != want {
			t.Error("the rebuilt store is not as the ledger says")
		}
		s.Close()
		// The ledger was made anew: neither the store nor a rebuild that was begun is of it.
		ctx, kill := context.WithCancel(t.Context())
		if _, err := Rebuild(ctx, cfg, &dying{c, 2, kill}, 4, nil, nil); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		r, err = Rebuild(t.Context(), cfg, other, 5, nil, nil)
		if err != nil || r.Compared || r.Why == "" || r.Height != 5 {
			t.Fatalf("%+v, %v", r, err)
		}
		if _, found := check(t, open(t, cfg), other); len(found) != 0 {
			t.Errorf("%v", names(found))
		}
	})
}

func TestRebuildReplacesAFileThatCannotBeRead(t *testing.T) {
	cfg := onSQLite(t)
	for _, suffix := range []string{"", rebuildSuffix} {
		if err := os.WriteFile(cfg.Path+suffix, []byte("this is no database, though it is long enough to look at for a while"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := example(t, 1)
	r, err := Rebuild(t.Context(), cfg, c, 4, nil, nil)
	if err != nil || r.Compared || r.Why == "" {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, found := check(t, open(t, cfg), c); len(found) != 0 {
		t.Errorf("%v", names(found))
	}
}
