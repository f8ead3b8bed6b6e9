// Package train fits the parameters of a model to accepted histories and makes the artefact. It may
// use gonum and may import everything under analytics, ledger and wire; nothing that scores imports
// it. What it fits is rounded before it enters the artefact, so that the last bits of a platform's
// arithmetic do not, and the same histories in the same order give the same artefact.
//
// Histories are taken for accepted: shipments that nothing was the matter with, or nearly all of
// them. Up to a tenth may be poisoned (faulty shipments that were accepted, or forged ones) without
// moving what is fitted far: levels, spreads and dwells are medians, thresholds are continued from quantiles
// that a tenth cannot reach, and calibration trims by a rule of its own (see calibrate.Fit).
package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/stat"

	"github.com/waybill-dev/waybill/analytics/calibrate"
	"github.com/waybill-dev/waybill/analytics/detect"
	"github.com/waybill-dev/waybill/analytics/detect/journey"
	"github.com/waybill-dev/waybill/analytics/detect/sequence"
	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Errors of this package.
var (
	// ErrHistories says that there is too little to learn from.
	ErrHistories = errors.New("WB_TRAIN: too few histories")
	// ErrConfig says that nothing can be fitted by the configuration.
	ErrConfig = errors.New("WB_TRAIN_CONFIG: configuration")
)

const (
	// leastSeries is how many series a fit needs for its tail.
	leastSeries = 100
	// lowShare and highShare are the shares of journeys beyond the two quantiles that the tail of the drift's
	// largest sums is continued from. A tenth of poison beyond them less than doubles the scale.
	lowShare, highShare = 0.4, 0.15
	// mostHistories bounds what is held in memory.
	mostHistories = 200_000
	// mostProfiled is how many journeys the profile of a lane rests on at most.
	mostProfiled = 1000
)

// History is one accepted shipment: what the ledger recorded of it, in ledger order.
type History struct {
	Shipment string
	Inputs   []feature.Input
}

// Config says what to fit. The zero value of a field is its default.
type Config struct {
	ID string
	// FalseAlarms is the share of accepted journeys that may alarm by their drift alone where no stratum
	// calibrates it, by an exponential tail: a model's promise, not a guarantee. Default 1e-5.
	FalseAlarms float64
	// Alpha is the share of shipments like the accepted ones that may be inspected for being unusual, in
	// millionths. Default 10,000.
	Alpha int64
	// Poison is the largest share of the histories that may be poisoned, in millionths. Default
	// 100,000; negative: none.
	Poison int64
	// Seed decides, with the number of histories of a stratum, which of them are references.
	Seed uint64
	// Source describes the histories in the artefact.
	Source string
	// Workers is how many histories are judged at a time; default one a processor. It changes nothing
	// of the result.
	Workers int
}

func (c *Config) complete() error {
	c.FalseAlarms = cmp.Or(c.FalseAlarms, 1e-5)
	c.Alpha = cmp.Or(c.Alpha, 10_000)
	c.Workers = cmp.Or(c.Workers, runtime.GOMAXPROCS(0))
	if !(c.FalseAlarms > 0 && c.FalseAlarms <= highShare) || c.Alpha < 0 || c.Alpha > score.Million/2 || c.Workers < 0 || c.Poison > 200_000 {
		return fmt.Errorf("%w: a share of false alarms of %v, alpha %d, poison %d, %d workers", ErrConfig, c.FalseAlarms, c.Alpha, c.Poison, c.Workers)
	}
	return nil
}

// outline is what is known of a history before it is judged.
type outline struct {
	policy string
	lane   string
	often  score.Sampling
	steps  []sequence.Step
}

// Fit gives the model of accepted histories, in their order. The drift's least spread is the lower
// quartile of the spreads seen, and its threshold lies where the tail of the journeys' largest sums
// leaves the share of false alarms asked for. Each policy, lane and class of sampling of at least calibrate.LeastRows
// histories becomes a stratum, and so do a policy's histories without a lane: a part of them makes the
// profile of the journey, the lane's dwells, the drift and the references, the others calibrate. The
// errors are ErrHistories, ErrConfig, and the context's.
func Fit(ctx context.Context, cfg Config, histories []History) (*score.Model, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	if len(histories) > mostHistories {
		return nil, fmt.Errorf("%w: %d histories, at most %d", ErrConfig, len(histories), mostHistories)
	}
	p := score.BaseParameters(cfg.ID)
	p.Alpha = cfg.Alpha
	p.Training = map[string]score.Training{}
	outlines, err := outlinesOf(ctx, cfg, p, histories)
	if err != nil {
		return nil, err
	}
	f := &fit{cfg: cfg, p: &p, histories: histories, outlines: outlines, members: membersOf(outlines)}
	// A statistic of one is at its detector's own alarm threshold, which accepted shipments hardly reach.
	f.calibration = calibrate.Config{Alpha: cfg.Alpha, Poison: cfg.Poison, Seed: cfg.Seed, TrimAbove: score.Million, TrimMost: score.Million * 3 / 2}
	if err := f.divide(); err != nil {
		return nil, err
	}
	if err := f.drift(ctx); err != nil {
		return nil, err
	}
	if err := f.strata(ctx); err != nil {
		return nil, err
	}
	return score.NewModel(p)
}

// fit is a model in the making.
type fit struct {
	cfg         Config
	calibration calibrate.Config
	p           *score.Parameters
	histories   []History
	outlines    []outline
	members     map[string][]int // of each stratum
	calibrates  []bool           // histories to which nothing else may be fitted
}

// divide decides which histories calibrate and which all else is fitted to.
func (f *fit) divide() error {
	f.calibrates = make([]bool, len(f.histories))
	for name, of := range f.members {
		_, calibrating, err := calibrate.Split(len(of), f.calibration)
		if err != nil {
			return fmt.Errorf("%w: stratum %s: %w", ErrConfig, name, err)
		}
		for _, k := range calibrating {
			f.calibrates[of[k]] = true
		}
	}
	return nil
}

// temperatures gives the readings of each device of a history, in order of time.
func temperatures(h *History) []journey.Readings {
	var devices []string
	var all []journey.Readings
	for i := range h.Inputs {
		in := &h.Inputs[i]
		for _, ch := range in.Channels {
			if ch.Quantity != ledger.Temperature {
				continue
			}
			at := slices.Index(devices, in.Device)
			if at < 0 {
				at = len(devices)
				devices, all = append(devices, in.Device), append(all, journey.Readings{})
			}
			r := &all[at]
			for k := range min(len(in.Times), len(ch.Values)) {
				if n := len(r.Times); n == 0 || in.Times[k] > r.Times[n-1] {
					r.Times, r.Values = append(r.Times, in.Times[k]), append(r.Values, ch.Values[k])
				}
			}
		}
	}
	return all
}

// drift fits the detector of slow changes.
func (f *fit) drift(ctx context.Context) error {
	var series, rest []journey.Readings
	for i := range f.histories {
		own := temperatures(&f.histories[i])
		if f.calibrates[i] {
			rest = append(rest, own...)
		} else {
			series = append(series, own...)
		}
	}
	if len(series) < leastSeries {
		// Two numbers that all histories share: calibrating ones among them move no rank to speak of.
		series = append(series, rest...)
	}
	if len(series) < leastSeries {
		return fmt.Errorf("%w: %d series to fit to, at least %d are needed", ErrHistories, len(series), leastSeries)
	}
	p, cfg := &f.p.Drift, f.cfg
	f.p.Training["drift"] = score.Training{Source: cfg.Source, Series: len(series)}
	var spreads []float64
	for _, s := range series {
		if spread, ok := spreadOf(s, p.Step); ok {
			spreads = append(spreads, spread)
		}
	}
	if len(spreads) < leastSeries {
		return fmt.Errorf("%w: %d series are long enough, at least %d are needed", ErrHistories, len(spreads), leastSeries)
	}
	slices.Sort(spreads)
	p.SpreadFloor = max(1, int64(math.Round(stat.Quantile(0.25, stat.Empirical, spreads, nil))))
	const unreachable = 1_000_000 // spreads
	p.Threshold = unreachable * score.Million
	largest := make([]float64, len(series))
	err := each(ctx, cfg.Workers, len(series), func(i int) error {
		d := detect.NewDrift(*p)
		for k, at := range series[i].Times {
			d.Observe(at, series[i].Values[k])
		}
		largest[i] = float64(d.Result().Ratio) // millionths of a million spreads: spreads
		return nil
	})
	if err != nil {
		return err
	}
	slices.Sort(largest)
	low, high := stat.Quantile(1-lowShare, stat.Empirical, largest, nil), stat.Quantile(1-highShare, stat.Empirical, largest, nil)
	scale := (high - low) / math.Log(lowShare/highShare)
	threshold := high + float64(scale*math.Log(highShare/cfg.FalseAlarms))
	p.Threshold = int64(math.Ceil(max(threshold, 1)*2)) * score.Million / 2
	return nil
}

// spreadOf is the spread of a journey's step means around their median, by the median absolute
// deviation; false for a journey shorter than twelve steps.
func spreadOf(h journey.Readings, step ledger.Millis) (float64, bool) {
	var means, deviations []float64
	var sum, count, at int64
	flush := func() {
		if count > 0 {
			means = append(means, float64(sum)/float64(count))
		}
		sum, count = 0, 0
	}
	for i := range h.Times {
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

// strata calibrates every policy and lane that there is enough of.
func (f *fit) strata(ctx context.Context) error {
	if len(f.members) == 0 {
		return nil
	}
	p := f.p
	names := slices.Sorted(maps.Keys(f.members))
	var steps [][]sequence.Step
	for _, name := range names {
		for _, i := range f.members[name] {
			if !f.calibrates[i] {
				steps = append(steps, f.outlines[i].steps)
			}
		}
	}
	lanes, err := sequence.Fit(steps, sequence.DefaultParams())
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	p.Lanes = &lanes
	for _, name := range names {
		s := score.Stratum{Name: name}
		var profiled []journey.Readings
		for _, i := range f.members[name] {
			if f.calibrates[i] || len(profiled) == mostProfiled {
				continue
			}
			if r, ok := logged(&f.histories[i]); ok {
				profiled = append(profiled, r)
			}
		}
		if profile, err := journey.Fit(p.Journey, profiled); err == nil {
			s.Journey = &profile
		} else if !errors.Is(err, journey.ErrReference) {
			return fmt.Errorf("train: stratum %s: %w", name, err)
		}
		p.Strata = append(p.Strata, s)
	}
	// Engines state no p-value yet, but measure what is to be calibrated as they will when scoring.
	draft := score.Draft(*p)
	for k := range p.Strata {
		s := &p.Strata[k]
		rows := make([][]calibrate.Stat, len(f.members[s.Name]))
		err := each(ctx, f.cfg.Workers, len(rows), func(i int) error {
			h := &f.histories[f.members[s.Name][i]]
			e := score.New(draft, "", 0)
			for _, in := range h.Inputs {
				if err := e.Observe(in); err != nil {
					return fmt.Errorf("%w: history of %s: %w", ErrHistories, h.Shipment, err)
				}
			}
			rows[i] = e.Statistics(true)
			return nil
		})
		if err != nil {
			return err
		}
		if s.Table, err = calibrate.Fit(rows, f.calibration); err != nil {
			return fmt.Errorf("train: stratum %s: %w", s.Name, err)
		}
		p.Training["stratum "+s.Name] = score.Training{Source: f.cfg.Source, Series: len(rows)}
	}
	return nil
}

// outlinesOf reads of each history where it went, under what policy, and how often its loggers measured.
func outlinesOf(ctx context.Context, cfg Config, p score.Parameters, histories []History) ([]outline, error) {
	draft := score.Draft(p)
	outlines := make([]outline, len(histories))
	err := each(ctx, cfg.Workers, len(histories), func(i int) error {
		e := score.New(draft, "", 0)
		for _, in := range histories[i].Inputs {
			if in.Kind == feature.KindReadings {
				continue
			}
			if err := e.Observe(in); err != nil {
				return fmt.Errorf("%w: history of %s: %w", ErrHistories, histories[i].Shipment, err)
			}
		}
		o := &outlines[i]
		if policy := e.Policy(); policy != nil {
			o.policy = policy.ID
		}
		o.lane, o.steps = e.Lane()
		var times [][]ledger.Millis
		for _, r := range temperatures(&histories[i]) {
			times = append(times, r.Times)
		}
		o.often = score.SamplingOf(times...)
		return nil
	})
	return outlines, err
}

// membersOf gives the histories of each stratum that there is enough of, by name.
func membersOf(outlines []outline) map[string][]int {
	members := map[string][]int{}
	for i, o := range outlines {
		if o.policy != "" {
			name := o.often.Of(score.StratumName(o.policy, cmp.Or(o.lane, score.AnyLane)))
			members[name] = append(members[name], i)
		}
	}
	maps.DeleteFunc(members, func(_ string, of []int) bool { return len(of) < calibrate.LeastRows })
	return members
}

// logged gives the first device's temperatures as the judgement of the whole journey sees them.
func logged(h *History) (journey.Readings, bool) {
	all := temperatures(h)
	if len(all) == 0 {
		return journey.Readings{}, false
	}
	log, err := journey.NewLog(journey.Most)
	if err != nil {
		return journey.Readings{}, false
	}
	for i, at := range all[0].Times {
		log.Observe(at, all[0].Values[i])
	}
	return log.Readings(), true
}

// each does something for every index, some at a time; results go to places of their own, so that
// their order does not depend on the workers.
func each(ctx context.Context, workers, n int, do func(i int) error) error {
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(max(1, workers))
	for i := range n {
		if working.Err() != nil {
			break
		}
		group.Go(func() error { return do(i) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}
