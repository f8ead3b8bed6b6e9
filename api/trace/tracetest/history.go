// Package tracetest holds what tests of traces need: random histories of events, a source in memory,
// and an oracle that works every answer out anew from the whole list of events, by replaying it moment
// by moment. The oracle shares no code with package trace. Only tests import it.
package tracetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

// Record is a recorded text of an event.
type Record struct {
	Hash     ledger.Digest
	MSPID    string
	Body     []byte
	Event    *epcis.Event
	Declares bool // the text declares the event in error
}

// New parses a body as an organisation records it.
func New(tb interface{ Fatal(...any) }, mspID string, body []byte) Record {
	ev, err := epcis.ParseEvent(nil, body)
	if err != nil {
		tb.Fatal(err, string(body))
	}
	return Record{Hash: ledger.Digest(ev.Hash()), MSPID: mspID, Body: body, Event: ev, Declares: ev.IsErrorDeclaration()}
}

// Standing gives the events that stand after texts were recorded in that order: the first text of each
// event, unless it or a later one of the same organisation declares it in error.
func Standing(records []Record) []Record {
	first := map[ledger.Digest]int{}
	void := map[ledger.Digest]bool{}
	for i, r := range records {
		at, ok := first[r.Hash]
		if !ok {
			first[r.Hash], at = i, i
		}
		if r.Declares && records[at].MSPID == r.MSPID {
			void[r.Hash] = true
		}
	}
	var standing []Record
	for _, i := range slices.Sorted(maps.Values(first)) {
		if !void[records[i].Hash] {
			standing = append(standing, records[i])
		}
	}
	return standing
}

// Hour is the time of an hour of a random history.
func Hour(n int) time.Time { return time.Date(2026, 3, 1, n, 0, 0, 0, time.UTC) }

// Identifiers of random histories, in the spellings that their events use.
func Identifiers() []string {
	return slices.Concat(instances(), containers(), classes(), []string{device})
}

// Canonical gives the identifiers that questions are asked about.
func Canonical() []string {
	var ids []string
	for _, id := range append(Identifiers(), "urn:epc:class:lgtin:9521321.000003.L1", "urn:epc:class:lgtin:9521321.000002.L-2") {
		c, err := epcis.CanonicalEPC(id)
		if err != nil {
			c = id
		}
		ids = append(ids, c)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

const device = "urn:epc:id:giai:9521321.logger1"

func instances() []string {
	return []string{
		"urn:epc:id:sgtin:9521321.000001.1", "urn:epc:id:sgtin:9521321.000001.2", "https://id.gs1.org/01/09521321000018/21/3",
		"https://example.com/01/09521321000018/10/L1/21/4", "https://id.gs1.org/01/09521321000018/10/L%2D2/21/2",
		"urn:epc:id:sgtin:9521321.000002.1", "urn:epc:id:sgtin:9521321.000002.2", "https://example.com/things/7",
	}
}

func containers() []string {
	return []string{
		"urn:epc:id:sscc:9521321.0000000001", "https://id.gs1.org/00/095213210000000029", "urn:epc:id:sscc:9521321.0000000003",
		"urn:epc:id:grai:9521321.00001.T1",
	}
}

func classes() []string {
	return []string{
		"urn:epc:class:lgtin:9521321.000001.L1", "https://id.gs1.org/01/09521321000018/10/L-2", "urn:epc:class:lgtin:9521321.000002.L1",
		"urn:epc:idpat:sgtin:9521321.000003.*",
	}
}

// Random makes a history of at most n events with deletions, declarations of error, corrections, late
// events and whatever else comes: nothing keeps a container from lying in itself, or an item from
// being made of what is made of it. The records are in the order in which they were recorded.
func Random(tb interface{ Fatal(...any) }, r *rand.Rand, n int) []Record {
	var records []Record
	for range 1 + r.IntN(n) {
		body := randomEvent(r)
		record := New(tb, pick(r, "ProducerMSP", "CarrierMSP"), encode(tb, body))
		records = append(records, record)
		if r.IntN(7) > 0 {
			continue
		}
		// A declaration of error, mostly with what is right instead.
		declared := maps.Clone(body)
		declaration := map[string]any{"declarationTime": stamp(Hour(40)), "reason": "incorrect_data"}
		if r.IntN(3) > 0 {
			right := randomEvent(r)
			right["eventTime"] = body["eventTime"]
			right["eventID"] = fmt.Sprintf("urn:uuid:%08d-0000-4000-8000-%012d", len(records), r.IntN(1_000_000))
			declaration["correctiveEventIDs"] = []any{right["eventID"]}
			records = append(records, New(tb, record.MSPID, encode(tb, right)))
		}
		declared["errorDeclaration"] = declaration
		by := record.MSPID
		if r.IntN(5) == 0 {
			by = pick(r, "ProducerMSP", "CarrierMSP") // another's word changes nothing
		}
		records = append(records, New(tb, by, encode(tb, declared)))
	}
	return records
}

// Shuffled gives the records in another order of recording that the ledger tells the same of: for an
// event that several organisations recorded, who was first stays first.
func Shuffled(r *rand.Rand, records []Record) []Record {
	first := map[ledger.Digest]string{}
	for _, rec := range records {
		if _, ok := first[rec.Hash]; !ok {
			first[rec.Hash] = rec.MSPID
		}
	}
	shuffled := slices.Clone(records)
	r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	seen := map[ledger.Digest]bool{}
	for i, rec := range shuffled {
		if seen[rec.Hash] {
			continue
		}
		seen[rec.Hash] = true
		for j := i; j < len(shuffled); j++ {
			if o := shuffled[j]; o.Hash == rec.Hash && o.MSPID == first[rec.Hash] {
				shuffled[i], shuffled[j] = o, rec
				break
			}
		}
	}
	return shuffled
}

func encode(tb interface{ Fatal(...any) }, body map[string]any) []byte {
	b, err := json.Marshal(body)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func stamp(t time.Time) string { return t.Format("2006-01-02T15:04:05.000Z07:00") }

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

// some picks at least least, mostly few.
func some(r *rand.Rand, least int, from []string) []any {
	n := least + r.IntN(3)
	out := []any{}
	for _, i := range r.Perm(len(from))[:min(n, len(from))] {
		out = append(out, from[i])
	}
	return out
}

func quantities(r *rand.Rand) []any {
	out := []any{}
	for range 1 + r.IntN(2) {
		q := map[string]any{"epcClass": pick(r, classes()...)}
		switch r.IntN(5) {
		case 0: // unstated
		case 1:
			q["quantity"], q["uom"] = 500+500*r.IntN(3), "GRM"
		default:
			q["quantity"] = 1 + r.IntN(2)
			if r.IntN(4) > 0 {
				q["uom"] = "KGM"
			}
		}
		out = append(out, q)
	}
	return out
}

func randomEvent(r *rand.Rand) map[string]any {
	ev := map[string]any{"eventTime": stamp(Hour(r.IntN(18))), "eventTimeZoneOffset": "+00:00"}
	if r.IntN(2) == 0 {
		ev["bizStep"] = pick(r, "receiving", "shipping", "accepting", "retail_selling", "dispensing", "packing", "inspecting", "transporting", "decommissioning", "commissioning")
	}
	if r.IntN(6) == 0 {
		ev["disposition"] = pick(r, "retail_sold", "dispensed", "in_transit", "active")
	}
	if r.IntN(3) == 0 {
		ev["readPoint"] = map[string]any{"id": pick(r, "urn:epc:id:sgln:9521321.00001.0", "urn:epc:id:sgln:9521321.00002.0")}
	}
	if r.IntN(4) == 0 {
		ev["bizLocation"] = map[string]any{"id": pick(r, "https://id.gs1.org/414/9521321000031", "https://example.com/places/4")}
	}
	objects := slices.Concat(instances(), containers())
	switch r.IntN(10) {
	case 0, 1, 2, 3:
		ev["type"] = "AggregationEvent"
		if r.IntN(6) == 0 {
			ev["type"] = "AssociationEvent"
			objects = append(objects, device)
		}
		ev["parentID"] = pick(r, containers()...)
		ev["action"] = pick(r, "ADD", "ADD", "ADD", "OBSERVE", "DELETE")
		if ev["action"] == "DELETE" && r.IntN(2) == 0 {
			return ev
		}
		if r.IntN(3) > 0 {
			ev["childEPCs"] = some(r, 1, objects)
		}
		if ev["childEPCs"] == nil || r.IntN(4) == 0 {
			ev["childQuantityList"] = quantities(r)
		}
		if ev["type"] == "AggregationEvent" && ev["action"] != "ADD" && r.IntN(5) == 0 {
			delete(ev, "parentID")
			if ev["action"] == "DELETE" {
				ev["action"] = "OBSERVE"
			}
		}
	case 4, 5, 6:
		ev["type"] = "TransformationEvent"
		if r.IntN(3) == 0 {
			ev["transformationID"] = pick(r, "https://example.com/runs/1", "https://example.com/runs/2")
		}
		part := r.IntN(8)
		if part != 0 || ev["transformationID"] == nil {
			ev["inputEPCList"] = some(r, 0, objects)
			ev["inputQuantityList"] = quantities(r)
		}
		if part != 1 || ev["transformationID"] == nil {
			ev["outputEPCList"] = some(r, 0, objects)
			ev["outputQuantityList"] = quantities(r)
		}
		for _, list := range []string{"inputEPCList", "outputEPCList"} {
			if l, ok := ev[list].([]any); ok && len(l) == 0 {
				delete(ev, list)
			}
		}
		if _, made := ev["outputQuantityList"]; made && r.IntN(3) == 0 {
			ev["ilmd"] = map[string]any{"cbvmda:lotNumber": pick(r, "L1", "L-2")}
		}
	case 7, 8:
		ev["type"], ev["action"] = "ObjectEvent", pick(r, "ADD", "OBSERVE", "OBSERVE", "DELETE")
		ev["epcList"] = some(r, 1, objects)
		if r.IntN(4) == 0 {
			ev["quantityList"] = quantities(r)
		}
		if ev["action"] == "ADD" && r.IntN(2) == 0 {
			ev["ilmd"] = map[string]any{"cbvmda:lotNumber": pick(r, "L1", "L-2")}
		}
	default:
		ev["type"], ev["action"] = "TransactionEvent", "OBSERVE"
		ev["bizTransactionList"] = []any{map[string]any{"type": "po", "bizTransaction": "urn:epc:id:gdti:9521321.00001.1"}}
		ev["epcList"] = some(r, 1, objects)
		if r.IntN(2) == 0 {
			ev["parentID"] = pick(r, containers()...)
		}
	}
	return ev
}
