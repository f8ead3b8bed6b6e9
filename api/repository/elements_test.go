package repository_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/api/query"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/api/rest"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// described is a document whose header says something of the place of its event.
func described(elements string, event string) []byte {
	return []byte(head + `"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"2026-01-01T00:00:00Z","epcisHeader":{"epcisMasterData":{"vocabularyList":[{"type":"urn:epcglobal:epcis:vtype:ReadPoint","vocabularyElementList":[` +
		elements + `]}]}},"epcisBody":{"eventList":[{` + strings.Replace(event, `"epcList"`, `"readPoint":{"id":"urn:x:gate"},"epcList"`, 1) + `]}}`)
}

func TestTheMasterDataOfAHeaderIsKeptAndAskedFor(t *testing.T) {
	g := newRig(t)
	defer g.run()()
	capture := func(behaviour rest.ErrorBehaviour, document []byte) rest.Job {
		t.Helper()
		id, err := g.Start(t.Context(), rest.Capture{Raw: document, Behaviour: behaviour})
		if err != nil {
			t.Fatal(err)
		}
		return g.ended(id)
	}
	const gate = `{"id":"urn:x:gate","attributes":[{"id":"urn:epcglobal:cbv:mda#sst","attribute":"201"}]},{"id":"urn:x:yard","children":["urn:x:gate"]}`
	for range 2 {
		if job := capture(rest.Rollback, described(gate, event(1, ""))); !job.Success {
			t.Fatalf("%+v", job)
		}
	}
	all, err := g.store.Elements(t.Context(), readmodel.ElementFilter{All: true}, readmodel.ElementKey{}, 10)
	if err != nil || len(all) != 2 {
		t.Fatalf("kept are %+v, %v", all, err)
	}
	for parameters, want := range map[string]int{
		"WD_readPoint=urn:x:yard": 1, "EQATTR_readPoint_cbvmda:sst=201": 1, "EQATTR_readPoint_cbvmda:sst=202": 0, "HASATTR_readPoint=cbvmda:sst": 1,
	} {
		values, err := url.ParseQuery(parameters)
		if err != nil {
			t.Fatal(err)
		}
		q, err := query.ParseValues(values, nil)
		if err != nil {
			t.Fatal(err)
		}
		if found, _, err := g.Select(t.Context(), q, "", 10); err != nil || len(found) != want {
			t.Errorf("%s finds %d, not %d: %v", parameters, len(found), want, err)
		}
	}

	// What the ledger would refuse undoes a capture that is to be undone, and is named by one that goes on.
	large := `{"id":"urn:x:large","attributes":[{"id":"urn:x:a","attribute":"` + strings.Repeat("x", ledger.MaxElementBytes) + `"}]}`
	for _, c := range []struct {
		behaviour rest.ErrorBehaviour
		n, events int
	}{{rest.Rollback, 2, 1}, {rest.Proceed, 3, 2}} {
		job := capture(c.behaviour, described(large, event(c.n, "")))
		if len(job.Errors) != 1 || job.Errors[0].Code != ledger.CodeTooLarge || !strings.HasSuffix(job.Errors[0].Path, "vocabularyList[0].vocabularyElementList[0]") {
			t.Errorf("%s: %+v", c.behaviour, job)
		}
		if found, _, err := g.Select(t.Context(), &query.Query{}, "", 10); err != nil || len(found) != c.events {
			t.Errorf("%s leaves %d events: %v", c.behaviour, len(found), err)
		}
	}
}
