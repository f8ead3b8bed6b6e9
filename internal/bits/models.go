package bits

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/waybill-dev/waybill/analytics/calibrate"
	"github.com/waybill-dev/waybill/analytics/score"
)

const (
	variants = 4
	fitted   = 2
	rows     = 160 // that a fitted model's stratum of a policy is calibrated with
	// modelStream is the stream of randomness that models are drawn from, which no chunk has.
	modelStream = 1 << 63
)

// models gives the shipped model, one without strata, variants of the shipped one, and ones whose strata are
// calibrated with what engines measure on drawn shipments.
func models(seed uint64) ([]*score.Model, error) {
	shipped, err := score.Default()
	if err != nil {
		return nil, err
	}
	all := []*score.Model{shipped}
	add := func(p score.Parameters) error {
		m, err := score.NewModel(p)
		if err != nil {
			return fmt.Errorf("bits: model %s: %w", p.ID, err)
		}
		all = append(all, m)
		return nil
	}
	if err := add(score.BaseParameters("bits-base")); err != nil {
		return nil, err
	}
	r := random(seed, modelStream)
	for i := range variants {
		p := shipped.Parameters()
		p.ID = fmt.Sprintf("bits-variant-%d", i)
		vary(r, &p)
		if err := add(p); err != nil {
			return nil, err
		}
	}
	for i := range fitted {
		p := shipped.Parameters()
		p.ID = fmt.Sprintf("bits-fitted-%d", i)
		vary(r, &p)
		if err := calibrated(r, &p); err != nil {
			return nil, err
		}
		if err := add(p); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// vary draws what a model's parameters decide. Its series are quicker to speak than the shipped model's, so that short
// shipments reach all of their arithmetic.
func vary(r *rand.Rand, p *score.Parameters) {
	share := func(least, most int64) int64 { return least + r.Int64N(most-least+1) }
	p.InspectAt = share(100_000, 500_000)
	p.QuarantineAt = share(p.InspectAt, score.Million)
	p.Within, p.Alpha = share(0, 200_000), share(1_000, 200_000)
	p.Hold, p.Gap = minute*millis(r, 5, 600), minute*millis(r, 5, 300)
	p.Drift.SpreadFloor, p.Drift.Slack = share(1, 800), share(200_000, 1_500_000)
	p.Drift.Threshold, p.Drift.Step = share(2_000_000, 40_000_000), minute*millis(r, 1, 12)
	p.Energy.SpreadFloor, p.Other.SpreadFloor = share(1, 400), share(1, 2_000)
	for _, s := range []*score.SeriesParams{&p.File, &p.Series} {
		s.Warmup, s.Shingle, s.Every, s.Refit = 4+r.IntN(12), 2+r.IntN(12), 1+r.IntN(4), 5+r.IntN(40)
		s.Block, s.MinBlocks, s.Top = 4+r.IntN(12), 2+r.IntN(3), 2+r.IntN(8)
		s.Shrink, s.Notable, s.AlarmP = share(1_000, 200_000), share(0, 2_000_000), share(1_000, 10_000_000)
		s.Refractory, s.Bins, s.Days = r.IntN(100), 8+r.IntN(80), 1+r.IntN(6)
	}
	p.SeriesStep = minute * millis(r, 1, 4)
	for i := range p.Severities {
		if r.IntN(3) == 0 {
			p.Severities[i].Millionths = share(0, score.Million)
		}
	}
}

// calibrated gives every stratum a table of drawn shipments of its policy.
func calibrated(r *rand.Rand, p *score.Parameters) error {
	draft := *p
	draft.Strata = slices.Clone(p.Strata)
	engine := score.Draft(draft)
	tables := map[string]calibrate.Table{}
	for i := range p.Strata {
		name := p.Strata[i].Name
		policy, _, _ := cut(name)
		table, known := tables[policy]
		if !known {
			all := make([][]calibrate.Stat, rows)
			for k := range all {
				all[k] = measured(r, engine, policy)
			}
			var err error
			if table, err = calibrate.Fit(all, calibrate.Config{Alpha: p.Alpha, Seed: r.Uint64(), TrimAbove: score.Million, TrimMost: score.Million * 3 / 2}); err != nil {
				return fmt.Errorf("bits: stratum %s: %w", name, err)
			}
			tables[policy] = table
		}
		p.Strata[i].Table = table
	}
	return nil
}
