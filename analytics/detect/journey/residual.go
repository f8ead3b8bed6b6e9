package journey

import "math"

// flanks is how many windows' readings on either side tell what a window should be.
const flanks = 3

// residual finds the window whose mean is farthest from what the readings before and after it say,
// itself and half a window's guard on either side left out. A slow drift, of which each window is
// unlike the journey's median, leaves no residual; a short event that does not belong does.
func (w *windows) residual() (Statistic, bool) {
	n, m := len(w.values), w.width
	sums := make([]int64, n+1)
	for i, v := range w.values {
		sums[i+1] = sums[i] + v
	}
	mean := func(from, to int) float64 { return float64(sums[to]-sums[from]) / float64(to-from) }
	off := make([]float64, 0, n-m+1)
	at := make([]int, 0, n-m+1)
	sizes := make([]int64, 0, n-m+1)
	for first := range n - m + 1 {
		if w.broken[first] {
			continue
		}
		// The flanks are of one length, so that their mean is what a straight line would have in the
		// middle; at the ends of a journey there is one flank only.
		guard := m / 2
		left, right := first-guard, first+m+guard
		length := min(flanks*m, max(left, n-right))
		if both := min(left, n-right); both >= m {
			length = min(length, both)
		}
		var sum, parts float64
		if left >= length && length > 0 {
			sum, parts = sum+mean(left-length, left), parts+1
		}
		if n-right >= length && length > 0 {
			sum, parts = sum+mean(right, right+length), parts+1
		}
		if parts == 0 {
			continue
		}
		d := mean(first, first+m) - sum/parts
		off, at = append(off, d), append(at, first)
		sizes = append(sizes, int64(math.RoundToEven(max(d, -d))))
	}
	if len(off) == 0 {
		return Statistic{}, false
	}
	best := 0
	for i, d := range off {
		if max(d, -d) > max(off[best], -off[best]) {
			best = i
		}
	}
	s := w.statistic(WindowResidual, at[best], off[best], w.lane.Residual, w.params.spread(sizes), w.params.Residual)
	s.Peak = w.extreme(s.First, s.Last, off[best] < 0)
	return s, true
}

// extreme is the lowest or the highest reading of a stretch.
func (w *windows) extreme(first, last int, low bool) int {
	at := first
	for i := first; i <= last; i++ {
		if low && w.values[i] < w.values[at] || !low && w.values[i] > w.values[at] {
			at = i
		}
	}
	return at
}
