package ledger

import (
	"slices"
	"strings"
)

// ModelLedger answers what decisions on models need of the ledger.
type ModelLedger interface {
	// Model gives a version, nil if it was not submitted.
	Model(ref ModelRef) (*ModelVersion, error)
	// ModelStatus gives how the version with an artefact stands, nil if none has it.
	ModelStatus(artefact Digest) (*ModelStatus, error)
	// Revocation gives that of the version with an artefact, nil if it was not revoked.
	Revocation(artefact Digest) (*Revocation, error)
	// ModelPolicy gives the policy in force, nil if none is.
	ModelPolicy() (*ModelPolicy, error)
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
	ModelStatus(artefact Digest) (*ModelStatus, error)
	Revocation(artefact Digest) (*Revocation, error)
	ModelPolicy() (*ModelPolicy, error)
}

// ModelBlocked refuses a model, named "id@digest" as verdicts do, on which no new verdict may rest: one
// that was revoked, at once and for everybody; one that is not approved; and where the network has a model
// policy one that is not registered. A deprecated version may finish what it began.
func ModelBlocked(name string, l ModelStanding) error {
	id, artefact, ok := ArtefactOf(name)
	if !ok {
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
	status, err := l.ModelStatus(artefact)
	if err != nil {
		return err
	}
	if status == nil {
		policy, err := l.ModelPolicy()
		if err == nil && policy != nil {
			err = refuse(ErrModelBlocked, "%.200s is not registered", name)
		}
		return err
	}
	switch {
	case status.Model.ID != id:
		return refuse(ErrModelBlocked, "artefact %s is that of %s, not of %.100s", artefact, status.Model, id)
	case status.State != ModelApproved && status.State != ModelProduction && status.State != ModelDeprecated:
		return refuse(ErrModelBlocked, "%s is %s; two organisations approve it first", status.Model, status.State)
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
// the ledger. previous is the version before, standing that of the artefact, nil if there is none.
func DecideModel(m ModelVersion, recorded *ModelVersion, l ModelLedger, tx Tx) (ModelSubmission, error) {
	m = m.Stated()
	if recorded != nil {
		if !sameModel(recorded.Stated(), m) {
			return ModelSubmission{}, refuse(ErrConflict, "%s is written; submit version %d", m.Ref(), m.Version+1)
		}
		return ModelSubmission{Status: StatusDuplicate, Model: *recorded}, nil
	}
	standing, err := l.ModelStatus(m.Artefact)
	if err != nil {
		return ModelSubmission{}, err
	}
	if standing != nil {
		return ModelSubmission{}, refuse(ErrConflict, "%s has the same artefact", standing.Model)
	}
	if err = checkLineage(m, l, tx); err != nil {
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

// checkLineage holds that the version follows the one before, and that what it was made from is there.
func checkLineage(m ModelVersion, l ModelLedger, tx Tx) error {
	if m.Version > 1 {
		previous, err := l.Model(ModelRef{ID: m.ID, Version: m.Version - 1})
		switch {
		case err != nil:
			return err
		case previous == nil:
			return refuse(ErrConflict, "version %d of model %s is not there; versions follow each other", m.Version-1, m.ID)
		case previous.MSPID != tx.Actor.MSPID:
			return refuse(ErrUnauthorised, "model %s belongs to %s", m.ID, previous.MSPID)
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

// modelOf gives a version and how it stands, revoked if it was.
func modelOf(ref ModelRef, l ModelLedger) (ModelVersion, ModelStatus, error) {
	m, err := l.Model(ref)
	if err == nil && m == nil {
		err = refuse(ErrUnknown, "model %s", ref)
	}
	if err != nil {
		return ModelVersion{}, ModelStatus{}, err
	}
	standing, err := l.ModelStatus(m.Artefact)
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

// ModelMotion is what an organisation's steward asks for: exactly one of the six.
type ModelMotion struct {
	Policy    *ModelPolicy    `cbor:"1,keyasint,omitempty"` // by a majority of the keepers
	Approve   *ApproveModel   `cbor:"2,keyasint,omitempty"` // by a keeper that is not the submitter
	Promote   *PromoteModel   `cbor:"3,keyasint,omitempty"` // by a keeper
	Rollback  *RollbackAlias  `cbor:"4,keyasint,omitempty"` // by a keeper
	Deprecate *DeprecateModel `cbor:"5,keyasint,omitempty"` // by who stands behind the version, or a majority of the keepers
	Revoke    *RevokeModel    `cbor:"6,keyasint,omitempty"` // by who stands behind the version, or a majority of the keepers
}

// ApproveModel is an organisation's word for a version.
type ApproveModel struct {
	Model      ModelRef      `cbor:"1,keyasint"`
	Evaluation EvaluationRef `cbor:"2,keyasint"` // that it relies on
}

// PromoteModel lets a version serve a product class.
type PromoteModel struct {
	Model ModelRef `cbor:"1,keyasint"`
	Class string   `cbor:"2,keyasint"`
}

// RollbackAlias lets the version before serve a product class again.
type RollbackAlias struct {
	Class string `cbor:"1,keyasint"`
	// From is the version that serves now, so that what is asked for twice is done once.
	From ModelRef `cbor:"2,keyasint"`
}

// DeprecateModel takes a version that serves nothing out of the choice.
type DeprecateModel struct {
	Model ModelRef `cbor:"1,keyasint"`
}

// RevokeModel takes a version out of use for good.
type RevokeModel struct {
	Model  ModelRef `cbor:"1,keyasint"`
	Reason string   `cbor:"2,keyasint"`
}

// ModelDecision is what becomes of a motion: what is to be written.
type ModelDecision struct {
	Status     Status // StatusDuplicate: it is so already, there is nothing to write
	In         string // transaction in which it became so, where that is known
	Tally      *Tally // nil: nobody voted
	Policy     *ModelPolicy
	Approval   *Approval
	Standings  []GuardedStatus
	Alias      *Alias
	Guards     []string // two of these must endorse changes of the alias
	Revocation *Revocation
}

// GuardedStatus is a standing with who must endorse its changes.
type GuardedStatus struct {
	Status    ModelStatus
	Endorsers []string // two of these
}

// ModelMotionKind is what a motion asks for.
type ModelMotionKind string

// The kinds of motions.
const (
	MotionModelPolicy ModelMotionKind = "model policy"
	MotionApprove     ModelMotionKind = "approve"
	MotionPromote     ModelMotionKind = "promote"
	MotionRollback    ModelMotionKind = "rollback"
	MotionDeprecate   ModelMotionKind = "deprecate"
	MotionRevoke      ModelMotionKind = "revoke"
)

// Kind tells which of the six the motion is, empty if it is none or several.
func (m ModelMotion) Kind() ModelMotionKind {
	kind, n := ModelMotionKind(""), 0
	for _, k := range [...]struct {
		set  bool
		kind ModelMotionKind
	}{
		{m.Policy != nil, MotionModelPolicy},
		{m.Approve != nil, MotionApprove},
		{m.Promote != nil, MotionPromote},
		{m.Rollback != nil, MotionRollback},
		{m.Deprecate != nil, MotionDeprecate},
		{m.Revoke != nil, MotionRevoke},
	} {
		if k.set {
			kind = k.kind
			n++
		}
	}
	if n != 1 {
		return ""
	}
	return kind
}

// Stated drops what the contract sets and a revocation's reason, so that those who ask for the same vote
// for the same.
func (m ModelMotion) Stated() ModelMotion {
	if m.Policy != nil {
		p := m.Policy.Stated()
		m.Policy = &p
	}
	if m.Revoke != nil {
		m.Revoke = &RevokeModel{Model: m.Revoke.Model}
	}
	return m
}

// Model gives the version that the motion is about; ok is false if it is about none by itself.
func (m ModelMotion) Model() (ref ModelRef, ok bool) {
	switch m.Kind() {
	case MotionApprove:
		return m.Approve.Model, true
	case MotionPromote:
		return m.Promote.Model, true
	case MotionRollback:
		return m.Rollback.From, true
	case MotionDeprecate:
		return m.Deprecate.Model, true
	case MotionRevoke:
		return m.Revoke.Model, true
	default:
		return ModelRef{}, false
	}
}

// CheckModelMotion holds what can be said of a motion by itself.
func CheckModelMotion(m ModelMotion) error {
	if ref, ok := m.Model(); ok {
		if err := checkModelRef(ref); err != nil {
			return err
		}
	}
	switch m.Kind() {
	case MotionModelPolicy:
		return checkModelPolicy(*m.Policy)
	case MotionApprove:
		e := m.Approve.Evaluation
		if e.Model != m.Approve.Model {
			return refuse(ErrSchema, "an approval of %s on an evaluation of %s/%d", m.Approve.Model, e.Model.ID, e.Model.Version)
		}
		if _, _, err := ParseDatasetName(e.Dataset); err != nil {
			return err
		}
		return checkOrganisations("the evaluation's organisation", []string{e.MSPID}, 1)
	case MotionPromote:
		return checkClass(m.Promote.Class)
	case MotionRollback:
		return checkClass(m.Rollback.Class)
	case MotionDeprecate:
		return nil
	case MotionRevoke:
		if m.Revoke.Reason == "" {
			return refuse(ErrSchema, "a revocation has a reason")
		}
		return checkProse("a reason", m.Revoke.Reason)
	}
	return refuse(ErrSchema, "a motion is one of policy, approve, promote, rollback, deprecate and revoke")
}

func checkModelPolicy(p ModelPolicy) error {
	switch {
	case p.Version == 0:
		return refuse(ErrSchema, "versions begin at 1")
	case p.Approvals < MinApprovals || p.Approvals > MaxRulesKeepers:
		return refuse(ErrSchema, "a version takes %d to %d approvals", MinApprovals, MaxRulesKeepers)
	case len(p.Gates) == 0 || len(p.Gates) > MaxModelGates:
		return refuse(ErrSchema, "a policy has 1 to %d gates", MaxModelGates)
	}
	for i, g := range p.Gates {
		if g.Metric == "" || len(g.Metric) > maxMetricBytes || !printable(g.Metric) || i > 0 && g.Metric <= p.Gates[i-1].Metric {
			return refuse(ErrSchema, "gates name metrics of 1 to %d printable characters, ascending, once each", maxMetricBytes)
		}
		if g.AtLeast == nil && g.AtMost == nil || g.AtLeast != nil && g.AtMost != nil && *g.AtLeast > *g.AtMost {
			return refuse(ErrSchema, "gate %s lets nothing or everything pass", g.Metric)
		}
	}
	return nil
}

// DecideModelMotion decides on a motion that CheckModelMotion passed; subject is its digest.
func DecideModelMotion(m ModelMotion, subject Digest, l ModelLedger, tx Tx) (ModelDecision, error) {
	keepers, err := keepersOf(l)
	if err != nil {
		return ModelDecision{}, err
	}
	kind := m.Kind()
	if kind == MotionModelPolicy {
		return decideModelPolicy(m.Policy.Stated(), subject, l, tx)
	}
	ref, _ := m.Model()
	version, standing, err := modelOf(ref, l)
	if err != nil {
		return ModelDecision{}, err
	}
	if !slices.Contains(keepers, tx.Actor.MSPID) && !standing.standsBehind(tx.Actor.MSPID) {
		return ModelDecision{}, refuse(ErrKeepers, "%s is not one of the keepers of the network's rules", tx.Actor.MSPID)
	}
	d := modelDecider{ledger: l, tx: tx, subject: subject, model: version, standing: standing}
	switch kind {
	case MotionApprove:
		return d.approve(*m.Approve)
	case MotionPromote:
		return d.promote(*m.Promote)
	case MotionRollback:
		return d.rollback(*m.Rollback)
	case MotionDeprecate:
		return d.deprecate()
	case MotionRevoke:
		return d.revoke(*m.Revoke)
	default:
		return ModelDecision{}, refuse(ErrSchema, "a motion of kind %q", kind)
	}
}

func decideModelPolicy(p ModelPolicy, subject Digest, l ModelLedger, tx Tx) (ModelDecision, error) {
	latest, err := l.ModelPolicy()
	if err != nil {
		return ModelDecision{}, err
	}
	next := uint32(1)
	if latest != nil {
		if latest.Version == p.Version && samePolicyOfModels(*latest, p) {
			return ModelDecision{Status: StatusDuplicate, In: latest.TxID}, nil
		}
		next = latest.Version + 1
	}
	if p.Version != next {
		return ModelDecision{}, refuse(ErrConflict, "the next version of the model policy is %d, not %d", next, p.Version)
	}
	tally, err := CastVote(subject, string(MotionModelPolicy), l, tx)
	if err != nil {
		return ModelDecision{}, err
	}
	d := ModelDecision{Status: voted(tally).Status, Tally: &tally}
	if tally.Carried {
		p.Votes, p.At, p.TxID = tally.For, tx.Time, tx.ID
		d.Policy = &p
	}
	return d, nil
}

func samePolicyOfModels(a, b ModelPolicy) bool {
	same := func(a, b *int64) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }
	return a.Version == b.Version && a.Approvals == b.Approvals && slices.EqualFunc(a.Gates, b.Gates, func(a, b Gate) bool {
		return a.Metric == b.Metric && a.Count == b.Count && same(a.AtLeast, b.AtLeast) && same(a.AtMost, b.AtMost)
	})
}

// modelDecider decides on one motion about one version.
type modelDecider struct {
	ledger   ModelLedger
	tx       Tx
	subject  Digest
	model    ModelVersion
	standing ModelStatus
}

func (d modelDecider) wrongState(act string) error {
	return refuse(ErrModelState, "%s is %s and cannot be %s", d.standing.Model, d.standing.State, act)
}

// guarded changes a standing, to be endorsed by two of those who did not submit the version.
func (d modelDecider) guarded(s ModelStatus) (GuardedStatus, error) {
	others, err := othersOf(s.Submitter, d.ledger)
	return GuardedStatus{Status: s.changed(d.tx), Endorsers: others}, err
}

func (d modelDecider) policy() (ModelPolicy, error) {
	policy, err := d.ledger.ModelPolicy()
	if err == nil && policy == nil {
		err = refuse(ErrGate, "the network has no model policy; its keepers set one")
	}
	if err != nil {
		return ModelPolicy{}, err
	}
	return *policy, nil
}

// approve counts an organisation's word for the version, on an evaluation that passes the gates in force.
func (d modelDecider) approve(m ApproveModel) (ModelDecision, error) {
	org := d.tx.Actor.MSPID
	given, err := d.ledger.Approval(m.Model, org)
	if err != nil {
		return ModelDecision{}, err
	}
	switch {
	case org == d.standing.Submitter:
		return ModelDecision{}, refuse(ErrApproval, "%s submitted %s; two others approve it", org, m.Model)
	case given != nil && given.Evaluation == m.Evaluation:
		return ModelDecision{Status: StatusDuplicate, In: given.TxID}, nil
	case given != nil:
		return ModelDecision{}, refuse(ErrApproval, "%s has approved %s already; another organisation must", org, m.Model)
	case d.standing.State != ModelEvaluated && d.standing.State != ModelApproved:
		return ModelDecision{}, d.wrongState("approved")
	}
	keepers, err := keepersOf(d.ledger)
	if err != nil {
		return ModelDecision{}, err
	}
	if !slices.Contains(keepers, org) {
		return ModelDecision{}, refuse(ErrKeepers, "%s is not one of the keepers of the network's rules", org)
	}
	policy, err := d.policy()
	if err != nil {
		return ModelDecision{}, err
	}
	evaluation, err := d.ledger.Evaluation(m.Evaluation)
	if err == nil && evaluation == nil {
		err = refuse(ErrUnknown, "an evaluation of %s by %s on %s", m.Model, m.Evaluation.MSPID, m.Evaluation.Dataset)
	}
	if err == nil {
		err = policy.Pass(*evaluation)
	}
	if err != nil {
		return ModelDecision{}, err
	}
	after := d.standing
	after.Approvers = append(after.Approvers, org)
	slices.Sort(after.Approvers)
	if after.State == ModelEvaluated && len(after.Approvers) >= int(policy.Approvals) {
		after.State = ModelApproved
	}
	standing, err := d.guarded(after)
	return ModelDecision{
		Status: StatusRecorded, Standings: []GuardedStatus{standing},
		Approval: &Approval{Model: m.Model, Evaluation: m.Evaluation, MSPID: org, By: shortSubject(d.tx.Actor.Subject), At: d.tx.Time, TxID: d.tx.ID},
	}, err
}

// passes holds that the version has as many approvals of organisations that are keepers now as the policy in
// force asks for, each on an evaluation that passes its gates.
func (d modelDecider) passes() error {
	policy, err := d.policy()
	if err != nil {
		return err
	}
	keepers, err := keepersOf(d.ledger)
	if err != nil {
		return err
	}
	good := 0
	for _, org := range d.standing.Approvers {
		if org == d.standing.Submitter || !slices.Contains(keepers, org) {
			continue
		}
		approval, err := d.ledger.Approval(d.standing.Model, org)
		if err != nil || approval == nil {
			return err
		}
		evaluation, err := d.ledger.Evaluation(approval.Evaluation)
		if err != nil {
			return err
		}
		if evaluation == nil {
			continue
		}
		if err := policy.Pass(*evaluation); err != nil {
			return err
		}
		good++
	}
	if good < int(policy.Approvals) {
		return refuse(ErrGate, "%s has %d approvals that count, the policy in force asks for %d", d.standing.Model, good, policy.Approvals)
	}
	return nil
}

func (d modelDecider) promote(m PromoteModel) (ModelDecision, error) {
	alias, err := d.ledger.Alias(m.Class)
	if err != nil {
		return ModelDecision{}, err
	}
	switch {
	case d.standing.State != ModelApproved && d.standing.State != ModelProduction:
		return ModelDecision{}, d.wrongState("promoted")
	case alias != nil && alias.Model == m.Model:
		return ModelDecision{Status: StatusDuplicate, In: alias.TxID}, nil
	case !slices.Contains(d.model.Products, m.Class) && !slices.Contains(d.model.Products, AnyProduct):
		return ModelDecision{}, refuse(ErrSchema, "%s is not meant for %s", m.Model, m.Class)
	}
	if err = d.passes(); err != nil {
		return ModelDecision{}, err
	}
	next := Alias{Class: m.Class, Generation: 1}
	if alias != nil {
		next.Generation, next.Past = alias.Generation+1, append(slices.Clone(alias.Past), alias.Model)
		if len(next.Past) > MaxAliasPast {
			next.Past = next.Past[len(next.Past)-MaxAliasPast:]
		}
	}
	return d.serve(next, alias, d.model, d.standing)
}

// serve makes a version the alias of a class, in the place of another.
func (d modelDecider) serve(next Alias, before *Alias, m ModelVersion, standing ModelStatus) (ModelDecision, error) {
	next.Model, next.Artefact = m.Ref(), m.Artefact
	next.MSPID, next.By, next.At, next.TxID = d.tx.Actor.MSPID, shortSubject(d.tx.Actor.Subject), d.tx.Time, d.tx.ID
	out := ModelDecision{Status: StatusRecorded, Alias: &next}
	if before != nil {
		_, old, err := modelOf(before.Model, d.ledger)
		if err != nil {
			return ModelDecision{}, err
		}
		old.Serving = slices.DeleteFunc(old.Serving, func(class string) bool { return class == next.Class })
		if len(old.Serving) == 0 && old.State == ModelProduction {
			old.State = ModelApproved
		}
		guarded, err := d.guarded(old)
		if err != nil {
			return ModelDecision{}, err
		}
		out.Standings = append(out.Standings, guarded)
	}
	standing.State = ModelProduction
	if i, there := slices.BinarySearch(standing.Serving, next.Class); !there {
		standing.Serving = slices.Insert(standing.Serving, i, next.Class)
	}
	guarded, err := d.guarded(standing)
	if err != nil {
		return ModelDecision{}, err
	}
	out.Standings = append(out.Standings, guarded)
	out.Guards = guarded.Endorsers
	return out, nil
}

// rollback goes back to the latest version before that may serve still.
func (d modelDecider) rollback(m RollbackAlias) (ModelDecision, error) {
	alias, err := d.ledger.Alias(m.Class)
	switch {
	case err != nil:
		return ModelDecision{}, err
	case alias == nil:
		return ModelDecision{}, refuse(ErrUnknown, "a version that serves %s", m.Class)
	case alias.Model != m.From:
		return ModelDecision{}, refuse(ErrModelState, "%s serves %s, not %s", alias.Model, m.Class, m.From)
	}
	next := Alias{Class: m.Class, Generation: alias.Generation + 1, Past: slices.Clone(alias.Past), Rollback: true}
	for len(next.Past) > 0 {
		to := next.Past[len(next.Past)-1]
		next.Past = next.Past[:len(next.Past)-1]
		version, standing, err := modelOf(to, d.ledger)
		if err != nil {
			return ModelDecision{}, err
		}
		if standing.State == ModelApproved || standing.State == ModelProduction {
			return d.serve(next, alias, version, standing)
		}
	}
	return ModelDecision{}, refuse(ErrModelState, "no version before %s may serve %s", m.From, m.Class)
}

// mayWithdraw holds that the submitter's organisation stands behind the version, or a majority of the
// keepers votes for what it asks.
func (d modelDecider) mayWithdraw(kind ModelMotionKind) (*Tally, error) {
	if d.standing.standsBehind(d.tx.Actor.MSPID) {
		return nil, nil
	}
	tally, err := CastVote(d.subject, string(kind), d.ledger, d.tx)
	return &tally, err
}

func (d modelDecider) deprecate() (ModelDecision, error) {
	switch d.standing.State {
	case ModelDeprecated:
		return ModelDecision{Status: StatusDuplicate, In: d.standing.TxID}, nil
	case ModelProduction:
		return ModelDecision{}, refuse(ErrModelState, "%s serves %s; promote another first", d.standing.Model, strings.Join(d.standing.Serving, ", "))
	case ModelRevoked:
		return ModelDecision{}, d.wrongState("deprecated")
	case ModelDraft, ModelEvaluated, ModelApproved:
	}
	tally, err := d.mayWithdraw(MotionDeprecate)
	if err != nil {
		return ModelDecision{}, err
	}
	out := ModelDecision{Status: StatusRecorded, Tally: tally}
	if tally != nil && !tally.Carried {
		out.Status = voted(*tally).Status
		return out, nil
	}
	after := d.standing
	after.State = ModelDeprecated
	guarded, err := d.guarded(after)
	out.Standings = []GuardedStatus{guarded}
	return out, err
}

// revoke writes a key of its own and no other, so that nobody's absence keeps a model in use.
func (d modelDecider) revoke(m RevokeModel) (ModelDecision, error) {
	if d.standing.State == ModelRevoked {
		revocation, err := d.ledger.Revocation(d.model.Artefact)
		if err != nil {
			return ModelDecision{}, err
		}
		return ModelDecision{Status: StatusDuplicate, In: revocation.TxID}, nil
	}
	tally, err := d.mayWithdraw(MotionRevoke)
	if err != nil {
		return ModelDecision{}, err
	}
	out := ModelDecision{Status: StatusRecorded, Tally: tally}
	revocation := Revocation{
		Model: m.Model, Artefact: d.model.Artefact, Reason: m.Reason,
		MSPID: d.tx.Actor.MSPID, By: shortSubject(d.tx.Actor.Subject), At: d.tx.Time, TxID: d.tx.ID,
	}
	if tally != nil {
		if !tally.Carried {
			out.Status = voted(*tally).Status
			return out, nil
		}
		revocation.Votes = tally.For
	}
	out.Revocation = &revocation
	return out, nil
}
