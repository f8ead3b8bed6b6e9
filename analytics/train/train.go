// Package train fits the parameters of a model to accepted histories and makes the artefact. It may
// use gonum and may import everything under analytics, ledger and wire; nothing that scores imports
// it. What it fits is rounded before it enters the artefact, so that the last bits of a platform's
// arithmetic do not.
package train

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"

	"github.com/waybill-dev/waybill/analytics/detect"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// ErrHistories says that there is too little to learn from.
var ErrHistories = errors.New("WB_TRAIN: too few histories")

// leastSeries is how many series a fit needs for its tail.
const leastSeries = 100

// tailShare is the share of the largest statistics to which the tail is fitted.
const tailShare = 0.1

// Series is the temperatures of one accepted journey, in thousandths of a degree Celsius, in order
// of time.
type Series struct {
	Times  []ledger.Millis
	Values []int32
}

// Config says what to fit.
type Config struct {
	ID string
	// FalseAlarms is the share of accepted journeys that may alarm, by the exponential tail that is
	// fitted to the largest statistics: a model's promise, not a guarantee. Default 1e-5.
	FalseAlarms float64
	// Source describes the histories in the artefact.
	Source string
}

// Fit gives the model whose drift detector fits the histories: its least spread is the lower
// quartile of the spreads seen, and its threshold lies where the tail of the journeys' largest sums,
// taken as exponential, leaves the share of false alarms asked for.
func Fit(cfg Config, histories []Series) (*score.Model, error) {
	if len(histories) < leastSeries {
		return nil, fmt.Errorf("%w: %d, at least %d are needed", ErrHistories, len(histories), leastSeries)
	}
	if cfg.FalseAlarms == 0 {
		cfg.FalseAlarms = 1e-5
	}
	if cfg.FalseAlarms < 0 || cfg.FalseAlarms > tailShare {
		return nil, fmt.Errorf("%w: a share of false alarms of %v", ErrHistories, cfg.FalseAlarms)
	}
	p := score.BaseParameters(cfg.ID)
	var spreads []float64
	for _, h := range histories {
		if s, ok := spreadOf(h, p.Drift.Step); ok {
			spreads = append(spreads, s)
		}
	}
	if len(spreads) < leastSeries {
		return nil, fmt.Errorf("%w: %d are long enough, at least %d are needed", ErrHistories, len(spreads), leastSeries)
	}
	slices.Sort(spreads)
	p.Drift.SpreadFloor = max(1, int64(math.Round(stat.Quantile(0.25, stat.Empirical, spreads, nil))))

	const unreachable = 1_000_000 // spreads
	p.Drift.Threshold = unreachable * score.Million
	var largest []float64
	for _, h := range histories {
		d := detect.NewDrift(p.Drift)
		for i := range min(len(h.Times), len(h.Values)) {
			d.Observe(h.Times[i], h.Values[i])
		}
		largest = append(largest, float64(d.Result().Ratio)) // millionths of a million spreads: spreads
	}
	slices.Sort(largest)
	u := stat.Quantile(1-tailShare, stat.Empirical, largest, nil)
	var excesses []float64
	for _, v := range largest {
		if v > u {
			excesses = append(excesses, v-u)
		}
	}
	scale := 0.0
	if len(excesses) > 0 {
		scale = stat.Mean(excesses, nil)
	}
	threshold := u + scale*math.Log(tailShare/cfg.FalseAlarms)
	p.Drift.Threshold = int64(math.Ceil(max(threshold, 1)*2)) * score.Million / 2
	p.Training = map[string]score.Training{"drift": {Source: cfg.Source, Series: len(histories)}}
	return score.NewModel(p)
}

// spreadOf is the spread of a journey's step means around their median, by the median absolute
// deviation; false for a journey shorter than twelve steps.
func spreadOf(h Series, step ledger.Millis) (float64, bool) {
	var means, deviations []float64
	var sum, count, at int64
	flush := func() {
		if count > 0 {
			means = append(means, float64(sum)/float64(count))
		}
		sum, count = 0, 0
	}
	for i := range min(len(h.Times), len(h.Values)) {
		if n := int64(h.Times[i] / step); n != at {
			flush()
			at = n
		}
		sum += int64(h.Values[i])
		count++
	}
	flush()
	if len(means) < 12 {
		return 0, false
	}
	slices.Sort(means)
	median := stat.Quantile(0.5, stat.Empirical, means, nil)
	for _, m := range means {
		deviations = append(deviations, math.Abs(m-median))
	}
	slices.Sort(deviations)
	return 1.4826 * stat.Quantile(0.5, stat.Empirical, deviations, nil), true
}

// SimulatedSeries gives the clean journeys of simulated days, one day a seed.
func SimulatedSeries(cfg simulate.Config, seeds ...uint64) ([]Series, error) {
	cfg.Faults = []simulate.Fault{}
	var all []Series
	for _, seed := range seeds {
		cfg.Seed = seed
		day, err := simulate.New(cfg)
		if err != nil {
			return nil, fmt.Errorf("train: %w", err)
		}
		index := map[string]int{}
		for _, a := range day.Actions {
			if a.Kind != simulate.KindSegment {
				continue
			}
			s := a.Segment.Readings
			i, ok := index[s.Device]
			if !ok {
				i = len(all)
				index[s.Device] = i
				all = append(all, Series{})
			}
			all[i].Times = append(all[i].Times, s.Times...)
			all[i].Values = append(all[i].Values, s.Channels[0].Values...)
		}
	}
	return all, nil
}
