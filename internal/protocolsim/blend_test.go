package protocolsim

import (
	"fmt"
	"testing"

	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// blendWorld is a world whose policy has each scorer answer by its own model, with that many others that are approved.
func blendWorld(t testing.TB, n, others int) (*World, []Player, []*score.Model) {
	t.Helper()
	policy := DefaultPolicy()
	policy.Blend.Own, policy.Blend.Truth = true, 448
	w, players := ruled(t, policy, n, 1)
	models := []*score.Model{w.Model}
	for i := range others {
		models = append(models, other(t, w.Model, i))
		if err := w.Approve(models[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	return w, players, models
}

// other is a model with other thresholds than m.
func other(t testing.TB, m *score.Model, i int) *score.Model {
	t.Helper()
	p := m.Parameters()
	p.ID = fmt.Sprintf("other-%d", i)
	p.InspectAt -= int64(i + 1)
	o, err := score.NewModel(p)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// Different models: the median by stake is final, no single stake decides, and an inspection pays by Brier's rule all but
// the scorers of who recorded it.
func TestDifferentModelsAreBlendedAndSettledByAnInspection(t *testing.T) {
	w, players, models := blendWorld(t, 4, 2)
	s := w.Tasks[1].Statement
	named := ledger.TaskOperation{Open: &w.Tasks[1].Statement}
	do(t, w, "s0", named, ledger.CodeTaskState)
	s.Model, s.Inputs = "", ledger.Digest{}
	id := do(t, w, "s0", ledger.TaskOperation{Open: &s}, "").Digest
	scores := []int64{900_000, 800_000, 700_000, 0}
	answer := func(i int) ledger.TaskAnswer {
		a := ledger.TaskAnswer{Model: models[i%len(models)].Name(), Level: ledger.Quarantine, Score: scores[i], Trace: ledger.Digest{1}, Verdict: ledger.Digest{byte(i + 1)}}
		if scores[i] == 0 {
			a.Level = ledger.Clear
		}
		return a
	}
	for i, p := range players {
		c, _ := operations(t, w, p.Name, id, answer(i))
		do(t, w, p.Name, c, "")
	}
	do(t, w, "s0", ledger.TaskOperation{Close: &id}, "")
	for i, p := range players {
		_, r := operations(t, w, p.Name, id, answer(i))
		do(t, w, p.Name, r, "")
	}
	do(t, w, "s0", ledger.TaskOperation{Challenge: &ledger.ChallengeTask{Task: id}}, ledger.CodeTaskState)
	do(t, w, "s0", ledger.TaskOperation{Settle: &ledger.SettleTask{Task: id}}, "")
	final, err := w.Final(s)
	if err != nil || final == nil || final.Answer.Score != 700_000 || final.Answer.Level != ledger.Quarantine || final.By != ledger.SettledBlend {
		t.Fatalf("%+v, %v", final, err)
	}
	inspected := func(who, step, disposition string) ledger.Digest {
		w.Advance(1_000)
		hash, err := w.Inspect(who, 0, step, disposition)
		if err != nil {
			t.Fatal(err)
		}
		return hash
	}
	for _, event := range []ledger.Digest{inspected("rootB", "inspecting", "in_transit"), inspected("rootB", "receiving", "non_conformant")} {
		do(t, w, "s0", ledger.TaskOperation{Inspect: &ledger.InspectTask{Task: id, Event: event}}, ledger.CodeCommitment)
	}
	spoiled := inspected("rootB", "inspecting", "non_conformant") // the organisation of s1
	before, _, err := w.Holdings()
	if err != nil {
		t.Fatal(err)
	}
	do(t, w, "s1", ledger.TaskOperation{Inspect: &ledger.InspectTask{Task: id, Event: spoiled}}, "")
	after, _, err := w.Holdings()
	if err != nil {
		t.Fatal(err)
	}
	paid := make([]ledger.Credits, len(players))
	for i, p := range players {
		paid[i] = after[w.Account(p.Name)] - before[w.Account(p.Name)]
	}
	// Losses of 0.01, 0.09 and 1 give a mean of 0.275 of four stakes, and 56 of 112 credits times 1.275 less the own loss.
	if want := [4]ledger.Credits{70, 0, 66, 15}; [4]ledger.Credits(paid) != want {
		t.Errorf("paid %v, not %v", paid, want)
	}
	if a := do(t, w, "s1", ledger.TaskOperation{Inspect: &ledger.InspectTask{Task: id, Event: spoiled}}, ""); a.Status != ledger.StatusDuplicate {
		t.Error(a.Status)
	}
	do(t, w, "s1", ledger.TaskOperation{Inspect: &ledger.InspectTask{Task: id, Event: inspected("rootC", "inspecting", "conformant")}}, ledger.CodeConflict)
}

// An answer by a scorer's own model is held to what a task's model is: nobody answers by one that nobody can run.
func TestAnAnswerIsOfAModelThatEverybodyCanRun(t *testing.T) {
	w, players, models := blendWorld(t, 4, 1)
	s := w.Tasks[1].Statement
	s.Model, s.Inputs = "", ledger.Digest{}
	id := do(t, w, "s0", ledger.TaskOperation{Open: &s}, "").Digest
	_, digest, _ := ledger.ArtefactOf(models[1].Name())
	answers := []struct{ model, code string }{
		{w.Model.Name(), ""},
		{models[1].Name(), ""},
		{other(t, w.Model, 7).Name(), ledger.CodeArtefact}, // not registered
		{"another@" + digest.String(), ledger.CodeModelBlocked},
	}
	reveals := make([]ledger.TaskOperation, len(players))
	for i, p := range players {
		var commit ledger.TaskOperation
		commit, reveals[i] = operations(t, w, p.Name, id, ledger.TaskAnswer{Model: answers[i].model, Level: ledger.Clear, Trace: ledger.Digest{1}, Verdict: ledger.Digest{2}})
		do(t, w, p.Name, commit, "")
	}
	do(t, w, "s0", ledger.TaskOperation{Close: &id}, "")
	for i, p := range players {
		do(t, w, p.Name, reveals[i], answers[i].code)
	}
	w.Advance(w.Policy.RevealFor)
	do(t, w, "s0", ledger.TaskOperation{Settle: &ledger.SettleTask{Task: id}}, "")
}

// Where all answer by one model, a task names it.
func TestATaskOfNoModelIsOpenedWhereThePolicySaysSo(t *testing.T) {
	w, _ := world(t, 4, 1)
	s := w.Tasks[1].Statement
	s.Model, s.Inputs = "", ledger.Digest{}
	do(t, w, "s0", ledger.TaskOperation{Open: &s}, ledger.CodeTaskState)
}

// An inspection is of the last window that was final before it: the windows before are not paid for it again.
func TestAnInspectionSettlesOneWindow(t *testing.T) {
	w, players, _ := blendWorld(t, 4, 0)
	var ids []ledger.Digest
	for window := range 2 {
		task := w.Tasks[window]
		s := task.Statement
		s.Model, s.Inputs = "", ledger.Digest{}
		id := do(t, w, "s0", ledger.TaskOperation{Open: &s}, "").Digest
		ids = append(ids, id)
		allAnswer(t, w, players, id, task.Truth.Answer)
		do(t, w, "s0", ledger.TaskOperation{Settle: &ledger.SettleTask{Task: id}}, "")
	}
	w.Advance(1_000)
	event, err := w.Inspect("rootB", 0, "inspecting", "conformant")
	if err != nil {
		t.Fatal(err)
	}
	do(t, w, "s0", ledger.TaskOperation{Inspect: &ledger.InspectTask{Task: ids[0], Event: event}}, ledger.CodeConflict)
	do(t, w, "s0", ledger.TaskOperation{Inspect: &ledger.InspectTask{Task: ids[1], Event: event}}, "")
	if v, err := w.View(ids[1]); err != nil || v.Settlement == nil || v.Settlement.Blend == nil || v.Settlement.Blend.Count != 4 {
		t.Errorf("%+v, %v", v.Settlement, err)
	}
}
