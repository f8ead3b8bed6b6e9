package evaluate

import (
	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// Share is how many of how many, with the exact 95 % confidence interval of Clopper and Pearson (1934).
type Share struct {
	Count int     `json:"count"`
	Of    int     `json:"of"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// NewShare counts.
func NewShare(count, of int) Share {
	s := Share{Count: count, Of: of, High: 1}
	k, n := float64(count), float64(of)
	if count > 0 && count <= of {
		s.Low = distuv.Beta{Alpha: k, Beta: n - k + 1}.Quantile(0.025)
	}
	if count < of {
		s.High = distuv.Beta{Alpha: k + 1, Beta: n - k}.Quantile(0.975)
	}
	return s
}

// Rate is the share; 0 of 0 is 0.
func (s Share) Rate() float64 {
	if s.Of == 0 {
		return 0
	}
	return float64(s.Count) / float64(s.Of)
}

// AtLeast is the probability of count or more among of, when each is alpha: what a count of false alarms says against
// the promise that they are a share of at most alpha. Small values speak against it.
func AtLeast(count, of int, alpha float64) float64 {
	switch {
	case count <= 0:
		return 1
	case count > of || alpha <= 0:
		return 0
	case alpha >= 1:
		return 1
	}
	return mathext.RegIncBeta(float64(count), float64(of-count+1), alpha)
}

// MostOf is the largest count that speaks against alpha at no more than the 1 % level.
func MostOf(of int, alpha float64) int {
	low, high := 0, of
	for low < high {
		mid := (low + high + 1) / 2
		if AtLeast(mid, of, alpha) > 0.01 {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return low
}
