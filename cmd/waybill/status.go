package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/gateway/profile"
)

// statusTimeout is shorter than a question's: a status that has to be waited for is one.
const statusTimeout = 5 * time.Second

func (a *app) newStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show whether an organisation's server works, and how far it has read",
		Long: `Show whether an organisation's server answers and works, how far it has read the ledger, what
the ledger holds, and how each organisation's anchored roots stand to this server's: they agree, differ,
are late or absent, and since when; "waybill roots list" has more. Exit code 3 if the server does not answer,
some part of it does not work, or an organisation's roots do not agree.
"waybill network status" shows the processes of a network on this machine.`,
		Example: "  waybill status --org carrier\n  waybill status --json | jq .totals",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conn, err := a.connect(profile.IdentityDashboard)
			if err != nil {
				return err
			}
			defer conn.Close() //nolint:errcheck // nothing is under way any more
			ctx, cancel := context.WithTimeout(cmd.Context(), cmp.Or(a.timeout, statusTimeout))
			defer cancel()
			overall, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{})
			if err != nil {
				return err
			}
			r, err := waybillv1.NewAdminServiceClient(conn).GetStatus(ctx, &waybillv1.GetStatusRequest{})
			if err != nil {
				return err
			}
			roots, err := waybillv1.NewProofServiceClient(conn).ListRoots(ctx, &waybillv1.ListRootsRequest{Limit: 1})
			if status.Code(err) == codes.Unimplemented { // a server without proofs
				roots, err = &waybillv1.ListRootsResponse{}, nil
			}
			if err != nil {
				return err
			}
			serving := overall.GetStatus() == healthv1.HealthCheckResponse_SERVING
			if err := a.printStatus(cmd, serving, r, roots.GetOrganisations()); err != nil {
				return err
			}
			if !serving {
				return fail(exitUnavailable, codeUnavailable, "its log and /readyz on its metrics address say what", "the server of %s answers, but not all of it works", r.GetOrganisation())
			}
			var wrong []string
			for _, o := range roots.GetOrganisations() {
				if o.GetStanding() != waybillv1.Standing_STANDING_AGREES && !nothingYet(o) {
					wrong = append(wrong, rootsStanding(o))
				}
			}
			if len(wrong) > 0 {
				return fail(exitUnavailable, "WB_ROOT_STANDING", "`waybill roots list` says more", "not every organisation anchors this server's roots: %s", strings.Join(wrong, "; "))
			}
			return nil
		},
	}
}

// rootsStanding says in words how an organisation's roots stand.
func rootsStanding(o *waybillv1.OrganisationRoots) string {
	if nothingYet(o) {
		return o.GetOrganisation() + " has anchored nothing yet"
	}
	words := o.GetOrganisation() + " " + wordOf(o.GetStanding())
	switch o.GetStanding() {
	case waybillv1.Standing_STANDING_AGREES:
		if o.GetFalseRoots() > 0 {
			words += fmt.Sprintf(" (it anchored %s before)", count(int(o.GetFalseRoots()), "false root"))
		}
	case waybillv1.Standing_STANDING_LATE, waybillv1.Standing_STANDING_ABSENT:
		words = o.GetOrganisation() + " is " + wordOf(o.GetStanding())
	default:
	}
	if o.GetSince() != nil {
		words += " since " + stamp(o.GetSince())
	}
	return words
}

func (a *app) printStatus(cmd *cobra.Command, serving bool, r *waybillv1.GetStatusResponse, roots []*waybillv1.OrganisationRoots) error {
	about := object{{"serving", serving}}
	rest := ""
	if p, err := a.loadProfile(); err == nil && p.API.RESTAddress != "" {
		rest = restURL(p.API.RESTAddress)
		about = append(about, object{{"rest", rest}}...)
	}
	stand := make([]string, len(roots))
	for i, o := range roots {
		stand[i] = rootsStanding(o)
	}
	if a.json {
		about = append(about, view(r)...)
		list := make([]object, len(roots))
		for i, o := range roots {
			standing := wordOf(o.GetStanding())
			if nothingYet(o) {
				standing = "nothing"
			}
			list[i] = object{{"organisation", o.GetOrganisation()}, {"standing", standing}}
			if o.GetSince() != nil {
				list[i] = append(list[i], object{{"since", stamp(o.GetSince())}, {"why", o.GetWhy()}}...)
			}
		}
		return writeJSON(cmd.OutOrStdout(), append(about, member{"roots", list}))
	}
	state := "serves"
	if !serving {
		state = "does not serve"
	}
	height := strconv.FormatUint(r.GetLedgerHeight(), 10) + " blocks"
	if r.GetLedgerError() != "" {
		height = "not known: " + r.GetLedgerError()
	}
	t := r.GetTotals()
	holds := []string{
		count(int64(t.GetEvents()), "event"), count(int64(t.GetItems()), "item"), count(int64(t.GetFindings()), "finding"), //nolint:gosec // counts of rows
		count(int64(t.GetDevices()), "device"), count(int64(t.GetSegments()), "segment"), count(int64(t.GetReadings()), "reading"), //nolint:gosec // as above
		count(int64(t.GetShipments()), "shipment"), count(int64(t.GetVerdicts()), "verdict"), //nolint:gosec // as above
	}
	server := []string{"organisation", fmt.Sprintf("%s (%s)", r.GetOrganisation(), r.GetMspId()), "server", state}
	if rest != "" {
		server = append(server, "EPCIS REST", rest)
	}
	return facts(cmd.OutOrStdout(), append(server, "version", r.GetVersion(), "since", stamp(r.GetStartedAt()),
		"network", fmt.Sprintf("%s, channel %s, chaincode %s", r.GetNetwork(), r.GetChannel(), r.GetChaincode()),
		"ledger", height, "read", fmt.Sprintf("%d blocks, %d behind", r.GetReadHeight(), r.GetLag()),
		"holds", strings.Join(holds, ", "), "roots", strings.Join(stand, ", "))...)
}
