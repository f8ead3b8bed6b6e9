package sensor

import (
	"math/bits"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/detect"
)

const (
	// slots are the readings due that loss is counted over.
	slots = 128
	// leastSlots must be known for loss to be told.
	leastSlots = 64
	// mostLost is what one silence counts at most: loss is many silences, a long one is told by itself.
	mostLost = 8
	// sameAgain equal intervals show what the logger's interval is, and changedTo equal longer ones that
	// it was changed.
	sameAgain = 4
	changedTo = 8
)

// pace finds the interval at which a logger writes, and what is missing. An interval is known when
// some follow each other that are equal to a sixteenth; a series without any, such as readings that
// stand in events, lacks nothing but the longest silence.
type pace struct {
	interval int64 // 0: not known
	before   int64 // last interval seen
	same     int64 // how many equal ones came last

	long, second int64 // longest intervals while no interval is known
	longFrom     int64

	pending      int64 // equal longer intervals: losses, or a new pace
	pendingEach  int64
	pendingUntil int64

	seen  [2]uint64 // slots, the latest in the lowest bit of the first: 1 present
	known int64
	worst found
}

func alike(a, b int64) bool {
	d := max(a-b, b-a)
	return d <= max(a, b)/16
}

func (s *pace) observe(p *Params, from, to int64) {
	d := to - from
	if s.before > 0 && alike(d, s.before) {
		s.same++
	} else {
		s.same = 1
	}
	s.before = d
	if s.interval == 0 {
		if d > s.long {
			s.second, s.long, s.longFrom = s.long, d, from
		} else {
			s.second = max(s.second, d)
		}
		if s.same >= sameAgain {
			s.interval = d
			s.silence(p, s.longFrom, s.longFrom+s.long)
		}
		return
	}
	s.silence(p, from, to)
	due := (d + s.interval/2) / s.interval
	if due > 1 {
		if s.pending > 0 && !alike(d, s.pendingEach) {
			s.settle(p)
		}
		s.pending++
		s.pendingEach, s.pendingUntil = d, to
		if s.pending >= changedTo {
			s.change(d)
		}
		return
	}
	s.settle(p)
	if due == 0 && s.same >= sameAgain {
		s.change(d)
		return
	}
	s.push(1)
	s.lost(p, to)
}

// change takes a new interval and forgets what was counted by the old one.
func (s *pace) change(interval int64) {
	s.interval = interval
	s.seen, s.known, s.pending = [2]uint64{}, 0, 0
}

// settle counts the longer intervals that were no change of pace.
func (s *pace) settle(p *Params) {
	if s.pending == 0 {
		return
	}
	due := (s.pendingEach + s.interval/2) / s.interval
	for range s.pending {
		s.push(min(due, mostLost+1))
	}
	s.pending = 0
	s.lost(p, s.pendingUntil)
}

// interrupt ends what is pending, where the clock was set.
func (s *pace) interrupt(p *Params) {
	if s.interval > 0 {
		s.settle(p)
	} else if s.long > 0 {
		s.worst.worsen(found{per(s.long-s.second, int64(p.Silence)), s.longFrom, s.longFrom + s.long, s.long, int64(p.Silence), 0})
	}
	s.before, s.same = 0, 0
}

// push takes slots of which the last is present.
func (s *pace) push(n int64) {
	s.seen[1] = s.seen[1]<<n | s.seen[0]>>(64-n)
	s.seen[0] = s.seen[0]<<n | 1
	s.known = min(slots, s.known+n)
}

func (s *pace) lost(p *Params, to int64) {
	if s.known < leastSlots {
		return
	}
	present := int64(bits.OnesCount64(s.seen[0]) + bits.OnesCount64(s.seen[1]))
	missing := s.known - present
	if missing <= 0 {
		return
	}
	share := missing * detect.Alarm / slots
	s.worst.worsen(found{per(share, p.Loss), to - s.known*s.interval, to, missing * s.interval, p.Loss * slots / detect.Alarm * s.interval, missing})
}

func (s *pace) silence(p *Params, from, to int64) {
	beyond := to - from - s.interval
	if beyond <= s.interval/2 {
		return
	}
	s.worst.worsen(found{per(beyond, int64(p.Silence)), from, to, to - from, int64(p.Silence), (to-from+s.interval/2)/s.interval - 1})
}

func (s *pace) signal(p *Params) detect.Signal {
	if s.interval == 0 {
		f := found{per(s.long-s.second, int64(p.Silence)), s.longFrom, s.longFrom + s.long, s.long, int64(p.Silence), 0}
		f.worsen(s.worst)
		return f.signal(CodeDropout)
	}
	return s.worst.signal(CodeDropout)
}

func (s *pace) code(c *canon.Coder) {
	for _, v := range []*int64{&s.interval, &s.before, &s.same, &s.long, &s.second, &s.longFrom, &s.pending, &s.pendingEach, &s.pendingUntil} {
		canon.Int(c, v)
	}
	canon.Uint(c, &s.seen[0])
	canon.Uint(c, &s.seen[1])
	canon.Int(c, &s.known)
	s.worst.code(c)
	switch {
	case s.interval < 0 || s.interval > 2*farthest || s.pending < 0 || s.pending > changedTo || s.known < 0 || s.known > slots,
		s.pendingEach < 0 || s.pendingEach > 2*farthest || s.long < 0 || s.long > 2*farthest || s.before < 0 || s.before > 2*farthest,
		s.longFrom < -farthest || s.longFrom > farthest:
		c.Fail("pace")
	}
}

// clock finds that a logger's clock was set: back, which its times show, or ahead, which looks like a
// silence. Ahead is told from a silence where nobody can have been silent for so long, or where the
// time is a whole number of hours, as zones and summer time are but for a few, in a logger that writes
// every few minutes, while the temperature went on as if nothing had been missed. A real silence of just
// so long is taken for one where the temperature happens to come back; so it is counted as a silence too.
type clock struct {
	total int64 // set back in all
	worst found
}

const (
	hour = int64(60 * 60_000)
	// fine is the longest interval for which a whole number of hours is no coincidence.
	fine = int64(5 * 60_000)
	// onTheDot is how far from whole it may be.
	onTheDot = int64(2_000)
)

func (k *clock) back(p *Params, from, to, by int64) {
	k.total = min(farthest, k.total+max(0, by))
	k.worst.worsen(found{per(k.total, int64(p.Clock)), min(from, to), max(from, to), -max(0, by), int64(p.Clock), k.worst.count + 1})
}

// forward looks at an interval and reports whether it is so long that it is certainly the clock's doing. Step is the change of the reading over
// it, usual what is usual over one interval of the logger.
func (k *clock) forward(p *Params, from, to, interval, step int64, usual float64) bool {
	by := to - from - interval
	switch {
	case by >= int64(p.ClockFar):
	case interval <= 0 || interval > fine || by < hour-onTheDot || by < int64(p.Clock) || usual <= 0:
		return false
	default:
		if off := (by + hour/2) % hour; off < hour/2-onTheDot || off > hour/2+onTheDot {
			return false
		}
		if float64(max(step, -step)) > usual {
			return false
		}
	}
	k.worst.worsen(found{per(by, int64(p.Clock)), from, to, by, int64(p.Clock), k.worst.count + 1})
	return by >= int64(p.ClockFar)
}

func (k *clock) signal() detect.Signal { return k.worst.signal(CodeClock) }

func (k *clock) code(c *canon.Coder) {
	canon.Int(c, &k.total)
	k.worst.code(c)
	if k.total < 0 || k.total > farthest {
		c.Fail("clock")
	}
}
