package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/waybill-dev/waybill/analytics/calibrate"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/gateway/profile"
)

func verdictColumns() []string {
	return []string{"SHIPMENT", "WINDOW", "LEVEL", "SCORE", "REASONS", "UNTIL", "SCORER", "STANDING", "POSITION", "TRANSACTION"}
}

func verdictRow(v *waybillv1.Verdict) []string {
	window := strconv.FormatUint(uint64(v.GetWindow()), 10)
	if v.GetFinal() {
		window += " (last)"
	}
	return []string{
		v.GetShipment(), window, level1(v.GetLevel()), millionths(v.GetScoreMillionths()), reasons(v),
		stamp(v.GetTo()), v.GetScorer(), standingText(v), position(v.GetPosition()), v.GetTransactionId(),
	}
}

// standingText says whose word a verdict is, and what made it so.
func standingText(v *waybillv1.Verdict) string {
	if v.GetStanding() == waybillv1.VerdictStanding_VERDICT_STANDING_UNSPECIFIED {
		return ""
	}
	text := wordOf(v.GetStanding())
	if v.GetStandingBy() != "" {
		text += " (" + v.GetStandingBy() + ")"
	}
	if o := v.GetOverruled(); o != nil {
		text += fmt.Sprintf(", not %s by %s", level1(o.GetLevel()), o.GetScorer())
	}
	return text
}

func millionths(n int64) string { return fmt.Sprintf("%d.%06d", n/1_000_000, n%1_000_000) }

func verdictFilter(cmd *cobra.Command) func() (*waybillv1.VerdictFilter, error) {
	f := &waybillv1.VerdictFilter{}
	cmd.Flags().StringVar(&f.Shipment, "shipment", "", "only this shipment, in any spelling of its EPC")
	cmd.Flags().StringVar(&f.Model, "model", "", "only this model, id@digest")
	cmd.Flags().BoolVar(&f.FinalOnly, "final", false, "only verdicts on a shipment's last window")
	level := cmd.Flags().String("at-least", "", "only this level or worse: clear, inspect, quarantine")
	return func() (*waybillv1.VerdictFilter, error) {
		var err error
		f.AtLeast, err = parseLevel(*level)
		return f, err
	}
}

func (a *app) newVerdictsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "verdicts", Short: "List verdicts, or watch them as they are recorded", Args: cobra.NoArgs, RunE: groupOnly}
	cmd.AddCommand(a.newVerdictsListCommand(), a.newVerdictsWatchCommand(), a.newVerdictsWhyCommand(), a.newVerdictsLanesCommand(), a.newVerdictsQuantitiesCommand())
	return cmd
}

func (a *app) newVerdictsListCommand() *cobra.Command {
	list := &cobra.Command{
		Use:   "list",
		Short: "List verdicts in ledger order",
		Long: `List verdicts in ledger order. With --fdr, list the verdicts on shipments' last windows that state a p-value, and say which of them are discoveries such that the expected share of false ones among all discoveries stays below
the rate, however many shipments there are. It is a function of the ledger's order, and not part of
any verdict; late data supersede a verdict and are no second test.

A verdict stands alone (one organisation's word), disputed (most scorers of a task found something else), provisional (a task's
quorum) or final, and by what: unanimous, window, draw, split or challenge. Where one organisation had recorded something else, the
final verdict is what is listed, and --json tells the other. (last) stands behind the window with which a shipment ended.`,
		Example: `  waybill verdicts list --at-least inspect --newest
  waybill verdicts list --shipment urn:epc:id:sscc:9521321.0000000012 --json
  waybill verdicts list --fdr 0.05`,
		Args: cobra.NoArgs,
	}
	var l lister
	l.flags(list, "verdicts")
	filter := verdictFilter(list)
	newest := list.Flags().Bool("newest", false, "the latest on the ledger first")
	fdr := list.Flags().Float64("fdr", 0, "tell discoveries at this false discovery rate, such as 0.05")
	method := list.Flags().String("fdr-method", string(calibrate.LOND), "how: lond, lord++, saffron or e-lord")
	list.MarkFlagsMutuallyExclusive("fdr", "newest")
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		filter, err := filter()
		if err != nil {
			return err
		}
		if cmd.Flags().Changed("fdr") {
			return a.discover(cmd, *fdr, *method, filter, l.limit)
		}
		return a.ask(cmd, profile.IdentityDashboard, func(ctx context.Context, conn grpc.ClientConnInterface) error {
			api := waybillv1.NewVerdictServiceClient(conn)
			t := a.newTable(cmd, verdictColumns()...)
			return listed(a, cmd, l.limit, t, func(size uint32, token string) (*waybillv1.ListVerdictsResponse, int, error) {
				r, err := api.ListVerdicts(ctx, &waybillv1.ListVerdictsRequest{Filter: filter, PageSize: size, PageToken: token, NewestFirst: *newest})
				if err != nil {
					return nil, 0, err
				}
				return r, len(r.GetVerdicts()), show(a, cmd.OutOrStdout(), t, r.GetVerdicts(), verdictRow)
			})
		})
	}
	return list
}

func (a *app) newVerdictsWatchCommand() *cobra.Command {
	watch := &cobra.Command{
		Use:   "watch",
		Short: "Print verdicts as they are recorded, and again when whose word they are changes",
		Long: `Print verdicts as they are recorded, from the beginning of the ledger, from a position, or from
now on. One comes again, as it then stands, when a task's quorum finds it or something else, when it becomes final, when a final verdict
overrules it, and when a task that disputed it is void; one that is overruled by what the filter leaves out comes all the same. When the
connection breaks, watch takes up where it was. Ctrl-C ends it, with exit code 130; so does --timeout, with 0.`,
		Example: `  waybill verdicts watch --new --at-least inspect
  waybill verdicts watch --after 120:3 --json`,
		Args: cobra.NoArgs,
	}
	filter := verdictFilter(watch)
	after := watch.Flags().String("after", "", "start after this `POSITION`, block:index, such as 120:3")
	fresh := watch.Flags().Bool("new", false, "only what is recorded from now on")
	most := watch.Flags().Int("count", 0, "end after so many verdicts; 0 for never")
	watch.MarkFlagsMutuallyExclusive("after", "new")
	watch.RunE = func(cmd *cobra.Command, _ []string) error {
		filter, err := filter()
		if err != nil {
			return err
		}
		request := &waybillv1.WatchVerdictsRequest{Filter: filter, OnlyNew: *fresh}
		if *after != "" {
			if request.After, err = parsePosition(*after); err != nil {
				return err
			}
		}
		conn, err := a.connect(profile.IdentityDashboard)
		if err != nil {
			return err
		}
		defer conn.Close() //nolint:errcheck // nothing is under way any more
		ctx, cancel := a.within(cmd.Context())
		defer cancel()
		w := &watcher{app: a, out: cmd.OutOrStdout(), errs: cmd.ErrOrStderr(), api: waybillv1.NewVerdictServiceClient(conn), request: request, left: *most}
		return w.run(ctx)
	}
	return watch
}

// errEnough ends a watch that has seen what it was to see.
var errEnough = errors.New("enough")

// watcher keeps a stream of verdicts open across failures.
type watcher struct {
	app     *app
	out     io.Writer
	errs    io.Writer
	api     waybillv1.VerdictServiceClient
	request *waybillv1.WatchVerdictsRequest
	left    int // 0: no bound
	seen    bool
}

const (
	firstRetry = 250 * time.Millisecond
	lastRetry  = 10 * time.Second
	// patience is how long a stream that never answered is tried for.
	patience = 15 * time.Second
)

func (w *watcher) run(ctx context.Context) error {
	wait, since := firstRetry, time.Now()
	for {
		alive, err := w.stream(ctx)
		switch {
		case errors.Is(err, errEnough):
			return nil
		case ctx.Err() != nil:
			return stopped(ctx)
		case exitOf(codeOf(err)) != exitUnavailable, !w.seen && time.Since(since) > patience:
			return err
		}
		if alive {
			wait = firstRetry
		}
		if !w.app.quiet {
			fmt.Fprintf(w.errs, "waybill: %s; trying again in %s\n", plain(err), wait)
		}
		select {
		case <-ctx.Done():
			return stopped(ctx)
		case <-time.After(wait):
		}
		wait = min(2*wait, lastRetry)
	}
}

// stopped is how a watch ends that was stopped: its --timeout is an end like any other, a signal is told.
func stopped(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil
	}
	return ctx.Err()
}

func (w *watcher) stream(ctx context.Context) (alive bool, err error) {
	s, err := w.api.WatchVerdicts(ctx, w.request)
	if err != nil {
		return false, err
	}
	for {
		r, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return alive, fmt.Errorf("%s: the server ended the stream", codeUnavailable)
		}
		if err != nil {
			return alive, err
		}
		alive, w.seen = true, true
		if v := r.GetVerdict(); v != nil {
			if err := w.print(v); err != nil {
				return alive, err
			}
		}
		if r.GetPosition() != nil {
			w.request.After, w.request.OnlyNew = r.GetPosition(), false
		}
		if r.GetVerdict() != nil && w.left > 0 {
			if w.left--; w.left == 0 {
				return alive, errEnough
			}
		}
	}
}

func (w *watcher) print(v *waybillv1.Verdict) error {
	if w.app.json {
		return writeView(w.out, v)
	}
	row := verdictRow(v)
	_, err := fmt.Fprintf(w.out, "%-10s %s  window %s  score %s  %s  %s  block %s  %s\n",
		row[2], printable(row[0]), row[1], row[3], printable(cmp.Or(row[4], "no reason to worry")), printable(cmp.Or(row[7], "alone")), row[8], row[9])
	return err
}
