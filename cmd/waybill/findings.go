package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/profile"
)

func (a *app) newFindingsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "findings", Short: "List what the contract's rules found, or have it judged again", Args: cobra.NoArgs, RunE: groupOnly}
	cmd.AddCommand(a.newFindingsListCommand(), a.newFindingsShowCommand(), a.newFindingsReviewCommand())
	return cmd
}

func (a *app) newFindingsListCommand() *cobra.Command {
	list := &cobra.Command{
		Use:   "list",
		Short: "List findings in the order in which they were raised",
		Long: `List findings as they stand, in the order in which they were raised first. A finding is closed when a
later event, an event recorded late, or a declaration of error takes its ground away; it stays listed.`,
		Example: `  waybill findings list --open --at-least critical --newest
  waybill findings list --item urn:epc:id:sgtin:9521321.000001.1001
  waybill findings list --code shipped_not_received --json | jq -r .item`,
		Args: cobra.NoArgs,
	}
	var l lister
	l.flags(list, "findings")
	filter := &waybillv1.FindingFilter{}
	f := list.Flags()
	f.StringVar(&filter.Code, "code", "", "only this rule, such as impossible_journey")
	f.StringVar(&filter.Item, "item", "", "only this item, lot or place, in any spelling")
	f.StringVar(&filter.EventHash, "event", "", "only this event's, by its hash")
	f.BoolVar(&filter.OpenOnly, "open", false, "only those that hold")
	f.BoolVar(&filter.ClosedOnly, "closed", false, "only those that are closed")
	list.MarkFlagsMutuallyExclusive("open", "closed")
	severity := f.String("at-least", "", "only this severity or worse: info, warning, critical")
	newest := f.Bool("newest", false, "the latest first")
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		var err error
		if filter.AtLeast, err = parseSeverity(*severity); err != nil {
			return err
		}
		return a.ask(cmd, profile.IdentityDashboard, func(ctx context.Context, conn grpc.ClientConnInterface) error {
			api := waybillv1.NewFindingServiceClient(conn)
			t := a.newTable(cmd, "FINDING", "SEVERITY", "STATE", "ITEM", "EVENT", "RAISED", "WHAT")
			return listed(a, cmd, l.limit, t, func(size uint32, token string) (*waybillv1.ListFindingsResponse, int, error) {
				r, err := api.ListFindings(ctx, &waybillv1.ListFindingsRequest{Filter: filter, PageSize: size, PageToken: token, NewestFirst: *newest})
				if err != nil {
					return nil, 0, err
				}
				return r, len(r.GetFindings()), show(a, cmd.OutOrStdout(), t, r.GetFindings(), findingRow)
			})
		})
	}
	return list
}

func findingState(f *waybillv1.Finding) string {
	if f.GetOpen() {
		return "open"
	}
	return "closed"
}

func findingRow(f *waybillv1.Finding) []string {
	return []string{f.GetCode(), wordOf(f.GetSeverity()), findingState(f), f.GetItem(), f.GetEventHash(), stamp(f.GetRaisedAt()), f.GetDetail()}
}

func parseSeverity(s string) (waybillv1.Severity, error) {
	if s == "" {
		return waybillv1.Severity_SEVERITY_UNSPECIFIED, nil
	}
	for n := range waybillv1.Severity_name {
		if v := waybillv1.Severity(n); n != 0 && wordOf(v) == s {
			return v, nil
		}
	}
	return 0, usage("--at-least: %q is not info, warning or critical", s)
}

func (a *app) newFindingsShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show CODE EVENT [ITEM]",
		Short: "Show a finding and how it came about",
		Long: `Show a finding with every change of it: raised, amended on other evidence, closed. A finding is named by
its rule, the hash of its event and, unless it is on the event alone, its item, lot or place.`,
		Example: "  waybill findings show commissioned_twice HASH urn:epc:id:sgtin:9521321.000001.1001",
		Args:    cobra.RangeArgs(2, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			code, event, item, err := findingName(args)
			if err != nil {
				return err
			}
			request := &waybillv1.GetFindingRequest{Code: code, EventHash: event, Item: item}
			return a.ask(cmd, profile.IdentityDashboard, func(ctx context.Context, conn grpc.ClientConnInterface) error {
				r, err := waybillv1.NewFindingServiceClient(conn).GetFinding(ctx, request)
				if err != nil {
					return err
				}
				if a.json {
					return writeView(cmd.OutOrStdout(), r)
				}
				return printFinding(cmd.OutOrStdout(), r)
			})
		},
	}
}

// findingName reads what names a finding: its rule, the hash of its event, and its item if it has one. The
// first two are told apart by their form, so that either may come first.
func findingName(args []string) (code, event, item string, err error) {
	code, event = args[0], args[1]
	isHash := func(s string) bool { _, err := epcis.ParseHash(s); return err == nil }
	isRule := func(s string) bool { return slices.Contains(ledger.FindingCodes(), ledger.FindingCode(s)) }
	switch {
	case isHash(code) && isHash(event), isRule(code) && isRule(event):
		return "", "", "", usage("a finding is named CODE EVENT [ITEM]: its rule and its event's hash; `waybill findings list` has both")
	case isHash(code), isRule(event):
		code, event = event, code
	}
	if len(args) > 2 {
		item = args[2]
	}
	return code, event, item, nil
}

// measuredText gives what was measured, speeds in km/h: the ledger counts in whole metres an hour.
func measuredText(f *waybillv1.Finding) string {
	switch {
	case f.GetUnit() == "":
		return ""
	case f.GetUnit() != "m/h":
		return fmt.Sprintf("%d, limit %d %s", f.GetValue(), f.GetLimit(), f.GetUnit())
	case f.GetValue() < 0:
		return fmt.Sprintf("no time at all, limit %s km/h", kilometres(f.GetLimit()))
	}
	return fmt.Sprintf("%s km/h, limit %s km/h", kilometres(f.GetValue()), kilometres(f.GetLimit()))
}

// kilometres writes metres as kilometres.
func kilometres(metres int64) string {
	return strconv.FormatFloat(float64(metres)/1000, 'f', -1, 64)
}

func printFinding(w io.Writer, r *waybillv1.GetFindingResponse) error {
	f := r.GetFinding()
	if err := facts(w, "finding", f.GetCode(), "severity", wordOf(f.GetSeverity()), "state", findingState(f), "item", f.GetItem(),
		"event", f.GetEventHash(), "other", f.GetOtherHash(), "what", f.GetDetail(), "measured", measuredText(f), "closed by", f.GetClosedBy()); err != nil {
		return err
	}
	for _, c := range r.GetChanges() {
		at := c.GetFinding().GetRaisedAt()
		if closed := c.GetFinding().GetClosedAt(); closed != nil {
			at = closed
		}
		if _, err := fmt.Fprintf(w, "%s  %s  block %d (transaction %s)\n", stamp(at), c.GetChange(), c.GetFinding().GetBlock(), c.GetFinding().GetTransactionId()); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) newFindingsReviewCommand() *cobra.Command {
	review := &cobra.Command{
		Use:   "review EPC...",
		Short: "Have the findings on items and events judged again now",
		Long: `Have the findings on items and events judged again by what is registered and recorded now, and by the
time: what is overdue is raised, what no longer holds is closed. A server does so by itself, some
at a time; this is for who cannot wait. It changes nothing but findings.`,
		Example: `  waybill findings review urn:epc:id:sscc:9521321.0000000012
  waybill findings review --event HASH`,
	}
	events := review.Flags().StringSlice("event", nil, "`HASH` of an event to judge again")
	review.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args)+len(*events) == 0 {
			return usage("name an item or an --event")
		}
		return a.ask(cmd, profile.IdentityCompany, func(ctx context.Context, conn grpc.ClientConnInterface) error {
			r, err := waybillv1.NewFindingServiceClient(conn).ReviewFindings(ctx, &waybillv1.ReviewFindingsRequest{Items: args, EventHashes: *events})
			if err != nil {
				return err
			}
			return a.reviewResults(cmd, r.GetResults())
		})
	}
	return review
}

func (a *app) reviewResults(cmd *cobra.Command, results []*waybillv1.ReviewResult) error {
	refusals := 0
	for _, r := range results {
		if r.GetStatus() == waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED {
			refusals++
		}
		var err error
		switch {
		case a.json:
			err = writeView(cmd.OutOrStdout(), r)
		case r.GetStatus() == waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED:
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s refused: %s: %s\n", printable(r.GetSubject()), r.GetCode(), printable(r.GetMessage()))
		case len(r.GetChanged()) == 0:
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s as before\n", printable(r.GetSubject()))
		default:
			lines := make([]string, len(r.GetChanged()))
			for i, f := range r.GetChanged() {
				lines[i] = fmt.Sprintf("%s %s: %s", f.GetCode(), findingState(f), printable(f.GetDetail()))
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s %s (transaction %s)\n", printable(r.GetSubject()), strings.Join(lines, "; "), r.GetTransactionId())
		}
		if err != nil {
			return err
		}
	}
	if refusals > 0 {
		return refused("%d of %d refused", refusals, len(results))
	}
	return nil
}
