package audit_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill"
	"github.com/waybill-dev/waybill/analytics/audit"
	"github.com/waybill-dev/waybill/analytics/dataset"
	"github.com/waybill-dev/waybill/analytics/dataset/datasettest"
	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/provenance"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

const (
	org  = "ProducerMSP"
	by   = "modeller"
	at   = ledger.Millis(1_772_366_400_000)
	txOf = "0123456789abcdef"
)

// rig is a ledger on which a model was trained, registered and has judged.
type rig struct {
	chain   datasettest.Chain
	dataset ledger.DatasetSnapshot
	model   ledger.ModelVersion
	chunks  [][]byte
	verdict ledger.Verdict
	program audit.Program
}

// judging is how many journeys come after those that the model is fitted to.
const judging = 3

func newRig(t testing.TB, journeys int, cfg simulate.Config) *rig {
	t.Helper()
	r := &rig{}
	cfg.Shipments = journeys + judging
	r.chain = datasettest.Played(t, cfg)
	to := trainedUntil(t, r.chain, journeys)
	built, err := dataset.Build(t.Context(), r.chain, dataset.Selection{To: to}, true)
	if err != nil {
		t.Fatal(err)
	}
	r.dataset = built.Snapshot
	r.dataset.ID, r.dataset.Version, r.dataset.Licence, r.dataset.About = "lane", 1, "CC0-1.0", "simulated"
	r.dataset.MSPID, r.dataset.By, r.dataset.At, r.dataset.TxID = org, by, at, txOf
	refs := []ledger.DatasetRef{r.dataset.Ref()}
	recipe := provenance.Recipe{ID: "fridge", Seed: 3}
	m, err := recipe.Fit(t.Context(), refs, []*dataset.Result{built})
	if err != nil {
		t.Fatal(err)
	}
	source, err := waybill.TrainingSource()
	if err != nil {
		t.Fatal(err)
	}
	if r.program.Code, err = provenance.Code(source, "waybill train --snapshot lane/1"); err != nil {
		t.Fatal(err)
	}
	if len(r.program.Code.Sums) == 0 { // a test binary may not say what it was built with
		r.program.Code.Sums = []ledger.ModuleSum{{Path: "gonum.org/v1/gonum", Version: "v0.17.0", Sum: "h1:x"}}
	}
	says := provenance.Statement{
		Version: 1, Products: []string{"*"}, IntendedUse: "tests", Limitations: "simulated", Licence: "Apache-2.0", Parent: &ledger.ModelRef{ID: "older", Version: 4},
	}
	if r.model, err = recipe.Record(m, refs, r.dataset.Features, r.program.Code, says); err != nil {
		t.Fatal(err)
	}
	r.model.MSPID, r.model.By, r.model.At, r.model.TxID = org, by, at, txOf
	if r.chunks, _, err = ledger.CutArtefact(m.Bytes()); err != nil {
		t.Fatal(err)
	}
	r.verdict = lastVerdict(t, r.chain, m)
	r.verdict.Scorer, r.verdict.At, r.verdict.TxID = org, at, txOf
	return r
}

// trainedUntil gives the height at which so many journeys have ended.
func trainedUntil(t testing.TB, c datasettest.Chain, journeys int) uint64 {
	t.Helper()
	tracker, ended := feature.NewTracker(feature.DefaultLimits()), 0
	for _, b := range c {
		for _, tx := range b.Transactions {
			for _, s := range tracker.Apply(b.Number, tx) {
				if s.Kind == feature.StepInput && s.Input.Kind == feature.KindEnded {
					ended++
				}
			}
		}
		if ended == journeys {
			return b.Number + 1
		}
	}
	t.Fatal("too few journeys")
	return 0
}

// lastVerdict gives the last of the final verdicts with the most reasons.
func lastVerdict(t testing.TB, c datasettest.Chain, m *score.Model) ledger.Verdict {
	t.Helper()
	d := scorer.NewDocket(m, feature.DefaultLimits())
	var last ledger.Verdict
	for _, b := range c {
		for _, tx := range b.Transactions {
			for _, v := range d.Apply(b.Number, tx) {
				if v.Final && len(v.Reasons) >= len(last.Reasons) {
					last = v
				}
			}
		}
	}
	if last.Shipment == "" {
		t.Fatal("no final verdict")
	}
	return last
}

// source is the rig's ledger with its records as given, submitted as the rig has them.
type source struct {
	blocks []audit.Block
}

func (s source) Height(context.Context) (uint64, error) { return uint64(len(s.blocks)), nil }

func (s source) Blocks(_ context.Context, from uint64) iter.Seq2[audit.Block, error] {
	return func(yield func(audit.Block, error) bool) {
		for _, b := range s.blocks[from:] {
			if !yield(b, nil) {
				return
			}
		}
		yield(audit.Block{}, errors.New("the chain ends here"))
	}
}

func submitted(t testing.TB, function string, argument []byte, err error) func() (audit.Submission, error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return func() (audit.Submission, error) {
		return audit.Submission{Function: function, Arguments: [][]byte{argument}, Subject: by}, nil
	}
}

// ledgerOf appends records to the rig's chain; what their submitters signed are the signed ones.
func ledgerOf(t testing.TB, r, signed *rig) source {
	t.Helper()
	chain := slices.Clone(r.chain)
	var stored []wire.StoredChunk
	for _, c := range r.chunks {
		stored = append(stored, wire.StoredChunk{Bytes: c, TxID: txOf})
	}
	chain.Add(wire.Transaction{Models: wire.ModelRecords{Datasets: []ledger.DatasetSnapshot{r.dataset}}})
	chain.Add(wire.Transaction{Models: wire.ModelRecords{Chunks: stored}})
	chain.Add(wire.Transaction{Models: wire.ModelRecords{Models: []ledger.ModelVersion{r.model}}})
	chain.Add(wire.Transaction{Verdicts: []ledger.Verdict{r.verdict}})
	var s source
	for _, b := range chain {
		block := audit.Block{Number: b.Number, Hash: b.Hash}
		for _, tx := range b.Transactions {
			block.Transactions = append(block.Transactions, audit.Transaction{Transaction: tx, ID: txOf, MSPID: org, At: at})
		}
		s.blocks = append(s.blocks, block)
	}
	n := len(s.blocks)
	argument, err := wire.Encode(wire.DatasetBatch{Datasets: []ledger.DatasetSnapshot{signed.dataset.Stated()}})
	s.blocks[n-4].Transactions[0].Submitted = submitted(t, wire.FnSnapshotDatasets, argument, err)
	argument, err = wire.Encode(wire.ModelBatch{Models: []ledger.ModelVersion{signed.model.Stated()}})
	s.blocks[n-2].Transactions[0].Submitted = submitted(t, wire.FnSubmitModels, argument, err)
	argument, err = wire.Encode(wire.VerdictBatch{Verdicts: []ledger.Verdict{signed.verdict.Stated()}})
	s.blocks[n-1].Transactions[0].Submitted = submitted(t, wire.FnRecordVerdicts, argument, err)
	return s
}

func (r *rig) name() audit.Name {
	return audit.Name{Shipment: r.verdict.Shipment, Window: r.verdict.Window, Model: r.verdict.Model}
}

// made is the small rig, which is made once; tests change copies of it.
var made *rig

func smallRig(t *testing.T) *rig {
	t.Helper()
	if made == nil {
		made = newRig(t, fewest, small())
	}
	return made.clone()
}

// small is of as few journeys as can be fitted to, quick to train again.
// One of them was faulty.
func small() simulate.Config {
	cfg := datasettest.OneLane(0)
	cfg.Faults, cfg.Plants = nil, []simulate.Plant{{Fault: simulate.FaultExcursion, Size: 4}}
	return cfg
}

const fewest = 120

func TestATrueVerdictIsMadeAgain(t *testing.T) {
	r := smallRig(t)
	report, err := audit.Verdict(t.Context(), ledgerOf(t, r, r), r.program, r.name())
	if err != nil {
		t.Fatal(err)
	}
	if !report.OK() || len(report.Differences()) > 0 {
		t.Errorf("%+v", report.Differences())
	}
	if report.Journeys != fewest || report.Readings == 0 || report.Model == nil || len(report.Datasets) != 1 {
		t.Errorf("%d journeys, %d readings", report.Journeys, report.Readings)
	}
	for _, want := range []string{
		"verdict trace recomputed", "verdict inputs recomputed", "verdict score signed", "model fridge/1 artefact recomputed", "model fridge/1 code recomputed",
		"data set lane/1 root recomputed", "data set lane/1 block recomputed", "data set lane/1 licence signed", "model fridge/1 by block",
	} {
		if !slices.ContainsFunc(report.Checks, func(c audit.Check) bool { return fmt.Sprintf("%s %s %s", c.Subject, c.Field, c.How) == want }) {
			t.Errorf("%s was not checked", want)
		}
	}
	unnamed := r.name()
	unnamed.Model = ""
	if again, err := audit.Verdict(t.Context(), ledgerOf(t, r, r), r.program, unnamed); err != nil || !again.OK() {
		t.Error(again, err)
	}
	unnamed.Window += 100
	if _, err := audit.Verdict(t.Context(), ledgerOf(t, r, r), r.program, unnamed); !errors.Is(err, audit.ErrUnknown) {
		t.Error(err)
	}
}

// places calls do with a pointer to each value in a record that has no parts.
func places(path string, v reflect.Value, do func(path string, v reflect.Value)) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			places(path+"."+v.Type().Field(i).Name, v.Field(i), do)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			places(path, v.Elem(), do)
		}
	case reflect.Slice:
		if n := v.Len(); n > 0 {
			places(fmt.Sprintf("%s[%d]", path, n-1), v.Index(n-1), do)
			do(path+"[]", v) // one less
		}
	default:
		do(path, v)
	}
}

// mutate changes a value by as little as there is.
func mutate(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Int64, reflect.Int32, reflect.Int:
		v.SetInt(v.Int() + 1)
	case reflect.Uint64, reflect.Uint32, reflect.Uint8:
		v.SetUint(v.Uint() ^ 1)
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Array:
		b := v.Index(v.Len() - 1)
		b.SetUint(b.Uint() ^ 1)
	case reflect.Slice:
		v.Set(v.Slice(0, v.Len()-1))
	default:
		t.Fatalf("a %s", v.Kind())
	}
}

func (r *rig) clone() *rig {
	c := *r
	c.model.Chunks, c.model.Training, c.model.Products = slices.Clone(r.model.Chunks), slices.Clone(r.model.Training), slices.Clone(r.model.Products)
	c.model.Parameters, c.model.Thresholds, c.model.Code.Sums = slices.Clone(r.model.Parameters), slices.Clone(r.model.Thresholds), slices.Clone(r.model.Code.Sums)
	parent := *r.model.Parent
	c.model.Parent = &parent
	c.verdict.Reasons, c.verdict.Events, c.verdict.Segments = slices.Clone(r.verdict.Reasons), slices.Clone(r.verdict.Events), slices.Clone(r.verdict.Segments)
	return &c
}

// tell gives what an audit found out: an error, or differences.
func tell(t *testing.T, s source, r *rig) (string, bool) {
	t.Helper()
	report, err := audit.Verdict(t.Context(), s, r.program, r.name())
	if err != nil {
		return err.Error(), true
	}
	var fields []string
	for _, d := range report.Differences() {
		fields = append(fields, d.Subject+" "+d.Field+" "+string(d.How))
	}
	return strings.Join(fields, ", "), !report.OK()
}

func TestAnyChangeOfAnyRecordedFieldIsFound(t *testing.T) {
	r := smallRig(t)
	records := map[string]func(*rig) any{
		"dataset": func(r *rig) any { return &r.dataset },
		"model":   func(r *rig) any { return &r.model },
		"verdict": func(r *rig) any { return &r.verdict },
	}
	changed, step := 0, 1
	if testing.Short() {
		step = 9
	}
	for name, of := range records {
		places(name, reflect.ValueOf(of(r.clone())).Elem(), func(path string, _ reflect.Value) {
			if changed++; changed%step != 0 {
				return
			}
			c := r.clone()
			places(name, reflect.ValueOf(of(c)).Elem(), func(p string, v reflect.Value) {
				if p == path {
					mutate(t, v)
				}
			})
			said, found := tell(t, ledgerOf(t, c, r), r)
			if !found {
				t.Errorf("%s: nothing was found", path)
			}
			if testing.Verbose() {
				t.Log(path, "→", said)
			}
		})
	}
	if changed < 90 {
		t.Errorf("%d fields were changed", changed)
	}
}

// TestALieThatWasSignedIsFound changes what the submitter states and signs: what can be made again.
func TestALieThatWasSignedIsFound(t *testing.T) {
	r := smallRig(t)
	for name, lie := range map[string]func(*rig){
		"root":       func(r *rig) { r.dataset.Root[0] ^= 1; r.model.Training[0].Root[0] ^= 1 },
		"events":     func(r *rig) { r.dataset.Events++ },
		"range":      func(r *rig) { r.dataset.To-- },
		"features":   func(r *rig) { r.dataset.Features[0] ^= 1; r.model.Features[0] ^= 1 },
		"seed":       func(r *rig) { r.model.Seed++ },
		"alpha":      func(r *rig) { r.model.Parameters[1].Value = "9999" },
		"thresholds": func(r *rig) { r.model.Thresholds[0].Value++ },
		"source":     func(r *rig) { r.model.Code.Source[0] ^= 1 },
		"go":         func(r *rig) { r.model.Code.Go = "go1.1" },
		"score":      func(r *rig) { r.verdict.Score++ },
		"level":      func(r *rig) { r.verdict.Level ^= 1 },
		"trace":      func(r *rig) { r.verdict.Trace[0] ^= 1 },
		"evidence":   func(r *rig) { r.verdict.Events = r.verdict.Events[1:] },
	} {
		t.Run(name, func(t *testing.T) {
			c := r.clone()
			lie(c)
			if said, found := tell(t, ledgerOf(t, c, c), c); !found {
				t.Error("nothing was found")
			} else {
				t.Log(said)
			}
		})
	}
}

func TestAnotherBuildIsToldAndNoFault(t *testing.T) {
	r := smallRig(t)
	r.program.Code.Go = "go9.9"
	r.program.OtherBuild = true
	report, err := audit.Verdict(t.Context(), ledgerOf(t, r, r), r.program, r.name())
	if err != nil {
		t.Fatal(err)
	}
	if d := report.Differences(); !report.OK() || len(d) != 1 || d[0].Field != "code.go" {
		t.Errorf("%+v", d)
	}
}

func TestAFalseArtefactIsTrainedOtherwise(t *testing.T) {
	r := smallRig(t)
	m, err := score.ParseModel(slices.Concat(r.chunks...))
	if err != nil {
		t.Fatal(err)
	}
	p := m.Parameters()
	p.InspectAt++ // the submitter helps itself to another threshold
	forged, err := score.NewModel(p)
	if err != nil {
		t.Fatal(err)
	}
	c := r.clone()
	c.model.Artefact, c.model.Thresholds = forged.Digest(), provenance.Thresholds(forged)
	if c.chunks, c.model.Chunks, err = ledger.CutArtefact(forged.Bytes()); err != nil {
		t.Fatal(err)
	}
	c.verdict = lastVerdict(t, r.chain, forged)
	c.verdict.Scorer, c.verdict.At, c.verdict.TxID = org, at, txOf
	report, err := audit.Verdict(t.Context(), ledgerOf(t, c, c), c.program, c.name())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range report.Differences() {
		if !strings.HasPrefix(d.Subject, "model ") {
			t.Errorf("the verdict is what its model gives: %+v", d)
		}
	}
	if report.OK() || !slices.ContainsFunc(report.Differences(), func(c audit.Check) bool { return c.Field == "artefact" }) {
		t.Errorf("%+v", report.Differences())
	}
}

func TestTenThousandReadingsAreAuditedInTime(t *testing.T) {
	if testing.Short() {
		t.Skip("trains on three hundred journeys")
	}
	cfg := small()
	cfg.Sampling = 3 * time.Second
	r := newRig(t, 300, cfg)
	s := ledgerOf(t, r, r)
	began := time.Now()
	report, err := audit.Verdict(t.Context(), s, r.program, r.name())
	took := time.Since(began)
	if err != nil || !report.OK() {
		t.Fatal(err, report.Differences())
	}
	t.Logf("a verdict over %d readings by a model of %d journeys: audited in %v", report.Readings, report.Journeys, took)
	if report.Readings < 10_000 {
		t.Errorf("only %d readings", report.Readings)
	}
	if took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
}

// A verdict on a model that two organisations had not approved when it was recorded, once a policy asked for that, is found.
func TestAVerdictOnAModelThatNobodyApprovedIsFound(t *testing.T) {
	r := smallRig(t)
	stranger := r.model
	stranger.ID = "stranger"
	policies := []ledger.ModelPolicy{{Version: 1, Approvals: ledger.MinApprovals}}
	admission := ledger.Admission{Artefact: r.model.Artefact, Model: r.model.Ref()}
	deprecated := admission
	deprecated.Deprecated = true
	for name, c := range map[string]struct {
		before, after wire.ModelRecords
		found         bool
	}{
		"no policy":                   {before: wire.ModelRecords{}},
		"another's draft of it":       {before: wire.ModelRecords{Models: []ledger.ModelVersion{r.model, stranger}}},
		"not approved":                {before: wire.ModelRecords{Policies: policies}, found: true},
		"approved":                    {before: wire.ModelRecords{Policies: policies, Admissions: []ledger.Admission{admission}}},
		"approved afterwards":         {before: wire.ModelRecords{Policies: policies}, after: wire.ModelRecords{Admissions: []ledger.Admission{admission}}, found: true},
		"deprecated":                  {before: wire.ModelRecords{Policies: policies, Admissions: []ledger.Admission{deprecated}}, found: true},
		"deprecated afterwards":       {before: wire.ModelRecords{Policies: policies, Admissions: []ledger.Admission{admission}}, after: wire.ModelRecords{Admissions: []ledger.Admission{deprecated}}},
		"revoked":                     {before: wire.ModelRecords{Revocations: []ledger.Revocation{{Artefact: r.model.Artefact}}}, found: true},
		"revoked afterwards":          {after: wire.ModelRecords{Revocations: []ledger.Revocation{{Artefact: r.model.Artefact}}}},
		"a policy came in afterwards": {after: wire.ModelRecords{Policies: policies}},
	} {
		t.Run(name, func(t *testing.T) {
			s := ledgerOf(t, r, r)
			n := len(s.blocks)
			before := &s.blocks[n-2].Transactions[0].Models
			if c.before.Models == nil {
				c.before.Models = before.Models
			}
			*before = c.before
			s.blocks = append(s.blocks, audit.Block{Number: uint64(n), Transactions: []audit.Transaction{{Transaction: wire.Transaction{Models: c.after}, ID: "later", MSPID: org, At: at}}})
			said, found := tell(t, s, r)
			if found != c.found || found && !strings.Contains(said, "verdict model recomputed") {
				t.Error(found, said)
			}
		})
	}
}

func TestADossierIsGatheredFromTheLedger(t *testing.T) {
	r := smallRig(t)
	s := ledgerOf(t, r, r)
	last := &s.blocks[len(s.blocks)-1].Transactions[0].Models
	ref := ledger.EvaluationRef{Model: r.model.Ref(), MSPID: org, Dataset: "other/1"}
	last.Evaluations = []ledger.Evaluation{{Model: r.model.Ref(), MSPID: org, Dataset: ledger.DatasetRef{ID: "other", Version: 1}}, {Model: ledger.ModelRef{ID: "x", Version: 1}}}
	last.Approvals = []ledger.Approval{{Model: r.model.Ref(), Evaluation: ref, MSPID: "CarrierMSP"}, {Model: ledger.ModelRef{ID: "x", Version: 1}}}
	last.Statuses = []ledger.ModelStatus{{Model: r.model.Ref(), Artefact: r.model.Artefact, State: ledger.ModelProduction}}
	last.Aliases = []ledger.Alias{{Class: "*", Generation: 1, Model: r.model.Ref()}}
	for _, name := range []string{r.model.Ref().String(), r.verdict.Model} {
		d, err := audit.Dossier(t.Context(), s, r.program, name)
		if err != nil {
			t.Fatal(err)
		}
		if d.Model.Artefact != r.model.Artefact || len(d.Datasets) != 1 || len(d.Evaluations) != 1 || len(d.Approvals) != 1 || len(d.Aliases) != 1 || d.State() != ledger.ModelProduction {
			t.Errorf("%+v", d)
		}
		if _, err := d.BOM(); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"fridge/9", "other@" + r.model.Artefact.String()} {
		if _, err := audit.Dossier(t.Context(), s, r.program, name); !errors.Is(err, ledger.ErrUnknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSnapshotsAreMadeAgainByTheirNames(t *testing.T) {
	r := smallRig(t)
	report, results, err := audit.Snapshots(t.Context(), ledgerOf(t, r, r), r.program, true, "lane/1")
	if err != nil || !report.OK() || len(results) != 1 || len(results[0].Journeys) != fewest {
		t.Errorf("%v %+v", err, report.Differences())
	}
	if _, _, err := audit.Snapshots(t.Context(), ledgerOf(t, r, r), r.program, false, "lane/2"); !errors.Is(err, ledger.ErrUnknown) {
		t.Error(err)
	}
	c := smallRig(t)
	c.dataset.Root[3] ^= 1
	if report, _, err := audit.Snapshots(t.Context(), ledgerOf(t, c, c), c.program, false); err != nil || report.OK() {
		t.Errorf("%v %+v", err, report)
	}
	c.dataset.From = c.dataset.To
	if report, results, err := audit.Snapshots(t.Context(), ledgerOf(t, c, c), c.program, false); err != nil || report.OK() || results[0] != nil {
		t.Errorf("%v %+v", err, report)
	}
}
