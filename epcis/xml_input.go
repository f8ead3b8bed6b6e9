package epcis

import (
	"errors"
	"io"
	"strconv"
	"unicode/utf8"
)

// latin1 gives UTF-8 for text in ISO 8859-1, whose bytes are the first code points.
type latin1 struct {
	in   io.ByteReader
	rest []byte
}

func (l *latin1) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if len(l.rest) == 0 {
			c, err := l.in.ReadByte()
			if err != nil {
				if n > 0 && errors.Is(err, io.EOF) {
					return n, nil
				}
				return n, err //nolint:wrapcheck // io.EOF must stay as it is
			}
			l.rest = utf8.AppendRune(l.rest, rune(c))
		}
		k := copy(p[n:], l.rest)
		n, l.rest = n+k, l.rest[k:]
	}
	return n, nil
}

// limitedReader fails once the document is longer than the limit.
type limitedReader struct {
	r           io.Reader
	left, limit int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	l.left -= int64(n)
	if l.left < 0 {
		return 0, Faults{{Path: "/", Code: CodeTooLarge, Message: "document of more than " + strconv.FormatInt(l.limit, 10) + " bytes"}}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = readFault(err)
	}
	return n, err //nolint:wrapcheck // io.EOF must stay as it is
}
