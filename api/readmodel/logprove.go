package readmodel

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// ErrNotYet says that a fact was recorded after the height that it was to be proven at.
var ErrNotYet = errors.New("WB_PROOF_NOT_YET: recorded after the root")

// ProofsOf proves that facts are in the log after the blocks below a height, each with its content. A
// fact is named by its key in the world state (wire.EventKey and its siblings); one that was recorded
// more than once under its key is proven as it was last before that height: a finding that changed, and a
// declaration of error that the event's recorder made in the words of another organisation. Its leaf
// says by whom and where. The proof's root has no signatures and no channel.
// It fails with ErrNotFound, ErrNotYet, or ErrCorrupt where the store's rows do not give its log.
func (s *Store) ProofsOf(ctx context.Context, height uint64, keys []string) (proof.Proof, error) {
	p := proof.Proof{Kind: proof.Inclusion}
	err := s.snapshot(ctx, func(tx querier) error {
		root, err := rootAt(ctx, tx, height)
		if err != nil {
			return err
		}
		p.Roots = []proof.SignedRoot{{Root: root}}
		reader := leafReader{ctx: ctx, q: tx}
		for _, key := range keys {
			var proven proof.Proven
			if proven, err = reader.fact(key, root); err != nil {
				return err
			}
			p.Leaves = append(p.Leaves, proven)
		}
		slices.SortFunc(p.Leaves, func(a, b proof.Proven) int { return cmp.Compare(a.Index, b.Index) })
		p.Leaves = slices.CompactFunc(p.Leaves, func(a, b proof.Proven) bool { return a.Index == b.Index && bytes.Equal(a.Leaf, b.Leaf) })
		indices := make([]uint64, len(p.Leaves))
		for i, l := range p.Leaves {
			indices[i] = l.Index
		}
		tree := proof.Tree{Size: root.Size, Read: tilesOf(ctx, tx)}
		hashes, err := tree.Inclusion(indices)
		if errors.Is(err, proof.ErrMalformed) {
			err = fmt.Errorf("%w: two facts at one place of the log, or one beyond its end", ErrCorrupt)
		}
		p.Hashes = proof.Join(hashes)
		return err
	})
	if err == nil {
		err = p.CheckPath()
	}
	return p, s.provable(err)
}

// Consistency proves that the log after the blocks below a height continues the one of an earlier
// height. The proof's roots have no signatures and no channel.
func (s *Store) Consistency(ctx context.Context, from, to uint64) (proof.Proof, error) {
	p := proof.Proof{Kind: proof.Consistency}
	err := s.snapshot(ctx, func(tx querier) error {
		first, err := rootAt(ctx, tx, from)
		if err != nil {
			return err
		}
		second, err := rootAt(ctx, tx, to)
		if err != nil {
			return err
		}
		p.Roots = []proof.SignedRoot{{Root: first}, {Root: second}}
		tree := proof.Tree{Size: second.Size, Read: tilesOf(ctx, tx)}
		hashes, err := tree.Consistency(first.Size)
		p.Hashes = proof.Join(hashes)
		return err
	})
	if err == nil {
		err = p.CheckPath()
	}
	return p, s.provable(err)
}

// provable says of a proof that does not hold by itself that the store is damaged.
func (s *Store) provable(err error) error {
	for _, damage := range []error{proof.ErrTiles, proof.ErrPath, proof.ErrContent} {
		if errors.Is(err, damage) {
			return fmt.Errorf("%w: what is stored is not what its proof log was made of: %w", ErrCorrupt, err)
		}
	}
	return s.failed(err)
}

// leafReader makes leaves again from the rows of their facts.
type leafReader struct {
	ctx context.Context //nolint:containedctx // lives as long as the one question that made it
	q   querier
}

// fact reads a fact and its place in the log.
func (r leafReader) fact(key string, root ledger.Root) (proof.Proven, error) {
	kind, attributes, err := wire.ParseKey(key)
	if err != nil {
		return proof.Proven{}, err
	}
	leaf := proof.Leaf{Key: key}
	var content proof.Content
	var pos int64
	switch {
	case kind == wire.KindFinding:
		return r.finding(key, root)
	case kind == wire.KindEvent && len(attributes) == 1:
		pos, err = r.event(&leaf, &content, `events f`, `f.hash = ?`, attributes, root)
	case kind == wire.KindRestatement && len(attributes) == 2:
		pos, err = r.event(&leaf, &content, `restatements f`, `f.hash = ? AND f.body_digest = ?`, attributes, root)
	case kind == wire.KindSegment && len(attributes) == 2:
		pos, err = r.segment(&leaf, &content, attributes)
	case kind == wire.KindVerdict && len(attributes) == 3:
		pos, err = r.verdict(&leaf, &content, attributes)
	case kind == wire.KindFinal && len(attributes) == 3:
		pos, err = r.final(&leaf, &content, attributes)
	default:
		return proof.Proven{}, fmt.Errorf("%w: a key of kind %q has no leaf", ledger.ErrMalformed, kind)
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("%w: %s", ErrNotFound, proof.Fact{Leaf: leaf})
	}
	if err != nil {
		return proof.Proven{}, err
	}
	at := positionOf(pos)
	leaf.Block, leaf.Index = at.Block, at.Index
	if at.Block >= root.Height {
		return proof.Proven{}, fmt.Errorf("%w: %s is in block %d, the root ends with block %d", ErrNotYet, proof.Fact{Leaf: leaf}, at.Block, root.Height-1)
	}
	var first, facts int64
	err = r.q.QueryRowContext(r.ctx, `SELECT first, facts FROM log_blocks WHERE block = ?`, int64(at.Block)).Scan(&first, &facts) //nolint:gosec // bounded by maxBlock
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return proof.Proven{}, err
	}
	if err != nil || first < 0 || int64(at.Index) >= facts {
		return proof.Proven{}, fmt.Errorf("%w: the proof log has no leaf for %s", ErrCorrupt, proof.Fact{Leaf: leaf})
	}
	return proof.Proven{Index: uint64(first) + uint64(at.Index), Leaf: leaf.Bytes(), Content: &content}, nil
}

// event reads an event or a restatement; of several of one key the last before the root, else the first
// after it.
func (r leafReader) event(leaf *proof.Leaf, content *proof.Content, table, where string, attributes []string, root ledger.Root) (pos int64, err error) {
	args := make([]any, len(attributes), len(attributes)+2)
	for i, a := range attributes {
		var digest ledger.Digest
		if digest, err = ledger.ParseDigest(a); err != nil {
			return 0, err
		}
		args[i] = digest[:]
	}
	var at int64
	var context []byte
	end := Position{Block: root.Height}.key()
	err = r.q.QueryRowContext(r.ctx, `SELECT f.pos, f.msp_id, f.recorded_at, f.tx_id, b.context, b.body FROM `+table+` JOIN bodies b ON b.pos = f.pos WHERE `+where+
		` ORDER BY CASE WHEN f.pos < ? THEN f.pos ELSE ? - f.pos END DESC LIMIT 1`, append(args, end, end)...).
		Scan(&pos, &leaf.MSPID, &at, &leaf.TxID, &context, &content.Body)
	if err != nil {
		return 0, err
	}
	if context != nil {
		err = r.q.QueryRowContext(r.ctx, `SELECT context FROM contexts WHERE digest = ?`, context).Scan(&content.Head)
		if errors.Is(err, sql.ErrNoRows) {
			err = fmt.Errorf("%w: the context of %s is missing", ErrCorrupt, proof.Fact{Leaf: *leaf})
		}
	}
	leaf.At, leaf.Digest = ledger.Millis(at), proof.EventDigest(content.Head, content.Body)
	return pos, err
}

func (r leafReader) segment(leaf *proof.Leaf, content *proof.Content, attributes []string) (pos int64, err error) {
	seq, err := strconv.ParseInt(attributes[1], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: segment %q", ledger.ErrMalformed, attributes[1])
	}
	var at int64
	err = r.q.QueryRowContext(r.ctx, `SELECT pos, msp_id, recorded_at, tx_id, payload, signature FROM segments WHERE device = ? AND seq = ?`, attributes[0], seq).
		Scan(&pos, &leaf.MSPID, &at, &leaf.TxID, &content.Body, &content.Head)
	leaf.At, leaf.Digest = ledger.Millis(at), proof.SegmentDigest(wire.SegmentDigest(content.Body), content.Head)
	return pos, err
}

func (r leafReader) verdict(leaf *proof.Leaf, content *proof.Content, attributes []string) (pos int64, err error) {
	window, err := strconv.ParseUint(attributes[1], 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%w: window %q", ledger.ErrMalformed, attributes[1])
	}
	var text string
	// Of two the recorded one is the first: what overruled it is in the leaf of the final verdict.
	err = r.q.QueryRowContext(r.ctx, `SELECT pos, verdict FROM overruled WHERE shipment = ? AND window_no = ? AND model = ?
		UNION ALL SELECT pos, verdict FROM verdicts WHERE shipment = ? AND window_no = ? AND model = ? ORDER BY 1 LIMIT 1`,
		attributes[0], int64(window), attributes[2], attributes[0], int64(window), attributes[2]).Scan(&pos, &text)
	if err != nil {
		return 0, err
	}
	var v ledger.Verdict
	if err = json.Unmarshal([]byte(text), &v); err != nil {
		return 0, fmt.Errorf("%w: verdict: %w", ErrCorrupt, err)
	}
	leaf.MSPID, leaf.TxID, leaf.At = v.Scorer, v.TxID, v.At
	if *content, err = proof.VerdictContent(v); err != nil {
		return 0, err
	}
	leaf.Digest, err = wire.VerdictDigest(v)
	return pos, err
}

// final reads a final verdict.
func (r leafReader) final(leaf *proof.Leaf, content *proof.Content, attributes []string) (pos int64, err error) {
	window, err := strconv.ParseUint(attributes[1], 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%w: window %q", ledger.ErrMalformed, attributes[1])
	}
	err = r.q.QueryRowContext(r.ctx, `SELECT pos, msp_id, value FROM finals WHERE shipment = ? AND window_no = ? AND model = ?`, attributes[0], int64(window), attributes[2]).
		Scan(&pos, &leaf.MSPID, &content.Body)
	if err != nil {
		return 0, err
	}
	f, err := decoded[ledger.FinalVerdict](content.Body)
	if err != nil {
		return 0, fmt.Errorf("%w: final verdict: %w", ErrCorrupt, err)
	}
	leaf.TxID, leaf.At, leaf.Digest = f.TxID, f.At, proof.FinalDigest(*content)
	return pos, nil
}

// finding reads a finding as it was last recorded before the root.
func (r leafReader) finding(key string, root ledger.Root) (proof.Proven, error) {
	var index int64
	var content proof.Content
	var p proof.Proven
	err := r.q.QueryRowContext(r.ctx, `SELECT leaf, entry, content FROM log_findings WHERE fact = ? AND leaf < ? ORDER BY leaf DESC LIMIT 1`, []byte(key), int64(root.Size)). //nolint:gosec // bounded by the log's size
																							Scan(&index, &p.Leaf, &content.Body)
	if errors.Is(err, sql.ErrNoRows) {
		return p, fmt.Errorf("%w: %s", ErrNotFound, proof.Fact{Leaf: proof.Leaf{Key: key}})
	}
	p.Index, p.Content = uint64(index), &content //nolint:gosec // not negative
	return p, err
}
