package score

import (
	"bytes"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/analytics/calibrate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// equipped lets the logger of a journey measure more: quantities by what they are at a minute.
func equipped(n int, more map[ledger.Quantity]func(i int) int32) []ledger.Channel {
	var all []ledger.Channel
	for q := ledger.RelativeHumidity; q <= ledger.Door; q++ {
		if at := more[q]; at != nil {
			v := make([]int32, n)
			for i := range v {
				v[i] = at(i)
			}
			all = append(all, ledger.Channel{Quantity: q, Values: v})
		}
	}
	return all
}

func quiet() map[ledger.Quantity]func(i int) int32 {
	return map[ledger.Quantity]func(i int) int32{
		ledger.RelativeHumidity: func(i int) int32 { return 50_000 + int32(i%7)*100 },
		ledger.Shock:            func(i int) int32 { return 300 + int32(i%11)*50 },
		ledger.Light:            func(i int) int32 { return int32(i%3) * 500 },
		ledger.Door:             func(int) int32 { return 0 },
	}
}

func statisticsOf(t *testing.T, m *Model, more map[ledger.Quantity]func(i int) int32) map[string]int64 {
	t.Helper()
	e := New(m, pallet, 0)
	in := onLane(wander(540, 5_000, 400))
	in[3].Channels = append(in[3].Channels, equipped(540, more)...)
	for i := range in {
		if err := e.Observe(in[i]); err != nil {
			t.Fatal(err)
		}
	}
	out := map[string]int64{}
	for _, s := range e.Statistics(true) {
		out[s.Name] = s.Value
	}
	return out
}

func TestAStatisticOfAQuantityIsTheSameWhateverElseALoggerMeasures(t *testing.T) {
	m, _ := calibrated(t)
	odd := quiet()
	odd[ledger.Shock] = func(i int) int32 { return 300 + int32(i%11)*50 + int32(i/400)*int32(i%2)*20_000 }
	alone, all := statisticsOf(t, m, nil), statisticsOf(t, m, odd)
	for name, v := range alone {
		if all[name] != v {
			t.Errorf("%s is %d, and %d of a logger that measures more", name, v, all[name])
		}
	}
	if len(all) <= len(alone) || len(all) > calibrate.MaxComponents {
		t.Errorf("%d statistics, %d of one channel", len(all), len(alone))
	}
	if all["unusual_shock"] < Million/2 || all["highest_shock"] < Million/2 {
		t.Errorf("the shock is not unusual: %v", all)
	}
}

func TestATableWithoutAQuantitySaysNothingOfIt(t *testing.T) {
	m, s := calibrated(t)
	var known []calibrate.Component
	for _, c := range s.Table.Components {
		if c.Name != "highest_shock" && c.Name != "unusual_shock" {
			known = append(known, c)
		}
	}
	table := s.Table
	table.Components = known
	odd := quiet()
	odd[ledger.Shock] = func(i int) int32 { return 300 + int32(i%11)*50 + int32(i/500)*60_000 }
	p := func(t *calibrate.Table, of map[string]int64) int64 {
		var stats []calibrate.Stat
		for name, v := range of {
			stats = append(stats, calibrate.Stat{Name: name, Value: v})
		}
		return t.P(stats).Score
	}
	calm, wild := statisticsOf(t, m, quiet()), statisticsOf(t, m, odd)
	if p(&table, calm) != p(&table, wild) {
		t.Error("a quantity that no reference had makes a shipment odder")
	}
	if p(&s.Table, wild) <= p(&s.Table, calm) {
		t.Error("a hard shock is not odd where references had the quantity")
	}
}

func TestLightIsALevelAndNotACountOfReadings(t *testing.T) {
	m, _ := calibrated(t)
	lit := func(from, to int) int64 {
		more := quiet()
		more[ledger.Light] = func(i int) int32 {
			if i >= from && i < to {
				return 300_000
			}
			return 0
		}
		return statisticsOf(t, m, more)["highest_light"]
	}
	short, long := lit(300, 305), lit(300, 390)
	if short > Million/2 || long < Million {
		t.Errorf("five minutes of 300 lux are %d, ninety %d", short, long)
	}
	c := &channel{quantity: ledger.Light}
	for _, v := range []struct{ at, value int }{{1, 0}, {4, 300_000}, {4, 9_000_000}, {2, 9_000_000}} {
		c.rise(ledger.Millis(v.at)*minute, int32(v.value))
	}
	if c.highest >= 300_000 {
		t.Errorf("readings out of order count: %v", c.highest)
	}
}

func TestLoggersThatMeasureSeldomerHaveStrataOfTheirOwn(t *testing.T) {
	for between, want := range map[ledger.Millis]Sampling{
		1_000: Sampling1, minute: Sampling1, 2 * minute: Sampling1, 5 * minute: Sampling5, 10 * minute: Sampling10, 15 * minute: Sampling15,
		30 * minute: Sampling30, 60 * minute: Sampling60, 6 * hour: Sampling60,
	} {
		times := []ledger.Millis{start}
		for i := range ledger.Millis(20) {
			times = append(times, start+(i+1)*between)
		}
		times[20] += 3 * hour // a silence changes nothing
		if got := SamplingOf(times); got != want {
			t.Errorf("%d ms: class %d, want %d", between, got, want)
		}
	}
	m, s := calibrated(t)
	for each, want := range map[ledger.Millis]string{1: s.Name, 5: s.Name + "|5min", 10: s.Name + "|10min", 15: ""} {
		in := onLane(wander(540, 5_000, 400))
		r := &in[3]
		var values []int32
		r.Times = nil
		for i := 0; i < 540; i += int(each) {
			r.Times, values = append(r.Times, start+ledger.Millis(i+1)*minute), append(values, r.Channels[0].Values[i])
		}
		r.Channels[0].Values = values
		v := verdictOn(t, m, in, true)
		if v.Stratum != want || (v.PValue > 0) != (want != "") {
			t.Errorf("a reading each %d minutes: stratum %q, p %d, want %q", each, v.Stratum, v.PValue, want)
		}
	}
	if long := Sampling10.Of(StratumName(string(make([]byte, ledger.MaxPolicyIDBytes)), string(make([]byte, ledger.MaxLaneBytes)))); len(long) > ledger.MaxStratumBytes {
		t.Errorf("a stratum's name of %d bytes", len(long))
	}
}

func TestEveryChannelIsSavedAndRestored(t *testing.T) {
	m, _ := calibrated(t)
	in := onLane(wander(540, 5_000, 400))
	in[3].Channels = append(in[3].Channels, equipped(540, quiet())...)
	straight, broken := New(m, pallet, 0), New(m, pallet, 0)
	for i := range in {
		if err := straight.Observe(in[i]); err != nil {
			t.Fatal(err)
		}
		if err := broken.Observe(in[i]); err != nil {
			t.Fatal(err)
		}
		data, err := broken.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if broken, err = Restore(m, data); err != nil {
			t.Fatal(err)
		}
		again, err := broken.MarshalBinary()
		if err != nil || !bytes.Equal(data, again) {
			t.Fatalf("after input %d a restored engine saves other bytes (%v)", i, err)
		}
	}
	a, b := straight.Judge(true), broken.Judge(true)
	if a.Trace != b.Trace || !slices.EqualFunc(a.Reasons, b.Reasons, func(x, y ledger.Reason) bool { return x == y }) {
		t.Error("a restored engine judges otherwise")
	}
}
