package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/gateway/profile"
)

func (a *app) newModelVerdictsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "verdicts MODEL", Short: "List the verdicts that rest on a version, or on an artefact",
		Long: `List the verdicts that rest on a version ("id/version") or on an artefact as verdicts name it (id@digest), in ledger order, with whose word each
is; also what its answers and those of other models came to. After a revocation this is what to look at again.`,
		Example: "  waybill model verdicts cold-chain/2\n  waybill model verdicts cold-chain@5f2b…c1 --limit 0 --json", Args: cobra.ExactArgs(1),
	}
	var l lister
	l.flags(cmd, "verdicts")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.askModels(cmd, profile.IdentityDashboard, func(ctx context.Context, api waybillv1.ModelServiceClient) error {
			t := a.newTable(cmd, verdictColumns()...)
			told := false
			return listed(a, cmd, l.limit, t, func(size uint32, token string) (*waybillv1.ListModelVerdictsResponse, int, error) {
				r, err := api.ListModelVerdicts(ctx, &waybillv1.ListModelVerdictsRequest{Name: args[0], PageSize: size, PageToken: token})
				if err != nil {
					return nil, 0, err
				}
				if !told && !a.quiet {
					told = true
					a.tellStanding(cmd, r.GetModel())
				}
				return r, len(r.GetVerdicts()), show(a, cmd.OutOrStdout(), t, r.GetVerdicts(), restingRow)
			})
		})
	}
	return cmd
}

// tellStanding says on standard error how a version stands, if that is a reason to look at its verdicts.
func (a *app) tellStanding(cmd *cobra.Command, m *waybillv1.StoredModel) {
	if s := m.GetStatus(); s.GetRevoked() != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s was revoked by %s at %s: %s\n", m.GetModel().GetName(), s.GetChangedBy(), stamp(s.GetChangedAt()), printable(s.GetRevoked()))
	}
}

// restingRow is a row of a list of verdicts.
func restingRow(r *waybillv1.ModelVerdict) []string {
	b := r.GetBlend()
	if b == nil {
		return verdictRow(r.GetVerdict())
	}
	return []string{
		b.GetShipment(), decimal(b.GetWindow()), level1(b.GetAnswer().GetLevel()), millionths(b.GetAnswer().GetScoreMillionths()), "",
		"", "", "final (" + b.GetBy() + " of several models)", decimal(b.GetBlock()), b.GetTransactionId(),
	}
}
