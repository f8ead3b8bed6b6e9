// Package calibrate turns what detectors measured on a shipment into a p-value whose error rate can
// be stated, and decides over a stream of such p-values with a bounded share of false discoveries.
//
// A shipment is one vector of named statistics, larger is odder. A Table holds, for one stratum
// (product and lane), what accepted shipments gave. The accepted shipments are divided by their
// place in the list alone: the reference part makes one function of the vector, the largest of the
// components' -ln p against their own references; the calibration part gives its values. Given the
// reference part that function is fixed, so a further shipment that is exchangeable with those of
// the calibration part has P(p ≤ α) ≤ α for
//
//	p = (1 + number of calibration values at least as large) / (n + 1)
//
// in finite samples and whatever the distribution (Vovk, Gammerman and Shafer 2005; split conformal,
// Papadopoulos et al. 2002). Ties count against the shipment's oddity, that is for a larger p. The
// models of the components' tails decide power and never this guarantee. Whatever else the statistics
// are fitted to must not be the calibration part either: see Split. See the ADR for what trimming
// poisoned references does to the guarantee.
//
// The package is pure: it gives the same bits on every machine. It may import analytics/canon,
// analytics/coldchain (for Exp and Ln) and ledger; no clock, no gonum, no randomness, no map order.
package calibrate

import (
	"errors"
	"fmt"
	"slices"
)

// The errors.
var (
	// ErrTooFew says that there are too few accepted shipments to calibrate with: collect more, or
	// state no p-value in the stratum.
	ErrTooFew = errors.New("WB_CALIBRATION_FEW: too few accepted shipments")
	// ErrTable says that a table, a configuration or a list of statistics is not one that this package
	// makes or takes.
	ErrTable = errors.New("WB_CALIBRATION: malformed")
)

// Bounds.
const (
	// MaxComponents is how many statistics a shipment may have.
	MaxComponents = 32
	// MaxName is the longest name of a statistic, in bytes.
	MaxName = 64
	// MaxRows is the most accepted shipments that Fit takes.
	MaxRows = 1 << 20
	// MaxValue is the largest value, of either sign, that is told apart from larger ones.
	MaxValue = 1_000_000_000_000_000

	million = 1_000_000
)

// Stat is one statistic of a shipment; larger is odder. Signals give their Ratio.
type Stat struct {
	Name  string
	Value int64
}

// Table is what accepted shipments of a stratum gave. It holds integers only and has one canonical
// JSON form; at most 512 values a component.
type Table struct {
	// Given is how many accepted shipments were given, N how many of them calibrate.
	Given int `json:"given"`
	// Trimmed is how many of the calibration part were left out because a component lies above its
	// Cut. 0: nothing was trimmed and the guarantee is exact.
	Trimmed int `json:"trimmed"`
	// Components are in ascending order of their names.
	Components []Component `json:"components"`
	// Joint are the calibration part's joint statistics, in millionths of a nat.
	Joint Sample `json:"joint"`
	// Tail is the model of the joint statistic beyond its sample. Above 0: none was fitted.
	Tail Tail `json:"tail"`
}

// Component is one statistic's reference.
type Component struct {
	Name      string `json:"name"`
	Reference Sample `json:"reference"`
	Tail      Tail   `json:"tail"`
	// Cut is the value above which a reference is taken for poison, if trimming is called for at all.
	Cut int64 `json:"cut"`
}

// Result is what a table says of a shipment.
type Result struct {
	// P is the p-value in millionths, rounded up: Guaranteed, unless Tail says that it is of the model.
	P int64
	// Guaranteed is the conformal p-value; it is never below the table's resolution.
	Guaranteed int64
	// Bound is what Guaranteed would be if every trimmed reference was an honest one after all.
	Bound int64
	// Tail says that the statistic lies beyond every calibration value and that P is the generalised
	// Pareto tail's: an extrapolation and no guarantee.
	Tail bool
	// N is the number of calibration values.
	N int
	// Component is the statistic that decided, as an index into the list given; -1 if none was known to
	// the table. ComponentP is its own p-value against its own references alone, in millionths.
	Component  int
	ComponentP int64
	// Score is the joint statistic, in millionths of a nat.
	Score int64
}

// Part is what one statistic has to do with the result.
type Part struct {
	Index int   // into the list given
	Score int64 // -ln p by its references and their tail, in millionths of a nat
	P     int64 // by the rank among its references alone, in millionths, rounded up
}

// P judges a shipment. Statistics that the table does not know take no part, nor do those that the
// shipment lacks; of one that comes twice the larger counts. It allocates nothing.
func (t *Table) P(stats []Stat) Result {
	r := Result{P: million, Guaranteed: million, Bound: million, N: t.Joint.N, Component: -1}
	for i := range stats {
		c := t.component(stats[i].Name)
		if c == nil {
			continue
		}
		if s := c.score(stats[i].Value); r.Component < 0 || s > r.Score {
			r.Component, r.Score = i, s
		}
	}
	if r.Component < 0 || t.Joint.N == 0 {
		return r
	}
	c := t.component(stats[r.Component].Name)
	r.ComponentP = upward(c.Reference.atLeast(c.clip(stats[r.Component].Value))+1, c.Reference.N+1)
	above := t.Joint.atLeast(r.Score)
	r.Guaranteed = upward(above+1, t.Joint.N+1)
	r.Bound = upward(above+t.Trimmed+1, t.Joint.N+t.Trimmed+1)
	r.P = r.Guaranteed
	if above == 0 && t.Tail.Above > 0 {
		if p := t.Tail.p(r.Score, t.Joint.N); p < r.P {
			r.P, r.Tail = p, true
		}
	}
	return r
}

// Explain appends, for each statistic that the table knows, what it has to do with the result. The
// largest Score is the joint statistic, so the joint is attributed exactly to the component that has
// it; what others have beyond Clear's value of the same α would have been enough by itself.
func (t *Table) Explain(dst []Part, stats []Stat) []Part {
	for i := range stats {
		if c := t.component(stats[i].Name); c != nil {
			v := c.clip(stats[i].Value)
			dst = append(dst, Part{Index: i, Score: c.score(v), P: upward(c.Reference.atLeast(v)+1, c.Reference.N+1)})
		}
	}
	return dst
}

// ClearScore is the largest joint statistic whose guaranteed p is above α (in millionths); false if α is
// below the resolution, so that every statistic is clear.
func (t *Table) ClearScore(alpha int64) (int64, bool) {
	rank := min(max(alpha, 0), million) * int64(t.Joint.N+1) / million
	if rank < 1 {
		return 0, false
	}
	// A thinned sample knows some ranks only: the last that it knows up to this one decides, as in P.
	i := len(t.Joint.Values) - 1
	for i > 0 && int64(rankAt(i, t.Joint.N)) > rank {
		i--
	}
	return t.Joint.Values[i], true
}

// Clear is the counterfactual: the largest value of a statistic which by itself leaves the guaranteed p
// above α (in millionths). False if the table does not know the statistic or no value breaks α.
func (t *Table) Clear(alpha int64, name string) (int64, bool) {
	c := t.component(name)
	score, ok := t.ClearScore(alpha)
	if c == nil || !ok {
		return 0, false
	}
	low, high := int64(-MaxValue), int64(MaxValue) // score(low) ≤ score < score(high)
	if c.score(low) > score || c.score(high) <= score {
		return 0, false
	}
	for high-low > 1 {
		if middle := low + (high-low)/2; c.score(middle) <= score {
			low = middle
		} else {
			high = middle
		}
	}
	return low, true
}

// Resolution is the least p-value that the table guarantees, in millionths, rounded up.
func (t *Table) Resolution() int64 { return upward(1, t.Joint.N+1) }

// Resolves reports whether a guaranteed p-value can be at most α (in millionths).
func (t *Table) Resolves(alpha int64) bool { return alpha*int64(t.Joint.N+1) >= million }

func (t *Table) component(name string) *Component {
	low, high := 0, len(t.Components)
	for low < high {
		if middle := (low + high) / 2; t.Components[middle].Name < name {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low < len(t.Components) && t.Components[low].Name == name {
		return &t.Components[low]
	}
	return nil
}

// Check says whether the table is one that Fit makes. The error is ErrTable.
func (t *Table) Check() error {
	switch {
	case t.Given < 0 || t.Given > MaxRows || t.Trimmed < 0 || t.Trimmed > t.Given || t.Joint.N > t.Given-t.Trimmed:
		return fmt.Errorf("%w: table of %d rows, %d calibrating, %d trimmed", ErrTable, t.Given, t.Joint.N, t.Trimmed)
	case len(t.Components) == 0 || len(t.Components) > MaxComponents:
		return fmt.Errorf("%w: table of %d components", ErrTable, len(t.Components))
	case !t.Joint.valid() || t.Joint.N < leastCalibration || !t.Tail.valid(t.Joint.N):
		return fmt.Errorf("%w: joint sample", ErrTable)
	}
	for i := range t.Components {
		c := &t.Components[i]
		if c.Name == "" || len(c.Name) > MaxName || i > 0 && t.Components[i-1].Name >= c.Name {
			return fmt.Errorf("%w: component %q", ErrTable, c.Name)
		}
		if !c.Reference.valid() || c.Reference.N > t.Given || !c.Tail.valid(c.Reference.N) || c.Tail.Above < 1 || c.Cut < -MaxValue || c.Cut > MaxValue {
			return fmt.Errorf("%w: reference of component %q", ErrTable, c.Name)
		}
	}
	return nil
}

func (c *Component) clip(v int64) int64 { return max(-MaxValue, min(MaxValue, v)) }

// score is -ln of the component's p-value: by rank up to the tail's threshold, by the tail beyond, in
// millionths of a nat. It is any fixed function as far as the guarantee is concerned.
func (c *Component) score(v int64) int64 {
	v = c.clip(v)
	if v > c.Tail.Threshold {
		return nats(float64(c.Tail.Above+1)/float64(c.Reference.N+1)) + c.Tail.beyond(v)
	}
	return nats(float64(c.Reference.atLeast(v)+1) / float64(c.Reference.N+1))
}

// upward is a/b in millionths, rounded up; at most one.
func upward(a, b int) int64 {
	return min(million, (int64(a)*million+int64(b)-1)/int64(b))
}

// Sample is a sorted sample of which at most 512 values are kept: the 256 largest, and 256 spread
// evenly over the ranks of the others. Where a rank is not known exactly the larger one is taken, so
// that p-values are never too small.
type Sample struct {
	N      int     `json:"n"`
	Values []int64 `json:"values"` // descending
}

const (
	keptExact  = 256
	keptSpread = 256
)

// newSample thins values, which it sorts.
func newSample(values []int64) Sample {
	slices.SortFunc(values, func(a, b int64) int {
		switch {
		case a > b:
			return -1
		case a < b:
			return 1
		}
		return 0
	})
	s := Sample{N: len(values), Values: make([]int64, kept(len(values)))}
	for i := range s.Values {
		s.Values[i] = values[rankAt(i, s.N)-1]
	}
	return s
}

// kept is how many values of n a sample keeps.
func kept(n int) int { return min(n, keptExact+keptSpread) }

// rankAt is the rank, from 1 for the largest, of the i-th value kept of n.
func rankAt(i, n int) int {
	if i < keptExact || n <= keptExact+keptSpread {
		return i + 1
	}
	return keptExact + ((i-keptExact+1)*(n-keptExact)+keptSpread-1)/keptSpread
}

// atLeast is the number of values at least as large, or more where thinning hides it.
func (s *Sample) atLeast(v int64) int {
	low, high := 0, len(s.Values)
	for low < high {
		if middle := (low + high) / 2; s.Values[middle] >= v {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low == len(s.Values) {
		return s.N
	}
	return rankAt(low, s.N) - 1
}

func (s *Sample) valid() bool {
	if s.N < 1 || s.N > MaxRows || len(s.Values) != kept(s.N) {
		return false
	}
	for i, v := range s.Values {
		if v < -MaxValue || v > MaxValue || i > 0 && s.Values[i-1] < v {
			return false
		}
	}
	return true
}
