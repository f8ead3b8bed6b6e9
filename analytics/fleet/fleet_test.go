package fleet

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/calibrate"
	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// more times as many trials are run; the figures that are written down are of -more 4.
var more = flag.Int("more", 1, "times as many trials")

func fleet(t testing.TB, p Params) *Fleet {
	t.Helper()
	f, err := New(p)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func stat(v float64) []calibrate.Stat {
	return []calibrate.Stat{{Name: "a", Value: int64(v * 1_000_000)}}
}

func table(t testing.TB, r *rand.Rand, n int) calibrate.Table {
	t.Helper()
	rows := make([][]calibrate.Stat, n)
	for i := range rows {
		rows[i] = stat(r.ExpFloat64())
	}
	table, err := calibrate.Fit(rows, calibrate.Config{Poison: -1})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// most is the largest count of n that a probability p makes plausible: four deviations.
func most(n int, p float64) int {
	m := float64(n)
	return int(m*p + 4*math.Sqrt(m*p*(1-p)))
}

func TestALaneWithoutDriftIsHardlyEverTold(t *testing.T) {
	const length, alpha = 1_000, 50_000
	runs := 50 * *more
	for _, n := range []int{60, 300, 1_000} {
		r := rand.New(rand.NewPCG(uint64(n), 3))
		told := 0
		for range runs {
			reference := table(t, r, n)
			f := fleet(t, Params{Alpha: alpha, Tolerance: 5_000, Keys: 1})
			ever := false
			for i := range length {
				p := reference.P(stat(r.ExpFloat64())).Guaranteed
				_, raised, err := f.Verdict(Lane, "a > b", "s", ledger.Millis(i), p, reference.Joint.N)
				if err != nil {
					t.Fatal(err)
				}
				ever = ever || raised
			}
			if ever {
				told++
			}
		}
		t.Logf("%4d shipments fitted: %d of %d told (α 0.05 in %d verdicts)", n, told, runs, length)
		if told > most(runs, float64(alpha)/million+unlucky) {
			t.Errorf("%d of %d told", told, runs)
		}
	}
}

func TestADriftingLaneIsToldWithItsBeginning(t *testing.T) {
	for _, c := range []struct {
		after int
		scale float64 // honest statistics times this
		most  int     // median verdicts to the telling
	}{{0, 3, 60}, {100, 3, 70}, {1_000, 3, 90}, {1_000, 2, 250}} {
		var delays []int
		var off []float64
		early, never := 0, 0
		runs := 15 * *more
		for run := range runs {
			r := rand.New(rand.NewPCG(uint64(run), 9))
			reference := table(t, r, 700)
			f := fleet(t, DefaultParams())
			found := -1
			for i := range c.after + 1_000 {
				v := r.ExpFloat64()
				if i >= c.after {
					v *= c.scale
				}
				d, raised, err := f.Verdict(Supplier, "acme", fmt.Sprint("s", i), ledger.Millis(i), reference.P(stat(v)).Guaranteed, reference.Joint.N)
				if err != nil {
					t.Fatal(err)
				}
				if raised && i < c.after {
					early++
				}
				if raised && i >= c.after {
					found = i - c.after
					off = append(off, math.Abs(float64(int(d.Since)-c.after)))
					if len(d.Evidence) == 0 || !d.Raised || d.Name != "acme" || d.Kind != Supplier || d.Evidence[0].Value > 200_000 ||
						!slices.IsSortedFunc(d.Evidence, func(a, b Evidence) int { return int(a.Value - b.Value) }) {
						t.Fatalf("%+v", d)
					}
					break
				}
			}
			if found < 0 {
				never++
				found = 1_000
			}
			delays = append(delays, found)
		}
		slices.Sort(delays)
		slices.Sort(off)
		middle := 0.0
		if len(off) > 0 {
			middle = off[len(off)/2]
		}
		t.Logf("after %4d verdicts, statistics × %v: told after %d (median), %d (worst decile); since is off by %v (median); %d early, %d never",
			c.after, c.scale, delays[runs/2], delays[runs*9/10], middle, early, never)
		if delays[runs/2] > c.most || never > 0 || early > 2 {
			t.Errorf("after %d, × %v: median %d, %d never, %d early", c.after, c.scale, delays[runs/2], never, early)
		}
	}
}

func TestQuantityThatVanishesOverManyShipmentsIsTold(t *testing.T) {
	runs := 75 * *more
	run := func(seed uint64, loss func(r *rand.Rand, i int) int64, length int) (short, surplus int) {
		r := rand.New(rand.NewPCG(seed, 4))
		f := fleet(t, Params{Alpha: 50_000, Tolerance: 5_000, Keys: 4})
		short, surplus = -1, -1
		for i := range length {
			d, _, err := f.Quantity(Lane, "a > b", fmt.Sprint(i), ledger.Millis(i), 1_000, 1_000-loss(r, i))
			if err != nil {
				t.Fatal(err)
			}
			if d[0].Raised && short < 0 {
				short = i
			}
			if d[1].Raised && surplus < 0 {
				surplus = i
			}
		}
		return short, surplus
	}
	honest := func(r *rand.Rand, _ int) int64 { // half a percent on average, all of it in one shipment of a hundred
		if r.IntN(100) == 0 {
			return 500
		}
		return 0
	}
	wrong := 0
	for s := range runs {
		if a, b := run(uint64(s), honest, 1_000); a >= 0 || b >= 0 {
			wrong++
		}
	}
	t.Logf("honest: %d of %d told within 1,000 shipments (α 0.05)", wrong, runs)
	if wrong > most(runs, 0.05) {
		t.Errorf("%d of %d honest lanes told", wrong, runs)
	}
	thief := func(r *rand.Rand, i int) int64 {
		if i >= 200 {
			return r.Int64N(41) // two percent
		}
		return 0
	}
	if a, b := run(1, thief, 1_000); a < 200 || a > 260 || b >= 0 {
		t.Errorf("theft told at %d, surplus at %d", a, b)
	}
	padding := func(_ *rand.Rand, i int) int64 {
		if i >= 200 {
			return -30
		}
		return 0
	}
	if a, b := run(1, padding, 1_000); b < 200 || b > 260 || a >= 0 {
		t.Errorf("surplus told at %d, shortage at %d", b, a)
	}
}

func TestADriftThatIsOverIsNoLongerTold(t *testing.T) {
	f := fleet(t, DefaultParams())
	at := 0
	feed := func(n int, p int64) (d Drift) {
		for range n {
			var err error
			if d, _, err = f.Verdict(Lane, "x", fmt.Sprint(at), ledger.Millis(at), p, 700); err != nil {
				t.Fatal(err)
			}
			at++
		}
		return d
	}
	feed(50, 500_000)
	if d := feed(40, 20_000); !d.Raised || d.Since != 50 || d.Shipments != 40 || len(f.Raised()) != 1 {
		t.Errorf("%+v", d)
	}
	if d := feed(300, 500_000); d.Raised || len(f.Raised()) != 0 {
		t.Errorf("%+v", d)
	}
	if d, ok := f.State(Lane, "x", Oddity); !ok || d.All != 390 {
		t.Errorf("%+v", d)
	}
}

func TestTheLeastRecentlyObservedKeyGoesFirst(t *testing.T) {
	f := fleet(t, Params{Alpha: 10_000, Tolerance: 5_000, Keys: 2})
	for i, name := range []string{"a", "b", "a", "c"} {
		if _, _, err := f.Verdict(Lane, name, "s", ledger.Millis(i), 500_000, 100); err != nil {
			t.Fatal(err)
		}
	}
	_, a := f.State(Lane, "a", Oddity)
	_, b := f.State(Lane, "b", Oddity)
	_, c := f.State(Lane, "c", Oddity)
	if !a || b || !c {
		t.Error(a, b, c)
	}
}

func TestTheBoundOnATablesLuckHolds(t *testing.T) {
	// P(Bin(n, b) < r) by the sum itself.
	for _, n := range []int{19, 99, 281, 700, 5_000} {
		for _, level := range levels() {
			b := chance(level, n)
			r := int(level * float64(n+1))
			if r == 0 {
				if b != 0 {
					t.Errorf("n %d, level %v: %v for what cannot happen", n, level, b)
				}
				continue
			}
			below := 0.0
			term := float64(n) * math.Log1p(-b)
			for k := range r {
				below += math.Exp(term)
				term += math.Log(float64(n-k)/float64(k+1)) + math.Log(b) - math.Log1p(-b)
			}
			if below > unlucky/3*1.0001 {
				t.Errorf("n %d, level %v: b %v is passed with probability %v", n, level, b, below)
			}
			if b < level {
				t.Errorf("n %d, level %v: b %v", n, level, b)
			}
			t.Logf("n %4d, level %.2f: b %.4f", n, level, b)
		}
	}
}

func TestSaveAndRestoreAtAnyPointGivesTheSameBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Params{Alpha: 100_000, Tolerance: 5_000, Keys: 3}
		a, err := New(p)
		if err != nil {
			t.Fatal(err)
		}
		b, err := New(p)
		if err != nil {
			t.Fatal(err)
		}
		for i := range rapid.IntRange(1, 60).Draw(t, "n") {
			name := rapid.SampledFrom([]string{"a", "b b", "c"}).Draw(t, "name")
			at := ledger.Millis(i)
			if rapid.Bool().Draw(t, "quantity") {
				shipped, received := rapid.Int64Range(1, math.MaxInt64).Draw(t, "shipped"), rapid.Int64Range(0, math.MaxInt64).Draw(t, "received")
				x, xr, err1 := a.Quantity(Supplier, name, "s", at, shipped, received)
				y, yr, err2 := b.Quantity(Supplier, name, "s", at, shipped, received)
				if err1 != nil || err2 != nil || xr != yr || !reflect.DeepEqual(x, y) {
					t.Fatal(x, y, err1, err2)
				}
			} else {
				v, n := rapid.Int64Range(1, million).Draw(t, "p"), rapid.IntRange(1, 10_000).Draw(t, "references")
				x, xr, err1 := a.Verdict(Lane, name, "s", at, v, n)
				y, yr, err2 := b.Verdict(Lane, name, "s", at, v, n)
				if err1 != nil || err2 != nil || xr != yr || !reflect.DeepEqual(x, y) {
					t.Fatal(x, y, err1, err2)
				}
			}
			w := canon.Writer(nil)
			b.Code(w)
			if b, err = New(p); err != nil {
				t.Fatal(err)
			}
			r := canon.Reader(w.Bytes())
			b.Code(r)
			if err := r.Done(); err != nil {
				t.Fatal(err)
			}
			v := canon.Writer(nil)
			a.Code(v)
			if !bytes.Equal(v.Bytes(), w.Bytes()) {
				t.Fatal("states differ")
			}
		}
	})
}

func TestWhatIsNoObservationIsRefused(t *testing.T) {
	for _, p := range []Params{{}, {Alpha: million, Tolerance: 1, Keys: 1}, {Alpha: 1, Tolerance: 1}, {Alpha: 1, Tolerance: million, Keys: 1}} {
		if _, err := New(p); !errors.Is(err, ErrParams) {
			t.Errorf("%+v: %v", p, err)
		}
	}
	f := fleet(t, DefaultParams())
	for name, err := range map[string]error{
		"no p":        second(f.Verdict(Lane, "a", "s", 0, 0, 9)),
		"p above one": second(f.Verdict(Lane, "a", "s", 0, million+1, 9)),
		"no table":    second(f.Verdict(Lane, "a", "s", 0, 1, 0)),
		"no name":     second(f.Verdict(Lane, "", "s", 0, 1, 9)),
		"no kind":     second(f.Verdict(7, "a", "s", 0, 1, 9)),
	} {
		if !errors.Is(err, ErrParams) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := f.Quantity(Lane, "a", "s", 0, 0, 5); !errors.Is(err, ErrParams) {
		t.Error(err)
	}
	if len(f.Raised()) != 0 || f.keys.Len() != 0 {
		t.Error("a refused observation left a key")
	}
}

func second(_ Drift, _ bool, err error) error { return err }

func FuzzFleetStatesThatNoFleetHadAreRefusedOrHarmless(f *testing.F) {
	good, err := New(DefaultParams())
	if err != nil {
		f.Fatal(err)
	}
	for i := range 5 {
		if _, _, err := good.Verdict(Lane, "a", "s", ledger.Millis(i), 1_000, 500); err != nil {
			f.Fatal(err)
		}
	}
	w := canon.Writer(nil)
	good.Code(w)
	f.Add(w.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := New(DefaultParams())
		if err != nil {
			t.Fatal(err)
		}
		c := canon.Reader(data)
		g.Code(c)
		if c.Done() != nil {
			return
		}
		g.Raised()
		if _, _, err := g.Verdict(Lane, "a", "s", 1, 1_000, 500); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkVerdict(b *testing.B) {
	f := fleet(b, DefaultParams())
	b.ReportAllocs()
	at := ledger.Millis(0)
	for b.Loop() {
		at++
		if _, _, err := f.Verdict(Lane, "a", "s", at, int64(at*7919)%million+1, 700); err != nil {
			b.Fatal(err)
		}
	}
}
