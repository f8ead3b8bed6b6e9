package proof_test

import (
	"encoding/pem"
	"testing"

	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

func pemOf(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

const million = 1_000_000

// A self-contained proof at a million leaves has at most 2 kB, also with the event enclosed.
func TestAProofAtAMillionLeavesIsSmall(t *testing.T) {
	c := three(t)
	store, p := atAMillion(t, c)
	bare := encoded(t, p)
	e, err := epcis.ParseEvent(nil, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	// The same with a real body: its leaf is not in the log, the size is what counts.
	leaf := leafOf(1)
	leaf.Key, leaf.Digest = wire.EventKey(ledger.Digest(e.Hash())), proof.EventDigest(nil, []byte(body))
	p.Leaves[0].Leaf, p.Leaves[0].Content = leaf.Bytes(), &proof.Content{Body: []byte(body)}
	enclosed := encoded(t, p)
	t.Logf("%d tiles; a proof of %d bytes, with an event of %d bytes enclosed %d", len(store), len(bare), len(body), len(enclosed))
	const limit = 2000
	if len(bare) > limit || len(enclosed) > limit {
		t.Errorf("%d and %d bytes", len(bare), len(enclosed))
	}
}

func atAMillion(t fatal, c consortium) (tiles, proof.Proof) {
	t.Helper()
	store, l := grown(t, million, 0)
	root := rootAt(l, t)
	return store, included(t, c.sign(t, root, "CarrierMSP", "ProducerMSP"), store, 524_287)
}

func BenchmarkVerify(b *testing.B) {
	c := three(b)
	_, p := atAMillion(b, c)
	file := encoded(b, p)
	b.ReportMetric(float64(len(file)), "bytes")
	for b.Loop() {
		p, err := proof.Decode(file)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.roots.Verify(p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	store := tiles{}
	l, err := proof.OpenLog(0, store.read)
	if err != nil {
		b.Fatal(err)
	}
	leaf := leafOf(1)
	for b.Loop() {
		if err := l.Append(leaf.Hash()); err != nil {
			b.Fatal(err)
		}
	}
	store.write(l)
}

func BenchmarkInclusion(b *testing.B) {
	store, l := grown(b, million, 0)
	index := uint64(0)
	for b.Loop() {
		tree := proof.Tree{Size: l.Size(), Read: store.read}
		if _, err := tree.Inclusion([]uint64{index}); err != nil {
			b.Fatal(err)
		}
		index = (index + 7919) % million
	}
}

func BenchmarkLeafHash(b *testing.B) {
	leaf := leafOf(1)
	for b.Loop() {
		leaf.Hash()
	}
}
