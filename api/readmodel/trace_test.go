package readmodel

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/api/trace"
	"github.com/waybill-dev/waybill/api/trace/tracetest"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/internal/racing"
)

// chainOf records texts as the chaincode would, a few in a block.
func chainOf(r *rand.Rand, records []tracetest.Record) *chain {
	c := newChain(1)
	known := map[ledger.Digest]bool{}
	var transactions []Recorded
	for i, rec := range records {
		body := ledger.BodyDigest(nil, rec.Body)
		if known[body] {
			continue
		}
		e := wire.RecordedEvent{Hash: rec.Hash, Body: rec.Body}
		t := Recorded{TxID: fmt.Sprintf("tx%d", i), MSPID: rec.MSPID, At: noon + ledger.Millis(i)}
		if known[rec.Hash] {
			t.Restatements = []wire.RecordedEvent{e}
		} else {
			t.Events = []wire.RecordedEvent{e}
		}
		known[body], known[rec.Hash] = true, true
		transactions = append(transactions, t)
		if r.IntN(3) == 0 {
			c.add(transactions...)
			transactions = nil
		}
	}
	c.add(transactions...)
	return c
}

// asSource asks the store's present state.
func asSource(s *Store) trace.Source { return newTraceSource(s.asking(), s.dialect) }

// anew empties a store and has it begin again.
func anew(tb testing.TB, s *Store) {
	tb.Helper()
	empty(tb, s)
	nothing := make([]byte, 32)
	if _, err := s.write.ExecContext(tb.Context(), s.dialect.bind(`INSERT INTO position (one, block, hash, genesis) VALUES (1, -1, ?, ?)`), nothing, nothing); err != nil {
		tb.Fatal(err)
	}
}

func TestTraceAndRecallEqualTheOracleOnRandomHistories(t *testing.T) {
	racing.Pure(t)
	n, err := strconv.Atoi(cmp.Or(os.Getenv("WAYBILL_TRACE_HISTORIES"), "40"))
	if err != nil {
		t.Fatal(err)
	}
	onEach(t, func(t *testing.T, k kind) {
		s := k.open(t)
		for seed := range n {
			r := rand.New(rand.NewPCG(uint64(seed), 2))
			records := tracetest.Random(t, r, 24)
			tracetest.Check(t, r, seed, records, func(recorded []tracetest.Record) trace.Source {
				anew(t, s)
				for _, b := range chainOf(r, recorded).all() {
					if err := s.Apply(t.Context(), b); err != nil {
						t.Fatal(err)
					}
				}
				return asSource(s)
			})
			if t.Failed() {
				return
			}
		}
	})
}

func TestRecallNamesWhoHoldsWhatIsLeftAndWhoBoughtTheRest(t *testing.T) {
	const (
		lot    = "urn:epc:class:lgtin:9521321.000001.L1"
		first  = "urn:epc:id:sgtin:9521321.000001.1"
		second = "urn:epc:id:sgtin:9521321.000001.2"
		other  = "urn:epc:id:sgtin:9521321.000002.7"
		box    = "urn:epc:id:sscc:9521321.0000000001"
	)
	event := func(hour int, rest string) []byte {
		return fmt.Appendf(nil, `{"eventTime":"2026-03-01T%02d:00:00Z","eventTimeZoneOffset":"+00:00",%s}`, hour, rest)
	}
	var records []tracetest.Record
	add := func(msp string, body []byte) { records = append(records, tracetest.New(t, msp, body)) }
	add("ProducerMSP", event(1, `"type":"ObjectEvent","action":"ADD","bizStep":"commissioning","epcList":["`+first+`","`+second+`"],"ilmd":{"cbvmda:lotNumber":"L1"}`))
	add("ProducerMSP", event(2, `"type":"AggregationEvent","action":"ADD","bizStep":"packing","parentID":"`+box+`","childEPCs":["`+first+`","`+second+`","`+other+`"]`))
	add("ProducerMSP", event(3, `"type":"ObjectEvent","action":"OBSERVE","bizStep":"shipping","epcList":["`+box+`"],"destinationList":[{"type":"possessing_party","destination":"urn:epc:id:pgln:9521321.00009"}]`))
	add("PharmacyMSP", event(4, `"type":"ObjectEvent","action":"OBSERVE","bizStep":"receiving","epcList":["`+box+`"],"readPoint":{"id":"urn:epc:id:sgln:9521321.00001.0"},"destinationList":[{"type":"possessing_party","destination":"urn:epc:id:pgln:9521321.00009"}]`))
	add("PharmacyMSP", event(5, `"type":"ObjectEvent","action":"OBSERVE","bizStep":"retail_selling","disposition":"retail_sold","epcList":["`+second+`"]`))
	canonicalOf := func(id string) string {
		i := slices.Index(tracetest.Identifiers(), id)
		if i < 0 {
			return id
		}
		return canonicalEPC(t, id)
	}
	onEach(t, func(t *testing.T, k kind) {
		s := k.open(t)
		for _, b := range chainOf(rand.New(rand.NewPCG(1, 1)), records).all() {
			if err := s.Apply(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		g, err := s.Recall(t.Context(), trace.Question{ID: canonicalEPC(t, lot)})
		if err != nil {
			t.Fatal(err)
		}
		if g.AsOf.Height == 0 {
			t.Error("the answer does not say what it reflects")
		}
		nodes := map[string]trace.Node{}
		for _, n := range g.Nodes {
			nodes[n.ID] = n
		}
		for _, want := range []struct {
			id     string
			degree trace.Degree
			status trace.Status
			by     string
		}{
			{canonicalOf(first), trace.Contains, trace.StatusHeld, "PharmacyMSP"},
			{canonicalOf(second), trace.Contains, trace.StatusSold, "PharmacyMSP"},
			{canonicalEPC(t, other), trace.Touched, trace.StatusHeld, "PharmacyMSP"},
			{canonicalOf(box), trace.Contains, trace.StatusHeld, "PharmacyMSP"},
		} {
			n := nodes[want.id]
			if n.Degree != want.degree || n.Custody == nil || n.Custody.Status != want.status || n.Custody.Custodian != want.by {
				t.Errorf("%s: %+v %+v, want %+v", want.id, n, n.Custody, want)
			}
		}
		if c := nodes[canonicalOf(first)].Custody; c.Party != "https://id.gs1.org/417/9521321000094" || c.Place != "https://id.gs1.org/414/9521321000018" {
			t.Errorf("the box is with %q at %q", c.Party, c.Place)
		}
		where, err := s.Locate(t.Context(), trace.Question{ID: canonicalOf(first), At: tracetest.Millis(3)})
		if err != nil || where.Container != canonicalOf(box) || where.Custody.Custodian != "ProducerMSP" || where.Custody.Status != trace.StatusShipped {
			t.Errorf("at three o'clock it is %+v, %v", where, err)
		}
		if _, err := s.Trace(t.Context(), trace.Question{ID: "https://example.com/unheard/of", Direction: trace.Up}); !errors.Is(err, ErrNotFound) {
			t.Errorf("what no event names gives %v", err)
		}
	})
}

func canonicalEPC(tb testing.TB, id string) string {
	tb.Helper()
	n := tracetest.New(tb, "", fmt.Appendf(nil, `{"type":"ObjectEvent","action":"OBSERVE","eventTime":"2026-03-01T00:00:00Z","eventTimeZoneOffset":"+00:00","epcList":[%q]}`, id))
	return n.Event.Items()[0].Canonical
}

func TestLinksAreReadAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 3))
		for _, rec := range tracetest.Random(t, r, 6) {
			want, _ := trace.Read(rec.Event, rec.Hash, rec.MSPID)
			var got trace.Event
			if err := decodeLink(encodeLink(&want), &got); err != nil {
				t.Fatal(err)
			}
			if got.Parent != want.Parent || got.Run != want.Run || !slices.Equal(got.Members, want.Members) {
				t.Fatalf("%+v was read as %+v", want, got)
			}
		}
	})
}

func FuzzDecodeLink(f *testing.F) {
	for _, rec := range tracetest.Random(f, rand.New(rand.NewPCG(1, 4)), 20) {
		e, _ := trace.Read(rec.Event, rec.Hash, rec.MSPID)
		f.Add(encodeLink(&e))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var e trace.Event
		if err := decodeLink(b, &e); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatal(err)
		}
	})
}

// lotAndClearing are an event that tells a lot and one that empties a container.
func lotAndClearing(tb testing.TB) []wire.RecordedEvent {
	tb.Helper()
	return []wire.RecordedEvent{
		recorded(tb, `{"type":"ObjectEvent","eventTime":"2026-03-01T07:00:00Z","eventTimeZoneOffset":"+00:00","epcList":["`+bottle+`"],"action":"ADD","ilmd":{"cbvmda:lotNumber":"L1"}}`),
		recorded(tb, `{"type":"AggregationEvent","eventTime":"2026-03-01T11:00:00Z","eventTimeZoneOffset":"+00:00","parentID":"`+carton+`","action":"DELETE"}`),
	}
}
