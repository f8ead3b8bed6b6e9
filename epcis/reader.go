package epcis

import (
	"errors"
	"io"
	"strconv"
)

// reader walks JSON text that arrives in pieces. It keeps what is held and what
// is ahead, nothing else. Offsets are absolute.
type reader struct {
	src io.Reader
	lim Limits
	buf []byte
	// pos is the next byte in buf; base is the offset of buf[0].
	pos  int
	base int64
	// held is the offset from which bytes must stay; -1 if none.
	held int64
	// longest is how many held bytes are worth keeping; 0 for any number.
	longest int
	err     error
}

const readSize = 64 << 10

func newReader(src io.Reader, lim Limits) *reader {
	return &reader{src: src, lim: lim, held: -1}
}

func (r *reader) offset() int64 { return r.base + int64(r.pos) }
func (r *reader) hold(at int64) { r.held = at }
func (r *reader) release()      { r.held = -1 }

// slice gives the held bytes between two offsets; they are valid until the next read.
func (r *reader) slice(from, to int64) []byte { return r.buf[from-r.base : to-r.base] }

// more reads further bytes; false at the end or on an error, which then stands in err.
func (r *reader) more() bool {
	if r.err != nil {
		return false
	}
	if r.longest > 0 && r.held >= 0 && r.offset()-r.held > int64(r.longest) {
		r.held = -1
	}
	keep := r.pos
	if r.held >= 0 && int(r.held-r.base) < keep {
		keep = int(r.held - r.base)
	}
	if keep > 0 && (len(r.buf)+readSize > cap(r.buf) || keep == len(r.buf)) {
		n := copy(r.buf, r.buf[keep:])
		r.buf, r.pos, r.base = r.buf[:n], r.pos-keep, r.base+int64(keep)
	}
	if len(r.buf)+readSize > cap(r.buf) {
		grown := make([]byte, len(r.buf), 2*cap(r.buf)+readSize)
		copy(grown, r.buf)
		r.buf = grown
	}
	for range 100 {
		n, err := r.src.Read(r.buf[len(r.buf):cap(r.buf)])
		r.buf = r.buf[:len(r.buf)+n]
		if r.base+int64(len(r.buf)) > r.lim.MaxBytes {
			r.err = Faults{{Path: "$", Code: CodeTooLarge, Message: "document of more than " + strconv.FormatInt(r.lim.MaxBytes, 10) + " bytes"}}
			return false
		}
		if err != nil {
			r.err = err
			if !errors.Is(err, io.EOF) {
				r.err = readFault(err)
			}
		}
		if n > 0 {
			return true
		}
		if r.err != nil {
			return false
		}
	}
	r.err = readFault(io.ErrNoProgress)
	return false
}

// readFault keeps the cause for errors.Is, since it may be a cancelled context.
func readFault(err error) error {
	return &readError{Fault{Path: "$", Code: CodeRead, Message: "the document cannot be read: " + err.Error()}, err}
}

type readError struct {
	fault Fault
	cause error
}

func (e *readError) Error() string   { return e.fault.Error() }
func (e *readError) Unwrap() []error { return []error{Faults{e.fault}, e.cause} }

// failed gives the error that ended the text: early, if the text is cut off.
func (r *reader) failed() error {
	if r.err == nil || errors.Is(r.err, io.EOF) {
		return r.syntax("the text ends early")
	}
	return r.err
}

func (r *reader) syntax(what string) error {
	return Faults{{Path: "$", Code: CodeNotJSON, Message: what + " at byte " + strconv.FormatInt(r.offset(), 10)}}
}

func (r *reader) skipBOM() {
	for len(r.buf) < 3 && r.more() {
	}
	if len(r.buf) >= 3 && string(r.buf[:3]) == "\xef\xbb\xbf" {
		r.pos = 3
	}
}

// next skips white space and gives the byte there without taking it.
func (r *reader) next() (byte, error) {
	for {
		for r.pos < len(r.buf) {
			switch c := r.buf[r.pos]; c {
			case ' ', '\t', '\n', '\r':
				r.pos++
			default:
				return c, nil
			}
		}
		if !r.more() {
			return 0, r.failed()
		}
	}
}

// end wants nothing but white space up to the end of the text.
func (r *reader) end() error {
	for {
		for r.pos < len(r.buf) {
			switch r.buf[r.pos] {
			case ' ', '\t', '\n', '\r':
				r.pos++
			default:
				return r.syntax("text after the document")
			}
		}
		if !r.more() {
			if errors.Is(r.err, io.EOF) {
				return nil
			}
			return r.err
		}
	}
}

// members calls f at the value of each member of the object that starts here.
func (r *reader) members(f func(name string) error) error {
	r.pos++
	c, err := r.next()
	if err != nil {
		return err
	}
	if c == '}' {
		r.pos++
		return nil
	}
	var t tree
	for {
		if c, err = r.next(); err != nil {
			return err
		}
		if c != '"' {
			return r.syntax("a member name is missing")
		}
		outer := r.held
		from, to, failed := r.value(r.lim.MaxString + 2)
		if failed != nil {
			return failed
		}
		if to-from > int64(r.lim.MaxString)+2 {
			return Faults{{Path: "$", Code: CodeTooLong, Message: "member name of more than " + strconv.Itoa(r.lim.MaxString) + " bytes"}}
		}
		t.nodes, t.offset = t.nodes[:0], from
		root, fault, _ := parseJSON(string(r.slice(from, to)), r.lim, &t)
		r.held = outer
		if fault != nil {
			fault.Path = "$"
			return Faults{*fault}
		}
		if c, err = r.next(); err != nil {
			return err
		}
		if c != ':' {
			return r.syntax("a colon is missing")
		}
		r.pos++
		if _, err = r.next(); err != nil {
			return err
		}
		if err = f(t.nodes[root].text); err != nil {
			return err
		}
		if c, err = r.next(); err != nil {
			return err
		}
		r.pos++
		switch c {
		case ',':
		case '}':
			return nil
		default:
			r.pos--
			return r.syntax("a comma or brace is missing")
		}
	}
}

// elements calls f at each member of the array that starts here.
func (r *reader) elements(f func() error) error {
	r.pos++
	c, err := r.next()
	if err != nil {
		return err
	}
	if c == ']' {
		r.pos++
		return nil
	}
	for {
		if _, err = r.next(); err != nil {
			return err
		}
		if err = f(); err != nil {
			return err
		}
		if c, err = r.next(); err != nil {
			return err
		}
		r.pos++
		switch c {
		case ',':
		case ']':
			return nil
		default:
			r.pos--
			return r.syntax("a comma or bracket is missing")
		}
	}
}

// value passes over the value that starts here, by its brackets and quotes only,
// and gives where it lies. Its bytes are held, unless it is longer than limit
// (0 for no limit); then only its length is true. The caller releases.
func (r *reader) value(limit int) (from, to int64, err error) {
	from = r.offset()
	outer := r.held
	if outer < 0 {
		r.held = from
		r.longest = limit
		defer func() { r.longest = 0 }()
	}
	depth := 0
	for {
		if r.pos >= len(r.buf) {
			if !r.more() {
				if depth == 0 && r.offset() > from && errors.Is(r.err, io.EOF) {
					return from, r.offset(), nil
				}
				return 0, 0, r.failed()
			}
		}
		switch c := r.buf[r.pos]; c {
		case '"':
			if err := r.passString(); err != nil {
				return 0, 0, err
			}
			if depth == 0 {
				return from, r.offset(), nil
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				if r.offset() == from {
					return 0, 0, r.syntax("a value is missing")
				}
				return from, r.offset(), nil
			}
			depth--
			if depth == 0 {
				r.pos++
				return from, r.offset(), nil
			}
		case ',', ':', ' ', '\t', '\n', '\r':
			if depth == 0 {
				if r.offset() == from {
					return 0, 0, r.syntax("a value is missing")
				}
				return from, r.offset(), nil
			}
		}
		r.pos++
	}
}

func (r *reader) passString() error {
	for r.pos++; ; r.pos++ {
		for r.pos >= len(r.buf) {
			if !r.more() {
				return r.failed()
			}
		}
		switch r.buf[r.pos] {
		case '"':
			r.pos++
			return nil
		case '\\':
			r.pos++
		}
	}
}
