package blocks

import (
	"fmt"
	"testing"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
)

// batchOf is a block of one transaction with as many writes as 1,000 events make, and their pack.
func batchOf() (*common.Block, Block) {
	kv := &kvrwset.KVRWSet{Writes: []*kvrwset.KVWrite{{Key: "\x00pack\x00tx\x00", Value: make([]byte, 300_000)}}}
	for i := range 3_000 {
		kv.Writes = append(kv.Writes, &kvrwset.KVWrite{Key: fmt.Sprintf("\x00x\x00%064d\x00", i), Value: make([]byte, 100)})
	}
	raw := &common.Block{Header: &common.BlockHeader{Number: 7}, Metadata: &common.BlockMetadata{Metadata: [][]byte{nil, nil, {0}, nil, nil}}}
	return raw, Block{Number: 7, Transactions: []Transaction{{Valid: true, sets: []namespaceWrites{{name: "waybill", public: kv}}}}}
}

func TestTheCommitHashCoversFlagsWritesAndTheHashBefore(t *testing.T) {
	raw, b := batchOf()
	c := commits{state: commitsKnown, hash: make([]byte, 32)}
	sum := func() string {
		got, ok, err := c.compute(raw, b)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		return string(got)
	}
	want := sum()
	seen := map[string]string{want: "unchanged"}
	for what, change := range map[string]func(back bool){
		"flag":        func(bool) { raw.Metadata.Metadata[2][0] ^= 11 },
		"value":       func(bool) { b.Transactions[0].sets[0].public.Writes[9].Value[3] ^= 1 },
		"the last":    func(bool) { c.hash[5] ^= 1 },
		"deleted":     func(back bool) { b.Transactions[0].sets[0].public.Writes[8].IsDelete = !back },
		"the place":   func(bool) { b.Transactions[0].Index ^= 1 },
		"not applied": func(back bool) { b.Transactions[0].Valid = back },
	} {
		change(false)
		if other, known := seen[sum()]; known {
			t.Errorf("%s gives the hash of %s", what, other)
		}
		seen[sum()] = what
		change(true)
	}
	if sum() != want {
		t.Error("the test has left a change behind")
	}
}

func BenchmarkCommitHash(b *testing.B) {
	raw, block := batchOf()
	c := commits{state: commitsKnown, hash: make([]byte, 32)}
	for b.Loop() {
		if _, _, err := c.compute(raw, block); err != nil {
			b.Fatal(err)
		}
	}
}
