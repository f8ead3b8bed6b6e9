package provenance_test

import (
	"errors"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill"
	"github.com/waybill-dev/waybill/analytics/dataset"
	"github.com/waybill-dev/waybill/analytics/dataset/datasettest"
	"github.com/waybill-dev/waybill/analytics/provenance"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

func list(t *testing.T, format string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", format, "github.com/waybill-dev/waybill/analytics/provenance").Output()
	if err != nil {
		t.Skipf("go list: %v", err)
	}
	lines := strings.Fields(string(out))
	slices.Sort(lines)
	return slices.Compact(lines)
}

func TestTheSourcesAreThoseOfEveryPackageThatTrainingRestsOn(t *testing.T) {
	files, err := waybill.TrainingFiles()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range files {
		got = append(got, "github.com/waybill-dev/waybill/"+path.Dir(f))
		if strings.HasSuffix(f, "_test.go") {
			t.Error(f)
		}
	}
	slices.Sort(got)
	got = slices.Compact(got)
	want := slices.DeleteFunc(list(t, "{{.ImportPath}}"), func(p string) bool { return !strings.HasPrefix(p, "github.com/waybill-dev/waybill/") })
	if !slices.Equal(got, want) {
		t.Errorf("sources of\n%v\ntraining is made of\n%v", got, want)
	}
	a, err := waybill.TrainingSource()
	if err != nil || a == [32]byte{} {
		t.Error(a, err)
	}
}

func TestTheModulesAreThoseThatTrainingIsBuiltWith(t *testing.T) {
	want := list(t, "{{with .Module}}{{.Path}}{{end}}")
	for _, m := range provenance.Modules() {
		if !slices.Contains(want, m) {
			t.Errorf("%s has no part in training", m)
		}
	}
	for _, m := range want {
		if m != "github.com/waybill-dev/waybill" && !slices.Contains(provenance.Modules(), m) {
			t.Errorf("%s is missing", m)
		}
	}
}

func fitted(t *testing.T, c datasettest.Chain, of dataset.Selection, r provenance.Recipe) ledger.ModelVersion {
	t.Helper()
	built, err := dataset.Build(t.Context(), c, of, true)
	if err != nil {
		t.Fatal(err)
	}
	d := built.Snapshot
	d.ID, d.Version = "lane", 1
	refs := []ledger.DatasetRef{d.Ref()}
	m, err := r.Fit(t.Context(), refs, []*dataset.Result{built})
	if err != nil {
		t.Fatal(err)
	}
	source, err := waybill.TrainingSource()
	if err != nil {
		t.Fatal(err)
	}
	code, err := provenance.Code(source, "waybill train --snapshot lane/1")
	if err != nil {
		t.Fatal(err)
	}
	v, err := r.Record(m, refs, d.Features, code, provenance.Statement{Version: 1, Products: []string{"*"}, IntendedUse: "a test", Licence: "CC0-1.0"})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestTheSameSnapshotAndSeedGiveTheSameArtefact(t *testing.T) {
	c := datasettest.Played(t, datasettest.OneLane(340))
	of := dataset.Selection{To: c.Height()}
	r := provenance.Recipe{ID: "m", Seed: 7}
	one, again := fitted(t, c, of, r), fitted(t, datasettest.Played(t, datasettest.OneLane(340)), of, r)
	if one.Artefact != again.Artefact || one.Training[0] != again.Training[0] {
		t.Errorf("%s and %s", one.Artefact, again.Artefact)
	}
	read, err := provenance.RecipeOf(one)
	if err != nil || !slices.Equal(read.Parameters(), r.Parameters()) || read.Seed != r.Seed || read.ID != r.ID {
		t.Errorf("%+v %v", read, err)
	}
	if other := fitted(t, c, of, provenance.Recipe{ID: "m", Seed: 8}); other.Artefact == one.Artefact {
		t.Error("another seed gives the same artefact")
	}
	if other := fitted(t, c, dataset.Selection{To: c.Height() - 40}, r); other.Artefact == one.Artefact {
		t.Error("another snapshot gives the same artefact")
	}
}

func TestARecipeHasOneSpelling(t *testing.T) {
	good := provenance.Recipe{ID: "m"}.Parameters()
	for name, parameters := range map[string][]ledger.Hyperparameter{
		"none":       nil,
		"more":       append(slices.Clone(good), ledger.Hyperparameter{Name: "zeal", Value: "1"}),
		"less":       good[1:],
		"misspelt":   {good[0], {Name: good[1].Name, Value: "010000"}, good[2], good[3]},
		"no number":  {good[0], {Name: good[1].Name, Value: "much"}, good[2], good[3]},
		"no level":   {{Name: good[0].Name, Value: "clear"}, good[1], good[2], good[3]},
		"mis-sorted": {good[1], good[0], good[2], good[3]},
	} {
		if _, err := provenance.RecipeOf(ledger.ModelVersion{ID: "m", Parameters: parameters}); !errors.Is(err, provenance.ErrRecipe) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
