package blocks_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/waybill-dev/waybill/gateway/blocks"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/profile"
)

func TestTrustComesFromTheProfile(t *testing.T) {
	w := newWorld(true).fill(2)
	dir := t.TempDir()
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	root, genesis := file("ca.pem", pemOf(w.orderers.ca)), file("genesis.block", marshal(w.blocks[0]))
	sound := func() *profile.Profile {
		return &profile.Profile{
			Channel: channel, Chaincode: chaincode, Consensus: profile.BFT, OrdererMSPIDs: []string{"OrdererMSP"}, Orderers: make([]profile.Orderer, 4),
			TrustRoots: map[string][]string{"OrdererMSP": {root}}, GenesisBlock: genesis,
		}
	}
	trust, err := blocks.TrustOf(sound())
	if err != nil || trust.Floor != 3 {
		t.Fatalf("floor %d, %v", trust.Floor, err)
	}
	if got, err := take(open(t, trust, newPeer("p", w.blocks)).Blocks(t.Context(), 0), 3); err != nil || len(got) != 3 {
		t.Errorf("%d blocks, %v", len(got), err)
	}
	for name, change := range map[string]func(p *profile.Profile){
		"a root that is not there":    func(p *profile.Profile) { p.TrustRoots["OrdererMSP"] = []string{filepath.Join(dir, "none")} },
		"a root that is none":         func(p *profile.Profile) { p.TrustRoots["OrdererMSP"] = []string{genesis} },
		"an empty root":               func(p *profile.Profile) { p.TrustRoots["OrdererMSP"] = []string{file("empty", nil)} },
		"a genesis block that is not": func(p *profile.Profile) { p.GenesisBlock = root },
		"a genesis block not there":   func(p *profile.Profile) { p.GenesisBlock = filepath.Join(dir, "none") },
	} {
		p := sound()
		change(p)
		if _, err := blocks.TrustOf(p); !errors.Is(err, blocks.ErrTrust) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := blocks.New(trust, nil, blocks.Options{}); !errors.Is(err, fabric.ErrUnavailable) {
		t.Errorf("no peer: %v", err)
	}
}
