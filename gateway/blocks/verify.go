package blocks

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"
)

// maxSignatures bounds how many signatures of a block are looked at.
const maxSignatures = 256

// headerBytes is what is hashed and signed of a header: protoutil.BlockHeaderBytes of Fabric.
func headerBytes(h *common.BlockHeader) []byte {
	raw, err := asn1.Marshal(struct {
		Number             *big.Int
		PreviousHash, Data []byte
	}{new(big.Int).SetUint64(h.GetNumber()), h.GetPreviousHash(), h.GetDataHash()})
	if err != nil {
		panic(err) // cannot be: a number and two byte strings always encode
	}
	return raw
}

func headerHash(h *common.BlockHeader) [32]byte { return sha256.Sum256(headerBytes(h)) }

// verifier checks block after block. It holds what is known of the chain so far.
type verifier struct {
	trust  Trust
	config *config
	next   uint64
	prev   [32]byte // hash of the block before, when next > 0
	commit commits
}

// verify checks the block that must come next, and takes it in; it changes nothing if it fails. Its
// error is a sentence without the block's number.
func (v *verifier) verify(b *common.Block) (out Block, err error) {
	h := b.GetHeader()
	defer func(before *config) {
		if err != nil {
			v.config = before
		}
	}(v.config)
	switch {
	case h == nil:
		return Block{}, fmt.Errorf("no header")
	case h.GetNumber() != v.next:
		return Block{}, fmt.Errorf("number %d", h.GetNumber())
	case v.next > 0 && !bytes.Equal(h.GetPreviousHash(), v.prev[:]):
		return Block{}, fmt.Errorf("its previous hash is not the hash of block %d", v.next-1)
	case v.next == 0 && len(h.GetPreviousHash()) != 0:
		return Block{}, fmt.Errorf("the first block names a previous one")
	}
	if err = sound(b); err != nil {
		return Block{}, err
	}
	configuration := isConfig(b.GetData().GetData())
	if v.next == 0 {
		if v.config, err = v.trust.anchor(b); err != nil {
			return Block{}, err
		}
	} else {
		if err = v.signed(b, configuration); err != nil {
			return Block{}, err
		}
		if configuration {
			if err = v.reconfigure(b); err != nil {
				return Block{}, err
			}
		}
	}
	out, err = decode(b, v.trust.Chaincode, configuration)
	if err != nil {
		return Block{}, err
	}
	commit, err := v.commit.next(b, out)
	if err != nil {
		return Block{}, err
	}
	for i := range out.Transactions {
		out.Transactions[i].sets = nil
	}
	out.Hash = headerHash(h)
	v.commit, v.prev = commit, out.Hash
	v.next++
	return out, nil
}

// sound checks that the data are those of the header, divided as they were: the hash is over their
// concatenation, so each transaction must besides be exactly one well-formed envelope.
func sound(b *common.Block) error {
	data := b.GetData().GetData()
	if len(data) == 0 {
		return fmt.Errorf("no transactions")
	}
	sum := sha256.Sum256(bytes.Join(data, nil))
	if !bytes.Equal(sum[:], b.GetHeader().GetDataHash()) {
		return fmt.Errorf("its data do not have the header's data hash")
	}
	if isConfig(data) {
		return nil
	}
	for i, raw := range data {
		var e common.Envelope
		if err := proto.Unmarshal(raw, &e); err != nil {
			return fmt.Errorf("transaction %d is no envelope: %w", i, err)
		}
		again, err := proto.MarshalOptions{Deterministic: true}.Marshal(&e)
		if err != nil || !bytes.Equal(again, raw) || len(e.GetPayload()) == 0 || len(e.GetSignature()) == 0 {
			return fmt.Errorf("transaction %d is not one well-formed envelope", i)
		}
	}
	return nil
}

// signed checks the orderers' signatures under the configuration in force.
func (v *verifier) signed(b *common.Block, configuration bool) error {
	meta, ordered, err := ordererMetadata(b)
	if err != nil {
		return err
	}
	last := v.config.number
	if configuration {
		last = b.GetHeader().GetNumber()
	}
	if ordered.GetLastConfig().GetIndex() != last {
		return fmt.Errorf("it names block %d as the last configuration, not %d", ordered.GetLastConfig().GetIndex(), last)
	}
	signers, problem := v.config.signers(b.GetHeader(), meta)
	if !v.config.allows(signers) {
		return fmt.Errorf("the orderers' signatures do not satisfy the block validation policy (%d valid%s)", len(signers), problem)
	}
	if v.trust.Genesis == nil {
		if n := v.trust.pinned(signers); n < v.trust.Floor {
			return fmt.Errorf("%d of its signatures lead to the trust roots, %d are needed", n, v.trust.Floor)
		}
	}
	return nil
}

// ordererMetadata reads the signatures and what they cover beside the header.
func ordererMetadata(b *common.Block) (*common.Metadata, *common.OrdererBlockMetadata, error) {
	all := b.GetMetadata().GetMetadata()
	if len(all) <= int(common.BlockMetadataIndex_SIGNATURES) {
		return nil, nil, fmt.Errorf("no signatures")
	}
	var meta common.Metadata
	if err := proto.Unmarshal(all[common.BlockMetadataIndex_SIGNATURES], &meta); err != nil {
		return nil, nil, fmt.Errorf("its signatures are malformed: %w", err)
	}
	var ordered common.OrdererBlockMetadata
	if err := proto.Unmarshal(meta.GetValue(), &ordered); err != nil {
		return nil, nil, fmt.Errorf("its orderers' metadata are malformed: %w", err)
	}
	return &meta, &ordered, nil
}

// signers lists the members whose signatures verify, each once, and says what was wrong with the first other.
func (c *config) signers(h *common.BlockHeader, meta *common.Metadata) ([]signer, string) {
	var out []signer
	problem := ""
	wrong := func(format string, args ...any) {
		if problem == "" {
			problem = "; " + fmt.Sprintf(format, args...)
		}
	}
	header := headerBytes(h)
	for i, s := range meta.GetSignatures() {
		if i == maxSignatures {
			break
		}
		id, signedHeader, err := c.identityOf(s)
		if err != nil {
			wrong("signature %d: %s", i, err)
			continue
		}
		o := c.organisations[id.GetMspid()]
		if o == nil {
			wrong("signature %d: organisation %q is not in the channel", i, id.GetMspid())
			continue
		}
		certs, err := certificates(id.GetIdBytes())
		if err != nil {
			wrong("signature %d: certificate: %s", i, err)
			continue
		}
		if slices.ContainsFunc(out, func(s signer) bool { return sameCertificate(s.cert, certs[0]) }) {
			continue
		}
		if err = verifySignature(certs[0], slices.Concat(meta.GetValue(), signedHeader, header), s.GetSignature()); err != nil {
			wrong("signature %d: %s", i, err)
			continue
		}
		root, err := o.validate(certs[0])
		if err != nil {
			wrong("signature %d: %s", i, err)
			continue
		}
		out = append(out, signer{mspID: o.id, cert: certs[0], root: root})
	}
	return out, problem
}

// identityOf gives who made a signature: by certificate, or, as SmartBFT does, by consenter number.
func (c *config) identityOf(s *common.MetadataSignature) (*msp.SerializedIdentity, []byte, error) {
	if len(s.GetSignatureHeader()) == 0 && len(s.GetIdentifierHeader()) > 0 {
		var h common.IdentifierHeader
		if err := proto.Unmarshal(s.GetIdentifierHeader(), &h); err != nil {
			return nil, nil, err
		}
		id, ok := c.consenters[h.GetIdentifier()]
		if !ok {
			return nil, nil, fmt.Errorf("%d is no consenter", h.GetIdentifier())
		}
		return id, s.GetIdentifierHeader(), nil
	}
	var h common.SignatureHeader
	if err := proto.Unmarshal(s.GetSignatureHeader(), &h); err != nil {
		return nil, nil, err
	}
	var id msp.SerializedIdentity
	if err := proto.Unmarshal(h.GetCreator(), &id); err != nil {
		return nil, nil, err
	}
	return &id, s.GetSignatureHeader(), nil
}

// reconfigure takes the configuration of a block that the previous configuration's orderers signed.
func (v *verifier) reconfigure(b *common.Block) error {
	c, err := configOf(b, v.trust.Channel)
	if err != nil {
		return fmt.Errorf("its configuration: %w", err)
	}
	if c.sequence <= v.config.sequence {
		return fmt.Errorf("its configuration has sequence %d after %d", c.sequence, v.config.sequence)
	}
	v.config = c
	return nil
}

// anchor takes the first block, which nobody signs: it must be the operator's, and its orderers those
// of the trust roots.
func (t Trust) anchor(b *common.Block) (*config, error) {
	if t.Genesis != nil && headerHash(b.GetHeader()) != headerHash(t.Genesis.GetHeader()) {
		return nil, fmt.Errorf("it is not the genesis block of the profile")
	}
	c, err := configOf(b, t.Channel)
	if err != nil {
		return nil, fmt.Errorf("%w: the first block: %w", ErrTrust, err)
	}
	if len(c.ordererOrgs) == 0 {
		return nil, fmt.Errorf("%w: the channel has no orderer organisation", ErrTrust)
	}
	for _, id := range c.ordererOrgs {
		if !slices.Contains(t.OrdererMSPs, id) {
			return nil, fmt.Errorf("%w: the channel's orderer organisation %s is not in the profile", ErrTrust, id)
		}
		for _, root := range c.organisations[id].rootCerts {
			if !slices.ContainsFunc(t.Roots[id], root.Equal) {
				return nil, fmt.Errorf("%w: a root certificate of %s in the channel is not among its trust roots in the profile", ErrTrust, id)
			}
		}
	}
	return c, nil
}

// pinned counts the signers of the trusted orderer organisations.
func (t Trust) pinned(signers []signer) int {
	n := 0
	for _, s := range signers {
		if slices.Contains(t.OrdererMSPs, s.mspID) && slices.ContainsFunc(t.Roots[s.mspID], s.root.Equal) {
			n++
		}
	}
	return n
}
