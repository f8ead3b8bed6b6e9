package journey

import (
	"fmt"
	"math"
	"slices"
)

const (
	parts        = 32   // of a journey's duration
	leastFitted  = 5    // journeys
	mostFitted   = 1000 // journeys
	consistent   = 14826
	consistentBy = 10_000
)

// Reference is the profile of a lane's accepted journeys: what a channel reads in each part of the
// journey's duration. It is part of the model, and its integers have one form.
type Reference struct {
	Journeys int     `json:"journeys"` // that it was fitted to
	Parts    []Usual `json:"parts"`    // of equal length: means of the readings in them
	// What the journeys' own windows came to; all zero where too few journeys have enough readings.
	Energy   Usual `json:"window_energy"`
	Discord  Usual `json:"discord"`
	Residual Usual `json:"window_residual"`
}

// Usual is where a number lies on the accepted journeys, in thousandths of the quantity's unit.
type Usual struct {
	Centre int64 `json:"centre"` // median over the journeys
	Spread int64 `json:"spread"` // median distance from it, as a standard deviation; 0 or more
}

// Valid reports whether a reference is one that Fit can give.
func (r Reference) Valid() bool {
	if r.Journeys < leastFitted || r.Journeys > mostFitted || len(r.Parts) != parts {
		return false
	}
	valid := func(u Usual) bool { return size(u.Centre) <= 1<<32 && u.Spread >= 0 && u.Spread <= 1<<34 }
	for _, p := range r.Parts {
		if !valid(p) {
			return false
		}
	}
	return valid(r.Energy) && valid(r.Discord) && valid(r.Residual)
}

// usual is a robust centre and spread; it sorts v.
func usual(v []int64) Usual {
	centre := median(v)
	away := make([]int64, len(v))
	for i, x := range v {
		away[i] = size(x - centre)
	}
	return Usual{Centre: centre, Spread: median(away) * consistent / consistentBy}
}

// Fit makes the reference of 5 to 1,000 accepted journeys of a lane and product. Medians carry it, so that
// accepted journeys of which a tenth should not have been hardly move it. Journeys that later
// calibrate the distance must not be among them, or they lie nearer than new ones do.
func Fit(p Params, journeys []Readings) (Reference, error) {
	if !p.Valid() {
		return Reference{}, ErrParams
	}
	if len(journeys) > mostFitted {
		return Reference{}, fmt.Errorf("%w: %d journeys, at most %d", ErrReference, len(journeys), mostFitted)
	}
	var means [parts][]int64
	var energy, discord, residual []int64
	fitted := 0
	for i, j := range journeys {
		if err := j.valid(); err != nil {
			return Reference{}, fmt.Errorf("journey %d: %w", i, err)
		}
		if len(j.Values) == 0 {
			continue
		}
		fitted++
		for b, s := range profile(j) {
			if s.count > 0 {
				means[b] = append(means[b], s.mean())
			}
		}
		if w, ok := newWindows(p, j, nil); ok {
			if s, told := w.energy(); told {
				energy = append(energy, size(s.Value))
			}
			if s, told := w.discord(); told {
				discord = append(discord, size(s.Value))
			}
			if s, told := w.residual(); told {
				residual = append(residual, size(s.Value))
			}
		}
	}
	if fitted < leastFitted {
		return Reference{}, fmt.Errorf("%w: %d journeys with readings, at least %d", ErrReference, fitted, leastFitted)
	}
	out := Reference{Journeys: fitted, Parts: make([]Usual, parts)}
	for _, own := range []struct {
		to     *Usual
		values []int64
	}{{&out.Energy, energy}, {&out.Discord, discord}, {&out.Residual, residual}} {
		if len(own.values) >= leastFitted && 2*len(own.values) >= fitted {
			*own.to = usual(own.values)
		}
	}
	known := make([]bool, parts)
	spreads := make([]int64, 0, parts)
	for b, m := range means {
		// A part in which most journeys have no reading is told by its neighbours.
		if len(m) < leastFitted || 2*len(m) < fitted {
			continue
		}
		known[b] = true
		out.Parts[b] = usual(m)
		spreads = append(spreads, out.Parts[b].Spread)
	}
	if !slices.Contains(known, true) {
		return Reference{}, fmt.Errorf("%w: no part of the journey in which most have readings", ErrReference)
	}
	// The spread of one part rests on few numbers; that of most of them is the least it can be.
	least := median(spreads)
	for b := range out.Parts {
		if known[b] {
			out.Parts[b].Spread = max(least, out.Parts[b].Spread)
		}
	}
	for b := range out.Parts {
		for d := 1; !known[b] && d < parts; d++ {
			if b-d >= 0 && known[b-d] {
				out.Parts[b] = out.Parts[b-d]
				break
			}
			if b+d < parts && known[b+d] {
				out.Parts[b] = out.Parts[b+d]
				break
			}
		}
	}
	return out, nil
}

// share is what a journey reads in a part of its duration.
type share struct {
	sum         int64
	count       int64
	first, last int // readings
}

func (s share) mean() int64 { return nearestQuotient(s.sum, s.count) }

func profile(r Readings) [parts]share {
	var out [parts]share
	n := len(r.Times)
	if n == 0 {
		return out
	}
	// Times are at most 2^52 from zero, so that no product overflows.
	whole := int64(r.Times[n-1]-r.Times[0]) + 1
	for i, v := range r.Values {
		p := &out[int64(r.Times[i]-r.Times[0])*parts/whole]
		if p.count == 0 {
			p.first = i
		}
		p.sum += int64(v)
		p.count++
		p.last = i
	}
	return out
}

// distance finds the part that lies farthest from the accepted journeys, and the stretch about it
// that lies on the same side at least half as far.
func (r Reference) distance(p Params, j Readings) (Statistic, bool) {
	shares := profile(j)
	away := make([]float64, parts) // in spreads
	best := -1
	for b, s := range shares {
		if s.count == 0 {
			continue
		}
		away[b] = float64(s.mean()-r.Parts[b].Centre) / float64(max(p.Floor, r.Parts[b].Spread))
		if best < 0 || math.Abs(away[b]) > math.Abs(away[best]) {
			best = b
		}
	}
	if best < 0 {
		return Statistic{}, false
	}
	s := Statistic{Name: ReferenceDistance, First: shares[best].first, Last: shares[best].last}
	like := func(b int) bool {
		return shares[b].count > 0 && away[b]*away[best] > 0 && 2*math.Abs(away[b]) >= math.Abs(away[best])
	}
	for b := best - 1; b >= 0 && like(b); b-- {
		s.First = shares[b].first
	}
	for b := best + 1; b < parts && like(b); b++ {
		s.Last = shares[b].last
	}
	s.Peak = shares[best].first
	for i := s.Peak; i <= shares[best].last; i++ {
		if away[best] < 0 && j.Values[i] < j.Values[s.Peak] || away[best] >= 0 && j.Values[i] > j.Values[s.Peak] {
			s.Peak = i
		}
	}
	s.From, s.To = j.Times[s.First], j.Times[s.Last]
	spread := float64(max(p.Floor, r.Parts[best].Spread))
	s.Value = shares[best].mean() - r.Parts[best].Centre
	allowed := float64(spread*float64(p.Lane)) / one
	s.Limit, s.Ratio = int64(math.RoundToEven(allowed)), ratio(float64(size(s.Value)), allowed)
	return s, true
}
