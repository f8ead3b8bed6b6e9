package report

import "hash/maphash"

// filter remembers texts in a bounded space: it may say of a new one that it was there before, never of one that
// was there that it is new. B. H. Bloom, Space/time trade-offs in hash coding with allowable errors, 1970.
type filter struct {
	seed maphash.Seed
	bits []uint64
}

const (
	// filterBits makes 8 MiB: of 5 million texts, one in a hundred new ones is taken for an old one.
	filterBits   = 1 << 26
	filterHashes = 4
)

func newFilter() *filter {
	return &filter{seed: maphash.MakeSeed(), bits: make([]uint64, filterBits/64)}
}

// add takes a text in and reports whether it may have been there.
func (f *filter) add(s string) (before bool) {
	h := maphash.String(f.seed, s)
	step := h>>32 | 1
	before = true
	for range filterHashes {
		at := h % filterBits
		word, bit := at/64, uint64(1)<<(at%64)
		before = before && f.bits[word]&bit != 0
		f.bits[word] |= bit
		h += step
	}
	return before
}
