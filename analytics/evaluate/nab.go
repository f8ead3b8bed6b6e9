package evaluate

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// ErrSeries says that scores, times and windows of a labelled series do not fit together.
var ErrSeries = errors.New("WB_SERIES: labelled series does not fit")

// NABProfile is a cost profile of the Numenta Anomaly Benchmark 1.1 (Lavin and Ahmad 2015,
// config/profiles.json): what a detected window earns, a false alarm costs, a missed window costs.
type NABProfile struct {
	Name       string
	TP, FP, FN float64
}

// NABProfiles are the benchmark's three.
func NABProfiles() []NABProfile {
	return []NABProfile{
		{Name: "standard", TP: 1, FP: 0.11, FN: 1},
		{Name: "reward_low_FP_rate", TP: 1, FP: 0.22, FN: 1},
		{Name: "reward_low_FN_rate", TP: 1, FP: 0.11, FN: 2},
	}
}

// NABWindow is a labelled window, both ends included. Both are times of rows.
type NABWindow struct{ From, To time.Time }

// nabRow is a row after the probation: its score, its window or -1, and what the benchmark's
// sigmoid makes of its place before the profile's weights.
type nabRow struct {
	score  float64
	window int
	value  float64
}

// NABSeries is one scored series, ready to be judged at any threshold.
type NABSeries struct {
	Key     string
	windows int // labelled
	inReach int // with a row after the probation
	rows    []nabRow
}

// Windows is the number of labelled windows.
func (s *NABSeries) Windows() int { return s.windows }

// NewNABSeries joins a series' scores, each in [0,1], with its labels. The first 15 % of the rows,
// at most 750, are the benchmark's probation and do not count. Windows come in order.
func NewNABSeries(key string, times []time.Time, scores []float64, windows []NABWindow) (*NABSeries, error) {
	if len(times) != len(scores) {
		return nil, fmt.Errorf("%w: %s has %d rows and %d scores", ErrSeries, key, len(times), len(scores))
	}
	for i, v := range scores {
		if !(v >= 0 && v <= 1) {
			return nil, fmt.Errorf("%w: %s row %d: score %v is not in [0,1]", ErrSeries, key, i+1, v)
		}
	}
	// The benchmark looks up the first row of a repeated time.
	first := make(map[int64]int, len(times))
	for i, t := range times {
		if _, ok := first[t.UnixNano()]; !ok {
			first[t.UnixNano()] = i
		}
	}
	for _, w := range windows {
		_, from := first[w.From.UnixNano()]
		_, to := first[w.To.UnixNano()]
		if !from || !to || w.To.Before(w.From) {
			return nil, fmt.Errorf("%w: %s: window %s to %s does not begin and end at rows", ErrSeries, key, w.From, w.To)
		}
	}

	s := &NABSeries{Key: key, windows: len(windows)}
	probation := min(len(times)*15/100, 750)
	next, inside := 0, -1
	var right int
	var width float64
	lastRight, lastWidth := -1, 0.0
	for i, t := range times {
		if next < len(windows) && t.Equal(windows[next].From) {
			inside, right = next, first[windows[next].To.UnixNano()]
			width = float64(right - i + 1)
			if f := first[windows[next].From.UnixNano()]; f != i {
				width = float64(right - f + 1)
			}
			next++
		}
		row := nabRow{score: scores[i], window: inside}
		switch {
		case inside >= 0:
			row.value = nabSigmoid(-float64(right-i+1)/width) / nabSigmoid(-1)
		case lastRight < 0:
			row.value = -1
		default:
			row.value = nabSigmoid(float64(i-lastRight) / (lastWidth - 1))
		}
		if i >= probation {
			if inside >= 0 && (len(s.rows) == 0 || s.rows[len(s.rows)-1].window != inside) {
				s.inReach++
			}
			s.rows = append(s.rows, row)
		}
		if inside >= 0 && t.Equal(windows[inside].To) {
			lastRight, lastWidth, inside = i, width, -1
		}
	}
	slices.SortStableFunc(s.rows, func(a, b nabRow) int { return cmp.Compare(b.score, a.score) })
	return s, nil
}

// nabSigmoid is 2/(1+e^5x)-1: 0.9866 at a window's left edge (-1), 0 at its right one, near -1 after it.
func nabSigmoid(x float64) float64 {
	if x > 3 {
		return -1
	}
	return 2/(1+math.Exp(5*x)) - 1
}

// NABCount is what a threshold gives on some series.
type NABCount struct {
	Raw        float64
	Hit        int // windows
	Windows    int
	Detections int // rows at or above the threshold, in windows
	FalseRows  int // and outside of them
	CleanRows  int // rows outside of windows
}

// Score is the benchmark's normalised score: 0 for a detector that never speaks, 100 for a perfect
// one. It is NaN where there is no window.
func (c NABCount) Score(p NABProfile) float64 {
	none, perfect := -p.FN*float64(c.Windows), p.TP*float64(c.Windows)
	return 100 * (c.Raw - none) / (perfect - none)
}

// Add sums two counts.
func (c NABCount) Add(o NABCount) NABCount {
	return NABCount{
		c.Raw + o.Raw, c.Hit + o.Hit, c.Windows + o.Windows,
		c.Detections + o.Detections, c.FalseRows + o.FalseRows, c.CleanRows + o.CleanRows,
	}
}

// At judges the series at a threshold; a row is a detection when its score is at least that.
func (s *NABSeries) At(p NABProfile, threshold float64) NABCount {
	c := NABCount{Windows: s.windows}
	best := make(map[int]float64, s.windows)
	var order []int
	for _, r := range s.rows {
		hit := r.score >= threshold
		switch {
		case r.window < 0:
			c.CleanRows++
			if hit {
				c.FalseRows++
				c.Raw += r.value * p.FP
			}
		case hit:
			c.Detections++
			old, seen := best[r.window]
			if !seen {
				old = -p.FN
				order = append(order, r.window)
			}
			best[r.window] = max(old, r.value*p.TP)
		}
	}
	for _, w := range order {
		c.Raw += best[w]
	}
	c.Hit = len(order)
	c.Raw -= p.FN * float64(s.inReach-len(order))
	return c
}

// NABBest gives the highest of the thresholds that are best for the series together. Above 1 it
// detects nothing. Choosing it on the series that it is then judged on looks at their labels.
func NABBest(series []*NABSeries, p NABProfile) float64 {
	type row struct {
		nabRow
		series int
	}
	var rows []row
	total := 0.0
	for i, s := range series {
		total -= p.FN * float64(s.inReach)
		for _, r := range s.rows {
			rows = append(rows, row{r, i})
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(b.score, a.score) })
	type place struct{ series, window int }
	got := make(map[place]float64)
	threshold, best, current := 1.1, total, 1.1
	for _, r := range rows {
		if r.score != current {
			if total > best {
				threshold, best = current, total
			}
			current = r.score
		}
		if r.window < 0 {
			total += r.value * p.FP
			continue
		}
		at := place{r.series, r.window}
		old, ok := got[at]
		if !ok {
			old = -p.FN
		}
		if v := r.value * p.TP; v > old {
			total += v - old
			got[at] = v
		}
	}
	if total > best {
		threshold = current
	}
	return threshold
}

// NABFixed judges all series at one threshold.
func NABFixed(series []*NABSeries, p NABProfile, threshold float64) NABCount {
	var c NABCount
	for _, s := range series {
		c = c.Add(s.At(p, threshold))
	}
	return c
}

// NABLeaveOut judges each series at the threshold that is best for those of the other groups.
// With the key itself as group it leaves one series out, with its folder one folder.
func NABLeaveOut(series []*NABSeries, p NABProfile, group func(key string) string) NABCount {
	chosen := make(map[string]float64)
	var c NABCount
	for _, s := range series {
		g := group(s.Key)
		threshold, ok := chosen[g]
		if !ok {
			var others []*NABSeries
			for _, o := range series {
				if group(o.Key) != g {
					others = append(others, o)
				}
			}
			threshold = NABBest(others, p)
			chosen[g] = threshold
		}
		c = c.Add(s.At(p, threshold))
	}
	return c
}
