package server

import (
	"context"
	"encoding/hex"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/api/trace"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

// Tracer answers questions of genealogy; api/readmodel implements it.
type Tracer interface {
	Trace(ctx context.Context, q trace.Question) (trace.Graph, error)
	Recall(ctx context.Context, q trace.Question) (trace.Graph, error)
	Locate(ctx context.Context, q trace.Question) (trace.Where, error)
}

type traceService struct {
	*Server
	waybillv1.UnimplementedTraceServiceServer
}

// tracePart is how many nodes or edges one message holds; one of them is at most some kilobytes.
const tracePart = 500

func traceQuestion(what, id string, at *timestamppb.Timestamp, l *waybillv1.TraceLimits, nodes int) (q trace.Question, err error) {
	if q.ID, err = needed(what, id); err != nil {
		return q, err
	}
	if at != nil {
		if err := at.CheckValid(); err != nil {
			return q, refuse(codes.InvalidArgument, codeArgument, "at is no time: %s", err)
		}
		millis := ledger.MillisOf(at.AsTime())
		q.At = &millis
	}
	if l.GetDepth() > trace.MaxDepth || l.GetNodes() > trace.MaxNodes {
		return q, refuse(codes.InvalidArgument, codeArgument, "at most a depth of %d and %d nodes are given", trace.MaxDepth, trace.MaxNodes)
	}
	q.Limits = trace.Limits{Depth: int(l.GetDepth()), Nodes: int(l.GetNodes())}
	if q.Limits.Nodes == 0 {
		q.Limits.Nodes = nodes
	}
	return q, nil
}

// unheardOf says of an identifier that no event names that its check digit is wrong, if it is: events may name
// such a one, but not what was meant.
func unheardOf(id string, err error) error {
	if !errors.Is(err, readmodel.ErrNotFound) {
		return err
	}
	if f, ok := errors.AsType[epcis.Fault](epcis.VerifyCheckDigit(id)); ok {
		return refuse(codes.InvalidArgument, f.Code, "no event names %s: %s", id, f.Message)
	}
	return refuse(codes.NotFound, ledger.CodeNotFound, "no event names %s", id)
}

func (t *traceService) Trace(req *waybillv1.TraceRequest, stream grpc.ServerStreamingServer[waybillv1.TraceResponse]) error {
	q, err := traceQuestion("id", req.GetId(), req.GetAt(), req.GetLimits(), trace.DefaultNodes)
	if err != nil {
		return err
	}
	switch req.GetDirection() {
	case waybillv1.TraceDirection_TRACE_DIRECTION_UP:
		q.Direction = trace.Up
	case waybillv1.TraceDirection_TRACE_DIRECTION_DOWN:
		q.Direction = trace.Down
	case waybillv1.TraceDirection_TRACE_DIRECTION_UNSPECIFIED:
		return refuse(codes.InvalidArgument, codeArgument, "direction says neither up nor down")
	default:
		return refuse(codes.InvalidArgument, codeArgument, "direction %d is unknown", req.GetDirection())
	}
	g, err := t.cfg.Reader.Trace(stream.Context(), q)
	if err != nil {
		return unheardOf(q.ID, err)
	}
	return traceParts(g, func(part *waybillv1.TracePart) error { return stream.Send(&waybillv1.TraceResponse{Part: part}) })
}

func (t *traceService) Recall(req *waybillv1.RecallRequest, stream grpc.ServerStreamingServer[waybillv1.RecallResponse]) error {
	q, err := traceQuestion("id", req.GetId(), req.GetAt(), req.GetLimits(), trace.MaxNodes)
	if err != nil {
		return err
	}
	g, err := t.cfg.Reader.Recall(stream.Context(), q)
	if err != nil {
		return unheardOf(q.ID, err)
	}
	return traceParts(g, func(part *waybillv1.TracePart) error { return stream.Send(&waybillv1.RecallResponse{Part: part}) })
}

func (t *traceService) Locate(ctx context.Context, req *waybillv1.LocateRequest) (*waybillv1.LocateResponse, error) {
	q, err := traceQuestion("id", req.GetId(), req.GetAt(), nil, 0)
	if err != nil {
		return nil, err
	}
	found, err := t.cfg.Reader.Locate(ctx, q)
	if err != nil {
		return nil, unheardOf(q.ID, err)
	}
	return &waybillv1.LocateResponse{
		Id: found.ID, At: timeOf(found.At), Containers: found.Containers, Custody: custodyMessage(&found.Custody),
		Truncated: truncations(found.Truncated), LedgerHeight: found.AsOf.Height,
	}, nil
}

// traceParts sends a graph in messages of bounded size.
func traceParts(g trace.Graph, send func(*waybillv1.TracePart) error) error {
	direction := waybillv1.TraceDirection_TRACE_DIRECTION_DOWN
	if g.Direction == trace.Up {
		direction = waybillv1.TraceDirection_TRACE_DIRECTION_UP
	}
	err := send(&waybillv1.TracePart{Summary: &waybillv1.TraceSummary{
		Root: g.Root, Direction: direction, At: timeOf(g.At), Truncated: truncations(g.Truncated),
		LedgerHeight: g.AsOf.Height, LastBlock: hex.EncodeToString(g.AsOf.Hash[:]), Nodes: uint32(len(g.Nodes)), Edges: uint32(len(g.Edges)), //nolint:gosec // bounded by trace.Limits
	}})
	part := &waybillv1.TracePart{}
	filled := func(n int) {
		if err == nil && n >= tracePart {
			err = send(part)
			part = &waybillv1.TracePart{}
		}
	}
	for _, n := range g.Nodes {
		part.Nodes = append(part.Nodes, nodeMessage(n))
		filled(len(part.Nodes))
	}
	for _, e := range g.Edges {
		part.Edges = append(part.Edges, edgeMessage(e))
		filled(len(part.Edges))
	}
	for _, b := range g.Balances {
		part.Balances = append(part.Balances, balanceMessage(b))
		filled(len(part.Balances))
	}
	if err == nil && len(part.Nodes)+len(part.Edges)+len(part.Balances) > 0 {
		err = send(part)
	}
	return err
}

func truncations(all []trace.Truncation) []string {
	var words []string
	for _, t := range all {
		words = append(words, string(t))
	}
	return words
}

func timeOf(at *ledger.Millis) *timestamppb.Timestamp {
	if at == nil {
		return nil
	}
	return timestamppb.New(at.Time())
}

func evidenceMessage(e *trace.Evidence) *waybillv1.TraceEvidence {
	if e == nil {
		return nil
	}
	return &waybillv1.TraceEvidence{EventHash: e.Hash.String(), EventTime: timeOf(&e.At)}
}

func nodeMessage(n trace.Node) *waybillv1.TraceNode {
	m := &waybillv1.TraceNode{Id: n.ID, Depth: uint32(n.Depth), Container: n.Container, Custody: custodyMessage(n.Custody)} //nolint:gosec // bounded by trace.MaxDepth
	switch n.Kind {
	case trace.KindItem:
		m.Kind = waybillv1.TraceNodeKind_TRACE_NODE_KIND_ITEM
	case trace.KindLot:
		m.Kind = waybillv1.TraceNodeKind_TRACE_NODE_KIND_LOT
	case trace.KindClass:
		m.Kind = waybillv1.TraceNodeKind_TRACE_NODE_KIND_CLASS
	case trace.KindTransformation:
		m.Kind = waybillv1.TraceNodeKind_TRACE_NODE_KIND_TRANSFORMATION
	}
	switch n.Degree {
	case trace.Subject:
		m.Degree = waybillv1.RecallDegree_RECALL_DEGREE_SUBJECT
	case trace.Contains:
		m.Degree = waybillv1.RecallDegree_RECALL_DEGREE_CONTAINS
	case trace.Touched:
		m.Degree = waybillv1.RecallDegree_RECALL_DEGREE_TOUCHED
	}
	return m
}

func custodyMessage(c *trace.Custody) *waybillv1.Custody {
	if c == nil {
		return nil
	}
	m := &waybillv1.Custody{
		Custodian: c.Custodian, Held: evidenceMessage(c.Held), Since: evidenceMessage(c.Since), Place: c.Place, Seen: evidenceMessage(c.Seen), Party: c.Party,
	}
	for _, code := range c.Disputed {
		m.Disputed = append(m.Disputed, string(code))
	}
	switch c.Status {
	case trace.StatusUnknown:
	case trace.StatusHeld:
		m.Status = waybillv1.CustodyStatus_CUSTODY_STATUS_HELD
	case trace.StatusShipped:
		m.Status = waybillv1.CustodyStatus_CUSTODY_STATUS_SHIPPED
	case trace.StatusSold:
		m.Status = waybillv1.CustodyStatus_CUSTODY_STATUS_SOLD
	case trace.StatusEnded:
		m.Status = waybillv1.CustodyStatus_CUSTODY_STATUS_ENDED
	}
	return m
}

func edgeMessage(e trace.Edge) *waybillv1.TraceEdge {
	m := &waybillv1.TraceEdge{From: e.From, To: e.To, Begin: evidenceMessage(&e.Begin), End: evidenceMessage(e.End), Quantity: string(e.Quantity), Uom: e.UOM}
	switch e.Kind {
	case trace.Aggregated:
		m.Kind = waybillv1.TraceEdgeKind_TRACE_EDGE_KIND_AGGREGATED
	case trace.Associated:
		m.Kind = waybillv1.TraceEdgeKind_TRACE_EDGE_KIND_ASSOCIATED
	case trace.Consumed:
		m.Kind = waybillv1.TraceEdgeKind_TRACE_EDGE_KIND_CONSUMED
	case trace.Produced:
		m.Kind = waybillv1.TraceEdgeKind_TRACE_EDGE_KIND_PRODUCED
	case trace.OfLot:
		m.Kind = waybillv1.TraceEdgeKind_TRACE_EDGE_KIND_OF_LOT
	}
	return m
}

func balanceMessage(b trace.Balance) *waybillv1.MassBalance {
	m := &waybillv1.MassBalance{Transformation: b.Transformation, UnstatedInputs: uint32(b.UnstatedInputs), UnstatedOutputs: uint32(b.UnstatedOutputs)} //nolint:gosec // counts of entries
	for _, a := range b.Amounts {
		m.Amounts = append(m.Amounts, &waybillv1.MassAmount{Dimension: a.Dimension, Uom: a.UOM, Inputs: a.Inputs, Outputs: a.Outputs})
	}
	return m
}
