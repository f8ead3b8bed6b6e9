package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/waybill-dev/waybill/analytics/audit"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/profile"
)

const modelMeasureLong = `Judge the journeys of a frozen snapshot by a version that is on the ledger, and say what comes out. Both are read
from a peer, each block verified, and held to what is recorded. The metrics are those that the ledger alone gives, so
that anyone measures the same, and waybill audit does:

  accepted_cleared      of the journeys with no verdict of inspect or worse up to the snapshot's end, the share
                        that the version clears
  accepted_quarantined  of the same, the share that it quarantines
  flagged_found         of the journeys with such a verdict, the share that it inspects or quarantines

With --submit they are recorded as the organisation's evaluation of the version.`

func (a *app) newModelMeasureCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "measure MODEL DATASET",
		Short: "Measure a version on a snapshot, as anyone with the ledger does",
		Long:  modelMeasureLong,
		Example: `  waybill model measure fridge/2 autumn/1
  waybill model measure fridge/2 autumn/1 --submit --org carrier
  waybill model measure fridge/2 autumn/1 --out evaluation.json && waybill model evaluate evaluation.json`,
		Args: cobra.ExactArgs(2),
	}
	out := cmd.Flags().StringP("out", "o", "", "write the evaluation to this `FILE`, for waybill model evaluate")
	submit := cmd.Flags().Bool("submit", false, "record it as the organisation's evaluation")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if _, _, err := ledger.ParseDatasetName(args[1]); err != nil {
			return err
		}
		ctx, cancel := a.within(cmd.Context())
		defer cancel()
		e, journeys, err := a.measureModel(ctx, cmd, args[0], args[1])
		if err != nil {
			return err
		}
		message := evaluationProto(*e)
		if *out != "" {
			text, err := protojson.MarshalOptions{Multiline: true, UseProtoNames: true}.Marshal(message)
			if err != nil {
				return fmt.Errorf("%s: %w", codeInternal, err)
			}
			if err := writeWhole(*out, append(text, '\n'), cmd.OutOrStdout()); err != nil {
				return err
			}
		}
		if *out != stdinName {
			if err := a.sayEvaluation(cmd, *e, journeys); err != nil {
				return err
			}
		}
		if !*submit {
			return nil
		}
		return a.askModels(cmd, profile.IdentityModeller, func(ctx context.Context, api waybillv1.ModelServiceClient) error {
			r, err := api.EvaluateModels(ctx, &waybillv1.EvaluateModelsRequest{Evaluations: []*waybillv1.ModelEvaluation{message}})
			if err != nil {
				return err
			}
			return a.governedResults(cmd, "evaluation", r.GetResults())
		})
	}
	return cmd
}

func (a *app) measureModel(ctx context.Context, cmd *cobra.Command, model, snapshot string) (*ledger.Evaluation, int, error) {
	source, release, err := a.openAudit(cmd)
	if err != nil {
		return nil, 0, err
	}
	defer release()
	program, finish, err := a.auditing(cmd)
	if err != nil {
		return nil, 0, err
	}
	report, e, err := audit.Measure(ctx, source, program, model, snapshot)
	finish()
	if err != nil {
		return nil, 0, err
	}
	if e == nil {
		return nil, 0, a.sayDifferences(cmd.ErrOrStderr(), report)
	}
	if len(e.Metrics) == 0 {
		return nil, 0, fail(exitRefused, codeInvalid, "", "no journey ended in data set %s: there is nothing to measure on", snapshot)
	}
	return e, report.Journeys, nil
}

func (a *app) sayEvaluation(cmd *cobra.Command, e ledger.Evaluation, journeys int) error {
	name := fmt.Sprintf("%s/%d", e.Dataset.ID, e.Dataset.Version)
	if a.json {
		metrics := make([]object, len(e.Metrics))
		for i, m := range e.Metrics {
			metrics[i] = object{{"name", m.Name}, {"value_millionths", m.Value}, {"count", m.Count}}
		}
		return writeJSON(cmd.OutOrStdout(), object{{"model", e.Model.String()}, {"dataset", name}, {"root", e.Dataset.Root.String()}, {"journeys", journeys}, {"metrics", metrics}})
	}
	parts := make([]string, len(e.Metrics))
	for i, m := range e.Metrics {
		parts[i] = fmt.Sprintf("%s %s of %d", m.Name, strconv.FormatFloat(float64(m.Value)/1e6, 'f', -1, 64), m.Count)
	}
	return facts(cmd.OutOrStdout(), "model", e.Model.String(), "data set", name, "root", e.Dataset.Root.String(), "journeys", strconv.Itoa(journeys), "measured", strings.Join(parts, ", "))
}

// evaluationProto is an evaluation as the API takes it.
func evaluationProto(e ledger.Evaluation) *waybillv1.ModelEvaluation {
	m := &waybillv1.ModelEvaluation{
		Model: e.Model.String(), Dataset: &waybillv1.DatasetRef{Name: fmt.Sprintf("%s/%d", e.Dataset.ID, e.Dataset.Version), Root: e.Dataset.Root.String()},
	}
	for _, metric := range e.Metrics {
		m.Metrics = append(m.Metrics, &waybillv1.Metric{Name: metric.Name, Value: metric.Value, Count: metric.Count})
	}
	return m
}
