package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/internal/bits"
)

func TestADifferenceIsLocated(t *testing.T) {
	one := told{
		models: []bits.Named{{Name: "m"}}, artefacts: []bits.Named{{Name: "a"}},
		chunks: []bits.Chunk{{First: 0, Count: 20}, {First: 20, Count: 20}, {First: 40, Count: 20}},
	}
	for name, c := range map[string]struct {
		change func(*told)
		want   string
	}{
		"nothing":          {func(*told) {}, ""},
		"a digest":         {func(o *told) { o.chunks[1].Digest[0] = 1 }, "vectors 20 to 39"},
		"what was met":     {func(o *told) { o.chunks[2].Tally.Clear = 1 }, "vectors 40 to 59"},
		"a chunk too few":  {func(o *told) { o.chunks = o.chunks[:2] }, "vectors 40 to 59"},
		"a model":          {func(o *told) { o.models[0].Digest = ledger.Digest{1} }, "model m"},
		"an artefact":      {func(o *told) { o.artefacts[0].Digest = ledger.Digest{1} }, "artefact a"},
		"no artefact":      {func(o *told) { o.artefacts = nil }, "artefact a"},
		"two at one place": {func(o *told) { o.chunks[0].Digest[1], o.artefacts[0].Digest[0] = 1, 1 }, "vectors 0 to 19, artefact a"},
	} {
		that := told{models: append([]bits.Named(nil), one.models...), artefacts: append([]bits.Named(nil), one.artefacts...), chunks: append([]bits.Chunk(nil), one.chunks...)}
		c.change(&that)
		var found []string
		for _, d := range differences(&one, &that) {
			found = append(found, d.what)
		}
		if got := strings.Join(found, ", "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestAFusedProductIsSeen finds the one product that is there to be fused, and none in the engine.
func TestAFusedProductIsSeen(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles for arm64")
	}
	lines, err := fused(t.Context(), "github.com/waybill-dev/waybill/internal/bits")
	if err != nil || len(lines) != 1 || !strings.Contains(lines[0], "/bits.go:") {
		t.Errorf("%v %v", lines, err)
	}
	packages, err := deterministic(t.Context())
	if err != nil || len(packages) < 10 {
		t.Fatal(packages, err)
	}
	if lines, err = fused(t.Context(), packages...); err != nil || len(lines) > 0 {
		t.Errorf("%v %v", lines, err)
	}
}

// TestAContractedProductIsCaughtOnEveryMachineThatFuses holds machines against each other, a few vectors of each.
func TestAContractedProductIsCaughtOnEveryMachineThatFuses(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles for several machines")
	}
	var out bytes.Buffer
	l, err := build(t.Context(), t.TempDir(), &out)
	if errors.Is(err, errNoEmulator) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	a := ask{seed: 7, vectors: 400, chunk: 100, workers: 2, contract: -1}
	if wrong, err := l.hold(t.Context(), a, &out, &out); wrong > 0 || err != nil {
		t.Errorf("%d differ: %v\n%s", wrong, err, out.String())
	}
	if err := l.control(t.Context(), a, &out); err != nil || !strings.Contains(out.String(), "is found there, and nowhere else, on arm64") {
		t.Errorf("%v\n%s", err, out.String())
	}
	a.contract = 2
	if wrong, err := l.hold(t.Context(), a, &out, &out); wrong == 0 || err != nil || !strings.Contains(out.String(), "DIFFERS    vectors 200 to 299") {
		t.Errorf("%d differ: %v\n%s", wrong, err, out.String())
	}
}
