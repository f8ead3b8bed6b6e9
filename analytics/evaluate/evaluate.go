// Package evaluate measures a model on shipments whose truth is known: false alarms, detection and
// delay. It plays simulated days through the ledger's rules in memory, without a network. It may
// import everything under analytics, epcis, ledger and wire; only commands and tests import it.
package evaluate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// Rehearsal is a ledger in memory: it applies the ledger's own rules to items and findings, and
// gives of each action what a block stream would say that a transaction recorded. It checks no
// signatures and no roles.
type Rehearsal struct {
	items map[string]ledger.ItemState
}

// NewRehearsal starts an empty ledger.
func NewRehearsal() *Rehearsal { return &Rehearsal{items: map[string]ledger.ItemState{}} }

// Record records an action as a transaction of its own.
func (r *Rehearsal) Record(a simulate.Action) (wire.Transaction, error) {
	var tx wire.Transaction
	switch a.Kind {
	case simulate.KindPolicy:
		tx.Policies = append(tx.Policies, *a.Policy)
	case simulate.KindDevice:
		tx.Devices = append(tx.Devices, *a.Device)
	case simulate.KindSegment:
		payload := a.Segment.Signed.Payload
		if payload == nil { // a journey's that was not signed
			var err error
			if payload, err = wire.EncodeSegment(a.Segment.Readings); err != nil {
				return tx, fmt.Errorf("evaluate: %w", err)
			}
		}
		tx.Segments = append(tx.Segments, wire.RecordedSegment{
			Segment: a.Segment.Readings, Digest: wire.SegmentDigest(payload), Payload: payload, Signature: a.Segment.Signed.Signature,
		})
	case simulate.KindEvent:
		return r.event(a)
	default:
		return tx, fmt.Errorf("evaluate: action of kind %s", a.Kind)
	}
	return tx, nil
}

func (r *Rehearsal) event(a simulate.Action) (wire.Transaction, error) {
	var tx wire.Transaction
	context, err := epcis.ParseContext(a.Event.Context)
	if err != nil {
		return tx, fmt.Errorf("evaluate: %w", err)
	}
	in, err := ledger.ReadEvent(context, a.Event.Context, a.Event.Body)
	if err != nil {
		return tx, fmt.Errorf("evaluate: %w", err)
	}
	tx.Events = append(tx.Events, wire.RecordedEvent{Hash: in.Hash, Context: a.Event.Context, Body: a.Event.Body})
	by := ledger.Tx{Actor: ledger.Actor{MSPID: a.Org}, Time: ledger.MillisOf(a.At)}
	touched := map[string]ledger.ItemState{}
	for _, part := range in.Items {
		state, ok := r.items[part.EPC]
		if !ok {
			state.EPC = part.EPC
		}
		r.items[part.EPC] = state.Apply(in, part.Role, by)
		touched[part.EPC] = ledger.ItemState{}
	}
	for _, epc := range slices.Sorted(maps.Keys(touched)) {
		state := r.items[epc]
		now, err := state.Judge(ledger.Rulebook{}, shelf{r}, by.Time)
		if err != nil {
			return tx, fmt.Errorf("evaluate: %w", err)
		}
		before := state.Open
		state.Open = nil
		for _, f := range now {
			state.Open = append(state.Open, f.Ref())
			if !slices.Contains(before, f.Ref()) {
				tx.Findings = append(tx.Findings, f)
			}
		}
		r.items[epc], touched[epc] = state, state
	}
	for _, epc := range slices.Sorted(maps.Keys(touched)) {
		tx.Items = append(tx.Items, touched[epc])
	}
	return tx, nil
}

// shelf is what the rules ask of a rehearsal, in which no master data is registered.
type shelf struct{ r *Rehearsal }

func (shelf) Place(string) (*ledger.MasterDatum, error) { return nil, nil } //nolint:nilnil // none is registered
func (shelf) Lane(_, _ string) (*ledger.Lane, error)    { return nil, nil } //nolint:nilnil // none is registered

func (s shelf) Item(epc string) (ledger.ItemState, error) {
	state := s.r.items[epc]
	state.EPC = epc
	return state, nil
}

// Play plays a day to a docket, an action a block, and gives the verdicts in ledger order.
func Play(day *simulate.Day, d *scorer.Docket) ([]ledger.Verdict, error) {
	r := NewRehearsal()
	var verdicts []ledger.Verdict
	for i, a := range day.Actions {
		tx, err := r.Record(a)
		if err != nil {
			return nil, err
		}
		verdicts = append(verdicts, d.Apply(uint64(i), tx)...)
	}
	return verdicts, nil
}

// Outcome is what became of one shipment.
type Outcome struct {
	Truth simulate.Truth
	// Worst is its worst verdict; the zero value if there is none.
	Worst ledger.Verdict
	// Found says of a planted fault that a verdict has the level and one of the reasons expected.
	Found bool
	// Delay is the data time from the first reading to the verdict that found the fault.
	Delay time.Duration
	// Final says that it was judged at its end.
	Final bool
}

// Judge compares verdicts with the truth.
func Judge(truth []simulate.Truth, verdicts []ledger.Verdict) []Outcome {
	outcomes := make([]Outcome, len(truth))
	index := make(map[string]int, len(truth))
	for i, t := range truth {
		outcomes[i].Truth = t
		index[t.Shipment] = i
	}
	for _, v := range verdicts {
		i, ok := index[v.Shipment]
		if !ok {
			continue
		}
		o := &outcomes[i]
		o.Final = o.Final || v.Final
		if cmp.Or(cmp.Compare(v.Level, o.Worst.Level), cmp.Compare(v.Score, o.Worst.Score)) > 0 {
			o.Worst = v
		}
		if !o.Found && v.Level >= o.Truth.AtLeast && slices.ContainsFunc(v.Reasons, func(r ledger.Reason) bool {
			return slices.Contains(o.Truth.Reasons, r.Code)
		}) {
			o.Found, o.Delay = true, v.To.Time().Sub(o.Truth.From)
		}
	}
	return outcomes
}

// Figures sum up outcomes.
type Figures struct {
	Clean     int // shipments without a fault
	Inspected int // of those, with a verdict of inspect at worst
	Condemned int // of those, with a verdict of quarantine
	Faults    map[simulate.Fault]Detection
}

// Detection is how often a fault was found.
type Detection struct{ Planted, Found int }

// Measure judges simulated days with a model: one day a seed, with the configuration given.
func Measure(m *score.Model, cfg simulate.Config, seeds ...uint64) (Figures, []Outcome, error) {
	f := Figures{Faults: map[simulate.Fault]Detection{}}
	var all []Outcome
	for _, seed := range seeds {
		cfg.Seed = seed
		day, err := simulate.New(cfg)
		if err != nil {
			return f, nil, err
		}
		verdicts, err := Play(day, scorer.NewDocket(m, feature.DefaultLimits()))
		if err != nil {
			return f, nil, err
		}
		for _, o := range Judge(day.Truth, verdicts) {
			all = append(all, o)
			if o.Truth.Fault != simulate.FaultNone {
				d := f.Faults[o.Truth.Fault]
				d.Planted++
				if o.Found {
					d.Found++
				}
				f.Faults[o.Truth.Fault] = d
				continue
			}
			f.Clean++
			switch o.Worst.Level {
			case ledger.Inspect:
				f.Inspected++
			case ledger.Quarantine:
				f.Condemned++
			default:
			}
		}
	}
	return f, all, nil
}
