package ingest

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
	for i, want := range []string{"line 3: \"yesterday\"", "line 4: \"warm\"", "line 5: it has 1", "line 6: its time", "line 7: \"1e99\""} {
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
