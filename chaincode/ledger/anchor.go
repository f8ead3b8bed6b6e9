package ledger

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"math/big"
)

// Root is the root of the proof log as it stood when the blocks below a height had been taken in. Two
// organisations that read the same ledger state the same one.
type Root struct {
	Channel string `cbor:"1,keyasint"`
	Genesis Digest `cbor:"2,keyasint"` // hash of the channel's block 0, which names the ledger
	Height  uint64 `cbor:"3,keyasint"` // number of blocks, at least 1
	Block   Digest `cbor:"4,keyasint"` // hash of the last of them
	Size    uint64 `cbor:"5,keyasint"` // leaves of the log
	Hash    Digest `cbor:"6,keyasint"` // RFC 6962 Merkle tree hash of the leaves
}

// RootSignature is an organisation's word for a root.
type RootSignature struct {
	At        Millis `cbor:"1,keyasint"` // when it signed
	Signature []byte `cbor:"2,keyasint"` // over the statement of root and time
}

// Anchor is a root as an organisation anchored it.
type Anchor struct {
	Root        Root          `cbor:"1,keyasint"`
	Signed      RootSignature `cbor:"2,keyasint"`
	Certificate []byte        `cbor:"3,keyasint"` // DER, of the submitter, set by the contract
	MSPID       string        `cbor:"4,keyasint"` // set by the contract
	TxID        string        `cbor:"5,keyasint"` // set by the contract
	RecordedAt  Millis        `cbor:"6,keyasint"` // set by the contract
}

// AnchorHead is the last root that an organisation anchored.
type AnchorHead struct {
	Height uint64 `cbor:"1,keyasint"`
	Size   uint64 `cbor:"2,keyasint"`
}

// Bounds on roots.
const (
	MaxBatchRoots       = 16
	MaxChannelBytes     = 249 // Fabric's own bound
	MaxCertificateBytes = 8 << 10
	maxRootNumber       = 1 << 48 // heights and sizes beyond any ledger's
)

// CheckRoot holds what can be said of a root by itself.
func CheckRoot(r Root) error {
	switch {
	case r.Channel == "" || len(r.Channel) > MaxChannelBytes || !printable(r.Channel):
		return refuse(ErrSchema, "a channel of %d bytes", len(r.Channel))
	case r.Genesis.IsZero() || r.Block.IsZero() || r.Hash.IsZero():
		return refuse(ErrSchema, "a hash of the root is missing")
	case r.Height == 0 || r.Height > maxRootNumber || r.Size > maxRootNumber:
		return refuse(ErrSchema, "a root at height %d of %d leaves", r.Height, r.Size)
	}
	return nil
}

// AnchorView is what the ledger holds that bears on a root.
type AnchorView struct {
	Channel  string
	Recorded *Anchor     // of the organisation at that height, nil if none
	Head     *AnchorHead // of the organisation, nil if it has anchored none
}

// DecideAnchor decides on a root that CheckRoot passed. statement is what the signature must be over,
// certificate and key those of the transaction's submitter, which the peer has checked. Whether the
// root is right is not asked: what an organisation states is recorded, so that it can be held to it.
// The anchor that it gives is to be written when its status is StatusRecorded.
func DecideAnchor(r Root, s RootSignature, statement []byte, key crypto.PublicKey, certificate []byte, v AnchorView, tx Tx) (Anchor, Status, error) {
	if r.Channel != v.Channel {
		return Anchor{}, 0, refuse(ErrSchema, "a root of channel %q on channel %q", r.Channel, v.Channel)
	}
	if len(certificate) == 0 || len(certificate) > MaxCertificateBytes {
		return Anchor{}, 0, refuse(ErrTooLarge, "a certificate of %d bytes, at most %d are allowed", len(certificate), MaxCertificateBytes)
	}
	if err := VerifyStatement(key, statement, s.Signature); err != nil {
		return Anchor{}, 0, refuse(ErrSignature, "the root is not signed by the key of %s of %s: %s", tx.Actor.Subject, tx.Actor.MSPID, err)
	}
	if v.Recorded != nil {
		if v.Recorded.Root != r {
			return Anchor{}, 0, refuse(ErrConflict, "%s has anchored another root at height %d", tx.Actor.MSPID, r.Height)
		}
		return *v.Recorded, StatusDuplicate, nil
	}
	if err := CheckSkew(s.At, tx.Time); err != nil {
		return Anchor{}, 0, err
	}
	if v.Head != nil && (r.Height < v.Head.Height || r.Size < v.Head.Size) {
		return Anchor{}, 0, refuse(ErrAnchorOrder, "a root at height %d of %d leaves after one at height %d of %d; logs only grow", r.Height, r.Size, v.Head.Height, v.Head.Size)
	}
	return Anchor{Root: r, Signed: s, Certificate: certificate, MSPID: tx.Actor.MSPID, TxID: tx.ID, RecordedAt: tx.Time}, StatusRecorded, nil
}

// VerifyStatement checks a signature over a statement: ECDSA on P-256 over its SHA-256 with a low S,
// in ASN.1 DER, or Ed25519 over the statement itself. Each statement has one signature in that form
// for every one that its signer made, so that no byte of it can be another.
func VerifyStatement(key crypto.PublicKey, statement, signature []byte) error {
	if len(signature) == 0 || len(signature) > MaxSignatureBytes {
		return fmt.Errorf("a signature of %d bytes", len(signature))
	}
	switch k := key.(type) {
	case ed25519.PublicKey:
		if len(k) != ed25519.PublicKeySize || !ed25519.Verify(k, statement, signature) {
			return fmt.Errorf("it does not verify")
		}
		return nil
	case *ecdsa.PublicKey:
		if k.Curve != elliptic.P256() {
			return fmt.Errorf("the key is not on P-256")
		}
		var rs struct{ R, S *big.Int }
		if rest, err := asn1.Unmarshal(signature, &rs); err != nil || len(rest) > 0 || rs.S.Cmp(halfOrder()) > 0 {
			return fmt.Errorf("it is not in its canonical form")
		}
		digest := sha256.Sum256(statement)
		if !ecdsa.VerifyASN1(k, digest[:], signature) {
			return fmt.Errorf("it does not verify")
		}
		return nil
	}
	return fmt.Errorf("a key of type %T", key)
}

// SignStatement signs a statement in the form that VerifyStatement demands. The signer's key is
// Ed25519 or ECDSA on P-256; random is what the signer draws from.
func SignStatement(signer crypto.Signer, random interface{ Read([]byte) (int, error) }, statement []byte) ([]byte, error) {
	if _, ok := signer.Public().(ed25519.PublicKey); ok {
		return signer.Sign(random, statement, crypto.Hash(0))
	}
	digest := sha256.Sum256(statement)
	raw, err := signer.Sign(random, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	var rs struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(raw, &rs); err != nil {
		return nil, err
	}
	if rs.S.Cmp(halfOrder()) > 0 {
		rs.S.Sub(elliptic.P256().Params().N, rs.S)
		return asn1.Marshal(rs)
	}
	return raw, nil
}

func halfOrder() *big.Int { return new(big.Int).Rsh(elliptic.P256().Params().N, 1) }
