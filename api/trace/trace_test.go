package trace_test

import (
	"cmp"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
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
