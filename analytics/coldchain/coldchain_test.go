package coldchain

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

const (
	second = ledger.Millis(1000)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

func ulps(got, want float64) float64 {
	if got == want {
		return 0
	}
	return math.Abs(got-want) / (math.Nextafter(math.Abs(want), math.Inf(1)) - math.Abs(want))
}

// math.Exp is itself up to a unit off, hence the two.
func TestExpIsWithinTwoUnitsInTheLastPlaceOfMathExp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float64Range(-699, 699).Draw(t, "x")
		if d := ulps(Exp(x), math.Exp(x)); d > 2 {
			t.Fatalf("Exp(%v) is %v units away", x, d)
		}
	})
	worst := 0.0
	for x := -60.0; x < 60; x += 0.0001237 {
		worst = max(worst, ulps(Exp(x), math.Exp(x)))
	}
	if worst > 2 {
		t.Errorf("worst error %v units", worst)
	}
	if Exp(0) != 1 {
		t.Error("Exp(0) is not 1")
	}
}

func TestLnIsWithinAUnitInTheLastPlaceOfMathLog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float64Range(math.SmallestNonzeroFloat64*0x1p52*2, math.MaxFloat64).Draw(t, "x")
		if d := ulps(Ln(x), math.Log(x)); d > 1 {
			t.Fatalf("Ln(%v) is %v units away", x, d)
		}
	})
	worst := 0.0
	for x := 1e-12; x < 1e12; x *= 1.0000731 {
		worst = max(worst, ulps(Ln(x), math.Log(x)))
	}
	if worst > 1 {
		t.Errorf("worst error %v units", worst)
	}
	for _, x := range []float64{0, -1, math.NaN(), math.Inf(1), math.Inf(-1)} {
		if !math.IsNaN(Ln(x)) {
			t.Errorf("Ln(%v) is a number", x)
		}
	}
}

// The check vectors of USP <1079.2>, computed independently.
func TestMeanKineticTemperatureMatchesItsVectors(t *testing.T) {
	for _, v := range []struct {
		name string
		runs [][2]int64 // hours, thousandths of a degree
		want float64
	}{
		{"8 h at 12, 16 h at 5", [][2]int64{{8, 12_000}, {16, 5_000}}, 8.0257},
		{"3 h at 15, 21 h at 5", [][2]int64{{3, 15_000}, {21, 5_000}}, 7.1066},
		{"6 h at 15, 18 h at 5", [][2]int64{{6, 15_000}, {18, 5_000}}, 8.7859},
		{"24 h at 40, 29 d at 24.5", [][2]int64{{24, 40_000}, {29 * 24, 24_500}}, 25.6849},
		{"24 h at 30, 29 d at 22", [][2]int64{{24, 30_000}, {29 * 24, 22_000}}, 22.4104},
	} {
		t.Run(v.name, func(t *testing.T) {
			var m Mean
			for _, r := range v.runs {
				m.Add(int32(r[1]), ledger.Millis(r[0])*hour)
			}
			got, ok := m.Celsius()
			if !ok || math.Abs(got-v.want) > 1e-4 {
				t.Errorf("%.6f, want %.4f", got, v.want)
			}

			// The same temperatures sampled at odd times, once as a journey and once as a span.
			total := ledger.Millis(0)
			for _, r := range v.runs {
				total += ledger.Millis(r[0]) * hour
			}
			e := NewEvaluator(ledger.Policy{High: 100_000, Low: -100_000, ExcursionHigh: 100_000, ExcursionLow: -100_000, MKTMax: 1, MKTOver: total}, 0)
			at, step := ledger.Millis(0), ledger.Millis(1)
			start := ledger.Millis(0)
			for _, r := range v.runs {
				for end := start + ledger.Millis(r[0])*hour; start < end; {
					e.Observe(at, int32(r[1]))
					step = (step*7919 + 104_729) % (40 * minute)
					start = min(end, start+1+step)
					at = start
				}
			}
			e.Observe(at, 0)
			if got, _ := e.Journey().Celsius(); math.Abs(got-v.want) > 1e-4 {
				t.Errorf("sampled: %.6f, want %.4f", got, v.want)
			}
			if !e.mktHave || math.Abs(e.mktWorst-v.want) > 1e-4 {
				t.Errorf("over the span: %.6f (%v), want %.4f", e.mktWorst, e.mktHave, v.want)
			}
		})
	}
}

func TestASeriesAsLongAsTheSpanIsJudgedWheneverItBegan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		begin := ledger.Millis(rapid.Int64Range(-int64(day)*40_000, int64(day)*40_000).Draw(t, "begin"))
		e := NewEvaluator(ledger.Policy{High: 100_000, MKTMax: 8_000, MKTOver: day}, 0)
		for at := ledger.Millis(0); at <= day; at += minute {
			if e.Exceeded(MKTExceeded) {
				t.Fatalf("exceeded after %d ms", at)
			}
			milli := int32(5_000)
			if at < 6*hour {
				milli = 15_000
			}
			e.Observe(begin+at, milli)
		}
		if !e.Exceeded(MKTExceeded) || math.Abs(e.mktWorst-8.7859) > 1e-4 || ledger.Millis(e.mktAt) != begin+day {
			t.Fatalf("%.6f over the day to %d (%v), want 8.7859 to %d", e.mktWorst, e.mktAt, e.mktHave, begin+day)
		}
	})
}

func TestMeanKineticTemperatureOfAConstantIsTheConstant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		milli := rapid.Int32Range(-80_000, 60_000).Draw(t, "temperature")
		var m Mean
		for _, held := range rapid.SliceOfN(rapid.Int64Range(1, int64(day)), 1, 50).Draw(t, "times") {
			m.Add(milli, ledger.Millis(held))
		}
		if got, _ := m.Celsius(); math.Abs(got-float64(milli)/1000) > 1e-9 {
			t.Fatalf("%v", got)
		}
	})
}

func refrigerated() ledger.Policy {
	freeze := int32(-500)
	return ledger.Policy{
		ID: "refrigerated", Version: 1, Low: 2_000, High: 8_000, ExcursionLow: 0, ExcursionHigh: 15_000,
		ExcursionFor: 24 * hour, Grace: 30 * minute, MKTMax: 8_000, MKTOver: 24 * hour, FreezeBelow: &freeze, FreezeFor: hour,
	}
}

type stretch struct {
	held  ledger.Millis
	milli int32
}

func feed(e *Evaluator, at ledger.Millis, stretches ...stretch) ledger.Millis {
	for _, s := range stretches {
		for end := at + s.held; at < end; at += minute {
			e.Observe(at, s.milli)
		}
	}
	e.Observe(at, stretches[len(stretches)-1].milli)
	return at
}

func exceeded(e *Evaluator, final bool) []Rule {
	var rules []Rule
	for _, u := range e.Uses(final) {
		if u.Exceeded {
			rules = append(rules, u.Rule)
		}
	}
	return rules
}

func TestRulesOfAPolicy(t *testing.T) {
	for _, c := range []struct {
		name      string
		change    func(*ledger.Policy)
		stretches []stretch
		final     bool
		want      []Rule
	}{
		{"inside its range", nil, []stretch{{20 * hour, 5_000}}, true, nil},
		{"at the very limits", nil, []stretch{{20 * hour, 8_000}, {10 * hour, 2_000}}, false, nil},
		{"a door opened within the grace", nil, []stretch{{hour, 5_000}, {30 * minute, 16_000}, {hour, 5_000}, {30 * minute, 16_000}, {5 * hour, 4_000}}, true, nil},
		{"above the excursion range beyond the grace", nil, []stretch{{hour, 5_000}, {31 * minute, 16_000}, {4 * hour, 5_000}}, false, []Rule{AboveRange}},
		{"below the excursion range", nil, []stretch{{hour, 5_000}, {40 * minute, -200}, {hour, 5_000}}, false, []Rule{BelowRange}},
		{"frozen at the limit for the time", nil, []stretch{{hour, 5_000}, {hour, -500}, {hour, 5_000}}, false, []Rule{BelowRange, Frozen}},
		{"not frozen one minute less", nil, []stretch{{hour, 5_000}, {59 * minute, -500}, {hour, 5_000}}, false, []Rule{BelowRange}},
		{"budget in two parts", func(p *ledger.Policy) { p.ExcursionFor = 2 * hour }, []stretch{{hour, 9_000}, {3 * hour, 5_000}, {61 * minute, 9_000}, {8 * hour, 5_000}}, true, []Rule{ExcursionBudget}},
		{"mean over 24 h too high", nil, []stretch{{6 * hour, 15_000}, {18 * hour, 5_000}}, false, []Rule{MKTExceeded}},
		{"mean over 24 h allowed", nil, []stretch{{3 * hour, 15_000}, {21 * hour, 5_000}}, true, nil},
		{"mean of a short journey is judged at its end only", nil, []stretch{{8 * hour, 9_000}}, false, nil},
		{"mean of a short journey", nil, []stretch{{8 * hour, 9_000}}, true, []Rule{MKTExceeded}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := refrigerated()
			if c.change != nil {
				c.change(&p)
			}
			e := NewEvaluator(p, 6*hour)
			feed(e, 0, c.stretches...)
			got := exceeded(e, c.final)
			if len(got) != len(c.want) {
				t.Fatalf("%v, want %v", got, c.want)
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Fatalf("%v, want %v", got, c.want)
				}
			}
		})
	}
}

func TestTimeThatNobodyObservedCountsNowhere(t *testing.T) {
	e := NewEvaluator(refrigerated(), hour)
	e.Observe(0, 16_000)
	e.Observe(10*hour*365*24, 5_000)
	for _, u := range e.Uses(false) {
		if u.Used > int64(hour) {
			t.Errorf("%s used %d ms of a gap", u.Rule, u.Used)
		}
	}
	if e.Observe(5*hour, 5_000) {
		t.Error("a reading from the past was taken")
	}
}

func TestSaveAndRestoreAtAnyPointGivesTheSameBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := refrigerated()
		p.MKTOver = ledger.Millis(rapid.Int64Range(0, int64(day)).Draw(t, "span"))
		straight, saved := NewEvaluator(p, hour), NewEvaluator(p, hour)
		at := ledger.Millis(0)
		for range rapid.IntRange(1, 60).Draw(t, "n") {
			at += ledger.Millis(rapid.Int64Range(1, int64(2*hour)).Draw(t, "step"))
			v := rapid.Int32Range(-40_000, 60_000).Draw(t, "v")
			straight.Observe(at, v)
			saved.Observe(at, v)
			if rapid.Bool().Draw(t, "save") {
				w := canon.Writer(nil)
				saved.Code(w)
				restored := new(Evaluator)
				r := canon.Reader(w.Bytes())
				restored.Code(r)
				if err := r.Done(); err != nil {
					t.Fatal(err)
				}
				saved = restored
			}
		}
		a, b := canon.Writer(nil), canon.Writer(nil)
		straight.Code(a)
		saved.Code(b)
		if string(a.Bytes()) != string(b.Bytes()) {
			t.Fatal("states differ")
		}
	})
}

// What lies so far away would be completed part by part, for years.
func TestAStateOfNoTimeIsRefused(t *testing.T) {
	for name, forge := range map[string]func(*Evaluator){
		"a part long ago":         func(e *Evaluator) { e.sliding.current = math.MinInt64 },
		"a part to come":          func(e *Evaluator) { e.sliding.current = math.MaxInt64 },
		"a beginning long ago":    func(e *Evaluator) { e.sliding.begin = math.MinInt64 },
		"parts of another length": func(e *Evaluator) { e.sliding.width = 1 },
		"a reading long ago":      func(e *Evaluator) { e.lastAt = math.MinInt64 },
		"a hold below nothing":    func(e *Evaluator) { e.hold = -1 },
	} {
		e := NewEvaluator(refrigerated(), hour)
		feed(e, 0, stretch{day, 5_000})
		forge(e)
		w := canon.Writer(nil)
		e.Code(w)
		r := canon.Reader(w.Bytes())
		new(Evaluator).Code(r)
		if err := r.Done(); !errors.Is(err, canon.ErrState) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzStateReaderRefusesWhatItDidNotWrite(f *testing.F) {
	e := NewEvaluator(refrigerated(), hour)
	feed(e, 0, stretch{day, 5_000})
	w := canon.Writer(nil)
	e.Code(w)
	f.Add(w.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		r := canon.Reader(data)
		restored := new(Evaluator)
		restored.Code(r)
		if r.Done() != nil {
			return
		}
		restored.Observe(restored.Policy().SetAt+1, 3_000)
		restored.Uses(true)
	})
}

func BenchmarkObserve(b *testing.B) {
	e := NewEvaluator(refrigerated(), hour)
	at := ledger.Millis(0)
	b.ReportAllocs()
	for b.Loop() {
		at += minute
		e.Observe(at, 4_000+int32(at%1000))
	}
}
