package readmodel

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// partEntries is how many entries are enough for a part. Questions read what waits for one entry by
// entry, and the rows of a term one a part.
const partEntries = 8192

// entry is what the index knows of an event, or of a declaration of error.
type entry struct {
	pos, eventTime, recordedAt int64 // eventTime in microseconds, recordedAt in milliseconds
	terms                      []int64
	numbers                    []number
}

// waitingBlock holds the entries of a block that are in no part yet.
type waitingBlock struct {
	block   int64
	entries int
	content []byte
}

// add appends an entry: its index in the block, its times, its terms, its numbers, each list after
// its length.
func (w *waitingBlock) add(e entry) {
	b := binary.AppendUvarint(w.content, uint64(e.pos&maxIndex))
	b = binary.AppendVarint(b, e.eventTime)
	b = binary.AppendVarint(b, e.recordedAt)
	b = binary.AppendUvarint(b, uint64(len(e.terms)))
	for _, t := range e.terms {
		b = binary.LittleEndian.AppendUint64(b, uint64(t)) //nolint:gosec // the bits
	}
	b = binary.AppendUvarint(b, uint64(len(e.numbers)))
	for _, n := range e.numbers {
		b = binary.LittleEndian.AppendUint64(b, uint64(n.field)) //nolint:gosec // the bits
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(n.value))
	}
	w.content = b
	w.entries++
}

// decoder reads what this file writes. After a fault it gives zeros.
type decoder struct {
	b      []byte
	broken bool
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.b, d.broken = nil, true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.b, d.broken = nil, true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) bits() uint64 {
	if len(d.b) < 8 {
		d.b, d.broken = nil, true
		return 0
	}
	v := binary.LittleEndian.Uint64(d.b)
	d.b = d.b[8:]
	return v
}

// count reads how many things of a size follow.
func (d *decoder) count(size int) int {
	n := d.uvarint()
	if n > uint64(len(d.b)/size) { //nolint:gosec // a length
		d.b, d.broken = nil, true
		return 0
	}
	return int(n) //nolint:gosec // bounded by a length
}

func corruptIndex(what string) error { return fmt.Errorf("%w: the index's %s", ErrCorrupt, what) }

// each gives the entries in order. The lists of an entry are valid until the next.
func (w waitingBlock) each(yield func(entry)) error {
	d := decoder{b: w.content}
	var e entry
	for range w.entries {
		e.pos = w.block<<indexBits | int64(d.uvarint()&maxIndex)
		e.eventTime, e.recordedAt = d.varint(), d.varint()
		e.terms = e.terms[:0]
		for range d.count(8) {
			e.terms = append(e.terms, int64(d.bits())) //nolint:gosec // the bits
		}
		e.numbers = e.numbers[:0]
		for range d.count(16) {
			e.numbers = append(e.numbers, number{int64(d.bits()), math.Float64frombits(d.bits())}) //nolint:gosec // the bits
		}
		if d.broken {
			break
		}
		yield(e)
	}
	if d.broken || len(d.b) != 0 {
		return corruptIndex(fmt.Sprintf("waiting block %d", w.block))
	}
	return nil
}

// columns are values of the entries of a part, in its order.
type columns struct{ positions, recorded, eventTimes []int64 }

func (c *columns) add(e entry) {
	c.positions = append(c.positions, e.pos)
	c.recorded = append(c.recorded, e.recordedAt)
	c.eventTimes = append(c.eventTimes, e.eventTime)
}

// packed writes a column as the differences of its neighbours.
func packed(values []int64) []byte {
	b := make([]byte, 0, 4*len(values))
	last := int64(0)
	for _, v := range values {
		b = binary.AppendVarint(b, v-last)
		last = v
	}
	return b
}

func unpacked(b []byte, n int) ([]int64, error) {
	d := decoder{b: b}
	if n < 0 || n > len(b) {
		return nil, corruptIndex("column")
	}
	values := make([]int64, n)
	last := int64(0)
	for i := range values {
		last += d.varint()
		values[i] = last
	}
	if d.broken || len(d.b) != 0 {
		return nil, corruptIndex("column")
	}
	return values, nil
}

// members is a list of entries of a part, rising, as the differences of neighbours.
type members struct {
	next uint64 // the least that may be added
	b    []byte
}

func (m *members) add(n int) {
	v := uint64(n) //nolint:gosec // a count
	if v < m.next {
		return // it is there
	}
	m.b = binary.AppendUvarint(m.b, v-m.next)
	m.next = v + 1
}

// set is a set of entries of a part.
type set []uint64

func newSet(n int) set { return make(set, (n+63)/64) }

func (s set) add(n int) { s[n/64] |= 1 << (n % 64) }

func (s set) fill(n int) {
	for i := range s {
		s[i] = math.MaxUint64
	}
	if n%64 != 0 {
		s[len(s)-1] = 1<<(n%64) - 1
	}
}

// keep leaves what is in both, and reports whether there is anything.
func (s set) keep(other set) bool {
	left := uint64(0)
	for i := range s {
		s[i] &= other[i]
		left |= s[i]
	}
	return left != 0
}

func (s set) each(yield func(n int) bool) {
	for i, word := range s {
		for ; word != 0; word &= word - 1 {
			if !yield(i*64 + bits.TrailingZeros64(word)) {
				return
			}
		}
	}
}

// addMembers adds a list to a set of the n entries of a part.
func (s set) addMembers(b []byte, n int) error {
	d := decoder{b: b}
	next := uint64(0)
	for len(d.b) > 0 {
		v := next + d.uvarint()
		if d.broken || v < next || v >= uint64(n) { //nolint:gosec // a count
			return corruptIndex("members")
		}
		s.add(int(v)) //nolint:gosec // below n
		next = v + 1
	}
	return nil
}

// valued is an entry of a part with a number.
type valued struct {
	value float64
	entry int
}

// packedNumbers writes numbers in the order of their values: each value once, with the members that
// have it.
func packedNumbers(all []valued) []byte {
	slices.SortFunc(all, func(a, b valued) int { return cmp.Or(cmp.Compare(a.value, b.value), cmp.Compare(a.entry, b.entry)) })
	var b []byte
	for len(all) > 0 {
		var m members
		value := all[0].value
		for len(all) > 0 && all[0].value == value {
			m.add(all[0].entry)
			all = all[1:]
		}
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(value))
		b = binary.AppendUvarint(b, uint64(len(m.b)))
		b = append(b, m.b...)
	}
	return b
}

// addNumbers adds the entries whose number is wanted.
func (s set) addNumbers(b []byte, n int, wanted func(float64) bool) error {
	d := decoder{b: b}
	for len(d.b) > 0 {
		value := math.Float64frombits(d.bits())
		size := d.count(1)
		if d.broken {
			return corruptIndex("numbers")
		}
		list := d.b[:size]
		d.b = d.b[size:]
		if !wanted(value) {
			continue
		}
		if err := s.addMembers(list, n); err != nil {
			return err
		}
	}
	return nil
}

// partBuilder makes a part of entries given in order.
type partBuilder struct {
	columns
	terms   map[int64]*members
	numbers map[int64][]valued
}

func newPartBuilder() *partBuilder {
	return &partBuilder{terms: map[int64]*members{}, numbers: map[int64][]valued{}}
}

func (p *partBuilder) add(e entry) {
	n := len(p.positions)
	p.columns.add(e)
	for _, t := range e.terms {
		m := p.terms[t]
		if m == nil {
			m = &members{}
			p.terms[t] = m
		}
		m.add(n)
	}
	for _, x := range e.numbers {
		p.numbers[x.field] = append(p.numbers[x.field], valued{x.value, n})
	}
}

// indexRow is a row of index_terms or index_numbers.
type indexRow struct {
	key, part int64
	low, high float64
	members   []byte
}

func compareIndexRows(a, b indexRow) int {
	return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.part, b.part))
}

// rows gives the part's name and its rows.
func (p *partBuilder) rows() (part int64, terms, numbers []indexRow) {
	part = p.positions[len(p.positions)-1]
	for t, m := range p.terms {
		terms = append(terms, indexRow{key: t, part: part, members: m.b})
	}
	for field, all := range p.numbers {
		b := packedNumbers(all) // sorts them
		numbers = append(numbers, indexRow{key: field, part: part, low: all[0].value, high: all[len(all)-1].value, members: b})
	}
	return part, terms, numbers
}
