package audit

import (
	"context"
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/analytics/dataset"
	"github.com/waybill-dev/waybill/analytics/evaluate"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// evaluation is one of the audited version, with the place of its snapshot among those that are rebuilt, -1 if it cannot be.
type evaluation struct {
	record[ledger.Evaluation]

	at int
}

func (e evaluation) subject() string {
	return fmt.Sprintf("evaluation of %s by %s on %s", e.value.Model, e.value.MSPID, nameOf(e.value.Dataset.ID, e.value.Dataset.Version))
}

// evaluatedOn checks the evaluations of the version and adds a builder for each snapshot that one was made on.
func (a *auditor) evaluatedOn(snapshots *[]record[ledger.DatasetSnapshot], builders *[]*dataset.Builder) ([]evaluation, error) {
	if a.report.Model == nil || a.program.SkipEvaluations {
		return nil, nil
	}
	var out []evaluation
	places := map[string]int{}
	for _, r := range a.evaluations {
		if r.value.Model != a.report.Model.Ref() {
			continue
		}
		e := evaluation{r, -1}
		if err := a.transaction(e.subject(), r.tx, r.value.MSPID, &r.value.By, r.value.At, r.value.TxID); err != nil {
			return nil, err
		}
		if err := a.signed(e.subject(), r.tx, r.value); err != nil {
			return nil, err
		}
		name := nameOf(r.value.Dataset.ID, r.value.Dataset.Version)
		place, known := places[name]
		if !known {
			more, built, err := a.snapshots(e.subject(), []ledger.DatasetRef{r.value.Dataset}, true)
			if err != nil {
				return nil, err
			}
			place = -1
			if len(built) == 1 {
				place = len(*builders)
			}
			*snapshots, *builders = append(*snapshots, more...), append(*builders, built...)
			places[name] = place
		} else if place >= 0 {
			a.check(e.subject(), "root of data set "+name, Recomputed, r.value.Dataset.Root.String(), (*snapshots)[place].value.Root.String())
		}
		e.at = place
		out = append(out, e)
	}
	return out, nil
}

// measure makes the metrics of evaluations again that a snapshot gives, and compares them. What else somebody measured is
// told and no fault: the ledger does not hold what it rests on.
func (a *auditor) measure(ctx context.Context, model *score.Model, evaluations []evaluation, results []*dataset.Result) error {
	measured := map[int][]ledger.Metric{}
	for _, e := range evaluations {
		if e.at < 0 || results[e.at] == nil || model == nil {
			a.differs(e.subject(), "metrics", Recomputed, fmt.Sprint(e.value.Metrics), "its model or snapshot cannot be had")
			continue
		}
		made, ok := measured[e.at]
		if !ok {
			var err error
			if made, err = evaluate.Snapshot(ctx, model, results[e.at]); err != nil {
				return err
			}
			measured[e.at] = made
		}
		for _, m := range e.value.Metrics {
			if !evaluate.IsOfSnapshot(m.Name) {
				a.report.Checks = append(a.report.Checks, Check{
					Subject: e.subject(), Field: m.Name, How: Recomputed, Recorded: metricText(m), Found: "no metric that a snapshot gives", Note: true,
				})
				continue
			}
			found := "no journey that it is measured on"
			if i := slices.IndexFunc(made, func(o ledger.Metric) bool { return o.Name == m.Name }); i >= 0 {
				found = metricText(made[i])
			}
			a.check(e.subject(), m.Name, Recomputed, metricText(m), found)
		}
	}
	return nil
}

func metricText(m ledger.Metric) string {
	return fmt.Sprintf("%d millionths of %d", m.Value, m.Count)
}

// Measure judges the journeys of a recorded snapshot by a version on the ledger, named "id/version" or, as verdicts name
// it, "id@digest", and gives the evaluation that the ledger gives: ready to be submitted, and what an audit compares with. The report says
// whether the snapshot and the artefact are as recorded; the evaluation is nil if they are not.
func Measure(ctx context.Context, source Source, program Program, name, snapshot string) (*Report, *ledger.Evaluation, error) {
	a, err := newAuditor(ctx, source, program)
	if err != nil {
		return nil, nil, err
	}
	if err = a.scan(ctx); err != nil {
		return nil, nil, err
	}
	version, err := a.modelNamed(name)
	if err != nil {
		return nil, nil, err
	}
	d, ok := a.datasets[snapshot]
	if !ok {
		return nil, nil, fmt.Errorf("%w: data set %s is not frozen on this ledger", ledger.ErrUnknown, snapshot)
	}
	model, err := a.registered(ctx, version)
	if err != nil {
		return nil, nil, err
	}
	snapshots, builders, err := a.snapshots(subjectModel(version), []ledger.DatasetRef{d.value.Ref()}, true)
	if err != nil {
		return nil, nil, err
	}
	results, err := a.rebuild(ctx, snapshots, builders, 0, func(Block) error { return nil })
	if err != nil || !a.report.OK() || model == nil || len(results) != 1 {
		return a.report, nil, err
	}
	metrics, err := evaluate.Snapshot(ctx, model, results[0])
	if err != nil {
		return a.report, nil, err
	}
	a.report.Journeys = len(results[0].Journeys)
	return a.report, &ledger.Evaluation{Model: version.Ref(), Dataset: d.value.Ref(), Metrics: metrics}, nil
}
