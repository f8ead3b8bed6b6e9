package baseline

import (
	"fmt"
	"math/rand/v2"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// The parameters of the paper on half-space trees, but for the depth: its 15 is for streams of a
// million points; 8 is what River's implementation recommends.
const (
	halfTrees  = 25
	halfDepth  = 8
	halfWindow = 250
	halfLeast  = 0.1 * halfWindow // mass below which a node is not looked into
)

// HalfSpace is streaming half-space trees (Tan, Ting, Liu: Fast Anomaly Detection for Streaming Data, IJCAI
// 2011): trees that cut the space at random without looking at data, and the mass of each node in the
// window of 250 readings before. It begins each journey with the mass of a window of clean rows. A score is
// 1 minus the share of the largest possible mass, so in [0,1].
type HalfSpace struct {
	channels  int
	low, high []float64
	trees     [halfTrees][halfNodes]halfCut
	mass      [halfTrees][halfNodes]int32
}

const halfNodes = 1<<(halfDepth+1) - 1

type halfCut struct {
	feature int32
	at      float64
}

// FitHalfSpace takes the ranges and the first window from points of clean rows.
func FitHalfSpace(seed uint64, points [][]float64) (*HalfSpace, error) {
	if len(points) < halfWindow {
		return nil, fmt.Errorf("%w: %d, at least %d are needed", ErrPoints, len(points), halfWindow)
	}
	r := rand.New(rand.NewPCG(seed, 0x4A1F5ACE)) //nolint:gosec // a fit that can be repeated
	n := len(points[0])
	h := &HalfSpace{channels: n / perChannel, low: make([]float64, n), high: make([]float64, n)}
	copy(h.low, points[0])
	copy(h.high, points[0])
	for _, p := range points {
		for k, v := range p {
			h.low[k], h.high[k] = min(h.low[k], v), max(h.high[k], v)
		}
	}
	for t := range h.trees {
		// The work space: around a random middle, so wide that all of [0,1] lies inside.
		low, high := make([]float64, n), make([]float64, n)
		for k := range low {
			s := r.Float64()
			half := 2 * max(s, 1-s)
			low[k], high[k] = s-half, s+half
		}
		h.plant(r, t, 0, low, high)
	}
	for i, k := range r.Perm(len(points)) {
		if i == halfWindow {
			break
		}
		h.walk(h.unit(points[k], make([]float64, n)), func(t, node, _ int) bool {
			h.mass[t][node]++
			return true
		})
	}
	return h, nil
}

// plant decides the cuts of a subtree.
func (h *HalfSpace) plant(r *rand.Rand, tree, node int, low, high []float64) {
	if 2*node+2 >= halfNodes {
		h.trees[tree][node].feature = -1
		return
	}
	k := r.IntN(len(low))
	at := (low[k] + high[k]) / 2
	h.trees[tree][node] = halfCut{int32(k), at} //nolint:gosec // a feature's index
	l, g := low[k], high[k]
	high[k] = at
	h.plant(r, tree, 2*node+1, low, high)
	high[k], low[k] = g, at
	h.plant(r, tree, 2*node+2, low, high)
	low[k] = l
}

// unit brings a point into the ranges' unit.
func (h *HalfSpace) unit(point, into []float64) []float64 {
	for k, v := range point {
		into[k] = 0.5
		if h.high[k] > h.low[k] {
			into[k] = (v - h.low[k]) / (h.high[k] - h.low[k])
		}
	}
	return into
}

// walk visits the nodes that hold a point, of each tree from its root, until visit says no.
func (h *HalfSpace) walk(point []float64, visit func(tree, node, depth int) bool) {
	for t := range h.trees {
		node := 0
		for depth := 0; visit(t, node, depth); depth++ {
			c := &h.trees[t][node]
			if c.feature < 0 {
				break
			}
			node = 2*node + 1
			if point[c.feature] >= c.at {
				node++
			}
		}
	}
}

// Detector starts a journey.
func (h *HalfSpace) Detector() Detector {
	return &stream{space: h, reference: h.mass, point: make([]float64, perChannel*h.channels)}
}

type stream struct {
	space     *HalfSpace
	reference [halfTrees][halfNodes]int32
	latest    [halfTrees][halfNodes]int32
	n         int
	features
	point []float64
}

// Observe takes a row.
func (s *stream) Observe(_ ledger.Millis, row []int32) float64 {
	if len(row) != s.space.channels {
		return 1
	}
	s.space.unit(s.features.point(row), s.point)
	const most = float64(halfTrees) * halfWindow * (1 << halfDepth)
	total := 0.0
	s.space.walk(s.point, func(t, node, depth int) bool {
		mass := s.reference[t][node]
		if float64(mass) <= halfLeast || depth == halfDepth {
			total += float64(mass) * float64(int(1)<<depth)
			return false
		}
		return true
	})
	s.space.walk(s.point, func(t, node, _ int) bool {
		s.latest[t][node]++
		return true
	})
	if s.n++; s.n%halfWindow == 0 {
		s.reference, s.latest = s.latest, [halfTrees][halfNodes]int32{}
	}
	return 1 - total/most
}
