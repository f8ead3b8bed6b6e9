package sensor

import (
	"slices"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/detect"
)

// stuck finds one value repeated for longer than is allowed, and longer than the logger repeated any
// value before.
type stuck struct {
	value   int32
	since   int64
	last    int64
	count   int64
	silence int64 // longest between two readings of the run
	held    int64
	habit   int64 // longest run before
	fine    bool  // before the run, readings moved by more than the resolution
	alarmed bool  // the run is an alarm
	worst   found
}

func (s *stuck) restart(now int64, value int32, fine bool) {
	if !s.alarmed {
		s.habit = max(s.habit, s.held)
	}
	s.value, s.since, s.last, s.count, s.silence, s.held, s.alarmed = value, now, now, 1, 0, 0, false
	s.fine = fine
}

func (s *stuck) observe(p *Params, now int64, value int32, fine bool) {
	if value != s.value {
		s.restart(now, value, fine)
		return
	}
	s.silence = max(s.silence, now-s.last)
	s.last = now
	s.count++
	s.held = now - s.since
	if s.silence > 3*(s.held/(s.count-1)) {
		s.held -= s.silence // nobody knows what it would have said meanwhile
	}
	if s.count < int64(p.Stuck.Readings) {
		return
	}
	allowed := max(int64(p.Stuck.For), p.StuckTimes*s.habit)
	if !s.fine {
		allowed = max(allowed, p.StuckTimes*int64(p.Stuck.For))
	}
	ratio := per(s.held, allowed)
	s.alarmed = s.alarmed || ratio >= detect.Alarm
	s.worst.worsen(found{ratio, s.since, now, int64(value), allowed, s.count})
}

func (s *stuck) signal() detect.Signal { return s.worst.signal(CodeStuck) }

func (s *stuck) code(c *canon.Coder) {
	canon.Int(c, &s.value)
	for _, v := range []*int64{&s.since, &s.last, &s.count, &s.silence, &s.held, &s.habit} {
		canon.Int(c, v)
	}
	c.Bool(&s.fine)
	c.Bool(&s.alarmed)
	s.worst.code(c)
	if s.count < 0 || s.held < 0 || s.habit < 0 || s.habit > 2*farthest || s.since < -farthest || s.since > farthest || s.last < -farthest || s.last > farthest {
		c.Fail("run")
	}
}

// rail finds values that tell of an error.
type rail struct {
	on    bool
	since int64
	worst found
}

func (r *rail) observe(p *Params, now int64, value int32) {
	out := p.RailLow < p.RailHigh && (value < p.RailLow || value > p.RailHigh)
	if !out && !slices.Contains(p.Rails, value) {
		r.on = false
		return
	}
	if !r.on {
		r.on, r.since = true, now
	}
	if r.worst.count == 0 {
		r.worst.from = now
	}
	r.worst.count++
	r.worst.to = max(r.worst.to, now)
	r.worst.value = int64(value)
	r.worst.limit = int64(max(p.RailLow, min(p.RailHigh, value)))
	r.worst.ratio = per(r.worst.count, p.RailReadings)
}

func (r *rail) signal() detect.Signal { return r.worst.signal(CodeRail) }

func (r *rail) code(c *canon.Coder) {
	c.Bool(&r.on)
	canon.Int(c, &r.since)
	r.worst.code(c)
}
