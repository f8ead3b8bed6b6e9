package proof_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// bareOf proves two leaves of a small log without signatures.
func bareOf(t fatal) proof.Bare {
	t.Helper()
	store, l := grown(t, 9, 0)
	tree := proof.Tree{Size: 9, Read: store.read}
	indices := []uint64{2, 7}
	hashes, err := tree.Inclusion(indices)
	if err != nil {
		t.Fatal(err)
	}
	b := proof.Bare{Root: rootAt(l, t), Hashes: proof.Join(hashes)}
	for _, i := range indices {
		b.Leaves = append(b.Leaves, proof.BareLeaf{Index: i, Leaf: leafOf(i).Bytes()})
	}
	return b
}

func TestABareProofShowsItsFactsAndNothingThatWasChanged(t *testing.T) {
	b := bareOf(t)
	facts, err := b.Check()
	if err != nil || len(facts) != 2 || facts[0].Position != 2 || facts[1].Key != leafOf(7).Key {
		t.Fatal(facts, err)
	}
	data, err := b.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		changed := slices.Clone(data)
		changed[i] ^= 0x20
		// Channel, genesis and block of the root are not of the log: who knows the root compares them.
		if other, err := proof.DecodeBare(changed); err == nil && other.Root == b.Root {
			if _, err = other.Check(); err == nil {
				t.Errorf("byte %d may be changed", i)
			}
		}
	}
	swapped := b
	swapped.Leaves = []proof.BareLeaf{{Index: 2, Leaf: b.Leaves[1].Leaf}, {Index: 7, Leaf: b.Leaves[0].Leaf}}
	if _, err = swapped.Check(); !errors.Is(err, proof.ErrPath) {
		t.Error(err)
	}
	for what, change := range map[string]func(*proof.Bare){
		"no leaf":         func(b *proof.Bare) { b.Leaves = nil },
		"many leaves":     func(b *proof.Bare) { b.Leaves = make([]proof.BareLeaf, 17) },
		"a long path":     func(b *proof.Bare) { b.Hashes = make([]byte, 32*900) },
		"a damaged path":  func(b *proof.Bare) { b.Hashes = b.Hashes[:31] },
		"half a leaf":     func(b *proof.Bare) { b.Leaves[0].Leaf = b.Leaves[0].Leaf[:9] },
		"the same twice":  func(b *proof.Bare) { b.Leaves[1] = b.Leaves[0] },
		"beyond the size": func(b *proof.Bare) { b.Leaves[1].Index = 9 },
		"a root of none":  func(b *proof.Bare) { b.Root = ledger.Root{} },
	} {
		other := b
		other.Leaves = slices.Clone(b.Leaves)
		change(&other)
		data, err := other.Encode()
		if err != nil {
			t.Fatal(what, err)
		}
		if other, err = proof.DecodeBare(data); err == nil {
			_, err = other.Check()
		}
		if !errors.Is(err, proof.ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err = proof.DecodeBare(make([]byte, ledger.MaxProofBytes+1)); !errors.Is(err, proof.ErrMalformed) {
		t.Error(err)
	}
}

func FuzzBareProofs(f *testing.F) {
	data, err := bareOf(f).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := proof.DecodeBare(data)
		if err != nil {
			return
		}
		again, err := b.Encode()
		if err != nil || !bytes.Equal(again, data) {
			t.Fatal("two spellings of one proof")
		}
		facts, err := b.Check()
		if err == nil && len(facts) != len(b.Leaves) {
			t.Fatal(facts)
		}
	})
}
