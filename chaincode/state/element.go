package state

import (
	"fmt"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Element gives an organisation's statement in force on a vocabulary element, nil if it never made one.
func (r *Repository) Element(mspID, vocabulary, id string) (*ledger.ElementRecord, error) {
	return named[ledger.ElementRecord](r, func() (string, error) { return wire.ElementKey(mspID, vocabulary, id) })
}

// ElementPast gives a statement by its time and content, nil if it is not recorded.
func (r *Repository) ElementPast(mspID, vocabulary, id string, statedAt ledger.Millis, content ledger.Digest) (*ledger.ElementRecord, error) {
	return named[ledger.ElementRecord](r, func() (string, error) { return wire.ElementPastKey(mspID, vocabulary, id, statedAt, content) })
}

// CreateElement records a statement and gives its key; in force it takes the place of the one before.
func (r *Repository) CreateElement(e ledger.ElementRecord, inForce bool) (key string, err error) {
	if key, err = wire.ElementPastKey(e.MSPID, e.Type, e.ID, e.StatedAt, e.Content); err != nil {
		return "", err
	}
	if err = store(r, key, e); err != nil || !inForce {
		return key, err
	}
	latest, err := wire.ElementKey(e.MSPID, e.Type, e.ID)
	if err != nil {
		return "", err
	}
	value, err := wire.Encode(e)
	if err == nil {
		r.keys.put(latest, value)
	}
	return key, err
}

// ElementText gives context and text of a recorded statement.
func (r *Repository) ElementText(e ledger.ElementRecord) (wire.EventEntry, error) {
	value, key, err := r.pack(e.TxID)
	if err != nil {
		return wire.EventEntry{}, err
	}
	entries, err := wire.DecodeElementBatch(value)
	if err != nil {
		return wire.EventEntry{}, damaged(key, err)
	}
	if e.Index < 0 || e.Index >= len(entries) || entries[e.Index].Digest() != e.Body {
		return wire.EventEntry{}, damaged(key, fmt.Errorf("%w: position %d is not the text", ledger.ErrMalformed, e.Index))
	}
	return entries[e.Index], nil
}
