package series

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

const step = 300_000

// journey is a series with a day in it, noise that remembers, and three things that do not belong:
// a spike at 3000, a higher level from 4000 to 4100, and a day from 5000 on that is upside down.
func journey(n int) []float64 {
	r := rand.New(rand.NewPCG(7, 11))
	noise, out := 0.0, make([]float64, n)
	for i := range out {
		noise = 0.8*noise + 0.1*r.NormFloat64()
		hour := float64(i%288) / 288
		wave := 2 * math.Sin(2*math.Pi*hour)
		if i >= 5000 && i < 5288 {
			wave = -wave
		}
		v := 5 + wave + noise
		if i == 3000 {
			v += 6
		}
		if i >= 4000 && i < 4100 {
			v += 4
		}
		out[i] = math.Round(1000*v) / 1000
	}
	return out
}

func scorer(tb testing.TB) *Scorer {
	tb.Helper()
	s, err := New(Default())
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func run(tb testing.TB, s *Scorer, from int, values []float64) []Result {
	tb.Helper()
	out := make([]Result, len(values))
	var err error
	for i, v := range values {
		if out[i], err = s.Observe(ledger.Millis(step*(from+i)), v); err != nil {
			tb.Fatal(err)
		}
	}
	return out
}

func save(tb testing.TB, s *Scorer) []byte {
	tb.Helper()
	c := canon.Writer(nil)
	s.Code(c)
	if err := c.Err(); err != nil {
		tb.Fatal(err)
	}
	return c.Bytes()
}

func TestWhatDoesNotBelongIsFoundAndNamed(t *testing.T) {
	got := run(t, scorer(t), 0, journey(6000))
	find := func(from, to int) (Result, int) {
		best, at := Result{P: 1}, from
		for i := from; i < to; i++ {
			if got[i].P < best.P {
				best, at = got[i], i
			}
		}
		return best, at
	}
	for _, c := range []struct {
		name     string
		from, to int
		alarm    bool
		reasons  []Reason
	}{
		{"spike", 3000, 3002, true, []Reason{JumpUp}},
		{"level", 4000, 4003, false, []Reason{JumpUp, LevelUp}},
		{"a day upside down", 5000, 5288, false, []Reason{OffSeason, JumpUp, LevelUp, LevelDown, Rougher, NewShape}},
	} {
		r, at := find(c.from, c.to)
		t.Logf("%s: reading %d p %.2g score %.2f %s (shape %.1f, season %.1f)", c.name, at, r.P, r.Score, r.Reason, r.Shape, r.Season)
		if r.P > 0.05 || !slices.Contains(c.reasons, r.Reason) {
			t.Errorf("%s: p %.2g, %q", c.name, r.P, r.Reason)
		}
		if alarm := slices.ContainsFunc(got[c.from:c.to], func(r Result) bool { return r.Alarm }); alarm != c.alarm {
			t.Errorf("%s: alarm %t", c.name, alarm)
		}
	}
	for i, r := range got[:3000] {
		if r.Alarm {
			t.Errorf("alarm at reading %d, where nothing is", i)
		}
	}
}

func TestAStuckSensorIsNamedAndAConstantSeriesIsNot(t *testing.T) {
	values := journey(2000)
	for i := 1500; i < len(values); i++ {
		values[i] = values[1499]
	}
	got := run(t, scorer(t), 0, values)
	if r := got[1600]; r.Reason != Flatline {
		t.Errorf("stuck for 100 readings: %+v", r)
	}
	for i, r := range got[:1540] {
		if r.Reason == Flatline {
			t.Fatalf("reading %d: %+v", i, r)
		}
	}
	for i, r := range run(t, scorer(t), 0, slices.Repeat([]float64{4}, 500)) {
		if r.Reason != None {
			t.Fatalf("constant, reading %d: %+v", i, r)
		}
	}
}

func flipped(r Reason) Reason {
	switch r {
	case LevelUp:
		return LevelDown
	case LevelDown:
		return LevelUp
	case JumpUp:
		return JumpDown
	case JumpDown:
		return JumpUp
	case None, Rougher, Smoother, NewShape, OffSeason, Flatline, Apart:
	}
	return r
}

func TestScaleAndOriginMakeNoDifference(t *testing.T) {
	values := journey(6000)
	want := run(t, scorer(t), 0, values)
	for _, c := range [][2]float64{{1.8, 32}, {5.0 / 9, -160.0 / 9}, {1, 273.15}, {1000, 0}, {1e-6, 0}, {-1, 0}, {-2.5, 1e4}, {1.0 / 3, -7}, {1e12, -3e12}, {0.1, 0.2}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			moved := make([]float64, len(values))
			for i, v := range values {
				moved[i] = c[0]*v + c[1]
			}
			for i, r := range run(t, scorer(t), 0, moved) {
				if c[0] < 0 {
					r.Reason = flipped(r.Reason)
				}
				if r != want[i] {
					t.Fatalf("reading %d: %+v, was %+v", i, r, want[i])
				}
			}
		})
	}
}

func TestAnyScaleAndOriginGiveTheSameScoresToRounding(t *testing.T) {
	values := journey(600)
	want := run(t, scorer(t), 0, values)
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Float64Range(1e-3, 1e3).Draw(t, "a") * rapid.SampledFrom([]float64{1, -1}).Draw(t, "sign")
		b := rapid.Float64Range(-1e4, 1e4).Draw(t, "b") * math.Abs(a)
		s, err := New(Default())
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			r, err := s.Observe(ledger.Millis(step*i), a*v+b)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(r.Score-want[i].Score) > 1e-4 || r.Alarm != want[i].Alarm {
				t.Fatalf("reading %d: %+v, was %+v", i, r, want[i])
			}
		}
	})
}

func TestWhatComesLaterMakesNoDifference(t *testing.T) {
	values := journey(4200)
	want := run(t, scorer(t), 0, values)
	for _, cut := range []int{1, 20, 40, 700, 2999, 3001, 4100} {
		other := slices.Clone(values)
		for i := cut; i < len(other); i++ {
			other[i] = -1e6 * float64(i%7)
		}
		if got := run(t, scorer(t), 0, other)[:cut]; !slices.Equal(got, want[:cut]) {
			t.Errorf("the first %d results depend on what follows them", cut)
		}
	}
}

func TestSavingAndRestoringAnywhereGivesTheSameBits(t *testing.T) {
	values := journey(4200)
	whole := scorer(t)
	want := run(t, whole, 0, values)
	end := save(t, whole)
	cuts := []int{0, 1, 31, 32, 33, 95, 96, 97, 300, 2999, 3000, 3001, 4199}
	if testing.Short() {
		cuts = []int{20, 97, 3000}
	}
	for range 3 {
		cuts = append(cuts, rand.IntN(len(values)))
	}
	for _, cut := range cuts {
		first := scorer(t)
		run(t, first, 0, values[:cut])
		state := save(t, first)
		second := scorer(t)
		run(t, second, 0, journey(150)) // what it held before is gone
		c := canon.Reader(state)
		second.Code(c)
		if err := c.Done(); err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		if again := save(t, second); !bytes.Equal(again, state) {
			t.Errorf("cut at %d: restored state is written otherwise", cut)
		}
		if got := run(t, second, cut, values[cut:]); !slices.Equal(got, want[cut:]) {
			t.Errorf("cut at %d: results differ", cut)
		}
		if got := save(t, second); !bytes.Equal(got, end) {
			t.Errorf("cut at %d: state at the end differs", cut)
		}
	}
}

func TestAStateOfMoreReadingsThanCanBeIsRefused(t *testing.T) {
	s := scorer(t)
	run(t, s, 0, journey(150))
	s.shape.taken = math.MaxInt64
	s.shape.history = make([]float64, s.shape.longest)
	s.shape.used, s.shape.next, s.shape.from, s.shape.white = 0, 0, nil, nil
	out := canon.Writer(nil)
	s.Code(out)
	in := canon.Reader(out.Bytes())
	scorer(t).Code(in)
	if err := in.Done(); !errors.Is(err, canon.ErrState) {
		t.Error(err)
	}
}

func TestTheStateIsBounded(t *testing.T) {
	s := scorer(t)
	const most = 400_000
	run(t, s, 0, journey(20_000))
	held := s.Bytes()
	saved := len(save(t, s))
	t.Logf("%d bytes in memory, %d saved", held, saved)
	if held > most || saved > most {
		t.Errorf("%d bytes in memory, %d saved, at most %d", held, saved, most)
	}
}

func TestAReadingTakesNoMemory(t *testing.T) {
	s := scorer(t)
	values := journey(12_000)
	run(t, s, 0, values[:3000])
	i := 3000
	if n := testing.AllocsPerRun(5000, func() {
		if _, err := s.Observe(ledger.Millis(step*i), values[i]); err != nil {
			t.Fatal(err)
		}
		i++
	}); n != 0 {
		t.Errorf("%v allocations a reading", n)
	}
}

func TestWhatIsNoFiniteNumberIsRefusedAndChangesNothing(t *testing.T) {
	s := scorer(t)
	run(t, s, 0, journey(500))
	before := save(t, s)
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e301, -math.MaxFloat64} {
		if r, err := s.Observe(step*500, v); !errors.Is(err, ErrValue) || r.P != 1 || r.Score != 0 {
			t.Errorf("%v: %+v, %v", v, r, err)
		}
	}
	if !bytes.Equal(save(t, s), before) {
		t.Error("a refused value changed the state")
	}
}

func TestAnySeriesGivesScoresAndProbabilities(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, err := New(Default())
		if err != nil {
			t.Fatal(err)
		}
		value := rapid.OneOf(
			rapid.Float64Range(-1e300, 1e300),
			rapid.SampledFrom([]float64{0, 1, -1, 1e300, -1e300, math.SmallestNonzeroFloat64, 5, 5, 5, 5}),
		)
		at := rapid.OneOf(
			rapid.Int64(),
			rapid.SampledFrom([]int64{0, 1, math.MaxInt64, math.MinInt64}),
		)
		time := at.Draw(t, "start")
		for range rapid.IntRange(1, 500).Draw(t, "n") {
			var v float64
			switch rapid.IntRange(0, 19).Draw(t, "kind") {
			case 0:
				v = value.Draw(t, "value")
			case 1:
				time = at.Draw(t, "time")
			default:
				v = float64(rapid.IntRange(-3, 3).Draw(t, "small"))
			}
			r, err := s.Observe(ledger.Millis(time), v)
			if err != nil {
				t.Fatal(err)
			}
			if !(r.Score >= 0 && r.Score <= 1 && r.P > 0 && r.P <= 1 && r.Shape >= 0 && r.Season >= 0) {
				t.Fatalf("%+v", r)
			}
			time += step
		}
	})
}

func TestAConstantSeriesSaysNothingAndItsFirstStepIsNoAlarm(t *testing.T) {
	// Nothing tells a step of a constant series from the sensor's resolution.
	values := slices.Repeat([]float64{4.2}, 5000)
	values[4500] = 4.3
	for i, r := range run(t, scorer(t), 0, values) {
		if r.Alarm || i != 4500 && i < 4500 && r.Score != 0 {
			t.Fatalf("reading %d: %+v", i, r)
		}
		if i == 4500 && r.Score == 0 {
			t.Error("the only step is not unusual")
		}
	}
}

func TestAPauseIsNoShape(t *testing.T) {
	values := journey(4000)
	s := scorer(t)
	run(t, s, 0, values[:3900])
	// Four days later the level is another; the first readings after the pause are no jump.
	for i, v := range values[3900:3910] {
		r, err := s.Observe(ledger.Millis(step*(3900+4*288+i)), v+3)
		if err != nil {
			t.Fatal(err)
		}
		if r.Shape != 0 {
			t.Errorf("reading %d after the pause: %+v", i, r)
		}
	}
}

func TestTheSameBitsOnEveryMachine(t *testing.T) {
	const want, state = "96f47cad0fb6f3f2666a7ed78271c90562d55b589139850a1e3f59863d28a747", "7c035cf1749b3a630f9922edfa0d3a04238054692681c498122d913280ec7413"
	h := sha256.New()
	// Values made of integers alone, so that the test's own arithmetic is the same everywhere.
	x := uint64(88172645463325252)
	level := int64(0)
	s := scorer(t)
	for i := range 6000 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		level += int64(x%21) - 10 - level/20
		v := level
		if i%1111 == 1000 {
			v += 400
		}
		r, err := s.Observe(ledger.Millis(step*i), float64(v)/8)
		if err != nil {
			t.Fatal(err)
		}
		var b [40]byte
		for j, f := range []float64{r.Score, r.P, r.Shape, r.Season} {
			binary.BigEndian.PutUint64(b[8*j:], math.Float64bits(f))
		}
		if r.Alarm {
			b[32] = 1
		}
		h.Write(b[:])
		h.Write([]byte(r.Reason))
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("results have digest %s", got)
	}
	if sum := sha256.Sum256(save(t, s)); hex.EncodeToString(sum[:]) != state {
		t.Errorf("state has digest %x", sum)
	}
}

func TestSettingsThatCannotRunAreRefused(t *testing.T) {
	for i, change := range []func(*Settings){
		func(s *Settings) { s.Warmup = 0 },
		func(s *Settings) { s.Shingle = 1 },
		func(s *Settings) { s.Neighbours = 0 },
		func(s *Settings) { s.Neighbours = s.References + 1 },
		func(s *Settings) { s.References = 1 << 30 },
		func(s *Settings) { s.Shrink = 0 },
		func(s *Settings) { s.Shrink = math.NaN() },
		func(s *Settings) { s.Bins = 0 },
		func(s *Settings) { s.Block = 0 },
		func(s *Settings) { s.MinBlocks = s.Blocks + 1 },
		func(s *Settings) { s.Top = 0 },
		func(s *Settings) { s.AlarmP = 0 },
		func(s *Settings) { s.Clearly = math.NaN() },
	} {
		set := Default()
		change(&set)
		if _, err := New(set); !errors.Is(err, ErrSettings) {
			t.Errorf("change %d: %v", i, err)
		}
	}
}

func TestAMissingChannelLeavesTheOthers(t *testing.T) {
	values := journey(3010)
	p, err := NewPanel(Default(), 3)
	if err != nil {
		t.Fatal(err)
	}
	alone := scorer(t)
	for i, v := range values {
		got, err := p.Observe(ledger.Millis(step*i), []float64{math.NaN(), v, 7})
		if err != nil {
			t.Fatal(err)
		}
		want, err := alone.Observe(ledger.Millis(step*i), v)
		if err != nil {
			t.Fatal(err)
		}
		if got.Score != want.Score || got.P != min(1, 3*want.P) || want.P < 1 && got.Channel != 1 {
			t.Fatalf("row %d: %+v, alone %+v", i, got, want)
		}
	}
	for _, row := range [][]float64{{1, 2}, {1, 2, math.Inf(1)}, nil} {
		if _, err := p.Observe(0, row); !errors.Is(err, ErrValue) {
			t.Errorf("%v: %v", row, err)
		}
	}
}

func TestAPanelIsSavedAndRestored(t *testing.T) {
	values := journey(1200)
	panel := func() *Panel {
		p, err := NewPanel(Default(), 2)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	observe := func(p *Panel, i int) PanelResult {
		r, err := p.Observe(ledger.Millis(step*i), []float64{values[i], -values[(i*7)%1200]})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := panel()
	for i := range 700 {
		observe(first, i)
	}
	out := canon.Writer(nil)
	first.Code(out)
	second := panel()
	in := canon.Reader(out.Bytes())
	second.Code(in)
	if err := in.Done(); err != nil {
		t.Fatal(err)
	}
	for i := 700; i < 1200; i++ {
		if a, b := observe(first, i), observe(second, i); a != b {
			t.Fatalf("row %d: %+v, restored %+v", i, a, b)
		}
	}
	one, err := NewPanel(Default(), 1)
	if err != nil {
		t.Fatal(err)
	}
	in = canon.Reader(out.Bytes())
	one.Code(in)
	if err := in.Done(); !errors.Is(err, canon.ErrState) {
		t.Errorf("two channels into one: %v", err)
	}
}

func FuzzState(f *testing.F) {
	s := scorer(f)
	f.Add(save(f, s))
	run(f, s, 0, journey(20))
	f.Add(save(f, s))
	run(f, s, 20, journey(900))
	f.Add(save(f, s))
	f.Fuzz(func(t *testing.T, data []byte) {
		s := scorer(t)
		c := canon.Reader(data)
		s.Code(c)
		if c.Done() != nil {
			return
		}
		for i := range 120 {
			r, err := s.Observe(ledger.Millis(step*i), float64(i%9))
			if err != nil {
				t.Fatal(err)
			}
			if !(r.Score >= 0 && r.Score <= 1 && r.P >= 0 && r.P <= 1) {
				t.Fatalf("%+v", r)
			}
		}
	})
}

func BenchmarkObserve(b *testing.B) {
	s := scorer(b)
	values := journey(20_000)
	run(b, s, 0, values[:3000])
	i := 3000
	for b.Loop() {
		if _, err := s.Observe(ledger.Millis(step*i), values[i%len(values)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
