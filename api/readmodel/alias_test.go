package readmodel

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// bearing is an event with an eventID; those of the same n are the same event.
func bearing(t testing.TB, n int, id, more string) wire.RecordedEvent {
	t.Helper()
	step := []string{"storing", "shipping", "receiving"}[n%3]
	return recorded(t, fmt.Sprintf(`{"type":"ObjectEvent","eventID":%q,%s"eventTime":"2026-01-02T03:%02d:05Z","eventTimeZoneOffset":"+00:00","epcList":["urn:epc:id:sgtin:9521321.000001.%d"],"action":"OBSERVE","bizStep":%q}`,
		id, more, (n*7)%60, n, step))
}

func TestARestatementIsFoundByItsOwnEventIDAndByNothingElse(t *testing.T) {
	c := newChain(1)
	var firsts, aliases []*epcis.Event
	places := map[*epcis.Event]Position{}
	const events = 60
	for n := range events {
		at := noon + ledger.Millis(n/2*1000)
		first := bearing(t, n, fmt.Sprint("urn:x:first:", n), "")
		var restated []wire.RecordedEvent
		var filled []*epcis.Event
		add := func(e wire.RecordedEvent, answered bool) {
			restated = append(restated, e)
			if !answered {
				filled = append(filled, nil)
				return
			}
			parsed, err := epcis.ParseEvent(e.Context, e.Body)
			if err != nil {
				t.Fatal(err)
			}
			filled = append(filled, Entry{Hash: e.Hash, RecordedAt: at, Event: parsed}.filled())
		}
		if n%2 == 0 {
			add(bearing(t, n, fmt.Sprint("urn:x:first:", n), `"recordTime":"2026-01-03T00:00:00Z",`), false) // the same id in other words
			add(bearing(t, n, fmt.Sprint("urn:x:second:", n), ""), true)
			add(bearing(t, n, fmt.Sprint("urn:x:second:", n), `"recordTime":"2026-01-03T00:00:00Z",`), false)
			add(bearing(t, n, "urn:x:shared", ""), true)
		}
		block := uint64(n)
		c.add(Recorded{TxID: fmt.Sprint("tx", n), MSPID: "ProducerMSP", At: at, Transaction: wire.Transaction{Events: []wire.RecordedEvent{first}, Restatements: restated}})
		parsed, err := epcis.ParseEvent(first.Context, first.Body)
		if err != nil {
			t.Fatal(err)
		}
		e := Entry{Hash: first.Hash, RecordedAt: at, Event: parsed}.filled()
		firsts, places[e] = append(firsts, e), Position{block, 0}
		for i, e := range filled {
			if e != nil {
				aliases, places[e] = append(aliases, e), Position{block, uint32(i + 1)}
			}
		}
	}
	var inOrder []*epcis.Event // of recording
	for n, f := range firsts {
		inOrder = append(inOrder, f)
		if n%2 == 0 {
			inOrder = append(inOrder, aliases[n], aliases[n+1])
		}
	}
	a := archive{chain: c, places: places}
	onEach(t, func(t *testing.T, k kind) {
		s := k.open(t)
		s.cfg.partEntries = 13
		if err := s.Apply(t.Context(), c.all()...); err != nil {
			t.Fatal(err)
		}
		rapid.Check(t, func(rt *rapid.T) {
			q := &query.Query{}
			all := firsts
			if ids := rapid.SliceOfN(rapid.SampledFrom([]string{"urn:x:first:3", "urn:x:first:4", "urn:x:second:4", "urn:x:second:10", "urn:x:shared", "urn:x:nobody"}), 0, 4).Draw(rt, "ids"); len(ids) > 0 {
				q.Predicates, all = append(q.Predicates, query.IDIn{Field: query.EventID, IDs: ids}), inOrder
			}
			if rapid.Bool().Draw(rt, "step") {
				q.Predicates = append(q.Predicates, query.WordIn{Field: query.BizStep, Words: []string{"storing"}})
			}
			if rapid.Bool().Draw(rt, "time") {
				q.Predicates = append(q.Predicates, query.TimeIs{Field: query.RecordTime, Op: query.GE, Time: (noon + 9000).Time()})
			}
			q.Order.Field = rapid.SampledFrom([]query.OrderField{query.OrderNone, query.OrderEventTime, query.OrderRecordTime, query.OrderExtension}).Draw(rt, "order")
			q.Order.Descending = q.Order.Field != query.OrderNone && rapid.Bool().Draw(rt, "descending")
			q.Order.Name = query.Name{Namespace: "https://example.com/", Local: "a"}
			if rapid.Bool().Draw(rt, "limited") {
				q.EventCountLimit = rapid.IntRange(1, 60).Draw(rt, "eventCountLimit")
			}
			s.bounds = rapid.SampledFrom(narrow()).Draw(rt, "bounds")
			want, err := q.Select(all, nil)
			if err != nil {
				rt.Fatal(err)
			}
			limit := rapid.IntRange(1, 40).Draw(rt, "limit")
			got, err := pages(rt, t, s, q, limit)
			if err != nil {
				rt.Fatal(err)
			}
			if difference := a.difference(got, want); difference != "" {
				rt.Fatalf("%+v, pages of %d: %s", q, limit, difference)
			}
		})
		s.bounds = defaultBounds()
		if _, err := s.Select(t.Context(), &query.Query{Predicates: []query.Predicate{query.IDIn{Field: query.EventID, IDs: []string{"urn:x:shared"}}}, MaxEventCount: 29}, nil, "", 10); err == nil {
			t.Error("30 restatements do not exceed a maxEventCount of 29")
		}
		named, err := s.Named(t.Context(), "urn:x:second:4", 10)
		if err != nil || len(named) != 1 || named[0].EventID != "urn:x:first:4" || named[0].Text == nil || named[0].Text.EventID != "urn:x:second:4" || len(named[0].Text.Body) == 0 {
			t.Errorf("%+v, %v", named, err)
		}
		if named, err = s.Named(t.Context(), "urn:x:first:4", 10); err != nil || len(named) != 1 || named[0].Text != nil {
			t.Errorf("%+v, %v", named, err)
		}
		if named, err = s.Named(t.Context(), "urn:x:shared", 7); err != nil || len(named) != 7 {
			t.Errorf("%d, %v", len(named), err)
		}
		if named, err = s.Named(t.Context(), "urn:x:nobody", 7); err != nil || len(named) != 0 {
			t.Errorf("%d, %v", len(named), err)
		}
		if _, err = s.restatement(t.Context(), Position{0, 0}); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	})
}
