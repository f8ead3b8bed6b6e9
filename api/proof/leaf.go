package proof

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// LeafVersion is the first byte of a leaf. A change of the form is a new version.
const LeafVersion = 1

// Leaf is what the log holds of one fact: which it is, the digest of its content, and where, by whom
// and when it was recorded. Every organisation derives the same one from the ledger.
type Leaf struct {
	Key    string        // of the fact in the world state, which begins with its kind (see wire.ParseKey)
	Digest ledger.Digest // of its content (see Content)
	Block  uint64
	// Index counts the facts of the block from 0, in ledger order: events, restatements, segments,
	// verdicts and final verdicts together, findings by themselves.
	Index uint32
	TxID  string
	MSPID string        // of the transaction's creator
	At    ledger.Millis // the transaction's time, which its creator chose
}

// maxLeafBytes bounds a leaf: its key, transaction and organisation.
const maxLeafBytes = 8 << 10

// Kind is what the leaf's fact is: wire.KindEvent, KindRestatement, KindSegment, KindVerdict, KindFinal
// or KindFinding; empty for a key that is none.
func (l Leaf) Kind() wire.Kind {
	kind, _, err := wire.ParseKey(l.Key)
	if err != nil {
		return ""
	}
	return kind
}

// Bytes are the leaf's canonical bytes.
func (l Leaf) Bytes() []byte {
	return l.append(make([]byte, 0, 96+len(l.Key)+len(l.TxID)+len(l.MSPID)))
}

func (l Leaf) append(b []byte) []byte {
	text := func(s string) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	b = append(b, LeafVersion)
	text(l.Key)
	b = append(b, l.Digest[:]...)
	b = binary.AppendUvarint(b, l.Block)
	b = binary.AppendUvarint(b, uint64(l.Index))
	text(l.TxID)
	text(l.MSPID)
	return binary.AppendVarint(b, int64(l.At))
}

// ParseLeaf reads canonical bytes. It accepts one spelling of each leaf.
func ParseLeaf(data []byte) (Leaf, error) {
	var l Leaf
	if len(data) > maxLeafBytes || len(data) == 0 || data[0] != LeafVersion {
		return l, fmt.Errorf("%w: a leaf of %d bytes that is not of version %d", ErrMalformed, len(data), LeafVersion)
	}
	rest, ok := data[1:], true
	number := func() uint64 {
		v, n := binary.Uvarint(rest)
		if n <= 0 {
			ok, n = false, 0
		}
		rest = rest[n:]
		return v
	}
	raw := func(n uint64) []byte {
		if n > uint64(len(rest)) {
			ok = false
			return nil
		}
		out := rest[:n]
		rest = rest[n:]
		return out
	}
	l.Key = string(raw(number()))
	copy(l.Digest[:], raw(sha256.Size))
	l.Block = number()
	index := number()
	l.TxID = string(raw(number()))
	l.MSPID = string(raw(number()))
	at, n := binary.Varint(rest)
	if !ok || n != len(rest) || n == 0 || index > math.MaxUint32 || l.Kind() == "" || !utf8.ValidString(l.Key+l.TxID+l.MSPID) {
		return Leaf{}, fmt.Errorf("%w: a leaf is damaged", ErrMalformed)
	}
	l.Index, l.At = uint32(index), ledger.Millis(at)
	if !bytes.Equal(l.Bytes(), data) {
		return Leaf{}, fmt.Errorf("%w: a leaf is not in its canonical form", ErrMalformed)
	}
	return l, nil
}

// Hash is the leaf's hash in the log.
func (l Leaf) Hash() Hash {
	var room [512]byte
	return leafHash(l.append(append(room[:0], leafPrefix)))
}

// Content is a fact as it is recorded. For an event or restatement Head is the JSON-LD context
// (empty for the default) and Body the JSON; for a segment Head is the device's signature and Body
// the signed bytes; for a verdict Body is the wire encoding of what its scorer states, for a final verdict
// or a finding that of itself.
type Content struct {
	Head []byte `cbor:"1,keyasint,omitempty"`
	Body []byte `cbor:"2,keyasint"`
}

// EventDigest is the digest of an event's or restatement's content.
func EventDigest(context, body []byte) ledger.Digest { return ledger.BodyDigest(context, body) }

// SegmentDigest is the digest of a segment's content: SHA-256 over the digest of the signed bytes and
// the signature.
func SegmentDigest(payload ledger.Digest, signature []byte) ledger.Digest {
	return sha256.Sum256(append(payload[:], signature...))
}

// VerdictContent is the content of a verdict.
func VerdictContent(v ledger.Verdict) (Content, error) {
	body, err := wire.Encode(v.Stated())
	return Content{Body: body}, err
}

// FinalContent is the content of a final verdict: with the whole verdict where that is not the one that is
// recorded under its key.
func FinalContent(f ledger.FinalVerdict) (Content, error) {
	body, err := wire.Encode(f)
	return Content{Body: body}, err
}

// FinalDigest is the digest of a final verdict's content.
func FinalDigest(c Content) ledger.Digest { return sha256.Sum256(c.Body) }

// FindingContent is the content of a finding.
func FindingContent(f ledger.Finding) (Content, error) {
	body, err := wire.Encode(f)
	return Content{Body: body}, err
}

// FindingDigest is the digest of a finding's content.
func FindingDigest(c Content) ledger.Digest { return sha256.Sum256(c.Body) }

// Check holds that the content is that of the leaf: its digest, and that it is the fact that the
// leaf's key names. An event's hash is computed anew from its body.
func (c Content) Check(l Leaf) error {
	digest, key, err := c.identify(l.Kind())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrContent, err)
	}
	if digest != l.Digest {
		return fmt.Errorf("%w: its digest is %s, the leaf's %s", ErrContent, digest, l.Digest)
	}
	if key != l.Key {
		return fmt.Errorf("%w: it is %s, the leaf is of %s", ErrContent, describe(key), describe(l.Key))
	}
	return nil
}

// identify gives the digest of a content of that kind, and the key of the fact that it is.
func (c Content) identify(kind wire.Kind) (ledger.Digest, string, error) {
	switch kind {
	case wire.KindEvent, wire.KindRestatement:
		digest := EventDigest(c.Head, c.Body)
		e, err := epcis.ParseEvent(c.Head, c.Body)
		if err != nil {
			return digest, "", err
		}
		hash := ledger.Digest(e.Hash())
		if kind == wire.KindRestatement {
			return digest, wire.RestatementKey(hash, digest), nil
		}
		return digest, wire.EventKey(hash), nil
	case wire.KindSegment:
		digest := SegmentDigest(wire.SegmentDigest(c.Body), c.Head)
		s, err := wire.DecodeSegment(c.Body)
		if err != nil {
			return digest, "", err
		}
		key, err := wire.SegmentKey(s.Device, s.Seq)
		return digest, key, err
	case wire.KindVerdict:
		v, err := wire.Decode[ledger.Verdict](c.Body, wire.MaxStoredBytes)
		if err != nil {
			return ledger.Digest{}, "", err
		}
		key, err := wire.VerdictKey(v.Shipment, v.Window, v.Model)
		return sha256.Sum256(c.Body), key, err
	case wire.KindFinal:
		f, err := wire.Decode[ledger.FinalVerdict](c.Body, wire.MaxStoredBytes)
		if err != nil {
			return ledger.Digest{}, "", err
		}
		key, err := wire.FinalKey(f.Shipment, f.Window, f.Model)
		return FinalDigest(c), key, err
	case wire.KindFinding:
		f, err := wire.Decode[ledger.Finding](c.Body, wire.MaxStoredBytes)
		if err != nil {
			return ledger.Digest{}, "", err
		}
		key, err := wire.FindingKey(f)
		return sha256.Sum256(c.Body), key, err
	default:
		return ledger.Digest{}, "", fmt.Errorf("a fact of kind %q", kind)
	}
}

// describe names a fact by its key, for people.
func describe(key string) string {
	kind, attributes, err := wire.ParseKey(key)
	switch {
	case err != nil:
		return strconv.Quote(key)
	case kind == wire.KindEvent && len(attributes) == 1:
		return "event " + attributes[0]
	case kind == wire.KindRestatement && len(attributes) == 2:
		return "the text " + attributes[1] + " of event " + attributes[0]
	case kind == wire.KindSegment && len(attributes) == 2:
		return "segment " + trimZeros(attributes[1]) + " of " + attributes[0]
	case kind == wire.KindVerdict && len(attributes) == 3:
		return "the verdict of " + attributes[2] + " on window " + trimZeros(attributes[1]) + " of " + attributes[0]
	case kind == wire.KindFinal && len(attributes) == 3:
		return "the final verdict of " + cmp.Or(attributes[2], "several models") + " on window " + trimZeros(attributes[1]) + " of " + attributes[0]
	case kind == wire.KindFinding && len(attributes) == 3:
		return "the finding " + attributes[1] + " on event " + attributes[0]
	}
	return strconv.Quote(key)
}

func trimZeros(digits string) string {
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return digits
	}
	return strconv.FormatUint(n, 10)
}
