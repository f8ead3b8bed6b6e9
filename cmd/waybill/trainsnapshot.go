package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/waybill-dev/waybill/analytics/audit"
	"github.com/waybill-dev/waybill/analytics/provenance"
	"github.com/waybill-dev/waybill/analytics/train"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// recordFlags is what people say of a model that is to be submitted.
type recordFlags struct {
	file        string
	version     uint32
	products    []string
	use, limits string
	licence     string
	parent      string
}

func (r *recordFlags) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&r.file, "record", "", "with --snapshot: write the version's record to this `FILE`, for `waybill model submit`")
	f.Uint32Var(&r.version, "model-version", 1, "with --record: the version, each the one after the last")
	f.StringSliceVar(&r.products, "product", []string{ledger.AnyProduct}, "with --record: product class that it is meant for, https://id.gs1.org/01/<gtin14> or *")
	f.StringVar(&r.use, "use", "", "with --record: what it is meant for, in words")
	f.StringVar(&r.limits, "limitations", "", "with --record: what it is not meant for, in words")
	f.StringVar(&r.licence, "licence", "", "with --record: SPDX identifier or URL of its terms")
	f.StringVar(&r.parent, "parent", "", "with --record: the version that it was made from, `ID/VERSION`")
}

func (r *recordFlags) statement() (provenance.Statement, error) {
	s := provenance.Statement{Version: r.version, Products: r.products, IntendedUse: r.use, Limitations: r.limits, Licence: r.licence}
	if r.use == "" || r.licence == "" {
		return s, usage("a record says with --use what the model is meant for and with --licence under which terms")
	}
	if r.parent != "" {
		parent, err := ledger.ParseModelRef(r.parent)
		if err != nil {
			return s, err
		}
		s.Parent = &parent
	}
	return s, nil
}

// trainOnSnapshots fits a model to snapshots that the ledger gives as they are recorded.
func (a *app) trainOnSnapshots(ctx context.Context, cmd *cobra.Command, f *trainFlags, cfg train.Config) error {
	if f.source != "" {
		return usage("--source is what --snapshot says")
	}
	var says provenance.Statement
	if f.record.file != "" {
		var err error
		if says, err = f.record.statement(); err != nil {
			return err
		}
	}
	source, release, err := a.openAudit(cmd)
	if err != nil {
		return err
	}
	defer release()
	program, finish, err := a.auditing(cmd)
	if err != nil {
		return err
	}
	report, results, err := audit.Snapshots(ctx, source, program, true, f.snapshots...)
	finish()
	if err != nil {
		return err
	}
	if !report.OK() {
		return a.sayDifferences(cmd.ErrOrStderr(), report)
	}
	recipe := provenance.Recipe{ID: f.id, Seed: f.seed, Alpha: cfg.Alpha, Poison: cfg.Poison}
	refs := make([]ledger.DatasetRef, len(report.Datasets))
	journeys := 0
	for i, d := range report.Datasets {
		refs[i] = d.Ref()
		journeys += len(results[i].Accepted(ledger.Inspect))
	}
	began := time.Now()
	m, err := recipe.Fit(ctx, refs, results)
	switch {
	case errors.Is(err, train.ErrHistories):
		return fail(exitRefused, codeOf(err), "100 loggers' journeys are the least, and 39 of a policy and lane", "%w", err)
	case err != nil:
		return err
	}
	took := time.Since(began)
	if f.record.file != "" {
		code, err := trainingCode(f.command())
		if err != nil {
			return err
		}
		v, err := recipe.Record(m, refs, report.Datasets[0].Features, code, says)
		if err != nil {
			return err
		}
		text, err := protojson.MarshalOptions{Multiline: true, UseProtoNames: true}.Marshal(modelProto(v))
		if err != nil {
			return fmt.Errorf("%s: %w", codeInternal, err)
		}
		if err := writeWhole(f.record.file, append(text, '\n'), cmd.OutOrStdout()); err != nil {
			return err
		}
	}
	if err := writeWhole(f.out, m.Bytes(), cmd.OutOrStdout()); err != nil {
		return err
	}
	if a.quiet {
		return nil
	}
	w := cmd.OutOrStdout()
	if f.out == stdinName || f.record.file == stdinName {
		w = cmd.ErrOrStderr()
	}
	return a.tellModel(w, m, journeys, took)
}

// command is how the training is asked for again.
func (f *trainFlags) command() string {
	words := []string{"waybill", "train", "--id", f.id}
	for _, s := range f.snapshots {
		words = append(words, "--snapshot", s)
	}
	words = append(words, "--seed", strconv.FormatUint(f.seed, 10), "--alpha", strconv.FormatFloat(f.alpha, 'g', -1, 64),
		"--poison", strconv.FormatFloat(f.poison, 'g', -1, 64))
	return strings.Join(words, " ")
}

// modelProto is a version's record as the API takes it.
func modelProto(v ledger.ModelVersion) *waybillv1.ModelVersion {
	m := &waybillv1.ModelVersion{
		Name: v.Ref().String(), Artefact: v.Artefact.String(), Size: v.Size, Format: v.Format, Features: v.Features.String(), Seed: v.Seed,
		Code: &waybillv1.TrainingCode{
			Module: v.Code.Module, Revision: v.Code.Revision, Source: v.Code.Source.String(), Go: v.Code.Go, Platform: v.Code.Platform, Command: v.Code.Command,
		},
		Parameters: map[string]string{}, Products: v.Products, IntendedUse: v.IntendedUse, Limitations: v.Limitations, Licence: v.Licence,
	}
	for _, c := range v.Chunks {
		m.Chunks = append(m.Chunks, c.String())
	}
	for _, d := range v.Training {
		m.Training = append(m.Training, &waybillv1.DatasetRef{Name: fmt.Sprintf("%s/%d", d.ID, d.Version), Root: d.Root.String()})
	}
	for _, s := range v.Code.Sums {
		m.Code.Sums = append(m.Code.Sums, s.Path+" "+s.Version+" "+s.Sum)
	}
	for _, p := range v.Parameters {
		m.Parameters[p.Name] = p.Value
	}
	for _, t := range v.Thresholds {
		m.Thresholds = append(m.Thresholds, &waybillv1.Metric{Name: t.Name, Value: t.Value, Count: t.Count})
	}
	if v.Parent != nil {
		m.Parent = v.Parent.String()
	}
	return m
}
