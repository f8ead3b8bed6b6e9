package series

import (
	"flag"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

var long = flag.Int("long", 0, "series to calibrate on, for each kind; 0 is a few")

// clean are series without any anomaly: what is unusual in them is chance. Times are 5 minutes apart.
var clean = []struct {
	name string
	next func(r *rand.Rand) func(i int) float64
}{
	{"white noise", func(r *rand.Rand) func(int) float64 {
		return func(int) float64 { return r.NormFloat64() }
	}},
	{"autoregression 0.95", func(r *rand.Rand) func(int) float64 {
		v := 0.0
		return func(int) float64 { v = 0.95*v + r.NormFloat64(); return v }
	}},
	{"day and noise", func(r *rand.Rand) func(int) float64 {
		return func(i int) float64 { return 3*math.Sin(2*math.Pi*float64(i)/288) + r.NormFloat64() }
	}},
	{"heavy tail (t, 3 degrees)", func(r *rand.Rand) func(int) float64 {
		return func(int) float64 {
			a, b, c := r.NormFloat64(), r.NormFloat64(), r.NormFloat64()
			return r.NormFloat64() / math.Sqrt((a*a+b*b+c*c)/3)
		}
	}},
	{"compressor, 0.1 resolution", func(r *rand.Rand) func(int) float64 {
		v, on := 5.0, false
		return func(i int) float64 {
			if v > 5.5+0.1*r.NormFloat64() {
				on = true
			} else if v < 4.5+0.1*r.NormFloat64() {
				on = false
			}
			if on {
				v -= 0.15
			} else {
				v += 0.08 + 0.03*math.Sin(2*math.Pi*float64(i)/288)
			}
			return math.Round(10*(v+0.05*r.NormFloat64())) / 10
		}
	}},
	{"door openings", func(r *rand.Rand) func(int) float64 {
		v, warm := 0.0, 0.0
		return func(int) float64 {
			if r.Float64() < 1.0/60 {
				warm += 0.5 + r.ExpFloat64()
			}
			warm *= 0.7
			v = 0.9*v + 0.1*r.NormFloat64()
			return 5 + v + warm
		}
	}},
	{"random walk", func(r *rand.Rand) func(int) float64 {
		v := 0.0
		return func(int) float64 { v += r.NormFloat64(); return v }
	}},
	{"volatile", func(r *rand.Rand) func(int) float64 {
		s := 0.0
		return func(int) float64 { s = 0.99*s + 0.1*r.NormFloat64(); return math.Exp(s) * r.NormFloat64() }
	}},
}

// On clean series a block of readings holds one at p or less about as often as p says or less. The
// bound allows for chance and for twice as often: the blocks of the past that p rests on are few.
func TestCleanSeriesAreAsUnusualAsPSays(t *testing.T) {
	runs := *long
	if runs == 0 {
		runs = 4
		if testing.Short() {
			runs = 1
		}
	}
	const readings = 8000
	set := Default()
	levels := []float64{0.1, 0.01, 1e-3, 1e-4, 1e-5}
	for k, kind := range clean {
		blocks := 0
		hit := make([]int, len(levels))
		for run := range runs {
			r := rand.New(rand.NewPCG(uint64(k), uint64(run)))
			next := kind.next(r)
			s, err := New(set)
			if err != nil {
				t.Fatal(err)
			}
			least := 1.0
			for i := range readings {
				got, err := s.Observe(ledger.Millis(300_000*i), next(i))
				if err != nil {
					t.Fatal(err)
				}
				least = min(least, got.P)
				if (i+1)%set.Block == 0 {
					if i >= 300 {
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
		}
		for j, level := range levels {
			want := level * float64(blocks)
			if most := 2*want + 4*math.Sqrt(want); float64(hit[j]) > most+1 {
				t.Errorf("%s: %d of %d blocks hold a p of at most %g, at most %.1f are allowed", kind.name, hit[j], blocks, level, most+1)
			}
		}
		t.Logf("%-28s %6d blocks: p at most 0.1 in %.4f, 0.01 in %.5f, 0.001 in %.6f, 1e-4 in %.7f, 1e-5 in %.8f", kind.name, blocks,
			float64(hit[0])/float64(blocks), float64(hit[1])/float64(blocks), float64(hit[2])/float64(blocks), float64(hit[3])/float64(blocks), float64(hit[4])/float64(blocks))
	}
}
