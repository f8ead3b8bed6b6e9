package train

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// Collector gathers the journeys that ended on a ledger, as histories.
type Collector struct {
	tracker *feature.Tracker
	open    map[string]*History
	ended   []History
	final   map[string]bool
	worst   map[string]ledger.VerdictLevel
}

// NewCollector starts at an empty ledger.
func NewCollector(limits feature.Limits) *Collector {
	return &Collector{tracker: feature.NewTracker(limits), open: map[string]*History{}, final: map[string]bool{}, worst: map[string]ledger.VerdictLevel{}}
}

// Apply takes what a valid transaction of a block recorded. Transactions come in ledger order.
func (c *Collector) Apply(block uint64, tx wire.Transaction) {
	for _, v := range tx.Verdicts {
		c.worst[v.Shipment] = max(c.worst[v.Shipment], v.Level)
	}
	for _, step := range c.tracker.Apply(block, tx) {
		h := c.open[step.Shipment]
		switch step.Kind {
		case feature.StepOpen:
			c.end(step.Shipment)
			c.open[step.Shipment] = &History{Shipment: step.Shipment}
		case feature.StepInput:
			if h != nil {
				h.Inputs = append(h.Inputs, step.Input)
			}
		case feature.StepJudge:
			c.final[step.Shipment] = step.Final
		case feature.StepRetire:
			c.end(step.Shipment)
		}
	}
}

// end closes a journey's history, and forgets one that never ended.
func (c *Collector) end(shipment string) {
	if h := c.open[shipment]; h != nil && c.final[shipment] {
		c.ended = append(c.ended, *h)
	}
	delete(c.open, shipment)
	delete(c.final, shipment)
}

// Histories gives the journeys that ended so far, those that ended first and late data may still come
// for in the order of their names after the others. Accepted are those whose verdicts were all below the level.
func (c *Collector) Histories(below ledger.VerdictLevel) []History {
	all := slices.Clone(c.ended)
	var lingering []History
	for shipment, h := range c.open {
		if c.final[shipment] {
			lingering = append(lingering, *h)
		}
	}
	slices.SortFunc(lingering, func(a, b History) int {
		if a.Shipment < b.Shipment {
			return -1
		}
		return 1
	})
	all = append(all, lingering...)
	return slices.DeleteFunc(all, func(h History) bool { return c.worst[h.Shipment] >= below })
}

// OfLogger makes the history of a logger's readings alone, such as a file's: of a shipment under a
// policy and on no lane. Policy may be nil.
func OfLogger(name string, policy *ledger.Policy, readings ledger.Segment) History {
	h := History{Shipment: name}
	if policy != nil {
		p := *policy
		p.Products = nil
		h.Inputs = append(h.Inputs, feature.Input{Kind: feature.KindPolicy, Policy: &p})
	}
	if n := len(readings.Times); n > 0 {
		h.Inputs = append(h.Inputs, feature.Input{
			Kind: feature.KindReadings, At: readings.Times[n-1], Device: readings.Device, Times: readings.Times, Channels: readings.Channels,
		})
	}
	return h
}

// Simulated gives the journeys of simulated shipments, as a ledger would tell them; clean ones, where
// the configuration plants nothing. Other seeds give other shipments. A simulation is no field data.
func Simulated(cfg simulate.Config, seeds ...uint64) ([]History, error) {
	var all []History
	for _, seed := range seeds {
		cfg.Seed = seed
		for j, err := range simulate.Journeys(cfg) {
			if err != nil {
				return nil, fmt.Errorf("train: %w", err)
			}
			h, err := told(j)
			if err != nil {
				return nil, err
			}
			all = append(all, h)
		}
	}
	return all, nil
}

// told plays one journey to a tracker of its own. Findings are the contract's and no part of it.
func told(j *simulate.Journey) (History, error) {
	c := NewCollector(feature.DefaultLimits())
	c.Apply(0, wire.Transaction{Policies: []ledger.Policy{j.Policy}})
	for i, a := range j.Actions {
		var tx wire.Transaction
		switch {
		case a.Event != nil:
			parsed, err := epcis.ParseContext(a.Event.Context)
			if err != nil {
				return History{}, fmt.Errorf("train: %w", err)
			}
			in, err := ledger.ReadEvent(parsed, a.Event.Context, a.Event.Body)
			if err != nil {
				return History{}, fmt.Errorf("train: %w", err)
			}
			tx.Events = []wire.RecordedEvent{{Hash: in.Hash, Context: a.Event.Context, Body: a.Event.Body}}
		case a.Segment != nil:
			// Not a recorded segment's digest, but another for each, as engines want it.
			s, digest := a.Segment.Readings, ledger.Digest{1}
			binary.BigEndian.PutUint64(digest[1:], s.Seq)
			tx.Segments = []wire.RecordedSegment{{Segment: s, Digest: digest}}
		default:
			continue
		}
		c.Apply(uint64(i+1), tx)
	}
	for _, h := range c.Histories(ledger.Quarantine + 1) {
		if h.Shipment == j.Truth.Shipment {
			return h, nil
		}
	}
	return History{}, fmt.Errorf("%w: the journey of %s did not end", ErrHistories, j.Truth.Shipment)
}
