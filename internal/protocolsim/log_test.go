package protocolsim

import (
	"errors"
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
	policy := DefaultPolicy()
	for name, made := range map[string]func(told func(wire.Transaction)) (*World, error){
		"first journeys":  func(told func(wire.Transaction)) (*World, error) { return NewWorldTold(policy, nil, 3, told) },
		"later journeys":  func(told func(wire.Transaction)) (*World, error) { return NewReusedWorld(policy, nil, 3, told) },
		"several loggers": func(told func(wire.Transaction)) (*World, error) { return NewLoggersWorld(policy, nil, 3, told) },
	} {
		docket := scorer.NewTaskDocket(m, feature.DefaultLimits())
		found := map[ledger.Digest]bool{}
		block := uint64(0)
		w, err := made(func(tx wire.Transaction) {
			block++
			for _, due := range docket.Judge(block, tx) {
				if due.Statement == nil {
					t.Fatal(name, due.Why)
				}
				id, err := wire.TaskDigest(*due.Statement)
				if err != nil {
					t.Fatal(err)
				}
				found[id] = true
			}
		})
		if err != nil {
			t.Fatal(name, err)
		}
		for _, task := range w.Tasks {
			if id, err := wire.TaskDigest(task.Statement); err != nil || !found[id] {
				t.Errorf("%s: no scorer asks for %+v, %v", name, task.Statement, err)
			}
			for _, p := range task.schemes {
				if id, err := wire.TaskDigest(p.task.Statement); err != nil || found[id] {
					t.Errorf("%s: scorers ask for it who do not %s, %v", name, p.move, err)
				}
			}
		}
		if want := len(w.Tasks); want == 0 || len(found) < want || name == "first journeys" && len(found) != want {
			t.Errorf("%s: scorers ask for %d tasks, not %d", name, len(found), want)
		}
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
