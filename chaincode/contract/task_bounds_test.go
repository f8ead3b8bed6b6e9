package contract_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

const paddedPallet = "urn:epc:id:sscc:9520001.4000000001"

// padded is a court on a list that is padded and leaves out what was done with the goods on their way.
type padded struct {
	*court

	omitted ledger.Reference
	packs   int // recorded for padding
	bytes   int // of the events that the list refers to
}

// entry is an event at a minute; filler bytes are in it that say nothing.
func (p *padded) entry(minute, filler int, fields map[string]any) wire.EventEntry {
	p.t.Helper()
	fields["eventTime"] = time.Date(2026, 3, 2, 8, minute, 0, 0, time.UTC).Format(time.RFC3339)
	fields["eventTimeZoneOffset"] = "+00:00"
	e := wire.EventEntry{}
	const parts = 20 // a string of an event is bounded too
	if filler > 0 {
		for i := range parts {
			n := filler / parts
			if i == 0 {
				n += filler % parts
			}
			fields[fmt.Sprintf("ex:f%02d", i)] = strings.Repeat("f", n)
		}
		e.Context = []byte(`["https://ref.gs1.org/standards/epcis/epcis-context.jsonld",{"ex":"https://example.com/"}]`)
	}
	var err error
	if e.Body, err = json.Marshal(fields); err != nil {
		p.t.Fatal(err)
	}
	return e
}

// record records events in a transaction of their own and gives references to them, and their bytes.
func (p *padded) record(entries ...wire.EventEntry) (refs []ledger.Reference, bytes int) {
	p.t.Helper()
	pack, err := wire.EncodePlainPack(entries)
	if err != nil {
		p.t.Fatal(err)
	}
	stub, answers, err := p.w.Invoke("rootA", wire.FnRecordEvents, pack, 0)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, a := range answers {
		if a.Status != ledger.StatusRecorded {
			p.t.Fatal(a)
		}
		refs = append(refs, ledger.Reference{Kind: ledger.RefEvent, Digest: a.Digest})
	}
	if codes, err := p.w.Commit(stub); err != nil || codes[0] != 0 {
		p.t.Fatal(codes, err)
	}
	return refs, sum(entries)
}

func sum(entries []wire.EventEntry) (bytes int) {
	for _, e := range entries {
		bytes += len(e.Context) + len(e.Body)
	}
	return bytes
}

// others are so many events of other things with so many bytes of filler in all.
func (p *padded) others(n, filler int) (entries []wire.EventEntry) {
	p.t.Helper()
	p.packs++
	for k := range n {
		rest := 0
		if k == 0 {
			rest = filler % n
		}
		entries = append(entries, p.entry(0, filler/n+rest, map[string]any{
			"type": "ObjectEvent", "action": "OBSERVE", "epcList": []string{fmt.Sprintf("urn:epc:id:sgtin:9520001.012345.%d", 10_000*p.packs+k)},
		}))
	}
	return entries
}

// large records other things of so many bytes, and gives references to them.
func (p *padded) large(bytes int) []ledger.Reference {
	p.t.Helper()
	without := sum(p.others(4, bytes/2))
	p.packs--
	refs, n := p.record(p.others(4, bytes/2+bytes-without)...)
	if n != bytes {
		p.t.Fatalf("events of %d bytes, not %d", n, bytes)
	}
	return refs
}

// newPadded gives the court of a list with so many packs and events more than its own, and then, if it is more, of so many bytes.
func newPadded(t *testing.T, packs, events, bytes int) *padded {
	t.Helper()
	p := &padded{court: newCourt(t)}
	step := func(minutes int, name string) map[string]any {
		return map[string]any{"type": "ObjectEvent", "action": "OBSERVE", "epcList": []string{paddedPallet}, "bizStep": name, "readPoint": map[string]any{"id": fmt.Sprintf("urn:epc:id:sgln:9520001.00000.%d", minutes)}}
	}
	measured := func(minutes int, celsius float64) map[string]any {
		e := step(minutes, "storing")
		e["sensorElementList"] = []any{map[string]any{"sensorReport": []any{map[string]any{"type": "Temperature", "value": celsius, "uom": "CEL"}}}}
		return e
	}
	list, n := p.record(p.entry(1, 0, step(1, "shipping")), p.entry(2, 0, measured(2, 5)))
	p.bytes = n
	for range packs {
		refs, n := p.record(p.others(events, 0)...)
		list, p.bytes = append(list, refs...), p.bytes+n
	}
	const large = 4_000_000 // of the 4 MiB that a pack may hold
	held, _ := p.record(append(p.others(4, large), p.entry(3, 0, step(3, "inspecting")))...)
	p.omitted = held[4]
	arrived, n := p.record(p.entry(9, 0, step(9, "receiving")))
	p.bytes += n
	for p.bytes < bytes {
		n := large
		if left := bytes - p.bytes; left < 2*large {
			n = max(left/2, min(left, large/2))
		}
		list, p.bytes = append(list, p.large(n)...), p.bytes+n
	}
	return p.opened(append(list, arrived...))
}

// opened has s0 and s1 answer the list, right or, where it cannot be re-executed, with what they like.
func (p *padded) opened(list []ledger.Reference) *padded {
	p.t.Helper()
	shipment, err := epcis.CanonicalEPC(paddedPallet)
	if err != nil {
		p.t.Fatal(err)
	}
	s := ledger.TaskStatement{Shipment: shipment, Window: 1, Model: p.task.Statement.Model, References: list}
	ruling, err := p.w.Judge(s)
	if err != nil {
		p.t.Fatal(err)
	}
	if p.bytes <= ledger.MaxTaskPackBytes && ruling.Fault != "" || p.bytes > ledger.MaxTaskPackBytes && (ruling.Fault == "" || ruling.Blame) {
		p.t.Fatalf("%d bytes: %s", p.bytes, ruling.Fault)
	}
	if s.Inputs = ruling.Inputs; ruling.Fault != "" {
		s.Inputs, ruling.Answer = ledger.Digest{7}, p.wrong
	}
	p.task.Statement, p.task.Truth = s, ruling
	if p.id, err = wire.TaskDigest(s); err != nil {
		p.t.Fatal(err)
	}
	p.must("s0", "open", "commit")
	p.must("s1", "commit")
	p.w.Advance(p.w.Policy.CommitFor)
	p.must("s0", "close", "reveal")
	p.must("s1", "reveal")
	return p
}

// A list may be padded to each bound of a task: what it leaves out can be claimed all the same. One that is beyond what can be
// re-executed, which does not show when it opens, is void as soon as anybody objects, and that costs nobody anything.
func TestAListAtTheBoundsOfATaskCanBeClaimedAgainst(t *testing.T) {
	for _, c := range []struct {
		what                 string
		packs, events, bytes int
		call                 string
		void                 bool
	}{
		{"as many references as may be", 1, ledger.MaxTaskReferences - 3, 0, "claim", false},
		{"as many packs as may be", ledger.MaxTaskPacks - 2, 2, 0, "claim", false},
		{"as many bytes as may be", 0, 0, ledger.MaxTaskPackBytes, "claim", false},
		{"a byte more", 0, 0, ledger.MaxTaskPackBytes + 1, "challenge", true},
		{"more than there is room for", 0, 0, ledger.MaxClaimPackBytes + 1, "claim", true},
	} {
		t.Run(c.what, func(t *testing.T) {
			p := newPadded(t, c.packs, c.events, c.bytes)
			last := uint32(len(p.task.Statement.References) - 1)
			op := ledger.TaskOperation{Challenge: &ledger.ChallengeTask{Task: p.id}}
			if c.call == "claim" {
				op.Challenge.Omitted, op.Challenge.At = &p.omitted, last
			}
			answers, err := p.w.Score("s2", op)
			if err != nil || answers[0].Status != ledger.StatusRecorded {
				t.Fatal(answers, err)
			}
			by := ledger.SettledNoWindow
			if v := p.view(); c.void != (v.Settlement != nil) || c.void == (len(v.Claims) == 1) {
				t.Fatalf("%+v %+v", v.Settlement, v.Claims)
			}
			if !c.void {
				by = ledger.SettledOmission
				p.w.Advance(p.w.Policy.ChallengeFor)
				p.must("s1", "settle")
			}
			if v := p.view(); v.Phase() != ledger.TaskVoid || v.Settlement.By != by || len(v.Settlement.Wrong) > 0 {
				t.Errorf("%+v", v.Settlement)
			}
			for _, who := range []string{"s0", "s1", "s2"} {
				if got := p.bonded(who); got != 10_000 {
					t.Errorf("%s has %d bonded", who, got)
				}
			}
		})
	}
}
