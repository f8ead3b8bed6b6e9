package provenance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/waybill-dev/waybill/analytics/provenance"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// dossier is of a version that went all the way; hostile texts are what people may write.
func dossier() *provenance.Dossier {
	d := func(b byte) (out ledger.Digest) {
		for i := range out {
			out[i] = b
		}
		return out
	}
	const at = 1_772_366_400_000
	lane := ledger.DatasetSnapshot{
		ID: "lane", Version: 2, Root: d(1), Events: 10, Segments: 200, Bytes: 3_000, From: 5, To: 90, Block: d(2), Query: "policy=refrigerated",
		Schema: "waybill-dataset/2", Features: d(3), Licence: "CC-BY-4.0", About: "a lane | of *ours*", MSPID: "ProducerMSP", By: "m", At: at, TxID: "t1",
	}
	autumn := lane
	autumn.ID, autumn.Version, autumn.Root, autumn.Licence, autumn.MSPID, autumn.TxID = "autumn", 1, d(4), "https://example.org/terms", "CarrierMSP", "t2"
	m := ledger.ModelVersion{
		ID: "fridge", Version: 3, Artefact: d(5), Size: 12_345, Chunks: []ledger.Digest{d(6)}, Format: "waybill-model/2", Training: []ledger.DatasetRef{lane.Ref()},
		Features: d(3), Code: ledger.TrainingCode{
			Module: "github.com/waybill-dev/waybill", Revision: "v0.5.0", Source: d(7), Go: "go1.26.0", Platform: "linux/amd64", Command: "waybill train --snapshot lane/2",
			Sums: []ledger.ModuleSum{{Path: "golang.org/x/sync", Version: "v0.20.0", Sum: "h1:y="}, {Path: "gonum.org/v1/gonum", Version: "v0.17.0", Sum: "h1:x="}},
		},
		Parameters: provenance.Recipe{ID: "fridge"}.Parameters(), Seed: 9, Thresholds: []ledger.Metric{{Name: "alpha", Value: 10_000}, {Name: "within", Value: -5}},
		Products: []string{"*"}, IntendedUse: "vaccines <b>now</b>\n# not a heading", Limitations: "no frozen goods", Licence: "Apache-2.0",
		Parent: &ledger.ModelRef{ID: "fridge", Version: 2}, MSPID: "ProducerMSP", By: "modeller", At: at, TxID: "t3",
	}
	ref := ledger.EvaluationRef{Model: m.Ref(), MSPID: "CarrierMSP", Dataset: "autumn/1"}
	return &provenance.Dossier{
		Model: m, Status: ledger.ModelStatus{Model: m.Ref(), State: ledger.ModelProduction, Serving: []string{"*"}, Submitter: "ProducerMSP", Approvers: []string{"CarrierMSP", "RetailerMSP"}},
		Datasets: []ledger.DatasetSnapshot{lane, autumn},
		Evaluations: []ledger.Evaluation{{
			Model: m.Ref(), Dataset: autumn.Ref(), Metrics: []ledger.Metric{{Name: "false_alarms", Value: 9_000, Count: 2_000}, {Name: "recall", Value: 950_000, Count: 400}},
			MSPID: "CarrierMSP", By: "e", At: at + 1, TxID: "t4",
		}},
		Approvals: []ledger.Approval{
			{Model: m.Ref(), Evaluation: ref, MSPID: "CarrierMSP", By: "s1", At: at + 2, TxID: "t5"},
			{Model: m.Ref(), Evaluation: ref, MSPID: "RetailerMSP", By: "s2", At: at + 3, TxID: "t6"},
		},
		Aliases: []ledger.Alias{{Class: "*", Generation: 1, Model: m.Ref(), MSPID: "RetailerMSP", At: at + 4, TxID: "t7"}},
	}
}

// bare is of a version that was submitted and nothing else, then revoked.
func bare() *provenance.Dossier {
	d := dossier()
	d.Model.Parent, d.Model.Limitations, d.Model.Code.Sums = nil, "", nil
	d.Datasets, d.Evaluations, d.Approvals, d.Aliases = d.Datasets[:1], nil, nil, nil
	d.Status.State, d.Status.Serving, d.Status.Approvers = ledger.ModelDraft, nil, nil
	d.Revocation = &ledger.Revocation{Model: d.Model.Ref(), Reason: "misses slow warming", MSPID: "ProducerMSP", By: "s", At: 1_772_366_500_000, TxID: "t8"}
	return d
}

// schema is CycloneDX 1.6 as it is published, from the module of its Go types.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/CycloneDX/cyclonedx-go").Output()
	folder := filepath.Join(strings.TrimSpace(string(out)), "schema")
	if err != nil || strings.TrimSpace(string(out)) == "" {
		t.Fatalf("the module of the schema: %v", err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	for name, file := range map[string]string{"bom-1.6.schema.json": "", "spdx.schema.json": "", "jsf-0.82.schema.json": "jsf-0.82.schemax.json"} {
		if file == "" {
			file = name
		}
		text, err := os.ReadFile(filepath.Join(folder, file))
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource("http://cyclonedx.org/schema/"+name, doc); err != nil {
			t.Fatal(err)
		}
	}
	s, err := c.Compile("http://cyclonedx.org/schema/bom-1.6.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheMLBOMIsValidByThePublishedSchema(t *testing.T) {
	s := schema(t)
	for name, d := range map[string]*provenance.Dossier{"whole": dossier(), "bare": bare()} {
		text, err := d.BOM()
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(doc); err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
		var read cdx.BOM
		if err := cdx.NewBOMDecoder(bytes.NewReader(text), cdx.BOMFileFormatJSON).Decode(&read); err != nil {
			t.Fatal(err)
		}
		c := read.Metadata.Component
		if read.SpecVersion != cdx.SpecVersion1_6 || c.Type != cdx.ComponentTypeMachineLearningModel || c.ModelCard == nil || (*c.Hashes)[0].Value != d.Model.Artefact.String() {
			t.Errorf("%s: %+v", name, c)
		}
		refs := map[string]bool{c.BOMRef: true}
		if read.Components != nil {
			for _, c := range *read.Components {
				refs[c.BOMRef] = true
			}
		}
		for _, dependency := range *read.Dependencies {
			for _, ref := range append(*dependency.Dependencies, dependency.Ref) {
				if !refs[ref] {
					t.Errorf("%s: nothing is called %s", name, ref)
				}
			}
		}
		again, err := d.BOM()
		if err != nil || !bytes.Equal(again, text) {
			t.Errorf("%s: other bytes the second time: %v", name, err)
		}
	}
	broken, err := jsonschema.UnmarshalJSON(strings.NewReader(`{"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": {"type": "model", "name": "x"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if s.Validate(broken) == nil {
		t.Error("the schema lets anything pass")
	}
}

// ends are the roles of PROV-JSON's relations, and what they name.
func ends() map[string]map[string]string {
	return map[string]map[string]string{
		"wasGeneratedBy":    {"prov:entity": "entity", "prov:activity": "activity"},
		"used":              {"prov:activity": "activity", "prov:entity": "entity"},
		"wasAttributedTo":   {"prov:entity": "entity", "prov:agent": "agent"},
		"wasAssociatedWith": {"prov:activity": "activity", "prov:agent": "agent"},
		"wasDerivedFrom":    {"prov:generatedEntity": "entity", "prov:usedEntity": "entity"},
		"wasInvalidatedBy":  {"prov:entity": "entity", "prov:activity": "activity"},
	}
}

func TestThePROVDocumentNamesOnlyWhatItStates(t *testing.T) {
	for name, d := range map[string]*provenance.Dossier{"whole": dossier(), "bare": bare()} {
		text, err := d.PROV()
		if err != nil {
			t.Fatal(err)
		}
		var doc map[string]map[string]any
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		relations := 0
		for kind, statements := range doc {
			roles, relation := ends()[kind]
			if !relation {
				if kind != "prefix" && kind != "entity" && kind != "activity" && kind != "agent" {
					t.Errorf("%s: %s is no statement of PROV", name, kind)
				}
				continue
			}
			for id, s := range statements {
				relations++
				for role, of := range roles {
					if end := fmt.Sprint(s.(map[string]any)[role]); doc[of][end] == nil {
						t.Errorf("%s: %s %s names the %s %s, which is not there", name, kind, id, of, end)
					}
				}
			}
		}
		if relations < 6 || doc["entity"]["wb:model/fridge/3"] == nil || doc["agent"]["wb:organisation/ProducerMSP"] == nil {
			t.Errorf("%s: %d relations\n%s", name, relations, text)
		}
		if _, gone := doc["wasInvalidatedBy"]; gone != (d.Revocation != nil) {
			t.Errorf("%s: revoked: %v", name, gone)
		}
	}
}

func TestTheCardTellsAPersonWhatTheLedgerHolds(t *testing.T) {
	card := dossier().Card()
	for _, want := range []string{
		"# Model fridge/3", "production, judging *", "CarrierMSP", "RetailerMSP", "recall | 0.95 | 400", "alpha | 0.01", "within | -0.000005", "lane/2", "no frozen goods", "gonum",
		"of inspect or worse",
	} {
		if !strings.Contains(card, want) {
			t.Errorf("it does not say %q:\n%s", want, card)
		}
	}
	if strings.Contains(card, "<b>") || strings.Contains(card, "\n# not a heading") {
		t.Errorf("what people write is markup:\n%s", card)
	}
	if card := bare().Card(); !strings.Contains(card, "revoked") || !strings.Contains(card, "Nobody has evaluated it") || !strings.Contains(card, "Nobody but its submitter") {
		t.Error(card)
	}
}
