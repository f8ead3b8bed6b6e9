// Package picture draws what an API server says of a shipment: what its loggers measured, the limits of
// its policy, its verdicts' scores, and the windows of the worst verdict's reasons. The command and the
// demo share it. It may import the API's protocol and analytics/plot.
package picture

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"

	"github.com/waybill-dev/waybill/analytics/plot"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

const pageSize = 1000

// OfShipment asks for all that belongs on the picture of a shipment, named by its EPC in any spelling.
// An empty title is the shipment's own name.
func OfShipment(ctx context.Context, conn grpc.ClientConnInterface, epc, title string) (*plot.Chart, error) {
	api := waybillv1.NewVerdictServiceClient(conn)
	r, err := api.GetShipment(ctx, &waybillv1.GetShipmentRequest{Id: epc})
	if err != nil {
		return nil, err
	}
	id := r.GetShipment().GetId()
	var s plot.Shipment
	for _, b := range r.GetShipment().GetBindings() {
		if err = readings(ctx, conn, b, &s); err != nil {
			return nil, err
		}
	}
	policy := ""
	for token, more := "", true; more; more = token != "" {
		var page *waybillv1.ListVerdictsResponse
		if page, err = api.ListVerdicts(ctx, &waybillv1.ListVerdictsRequest{Filter: &waybillv1.VerdictFilter{Shipment: id}, PageSize: pageSize, PageToken: token}); err != nil {
			return nil, err
		}
		for _, v := range page.GetVerdicts() {
			s.Verdict(verdictOf(v))
			policy = cmp.Or(v.GetPolicy(), policy)
		}
		token = page.GetNextPageToken()
	}
	p, err := policyNamed(ctx, conn, policy)
	if err != nil {
		return nil, err
	}
	return s.Chart(cmp.Or(title, id), p), nil
}

// readings reads what a logger measured while it was bound.
func readings(ctx context.Context, conn grpc.ClientConnInterface, b *waybillv1.Binding, s *plot.Shipment) error {
	api := waybillv1.NewTelemetryServiceClient(conn)
	for token, more := "", true; more; more = token != "" {
		page, err := api.ListReadings(ctx, &waybillv1.ListReadingsRequest{
			Device: b.GetDevice(), Time: &waybillv1.TimeRange{From: b.GetFrom(), Until: b.GetUntil()}, PageSize: pageSize, PageToken: token,
		})
		if err != nil {
			return err
		}
		for _, run := range page.GetRuns() {
			times := make([]ledger.Millis, len(run.GetTimesMs()))
			for i, t := range run.GetTimesMs() {
				times[i] = ledger.Millis(t)
			}
			for _, ch := range run.GetChannels() {
				s.Readings(plot.Run{Device: b.GetDevice(), Quantity: ledger.Quantity(ch.GetQuantity()), Times: times, Values: ch.GetValues()}) //nolint:gosec // the two share their numbers
			}
		}
		token = page.GetNextPageToken()
	}
	return nil
}

// verdictOf gives a verdict of the API as the ledger has it, as far as a picture shows it.
func verdictOf(v *waybillv1.Verdict) ledger.Verdict {
	out := ledger.Verdict{
		Shipment: v.GetShipment(), Level: ledger.VerdictLevel(v.GetLevel()), Score: v.GetScoreMillionths(), //nolint:gosec // the two share their numbers
		From: ledger.MillisOf(v.GetFrom().AsTime()), To: ledger.MillisOf(v.GetTo().AsTime()),
	}
	for _, r := range v.GetReasons() {
		reason := ledger.Reason{Code: r.GetCode(), Contribution: r.GetContributionMillionths()}
		if r.GetFrom() != nil && r.GetTo() != nil {
			reason.From, reason.To = ledger.MillisOf(r.GetFrom().AsTime()), ledger.MillisOf(r.GetTo().AsTime())
		}
		out.Reasons = append(out.Reasons, reason)
	}
	return out
}

// policyNamed gives the policy id/version, nil if it names none or it is not there.
func policyNamed(ctx context.Context, conn grpc.ClientConnInterface, name string) (*ledger.Policy, error) {
	id, version, _ := strings.Cut(name, "/")
	for token, more := "", id != ""; more; more = token != "" {
		page, err := waybillv1.NewPolicyServiceClient(conn).ListPolicies(ctx, &waybillv1.ListPoliciesRequest{AllVersions: true, PageSize: pageSize, PageToken: token})
		if err != nil {
			return nil, err
		}
		for _, p := range page.GetPolicies() {
			if p.GetId() == id && strconv.FormatUint(uint64(p.GetVersion()), 10) == version {
				return PolicyOf(p), nil
			}
		}
		token = page.GetNextPageToken()
	}
	return nil, nil //nolint:nilnil // none applies
}

// PolicyOf gives a policy of the API as the ledger has it.
func PolicyOf(m *waybillv1.Policy) *ledger.Policy {
	span := func(s interface{ AsDuration() time.Duration }) ledger.Millis {
		return ledger.Millis(s.AsDuration().Milliseconds())
	}
	return &ledger.Policy{
		ID: m.GetId(), Version: m.GetVersion(), Products: m.GetProducts(), Low: m.GetLow(), High: m.GetHigh(),
		ExcursionLow: m.GetExcursionLow(), ExcursionHigh: m.GetExcursionHigh(), ExcursionFor: span(m.GetExcursionFor()), Grace: span(m.GetGrace()),
		MKTMax: m.GetMktMax(), MKTOver: span(m.GetMktOver()), FreezeBelow: m.FreezeBelow, FreezeFor: span(m.GetFreezeFor()),
		WindowAtLeast: span(m.GetWindowAtLeast()),
	}
}
