package sensor

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/coldchain"
	"github.com/waybill-dev/waybill/analytics/detect"
	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// tier is all that looks at every reading of a shipment's temperature before any comparison with its
// own past: the sensor, rules, alarms, drift and energy.
type tier struct {
	monitor *Monitor
	rules   *coldchain.Evaluator
	alarms  *coldchain.Alarms
	drift   *detect.Drift
	energy  *detect.Energy
}

func newTier() *tier {
	freeze := int32(-500)
	const hour = 60 * minute
	policy := ledger.Policy{
		Low: 2_000, High: 8_000, ExcursionHigh: 15_000, ExcursionFor: 24 * hour, Grace: 30 * minute,
		MKTMax: 8_000, MKTOver: 24 * hour, FreezeBelow: &freeze, FreezeFor: hour,
	}
	t := &tier{
		monitor: New(Default()), rules: coldchain.NewEvaluator(policy, 6*hour), alarms: coldchain.NewAlarms(coldchain.WHOShipping(), 6*hour),
		drift: detect.NewDrift(detect.DriftParams{
			Step: 10 * minute, Warmup: 12, LevelGain: 10_000, SpreadGain: 20_000, SpreadFloor: 267, Huber: 1_500_000,
			Clip: 3_000_000, Slack: 1_000_000, Threshold: 15_500_000,
		}),
		energy: detect.NewEnergy(detect.DefaultEnergy()),
	}
	t.monitor.SetRange(policy.Low, policy.High)
	return t
}

func (t *tier) observe(at ledger.Millis, v int32, trace *canon.Coder) {
	t.monitor.Observe(at, v)
	t.monitor.Trace(trace)
	t.rules.Observe(at, v)
	t.rules.Trace(trace)
	t.alarms.Observe(at, v)
	t.alarms.Trace(trace)
	t.drift.Observe(at, v)
	t.drift.Trace(trace)
	t.energy.Observe(at, v)
	t.energy.Trace(trace)
}

// The digest was made on amd64; 386 and arm64 give the same.
func TestTracesAreTheSameBitsEverywhere(t *testing.T) {
	const want = "7bbd683c9c9cc22593d0abcd7ff38e68812f0bbd9cba753cf916df312debe630"
	tier, c := newTier(), canon.Writer(nil)
	at, r, level := ledger.Millis(1_700_000_000_000), uint64(1), int32(5_000)
	digest := sha256.New()
	for i := range 20_000 {
		r = r*6364136223846793005 + 1442695040888963407
		at += minute
		v := level + int32(r>>33)%120*10
		switch i % 4_000 {
		case 1_000:
			level += 3_000
		case 2_000:
			at -= 90 * minute
		case 2_500:
			v = 85_000
		case 3_000:
			at += 200 * minute
			level -= 6_000
		case 3_999:
			level = 5_000
		}
		if i%4_000 > 3_500 && i%4_000 < 3_700 {
			v = v*9/5 + 32_000
		}
		c.Reset()
		tier.observe(at, v, c)
		digest.Write(c.Bytes())
	}
	c.Reset()
	tier.monitor.Code(c)
	tier.rules.Code(c)
	tier.alarms.Code(c)
	tier.drift.Code(c)
	tier.energy.Code(c)
	digest.Write(c.Bytes())
	if got := hex.EncodeToString(digest.Sum(nil)); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	n := len(c.Bytes())
	t.Logf("a state of %d bytes", n)
	if n > 4_096 {
		t.Error("the state grew")
	}
}

func TestSimulatedFaultsOfTheSensorAreFoundAndCleanJourneysLeftAlone(t *testing.T) {
	const each = 30
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		fault simulate.Fault
		size  float64
		code  string // empty: no alarm at all
		least int    // of each
	}{
		{simulate.FaultNone, 0, "", each},
		{simulate.FaultExcursion, 8, "", each},
		{simulate.FaultFreeze, 4, "", each},
		{simulate.FaultLevelStep, 2, "", each},
		{simulate.FaultDoorOpenings, 12, "", each},
		{simulate.FaultDefrost, 4, "", each},
		{simulate.FaultStuck, 2, CodeStuck, 27},
		{simulate.FaultFlatline, 4, CodeFlatline, 10}, // where the resolution leaves one value, it is stuck
		{simulate.FaultDropout, 3, CodeDropout, each},
		{simulate.FaultClockJump, 60, CodeClock, 15},
		{simulate.FaultUnitSlip, 0.1, CodeUnit, each},
		{simulate.FaultUnitSlip, 3, CodeUnit, each},
		{simulate.FaultSpikes, 2, CodeSpikes, 28},
		{simulate.FaultSpikes, 20, CodeSpikes, each},
	} {
		cfg := simulate.Config{Seed: 11, Now: now, Shipments: each, Faults: []simulate.Fault{}, Channels: []ledger.Quantity{ledger.Temperature}}
		if c.fault != simulate.FaultNone {
			cfg.Faults = nil
			for range each {
				cfg.Plants = append(cfg.Plants, simulate.Plant{Fault: c.fault, Size: c.size})
			}
		}
		right := 0
		for journey, err := range simulate.Journeys(cfg) {
			if err != nil {
				t.Fatal(err)
			}
			told := c.code == ""
			for _, log := range journey.Logs() {
				m := New(Default())
				m.SetRange(journey.Policy.Low, journey.Policy.High)
				for i, at := range log.Times {
					m.Observe(at, log.Channels[0].Values[i])
				}
				for _, s := range m.Signals(true) {
					if !s.IsAlarm() {
						continue
					}
					if c.code == "" {
						told = false
						t.Logf("%s: %+v", journey.Truth.Sensor, s)
					} else if s.Code == c.code {
						told = true
					}
				}
			}
			if told {
				right++
			}
		}
		if right < c.least {
			t.Errorf("%s of size %v: right on %d of %d, want %d at least", c.fault, c.size, right, each, c.least)
		}
	}
}

// BenchmarkEveryReading is what all of it costs, traces included.
func BenchmarkEveryReading(b *testing.B) {
	t, scratch := newTier(), canon.Writer(nil)
	at, r := ledger.Millis(1_700_000_000_000), uint64(1)
	b.ReportAllocs()
	for b.Loop() {
		at += minute
		r = r*6364136223846793005 + 1442695040888963407
		v := 4_500 + int32(r>>33)%100*10
		scratch.Reset()
		t.observe(at, v, scratch)
	}
}
