package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/trace"
	"github.com/waybill-dev/waybill/gateway/profile"
)

func (a *app) newRecallCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "recall EPC|LOT",
		Short: "List all that may contain a lot or an item, or touched it, and who holds it",
		Long: `List everything that a lot, an item or the contents of a container reached: what may contain it
(the instances of a lot, what was made of it, what it is packed in) and what touched it (what was in
one container with it, what held it once), with who holds each, what is already sold, and the event
that says so. LOT is an LGTIN as an EPC URN, a GS1 Digital Link, or (01)GTIN(10)LOT.

The whole evidence, each edge with its events, is in --json; --svg draws it. An answer that is not whole
says by what it was cut, and the exit code is 1.`,
		Example: `  waybill recall "(01)09521321000018(10)LOT-77"
  waybill recall urn:epc:class:lgtin:9521321.000001.LOT-77 --svg recall.svg
  waybill recall urn:epc:id:sscc:9521321.0000000001 --json | jq -r '.nodes[] | select(.custody.status == "sold") | .id'`,
		Args: cobra.ExactArgs(1),
	}
	var f traceFlags
	f.add(cmd, trace.MaxNodes)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		limits, err := f.limits()
		if err != nil {
			return err
		}
		at, err := f.time()
		if err != nil {
			return err
		}
		id, err := tracedID(args[0])
		if err != nil {
			return err
		}
		return misspelt(id, a.ask(cmd, profile.IdentityDashboard, func(ctx context.Context, conn grpc.ClientConnInterface) error {
			stream, err := waybillv1.NewTraceServiceClient(conn).Recall(ctx, &waybillv1.RecallRequest{Id: id, At: at, Limits: limits})
			if err != nil {
				return err
			}
			return a.graph(cmd, f.svg, printRecall, func() (*waybillv1.TracePart, error) { m, err := stream.Recv(); return m.GetPart(), err })
		}))
	}
	return cmd
}

// printRecall prints what a recall found: first how much, then by whom it is held, then each thing.
func printRecall(w io.Writer, g *trace.Graph) error {
	degrees, holders, sold, ended, nobody, disputed := map[trace.Degree]int{}, map[string]int{}, 0, 0, 0, 0
	t := newTable(w, "DEGREE", "THING", "STATUS", "HOLDER", "PLACE", "IN", "EVIDENCE")
	var rows [][]string
	for _, n := range g.Nodes {
		if n.Kind == trace.KindTransformation || n.Custody == nil {
			continue
		}
		degrees[n.Degree]++
		c := n.Custody
		switch {
		case c.Status == trace.StatusSold:
			sold++
		case c.Status == trace.StatusEnded:
			ended++
		case c.Custodian != "":
			holders[c.Custodian]++
		case n.Kind == trace.KindItem: // a lot is with its holders where its instances are
			nobody++
		}
		holder := strings.TrimSpace(c.Custodian + " " + c.Party)
		if d := disputedWords(c); d != "" {
			disputed++
			holder += " (disputed: " + d + ")"
		}
		said := c.Since
		if said == nil {
			said = c.Held
		}
		rows = append(rows, []string{string(n.Degree), n.ID, string(c.Status), holder, c.Place, n.Container, evidenceText(said)})
	}
	order := []string{string(trace.Subject), string(trace.Contains), string(trace.Touched)}
	slices.SortStableFunc(rows, func(a, b []string) int {
		return cmp.Compare(slices.Index(order, a[0]), slices.Index(order, b[0]))
	})
	held := make([]string, 0, len(holders))
	for _, who := range slices.Sorted(maps.Keys(holders)) {
		held = append(held, fmt.Sprintf("%s %d", who, holders[who]))
	}
	if nobody > 0 || len(held) == 0 && sold+ended < len(rows) {
		held = append(held, strings.TrimSuffix(fmt.Sprintf("nobody who is known %d", nobody), " 0"))
	}
	whole := ""
	if len(g.Truncated) > 0 {
		whole = "NO: cut by " + truncatedWords(g.Truncated) + "; what follows is a part"
	}
	if err := facts(w, "recall of", g.Root, "whole", whole, "may contain it", strconv.Itoa(degrees[trace.Contains]), "touched it", strconv.Itoa(degrees[trace.Touched]),
		"already sold", strconv.Itoa(sold), "ended", ifTrue(ended > 0, strconv.Itoa(ended)), "held by", strings.Join(held, ", "),
		"disputed", ifTrue(disputed > 0, strconv.Itoa(disputed)+" (open findings speak against who holds them)"), "ledger height", strconv.FormatUint(g.AsOf.Height, 10)); err != nil {
		return err
	}
	for _, r := range rows {
		t.row(r...)
	}
	return t.flush()
}
