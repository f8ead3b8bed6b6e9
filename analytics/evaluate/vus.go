package evaluate

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// VUS is the volume under the precision-recall and the ROC surface of a score (Paparrizos et al.
// 2022): the areas under the range-aware curves, averaged over buffers around the labelled ranges from
// none to a window long. Thresholds are VUSThresholds ranks of the score, as TSB-AD's "opt" has it.
type VUS struct{ PR, ROC float64 }

// VUSThresholds is TSB-AD's number of thresholds.
const VUSThresholds = 250

// VUSWindow is TSB-AD's length of the longest buffer for a series: the lag at which its
// autocorrelation has its highest local maximum, within bounds, or 125.
func VUSWindow(values []float64) int {
	const base, lags, usual = 3, 400, 125
	x := values[:min(20_000, len(values))]
	n := len(x)
	if n == 0 {
		return usual
	}
	var mean float64
	for _, v := range x {
		mean += v
	}
	mean /= float64(n)
	d := make([]float64, n)
	var power float64
	for i, v := range x {
		d[i] = v - mean
		power += d[i] * d[i]
	}
	if power == 0 {
		return usual
	}
	var correlation []float64
	for k := base; k <= min(lags, n-1); k++ {
		var s float64
		for i := range n - k {
			s += d[i] * d[i+k]
		}
		correlation = append(correlation, s/power)
	}
	best := -1
	for i := 1; i+1 < len(correlation); i++ {
		if correlation[i] > correlation[i-1] && correlation[i] > correlation[i+1] &&
			(best < 0 || correlation[i] > correlation[best]) {
			best = i
		}
	}
	if best < 3 || best > 300 {
		return usual
	}
	return best + base
}

// NewVUS judges a score against labels. There is one score for each label, and a labelled reading
// and one that is not at least.
func NewVUS(labels []bool, scores []float64, window int) (VUS, error) {
	n := len(labels)
	if len(scores) != n || window < 0 {
		return VUS{}, fmt.Errorf("%w: %d labels, %d scores, window %d", ErrSeries, n, len(scores), window)
	}
	ranges, positives := labelled(labels)
	if positives == 0 || positives == n {
		return VUS{}, fmt.Errorf("%w: %d of %d readings are labelled", ErrSeries, positives, n)
	}
	for i, s := range scores {
		if math.IsNaN(s) {
			return VUS{}, fmt.Errorf("%w: score %d is not a number", ErrSeries, i+1)
		}
	}
	fires := firstThreshold(scores)
	counts := make([]float64, VUSThresholds) // readings that fire at or above each threshold
	hits := make([]float64, VUSThresholds)   // of them, labelled
	for i, label := range labels {
		if k := fires[i]; k < VUSThresholds {
			counts[k]++
			if label {
				hits[k]++
			}
		}
	}
	for k := 1; k < VUSThresholds; k++ {
		counts[k] += counts[k-1]
		hits[k] += hits[k-1]
	}
	var sum VUS
	weight := make([]float64, n)
	for w := range window + 1 {
		v := underCurve(labels, ranges, fires, counts, hits, positives, weight, w)
		sum.PR += v.PR
		sum.ROC += v.ROC
	}
	return VUS{sum.PR / float64(window+1), sum.ROC / float64(window+1)}, nil
}

type span struct{ from, to int } // both included

func labelled(labels []bool) ([]span, int) {
	var out []span
	positives := 0
	for i, l := range labels {
		if !l {
			continue
		}
		positives++
		if i > 0 && labels[i-1] {
			out[len(out)-1].to = i
		} else {
			out = append(out, span{i, i})
		}
	}
	return out, positives
}

// firstThreshold gives for each reading the first of the descending thresholds that it reaches.
func firstThreshold(scores []float64) []int {
	n := len(scores)
	order := slices.SortedFunc(slices.Values(scores), func(a, b float64) int { return cmp.Compare(b, a) })
	thresholds := make([]float64, VUSThresholds)
	step := float64(n-1) / (VUSThresholds - 1)
	for k := range thresholds {
		thresholds[k] = order[int(float64(k)*step)]
	}
	thresholds[VUSThresholds-1] = order[n-1]
	fires := make([]int, n)
	for i, s := range scores {
		fires[i], _ = slices.BinarySearchFunc(thresholds, s, func(t, s float64) int { return cmp.Compare(s, t) })
	}
	return fires
}

// underCurve gives the range-aware areas for one buffer length.
func underCurve(labels []bool, ranges []span, fires []int, counts, hits []float64, positives int, weight []float64, w int) VUS {
	n, half := len(labels), w/2
	// Buffers around the ranges are labelled in part, the less the further away.
	clear(weight)
	for _, r := range ranges {
		for p := r.to + 1; p < min(r.to+half+1, n); p++ {
			weight[p] += math.Sqrt(1 - float64(p-r.to)/float64(w))
		}
		for p := max(r.from-half, 0); p < r.from; p++ {
			weight[p] += math.Sqrt(1 - float64(r.from-p)/float64(w))
		}
	}
	add := make([]float64, VUSThresholds)
	for p, v := range weight {
		if v > 0 && !labels[p] && fires[p] < VUSThresholds {
			add[fires[p]] += min(1, v)
		}
	}
	// A range with its buffers is found by its first reading that fires; those that touch are one.
	var merged []span
	from := max(ranges[0].from-half, 0)
	for i := range len(ranges) - 1 {
		if ranges[i].to+half < ranges[i+1].from-half {
			merged = append(merged, span{from, ranges[i].to + half})
			from = ranges[i+1].from - half
		}
	}
	merged = append(merged, span{from, min(ranges[len(ranges)-1].to+half, n-1)})
	found := make([]int, VUSThresholds+1)
	for _, m := range merged {
		found[slices.Min(fires[m.from:m.to+1])]++
	}

	var area VUS
	var extra, lastTPR, lastFPR float64
	existing := 0
	for k := range VUSThresholds {
		extra += add[k]
		existing += found[k]
		tp := hits[k] + extra
		middle := float64(positives) + extra/2
		tpr := min(tp/middle, 1) * float64(existing) / float64(len(merged))
		fpr := (counts[k] - tp) / (float64(n) - middle)
		area.PR += (tpr - lastTPR) * tp / counts[k]
		area.ROC += (fpr - lastFPR) * (tpr + lastTPR) / 2
		lastTPR, lastFPR = tpr, fpr
	}
	area.ROC += (1 - lastFPR) * (1 + lastTPR) / 2
	return area
}
