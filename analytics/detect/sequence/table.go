package sequence

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// ErrTable says that a table or its parameters are malformed.
var ErrTable = errors.New("WB_LANES: malformed lane table")

// Bounds of a table.
const (
	MaxLanes       = 1_024
	maxLegs        = 64
	maxTransitions = 64
	maxPlaces      = 64
	maxJourneys    = 1 << 30
)

// Params are the parameters of a sequence's judgements, in millionths.
type Params struct {
	// Threshold is how many spreads off the centre a dwell's logarithm is at an alarm.
	Threshold int64 `json:"threshold"`
	// SpreadFloor is the least spread of a dwell's logarithm.
	SpreadFloor int64 `json:"spread_floor"`
	// Rare is the share of accepted shipments at which a step or place is an alarm.
	Rare int64 `json:"rare"`
	// Least is how many accepted shipments a lane, and each of its legs, rests on.
	Least int `json:"least"`
}

// DefaultParams ask for six robust spreads, of a twentieth at least, and a share of one in a hundred.
func DefaultParams() Params {
	return Params{Threshold: 6 * million, SpreadFloor: 50_000, Rare: 10_000, Least: 20}
}

func (p *Params) valid() bool {
	// The last of the first line keeps a bound, by which a dwell is divided, from rounding to zero.
	return p.Threshold > 0 && p.Threshold <= 1_000*million && p.SpreadFloor >= 1_000 && p.SpreadFloor <= 10*million && p.SpreadFloor*p.Threshold >= million &&
		p.Rare > 0 && p.Rare < million && p.Least > 0
}

// LaneTable is what is known of lanes.
type LaneTable struct {
	Params Params `json:"params"`
	Lanes  []Lane `json:"lanes,omitempty"` // by key
}

// Lane is what accepted shipments of a lane did.
type Lane struct {
	Lane        string       `json:"lane"` // see LaneKey
	Journeys    int          `json:"journeys"`
	Legs        []Leg        `json:"legs"`        // by From, Place and To
	Transitions []Transition `json:"transitions"` // by From and To
	Places      []Place      `json:"places"`      // by Place
}

// Leg is the time between two steps of which the first was made at a place.
type Leg struct {
	From     string `json:"from"`
	Place    string `json:"place"`
	To       string `json:"to"`
	Journeys int    `json:"journeys"`
	Centre   int64  `json:"centre"` // median of ln(1 + minutes), in millionths
	Spread   int64  `json:"spread"` // 1.4826 times the median deviation from it
}

// Transition is one step following another; no step before the first and after the last.
type Transition struct {
	From     string `json:"from"`
	To       string `json:"to"`
	Journeys int    `json:"journeys"` // that made it
	Of       int    `json:"of"`       // that made the step From at all
}

// Place is a place on the lane.
type Place struct {
	Place    string `json:"place"`
	Journeys int    `json:"journeys"`
}

func compareLegs(a, b Leg) int {
	return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Place, b.Place), cmp.Compare(a.To, b.To))
}

func compareTransitions(a, b Transition) int {
	return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
}

func (t *LaneTable) lane(key string) *Lane {
	if t == nil || key == "" {
		return nil
	}
	i, found := slices.BinarySearchFunc(t.Lanes, key, func(l Lane, key string) int { return cmp.Compare(l.Lane, key) })
	if !found {
		return nil
	}
	return &t.Lanes[i]
}

func (l *Lane) leg(from, place, to string) *Leg {
	i, found := slices.BinarySearchFunc(l.Legs, Leg{From: from, Place: place, To: to}, compareLegs)
	if !found {
		return nil
	}
	return &l.Legs[i]
}

// Check says whether the table is one that Fit makes. The error is ErrTable.
func (t *LaneTable) Check() error {
	if !t.Params.valid() || len(t.Lanes) > MaxLanes {
		return fmt.Errorf("%w: parameters %+v, %d lanes", ErrTable, t.Params, len(t.Lanes))
	}
	for i := range t.Lanes {
		l := &t.Lanes[i]
		if i > 0 && t.Lanes[i-1].Lane >= l.Lane || len(l.Lane) > 2*MaxText+3 || l.Journeys < 1 || l.Journeys > maxJourneys ||
			len(l.Legs) > maxLegs || len(l.Transitions) > maxTransitions || len(l.Places) > maxPlaces {
			return fmt.Errorf("%w: lane %q", ErrTable, l.Lane)
		}
		for k := range l.Legs {
			g := &l.Legs[k]
			if k > 0 && compareLegs(l.Legs[k-1], *g) >= 0 || g.Journeys < 1 || g.Centre < 0 || g.Centre > 100*million || g.Spread < 0 || g.Spread > 100*million {
				return fmt.Errorf("%w: leg %q to %q of lane %q", ErrTable, g.From, g.To, l.Lane)
			}
		}
		for k, c := range l.Transitions {
			if k > 0 && compareTransitions(l.Transitions[k-1], c) >= 0 || c.Journeys < 0 || c.Journeys > c.Of || c.Of > l.Journeys {
				return fmt.Errorf("%w: transition %q to %q of lane %q", ErrTable, c.From, c.To, l.Lane)
			}
		}
		for k, c := range l.Places {
			if k > 0 && l.Places[k-1].Place >= c.Place || c.Journeys < 1 || c.Journeys > l.Journeys {
				return fmt.Errorf("%w: place %q of lane %q", ErrTable, c.Place, l.Lane)
			}
		}
	}
	return nil
}

// Fit makes the table of accepted shipments' steps, each list as Sequence.Steps gives it. Lanes of fewer
// shipments than p.Least are left out; of more than MaxLanes, and of more legs, transitions or places
// than a lane holds, the most frequent stay. The error is ErrTable.
//
// A tenth of poisoned shipments moves the median and the median deviation of a dwell to no more than
// the honest shipments' quantiles 0.44 or 0.56 and their like. What a tenth of the shipments did
// alike counts as a habit of a tenth of them: a share is no alarm above p.Rare, yet stays unusual.
func Fit(shipments [][]Step, p Params) (LaneTable, error) {
	t := LaneTable{Params: p}
	if !p.valid() {
		return t, fmt.Errorf("%w: parameters %+v", ErrTable, p)
	}
	byLane := map[string][]int{}
	for i, steps := range shipments {
		if key := laneOf(steps); key != "" && len(steps) <= MaxSteps && !slices.ContainsFunc(steps, func(s Step) bool { return s.Name == "" }) {
			byLane[key] = append(byLane[key], i)
		}
	}
	for key, of := range byLane {
		if len(of) >= p.Least {
			t.Lanes = append(t.Lanes, fitLane(key, shipments, of))
		}
	}
	slices.SortFunc(t.Lanes, func(a, b Lane) int {
		return cmp.Or(cmp.Compare(b.Journeys, a.Journeys), cmp.Compare(a.Lane, b.Lane))
	})
	t.Lanes = t.Lanes[:min(len(t.Lanes), MaxLanes)]
	slices.SortFunc(t.Lanes, func(a, b Lane) int { return cmp.Compare(a.Lane, b.Lane) })
	return t, t.Check()
}

func fitLane(key string, shipments [][]Step, of []int) Lane {
	l := Lane{Lane: key, Journeys: len(of)}
	dwells := map[Leg][]int64{}
	follows := map[Transition]int{}
	made := map[string]int{}
	places := map[string]int{}
	for _, i := range of {
		steps := shipments[i]
		// A shipment counts once, however often it did the same.
		legs, pairs, froms, stood := map[Leg]bool{}, map[Transition]bool{}, map[string]bool{}, map[string]bool{}
		before := ""
		for k := range steps {
			s := &steps[k]
			pairs[Transition{From: before, To: s.Name}], froms[before] = true, true
			if s.Place != "" {
				stood[s.Place] = true
			}
			if k > 0 {
				leg := Leg{From: before, Place: steps[k-1].Place, To: s.Name}
				if !legs[leg] {
					legs[leg] = true
					dwells[leg] = append(dwells[leg], rescaled(int64(s.At-steps[k-1].At)))
				}
			}
			before = s.Name
		}
		pairs[Transition{From: before}], froms[before] = true, true
		for v := range pairs {
			follows[v]++
		}
		for v := range froms {
			made[v]++
		}
		for v := range stood {
			places[v]++
		}
	}
	for leg, values := range dwells {
		leg.Journeys = len(values)
		leg.Centre = median(values)
		for i, v := range values {
			values[i] = max(v-leg.Centre, leg.Centre-v)
		}
		leg.Spread = median(values) * 14_826 / 10_000
		l.Legs = append(l.Legs, leg)
	}
	for v, n := range follows {
		v.Journeys, v.Of = n, made[v.From]
		l.Transitions = append(l.Transitions, v)
	}
	for v, n := range places {
		l.Places = append(l.Places, Place{v, n})
	}
	l.Legs = frequent(l.Legs, maxLegs, func(v Leg) int { return v.Journeys }, compareLegs)
	l.Transitions = frequent(l.Transitions, maxTransitions, func(v Transition) int { return v.Journeys }, compareTransitions)
	l.Places = frequent(l.Places, maxPlaces, func(v Place) int { return v.Journeys }, func(a, b Place) int { return cmp.Compare(a.Place, b.Place) })
	return l
}

// frequent keeps the most frequent of values, in their own order.
func frequent[T any](values []T, limit int, count func(T) int, order func(a, b T) int) []T {
	slices.SortFunc(values, func(a, b T) int { return cmp.Or(cmp.Compare(count(b), count(a)), order(a, b)) })
	values = values[:min(len(values), limit)]
	slices.SortFunc(values, order)
	return values
}

func median(v []int64) int64 {
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
