package ledger

import (
	"slices"
	"strings"
)

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
