package simulate

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

// Journey is one simulated shipment.
type Journey struct {
	Truth   Truth
	Policy  ledger.Policy
	Lane    Lane
	Devices []string // its loggers, canonical
	// Actions are its events and its loggers' segments by data time. The segments are neither chained nor signed.
	Actions []Action
}

// Journeys gives the shipments of a configuration one by one, without signatures: the same as New's
// for fitting and measuring, at a fraction of the cost. An error ends them.
func Journeys(cfg Config) iter.Seq2[*Journey, error] {
	return func(yield func(*Journey, error) bool) {
		w, err := newWorld(cfg)
		if err != nil {
			yield(nil, err)
			return
		}
		for i := range w.cfg.Shipments {
			j, err := w.journey(i)
			if !yield(j, err) || err != nil {
				return
			}
		}
	}
}

// Logs gives the readings of each logger in order, whatever segments they are in. The slices are the caller's.
func (j *Journey) Logs() []ledger.Segment {
	logs := make([]ledger.Segment, 0, len(j.Devices))
	for _, a := range j.Actions {
		if a.Kind != KindSegment {
			continue
		}
		s := a.Segment.Readings
		i := slices.IndexFunc(logs, func(l ledger.Segment) bool { return l.Device == s.Device })
		if i < 0 {
			i = len(logs)
			logs = append(logs, ledger.Segment{Device: s.Device, Channels: make([]ledger.Channel, len(s.Channels))})
		}
		logs[i].Times = append(logs[i].Times, s.Times...)
		for k, ch := range s.Channels {
			logs[i].Channels[k].Quantity = ch.Quantity
			logs[i].Channels[k].Values = append(logs[i].Channels[k].Values, ch.Values...)
		}
	}
	return logs
}

// shipment is one pallet under way. What the plan, the climate, the ids and the fault are drawn from
// are streams of their own, so that a journey with a fault is, but for the fault, the one without.
type shipment struct {
	*world
	number  int
	fault   Plant
	ids     *rand.Rand
	faulty  *rand.Rand
	product product
	lane    Lane
	sensor  Sensor
	season  Season

	pallet, key string // SSCC as URN and as canonical EPC
	items       []string
	journey     *Journey

	packed, bound, shipped, received time.Time
	due                              time.Time // receipt, had nothing happened
	legs                             []leg
	failure                          failure
	strange                          *leg // a stop that is not on the lane
	happens                          time.Time
}

// leg is a part of a journey as it went.
type leg struct {
	Leg
	from, to time.Time
}

func (w *world) source(number int, what string) *rand.Rand {
	return source(w.cfg.Seed, "shipment", strconv.Itoa(number), what)
}

// journey makes the shipment of a number.
func (w *world) journey(number int) (*Journey, error) {
	s := &shipment{world: w, number: number, fault: Plant{Fault: FaultNone}, ids: w.source(number, "ids"), faulty: w.source(number, "fault")}
	if number < len(w.cfg.Plants) {
		s.fault = w.cfg.Plants[number]
	}
	s.plan()
	s.fail()
	var err error
	s.pallet = sscc(s.run, s.number)
	if s.key, err = epcis.CanonicalEPC(s.pallet); err != nil {
		return nil, fmt.Errorf("simulate: %w", err)
	}
	for i := range s.cfg.Items {
		s.items = append(s.items, fmt.Sprintf("urn:epc:id:sgtin:%s.%s.%s-%05d-%03d", producerPrefix, s.product.item, s.tag, s.number, i))
	}
	s.journey = &Journey{Truth: s.truth(), Policy: s.policies[s.product.policy], Lane: s.lane}
	if err := s.tell(); err != nil {
		return nil, err
	}
	inOrder(s.journey.Actions)
	return s.journey, nil
}

// plan decides what, where and when.
func (s *shipment) plan() {
	r := s.source(s.number, "plan")
	fitting := s.draws.fitting(s.fault.Fault)
	s.product = fitting[r.IntN(len(fitting))]
	s.lane = s.draws.lanes[r.IntN(len(s.draws.lanes))]
	s.sensor = s.draws.sensors[r.IntN(len(s.draws.sensors))]
	s.season = Seasons()[r.IntN(len(Seasons()))]
	if s.cfg.Season != SeasonAny {
		s.season = s.cfg.Season
	}
	s.packed = s.begin.Add(duration(r, 0, s.latest.Sub(s.begin)))
	s.bound = s.packed.Add(duration(r, 4*time.Minute, 9*time.Minute))
	s.shipped = s.bound.Add(duration(r, 20*time.Minute, 50*time.Minute))
	at := s.shipped
	for _, l := range s.lane.Legs(s.cfg.Journey) {
		share := 1 + float64(driveSpread*clampTo(normal(r), 3))
		if l.Kind == LegDwell {
			share = min(mostDwell, 0.5+float64(0.5*exponential(r)))
		}
		end := at.Add(time.Duration(float64(float64(l.Mean) * share)).Truncate(time.Second))
		s.legs = append(s.legs, leg{l, at, end})
		at = end
	}
	s.due, s.received = at, at
}

// fail decides how the fault comes about.
func (s *shipment) fail() {
	r, size := s.faulty, s.fault.size()
	s.failure = failure{fault: s.fault.Fault, size: size, r: r}
	switch s.fault.Fault {
	case FaultDelay, FaultDwell:
		s.linger(size)
	case FaultRouteDeviation:
		last := s.legs[len(s.legs)-2]
		at := last.from.Add(last.to.Sub(last.from) / 2).Truncate(time.Second)
		stop := time.Duration(float64(size * float64(time.Hour))).Truncate(time.Second)
		s.strange = &leg{Leg{LegDwell, newPlace("off the lane", carrierPrefix, "00900"), 0}, at, at.Add(stop)}
		s.postpone(len(s.legs)-2, stop)
	default:
	}
	way := s.received.Sub(s.bound).Minutes()
	f := &s.failure
	f.from, f.to = float64(way*between(r, 0.25, 0.4)), way
	switch s.fault.Fault {
	case FaultExcursion, FaultFreeze:
		f.to = f.from + between(r, 190, 240)
	case FaultDrift:
		f.from = max(150, float64(way*between(r, 0.25, 0.3)))
		if s.fault.Size == 0 {
			f.to = f.from + between(r, 360, 480)
		}
	case FaultDoorOpenings:
		f.to = f.from + float64(15*size)
	case FaultShock:
		f.to = f.from + 30
	case FaultOpened:
		f.to = f.from + size
	case FaultStuck, FaultFlatline, FaultDropout, FaultUnitSlip:
		if size > 0 {
			f.to = f.from + float64(60*size)
		}
	case FaultSpikes:
		f.to = f.from + 150
	default:
	}
	f.to = min(f.to, way)
	share := s.received.Sub(s.bound) / 100
	s.happens = s.bound.Add(duration(r, 40*share, 60*share))
}

// linger makes one leg longer: the longest drive by a factor, or the first stop to that many means.
func (s *shipment) linger(factor float64) {
	best := -1
	for i, l := range s.legs {
		if s.fault.Fault == FaultDwell && l.Kind == LegDwell {
			best = i
			break
		}
		if s.fault.Fault == FaultDelay && l.Kind == LegDrive && (best < 0 || l.to.Sub(l.from) > s.legs[best].to.Sub(s.legs[best].from)) {
			best = i
		}
	}
	l := s.legs[best]
	want := float64(factor * float64(l.Mean))
	if s.fault.Fault == FaultDelay {
		want = float64(factor * float64(l.to.Sub(l.from)))
	}
	s.strange = &s.legs[best]
	s.postpone(best, max(0, time.Duration(want).Truncate(time.Second)-l.to.Sub(l.from)))
}

// postpone lets a leg end later, and all that follows.
func (s *shipment) postpone(from int, by time.Duration) {
	s.legs[from].to = s.legs[from].to.Add(by)
	for i := from + 1; i < len(s.legs); i++ {
		s.legs[i].from, s.legs[i].to = s.legs[i].from.Add(by), s.legs[i].to.Add(by)
	}
	s.received = s.received.Add(by)
}

// lies is when the fault lies.
func (s *shipment) lies() (from, to time.Time) {
	at := func(minutes float64) time.Time {
		return s.bound.Add(time.Minute + time.Duration(float64(minutes*float64(time.Minute)))).Truncate(time.Second)
	}
	switch s.fault.Fault {
	case FaultNone:
		return time.Time{}, time.Time{}
	case FaultLoggerSwapped, FaultDuplicateSerial, FaultNonHolder:
		return s.happens, s.happens
	case FaultDiverted:
		return s.legs[len(s.legs)-1].from, s.received
	case FaultDelay, FaultDwell, FaultRouteDeviation:
		return s.strange.from, s.strange.to
	default:
		return at(s.failure.from), at(s.failure.to)
	}
}

func (s *shipment) truth() Truth {
	t := Truth{
		Shipment: s.key, Product: s.product.name, Policy: s.policies[s.product.policy].ID, Lane: s.lane.Name,
		Origin: s.lane.Origin.SGLN, Target: s.lane.Target.SGLN, Season: s.season, Sensor: s.sensor.Name, Fault: s.fault.Fault,
		AtLeast: ledger.Inspect, From: s.bound.Add(time.Minute), To: s.received,
	}
	if s.fault.Fault == FaultNone {
		t.AtLeast = ledger.Clear
		return t
	}
	scale, _ := ScaleOf(s.fault.Fault)
	t.Size, t.Unit, t.Reasons = s.fault.size(), scale.Unit, scale.Reasons
	t.FaultFrom, t.FaultTo = s.lies()
	switch s.fault.Fault {
	case FaultExcursion, FaultFreeze:
		if s.fault.Size == 0 { // a smaller one may stay within what the policy allows
			t.AtLeast = ledger.Quarantine
		}
	case FaultDuplicateSerial:
		t.AtLeast = ledger.Quarantine
	default:
	}
	return t
}

// tell writes the journey's events and segments.
func (s *shipment) tell() error {
	first, err := s.logger(0)
	if err != nil {
		return err
	}
	second := ""
	if s.fault.Fault == FaultLoggerSwapped {
		if second, err = s.logger(1); err != nil {
			return err
		}
	}
	for _, step := range s.steps(first, second) {
		step.event.EventID = uuid(s.ids, s.run)
		entry, err := step.event.entry(step.at)
		if err != nil {
			return err
		}
		s.journey.Actions = append(s.journey.Actions, Action{At: step.at, Org: step.org, Kind: KindEvent, Shipment: s.key, Event: entry})
	}
	s.readings()
	return nil
}

// logger names the shipment's first or second logger and gives its GIAI as a URN.
func (s *shipment) logger(n int) (string, error) {
	urn := fmt.Sprintf("urn:epc:id:giai:%s.%s-%05d-%d", carrierPrefix, s.tag, s.number, n)
	id, err := epcis.CanonicalEPC(urn)
	if err != nil {
		return "", fmt.Errorf("simulate: %w", err)
	}
	s.journey.Devices = append(s.journey.Devices, id)
	return urn, nil
}

type step struct {
	at    time.Time
	org   string
	event event
}

// steps are the events of the journey, those of a planted fault included.
func (s *shipment) steps(first, second string) []step {
	dock, shop := &place{s.lane.Origin.SGLN}, s.lane.Target.SGLN
	arrived := &place{shop}
	if s.fault.Fault == FaultDiverted {
		arrived = &place{sgln(retailerPrefix, "00077")}
	}
	pallet := []string{s.pallet}
	order := []document{{"desadv", fmt.Sprintf("urn:epcglobal:cbv:bt:%s000003:D-%s-%05d", producerPrefix, s.tag, s.number)}}
	origins := []origin{{"possessing_party", pgln(producerPrefix)}, {"location", dock.ID}}
	targets := []target{{"possessing_party", pgln(retailerPrefix)}, {"location", shop}}
	last := first
	if second != "" {
		last = second
	}
	steps := []step{
		{s.packed.Add(-25 * time.Minute), Producer, event{
			Type: "ObjectEvent", EPCs: s.items, Action: "ADD", BizStep: "commissioning", Disposition: "active", ReadPoint: dock, BizLocation: dock,
			ILMD: &ilmd{"L" + s.tag, s.packed.AddDate(1, 0, 0).Format(time.DateOnly)},
		}},
		{s.packed.Add(-5 * time.Minute), Producer, event{
			Type: "ObjectEvent", EPCs: pallet, Action: "ADD", BizStep: "commissioning", Disposition: "active", ReadPoint: dock, BizLocation: dock,
		}},
		{s.packed, Producer, event{
			Type: "AggregationEvent", ParentID: s.pallet, ChildEPCs: s.items, Action: "ADD", BizStep: "packing", Disposition: "in_progress", ReadPoint: dock, BizLocation: dock,
		}},
		{s.bound, Producer, event{
			Type: "AssociationEvent", ParentID: s.pallet, ChildEPCs: []string{first}, Action: "ADD", BizStep: "installing", ReadPoint: dock,
		}},
		{s.shipped, Producer, event{
			Type: "ObjectEvent", EPCs: pallet, Action: "OBSERVE", BizStep: "shipping", Disposition: "in_transit", ReadPoint: dock, Documents: order, Sources: origins, Destination: targets,
		}},
		{s.shipped.Add(5 * time.Minute), Carrier, event{
			Type: "ObjectEvent", EPCs: pallet, Action: "OBSERVE", BizStep: "departing", Disposition: "in_transit", ReadPoint: dock,
		}},
	}
	under := func(step, disposition string, at time.Time, where *place) {
		steps = append(steps, newStep(at, Carrier, event{
			Type: "ObjectEvent", EPCs: pallet, Action: "OBSERVE", BizStep: step, Disposition: disposition, ReadPoint: where,
		}))
	}
	pass := func(l leg) {
		under("arriving", "in_transit", l.from, &place{l.At.SGLN})
		under("departing", "in_transit", l.to, &place{l.At.SGLN})
	}
	for _, l := range s.legs[:len(s.legs)-1] {
		if l.Kind == LegDwell {
			pass(l)
		}
	}
	if s.fault.Fault == FaultRouteDeviation {
		pass(*s.strange)
	}
	under("arriving", "in_transit", s.legs[len(s.legs)-1].from, arrived)
	steps = append(
		steps,
		newStep(s.received, Retailer, event{
			Type: "ObjectEvent", EPCs: pallet, Action: "OBSERVE", BizStep: "receiving", Disposition: "in_progress", ReadPoint: arrived, BizLocation: arrived, Documents: order, Sources: origins, Destination: targets,
		}),
		newStep(s.received.Add(8*time.Minute), Retailer, event{
			Type: "AssociationEvent", ParentID: s.pallet, ChildEPCs: []string{last}, Action: "DELETE", BizStep: "removing", ReadPoint: arrived,
		}),
		newStep(s.received.Add(20*time.Minute), Retailer, event{
			Type: "AggregationEvent", ParentID: s.pallet, ChildEPCs: s.items, Action: "DELETE", BizStep: "unpacking", Disposition: "in_progress", ReadPoint: arrived, BizLocation: arrived,
		}),
	)
	return append(steps, s.afterwards(first, second, order, origins, targets, arrived)...)
}

func newStep(at time.Time, org string, e event) step { return step{at, org, e} }

// afterwards are what becomes of the items, and the events of a planted fault.
func (s *shipment) afterwards(first, second string, order []document, origins []origin, targets []target, arrived *place) []step {
	sold := step{s.received.Add(time.Hour), Retailer, event{
		Type: "ObjectEvent", EPCs: s.items[:max(1, len(s.items)/3)], Action: "OBSERVE", BizStep: "retail_selling", Disposition: "retail_sold", ReadPoint: arrived, BizLocation: arrived,
	}}
	if s.product.pharma {
		sold.event.BizStep, sold.event.Disposition = "dispensing", "dispensed"
	}
	steps := []step{sold}
	if len(s.items) > 3 && s.ids.IntN(3) == 0 {
		steps = append(steps, step{s.received.Add(90 * time.Minute), Retailer, event{
			Type: "ObjectEvent", EPCs: s.items[len(s.items)-1:], Action: "DELETE", BizStep: "decommissioning", Disposition: "inactive", ReadPoint: arrived, BizLocation: arrived,
		}})
	}
	truck := &place{sgln(carrierPrefix, "00010")}
	switch s.fault.Fault {
	case FaultLoggerSwapped:
		steps = append(
			steps,
			step{s.happens, Carrier, event{Type: "AssociationEvent", ParentID: s.pallet, ChildEPCs: []string{first}, Action: "DELETE", BizStep: "removing", ReadPoint: truck}},
			step{s.happens.Add(3 * time.Minute), Carrier, event{Type: "AssociationEvent", ParentID: s.pallet, ChildEPCs: []string{second}, Action: "ADD", BizStep: "installing", ReadPoint: truck}},
		)
	case FaultDuplicateSerial:
		twice := &place{sgln(retailerPrefix, "00099")}
		steps = append(steps, step{s.happens, Retailer, event{
			Type: "ObjectEvent", EPCs: s.items[:1], Action: "ADD", BizStep: "commissioning", Disposition: "active", ReadPoint: twice, BizLocation: twice,
		}})
	case FaultNonHolder:
		steps = append(steps, step{s.happens, Carrier, event{
			Type: "ObjectEvent", EPCs: []string{s.pallet}, Action: "OBSERVE", BizStep: "shipping", Disposition: "in_transit", ReadPoint: truck, Documents: order, Sources: origins, Destination: targets,
		}})
	default:
	}
	return steps
}

// readings lets the loggers run from the time they were bound until receipt.
func (s *shipment) readings() {
	begin := s.bound.Add(time.Minute)
	minutes := func(t time.Time) float64 { return t.Sub(begin).Minutes() }
	way := route{lane: s.lane, season: s.season, way: minutes(s.due), docked: []span{{0, minutes(s.shipped) + 5}}}
	for _, l := range s.legs {
		if l.Kind == LegDwell {
			way.docked = append(way.docked, span{minutes(l.from), minutes(l.to)})
		}
	}
	c := newClimate(s.source(s.number, "climate"), s.source(s.number, "channels"), s.product, s.sensor, way, s.cfg.Channels)
	c.failure = s.failure
	if len(s.journey.Devices) == 1 {
		s.segments(s.journey.Devices[0], c.series(begin, s.received, s.cfg.Sampling))
		return
	}
	s.segments(s.journey.Devices[0], c.series(begin, s.happens, s.cfg.Sampling))
	c.swapped = s.fault.size()
	s.segments(s.journey.Devices[1], c.series(s.happens.Add(4*time.Minute), s.received, s.cfg.Sampling))
}

// segments cuts a logger's series.
func (s *shipment) segments(device string, log readings) {
	for seq, i := uint64(0), 0; i < len(log.times); seq++ {
		end := min(len(log.times), i+s.cfg.SegmentReadings)
		segment := ledger.Segment{Device: device, Seq: seq, Times: log.times[i:end]}
		for k, q := range s.cfg.Channels {
			segment.Channels = append(segment.Channels, ledger.Channel{Quantity: q, Values: log.values[k][i:end]})
		}
		s.journey.Actions = append(s.journey.Actions, Action{
			At: log.times[end-1].Time().Add(time.Second), Org: Carrier, Kind: KindSegment, Shipment: s.key, Segment: &Segment{Readings: segment},
		})
		i = end
	}
}
