package report

import (
	"cmp"
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/epcis"
)

const (
	// maxPackings bounds the events looked at for the contents of one container, maxDepth how deep
	// containers stand in each other, maxContents the objects and classes listed of one.
	maxPackings = 1_000
	maxDepth    = 10
	maxContents = 20_000
	// maxHistory bounds the events looked at of one object.
	maxHistory = 2_000
	// maxRemembered bounds what is kept of containers and of lots between events.
	maxRemembered = 100_000
	// askAtOnce bounds the objects of one question to the source.
	askAtOnce = 500
)

// ledgerView answers what the events mean: what a container held at a moment, which lot an object is of. It
// remembers answers, and is not safe for concurrent use.
type ledgerView struct {
	source Source
	master MasterData
	asOf   AsOf
	reader *reader

	packings map[string]*packings
	origins  map[string]*origin
	places   map[string]*place
	goods    map[string]*good
}

func newLedgerView(source Source, master MasterData, asOf AsOf) *ledgerView {
	if master == nil {
		master = NoMasterData{}
	}
	return &ledgerView{
		source: source, master: master, asOf: asOf, reader: newReader(),
		packings: map[string]*packings{}, origins: map[string]*origin{}, places: map[string]*place{}, goods: map[string]*good{},
	}
}

// packing is one event that puts into or takes from a container.
type packing struct {
	at         time.Time
	hash       epcis.Hash
	add, all   bool // all: it takes out everything
	objects    []string
	quantities []epcis.Quantity // with canonical classes
}

// packings are those of one container in the order of their times.
type packings struct {
	events []packing
	more   bool // there are more than are looked at
}

// contents is what a container held, nested containers opened.
type contents struct {
	objects    []string // without containers
	quantities []quantity
	more       bool // there is more than is listed
}

type quantity struct {
	class  string
	amount string // empty if it was not stated
	uom    string
}

// load asks the source for what is not known yet of containers, and of what stands in them.
func (v *ledgerView) load(ctx context.Context, containers []string) error {
	if len(v.packings) > maxRemembered {
		clear(v.packings)
	}
	for depth := 0; len(containers) > 0 && depth < maxDepth; depth++ {
		var inner []string
		unknown := make([]string, 0, len(containers))
		for _, c := range containers {
			if _, ok := v.packings[c]; !ok {
				unknown = append(unknown, c)
			}
		}
		slices.Sort(unknown)
		for part := range slices.Chunk(slices.Compact(unknown), askAtOnce) {
			found, more, err := v.source.Naming(ctx, part, Asked{Roles: AsParent, Limit: maxPackings, AsOf: v.asOf})
			if err != nil {
				return err
			}
			for _, c := range part {
				p := v.packingsOf(found[c])
				p.more = slices.Contains(more, c)
				v.packings[c] = p
				for i := range p.events {
					for _, object := range p.events[i].objects {
						if mayContain(object) {
							inner = append(inner, object)
						}
					}
				}
			}
		}
		containers = inner
	}
	return nil
}

// mayContain reports whether an object may be a container: whatever is no class.
func mayContain(object string) bool {
	id, err := epcis.ParseIdentifier(object)
	return err == nil && !id.Class
}

func (v *ledgerView) packingsOf(records []Record) *packings {
	p := &packings{}
	for i := range records {
		e := v.reader.read(&records[i])
		if e.unreadable != nil || e.rec.InError || e.Type != epcis.AggregationEvent || e.Action == epcis.Observe {
			continue
		}
		one := packing{at: e.EventTime.Instant, hash: e.rec.Hash, add: e.Action == epcis.Add}
		for _, s := range e.ChildEPCs {
			one.objects = append(one.objects, strings.Clone(canonical(s)))
		}
		for _, q := range e.ChildQuantities {
			one.quantities = append(one.quantities, epcis.Quantity{
				EPCClass: strings.Clone(canonical(q.EPCClass)), Quantity: epcis.Number(strings.Clone(string(q.Quantity))), UOM: strings.Clone(q.UOM),
			})
		}
		one.all = !one.add && len(one.objects) == 0 && len(one.quantities) == 0
		p.events = append(p.events, one)
	}
	slices.SortFunc(p.events, func(a, b packing) int {
		return cmp.Or(a.at.Compare(b.at), strings.Compare(string(a.hash[:]), string(b.hash[:])))
	})
	return p
}

// contentsOf tells what a container held at a moment; its packings must be loaded. opened says that
// what is in serialised trade items, such as the units in a case, is listed too, beside them.
func (v *ledgerView) contentsOf(container string, at time.Time, opened bool) contents {
	s := search{view: v, at: at, opened: opened, seen: map[string]bool{}, amounts: map[[2]string]*big.Rat{}}
	s.collect(container, 0)
	c := s.contents
	for _, key := range s.order {
		switch amount := s.amounts[key]; {
		case amount == nil:
			c.quantities = append(c.quantities, quantity{class: key[0], uom: key[1]})
		case amount.Sign() > 0:
			c.quantities = append(c.quantities, quantity{class: key[0], amount: decimal(amount), uom: key[1]})
		}
	}
	return c
}

// search collects what is in a container.
type search struct {
	view   *ledgerView
	at     time.Time
	opened bool
	seen   map[string]bool
	contents
	amounts map[[2]string]*big.Rat // by class and unit; nil if one was not stated
	order   [][2]string
}

func (s *search) collect(container string, depth int) {
	p := s.view.packings[container]
	switch {
	case p == nil || s.seen[container]:
		return
	case depth >= maxDepth:
		s.more = true
		return
	}
	s.seen[container] = true
	s.more = s.more || p.more
	var in inside
	for i := range p.events {
		if p.events[i].at.After(s.at) {
			break
		}
		in.take(&p.events[i])
	}
	for _, key := range in.order {
		amount, ok := in.amounts[key]
		if !ok {
			continue
		}
		had, present := s.amounts[key]
		switch {
		case !present:
			s.order = append(s.order, key)
			s.amounts[key] = amount
		case had == nil || amount == nil:
			s.amounts[key] = nil
		default:
			s.amounts[key] = new(big.Rat).Add(had, amount)
		}
	}
	for _, o := range in.objects {
		if !in.present[o] {
			continue
		}
		in.present[o] = false // it may have gone in more than once
		if len(s.objects) >= maxContents {
			s.more = true
			return
		}
		item := parts(o).gtin != ""
		if inner := s.view.packings[o]; inner != nil && len(inner.events) > 0 && (s.opened || !item) {
			s.collect(o, depth+1)
			if !item {
				continue
			}
		}
		s.objects = append(s.objects, o)
	}
}

// inside is what stands directly in a container.
type inside struct {
	objects []string // each time it went in
	present map[string]bool
	amounts map[[2]string]*big.Rat // of what is there, by class and unit; nil if one was not stated
	order   [][2]string
}

func (in *inside) take(e *packing) {
	if e.all {
		*in = inside{}
		return
	}
	if in.present == nil {
		in.present, in.amounts = map[string]bool{}, map[[2]string]*big.Rat{}
	}
	for _, o := range e.objects {
		if e.add && !in.present[o] {
			in.objects = append(in.objects, o)
		}
		in.present[o] = e.add
	}
	for _, q := range e.quantities {
		key := [2]string{q.EPCClass, q.UOM}
		had, present := in.amounts[key]
		amount, stated := new(big.Rat).SetString(string(q.Quantity))
		switch {
		case e.add && !present && stated:
			in.order = append(in.order, key)
			in.amounts[key] = amount
		case e.add && !present:
			in.order = append(in.order, key)
			in.amounts[key] = nil
		case e.add && had != nil && stated:
			in.amounts[key] = new(big.Rat).Add(had, amount)
		case e.add:
			in.amounts[key] = nil
		case present && had != nil && stated && had.Cmp(amount) > 0:
			in.amounts[key] = new(big.Rat).Sub(had, amount)
		case present:
			delete(in.amounts, key)
		}
	}
}

// decimal writes a rational that came from decimals.
func decimal(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	// The denominator's factors are 2 and 5 only, since sums of decimals are decimals.
	digits, exact := r.FloatPrec()
	if !exact {
		return r.RatString()
	}
	return r.FloatString(digits)
}

// stay says that an object was in a container for a time.
type stay struct {
	container   string
	from, until time.Time // until is zero while it lasts
	packedBy    epcis.Hash
}

// stays tells which containers an object has been in, by its own history and the containers'.
func (v *ledgerView) stays(ctx context.Context, object string) ([]stay, []*event, error) {
	history, err := v.history(ctx, object, AsChild, false)
	if err != nil {
		return nil, nil, err
	}
	type move struct {
		at        time.Time
		hash      epcis.Hash
		container string
		in        bool
	}
	var moves []move
	var containers []string
	for _, e := range history {
		if e.rec.InError || e.Type != epcis.AggregationEvent || e.Action == epcis.Observe {
			continue
		}
		m := move{e.EventTime.Instant, e.rec.Hash, canonical(e.ParentID), e.Action == epcis.Add}
		moves = append(moves, m)
		if m.in && !slices.Contains(containers, m.container) {
			containers = append(containers, m.container)
		}
	}
	if err := v.load(ctx, containers); err != nil {
		return nil, nil, err
	}
	for _, c := range containers {
		for _, p := range v.packings[c].events {
			if p.all {
				moves = append(moves, move{p.at, p.hash, c, false})
			}
		}
	}
	slices.SortFunc(moves, func(a, b move) int {
		return cmp.Or(a.at.Compare(b.at), strings.Compare(string(a.hash[:]), string(b.hash[:])))
	})
	var found []stay
	open := map[string]int{}
	for _, m := range moves {
		i, isOpen := open[m.container]
		switch {
		case m.in && !isOpen:
			open[m.container] = len(found)
			found = append(found, stay{container: m.container, from: m.at, packedBy: m.hash})
		case !m.in && isOpen:
			found[i].until = m.at
			delete(open, m.container)
		case !m.in && m.container == "": // a DELETE may leave out the parent
			for c, j := range open {
				found[j].until = m.at
				delete(open, c)
			}
		}
	}
	return found, history, nil
}

// history gives an object's events in the order of their times. More than are looked at is ErrTooLarge.
func (v *ledgerView) history(ctx context.Context, object string, roles Role, beginnings bool) ([]*event, error) {
	found, more, err := v.source.Naming(ctx, []string{object}, Asked{Roles: roles, Beginnings: beginnings, Limit: maxHistory, AsOf: v.asOf})
	if err != nil {
		return nil, err
	}
	if len(more) > 0 {
		return nil, fmt.Errorf("%w: %s is named by more than %d events", ErrTooLarge, object, maxHistory)
	}
	return v.events(found[object]), nil
}

// events reads records and puts them in the order of their times. What cannot be read is left out.
func (v *ledgerView) events(records []Record) []*event {
	events := make([]*event, 0, len(records))
	for i := range records {
		if e := v.reader.read(&records[i]); e.unreadable == nil {
			events = append(events, e)
		}
	}
	slices.SortStableFunc(events, byTime)
	return events
}

// byTime orders events by their time and then by position.
func byTime(a, b *event) int {
	return cmp.Or(a.rec.EventTime.Compare(b.rec.EventTime), cmp.Compare(a.rec.Block, b.rec.Block), cmp.Compare(a.rec.Index, b.rec.Index))
}

// origin is where an object or a lot came into being.
type origin struct {
	known  bool
	event  epcis.Hash
	place  string
	lot    string // by the event's instance/lot master data
	expiry Value
	// harvested and the others are what the event says of the food.
	facts map[string]string
}

// originFacts are what an event that brings a lot into being may say of it, under the names of the CBV and of GS1's web
// vocabulary.
func originFacts() []string {
	return []string{
		"traceabilityLotCode", "traceabilityLotCodeSource", "traceabilityLotCodeSourceReference",
		"harvestStartDate", "harvestEndDate", "harvestDate", "farmList", "productDescription", "tradeItemDescription", "descriptionShort",
	}
}

// trace loads the origins of objects and lots.
func (v *ledgerView) trace(ctx context.Context, objects []string) error {
	v.forget()
	unknown := make([]string, 0, len(objects))
	for _, o := range objects {
		if _, ok := v.origins[o]; !ok {
			unknown = append(unknown, o)
		}
	}
	slices.Sort(unknown)
	const first = 8 // an object has one beginning, unless something is wrong
	for part := range slices.Chunk(slices.Compact(unknown), askAtOnce) {
		found, _, err := v.source.Naming(ctx, part, Asked{Roles: AsEPC | AsOutput, Beginnings: true, Limit: first, AsOf: v.asOf})
		if err != nil {
			return err
		}
		for _, o := range part {
			v.origins[o] = originOf(v.events(found[o]))
		}
	}
	return nil
}

func (v *ledgerView) forget() {
	if len(v.origins) > maxRemembered {
		clear(v.origins)
	}
}

// learn takes the origins of objects from the events that bring them into being, as they pass: the first that
// passes is the object's origin. It is for those who see every event in order, from the first one.
func (v *ledgerView) learn(events []*event, seen *filter) {
	v.forget()
	for _, e := range events {
		if e.unreadable != nil || e.rec.InError || !begins(e) {
			continue
		}
		var from *origin
		for _, it := range e.Items() {
			if it.Role != epcis.RoleEPC && it.Role != epcis.RoleOutput || seen.add(it.Canonical) {
				continue
			}
			if from == nil {
				from = originOf([]*event{e})
			}
			v.origins[it.Canonical] = from
		}
	}
}

// originOf is the first beginning that was not declared wrong.
func originOf(beginnings []*event) *origin {
	for _, e := range beginnings {
		if e.rec.InError || !begins(e) {
			continue
		}
		o := &origin{known: true, event: e.rec.Hash}
		if o.place = placeOf(e.BizLocation); o.place == "" {
			o.place = placeOf(e.ReadPoint)
		}
		// What is kept must not keep the whole event with it.
		o.place, o.lot = strings.Clone(o.place), strings.Clone(e.fact("lotNumber", "hasBatchLotNumber"))
		o.expiry = expiry(e.fact("itemExpirationDate", "expirationDate"))
		for _, name := range originFacts() {
			if s := e.fact(name); s != "" {
				if o.facts == nil {
					o.facts = map[string]string{}
				}
				o.facts[name] = strings.Clone(s)
			}
		}
		return o
	}
	return &origin{}
}

// begins reports whether an event brings its objects into being.
func begins(e *event) bool {
	return e.Type == epcis.TransformationEvent || e.Type == epcis.ObjectEvent && e.Action == epcis.Add
}

// place is a location description (21 CFR 1.1310) or a business name and address (21 USC 360eee(26)).
type place struct {
	id, gln string
	text    string
	missing []string // the parts that are not known
}

// placeFields are the attributes of the CBV's location master data, in the order of an address.
func (v *ledgerView) place(ctx context.Context, id string) (*place, error) {
	if id == "" {
		return &place{missing: []string{"location"}}, nil
	}
	if p, ok := v.places[id]; ok {
		return p, nil
	}
	p := &place{id: id, gln: parts(id).gln}
	if p.gln == "" {
		p.gln = id
	}
	d, err := v.master.Describe(ctx, id)
	if err != nil {
		return nil, err
	}
	if within, _, ok := strings.Cut(id, "/254/"); ok && len(d) == 0 {
		// A place within a place is where the whole is.
		if d, err = v.master.Describe(ctx, within); err != nil {
			return nil, err
		}
	}
	first := func(names ...string) string {
		for _, n := range names {
			if s := strings.TrimSpace(d[n]); s != "" {
				return s
			}
		}
		return ""
	}
	var text []string
	need := func(what string, values ...string) {
		known := false
		for _, s := range values {
			if s != "" {
				text = append(text, s)
				known = true
			}
		}
		if !known && what != "" {
			p.missing = append(p.missing, what)
		}
	}
	need("business name", first("name", "organizationName", "partyName"))
	need("phone number", first("telephone", "telephoneNumber", "phone", "phoneNumber", "contactTelephone"))
	street := first("streetAddressOne", "streetAddress")
	if lat, long := first("latitude"), first("longitude"); street == "" && lat != "" && long != "" {
		need("", "latitude "+lat+" longitude "+long)
	} else {
		need("street address", street, first("streetAddressTwo"), first("streetAddressThree"))
	}
	need("city", first("city"))
	need("state", first("state"))
	need("postal code", first("postalCode"))
	need("country", first("countryCode"))
	p.text = strings.Join(text, ", ")
	if len(v.places) > maxRemembered {
		clear(v.places)
	}
	v.places[id] = p
	return p, nil
}

// good is what master data says of a trade item or class.
type good struct{ attributes map[string]string }

func (g *good) first(names ...string) string {
	for _, n := range names {
		if s := strings.TrimSpace(g.attributes[n]); s != "" {
			return s
		}
	}
	return ""
}

// good describes a class: by its own identifier, else by its GTIN.
func (v *ledgerView) good(ctx context.Context, id string) (*good, error) {
	if g, ok := v.goods[id]; ok {
		return g, nil
	}
	d, err := v.master.Describe(ctx, id)
	if err != nil {
		return nil, err
	}
	if gtin := parts(id).gtin; gtin != "" && product(gtin) != id && len(d) == 0 {
		if d, err = v.master.Describe(ctx, product(gtin)); err != nil {
			return nil, err
		}
	}
	if len(v.goods) > maxRemembered {
		clear(v.goods)
	}
	g := &good{attributes: d}
	v.goods[id] = g
	return g, nil
}
