package series

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

var measure = flag.Bool("measure", false, "measure what the channels together are worth, on simulated loggers")

// planted is a fault of a simulated logger, from row 2000 on.
type planted struct {
	name string
	size float64
	rows int
}

const plantedAt = 2000

func (f planted) at(i int) bool { return i >= plantedAt && i < plantedAt+f.rows }

// truck simulates temperature, humidity, door, light and shock, five minutes apart: humidity
// follows the temperature, doors open at stops and let light and warmth in. It is made up.
func truck(seed uint64, rows int, f planted) [][]float64 {
	r, other := rand.New(rand.NewPCG(seed, 5)), rand.New(rand.NewPCG(seed, 6))
	out := make([][]float64, rows)
	var slowT, slowH, otherH, warm float64
	phase, period := r.Float64(), 20+10*r.Float64()
	moving, left, open := true, 10+r.IntN(40), 0
	stuck := math.NaN()
	for i := range out {
		phase += 3 / period
		if left--; left <= 0 {
			moving = !moving
			if moving {
				left = 20 + r.IntN(60)
			} else {
				left = 3 + r.IntN(10)
				if r.Float64() < 0.7 {
					open = 1 + r.IntN(3)
				}
			}
		}
		door := 0.0
		if open > 0 {
			open--
			door = 1
		}
		heat := door
		if f.name == "heat without door" && f.at(i) {
			heat = f.size
		}
		warm += (3*heat - warm) * 0.3
		slowT = 0.8*slowT + 0.08*r.NormFloat64()
		slowH = 0.9*slowH + 0.4*r.NormFloat64()
		otherH = 0.9*otherH + 0.4*other.NormFloat64()
		t := 5 + 0.4*math.Sin(2*math.Pi*phase) + warm + slowT + 0.2*math.Sin(2*math.Pi*float64(i)/288)
		h := 55 + 6*warm - 2*math.Sin(2*math.Pi*phase) + slowH
		light := 2 + 0.5*math.Abs(r.NormFloat64())
		if door == 1 {
			light = 150 + 100*r.Float64()
		}
		shock := 0.05 + 0.02*math.Abs(r.NormFloat64())
		if moving {
			shock = 0.2 + 0.15*math.Abs(r.NormFloat64()) + 0.05*r.ExpFloat64()
		}
		if f.at(i) {
			switch f.name {
			case "humidity does not follow":
				h = 55 + otherH + 2*math.Sin(2*math.Pi*phase*1.3+1)
			case "humidity stuck":
				if stuck != stuck {
					stuck = h
				}
				h = stuck + 0.2*r.NormFloat64()
			case "temperature":
				t += f.size
			case "both, opposite":
				t, h = t+f.size, h-4*f.size
			case "light without door":
				light = 150 + 100*r.Float64()
			case "door without light":
				door = 1
			case "shock":
				shock += f.size
			}
		}
		out[i] = []float64{rounded(t, 0.05), rounded(h, 0.1), door, rounded(light, 1), rounded(shock, 0.01)}
	}
	return out
}

// reefer simulates the air of a container, a probe in its product and the humidity, five minutes
// apart, with a defrost about every six hours. It is made up.
func reefer(seed uint64, rows int, f planted) [][]float64 {
	r := rand.New(rand.NewPCG(seed, 9))
	out := make([][]float64, rows)
	air, product, slow, humid := 3.0, 4.0, 0.0, 0.0
	next, defrost, door := 60+r.IntN(20), 0, 0
	for i := range out {
		if next--; next <= 0 {
			next, defrost = 66+r.IntN(12), 5
		}
		if r.Float64() < 0.006 {
			door = 1 + r.IntN(3)
		}
		target := 3.0
		if defrost > 0 {
			defrost--
			target = 9
		}
		if door > 0 {
			door--
			target += 6
		}
		if f.name == "unit fails" && f.at(i) {
			target += f.size
		}
		air += 0.35*(target-air) + 0.1*r.NormFloat64()
		product += 0.03*(air-product) + 0.01*r.NormFloat64()
		slow = 0.95*slow + 0.3*r.NormFloat64()
		humid += 0.3 * ((85 - 3*(air-3)) - humid)
		a, p, h := air, product, humid+slow
		if f.at(i) {
			switch f.name {
			case "probe in the air":
				p = air + 0.3
			case "probe off":
				p += f.size
			case "humid":
				h += f.size
			case "air lags":
				a = product
			}
		}
		out[i] = []float64{rounded(a, 0.1), rounded(p, 0.1), rounded(h, 0.1)}
	}
	return out
}

func rounded(v, step float64) float64 { return math.Round(v/step) * step }

func panel(tb testing.TB, s Settings, channels int) *Panel {
	tb.Helper()
	p, err := NewPanel(s, channels)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func observe(tb testing.TB, p *Panel, i int, row []float64) PanelResult {
	tb.Helper()
	r, err := p.Observe(ledger.Millis(step*i), row)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// TestWhatTheChannelsTogetherAreWorth prints the share of simulated loggers whose fault is less probable than
// what 98 of 100 clean loggers hold in as long a time, and the share with a P of at most 1e-4, by
// the channels each by itself and by them and together.
func TestWhatTheChannelsTogetherAreWorth(t *testing.T) {
	if !*measure {
		t.Skip("run with -measure")
	}
	const seeds = 7_000_000 // others than it was built with
	for _, plant := range []struct {
		name   string
		width  int
		rows   func(uint64, int, planted) [][]float64
		faults []planted
	}{
		{"truck", 2, truck, []planted{
			{"humidity does not follow", 0, 40},
			{"humidity stuck", 0, 40},
			{"temperature", 1, 20},
			{"temperature", 3, 20},
			{"both, opposite", 1, 10},
			{"heat without door", 1, 5},
			{"heat without door", 0.5, 20},
		}},
		{"truck", 5, truck, []planted{
			{"humidity does not follow", 0, 40},
			{"humidity stuck", 0, 40},
			{"temperature", 1, 20},
			{"temperature", 3, 20},
			{"both, opposite", 1, 10},
			{"heat without door", 1, 5},
			{"heat without door", 0.5, 20},
			{"light without door", 0, 3},
			{"door without light", 0, 3},
			{"shock", 1, 2},
		}},
		{"reefer", 3, reefer, []planted{
			{"unit fails", 3, 30}, {"unit fails", 8, 30}, {"probe in the air", 0, 40}, {"probe off", 1, 20}, {"humid", 3, 20}, {"humid", 8, 20}, {"air lags", 0, 60},
		}},
	} {
		least := func(seed uint64, f planted) [2]float64 {
			alone := Default()
			alone.NoTogether = true
			panels := []*Panel{panel(t, alone, plant.width), panel(t, Default(), plant.width)}
			out := [2]float64{1, 1}
			for i, row := range plant.rows(seed, plantedAt+f.rows+8, f) {
				for k, p := range panels {
					if r := observe(t, p, i, row[:plant.width]); i >= plantedAt {
						out[k] = min(out[k], r.P)
					}
				}
			}
			return out
		}
		const clean, faulty = 150, 60
		var bounds [2][]float64
		for i := range clean {
			for k, p := range least(uint64(seeds+i), planted{"", 0, 40}) {
				bounds[k] = append(bounds[k], p)
			}
		}
		for k := range bounds {
			slices.Sort(bounds[k])
		}
		t.Logf("%s, %d channels: least P of clean loggers, 2 %% below %.2g and %.2g, all above %.2g and %.2g", plant.name, plant.width,
			bounds[0][clean/50], bounds[1][clean/50], bounds[0][0], bounds[1][0])
		var mean [2]float64
		for _, f := range plant.faults {
			var found, sure [2]float64
			for i := range faulty {
				for k, p := range least(uint64(seeds+1000+i), f) {
					if p < bounds[k][clean/50] {
						found[k] += 1.0 / faulty
						mean[k] += 1.0 / faulty / float64(len(plant.faults))
					}
					if p <= 1e-4 {
						sure[k] += 1.0 / faulty
					}
				}
			}
			t.Logf("| %-30s | %.2f | %.2f | %.2f | %.2f |", fmt.Sprintf("%s, %d channels: %s %g", plant.name, plant.width, f.name, f.size), found[0], found[1], sure[0], sure[1])
		}
		t.Logf("| mean | %.2f | %.2f |", mean[0], mean[1])
	}
}

// As for single series: a block of a clean logger holds a row at P or less about as often as P says, or less.
func TestCleanLoggersAreAsUnusualAsPSays(t *testing.T) {
	runs := max(*long, 3)
	if testing.Short() {
		runs = 1
	}
	for _, plant := range []struct {
		name string
		rows func(uint64, int, planted) [][]float64
	}{{"truck", truck}, {"reefer", reefer}} {
		levels := []float64{0.1, 0.01, 1e-3, 1e-4}
		hit := make([]int, len(levels))
		blocks := 0
		for seed := range runs {
			rows := plant.rows(uint64(500+seed), 5000, planted{})
			p := panel(t, Default(), len(rows[0]))
			least := 1.0
			for i, row := range rows {
				least = min(least, observe(t, p, i, row).P)
				if (i+1)%50 != 0 {
					continue
				}
				if i >= 600 {
					blocks++
					for j, level := range levels {
						if least <= level {
							hit[j]++
						}
					}
				}
				least = 1
			}
		}
		t.Logf("%s: %d blocks, of which at most %v: %v", plant.name, blocks, levels, hit)
		for j, level := range levels {
			if want := level * float64(blocks); float64(hit[j]) > 2*want+4*math.Sqrt(want)+1 {
				t.Errorf("%s: %d of %d blocks hold a P of at most %g", plant.name, hit[j], blocks, level)
			}
		}
	}
}

func TestChannelsThatDoNotFitEachOtherAreNamed(t *testing.T) {
	for _, c := range []struct {
		fault   planted
		channel []int
	}{
		{planted{"light without door", 0, 3}, []int{2, 3}},
		{planted{"door without light", 0, 3}, []int{2, 3}},
	} {
		named := 0
		for seed := range uint64(10) {
			p := panel(t, Default(), 5)
			for i, row := range truck(seed, plantedAt+c.fault.rows, c.fault) {
				r := observe(t, p, i, row)
				if i >= plantedAt && r.Reason == Apart && slices.Contains(c.channel, r.Channel) {
					named++
					break
				}
			}
		}
		if named < 8 {
			t.Errorf("%s: named in %d of 10", c.fault.name, named)
		}
	}
}

func TestContributionsSumToTheScore(t *testing.T) {
	p := panel(t, Default(), 5)
	of := map[Detector]int{}
	for i, row := range truck(3, 4000, planted{"light without door", 0, 30}) {
		if i%500 == 400 {
			row[0] += 5
		}
		r := observe(t, p, i, row)
		var sum float64
		for _, c := range p.Contributions() {
			sum += c.Share
			of[c.Detector]++
			if c.Channel < 0 || c.Channel > 4 {
				t.Fatalf("%+v", c)
			}
		}
		if math.Abs(sum-r.Score) > 1e-9 || r.Score == 0 && len(p.Contributions()) != 0 {
			t.Fatalf("row %d: score %v of %+v", i, r.Score, p.Contributions())
		}
	}
	for _, d := range []Detector{DetectorShape, DetectorSeason, DetectorTogether} {
		if of[d] == 0 {
			t.Errorf("%s never contributes: %v", d, of)
		}
	}
}

// The parts of T² and Q are those of their definition.
func TestPartsAreTheMahalanobisDecomposition(t *testing.T) {
	g := newTogether(Default(), 3)
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		a, b := r.NormFloat64(), r.NormFloat64()
		g.values = []float64{a, 2*a + 0.5*b, b + 0.1*r.NormFloat64()}
		g.observe(10)
	}
	g.deviation = []float64{3, -2, 1}
	t2, q := g.statistics()
	for _, c := range []struct {
		residual bool
		want     float64
	}{{false, t2}, {true, q}} {
		g.split(c.residual)
		if got := g.parts[0] + g.parts[1] + g.parts[2]; math.Abs(got-c.want) > 1e-9*c.want {
			t.Errorf("%v sum to %v, want %v", g.parts, got, c.want)
		}
	}
	// The loadings are axes at right angles, and the variances those along them.
	n := 3
	for p := range n {
		for q := range n {
			var dot float64
			for i := range n {
				dot += g.loading[p*n+i] * g.loading[q*n+i] / (g.spread[i] * g.spread[i])
			}
			want := 0.0
			if p == q {
				want = 1
			}
			if math.Abs(dot-want) > 1e-9 {
				t.Errorf("axes %d and %d: %v", p, q, dot)
			}
		}
		if w := g.weight[p]; w > 0 {
			var variance float64
			for i := range n {
				for j := range n {
					variance += g.loading[p*n+i] * g.loading[p*n+j] * g.cov[max(i, j)*(max(i, j)+1)/2+min(i, j)]
				}
			}
			if math.Abs(variance*w-1) > 1e-6 {
				t.Errorf("axis %d: variance %v, weight %v", p, variance, w)
			}
		}
	}
}

func TestScaleAndOriginOfChannelsMakeNoDifference(t *testing.T) {
	rows := truck(5, plantedAt+100, planted{"both, opposite", 2, 20})
	run := func(scale, origin [5]float64) []PanelResult {
		p := panel(t, Default(), 5)
		var out []PanelResult
		for i, row := range rows {
			moved := make([]float64, len(row))
			for j, v := range row {
				moved[j] = scale[j]*v + origin[j]
			}
			out = append(out, observe(t, p, i, moved))
		}
		return out
	}
	want := run([5]float64{1, 1, 1, 1, 1}, [5]float64{})
	for i, r := range run([5]float64{1.8, -2, 1000, 0.25, 1e-3}, [5]float64{32, 7, 0, -1e3, 273.15}) {
		w := want[i]
		if math.Abs(r.Score-w.Score) > 1e-4 || math.Abs(r.Together-w.Together) > 1e-3*(1+w.Together) || r.Alarm != w.Alarm {
			t.Fatalf("row %d: %+v, was %+v", i, r, w)
		}
	}
}

func TestChannelsTogetherAreSavedAndRestored(t *testing.T) {
	rows := truck(5, 1500, planted{})
	for i := range rows {
		if i%97 == 0 {
			rows[i][i%5] = math.NaN()
		}
	}
	whole := panel(t, Default(), 5)
	for _, cut := range []int{0, 100, 199, 200, 201, 450, 1400} {
		half := panel(t, Default(), 5)
		for i, row := range rows[:cut] {
			observe(t, half, i, row)
		}
		out := canon.Writer(nil)
		half.Code(out)
		restored := panel(t, Default(), 5)
		in := canon.Reader(out.Bytes())
		restored.Code(in)
		if err := in.Done(); err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		again := canon.Writer(nil)
		restored.Code(again)
		if !bytes.Equal(again.Bytes(), out.Bytes()) {
			t.Errorf("cut at %d: written otherwise", cut)
		}
		for i := cut; i < len(rows); i++ {
			a, b := observe(t, half, i, rows[i]), observe(t, restored, i, rows[i])
			if a != b || !slices.Equal(half.Contributions(), restored.Contributions()) {
				t.Fatalf("cut at %d, row %d: %+v, restored %+v", cut, i, a, b)
			}
		}
	}
	for i, row := range slices.Concat(rows, rows, rows) {
		observe(t, whole, i, row)
	}
	i := 3 * len(rows)
	if n := testing.AllocsPerRun(1000, func() { observe(t, whole, i, rows[i%len(rows)]); i++ }); n != 0 {
		t.Errorf("%v allocations a row", n)
	}
}

func TestChannelsThatNeverMoveOrAreOneAreNoTrouble(t *testing.T) {
	p := panel(t, Default(), 4)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 3000 {
		v := r.NormFloat64()
		got := observe(t, p, i, []float64{v, v, 7, 1e300})
		if !(got.P > 0 && got.P <= 1 && got.Score >= 0 && got.Score <= 1) || got.Alarm {
			t.Fatalf("row %d: %+v", i, got)
		}
	}
	// The first time that one of the two goes its own way.
	if got := observe(t, p, 3000, []float64{1, -1, 7, 1e300}); got.Together == 0 {
		t.Errorf("%+v", got)
	}
}

func FuzzPanelState(f *testing.F) {
	p := panel(f, Default(), 2)
	state := func() []byte {
		c := canon.Writer(nil)
		p.Code(c)
		return c.Bytes()
	}
	f.Add(state())
	for i, row := range truck(1, 700, planted{}) {
		observe(f, p, i, row[:2])
	}
	f.Add(state())
	f.Fuzz(func(t *testing.T, data []byte) {
		p := panel(t, Default(), 2)
		c := canon.Reader(data)
		p.Code(c)
		if c.Done() != nil {
			return
		}
		for i := range 120 {
			r := observe(t, p, i, []float64{float64(i % 9), float64(i % 7)})
			if !(r.Score >= 0 && r.Score <= 1 && r.P >= 0 && r.P <= 1) {
				t.Fatalf("%+v", r)
			}
		}
	})
}

func BenchmarkPanel(b *testing.B) {
	p := panel(b, Default(), 5)
	rows := truck(1, 20_000, planted{})
	for i, row := range rows[:3000] {
		observe(b, p, i, row)
	}
	i := 3000
	for b.Loop() {
		observe(b, p, i, rows[i%len(rows)])
		i++
	}
}

func TestAPanelGivesTheSameBitsOnEveryMachine(t *testing.T) {
	const want = "6f157f8f56c8fab81f829ec9661aa7cac3b128d9c916a47ee35f3e25034e0321"
	h := sha256.New()
	p := panel(t, Default(), 3)
	x, level := uint64(88172645463325252), int64(0)
	for i := range 3000 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		level += int64(x%21) - 10 - level/20
		own, door := int64(x>>20%31), int64(0)
		if x>>30%40 == 0 {
			door = 1
		}
		other := 3*level + own
		if i%700 == 650 {
			other = -other
		}
		r := observe(t, p, i, []float64{float64(level) / 8, float64(other) / 4, float64(door)})
		for _, f := range []float64{r.Score, r.P, r.Together} {
			h.Write(binary.BigEndian.AppendUint64(nil, math.Float64bits(f)))
		}
		for _, c := range p.Contributions() {
			h.Write(binary.BigEndian.AppendUint64(nil, math.Float64bits(c.Share)))
		}
	}
	c := canon.Writer(nil)
	p.Code(c)
	h.Write(c.Bytes())
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("results and state have digest %s", got)
	}
}
