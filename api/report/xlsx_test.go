package report

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/xuri/excelize/v2"
)

func TestAWorkbookGoesOnInAnotherSheet(t *testing.T) {
	var out bytes.Buffer
	w, err := newXLSX(&out, &Sheet{Name: "x", Title: "X", Columns: []Column{{Key: "n", Title: "N", Kind: Number}}, Notes: []string{"a note"}})
	if err != nil {
		t.Fatal(err)
	}
	w.maxRows = 4 // the titles and three rows
	for i := range 7 {
		if err := w.Row([]Value{CountOf(uint64(i))}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if have := fmt.Sprint(f.GetSheetList()); have != "[Report Report 2 Report 3 About]" {
		t.Errorf("sheets %s", have)
	}
	// Each sheet's view names the workbook's first; Excel takes a view that is not there badly.
	if views := f.WorkBook.BookViews; views == nil || len(views.WorkBookView) != 1 {
		t.Errorf("the workbook's views are %+v", views)
	}
	next := 0
	for _, sheet := range f.GetSheetList()[:3] {
		rows, err := f.GetRows(sheet)
		if err != nil || len(rows) < 2 || rows[0][0] != "N" {
			t.Fatalf("%s: %v %v", sheet, rows, err)
		}
		for _, r := range rows[1:] {
			if r[0] != fmt.Sprint(next) {
				t.Errorf("%s: %s where %d should be", sheet, r[0], next)
			}
			next++
		}
	}
	if next != 7 {
		t.Errorf("%d rows", next)
	}
	about, err := f.GetRows("About")
	if err != nil || fmt.Sprint(about[len(about)-1]) != "[Rows 7]" {
		t.Errorf("about: %v %v", about, err)
	}
}

func TestARowOfAnotherWidthIsRefused(t *testing.T) {
	for _, f := range []Format{CSV, XLSX, JSON} {
		w, err := NewWriter(f, &bytes.Buffer{}, &Sheet{Columns: []Column{{Key: "a"}, {Key: "b"}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Row([]Value{TextOf("x")}); !errors.Is(err, ErrArgument) {
			t.Errorf("%s: %v", f, err)
		}
	}
	if _, err := NewWriter("pdf", &bytes.Buffer{}, &Sheet{}); !errors.Is(err, ErrArgument) {
		t.Error(err)
	}
}

var errFull = errors.New("the disk is full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestAWriterThatFailsIsTold(t *testing.T) {
	for _, f := range []Format{CSV, XLSX, JSON} {
		w, err := NewWriter(f, full{}, &Sheet{Columns: []Column{{Key: "a", Title: "A"}}})
		for i := 0; err == nil && i < 1_000_000; i++ {
			err = w.Row([]Value{TextOf(fmt.Sprint("value ", i))})
		}
		if !errors.Is(err, errFull) {
			t.Errorf("%s: %v", f, err)
		}
	}
}

func FuzzVocabulariesAreReadOrRefused(f *testing.F) {
	f.Add([]byte(`{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"2026-06-01T00:00:00Z",` +
		`"epcisHeader":{"epcisMasterData":{"vocabularyList":[{"type":"x","vocabularyElementList":[{"id":"urn:epc:id:sgln:9521321.00001.0","attributes":[{"id":"urn:epcglobal:cbv:mda#name","attribute":"A"}]}]}]}},"epcisBody":{"eventList":[]}}`))
	f.Add([]byte(`<?xml version="1.0"?><epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:1" schemaVersion="1.2" creationDate="2026-06-01T00:00:00Z"><EPCISBody/></epcis:EPCISDocument>`))
	f.Fuzz(func(t *testing.T, document []byte) {
		v, err := ReadVocabulary(document)
		if err != nil && !errors.Is(err, ErrArgument) || err == nil && len(v) == 0 {
			t.Errorf("%v, %v", v, err)
		}
	})
}

func FuzzIdentitiesAreReadOrRefused(f *testing.F) {
	f.Add("urn:epc:id:sgtin:9521321.000021.U1", "", "", "270331")
	f.Add("", "09521321000216", "U1", "2027-03-31")
	f.Add("(01)09521321000025(10)L-77", "x", "%2F", "270300")
	f.Fuzz(func(t *testing.T, epc, gtin, serial, expiry string) {
		id, _, err := Identity{EPC: epc, GTIN: gtin, Serial: serial, Expiry: expiry}.parse()
		if err != nil && !errors.Is(err, ErrArgument) || err == nil && parts(id).serial == "" {
			t.Errorf("%q, %v", id, err)
		}
		if lot, err := LotOf(epc); err != nil && !errors.Is(err, ErrArgument) || err == nil && lot == "" {
			t.Errorf("%q, %v", lot, err)
		}
	})
}
