package protocolsim

import (
	"time"

	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/state/statetest"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Call is a transaction that somebody submits.
type Call struct {
	Who        string
	Skew       time.Duration // of the submitter's clock
	Operations []ledger.TaskOperation
}

// Done is what became of a call.
type Done struct {
	Answers []wire.Answer
	// Conflict: something that it read was written by another transaction of the block, so that it did nothing.
	Conflict bool
	// Err says that it was refused as a whole.
	Err error
}

// Tell has the world tell what transactions record from now on.
func (w *World) Tell(told func(wire.Transaction)) { w.told = told }

// Together simulates the calls of several, each on the same state, and commits those that were not refused as one
// block, in their order.
func (w *World) Together(calls ...Call) ([]Done, error) {
	done := make([]Done, len(calls))
	var stubs []*statetest.Stub
	var ordered []int
	for i, c := range calls {
		argument, err := wire.Encode(wire.TaskBatch{Operations: c.Operations})
		if err != nil {
			return nil, err
		}
		var stub *statetest.Stub
		stub, done[i].Answers, done[i].Err = w.Invoke(c.Who, wire.FnScore, argument, c.Skew)
		if done[i].Err == nil {
			stubs, ordered = append(stubs, stub), append(ordered, i)
			w.sent[c.Who]++
		}
	}
	codes, err := w.Commit(stubs...)
	for k, code := range codes {
		done[ordered[k]].Conflict = code != peer.TxValidationCode_VALID
	}
	return done, err
}
