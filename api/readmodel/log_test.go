package readmodel

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/internal/racing"
)

// leavesOf lists the leaves of a chain as the format says, and the keys of its facts.
func leavesOf(t interface{ Fatal(...any) }, c *chain) (leaves []proof.Hash, keys []string, sizes []int) {
	key := func(k string, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	for _, b := range c.all() {
		var facts, findings []proof.Leaf
		for _, x := range b.Transactions {
			add := func(to *[]proof.Leaf, k string, digest ledger.Digest) {
				*to = append(*to, proof.Leaf{Key: k, Digest: digest, Block: b.Number, Index: uint32(len(*to)), TxID: x.TxID, MSPID: x.MSPID, At: x.At})
				keys = append(keys, k)
			}
			for _, e := range x.Events {
				add(&facts, wire.EventKey(e.Hash), ledger.BodyDigest(e.Context, e.Body))
			}
			for _, e := range x.Restatements {
				digest := ledger.BodyDigest(e.Context, e.Body)
				add(&facts, wire.RestatementKey(e.Hash, digest), digest)
			}
			for _, s := range x.Segments {
				add(&facts, key(wire.SegmentKey(s.Segment.Device, s.Segment.Seq)), proof.SegmentDigest(s.Digest, s.Signature))
			}
			for _, v := range x.Verdicts {
				digest, err := wire.VerdictDigest(v)
				if err != nil {
					t.Fatal(err)
				}
				add(&facts, key(wire.VerdictKey(v.Shipment, v.Window, v.Model)), digest)
			}
			for _, f := range x.Scoring.Finals {
				content, err := wire.Encode(f)
				if err != nil {
					t.Fatal(err)
				}
				add(&facts, key(wire.FinalKey(f.Shipment, f.Window, f.Model)), sha256.Sum256(content))
			}
			for _, f := range slices.Concat(x.Findings, x.Changes) {
				content, err := proof.FindingContent(f)
				if err != nil {
					t.Fatal(err)
				}
				add(&findings, key(wire.FindingKey(f)), proof.FindingDigest(content))
			}
		}
		for _, l := range slices.Concat(facts, findings) {
			leaves = append(leaves, l.Hash())
		}
		sizes = append(sizes, len(leaves))
	}
	return leaves, keys, sizes
}

// stated sets what the contract sets of a verdict and of a final one, so that its row gives its leaf.
func stated(c *chain) {
	for _, b := range c.blocks {
		for i, x := range b.Transactions {
			for j := range x.Verdicts {
				b.Transactions[i].Verdicts[j].Scorer, b.Transactions[i].Verdicts[j].TxID, b.Transactions[i].Verdicts[j].At = x.MSPID, x.TxID, x.At
			}
			for j := range x.Scoring.Finals {
				b.Transactions[i].Scoring.Finals[j].TxID, b.Transactions[i].Scoring.Finals[j].At = x.TxID, x.At
			}
		}
	}
}

func rootOfLeaves(t interface{ Fatal(...any) }, leaves []proof.Hash) proof.Hash {
	l, err := proof.OpenLog(0, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range leaves {
		if err := l.Append(leaf); err != nil {
			t.Fatal(err)
		}
	}
	root, err := l.Root()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func TestEveryFactIsProvenUnderEveryRoot(t *testing.T) {
	racing.Pure(t)
	onEach(t, func(t *testing.T, k kind) {
		outer := t
		rapid.Check(t, func(t *rapid.T) {
			s, err := Open(outer.Context(), k.fresh(outer))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			c := anyChain(t)
			stated(c)
			// Blocks come in one by one or many at a time, now and then by another process.
			for rest := c.all(); len(rest) > 0; {
				n := rapid.IntRange(1, len(rest)).Draw(t, "at once")
				if rapid.Bool().Draw(t, "another process") {
					s.edge = nil
				}
				if err := s.Apply(t.Context(), rest[:n]...); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			leaves, keys, sizes := leavesOf(t, c)
			var roots []ledger.Root
			for n, size := range sizes {
				before := 0
				if n > 0 {
					before = sizes[n-1]
				}
				root, err := s.Root(t.Context(), uint64(n)+1)
				if size == before {
					if !errors.Is(err, ErrNotFound) {
						t.Fatal(root, err)
					}
					continue
				}
				if err != nil || root.Size != uint64(size) || root.Hash != rootOfLeaves(t, leaves[:size]) || root.Block != c.blocks[n].Hash || root.Genesis != c.blocks[0].Hash {
					t.Fatal(root, err)
				}
				roots = append(roots, root)
			}
			if len(roots) == 0 {
				if _, err := s.LatestRoot(t.Context()); !errors.Is(err, ErrNotFound) {
					t.Fatal(err)
				}
				return
			}
			last := roots[len(roots)-1]
			if latest, err := s.LatestRoot(t.Context()); err != nil || latest != last {
				t.Fatal(latest, err)
			}
			p, err := s.ProofsOf(t.Context(), last.Height, keys)
			if err != nil || len(p.Leaves) == 0 || p.Roots[0].Root != last {
				t.Fatal(err)
			}
			one := keys[rapid.IntRange(0, len(keys)-1).Draw(t, "fact")]
			at := roots[rapid.IntRange(0, len(roots)-1).Draw(t, "root")]
			p, err = s.ProofsOf(t.Context(), at.Height, []string{one})
			if err != nil && !errors.Is(err, ErrNotYet) && (!errors.Is(err, ErrNotFound) || !strings.Contains(one, "finding")) {
				t.Fatal(err)
			}
			if err == nil && len(p.Leaves) != 1 {
				t.Fatal(p)
			}
			first := roots[rapid.IntRange(0, len(roots)-1).Draw(t, "earlier")]
			if first.Height <= at.Height {
				if _, err = s.Consistency(t.Context(), first.Height, at.Height); err != nil {
					t.Fatal(err)
				}
			}
		})
	})
}

func TestAnchorsAreComparedWithTheOwnRoot(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		s := k.open(t)
		c := example(t, 1)
		if err := s.Apply(t.Context(), c.all()...); err != nil {
			t.Fatal(err)
		}
		own, err := s.Root(t.Context(), 2)
		if err != nil {
			t.Fatal(err)
		}
		own.Channel = "waybill"
		anchor := func(mspID string, change func(*ledger.Root)) ledger.Anchor {
			r := own
			change(&r)
			return ledger.Anchor{Root: r, Signed: ledger.RootSignature{At: noon, Signature: []byte{4}}, Certificate: []byte{5}, MSPID: mspID, TxID: mspID, RecordedAt: noon}
		}
		c.add(tx("roots", wire.Transaction{Anchors: []ledger.Anchor{
			anchor("A", func(*ledger.Root) {}),
			anchor("B", func(r *ledger.Root) { r.Hash[31] ^= 1 }),
			anchor("C", func(r *ledger.Root) { r.Size++ }),
			anchor("D", func(r *ledger.Root) { r.Block[0] ^= 1 }),
			anchor("E", func(r *ledger.Root) { r.Genesis[0] ^= 1 }),
			anchor("F", func(r *ledger.Root) { r.Height = 1 }), // that block added nothing
			anchor("G", func(r *ledger.Root) { r.Height = 1000 }),
		}}))
		if err := s.Apply(t.Context(), c.all()...); err != nil {
			t.Fatal(err)
		}
		found, err := s.Anchors(t.Context(), 0, 100)
		if err != nil || len(found) != 8 {
			t.Fatal(len(found), err)
		}
		for _, a := range found {
			if a.Agrees() != (a.MSPID == "A") || (a.Own == nil) != (a.MSPID == "F" || a.MSPID == "G") {
				t.Errorf("%s: %+v, own %+v", a.MSPID, a.Root, a.Own)
			}
			if a.MSPID != "CarrierMSP" && (a.Block != 4 || a.TxID != a.MSPID || a.Signed.At != noon || len(a.Certificate) != 1) {
				t.Errorf("%+v", a)
			}
		}
		if at, err := s.AnchorsAt(t.Context(), 2); err != nil || len(at) != 5 {
			t.Error(at, err)
		}
		if last, err := s.LastAnchor(t.Context(), "G"); err != nil || last.Root.Height != 1000 {
			t.Error(last, err)
		}
		if _, err := s.LastAnchor(t.Context(), "H"); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		if latest, err := s.LatestAnchors(t.Context(), 1000, 3); err != nil || len(latest) != 3 || latest[0].Root.Height != 3 || latest[1].MSPID != "A" {
			t.Error(latest, err)
		}
		// G's 1000 blocks are not there yet: whoever states many such roots does not push the others' out of sight.
		if latest, err := s.LatestAnchors(t.Context(), ^uint64(0), 1); err != nil || len(latest) != 1 || latest[0].Root.Height != 3 {
			t.Error(latest, err)
		}
		wrong, err := s.Disagreements(t.Context())
		if err != nil || len(wrong) != 7 || wrong["A"].Roots != 0 || wrong["B"].Roots != 1 || wrong["G"].Last.Root.Height != 1000 {
			t.Error(wrong, err)
		}
		if since := wrong["B"].Since; since != noon {
			t.Error(since)
		}
		// B is right again, wrong, and wrong still: it is so since the second of these.
		other := got(s.LatestRoot(t.Context()))(t)
		other.Channel = "waybill"
		c.add(tx("later", wire.Transaction{Anchors: []ledger.Anchor{
			{Root: other, Signed: ledger.RootSignature{At: noon, Signature: []byte{4}}, Certificate: []byte{5}, MSPID: "B", TxID: "b1", RecordedAt: noon + 1000},
			anchor("B", func(r *ledger.Root) { r.Height = 500 }),
			anchor("B", func(r *ledger.Root) { r.Height = 501 }),
		}}))
		anchors := c.blocks[len(c.blocks)-1].Transactions[0].Anchors
		anchors[1].RecordedAt, anchors[2].RecordedAt = noon+2000, noon+3000
		if err := s.Apply(t.Context(), c.all()...); err != nil {
			t.Fatal(err)
		}
		if wrong = got(s.Disagreements(t.Context()))(t); wrong["B"].Since != noon+2000 || wrong["B"].Roots != 3 || wrong["C"].Since != noon {
			t.Error(wrong["B"], wrong["C"].Since)
		}
		before, err := s.LatestRoot(t.Context())
		if err != nil || before.Height != 4 {
			t.Error("anchoring adds leaves", before, err)
		}
	})
}

// Each byte of each row: Check names what was changed, and nothing false is proven.
func TestAChangedByteOfAnyRowIsFound(t *testing.T) {
	racing.Pure(t)
	c := example(t, 1)
	stated(c)
	_, keys, _ := leavesOf(t, c)
	onEach(t, func(t *testing.T, k kind) {
		s := k.open(t)
		if err := s.Apply(t.Context(), c.all()...); err != nil {
			t.Fatal(err)
		}
		sound := open(t, onSQLite(t))
		if err := sound.Apply(t.Context(), c.all()...); err != nil {
			t.Fatal(err)
		}
		honest, err := s.ProofsOf(t.Context(), 4, keys)
		if err != nil {
			t.Fatal(err)
		}
		want := string(got(honest.Encode())(t))
		checked := 0
		for _, table := range s.tables {
			for _, row := range tamperable(t, s, table) {
				change, restore := row.flip(rand.N(row.size))
				if _, err := s.write.ExecContext(t.Context(), s.dialect.bind(change.sql), change.args...); err != nil {
					continue // the database itself refuses the value
				}
				found := differences(t, s, sound)
				if len(found) == 0 || !slices.ContainsFunc(found, func(d Difference) bool { return d.Table == table.name }) {
					t.Errorf("%s.%s: not found, %v", table.name, row.column, names(found))
				}
				s.edge = nil
				// Under the root that the organisations signed what is proven is what was recorded,
				// whatever else the row says.
				if p, err := s.ProofsOf(t.Context(), 4, keys); err == nil && p.Roots[0].Root == honest.Roots[0].Root {
					if got := string(got(p.Encode())(t)); got != want {
						t.Errorf("%s.%s: something else is proven", table.name, row.column)
					}
				}
				if _, err := s.write.ExecContext(t.Context(), s.dialect.bind(restore.sql), restore.args...); err != nil {
					t.Fatal(err)
				}
				checked++
			}
		}
		if found := differences(t, s, sound); len(found) != 0 {
			t.Fatal("the test has left a change behind", names(found))
		}
		t.Logf("%d values of %d tables", checked, len(s.tables))
		if checked < 60 {
			t.Errorf("only %d values were changed", checked)
		}
	})
}

// differences compares a store with one that is as the ledger says.
func differences(t *testing.T, s, sound *Store) (found []Difference) {
	t.Helper()
	err := s.snapshot(t.Context(), func(have querier) error {
		return sound.snapshot(t.Context(), func(want querier) error {
			_, err := compare(t.Context(), have, want, func(d Difference) error { found = append(found, d); return nil }, nil)
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

type statement struct {
	sql  string
	args []any
}

// cell is a value of a row, which is named by its key.
type cell struct {
	table  table
	column string
	value  any
	key    []any
	size   int // bytes
}

func tamperable(t *testing.T, s *Store, tb table) (out []cell) {
	t.Helper()
	cursor, err := openCursor(t.Context(), asker{s.dialect, s.read}, tb)
	if err != nil {
		t.Fatal(err)
	}
	defer cursor.rows.Close()
	for n := 0; cursor.ok && n < 3; n++ {
		values := make([]any, len(cursor.values))
		for i, v := range cursor.values {
			if b, ok := v.([]byte); ok {
				v = slices.Clone(b)
			}
			values[i] = v
		}
		for i, v := range values {
			size := 8
			switch v := v.(type) {
			case []byte:
				size = len(v)
			case string:
				size = len(v)
			case nil:
				continue
			}
			if size > 0 {
				out = append(out, cell{tb, tb.columns[i], v, slices.Clone(values[:tb.key]), size})
			}
		}
		if err := cursor.next(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// flip changes one byte of the value, and tells how to change it back.
func (c cell) flip(at int) (change, restore statement) {
	var changed any
	switch v := c.value.(type) {
	case []byte:
		b := slices.Clone(v)
		b[at] ^= byte(1 + rand.N(255))
		changed = b
	case string:
		b := []byte(v)
		for {
			if letter := byte('0' + rand.N(70)); letter != b[at] {
				b[at] = letter
				break
			}
		}
		changed = string(b)
	case int64:
		changed = v ^ 1<<(8*min(at, 1))
	}
	set := func(value, old any) statement {
		st := statement{sql: fmt.Sprintf("UPDATE %s SET %s = ? WHERE ", c.table.name, c.column), args: []any{value}}
		for i, name := range c.table.columns[:c.table.key] {
			if i > 0 {
				st.sql += " AND "
			}
			st.sql += name + " = ?"
			if name == c.column {
				st.args = append(st.args, old)
			} else {
				st.args = append(st.args, c.key[i])
			}
		}
		return st
	}
	return set(changed, c.value), set(c.value, changed)
}

func BenchmarkProofsOf(b *testing.B) {
	onEachB(b, func(b *testing.B, k kind) {
		s := k.open(b)
		c := newChain(1)
		var keys []string
		for range 40 {
			var content wire.Transaction
			for range 250 {
				e := recorded(b, objectEvent("2026-03-01T10:00:00Z", fmt.Sprintf("https://id.gs1.org/01/09521321000012/21/%d", len(keys)), stepShip))
				content.Events, keys = append(content.Events, e), append(keys, wire.EventKey(e.Hash))
			}
			c.add(tx(fmt.Sprintf("tx%d", len(keys)), content))
		}
		if err := s.Apply(b.Context(), c.all()...); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := s.ProofsOf(b.Context(), 40, keys[:1]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// A declaration of error may stand on the ledger twice in the same words: by an organisation that may
// not declare it, and by the event's recorder.
func TestADeclarationInAnothersWordsIsAFactOfItsOwn(t *testing.T) {
	plain := objectEvent("2026-03-01T10:00:00Z", bottle, stepShip)
	event := recorded(t, plain)
	declared := recorded(t, strings.Replace(plain, `{`, `{"errorDeclaration":{"declarationTime":"2026-03-02T00:00:00Z"},`, 1))
	c := newChain(1)
	by := func(id, mspID string, content wire.Transaction) Recorded {
		return Recorded{TxID: id, MSPID: mspID, At: noon, Transaction: content}
	}
	c.add(by("event", "ProducerMSP", wire.Transaction{Events: []wire.RecordedEvent{event}}))
	c.add(by("word", "CarrierMSP", wire.Transaction{Restatements: []wire.RecordedEvent{declared}}))
	c.add(by("declaration", "ProducerMSP", wire.Transaction{Restatements: []wire.RecordedEvent{declared}}))
	key := wire.RestatementKey(event.Hash, declared.Record.BodyDigest)
	onEach(t, func(t *testing.T, k kind) {
		s := k.open(t)
		if err := s.Apply(t.Context(), c.all()...); err != nil {
			t.Fatal(err)
		}
		e := got(s.Event(t.Context(), event.Hash))(t)
		if !e.DeclaredInError || len(e.Restatements) != 2 || e.Restatements[0].MSPID != "CarrierMSP" || e.Restatements[1].MSPID != "ProducerMSP" {
			t.Errorf("%+v", e)
		}
		for height, want := range map[uint64]string{2: "CarrierMSP in word", 3: "ProducerMSP in declaration"} {
			p := got(s.ProofsOf(t.Context(), height, []string{key}))(t)
			leaf := got(proof.ParseLeaf(p.Leaves[0].Leaf))(t)
			if by := leaf.MSPID + " in " + leaf.TxID; by != want || leaf.Block != height-1 || !slices.Equal(p.Leaves[0].Content.Body, declared.Body) {
				t.Errorf("at height %d it is of %s, not %s: %s", height, by, want, p.Leaves[0].Content.Body)
			}
		}
		if _, err := s.ProofsOf(t.Context(), 1, []string{key}); !errors.Is(err, ErrNotYet) {
			t.Error(err)
		}
		p := got(s.ProofsOf(t.Context(), 3, []string{wire.EventKey(event.Hash)}))(t)
		if !slices.Equal(p.Leaves[0].Content.Body, event.Body) {
			t.Errorf("the event is proven by %s", p.Leaves[0].Content.Body)
		}
	})
}
