package evaluate

import (
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/waybill-dev/waybill/analytics/evaluate/baseline"
	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Method is something that judges shipments, measured by a Study. It is safe for concurrent use.
type Method interface {
	// Name is a few words for a table's head.
	Name() string
	// Setting says in a few words when it alarms as it is usually set.
	Setting() string
	// Judge judges one shipment, strictly by what is known at each time.
	Judge(s *Shipment) (Judgement, error)
}

// Rise is a moment at which a shipment's oddness became larger than it was before.
type Rise struct {
	At ledger.Millis
	// Score has any unit; the larger, the odder.
	Score float64
}

// Judgement is what a judge says of a shipment.
type Judgement struct {
	// Rises are in order of time, each with a larger score than the one before. What alarms at a threshold
	// does so at the first rise that reaches it.
	Rises []Rise
	// Alarmed says that it alarmed as it is usually set, first at AlarmedAt, for Reasons if it tells any.
	Alarmed   bool
	AlarmedAt ledger.Millis
	Reasons   []string
	// P is the shipment's p-value at its end; 0: none is stated. Tail says that it is an extrapolation.
	P    float64
	Tail bool
	// Condemned says that it went further than an alarm: the goods are not to be used.
	Condemned bool
}

// rise notes a score.
func (j *Judgement) rise(at ledger.Millis, score float64) {
	if n := len(j.Rises); n == 0 || score > j.Rises[n-1].Score {
		j.Rises = append(j.Rises, Rise{at, score})
	}
}

// alarm notes an alarm.
func (j *Judgement) alarm(at ledger.Millis) {
	if !j.Alarmed {
		j.Alarmed, j.AlarmedAt = true, at
	}
}

// Largest is the shipment's largest score, minus infinity if it got none.
func (j *Judgement) Largest() float64 {
	if n := len(j.Rises); n > 0 {
		return j.Rises[n-1].Score
	}
	return math.Inf(-1)
}

// engine is Waybill's own.
type engine struct{ model *score.Model }

// Engine judges by the engine that the service, the command and the referee run. It alarms at a verdict of inspect or
// quarantine. A verdict comes when a segment is recorded, not at each reading.
func Engine(m *score.Model) Method { return engine{m} }

// Name says what it is.
func (engine) Name() string { return "waybill" }

// Setting says when it alarms.
func (engine) Setting() string { return "a verdict of inspect or worse" }

// Judge runs the engine over a shipment's steps.
func (e engine) Judge(s *Shipment) (Judgement, error) {
	var j Judgement
	run := score.New(e.model, s.Truth.Shipment, 0)
	for i := range s.Steps {
		step := &s.Steps[i]
		switch step.Kind {
		case feature.StepInput:
			_ = run.Observe(step.Input) // as the scorer does: what an engine refuses changes nothing
		case feature.StepJudge:
			if run.Due(step.Final, step.Forced) {
				j.verdict(s.Recorded[i], run.Judge(step.Final))
			}
		default:
		}
	}
	return j, nil
}

// verdict notes a verdict that was given when something was recorded. Its oddness is 2 and the score where it alarms; below that it is what is left
// of the p-value, or the score where there is none.
func (j *Judgement) verdict(at ledger.Millis, v ledger.Verdict) {
	odd := float64(v.Score) / score.Million
	if v.PValue > 0 {
		odd = 1 - float64(v.PValue)/score.Million
	}
	if v.Level >= ledger.Inspect {
		odd = 2 + float64(v.Score)/score.Million
		j.alarm(at)
		for _, r := range v.Reasons {
			if r.Code != "" && !slices.Contains(j.Reasons, r.Code) {
				j.Reasons = append(j.Reasons, r.Code)
			}
		}
	}
	j.Condemned = j.Condemned || v.Level >= ledger.Quarantine
	j.rise(at, odd)
	if v.Final {
		j.P, j.Tail = float64(v.PValue)/score.Million, v.Tail
	}
}

// rows judges by a baseline, a detector a logger.
type rows struct {
	name, setting string
	usual         float64 // alarms above
	start         func(s *Shipment) baseline.Detector
}

// Name says what it is.
func (r rows) Name() string { return r.name }

// Setting says when it alarms.
func (r rows) Setting() string { return r.setting }

// Judge runs the detector over each logger's readings.
func (r rows) Judge(s *Shipment) (Judgement, error) {
	var j Judgement
	var row []int32
	for _, log := range s.Logs {
		d := r.start(s)
		if d == nil {
			return j, fmt.Errorf("evaluate: %s was fitted to nothing of policy %s", r.name, s.Policy.ID)
		}
		for i, at := range log.Times {
			row = row[:0]
			for _, ch := range log.Channels {
				row = append(row, ch.Values[i])
			}
			v := d.Observe(at, row)
			j.rise(at, v)
			if v > r.usual {
				j.alarm(at)
			}
		}
	}
	return j, nil
}

// The usual settings of the baselines.
const (
	usualSigma     = 3
	usualForest    = 0.6
	usualHalfSpace = 0.95
)

// each is how many readings lie between two that a baseline is fitted to: neighbours tell little more.
const each = 5

// Baselines gives plain limits, three standard deviations, an isolation forest and half-space trees. The
// trees are fitted to the clean shipments given, one forest for each policy. They read every reading
// of a logger when it is measured, so their delays are those of an alarm on the logger itself.
func Baselines(seed uint64, clean iter.Seq2[*Shipment, error]) ([]Method, error) {
	points := map[string][][]float64{}
	for s, err := range clean {
		if err != nil {
			return nil, err
		}
		for _, log := range s.Logs {
			for i, p := range baseline.Points(log) {
				if i%each == 0 {
					points[s.Policy.ID] = append(points[s.Policy.ID], p)
				}
			}
		}
	}
	forests, spaces := map[string]*baseline.Forest{}, map[string]*baseline.HalfSpace{}
	for policy, of := range points {
		var err error
		if forests[policy], err = baseline.FitForest(seed, of); err != nil {
			return nil, err
		}
		if spaces[policy], err = baseline.FitHalfSpace(seed, of); err != nil {
			return nil, err
		}
	}
	return []Method{
		rows{"limits", "a reading outside the recommended range", 0, func(s *Shipment) baseline.Detector {
			return baseline.Limits{Policy: &s.Policy}
		}},
		rows{"3-sigma", "a reading beyond 3 deviations of the readings before", usualSigma, func(*Shipment) baseline.Detector {
			return &baseline.Sigma{}
		}},
		rows{"isolation forest", "a reading's score above 0.6", usualForest, func(s *Shipment) baseline.Detector {
			if f := forests[s.Policy.ID]; f != nil {
				return f.Detector()
			}
			return nil
		}},
		rows{"half-space trees", "a reading's score above 0.95", usualHalfSpace, func(s *Shipment) baseline.Detector {
			if h := spaces[s.Policy.ID]; h != nil {
				return h.Detector()
			}
			return nil
		}},
	}, nil
}
