package coldchain

import (
	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// The activation energy over the gas constant, in kelvin: 83.144 kJ/mol over
// 8.3144e-3 kJ/(mol·K), USP <1079.2>.
const activation = 10_000.0

// The reference that keeps the sums near one; it cancels out.
const reference = 278.15

const kelvin = 273.15

// Mean is a mean kinetic temperature, weighted by time. The zero value is ready.
type Mean struct {
	sum    float64 // of milliseconds times the relative rate of degradation
	millis int64
}

// rate is the relative rate of degradation at a temperature in thousandths of a degree Celsius.
// Outside -200 to 1,000 °C no cold chain is meant; the clamp keeps every sum finite.
func rate(milli int32) float64 {
	milli = max(-200_000, min(1_000_000, milli))
	t := kelvin + float64(milli)/1000
	return Exp(activation/reference - activation/t)
}

// Add counts a temperature in thousandths of a degree Celsius that held for a time; times of zero
// and less count nothing.
func (m *Mean) Add(milli int32, held ledger.Millis) { m.add(rate(milli), int64(held)) }

func (m *Mean) add(rate float64, held int64) {
	if held <= 0 {
		return
	}
	m.sum += float64(rate * float64(held))
	m.millis += held
}

// Observed is how much time was counted.
func (m *Mean) Observed() ledger.Millis { return ledger.Millis(m.millis) }

// Celsius is the mean kinetic temperature in degrees Celsius, and false while no time was counted.
func (m *Mean) Celsius() (float64, bool) {
	if m.millis <= 0 {
		return 0, false
	}
	return celsius(m.sum, m.millis), true
}

func celsius(sum float64, millis int64) float64 {
	return activation/(activation/reference-Ln(sum/float64(millis))) - kelvin
}

func (m *Mean) code(c *canon.Coder) {
	c.Float(&m.sum)
	canon.Int(c, &m.millis)
}

// spanParts is into how many parts a sliding span is cut: the span slides in steps of a part.
const spanParts = 96

// spanEnough is the hundredths of a span that must have been observed for it to be judged; the
// rest may be gaps. A span that begins before the series does is not judged.
const spanEnough = 90

// sliding is the mean kinetic temperature over the last spanParts complete parts of a span. Its
// state does not grow. Parts are counted from the first reading, so that a series as long as the span
// is judged whole whatever the clock said when it began.
type sliding struct {
	width   int64 // of a part, in milliseconds; 0: not used
	current int64 // number of the part that is being filled, from 0
	started bool
	begin   int64               // of the series
	parts   [spanParts + 1]Mean // part n at n modulo its length
}

func newSliding(span ledger.Millis) sliding {
	return sliding{width: max(0, int64(span)/spanParts)}
}

// add counts a rate that held from one time to another, and calls complete with the mean over each
// span that was completed on the way.
func (s *sliding) add(r float64, from, to int64, complete func(end int64, celsius float64)) {
	if s.width == 0 || to <= from {
		return
	}
	if !s.started {
		s.begin, s.current, s.started = from, 0, true
	}
	// Of a time much longer than the span only its end matters: all before has left the span.
	if longest := (2*spanParts + 2) * s.width; to-from > longest {
		from = to - longest
	}
	for at := from; at < to; {
		part := (at - s.begin) / s.width
		s.advance(part, complete)
		end := min(to, s.begin+(part+1)*s.width)
		s.slot(part).add(r, end-at)
		at = end
	}
	s.advance((to-s.begin)/s.width, complete)
}

func (s *sliding) slot(part int64) *Mean {
	n := int64(len(s.parts))
	return &s.parts[((part%n)+n)%n]
}

// advance completes parts until part is the current one.
func (s *sliding) advance(part int64, complete func(int64, float64)) {
	if part-s.current > spanParts { // a gap longer than the span
		s.parts = [spanParts + 1]Mean{}
		s.current = part
		return
	}
	for s.current < part {
		s.current++
		var sum float64
		var millis int64
		for i := max(0, s.current-spanParts); i < s.current; i++ {
			m := s.slot(i)
			sum += m.sum
			millis += m.millis
		}
		if s.current >= spanParts && millis*100 >= spanParts*s.width*spanEnough {
			complete(s.begin+s.current*s.width, celsius(sum, millis))
		}
		*s.slot(s.current) = Mean{}
	}
}

func (s *sliding) code(c *canon.Coder) {
	width := s.width // the policy's
	canon.Int(c, &s.width)
	canon.Int(c, &s.current)
	c.Bool(&s.started)
	canon.Int(c, &s.begin)
	// Parts that lie no farther away than times do are few to complete.
	if s.width != width || s.current < -farthest || s.current > farthest || s.begin < -farthest || s.begin > farthest {
		c.Fail("part %d of %d ms, begun at %d", s.current, s.width, s.begin)
		*s = sliding{width: width}
	}
	if s.width > 0 {
		for i := range s.parts {
			s.parts[i].code(c)
		}
	}
}
