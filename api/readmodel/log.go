package readmodel

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// The proof log: a leaf for each event, restatement, segment, verdict, final verdict and finding, in the
// order of the blocks; within a block the facts by their Index, then the findings. The rows of facts are not
// repeated: a leaf is made again from them when it is to be proven.

// logBlock is what a block adds to the log.
type logBlock struct {
	number   uint64
	hash     [32]byte
	facts    []proof.Hash
	findings []proof.FindingLeaf
}

// logLeaves makes the leaves of a block and the rows of the roots anchored in it.
func (p *projection) logLeaves(b Block) error {
	leaves := proof.BlockLeaves{Block: b.Number, Facts: p.leaves[:0]}
	for i := range b.Transactions {
		t := &b.Transactions[i]
		if err := leaves.Add(t.TxID, t.MSPID, t.At, &t.Transaction); err != nil {
			return err
		}
		for _, a := range t.Anchors {
			p.anchors = append(p.anchors, anchored{b.Number, a})
		}
	}
	p.leaves = leaves.Facts // the room is used again
	add := logBlock{number: b.Number, hash: b.Hash, facts: make([]proof.Hash, len(leaves.Facts)), findings: leaves.Findings}
	for i, leaf := range leaves.Facts {
		add.facts[i] = leaf.Hash()
	}
	if len(add.facts)+len(add.findings) > 0 {
		p.log = append(p.log, add)
	}
	return nil
}

// anchored is a root that an organisation anchored in a block.
type anchored struct {
	block  uint64
	anchor ledger.Anchor
}

// foldAnchors makes the rows of anchored roots, each compared with the root that the log had there.
func (p *projection) foldAnchors(w writer, at Progress, own map[uint64]ledger.Root) error {
	for _, x := range p.anchors {
		r := x.anchor.Root
		mine, known := own[r.Height]
		if !known {
			var err error
			if mine, err = rootAt(w.ctx, asker{w.store.dialect, w.tx}, r.Height); err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
		}
		mine.Channel, mine.Genesis = r.Channel, at.Genesis
		p.add(tAnchors, int64(r.Height), x.anchor.MSPID, r.Channel, r.Genesis[:], r.Block[:], int64(r.Size), r.Hash[:], //nolint:gosec // the contract bounds them
			int64(x.anchor.Signed.At), x.anchor.Signed.Signature, x.anchor.Certificate, x.anchor.TxID, int64(x.anchor.RecordedAt), int64(x.block), flag(mine == r)) //nolint:gosec // bounded by maxBlock
	}
	return nil
}

// foldLog appends the leaves to the log as the store has it.
func (p *projection) foldLog(w writer, at Progress) error {
	own := map[uint64]ledger.Root{}
	if len(p.log) == 0 {
		return p.foldAnchors(w, at, own)
	}
	edge, err := w.logEdge()
	if err != nil {
		return err
	}
	for _, b := range p.log {
		first := edge.Size()
		for _, leaf := range b.facts {
			if err := edge.Append(leaf); err != nil {
				return err
			}
		}
		for _, f := range b.findings {
			p.add(tLogFindings, int64(edge.Size()), []byte(f.Leaf.Key), f.Leaf.Bytes(), f.Content.Body) //nolint:gosec // bounded by memory
			if err := edge.Append(f.Leaf.Hash()); err != nil {
				return err
			}
		}
		root, err := edge.Root()
		if err != nil {
			return err
		}
		own[b.number+1] = ledger.Root{Height: b.number + 1, Block: b.hash, Size: edge.Size(), Hash: root}
		p.add(tLogBlocks, int64(b.number), b.hash[:], int64(first), len(b.facts), len(b.findings), root[:]) //nolint:gosec // bounded by maxBlock
	}
	for _, tile := range edge.Changed() {
		p.add(tLogTiles, tile.Level, int64(tile.Index), tile.Hashes) //nolint:gosec // bounded by memory
	}
	// Should the transaction fail, its blocks come again and find an edge that is not theirs.
	w.store.edge = edge
	return p.foldAnchors(w, at, own)
}

// logEdge gives the log as the store has it, and whoever calls may change it. It is the one kept from
// the last transaction, unless that failed or another process has taken blocks in since.
func (w writer) logEdge() (*proof.Log, error) {
	kept := w.store.edge
	w.store.edge = nil
	q := asker{w.store.dialect, w.tx}
	size, err := logSize(w.ctx, q)
	if err != nil {
		return nil, err
	}
	if kept != nil && kept.Size() == size {
		return kept, nil
	}
	log, err := proof.OpenLog(size, tilesOf(w.ctx, q))
	if errors.Is(err, proof.ErrTiles) {
		err = fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return log, err
}

func logSize(ctx context.Context, q querier) (uint64, error) {
	var size int64
	err := q.QueryRowContext(ctx, `SELECT first + facts + findings FROM log_blocks ORDER BY block DESC LIMIT 1`).Scan(&size)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err == nil && size < 0 {
		err = fmt.Errorf("%w: a log of %d leaves", ErrCorrupt, size)
	}
	return uint64(size), err //nolint:gosec // not negative
}

// tilesOf reads the log's tiles.
func tilesOf(ctx context.Context, q querier) proof.ReadTile {
	return func(id proof.TileID) ([]byte, error) {
		var hashes []byte
		err := q.QueryRowContext(ctx, `SELECT hashes FROM log_tiles WHERE level = ? AND tile = ?`, id.Level, int64(id.Index)).Scan(&hashes) //nolint:gosec // bounded by the log's size
		if errors.Is(err, sql.ErrNoRows) {
			return nil, nil
		}
		return hashes, err
	}
}

// Root gives the root of the log after the blocks below a height, of which the last added leaves; its
// Channel is empty, since the store does not know it. It fails with ErrNotFound where there is none.
func (s *Store) Root(ctx context.Context, height uint64) (ledger.Root, error) {
	r, err := rootAt(ctx, s.asking(), height)
	return r, s.failed(err)
}

// LatestRoot gives the root of the whole log, with the block that last added leaves; ErrNotFound if
// there are none.
func (s *Store) LatestRoot(ctx context.Context) (ledger.Root, error) {
	var block int64
	err := s.asking().QueryRowContext(ctx, `SELECT block FROM log_blocks ORDER BY block DESC LIMIT 1`).Scan(&block)
	if errors.Is(err, sql.ErrNoRows) {
		return ledger.Root{}, fmt.Errorf("%w: the proof log is empty", ErrNotFound)
	}
	if err != nil {
		return ledger.Root{}, s.failed(err)
	}
	return s.Root(ctx, uint64(block)+1) //nolint:gosec // not negative
}

func rootAt(ctx context.Context, q querier, height uint64) (ledger.Root, error) {
	none := fmt.Errorf("%w: block %d added nothing to the proof log, so that there is no root at height %d", ErrNotFound, height-1, height)
	if height == 0 || height > maxBlock {
		return ledger.Root{}, none
	}
	var hash, root, genesis []byte
	var size int64
	err := q.QueryRowContext(ctx, `SELECT l.hash, l.first + l.facts + l.findings, l.root, p.genesis FROM log_blocks l, position p WHERE l.block = ?`, int64(height-1)).
		Scan(&hash, &size, &root, &genesis)
	if errors.Is(err, sql.ErrNoRows) {
		return ledger.Root{}, none
	}
	if err != nil {
		return ledger.Root{}, err
	}
	r := ledger.Root{Height: height, Size: uint64(size)} //nolint:gosec // checked below
	if size <= 0 || !fill(r.Block[:], hash) || !fill(r.Hash[:], root) || !fill(r.Genesis[:], genesis) {
		return ledger.Root{}, fmt.Errorf("%w: the root at height %d", ErrCorrupt, height)
	}
	return r, nil
}

// fill copies bytes of exactly that length.
func fill(to, from []byte) bool { return copy(to, from) == len(to) && len(from) == len(to) }

// Anchored is a root as an organisation anchored it, and where.
type Anchored struct {
	ledger.Anchor

	Block uint64 // that recorded it
	// Own is the root that this store has at that height, nil if it has none: no block of that number
	// added leaves, or it is not there yet. Its Channel is the anchor's.
	Own *ledger.Root
}

// Agrees reports whether the organisation's root is this store's.
func (a Anchored) Agrees() bool { return a.Own != nil && *a.Own == a.Root }

const questionAnchors = `SELECT a.height, a.msp_id, a.channel, a.genesis, a.block_hash, a.size, a.root, a.signed_at, a.signature, a.certificate, a.tx_id, a.recorded_at, a.block,
	l.hash, l.first + l.facts + l.findings, l.root, p.genesis FROM anchors a LEFT JOIN log_blocks l ON l.block = a.height - 1, position p`

// Anchors gives the anchored roots above a height, by height and organisation, at most limit.
func (s *Store) Anchors(ctx context.Context, above uint64, limit int) ([]Anchored, error) {
	return s.anchors(ctx, ` WHERE a.height > ? ORDER BY a.height, a.msp_id LIMIT ?`, int64(min(above, maxBlock)), limit)
}

// LatestAnchors gives the anchored roots below a height, the highest first, at most limit. Those at a
// height that the ledger had not reached when they were anchored are left out, or whoever anchors many
// of them would hide the others' (see Disagreements).
func (s *Store) LatestAnchors(ctx context.Context, below uint64, limit int) ([]Anchored, error) {
	return s.anchors(ctx, ` WHERE a.height < ? AND a.height <= a.block ORDER BY a.height DESC, a.msp_id LIMIT ?`, int64(min(below, maxBlock)), limit)
}

// AnchorsAt gives the roots anchored at a height, by organisation.
func (s *Store) AnchorsAt(ctx context.Context, height uint64) ([]Anchored, error) {
	return s.anchors(ctx, ` WHERE a.height = ? ORDER BY a.msp_id`, int64(min(height, maxBlock)))
}

// LastAnchor gives the last root that an organisation anchored; ErrNotFound if it has anchored none.
func (s *Store) LastAnchor(ctx context.Context, mspID string) (Anchored, error) {
	found, err := s.anchors(ctx, ` WHERE a.msp_id = ? ORDER BY a.height DESC LIMIT 1`, mspID)
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("%w: a root anchored by %s", ErrNotFound, mspID)
	}
	if err != nil {
		return Anchored{}, err
	}
	return found[0], nil
}

// Disagreement is what an organisation anchored that is not this store's log.
type Disagreement struct {
	Roots int // how many
	Last  Anchored
	// Since is when the first of those that follow the last true one was recorded; 0 if none follows.
	Since ledger.Millis
}

// Disagreements gives the organisations that have anchored roots which are not this store's, by MSP ID.
func (s *Store) Disagreements(ctx context.Context) (map[string]Disagreement, error) {
	out := map[string]Disagreement{}
	heights := map[string]int64{}
	err := each(ctx, s.asking(), func(rows *sql.Rows) error {
		var mspID string
		var d Disagreement
		var height, since int64
		if err := rows.Scan(&mspID, &d.Roots, &height, &since); err != nil {
			return err
		}
		d.Since = ledger.Millis(since)
		out[mspID], heights[mspID] = d, height
		return nil
	}, `SELECT msp_id, COUNT(*), MAX(height), COALESCE(MIN(CASE WHEN height >
		COALESCE((SELECT MAX(t.height) FROM anchors t WHERE t.msp_id = a.msp_id AND t.agrees <> 0), 0) THEN recorded_at END), 0)
		FROM anchors a WHERE agrees = 0 GROUP BY msp_id`)
	for mspID, d := range out {
		var last []Anchored
		if err == nil {
			last, err = s.anchors(ctx, ` WHERE a.height = ? AND a.msp_id = ?`, heights[mspID], mspID)
		}
		if len(last) == 1 {
			d.Last = last[0]
			out[mspID] = d
		}
	}
	return out, s.failed(err)
}

func (s *Store) anchors(ctx context.Context, rest string, args ...any) ([]Anchored, error) {
	var out []Anchored
	err := each(ctx, s.asking(), func(rows *sql.Rows) error {
		a, err := scanAnchor(rows)
		out = append(out, a)
		return err
	}, questionAnchors+rest, args...)
	return out, s.failed(err)
}

func scanAnchor(rows *sql.Rows) (Anchored, error) {
	var a Anchored
	var height, size, signedAt, recordedAt, block int64
	var ownSize sql.NullInt64
	var genesis, hash, root, ownHash, ownRoot, ownGenesis []byte
	err := rows.Scan(&height, &a.MSPID, &a.Root.Channel, &genesis, &hash, &size, &root, &signedAt, &a.Signed.Signature, &a.Certificate, &a.TxID, &recordedAt, &block,
		&ownHash, &ownSize, &ownRoot, &ownGenesis)
	if err != nil {
		return a, err
	}
	r := &a.Root
	r.Height, r.Size, a.Block = uint64(height), uint64(size), uint64(block) //nolint:gosec // checked below
	a.Signed.At, a.RecordedAt = ledger.Millis(signedAt), ledger.Millis(recordedAt)
	corrupt := fmt.Errorf("%w: the root of %s at height %d", ErrCorrupt, a.MSPID, height)
	if height <= 0 || size < 0 || block < 0 || !fill(r.Genesis[:], genesis) || !fill(r.Block[:], hash) || !fill(r.Hash[:], root) {
		return a, corrupt
	}
	if ownSize.Valid {
		own := ledger.Root{Channel: r.Channel, Height: r.Height, Size: uint64(ownSize.Int64)} //nolint:gosec // compared only
		if !fill(own.Genesis[:], ownGenesis) || !fill(own.Block[:], ownHash) || !fill(own.Hash[:], ownRoot) {
			return a, corrupt
		}
		a.Own = &own
	}
	return a, nil
}
