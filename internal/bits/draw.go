package bits

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"github.com/waybill-dev/waybill/analytics/calibrate"
	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

const (
	minute = ledger.Millis(60_000)
	start  = ledger.Millis(1_770_000_000_000)

	mostWindows  = 40
	mostReadings = 24 // of one segment
	mostDevices  = 3
)

// millis is a number from least to most, both included.
func millis(r *rand.Rand, least, most int64) ledger.Millis {
	return ledger.Millis(least + r.Int64N(most-least+1))
}

// cut gives a stratum's policy and the rest of its name.
func cut(stratum string) (policy, rest string, ok bool) { return strings.Cut(stratum, "|") }

// draw is a shipment as it is drawn, input by input.
type draw struct {
	r       *rand.Rand
	policy  *ledger.Policy
	lane    *simulate.Lane // nil: none is known
	devices []*logger
	at      ledger.Millis
	events  uint64 // so many so far
	told    []ledger.Digest
	finding ledger.Finding
}

// logger is a device and how it misbehaves.
type logger struct {
	id       string
	seq      uint64
	at       ledger.Millis
	interval ledger.Millis
	shape    int
	channels []ledger.Quantity
	level    []int64
}

// The shapes of readings.
const (
	shapeCalm     = iota // wanders about its level
	shapeWide            // by much
	shapeRamp            // creeps
	shapeStep            // leaves its limits at once, and returns
	shapeStuck           // repeats itself
	shapeSpikes          // now and then at a bound of its quantity
	shapeAnything        // any number at all, possible or not
	shapeClock           // its clock is set back, or stands
	shapeGaps            // is silent for long
	shapeCycle           // goes to and fro as compressors do
	shapes
)

func newDraw(r *rand.Rand, policy string) *draw {
	d := &draw{r: r, at: start + minute*millis(r, 0, 500_000)}
	policies := simulate.Policies()
	if policy == "" && r.IntN(16) > 0 {
		policy = policies[r.IntN(len(policies))].ID
	}
	for i := range policies {
		if policies[i].ID == policy {
			d.policy = &policies[i]
		}
	}
	lanes := simulate.Lanes()
	if r.IntN(8) > 0 {
		d.lane = &lanes[r.IntN(len(lanes))]
	}
	devices := 1
	if r.IntN(8) == 0 {
		devices += r.IntN(mostDevices)
	}
	usual := []ledger.Millis{minute, 5 * minute, 10 * minute}[r.IntN(3)]
	if r.IntN(16) == 0 {
		usual = millis(r, 1, int64(90*minute))
	}
	for i := range devices {
		l := &logger{id: fmt.Sprintf("https://id.gs1.org/8004/9521321%d", i), at: d.at, interval: usual, shape: r.IntN(shapes)}
		if r.IntN(3) == 0 {
			l.shape = shapeCalm
		}
		for q := ledger.Temperature; q <= ledger.Door; q++ {
			if q == ledger.Temperature || r.IntN(4) == 0 {
				l.channels, l.level = append(l.channels, q), append(l.level, d.medium(q))
			}
		}
		d.devices = append(d.devices, l)
	}
	return d
}

// medium is where a quantity lies for the goods.
func (d *draw) medium(q ledger.Quantity) int64 {
	switch q {
	case ledger.Temperature:
		if d.policy != nil {
			return (int64(d.policy.Low) + int64(d.policy.High)) / 2
		}
		return 5_000
	case ledger.RelativeHumidity:
		return 55_000
	case ledger.Shock, ledger.Light, ledger.Door:
	}
	return 0
}

func (d *draw) event() ledger.Digest {
	d.events++
	var e ledger.Digest
	binary.BigEndian.PutUint32(e[:], d.r.Uint32())
	binary.BigEndian.PutUint64(e[4:], d.events)
	d.told = append(d.told, e)
	return e
}

func key(p simulate.Place) string { return "https://id.gs1.org/414/" + p.GLN }

// begin is what is told before any reading.
func (d *draw) begin() []feature.Input {
	var all []feature.Input
	if d.policy != nil {
		p := *d.policy
		all = append(all, feature.Input{Kind: feature.KindPolicy, Policy: &p, Default: d.r.IntN(4) == 0})
	}
	for _, l := range d.devices {
		all = append(all, feature.Input{Kind: feature.KindBind, At: d.at, Event: d.event(), Device: l.id})
	}
	if d.lane != nil {
		all = append(all, feature.Input{Kind: feature.KindStep, At: d.at, Event: d.event(), Step: "packing", Places: []string{key(d.lane.Origin)}})
		d.at += minute * millis(d.r, 0, 200)
		all = append(all, feature.Input{Kind: feature.KindShipped, At: d.at, Event: d.event(), Origin: key(d.lane.Origin), Places: []string{key(d.lane.Target)}})
	}
	return all
}

// between is what may be told between segments.
func (d *draw) between() []feature.Input {
	r := d.r
	switch r.IntN(12) {
	case 0, 1:
		if d.lane != nil && len(d.lane.Stops) > 0 {
			step := []string{"arriving", "departing", "storing", "inspecting"}[r.IntN(4)]
			return []feature.Input{{Kind: feature.KindStep, At: d.at, Event: d.event(), Step: step, Places: []string{key(d.lane.Stops[r.IntN(len(d.lane.Stops))])}}}
		}
	case 2:
		codes := []ledger.FindingCode{
			ledger.FindingCommissionedTwice, ledger.FindingShippedByNonHolder, ledger.FindingEventIDMismatch, ledger.FindingImpossibleJourney, ledger.FindingQuantityImbalance,
		}
		d.finding = ledger.Finding{Code: codes[r.IntN(len(codes))], Event: d.event(), Item: "https://id.gs1.org/01/09520001000101/21/1"}
		return []feature.Input{{Kind: feature.KindFinding, Event: d.finding.Event, Finding: d.finding}}
	case 3:
		if d.finding.Code != "" {
			return []feature.Input{{Kind: feature.KindClosed, Event: d.finding.Event, Finding: d.finding}}
		}
	case 4:
		if len(d.told) > 0 && r.IntN(3) == 0 {
			return []feature.Input{{Kind: feature.KindWithdrawn, Event: d.told[r.IntN(len(d.told))]}}
		}
	case 5:
		if r.IntN(3) == 0 {
			l := d.devices[r.IntN(len(d.devices))]
			return []feature.Input{{Kind: feature.KindUnbind, At: d.at, Event: d.event(), Device: l.id}}
		}
	case 6:
		if r.IntN(4) == 0 {
			policies := simulate.Policies()
			d.policy = &policies[r.IntN(len(policies))]
			p := *d.policy
			return []feature.Input{{Kind: feature.KindPolicy, Policy: &p}}
		}
	case 7:
		if r.IntN(8) == 0 {
			return []feature.Input{{Kind: feature.KindStep, At: millis(r, -1, 1) * (ledger.EarliestTime - 1), Event: d.event(), Step: "storing"}} // from no possible time
		}
	default:
	}
	return nil
}

// end is what is told as a journey ends.
func (d *draw) end() []feature.Input {
	event, places := d.event(), []string(nil)
	if d.lane != nil {
		places = []string{key(d.lane.Target)}
		if d.r.IntN(8) == 0 {
			places = []string{key(d.lane.Origin)}
		}
	}
	return []feature.Input{
		{Kind: feature.KindReceived, At: d.at, Event: event, Places: places},
		{Kind: feature.KindEnded, At: d.at, Event: event},
	}
}

// segment draws a logger's next readings.
func (d *draw) segment(l *logger) feature.Input {
	r := d.r
	n := 1 + r.IntN(mostReadings)
	in := feature.Input{Kind: feature.KindReadings, Device: l.id, Seq: l.seq, Times: make([]ledger.Millis, n), Channels: make([]ledger.Channel, len(l.channels))}
	l.seq++
	binary.BigEndian.PutUint64(in.Segment[:], l.seq)
	for i := range in.Times {
		l.at += l.interval
		switch {
		case l.shape == shapeClock && r.IntN(6) == 0:
			l.at -= millis(r, 0, int64(3*l.interval))
		case l.shape == shapeGaps && r.IntN(6) == 0:
			l.at += l.interval * millis(r, 1, 60)
		case r.IntN(4) == 0:
			l.at += millis(r, 0, int64(l.interval)/8+1)
		}
		in.Times[i] = l.at
	}
	for c, q := range l.channels {
		in.Channels[c] = ledger.Channel{Quantity: q, Values: make([]int32, n)}
		for i := range n {
			in.Channels[c].Values[i] = d.value(l, c, q)
		}
	}
	in.At = in.Times[n-1]
	d.at = max(d.at, in.At)
	return in
}

// value draws the next reading of a channel.
func (d *draw) value(l *logger, c int, q ledger.Quantity) int32 {
	r := d.r
	low, high, _ := q.Bounds()
	noise := func(most int64) int64 { return r.Int64N(2*most+1) - most }
	if q == ledger.Door && l.shape != shapeAnything {
		return high * int32(max(0, r.IntN(12)-10)) //nolint:gosec // 0 or 1
	}
	v := &l.level[c]
	var out int64
	switch l.shape {
	case shapeCalm:
		*v += noise(60)
		out = *v + noise(150)
	case shapeWide:
		out = *v + noise(20_000)
	case shapeRamp:
		*v += 20 + noise(40)
		out = *v + noise(80)
	case shapeStep:
		if r.IntN(40) == 0 {
			*v += noise(25_000)
		}
		out = *v + noise(100)
	case shapeStuck:
		if r.IntN(60) == 0 {
			*v += noise(2_000)
		}
		out = *v
	case shapeSpikes:
		out = *v + noise(200)
		switch r.IntN(30) {
		case 0:
			out = int64(low)
		case 1:
			out = int64(high)
		default:
		}
	case shapeAnything:
		switch r.IntN(8) {
		case 0:
			return math.MinInt32
		case 1:
			return math.MaxInt32
		case 2:
			return 0
		default:
			return int32(r.Uint32()) //nolint:gosec // any number is meant
		}
	case shapeCycle:
		phase := int64(l.at/(7*minute)) % 8
		out = *v + 120*min(phase, 8-phase) + noise(60)
	default:
		out = *v + noise(400)
	}
	return int32(max(int64(low), min(int64(high), out))) //nolint:gosec // within the bounds of an int32
}

// shipment draws a shipment of at most so many windows, judges each, and says how many there were.
func shipment(r *rand.Rand, m *score.Model, most int, tally *Tally, take func(ledger.Verdict) error) (int, error) {
	d := newDraw(r, "")
	windows := 1 + r.IntN(4)
	if r.IntN(3) == 0 {
		windows = 5 + r.IntN(mostWindows-4)
	}
	windows = min(windows, most)
	e := score.New(m, fmt.Sprintf("https://id.gs1.org/00/39520001%010d", r.IntN(1_000_000_000)), uint32(r.IntN(3))) //nolint:gosec // below 3
	observe := func(all []feature.Input) {
		for _, in := range all {
			for _, c := range in.Channels {
				tally.Readings += len(c.Values)
			}
			if err := e.Observe(in); err != nil {
				tally.Refused++ // and every engine goes on alike
			}
		}
	}
	observe(d.begin())
	restored := false
	for i := range windows {
		final := i == windows-1 && r.IntN(2) == 0
		all := d.between()
		all = append(all, d.segment(d.devices[r.IntN(len(d.devices))]))
		if final {
			all = append(all, d.end()...)
		}
		observe(all)
		if r.IntN(48) == 0 {
			state, err := e.MarshalBinary()
			if err != nil {
				return 0, fmt.Errorf("bits: saving: %w", err)
			}
			if e, err = score.Restore(m, state); err != nil {
				return 0, fmt.Errorf("bits: reading back: %w", err)
			}
			restored = true
		}
		v := e.Judge(final)
		tally.count(v, restored)
		if err := take(v); err != nil {
			return 0, err
		}
	}
	return windows, nil
}

func (t *Tally) count(v ledger.Verdict, restored bool) {
	switch v.Level {
	case ledger.Clear:
		t.Clear++
	case ledger.Inspect:
		t.Inspect++
	case ledger.Quarantine:
		t.Quarantine++
	}
	if v.Final {
		t.Final++
	}
	if v.Stratum != "" {
		t.Calibrated++
	}
	if restored {
		t.Restored++
	}
}

// measured is what an engine measures of a drawn shipment under a policy.
func measured(r *rand.Rand, m *score.Model, policy string) []calibrate.Stat {
	d := newDraw(r, policy)
	e := score.New(m, "", 0)
	all := d.begin()
	for range 1 + r.IntN(8) {
		all = append(all, d.between()...)
		all = append(all, d.segment(d.devices[r.IntN(len(d.devices))]))
	}
	for _, in := range append(all, d.end()...) {
		_ = e.Observe(in) // what is refused changes nothing but digests
	}
	return e.Statistics(true)
}
