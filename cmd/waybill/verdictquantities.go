package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/waybill-dev/waybill/analytics/fleet"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/profile"
)

func (a *app) newVerdictsQuantitiesCommand() *cobra.Command {
	quantities := &cobra.Command{
		Use:   "quantities",
		Short: "Say which lanes and suppliers lose or gain quantity over many shipments",
		Long: `Compare, for each shipment with a final verdict, what its first shipping event and its last receiving event
say of the same class in the same unit, and of serialised items how many there were; then follow the share
that was lost or gained in ledger order, by lane and by supplier (the place that lanes begin at). A
single shipment that does not balance is a finding; this tells what is too little for one. A lane or
supplier that loses and gains no more than --tolerance on average is told with a probability of at
most --alpha, ever. Shipments that state no quantities at either end take no part.`,
		Example: `  waybill verdicts quantities
  waybill verdicts quantities --drifting --tolerance 0.001 --json`,
		Args: cobra.NoArgs,
	}
	rate := quantities.Flags().Float64("alpha", 0.01, "the probability that a lane or supplier without drift is ever told")
	share := quantities.Flags().Float64("tolerance", 0.005, "the share of quantity that may be lost or gained on average")
	only := quantities.Flags().Bool("drifting", false, "only those that drift")
	quantities.RunE = func(cmd *cobra.Command, _ []string) error {
		params := fleet.DefaultParams()
		var err error
		if params.Alpha, err = rateOf("--alpha", *rate); err != nil {
			return err
		}
		if params.Tolerance, err = rateOf("--tolerance", *share); err != nil {
			return err
		}
		return a.ask(cmd, profile.IdentityDashboard, func(ctx context.Context, conn grpc.ClientConnInterface) error {
			latest, err := latestFinals(ctx, waybillv1.NewVerdictServiceClient(conn))
			if err != nil {
				return err
			}
			bar := newProgress(cmd.ErrOrStderr(), a.quiet, "comparing", int64(len(latest)), "shipments", "with quantities")
			rows, err := quantityRows(ctx, waybillv1.NewCaptureServiceClient(conn), params, latest, bar)
			bar.finish()
			if err != nil {
				return err
			}
			return a.showQuantities(cmd, rows, *only)
		})
	}
	return quantities
}

// latestFinals gives each shipment's last final verdict, in ledger order of its first.
func latestFinals(ctx context.Context, api waybillv1.VerdictServiceClient) ([]*waybillv1.Verdict, error) {
	var latest []*waybillv1.Verdict
	at := map[string]int{}
	filter := &waybillv1.VerdictFilter{FinalOnly: true}
	err := eachPage(0, func(size uint32, token string) (*waybillv1.ListVerdictsResponse, int, error) {
		r, err := api.ListVerdicts(ctx, &waybillv1.ListVerdictsRequest{Filter: filter, PageSize: size, PageToken: token})
		if err != nil {
			return nil, 0, err
		}
		for _, v := range r.GetVerdicts() {
			// What the comparison needs, and no reasons: there may be many.
			kept := &waybillv1.Verdict{Shipment: v.GetShipment(), Lane: v.GetLane(), Events: v.GetEvents(), To: v.GetTo()}
			if i, ok := at[v.GetShipment()]; ok {
				latest[i] = kept
				continue
			}
			if len(latest) == maxFollowed {
				return nil, 0, fmt.Errorf("WB_LIMIT: more than %d shipments", maxFollowed)
			}
			at[v.GetShipment()] = len(latest)
			latest = append(latest, kept)
		}
		return r, len(r.GetVerdicts()), nil
	})
	return latest, err
}

// quantityRow is what is known of the quantities of a lane or a supplier.
type quantityRow struct {
	Measure string `json:"measure"` // shortage or surplus
	laneRow
}

func (a *app) showQuantities(cmd *cobra.Command, rows []quantityRow, only bool) error {
	var t *table
	if !a.json {
		t = a.newTable(cmd, "KIND", "NAME", "MEASURE", "DRIFTS", "E-VALUE", "SHIPMENTS", "RUN", "SINCE", "MOST")
	}
	for _, r := range rows {
		if only && !r.Drifts {
			continue
		}
		if t == nil {
			if err := writeJSON(cmd.OutOrStdout(), r); err != nil {
				return err
			}
			continue
		}
		told := "no"
		if r.Drifts {
			told = "yes"
		}
		t.row(r.Kind, r.Name, r.Measure, told, strconv.FormatFloat(r.EValue, 'f', 3, 64), strconv.FormatInt(r.Shipments, 10), strconv.FormatInt(r.Run, 10), r.Since, strings.Join(r.Oddest, ","))
	}
	if t == nil {
		return nil
	}
	return t.flush()
}

// recordedEvents answers with an event that is recorded.
type recordedEvents interface {
	GetEvent(ctx context.Context, in *waybillv1.GetEventRequest, opts ...grpc.CallOption) (*waybillv1.GetEventResponse, error)
}

// quantityRows compares what was shipped and received, and gives lanes and suppliers in the order in
// which they came first.
func quantityRows(ctx context.Context, api recordedEvents, params fleet.Params, verdicts []*waybillv1.Verdict, bar *progress) ([]quantityRow, error) {
	f, err := fleet.New(params)
	if err != nil {
		return nil, err
	}
	type key struct {
		kind fleet.Kind
		name string
	}
	var order []key
	for _, v := range verdicts {
		bar.add(1)
		from, _, ok := strings.Cut(v.GetLane(), ">")
		if !ok {
			continue
		}
		shipped, received, err := sentAndCame(ctx, api, v)
		if err != nil {
			return nil, fmt.Errorf("the events of %s: %w", v.GetShipment(), err)
		}
		if shipped == 0 {
			continue
		}
		bar.addExtra(1)
		for _, k := range []key{{fleet.Lane, v.GetLane()}, {fleet.Supplier, from}} {
			if _, _, err := f.Quantity(k.kind, k.name, v.GetShipment(), ledger.MillisOf(v.GetTo().AsTime()), shipped, received); err != nil {
				return nil, fmt.Errorf("the quantities of %s: %w", v.GetShipment(), err)
			}
			if len(order) < params.Keys && !slices.Contains(order, k) {
				order = append(order, k)
			}
		}
	}
	var rows []quantityRow
	for _, k := range order {
		for _, m := range []fleet.Measure{fleet.Shortage, fleet.Surplus} {
			d, ok := f.State(k.kind, k.name, m)
			if !ok {
				continue
			}
			rows = append(rows, quantityRow{m.String(), laneRowOf(d)})
		}
	}
	return rows, nil
}

// laneRowOf shows a drift.
func laneRowOf(d fleet.Drift) laneRow {
	r := laneRow{Kind: d.Kind.String(), Name: d.Name, Drifts: d.Raised, EValue: float64(d.Wealth) / 1000, Shipments: d.All, Run: d.Shipments}
	if d.Raised {
		r.Since = d.Since.Time().UTC().Format("2006-01-02T15:04Z")
		for _, e := range d.Evidence {
			r.Oddest = append(r.Oddest, e.Shipment)
		}
	}
	return r
}

// counted names what is counted: a class in a unit, or serialised items.
type counted struct{ class, unit string }

// stated is what an event says of an amount, and when.
type stated struct {
	at     int64 // milliseconds
	amount float64
}

// sentAndCame gives what was shipped and received of the classes that both ends state, as a million for
// each class shipped and the share of it that came; 0 where no class is stated at both.
func sentAndCame(ctx context.Context, api recordedEvents, v *waybillv1.Verdict) (shipped, received int64, err error) {
	const million = 1_000_000
	sent, came := map[counted]stated{}, map[counted]stated{}
	for _, hash := range v.GetEvents() {
		r, err := api.GetEvent(ctx, &waybillv1.GetEventRequest{Hash: hash})
		if err != nil {
			return 0, 0, err
		}
		recorded := r.GetEvent()
		step := recorded.GetBizStep()
		if step != "shipping" && step != "receiving" {
			continue
		}
		e, err := epcis.ParseEvent(recorded.GetContext(), recorded.GetBody())
		if err != nil {
			return 0, 0, err
		}
		if e.IsErrorDeclaration() {
			continue
		}
		at := e.EventTime.Instant.UnixMilli()
		for of, amount := range statedBy(e, v.GetShipment()) {
			if old, ok := sent[of]; step == "shipping" && (!ok || at < old.at) {
				sent[of] = stated{at, amount}
			}
			if old, ok := came[of]; step == "receiving" && (!ok || at > old.at) {
				came[of] = stated{at, amount}
			}
		}
	}
	for of, s := range sent {
		r, ok := came[of]
		if !ok || s.amount <= 0 {
			continue
		}
		shipped += million
		received += int64(math.Round(million * min(1000, r.amount/s.amount)))
	}
	return shipped, received, nil
}

// statedBy sums what an event states of each class and unit, and counts its serialised items but the
// shipment itself.
func statedBy(e *epcis.Event, shipment string) map[counted]float64 {
	sums := map[counted]float64{}
	for _, q := range slices.Concat(e.Quantities, e.ChildQuantities) {
		n, err := strconv.ParseFloat(string(q.Quantity), 64)
		if err != nil || math.IsInf(n, 0) || n < 0 {
			continue
		}
		class, err := epcis.CanonicalEPC(q.EPCClass)
		if err != nil {
			class = q.EPCClass
		}
		sums[counted{class, q.UOM}] += n
	}
	items := map[string]bool{}
	for _, id := range slices.Concat(e.EPCs, e.ChildEPCs) {
		if epc, err := epcis.CanonicalEPC(id); err == nil {
			id = epc
		}
		if id != shipment {
			items[id] = true
		}
	}
	if len(items) > 0 {
		sums[counted{}] = float64(len(items))
	}
	return sums
}
