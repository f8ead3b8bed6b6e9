package server

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/submit"
)

type telemetryService struct {
	*Server
	waybillv1.UnimplementedTelemetryServiceServer
}

func (t *telemetryService) RegisterDevices(ctx context.Context, req *waybillv1.RegisterDevicesRequest) (*waybillv1.RegisterDevicesResponse, error) {
	if err := tooMany("devices", len(req.GetDevices()), t.limits.Inputs); err != nil {
		return nil, err
	}
	answer := &waybillv1.RegisterDevicesResponse{Results: make([]*waybillv1.DeviceResult, len(req.GetDevices()))}
	var batch []ledger.Device
	var at []int
	for i, d := range req.GetDevices() {
		device, err := deviceOf(d)
		if err != nil {
			st, _ := tell(err)
			code, message := ledger.ParseCode(st.Message())
			answer.Results[i] = &waybillv1.DeviceResult{
				Index: uint64(i), Status: waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED, Id: d.GetId(), Code: code, Message: message,
			}
			continue
		}
		batch, at = append(batch, device), append(at, i)
	}
	var outcomes []submit.Outcome
	if len(batch) > 0 {
		var err error
		outcomes, err = t.cfg.Recorder.Devices(ctx, batch)
		if err = answersFit(len(outcomes), len(batch), err); err != nil {
			return nil, err
		}
	}
	var block uint64
	for j, o := range outcomes {
		status, code, message, err := answerOf(o)
		if err != nil {
			return nil, err
		}
		r := &waybillv1.DeviceResult{Index: uint64(at[j]), Status: status, Id: batch[j].ID, Code: code, Message: message} //nolint:gosec // at holds indexes
		r.TransactionId, r.Block = provenance(o)
		answer.Results[at[j]] = r
		block = max(block, o.Block)
	}
	for _, r := range answer.GetResults() {
		t.metrics.answered("device", r.GetStatus())
	}
	t.readable(ctx, block)
	return answer, nil
}

// answerOf gives what became of an input; the error is why it has no answer.
func answerOf(o submit.Outcome) (status waybillv1.AnswerStatus, code, message string, err error) {
	if o.Err != nil {
		code, message, ok := final(o.Err)
		if !ok {
			return 0, "", "", o.Err
		}
		return waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED, code, message, nil
	}
	return statusOf(o.Status), o.Code, o.Message, nil
}

// provenance gives the transaction that recorded an input, and the block if this call wrote it.
func provenance(o submit.Outcome) (transaction string, block uint64) {
	if o.Err != nil || o.Status == ledger.StatusRefused {
		return "", 0
	}
	if o.Wrote() {
		block = o.Block
	}
	return o.TxID, block
}

func deviceOf(d *waybillv1.DeviceKey) (ledger.Device, error) {
	id, err := needed("the device's id", d.GetId())
	if err != nil {
		return ledger.Device{}, err
	}
	if epcis.KindOf(id) != epcis.KindGIAI {
		return ledger.Device{}, refuse(codes.InvalidArgument, ledger.CodeMalformed, "a device is named by a GIAI, %s is none", id)
	}
	algorithm, err := keyAlgorithm(d.GetAlgorithm())
	if err != nil {
		return ledger.Device{}, refuse(codes.InvalidArgument, ledger.CodeMalformed, "%s", err)
	}
	return ledger.Device{ID: id, Algorithm: algorithm, PublicKey: d.GetPublicKey()}, nil
}

// segmentInput is one segment on its way to the ledger, or why it does not get there.
type segmentInput struct {
	result  *waybillv1.SegmentResult
	segment submit.Segment
	faulty  bool
}

func (t *telemetryService) PushSegments(stream grpc.BidiStreamingServer[waybillv1.PushSegmentsRequest, waybillv1.PushSegmentsResponse]) error {
	var next uint64
	receive := func(add func(segmentInput, int) error) error {
		req, err := stream.Recv()
		if err != nil {
			return err
		}
		if err := tooMany("segments in a message", len(req.GetSegments()), ledger.MaxBatchSegments); err != nil {
			return err
		}
		for _, g := range req.GetSegments() {
			in := segmentOf(g, next)
			next++
			if err := add(in, len(g.GetPayload())+256); err != nil {
				return err
			}
		}
		return nil
	}
	return pump(stream.Context(), t.limits, t.stopping, receive, func(batch []segmentInput) error {
		for len(batch) > 0 {
			part := batch[:min(len(batch), maxResults)]
			batch = batch[len(part):]
			results, err := t.recordSegments(stream.Context(), part)
			if len(results) > 0 {
				if sendErr := stream.Send(&waybillv1.PushSegmentsResponse{Results: results}); sendErr != nil {
					return sendErr
				}
			}
			if err != nil {
				return err // a segment without an answer ends the stream: answers come in order
			}
		}
		return nil
	})
}

func segmentOf(g *waybillv1.SignedSegment, index uint64) segmentInput {
	in := segmentInput{result: &waybillv1.SegmentResult{Index: index}}
	refused := func(code, message string) segmentInput {
		in.faulty = true
		in.result.Status, in.result.Code, in.result.Message = waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED, code, message
		return in
	}
	if n := len(g.GetPayload()); n > ledger.MaxSegmentBytes {
		return refused(codeTooLarge, fmt.Sprintf("the segment has %d bytes, at most %d are allowed", n, ledger.MaxSegmentBytes))
	}
	header, _, err := wire.SegmentHeader(g.GetPayload())
	if err != nil {
		return refused(ledger.Code(err), err.Error())
	}
	in.result.Device, in.result.Sequence, in.result.Digest = header.Device, header.Seq, wire.SegmentDigest(g.GetPayload()).String()
	in.segment = submit.Segment{SignedSegment: wire.SignedSegment{Payload: g.GetPayload(), Signature: g.GetSignature()}, Device: header.Device}
	return in
}

// recordSegments puts segments on the ledger and gives each its result. Where one has no answer it
// gives the results before it and the reason.
func (t *telemetryService) recordSegments(ctx context.Context, inputs []segmentInput) ([]*waybillv1.SegmentResult, error) {
	ctx, cancel := context.WithTimeout(ctx, t.limits.WriteTime)
	defer cancel()
	var batch []submit.Segment
	for _, in := range inputs {
		if !in.faulty {
			batch = append(batch, in.segment)
		}
	}
	var outcomes []submit.Outcome
	if len(batch) > 0 {
		var err error
		outcomes, err = t.cfg.Recorder.Segments(ctx, batch)
		if err = answersFit(len(outcomes), len(batch), err); err != nil {
			return nil, err
		}
	}
	results := make([]*waybillv1.SegmentResult, 0, len(inputs))
	var block uint64
	for _, in := range inputs {
		r := in.result
		if !in.faulty {
			o := outcomes[0]
			outcomes = outcomes[1:]
			var err error
			if r.Status, r.Code, r.Message, err = answerOf(o); err != nil {
				return results, err
			}
			r.TransactionId, r.Block = provenance(o)
			block = max(block, o.Block)
		}
		t.metrics.answered("segment", r.GetStatus())
		results = append(results, r)
	}
	t.readable(ctx, block)
	return results, nil
}

func (t *telemetryService) GetDevice(ctx context.Context, req *waybillv1.GetDeviceRequest) (*waybillv1.GetDeviceResponse, error) {
	id, err := needed("id", req.GetId())
	if err != nil {
		return nil, err
	}
	d, err := t.cfg.Reader.Device(ctx, id)
	if err != nil {
		return nil, err
	}
	return &waybillv1.GetDeviceResponse{Device: device(d)}, nil
}

func (t *telemetryService) ListDevices(ctx context.Context, req *waybillv1.ListDevicesRequest) (*waybillv1.ListDevicesResponse, error) {
	limit, scope, place, err := page(req)
	if err != nil {
		return nil, err
	}
	found, err := t.cfg.Reader.Devices(ctx, string(place), limit+1)
	if err != nil {
		return nil, err
	}
	answer := &waybillv1.ListDevicesResponse{}
	for i, d := range found {
		if i == limit {
			answer.NextPageToken = token(scope, []byte(found[i-1].ID))
			break
		}
		answer.Devices = append(answer.Devices, device(d))
	}
	return answer, nil
}

func (t *telemetryService) GetSegment(ctx context.Context, req *waybillv1.GetSegmentRequest) (*waybillv1.GetSegmentResponse, error) {
	id, err := needed("device", req.GetDevice())
	if err != nil {
		return nil, err
	}
	g, err := t.cfg.Reader.Segment(ctx, id, req.GetSequence())
	if err != nil {
		return nil, err
	}
	header, _, err := wire.SegmentHeader(g.Payload)
	if err != nil {
		return nil, unreadable(err)
	}
	return &waybillv1.GetSegmentResponse{Segment: segment(g, header.Previous)}, nil
}

// maxReadings bounds the values of a page of readings, so that its message stays below 4 MiB.
const maxReadings = 250_000

func (t *telemetryService) ListReadings(ctx context.Context, req *waybillv1.ListReadingsRequest) (*waybillv1.ListReadingsResponse, error) {
	id, err := needed("device", req.GetDevice())
	if err != nil {
		return nil, err
	}
	times, err := timeRange(req.GetTime())
	if err != nil {
		return nil, err
	}
	limit, scope, next, err := numberPage(req)
	if err != nil {
		return nil, err
	}
	answer := &waybillv1.ListReadingsResponse{}
	// A few segments at a time: how many values they hold shows only when they are decoded.
	const atOnce = 32
	for values := 0; ; {
		want := min(limit-len(answer.GetRuns()), atOnce)
		found, err := t.cfg.Reader.Segments(ctx, id, next, times, want+1)
		if err != nil {
			return nil, err
		}
		for i, g := range found {
			if i == want {
				break
			}
			decoded, err := g.Decode()
			if err != nil {
				return nil, unreadable(err)
			}
			run, n := readings(decoded, times.From, times.Until, ledger.Quantity(req.GetQuantity())) //nolint:gosec // an unknown number matches no channel
			if n > 0 && values > 0 && values+n > maxReadings {
				answer.NextPageToken = numberToken(scope, g.Seq)
				return answer, nil
			}
			values += n
			next = g.Seq + 1
			if n > 0 {
				answer.Runs = append(answer.Runs, run)
			}
		}
		if len(found) <= want {
			return answer, nil
		}
		if len(answer.GetRuns()) >= limit {
			answer.NextPageToken = numberToken(scope, next)
			return answer, nil
		}
	}
}

// readings cuts a segment to a range of times and a quantity (0: all), and counts its values.
func readings(g ledger.Segment, from, until *ledger.Millis, only ledger.Quantity) (*waybillv1.ReadingRun, int) {
	run := &waybillv1.ReadingRun{Sequence: g.Seq}
	var kept []int
	for i, at := range g.Times {
		if (from == nil || at >= *from) && (until == nil || at < *until) {
			kept = append(kept, i)
			run.TimesMs = append(run.TimesMs, int64(at))
		}
	}
	for _, c := range g.Channels {
		if only != 0 && c.Quantity != only {
			continue
		}
		channel := &waybillv1.ReadingChannel{Quantity: quantity(c.Quantity)}
		for _, i := range kept {
			channel.Values = append(channel.Values, c.Values[i])
		}
		run.Channels = append(run.Channels, channel)
	}
	return run, len(kept) * len(run.GetChannels())
}

// unreadable is a fault of the store and not, as its cause would say, of what the caller sent.
func unreadable(err error) error {
	return fmt.Errorf("%w: a recorded segment cannot be read: %s", readmodel.ErrCorrupt, err.Error())
}
