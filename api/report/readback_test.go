package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/api/report"
	"github.com/waybill-dev/waybill/api/report/reporttest"
)

// fatal is what reading back needs of a test.
type fatal interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func written(t fatal, f report.Format, table *reporttest.Table) []byte {
	var out bytes.Buffer
	w, err := report.NewWriter(f, &out, table.Sheet)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range table.Rows {
		if err := w.Row(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// texts are the table's cells as text.
func texts(table *reporttest.Table) [][]string {
	zone := table.Sheet.Zone
	if zone == nil {
		zone = time.UTC
	}
	out := make([][]string, len(table.Rows))
	for i, r := range table.Rows {
		for _, v := range r {
			out[i] = append(out[i], v.In(zone))
		}
	}
	return out
}

func fromCSV(t fatal, raw []byte, table *reporttest.Table) [][]string {
	lines, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines[1:] {
		for i, c := range table.Sheet.Columns {
			if c.Kind == report.Text || strings.HasPrefix(l[i], "'") {
				if l[i] != "" && strings.ContainsAny(l[i][:1], "=+-@\t\r") {
					t.Fatalf("%q would be a formula", l[i])
				}
				l[i] = report.CSVText(l[i])
			}
		}
	}
	return lines[1:]
}

func fromJSON(t fatal, raw []byte, table *reporttest.Table) [][]string {
	var doc struct {
		Rows     []map[string]json.RawMessage `json:"rows"`
		RowCount int                          `json:"rowCount"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err, string(raw))
	}
	if doc.RowCount != len(doc.Rows) {
		t.Fatalf("%d rows are said, %d are there", doc.RowCount, len(doc.Rows))
	}
	out := make([][]string, 0, len(doc.Rows))
	for _, r := range doc.Rows {
		var line []string
		for _, c := range table.Sheet.Columns {
			text := string(r[c.Key])
			if strings.HasPrefix(text, `"`) {
				if err := json.Unmarshal(r[c.Key], &text); err != nil {
					t.Fatal(err)
				}
			}
			line = append(line, text)
		}
		out = append(out, line)
	}
	return out
}

// fromXLSX reads a workbook with a library of another author.
func fromXLSX(t fatal, raw []byte, table *reporttest.Table) [][]string {
	f, err := excelize.OpenReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := f.GetRows("Report", excelize.Options{RawCellValue: true})
	if err != nil {
		t.Fatal(err)
	}
	zone := table.Sheet.Zone
	if zone == nil {
		zone = time.UTC
	}
	out := make([][]string, 0, len(rows))
	for len(rows) < len(table.Rows)+1 { // it leaves out empty rows at the end
		rows = append(rows, nil)
	}
	for n, r := range rows[1:] {
		for len(r) < len(table.Sheet.Columns) {
			r = append(r, "")
		}
		for i, c := range table.Sheet.Columns {
			name, err := excelize.CoordinatesToCellName(i+1, n+2)
			if err != nil {
				t.Fatal(err)
			}
			kind, err := f.GetCellType("Report", name)
			if err != nil {
				t.Fatal(err)
			}
			if r[i] == "" || kind == excelize.CellTypeInlineString {
				continue
			}
			if formula, err := f.GetCellFormula("Report", name); err != nil || formula != "" {
				t.Fatalf("%s is a formula: %s %v", name, formula, err)
			}
			switch c.Kind {
			case report.Date, report.Time:
				days, err := strconv.ParseFloat(r[i], 64)
				if err != nil {
					t.Fatal(err)
				}
				at := time.Date(1899, 12, 30, 0, 0, 0, 0, zone).AddDate(0, 0, int(days))
				ms := int(math.Round((days - math.Floor(days)) * 86_400_000))
				at = time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, ms*1_000_000, zone)
				r[i] = at.Format("2006-01-02T15:04:05.000Z07:00")
				if c.Kind == report.Date {
					r[i] = at.Format(time.DateOnly)
				}
			case report.Text, report.Number:
			}
		}
		out = append(out, r)
	}
	return out
}

// same compares cells; numbers by their value, since a workbook holds no spelling of them.
func same(t fatal, name string, columns []report.Column, have, want [][]string) {
	if len(have) != len(want) {
		t.Fatalf("%s: %d rows, want %d", name, len(have), len(want))
	}
	for i := range want {
		for j := range columns {
			h, w := have[i][j], want[i][j]
			if columns[j].Kind == report.Number && h != w {
				a, err1 := strconv.ParseFloat(h, 64)
				b, err2 := strconv.ParseFloat(w, 64)
				if err1 == nil && err2 == nil && a == b {
					continue
				}
			}
			if h != w {
				t.Fatalf("%s: row %d, %s: %q, want %q", name, i, columns[j].Key, h, w)
			}
		}
	}
}

func readsBack(t fatal, table *reporttest.Table) {
	want := texts(table)
	columns := table.Sheet.Columns
	same(t, "CSV", columns, fromCSV(t, written(t, report.CSV, table), table), want)
	same(t, "JSON", columns, fromJSON(t, written(t, report.JSON, table), table), want)
	same(t, "XLSX", columns, fromXLSX(t, written(t, report.XLSX, table), table), want)
}

func TestEveryCellIsTheSameInEveryFormat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kinds := rapid.SliceOfN(rapid.SampledFrom([]report.Kind{report.Text, report.Number, report.Date, report.Time}), 1, 30).Draw(t, "kinds")
		table := &reporttest.Table{Sheet: &report.Sheet{Name: "x", Title: "X", Notes: []string{"n"}}}
		zone := rapid.SampledFrom([]string{"", "Asia/Kolkata", "Etc/GMT+7"}).Draw(t, "zone")
		if zone != "" {
			table.Sheet.Zone, _ = time.LoadLocation(zone)
		}
		for i, k := range kinds {
			table.Sheet.Columns = append(table.Sheet.Columns, report.Column{Key: fmt.Sprint("c", i), Title: fmt.Sprint("C", i), Kind: k})
		}
		anything := rapid.OneOf(
			rapid.SampledFrom([]string{"", "=1+1", "+1", "-1", "@x", "\tx", "'x", "''", "a\"b", "a,b", "a;b", " a ", "line\nbreak", "_x0041_", "_x005F_", "<&>", "\x01\x1f", "００", "＝1", "007", "1e5", "\ufffe"}),
			rapid.String(), rapid.StringN(0, 40, -1))
		for range rapid.IntRange(0, 8).Draw(t, "rows") {
			var row []report.Value
			for _, k := range kinds {
				switch {
				case rapid.IntRange(0, 4).Draw(t, "empty") == 0:
					row = append(row, report.Value{})
				case k == report.Number:
					row = append(row, report.NumberOf(rapid.SampledFrom([]string{"0", "1", "-2.50", "1e3", "0.1", "123456789012345678901234567890", "9007199254740993", "1.0000000000000000001"}).Draw(t, "number")))
				case k == report.Date:
					at := time.Unix(rapid.Int64Range(-5_000_000_000, 5_000_000_000).Draw(t, "date"), 0).UTC()
					row = append(row, report.DateOf(at.Date()))
				case k == report.Time:
					row = append(row, report.TimeOf(time.UnixMilli(rapid.Int64Range(-2_000_000_000_000, 4_000_000_000_000).Draw(t, "time"))))
				default:
					// CSV readers may take CR LF within a field for LF.
					s := strings.ReplaceAll(anything.Draw(t, "text"), "\r", "")
					row = append(row, report.TextOf(strings.ToValidUTF8(s, "\ufffd")))
				}
			}
			table.Rows = append(table.Rows, row)
		}
		readsBack(t, table)
	})
}

func TestATextLongerThanACellIsCutInAWorkbookOnly(t *testing.T) {
	table := &reporttest.Table{Sheet: &report.Sheet{Name: "x", Columns: []report.Column{{Key: "a", Title: "A"}}}}
	long := strings.Repeat("é", 40_000)
	table.Rows = [][]report.Value{{report.TextOf(long)}}
	same(t, "CSV", table.Sheet.Columns, fromCSV(t, written(t, report.CSV, table), table), [][]string{{long}})
	have := fromXLSX(t, written(t, report.XLSX, table), table)[0][0]
	if !strings.HasSuffix(have, "CSV and JSON]") || len([]rune(have)) > 32_767 || !strings.HasPrefix(long, strings.TrimRight(have[:60_000], "\ufffd")) {
		t.Errorf("cut to %d characters: …%s", len([]rune(have)), have[len(have)-80:])
	}
}
