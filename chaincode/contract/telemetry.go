package contract

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"github.com/hyperledger/fabric-contract-api-go/v2/contractapi"
	"github.com/hyperledger/fabric-contract-api-go/v2/metadata"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/state"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Telemetry holds devices with their keys and the hash chains of their signed segments.
type Telemetry struct {
	contractapi.Contract

	clock func() time.Time
}

func newTelemetry(clock func() time.Time) *Telemetry {
	c := &Telemetry{clock: clock}
	c.Name = "telemetry"
	c.Info = metadata.InfoMetadata{
		Title: "Telemetry", Version: "1",
		Description: "Devices and their signed segments of readings. Arguments and results are of package chaincode/wire.",
	}
	return c
}

// GetEvaluateTransactions names the functions that only read.
func (*Telemetry) GetEvaluateTransactions() []string { return []string{"GetDevice", "GetSegment"} }

// RegisterDevices registers a wire.DeviceBatch and answers each device for itself. It needs the role
// registrar; a device belongs to the organisation that registered it.
func (c *Telemetry) RegisterDevices(ctx contractapi.TransactionContextInterface, batch []byte) ([]byte, error) {
	t, err := begin(ctx, c.clock, ledger.RoleRegistrar)
	if err != nil {
		return nil, coded(err)
	}
	in, err := wire.DecodeDeviceBatch(batch)
	if err != nil {
		return nil, coded(err)
	}
	keys := make([]string, 0, len(in.Devices))
	refused := make([]error, len(in.Devices))
	for i, d := range in.Devices {
		var key string
		if refused[i] = ledger.CheckDevice(d); refused[i] == nil {
			key, refused[i] = wire.DeviceKey(d.ID)
		}
		if refused[i] == nil {
			keys = append(keys, key)
		}
	}
	if err = t.repository.Prefetch(keys); err != nil {
		return nil, coded(err)
	}
	for i, d := range in.Devices {
		if refused[i] != nil {
			t.refuse(refused[i], d.Digest())
			continue
		}
		if err = t.register(d); err != nil {
			return nil, coded(err)
		}
	}
	answers, err := t.end()
	return answers, coded(err)
}

func (t *transaction) register(d ledger.Device) error {
	recorded, err := t.repository.Device(d.ID)
	if err != nil {
		return err
	}
	device, status, err := ledger.DecideDevice(d, recorded, t.Tx)
	switch {
	case refusal(err):
		t.refuse(err, d.Digest())
		return nil
	case err != nil:
		return err
	case status == ledger.StatusDuplicate:
		t.answer(wire.Answer{Status: status, Digest: d.Digest(), RecordedIn: device.TxID})
		return nil
	}
	t.answer(wire.Answer{Status: status, Digest: d.Digest()})
	t.summary.Devices = append(t.summary.Devices, d.ID)
	return t.repository.CreateDevice(device)
}

// RecordSegments records a wire.SegmentBatch and answers each segment for itself. It needs the role
// gateway of the organisation that registered the devices.
func (c *Telemetry) RecordSegments(ctx contractapi.TransactionContextInterface, batch []byte) ([]byte, error) {
	t, err := begin(ctx, c.clock, ledger.RoleGateway)
	if err != nil {
		return nil, coded(err)
	}
	in, err := wire.DecodeSegmentBatch(batch)
	if err != nil {
		return nil, coded(err)
	}
	r := segmentRecorder{transaction: t, inputs: make([]segmentInput, len(in.Segments))}
	for i, s := range in.Segments {
		r.inputs[i] = readSegment(s)
	}
	if err = r.prefetch(); err != nil {
		return nil, coded(err)
	}
	for i := range r.inputs {
		if err = r.record(&r.inputs[i]); err != nil {
			return nil, coded(err)
		}
	}
	if len(r.kept) > 0 {
		var pack []byte
		if pack, err = wire.Encode(wire.SegmentBatch{Segments: r.kept}); err != nil {
			return nil, coded(err)
		}
		if err = t.repository.CreatePack(t.ID, pack); err != nil {
			return nil, coded(err)
		}
	}
	answers, err := t.end()
	return answers, coded(err)
}

// segmentInput is a segment of the batch with its header read, or the reason why it is refused.
type segmentInput struct {
	signed wire.SignedSegment
	digest ledger.Digest
	device string
	seq    uint64
	times  int
	err    error
	keys   []string
}

func readSegment(s wire.SignedSegment) segmentInput {
	in := segmentInput{signed: s, digest: wire.SegmentDigest(s.Payload)}
	header, times, err := wire.SegmentHeader(s.Payload)
	if err != nil {
		in.err = err
		return in
	}
	in.device, in.seq, in.times = header.Device, header.Seq, times
	device, err := wire.DeviceKey(in.device)
	own, ownErr := wire.SegmentKey(in.device, in.seq)
	before, beforeErr := wire.SegmentKey(in.device, in.seq-min(in.seq, 1))
	in.keys, in.err = []string{device, own, before}, cmp.Or(err, ownErr, beforeErr)
	return in
}

// segmentRecorder records the segments of one batch in their order.
type segmentRecorder struct {
	*transaction

	inputs   []segmentInput
	kept     []wire.SignedSegment
	readings int
}

func (r *segmentRecorder) prefetch() error {
	keys := make([]string, 0, 3*len(r.inputs))
	for i := range r.inputs {
		if r.inputs[i].err == nil {
			keys = append(keys, r.inputs[i].keys...)
		}
	}
	return r.repository.Prefetch(keys)
}

// record decides on one segment, saves it and answers it. Its error ends the transaction.
func (r *segmentRecorder) record(in *segmentInput) error {
	if in.err != nil {
		r.refuse(in.err, in.digest)
		return nil //nolint:nilerr // the input is refused and the transaction goes on
	}
	device, err := r.repository.Device(in.device)
	if err != nil {
		return err
	}
	view, err := r.view(in)
	if err != nil {
		return err
	}
	err = ledger.CheckSender(in.device, device, in.signed.Payload, in.signed.Signature, r.Tx)
	segment := ledger.Segment{Device: in.device, Seq: in.seq}
	if err == nil && view.Recorded == nil {
		segment, err = r.decode(in)
	}
	var record ledger.SegmentRecord
	var status ledger.Status
	if err == nil {
		record, status, err = ledger.DecideSegment(ledger.SegmentInput{Segment: segment, Digest: in.digest}, view, r.Tx, len(r.kept))
	}
	switch {
	case refusal(err):
		r.refuse(err, in.digest)
		return nil
	case err != nil:
		return err
	case status == ledger.StatusDuplicate:
		r.answer(wire.Answer{Status: status, Digest: in.digest, RecordedIn: record.TxID})
		return nil
	}
	r.answer(wire.Answer{Status: status, Digest: in.digest})
	r.summary.Segments = append(r.summary.Segments, wire.SegmentRef{Device: in.device, Seq: in.seq, Index: record.Index})
	r.kept = append(r.kept, in.signed)
	return r.repository.CreateSegment(in.device, in.seq, record)
}

// decode reads the readings, as long as the batch does not hold too many of them. Only segments
// that are decoded count.
func (r *segmentRecorder) decode(in *segmentInput) (ledger.Segment, error) {
	tooMany := fmt.Errorf("%w: the segments up to this one hold more than the %d readings that a batch may hold", ledger.ErrTooLarge, ledger.MaxBatchReadings)
	if r.readings+in.times > ledger.MaxBatchReadings {
		return ledger.Segment{}, tooMany
	}
	s, err := wire.DecodeSegment(in.signed.Payload)
	if err != nil {
		return ledger.Segment{}, err
	}
	if r.readings += len(s.Times) * len(s.Channels); r.readings > ledger.MaxBatchReadings {
		return ledger.Segment{}, tooMany
	}
	return s, nil
}

func (r *segmentRecorder) view(in *segmentInput) (view ledger.SegmentView, err error) {
	if view.Recorded, err = r.repository.Segment(in.device, in.seq); err != nil || in.seq == 0 {
		return view, err
	}
	view.Previous, err = r.repository.Segment(in.device, in.seq-1)
	return view, err
}

// GetDevice gives the ledger.Device of an id.
func (*Telemetry) GetDevice(ctx contractapi.TransactionContextInterface, id string) ([]byte, error) {
	device, err := state.New(ctx.GetStub()).Device(id)
	if err == nil && device == nil {
		err = fmt.Errorf("%w: device %.200s", ledger.ErrUnknown, id)
	}
	if err != nil {
		return nil, coded(err)
	}
	out, err := wire.Encode(*device)
	return out, coded(err)
}

// GetSegment gives the wire.StoredSegment of a device and a sequence number in decimal.
func (*Telemetry) GetSegment(ctx contractapi.TransactionContextInterface, device, seq string) ([]byte, error) {
	n, err := strconv.ParseUint(seq, 10, 64)
	if err != nil {
		return nil, coded(fmt.Errorf("%w: sequence number %.40q", ledger.ErrMalformed, seq))
	}
	repository := state.New(ctx.GetStub())
	record, err := repository.Segment(device, n)
	if err == nil && record == nil {
		err = fmt.Errorf("%w: segment %d of device %.200s", ledger.ErrUnknown, n, device)
	}
	if err != nil {
		return nil, coded(err)
	}
	signed, err := repository.SegmentPayload(*record)
	if err != nil {
		return nil, coded(err)
	}
	out, err := wire.Encode(wire.StoredSegment{Signed: signed, Record: *record})
	return out, coded(err)
}
