package calibrate

import (
	"github.com/waybill-dev/waybill/analytics/coldchain"
)

// Tail is a generalised Pareto distribution of what lies above a threshold.
type Tail struct {
	Threshold int64 `json:"threshold"`
	Above     int   `json:"above"` // values of the sample above the threshold
	Scale     int64 `json:"scale"` // in the unit of the threshold
	Shape     int64 `json:"shape"` // millionths, 0 (exponential) to 900,000
}

const (
	maxShape = 900_000
	// constant is how many floors the scale of a nearly constant statistic is at least.
	constant = 10
)

func (t *Tail) valid(n int) bool {
	return t.Above >= 0 && t.Above <= n && t.Shape >= 0 && t.Shape <= maxShape && t.Threshold >= -MaxValue && t.Threshold <= MaxValue &&
		(t.Above == 0 && t.Scale == 0 || t.Scale >= 1 && t.Scale <= MaxValue)
}

// beyond is -ln of the share of the tail that lies above a value, in millionths of a nat.
func (t *Tail) beyond(v int64) int64 {
	y := float64(v-t.Threshold) / float64(t.Scale)
	if y <= 0 {
		return 0
	}
	if t.Shape > 0 {
		shape := float64(t.Shape) / million
		y = coldchain.Ln(1+float64(shape*y)) / shape
	}
	return int64(min(y, 1e9) * million)
}

// p is the probability of a value above v by the tail, in millionths, rounded up.
func (t *Tail) p(v int64, n int) int64 {
	share := float64(t.Above) / float64(n)
	p := float64(share*coldchain.Exp(-float64(t.beyond(v))/million)) * million
	whole := int64(p)
	if float64(whole) < p {
		whole++
	}
	return max(1, min(million, whole))
}

// nats is -ln of a share in (0, 1], in millionths, rounded down.
func nats(share float64) int64 {
	return int64(max(0, -coldchain.Ln(share)) * million)
}

// fitTail fits a tail to the m largest of values in descending order by probability-weighted moments
// (Hosking and Wallis 1987). The shape is clamped to 0 and most: a negative one would say that
// nothing larger is possible, which few values cannot tell, and beyond a half the moments are none.
// The scale is at least floor.
func fitTail(values []int64, m int, most, floor int64) Tail {
	m = min(m, len(values)-1)
	t := Tail{Threshold: values[m], Above: 1, Scale: max(1, floor), Shape: 0}
	for m > 0 && values[m-1] == t.Threshold { // ties with the threshold are no excesses
		m--
	}
	t.Above = max(1, m)
	if m < 3 { // nearly constant: what a step is worth is not known
		t.Scale = max(1, constant*floor)
		if m > 0 {
			t.Scale = max(t.Scale, values[0]-t.Threshold)
		}
		return t
	}
	a0, a1 := 0.0, 0.0
	for i := range m { // ascending
		y := float64(values[m-1-i] - t.Threshold)
		a0 += y
		a1 += float64(y * (1 - (float64(i)+0.65)/float64(m)))
	}
	a0 /= float64(m)
	a1 /= float64(m)
	scale, shape := a0, 0.0
	if d := a0 - float64(2*a1); d > 0 {
		if k := a0/d - 2; k < 0 {
			shape = min(-k, float64(most)/million)
			// The scale that has the mean seen, also where the shape was clamped.
			scale = float64(a0 * (1 - shape))
		}
	}
	t.Shape = int64(shape * million)
	t.Scale = max(t.Scale, int64(min(scale, MaxValue)))
	return t
}
