package e2e_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/waybill-dev/waybill/gateway/profile"
)

// endorser is one peer, asked without the gateway's service between.
type endorser struct {
	name string
	peer peer.EndorserClient
}

func (l *lab) endorsers(t *testing.T, p *profile.Profile) []endorser {
	t.Helper()
	var out []endorser
	for _, peers := range p.Peers {
		for _, v := range peers {
			raw, err := os.ReadFile(v.TLSRootCert)
			if err != nil {
				t.Fatal(err)
			}
			roots := x509.NewCertPool()
			roots.AppendCertsFromPEM(raw)
			conn, err := grpc.NewClient("passthrough:///"+v.Address, grpc.WithTransportCredentials(
				credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ServerName: v.ServerName})))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			out = append(out, endorser{v.Name, peer.NewEndorserClient(conn)})
		}
	}
	return out
}

// signedProposal is one proposal of a transaction, signed; sent again it is the same to the last byte.
func signedProposal(t *testing.T, p *profile.Profile, identity, function string, arguments ...[]byte) *peer.SignedProposal {
	t.Helper()
	id, err := p.Identity(identity)
	if err != nil {
		t.Fatal(err)
	}
	certPEM, err := os.ReadFile(id.Cert)
	if err != nil {
		t.Fatal(err)
	}
	creator := marshal(t, &msp.SerializedIdentity{Mspid: p.MSPID, IdBytes: certPEM})
	nonce := make([]byte, 24)
	if _, err := rand.Read(nonce); err != nil {
		t.Fatal(err)
	}
	txID := sha256.Sum256(append(append([]byte(nil), nonce...), creator...))
	header := marshal(t, &common.Header{
		ChannelHeader: marshal(t, &common.ChannelHeader{
			Type: int32(common.HeaderType_ENDORSER_TRANSACTION), TxId: hex.EncodeToString(txID[:]), Timestamp: timestamppb.New(time.Now()), ChannelId: p.Channel,
			Extension: marshal(t, &peer.ChaincodeHeaderExtension{ChaincodeId: &peer.ChaincodeID{Name: p.Chaincode}}),
		}),
		SignatureHeader: marshal(t, &common.SignatureHeader{Creator: creator, Nonce: nonce}),
	})
	payload := marshal(t, &peer.ChaincodeProposalPayload{Input: marshal(t, &peer.ChaincodeInvocationSpec{ChaincodeSpec: &peer.ChaincodeSpec{
		Type: peer.ChaincodeSpec_GOLANG, ChaincodeId: &peer.ChaincodeID{Name: p.Chaincode},
		Input: &peer.ChaincodeInput{Args: append([][]byte{[]byte(function)}, arguments...)},
	}})})
	raw := marshal(t, &peer.Proposal{Header: header, Payload: payload})
	return &peer.SignedProposal{ProposalBytes: raw, Signature: sign(t, id.Key, raw)}
}

func marshal(t *testing.T, m proto.Message) []byte {
	t.Helper()
	raw, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// sign gives the signature in the form that Fabric takes, with a low S.
func sign(t *testing.T, keyFile string, message []byte) []byte {
	t.Helper()
	raw, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(raw)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	key := parsed.(*ecdsa.PrivateKey)
	digest := sha256.Sum256(message)
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	if n := key.Params().N; s.Cmp(new(big.Int).Rsh(n, 1)) > 0 {
		s.Sub(n, s)
	}
	out, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// simulate has a peer run the transaction and gives what it would endorse: proposal hash, read-write
// set, event and response, as bytes.
func (e endorser) simulate(ctx context.Context, t *testing.T, p *peer.SignedProposal) []byte {
	t.Helper()
	payload, err := e.simulation(ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func (e endorser) simulation(ctx context.Context, p *peer.SignedProposal) ([]byte, error) {
	r, err := e.peer.ProcessProposal(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.name, err)
	}
	if r.GetResponse().GetStatus() != 200 {
		return nil, fmt.Errorf("%s: %d %s", e.name, r.GetResponse().GetStatus(), r.GetResponse().GetMessage())
	}
	return r.GetPayload(), nil
}
