package ledger

import "slices"

// EvaluationDecision is what becomes of an evaluation.
type EvaluationDecision struct {
	Status     Status
	Evaluation Evaluation
	Standing   *ModelStatus // to be written, nil: unchanged
}

// DecideEvaluation decides on an evaluation that CheckEvaluation passed. What a model was fitted to says
// nothing about it.
func DecideEvaluation(e Evaluation, l ModelLedger, tx Tx) (EvaluationDecision, error) {
	e = e.Stated()
	e.MSPID = tx.Actor.MSPID
	recorded, err := l.Evaluation(e.Ref())
	if err != nil {
		return EvaluationDecision{}, err
	}
	if recorded != nil {
		if recorded.Dataset != e.Dataset || recorded.Report != e.Report || !slices.Equal(recorded.Metrics, e.Metrics) {
			return EvaluationDecision{}, refuse(ErrConflict, "%s has evaluated %s on %s/%d otherwise", e.MSPID, e.Model, e.Dataset.ID, e.Dataset.Version)
		}
		return EvaluationDecision{Status: StatusDuplicate, Evaluation: *recorded}, nil
	}
	m, standing, err := modelOf(e.Model, l)
	if err != nil {
		return EvaluationDecision{}, err
	}
	if standing.State == ModelDeprecated || standing.State == ModelRevoked {
		return EvaluationDecision{}, refuse(ErrModelState, "%s is %s", e.Model, standing.State)
	}
	for _, d := range m.Training {
		if d.Root == e.Dataset.Root || d.ID == e.Dataset.ID && d.Version == e.Dataset.Version {
			return EvaluationDecision{}, refuse(ErrGate, "%s was fitted to data set %s/%d", e.Model, d.ID, d.Version)
		}
	}
	if err = checkSnapshot(e.Dataset, l); err != nil {
		return EvaluationDecision{}, err
	}
	e.By, e.At, e.TxID = shortSubject(tx.Actor.Subject), tx.Time, tx.ID
	d := EvaluationDecision{Status: StatusRecorded, Evaluation: e}
	if standing.State == ModelDraft {
		standing.State = ModelEvaluated
		changed := standing.changed(tx)
		d.Standing = &changed
	}
	return d, nil
}
