package e2e_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/report/reporttest"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/internal/testdata"
)

// own gives a history's texts identifiers that no other test has, and an expiry date to come.
func own(s string) string {
	s = strings.ReplaceAll(s, "9521321", "9521387")
	return strings.ReplaceAll(s, "2027-03-31", fmt.Sprint(time.Now().Year()+2)+"-03-31")
}

// story writes a history as a document whose header has its master data.
func story(t *testing.T, name string, l *reporttest.Ledger, about map[string]map[string]string) string {
	t.Helper()
	type attribute struct {
		ID    string `json:"id"`
		Value string `json:"attribute"`
	}
	type element struct {
		ID         string      `json:"id"`
		Attributes []attribute `json:"attributes"`
	}
	var elements []element
	for id, attributes := range about {
		e := element{ID: id}
		for k, v := range attributes {
			e.Attributes = append(e.Attributes, attribute{"urn:epcglobal:cbv:mda#" + k, v})
		}
		elements = append(elements, e)
	}
	var events []json.RawMessage
	for _, block := range l.Bodies() {
		for _, body := range block {
			events = append(events, json.RawMessage(own(string(body))))
		}
	}
	raw, err := json.Marshal(map[string]any{
		"@context": []any{"https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"},
		"type":     "EPCISDocument", "schemaVersion": "2.0", "creationDate": "2026-06-01T00:00:00Z",
		"epcisHeader": map[string]any{"epcisMasterData": map[string]any{"vocabularyList": []any{map[string]any{"type": "urn:epcglobal:epcis:vtype:Location", "vocabularyElementList": elements}}}},
		"epcisBody":   map[string]any{"eventList": events},
	})
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, name, raw)
}

// rowsOf reads a CSV report as maps from titles to cells.
func rowsOf(t *testing.T, raw string) (rows []map[string]string) {
	t.Helper()
	lines, err := csv.NewReader(strings.NewReader(raw)).ReadAll()
	if err != nil || len(lines) == 0 {
		t.Fatalf("%v: %.300s", err, raw)
	}
	for _, l := range lines[1:] {
		row := map[string]string{}
		for i, title := range lines[0] {
			row[title] = l[i]
		}
		rows = append(rows, row)
	}
	return rows
}

// TestEndToEndReportsOfFoodAndMedicine captures two histories and asks for every report of them, on the
// command line and over REST, and reads the event of each row back.
func TestEndToEndReportsOfFoodAndMedicine(t *testing.T) {
	ctx, l := endToEnd(t, 3*time.Minute)
	const org = "producer"
	l.serve(ctx, t, org)
	food, _ := reporttest.Food(t)
	drug, _ := reporttest.Drug(t)
	names := map[string]map[string]string{
		own(reporttest.PackerGLN):                   {"name": "Valley Packing", "telephone": "+1 555 0199", "streetAddressOne": "2 Shed Ave", "city": "Salinas", "state": "CA", "postalCode": "93901", "countryCode": "US"},
		own("urn:epc:idpat:sgtin:9521321.000021.*"): {"regulatedProductName": "Epcistra", "strengthDescription": "100 mg"},
	}
	foodFile, drugFile := story(t, "food.jsonld", food, names), story(t, "drug.jsonld", drug, names)
	l.must(ctx, t, "capture", "--org", org, foodFile, drugFile)
	api := waybillv1.NewCaptureServiceClient(l.dial(t, org, profile.IdentityDashboard))
	recorded := func(rows []map[string]string) {
		t.Helper()
		for _, r := range rows {
			hash := r["Event hash"]
			if hash == "" {
				continue
			}
			e, err := api.GetEvent(ctx, &waybillv1.GetEventRequest{Hash: hash})
			if err != nil {
				t.Fatalf("%s: %v", hash, err)
			}
			if at := fmt.Sprintf("%d/%d", e.GetEvent().GetPosition().GetBlock(), e.GetEvent().GetPosition().GetIndex()); at != r["Ledger block"]+"/"+r["Index in the block"] {
				t.Errorf("%s stands at %s, the row says %s/%s", hash, at, r["Ledger block"], r["Index in the block"])
			}
			if r["Leaf of the proof log"] == "" {
				t.Errorf("the row of %s has no place in the proof log", hash)
			}
		}
	}

	lot := own(reporttest.CaseLettuce)
	out := l.must(ctx, t, "report", "fsma", lot, "--org", org, "--master-data", foodFile)
	rows := rowsOf(t, out)
	recorded(rows)
	var kinds []string
	for _, r := range rows {
		kinds = append(kinds, r["Critical tracking event"])
		if r["Location of the tracking event: GLN or identifier"] == "9521387000021" && !strings.Contains(r["Location of the tracking event: description"], "Valley Packing") {
			t.Errorf("a place without its name: %v", r)
		}
	}
	if got := strings.Join(kinds, ", "); got != "initial packing, initial packing, shipping, receiving, shipping, shipping, transformation, transformation" {
		t.Errorf("the lot's events: %s", got)
	}
	for _, format := range []string{"xlsx", "json", "csv"} {
		file := filepath.Join(t.TempDir(), "lot."+format)
		said := l.run(ctx, t, "report", "fsma", lot, "--org", org, "--out", file)
		raw, err := os.ReadFile(file)
		if said.code != 0 || err != nil || !strings.Contains(said.stderr, "8 rows") {
			t.Fatalf("%d %v %s", said.code, err, tail(said.stderr))
		}
		if format == "xlsx" && !bytes.HasPrefix(raw, []byte("PK")) {
			t.Errorf("no workbook: %.20q", raw)
		}
		if format == "json" && !json.Valid(raw) {
			t.Errorf("no JSON: %.200s", raw)
		}
		if left, err := filepath.Glob(filepath.Join(filepath.Dir(file), ".report-*")); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
	}
	same := l.must(ctx, t, "report", "fsma", lot, "--org", org)
	web := l.web(t, org, profile.IdentityDashboard)
	r := web.do(ctx, http.StatusOK, http.MethodGet, "/waybill/v1/reports/fsma?lot="+url.QueryEscape(lot), "")
	if string(r.body) != same {
		t.Errorf("REST and the command differ:\n%s\n%s", r.body, same)
	}

	unit := own(reporttest.Unit(1))
	rows = rowsOf(t, l.must(ctx, t, "report", "dscsa", unit, "--org", org, "--master-data", drugFile))
	recorded(rows)
	if len(rows) != 3 || rows[0]["Proprietary or established name"] != "Epcistra" || rows[0]["Lot number"] != "A123" || rows[0]["Kind of change"] != "change of ownership" ||
		rows[0]["Shipped in the logistic unit"] == "" || rows[0]["Number of containers of the lot in the shipment"] != "4" {
		t.Errorf("transactions: %v", rows)
	}
	recorded(rowsOf(t, l.must(ctx, t, "report", "suspect", unit, "--lot", "A124", "--org", org)))

	verify := func(code int, outcome string, args ...string) {
		t.Helper()
		r := l.run(ctx, t, append([]string{"report", "verify", "--org", org, "--json"}, args...)...)
		var v struct{ Outcome string }
		if err := json.Unmarshal([]byte(r.stdout), &v); err != nil || r.code != code || v.Outcome != outcome {
			t.Errorf("%v: exit code %d, %v %s %s", args, r.code, err, r.stdout, tail(r.stderr))
		}
	}
	verify(0, "verified", own(reporttest.Unit(4)), "--lot", "A123", "--expiry", fmt.Sprint(time.Now().Year() + 2)[2:]+"0331")
	verify(1, "mismatch", own(reporttest.Unit(4)), "--lot", "A124")
	verify(1, "not_found", own(reporttest.Unit(4))+"9")
	web.do(ctx, http.StatusOK, http.MethodGet, "/waybill/v1/reports/verify?epc="+url.QueryEscape(own(reporttest.Unit(4)))+"&lot=A123", "")
	web.do(ctx, http.StatusBadRequest, http.MethodGet, "/waybill/v1/reports/verify?epc=x", "")
	web.do(ctx, http.StatusNotFound, http.MethodGet, "/waybill/v1/reports/dscsa?epc="+url.QueryEscape(own(reporttest.Unit(77))), "")
	web.do(ctx, http.StatusNotFound, http.MethodGet, "/waybill/v1/reports/other", "")

	if r := l.run(ctx, t, "report", "dscsa", own(reporttest.Unit(77)), "--org", org, "--json"); r.code != 1 || r.stableCode(t) != "WB_REPORT_UNKNOWN_PRODUCT" {
		t.Errorf("a product that is not there: %d %s", r.code, tail(r.stderr))
	}
	if r := l.run(ctx, t, "report", "fsma", "x", "--org", org, "--json"); r.code != 1 || r.stableCode(t) != "WB_REPORT_ARGUMENT" {
		t.Errorf("no lot: %d %s", r.code, tail(r.stderr))
	}
}

// TestEndToEndTheTransactionOfGS1sPharmaExample captures GS1 US's DSCSA example as it is and finds its transaction
// for a unit that stands in a case on the pallet shipped, with the names from the document's own header.
func TestEndToEndTheTransactionOfGS1sPharmaExample(t *testing.T) {
	file := filepath.Join(testdata.Dir(t), "epcis", "xml", "1.2", "GS1_US_Pharma_Example_2_2_1_1.xml")
	ctx, l := endToEnd(t, 3*time.Minute)
	const org = "producer"
	l.serve(ctx, t, org, "--role", "api,readmodel")
	l.must(ctx, t, "capture", "--org", org, file)
	rows := rowsOf(t, l.must(ctx, t, "report", "dscsa", "urn:epc:id:sgtin:030001.0012345.17", "--org", org, "--master-data", file))
	if len(rows) != 1 {
		t.Fatalf("%d transactions", len(rows))
	}
	for title, want := range map[string]string{
		"Proprietary or established name":                 "Epcistra",
		"National Drug Code":                              "0001-0123-45",
		"Lot number":                                      "A123",
		"Number of containers of the lot in the shipment": "12",
		"Date of the transaction":                         "2023-04-01",
		"Ownership from: business name and address":       "GS1 Pharma, 1 Biopharm Ct, Suite A, Thousand Oaks, CA, 91320, US",
		"Ownership to: business name and address":         "GS1 Drug Distributor, 230 Park Ave S, Room 378, New York, NY, 10003-1502, US",
		"Document number":                                 "XYZPO189; DEL100",
		"Elements not on record":                          "",
	} {
		if rows[0][title] != want {
			t.Errorf("%s: %q, want %q", title, rows[0][title], want)
		}
	}
}
