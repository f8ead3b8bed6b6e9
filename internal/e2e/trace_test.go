package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/waybill-dev/waybill/api/client"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/trace"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/profile"
)

// genealogy is a small history of two companies: a raw lot becomes another, two units of which are packed
// with a stranger, shipped, received, and one of them unpacked and sold. That one of them was ever in
// another case is declared in error.
type genealogy struct {
	raw, mix, run, unit1, unit2, stranger, pallet, other string
	begin                                                time.Time
}

func newGenealogy() genealogy {
	return genealogy{
		raw: "https://id.gs1.org/01/09504200000026/10/RAW", mix: "https://id.gs1.org/01/09504200000019/10/MIX", run: "https://example.com/runs/e2e",
		unit1: "https://id.gs1.org/01/09504200000019/21/1", unit2: "https://id.gs1.org/01/09504200000019/21/2", stranger: "https://id.gs1.org/01/09504200000019/21/9",
		pallet: "https://id.gs1.org/00/095042000000000019", other: "https://id.gs1.org/00/095042000000000026",
		begin: time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC),
	}
}

func (g genealogy) at(hours float64) time.Time {
	return g.begin.Add(time.Duration(hours * float64(time.Hour)))
}

// event writes an event at an hour.
func (g genealogy) event(kind string, hours float64, members string) string {
	return fmt.Sprintf(`{"type":"%sEvent","eventTime":%q,"eventTimeZoneOffset":"+00:00",%s}`, kind, g.at(hours).Format(time.RFC3339), members)
}

func (g genealogy) captured() (producer, carrier []string, wrong, declared string) {
	wrong = g.event("Aggregation", 3.5, fmt.Sprintf(`"action":"ADD","bizStep":"packing","parentID":%q,"childEPCs":[%q]`, g.other, g.unit2))
	producer = []string{
		g.event("Object", 0, fmt.Sprintf(`"action":"ADD","bizStep":"commissioning","quantityList":[{"epcClass":%q,"quantity":100,"uom":"KGM"}]`, g.raw)),
		g.event("Transformation", 1, fmt.Sprintf(`"transformationID":%q,"inputQuantityList":[{"epcClass":%q,"quantity":60,"uom":"KGM"}],"outputQuantityList":[{"epcClass":%q,"quantity":59,"uom":"KGM"}]`, g.run, g.raw, g.mix)),
		g.event("Object", 2, fmt.Sprintf(`"action":"ADD","bizStep":"commissioning","epcList":[%q,%q],"ilmd":{"cbvmda:lotNumber":"MIX"}`, g.unit1, g.unit2)),
		g.event("Object", 2, fmt.Sprintf(`"action":"ADD","bizStep":"commissioning","epcList":[%q],"ilmd":{"cbvmda:lotNumber":"CLEAN"}`, g.stranger)),
		wrong,
		g.event("Aggregation", 3, fmt.Sprintf(`"action":"ADD","bizStep":"packing","parentID":%q,"childEPCs":[%q,%q,%q]`, g.pallet, g.unit1, g.unit2, g.stranger)),
		g.event("Object", 4, fmt.Sprintf(`"action":"OBSERVE","bizStep":"shipping","epcList":[%q]`, g.pallet)),
	}
	carrier = []string{
		g.event("Object", 5, fmt.Sprintf(`"action":"OBSERVE","bizStep":"receiving","epcList":[%q]`, g.pallet)),
		g.event("Aggregation", 6, fmt.Sprintf(`"action":"DELETE","bizStep":"unpacking","parentID":%q,"childEPCs":[%q]`, g.pallet, g.unit1)),
		g.event("Object", 7, fmt.Sprintf(`"action":"OBSERVE","bizStep":"retail_selling","disposition":"retail_sold","epcList":[%q]`, g.unit1)),
	}
	return producer, carrier, wrong, wrong[:len(wrong)-1] + `,"errorDeclaration":{"declarationTime":"2026-03-02T20:00:00Z","reason":"incorrect_data"}}`
}

// told lists a graph for comparison: each node with its degree, holder and status, and each edge.
func told(g *trace.Graph) (lines []string) {
	for _, n := range g.Nodes {
		line := strings.TrimSpace(fmt.Sprint(n.ID, " ", n.Degree))
		if n.Custody != nil {
			line += fmt.Sprintf(" %s %s in %q", n.Custody.Custodian, n.Custody.Status, n.Container)
		}
		lines = append(lines, line)
	}
	for _, e := range g.Edges {
		lines = append(lines, fmt.Sprintf("%s %s %s until %t", e.From, e.Kind, e.To, e.End != nil))
	}
	slices.Sort(lines)
	return lines
}

// asked is a question of genealogy in the words of each of the three ways to ask it, with what is expected.
type asked struct {
	name    string
	command []string
	query   url.Values
	call    func(ctx context.Context, api waybillv1.TraceServiceClient) (func() (*waybillv1.TracePart, error), error)
	want    []string
}

func (g genealogy) questions() []asked {
	stayed := func(what string, ended bool) string {
		return fmt.Sprintf("%s aggregated %s until %t", what, g.pallet, ended)
	}
	made := []string{
		g.raw + " consumed " + g.run + " until false", g.run + " produced " + g.mix + " until false", g.mix + " of_lot " + g.unit1 + " until false",
	}
	down := append(slices.Clone(made), g.mix+" of_lot "+g.unit2+" until false")
	traced := func(id string, direction waybillv1.TraceDirection, at *timestamppb.Timestamp) func(context.Context, waybillv1.TraceServiceClient) (func() (*waybillv1.TracePart, error), error) {
		return func(ctx context.Context, api waybillv1.TraceServiceClient) (func() (*waybillv1.TracePart, error), error) {
			s, err := api.Trace(ctx, &waybillv1.TraceRequest{Id: id, Direction: direction, At: at})
			return func() (*waybillv1.TracePart, error) { m, err := s.Recv(); return m.GetPart(), err }, err
		}
	}
	early := g.at(2.5).Format(time.RFC3339)
	return []asked{
		{
			"up",
			[]string{"trace", g.unit1, "--up"},
			url.Values{"id": {g.unit1}, "direction": {"up"}},
			traced(g.unit1, waybillv1.TraceDirection_TRACE_DIRECTION_UP, nil),
			append(slices.Clone(made), g.unit1, g.mix, g.run, g.raw),
		},
		{
			"down",
			[]string{"trace", g.raw, "--down"},
			url.Values{"id": {g.raw}, "direction": {"down"}},
			traced(g.raw, waybillv1.TraceDirection_TRACE_DIRECTION_DOWN, nil),
			append(slices.Clone(down), g.raw, g.run, g.mix, g.unit1, g.unit2, g.pallet, stayed(g.unit1, true), stayed(g.unit2, false)),
		},
		{
			"down at a time",
			[]string{"trace", g.raw, "--down", "--at", early},
			url.Values{"id": {g.raw}, "direction": {"down"}, "at": {early}},
			traced(g.raw, waybillv1.TraceDirection_TRACE_DIRECTION_DOWN, timestamppb.New(g.at(2.5))),
			append(slices.Clone(down), g.raw, g.run, g.mix, g.unit1, g.unit2),
		},
		{
			"recall",
			[]string{"recall", g.raw},
			url.Values{"id": {g.raw}},
			func(ctx context.Context, api waybillv1.TraceServiceClient) (func() (*waybillv1.TracePart, error), error) {
				s, err := api.Recall(ctx, &waybillv1.RecallRequest{Id: g.raw})
				return func() (*waybillv1.TracePart, error) { m, err := s.Recv(); return m.GetPart(), err }, err
			},
			append(slices.Clone(down), stayed(g.unit1, true), stayed(g.unit2, false), stayed(g.stranger, false),
				g.raw+` subject ProducerMSP ended in ""`, g.run+" contains", g.mix+` contains ProducerMSP held in ""`,
				g.unit1+` contains CarrierMSP sold in ""`, fmt.Sprintf("%s contains CarrierMSP held in %q", g.unit2, g.pallet),
				g.pallet+` contains CarrierMSP held in ""`, fmt.Sprintf("%s touched CarrierMSP held in %q", g.stranger, g.pallet)),
		},
	}
}

// TestEndToEndTraceAndRecall captures a genealogy through two organisations' APIs and asks for it in every
// way there is; what the answer rests on is then proven to somebody who has root certificates alone.
func TestEndToEndTraceAndRecall(t *testing.T) {
	ctx, l := endToEnd(t, 3*time.Minute)
	const often = "--anchor-every=250ms"
	l.serve(ctx, t, "producer", often)
	l.serve(ctx, t, "carrier", often)
	g := newGenealogy()
	producer, carrier, wrong, declared := g.captured()
	l.must(ctx, t, "capture", "--org", "producer", writeFile(t, "producer.jsonld", document(producer...)))
	l.must(ctx, t, "capture", "--org", "carrier", writeFile(t, "carrier.jsonld", document(carrier...)))
	// The carrier may not declare the producer's event in error; in the same words the producer may.
	declaration := writeFile(t, "declared.jsonld", document(declared))
	for _, org := range []string{"carrier", "producer"} {
		if out := l.must(ctx, t, "capture", "--org", org, "--json", declaration); !strings.Contains(out, `"restatement":true`) || !strings.Contains(out, `"block":`) {
			t.Errorf("%s declares: %s", org, out)
		}
	}
	if out := l.must(ctx, t, "capture", "--org", "producer", "--json", declaration); strings.Contains(out, `"block":`) {
		t.Errorf("declared again: %s", out)
	}

	api := waybillv1.NewTraceServiceClient(l.dial(t, "producer", profile.IdentityDashboard))
	web := l.web(t, "producer", profile.IdentityDashboard)
	var recalled trace.Graph
	for _, q := range g.questions() {
		t.Run(q.name, func(t *testing.T) {
			slices.Sort(q.want)
			var graph trace.Graph
			until(ctx, t, "the answer", func() error { // the producer's read model follows the carrier's blocks
				next, err := q.call(ctx, api)
				if err == nil {
					graph, err = client.ReadGraph(next)
				}
				if err != nil {
					return err
				}
				if got := told(&graph); !slices.Equal(got, q.want) {
					return fmt.Errorf("\n%s\nis not\n%s", strings.Join(got, "\n"), strings.Join(q.want, "\n"))
				}
				return nil
			})
			if len(graph.Truncated) > 0 {
				t.Errorf("cut by %v", graph.Truncated)
			}
			path := "/waybill/v1/" + q.command[0] + "?"
			var overREST trace.GraphJSON
			r := web.do(ctx, http.StatusOK, http.MethodGet, path+q.query.Encode(), "")
			if err := json.Unmarshal(r.body, &overREST); err != nil {
				t.Fatal(err)
			}
			overREST.LedgerHeight, overREST.LastBlock, graph.AsOf = 0, "", trace.AsOf{}
			overGRPC := graph.JSON()
			overGRPC.LastBlock = ""
			one, err := json.Marshal(overREST)
			two, err2 := json.Marshal(overGRPC)
			if err := errors.Join(err, err2); err != nil || !bytes.Equal(one, two) {
				t.Errorf("REST and gRPC differ, %v:\n%s\n%s", err, one, two)
			}
			var command struct {
				Nodes []struct{ ID, Degree string }
				Edges []struct{ From, To, Kind string }
			}
			if err := json.Unmarshal([]byte(l.must(ctx, t, append(q.command, "--org", "producer", "--json")...)), &command); err != nil {
				t.Fatal(err)
			}
			if len(command.Nodes) != len(graph.Nodes) || len(command.Edges) != len(graph.Edges) {
				t.Errorf("the command gives %d nodes and %d edges, not %d and %d", len(command.Nodes), len(command.Edges), len(graph.Nodes), len(graph.Edges))
			}
			for i, n := range command.Nodes {
				if n.ID != graph.Nodes[i].ID || n.Degree != string(graph.Nodes[i].Degree) {
					t.Errorf("the command's node %d is %+v, not %+v", i, n, graph.Nodes[i])
				}
			}
			picture := filepath.Join(t.TempDir(), "answer.svg")
			l.must(ctx, t, append(q.command, "--org", "producer", "--svg", picture)...)
			drawn, err := os.ReadFile(picture)
			q.query.Set("format", "svg")
			same := web.do(ctx, http.StatusOK, http.MethodGet, path+q.query.Encode(), "")
			for _, svg := range [][]byte{drawn, same.body} {
				if err != nil || !bytes.HasPrefix(svg, []byte("<svg ")) || strings.Contains(string(svg), "NOT WHOLE") {
					t.Errorf("%v %.200s", err, svg)
				}
			}
			recalled = graph // the last is the recall
		})
	}
	if t.Failed() {
		return
	}
	spaced := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	out := spaced(l.must(ctx, t, "recall", g.raw, "--org", "producer"))
	if !strings.Contains(out, "CarrierMSP 3, ProducerMSP 1") || !strings.Contains(out, "already sold 1 ended 1 held by") {
		t.Errorf("%s", out)
	}
	cut := l.run(ctx, t, "recall", g.raw, "--org", "producer", "--nodes", "3", "--json")
	if cut.code != 1 || cut.stableCode(t) != "WB_TRACE_INCOMPLETE" || !strings.Contains(cut.stdout, `"truncated":["nodes"]`) {
		t.Errorf("exit %d\n%s%s", cut.code, cut.stdout, cut.stderr)
	}
	if cut = l.run(ctx, t, "recall", g.raw, "--org", "producer", "--nodes", "3"); cut.code != 1 || !strings.Contains(cut.stdout, "NO: cut by nodes") || !strings.Contains(spaced(cut.stdout), "held by ProducerMSP 1") {
		t.Errorf("exit %d\n%s%s", cut.code, cut.stdout, cut.stderr)
	}
	where := l.must(ctx, t, "trace", g.unit1, "--where", "--at", g.at(5.5).Format(time.RFC3339), "--org", "producer")
	if !strings.Contains(where, g.pallet) || !strings.Contains(where, "CarrierMSP") {
		t.Errorf("%s", where)
	}

	// What the recall rests on, proven offline.
	var evidence []string
	add := func(e *trace.Evidence) {
		if e != nil && !slices.Contains(evidence, e.Hash.String()) {
			evidence = append(evidence, e.Hash.String())
		}
	}
	for _, e := range recalled.Edges {
		add(&e.Begin)
		add(e.End)
	}
	for _, n := range recalled.Nodes {
		if n.Custody != nil {
			add(n.Custody.Held)
			add(n.Custody.Since)
		}
	}
	outside := t.TempDir()
	file, roots := filepath.Join(outside, "recall.wbproof"), filepath.Join(outside, "roots")
	l.must(ctx, t, append([]string{"prove", "event", "-o", file, "--org", "producer"}, evidence...)...)
	l.must(ctx, t, "roots", "export", roots)
	offline := &lab{dir: filepath.Join(outside, "nothing"), waybill: l.waybill}
	r := offline.run(ctx, t, "verify", file, "--roots", roots)
	if r.code != 0 || strings.Count(r.stdout, "PROVEN: event ") != len(evidence) || len(evidence) < 6 {
		t.Fatalf("exit %d for %d events\n%s%s", r.code, len(evidence), r.stdout, r.stderr)
	}
	for _, hash := range evidence {
		if !strings.Contains(r.stdout, "PROVEN: event "+hash) {
			t.Errorf("event %s is not proven", hash)
		}
	}
	// The declaration is proven as the one who may make it made it.
	said := filepath.Join(outside, "declared.wbproof")
	l.must(ctx, t, "prove", "restatement", eventHash(t, wrong), "-o", said, "--org", "producer")
	if r = offline.run(ctx, t, "verify", said, "--roots", roots); r.code != 0 || strings.Count(r.stdout, "PROVEN: ") != 1 ||
		!strings.Contains(r.stdout, "was recorded by ProducerMSP") || !strings.Contains(r.stdout, "it declares the event in error") {
		t.Errorf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if r = offline.run(ctx, t, "verify", said, "--roots", roots, "--body"); strings.TrimSpace(r.stdout) != declared {
		t.Errorf("the proven text is %s, not %s", r.stdout, declared)
	}
	// Under each other's names the same certificates verify nothing.
	one, two, aside := filepath.Join(roots, "ProducerMSP.pem"), filepath.Join(roots, "CarrierMSP.pem"), filepath.Join(roots, "aside")
	if err := errors.Join(os.Rename(one, aside), os.Rename(two, one), os.Rename(aside, two)); err != nil {
		t.Fatal(err)
	}
	if r = offline.run(ctx, t, "verify", file, "--roots", roots); r.code != 1 || !strings.Contains(r.stderr, "WB_PROOF_SIGNER") || !strings.Contains(r.stderr, "mistaken for each other") {
		t.Errorf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// TestEndToEndATamperedBlockNamesItsPeer changes a byte of a block on one peer's disk: the read model is
// checked by another's blocks, and the peer is named.
func TestEndToEndATamperedBlockNamesItsPeer(t *testing.T) {
	ctx, l := endToEnd(t, 3*time.Minute)
	server := l.serve(ctx, t, "producer")
	l.observe(ctx, t, "producer", 31)
	if code := server.end(ctx, t); code != 0 {
		t.Fatalf("exit %d", code)
	}
	peer := l.profile(t, "producer").GatewayPeers[0].Name
	var path string
	err := filepath.WalkDir(filepath.Join(l.dir, "network"), func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "blockfile_000000" && strings.Contains(p, string(filepath.Separator)+peer+string(filepath.Separator)) {
			path = p
		}
		return err
	})
	if err != nil || path == "" {
		t.Fatalf("no blocks of %s: %v", peer, err)
	}
	stored, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndex(stored, []byte("RecordEvents"))
	if at < 0 {
		t.Fatal("no event on the peer's disk")
	}
	// A running peer has its last blocks in memory.
	write := func(ctx context.Context, b byte) {
		t.Helper()
		if err := l.net.StopProcess(ctx, peer); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteAt([]byte{b}, int64(at))
			err = errors.Join(err, f.Close(), l.net.StartProcess(ctx, peer))
		}
		if err != nil {
			t.Fatal(err)
		}
		if err = l.net.Ready(ctx); err != nil {
			t.Fatal(err)
		}
	}
	write(ctx, stored[at]^1)
	t.Cleanup(func() {
		mending, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		write(mending, stored[at])
	})
	r := l.run(ctx, t, "store", "check", "--org", "producer")
	if r.code != 1 || strings.Count(r.stdout, "tampered block ") != 1 || !strings.Contains(r.stdout, " from "+peer+": ") ||
		!strings.Contains(r.stderr, "WB_BLOCK_TAMPERED") || !strings.Contains(r.stderr, peer) {
		t.Fatalf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	if !strings.Contains(r.stdout, "differences  0") {
		t.Errorf("the other peers' blocks do not give the read model:\n%s", r.stdout)
	}
	if r = l.run(ctx, t, "store", "check", "--org", "producer", "--json"); r.code != 1 || !strings.Contains(r.stdout, `"change":"tampered","peer":"`+peer+`"`) || r.stableCode(t) != "WB_BLOCK_TAMPERED" {
		t.Errorf("exit %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	write(ctx, stored[at])
	l.must(ctx, t, "store", "check", "--org", "producer")
}

func eventHash(t *testing.T, event string) string {
	t.Helper()
	e, err := epcis.ParseEvent(nil, []byte(event))
	if err != nil {
		t.Fatal(err)
	}
	return e.Hash().String()
}
