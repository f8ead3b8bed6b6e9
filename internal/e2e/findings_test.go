package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/profile"
)

const masterData = `
prefixes: [{prefix: "9504000"}]
places:
  - {id: "urn:epc:id:sgln:9504000.00001.0", name: Berlin, latitude: 52.52, longitude: 13.405, operators: [CarrierMSP]}
  - {id: "urn:epc:id:sgln:9504000.00002.0", name: Munich, latitude: 48.137, longitude: 11.575, steps: [receiving, shipping]}
products: [{id: "urn:epc:idpat:sgtin:9504000.000001.*", balance: true}]
lanes:
  - {from: "urn:epc:id:sgln:9504000.00001.0", to: "urn:epc:id:sgln:9504000.00002.0", window: 4s, max_speed_kmh: 100}
`

// TestEndToEndFindingsComeAndGo registers master data, records what breaks rules, has the server find by itself
// what is overdue, closes it, and asks every peer for the same.
func TestEndToEndFindingsComeAndGo(t *testing.T) {
	ctx, l := endToEnd(t, 3*time.Minute)
	const org = "producer"
	server := l.serve(ctx, t, org, "--role", "api,readmodel")
	defer server.end(ctx, t)
	file := writeFile(t, "masterdata.yaml", []byte(masterData))
	l.must(ctx, t, "masterdata", "register", "--org", org, file)
	if again := l.must(ctx, t, "masterdata", "register", "--org", org, file); bytes.Contains([]byte(again), []byte("recorded")) {
		t.Errorf("registered again:\n%s", again)
	}
	serial := unique()
	id := func(n int) string { return fmt.Sprintf("urn:epc:id:sgtin:9504000.000001.f%dn%d", serial, n) }
	event := func(at time.Time, step, place, epc, to string) string {
		if to != "" {
			to = `,"destinationList":[{"type":"location","destination":"urn:epc:id:sgln:9504000.0000` + to + `.0"}]`
		}
		return fmt.Sprintf(`{"type":"ObjectEvent","action":"OBSERVE","bizStep":%q,"eventTime":%q,"eventTimeZoneOffset":"+00:00","epcList":[%q],"readPoint":{"id":"urn:epc:id:sgln:9504000.0000%s.0"}%s}`,
			step, at.UTC().Format(time.RFC3339Nano), epc, place, to)
	}
	capture := func(events ...string) {
		t.Helper()
		l.must(ctx, t, "capture", "--org", org, writeFile(t, "events.json", document(events...)))
	}
	api := waybillv1.NewFindingServiceClient(l.dial(t, org, profile.IdentityDashboard))
	want := func(what, epc string, codes ...string) []*waybillv1.Finding {
		t.Helper()
		var found []*waybillv1.Finding
		until(ctx, t, what, func() error {
			r, err := api.ListFindings(ctx, &waybillv1.ListFindingsRequest{Filter: &waybillv1.FindingFilter{Item: epc, OpenOnly: true}})
			if err != nil {
				return err
			}
			found = r.GetFindings()
			var have []string
			for _, f := range found {
				have = append(have, f.GetCode())
			}
			if fmt.Sprint(have) != fmt.Sprint(codes) {
				return fmt.Errorf("open are %v, not %v", have, codes)
			}
			return nil
		})
		return found
	}

	now := time.Now()
	// An impossible journey, closed when the step is declared in error.
	fast := event(now.Add(-23*time.Hour), "receiving", "2", id(1), "")
	capture(event(now.Add(-24*time.Hour), "storing", "1", id(1), ""), fast)
	journey := want("an impossible journey", id(1), "impossible_journey")
	capture(fast[:len(fast)-1] + fmt.Sprintf(`,"errorDeclaration":{"declarationTime":%q,"reason":"incorrect_data"}}`, now.UTC().Format(time.RFC3339)))
	want("the journey is withdrawn", id(1))

	// A shipping that is overdue after a few seconds, found without any event, closed by its late receipt.
	capture(event(now, "shipping", "1", id(2), "2"))
	overdue := want("the shipping is overdue", id(2), "shipped_not_received")
	capture(event(time.Now(), "receiving", "1", id(2), ""))
	want("the late receipt", id(2))

	// Every peer says the same of each, and stays by it.
	p := l.profile(t, org)
	for _, f := range []*waybillv1.Finding{journey[0], overdue[0]} {
		hash, err := epcis.ParseHash(f.GetEventHash())
		if err != nil {
			t.Fatal(err)
		}
		proposal := signedProposal(t, p, profile.IdentityService, wire.FnGetFinding, []byte(ledger.Digest(hash).String()), []byte(f.GetCode()), []byte(f.GetItem()))
		peers := l.endorsers(t, p)
		until(ctx, t, "peers agree", func() error { // each of them may be the one that is behind
			var first []byte
			for _, e := range peers {
				got, err := e.simulation(ctx, proposal)
				if err != nil {
					return err
				}
				if first == nil {
					first = got
				}
				if !bytes.Equal(first, got) {
					return errors.New(e.name + " says something else")
				}
			}
			return nil
		})
	}
	l.must(ctx, t, "findings", "show", "--org", org, "shipped_not_received", overdue[0].GetEventHash(), overdue[0].GetItem())
}
