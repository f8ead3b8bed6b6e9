package contract

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"
	"github.com/hyperledger/fabric-contract-api-go/v2/metadata"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/state"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Model holds data set snapshots, versions of models with their artefacts, evaluations, approvals, and which
// version serves.
type Model struct {
	contractapi.Contract

	clock func() time.Time
}

func newModel(clock func() time.Time) *Model {
	c := &Model{clock: clock}
	c.Name = "model"
	c.Info = metadata.InfoMetadata{
		Title: "Model", Version: "1",
		Description: "Data set snapshots, versions of models, evaluations, approvals, and which version serves. Arguments and results are of package chaincode/wire.",
	}
	return c
}

// GetEvaluateTransactions names the functions that only read.
func (*Model) GetEvaluateTransactions() []string {
	return []string{"GetAlias", "GetChunk", "GetDataset", "GetEvaluation", "GetModel", "GetPolicy"}
}

// inputs answers each input of a batch for itself: named gives its digest, do decides on it.
func inputs[T any](t *transaction, all []T, named func(T) (ledger.Digest, error), check func(T) error, do func(T, ledger.Digest) error) ([]byte, error) {
	for _, in := range all {
		digest, err := named(in)
		if err != nil {
			return nil, coded(err)
		}
		if err = check(in); err == nil {
			err = do(in, digest)
		}
		switch {
		case refusal(err):
			t.refuse(err, digest)
		case err != nil:
			return nil, coded(err)
		}
	}
	answers, err := t.end()
	return answers, coded(err)
}

// models is where the summary tells of models.
func (t *transaction) models() *wire.ModelSummary {
	if t.summary.Models == nil {
		t.summary.Models = &wire.ModelSummary{}
	}
	return t.summary.Models
}

// StoreChunks stores a wire.ChunkBatch, parts of artefacts, and answers each for itself with its digest. It
// needs the role modeller.
func (c *Model) StoreChunks(ctx contractapi.TransactionContextInterface, batch []byte) ([]byte, error) {
	t, err := begin(ctx, c.clock, ledger.RoleModeller)
	if err != nil {
		return nil, coded(err)
	}
	in, err := wire.DecodeChunkBatch(batch)
	if err != nil {
		return nil, coded(err)
	}
	keys := make([]string, len(in.Chunks))
	for i, chunk := range in.Chunks {
		keys[i] = wire.ChunkKey(wire.ChunkDigest(chunk))
	}
	if err = t.repository.Prefetch(keys); err != nil {
		return nil, coded(err)
	}
	named := func(chunk []byte) (ledger.Digest, error) { return wire.ChunkDigest(chunk), nil }
	return inputs(t, in.Chunks, named, ledger.CheckChunk, func(chunk []byte, digest ledger.Digest) error {
		stored, err := t.repository.Chunk(digest)
		if err != nil {
			return err
		}
		if stored != nil {
			t.answer(wire.Answer{Status: ledger.StatusDuplicate, Digest: digest, RecordedIn: stored.TxID})
			return nil
		}
		t.answer(wire.Answer{Status: ledger.StatusRecorded, Digest: digest})
		told := t.models()
		told.Chunks = append(told.Chunks, digest)
		return t.repository.CreateChunk(wire.StoredChunk{Bytes: chunk, TxID: t.ID})
	})
}

// SnapshotDatasets freezes a wire.DatasetBatch and answers each snapshot for itself. It needs the role
// modeller.
func (c *Model) SnapshotDatasets(ctx contractapi.TransactionContextInterface, batch []byte) ([]byte, error) {
	t, err := begin(ctx, c.clock, ledger.RoleModeller)
	if err != nil {
		return nil, coded(err)
	}
	in, err := wire.DecodeDatasetBatch(batch)
	if err != nil {
		return nil, coded(err)
	}
	return inputs(t, in.Datasets, wire.DatasetDigest, ledger.CheckDataset, func(d ledger.DatasetSnapshot, digest ledger.Digest) error {
		recorded, err := t.repository.Dataset(d.ID, d.Version)
		if err != nil {
			return err
		}
		previous, err := t.repository.Dataset(d.ID, d.Version-1)
		if err != nil {
			return err
		}
		snapshot, status, err := ledger.DecideDataset(d, recorded, previous, t.Tx)
		if err != nil {
			return err
		}
		if status == ledger.StatusDuplicate {
			t.answer(wire.Answer{Status: status, Digest: digest, RecordedIn: snapshot.TxID})
			return nil
		}
		t.answer(wire.Answer{Status: status, Digest: digest})
		told := t.models()
		told.Datasets = append(told.Datasets, wire.DatasetKeyRef{ID: d.ID, Version: d.Version})
		return t.repository.CreateDataset(snapshot)
	})
}

// Submit records a wire.ModelBatch and answers each version for itself. It needs the role modeller, and the
// artefact's chunks on the ledger.
func (c *Model) Submit(ctx contractapi.TransactionContextInterface, batch []byte) ([]byte, error) {
	t, err := begin(ctx, c.clock, ledger.RoleModeller)
	if err != nil {
		return nil, coded(err)
	}
	in, err := wire.DecodeModelBatch(batch)
	if err != nil {
		return nil, coded(err)
	}
	return inputs(t, in.Models, wire.ModelDigest, ledger.CheckModel, func(m ledger.ModelVersion, digest ledger.Digest) error {
		recorded, err := t.repository.Model(m.Ref())
		if err != nil {
			return err
		}
		if recorded == nil {
			if _, err = t.repository.Artefact(m); err != nil {
				return err
			}
		}
		decision, err := ledger.DecideModel(m, recorded, t.repository, t.Tx)
		if err != nil {
			return err
		}
		if decision.Status == ledger.StatusDuplicate {
			t.answer(wire.Answer{Status: decision.Status, Digest: digest, RecordedIn: decision.Model.TxID})
			return nil
		}
		t.answer(wire.Answer{Status: decision.Status, Digest: digest})
		told := t.models()
		told.Models = append(told.Models, m.Ref())
		if err = t.repository.CreateModel(decision.Model); err != nil {
			return err
		}
		return t.putStanding(ledger.GuardedStatus{Status: decision.Standing, Endorsers: decision.Endorsers})
	})
}

// putStanding changes how a version stands, to be endorsed by two of those who may.
func (t *transaction) putStanding(s ledger.GuardedStatus) error {
	policy, err := endorsedBy(ledger.MinApprovals, s.Endorsers)
	if err != nil {
		return err
	}
	told := t.models()
	if !slices.Contains(told.Statuses, s.Status.Model) {
		told.Statuses = append(told.Statuses, s.Status.Model)
	}
	return t.repository.PutModelStatus(s.Status, policy)
}

// endorsedBy is a key-level endorsement policy: peers of n of the organisations.
func endorsedBy(n int, organisations []string) ([]byte, error) {
	if n < 1 || n > len(organisations) {
		return nil, fmt.Errorf("%d endorsements of %d organisations", n, len(organisations))
	}
	marshal := proto.MarshalOptions{Deterministic: true}
	policy := &common.SignaturePolicyEnvelope{}
	rules := make([]*common.SignaturePolicy, len(organisations))
	for i, org := range organisations {
		role, err := marshal.Marshal(&msp.MSPRole{Role: msp.MSPRole_PEER, MspIdentifier: org})
		if err != nil {
			return nil, fmt.Errorf("endorsement policy: %w", err)
		}
		policy.Identities = append(policy.Identities, &msp.MSPPrincipal{PrincipalClassification: msp.MSPPrincipal_ROLE, Principal: role})
		rules[i] = &common.SignaturePolicy{Type: &common.SignaturePolicy_SignedBy{SignedBy: int32(i)}}
	}
	policy.Rule = &common.SignaturePolicy{Type: &common.SignaturePolicy_NOutOf_{
		NOutOf: &common.SignaturePolicy_NOutOf{N: int32(n), Rules: rules}, //nolint:gosec // n is at most their number
	}}
	out, err := marshal.Marshal(policy)
	if err != nil {
		return nil, fmt.Errorf("endorsement policy: %w", err)
	}
	return out, nil
}

// Evaluate records a wire.EvaluationBatch and answers each evaluation for itself. It needs the role modeller.
func (c *Model) Evaluate(ctx contractapi.TransactionContextInterface, batch []byte) ([]byte, error) {
	t, err := begin(ctx, c.clock, ledger.RoleModeller)
	if err != nil {
		return nil, coded(err)
	}
	in, err := wire.DecodeEvaluationBatch(batch)
	if err != nil {
		return nil, coded(err)
	}
	return inputs(t, in.Evaluations, wire.EvaluationDigest, ledger.CheckEvaluation, func(e ledger.Evaluation, digest ledger.Digest) error {
		decision, err := ledger.DecideEvaluation(e, t.repository, t.Tx)
		if err != nil {
			return err
		}
		if decision.Status == ledger.StatusDuplicate {
			t.answer(wire.Answer{Status: decision.Status, Digest: digest, RecordedIn: decision.Evaluation.TxID})
			return nil
		}
		if decision.Standing != nil {
			m := ledger.GuardedStatus{Status: *decision.Standing}
			if m.Endorsers, err = ledger.EndorsersOf(m.Status, t.repository); err != nil {
				return err
			}
			if err = t.putStanding(m); err != nil {
				return err
			}
		}
		t.answer(wire.Answer{Status: decision.Status, Digest: digest})
		told := t.models()
		told.Evaluations = append(told.Evaluations, decision.Evaluation.Ref())
		return t.repository.CreateEvaluation(decision.Evaluation)
	})
}

// Govern puts a wire.ModelMotionBatch and answers each motion for itself. It needs the role steward.
// ledger.DecideModelMotion says what it takes; a motion that waits for more votes is recorded, and its
// answer says whose it has.
func (c *Model) Govern(ctx contractapi.TransactionContextInterface, batch []byte) ([]byte, error) {
	t, err := begin(ctx, c.clock, ledger.RoleSteward)
	if err != nil {
		return nil, coded(err)
	}
	in, err := wire.DecodeModelMotionBatch(batch)
	if err != nil {
		return nil, coded(err)
	}
	return inputs(t, in.Motions, wire.ModelMotionDigest, ledger.CheckModelMotion, t.governModel)
}

func (t *transaction) governModel(m ledger.ModelMotion, subject ledger.Digest) error {
	decision, err := ledger.DecideModelMotion(m, subject, t.repository, t.Tx)
	if err != nil {
		return err
	}
	answer := wire.Answer{Status: decision.Status, Digest: subject, Message: waits(decision.Tally)}
	if decision.Status == ledger.StatusDuplicate {
		answer.RecordedIn, err = t.motionIn(ledger.MotionDecision{In: decision.In}, subject)
		if err == nil {
			t.answer(answer)
		}
		return err
	}
	t.answer(answer)
	if decision.Tally != nil {
		if err = t.vote(decision.Tally.Vote); err != nil {
			return err
		}
	}
	return t.applyModel(decision)
}

// applyModel writes what a decision changed and tells it.
func (t *transaction) applyModel(d ledger.ModelDecision) error {
	told := t.models()
	if d.Policy != nil {
		told.Policies = append(told.Policies, d.Policy.Version)
		if err := t.repository.PutModelPolicy(*d.Policy); err != nil {
			return err
		}
	}
	if d.Approval != nil {
		told.Approvals = append(told.Approvals, wire.ApprovalRef{Model: d.Approval.Model, MSPID: d.Approval.MSPID})
		if err := t.repository.CreateApproval(*d.Approval); err != nil {
			return err
		}
	}
	if d.Revocation != nil {
		told.Revocations = append(told.Revocations, d.Revocation.Artefact)
		if err := t.repository.CreateRevocation(*d.Revocation); err != nil {
			return err
		}
	}
	for _, s := range d.Standings {
		if err := t.putStanding(s); err != nil {
			return err
		}
	}
	if d.Owner != nil {
		if err := t.repository.CreateModelOwner(*d.Owner); err != nil {
			return err
		}
	}
	if d.Alias == nil && d.Admission == nil {
		return nil
	}
	policy, err := endorsedBy(ledger.MinApprovals, d.Guards)
	if err != nil {
		return err
	}
	if d.Admission != nil {
		told.Admissions = append(told.Admissions, d.Admission.Artefact)
		if err = t.repository.PutAdmission(*d.Admission, policy); err != nil {
			return err
		}
	}
	if d.Alias == nil {
		return nil
	}
	told.Aliases = append(told.Aliases, wire.AliasRef{Class: d.Alias.Class, Generation: d.Alias.Generation})
	return t.repository.PutAlias(*d.Alias, policy)
}

// GetChunk gives a part of an artefact as it is, by its digest in hexadecimal.
func (*Model) GetChunk(ctx contractapi.TransactionContextInterface, digest string) ([]byte, error) {
	name, err := ledger.ParseDigest(digest)
	if err != nil {
		return nil, coded(err)
	}
	chunk, err := state.New(ctx.GetStub()).Chunk(name)
	if err == nil && chunk == nil {
		err = fmt.Errorf("%w: chunk %s", ledger.ErrUnknown, name)
	}
	if err != nil {
		return nil, coded(err)
	}
	return chunk.Bytes, nil
}

// GetDataset gives the ledger.DatasetSnapshot that is named "id/version".
func (*Model) GetDataset(ctx contractapi.TransactionContextInterface, name string) ([]byte, error) {
	id, version, err := ledger.ParseDatasetName(name)
	if err != nil {
		return nil, coded(err)
	}
	found, err := state.New(ctx.GetStub()).Dataset(id, version)
	return one(found, err, "data set %.200s", name)
}

// GetModel gives the wire.StoredModel that is named "id/version", or, once it is approved, as verdicts name it, "id@digest".
func (*Model) GetModel(ctx contractapi.TransactionContextInterface, name string) ([]byte, error) {
	repository := state.New(ctx.GetStub())
	found, err := storedModel(repository, name)
	if err != nil {
		return nil, coded(err)
	}
	out, err := wire.Encode(found)
	return out, coded(err)
}

func storedModel(r *state.Repository, name string) (wire.StoredModel, error) {
	var out wire.StoredModel
	ref, err := modelNamed(r, name)
	if err != nil {
		return out, err
	}
	m, err := r.Model(ref)
	if err == nil && m == nil {
		err = fmt.Errorf("%w: model %s", ledger.ErrUnknown, ref)
	}
	if err != nil {
		return out, err
	}
	status, err := r.ModelStatus(ref)
	if err == nil && status == nil {
		err = fmt.Errorf("%w: the standing of %s", ledger.ErrUnknown, ref)
	}
	if err != nil {
		return out, err
	}
	out.Version, out.Status = *m, *status
	if out.Revocation, err = r.Revocation(m.Artefact); err != nil {
		return out, err
	}
	for _, org := range status.Approvers {
		approval, err := r.Approval(ref, org)
		if err != nil {
			return out, err
		}
		if approval != nil {
			out.Approvals = append(out.Approvals, *approval)
		}
	}
	slices.SortFunc(out.Approvals, func(a, b ledger.Approval) int { return cmp.Compare(a.MSPID, b.MSPID) })
	return out, nil
}

func modelNamed(r *state.Repository, name string) (ledger.ModelRef, error) {
	id, artefact, ok := ledger.ArtefactOf(name)
	if !ok {
		return ledger.ParseModelRef(name)
	}
	admission, err := r.Admission(artefact)
	if err == nil && (admission == nil || admission.Model.ID != id) {
		err = fmt.Errorf("%w: model %.200s", ledger.ErrUnknown, name)
	}
	if err != nil {
		return ledger.ModelRef{}, err
	}
	return admission.Model, nil
}

// GetEvaluation gives the ledger.Evaluation of a model "id/version" by an organisation on a data set
// "id/version".
func (*Model) GetEvaluation(ctx contractapi.TransactionContextInterface, model, mspID, dataset string) ([]byte, error) {
	ref, err := ledger.ParseModelRef(model)
	if err != nil {
		return nil, coded(err)
	}
	found, err := state.New(ctx.GetStub()).Evaluation(ledger.EvaluationRef{Model: ref, MSPID: mspID, Dataset: dataset})
	return one(found, err, "an evaluation of %s by %.100s on %.200s", ref, mspID, dataset)
}

// GetAlias gives the ledger.Alias of a product class, the version that serves it.
func (*Model) GetAlias(ctx contractapi.TransactionContextInterface, class string) ([]byte, error) {
	found, err := state.New(ctx.GetStub()).Alias(class)
	return one(found, err, "a model that serves %.200s", class)
}

// GetPolicy gives a version of the ledger.ModelPolicy, in decimal; with "" the one in force.
func (*Model) GetPolicy(ctx contractapi.TransactionContextInterface, version string) ([]byte, error) {
	repository := state.New(ctx.GetStub())
	if version == "" {
		found, err := repository.ModelPolicy()
		return one(found, err, "a model policy in force")
	}
	n, err := strconv.ParseUint(version, 10, 32)
	if err != nil {
		return nil, coded(fmt.Errorf("%w: version %.40q", ledger.ErrMalformed, version))
	}
	found, err := repository.ModelPolicyVersion(uint32(n))
	return one(found, err, "version %d of the model policy", n)
}
