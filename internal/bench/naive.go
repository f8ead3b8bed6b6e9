package bench

import (
	"context"
	"errors"
	"fmt"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/fabric"
)

// chain is what the naive way needs of a Fabric client.
type chain interface {
	Endorse(ctx context.Context, function string, arguments ...[]byte) (*fabric.Endorsed, error)
	Submit(ctx context.Context, tx *fabric.Endorsed) error
	Commit(ctx context.Context, txID string) (fabric.Status, error)
}

// submitOne endorses, submits and waits for the commit of one transaction of one record, as the
// samples of Fabric do. It retries nothing: a failed transaction is a failed record.
func submitOne(ctx context.Context, c chain, function string, argument []byte) error {
	tx, err := c.Endorse(ctx, function, argument)
	if err != nil {
		return err
	}
	answers, err := wire.DecodeAnswers(tx.Result)
	if err != nil {
		return err
	}
	if len(answers.Answers) != 1 || answers.Answers[0].Status != ledger.StatusRecorded {
		return fmt.Errorf("%w: the chaincode's answer to one record is %v", ErrProtocol, answers.Answers)
	}
	if err = c.Submit(ctx, tx); err != nil {
		return err
	}
	status, err := c.Commit(ctx, tx.ID)
	if err != nil {
		return err
	}
	return status.Err()
}

// naiveEventSender records one event a transaction.
func naiveEventSender(c chain, load *EventLoad, log *eventLog) sender {
	return func(ctx context.Context) (piece, error) {
		d := sentDocument{events: load.Events(1), acked: make([]bool, 1)}
		entry, err := wire.NewEventEntry(nil, d.events[0])
		if err != nil {
			return piece{}, err
		}
		argument, err := wire.EncodeEventBatch([]wire.EventEntry{entry})
		if err != nil {
			return piece{}, err
		}
		if err := submitOne(ctx, c, wire.FnRecordEvents, argument); err != nil {
			if ctx.Err() != nil {
				return piece{}, context.Cause(ctx)
			}
			return piece{failed: 1, why: err}, log.add(d)
		}
		d.acked[0] = true
		return piece{records: 1}, log.add(d)
	}
}

// naiveReadingSender records one reading a transaction, each a segment of its own. It takes a new
// logger when a transaction fails, for the chain of the old one is uncertain then.
func naiveReadingSender(c chain, loggers []*Logger, tally *Tally[segmentKey]) sender {
	return func(ctx context.Context) (piece, error) {
		if len(loggers) == 0 {
			return piece{}, errNaiveLoggers
		}
		key, signed, err := signedSegment(loggers[0], 1)
		if err != nil {
			return piece{}, err
		}
		argument, err := wire.Encode(wire.SegmentBatch{Segments: []wire.SignedSegment{signed}})
		if err != nil {
			return piece{}, err
		}
		tally.Sent(key, 1)
		if err := submitOne(ctx, c, wire.FnRecordSegments, argument); err != nil {
			if ctx.Err() != nil {
				return piece{}, context.Cause(ctx)
			}
			tally.Failed(key)
			loggers = loggers[1:]
			return piece{failed: 1, why: err}, nil
		}
		tally.Acked(key)
		return piece{records: 1}, nil
	}
}

var errNaiveLoggers = errors.New("WB_BENCH: too many failures of the naive way: no logger is left whose chain is certain")
