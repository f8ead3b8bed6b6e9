package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/waybill-dev/waybill/api/ingest"
	"github.com/waybill-dev/waybill/internal/demo"
	"github.com/waybill-dev/waybill/internal/stack"
	"github.com/waybill-dev/waybill/network"
)

const demoLong = `Show the whole of Waybill on this machine: a real Fabric network of three companies and an assessor, a Waybill
server for each company, and a simulated day of pharma and food shipments that goes through the public API as
companies and IoT gateways would send it. Some shipments carry a planted fault. At the end stands a
table: what was planted, what the verdict says and why, and where it is on the ledger.

Four scorers judge, each with a stake: the companies and the assessor, which lies. It gives wrong answers, sends
another's commitment for its own, keeps silent, and says of a right task that it leaves an event out. A second
table says how each lie was proven and what it cost; the verdicts are those of an honest engine all the same.

The simulation is seeded and is a simulation; everything else is what runs in earnest.

With --once it ends there, with exit code 0 only if every planted fault and finding was found, no clean
shipment was condemned, every verdict is on the ledger of another organisation's peer, the recall names
exactly what the lot reached, its proof verifies, the forged one does not, every lie was caught and left
the final verdicts as the engine gives them, the credits balance, and the peers' world states are equal. Without it everything stays up and can be asked, until Ctrl-C or "waybill demo down".

With --input (or files and folders as arguments) your own EPCIS documents (JSON or XML) and readings
(CSV: a time, then values) go the same way: documents are captured and reported on, each CSV becomes
a registered device that is bound to a shipment and judged.`

type demoFlags struct {
	once      bool
	seed      uint64
	shipments int
	unit      string
	input     demo.Input
}

func (a *app) newDemoCommand() *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:   "demo [FILE...]",
		Short: "A network, a day of shipments through the API, and a verdict for each",
		Long:  demoLong,
		Example: `  waybill demo
  waybill demo --once --seed 7
  waybill demo --input documents/
  waybill demo --once --input logger.csv --unit fahrenheit`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.input.Paths = append(f.input.Paths, args...)
			f.input.Unit = ingest.Unit(f.unit)
			if f.shipments < 1 || f.shipments > demo.MaxShipments {
				return usage("--shipments %d: from 1 to %d", f.shipments, demo.MaxShipments)
			}
			if err := f.input.Check(); err != nil {
				return usage("%w", err)
			}
			return a.demo(cmd, &f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.once, "once", false, "end after the table, with exit code 0 only if all is as it should be; stop everything")
	flags.Uint64Var(&f.seed, "seed", 1, "seed of the simulated day")
	flags.IntVar(&f.shipments, "shipments", demo.DefaultShipments, "shipments of the simulated day")
	flags.StringArrayVar(&f.input.Paths, "input", nil, "your own documents and readings: a `FOLDER` or file; may be given more than once")
	flags.StringVar(&f.unit, "unit", "", "unit of the temperatures in CSV files: celsius, fahrenheit or kelvin (default: the header's, else celsius)")
	flags.StringVar(&f.input.Policy, "policy", "", "policy that readings from CSV files are judged by (default: the one whose range holds most of them)")
	cmd.AddCommand(a.newDemoDownCommand())
	return cmd
}

func (a *app) newDemoDownCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "down",
		Short:   "Stop a demo that runs in another terminal, and its network",
		Example: "  waybill demo down",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// The demo supervises its network: asked to stop it, it stops its servers first.
			return newNetworkDown().RunE(cmd, nil)
		},
	}
}

func (a *app) demo(cmd *cobra.Command, f *demoFlags) (err error) {
	begun := time.Now()
	ctx, cancel := a.within(cmd.Context())
	defer cancel()
	progress := demoProgress(cmd.ErrOrStderr(), a.quiet, begun)
	own := len(f.input.Paths) > 0
	var files demo.Files
	if own {
		// What cannot be read is better known before a network is started.
		if files, err = demo.Collect(f.input); err != nil {
			return err
		}
	}
	s, err := stack.Up(ctx, stack.Options{
		Dir: a.dir, NetworkDir: filepath.Join(a.dir, "network"), Servers: demo.Servers(), Say: progress.Say,
	})
	if err != nil {
		return err
	}
	defer func() {
		progress.Say("stopping")
		down, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, s.Down(down))
	}()
	progress.Say("the network and three servers are up; founding the rules that four scorers judge by")
	four, err := demo.Convene(ctx, s, filepath.Join(a.dir, "demo"), progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, four.Close()) }()
	var outcome error
	if own {
		outcome, err = a.demoInput(ctx, cmd, s, f, files, progress)
	} else {
		outcome, err = a.demoDay(ctx, cmd, s, four, f, progress)
	}
	if err != nil || f.once {
		return errors.Join(err, outcome)
	}
	if outcome != nil && !a.quiet {
		fmt.Fprintf(cmd.ErrOrStderr(), "waybill: %v\n", outcome)
	}
	return a.stay(ctx, cmd, s, four)
}

// demoDay plays a simulated day. outcome is why it did not go as it should.
func (a *app) demoDay(ctx context.Context, cmd *cobra.Command, s *stack.Stack, four *demo.Panel, f *demoFlags, progress demo.Progress) (outcome, err error) {
	folder := filepath.Join(a.dir, "demo")
	report, err := demo.Play(ctx, s, four, demo.Config{Seed: f.seed, Shipments: f.shipments, Now: time.Now(), Folder: folder, Progress: progress})
	if err != nil {
		return nil, err
	}
	if a.json {
		err = report.WriteJSON(cmd.OutOrStdout())
	} else {
		err = report.WriteText(cmd.OutOrStdout())
	}
	if !report.OK {
		outcome = fail(exitRefused, "WB_DEMO", "", "%d of %d planted faults were found, %d of %d clean shipments condemned, %d verdicts are missing, findings as planted: %t, recall and proof as they should be: %t, lies caught and without effect: %t, equal world states: %t",
			report.Found, report.Planted, report.Condemned, report.Clean, report.OnChain.Missing, report.FindingsOK(), report.Recall.OK, report.Scoring.OK, report.States.Equal)
	}
	if err == nil && !f.once && !a.json && !a.quiet {
		err = report.WriteNext(cmd.OutOrStdout(), a.invocation(os.Args[0]), shellQuoted(folder))
	}
	return outcome, err
}

// demoInput sends the user's own files.
func (a *app) demoInput(ctx context.Context, cmd *cobra.Command, s *stack.Stack, f *demoFlags, files demo.Files, progress demo.Progress) (outcome, err error) {
	report, err := demo.PlayInput(ctx, s, files, progress)
	if err != nil {
		return nil, err
	}
	if a.json {
		err = report.WriteJSON(cmd.OutOrStdout())
	} else {
		err = report.WriteText(cmd.OutOrStdout())
	}
	if !report.OK {
		outcome = fail(exitRefused, "WB_DEMO", "", "%s", report.Why())
	}
	if err == nil && !f.once && !a.json && !a.quiet {
		err = report.WriteNext(cmd.OutOrStdout(), a.invocation(os.Args[0]))
	}
	return outcome, err
}

// stay keeps everything up until a signal, or until something that matters does not stay up.
func (a *app) stay(ctx context.Context, cmd *cobra.Command, s *stack.Stack, four *demo.Panel) error {
	if !a.quiet {
		fmt.Fprintf(cmd.ErrOrStderr(), "\nEverything stays up. Ctrl-C here, or `%s demo down` in another terminal, stops it.\n", a.invocation(os.Args[0]))
	}
	for {
		select {
		case <-ctx.Done():
			return nil // it was asked to end
		case err := <-four.Ended():
			return err
		case trouble := <-s.Trouble():
			fmt.Fprintf(cmd.ErrOrStderr(), "waybill: %v\n", trouble)
			if errors.Is(trouble, network.ErrProcess) {
				continue // it is started again
			}
		}
	}
}

func demoProgress(w io.Writer, quiet bool, start time.Time) demo.Progress {
	if quiet {
		return demo.Lines(io.Discard, start, time.Hour)
	}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return demo.Bars(w, start)
	}
	return demo.Lines(w, start, progressEvery)
}

// invocation is how this program is called in this folder and with this state folder, for a shell.
// program is what it was called as: a name without a slash is found on the path, under its own name.
func (a *app) invocation(program string) string {
	if !strings.ContainsRune(program, filepath.Separator) {
		program = "waybill"
	}
	out := shellQuoted(program)
	if a.dir != defaultDir {
		out += " --dir " + shellQuoted(a.dir)
	}
	return out
}

// shellQuoted gives a word as a POSIX shell reads it back.
func shellQuoted(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@%,=", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
