package e2e_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/profile"
)

// TestQueriesKnowTheMasterDataOfDocuments captures documents with master data in their headers over REST, as JSON and
// as XML, and on the command line, and asks by it.
func TestQueriesKnowTheMasterDataOfDocuments(t *testing.T) {
	ctx, l := endToEnd(t, 3*time.Minute)
	l.serve(ctx, t, "producer", webhooksHere()...)
	w := l.web(t, "producer", profile.IdentityCompany)
	place := somewhere()
	yard, gate, dock := place+"/yard", place+"/gate", place+"/dock"
	headed := func(created, elements string, events ...string) string {
		document := strings.Replace(restDocument(events...), `"epcisBody"`, `"epcisHeader":{"epcisMasterData":{"vocabularyList":[{"type":"urn:epcglobal:epcis:vtype:ReadPoint","vocabularyElementList":[`+elements+`]}]}},"epcisBody"`, 1)
		return strings.Replace(document, "2026-01-01T00:00:00Z", created, 1)
	}
	element := func(id, name string, children ...string) string {
		return fmt.Sprintf(`{"id":%q,"attributes":[{"id":"urn:epcglobal:cbv:mda#name","attribute":%q}],"children":["%s"]}`, id, name, strings.Join(children, `","`))
	}
	capture := func(document string, headers ...string) {
		t.Helper()
		if j := w.ended(ctx, w.do(ctx, http.StatusAccepted, http.MethodPost, "/capture", document, headers...).Header.Get("Location")); !j.Success {
			t.Fatalf("%+v", j)
		}
	}
	want := func(n int, parameters ...string) {
		t.Helper()
		q := url.Values{}
		for i := 0; i < len(parameters); i += 2 {
			q.Set(parameters[i], parameters[i+1])
		}
		until(ctx, t, q.Encode(), func() error {
			if found := w.found(ctx, q); len(found) != n {
				return fmt.Errorf("%d events, not %d", len(found), n)
			}
			return nil
		})
	}

	first := headed("2026-01-01T00:00:00Z", element(yard, "Yard "+place, gate)+","+element(gate, "Gate "+place, dock), observed(gate, "", 1), observed(dock, "", 2))
	capture(first)
	want(2, "WD_readPoint", yard)
	want(1, "WD_readPoint", dock)
	want(1, "EQATTR_readPoint_cbvmda:name", "Gate "+place)
	want(1, "HASATTR_readPoint", "cbvmda:name", "WD_readPoint", yard)
	want(0, "EQATTR_readPoint_cbvmda:name", "Yard "+place)

	// The same in XML says nothing new; the same again writes no block.
	doc, err := epcis.ParseDocument([]byte(first), epcis.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var asXML bytes.Buffer
	if err = doc.Write(&asXML, epcis.WriteOptions{Form: epcis.FormXML}); err != nil {
		t.Fatal(err)
	}
	before := l.must(ctx, t, "masterdata", "register", "--org", "producer", writeFile(t, "vocabulary.xml", asXML.Bytes()))
	if strings.Contains(before, "recorded") || strings.Count(before, "duplicate") != 2 {
		t.Errorf("registered from XML:\n%s", before)
	}
	capture(asXML.String(), "Content-Type", "application/xml")
	capture(first)

	// A later document renames; the earlier one again changes nothing.
	renamed := headed("2026-02-01T00:00:00Z", element(gate, "Portal "+place, dock), observed(gate, "", 1))
	l.must(ctx, t, "capture", "--org", "producer", writeFile(t, "renamed.json", []byte(renamed)))
	capture(first)
	want(1, "EQATTR_readPoint_cbvmda:name", "Portal "+place)
	want(0, "EQATTR_readPoint_cbvmda:name", "Gate "+place)
	want(2, "WD_readPoint", yard)
	l.must(ctx, t, "store", "check", "--org", "producer")
}
