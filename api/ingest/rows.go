package ingest

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
)

// rows reads CSV a line at a time, so that a quotation mark that is never closed costs its own row
// only and no row is larger than maxRowBytes. A value with a line break in it is not read.
type rows struct {
	in   *bufio.Reader
	csv  *csv.Reader
	text []byte // the line that csv reads
	rest []byte // what csv has not read of it
	line int    // number of the row last read, from 1
}

func newRows(r io.Reader) *rows {
	rows := &rows{in: bufio.NewReaderSize(r, maxRowBytes)}
	rows.csv = csv.NewReader(rows)
	rows.csv.ReuseRecord = true
	rows.csv.FieldsPerRecord = -1
	rows.csv.TrimLeadingSpace = true
	return rows
}

// Read gives csv the current line and no more.
func (r *rows) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// next gives the next row that is not blank, good until the one after it; a *csv.ParseError is of
// that row alone, any other error ends the file, io.EOF at its end.
func (r *rows) next() ([]string, error) {
	for {
		line, err := r.in.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			if bytes.IndexByte(line, '\r') >= 0 {
				return nil, errLineEnds
			}
			return nil, fmt.Errorf("a row has more than %d bytes", maxRowBytes)
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		case err != nil && len(line) == 0:
			return nil, io.EOF
		}
		if r.line++; r.line == 1 {
			if bytes.HasPrefix(line, []byte{0xff, 0xfe}) || bytes.HasPrefix(line, []byte{0xfe, 0xff}) || bytes.IndexByte(line, 0) >= 0 {
				return nil, errors.New("the text is in UTF-16; save it in UTF-8")
			}
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if bytes.IndexByte(line, '\r') >= 0 {
			return nil, errLineEnds
		}
		r.text = append(append(r.text[:0], line...), '\n')
		r.rest = r.text
		row, err := r.csv.Read()
		if errors.Is(err, io.EOF) {
			continue
		}
		return row, err
	}
}

// errLineEnds says that a file is of the old Macintosh form.
var errLineEnds = errors.New("lines end in a carriage return alone; save the file with line feeds")
