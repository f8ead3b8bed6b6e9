package sensor

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/detect"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

const minute = ledger.Millis(60_000)

// world is a box, a logger in it and what the logger writes.
type world struct {
	t *testing.T
	m *Monitor

	every       time.Duration
	clock       int64 // of the logger, milliseconds
	passed      time.Duration
	steps       float64
	noise       float64
	unit        string
	door        float64 // what a door let in
	lose, outOf int
	written     int
	random      uint64
}

func newWorld(t *testing.T) *world {
	return &world{t: t, m: New(Default()), every: time.Minute, clock: 1_700_000_000_000, steps: 0.01, unit: "celsius", outOf: 1, random: 1}
}

// normal is about normally distributed: the sum of twelve uniform numbers, less their mean.
func (w *world) normal() float64 {
	sum := -6.0
	for range 12 {
		w.random = w.random*6364136223846793005 + 1442695040888963407
		sum += float64(w.random>>11) / (1 << 53)
	}
	return sum
}

func (w *world) pass(d time.Duration) {
	w.passed += d
	w.clock += d.Milliseconds()
	w.door *= math.Exp(-d.Minutes() / 8)
}

// read lets the logger write a true temperature.
func (w *world) read(celsius float64) {
	v := celsius + w.door + w.noise*w.normal()
	switch w.unit {
	case "fahrenheit":
		v = v*1.8 + 32
	case "twice":
		v = (v - 32) / 1.8
	}
	w.write(math.Round(v/w.steps) * w.steps)
}

func (w *world) write(shown float64) {
	w.written++
	if w.written%w.outOf >= w.lose {
		w.m.Observe(ledger.Millis(w.clock), int32(math.Round(shown*1000)))
	}
	w.pass(w.every)
}

func triangle(minutes float64) float64 {
	p := math.Mod(minutes, 26) / 26
	return 1 - 4*math.Abs(p-0.5)
}

func (w *world) do(line string) {
	f := strings.Fields(line)
	span := func(i int) time.Duration {
		d, err := time.ParseDuration(f[i])
		if err != nil {
			w.t.Fatalf("%s: %v", line, err)
		}
		return d
	}
	number := func(i int) float64 {
		x, err := strconv.ParseFloat(f[i], 64)
		if err != nil {
			w.t.Fatalf("%s: %v", line, err)
		}
		return x
	}
	switch f[0] {
	case "every":
		w.every = span(1)
	case "steps":
		w.steps = number(1)
	case "noise":
		w.noise = number(1)
	case "range":
		w.m.SetRange(int32(number(1)*1000), int32(number(2)*1000))
	case "hold":
		cycle, slope := 0.0, 0.0
		for i := 4; i < len(f); i += 2 {
			if f[i] == "cycle" {
				cycle = number(i + 1)
			} else {
				slope = number(i + 1)
			}
		}
		begin := w.passed
		for w.passed-begin < span(1) {
			w.read(number(3) + cycle*triangle(w.passed.Minutes()) + slope*(w.passed-begin).Hours())
		}
	case "value":
		for range int(number(3)) {
			w.write(number(1))
		}
	case "one":
		w.write(number(1))
	case "silent":
		w.pass(span(1))
	case "lossy":
		w.lose, w.outOf, w.written = int(number(1)), int(number(3)), 0
	case "clock":
		w.clock += span(1).Milliseconds()
	case "unit":
		w.unit = f[1]
	case "door":
		begin := w.passed
		for w.passed-begin < span(3) {
			w.door += (number(1) - w.door) * (1 - math.Exp(-w.every.Minutes()/5))
			held := w.door
			w.read(5)
			w.door = held
		}
	case "again":
		w.m.Observe(ledger.Millis(w.clock-w.every.Milliseconds()), int32(number(1)*1000))
	case "alarm":
		if got := w.alarms(); !slices.Equal(got, f[1:]) {
			w.t.Errorf("after %s: alarms %v, want %v: %+v", w.passed, got, f[1:], w.m.Signals(false))
		}
	case "doubtful", "trusted-not", "trusted":
		if got := w.m.Doubtful(); got == (f[0] == "trusted") {
			w.t.Errorf("after %s: doubtful %v, want %s", w.passed, got, f[0])
		}
	case "value-is", "limit-is":
		i := slices.IndexFunc(w.m.Signals(false), func(s detect.Signal) bool { return s.Code == f[1] })
		if i < 0 {
			w.t.Errorf("no signal %s", f[1])
			return
		}
		s := w.m.Signals(false)[i]
		got := s.Value
		if f[0] == "limit-is" {
			got = s.Limit
		}
		var want int64
		if d, err := time.ParseDuration(f[2]); err == nil {
			want = d.Milliseconds()
		} else {
			want = int64(math.Round(number(2) * 1000))
		}
		if got != want {
			w.t.Errorf("%s: %d, want %d", line, got, want)
		}
	default:
		w.t.Fatalf("unknown command %q", line)
	}
}

func (w *world) alarms() []string {
	got := []string{}
	for _, s := range w.m.Signals(false) {
		if s.IsAlarm() {
			got = append(got, s.Code)
		}
		if s.From > s.To || s.Subject != detect.SubjectSensor || s.Ratio < 0 || s.Count < 0 {
			w.t.Errorf("%+v", s)
		}
	}
	slices.Sort(got)
	return got
}

func TestScenarios(t *testing.T) {
	text, err := os.ReadFile("testdata/scenarios.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, paragraph := range strings.Split(string(text), "\nscenario ")[1:] {
		name, rest, _ := strings.Cut(paragraph, "\n")
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			for line := range strings.Lines(rest) {
				if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
					w.do(line)
				}
			}
		})
	}
}

// A box of any usual kind: its compressor, doors, defrosts, noise, resolution and interval.
func TestCleanJourneysRaiseNoAlarm(t *testing.T) {
	alarms := 0
	const journeys = 300
	for n := range journeys {
		w := newWorld(t)
		w.random = uint64(n + 1)
		pick := func(v ...float64) float64 {
			w.random = w.random*6364136223846793005 + 1442695040888963407
			return v[(w.random>>33)%uint64(len(v))]
		}
		medium := pick(5, -21, 22, 3)
		w.m.SetRange(int32(1000*(medium-3)), int32(1000*(medium+3)))
		w.every = time.Duration(pick(10, 60, 60, 120, 300, 600, 900)) * time.Second
		w.steps, w.noise = pick(0.01, 0.05, 0.1, 0.1, 0.5), pick(0.02, 0.05, 0.1)
		cycle, doors, hours := pick(0, 0.3, 0.6), pick(1.5, 3, 5), pick(9, 24, 72)
		nextDoor, open := 60*pick(1, 2, 3), 0.0
		for w.passed.Hours() < hours {
			if nextDoor -= w.every.Minutes(); nextDoor <= 0 {
				nextDoor, open = 30*pick(2, 3, 5, 8), pick(2, 5, 7)
			}
			if open > 0 {
				w.door += (doors - w.door) * (1 - math.Exp(-min(open, w.every.Minutes())/4))
				open -= w.every.Minutes()
			}
			w.read(medium + cycle*triangle(w.passed.Minutes()) + 0.15*math.Sin(w.passed.Hours()/24*2*math.Pi))
		}
		if got := w.alarms(); len(got) > 0 {
			alarms++
			t.Logf("journey %d: every %s, steps %v, noise %v, cycle %v: %+v", n, w.every, w.steps, w.noise, cycle, w.m.Signals(false))
		}
	}
	if alarms > 0 {
		t.Errorf("%d of %d journeys have alarms", alarms, journeys)
	}
}

func TestDoubtedTellsHowMuchOfATimeIsNotToBeBelieved(t *testing.T) {
	w := newWorld(t)
	w.noise = 0.06
	w.do("range 2 8")
	w.do("hold 3h at 5 cycle 0.5")
	from := ledger.Millis(w.clock)
	w.do("unit fahrenheit")
	w.do("hold 2h at 5 cycle 0.5")
	to := ledger.Millis(w.clock)
	w.do("unit celsius")
	w.do("hold 3h at 5 cycle 0.5")
	for _, c := range []struct {
		from, to    ledger.Millis
		least, most int64
	}{
		{from, to, 1_000_000, 1_000_000},
		{from - 120*minute, from - minute, 0, 0},
		{from - 60*minute, from + 60*minute, 490_000, 510_000},
		{from + minute, from + minute, 1_000_000, 1_000_000},
		{to + 10*minute, to + 60*minute, 0, 0},
	} {
		share, code := w.m.Doubted(c.from, c.to)
		if share < c.least || share > c.most || (share > 0) != (code == CodeUnit) {
			t.Errorf("from %d min to %d min after the slip: %d, %q", (c.from-from)/minute, (c.to-from)/minute, share, code)
		}
	}
}

// step is a reading of a property.
type step struct {
	by    int64
	value int32
}

func steps(t *rapid.T, n int) []step {
	wild := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) step { return step{60_000, 5_000 + 10*rapid.Int32Range(-60, 60).Draw(t, "v")} }),
		rapid.Just(step{60_000, 5_000}),
		rapid.Custom(func(t *rapid.T) step { return step{60_000, 41_000 + 10*rapid.Int32Range(-60, 60).Draw(t, "v")} }),
		rapid.Custom(func(t *rapid.T) step {
			return step{rapid.Int64Range(-1<<45, 1<<45).Draw(t, "by"), rapid.Int32().Draw(t, "v")}
		}),
		rapid.Custom(func(t *rapid.T) step { return step{rapid.Int64Range(-7_200_000, 7_200_000).Draw(t, "by"), 5_000} }),
	)
	var all []step
	for range rapid.IntRange(1, n).Draw(t, "runs") {
		s := wild.Draw(t, "s")
		for range rapid.SampledFrom([]int{1, 1, 1, 2, 5, 40, 120}).Draw(t, "times") {
			all = append(all, s)
		}
	}
	return all
}

func state(m *Monitor) []byte {
	c := canon.Writer(nil)
	m.Code(c)
	m.Trace(c)
	return c.Bytes()
}

func TestSaveAndRestoreAtAnyPointGivesTheSameBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		straight, saved := New(Default()), New(Default())
		if rapid.Bool().Draw(t, "ranged") {
			straight.SetRange(2_000, 8_000)
			saved.SetRange(2_000, 8_000)
		}
		at := ledger.Millis(1_700_000_000_000)
		for i, s := range steps(t, 40) {
			at += ledger.Millis(s.by)
			straight.Observe(at, s.value)
			saved.Observe(at, s.value)
			if i%7 == 0 {
				w := canon.Writer(nil)
				saved.Code(w)
				saved = New(Default())
				r := canon.Reader(w.Bytes())
				saved.Code(r)
				if err := r.Done(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if !bytes.Equal(state(straight), state(saved)) {
			t.Fatal("states differ")
		}
		if a, b := fmt.Sprint(straight.Signals(true)), fmt.Sprint(saved.Signals(true)); a != b {
			t.Fatal(a, b)
		}
	})
}

func TestWhateverALoggerWritesSignalsStayInBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := New(Default())
		m.SetRange(rapid.Int32().Draw(t, "low"), rapid.Int32().Draw(t, "high"))
		at := ledger.Millis(rapid.SampledFrom([]int64{0, math.MaxInt64, math.MinInt64, farthest, -farthest, 1_700_000_000_000}).Draw(t, "at"))
		for _, s := range steps(t, 30) {
			if rapid.IntRange(0, 50).Draw(t, "leap") == 0 {
				at = ledger.Millis(rapid.Int64().Draw(t, "at"))
			}
			at += ledger.Millis(s.by)
			m.Observe(at, s.value)
			m.Doubtful()
		}
		if n := len(state(m)); n > 4_096 {
			t.Fatalf("a state of %d bytes", n)
		}
		codes := map[string]bool{}
		for _, s := range m.Signals(true) {
			if codes[s.Code] || s.Ratio <= 0 || s.Ratio > 1_000*detect.Alarm || s.From > s.To || s.Count < 0 {
				t.Fatalf("%+v", s)
			}
			codes[s.Code] = true
		}
		if share, _ := m.Doubted(rapid.Custom(func(t *rapid.T) ledger.Millis {
			return ledger.Millis(rapid.Int64Range(-farthest, farthest).Draw(t, "x"))
		}).Draw(t, "from"), at); share < 0 || share > detect.Alarm {
			t.Fatalf("a share of %d", share)
		}
	})
}

// What needs no unit says the same of a series in other units.
func TestUnitFreeTestsSayTheSameOfAnyScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Default().UnitFree()
		a, b := New(p), New(p)
		factor := rapid.SampledFrom([]int32{-64, -8, -1, 2, 16}).Draw(t, "factor")
		shift := rapid.Int32Range(-1_000_000, 1_000_000).Draw(t, "shift")
		at := ledger.Millis(1_700_000_000_000)
		for _, s := range steps(t, 40) {
			v := s.value % 1_000_000
			at += ledger.Millis(s.by % 7_200_000)
			a.Observe(at, v)
			b.Observe(at, factor*v+shift)
		}
		x, y := a.Signals(true), b.Signals(true)
		if len(x) != len(y) {
			t.Fatalf("%+v\n%+v", x, y)
		}
		for i := range x {
			if x[i].Code != y[i].Code || x[i].Ratio != y[i].Ratio || x[i].From != y[i].From || x[i].To != y[i].To || x[i].Count != y[i].Count {
				t.Fatalf("%+v\n%+v", x[i], y[i])
			}
		}
		if a.Doubtful() != b.Doubtful() {
			t.Fatal("one is doubtful")
		}
	})
}

func TestARunOfNoReadingsIsNoState(t *testing.T) {
	m := New(Default())
	m.Observe(1_700_000_000_000, 5_000)
	m.stuck.count = 0
	c := canon.Writer(nil)
	m.Code(c)
	r := canon.Reader(c.Bytes())
	New(Default()).Code(r)
	if err := r.Done(); !errors.Is(err, canon.ErrState) {
		t.Error(err)
	}
}

func FuzzStateReaderRefusesWhatItDidNotWrite(f *testing.F) {
	w := &world{m: New(Default()), every: time.Minute, clock: 1_700_000_000_000, steps: 0.01, unit: "celsius", outOf: 1, noise: 0.05}
	for range 400 {
		w.read(5)
	}
	c := canon.Writer(nil)
	w.m.Code(c)
	f.Add(c.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		m := New(Default())
		r := canon.Reader(data)
		m.Code(r)
		if r.Done() != nil {
			return
		}
		for i := range 300 {
			m.Observe(ledger.Millis(m.last)+minute, int32(5_000+i%7))
		}
		m.Signals(true)
		m.Doubtful()
		m.Doubted(0, ledger.Millis(m.last))
	})
}

func TestParametersAreChecked(t *testing.T) {
	if !Default().Valid() || !Default().UnitFree().Valid() {
		t.Error("the defaults are refused")
	}
	for i, spoil := range []func(*Params){
		func(p *Params) { p.Silence = 0 }, func(p *Params) { p.ClockFar = math.MaxInt64 }, func(p *Params) { p.Grain = 0 },
		func(p *Params) { p.Rails = make([]int32, 17) }, func(p *Params) { p.RailLow = p.RailHigh + 1 },
		func(p *Params) { p.FlatShare = detect.Alarm }, func(p *Params) { p.Stuck.Readings = 1 }, func(p *Params) { p.SpikeTimes = math.MaxInt64 },
	} {
		p := Default()
		spoil(&p)
		if p.Valid() {
			t.Errorf("%d: %+v is taken", i, p)
		}
	}
}

func TestASteadyMonitorTakesNoMemory(t *testing.T) {
	m := New(Default())
	m.SetRange(2_000, 8_000)
	at := ledger.Millis(1_700_000_000_000)
	n := int32(0)
	if got := testing.AllocsPerRun(5_000, func() {
		at += minute
		n++
		m.Observe(at, 5_000+n%97*10)
		m.Doubtful()
	}); got != 0 {
		t.Errorf("%v allocations a reading", got)
	}
}

func BenchmarkObserve(b *testing.B) {
	m := New(Default())
	m.SetRange(2_000, 8_000)
	at, n := ledger.Millis(1_700_000_000_000), int32(0)
	b.ReportAllocs()
	for b.Loop() {
		at += minute
		n++
		m.Observe(at, 5_000+n%97*10)
	}
}
