package ledger

import (
	"crypto/sha256"
	"errors"
	"fmt"
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
	Admission  *Admission
	Guards     []string    // two of these must endorse changes of the alias or of the admission
	Owner      *ModelOwner // to be written for the first time
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
	if kind == MotionRevoke {
		return decideRevocation(*m.Revoke, subject, keepers, l, tx)
	}
	ref, _ := m.Model()
	version, standing, err := modelOf(ref, l)
	if err != nil {
		return ModelDecision{}, err
	}
	if !slices.Contains(keepers, tx.Actor.MSPID) && standing.Submitter != tx.Actor.MSPID {
		return ModelDecision{}, noKeeper(tx)
	}
	d := modelDecider{ledger: l, tx: tx, subject: subject, model: version, standing: standing, keepers: keepers}
	switch kind {
	case MotionApprove:
		return d.approve(*m.Approve)
	case MotionPromote:
		return d.promote(*m.Promote)
	case MotionRollback:
		return d.rollback(*m.Rollback)
	case MotionDeprecate:
		return d.deprecate()
	default:
		return ModelDecision{}, refuse(ErrSchema, "a motion of kind %q", kind)
	}
}

func noKeeper(tx Tx) error {
	return refuse(ErrKeepers, "%s is not one of the keepers of the network's rules", tx.Actor.MSPID)
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
	keepers  []string
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
	if !slices.Contains(d.keepers, org) {
		return ModelDecision{}, noKeeper(d.tx)
	}
	if err = checkNew(d.model, d.standing.Submitter, d.ledger); err != nil {
		return ModelDecision{}, err
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
	before, err := d.counted(policy)
	if err != nil {
		return ModelDecision{}, err
	}
	after := d.standing
	after.Approvers = append(after.Approvers, org)
	slices.Sort(after.Approvers)
	approved := after.State == ModelEvaluated && before+1 >= int(policy.Approvals)
	if approved {
		after.State = ModelApproved
	}
	standing, err := d.guarded(after)
	out := ModelDecision{
		Status: StatusRecorded, Standings: []GuardedStatus{standing},
		Approval: &Approval{Model: m.Model, Evaluation: m.Evaluation, MSPID: org, By: shortSubject(d.tx.Actor.Subject), At: d.tx.Time, TxID: d.tx.ID},
	}
	if approved && err == nil {
		out.admit(Admission{Artefact: d.model.Artefact, Model: m.Model}, standing.Endorsers, d.tx)
		var owner *ModelOwner
		if owner, err = d.ledger.ModelOwner(d.model.ID); owner == nil {
			out.Owner = &ModelOwner{ID: d.model.ID, MSPID: d.standing.Submitter}
		}
	}
	return out, err
}

func (d *ModelDecision) admit(a Admission, guards []string, tx Tx) {
	a.MSPID, a.At, a.TxID = tx.Actor.MSPID, tx.Time, tx.ID
	d.Admission, d.Guards = &a, guards
}

// counted says how many of the version's approvals count: of organisations that are keepers now, on evaluations that
// pass the policy's gates.
func (d modelDecider) counted(policy ModelPolicy) (good int, err error) {
	for _, org := range d.standing.Approvers {
		if org == d.standing.Submitter || !slices.Contains(d.keepers, org) {
			continue
		}
		approval, err := d.ledger.Approval(d.standing.Model, org)
		if err != nil {
			return 0, err
		}
		if approval == nil {
			continue
		}
		evaluation, err := d.ledger.Evaluation(approval.Evaluation)
		if err != nil {
			return 0, err
		}
		if evaluation != nil && policy.Pass(*evaluation) == nil {
			good++
		}
	}
	return good, nil
}

// passes holds that as many of the version's approvals count as the policy in force asks for.
func (d modelDecider) passes() error {
	policy, err := d.policy()
	if err != nil {
		return err
	}
	good, err := d.counted(policy)
	if err == nil && good < int(policy.Approvals) {
		err = refuse(ErrGate, "%s has %d approvals that count, the policy in force asks for %d", d.standing.Model, good, policy.Approvals)
	}
	return err
}

// turn holds that the version that serves a class may be changed: by the one keeper that asks for it, if the version
// before has served for MinServing or was revoked, else by a majority of them.
func (d modelDecider) turn(before *Alias, kind ModelMotionKind) (*Tally, string, error) {
	if before == nil || d.tx.Time >= before.At+MinServing {
		return nil, "", nil
	}
	revocation, err := d.ledger.Revocation(before.Artefact)
	if err != nil || revocation != nil {
		return nil, "", err
	}
	// Votes do not lapse: each is for the one change that follows the generation it was cast in.
	subject := Digest(sha256.Sum256(fmt.Appendf(d.subject[:], "after generation %d", before.Generation)))
	tally, err := CastVote(subject, string(kind), d.ledger, d.tx)
	if err != nil || tally.Vote != nil || tally.Carried {
		return &tally, "", err
	}
	vote, err := d.ledger.Vote(subject, d.tx.Actor.MSPID)
	if err != nil || vote == nil {
		return nil, "", err
	}
	return &tally, vote.TxID, nil
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
	return d.serve(next, alias, MotionPromote, d.model, d.standing)
}

// serve makes a version the alias of a class, in the place of another.
func (d modelDecider) serve(next Alias, before *Alias, kind ModelMotionKind, m ModelVersion, standing ModelStatus) (ModelDecision, error) {
	tally, in, err := d.turn(before, kind)
	if err != nil {
		return ModelDecision{}, err
	}
	if tally != nil && !tally.Carried {
		return ModelDecision{Status: voted(*tally).Status, In: in, Tally: tally}, nil
	}
	next.Model, next.Artefact = m.Ref(), m.Artefact
	next.MSPID, next.By, next.At, next.TxID = d.tx.Actor.MSPID, shortSubject(d.tx.Actor.Subject), d.tx.Time, d.tx.ID
	out := ModelDecision{Status: StatusRecorded, Tally: tally, Alias: &next}
	if before != nil {
		var old ModelStatus
		if _, old, err = modelOf(before.Model, d.ledger); err != nil {
			return ModelDecision{}, err
		}
		old.Serving = slices.DeleteFunc(old.Serving, func(class string) bool { return class == next.Class })
		if len(old.Serving) == 0 && old.State == ModelProduction {
			old.State = ModelApproved
		}
		var left GuardedStatus
		if left, err = d.guarded(old); err != nil {
			return ModelDecision{}, err
		}
		out.Standings = append(out.Standings, left)
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

// rollback goes back to the latest version before that may serve still: gates and approvals are asked again.
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
	none := refuse(ErrModelState, "no version before %s may serve %s", m.From, m.Class)
	for len(next.Past) > 0 {
		to := next.Past[len(next.Past)-1]
		next.Past = next.Past[:len(next.Past)-1]
		version, standing, err := modelOf(to, d.ledger)
		if err != nil {
			return ModelDecision{}, err
		}
		if standing.State != ModelApproved && standing.State != ModelProduction {
			continue
		}
		past := d
		past.model, past.standing = version, standing
		switch err := past.passes(); {
		case errors.Is(err, ErrGate):
			none = err
		case err != nil:
			return ModelDecision{}, err
		default:
			return d.serve(next, alias, MotionRollback, version, standing)
		}
	}
	return ModelDecision{}, none
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
	org := d.tx.Actor.MSPID
	out := ModelDecision{Status: StatusRecorded}
	if org != d.standing.Submitter && (!slices.Contains(d.standing.Approvers, org) || !slices.Contains(d.keepers, org)) {
		tally, err := CastVote(d.subject, string(MotionDeprecate), d.ledger, d.tx)
		if err != nil {
			return ModelDecision{}, err
		}
		out.Tally = &tally
		if !tally.Carried {
			out.Status = voted(tally).Status
			return out, nil
		}
	}
	after := d.standing
	after.State = ModelDeprecated
	guarded, err := d.guarded(after)
	if err != nil {
		return ModelDecision{}, err
	}
	out.Standings = []GuardedStatus{guarded}
	admission, err := d.ledger.Admission(d.model.Artefact)
	if err == nil && admission != nil && admission.Model == after.Model {
		out.admit(Admission{Artefact: admission.Artefact, Model: admission.Model, Deprecated: true}, guarded.Endorsers, d.tx)
	}
	return out, err
}

// decideRevocation decides on a revocation. It writes a key of its own and no other, so that nobody's absence keeps a model
// in use, and reads none that a promotion or a rollback writes, so that these do not hold it off. Who submitted an approved
// version, or approved it and is a keeper still, revokes it alone. What was never approved may be another's artefact, on
// which verdicts rest: that takes the keepers' votes.
func decideRevocation(m RevokeModel, subject Digest, keepers []string, l ModelLedger, tx Tx) (ModelDecision, error) {
	org := tx.Actor.MSPID
	version, err := l.Model(m.Model)
	if err == nil && version == nil {
		err = refuse(ErrUnknown, "model %s", m.Model)
	}
	if err != nil {
		return ModelDecision{}, err
	}
	behind, keeper := org == version.MSPID, slices.Contains(keepers, org)
	if !behind && !keeper {
		return ModelDecision{}, noKeeper(tx)
	}
	if !behind {
		var approval *Approval
		if approval, err = l.Approval(m.Model, org); err != nil {
			return ModelDecision{}, err
		}
		behind = approval != nil
	}
	recorded, err := l.Revocation(version.Artefact)
	if err != nil {
		return ModelDecision{}, err
	}
	if recorded != nil {
		return ModelDecision{Status: StatusDuplicate, In: recorded.TxID}, nil
	}
	admission, err := l.Admission(version.Artefact)
	if err != nil {
		return ModelDecision{}, err
	}
	if admission != nil && admission.Model != m.Model {
		return ModelDecision{}, refuse(ErrConflict, "the artefact of %s is approved as %s; revoke that", m.Model, admission.Model)
	}
	out := ModelDecision{Status: StatusRecorded}
	revocation := Revocation{
		Model: m.Model, Artefact: version.Artefact, Reason: m.Reason,
		MSPID: org, By: shortSubject(tx.Actor.Subject), At: tx.Time, TxID: tx.ID,
	}
	if !behind || admission == nil {
		if !keeper {
			return ModelDecision{}, refuse(ErrKeepers, "%s was never approved: keepers vote on its revocation; who submitted it deprecates it", m.Model)
		}
		tally, err := CastVote(subject, string(MotionRevoke), l, tx)
		if err != nil {
			return ModelDecision{}, err
		}
		out.Tally = &tally
		if !tally.Carried {
			out.Status = voted(tally).Status
			return out, nil
		}
		revocation.Votes = tally.For
	}
	out.Revocation = &revocation
	return out, nil
}
