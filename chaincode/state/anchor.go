package state

import (
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Anchor gives a root as an organisation anchored it, nil if it did not.
func (r *Repository) Anchor(height uint64, mspID string) (*ledger.Anchor, error) {
	return named[ledger.Anchor](r, func() (string, error) { return wire.RootKey(height, mspID) })
}

// AnchorHead gives the last root that an organisation anchored, nil if it has anchored none.
func (r *Repository) AnchorHead(mspID string) (*ledger.AnchorHead, error) {
	return named[ledger.AnchorHead](r, func() (string, error) { return wire.AnchorHeadKey(mspID) })
}

// CreateAnchor records a root that an organisation anchored, as its last one.
func (r *Repository) CreateAnchor(a ledger.Anchor) error {
	key, err := wire.RootKey(a.Root.Height, a.MSPID)
	if err != nil {
		return err
	}
	if err = store(r, key, a); err != nil {
		return err
	}
	head, err := wire.AnchorHeadKey(a.MSPID)
	if err != nil {
		return err
	}
	value, err := wire.Encode(ledger.AnchorHead{Height: a.Root.Height, Size: a.Root.Size})
	if err != nil {
		return err
	}
	r.keys.put(head, value)
	return nil
}
