// Package provenance says how a model came to be, so that it can be made again: the recipe of a training
// as a model's record holds it, the code and the toolchain that ran it, and the record as documents that
// others read: CycloneDX ML-BOM, W3C PROV, and a model card for people. It may import ledger, wire and,
// of analytics, dataset, score and train; it reads no clock and no network.
package provenance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/analytics/dataset"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/train"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// ErrRecipe says that a model's record does not say how to train it.
var ErrRecipe = errors.New("WB_RECIPE: the model's record is no recipe")

// Recipe is a training as a model's record states it: with the snapshots it gives the artefact.
type Recipe struct {
	ID          string // of the model
	Seed        uint64
	Alpha       int64 // millionths
	Poison      int64 // millionths; negative: none
	FalseAlarms float64
	Below       ledger.VerdictLevel // journeys with verdicts of this level or worse were not accepted
}

// The names of a recipe's parameters.
const (
	parameterAlpha       = "alpha_millionths"
	parameterBelow       = "accepted_below"
	parameterFalseAlarms = "false_alarms"
	parameterPoison      = "poison_millionths"
)

// complete puts the defaults, as a record is to state what was done and not what was left out.
func (r Recipe) complete() Recipe {
	r.Alpha = cmp.Or(r.Alpha, 10_000)
	r.Poison = cmp.Or(r.Poison, 100_000)
	r.FalseAlarms = cmp.Or(r.FalseAlarms, 1e-5)
	r.Below = cmp.Or(r.Below, ledger.Inspect)
	return r
}

// Parameters gives the recipe as a model's record holds it.
func (r Recipe) Parameters() []ledger.Hyperparameter {
	r = r.complete()
	return []ledger.Hyperparameter{
		{Name: parameterBelow, Value: r.Below.String()},
		{Name: parameterAlpha, Value: strconv.FormatInt(r.Alpha, 10)},
		{Name: parameterFalseAlarms, Value: strconv.FormatFloat(r.FalseAlarms, 'g', -1, 64)},
		{Name: parameterPoison, Value: strconv.FormatInt(r.Poison, 10)},
	}
}

// RecipeOf reads the recipe of a model's record. It accepts one spelling of each.
func RecipeOf(m ledger.ModelVersion) (Recipe, error) {
	r := Recipe{ID: m.ID, Seed: m.Seed}
	for _, p := range m.Parameters {
		var err error
		switch p.Name {
		case parameterAlpha:
			r.Alpha, err = strconv.ParseInt(p.Value, 10, 64)
		case parameterPoison:
			r.Poison, err = strconv.ParseInt(p.Value, 10, 64)
		case parameterFalseAlarms:
			r.FalseAlarms, err = strconv.ParseFloat(p.Value, 64)
		case parameterBelow:
			for _, level := range []ledger.VerdictLevel{ledger.Inspect, ledger.Quarantine} {
				if level.String() == p.Value {
					r.Below = level
				}
			}
		default:
			err = errors.New("a name that no training of this program has")
		}
		if err != nil {
			return Recipe{}, fmt.Errorf("%w: parameter %s: %w", ErrRecipe, p.Name, err)
		}
	}
	if !slices.Equal(r.Parameters(), m.Parameters) {
		return Recipe{}, fmt.Errorf("%w: its parameters are %v, a training has %v", ErrRecipe, m.Parameters, r.Parameters())
	}
	return r, nil
}

// Fit trains by the recipe on snapshots, whose journeys Build gathered, in their order. The same
// snapshots and recipe give the same artefact.
func (r Recipe) Fit(ctx context.Context, refs []ledger.DatasetRef, results []*dataset.Result) (*score.Model, error) {
	r = r.complete()
	cfg := train.Config{ID: r.ID, Alpha: r.Alpha, Poison: r.Poison, FalseAlarms: r.FalseAlarms, Seed: r.Seed, Source: sourceOf(refs)}
	return train.Fit(ctx, cfg, dataset.Merge(results, r.Below))
}

// sourceOf names snapshots as artefacts do.
func sourceOf(refs []ledger.DatasetRef) string {
	names := make([]string, len(refs))
	for i, d := range refs {
		names[i] = fmt.Sprintf("%s/%d %s", d.ID, d.Version, d.Root)
	}
	return "data set " + strings.Join(names, ", ")
}

// Modules are those of others that training is built with; what else a program holds has no part in it.
func Modules() []string {
	return []string{
		"github.com/fxamacker/cbor/v2", "github.com/klauspost/compress", "github.com/x448/float16", "golang.org/x/sync", "gonum.org/v1/gonum",
		"github.com/transparency-dev/merkle",
	}
}

// Code says what this program trains with; source is the digest of the sources it was built of, command
// how training was asked for.
func Code(source ledger.Digest, command string) (ledger.TrainingCode, error) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ledger.TrainingCode{}, errors.New("WB_INTERNAL: the program does not say what it was built of")
	}
	c := ledger.TrainingCode{
		Module: cmp.Or(info.Main.Path, "github.com/waybill-dev/waybill"), Revision: "devel", Source: source,
		Go: strings.ReplaceAll(runtime.Version(), " ", "_"), Platform: runtime.GOOS + "/" + runtime.GOARCH, Command: command,
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		c.Revision = v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && s.Value != "" {
			c.Revision = s.Value
		}
	}
	for _, dep := range info.Deps {
		m := dep
		if m.Replace != nil {
			m = m.Replace
		}
		if slices.Contains(Modules(), dep.Path) && strings.HasPrefix(m.Sum, "h1:") {
			c.Sums = append(c.Sums, ledger.ModuleSum{Path: dep.Path, Version: m.Version, Sum: m.Sum})
		}
	}
	slices.SortFunc(c.Sums, func(a, b ledger.ModuleSum) int { return cmp.Compare(a.Path, b.Path) })
	return c, nil
}

// Statement is what people say of a model that no computation gives.
type Statement struct {
	Version     uint32
	Products    []string // classes it is meant for; ledger.AnyProduct for all
	IntendedUse string
	Limitations string
	Licence     string
	Parent      *ledger.ModelRef
}

// Record gives the model's record, ready to be submitted.
func (r Recipe) Record(m *score.Model, refs []ledger.DatasetRef, features ledger.Digest, code ledger.TrainingCode, says Statement) (ledger.ModelVersion, error) {
	_, chunks, err := ledger.CutArtefact(m.Bytes())
	if err != nil {
		return ledger.ModelVersion{}, err
	}
	products := slices.Clone(says.Products)
	slices.Sort(products)
	v := ledger.ModelVersion{
		ID: r.ID, Version: says.Version, Artefact: m.Digest(), Size: uint64(len(m.Bytes())), Chunks: chunks, Format: score.Format,
		Training: slices.Clone(refs), Features: features, Code: code, Parameters: r.Parameters(), Seed: r.Seed, Thresholds: Thresholds(m),
		Products: slices.Compact(products), IntendedUse: says.IntendedUse, Limitations: says.Limitations, Licence: says.Licence, Parent: says.Parent,
	}
	return v, ledger.CheckModel(v)
}

// Thresholds gives what a model decides by, as its record holds it.
func Thresholds(m *score.Model) []ledger.Metric {
	p := m.Parameters()
	return []ledger.Metric{
		{Name: "alpha", Value: p.Alpha},
		{Name: "inspect_at", Value: p.InspectAt},
		{Name: "quarantine_at", Value: p.QuarantineAt},
		{Name: "within", Value: p.Within},
	}
}
