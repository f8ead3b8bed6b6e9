package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/waybill-dev/waybill/api/client"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/api/report"
	"github.com/waybill-dev/waybill/api/rest"
	"github.com/waybill-dev/waybill/api/trace"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/profile"
)

// traceFlags are what questions of genealogy take.
type traceFlags struct {
	at, svg      string
	depth, nodes uint32
}

func (f *traceFlags) add(cmd *cobra.Command, nodes int) {
	flags := cmd.Flags()
	flags.StringVar(&f.at, "at", "", "as of this `TIME` (RFC 3339): later events are left out (default: all events)")
	flags.StringVar(&f.svg, "svg", "", "write a picture to `FILE`, - for standard output, instead of the list")
	flags.Uint32Var(&f.depth, "depth", trace.DefaultDepth, "how many edges to follow at most")
	flags.Uint32Var(&f.nodes, "nodes", uint32(nodes), "how many nodes to give at most") //nolint:gosec // a constant
}

func (f *traceFlags) limits() (*waybillv1.TraceLimits, error) {
	if f.depth < 1 || f.depth > trace.MaxDepth {
		return nil, usage("--depth: %d is not from 1 to %d", f.depth, trace.MaxDepth)
	}
	if f.nodes < 1 || f.nodes > trace.MaxNodes {
		return nil, usage("--nodes: %d is not from 1 to %d", f.nodes, trace.MaxNodes)
	}
	return &waybillv1.TraceLimits{Depth: f.depth, Nodes: f.nodes}, nil
}

func (f *traceFlags) time() (*timestamppb.Timestamp, error) {
	if f.at == "" {
		return nil, nil //nolint:nilnil // absent: all events
	}
	at, err := time.Parse(time.RFC3339Nano, f.at)
	if err != nil {
		return nil, usage("--at: %q is not a time such as 2026-03-01T00:00:00Z", f.at)
	}
	return timestamppb.New(at), nil
}

// tracedID reads what is asked for: an identifier in any spelling, or a lot as GS1 prints it.
func tracedID(arg string) (string, error) {
	if !strings.HasPrefix(arg, "(01)") {
		return arg, nil
	}
	lot, err := report.LotOf(arg)
	if err != nil {
		return "", usage("%q is no lot such as (01)09521321000018(10)L-77: %s", arg, strings.TrimPrefix(err.Error(), report.ErrArgument.Error()+": "))
	}
	return lot, nil
}

// misspelt says of an identifier that was not found that its check digit is wrong, if it is: events may name
// such a one, but not what was meant.
func misspelt(id string, err error) error {
	if err == nil || codeOf(err) != ledger.CodeNotFound && codeOf(err) != epcis.CodeCheckDigit {
		return err
	}
	if f, ok := errors.AsType[epcis.Fault](epcis.VerifyCheckDigit(id)); ok {
		return usage("no event names %s: %s", id, f.Message)
	}
	return err
}

func (a *app) newTraceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trace EPC",
		Short: "Show where a thing came from, what came of it, or where it is",
		Long: `Follow a thing through aggregation, association, transformation and lots, by the events on the ledger
and in the order of their event times; events that were declared in error count as never happened.
EPC is an item, a container or a lot: an EPC URN, a GS1 Digital Link, or (01)GTIN(10)LOT.

  --up     its contents, the inputs it was made of, its lot, and so on
  --down   the containers it was put in, what was made of it, the instances of a lot; of a container
           also its contents
  --where  what it is in, and who holds it

Each line names the event that says so. An answer that is not whole says by what it was cut, and the exit
code is 1.`,
		Example: `  waybill trace urn:epc:id:sgtin:9521321.000001.1001 --up
  waybill trace "(01)09521321000018(10)LOT-77" --down --svg lot.svg
  waybill trace urn:epc:id:sscc:9521321.0000000001 --where --at 2026-03-01T12:00:00Z`,
		Args: cobra.ExactArgs(1),
	}
	var f traceFlags
	f.add(cmd, trace.DefaultNodes)
	cmd.Flags().Bool("up", false, "to the origins")
	down := cmd.Flags().Bool("down", false, "to what came of it")
	where := cmd.Flags().Bool("where", false, "the container and the custodian")
	cmd.MarkFlagsMutuallyExclusive("up", "down", "where")
	cmd.MarkFlagsOneRequired("up", "down", "where")
	cmd.MarkFlagsMutuallyExclusive("where", "svg")
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
		if *where {
			return misspelt(id, a.locate(cmd, id, at))
		}
		direction := waybillv1.TraceDirection_TRACE_DIRECTION_UP
		if *down {
			direction = waybillv1.TraceDirection_TRACE_DIRECTION_DOWN
		}
		return misspelt(id, a.ask(cmd, profile.IdentityDashboard, func(ctx context.Context, conn grpc.ClientConnInterface) error {
			stream, err := waybillv1.NewTraceServiceClient(conn).Trace(ctx, &waybillv1.TraceRequest{Id: id, Direction: direction, At: at, Limits: limits})
			if err != nil {
				return err
			}
			return a.graph(cmd, f.svg, printTrace, func() (*waybillv1.TracePart, error) { m, err := stream.Recv(); return m.GetPart(), err })
		}))
	}
	return cmd
}

// graph takes an answer in and writes it: as JSON, as a picture, or with print.
func (a *app) graph(cmd *cobra.Command, svg string, printed func(w io.Writer, g *trace.Graph) error, next func() (*waybillv1.TracePart, error)) error {
	whole := &waybillv1.TracePart{}
	g, err := client.ReadGraph(func() (*waybillv1.TracePart, error) {
		part, failed := next()
		if failed == nil && a.json {
			whole.Nodes, whole.Edges, whole.Balances = append(whole.Nodes, part.GetNodes()...), append(whole.Edges, part.GetEdges()...), append(whole.Balances, part.GetBalances()...)
			if part.GetSummary() != nil {
				whole.Summary = part.GetSummary()
			}
		}
		return part, failed
	})
	if err != nil {
		return err
	}
	if err = a.writeGraph(cmd.OutOrStdout(), svg, &g, whole, printed); err != nil {
		return err
	}
	if len(g.Truncated) > 0 {
		return notWhole(truncatedWords(g.Truncated))
	}
	return nil
}

// writeGraph writes a graph in the forms that were asked for; whole is it as the API gave it.
func (a *app) writeGraph(out io.Writer, svg string, g *trace.Graph, whole *waybillv1.TracePart, printed func(w io.Writer, g *trace.Graph) error) (err error) {
	if svg != "" && svg != stdinName {
		file, failed := os.CreateTemp(filepath.Dir(svg), ".picture-*")
		if failed != nil {
			return fail(exitRefused, codeFile, "", "%w", failed)
		}
		defer func() { err = keep(file, svg, err) }()
		if err = trace.WriteSVG(file, g); err != nil {
			return err
		}
	}
	switch {
	case a.json && svg != stdinName:
		err = writeView(out, whole)
	case svg == stdinName:
		err = trace.WriteSVG(out, g)
	case svg == "":
		err = printed(out, g)
	}
	return err
}

// notWhole ends a command whose answer was written as far as it goes.
func notWhole(by string) error {
	return fail(exitRefused, "WB_TRACE_INCOMPLETE", "what bounds it can be raised with --nodes and --depth; ask further from what is listed", "the answer is NOT WHOLE: it was cut by %s, and there is more", by)
}

func truncatedWords(all []trace.Truncation) string {
	words := make([]string, len(all))
	for i, t := range all {
		words[i] = string(t)
	}
	return strings.Join(words, ", ")
}

// printTrace prints the tree that begins with what was asked for. What stands in several places is
// followed in the first.
func printTrace(w io.Writer, g *trace.Graph) error {
	t := traceTree{w: w, g: g, next: map[string][]trace.Edge{}, shown: map[string]bool{}, kinds: map[string]trace.Kind{}}
	depth := map[string]int{}
	for _, n := range g.Nodes {
		t.kinds[n.ID], depth[n.ID] = n.Kind, n.Depth
	}
	for _, e := range g.Edges {
		// Upward every edge is followed from its end; downward from its beginning, but to the contents of a container.
		near := e.From
		tie := e.Kind == trace.Aggregated || e.Kind == trace.Associated
		if g.Direction == trace.Up || tie && depth[e.To] < depth[e.From] {
			near = e.To
		}
		t.next[near] = append(t.next[near], e)
	}
	for _, edges := range t.next {
		slices.SortStableFunc(edges, func(a, b trace.Edge) int { return cmp.Compare(a.Begin.At, b.Begin.At) })
	}
	t.line("", trace.Label(g.Root)+"  "+string(t.kinds[g.Root]))
	t.under(g.Root, "  ")
	for _, b := range g.Balances {
		t.balance(b)
	}
	return t.err
}

type traceTree struct {
	w     io.Writer
	g     *trace.Graph
	next  map[string][]trace.Edge
	shown map[string]bool
	kinds map[string]trace.Kind
	err   error
}

func (t *traceTree) line(indent, text string) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, "%s%s\n", indent, printable(text))
	}
}

func (t *traceTree) under(id, indent string) {
	t.shown[id] = true
	for _, e := range t.next[id] {
		other, words := e.To, map[trace.EdgeKind]string{
			trace.Aggregated: "into", trace.Associated: "tied to", trace.Consumed: "consumed by", trace.Produced: "became", trace.OfLot: "instance",
		}
		if other == id {
			other, words = e.From, map[trace.EdgeKind]string{
				trace.Aggregated: "held", trace.Associated: "tied with", trace.Consumed: "from", trace.Produced: "made by", trace.OfLot: "of lot",
			}
		}
		text := words[e.Kind] + " " + trace.Label(other)
		if t.kinds[other] == trace.KindTransformation {
			text = words[e.Kind] + " transformation " + trace.Label(other)
		}
		if e.Quantity != "" {
			text += strings.TrimRight(fmt.Sprintf("  %s %s", e.Quantity, e.UOM), " ")
		}
		text += "  " + evidenceText(&e.Begin)
		if e.End != nil {
			text += " until " + evidenceText(e.End)
		}
		again := t.shown[other] && len(t.next[other]) > 0
		if again {
			text += "  (see above)"
		}
		t.line(indent, text)
		if !t.shown[other] {
			t.under(other, indent+"  ")
		}
	}
}

func (t *traceTree) balance(b trace.Balance) {
	for _, a := range b.Amounts {
		unit := cmp.Or(a.UOM, "items")
		t.line("", fmt.Sprintf("balance of %s: %g %s in, %g %s out, %+g", trace.Label(b.Transformation), a.Inputs, unit, a.Outputs, unit, a.Difference()))
	}
	if b.UnstatedInputs+b.UnstatedOutputs > 0 {
		t.line("", fmt.Sprintf("balance of %s: %d inputs and %d outputs without an amount", trace.Label(b.Transformation), b.UnstatedInputs, b.UnstatedOutputs))
	}
}

func evidenceText(e *trace.Evidence) string {
	if e == nil {
		return ""
	}
	return e.At.Time().UTC().Format(time.RFC3339) + " event " + e.Hash.String()
}

func (a *app) locate(cmd *cobra.Command, id string, at *timestamppb.Timestamp) error {
	return a.ask(cmd, profile.IdentityDashboard, func(ctx context.Context, conn grpc.ClientConnInterface) error {
		r, err := waybillv1.NewTraceServiceClient(conn).Locate(ctx, &waybillv1.LocateRequest{Id: id, At: at})
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		if a.json {
			if err = writeView(out, r); err == nil && len(r.GetTruncated()) > 0 {
				err = notWhole(strings.Join(r.GetTruncated(), ", "))
			}
			return err
		}
		c := client.GraphCustody(r.GetCustody())
		if c == nil {
			c = &trace.Custody{}
		}
		err = facts(out, "item", r.GetId(), "at", stamp(r.GetAt()), "in", strings.Join(r.GetContainers(), ", in "), "custodian", c.Custodian, "disputed", disputedWords(c), "by", evidenceText(c.Held),
			"status", string(c.Status), "since", evidenceText(c.Since), "place", c.Place, "seen", evidenceText(c.Seen), "party", c.Party)
		switch {
		case err != nil:
		case len(r.GetTruncated()) > 0:
			err = notWhole(strings.Join(r.GetTruncated(), ", "))
		case c.Custodian == "" && c.Place == "" && len(r.GetContainers()) == 0:
			_, err = fmt.Fprintln(out, "no event that counts says where it is or who holds it")
		}
		return err
	})
}

// disputedWords says what speaks against who holds a thing.
func disputedWords(c *trace.Custody) string {
	words := make([]string, len(c.Disputed))
	for i, code := range c.Disputed {
		words[i] = string(code)
	}
	return strings.Join(words, ", ")
}

// restTraces has the read model answer the REST binding.
type restTraces struct{ store *readmodel.Store }

func restError(err error) error {
	switch {
	case errors.Is(err, readmodel.ErrNotFound):
		return fmt.Errorf("%w: no event names it", rest.ErrNotFound)
	case errors.Is(err, readmodel.ErrUnavailable):
		return fmt.Errorf("%w: %w", rest.ErrUnavailable, err)
	}
	return err
}

func (r restTraces) Trace(ctx context.Context, q trace.Question) (trace.Graph, error) {
	g, err := r.store.Trace(ctx, q)
	return g, restError(err)
}

func (r restTraces) Recall(ctx context.Context, q trace.Question) (trace.Graph, error) {
	g, err := r.store.Recall(ctx, q)
	return g, restError(err)
}

func (r restTraces) Locate(ctx context.Context, q trace.Question) (trace.Where, error) {
	w, err := r.store.Locate(ctx, q)
	return w, restError(err)
}
