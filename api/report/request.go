package report

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"time"
)

// Request is a report as a caller asks for it: exactly one of the three.
type Request struct {
	Food    *FoodQuery
	Drug    *DrugQuery
	Suspect *SuspectQuery
	Format  Format
}

// Made says what became of a report.
type Made struct {
	Rows, Bytes uint64
	// Digest is the SHA-256 of the bytes.
	Digest [sha256.Size]byte
}

// Make makes the report and writes it. begin is called with its sheet before the first byte is
// written. The errors are those of the reports, of the source and of out.
func (r Request) Make(ctx context.Context, source Source, master MasterData, out io.Writer, begin func(*Sheet) error, progress Progress) (Made, error) {
	count := &counter{out: out, digest: sha256.New()}
	var w Writer
	rows := &counted{}
	sink := func(s *Sheet) (Rows, error) {
		if err := begin(s); err != nil {
			return nil, err
		}
		var err error
		w, err = NewWriter(r.Format, count, s)
		rows.to = w
		return rows, err
	}
	if err := r.run(ctx, source, master, sink, progress); err != nil {
		return Made{}, err
	}
	if err := w.Close(); err != nil {
		return Made{}, err
	}
	made := Made{Rows: rows.n, Bytes: count.n}
	count.digest.Sum(made.Digest[:0])
	return made, nil
}

func (r Request) run(ctx context.Context, source Source, master MasterData, sink Sink, progress Progress) error {
	switch {
	case r.Food != nil && r.Drug == nil && r.Suspect == nil:
		return FoodTraceability(ctx, source, master, *r.Food, sink, progress)
	case r.Drug != nil && r.Food == nil && r.Suspect == nil:
		return Transactions(ctx, source, master, *r.Drug, sink)
	case r.Suspect != nil && r.Food == nil && r.Drug == nil:
		return SuspectProduct(ctx, source, master, *r.Suspect, sink)
	}
	return fmt.Errorf("%w: name one report", ErrArgument)
}

// counted counts rows.
type counted struct {
	to Rows
	n  uint64
}

func (c *counted) Row(values []Value) error {
	c.n++
	return c.to.Row(values)
}

// counter counts and digests bytes.
type counter struct {
	out    io.Writer
	digest hash.Hash
	n      uint64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.out.Write(b)
	c.digest.Write(b[:n])
	c.n += uint64(n) //nolint:gosec // never negative
	return n, err
}

// ParseZone reads the name of a time zone: an IANA name, UTC if it is empty. ErrArgument.
func ParseZone(name string) (*time.Location, error) {
	if name == "Local" {
		return nil, fmt.Errorf("%w: name a time zone, such as America/New_York", ErrArgument)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %q is no time zone, such as America/New_York", ErrArgument, name)
	}
	return zone, nil
}
