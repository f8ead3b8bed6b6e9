package server

import (
	"strings"
	"testing"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
)

// BenchmarkReadEvents is what the API does with events before they go to the ledger: parse,
// validate, hash, find the keys.
func BenchmarkReadEvents(b *testing.B) {
	s := &Server{limits: Limits{}.withDefaults()}
	const n = 300
	list := &waybillv1.EventList{}
	filler := strings.Repeat("x", 200)
	for i := range n {
		list.Events = append(list.Events, []byte(observed(i, `,"disposition":"in_transit","readPoint":{"id":"https://id.gs1.org/414/9521321000010"},"bizLocation":{"id":"https://id.gs1.org/414/9521321000010"},"eventID":"urn:uuid:`+filler+`"`)))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.listEvents(list, 0); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkReadDocument is the same for events of a document.
func BenchmarkReadDocument(b *testing.B) {
	s := &Server{limits: Limits{}.withDefaults()}
	const n = 300
	filler := strings.Repeat("x", 200)
	events := make([]string, n)
	for i := range events {
		events[i] = observed(i, `,"disposition":"in_transit","readPoint":{"id":"https://id.gs1.org/414/9521321000010"},"bizLocation":{"id":"https://id.gs1.org/414/9521321000010"},"eventID":"urn:uuid:`+filler+`"`)
	}
	document := []byte(`{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],"type":"EPCISDocument","schemaVersion":"2.0","creationDate":"2026-01-05T08:00:00.000Z","epcisBody":{"eventList":[` + strings.Join(events, ",") + `]}}`)
	b.ReportAllocs()
	for b.Loop() {
		read, err := s.documentEvents(document, waybillv1.DocumentFormat_DOCUMENT_FORMAT_JSON, 0)
		if err != nil || len(read) != n || read[0].faulty != nil {
			b.Fatal(err, len(read))
		}
	}
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "events/s")
}
