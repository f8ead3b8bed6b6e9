package sensor

import (
	"slices"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/detect"
)

// kind is a test that may doubt readings.
type kind uint8

const (
	kindStuck kind = iota
	kindRail
	kindFlat
	kindClock
	kindUnit
	kinds
)

func (k kind) code() string {
	switch k {
	case kindStuck:
		return CodeStuck
	case kindRail:
		return CodeRail
	case kindFlat:
		return CodeFlatline
	case kindClock:
		return CodeClock
	case kindUnit:
		return CodeUnit
	default:
		return ""
	}
}

// maxDoubts bounds the times kept. Beyond them readings are believed: a doubt too few condemns goods
// that a doubt too many would spare.
const maxDoubts = 16

type doubtSpan struct {
	kind     kind
	from, to int64
}

// doubt is the times in which readings were not to be believed. A reading stands until the next, so
// that a doubted one taints all until then.
type doubt struct {
	spans  [maxDoubts]doubtSpan
	count  int64
	active [kinds]bool
}

// hold lets what is doubted last until now.
func (d *doubt) hold(now int64) {
	for k, on := range d.active {
		if !on {
			continue
		}
		for i := int(d.count) - 1; i >= 0; i-- {
			if s := &d.spans[i]; int(s.kind) == k {
				s.to = max(s.to, now)
				break
			}
		}
	}
}

func (d *doubt) set(k kind, on bool, from, to int64) {
	d.active[k] = on
	if on {
		d.extend(k, from, to)
	}
}

// extend adds a time, joined with the latest of its kind where they touch.
func (d *doubt) extend(k kind, from, to int64) {
	for i := int(d.count) - 1; i >= 0; i-- {
		s := &d.spans[i]
		if s.kind != k {
			continue
		}
		if from <= s.to && to >= s.from {
			s.from, s.to = min(s.from, from), max(s.to, to)
			return
		}
		break
	}
	if d.count < maxDoubts {
		d.spans[d.count] = doubtSpan{k, from, to}
		d.count++
	}
}

// drop forgets a kind.
func (d *doubt) drop(k kind) {
	n := int64(0)
	for _, s := range d.spans[:d.count] {
		if s.kind != k {
			d.spans[n] = s
			n++
		}
	}
	d.count = n
}

// share is how much of a time the spans cover together, in millionths, and the code of the kind that
// covers the most.
func (d *doubt) share(from, to int64) (int64, string) {
	var inside [maxDoubts]doubtSpan
	var by [kinds]int64
	n := 0
	for _, s := range d.spans[:d.count] {
		s.from, s.to = max(s.from, from), min(s.to, to)
		if s.from > s.to {
			continue
		}
		inside[n] = s
		n++
		by[s.kind] += s.to - s.from + 1
	}
	if n == 0 || to < from {
		return 0, ""
	}
	most := kind(0)
	for k := range kinds {
		if by[k] > by[most] {
			most = k
		}
	}
	if to == from {
		return detect.Alarm, most.code()
	}
	slices.SortFunc(inside[:n], func(a, b doubtSpan) int {
		switch {
		case a.from < b.from:
			return -1
		case a.from > b.from:
			return 1
		default:
			return 0
		}
	})
	covered, end := int64(0), from
	for _, s := range inside[:n] {
		covered += max(0, s.to-max(s.from, end))
		end = max(end, s.to)
	}
	return min(detect.Alarm, per(covered, to-from)), most.code()
}

func (d *doubt) code(c *canon.Coder) {
	canon.Int(c, &d.count)
	if d.count < 0 || d.count > maxDoubts {
		c.Fail("%d doubts", d.count)
		d.count = 0
	}
	for i := range d.spans[:d.count] {
		s := &d.spans[i]
		canon.Uint(c, &s.kind)
		canon.Int(c, &s.from)
		canon.Int(c, &s.to)
		if s.kind >= kinds || s.from < -farthest || s.to > farthest {
			c.Fail("doubt of kind %d", s.kind)
			s.kind = 0
		}
	}
	for i := range d.active {
		c.Bool(&d.active[i])
	}
}
