package coldchain

import "math"

// The constants of Exp and Ln are those of FreeBSD's msun e_exp.c and e_log.c (Sun Microsystems,
// 1993): ln 2 in two parts, of which k times the first is exact for the exponents in question,
// and the minimax polynomials. The operations are ours: each product is converted explicitly, so
// that no compiler fuses it with the sum that follows.
const (
	ln2Hi  = 6.93147180369123816490e-01
	ln2Lo  = 1.90821492927058770002e-10
	invLn2 = 1.44269504088896338700e+00
)

// Exp is e to the power of x, for x from -700 to 700, beyond which it is clamped. It gives the same bits on every machine;
// its error is below one unit in the last place.
func Exp(x float64) float64 {
	if x > 700 {
		x = 700
	}
	if x < -700 {
		x = -700
	}
	k := math.Floor(float64(x*invLn2) + 0.5)
	hi := x - float64(k*ln2Hi)
	lo := float64(k * ln2Lo)
	r := hi - lo
	t := float64(r * r)
	p := 4.13813679705723846039e-08
	p = float64(p*t) + -1.65339022054652515390e-06
	p = float64(p*t) + 6.61375632143793436117e-05
	p = float64(p*t) + -2.77777777770155933842e-03
	p = float64(p*t) + 1.66666666666666019037e-01
	c := r - float64(t*p)
	y := 1 - ((lo - float64(r*c)/(2-c)) - hi)
	// 2^k is exact.
	return float64(y * math.Float64frombits(uint64(int64(k)+1023)<<52)) //nolint:gosec // k lies within ±1011
}

// Ln is the natural logarithm of x > 0; it is NaN for any other x, and for infinities and
// subnormals. It gives the same bits on every machine; its error is below one unit in the last place.
func Ln(x float64) float64 {
	b := math.Float64bits(x)
	e := int(b >> 52)
	if e == 0 || e >= 0x7ff { // zero, subnormal, negative, infinite or NaN
		return math.NaN()
	}
	k := e - 1023
	m := math.Float64frombits(b&(1<<52-1) | 1023<<52)
	if m > math.Sqrt2 {
		m /= 2
		k++
	}
	f := m - 1
	s := f / (2 + f)
	s2 := float64(s * s)
	s4 := float64(s2 * s2)
	t1 := 1.479819860511658591e-01
	t1 = 1.818357216161805012e-01 + float64(s4*t1)
	t1 = 2.857142874366239149e-01 + float64(s4*t1)
	t1 = 6.666666666666735130e-01 + float64(s4*t1)
	t1 = float64(s2 * t1)
	t2 := 1.531383769920937332e-01
	t2 = 2.222219843214978396e-01 + float64(s4*t2)
	t2 = 3.999999999940941908e-01 + float64(s4*t2)
	t2 = float64(s4 * t2)
	r := t1 + t2
	h := float64(float64(0.5*f) * f)
	kf := float64(k)
	return float64(kf*ln2Hi) - ((h - (float64(s*(h+r)) + float64(kf*ln2Lo))) - f)
}
