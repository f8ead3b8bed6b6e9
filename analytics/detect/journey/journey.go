// Package journey judges the whole of a journey once it is over: which of its windows is unlike the
// rest of it, or unlike the accepted journeys of its lane? It looks both ways in time and so is for
// the final verdict alone. All statistics are of one channel of readings.
//
// It may import ledger, analytics/canon and analytics/detect; no clock, no randomness, no gonum, and
// of math only what is exact everywhere. Sums are integers; what is rounded is rounded once.
package journey

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/waybill-dev/waybill/analytics/detect"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Most is the most readings of a journey that is judged; Log makes longer ones fit.
const Most = 4096

const (
	one        = 1_000_000
	most       = 1 << 24 // a value lies at most this far from the journey's median, in thousandths
	mostWindow = 256     // readings; so that sums of squares fit in 63 bits
	mostRatio  = 1_000_000_000_000_000
)

// The names of the statistics, which are reason codes: added to, never renamed.
const (
	WindowEnergy      = "window_energy"      // a window far from the journey's own level
	Discord           = "discord"            // a window unlike every other of the journey
	WindowResidual    = "window_residual"    // a window off what lies before and after it
	ReferenceDistance = "reference_distance" // a stretch unlike the lane's accepted journeys
)

// Errors of this package.
var (
	// ErrParams says that nothing can be judged by the parameters.
	ErrParams = errors.New("WB_SETTINGS: parameters of the journey's judgement")
	// ErrReadings says that readings are too many, differ in number from their times, or go back in time.
	ErrReadings = errors.New("WB_VALUE: readings of a journey")
	// ErrReference says that a reference is not what Fit gives, or cannot be fitted.
	ErrReference = errors.New("WB_VALUE: reference of a lane")
)

// Params are the parameters of a judgement. All are integers, so that their canonical form is exact.
type Params struct {
	Window     ledger.Millis `json:"window_ms"`      // length of the windows that are compared
	Smooth     ledger.Millis `json:"smooth_ms"`      // moving average before windows are compared with each other
	Least      int           `json:"least_readings"` // a journey of fewer readings is not judged by itself
	Neighbours int           `json:"neighbours"`     // windows to which the mean distance counts
	Gap        int64         `json:"gap"`            // a pause longer than so many usual intervals: no window lies across it
	Floor      int64         `json:"spread_floor"`   // least spread, in thousandths of the quantity's unit

	// Thresholds in millionths. Without a reference a statistic is held against so many times what is usual
	// in the journey itself: a reading's distance from the median, a window's from its nearest ones,
	// a window's residual.
	Energy   int64 `json:"energy_threshold"`
	Discord  int64 `json:"discord_threshold"`
	Residual int64 `json:"residual_threshold"`
	// With one, every statistic is held against the accepted journeys' centre and so many of their spreads.
	Lane int64 `json:"lane_threshold"`
}

// Default gives the parameters that are measured and documented, for a temperature.
func Default() Params {
	return Params{
		Window: 3_600_000, Smooth: 600_000, Least: 24, Neighbours: 3, Gap: 16, Floor: 100,
		Energy: 7 * one, Discord: 12 * one, Residual: 12 * one, Lane: 7 * one,
	}
}

// Valid reports whether a journey can be judged by the parameters.
func (p Params) Valid() bool {
	const limit = 1_000 * one
	threshold := func(v int64) bool { return v > 0 && v <= limit }
	return p.Window > 0 && p.Smooth >= 0 && p.Smooth <= p.Window && p.Least >= 8 && p.Least <= Most &&
		p.Neighbours >= 1 && p.Neighbours <= mostNeighbours && p.Gap >= 1 && p.Gap <= one &&
		p.Floor > 0 && p.Floor <= most &&
		threshold(p.Energy) && threshold(p.Discord) && threshold(p.Residual) && threshold(p.Lane)
}

// Readings are a journey's readings of one channel, in order of time: values in thousandths of the
// quantity's unit.
type Readings struct {
	Times  []ledger.Millis
	Values []int32
}

func (r Readings) valid() error {
	if len(r.Times) != len(r.Values) {
		return fmt.Errorf("%w: %d times, %d values", ErrReadings, len(r.Times), len(r.Values))
	}
	if len(r.Times) > Most {
		return fmt.Errorf("%w: %d, at most %d", ErrReadings, len(r.Times), Most)
	}
	for i := 1; i < len(r.Times); i++ {
		if r.Times[i] < r.Times[i-1] {
			return fmt.Errorf("%w: time goes back at reading %d", ErrReadings, i)
		}
	}
	// A difference of times must be a number too.
	if n := len(r.Times); n > 0 && (r.Times[0] < -mostTime || r.Times[n-1] > mostTime) {
		return fmt.Errorf("%w: time beyond ±2^52 ms", ErrReadings)
	}
	return nil
}

const mostTime = 1 << 52

// Statistic is the largest value of one statistic over the journey.
type Statistic struct {
	Name string
	// Ratio is the statistic over its threshold in millionths; 1,000,000 and above is an alarm.
	Ratio int64
	// Value is what was found and Limit what it was held against, in thousandths of the unit: the
	// root mean square distance of a window from the journey's median (energy) or from its nearest
	// windows (discord), or the distance of a window's mean from what lies around it (residual) or
	// from the lane's accepted journeys (reference distance). The last two are below zero where the
	// readings lie lower.
	Value, Limit int64
	// From and To are the times of the first and the last reading of the window, First and Last
	// their numbers, and Peak the number of the one that adds the most.
	From, To          ledger.Millis
	First, Last, Peak int
}

// Signal tells the statistic as detectors do.
func (s Statistic) Signal() detect.Signal {
	return detect.Signal{
		Code: s.Name, Subject: detect.SubjectChain, Ratio: s.Ratio, From: s.From, To: s.To,
		Value: s.Value, Limit: s.Limit, Count: int64(s.Last - s.First + 1),
	}
}

// Result is the judgement of a journey.
type Result struct {
	// Statistics are those that could be taken, each once, in the order of their constants. The first
	// three are missing from a journey of fewer than Params.Least readings, or with so many pauses
	// that no window is free of them; the last where no reference was given.
	Statistics []Statistic
	// Window is how many readings the windows had, 0 where the first three are missing.
	Window int
}

// Judge judges a journey, with reference to accepted ones of the same lane and product where ref is
// not nil. It takes time quadratic in the number of readings.
func Judge(p Params, r Readings, ref *Reference) (Result, error) {
	if !p.Valid() {
		return Result{}, ErrParams
	}
	if err := r.valid(); err != nil {
		return Result{}, err
	}
	if ref != nil && !ref.Valid() {
		return Result{}, ErrReference
	}
	var out Result
	if w, ok := newWindows(p, r, ref); ok {
		out.Window = w.width
		for _, statistic := range []func() (Statistic, bool){w.energy, w.discord, w.residual} {
			if s, told := statistic(); told {
				out.Statistics = append(out.Statistics, s)
			}
		}
	}
	if ref != nil {
		if s, told := ref.distance(p, r); told {
			out.Statistics = append(out.Statistics, s)
		}
	}
	return out, nil
}

// windows are the journey's windows of equally many readings, each by its first reading.
type windows struct {
	params Params
	lane   Reference // zero: there is none
	times  []ledger.Millis
	values []int64 // from the median, at most ±most
	width  int
	smooth int
	broken []bool // windows that lie across a pause
	whole  int    // windows that do not
}

func newWindows(p Params, r Readings, ref *Reference) (*windows, bool) {
	n := len(r.Values)
	if n < p.Least {
		return nil, false
	}
	gaps := make([]int64, n-1)
	for i := range gaps {
		gaps[i] = int64(r.Times[i+1] - r.Times[i])
	}
	sorted := slices.Clone(gaps)
	usual := max(1, median(sorted))
	// A window is at most a quarter of the journey, so that there is a rest to compare it with.
	width := int(max(4, min(int64(p.Window)/usual, int64(n/4), mostWindow)))
	w := &windows{
		params: p, times: r.Times, values: make([]int64, n), width: width,
		smooth: int(max(1, min(int64(p.Smooth)/usual, int64(width)))),
		broken: make([]bool, n-width+1),
	}
	if ref != nil {
		w.lane = *ref
	}
	for i, v := range r.Values {
		w.values[i] = int64(v)
	}
	middle := median(slices.Clone(w.values))
	for i, v := range w.values {
		w.values[i] = max(-most, min(most, v-middle))
	}
	since := 0 // readings since the last pause
	for i := range n {
		if i > 0 && gaps[i-1]/p.Gap >= usual && gaps[i-1] > p.Gap*usual {
			since = 0
		}
		since++
		if first := i - width + 1; first >= 0 {
			w.broken[first] = since < width
			if since >= width {
				w.whole++
			}
		}
	}
	return w, w.whole > 0
}

// statistic is the one of a window. What the lane's accepted journeys came to, where that is known,
// is what a value is held against, and the journey's own spread where it is not: on a short journey
// the very thing that is looked for makes its spread wide.
func (w *windows) statistic(name string, first int, value float64, lane Usual, spread float64, threshold int64) Statistic {
	last := first + w.width - 1
	s := Statistic{
		Name: name, First: first, Last: last, Peak: first, From: w.times[first], To: w.times[last],
		Value: int64(math.RoundToEven(value)),
	}
	centre := 0.0
	if lane != (Usual{}) {
		threshold = w.params.Lane
		centre, spread = float64(lane.Centre), float64(max(w.params.Floor, lane.Spread))
	}
	allowed := float64(spread*float64(threshold)) / one
	s.Limit = int64(math.RoundToEven(centre + allowed))
	s.Ratio = ratio(max(value, -value)-centre, allowed)
	return s
}

// ratio is a/b in millionths, b above 0.
func ratio(a, b float64) int64 { return int64(max(0, min(mostRatio, float64(a*one)/b))) }

// spread is the median distance of values from zero, as a standard deviation, and at least the floor.
func (p Params) spread(distances []int64) float64 {
	return max(float64(p.Floor), float64(1.4826*float64(median(distances))))
}

// energy finds the window with the largest sum of squares about the journey's median.
func (w *windows) energy() (Statistic, bool) {
	var sum int64
	best, at := int64(-1), 0
	sizes := make([]int64, len(w.values))
	for i, v := range w.values {
		sizes[i] = max(v, -v)
		sum += v * v
		if i >= w.width {
			old := w.values[i-w.width]
			sum -= old * old
		}
		if first := i - w.width + 1; first >= 0 && !w.broken[first] && sum > best {
			best, at = sum, first
		}
	}
	rms := math.Sqrt(float64(best) / float64(w.width))
	s := w.statistic(WindowEnergy, at, rms, w.lane.Energy, w.params.spread(slices.Clone(sizes)), w.params.Energy)
	for i := s.First; i <= s.Last; i++ {
		if sizes[i] > sizes[s.Peak] {
			s.Peak = i
		}
	}
	return s, best >= 0
}

// median sorts v. Of an even number it is the lower of the two in the middle, so that it is one of them.
func median(v []int64) int64 {
	slices.Sort(v)
	return v[(len(v)-1)/2]
}
