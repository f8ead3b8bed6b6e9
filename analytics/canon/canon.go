// Package canon is the canonical byte form of the analytics' state and of what their digests
// cover: equal values give equal bytes on every machine, floats to the last bit. One description
// of a value both writes and reads it. It imports the standard library only.
package canon

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrState says that bytes are not what an encoder wrote.
var ErrState = errors.New("WB_STATE: malformed state")

// Coder writes values to bytes or reads them back, in the order of the calls. The first error
// stays; later calls do nothing.
type Coder struct {
	buf     []byte
	reading bool
	err     error
}

// Writer appends to buf.
func Writer(buf []byte) *Coder { return &Coder{buf: buf} }

// Reader reads data.
func Reader(data []byte) *Coder { return &Coder{buf: data, reading: true} }

// Reading reports whether the coder reads.
func (c *Coder) Reading() bool { return c.reading }

// Bytes gives what was written.
func (c *Coder) Bytes() []byte { return c.buf }

// Reset starts a writer anew over the same memory.
func (c *Coder) Reset() { c.buf, c.err = c.buf[:0], nil }

// Err gives the first error.
func (c *Coder) Err() error { return c.err }

// Fail records an error of the caller's.
func (c *Coder) Fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%w: %s", ErrState, fmt.Sprintf(format, args...))
	}
}

// Done ends reading: nothing may be left.
func (c *Coder) Done() error {
	if c.err == nil && c.reading && len(c.buf) != 0 {
		c.Fail("%d bytes too many", len(c.buf))
	}
	return c.err
}

// Int is a signed integer of any width.
func Int[T ~int | ~int32 | ~int64](c *Coder, v *T) {
	if c.err != nil {
		return
	}
	if !c.reading {
		c.buf = binary.AppendVarint(c.buf, int64(*v))
		return
	}
	x, n := binary.Varint(c.buf)
	if n <= 0 || int64(T(x)) != x {
		c.Fail("integer")
		return
	}
	c.buf = c.buf[n:]
	*v = T(x)
}

// Uint is an unsigned integer of any width.
func Uint[T ~uint8 | ~uint32 | ~uint64](c *Coder, v *T) {
	if c.err != nil {
		return
	}
	if !c.reading {
		c.buf = binary.AppendUvarint(c.buf, uint64(*v))
		return
	}
	x, n := binary.Uvarint(c.buf)
	if n <= 0 || uint64(T(x)) != x {
		c.Fail("integer")
		return
	}
	c.buf = c.buf[n:]
	*v = T(x)
}

// Bool is a truth value.
func (c *Coder) Bool(v *bool) {
	var b uint8
	if *v {
		b = 1
	}
	Uint(c, &b)
	if b > 1 {
		c.Fail("truth value %d", b)
	}
	*v = b == 1
}

// Float is a float64 to the last bit.
func (c *Coder) Float(v *float64) {
	if c.err != nil {
		return
	}
	if !c.reading {
		c.buf = binary.BigEndian.AppendUint64(c.buf, math.Float64bits(*v))
		return
	}
	if len(c.buf) < 8 {
		c.Fail("float")
		return
	}
	*v = math.Float64frombits(binary.BigEndian.Uint64(c.buf))
	c.buf = c.buf[8:]
}

// Raw is a fixed number of bytes.
func (c *Coder) Raw(v []byte) {
	if c.err != nil {
		return
	}
	if !c.reading {
		c.buf = append(c.buf, v...)
		return
	}
	if len(c.buf) < len(v) {
		c.Fail("%d bytes missing", len(v)-len(c.buf))
		return
	}
	copy(v, c.buf)
	c.buf = c.buf[len(v):]
}

// String is a string of at most limit bytes.
func String[T ~string](c *Coder, v *T, limit int) {
	n := c.Len(len(*v), limit)
	if c.err != nil {
		return
	}
	if !c.reading {
		c.buf = append(c.buf, *v...)
		return
	}
	if len(c.buf) < n {
		c.Fail("string")
		return
	}
	*v = T(c.buf[:n])
	c.buf = c.buf[n:]
}

// Len is the length of what follows, at most limit.
func (c *Coder) Len(n, limit int) int {
	Int(c, &n)
	if c.err == nil && (n < 0 || n > limit) {
		c.Fail("length %d, at most %d", n, limit)
	}
	if c.err != nil {
		return 0
	}
	return n
}

// Slice is a list of at most limit values, each described by value.
func Slice[T any](c *Coder, v *[]T, limit int, value func(*Coder, *T)) {
	n := c.Len(len(*v), limit)
	if c.err != nil {
		return
	}
	if c.reading {
		// Every value takes a byte at least, so that a forged length cannot claim more memory than
		// a small multiple of the input.
		if n > len(c.buf) {
			c.Fail("list of %d values in %d bytes", n, len(c.buf))
			return
		}
		*v = nil
		if n > 0 {
			*v = make([]T, n)
		}
	}
	for i := range *v {
		value(c, &(*v)[i])
	}
}
