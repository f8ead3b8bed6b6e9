package readmodel

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func anyEntries(rt *rapid.T) (entries []entry) {
	pos := int64(7) << indexBits
	for range rapid.IntRange(1, 200).Draw(rt, "entries") {
		e := entry{pos: pos, eventTime: rapid.Int64Range(-1<<52, 1<<52).Draw(rt, "event time"), recordedAt: rapid.Int64Range(0, 1<<42).Draw(rt, "recorded")}
		e.terms = rapid.SliceOfNDistinct(rapid.Int64Range(-3, 12), 0, 6, rapid.ID[int64]).Draw(rt, "terms")
		for range rapid.IntRange(0, 3).Draw(rt, "numbers") {
			e.numbers = append(e.numbers, number{rapid.Int64Range(1, 3).Draw(rt, "field"), rapid.SampledFrom([]float64{-2.5, 0, 1, 1e300, math.Inf(1)}).Draw(rt, "value")})
		}
		entries = append(entries, e)
		pos += rapid.Int64Range(1, 70).Draw(rt, "to the next")
	}
	return entries
}

func TestWhatWaitsIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		want := anyEntries(rt)
		w := waitingBlock{block: 7}
		for _, e := range want {
			w.add(e)
		}
		var got []entry
		err := w.each(func(e entry) {
			e.terms, e.numbers = append([]int64{}, e.terms...), append([]number(nil), e.numbers...)
			got = append(got, e)
		})
		if err != nil || !reflect.DeepEqual(got, want) {
			rt.Fatalf("got %+v, %v, want %+v", got, err, want)
		}
		cut := w
		cut.content = w.content[:len(w.content)-1]
		if err := cut.each(func(entry) {}); !errors.Is(err, ErrCorrupt) {
			rt.Fatalf("what is cut off is read: %v", err)
		}
	})
}

func TestAPartHoldsWhatItsEntriesHave(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		entries := anyEntries(rt)
		b := newPartBuilder()
		for _, e := range entries {
			b.add(e)
		}
		part, terms, numbers := b.rows()
		n := len(entries)
		if part != entries[n-1].pos {
			rt.Fatalf("the part is named %d", part)
		}
		for i, packedColumn := range [][]byte{packed(b.positions), packed(b.recorded), packed(b.eventTimes)} {
			values, err := unpacked(packedColumn, n)
			if err != nil {
				rt.Fatal(err)
			}
			for j, e := range entries {
				if values[j] != []int64{e.pos, e.recordedAt, e.eventTime}[i] {
					rt.Fatalf("column %d of entry %d is %d", i, j, values[j])
				}
			}
		}
		for key := int64(-4); key <= 13; key++ {
			got := newSet(n)
			for _, r := range terms {
				if r.key == key {
					if err := got.addMembers(r.members, n); err != nil {
						rt.Fatal(err)
					}
				}
			}
			equalSet(rt, got, entries, func(e entry) bool { return slices.Contains(e.terms, key) })
		}
		low := rapid.SampledFrom([]float64{-3, -2.5, 0, 0.5, 1, 1e301}).Draw(rt, "low")
		for _, r := range numbers {
			got := newSet(n)
			if err := got.addNumbers(r.members, n, func(v float64) bool { return v >= low }); err != nil {
				rt.Fatal(err)
			}
			equalSet(rt, got, entries, func(e entry) bool {
				return slices.ContainsFunc(e.numbers, func(x number) bool {
					if x.field == r.key && (x.value < r.low || x.value > r.high) {
						rt.Fatalf("%v is not from %v to %v", x.value, r.low, r.high)
					}
					return x.field == r.key && x.value >= low
				})
			})
		}
	})
}

func equalSet(rt *rapid.T, got set, entries []entry, want func(entry) bool) {
	var have []int
	for n := range got.each {
		have = append(have, n)
	}
	var wanted []int
	for n, e := range entries {
		if want(e) {
			wanted = append(wanted, n)
		}
	}
	if !slices.Equal(have, wanted) {
		rt.Fatalf("got %v, want %v", have, wanted)
	}
}

func FuzzIndex(f *testing.F) {
	w := waitingBlock{block: 1}
	w.add(entry{pos: 1<<indexBits | 5, eventTime: 9, recordedAt: 3, terms: []int64{1, -1}, numbers: []number{{4, 2.5}}})
	f.Add(w.content, 1)
	f.Add(packed([]int64{5, 9, 1 << 40}), 3)
	f.Add(packedNumbers([]valued{{1, 0}, {1, 2}, {3, 1}}), 3)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		n = min(max(n, 0), 1<<16)
		errs := []error{waitingBlock{block: 1, entries: n, content: b}.each(func(entry) {})}
		values, err := unpacked(b, n)
		if len(values) > len(b) {
			t.Fatalf("%d values of %d bytes", len(values), len(b))
		}
		errs = append(errs, err, newSet(n).addMembers(b, n), newSet(n).addNumbers(b, n, func(float64) bool { return true }))
		for _, err := range errs {
			if err != nil && !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
		}
	})
}
