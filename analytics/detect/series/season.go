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

	mean []float64 // of the readings in the bin: turns × bins, as many turns as any bin has had
	held []uint8   // days held, by bin
	turn []uint8   // the oldest of them

	open  bool
	bin   int64 // since the epoch
	sum   float64
	count int64
}

func newSeason(s Settings) season {
	return season{
		bins: s.Bins, days: s.Days,
		held: make([]uint8, s.Bins), turn: make([]uint8, s.Bins),
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

	held := int(s.held[part])
	if held == 0 {
		return 0, false
	}
	p := s.mean[part]
	nearest := max(v-p, p-v)
	for at := 1; at < held; at++ {
		p = s.mean[at*s.bins+int(part)]
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
	turn := int(s.turn[part])
	s.reach(turn + 1)
	s.mean[turn*s.bins+part] = s.sum / float64(s.count)
	s.turn[part] = uint8((turn + 1) % s.days)              //nolint:gosec // at most 31
	s.held[part] = uint8(min(int(s.held[part])+1, s.days)) //nolint:gosec // at most 31
	s.sum, s.count = 0, 0
}

// reach makes room for so many turns.
func (s *season) reach(turns int) {
	if more := turns*s.bins - len(s.mean); more > 0 {
		s.mean = append(s.mean, make([]float64, more)...)
	}
}

func (s *season) code(c *canon.Coder) {
	if c.Reading() {
		s.mean = nil
	}
	for i := range s.bins {
		canon.Uint(c, &s.held[i])
		canon.Uint(c, &s.turn[i])
		held := int(s.held[i])
		// Until a bin has had all turns it holds the first ones.
		if held > s.days || int(s.turn[i]) >= s.days || held < s.days && int(s.turn[i]) != held {
			c.Fail("day %d of %d", s.turn[i], s.held[i])
		}
		if c.Err() != nil {
			clear(s.held)
			clear(s.turn)
			return
		}
		s.reach(held)
		for at := range held {
			number(c, &s.mean[at*s.bins+i], greatest)
		}
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
