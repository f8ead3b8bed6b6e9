package protocolsim

import (
	"fmt"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// NewLoggersWorld makes a channel as NewWorldTold does, on which two loggers are in each container and tell by turns, the one once
// more after the container was received.
func NewLoggersWorld(policy ledger.ScoringPolicy, members []Member, shipments int, told func(wire.Transaction)) (*World, error) {
	return newWorld(policy, members, told, func(w *World) error { return w.each(shipments, w.loggers) })
}

// loggers records the i-th shipment and its tasks.
func (w *World) loggers(i int) error {
	pallet := fmt.Sprintf("urn:epc:id:sscc:9520001.3%09d", i)
	var shipment string
	var two [2]*logger
	var binds []map[string]any
	for k := range two {
		name := fmt.Sprintf("urn:epc:id:giai:9520002.T%d-%d", i, k)
		var device string
		var err error
		if shipment, device, err = canonical(pallet, name); err != nil {
			return err
		}
		if two[k], err = w.logger(i, device); err != nil {
			return err
		}
		binds = append(binds, map[string]any{"type": "AssociationEvent", "action": "ADD", "parentID": pallet, "childEPCs": []string{name}})
	}
	observe := func(step string) map[string]any {
		return map[string]any{"type": "ObjectEvent", "action": "OBSERVE", "epcList": []string{pallet}, "bizStep": step}
	}
	began, err := w.events("rootA", 0, binds[0], binds[1], observe("shipping"))
	if err != nil {
		return err
	}
	w.Advance(minute)
	var s [4]ledger.Reference // by turns of the two
	for k := range s {
		if s[k], err = w.measure(two[k%2], 3+readings*(k/2), readings); err != nil {
			return err
		}
	}
	received, err := w.events("rootA", 50, observe("receiving"))
	if err != nil {
		return err
	}
	last, err := w.measure(two[0], 43, 6)
	if err != nil {
		return err
	}
	state := func(window uint32, all ...ledger.Reference) ledger.TaskStatement {
		return ledger.TaskStatement{
			Shipment: shipment, Window: window, Model: w.Model.Name(),
			References: list(append([]ledger.Reference{event(began[0]), event(began[1]), event(began[2])}, all...)...),
		}
	}
	arrived := event(received[0])
	cut := func(move Move, s ledger.TaskStatement, omitted ledger.Reference, at uint32, segment uint64) scheme {
		p := scheme{move: move, task: Task{Statement: s}, voids: ledger.SettledOmission}
		p.claim(omitted, at)
		p.segment = segment
		return p
	}
	one := cut(CutTail, state(3, s[0], span(s[1], s[3]), arrived), s[2], 5, 1)
	other := cut(CutTail, state(3, s[0], s[1], s[2], arrived), s[3], 7, 0)
	both := cut(CutBothTails, state(2, s[0], s[1], arrived), s[2], 6, 0)
	within := cut(CutWithin, state(2, span(s[0], s[2]), s[3]), s[1], 4, 1)
	late := cut(CutTail, state(4, s[0], s[1], s[2], arrived, last), s[3], 7, 0)
	for _, t := range []Task{
		{Statement: state(1, s[0], s[1]), schemes: []scheme{}, Decoys: []Decoy{{Kind: DecoyTail, Event: s[2], At: 5}}},
		{Statement: state(2, s[0], s[1], s[2]), schemes: []scheme{both, within}, Decoys: []Decoy{{Kind: DecoyTail, Event: s[3], At: 6}}},
		{Statement: state(3, s[0], s[1], s[2], s[3]), schemes: []scheme{one, other, within}, Decoys: []Decoy{{Kind: DecoyTail, Event: last, At: 7}}},
		{Statement: state(4, s[0], s[1], s[2], s[3], arrived), schemes: []scheme{one, other, both, late}, Decoys: []Decoy{{Kind: DecoyTail, Event: last, At: 8}}},
		{Statement: state(5, s[0], s[1], s[2], s[3], arrived, last), schemes: []scheme{one, other, both, late}, Decoys: []Decoy{{Kind: DecoyTail, Event: last, At: 8, Code: ledger.CodeConflict}}},
	} {
		if err = w.add(t); err != nil {
			return err
		}
	}
	return w.schemed()
}
