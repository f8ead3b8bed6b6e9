package simulate

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// route is what a climate needs to know of the journey; times in minutes from the first reading.
type route struct {
	lane   Lane
	season Season
	way    float64 // until receipt
	docked []span  // where it stands, and doors open more often
}

type span struct{ from, to float64 }

func (s span) holds(minutes float64) bool { return minutes >= s.from && minutes < s.to }

// failure is a planted fault of the conditions or of the logger.
type failure struct {
	fault Fault
	size  float64 // 0: the product's own
	span
	r *rand.Rand // of the fault alone, so that the rest of the journey is what it would be without
}

// climate is the air around a logger, in degrees Celsius: a controlled mean with the compressor's
// cycle, the weather's share and the day's swing; what doors and defrosting add and what dies away
// of it; and the failure that was planted. It advances in steps of at most a minute. Products are
// explicit conversions, so that every machine rounds alike.
type climate struct {
	r       *rand.Rand
	product product
	sensor  Sensor
	route   route
	failure failure

	mean     float64
	weather  float64 // how much warmer than usual it is outside
	clock    float64 // share of the day at the start
	swing    float64
	period   float64 // of the compressor, in minutes
	phase    float64 // share of the period
	door     float64 // what open doors added
	opening  float64 // minutes that the door stays open
	nextDoor float64 // minutes
	seldom   float64 // how much more seldom doors open than on a journey of half a day
	frost    float64 // what defrosting added
	heating  float64 // minutes that it lasts
	nextHeat float64
	failed   float64 // share of the way to the failure's temperature
	done     int     // openings, pulses or spikes of the failure so far
	extra    float64 // minutes that the failure's own opening or pulse lasts
	minutes  float64

	offset   float64 // of the logger
	probe    float64
	started  bool
	stuck    *float64
	rest     []float64 // what a flat logger hangs on to
	swapped  float64   // what a second logger reads more
	humidity float64
	seeped   float64 // what seeped in
	channels []ledger.Quantity
	others   *rand.Rand // of the channels beside the temperature
}

// newClimate draws a journey's climate. Other channels have their own source, so that the
// temperature does not depend on which there are.
func newClimate(r, others *rand.Rand, p product, s Sensor, way route, channels []ledger.Quantity) *climate {
	c := &climate{
		r: r, others: others, product: p, sensor: s, route: way, channels: channels,
		mean: p.medium + float64(p.spread*clampTo(normal(r), 2)), weather: float64(3 * clampTo(normal(r), 2.5)),
		clock: between(r, 0, 1), swing: between(r, 0.05, 0.15),
		period: between(r, 18, 36), phase: between(r, 0, 1), nextDoor: between(r, 40, 170), nextHeat: between(r, 30, 360),
		seldom: max(1, way.way/720), offset: between(r, -s.Offset, s.Offset),
	}
	c.humidity = between(others, 45, 65)
	return c
}

func clampTo(v, limit float64) float64 { return max(-limit, min(limit, v)) }

// outside is the air around the vehicle.
func (c *climate) outside() float64 {
	share := min(1, c.minutes/max(1, c.route.way))
	here, farther, lean := c.route.lane.Here, c.route.lane.Farther, c.route.season.lean()
	h := here.Mean + float64(here.Seasonal*lean)
	f := farther.Mean + float64(farther.Seasonal*lean)
	daily := here.Daily + float64((farther.Daily-here.Daily)*share)
	return h + float64((f-h)*share) + c.weather + float64(daily*c.noon())
}

// noon is 1 at the warmest hour and -1 at the coldest.
func (c *climate) noon() float64 { return triangle(c.clock + c.minutes/1440) }

// drawn is how far the temperature inside would go towards the outside with open doors.
func (c *climate) drawn() float64 { return clampTo(0.13*(c.outside()-c.mean), c.product.door) }

// advance lets minutes pass, at most one.
func (c *climate) advance(minutes float64) {
	c.minutes += minutes
	period := c.period
	if c.failure.fault == FaultCompressor && c.failure.holds(c.minutes) {
		period = float64(period * c.failure.size)
	}
	c.phase += minutes / period
	for c.phase >= 1 {
		c.phase--
		c.period = between(c.r, 18, 36)
	}
	c.doors(minutes)
	c.defrost(minutes)
	c.fail(minutes)
	air := c.celsius()
	if c.sensor.Lag > minutes {
		c.probe += float64((air-c.probe)*minutes) / c.sensor.Lag
	} else {
		c.probe = air
	}
}

func (c *climate) doors(minutes float64) {
	pace := 1.0
	for _, d := range c.route.docked {
		if d.holds(c.minutes) {
			pace = 2.5
		}
	}
	c.nextDoor -= float64(minutes * pace)
	if c.nextDoor <= 0 {
		c.opening = between(c.r, 2, 7)
		c.nextDoor = float64(between(c.r, 70, 260) * c.seldom)
	}
	drawn := c.drawn()
	if c.failure.fault == FaultDoorOpenings && c.extra > 0 {
		drawn = float64(c.product.door * 0.9) // what makes it a fault is the same in every season
		if c.outside() < c.mean && !c.product.cold {
			drawn = -drawn
		}
	}
	if c.opening > 0 || c.failure.fault == FaultDoorOpenings && c.extra > 0 {
		c.opening -= minutes
		c.door += float64((drawn-c.door)*minutes) / 4
	} else {
		c.door -= float64(c.door*minutes) / 8
	}
}

func (c *climate) defrost(minutes float64) {
	c.nextHeat -= minutes
	if c.nextHeat <= 0 {
		c.heating = between(c.r, 12, 20)
		c.nextHeat = between(c.r, 280, 420)
	}
	if c.heating > 0 {
		c.heating -= minutes
		c.frost += float64((c.product.frost-c.frost)*minutes) / 8
	} else {
		c.frost -= float64(c.frost*minutes) / 10
	}
}

// fail advances what was planted in the air.
func (c *climate) fail(minutes float64) {
	f := &c.failure
	target := 0.0
	if f.holds(c.minutes) {
		target = 1
	}
	switch f.fault {
	case FaultExcursion, FaultFreeze:
		c.failed += float64((target-c.failed)*minutes) / 50
	case FaultLevelStep:
		c.failed += float64((target-c.failed)*minutes) / 10
	case FaultDrift:
		if f.holds(c.minutes) {
			c.failed += minutes / (f.to - f.from)
		}
	case FaultHumidity:
		if f.holds(c.minutes) {
			c.seeped += float64((f.size-c.seeped)*minutes) / 20
		}
	case FaultDoorOpenings:
		c.pulse(minutes, 15, 5, int(f.size+0.5))
	case FaultDefrost:
		c.pulse(minutes, 90, 25, math.MaxInt32)
		if c.extra > 0 {
			c.failed += float64((1-c.failed)*minutes) / 8
		} else {
			c.failed -= float64(c.failed*minutes) / 10
		}
	default:
	}
}

// pulse begins one of most pulses each so many minutes, which lasts for some.
func (c *climate) pulse(minutes, each, lasts float64, most int) {
	c.extra -= minutes
	if c.failure.holds(c.minutes) && c.done < most && c.minutes >= c.failure.from+float64(each*float64(c.done)) {
		c.extra, c.done = lasts, c.done+1
	}
}

// triangle is a wave of period 1 between -1 and 1.
func triangle(phase float64) float64 {
	for phase >= 1 {
		phase--
	}
	if phase < 0.5 {
		return float64(4*phase) - 1
	}
	return 3 - float64(4*phase)
}

// celsius is the true temperature.
func (c *climate) celsius() float64 {
	f := &c.failure
	cycle := c.product.cycle
	if f.fault == FaultCompressor && f.holds(c.minutes) {
		cycle = float64(cycle * math.Sqrt(f.size))
	}
	t := c.mean + float64(cycle*triangle(c.phase)) + float64(c.swing*c.noon()) + float64(0.008*(c.outside()-12)) + c.door + c.frost
	switch f.fault {
	case FaultExcursion:
		t += float64((c.product.failsAt(f.size) - t) * c.failed)
	case FaultFreeze:
		t += float64((-f.size - t) * c.failed)
	case FaultDrift:
		rise := c.product.drifts
		if f.size > 0 {
			rise = float64(f.size*(f.to-f.from)) / 1440
		}
		t += float64(rise * c.failed)
	case FaultLevelStep, FaultDefrost:
		t += float64(f.size * c.failed)
	default:
	}
	return t
}

// read appends what the logger says: the temperature in thousandths of a degree Celsius, and the
// other channels in thousandths of theirs.
func (c *climate) read(into []int32) []int32 {
	if !c.started {
		c.started, c.probe = true, c.celsius()
	}
	for i, q := range c.channels {
		var v, resolution float64
		switch q {
		case ledger.Temperature:
			v, resolution = c.temperature(), c.sensor.Resolution
		case ledger.RelativeHumidity:
			v = clampTo(c.humidity+float64(3*c.door)+c.seeped+float64(0.5*normal(c.others)), 100)
			v, resolution = max(0, v), 0.1
		case ledger.Shock:
			v, resolution = c.shock(), 0.1
		case ledger.Light:
			v, resolution = c.light(), 1
		case ledger.Door:
			if c.opening > 0 || c.failure.fault == FaultDoorOpenings && c.extra > 0 {
				v = 1
			}
			resolution = 1
		}
		if c.failure.fault == FaultFlatline && c.failure.holds(c.minutes) {
			if len(c.rest) == i {
				c.rest = append(c.rest, v)
			}
			v = c.rest[i] + float64(0.02*(v-c.rest[i]))
		}
		low, high, _ := q.Bounds()
		into = append(into, max(low, min(high, quantised(v, resolution))))
	}
	return into
}

func (c *climate) temperature() float64 {
	t := c.probe + c.offset + c.swapped + float64(c.sensor.Noise*normal(c.r))
	f := &c.failure
	if !f.holds(c.minutes) {
		return t
	}
	switch f.fault {
	case FaultStuck:
		if c.stuck == nil {
			c.stuck = &t
		}
		return *c.stuck
	case FaultUnitSlip:
		return float64(1.8*t) + 32
	case FaultSpikes:
		if c.done < spikes && c.minutes >= f.from+float64((f.to-f.from)*float64(c.done))/spikes {
			c.done++
			if f.r.IntN(2) == 0 {
				return t - f.size
			}
			return t + f.size
		}
	default:
	}
	return t
}

const spikes = 5

// shock is the peak since the reading before, in g.
func (c *climate) shock() float64 {
	v := 0.3 + float64(0.25*exponential(c.others))
	for _, d := range c.route.docked {
		if d.holds(c.minutes) && c.others.IntN(12) == 0 {
			v += exponential(c.others) // handling
		}
	}
	if c.failure.fault == FaultShock && c.done == 0 && c.failure.holds(c.minutes) {
		c.done = 1
		v = max(v, c.failure.size)
	}
	return min(v, 12+c.failure.size)
}

// light is in lux.
func (c *climate) light() float64 {
	v := between(c.others, 0, 2)
	if c.opening > 0 {
		v += between(c.others, 150, 800)
	}
	if c.failure.fault == FaultOpened && c.failure.holds(c.minutes) {
		v += between(c.others, 250, 350)
	}
	return v
}

// quantised rounds to a logger's resolution and gives thousandths.
func quantised(v, resolution float64) int32 {
	n := clampTo(v/resolution, 1<<30)
	if n < 0 {
		n -= 0.5
	} else {
		n += 0.5
	}
	milli := int64(n) * int64(float64(resolution*1000)+0.5)
	return int32(max(math.MinInt32, min(math.MaxInt32, milli)))
}

// readings are a logger's, by channel.
type readings struct {
	times  []ledger.Millis
	values [][]int32
}

// series reads a logger from one time up to another, exclusive.
func (c *climate) series(from, to time.Time, sampling time.Duration) readings {
	n := int(to.Sub(from)/sampling) + 1
	out := readings{times: make([]ledger.Millis, 0, n), values: make([][]int32, len(c.channels))}
	for i := range out.values {
		out.values[i] = make([]int32, 0, n)
	}
	var row []int32
	for at := from; at.Before(to); at = at.Add(sampling) {
		row = c.read(row[:0])
		stamp := at
		if c.failure.holds(c.minutes) || c.failure.fault == FaultClockJump && c.minutes >= c.failure.from {
			switch c.failure.fault {
			case FaultClockJump:
				stamp = at.Add(time.Duration(float64(c.failure.size * float64(time.Minute)))).Truncate(time.Second)
			case FaultDropout:
				row = row[:0]
			default:
			}
		}
		if len(row) > 0 {
			out.times = append(out.times, ledger.MillisOf(stamp))
			for i, v := range row {
				out.values[i] = append(out.values[i], v)
			}
		}
		for left := sampling.Seconds() / 60; left > 0; left-- {
			c.advance(min(left, 1))
		}
	}
	return out
}
