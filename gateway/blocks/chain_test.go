package blocks_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"iter"
	"math/big"
	"sync"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/waybill-dev/waybill/gateway/blocks"
	"github.com/waybill-dev/waybill/gateway/fabric"
)

const (
	channel   = "waybill"
	chaincode = "waybill"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func marshal(m proto.Message) []byte {
	return must(proto.MarshalOptions{Deterministic: true}.Marshal(m))
}

// org is an organisation with its certificate authority.
type org struct {
	id     string
	ca     *x509.Certificate
	key    *ecdsa.PrivateKey
	serial int64
	revoke []*big.Int
}

// node is a certified key of an organisation.
type node struct {
	org  *org
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	id   uint32 // as a consenter
}

func newOrg(id string) *org {
	o := &org{id: id, key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca." + id}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SubjectKeyId: []byte(id),
	}
	o.ca = must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, template, o.key.Public(), o.key))))
	return o
}

func (o *org) node(unit string, consenter uint32, expired bool) *node {
	o.serial++
	n := &node{org: o, key: must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), id: consenter}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1 + o.serial), Subject: pkix.Name{CommonName: fmt.Sprint("node", o.serial), OrganizationalUnit: []string{unit}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if expired {
		template.NotAfter = time.Now().Add(-time.Minute)
	}
	n.cert = must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, template, o.ca, n.key.Public(), o.key))))
	return n
}

func pemOf(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func (n *node) identity() []byte {
	return marshal(&msp.SerializedIdentity{Mspid: n.org.id, IdBytes: pemOf(n.cert)})
}

func (n *node) sign(message []byte) []byte {
	digest := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, n.key, digest[:])
	if err != nil {
		panic(err)
	}
	if order := n.key.Params().N; s.Cmp(new(big.Int).Rsh(order, 1)) > 0 {
		s.Sub(order, s)
	}
	return must(asn1.Marshal(struct{ R, S *big.Int }{r, s}))
}

func (o *org) mspConfig() []byte {
	f := &msp.FabricMSPConfig{
		Name: o.id, RootCerts: [][]byte{pemOf(o.ca)},
		FabricNodeOus: &msp.FabricNodeOUs{
			Enable:             true,
			ClientOuIdentifier: &msp.FabricOUIdentifier{OrganizationalUnitIdentifier: "client"}, PeerOuIdentifier: &msp.FabricOUIdentifier{OrganizationalUnitIdentifier: "peer"},
			AdminOuIdentifier: &msp.FabricOUIdentifier{OrganizationalUnitIdentifier: "admin"}, OrdererOuIdentifier: &msp.FabricOUIdentifier{OrganizationalUnitIdentifier: "orderer"},
		},
	}
	if len(o.revoke) > 0 {
		list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now(), NextUpdate: time.Now().Add(time.Hour)}
		for _, serial := range o.revoke {
			list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: time.Now()})
		}
		der := must(x509.CreateRevocationList(rand.Reader, list, o.ca, o.key))
		f.RevocationList = [][]byte{pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})}
	}
	return marshal(&msp.MSPConfig{Config: marshal(f)})
}

func member(id string, role msp.MSPRole_MSPRoleType) *common.SignaturePolicyEnvelope {
	return &common.SignaturePolicyEnvelope{
		Rule: nOf(1, 1),
		Identities: []*msp.MSPPrincipal{{
			PrincipalClassification: msp.MSPPrincipal_ROLE, Principal: marshal(&msp.MSPRole{MspIdentifier: id, Role: role}),
		}},
	}
}

func nOf(n, of int) *common.SignaturePolicy {
	var rules []*common.SignaturePolicy
	for i := range of {
		rules = append(rules, &common.SignaturePolicy{Type: &common.SignaturePolicy_SignedBy{SignedBy: int32(i)}})
	}
	return &common.SignaturePolicy{Type: &common.SignaturePolicy_NOutOf_{NOutOf: &common.SignaturePolicy_NOutOf{N: int32(n), Rules: rules}}}
}

func signaturePolicy(e *common.SignaturePolicyEnvelope) *common.ConfigPolicy {
	return &common.ConfigPolicy{Policy: &common.Policy{Type: int32(common.Policy_SIGNATURE), Value: marshal(e)}}
}

// channelConfig says who orders: any orderer of those organisations, or a quorum of consenters.
func channelConfig(orderers []*org, applications []*org, consenters []*node, sequence uint64) []byte {
	group := func(orgs []*org, role msp.MSPRole_MSPRoleType) *common.ConfigGroup {
		g := &common.ConfigGroup{Groups: map[string]*common.ConfigGroup{}, Values: map[string]*common.ConfigValue{}, Policies: map[string]*common.ConfigPolicy{}}
		for _, o := range orgs {
			g.Groups[o.id] = &common.ConfigGroup{
				Values:   map[string]*common.ConfigValue{"MSP": {Value: o.mspConfig()}},
				Policies: map[string]*common.ConfigPolicy{"Writers": signaturePolicy(member(o.id, role))},
			}
		}
		return g
	}
	orderer := group(orderers, msp.MSPRole_ORDERER)
	orderer.Policies["BlockValidation"] = &common.ConfigPolicy{Policy: &common.Policy{
		Type:  int32(common.Policy_IMPLICIT_META),
		Value: marshal(&common.ImplicitMetaPolicy{SubPolicy: "Writers", Rule: common.ImplicitMetaPolicy_ANY}),
	}}
	if len(consenters) > 0 {
		e := &common.SignaturePolicyEnvelope{Rule: nOf((len(consenters)+(len(consenters)-1)/3+2)/2, len(consenters))}
		var all common.Orderers
		for _, c := range consenters {
			e.Identities = append(e.Identities, &msp.MSPPrincipal{PrincipalClassification: msp.MSPPrincipal_IDENTITY, Principal: c.identity()})
			all.ConsenterMapping = append(all.ConsenterMapping, &common.Consenter{Id: c.id, MspId: c.org.id, Identity: pemOf(c.cert)})
		}
		orderer.Policies["BlockValidation"] = signaturePolicy(e)
		orderer.Values["Orderers"] = &common.ConfigValue{Value: marshal(&all)}
	}
	root := &common.ConfigGroup{Groups: map[string]*common.ConfigGroup{"Orderer": orderer, "Application": group(applications, msp.MSPRole_PEER)}}
	return envelope(common.HeaderType_CONFIG, "", marshal(&common.ConfigEnvelope{Config: &common.Config{Sequence: sequence, ChannelGroup: root}}))
}

// withPolicy sets a configuration's block validation policy.
func withPolicy(config []byte, policy *common.ConfigPolicy) []byte {
	var e common.Envelope
	var payload common.Payload
	var ce common.ConfigEnvelope
	if err := proto.Unmarshal(config, &e); err != nil {
		panic(err)
	}
	if err := proto.Unmarshal(e.GetPayload(), &payload); err != nil {
		panic(err)
	}
	if err := proto.Unmarshal(payload.GetData(), &ce); err != nil {
		panic(err)
	}
	ce.Config.ChannelGroup.Groups["Orderer"].Policies["BlockValidation"] = policy
	return envelope(common.HeaderType_CONFIG, "", marshal(&ce))
}

func envelope(kind common.HeaderType, txID string, data []byte) []byte {
	header := marshal(&common.ChannelHeader{Type: int32(kind), ChannelId: channel, TxId: txID, Timestamp: timestamppb.New(time.UnixMilli(1_700_000_000_000))})
	signature := marshal(&common.SignatureHeader{Creator: marshal(&msp.SerializedIdentity{Mspid: "ProducerMSP", IdBytes: []byte("cert")}), Nonce: []byte("nonce")})
	payload := marshal(&common.Payload{Header: &common.Header{ChannelHeader: header, SignatureHeader: signature}, Data: data})
	return marshal(&common.Envelope{Payload: payload, Signature: []byte("signature")})
}

// transaction writes key = value in our namespace and another's, and emits an event.
func transaction(id, event string, keys ...string) []byte {
	var own, foreign kvrwset.KVRWSet
	for _, k := range keys {
		own.Writes = append(own.Writes, &kvrwset.KVWrite{Key: k, Value: []byte("value of " + k)})
	}
	foreign.Writes = []*kvrwset.KVWrite{{Key: "foreign", Value: []byte("x")}}
	action := &peer.ChaincodeAction{
		ChaincodeId: &peer.ChaincodeID{Name: chaincode},
		Results: marshal(&rwset.TxReadWriteSet{NsRwset: []*rwset.NsReadWriteSet{
			{Namespace: "_lifecycle", Rwset: marshal(&foreign)}, {Namespace: chaincode, Rwset: marshal(&own)},
		}}),
	}
	if event != "" {
		action.Events = marshal(&peer.ChaincodeEvent{ChaincodeId: chaincode, TxId: id, EventName: "waybill", Payload: []byte(event)})
	}
	payload := &peer.ChaincodeActionPayload{Action: &peer.ChaincodeEndorsedAction{
		ProposalResponsePayload: marshal(&peer.ProposalResponsePayload{Extension: marshal(action)}),
	}}
	return envelope(common.HeaderType_ENDORSER_TRANSACTION, id, marshal(&peer.Transaction{Actions: []*peer.TransactionAction{{Payload: marshal(payload)}}}))
}

// chain builds blocks as orderers and peers of Fabric do.
type chain struct {
	blocks     []*common.Block
	lastConfig uint64
	bft        bool
	signers    []*node
}

func hashOf(b *common.Block) []byte {
	raw := must(asn1.Marshal(struct {
		Number         *big.Int
		Previous, Data []byte
	}{new(big.Int).SetUint64(b.Header.Number), b.Header.PreviousHash, b.Header.DataHash}))
	sum := sha256.Sum256(raw)
	return sum[:]
}

// add appends a block of those transactions, with a flag for each, signed by the chain's signers.
func (c *chain) add(config bool, flags []byte, data ...[]byte) *common.Block {
	b := &common.Block{
		Header:   &common.BlockHeader{Number: uint64(len(c.blocks))},
		Data:     &common.BlockData{Data: data},
		Metadata: &common.BlockMetadata{Metadata: make([][]byte, 5)},
	}
	if len(c.blocks) > 0 {
		b.Header.PreviousHash = hashOf(c.blocks[len(c.blocks)-1])
	}
	sum := sha256.Sum256(bytes.Join(data, nil))
	b.Header.DataHash = sum[:]
	if config {
		c.lastConfig = b.Header.Number
	}
	if flags == nil {
		flags = make([]byte, len(data))
	}
	b.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER] = flags
	c.sign(b)
	c.blocks = append(c.blocks, b)
	return b
}

func (c *chain) sign(b *common.Block) {
	meta := &common.Metadata{Value: marshal(&common.OrdererBlockMetadata{LastConfig: &common.LastConfig{Index: c.lastConfig}})}
	header := must(asn1.Marshal(struct {
		Number         *big.Int
		Previous, Data []byte
	}{new(big.Int).SetUint64(b.Header.Number), b.Header.PreviousHash, b.Header.DataHash}))
	for _, n := range c.signers {
		s := &common.MetadataSignature{}
		var signed []byte
		if c.bft {
			s.IdentifierHeader = marshal(&common.IdentifierHeader{Identifier: n.id, Nonce: []byte("n")})
			signed = s.IdentifierHeader
		} else {
			s.SignatureHeader = marshal(&common.SignatureHeader{Creator: n.identity(), Nonce: []byte("n")})
			signed = s.SignatureHeader
		}
		s.Signature = n.sign(bytes.Join([][]byte{meta.Value, signed, header}, nil))
		meta.Signatures = append(meta.Signatures, s)
	}
	b.Metadata.Metadata[common.BlockMetadataIndex_SIGNATURES] = marshal(meta)
}

// world is a channel with its organisations.
type world struct {
	*chain
	orderers, peers *org
	nodes           []*node
	trust           blocks.Trust
}

func newWorld(bft bool) *world {
	w := &world{orderers: newOrg("OrdererMSP"), peers: newOrg("ProducerMSP"), chain: &chain{bft: bft}}
	n := 1
	if bft {
		n = 4
	}
	for i := range n {
		w.nodes = append(w.nodes, w.orderers.node("orderer", uint32(i+1), false))
	}
	w.trust = blocks.Trust{
		Channel: channel, Chaincode: chaincode, OrdererMSPs: []string{"OrdererMSP"}, Floor: 1,
		Roots: map[string][]*x509.Certificate{"OrdererMSP": {w.orderers.ca}},
	}
	var consenters []*node
	if bft {
		w.trust.Floor, consenters = 3, w.nodes
	}
	w.add(true, nil, channelConfig([]*org{w.orderers}, []*org{w.peers}, consenters, 0))
	w.signers = w.nodes[:w.trust.Floor]
	return w
}

// fill appends blocks of one to three transactions.
func (w *world) fill(n int) *world {
	for range n {
		k := len(w.blocks)
		data := [][]byte{transaction(fmt.Sprint("tx", k, "a"), "summary", fmt.Sprint("k", k, "b"), fmt.Sprint("k", k, "a"))}
		flags := []byte{0}
		if k%2 == 0 {
			data = append(data, transaction(fmt.Sprint("tx", k, "b"), "", "x"), transaction(fmt.Sprint("tx", k, "c"), "void", "y"))
			flags = []byte{0, 0, byte(peer.TxValidationCode_MVCC_READ_CONFLICT)}
		}
		w.add(false, flags, data...)
	}
	return w
}

// peerOf is a peer that serves a chain as it is told to.
type peerOf struct {
	name string

	mu     sync.Mutex
	chain  []*common.Block
	height int                       // how many of them it has
	fail   func(number uint64) error // before a block is delivered
	more   chan struct{}             // closed when height grows
	opened int
}

func newPeer(name string, blocks []*common.Block) *peerOf {
	return &peerOf{name: name, chain: blocks, height: len(blocks), more: make(chan struct{})}
}

func (p *peerOf) grow(height int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.height = height
	close(p.more)
	p.more = make(chan struct{})
}

// Name is Source's.
func (p *peerOf) Name() string { return p.name }

// Blocks is Source's.
func (p *peerOf) Blocks(ctx context.Context, from uint64) iter.Seq2[*common.Block, error] {
	return func(yield func(*common.Block, error) bool) {
		p.mu.Lock()
		p.opened++
		p.mu.Unlock()
		for number := from; ; {
			p.mu.Lock()
			fail, more, has := p.fail, p.more, number < uint64(p.height)
			p.mu.Unlock()
			if fail != nil {
				if err := fail(number); err != nil {
					yield(nil, err)
					return
				}
			}
			if !has {
				select {
				case <-more:
					continue
				case <-ctx.Done():
					yield(nil, context.Cause(ctx))
					return
				}
			}
			if !yield(proto.CloneOf(p.chain[number]), nil) {
				return
			}
			number++
		}
	}
}

// Block is Source's.
func (p *peerOf) Block(_ context.Context, number uint64) (*common.Block, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		if err := p.fail(number); err != nil {
			return nil, err
		}
	}
	if number >= uint64(p.height) {
		return nil, fabric.ErrNotFound
	}
	return proto.CloneOf(p.chain[number]), nil
}

// Newest is Source's.
func (p *peerOf) Newest(ctx context.Context) (*common.Block, error) {
	p.mu.Lock()
	height := p.height
	p.mu.Unlock()
	if height == 0 {
		return nil, fabric.ErrNotFound
	}
	return p.Block(ctx, uint64(height-1))
}

func open(t *testing.T, trust blocks.Trust, peers ...*peerOf) *blocks.Stream {
	t.Helper()
	var sources []blocks.Source
	for _, p := range peers {
		sources = append(sources, p)
	}
	s, err := blocks.New(trust, sources, blocks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// take reads n blocks, or until the stream ends with the error returned.
func take(seq iter.Seq2[blocks.Block, error], n int) ([]blocks.Block, error) {
	var out []blocks.Block
	for b, err := range seq {
		if err != nil {
			return out, err
		}
		if out = append(out, b); len(out) == n {
			break
		}
	}
	return out, nil
}
