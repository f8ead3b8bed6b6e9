package simulate

import (
	"crypto/ed25519"
	"fmt"
	"iter"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// LoadEvents gives n valid commissioning events of about 1,000 bytes, each of a serial of its own,
// for measuring. Other seeds and other times give other serials.
func LoadEvents(seed uint64, now time.Time, n int) iter.Seq2[int, wire.EventEntry] {
	return func(yield func(int, wire.EventEntry) bool) {
		run := digest(seed, "load", now.UTC().Format(time.RFC3339Nano))
		tag := run.String()[:tagDigits]
		r := source(seed, "load", tag)
		at := now.UTC().Add(-time.Hour)
		for i := range n {
			if !yield(i, loadEvent(r, run, tag, i, at)) {
				return
			}
		}
	}
}

const loadEventBytes = 1000

func loadEvent(r *rand.Rand, run ledger.Digest, tag string, i int, at time.Time) wire.EventEntry {
	stamp := at.Add(time.Duration(i%3_000_000) * time.Millisecond).Format("2006-01-02T15:04:05.000Z07:00")
	b := make([]byte, 0, loadEventBytes+64)
	b = fmt.Appendf(b, `{"type":"ObjectEvent","eventID":%q,"eventTime":%q,"eventTimeZoneOffset":"+00:00",`, uuid(r, run), stamp)
	b = fmt.Appendf(b, `"epcList":["urn:epc:id:sgtin:%s.000999.%s%d"],"action":"ADD","bizStep":"commissioning","disposition":"active",`, producerPrefix, tag, i)
	b = fmt.Appendf(b, `"readPoint":{"id":%q},"bizLocation":{"id":%q},`, sgln(producerPrefix, "00001"), sgln(producerPrefix, "00001"))
	b = fmt.Appendf(b, `"bizTransactionList":[{"type":"prodorder","bizTransaction":"urn:epcglobal:cbv:bt:%s000003:P-%d"}],`, producerPrefix, r.IntN(1000))
	b = fmt.Appendf(b, `"ilmd":{"cbvmda:lotNumber":"LOT-%04d","cbvmda:itemExpirationDate":"2030-12-31","cbvmda:countryOfOrigin":"CH","cbvmda:description":"`, r.IntN(10_000))
	// Words, so that it compresses about as well as what people write.
	words := strings.Fields("store upright between two and eight degrees keep away from light carton of twelve batch released by quality line seven shift early operator checked label printed seal intact")
	for len(b) < loadEventBytes-24 {
		b = append(b, words[r.IntN(len(words))]...)
		b = append(b, ' ')
	}
	return wire.EventEntry{Body: append(b, `end"}}`...)}
}

// FleetConfig says what loggers to simulate for measuring. All fields are needed.
type FleetConfig struct {
	Seed            uint64
	Now             time.Time     // the last readings lie before it
	Devices         int           // at most 100,000
	Readings        int           // a device
	SegmentReadings int           // a segment
	Sampling        time.Duration // default 1 minute
}

// Fleet is a number of loggers, each on a pallet of its own, which all keep their policy.
type Fleet struct {
	Devices  []ledger.Device
	Bindings []wire.EventEntry // association events that bind each device to its pallet
	Pallets  []string          // canonical EPCs, in the order of the devices
	cfg      FleetConfig
	keys     []ed25519.PrivateKey
	begin    time.Time
}

// NewFleet makes the loggers and their bindings. Other seeds and other times give other loggers.
func NewFleet(cfg FleetConfig) (*Fleet, error) {
	if cfg.Sampling == 0 {
		cfg.Sampling = time.Minute
	}
	if cfg.Now.IsZero() || cfg.Devices < 1 || cfg.Devices > MaxShipments || cfg.Readings < 1 || cfg.SegmentReadings < 1 || cfg.Sampling < time.Millisecond {
		return nil, fmt.Errorf("%w: fleet of %d devices, %d readings in segments of %d, one each %s", ErrConfig, cfg.Devices, cfg.Readings, cfg.SegmentReadings, cfg.Sampling)
	}
	sum := digest(cfg.Seed, "fleet", cfg.Now.UTC().Format(time.RFC3339Nano))
	tag := sum.String()
	f := &Fleet{cfg: cfg}
	f.begin = cfg.Now.UTC().Truncate(time.Second).Add(-time.Duration(cfg.Readings+1) * cfg.Sampling)
	r := source(cfg.Seed, "fleet", tag)
	for i := range cfg.Devices {
		urn := fmt.Sprintf("urn:epc:id:giai:%s.F%s-%05d", carrierPrefix, tag[:tagDigits], i)
		id, err := epcis.CanonicalEPC(urn)
		if err != nil {
			return nil, fmt.Errorf("simulate: %w", err)
		}
		device, key, err := newDevice(cfg.Seed, tag, id)
		if err != nil {
			return nil, err
		}
		pallet := sscc(sum, i)
		canonical, err := epcis.CanonicalEPC(pallet)
		if err != nil {
			return nil, fmt.Errorf("simulate: %w", err)
		}
		binding, err := event{
			Type: "AssociationEvent", EventID: uuid(r, sum), ParentID: pallet, ChildEPCs: []string{urn}, Action: "ADD", BizStep: "installing",
			ReadPoint: &place{sgln(producerPrefix, "00001")},
		}.entry(f.begin.Add(-time.Second))
		if err != nil {
			return nil, err
		}
		f.Devices = append(f.Devices, device)
		f.keys = append(f.keys, key)
		f.Bindings = append(f.Bindings, *binding)
		f.Pallets = append(f.Pallets, canonical)
	}
	return f, nil
}

// Segments gives the signed segments, each device's in order and the devices in turn.
func (f *Fleet) Segments() iter.Seq2[Segment, error] {
	return func(yield func(Segment, error) bool) {
		climates := make([]*climate, len(f.Devices))
		previous := make([]ledger.Digest, len(f.Devices))
		for i := range climates {
			number := strconv.Itoa(i)
			way := route{lane: Lanes()[0], season: SeasonSpring, way: f.cfg.Sampling.Minutes() * float64(f.cfg.Readings)}
			climates[i] = newClimate(
				source(f.cfg.Seed, "fleet", number), source(f.cfg.Seed, "fleet", number, "channels"), products()[0], Sensors()[i%len(Sensors())], way,
				[]ledger.Quantity{ledger.Temperature},
			)
		}
		for seq, first := uint64(0), 0; first < f.cfg.Readings; seq++ {
			end := min(f.cfg.Readings, first+f.cfg.SegmentReadings)
			from, to := f.begin.Add(time.Duration(first)*f.cfg.Sampling), f.begin.Add(time.Duration(end)*f.cfg.Sampling)
			for i, c := range climates {
				log := c.series(from, to, f.cfg.Sampling)
				segment := ledger.Segment{
					Device: f.Devices[i].ID, Seq: seq, Previous: previous[i], Times: log.times,
					Channels: []ledger.Channel{{Quantity: ledger.Temperature, Values: log.values[0]}},
				}
				signed, err := sign(segment, f.keys[i])
				if err == nil {
					previous[i] = wire.SegmentDigest(signed.Payload)
				}
				if !yield(Segment{Readings: segment, Signed: signed}, err) || err != nil {
					return
				}
			}
			first = end
		}
	}
}
