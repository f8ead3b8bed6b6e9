package trace_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/api/trace"
	"github.com/waybill-dev/waybill/api/trace/tracetest"
)

// histories is how many random histories a property is tried on: WAYBILL_TRACE_HISTORIES, or few.
func histories(tb testing.TB) int {
	n, err := strconv.Atoi(cmp.Or(os.Getenv("WAYBILL_TRACE_HISTORIES"), "100"))
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

func TestAnswersEqualTheOracleOnRandomHistories(t *testing.T) {
	for seed := range histories(t) {
		r := rand.New(rand.NewPCG(uint64(seed), 1))
		records := tracetest.Random(t, r, 24)
		tracetest.Check(t, r, seed, records, func(recorded []tracetest.Record) trace.Source { return tracetest.NewMemory(recorded) })
		if t.Failed() {
			return
		}
	}
}

func TestMemoryIsOfTheEventsThatStand(t *testing.T) {
	records := tracetest.Random(t, rand.New(rand.NewPCG(1, 1)), 40)
	if n := len(tracetest.Standing(records)); n == 0 || n >= len(records) {
		t.Fatalf("%d of %d texts stand", n, len(records))
	}
	if !slices.IsSorted(tracetest.Canonical()) {
		t.Error("identifiers are not in order")
	}
}

// wide is a recall of a lot with n instances, a tenth of them sold.
func wide(n int) *trace.Graph {
	g := &trace.Graph{Root: "https://id.gs1.org/01/09521321000012/10/B%2F1", Direction: trace.Down, Truncated: []trace.Truncation{trace.TruncatedNodes}}
	g.Nodes = append(g.Nodes, trace.Node{ID: g.Root, Kind: trace.KindLot, Degree: trace.Subject})
	for i := range n {
		c := &trace.Custody{Custodian: "PharmacyMSP", Status: trace.StatusHeld}
		if i%10 == 0 {
			c.Status = trace.StatusSold
		}
		id := "https://id.gs1.org/01/09521321000012/21/" + strconv.Itoa(i)
		g.Nodes = append(g.Nodes, trace.Node{ID: id, Kind: trace.KindItem, Depth: 1, Degree: trace.Contains, Custody: c})
		g.Edges = append(g.Edges, trace.Edge{From: g.Root, To: id, Kind: trace.OfLot})
	}
	return g
}

func TestAPictureIsTheSameEachTimeAndWellFormed(t *testing.T) {
	graphs := []*trace.Graph{{Root: "x<&\"y"}, wide(1), wide(150), wide(10_000)}
	for seed := range 50 {
		r := rand.New(rand.NewPCG(uint64(seed), 9))
		src := tracetest.NewMemory(tracetest.Random(t, r, 30))
		for _, d := range []trace.Direction{trace.Up, trace.Down} {
			g, err := trace.Trace(t.Context(), src, trace.Question{ID: tracetest.Canonical()[r.IntN(8)], Direction: d})
			if err != nil {
				t.Fatal(err)
			}
			graphs = append(graphs, &g)
		}
	}
	for i, g := range graphs {
		var a, b bytes.Buffer
		if err := errors.Join(trace.WriteSVG(&a, g), trace.WriteSVG(&b, g)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(a.Bytes(), b.Bytes()) {
			t.Fatalf("graph %d is drawn in two ways", i)
		}
		boxes := 0
		for d := xml.NewDecoder(&a); ; {
			tok, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("graph %d: %v", i, err)
			}
			if s, ok := tok.(xml.StartElement); ok && s.Name.Local == "g" {
				boxes++
			}
		}
		if want := len(g.Nodes); want <= 200 && boxes != want || boxes > 200 {
			t.Errorf("graph %d of %d nodes has %d boxes", i, len(g.Nodes), boxes)
		}
	}
}

func TestAPictureSaysWhatItLeavesOut(t *testing.T) {
	var b strings.Builder
	if err := trace.WriteSVG(&b, wide(10_000)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"9000 × items", "1000 × items", "NOT WHOLE: cut by nodes", "Recall of GTIN 09521321000012 lot B/1", "10000 may contain it, 0 touched it, 1000 sold"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the picture does not say %q", want)
		}
	}
}

func TestAnswersKeepToTheirLimits(t *testing.T) {
	for seed := range 100 {
		r := rand.New(rand.NewPCG(uint64(seed), 5))
		records := tracetest.Random(t, r, 40)
		src := tracetest.NewMemory(records)
		id := tracetest.Canonical()[r.IntN(len(tracetest.Canonical()))]
		whole, err := trace.Recall(t.Context(), src, trace.Question{ID: id})
		if err != nil {
			t.Fatal(err)
		}
		cut, err := trace.Recall(t.Context(), src, trace.Question{ID: id, Limits: trace.Limits{Nodes: 4, Edges: 3}})
		if err != nil {
			t.Fatal(err)
		}
		if len(cut.Nodes) > 4 || len(cut.Edges) > 3 {
			t.Fatalf("seed %d: %d nodes and %d edges", seed, len(cut.Nodes), len(cut.Edges))
		}
		if (len(cut.Nodes) < len(whole.Nodes) || len(cut.Edges) < len(whole.Edges)) && len(cut.Truncated) == 0 {
			t.Fatalf("seed %d: %d of %d nodes, and nothing says so", seed, len(cut.Nodes), len(whole.Nodes))
		}
		few, err := trace.Recall(t.Context(), src, trace.Question{ID: id, Limits: trace.Limits{Events: 1}})
		if err != nil {
			t.Fatal(err)
		}
		if len(few.Nodes) < len(whole.Nodes) && !slices.Contains(few.Truncated, trace.TruncatedEvents) {
			t.Fatalf("seed %d: read too little and does not say so: %v", seed, few.Truncated)
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		if _, err := trace.Recall(ctx, src, trace.Question{ID: id}); !errors.Is(err, context.Canceled) {
			t.Fatalf("a question that nobody waits for gives %v", err)
		}
	}
}
