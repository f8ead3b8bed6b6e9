package demo

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/analytics/simulate"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/api/proof/prooftest"
	"github.com/waybill-dev/waybill/api/trace"
	"github.com/waybill-dev/waybill/api/trace/tracetest"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

func msps() map[string]string {
	return map[string]string{simulate.Producer: "ProducerMSP", simulate.Carrier: "CarrierMSP", simulate.Retailer: "RetailerMSP"}
}

var day = time.Date(2026, 3, 14, 15, 0, 0, 0, time.UTC)

func mustStory(t testing.TB, seed uint64) *simulate.Recall {
	t.Helper()
	story, err := simulate.NewRecall(simulate.Config{Seed: seed, Now: day})
	if err != nil {
		t.Fatal(err)
	}
	return story
}

// answer is what the trace package says of the story's events, recorded in any order.
func answer(t testing.TB, story *simulate.Recall, shuffle uint64) trace.Graph {
	t.Helper()
	var records []tracetest.Record
	for _, a := range story.Actions {
		records = append(records, tracetest.New(t, msps()[a.Org], a.Event.Body))
	}
	records = tracetest.Shuffled(rand.New(rand.NewPCG(shuffle, 1)), records)
	g, err := trace.Recall(t.Context(), tracetest.NewMemory(records), trace.Question{ID: story.Lot, Limits: trace.Limits{Nodes: trace.MaxNodes}})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestARecallNamesExactlyWhatTheStorySays(t *testing.T) {
	for seed := range uint64(50) {
		story := mustStory(t, seed)
		if wrong := differences(story, answer(t, story, seed), msps()); len(wrong) > 0 {
			t.Fatalf("seed %d:\n%s", seed, strings.Join(wrong, "\n"))
		}
	}
}

func TestDifferencesFromTheStoryAreNamed(t *testing.T) {
	story := mustStory(t, 1)
	held := slices.IndexFunc(story.Reached, func(r simulate.Reached) bool { return r.Status == simulate.StatusHeld })
	for name, c := range map[string]struct {
		change func(s *simulate.Recall, g *trace.Graph)
		says   string
	}{
		"a thing that it misses":         {func(_ *simulate.Recall, g *trace.Graph) { g.Nodes = g.Nodes[:len(g.Nodes)-1] }, "does not name"},
		"a thing that it adds":           {func(s *simulate.Recall, _ *trace.Graph) { s.Reached = s.Reached[:len(s.Reached)-1] }, "never reached"},
		"another lot":                    {func(_ *simulate.Recall, g *trace.Graph) { g.Root = "x" }, "it is of x"},
		"an answer that is not whole":    {func(_ *simulate.Recall, g *trace.Graph) { g.Truncated = []trace.Truncation{trace.TruncatedNodes} }, "cut by nodes"},
		"another holder":                 {func(s *simulate.Recall, _ *trace.Graph) { s.Reached[held].Holder = "" }, "it says"},
		"a thing that is sold, not so":   {func(s *simulate.Recall, _ *trace.Graph) { s.Reached[held].Status = simulate.StatusSold }, "it says"},
		"a thing that is somewhere else": {func(s *simulate.Recall, _ *trace.Graph) { s.Reached[held].Place = "x" }, "it says"},
		"another degree":                 {func(s *simulate.Recall, _ *trace.Graph) { s.Reached[held].Degree = "x" }, "it says"},
	} {
		t.Run(name, func(t *testing.T) {
			s, g := *story, answer(t, story, 1)
			s.Reached = slices.Clone(story.Reached)
			c.change(&s, &g)
			if wrong := differences(&s, g, msps()); len(wrong) != 1 || !strings.Contains(wrong[0], c.says) {
				t.Fatalf("got %q", wrong)
			}
		})
	}
}

func TestTheRecallIsToldByHolder(t *testing.T) {
	story := mustStory(t, 1)
	r := RecallReport{Organisation: recaller, Lot: story.Lot, Name: story.Name, Inspection: story.Inspection.String()}
	r.tell(story, answer(t, story, 1), msps())
	items, sold := 0, 0
	for _, want := range story.Reached {
		if !want.Transformation && !strings.Contains(want.ID, "/10/") {
			items++
		}
		if want.Status == simulate.StatusSold {
			sold++
		}
	}
	told := 0
	for _, h := range r.Holders {
		told += h.Held + h.Shipped + h.Sold + h.Ended
	}
	if told != items || r.Contains+r.Touched != items || r.Sold != sold || r.Transformations != 4 || r.Lots != 3 || len(r.Holders) != 3 {
		t.Errorf("%d items and %d sold are told as %+v", items, sold, r)
	}
	var text bytes.Buffer
	if err := r.writeText(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"raw spinach, lot (01)0952000", "shop, Lille", "cross-dock, Rungis", "packing house, Orléans", "exactly what was planted"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in\n%s", want, text.String())
		}
	}
}

func TestFindingsThatWereNotPlantedAreFaults(t *testing.T) {
	planted := []simulate.Planted{{Code: ledger.FindingPackedTwice, Item: "a", Event: ledger.Digest{1}, Story: "s"}, {Code: ledger.FindingNotReceived, Item: "b", Event: ledger.Digest{2}, Story: "s"}}
	found := []*waybillv1.Finding{
		{Code: string(ledger.FindingPackedTwice), Item: "a", EventHash: ledger.Digest{1}.String(), Block: 7, Severity: waybillv1.Severity_SEVERITY_WARNING},
		{Code: string(ledger.FindingNotReceived), Item: "c", EventHash: ledger.Digest{2}.String()},
	}
	rows := judgeFindings(planted, found)
	if len(rows) != 3 || !rows[0].OK || rows[0].Block != 7 || rows[0].Severity != "warning" || rows[1].OK || rows[2].OK || rows[2].Story != "" {
		t.Errorf("got %+v", rows)
	}
	if (&Report{Findings: rows}).FindingsOK() || (&Report{}).FindingsOK() || !(&Report{Findings: rows[:1]}).FindingsOK() {
		t.Error("findings that are not those planted are taken")
	}
}

// signedProof makes a proof of the story's inspection and its neighbours as two of three organisations would sign it.
func signedProof(t testing.TB, story *simulate.Recall) (file []byte, roots string) {
	t.Helper()
	p := proof.Proof{Kind: proof.Inclusion}
	tiles := map[proof.TileID][]byte{}
	read := func(id proof.TileID) ([]byte, error) { return tiles[id], nil }
	log, err := proof.OpenLog(0, read)
	if err != nil {
		t.Fatal(err)
	}
	var indices []uint64
	for i, a := range story.Actions {
		r := tracetest.New(t, msps()[a.Org], a.Event.Body)
		leaf := proof.Leaf{Key: wire.EventKey(r.Hash), Digest: proof.EventDigest(nil, r.Body), Block: 3, Index: uint32(i), TxID: "tx", MSPID: r.MSPID, At: ledger.MillisOf(day)}
		if err := log.Append(leaf.Hash()); err != nil {
			t.Fatal(err)
		}
		indices = append(indices, uint64(i))
		p.Leaves = append(p.Leaves, proof.Proven{Index: uint64(i), Leaf: leaf.Bytes(), Content: &proof.Content{Body: r.Body}})
	}
	top, err := log.Root()
	if err != nil {
		t.Fatal(err)
	}
	for _, tile := range log.Changed() {
		tiles[tile.TileID] = tile.Hashes
	}
	hashes, err := (&proof.Tree{Size: log.Size(), Read: read}).Inclusion(indices)
	if err != nil {
		t.Fatal(err)
	}
	p.Hashes = proof.Join(hashes)
	root := ledger.Root{Channel: "waybill", Height: 9, Size: log.Size(), Hash: ledger.Digest(top), Genesis: ledger.Digest{1}, Block: ledger.Digest{2}}
	signed := proof.SignedRoot{Root: root}
	roots = t.TempDir()
	for i, name := range []string{"CarrierMSP", "ProducerMSP", "RetailerMSP"} {
		a := prooftest.NewAuthority(t, name, day)
		if err := os.WriteFile(filepath.Join(roots, name+".pem"), a.PEM, 0o600); err != nil {
			t.Fatal(err)
		}
		if i < 2 {
			signed.Signatures = append(signed.Signatures, a.Issue(t, "service", "anchor", day).Sign(t, root, ledger.MillisOf(day)))
		}
	}
	p.Roots = []proof.SignedRoot{signed}
	if file, err = p.Encode(); err != nil {
		t.Fatal(err)
	}
	return file, roots
}

func TestAForgedProofIsWellFormedAndRefused(t *testing.T) {
	story := mustStory(t, 3)
	file, roots := signedProof(t, story)
	folder := t.TempDir()
	verify := func(name string, data []byte) (proof.Verified, error) {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return verifyOffline(path, roots)
	}
	v, err := verify(proofFile, file)
	if err != nil {
		t.Fatal(err)
	}
	events, err := eventsOf(story)
	if err != nil {
		t.Fatal(err)
	}
	if n := unproven(events, v); n != 0 {
		t.Errorf("%d of %d events are not proven", n, len(events))
	}
	if n := unproven(append(events, ledger.Digest{9}), v); n != 1 {
		t.Errorf("an event that is not in the proof counts as proven")
	}
	forged, err := forge(file, story.Inspection)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := proof.Decode(forged); err != nil {
		t.Errorf("the forgery is not well formed: %v", err)
	}
	if _, err := verify(forgedFile, forged); !errors.Is(err, proof.ErrContent) {
		t.Errorf("the forgery: %v", err)
	}
	if _, err := forge(file, ledger.Digest{9}); !errors.Is(err, ErrProtocol) {
		t.Errorf("a forgery of an event that is not there: %v", err)
	}
}

func TestADemoIsWellOnlyIfAllOfItIs(t *testing.T) {
	well := func() *Report {
		return &Report{
			Shipments: []Row{{Fault: string(simulate.FaultNone), Level: "clear", OK: true}}, OnChain: OnChain{Verdicts: 1}, States: States{Equal: true},
			Findings: []FindingRow{{OK: true}}, Recall: RecallReport{OK: true}, Scoring: ScoringReport{OK: true},
		}
	}
	for name, change := range map[string]func(r *Report){
		"a shipment judged wrongly": func(r *Report) { r.Shipments[0].OK = false },
		"no shipment":               func(r *Report) { r.Shipments = nil },
		"a verdict missing":         func(r *Report) { r.OnChain.Missing = 1 },
		"states that differ":        func(r *Report) { r.States.Equal = false },
		"a finding missing":         func(r *Report) { r.Findings[0].OK = false },
		"a recall that differs":     func(r *Report) { r.Recall.OK = false },
		"a lie that stands":         func(r *Report) { r.Scoring.OK = false },
	} {
		r := well()
		if r.settle(); !r.OK {
			t.Fatalf("not well: %+v", r)
		}
		change(r)
		if r.settle(); r.OK {
			t.Errorf("%s: well", name)
		}
	}
}

func TestALotIsWrittenAsOnGoods(t *testing.T) {
	for canonical, want := range map[string]string{
		"https://id.gs1.org/01/09520001005015/10/B77":   "(01)09520001005015(10)B77",
		"https://id.gs1.org/01/09520001005015/10/a%2Fb": "https://id.gs1.org/01/09520001005015/10/a%2Fb",
		"https://id.gs1.org/01/09520001005015":          "https://id.gs1.org/01/09520001005015",
		"https://id.gs1.org/00/395200014694874224":      "https://id.gs1.org/00/395200014694874224",
	} {
		if got := printedLot(canonical); got != want {
			t.Errorf("%s is written %s", canonical, got)
		}
	}
}
