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
