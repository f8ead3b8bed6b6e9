package epcis

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Hash is the CBV 2.0 event hash: SHA-256 of the pre-hash string. It is the same
// for every spelling of an event: member order, list order, JSON or XML, EPC URN
// or Digital Link, time zone, bare word or URI.
type Hash [32]byte

const (
	hashPrefix = "ni:///sha-256;"
	hashSuffix = "?ver=CBV2.0"
)

// String gives ni:///sha-256;<hex>?ver=CBV2.0.
func (h Hash) String() string {
	b := make([]byte, 0, len(hashPrefix)+2*len(h)+len(hashSuffix))
	b = append(b, hashPrefix...)
	b = hex.AppendEncode(b, h[:])
	return string(append(b, hashSuffix...))
}

// MarshalText gives String.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what ParseHash reads.
func (h *Hash) UnmarshalText(text []byte) error {
	v, err := ParseHash(string(text))
	if err != nil {
		return err
	}
	*h = v
	return nil
}

// ParseHash reads the form of String, or 64 bare hexadecimal digits. The error is
// a Fault.
func ParseHash(s string) (Hash, error) {
	digits := s
	if rest, ok := strings.CutPrefix(s, hashPrefix); ok {
		digits, ok = strings.CutSuffix(rest, hashSuffix)
		if !ok {
			return Hash{}, Fault{Code: CodeHash, Message: quote(s) + " does not end in " + hashSuffix}
		}
	}
	var h Hash
	if len(digits) != 2*len(h) {
		return Hash{}, Fault{Code: CodeHash, Message: quote(s) + " is not a CBV 2.0 event hash"}
	}
	if _, err := hex.Decode(h[:], []byte(digits)); err != nil {
		return Hash{}, Fault{Code: CodeHash, Message: quote(s) + " is not a CBV 2.0 event hash"}
	}
	return h, nil
}

// HashProfile names a reading of the CBV 2.0 hash algorithm; HASH.md lists where
// they differ.
type HashProfile uint8

const (
	// ProfileReference is what GS1's reference implementation computes and what
	// its published vectors hold. It is the one in use: Hash and PreHash use it.
	ProfileReference HashProfile = iota
	// ProfileText is the published text of CBV 2.0, section 8.9, taken literally.
	ProfileText
)

// Hash gives the CBV 2.0 event hash.
func (e *Event) Hash() Hash {
	var h hasher
	h.buf = make([]byte, 0, 2048)
	h.event(e)
	return sha256.Sum256(h.buf)
}

// PreHash gives the string that Hash digests.
func (e *Event) PreHash() string { return e.PreHashProfile(ProfileReference) }

// PreHashProfile gives the pre-hash string by another reading of the algorithm.
func (e *Event) PreHashProfile(p HashProfile) string {
	h := hasher{profile: p}
	h.event(e)
	return string(h.buf)
}
