package simulate

import (
	"crypto/ed25519"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// MaxShipments is the most that a day may have.
const MaxShipments = 100_000

// tagDigits of a run's digest keep the serials and loggers of one run apart from another's.
const tagDigits = 10

func (c Config) withDefaults() (Config, error) {
	if c.Now.IsZero() {
		return c, fmt.Errorf("%w: Now is not set", ErrConfig)
	}
	if c.Shipments == 0 {
		c.Shipments = 24
	}
	if c.Faults == nil {
		c.Faults = Faults()
		c.Faults = c.Faults[:max(0, min(len(c.Faults), c.Shipments))]
	}
	if c.Sampling == 0 {
		c.Sampling = time.Minute
	}
	if c.SegmentReadings == 0 {
		c.SegmentReadings = 60
	}
	if c.Items == 0 {
		c.Items = 12
	}
	if c.Journey == 0 {
		c.Journey = 9 * time.Hour
	}
	switch {
	case c.Shipments < 0 || c.Shipments > MaxShipments:
		return c, fmt.Errorf("%w: %d shipments, at most %d", ErrConfig, c.Shipments, MaxShipments)
	case len(c.Faults) > c.Shipments:
		return c, fmt.Errorf("%w: %d faults for %d shipments", ErrConfig, len(c.Faults), c.Shipments)
	case c.Sampling < time.Second || c.Sampling > 10*time.Minute:
		return c, fmt.Errorf("%w: a reading each %s; from 1 s to 10 min", ErrConfig, c.Sampling)
	case c.SegmentReadings < 1 || c.SegmentReadings > 4_096:
		return c, fmt.Errorf("%w: %d readings a segment; from 1 to 4096", ErrConfig, c.SegmentReadings)
	case c.Items < 1 || c.Items > 1_000:
		return c, fmt.Errorf("%w: %d items a pallet; from 1 to 1000", ErrConfig, c.Items)
	case c.Journey < 7*time.Hour || c.Journey > 14*24*time.Hour:
		return c, fmt.Errorf("%w: a journey of %s; from 7 hours to 14 days", ErrConfig, c.Journey)
	}
	known := Faults()
	for _, f := range c.Faults {
		if f != FaultNone && !slices.Contains(known, f) {
			return c, fmt.Errorf("%w: no fault %q", ErrConfig, f)
		}
	}
	c.Now = c.Now.UTC().Truncate(time.Second)
	return c, nil
}

// New simulates a day. The same configuration gives the same day, byte for byte.
func New(cfg Config) (*Day, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	day := &Day{Policies: Policies(), Keys: map[string]ed25519.PrivateKey{}}
	run := digest(cfg.Seed, cfg.Now.Format(time.RFC3339))
	longest := cfg.Journey + cfg.Journey/4 + 3*time.Hour // with what comes before and after
	begin := cfg.Now.Add(-max(24*time.Hour, longest+6*time.Hour))
	for i := range day.Policies {
		day.Actions = append(day.Actions, Action{At: begin.Add(-time.Hour), Org: Producer, Kind: KindPolicy, Policy: &day.Policies[i]})
	}
	for i := range cfg.Shipments {
		fault := FaultNone
		if i < len(cfg.Faults) {
			fault = cfg.Faults[i]
		}
		s := &shipment{
			day: day, cfg: cfg, fault: fault, run: run, tag: run.String()[:tagDigits], number: i,
			r: source(cfg.Seed, "shipment", strconv.Itoa(i)),
		}
		s.plan(begin, cfg.Now.Add(-time.Minute-longest))
		if err := s.simulate(); err != nil {
			return nil, err
		}
	}
	for i := range day.Devices {
		day.Actions = append(day.Actions, Action{At: begin.Add(-time.Hour), Org: Carrier, Kind: KindDevice, Device: &day.Devices[i]})
	}
	slices.SortStableFunc(day.Actions, func(a, b Action) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return int(a.Kind) - int(b.Kind)
	})
	return day, nil
}

// shipment is one pallet under way.
type shipment struct {
	day     *Day
	cfg     Config
	r       *rand.Rand
	fault   Fault
	run     ledger.Digest // of the seed and of Now: every id stands on it, or a second run on one ledger would collide
	tag     string
	number  int
	product product
	lane    lane

	pallet, key string // SSCC as URN and as canonical EPC
	items       []string

	packed, bound, shipped, received time.Time
	swapped, twice, stolen           time.Time
}

// plan decides what and when.
func (s *shipment) plan(begin, latest time.Time) {
	all := products()
	s.product = all[s.r.IntN(len(all))]
	for s.fault == FaultExcursion || s.fault == FaultFreeze || s.fault == FaultDrift {
		if slices.Contains(s.product.faults, s.fault) {
			break
		}
		s.product = all[s.r.IntN(len(all))]
	}
	l := lanes()
	s.lane = l[s.r.IntN(len(l))]
	s.packed = begin.Add(duration(s.r, 0, latest.Sub(begin)))
	journey := duration(s.r, s.cfg.Journey-s.cfg.Journey/4, s.cfg.Journey+s.cfg.Journey/4)
	s.bound = s.packed.Add(duration(s.r, 4*time.Minute, 9*time.Minute))
	s.shipped = s.bound.Add(duration(s.r, 20*time.Minute, 50*time.Minute))
	s.received = s.packed.Add(journey)
	share := func(low, high int64) time.Time {
		way := s.received.Sub(s.bound) / 100
		return s.bound.Add(duration(s.r, way*time.Duration(low), way*time.Duration(high)))
	}
	s.swapped, s.twice, s.stolen = share(40, 60), share(40, 70), share(40, 70)
}

func (s *shipment) send(org string, at time.Time, e event) error {
	e.EventID = uuid(s.r, s.run)
	entry, err := e.entry(at)
	if err != nil {
		return err
	}
	s.day.Actions = append(s.day.Actions, Action{At: at, Org: org, Kind: KindEvent, Shipment: s.key, Event: entry})
	return nil
}

func (s *shipment) simulate() error {
	var err error
	s.pallet = sscc(s.run, s.number)
	if s.key, err = epcis.CanonicalEPC(s.pallet); err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	for i := range s.cfg.Items {
		s.items = append(s.items, fmt.Sprintf("urn:epc:id:sgtin:%s.%s.%s-%05d-%03d", producerPrefix, s.product.item, s.tag, s.number, i))
	}
	first, err := s.logger(0)
	if err != nil {
		return err
	}
	second := ""
	if s.fault == FaultLoggerSwapped {
		if second, err = s.logger(1); err != nil {
			return err
		}
	}
	for _, step := range s.steps(first, second) {
		if err := s.send(step.org, step.at, step.event); err != nil {
			return err
		}
	}
	if err := s.readings(first, second); err != nil {
		return err
	}
	s.day.Truth = append(s.day.Truth, s.truth())
	return nil
}

// logger registers the shipment's first or second logger and gives its GIAI as a URN.
func (s *shipment) logger(n int) (string, error) {
	urn := fmt.Sprintf("urn:epc:id:giai:%s.%s-%05d-%d", carrierPrefix, s.tag, s.number, n)
	id, err := epcis.CanonicalEPC(urn)
	if err != nil {
		return "", fmt.Errorf("simulate: %w", err)
	}
	device, key, err := newDevice(s.cfg.Seed, s.run.String(), id)
	if err != nil {
		return "", err
	}
	s.day.Keys[id] = key
	s.day.Devices = append(s.day.Devices, device)
	return urn, nil
}

func newDevice(seed uint64, tag, id string) (ledger.Device, ed25519.PrivateKey, error) {
	sum := digest(seed, "device", tag, id)
	key := ed25519.NewKeyFromSeed(sum[:])
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return ledger.Device{}, nil, fmt.Errorf("simulate: device key: %w", err)
	}
	return ledger.Device{ID: id, Algorithm: ledger.KeyEd25519, PublicKey: public}, key, nil
}

type step struct {
	at    time.Time
	org   string
	event event
}

// steps are the events of the journey, those of a planted fault included.
func (s *shipment) steps(first, second string) []step {
	dock := &place{sgln(producerPrefix, s.lane.from)}
	shop := sgln(retailerPrefix, s.lane.to)
	arrived := &place{shop}
	if s.fault == FaultDiverted {
		arrived = &place{sgln(retailerPrefix, "00077")}
	}
	truck := &place{sgln(carrierPrefix, "00010")}
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
		{s.shipped.Add(12 * time.Minute), Carrier, event{
			Type: "ObjectEvent", EPCs: pallet, Action: "OBSERVE", BizStep: "departing", Disposition: "in_transit", ReadPoint: dock,
		}},
		{s.shipped.Add(s.received.Sub(s.shipped) / 2), Carrier, event{
			Type: "ObjectEvent", EPCs: pallet, Action: "OBSERVE", BizStep: "transporting", Disposition: "in_transit", ReadPoint: truck,
		}},
		{s.received.Add(-10 * time.Minute), Carrier, event{
			Type: "ObjectEvent", EPCs: pallet, Action: "OBSERVE", BizStep: "arriving", Disposition: "in_transit", ReadPoint: arrived,
		}},
		{s.received, Retailer, event{
			Type: "ObjectEvent", EPCs: pallet, Action: "OBSERVE", BizStep: "receiving", Disposition: "in_progress", ReadPoint: arrived, BizLocation: arrived, Documents: order, Sources: origins, Destination: targets,
		}},
		{s.received.Add(8 * time.Minute), Retailer, event{
			Type: "AssociationEvent", ParentID: s.pallet, ChildEPCs: []string{last}, Action: "DELETE", BizStep: "removing", ReadPoint: arrived,
		}},
		{s.received.Add(20 * time.Minute), Retailer, event{
			Type: "AggregationEvent", ParentID: s.pallet, ChildEPCs: s.items, Action: "DELETE", BizStep: "unpacking", Disposition: "in_progress", ReadPoint: arrived, BizLocation: arrived,
		}},
	}
	sold := step{s.received.Add(time.Hour), Retailer, event{
		Type: "ObjectEvent", EPCs: s.items[:max(1, len(s.items)/3)], Action: "OBSERVE", BizStep: "retail_selling", Disposition: "retail_sold", ReadPoint: arrived, BizLocation: arrived,
	}}
	if s.product.pharma {
		sold.event.BizStep, sold.event.Disposition = "dispensing", "dispensed"
	}
	steps = append(steps, sold)
	if len(s.items) > 3 && s.r.IntN(3) == 0 {
		steps = append(steps, step{s.received.Add(90 * time.Minute), Retailer, event{
			Type: "ObjectEvent", EPCs: s.items[len(s.items)-1:], Action: "DELETE", BizStep: "decommissioning", Disposition: "inactive", ReadPoint: arrived, BizLocation: arrived,
		}})
	}
	switch s.fault {
	case FaultLoggerSwapped:
		steps = append(steps,
			step{s.swapped, Carrier, event{Type: "AssociationEvent", ParentID: s.pallet, ChildEPCs: []string{first}, Action: "DELETE", BizStep: "removing", ReadPoint: truck}},
			step{s.swapped.Add(3 * time.Minute), Carrier, event{Type: "AssociationEvent", ParentID: s.pallet, ChildEPCs: []string{second}, Action: "ADD", BizStep: "installing", ReadPoint: truck}},
		)
	case FaultDuplicateSerial:
		steps = append(steps, step{s.twice, Retailer, event{
			Type: "ObjectEvent", EPCs: s.items[:1], Action: "ADD", BizStep: "commissioning", Disposition: "active",
			ReadPoint: &place{sgln(retailerPrefix, "00099")}, BizLocation: &place{sgln(retailerPrefix, "00099")},
		}})
	case FaultNonHolder:
		steps = append(steps, step{s.stolen, Carrier, event{
			Type: "ObjectEvent", EPCs: pallet, Action: "OBSERVE", BizStep: "shipping", Disposition: "in_transit", ReadPoint: truck, Documents: order, Sources: origins, Destination: targets,
		}})
	default:
	}
	return steps
}

// readings lets the loggers run from the time they were bound until receipt.
func (s *shipment) readings(first, second string) error {
	c := newClimate(s.r, s.product)
	c.fault = s.fault
	way := s.received.Sub(s.bound).Minutes()
	c.seldom = max(1, way/720)
	switch s.fault {
	case FaultExcursion, FaultFreeze:
		c.from = float64(way * between(s.r, 0.25, 0.4))
		c.to = c.from + between(s.r, 190, 240)
	case FaultDrift:
		c.from = max(150, float64(way*between(s.r, 0.25, 0.3)))
		c.to = min(way, c.from+between(s.r, 360, 480))
	case FaultStuck:
		c.from = float64(way * between(s.r, 0.25, 0.4))
		c.to = way
	default:
	}
	begin := s.bound.Add(time.Minute)
	if second == "" {
		return s.segments(first, c, begin, s.received)
	}
	if err := s.segments(first, c, begin, s.swapped); err != nil {
		return err
	}
	c.afterSwap, c.swapAfter = 1.2, c.minutes
	return s.segments(second, c, s.swapped.Add(4*time.Minute), s.received)
}

// segments cuts a logger's series and signs each piece.
func (s *shipment) segments(urn string, c *climate, from, to time.Time) error {
	id, err := epcis.CanonicalEPC(urn)
	if err != nil {
		return fmt.Errorf("simulate: %w", err)
	}
	times, celsius, humidity := c.series(from, to, s.cfg.Sampling)
	var previous ledger.Digest
	for seq, i := uint64(0), 0; i < len(times); seq++ {
		end := min(len(times), i+s.cfg.SegmentReadings)
		segment := ledger.Segment{
			Device: id, Seq: seq, Previous: previous, Times: times[i:end],
			Channels: []ledger.Channel{
				{Quantity: ledger.Temperature, Values: celsius[i:end]},
				{Quantity: ledger.RelativeHumidity, Values: humidity[i:end]},
			},
		}
		signed, err := sign(segment, s.day.Keys[id])
		if err != nil {
			return err
		}
		previous = wire.SegmentDigest(signed.Payload)
		s.day.Actions = append(s.day.Actions, Action{
			At: times[end-1].Time().Add(time.Second), Org: Carrier, Kind: KindSegment, Shipment: s.key,
			Segment: &Segment{Readings: segment, Signed: signed},
		})
		i = end
	}
	return nil
}

func sign(segment ledger.Segment, key ed25519.PrivateKey) (wire.SignedSegment, error) {
	payload, err := wire.EncodeSegment(segment)
	if err != nil {
		return wire.SignedSegment{}, fmt.Errorf("simulate: segment: %w", err)
	}
	signature, err := wire.SignSegment(key, payload)
	if err != nil {
		return wire.SignedSegment{}, fmt.Errorf("simulate: segment: %w", err)
	}
	return wire.SignedSegment{Payload: payload, Signature: signature}, nil
}

func (s *shipment) truth() Truth {
	t := Truth{
		Shipment: s.key, Product: s.product.name, Policy: Policies()[s.product.policy].ID, Lane: s.lane.name, Fault: s.fault,
		AtLeast: ledger.Inspect, From: s.bound.Add(time.Minute), To: s.received,
	}
	switch s.fault {
	case FaultNone:
		t.AtLeast = ledger.Clear
	case FaultExcursion:
		t.AtLeast, t.Reasons = ledger.Quarantine, []string{"above_range", "excursion_budget", "mkt_exceeded"}
	case FaultFreeze:
		t.AtLeast, t.Reasons = ledger.Quarantine, []string{"frozen", "below_range"}
	case FaultDrift:
		t.Reasons = []string{"drift"}
	case FaultStuck:
		t.Reasons = []string{"sensor_stuck"}
	case FaultLoggerSwapped:
		t.Reasons = []string{"logger_swapped"}
	case FaultDiverted:
		t.Reasons = []string{"diverted"}
	case FaultDuplicateSerial:
		t.AtLeast, t.Reasons = ledger.Quarantine, []string{"finding:commissioned_twice"}
	case FaultNonHolder:
		t.Reasons = []string{"finding:shipped_by_non_holder"}
	}
	return t
}
