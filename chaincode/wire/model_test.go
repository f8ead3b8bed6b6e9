package wire_test

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

func encoded[T wire.ChunkBatch | wire.DatasetBatch | wire.ModelBatch | wire.EvaluationBatch | wire.ModelMotionBatch | wire.StoredChunk |
	ledger.DatasetSnapshot | ledger.ModelVersion | ledger.ModelStatus | ledger.Evaluation | ledger.Approval | ledger.Alias | ledger.Revocation | ledger.ModelPolicy | ledger.Admission | wire.Summary](t fatal, v T,
) []byte {
	t.Helper()
	data, err := wire.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

type fatal interface {
	Helper()
	Fatal(...any)
}

func modelMotions() []ledger.ModelMotion {
	m, least := ledger.ModelRef{ID: "m", Version: 1}, int64(900_000)
	return []ledger.ModelMotion{
		{Policy: &ledger.ModelPolicy{Version: 1, Approvals: 2, Gates: []ledger.Gate{{Metric: "recall", AtLeast: &least}}}},
		{Approve: &ledger.ApproveModel{Model: m, Evaluation: ledger.EvaluationRef{Model: m, MSPID: "A", Dataset: "d/1"}}},
		{Promote: &ledger.PromoteModel{Model: m, Class: "*"}},
		{Rollback: &ledger.RollbackAlias{From: m, Class: "*"}},
		{Deprecate: &ledger.DeprecateModel{Model: m}},
		{Revoke: &ledger.RevokeModel{Model: m, Reason: "x"}},
	}
}

func modelBatches(t fatal) [][]byte {
	t.Helper()
	parent := ledger.ModelRef{ID: "m", Version: 1}
	return [][]byte{
		encoded(t, wire.ChunkBatch{Chunks: [][]byte{{1, 2}}}),
		encoded(t, wire.DatasetBatch{Datasets: []ledger.DatasetSnapshot{{ID: "d", Version: 1, Root: digest(1), Query: "q"}}}),
		encoded(t, wire.ModelBatch{Models: []ledger.ModelVersion{{
			ID: "m", Version: 2, Artefact: digest(1), Chunks: []ledger.Digest{digest(2)}, Training: []ledger.DatasetRef{{ID: "d", Version: 1, Root: digest(3)}},
			Code:       ledger.TrainingCode{Module: "x", Sums: []ledger.ModuleSum{{Path: "p", Version: "v", Sum: "h1:"}}},
			Parameters: []ledger.Hyperparameter{{Name: "a", Value: "1"}}, Thresholds: []ledger.Metric{{Name: "t", Value: -1}}, Products: []string{"*"}, Parent: &parent,
		}}}),
		encoded(t, wire.EvaluationBatch{Evaluations: []ledger.Evaluation{{Model: parent, Metrics: []ledger.Metric{{Name: "a"}}}}}),
		encoded(t, wire.ModelMotionBatch{Motions: modelMotions()}),
	}
}

func TestBatchesOfModelsAreBounded(t *testing.T) {
	for name, err := range map[string]error{
		"no chunks":   second(wire.DecodeChunkBatch(encoded(t, wire.ChunkBatch{Chunks: [][]byte{}}))),
		"chunks":      second(wire.DecodeChunkBatch(encoded(t, wire.ChunkBatch{Chunks: make([][]byte, ledger.MaxArtefactChunks+1)}))),
		"data sets":   second(wire.DecodeDatasetBatch(encoded(t, wire.DatasetBatch{Datasets: make([]ledger.DatasetSnapshot, ledger.MaxBatchDatasets+1)}))),
		"models":      second(wire.DecodeModelBatch(encoded(t, wire.ModelBatch{Models: make([]ledger.ModelVersion, ledger.MaxBatchModels+1)}))),
		"evaluations": second(wire.DecodeEvaluationBatch(encoded(t, wire.EvaluationBatch{Evaluations: make([]ledger.Evaluation, ledger.MaxBatchEvaluations+1)}))),
		"motions":     second(wire.DecodeModelMotionBatch(encoded(t, wire.ModelMotionBatch{Motions: make([]ledger.ModelMotion, ledger.MaxBatchModelMotions+1)}))),
	} {
		if !errors.Is(err, ledger.ErrTooLarge) && !errors.Is(err, ledger.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// Those who ask for the same vote for the same, whatever their reasons.
func TestMotionsOnModelsAreNamedByWhatTheyAsk(t *testing.T) {
	seen := map[ledger.Digest]bool{}
	for _, m := range modelMotions() {
		d, err := wire.ModelMotionDigest(m)
		if err != nil || seen[d] {
			t.Fatal(m.Kind(), err)
		}
		seen[d] = true
		if m.Revoke != nil {
			other := ledger.ModelMotion{Revoke: &ledger.RevokeModel{Model: m.Revoke.Model, Reason: "another"}}
			if again, err := wire.ModelMotionDigest(other); err != nil || again != d {
				t.Error(again, err)
			}
		}
	}
}

func TestTransactionsTellOfModels(t *testing.T) {
	d, m := digest(1), ledger.ModelRef{ID: "m", Version: 2}
	chunk := []byte("chunk")
	e := ledger.Evaluation{Model: m, MSPID: "A", Dataset: ledger.DatasetRef{ID: "d", Version: 3}}
	put := name(t)
	writes := map[string][]byte{
		put(wire.DatasetKey("d", 3)):           encoded(t, ledger.DatasetSnapshot{ID: "d", Version: 3}),
		put(wire.ModelKey(m)):                  encoded(t, ledger.ModelVersion{ID: "m", Version: 2}),
		put(wire.ModelStatusKey(m)):            encoded(t, ledger.ModelStatus{Model: m}),
		wire.AdmissionKey(d):                   encoded(t, ledger.Admission{Artefact: d}),
		put(wire.EvaluationKey(e.Ref())):       encoded(t, e),
		put(wire.ApprovalKey(m, "A")):          encoded(t, ledger.Approval{Model: m, MSPID: "A"}),
		put(wire.AliasPastKey("*", 7)):         encoded(t, ledger.Alias{Class: "*", Generation: 7}),
		wire.RevocationKey(d):                  encoded(t, ledger.Revocation{Artefact: d}),
		wire.ModelPolicyVersionKey(4):          encoded(t, ledger.ModelPolicy{Version: 4}),
		wire.ChunkKey(wire.ChunkDigest(chunk)): encoded(t, wire.StoredChunk{Bytes: chunk, TxID: "tx"}),
	}
	summary := encoded(t, wire.Summary{Models: &wire.ModelSummary{
		Datasets: []wire.DatasetKeyRef{{ID: "d", Version: 3}}, Models: []ledger.ModelRef{m}, Statuses: []ledger.ModelRef{m},
		Evaluations: []ledger.EvaluationRef{e.Ref()}, Approvals: []wire.ApprovalRef{{Model: m, MSPID: "A"}}, Aliases: []wire.AliasRef{{Class: "*", Generation: 7}},
		Revocations: []ledger.Digest{d}, Policies: []uint32{4}, Chunks: []ledger.Digest{wire.ChunkDigest(chunk)}, Admissions: []ledger.Digest{d},
	}})
	tx, err := wire.ReadTransaction(summary, maps.All(writes))
	if err != nil {
		t.Fatal(err)
	}
	got := tx.Models
	if len(got.Datasets) != 1 || len(got.Models) != 1 || len(got.Statuses) != 1 || len(got.Evaluations) != 1 || len(got.Approvals) != 1 ||
		len(got.Aliases) != 1 || len(got.Revocations) != 1 || len(got.Policies) != 1 || len(got.Chunks) != 1 || len(got.Admissions) != 1 {
		t.Errorf("%+v", got)
	}
	for _, key := range slices.Collect(maps.Keys(writes)) {
		less := maps.Clone(writes)
		delete(less, key)
		if _, err := wire.ReadTransaction(summary, maps.All(less)); !errors.Is(err, ledger.ErrMalformed) {
			t.Errorf("without %q: %v", key, err)
		}
	}
	writes[wire.ChunkKey(wire.ChunkDigest(chunk))] = encoded(t, wire.StoredChunk{Bytes: []byte("other"), TxID: "tx"})
	if _, err := wire.ReadTransaction(summary, maps.All(writes)); !errors.Is(err, ledger.ErrMalformed) {
		t.Error(err)
	}
}

func FuzzDecodeModels(f *testing.F) {
	for _, data := range modelBatches(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		again := func(v []byte) {
			if !bytes.Equal(v, data) {
				t.Fatalf("%x, then %x", data, v)
			}
		}
		if b, err := wire.DecodeChunkBatch(data); err == nil {
			again(encoded(t, b))
		}
		if b, err := wire.DecodeDatasetBatch(data); err == nil {
			again(encoded(t, b))
			for _, d := range b.Datasets {
				_ = ledger.CheckDataset(d)
			}
		}
		if b, err := wire.DecodeModelBatch(data); err == nil {
			again(encoded(t, b))
			for _, m := range b.Models {
				_ = ledger.CheckModel(m)
			}
		}
		if b, err := wire.DecodeEvaluationBatch(data); err == nil {
			again(encoded(t, b))
			for _, e := range b.Evaluations {
				_ = ledger.CheckEvaluation(e)
			}
		}
		if b, err := wire.DecodeModelMotionBatch(data); err == nil {
			again(encoded(t, b))
			for _, m := range b.Motions {
				if _, err := wire.ModelMotionDigest(m); err != nil {
					t.Fatal(err)
				}
				_ = ledger.CheckModelMotion(m)
			}
		}
	})
}
