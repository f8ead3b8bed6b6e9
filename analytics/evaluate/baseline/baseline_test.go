package baseline

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

func TestLimitsTellHowFarOutside(t *testing.T) {
	p := ledger.Policy{Low: 2_000, High: 8_000}
	for celsius, want := range map[int32]float64{1_500: 0.5, 2_000: 0, 5_000: -3, 8_000: 0, 8_100: 0.1, 20_000: 12} {
		if got := (Limits{&p}).Observe(0, []int32{celsius, 99}); math.Abs(got-want) > 1e-12 {
			t.Errorf("%d is %v outside, want %v", celsius, got, want)
		}
	}
}

func TestSigmaIsTheDistanceFromTheReadingsBefore(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		values := rapid.SliceOfN(rapid.Int32Range(-30_000, 30_000), sigmaWarmup+1, 200).Draw(rt, "values")
		var s Sigma
		for i, v := range values {
			got := s.Observe(ledger.Millis(i), []int32{v})
			if i < sigmaWarmup {
				if got != 0 {
					rt.Fatalf("reading %d scores %v before there is a mean", i, got)
				}
				continue
			}
			mean, sq := 0.0, 0.0
			for _, x := range values[:i] {
				mean += float64(x) / float64(i)
			}
			for _, x := range values[:i] {
				sq += (float64(x) - mean) * (float64(x) - mean)
			}
			want := math.Abs(float64(v)-mean) / math.Sqrt(sq/float64(i-1))
			if math.IsNaN(want) {
				want = 0
			}
			if math.Abs(got-want) > 1e-6*max(1, want) && !(math.IsInf(got, 1) && math.IsInf(want, 1)) {
				rt.Fatalf("reading %d scores %v, by definition %v", i, got, want)
			}
		}
	})
}

// cloud is points of a channel near 5 °C and one near 50 %.
func cloud(seed uint64, n int) [][]float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([][]float64, n)
	for i := range out {
		a, b := 5+0.4*r.NormFloat64(), 50+3*r.NormFloat64()
		out[i] = []float64{a, a + 0.1*r.NormFloat64(), b, b + 0.5*r.NormFloat64()}
	}
	return out
}

func TestPathLengthsAreThoseOfThePaper(t *testing.T) {
	// c(n) = 2 H(n-1) - 2(n-1)/n, with the paper's approximation of H.
	for n, want := range map[int]float64{0: 0, 1: 0, 2: 1, 256: 10.244770920116851} {
		if got := pathLength(n); math.Abs(got-want) > 1e-9 {
			t.Errorf("c(%d) = %v, want %v", n, got, want)
		}
	}
}

func TestTreesFindWhatLiesApart(t *testing.T) {
	points := cloud(1, 4_000)
	forest, err := FitForest(9, points)
	if err != nil {
		t.Fatal(err)
	}
	space, err := FitHalfSpace(9, points)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(2, 1))
	row := func(celsius float64) []int32 {
		return []int32{int32(1000 * (celsius + 0.4*r.NormFloat64())), int32(1000 * (50 + 3*r.NormFloat64()))}
	}
	for name, start := range map[string]func() Detector{"isolation forest": forest.Detector, "half-space trees": space.Detector} {
		usual, odd := 0.0, 0.0
		d := start()
		for range 100 {
			usual += d.Observe(0, row(5)) / 100
		}
		for range 100 {
			odd += d.Observe(0, row(14)) / 100
		}
		if odd < usual+0.01 {
			t.Errorf("%s: usual readings score %v, those 9 °C apart %v", name, usual, odd)
		}
		if name == "isolation forest" && (usual < 0.35 || usual > 0.55 || odd < 0.55) {
			t.Errorf("%s: usual readings score %v, those 9 °C apart %v", name, usual, odd)
		}
		again := start()
		first := again.Observe(0, []int32{5_000, 50_000})
		if other := start().Observe(0, []int32{5_000, 50_000}); first != other {
			t.Errorf("%s: one journey changes the next", name)
		}
		if got := start().Observe(0, []int32{5_000}); got != 1 {
			t.Errorf("%s: a row of another width scores %v", name, got)
		}
	}
	same, err := FitForest(9, points)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range points[:50] {
		if same.Score(p) != forest.Score(p) {
			t.Fatal("two fits of one seed differ")
		}
	}
}

func TestTooFewPointsAreRefused(t *testing.T) {
	if _, err := FitForest(1, cloud(1, forestSample-1)); !errors.Is(err, ErrPoints) {
		t.Error(err)
	}
	if _, err := FitHalfSpace(1, cloud(1, halfWindow-1)); !errors.Is(err, ErrPoints) {
		t.Error(err)
	}
}

func TestPointsAreThoseOfAStream(t *testing.T) {
	log := ledger.Segment{Channels: []ledger.Channel{{Quantity: ledger.Temperature}}}
	for i := range 40 {
		log.Times = append(log.Times, ledger.Millis(i))
		log.Channels[0].Values = append(log.Channels[0].Values, int32(i*1000))
	}
	points := Points(log)
	if got, want := points[0], []float64{0, 0}; got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%v, want %v", got, want)
	}
	if got, want := points[39], []float64{39, 32}; got[0] != want[0] || math.Abs(got[1]-want[1]) > 1e-9 {
		t.Errorf("%v, want %v", got, want)
	}
}
