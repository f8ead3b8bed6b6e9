package proof

import (
	"bytes"
	"errors"
	"runtime"
	"testing"
)

// A small file that states arrays in arrays is refused before they are made.
func TestAFileThatUnpacksToManyRootsIsRefusedBeforeTheyAreMade(t *testing.T) {
	const roots, signatures = 4_000, 4_000
	array := func(n int) []byte { return []byte{0x99, byte(n >> 8), byte(n)} }
	root := append([]byte{0xa1, 0x02}, array(signatures)...)
	root = append(root, bytes.Repeat([]byte{0xa0}, signatures)...)
	plain := append([]byte{0xa2, 0x01, 0x01, 0x02}, array(roots)...)
	plain = append(plain, bytes.Repeat(root, roots)...)
	file, err := pack(plain)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = Decode(file)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, ErrMalformed) {
		t.Fatal(err)
	}
	if made, most := after.TotalAlloc-before.TotalAlloc, uint64(10*len(plain)); made > most {
		t.Errorf("a file of %d bytes made %d, more than %d", len(file), made, most)
	}
}
