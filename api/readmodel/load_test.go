package readmodel

import (
	"context"
	"errors"
	"testing"
)

func TestAKilledRebuildLeavesItsRowsToBeSorted(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		c, cfg := example(t, 1), k.fresh(t)
		cfg.partEntries = 1
		want := open(t, func() Config { plain := k.fresh(t); plain.partEntries = 1; return plain }())
		if err := want.Apply(t.Context(), c.all()...); err != nil {
			t.Fatal(err)
		}
		height := uint64(len(c.all()))
		s := open(t, cfg)
		if err := s.load(t.Context()); err != nil || !s.loading {
			t.Fatalf("loading is %v, %v", s.loading, err)
		}
		if err := s.CatchUp(t.Context(), c, height-1); err != nil {
			t.Fatal(err)
		}
		for _, table := range s.tables {
			if table.spread && s.dialect.loads == loadsAside && (len(rowsOf(t, s, table.ordered())) > 0 || len(rowsOf(t, s, table.aside().ordered())) == 0) {
				t.Errorf("the rows of %s do not wait", table.name)
			}
		}
		s.Close()

		s = open(t, cfg)
		if err := s.rebuildTo(t.Context(), c, height); err != nil || s.loading {
			t.Fatalf("loading is %v, %v", s.loading, err)
		}
		if dumped(t, s) != dumped(t, want) {
			t.Error("the rebuilt store differs")
		}
		// Nothing waits any more, so that blocks go where they belong.
		c.add(c.all()[height-1].Transactions[:0]...)
		if err := s.rebuildTo(t.Context(), c, height+1); err != nil || s.loading {
			t.Fatalf("loading is %v, %v", s.loading, err)
		}
		if err := want.Apply(t.Context(), c.all()...); err != nil {
			t.Fatal(err)
		}
		if dumped(t, s) != dumped(t, want) {
			t.Error("the store that went on differs")
		}
	})
}

func TestSortingThatIsBrokenOffChangesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		c := example(t, 1)
		s := k.open(t)
		if err := s.load(t.Context()); err != nil {
			t.Fatal(err)
		}
		height := uint64(len(c.all()))
		if err := s.CatchUp(t.Context(), c, height); err != nil {
			t.Fatal(err)
		}
		ended, end := context.WithCancel(t.Context())
		end()
		if err := s.settle(ended); !errors.Is(err, context.Canceled) || !s.loading {
			t.Fatalf("loading is %v, %v", s.loading, err)
		}
		if err := s.rebuildTo(t.Context(), c, height); err != nil {
			t.Fatal(err)
		}
		if _, found := check(t, s, c); len(found) != 0 {
			t.Errorf("%v", names(found))
		}
	})
}

// A program of a newer schema empties what an older one has begun.
func TestRowsThatWaitGoWithAnEmptiedStore(t *testing.T) {
	onEach(t, func(t *testing.T, k kind) {
		c := example(t, 1)
		s := k.open(t)
		if err := s.load(t.Context()); err != nil {
			t.Fatal(err)
		}
		height := uint64(len(c.all()))
		if err := s.CatchUp(t.Context(), c, height); err != nil {
			t.Fatal(err)
		}
		empty(t, s)
		if _, err := s.write.ExecContext(t.Context(), s.dialect.bind(`INSERT INTO position (one, block, hash, genesis) VALUES (1, -1, ?, ?)`), make([]byte, 32), make([]byte, 32)); err != nil {
			t.Fatal(err)
		}
		s.height = 0
		s.edge = nil
		if err := s.rebuildTo(t.Context(), c, height); err != nil {
			t.Fatal(err)
		}
		if _, found := check(t, s, c); len(found) != 0 {
			t.Errorf("%v", names(found))
		}
	})
}
