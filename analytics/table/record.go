package table

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Bounds on a file's text.
const (
	MaxRecord  = 1 << 20 // bytes of a row
	MaxColumns = 1024
)

// records cuts text into the rows of a table (RFC 4180): a cell in quotation marks may hold
// delimiters and line ends. It keeps one row at a time.
type records struct {
	in    *bufio.Reader
	mark  byte // delimiter; 0 until the header is known
	line  int  // of the row last read, from 1
	next  int  // line that the next row begins on
	text  []byte
	cells [][]byte
	plain []byte // what cells in quotation marks hold
}

func newRecords(r io.Reader) *records {
	return &records{in: bufio.NewReaderSize(r, 64<<10), next: 1}
}

// read gives the next row as it stands, without its line end, good until the one after it. crlf says that it
// ended in a carriage return and a line feed.
func (r *records) read() (text []byte, crlf bool, err error) {
	r.text = r.text[:0]
	r.line = r.next
	quoted := false
	for scanned := 0; ; {
		chunk, err := r.in.ReadSlice('\n')
		if len(r.text)+len(chunk) > MaxRecord {
			why := ""
			if quoted {
				why = "; a quotation mark is opened in it and not closed"
			}
			return nil, false, fmt.Errorf("%w: the row that begins on line %d has more than %d bytes%s", ErrTooLarge, r.line, MaxRecord, why)
		}
		r.text = append(r.text, chunk...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return nil, false, fmt.Errorf("table: line %d: %w", r.next, err)
		}
		ended := err == nil
		if ended {
			r.next++
		}
		quoted = r.open(r.text[scanned:], quoted, scanned)
		scanned = len(r.text)
		switch {
		case !ended && len(r.text) == 0:
			return nil, false, io.EOF
		case !ended && quoted:
			return nil, false, fmt.Errorf("%w: the row that begins on line %d opens a quotation mark and never closes it", ErrCSV, r.line)
		case ended && quoted:
			continue
		}
		text = r.text
		if ended {
			text = text[:len(text)-1]
		}
		if crlf = bytes.HasSuffix(text, []byte{'\r'}); crlf {
			text = text[:len(text)-1]
		}
		return text, crlf, nil
	}
}

// open tells whether the row is still inside quotation marks after more of its text. A quotation mark
// counts where a cell begins; inside, two of them are one.
func (r *records) open(more []byte, quoted bool, from int) bool {
	begins := from == 0 // a cell begins here
	for i := 0; i < len(more); i++ {
		b := more[i]
		switch {
		case quoted && b == '"':
			if i+1 < len(more) && more[i+1] == '"' {
				i++
				continue
			}
			quoted, begins = false, false
		case quoted:
		case b == '"' && begins:
			quoted = true
		default:
			begins = b == r.mark || r.mark == 0 && (b == ',' || b == ';' || b == '\t') || begins && b == ' '
		}
	}
	return quoted
}

// split gives a row's cells, good until the next row; at most one more than most.
func (r *records) split(text []byte, most int) ([][]byte, error) {
	r.cells, r.plain = r.cells[:0], r.plain[:0]
	if cap(r.plain) < len(text) {
		r.plain = make([]byte, 0, max(len(text), 256)) // never grown below: cells point into it
	}
	for {
		if len(r.cells) > most {
			return r.cells, nil
		}
		lead := bytes.TrimLeft(text, " ")
		if len(lead) > 0 && lead[0] == '"' {
			cell, rest, err := r.unquote(lead[1:])
			if err != nil {
				return nil, err
			}
			r.cells = append(r.cells, cell)
			if rest == nil {
				return r.cells, nil
			}
			text = rest[1:]
			continue
		}
		i := bytes.IndexByte(text, r.mark)
		if i < 0 {
			r.cells = append(r.cells, text)
			return r.cells, nil
		}
		r.cells = append(r.cells, text[:i])
		text = text[i+1:]
	}
}

// unquote reads a cell behind its opening mark. rest begins with the delimiter, nil at the row's end.
func (r *records) unquote(s []byte) (cell, rest []byte, err error) {
	begin := len(r.plain)
	for {
		i := bytes.IndexByte(s, '"')
		if i < 0 {
			return nil, nil, fmt.Errorf("%w: line %d: a quotation mark is not closed", ErrCSV, r.line)
		}
		r.plain = append(r.plain, s[:i]...)
		s = s[i+1:]
		if len(s) > 0 && s[0] == '"' {
			r.plain = append(r.plain, '"')
			s = s[1:]
			continue
		}
		after := bytes.TrimLeft(s, " ")
		switch {
		case len(after) == 0:
			return r.plain[begin:], nil, nil
		case after[0] == r.mark:
			return r.plain[begin:], after, nil
		}
		return nil, nil, fmt.Errorf("%w: line %d: text follows the closing quotation mark of a cell", ErrCSV, r.line)
	}
}
