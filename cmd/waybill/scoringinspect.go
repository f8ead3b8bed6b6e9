package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/internal/founding"
)

// newScoringInspectCommand tells the ledger by hand what a scorer's service tells it by itself.
func (a *app) newScoringInspectCommand() *cobra.Command {
	return &cobra.Command{
		Use: "inspect TASK EVENT", Short: "Settle answers of different models by what an inspection said",
		Long: `Settle the final verdict that answers of different models came to, by the event of an inspection that was recorded after it: an ObjectEvent of
the business step inspecting that names the shipment, whose disposition says that the goods are sound (conformant, sellable_accessible,
sellable_not_accessible) or spoiled (non_conformant, non_sellable_other, damaged, expired, destroyed, disposed). Each scorer is paid by
how near its answer was to that, but for those of the organisation that recorded the event. A task is settled once, and of a shipment's windows
the last one that was final before the event. Scorers' services do this by themselves where the event is recorded
while they run. The event is named by its hash, in either spelling.`,
		Example: "  waybill scoring inspect 5f2b…c1 'ni:///sha-256;9f86…08?ver=CBV2.0'\n  waybill scoring task 5f2b…c1", Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			task, err := ledger.ParseDigest(args[0])
			if err != nil {
				return usage("%s names no task, which 64 hexadecimal digits do", printable(args[0]))
			}
			event, err := epcis.ParseHash(args[1])
			if err != nil {
				return usage("%s is no event's hash", printable(args[1]))
			}
			return a.organisation(cmd, func(ctx context.Context, org *founding.Organisation) error {
				o, err := org.Inspect(ctx, task, ledger.Digest(event))
				if err != nil {
					return err
				}
				return a.took(cmd, "inspection", o)
			})
		},
	}
}
