package score

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/detect/series"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

func rows(t testing.TB, channels int, p *ledger.Policy, temperature int) *Logger {
	t.Helper()
	l, err := NewLogger(model(t), channels, p, temperature)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestARowScoresWhatTheSeriesScorerSays(t *testing.T) {
	l := rows(t, 1, nil, -1)
	s, err := series.New(series.Default())
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range flat(3000, 5_000) {
		value := float64(v) / 1000
		if i == 2500 {
			value = 40
		}
		at := start + ledger.Millis(i)*minute
		want, err := s.Observe(at, value)
		if err != nil {
			t.Fatal(err)
		}
		got, err := l.Observe(at, []float64{value})
		if err != nil {
			t.Fatal(err)
		}
		if got != (RowResult{Score: want.Score, P: want.P, Alarm: want.Alarm, Reason: string(want.Reason)}) {
			t.Fatalf("row %d: %+v, the series says %+v", i, got, want)
		}
	}
}

func TestWithoutAPolicyScaleAndOffsetChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Powers of two scale without rounding; any other factor rounds within the grid of the series.
		scale := math.Ldexp(1, rapid.IntRange(-30, 30).Draw(t, "scale"))
		if rapid.Bool().Draw(t, "mirrored") {
			scale = -scale
		}
		offset := scale * float64(rapid.IntRange(-1000, 1000).Draw(t, "offset"))
		values := rapid.SliceOfN(rapid.IntRange(-50, 50), 400, 600).Draw(t, "values")
		m, err := Default()
		if err != nil {
			t.Fatal(err)
		}
		a, _ := NewLogger(m, 1, nil, -1)
		b, _ := NewLogger(m, 1, nil, -1)
		for i, v := range values {
			at := start + ledger.Millis(i)*minute
			x, _ := a.Observe(at, []float64{float64(v)})
			y, _ := b.Observe(at, []float64{scale*float64(v) + offset})
			if x.Score != y.Score || x.P != y.P || x.Alarm != y.Alarm {
				t.Fatalf("row %d: %+v, scaled %+v", i, x, y)
			}
		}
	})
}

func TestABrokenRuleIsToldOnceAndScoresWhileItLasts(t *testing.T) {
	l := rows(t, 2, policy(), 1)
	alarms, high := 0, 0
	for i := range 600 {
		celsius := 5 + float64(i%7)/10
		if i >= 100 && i < 200 {
			celsius += 11
		}
		r, err := l.Observe(start+ledger.Millis(i)*minute, []float64{50, celsius})
		if err != nil {
			t.Fatal(err)
		}
		if r.Score >= 0.9 {
			high++
			if r.Reason != "above_range" || r.Channel != 1 || i < 131 || i >= 200 {
				t.Fatalf("row %d: %+v", i, r)
			}
		}
		if r.Alarm && r.Reason == "above_range" {
			alarms++
			if i != 131 {
				t.Errorf("told at row %d", i)
			}
		}
	}
	if alarms != 1 || high != 69 {
		t.Errorf("%d alarms, %d rows", alarms, high)
	}
}

func TestAThermometerThatIsNotToBeBelievedSaysSo(t *testing.T) {
	l := rows(t, 1, policy(), 0)
	alarms := 0
	for i := range 400 {
		celsius := 5 + float64(i%7)/10
		if i >= 200 {
			celsius = float64(celsius*1.8) + 32
		}
		r, err := l.Observe(start+ledger.Millis(i)*minute, []float64{celsius})
		if err != nil {
			t.Fatal(err)
		}
		if i >= 210 && (r.Reason != "unit_slip" || r.Score >= 0.8) {
			t.Fatalf("row %d: %+v", i, r)
		}
		if r.Alarm && r.Reason == "unit_slip" {
			alarms++
		}
	}
	if alarms != 1 {
		t.Errorf("%d alarms", alarms)
	}
}

func TestHostileRowsAreRefusedOrTold(t *testing.T) {
	for name, c := range map[string]struct {
		channels, temperature int
		policy                *ledger.Policy
	}{
		"no channel":                      {0, -1, nil},
		"a million channels":              {1_000_000, -1, nil},
		"a policy without a temperature":  {2, -1, policy()},
		"a policy for another's channels": {2, 2, policy()},
	} {
		if _, err := NewLogger(model(t), c.channels, c.policy, c.temperature); !errors.Is(err, ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
	l := rows(t, 1, policy(), 0)
	for name, c := range map[string]struct {
		at     ledger.Millis
		values []float64
	}{
		"an infinity":      {start, []float64{math.Inf(1)}},
		"another width":    {start, []float64{1, 2}},
		"before 1900":      {math.MinInt64, []float64{1}},
		"after 2200":       {math.MaxInt64, []float64{1}},
		"too large a sum":  {start, []float64{1e301}},
		"minus infinities": {start, []float64{math.Inf(-1)}},
	} {
		if _, err := l.Observe(c.at, c.values); !errors.Is(err, ErrInput) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, at := range []ledger.Millis{start, start + minute, start + minute, start, start + 100_000*hour} {
		r, err := l.Observe(at, []float64{5})
		if err != nil || r.P != 1 || r.Alarm && r.Reason != CodeClock {
			t.Errorf("%d: %+v %v", at, r, err)
		}
	}
	if r, _ := l.Observe(start, []float64{5}); r.Reason != CodeClock {
		t.Errorf("a clock that was set back: %+v", r)
	}
	if r, err := l.Observe(start+200_000*hour, []float64{math.NaN()}); err != nil || r.Score != 0 || r.P != 1 || r.Reason != "" {
		t.Errorf("a missing value: %+v %v", r, err)
	}
}

func BenchmarkLoggerRow(b *testing.B) {
	l := rows(b, 1, policy(), 0)
	values := flat(5000, 5_000)
	row := make([]float64, 1)
	at := start
	for _, v := range values {
		at += minute
		row[0] = float64(v) / 1000
		_, _ = l.Observe(at, row)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		at += minute
		row[0] = float64(values[i%len(values)]) / 1000
		i++
		if _, err := l.Observe(at, row); err != nil {
			b.Fatal(err)
		}
	}
}
