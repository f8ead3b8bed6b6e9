package readmodel

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"math"
	"strconv"
	"strings"
)

// Change is how a row differs from what the ledger says.
type Change string

// The changes.
const (
	Missing Change = "missing" // the ledger has it
	Extra   Change = "extra"   // the ledger does not have it
	Altered Change = "altered" // the ledger has other values
)

// Difference is one row of a store that is not as the ledger says.
type Difference struct {
	Change Change
	Table  string
	Key    string   // column=value, with a space between columns; bytes are in hexadecimal
	Fields []string // of an altered row, the columns that differ
}

// Comparison is the outcome of comparing two stores.
type Comparison struct {
	Differences int
	Rows        int64    // of the store that was to be compared
	Digest      [32]byte // of its canonical dump
	Wanted      [32]byte // of the dump that it should have
}

// compare walks two stores side by side, table by table in the order of the keys, and gives each
// difference between what is there and what is wanted. It reads each table once and keeps a row of each.
func compare(ctx context.Context, have, want querier, found func(Difference) error, watch func(rows int64)) (Comparison, error) {
	var c Comparison
	haveDump, wantDump := newDump(), newDump()
	for _, t := range tables() {
		haveDump.begin(t)
		wantDump.begin(t)
		if err := compareTable(ctx, t, &c, have, want, haveDump, wantDump, found, watch); err != nil {
			return c, fmt.Errorf("comparing %s: %w", t.name, err)
		}
	}
	c.Digest, c.Wanted = haveDump.sum(), wantDump.sum()
	return c, nil
}

func compareTable(ctx context.Context, t table, c *Comparison, have, want querier, haveDump, wantDump *dump, found func(Difference) error, watch func(rows int64)) error {
	h, err := openCursor(ctx, have, t)
	if err != nil {
		return err
	}
	defer h.rows.Close() //nolint:errcheck // next gives the error that counts
	w, err := openCursor(ctx, want, t)
	if err != nil {
		return err
	}
	defer w.rows.Close() //nolint:errcheck // as above
	report := func(change Change, key []any, fields []string) error {
		c.Differences++
		return found(Difference{Change: change, Table: t.name, Key: keyText(t, key), Fields: fields})
	}
	const every = 1000
	for h.ok || w.ok {
		var order int
		switch {
		case !h.ok:
			order = 1
		case !w.ok:
			order = -1
		default:
			order = compareValues(h.values[:t.key], w.values[:t.key])
		}
		switch {
		case order < 0:
			err = report(Extra, h.values, nil)
		case order > 0:
			err = report(Missing, w.values, nil)
		default:
			if fields := altered(t, h.values, w.values); len(fields) > 0 {
				err = report(Altered, h.values, fields)
			}
		}
		if err != nil {
			return err
		}
		if order <= 0 {
			haveDump.row(h.values)
			if c.Rows++; c.Rows%every == 0 && watch != nil {
				watch(c.Rows)
			}
			if err := h.next(); err != nil {
				return err
			}
		}
		if order >= 0 {
			wantDump.row(w.values)
			if err := w.next(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Digest is the SHA-256 of the store's canonical dump: the same for equal contents on every
// database, however they came in.
func (s *Store) Digest(ctx context.Context) ([32]byte, error) {
	d := newDump()
	err := s.snapshot(ctx, func(tx querier) error {
		for _, t := range s.tables {
			d.begin(t)
			c, err := openCursor(ctx, tx, t)
			if err != nil {
				return err
			}
			for c.ok && err == nil {
				d.row(c.values)
				err = c.next()
			}
			if err = errors.Join(err, c.rows.Close()); err != nil {
				return err
			}
		}
		return nil
	})
	return d.sum(), err
}

// cursor walks the rows of a table in the order of its key.
type cursor struct {
	rows   *sql.Rows
	values []any // of the present row: nil, int64, float64, string or []byte
	to     []any
	ok     bool
}

func openCursor(ctx context.Context, q querier, t table) (*cursor, error) {
	rows, err := q.QueryContext(ctx, t.ordered()) //nolint:rowserrcheck // next asks for it
	if err != nil {
		return nil, err
	}
	c := &cursor{rows: rows, values: make([]any, len(t.columns)), to: make([]any, len(t.columns))}
	for i := range c.values {
		c.to[i] = &c.values[i]
	}
	if err := c.next(); err != nil {
		return nil, errors.Join(err, rows.Close()) //nolint:sqlclosecheck // whoever has the cursor closes it
	}
	return c, nil
}

func (c *cursor) next() error {
	if c.ok = c.rows.Next(); !c.ok {
		return c.rows.Err()
	}
	return c.rows.Scan(c.to...)
}

func altered(t table, have, want []any) (fields []string) {
	for i := t.key; i < len(have); i++ {
		if compareValues(have[i:i+1], want[i:i+1]) != 0 {
			fields = append(fields, t.columns[i])
		}
	}
	return fields
}

// compareValues orders values as both databases do: numbers by size, text and bytes byte by byte.
func compareValues(a, b []any) int {
	for i := range a {
		if c := compareValue(a[i], b[i]); c != 0 {
			return c
		}
	}
	return 0
}

func compareValue(a, b any) int {
	switch x := a.(type) {
	case int64:
		if y, ok := b.(int64); ok {
			return cmp.Compare(x, y)
		}
	case float64:
		if y, ok := b.(float64); ok {
			return cmp.Compare(x, y)
		}
	case string:
		if y, ok := b.(string); ok {
			return cmp.Compare(x, y)
		}
	case []byte:
		if y, ok := b.([]byte); ok {
			return bytes.Compare(x, y)
		}
	case nil:
		if b == nil {
			return 0
		}
	}
	// Values of different types are in no key of a sound store; any order that is one will do.
	return cmp.Compare(rank(a), rank(b))
}

func rank(v any) int {
	switch v.(type) {
	case nil:
		return 0
	case int64:
		return 1
	case float64:
		return 2
	case string:
		return 3
	case []byte:
		return 4
	}
	return 5
}

func keyText(t table, values []any) string {
	var b strings.Builder
	for i, name := range t.columns[:t.key] {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(name + "=")
		switch v := values[i].(type) {
		case int64:
			if name == "pos" {
				p := positionOf(v)
				fmt.Fprintf(&b, "%d/%d", p.Block, p.Index)
				continue
			}
			b.WriteString(strconv.FormatInt(v, 10))
		case string:
			b.WriteString(v)
		case []byte:
			b.WriteString(hex.EncodeToString(v))
		default:
			fmt.Fprint(&b, v)
		}
	}
	return b.String()
}

// dump is the canonical dump of a store, as far as its digest goes: the tables in the order of this
// package with their columns, the rows in the order of their keys, each value with its type and length.
type dump struct {
	hash hash.Hash
	buf  []byte
}

func newDump() *dump { return &dump{hash: sha256.New()} }

func (d *dump) begin(t table) {
	d.text('t', t.name)
	for _, c := range t.columns {
		d.text('c', c)
	}
	d.flush()
}

func (d *dump) row(values []any) {
	d.buf = append(d.buf, 'r')
	for _, v := range values {
		switch v := v.(type) {
		case int64:
			d.buf = binary.BigEndian.AppendUint64(append(d.buf, 'i'), uint64(v)) //nolint:gosec // the bits
		case float64:
			d.buf = binary.BigEndian.AppendUint64(append(d.buf, 'f'), math.Float64bits(v))
		case string:
			d.text('s', v)
		case []byte:
			d.text('b', string(v))
		case nil:
			d.buf = append(d.buf, 'n')
		default:
			d.text('?', fmt.Sprint(v))
		}
	}
	d.flush()
}

func (d *dump) text(kind byte, s string) {
	d.buf = append(binary.BigEndian.AppendUint64(append(d.buf, kind), uint64(len(s))), s...)
}

func (d *dump) flush() {
	d.hash.Write(d.buf)
	d.buf = d.buf[:0]
}

func (d *dump) sum() [32]byte { return [32]byte(d.hash.Sum(nil)) }
