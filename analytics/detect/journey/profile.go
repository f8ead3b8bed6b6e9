package journey

import "math"

const (
	mostNeighbours = 16
	leastBlock     = 16 // lags; to look through the nearest of each costs as much as so many lags
)

// discord finds the window that is farthest from the windows nearest to it: the matrix profile (Yeh
// et al. 2016) with several neighbours, of which no two lie in the same block of lags (as long as a window), so that a
// thing that happened twice is still unlike the rest and the neighbours are not one window, shifted.
//
// Windows are not z-normalised: of goods it matters how warm and not only of which shape, and
// normalising blows the noise of a quiet stretch up to the size of a door's opening. A moving
// average keeps the logger's noise out instead.
//
// Distances come along diagonals of equal lag, each from the one before by what enters and leaves
// (Zhu et al. 2016, STOMP); they are sums of integers and so exact in any order.
func (w *windows) discord() (Statistic, bool) {
	x := w.averaged()
	m, k := w.width, w.params.Neighbours
	count := len(x) - m + 1
	if count <= m {
		return Statistic{}, false
	}
	const none = int64(1) << 61   // above every sum: 256 squares of 2^25
	apart := make([]int64, count) // what a broken window adds to its distances
	for i := range apart {
		if w.brokenSmooth(i) {
			apart[i] = none
		}
	}
	before, after := make([]int64, count), make([]int64, count) // nearest of the block of lags
	nearest := make([]int64, count*k)                           // of all blocks, ascending
	for i := range nearest {
		nearest[i] = none
	}
	block := max(m, leastBlock)
	for from := m; from < count; from += block {
		for i := range before {
			before[i], after[i] = none, none
		}
		for lag := from; lag < min(from+block, count); lag++ {
			diagonal(x, m, lag, apart, before, after)
		}
		for i := range count {
			keep(nearest[i*k:i*k+k], before[i], none)
			keep(nearest[i*k:i*k+k], after[i], none)
		}
	}

	best, at := -1.0, 0
	typical := make([]int64, 0, count)
	for i := range count {
		var sum float64
		found := 0
		for _, d := range nearest[i*k : i*k+k] {
			if d < none {
				sum += math.Sqrt(float64(d) / float64(m))
				found++
			}
		}
		if found == 0 {
			continue
		}
		mean := sum / float64(found)
		typical = append(typical, int64(mean))
		if mean > best {
			best, at = mean, i
		}
	}
	if len(typical) == 0 {
		return Statistic{}, false
	}
	spread := max(float64(w.params.Floor), float64(median(typical)))
	s := w.statistic(Discord, at, best, w.lane.Discord, spread, w.params.Discord)
	s.Last = min(s.Last+w.smooth-1, len(w.values)-1)
	s.To = w.times[s.Last]
	s.Peak = w.farthest(s.First, s.Last)
	return s, true
}

// diagonal goes along one lag and keeps the least distance to a later and to an earlier window.
func diagonal(x []int64, m, lag int, apart, before, after []int64) {
	var d int64
	for i := range m - 1 {
		e := x[i] - x[i+lag]
		d += e * e
	}
	n := len(x) - m + 1 - lag
	a, b := x[:n], x[lag:lag+n]
	am, bm := x[m-1:m-1+n], x[lag+m-1:lag+m-1+n]
	pa, pb := apart[:n], apart[lag:lag+n]
	after, before = after[:n], before[lag:lag+n]
	for i := range n {
		e := am[i] - bm[i]
		d += e * e
		far := d + (pa[i] | pb[i])
		after[i] = min(after[i], far)
		before[i] = min(before[i], far)
		f := a[i] - b[i]
		d -= f * f
	}
}

// keep puts a distance among the nearest, which ascend.
func keep(nearest []int64, d, none int64) {
	last := len(nearest) - 1
	if d >= none || d >= nearest[last] {
		return
	}
	for ; last > 0 && nearest[last-1] > d; last-- {
		nearest[last] = nearest[last-1]
	}
	nearest[last] = d
}

// averaged gives the moving average, rounded to whole thousandths.
func (w *windows) averaged() []int64 {
	s := int64(w.smooth)
	if s == 1 {
		return w.values
	}
	out := make([]int64, len(w.values)-w.smooth+1)
	var sum int64
	for i, v := range w.values {
		sum += v
		if first := i - w.smooth + 1; first >= 0 {
			out[first] = nearestQuotient(sum, s)
			sum -= w.values[first]
		}
	}
	return out
}

// brokenSmooth tells whether a window of averages rests on readings across a pause.
func (w *windows) brokenSmooth(first int) bool {
	return w.broken[first] || w.broken[first+w.smooth-1]
}

// farthest is the reading of a stretch that lies farthest from the journey's median.
func (w *windows) farthest(first, last int) int {
	at := first
	for i := first; i <= last; i++ {
		if size(w.values[i]) > size(w.values[at]) {
			at = i
		}
	}
	return at
}

func size(v int64) int64 { return max(v, -v) }

// nearestQuotient is a/b rounded to the nearest integer, b above 0.
func nearestQuotient(a, b int64) int64 {
	if a < 0 {
		return -((-a + b/2) / b)
	}
	return (a + b/2) / b
}
