// Package reporttest holds a ledger in memory that answers reports by looking at every event, and small
// histories of food and of medicine. It is for tests only.
package reporttest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"iter"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/api/report"
	"github.com/waybill-dev/waybill/epcis"
)

// Ledger is a source of reports that keeps the events it is given.
type Ledger struct {
	// Facts are what it says of objects, by their canonical identifiers.
	Facts   map[string]report.ItemFacts
	records []report.Record
	events  []*epcis.Event
	height  uint64
}

var _ report.Source = (*Ledger)(nil)

// Recorded is when each block is recorded.
func Recorded(block uint64) time.Time {
	return time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(block) * time.Second) //nolint:gosec // few blocks
}

// fataler is what a helper needs of a test.
type fataler interface{ Fatal(args ...any) }

// Block records events, as JSON in GS1's context, in the next block.
func (l *Ledger) Block(tb fataler, mspID string, bodies ...string) {
	for i, body := range bodies {
		e, err := epcis.ParseEvent(nil, []byte(body))
		if err != nil {
			tb.Fatal(err, body)
		}
		r := report.Record{
			Hash: e.Hash(), Block: l.height, Index: uint32(i), TxID: TxID(l.height), RecordedBy: mspID, RecordedAt: Recorded(l.height),
			EventTime: e.EventTime.Instant.Truncate(time.Millisecond), Body: []byte(body), InError: e.IsErrorDeclaration(),
		}
		l.records, l.events = append(l.records, r), append(l.events, e)
	}
	l.height++
}

// TxID names the transaction of a block.
func TxID(block uint64) string {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("tx"), block))
	return string(hex(sum[:8]))
}

func hex(b []byte) []byte {
	const digits = "0123456789abcdef"
	var out []byte
	for _, c := range b {
		out = append(out, digits[c>>4], digits[c&15])
	}
	return out
}

// DeclareError marks the n-th event, counted from 0, as declared in error.
func (l *Ledger) DeclareError(n int) { l.records[n].InError = true }

// Finding puts a finding on the n-th event.
func (l *Ledger) Finding(n int, code string) {
	l.records[n].Findings = append(l.records[n].Findings, code)
}

// record gives the n-th event with its leaf of the proof log: the events of a block come first there, then
// the block's findings.
func (l *Ledger) record(n int) report.Record {
	r := l.records[n]
	leaf := uint64(r.Index)
	for _, o := range l.records {
		if o.Block < r.Block {
			leaf += 1 + uint64(len(o.Findings))
		}
	}
	r.Leaf = &leaf
	return r
}

// Has reports whether an event is recorded.
func (l *Ledger) Has(hash string) bool {
	return slices.ContainsFunc(l.records, func(r report.Record) bool { return r.Hash.String() == hash })
}

// Record gives the n-th event, counted from 0.
func (l *Ledger) Record(n int) report.Record { return l.record(n) }

// AsOf implements report.Source.
func (l *Ledger) AsOf(context.Context) (report.AsOf, error) {
	a := report.AsOf{Height: l.height}
	if l.height > 0 {
		a.Hash = sha256.Sum256(binary.BigEndian.AppendUint64([]byte("block"), l.height-1))
	}
	return a, nil
}

// Events implements report.Source.
func (l *Ledger) Events(ctx context.Context, sel report.Selection) iter.Seq2[[]report.Record, error] {
	return func(yield func([]report.Record, error) bool) {
		var in []report.Record
		for i := range l.records {
			r := l.record(i)
			if (sel.From.IsZero() || !r.EventTime.Before(sel.From)) && (sel.Until.IsZero() || r.EventTime.Before(sel.Until)) && r.Block < sel.AsOf.Height {
				in = append(in, r)
			}
		}
		slices.SortStableFunc(in, func(a, b report.Record) int { return a.EventTime.Compare(b.EventTime) })
		const few = 7 // so that small histories come in several pieces
		for part := range slices.Chunk(in, few) {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if !yield(part, nil) {
				return
			}
		}
	}
}

// Naming implements report.Source.
func (l *Ledger) Naming(ctx context.Context, objects []string, asked report.Asked) (found map[string][]report.Record, more []string, err error) {
	found = map[string][]report.Record{}
	for _, o := range objects {
		for i, r := range l.records {
			var roles report.Role
			for _, it := range l.events[i].Items() {
				if it.Canonical == o {
					roles |= 1 << it.Role
				}
			}
			e := l.events[i]
			if roles&asked.Roles == 0 || r.Block >= asked.AsOf.Height || asked.Beginnings && e.Action != epcis.Add && e.Type != epcis.TransformationEvent {
				continue
			}
			if len(found[o]) == asked.Limit {
				more = append(more, o)
				break
			}
			found[o] = append(found[o], l.record(i))
		}
	}
	return found, more, ctx.Err()
}

// LotItems implements report.Source.
func (l *Ledger) LotItems(ctx context.Context, _, lot string, asOf report.AsOf, limit int) (found []report.Record, err error) {
	for i, r := range l.records {
		has := slices.ContainsFunc(l.events[i].ILMD, func(x epcis.Extension) bool {
			return (x.Local == "lotNumber" || x.Local == "hasBatchLotNumber") && x.Value.Text == lot
		})
		if has && r.Block < asOf.Height && !l.events[i].IsErrorDeclaration() && len(found) < limit {
			found = append(found, l.record(i))
		}
	}
	return found, ctx.Err()
}

// Item implements report.Source: what it was given as facts, else whether any event names the object.
func (l *Ledger) Item(ctx context.Context, object string) (report.ItemFacts, error) {
	if f, ok := l.Facts[object]; ok {
		return f, nil
	}
	found, _, err := l.Naming(ctx, []string{object}, report.Asked{Roles: report.InAnyRole, Limit: 1, AsOf: report.AsOf{Height: l.height}})
	return report.ItemFacts{Known: len(found[object]) > 0, Status: "active"}, err
}

// Bodies gives the events block by block, to be recorded elsewhere.
func (l *Ledger) Bodies() (blocks [][][]byte) {
	blocks = make([][][]byte, l.height)
	for _, r := range l.records {
		blocks[r.Block] = append(blocks[r.Block], r.Body)
	}
	return blocks
}

// Master is master data in memory by canonical identifiers.
type Master map[string]map[string]string

// Describe implements report.MasterData.
func (m Master) Describe(_ context.Context, id string) (map[string]string, error) { return m[id], nil }

// Table is a report as its cells' texts.
type Table struct {
	Sheet *report.Sheet
	Rows  [][]report.Value
}

// Sink takes a report into the table.
func (t *Table) Sink(s *report.Sheet) (report.Rows, error) {
	t.Sheet = s
	return t, nil
}

// Row implements report.Rows.
func (t *Table) Row(values []report.Value) error {
	t.Rows = append(t.Rows, slices.Clone(values))
	return nil
}

// Column is the index of a column by its key.
func (t *Table) Column(tb fataler, key string) int {
	i := slices.IndexFunc(t.Sheet.Columns, func(c report.Column) bool { return c.Key == key })
	if i < 0 {
		tb.Fatal("no column " + key)
	}
	return i
}

// Texts gives a column's cells as text.
func (t *Table) Texts(tb fataler, key string) []string {
	i := t.Column(tb, key)
	out := make([]string, 0, len(t.Rows))
	for _, r := range t.Rows {
		out = append(out, r[i].String())
	}
	return out
}

// Cell gives one cell as text.
func (t *Table) Cell(tb fataler, row int, key string) string {
	return cmp.Or(t.Texts(tb, key)[row])
}
