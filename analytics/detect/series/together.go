package series

import (
	"math"

	"github.com/waybill-dev/waybill/analytics/canon"
)

const (
	mostTogether  = 8    // channels
	togetherLong  = 2000 // rows that the covariance remembers
	togetherShare = 0.9  // of the variance that the leading components hold
	outlying      = 9    // a row whose T² is above so many times the number of channels counts less
	rotations     = 24   // sweeps at most; eight channels take about six
)

// together looks at all channels of a row at once: values that are usual each by itself may not fit
// each other. The principal components of the channels' correlation (Jackson and Mudholkar 1979), followed
// robustly, are parted in the leading ones and the rest, of which there is at least one: T² is how far
// a row lies out along the former and Q how far it lies off them. Both are calibrated as the
// channels' own distances are.
type together struct {
	channels int
	set      Settings
	first    int64 // rows before the first fit: what is fitted to few makes the next ones look far

	rows  int64
	mean  []float64
	cov   []float64 // lower triangle, row by row
	ready bool
	// Of the last fit, by component: its weight for T², or 0 where it counts for Q, and its loadings
	// over the channels' spreads.
	weight  []float64
	loading []float64 // channels × channels

	t2, q tail

	index, told int64 // as of a Scorer
	hold        float64

	values    []float64 // of the row
	deviation []float64
	parts     []float64 // of the channels, of what the row was told for
	scaled    []float64 // channels × channels, for the fit
	axes      []float64
	spread    []float64
}

func newTogether(s Settings, channels int) *together {
	n := channels
	lists := make([]float64, 5*n+3*n*n+n*(n+1)/2)
	list := func(length int) []float64 {
		out := lists[:length:length]
		lists = lists[length:]
		return out
	}
	return &together{
		channels: n, set: s, first: int64(s.Block * s.MinBlocks), t2: newTail(s), q: newTail(s),
		mean: list(n), weight: list(n), values: list(n), deviation: list(n), parts: make([]float64, n), spread: list(n),
		cov: list(n * (n + 1) / 2), loading: list(n * n), scaled: list(n * n), axes: list(n * n),
	}
}

// voices is how many of the two say anything yet.
func (g *together) voices() float64 {
	var n float64
	if g.t2.share() > 0 {
		n++
	}
	if g.q.share() > 0 {
		n++
	}
	return n
}

// observe takes g.values, normalised, and gives -ln of the probability of the less probable of T²
// and Q, the score, and the channel with the largest part in it.
func (g *together) observe(alarm float64) (unlikely, score float64, channel int) {
	g.index++
	for i, v := range g.values {
		g.deviation[i] = v - g.mean[i]
	}
	weight := 1.0
	if g.ready {
		t2, q := g.statistics()
		t, off := g.t2.observe(math.Sqrt(t2)), g.q.observe(math.Sqrt(q))
		if t > 0 || off > 0 {
			channel = g.split(off > t)
			unlikely = max(t, off)
			score = g.score(unlikely, alarm)
		}
		if most := float64(outlying * g.channels); t2 > most {
			weight = most / t2
		}
	}
	g.learn(weight)
	return unlikely, score, channel
}

// score is 0 for what is hardly less probable than what was just told.
func (g *together) score(unlikely, alarm float64) float64 {
	if g.told > 0 && g.index-g.told < int64(g.set.Refractory) && unlikely < g.hold+g.set.Clearly {
		return 0
	}
	if unlikely > g.set.Notable {
		g.hold, g.told = unlikely, g.index
	}
	return unlikely / (unlikely + alarm)
}

// statistics are T² and Q of the row.
func (g *together) statistics() (t2, q float64) {
	n := g.channels
	for c := range n {
		p := g.along(c)
		if w := g.weight[c]; w > 0 {
			t2 += float64(float64(p*p) * w)
		} else {
			q += float64(p * p)
		}
	}
	// As for shapes, the distances of a forged state are numbers too.
	if !(t2 <= greatest) {
		t2 = greatest
	}
	if !(q <= greatest) {
		q = greatest
	}
	return t2, q
}

// along is the row's deviation along a component, in the channels' spreads.
func (g *together) along(c int) float64 {
	var p float64
	for i, l := range g.loading[c*g.channels : (c+1)*g.channels] {
		p += float64(l * g.deviation[i])
	}
	return p
}

// split parts T² or Q among the channels, (x-μ)ᵢ[P Λ⁻¹ Pᵀ(x-μ)]ᵢ, so that the parts sum to it, and
// tells which is the largest. A part below zero takes away from what the others say.
func (g *together) split(residual bool) int {
	clear(g.parts)
	for c := range g.channels {
		w := g.weight[c]
		if w > 0 == residual {
			continue
		}
		if residual {
			w = 1
		}
		p := float64(g.along(c) * w)
		for i, l := range g.loading[c*g.channels : (c+1)*g.channels] {
			g.parts[i] += float64(p * float64(l*g.deviation[i]))
		}
	}
	largest := 0
	for i, v := range g.parts {
		if v > g.parts[largest] {
			largest = i
		}
	}
	return largest
}

// learn moves mean and covariance; an outlying row moves them less.
func (g *together) learn(weight float64) {
	g.rows++
	gain := float64(weight * max(1/float64(g.rows), 1.0/togetherLong))
	keep, at := 1-gain, 0
	for i := range g.channels {
		di := float64(gain * g.deviation[i])
		for j := range i + 1 {
			g.cov[at] = float64(keep * (g.cov[at] + float64(di*g.deviation[j])))
			at++
		}
		g.mean[i] += di
	}
	if g.rows == g.first || g.rows > g.first && g.rows%int64(g.set.Refit) == 0 {
		g.fit()
	}
}

// fit takes the principal components of the correlation by cyclic Jacobi rotations. A channel that
// has not moved so far takes no part.
func (g *together) fit() {
	n := g.channels
	a, v := g.scaled, g.axes
	moving := 0
	for i := range n {
		g.spread[i] = 0
		if d := g.cov[i*(i+1)/2+i]; d > 1e-24 {
			g.spread[i] = 1 / math.Sqrt(d)
			moving++
		}
	}
	if g.ready = moving >= 2; !g.ready {
		return
	}
	for i := range n {
		for j := range n {
			low, high := min(i, j), max(i, j)
			a[i*n+j] = float64(float64(g.cov[high*(high+1)/2+low]*g.spread[i]) * g.spread[j])
			v[i*n+j] = 0
		}
		v[i*n+i] = 1
	}
	for range rotations {
		if !g.sweep() {
			break
		}
	}
	g.part(moving)
}

// sweep rotates every pair of axes once, and tells whether there was anything to rotate.
func (g *together) sweep() bool {
	n := g.channels
	a, v := g.scaled, g.axes
	rotated := false
	for p := range n {
		for q := p + 1; q < n; q++ {
			if off := a[p*n+q]; !(off > 1e-13 || off < -1e-13) {
				continue
			}
			rotated = true
			angle := (a[q*n+q] - a[p*n+p]) / float64(2*a[p*n+q])
			tangent := 1 / (max(angle, -angle) + math.Sqrt(float64(angle*angle)+1))
			if angle < 0 {
				tangent = -tangent
			}
			c := 1 / math.Sqrt(float64(tangent*tangent)+1)
			s := float64(tangent * c)
			for i := range n {
				a[i*n+p], a[i*n+q] = turned(a[i*n+p], a[i*n+q], c, s)
				v[i*n+p], v[i*n+q] = turned(v[i*n+p], v[i*n+q], c, s)
			}
			for i := range n {
				a[p*n+i], a[q*n+i] = turned(a[p*n+i], a[q*n+i], c, s)
			}
		}
	}
	return rotated
}

func turned(x, y, c, s float64) (float64, float64) {
	return float64(c*x) - float64(s*y), float64(s*x) + float64(c*y)
}

// part gives the components, the largest first, to T² until it has its share of the variance, and
// the rest to Q: of those that move, at least the last.
func (g *together) part(moving int) {
	n := g.channels
	total := float64(moving)
	clear(g.weight)
	for c := range n {
		for i := range n {
			g.loading[c*n+i] = float64(g.axes[i*n+c] * g.spread[i])
		}
	}
	var held float64
	for range moving - 1 {
		best := -1
		for c := range n {
			if g.weight[c] == 0 && (best < 0 || g.scaled[c*n+c] > g.scaled[best*n+best]) {
				best = c
			}
		}
		if held >= float64(togetherShare*total) {
			return
		}
		variance := max(g.scaled[best*n+best], 1e-4)
		g.weight[best] = 1 / variance
		held += variance
	}
}

func (g *together) code(c *canon.Coder) {
	canon.Int(c, &g.rows)
	floats(c, g.mean)
	floats(c, g.cov)
	c.Bool(&g.ready)
	if g.ready {
		floats(c, g.weight)
		floats(c, g.loading)
	}
	g.t2.code(c)
	g.q.code(c)
	canon.Int(c, &g.index)
	canon.Int(c, &g.told)
	number(c, &g.hold, greatest)
	if g.rows < 0 || g.index < 0 || g.told < 0 {
		c.Fail("rows %d, index %d, told %d", g.rows, g.index, g.told)
		g.rows, g.ready = 0, false
	}
}
