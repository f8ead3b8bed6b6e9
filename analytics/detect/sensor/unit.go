package sensor

import (
	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/detect"
)

const (
	// recent readings before a jump must agree: the way back from a wild one is no change of unit.
	recent = 3
	// startReadings and startFor are what is needed to say that a series was never in Celsius.
	startReadings = 12
	startFor      = int64(30 * 60_000)
)

// regime is the readings in one unit.
type regime struct {
	from, to  int64
	first     int32
	low, high int32 // of the medians of three: a single wild reading is another matter
	count     int64
}

func (r *regime) add(now int64, value, median int32) {
	if r.count == 0 {
		*r = regime{now, now, value, median, median, 0}
	}
	r.to = max(r.to, now)
	r.count++
	r.low, r.high = min(r.low, median), max(r.high, median)
}

func (r *regime) code(c *canon.Coder) {
	canon.Int(c, &r.from)
	canon.Int(c, &r.to)
	canon.Int(c, &r.first)
	canon.Int(c, &r.low)
	canon.Int(c, &r.high)
	canon.Int(c, &r.count)
}

// unit finds a change of unit: from one reading to the next the temperature jumps to what the one
// before is in degrees Fahrenheit, or in Celsius if it had been Fahrenheit, and stays there. Air
// warms and cools over minutes and stops where it will.
type unit struct {
	readings [recent]int32
	filled   int64

	away  int64 // 0: in the unit of the first reading; 1: converted to Fahrenheit once more; -1: to Celsius
	since int64 // of away

	candidate int64 // direction of a jump that is not certain yet
	agreed    int64
	jumped    int64
	jumpedTo  int32
	level     int32 // before the jump
	near      int64

	base, other regime // readings in the first unit, and in another
	otherIs     int64  // away of the first reading in another
}

func toFahrenheit(v int64) int64 { return v*9/5 + 32_000 }

func toCelsius(v int64) int64 { return (v - 32_000) * 5 / 9 }

// undo gives what a value is without a conversion.
func undo(direction, v int64) int64 {
	if direction > 0 {
		return toCelsius(v)
	}
	return toFahrenheit(v)
}

func (u *unit) begin(now int64, value int32) {
	u.push(value)
	u.base.add(now, value, value)
}

func (u *unit) push(value int32) {
	copy(u.readings[1:], u.readings[:recent-1])
	u.readings[0] = value
	u.filled = min(recent, u.filled+1)
}

func (u *unit) observe(p *Params, now, interval int64, value int32) {
	if p.SlipLeast == 0 {
		return
	}
	if u.candidate != 0 {
		if !u.agrees(u.candidate, value) {
			u.candidate = 0
		} else if u.agreed++; u.agreed >= p.SlipReadings {
			u.confirm()
		}
	} else if interval > 0 && interval <= int64(p.SlipWithin) {
		u.jump(p, now, value)
	}
	u.push(value)
	if u.candidate != 0 {
		return
	}
	r := &u.base
	if u.away != 0 {
		r = &u.other
	}
	r.add(now, value, u.median(value))
}

// jump looks whether a reading may be the first in another unit.
func (u *unit) jump(p *Params, now int64, value int32) {
	level := u.readings[0]
	height := int64(value) - int64(level)
	if u.filled < recent || max(height, -height) < int64(p.SlipLeast) {
		return
	}
	low, high := level, level
	for _, r := range u.readings {
		low, high = min(low, r), max(high, r)
	}
	size, moved := max(height, -height), int64(high)-int64(low)
	if moved > size/4 {
		return
	}
	// No more than an eighth of the jump: in the middle of warming anything is near.
	u.level, u.near = level, min(int64(p.SlipNear)+moved, size/8)
	for _, direction := range [...]int64{1, -1} {
		if u.away+direction <= 1 && u.away+direction >= -1 && u.agrees(direction, value) {
			u.candidate, u.agreed, u.jumped, u.jumpedTo = direction, 1, now, value
			return
		}
	}
}

func (u *unit) agrees(direction int64, value int32) bool {
	d := undo(direction, int64(value)) - int64(u.level)
	return max(d, -d) <= u.near
}

// confirm takes the new unit; the reading at hand is yet to be added to its regime.
func (u *unit) confirm() {
	u.away += u.candidate
	u.candidate = 0
	u.since = u.jumped
	r := &u.base
	if u.away != 0 {
		r = &u.other
	}
	if r.count == 0 {
		u.otherIs = u.away
		*r = regime{u.jumped, u.jumped, u.jumpedTo, u.jumpedTo, u.jumpedTo, 0}
	}
	r.count += u.agreed - 1
	u.filled = min(u.filled, u.agreed-1) // what follows is compared in its own unit
}

// median of the last three.
func (u *unit) median(value int32) int32 {
	if u.filled < 3 {
		return value
	}
	a, b, c := u.readings[0], u.readings[1], u.readings[2]
	return max(min(a, b), min(max(a, b), c))
}

// fromStart reports whether the first unit was Fahrenheit: all readings in it are warmer than any
// ambient air, and as Fahrenheit they fit the product.
func (u *unit) fromStart(m *Monitor) bool {
	b := &u.base
	if !m.ranged || m.p.SlipLeast == 0 || b.count < startReadings || b.to-b.from < startFor || b.low <= m.p.SlipPlain {
		return false
	}
	room := (int64(m.high) - int64(m.low)) / 4
	return toCelsius(int64(b.low)) >= int64(m.low)-room && toCelsius(int64(b.high)) <= int64(m.high)+room
}

func (u *unit) signal(m *Monitor) detect.Signal {
	r, stands := &u.other, undo(u.otherIs, int64(u.other.first))
	if u.fromStart(m) {
		r, stands = &u.base, toCelsius(int64(u.base.first))
	}
	if r.count == 0 {
		return detect.Signal{}
	}
	f := found{detect.Alarm, r.from, r.to, int64(r.first), stands, r.count}
	return f.signal(CodeUnit)
}

func (u *unit) code(c *canon.Coder) {
	for i := range u.readings {
		canon.Int(c, &u.readings[i])
	}
	canon.Int(c, &u.level)
	canon.Int(c, &u.jumpedTo)
	for _, v := range []*int64{&u.filled, &u.away, &u.since, &u.candidate, &u.agreed, &u.jumped, &u.near, &u.otherIs} {
		canon.Int(c, v)
	}
	u.base.code(c)
	u.other.code(c)
	for _, v := range []int64{u.away, u.candidate, u.otherIs} {
		if v < -1 || v > 1 {
			c.Fail("unit %d", v)
		}
	}
	if u.filled < 0 || u.filled > recent || u.near < 0 || u.near > 1<<33 {
		c.Fail("recent readings")
	}
}
