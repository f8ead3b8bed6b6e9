package state

import (
	"errors"
	"fmt"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// A Repository is a ledger.ModelLedger.
var _ ledger.ModelLedger = (*Repository)(nil)

// storedModel is a type of the model contract that lies under a key as it is.
type storedModel interface {
	ledger.DatasetSnapshot | ledger.ModelVersion | ledger.ModelStatus | ledger.Revocation | ledger.Evaluation |
		ledger.Approval | ledger.Alias | ledger.ModelPolicy | wire.StoredChunk | ledger.Admission | ledger.ModelOwner
}

// Dataset gives a snapshot, nil if it was not submitted.
func (r *Repository) Dataset(id string, version uint32) (*ledger.DatasetSnapshot, error) {
	return named[ledger.DatasetSnapshot](r, func() (string, error) { return wire.DatasetKey(id, version) })
}

// CreateDataset records a snapshot.
func (r *Repository) CreateDataset(d ledger.DatasetSnapshot) error {
	return create(r, d, func() (string, error) { return wire.DatasetKey(d.ID, d.Version) })
}

// Model gives a version of a model, nil if it was not submitted.
func (r *Repository) Model(ref ledger.ModelRef) (*ledger.ModelVersion, error) {
	return named[ledger.ModelVersion](r, func() (string, error) { return wire.ModelKey(ref) })
}

// CreateModel records a version of a model.
func (r *Repository) CreateModel(m ledger.ModelVersion) error {
	return create(r, m, func() (string, error) { return wire.ModelKey(m.Ref()) })
}

// Chunk gives a part of an artefact, nil if it is not stored. What is stored under another's digest is
// damaged.
func (r *Repository) Chunk(digest ledger.Digest) (*wire.StoredChunk, error) {
	key := wire.ChunkKey(digest)
	chunk, err := load[wire.StoredChunk](r, key)
	if err == nil && chunk != nil && wire.ChunkDigest(chunk.Bytes) != digest {
		return nil, damaged(key, errors.New("the digest is another"))
	}
	return chunk, err
}

// CreateChunk stores a part of an artefact.
func (r *Repository) CreateChunk(chunk wire.StoredChunk) error {
	return store(r, wire.ChunkKey(wire.ChunkDigest(chunk.Bytes)), chunk)
}

// Artefact gives the artefact of a version, held to its digest.
func (r *Repository) Artefact(m ledger.ModelVersion) ([]byte, error) {
	keys := make([]string, len(m.Chunks))
	for i, digest := range m.Chunks {
		keys[i] = wire.ChunkKey(digest)
	}
	if err := r.Prefetch(keys); err != nil {
		return nil, err
	}
	return ledger.JoinArtefact(m, func(digest ledger.Digest) ([]byte, error) {
		chunk, err := r.Chunk(digest)
		if err != nil || chunk == nil {
			return nil, err
		}
		return chunk.Bytes, nil
	})
}

// ModelStatus gives how a version stands, nil if it was not submitted.
func (r *Repository) ModelStatus(ref ledger.ModelRef) (*ledger.ModelStatus, error) {
	return named[ledger.ModelStatus](r, func() (string, error) { return wire.ModelStatusKey(ref) })
}

// PutModelStatus changes how a version stands. policy is the key's own endorsement policy from then on.
func (r *Repository) PutModelStatus(s ledger.ModelStatus, policy []byte) error {
	key, err := wire.ModelStatusKey(s.Model)
	if err != nil {
		return err
	}
	r.keys.endorse(key, policy)
	return replace(r, key, s)
}

// Admission gives as which version an artefact was approved, nil if as none.
func (r *Repository) Admission(artefact ledger.Digest) (*ledger.Admission, error) {
	return load[ledger.Admission](r, wire.AdmissionKey(artefact))
}

// PutAdmission changes as what an artefact is approved. policy is the key's own endorsement policy from then on.
func (r *Repository) PutAdmission(a ledger.Admission, policy []byte) error {
	key := wire.AdmissionKey(a.Artefact)
	r.keys.endorse(key, policy)
	return replace(r, key, a)
}

// ModelOwner gives whose a model is, nil if no version of it was ever approved.
func (r *Repository) ModelOwner(id string) (*ledger.ModelOwner, error) {
	return named[ledger.ModelOwner](r, func() (string, error) { return wire.ModelOwnerKey(id) })
}

// CreateModelOwner records whose a model is.
func (r *Repository) CreateModelOwner(o ledger.ModelOwner) error {
	return create(r, o, func() (string, error) { return wire.ModelOwnerKey(o.ID) })
}

// Revocation gives that of an artefact, nil if it was not revoked.
func (r *Repository) Revocation(artefact ledger.Digest) (*ledger.Revocation, error) {
	return load[ledger.Revocation](r, wire.RevocationKey(artefact))
}

// CreateRevocation records a revocation.
func (r *Repository) CreateRevocation(v ledger.Revocation) error {
	return store(r, wire.RevocationKey(v.Artefact), v)
}

// ModelPolicy gives the model policy in force, nil if none is.
func (r *Repository) ModelPolicy() (*ledger.ModelPolicy, error) {
	return load[ledger.ModelPolicy](r, wire.ModelPolicyKey())
}

// ModelPolicyVersion gives a version of the model policy, nil if it never came in force.
func (r *Repository) ModelPolicyVersion(version uint32) (*ledger.ModelPolicy, error) {
	return load[ledger.ModelPolicy](r, wire.ModelPolicyVersionKey(version))
}

// PutModelPolicy puts a version of the model policy in force.
func (r *Repository) PutModelPolicy(p ledger.ModelPolicy) error {
	if err := store(r, wire.ModelPolicyVersionKey(p.Version), p); err != nil {
		return err
	}
	return replace(r, wire.ModelPolicyKey(), p)
}

// Evaluation gives an evaluation, nil if it was not submitted.
func (r *Repository) Evaluation(ref ledger.EvaluationRef) (*ledger.Evaluation, error) {
	return named[ledger.Evaluation](r, func() (string, error) { return wire.EvaluationKey(ref) })
}

// CreateEvaluation records an evaluation.
func (r *Repository) CreateEvaluation(e ledger.Evaluation) error {
	return create(r, e, func() (string, error) { return wire.EvaluationKey(e.Ref()) })
}

// Approval gives an organisation's approval of a version, nil if it did not approve.
func (r *Repository) Approval(model ledger.ModelRef, mspID string) (*ledger.Approval, error) {
	return named[ledger.Approval](r, func() (string, error) { return wire.ApprovalKey(model, mspID) })
}

// CreateApproval records an approval.
func (r *Repository) CreateApproval(a ledger.Approval) error {
	return create(r, a, func() (string, error) { return wire.ApprovalKey(a.Model, a.MSPID) })
}

// Alias gives the version that serves a product class, nil if none does.
func (r *Repository) Alias(class string) (*ledger.Alias, error) {
	return named[ledger.Alias](r, func() (string, error) { return wire.AliasKey(class) })
}

// PutAlias lets a version serve a product class. policy is the key's own endorsement policy from then on.
func (r *Repository) PutAlias(a ledger.Alias, policy []byte) error {
	if err := create(r, a, func() (string, error) { return wire.AliasPastKey(a.Class, a.Generation) }); err != nil {
		return err
	}
	key, err := wire.AliasKey(a.Class)
	if err != nil {
		return err
	}
	r.keys.endorse(key, policy)
	return replace(r, key, a)
}

// create writes a fact under a key, which it reads first.
func create[T stored](r *Repository, v T, name func() (string, error)) error {
	key, err := name()
	if err != nil {
		return err
	}
	before, err := r.keys.get(key)
	if err != nil {
		return err
	}
	if before != nil {
		return fmt.Errorf("%w: %q", ErrExists, key)
	}
	return store(r, key, v)
}
