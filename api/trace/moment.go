package trace

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Moment is a place in the order of events: by event time, then by hash, whatever the order in which
// they were recorded.
type Moment struct {
	At   ledger.Millis
	Hash ledger.Digest
	// After says that it lies just after the event of the hash and before any other.
	After bool
}

// Compare orders moments.
func (m Moment) Compare(o Moment) int {
	if c := cmp.Compare(m.At, o.At); c != 0 {
		return c
	}
	if c := bytes.Compare(m.Hash[:], o.Hash[:]); c != 0 {
		return c
	}
	switch {
	case m.After == o.After:
		return 0
	case o.After:
		return -1
	}
	return 1
}

func (m Moment) before(o Moment) bool { return m.Compare(o) < 0 }

func (m Moment) next() Moment { m.After = true; return m }

func beginning() Moment { return Moment{At: math.MinInt64} }

func forever() Moment { return after(math.MaxInt64) }

// after is the moment after every event of a time.
func after(at ledger.Millis) Moment {
	m := Moment{At: at, After: true}
	for i := range m.Hash {
		m.Hash[i] = 0xff
	}
	return m
}

// Window is the moments from From, inclusive, until Until, exclusive.
type Window struct{ From, Until Moment }

func (w Window) empty() bool { return !w.From.before(w.Until) }

func (w Window) meet(o Window) Window {
	if w.From.before(o.From) {
		w.From = o.From
	}
	if o.Until.before(w.Until) {
		w.Until = o.Until
	}
	return w
}

func (w Window) holds(m Moment) bool { return !m.before(w.From) && m.before(w.Until) }

func always() Window { return Window{From: beginning(), Until: forever()} }

func point(m Moment) Window { return Window{From: m, Until: m.next()} }

// windows are disjoint and in order, with a gap between any two.
type windows []Window

// add gives the union with a window, and whether it is more than before.
func (ws windows) add(w Window) (windows, bool) {
	if w.empty() {
		return ws, false
	}
	if len(ws) == 1 && !w.From.before(ws[0].From) && !ws[0].Until.before(w.Until) {
		return ws, false
	}
	first := slices.IndexFunc(ws, func(o Window) bool { return !o.Until.before(w.From) })
	if first < 0 {
		return append(slices.Clone(ws), w), true
	}
	last := first
	for last < len(ws) && !w.Until.before(ws[last].From) {
		last++
	}
	if last == first+1 && !w.From.before(ws[first].From) && !ws[first].Until.before(w.Until) {
		return ws, false
	}
	if last > first {
		if ws[first].From.before(w.From) {
			w.From = ws[first].From
		}
		if w.Until.before(ws[last-1].Until) {
			w.Until = ws[last-1].Until
		}
	}
	return slices.Concat(ws[:first], windows{w}, ws[last:]), true
}

// meet gives what of a window they cover.
func (ws windows) meet(w Window) (met windows) {
	for _, o := range ws {
		if m := o.meet(w); !m.empty() {
			met = append(met, m)
		}
	}
	return met
}

func (ws windows) hold(m Moment) bool {
	return slices.ContainsFunc(ws, func(w Window) bool { return w.holds(m) })
}

// end is the moment before which they end; the beginning of time if they are empty.
func (ws windows) end() Moment {
	if len(ws) == 0 {
		return beginning()
	}
	return ws[len(ws)-1].Until
}

// At is a time as questions have it.
func At(t time.Time) *ledger.Millis {
	at := ledger.MillisOf(t)
	return &at
}
