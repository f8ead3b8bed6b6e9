package score

import (
	"github.com/waybill-dev/waybill/analytics/calibrate"
	"github.com/waybill-dev/waybill/analytics/detect/journey"
	"github.com/waybill-dev/waybill/analytics/detect/sequence"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

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
