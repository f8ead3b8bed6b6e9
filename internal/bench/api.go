package bench

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

// callTimeout bounds one call to the API. It is far above any latency that would be called a success.
const callTimeout = 2 * time.Minute

// hashOf gives the identity of an event under GS1's default context.
func hashOf(body []byte) (ledger.Digest, error) {
	e, err := epcis.ParseEvent(nil, body)
	if err != nil {
		return ledger.Digest{}, fmt.Errorf("the load holds a faulty event: %w", err)
	}
	return ledger.Digest(e.Hash()), nil
}

// maxUnhashed bounds the memory that events take until they are hashed.
const maxUnhashed = 512 << 20

// eventLog keeps what was sent until the load is over and hashes it then: the system under
// measurement shares its processors with the bench. It is safe for concurrent use.
type eventLog struct {
	tally *Tally[ledger.Digest]

	mu        sync.Mutex
	documents []sentDocument
	bytes     int
}

// sentDocument is events and whether each was acknowledged; those that were not had failed.
type sentDocument struct {
	events [][]byte
	acked  []bool
}

// add notes a document that was sent and answered, or that failed.
func (l *eventLog) add(d sentDocument) error {
	size := 0
	for _, e := range d.events {
		size += len(e)
	}
	l.mu.Lock()
	l.documents = append(l.documents, d)
	l.bytes += size
	full := l.bytes > maxUnhashed
	l.mu.Unlock()
	if full {
		return l.settle()
	}
	return nil
}

// settle hashes what is kept and puts it into the tally.
func (l *eventLog) settle() error {
	l.mu.Lock()
	documents := l.documents
	l.documents, l.bytes = nil, 0
	l.mu.Unlock()
	for _, d := range documents {
		for i, body := range d.events {
			hash, err := hashOf(body)
			if err != nil {
				return err
			}
			l.tally.Sent(hash, 1)
			if d.acked[i] {
				l.tally.Acked(hash)
			} else {
				l.tally.Failed(hash)
			}
		}
	}
	return nil
}

// captureSender captures documents of so many events of a site's load, each a unary call, as a
// company's system does.
func captureSender(client waybillv1.CaptureServiceClient, load *EventLoad, events int, log *eventLog) sender {
	return func(ctx context.Context) (piece, error) {
		d := sentDocument{events: load.Events(events), acked: make([]bool, events)}
		callCtx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		answer, err := client.CaptureEvents(callCtx, &waybillv1.CaptureEventsRequest{
			Source: &waybillv1.CaptureEventsRequest_Events{Events: &waybillv1.EventList{Events: d.events}},
		})
		if ctx.Err() != nil {
			return piece{}, context.Cause(ctx)
		}
		if err != nil {
			return piece{failed: events, why: err}, log.add(d)
		}
		if len(answer.GetResults()) != events {
			return piece{}, fmt.Errorf("%w: %d answers to %d events", ErrProtocol, len(answer.GetResults()), events)
		}
		var p piece
		for i, r := range answer.GetResults() {
			if r.GetStatus() == waybillv1.AnswerStatus_ANSWER_STATUS_RECORDED {
				d.acked[i] = true
				p.records++
				continue
			}
			p.failed++
			if p.why == nil {
				p.why = fmt.Errorf("%s %s: %s", r.GetStatus(), r.GetCode(), r.GetMessage())
			}
		}
		return p, log.add(d)
	}
}

// ErrProtocol says that the API answered what its protocol does not allow.
var ErrProtocol = errors.New("WB_PROTOCOL: the API's answer does not fit the request")

// segmentKey names a segment on the ledger.
type segmentKey struct {
	device string
	seq    uint64
}

// registerLoggers puts the loggers' keys on the ledger.
func registerLoggers(ctx context.Context, conn grpc.ClientConnInterface, loggers []*Logger) error {
	client := waybillv1.NewTelemetryServiceClient(conn)
	const most = 500
	for len(loggers) > 0 {
		n := min(len(loggers), most)
		req := &waybillv1.RegisterDevicesRequest{}
		for _, l := range loggers[:n] {
			key, err := x509.MarshalPKIXPublicKey(l.PublicKey())
			if err != nil {
				return err
			}
			req.Devices = append(req.Devices, &waybillv1.DeviceKey{
				Id: l.ID, Algorithm: waybillv1.KeyAlgorithm_KEY_ALGORITHM_ED25519, PublicKey: key,
			})
		}
		callCtx, cancel := context.WithTimeout(ctx, callTimeout)
		answer, err := client.RegisterDevices(callCtx, req)
		cancel()
		if err != nil {
			return fmt.Errorf("registering loggers: %w", err)
		}
		for _, r := range answer.GetResults() {
			if r.GetStatus() == waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED {
				return fmt.Errorf("registering logger %s: %s: %s", r.GetId(), r.GetCode(), r.GetMessage())
			}
		}
		loggers = loggers[n:]
	}
	return nil
}

// signedSegment makes the next segment of a logger.
func signedSegment(l *Logger, readings int) (segmentKey, wire.SignedSegment, error) {
	s := l.Readings(readings)
	payload, err := wire.EncodeSegment(s)
	if err != nil {
		return segmentKey{}, wire.SignedSegment{}, fmt.Errorf("the load holds a faulty segment: %w", err)
	}
	return segmentKey{s.Device, s.Seq}, wire.SignedSegment{Payload: payload, Signature: l.Sign(payload)}, nil
}

// pushSender pushes one segment of each logger over one stream, waits for all the answers, and goes
// on: an IoT gateway with so many loggers behind it. The stream is opened at the first call.
func pushSender(streams context.Context, client waybillv1.TelemetryServiceClient, loggers []*Logger, readings int, tally *Tally[segmentKey]) sender {
	var stream grpc.BidiStreamingClient[waybillv1.PushSegmentsRequest, waybillv1.PushSegmentsResponse]
	return func(ctx context.Context) (piece, error) {
		if stream == nil {
			var err error
			if stream, err = client.PushSegments(streams); err != nil {
				return piece{}, fmt.Errorf("opening a stream of segments: %w", err)
			}
		}
		req := &waybillv1.PushSegmentsRequest{}
		keys := make([]segmentKey, len(loggers))
		for i, l := range loggers {
			key, signed, err := signedSegment(l, readings)
			if err != nil {
				return piece{}, err
			}
			keys[i] = key
			tally.Sent(key, readings)
			req.Segments = append(req.Segments, &waybillv1.SignedSegment{Payload: signed.Payload, Signature: signed.Signature})
		}
		var p piece
		// A broken stream would break the loggers' chains as well: it ends the measurement.
		if err := stream.Send(req); err != nil {
			if errors.Is(err, io.EOF) {
				_, err = stream.Recv()
			}
			return piece{}, fmt.Errorf("sending segments: %w", err)
		}
		for answered := 0; answered < len(keys); {
			answer, err := stream.Recv()
			if ctx.Err() != nil {
				return piece{}, context.Cause(ctx)
			}
			if err != nil {
				return piece{}, fmt.Errorf("waiting for the answers to segments: %w", err)
			}
			for _, r := range answer.GetResults() {
				if answered == len(keys) {
					return piece{}, fmt.Errorf("%w: more answers than segments", ErrProtocol)
				}
				key := keys[answered]
				answered++
				if r.GetStatus() == waybillv1.AnswerStatus_ANSWER_STATUS_RECORDED && r.GetSequence() == key.seq {
					tally.Acked(key)
					p.records += readings
					continue
				}
				tally.Failed(key)
				p.failed += readings
				if p.why == nil {
					p.why = fmt.Errorf("%s %s: %s", r.GetStatus(), r.GetCode(), r.GetMessage())
				}
			}
		}
		return p, nil
	}
}
