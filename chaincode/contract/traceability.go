package contract

import (
	"fmt"
	"time"

	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"
	"github.com/hyperledger/fabric-contract-api-go/v2/metadata"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/state"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// Traceability holds events by content, the states of items, and findings.
type Traceability struct {
	contractapi.Contract

	clock func() time.Time
}

func newTraceability(clock func() time.Time) *Traceability {
	c := &Traceability{clock: clock}
	c.Name = "traceability"
	c.Info = metadata.InfoMetadata{
		Title: "Traceability", Version: "1",
		Description: "EPCIS events by content, the state of each item, findings. Arguments and results are of package chaincode/wire.",
	}
	return c
}

// GetEvaluateTransactions names the functions that only read.
func (*Traceability) GetEvaluateTransactions() []string {
	return []string{"GetEvent", "GetFinding", "GetItem"}
}

// RecordEvents records a wire.EventBatch and answers each event for itself. It needs the role recorder.
func (c *Traceability) RecordEvents(ctx contractapi.TransactionContextInterface, batch []byte) ([]byte, error) {
	t, err := begin(ctx, c.clock, ledger.RoleRecorder)
	if err != nil {
		return nil, coded(err)
	}
	entries, err := wire.DecodeEventBatch(batch)
	if err != nil {
		return nil, coded(err)
	}
	r := eventRecorder{court: newCourt(t), inputs: readEvents(entries, t.Actor.MSPID)}
	if err = r.prefetch(); err != nil {
		return nil, coded(err)
	}
	for i := range r.inputs {
		if err = r.record(&r.inputs[i]); err != nil {
			return nil, coded(err)
		}
	}
	if err = r.settle(); err != nil {
		return nil, coded(err)
	}
	if err = t.keepPack(batch, len(entries), r.kept); err != nil {
		return nil, coded(err)
	}
	answers, err := t.end()
	return answers, coded(err)
}

// eventInput is an entry of the batch, read, or the reason why it is refused.
type eventInput struct {
	entry wire.EventEntry
	event ledger.EventInput
	err   error
	// eventID and items are the keys that the event bears on.
	eventID string
	items   []string
}

// readEvents parses every entry of an organisation; those of one context share its reading.
func readEvents(entries []wire.EventEntry, mspID string) []eventInput {
	told := contexts{}
	inputs := make([]eventInput, len(entries))
	items := 0
	for i, entry := range entries {
		in := &inputs[i]
		in.entry = entry
		var context *epcis.Context
		if context, in.err = told.of(entry); in.err != nil {
			continue
		}
		if in.event, in.err = ledger.ReadEvent(context, entry.Context, entry.Body); in.err != nil {
			continue
		}
		weight := in.event.Weight()
		if items += weight; items > ledger.MaxBatchItems {
			in.err = fmt.Errorf("%w: the events up to this one name %d instances and amounts of lots, at most %d are allowed in a batch", ledger.ErrTooLarge, items, ledger.MaxBatchItems)
			items -= weight
			continue
		}
		in.err = in.name(mspID)
	}
	return inputs
}

// name builds the keys that the event bears on.
func (in *eventInput) name(mspID string) error {
	if in.event.Claims != "" {
		key, err := wire.EventIDKey(mspID, in.event.Claims)
		if err != nil {
			return err
		}
		in.eventID = key
	}
	in.items = make([]string, len(in.event.Items))
	for i, part := range in.event.Items {
		key, err := wire.ItemKey(part.EPC)
		if err != nil {
			return err
		}
		in.items[i] = key
	}
	return nil
}

// eventRecorder records the inputs of one batch in their order.
type eventRecorder struct {
	*court

	inputs []eventInput
	kept   []wire.EventEntry // the bodies to store, in the order of their positions
}

// prefetch reads in bulk what the decisions need: events, eventIDs and the rulebook first, then the
// items, places and products of those events only that are new, so that a repeated batch depends on
// nothing but its events, and at last the accounts that products opt in to.
func (r *eventRecorder) prefetch() error {
	keys := make([]string, 0, 1+len(r.inputs)+len(r.inputs)/4)
	keys = append(keys, wire.RulebookKey())
	for i := range r.inputs {
		in := &r.inputs[i]
		if in.err != nil {
			continue
		}
		keys = append(keys, wire.EventKey(in.event.Hash))
		if in.eventID != "" {
			keys = append(keys, in.eventID)
		}
	}
	if err := r.repository.Prefetch(keys); err != nil {
		return err
	}
	var err error
	if r.book, err = r.repository.Rulebook(); err != nil {
		return err
	}
	keys = keys[:0]
	for i := range r.inputs {
		in := &r.inputs[i]
		if in.err != nil {
			continue
		}
		recorded, err := r.repository.Event(in.event.Hash)
		switch {
		case err != nil:
			return err
		case recorded == nil:
			keys = append(keys, in.items...)
			if keys, err = r.registered(keys, in.event); err != nil {
				return err
			}
		case recorded.BodyDigest != in.event.Body:
			keys = append(keys, wire.RestatementKey(in.event.Hash, in.event.Body))
		}
	}
	if err := r.repository.Prefetch(keys); err != nil || !r.book.Products {
		return err
	}
	return r.prefetchAccounts(keys[:0])
}

// prefetchAccounts reads the accounts of the new events; their products are read already.
func (r *eventRecorder) prefetchAccounts(keys []string) error {
	for i := range r.inputs {
		in := &r.inputs[i]
		if in.err != nil || len(in.event.Amounts) == 0 {
			continue
		}
		if recorded, err := r.repository.Event(in.event.Hash); err != nil || recorded != nil {
			if err != nil {
				return err
			}
			continue
		}
		postings, err := in.event.Postings(r.Actor.MSPID, r.balanced)
		if err != nil {
			return err
		}
		for _, p := range postings {
			key, err := wire.AccountKey(p.Account)
			if err != nil {
				return err
			}
			keys = append(keys, key)
		}
	}
	return r.repository.Prefetch(keys)
}

// view loads what bears on an event. The restatement is looked for only when the event was there.
func (r *eventRecorder) view(in *eventInput) (ledger.EventView, error) {
	var view ledger.EventView
	var err error
	if view.Recorded, err = r.repository.Event(in.event.Hash); err != nil {
		return view, err
	}
	if view.Recorded != nil && view.Recorded.BodyDigest != in.event.Body {
		if view.Restated, err = r.repository.Restatement(in.event.Hash, in.event.Body); err != nil {
			return view, err
		}
	}
	if in.event.Claims != "" {
		view.Bearer, err = r.repository.Bearer(r.Actor.MSPID, in.event.Claims)
	}
	return view, err
}

// record decides on one input, saves what follows and answers it. Its error ends the transaction.
func (r *eventRecorder) record(in *eventInput) error {
	if in.err != nil {
		r.refuse(in.err, in.event.Hash)
		return nil //nolint:nilerr // the input is refused and the transaction goes on
	}
	view, err := r.view(in)
	if err != nil {
		return err
	}
	decision, err := ledger.DecideEvent(in.event, view, r.Tx, len(r.kept))
	answer := wire.Answer{
		Status: decision.Status, Digest: in.event.Hash,
		Restatement: decision.Restatement, RecordedIn: decision.RecordedIn,
	}
	switch {
	case refusal(err):
		r.refuse(err, in.event.Hash)
		return nil
	case err != nil:
		return err
	case decision.RecordedIn != "":
		r.answer(answer)
		return nil
	}
	if decision.ClaimsID {
		if err = r.repository.CreateClaim(r.Actor.MSPID, in.event.Claims, in.event.Hash); err != nil {
			return err
		}
	}
	r.kept = append(r.kept, in.entry)
	r.answer(answer)
	if decision.Restatement {
		return r.restate(in, decision, *view.Recorded)
	}
	return r.create(in, decision)
}

// create saves a new event, its effects on items and accounts, and the findings on it by itself. Those
// on items and accounts are settled when the whole batch is recorded.
func (r *eventRecorder) create(in *eventInput, decision ledger.EventDecision) error {
	r.recorded[in.event.Hash] = len(r.answers) - 1
	for _, part := range in.event.Items {
		item, err := r.repository.Item(part.EPC)
		if err != nil {
			return err
		}
		r.repository.PutItem(item.Apply(in.event, part.Role, r.Tx))
		r.touch(part.EPC, in.event.Hash)
	}
	r.summary.Events = append(r.summary.Events, wire.EventRef{Hash: in.event.Hash, Index: decision.Record.Index})
	if err := r.repository.CreateEvent(in.event.Hash, decision.Record); err != nil {
		return err
	}
	if !decision.Record.DeclaredInError {
		if err := r.post(in.event); err != nil {
			return err
		}
	}
	findings, err := ledger.JudgeEvent(in.event, decision.Record, r.book, r.repository, r.balanced)
	if err != nil {
		return err
	}
	for i := range findings {
		after, _ := ledger.Settle(nil, &findings[i], in.event.Hash, r.Tx)
		if err := r.rule(after, in.event.Hash); err != nil {
			return err
		}
	}
	return nil
}

// restate saves another text of a recorded event.
func (r *eventRecorder) restate(in *eventInput, decision ledger.EventDecision, recorded ledger.EventRecord) error {
	if decision.DeclareInError {
		recorded.DeclaredInError = true
		if err := r.repository.MarkEvent(in.event.Hash, recorded); err != nil {
			return err
		}
		if err := r.withdraw(in.event); err != nil {
			return err
		}
	}
	r.summary.Restatements = append(r.summary.Restatements, wire.EventRef{Hash: in.event.Hash, Index: decision.Record.Index})
	return r.repository.PutRestatement(in.event.Hash, in.event.Body, decision.Record)
}

// GetEvent gives the wire.RecordedEvent of a hash, which is given as its CBV 2.0 form or in
// hexadecimal.
func (*Traceability) GetEvent(ctx contractapi.TransactionContextInterface, hash string) ([]byte, error) {
	id, err := epcis.ParseHash(hash)
	if err != nil {
		return nil, coded(err)
	}
	repository := state.New(ctx.GetStub())
	record, err := repository.Event(ledger.Digest(id))
	if err == nil && record == nil {
		err = fmt.Errorf("%w: event %s", ledger.ErrUnknown, ledger.Digest(id))
	}
	if err != nil {
		return nil, coded(err)
	}
	entry, err := repository.EventBody(*record)
	if err != nil {
		return nil, coded(err)
	}
	out, err := wire.Encode(wire.RecordedEvent{Hash: ledger.Digest(id), Context: entry.Context, Body: entry.Body, Record: *record})
	return out, coded(err)
}

// GetItem gives the ledger.ItemState of an EPC in any of its spellings.
func (*Traceability) GetItem(ctx contractapi.TransactionContextInterface, epc string) ([]byte, error) {
	canonical, err := epcis.CanonicalEPC(epc)
	if err != nil {
		return nil, coded(err)
	}
	item, err := state.New(ctx.GetStub()).Item(canonical)
	if err == nil && item.LastEvent.IsZero() {
		err = fmt.Errorf("%w: item %.200s", ledger.ErrUnknown, canonical)
	}
	if err != nil {
		return nil, coded(err)
	}
	out, err := wire.Encode(item)
	return out, coded(err)
}
