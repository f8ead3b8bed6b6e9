package blocks

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"
)

// Proposal is what the submitter of a transaction asked for and signed.
type Proposal struct {
	Function  string
	Arguments [][]byte
	Creator   *x509.Certificate
}

// Proposal reads what the submitter of a transaction of the block signed, and checks the signature by the
// certificate that is in it. That the certificate is its organisation's was checked by the peers.
func (b Block) Proposal(index int) (Proposal, error) {
	data := b.Raw.GetData().GetData()
	if index < 0 || index >= len(data) {
		return Proposal{}, fmt.Errorf("transaction %d of block %d, which has %d", index, b.Number, len(data))
	}
	p, err := proposal(data[index])
	if err != nil {
		return Proposal{}, fmt.Errorf("%w: the proposal of transaction %d of block %d: %w", ErrTampered, index, b.Number, err)
	}
	return p, nil
}

func proposal(raw []byte) (Proposal, error) {
	var out Proposal
	var envelope common.Envelope
	if err := proto.Unmarshal(raw, &envelope); err != nil {
		return out, err
	}
	var payload common.Payload
	if err := proto.Unmarshal(envelope.GetPayload(), &payload); err != nil {
		return out, err
	}
	var signature common.SignatureHeader
	if err := proto.Unmarshal(payload.GetHeader().GetSignatureHeader(), &signature); err != nil {
		return out, err
	}
	var creator msp.SerializedIdentity
	if err := proto.Unmarshal(signature.GetCreator(), &creator); err != nil {
		return out, err
	}
	var err error
	if out.Creator, err = x509.ParseCertificate(firstPEM(creator.GetIdBytes())); err != nil {
		return out, err
	}
	key, ok := out.Creator.PublicKey.(*ecdsa.PublicKey)
	digest := sha256.Sum256(envelope.GetPayload())
	if !ok || !ecdsa.VerifyASN1(key, digest[:], envelope.GetSignature()) {
		return out, errors.New("its creator did not sign it")
	}
	var t peer.Transaction
	if err := proto.Unmarshal(payload.GetData(), &t); err != nil {
		return out, err
	}
	if len(t.GetActions()) != 1 {
		return out, fmt.Errorf("%d actions", len(t.GetActions()))
	}
	var action peer.ChaincodeActionPayload
	if err := proto.Unmarshal(t.GetActions()[0].GetPayload(), &action); err != nil {
		return out, err
	}
	var asked peer.ChaincodeProposalPayload
	if err := proto.Unmarshal(action.GetChaincodeProposalPayload(), &asked); err != nil {
		return out, err
	}
	var invocation peer.ChaincodeInvocationSpec
	if err := proto.Unmarshal(asked.GetInput(), &invocation); err != nil {
		return out, err
	}
	arguments := invocation.GetChaincodeSpec().GetInput().GetArgs()
	if len(arguments) == 0 {
		return out, errors.New("it calls no function")
	}
	out.Function, out.Arguments = string(arguments[0]), arguments[1:]
	return out, nil
}
