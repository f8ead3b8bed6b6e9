package submit

import (
	"context"
	"fmt"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Credits does operations on credits, with the outcomes that Events gives for events. Operations on one
// note are never in two transactions at once.
func (s *Submitter) Credits(ctx context.Context, operations []ledger.CreditOperation) ([]Outcome, error) {
	return s.governed.credits.submit(ctx, operations)
}

// CreditMotions puts motions on credits, in the order given.
func (s *Submitter) CreditMotions(ctx context.Context, motions []ledger.CreditMotion) ([]Outcome, error) {
	return s.governed.creditMotions.submit(ctx, motions)
}

// Chunks stores parts of artefacts.
func (s *Submitter) Chunks(ctx context.Context, chunks [][]byte) ([]Outcome, error) {
	return s.governed.chunks.submit(ctx, chunks)
}

// Datasets freezes snapshots of data sets, in the order given.
func (s *Submitter) Datasets(ctx context.Context, datasets []ledger.DatasetSnapshot) ([]Outcome, error) {
	return s.governed.datasets.submit(ctx, datasets)
}

// Models submits versions of models, in the order given. Their chunks and data sets are on the ledger.
func (s *Submitter) Models(ctx context.Context, models []ledger.ModelVersion) ([]Outcome, error) {
	return s.governed.models.submit(ctx, models)
}

// Evaluations submits evaluations of models, in the order given.
func (s *Submitter) Evaluations(ctx context.Context, evaluations []ledger.Evaluation) ([]Outcome, error) {
	return s.governed.evaluations.submit(ctx, evaluations)
}

// ModelMotions puts motions on models, in the order given.
func (s *Submitter) ModelMotions(ctx context.Context, motions []ledger.ModelMotion) ([]Outcome, error) {
	return s.governed.modelMotions.submit(ctx, motions)
}

// governed are the lanes of what organisations govern: credits, models and scoring.
type governed struct {
	credits         *lane[ledger.CreditOperation]
	creditMotions   *lane[ledger.CreditMotion]
	chunks          *lane[[]byte]
	datasets        *lane[ledger.DatasetSnapshot]
	models          *lane[ledger.ModelVersion]
	evaluations     *lane[ledger.Evaluation]
	modelMotions    *lane[ledger.ModelMotion]
	tasks           *lane[ledger.TaskOperation]
	scoringPolicies *lane[ledger.ScoringPolicy]
}

func newGoverned(l Ledger, cfg Config) governed {
	// What a block makes due on tasks comes all at once: company is there already.
	atOnce := cfg
	atOnce.MaxLinger = cfg.MinLinger
	return governed{
		credits:         newLane(credits(), l, cfg),
		creditMotions:   newLane(creditMotions(), l, cfg),
		chunks:          newLane(chunks(), l, cfg),
		datasets:        newLane(datasets(), l, cfg),
		models:          newLane(models(), l, cfg),
		evaluations:     newLane(evaluations(), l, cfg),
		modelMotions:    newLane(modelMotions(), l, cfg),
		tasks:           newLane(tasks(), l, atOnce),
		scoringPolicies: newLane(scoringPolicies(), l, cfg),
	}
}

func (g governed) close() {
	g.credits.close()
	g.creditMotions.close()
	g.chunks.close()
	g.datasets.close()
	g.models.close()
	g.evaluations.close()
	g.modelMotions.close()
	g.tasks.close()
	g.scoringPolicies.close()
}

// runs are the lanes' loops.
func (g governed) runs() []func(context.Context) {
	return []func(context.Context){
		g.credits.run, g.creditMotions.run, g.chunks.run, g.datasets.run, g.models.run, g.evaluations.run, g.modelMotions.run,
		g.tasks.run, g.scoringPolicies.run,
	}
}

// About what inputs take when they are encoded.
const (
	noteBytes  = ledger.MaxTxIDBytes + 16
	entryBytes = 64
)

func credits() kind[ledger.CreditOperation] {
	return kind[ledger.CreditOperation]{
		name: KindCredits, function: wire.FnTransact, maxBatch: ledger.MaxBatchCredits, prompt: true,
		encode: func(batch []ledger.CreditOperation) ([]byte, error) {
			return wire.Encode(wire.CreditBatch{Operations: batch})
		},
		keys: func(op ledger.CreditOperation) []string {
			if op.Open != nil || op.Rotate != nil || op.Bond != nil || op.Unbond != nil || op.Release != nil {
				return []string{"account"} // they write records of the submitter's account
			}
			inputs := op.Inputs()
			keys := make([]string, len(inputs))
			for i, id := range inputs {
				keys[i] = id.String()
			}
			return keys
		},
		// A note that is not there may have been made just before, as the account may.
		early: by[ledger.CreditOperation](ledger.CodeNoteSpent, ledger.CodeNoAccount, ledger.CodeNoCreditPolicy, ledger.CodeStake),
		size: func(op ledger.CreditOperation) int {
			n := 4*entryBytes + len(op.Memo) + noteBytes*len(op.Inputs())
			if op.Transfer != nil {
				n += entryBytes * len(op.Transfer.Outputs)
			}
			if op.Lock != nil {
				n += len(op.Lock.Lock.Task)
			}
			return n
		},
		check: func(op ledger.CreditOperation) error {
			if len(op.Inputs()) > ledger.MaxNotesIn || op.Transfer != nil && len(op.Transfer.Outputs) > ledger.MaxNotesOut {
				return fmt.Errorf("%w: an operation on %d notes, at most %d are allowed", ledger.ErrTooLarge, len(op.Inputs()), ledger.MaxNotesIn)
			}
			return nil
		},
	}
}

func creditMotions() kind[ledger.CreditMotion] {
	return kind[ledger.CreditMotion]{
		name: KindCreditMotion, function: wire.FnGovernCredits, maxBatch: ledger.MaxBatchCredits,
		encode: func(batch []ledger.CreditMotion) ([]byte, error) {
			return wire.Encode(wire.MotionBatch{Motions: batch})
		},
		keys:  func(ledger.CreditMotion) []string { return []string{"credits"} },
		early: by[ledger.CreditMotion](ledger.CodeKeepers, ledger.CodeNoCreditPolicy, ledger.CodeNoAccount, ledger.CodeAllowance, ledger.CodeConflict),
		size: func(m ledger.CreditMotion) int {
			n := 4 * entryBytes
			if m.Mint != nil {
				n += entryBytes*len(m.Mint.Payments) + len(m.Mint.Memo)
			}
			if m.Policy != nil {
				n += 2 * entryBytes * len(m.Policy.Allowances)
			}
			return n
		},
		check: func(m ledger.CreditMotion) error {
			if m.Mint != nil && len(m.Mint.Payments) > ledger.MaxNotesOut || m.Policy != nil && len(m.Policy.Allowances) > ledger.MaxAllowances {
				return fmt.Errorf("%w: a motion with too many payments or allowances", ledger.ErrTooLarge)
			}
			return nil
		},
	}
}

func chunks() kind[[]byte] {
	return kind[[]byte]{
		name: KindChunk, function: wire.FnStoreChunks, maxBatch: ledger.MaxArtefactChunks,
		encode: func(batch [][]byte) ([]byte, error) { return wire.Encode(wire.ChunkBatch{Chunks: batch}) },
		keys:   func(chunk []byte) []string { return []string{wire.ChunkDigest(chunk).String()} },
		size:   func(chunk []byte) int { return len(chunk) + entryBytes },
		check:  ledger.CheckChunk,
	}
}

func datasets() kind[ledger.DatasetSnapshot] {
	return kind[ledger.DatasetSnapshot]{
		name: KindDataset, function: wire.FnSnapshotDatasets, maxBatch: ledger.MaxBatchDatasets,
		encode: func(batch []ledger.DatasetSnapshot) ([]byte, error) {
			return wire.Encode(wire.DatasetBatch{Datasets: batch})
		},
		keys: func(d ledger.DatasetSnapshot) []string { return []string{d.ID} },
		size: func(d ledger.DatasetSnapshot) int {
			return 6*entryBytes + len(d.ID) + len(d.Query) + len(d.Schema) + len(d.Licence) + len(d.About)
		},
		check: func(d ledger.DatasetSnapshot) error {
			if len(d.Query) > ledger.MaxQueryBytes || len(d.About) > ledger.MaxAboutBytes {
				return fmt.Errorf("%w: a snapshot with a query of %d bytes and a description of %d", ledger.ErrTooLarge, len(d.Query), len(d.About))
			}
			return nil
		},
	}
}

func models() kind[ledger.ModelVersion] {
	return kind[ledger.ModelVersion]{
		name: KindModel, function: wire.FnSubmitModels, maxBatch: ledger.MaxBatchModels,
		encode: func(batch []ledger.ModelVersion) ([]byte, error) {
			return wire.Encode(wire.ModelBatch{Models: batch})
		},
		keys:  func(m ledger.ModelVersion) []string { return []string{m.ID, m.Artefact.String()} },
		early: by[ledger.ModelVersion](ledger.CodeConflict, ledger.CodeArtefact),
		size: func(m ledger.ModelVersion) int {
			return 8*entryBytes + len(m.IntendedUse) + len(m.Limitations) + len(m.Code.Command) +
				entryBytes*(len(m.Chunks)+len(m.Products)) + 2*entryBytes*(len(m.Training)+len(m.Thresholds)) + 4*entryBytes*(len(m.Code.Sums)+len(m.Parameters))
		},
		check: ledger.CheckModel,
	}
}

func evaluations() kind[ledger.Evaluation] {
	return kind[ledger.Evaluation]{
		name: KindEvaluation, function: wire.FnEvaluateModels, maxBatch: ledger.MaxBatchEvaluations,
		encode: func(batch []ledger.Evaluation) ([]byte, error) {
			return wire.Encode(wire.EvaluationBatch{Evaluations: batch})
		},
		keys:  func(ledger.Evaluation) []string { return []string{"evaluations"} },
		early: by[ledger.Evaluation](ledger.CodeModelState),
		size:  func(e ledger.Evaluation) int { return 4*entryBytes + 2*entryBytes*len(e.Metrics) },
		check: ledger.CheckEvaluation,
	}
}

func modelMotions() kind[ledger.ModelMotion] {
	return kind[ledger.ModelMotion]{
		name: KindModelMotion, function: wire.FnGovernModels, maxBatch: ledger.MaxBatchModelMotions,
		encode: func(batch []ledger.ModelMotion) ([]byte, error) {
			return wire.Encode(wire.ModelMotionBatch{Motions: batch})
		},
		keys: func(ledger.ModelMotion) []string { return []string{"models"} },
		// Not CodeApproval: who has approved already, or is the submitter, is so for good.
		early: by[ledger.ModelMotion](ledger.CodeKeepers, ledger.CodeModelState, ledger.CodeModelGate, ledger.CodeConflict),
		size: func(m ledger.ModelMotion) int {
			n := 8 * entryBytes
			if m.Policy != nil {
				n += 2 * entryBytes * len(m.Policy.Gates)
			}
			if m.Revoke != nil {
				n += len(m.Revoke.Reason)
			}
			return n
		},
		check: ledger.CheckModelMotion,
	}
}
