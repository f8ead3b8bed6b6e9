package scorer

import (
	"maps"
	"slices"

	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// maxRetired bounds how many containers' window numbers are remembered after their journeys, for
// the case that they go on another. A container that comes back after so many others begins again
// at window 0, where its old verdicts stand.
const maxRetired = 200_000

// Docket is the list of the shipments under judgement: it takes what the ledger recorded, in ledger
// order, and gives the verdicts that are due. It does no input or output, and the same model and
// ledger give the same verdicts and the same state, byte for byte. It is not safe for concurrent use.
type Docket struct {
	model   *score.Model
	tracker *feature.Tracker
	engines map[string]*score.Engine
	windows *canon.Recent[uint32] // next window of containers whose journeys are over
	refused uint64                // inputs that an engine refused
	only    string                // the one shipment to judge; empty: all
	tasks   bool                  // references are kept
	begins  map[string]uint32     // windows of the first verdicts of journeys, but 0; kept where references are

	// written holds what each engine was saved as, while nothing has reached it since: of thousands of
	// shipments few change between two checkpoints. What it holds is never written to.
	written map[string][]byte
}

// NewDocket starts at an empty ledger.
func NewDocket(m *score.Model, limits feature.Limits) *Docket {
	return &Docket{model: m, tracker: feature.NewTracker(limits), engines: map[string]*score.Engine{}, windows: canon.NewRecent[uint32](), written: map[string][]byte{}}
}

// NewDocketOf starts at an empty ledger and judges one shipment only, as NewDocket's judges it among all.
func NewDocketOf(m *score.Model, limits feature.Limits, shipment string) *Docket {
	d := NewDocket(m, limits)
	d.only = shipment
	return d
}

// NewTaskDocket is NewDocket that keeps, beside each shipment, what its verdicts rest on, so that other organisations and
// the chaincode can be asked the same. That costs 4 KB and 1.5 KB of checkpoint a simulated shipment, a twentieth and a
// tenth of what a docket keeps without, and half a microsecond a segment, where judging takes hundreds
// (go test -bench 'References|ApplySegment' ./analytics/scorer ./analytics/feature). A checkpoint of the one kind is none of the other.
func NewTaskDocket(m *score.Model, limits feature.Limits) *Docket {
	d := NewDocket(m, limits)
	d.tracker, d.tasks, d.begins = feature.NewTracedTracker(limits), true, map[string]uint32{}
	return d
}

// NewTaskDocketOf is NewTaskDocket that judges one shipment only.
func NewTaskDocketOf(m *score.Model, limits feature.Limits, shipment string) *Docket {
	d := NewTaskDocket(m, limits)
	d.only = shipment
	return d
}

// Apply takes what a valid transaction of a block recorded and gives the verdicts that it makes due.
func (d *Docket) Apply(block uint64, tx wire.Transaction) []ledger.Verdict {
	var verdicts []ledger.Verdict
	for _, due := range d.Judge(block, tx) {
		verdicts = append(verdicts, due.Verdict)
	}
	return verdicts
}

// Judge is Apply that gives what the task of each verdict refers to too.
func (d *Docket) Judge(block uint64, tx wire.Transaction) []Due {
	if len(tx.Events)+len(tx.Segments)+len(tx.Policies)+len(tx.Findings)+len(tx.Changes)+len(tx.Withdrawn) == 0 {
		return nil
	}
	var dues []Due
	for steps := range d.tracker.Parts(block, tx) {
		for _, shipment := range d.tracker.Changed() {
			delete(d.written, shipment)
		}
		for _, step := range steps {
			if d.only != "" && step.Shipment != d.only {
				continue
			}
			if v, ok := d.take(step); ok {
				dues = append(dues, d.due(v, step))
			}
		}
	}
	return dues
}

// take takes a step and gives the verdict that it makes due, if it does.
func (d *Docket) take(step feature.Step) (ledger.Verdict, bool) {
	e := d.engines[step.Shipment]
	delete(d.written, step.Shipment)
	switch step.Kind {
	case feature.StepOpen:
		window, _ := d.windows.Get(step.Shipment)
		d.windows.Remove(step.Shipment)
		d.engines[step.Shipment] = score.New(d.model, step.Shipment, window)
		if d.tasks && window > 0 {
			d.begins[step.Shipment] = window
		}
	case feature.StepRetire:
		if e != nil && e.Window() > 0 {
			d.windows.Put(step.Shipment, e.Window())
		}
		delete(d.engines, step.Shipment)
		delete(d.begins, step.Shipment)
		for key := range d.windows.All {
			if d.windows.Len() <= maxRetired {
				break
			}
			d.windows.Remove(key)
		}
	case feature.StepInput:
		if e == nil || e.Observe(step.Input) != nil {
			d.refused++
		}
	case feature.StepJudge:
		if e != nil && e.Due(step.Final, step.Forced) {
			return e.Judge(step.Final), true
		}
	}
	return ledger.Verdict{}, false
}

// Shipments is how many are under judgement.
func (d *Docket) Shipments() int { return len(d.engines) }

// Refused is how many inputs no engine could take. It stays 0 on a ledger whose contract checks
// what it records.
func (d *Docket) Refused() uint64 { return d.refused }

// Overflow is how many shipments were given up because there were more than the limit.
func (d *Docket) Overflow() uint64 { return d.tracker.Overflow() }

// MarshalBinary gives the state.
func (d *Docket) MarshalBinary() ([]byte, error) {
	c := canon.Writer(nil)
	engines, err := d.save(c)
	return slices.Concat(append([][]byte{c.Bytes()}, engines...)...), err
}

// UnmarshalBinary reads a state that a docket of the same model gave. After an error the docket is
// as good as none.
func (d *Docket) UnmarshalBinary(data []byte) error {
	c := canon.Reader(data)
	d.read(c)
	return c.Done()
}

const mostShipments = 1 << 24

// head is the state but for the engines.
func (d *Docket) head(c *canon.Coder) {
	version := uint32(2)
	if d.tasks {
		version = 4
	}
	v := version
	canon.Uint(c, &v)
	if v != version {
		c.Fail("version %d where %d is expected", v, version)
		return
	}
	d.tracker.Code(c)
	d.windows.Code(c, mostShipments, func(c *canon.Coder, w *uint32) { canon.Uint(c, w) })
	canon.Uint(c, &d.refused)
}

// save writes the state: what stands before the engines to c, and gives each engine, which nobody may change.
func (d *Docket) save(c *canon.Coder) ([][]byte, error) {
	d.head(c)
	names := slices.Sorted(maps.Keys(d.engines))
	c.Len(len(names), mostShipments)
	engines := make([][]byte, len(names))
	scratch := canon.Writer(nil)
	for i, name := range names {
		if engines[i] = d.written[name]; engines[i] != nil {
			continue
		}
		scratch.Reset()
		canon.String(scratch, &name, feature.MaxText)
		d.engines[name].Code(scratch)
		d.codeReferences(scratch, name)
		if err := scratch.Err(); err != nil {
			return nil, err
		}
		engines[i] = slices.Clone(scratch.Bytes())
		d.written[name] = engines[i]
	}
	return engines, c.Err()
}

func (d *Docket) read(c *canon.Coder) {
	d.head(c)
	n := c.Len(0, mostShipments)
	d.engines, d.written = map[string]*score.Engine{}, map[string][]byte{}
	if d.tasks {
		d.begins = map[string]uint32{}
	}
	last := ""
	for i := range n {
		name, e := "", score.Blank(d.model)
		canon.String(c, &name, feature.MaxText)
		e.Code(c)
		d.codeReferences(c, name)
		if c.Err() != nil {
			return
		}
		if i > 0 && name <= last {
			c.Fail("shipments out of order")
			return
		}
		last = name
		d.engines[name] = e
	}
}
