package ingest

import (
	"cmp"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/internal/testdata"
)

const logger = "https://id.gs1.org/8004/9521321900001"

func key(tb testing.TB) (ed25519.PrivateKey, ledger.Device) {
	tb.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		tb.Fatal(err)
	}
	return private, ledger.Device{ID: logger, Algorithm: ledger.KeyEd25519, PublicKey: der}
}

func all(tb testing.TB, text string, format Format) (readings []Reading, faults []string) {
	tb.Helper()
	f, err := Open(strings.NewReader(text), format)
	if err != nil {
		tb.Fatal(err)
	}
	for r, err := range f.Readings() {
		if err != nil {
			faults = append(faults, err.Error())
			continue
		}
		readings = append(readings, r)
	}
	return readings, faults
}

func TestTimesAndValuesAreReadInTheirUsualSpellings(t *testing.T) {
	noon := ledger.Millis(1_772_366_400_000)
	for name, c := range map[string]struct {
		text   string
		format Format
		values []int32
	}{
		"RFC 3339":              {"timestamp,value\n2026-03-01T13:00:00+01:00,4.5\n", Format{}, []int32{4_500}},
		"space, no zone":        {"timestamp,value\n2026-03-01 12:00:00,-0.25\n", Format{}, []int32{-250}},
		"Unix seconds":          {"time,temperature\n1772366400,4\n", Format{}, []int32{4_000}},
		"Unix milliseconds":     {"time,temperature\n1772366400000,4\n", Format{}, []int32{4_000}},
		"no header":             {"2026-03-01T12:00:00Z,4\n", Format{}, []int32{4_000}},
		"byte order mark":       {"\ufeffTime,Temp (°C)\n2026-03-01 12:00,4\n", Format{}, []int32{4_000}},
		"channels by name":      {"door,humidity,temperature,time\nopen,55.5,4,2026-03-01T12:00:00Z\n", Format{}, []int32{4_000, 55_500, 1_000}},
		"columns named":         {"when,a,b\n2026-03-01T12:00:00Z,1,2\n", Format{TimeColumn: "when", Columns: map[string]ledger.Quantity{"b": ledger.Shock}}, []int32{2_000}},
		"Fahrenheit":            {"time,temp\n2026-03-01T12:00:00Z,41\n", Format{Unit: Fahrenheit}, []int32{5_000}},
		"Kelvin":                {"time,temp\n2026-03-01T12:00:00Z,278.15\n", Format{Unit: Kelvin}, []int32{5_000}},
		"unit in the header":    {"time,Temperature (°F)\n2026-03-01T12:00:00Z,41\n", Format{}, []int32{5_000}},
		"unit said twice":       {"time,temp_f\n2026-03-01T12:00:00Z,41\n", Format{Unit: Fahrenheit}, []int32{5_000}},
		"unit in Latin-1":       {"time,Temp \xb0F\n2026-03-01T12:00:00Z,41\n", Format{}, []int32{5_000}},
		"unit of a value":       {"time,value [K]\n2026-03-01T12:00:00Z,278.15\n", Format{}, []int32{5_000}},
		"unit of a named one":   {"time,probe (°F)\n2026-03-01T12:00:00Z,41\n", Format{Columns: map[string]ledger.Quantity{"probe": ledger.Temperature}}, []int32{5_000}},
		"no unit in a name":     {"time,probe_k\n2026-03-01T12:00:00Z,5\n", Format{Columns: map[string]ledger.Quantity{"probe_k": ledger.Temperature}}, []int32{5_000}},
		"both units":            {"time,temp f,temp c\n2026-03-01T12:00:00Z,41,5\n", Format{Unit: Celsius}, []int32{5_000}},
		"percent sign":          {"time,Temp C,RH%\n2026-03-01T12:00:00Z,5,40\n", Format{}, []int32{5_000, 40_000}},
		"comma at the end":      {"time,temp\n2026-03-01T12:00:00Z,5,\n", Format{}, []int32{5_000}},
		"columns not asked for": {"time,comment,temp\n2026-03-01T12:00:00Z,hello,5\n", Format{}, []int32{5_000}},
	} {
		t.Run(name, func(t *testing.T) {
			got, faults := all(t, c.text, c.format)
			if len(faults) > 0 || len(got) != 1 || got[0].Time != noon || fmt.Sprint(got[0].Values) != fmt.Sprint(c.values) {
				t.Errorf("got %+v, faults %v; want %v at %d", got, faults, c.values, noon)
			}
		})
	}
}

func TestAFaultyRowIsNamedAndTheOthersAreRead(t *testing.T) {
	got, faults := all(t, "time,temp\n2026-03-01T12:00:00Z,4\nyesterday,4\n2026-03-01T12:01:00Z,warm\n2026-03-01T12:02:00Z\n2026-03-01T12:00:00Z,4\n2026-03-01T12:03:00Z,1e99\n2026-03-01T12:04:00Z,5\n", Format{})
	if len(got) != 2 || got[1].Line != 8 {
		t.Errorf("readings: %+v", got)
	}
	if len(faults) != 5 {
		t.Fatalf("faults: %v", faults)
	}
	for i, want := range []string{"line 3: \"yesterday\"", "line 4: \"warm\"", "line 5: it has 1 column", "line 6: its time", "line 7: \"1e99\""} {
		if !strings.HasPrefix(faults[i], want) {
			t.Errorf("fault %d is %q, want %q…", i, faults[i], want)
		}
	}
}

func TestFilesThatHoldNoReadingsAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		format Format
	}{
		"empty":          {"", Format{}},
		"one column":     {"time\n2026-03-01T12:00:00Z\n", Format{}},
		"nothing known":  {"time,foo,bar\n", Format{}},
		"CR alone":       {"time,temp\r2026-03-01T12:00:00Z,4\r", Format{}},
		"long CR alone":  {strings.Repeat("2026-03-01T12:00:00Z,4\r", 10_000), Format{}},
		"UTF-16":         {"\xff\xfet\x00,\x00v\x00\n\x00", Format{}},
		"other unit":     {"time,Temperature (°F)\n", Format{Unit: Celsius}},
		"other unit too": {"time,probe [K]\n", Format{Unit: Celsius, Columns: map[string]ledger.Quantity{"probe [K]": ledger.Temperature}}},
		"which of two":   {"time,T (in),T (out)\n", Format{Columns: map[string]ledger.Quantity{"t": ledger.Temperature}}},
		"missing column": {"time,temp\n", Format{Columns: map[string]ledger.Quantity{"rh": ledger.RelativeHumidity}}},
		"no such unit":   {"time,temp\n", Format{Unit: "rankine"}},
		"same quantity":  {"time,a,b\n", Format{Columns: map[string]ledger.Quantity{"a": ledger.Temperature, "b": ledger.Temperature}}},
	} {
		if _, err := Open(strings.NewReader(c.text), c.format); !errors.Is(err, ErrCSV) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f, err := Open(strings.NewReader("time,temp\n"+strings.Repeat("x", 1<<20)), Format{})
	for err == nil {
		for _, rowErr := range f.Readings() {
			err = rowErr
		}
	}
	if !errors.Is(err, ErrCSV) {
		t.Errorf("a row without end: %v", err)
	}
}

func TestColumnsThatSayNothingOfTheLedgersQuantitiesAreAskedAbout(t *testing.T) {
	for _, header := range []string{
		"time,pressure_hPa", "time,co2_ppm", "foo,bar", "time,value (hPa)", "time,humidity (g/m³)", "time,temperature setpoint",
		"time,acceleration (m/s²)", "time,door closed", "time,light %", "2026-03-01T12:00:00Z,5,1",
	} {
		if f, err := Open(strings.NewReader(header+"\n"), Format{}); !errors.Is(err, ErrColumns) || !errors.Is(err, ErrCSV) {
			t.Errorf("%s: %+v, %v", header, f, err)
		}
	}
	for header, want := range map[string]string{"time;temp": "semicolons", "time\ttemp": "tabs"} {
		if _, err := Open(strings.NewReader(header+"\n"), Format{}); !errors.Is(err, ErrCSV) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", header, err)
		}
	}
}

func TestColumnsThatAreNotRecordedAreNamed(t *testing.T) {
	for header, want := range map[string][]string{
		"time,temp,humidity":             nil,
		"time,temperature,temperature":   {"temperature"},
		"note,time,Pressure (hPa),temp,": {"note", "Pressure (hPa)", "column 5"},
		"time,value,rh":                  {"value"},
	} {
		f, err := Open(strings.NewReader(header+"\n"), Format{})
		if err != nil || !slices.Equal(f.Ignored, want) {
			t.Errorf("%s: %q, %v; want %q", header, f.Ignored, err, want)
		}
	}
}

func TestARowThatTheContractWouldRefuseIsLeftOutAndItsNeighboursAreNot(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	private, _ := key(t)
	for name, c := range map[string]struct {
		row, code string
	}{
		"future":         {"2099-01-01T00:00:00Z,5", ledger.CodeTimeFuture},
		"clock not set":  {"1970-01-01T00:00:01Z,5", ledger.CodeSchema},
		"too cold":       {"2026-03-01T11:30:30Z,-400", ledger.CodeSchema},
		"too hot":        {"2026-03-01T11:30:30Z,301", ledger.CodeSchema},
		"decimal comma":  {"2026-03-01T11:30:30Z,5,1", ""},
		"too many":       {"2026-03-01T11:30:30Z,5.0,7", ""},
		"quotation mark": {"2026-03-01T11:30:30Z,\"5", ""},
		"stray mark":     {"2026-03-01T11:30:30Z,5\"", ""},
	} {
		for _, at := range []int{0, 30, 60} {
			var text strings.Builder
			text.WriteString("time,temp\n")
			for i := range 61 {
				if i == at {
					text.WriteString(c.row + "\n")
				}
				if i < 60 {
					fmt.Fprintf(&text, "%s,5\n", now.Add(time.Duration(i-60)*time.Minute).Format(time.RFC3339))
				}
			}
			if at != 30 && c.code == "" {
				continue // its time would be out of order there, which is another fault
			}
			f, err := Open(strings.NewReader(text.String()), Format{Now: func() time.Time { return now }})
			if err != nil {
				t.Fatal(err)
			}
			times, faults := 0, 0
			for s, err := range f.Segments(&Chain{Device: logger, Signer: private}, 7) {
				if row, ok := errors.AsType[*RowError](err); ok {
					if faults++; row.Line != at+2 || ledger.Code(row.Err) != cmp.Or(c.code, ledger.CodeInternal) || !strings.HasPrefix(row.Err.Error(), c.code) {
						t.Errorf("%s: %v, want line %d and %s", name, err, at+2, c.code)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				times += s.Times
				g, err := wire.DecodeSegment(s.Payload)
				if err == nil {
					err = ledger.CheckSegment(g, ledger.MillisOf(now))
				}
				if err != nil {
					t.Errorf("%s: the contract would refuse a segment: %v", name, err)
				}
			}
			if times != 60 || faults != 1 {
				t.Errorf("%s at %d: %d of 60 readings, %d faults", name, at, times, faults)
			}
		}
	}
}

// Whatever a file holds, no segment made of it is one that the contract refuses for what it holds.
func TestNoSegmentOfAFileIsRefusedForItsReadings(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	private, _ := key(t)
	rapid.Check(t, func(rt *rapid.T) {
		var text strings.Builder
		text.WriteString("time,temp,rh,door,light,shock\n")
		for range rapid.IntRange(0, 40).Draw(rt, "rows") {
			fmt.Fprintf(&text, "%d", rapid.Int64Range(1, 5_000_000_000).Draw(rt, "time"))
			for range 5 {
				fmt.Fprintf(&text, ",%g", rapid.SampledFrom([]float64{-2_000, -274, -1, 0, 0.5, 1, 40, 101, 301, 3e5}).Draw(rt, "value"))
			}
			text.WriteString("\n")
		}
		f, err := Open(strings.NewReader(text.String()), Format{Now: func() time.Time { return now }})
		if err != nil {
			rt.Fatal(err)
		}
		for s, err := range f.Segments(&Chain{Device: logger, Signer: private}, 5) {
			if err != nil {
				continue
			}
			g, err := wire.DecodeSegment(s.Payload)
			if err == nil {
				err = ledger.CheckSegment(g, ledger.MillisOf(now))
			}
			if err != nil {
				rt.Fatal(err)
			}
		}
	})
}

func TestReadingsBeforeAFaultThatEndsTheFileAreKept(t *testing.T) {
	private, _ := key(t)
	f, err := Open(io.MultiReader(strings.NewReader("time,temp\n2026-03-01T12:00:00Z,4\n"), iotest.ErrReader(io.ErrUnexpectedEOF)), Format{})
	if err != nil {
		t.Fatal(err)
	}
	times := 0
	for s, rowErr := range f.Segments(&Chain{Device: logger, Signer: private}, 0) {
		times, err = times+s.Times, rowErr
	}
	if times != 1 || !errors.Is(err, ErrCSV) {
		t.Errorf("%d readings, then %v", times, err)
	}
}

func TestSegmentsContinueTheChainAndVerify(t *testing.T) {
	private, device := key(t)
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 60).Draw(rt, "rows")
		perSegment := rapid.IntRange(1, 20).Draw(rt, "times")
		start := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		var text strings.Builder
		text.WriteString("time,temp,humidity\n")
		for i := range n {
			fmt.Fprintf(&text, "%s,%d,%d\n", start.Add(time.Duration(i)*time.Minute).Format(time.RFC3339), i%7, 40+i%5)
		}
		passed := rapid.IntRange(0, n).Draw(rt, "passed")
		chain := &Chain{Device: logger, Signer: private, Next: 3, Previous: ledger.Digest{7}}
		if passed > 0 {
			after := ledger.MillisOf(start.Add(time.Duration(passed-1) * time.Minute))
			chain.After = &after
		}
		f, err := Open(strings.NewReader(text.String()), Format{})
		if err != nil {
			rt.Fatal(err)
		}
		seq, previous, next := uint64(3), ledger.Digest{7}, passed
		for s, err := range f.Segments(chain, perSegment) {
			if err != nil {
				rt.Fatal(err)
			}
			if err := device.Verify(s.Payload, s.Signature); err != nil {
				rt.Fatal(err)
			}
			g, err := wire.DecodeSegment(s.Payload)
			if err != nil {
				rt.Fatal(err)
			}
			if g.Seq != seq || g.Previous != previous || len(g.Times) > perSegment || s.Digest != wire.SegmentDigest(s.Payload) {
				rt.Fatalf("segment %+v does not continue %d, %s", g, seq, previous)
			}
			for i := range g.Times {
				if g.Times[i] != ledger.MillisOf(start.Add(time.Duration(next)*time.Minute)) || g.Channels[0].Values[i] != int32(next%7)*1000 || g.Channels[1].Values[i] != int32(40+next%5)*1000 {
					rt.Fatalf("reading %d: %+v", next, g)
				}
				next++
			}
			seq, previous = seq+1, s.Digest
		}
		if chain.Passed != passed {
			rt.Fatalf("%d readings passed over, not %d", chain.Passed, passed)
		}
		if next != n || chain.Next != seq || chain.Previous != previous {
			rt.Fatalf("%d of %d readings, chain at %d", next, n, chain.Next)
		}
	})
}

func TestAPublishedSeriesBecomesSegments(t *testing.T) {
	file, err := os.Open(filepath.Join(testdata.Dir(t), "nab", "data", "realKnownCause", "ambient_temperature_system_failure.csv"))
	if err != nil {
		t.Skip(err)
	}
	defer file.Close()
	f, err := Open(file, Format{Unit: Fahrenheit})
	if err != nil {
		t.Fatal(err)
	}
	private, _ := key(t)
	times, faults := 0, 0
	for s, err := range f.Segments(&Chain{Device: logger, Signer: private}, 0) {
		if err != nil {
			faults++
			continue
		}
		times += s.Times
	}
	if times+faults != 7267 || faults > 100 {
		t.Errorf("%d times and %d faults of 7267 rows", times, faults)
	}
}

func FuzzReadings(f *testing.F) {
	f.Add("time,temp\n2026-03-01T12:00:00Z,4\n", "")
	f.Add("2026-03-01 12:00:00,4.5\nx,y\n\"a\nb\",1\n", "kelvin")
	f.Add("\ufefftime,door,rh\n1772366400,open,5\n", "celsius")
	f.Fuzz(func(t *testing.T, text, unit string) {
		file, err := Open(strings.NewReader(text), Format{Unit: Unit(unit)})
		if err != nil {
			if !errors.Is(err, ErrCSV) {
				t.Fatal(err)
			}
			return
		}
		last := ledger.Millis(-1 << 62)
		for r, err := range file.Readings() {
			if err != nil {
				continue
			}
			if len(r.Values) != len(file.Quantities) || r.Time <= last {
				t.Fatalf("%+v after %d", r, last)
			}
			last = r.Time
		}
	})
}
