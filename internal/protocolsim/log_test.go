package protocolsim

import (
	"errors"
	"reflect"
	"testing"

	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/api/proof"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// Whoever reads the ledger finds the same tasks in it, and none of what can be claimed to be left out.
func TestScorersFindTheTasksWithoutTheDecoys(t *testing.T) {
	m, err := score.Default()
	if err != nil {
		t.Fatal(err)
	}
	docket := scorer.NewTaskDocket(m, feature.DefaultLimits())
	var found []ledger.TaskStatement
	block := uint64(0)
	w, err := NewWorldTold(DefaultPolicy(), nil, 3, func(tx wire.Transaction) {
		block++
		if len(tx.Findings) > 0 {
			t.Errorf("findings: %+v", tx.Findings)
		}
		for _, due := range docket.Judge(block, tx) {
			if due.Statement == nil {
				t.Fatal(due.Why)
			}
			found = append(found, *due.Statement)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	var want []ledger.TaskStatement
	for _, task := range w.Tasks {
		want = append(want, task.Statement)
	}
	if !reflect.DeepEqual(found, want) {
		t.Errorf("%+v\nnot %+v", found, want)
	}
}

func TestAProofIsUnderARootOfMoreThanHalfOfTheKeepers(t *testing.T) {
	w, _ := world(t, 4, 2)
	task := w.Tasks[1]
	keys := map[string]string{"assoc": wire.EventKey(task.Statement.References[1].Digest)}
	for _, d := range task.Decoys {
		keys[string(d.Kind)] = wire.EventKey(d.Event.Digest)
	}
	position := func(name string) uint64 {
		t.Helper()
		file, err := w.Prove(keys[name])
		if err != nil {
			t.Fatal(err)
		}
		p, err := proof.DecodeBare(file)
		if err != nil {
			t.Fatal(err)
		}
		facts, err := p.Check()
		if err != nil || len(facts) != 1 || facts[0].Key != keys[name] {
			t.Fatal(facts, err)
		}
		return facts[0].Position
	}
	root, err := w.Root()
	if err != nil {
		t.Fatal(err)
	}
	other := root
	other.Hash[0]++
	for _, err := range []error{w.Anchor("A"), w.AnchorRoot(other, "B")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Prove(keys["held"]); !errors.Is(err, ErrNotAnchored) {
		t.Fatal(err)
	}
	if err := w.Anchor("C"); err != nil {
		t.Fatal(err)
	}
	if before, assoc, within, held := position("before"), position("assoc"), position("within"), position("held"); before >= assoc || assoc >= within || within >= held {
		t.Error(before, assoc, within, held)
	}
	c := w.Clone()
	hashes, err := c.events("rootA", 100, map[string]any{"type": "ObjectEvent", "action": "OBSERVE", "epcList": []string{"urn:epc:id:sscc:9520001.3000000000"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = c.Prove(wire.EventKey(hashes[0])); !errors.Is(err, ErrNotAnchored) {
		t.Error("what came after the root is under it:", err)
	}
	if again, err := w.Root(); err != nil || again != root {
		t.Error("a clone's log grows into the one that it was made of", err)
	}
}
