package report

import (
	"bufio"
	"io"
	"strings"
	"time"
)

// csvWriter writes RFC 4180: a line of titles, then the rows, each ending with CR LF, in UTF-8.
type csvWriter struct {
	out   *bufio.Writer
	sheet *Sheet
	buf   []byte
}

const bufferBytes = 256 << 10

func newCSV(w io.Writer, sheet *Sheet) (*csvWriter, error) {
	c := &csvWriter{out: bufio.NewWriterSize(w, bufferBytes), sheet: sheet}
	for i, col := range sheet.Columns {
		c.separate(i)
		c.buf = appendCSV(c.buf, sheet.title(col))
	}
	return c, c.end()
}

func (c *csvWriter) separate(i int) {
	if i > 0 {
		c.buf = append(c.buf, ',')
	}
}

func (c *csvWriter) end() error {
	c.buf = append(c.buf, '\r', '\n')
	_, err := c.out.Write(c.buf)
	c.buf = c.buf[:0]
	return err
}

// Row implements Rows.
func (c *csvWriter) Row(values []Value) error {
	if err := fits(c.sheet, values); err != nil {
		return err
	}
	for i := range values {
		c.separate(i)
		c.buf = appendValue(c.buf, &values[i], c.sheet.zone())
	}
	if len(c.buf) == 0 {
		c.buf = append(c.buf, '"', '"') // an empty line is no row to many readers
	}
	return c.end()
}

func appendValue(b []byte, v *Value, zone *time.Location) []byte {
	if !v.set {
		return b
	}
	switch v.kind {
	case Number:
		return append(b, v.text...) // its grammar holds no formula
	case Date:
		return v.moment().AppendFormat(b, dateForm)
	case Time:
		return v.moment().In(zone).AppendFormat(b, timeForm)
	case Text:
	}
	return appendCSV(b, v.text)
}

// appendCSV appends a text field. A text that a spreadsheet would take for a formula gets an
// apostrophe before it, and so does one that begins with an apostrophe: taking one off gives every
// text back (CSVText).
func appendCSV(b []byte, s string) []byte {
	guard := s != "" && strings.IndexByte("=+-@\t\r\n|%'", s[0]) >= 0 || strings.HasPrefix(s, "＝") ||
		strings.HasPrefix(s, "＋") || strings.HasPrefix(s, "－") || strings.HasPrefix(s, "＠")
	quote := strings.ContainsAny(s, "\",\r\n;\t") || s != "" && (s[0] == ' ' || s[len(s)-1] == ' ')
	if quote {
		b = append(b, '"')
	}
	if guard {
		b = append(b, '\'')
	}
	if !quote {
		return append(b, s...)
	}
	for {
		before, after, found := strings.Cut(s, `"`)
		b = append(b, before...)
		if !found {
			return append(b, '"')
		}
		b = append(b, '"', '"')
		s = after
	}
}

// CSVText gives a text back from a CSV field: it takes off the apostrophe that guards against formulas.
func CSVText(field string) string { return strings.TrimPrefix(field, "'") }

// Close implements Writer.
func (c *csvWriter) Close() error { return c.out.Flush() }
