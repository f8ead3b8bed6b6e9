package evaluate

import (
	"fmt"
	"iter"

	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Shipment is a simulated journey as an engine is told of it: what a feature.Tracker makes of its
// events and segments, without a network, a ledger or signatures.
type Shipment struct {
	Truth  simulate.Truth
	Policy ledger.Policy
	Lane   simulate.Lane
	// Steps are in ledger order: the opening, inputs, and where a judgement is due.
	Steps []feature.Step
	// Recorded is for each step when what led to it was sent.
	Recorded []ledger.Millis
	// Logs are the readings of each logger in order, as they were measured.
	Logs []ledger.Segment
}

// Inputs are what a score.Engine observes of the shipment, in order.
func (s *Shipment) Inputs() iter.Seq[feature.Input] {
	return func(yield func(feature.Input) bool) {
		for i := range s.Steps {
			if s.Steps[i].Kind == feature.StepInput && !yield(s.Steps[i].Input) {
				return
			}
		}
	}
}

// Shipments gives the shipments of a configuration one by one, each as if it were alone on its
// ledger. Pallets hold one item unless the configuration says how many. An error ends them.
func Shipments(cfg simulate.Config) iter.Seq2[*Shipment, error] {
	if cfg.Items == 0 {
		cfg.Items = 1
	}
	return func(yield func(*Shipment, error) bool) {
		for j, err := range simulate.Journeys(cfg) {
			var s *Shipment
			if err == nil {
				s, err = NewShipment(j)
			}
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}

// NewShipment plays one journey to a tracker of its own.
func NewShipment(j *simulate.Journey) (*Shipment, error) {
	s := &Shipment{Truth: j.Truth, Policy: j.Policy, Lane: j.Lane, Logs: j.Logs()}
	r, t := NewRehearsal(), feature.NewTracker(feature.DefaultLimits())
	t.Apply(0, wire.Transaction{Policies: []ledger.Policy{j.Policy}})
	for i, a := range j.Actions {
		tx, err := r.Record(a)
		if err != nil {
			return nil, fmt.Errorf("evaluate: shipment %s: %w", j.Truth.Shipment, err)
		}
		for _, step := range t.Apply(uint64(i)+1, tx) {
			if step.Shipment == j.Truth.Shipment {
				s.Steps = append(s.Steps, step)
				s.Recorded = append(s.Recorded, ledger.MillisOf(a.At))
			}
		}
	}
	return s, nil
}
