package report_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/api/report"
	"github.com/waybill-dev/waybill/api/report/reporttest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// made renders a report in a format.
func made(t *testing.T, f report.Format, write func(report.Sink) error) []byte {
	t.Helper()
	var out bytes.Buffer
	var w report.Writer
	err := write(func(s *report.Sheet) (report.Rows, error) {
		var err error
		w, err = report.NewWriter(f, &out, s)
		return w, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func golden(t *testing.T, name string, have []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, have, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Errorf("%s differs; have:\n%s", name, have)
	}
}

func TestTheFoodSpreadsheetOfASmallHistory(t *testing.T) {
	l, m := reporttest.Food(t)
	for _, f := range []report.Format{report.CSV, report.JSON} {
		golden(t, "food."+string(f), made(t, f, func(sink report.Sink) error {
			return report.FoodTraceability(t.Context(), l, m, report.FoodQuery{}, sink, nil)
		}))
	}
}

func TestTheTransactionsOfAUnit(t *testing.T) {
	l, m := reporttest.Drug(t)
	golden(t, "drug.csv", made(t, report.CSV, func(sink report.Sink) error {
		return report.Transactions(t.Context(), l, m, report.DrugQuery{Identity: report.Identity{EPC: reporttest.Unit(1)}}, sink)
	}))
}

func TestTheDataOfASuspectUnit(t *testing.T) {
	l, m := reporttest.Drug(t)
	golden(t, "suspect.csv", made(t, report.CSV, func(sink report.Sink) error {
		return report.SuspectProduct(t.Context(), l, m, report.SuspectQuery{
			Identity: report.Identity{EPC: reporttest.Unit(1), Lot: "A124"}, At: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC),
		}, sink)
	}))
}

func hours(n int) time.Duration { return time.Duration(n) * time.Hour }
