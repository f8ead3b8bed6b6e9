package wire

import (
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// The anchor contract's transaction functions.
const (
	FnAnchorRoots   = "anchor:AnchorRoots"
	FnGetAnchor     = "anchor:GetAnchor"
	FnGetAnchorHead = "anchor:GetAnchorHead"
)

// The kinds of keys of the anchor contract.
const (
	KindRoot       Kind = "root"       // height, MSP ID → ledger.Anchor
	KindAnchorHead Kind = "anchorhead" // MSP ID → ledger.AnchorHead
)

// RootBatch is the argument of AnchorRoots: roots in the order of their heights.
type RootBatch struct {
	Roots []SignedRoot `cbor:"1,keyasint"`
}

// SignedRoot is a root with its submitter's signature.
type SignedRoot struct {
	Root   ledger.Root          `cbor:"1,keyasint"`
	Signed ledger.RootSignature `cbor:"2,keyasint"`
}

// AnchorRef names an anchored root.
type AnchorRef struct {
	Height uint64 `cbor:"1,keyasint"`
	MSPID  string `cbor:"2,keyasint"`
}

// rootStatement is what an organisation signs.
type rootStatement struct {
	Root  ledger.Root   `cbor:"1,keyasint"`
	At    ledger.Millis `cbor:"2,keyasint"`
	MSPID string        `cbor:"3,keyasint"`
}

// statementPrefix keeps the signature from meaning anything else that the key signs.
const statementPrefix = "waybill root statement\x00"

// RootStatement is what an organisation signs of a root: a prefix of its own and the encoding of root,
// time and the organisation's MSP ID. Certificates do not name the MSP ID; because the signature does, who
// verifies it need not believe the name under which an authority was handed over.
func RootStatement(r ledger.Root, mspID string, at ledger.Millis) ([]byte, error) {
	encoded, err := Encode(rootStatement{Root: r, At: at, MSPID: mspID})
	if err != nil {
		return nil, err
	}
	return append([]byte(statementPrefix), encoded...), nil
}

// RootKey is the key of a root as an organisation anchored it.
func RootKey(height uint64, mspID string) (string, error) {
	return Key(KindRoot, padded(height, seqDigits), mspID)
}

// AnchorHeadKey is the key of the last root that an organisation anchored.
func AnchorHeadKey(mspID string) (string, error) { return Key(KindAnchorHead, mspID) }

// DecodeRootBatch reads the argument of AnchorRoots.
func DecodeRootBatch(data []byte) (RootBatch, error) {
	b, err := Decode[RootBatch](data, ledger.MaxArgumentBytes)
	if err == nil {
		err = bounded("roots", len(b.Roots), ledger.MaxBatchRoots)
	}
	return b, err
}
