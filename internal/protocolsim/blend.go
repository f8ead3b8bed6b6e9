package protocolsim

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/referee"
	"github.com/waybill-dev/waybill/chaincode/state"
	"github.com/waybill-dev/waybill/chaincode/state/statetest"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Approve writes that a model is registered and approved, which the model contract has two organisations do.
func (w *World) Approve(m *score.Model) error {
	w.txs++
	stub := w.state.Simulate(statetest.Proposal{TxID: fmt.Sprintf("tx%d", w.txs)})
	chunks, digests, err := ledger.CutArtefact(m.Bytes())
	if err != nil {
		return err
	}
	r := state.New(stub)
	for _, chunk := range chunks {
		if err = r.CreateChunk(wire.StoredChunk{Bytes: chunk, TxID: stub.TxID}); err != nil {
			return err
		}
	}
	version := ledger.ModelVersion{ID: m.Parameters().ID, Version: 1, Artefact: m.Digest(), Size: uint64(len(m.Bytes())), Chunks: digests}
	if err = r.CreateModel(version); err != nil {
		return err
	}
	admission := ledger.Admission{Artefact: m.Digest(), Model: version.Ref(), At: w.Now(), TxID: stub.TxID}
	if err = r.PutAdmission(admission, nil); err != nil {
		return err
	}
	if _, err = r.Flush(); err != nil {
		return err
	}
	if codes := w.state.Commit(stub); codes[0] != peer.TxValidationCode_VALID {
		return fmt.Errorf("%w: %s: %s", ErrRefused, admission.Model, codes[0])
	}
	return nil
}

// JudgeBy has a model's engine rule on a statement.
func (w *World) JudgeBy(m *score.Model, s ledger.TaskStatement) (ledger.Ruling, error) {
	packs, err := state.NewPacks(w.repository(), s.References, ledger.MaxTaskPackBytes)
	if err != nil {
		return ledger.Ruling{}, err
	}
	return referee.Judge(m, s, packs)
}

// Inspect records, as an organisation, the event of an inspection of the i-th shipment, and gives its hash.
func (w *World) Inspect(who string, i int, step, disposition string) (ledger.Digest, error) {
	body, err := json.Marshal(map[string]any{
		"type": "ObjectEvent", "action": "OBSERVE", "epcList": []string{fmt.Sprintf("urn:epc:id:sscc:9520001.3%09d", i)}, "bizStep": step, "disposition": disposition,
		"eventTime": begin().Add(47 * time.Hour).Format(time.RFC3339), "eventTimeZoneOffset": "+00:00",
	})
	if err != nil {
		return ledger.Digest{}, err
	}
	hashes, err := w.Record(who, wire.EventEntry{Body: body})
	if err != nil {
		return ledger.Digest{}, err
	}
	return hashes[0], nil
}

// Revoke has the ledger hold that an artefact was revoked.
func (w *World) Revoke(artefact ledger.Digest) error {
	w.txs++
	stub := w.state.Simulate(statetest.Proposal{TxID: fmt.Sprintf("tx%d", w.txs)})
	r := state.New(stub)
	err := r.CreateRevocation(ledger.Revocation{Artefact: artefact, MSPID: "C", Reason: "recalled", At: w.Now()})
	if err == nil {
		_, err = r.Flush()
	}
	if err != nil {
		return err
	}
	if codes := w.state.Commit(stub); codes[0] != peer.TxValidationCode_VALID {
		return fmt.Errorf("%w: a revocation: %s", ErrRefused, codes[0])
	}
	return nil
}
