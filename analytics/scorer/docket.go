package scorer

import (
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
}

// NewDocket starts at an empty ledger.
func NewDocket(m *score.Model, limits feature.Limits) *Docket {
	return &Docket{model: m, tracker: feature.NewTracker(limits), engines: map[string]*score.Engine{}, windows: canon.NewRecent[uint32]()}
}

// Apply takes what a valid transaction of a block recorded and gives the verdicts that it makes due.
func (d *Docket) Apply(block uint64, tx wire.Transaction) []ledger.Verdict {
	if len(tx.Events)+len(tx.Segments)+len(tx.Policies)+len(tx.Findings) == 0 {
		return nil
	}
	var verdicts []ledger.Verdict
	for _, step := range d.tracker.Apply(block, tx) {
		e := d.engines[step.Shipment]
		switch step.Kind {
		case feature.StepOpen:
			window, _ := d.windows.Get(step.Shipment)
			d.windows.Remove(step.Shipment)
			d.engines[step.Shipment] = score.New(d.model, step.Shipment, window)
		case feature.StepRetire:
			if e != nil && e.Window() > 0 {
				d.windows.Put(step.Shipment, e.Window())
			}
			delete(d.engines, step.Shipment)
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
				verdicts = append(verdicts, e.Judge(step.Final))
			}
		}
	}
	return verdicts
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
	d.code(c)
	return c.Bytes(), c.Err()
}

// UnmarshalBinary reads a state that a docket of the same model gave. After an error the docket is
// as good as none.
func (d *Docket) UnmarshalBinary(data []byte) error {
	c := canon.Reader(data)
	d.code(c)
	return c.Done()
}

func (d *Docket) code(c *canon.Coder) {
	const version, most = 1, 1 << 24
	v := uint32(version)
	canon.Uint(c, &v)
	if v != version {
		c.Fail("version %d", v)
		return
	}
	d.tracker.Code(c)
	d.windows.Code(c, most, func(c *canon.Coder, w *uint32) { canon.Uint(c, w) })
	canon.Uint(c, &d.refused)
	var names []string
	for name := range d.engines {
		names = append(names, name)
	}
	slices.Sort(names)
	n := c.Len(len(names), most)
	if c.Reading() {
		d.engines = map[string]*score.Engine{}
		names = nil
	}
	last := ""
	for i := range n {
		name, e := "", score.Blank(d.model)
		if !c.Reading() {
			name = names[i]
			e = d.engines[name]
		}
		canon.String(c, &name, feature.MaxText)
		e.Code(c)
		if c.Err() != nil {
			return
		}
		if c.Reading() && i > 0 && name <= last {
			c.Fail("shipments out of order")
			return
		}
		last = name
		d.engines[name] = e
	}
}
