package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/analytics/evaluate"
	"github.com/waybill-dev/waybill/analytics/simulate"
)

// simulatedNow is the time of all simulated shipments that are measured or learned from, so that the
// same seed gives the same figures on any day.
func simulatedNow() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

func (e *evaluation) simulatedFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&e.simulated, "simulated", false, "judge simulated shipments instead of files")
	flags.IntVar(&e.clean, "clean", 2_000, "clean simulated shipments")
	flags.IntVar(&e.each, "each", 50, "simulated shipments of each fault and size")
	flags.IntVar(&e.reference, "reference", 400, "clean simulated shipments that the other methods are fitted to")
	flags.Uint64Var(&e.seed, "seed", 880_001, "seed of the simulated shipments; not one that the model was fitted to")
	flags.StringSliceVar(&e.faults, "fault", nil, "only these `FAULTS`: "+strings.Join(faultWords(), ", "))
	flags.StringVar(&e.table, "table", "", "write every case of every method to this CSV `FILE` too")
}

func faultWords() []string {
	var words []string
	for _, s := range simulate.Scales() {
		words = append(words, string(s.Fault))
	}
	return words
}

// study measures the engine on simulated shipments beside simpler methods.
func (e *evaluation) study(ctx context.Context) error {
	if e.clean < 1 || e.each < 1 || e.reference < 1 || e.clean > simulate.MaxShipments || e.each > simulate.MaxShipments || e.reference > simulate.MaxShipments {
		return usage("--clean, --each and --reference are from 1 to %d", simulate.MaxShipments)
	}
	var plants []simulate.Plant
	for _, word := range e.faults {
		scale, ok := simulate.ScaleOf(simulate.Fault(word))
		if !ok {
			return usage("--fault %q: %s", word, strings.Join(faultWords(), ", "))
		}
		for _, size := range scale.Sizes {
			plants = append(plants, simulate.Plant{Fault: scale.Fault, Size: size})
		}
		if len(scale.Sizes) == 0 {
			plants = append(plants, simulate.Plant{Fault: scale.Fault})
		}
	}
	m, err := readModel(e.read.model)
	if err != nil {
		return err
	}
	cfg := simulate.Config{Seed: e.seed ^ 1<<40, Now: simulatedNow(), Shipments: e.reference, Plants: []simulate.Plant{}}
	baselines, err := evaluate.Baselines(e.seed, evaluate.Shipments(cfg))
	if err != nil {
		return err
	}
	cfg.Seed = e.seed
	var bar *progress
	var told int
	s := evaluate.Study{
		Base: cfg, Clean: e.clean, Each: e.each, Plants: plants, Methods: append([]evaluate.Method{evaluate.Engine(m)}, baselines...),
		Progress: func(done, all int) {
			if bar == nil {
				bar = newProgress(e.cmd.ErrOrStderr(), e.app.quiet, "judging", int64(all), "cases", "shipments")
				bar.addExtra(int64(e.clean))
			} else {
				bar.addExtra(int64(e.each * (done - told)))
			}
			bar.add(int64(done - told))
			told = done
		},
	}
	r, err := s.Run(ctx)
	if bar != nil {
		bar.finish()
	}
	if err != nil {
		return err
	}
	if e.table != "" {
		f, err := os.Create(e.table)
		if err != nil {
			return fail(exitRefused, codeFile, "", "%w", err)
		}
		if err = errors.Join(r.CSV(f), f.Close()); err != nil {
			return fail(exitRefused, codeFile, "", "%s: %w", e.table, err)
		}
	}
	if e.app.json {
		return writeJSON(e.cmd.OutOrStdout(), r)
	}
	return r.Text(e.cmd.OutOrStdout())
}
