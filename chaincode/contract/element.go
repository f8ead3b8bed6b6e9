package contract

import (
	"fmt"

	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/state"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// RecordElements records what the caller's organisation states of vocabulary elements of EPCIS master data, in the
// encoding of wire.EncodeElementBatch, and answers each for itself. It needs the role recorder, as the events
// do whose documents hold them.
func (c *MasterData) RecordElements(ctx contractapi.TransactionContextInterface, batch []byte) ([]byte, error) {
	t, err := begin(ctx, c.clock, ledger.RoleRecorder)
	if err != nil {
		return nil, coded(err)
	}
	entries, err := wire.DecodeElementBatch(batch)
	if err != nil {
		return nil, coded(err)
	}
	r := elementRecorder{transaction: t, inputs: readElements(entries)}
	if err = r.prefetch(); err != nil {
		return nil, coded(err)
	}
	for i := range r.inputs {
		if refused := r.inputs[i].err; refused != nil {
			t.refuse(refused, r.inputs[i].element.Content)
			continue
		}
		if err = r.record(r.inputs[i]); err != nil {
			return nil, coded(err)
		}
	}
	if err = t.keepPack(batch, len(entries), r.kept); err != nil {
		return nil, coded(err)
	}
	answers, err := t.end()
	return answers, coded(err)
}

// elementInput is a statement, read, or the reason why it is refused.
type elementInput struct {
	entry   wire.EventEntry
	element ledger.Element
	err     error
}

func readElements(entries []wire.EventEntry) []elementInput {
	told := contexts{}
	inputs := make([]elementInput, len(entries))
	for i, entry := range entries {
		in := elementInput{entry: entry}
		var context *epcis.Context
		if context, in.err = told.of(entry); in.err == nil {
			in.element, in.err = ledger.ReadElement(context, entry.Context, entry.Body)
		}
		inputs[i] = in
	}
	return inputs
}

type elementRecorder struct {
	*transaction

	inputs []elementInput
	kept   []wire.EventEntry
}

// prefetch reads the statements that the inputs bear on in bulk.
func (r *elementRecorder) prefetch() error {
	keys := make([]string, 0, 2*len(r.inputs))
	for i := range r.inputs {
		in := &r.inputs[i]
		if in.err != nil {
			continue
		}
		e := in.element
		latest, err := wire.ElementKey(r.Actor.MSPID, e.Type, e.ID)
		if err == nil {
			var past string
			if past, err = wire.ElementPastKey(r.Actor.MSPID, e.Type, e.ID, e.Stated(r.Time), e.Content); err == nil {
				keys = append(keys, latest, past)
			}
		}
		in.err = err
	}
	return r.repository.Prefetch(keys)
}

func (r *elementRecorder) record(in elementInput) error {
	var view ledger.ElementView
	var err error
	e := in.element
	if view.InForce, err = r.repository.Element(r.Actor.MSPID, e.Type, e.ID); err != nil {
		return err
	}
	if view.Recorded, err = r.repository.ElementPast(r.Actor.MSPID, e.Type, e.ID, e.Stated(r.Time), e.Content); err != nil {
		return err
	}
	decision := ledger.DecideElement(e, view, r.Tx)
	if decision.Status == ledger.StatusDuplicate {
		r.answer(wire.Answer{Status: decision.Status, Digest: e.Content, RecordedIn: decision.Record.TxID})
		return nil
	}
	decision.Record.Index = len(r.kept)
	key, err := r.repository.CreateElement(decision.Record, decision.InForce)
	if err != nil {
		return err
	}
	r.kept = append(r.kept, in.entry)
	r.summary.Elements = append(r.summary.Elements, wire.ElementRef{Key: key, InForce: decision.InForce})
	r.answer(wire.Answer{Status: decision.Status, Digest: e.Content})
	return nil
}

// GetElement gives the wire.RecordedElement in force of an organisation on an element of a vocabulary, both
// canonical.
func (*MasterData) GetElement(ctx contractapi.TransactionContextInterface, mspID, vocabulary, id string) ([]byte, error) {
	repository := state.New(ctx.GetStub())
	record, err := repository.Element(mspID, vocabulary, id)
	if err == nil && record == nil {
		err = fmt.Errorf("%w: %.128s states nothing of %.200s in %.200s", ledger.ErrUnknown, mspID, id, vocabulary)
	}
	if err != nil {
		return nil, coded(err)
	}
	text, err := repository.ElementText(*record)
	if err != nil {
		return nil, coded(err)
	}
	out, err := wire.Encode(wire.RecordedElement{Record: *record, Context: text.Context, Body: text.Body, InForce: true})
	return out, coded(err)
}
