package calibrate

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/canon"
)

func stream(t testing.TB, m Method, alpha int64) *Stream {
	t.Helper()
	s, err := NewStream(m, alpha)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func methods() []Method { return []Method{LOND, LORD, SAFFRON, ELORD} }

// odd is how many normal deviations off an odd shipment's statistic is.
const odd = 3.5

func upper(z float64) int64 {
	return max(1, int64(math.Ceil(0.5*math.Erfc(z/math.Sqrt2)*million)))
}

func TestTheShareOfFalseDiscoveriesIsKept(t *testing.T) {
	const length = 600
	runs := 50 * *more
	for _, world := range []struct {
		name string
		// p gives the p-value of the next shipment; it may know the discoveries so far.
		p func(r *rand.Rand) func(odd bool, rejected int64) int64
		// proven are the methods whose guarantee covers the world.
		proven []Method
	}{
		{"independent", func(r *rand.Rand) func(bool, int64) int64 {
			return func(is bool, _ int64) int64 { return normalP(r, is) }
		}, methods()},
		{"one table for all", func(r *rand.Rand) func(bool, int64) int64 {
			table, err := Fit(rows(r, 400, func(r *rand.Rand) []Stat { return named(math.Abs(r.NormFloat64())) }), Config{})
			if err != nil {
				t.Fatal(err)
			}
			return func(is bool, _ int64) int64 {
				v := math.Abs(r.NormFloat64())
				if is {
					v += odd + 2
				}
				return table.P(named(v)).Guaranteed
			}
		}, []Method{LOND}},
		{"one table and its tail", func(r *rand.Rand) func(bool, int64) int64 {
			table, err := Fit(rows(r, 700, func(r *rand.Rand) []Stat { return named(math.Abs(r.NormFloat64())) }), Config{})
			if err != nil {
				t.Fatal(err)
			}
			return func(is bool, _ int64) int64 {
				v := math.Abs(r.NormFloat64())
				if is {
					v += odd + 2
				}
				return table.P(named(v)).P
			}
		}, nil},
		{"common shock", func(r *rand.Rand) func(bool, int64) int64 {
			shock := r.NormFloat64()
			return func(is bool, _ int64) int64 {
				z := math.Sqrt(0.5)*shock + math.Sqrt(0.5)*r.NormFloat64()
				if is {
					z += odd
				}
				return upper(z)
			}
		}, []Method{LOND}},
		{"decisions change the odds", func(r *rand.Rand) func(bool, int64) int64 {
			// Valid given the past, yet not independent: after an even number of discoveries the p-values
			// of honest shipments are either tiny or one.
			return func(is bool, rejected int64) int64 {
				if is {
					return upper(r.NormFloat64() + odd)
				}
				if rejected%2 == 0 {
					if r.Float64() < 0.002 {
						return 2_000
					}
					return million
				}
				return max(1, r.Int64N(million+1))
			}
		}, []Method{ELORD}},
	} {
		for _, share := range []float64{0.01, 0.1} {
			for _, m := range methods() {
				r := rand.New(rand.NewPCG(17, uint64(share*100)))
				fdp, found, all, false0 := 0.0, 0, 0, 0
				var squares float64
				for range runs {
					s := stream(t, m, 100_000)
					next := world.p(r)
					wrong, right := 0, 0
					var rejected int64
					for range length {
						is := r.Float64() < share
						d := s.Next(next(is, rejected))
						rejected = d.Rejections
						if is {
							all++
						}
						switch {
						case d.Reject && is:
							right++
						case d.Reject:
							wrong++
						}
					}
					f := float64(wrong) / float64(max(1, wrong+right))
					fdp += f
					squares += f * f
					found += right
					false0 += wrong
				}
				rate := fdp / float64(runs)
				deviation := math.Sqrt(max(0, squares/float64(runs)-rate*rate) / float64(runs))
				t.Logf("%-26s odd %.2f %-8s FDR %.3f ± %.3f, power %.3f", world.name, share, m, rate, deviation, float64(found)/float64(max(1, all)))
				for _, p := range world.proven {
					if p == m && rate > 0.1+4*deviation {
						t.Errorf("%s: %s has a false discovery rate of %v ± %v", world.name, m, rate, deviation)
					}
				}
			}
		}
	}
}

func normalP(r *rand.Rand, is bool) int64 {
	z := r.NormFloat64()
	if is {
		z += odd
	}
	return upper(z)
}

func TestLevelsAreThoseOfTheDefinitions(t *testing.T) {
	// Computed from the published formulas with math's own functions over every past discovery.
	plain := func(m Method, ps []int64, alpha float64) []float64 {
		g := func(j int) float64 {
			if m == SAFFRON {
				return 0.4374 * math.Pow(float64(j), -1.6)
			}
			return 0.0772 * math.Log(max(2, float64(j))) / (float64(j) * math.Exp(math.Sqrt(math.Log(float64(j)))))
		}
		var levels []float64
		var at []int // of discoveries, from 1
		candidates := make([]int, len(ps)+2)
		spent := 0.0
		for t := 1; t <= len(ps); t++ {
			var level float64
			switch m {
			case LOND:
				level = alpha * g(t) * float64(max(1, len(at)))
			case LORD:
				level = alpha / 2 * g(t)
				for i, tau := range at {
					if i == 0 {
						level += alpha / 2 * g(t-tau)
					} else {
						level += alpha * g(t-tau)
					}
				}
			case SAFFRON:
				before := func(tau int) int { return candidates[t-1] - candidates[tau] }
				level = alpha / 4 * g(t-before(0))
				for i, tau := range at {
					w := alpha / 2
					if i == 0 {
						w = alpha / 4
					}
					level += w * g(t-tau-before(tau))
				}
				level = min(0.5, level)
			case ELORD:
				level = 0.05 * (alpha - spent) * float64(len(at)+1)
				spent += level / float64(len(at)+1)
			}
			levels = append(levels, level)
			candidates[t] = candidates[t-1]
			if ps[t-1] <= million/2 {
				candidates[t]++
			}
			if float64(ps[t-1]) <= level*million {
				at = append(at, t)
			}
		}
		return levels
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, m := range methods() {
		ps := make([]int64, 200)
		for i := range ps {
			ps[i] = normalP(r, r.IntN(5) == 0)
		}
		want := plain(m, ps, 0.1)
		s := stream(t, m, 100_000)
		for i, p := range ps {
			if got := s.level(); math.Abs(got-want[i]) > 1e-12 {
				t.Fatalf("%s: level %d is %v, want %v", m, i+1, got, want[i])
			}
			s.Next(p)
		}
		if s.rejections < 10 {
			t.Errorf("%s: %d discoveries are too few to test with", m, s.rejections)
		}
	}
}

func TestSequencesOfLevelsSpendNoMoreThanOne(t *testing.T) {
	const n = 200_000
	slow, fast := 0.0, 0.0
	for j := int64(1); j <= n; j++ {
		slow += gamma(j)
		fast += steep(j)
		if gamma(j+1) > gamma(j) || steep(j+1) > steep(j) {
			t.Fatalf("rises at %d", j)
		}
	}
	// What is left beyond n, by the integrals: ∫ u·e^-√u du from u = ln n, and ∫ x^-1.6 dx from n.
	v := math.Sqrt(math.Log(n))
	slow += 0.0772 * 2 * math.Exp(-v) * (v*v*v + 3*v*v + 6*v + 6)
	fast += 0.4374 * math.Pow(n, -0.6) / 0.6
	if slow > 1 || slow < 0.97 || fast > 1 || fast < 0.99 {
		t.Errorf("sums %v and %v", slow, fast)
	}
}

func TestAStreamGoesOnFromItsStateWithTheSameBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.SampledFrom(methods()).Draw(t, "method")
		alpha := rapid.Int64Range(1, million-1).Draw(t, "alpha")
		a, err := NewStream(m, alpha)
		if err != nil {
			t.Fatal(err)
		}
		b := a
		for range rapid.IntRange(1, 400).Draw(t, "n") {
			p := rapid.Int64Range(0, 40_000).Draw(t, "p")
			x := a.Next(p)
			if b != a {
				if y := b.Next(p); x != y {
					t.Fatalf("%+v, restored %+v", x, y)
				}
			}
			if !rapid.Bool().Draw(t, "restore") {
				continue
			}
			w := canon.Writer(nil)
			a.Code(w)
			if b, err = NewStream(m, alpha); err != nil {
				t.Fatal(err)
			}
			r := canon.Reader(w.Bytes())
			b.Code(r)
			if err := r.Done(); err != nil {
				t.Fatal(err)
			}
			again := canon.Writer(nil)
			b.Code(again)
			if !bytes.Equal(w.Bytes(), again.Bytes()) {
				t.Fatal("another state")
			}
		}
	})
}

func TestWhatIsNoStreamIsRefused(t *testing.T) {
	for _, c := range []struct {
		m     Method
		alpha int64
	}{{"bonferroni", 50_000}, {LORD, 0}, {LORD, -1}, {LORD, million}} {
		if _, err := NewStream(c.m, c.alpha); !errors.Is(err, ErrTable) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	s := stream(t, LORD, 50_000)
	if d := s.Next(0); d.Test != 0 || d.Reject {
		t.Errorf("no p-value is a test: %+v", d)
	}
}

func FuzzStreamStatesThatNoStreamHadAreRefusedOrHarmless(f *testing.F) {
	s := stream(f, LORD, 50_000)
	for _, p := range []int64{1, 500_000, 2, 3} {
		s.Next(p)
	}
	w := canon.Writer(nil)
	s.Code(w)
	f.Add(w.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, m := range methods() {
			s := stream(t, m, 50_000)
			c := canon.Reader(data)
			s.Code(c)
			if c.Done() != nil {
				continue
			}
			d := s.Next(1_000)
			if d.Level < 0 || len(s.marks) > maxMarks {
				t.Fatalf("%+v", d)
			}
		}
	})
}
