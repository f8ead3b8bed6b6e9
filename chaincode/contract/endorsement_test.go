package contract_test

import (
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Endorsements of one proposal must match: each move reads and writes the same, and is answered the same, by a process of the
// chaincode that has run everything before and by one that has just begun. The model is registered, so that it has to be read.
func TestEndorsersReadTheSameWhateverTheyRanBefore(t *testing.T) {
	lone, blend := newCourt(t), newBlendCourt(t)
	for _, c := range []*court{lone, blend} {
		if err := c.w.Approve(c.w.Model); err != nil {
			t.Fatal(err)
		}
	}
	names, reach := lone.states()
	ran := sameAnew(t, lone, names, reach, (*court).calls)
	names, reach = blend.blendStates()
	for call, recorded := range sameAnew(t, blend, names, reach, (*court).blendCalls) {
		ran[call] = ran[call] || recorded
	}
	for _, call := range []string{"open", "challenge", "claim", "inspect", "reveal"} {
		if !ran[call] {
			t.Errorf("no %s was recorded", call)
		}
	}
}

// sameAnew makes each call in each state by both processes, and gives the calls that were recorded.
func sameAnew(t *testing.T, base *court, names []string, reach map[string]func(*court), calls func(*court, string) map[string]ledger.TaskOperation) map[string]bool {
	t.Helper()
	ran := map[string]bool{}
	for _, state := range names {
		start := *base
		start.w = base.w.Clone()
		reach[state](&start)
		all := calls(&start, "s2")
		for _, call := range slices.Sorted(maps.Keys(all)) {
			argument := encode(t, wire.TaskBatch{Operations: []ledger.TaskOperation{all[call]}})
			// A simulation changes nothing, so that both are of the same height; the copy gives both the same transaction's id.
			anew, err := start.w.Anew()
			if err != nil {
				t.Fatal(err)
			}
			warm := *start.w
			one, first, err := warm.Invoke("s2", wire.FnScore, argument, time.Duration(0))
			if err != nil {
				t.Fatal(err)
			}
			two, second, err := anew.Invoke("s2", wire.FnScore, argument, time.Duration(0))
			if err != nil {
				t.Fatal(err)
			}
			a, b := one.ReadWriteSet(), two.ReadWriteSet()
			if !reflect.DeepEqual(first, second) || !reflect.DeepEqual(a, b) {
				t.Errorf("%s, %s: %v and %v; %d and %d keys are read, %d and %d written", state, call, first, second, len(a.Reads), len(b.Reads), len(a.Writes), len(b.Writes))
			}
			ran[call] = ran[call] || first[0].Status == ledger.StatusRecorded
		}
	}
	return ran
}
