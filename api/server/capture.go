package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/submit"
)

type captureService struct {
	*Server
	waybillv1.UnimplementedCaptureServiceServer
}

// eventInput is one event on its way to the ledger, or what stands in its place.
type eventInput struct {
	index  uint64
	path   string
	hash   string
	event  submit.Event
	faulty *waybillv1.EventResult    // refused before it reached the ledger
	stated []wire.ElementEntry       // no event: the master data in a document's header
	ended  *waybillv1.DocumentResult // no event: a document sent in pieces ends here
}

func (i eventInput) bytes() int {
	n := len(i.event.Body) + 256
	for _, e := range i.stated {
		n += len(e.Body) + 256
	}
	return n
}

// isEvent tells an event from what else a document holds.
func (i eventInput) isEvent() bool { return i.ended == nil && i.stated == nil }

func refusedEvent(index uint64, path string, fs []epcis.Fault) eventInput {
	f := fs[0]
	return eventInput{index: index, faulty: &waybillv1.EventResult{
		Index: index, Status: waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED, Code: f.Code, Message: f.Message, Path: orPath(f.Path, path), Faults: faults(fs),
	}}
}

func orPath(path, other string) string {
	if path == "" {
		return other
	}
	return path
}

// faultsOf gives the faults that an error of the epcis package holds, at least one.
func faultsOf(err error) []epcis.Fault {
	if fs, ok := errors.AsType[epcis.Faults](err); ok && len(fs) > 0 {
		return fs
	}
	if f, ok := errors.AsType[epcis.Fault](err); ok {
		return []epcis.Fault{f}
	}
	return []epcis.Fault{{Code: ledger.Code(err), Message: err.Error()}}
}

func eventOf(index uint64, path string, entry wire.EventEntry, parsed *epcis.Event) eventInput {
	hash := parsed.Hash()
	return eventInput{index: index, path: path, hash: hash.String(), event: submit.Event{EventEntry: entry, Keys: submit.KeysOf(parsed, hash)}}
}

// documentEvents reads a document whole. A fault of the document refuses it whole.
func (s *Server) documentEvents(data []byte, format waybillv1.DocumentFormat, first uint64) ([]eventInput, error) {
	if len(data) > s.limits.DocumentBytes {
		return nil, epcis.Fault{Code: epcis.CodeTooLarge, Message: fmt.Sprintf("the document has more than %d bytes; split it", s.limits.DocumentBytes)}
	}
	read := epcis.Events
	const prefix = 512
	if format == waybillv1.DocumentFormat_DOCUMENT_FORMAT_XML ||
		format == waybillv1.DocumentFormat_DOCUMENT_FORMAT_UNSPECIFIED && epcis.Detect(data[:min(len(data), prefix)]) == epcis.XML {
		read = epcis.EventsXML
	}
	var inputs []eventInput
	for source, err := range read(bytes.NewReader(data), s.limits.epcis()) {
		if err != nil {
			return nil, faultsOf(err)[0]
		}
		index := first + uint64(len(inputs))
		if source.Err != nil {
			inputs = append(inputs, refusedEvent(index, source.Path, faultsOf(source.Err)))
			continue
		}
		inputs = append(inputs, eventOf(index, source.Path, wire.SourceEntry(source), source.Event))
	}
	return inputs, nil
}

// listEvents reads events without a document around them, each by itself.
func (s *Server) listEvents(list *waybillv1.EventList, first uint64) ([]eventInput, error) {
	if n := len(list.GetEvents()); n > s.limits.Events {
		return nil, epcis.Fault{Code: epcis.CodeTooManyEvents, Message: fmt.Sprintf("the list has %d events, at most %d are allowed; split it", n, s.limits.Events)}
	}
	var contextJSON []byte
	if len(list.GetContext()) > 0 {
		contextJSON = list.GetContext()
	}
	within, err := epcis.ParseContext(contextJSON)
	if err != nil {
		f := faultsOf(err)[0]
		f.Path = "$.context"
		return nil, f
	}
	inputs := make([]eventInput, 0, len(list.GetEvents()))
	for i, body := range list.GetEvents() {
		index, path := first+uint64(i), fmt.Sprintf("$.events[%d]", i)
		if len(body) > ledger.MaxEventBytes {
			inputs = append(inputs, refusedEvent(index, path, []epcis.Fault{{
				Path: path, Code: epcis.CodeTooLarge, Message: fmt.Sprintf("the event has %d bytes, at most %d are allowed", len(body), ledger.MaxEventBytes),
			}}))
			continue
		}
		parsed, err := within.ParseEvent(body)
		if err != nil {
			fs := faultsOf(err)
			for j := range fs {
				fs[j].Path = path + strings.TrimPrefix(fs[j].Path, "$")
			}
			inputs = append(inputs, refusedEvent(index, path, fs))
			continue
		}
		entry, err := wire.NewEventEntry(contextJSON, body)
		if err != nil {
			inputs = append(inputs, refusedEvent(index, path, faultsOf(err)))
			continue
		}
		inputs = append(inputs, eventOf(index, path, entry, parsed))
	}
	return inputs, nil
}

// record puts the events on the ledger and gives each its result. Where one has no answer it gives
// the results before it and the reason.
func (s *Server) record(ctx context.Context, inputs []eventInput) ([]*waybillv1.EventResult, error) {
	var batch []submit.Event
	var stated []wire.ElementEntry
	for _, in := range inputs {
		stated = append(stated, in.stated...)
		if in.faulty == nil && in.isEvent() {
			batch = append(batch, in.event)
		}
	}
	block, err := s.recordElements(ctx, stated)
	if err != nil {
		return nil, err
	}
	var outcomes []submit.Outcome
	if len(batch) > 0 {
		outcomes, err = s.cfg.Recorder.Events(ctx, batch)
		if err = answersFit(len(outcomes), len(batch), err); err != nil {
			return nil, err
		}
	}
	results := make([]*waybillv1.EventResult, 0, len(inputs))
	for _, in := range inputs {
		var r *waybillv1.EventResult
		switch {
		case !in.isEvent():
			continue
		case in.faulty != nil:
			r = in.faulty
		default:
			o := outcomes[0]
			outcomes = outcomes[1:]
			if r, err = eventResult(in, o); err != nil {
				return results, err
			}
			block = max(block, o.Block)
		}
		s.metrics.answered("event", r.GetStatus())
		results = append(results, r)
	}
	s.readable(ctx, block)
	return results, nil
}

// answersFit tells whether a recorder answered for every input; its error is that of single inputs then.
func answersFit(answers, inputs int, err error) error {
	switch {
	case answers == inputs:
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("the recorder gave %d answers to %d inputs", answers, inputs)
}

func eventResult(in eventInput, o submit.Outcome) (*waybillv1.EventResult, error) {
	r := &waybillv1.EventResult{Index: in.index, Hash: in.hash}
	if o.Err != nil {
		code, message, ok := final(o.Err)
		if !ok {
			return nil, o.Err
		}
		o.Answer = wire.Answer{Status: ledger.StatusRefused, Code: code, Message: message}
	}
	r.Status, r.Restatement, r.Findings = statusOf(o.Status), o.Restatement, ledgerFindings(o.Findings)
	if o.Status == ledger.StatusRefused {
		r.Code, r.Message, r.Path = o.Code, o.Message, in.path
		r.Faults = []*waybillv1.Fault{{Code: o.Code, Path: in.path, Message: o.Message}}
		return r, nil
	}
	r.TransactionId = o.TxID
	if o.Wrote() {
		r.Block = o.Block
	}
	return r, nil
}

// farBehind is how many blocks a read model may be behind for an answer to wait for it.
const farBehind = 16

// readable waits, for a bounded time, until the read model has taken the block in, so that the
// caller can ask for what it has written. One that is far behind is not waited for.
func (s *Server) readable(ctx context.Context, block uint64) {
	if height, _ := s.cfg.Reader.Changed(); block == 0 || height > block || height+farBehind < block {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, s.limits.ReadableTime)
	defer cancel()
	_ = s.cfg.Reader.WaitFor(ctx, block) // what is recorded is recorded, readable or not
}

func (c *captureService) CaptureEvents(ctx context.Context, req *waybillv1.CaptureEventsRequest) (*waybillv1.CaptureEventsResponse, error) {
	var inputs []eventInput
	var err error
	switch source := req.GetSource().(type) {
	case *waybillv1.CaptureEventsRequest_Document:
		if !c.holdDocument(len(source.Document)) {
			return nil, errDocuments()
		}
		defer c.documentBytes.Add(-int64(len(source.Document)))
		if inputs, err = c.documentEvents(source.Document, req.GetFormat(), 0); err != nil {
			return nil, err
		}
		var stated []eventInput
		stated, err = c.documentElements(source.Document)
		inputs = append(stated, inputs...)
	case *waybillv1.CaptureEventsRequest_Events:
		inputs, err = c.listEvents(source.Events, 0)
	default:
		err = refuse(codes.InvalidArgument, codeArgument, "the request holds neither a document nor events")
	}
	if err != nil {
		return nil, err
	}
	results, err := c.record(ctx, inputs)
	if err != nil {
		return nil, err
	}
	answer := &waybillv1.CaptureEventsResponse{Results: results}
	for _, r := range results {
		switch r.GetStatus() {
		case waybillv1.AnswerStatus_ANSWER_STATUS_RECORDED:
			answer.Recorded++
		case waybillv1.AnswerStatus_ANSWER_STATUS_DUPLICATE:
			answer.Duplicate++
		case waybillv1.AnswerStatus_ANSWER_STATUS_REFUSED, waybillv1.AnswerStatus_ANSWER_STATUS_UNSPECIFIED:
			answer.Refused++
		}
	}
	return answer, nil
}

const documentsMessage = "the server holds as many documents as it can; try again"

func errDocuments() error {
	return refuse(codes.ResourceExhausted, codeBusy, documentsMessage)
}

// maxResults bounds the results of one answer on a stream, so that its message stays small.
const maxResults = 1_000

func (c *captureService) StreamEvents(stream grpc.BidiStreamingServer[waybillv1.StreamEventsRequest, waybillv1.StreamEventsResponse]) error {
	in := &eventReceiver{server: c.Server, stream: stream}
	defer in.close()
	return pump(stream.Context(), c.limits, c.stopping, in.receive, func(batch []eventInput) error {
		for len(batch) > 0 {
			part := batch[:min(len(batch), maxResults)]
			// A document's result closes the message that holds its last events.
			for i := range part {
				if part[i].ended != nil {
					part = part[:i+1]
					break
				}
			}
			batch = batch[len(part):]
			if err := c.recordPart(stream, part); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *captureService) recordPart(stream grpc.BidiStreamingServer[waybillv1.StreamEventsRequest, waybillv1.StreamEventsResponse], part []eventInput) error {
	ctx, cancel := context.WithTimeout(stream.Context(), c.limits.WriteTime)
	defer cancel()
	results, err := c.record(ctx, part)
	answer := &waybillv1.StreamEventsResponse{Results: results}
	if err == nil {
		answer.Document = part[len(part)-1].ended
	}
	if len(answer.GetResults()) > 0 || answer.GetDocument() != nil {
		if sendErr := stream.Send(answer); sendErr != nil {
			return sendErr
		}
	}
	return err // an input without an answer ends the stream: answers come in order
}

// eventReceiver reads a stream of events and of documents in pieces. One goroutine receives, and
// another may close it meanwhile.
type eventReceiver struct {
	server *Server
	stream grpc.BidiStreamingServer[waybillv1.StreamEventsRequest, waybillv1.StreamEventsResponse]

	next      uint64 // index of the next event
	documents uint64
	document  []byte
	format    waybillv1.DocumentFormat
	begun     bool
	refused   bool // the document under way has had its result

	mu     sync.Mutex
	held   int // bytes that the document under way counts for in the server's total
	closed bool
}

func (r *eventReceiver) receive(add func(eventInput, int) error) error {
	req, err := r.stream.Recv()
	if err != nil {
		if errors.Is(err, io.EOF) && r.begun {
			return refuse(codes.InvalidArgument, codeArgument, "the stream ended within a document")
		}
		return err
	}
	var inputs []eventInput
	switch part := req.GetPart().(type) {
	case *waybillv1.StreamEventsRequest_Events:
		if r.begun {
			return refuse(codes.InvalidArgument, codeArgument, "events came within a document sent in pieces")
		}
		if inputs, err = r.server.listEvents(part.Events, r.next); err != nil {
			return err
		}
	case *waybillv1.StreamEventsRequest_DocumentPart:
		inputs = r.piece(part.DocumentPart)
	default:
		return refuse(codes.InvalidArgument, codeArgument, "a request holds neither events nor a piece of a document")
	}
	for _, in := range inputs {
		if in.isEvent() {
			r.next++
		}
		if err := add(in, in.bytes()); err != nil {
			return err
		}
	}
	if !r.begun {
		r.release() // its events count as the stream's own now
	}
	return nil
}

// piece adds to the document under way and gives its events when it is whole. A document that is too
// large is refused at once, and what is still sent of it is dropped.
func (r *eventReceiver) piece(part *waybillv1.DocumentPart) (inputs []eventInput) {
	if !r.begun {
		r.begun, r.format = true, part.GetFormat()
	}
	if !r.refused {
		if f := r.grow(part.GetData()); f != nil {
			r.document = nil
			r.release()
			r.refused = true
			inputs = append(inputs, r.result(0, f))
		}
	}
	if !part.GetLast() {
		return inputs
	}
	if !r.refused {
		events, err := r.server.documentEvents(r.document, r.format, r.next)
		if err == nil {
			var stated []eventInput
			stated, err = r.server.documentElements(r.document)
			inputs = append(inputs, stated...)
		}
		if err != nil {
			inputs = append(inputs, r.result(0, &faultsOf(err)[0]))
		} else {
			inputs = append(inputs, events...)
			inputs = append(inputs, r.result(len(events), nil))
		}
	}
	r.document = nil
	r.begun, r.refused = false, false
	r.documents++
	return inputs
}

func (r *eventReceiver) grow(data []byte) *epcis.Fault {
	limit := r.server.limits.DocumentBytes
	if len(r.document)+len(data) > limit {
		return &epcis.Fault{Code: epcis.CodeTooLarge, Message: fmt.Sprintf("the document has more than %d bytes; split it", limit)}
	}
	if !r.hold(len(data)) {
		return &epcis.Fault{Code: codeBusy, Message: documentsMessage}
	}
	r.document = append(r.document, data...)
	return nil
}

// hold counts bytes of the document under way, as long as all documents together stay within bounds.
func (r *eventReceiver) hold(n int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || !r.server.holdDocument(n) {
		return false
	}
	r.held += n
	return true
}

func (r *eventReceiver) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.server.documentBytes.Add(-int64(r.held))
	r.held = 0
}

// close lets go of what is held; what is still being received is not held any more.
func (r *eventReceiver) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.release()
}

// holdDocument counts a document's bytes until they are subtracted from documentBytes again, or says
// that there are too many under way.
func (s *Server) holdDocument(n int) bool {
	if s.documentBytes.Add(int64(n)) > int64(s.limits.DocumentsBytes) {
		s.documentBytes.Add(-int64(n))
		return false
	}
	return true
}

func (r *eventReceiver) result(events int, f *epcis.Fault) eventInput {
	d := &waybillv1.DocumentResult{Index: r.documents, Events: uint32(events)} //nolint:gosec // bounded by the limits
	if f != nil {
		d.Fault = &waybillv1.Fault{Code: f.Code, Path: f.Path, Message: f.Message}
	}
	return eventInput{ended: d}
}

// maxNamed bounds the events given for one eventID.
const maxNamed = 100

func (c *captureService) GetEvent(ctx context.Context, req *waybillv1.GetEventRequest) (*waybillv1.GetEventResponse, error) {
	if id := req.GetEventId(); id != "" {
		if req.GetHash() != "" {
			return nil, refuse(codes.InvalidArgument, codeArgument, "an event is asked for by its hash or by an eventID")
		}
		return c.eventsNamed(ctx, id)
	}
	hash, err := epcis.ParseHash(req.GetHash())
	if err != nil {
		return nil, err
	}
	e, err := c.cfg.Reader.Event(ctx, ledger.Digest(hash))
	if err != nil {
		return nil, err
	}
	return &waybillv1.GetEventResponse{Event: event(e)}, nil
}

func (c *captureService) eventsNamed(ctx context.Context, id string) (*waybillv1.GetEventResponse, error) {
	named, err := c.cfg.Reader.Named(ctx, id, maxNamed)
	if err != nil {
		return nil, err
	}
	if len(named) == 0 {
		return nil, fmt.Errorf("%w: no event has this eventID", readmodel.ErrNotFound)
	}
	events := make([]*waybillv1.Event, len(named))
	for i, n := range named {
		events[i] = event(n.Event)
		if n.Text != nil {
			events[i].Body, events[i].Context, events[i].EventId = n.Text.Body, n.Text.Context, n.Text.EventID
		}
	}
	return &waybillv1.GetEventResponse{Event: events[0], Others: events[1:]}, nil
}

func eventFilter(f *waybillv1.EventFilter) (out readmodel.EventFilter, err error) {
	if out.EPC, err = canonical("the filter's epc", f.GetEpc()); err != nil {
		return out, err
	}
	if out.Time, err = timeRange(f.GetEventTime()); err != nil {
		return out, err
	}
	out.Type, out.BizStep, out.Finding, out.AnyFinding = f.GetEventType(), bareStep(f.GetBizStep()), f.GetFinding(), f.GetAnyFinding()
	return out, nil
}

// bareStep gives a CBV step as the bare word that events are stored with, other steps unchanged.
func bareStep(step string) string {
	for _, prefix := range []string{"https://ref.gs1.org/cbv/BizStep-", "https://ns.gs1.org/cbv/BizStep-", "urn:epcglobal:cbv:bizstep:", "cbv:BizStep-"} {
		if word, ok := strings.CutPrefix(step, prefix); ok {
			return word
		}
	}
	return step
}

func (c *captureService) ListEvents(ctx context.Context, req *waybillv1.ListEventsRequest) (*waybillv1.ListEventsResponse, error) {
	filter, err := eventFilter(req.GetFilter())
	if err != nil {
		return nil, err
	}
	rows, next, err := listed(ctx, req, req.GetNewestFirst(), listing[readmodel.Event, *waybillv1.Event]{
		ask: func(ctx context.Context, page readmodel.Page) (readmodel.Rows[readmodel.Event], error) {
			return c.cfg.Reader.Events(ctx, filter, page)
		},
		position: func(e readmodel.Event) readmodel.Position { return e.Position },
		message:  event,
	})
	if err != nil {
		return nil, err
	}
	return &waybillv1.ListEventsResponse{Events: rows, NextPageToken: next}, nil
}

func (c *captureService) WatchEvents(req *waybillv1.WatchEventsRequest, stream grpc.ServerStreamingServer[waybillv1.WatchEventsResponse]) error {
	filter, err := eventFilter(req.GetFilter())
	if err != nil {
		return err
	}
	return watch(stream.Context(), c.Server, req, watcher[readmodel.Event]{
		ask: func(ctx context.Context, page readmodel.Page) (readmodel.Rows[readmodel.Event], error) {
			return c.cfg.Reader.Events(ctx, filter, page)
		},
		position: func(e readmodel.Event) readmodel.Position { return e.Position },
		send: func(e *readmodel.Event, at *waybillv1.Position) error {
			answer := &waybillv1.WatchEventsResponse{Position: at}
			if e != nil {
				answer.Event = event(*e)
			}
			return stream.Send(answer)
		},
	})
}

// maxFindings bounds the findings given with an item: the latest ones.
const maxFindings = 1_000

func (c *captureService) GetItem(ctx context.Context, req *waybillv1.GetItemRequest) (*waybillv1.GetItemResponse, error) {
	epc, err := needed("epc", req.GetEpc())
	if err != nil {
		return nil, err
	}
	i, err := c.cfg.Reader.Item(ctx, epc, maxFindings)
	if err != nil {
		return nil, err
	}
	return &waybillv1.GetItemResponse{Item: item(i)}, nil
}
