package calibrate

import (
	"fmt"
	"math"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/coldchain"
)

// Method decides over a stream of p-values so that the expected share of false discoveries among all
// discoveries up to any fixed number of tests is at most α. Each holds under an assumption of its own
// on the p-values of shipments with nothing the matter:
//
//   - LOND (Javanmard and Montanari 2018, as Zrnic, Ramdas and Jordan 2021 give it): positively
//     dependent (PRDS), which conformal p-values of independent shipments against one table are (Bates
//     et al. 2023), and independent ones. The method whose proof covers what one table gives.
//   - LORD++ (Ramdas et al. 2017): independent. It earns levels back by discoveries.
//   - SAFFRON (Ramdas et al. 2018): independent. It spends nothing on p-values above a half.
//   - ELORD (e-LORD, Zhang et al. 2025): each valid given the decisions before it, otherwise arbitrarily
//     dependent, such as p-values of tables that are fitted anew.
//
// Every level falls while nothing is discovered. A level below a table's resolution is reached by
// p-values of the tail's model only: n references cannot vouch for a rarer discovery.
type Method string

// The methods.
const (
	LOND    Method = "lond"
	LORD    Method = "lord++"
	SAFFRON Method = "saffron"
	ELORD   Method = "e-lord"
)

const (
	// maxMarks is how many discoveries a stream remembers. Older ones hardly raise a level; forgetting
	// them lowers it.
	maxMarks = 256
	// wealth is what LORD++ and SAFFRON begin with, of what they may begin with.
	wealth = 0.5
	// candidate is SAFFRON's λ.
	candidate = 0.5
	// spend is the share of what is left that e-LORD spends on a test.
	spend = 0.05
)

// Stream decides over p-values in ledger order. It is not safe for concurrent use.
type Stream struct {
	method Method
	alpha  float64

	tests      int64
	rejections int64
	clock      int64   // tests that moved the sequence of levels on
	marks      []int64 // of the clock at the latest discoveries
	spent      float64 // e-LORD's
}

// Decision is what a stream says of a p-value.
type Decision struct {
	Reject bool
	// Level is what the p-value was compared with, in millionths, rounded down; 0 says that no p-value
	// in millionths could be a discovery.
	Level int64
	// Test counts the p-values from 1, Rejections the discoveries with this one.
	Test, Rejections int64
}

// NewStream starts a stream that keeps the false discovery rate at α, in millionths. The error is
// ErrTable.
func NewStream(m Method, alpha int64) (*Stream, error) {
	if m != LOND && m != LORD && m != SAFFRON && m != ELORD {
		return nil, fmt.Errorf("%w: method %q", ErrTable, m)
	}
	if alpha <= 0 || alpha >= million {
		return nil, fmt.Errorf("%w: a false discovery rate of %d millionths", ErrTable, alpha)
	}
	return &Stream{method: m, alpha: float64(alpha) / million, marks: make([]int64, 0, maxMarks)}, nil
}

// Next decides on the next p-value, in millionths. One that is not positive is none and changes nothing.
func (s *Stream) Next(p int64) Decision {
	if p <= 0 {
		return Decision{Test: s.tests, Rejections: s.rejections}
	}
	level := s.level()
	d := Decision{Reject: float64(p) <= float64(level*million), Level: int64(float64(level * million))}
	s.tests++
	if s.method != SAFFRON || float64(p) > candidate*million {
		s.clock++
	}
	if s.method == ELORD {
		s.spent += level / float64(s.rejections+1)
	}
	if d.Reject {
		if len(s.marks) == maxMarks {
			copy(s.marks, s.marks[1:])
			s.marks = s.marks[:maxMarks-1]
		}
		s.marks = append(s.marks, s.clock)
		s.rejections++
	}
	d.Test, d.Rejections = s.tests, s.rejections
	return d
}

// level is what the next p-value may be at most. It rests on the p-values before it alone.
func (s *Stream) level() float64 {
	switch s.method {
	case LOND:
		return float64(s.alpha*gamma(s.clock+1)) * float64(max(1, s.rejections))
	case ELORD:
		return float64(spend*max(0, s.alpha-s.spent)) * float64(s.rejections+1)
	case LORD:
		return s.invested(s.alpha, gamma)
	case SAFFRON:
		return min(candidate, s.invested((1-candidate)*s.alpha, steep))
	default:
		return 0
	}
}

// invested is the sum of what the beginning and each discovery give to the next test. Beginning and
// first discovery share one budget.
func (s *Stream) invested(budget float64, sequence func(int64) float64) float64 {
	level := float64(float64(wealth*budget) * sequence(s.clock+1))
	forgotten := s.rejections - int64(len(s.marks))
	for i, mark := range s.marks {
		share := budget
		if forgotten == 0 && i == 0 {
			share = (1 - wealth) * budget
		}
		level += float64(share * sequence(s.clock-mark+1))
	}
	return level
}

// gamma is the sequence of Javanmard and Montanari (2018, equation 31), which sums to less than one.
func gamma(j int64) float64 {
	l := coldchain.Ln(float64(max(j, 2)))
	if j == 1 {
		return 0.0772 * l // over 1·e^√(ln 1)
	}
	return float64(0.0772*l) / float64(float64(j)*coldchain.Exp(math.Sqrt(l)))
}

// steep is the sequence of Ramdas et al. (2018), j^-1.6 over its sum, which is 2.2858.
func steep(j int64) float64 {
	return 0.4374 * coldchain.Exp(-float64(1.6*coldchain.Ln(float64(j))))
}

// Code writes or reads the state. Method and α are the stream's own and are not part of it.
func (s *Stream) Code(c *canon.Coder) {
	canon.Int(c, &s.tests)
	canon.Int(c, &s.rejections)
	canon.Int(c, &s.clock)
	marks := s.marks
	canon.Slice(c, &marks, maxMarks, func(c *canon.Coder, v *int64) { canon.Int(c, v) })
	c.Float(&s.spent)
	if !c.Reading() {
		return
	}
	s.marks = append(s.marks[:0], marks...)
	// A state is a function of the p-values before it; what no p-values lead to is refused.
	sane := s.rejections >= 0 && s.clock >= 0 && s.clock <= s.tests && s.rejections <= s.tests &&
		int64(len(s.marks)) == min(s.rejections, maxMarks) && s.spent >= 0 && s.spent <= 1
	for i, m := range s.marks {
		sane = sane && m >= 0 && m <= s.clock && (i == 0 || m >= s.marks[i-1])
	}
	if !sane {
		c.Fail("stream of %d tests and %d discoveries", s.tests, s.rejections)
		s.tests, s.rejections, s.clock, s.marks, s.spent = 0, 0, 0, s.marks[:0], 0
	}
}
