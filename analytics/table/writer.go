package table

import (
	"bufio"
	"io"
	"strings"
)

// Writer writes a reader's rows as they stand, with cells added at their end.
type Writer struct {
	out  *bufio.Writer
	mark byte
	end  string
	text []byte
}

// NewWriter begins the copy of a file with its header and the names of the columns that are added.
func NewWriter(w io.Writer, r *Reader, names ...string) (*Writer, error) {
	out := &Writer{out: bufio.NewWriterSize(w, 64<<10), mark: r.records.mark, end: r.end}
	return out, out.write(r.text, 0, names)
}

// Row writes a row with the cells added. A blank row stays as it is.
func (w *Writer) Row(row *Row, cells ...string) error {
	if row.Blank {
		cells = nil
	}
	return w.write(row.Text, row.Short, cells)
}

func (w *Writer) write(text []byte, short int, cells []string) error {
	w.text = append(w.text[:0], text...)
	for range short {
		w.text = append(w.text, w.mark)
	}
	for _, c := range cells {
		w.text = append(w.text, w.mark)
		if strings.IndexByte(c, w.mark) >= 0 || strings.ContainsAny(c, "\"\r\n") {
			c = `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
		}
		w.text = append(w.text, c...)
	}
	w.text = append(w.text, w.end...)
	_, err := w.out.Write(w.text)
	return err
}

// Flush hands on what was written so far.
func (w *Writer) Flush() error { return w.out.Flush() }
