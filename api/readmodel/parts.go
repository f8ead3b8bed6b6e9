package readmodel

import (
	"cmp"
	"database/sql"
	"maps"
	"math"
	"slices"
)

// candidate is an entry that may be in the result, with what the result is ordered by.
type candidate struct{ key, pos int64 }

// orderBy is what the result is ordered by; entries that compare equal come in the order of positions.
type orderBy uint8

const (
	byPosition orderBy = iota
	byEventTime
	byRecordTime
	orders
)

type order struct {
	by         orderBy
	descending bool
}

func (o order) compare(a, b candidate) int {
	c := cmp.Compare(a.key, b.key)
	if o.descending {
		c = -c
	}
	return cmp.Or(c, cmp.Compare(a.pos, b.pos))
}

// part is a part of the index, or all that waits to be in one.
type part struct {
	name      int64 // position of the last entry
	entries   int
	low, high [orders]int64 // of each order's key
	waiting   bool
	columns
	found set // the entries that meet every clause and time; nil for none
}

// keys are the column by which the result is ordered.
func (p *part) keys(by orderBy) []int64 {
	switch by {
	case byEventTime:
		return p.eventTimes
	case byRecordTime:
		return p.recorded
	case byPosition, orders:
	}
	return p.positions
}

// readParts finds which parts may have something, and adds one for all that waits.
func (s *selection) readParts() error {
	all := s.cache.known(s.genesis, s.height)
	known, last := len(all), int64(-1)
	if known > 0 {
		last = all[known-1].name
	}
	err := each(s.ctx, s.tx, func(rows *sql.Rows) error {
		var p part
		err := rows.Scan(&p.name, &p.low[byPosition], &p.entries, &p.low[byEventTime], &p.high[byEventTime], &p.low[byRecordTime], &p.high[byRecordTime])
		if err != nil {
			return err
		}
		p.high[byPosition] = p.name
		if p.entries <= 0 || int64(p.entries) > p.name-p.low[byPosition]+1 {
			return corruptIndex("parts")
		}
		all = append(all, p)
		return nil
	}, `SELECT part, first, entries, event_low, event_high, recorded_low, recorded_high FROM index_parts WHERE part > ? ORDER BY part`, last)
	if err != nil {
		return err
	}
	s.cache.learn(s.genesis, known, all[known:])
	last = -1
	for _, p := range all {
		if p.low[byPosition] > s.asOf {
			break
		}
		last = p.name
		if s.event.meets(p.low[byEventTime], p.high[byEventTime]) && s.recorded.meets(p.low[byRecordTime], p.high[byRecordTime]) {
			s.parts = append(s.parts, &p)
		}
	}
	if last < s.asOf {
		p := &part{waiting: true}
		for by := range orders {
			p.low[by], p.high[by] = math.MinInt64, math.MaxInt64
		}
		p.low[byPosition] = last + 1
		s.parts = append(s.parts, p)
	}
	return nil
}

// candidates gives those that come first after a place, in order, at most so many; done says that
// there are no more. It looks into the parts in the order of what they may begin with, and stops when
// none of the others can hold anything that comes before what was found.
func (s *selection) candidates(at place, most int) (found []candidate, done bool, err error) {
	after := candidate{at.key, at.pos}
	if s.order.by == byPosition {
		after.key = at.pos
	}
	var parts []*part
	for _, p := range s.parts {
		if !at.begun || s.order.descending && p.low[s.order.by] <= after.key || !s.order.descending && p.high[s.order.by] >= after.key {
			parts = append(parts, p)
		}
	}
	slices.SortStableFunc(parts, func(a, b *part) int { return s.begin(a, b) })
	window, more := 1, false
	looked, seen := 0, 0
	for len(parts) > 0 {
		if len(found) >= most && !s.mayPrecede(parts[0], found[most-1]) {
			return found, false, nil
		}
		some := parts[:min(window, len(parts))]
		parts = parts[len(some):]
		if err := s.look(some); err != nil {
			return nil, false, err
		}
		for _, p := range some {
			full := len(found) >= most // and in order
			for n := range p.found.each {
				c := candidate{p.keys(s.order.by)[n], p.positions[n]}
				if at.begun && s.order.compare(c, after) <= 0 || c.pos > s.asOf {
					continue
				}
				seen++
				if full && s.order.compare(c, found[most-1]) > 0 {
					more = true
					continue
				}
				found = append(found, c)
			}
			p.found, p.columns = nil, columns{}
			slices.SortFunc(found, s.order.compare)
			if len(found) > most {
				found, more = found[:most], true
			}
		}
		looked += len(some)
		window = s.nextWindow(looked, seen, most)
	}
	return found, !more, nil
}

// nextWindow is how many parts to look into after those that were: as many as will do if they hold as much
// as those, since each look asks the database anew.
func (s *selection) nextWindow(looked, seen, most int) int {
	if seen == 0 {
		return s.bounds.window
	}
	const margin = 4 // one part more for so many
	wanted := (max(0, most-seen)*looked + seen - 1) / seen
	return min(max(1, wanted+wanted/margin), s.bounds.window)
}

func (s *selection) begin(a, b *part) int {
	if s.order.descending {
		return cmp.Compare(b.high[s.order.by], a.high[s.order.by])
	}
	return cmp.Compare(a.low[s.order.by], b.low[s.order.by])
}

// mayPrecede tells whether a part may hold something that comes before c.
func (s *selection) mayPrecede(p *part, c candidate) bool {
	if s.order.descending {
		return p.high[s.order.by] >= c.key
	}
	return p.low[s.order.by] <= c.key
}

// look finds the entries of parts that meet every clause and time, with their columns.
func (s *selection) look(parts []*part) error {
	alive := make(map[int64]*part, len(parts))
	for _, p := range parts {
		if p.waiting {
			if err := s.lookAtWaiting(p); err != nil {
				return err
			}
			continue
		}
		p.found = newSet(p.entries)
		p.found.fill(p.entries)
		alive[p.name] = p
	}
	for i := range s.clauses {
		if len(alive) == 0 {
			return nil
		}
		if err := s.keep(&s.clauses[i], alive); err != nil {
			return err
		}
	}
	if err := s.readColumns(alive, s.order.by == byEventTime, s.order.by == byRecordTime); err != nil {
		return err
	}
	for _, p := range alive {
		if !s.event.covers(p.low[byEventTime], p.high[byEventTime]) {
			p.within(s.event, p.eventTimes)
		}
		if !s.recorded.covers(p.low[byRecordTime], p.high[byRecordTime]) {
			p.within(s.recorded, p.recorded)
		}
	}
	return nil
}

func (p *part) within(b between, times []int64) {
	for n := range p.found.each {
		if !b.contains(times[n]) {
			p.found[n/64] &^= 1 << (n % 64)
		}
	}
}

// lookAtWaiting reads what waits to be in a part.
func (s *selection) lookAtWaiting(p *part) error {
	*p = part{waiting: true, name: p.name, low: p.low, high: p.high}
	err := each(s.ctx, s.tx, func(rows *sql.Rows) error {
		b, err := scanWaiting(rows)
		if err != nil {
			return err
		}
		return b.each(func(e entry) {
			if !s.event.contains(e.eventTime) || !s.recorded.contains(e.recordedAt) {
				return
			}
			for i := range s.clauses {
				if !s.clauses[i].holds(e) {
					return
				}
			}
			p.add(e)
			p.entries++
		})
	}, questionWaiting+" WHERE block >= ? AND block <= ? ORDER BY block", p.low[byPosition]>>indexBits, s.asOf>>indexBits)
	if err != nil {
		return err
	}
	p.found = newSet(p.entries)
	p.found.fill(p.entries)
	return nil
}

// keep leaves in each part what a clause holds, and the parts that have any.
func (s *selection) keep(c *clause, alive map[int64]*part) error {
	held := make(map[int64]set, len(alive))
	in := func(name int64) (*part, set) {
		p := alive[name]
		if p == nil {
			return nil, nil
		}
		if held[name] == nil {
			held[name] = newSet(p.entries)
		}
		return p, held[name]
	}
	names := slices.Sorted(maps.Keys(alive))
	err := s.readMembers(c.terms, names, nil, func(name int64, members []byte) error {
		p, to := in(name)
		return to.addMembers(members, p.entries)
	})
	if err != nil {
		return err
	}
	if n := c.numbers; n != nil {
		err = s.readMembers([]int64{n.field}, names, n, func(name int64, members []byte) error {
			p, to := in(name)
			return to.addNumbers(members, p.entries, n.wants)
		})
		if err != nil {
			return err
		}
	}
	if err := s.keepPositions(c, alive, in); err != nil {
		return err
	}
	for name, p := range alive {
		if held[name] == nil || !p.found.keep(held[name]) {
			p.found = nil
			delete(alive, name)
		}
	}
	return nil
}

// cachedKeys bounds the keys of one question whose rows are kept: more would drive out what others ask.
const cachedKeys = 16

// readMembers gives the rows of keys in parts; with numbers, those rows that may have a wanted one.
func (s *selection) readMembers(keys, parts []int64, numbers *numberClause, yield func(part int64, members []byte) error) error {
	low, high := 0.0, 0.0
	if numbers != nil {
		low, high = numbers.low, numbers.high
	}
	missing := make(map[int64][]int64, len(keys)) // of each key
	var unknown []int64
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for _, key := range keys {
		rest := parts
		if len(keys) <= cachedKeys {
			var err error
			if rest, err = s.cache.members(s.genesis, numbers != nil, key, parts, low, high, yield); err != nil {
				return err
			}
		}
		if len(rest) > 0 {
			missing[key], unknown = rest, append(unknown, key)
			first, last = min(first, rest[0]), max(last, rest[len(rest)-1])
		}
	}
	read := map[memberKey]memberRow{}
	const atOnce = 512
	for some := range slices.Chunk(unknown, atOnce) {
		var w where
		question := "SELECT term, part, members FROM index_terms"
		column := "term"
		if numbers != nil {
			// The bounds of the others are kept too: whoever asks for a number knows then that it is not there.
			question = "SELECT field, part, CASE WHEN high >= ? AND low <= ? THEN members END, low, high FROM index_numbers"
			w.args, column = []any{low, high}, "field"
		}
		among(&w, column, some)
		w.add("part >= ? AND part <= ?", first, last)
		err := each(s.ctx, s.tx, func(rows *sql.Rows) error {
			k := memberKey{numbers: numbers != nil}
			var row memberRow
			var members sql.RawBytes
			to := []any{&k.key, &k.part, &members}
			if numbers != nil {
				to = append(to, &row.low, &row.high)
			}
			if err := rows.Scan(to...); err != nil {
				return err
			}
			if _, ok := slices.BinarySearch(missing[k.key], k.part); !ok {
				return nil
			}
			if len(keys) <= cachedKeys {
				row.members = slices.Clone([]byte(members)) // nil stays nil
				read[k] = row
			}
			if members == nil {
				return nil
			}
			return yield(k.part, members)
		}, question+w.String(), w.args...)
		if err != nil {
			return err
		}
	}
	if len(keys) <= cachedKeys {
		for key, rest := range missing {
			s.cache.putMembers(s.genesis, numbers != nil, key, rest, read)
		}
	}
	return nil
}

// keepPositions adds the entries at the positions that a clause lists.
func (s *selection) keepPositions(c *clause, alive map[int64]*part, in func(name int64) (*part, set)) error {
	if len(c.positions) == 0 {
		return nil
	}
	concerned := map[int64]*part{}
	for name, p := range alive {
		if i, _ := slices.BinarySearch(c.positions, p.low[byPosition]); i < len(c.positions) && c.positions[i] <= name {
			concerned[name] = p
		}
	}
	if err := s.readColumns(concerned, false, false); err != nil {
		return err
	}
	for name, p := range concerned {
		_, to := in(name)
		from, _ := slices.BinarySearch(c.positions, p.low[byPosition])
		for _, pos := range c.positions[from:] {
			if pos > name {
				break
			}
			if n, ok := slices.BinarySearch(p.positions, pos); ok {
				to.add(n)
			}
		}
	}
	return nil
}

// readColumns reads the positions of parts, and those times that are asked for or that their bounds do
// not answer.
func (s *selection) readColumns(parts map[int64]*part, eventTimes, recorded bool) error {
	for _, p := range parts {
		eventTimes = eventTimes || !s.event.covers(p.low[byEventTime], p.high[byEventTime])
		recorded = recorded || !s.recorded.covers(p.low[byRecordTime], p.high[byRecordTime])
	}
	var names []int64
	for name, p := range parts {
		p.columns = s.cache.get(s.genesis, name)
		if p.positions == nil || eventTimes && p.eventTimes == nil || recorded && p.recorded == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	wanted := "part, positions"
	if recorded {
		wanted += ", recorded"
	}
	if eventTimes {
		wanted += ", event_times"
	}
	for some := range slices.Chunk(names, 128) {
		var w where
		among(&w, "part", some)
		err := each(s.ctx, s.tx, func(rows *sql.Rows) error {
			var name int64
			var raw [3]sql.RawBytes
			to := []any{&name, &raw[0]}
			if recorded {
				to = append(to, &raw[1])
			}
			if eventTimes {
				to = append(to, &raw[2])
			}
			err := rows.Scan(to...)
			if err != nil {
				return err
			}
			p := parts[name]
			for i, column := range []*[]int64{&p.positions, &p.recorded, &p.eventTimes} {
				if raw[i] == nil {
					continue
				}
				if *column, err = unpacked(raw[i], p.entries); err != nil {
					return err
				}
			}
			s.cache.put(s.genesis, name, p.columns)
			return nil
		}, "SELECT "+wanted+" FROM index_parts"+w.String(), w.args...)
		if err != nil {
			return err
		}
	}
	return nil
}
