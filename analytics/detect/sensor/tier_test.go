package sensor

import (
	"testing"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/coldchain"
	"github.com/waybill-dev/waybill/analytics/detect"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// BenchmarkEveryReading is all that one reading of a shipment's temperature costs before any
// comparison with its own past: rules, alarms, drift, energy, the sensor, and their traces.
func BenchmarkEveryReading(b *testing.B) {
	freeze := int32(-500)
	const hour = 60 * minute
	policy := ledger.Policy{
		Low: 2_000, High: 8_000, ExcursionHigh: 15_000, ExcursionFor: 24 * hour, Grace: 30 * minute,
		MKTMax: 8_000, MKTOver: 24 * hour, FreezeBelow: &freeze, FreezeFor: hour,
	}
	rules, alarms := coldchain.NewEvaluator(policy, 6*hour), coldchain.NewAlarms(coldchain.WHOShipping(), 6*hour)
	drift := detect.NewDrift(detect.DriftParams{
		Step: 10 * minute, Warmup: 12, LevelGain: 10_000, SpreadGain: 20_000, SpreadFloor: 267, Huber: 1_500_000,
		Clip: 3_000_000, Slack: 1_000_000, Threshold: 15_500_000,
	})
	energy, monitor := detect.NewEnergy(detect.DefaultEnergy()), New(Default())
	monitor.SetRange(policy.Low, policy.High)
	scratch := canon.Writer(nil)
	at, r := ledger.Millis(1_700_000_000_000), uint64(1)
	b.ReportAllocs()
	for b.Loop() {
		at += minute
		r = r*6364136223846793005 + 1442695040888963407
		v := 4_500 + int32(r>>33)%100*10
		scratch.Reset()
		monitor.Observe(at, v)
		monitor.Trace(scratch)
		rules.Observe(at, v)
		rules.Trace(scratch)
		alarms.Observe(at, v)
		alarms.Trace(scratch)
		drift.Observe(at, v)
		drift.Trace(scratch)
		energy.Observe(at, v)
		energy.Trace(scratch)
	}
}
