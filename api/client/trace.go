package client

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/types/known/timestamppb"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/trace"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

// ErrTraceIncomplete says that an answer ended before all of it had come.
var ErrTraceIncomplete = errors.New("WB_TRACE_INCOMPLETE: the answer broke off; ask again")

// ReadGraph puts the parts of a trace or a recall together; next gives them until io.EOF.
func ReadGraph(next func() (*waybillv1.TracePart, error)) (trace.Graph, error) {
	var g trace.Graph
	var summary *waybillv1.TraceSummary
	for {
		part, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return g, err
		}
		if s := part.GetSummary(); s != nil {
			summary = s
		}
		for _, n := range part.GetNodes() {
			g.Nodes = append(g.Nodes, graphNode(n))
		}
		for _, e := range part.GetEdges() {
			g.Edges = append(g.Edges, graphEdge(e))
		}
		for _, b := range part.GetBalances() {
			g.Balances = append(g.Balances, graphBalance(b))
		}
	}
	if summary == nil || int(summary.GetNodes()) != len(g.Nodes) || int(summary.GetEdges()) != len(g.Edges) {
		return g, ErrTraceIncomplete
	}
	g.Root, g.At, g.AsOf.Height = summary.GetRoot(), millisOf(summary.GetAt()), summary.GetLedgerHeight()
	hash, err := hex.DecodeString(summary.GetLastBlock())
	if err != nil || len(hash) != len(g.AsOf.Hash) {
		return g, fmt.Errorf("%w: the last block is %q", ErrTraceIncomplete, summary.GetLastBlock())
	}
	copy(g.AsOf.Hash[:], hash)
	g.Direction = trace.Down
	if summary.GetDirection() == waybillv1.TraceDirection_TRACE_DIRECTION_UP {
		g.Direction = trace.Up
	}
	g.Truncated = Truncations(summary.GetTruncated())
	return g, nil
}

// Truncations reads why an answer is not whole.
func Truncations(words []string) (all []trace.Truncation) {
	for _, w := range words {
		all = append(all, trace.Truncation(w))
	}
	return all
}

func millisOf(t *timestamppb.Timestamp) *ledger.Millis {
	if t == nil {
		return nil
	}
	m := ledger.MillisOf(t.AsTime())
	return &m
}

func graphEvidence(e *waybillv1.TraceEvidence) *trace.Evidence {
	if e == nil {
		return nil
	}
	var out trace.Evidence
	if b, err := hex.DecodeString(e.GetEventHash()); err == nil && len(b) == len(out.Hash) {
		copy(out.Hash[:], b)
	}
	if at := millisOf(e.GetEventTime()); at != nil {
		out.At = *at
	}
	return &out
}

func graphNode(n *waybillv1.TraceNode) trace.Node {
	out := trace.Node{ID: n.GetId(), Depth: int(n.GetDepth()), Container: n.GetContainer(), Custody: GraphCustody(n.GetCustody())}
	switch n.GetKind() {
	case waybillv1.TraceNodeKind_TRACE_NODE_KIND_LOT:
		out.Kind = trace.KindLot
	case waybillv1.TraceNodeKind_TRACE_NODE_KIND_CLASS:
		out.Kind = trace.KindClass
	case waybillv1.TraceNodeKind_TRACE_NODE_KIND_TRANSFORMATION:
		out.Kind = trace.KindTransformation
	case waybillv1.TraceNodeKind_TRACE_NODE_KIND_ITEM, waybillv1.TraceNodeKind_TRACE_NODE_KIND_UNSPECIFIED:
		out.Kind = trace.KindItem
	}
	switch n.GetDegree() {
	case waybillv1.RecallDegree_RECALL_DEGREE_SUBJECT:
		out.Degree = trace.Subject
	case waybillv1.RecallDegree_RECALL_DEGREE_CONTAINS:
		out.Degree = trace.Contains
	case waybillv1.RecallDegree_RECALL_DEGREE_TOUCHED:
		out.Degree = trace.Touched
	case waybillv1.RecallDegree_RECALL_DEGREE_UNSPECIFIED:
	}
	return out
}

// GraphCustody reads who holds a thing; nil for nil.
func GraphCustody(c *waybillv1.Custody) *trace.Custody {
	if c == nil {
		return nil
	}
	out := &trace.Custody{
		Custodian: c.GetCustodian(), Held: graphEvidence(c.GetHeld()), Since: graphEvidence(c.GetSince()),
		Place: c.GetPlace(), Seen: graphEvidence(c.GetSeen()), Party: c.GetParty(),
	}
	for _, code := range c.GetDisputed() {
		out.Disputed = append(out.Disputed, ledger.FindingCode(code))
	}
	switch c.GetStatus() {
	case waybillv1.CustodyStatus_CUSTODY_STATUS_HELD:
		out.Status = trace.StatusHeld
	case waybillv1.CustodyStatus_CUSTODY_STATUS_SHIPPED:
		out.Status = trace.StatusShipped
	case waybillv1.CustodyStatus_CUSTODY_STATUS_SOLD:
		out.Status = trace.StatusSold
	case waybillv1.CustodyStatus_CUSTODY_STATUS_ENDED:
		out.Status = trace.StatusEnded
	case waybillv1.CustodyStatus_CUSTODY_STATUS_UNSPECIFIED:
	}
	return out
}

func graphEdge(e *waybillv1.TraceEdge) trace.Edge {
	out := trace.Edge{From: e.GetFrom(), To: e.GetTo(), End: graphEvidence(e.GetEnd()), Quantity: epcis.Number(e.GetQuantity()), UOM: e.GetUom()}
	if begin := graphEvidence(e.GetBegin()); begin != nil {
		out.Begin = *begin
	}
	switch e.GetKind() {
	case waybillv1.TraceEdgeKind_TRACE_EDGE_KIND_AGGREGATED, waybillv1.TraceEdgeKind_TRACE_EDGE_KIND_UNSPECIFIED:
		out.Kind = trace.Aggregated
	case waybillv1.TraceEdgeKind_TRACE_EDGE_KIND_ASSOCIATED:
		out.Kind = trace.Associated
	case waybillv1.TraceEdgeKind_TRACE_EDGE_KIND_CONSUMED:
		out.Kind = trace.Consumed
	case waybillv1.TraceEdgeKind_TRACE_EDGE_KIND_PRODUCED:
		out.Kind = trace.Produced
	case waybillv1.TraceEdgeKind_TRACE_EDGE_KIND_OF_LOT:
		out.Kind = trace.OfLot
	}
	return out
}

func graphBalance(b *waybillv1.MassBalance) trace.Balance {
	out := trace.Balance{Transformation: b.GetTransformation(), UnstatedInputs: int(b.GetUnstatedInputs()), UnstatedOutputs: int(b.GetUnstatedOutputs())}
	for _, a := range b.GetAmounts() {
		out.Amounts = append(out.Amounts, trace.Amount{Dimension: a.GetDimension(), UOM: a.GetUom(), Inputs: a.GetInputs(), Outputs: a.GetOutputs()})
	}
	return out
}
