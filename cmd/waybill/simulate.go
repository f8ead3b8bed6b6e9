package main

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/analytics/plot"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/internal/protocolsim"
)

const simulateScoringLong = `Play rounds of scoring by several organisations in memory: the chaincode's own contracts, the scoring
engine, and scorers of which some are dishonest. It says what each strategy earns a round, and whether a wrong verdict
ever became final.

One scorer of the panel copies, comes late, always says clear, says something, commits and reveals nothing, signs a
second commitment for others, or claims that a right task leaves something out; or half of the panel is a cartel with a
part of the stake that agrees on a lie; or three fourths of it put an event into the list where the ledger does not have
it. The others are honest, and each looks at what was revealed with the chances that --watch names. They refute false
claims and show wrong lists with the proof log, whose root the keepers of the network's rules anchor.`

func (a *app) newSimulateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "simulate", Short: "Play what scorers may do, without a network",
		Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.newSimulateScoringCommand())
	return cmd
}

func (a *app) newSimulateScoringCommand() *cobra.Command {
	cfg := protocolsim.DefaultConfig()
	var watches []float64
	var stake uint64
	var out string
	cmd := &cobra.Command{
		Use: "scoring", Short: "What strategies of scorers earn, and whether a wrong verdict becomes final", Long: simulateScoringLong,
		Example: `  waybill simulate scoring
  waybill simulate scoring --rounds 2000 --scorers 8 --stake 80000 --out scoring.svg`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg.Watches, cfg.Stake = nil, ledger.Credits(stake)
			for _, w := range watches {
				cfg.Watches = append(cfg.Watches, protocolsim.Watch(w))
			}
			return a.simulateScoring(cmd, cfg, out)
		},
	}
	for _, w := range cfg.Watches {
		watches = append(watches, float64(w))
	}
	flags := cmd.Flags()
	flags.IntVar(&cfg.Rounds, "rounds", cfg.Rounds, "rounds of each case")
	flags.IntVar(&cfg.Scorers, "scorers", cfg.Scorers, "scorers of the panel")
	flags.Uint64Var(&stake, "stake", uint64(cfg.Stake), "credits that the panel has at stake")
	flags.Uint64Var(&cfg.Seed, "seed", cfg.Seed, "seed of what the players draw; equal ones give equal figures")
	flags.Float64Var(&cfg.Compute, "compute", cfg.Compute, "what running the engine costs, in credits")
	flags.Float64Var(&cfg.Fee, "fee", cfg.Fee, "what a transaction costs, in credits")
	flags.Float64SliceVar(&watches, "watch", watches, "chances that an honest scorer looks at what others revealed")
	flags.Float64SliceVar(&cfg.Shares, "cartel", cfg.Shares, "shares of the stake that a cartel has")
	flags.StringVarP(&out, "out", "o", "", "draw the values into this `FILE`, ending in .svg or .png")
	return cmd
}

func (a *app) simulateScoring(cmd *cobra.Command, cfg protocolsim.Config, out string) error {
	ctx := cmd.Context()
	if a.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, a.timeout)
		defer cancel()
	}
	var format plot.Format
	if out != "" {
		var err error
		if format, err = plot.FormatOf(out); err != nil {
			return usage("--out: %w", err)
		}
	}
	bar, told := (*progress)(nil), 0
	cfg.Progress = func(done, all int) {
		if bar == nil {
			bar = newProgress(cmd.ErrOrStderr(), a.quiet, "playing", int64(all), "cases", "rounds")
		}
		bar.add(int64(done - told))
		bar.addExtra(int64(cfg.Rounds))
		told = done
	}
	report, err := protocolsim.Simulate(ctx, cfg)
	if bar != nil {
		bar.finish()
	}
	switch {
	case errors.Is(err, protocolsim.ErrConfig) || errors.Is(err, ledger.ErrSchema):
		return usage("%w", err)
	case err != nil:
		return err
	}
	if out != "" {
		f, err := os.Create(out) //nolint:gosec // the user names the file
		if err != nil {
			return fail(exitRefused, codeFile, "", "%w", err)
		}
		if err = errors.Join(plot.WriteGraphs(f, format, report.Graphs()...), f.Close()); err != nil {
			return fail(exitRefused, codeFile, "", "%s: %w", out, err)
		}
	}
	if a.json {
		return writeJSON(cmd.OutOrStdout(), report)
	}
	return report.Text(cmd.OutOrStdout())
}
