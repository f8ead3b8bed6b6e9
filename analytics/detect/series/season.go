package series

import (
	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

const day = 24 * 60 * 60 * 1000

// season measures how far a reading is from the nearest of the past days' values at the same time
// of the day. Time is that of the epoch, in UTC: which hour the day begins with makes no difference.
type season struct {
	bins, days int

	mean []float64 // bins × days: of the readings in the bin
	held []int     // days held, by bin
	turn []int     // the oldest of them

	open  bool
	bin   int64 // since the epoch
	sum   float64
	count int64
}

func newSeason(s Settings) season {
	return season{
		bins: s.Bins, days: s.Days,
		mean: make([]float64, s.Bins*s.Days), held: make([]int, s.Bins), turn: make([]int, s.Bins),
	}
}

// observe gives the distance, once there is a past day.
func (s *season) observe(at ledger.Millis, v float64) (float64, bool) {
	days, rest := int64(at)/day, int64(at)%day
	if rest < 0 {
		days, rest = days-1, rest+day
	}
	part := rest * int64(s.bins) / day
	bin := days*int64(s.bins) + part
	if s.open && bin != s.bin {
		s.close()
	}
	s.open, s.bin = true, bin
	s.sum += v
	s.count++

	held := s.held[part]
	if held == 0 {
		return 0, false
	}
	past := s.mean[int(part)*s.days : int(part)*s.days+held]
	nearest := max(v-past[0], past[0]-v)
	for _, p := range past[1:] {
		nearest = min(nearest, max(v-p, p-v))
	}
	// As for shapes: values lie on a grid of a millionth, and their mean has no better.
	if nearest < 1e-6 {
		nearest = 0
	}
	return nearest, true
}

func (s *season) close() {
	part := int(s.bin % int64(s.bins))
	if part < 0 {
		part += s.bins
	}
	s.mean[part*s.days+s.turn[part]] = s.sum / float64(s.count)
	s.turn[part] = (s.turn[part] + 1) % s.days
	s.held[part] = min(s.held[part]+1, s.days)
	s.sum, s.count = 0, 0
}

func (s *season) code(c *canon.Coder) {
	for i := range s.bins {
		canon.Int(c, &s.held[i])
		canon.Int(c, &s.turn[i])
		if s.held[i] < 0 || s.held[i] > s.days || s.turn[i] < 0 || s.turn[i] >= s.days {
			c.Fail("day %d of %d", s.turn[i], s.held[i])
			s.held[i], s.turn[i] = 0, 0
			return
		}
		floats(c, s.mean[i*s.days:i*s.days+s.held[i]])
	}
	c.Bool(&s.open)
	canon.Int(c, &s.bin)
	number(c, &s.sum, greatest)
	canon.Int(c, &s.count)
	if s.count < 0 || s.open && s.count == 0 {
		c.Fail("count %d", s.count)
		s.open, s.count = false, 0
	}
}
