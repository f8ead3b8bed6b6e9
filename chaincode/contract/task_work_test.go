package contract_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/state/statetest"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// simulated has operations simulated as one transaction.
func simulated(t *testing.T, c *court, who string, ops []ledger.TaskOperation) (*statetest.Stub, []wire.Answer) {
	t.Helper()
	stub, answers, err := c.w.Invoke(who, wire.FnScore, encode(t, wire.TaskBatch{Operations: ops}), 0)
	if err != nil {
		t.Fatal(err)
	}
	return stub, answers
}

// longTasks are so many tasks whose few bytes name as many segments as one may.
func longTasks(c *court, n int) (ops []ledger.TaskOperation) {
	at := slices.IndexFunc(c.task.Statement.References, func(r ledger.Reference) bool { return r.Kind == ledger.RefSegments })
	for i := range n {
		s, ref := c.task.Statement, c.task.Statement.References[at]
		ref.First = 1<<40 + uint64(i)*ledger.MaxTaskSegments
		ref.Last = ref.First + ledger.MaxTaskSegments - 1
		s.References = []ledger.Reference{ref}
		ops = append(ops, ledger.TaskOperation{Open: &s})
	}
	return ops
}

// A transaction that opens tasks reads a bounded number of records, and none for who may open no task.
func TestATransactionThatOpensTasksReadsABoundedNumberOfRecords(t *testing.T) {
	c := newCourt(t)
	for who, most := range map[string]int{"s0": ledger.MaxBatchTaskReads, "poor": 0} {
		stub, answers := simulated(t, c, who, longTasks(c, ledger.MaxBatchTasks))
		n := 0
		for _, read := range stub.ReadWriteSet().Reads {
			if kind, _, err := wire.ParseKey(read.Key); err == nil && kind == wire.KindSegment {
				n++
			}
		}
		if n != most {
			t.Errorf("%s has %d segments read, %d may be", who, n, most)
		}
		if a := answers[len(answers)-1]; who == "s0" && a.Code != ledger.CodeTooLarge {
			t.Errorf("%+v", a)
		}
	}
	// As many as may be opened together are not in each other's way, and what is open already costs nothing.
	ops := append(longTasks(c, 1), ledger.TaskOperation{Open: &c.task.Statement})
	c.must("s0", "open")
	for range 40 {
		ops = append(ops, ledger.TaskOperation{Open: &c.task.Statement})
	}
	_, answers := simulated(t, c, "s1", ops)
	if answers[0].Code != ledger.CodeNotFound || slices.ContainsFunc(answers[1:], func(a wire.Answer) bool { return a.Status != ledger.StatusDuplicate }) {
		t.Error(statuses(answers))
	}
}

// Packs of inspections are read when the task waits for one, a few in a transaction.
func TestInspectionsAreReadBackOnlyWhereATaskWaitsForThem(t *testing.T) {
	c := newBlendCourt(t)
	_, reach := c.blendStates()
	packs := func(ops []ledger.TaskOperation) (n int, answers []wire.Answer) {
		t.Helper()
		stub, answers := simulated(t, c, "s0", ops)
		for _, read := range stub.ReadWriteSet().Reads {
			if kind, _, err := wire.ParseKey(read.Key); err == nil && kind == wire.KindPack {
				n++
			}
		}
		return n, answers
	}
	event := c.task.Statement.References[2].Digest
	all := func(task ledger.Digest) (ops []ledger.TaskOperation) {
		for range ledger.MaxBatchTasks {
			ops = append(ops, ledger.TaskOperation{Inspect: &ledger.InspectTask{Task: task, Event: event}})
		}
		return ops
	}
	if n, answers := packs(all(ledger.Digest{9})); n != 0 || answers[0].Code != ledger.CodeNotFound {
		t.Errorf("of a task that was not opened: %d packs are read; %+v", n, answers[0])
	}
	reach["revealed"](c)
	if n, answers := packs(all(c.id)); n != 0 || answers[0].Code != ledger.CodeTaskState {
		t.Errorf("of a task that is not final: %d packs are read; %+v", n, answers[0])
	}
	c.mustBlend("s0", "settle without")
	c.w.Advance(1_000)
	// What was recorded since and says nothing of the goods is read back, as often as may be.
	var err error
	if event, err = c.w.Inspect("rootB", 1, "storing", "conformant"); err != nil {
		t.Fatal(err)
	}
	_, answers := packs(all(c.id))
	if got := strings.Count(statuses(answers), ledger.CodeTooLarge); got != ledger.MaxBatchTasks-ledger.MaxBatchInspections || answers[0].Code != ledger.CodeCommitment {
		t.Errorf("%d of %d inspections are refused unread; %+v", got, len(answers), answers[0])
	}
}
