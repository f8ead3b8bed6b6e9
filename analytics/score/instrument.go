package score

import (
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/coldchain"
	"github.com/waybill-dev/waybill/analytics/detect"
	"github.com/waybill-dev/waybill/analytics/detect/journey"
	"github.com/waybill-dev/waybill/analytics/detect/sensor"
	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// instrument is what is known of one device's readings.
type instrument struct {
	device    string
	unbound   bool
	first     ledger.Millis
	last      ledger.Millis
	count     uint64
	gap       ledger.Millis // longest silence
	gapFrom   ledger.Millis
	early     []reading
	complete  bool // early holds every reading so far
	evaluator *coldchain.Evaluator
	alarms    []*coldchain.Alarms // of the model's sets that are for the policy, in their order
	monitor   *sensor.Monitor
	drift     *detect.Drift
	energy    *detect.Energy
	log       *journey.Log
	channels  []*channel
	intervals [samplings]uint64 // between readings, by their class
	ranges    []ledger.SegmentRange
}

type reading struct {
	at    ledger.Millis
	value int32
}

func (e *Engine) time(at ledger.Millis) {
	if !e.hasTime {
		e.hasTime, e.windowFrom, e.last = true, at, at
		return
	}
	e.last = max(e.last, at)
}

func (e *Engine) find(device string) *instrument {
	for _, s := range e.series {
		if s.device == device {
			return s
		}
	}
	return nil
}

// regulate starts a device's accounts under the policy in force.
func (e *Engine) regulate(s *instrument) {
	s.evaluator, s.alarms = coldchain.NewEvaluator(*e.policy, e.model.p.Hold), nil
	for _, set := range e.sets() {
		s.alarms = append(s.alarms, coldchain.NewAlarms(*set, e.model.p.Hold))
	}
	s.monitor.SetRange(e.policy.Low, e.policy.High)
}

// sets are the model's alarms that are for the policy in force.
func (e *Engine) sets() []*coldchain.AlarmSet {
	var sets []*coldchain.AlarmSet
	for i := range e.model.p.Alarms {
		if a := &e.model.p.Alarms[i]; e.policy != nil && a.AppliesTo(e.policy) {
			sets = append(sets, a)
		}
	}
	return sets
}

func (s *instrument) limits(at ledger.Millis, value int32) {
	s.evaluator.Observe(at, value)
	for _, a := range s.alarms {
		a.Observe(at, value)
	}
}

func (e *Engine) readings(in *feature.Input) error {
	s := e.find(in.Device)
	if s == nil {
		if len(e.series) == maxSeries {
			if e.unheard == 0 {
				e.unheardAt = in.At
			}
			e.unheard++
			return fmt.Errorf("%w: more than %d devices", ErrInput, maxSeries)
		}
		s = e.begin(in.Device)
	}
	s.cover(in)
	var done [maxChannels]ledger.Quantity
	for i, ch := range in.Channels {
		if i < maxChannels {
			if slices.Contains(done[:i], ch.Quantity) { // one channel a quantity
				continue
			}
			done[i] = ch.Quantity
		}
		n := min(len(in.Times), len(ch.Values))
		if ch.Quantity == ledger.Temperature {
			for k := range n {
				e.reading(s, in.Times[k], ch.Values[k])
			}
		}
		if c := e.channel(s, ch.Quantity); c != nil {
			for k := range n {
				if at := in.Times[k]; at >= ledger.EarliestTime && at <= latestTime {
					c.observe(&e.model.p, at, ch.Values[k])
				}
			}
		}
	}
	s.trace(e.scratch)
	return nil
}

// trace appends the values that a verdict rests on.
func (s *instrument) trace(c *canon.Coder) {
	if s.evaluator != nil {
		s.evaluator.Trace(c)
	}
	for _, a := range s.alarms {
		a.Trace(c)
	}
	s.monitor.Trace(c)
	s.drift.Trace(c)
	s.energy.Trace(c)
	for _, ch := range s.channels {
		c.Float(&ch.worst)
		canon.Int(c, &ch.step)
		c.Float(&ch.level)
		c.Float(&ch.highest)
		if ch.energy != nil {
			ch.energy.Trace(c)
		}
	}
}

// begin starts a device's series. One that takes a removed device's place goes on with that one's
// accounts, so that exchanging loggers renews no allowance.
func (e *Engine) begin(device string) *instrument {
	s := e.blank()
	s.device, s.complete = device, true
	if e.policy != nil {
		e.regulate(s)
		for _, old := range slices.Backward(e.series) {
			if old.unbound && old.evaluator != nil {
				accounts := *old.evaluator
				s.evaluator, s.complete = &accounts, false
				for i, a := range old.alarms {
					levels := *a
					s.alarms[i] = &levels
				}
				break
			}
		}
	}
	e.series = append(e.series, s)
	return s
}

func (e *Engine) blank() *instrument {
	log, err := journey.NewLog(journey.Most)
	if err != nil {
		panic(err) // the limit is a constant
	}
	return &instrument{
		monitor: sensor.New(e.model.p.Sensor), drift: detect.NewDrift(e.model.p.Drift), energy: detect.NewEnergy(e.model.p.Energy), log: log,
	}
}

// cover notes the segment as evidence.
func (s *instrument) cover(in *feature.Input) {
	if in.Segment.IsZero() {
		return
	}
	if n := len(s.ranges); n > 0 && in.Seq <= s.ranges[n-1].Last+1 && in.Seq >= s.ranges[n-1].First {
		if in.Seq > s.ranges[n-1].Last {
			s.ranges[n-1].Last, s.ranges[n-1].Digest = in.Seq, in.Segment
		}
		return
	}
	if len(s.ranges) < maxRanges {
		s.ranges = append(s.ranges, ledger.SegmentRange{Device: in.Device, First: in.Seq, Last: in.Seq, Digest: in.Segment})
	}
}

// reading takes one temperature. One that is not later than the last is for the monitor alone, and one
// from no possible time for nobody.
func (e *Engine) reading(s *instrument, at ledger.Millis, value int32) {
	if at < ledger.EarliestTime || at > latestTime {
		return
	}
	s.monitor.Observe(at, value)
	if s.count > 0 && at <= s.last {
		return
	}
	e.time(at)
	if s.count == 0 {
		s.first = at
	} else {
		silence := at - s.last
		s.intervals[samplingOf(silence)]++
		if silence > s.gap {
			s.gap, s.gapFrom = silence, s.last
		}
	}
	s.last = at
	s.count++
	if s.complete {
		if len(s.early) < maxEarly {
			s.early = append(s.early, reading{at, value})
		} else {
			s.early, s.complete = nil, false
		}
	}
	if s.evaluator != nil {
		s.limits(at, value)
	}
	s.drift.Observe(at, value)
	s.energy.Observe(at, value)
	s.log.Observe(at, value)
}
