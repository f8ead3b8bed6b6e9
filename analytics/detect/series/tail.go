package series

import (
	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/coldchain"
)

const (
	maxTop = 64
	// A tail fitted to few excesses is widened a little, and is never so thin that rounding decides.
	moreExcess = 0.05
	leastScale = 0.02
)

// tail turns a distance into -ln of the probability that a block of readings holds one at least as
// large. The largest distance of each past block is remembered: neighbouring readings tell the
// same thing, blocks nearly independent ones. Up to the Top-th largest of them nothing is said;
// beyond, the excess over it is taken as exponential in the logarithm (Hill's estimator of a
// Pareto tail), which needs no unit: on a series of heavy tail a far larger distance is needed.
type tail struct {
	block, capacity, least, most int

	max     []float64 // of past blocks, in a ring
	used    int
	next    int
	filled  int     // readings of the block being filled
	largest float64 // and its largest distance

	top   []float64 // the largest of max, descending
	first int       // how many of them are above the threshold, which is the next
	scale float64   // mean log excess over it
	// degrees is what the scale is worth while fewer than most blocks are above the threshold.
	degrees float64
	ahead   float64 // -ln of the share of blocks above it
}

func newTail(s Settings) tail {
	return tail{
		block: s.Block, capacity: s.Blocks, least: s.MinBlocks, most: s.Top,
		top: make([]float64, 0, s.Top+1),
	}
}

// share is the share of past blocks that lie above the threshold, 0 while nothing is said.
func (t *tail) share() float64 {
	if t.used < t.least {
		return 0
	}
	return float64(t.first) / float64(t.used)
}

// observe gives -ln p of a distance and remembers it.
func (t *tail) observe(distance float64) float64 {
	unlikely := t.unlikely(distance)
	t.largest = max(t.largest, distance)
	t.filled++
	if t.filled == t.block {
		if t.next == len(t.max) {
			t.max = append(room(t.max, 1, t.capacity), 0)
		}
		t.max[t.next] = t.largest
		t.next = (t.next + 1) % t.capacity
		t.used = min(t.used+1, t.capacity)
		t.filled, t.largest = 0, 0
		t.fit()
	}
	return unlikely
}

func (t *tail) unlikely(distance float64) float64 {
	if t.used < t.least || distance <= t.top[t.first] {
		return 0
	}
	if threshold := t.top[t.first]; threshold > 0 {
		excess := coldchain.Ln(distance/threshold) / t.scale
		if t.first < t.most {
			excess = float64(t.degrees * coldchain.Ln(1+excess/t.degrees))
		}
		return t.ahead + excess
	}
	// Most blocks were without any distance, so that there is no tail to fit: the rank decides.
	rank := 1
	for _, v := range t.top[:t.first] {
		if v >= distance {
			rank++
		}
	}
	return coldchain.Ln(float64(t.used+1) / float64(rank))
}

// fit finds the largest blocks and their tail.
func (t *tail) fit() {
	if t.used < t.least {
		return
	}
	t.first = min(t.most, t.used/2)
	t.top = t.top[:0]
	for _, v := range t.max[:t.used] {
		if len(t.top) <= t.first {
			t.top = append(t.top, v)
		} else if v > t.top[t.first] {
			t.top[t.first] = v
		} else {
			continue
		}
		for j := len(t.top) - 1; j > 0 && t.top[j] > t.top[j-1]; j-- {
			t.top[j], t.top[j-1] = t.top[j-1], t.top[j]
		}
	}
	t.ahead = coldchain.Ln(float64(t.used) / float64(t.first))
	threshold := t.top[t.first]
	if threshold <= 0 {
		return
	}
	excess := moreExcess
	for _, v := range t.top[:t.first] {
		excess += coldchain.Ln(v / threshold)
	}
	t.scale = max(leastScale, excess/float64(t.first))
	// A scale that rests on few excesses may be far too small. Then the excess is taken to have the
	// distribution of one over the mean of so many (Lomax), the wider the fewer there are.
	if t.first < t.most {
		t.degrees = float64(t.first*t.most) / float64(t.most-t.first)
	}
}

func (t *tail) code(c *canon.Coder) {
	canon.Int(c, &t.used)
	canon.Int(c, &t.next)
	canon.Int(c, &t.filled)
	if t.used < 0 || t.used > t.capacity || t.next < 0 || t.next >= t.capacity || t.used < t.capacity && t.next != t.used || t.filled < 0 || t.filled >= t.block {
		c.Fail("tail of %d blocks, next %d, filled %d", t.used, t.next, t.filled)
		t.used, t.next, t.filled = 0, 0, 0
		return
	}
	if c.Reading() {
		t.max = make([]float64, t.used)
	}
	floats(c, t.max)
	for _, v := range t.max[:t.used] {
		if v < 0 {
			c.Fail("negative distance")
			t.used = 0
			return
		}
	}
	number(c, &t.largest, greatest)
	if c.Reading() {
		t.fit()
	}
}
