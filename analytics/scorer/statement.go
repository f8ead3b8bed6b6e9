package scorer

import (
	"github.com/waybill-dev/waybill/analytics/canon"
	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Due is a verdict that is due, and what its task refers to.
type Due struct {
	Verdict ledger.Verdict
	// Statement is the task of the verdict's window: the same, byte for byte, at everybody who reads the same blocks.
	// Re-executing it gives the verdict. It is nil where that cannot be. It may name what decided nothing: policies of goods
	// that were not the strictest, packing of goods without a policy, findings that were closed before the journey, and
	// segments that waited for the binding that closes the window, of which an earlier one closed it.
	Statement *ledger.TaskStatement
	// Why says, where Statement is nil, why.
	Why string
}

// due gives a verdict with the task that its step's journey makes. It is asked before the next part of the transaction.
func (d *Docket) due(v ledger.Verdict, step feature.Step) Due {
	references, why := d.tracker.References(step)
	if references == nil {
		return Due{Verdict: v, Why: why}
	}
	s := &ledger.TaskStatement{Shipment: v.Shipment, Window: v.Window, Begins: d.begins[v.Shipment], Model: v.Model, References: references, Inputs: v.Inputs}
	if err := ledger.CheckTask(*s); err != nil {
		return Due{Verdict: v, Why: err.Error()}
	}
	return Due{Verdict: v, Statement: s}
}

// codeReferences writes or reads what a shipment's verdicts rest on.
func (d *Docket) codeReferences(c *canon.Coder, shipment string) {
	if !d.tasks {
		return
	}
	d.tracker.CodeJourney(c, shipment)
	begins := d.begins[shipment]
	canon.Uint(c, &begins)
	if begins > 0 {
		d.begins[shipment] = begins
	}
}
