// Package sensor tells a broken instrument from a broken cold chain. It looks at what one logger
// wrote, reading by reading, for what air, goods and doors cannot do: one value for hours, a wild
// reading between two that agree, a jump to the same temperature in another unit, a clock that runs
// backwards. What it finds speaks of the logger and never clears the goods: nobody measured them.
// It is causal, its state is bounded, and it gives the same bits on every machine. It may import
// ledger, analytics/canon and analytics/detect; no clock, no gonum.
//
// The kinds of faults are those of Sharma, Golubchik and Govindan, "Sensor Faults: Detection Methods
// and Prevalence in Real-World Datasets", ACM Trans. Sensor Networks 6(3), 2010, and Ni et al.,
// "Sensor Network Data Fault Types", ACM Trans. Sensor Networks 5(3), 2009.
package sensor

import (
	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/detect"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// The codes of a Monitor's signals, all of detect.SubjectSensor. In each, From and To bound the
// readings in question and Count says how many they are.
const (
	// CodeStuck: one value repeated. Value is the value, Limit the milliseconds that were allowed.
	CodeStuck = "sensor_stuck"
	// CodeRail: a value that tells of an error of the sensor, or that no sensor of a cold chain can
	// give. Value is the last such value, Limit the nearest that is believed.
	CodeRail = "sensor_rail"
	// CodeFlatline: readings that hardly move any more, though they are not all one. Value is how far
	// they moved in all, Limit how far they moved in the quietest time before of the same length.
	CodeFlatline = "flatline"
	// CodeDropout: readings that are missing between others. Value is the milliseconds of the longest
	// silence, Limit the milliseconds allowed; or, where many short ones did it, Value is the time lost
	// of the last 128 readings due, and Limit what is allowed of that. Count is the readings missing.
	CodeDropout = "dropout"
	// CodeClock: the clock was set. Value is by how many milliseconds, negative for back; Limit is
	// what is tolerated. Count is the number of times.
	CodeClock = "clock_jump"
	// CodeUnit: degrees Fahrenheit told as Celsius, or Celsius converted as if it were Fahrenheit.
	// Value is the first such reading as recorded, Limit the temperature it stands for.
	CodeUnit = "unit_slip"
	// CodeSpikes: single wild readings between neighbours that agree. Value is the wildest reading,
	// Limit the one before it.
	CodeSpikes = "spikes"
	// CodeResolution: the steps in which the logger counts changed. Value is the new step, Limit the
	// one before.
	CodeResolution = "resolution_change"
)

// Params are the parameters of a Monitor. All are integers, so that their canonical form is exact.
// Temperatures are in thousandths of a degree Celsius.
type Params struct {
	// Stuck is for how long, and over how many readings at least, one value may be repeated.
	Stuck detect.StuckParams `json:"stuck"`
	// StuckTimes is how many times as long as any run before a run must be, and as For, unless in each
	// half hour before the readings were some steps of the resolution apart: a coarse logger in a calm
	// box repeats itself by habit.
	StuckTimes int64 `json:"stuck_times"`

	// Rails are values that sensors give for an error. 85 °C is the power-on value of a DS18B20, and
	// -127 °C is what its most used driver gives for a broken wire.
	Rails []int32 `json:"rails,omitempty"`
	// RailLow and RailHigh bound what a sensor of a cold chain can measure; equal: anything.
	RailLow  int32 `json:"rail_low"`
	RailHigh int32 `json:"rail_high"`
	// RailReadings on a rail are an alarm.
	RailReadings int64 `json:"rail_readings"`

	// FlatBlock is a third of the time over which movement is measured.
	FlatBlock ledger.Millis `json:"flat_block_ms"`
	// FlatShare is the share, in millionths, of the quietest movement before that is flat, if it is
	// also at most FlatSteps steps of the logger's resolution.
	FlatShare int64 `json:"flat_share"`
	FlatSteps int64 `json:"flat_steps"`

	// Silence is how long a logger may be silent beyond its interval.
	Silence ledger.Millis `json:"silence_ms"`
	// Loss is the share, in millionths, of the last 128 readings due that may be missing.
	Loss int64 `json:"loss"`

	// Clock is by how much a clock may be set.
	Clock ledger.Millis `json:"clock_ms"`
	// ClockFar is the silence that is taken for a clock that was not set before: no shipment is silent
	// for so long.
	ClockFar ledger.Millis `json:"clock_far_ms"`

	// SlipLeast is the least jump that is taken for a change of unit, 0 for none; at -40 degrees the scales meet.
	SlipLeast int32 `json:"slip_least"`
	// SlipNear is how near the converted temperature must be to the one before, beside the range of the
	// three readings before.
	SlipNear int32 `json:"slip_near"`
	// SlipWithin is the longest interval over which a jump is no warming or cooling.
	SlipWithin ledger.Millis `json:"slip_within_ms"`
	// SlipReadings must agree.
	SlipReadings int64 `json:"slip_readings"`
	// SlipPlain is the temperature above which all readings since the beginning must lie to be taken
	// for Fahrenheit from the start, if as Fahrenheit they fit the product.
	SlipPlain int32 `json:"slip_plain"`

	// SpikeLeast is the least height of a spike, and SpikeTimes its least multiple of the usual step
	// from one reading to the next, in millionths.
	SpikeLeast int32 `json:"spike_least"`
	SpikeTimes int64 `json:"spike_times"`
	// SpikeWithin is the longest interval over which air cannot rise and fall back.
	SpikeWithin ledger.Millis `json:"spike_within_ms"`
	// Spikes are an alarm.
	Spikes int64 `json:"spikes"`

	// Grain is over how many steps from one reading to another the resolution is found.
	Grain int64 `json:"grain_steps"`
}

// Default gives parameters for the temperature of a refrigerated or frozen shipment. They are decided
// and not fitted.
func Default() Params {
	const minute = ledger.Millis(60_000)
	return Params{
		Stuck: detect.StuckParams{For: 90 * minute, Readings: 30}, StuckTimes: 3,
		Rails: []int32{-127_000, 85_000}, RailLow: -200_000, RailHigh: 150_000, RailReadings: 2,
		FlatBlock: 30 * minute, FlatShare: 62_500, FlatSteps: 4,
		Silence: 120 * minute, Loss: 250_000,
		Clock: 5 * minute, ClockFar: 30 * 24 * 60 * minute,
		SlipLeast: 6_000, SlipNear: 1_000, SlipWithin: 15 * minute, SlipReadings: 3, SlipPlain: 35_000,
		SpikeLeast: 1_000, SpikeTimes: 8_000_000, SpikeWithin: 5 * minute, Spikes: 3,
		Grain: 48,
	}
}

// UnitFree gives the parameters without the tests that know what a degree is, for a series of which
// nothing is known.
func (p Params) UnitFree() Params {
	p.Rails, p.RailLow, p.RailHigh = nil, 0, 0
	p.SlipLeast = 0
	p.SpikeLeast = 0
	return p
}

const maxRails = 16

// longest bounds the durations of parameters: ten years.
const longest = ledger.Millis(10 * 365 * 24 * 3_600_000)

// Valid reports whether a monitor can run on the parameters.
func (p Params) Valid() bool {
	for _, d := range []ledger.Millis{p.Stuck.For, p.FlatBlock, p.Silence, p.Clock, p.ClockFar, p.SlipWithin, p.SpikeWithin} {
		if d <= 0 || d > longest {
			return false
		}
	}
	for _, n := range []int64{p.StuckTimes, p.RailReadings, p.FlatSteps, p.SlipReadings, p.Spikes, p.Grain} {
		if n < 1 || n > 10_000 {
			return false
		}
	}
	return p.Stuck.Valid() && len(p.Rails) <= maxRails && p.RailLow <= p.RailHigh &&
		p.FlatShare > 0 && p.FlatShare < detect.Alarm && p.Loss > 0 && p.Loss <= detect.Alarm &&
		p.SlipLeast >= 0 && p.SlipNear >= 0 && p.SpikeLeast >= 0 && p.SpikeTimes > 0 && p.SpikeTimes <= 1_000*detect.Alarm
}

// farthest bounds times: 285,000 years either way, so that no difference overflows.
const farthest = int64(1) << 53

// Monitor watches one logger. It is not safe for concurrent use.
type Monitor struct {
	p Params

	have   bool
	last   int64 // time of the last reading
	latest int64 // latest time of all
	value  int32
	count  int64

	ranged    bool
	low, high int32 // of the product

	usual usual
	stuck stuck
	rail  rail
	flat  flat
	pace  pace
	clock clock
	unit  unit
	spike spike
	grain grain
	doubt doubt
}

// New starts a monitor.
func New(p Params) *Monitor { return &Monitor{p: p} }

// SetRange tells the recommended range of the product, in thousandths of a degree Celsius. Without
// it a series that is in another unit from its first reading to its last is believed.
func (m *Monitor) SetRange(low, high int32) { m.ranged, m.low, m.high = true, low, high }

// Observe takes the next reading in the order in which the logger wrote it, whatever its time: it
// is to see times that repeat or run backwards, which others leave out.
func (m *Monitor) Observe(at ledger.Millis, value int32) {
	now := int64(at)
	if now > farthest || now < -farthest {
		return
	}
	if !m.have {
		m.have, m.last, m.latest, m.value, m.count = true, now, now, value, 1
		m.stuck.restart(now, value, false)
		m.flat.restart(now, value)
		m.rail.observe(&m.p, now, value)
		m.unit.begin(now, value)
		m.spike.begin(value)
		m.doubts(now)
		return
	}
	interval := now - m.last
	if interval == 0 {
		if value != m.value {
			m.clock.back(&m.p, now, now, max(m.pace.interval, 1))
		}
		return
	}
	m.count++
	m.doubt.hold(now)
	step := int64(value) - int64(m.value)
	if interval < 0 {
		m.clock.back(&m.p, m.last, now, m.pace.interval-interval)
		m.pace.interrupt(&m.p)
		m.stuck.restart(now, value, m.flat.fine(m.grain.step))
		m.flat.restart(now, value)
	} else {
		if m.clock.forward(&m.p, m.last, now, m.pace.interval, step, m.usual.step) {
			m.pace.interrupt(&m.p)
		} else {
			m.pace.observe(&m.p, m.last, now)
		}
		m.stuck.observe(&m.p, now, value, m.flat.fine(m.grain.step))
		m.flat.observe(&m.p, now, value, m.grain.step)
	}
	m.rail.observe(&m.p, now, value)
	m.unit.observe(&m.p, now, interval, value)
	m.spike.observe(&m.p, m.last, interval, value, m.usual.step)
	m.grain.observe(&m.p, m.last, now, step)
	m.usual.observe(step)
	m.last, m.value, m.latest = now, value, max(m.latest, now)
	m.doubts(now)
}

// doubts notes which tests doubt the reading at hand.
func (m *Monitor) doubts(now int64) {
	m.doubt.set(kindStuck, m.stuck.alarmed, m.stuck.since, now)
	m.doubt.set(kindRail, m.rail.on, m.rail.since, now)
	m.doubt.set(kindFlat, m.flat.alarmed, m.flat.since, now)
	m.doubt.set(kindClock, now < m.latest, now, now)
	m.doubt.set(kindUnit, m.unit.away != 0, m.unit.since, now)
}

// Signals gives what was found so far, at most one a code and in a fixed order. Final says that no
// reading follows.
func (m *Monitor) Signals(final bool) []detect.Signal {
	pace := m.pace
	if final {
		pace.interrupt(&m.p)
	}
	candidates := [...]detect.Signal{
		m.stuck.signal(), m.rail.signal(), m.flat.signal(), pace.signal(&m.p), m.clock.signal(),
		m.unit.signal(m), m.spike.signal(), m.grain.signal(),
	}
	var found []detect.Signal
	for _, s := range candidates {
		if s.Ratio > 0 {
			s.Subject = detect.SubjectSensor
			found = append(found, s)
		}
	}
	return found
}

// Doubtful reports whether the latest reading is to be believed no longer: the sensor is stuck, flat
// or at a rail, in another unit, or its clock was set back to times that it told before.
func (m *Monitor) Doubtful() bool {
	for k, on := range m.doubt.active {
		if kind(k) == kindUnit && m.unit.fromStart(m) {
			on = m.unit.away == 0
		}
		if on {
			return true
		}
	}
	return false
}

// Nonsense reports whether the latest reading is to be believed no longer for another reason than that the
// sensor repeats itself: a coarse sensor in a steady box does so too and tells the truth.
func (m *Monitor) Nonsense() bool {
	return m.doubt.active[kindRail] || m.doubt.active[kindClock] || m.doubt.active[kindUnit] && !m.unit.fromStart(m) ||
		m.unit.fromStart(m) && m.doubt.active[kindUnit] && m.unit.away == 0
}

// Doubted gives the share of a time, in millionths, in which readings were not to be believed, and
// the code of what speaks the most against them. Of a time without length it is whether that moment
// was.
func (m *Monitor) Doubted(from, to ledger.Millis) (int64, string) {
	spans := m.doubt
	if m.unit.fromStart(m) {
		spans.drop(kindUnit)
		spans.extend(kindUnit, m.unit.base.from, m.unit.base.to)
	}
	return spans.share(int64(from), int64(to))
}

// Trace appends the values that a verdict rests on.
func (m *Monitor) Trace(c *canon.Coder) {
	canon.Int(c, &m.stuck.held)
	canon.Int(c, &m.flat.worst.ratio)
	canon.Int(c, &m.pace.interval)
	canon.Uint(c, &m.pace.seen[0])
	canon.Int(c, &m.clock.total)
	canon.Int(c, &m.unit.away)
	canon.Int(c, &m.spike.count)
	canon.Int(c, &m.grain.step)
	c.Float(&m.usual.step)
}

// Code writes or reads the state. The parameters are the model's and are not part of it.
func (m *Monitor) Code(c *canon.Coder) {
	c.Bool(&m.have)
	canon.Int(c, &m.last)
	canon.Int(c, &m.latest)
	canon.Int(c, &m.value)
	canon.Int(c, &m.count)
	c.Bool(&m.ranged)
	canon.Int(c, &m.low)
	canon.Int(c, &m.high)
	for _, t := range []int64{m.last, m.latest} {
		if t > farthest || t < -farthest {
			c.Fail("time %d", t)
		}
	}
	m.usual.code(c)
	m.stuck.code(c)
	if m.have && m.stuck.count < 1 {
		c.Fail("a run of no readings")
	}
	m.rail.code(c)
	m.flat.code(c)
	m.pace.code(c)
	m.clock.code(c)
	m.unit.code(c)
	m.spike.code(c)
	m.grain.code(c)
	m.doubt.code(c)
}

// found is the worst that a test saw.
type found struct {
	ratio        int64
	from, to     int64
	value, limit int64
	count        int64
}

// worsen keeps the larger ratio.
func (f *found) worsen(g found) {
	if g.ratio > f.ratio {
		*f = g
	}
}

func (f *found) signal(code string) detect.Signal {
	return detect.Signal{
		Code: code, Ratio: f.ratio, From: ledger.Millis(f.from), To: ledger.Millis(f.to), Value: f.value, Limit: f.limit, Count: f.count,
	}
}

func (f *found) code(c *canon.Coder) {
	for _, v := range []*int64{&f.ratio, &f.from, &f.to, &f.value, &f.limit, &f.count} {
		canon.Int(c, v)
	}
}

// usual follows the median size of the steps between unequal readings: up by a share when a step is
// larger, down when it is smaller, so that no single step moves it far.
type usual struct {
	step  float64
	count int64
}

// early is how many steps move it fast.
const early = 32

func (u *usual) observe(step int64) {
	if step == 0 {
		return
	}
	size := float64(max(step, -step))
	if u.count == 0 {
		u.step, u.count = size, 1
		return
	}
	gain := 1.0 / 32
	if u.count < early {
		u.count++
		gain = 1.0 / 4
	}
	switch {
	case size > u.step:
		u.step = float64(u.step * (1 + gain))
	case size < u.step:
		u.step = float64(u.step * (1 - gain))
	}
	u.step = max(1.0/1024, u.step)
}

func (u *usual) code(c *canon.Coder) {
	c.Float(&u.step)
	canon.Int(c, &u.count)
	if !(u.step >= 0 && u.step <= 1<<40) {
		c.Fail("step")
	}
}

// per is a over b in millionths, at most a thousand times.
func per(a, b int64) int64 {
	const most = 1_000 * detect.Alarm
	switch {
	case a <= 0 || b <= 0:
		return 0
	case a/b >= 1_000:
		return most
	case a > 1<<42:
		a, b = a>>21, max(1, b>>21)
	}
	return min(most, a*detect.Alarm/b)
}
