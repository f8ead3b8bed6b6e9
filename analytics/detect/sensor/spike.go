package sensor

import (
	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/detect"
)

// spike finds single wild readings between two that agree. An opened door lets warm air in, which
// takes minutes to cool: what is back within one short interval to an eighth of its height was no
// air.
type spike struct {
	two      bool // before is known
	before   int32
	at       int32 // the reading that may be a spike
	interval int64 // between the two
	count    int64
	worst    found
	height   int64
}

func (s *spike) begin(value int32) { s.at = value }

// observe takes the reading after the one that may be a spike, which was taken at the time given.
func (s *spike) observe(p *Params, spikeAt, interval int64, value int32, usual float64) {
	if s.two && s.interval > 0 && interval > 0 && max(s.interval, interval) <= int64(p.SpikeWithin) {
		s.judge(p, spikeAt, value, usual)
	}
	s.before, s.at, s.interval, s.two = s.at, value, interval, true
}

func (s *spike) judge(p *Params, spikeAt int64, value int32, usual float64) {
	up, down := int64(s.at)-int64(s.before), int64(s.at)-int64(value)
	if up < 0 {
		up, down = -up, -down
	}
	height := min(up, down)
	least := max(float64(p.SpikeLeast), float64(float64(p.SpikeTimes)*usual)/detect.Alarm)
	if height <= 0 || usual <= 0 || float64(height) < least {
		return
	}
	rest := max(up-down, down-up)
	if float64(rest) > max(float64(height)/8, float64(2*usual)) {
		return
	}
	s.count++
	if s.count == 1 {
		s.worst.from = spikeAt
	}
	s.worst.to = max(s.worst.to, spikeAt)
	s.worst.count = s.count
	s.worst.ratio = per(s.count, p.Spikes)
	if height > s.height {
		s.height = height
		s.worst.value, s.worst.limit = int64(s.at), int64(s.before)
	}
}

func (s *spike) signal() detect.Signal { return s.worst.signal(CodeSpikes) }

func (s *spike) code(c *canon.Coder) {
	c.Bool(&s.two)
	canon.Int(c, &s.before)
	canon.Int(c, &s.at)
	canon.Int(c, &s.interval)
	canon.Int(c, &s.count)
	s.worst.code(c)
	canon.Int(c, &s.height)
}

// grain finds the steps in which a logger counts, as the greatest common divisor of the differences
// of its readings, and that they changed: two windows in a row agree on other steps.
type grain struct {
	step    int64 // 0: not known
	divisor int64 // of the window so far
	count   int64
	from    int64 // of the window
	next    int64 // what the last window found, if it is another
	nextAt  int64
	worst   found
}

func (g *grain) observe(p *Params, last, now, step int64) {
	if step == 0 {
		return
	}
	if g.count == 0 {
		g.from = last
	}
	g.divisor = gcd(max(step, -step), g.divisor)
	g.count++
	if g.count < p.Grain {
		return
	}
	d := g.divisor
	g.divisor, g.count = 0, 0
	switch {
	case g.step == 0:
		g.step = d
	case d == g.step:
		g.next = 0
	case d != g.next:
		g.next, g.nextAt = d, g.from
	default:
		g.worst = found{detect.Alarm, g.nextAt, now, d, g.step, g.worst.count + 1}
		g.step, g.next = d, 0
	}
}

func gcd(a, b int64) int64 {
	if a == b || b == 1 {
		return b
	}
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func (g *grain) signal() detect.Signal { return g.worst.signal(CodeResolution) }

func (g *grain) code(c *canon.Coder) {
	for _, v := range []*int64{&g.step, &g.divisor, &g.count, &g.from, &g.next, &g.nextAt} {
		canon.Int(c, v)
	}
	g.worst.code(c)
	if g.divisor < 0 || g.count < 0 || g.step < 0 || g.step > 1<<33 {
		c.Fail("resolution")
	}
}
