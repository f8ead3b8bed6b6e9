package blocks

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/protobuf/proto"

	"github.com/waybill-dev/waybill/gateway/profile"
)

// Trust is what a stream believes without proof.
type Trust struct {
	// Channel and Chaincode name what is read.
	Channel, Chaincode string
	// Genesis is the channel's first block as the operator knows it. With it the stream follows every
	// change of the orderers that the channel itself decided. Without it each block must besides be
	// signed by Floor members of OrdererMSPs, by certificates under Roots.
	Genesis *common.Block
	// OrdererMSPs are the organisations whose orderers may sign.
	OrdererMSPs []string
	// Roots are the root certificates of each organisation.
	Roots map[string][]*x509.Certificate
	// Floor is the least number of signatures: 1 for Raft, a quorum for BFT.
	Floor int
}

// maxTrustFile bounds a certificate or genesis block file.
const maxTrustFile = 64 << 20

// TrustOf reads what a profile says to trust.
func TrustOf(p *profile.Profile) (Trust, error) {
	t := Trust{
		Channel: p.Channel, Chaincode: p.Chaincode, OrdererMSPs: p.OrdererMSPIDs,
		Roots: map[string][]*x509.Certificate{}, Floor: 1,
	}
	if p.Consensus == profile.BFT {
		t.Floor = quorum(len(p.Orderers))
	}
	for mspID, files := range p.TrustRoots {
		for _, file := range files {
			raw, err := readBounded(file)
			if err != nil {
				return Trust{}, fmt.Errorf("%w: root certificate of %s: %w", ErrTrust, mspID, err)
			}
			certs, err := certificates(raw)
			if err != nil {
				return Trust{}, fmt.Errorf("%w: root certificate of %s: %s: %w", ErrTrust, mspID, file, err)
			}
			t.Roots[mspID] = append(t.Roots[mspID], certs...)
		}
	}
	if p.GenesisBlock != "" {
		raw, err := readBounded(p.GenesisBlock)
		if err != nil {
			return Trust{}, fmt.Errorf("%w: genesis block: %w", ErrTrust, err)
		}
		t.Genesis = &common.Block{}
		if err := proto.Unmarshal(raw, t.Genesis); err != nil {
			return Trust{}, fmt.Errorf("%w: genesis block: %w", ErrTrust, err)
		}
	}
	return t, nil
}

// quorum is SmartBFT's for n nodes: any two quorums share more nodes than may lie.
func quorum(n int) int {
	f := (n - 1) / 3
	return (n + f + 2) / 2 // ⌈(n+f+1)/2⌉
}

func readBounded(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxTrustFile {
		return nil, fmt.Errorf("%s is larger than %d bytes", file, maxTrustFile)
	}
	return os.ReadFile(file) //nolint:gosec // the operator names it in the profile
}

func certificates(raw []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for rest := bytes.TrimSpace(raw); len(rest) > 0; rest = bytes.TrimSpace(rest) {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, fmt.Errorf("not PEM")
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		out = append(out, cert)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no certificate")
	}
	return out, nil
}
