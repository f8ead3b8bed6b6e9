package blocks

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"hash"
	"math/bits"
	"slices"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// commits follows the commit hash: with each block a peer stores a hash over its validity flags, what
// its valid transactions wrote, and the commit hash before (addBlockCommitHash of Fabric's kvledger). It is
// computed anew here, so that a flag which was changed where the block is stored or on its way is
// found. A peer that lies from the beginning can make it right for itself; then it is not that of the
// other peers.
type commits struct {
	state commitState
	hash  []byte
}

type commitState uint8

const (
	commitsUnknown commitState = iota // the first block decides
	commitsKnown                      // hash is that of the block before
	commitsNone                       // this channel's blocks have none, as those of Fabric 1
)

// commitHash reads a block's commit hash, nil if it has none.
func commitHash(b *common.Block) ([]byte, error) {
	all := b.GetMetadata().GetMetadata()
	if len(all) <= int(common.BlockMetadataIndex_COMMIT_HASH) || len(all[common.BlockMetadataIndex_COMMIT_HASH]) == 0 {
		return nil, nil
	}
	raw := all[common.BlockMetadataIndex_COMMIT_HASH]
	var m common.Metadata
	if err := proto.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("its commit hash is malformed: %w", err)
	}
	again, err := proto.MarshalOptions{Deterministic: true}.Marshal(&m)
	if err != nil || !bytes.Equal(again, raw) || len(m.GetValue()) != sha256.Size {
		return nil, fmt.Errorf("its commit hash is malformed")
	}
	return m.GetValue(), nil
}

// after gives the state after a block that a consumer has taken in before.
func commitsAfter(b *common.Block) (commits, error) {
	h, err := commitHash(b)
	switch {
	case err != nil:
		return commits{}, err
	case b.GetHeader().GetNumber() == 0:
		return commits{}, nil // block 1 tells
	case h == nil:
		return commits{state: commitsNone}, nil
	}
	return commits{state: commitsKnown, hash: h}, nil
}

// next checks the commit hash of the block that follows.
func (c commits) next(b *common.Block, out Block) (commits, error) {
	stated, err := commitHash(b)
	if err != nil || out.Number == 0 {
		return c, err
	}
	switch {
	case stated == nil && c.state == commitsKnown:
		return c, fmt.Errorf("its commit hash is missing")
	case stated == nil:
		return commits{state: commitsNone}, nil
	case c.state == commitsNone:
		return c, fmt.Errorf("it has a commit hash, the block before has none")
	}
	computed, ok, err := c.compute(b, out)
	if err != nil {
		return c, err
	}
	if ok && !bytes.Equal(computed, stated) {
		return c, fmt.Errorf("its validity flags are not those of its commit hash")
	}
	return commits{state: commitsKnown, hash: stated}, nil
}

// update is the last write of a key in a block.
type update struct {
	namespace, collection, key string
	value                      []byte // nil: deleted
	tx                         int
}

// compute gives the commit hash of a block. It is false if that depends on more than the block: a
// transaction wrote metadata of a key, of which the peer's state has the value.
func (c commits) compute(b *common.Block, out Block) (sum []byte, ok bool, err error) {
	var updates []update
	for _, tx := range out.Transactions {
		if !tx.Valid || tx.sets == nil {
			continue
		}
		if updates, ok, err = tx.updates(updates); err != nil || !ok {
			return nil, false, err
		}
	}
	order := func(a, b update) int {
		return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.collection, b.collection), cmp.Compare(a.key, b.key), cmp.Compare(a.tx, b.tx))
	}
	if !slices.IsSortedFunc(updates, order) {
		slices.SortFunc(updates, order)
	}
	flags := b.GetMetadata().GetMetadata()[common.BlockMetadataIndex_TRANSACTIONS_FILTER]
	h := sha256.New()
	h.Write(protowire.AppendVarint(nil, uint64(len(flags))))
	h.Write(flags)
	w := updateWriter{hash: h, block: out.Number}
	for i, u := range updates {
		if i+1 < len(updates) {
			if next := updates[i+1]; next.namespace == u.namespace && next.collection == u.collection && next.key == u.key {
				continue // a later transaction wrote it again
			}
		}
		w.write(u)
	}
	w.flush()
	h.Write(c.hash)
	return h.Sum(nil), true, nil
}

// updates appends what a transaction wrote, in every namespace.
func (tx Transaction) updates(to []update) ([]update, bool, error) {
	nothing := sha256.Sum256(nil) // as the value of a hashed write, it deletes
	for _, ns := range tx.sets {
		if len(ns.public.GetMetadataWrites()) > 0 {
			return to, false, nil
		}
		for _, w := range ns.public.GetWrites() {
			u := update{namespace: ns.name, key: w.GetKey(), tx: tx.Index}
			if !w.GetIsDelete() && len(w.GetValue()) > 0 {
				u.value = w.GetValue()
			}
			to = append(to, u)
		}
		for _, c := range ns.collections {
			var hashed kvrwset.HashedRWSet
			if err := proto.Unmarshal(c.GetHashedRwset(), &hashed); err != nil {
				return to, false, err
			}
			if len(hashed.GetMetadataWrites()) > 0 {
				return to, false, nil
			}
			for _, w := range hashed.GetHashedWrites() {
				u := update{namespace: ns.name, collection: c.GetCollectionName(), key: string(w.GetKeyHash()), tx: tx.Index}
				if !w.GetIsDelete() && len(w.GetValueHash()) > 0 && !bytes.Equal(w.GetValueHash(), nothing[:]) {
					u.value = w.GetValueHash()
				}
				to = append(to, u)
			}
		}
	}
	return to, true, nil
}

// namespaceWrites is what a transaction wrote in a namespace.
type namespaceWrites struct {
	name        string
	public      *kvrwset.KVRWSet
	collections []*rwset.CollectionHashedReadWriteSet
}

// updateWriter writes updates as txmgr.Updates of Fabric, field by field, into a hash.
type updateWriter struct {
	hash  hash.Hash
	block uint64
	buf   []byte

	namespace, collection string
	begun                 bool
}

// The fields of Fabric's KVWrite, and of Updates.
const (
	fieldNamespace  = 1
	fieldCollection = 2
	fieldKey        = 3
	fieldIsDelete   = 4
	fieldValue      = 5
	fieldVersion    = 6
	fieldUpdate     = 1
)

// write adds an update. A namespace or collection is named in its first update only.
func (w *updateWriter) write(u update) {
	namespace, collection := "", ""
	if !w.begun || w.namespace != u.namespace {
		namespace = u.namespace
	}
	if u.collection != "" && (namespace != "" || w.collection != u.collection) {
		collection = u.collection
	}
	w.begun, w.namespace, w.collection = true, u.namespace, u.collection
	var version [18]byte
	at := appendOrdered(appendOrdered(version[:0], w.block), uint64(u.tx)) //nolint:gosec // an index
	sized := func(n int) int {
		if n == 0 {
			return 0
		}
		return 1 + protowire.SizeBytes(n)
	}
	size := sized(len(namespace)) + sized(len(collection)) + sized(len(u.key)) + sized(len(u.value)) + sized(len(at))
	if u.value == nil {
		size += 2
	}
	b := protowire.AppendTag(w.buf, fieldUpdate, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size)) //nolint:gosec // bounded by the block
	text := func(field protowire.Number, s string) {
		if s != "" {
			b = protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
		}
	}
	text(fieldNamespace, namespace)
	text(fieldCollection, collection)
	text(fieldKey, u.key)
	if u.value == nil {
		b = protowire.AppendVarint(protowire.AppendTag(b, fieldIsDelete, protowire.VarintType), 1)
	} else {
		b = protowire.AppendBytes(protowire.AppendTag(b, fieldValue, protowire.BytesType), u.value)
	}
	w.buf = protowire.AppendBytes(protowire.AppendTag(b, fieldVersion, protowire.BytesType), at)
	const piece = 32 << 10
	if len(w.buf) >= piece {
		w.flush()
	}
}

func (w *updateWriter) flush() {
	w.hash.Write(w.buf)
	w.buf = w.buf[:0]
}

// appendOrdered is EncodeOrderPreservingVarUint64 of Fabric's ledger: a length and the big-endian
// bytes from the first that is not zero.
func appendOrdered(b []byte, n uint64) []byte {
	size := (bits.Len64(n) + 7) / 8
	b = append(b, byte(size)) //nolint:gosec // at most 8
	for i := size - 1; i >= 0; i-- {
		b = append(b, byte(n>>(8*i))) //nolint:gosec // the byte at that place
	}
	return b
}
