package report_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/api/report"
	"github.com/waybill-dev/waybill/api/report/reporttest"
)

func food(t *rapid.T, l *reporttest.Ledger, q report.FoodQuery) *reporttest.Table {
	table := &reporttest.Table{}
	if err := report.FoodTraceability(context.Background(), l, nil, q, table.Sink, nil); err != nil {
		t.Fatal(err)
	}
	return table
}

func TestEveryRowRestsOnARecordedEvent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := reporttest.Random(t)
		tables := []*reporttest.Table{food(t, l, report.FoodQuery{})}
		for _, epc := range []string{reporttest.Unit(1), reporttest.Case(1)} {
			table := &reporttest.Table{}
			err := report.Transactions(context.Background(), l, nil, report.DrugQuery{Identity: report.Identity{EPC: epc}}, table.Sink)
			if errors.Is(err, report.ErrUnknownProduct) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			tables = append(tables, table)
		}
		for _, table := range tables {
			for _, h := range table.Texts(t, "event_hash") {
				if !l.Has(h) {
					t.Fatalf("no event has the hash %q of a row", h)
				}
			}
			readsBack(t, table)
		}
	})
}

func TestRowsStandByTimeThenByPosition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := food(t, reporttest.Random(t), report.FoodQuery{})
		at, block, index := table.Texts(t, "event_time"), table.Texts(t, "ledger_block"), table.Texts(t, "ledger_index")
		place := func(s string) string { return strings.Repeat("0", 10-len(s)) + s }
		for i := 1; i < len(at); i++ {
			if cmp.Or(cmp.Compare(at[i-1], at[i]), cmp.Compare(place(block[i-1]), place(block[i])), cmp.Compare(place(index[i-1]), place(index[i]))) > 0 {
				t.Fatalf("row %d (%s %s/%s) stands after %s %s/%s", i, at[i], block[i], index[i], at[i-1], block[i-1], index[i-1])
			}
		}
	})
}

func TestTheReportOnALotIsThePartOfTheWholeThatIsAboutIt(t *testing.T) {
	lots := []string{reporttest.FieldLettuce, reporttest.CaseLettuce, "(01)09521321000216(10)A1", "(01)09521321000216(10)L-77", "(01)19521321000213(10)F1"}
	rapid.Check(t, func(t *rapid.T) {
		l := reporttest.Random(t)
		lot, err := report.LotOf(rapid.SampledFrom(lots).Draw(t, "lot"))
		if err != nil {
			t.Fatal(err)
		}
		whole, part := food(t, l, report.FoodQuery{}), &reporttest.Table{}
		unknown := report.FoodTraceability(context.Background(), l, nil, report.FoodQuery{Lot: lot}, part.Sink, nil)
		if unknown != nil && !errors.Is(unknown, report.ErrUnknownLot) {
			t.Fatal(unknown)
		}
		gtins, batches, hashes, kinds := whole.Texts(t, "gtin"), whole.Texts(t, "batch_lot"), whole.Texts(t, "event_hash"), whole.Texts(t, "event_type")
		about := func(i int) bool { return lot == "https://id.gs1.org/01/"+gtins[i]+"/10/"+batches[i] }
		var want [][]string
		for i, row := range texts(whole) {
			same := about(i)
			for j := range hashes { // the rows of a transformation stay together
				same = same || kinds[i] == "TransformationEvent" && hashes[j] == hashes[i] && about(j)
			}
			if same {
				want = append(want, row)
			}
		}
		if unknown != nil {
			if len(want) > 0 || part.Sheet != nil {
				t.Fatalf("lot %s is unknown and has %d rows, or a sheet", lot, len(want))
			}
			return
		}
		if have := texts(part); fmt.Sprint(have) != fmt.Sprint(want) {
			t.Fatalf("lot %s has %d rows, the whole has %d about it:\n%v\n%v", lot, len(have), len(want), have, want)
		}
	})
}

func TestAReportOnATimeIsAPartOfTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := reporttest.Random(t)
		n := rapid.IntRange(0, 200).Draw(t, "hour")
		q := report.FoodQuery{From: reporttest.Recorded(0).AddDate(0, -1, 0).Add(hours(n)), Until: reporttest.Recorded(0).AddDate(0, -1, 0).Add(hours(n + 30))}
		var want [][]string
		whole := food(t, l, report.FoodQuery{})
		from, until := report.TimeOf(q.From).String(), report.TimeOf(q.Until).String()
		for i, at := range whole.Texts(t, "event_time") {
			if at >= from && at < until {
				want = append(want, texts(whole)[i])
			}
		}
		if have := texts(food(t, l, q)); fmt.Sprint(have) != fmt.Sprint(want) {
			t.Fatalf("%v\n%v", have, want)
		}
	})
}

func TestACriticalTrackingEventHasARowAndLacksNothingUnnamed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := food(t, reporttest.Random(t), report.FoodQuery{})
		needed := map[string][]string{
			"shipping":       {"tlc", "quantity", "product_description", "subsequent_recipient", "location", "reference_document_number", "tlc_source"},
			"receiving":      {"tlc", "quantity", "product_description", "previous_source", "location", "reference_document_number", "tlc_source"},
			"transformation": {"tlc", "quantity", "product_description"},
		}
		named := map[string][]string{
			"tlc": {"traceability lot code"}, "quantity": {"quantity"}, "product_description": {"product description"},
			"subsequent_recipient": {"immediate subsequent recipient"}, "previous_source": {"immediate previous source"}, "location": {"location shipped from", "location received at"},
			"reference_document_number": {"reference document"}, "tlc_source": {"traceability lot code source"},
		}
		ctes, missing := table.Texts(t, "cte"), table.Texts(t, "missing")
		for i, cte := range ctes {
			for _, key := range needed[cte] {
				if table.Cell(t, i, key) != "" {
					continue
				}
				if !slices.ContainsFunc(named[key], func(s string) bool { return strings.Contains(missing[i], s) }) {
					t.Fatalf("row %d (%s) has no %s and does not say so: %s", i, cte, key, missing[i])
				}
			}
		}
	})
}
