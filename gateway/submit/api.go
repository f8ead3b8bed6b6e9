package submit

import (
	"context"
	"errors"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/fabric"
)

var (
	// ErrBusy says that the queue is full and Config.FailWhenBusy is set. Nothing was submitted.
	ErrBusy = errors.New("WB_BUSY: the queue of writes is full")
	// ErrClosed says that the submitter takes no more work, or shut down before this input's turn. Nothing was submitted.
	ErrClosed = errors.New("WB_CLOSED: the submitter is shut down")
)

// Ledger is what the submitter needs of a Fabric client; *fabric.Client is one.
type Ledger interface {
	Endorse(ctx context.Context, function string, arguments ...[]byte) (*fabric.Endorsed, error)
	Submit(ctx context.Context, tx *fabric.Endorsed) error
	Commit(ctx context.Context, txID string) (fabric.Status, error)
	Resolve(ctx context.Context, txID string) (fabric.Status, error)
}

// Outcome is what became of one input. With Err nil the ledger has answered: recorded, duplicate or
// refused. With Err set it has not: errors.Is(Err, fabric.ErrUnknownOutcome) means that the input may
// or may not be recorded (by TxID, where that is set); every other error means that it is not.
// Sending an input again is always safe: what is recorded is answered as a duplicate.
type Outcome struct {
	wire.Answer
	// TxID is the transaction that answers for the input: the one that recorded it, for a duplicate
	// the earlier one that did; for a refusal the one that refused, empty if none was ordered.
	TxID string
	// Block is the number of TxID's block, 0 if this call did not learn it.
	Block uint64
	// Err is why there is no answer.
	Err error
}

// Event is one event to record.
type Event struct {
	wire.EventEntry
	// Keys are the event's conflict keys, if the caller has them from parsing it (see KeysOf). With
	// nil the submitter parses the event.
	Keys []string
}

// Segment is one signed segment to record.
type Segment struct {
	wire.SignedSegment
	// Device is the segment's device, by which segments are kept in order.
	Device string
}

// Events records events. It waits for all of them and returns one outcome for each, in their order;
// the error is that of the first outcome that has one. Events that share an item are recorded in the
// order given.
func (s *Submitter) Events(ctx context.Context, events []Event) ([]Outcome, error) {
	return s.events.submit(ctx, events)
}

// Devices registers devices, with the outcomes that Events gives for events.
func (s *Submitter) Devices(ctx context.Context, devices []ledger.Device) ([]Outcome, error) {
	return s.devices.submit(ctx, devices)
}

// Segments records signed segments, those of one device in the order given.
func (s *Submitter) Segments(ctx context.Context, segments []Segment) ([]Outcome, error) {
	return s.segments.submit(ctx, segments)
}

// Policies registers policies.
func (s *Submitter) Policies(ctx context.Context, policies []ledger.Policy) ([]Outcome, error) {
	return s.policies.submit(ctx, policies)
}

// Verdicts records verdicts.
func (s *Submitter) Verdicts(ctx context.Context, verdicts []ledger.Verdict) ([]Outcome, error) {
	return s.verdicts.submit(ctx, verdicts)
}

// MasterData registers master data, in the order given.
func (s *Submitter) MasterData(ctx context.Context, data []ledger.MasterDatum) ([]Outcome, error) {
	return s.master.submit(ctx, data)
}

// Elements records what this organisation states of vocabulary elements of master data.
func (s *Submitter) Elements(ctx context.Context, elements []wire.ElementEntry) ([]Outcome, error) {
	return s.elements.submit(ctx, elements)
}

// Review has the findings on items and events judged again.
func (s *Submitter) Review(ctx context.Context, subjects []wire.ReviewSubject) ([]Outcome, error) {
	return s.reviews.submit(ctx, subjects)
}

// Roots anchors this organisation's signed roots of the proof log, in the order given.
func (s *Submitter) Roots(ctx context.Context, roots []wire.SignedRoot) ([]Outcome, error) {
	return s.roots.submit(ctx, roots)
}
