package series

import (
	"math"

	"github.com/waybill-dev/waybill/analytics/canon"
)

const (
	maxNeighbours = 32
	// mostReadings is more than a series can have, and leaves a count that goes on from it a number.
	mostReadings = 1 << 53
)

// shape measures how far the last readings are from the nearest lagged shingles.
type shape struct {
	width, neighbours, capacity, every, refit int
	shrink                                    float64

	past  []float64 // the last 2·width readings, oldest first
	since int       // of them, since the last interruption
	count int64     // shingles seen

	mean  []float64
	cov   []float64 // lower triangle, row by row
	chol  []float64 // its Cholesky factor at the last fit, the diagonal inverted
	ready bool      // fitted to a covariance that is not zero

	// The readings themselves, in a ring by their number: references overlap, and so each is known by
	// where it begins. What fell off the ring is no reference any more.
	history []float64
	longest int   // the ring's, once it is full
	taken   int64 // readings

	used, next int       // references held, and the slot of the next one
	from       []int64   // number of a reference's first reading, by slot
	white      []float64 // whitened, capacity × width
	now        []float64 // the current shingle, whitened
	deviation  []float64
	best       []float64
	bestAt     []int
}

func newShape(s Settings) shape {
	w := s.Shingle
	h := shape{
		width: w, neighbours: s.Neighbours, capacity: s.References, every: s.Every, refit: s.Refit, shrink: s.Shrink,
		past: make([]float64, 2*w), mean: make([]float64, w), now: make([]float64, w), deviation: make([]float64, w),
		cov: make([]float64, w*(w+1)/2), chol: make([]float64, w*(w+1)/2),
		longest: s.References*s.Every + 2*w,
		best:    make([]float64, s.Neighbours), bestAt: make([]int, s.Neighbours),
	}
	for i := range w {
		h.chol[i*(i+1)/2+i] = 1
	}
	return h
}

func (h *shape) restart() { h.since = 0 }

// observe gives the mean distance to the nearest references, in standard deviations, and which is
// the nearest, once there are enough of them.
func (h *shape) observe(v float64) (float64, int, bool) {
	w := h.width
	copy(h.past, h.past[1:])
	h.past[2*w-1] = v
	h.remember(v)
	h.since = min(h.since+1, 2*w)
	if h.since < w {
		return 0, 0, false
	}
	current := h.past[w:]
	h.count++

	var distance float64
	nearest, ok := 0, h.used >= h.neighbours
	if ok {
		h.whiten(h.now, current)
		distance, nearest = h.search()
	}
	h.learn(current)

	fitFrom := int64(4 * w)
	if h.count >= fitFrom && (!h.ready || h.count%int64(h.refit) == 0) {
		h.fit()
	}
	if h.count >= fitFrom && h.since == 2*w && h.count%int64(h.every) == 0 {
		h.refer()
	}
	return distance, nearest, ok
}

// remember puts a reading on the ring, and lets go of the reference that it takes the place of.
func (h *shape) remember(v float64) {
	if len(h.history) < h.longest {
		h.history = append(room(h.history, 1, h.longest), v)
	} else {
		h.history[h.taken%int64(h.longest)] = v
	}
	h.taken++
	for h.used > 0 && h.from[h.oldest()] < h.taken-int64(h.longest) {
		h.used--
	}
}

// refer makes the older half of the past a reference.
func (h *shape) refer() {
	w := h.width
	if h.next == len(h.from) {
		h.from = append(room(h.from, 1, h.capacity), 0)
		h.white = room(h.white, w, h.capacity*w)
		h.white = h.white[:len(h.white)+w]
	}
	h.from[h.next] = h.taken - int64(2*w)
	h.whiten(h.white[h.next*w:h.next*w+w], h.past[:w])
	h.used = min(h.used+1, h.capacity)
	h.next = (h.next + 1) % h.capacity
}

// oldest is the slot of the oldest reference.
func (h *shape) oldest() int { return (h.next - h.used + h.capacity) % h.capacity }

// slots are the occupied slots, as two ranges in ascending order: up to a, and from b to the end.
func (h *shape) slots() (from, to, again, end int) {
	first := h.oldest()
	if first+h.used <= h.capacity {
		return first, first + h.used, 0, 0
	}
	return 0, h.next, first, h.capacity
}

// reference gives the readings of a reference, in h.deviation.
func (h *shape) reference(slot int) []float64 {
	at := h.from[slot] % int64(h.longest)
	for i := range h.deviation {
		h.deviation[i] = h.history[at]
		if at++; at == int64(h.longest) {
			at = 0
		}
	}
	return h.deviation
}

// room makes place for n more values, of at most limit in all: memory is taken as a series gets
// longer, and none any more once it is at its bounds.
func room[T any](v []T, n, limit int) []T {
	if len(v)+n <= cap(v) {
		return v
	}
	grown := make([]T, len(v), min(limit, max(2*cap(v), len(v)+n, 32)))
	copy(grown, v)
	return grown
}

// search finds the nearest references of the whitened current shingle.
func (h *shape) search() (float64, int) {
	for i := range h.best {
		h.best[i] = math.MaxFloat64
	}
	from, to, again, end := h.slots()
	h.scan(from, to)
	h.scan(again, end)
	var sum float64
	for _, d := range h.best {
		sum += math.Sqrt(d)
	}
	sum /= float64(len(h.best))
	// A whitened unit is at least a tenth of a standard deviation: what is less than a millionth of
	// it is rounding.
	if sum < 1e-6 {
		sum = 0
	}
	// So that the distances of a forged state are numbers too.
	if !(sum <= greatest) {
		sum = greatest
	}
	return sum, h.bestAt[0]
}

// scan looks for nearer references in a range of slots.
func (h *shape) scan(from, to int) {
	w, now := h.width, h.now
	best, bestAt := h.best, h.bestAt
	last := len(best) - 1
	for r := from; r < to; r++ {
		ref := h.white[r*w : r*w+w : r*w+w]
		limit := best[last]
		var sum float64
		i := 0
		// What is too far after some of its readings is not looked at to the end. The order of the
		// additions is the same either way.
		for ; i+4 <= w; i += 4 {
			a, b := now[i]-ref[i], now[i+1]-ref[i+1]
			c, d := now[i+2]-ref[i+2], now[i+3]-ref[i+3]
			sum += (float64(a*a) + float64(b*b)) + (float64(c*c) + float64(d*d))
			if sum >= limit {
				break
			}
		}
		if sum >= limit {
			continue
		}
		for ; i < w; i++ {
			a := now[i] - ref[i]
			sum += float64(a * a)
		}
		if sum >= limit {
			continue
		}
		j := last
		for ; j > 0 && best[j-1] > sum; j-- {
			best[j], bestAt[j] = best[j-1], bestAt[j-1]
		}
		best[j], bestAt[j] = sum, r
	}
}

// learn moves mean and covariance to the shingles seen so far (Welford).
func (h *shape) learn(current []float64) {
	gain := 1 / float64(h.count)
	for i, v := range current {
		h.deviation[i] = v - h.mean[i]
		h.mean[i] += float64(gain * h.deviation[i])
	}
	keep, at := 1-gain, 0
	for i := range current {
		di := float64(gain * h.deviation[i])
		row := h.cov[at : at+i+1]
		for j := range row {
			row[j] = float64(keep * (row[j] + float64(di*h.deviation[j])))
		}
		at += i + 1
	}
}

// fit takes the Cholesky factor of the covariance, shrunk towards a multiple of the identity
// (Ledoit and Wolf 2004, with a fixed weight), and whitens the references with it.
func (h *shape) fit() {
	w := h.width
	var trace float64
	for i := range w {
		trace += h.cov[i*(i+1)/2+i]
	}
	trace /= float64(w)
	if trace <= 0 {
		return
	}
	h.ready = true
	ridge := float64(h.shrink * trace)
	for i := range w {
		ri := i * (i + 1) / 2
		for j := range i + 1 {
			rj := j * (j + 1) / 2
			s := float64((1 - h.shrink) * h.cov[ri+j])
			if i == j {
				s += ridge
			}
			for k := range j {
				s -= float64(h.chol[ri+k] * h.chol[rj+k])
			}
			if i == j {
				// The covariance is positive semidefinite but for rounding, so at least the ridge is left.
				h.chol[ri+i] = 1 / math.Sqrt(max(s, ridge/2))
			} else {
				h.chol[ri+j] = float64(s * h.chol[rj+j])
			}
		}
	}
	h.rewhiten()
}

func (h *shape) rewhiten() {
	w := h.width
	from, to, again, end := h.slots()
	for r := from; r < to; r++ {
		h.whiten(h.white[r*w:r*w+w], h.reference(r))
	}
	for r := again; r < end; r++ {
		h.whiten(h.white[r*w:r*w+w], h.reference(r))
	}
}

// whiten solves L·out = in.
func (h *shape) whiten(out, in []float64) {
	at := 0
	for i, v := range in {
		row := h.chol[at : at+i+1]
		for k, y := range out[:i] {
			v -= float64(row[k] * y)
		}
		out[i] = float64(v * row[i])
		at += i + 1
	}
}

// reason says how the current shingle differs from its nearest reference.
func (h *shape) reason(nearest int) Reason {
	w := h.width
	current, ref := h.past[w:], h.reference(nearest)
	var sum, energy, recent, rough, usual float64
	for i, v := range current {
		d := v - ref[i]
		sum += d
		energy += float64(d * d)
		if i >= w-2 {
			recent += float64(d * d)
		}
		if i > 0 {
			a, b := v-current[i-1], ref[i]-ref[i-1]
			rough += max(a, -a)
			usual += max(b, -b)
		}
	}
	up := current[w-1] > ref[w-1]
	switch {
	case energy == 0:
		return NewShape
	case recent > energy/2 && up:
		return JumpUp
	case recent > energy/2:
		return JumpDown
	case float64(sum*sum) > float64(energy*float64(w))/2 && sum > 0:
		return LevelUp
	case float64(sum*sum) > float64(energy*float64(w))/2:
		return LevelDown
	case rough > 2*usual:
		return Rougher
	case 2*rough < usual:
		return Smoother
	}
	return NewShape
}

func (h *shape) code(c *canon.Coder) {
	floats(c, h.past)
	canon.Int(c, &h.since)
	canon.Int(c, &h.count)
	floats(c, h.mean)
	floats(c, h.cov)
	floats(c, h.chol)
	c.Bool(&h.ready)
	canon.Int(c, &h.taken)
	canon.Int(c, &h.used)
	canon.Int(c, &h.next)
	w := h.width
	if h.since < 0 || h.since > 2*w || h.count < 0 || h.taken < 0 || h.taken > mostReadings || h.used < 0 || h.used > h.capacity || h.next < 0 || h.next >= h.capacity {
		c.Fail("shape of %d readings, %d references, next %d", h.since, h.used, h.next)
	}
	if c.Err() == nil {
		h.codeHistory(c)
	}
	if c.Err() == nil {
		h.codeReferences(c)
	}
	if c.Err() != nil {
		h.since, h.count, h.taken, h.used, h.next = 0, 0, 0, 0, 0
		h.history, h.from, h.white = nil, nil, nil
		return
	}
	if c.Reading() {
		h.rewhiten()
	}
}

// codeHistory writes or reads the ring from its oldest reading on, as differences in steps of the grid.
func (h *shape) codeHistory(c *canon.Coder) {
	held := min(h.taken, int64(h.longest))
	if c.Reading() {
		h.history = make([]float64, held)
	}
	var before int64
	for n := h.taken - held; n < h.taken; n++ {
		v := &h.history[n%int64(h.longest)]
		step := int64(float64(*v*grid)) - before
		canon.Int(c, &step)
		if before += step; before < -largestStep || before > largestStep {
			c.Fail("reading %d of the past", n)
		}
		if c.Err() != nil {
			return
		}
		if c.Reading() {
			*v = float64(before) / grid
		}
	}
}

// codeReferences writes or reads where the references begin, from the oldest on.
func (h *shape) codeReferences(c *canon.Coder) {
	first := h.oldest()
	if c.Reading() {
		slots := h.next
		if first+h.used >= h.capacity {
			slots = h.capacity
		}
		h.from, h.white = make([]int64, slots), make([]float64, slots*h.width)
	}
	before := max(0, h.taken-int64(h.longest))
	for i := range h.used {
		from := &h.from[(first+i)%h.capacity]
		step := *from - before
		canon.Int(c, &step)
		if step < 0 || step > int64(h.longest) || before+step > h.taken-int64(h.width) {
			c.Fail("reference %d", i)
			return
		}
		before += step
		*from = before
	}
}

// greatest is beyond every number that a state can come to hold: normalised values are at most
// 2^40, and a grid of 2^-20 bounds what they are divided by.
const greatest = 1e30

func floats(c *canon.Coder, v []float64) {
	for i := range v {
		number(c, &v[i], greatest)
	}
}

func number(c *canon.Coder, v *float64, most float64) {
	c.Float(v)
	if c.Reading() && !(*v >= -most && *v <= most) {
		c.Fail("%v is not a number between ±%v", *v, most)
		*v = 0
	}
}
