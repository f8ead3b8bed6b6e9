package proof

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// BlockLeaves collects what a block adds to the log: first the leaves of its facts, in ledger order, then those of its
// findings.
type BlockLeaves struct {
	Block    uint64
	Facts    []Leaf
	Findings []FindingLeaf
}

// FindingLeaf is a finding's leaf with the content that it is of.
type FindingLeaf struct {
	Leaf    Leaf
	Content Content
}

// Add takes in the block's next valid transaction: its id, its creator's organisation, its time and what it recorded.
func (b *BlockLeaves) Add(txID, mspID string, at ledger.Millis, t *wire.Transaction) error {
	leaf := Leaf{Block: b.Block, TxID: Storable(txID), MSPID: Storable(mspID), At: at}
	fact := func(key string, digest ledger.Digest) {
		leaf.Key, leaf.Digest, leaf.Index = key, digest, uint32(len(b.Facts)) //nolint:gosec // a block is far smaller
		b.Facts = append(b.Facts, leaf)
	}
	for _, e := range t.Events {
		fact(wire.EventKey(e.Hash), e.Record.BodyDigest)
	}
	for _, e := range t.Restatements {
		digest := ledger.BodyDigest(e.Context, e.Body)
		fact(wire.RestatementKey(e.Hash, digest), digest)
	}
	for _, s := range t.Segments {
		key, err := wire.SegmentKey(s.Segment.Device, s.Segment.Seq)
		if err != nil {
			return err
		}
		fact(key, SegmentDigest(s.Digest, s.Signature))
	}
	for _, v := range t.Verdicts {
		key, err := wire.VerdictKey(v.Shipment, v.Window, v.Model)
		if err != nil {
			return err
		}
		digest, err := wire.VerdictDigest(v)
		if err != nil {
			return err
		}
		fact(key, digest)
	}
	for _, f := range t.Scoring.Finals {
		key, err := wire.FinalKey(f.Shipment, f.Window, f.Model)
		if err != nil {
			return err
		}
		content, err := FinalContent(f)
		if err != nil {
			return err
		}
		fact(key, FinalDigest(content))
	}
	for _, f := range slices.Concat(t.Findings, t.Changes) {
		f.Item, f.Detail = Storable(f.Item), Storable(f.Detail)
		key, err := wire.FindingKey(f)
		if err != nil {
			return err
		}
		content, err := FindingContent(f)
		if err != nil {
			return err
		}
		leaf.Key, leaf.Digest, leaf.Index = key, FindingDigest(content), uint32(len(b.Findings)) //nolint:gosec // as above
		b.Findings = append(b.Findings, FindingLeaf{leaf, content})
	}
	return nil
}

// Storable makes text that every database takes, as the log and those who keep it have it: some take no NUL, and no
// bytes that are not UTF-8.
func Storable(s string) string {
	if strings.IndexByte(s, 0) < 0 && utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "\uFFFD"), "\uFFFD")
}
