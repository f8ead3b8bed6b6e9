package ledger

import (
	"slices"
	"strings"
)

// ModelLedger answers what decisions on models need of the ledger.
type ModelLedger interface {
	// Model gives a version, nil if it was not submitted.
	Model(ref ModelRef) (*ModelVersion, error)
	// ModelStatus gives how a version stands, nil if it was not submitted.
	ModelStatus(ref ModelRef) (*ModelStatus, error)
	// ModelOwner gives whose a model is, nil if no version of it was ever approved.
	ModelOwner(id string) (*ModelOwner, error)
	ModelStanding
	// Dataset gives a snapshot, nil if it was not submitted.
	Dataset(id string, version uint32) (*DatasetSnapshot, error)
	// Evaluation gives an evaluation, nil if it was not submitted.
	Evaluation(ref EvaluationRef) (*Evaluation, error)
	// Approval gives an organisation's approval, nil if it did not approve.
	Approval(model ModelRef, mspID string) (*Approval, error)
	// Alias gives the version that serves a product class, nil if none does.
	Alias(class string) (*Alias, error)
	VoteLedger
}

// ModelStanding answers what ModelBlocked needs of the ledger.
type ModelStanding interface {
	// Admission gives as which version an artefact was approved, nil if as none.
	Admission(artefact Digest) (*Admission, error)
	// Revocation gives that of an artefact, nil if it was not revoked.
	Revocation(artefact Digest) (*Revocation, error)
	// ModelPolicy gives the policy in force, nil if none is.
	ModelPolicy() (*ModelPolicy, error)
}

// ModelBegins refuses a model, named "id@digest" as verdicts do, by which nothing may be begun, neither a task nor a
// verdict without one: what ModelBlocked refuses, and a version that is deprecated.
func ModelBegins(name string, l ModelStanding) error {
	if err := ModelBlocked(name, l); err != nil {
		return err
	}
	_, artefact, ok := ArtefactOf(name)
	if !ok {
		return nil
	}
	admission, err := l.Admission(artefact)
	if err == nil && admission != nil && admission.Deprecated {
		err = refuse(ErrModelBlocked, "%s is deprecated; it finishes what it began", admission.Model)
	}
	return err
}

// ModelBlocked refuses a model, named "id@digest" as verdicts do, on which no verdict may rest: one that was
// revoked, at once and for everybody, and where the network has a model policy one that was never approved. A
// deprecated version finishes what it began, see ModelBegins.
func ModelBlocked(name string, l ModelStanding) error {
	id, artefact, ok := ArtefactOf(name)
	if !ok {
		if _, text, _ := strings.Cut(name, "@"); len(text) == 2*len(artefact) {
			if _, err := ParseDigest(text); err == nil {
				return refuse(ErrModelBlocked, "%.200s: a digest is written in lower case", name)
			}
		}
		policy, err := l.ModelPolicy()
		if err == nil && policy != nil {
			err = refuse(ErrModelBlocked, "%.200s names no artefact by its digest", name)
		}
		return err
	}
	revocation, err := l.Revocation(artefact)
	if err != nil {
		return err
	}
	if revocation != nil {
		return refuse(ErrModelBlocked, "%s was revoked by %s: %.200s", revocation.Model, revocation.MSPID, revocation.Reason)
	}
	admission, err := l.Admission(artefact)
	if err != nil {
		return err
	}
	if admission == nil {
		policy, err := l.ModelPolicy()
		if err == nil && policy != nil {
			err = refuse(ErrModelBlocked, "%.200s is of no version that two organisations approved", name)
		}
		return err
	}
	if admission.Model.ID != id {
		return refuse(ErrModelBlocked, "artefact %s is that of %s, not of %.100s", artefact, admission.Model, id)
	}
	return nil
}

// ModelSubmission is what becomes of a version that was submitted.
type ModelSubmission struct {
	Status    Status
	Model     ModelVersion
	Standing  ModelStatus // to be written when recorded
	Endorsers []string    // two of these must endorse changes of the standing
}

// DecideModel decides on a version that CheckModel passed and whose artefact JoinArtefact has held to be on
// the ledger. Versions that were never approved keep nobody from submitting their artefact, or under their model's name.
func DecideModel(m ModelVersion, recorded *ModelVersion, l ModelLedger, tx Tx) (ModelSubmission, error) {
	m = m.Stated()
	if recorded != nil {
		if recorded.MSPID != tx.Actor.MSPID || !sameModel(recorded.Stated(), m) {
			return ModelSubmission{}, refuse(ErrConflict, "%s is written, by %s; submit another version", m.Ref(), recorded.MSPID)
		}
		return ModelSubmission{Status: StatusDuplicate, Model: *recorded}, nil
	}
	if err := checkNew(m, tx.Actor.MSPID, l); err != nil {
		return ModelSubmission{}, err
	}
	if err := checkLineage(m, l); err != nil {
		return ModelSubmission{}, err
	}
	endorsers, err := othersOf(tx.Actor.MSPID, l)
	if err != nil {
		return ModelSubmission{}, err
	}
	m.MSPID, m.By, m.At, m.TxID = tx.Actor.MSPID, shortSubject(tx.Actor.Subject), tx.Time, tx.ID
	s := ModelStatus{Model: m.Ref(), Artefact: m.Artefact, State: ModelDraft, Submitter: m.MSPID}
	return ModelSubmission{Status: StatusRecorded, Model: m, Standing: s.changed(tx), Endorsers: endorsers}, nil
}

// checkNew holds that a version may be approved as an organisation's: its artefact is not approved as another's, nor
// revoked, and the model is nobody else's.
func checkNew(m ModelVersion, submitter string, l ModelLedger) error {
	admission, err := l.Admission(m.Artefact)
	if err != nil {
		return err
	}
	if admission != nil && admission.Model != m.Ref() {
		return refuse(ErrConflict, "%s has the same artefact", admission.Model)
	}
	revocation, err := l.Revocation(m.Artefact)
	if err != nil {
		return err
	}
	if revocation != nil {
		return refuse(ErrConflict, "the artefact was revoked as %s", revocation.Model)
	}
	owner, err := l.ModelOwner(m.ID)
	if err == nil && owner != nil && owner.MSPID != submitter {
		err = refuse(ErrUnauthorised, "model %s belongs to %s", m.ID, owner.MSPID)
	}
	return err
}

// checkLineage holds that the version follows the one before, and that what it was made from is there.
func checkLineage(m ModelVersion, l ModelLedger) error {
	if m.Version > 1 {
		previous, err := l.Model(ModelRef{ID: m.ID, Version: m.Version - 1})
		switch {
		case err != nil:
			return err
		case previous == nil:
			return refuse(ErrConflict, "version %d of model %s is not there; versions follow each other", m.Version-1, m.ID)
		}
	}
	if m.Parent != nil {
		parent, err := l.Model(*m.Parent)
		if err == nil && parent == nil {
			err = refuse(ErrUnknown, "parent %s", m.Parent)
		}
		if err != nil {
			return err
		}
	}
	for _, d := range m.Training {
		if err := checkSnapshot(d, l); err != nil {
			return err
		}
	}
	return nil
}

func (s ModelStatus) changed(tx Tx) ModelStatus {
	s.ChangedBy, s.ChangedAt, s.TxID = tx.Actor.MSPID, tx.Time, tx.ID
	return s
}

// othersOf lists the keepers beside the submitter, of whom two must endorse what changes a version's
// standing.
func othersOf(submitter string, l VoteLedger) ([]string, error) {
	keepers, err := keepersOf(l)
	if err != nil {
		return nil, err
	}
	others := make([]string, 0, len(keepers))
	for _, msp := range keepers {
		if msp != submitter {
			others = append(others, msp)
		}
	}
	if len(others) < MinApprovals {
		return nil, refuse(ErrKeepers, "a model takes %d approvals beside its submitter's, and the network has %d keepers", MinApprovals, len(keepers))
	}
	return others, nil
}

// EndorsersOf lists the organisations of which two must endorse changes of a version's standing.
func EndorsersOf(s ModelStatus, l VoteLedger) ([]string, error) { return othersOf(s.Submitter, l) }

// checkSnapshot holds that a snapshot is on the ledger with this root.
func checkSnapshot(d DatasetRef, l ModelLedger) error {
	snapshot, err := l.Dataset(d.ID, d.Version)
	switch {
	case err != nil:
		return err
	case snapshot == nil:
		return refuse(ErrUnknown, "data set %s/%d", d.ID, d.Version)
	case snapshot.Root != d.Root:
		return refuse(ErrConflict, "the root of data set %s/%d is %s, not %s", d.ID, d.Version, snapshot.Root, d.Root)
	}
	return nil
}

func sameModel(a, b ModelVersion) bool {
	return a.ID == b.ID && a.Version == b.Version && a.Artefact == b.Artefact && a.Size == b.Size && slices.Equal(a.Chunks, b.Chunks) &&
		a.Format == b.Format && slices.Equal(a.Training, b.Training) && a.Features == b.Features && sameCode(a.Code, b.Code) &&
		slices.Equal(a.Parameters, b.Parameters) && a.Seed == b.Seed && slices.Equal(a.Thresholds, b.Thresholds) &&
		slices.Equal(a.Products, b.Products) && a.IntendedUse == b.IntendedUse && a.Limitations == b.Limitations && a.Licence == b.Licence &&
		(a.Parent == nil) == (b.Parent == nil) && (a.Parent == nil || *a.Parent == *b.Parent)
}

func sameCode(a, b TrainingCode) bool {
	return a.Module == b.Module && a.Revision == b.Revision && a.Source == b.Source && slices.Equal(a.Sums, b.Sums) &&
		a.Go == b.Go && a.Platform == b.Platform && a.Command == b.Command
}

// modelOf gives a version and how it stands, revoked if it was.
func modelOf(ref ModelRef, l ModelLedger) (ModelVersion, ModelStatus, error) {
	m, err := l.Model(ref)
	if err == nil && m == nil {
		err = refuse(ErrUnknown, "model %s", ref)
	}
	if err != nil {
		return ModelVersion{}, ModelStatus{}, err
	}
	standing, err := l.ModelStatus(ref)
	if err == nil && standing == nil {
		err = refuse(ErrUnknown, "the standing of model %s", ref)
	}
	if err != nil {
		return ModelVersion{}, ModelStatus{}, err
	}
	s := *standing
	s.Serving, s.Approvers = slices.Clone(s.Serving), slices.Clone(s.Approvers)
	revocation, err := l.Revocation(m.Artefact)
	if revocation != nil {
		s.State = ModelRevoked
	}
	return *m, s, err
}
