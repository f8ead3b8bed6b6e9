package proof

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/fxamacker/cbor/v2"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Errors of a proof, each with its code. Every one of them means that nothing is proven.
var (
	// ErrMalformed says that the file is no proof, or is damaged.
	ErrMalformed = errors.New("WB_PROOF_MALFORMED: not a proof in its one form")
	// ErrContent says that a content is not that of its leaf.
	ErrContent = errors.New("WB_PROOF_CONTENT: the content is not what was recorded")
	// ErrPath says that the leaves and the path do not give the root.
	ErrPath = errors.New("WB_PROOF_PATH: the proof does not lead to its root")
	// ErrSignature says that a signature under the root does not verify.
	ErrSignature = errors.New("WB_PROOF_SIGNATURE: a signature of the root does not verify")
	// ErrSigner says that a signer is not certified to sign roots by a given root certificate.
	ErrSigner = errors.New("WB_PROOF_SIGNER: a signer of the root is not certified to sign it")
	// ErrMajority says that fewer than a majority of the given organisations signed the root.
	ErrMajority = errors.New("WB_PROOF_MAJORITY: fewer than a majority of the organisations signed the root")
	// ErrRoots says that the root certificates given cannot be used.
	ErrRoots = errors.New("WB_PROOF_ROOTS: the root certificates cannot be used")
)

// Kind is what a proof proves.
type Kind uint8

// The kinds.
const (
	// Inclusion proves that facts are in the log under a signed root.
	Inclusion Kind = 1
	// Consistency proves that the log under a signed root continues the one under an earlier one.
	Consistency Kind = 2
)

// Proof is all that is needed to check facts offline, but for the organisations' root certificates.
type Proof struct {
	Kind   Kind         `cbor:"1,keyasint"`
	Roots  []SignedRoot `cbor:"2,keyasint"`           // one; for Consistency two, the earlier first
	Leaves []Proven     `cbor:"3,keyasint,omitempty"` // in the log's order
	Hashes []byte       `cbor:"4,keyasint"`           // of Tree.Inclusion or Tree.Consistency, one after the other
}

// SignedRoot is a root with the signatures of organisations that state the same.
type SignedRoot struct {
	Root       ledger.Root `cbor:"1,keyasint"`
	Signatures []Signature `cbor:"2,keyasint"`
}

// Signature is an organisation's word for a root, with the certificate of its key.
type Signature struct {
	At          ledger.Millis `cbor:"1,keyasint"`
	Certificate []byte        `cbor:"2,keyasint"` // DER
	Signature   []byte        `cbor:"3,keyasint"`
}

// Proven is a leaf at its place in the log, with what it is the digest of if that is enclosed.
type Proven struct {
	Index   uint64   `cbor:"1,keyasint"`
	Leaf    []byte   `cbor:"2,keyasint"` // canonical bytes
	Content *Content `cbor:"3,keyasint,omitempty"`
}

// Bounds on a proof.
const (
	// MaxLeaves bounds the facts of one proof.
	MaxLeaves = 10_000
	// MaxBytes bounds the file, MaxPlainBytes what it holds.
	MaxBytes      = 48 << 20
	MaxPlainBytes = 64 << 20

	maxRoots      = 2
	maxSignatures = 256
	maxHashes     = MaxLeaves * 64
)

// The file: magic with the format's version, the length of what it holds, that in DEFLATE with a
// preset dictionary, and the first bytes of the SHA-256 of all that, which tells damage from forgery
// and holds the file to one spelling.
const (
	magic        = "WBPROOF\x01"
	trailerBytes = 8
)

// dictionary is what proofs have in common: the shape of certificates that Fabric's authorities issue.
// It belongs to the format's version.
const dictionary = "\x30\x82\x02\x30\x82\x01\xa0\x03\x02\x01\x02\x02\x10\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02\x30" +
	"\x31\x0b\x30\x09\x06\x03\x55\x04\x06\x13\x02US\x31\x13\x30\x11\x06\x03\x55\x04\x08\x31\x16\x30\x14\x06\x03\x55\x04\x07" +
	"\x31\x11\x30\x0f\x06\x03\x55\x04\x0a\x13\x08\x31\x14\x30\x12\x06\x03\x55\x04\x03\x13\x0bca.producer" +
	"\x30\x1e\x17\x0d260101000000Z\x17\x0d310101000000Z\x30\x31\x0f\x30\x0d\x06\x03\x55\x04\x0b\x13\x06client\x31\x10\x30\x0e\x06\x03\x55\x04\x03\x13\x07service" +
	"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00\x04" +
	"\xa3\x81\x30\x81\x30\x0e\x06\x03\x55\x1d\x0f\x01\x01\xff\x04\x04\x03\x02\x07\x80\x30\x19\x06\x03\x55\x1d\x25\x04\x12\x30\x10\x06\x08\x2b\x06\x01\x05\x05\x07\x03\x02\x06\x04\x55\x1d\x25\x00" +
	"\x30\x0c\x06\x03\x55\x1d\x13\x01\x01\xff\x04\x02\x30\x00\x30\x29\x06\x03\x55\x1d\x0e\x04\x22\x04\x20\x30\x2b\x06\x03\x55\x1d\x23\x04\x24\x30\x22\x80\x20" +
	"\x30\x06\x08\x2a\x03\x04\x05\x06\x07\x08\x01\x04{\"attrs\":{\"waybill.role\":\"recorder,gateway,scorer,registrar,anchor\"}}" +
	"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02\x03\x48\x00\x30\x45\x02\x21\x00\x02\x20" +
	"{\"@context\":[\"https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld\"],\"eventID\":\"urn:uuid:ni:///sha-256;?ver=CBV2.0\"," +
	"\"quantityList\":[{\"epcClass\":\"urn:epc:id:lgtin:\",\"quantity\":,\"uom\":\"KGM\"}],\"bizTransactionList\":[{\"type\":\"po\",\"bizTransaction\":\"urn:epc:id:gdti:\"}]," +
	"\"sourceList\":[{\"type\":\"owning_party\",\"source\":\"urn:epc:id:pgln:\"}],\"destinationList\":[{\"type\":\"possessing_party\",\"destination\":\"urn:epc:id:pgln:\"}]," +
	"\"type\":\"AggregationEvent\",\"parentID\":\"urn:epc:id:sscc:\",\"childEPCs\":[\"urn:epc:id:sgtin:\",\"https://id.gs1.org/01/0/21/\",\"https://id.gs1.org/00/0\"]," +
	"\"type\":\"ObjectEvent\",\"eventTime\":\"2026-01-01T00:00:00.000Z\",\"eventTimeZoneOffset\":\"+00:00\",\"epcList\":[\"urn:epc:id:sgtin:\"]," +
	"\"action\":\"OBSERVE\",\"ADD\",\"DELETE\",\"bizStep\":\"commissioning\",\"packing\",\"receiving\",\"shipping\",\"disposition\":\"in_transit\",\"in_progress\",\"active\"," +
	"\"readPoint\":{\"id\":\"urn:epc:id:sgln:\"},\"bizLocation\":{\"id\":\"urn:epc:id:sgln:\"}}" +
	"\x00event\x00\x00ProducerMSP\x00CarrierMSP\x00RetailerMSP\x00\xa4\x01\x01\x02\x81\xa2\x01\xa6\x01gwaybill\x02\x58\x20"

// modes are the encoder and the decoder, made once and never changed.
type modes struct {
	enc cbor.EncMode
	dec cbor.DecMode
}

var codec = sync.OnceValues(func() (modes, error) { //nolint:gochecknoglobals // immutable once made
	options := cbor.CoreDetEncOptions()
	options.TagsMd = cbor.TagsForbidden
	enc, err := options.EncMode()
	if err != nil {
		return modes{}, err
	}
	dec, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField, UTF8: cbor.UTF8RejectInvalid, FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		MaxArrayElements: MaxLeaves, MaxMapPairs: 16, MaxNestedLevels: 8,
	}.DecMode()
	return modes{enc: enc, dec: dec}, err
})

// Encode gives the proof's file.
func (p Proof) Encode() ([]byte, error) {
	m, err := codec()
	if err != nil {
		return nil, err
	}
	plain, err := m.enc.Marshal(p)
	if err != nil {
		return nil, err
	}
	if len(plain) > MaxPlainBytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are allowed; leave contents out or prove fewer facts", ErrMalformed, len(plain), MaxPlainBytes)
	}
	return pack(plain)
}

// pack makes the file of what it holds.
func pack(plain []byte) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(magic)
	b.Write(binary.AppendUvarint(nil, uint64(len(plain))))
	w, err := flate.NewWriterDict(&b, flate.BestCompression, []byte(dictionary))
	if err != nil {
		return nil, err
	}
	if _, err = w.Write(plain); err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b.Bytes())
	b.Write(sum[:trailerBytes])
	if b.Len() > MaxBytes {
		return nil, fmt.Errorf("%w: a file of %d bytes, at most %d are allowed", ErrMalformed, b.Len(), MaxBytes)
	}
	return b.Bytes(), nil
}

// Decode reads a proof's file. It verifies nothing.
func Decode(file []byte) (Proof, error) {
	if len(file) > MaxBytes || len(file) < len(magic)+trailerBytes || string(file[:len(magic)]) != magic {
		return Proof{}, fmt.Errorf("%w: it does not begin as one of this version, or is too long", ErrMalformed)
	}
	body, trailer := file[:len(file)-trailerBytes], file[len(file)-trailerBytes:]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:trailerBytes], trailer) {
		return Proof{}, fmt.Errorf("%w: its checksum is wrong; it was damaged on its way", ErrMalformed)
	}
	body = body[len(magic):]
	size, n := binary.Uvarint(body)
	if n <= 0 || size > MaxPlainBytes {
		return Proof{}, fmt.Errorf("%w: its length", ErrMalformed)
	}
	packed := bytes.NewReader(body[n:])
	r := flate.NewReaderDict(packed, []byte(dictionary))
	var plain bytes.Buffer
	got, err := io.Copy(&plain, io.LimitReader(r, int64(size)+1))
	if err != nil || uint64(got) != size || packed.Len() > 0 { //nolint:gosec // not negative
		return Proof{}, fmt.Errorf("%w: it does not unpack to the length that it states", ErrMalformed)
	}
	m, err := codec()
	if err != nil {
		return Proof{}, err
	}
	if err = m.countable(plain.Bytes()); err != nil {
		return Proof{}, err
	}
	var p Proof
	if err = m.dec.Unmarshal(plain.Bytes(), &p); err != nil {
		return Proof{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	again, err := m.enc.Marshal(p)
	if err != nil || !bytes.Equal(again, plain.Bytes()) {
		return Proof{}, fmt.Errorf("%w: not in the deterministic encoding", ErrMalformed)
	}
	return p, p.check()
}

// countable holds the numbers of roots and signatures before anything is made of them: a byte of a
// hostile file is else a whole signature in memory, and arrays in arrays of them are gigabytes.
func (m modes) countable(plain []byte) error {
	var outline struct {
		Kind   cbor.RawMessage   `cbor:"1,keyasint"`
		Roots  []cbor.RawMessage `cbor:"2,keyasint"`
		Leaves cbor.RawMessage   `cbor:"3,keyasint,omitempty"`
		Hashes cbor.RawMessage   `cbor:"4,keyasint"`
	}
	if err := m.dec.Unmarshal(plain, &outline); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if len(outline.Roots) > maxRoots {
		return fmt.Errorf("%w: %d roots", ErrMalformed, len(outline.Roots))
	}
	for _, raw := range outline.Roots {
		var root struct {
			Root       cbor.RawMessage   `cbor:"1,keyasint"`
			Signatures []cbor.RawMessage `cbor:"2,keyasint"`
		}
		if err := m.dec.Unmarshal(raw, &root); err != nil {
			return fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		if len(root.Signatures) > maxSignatures {
			return fmt.Errorf("%w: %d signatures", ErrMalformed, len(root.Signatures))
		}
	}
	return nil
}

// check holds the proof's form.
func (p Proof) check() error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
	}
	roots := 1
	switch p.Kind {
	case Inclusion:
		if len(p.Leaves) == 0 || len(p.Leaves) > MaxLeaves {
			return wrong("%d leaves", len(p.Leaves))
		}
	case Consistency:
		roots = 2
		if len(p.Leaves) > 0 {
			return wrong("leaves in a proof of consistency")
		}
	default:
		return wrong("kind %d", p.Kind)
	}
	if len(p.Roots) != roots {
		return wrong("%d roots", len(p.Roots))
	}
	for _, r := range p.Roots {
		if err := ledger.CheckRoot(r.Root); err != nil {
			return wrong("%s", err)
		}
		if len(r.Signatures) == 0 || len(r.Signatures) > maxSignatures {
			return wrong("%d signatures", len(r.Signatures))
		}
	}
	if len(p.Hashes)%sha256.Size != 0 || len(p.Hashes) > maxHashes*sha256.Size {
		return wrong("%d bytes of hashes", len(p.Hashes))
	}
	return nil
}

func (p Proof) hashes() []Hash {
	out := make([]Hash, len(p.Hashes)/sha256.Size)
	for i := range out {
		out[i] = Hash(p.Hashes[i*sha256.Size:])
	}
	return out
}

// Join writes hashes one after the other, as a Proof holds them.
func Join(hashes []Hash) []byte {
	out := make([]byte, 0, len(hashes)*sha256.Size)
	for _, h := range hashes {
		out = append(out, h[:]...)
	}
	return out
}
