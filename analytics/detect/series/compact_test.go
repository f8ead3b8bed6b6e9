package series

import (
	"testing"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

func TestMemoryGrowsWithTheSeriesUpToItsBounds(t *testing.T) {
	for _, c := range []struct {
		name        string
		set         Settings
		readings    int
		most, saved int
	}{
		{"a journey", Default(), 600, 34_000, 7_000},
		{"a year", Default(), 100_000, 90_000, 21_000},
		{"a journey, compact", Compact(), 600, 26_000, 7_000},
		{"a year, compact", Compact(), 100_000, 36_000, 15_000},
	} {
		s, err := New(c.set)
		if err != nil {
			t.Fatal(err)
		}
		values := journey(6000)
		for i := range c.readings {
			if _, err := s.Observe(ledger.Millis(step*i), values[i%len(values)]); err != nil {
				t.Fatal(err)
			}
		}
		out := canon.Writer(nil)
		s.Code(out)
		t.Logf("%s: %d bytes in memory, %d saved", c.name, s.Bytes(), len(out.Bytes()))
		if s.Bytes() > c.most || len(out.Bytes()) > c.saved {
			t.Errorf("%s: %d bytes in memory, %d saved, at most %d and %d", c.name, s.Bytes(), len(out.Bytes()), c.most, c.saved)
		}
	}
}

func BenchmarkObserveCompact(b *testing.B) {
	s, err := New(Compact())
	if err != nil {
		b.Fatal(err)
	}
	values := journey(20_000)
	run(b, s, 0, values[:3000])
	i := 3000
	for b.Loop() {
		if _, err := s.Observe(ledger.Millis(step*i), values[i%len(values)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
