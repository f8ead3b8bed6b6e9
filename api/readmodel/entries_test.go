package readmodel

import (
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

func TestEntriesAreReadOnFromAnyPosition(t *testing.T) {
	a := newArchive(t, 90, 4)
	onEach(t, func(t *testing.T, k kind) {
		cfg := k.fresh(t)
		cfg.partEntries = 17
		s := open(t, cfg)
		if _, ok, err := s.LastEntry(t.Context()); ok || err != nil {
			t.Fatalf("an empty store has a last entry, %v", err)
		}
		blocks := a.chain.all()
		for _, upTo := range []int{1, len(blocks) / 2, len(blocks)} {
			if err := s.Apply(t.Context(), blocks[:upTo]...); err != nil {
				t.Fatal(err)
			}
			last, ok, err := s.LastEntry(t.Context())
			if want := a.lastBelow(upTo); !ok || err != nil || last != want {
				t.Fatalf("of %d blocks the last entry is %v, %v, %v, want %v", upTo, last, ok, err, want)
			}
		}
		var after *Position
		for n := 0; ; {
			page, err := s.EntriesAfter(t.Context(), after, 7)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				if n != len(a.events) {
					t.Errorf("%d of %d entries", n, len(a.events))
				}
				break
			}
			for _, e := range page {
				if want := a.places[a.events[n]]; e.Position != want {
					t.Fatalf("entry %d is at %v, want %v", n, e.Position, want)
				}
				n++
			}
			after = &page[len(page)-1].Position
		}
		for _, e := range a.events {
			for _, at := range []ledger.Millis{ledger.MillisOf(e.RecordTime.Instant), ledger.MillisOf(e.RecordTime.Instant) + 1} {
				p, ok, err := s.PositionBefore(t.Context(), at)
				if err != nil {
					t.Fatal(err)
				}
				for _, other := range a.events {
					since := !other.RecordTime.Instant.Before(at.Time())
					if beyond := !ok || p.Before(a.places[other]); since && !beyond {
						t.Fatalf("%v, recorded at or after %v, does not come after %v", a.places[other], at, p)
					}
				}
				first := -1
				for i, other := range a.events {
					if !other.RecordTime.Instant.Before(at.Time()) {
						first = i
						break
					}
				}
				if first > 0 && (!ok || p.Before(a.places[a.events[first-1]])) {
					t.Fatalf("before %v lies %v, which is before the entry in front", at, p)
				}
			}
		}
	})
}

// What is recorded while the position is asked for must come after it, or nobody would be told of it.
func TestAPositionIsBeforeWhatIsRecordedMeanwhile(t *testing.T) {
	a := newArchive(t, 90, 1)
	onEach(t, func(t *testing.T, k kind) {
		s := open(t, k.fresh(t))
		blocks := a.chain.all()
		applied := make(chan error, 1)
		go func() {
			for _, b := range blocks {
				if err := s.Apply(t.Context(), b); err != nil {
					applied <- err
					return
				}
			}
			applied <- nil
		}()
		last := a.events[len(a.events)-1]
		at := ledger.MillisOf(last.RecordTime.Instant)
		for done := false; !done; {
			select {
			case err := <-applied:
				if done = true; err != nil {
					t.Fatal(err)
				}
			default:
			}
			p, ok, err := s.PositionBefore(t.Context(), at)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range a.events {
				if !e.RecordTime.Instant.Before(at.Time()) && ok && !p.Before(a.places[e]) {
					t.Fatalf("%v, recorded at or after %v, does not come after %v", a.places[e], at, p)
				}
			}
		}
	})
}

// lastBelow is the position of the last entry of the first blocks.
func (a archive) lastBelow(height int) (last Position) {
	for _, e := range a.events {
		if p := a.places[e]; p.Block < uint64(height) {
			last = p
		}
	}
	return last
}
