package journey

import (
	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Log keeps a journey's readings as it goes, in bounded memory: when it is full, two points each
// become one, their mean at the time of the first.
type Log struct {
	limit int
	each  int64 // readings that make a point
	held  Readings

	sum   int64
	count int64
	since ledger.Millis // of the point that is being made
}

// NewLog starts a log of at most limit points, 64 to Most.
func NewLog(limit int) (*Log, error) {
	if limit < 64 || limit > Most {
		return nil, ErrParams
	}
	return &Log{limit: limit &^ 1, each: 1}, nil
}

// Observe takes the next reading, in thousandths of the quantity's unit. A time before the last
// one's is taken as the last one's.
func (l *Log) Observe(at ledger.Millis, value int32) {
	at = max(-mostTime, min(mostTime, at))
	if n := len(l.held.Times); l.count == 0 && n > 0 {
		at = max(at, l.held.Times[n-1])
	}
	if l.count == 0 {
		l.since = at
	}
	l.sum += int64(value)
	l.count++
	if l.count < l.each {
		return
	}
	if len(l.held.Times) == l.limit {
		l.halve() // what was a point is now the first half of one
		return
	}
	l.close()
}

func (l *Log) close() {
	l.held.Times = append(l.held.Times, l.since)
	l.held.Values = append(l.held.Values, int32(nearestQuotient(l.sum, l.count))) //nolint:gosec // a mean of int32 values
	l.sum, l.count = 0, 0
}

func (l *Log) halve() {
	h := l.held
	for i := range l.limit / 2 {
		h.Times[i] = h.Times[2*i]
		h.Values[i] = int32(nearestQuotient(int64(h.Values[2*i])+int64(h.Values[2*i+1]), 2)) //nolint:gosec // as above
	}
	l.held = Readings{Times: h.Times[:l.limit/2], Values: h.Values[:l.limit/2]}
	l.each *= 2
}

// Readings gives the points so far; they are the log's own. The last few readings, too few for a
// point, make one of their own.
func (l *Log) Readings() Readings {
	if l.count == 0 {
		return l.held
	}
	n := len(l.held.Times)
	out := Readings{
		Times:  append(l.held.Times[:n:n], l.since),
		Values: append(l.held.Values[:n:n], int32(nearestQuotient(l.sum, l.count))), //nolint:gosec // as above
	}
	if n+1 > Most {
		out.Times, out.Values = out.Times[:Most], out.Values[:Most]
	}
	return out
}

// Code writes or reads the state. Restore into a log of the same limit.
func (l *Log) Code(c *canon.Coder) {
	canon.Int(c, &l.each)
	n := c.Len(len(l.held.Times), l.limit)
	if c.Reading() {
		l.held = Readings{Times: make([]ledger.Millis, n), Values: make([]int32, n)}
	}
	var before ledger.Millis
	for i := range n {
		step := l.held.Times[i] - before
		canon.Int(c, &step)
		if c.Reading() {
			if i > 0 && step < 0 || step > 2*mostTime || step < -2*mostTime || size(int64(before+step)) > mostTime {
				c.Fail("time of point %d", i)
				l.held = Readings{}
				return
			}
			l.held.Times[i] = before + step
		}
		before = l.held.Times[i]
		canon.Int(c, &l.held.Values[i])
	}
	canon.Int(c, &l.sum)
	canon.Int(c, &l.count)
	canon.Int(c, &l.since)
	if l.each < 1 || l.each > 1<<31 || l.count < 0 || l.count >= l.each || size(l.sum) > l.count<<31 {
		c.Fail("log of %d readings a point, %d under way", l.each, l.count)
		*l = Log{limit: l.limit, each: 1}
		return
	}
	if l.count > 0 && (size(int64(l.since)) > mostTime || n > 0 && l.since < before) {
		c.Fail("time of the point under way")
		*l = Log{limit: l.limit, each: 1}
	}
}
