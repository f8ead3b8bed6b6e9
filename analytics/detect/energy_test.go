package detect

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// noise is about normal with a standard deviation of one, the same for the same minute.
func noise(m int) float64 {
	x, sum := uint64(m)*0x9E3779B97F4A7C15+1, -6.0
	for range 12 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		sum += float64(x>>11) / (1 << 53)
	}
	return sum
}

// doors lets warm air in every few hours.
func doors(m int) float64 {
	if since := m % 190; m > 200 && since < 40 {
		return 3500 * math.Exp(-float64(since)/9)
	}
	return 0
}

func energyAfter(minutes int, value func(m int) float64) *Energy {
	e := NewEnergy(DefaultEnergy())
	for m := range minutes {
		e.Observe(ledger.Millis(m)*minute, int32(value(m)))
	}
	return e
}

func alarmOf(e *Energy) (Signal, bool) {
	for _, s := range e.Signals(false) {
		return s, s.IsAlarm()
	}
	return Signal{}, false
}

func TestEnergyFindsWhatSwingsWiderAndWhatLiesFarOff(t *testing.T) {
	for _, c := range []struct {
		name  string
		value func(m int) float64
		alarm bool
	}{
		{"a compressor, doors and noise", func(m int) float64 { return 5000 + cycle(m) + doors(m) + 60*noise(m) }, false},
		{"a cold room at night", func(m int) float64 { return 5000 + 200*math.Sin(float64(m)/1440*2*math.Pi) + 60*noise(m) }, false},
		{"one wild reading", func(m int) float64 {
			if m == 900 {
				return 25_000
			}
			return 5000 + cycle(m) + 60*noise(m)
		}, false},
		{"an excursion", func(m int) float64 {
			v := 5000 + cycle(m) + 60*noise(m)
			if m > 900 {
				v += 6000 * (1 - math.Exp(-float64(m-900)/70))
			}
			return v
		}, true},
		{"a compressor that swings five times as wide", func(m int) float64 {
			v := cycle(m)
			if m > 900 {
				v *= 5
			}
			return 5000 + v + 60*noise(m)
		}, true},
		{"a heater that goes on and off at the same mean", func(m int) float64 {
			v := 5000 + cycle(m) + 60*noise(m)
			if m > 900 && m%30 < 15 {
				v += 2500
			} else if m > 900 {
				v -= 2500
			}
			return v
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, alarm := alarmOf(energyAfter(1440, c.value))
			if alarm != c.alarm {
				t.Errorf("%+v", s)
			}
			if alarm && (s.From < 700*minute || s.To > 1440*minute || s.From >= s.To || s.Value <= s.Limit || s.Count < 60 || s.Code != CodeEnergy || s.Subject != SubjectChain) {
				t.Errorf("%+v", s)
			}
		})
	}
}

// What lies in the window has no part in what it is measured by.
func TestEnergyIsOfTheDefinition(t *testing.T) {
	p := DefaultEnergy()
	p.Window, p.Memory, p.SpreadFloor, p.Clip = 4, 1<<20, 1, 1_000_000_000_000
	rapid.Check(t, func(t *rapid.T) {
		e := NewEnergy(p)
		n := rapid.IntRange(9, 40).Draw(t, "steps")
		v := rapid.SliceOfN(rapid.Int32Range(-50_000, 50_000), 2*n, 2*n).Draw(t, "values")
		for i, x := range v {
			e.Observe(ledger.Millis(i)*p.Step/2, x)
		}
		median := func(i int) float64 {
			three := slices.Clone(v[i-2 : i+1])
			slices.Sort(three)
			return float64(three[1])
		}
		var means, squares []float64 // of two readings a step, the last of which is not complete
		for i := 2; i+3 < len(v); i += 2 {
			a, b := median(i), median(i+1)
			means = append(means, (a+b)/2)
			squares = append(squares, (a-b)*(a-b)/2)
		}
		about := func(i int, level float64) float64 { return (squares[i] + 2*(means[i]-level)*(means[i]-level)) / 2 }
		level := middle(append([]float64(nil), means[:4]...))
		var first []float64
		for i := range 4 {
			first = append(first, about(i, level))
		}
		// Where most of the first window lies on its level, the floor is what the others are clipped at.
		most := max(1, 1e12*middle(append([]float64(nil), first...)))
		variance, known := 0.0, 4.0
		for _, off := range first {
			variance += min(off, most) / 4
		}
		variance = max(1, variance)
		want := 0.0
		for last := 4; last < len(means); last++ {
			known++
			off := about(last-4, level)
			level += (means[last-4] - level) / known
			variance = max(1, variance+(off-variance)/known)
			sum := 0.0
			for i := last - 3; i <= last; i++ {
				sum += about(i, level)
			}
			want = max(want, sum/4/variance)
		}
		if math.Abs(e.worst-want) > 1e-9*want {
			t.Fatalf("%v, want %v", e.worst, want)
		}
	})
}

func TestEnergyAndDriftAreTheSameOfAnyScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		factor := rapid.SampledFrom([]int32{-32, -3, 2, 7, 100}).Draw(t, "factor")
		shift := rapid.Int32Range(-1_000_000, 1_000_000).Draw(t, "shift")
		seed := rapid.IntRange(0, 1<<20).Draw(t, "seed")
		size := float64(max(factor, -factor))
		pe, pd := DefaultEnergy(), params()
		pe.SpreadFloor, pd.SpreadFloor = 1, 1
		a, b := NewEnergy(pe), NewEnergy(pe)
		x, y := NewDrift(pd), NewDrift(pd)
		for m := range 1500 {
			v := int32(5000 + cycle(m) + doors(m) + 60*noise(m+seed) + float64(max(0, m-800))*float64(seed%7))
			at := ledger.Millis(m) * minute
			a.Observe(at, v)
			x.Observe(at, v)
			b.Observe(at, factor*v+shift)
			y.Observe(at, factor*v+shift)
		}
		p, q := a.Signals(true)[0], b.Signals(true)[0]
		if math.Abs(float64(p.Ratio-q.Ratio)) > 2+1e-6*float64(p.Ratio) || p.From != q.From || math.Abs(float64(p.Value)*size-float64(q.Value)) > size+1 {
			t.Fatalf("%+v\n%+v", p, q)
		}
		// A drift's warm-up rounds to millionths of the unit, so that scales differ by as much.
		r, s := x.Result(), y.Result()
		if math.Abs(float64(r.Ratio-s.Ratio)) > 2+1e-4*float64(r.Ratio) || (r.Up == s.Up) != (factor > 0) {
			t.Fatalf("%+v\n%+v", r, s)
		}
	})
}

func TestEnergySavedAndRestoredGivesTheSameBitsWhateverComes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := DefaultEnergy()
		p.Window = rapid.IntRange(4, 12).Draw(t, "window")
		a, b := NewEnergy(p), NewEnergy(p)
		d := NewDrift(params())
		at := ledger.Millis(rapid.OneOf(rapid.Int64Range(0, 1<<40), rapid.Int64()).Draw(t, "start"))
		for range rapid.IntRange(1, 80).Draw(t, "n") {
			at += ledger.Millis(rapid.OneOf(rapid.Int64Range(1, int64(30*minute)), rapid.Int64Range(-int64(minute), 1<<45), rapid.Int64()).Draw(t, "step"))
			v := rapid.OneOf(rapid.Int32Range(4000, 6000), rapid.Int32()).Draw(t, "v")
			a.Observe(at, v)
			b.Observe(at, v)
			d.Observe(at, v)
			w := canon.Writer(nil)
			b.Code(w)
			b = NewEnergy(p)
			r := canon.Reader(w.Bytes())
			b.Code(r)
			if err := r.Done(); err != nil {
				t.Fatal(err)
			}
		}
		v, w := canon.Writer(nil), canon.Writer(nil)
		a.Code(v)
		a.Trace(v)
		b.Code(w)
		b.Trace(w)
		if !bytes.Equal(v.Bytes(), w.Bytes()) {
			t.Fatal("states differ")
		}
		for _, s := range append(a.Signals(true), d.Signals(true)...) {
			if s.Ratio < 0 || s.From > s.To {
				t.Fatalf("%+v", s)
			}
		}
	})
}

func FuzzStateReaderRefusesWhatItDidNotWrite(f *testing.F) {
	e, d := energyAfter(400, cycle), NewDrift(params())
	run(d, 400, cycle)
	w := canon.Writer(nil)
	e.Code(w)
	d.Code(w)
	f.Add(w.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		e, d := NewEnergy(DefaultEnergy()), NewDrift(params())
		r := canon.Reader(data)
		e.Code(r)
		d.Code(r)
		if r.Done() != nil {
			return
		}
		for m := range 300 {
			e.Observe(ledger.Millis(m)*10*minute, int32(m%9))
			d.Observe(ledger.Millis(m)*10*minute, int32(m%9))
		}
		e.Signals(true)
		d.Signals(true)
	})
}

func TestParametersAreChecked(t *testing.T) {
	if !DefaultEnergy().Valid() || !params().Valid() {
		t.Error("the defaults are refused")
	}
	for i, spoil := range []func(*EnergyParams){
		func(p *EnergyParams) { p.Step = 0 }, func(p *EnergyParams) { p.Step = math.MaxInt64 }, func(p *EnergyParams) { p.Window = 3 },
		func(p *EnergyParams) { p.Window = maxWindow + 1 }, func(p *EnergyParams) { p.Memory = 1 }, func(p *EnergyParams) { p.SpreadFloor = 0 },
		func(p *EnergyParams) { p.Threshold = 0 },
	} {
		p := DefaultEnergy()
		spoil(&p)
		if p.Valid() {
			t.Errorf("%d is taken", i)
		}
	}
}

func TestASteadySeriesTakesNoMemory(t *testing.T) {
	e, d := energyAfter(300, cycle), NewDrift(params())
	run(d, 300, cycle)
	m := 300
	if got := testing.AllocsPerRun(3_000, func() {
		m++
		e.Observe(ledger.Millis(m)*minute, int32(cycle(m)))
		d.Observe(ledger.Millis(m)*minute, int32(cycle(m)))
	}); got != 0 {
		t.Errorf("%v allocations a reading", got)
	}
}

func BenchmarkEnergy(b *testing.B) {
	e := NewEnergy(DefaultEnergy())
	at := ledger.Millis(0)
	b.ReportAllocs()
	for b.Loop() {
		at += minute
		e.Observe(at, int32(5000+at%997))
	}
}
