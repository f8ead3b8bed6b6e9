package proof

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// Hash is a node of the log: SHA-256 as RFC 6962 section 2.1 applies it.
type Hash = [sha256.Size]byte

// Prefixes of RFC 6962 that keep leaves and inner nodes apart.
const (
	leafPrefix = 0
	nodePrefix = 1
)

// leafHash hashes a leaf that begins with leafPrefix.
func leafHash(prefixed []byte) Hash { return sha256.Sum256(prefixed) }

func nodeHash(left, right Hash) Hash {
	var b [1 + 2*sha256.Size]byte
	b[0] = nodePrefix
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}

// EmptyRoot is the root of the log without leaves.
func EmptyRoot() Hash { return Hash(rfc6962.DefaultHasher.EmptyRoot()) }

// The log is kept in tiles, as C2SP's tlog-tiles has them: tile (level, index) holds up to TileWidth
// nodes of the tree's level 8*level, so that a proof touches few rows and a commit rewrites few.
const (
	tileHeight = 8
	// TileWidth is how many hashes a full tile holds.
	TileWidth = 1 << tileHeight
	// TileBytes is the size of a full tile.
	TileBytes = TileWidth * sha256.Size
)

// TileID names a tile.
type TileID struct {
	Level int
	Index uint64
}

// Tile is a tile with its hashes, one after the other; the last of a level may be partial.
type Tile struct {
	TileID

	Hashes []byte
}

// ReadTile gives the hashes of a tile.
type ReadTile func(TileID) ([]byte, error)

// ErrTiles says that a tile does not hold the nodes that the log's size demands.
var ErrTiles = errors.New("WB_LOG_DAMAGED: the proof log does not hold together")

// Log appends leaves. It holds the right edge of the tree: a hash for each subtree and the last tile
// of each level.
type Log struct {
	edge  *compact.Range
	last  [][]byte // partial tile of each level, never full
	dirty map[TileID][]byte
}

func factory() *compact.RangeFactory { return &compact.RangeFactory{Hash: hashChildren} }

// hashChildren is nodeHash as the library takes it.
func hashChildren(left, right []byte) []byte {
	h := nodeHash(Hash(left), Hash(right))
	return h[:]
}

// OpenLog makes the log of a size from its tiles.
func OpenLog(size uint64, read ReadTile) (*Log, error) {
	l := &Log{dirty: map[TileID][]byte{}}
	for level, n := 0, size; n > 0; level, n = level+1, n>>tileHeight {
		var tile []byte
		if partial := n % TileWidth; partial > 0 {
			hashes, err := read(TileID{level, n >> tileHeight})
			if err != nil {
				return nil, err
			}
			if uint64(len(hashes)) != partial*sha256.Size {
				return nil, fmt.Errorf("%w: tile %d/%d has %d bytes at %d leaves", ErrTiles, level, n>>tileHeight, len(hashes), size)
			}
			tile = slices.Clone(hashes)
		}
		l.last = append(l.last, tile)
	}
	tree := Tree{Size: size, Read: read}
	var hashes [][]byte
	for _, id := range compact.RangeNodes(0, size, nil) {
		h, err := tree.node(id)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, h[:])
	}
	var err error
	if l.edge, err = factory().NewRange(0, size, hashes); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTiles, err)
	}
	return l, nil
}

// Clone gives a log that grows by itself.
func (l *Log) Clone() (*Log, error) {
	c := &Log{dirty: map[TileID][]byte{}, last: make([][]byte, len(l.last))}
	for i, tile := range l.last {
		c.last[i] = slices.Clone(tile)
	}
	var err error
	c.edge, err = factory().NewRange(0, l.edge.End(), slices.Clone(l.edge.Hashes()))
	return c, err
}

// Size is the number of leaves.
func (l *Log) Size() uint64 { return l.edge.End() }

// Append adds the hash of the next leaf.
func (l *Log) Append(leaf Hash) error {
	l.set(0, l.Size(), leaf[:])
	return l.edge.Append(leaf[:], func(id compact.NodeID, hash []byte) {
		if id.Level > 0 && id.Level%tileHeight == 0 {
			l.set(int(id.Level/tileHeight), id.Index, hash)
		}
	})
}

// set puts the next node of a tile level.
func (l *Log) set(level int, index uint64, hash []byte) {
	for len(l.last) <= level {
		l.last = append(l.last, nil)
	}
	if l.last[level] == nil {
		l.last[level] = make([]byte, 0, TileBytes)
	}
	l.last[level] = append(l.last[level], hash...)
	l.dirty[TileID{level, index >> tileHeight}] = l.last[level]
	if len(l.last[level]) == TileBytes {
		l.last[level] = nil
	}
}

// Root is the Merkle tree hash of the leaves.
func (l *Log) Root() (Hash, error) {
	if l.Size() == 0 {
		return EmptyRoot(), nil
	}
	root, err := l.edge.GetRootHash(nil)
	if err != nil {
		return Hash{}, err
	}
	return Hash(root), nil
}

// Changed gives the tiles that are to be written, in order, and forgets that they are.
func (l *Log) Changed() []Tile {
	out := make([]Tile, 0, len(l.dirty))
	for id, hashes := range l.dirty {
		out = append(out, Tile{id, slices.Clone(hashes)})
	}
	clear(l.dirty)
	slices.SortFunc(out, func(a, b Tile) int {
		if a.Level != b.Level {
			return a.Level - b.Level
		}
		if a.Index < b.Index {
			return -1
		}
		return 1
	})
	return out
}

// Tree reads nodes of the log at a size. The tiles may hold more than that.
type Tree struct {
	Size uint64
	Read ReadTile

	recent []Tile // the last tile read of each level
}

func (t *Tree) tile(id TileID) ([]byte, error) {
	for len(t.recent) <= id.Level {
		t.recent = append(t.recent, Tile{})
	}
	if r := t.recent[id.Level]; r.Hashes != nil && r.TileID == id {
		return r.Hashes, nil
	}
	hashes, err := t.Read(id)
	if err == nil {
		t.recent[id.Level] = Tile{id, hashes}
	}
	return hashes, err
}

// node gives the hash of a complete subtree.
func (t *Tree) node(id compact.NodeID) (Hash, error) {
	within := id.Level % tileHeight
	first := id.Index << within
	tile := TileID{int(id.Level / tileHeight), first >> tileHeight}
	hashes, err := t.tile(tile)
	if err != nil {
		return Hash{}, err
	}
	from, n := int(first%TileWidth), 1<<within
	if (from+n)*sha256.Size > len(hashes) {
		return Hash{}, fmt.Errorf("%w: tile %d/%d has %d bytes", ErrTiles, tile.Level, tile.Index, len(hashes))
	}
	nodes := make([]Hash, n)
	for i := range nodes {
		nodes[i] = Hash(hashes[(from+i)*sha256.Size:])
	}
	for ; n > 1; n /= 2 {
		for i := range n / 2 {
			nodes[i] = nodeHash(nodes[2*i], nodes[2*i+1])
		}
	}
	return nodes[0], nil
}

// span gives the Merkle tree hash of the leaves from begin to before end, which is a subtree.
func (t *Tree) span(begin, end uint64) (Hash, error) {
	ids := compact.RangeNodes(begin, end, nil)
	var out Hash
	for i, id := range slices.Backward(ids) {
		h, err := t.node(id)
		if err != nil {
			return Hash{}, err
		}
		if i == len(ids)-1 {
			out = h
			continue
		}
		out = nodeHash(h, out)
	}
	return out, nil
}

// Leaf gives the hash of a leaf.
func (t *Tree) Leaf(index uint64) (Hash, error) {
	if index >= t.Size {
		return Hash{}, fmt.Errorf("%w: leaf %d of %d", ErrTiles, index, t.Size)
	}
	return t.node(compact.NewNodeID(0, index))
}

// Root gives the Merkle tree hash.
func (t *Tree) Root() (Hash, error) {
	if t.Size == 0 {
		return EmptyRoot(), nil
	}
	return t.span(0, t.Size)
}

// Inclusion gives what the hashes of the leaves at those indices, in increasing order, lack to give the
// root: the hash of each largest subtree without any of them, from left to right. For a single leaf
// they are those of its RFC 6962 audit path.
func (t *Tree) Inclusion(indices []uint64) ([]Hash, error) {
	if err := checkIndices(indices, t.Size); err != nil {
		return nil, err
	}
	var out []Hash
	var walk func(begin, end uint64, indices []uint64) error
	walk = func(begin, end uint64, indices []uint64) error {
		if len(indices) == 0 {
			h, err := t.span(begin, end)
			out = append(out, h)
			return err
		}
		if end-begin == 1 {
			return nil
		}
		middle := begin + split(end-begin)
		i, _ := slices.BinarySearch(indices, middle)
		if err := walk(begin, middle, indices[:i]); err != nil {
			return err
		}
		return walk(middle, end, indices[i:])
	}
	err := walk(0, t.Size, indices)
	return out, err
}

// split is the size of the left subtree of a tree: the largest power of two below its size.
func split(size uint64) uint64 { return 1 << (bits.Len64(size-1) - 1) }

func checkIndices(indices []uint64, size uint64) error {
	if len(indices) == 0 {
		return fmt.Errorf("%w: no leaf", ErrMalformed)
	}
	for i, index := range indices {
		if index >= size || i > 0 && indices[i-1] >= index {
			return fmt.Errorf("%w: leaf %d of a log of %d", ErrMalformed, index, size)
		}
	}
	return nil
}

// rootOf computes the root from leaves, in increasing order of index, and what Inclusion gave.
func rootOf(size uint64, indices []uint64, leaves, hashes []Hash) (Hash, error) {
	if err := checkIndices(indices, size); err != nil {
		return Hash{}, err
	}
	short := fmt.Errorf("%w: the path is too short", ErrMalformed)
	var walk func(span uint64, base uint64, from, to int) (Hash, error)
	walk = func(span, base uint64, from, to int) (Hash, error) {
		if from == to {
			if len(hashes) == 0 {
				return Hash{}, short
			}
			h := hashes[0]
			hashes = hashes[1:]
			return h, nil
		}
		if span == 1 {
			return leaves[from], nil
		}
		half := split(span)
		i, _ := slices.BinarySearch(indices[from:to], base+half)
		left, err := walk(half, base, from, from+i)
		if err != nil {
			return Hash{}, err
		}
		right, err := walk(span-half, base+half, from+i, to)
		if err != nil {
			return Hash{}, err
		}
		return nodeHash(left, right), nil
	}
	root, err := walk(size, 0, 0, len(indices))
	if err == nil && len(hashes) > 0 {
		err = fmt.Errorf("%w: the path is too long", ErrMalformed)
	}
	return root, err
}

// Consistency gives the RFC 6962 proof that the log at size from is the beginning of this one.
func (t *Tree) Consistency(from uint64) ([]Hash, error) {
	if from > t.Size {
		return nil, fmt.Errorf("%w: a log of %d leaves after one of %d", ErrMalformed, t.Size, from)
	}
	if from == 0 {
		return nil, nil
	}
	nodes, err := proof.Consistency(from, t.Size)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	hashes := make([][]byte, len(nodes.IDs))
	for i, id := range nodes.IDs {
		var h Hash
		if h, err = t.node(id); err != nil {
			return nil, err
		}
		hashes[i] = h[:]
	}
	if hashes, err = nodes.Rehash(hashes, hashChildren); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTiles, err)
	}
	out := make([]Hash, len(hashes))
	for i, h := range hashes {
		out[i] = Hash(h)
	}
	return out, nil
}

// consistent checks what Consistency gave.
func consistent(from, to uint64, hashes []Hash, first, second Hash) error {
	if from > to {
		return fmt.Errorf("%w: the later log has %d leaves, the earlier %d", ErrMalformed, to, from)
	}
	if from == 0 {
		if len(hashes) > 0 || first != EmptyRoot() {
			return fmt.Errorf("%w: the empty log", ErrPath)
		}
		return nil
	}
	path := make([][]byte, len(hashes))
	for i := range hashes {
		path[i] = hashes[i][:]
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, from, to, path, first[:], second[:]); err != nil {
		return fmt.Errorf("%w: the later log does not continue the earlier one", ErrPath)
	}
	return nil
}
