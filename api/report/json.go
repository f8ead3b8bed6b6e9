package report

import (
	"bufio"
	"io"
	"strconv"
	"unicode/utf8"
)

// jsonWriter writes one object: what the sheet says of itself, its columns, and the rows as objects by the columns'
// keys without the empty cells.
type jsonWriter struct {
	out   *bufio.Writer
	sheet *Sheet
	keys  [][]byte
	buf   []byte
	rows  uint64
}

func newJSON(w io.Writer, sheet *Sheet) *jsonWriter {
	j := &jsonWriter{out: bufio.NewWriterSize(w, bufferBytes), sheet: sheet}
	b := []byte(`{"report":`)
	member := func(key, value string) {
		b = append(b, ',', '"')
		b = append(b, key...)
		b = append(b, '"', ':')
		b = appendJSON(b, value)
	}
	b = appendJSON(b, sheet.Name)
	member("title", sheet.Title)
	member("law", sheet.Law)
	member("subject", sheet.Subject)
	b = append(b, `,"ledgerHeight":`...)
	b = strconv.AppendUint(b, sheet.AsOf.Height, 10)
	member("lastBlock", hexadecimal(sheet.AsOf.Hash[:]))
	member("timeZone", sheet.zone().String())
	b = append(b, `,"notes":[`...)
	for i, n := range sheet.Notes {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSON(b, n)
	}
	b = append(b, `],"columns":[`...)
	for i, c := range sheet.Columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"key":`...)
		b = appendJSON(b, c.Key)
		member("title", sheet.title(c))
		member("kind", c.Kind.String())
		if c.Law != "" {
			member("law", c.Law)
		}
		b = append(b, '}')
		j.keys = append(j.keys, append(appendJSON(nil, c.Key), ':'))
	}
	b = append(b, `],"rows":[`...)
	j.buf = b
	return j
}

const hexDigits = "0123456789abcdef"

func hexadecimal(raw []byte) string {
	b := make([]byte, 0, 2*len(raw))
	for _, c := range raw {
		b = append(b, hexDigits[c>>4], hexDigits[c&15])
	}
	return string(b)
}

// Row implements Rows.
func (j *jsonWriter) Row(values []Value) error {
	if err := fits(j.sheet, values); err != nil {
		return err
	}
	b := j.buf
	if j.rows > 0 {
		b = append(b, ',')
	}
	b = append(b, '\n', '{')
	first := true
	for i := range values {
		v := &values[i]
		if !v.set {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, j.keys[i]...)
		switch v.kind {
		case Number:
			b = append(b, v.text...)
		case Date:
			b = append(v.moment().AppendFormat(append(b, '"'), dateForm), '"')
		case Time:
			b = append(v.moment().In(j.sheet.zone()).AppendFormat(append(b, '"'), timeForm), '"')
		case Text:
			b = appendJSON(b, v.text)
		}
	}
	b = append(b, '}')
	j.rows++
	_, err := j.out.Write(b)
	j.buf = b[:0]
	return err
}

// Close implements Writer.
func (j *jsonWriter) Close() error {
	b := j.buf
	b = append(b, "\n],\"rowCount\":"...)
	b = strconv.AppendUint(b, j.rows, 10)
	if _, err := j.out.Write(append(b, '}', '\n')); err != nil {
		return err
	}
	return j.out.Flush()
}

// appendJSON appends a string; what is not UTF-8 becomes U+FFFD.
func appendJSON(b []byte, s string) []byte {
	b = append(b, '"')
	plain := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			b = append(b, s[plain:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			default:
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			plain = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			b = append(b, s[plain:i]...)
			b = utf8.AppendRune(b, utf8.RuneError)
			i++
			plain = i
			continue
		}
		i += size
	}
	return append(append(b, s[plain:]...), '"')
}
