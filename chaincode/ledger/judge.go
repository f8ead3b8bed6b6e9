package ledger

import (
	"bytes"
	"cmp"
	"math/bits"
	"slices"
	"strconv"
	"time"
)

// Shelf answers what the rules ask beside the item's own steps, as a transaction sees it.
type Shelf interface {
	// Place gives a registered place, nil if neither it nor the location that it is a part of is registered.
	Place(id string) (*MasterDatum, error)
	// Lane gives the lane between two places, nil if none is registered.
	Lane(from, to string) (*Lane, error)
	// Item gives the state of another item.
	Item(epc string) (ItemState, error)
}

// leastJourney is the distance in metres below which no journey is judged: within it lie the halls of one
// site and the errors of registered positions.
const leastJourney = 1_000

// Wants lists what Judge will ask the shelf for, so that it can be read in bulk: places, lanes as pairs
// of from and to, and other items.
func (s ItemState) Wants(book Rulebook) (places []string, lanes [][2]string, items []string) {
	var seen *Step
	for i := range s.Steps {
		t := &s.Steps[i]
		if t.Place == "" || !book.journeys() {
			continue
		}
		if seen != nil && seen.Place != t.Place {
			places = append(places, PlaceKeys(seen.Place)...)
			places = append(places, PlaceKeys(t.Place)...)
			if book.Lanes {
				lanes = append(lanes, [2]string{seen.Place, t.Place})
			}
		}
		seen = t
	}
	if t, ok := s.Awaited(); ok && book.Lanes && t.Place != "" && t.To != "" {
		lanes = append(lanes, [2]string{t.Place, t.To})
	}
	for _, c := range s.repackings() {
		items = append(items, s.Steps[c[0]].Container, s.Steps[c[1]].Container)
	}
	return places, lanes, items
}

// journeys reports whether journeys are judged at all.
func (r Rulebook) journeys() bool { return r.Places && (r.Lanes || r.Rules.MaxSpeed > 0) }

// Judge gives the findings on the item: a function of its steps, of what is registered and, for what is
// overdue, of the transaction's time. It gives them in the order of Open, each once.
func (s ItemState) Judge(book Rulebook, shelf Shelf, now Millis) ([]Finding, error) {
	if len(s.Steps) == 0 {
		return nil, nil
	}
	j := judge{item: s, book: book, shelf: shelf, now: now}
	j.lives()
	j.custody()
	if err := j.containers(); err != nil {
		return nil, err
	}
	if err := j.shippings(); err != nil {
		return nil, err
	}
	if book.journeys() {
		if err := j.journeys(); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(j.found, func(a, b Finding) int { return a.Ref().compare(b.Ref()) })
	return slices.CompactFunc(j.found, func(a, b Finding) bool { return a.Ref() == b.Ref() }), nil
}

func (r FindingRef) compare(o FindingRef) int {
	return cmp.Or(cmp.Compare(r.Code, o.Code), bytes.Compare(r.Event[:], o.Event[:]))
}

// Docket is a rule's results on one subject, beside what was open of it before.
type Docket struct {
	Item string
	Open []FindingRef // before
	Now  []Finding    // in the order of Open
	// Lost reports whether what a finding rests on is out of the rules' sight: neither held nor given up.
	Lost func(Finding) bool
	// Unit is that of an account; empty of an item. A finding that its event raises in several units is the
	// one of the least of them; Elsewhere gives that of the other units, nil if it holds in none.
	Unit      string
	Elsewhere func(event Digest) (*Finding, error)
}

// Docket makes the docket of an item. declared tells of an event whether its recorder has declared it in
// error; such a one is not out of sight but gone.
func (s ItemState) Docket(now []Finding, declared func(Digest) bool) Docket {
	return Docket{Item: s.EPC, Open: s.Open, Now: now, Lost: func(f Finding) bool {
		gone := func(d Digest) bool { return !d.IsZero() && !s.knows(d) && !declared(d) }
		return gone(f.Event) || gone(f.Other)
	}}
}

// Docket makes the docket of an account.
func (a Account) Docket(id AccountID, declared func(Digest) bool) Docket {
	return Docket{Item: id.Class, Open: a.Open, Now: a.Judge(id), Unit: id.unit(), Lost: func(f Finding) bool {
		return !a.knows(f.Event) && !declared(f.Event)
	}}
}

// Settle gives the findings of a docket that change, and those that are open afterwards and whose event
// is still in sight. recorded gives what is recorded of a finding, nil if nothing.
func (d Docket) Settle(recorded func(FindingRef) (*Finding, error), by Digest, tx Tx) (changed []Finding, open []FindingRef, err error) {
	note := func(ref FindingRef, now *Finding) error {
		before, err := recorded(ref)
		if err != nil {
			return err
		}
		holds := now != nil
		switch {
		case before == nil || !before.Open():
		case before.Unit != d.Unit && d.Unit != "" && (!holds || before.Unit < d.Unit):
			if holds {
				open = append(open, ref)
			}
			return nil
		case !holds && d.Lost(*before):
			open = append(open, ref)
			return nil
		case !holds && d.Elsewhere != nil:
			if now, err = d.Elsewhere(ref.Event); err != nil {
				return err
			}
		}
		after, did := Settle(before, now, by, tx)
		if did {
			changed = append(changed, after)
		}
		if holds {
			open = append(open, ref)
		}
		return nil
	}
	for _, ref := range d.Open {
		if _, holds := d.now(ref); !holds {
			if err := note(ref, nil); err != nil {
				return nil, nil, err
			}
		}
	}
	for i := range d.Now {
		if err := note(d.Now[i].Ref(), &d.Now[i]); err != nil {
			return nil, nil, err
		}
	}
	slices.SortFunc(open, FindingRef.compare)
	return changed, open, nil
}

func (d Docket) now(ref FindingRef) (int, bool) {
	return slices.BinarySearchFunc(d.Now, ref, func(f Finding, r FindingRef) int { return f.Ref().compare(r) })
}

// Refs lists every finding that the docket may change.
func (d Docket) Refs() []FindingRef {
	out := slices.Clone(d.Open)
	for _, f := range d.Now {
		if !slices.Contains(d.Open, f.Ref()) {
			out = append(out, f.Ref())
		}
	}
	return out
}

// InSight drops the findings whose event is no longer among the steps: an item names the others only.
func (s ItemState) InSight(open []FindingRef) []FindingRef {
	return slices.DeleteFunc(open, func(r FindingRef) bool { return !s.knows(r.Event) })
}

// InSight drops the findings whose event is no longer among the moves.
func (a Account) InSight(open []FindingRef) []FindingRef {
	return slices.DeleteFunc(open, func(r FindingRef) bool { return !a.knows(r.Event) })
}

type judge struct {
	item  ItemState
	book  Rulebook
	shelf Shelf
	now   Millis
	found []Finding
}

func (j *judge) add(f Finding) { j.found = append(j.found, f) }

// lives looks at births and deaths. Only what lies strictly after a death moves after it, so that
// events of one moment need no order.
func (j *judge) lives() {
	steps := j.item.Steps
	endedBetween := func(from, to Millis) bool {
		return slices.ContainsFunc(steps, func(t Step) bool { return t.Acts.Has(ActEnds) && t.At >= from && t.At <= to })
	}
	bornBetween := func(after, to Millis) bool {
		return slices.ContainsFunc(steps, func(t Step) bool { return t.Acts.Has(ActCommissions) && t.At > after && t.At <= to })
	}
	var born, ended *Step
	for i := range steps {
		t := &steps[i]
		if t.Acts.Has(ActCommissions) {
			if born != nil && !endedBetween(born.At, t.At) {
				j.add(newFinding(FindingCommissionedTwice, j.item.EPC, t.Event, born.Event,
					"The item was commissioned by %s at %s and by %s at %s and not decommissioned between.", born.By, stamp(born.At), t.By, stamp(t.At)))
			}
			born = t
		}
		if t.Acts.Has(ActMoves) && ended != nil && ended.At < t.At && !bornBetween(ended.At, t.At) {
			j.add(newFinding(FindingMovedAfterDecommission, j.item.EPC, t.Event, ended.Event,
				"The item was decommissioned at %s and moved at %s.", stamp(ended.At), stamp(t.At)))
		}
		// What is consumed and produced in one goes on living.
		if t.Acts.Has(ActEnds) && !t.Acts.Has(ActCommissions) {
			ended = t
		}
	}
}

// holderBefore gives the last step before the i-th that shows who holds the item, nil if none does.
func (j *judge) holderBefore(i int) *Step {
	for k := i - 1; k >= 0; k-- {
		if j.item.Steps[k].Acts.Has(ActHolds) {
			return &j.item.Steps[k]
		}
	}
	return nil
}

// heldAt reports whether another step of the same moment shows that the organisation holds the item.
func (j *judge) heldAt(at Millis, by string) bool {
	return slices.ContainsFunc(j.item.Steps, func(t Step) bool { return t.At == at && t.By == by && t.Acts.Has(ActHolds) })
}

// custody looks at who ships and who receives. What lies in a container is in the hands of whoever holds
// the container, and goes with it.
func (j *judge) custody() {
	in := j.item.withinBefore()
	carried := in != "" // carried: in a container at some time since the last holder
	shipped := false
	for i, t := range j.item.Steps {
		before := in
		in = t.within(in)
		carried = carried || before != "" || in != ""
		if t.Acts.Has(ActShips) {
			shipped = true
			if h := j.holderBefore(i); h != nil && h.By != t.By && in == "" && !j.heldAt(t.At, t.By) {
				j.add(newFinding(FindingShippedByNonHolder, j.item.EPC, t.Event, h.Event,
					"%s shipped the item at %s while %s held it since %s.", t.By, stamp(t.At), h.By, stamp(h.At)))
			}
		}
		if t.Acts.Has(ActReceives) && !shipped && !carried && !j.shippedAt(t.At) {
			h := j.holderBefore(i)
			switch {
			case h != nil && h.By != t.By && !j.heldBefore(i, t.By):
				j.add(newFinding(FindingReceivedWithoutShipping, j.item.EPC, t.Event, h.Event,
					"%s received the item at %s; %s held it since %s and no shipping of it is recorded.", t.By, stamp(t.At), h.By, stamp(h.At)))
			case h == nil && j.book.Rules.StrictReceipts && len(j.item.Steps) < MaxItemSteps:
				j.add(newFinding(FindingReceivedWithoutShipping, j.item.EPC, t.Event, Digest{},
					"%s received the item at %s; no earlier shipping of it is recorded.", t.By, stamp(t.At)))
			}
		}
		if t.Acts.Has(ActHolds) {
			shipped, carried = t.Acts.Has(ActShips), in != ""
		}
	}
}

// shippedAt reports whether the item was shipped, or was in a container, at a moment.
func (j *judge) shippedAt(at Millis) bool {
	return slices.ContainsFunc(j.item.Steps, func(t Step) bool { return t.At == at && t.Acts.Has(ActShips|ActPacks|ActTied) })
}

// heldBefore reports whether the organisation held the item at the moment of the step before i that shows
// the latest holder.
func (j *judge) heldBefore(i int, by string) bool {
	h := j.holderBefore(i)
	return h != nil && j.heldAt(h.At, by)
}

// repackings gives pairs of steps that see the item in two containers without its being taken out between.
func (s ItemState) repackings() [][2]int {
	var pairs [][2]int
	last := -1
	for i, t := range s.Steps {
		if t.Acts.Has(ActUnpacks | ActEnds | ActCommissions) {
			last = -1
		}
		if !t.Acts.Has(ActPacks) {
			continue
		}
		if last >= 0 && s.Steps[last].Container != t.Container && !s.takenOutAt(t.At) {
			pairs = append(pairs, [2]int{last, i})
		}
		last = i
	}
	return pairs
}

// takenOutAt reports whether the item was unpacked at a moment.
func (s ItemState) takenOutAt(at Millis) bool {
	return slices.ContainsFunc(s.Steps, func(t Step) bool { return t.At == at && t.Acts.Has(ActUnpacks) })
}

// containers looks at packing. No two places are a container and what it lies in itself, nor one that
// was emptied as a whole before.
func (j *judge) containers() error {
	for _, pair := range j.item.repackings() {
		p, t := j.item.Steps[pair[0]], j.item.Steps[pair[1]]
		former, err := j.shelf.Item(p.Container)
		if err != nil {
			return err
		}
		latter, err := j.shelf.Item(t.Container)
		if err != nil {
			return err
		}
		emptied := slices.ContainsFunc(former.Steps, func(e Step) bool {
			return e.Acts.Has(ActEmpties|ActEnds) && e.At >= p.At && e.At <= t.At
		})
		if emptied || former.WithinAt(t.At) == t.Container || latter.WithinAt(t.At) == p.Container {
			continue
		}
		j.add(newFinding(FindingPackedTwice, j.item.EPC, t.Event, p.Event,
			"The item was packed in %s at %s and in %s at %s and not unpacked between.", p.Container, stamp(p.At), t.Container, stamp(t.At)))
	}
	return nil
}

// shippings looks at where shippings go and whether they arrive.
func (j *judge) shippings() error {
	in, last := j.item.withinBefore(), -1
	for i, t := range j.item.Steps {
		in = t.within(in)
		if !t.Acts.Has(ActShips) || in != "" {
			continue
		}
		if last >= 0 {
			p := j.item.Steps[last]
			if p.To != "" && t.To != "" && p.To != t.To && !j.endedBetween(p, t) {
				j.add(newFinding(FindingReshipped, j.item.EPC, t.Event, p.Event,
					"The item was shipped to %s at %s and, before it was received, to %s at %s.", p.To, stamp(p.At), t.To, stamp(t.At)))
			}
		}
		last = i
	}
	t, ok := j.item.Awaited()
	if !ok {
		return nil
	}
	window := j.book.Rules.Window
	if j.book.Lanes && t.Place != "" && t.To != "" {
		lane, err := j.shelf.Lane(t.Place, t.To)
		if err != nil {
			return err
		}
		if lane != nil && lane.Window > 0 {
			window = lane.Window
		}
	}
	open := slices.Contains(j.item.Open, FindingRef{FindingNotReceived, t.Event})
	if window == 0 || j.now <= t.At+window && !open {
		return nil
	}
	to := ""
	if t.To != "" {
		to = " to " + t.To
	}
	j.add(newFinding(FindingNotReceived, j.item.EPC, t.Event, Digest{},
		"%s shipped the item%s at %s; it was due within %s, by %s, and is not received.", t.By, to, stamp(t.At), span(window), stamp(t.At+window)).
		measured(0, int64(window), "ms"))
	return nil
}

// endedBetween reports whether the waiting for a shipping was over when the next one began.
func (j *judge) endedBetween(p, next Step) bool {
	return slices.ContainsFunc(j.item.Steps, func(t Step) bool {
		return t.Event != p.Event && t.Event != next.Event && t.At >= p.At && t.At <= next.At && t.ends(p)
	})
}

// journeys looks at the speed between steps that follow each other.
func (j *judge) journeys() error {
	var from *Step
	for i := range j.item.Steps {
		t := &j.item.Steps[i]
		if t.Place == "" {
			continue
		}
		if from != nil && from.Place != t.Place {
			if err := j.journey(*from, *t); err != nil {
				return err
			}
		}
		from = t
	}
	return nil
}

func (j *judge) journey(from, to Step) error {
	limit := j.book.Rules.MaxSpeed
	if j.book.Lanes {
		lane, err := j.shelf.Lane(from.Place, to.Place)
		if err != nil {
			return err
		}
		if lane != nil && lane.MaxSpeed > 0 {
			limit = lane.MaxSpeed
		}
	}
	if limit == 0 {
		return nil
	}
	var at [2]LatLon
	for i, id := range []string{from.Place, to.Place} {
		place, err := j.shelf.Place(id)
		if err != nil {
			return err
		}
		if place == nil || place.Place.Position == nil {
			return nil
		}
		at[i] = *place.Place.Position
	}
	distance, took := Distance(at[0], at[1]), to.At-from.At
	if distance <= leastJourney || within(distance, took, limit) {
		return nil
	}
	speed := int64(-1)
	took64 := int64(took)
	if took64 > 0 {
		speed = distance * int64(time.Hour/time.Millisecond) / took64
	}
	j.add(newFinding(FindingImpossibleJourney, j.item.EPC, to.Event, from.Event,
		"The item was at %s at %s and at %s at %s: %s km in %s, faster than the %s km/h allowed.",
		from.Place, stamp(from.At), to.Place, stamp(to.At), thousandths(distance), span(took), thousandths(limit)).measured(speed, limit, "m/h"))
	return nil
}

// within reports whether a distance in metres can be gone in a time at a speed in metres an hour.
func within(distance int64, took Millis, limit int64) bool {
	high, low := bits.Mul64(uint64(limit), uint64(took))                          //nolint:gosec // neither is negative
	return high > 0 || low >= uint64(distance)*uint64(time.Hour/time.Millisecond) //nolint:gosec // not negative
}

// thousandths writes a number of thousandths, such as metres, in units, such as kilometres.
func thousandths(n int64) string { return (Micro(n) * 1_000).String() }

// span writes a length of time for a person.
func span(m Millis) string {
	d := time.Duration(m) * time.Millisecond
	const day = 24 * time.Hour
	if d >= 2*day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + " days"
	}
	return d.String()
}
