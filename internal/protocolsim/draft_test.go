package protocolsim

import (
	"errors"
	"fmt"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/state"
	"github.com/waybill-dev/waybill/chaincode/state/statetest"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// An organisation that is no keeper submits the artefact that ships, under its own name and under the right one: that stops
// no verdict, and it cannot revoke what others' verdicts rest on.
func TestADraftOfTheShippedModelStopsNoVerdict(t *testing.T) {
	w, id, does := threeAgreed(t)
	task := w.Tasks[0]
	if err := w.Identity("stranger", "Z", "modeller,steward"); err != nil {
		t.Fatal(err)
	}
	submits := func(function string, argument []byte, err error) error {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		_, err = recorded(w.submit("stranger", function, argument, 0))
		return err
	}
	chunks, digests, err := ledger.CutArtefact(w.Model.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	argument, err := wire.Encode(wire.ChunkBatch{Chunks: chunks})
	if err := submits(wire.FnStoreChunks, argument, err); err != nil {
		t.Fatal(err)
	}
	d := ledger.DatasetSnapshot{ID: "x", Version: 1, Root: ledger.Digest{1}, Events: 1, Bytes: 1, From: 1, To: 2, Block: ledger.Digest{1}, Schema: "s", Features: ledger.Digest{1}, Licence: "x"}
	argument, err = wire.Encode(wire.DatasetBatch{Datasets: []ledger.DatasetSnapshot{d}})
	if err := submits(wire.FnSnapshotDatasets, argument, err); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"junk", w.Model.Parameters().ID} {
		argument, err = wire.Encode(wire.ModelBatch{Models: []ledger.ModelVersion{{
			ID: name, Version: 1, Artefact: w.Model.Digest(), Size: uint64(len(w.Model.Bytes())), Chunks: digests, Format: "x", Training: []ledger.DatasetRef{d.Ref()}, Features: ledger.Digest{1},
			Code: ledger.TrainingCode{Module: "m", Revision: "r", Source: ledger.Digest{1}, Go: "g"}, Products: []string{ledger.AnyProduct}, IntendedUse: "none", Licence: "x",
		}}})
		if err := submits(wire.FnSubmitModels, argument, err); err != nil {
			t.Fatal(err)
		}
		argument, err = wire.Encode(wire.ModelMotionBatch{Motions: []ledger.ModelMotion{{Revoke: &ledger.RevokeModel{Model: ledger.ModelRef{ID: name, Version: 1}, Reason: "no"}}}})
		if err := submits(wire.FnGovernModels, argument, err); !errors.Is(err, ErrRefused) {
			t.Errorf("it revoked %s alone: %v", name, err)
		}
		argument, err = wire.Encode(wire.ModelMotionBatch{Motions: []ledger.ModelMotion{{Deprecate: &ledger.DeprecateModel{Model: ledger.ModelRef{ID: name, Version: 1}}}}})
		if err := submits(wire.FnGovernModels, argument, err); err != nil {
			t.Errorf("it may withdraw its own draft: %v", err)
		}
	}
	does("s0", ledger.TaskOperation{Settle: &ledger.SettleTask{Task: id, Verdict: &task.Truth.Verdict}})
	does("s0", ledger.TaskOperation{Open: &w.Tasks[1].Statement})
	if v, err := w.View(id); err != nil || v.Phase() != ledger.TaskFinal {
		t.Errorf("what three of three agreed on is %s: %v", v.Phase(), err)
	}
}

// A task that was opened by a version is settled after that was deprecated; none is opened by it.
func TestADeprecatedVersionFinishesItsTasksAndOpensNone(t *testing.T) {
	w, id, does := threeAgreed(t)
	w.txs++
	stub := w.state.Simulate(statetest.Proposal{TxID: fmt.Sprintf("tx%d", w.txs)})
	r := state.New(stub)
	err := r.PutAdmission(ledger.Admission{Artefact: w.Model.Digest(), Model: ledger.ModelRef{ID: w.Model.Parameters().ID, Version: 1}, Deprecated: true}, nil)
	if err == nil {
		_, err = r.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	if codes := w.state.Commit(stub); codes[0] != peer.TxValidationCode_VALID {
		t.Fatal(codes)
	}
	if answers, err := w.Score("s0", ledger.TaskOperation{Open: &w.Tasks[1].Statement}); err != nil || answers[0].Code != ledger.CodeModelBlocked {
		t.Errorf("another task is opened: %+v %v", answers, err)
	}
	does("s0", ledger.TaskOperation{Settle: &ledger.SettleTask{Task: id, Verdict: &w.Tasks[0].Truth.Verdict}})
	if v, err := w.View(id); err != nil || v.Phase() != ledger.TaskFinal {
		t.Errorf("what three of three agreed on is %s: %v", v.Phase(), err)
	}
}

// threeAgreed is a world whose first task three of three scorers answered truly, and what submits an operation that is to be
// recorded.
func threeAgreed(t *testing.T) (w *World, id ledger.Digest, does func(who string, op ledger.TaskOperation)) {
	t.Helper()
	policy := DefaultPolicy()
	policy.Canary, policy.AtOnce = 0, true
	w, err := NewWorld(policy, []Member{{"s0", "A", 10_000}, {"s1", "B", 10_000}, {"s2", "C", 10_000}}, 2)
	if err != nil {
		t.Fatal(err)
	}
	does = func(who string, op ledger.TaskOperation) {
		t.Helper()
		if _, err := recorded(w.Score(who, op)); err != nil {
			t.Fatal(who, op.TaskKind(), err)
		}
	}
	task := w.Tasks[0]
	if id, err = wire.TaskDigest(task.Statement); err != nil {
		t.Fatal(err)
	}
	does("s0", ledger.TaskOperation{Open: &task.Statement})
	for _, who := range []string{"s0", "s1", "s2"} {
		c, err := wire.CommitmentOf(id, w.Account(who), task.Truth.Answer, ledger.Digest{1})
		if err != nil {
			t.Fatal(err)
		}
		does(who, ledger.TaskOperation{Commit: &ledger.CommitAnswer{Task: id, Commitment: c}})
	}
	does("s0", ledger.TaskOperation{Close: &id})
	for _, who := range []string{"s0", "s1", "s2"} {
		does(who, ledger.TaskOperation{Reveal: &ledger.RevealAnswer{Task: id, Answer: task.Truth.Answer, Nonce: ledger.Digest{1}}})
	}
	return w, id, does
}
