package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/trace"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/profile"
)

// askTimeout is how long one question may take unless --timeout says otherwise.
const askTimeout = 15 * time.Second

// ask connects to the organisation's API as identity and runs a question on it within the time allowed.
func (a *app) ask(cmd *cobra.Command, identity string, question func(ctx context.Context, conn grpc.ClientConnInterface) error) error {
	conn, err := a.connect(identity)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing is under way any more
	ctx, cancel := context.WithTimeout(cmd.Context(), cmp.Or(a.timeout, askTimeout))
	defer cancel()
	return question(ctx, conn)
}

func (a *app) newItemCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "item EPC",
		Short: "Show where an item is and what was found in it",
		Long: `Show the state of an item: where it is in its life, who holds it, what it is packed in, and the
findings on it. EPC may be an EPC URN or a GS1 Digital Link.`,
		Example: `  waybill item urn:epc:id:sgtin:9521321.000001.1001
  waybill item --json https://id.gs1.org/00/095213210000000012 | jq -r .custodian`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.ask(cmd, profile.IdentityDashboard, func(ctx context.Context, conn grpc.ClientConnInterface) error {
				r, err := waybillv1.NewCaptureServiceClient(conn).GetItem(ctx, &waybillv1.GetItemRequest{Epc: args[0]})
				if err != nil {
					return err
				}
				if a.json {
					return writeView(cmd.OutOrStdout(), r.GetItem())
				}
				return printItem(cmd.OutOrStdout(), r.GetItem())
			})
		},
	}
}

func printItem(w io.Writer, i *waybillv1.Item) error {
	status := wordOf(i.GetStatus())
	if i.GetStatus() == waybillv1.ItemStatus_ITEM_STATUS_UNSPECIFIED {
		status = "observed, never commissioned here"
	}
	if err := facts(w, "item", i.GetEpc(), "status", status, "custodian", i.GetCustodian(), "disputed", disputedItem(i), "container", i.GetContainer(),
		"place", i.GetPlace(), "disposition", i.GetDisposition(), "last step", i.GetBizStep(), "last event", i.GetLastEvent(),
		"at", stamp(i.GetLastEventTime()), "commissioned", stamp(i.GetCommissionedAt()), "ended", stamp(i.GetEndedAt()),
		"events", strconv.FormatUint(i.GetEvents(), 10),
		"judged by", ifTrue(i.GetEvents() > ledger.MaxItemSteps, fmt.Sprintf("its last %d events; what was found before stays as it is", ledger.MaxItemSteps))); err != nil {
		return err
	}
	return printFindings(w, i.GetFindings())
}

// disputedItem names the rules whose open findings speak against who holds an item.
func disputedItem(i *waybillv1.Item) string {
	var words []string
	for _, f := range i.GetFindings() {
		if f.GetOpen() && slices.Contains(trace.Disputes(), ledger.FindingCode(f.GetCode())) && !slices.Contains(words, f.GetCode()) {
			words = append(words, f.GetCode())
		}
	}
	return strings.Join(words, ", ")
}

func printFindings(w io.Writer, findings []*waybillv1.Finding) error {
	for _, f := range findings {
		closed := ""
		if f.GetClosedAt() != nil {
			closed = ", closed"
		}
		if _, err := fmt.Fprintf(w, "finding  %s%s: %s (event %s)\n", f.GetCode(), closed, printable(f.GetDetail()), f.GetEventHash()); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) newEventCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "event HASH|EVENTID",
		Short: "Show a recorded event as it was sent",
		Long: `Show an event by its hash, in either spelling: ni:///sha-256;…?ver=CBV2.0 or 64 hexadecimal
digits; or by any eventID it was sent under, in the text that bears that one. With --body only its JSON as it was first recorded, white space aside. One event may have been
recorded in several spellings, which share its hash: with another eventID, with identifiers spelt
otherwise, or declared in error. With --bodies each of them, a line each, the first recorded first.`,
		Example: `  waybill event $(waybill hash shipment.jsonld | head -1)
  waybill event --body 5f2b…c1 | jq .
  waybill event --bodies 5f2b…c1 | jq -r .eventID`,
		Args: cobra.ExactArgs(1),
	}
	body := cmd.Flags().Bool("body", false, "print the event's JSON and nothing else")
	bodies := cmd.Flags().Bool("bodies", false, "print the JSON of every spelling recorded under this hash, a line each")
	cmd.MarkFlagsMutuallyExclusive("body", "bodies")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.ask(cmd, profile.IdentityDashboard, func(ctx context.Context, conn grpc.ClientConnInterface) error {
			r, err := getEvent(ctx, waybillv1.NewCaptureServiceClient(conn), args[0])
			if err != nil {
				return err
			}
			out, e := cmd.OutOrStdout(), r.GetEvent()
			switch {
			case *body:
				_, err = fmt.Fprintf(out, "%s\n", e.GetBody())
				return err
			case *bodies:
				return printBodies(out, e)
			case a.json:
				return writeView(out, e)
			}
			return printEvent(out, e)
		})
	}
	return cmd
}

// getEvent asks for an event by its hash, else by an eventID: the latter may have the form of a hash that is
// none of an event's.
func getEvent(ctx context.Context, api waybillv1.CaptureServiceClient, name string) (*waybillv1.GetEventResponse, error) {
	if _, err := epcis.ParseHash(name); err == nil {
		if r, err := api.GetEvent(ctx, &waybillv1.GetEventRequest{Hash: name}); status.Code(err) != codes.NotFound {
			return r, err
		}
	}
	return api.GetEvent(ctx, &waybillv1.GetEventRequest{EventId: name})
}

func printBodies(w io.Writer, e *waybillv1.Event) error {
	_, err := fmt.Fprintf(w, "%s\n", e.GetBody())
	for _, r := range e.GetRestatements() {
		if err == nil {
			_, err = fmt.Fprintf(w, "%s\n", r.GetBody())
		}
	}
	return err
}

func printEvent(w io.Writer, e *waybillv1.Event) error {
	if err := facts(w, "event", e.GetHash(), "type", e.GetEventType(), "time", stamp(e.GetEventTime()), "step", e.GetBizStep(),
		"eventID", e.GetEventId(), "recorded by", e.GetRecordedBy(), "recorded", stamp(e.GetRecordedAt()),
		"transaction", e.GetTransactionId(), "position", position(e.GetPosition()),
		"declared in error", ifTrue(e.GetDeclaredInError(), "yes"),
		"other spellings", ifTrue(len(e.GetRestatements()) > 0, fmt.Sprintf("%d (--bodies prints them)", len(e.GetRestatements())))); err != nil {
		return err
	}
	if err := printFindings(w, e.GetFindings()); err != nil {
		return err
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, e.GetBody(), "", "  "); err != nil {
		return fmt.Errorf("%s: the recorded body is not JSON: %w", codeInternal, err)
	}
	_, err := fmt.Fprintf(w, "\n%s\n", pretty.String())
	return err
}

func position(p *waybillv1.Position) string {
	if p == nil {
		return ""
	}
	return fmt.Sprintf("%d:%d", p.GetBlock(), p.GetIndex())
}

func parsePosition(s string) (*waybillv1.Position, error) {
	block, index, ok := strings.Cut(s, ":")
	b, err := strconv.ParseUint(block, 10, 64)
	i, err2 := strconv.ParseUint(index, 10, 32)
	if !ok || err != nil || err2 != nil {
		return nil, usage("%q is not a position such as 12:0 (block and index)", s)
	}
	return &waybillv1.Position{Block: b, Index: uint32(i)}, nil
}

// page is an answer that may have a successor.
type page interface{ GetNextPageToken() string }

// pageSize is what a list asks for at once.
const pageSize = 200

// eachPage asks for pages until limit entries came (0: all there are) or there are no more.
func eachPage[P page](limit int, next func(size uint32, token string) (P, int, error)) error {
	token := ""
	for got := 0; limit == 0 || got < limit; {
		size := pageSize
		if limit > 0 {
			size = min(size, limit-got)
		}
		p, n, err := next(uint32(size), token)
		if err != nil {
			return err
		}
		got += n
		if token = p.GetNextPageToken(); token == "" {
			return nil
		}
	}
	return nil
}

// listed fills a table, or prints lines of JSON, page by page. Where nothing came of the question the error stands alone, without
// the table's head; and what the default limit has left out is said.
func listed[P page](a *app, cmd *cobra.Command, limit int, t *table, next func(size uint32, token string) (P, int, error)) error {
	more := false
	err := eachPage(limit, func(size uint32, token string) (P, int, error) {
		p, n, err := next(size, token)
		more = err == nil && p.GetNextPageToken() != ""
		return p, n, err
	})
	if err != nil && t.rows == 0 {
		return err
	}
	if err = cmp.Or(err, t.flush()); err == nil && more && !a.quiet && !cmd.Flags().Changed("limit") {
		fmt.Fprintf(cmd.ErrOrStderr(), "waybill: these are the first %d; --limit 0 lists all, --limit N so many\n", limit)
	}
	return err
}

// lister is the flags and output of a list: rows of a table, or a line of JSON each.
type lister struct {
	limit int
}

func (l *lister) flags(cmd *cobra.Command, what string) {
	cmd.Flags().IntVar(&l.limit, "limit", 100, "how many "+what+" at most; 0 for all")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if l.limit < 0 {
			return usage("--limit is %d; 0 is for all", l.limit)
		}
		return nil
	}
}

func show[M proto.Message](a *app, w io.Writer, t *table, items []M, row func(M) []string) error {
	for _, m := range items {
		if a.json {
			if err := writeView(w, m); err != nil {
				return err
			}
			continue
		}
		t.row(row(m)...)
	}
	return nil
}

// eventTypes are those of EPCIS 2.0.
func eventTypes() []string {
	return []string{string(epcis.ObjectEvent), string(epcis.AggregationEvent), string(epcis.AssociationEvent), string(epcis.TransactionEvent), string(epcis.TransformationEvent)}
}

func (a *app) newEventsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "events", Short: "List recorded events", Args: cobra.NoArgs, RunE: groupOnly}
	list := &cobra.Command{
		Use:   "list",
		Short: "List recorded events that pass a filter, in ledger order",
		Example: `  waybill events list --epc urn:epc:id:sgtin:9521321.000001.1001
  waybill events list --step shipping --from 2026-03-01T00:00:00Z --json
  waybill events list --findings --newest --limit 20`,
		Args: cobra.NoArgs,
	}
	var l lister
	l.flags(list, "events")
	filter := &waybillv1.EventFilter{}
	f := list.Flags()
	f.StringVar(&filter.Epc, "epc", "", "only events that name this item, in any spelling")
	f.StringVar(&filter.EventType, "type", "", "only this event type, such as ObjectEvent")
	f.StringVar(&filter.BizStep, "step", "", "only this business step, such as shipping")
	f.StringVar(&filter.Finding, "finding", "", "only events with this finding, such as commissioned_twice")
	f.BoolVar(&filter.AnyFinding, "findings", false, "only events with a finding")
	from := f.String("from", "", "only events from this time on (RFC 3339)")
	until := f.String("until", "", "only events before this time (RFC 3339)")
	newest := f.Bool("newest", false, "the latest on the ledger first")
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		var err error
		if filter.EventTime, err = timeRange(*from, *until); err != nil {
			return err
		}
		if types := eventTypes(); filter.EventType != "" && !slices.Contains(types, filter.EventType) {
			return usage("--type: %q is not %s", filter.EventType, strings.Join(types, ", "))
		}
		return a.ask(cmd, profile.IdentityDashboard, func(ctx context.Context, conn grpc.ClientConnInterface) error {
			api := waybillv1.NewCaptureServiceClient(conn)
			t := a.newTable(cmd, "HASH", "TIME", "TYPE", "STEP", "BY", "POSITION", "FINDINGS")
			return listed(a, cmd, l.limit, t, func(size uint32, token string) (*waybillv1.ListEventsResponse, int, error) {
				r, err := api.ListEvents(ctx, &waybillv1.ListEventsRequest{Filter: filter, PageSize: size, PageToken: token, NewestFirst: *newest})
				if err != nil {
					return nil, 0, err
				}
				return r, len(r.GetEvents()), show(a, cmd.OutOrStdout(), t, r.GetEvents(), func(e *waybillv1.Event) []string {
					codes := make([]string, len(e.GetFindings()))
					for i, f := range e.GetFindings() {
						codes[i] = f.GetCode()
					}
					return []string{e.GetHash(), stamp(e.GetEventTime()), e.GetEventType(), e.GetBizStep(), e.GetRecordedBy(), position(e.GetPosition()), strings.Join(codes, ",")}
				})
			})
		})
	}
	cmd.AddCommand(list)
	return cmd
}

// newTable makes the table of a list; with --json it prints nothing.
func (a *app) newTable(cmd *cobra.Command, columns ...string) *table {
	if a.json {
		return newTable(io.Discard)
	}
	return newTable(cmd.OutOrStdout(), columns...)
}

func timeRange(from, until string) (*waybillv1.TimeRange, error) {
	if from == "" && until == "" {
		return nil, nil //nolint:nilnil // an absent range selects all
	}
	var r waybillv1.TimeRange
	for _, end := range []struct {
		flag, text string
		to         **timestamppb.Timestamp
	}{{"--from", from, &r.From}, {"--until", until, &r.Until}} {
		if end.text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, end.text)
		if err != nil {
			return nil, usage("%s: %q is not a time such as 2026-03-01T00:00:00Z", end.flag, end.text)
		}
		*end.to = timestamppb.New(at)
	}
	return &r, nil
}

// groupOnly is the body of a command that only groups others.
func groupOnly(cmd *cobra.Command, _ []string) error { return cmd.Help() }

func (a *app) newShipmentsCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "shipments", Short: "List shipments with their latest verdicts", Args: cobra.NoArgs, RunE: groupOnly}
	list := &cobra.Command{
		Use:   "list",
		Short: "List shipments, by their id",
		Example: `  waybill shipments list --open
  waybill shipments list --at-least inspect --json | jq -r .id`,
		Args: cobra.NoArgs,
	}
	var l lister
	l.flags(list, "shipments")
	open := list.Flags().Bool("open", false, "only those under way")
	level := list.Flags().String("at-least", "", "only those whose latest verdict is this or worse: clear, inspect, quarantine")
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		atLeast, err := parseLevel(*level)
		if err != nil {
			return err
		}
		return a.ask(cmd, profile.IdentityDashboard, func(ctx context.Context, conn grpc.ClientConnInterface) error {
			api := waybillv1.NewVerdictServiceClient(conn)
			t := a.newTable(cmd, "SHIPMENT", "STARTED", "ENDED", "LATEST", "WORST", "VERDICTS", "ITEMS", "REASONS")
			return listed(a, cmd, l.limit, t, func(size uint32, token string) (*waybillv1.ListShipmentsResponse, int, error) {
				r, err := api.ListShipments(ctx, &waybillv1.ListShipmentsRequest{AtLeast: atLeast, OpenOnly: *open, PageSize: size, PageToken: token})
				if err != nil {
					return nil, 0, err
				}
				return r, len(r.GetShipments()), show(a, cmd.OutOrStdout(), t, r.GetShipments(), func(s *waybillv1.Shipment) []string {
					return []string{
						s.GetId(), stamp(s.GetStartedAt()), stamp(s.GetEndedAt()), level1(s.GetLatest().GetLevel()), level1(s.GetWorst()),
						strconv.FormatUint(uint64(s.GetVerdicts()), 10), strconv.FormatUint(s.GetItems(), 10), reasons(s.GetLatest()),
					}
				})
			})
		})
	}
	cmd.AddCommand(list)
	return cmd
}

func level1(l waybillv1.VerdictLevel) string {
	if l == waybillv1.VerdictLevel_VERDICT_LEVEL_UNSPECIFIED {
		return ""
	}
	return wordOf(l)
}

func parseLevel(s string) (waybillv1.VerdictLevel, error) {
	if s == "" {
		return waybillv1.VerdictLevel_VERDICT_LEVEL_UNSPECIFIED, nil
	}
	for n := range waybillv1.VerdictLevel_name {
		if l := waybillv1.VerdictLevel(n); n != 0 && wordOf(l) == s {
			return l, nil
		}
	}
	return 0, usage("--at-least: %q is not clear, inspect or quarantine", s)
}

func reasons(v *waybillv1.Verdict) string {
	codes := make([]string, len(v.GetReasons()))
	for i, r := range v.GetReasons() {
		codes[i] = r.GetCode()
	}
	return strings.Join(codes, ",")
}
