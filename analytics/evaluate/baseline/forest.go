package baseline

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// ErrPoints says that there is too little to fit to.
var ErrPoints = errors.New("WB_BASELINE: too few points")

// The parameters of the isolation forest's paper.
const (
	forestTrees  = 100
	forestSample = 256
)

// Forest is an isolation forest (Liu, Ting, Zhou: Isolation Forest, ICDM 2008), fitted to the rows of
// clean journeys. A score is in (0,1): near 1/2 a point is like the others, near 1 it is isolated by
// few cuts. The usual threshold is 0.5 (scikit-learn's without a contamination), or 0.6.
type Forest struct {
	channels int
	trees    [][]cut
	norm     float64
}

// cut is a node: points with less than at in the feature go left. A leaf has feature -1, and at holds
// how many more cuts its points would need.
type cut struct {
	at          float64
	feature     int32
	left, right int32
}

// FitForest fits to points of clean rows; all have the same width.
func FitForest(seed uint64, points [][]float64) (*Forest, error) {
	if len(points) < forestSample {
		return nil, fmt.Errorf("%w: %d, at least %d are needed", ErrPoints, len(points), forestSample)
	}
	r := rand.New(rand.NewPCG(seed, 0x15011A7E)) //nolint:gosec // a fit that can be repeated
	f := &Forest{channels: len(points[0]) / perChannel, norm: pathLength(forestSample)}
	most := int(math.Ceil(math.Log2(forestSample)))
	for range forestTrees {
		sample := make([][]float64, forestSample)
		for i, k := range r.Perm(len(points))[:forestSample] {
			sample[i] = points[k]
		}
		var nodes []cut
		grow(r, &nodes, sample, most)
		f.trees = append(f.trees, nodes)
	}
	return f, nil
}

// grow adds a subtree and gives its root.
func grow(r *rand.Rand, nodes *[]cut, points [][]float64, depth int) int32 {
	self := int32(len(*nodes)) //nolint:gosec // at most twice a sample
	*nodes = append(*nodes, cut{feature: -1, at: pathLength(len(points))})
	if depth == 0 || len(points) <= 1 {
		return self
	}
	// Of the features in which the points differ one at random.
	var able []int
	for k := range points[0] {
		for _, p := range points[1:] {
			if p[k] != points[0][k] {
				able = append(able, k)
				break
			}
		}
	}
	if len(able) == 0 {
		return self
	}
	k := able[r.IntN(len(able))]
	low, high := points[0][k], points[0][k]
	for _, p := range points {
		low, high = min(low, p[k]), max(high, p[k])
	}
	at := low + (high-low)*r.Float64()
	var left, right [][]float64
	for _, p := range points {
		if p[k] < at {
			left = append(left, p)
		} else {
			right = append(right, p)
		}
	}
	l := grow(r, nodes, left, depth-1)
	g := grow(r, nodes, right, depth-1)
	(*nodes)[self] = cut{at: at, feature: int32(k), left: l, right: g} //nolint:gosec // a feature's index
	return self
}

// pathLength is the mean length of an unsuccessful search among n points.
func pathLength(n int) float64 {
	if n <= 1 {
		return 0
	}
	if n == 2 {
		return 1
	}
	const euler = 0.5772156649015329
	return 2*(math.Log(float64(n-1))+euler) - 2*float64(n-1)/float64(n)
}

// Score is that of one point.
func (f *Forest) Score(point []float64) float64 {
	sum := 0.0
	for _, nodes := range f.trees {
		n, depth := &nodes[0], 0.0
		for n.feature >= 0 {
			depth++
			if point[n.feature] < n.at {
				n = &nodes[n.left]
			} else {
				n = &nodes[n.right]
			}
		}
		sum += depth + n.at
	}
	return math.Exp2(-sum / float64(len(f.trees)) / f.norm)
}

// Detector starts a journey.
func (f *Forest) Detector() Detector { return &walker{forest: f} }

type walker struct {
	forest *Forest
	features
}

// Observe takes a row.
func (w *walker) Observe(_ ledger.Millis, row []int32) float64 {
	if len(row) != w.forest.channels {
		return 1
	}
	return w.forest.Score(w.point(row))
}
