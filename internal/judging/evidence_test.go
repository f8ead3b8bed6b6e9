package judging_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/internal/judging"
)

func TestEvidenceTellsWhereFactsStandAndProvesTwo(t *testing.T) {
	tiles := map[proof.TileID][]byte{}
	read := func(id proof.TileID) ([]byte, error) { return tiles[id], nil }
	log, err := proof.OpenLog(0, read)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	var leaves []proof.Leaf
	for i := range 5 {
		leaf := proof.Leaf{Key: wire.EventKey(ledger.Digest{byte(9 - i)}), Digest: ledger.Digest{1}, Block: 3, Index: uint32(i), TxID: "tx", MSPID: "AMSP", At: 5}
		keys, leaves = append(keys, leaf.Key), append(leaves, leaf)
		if err := log.Append(leaf.Hash()); err != nil {
			t.Fatal(err)
		}
	}
	for _, tile := range log.Changed() {
		tiles[tile.TileID] = tile.Hashes
	}
	tree := proof.Tree{Size: 5, Read: read}
	root, err := tree.Root()
	if err != nil {
		t.Fatal(err)
	}
	of := func(indices ...uint64) proof.Proof {
		hashes, err := tree.Inclusion(indices)
		if err != nil {
			t.Fatal(err)
		}
		p := proof.Proof{Kind: proof.Inclusion, Hashes: proof.Join(hashes), Roots: []proof.SignedRoot{{Root: ledger.Root{
			Channel: "waybill", Genesis: ledger.Digest{1}, Height: 4, Block: ledger.Digest{2}, Size: 5, Hash: ledger.Digest(root),
		}}}}
		for _, i := range indices {
			p.Leaves = append(p.Leaves, proof.Proven{Index: i, Leaf: leaves[i].Bytes()})
		}
		return p
	}
	e, err := judging.Evidence(of(1, 3), []string{keys[3], keys[1]})
	if err != nil || !slices.Equal(e.Places, []uint64{3, 1}) {
		t.Fatal(e.Places, err)
	}
	shown, err := proof.DecodeBare(e.Proof)
	if err != nil {
		t.Fatal(err)
	}
	if facts, err := shown.Check(); err != nil || len(facts) != 2 || facts[0].Key != keys[1] || facts[1].Key != keys[3] {
		t.Errorf("%+v %v", facts, err)
	}
	if e, err = judging.Evidence(of(0, 2, 4), []string{keys[0], keys[2], keys[4]}); err != nil || !slices.Equal(e.Places, []uint64{0, 2, 4}) || e.Proof != nil {
		t.Errorf("%+v %v", e, err)
	}
	if _, err = judging.Evidence(of(1, 3), []string{keys[0], keys[1]}); !errors.Is(err, proof.ErrMalformed) {
		t.Error(err)
	}
}
