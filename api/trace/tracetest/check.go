package tracetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/api/trace"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Check asks a source made of the records in shuffled orders of recording, and the oracle, the same
// questions, and wants the same answers.
func Check(t *testing.T, r *rand.Rand, seed int, records []Record, source func(recorded []Record) trace.Source) {
	t.Helper()
	ids := Canonical()
	src := source(Shuffled(r, records))
	for range 4 {
		var at *ledger.Millis
		if r.IntN(2) == 0 {
			at = Millis(r.IntN(19))
		}
		oracle := NewOracle(records, at)
		depth := trace.DefaultDepth
		if r.IntN(3) == 0 {
			depth = 1 + r.IntN(4)
		}
		id := ids[r.IntN(len(ids))]
		q := trace.Question{ID: id, Direction: trace.Down, At: at, Limits: trace.Limits{Depth: depth}}
		name := fmt.Sprintf("seed %d: %s depth %d at %v", seed, id, depth, at)
		down, err := trace.Trace(t.Context(), src, q)
		compare(t, name+" down", Of(down, false), err, oracle.Trace(id, false, at != nil, depth))
		q.Direction = trace.Up
		up, err := trace.Trace(t.Context(), src, q)
		compare(t, name+" up", Of(up, false), err, oracle.Trace(id, true, at != nil, depth))
		compareBalances(t, name, oracle, up)
		recalled, err := trace.Recall(t.Context(), src, q)
		compare(t, name+" recall", Of(recalled, true), err, oracle.Recall(id, depth))
		where, err := trace.Locate(context.WithoutCancel(t.Context()), src, q)
		compare(t, name+" where", Lines{custodyLine(where.Custody, where.Container)}, err, Lines{oracle.Where(id)})
		if t.Failed() {
			for _, rec := range records {
				t.Logf("%s %s %s", rec.Hash, rec.MSPID, rec.Body)
			}
			return
		}
	}
}

func compare(t *testing.T, name string, got Lines, err error, want Lines) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if slices.Equal(got, want) {
		return
	}
	var b strings.Builder
	for _, l := range got {
		if !slices.Contains(want, l) {
			b.WriteString("\n  too much: " + l)
		}
	}
	for _, l := range want {
		if !slices.Contains(got, l) {
			b.WriteString("\n  missing:  " + l)
		}
	}
	t.Errorf("%s:%s", name, b.String())
}

func hashOf(e *trace.Evidence) string {
	if e == nil {
		return "-"
	}
	return e.Hash.String()
}

func custodyLine(c trace.Custody, container string) string {
	return WhereLine(c.Custodian, hashOf(c.Held), string(c.Status), hashOf(c.Since), c.Place, hashOf(c.Seen), container)
}

// Of gives the lines of a graph.
func Of(g trace.Graph, recall bool) Lines {
	var lines Lines
	for _, n := range g.Nodes {
		line := NodeLine(n.ID, string(n.Kind), n.Depth)
		if recall {
			line += " " + string(n.Degree)
		}
		if n.Custody != nil {
			line += " " + custodyLine(*n.Custody, n.Container)
		}
		lines = append(lines, line)
	}
	for _, e := range g.Edges {
		lines = append(lines, EdgeLine(e.From, e.To, string(e.Kind), e.Begin.Hash.String(), hashOf(e.End), string(e.Quantity), e.UOM))
	}
	for _, cut := range g.Truncated {
		lines = append(lines, "truncated "+string(cut))
	}
	slices.Sort(lines)
	return lines
}

func compareBalances(t *testing.T, name string, o *Oracle, g trace.Graph) {
	t.Helper()
	for _, b := range g.Balances {
		want := o.balance(b.Transformation)
		got := map[string]string{}
		for _, a := range b.Amounts {
			unit, in, out := a.UOM, a.Inputs, a.Outputs
			if unit == "GRM" {
				unit, in, out = "KGM", in/1000, out/1000
			}
			got[unit] = fmt.Sprintf("%.6f %.6f", in, out)
		}
		got["?"] = fmt.Sprint(b.UnstatedInputs, b.UnstatedOutputs)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: balance of %s is %v, want %v", name, b.Transformation, got, want)
		}
	}
}
