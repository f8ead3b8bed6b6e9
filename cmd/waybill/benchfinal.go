package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/waybill-dev/waybill/api/client"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/internal/bench"
	"github.com/waybill-dev/waybill/internal/founding"
	"github.com/waybill-dev/waybill/internal/protocolsim"
	"github.com/waybill-dev/waybill/internal/stack"
	"github.com/waybill-dev/waybill/network"
)

const benchFinalLong = `Measure the time from a reading's arrival to the final verdict of four scorers, each an organisation's own process.

Signed segments are pushed through the public API, each a window of a shipment of its own. First the most final
verdicts a second are looked for, with as many windows under way as that takes; then half of that is offered, and
each window is timed from the call that hands its segment over to the verified block that makes its verdict final.
Every hop on the way is told: recorded, opened, committed, closed, revealed, final.

A network, its rules, four stakes and four scorers are made in a folder of their own and removed again. With --running
what runs in --dir is measured, which must be under the rules of scoring.

Exit code 1 means that a reading was not recorded, was doubled, or that a window had no final verdict.`

// benchStake is what each scorer of a bench has at stake, benchSkew how far the clocks of one machine may be apart.
const (
	benchStake = ledger.Credits(10_000)
	benchSkew  = ledger.Millis(2_000)
)

// benchPolicy is the simulated scoring policy, for clocks that agree.
func benchPolicy() ledger.ScoringPolicy {
	p := protocolsim.DefaultPolicy()
	p.Skew, p.RevealFor, p.ChallengeFor = benchSkew, 15*benchSkew, 15*benchSkew
	return p
}

func (a *app) newBenchFinal(f *benchFlags) *cobra.Command {
	var cfg bench.FinalConfig
	cmd := &cobra.Command{
		Use:   string(bench.Final),
		Short: "Measure the time from a reading to the final verdict of four scorers, at half the most load",
		Long:  benchFinalLong,
		Example: `  waybill bench final
  waybill bench final --seconds 120 --json
  waybill bench final --offered 10`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().IntVar(&f.config.Readings, "readings", 0, "readings a segment holds (default 60)")
	cmd.Flags().IntVar(&f.config.Loggers, "loggers", 0, "loggers a gateway has (default 64)")
	cmd.Flags().Float64Var(&cfg.Offered, "offered", 0, "windows a second to offer, instead of half of the most")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		for _, name := range []string{"records", "rounds", "naive-clients"} {
			if cmd.Flags().Changed(name) {
				return usage("--%s is of other kinds of runs", name)
			}
		}
		if err := f.check(cmd); err != nil {
			return err
		}
		if cfg.Offered < 0 || cfg.Offered > 10_000 {
			return usage("--offered: %g is not from 0 to 10000", cfg.Offered)
		}
		ctx, cancel := a.within(cmd.Context())
		defer cancel()
		return a.benchFinal(ctx, cmd, f, cfg)
	}
	return cmd
}

func (a *app) benchFinal(ctx context.Context, cmd *cobra.Command, f *benchFlags, cfg bench.FinalConfig) error {
	cfg.Config = f.asked()
	cfg.Say = sayer(cmd.ErrOrStderr(), a.quiet, time.Now())
	var result *bench.FinalResult
	var err error
	if a.profile != "" || f.running {
		if cfg.Profile, err = a.loadProfile(); err != nil {
			return err
		}
		cfg.Dial = dialer(cfg.Profile)
		result, err = bench.MeasureFinal(ctx, cfg)
	} else {
		result, err = a.benchFinalAlone(ctx, f, cfg)
	}
	if err != nil {
		return err
	}
	if a.json {
		err = result.WriteJSON(cmd.OutOrStdout())
	} else {
		err = result.WriteText(cmd.OutOrStdout())
	}
	if err == nil && !result.OK() {
		return fail(exitRefused, "WB_BENCH", "", "failed %d, lost %d, doubled %d, without a final verdict %d, written alone %d: %s",
			result.Failed, result.Lost, result.Doubled, result.Missing, result.Alone, result.FirstError)
	}
	return err
}

func dialer(p *profile.Profile) bench.Dialer {
	return func(identity string) (*grpc.ClientConn, error) { return client.Dial(p, identity) }
}

// benchFinalAlone measures on a network of its own: the organisation's server does all, the others' score.
func (a *app) benchFinalAlone(ctx context.Context, f *benchFlags, cfg bench.FinalConfig) (result *bench.FinalResult, err error) {
	topology, err := network.LoadTopology("default")
	if err != nil {
		return nil, err
	}
	servers := []stack.Server{{Organisation: a.org, Roles: roles()}}
	for _, org := range topology.Organisations {
		if org.Name != a.org {
			servers = append(servers, stack.Server{Organisation: org.Name, Roles: []string{roleScorer}})
		}
	}
	err = a.onOwnNetwork(ctx, f.keep, servers, cfg.Say, func(s *stack.Stack) error {
		var members []*profile.Profile
		for _, server := range servers {
			p, failed := s.Profile(server.Organisation)
			if failed != nil {
				return failed
			}
			members = append(members, p)
		}
		cfg.Profile, cfg.Dial = members[0], dialer(members[0])
		cfg.Rules = func(ctx context.Context) error {
			_, failed := founding.Found(ctx, founding.Options{Profiles: members, Policy: benchPolicy(), Stake: benchStake, Say: cfg.Say})
			return failed
		}
		result, err = bench.MeasureFinal(ctx, cfg)
		return err
	})
	return result, err
}
