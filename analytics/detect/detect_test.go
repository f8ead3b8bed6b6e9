package detect

import (
	"bytes"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

const minute = ledger.Millis(60_000)

func params() DriftParams {
	return DriftParams{
		Step: 10 * minute, Warmup: 12, LevelGain: 10_000, SpreadGain: 20_000, SpreadFloor: 200, Huber: 1_500_000,
		Clip: 3_000_000, Slack: 1_000_000, Threshold: 16_000_000,
	}
}

// cycle is a compressor's: a triangle of half a degree, 26 minutes long.
func cycle(m int) float64 {
	p := m % 26
	if p > 13 {
		p = 26 - p
	}
	return 1000 * (float64(p)/13 - 0.5)
}

// run feeds a value a minute and gives the minute of the alarm, -1 for none.
func run(d *Drift, minutes int, value func(m int) float64) int {
	for m := range minutes {
		d.Observe(ledger.Millis(m)*minute, int32(value(m)))
		if d.Result().Alarm {
			return m
		}
	}
	return -1
}

func TestCyclesDoorsAndDefrostsRaiseNoAlarm(t *testing.T) {
	at := run(NewDrift(params()), 5*1440, func(m int) float64 {
		v := 5000 + cycle(m) + 150*math.Sin(float64(m)/1440*2*math.Pi)
		if since := m % 190; since < 40 {
			v += 3500 * math.Exp(-float64(since)/9)
		}
		return v
	})
	if at >= 0 {
		t.Errorf("an alarm after %d minutes", at)
	}
}

func TestACreepIsFoundInEitherDirectionWithinHours(t *testing.T) {
	for _, perHour := range []float64{300, -300, 600} {
		d := NewDrift(params())
		at := run(d, 1440, func(m int) float64 { return 5000 + cycle(m) + perHour*math.Max(0, float64(m-240))/60 })
		if at < 240 || at > 240+6*60 {
			t.Errorf("%v a hour: alarm after %d minutes", perHour, at)
		}
		if r := d.Result(); r.Up != (perHour > 0) || r.From >= r.To || r.From < 150*minute {
			t.Errorf("%v a hour: %+v", perHour, r)
		}
	}
}

func TestOneWildReadingMovesNothing(t *testing.T) {
	d := NewDrift(params())
	at := run(d, 2000, func(m int) float64 {
		if m%300 == 200 {
			return 2e9
		}
		return 5000 + cycle(m)
	})
	if at >= 0 {
		t.Errorf("an alarm after %d minutes", at)
	}
	if d.level < 4000 || d.level > 6500 {
		t.Errorf("level %v", d.level)
	}
}

func TestSaveAndRestoreAtAnyPointGivesTheSameBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := NewDrift(params()), NewDrift(params())
		at := ledger.Millis(rapid.Int64Range(0, 1<<40).Draw(t, "start"))
		for range rapid.IntRange(1, 80).Draw(t, "n") {
			at += ledger.Millis(rapid.Int64Range(1, int64(30*minute)).Draw(t, "step"))
			v := rapid.Int32().Draw(t, "v")
			a.Observe(at, v)
			b.Observe(at, v)
			w := canon.Writer(nil)
			b.Code(w)
			b = NewDrift(params())
			r := canon.Reader(w.Bytes())
			b.Code(r)
			if err := r.Done(); err != nil {
				t.Fatal(err)
			}
		}
		v, w := canon.Writer(nil), canon.Writer(nil)
		a.Code(v)
		b.Code(w)
		if !bytes.Equal(v.Bytes(), w.Bytes()) {
			t.Fatal("states differ")
		}
	})
}

func BenchmarkDrift(b *testing.B) {
	d := NewDrift(params())
	at := ledger.Millis(0)
	b.ReportAllocs()
	for b.Loop() {
		at += minute
		d.Observe(at, int32(5000+at%997))
	}
}
