package audit_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/analytics/audit"
	"github.com/waybill-dev/waybill/analytics/dataset"
	"github.com/waybill-dev/waybill/analytics/evaluate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// evaluated adds to the rig's ledger a snapshot of the journeys that the model was not fitted to, and an evaluation on
// it that its submitter signed as signed.
func evaluated(t *testing.T, r *rig, snapshot ledger.DatasetSnapshot, recorded, signed ledger.Evaluation) source {
	t.Helper()
	s := ledgerOf(t, r, r)
	transaction := func(tx wire.Transaction) audit.Transaction {
		return audit.Transaction{Transaction: tx, ID: txOf, MSPID: org, At: at}
	}
	of := transaction(wire.Transaction{Models: wire.ModelRecords{Evaluations: []ledger.Evaluation{recorded}}})
	argument, err := wire.Encode(wire.EvaluationBatch{Evaluations: []ledger.Evaluation{signed.Stated()}})
	of.Submitted = submitted(t, wire.FnEvaluateModels, argument, err)
	n := uint64(len(s.blocks))
	s.blocks = append(s.blocks,
		audit.Block{Number: n, Hash: ledger.Digest{1}, Transactions: []audit.Transaction{transaction(wire.Transaction{Models: wire.ModelRecords{Datasets: []ledger.DatasetSnapshot{snapshot}}})}},
		audit.Block{Number: n + 1, Hash: ledger.Digest{2}, Transactions: []audit.Transaction{of}},
	)
	return s
}

// restOf freezes the blocks that come after those that the model was fitted to.
func restOf(t *testing.T, r *rig) ledger.DatasetSnapshot {
	t.Helper()
	built, err := dataset.Build(t.Context(), r.chain, dataset.Selection{From: r.dataset.To, To: uint64(len(r.chain))}, false)
	if err != nil {
		t.Fatal(err)
	}
	d := built.Snapshot
	d.ID, d.Version, d.Licence = "rest", 1, "CC0-1.0"
	d.MSPID, d.By, d.At, d.TxID = org, by, at, txOf
	return d
}

func TestAnEvaluationIsMeasuredAgain(t *testing.T) {
	r := smallRig(t)
	rest := restOf(t, r)
	report, measured, err := audit.Measure(t.Context(), evaluated(t, r, rest, ledger.Evaluation{}, ledger.Evaluation{}), r.program, "fridge/1", "rest/1")
	if err != nil || !report.OK() || measured == nil {
		t.Fatal(err, report.Differences())
	}
	i := slices.IndexFunc(measured.Metrics, func(m ledger.Metric) bool { return m.Name == evaluate.AcceptedCleared })
	if i < 0 || measured.Metrics[i].Count != judging || report.Journeys != judging || ledger.CheckEvaluation(*measured) != nil {
		t.Fatalf("%+v of %d journeys", measured, report.Journeys)
	}
	e := *measured
	e.MSPID, e.By, e.At, e.TxID = org, by, at, txOf
	e.Metrics = append(slices.Clone(e.Metrics), ledger.Metric{Name: "recall", Value: 950_000, Count: 2_000})
	report, err = audit.Verdict(t.Context(), evaluated(t, r, rest, e, e), r.program, r.name())
	if err != nil || !report.OK() {
		t.Fatal(err, report.Differences())
	}
	if d := report.Differences(); len(d) != 1 || d[0].Field != "recall" || !d[0].Note {
		t.Errorf("what no ledger gives is told and no fault: %+v", d)
	}

	// Any change of any recorded field is found, and so is a lie that was signed.
	changed := 0
	places("evaluation", reflect.ValueOf(&e).Elem(), func(path string, _ reflect.Value) {
		changed++
		if strings.Contains(path, ".Model.") { // it is then another version's
			return
		}
		c := e
		c.Metrics = slices.Clone(e.Metrics)
		places("evaluation", reflect.ValueOf(&c).Elem(), func(p string, v reflect.Value) {
			if p == path {
				mutate(t, v)
			}
		})
		if report, err := audit.Verdict(t.Context(), evaluated(t, r, rest, c, e), r.program, r.name()); err != nil || report.OK() {
			t.Errorf("%s: nothing was found, %v", path, err)
		}
	})
	if changed < 10 {
		t.Errorf("%d fields were changed", changed)
	}
	for name, lie := range map[string]func(*ledger.Evaluation){
		"value": func(e *ledger.Evaluation) { e.Metrics[i].Value-- },
		"count": func(e *ledger.Evaluation) { e.Metrics[i].Count = 2_000 },
		"share of nothing": func(e *ledger.Evaluation) {
			e.Metrics = append(e.Metrics[:len(e.Metrics)-1], ledger.Metric{Name: evaluate.FlaggedFound, Value: 1_000_000, Count: 1})
		},
		"root": func(e *ledger.Evaluation) { e.Dataset.Root[0] ^= 1 },
		"data set": func(e *ledger.Evaluation) {
			e.Dataset.Version = 7
		},
	} {
		c := e
		c.Metrics = slices.Clone(e.Metrics)
		lie(&c)
		report, err := audit.Verdict(t.Context(), evaluated(t, r, rest, c, c), r.program, r.name())
		if err != nil || report.OK() {
			t.Errorf("%s: nothing was found, %v", name, err)
		}
		program := r.program
		program.SkipEvaluations = true
		if report, err = audit.Verdict(t.Context(), evaluated(t, r, rest, c, c), program, r.name()); err != nil || !report.OK() {
			t.Errorf("%s: evaluations are not skipped: %v", name, err)
		}
	}
}

func TestWhatIsNotAsRecordedIsNotMeasured(t *testing.T) {
	r := smallRig(t)
	rest := restOf(t, r)
	s := evaluated(t, r, rest, ledger.Evaluation{}, ledger.Evaluation{})
	for _, names := range [][2]string{{"fridge/2", "rest/1"}, {"fridge/1", "rest/2"}} {
		if _, _, err := audit.Measure(t.Context(), s, r.program, names[0], names[1]); !errors.Is(err, ledger.ErrUnknown) {
			t.Errorf("%v: %v", names, err)
		}
	}
	rest.Root[0] ^= 1
	if report, e, err := audit.Measure(t.Context(), evaluated(t, r, rest, ledger.Evaluation{}, ledger.Evaluation{}), r.program, "fridge/1", "rest/1"); err != nil || report.OK() || e != nil {
		t.Errorf("%+v %v", e, err)
	}
	rest.Root[0] ^= 1
	c := r.clone()
	c.chunks = c.chunks[:len(c.chunks)-1]
	if report, e, err := audit.Measure(t.Context(), evaluated(t, c, rest, ledger.Evaluation{}, ledger.Evaluation{}), r.program, "fridge/1", "rest/1"); err != nil || report.OK() || e != nil {
		t.Errorf("%+v %v", e, err)
	}
}
