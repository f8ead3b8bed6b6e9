package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/analytics/dataset"
	"github.com/waybill-dev/waybill/analytics/provenance"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// rebuild feeds the ledger's blocks to the builders and compares what they made.
func (a *auditor) rebuild(ctx context.Context, snapshots []record[ledger.DatasetSnapshot], builders []*dataset.Builder, last uint64, also func(Block) error) ([]*dataset.Result, error) {
	for _, b := range builders {
		last = max(last, b.To())
	}
	err := a.each(ctx, "rebuilding", 0, min(last, a.height), func(b Block) (bool, error) {
		if err := also(b); err != nil {
			return false, err
		}
		block := dataset.Block{Number: b.Number, Hash: b.Hash, Transactions: make([]wire.Transaction, len(b.Transactions))}
		for i := range b.Transactions {
			block.Transactions[i] = b.Transactions[i].Transaction
		}
		for _, builder := range builders {
			if b.Number < builder.First() {
				continue
			}
			if err := builder.Apply(block); err != nil {
				return false, err
			}
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	results := make([]*dataset.Result, len(builders))
	for i, b := range builders {
		if results[i], err = a.snapshot(snapshots[i], b); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// training makes a builder for each snapshot that the model was fitted to.
func (a *auditor) training() ([]record[ledger.DatasetSnapshot], []*dataset.Builder, error) {
	if a.report.Model == nil {
		return nil, nil, nil
	}
	m := a.models[a.report.Model.Ref()]
	subject := subjectModel(m.value)
	if err := a.transaction(subject, m.tx, m.value.MSPID, &m.value.By, m.value.At, m.value.TxID); err != nil {
		return nil, nil, err
	}
	if err := a.signed(subject, m.tx, m.value); err != nil {
		return nil, nil, err
	}
	return a.snapshots(subject, m.value.Training, true)
}

// snapshots makes a builder for each snapshot that a subject names, unless there is none to make.
func (a *auditor) snapshots(subject string, refs []ledger.DatasetRef, histories bool) ([]record[ledger.DatasetSnapshot], []*dataset.Builder, error) {
	var snapshots []record[ledger.DatasetSnapshot]
	var builders []*dataset.Builder
	for _, ref := range refs {
		d, ok := a.datasets[nameOf(ref.ID, ref.Version)]
		if !ok {
			a.differs(subject, "training", Recomputed, nameOf(ref.ID, ref.Version), "no such snapshot is on the ledger")
			continue
		}
		a.report.Datasets = append(a.report.Datasets, d.value)
		name := "data set " + nameOf(ref.ID, ref.Version)
		a.check(subject, "root of "+name, Recomputed, ref.Root.String(), d.value.Root.String())
		if err := a.transaction(name, d.tx, d.value.MSPID, &d.value.By, d.value.At, d.value.TxID); err != nil {
			return nil, nil, err
		}
		if err := a.signed(name, d.tx, d.value); err != nil {
			return nil, nil, err
		}
		of, err := dataset.SelectionOf(d.value)
		if err == nil && of.To > d.block {
			err = fmt.Errorf("%w: it ends with block %d and was frozen in block %d", dataset.ErrRange, of.To, d.block)
		}
		var b *dataset.Builder
		if err == nil {
			b, err = dataset.NewBuilder(of, histories)
		}
		if err != nil {
			a.differs(name, "range", Recomputed, fmt.Sprintf("blocks %d to before %d, query %q", d.value.From, d.value.To, d.value.Query), err.Error())
			continue
		}
		snapshots, builders = append(snapshots, d), append(builders, b)
	}
	return snapshots, builders, nil
}

// snapshot compares a rebuilt snapshot; nil if it cannot be rebuilt.
func (a *auditor) snapshot(d record[ledger.DatasetSnapshot], b *dataset.Builder) (*dataset.Result, error) {
	name := "data set " + nameOf(d.value.ID, d.value.Version)
	r, err := b.Finish()
	if errors.Is(err, dataset.ErrRange) {
		a.differs(name, "range", Recomputed, fmt.Sprintf("blocks %d to before %d", d.value.From, d.value.To), err.Error())
		return nil, nil //nolint:nilnil // the report says so
	}
	if err != nil {
		return nil, err
	}
	made := d.value.Stated()
	s := r.Snapshot
	made.Root, made.Events, made.Segments, made.Bytes, made.Block, made.Schema, made.Features = s.Root, s.Events, s.Segments, s.Bytes, s.Block, s.Schema, s.Features
	a.compare(name, Recomputed, d.value.Stated(), made)
	return r, nil
}

// retrain makes the model again and compares its record.
func (a *auditor) retrain(ctx context.Context, results []*dataset.Result) error {
	m := a.report.Model.Stated()
	subject := subjectModel(m)
	results = slices.DeleteFunc(slices.Clone(results), func(r *dataset.Result) bool { return r == nil })
	if len(results) != len(m.Training) {
		a.differs(subject, "artefact", Recomputed, m.Artefact.String(), "its snapshots cannot all be rebuilt")
		return nil
	}
	recipe, err := provenance.RecipeOf(m)
	if err != nil {
		a.differs(subject, "parameters", Recomputed, fmt.Sprint(m.Parameters), err.Error())
		return nil
	}
	refs := make([]ledger.DatasetRef, len(results))
	for i, r := range results {
		refs[i] = ledger.DatasetRef{ID: m.Training[i].ID, Version: m.Training[i].Version, Root: r.Snapshot.Root}
	}
	a.report.Journeys = len(dataset.Merge(results, recipe.Below))
	trained, err := recipe.Fit(ctx, refs, results)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		a.differs(subject, "artefact", Recomputed, m.Artefact.String(), "training fails: "+err.Error())
		return nil //nolint:nilerr // the report says so
	}
	_, chunks, err := ledger.CutArtefact(trained.Bytes())
	if err != nil {
		return err
	}
	made := m
	made.Artefact, made.Size, made.Chunks, made.Format, made.Training = trained.Digest(), uint64(len(trained.Bytes())), chunks, score.Format, refs
	made.Features, made.Parameters, made.Thresholds = results[0].Snapshot.Features, recipe.Parameters(), provenance.Thresholds(trained)
	made.Code = a.program.Code
	made.Code.Command, made.Code.Platform = m.Code.Command, m.Code.Platform // that of the submitter; another may give no other artefact
	a.compare(subject, Recomputed, m, made)
	return nil
}
