package simulate

import (
	"math/rand/v2"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// climate is the air around a logger, in degrees Celsius: a controlled mean with the compressor's
// cycle and the day's swing, a disturbance that doors add and that dies away, and the failure that
// was planted. It advances in steps of at most a minute. Products are explicit conversions, so that
// every machine rounds alike.
type climate struct {
	r       *rand.Rand
	product product

	mean     float64
	swing    float64 // of the day, either way
	swingAt  float64 // share of the day at the start
	period   float64 // of the compressor, in minutes
	phase    float64 // share of the period
	door     float64 // what open doors added
	opening  float64 // minutes that the door stays open
	nextDoor float64 // minutes
	seldom   float64 // how much more seldom doors open than on a journey of half a day
	failed   float64 // share of the way to the failure's temperature
	minutes  float64

	fault      Fault
	from, to   float64 // minutes of the fault
	stuck      *float64
	afterSwap  float64 // what the second logger reads more
	humidity   float64
	swapAfter  float64 // minutes; 0: never
	resolution float64
}

func newClimate(r *rand.Rand, p product) *climate {
	return &climate{
		r: r, product: p,
		mean: p.medium + float64(p.spread*clampTo(normal(r), 2)), swing: between(r, 0.05, 0.2), swingAt: between(r, 0, 1),
		period: between(r, 18, 36), phase: between(r, 0, 1), nextDoor: between(r, 40, 170), humidity: between(r, 45, 65),
		seldom: 1, resolution: []float64{0.01, 0.05, 0.1}[r.IntN(3)],
	}
}

func clampTo(v, limit float64) float64 { return max(-limit, min(limit, v)) }

// advance lets minutes pass, at most one.
func (c *climate) advance(minutes float64) {
	c.minutes += minutes
	c.phase += minutes / c.period
	for c.phase >= 1 {
		c.phase--
		c.period = between(c.r, 18, 36)
	}
	c.nextDoor -= minutes
	if c.nextDoor <= 0 {
		c.opening = between(c.r, 2, 7)
		c.nextDoor = float64(between(c.r, 70, 260) * c.seldom)
	}
	if c.opening > 0 {
		c.opening -= minutes
		c.door += float64((c.product.door-c.door)*minutes) / 4
	} else {
		c.door -= float64(c.door*minutes) / 8
	}
	target := 0.0
	if c.minutes >= c.from && c.minutes < c.to {
		target = 1
	}
	switch c.fault {
	case FaultExcursion:
		c.failed += float64((target-c.failed)*minutes) / 70
	case FaultFreeze:
		c.failed += float64((target-c.failed)*minutes) / 50
	case FaultDrift:
		if c.minutes >= c.from && c.minutes < c.to {
			c.failed += minutes / (c.to - c.from)
		}
	default:
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
	t := c.mean + float64(c.product.cycle*triangle(c.phase)) + float64(c.swing*triangle(c.swingAt+c.minutes/1440)) + c.door
	switch c.fault {
	case FaultExcursion:
		t += float64((c.product.fails - t) * c.failed)
	case FaultFreeze:
		t += float64((-4.5 - t) * c.failed)
	case FaultDrift:
		t += float64(c.product.drifts * c.failed)
	default:
	}
	return t
}

// read is what the logger says: temperature in thousandths of a degree Celsius and humidity in
// thousandths of a percent.
func (c *climate) read() (int32, int32) {
	t := c.celsius() + float64(0.06*normal(c.r))
	if c.swapAfter > 0 && c.minutes >= c.swapAfter {
		t += c.afterSwap
	}
	h := c.humidity + float64(3*c.door) + float64(0.5*normal(c.r))
	if c.fault == FaultStuck && c.minutes >= c.from && c.minutes < c.to {
		if c.stuck == nil {
			c.stuck = &t
		}
		t = *c.stuck
	}
	return quantised(t, c.resolution), quantised(clampTo(h, 100), 0.1)
}

// quantised rounds to a logger's resolution and gives thousandths.
func quantised(v, resolution float64) int32 {
	n := v / resolution
	if n < 0 {
		n -= 0.5
	} else {
		n += 0.5
	}
	return int32(int64(n)) * int32(resolution*1000+0.5) //nolint:gosec // a temperature
}

// series reads a logger from one time up to another, exclusive.
func (c *climate) series(from, to time.Time, sampling time.Duration) (times []ledger.Millis, celsius, humidity []int32) {
	for at := from; at.Before(to); at = at.Add(sampling) {
		t, h := c.read()
		times = append(times, ledger.MillisOf(at))
		celsius = append(celsius, t)
		humidity = append(humidity, h)
		for left := sampling.Seconds() / 60; left > 0; left-- {
			c.advance(min(left, 1))
		}
	}
	return times, celsius, humidity
}
