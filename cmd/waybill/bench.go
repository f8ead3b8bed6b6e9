package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/waybill-dev/waybill/api/client"
	"github.com/waybill-dev/waybill/internal/bench"
	"github.com/waybill-dev/waybill/internal/stack"
)

const benchLong = `Measure what reaches the ledger through the public API on this machine, beside the naive way (one
record a transaction, straight to a peer's gateway, as Fabric's samples do) in the same run. The two
take turns. Afterwards every block is read and held against what was sent: lost, doubled.

Without --profile a network and a Waybill server of its own are started in a folder of their own and
removed again. With --profile FILE (or --dir and --org, with --running) what runs there is measured, and keeps
what was recorded.

With --json the result is one object; rates are records (events or readings) a second, latencies
milliseconds. Exit code 1 means that something was lost or doubled, or failed on its way through the
API; failures of the naive way are told and are its own.`

type benchFlags struct {
	seconds, rounds       int
	records               uint64
	clients, naiveClients int
	running, keep         bool
	config                bench.Config
}

func (a *app) newBenchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure events, readings and verdicts a second, beside the naive way",
		Long:  benchLong,
		Example: `  waybill bench capture
  waybill bench readings --json --seconds 60
  waybill bench verdict --running --org producer
  waybill bench payments --payments 1000`,
		Args: cobra.NoArgs,
		RunE: groupOnly,
	}
	var f benchFlags
	flags := cmd.PersistentFlags()
	flags.IntVar(&f.seconds, "seconds", 0, "seconds of load, a third of it the naive way's (default 36)")
	flags.Uint64Var(&f.records, "records", 0, "end after the round in which so many records are reached; 0: never")
	flags.IntVar(&f.rounds, "rounds", 0, "turns that the two ways take (default 3)")
	flags.IntVar(&f.clients, "clients", 0, "clients of the API at once (default 32 companies, 16 gateways)")
	flags.IntVar(&f.naiveClients, "naive-clients", 0, "clients of the naive way at once (default 128)")
	flags.BoolVar(&f.running, "running", false, "measure what runs in --dir for --org instead of starting something")
	flags.BoolVar(&f.keep, "keep", false, "keep the folder of the network that was started")
	cmd.AddCommand(
		a.newBenchKind(&f, bench.Capture, "EPCIS events captured", bench.MeasureCapture, func(c *cobra.Command) {
			c.Flags().IntVar(&f.config.Events, "events", 0, "events a document holds (default 250)")
		}),
		a.newBenchKind(&f, bench.Readings, "sensor readings pushed", bench.MeasureReadings, func(c *cobra.Command) { readingFlags(c, &f.config) }),
		a.newBenchKind(&f, bench.Verdict, "the time from a reading to its verdict, at half the sustained rate", bench.MeasureVerdict,
			func(c *cobra.Command) { readingFlags(c, &f.config) }),
		a.newBenchFinal(&f),
		a.newBenchPayments(&f),
	)
	return cmd
}

func readingFlags(c *cobra.Command, cfg *bench.Config) {
	c.Flags().IntVar(&cfg.Readings, "readings", 0, "readings a segment holds (default 1000)")
	c.Flags().IntVar(&cfg.Loggers, "loggers", 0, "loggers a gateway has (default 8)")
}

func (a *app) newBenchKind(f *benchFlags, kind bench.Kind, what string, measure func(context.Context, bench.Config) (*bench.Result, error),
	more func(*cobra.Command),
) *cobra.Command {
	cmd := &cobra.Command{
		Use:     string(kind),
		Short:   "Measure " + what,
		Long:    "Measure " + what + ".\n\n" + benchLong,
		Example: fmt.Sprintf("  waybill bench %s\n  waybill bench %s --json --seconds 60", kind, kind),
		Args:    cobra.NoArgs,
	}
	more(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := f.check(cmd); err != nil {
			return err
		}
		ctx, cancel := a.within(cmd.Context())
		defer cancel()
		result, err := a.bench(ctx, cmd, f, kind, measure)
		if err != nil {
			return err
		}
		if a.json {
			err = result.WriteJSON(cmd.OutOrStdout())
		} else {
			err = result.WriteText(cmd.OutOrStdout())
		}
		if err == nil && !result.OK() {
			return fail(exitRefused, "WB_BENCH", "", "failed %d, lost %d, doubled %d: %s", result.Failed, result.Lost, result.Doubled, result.FirstError)
		}
		return err
	}
	return cmd
}

// asked is the run that the flags ask for.
func (f *benchFlags) asked() bench.Config {
	cfg := f.config
	cfg.Seconds, cfg.Records, cfg.Rounds, cfg.Clients, cfg.NaiveClients = f.seconds, f.records, f.rounds, f.clients, f.naiveClients
	return cfg
}

// check refuses numbers that no run can have, before anything is started. A zero that was asked for is one of them.
func (f *benchFlags) check(cmd *cobra.Command) error {
	for _, name := range []string{"seconds", "rounds", "clients", "naive-clients", "events", "loggers", "readings"} {
		if flag := cmd.Flags().Lookup(name); flag != nil && flag.Changed && flag.Value.String() == "0" {
			return usage("--%s is 0", name)
		}
	}
	if err := f.asked().Check(); err != nil {
		return usage("%w", err)
	}
	return nil
}

// bench measures on what the flags name, or on a network of its own.
func (a *app) bench(ctx context.Context, cmd *cobra.Command, f *benchFlags, kind bench.Kind, measure func(context.Context, bench.Config) (*bench.Result, error)) (r *bench.Result, err error) {
	cfg := f.asked()
	cfg.Say = sayer(cmd.ErrOrStderr(), a.quiet, time.Now())
	if a.profile != "" || f.running {
		if cfg.Profile, err = a.loadProfile(); err != nil {
			return nil, err
		}
		cfg.Dial = func(identity string) (*grpc.ClientConn, error) { return client.Dial(cfg.Profile, identity) }
		return measure(ctx, cfg)
	}
	err = a.onOwnNetwork(ctx, f.keep, []stack.Server{{Organisation: a.org, Roles: serverRoles(kind)}}, cfg.Say, func(s *stack.Stack) (err error) {
		if cfg.Profile, err = s.Profile(a.org); err != nil {
			return err
		}
		cfg.Dial = func(identity string) (*grpc.ClientConn, error) { return client.Dial(cfg.Profile, identity) }
		r, err = measure(ctx, cfg)
		return err
	})
	return r, err
}

// onOwnNetwork measures on a network that is started for it in a folder of its own, and removed again.
func (a *app) onOwnNetwork(ctx context.Context, keep bool, servers []stack.Server, say func(string), measure func(*stack.Stack) error) error {
	dir, err := os.MkdirTemp("", "waybill-bench-")
	if err != nil {
		return fail(exitInternal, codeInternal, "", "%w", err)
	}
	s, err := stack.Up(ctx, stack.Options{Dir: dir, NetworkDir: filepath.Join(dir, "network"), Servers: servers, Say: say})
	if errors.Is(err, context.Canceled) && !keep {
		return errors.Join(err, os.RemoveAll(dir))
	}
	if err != nil {
		return fmt.Errorf("%w (logs are kept in %s)", err, dir)
	}
	err = measure(s)
	select {
	case trouble := <-s.Trouble():
		err = errors.Join(err, trouble)
	default:
	}
	down, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	err = errors.Join(err, s.Down(down))
	if err == nil && !keep {
		return os.RemoveAll(dir)
	}
	say("logs are kept in " + dir)
	return err
}

// serverRoles are those of a server that a bench starts: one that captures is, as in the demo, not the
// one that judges; what judges is measured by the others.
func serverRoles(kind bench.Kind) []string {
	if kind == bench.Capture {
		return []string{roleAPI, roleReadModel}
	}
	return roles()
}

// sayer writes lines with the seconds since the start.
func sayer(w io.Writer, quiet bool, start time.Time) func(string) {
	if quiet {
		return func(string) {}
	}
	return func(line string) { fmt.Fprintf(w, "%6.1f s  %s\n", time.Since(start).Seconds(), printable(line)) }
}
