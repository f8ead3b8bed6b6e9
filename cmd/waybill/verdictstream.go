package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/waybill-dev/waybill/analytics/calibrate"
	"github.com/waybill-dev/waybill/analytics/fleet"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/profile"
)

// rateOf reads a flag's rate of errors in millionths.
func rateOf(flag string, v float64) (int64, error) {
	n := int64(v*1_000_000 + 0.5)
	if !(v > 0 && v < 1) || n < 1 || n > 999_999 {
		return 0, usage("%s: a rate is above 0 and below 1, with at most six decimals", flag)
	}
	return n, nil
}

// maxFollowed bounds the shipments of which a stream remembers that they were tested.
const maxFollowed = 1 << 22

// tested is a shipment's test: its first final verdict of a model with a p-value. What comes later
// supersedes the verdict, and is no second test.
type tested struct{ shipment, model string }

// finals asks for every final verdict that states a p-value, in ledger order, each shipment's and
// model's first.
func finals(ctx context.Context, api waybillv1.VerdictServiceClient, each func(*waybillv1.Verdict) error) error {
	seen := map[tested]bool{}
	filter := &waybillv1.VerdictFilter{FinalOnly: true}
	return eachPage(0, func(size uint32, token string) (*waybillv1.ListVerdictsResponse, int, error) {
		r, err := api.ListVerdicts(ctx, &waybillv1.ListVerdictsRequest{Filter: filter, PageSize: size, PageToken: token})
		if err != nil {
			return nil, 0, err
		}
		for _, v := range r.GetVerdicts() {
			key := tested{v.GetShipment(), v.GetModel()}
			if v.GetPValueMillionths() <= 0 || seen[key] {
				continue
			}
			if len(seen) == maxFollowed {
				return nil, 0, fmt.Errorf("WB_LIMIT: more than %d shipments", maxFollowed)
			}
			seen[key] = true
			if err := each(v); err != nil {
				return nil, 0, err
			}
		}
		return r, len(r.GetVerdicts()), nil
	})
}

// discovery is what online control of false discoveries decided on a final verdict.
type discovery struct {
	Shipment  string `json:"shipment"`
	Window    uint32 `json:"window"`
	Model     string `json:"model"`
	Level     string `json:"level"`
	PValue    int64  `json:"p_value_millionths"`
	Threshold int64  `json:"threshold_millionths"` // what the p-value was compared with
	Discovery bool   `json:"discovery"`
	Stratum   string `json:"stratum"`
	Position  string `json:"position"`
}

// discover decides on all final verdicts in ledger order and shows those that pass the filter.
func (a *app) discover(cmd *cobra.Command, rate float64, method string, filter *waybillv1.VerdictFilter, limit int) error {
	alpha, err := rateOf("--fdr", rate)
	if err != nil {
		return err
	}
	if _, err = calibrate.NewStream(calibrate.Method(method), alpha); err != nil {
		return usage("--fdr-method: there is no method %q; lond, lord++, saffron or e-lord", method)
	}
	shipment := filter.GetShipment()
	if shipment != "" {
		if shipment, err = epcis.CanonicalEPC(shipment); err != nil {
			return usage("--shipment: %s", err)
		}
	}
	return a.ask(cmd, profile.IdentityDashboard, func(ctx context.Context, conn grpc.ClientConnInterface) error {
		var t *table
		if !a.json {
			t = a.newTable(cmd, "SHIPMENT", "WINDOW", "LEVEL", "P", "AT MOST", "DISCOVERY", "STRATUM", "POSITION")
		}
		shown := 0
		err := decisions(ctx, waybillv1.NewVerdictServiceClient(conn), calibrate.Method(method), alpha, func(v *waybillv1.Verdict, decision calibrate.Decision) error {
			if v.GetLevel() < filter.GetAtLeast() || shipment != "" && shipment != v.GetShipment() ||
				filter.GetModel() != "" && filter.GetModel() != v.GetModel() || limit > 0 && shown == limit {
				return nil
			}
			shown++
			if a.json {
				return writeJSON(cmd.OutOrStdout(), discovery{
					v.GetShipment(), v.GetWindow(), v.GetModel(), level1(v.GetLevel()), v.GetPValueMillionths(), decision.Level, decision.Reject,
					v.GetStratum(), position(v.GetPosition()),
				})
			}
			told := "no"
			if decision.Reject {
				told = "yes"
			}
			p := millionths(v.GetPValueMillionths())
			if v.GetTail() {
				p += " (model)"
			}
			t.row(v.GetShipment(), strconv.FormatUint(uint64(v.GetWindow()), 10), level1(v.GetLevel()), p, millionths(decision.Level), told, v.GetStratum(), position(v.GetPosition()))
			return nil
		})
		if t == nil {
			return err
		}
		return cmp.Or(err, t.flush())
	})
}

// decisions tests the final verdicts in ledger order, those of a model together.
func decisions(ctx context.Context, api waybillv1.VerdictServiceClient, method calibrate.Method, alpha int64, each func(*waybillv1.Verdict, calibrate.Decision) error) error {
	streams := map[string]*calibrate.Stream{}
	return finals(ctx, api, func(v *waybillv1.Verdict) error {
		s := streams[v.GetModel()]
		if s == nil {
			var err error
			if s, err = calibrate.NewStream(method, alpha); err != nil {
				return err
			}
			streams[v.GetModel()] = s
		}
		return each(v, s.Next(v.GetPValueMillionths()))
	})
}

// laneRow is what is known of a lane or a supplier.
type laneRow struct {
	Kind      string   `json:"kind"`
	Name      string   `json:"name"`
	Drifts    bool     `json:"drifts"`
	EValue    float64  `json:"e_value"`
	Shipments int64    `json:"shipments"`
	Run       int64    `json:"run"` // shipments that speak for the drift
	Since     string   `json:"since,omitempty"`
	Oddest    []string `json:"oddest,omitempty"`
}

func (a *app) newVerdictsLanesCommand() *cobra.Command {
	lanes := &cobra.Command{
		Use:   "lanes",
		Short: "Say which lanes and suppliers have become odder over many shipments",
		Long: `Follow the p-values of final verdicts in ledger order, by lane (with its policy) and by supplier (the place
that lanes begin at), and say where shipments have become odder than those that the model was
calibrated with. A lane or supplier without drift is told with a probability of at most --alpha, ever.
Verdicts without a p-value take no part.`,
		Example: `  waybill verdicts lanes
  waybill verdicts lanes --drifting --json`,
		Args: cobra.NoArgs,
	}
	rate := lanes.Flags().Float64("alpha", 0.01, "the probability that a lane or supplier without drift is ever told")
	only := lanes.Flags().Bool("drifting", false, "only those that drift")
	lanes.RunE = func(cmd *cobra.Command, _ []string) error {
		params := fleet.DefaultParams()
		var err error
		if params.Alpha, err = rateOf("--alpha", *rate); err != nil {
			return err
		}
		return a.ask(cmd, profile.IdentityDashboard, func(ctx context.Context, conn grpc.ClientConnInterface) error {
			rows, err := laneRows(ctx, waybillv1.NewVerdictServiceClient(conn), params)
			if err != nil {
				return err
			}
			return a.showLanes(cmd, rows, *only)
		})
	}
	return lanes
}

func (a *app) showLanes(cmd *cobra.Command, rows []laneRow, only bool) error {
	var t *table
	if !a.json {
		t = a.newTable(cmd, "KIND", "NAME", "DRIFTS", "E-VALUE", "SHIPMENTS", "RUN", "SINCE", "ODDEST")
	}
	for _, r := range rows {
		if only && !r.Drifts {
			continue
		}
		if a.json {
			if err := writeJSON(cmd.OutOrStdout(), r); err != nil {
				return err
			}
			continue
		}
		told := "no"
		if r.Drifts {
			told = "yes"
		}
		t.row(r.Kind, r.Name, told, strconv.FormatFloat(r.EValue, 'f', 3, 64), strconv.FormatInt(r.Shipments, 10), strconv.FormatInt(r.Run, 10), r.Since, strings.Join(r.Oddest, ","))
	}
	if t == nil {
		return nil
	}
	return t.flush()
}

// laneRows follows the ledger's final verdicts, and gives lanes and suppliers in the order in which
// they came first.
func laneRows(ctx context.Context, api waybillv1.VerdictServiceClient, params fleet.Params) ([]laneRow, error) {
	f, err := fleet.New(params)
	if err != nil {
		return nil, err
	}
	type key struct {
		kind fleet.Kind
		name string
	}
	var order []key
	known := map[key]bool{}
	err = finals(ctx, api, func(v *waybillv1.Verdict) error {
		p, n := v.GetPValueMillionths(), int64(v.GetReferences())
		if v.GetTail() { // what the references vouch for
			p = (1_000_000 + n) / (n + 1)
		}
		keys := []key{{fleet.Lane, v.GetStratum()}}
		if from, _, ok := strings.Cut(v.GetLane(), ">"); ok {
			keys = append(keys, key{fleet.Supplier, from})
		}
		for _, k := range keys {
			_, _, failed := f.Verdict(k.kind, k.name, v.GetShipment(), ledger.MillisOf(v.GetTo().AsTime()), p, int(n))
			if failed != nil {
				return fmt.Errorf("the verdict on %s: %w", v.GetShipment(), failed)
			}
			if !known[k] {
				if len(known) >= params.Keys {
					continue // the least recently observed is followed no longer
				}
				known[k] = true
				order = append(order, k)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var rows []laneRow
	for _, k := range order {
		d, ok := f.State(k.kind, k.name, fleet.Oddity)
		if !ok {
			continue
		}
		rows = append(rows, laneRowOf(d))
	}
	return rows, nil
}

func (a *app) newVerdictsWhyCommand() *cobra.Command {
	why := &cobra.Command{
		Use:   "why SHIPMENT",
		Short: "Say why a shipment got its latest verdict, that of its last window, and what would have cleared it",
		Example: `  waybill verdicts why urn:epc:id:sscc:9521321.0000000012
  waybill verdicts why 00/395200010000000014 --window 3`,
		Args: cobra.ExactArgs(1),
	}
	window := why.Flags().Int64("window", -1, "the verdict on this window instead of the latest")
	why.RunE = func(cmd *cobra.Command, args []string) error {
		return a.ask(cmd, profile.IdentityDashboard, func(ctx context.Context, conn grpc.ClientConnInterface) error {
			var found *waybillv1.Verdict
			api := waybillv1.NewVerdictServiceClient(conn)
			err := eachPage(0, func(size uint32, token string) (*waybillv1.ListVerdictsResponse, int, error) {
				r, err := api.ListVerdicts(ctx, &waybillv1.ListVerdictsRequest{
					Filter: &waybillv1.VerdictFilter{Shipment: args[0]}, PageSize: size, PageToken: token, NewestFirst: true,
				})
				if err != nil {
					return nil, 0, err
				}
				for _, v := range r.GetVerdicts() {
					switch {
					case int64(v.GetWindow()) == *window:
						found = v
						return &waybillv1.ListVerdictsResponse{}, 1, nil
					case *window < 0 && (found == nil || v.GetWindow() > found.GetWindow()):
						found = v // several scorers' verdicts become final in any order
					}
				}
				return r, len(r.GetVerdicts()), nil
			})
			if err != nil {
				return err
			}
			if found == nil {
				return fail(exitRefused, "WB_NOT_FOUND", "`waybill verdicts list` shows what is recorded", "there is no such verdict on %s", printable(args[0]))
			}
			if a.json {
				return writeView(cmd.OutOrStdout(), found)
			}
			return explain(cmd.OutOrStdout(), found)
		})
	}
	return why
}

// standsText says in words whose word a verdict is.
func standsText(v *waybillv1.Verdict) string {
	task := ifTrue(v.GetTask() != "", " (task "+v.GetTask()+")")
	switch v.GetStanding() {
	case waybillv1.VerdictStanding_VERDICT_STANDING_FINAL:
		return "final, by " + v.GetStandingBy() + task
	case waybillv1.VerdictStanding_VERDICT_STANDING_PROVISIONAL:
		return "provisional: most scorers found it, and it may be challenged" + task
	case waybillv1.VerdictStanding_VERDICT_STANDING_DISPUTED:
		return "one organisation's word; most scorers found something else, which is not final yet" + task
	case waybillv1.VerdictStanding_VERDICT_STANDING_ALONE:
		return "one organisation's word"
	default:
		return ""
	}
}

// overruledText tells the verdict that stands no more.
func overruledText(v *waybillv1.Verdict) string {
	if v == nil {
		return ""
	}
	return fmt.Sprintf("%s, score %s, recorded %s by %s in %s", level1(v.GetLevel()), millionths(v.GetScoreMillionths()), stamp(v.GetRecordedAt()), v.GetScorer(), v.GetTransactionId())
}

// explain prints a verdict for a person.
func explain(w io.Writer, v *waybillv1.Verdict) error {
	kind := "window " + strconv.FormatUint(uint64(v.GetWindow()), 10)
	if v.GetFinal() {
		kind += " (last)"
	}
	odds := ""
	if v.GetStratum() != "" {
		odds = fmt.Sprintf("%s among %d accepted shipments of %s", millionths(v.GetPValueMillionths()), v.GetReferences(), v.GetStratum())
		if v.GetTail() {
			odds += "; a model's extrapolation, no guarantee"
		}
	}
	if err := facts(w, "shipment", v.GetShipment(), "verdict", fmt.Sprintf("%s, score %s, %s", level1(v.GetLevel()), millionths(v.GetScoreMillionths()), kind),
		"judged", stamp(v.GetFrom())+" to "+stamp(v.GetTo()), "policy", v.GetPolicy(), "lane", v.GetLane(), "p-value", odds, "model", v.GetModel(),
		"recorded", stamp(v.GetRecordedAt())+" by "+v.GetScorer()+" in "+v.GetTransactionId(), "stands", standsText(v), "overruled", overruledText(v.GetOverruled())); err != nil {
		return err
	}
	if len(v.GetReasons()) == 0 {
		_, err := fmt.Fprintln(w, "\nNothing speaks against it.")
		return err
	}
	for _, r := range v.GetReasons() {
		times := ""
		if r.GetFrom() != nil {
			times = "  " + stamp(r.GetFrom()) + " to " + stamp(r.GetTo())
		}
		count := ""
		if r.GetCount() > 0 {
			count = fmt.Sprintf("  (%d readings or events)", r.GetCount())
		}
		fmt.Fprintf(w, "\n%s  %s%s%s\n", printable(r.GetCode()), millionths(r.GetContributionMillionths()), times, count)
		for _, sentence := range []string{r.GetDetail(), r.GetCounterfactual()} {
			if sentence != "" {
				if _, err := fmt.Fprintln(w, "  "+printable(sentence)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
