package readmodel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/api/query/querytest"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/internal/racing"
)

// archive is a ledger of generated events, and the same events in memory as queries are to see them.
type archive struct {
	chain  *chain
	events []*epcis.Event
	places map[*epcis.Event]Position
}

func newArchive(t testing.TB, seeds, perBlock int) archive {
	t.Helper()
	a := archive{chain: newChain(1), places: map[*epcis.Event]Position{}}
	generator := rapid.Custom(querytest.Event)
	seen := map[ledger.Digest]int{}
	var content wire.Transaction
	at := noon
	flush := func() {
		a.chain.add(Recorded{TxID: fmt.Sprint("tx", at), MSPID: "ProducerMSP", At: at, Transaction: content})
		content = wire.Transaction{}
	}
	var events, restatements []*epcis.Event
	for seed := range seeds {
		raw := generator.Example(seed)
		e := recorded(t, string(raw))
		parsed, err := epcis.ParseEvent(e.Context, e.Body)
		if err != nil {
			t.Fatal(err)
		}
		parsed = Entry{Hash: e.Hash, RecordedAt: at, Event: parsed}.filled()
		switch {
		case seen[e.Hash] == 0:
			content.Events, events = append(content.Events, e), append(events, parsed)
		case parsed.IsErrorDeclaration() && seen[e.Hash] == 1:
			content.Restatements, restatements = append(content.Restatements, e), append(restatements, parsed)
		default:
			continue
		}
		seen[e.Hash]++
		if len(content.Events)+len(content.Restatements) == perBlock || seed == seeds-1 {
			block := uint64(len(a.chain.all()))
			flush()
			for i, e := range slices.Concat(events, restatements) {
				a.events = append(a.events, e)
				a.places[e] = Position{block, uint32(i)}
			}
			events, restatements = nil, nil
			at += ledger.Millis(seed%3) * 1000 // several blocks may have one time
		}
	}
	return a
}

// pages reads a whole result, page by page.
func pages(t interface{ Fatalf(string, ...any) }, ctx testing.TB, s *Store, q *query.Query, limit int) ([]Entry, error) {
	var all []Entry
	cursor := ""
	for n := 0; ; n++ {
		page, err := s.Select(ctx.Context(), q, nil, cursor, limit)
		if err != nil {
			return nil, err
		}
		if len(page.Entries) > limit {
			t.Fatalf("a page of %d has %d entries", limit, len(page.Entries))
		}
		all = append(all, page.Entries...)
		if cursor = page.Next; cursor == "" {
			return all, nil
		}
		if n > 10_000 {
			t.Fatalf("the pages have no end")
		}
	}
}

// describe is an event with all that it holds.
func describe(e *epcis.Event) string {
	b, err := e.MarshalJSON()
	return fmt.Sprint(string(b), err)
}

func (a archive) difference(got []Entry, want []*epcis.Event) string {
	var have, wanted []Position
	for _, e := range got {
		have = append(have, e.Position)
	}
	for _, e := range want {
		wanted = append(wanted, a.places[e])
	}
	if slices.Equal(have, wanted) {
		return ""
	}
	at := 0
	for at < min(len(have), len(wanted)) && have[at] == wanted[at] {
		at++
	}
	return fmt.Sprintf("from the %dth of %d on got %v, want %v of %d", at, len(have), have[at:min(at+5, len(have))], wanted[at:min(at+5, len(wanted))], len(wanted))
}

// narrow are bounds under which a small store takes every way that a large one takes.
func narrow() []selectBounds {
	return []selectBounds{
		{listed: 1_000, looked: 1_000, counted: 10_000, countedBytes: 1 << 30, pageBytes: 3_000, chunk: 16, window: 16},
		{listed: 3, looked: 1_000, counted: 10_000, countedBytes: 1 << 30, pageBytes: 20_000, chunk: 5, window: 2},
		{listed: 0, looked: 10, counted: 10_000, countedBytes: 1 << 30, pageBytes: 1 << 20, chunk: 4, window: 1},
	}
}

func TestQueriesAnswerAsAPlainFilterDoes(t *testing.T) {
	racing.Pure(t)
	a := newArchive(t, 400, 7)
	onEach(t, func(t *testing.T, k kind) {
		s := k.open(t)
		s.cfg.partEntries = 37 // some parts, and some entries that wait for one
		if err := s.Apply(t.Context(), a.chain.all()...); err != nil {
			t.Fatal(err)
		}
		checkQuery := func(rt interface{ Fatalf(string, ...any) }, text []byte, q *query.Query, limit int) (found int) {
			want, wantErr := q.Select(a.events, nil)
			got, err := pages(rt, t, s, q, limit)
			if (wantErr != nil) != (err != nil) {
				rt.Fatalf("%s: got %v, want %v", text, err, wantErr)
			}
			if wantErr != nil {
				var faults query.Faults
				if !errors.As(err, &faults) || !faults.Has(query.CodeTooLarge) {
					rt.Fatalf("%s: got %v, want %v", text, err, wantErr)
				}
				return 0
			}
			if difference := a.difference(got, want); difference != "" {
				rt.Fatalf("%s, order %+v, pages of %d, %+v: %s", text, q.Order, limit, s.bounds, difference)
			}
			return len(want)
		}
		t.Run("no parameter", func(t *testing.T) {
			all, err := pages(t, t, s, &query.Query{}, 50)
			if err != nil || len(all) != len(a.events) {
				t.Fatalf("%d of %d entries, %v", len(all), len(a.events), err)
			}
			for i, e := range all {
				if got, want := describe(e.filled()), describe(a.events[i]); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
		})
		t.Run("each parameter", func(t *testing.T) {
			hits := 0
			for n, name := range querytest.Names() {
				value := rapid.Custom(func(rt *rapid.T) any {
					rapid.Bool().Draw(rt, "some values are always the same")
					return querytest.Value(rt, name)
				})
				for seed := range 3 {
					text := fmt.Appendf(nil, `{"@context":%s,%q:%s}`, querytest.Context, name, mustJSON(t, value.Example(seed)))
					q, err := query.ParseJSON(text, nil)
					if err != nil {
						t.Fatalf("%s: %v", text, err)
					}
					s.bounds = narrow()[(n+seed)%3]
					if checkQuery(t, text, q, 25) > 0 {
						hits++
					}
				}
			}
			if hits < len(querytest.Names()) {
				t.Errorf("only %d queries found anything", hits)
			}
		})
		t.Run("together", func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				text := querytest.Query(rt, 3)
				q, err := query.ParseJSON(text, nil)
				if err != nil {
					rt.Fatal(err, string(text))
				}
				if rapid.Bool().Draw(rt, "all") {
					q.Predicates = q.Predicates[:min(1, len(q.Predicates))]
				}
				q.Order.Field = rapid.SampledFrom([]query.OrderField{query.OrderNone, query.OrderEventTime, query.OrderRecordTime, query.OrderExtension}).Draw(rt, "order")
				q.Order.Descending = q.Order.Field != query.OrderNone && rapid.Bool().Draw(rt, "descending")
				q.Order.Name = query.Name{Namespace: querytest.Namespace, Local: rapid.SampledFrom([]string{"a", "b", "size", "note"}).Draw(rt, "field")}
				if rapid.Bool().Draw(rt, "limited") {
					q.EventCountLimit = rapid.IntRange(1, 60).Draw(rt, "eventCountLimit")
				}
				if rapid.IntRange(0, 4).Draw(rt, "counted") == 0 {
					q.MaxEventCount = rapid.IntRange(1, 200).Draw(rt, "maxEventCount")
				}
				s.bounds = rapid.SampledFrom(narrow()).Draw(rt, "bounds")
				checkQuery(rt, text, q, rapid.IntRange(1, 40).Draw(rt, "limit"))
			})
		})
	})
}

func TestPagesDoNotChangeWhileEventsAreRecorded(t *testing.T) {
	a := newArchive(t, 120, 5)
	onEach(t, func(t *testing.T, k kind) {
		s := k.open(t)
		s.cfg.partEntries = 13
		blocks := a.chain.all()
		half := len(blocks) / 2
		if err := s.Apply(t.Context(), blocks[:half]...); err != nil {
			t.Fatal(err)
		}
		q := &query.Query{Order: query.Order{Field: query.OrderEventTime, Descending: true}}
		want, err := pages(t, t, s, q, 1000)
		if err != nil {
			t.Fatal(err)
		}
		var got []Entry
		cursor := ""
		for {
			page, err := s.Select(t.Context(), q, nil, cursor, 7)
			if err != nil || page.At.Height != uint64(half) {
				t.Fatalf("at %d, %v", page.At.Height, err)
			}
			got = append(got, page.Entries...)
			if cursor = page.Next; cursor == "" {
				break
			}
			if err := s.Apply(t.Context(), blocks...); err != nil {
				t.Fatal(err)
			}
		}
		if len(got) != len(want) || !slices.EqualFunc(got, want, func(a, b Entry) bool { return a.Position == b.Position }) {
			t.Errorf("%d entries, want %d", len(got), len(want))
		}
	})
}

func TestPagesAreBoundedInBytes(t *testing.T) {
	a := newArchive(t, 60, 6)
	onEach(t, func(t *testing.T, k kind) {
		s := k.open(t)
		if err := s.Apply(t.Context(), a.chain.all()...); err != nil {
			t.Fatal(err)
		}
		q := &query.Query{Order: query.Order{Field: query.OrderEventTime}}
		want, err := s.Select(t.Context(), q, nil, "", 1000)
		if err != nil || want.Full || want.Next != "" {
			t.Fatalf("full %t, next %q, %v", want.Full, want.Next, err)
		}
		s.bounds.pageBytes, s.bounds.countedBytes = 1, 1
		var got []Entry
		for cursor := ""; ; {
			page, err := s.Select(t.Context(), q, nil, cursor, 1000)
			if err != nil || len(page.Entries) != 1 || !page.Full {
				t.Fatalf("%d entries, full %t, %v", len(page.Entries), page.Full, err)
			}
			got = append(got, page.Entries...)
			if cursor = page.Next; cursor == "" {
				break
			}
		}
		if !slices.EqualFunc(got, want.Entries, func(a, b Entry) bool { return a.Position == b.Position }) {
			t.Errorf("%d entries in sum, want %d", len(got), len(want.Entries))
		}
		q.Order = query.Order{Field: query.OrderExtension, Name: query.Name{Namespace: "https://ns.example.com/", Local: "x"}}
		if _, err := s.Select(t.Context(), q, nil, "", 10); !errors.Is(err, ErrTooComplex) {
			t.Errorf("an order that no index has: %v", err)
		}
	})
}

func TestAQueryThatLooksAtTooMuchSaysSo(t *testing.T) {
	a := newArchive(t, 60, 5)
	s := open(t, onSQLite(t))
	if err := s.Apply(t.Context(), a.chain.all()...); err != nil {
		t.Fatal(err)
	}
	s.bounds.counted, s.bounds.chunk = 10, 5
	for _, q := range []*query.Query{
		{Order: query.Order{Field: query.OrderExtension}}, {MaxEventCount: 30},
	} {
		if _, err := s.Select(t.Context(), q, nil, "", 5); !errors.Is(err, ErrTooComplex) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	for _, cursor := range []string{"x", "AQ", strings.Repeat("A", 39)} {
		if _, err := s.Select(t.Context(), &query.Query{}, nil, cursor, 5); !errors.Is(err, ErrCursor) {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
}

func TestAnEventWithMoreTermsThanAreKeptIsFoundAllTheSame(t *testing.T) {
	var ids []string
	for n := range maxTerms + 1 {
		ids = append(ids, fmt.Sprintf(`{"type":"po","bizTransaction":"urn:epcglobal:cbv:bt:5200001000008:%d"}`, n))
	}
	body := `{"type":"ObjectEvent","eventTime":"2026-03-01T10:00:00Z","eventTimeZoneOffset":"+00:00","epcList":["` + bottle + `"],"action":"OBSERVE","bizTransactionList":[` + strings.Join(ids, ",") + `]}`
	c := newChain(1)
	c.add(tx("a", wire.Transaction{Events: []wire.RecordedEvent{recorded(t, body), recorded(t, objectEvent("2026-03-01T11:00:00Z", bottle, stepShip))}}))
	onEach(t, func(t *testing.T, k kind) {
		s := k.open(t)
		if err := s.Apply(t.Context(), c.all()...); err != nil {
			t.Fatal(err)
		}
		for text, want := range map[string]int{
			`{"EQ_bizTransaction_po":["urn:epcglobal:cbv:bt:5200001000008:7"]}`: 1, `{"EQ_action":["OBSERVE"]}`: 2, `{"EQ_bizStep":["receiving"]}`: 0,
			`{"GE_quantity":3}`: 0,
		} {
			q, err := query.ParseJSON([]byte(text), nil)
			if err != nil {
				t.Fatal(err)
			}
			if found, err := s.Select(t.Context(), q, nil, "", 10); err != nil || len(found.Entries) != want {
				t.Errorf("%s: %d, %v", text, len(found.Entries), err)
			}
		}
		for _, f := range []EventFilter{{Type: "ObjectEvent"}, {BizStep: stepShip}, {EPC: bottle, Type: "ObjectEvent", BizStep: stepShip}} {
			if found, err := s.Events(t.Context(), f, Page{Limit: 10}); err != nil || len(found.Rows) == 0 {
				t.Errorf("%+v: %+v, %v", f, found, err)
			}
		}
	})
}

func TestResourcesAreListedOnceEach(t *testing.T) {
	a := newArchive(t, 150, 9)
	want := map[Resource]map[string]bool{}
	add := func(r Resource, s string) {
		if want[r] == nil {
			want[r] = map[string]bool{}
		}
		if s != "" {
			want[r][s] = true
		}
	}
	for _, e := range a.events {
		add(EventTypes, string(e.Type))
		add(BizSteps, string(e.BizStep))
		add(Dispositions, string(e.Disposition))
		for _, i := range e.Items() {
			add(EPCs, query.CanonicalID(i.EPC))
		}
		if e.ReadPoint != nil {
			add(ReadPoints, query.CanonicalID(e.ReadPoint.ID))
		}
		if e.BizLocation != nil {
			add(BizLocations, query.CanonicalID(e.BizLocation.ID))
		}
	}
	onEach(t, func(t *testing.T, k kind) {
		s := k.open(t)
		if err := s.Apply(t.Context(), a.chain.all()...); err != nil {
			t.Fatal(err)
		}
		for r, values := range want {
			var got []string
			for {
				after := ""
				if len(got) > 0 {
					after = got[len(got)-1]
				}
				page, err := s.Values(t.Context(), r, after, 2)
				if err != nil {
					t.Fatal(err)
				}
				if len(page) == 0 {
					break
				}
				got = append(got, page...)
			}
			sorted := make([]string, 0, len(values))
			for v := range values {
				sorted = append(sorted, v)
			}
			slices.Sort(sorted)
			if !slices.Equal(got, sorted) {
				t.Errorf("%d: got %q, want %q", r, got, sorted)
			}
			for v := range values {
				if has, err := s.HasValue(t.Context(), r, v); err != nil || !has {
					t.Errorf("%d %q: %v, %v", r, v, has, err)
				}
			}
			if has, err := s.HasValue(t.Context(), r, "urn:nothing"); err != nil || has {
				t.Errorf("%d has nothing: %v", r, err)
			}
		}
	})
}

func TestAnObjectInMoreEventsThanAreListedIsFound(t *testing.T) {
	a := newArchive(t, 200, 7)
	onEach(t, func(t *testing.T, k kind) {
		cfg := k.fresh(t)
		cfg.partEntries = 37
		s := open(t, cfg)
		s.bounds.listed = 0
		if err := s.Apply(t.Context(), a.chain.all()...); err != nil {
			t.Fatal(err)
		}
		objects := map[string]bool{}
		for _, e := range a.events {
			for _, epc := range e.EPCs {
				objects[epc] = true
			}
		}
		for epc := range objects {
			q, err := query.ParseJSON(fmt.Appendf(nil, `{"MATCH_epc":[%q]}`, epc), nil)
			if err != nil {
				continue // it is no URI
			}
			want, _ := q.Select(a.events, nil)
			got, err := pages(t, t, s, q, 9)
			if difference := a.difference(got, want); err != nil || difference != "" {
				t.Errorf("%s: %v, %s", epc, err, difference)
			}
		}
	})
}

func TestWhatIsKeptInMemoryOfTheIndexIsBounded(t *testing.T) {
	var c partCache
	ledger := [32]byte{1}
	const each = 1 << 16
	for n := range int64(1000) {
		c.put(ledger, n, columns{positions: make([]int64, each)})
		if got := c.get(ledger, n); len(got.positions) != each {
			t.Fatalf("part %d is gone at once", n)
		}
		row := memberRow{members: make([]byte, each)}
		c.putMembers(ledger, false, 7, []int64{n}, map[memberKey]memberRow{{key: 7, part: n}: row})
		c.putMembers(ledger, false, 7, []int64{n}, map[memberKey]memberRow{{key: 7, part: n}: row})
		var bytes int
		for _, g := range []generation{c.young, c.old} {
			sum := 0
			for _, some := range g.columns {
				sum += some.bytes()
			}
			for _, row := range g.members {
				sum += row.bytes()
			}
			if sum != g.bytes {
				t.Fatalf("%d bytes are counted, %d are kept", g.bytes, sum)
			}
			bytes += sum
		}
		if bytes > cachedBytes {
			t.Fatalf("%d bytes are kept", bytes)
		}
	}
	if other := c.get([32]byte{2}, 999); other.positions != nil {
		t.Error("the part of another ledger is given")
	}
}

func TestRowsOfTheIndexKeptInMemoryAreThoseThatWereRead(t *testing.T) {
	var c partCache
	ledger := [32]byte{1}
	c.putMembers(ledger, true, 5, []int64{1, 2, 3}, map[memberKey]memberRow{
		{5, 1, true}: {low: 1, high: 4, members: []byte{9}},
		{5, 2, true}: {low: 7, high: 8}, // not read, out of what was wanted
	})
	for _, tc := range []struct {
		low, high      float64
		found, missing string
	}{
		{2, 3, "[1]", "[4]"},
		{2, 7, "[1]", "[2 4]"},
		{9, 9, "[]", "[4]"},
		{math.Inf(-1), math.Inf(1), "[1]", "[2 4]"},
	} {
		found := []int64{}
		missing, err := c.members(ledger, true, 5, []int64{1, 2, 3, 4}, tc.low, tc.high, func(part int64, _ []byte) error {
			found = append(found, part)
			return nil
		})
		if err != nil || fmt.Sprint(found) != tc.found || fmt.Sprint(missing) != tc.missing {
			t.Errorf("%v to %v: found %v, missing %v, %v", tc.low, tc.high, found, missing, err)
		}
	}
	missing, err := c.members(ledger, false, 5, []int64{1}, 0, 0, nil)
	if err != nil || len(missing) != 1 {
		t.Errorf("a term is taken for a number: %v, %v", missing, err)
	}
}

func TestPartsAreKnownUpToTheStateThatIsRead(t *testing.T) {
	var c partCache
	ledger := [32]byte{1}
	at := func(block uint64) part { return part{name: Position{Block: block, Index: 3}.key()} }
	c.learn(ledger, 0, []part{at(2), at(5)})
	c.learn(ledger, 1, []part{at(9)}) // by one who read an earlier state
	for height, want := range map[uint64]int{0: 0, 2: 0, 3: 1, 5: 1, 6: 2, 100: 2} {
		if got := len(c.known(ledger, height)); got != want {
			t.Errorf("at height %d: %d parts", height, got)
		}
	}
	if c.known([32]byte{2}, 100) != nil {
		t.Error("the parts of another ledger are given")
	}
}

func TestSpellingsOfOneNumberAreOneTerm(t *testing.T) {
	negative := math.Copysign(0, -1)
	if zero, minus := query.NewOperand("0"), (query.Operand{Text: "-0", Number: &negative}); spelling(zero) != spelling(minus) {
		t.Error("zero has two spellings")
	}
	if a, b := query.NewOperand("2024-01-01T00:00:00Z"), query.NewOperand("2024-01-01T01:00:00+01:00"); spelling(a) != spelling(b) || a.Time == nil || !a.Time.Equal(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Error("one moment has two spellings")
	}
}

func TestLongTextsKeepTheirOrderOfDigestAndPrefix(t *testing.T) {
	long := "https://example.com/" + strings.Repeat("x", 5_000)
	short := bounded(long)
	if len(short) > ledger.MaxIdentifierBytes || short == bounded(long+"y") || !strings.HasPrefix(short, long[:900]) || bounded(bottle) != bottle {
		t.Errorf("%d bytes", len(short))
	}
}

func TestAPatternIsFoundByABeginningThatItsIdentifiersHave(t *testing.T) {
	ids := []string{
		"https://id.gs1.org/01/09521321000012/21/7", "https://id.gs1.org/01/09521321000012/10/L1", "https://id.gs1.org/01/09521321000012/235/x",
		"https://id.gs1.org/8003/095213210000121234", "https://id.gs1.org/00/095213210000000012", "https://id.gs1.org/414/9521321000029/254/a",
		"https://id.gs1.org/253/9521321000029ab", "https://id.gs1.org/255/9521321000029123", "https://id.gs1.org/8004/9521321a/b", "https://id.gs1.org/8004/9",
		"https://id.gs1.org/8006/095213210000120102/21/9", "https://id.gs1.org/8010/9521321P1/8011/4", "urn:epc:id:usdod:CAGEY.5678", "urn:uuid:x",
	}
	rapid.Check(t, func(rt *rapid.T) {
		id := rapid.SampledFrom(ids).Draw(rt, "identifier")
		prefix := id[:rapid.IntRange(0, len(id)).Draw(rt, "length")]
		all := beginnings(id)
		for _, b := range beginnings(prefix) {
			if b != "" && !slices.Contains(all[:], b) {
				rt.Fatalf("%s is looked for by %s, which %s does not have", prefix, b, id)
			}
		}
	})
	for prefix, want := range map[string]string{
		"https://id.gs1.org/01/09521321000012/21/": "https://id.gs1.org/01/09521321000012/21/", "https://id.gs1.org/01/0952132": "https://id.gs1.org/01/0952132",
		"https://id.gs1.org/8003/09521321000012": "https://id.gs1.org/8003/09521321000012", "https://id.gs1.org/01/": "https://id.gs1.org/01/",
		"https://id.gs1.org/414/9521321": "https://id.gs1.org/414/952132", "urn:epc:id:usdod:CAGEY.": "urn:epc:id:usdod:",
	} {
		if !slices.Equal(beginningTerms(1, prefix), objectTerms(1, want)) {
			t.Errorf("%s: not found by %s", prefix, want)
		}
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(v); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(b.Bytes())
}
