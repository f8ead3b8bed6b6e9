package blocks_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/waybill-dev/waybill/gateway/blocks"
)

// submission is a transaction that a client signed.
func submission(t *testing.T, args ...[]byte) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "modeller"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	spec := &peer.ChaincodeInvocationSpec{ChaincodeSpec: &peer.ChaincodeSpec{Input: &peer.ChaincodeInput{Args: args}}}
	action := &peer.ChaincodeActionPayload{ChaincodeProposalPayload: marshal(&peer.ChaincodeProposalPayload{Input: marshal(spec)})}
	creator := &msp.SerializedIdentity{Mspid: "ProducerMSP", IdBytes: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
	payload := marshal(&common.Payload{
		Header: &common.Header{SignatureHeader: marshal(&common.SignatureHeader{Creator: marshal(creator)})},
		Data:   marshal(&peer.Transaction{Actions: []*peer.TransactionAction{{Payload: marshal(action)}}}),
	})
	digest := sha256.Sum256(payload)
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return marshal(&common.Envelope{Payload: payload, Signature: signature})
}

func blockOf(data ...[]byte) blocks.Block {
	return blocks.Block{Raw: &common.Block{Data: &common.BlockData{Data: data}}}
}

func TestAProposalIsWhatItsCreatorSigned(t *testing.T) {
	raw := submission(t, []byte("model:Submit"), []byte("argument"))
	p, err := blockOf(raw).Proposal(0)
	if err != nil {
		t.Fatal(err)
	}
	if p.Function != "model:Submit" || len(p.Arguments) != 1 || string(p.Arguments[0]) != "argument" || p.Creator.Subject.CommonName != "modeller" {
		t.Errorf("%+v", p)
	}
	if _, err := blockOf(raw).Proposal(1); err == nil {
		t.Error("a transaction that is not there")
	}
	if _, err := blockOf(bytes.Replace(raw, []byte("argument"), []byte("Argument"), 1)).Proposal(0); !errors.Is(err, blocks.ErrTampered) {
		t.Errorf("another argument: %v", err)
	}
	if _, err := blockOf(submission(t)).Proposal(0); !errors.Is(err, blocks.ErrTampered) {
		t.Errorf("no function: %v", err)
	}
	for n := range raw {
		broken := bytes.Clone(raw)
		broken[n] ^= 1
		if q, err := blockOf(broken).Proposal(0); err == nil && q.Function != p.Function {
			t.Fatalf("byte %d", n)
		}
	}
}
