package coldchain

import (
	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/detect"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// AlarmLevel is one condition of an indicator: a temperature reached for a time.
type AlarmLevel struct {
	// Code is the reason's, in snake_case, at most ledger.MaxReasonCodeBytes.
	Code string `json:"code"`
	// At is the temperature in thousandths of a degree Celsius. It is itself part of the alarm.
	At int32 `json:"at"`
	// Below says that the alarm is for At and colder, instead of At and warmer.
	Below bool `json:"below,omitempty"`
	// Cumulative adds up all times at the temperature; otherwise a return ends the count, which is
	// WHO's single event.
	Cumulative bool `json:"cumulative,omitempty"`
	// For is the time that is an alarm, in milliseconds.
	For ledger.Millis `json:"for_ms"`
}

// AlarmSet is an indicator with several levels, for products of a recommended range.
type AlarmSet struct {
	// Source says who asks for it.
	Source string `json:"source"`
	// Low and High are the recommended range of the policies that it is for, in thousandths of a
	// degree Celsius.
	Low    int32        `json:"low"`
	High   int32        `json:"high"`
	Levels []AlarmLevel `json:"levels"`
}

const maxLevels = 8

// WHOShipping gives the alarms of an electronic shipping indicator for vaccines between 2 and 8 °C:
// WHO/PQS/E006/TR07, type 1 (at 45 °C and above for an hour, at 30 °C and above for 10 hours in all, at
// -0.5 °C and below for an hour) and, of type 2, at 10 °C and above for 20 hours in all.
func WHOShipping() AlarmSet {
	return AlarmSet{
		Source: "WHO/PQS/E006/TR07", Low: 2_000, High: 8_000,
		Levels: []AlarmLevel{
			{Code: "who_heat_45", At: 45_000, For: hourMillis},
			{Code: "who_heat_30", At: 30_000, Cumulative: true, For: 10 * hourMillis},
			{Code: "who_heat_10", At: 10_000, Cumulative: true, For: 20 * hourMillis},
			{Code: "who_freeze", At: -500, Below: true, For: hourMillis},
		},
	}
}

// WHOStorage gives the alarms of a 30-day temperature recorder in a vaccine refrigerator:
// WHO/PQS/E006/TR06, above 8 °C for 10 hours and at -0.5 °C and below for an hour, each without a break.
// It is for goods that stand; a policy of transport allows more.
func WHOStorage() AlarmSet {
	return AlarmSet{
		Source: "WHO/PQS/E006/TR06", Low: 2_000, High: 8_000,
		Levels: []AlarmLevel{
			{Code: "who_heat_8", At: 8_001, For: 10 * hourMillis},
			{Code: "who_freeze", At: -500, Below: true, For: hourMillis},
		},
	}
}

const hourMillis ledger.Millis = 3_600_000

// Valid reports whether a set can be run.
func (s *AlarmSet) Valid() bool {
	if s.Low > s.High || len(s.Levels) == 0 || len(s.Levels) > maxLevels {
		return false
	}
	for i, l := range s.Levels {
		if l.Code == "" || len(l.Code) > ledger.MaxReasonCodeBytes || l.For <= 0 || int64(l.For) > farthest {
			return false
		}
		for _, o := range s.Levels[:i] {
			if o.Code == l.Code {
				return false
			}
		}
	}
	return true
}

// AppliesTo reports whether a policy is of products that the set is for: its recommended range is
// the set's.
func (s *AlarmSet) AppliesTo(p *ledger.Policy) bool { return p.Low == s.Low && p.High == s.High }

// impliedBy reports whether a rule of the policy is broken no later than the level, so that one harm
// is told once.
func (l *AlarmLevel) impliedBy(p *ledger.Policy) bool {
	switch {
	case l.Below && !l.Cumulative && p.FreezeBelow != nil && *p.FreezeBelow >= l.At && p.FreezeFor <= l.For,
		l.Below && p.Low > l.At && p.ExcursionFor < l.For,
		l.Below && !l.Cumulative && p.ExcursionLow > l.At && p.Grace < l.For,
		!l.Below && p.High < l.At && p.ExcursionFor < l.For,
		!l.Below && !l.Cumulative && p.ExcursionHigh < l.At && p.Grace < l.For:
		return true
	default:
		return false
	}
}

// AlarmUse says how much of a level's time was used.
type AlarmUse struct {
	Level    AlarmLevel
	Exceeded bool
	// Used is the longest time without a break, or the time in all, in milliseconds.
	Used int64
	// Worst is the furthest temperature of that time, in thousandths of a degree Celsius.
	Worst    int32
	From, To ledger.Millis
	// Readings is how many readings stood for that time.
	Readings int64
	// Times is how many single events were alarms.
	Times int64
}

// levelState is what is known of one level. Of a cumulative one, length never returns to zero and
// the best is the whole.
type levelState struct {
	length   int64
	since    int64
	worst    int32
	readings int64
	times    int64

	best         int64
	bestFrom     int64
	bestTo       int64
	bestWorst    int32
	bestReadings int64
}

// Alarms runs a set's levels over one series of temperatures. Like an Evaluator it lets a reading hold
// until the next, at most for the hold. It may be copied.
type Alarms struct {
	set  AlarmSet
	hold int64

	have   bool
	lastAt int64
	last   int32
	levels [maxLevels]levelState
}

// NewAlarms starts a series. Hold is how long a reading stands for at most; 0 means without bound. The
// set must be valid.
func NewAlarms(set AlarmSet, hold ledger.Millis) *Alarms {
	return &Alarms{set: set, hold: max(0, int64(hold))}
}

// Observe takes the next reading, in thousandths of a degree Celsius. It answers false, and takes
// nothing, if the reading is not later than the one before.
func (a *Alarms) Observe(at ledger.Millis, milli int32) bool {
	now := int64(at)
	if now > farthest || now < -farthest || a.have && now <= a.lastAt {
		return false
	}
	if a.have {
		end := now
		if a.hold > 0 && now-a.lastAt > a.hold {
			end = a.lastAt + a.hold
		}
		for i := range a.set.Levels {
			a.levels[i].count(&a.set.Levels[i], a.lastAt, end, a.last, end < now)
		}
	}
	a.have, a.lastAt, a.last = true, now, milli
	return true
}

// count takes a temperature that held from one time to another; gap says that nobody knows what came
// after.
func (s *levelState) count(l *AlarmLevel, from, to int64, milli int32, gap bool) {
	if l.Below && milli > l.At || !l.Below && milli < l.At {
		if !l.Cumulative {
			s.length = 0
		}
		return
	}
	if s.length == 0 {
		s.since, s.worst, s.readings = from, milli, 0
	}
	if l.Below {
		s.worst = min(s.worst, milli)
	} else {
		s.worst = max(s.worst, milli)
	}
	before := s.length
	s.length += to - from
	s.readings++
	if before < int64(l.For) && s.length >= int64(l.For) {
		s.times++
	}
	if s.length > s.best {
		s.best, s.bestFrom, s.bestTo, s.bestWorst, s.bestReadings = s.length, s.since, to, s.worst, s.readings
	}
	if gap && !l.Cumulative {
		s.length = 0
	}
}

// Uses says, in the order of the levels, how much of each one's time was used under a policy; levels
// that were never reached are left out, and so are those that a rule of the policy implies, since it
// tells the same harm. All are left out if the policy is not one that the set is for; nil is any.
func (a *Alarms) Uses(p *ledger.Policy) []AlarmUse {
	if p != nil && !a.set.AppliesTo(p) {
		return nil
	}
	var uses []AlarmUse
	for i, l := range a.set.Levels {
		s := &a.levels[i]
		if s.best == 0 || p != nil && l.impliedBy(p) {
			continue
		}
		uses = append(uses, AlarmUse{
			Level: l, Exceeded: s.best >= int64(l.For), Used: s.best, Worst: s.bestWorst,
			From: ledger.Millis(s.bestFrom), To: ledger.Millis(s.bestTo), Readings: s.bestReadings, Times: s.times,
		})
	}
	return uses
}

// Signals gives Uses as signals of the conditions of the goods, with the levels' codes: Value is the
// time used and Limit the time that is an alarm, in milliseconds.
func (a *Alarms) Signals(p *ledger.Policy) []detect.Signal {
	var signals []detect.Signal
	for _, u := range a.Uses(p) {
		signals = append(signals, detect.Signal{
			Code: u.Level.Code, Subject: detect.SubjectChain, Ratio: timesMillion(u.Used, int64(u.Level.For)),
			From: u.From, To: u.To, Value: u.Used, Limit: int64(u.Level.For), Count: u.Readings,
		})
	}
	return signals
}

// timesMillion is a over b in millionths, at most a thousand times.
func timesMillion(a, b int64) int64 {
	const most = 1_000 * detect.Alarm
	switch {
	case a/b >= 1_000:
		return most
	case a > 1<<42: // keeps the product below 2^63
		a, b = a>>21, max(1, b>>21)
	}
	return min(most, a*detect.Alarm/b)
}

// Trace appends the values that a verdict rests on.
func (a *Alarms) Trace(c *canon.Coder) {
	for i := range a.set.Levels {
		canon.Int(c, &a.levels[i].length)
	}
}

// Code writes or reads the state. The set is the model's and is not part of it.
func (a *Alarms) Code(c *canon.Coder) {
	c.Bool(&a.have)
	canon.Int(c, &a.lastAt)
	canon.Int(c, &a.last)
	if a.lastAt > farthest || a.lastAt < -farthest {
		c.Fail("time %d", a.lastAt)
	}
	for i := range a.set.Levels {
		s := &a.levels[i]
		for _, v := range []*int64{&s.length, &s.since, &s.readings, &s.best, &s.bestFrom, &s.bestTo, &s.bestReadings, &s.times} {
			canon.Int(c, v)
		}
		canon.Int(c, &s.worst)
		canon.Int(c, &s.bestWorst)
		if s.length < 0 || s.best < 0 || s.times < 0 {
			c.Fail("level %d", i)
		}
	}
}
