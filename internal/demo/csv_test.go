package demo

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/internal/testdata"
)

func celsius(t testing.TB) Unit {
	t.Helper()
	u, err := UnitOf("celsius")
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestReadSeries(t *testing.T) {
	for name, c := range map[string]struct {
		in       string
		times    []ledger.Millis
		celsius  []int32
		humidity []int32
		skipped  int
	}{
		"a header names the columns, in any order": {
			"rh,temperature,time\n50.5,4.25,2026-01-01T00:00:00Z\n51,4.5,2026-01-01T00:01:00Z\n",
			[]ledger.Millis{1767225600000, 1767225660000}, []int32{4250, 4500}, []int32{50500, 51000}, 0,
		},
		"no header: time, then temperature":     {"1767225600,-1\n1767225660,-1.5\n", []ledger.Millis{1767225600000, 1767225660000}, []int32{-1000, -1500}, nil, 0},
		"milliseconds and a byte order mark":    {"\ufefftimestamp,value\n1767225600123,7\n", []ledger.Millis{1767225600123}, []int32{7000}, nil, 0},
		"a time that does not rise is skipped":  {"time,value\n" + tenRows() + "2013-07-04 00:05:00,9\n", nil, nil, nil, 1},
		"a unit in the header is not the name":  {"Time,Temperature (°C)\n2013-07-04 00:00:00,9\n", []ledger.Millis{1372896000000}, []int32{9000}, nil, 0},
		"a row without a number is passed over": {"time,value\n" + tenRows() + "2013-07-05 00:00:00,\n", nil, nil, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := ReadSeries(strings.NewReader(c.in), celsius(t))
			if err != nil {
				t.Fatal(err)
			}
			if s.Skipped != c.skipped {
				t.Fatalf("skipped %d (%s)", s.Skipped, s.FirstSkipped)
			}
			if c.times == nil {
				return
			}
			if !slices.Equal(s.Times, c.times) || !slices.Equal(s.Channels[0].Values, c.celsius) {
				t.Fatalf("got %v %v", s.Times, s.Channels[0].Values)
			}
			if c.humidity != nil && !slices.Equal(s.Channels[1].Values, c.humidity) {
				t.Fatalf("humidity %v", s.Channels[1].Values)
			}
		})
	}
}

func tenRows() string {
	var b strings.Builder
	for i := range 10 {
		fmt.Fprintf(&b, "2013-07-04 00:%02d:00,%d\n", i+10, i)
	}
	return b.String()
}

func TestReadSeriesRefusesWhatIsNotReadings(t *testing.T) {
	for name, in := range map[string]string{
		"empty":             "",
		"other columns":     "name,colour\nbox,red\n",
		"mostly unreadable": "time,value\nyesterday,4\n2013-07-04 00:00:00,4\n",
		"out of range":      "time,value\n2013-07-04 00:00:00,1e30\n",
		"not a number":      "time,value\n2013-07-04 00:00:00,NaN\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ReadSeries(strings.NewReader(in), celsius(t)); !errors.Is(err, ErrCSV) {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func TestUnits(t *testing.T) {
	for unit, text := range map[string]string{"celsius": "20", "fahrenheit": "68", "kelvin": "293.15"} {
		convert, err := UnitOf(unit)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := thousandths(text, convert); err != nil || got != 20_000 {
			t.Errorf("%s %s: got %d, %v", text, unit, got, err)
		}
	}
	if _, err := UnitOf("rankine"); !errors.Is(err, ErrCSV) {
		t.Errorf("rankine: %v", err)
	}
}

func FuzzReadSeries(f *testing.F) {
	f.Add("time,value\n2013-07-04 00:00:00,69.88\n")
	f.Add("1767225600,4\n")
	f.Fuzz(func(t *testing.T, in string) {
		s, err := ReadSeries(strings.NewReader(in), func(v float64) float64 { return v * 1000 })
		if err != nil {
			return
		}
		for i := 1; i < len(s.Times); i++ {
			if s.Times[i] <= s.Times[i-1] {
				t.Fatalf("times do not rise: %v", s.Times)
			}
		}
		for _, c := range s.Channels {
			if len(c.Values) != len(s.Times) {
				t.Fatalf("%d values at %d times", len(c.Values), len(s.Times))
			}
		}
	})
}

func TestSegmentsOfASeriesHoldItAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 3000).Draw(t, "n")
		s := &Series{Times: make([]ledger.Millis, n)}
		values := make([]int32, n)
		for i := range n {
			s.Times[i], values[i] = ledger.Millis(1000+60_000*i), int32(i)
		}
		s.Channels = []ledger.Channel{{Quantity: ledger.Temperature, Values: values}}
		segments, err := cut(s, "https://id.gs1.org/8004/9520001INab", testKey())
		if err != nil {
			t.Fatal(err)
		}
		var got []int32
		for i, seg := range segments {
			if seg.Readings.Seq != uint64(i) {
				t.Fatalf("segment %d has sequence %d", i, seg.Readings.Seq)
			}
			got = append(got, seg.Readings.Channels[0].Values...)
		}
		if !slices.Equal(got, values) {
			t.Fatal("the segments do not hold the series")
		}
	})
}

func TestTheAmbientTemperatureFileIsReadings(t *testing.T) {
	path := filepath.Join(testdata.Dir(t), "nab", "data", "realKnownCause", "ambient_temperature_system_failure.csv")
	f, err := os.Open(path)
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	unit, err := UnitOf("fahrenheit")
	if err != nil {
		t.Fatal(err)
	}
	s, err := ReadSeries(f, unit)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Times) < 7000 || s.Channels[0].Values[0] != 21045 {
		t.Fatalf("%d readings, the first %d", len(s.Times), s.Channels[0].Values[0])
	}
	policy, err := policyFor("", s.Channels[0].Values)
	if err != nil || policy.ID != "room-temperature-medicine" {
		t.Fatalf("policy %s, %v", policy.ID, err)
	}
	t.Logf("%d readings, %d skipped: %s", len(s.Times), s.Skipped, s.FirstSkipped)
}

func TestCollectTakesFoldersAndFilesAndNamesWhatItCannotUse(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.jsonld": "{}", "deep/b.XML": "<a/>", "deep/c.csv": "time,value\n2013-07-04 00:00:00,4\n", "notes.txt": "hello"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := Collect(Input{Paths: []string{dir}})
	if err != nil || len(files.Documents) != 2 || len(files.Readings) != 1 || files.Ignored != 1 {
		t.Fatalf("got %+v, %v", files, err)
	}
	for _, bad := range []Input{
		{Paths: []string{filepath.Join(dir, "notes.txt")}},
		{Paths: []string{filepath.Join(dir, "missing")}},
		{Paths: []string{t.TempDir()}},
		{Paths: []string{dir}, Policy: "no such policy"},
	} {
		if _, err := Collect(bad); !errors.Is(err, ErrInput) {
			t.Errorf("%+v: got %v", bad, err)
		}
	}
}
