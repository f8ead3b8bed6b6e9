package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/api/report"
	"github.com/waybill-dev/waybill/api/report/reporttest"
	"github.com/waybill-dev/waybill/api/rest"
	"github.com/waybill-dev/waybill/api/rest/resttest"
)

// reporting is a server over a history.
func reporting(t *testing.T, source report.Source) *httptest.Server {
	t.Helper()
	store := resttest.New()
	server, err := rest.New(rest.Config{Capturer: store, Events: store, Queries: store, Subscriptions: store, Reports: source})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(server)
	t.Cleanup(s.Close)
	return s
}

// told is an answer about a report.
type told struct {
	status int
	header http.Header
	body   string
}

func ask(t *testing.T, s *httptest.Server, method, path string) (told, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL+"/waybill/v1/reports/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Client().Do(r)
	if err != nil {
		return told{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return told{res.StatusCode, res.Header, string(body)}, err
}

func TestReportsOverHTTP(t *testing.T) {
	drug, _ := reporttest.Drug(t)
	s := reporting(t, drug)
	unit := url.QueryEscape(reporttest.Unit(1))
	for path, want := range map[string]struct {
		status int
		holds  string
	}{
		"fsma":                                {200, "Critical tracking event,Traceability lot code"},
		"fsma?format=json":                    {200, `"report":"fsma204"`},
		"fsma?format=xlsx":                    {200, "PK\x03\x04"},
		"fsma?zone=Asia/Kolkata":              {200, "Event time (Asia/Kolkata)"},
		"fsma?from=2026-03-01T00:00:00Z":      {200, "shipping"},
		"dscsa?epc=" + unit:                   {200, "change of ownership"},
		"dscsa?gtin=09521321000216&serial=U1": {200, "change of ownership"},
		"suspect?epc=" + unit + "&lot=A124":   {200, "lot_differs"},
		"verify?epc=" + unit + "&lot=A123":    {200, `"outcome":"verified"`},
		"verify?epc=" + unit + "&lot=A124":    {200, `"outcome":"mismatch"`},
		"fsma?format=pdf":                     {400, "WB_REPORT_ARGUMENT"},
		"fsma?zone=Mars":                      {400, "WB_REPORT_ARGUMENT"},
		"fsma?from=yesterday":                 {400, "WB_REPORT_ARGUMENT"},
		"fsma?lot=x":                          {400, "WB_REPORT_ARGUMENT"},
		"fsma?lots=1":                         {400, "WB_REPORT_ARGUMENT"},
		"fsma?zone=UTC&zone=UTC":              {400, "WB_REPORT_ARGUMENT"},
		"dscsa":                               {400, "WB_REPORT_ARGUMENT"},
		"verify?epc=x":                        {400, "WB_REPORT_ARGUMENT"},
		"fsma?format=xlsx&lot=(01)09521321000216(10)NOBODY": {404, `"code":"WB_NOT_FOUND"`},
		"fsma?lot=(01)09521321000216(10)A123":               {200, "Critical tracking event"},
		"dscsa?epc=urn:epc:id:sgtin:9521321.000021.nobody":  {404, "WB_REPORT_UNKNOWN_PRODUCT"},
		"pedigree": {404, "no such report"},
	} {
		a, err := ask(t, s, http.MethodGet, path)
		if err != nil || a.status != want.status || !strings.Contains(a.body, want.holds) {
			t.Errorf("%s: %v %d %.300s", path, err, a.status, a.body)
		}
		if want.status != http.StatusOK && !json.Valid([]byte(a.body)) {
			t.Errorf("%s: the problem is no JSON: %.300s", path, a.body)
		}
	}
	a, err := ask(t, s, http.MethodHead, "fsma?format=xlsx")
	if err != nil || a.status != http.StatusOK || a.body != "" || !strings.Contains(a.header.Get("Content-Disposition"), `"fsma204.xlsx"`) || a.header.Get("Waybill-Ledger-Height") != "3" {
		t.Errorf("HEAD: %v %+v", err, a)
	}
	if a, err := ask(t, s, http.MethodPost, "fsma"); err != nil || a.status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %v %+v", err, a)
	}
	if a, err := ask(t, reporting(t, nil), http.MethodGet, "fsma"); err != nil || a.status != http.StatusNotFound {
		t.Errorf("a server without reports: %v %+v", err, a)
	}
}

// broken is a source that fails after its first events.
type broken struct{ *reporttest.Ledger }

var errBroken = errors.New("the database is gone")

func (b broken) Events(ctx context.Context, sel report.Selection) iter.Seq2[[]report.Record, error] {
	return func(yield func([]report.Record, error) bool) {
		for records, err := range b.Ledger.Events(ctx, sel) {
			many := make([]report.Record, 0, 4000*len(records)) // more than any buffer holds
			for range 4000 {
				many = append(many, records...)
			}
			if !yield(many, err) {
				return
			}
		}
		yield(nil, errBroken)
	}
}

func TestAReportThatBreaksOffDoesNotLookWhole(t *testing.T) {
	food, _ := reporttest.Food(t)
	if a, err := ask(t, reporting(t, broken{food}), http.MethodGet, "fsma"); err == nil {
		t.Errorf("%d with %d bytes and no error", a.status, len(a.body))
	}
}
