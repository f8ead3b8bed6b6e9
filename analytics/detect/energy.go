package detect

import (
	"math"
	"slices"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// EnergyParams are the parameters of an Energy. All are integers, so that their canonical form is
// exact; millionths where nothing else is said.
type EnergyParams struct {
	Step        ledger.Millis `json:"step_ms"`      // readings are gathered over steps of this length
	Window      int           `json:"window_steps"` // steps that the energy is of, 4 to 128; as many found the first level and spread
	Memory      int64         `json:"memory_steps"` // about how many steps before the window the level and spread rest on
	SpreadFloor int64         `json:"spread_floor"` // least spread, in thousandths of the quantity's unit
	Clip        int64         `json:"clip"`         // a step beyond this many spreads is taken for one at it, for level and spread
	Threshold   int64         `json:"threshold"`    // a mean energy above this, in squared spreads, is an alarm
}

const maxWindow = 128

// DefaultEnergy gives parameters for the air of a refrigerated shipment: two hours' energy of sixteen
// times the usual, which is four spreads in the root mean square. Of 2,400 simulated clean journeys five passed it.
func DefaultEnergy() EnergyParams {
	return EnergyParams{Step: 300_000, Window: 24, Memory: 288, SpreadFloor: 100, Clip: 3_000_000, Threshold: 16_000_000}
}

// Valid reports whether a detector can run on the parameters.
func (p EnergyParams) Valid() bool {
	return p.Step > 0 && p.Step <= maxStep && p.Window >= 4 && p.Window <= maxWindow && p.Memory >= int64(p.Window) && p.Memory <= 1<<20 &&
		p.SpreadFloor > 0 && p.Clip > 0 && p.Threshold > 0
}

// energyStep is what is kept of the readings of a step.
type energyStep struct {
	mean    float64
	squares float64 // sum of the squared distances from the mean
	count   int64
	from    int64 // its beginning
}

// Energy finds what moves more than it did: the mean squared distance of the readings of a sliding
// window from the series' level, in squares of its spread. It sees both what lies far off and what
// swings wider, such as defrosts that run too often. The energy of the standardised window is what
// Sub-PCA, which ranks first on TSB-AD (Liu and Paparrizos, "The Elephant in the Room", NeurIPS 2024),
// amounts to; here level and spread rest on the steps before the window only, clipped, so that
// nothing after a reading and no part of what is judged bears on them. Of each three readings in a row
// the median counts: a single wild one is the sensor's matter.
//
// An a·x+b of a series gives the same energies up to rounding, if the spread's floor is scaled alike
// or not reached.
type Energy struct {
	params EnergyParams

	before     [2]int32 // readings, the later first
	seen       int64    // of them, at most 2
	stepNumber int64
	first      int32   // of the step being gathered
	sum        float64 // of the distances from it
	squares    float64
	count      int64

	window []energyStep // a ring; its oldest at head when full
	head   int64

	level, variance float64 // in thousandths of the unit, and their square
	known           int64   // steps that they rest on

	energy             float64 // of the latest window
	worst              float64
	worstFrom, worstTo int64
	worstSpread        float64
	worstCount         int64
}

// NewEnergy starts a detector.
func NewEnergy(p EnergyParams) *Energy { return &Energy{params: p} }

// Observe takes the next reading, in thousandths of the quantity's unit. One that belongs to a step
// before the latest, or to no time that a ledger knows, is left out.
func (e *Energy) Observe(at ledger.Millis, value int32) {
	if !inTime(at) {
		return
	}
	n := floorDiv(int64(at), int64(e.params.Step))
	if n < e.stepNumber && e.seen > 0 {
		return
	}
	a, b, c := e.before[0], e.before[1], value
	e.before = [2]int32{value, a}
	if e.seen < 2 {
		e.seen++
		e.stepNumber = n
		return
	}
	value = max(min(a, b), min(max(a, b), c))
	if e.count > 0 && n != e.stepNumber {
		e.step((e.stepNumber + 1) * int64(e.params.Step))
		e.sum, e.squares, e.count = 0, 0, 0
	}
	if e.count == 0 {
		e.first = value
	}
	e.stepNumber = n
	d := float64(int64(value) - int64(e.first))
	e.sum += d
	e.squares += float64(d * d)
	e.count++
}

// step takes a completed step.
func (e *Energy) step(end int64) {
	n := float64(e.count)
	s := energyStep{mean: float64(e.first) + e.sum/n, squares: max(0, e.squares-float64(e.sum*e.sum)/n), count: e.count, from: end - int64(e.params.Step)}
	if len(e.window) < e.params.Window {
		if e.window == nil {
			e.window = make([]energyStep, 0, e.params.Window)
		}
		e.window = append(e.window, s)
		if len(e.window) == e.params.Window {
			e.start()
		}
		return
	}
	e.learn(e.window[e.head])
	e.window[e.head] = s
	e.head = (e.head + 1) % int64(e.params.Window)

	var total float64
	var count int64
	for i := range e.window {
		w := &e.window[i]
		total += w.about(e.level)
		count += w.count
	}
	e.energy = total / float64(count) / e.variance
	if e.energy > e.worst {
		e.worst, e.worstTo, e.worstCount = e.energy, end, count
		e.worstFrom = e.window[e.head].from // the oldest; gaps lie between
		e.worstSpread = math.Sqrt(e.variance)
	}
}

// about is the sum of the squared distances from a level.
func (s *energyStep) about(level float64) float64 {
	off := s.mean - level
	return s.squares + float64(float64(off*off)*float64(s.count))
}

// start sets level and variance from the first window: the median of the steps' means, and the mean of
// their mean squared distances, of which none counts more than clipped multiples of the median.
func (e *Energy) start() {
	v := make([]float64, len(e.window))
	for i := range e.window {
		v[i] = e.window[i].mean
	}
	e.level = middle(v)
	for i := range e.window {
		v[i] = e.window[i].about(e.level) / float64(e.window[i].count)
	}
	clip := millionths(e.params.Clip)
	most := max(float64(float64(clip*clip)*middle(v)), e.floor())
	sum := 0.0
	for _, off := range v {
		sum += min(off, most)
	}
	e.variance = max(sum/float64(len(v)), e.floor())
	e.known = int64(e.params.Window)
}

func middle(v []float64) float64 {
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func (e *Energy) floor() float64 {
	f := float64(e.params.SpreadFloor)
	return float64(f * f)
}

// learn lets a step that left the window bear on level and variance.
func (e *Energy) learn(s energyStep) {
	e.known = min(e.params.Memory, e.known+1)
	share := 1 / float64(e.known)
	clip := millionths(e.params.Clip)
	spread := math.Sqrt(e.variance)
	most := float64(float64(clip*clip) * e.variance)
	off := s.about(e.level) / float64(s.count)
	e.level += float64(share * clamp(s.mean-e.level, float64(clip*spread)))
	e.variance = max(e.variance+float64(share*(min(off, most)-e.variance)), e.floor())
}

// CodeEnergy is the code of an Energy's signal: Value is how far the window's readings lay from the
// level in the root mean square, and Limit how far they may, in thousandths of the quantity's unit.
const CodeEnergy = "energy"

// Signals gives what was found so far, nothing before the first window was judged.
func (e *Energy) Signals(bool) []Signal {
	if e.worst <= 0 {
		return nil
	}
	threshold := millionths(e.params.Threshold)
	return []Signal{{
		Code: CodeEnergy, Subject: SubjectChain, Ratio: bounded(e.worst / threshold * Alarm),
		From: ledger.Millis(e.worstFrom), To: ledger.Millis(e.worstTo),
		Value: bounded(float64(e.worstSpread * math.Sqrt(e.worst))), Limit: bounded(float64(e.worstSpread * math.Sqrt(threshold))),
		Count: e.worstCount,
	}}
}

// bounded is a whole number, at most a billion million.
func bounded(v float64) int64 { return int64(max(-1e15, min(1e15, v))) }

// Trace appends the values that a verdict rests on.
func (e *Energy) Trace(c *canon.Coder) {
	c.Float(&e.level)
	c.Float(&e.variance)
	c.Float(&e.energy)
}

// Code writes or reads the state. The parameters are the model's and are not part of it.
func (e *Energy) Code(c *canon.Coder) {
	for i := range e.before {
		canon.Int(c, &e.before[i])
	}
	canon.Int(c, &e.seen)
	canon.Int(c, &e.stepNumber)
	canon.Int(c, &e.first)
	c.Float(&e.sum)
	c.Float(&e.squares)
	canon.Int(c, &e.count)
	canon.Slice(c, &e.window, e.params.Window, func(c *canon.Coder, s *energyStep) {
		c.Float(&s.mean)
		c.Float(&s.squares)
		canon.Int(c, &s.count)
		canon.Int(c, &s.from)
		if s.count <= 0 || !(s.squares >= 0) {
			c.Fail("step of %d readings", s.count)
		}
	})
	canon.Int(c, &e.head)
	for _, f := range []*float64{&e.level, &e.variance, &e.energy, &e.worst, &e.worstSpread} {
		c.Float(f)
	}
	for _, v := range []*int64{&e.known, &e.worstFrom, &e.worstTo, &e.worstCount} {
		canon.Int(c, v)
	}
	full := len(e.window) == e.params.Window
	if e.seen < 0 || e.seen > 2 || e.count < 0 || e.head < 0 || e.head > 0 && (!full || e.head >= int64(e.params.Window)) || e.known < 0 || full && !(e.variance >= e.floor()) {
		c.Fail("energy")
	}
}
