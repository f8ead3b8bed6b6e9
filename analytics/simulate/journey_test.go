package simulate

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

var update = flag.Bool("update", false, "write the golden fingerprints")

func everyChannel() []ledger.Quantity {
	return []ledger.Quantity{ledger.Temperature, ledger.RelativeHumidity, ledger.Shock, ledger.Light, ledger.Door}
}

func journeys(t testing.TB, cfg Config) []*Journey {
	t.Helper()
	cfg.Now = now
	if cfg.Items == 0 {
		cfg.Items = 1
	}
	var out []*Journey
	for j, err := range Journeys(cfg) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, j)
	}
	return out
}

// The golden fingerprints were made on one machine; every other one must give the same bytes.
func TestBytesAreThoseOfEveryMachine(t *testing.T) {
	var plants []Plant
	for _, s := range Scales() {
		plants = append(plants, Plant{Fault: s.Fault, Size: s.Sizes[0]})
	}
	var b strings.Builder
	for _, c := range []struct {
		name string
		cfg  Config
	}{
		{"default", Config{Seed: 1}},
		{"every fault", Config{Seed: 2, Shipments: 30, Plants: plants, Channels: everyChannel(), Items: 2}},
		{"long and slow", Config{Seed: 3, Shipments: 4, Journey: 72 * time.Hour, Sampling: 10 * time.Minute, Season: SeasonSummer}},
	} {
		fmt.Fprintf(&b, "%s %s\n", c.name, fingerprint(t, mustDay(t, c.cfg)))
	}
	path := filepath.Join("testdata", "days.golden")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("days differ from the golden ones; if the simulator was changed on purpose, run this test with -update\n%s", &b)
	}
}

func TestJourneysAreTheDaysWithoutSignatures(t *testing.T) {
	cfg := Config{Seed: 8, Shipments: 12, Items: 2}
	day := mustDay(t, cfg)
	of := map[string][]ledger.Segment{}
	for _, a := range day.Actions {
		if a.Kind == KindSegment {
			of[a.Shipment] = append(of[a.Shipment], a.Segment.Readings)
		}
	}
	for i, j := range journeys(t, cfg) {
		if j.Truth.Shipment != day.Truth[i].Shipment || j.Truth.Fault != day.Truth[i].Fault || j.Truth.FaultFrom != day.Truth[i].FaultFrom {
			t.Fatalf("truth %+v, in the day %+v", j.Truth, day.Truth[i])
		}
		n := 0
		for _, log := range j.Logs() {
			for k := range log.Times {
				s := of[j.Truth.Shipment]
				for len(s[0].Times) == 0 {
					s = s[1:]
				}
				if s[0].Times[0] != log.Times[k] || s[0].Channels[0].Values[0] != log.Channels[0].Values[k] {
					t.Fatalf("reading %d of %s differs", k, j.Truth.Shipment)
				}
				s[0].Times = s[0].Times[1:]
				s[0].Channels = []ledger.Channel{{Values: s[0].Channels[0].Values[1:]}}
				of[j.Truth.Shipment] = s
				n++
			}
		}
		if n < 200 {
			t.Errorf("%d readings", n)
		}
	}
}

// rows gives a journey's readings of each channel by time since the first, all loggers'. A journey that may
// take longer begins at another time of the day that is simulated.
func rows(j *Journey) map[ledger.Millis][]int32 {
	out := map[ledger.Millis][]int32{}
	for _, log := range j.Logs() {
		for i, at := range log.Times {
			at -= ledger.MillisOf(j.Truth.From)
			for _, ch := range log.Channels {
				out[at] = append(out[at], ch.Values[i])
			}
		}
	}
	return out
}

// pair is a journey with a fault and the same one without.
func pair(t testing.TB, seed uint64, p Plant) (faulty, clean *Journey) {
	t.Helper()
	cfg := Config{Seed: seed, Shipments: 1, Products: []string{"insulin 2-8 °C"}, Channels: everyChannel(), Journey: 20 * time.Hour}
	cfg.Plants = []Plant{p}
	faulty = journeys(t, cfg)[0]
	cfg.Plants = []Plant{{Fault: FaultNone}}
	return faulty, journeys(t, cfg)[0]
}

// deviation compares a journey with the same one without its fault: how many readings are missing or
// differ, the first time at which one does, and the largest difference in thousandths.
func deviation(faulty, clean *Journey) (n int, first ledger.Millis, most int32) {
	f, c := rows(faulty), rows(clean)
	note := func(at ledger.Millis) {
		if n++; first == 0 || at < first {
			first = at
		}
	}
	for at, want := range c {
		got, ok := f[at]
		if !ok {
			note(at)
			continue
		}
		if !slices.Equal(got, want) {
			note(at)
			for k := range got {
				most = max(most, max(got[k]-want[k], want[k]-got[k]))
			}
		}
	}
	return n, first, most
}

func TestAFaultTouchesNothingBeforeItsWindow(t *testing.T) {
	for _, scale := range Scales() {
		for seed := range uint64(4) {
			for _, size := range scale.Sizes {
				faulty, clean := pair(t, seed, Plant{scale.Fault, size})
				truth := faulty.Truth
				if truth.Fault != scale.Fault || truth.Size != size || truth.Unit != scale.Unit {
					t.Fatalf("%+v", truth)
				}
				if truth.FaultFrom.Before(truth.From) || truth.FaultTo.Before(truth.FaultFrom) || truth.FaultTo.After(truth.To.Add(time.Minute)) {
					t.Errorf("%s of %v lies from %s to %s in %s to %s", scale.Fault, size, truth.FaultFrom, truth.FaultTo, truth.From, truth.To)
				}
				n, first, _ := deviation(faulty, clean)
				begins := truth.FaultFrom.Sub(truth.From)
				if n > 0 && time.Duration(first)*time.Millisecond < begins {
					t.Errorf("%s of %v: a reading after %d ms differs, the fault begins after %s", scale.Fault, size, first, begins)
				}
				if n == 0 && scale.Subject != SubjectEvents {
					t.Errorf("%s of %v, seed %d: no reading differs", scale.Fault, size, seed)
				}
			}
		}
	}
}

func TestALargerFaultIsALargerOne(t *testing.T) {
	duration := func(j *Journey) time.Duration { return j.Truth.To.Sub(j.Truth.From) }
	for _, scale := range Scales() {
		for seed := range uint64(4) {
			var counts, mosts []int
			var lasts []time.Duration
			for _, size := range scale.Sizes {
				faulty, clean := pair(t, seed, Plant{scale.Fault, size})
				n, _, most := deviation(faulty, clean)
				counts, mosts, lasts = append(counts, n), append(mosts, int(most)), append(lasts, duration(faulty)-duration(clean))
			}
			switch scale.Unit {
			case "°C", "°C/day", "%RH", "g":
				if scale.Fault != FaultLoggerSwapped && !slices.IsSorted(mosts) {
					t.Errorf("%s, seed %d: largest differences %v", scale.Fault, seed, mosts)
				}
			case "h":
				if scale.Subject == SubjectSensor && !slices.IsSorted(counts) {
					t.Errorf("%s, seed %d: readings %v", scale.Fault, seed, counts)
				}
			}
			if scale.Fault == FaultDelay || scale.Fault == FaultDwell || scale.Fault == FaultRouteDeviation {
				if !slices.IsSorted(lasts) || lasts[0] <= 0 || lasts[len(lasts)-1] < 30*time.Minute {
					t.Errorf("%s, seed %d: longer by %v", scale.Fault, seed, lasts)
				}
			}
		}
	}
}

func TestSizesAreWhatTheySay(t *testing.T) {
	at := func(j *Journey, fn func(at time.Time, celsius float64)) {
		for _, log := range j.Logs() {
			for i, stamp := range log.Times {
				fn(stamp.Time(), float64(log.Channels[0].Values[i])/1000)
			}
		}
	}
	highest := func(j *Journey) float64 {
		most := math.Inf(-1)
		at(j, func(_ time.Time, c float64) { most = max(most, c) })
		return most
	}
	excursion, _ := pair(t, 1, Plant{FaultExcursion, 4})
	if h := highest(excursion); math.Abs(h-12) > 1 {
		t.Errorf("an excursion 4 °C over 8 °C reaches %v", h)
	}
	freeze, _ := pair(t, 1, Plant{FaultFreeze, 2})
	lowest := math.Inf(1)
	at(freeze, func(_ time.Time, c float64) { lowest = min(lowest, c) })
	if math.Abs(lowest+2) > 0.5 {
		t.Errorf("a freeze of 2 °C reaches %v", lowest)
	}
	dropout, _ := pair(t, 1, Plant{FaultDropout, 3})
	var last time.Time
	longest := time.Duration(0)
	at(dropout, func(stamp time.Time, _ float64) {
		if !last.IsZero() {
			longest = max(longest, stamp.Sub(last))
		}
		last = stamp
	})
	if longest < 3*time.Hour || longest > 3*time.Hour+2*time.Minute {
		t.Errorf("a dropout of 3 hours lasts %s", longest)
	}
	jump, clean := pair(t, 1, Plant{FaultClockJump, 15})
	got, want := jump.Logs()[0].Times, clean.Logs()[0].Times
	if d := got[len(got)-1] - got[0] - (want[len(want)-1] - want[0]); d != 15*60_000 {
		t.Errorf("a clock that jumped 15 minutes ends %d ms late", d)
	}
	shock, _ := pair(t, 1, Plant{FaultShock, 60})
	if v := slices.Max(shock.Logs()[0].Channels[2].Values); v != 60_000 {
		t.Errorf("a drop of 60 g reads %d", v)
	}
	drift, clean := pair(t, 1, Plant{FaultDrift, 4})
	d, c := drift.Logs()[0], clean.Logs()[0]
	n := len(d.Times) - 1
	days := d.Times[n].Time().Sub(drift.Truth.FaultFrom).Hours() / 24
	if rise := float64(d.Channels[0].Values[n]-c.Channels[0].Values[n]) / 1000; math.Abs(rise-4*days) > 0.2 {
		t.Errorf("4 °C a day over %v days: %v", days, rise)
	}
}

func TestEveryFaultGivesValidEventsAndSegments(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		scale := rapid.SampledFrom(Scales()).Draw(rt, "scale")
		cfg := Config{
			Seed: rapid.Uint64().Draw(rt, "seed"), Shipments: 1, Items: rapid.IntRange(1, 5).Draw(rt, "items"), Channels: everyChannel(),
			Sampling: rapid.SampledFrom([]time.Duration{30 * time.Second, time.Minute, 10 * time.Minute}).Draw(rt, "sampling"),
			Journey:  rapid.SampledFrom([]time.Duration{7 * time.Hour, 30 * time.Hour}).Draw(rt, "journey"),
			Season:   rapid.SampledFrom(append(Seasons(), SeasonAny)).Draw(rt, "season"),
			Plants:   []Plant{{scale.Fault, rapid.Float64Range(scale.Least, scale.Most).Draw(rt, "size")}},
			Now:      now,
		}
		day, err := New(cfg)
		if err != nil {
			rt.Fatal(err)
		}
		readings := 0
		for _, a := range day.Actions {
			switch a.Kind {
			case KindEvent:
				if _, err := epcis.ParseEvent(a.Event.Context, a.Event.Body); err != nil {
					rt.Fatal(err)
				}
			case KindSegment:
				if err := ledger.CheckSegment(a.Segment.Readings, ledger.MillisOf(a.At)); err != nil {
					rt.Fatal(err)
				}
				readings += len(a.Segment.Readings.Times)
			case KindPolicy, KindDevice:
			}
			if !a.At.Before(now) {
				rt.Fatalf("%s at %s, now is %s", a.Kind, a.At, now)
			}
		}
		if readings == 0 && scale.Fault != FaultDropout {
			rt.Fatal("no readings")
		}
	})
}

// Two samples of one distribution differ in their distribution functions by less than this (Smirnov),
// but for one in a thousand.
func smirnov(a, b []float64) (distance, bound float64) {
	slices.Sort(a)
	slices.Sort(b)
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		v := min(a[i], b[j])
		for i < len(a) && a[i] <= v {
			i++
		}
		for j < len(b) && b[j] <= v {
			j++
		}
		distance = max(distance, math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))))
	}
	n, m := float64(len(a)), float64(len(b))
	return distance, 1.95 * math.Sqrt((n+m)/(n*m))
}

// Conformal calibration rests on this: whatever the seed, the number and the faults of others.
func TestCleanJourneysOfALaneAndProductAreExchangeable(t *testing.T) {
	const n = 400
	cfg := Config{Shipments: n, Plants: []Plant{}, Lanes: []string{"Leipzig - Milan"}, Products: []string{"fresh milk"}, Sampling: 5 * time.Minute}
	statistics := map[string]func(*Journey) float64{
		"highest": func(j *Journey) float64 { return float64(slices.Max(j.Logs()[0].Channels[0].Values)) },
		"lowest":  func(j *Journey) float64 { return float64(slices.Min(j.Logs()[0].Channels[0].Values)) },
		"length":  func(j *Journey) float64 { return j.Truth.To.Sub(j.Truth.From).Seconds() },
		"movement": func(j *Journey) float64 {
			v, sum := j.Logs()[0].Channels[0].Values, 0.0
			for i := 1; i < len(v); i++ {
				sum += math.Abs(float64(v[i] - v[i-1]))
			}
			return sum / float64(len(v))
		},
		"wettest": func(j *Journey) float64 { return float64(slices.Max(j.Logs()[0].Channels[1].Values)) },
	}
	cfg.Seed = 100
	first := journeys(t, cfg)
	others := []Config{cfg, cfg}
	others[0].Seed = 101
	others[1].Seed, others[1].Shipments = 102, n+50
	for i := range 50 {
		others[1].Plants = append(others[1].Plants, Plant{Scales()[i%8].Fault, 0})
	}
	others[1].Plants = slices.DeleteFunc(others[1].Plants, func(p Plant) bool {
		return p.Fault == FaultDrift || p.Fault == FaultShock || p.Fault == FaultOpened
	})
	for _, other := range others {
		second := slices.DeleteFunc(journeys(t, other), func(j *Journey) bool { return j.Truth.Fault != FaultNone })
		for name, of := range statistics {
			var a, b []float64
			for _, j := range first {
				a = append(a, of(j))
			}
			for _, j := range second {
				b = append(b, of(j))
			}
			if d, bound := smirnov(a, b); d > bound {
				t.Errorf("%s of seed %d: distance %v, at most %v", name, other.Seed, d, bound)
			}
		}
	}
}

func TestSeasonsAndLanesMakeADifference(t *testing.T) {
	mean := func(cfg Config) float64 {
		cfg.Plants, cfg.Shipments, cfg.Seed, cfg.Products = []Plant{}, 60, 4, []string{"vaccine 2-8 °C"}
		sum, n := 0.0, 0
		for _, j := range journeys(t, cfg) {
			for _, v := range j.Logs()[0].Channels[0].Values {
				sum += float64(v)
				n++
			}
		}
		return sum / float64(n)
	}
	if summer, winter := mean(Config{Season: SeasonSummer}), mean(Config{Season: SeasonWinter}); summer < winter+100 {
		t.Errorf("in summer %v, in winter %v thousandths of a degree", summer, winter)
	}
	length := func(lane string) time.Duration {
		j := journeys(t, Config{Seed: 4, Shipments: 1, Lanes: []string{lane}, Plants: []Plant{}})[0]
		return j.Truth.To.Sub(j.Truth.From)
	}
	if length("Basel - Lyon") >= length("Rotterdam - Warsaw") {
		t.Error("a short lane takes as long as a long one")
	}
	for _, l := range Lanes() {
		if len(l.Origin.GLN) != 13 || len(l.Stops) == 0 {
			t.Errorf("%+v", l)
		}
		for _, p := range append([]Place{l.Origin, l.Target}, l.Stops...) {
			if key, err := epcis.CanonicalEPC(p.SGLN); err != nil || !strings.Contains(key, p.GLN) {
				t.Errorf("%s is %s, its GLN %s (%v)", p.SGLN, key, p.GLN, err)
			}
		}
	}
}

func TestFaultsThatCannotBeAreRefused(t *testing.T) {
	for name, cfg := range map[string]Config{
		"unknown":              {Plants: []Plant{{"gremlins", 1}}},
		"too small":            {Plants: []Plant{{FaultExcursion, 0.01}}},
		"too large":            {Plants: []Plant{{FaultClockJump, 1e6}}},
		"not a number":         {Plants: []Plant{{FaultDrift, math.NaN()}}},
		"negative":             {Plants: []Plant{{FaultDwell, -1}}},
		"a size of none":       {Plants: []Plant{{FaultNone, 1}}},
		"no shock sensor":      {Plants: []Plant{{FaultShock, 10}}},
		"no product":           {Plants: []Plant{{FaultFreeze, 1}}, Products: []string{"frozen fish"}},
		"both":                 {Plants: []Plant{}, Faults: []Fault{}},
		"unknown lane":         {Lanes: []string{"Atlantis"}},
		"unknown product":      {Products: []string{"gold"}},
		"unknown sensor":       {Sensors: []string{"thumb"}},
		"unknown season":       {Season: "monsoon"},
		"no temperature":       {Channels: []ledger.Quantity{ledger.Shock}},
		"channels twice":       {Channels: []ledger.Quantity{ledger.Temperature, ledger.Temperature}},
		"unknown channel":      {Channels: []ledger.Quantity{ledger.Temperature, 99}},
		"more than shipments":  {Plants: make([]Plant, 3), Shipments: 2},
		"channels out of turn": {Channels: []ledger.Quantity{ledger.Temperature, ledger.Door, ledger.Light}},
	} {
		cfg.Now = now
		if _, err := New(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkJourney(b *testing.B) {
	seed, n := uint64(0), 0
	for b.Loop() {
		seed++
		for j, err := range Journeys(Config{Seed: seed, Now: now, Shipments: 1, Items: 1, Plants: []Plant{}}) {
			if err != nil {
				b.Fatal(err)
			}
			n += len(j.Logs()[0].Times)
		}
	}
	b.ReportMetric(float64(n)/float64(b.N), "readings/op")
}
