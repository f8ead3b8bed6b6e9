package table

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/profile"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// shipped is the model that ships, which is read once: every row of every test is judged by it.
var shipped = sync.OnceValues(score.Default)

func model(t testing.TB) *score.Model {
	t.Helper()
	m, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// run scores a text and gives what comes out.
func run(t testing.TB, text string, o Options, p Plan) (string, Summary, error) {
	t.Helper()
	p.Model = model(t)
	return copyScored(strings.NewReader(text), o, p)
}

func copyScored(in io.Reader, o Options, p Plan) (string, Summary, error) {
	r, err := NewReader(in, o)
	if err != nil {
		return "", Summary{}, err
	}
	s, err := NewScorer(r, p)
	if err != nil {
		return "", Summary{}, err
	}
	var out bytes.Buffer
	w, err := NewWriter(&out, r, Added()...)
	if err != nil {
		return "", Summary{}, err
	}
	for {
		row, err := s.Next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			if err == nil {
				err = w.Flush()
			}
			return out.String(), s.Summary(), err
		}
		cells := row.Cells()
		if err := w.Row(row.Row, cells[:]...); err != nil {
			return out.String(), s.Summary(), err
		}
	}
}

func at(i int) string {
	return time.Date(2026, 1, 1, 0, 5*i, 0, 0, time.UTC).Format("2006-01-02 15:04:05")
}

// journey is a day's course with noise, and a jump at 1,500.
func journey(n int) []float64 {
	r := rand.New(rand.NewPCG(3, 5))
	noise, out := 0.0, make([]float64, n)
	for i := range out {
		noise = 0.8*noise + 0.1*r.NormFloat64()
		out[i] = math.Round(1000*(5+2*math.Sin(2*math.Pi*float64(i)/288)+noise)) / 1000
		if i == 1500 {
			out[i] += 9
		}
	}
	return out
}

func file(name string, values []float64, f func(float64) float64) string {
	var b strings.Builder
	b.WriteString("timestamp," + name + "\n")
	for i, v := range values {
		fmt.Fprintf(&b, "%s,%s\n", at(i), strconv.FormatFloat(f(v), 'g', -1, 64))
	}
	return b.String()
}

func same(v float64) float64 { return v }

// column gives a column of what came out, without its name.
func column(t testing.TB, out, name string) []string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.Index(rows[0], name)
	if i < 0 {
		t.Fatalf("no column %s in %v", name, rows[0])
	}
	var cells []string
	for _, row := range rows[1:] {
		cells = append(cells, row[i])
	}
	return cells
}

func TestEveryRowComesOutAsItWasWithFourColumnsMore(t *testing.T) {
	for name, text := range map[string]string{
		"plain":           file("value", journey(400), same),
		"no last newline": strings.TrimSuffix(file("value", journey(60), same), "\n"),
		"carriage return": strings.ReplaceAll(file("value", journey(60), same), "\n", "\r\n"),
		"byte order mark": "\ufeff" + file("value", journey(60), same),
		"quoted":          "\"timestamp\",\"the \"\"value\"\", °C\",note\n" + `"2026-01-01 00:00:00", "5.0" ,"two` + "\nlines, \"\"and\"\" quotes\"\n" + `2026-01-01 00:05:00,+5.10,` + "\n",
		"semicolons":      "timestamp;temp;note\n2026-01-01 00:00:00;5,25;a,b\n2026-01-01 00:05:00;-5,5;\n",
		"tabs":            "timestamp\ttemp\n2026-01-01 00:00:00\t5.25\n",
		"no row":          "timestamp,value\n",
		"odd spacing":     "timestamp , value\n 2026-01-01 00:00:00 ,  5.00 \n",
	} {
		t.Run(name, func(t *testing.T) {
			out, _, err := run(t, text, Options{}, Plan{})
			if err != nil {
				t.Fatal(err)
			}
			end, mark := "\n", ","
			if strings.Contains(text, "\r\n") {
				end = "\r\n"
			}
			if strings.Contains(text, ";") {
				mark = ";"
			} else if strings.Contains(text, "\t") {
				mark = "\t"
			}
			in := strings.Split(strings.TrimSuffix(text, end), end)
			got := strings.Split(strings.TrimSuffix(out, end), end)
			if len(in) != len(got) {
				t.Fatalf("%d lines, %d in", len(got), len(in))
			}
			for i := range in {
				rest, ok := strings.CutPrefix(got[i], in[i])
				if !ok || rest != "" && strings.Count(rest, mark) != 4 {
					t.Fatalf("line %d: %q, was %q", i+1, got[i], in[i])
				}
			}
		})
	}
}

func TestScoresAreThoseOfTheLoggerAndInTheirRange(t *testing.T) {
	values := journey(2000)
	out, sum, err := run(t, file("value", values, same), Options{}, Plan{})
	if err != nil {
		t.Fatal(err)
	}
	l, err := score.NewLogger(model(t), 1, nil, -1)
	if err != nil {
		t.Fatal(err)
	}
	begin, err := ParseTime(at(0), DateUnknown)
	if err != nil {
		t.Fatal(err)
	}
	scores, ps, alarms := column(t, out, "anomaly_score"), column(t, out, "p_value"), column(t, out, "alarm")
	most := 0
	for i, v := range values {
		want, err := l.Observe(begin+ledger.Millis(i)*300_000, []float64{v})
		if err != nil {
			t.Fatal(err)
		}
		s, err1 := strconv.ParseFloat(scores[i], 64)
		p, err2 := strconv.ParseFloat(ps[i], 64)
		if err1 != nil || err2 != nil || s != want.Score || p != want.P || (alarms[i] == "1") != want.Alarm || s < 0 || s > 1 || p < 0 || p > 1 {
			t.Fatalf("row %d: %s %s %s, want %+v", i, scores[i], ps[i], alarms[i], want)
		}
		if best, _ := strconv.ParseFloat(scores[most], 64); s > best {
			most = i
		}
	}
	if most != 1500 || sum.Alarms != 1 || sum.First[0].Line != 1502 || sum.Rows != 2000 || sum.Scored != 2000 {
		t.Errorf("the highest score is row %d's; %+v", most, sum)
	}
}

func TestWhatComesLaterChangesNothing(t *testing.T) {
	text := file("value", journey(700), same)
	want, _, err := run(t, text, Options{}, Plan{})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.IntRange(1, 700).Draw(t, "lines")
		cut := strings.Join(strings.SplitAfter(text, "\n")[:lines], "")
		if rapid.Bool().Draw(t, "nonsense") {
			cut += "2029-01-01 00:00:00,1e9\n"
		}
		got, _, err := copyScored(strings.NewReader(cut), Options{}, Plan{Model: modelOf(t), MaxGap: 0})
		if err != nil {
			t.Fatal(err)
		}
		got = strings.Join(strings.SplitAfter(got, "\n")[:lines], "")
		if !strings.HasPrefix(want, got) {
			t.Fatalf("the first %d lines depend on what follows", lines)
		}
	})
}

func modelOf(t *rapid.T) *score.Model {
	m, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestNamesUnitsAndOriginsMakeNoDifferenceToScores(t *testing.T) {
	values := journey(700)
	values[650] += 5
	want, _, err := run(t, file("value", values, same), Options{}, Plan{})
	if err != nil {
		t.Fatal(err)
	}
	scores, alarms := column(t, want, "anomaly_score"), column(t, want, "alarm")
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Float64Range(1e-3, 1e3).Draw(t, "a") * rapid.SampledFrom([]float64{1, -1}).Draw(t, "sign")
		b := rapid.Float64Range(-1e4, 1e4).Draw(t, "b") * math.Abs(a)
		name := rapid.StringMatching(`[a-z][a-z ]{0,8}[a-z] \(°[CF]\)|[A-Z][a-z]{3,9}x`).Draw(t, "name")
		out, _, err := copyScored(strings.NewReader(file(name, values, func(v float64) float64 { return a*v + b })), Options{}, Plan{Model: modelOf(t)})
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for i, row := range rows[1:] {
			x, _ := strconv.ParseFloat(row[2], 64)
			y, _ := strconv.ParseFloat(scores[i], 64)
			if math.Abs(x-y) > 1e-4 || row[4] != alarms[i] {
				t.Fatalf("row %d: %v, was %v", i, row, scores[i])
			}
		}
	})
	// Units that are exact in binary, or are rounded away on the grid, give the same text.
	for _, f := range []func(float64) float64{
		func(v float64) float64 { return 1.8*v + 32 }, func(v float64) float64 { return v + 273.15 }, func(v float64) float64 { return -1024 * v },
	} {
		out, _, err := run(t, file("value", values, f), Options{}, Plan{})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(column(t, out, "anomaly_score"), scores) {
			t.Error("scores depend on the unit")
		}
	}
}

func TestLabelsIdentifiersAndTextAreNeverScored(t *testing.T) {
	for _, c := range []struct {
		header, row string
		o           Options
		channels    string
		series      string
	}{
		{"timestamp,value,label", "2026-01-01 00:00:00,5,1", Options{}, "value", ""},
		{"timestamp,value,is_anomaly,Anomaly,Ground Truth,changepoint,class", "2026-01-01 00:00:00,5,1,1,1,1,1", Options{}, "value", ""},
		{"timestamp,label,value", "2026-01-01 00:00:00,1,5", Options{Channels: []string{"label"}}, "label", ""},
		{"timestamp,a,b,c", "2026-01-01 00:00:00,1,2,3", Options{Ignore: []string{"b"}}, "a c", ""},
		{"timestamp,a,b,c", "2026-01-01 00:00:00,1,2,3", Options{Channels: []string{"c", "a"}}, "a c", ""},
		{"timestamp,device_id,a", "2026-01-01 00:00:00,7,3", Options{}, "a", "device_id"},
		{"timestamp,sensor,a", "2026-01-01 00:00:00,hall,3", Options{}, "a", "sensor"},
		{"timestamp,sensor", "2026-01-01 00:00:00,21.5", Options{}, "sensor", ""},
		{"timestamp,shipment_id,logger_id,a", "2026-01-01 00:00:00,1,7,3", Options{}, "a", "logger_id"},
		{"timestamp,device_id,a", "2026-01-01 00:00:00,7,3", Options{Whole: true}, "a", ""},
		{"timestamp,kind,a", "2026-01-01 00:00:00,7,3", Options{By: "Kind"}, "a", "kind"},
		{"timestamp,note,a,batch", "2026-01-01 00:00:00,fine,3,12", Options{}, "a", ""},
		{",timestamp,a", "0,2026-01-01 00:00:00,3", Options{}, "a", ""},
		{"timestamp,a,b", "2026-01-01 00:00:00,3,", Options{}, "a b", ""},
		{"date,time,a", "2026-01-01,12:00:00,3", Options{}, "a", ""},
		{"a,when", "3,2026-01-01 12:00:00", Options{Time: []string{"when"}}, "a", ""},
		{"reading,mote_id,humidity,temperature,label", "1,1,45.9,27.9,0", Options{}, "humidity temperature", "mote_id"},
		{"timestamp,no (°C)", "2026-01-01 00:00:00,3", Options{}, "no (°C)", ""},
		{"timestamp,sensor_id", "2026-01-01 00:00:00,3", Options{}, "sensor_id", ""},
		{"timestamp,id,label", "2026-01-01 00:00:00,3,1", Options{}, "id", ""},
		{"timestamp,reading", "2026-01-01 00:00:00,3", Options{}, "reading", ""},
		{"temperature,humidity", "5,40", Options{Every: time.Minute}, "temperature humidity", ""},
	} {
		r, err := NewReader(strings.NewReader(c.header+"\n"+c.row+"\n"), c.o)
		if err != nil {
			t.Errorf("%s: %v", c.header, err)
			continue
		}
		var got []string
		for _, ch := range r.Channels() {
			got = append(got, ch.Name)
		}
		if strings.Join(got, " ") != c.channels || r.Series() != c.series {
			t.Errorf("%s: channels %v by %q", c.header, got, r.Series())
		}
		if _, err := r.Next(); err != nil {
			t.Errorf("%s: %v", c.header, err)
		}
	}
}

func TestALabelHasNoPartInTheScores(t *testing.T) {
	values := journey(700)
	plain, _, err := run(t, file("value", values, same), Options{}, Plan{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("timestamp,value,label\n")
	for i, v := range values {
		fmt.Fprintf(&b, "%s,%v,%d\n", at(i), v, i/650)
	}
	labelled, _, err := run(t, b.String(), Options{}, Plan{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(column(t, plain, "anomaly_score"), column(t, labelled, "anomaly_score")) {
		t.Error("a label changes the scores")
	}
}

func TestLoggersOfOneFileAreScoredByThemselves(t *testing.T) {
	values := journey(700)
	alone, _, err := run(t, file("value", values, same), Options{}, Plan{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("timestamp,logger_id,value\n")
	for i, v := range values {
		fmt.Fprintf(&b, "%s,a,%v\n%s,b,%v\n", at(i), v, at(i/2), 3-v)
	}
	both, sum, err := run(t, b.String(), Options{}, Plan{})
	if err != nil {
		t.Fatal(err)
	}
	scores := column(t, both, "anomaly_score")
	for i, want := range column(t, alone, "anomaly_score") {
		if scores[2*i] != want {
			t.Fatalf("row %d: %s, alone %s", i, scores[2*i], want)
		}
	}
	if sum.Series != 2 {
		t.Errorf("%+v", sum)
	}
}

func TestAnErrorOfARowBeginsWithItsCodeHoweverItIsWrapped(t *testing.T) {
	for want, err := range map[string]error{
		"WB_TIME: line 7: WB_TIME":             ErrTime,
		"WB_TIME: line 7: late":                fmt.Errorf("%w: late", ErrTime),
		"WB_TIME: line 7: read: WB_TIME: late": fmt.Errorf("read: %w: late", ErrTime),
	} {
		if got := (&RowError{Line: 7, Err: err}).Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestHostileFilesAreRefusedWithACodeAndALine(t *testing.T) {
	row := func(i int) string { return at(i) + ",5\n" }
	head := "timestamp,value\n" + row(0) + row(1)
	for _, c := range []struct {
		name, text string
		want       error
		says       string
	}{
		{"empty", "", ErrCSV, "empty"},
		{"UTF-16", "\xff\xfet\x00i\x00", ErrCSV, "UTF-16"},
		{"binary", "time\x00stamp,value\n", ErrCSV, "no text"},
		{"old Macintosh", "timestamp,value\r2026-01-01,5\r", ErrCSV, "carriage return"},
		{"no header", row(0) + row(1), ErrColumns, "no columns"},
		{"no time", "a,b\n1,2\n", ErrColumns, "timestamp"},
		{"no channel", "timestamp,label\n" + row(0), ErrColumns, "numbers"},
		{"only text", "timestamp,note\n" + at(0) + ",fine\n", ErrColumns, "numbers"},
		{"scored before", "timestamp,value,anomaly_score\n", ErrColumns, "already"},
		{"a million channels", "timestamp" + strings.Repeat(",c", 1_000_000) + "\n", ErrTooLarge, ""},
		{"more columns than are taken", "timestamp" + strings.Repeat(",c", MaxColumns) + "\n", ErrTooLarge, "columns"},
		{"more channels than are scored", "timestamp" + strings.Repeat(",c", 65) + "\n", ErrColumns, "64"},
		{"a line of 100 MB", "timestamp,value\n" + strings.Repeat("5", 100<<20), ErrTooLarge, "line 2"},
		{"an open quotation mark", head + `"2026-01-01` + strings.Repeat("\n5", 100), ErrCSV, "line 4"},
		{"an open quotation mark in a long file", head + `"2026-01-01` + strings.Repeat("\n5", 1<<20), ErrTooLarge, "quotation"},
		{"text behind a quotation mark", head + `"2026-01-01"x,5` + "\n", ErrCSV, "line 4"},
		{"infinite", head + at(2) + ",inf\n", ErrValue, "line 4"},
		{"minus infinity", head + at(2) + ",-Infinity\n", ErrValue, "line 4"},
		{"beyond a float", head + at(2) + ",1e999\n", ErrValue, "line 4"},
		{"no number, and so said", head + at(2) + ",NaN\n", ErrValue, "missing value is an empty cell"},
		{"no number at once", "timestamp,value\n" + at(0) + ",nan\n", ErrValue, "line 2"},
		{"too large", head + at(2) + ",-1e301\n", ErrValue, "larger than is taken"},
		{"infinite at once", "timestamp,value\n" + at(0) + ",inf\n", ErrValue, "line 2"},
		{"a word", head + at(2) + ",error\n", ErrValue, `"value"`},
		{"hexadecimal", head + at(2) + ",0x1p4\n", ErrValue, "line 4"},
		{"no time in a row", head + ",5\n", ErrTime, "line 4"},
		{"no day", head + "2026-02-30 00:00:00,5\n", ErrTime, "line 4"},
		{"day or month", head + "03/02/2026 00:00,5\n", ErrTime, "day from the month"},
		{"reversed", head + row(0), ErrOrder, "line 4"},
		{"ten years later", head + "2036-01-02 00:00:00,5\n", ErrGap, "line 4"},
		{"a cell missing", head + at(2) + "\n", ErrWidth, "line 4"},
		{"a cell too many", head + at(2) + ",5,5\n", ErrWidth, "decimals"},
		{"too many loggers", "timestamp,logger_id,value\n" + func() string {
			var b strings.Builder
			for i := range MaxSeries + 1 {
				fmt.Fprintf(&b, "%s,%d,5\n", at(0), i)
			}
			return b.String()
		}(), ErrSeries, "logger_id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Plan{MaxGap: DefaultMaxGap}
			_, _, err := run(t, c.text, Options{}, p)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), c.want.Error()+": ") {
				t.Errorf("%v, want %v about %q", err, c.want, c.says)
			}
		})
	}
}

func TestOptionsThatDoNotFitAreRefused(t *testing.T) {
	text := "timestamp,a,b,A\n2026-01-01,1,2,3\n"
	for _, o := range []Options{
		{Channels: []string{"c"}},
		{Ignore: []string{"c"}},
		{By: "c"},
		{By: "timestamp"},
		{Time: []string{"c"}},
		{Time: []string{"a", "b", "timestamp"}},
		{Channels: []string{"timestamp"}},
		{Ignore: []string{"a", "b", "A"}},
		{Every: -time.Second},
		{Every: time.Microsecond},
	} {
		if _, err := NewReader(strings.NewReader(text), o); !errors.Is(err, ErrColumns) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	twice := "timestamp,a,a\n2026-01-01,1,2\n"
	if _, err := NewReader(strings.NewReader(twice), Options{Channels: []string{"a"}}); !errors.Is(err, ErrColumns) {
		t.Errorf("a name of two columns: %v", err)
	}
}

func TestGoingOnPassesRefusedRowsThrough(t *testing.T) {
	text := "timestamp,value\n" + at(1) + ",5\n" + at(0) + ",5\n" + at(2) + ",inf\nnever,5\n" + at(2) + "\n2040-01-01,5\n" + at(3) + ",5.5\n"
	out, sum, err := run(t, text, Options{}, Plan{KeepGoing: true, MaxGap: DefaultMaxGap})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"", "time_reversed", "not_a_number", "time_unreadable", "row_width", "time_gap", ""}
	if got := column(t, out, "reason"); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := column(t, out, "anomaly_score"); !slices.Equal(got, []string{"0", "", "", "", "", "", "0"}) {
		t.Errorf("%q", got)
	}
	if sum.Rows != 7 || sum.Scored != 2 || sum.Refused != 5 {
		t.Errorf("%+v", sum)
	}
}

func TestMissingValuesAreTold(t *testing.T) {
	for _, missing := range []string{"", "NA", "n/a", "null", "-", "  "} {
		text := "timestamp,a,b\n" + at(0) + ",5,6\n" + at(1) + "," + missing + ",6\n" + at(2) + "," + missing + "," + missing + "\n" + at(3) + ",5,6\n"
		out, sum, err := run(t, text, Options{}, Plan{})
		if err != nil {
			t.Fatal(err)
		}
		if got := column(t, out, "reason"); !slices.Equal(got, []string{"", "", ReasonMissing, ""}) {
			t.Errorf("%q: %q", missing, got)
		}
		if got := column(t, out, "anomaly_score"); got[2] != "" || got[1] != "0" || sum.Missing != 1 || sum.Scored != 3 {
			t.Errorf("%q: %q %+v", missing, got, sum)
		}
	}
}

func TestRepeatedTimesAreScoredInOrderAndTold(t *testing.T) {
	text := "timestamp,value\n" + at(0) + ",5\n" + at(0) + ",6\n" + at(1) + ",5\n"
	out, sum, err := run(t, text, Options{}, Plan{})
	if err != nil || sum.Repeated != 1 || sum.Scored != 3 || column(t, out, "reason")[1] != score.CodeClock {
		t.Errorf("%v %+v\n%s", err, sum, out)
	}
	back := text + at(0) + ",5\n"
	if _, sum, err = run(t, back, Options{}, Plan{ClockSteps: true}); err != nil || sum.Scored != 4 {
		t.Errorf("%v %+v", err, sum)
	}
}

func TestBlankLinesStayWhereTheyAre(t *testing.T) {
	text := "timestamp,value\n" + at(0) + ",5\n\n  \n" + at(1) + ",5\n\n"
	out, sum, err := run(t, text, Options{}, Plan{})
	if err != nil || sum.Rows != 2 {
		t.Fatal(err, sum)
	}
	if want := "timestamp,value,anomaly_score,p_value,alarm,reason\n" + at(0) + ",5,0,1,0,\n\n  \n" + at(1) + ",5,0,1,0,\n\n"; out != want {
		t.Errorf("%q", out)
	}
}

func TestALateWordMakesAColumnText(t *testing.T) {
	text := "timestamp,a,note\n" + at(0) + ",5,\n" + at(1) + ",5,door open\n" + at(2) + ",5,7\n"
	r, err := NewReader(strings.NewReader(text), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Passed()) != 0 || len(r.Channels()) != 2 {
		t.Fatal(r.Passed())
	}
	for range 3 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.Passed(); len(got) != 1 || got[0] != (Passed{"note", 2, PassedText}) {
		t.Error(got)
	}
}

func TestAProfileLimitsTheTemperatureInItsUnit(t *testing.T) {
	p, _ := profile.Find("refrigerated")
	var b strings.Builder
	b.WriteString("timestamp,humidity,Temp (°F)\n")
	for i := range 60 {
		f := 41.0
		if i >= 30 {
			f = 68
		}
		fmt.Fprintf(&b, "%s,40,%v\n", at(i), f)
	}
	r, err := NewReader(strings.NewReader(b.String()), Options{})
	if err != nil {
		t.Fatal(err)
	}
	i, err := r.Temperature("")
	if err != nil || i != 1 || r.Channels()[i].Unit != Fahrenheit {
		t.Fatal(i, err, r.Channels())
	}
	plan := Plan{Policy: &p.Policy, Temperature: i, Unit: Fahrenheit}
	out, sum, err := run(t, b.String(), Options{}, plan)
	if err != nil {
		t.Fatal(err)
	}
	reasons, alarms := column(t, out, "reason"), column(t, out, "alarm")
	first := slices.Index(alarms, "1")
	if first < 31 || first > 38 || reasons[first] != "above_range (Temp (°F))" || sum.Alarms < 1 {
		t.Errorf("first alarm in row %d, %v", first, reasons)
	}
	plan.Unit = Celsius // 41 °C from the first reading on
	if out, _, err = run(t, b.String(), Options{}, plan); err != nil || slices.Index(column(t, out, "alarm"), "1") > 10 {
		t.Error("the unit makes no difference", err)
	}
}

func TestTheTemperatureIsFoundOrAskedFor(t *testing.T) {
	for _, c := range []struct {
		header, name string
		want         int
		ok           bool
	}{
		{"timestamp,value", "", 0, true},
		{"timestamp,humidity,temperature", "", 1, true},
		{"timestamp,humidity,Temp", "", 1, true},
		{"timestamp,rh,probe (°C)", "", 1, true},
		{"timestamp,rh,ambient temperature", "", 1, true},
		{"timestamp,a,b", "", 0, false},
		{"timestamp,a,b", "b", 1, true},
		{"timestamp,a,b", "c", 0, false},
		{"timestamp,temp 1,temp 2", "", 0, false},
		{"timestamp,a,label", "label", 0, false},
	} {
		r, err := NewReader(strings.NewReader(c.header+"\n"), Options{})
		if err != nil {
			t.Fatal(c.header, err)
		}
		got, err := r.Temperature(c.name)
		if (err == nil) != c.ok || c.ok && got != c.want || err != nil && !errors.Is(err, ErrColumns) {
			t.Errorf("%s: %d, %v", c.header, got, err)
		}
	}
}

func TestTimesAreReadAsDocumented(t *testing.T) {
	want := time.Date(2014, 4, 1, 13, 5, 9, 250e6, time.UTC)
	for _, c := range []struct {
		text  string
		order DateOrder
		want  time.Time
	}{
		{"2014-04-01 13:05:09.25", 0, want},
		{" 2014-04-01T13:05:09.250Z ", 0, want},
		{"2014-04-01T13:05:09,25", 0, want},
		{"2014/04/01 13:05:09.2509999", 0, want},
		{"2014-04-01T15:05:09.25+02:00", 0, want},
		{"2014-04-01 07:35:09.25-0530", 0, want},
		{"2014-04-01 13:05:09.25 UTC", 0, want},
		{"01.04.2014 13:05:09.25", 0, want},
		{"01/04/2014 13:05:09.25", DayFirst, want},
		{"04/01/2014 13:05:09.25", MonthFirst, want},
		{"4/1/2014 1:05:09.25 PM", MonthFirst, want},
		{"1396357509.25", 0, want},
		{"1396357509250", 0, want},
		{"1396357509250000", 0, want},
		{"1396357509250000000", 0, want},
		{"2014-04-01", 0, time.Date(2014, 4, 1, 0, 0, 0, 0, time.UTC)},
		{"2014-04-01 00:00", 0, time.Date(2014, 4, 1, 0, 0, 0, 0, time.UTC)},
		{"4/1/2014 12:00 AM", MonthFirst, time.Date(2014, 4, 1, 0, 0, 0, 0, time.UTC)},
		{"0", 0, time.UnixMilli(0)},
		{"2000-02-29 23:59:60", 0, time.Date(2000, 3, 1, 0, 0, 0, 0, time.UTC)},
	} {
		got, err := ParseTime(c.text, c.order)
		if err != nil || !got.Time().Equal(c.want) {
			t.Errorf("%q: %v %v, want %v", c.text, got.Time(), err, c.want)
		}
	}
	for _, text := range []string{
		"", "x", "2014", "-5", "2014-13-01 00:00:00", "2014-02-29", "1900-02-29", "2014-04-01 24:00:00", "2014-04-01 13:60", "2014-04-01 13:05:61", "2014-04-01 1305",
		"2014-04-01 13:05:09.", "2014-04-01 13:05:09 CEST", "2014-04-01 13:05:09+25:00", "2014-04-01 13:05:09 x", "0001-01-01", "2200-01-01", "99999999999999999999",
		"1e9", "NaN", "2014-04-01-01", "2014-04/01", "13:05", "01/04/2014", "1.5.", "14:05 PM",
	} {
		if text == "2014" {
			continue // a number of seconds
		}
		if got, err := ParseTime(text, DateUnknown); !errors.Is(err, ErrTime) {
			t.Errorf("%q: %v, %v", text, got.Time(), err)
		}
	}
}

func TestTimesAgreeWithTheCalendar(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := time.UnixMilli(rapid.Int64Range(-2_208_988_800_000, 7_258_118_399_999).Draw(t, "ms")).UTC()
		layout := rapid.SampledFrom([]string{time.RFC3339Nano, "2006-01-02 15:04:05.000", "02.01.2006 15:04:05.999", "2006-01-02T15:04:05.000-07:00"}).Draw(t, "layout")
		got, err := ParseTime(want.Format(layout), DateUnknown)
		if err != nil || !got.Time().Equal(want) {
			t.Fatalf("%s: %v, %v", want.Format(layout), got.Time(), err)
		}
	})
}

func TestReadersThatGiveLittleOrFailGiveTheSame(t *testing.T) {
	text := file("value", journey(80), same)
	want, _, err := run(t, text, Options{}, Plan{})
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := copyScored(iotest.OneByteReader(strings.NewReader(text)), Options{}, Plan{Model: model(t)})
	if err != nil || got != want {
		t.Error(err)
	}
	broken := errors.New("the disk is gone")
	_, _, err = copyScored(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), Options{}, Plan{Model: model(t)})
	if !errors.Is(err, broken) {
		t.Error(err)
	}
}

// What the standard's reader makes of a row is what this one does.
func TestCellsAreThoseOfTheStandardReader(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cells := rapid.SliceOfN(rapid.StringOf(rapid.RuneFrom([]rune("ab,\"\n 1é"))), 2, 5).Draw(t, "cells")
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		if err := w.Write(cells); err != nil {
			t.Fatal(err)
		}
		w.Flush()
		r := newRecords(&b)
		r.mark = ','
		text, _, err := r.read()
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.split(text, MaxColumns)
		if err != nil || len(got) != len(cells) {
			t.Fatalf("%q: %q, %v", text, got, err)
		}
		for i := range cells {
			if string(got[i]) != cells[i] {
				t.Fatalf("%q: %q, want %q", text, got[i], cells[i])
			}
		}
	})
}

func TestARowTakesNoMemoryThatGrows(t *testing.T) {
	rows := 0
	line := []byte(at(0) + ",5.25\n")
	pr, pw := io.Pipe()
	go func() {
		_, _ = pw.Write([]byte("timestamp,value\n"))
		block := bytes.Repeat(line, 1000)
		for range 100 {
			_, _ = pw.Write(block)
		}
		pw.Close()
	}()
	r, err := NewReader(pr, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewScorer(r, Plan{Model: model(t)})
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := s.Next(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		rows++
	}
	if rows != 100_000 || cap(r.records.text) > 4096 || cap(r.records.plain) > 4096 {
		t.Errorf("%d rows, %d bytes", rows, cap(r.records.text))
	}
}

func FuzzAnyTextIsReadOrRefused(f *testing.F) {
	for _, text := range []string{
		file("value", journey(40), same), "timestamp;a;b\n01.02.2014 10:00;5,5;x\n", "\ufeff\"timestamp\",\"a\"\"b\"\n\"2014-01-01\n\",5\n",
		"reading,mote_id,a\n1,1,5\n2,1,6\n", "timestamp,a\n\n\n", "a\n", ",\n,", "timestamp,value\r\n1e9,5\r\n1396310400,nan\r\n",
	} {
		f.Add(text, false)
		f.Add(text, true)
	}
	m := model(f)
	f.Fuzz(func(t *testing.T, text string, going bool) {
		out, sum, err := copyScored(strings.NewReader(text), Options{}, Plan{Model: m, KeepGoing: going, MaxGap: DefaultMaxGap})
		if err != nil {
			coded := false
			for _, want := range []error{ErrCSV, ErrTooLarge, ErrColumns, ErrSeries, ErrWidth, ErrTime, ErrOrder, ErrGap, ErrValue} {
				coded = coded || errors.Is(err, want)
			}
			if !coded {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if sum.Rows != sum.Scored+sum.Missing+sum.Refused {
			t.Fatalf("%q: %+v", text, sum)
		}
		if n := strings.Count(out, "\n") - strings.Count(text, "\n"); n != 0 && n != 1 {
			t.Fatalf("%q became %q", text, out)
		}
	})
}

func BenchmarkScoreRow(b *testing.B) {
	text := file("value", journey(20_000), same)
	m := model(b)
	b.SetBytes(int64(len(text) / 20_000))
	b.ReportAllocs()
	var s *Scorer
	for b.Loop() {
		if s != nil {
			if _, err := s.Next(); err == nil {
				continue
			}
		}
		r, err := NewReader(strings.NewReader(text), Options{})
		if err != nil {
			b.Fatal(err)
		}
		if s, err = NewScorer(r, Plan{Model: m}); err != nil {
			b.Fatal(err)
		}
	}
}
