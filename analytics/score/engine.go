package score

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/analytics/calibrate"
	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/coldchain"
	"github.com/waybill-dev/waybill/analytics/detect"
	"github.com/waybill-dev/waybill/analytics/detect/journey"
	"github.com/waybill-dev/waybill/analytics/detect/sensor"
	"github.com/waybill-dev/waybill/analytics/detect/sequence"
	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// ErrInput says that an input cannot be one that the ledger recorded.
var ErrInput = errors.New("WB_INPUT: impossible input")

// Bounds of an engine's state.
const (
	maxSeries   = 32
	maxRanges   = 16
	maxEvents   = 128
	maxFindings = 32
	maxBinds    = 32
	maxBroken   = 32  // more than there are rules
	maxEarly    = 256 // readings of a series that are kept until its policy is certain
	maxMoves    = 32  // shippings, and receipts
	maxChannels = 5   // quantities of a device
	maxJudged   = 4   // devices whose whole journey is judged; the others' is told by what is judged as it goes

	// latestTime is the year 2200; a contract that lets a later reading pass is not ours.
	latestTime ledger.Millis = 7_258_118_400_000
)

// Engine judges one shipment. It is a function of its model, its shipment's name and the inputs
// observed: nothing else reaches it. It is not safe for concurrent use.
type Engine struct {
	model    *Model
	shipment string

	window     uint32 // of the next verdict
	windowFrom ledger.Millis
	last       ledger.Millis // latest data time
	hasTime    bool

	policy    *ledger.Policy
	series    []*instrument
	broken    []cause // rules of policies that are no longer in force, one for each code
	binds     []bind
	unbinds   []bind
	findings  []ledger.Finding
	moreOf    uint64        // findings beyond the bound
	unheard   uint64        // inputs of devices beyond the bound
	unheardAt ledger.Millis // of the first
	events    []ledger.Digest
	steps     []sequence.Step // in ledger order
	shipped   []move          // in ledger order
	received  []move

	endedAt ledger.Millis
	isEnded bool

	inputs, trace ledger.Digest
	scratch       *canon.Coder
}

type bind struct {
	device string
	at     ledger.Millis
	event  ledger.Digest
}

// move is a shipping or a receipt.
type move struct {
	at     ledger.Millis
	event  ledger.Digest
	places []string // shipped for, or received in
}

// instrument is what is known of one device's readings.
type instrument struct {
	device    string
	unbound   bool
	first     ledger.Millis
	last      ledger.Millis
	count     uint64
	gap       ledger.Millis // longest silence
	gapFrom   ledger.Millis
	early     []reading
	complete  bool // early holds every reading so far
	evaluator *coldchain.Evaluator
	alarms    []*coldchain.Alarms // of the model's sets that are for the policy, in their order
	monitor   *sensor.Monitor
	drift     *detect.Drift
	energy    *detect.Energy
	log       *journey.Log
	channels  []*channel
	intervals [samplings]uint64 // between readings, by their class
	ranges    []ledger.SegmentRange
}

type reading struct {
	at    ledger.Millis
	value int32
}

// New starts an engine for a shipment whose next verdict is of the window given (0 unless the
// container was on a journey before).
func New(m *Model, shipment string, window uint32) *Engine {
	e := &Engine{model: m, shipment: shipment, window: window, scratch: canon.Writer(nil)}
	name := m.Name()
	c := e.scratch
	canon.String(c, &name, feature.MaxText)
	canon.String(c, &shipment, feature.MaxText)
	canon.Uint(c, &window)
	e.trace = sha256.Sum256(c.Bytes())
	e.inputs = e.trace
	return e
}

// chain extends a digest by what the scratch holds.
func (e *Engine) chain(d *ledger.Digest) {
	h := sha256.New()
	h.Write(d[:])
	h.Write(e.scratch.Bytes())
	h.Sum(d[:0])
}

// Window is the number of the next verdict.
func (e *Engine) Window() uint32 { return e.window }

// Observe takes the next input. The error is ErrInput; the input then changes nothing but the
// digests, so that every engine goes on alike.
func (e *Engine) Observe(in feature.Input) error {
	e.scratch.Reset()
	in.Code(e.scratch)
	if err := e.scratch.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrInput, err)
	}
	e.chain(&e.inputs)
	e.scratch.Reset()
	err := e.observe(&in)
	e.chain(&e.trace)
	return err
}

func (e *Engine) observe(in *feature.Input) error {
	switch in.Kind {
	case feature.KindPolicy, feature.KindFinding, feature.KindClosed, feature.KindWithdrawn, feature.KindReopened:
	default:
		if in.At < ledger.EarliestTime || in.At > latestTime {
			return fmt.Errorf("%w: time %d", ErrInput, in.At)
		}
		e.time(in.At)
	}
	if !in.Event.IsZero() && len(e.events) < maxEvents && !slices.Contains(e.events, in.Event) {
		e.events = append(e.events, in.Event)
	}
	switch in.Kind {
	case feature.KindPolicy:
		if in.Policy == nil {
			return fmt.Errorf("%w: no policy", ErrInput)
		}
		e.setPolicy(*in.Policy)
	case feature.KindBind:
		if len(e.binds) < maxBinds {
			e.binds = append(e.binds, bind{in.Device, in.At, in.Event})
		}
		if s := e.find(in.Device); s != nil {
			s.unbound = false
		}
	case feature.KindUnbind:
		if len(e.unbinds) < maxBinds {
			e.unbinds = append(e.unbinds, bind{in.Device, in.At, in.Event})
		}
		if s := e.find(in.Device); s != nil {
			s.unbound = true
		}
	case feature.KindShipped:
		e.shipped = moved(e.shipped, in)
		s := sequence.Step{At: in.At, Event: in.Event, Name: shipping, Place: in.Origin}
		if len(in.Places) > 0 {
			s.To = in.Places[0]
		}
		e.step(s)
	case feature.KindReceived:
		e.received = moved(e.received, in)
	case feature.KindEnded:
		e.isEnded, e.endedAt = true, in.At
	case feature.KindReopened:
		e.isEnded, e.endedAt = false, 0
	case feature.KindStep:
		if in.Step != shipping { // which tells itself, with its destination
			s := sequence.Step{At: in.At, Event: in.Event, Name: in.Step}
			if len(in.Places) > 0 {
				s.Place = in.Places[0]
			}
			e.step(s)
		}
	case feature.KindFinding:
		e.found(in.Finding)
	case feature.KindClosed:
		f := in.Finding
		e.findings = slices.DeleteFunc(e.findings, func(o ledger.Finding) bool { return o.Code == f.Code && o.Event == f.Event && o.Item == f.Item })
	case feature.KindWithdrawn:
		e.withdraw(in.Event)
	case feature.KindReadings:
		return e.readings(in)
	default:
		return fmt.Errorf("%w: kind %d", ErrInput, in.Kind)
	}
	return nil
}

// shipping is the business step that tells a lane.
const shipping = "shipping"

// moved adds a shipping or a receipt. Of too many the last place is for the latest.
func moved(moves []move, in *feature.Input) []move {
	m := move{in.At, in.Event, slices.Clone(in.Places)}
	if len(moves) == maxMoves {
		moves[maxMoves-1] = m
		return moves
	}
	return append(moves, m)
}

func (e *Engine) step(s sequence.Step) {
	if len(e.steps) < sequence.MaxSteps {
		e.steps = append(e.steps, s)
	}
}

// found keeps a finding. One too many takes the place of the one that speaks the least against the shipment,
// if that is less than it does: no flood of harmless ones hides a grave one.
func (e *Engine) found(f ledger.Finding) {
	if len(e.findings) < maxFindings {
		e.findings = append(e.findings, f)
		return
	}
	e.moreOf++
	at := -1
	_, least := e.model.p.finding(f)
	for i := range e.findings {
		if _, severity := e.model.p.finding(e.findings[i]); severity < least {
			at, least = i, severity
		}
	}
	if at >= 0 {
		e.findings[at] = f
	}
}

// withdraw takes back what an event told that its recorder declared in error. Findings close by
// themselves, and readings stay.
func (e *Engine) withdraw(event ledger.Digest) {
	same := func(m move) bool { return m.event == event }
	bound := func(b bind) bool { return b.event == event }
	e.shipped, e.received = slices.DeleteFunc(e.shipped, same), slices.DeleteFunc(e.received, same)
	e.binds, e.unbinds = slices.DeleteFunc(e.binds, bound), slices.DeleteFunc(e.unbinds, bound)
	e.steps = slices.DeleteFunc(e.steps, func(s sequence.Step) bool { return s.Event == event })
}

func (e *Engine) time(at ledger.Millis) {
	if !e.hasTime {
		e.hasTime, e.windowFrom, e.last = true, at, at
		return
	}
	e.last = max(e.last, at)
}

func (e *Engine) find(device string) *instrument {
	for _, s := range e.series {
		if s.device == device {
			return s
		}
	}
	return nil
}

func (e *Engine) setPolicy(p ledger.Policy) {
	p.Products = nil
	old := e.policy
	e.policy = &p
	for _, s := range e.series {
		if s.evaluator != nil && !s.complete {
			// What came before was judged by the policy of its time, and what broke it stays broken:
			// goods that are added undo no harm.
			for _, c := range e.ruleCauses(s, old, false) {
				if c.exceeded {
					e.broken = worsened(e.broken, c)
				}
			}
		}
		e.regulate(s)
		if !s.complete {
			continue
		}
		for _, r := range s.early {
			s.limits(r.at, r.value)
		}
	}
}

// regulate starts a device's accounts under the policy in force.
func (e *Engine) regulate(s *instrument) {
	s.evaluator, s.alarms = coldchain.NewEvaluator(*e.policy, e.model.p.Hold), nil
	for _, set := range e.sets() {
		s.alarms = append(s.alarms, coldchain.NewAlarms(*set, e.model.p.Hold))
	}
	s.monitor.SetRange(e.policy.Low, e.policy.High)
}

// sets are the model's alarms that are for the policy in force.
func (e *Engine) sets() []*coldchain.AlarmSet {
	var sets []*coldchain.AlarmSet
	for i := range e.model.p.Alarms {
		if a := &e.model.p.Alarms[i]; e.policy != nil && a.AppliesTo(e.policy) {
			sets = append(sets, a)
		}
	}
	return sets
}

func (s *instrument) limits(at ledger.Millis, value int32) {
	s.evaluator.Observe(at, value)
	for _, a := range s.alarms {
		a.Observe(at, value)
	}
}

func (e *Engine) readings(in *feature.Input) error {
	s := e.find(in.Device)
	if s == nil {
		if len(e.series) == maxSeries {
			if e.unheard == 0 {
				e.unheardAt = in.At
			}
			e.unheard++
			return fmt.Errorf("%w: more than %d devices", ErrInput, maxSeries)
		}
		s = e.begin(in.Device)
	}
	s.cover(in)
	var done [maxChannels]ledger.Quantity
	for i, ch := range in.Channels {
		if i < maxChannels {
			if slices.Contains(done[:i], ch.Quantity) { // one channel a quantity
				continue
			}
			done[i] = ch.Quantity
		}
		n := min(len(in.Times), len(ch.Values))
		if ch.Quantity == ledger.Temperature {
			for k := range n {
				e.reading(s, in.Times[k], ch.Values[k])
			}
		}
		if c := e.channel(s, ch.Quantity); c != nil {
			for k := range n {
				if at := in.Times[k]; at >= ledger.EarliestTime && at <= latestTime {
					c.observe(&e.model.p, at, ch.Values[k])
				}
			}
		}
	}
	s.trace(e.scratch)
	return nil
}

// trace appends the values that a verdict rests on.
func (s *instrument) trace(c *canon.Coder) {
	if s.evaluator != nil {
		s.evaluator.Trace(c)
	}
	for _, a := range s.alarms {
		a.Trace(c)
	}
	s.monitor.Trace(c)
	s.drift.Trace(c)
	s.energy.Trace(c)
	for _, ch := range s.channels {
		c.Float(&ch.worst)
		canon.Int(c, &ch.step)
		c.Float(&ch.level)
		c.Float(&ch.highest)
		if ch.energy != nil {
			ch.energy.Trace(c)
		}
	}
}

// begin starts a device's series. One that takes a removed device's place goes on with that one's
// accounts, so that exchanging loggers renews no allowance.
func (e *Engine) begin(device string) *instrument {
	s := e.blank()
	s.device, s.complete = device, true
	if e.policy != nil {
		e.regulate(s)
		for _, old := range slices.Backward(e.series) {
			if old.unbound && old.evaluator != nil {
				accounts := *old.evaluator
				s.evaluator, s.complete = &accounts, false
				for i, a := range old.alarms {
					levels := *a
					s.alarms[i] = &levels
				}
				break
			}
		}
	}
	e.series = append(e.series, s)
	return s
}

func (e *Engine) blank() *instrument {
	log, err := journey.NewLog(journey.Most)
	if err != nil {
		panic(err) // the limit is a constant
	}
	return &instrument{
		monitor: sensor.New(e.model.p.Sensor), drift: detect.NewDrift(e.model.p.Drift), energy: detect.NewEnergy(e.model.p.Energy), log: log,
	}
}

// cover notes the segment as evidence.
func (s *instrument) cover(in *feature.Input) {
	if in.Segment.IsZero() {
		return
	}
	if n := len(s.ranges); n > 0 && in.Seq <= s.ranges[n-1].Last+1 && in.Seq >= s.ranges[n-1].First {
		if in.Seq > s.ranges[n-1].Last {
			s.ranges[n-1].Last, s.ranges[n-1].Digest = in.Seq, in.Segment
		}
		return
	}
	if len(s.ranges) < maxRanges {
		s.ranges = append(s.ranges, ledger.SegmentRange{Device: in.Device, First: in.Seq, Last: in.Seq, Digest: in.Segment})
	}
}

// reading takes one temperature. One that is not later than the last is for the monitor alone, and one
// from no possible time for nobody.
func (e *Engine) reading(s *instrument, at ledger.Millis, value int32) {
	if at < ledger.EarliestTime || at > latestTime {
		return
	}
	s.monitor.Observe(at, value)
	if s.count > 0 && at <= s.last {
		return
	}
	e.time(at)
	if s.count == 0 {
		s.first = at
	} else {
		silence := at - s.last
		s.intervals[samplingOf(silence)]++
		if silence > s.gap {
			s.gap, s.gapFrom = silence, s.last
		}
	}
	s.last = at
	s.count++
	if s.complete {
		if len(s.early) < maxEarly {
			s.early = append(s.early, reading{at, value})
		} else {
			s.early, s.complete = nil, false
		}
	}
	if s.evaluator != nil {
		s.limits(at, value)
	}
	s.drift.Observe(at, value)
	s.energy.Observe(at, value)
	s.log.Observe(at, value)
}

// Due says whether a verdict may be given now by the policy's least time between windows.
func (e *Engine) Due(final, forced bool) bool {
	return final || forced || e.policy == nil || e.last-e.windowFrom >= e.policy.WindowAtLeast
}

// Judge gives the verdict on all that was observed so far. Its From and To are the window: from
// where the verdict before ended. Its evidence covers the journey.
func (e *Engine) Judge(final bool) ledger.Verdict {
	j := e.judgement(final)
	score, reasons := combine(j.causes)
	level := ledger.Clear
	switch {
	case score >= e.model.p.QuarantineAt:
		level = ledger.Quarantine
	case score >= e.model.p.InspectAt:
		level = ledger.Inspect
	}
	v := ledger.Verdict{
		Shipment: e.shipment, Window: e.window, Final: final, Model: e.model.Name(), Level: level, Score: score,
		From: e.windowFrom, To: e.last, Reasons: reasons, Events: slices.Clone(e.events), Inputs: e.inputs, Lane: j.lane,
	}
	if j.stratum != nil {
		v.Stratum, v.PValue, v.Tail = j.stratum.Name, j.result.P, j.result.Tail
		v.References = uint32(j.result.N) //nolint:gosec // at most calibrate.MaxRows
	}
	for _, s := range e.series {
		v.Segments = append(v.Segments, s.ranges...)
	}
	if e.policy != nil {
		v.Policy = fmt.Sprintf("%s/%d", e.policy.ID, e.policy.Version)
	}
	c := e.scratch
	c.Reset()
	canon.Uint(c, &e.window)
	c.Bool(&final)
	canon.Int(c, &score)
	for i := range j.causes {
		canon.String(c, &j.causes[i].code, feature.MaxText)
		canon.Int(c, &j.causes[i].severity)
		canon.Int(c, &j.causes[i].from)
		canon.Int(c, &j.causes[i].to)
	}
	for i := range j.signals {
		canon.String(c, &j.signals[i].Code, feature.MaxText)
		canon.Int(c, &j.signals[i].Ratio)
	}
	canon.Int(c, &j.result.P)
	canon.Int(c, &j.result.Score)
	e.chain(&e.trace)
	v.Trace = e.trace
	e.window++
	e.windowFrom = e.last
	return v
}

// Statistics are what the model's strata are calibrated with: each name once, the largest of all
// devices. They are the same before and after Judge, for training.
func (e *Engine) Statistics(final bool) []calibrate.Stat {
	return statsOf(e.judgement(final).signals)
}

// Lane is the shipment's lane as verdicts name it, and the steps that were recorded of it so far, in
// order of time; for training.
func (e *Engine) Lane() (string, []sequence.Step) {
	s := e.sequence()
	return laneName(s.Lane()), s.Steps()
}

// Sampling is how often the shipment's loggers have told its temperature so far.
func (e *Engine) Sampling() Sampling {
	var n [samplings]uint64
	for _, s := range e.series {
		for i, of := range s.intervals {
			n[i] += of
		}
	}
	return mostOf(&n)
}

// Policy is the policy in force, nil if none; for training.
func (e *Engine) Policy() *ledger.Policy { return e.policy }

// Logs are the temperatures of each device, as the judgement of the whole journey sees them; for training.
func (e *Engine) Logs() []journey.Readings {
	var logs []journey.Readings
	for _, s := range e.series {
		if r := s.log.Readings(); len(r.Times) > 0 {
			logs = append(logs, r)
		}
	}
	return logs
}

const stateVersion = 6

// MarshalBinary gives the state, from which Restore goes on as if nothing had happened.
func (e *Engine) MarshalBinary() ([]byte, error) {
	c := canon.Writer(nil)
	e.Code(c)
	return c.Bytes(), c.Err()
}

// Restore reads a state that an engine of the same model gave.
func Restore(m *Model, data []byte) (*Engine, error) {
	e := &Engine{model: m, scratch: canon.Writer(nil)}
	c := canon.Reader(data)
	e.Code(c)
	if err := c.Done(); err != nil {
		return nil, err
	}
	return e, nil
}

// Blank gives an engine of a model for Code to read a state into.
func Blank(m *Model) *Engine { return &Engine{model: m, scratch: canon.Writer(nil)} }

// Code writes or reads the state.
func (e *Engine) Code(c *canon.Coder) {
	version, model := uint32(stateVersion), e.model.digest
	canon.Uint(c, &version)
	c.Raw(model[:])
	if version != stateVersion || model != e.model.digest {
		c.Fail("the state of another version or model")
		return
	}
	text := func(c *canon.Coder, s *string) { canon.String(c, s, feature.MaxText) }
	text(c, &e.shipment)
	canon.Uint(c, &e.window)
	canon.Int(c, &e.windowFrom)
	canon.Int(c, &e.last)
	c.Bool(&e.hasTime)
	has := e.policy != nil
	c.Bool(&has)
	if has {
		if c.Reading() {
			e.policy = new(ledger.Policy)
		}
		coldchain.CodePolicy(c, e.policy)
	}
	canon.Slice(c, &e.series, maxSeries, e.codeSeries)
	canon.Slice(c, &e.broken, maxBroken, codeCause)
	for _, list := range []*[]bind{&e.binds, &e.unbinds} {
		canon.Slice(c, list, maxBinds, func(c *canon.Coder, b *bind) {
			text(c, &b.device)
			canon.Int(c, &b.at)
			c.Raw(b.event[:])
		})
	}
	canon.Slice(c, &e.findings, maxFindings, feature.CodeFinding)
	canon.Uint(c, &e.moreOf)
	canon.Uint(c, &e.unheard)
	canon.Int(c, &e.unheardAt)
	canon.Slice(c, &e.events, maxEvents, func(c *canon.Coder, d *ledger.Digest) { c.Raw(d[:]) })
	canon.Slice(c, &e.steps, sequence.MaxSteps, func(c *canon.Coder, s *sequence.Step) {
		canon.Int(c, &s.At)
		c.Raw(s.Event[:])
		text(c, &s.Name)
		text(c, &s.Place)
		text(c, &s.To)
	})
	for _, list := range []*[]move{&e.shipped, &e.received} {
		canon.Slice(c, list, maxMoves, func(c *canon.Coder, m *move) {
			canon.Int(c, &m.at)
			c.Raw(m.event[:])
			canon.Slice(c, &m.places, feature.MaxPlaces, text)
		})
	}
	canon.Int(c, &e.endedAt)
	c.Bool(&e.isEnded)
	c.Raw(e.inputs[:])
	c.Raw(e.trace[:])
}

func (e *Engine) codeSeries(c *canon.Coder, p **instrument) {
	if c.Reading() {
		*p = e.blank()
	}
	s := *p
	canon.String(c, &s.device, feature.MaxText)
	c.Bool(&s.unbound)
	canon.Int(c, &s.first)
	canon.Int(c, &s.last)
	canon.Uint(c, &s.count)
	canon.Int(c, &s.gap)
	canon.Int(c, &s.gapFrom)
	for i := range s.intervals {
		canon.Uint(c, &s.intervals[i])
	}
	c.Bool(&s.complete)
	canon.Slice(c, &s.early, maxEarly, func(c *canon.Coder, r *reading) {
		canon.Int(c, &r.at)
		canon.Int(c, &r.value)
	})
	has := s.evaluator != nil
	c.Bool(&has)
	if has {
		if e.policy == nil {
			c.Fail("accounts without a policy")
			return
		}
		if c.Reading() {
			e.regulate(s)
		}
		s.evaluator.Code(c)
		for _, a := range s.alarms {
			a.Code(c)
		}
	}
	s.monitor.Code(c)
	s.drift.Code(c)
	s.energy.Code(c)
	s.log.Code(c)
	canon.Slice(c, &s.channels, maxChannels, func(c *canon.Coder, p **channel) {
		if c.Reading() {
			*p = newChannel(&e.model.p, ledger.Temperature)
		}
		(*p).code(c, &e.model.p)
	})
	canon.Slice(c, &s.ranges, maxRanges, func(c *canon.Coder, r *ledger.SegmentRange) {
		canon.String(c, &r.Device, feature.MaxText)
		canon.Uint(c, &r.First)
		canon.Uint(c, &r.Last)
		c.Raw(r.Digest[:])
	})
}
