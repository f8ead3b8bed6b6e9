package protocolsim

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/msp"
	"google.golang.org/protobuf/proto"

	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/state/statetest"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// ErrNotAnchored says that no root that more than half of the keepers anchored covers what is to be proven.
var ErrNotAnchored = errors.New("not under a root that more than half of the keepers anchored")

// history is the proof log of the simulated ledger, as whoever reads its blocks keeps it.
type history struct {
	height uint64       // blocks so far
	leaves []proof.Leaf // in the log's order
	roots  []anchored   // as they were anchored
}

// anchored is a root with the keepers who said so.
type anchored struct {
	root    ledger.Root
	keepers []string
}

// clone gives a history that grows by itself.
func (h history) clone() history {
	h.leaves, h.roots = slices.Clip(h.leaves), slices.Clone(h.roots)
	for i := range h.roots {
		h.roots[i].keepers = slices.Clip(h.roots[i].keepers)
	}
	return h
}

// block takes in what the valid transactions of a block recorded.
func (h *history) block(stubs []*statetest.Stub, recorded []wire.Transaction) error {
	leaves := proof.BlockLeaves{Block: h.height}
	h.height++
	for i, stub := range stubs {
		var creator msp.SerializedIdentity
		serialized, err := stub.GetCreator()
		if err == nil {
			err = proto.Unmarshal(serialized, &creator)
		}
		if err != nil {
			return err
		}
		at, err := stub.GetTxTimestamp()
		if err != nil {
			return err
		}
		if err = leaves.Add(stub.TxID, creator.GetMspid(), ledger.MillisOf(at.AsTime()), &recorded[i]); err != nil {
			return err
		}
	}
	h.leaves = append(h.leaves, leaves.Facts...)
	for _, f := range leaves.Findings {
		h.leaves = append(h.leaves, f.Leaf)
	}
	return nil
}

// tree is the log of the first leaves.
func (h *history) tree(size uint64) (*proof.Tree, error) {
	tiles := map[proof.TileID][]byte{}
	read := func(id proof.TileID) ([]byte, error) { return tiles[id], nil }
	log, err := proof.OpenLog(0, read)
	if err != nil {
		return nil, err
	}
	for _, leaf := range h.leaves[:size] {
		if err = log.Append(leaf.Hash()); err != nil {
			return nil, err
		}
	}
	for _, tile := range log.Changed() {
		tiles[tile.TileID] = tile.Hashes
	}
	return &proof.Tree{Size: size, Read: read}, nil
}

// position is where the leaf of a key first stands, -1 if it does not.
func (h *history) position(key string) int {
	return slices.IndexFunc(h.leaves, func(l proof.Leaf) bool { return l.Key == key })
}

// hashOf stands for the hash of a block, which nothing here reads.
func hashOf(block uint64) ledger.Digest {
	return sha256.Sum256(binary.BigEndian.AppendUint64([]byte("waybill protocolsim block "), block))
}

// Root is the root of the proof log as it stands, at the height of the block that last added to it.
func (w *World) Root() (ledger.Root, error) {
	size := uint64(len(w.history.leaves))
	if size == 0 {
		return ledger.Root{}, fmt.Errorf("%w: the log is empty", ErrNotAnchored)
	}
	tree, err := w.history.tree(size)
	if err != nil {
		return ledger.Root{}, err
	}
	hash, err := tree.Root()
	last := w.history.leaves[size-1].Block
	return ledger.Root{Channel: channel, Genesis: hashOf(0), Height: last + 1, Block: hashOf(last), Size: size, Hash: ledger.Digest(hash)}, err
}

// channel is the name that the world state gives.
const channel = "test"

// Keepers are the organisations that keep the network's rules.
func Keepers() []string { return []string{"A", "B", "C"} }

// Anchor has keepers anchor the root of the proof log as it stands.
func (w *World) Anchor(keepers ...string) error {
	root, err := w.Root()
	if err != nil {
		return err
	}
	return w.AnchorRoot(root, keepers...)
}

// AnchorRoot has keepers anchor a root, which need not be that of the log.
func (w *World) AnchorRoot(root ledger.Root, keepers ...string) error {
	i := slices.IndexFunc(w.history.roots, func(a anchored) bool { return a.root == root })
	if i < 0 {
		i = len(w.history.roots)
		w.history.roots = append(w.history.roots, anchored{root: root})
	}
	for _, keeper := range keepers {
		if slices.Contains(w.history.roots[i].keepers, keeper) {
			continue
		}
		who := "root" + keeper
		signed := wire.SignedRoot{Root: root, Signed: ledger.RootSignature{At: w.Now()}}
		statement, err := wire.RootStatement(root, keeper, signed.Signed.At)
		if err == nil {
			signed.Signed.Signature, err = ledger.SignStatement(w.ids[who].key, rand.Reader, statement)
		}
		if err != nil {
			return err
		}
		argument, err := wire.Encode(wire.RootBatch{Roots: []wire.SignedRoot{signed}})
		if err == nil {
			_, err = recorded(w.submit(who, wire.FnAnchorRoots, argument, 0))
		}
		if err != nil {
			return err
		}
		w.history.roots[i].keepers = append(w.history.roots[i].keepers, keeper)
	}
	return nil
}

// Prove proves facts, named by their keys, under the last root that more than half of the keepers anchored, and gives the
// encoding of a proof.Bare. It fails with ErrNotAnchored where no such root covers them.
func (w *World) Prove(keys ...string) ([]byte, error) {
	for _, a := range slices.Backward(w.history.roots) {
		if len(a.keepers) >= proof.Majority(len(Keepers())) && a.root.Size <= uint64(len(w.history.leaves)) {
			return w.history.prove(a.root, keys)
		}
	}
	return nil, ErrNotAnchored
}

func (h *history) prove(root ledger.Root, keys []string) ([]byte, error) {
	tree, err := h.tree(root.Size)
	if err != nil {
		return nil, err
	}
	b := proof.Bare{Root: root}
	var indices []uint64
	for _, key := range keys {
		i := h.position(key)
		if i < 0 || uint64(i) >= root.Size {
			return nil, fmt.Errorf("%w: %q", ErrNotAnchored, key)
		}
		indices = append(indices, uint64(i))
	}
	slices.Sort(indices)
	for _, i := range indices {
		b.Leaves = append(b.Leaves, proof.BareLeaf{Index: i, Leaf: h.leaves[i].Bytes()})
	}
	hashes, err := tree.Inclusion(indices)
	if err != nil {
		return nil, err
	}
	b.Hashes = proof.Join(hashes)
	return b.Encode()
}
