// Package detect holds the statistical detectors over one series of readings. They are causal
// (a result rests on what came before it only), streaming with bounded state, and give the same
// bits on every machine. It may import ledger and analytics/canon; no clock, no gonum, and of math
// only what is exact everywhere.
package detect

import (
	"slices"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// DriftParams are the parameters of a Drift. All are integers, so that their canonical form is
// exact; millionths where nothing else is said.
type DriftParams struct {
	Step        ledger.Millis `json:"step_ms"`      // readings are averaged over steps of this length
	Warmup      int           `json:"warmup_steps"` // steps that found the first level and spread, 3 to 64
	LevelGain   int64         `json:"level_gain"`   // share of a clipped innovation that moves the level
	SpreadGain  int64         `json:"spread_gain"`  // share by which the spread moves each step
	SpreadFloor int64         `json:"spread_floor"` // least spread, in thousandths of the quantity's unit
	Huber       int64         `json:"huber"`        // innovations beyond this many spreads are clipped, for the level
	Clip        int64         `json:"clip"`         // and beyond this many, for the sums
	Slack       int64         `json:"slack"`        // what a step may lie off without adding to a sum, in spreads
	Threshold   int64         `json:"threshold"`    // a sum above this is an alarm
}

const maxWarmup = 64

// maxStep bounds the length of a step: a day.
const maxStep ledger.Millis = 24 * 3_600_000

// farthest bounds times: 285,000 years either way, so that no difference overflows.
const farthest ledger.Millis = 1 << 53

func inTime(at ledger.Millis) bool { return at <= farthest && at >= -farthest }

// Valid reports whether a detector can run on the parameters.
func (p DriftParams) Valid() bool {
	const one = 1_000_000
	return p.Step > 0 && p.Step <= maxStep && p.Warmup >= 3 && p.Warmup <= maxWarmup &&
		p.LevelGain >= 0 && p.LevelGain <= one && p.SpreadGain >= 0 && p.SpreadGain < one/2 &&
		p.SpreadFloor > 0 && p.Huber > 0 && p.Clip > 0 && p.Slack >= 0 && p.Threshold > 0
}

// Drift finds slow changes of level. Readings are averaged over steps; a robust filter of the local
// level model (Harvey, "Forecasting, Structural Time Series Models and the Kalman Filter", 1989) in its
// steady state follows the means: the gain is constant, innovations are clipped as Huber (1964) does
// for a location and Masreliez and Martin (1977) for a filter, and the spread follows the median of
// their size. Two CUSUMs (Page, "Continuous Inspection Schemes", Biometrika 41, 1954), one up and one
// down, sum what the clipped innovations exceed the slack by. Short disturbances, a door or a defrost,
// are one or two clipped steps and die away; a drift adds at each step.
//
// An a·x+b of a series gives the same sums up to rounding, if the spread's floor is scaled alike or
// not reached.
type Drift struct {
	params DriftParams

	stepNumber int64 // of the step being averaged
	sum        int64
	count      int64

	warm   []int64 // means of the first steps, in millionths of the unit
	level  float64 // in thousandths of the unit, as all that follows
	spread float64

	up, down           float64 // sums, in spreads
	upSince, downSince int64   // when each last left zero
	worst              float64 // largest sum so far
	worstUp            bool
	worstFrom, worstTo int64
	alarm              bool
	first              float64 // level after the warm-up
	before             float64 // mean of the step before
	highest, lowest    float64 // two steps in a row were as far from first as this, while the sum was an alarm
}

// NewDrift starts a detector.
func NewDrift(p DriftParams) *Drift { return &Drift{params: p} }

// Result is what a detector found so far.
type Result struct {
	Alarm bool
	// Ratio is the largest statistic over its threshold, in millionths.
	Ratio int64
	// Up tells the direction of that statistic.
	Up bool
	// Began is the level after the warm-up, and Shift how far from it the series went in the
	// direction of that statistic while it was above its threshold, for two steps at least, in
	// thousandths of the unit.
	Began, Shift int64
	From, To     ledger.Millis
}

// Observe takes the next reading, in thousandths of the quantity's unit. One that belongs to a step
// before the latest, or to no time that a ledger knows, is left out.
func (d *Drift) Observe(at ledger.Millis, value int32) {
	if !inTime(at) {
		return
	}
	n := floorDiv(int64(at), int64(d.params.Step))
	if d.count > 0 && n != d.stepNumber {
		if n < d.stepNumber {
			return
		}
		d.step((d.stepNumber + 1) * int64(d.params.Step))
		d.sum, d.count = 0, 0
	}
	d.stepNumber = n
	d.sum += int64(value)
	d.count++
}

// step takes the mean of a completed step.
func (d *Drift) step(end int64) {
	mean := float64(d.sum) / float64(d.count)
	if len(d.warm) < d.params.Warmup {
		// Apart, since the product of a long step's sum would overflow.
		d.warm = append(d.warm, d.sum/d.count*1000+d.sum%d.count*1000/d.count)
		if len(d.warm) == d.params.Warmup {
			d.start()
		}
		return
	}
	z := (mean - d.level) / d.spread
	size := z
	if size < 0 {
		size = -size
	}

	clip, slack := millionths(d.params.Clip), millionths(d.params.Slack)
	c := clamp(z, clip)
	if d.up == 0 {
		d.upSince = end - int64(d.params.Step)
	}
	if d.down == 0 {
		d.downSince = end - int64(d.params.Step)
	}
	d.up = max(0, d.up+c-slack)
	d.down = max(0, d.down-c-slack)
	// A sum that grew without bound would take as long to forget what is over.
	limit := 4 * millionths(d.params.Threshold)
	d.up, d.down = min(d.up, limit), min(d.down, limit)
	if s := max(d.up, d.down); s > d.worst {
		d.worst, d.worstUp, d.worstTo = s, d.up >= d.down, end
		d.worstFrom = d.downSince
		if d.worstUp {
			d.worstFrom = d.upSince
		}
		if s > millionths(d.params.Threshold) {
			d.alarm = true
		}
	}

	if d.up > millionths(d.params.Threshold) {
		d.highest = max(d.highest, min(mean, d.before)-d.first)
	}
	if d.down > millionths(d.params.Threshold) {
		d.lowest = min(d.lowest, max(mean, d.before)-d.first)
	}
	d.before = mean

	d.level += float64(float64(millionths(d.params.LevelGain)*d.spread) * clamp(z, millionths(d.params.Huber)))
	// The spread moves by a fixed share towards the point where half of the innovations are larger
	// than its 0.6745th part, as for a normal distribution; so no single innovation moves it far.
	gain := millionths(d.params.SpreadGain)
	if size > 0.6745 {
		d.spread = float64(d.spread * (1 + gain))
	} else {
		d.spread = float64(d.spread * (1 - gain))
	}
	d.spread = max(d.spread, float64(d.params.SpreadFloor))
}

// start sets level and spread from the warm-up: median and median absolute deviation.
func (d *Drift) start() {
	sorted := slices.Clone(d.warm)
	median := medianOf(sorted)
	for i, v := range d.warm {
		sorted[i] = max(v-median, median-v)
	}
	d.level = float64(median) / 1000
	d.first, d.before = d.level, d.level
	d.spread = max(float64(1.4826*float64(medianOf(sorted)))/1000, float64(d.params.SpreadFloor))
}

func medianOf(v []int64) int64 {
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// Result gives what was found so far.
func (d *Drift) Result() Result {
	r := Result{Alarm: d.alarm, Up: d.worstUp, From: ledger.Millis(d.worstFrom), To: ledger.Millis(d.worstTo)}
	r.Ratio = int64(float64(d.worst * 1_000_000_000_000 / float64(d.params.Threshold)))
	r.Began, r.Shift = int64(d.first), int64(d.lowest)
	if d.worstUp {
		r.Shift = int64(d.highest)
	}
	return r
}

// CodeDrift is the code of a Drift's signal: Value is the level that the series went to, and Limit
// the one that it began at, in thousandths of the quantity's unit. Count is the steps of the window.
const CodeDrift = "drift"

// Signals gives what was found so far, nothing while no sum ever left zero.
func (d *Drift) Signals(bool) []Signal {
	r := d.Result()
	if r.Ratio <= 0 {
		return nil
	}
	return []Signal{{
		Code: CodeDrift, Subject: SubjectChain, Ratio: r.Ratio, From: r.From, To: r.To,
		Value: r.Began + r.Shift, Limit: r.Began, Count: int64(r.To-r.From) / int64(d.params.Step),
	}}
}

// Trace appends the values that a verdict rests on.
func (d *Drift) Trace(c *canon.Coder) {
	c.Float(&d.level)
	c.Float(&d.spread)
	c.Float(&d.up)
	c.Float(&d.down)
}

// Code writes or reads the state. The parameters are the model's and are not part of it.
func (d *Drift) Code(c *canon.Coder) {
	canon.Int(c, &d.stepNumber)
	canon.Int(c, &d.sum)
	canon.Int(c, &d.count)
	canon.Slice(c, &d.warm, maxWarmup, func(c *canon.Coder, v *int64) { canon.Int(c, v) })
	if d.count < 0 {
		c.Fail("count %d", d.count)
	}
	for _, f := range []*float64{&d.level, &d.spread, &d.up, &d.down, &d.worst, &d.first, &d.before, &d.highest, &d.lowest} {
		c.Float(f)
	}
	canon.Int(c, &d.upSince)
	canon.Int(c, &d.downSince)
	canon.Int(c, &d.worstFrom)
	canon.Int(c, &d.worstTo)
	c.Bool(&d.worstUp)
	c.Bool(&d.alarm)
}

// StuckParams say for how long a sensor may repeat one value.
type StuckParams struct {
	For      ledger.Millis `json:"for_ms"`   // one value for longer than this is an alarm
	Readings int           `json:"readings"` // if at least so many readings said it
}

// Valid reports whether a sensor can be watched by the parameters.
func (p StuckParams) Valid() bool { return p.For > 0 && p.Readings > 1 }

func millionths(v int64) float64 { return float64(v) / 1_000_000 }

func clamp(v, limit float64) float64 { return max(-limit, min(limit, v)) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
