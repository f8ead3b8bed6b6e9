package simulate

import (
	"cmp"
	"crypto/ed25519"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
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
	if c.Plants == nil {
		if c.Faults == nil {
			c.Faults = Faults()
			c.Faults = c.Faults[:max(0, min(len(c.Faults), c.Shipments))]
		}
		for _, f := range c.Faults {
			c.Plants = append(c.Plants, Plant{Fault: f})
		}
	} else if c.Faults != nil {
		return c, fmt.Errorf("%w: Faults and Plants are both set", ErrConfig)
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
	if c.Channels == nil {
		c.Channels = []ledger.Quantity{ledger.Temperature, ledger.RelativeHumidity}
	}
	switch {
	case c.Shipments < 0 || c.Shipments > MaxShipments:
		return c, fmt.Errorf("%w: %d shipments, at most %d", ErrConfig, c.Shipments, MaxShipments)
	case len(c.Plants) > c.Shipments:
		return c, fmt.Errorf("%w: %d faults for %d shipments", ErrConfig, len(c.Plants), c.Shipments)
	case c.Sampling < time.Second || c.Sampling > 10*time.Minute:
		return c, fmt.Errorf("%w: a reading each %s; from 1 s to 10 min", ErrConfig, c.Sampling)
	case c.SegmentReadings < 1 || c.SegmentReadings > 4_096:
		return c, fmt.Errorf("%w: %d readings a segment; from 1 to 4096", ErrConfig, c.SegmentReadings)
	case c.Items < 1 || c.Items > 1_000:
		return c, fmt.Errorf("%w: %d items a pallet; from 1 to 1000", ErrConfig, c.Items)
	case c.Journey < 7*time.Hour || c.Journey > 14*24*time.Hour:
		return c, fmt.Errorf("%w: a journey of %s; from 7 hours to 14 days", ErrConfig, c.Journey)
	case c.Season != SeasonAny && !slices.Contains(Seasons(), c.Season):
		return c, fmt.Errorf("%w: no season %q", ErrConfig, c.Season)
	}
	if err := c.checkChoices(); err != nil {
		return c, err
	}
	c.Now = c.Now.UTC().Truncate(time.Second)
	return c, nil
}

// checkChoices holds that channels are known and in order, names known, and that each fault can be planted.
func (c Config) checkChoices() error {
	if len(c.Channels) == 0 || c.Channels[0] != ledger.Temperature {
		return fmt.Errorf("%w: the first channel is the temperature", ErrConfig)
	}
	for i, q := range c.Channels {
		if _, _, ok := q.Bounds(); !ok || i > 0 && q <= c.Channels[i-1] {
			return fmt.Errorf("%w: channels %v", ErrConfig, c.Channels)
		}
	}
	d, err := c.draws()
	if err != nil {
		return err
	}
	for _, p := range c.Plants {
		scale, err := p.scale()
		if err != nil {
			return err
		}
		if scale == nil {
			continue
		}
		if scale.Needs != 0 && !slices.Contains(c.Channels, scale.Needs) {
			return fmt.Errorf("%w: %s is seen by a channel of %s alone", ErrConfig, p.Fault, scale.Needs)
		}
		if len(d.fitting(p.Fault)) == 0 {
			return fmt.Errorf("%w: none of the products can have %s", ErrConfig, p.Fault)
		}
	}
	return nil
}

// draws is what shipments are drawn from.
type draws struct {
	lanes    []Lane
	products []product
	sensors  []Sensor
}

func (c Config) draws() (draws, error) {
	var d draws
	var err error
	if d.lanes, err = chosen("lane", Lanes(), c.Lanes, func(l Lane) string { return l.Name }); err != nil {
		return d, err
	}
	if d.products, err = chosen("product", products(), c.Products, func(p product) string { return p.name }); err != nil {
		return d, err
	}
	d.sensors, err = chosen("sensor", Sensors(), c.Sensors, func(s Sensor) string { return s.Name })
	return d, err
}

func chosen[T any](kind string, all []T, names []string, name func(T) string) ([]T, error) {
	if len(names) == 0 {
		return all, nil
	}
	var out []T
	for _, n := range names {
		i := slices.IndexFunc(all, func(t T) bool { return name(t) == n })
		if i < 0 {
			return nil, fmt.Errorf("%w: no %s %q", ErrConfig, kind, n)
		}
		out = append(out, all[i])
	}
	return out, nil
}

// fitting are the products for which a fault makes sense.
func (d draws) fitting(f Fault) []product {
	switch f {
	case FaultExcursion, FaultFreeze, FaultDrift:
		return slices.DeleteFunc(slices.Clone(d.products), func(p product) bool { return !slices.Contains(p.faults, f) })
	case FaultDefrost:
		return slices.DeleteFunc(slices.Clone(d.products), func(p product) bool { return p.frost == 0 })
	default:
		return d.products
	}
}

// world is what the shipments of a configuration share.
type world struct {
	cfg           Config
	draws         draws
	policies      []ledger.Policy
	run           ledger.Digest // of the seed and of Now: every id stands on it, or a second run on one ledger would collide
	tag           string
	begin, latest time.Time // first and last packing
}

func newWorld(cfg Config) (*world, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	w := &world{cfg: cfg, policies: Policies(), run: digest(cfg.Seed, cfg.Now.Format(time.RFC3339))}
	if w.draws, err = cfg.draws(); err != nil {
		return nil, err
	}
	w.tag = w.run.String()[:tagDigits]
	longest := time.Duration(float64(float64(cfg.Journey) * mostJourney))
	more := time.Duration(0)
	for _, p := range cfg.Plants {
		more = max(more, p.lengthens(cfg.Journey))
	}
	longest += more + 3*time.Hour // with what comes before and after
	w.begin = cfg.Now.Add(-max(24*time.Hour, longest+6*time.Hour))
	w.latest = cfg.Now.Add(-time.Minute - longest)
	return w, nil
}

// New simulates a day. The same configuration gives the same day, byte for byte.
func New(cfg Config) (*Day, error) {
	w, err := newWorld(cfg)
	if err != nil {
		return nil, err
	}
	day := &Day{Policies: w.policies, Keys: map[string]ed25519.PrivateKey{}}
	for i := range day.Policies {
		day.Actions = append(day.Actions, Action{At: w.begin.Add(-time.Hour), Org: Producer, Kind: KindPolicy, Policy: &day.Policies[i]})
	}
	for i := range w.cfg.Shipments {
		j, err := w.journey(i)
		if err != nil {
			return nil, err
		}
		if err := day.take(w, j); err != nil {
			return nil, err
		}
	}
	for i := range day.Devices {
		day.Actions = append(day.Actions, Action{At: w.begin.Add(-time.Hour), Org: Carrier, Kind: KindDevice, Device: &day.Devices[i]})
	}
	inOrder(day.Actions)
	return day, nil
}

// take registers a journey's loggers and signs what they measured.
func (d *Day) take(w *world, j *Journey) error {
	for _, id := range j.Devices {
		device, key, err := newDevice(w.cfg.Seed, w.run.String(), id)
		if err != nil {
			return err
		}
		d.Keys[id] = key
		d.Devices = append(d.Devices, device)
	}
	previous := map[string]ledger.Digest{}
	for _, a := range j.Actions {
		if a.Kind == KindSegment {
			segment := a.Segment.Readings
			segment.Previous = previous[segment.Device]
			signed, err := sign(segment, d.Keys[segment.Device])
			if err != nil {
				return err
			}
			previous[segment.Device] = wire.SegmentDigest(signed.Payload)
			a.Segment = &Segment{Readings: segment, Signed: signed}
		}
		d.Actions = append(d.Actions, a)
	}
	d.Truth = append(d.Truth, j.Truth)
	return nil
}

func inOrder(actions []Action) {
	slices.SortStableFunc(actions, func(a, b Action) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Kind, b.Kind)) })
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
