// Package series scores a single unlabelled series of readings as it streams: how unlike its own
// past is each reading? It knows no unit and no product; a scorer learns from the series alone,
// looks at nothing after the reading it judges, keeps bounded state that can be saved and restored
// at any point, and gives the same bits on every machine. It may import ledger, analytics/canon and
// analytics/coldchain (for exp and ln); no clock, no randomness, no gonum, and of math only what is
// exact everywhere.
//
// Two detectors look at each reading. Shape is the mean distance of the last readings, a shingle
// whitened by the covariance of all shingles so far, to its nearest neighbours among lagged shingles of
// the past (after Burnaev and Ishimtsev 2016, KNN-CAD). Season is the distance to the nearest of
// the past days' values at the same time of the day. What either says is turned into a tail
// probability by the largest values of past blocks of readings and an exponential tail beyond them
// (Hill 1975), and the two are joined by the truncated product (Zaykin et al. 2002). After a
// detection only what is clearly less probable is another one. Why these and no others: adr/001.
package series

import (
	"errors"
	"math"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/coldchain"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

const (
	// largest is the largest value that is taken.
	largest = 1e300
	// grid are the steps of a unit that normalised values are counted in, and largestStep the most of them.
	grid        = 1 << 20
	largestStep = 1 << 60
)

// Errors of this package.
var (
	// ErrSettings says that no scorer can run on the settings.
	ErrSettings = errors.New("WB_SETTINGS: settings of the series scorer")
	// ErrValue says that a value is not a number, infinite or beyond ±1e300. Nothing was observed.
	ErrValue = errors.New("WB_VALUE: not a finite number")
)

// Settings are the sizes of a scorer. They are one configuration for every series: nothing in them
// depends on what is measured or how often.
type Settings struct {
	Warmup     int // readings that found the origin and the unit of the series
	Shingle    int // readings in a shingle, and the lag before one may be a reference
	Neighbours int // nearest references whose mean distance counts
	References int // shingles kept, the oldest go
	Every      int // readings from one reference to the next
	Refit      int // readings from one fit of the whitening to the next
	Shrink     float64
	Gap        int64 // a pause longer than so many usual intervals begins a new shingle

	Bins int // parts of a day
	Days int // past days that a time of the day remembers

	Block      int     // readings in a block
	Blocks     int     // blocks that calibrate, the oldest go
	MinBlocks  int     // blocks before anything is said
	Top        int     // largest blocks that fit the tail
	Refractory int     // readings in which only something clearly less probable is told again
	Clearly    float64 // that much more of -ln p
	Notable    float64 // -ln p from which on a reading begins a refractory period
	AlarmP     float64 // an alarm's p is at most this

	NoShape, NoSeason, NoTogether bool // leave a detector out, for measuring what it is worth
}

// Default is the configuration that is measured and documented.
func Default() Settings {
	return Settings{
		Warmup: 32, Shingle: 16, Neighbours: 5, References: 400, Every: 5, Refit: 50, Shrink: 0.01, Gap: 16,
		Bins: 96, Days: 7,
		Block: 50, Blocks: 320, MinBlocks: 4, Top: 10, Refractory: 200, Clearly: 1, Notable: 1, AlarmP: 1e-5,
	}
}

// Compact is Default with a quarter of the references, half as dense, and half of the blocks: for
// services that hold many series at once. It takes half of the time and of the memory; what that
// costs is measured in adr/001.
func Compact() Settings {
	s := Default()
	s.References, s.Every, s.Blocks = 100, 10, 160
	return s
}

// Valid reports whether a scorer can run on the settings.
func (s Settings) Valid() bool {
	within := func(v, least, most int) bool { return v >= least && v <= most }
	return within(s.Warmup, 2, 256) && within(s.Shingle, 2, 48) && within(s.Neighbours, 1, maxNeighbours) &&
		within(s.References, s.Neighbours, 1000) && within(s.Every, 1, 1000) && s.References*s.Every <= 20_000 && within(s.Refit, 1, 100_000) &&
		s.Shrink > 0 && s.Shrink <= 1 && s.Gap >= 1 && s.Gap <= 1_000_000 &&
		within(s.Bins, 1, 1440) && within(s.Days, 1, 31) && s.Bins*s.Days <= 10_000 &&
		within(s.Block, 1, 10_000) && within(s.Blocks, s.MinBlocks, 4000) && within(s.MinBlocks, 2, 4000) &&
		within(s.Top, 1, maxTop) && within(s.Refractory, 0, 1_000_000) && s.Clearly >= 0 && s.Notable >= 0 &&
		s.AlarmP > 0 && s.AlarmP < 1
}

// Reason says in one word what is unusual about a reading. It is part of the verdict's vocabulary:
// codes are added, never renamed.
type Reason string

// The reasons.
const (
	None      Reason = ""
	LevelUp   Reason = "level_up"        // the last readings together lie higher than any alike
	LevelDown Reason = "level_down"      // or lower
	JumpUp    Reason = "jump_up"         // the last one or two readings do
	JumpDown  Reason = "jump_down"       //
	Rougher   Reason = "spread_up"       // the readings scatter more than what is nearest to them
	Smoother  Reason = "spread_down"     // or less
	NewShape  Reason = "new_shape"       // none of these, and not seen before
	OffSeason Reason = "off_time_of_day" // no past day had such a value at this time of the day
	Apart     Reason = "channels_apart"  // each channel is usual by itself, and they do not fit each other
	Flatline  Reason = "flatline"        // one value repeats far longer than it ever did: the sensor, not the goods
)

// Result is what a reading got.
type Result struct {
	// Score is in [0,1] and orders readings by how much speaks against them together: s/(s+a) of
	// s, -ln of the truncated product of what the detectors say, and a = -ln AlarmP. It is 0 where
	// nothing is unusual, or nothing clearly more so than what was just told.
	Score float64
	// P is how probable a reading at least this unusual is within a block of Settings.Block
	// readings, as far as the series' own past tells, however the detectors depend on each other
	// (Bonferroni). It is 1 where nothing stands out, and before enough was seen. Up to the largest of
	// the past's blocks it is calibrated on them; beyond them it is a model.
	P float64
	// Shape and Season are the detectors' parts, -ln of their probabilities, 0 where nothing stands out.
	Shape, Season float64
	// Alarm says that P is at most AlarmP, and that there was no alarm in a refractory period before.
	Alarm  bool
	Reason Reason
}

// Scorer scores one series.
type Scorer struct {
	set   Settings
	alarm float64 // -ln AlarmP

	seen  int64 // readings
	base  float64
	unit  float64
	warm  []pending // until Warmup
	last  ledger.Millis
	every float64 // usual interval, milliseconds

	shape      shape
	season     season
	shapeTail  tail
	seasonTail tail

	value          float64 // of the last reading
	repeats        int64   // readings before the last that had the same
	longestRepeats int64   // of any value before

	index int64   // readings scored
	told  int64   // index of the last notable one, 0 for none
	hold  float64 // its -ln p

	alarmed int64 // index of the last alarm, 0 for none
}

type pending struct {
	at    ledger.Millis
	value float64
}

// New starts a scorer. It takes memory as the series gets longer, up to its bounds.
func New(s Settings) (*Scorer, error) {
	if !s.Valid() {
		return nil, ErrSettings
	}
	return &Scorer{
		set: s, alarm: -coldchain.Ln(s.AlarmP), warm: make([]pending, 0, s.Warmup),
		shape: newShape(s), season: newSeason(s), shapeTail: newTail(s), seasonTail: newTail(s),
	}, nil
}

// Observe takes the next reading of the series and scores it. Times should not go back; where they
// repeat or do, a logger's clock was set, and the series goes on from there. A value that is
// missing is not observed at all.
func (s *Scorer) Observe(at ledger.Millis, value float64) (Result, error) {
	if !(value >= -largest && value <= largest) {
		return Result{P: 1}, ErrValue
	}
	s.seen++
	if s.seen == 1 {
		s.base, s.last = value, at
	}
	if s.unit == 0 {
		s.warm = append(s.warm, pending{at, value})
		if len(s.warm) < s.set.Warmup && s.seen <= int64(s.set.Warmup) {
			return Result{P: 1}, nil
		}
		// The unit of the series is how far it went from its first value while it warmed up, or the
		// first step it took if it was constant for longer. Counted in it from its first value, a
		// series looks the same however it was scaled and shifted.
		for _, p := range s.warm {
			s.unit = max(s.unit, max(p.value-s.base, s.base-p.value))
		}
		var r Result
		for _, p := range s.warm {
			r = s.next(p.at, s.normal(p.value))
		}
		s.warm = s.warm[:0]
		return r, nil
	}
	return s.next(at, s.normal(value)), nil
}

// normal counts a value in units from the origin, on a grid of 2^-20, so that the rounding of a
// scaled or shifted series is rounded away; at most 2^40 units.
func (s *Scorer) normal(value float64) float64 {
	if s.unit == 0 {
		return 0
	}
	const most = largestStep / grid
	v := (value - s.base) / s.unit
	v = max(-most, min(most, v))
	// Adding nothing makes one zero of the two.
	return float64(math.RoundToEven(float64(v*grid))/grid) + 0
}

// next scores a normalised reading.
func (s *Scorer) next(at ledger.Millis, v float64) Result {
	s.index++
	if s.pause(at) {
		s.shape.restart()
	}
	r := Result{P: 1}
	flat := s.flat(v)
	if flat {
		r.Reason = Flatline
	}
	var nearest int
	if !s.set.NoShape {
		distance, n, ok := s.shape.observe(v)
		if ok {
			r.Shape = s.shapeTail.observe(distance)
			nearest = n
		}
	}
	if !s.set.NoSeason {
		if distance, ok := s.season.observe(at, v); ok {
			r.Season = s.seasonTail.observe(distance)
		}
	}
	sum := r.Shape + r.Season
	if sum == 0 {
		return r
	}
	if !flat {
		r.Reason = s.reason(r, nearest)
	}
	shapeShare, seasonShare := s.shapeTail.share(), s.seasonTail.share()
	r.P = coldchain.Exp(-max(r.Shape, r.Season))
	if shapeShare > 0 && seasonShare > 0 {
		r.P = min(1, 2*r.P)
	}
	if r.P <= s.set.AlarmP && (s.alarmed == 0 || s.index-s.alarmed >= int64(s.set.Refractory)) {
		r.Alarm, s.alarmed = true, s.index
	}
	unlikely := -coldchain.Ln(product(sum, shapeShare, seasonShare))
	if s.told > 0 && s.index-s.told < int64(s.set.Refractory) && unlikely < s.hold+s.set.Clearly {
		return r
	}
	if unlikely > s.set.Notable {
		s.hold, s.told = unlikely, s.index
	}
	r.Score = unlikely / (unlikely + s.alarm)
	return r
}

// pause follows the usual interval, a running median, and tells whether the series was interrupted
// before this reading.
func (s *Scorer) pause(at ledger.Millis) bool {
	passed := at - s.last
	s.last = at
	if passed <= 0 {
		return passed < 0
	}
	d := float64(passed)
	if s.every == 0 {
		s.every = d
		return false
	}
	long := d > float64(float64(s.set.Gap)*s.every)
	if d > s.every {
		s.every = float64(s.every * 1.05)
	} else {
		s.every = float64(s.every * 0.95)
	}
	return long
}

// flat tells whether a value repeats longer than values of this series do. It asks for no score: as a
// third detector it found nothing and cost false alarms (adr/001).
func (s *Scorer) flat(v float64) bool {
	if s.index == 1 || v != s.value {
		s.longestRepeats = max(s.longestRepeats, s.repeats)
		s.value, s.repeats = v, 0
		return false
	}
	s.repeats++
	return s.unit > 0 && s.repeats >= int64(s.set.Block) && s.repeats > 4*s.longestRepeats
}

// product is the probability that two independent p-values, of which only those at most shareA and
// shareB count, have a product of at most exp(-sum).
func product(sum, shareA, shareB float64) float64 {
	p := coldchain.Exp(-sum)
	one := float64((1-shareB)*min(shareA, p)) + float64((1-shareA)*min(shareB, p))
	both := float64(shareA * shareB)
	if both > 0 && p < both {
		both = float64(p * (1 + sum + coldchain.Ln(both)))
	}
	// The floor keeps -ln p finite; sums beyond it are told by Shape and Season.
	return max(1e-290, min(1, one+both))
}

func (s *Scorer) reason(r Result, nearest int) Reason {
	if r.Season > 2*r.Shape {
		return OffSeason
	}
	return s.shape.reason(nearest)
}

// Bytes is how much memory the scorer holds, but for less than a kilobyte.
func (s *Scorer) Bytes() int {
	h := &s.shape
	floats := cap(h.past) + cap(h.mean) + cap(h.cov) + cap(h.chol) + cap(h.history) + cap(h.white) + cap(h.now) + cap(h.deviation) +
		cap(h.best) + cap(s.season.mean) + cap(s.shapeTail.max) + cap(s.shapeTail.top) + cap(s.seasonTail.max) + cap(s.seasonTail.top)
	integers := cap(h.from) + cap(h.bestAt) + 2*cap(s.warm)
	return 8*(floats+integers) + cap(s.season.held) + cap(s.season.turn)
}

// Code writes or reads the state. The settings are not part of it: restore into a scorer made with
// the same ones.
func (s *Scorer) Code(c *canon.Coder) {
	canon.Int(c, &s.seen)
	number(c, &s.base, largest)
	number(c, &s.unit, 2*largest)
	n := c.Len(len(s.warm), s.set.Warmup)
	if c.Reading() {
		s.warm = s.warm[:n]
	}
	for i := range s.warm {
		canon.Int(c, &s.warm[i].at)
		number(c, &s.warm[i].value, largest)
	}
	canon.Int(c, &s.last)
	number(c, &s.every, greatest)
	s.shape.code(c)
	s.season.code(c)
	s.shapeTail.code(c)
	s.seasonTail.code(c)
	number(c, &s.value, greatest)
	canon.Int(c, &s.repeats)
	canon.Int(c, &s.longestRepeats)
	canon.Int(c, &s.index)
	canon.Int(c, &s.told)
	number(c, &s.hold, greatest)
	canon.Int(c, &s.alarmed)
	if s.seen < 0 || s.unit < 0 || s.every < 0 || s.repeats < 0 || s.longestRepeats < 0 || s.index < 0 {
		c.Fail("a count or a size is negative")
	}
}
