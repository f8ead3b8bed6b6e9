package report_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/api/report"
	"github.com/waybill-dev/waybill/api/report/reporttest"
)

func TestVerifyingAProduct(t *testing.T) {
	const canonical = "https://id.gs1.org/01/09521321000216/21/U1"
	right := report.Identity{EPC: reporttest.Unit(1), Lot: "A123", Expiry: "270331"}
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		identity report.Identity
		change   func(l *reporttest.Ledger)
		at       time.Time
		want     report.Outcome
		reasons  string
	}{
		"all that it bears is right":                   {identity: right, want: report.Verified},
		"by GTIN and serial number":                    {identity: report.Identity{GTIN: "9521321000216", Serial: "U1"}, want: report.Verified},
		"a Digital Link":                               {identity: report.Identity{EPC: canonical, Expiry: "2027-03-31"}, want: report.Verified},
		"day 00 of a barcode is the last of the month": {identity: report.Identity{EPC: canonical, Expiry: "270300"}, want: report.Verified},
		"another lot":                                  {identity: report.Identity{EPC: canonical, Lot: "A124"}, want: report.Mismatch, reasons: "lot_differs"},
		"another expiry date":                          {identity: report.Identity{EPC: canonical, Expiry: "2027-04-30"}, want: report.Mismatch, reasons: "expiry_differs"},
		"a serial number that nobody knows":            {identity: report.Identity{EPC: reporttest.Unit(99)}, want: report.NotFound, reasons: "unknown"},
		"a commissioning declared in error":            {identity: right, change: func(l *reporttest.Ledger) { l.DeclareError(0) }, want: report.NotFound, reasons: "commissioning_in_error"},
		"expired":                                      {identity: right, at: time.Date(2027, 4, 2, 0, 0, 0, 0, time.UTC), want: report.Suspect, reasons: "expired"},
		"on the last day it is not expired":            {identity: right, at: time.Date(2027, 3, 31, 23, 0, 0, 0, time.UTC), want: report.Verified},
		"recalled":                                     {identity: right, change: facts(report.ItemFacts{Known: true, Disposition: "recalled"}), want: report.Suspect, reasons: "disposition"},
		"decommissioned":                               {identity: right, change: facts(report.ItemFacts{Known: true, Status: "decommissioned", Ended: true}), want: report.Suspect, reasons: "no_longer_in_commerce"},
		"a grave finding":                              {identity: right, change: facts(report.ItemFacts{Known: true, Findings: []report.Finding{{Code: "shipped_by_non_holder", Grave: true}}}), want: report.Suspect, reasons: "finding:shipped_by_non_holder"},
		"a finding that a later event has closed":      {identity: right, change: facts(report.ItemFacts{Known: true, Findings: []report.Finding{{Code: "packed_in_two_places", Grave: true, Closed: true}}}), want: report.Verified},
		"commissioned by another than the registrant":  {identity: right, change: facts(report.ItemFacts{Known: true, Registrant: "OtherMSP"}), want: report.Suspect, reasons: "commissioned_by_another"},
		"a wrong lot and a recall are both told": {
			identity: report.Identity{EPC: canonical, Lot: "A124"}, change: facts(report.ItemFacts{Known: true, Disposition: "recalled"}), want: report.Mismatch, reasons: "lot_differs disposition",
		},
		"commissioned again": {identity: right, want: report.Suspect, reasons: "commissioned_twice", change: func(l *reporttest.Ledger) {
			l.Block(t, "OtherMSP", reporttest.Event("ObjectEvent", "2026-04-01T00:00:00Z", "+00:00", `"epcList":["`+reporttest.Unit(1)+`"]`, `"action":"ADD"`, `"bizStep":"commissioning"`))
		}},
		"observed, never commissioned": {identity: report.Identity{EPC: reporttest.Unit(7)}, want: report.NotFound, reasons: "never_commissioned", change: func(l *reporttest.Ledger) {
			l.Block(t, "OtherMSP", reporttest.Event("ObjectEvent", "2026-04-01T00:00:00Z", "+00:00", `"epcList":["`+reporttest.Unit(7)+`"]`, `"action":"OBSERVE"`))
		}},
		"a lot that the ledger does not state": {identity: report.Identity{EPC: reporttest.Unit(8), Lot: "A1"}, want: report.Mismatch, reasons: "lot_not_on_record", change: func(l *reporttest.Ledger) {
			l.Block(t, "OtherMSP", reporttest.Event("ObjectEvent", "2026-04-01T00:00:00Z", "+00:00", `"epcList":["`+reporttest.Unit(8)+`"]`, `"action":"ADD"`))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			l, _ := reporttest.Drug(t)
			if c.change != nil {
				c.change(l)
			}
			if c.at.IsZero() {
				c.at = now
			}
			v, err := report.Verify(t.Context(), l, c.identity, c.at)
			if err != nil {
				t.Fatal(err)
			}
			var codes []string
			for _, r := range v.Reasons {
				codes = append(codes, string(r.Code))
			}
			if v.Outcome != c.want || strings.Join(codes, " ") != c.reasons {
				t.Errorf("%s for %q, want %s for %q", v.Outcome, codes, c.want, c.reasons)
			}
			if (v.Commissioned == nil) != (v.Outcome == report.NotFound) {
				t.Errorf("commissioned by %v", v.Commissioned)
			}
		})
	}
}

func facts(f report.ItemFacts) func(*reporttest.Ledger) {
	return func(l *reporttest.Ledger) {
		l.Facts = map[string]report.ItemFacts{"https://id.gs1.org/01/09521321000216/21/U1": f}
	}
}

func TestWhatIsNoProductIsRefused(t *testing.T) {
	l, _ := reporttest.Drug(t)
	for _, id := range []report.Identity{
		{},
		{EPC: "x"},
		{EPC: reporttest.DrugPallet},
		{EPC: "https://id.gs1.org/01/09521321000217/21/U1"}, // check digit
		{EPC: "https://id.gs1.org/01/09521321000216"},
		{GTIN: "09521321000216"},
		{GTIN: "0952132100022", Serial: "1"},
		{GTIN: "09521321000216", Serial: "123456789012345678901"},
		{EPC: reporttest.Unit(1), GTIN: "09521321000216"},
		{EPC: reporttest.Unit(1), Expiry: "soon"},
		{EPC: reporttest.Unit(1), Lot: "123456789012345678901"},
	} {
		if _, err := report.Verify(t.Context(), l, id, time.Time{}); !errors.Is(err, report.ErrArgument) {
			t.Errorf("%+v: %v", id, err)
		}
	}
	for _, lot := range []string{"", "x", "(01)09521321000025", "(01)09521321000025(10)", "(01)0952132100002(10)A", "(01)09521321000026(10)A", reporttest.Unit(1), reporttest.DrugPallet} {
		if _, err := report.LotOf(lot); !errors.Is(err, report.ErrArgument) {
			t.Errorf("lot %q: %v", lot, err)
		}
	}
	noon := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for _, q := range []report.FoodQuery{{From: noon, Until: noon}, {From: noon.Add(time.Hour), Until: noon}} {
		if err := report.FoodTraceability(t.Context(), l, nil, q, (&reporttest.Table{}).Sink, nil); !errors.Is(err, report.ErrArgument) {
			t.Errorf("%v: %v", q, err)
		}
	}
	if _, err := report.ParseZone("Mars/Base"); !errors.Is(err, report.ErrArgument) {
		t.Error(err)
	}
	if err := report.Transactions(t.Context(), l, nil, report.DrugQuery{Identity: report.Identity{EPC: reporttest.Unit(99)}}, (&reporttest.Table{}).Sink); !errors.Is(err, report.ErrUnknownProduct) {
		t.Error(err)
	}
}
