package wire

import (
	"crypto/sha256"
	"fmt"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// The model contract's transaction functions.
const (
	FnStoreChunks      = "model:StoreChunks"
	FnSnapshotDatasets = "model:SnapshotDatasets"
	FnSubmitModels     = "model:Submit"
	FnEvaluateModels   = "model:Evaluate"
	FnGovernModels     = "model:Govern"
	FnGetChunk         = "model:GetChunk"
	FnGetDataset       = "model:GetDataset"
	FnGetModel         = "model:GetModel"
	FnGetEvaluation    = "model:GetEvaluation"
	FnGetAlias         = "model:GetAlias"
	FnGetModelPolicy   = "model:GetPolicy"
)

// The kinds of keys of the model contract.
const (
	KindDataset         Kind = "dataset"         // id, version → ledger.DatasetSnapshot
	KindModel           Kind = "model"           // id, version → ledger.ModelVersion
	KindChunk           Kind = "chunk"           // digest → StoredChunk
	KindModelStatus     Kind = "modelstatus"     // id, version → ledger.ModelStatus
	KindModelOwner      Kind = "modelowner"      // id → ledger.ModelOwner
	KindAdmission       Kind = "admission"       // digest of the artefact → ledger.Admission
	KindRevocation      Kind = "revocation"      // digest of the artefact → ledger.Revocation
	KindEvaluation      Kind = "evaluation"      // model, version, MSP ID, data set, version → ledger.Evaluation
	KindApproval        Kind = "approval"        // model, version, MSP ID → ledger.Approval
	KindAlias           Kind = "alias"           // alias, product class → ledger.Alias in force
	KindAliasPast       Kind = "aliaspast"       // alias, product class, generation → ledger.Alias
	KindModelPolicy     Kind = "modelpolicy"     // → ledger.ModelPolicy in force
	KindModelPolicyPast Kind = "modelpolicypast" // version → ledger.ModelPolicy
)

// ChunkBatch is the argument of StoreChunks: parts of artefacts, which their digests name.
type ChunkBatch struct {
	Chunks [][]byte `cbor:"1,keyasint"`
}

// StoredChunk is a part of an artefact as it lies on the ledger.
type StoredChunk struct {
	Bytes []byte `cbor:"1,keyasint"`
	TxID  string `cbor:"2,keyasint"` // that stored it first
}

// DatasetBatch is the argument of SnapshotDatasets.
type DatasetBatch struct {
	Datasets []ledger.DatasetSnapshot `cbor:"1,keyasint"`
}

// ModelBatch is the argument of Submit. The chunks of the artefacts are stored before.
type ModelBatch struct {
	Models []ledger.ModelVersion `cbor:"1,keyasint"`
}

// EvaluationBatch is the argument of Evaluate.
type EvaluationBatch struct {
	Evaluations []ledger.Evaluation `cbor:"1,keyasint"`
}

// ModelMotionBatch is the argument of model:Govern.
type ModelMotionBatch struct {
	Motions []ledger.ModelMotion `cbor:"1,keyasint"`
}

// StoredModel is what GetModel returns: a version and how it stands.
type StoredModel struct {
	Version    ledger.ModelVersion `cbor:"1,keyasint"`
	Status     ledger.ModelStatus  `cbor:"2,keyasint"`
	Revocation *ledger.Revocation  `cbor:"3,keyasint,omitempty"`
	Approvals  []ledger.Approval   `cbor:"4,keyasint,omitempty"` // by MSP ID
}

// State is how the version stands, revoked if it was.
func (m StoredModel) State() ledger.ModelState {
	if m.Revocation != nil {
		return ledger.ModelRevoked
	}
	return m.Status.State
}

// DatasetKeyRef names a snapshot.
type DatasetKeyRef struct {
	ID      string `cbor:"1,keyasint"`
	Version uint32 `cbor:"2,keyasint"`
}

// ApprovalRef names an approval.
type ApprovalRef struct {
	Model ledger.ModelRef `cbor:"1,keyasint"`
	MSPID string          `cbor:"2,keyasint"`
}

// AliasRef names a version of an alias.
type AliasRef struct {
	Class      string `cbor:"1,keyasint"`
	Generation uint32 `cbor:"2,keyasint"`
}

// ModelSummary names what a transaction did with models.
type ModelSummary struct {
	Datasets    []DatasetKeyRef        `cbor:"1,keyasint,omitempty"`
	Models      []ledger.ModelRef      `cbor:"2,keyasint,omitempty"`
	Statuses    []ledger.ModelRef      `cbor:"3,keyasint,omitempty"`
	Evaluations []ledger.EvaluationRef `cbor:"4,keyasint,omitempty"`
	Approvals   []ApprovalRef          `cbor:"5,keyasint,omitempty"`
	Aliases     []AliasRef             `cbor:"6,keyasint,omitempty"`
	Revocations []ledger.Digest        `cbor:"7,keyasint,omitempty"` // artefacts
	Policies    []uint32               `cbor:"8,keyasint,omitempty"`
	Chunks      []ledger.Digest        `cbor:"9,keyasint,omitempty"`
	Admissions  []ledger.Digest        `cbor:"10,keyasint,omitempty"` // artefacts
}

// ModelRecords are what a transaction did with models.
type ModelRecords struct {
	Datasets    []ledger.DatasetSnapshot
	Models      []ledger.ModelVersion
	Statuses    []ledger.ModelStatus
	Evaluations []ledger.Evaluation
	Approvals   []ledger.Approval
	Aliases     []ledger.Alias
	Revocations []ledger.Revocation
	Policies    []ledger.ModelPolicy
	Chunks      []StoredChunk
	Admissions  []ledger.Admission
}

// modelMessage is a type of the model contract with an encoding.
type modelMessage interface {
	ChunkBatch | DatasetBatch | ModelBatch | EvaluationBatch | ModelMotionBatch | StoredModel | StoredChunk |
		ledger.DatasetSnapshot | ledger.ModelVersion | ledger.ModelStatus | ledger.Revocation | ledger.Evaluation |
		ledger.Approval | ledger.Alias | ledger.ModelPolicy | ledger.ModelMotion | ledger.Admission | ledger.ModelOwner
}

// Governed is a type that consumers of the block stream keep as it is encoded: what organisations govern.
type Governed interface {
	ledger.CreditAccount | ledger.Stake | ledger.CreditPolicy | ledger.Outcome | ledger.Vote |
		ledger.DatasetSnapshot | ledger.ModelVersion | ledger.ModelStatus | ledger.Evaluation | ledger.Approval | ledger.Alias |
		ledger.Revocation | ledger.ModelPolicy | StoredChunk | ledger.Scorer | ledger.ScoringPolicy
}

// DatasetKey is the key of a snapshot.
func DatasetKey(id string, version uint32) (string, error) {
	return Key(KindDataset, id, padded(uint64(version), versionDigits))
}

// ModelKey is the key of a version of a model.
func ModelKey(ref ledger.ModelRef) (string, error) {
	return Key(KindModel, ref.ID, padded(uint64(ref.Version), versionDigits))
}

// ChunkKey is the key of a part of an artefact.
func ChunkKey(digest ledger.Digest) string { return hashKey(KindChunk, digest.String()) }

// ModelStatusKey is the key of how a version stands.
func ModelStatusKey(ref ledger.ModelRef) (string, error) {
	return Key(KindModelStatus, ref.ID, padded(uint64(ref.Version), versionDigits))
}

// ModelOwnerKey is the key of whose a model is.
func ModelOwnerKey(id string) (string, error) { return Key(KindModelOwner, id) }

// AdmissionKey is the key of the version as which an artefact was approved.
func AdmissionKey(artefact ledger.Digest) string { return hashKey(KindAdmission, artefact.String()) }

// RevocationKey is the key of the revocation of an artefact.
func RevocationKey(artefact ledger.Digest) string { return hashKey(KindRevocation, artefact.String()) }

// EvaluationKey is the key of an evaluation.
func EvaluationKey(ref ledger.EvaluationRef) (string, error) {
	id, version, err := ledger.ParseDatasetName(ref.Dataset)
	if err != nil {
		return "", err
	}
	return Key(KindEvaluation, ref.Model.ID, padded(uint64(ref.Model.Version), versionDigits), ref.MSPID, id, padded(uint64(version), versionDigits))
}

// ApprovalKey is the key of an organisation's approval.
func ApprovalKey(model ledger.ModelRef, mspID string) (string, error) {
	return Key(KindApproval, model.ID, padded(uint64(model.Version), versionDigits), mspID)
}

// AliasKey is the key of the version that serves a product class.
func AliasKey(class string) (string, error) { return Key(KindAlias, ledger.AliasProduction, class) }

// AliasPastKey is the key of a generation of an alias.
func AliasPastKey(class string, generation uint32) (string, error) {
	return Key(KindAliasPast, ledger.AliasProduction, class, padded(uint64(generation), versionDigits))
}

// ModelPolicyKey is the key of the model policy in force.
func ModelPolicyKey() string { return "\x00" + string(KindModelPolicy) + "\x00" }

// ModelPolicyVersionKey is the key of a version of the model policy.
func ModelPolicyVersionKey(version uint32) string {
	return hashKey(KindModelPolicyPast, padded(uint64(version), versionDigits))
}

// StandingKeys are what ledger.ModelBlocked reads of a model that verdicts name, "id@digest".
func StandingKeys(name string) []string {
	_, artefact, ok := ledger.ArtefactOf(name)
	if !ok {
		return []string{ModelPolicyKey()}
	}
	return []string{ModelPolicyKey(), AdmissionKey(artefact), RevocationKey(artefact)}
}

// DecodeChunkBatch reads the argument of StoreChunks.
func DecodeChunkBatch(data []byte) (ChunkBatch, error) {
	b, err := Decode[ChunkBatch](data, ledger.MaxArgumentBytes)
	if err == nil {
		err = bounded("chunks", len(b.Chunks), ledger.MaxArtefactChunks)
	}
	return b, err
}

// DecodeDatasetBatch reads the argument of SnapshotDatasets.
func DecodeDatasetBatch(data []byte) (DatasetBatch, error) {
	b, err := Decode[DatasetBatch](data, ledger.MaxArgumentBytes)
	if err == nil {
		err = bounded("data sets", len(b.Datasets), ledger.MaxBatchDatasets)
	}
	return b, err
}

// DecodeModelBatch reads the argument of Submit.
func DecodeModelBatch(data []byte) (ModelBatch, error) {
	b, err := Decode[ModelBatch](data, ledger.MaxArgumentBytes)
	if err == nil {
		err = bounded("models", len(b.Models), ledger.MaxBatchModels)
	}
	return b, err
}

// DecodeEvaluationBatch reads the argument of Evaluate.
func DecodeEvaluationBatch(data []byte) (EvaluationBatch, error) {
	b, err := Decode[EvaluationBatch](data, ledger.MaxArgumentBytes)
	if err == nil {
		err = bounded("evaluations", len(b.Evaluations), ledger.MaxBatchEvaluations)
	}
	return b, err
}

// DecodeModelMotionBatch reads the argument of model:Govern.
func DecodeModelMotionBatch(data []byte) (ModelMotionBatch, error) {
	b, err := Decode[ModelMotionBatch](data, ledger.MaxArgumentBytes)
	if err == nil {
		err = bounded("motions", len(b.Motions), ledger.MaxBatchModelMotions)
	}
	return b, err
}

// Prefixes that keep the digest of one thing from being that of another.
const (
	datasetPrefix     = "waybill data set\x00"
	modelPrefix       = "waybill model\x00"
	evaluationPrefix  = "waybill evaluation\x00"
	modelMotionPrefix = "waybill model motion\x00"
)

// ChunkDigest names a part of an artefact.
func ChunkDigest(chunk []byte) ledger.Digest { return sha256.Sum256(chunk) }

// DatasetDigest names a snapshot as its submitter states it.
func DatasetDigest(d ledger.DatasetSnapshot) (ledger.Digest, error) {
	return named(datasetPrefix, d.Stated())
}

// ModelDigest names a version as its submitter states it.
func ModelDigest(m ledger.ModelVersion) (ledger.Digest, error) {
	return named(modelPrefix, m.Stated())
}

// EvaluationDigest names an evaluation as its submitter states it.
func EvaluationDigest(e ledger.Evaluation) (ledger.Digest, error) {
	return named(evaluationPrefix, e.Stated())
}

// ModelMotionDigest names a motion as a steward states it.
func ModelMotionDigest(m ledger.ModelMotion) (ledger.Digest, error) {
	return named(modelMotionPrefix, m.Stated())
}

// models reads what a transaction did with models.
func (r *transactionReader) models(s *ModelSummary) (ModelRecords, error) {
	var out ModelRecords
	if s == nil {
		return out, nil
	}
	plain := func(key string) func() (string, error) { return func() (string, error) { return key, nil } }
	for _, ref := range s.Datasets {
		if err := add(&out.Datasets, *r, func() (string, error) { return DatasetKey(ref.ID, ref.Version) }); err != nil {
			return out, err
		}
	}
	for _, ref := range s.Models {
		if err := add(&out.Models, *r, func() (string, error) { return ModelKey(ref) }); err != nil {
			return out, err
		}
	}
	for _, ref := range s.Statuses {
		if err := add(&out.Statuses, *r, func() (string, error) { return ModelStatusKey(ref) }); err != nil {
			return out, err
		}
	}
	for _, artefact := range s.Admissions {
		if err := add(&out.Admissions, *r, plain(AdmissionKey(artefact))); err != nil {
			return out, err
		}
	}
	for _, ref := range s.Evaluations {
		if err := add(&out.Evaluations, *r, func() (string, error) { return EvaluationKey(ref) }); err != nil {
			return out, err
		}
	}
	for _, ref := range s.Approvals {
		if err := add(&out.Approvals, *r, func() (string, error) { return ApprovalKey(ref.Model, ref.MSPID) }); err != nil {
			return out, err
		}
	}
	for _, ref := range s.Aliases {
		if err := add(&out.Aliases, *r, func() (string, error) { return AliasPastKey(ref.Class, ref.Generation) }); err != nil {
			return out, err
		}
	}
	for _, artefact := range s.Revocations {
		if err := add(&out.Revocations, *r, plain(RevocationKey(artefact))); err != nil {
			return out, err
		}
	}
	for _, version := range s.Policies {
		if err := add(&out.Policies, *r, plain(ModelPolicyVersionKey(version))); err != nil {
			return out, err
		}
	}
	for _, digest := range s.Chunks {
		if err := add(&out.Chunks, *r, plain(ChunkKey(digest))); err != nil {
			return out, err
		}
		if ChunkDigest(out.Chunks[len(out.Chunks)-1].Bytes) != digest {
			return out, fmt.Errorf("%w: the chunk under %s is another", ledger.ErrMalformed, digest)
		}
	}
	return out, nil
}
