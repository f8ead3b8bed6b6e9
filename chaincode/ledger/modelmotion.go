package ledger

// ModelMotion is what an organisation's steward asks for: exactly one of the six.
type ModelMotion struct {
	Policy    *ModelPolicy    `cbor:"1,keyasint,omitempty"` // by a majority of the keepers
	Approve   *ApproveModel   `cbor:"2,keyasint,omitempty"` // by a keeper that is not the submitter
	Promote   *PromoteModel   `cbor:"3,keyasint,omitempty"` // by a keeper, or a majority of them within MinServing
	Rollback  *RollbackAlias  `cbor:"4,keyasint,omitempty"` // as above
	Deprecate *DeprecateModel `cbor:"5,keyasint,omitempty"` // by who submitted the version, a keeper that approved it, or a majority of the keepers
	Revoke    *RevokeModel    `cbor:"6,keyasint,omitempty"` // as above; one that was never approved by a majority of the keepers alone
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

// DeprecateModel takes a version that serves nothing out of the choice: it finishes what it began, see ModelBegins.
type DeprecateModel struct {
	Model ModelRef `cbor:"1,keyasint"`
}

// RevokeModel takes a version out of use for good.
type RevokeModel struct {
	Model  ModelRef `cbor:"1,keyasint"`
	Reason string   `cbor:"2,keyasint"`
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
	return sole([]alternative[ModelMotionKind]{
		{m.Policy != nil, MotionModelPolicy},
		{m.Approve != nil, MotionApprove},
		{m.Promote != nil, MotionPromote},
		{m.Rollback != nil, MotionRollback},
		{m.Deprecate != nil, MotionDeprecate},
		{m.Revoke != nil, MotionRevoke},
	})
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
