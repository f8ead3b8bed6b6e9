package main

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/waybill-dev/waybill/analytics/audit"
)

// The formats of a model's export.
const (
	formatBOM  = "ml-bom"
	formatPROV = "prov"
	formatCard = "card"
)

func (a *app) newModelExportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export MODEL",
		Short: "Write what the ledger holds of a version as an ML-BOM, as W3C PROV or as a model card",
		Long: `Gather from the ledger, read from a peer and each block verified, what it holds of a version: its record, the
snapshots it was fitted to and evaluated on, evaluations, approvals, where it served, and its revocation. Written as
CycloneDX 1.6 ML-BOM (JSON), as W3C PROV (PROV-JSON), or as a model card (Markdown). MODEL is "id/version", or the
model as verdicts name it.`,
		Example: `  waybill model export fridge/2 --format card
  waybill model export fridge/2 --format ml-bom --out fridge.cdx.json`,
		Args: cobra.ExactArgs(1),
	}
	format := cmd.Flags().String("format", formatCard, "ml-bom, prov or card")
	out := cmd.Flags().StringP("out", "o", "-", "write to this `FILE`; - is standard output")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *format != formatBOM && *format != formatPROV && *format != formatCard {
			return usage("--format is ml-bom, prov or card, not %q", *format)
		}
		ctx, cancel := a.within(cmd.Context())
		defer cancel()
		return a.exportModel(ctx, cmd, args[0], *format, *out)
	}
	return cmd
}

func (a *app) exportModel(ctx context.Context, cmd *cobra.Command, name, format, file string) error {
	source, release, err := a.openAudit(cmd)
	if err != nil {
		return err
	}
	defer release()
	program, finish, err := a.auditing(cmd)
	if err != nil {
		return err
	}
	d, err := audit.Dossier(ctx, source, program, name)
	finish()
	if err != nil {
		return err
	}
	var text []byte
	switch format {
	case formatBOM:
		text, err = d.BOM()
	case formatPROV:
		text, err = d.PROV()
	default:
		text = []byte(d.Card())
	}
	if err != nil {
		return err
	}
	return writeWhole(file, text, cmd.OutOrStdout())
}

// writeWhole writes a file that takes its name when it is whole.
func writeWhole(file string, text []byte, stdout io.Writer) error {
	out, err := createOutput(file, nil, stdout)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	if err = errors.Join(err, out.close(err == nil)); err != nil {
		return fileFailure(file, err)
	}
	return nil
}
