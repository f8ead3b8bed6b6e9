package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/internal/bench"
	"github.com/waybill-dev/waybill/internal/stack"
)

const benchPaymentsLong = `Measure payments to one account, each a transaction of its own and all of them under way at once: in credits, which
are notes, and beside them on the same network in a token that keeps a balance an account, as Fabric's ERC-20
sample does. A payment in balances reads the payee's balance and writes it, so of all that meet in a block one is
valid and the others are read conflicts, which are tried again until --seconds are over.

A network of its own is started and removed again. Afterwards the ledger is asked for both ways' accounts, which
must be exact. The exit code is 1 if a payment in notes met a conflict or was not made, or an account is not exact.`

// newBenchPayments measures on a network of its own only: no other should get a second token.
func (a *app) newBenchPayments(f *benchFlags) *cobra.Command {
	cfg := bench.PaymentsConfig{}
	cmd := &cobra.Command{
		Use:   string(bench.Payments),
		Short: "Measure payments to one account, in notes and in balances",
		Long:  benchPaymentsLong,
		Example: `  waybill bench payments
  waybill bench payments --payments 200 --clients 64 --json`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().IntVar(&cfg.Payments, "payments", 0, "payments to make (default 1000)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		for _, name := range []string{"records", "rounds", "naive-clients", "running"} {
			if cmd.Flags().Changed(name) {
				return usage("--%s is of other kinds of runs", name)
			}
		}
		cfg.AtOnce, cfg.Seconds = f.clients, f.seconds
		for _, name := range []string{"seconds", "clients", "payments"} {
			if flag := cmd.Flags().Lookup(name); flag.Changed && flag.Value.String() == "0" {
				return usage("--%s is 0", name)
			}
		}
		if err := cfg.Check(); err != nil {
			return usage("%w", err)
		}
		ctx, cancel := a.within(cmd.Context())
		defer cancel()
		return a.benchPayments(ctx, cmd, f, cfg)
	}
	return cmd
}

func (a *app) benchPayments(ctx context.Context, cmd *cobra.Command, f *benchFlags, cfg bench.PaymentsConfig) error {
	cfg.Say = sayer(cmd.ErrOrStderr(), a.quiet, time.Now())
	var result *bench.PaymentsResult
	err := a.onOwnNetwork(ctx, f.keep, nil, cfg.Say, func(s *stack.Stack) (err error) {
		cfg.Member, cfg.Network, cfg.Organisations = s.Profile, s, s.Endorsing()
		result, err = bench.MeasurePayments(ctx, cfg)
		return err
	})
	if err != nil {
		return err
	}
	if a.json {
		err = result.WriteJSON(cmd.OutOrStdout())
	} else {
		err = result.WriteText(cmd.OutOrStdout())
	}
	if err == nil && !result.OK() {
		return fail(exitRefused, "WB_BENCH", "", "%d of %d payments in notes, %d conflicts; accounts exact: %v in notes, %v in balances",
			result.Notes.Committed, result.Asked, result.Notes.Conflicts, result.Notes.Exact, result.Balances.Exact)
	}
	return err
}
