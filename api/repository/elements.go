package repository

import (
	"context"
	"errors"
	"time"

	"github.com/waybill-dev/waybill/api/rest"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/submit"
)

// elementsOf reads the master data of a document, or tells why it cannot be recorded.
func elementsOf(doc *epcis.Document) ([]wire.ElementEntry, *rest.JobError) {
	elements, err := wire.DocumentElements(doc)
	if err == nil {
		return elements, nil
	}
	_, text := ledger.ParseCode(err.Error())
	e := &rest.JobError{Code: ledger.Code(err), Path: "$.epcisHeader", Detail: text}
	if f, ok := errors.AsType[epcis.Fault](err); ok {
		e.Code, e.Path, e.Detail = f.Code, f.Path, f.Message
	}
	return nil, e
}

// sendElements records what a document states of vocabulary elements and gives what was refused.
func (r *Repository) sendElements(ctx context.Context, elements []wire.ElementEntry) (refused []rest.JobError, err error) {
	until := time.Now().Add(r.cfg.Patience)
	var block uint64
	for wait := firstPause; len(elements) > 0; wait = min(2*wait, lastPause) {
		outcomes, err := r.cfg.Recorder.Elements(ctx, elements)
		if len(outcomes) != len(elements) {
			outcomes = make([]submit.Outcome, len(elements))
			for i := range outcomes {
				outcomes[i].Err = unavailable(err)
			}
		}
		var again []wire.ElementEntry
		late := time.Now().After(until)
		for i, o := range outcomes {
			if o.Err != nil {
				code, message, final := finalOf(o.Err)
				if !final && !late {
					again = append(again, elements[i])
					continue
				}
				if !final {
					code, message = codeNotTried, "the network did not take it for "+r.cfg.Patience.String()
				}
				o.Status, o.Code, o.Message = ledger.StatusRefused, code, message
			}
			block = max(block, o.Block)
			if o.Status == ledger.StatusRefused {
				refused = append(refused, rest.JobError{Code: o.Code, Path: "$.epcisHeader.epcisMasterData", Detail: elements[i].ID + ": " + o.Message})
			}
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if elements = again; len(elements) > 0 {
			r.log.WarnContext(ctx, "the master data of a capture job waits for the network", "elements", len(elements), "error", err)
			r.pause(ctx, wait)
		}
	}
	if block > 0 {
		readable, cancel := context.WithTimeout(ctx, r.cfg.ReadableTime)
		defer cancel()
		_ = r.cfg.Reader.WaitFor(readable, block) // what is recorded is recorded, readable or not
	}
	return refused, nil
}
