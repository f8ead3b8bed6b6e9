// Package baseline holds what Waybill's engine is compared with: plain limits, three standard
// deviations, an isolation forest and half-space trees, each in its usual form and with the parameters
// its authors recommend. They look at the same readings, are fitted to the same clean journeys, and
// never look ahead. Nothing but analytics/evaluate uses them. It may import ledger; it holds its own
// randomness, by seed.
package baseline

import (
	"math"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Detector scores the readings of one journey as they come: the larger, the odder. A detector is
// of one journey and not safe for concurrent use.
type Detector interface {
	// Observe takes a row of one value a channel, the temperature first, in thousandths of its unit.
	Observe(at ledger.Millis, row []int32) float64
}

// Limits is the alarm that every logger has: how far the temperature lies outside the recommended
// range, in degrees Celsius; inside it is negative. Its usual threshold is 0.
type Limits struct{ Policy *ledger.Policy }

// Observe takes a row.
func (l Limits) Observe(_ ledger.Millis, row []int32) float64 {
	return float64(max(row[0]-l.Policy.High, l.Policy.Low-row[0])) / 1000
}

// sigmaWarmup is how many readings a mean and a deviation need before they are used: some cycles of
// a compressor.
const sigmaWarmup = 90

// Sigma is the control chart of individual values (Shewhart 1931), causal: how many standard
// deviations of the journey so far a reading lies from its mean, the largest over the channels. Its
// usual threshold is 3. Mean and deviation are updated after Welford (1962).
type Sigma struct {
	n        int
	mean, sq []float64
}

// Observe takes a row.
func (s *Sigma) Observe(_ ledger.Millis, row []int32) float64 {
	if s.mean == nil {
		s.mean, s.sq = make([]float64, len(row)), make([]float64, len(row))
	}
	most := 0.0
	if s.n >= sigmaWarmup {
		for i, v := range row {
			d := math.Abs(float64(v) - s.mean[i])
			if sd := math.Sqrt(s.sq[i] / float64(s.n-1)); sd > 0 {
				most = max(most, d/sd)
			} else if d > 0 {
				most = math.Inf(1)
			}
		}
	}
	s.n++
	for i, v := range row {
		d := float64(v) - s.mean[i]
		s.mean[i] += d / float64(s.n)
		s.sq[i] += d * (float64(v) - s.mean[i])
	}
	return most
}

// recent is how many readings a feature's mean is of.
const recent = 15

// features turn a row into what the trees look at: of each channel the value and the mean of the last readings
// with it. Of the sets tried (values alone; values, distances from the mean and deviations; these) it is the one
// with which both kinds of trees find most.
type features struct {
	last [][]float64 // of each channel, a ring
	n    int
	out  []float64
}

// perChannel is how many features a channel has.
const perChannel = 2

// point gives the row's features, good until the next row.
func (f *features) point(row []int32) []float64 {
	if f.last == nil {
		f.last = make([][]float64, len(row))
		for i := range f.last {
			f.last[i] = make([]float64, recent)
		}
		f.out = make([]float64, perChannel*len(row))
	}
	at, have := f.n%recent, min(f.n+1, recent)
	f.n++
	for i, v := range row {
		f.last[i][at] = float64(v) / 1000
		mean := 0.0
		for _, x := range f.last[i][:have] {
			mean += x
		}
		f.out[perChannel*i], f.out[perChannel*i+1] = f.last[i][at], mean/float64(have)
	}
	return f.out
}

// Points gives the features of a journey's rows, one after another.
func Points(log ledger.Segment) [][]float64 {
	var f features
	out := make([][]float64, len(log.Times))
	row := make([]int32, len(log.Channels))
	for i := range log.Times {
		for k := range log.Channels {
			row[k] = log.Channels[k].Values[i]
		}
		out[i] = append([]float64(nil), f.point(row)...)
	}
	return out
}
