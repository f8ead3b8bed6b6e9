package report_test

import (
	"io"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/waybill-dev/waybill/api/report"
	"github.com/waybill-dev/waybill/api/report/reporttest"
)

// BenchmarkWriters writes the same rows in each format, and as a workbook with a library for comparison.
func BenchmarkWriters(b *testing.B) {
	l, m := reporttest.Food(b)
	table := &reporttest.Table{}
	if err := report.FoodTraceability(b.Context(), l, m, report.FoodQuery{}, table.Sink, nil); err != nil {
		b.Fatal(err)
	}
	const rows = 20_000
	row := func(i int) []report.Value { return table.Rows[i%len(table.Rows)] }
	for _, f := range []report.Format{report.CSV, report.JSON, report.XLSX} {
		b.Run(string(f), func(b *testing.B) {
			for b.Loop() {
				w, err := report.NewWriter(f, io.Discard, table.Sheet)
				if err != nil {
					b.Fatal(err)
				}
				for i := range rows {
					if err := w.Row(row(i)); err != nil {
						b.Fatal(err)
					}
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
	b.Run("xlsx by excelize", func(b *testing.B) {
		for b.Loop() {
			file := excelize.NewFile()
			w, err := file.NewStreamWriter("Sheet1")
			if err != nil {
				b.Fatal(err)
			}
			cells := make([]any, len(table.Sheet.Columns))
			for i := range rows {
				for j, v := range row(i) {
					if cells[j] = nil; !v.Empty() {
						cells[j] = v.String()
					}
				}
				name, err := excelize.CoordinatesToCellName(1, i+1)
				if err == nil {
					err = w.SetRow(name, cells)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			if err := w.Flush(); err != nil {
				b.Fatal(err)
			}
			if err := file.Write(io.Discard); err != nil {
				b.Fatal(err)
			}
			if err := file.Close(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
	})
}
