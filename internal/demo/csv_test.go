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

	"github.com/waybill-dev/waybill/api/ingest"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/internal/testdata"
)

func TestReadSeriesTakesEveryChannelAndCountsWhatItPassesOver(t *testing.T) {
	in := "time,temperature,humidity\n2026-01-01T00:00:00Z,68,50.5\n" + strings.Repeat("2026-01-01T00:00:00Z,68,50\n", 1)
	for i := range 12 {
		in += fmt.Sprintf("2026-01-01T01:%02d:00Z,50,51\n", i)
	}
	s, err := ReadSeries(strings.NewReader(in), ingest.Fahrenheit)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Times) != 13 || s.Skipped != 1 || s.FirstSkipped == "" || len(s.Channels) != 2 {
		t.Fatalf("got %d times, %d skipped (%s), %d channels", len(s.Times), s.Skipped, s.FirstSkipped, len(s.Channels))
	}
	if c := s.celsius(); c[0] != 20_000 || c[12] != 10_000 || s.Channels[1].Values[0] != 50_500 {
		t.Fatalf("got %v and %v", c, s.Channels[1].Values)
	}
}

func TestReadSeriesTakesAFileAsPushingReadingsDoes(t *testing.T) {
	in := "time,Temp (°F),pressure_hPa\n2099-01-01T00:00:00Z,68,1\n"
	for i := range 12 {
		in += fmt.Sprintf("2026-01-01T01:%02d:00Z,50,1\n", i)
	}
	s, err := ReadSeries(strings.NewReader(in), "")
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Times) != 12 || s.Skipped != 1 || !strings.Contains(s.FirstSkipped, ledger.CodeTimeFuture) || s.celsius()[0] != 10_000 || !slices.Equal(s.Ignored, []string{"pressure_hPa"}) {
		t.Errorf("%d times of %d, passed over %s, not recorded %q", len(s.Times), s.celsius()[0], s.FirstSkipped, s.Ignored)
	}
	if _, err := ReadSeries(strings.NewReader(in), ingest.Celsius); !errors.Is(err, ingest.ErrCSV) {
		t.Errorf("a unit that the header contradicts: %v", err)
	}
}

func TestReadSeriesRefusesWhatIsNotReadings(t *testing.T) {
	for name, in := range map[string]string{
		"empty":             "",
		"other columns":     "name,colour,size\nbox,red,4\n",
		"a pressure":        "time,pressure_hPa\n2013-07-04 00:00:00,1013\n",
		"decimal commas":    "time,temperature\n2013-07-04 00:00:00,5,1\n",
		"mostly unreadable": "time,value\nyesterday,4\n2013-07-04 00:00:00,4\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ReadSeries(strings.NewReader(in), ingest.Celsius); !errors.Is(err, ingest.ErrCSV) {
				t.Fatalf("got %v", err)
			}
		})
	}
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
		for i, signed := range segments {
			seg, err := wire.DecodeSegment(signed.Payload)
			if err != nil {
				t.Fatal(err)
			}
			if seg.Seq != uint64(i) || signed.Seq != uint64(i) {
				t.Fatalf("segment %d has sequence %d", i, seg.Seq)
			}
			got = append(got, seg.Channels[0].Values...)
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
	s, err := ReadSeries(f, ingest.Fahrenheit)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Times) < 7000 || s.celsius()[0] != 21045 {
		t.Fatalf("%d readings, the first %d", len(s.Times), s.Channels[0].Values[0])
	}
	policy, _, err := policyFor("", s.celsius())
	if err != nil || policy.ID != "room-temperature-medicine" {
		t.Fatalf("policy %s, %v", policy.ID, err)
	}
	t.Logf("%d readings, %d skipped: %s", len(s.Times), s.Skipped, s.FirstSkipped)
}

func TestCollectTakesFoldersAndFilesAndNamesWhatItCannotUse(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.jsonld": "{}", "deep/b.XML": "<a/>", "deep/c.csv": "time,value\n2013-07-04 00:00:00,4\n", "deep/d.csv": "name,colour,size\nbox,red,4\n", "notes.txt": "hello"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := Collect(Input{Paths: []string{dir}})
	if err != nil || len(files.Documents) != 2 || len(files.Readings) != 1 || files.Ignored != 1 ||
		len(files.Unreadable) != 1 || files.Unreadable[0].Code != "WB_CSV" || filepath.Base(files.Unreadable[0].File) != "d.csv" {
		t.Fatalf("got %+v, %v", files, err)
	}
	for _, bad := range []Input{
		{Paths: []string{filepath.Join(dir, "notes.txt")}},
		{Paths: []string{filepath.Join(dir, "missing")}},
		{Paths: []string{t.TempDir()}},
		{Paths: []string{filepath.Join(dir, "deep", "d.csv")}},
		{Paths: []string{dir}, Unit: "furlong"},
		{Paths: []string{dir}, Policy: "no such policy"},
	} {
		if _, err := Collect(bad); !errors.Is(err, ErrInput) {
			t.Errorf("%+v: got %v", bad, err)
		}
	}
}

func TestAPolicyWhoseRangeDoesNotFitIsToldOf(t *testing.T) {
	for _, c := range []struct {
		name, id, policy, note string
		celsius                []int32
	}{
		{"in the refrigerator", "", "refrigerated-medicine", "", []int32{3_000, 5_500, 6_000}},
		{"nothing measured", "", "refrigerated-medicine", "", nil},
		{"degrees Fahrenheit of a room", "", "room-temperature-medicine", "--unit fahrenheit", []int32{73_000, 75_000, 76_000, 86_000}},
		{"kelvin of a refrigerator", "", "room-temperature-medicine", "--unit kelvin", []int32{277_000, 279_000}},
		{"between two ranges", "", "refrigerated-medicine", "no policy's range", []int32{10_000, 11_000}},
		{"the user's choice", "frozen-food", "frozen-food", "", []int32{73_000}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, note, err := policyFor(c.id, c.celsius)
			if err != nil || p.ID != c.policy || !strings.Contains(note, c.note) || (note == "") != (c.note == "") {
				t.Errorf("%s, %q, %v", p.ID, note, err)
			}
			if c.note == "no policy's range" && strings.Contains(note, "--unit") {
				t.Errorf("no other unit fits either: %q", note)
			}
		})
	}
}
