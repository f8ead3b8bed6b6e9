package proof

import (
	"bytes"
	"fmt"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Bare shows that facts are in the log, and in which order, to who knows the root: no signatures, no contents. The scoring
// contract, which has the keepers' roots beside it, decides on claims by it.
type Bare struct {
	Root   ledger.Root `cbor:"1,keyasint"`
	Leaves []BareLeaf  `cbor:"2,keyasint"` // in the log's order
	Hashes []byte      `cbor:"3,keyasint"` // of Tree.Inclusion, one after the other
}

// BareLeaf is a leaf at its place in the log.
type BareLeaf struct {
	Index uint64 `cbor:"1,keyasint"`
	Leaf  []byte `cbor:"2,keyasint"` // canonical bytes
}

// maxBareLeaves bounds the facts of a Bare. Its bytes are bounded by ledger.MaxProofBytes.
const maxBareLeaves = 16

// Bare drops the signatures and contents of a proof of inclusion.
func (p Proof) Bare() (Bare, error) {
	if p.Kind != Inclusion || len(p.Roots) != 1 {
		return Bare{}, fmt.Errorf("%w: no proof of inclusion", ErrMalformed)
	}
	b := Bare{Root: p.Roots[0].Root, Hashes: p.Hashes}
	for _, l := range p.Leaves {
		b.Leaves = append(b.Leaves, BareLeaf{Index: l.Index, Leaf: l.Leaf})
	}
	return b, nil
}

// Encode gives the one encoding of a Bare.
func (b Bare) Encode() ([]byte, error) {
	m, err := codec()
	if err != nil {
		return nil, err
	}
	data, err := m.enc.Marshal(b)
	if err == nil && len(data) > ledger.MaxProofBytes {
		err = fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrMalformed, len(data), ledger.MaxProofBytes)
	}
	return data, err
}

// DecodeBare reads what Encode gave and nothing else. It checks no path.
func DecodeBare(data []byte) (Bare, error) {
	if len(data) == 0 || len(data) > ledger.MaxProofBytes {
		return Bare{}, fmt.Errorf("%w: %d bytes; a bare proof has 1 to %d", ErrMalformed, len(data), ledger.MaxProofBytes)
	}
	m, err := codec()
	if err != nil {
		return Bare{}, err
	}
	var b Bare
	if err = m.dec.Unmarshal(data, &b); err != nil {
		return Bare{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	again, err := m.enc.Marshal(b)
	if err != nil || !bytes.Equal(again, data) {
		return Bare{}, fmt.Errorf("%w: not in the deterministic encoding", ErrMalformed)
	}
	if len(b.Leaves) == 0 || len(b.Leaves) > maxBareLeaves {
		return Bare{}, fmt.Errorf("%w: %d leaves; a bare proof has 1 to %d", ErrMalformed, len(b.Leaves), maxBareLeaves)
	}
	return b, nil
}

// Check holds that the leaves are in the log under the root, and gives them. Whose root it is, it does not ask.
func (b Bare) Check() ([]Fact, error) {
	p := Proof{Kind: Inclusion, Roots: []SignedRoot{{Root: b.Root, Signatures: make([]Signature, 1)}}, Hashes: b.Hashes}
	for _, l := range b.Leaves {
		p.Leaves = append(p.Leaves, Proven{Index: l.Index, Leaf: l.Leaf})
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return p.path()
}
