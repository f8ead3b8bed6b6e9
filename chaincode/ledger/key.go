package ledger

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
)

// AlgorithmOf names the signature scheme of a public key: Ed25519 or ECDSA on P-256.
func AlgorithmOf(public crypto.PublicKey) (KeyAlgorithm, error) {
	switch key := public.(type) {
	case ed25519.PublicKey:
		return KeyEd25519, nil
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return KeyECDSAP256, nil
		}
	}
	return "", refuse(ErrSchema, "a device key is an Ed25519 key or an ECDSA key on P-256")
}

// key parses the device's public key and holds that it is of the device's algorithm.
func (d Device) key() (crypto.PublicKey, error) {
	if len(d.PublicKey) == 0 || len(d.PublicKey) > MaxPublicKeyBytes {
		return nil, refuse(ErrSchema, "a public key of %d bytes", len(d.PublicKey))
	}
	public, err := x509.ParsePKIXPublicKey(d.PublicKey)
	if err != nil {
		return nil, refuse(ErrSchema, "the public key is not in PKIX DER form")
	}
	algorithm, err := AlgorithmOf(public)
	if err != nil {
		return nil, err
	}
	if algorithm != d.Algorithm {
		return nil, refuse(ErrSchema, "the public key is %s, the device says %q", algorithm, d.Algorithm)
	}
	return public, nil
}

// Verify checks the device's signature over message.
func (d Device) Verify(message, signature []byte) error {
	if len(signature) == 0 || len(signature) > MaxSignatureBytes {
		return refuse(ErrSignature, "a signature of %d bytes", len(signature))
	}
	public, err := d.key()
	if err != nil {
		return err
	}
	ok := false
	switch key := public.(type) {
	case ed25519.PublicKey:
		ok = ed25519.Verify(key, message, signature)
	case *ecdsa.PublicKey:
		digest := sha256.Sum256(message)
		ok = ecdsa.VerifyASN1(key, digest[:], signature)
	}
	if !ok {
		return refuse(ErrSignature, "device %s", d.ID)
	}
	return nil
}
