package calibrate

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// more times as many trials are run; the figures that are written down are of -more 4.
var more = flag.Int("more", 1, "times as many trials")

// law draws the statistics of an honest shipment.
type law struct {
	name string
	draw func(r *rand.Rand) []Stat
}

func named(values ...float64) []Stat {
	out := make([]Stat, len(values))
	for i, v := range values {
		out[i] = Stat{Name: string(rune('a' + i)), Value: int64(v * 100_000)}
	}
	return out
}

func student(r *rand.Rand) float64 {
	s := 0.0
	for range 3 {
		x := r.NormFloat64()
		s += x * x
	}
	return math.Abs(r.NormFloat64()) / math.Sqrt(s/3)
}

func laws() []law {
	return []law{
		{"independent", func(r *rand.Rand) []Stat {
			return named(math.Abs(r.NormFloat64()), r.ExpFloat64(), r.ExpFloat64()+r.ExpFloat64(), math.Abs(r.NormFloat64()))
		}},
		{"one cause for all", func(r *rand.Rand) []Stat {
			x := r.ExpFloat64()
			return named(x, x+0.1*r.ExpFloat64(), x*x, 2*x)
		}},
		{"heavy tails", func(r *rand.Rand) []Stat {
			return named(student(r), math.Exp(r.NormFloat64()), math.Exp(1.5*r.NormFloat64()), student(r))
		}},
		{"mostly zero", func(r *rand.Rand) []Stat {
			v := []float64{0, 0, 0, 7}
			for i := range 3 {
				if r.Float64() < 0.05 {
					v[i] = float64(1 + r.IntN(3))
				}
			}
			return named(v...)
		}},
		{"some missing", func(r *rand.Rand) []Stat {
			s := named(r.ExpFloat64(), r.ExpFloat64(), r.ExpFloat64())
			return s[r.IntN(3):]
		}},
	}
}

func rows(r *rand.Rand, n int, draw func(*rand.Rand) []Stat) [][]Stat {
	out := make([][]Stat, n)
	for i := range out {
		out[i] = draw(r)
	}
	return out
}

// most is the largest count of n that a probability p makes plausible: four deviations.
func most(n int, p float64) int {
	m := float64(n)
	return int(m*p + 4*math.Sqrt(m*p*(1-p)))
}

func TestAnHonestShipmentIsCalledOddNoOftenerThanAlpha(t *testing.T) {
	for _, c := range []struct {
		name   string
		poison int64
		more   float64 // beyond α: the probability of an honest shipment above a cut, of the heaviest tails
	}{{"exact", -1, 0}, {"poison allowed for", 0, 0.005}} {
		for _, l := range laws() {
			for n, trials := range map[int]int{60: 500, 160: 500, 500: 100} {
				trials *= *more
				r := rand.New(rand.NewPCG(uint64(n), 7))
				counts := map[int64]int{}
				trimmed := 0
				for trial := range trials {
					table, err := Fit(rows(r, n, l.draw), Config{Seed: uint64(trial), Poison: c.poison})
					if err != nil {
						t.Fatal(err)
					}
					if table.Trimmed > 0 {
						trimmed++
					}
					got := table.P(l.draw(r))
					for _, alpha := range []int64{10_000, 50_000, 200_000} {
						if got.Guaranteed <= alpha {
							counts[alpha]++
						}
					}
				}
				for alpha, count := range counts {
					if limit := most(trials, float64(alpha)/million+c.more); count > limit {
						t.Errorf("%s, %s, %d shipments: %d of %d at most %d millionths, plausible are %d", c.name, l.name, n, count, trials, alpha, limit)
					}
				}
				m := float64(trials)
				t.Logf("%-18s %-18s n %3d: P(p ≤ .01) %.4f, .05 %.4f, .2 %.4f; %d of %d tables trimmed", c.name, l.name, n,
					float64(counts[10_000])/m, float64(counts[50_000])/m, float64(counts[200_000])/m, trimmed, trials)
			}
		}
	}
}

func TestTheSplitIsTheOneThatFitMakes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(LeastRows, 500).Draw(t, "n")
		cfg := Config{Seed: rapid.Uint64().Draw(t, "seed"), Reference: rapid.Int64Range(1, 900_000).Draw(t, "reference"), Poison: -1}
		references, calibrating, err := Split(n, cfg)
		if err != nil {
			t.Fatal(err)
		}
		both := slices.Concat(references, calibrating)
		slices.Sort(both)
		for i, at := range both {
			if i != at {
				t.Fatal("not a division of the list")
			}
		}
		all := make([][]Stat, n)
		for i := range all {
			all[i] = []Stat{{"place", int64(i)}}
		}
		table, err := Fit(all, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if r := table.Components[0].Reference; r.N != len(references) || r.Values[0] != int64(references[len(references)-1]) || table.Joint.N != len(calibrating) {
			t.Fatalf("%+v, split into %d and %d", table, len(references), len(calibrating))
		}
	})
	if _, _, err := Split(LeastRows-1, Config{}); !errors.Is(err, ErrTooFew) {
		t.Error(err)
	}
}

func TestATenthOfPoisonLeavesPowerAndErrorRate(t *testing.T) {
	l := laws()[0]
	odd := func(r *rand.Rand, size float64) []Stat {
		s := l.draw(r)
		s[r.IntN(len(s))].Value = int64(size * 100_000)
		return s
	}
	for _, c := range []struct {
		name   string
		poison func(r *rand.Rand) []Stat
		power  float64 // least share found
	}{
		{"none", nil, 0.99},
		{"gross", func(r *rand.Rand) []Stat { return odd(r, 60) }, 0.98},
		{"as odd as what is looked for", func(r *rand.Rand) []Stat { return odd(r, 40) }, 0.95},
		{"all in one place", func(*rand.Rand) []Stat { return named(50, 0, 0, 0) }, 0.99},
		{"extreme", func(*rand.Rand) []Stat { return named(1e10, 1e10, 1e10, 1e10) }, 0.99},
		{"low", func(*rand.Rand) []Stat { return named(0, 0, 0, 0) }, 0.99},
		{"just above honest ones", func(r *rand.Rand) []Stat { return odd(r, 8+4*r.Float64()) }, 0.85},
	} {
		const n = 400
		trials := 100 * *more
		r := rand.New(rand.NewPCG(11, 13))
		found, false5, false1, trimmed := 0, 0, 0, 0
		for trial := range trials {
			all := rows(r, n, l.draw)
			if c.poison != nil {
				for i := range n / 10 {
					all[i*10] = c.poison(r)
				}
			}
			table, err := Fit(all, Config{Seed: uint64(trial)})
			if err != nil {
				t.Fatal(err)
			}
			trimmed += table.Trimmed
			if table.P(odd(r, 40)).Guaranteed <= 10_000 {
				found++
			}
			for range 5 {
				p := table.P(l.draw(r)).Guaranteed
				if p <= 50_000 {
					false5++
				}
				if p <= 10_000 {
					false1++
				}
			}
		}
		t.Logf("%-30s power %.3f; false alarms at .05 %.4f, at .01 %.4f; %.1f trimmed of 280", c.name,
			float64(found)/float64(trials), float64(false5)/float64(5*trials), float64(false1)/float64(5*trials), float64(trimmed)/float64(trials))
		if missed := trials - found; missed > most(trials, 1-c.power) {
			t.Errorf("%s: %d of %d missed", c.name, missed, trials)
		}
		// α/(1-ε) + q; five shipments share a table, which widens the plausible.
		if limit := most(5*trials, 0.05/0.9+trimmedShare) + trials/15; false5 > limit {
			t.Errorf("%s: %d of %d false alarms at 0.05, plausible are %d", c.name, false5, 5*trials, limit)
		}
		if limit := most(5*trials, 0.01/0.9+trimmedShare) + trials/30; false1 > limit {
			t.Errorf("%s: %d of %d false alarms at 0.01, plausible are %d", c.name, false1, 5*trials, limit)
		}
	}
}

func TestTheTailPromisesLittleMoreThanItKeeps(t *testing.T) {
	for _, l := range laws()[:3] {
		r := rand.New(rand.NewPCG(3, 5))
		const each = 20_000
		tables := 5 * *more
		counts := [3]int{}
		for trial := range tables {
			table, err := Fit(rows(r, 700, l.draw), Config{Seed: uint64(trial)})
			if err != nil {
				t.Fatal(err)
			}
			for range each {
				got := table.P(l.draw(r))
				for k, p := range []int64{1_000, 100, 10} {
					if got.P <= p {
						counts[k]++
					}
				}
			}
		}
		n := float64(tables * each)
		t.Logf("%-18s P(p ≤ 1e-3) %.2e, 1e-4 %.2e, 1e-5 %.2e", l.name, float64(counts[0])/n, float64(counts[1])/n, float64(counts[2])/n)
		if float64(counts[1])/n > 20e-4 {
			t.Errorf("%s: 1e-4 is %v", l.name, float64(counts[1])/n)
		}
	}
}

func exponential(n int, seed uint64) [][]Stat {
	return rows(rand.New(rand.NewPCG(seed, 1)), n, laws()[0].draw)
}

func TestNoPValueIsStatedBelowWhatTheReferencesCanVouchFor(t *testing.T) {
	if _, err := Fit(exponential(LeastRows-1, 1), Config{}); !errors.Is(err, ErrTooFew) {
		t.Error(err)
	}
	table, err := Fit(exponential(LeastRows, 1), Config{})
	if err != nil {
		t.Fatal(err)
	}
	worst := named(1e9, 1e9, 1e9, 1e9)
	if got := table.P(worst); got.P != 50_000 || got.Tail || got.Guaranteed != table.Resolution() {
		t.Errorf("%+v of %d references", got, table.Joint.N)
	}
	if !table.Resolves(50_000) || table.Resolves(49_999) {
		t.Error("19 references resolve 0.05 and no less")
	}
	if _, ok := table.ClearScore(49_999); ok {
		t.Error("a level that cannot be reached has a counterfactual")
	}
	large, err := Fit(exponential(700, 1), Config{})
	if err != nil {
		t.Fatal(err)
	}
	if got := large.P(worst); !got.Tail || got.P >= got.Guaranteed || got.Guaranteed != large.Resolution() {
		t.Errorf("%+v", got)
	}
}

func TestTheStatisticThatDecidedIsNamed(t *testing.T) {
	table, err := Fit(exponential(400, 2), Config{})
	if err != nil {
		t.Fatal(err)
	}
	stats := named(0.5, 0.5, 30, 0.5)
	stats = append(stats, Stat{"unheard of", 1 << 60})
	got := table.P(stats)
	if got.Component != 2 || got.ComponentP > 20_000 || got.P > 10_000 {
		t.Errorf("%+v", got)
	}
	parts := table.Explain(nil, stats)
	if len(parts) != 4 || parts[2].Score != got.Score || parts[2].P != got.ComponentP || parts[0].P < 100_000 {
		t.Errorf("%+v", parts)
	}
	if nothing := table.P(stats[4:]); nothing.Component != -1 || nothing.P != million {
		t.Errorf("%+v", nothing)
	}
}

func TestAConstantStatisticIsOddOnceItMoves(t *testing.T) {
	constant := rows(rand.New(rand.NewPCG(1, 1)), 200, func(*rand.Rand) []Stat { return []Stat{{"never", 0}, {"always", 5}} })
	table, err := Fit(constant, Config{})
	if err != nil {
		t.Fatal(err)
	}
	if got := table.P(constant[0]); got.P != million {
		t.Errorf("as ever: %+v", got)
	}
	if got := table.P([]Stat{{"never", 1}, {"always", 5}}); got.Guaranteed != table.Resolution() || got.Component != 0 {
		t.Errorf("moved: %+v", got)
	}
}

func TestTheCounterfactualIsTheLastValueThatClears(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(LeastRows, 1_500).Draw(t, "n")
		table, err := Fit(exponential(n, rapid.Uint64().Draw(t, "seed")), Config{})
		if err != nil {
			t.Fatal(err)
		}
		alpha := rapid.Int64Range(1, 999_999).Draw(t, "alpha")
		name := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "name")
		v, ok := table.Clear(alpha, name)
		if !ok {
			if table.Resolves(alpha) {
				if p := table.P([]Stat{{name, MaxValue}}).Guaranteed; p <= alpha && table.P([]Stat{{name, -MaxValue}}).Guaranteed > alpha {
					t.Fatalf("none, though %d is reached", p)
				}
			}
			return
		}
		if p := table.P([]Stat{{name, v}}).Guaranteed; p <= alpha {
			t.Fatalf("%d has %d, not above %d", v, p, alpha)
		}
		if p := table.P([]Stat{{name, v + 1}}).Guaranteed; p > alpha {
			t.Fatalf("%d has %d, above %d", v+1, p, alpha)
		}
	})
}

func TestAThinnedSampleIsNeverTooSure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 4_000).Draw(t, "n")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		spread := rapid.Int64Range(1, 5_000).Draw(t, "spread")
		values := make([]int64, n)
		for i := range values {
			values[i] = r.Int64N(spread)
		}
		s := newSample(slices.Clone(values))
		if !s.valid() || len(s.Values) > 512 {
			t.Fatalf("%d values of %d", len(s.Values), n)
		}
		v := r.Int64N(spread+2) - 1
		want := 0
		for _, x := range values {
			if x >= v {
				want++
			}
		}
		got := s.atLeast(v)
		if got < want || want < keptExact && got != want || got > want+(n-keptExact)/keptSpread+1 && n > keptExact {
			t.Fatalf("%d values at least %d, thinned %d", want, v, got)
		}
	})
}

func TestAnOdderShipmentNeverHasTheLargerP(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		l := rapid.SampledFrom(laws()).Draw(t, "law")
		table, err := Fit(rows(r, rapid.IntRange(60, 900).Draw(t, "n"), l.draw), Config{Seed: r.Uint64()})
		if err != nil {
			t.Fatal(err)
		}
		a := l.draw(r)
		b := slices.Clone(a)
		i := r.IntN(len(b))
		b[i].Value += r.Int64N(5_000_000)
		x, y := table.P(a), table.P(b)
		// A rounding of ln's last bit may turn two scores of nearly equal values.
		if y.Score < x.Score-1 || y.Guaranteed > x.Guaranteed && y.Score >= x.Score {
			t.Fatalf("%+v became %+v", x, y)
		}
		for _, g := range []Result{x, y} {
			if g.P < 1 || g.P > g.Guaranteed || g.Guaranteed > g.Bound || g.Bound > million || !g.Tail && g.P != g.Guaranteed || g.Guaranteed < table.Resolution() {
				t.Fatalf("%+v", g)
			}
		}
	})
}

func TestATableIsSmallAndIsReadBackAsItWas(t *testing.T) {
	table, err := Fit(exponential(20_000, 4), Config{})
	if err != nil {
		t.Fatal(err)
	}
	again, err := Fit(exponential(20_000, 4), Config{})
	if err != nil || !reflect.DeepEqual(table, again) {
		t.Error("the same shipments gave another table", err)
	}
	text, err := json.Marshal(table)
	if err != nil || len(text) > 25_000 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	var read Table
	if err := json.Unmarshal(text, &read); err != nil || !reflect.DeepEqual(table, read) || read.Check() != nil {
		t.Error("another table", err, read.Check())
	}
	if got := table.P(named(60, 0, 0, 0)); got.N < 13_900 || got.Guaranteed > 72 {
		t.Errorf("%+v", got)
	}
	t.Logf("%d bytes for 20,000 shipments of four statistics", len(text))
}

func TestWhatIsNoTableIsRefused(t *testing.T) {
	good, err := Fit(exponential(100, 4), Config{})
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Table){
		"no components":      func(t *Table) { t.Components = nil },
		"names out of order": func(t *Table) { t.Components[0].Name = "z" },
		"values ascending":   func(t *Table) { slices.Reverse(t.Joint.Values) },
		"a value missing":    func(t *Table) { t.Joint.Values = t.Joint.Values[1:] },
		"more than given":    func(t *Table) { t.Given = 50 },
		"scale of nothing":   func(t *Table) { t.Components[1].Tail.Scale = 0 },
		"shape too heavy":    func(t *Table) { t.Components[1].Tail.Shape = million },
		"negative trimmed":   func(t *Table) { t.Trimmed = -1 },
	} {
		bad := good
		bad.Components = slices.Clone(good.Components)
		bad.Joint.Values = slices.Clone(good.Joint.Values)
		spoil(&bad)
		if err := bad.Check(); !errors.Is(err, ErrTable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, cfg := range map[string]Config{"alpha": {Alpha: million}, "poison": {Poison: 300_000}, "reference": {Reference: 950_000}} {
		if _, err := Fit(exponential(100, 4), cfg); !errors.Is(err, ErrTable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	many := exponential(100, 4)
	for i := range many {
		many[i] = []Stat{{fmt.Sprint("s", i), 1}}
	}
	if _, err := Fit(many, Config{}); !errors.Is(err, ErrTable) {
		t.Error(err)
	}
}

func TestJudgingAllocatesNothing(t *testing.T) {
	table, err := Fit(exponential(1_000, 4), Config{})
	if err != nil {
		t.Fatal(err)
	}
	stats := named(1, 2, 3, 4)
	parts := make([]Part, 0, 8)
	if n := testing.AllocsPerRun(100, func() {
		table.P(stats)
		parts = table.Explain(parts[:0], stats)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkP(b *testing.B) {
	table, err := Fit(exponential(20_000, 4), Config{})
	if err != nil {
		b.Fatal(err)
	}
	stats := named(1, 2, 3, 4)
	b.ReportAllocs()
	for b.Loop() {
		table.P(stats)
	}
}

// honest shipments come to the threshold of their detector, or do not and a tenth of poison does.
func TestAThresholdThatAcceptedShipmentsReachIsNoCut(t *testing.T) {
	cfg := Config{TrimAbove: 1_000_000, TrimMost: 1_500_000}
	for _, c := range []struct {
		name   string
		draw   func(r *rand.Rand, i int) float64
		kept   int // at least
		within int // at most
	}{
		{"honest ones reach it", func(r *rand.Rand, _ int) float64 { return 8 + 4*r.ExpFloat64() }, 98, 100},
		{"only poison reaches it", func(r *rand.Rand, i int) float64 {
			if i%10 == 0 {
				return 16 + r.ExpFloat64()
			}
			return 2 + r.ExpFloat64()
		}, 90, 90},
	} {
		r := rand.New(rand.NewPCG(3, 9))
		i := -1
		drawn := rows(r, 400, func(r *rand.Rand) []Stat {
			i++
			return named(c.draw(r, i))
		})
		table, err := FitParts(drawn[:100], drawn[100:], cfg)
		if err != nil {
			t.Fatal(err)
		}
		if n := table.Components[0].Reference.N; n < c.kept || n > c.within {
			t.Errorf("%s: %d of 100 references are left, cut at %d", c.name, n, table.Components[0].Cut)
		}
	}
}
