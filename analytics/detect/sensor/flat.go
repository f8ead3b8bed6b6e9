package sensor

import (
	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/detect"
)

// flatParts blocks are looked at together.
const flatParts = 3

// flatReadings is the least number of readings a block needs.
const flatReadings = 8

// movement is how far readings moved: from end to end, and on the mean from one to the next.
type movement struct {
	span, step float64
}

type flatBlock struct {
	from      int64
	low, high int32
	moved     int64 // sum of the steps' sizes
	count     int64
}

// flat finds readings that hardly move any more: both from end to end and from one to the next no
// more than a share of the quietest time before. That a calm box moves from end to end as little is
// common; that the last digits rest too is not, unless goods and logger came from a room into a
// perfect calm, which the bound in steps of the resolution leaves room for.
type flat struct {
	block  flatBlock
	last   int32
	parts  [flatParts]flatBlock // complete ones, the oldest first
	filled int64
	lagged [flatParts]movement // of the last times looked at, not yet part of quiet
	behind int64
	quiet  movement // the least before
	known  int64    // how many times quiet rests on
	least  int64    // least distance from end to end of a block before
	blocks int64

	alarmed bool
	since   int64
	worst   found
}

func (f *flat) restart(now int64, value int32) {
	f.block = flatBlock{from: now, low: value, high: value}
	f.last = value
	f.filled, f.alarmed = 0, false
}

func (f *flat) observe(p *Params, now int64, value int32, resolution int64) {
	width := int64(p.FlatBlock)
	if elapsed := now - f.block.from; elapsed >= width {
		whole := f.block.count >= flatReadings && elapsed < 2*width
		if whole {
			f.complete(p, now, resolution)
		}
		block := flatBlock{from: now, low: value, high: value}
		if !whole {
			f.filled, f.alarmed = 0, false
		}
		f.block, f.last = block, value
		return
	}
	step := int64(value) - int64(f.last)
	f.block.moved += max(step, -step)
	f.block.count++
	f.block.low, f.block.high = min(f.block.low, value), max(f.block.high, value)
	f.last = value
}

// fine reports whether the readings of every block were some steps of the resolution apart.
func (f *flat) fine(resolution int64) bool {
	return f.blocks > 0 && resolution > 0 && f.least >= 4*resolution
}

// complete takes a block.
func (f *flat) complete(p *Params, now, resolution int64) {
	if span := int64(f.block.high) - int64(f.block.low); f.blocks == 0 || span < f.least {
		f.least = span
	}
	f.blocks++
	copy(f.parts[:], f.parts[1:])
	f.parts[flatParts-1] = f.block
	f.filled = min(flatParts, f.filled+1)
	if f.filled < flatParts {
		return
	}
	all := f.parts[0]
	for _, b := range f.parts[1:] {
		all.low, all.high = min(all.low, b.low), max(all.high, b.high)
		all.moved += b.moved
		all.count += b.count
	}
	is := movement{float64(int64(all.high) - int64(all.low)), float64(all.moved) / float64(all.count)}
	f.alarmed = false
	// One value and no other is a stuck sensor's.
	if is.span > 0 && is.step > 0 && f.known >= 2 && resolution > 0 {
		share := float64(p.FlatShare)
		ratio := min(float64(f.quiet.span*share)/is.span, float64(f.quiet.step*share)/is.step, float64(float64(p.FlatSteps*resolution)*detect.Alarm)/is.span)
		r := int64(min(ratio, 1_000*detect.Alarm))
		f.alarmed = r >= detect.Alarm
		f.since = all.from
		f.worst.worsen(found{r, all.from, now, int64(is.span), int64(f.quiet.span), all.count})
	}
	if f.alarmed || is.span == 0 {
		return // nothing to get used to
	}
	if oldest := f.lagged[0]; f.behind == flatParts {
		if f.known == 0 {
			f.quiet = oldest
		}
		f.quiet.span, f.quiet.step = min(f.quiet.span, oldest.span), min(f.quiet.step, oldest.step)
		f.known++
	}
	copy(f.lagged[:], f.lagged[1:])
	f.lagged[flatParts-1] = is
	f.behind = min(flatParts, f.behind+1)
}

func (f *flat) signal() detect.Signal { return f.worst.signal(CodeFlatline) }

func (f *flat) code(c *canon.Coder) {
	block := func(b *flatBlock) {
		canon.Int(c, &b.from)
		canon.Int(c, &b.low)
		canon.Int(c, &b.high)
		canon.Int(c, &b.moved)
		canon.Int(c, &b.count)
		if b.count < 0 || b.moved < 0 || b.from > farthest || b.from < -farthest {
			c.Fail("block")
		}
	}
	block(&f.block)
	canon.Int(c, &f.last)
	for i := range f.parts {
		block(&f.parts[i])
	}
	canon.Int(c, &f.filled)
	for i := range f.lagged {
		c.Float(&f.lagged[i].span)
		c.Float(&f.lagged[i].step)
	}
	canon.Int(c, &f.behind)
	c.Float(&f.quiet.span)
	c.Float(&f.quiet.step)
	canon.Int(c, &f.known)
	canon.Int(c, &f.least)
	canon.Int(c, &f.blocks)
	c.Bool(&f.alarmed)
	canon.Int(c, &f.since)
	f.worst.code(c)
	if f.filled < 0 || f.filled > flatParts || f.behind < 0 || f.behind > flatParts || f.known < 0 {
		c.Fail("blocks")
	}
	if q := f.quiet; !(q.span >= 0 && q.span <= 1<<40 && q.step >= 0 && q.step <= 1<<40) {
		c.Fail("quiet movement")
	}
	for _, q := range f.lagged {
		if !(q.span >= 0 && q.span <= 1<<40 && q.step >= 0 && q.step <= 1<<40) {
			c.Fail("movement")
		}
	}
}
