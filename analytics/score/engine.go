package score

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/coldchain"
	"github.com/waybill-dev/waybill/analytics/detect"
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
	maxBroken   = 8   // more than there are rules
	maxEarly    = 256 // readings of a series that are kept until its policy is certain

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

	policy   *ledger.Policy
	series   []*instrument
	broken   []cause // rules of policies that are no longer in force, one for each code
	binds    []bind
	unbinds  []bind
	findings []ledger.Finding
	moreOf   uint64 // findings beyond the bound
	events   []ledger.Digest

	shippedAt, receivedAt, endedAt ledger.Millis
	isShipped, isReceived, isEnded bool
	destinations, places           []string

	inputs, trace ledger.Digest
	scratch       *canon.Coder
}

type bind struct {
	device string
	at     ledger.Millis
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
	drift     *detect.Drift
	stuck     *detect.Stuck
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
	if in.Kind != feature.KindPolicy && in.Kind != feature.KindFinding {
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
			e.binds = append(e.binds, bind{in.Device, in.At})
		}
		if s := e.find(in.Device); s != nil {
			s.unbound = false
		}
	case feature.KindUnbind:
		if len(e.unbinds) < maxBinds {
			e.unbinds = append(e.unbinds, bind{in.Device, in.At})
		}
		if s := e.find(in.Device); s != nil {
			s.unbound = true
		}
	case feature.KindShipped:
		if !e.isShipped || in.At < e.shippedAt {
			e.isShipped, e.shippedAt = true, in.At
		}
		// Shipped on from where it was sent: the last destination counts.
		e.destinations = slices.Clone(in.Places)
	case feature.KindReceived:
		e.isReceived, e.receivedAt, e.places = true, in.At, slices.Clone(in.Places)
	case feature.KindEnded:
		e.isEnded, e.endedAt = true, in.At
	case feature.KindFinding:
		if len(e.findings) < maxFindings {
			e.findings = append(e.findings, in.Finding)
		} else {
			e.moreOf++
		}
	case feature.KindReadings:
		return e.readings(in)
	default:
		return fmt.Errorf("%w: kind %d", ErrInput, in.Kind)
	}
	return nil
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
			for _, u := range s.evaluator.Uses(false) {
				if c, ok := e.used(u, old); ok && u.Exceeded {
					c.detail = bounded(c.detail, ledger.MaxReasonTextBytes)
					e.broken = worsened(e.broken, c)
				}
			}
		}
		s.evaluator = coldchain.NewEvaluator(p, e.model.p.Hold)
		if !s.complete {
			continue
		}
		for _, r := range s.early {
			s.evaluator.Observe(r.at, r.value)
		}
	}
}

func (e *Engine) readings(in *feature.Input) error {
	s := e.find(in.Device)
	if s == nil {
		if len(e.series) == maxSeries {
			return fmt.Errorf("%w: more than %d devices", ErrInput, maxSeries)
		}
		s = e.begin(in.Device)
	}
	s.cover(in)
	for _, ch := range in.Channels {
		if ch.Quantity != ledger.Temperature {
			continue
		}
		for i := range min(len(in.Times), len(ch.Values)) {
			e.reading(s, in.Times[i], ch.Values[i])
		}
	}
	return nil
}

// begin starts a device's series. One that takes a removed device's place goes on with that one's
// accounts, so that exchanging loggers renews no allowance.
func (e *Engine) begin(device string) *instrument {
	s := &instrument{
		device: device, complete: true,
		drift: detect.NewDrift(e.model.p.Drift), stuck: detect.NewStuck(e.model.p.Stuck),
	}
	if e.policy != nil {
		s.evaluator = coldchain.NewEvaluator(*e.policy, e.model.p.Hold)
		for _, old := range slices.Backward(e.series) {
			if old.unbound && old.evaluator != nil {
				accounts := *old.evaluator
				s.evaluator, s.complete = &accounts, false
				break
			}
		}
	}
	e.series = append(e.series, s)
	return s
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

// reading takes one temperature. One that is not later than the last, or from no possible time, is
// left out.
func (e *Engine) reading(s *instrument, at ledger.Millis, value int32) {
	if at < ledger.EarliestTime || at > latestTime || s.count > 0 && at <= s.last {
		return
	}
	e.time(at)
	if s.count == 0 {
		s.first = at
	} else if silence := at - s.last; silence > s.gap {
		s.gap, s.gapFrom = silence, s.last
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
		s.evaluator.Observe(at, value)
		s.evaluator.Trace(e.scratch)
	}
	s.drift.Observe(at, value)
	s.drift.Trace(e.scratch)
	s.stuck.Observe(at, value)
}

// Due says whether a verdict may be given now by the policy's least time between windows.
func (e *Engine) Due(final, forced bool) bool {
	return final || forced || e.policy == nil || e.last-e.windowFrom >= e.policy.WindowAtLeast
}

// Judge gives the verdict on all that was observed so far. Its From and To are the window: from
// where the verdict before ended. Its evidence covers the journey.
func (e *Engine) Judge(final bool) ledger.Verdict {
	causes := e.causes(final)
	score, reasons := combine(causes)
	level := ledger.Clear
	switch {
	case score >= e.model.p.QuarantineAt:
		level = ledger.Quarantine
	case score >= e.model.p.InspectAt:
		level = ledger.Inspect
	}
	v := ledger.Verdict{
		Shipment: e.shipment, Window: e.window, Final: final, Model: e.model.Name(), Level: level, Score: score,
		From: e.windowFrom, To: e.last, Reasons: reasons, Events: slices.Clone(e.events), Inputs: e.inputs,
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
	for i := range causes {
		canon.String(c, &causes[i].code, feature.MaxText)
		canon.Int(c, &causes[i].severity)
		canon.Int(c, &causes[i].from)
		canon.Int(c, &causes[i].to)
	}
	e.chain(&e.trace)
	v.Trace = e.trace
	e.window++
	e.windowFrom = e.last
	return v
}

const stateVersion = 2

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
	canon.Slice(c, &e.broken, maxBroken, func(c *canon.Coder, k *cause) {
		canon.String(c, &k.code, ledger.MaxReasonCodeBytes)
		canon.Int(c, &k.severity)
		canon.Int(c, &k.from)
		canon.Int(c, &k.to)
		canon.String(c, &k.detail, ledger.MaxReasonTextBytes)
		if k.severity < 0 || k.severity > Million {
			c.Fail("severity %d", k.severity)
		}
	})
	for _, list := range []*[]bind{&e.binds, &e.unbinds} {
		canon.Slice(c, list, maxBinds, func(c *canon.Coder, b *bind) {
			text(c, &b.device)
			canon.Int(c, &b.at)
		})
	}
	canon.Slice(c, &e.findings, maxFindings, feature.CodeFinding)
	canon.Uint(c, &e.moreOf)
	canon.Slice(c, &e.events, maxEvents, func(c *canon.Coder, d *ledger.Digest) { c.Raw(d[:]) })
	for _, t := range []*ledger.Millis{&e.shippedAt, &e.receivedAt, &e.endedAt} {
		canon.Int(c, t)
	}
	for _, b := range []*bool{&e.isShipped, &e.isReceived, &e.isEnded} {
		c.Bool(b)
	}
	canon.Slice(c, &e.destinations, feature.MaxPlaces, text)
	canon.Slice(c, &e.places, feature.MaxPlaces, text)
	c.Raw(e.inputs[:])
	c.Raw(e.trace[:])
}

func (e *Engine) codeSeries(c *canon.Coder, p **instrument) {
	if c.Reading() {
		*p = &instrument{drift: detect.NewDrift(e.model.p.Drift), stuck: detect.NewStuck(e.model.p.Stuck)}
	}
	s := *p
	canon.String(c, &s.device, feature.MaxText)
	c.Bool(&s.unbound)
	canon.Int(c, &s.first)
	canon.Int(c, &s.last)
	canon.Uint(c, &s.count)
	canon.Int(c, &s.gap)
	canon.Int(c, &s.gapFrom)
	c.Bool(&s.complete)
	canon.Slice(c, &s.early, maxEarly, func(c *canon.Coder, r *reading) {
		canon.Int(c, &r.at)
		canon.Int(c, &r.value)
	})
	has := s.evaluator != nil
	c.Bool(&has)
	if has {
		if c.Reading() {
			s.evaluator = new(coldchain.Evaluator)
		}
		s.evaluator.Code(c)
	}
	s.drift.Code(c)
	s.stuck.Code(c)
	canon.Slice(c, &s.ranges, maxRanges, func(c *canon.Coder, r *ledger.SegmentRange) {
		canon.String(c, &r.Device, feature.MaxText)
		canon.Uint(c, &r.First)
		canon.Uint(c, &r.Last)
		c.Raw(r.Digest[:])
	})
}
