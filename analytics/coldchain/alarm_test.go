package coldchain

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/detect"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

func observe(a *Alarms, stretches ...stretch) {
	at := ledger.Millis(0)
	for _, s := range stretches {
		for end := at + s.held; at < end; at += minute {
			a.Observe(at, s.milli)
		}
	}
	a.Observe(at, stretches[len(stretches)-1].milli)
}

func alarming(signals []detect.Signal) []string {
	codes := []string{}
	for _, s := range signals {
		if s.IsAlarm() {
			codes = append(codes, s.Code)
		}
	}
	return codes
}

func TestAlarmsOfShippingIndicators(t *testing.T) {
	for _, c := range []struct {
		name      string
		stretches []stretch
		want      []string
	}{
		{"inside the range", []stretch{{100 * hour, 5_000}}, []string{}},
		{"45 °C for an hour", []stretch{{hour, 5_000}, {hour, 45_000}, {hour, 5_000}}, []string{"who_heat_45"}},
		{"45 °C for a minute less", []stretch{{hour, 5_000}, {59 * minute, 45_000}, {hour, 5_000}}, []string{}},
		{"44.9 °C for an hour", []stretch{{hour, 5_000}, {hour, 44_900}, {hour, 5_000}}, []string{}},
		{"a single event starts anew after a return", []stretch{{50 * minute, 45_000}, {minute, 44_999}, {50 * minute, 45_000}}, []string{}},
		{"30 °C for ten hours in three parts", []stretch{{4 * hour, 30_000}, {5 * hour, 5_000}, {4 * hour, 31_000}, {hour, 5_000}, {2 * hour, 30_000}}, []string{"who_heat_30"}},
		{"30 °C for ten hours less a minute", []stretch{{4 * hour, 30_000}, {5 * hour, 5_000}, {359 * minute, 31_000}, {hour, 5_000}}, []string{}},
		{"10 °C for twenty hours in two parts", []stretch{{12 * hour, 10_000}, {5 * hour, 5_000}, {8 * hour, 12_000}}, []string{"who_heat_10"}},
		{"hours at 30 °C are hours at 10 °C", []stretch{{12 * hour, 10_000}, {8 * hour, 30_000}}, []string{"who_heat_10"}},
		{"-0.5 °C for an hour", []stretch{{hour, 5_000}, {hour, -500}, {hour, 5_000}}, []string{"who_freeze"}},
		{"-0.4 °C for ten hours", []stretch{{10 * hour, -400}, {hour, 5_000}}, []string{}},
		{"-0.5 °C twice for less", []stretch{{55 * minute, -600}, {minute, 0}, {55 * minute, -600}, {hour, 5_000}}, []string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := NewAlarms(WHOShipping(), 6*hour)
			observe(a, c.stretches...)
			if got := alarming(a.Signals(nil)); !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v: %+v", got, c.want, a.Uses(nil))
			}
		})
	}
}

func TestAlarmsOfARefrigeratorStartAboveEight(t *testing.T) {
	a := NewAlarms(WHOStorage(), hour)
	observe(a, stretch{20 * hour, 8_000}, stretch{9 * hour, 8_100}, stretch{minute, 8_000}, stretch{599 * minute, 9_000}, stretch{minute, 8_000})
	if got := alarming(a.Signals(nil)); len(got) != 0 {
		t.Error(got)
	}
	observe2 := NewAlarms(WHOStorage(), hour)
	observe(observe2, stretch{hour, 5_000}, stretch{10 * hour, 8_100}, stretch{hour, 5_000})
	if got := alarming(observe2.Signals(nil)); !slices.Equal(got, []string{"who_heat_8"}) {
		t.Error(got)
	}
}

func TestAlarmsAreForProductsOfTheirRangeAndTellNoHarmTwice(t *testing.T) {
	a := NewAlarms(WHOShipping(), 6*hour)
	observe(a, stretch{2 * hour, 46_000}, stretch{9 * hour, 31_000}, stretch{30 * hour, 12_000}, stretch{2 * hour, -1_000}, stretch{hour, 5_000})
	all := []string{"who_heat_45", "who_heat_30", "who_heat_10", "who_freeze"}
	if got := alarming(a.Signals(nil)); !slices.Equal(got, all) {
		t.Errorf("%v", got)
	}
	p := refrigerated()
	// Its grace above 15 °C is half an hour, and it has the freezing rule of WHO itself.
	if got := alarming(a.Signals(&p)); !slices.Equal(got, []string{"who_heat_30", "who_heat_10"}) {
		t.Errorf("%v", got)
	}
	p.ExcursionFor = 4 * hour
	if got := alarming(a.Signals(&p)); len(got) != 0 {
		t.Errorf("the policy's own budget is smaller: %v", got)
	}
	p = refrigerated()
	p.FreezeBelow, p.ExcursionLow, p.ExcursionHigh = nil, -5_000, 60_000
	if got := alarming(a.Signals(&p)); !slices.Equal(got, all) {
		t.Errorf("%v", got)
	}
	p.High = 7_500
	if got := a.Signals(&p); got != nil {
		t.Errorf("another range: %+v", got)
	}
}

func TestASetOfAlarmsIsChecked(t *testing.T) {
	for _, s := range []AlarmSet{WHOShipping(), WHOStorage()} {
		if !s.Valid() {
			t.Errorf("%+v is refused", s)
		}
	}
	for i, spoil := range []func(*AlarmSet){
		func(s *AlarmSet) { s.Levels = nil }, func(s *AlarmSet) { s.Low = s.High + 1 }, func(s *AlarmSet) { s.Levels[1].Code = s.Levels[0].Code },
		func(s *AlarmSet) { s.Levels[0].For = 0 }, func(s *AlarmSet) { s.Levels = make([]AlarmLevel, maxLevels+1) },
	} {
		s := WHOShipping()
		spoil(&s)
		if s.Valid() {
			t.Errorf("%d is taken", i)
		}
	}
}

// wild is a reading that no cold chain gives.
func wild(t *rapid.T) (ledger.Millis, int32) {
	return ledger.Millis(rapid.OneOf(rapid.Int64Range(-int64(hour), int64(12*hour)), rapid.Int64()).Draw(t, "by")),
		rapid.OneOf(rapid.Int32Range(-10_000, 50_000), rapid.SampledFrom([]int32{math.MinInt32, math.MaxInt32, 0})).Draw(t, "v")
}

func TestAlarmsSavedAndRestoredGiveTheSameBitsWhateverComes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		straight, saved := NewAlarms(WHOShipping(), 6*hour), NewAlarms(WHOShipping(), 6*hour)
		e := NewEvaluator(refrigerated(), rapid.SampledFrom([]ledger.Millis{0, hour}).Draw(t, "hold"))
		at := ledger.Millis(0)
		for range rapid.IntRange(1, 60).Draw(t, "n") {
			by, v := wild(t)
			at += by
			if straight.Observe(at, v) != saved.Observe(at, v) {
				t.Fatal("one took it")
			}
			e.Observe(at, v)
			w := canon.Writer(nil)
			saved.Code(w)
			saved = NewAlarms(WHOShipping(), 6*hour)
			r := canon.Reader(w.Bytes())
			saved.Code(r)
			if err := r.Done(); err != nil {
				t.Fatal(err)
			}
		}
		a, b := canon.Writer(nil), canon.Writer(nil)
		straight.Code(a)
		saved.Code(b)
		if !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Fatal("states differ")
		}
		for _, s := range straight.Signals(nil) {
			if s.Ratio < 0 || s.From > s.To || s.Value < 0 {
				t.Fatalf("%+v", s)
			}
		}
		for _, u := range e.Uses(true) {
			if u.Used < 0 && u.Rule != MKTExceeded || u.From > u.To {
				t.Fatalf("%+v", u)
			}
		}
	})
}

// oracle is the mean kinetic temperature of readings that hold until the next, at most for the hold,
// between two times: by the definition and math's own functions.
func oracle(times []ledger.Millis, values []int32, hold, from, to ledger.Millis) float64 {
	sum, all := 0.0, 0.0
	for i := 1; i < len(times); i++ {
		begin, end := max(times[i-1], from), min(times[i], times[i-1]+hold, to)
		if end <= begin {
			continue
		}
		held := float64(end - begin)
		sum += held * math.Exp(-83.144/(8.3144e-3*(273.15+float64(values[i-1])/1000)))
		all += held
	}
	return 83.144/8.3144e-3/-math.Log(sum/all) - 273.15
}

func TestMeanKineticTemperatureOfIrregularReadingsIsThatOfTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const span = day
		e := NewEvaluator(ledger.Policy{High: 100_000, MKTMax: 8_000, MKTOver: span}, hour)
		var times []ledger.Millis
		var values []int32
		begin := ledger.Millis(rapid.Int64Range(0, int64(day)).Draw(t, "begin"))
		r := rapid.Uint64().Draw(t, "seed")
		// The rate of sampling changes with the temperature, which a mean over readings would not stand.
		for at := begin; at < begin+3*day; {
			r = r*6364136223846793005 + 1442695040888963407
			times = append(times, at)
			values = append(values, int32(r>>33)%20_000)
			at += ledger.Millis(1 + (r>>40)%uint64(1+int64(values[len(values)-1])*400))
		}
		for i := range times {
			e.Observe(times[i], values[i])
		}
		got, ok := e.Journey().Celsius()
		if want := oracle(times, values, hour, 0, math.MaxInt64); !ok || math.Abs(got-want) > 1e-6 {
			t.Fatalf("journey %.7f, want %.7f", got, want)
		}
		// The span that is told is one of those that slide by its 96th part, and the worst of them.
		worst := math.Inf(-1)
		const part = span / 96
		for to := begin + span; to <= min(times[len(times)-1], times[len(times)-2]+hour); to += part {
			observed := ledger.Millis(0)
			for i := 1; i < len(times); i++ {
				observed += max(0, min(times[i], times[i-1]+hour, to)-max(times[i-1], to-span))
			}
			if observed*100 >= span*spanEnough {
				worst = max(worst, oracle(times, values, hour, to-span, to))
			}
		}
		if e.mktHave != !math.IsInf(worst, -1) || e.mktHave && math.Abs(e.mktWorst-worst) > 1e-6 {
			t.Fatalf("span %.7f (%v), want %.7f", e.mktWorst, e.mktHave, worst)
		}
	})
}

func TestReadingsOfNoPossibleTemperatureBreakNothing(t *testing.T) {
	e := NewEvaluator(refrigerated(), hour)
	for i, v := range []int32{math.MaxInt32, math.MinInt32, math.MaxInt32, 5_000} {
		e.Observe(ledger.Millis(i)*hour, v)
	}
	for _, u := range e.Uses(true) {
		if u.Rule == ExcursionBudget && (u.Used != int64(3*hour) || u.Worst != math.MinInt32 && u.Worst != math.MaxInt32) {
			t.Errorf("%+v", u)
		}
	}
	if got, ok := e.Journey().Celsius(); !ok || math.IsNaN(got) || math.IsInf(got, 0) {
		t.Errorf("%v", got)
	}
	for _, at := range []ledger.Millis{math.MaxInt64, math.MinInt64} {
		if e.Observe(at, 0) {
			t.Errorf("time %d is taken", at)
		}
	}
}

func TestASteadySeriesTakesNoMemory(t *testing.T) {
	e, a := NewEvaluator(refrigerated(), hour), NewAlarms(WHOShipping(), hour)
	at, n := ledger.Millis(0), int32(0)
	if got := testing.AllocsPerRun(3_000, func() {
		at += minute
		n++
		e.Observe(at, n%12_000)
		a.Observe(at, n%12_000)
	}); got != 0 {
		t.Errorf("%v allocations a reading", got)
	}
}
