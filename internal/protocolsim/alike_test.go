package protocolsim

import (
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Liars may list more than a window rests on: what changes nothing costs nobody anything, and their verdict is right. The next window's
// list lacks it, which is no fault of who judges that.
func TestAListWithMoreThanTheWindowRestsOnBindsNoLaterOne(t *testing.T) {
	w, players := world(t, 4, 1)
	more := w.Tasks[0]
	before := more.Decoys[slices.IndexFunc(more.Decoys, func(d Decoy) bool { return d.Kind == DecoyBefore })]
	more.Statement.References = slices.Insert(slices.Clone(more.Statement.References), 1, before.Event)
	id := do(t, w, "s0", ledger.TaskOperation{Open: &more.Statement}, "").Digest
	allAnswer(t, w, players, id, more.Truth.Answer)
	do(t, w, "s0", ledger.TaskOperation{Settle: &ledger.SettleTask{Task: id, Verdict: &more.Truth.Verdict}}, "")
	if final, err := w.Final(more.Statement); err != nil || final == nil || final.Answer != w.Tasks[0].Truth.Answer {
		t.Fatal(final, err)
	}
	next := w.Tasks[1]
	id = do(t, w, "s1", ledger.TaskOperation{Open: &next.Statement}, "").Digest
	allAnswer(t, w, players, id, next.Truth.Answer)
	do(t, w, "s3", ledger.TaskOperation{Challenge: &ledger.ChallengeTask{Task: id}}, "")
	if v, err := w.View(id); err != nil || v.Phase() != ledger.TaskFinal || len(v.Settlement.Wrong) > 0 {
		t.Errorf("%s %+v, %v", v.Phase(), v.Settlement, err)
	}
}

// allAnswer has all players commit to an answer to a task and reveal it.
func allAnswer(t *testing.T, w *World, players []Player, id ledger.Digest, answer ledger.TaskAnswer) {
	t.Helper()
	var reveals []ledger.TaskOperation
	for _, p := range players {
		commit, reveal := operations(t, w, p.Name, id, answer)
		do(t, w, p.Name, commit, "")
		reveals = append(reveals, reveal)
	}
	do(t, w, "s0", ledger.TaskOperation{Close: &id}, "")
	for i, p := range players {
		do(t, w, p.Name, reveals[i], "")
	}
}
