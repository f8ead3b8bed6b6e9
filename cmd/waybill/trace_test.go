package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/trace"
)

// cannedTraces answers that a lot was made of another, that its one serial is in a box and was sold.
type cannedTraces struct {
	waybillv1.UnimplementedTraceServiceServer
}

const (
	cannedLot   = "https://id.gs1.org/01/09521321000018/10/L-77"
	cannedThing = "https://id.gs1.org/01/09521321000018/21/1001"
	cannedBox   = "https://id.gs1.org/00/095213210000000018"
	cannedRaw   = "https://id.gs1.org/01/09521321000025/10/RAW"
	cannedRun   = "https://example.com/runs/1"
)

func cannedEvidence(minute int) *waybillv1.TraceEvidence {
	return &waybillv1.TraceEvidence{EventHash: fmt.Sprintf("%064x", minute), EventTime: at(minute)}
}

func cannedParts(direction waybillv1.TraceDirection, recall bool) []*waybillv1.TracePart {
	item, lot, run := waybillv1.TraceNodeKind_TRACE_NODE_KIND_ITEM, waybillv1.TraceNodeKind_TRACE_NODE_KIND_LOT, waybillv1.TraceNodeKind_TRACE_NODE_KIND_TRANSFORMATION
	nodes := []*waybillv1.TraceNode{{Id: cannedRaw, Kind: lot}, {Id: cannedRun, Kind: run, Depth: 1}, {Id: cannedLot, Kind: lot, Depth: 2}, {Id: cannedThing, Kind: item, Depth: 3}, {Id: cannedBox, Kind: item, Depth: 4}}
	root := cannedRaw
	if direction == waybillv1.TraceDirection_TRACE_DIRECTION_UP {
		nodes = []*waybillv1.TraceNode{{Id: cannedThing, Kind: item}, {Id: cannedLot, Kind: lot, Depth: 1}, {Id: cannedRun, Kind: run, Depth: 2}, {Id: cannedRaw, Kind: lot, Depth: 3}}
		root = cannedThing
	}
	edges := []*waybillv1.TraceEdge{
		{From: cannedRaw, To: cannedRun, Kind: waybillv1.TraceEdgeKind_TRACE_EDGE_KIND_CONSUMED, Begin: cannedEvidence(1), Quantity: "2", Uom: "KGM"},
		{From: cannedRun, To: cannedLot, Kind: waybillv1.TraceEdgeKind_TRACE_EDGE_KIND_PRODUCED, Begin: cannedEvidence(1), Quantity: "1.9", Uom: "KGM"},
		{From: cannedLot, To: cannedThing, Kind: waybillv1.TraceEdgeKind_TRACE_EDGE_KIND_OF_LOT, Begin: cannedEvidence(2)},
	}
	summary := &waybillv1.TraceSummary{Root: root, Direction: direction, LedgerHeight: 9, LastBlock: strings.Repeat("ab", 32), Nodes: uint32(len(nodes))}
	if root == cannedRaw {
		edges = append(edges, &waybillv1.TraceEdge{From: cannedThing, To: cannedBox, Kind: waybillv1.TraceEdgeKind_TRACE_EDGE_KIND_AGGREGATED, Begin: cannedEvidence(3), End: cannedEvidence(4)})
		summary.Truncated = []string{"depth"}
	}
	if recall {
		held := &waybillv1.Custody{Custodian: "PharmacyMSP", Status: waybillv1.CustodyStatus_CUSTODY_STATUS_HELD, Held: cannedEvidence(3), Since: cannedEvidence(3), Place: "https://id.gs1.org/414/9521321000018"}
		sold := &waybillv1.Custody{Custodian: "PharmacyMSP", Status: waybillv1.CustodyStatus_CUSTODY_STATUS_SOLD, Held: cannedEvidence(3), Since: cannedEvidence(5)}
		for i, n := range nodes {
			n.Degree, n.Custody = waybillv1.RecallDegree_RECALL_DEGREE_CONTAINS, &waybillv1.Custody{}
			switch {
			case i == 0:
				n.Degree = waybillv1.RecallDegree_RECALL_DEGREE_SUBJECT
			case n.GetKind() == run:
				n.Custody = nil
			case n.GetId() == cannedThing:
				n.Custody = sold
			case n.GetId() == cannedBox:
				n.Degree, n.Custody = waybillv1.RecallDegree_RECALL_DEGREE_TOUCHED, held
			}
		}
	}
	summary.Edges = uint32(len(edges))
	return []*waybillv1.TracePart{{Summary: summary}, {Nodes: nodes}, {Edges: edges, Balances: []*waybillv1.MassBalance{{
		Transformation: cannedRun, Amounts: []*waybillv1.MassAmount{{Dimension: "mass", Uom: "KGM", Inputs: 2, Outputs: 1.9}}, UnstatedInputs: 1,
	}}}}
}

func (cannedTraces) Trace(r *waybillv1.TraceRequest, s grpc.ServerStreamingServer[waybillv1.TraceResponse]) error {
	if r.GetId() == "urn:broken" {
		return s.Send(&waybillv1.TraceResponse{Part: cannedParts(r.GetDirection(), false)[0]})
	}
	for _, p := range cannedParts(r.GetDirection(), false) {
		if err := s.Send(&waybillv1.TraceResponse{Part: p}); err != nil {
			return err
		}
	}
	return nil
}

func (cannedTraces) Recall(r *waybillv1.RecallRequest, s grpc.ServerStreamingServer[waybillv1.RecallResponse]) error {
	if r.GetId() != cannedRaw {
		return status.Error(codes.NotFound, "WB_NOT_FOUND: no event names "+r.GetId())
	}
	for _, p := range cannedParts(waybillv1.TraceDirection_TRACE_DIRECTION_DOWN, true) {
		if err := s.Send(&waybillv1.RecallResponse{Part: p}); err != nil {
			return err
		}
	}
	return nil
}

func (cannedTraces) Locate(_ context.Context, r *waybillv1.LocateRequest) (*waybillv1.LocateResponse, error) {
	if r.GetAt().AsTime().Before(at(0).AsTime()) {
		return &waybillv1.LocateResponse{Id: cannedThing, At: r.GetAt()}, nil
	}
	return &waybillv1.LocateResponse{
		Id: cannedThing, At: r.GetAt(), Containers: []string{cannedBox, "https://id.gs1.org/00/095213210000000025"},
		Custody: &waybillv1.Custody{Custodian: "CarrierMSP", Held: cannedEvidence(3), Status: waybillv1.CustodyStatus_CUSTODY_STATUS_SHIPPED, Since: cannedEvidence(4), Party: "https://id.gs1.org/417/9521321000018"},
	}, nil
}

func tracesAPI(t *testing.T) *grpc.ClientConn {
	t.Helper()
	l := bufconn.Listen(1 << 20)
	s := grpc.NewServer()
	waybillv1.RegisterTraceServiceServer(s, cannedTraces{})
	go s.Serve(l)
	t.Cleanup(s.Stop)
	conn, err := grpc.NewClient("passthrough:///canned", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// The golden file is what a user sees of traces and recalls; -update writes it anew.
func TestTracesAndRecallsAreShownAsTheTranscriptSays(t *testing.T) {
	dir := t.TempDir()
	picture := filepath.Join(dir, "recall.svg")
	var b strings.Builder
	for _, args := range [][]string{
		{"trace", cannedThing, "--up"},
		{"trace", cannedRaw, "--down", "--depth", "4"},
		{"trace", cannedThing, "--up", "--json"},
		{"trace", cannedThing, "--where", "--at", "2026-03-01T07:04:00Z"},
		{"trace", cannedThing, "--where", "--at", "2020-03-01T07:04:00Z"},
		{"trace", "urn:broken", "--up"},
		{"trace", cannedThing},
		{"trace", cannedThing, "--up", "--down"},
		{"trace", cannedThing, "--up", "--at", "noon"},
		{"trace", cannedThing, "--up", "--depth", "0"},
		{"recall", "(01)09521321000025(10)RAW"},
		{"recall", "(01)09521321000025"},
		{"recall", "(01)09521321000026(10)RAW"},
		{"recall", cannedLot},
		{"recall", "https://id.gs1.org/01/09521321000026/10/RAW"},
		{"recall", cannedRaw, "--quiet", "--svg", "PICTURE"},
	} {
		fmt.Fprintf(&b, "$ waybill %s\n", strings.Join(args, " "))
		for i := range args {
			args[i] = strings.Replace(args[i], "PICTURE", picture, 1)
		}
		var stdout, stderr bytes.Buffer
		a := &app{dialed: tracesAPI(t)}
		code := a.run(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
		b.WriteString(stdout.String())
		for l := range strings.Lines(stderr.String()) {
			b.WriteString("! " + l)
		}
		fmt.Fprintf(&b, "[%d]\n\n", code)
	}
	if svg, err := os.ReadFile(picture); err != nil || !bytes.HasPrefix(svg, []byte("<svg ")) {
		t.Errorf("the picture is %.100s, %v", svg, err)
	}
	const golden = "testdata/trace.txt"
	if updating() {
		if err := os.WriteFile(golden, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil || b.String() != string(want) {
		t.Errorf("%s differs, %v (-update writes it anew); now:\n%s", golden, err, b.String())
	}
}

// What was made of itself, by a record that is wrong or by rework, has each line under what the line is about.
func TestACycleIsPrintedUnderTheNodesThatItsEdgesName(t *testing.T) {
	edge := func(from, to string, kind trace.EdgeKind) trace.Edge {
		return trace.Edge{From: from, To: to, Kind: kind}
	}
	node := func(id string, depth int, kind trace.Kind) trace.Node {
		return trace.Node{ID: id, Depth: depth, Kind: kind}
	}
	for name, c := range map[string]struct {
		g    trace.Graph
		want string
	}{
		"packed in each other, up": {trace.Graph{
			Root: "a", Direction: trace.Up, Nodes: []trace.Node{node("a", 0, trace.KindItem), node("b", 1, trace.KindItem)},
			Edges: []trace.Edge{edge("a", "b", trace.Aggregated), edge("b", "a", trace.Aggregated)},
		}, "a/  held b/    held a (see above)"},
		"made of itself, up": {trace.Graph{
			Root: "a", Direction: trace.Up, Nodes: []trace.Node{node("a", 0, trace.KindLot), node("t", 1, trace.KindTransformation)},
			Edges: []trace.Edge{edge("a", "t", trace.Consumed), edge("t", "a", trace.Produced)},
		}, "a/  made by transformation t/    from a (see above)"},
		"made of itself, down": {trace.Graph{
			Root: "a", Direction: trace.Down, Nodes: []trace.Node{node("a", 0, trace.KindLot), node("t", 1, trace.KindTransformation)},
			Edges: []trace.Edge{edge("a", "t", trace.Consumed), edge("t", "a", trace.Produced)},
		}, "a/  consumed by transformation t/    became a (see above)"},
		"contents, down": {trace.Graph{
			Root: "a", Direction: trace.Down, Nodes: []trace.Node{node("a", 0, trace.KindItem), node("b", 1, trace.KindItem)},
			Edges: []trace.Edge{edge("b", "a", trace.Aggregated)},
		}, "a/  held b"},
	} {
		var b strings.Builder
		if err := printTrace(&b, &c.g); err != nil {
			t.Fatal(err)
		}
		var lines []string
		for line := range strings.Lines(b.String()) {
			head, rest, _ := strings.Cut(strings.TrimRight(line, "\n"), "  1970-01-01T00:00:00Z")
			if strings.HasSuffix(rest, "(see above)") {
				head += " (see above)"
			}
			lines = append(lines, head)
		}
		lines[0] = "a"
		if got := strings.Join(lines, "/"); got != c.want {
			t.Errorf("%s: %s, not %s", name, got, c.want)
		}
	}
}
