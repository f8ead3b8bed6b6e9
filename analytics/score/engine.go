package score

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/analytics/canon"
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
