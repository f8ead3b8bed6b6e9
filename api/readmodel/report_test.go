package readmodel

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/api/report"
	"github.com/waybill-dev/waybill/api/report/reporttest"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/internal/racing"
)

// market takes a history into a store: a block each, and in a last one the declarations of error by those
// who recorded the events.
func market(tb interface{ Fatal(...any) }, s *Store, l *reporttest.Ledger) {
	c := newChain(3)
	n := 0
	var declared []Recorded
	for number, bodies := range l.Bodies() {
		block := uint64(number)
		t := Recorded{TxID: reporttest.TxID(block), At: ledger.MillisOf(reporttest.Recorded(block))}
		for _, body := range bodies {
			r := l.Record(n)
			n++
			t.MSPID = r.RecordedBy
			t.Events = append(t.Events, recorded(tb, string(body)))
			for _, code := range r.Findings {
				t.Findings = append(t.Findings, ledger.Finding{Code: ledger.FindingCode(code), Event: ledger.Digest(r.Hash)})
			}
			if r.InError {
				wrong := strings.TrimSuffix(string(body), "}") + `,"errorDeclaration":{"declarationTime":"2026-06-02T00:00:00Z"}}`
				declared = append(declared, Recorded{TxID: fmt.Sprint("wrong", n), MSPID: r.RecordedBy, At: noon, Transaction: wire.Transaction{Restatements: []wire.RecordedEvent{recorded(tb, wrong)}}})
			}
		}
		c.add(t)
	}
	c.add(declared...)
	if err := s.Apply(context.Background(), c.all()...); err != nil {
		tb.Fatal(err)
	}
}

// reports makes every report of a source as one text.
func reports(tb interface{ Fatal(...any) }, source report.Source, md report.MasterData) string {
	var out strings.Builder
	show := func(name string, t *reporttest.Table, err error) {
		fmt.Fprintln(&out, name, err)
		for _, r := range t.Rows {
			fmt.Fprintln(&out, r)
		}
	}
	ctx := context.Background()
	for _, lot := range []string{"", reporttest.CaseLettuce, reporttest.FieldLettuce, "(01)09521321000216(10)A123", "(01)09521321000216(10)A1"} {
		q := report.FoodQuery{}
		if lot != "" {
			var err error
			if q.Lot, err = report.LotOf(lot); err != nil {
				tb.Fatal(err)
			}
		}
		t := &reporttest.Table{}
		show("food "+lot, t, report.FoodTraceability(ctx, source, md, q, t.Sink, nil))
	}
	q := report.FoodQuery{From: time.Date(2026, 5, 2, 0, 0, 0, 0, time.UTC), Until: time.Date(2026, 5, 3, 14, 0, 0, 0, time.UTC)}
	t := &reporttest.Table{}
	show("food of a time", t, report.FoodTraceability(ctx, source, md, q, t.Sink, nil))
	for _, epc := range []string{reporttest.Unit(1), reporttest.Unit(2), reporttest.Case(1)} {
		id := report.Identity{EPC: epc, Lot: "A123"}
		t := &reporttest.Table{}
		show("drug "+epc, t, report.Transactions(ctx, source, md, report.DrugQuery{Identity: id}, t.Sink))
		v, err := report.Verify(ctx, source, id, time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))
		by := epcis.Hash{}
		if v.Commissioned != nil {
			by = v.Commissioned.Hash
		}
		fmt.Fprintln(&out, v.Outcome, v.LotMatches, by, err)
	}
	return out.String()
}

// difference is the first line in which two texts differ.
func difference(have, want string) string {
	h, w := strings.Split(have, "\n"), strings.Split(want, "\n")
	for i := range min(len(h), len(w)) {
		if h[i] != w[i] {
			return fmt.Sprintf("line %d:\n%s\nwant\n%s", i, h[i], w[i])
		}
	}
	if len(h) != len(w) {
		return fmt.Sprintf("%d lines, want %d", len(h), len(w))
	}
	return ""
}

func TestAReportIsTheSameAsByLookingAtEveryEvent(t *testing.T) {
	racing.Pure(t)
	onEach(t, func(t *testing.T, k kind) {
		food, foodMaster := reporttest.Food(t)
		drug, drugMaster := reporttest.Drug(t)
		for name, c := range map[string]struct {
			ledger *reporttest.Ledger
			master reporttest.Master
		}{"food": {food, foodMaster}, "drug": {drug, drugMaster}} {
			s := k.open(t)
			market(t, s, c.ledger)
			if d := difference(reports(t, s.Reports(), c.master), reports(t, c.ledger, c.master)); d != "" {
				t.Errorf("%s: %s", name, d)
			}
		}
	})
}

func TestReportsOfRandomHistoriesAreThoseByLookingAtEveryEvent(t *testing.T) {
	racing.Pure(t)
	onEach(t, func(t *testing.T, k kind) {
		s := k.open(t)
		rapid.Check(t, func(t *rapid.T) {
			empty(t, s)
			nothing := make([]byte, 32)
			if _, err := s.write.ExecContext(context.Background(), s.dialect.bind(`INSERT INTO position (one, block, hash, genesis) VALUES (1, -1, ?, ?)`), nothing, nothing); err != nil {
				t.Fatal(err)
			}
			l := reporttest.Random(t)
			market(t, s, l)
			if d := difference(reports(t, s.Reports(), nil), reports(t, l, nil)); d != "" {
				t.Fatal(d)
			}
		})
	})
}

func TestAReportEndsWithItsContext(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		s := k.open(t)
		l, _ := reporttest.Food(t)
		market(t, s, l)
		ctx, cancel := context.WithCancel(t.Context())
		table := &reporttest.Table{}
		err := report.FoodTraceability(ctx, s.Reports(), nil, report.FoodQuery{}, func(sheet *report.Sheet) (report.Rows, error) {
			cancel()
			return table.Sink(sheet)
		}, nil)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%d rows, %v", len(table.Rows), err)
		}
	})
}
