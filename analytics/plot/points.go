package plot

import (
	"math"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// maxBins is how many bins a series is kept in at most.
const maxBins = 4096

// Points keeps a series for drawing: as many readings as there are bins one by one, longer ones as
// bins of equal numbers of readings with their first, last, lowest and highest.
type Points struct {
	bins []bin
	per  int // readings in a bin
	open int // readings in the last one
}

type bin struct {
	at, to                 float64 // seconds since 1970
	first, last, low, high float64
}

// Add takes the next reading. What is no finite number is left out.
func (p *Points) Add(at ledger.Millis, value float64) {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return
	}
	t := float64(at) / 1000
	p.per = max(p.per, 1)
	if n := len(p.bins); n > 0 && p.open < p.per {
		b := &p.bins[n-1]
		b.to, b.last, b.low, b.high = t, value, min(b.low, value), max(b.high, value)
		p.open++
		return
	}
	if len(p.bins) == maxBins {
		for i := range maxBins / 2 {
			a, b := p.bins[2*i], p.bins[2*i+1]
			p.bins[i] = bin{a.at, b.to, a.first, b.last, min(a.low, b.low), max(a.high, b.high)}
		}
		p.bins = p.bins[:maxBins/2]
		p.per *= 2
	}
	p.bins = append(p.bins, bin{t, t, value, value, value, value})
	p.open = 1
}

// Len is the number of bins.
func (p *Points) Len() int { return len(p.bins) }

func (p *Points) span() (from, to float64, ok bool) {
	if len(p.bins) == 0 {
		return 0, 0, false
	}
	from, to = math.Inf(1), math.Inf(-1)
	for _, b := range p.bins {
		from, to = min(from, b.at, b.to), max(to, b.at, b.to)
	}
	return from, to, true
}

func (p *Points) extremes() (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, b := range p.bins {
		low, high = min(low, b.low), max(high, b.high)
	}
	return low, high
}
