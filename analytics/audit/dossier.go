package audit

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/analytics/provenance"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Dossier gathers all that the ledger holds of a version of a model, named "id/version" or, as verdicts
// name it, "id@digest".
func Dossier(ctx context.Context, source Source, program Program, name string) (*provenance.Dossier, error) {
	a, err := newAuditor(ctx, source, program)
	if err != nil {
		return nil, err
	}
	var evaluations []ledger.Evaluation
	var approvals []ledger.Approval
	var aliases []ledger.Alias
	err = a.each(ctx, "reading", 0, a.height, func(b Block) (bool, error) {
		for _, tx := range b.Transactions {
			if failed := a.take(b.Number, tx); failed != nil {
				return false, failed
			}
			evaluations = append(evaluations, tx.Models.Evaluations...)
			approvals = append(approvals, tx.Models.Approvals...)
			aliases = append(aliases, tx.Models.Aliases...)
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	m, err := a.modelNamed(name)
	if err != nil {
		return nil, err
	}
	d := &provenance.Dossier{Model: m, Status: a.statuses[m.Ref()]}
	if r, ok := a.court.models.revoked[m.Artefact]; ok {
		d.Revocation = &r
	}
	refs := slices.Clone(m.Training)
	for _, e := range evaluations {
		if e.Model == m.Ref() {
			d.Evaluations = append(d.Evaluations, e)
			refs = append(refs, e.Dataset)
		}
	}
	for _, v := range approvals {
		if v.Model == m.Ref() {
			d.Approvals = append(d.Approvals, v)
		}
	}
	for _, v := range aliases {
		if v.Model == m.Ref() {
			d.Aliases = append(d.Aliases, v)
		}
	}
	for _, ref := range refs {
		s, ok := a.datasets[nameOf(ref.ID, ref.Version)]
		if ok && !slices.ContainsFunc(d.Datasets, func(o ledger.DatasetSnapshot) bool { return o.ID == ref.ID && o.Version == ref.Version }) {
			d.Datasets = append(d.Datasets, s.value)
		}
	}
	slices.SortFunc(d.Datasets, func(x, y ledger.DatasetSnapshot) int {
		return cmp.Or(cmp.Compare(x.ID, y.ID), cmp.Compare(x.Version, y.Version))
	})
	return d, nil
}

func (a *auditor) modelNamed(name string) (ledger.ModelVersion, error) {
	if _, _, ok := ledger.ArtefactOf(name); ok {
		if m, found := a.versionOf(name); found {
			return m, nil
		}
		return ledger.ModelVersion{}, fmt.Errorf("%w: model %s", ledger.ErrUnknown, name)
	}
	ref, err := ledger.ParseModelRef(name)
	if err != nil {
		return ledger.ModelVersion{}, err
	}
	if m, found := a.models[ref]; found {
		return m.value, nil
	}
	return ledger.ModelVersion{}, fmt.Errorf("%w: model %s", ledger.ErrUnknown, ref)
}
