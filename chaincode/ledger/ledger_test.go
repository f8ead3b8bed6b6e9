package ledger_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
)

var start = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

// now is the time of every transaction here.
var now = ledger.MillisOf(start.Add(24 * time.Hour))

func by(msp string) ledger.Tx {
	return ledger.Tx{ID: "tx", Time: now, Actor: ledger.Actor{MSPID: msp, Subject: "s", Roles: []ledger.Role{ledger.RoleRecorder}}}
}

type fields map[string]any

// body makes the compact JSON of an event so many minutes after start.
func body(minute int, f fields) []byte {
	all := fields{
		"type": "ObjectEvent", "eventTimeZoneOffset": "+00:00",
		"eventTime": start.Add(time.Duration(minute) * time.Minute).Format(time.RFC3339),
	}
	maps.Copy(all, f)
	data, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return data
}

func read(t interface{ Fatal(...any) }, minute int, f fields) ledger.EventInput {
	context, err := epcis.ParseContext(nil)
	if err != nil {
		t.Fatal(err)
	}
	in, err := ledger.ReadEvent(context, nil, body(minute, f))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

const (
	item   = "https://id.gs1.org/01/09506000134352/21/1"
	other  = "https://id.gs1.org/01/09506000134352/21/2"
	pallet = "https://id.gs1.org/00/095060001343520014"
)

func object(action, step string) fields {
	f := fields{"action": action, "epcList": []string{item}}
	if step != "" {
		f["bizStep"] = step
	}
	return f
}

func aggregation(action string) fields {
	return fields{"type": "AggregationEvent", "action": action, "parentID": pallet, "childEPCs": []string{item}}
}

// staged gives the event a business step.
func staged(f fields, step string) fields {
	f["bizStep"] = step
	return f
}

// apply records an event and gives the states of all items and the findings that it raises.
func apply(items map[string]ledger.ItemState, in ledger.EventInput, tx ledger.Tx) []ledger.Finding {
	var findings []ledger.Finding
	for _, part := range in.Items {
		s, ok := items[part.EPC]
		if !ok {
			s.EPC = part.EPC
		}
		s = s.Apply(in, part.Role, tx)
		now, err := s.Judge(ledger.Rulebook{}, others(items), tx.Time)
		if err != nil {
			panic(err)
		}
		before := s.Open
		s.Open = nil
		for _, f := range now {
			s.Open = append(s.Open, f.Ref())
			if !slices.Contains(before, f.Ref()) {
				findings = append(findings, f)
			}
		}
		items[part.EPC] = s
	}
	return findings
}

// others is a shelf that holds items and no master data.
type others map[string]ledger.ItemState

func (others) Place(string) (*ledger.MasterDatum, error) { return nil, nil }
func (others) Lane(_, _ string) (*ledger.Lane, error)    { return nil, nil }

func (o others) Item(epc string) (ledger.ItemState, error) {
	s := o[epc]
	s.EPC = epc
	return s, nil
}

func TestItemsFollowTheirEvents(t *testing.T) {
	type step struct {
		msp    string
		minute int
		f      fields
	}
	for name, c := range map[string]struct {
		steps []step
		check func(t *testing.T, s ledger.ItemState)
	}{
		"commissioned": {
			[]step{{"A", 1, object("ADD", "commissioning")}},
			func(t *testing.T, s ledger.ItemState) {
				if s.Status != ledger.ItemActive || s.Custodian != "A" || s.CommissionedBy.IsZero() || s.BizStep != "commissioning" {
					t.Errorf("%+v", s)
				}
			},
		},
		"observed only": {
			[]step{{"A", 1, object("OBSERVE", "inspecting")}},
			func(t *testing.T, s ledger.ItemState) {
				if s.Status != ledger.ItemUnknown || s.Custodian != "" || s.LastEvent.IsZero() {
					t.Errorf("%+v", s)
				}
			},
		},
		"shipped and received": {
			[]step{{"A", 1, object("ADD", "commissioning")}, {"A", 2, object("OBSERVE", "shipping")}, {"B", 3, object("OBSERVE", "receiving")}},
			func(t *testing.T, s ledger.ItemState) {
				if s.Status != ledger.ItemActive || s.Custodian != "B" {
					t.Errorf("%+v", s)
				}
			},
		},
		"in transit by disposition": {
			[]step{{"A", 1, fields{"action": "OBSERVE", "epcList": []string{item}, "disposition": "in_transit"}}},
			func(t *testing.T, s ledger.ItemState) {
				if s.Status != ledger.ItemInTransit {
					t.Errorf("%+v", s)
				}
			},
		},
		"packed": {
			[]step{{"A", 1, aggregation("ADD")}},
			func(t *testing.T, s ledger.ItemState) {
				if s.Container != pallet {
					t.Errorf("%+v", s)
				}
			},
		},
		"unpacked by another": {
			[]step{{"A", 1, aggregation("ADD")}, {"B", 2, aggregation("DELETE")}},
			func(t *testing.T, s ledger.ItemState) {
				if s.Container != "" || s.Custodian != "B" {
					t.Errorf("%+v", s)
				}
			},
		},
		"consumed": {
			[]step{{"A", 1, fields{"type": "TransformationEvent", "inputEPCList": []string{item}, "outputEPCList": []string{other}}}},
			func(t *testing.T, s ledger.ItemState) {
				if s.Status != ledger.ItemDecommissioned || s.EndedBy.IsZero() {
					t.Errorf("%+v", s)
				}
			},
		},
		"last event's place": {
			[]step{{"A", 1, fields{
				"action": "OBSERVE", "epcList": []string{item},
				"readPoint": fields{"id": "urn:epc:id:sgln:0614141.00777.0"}, "bizLocation": fields{"id": "urn:epc:id:sgln:0614141.00888.0"},
			}}},
			func(t *testing.T, s ledger.ItemState) {
				if s.Place != "https://id.gs1.org/414/0614141008889" {
					t.Errorf("%+v", s)
				}
			},
		},
		"not shipped after all": {
			[]step{{"A", 1, object("ADD", "commissioning")}, {"A", 2, object("OBSERVE", "shipping")}, {"A", 3, object("OBSERVE", "void_shipping")}},
			func(t *testing.T, s ledger.ItemState) {
				if s.Status != ledger.ItemActive || s.Custodian != "A" {
					t.Errorf("%+v", s)
				}
			},
		},
		"packed while others are commissioned": {
			[]step{{"A", 1, object("ADD", "commissioning")}, {"A", 2, staged(aggregation("ADD"), "commissioning")}},
			func(t *testing.T, s ledger.ItemState) {
				if s.Container != pallet || s.CommissionedAt != ledger.MillisOf(start.Add(time.Minute)) {
					t.Errorf("%+v", s)
				}
			},
		},
		"unpacked from what is destroyed": {
			[]step{{"A", 1, object("ADD", "commissioning")}, {"A", 2, aggregation("ADD")}, {"A", 3, staged(aggregation("DELETE"), "destroying")}},
			func(t *testing.T, s ledger.ItemState) {
				if s.Container != "" || s.Status != ledger.ItemActive || !s.EndedBy.IsZero() {
					t.Errorf("%+v", s)
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			items := map[string]ledger.ItemState{}
			for _, s := range c.steps {
				if found := apply(items, read(t, s.minute, s.f), by(s.msp)); len(found) > 0 {
					t.Errorf("found %v", found)
				}
			}
			c.check(t, items[item])
		})
	}
}

func TestFindings(t *testing.T) {
	type step struct {
		msp    string
		minute int
		f      fields
	}
	commission := object("ADD", "commissioning")
	end := object("DELETE", "decommissioning")
	ship := object("OBSERVE", "shipping")
	receive := object("OBSERVE", "receiving")
	for name, c := range map[string]struct {
		steps []step
		want  []ledger.FindingCode
		// anyOrder: the same rule is found whichever event is recorded first.
		anyOrder bool
	}{
		"commissioned twice":              {[]step{{"A", 1, commission}, {"B", 2, commission}}, []ledger.FindingCode{ledger.FindingCommissionedTwice}, true},
		"commissioned again after end":    {[]step{{"A", 1, commission}, {"A", 2, end}, {"A", 3, commission}}, nil, false},
		"moved after end":                 {[]step{{"A", 1, end}, {"A", 2, ship}}, []ledger.FindingCode{ledger.FindingMovedAfterDecommission}, true},
		"packed after end":                {[]step{{"A", 1, end}, {"A", 2, aggregation("ADD")}}, []ledger.FindingCode{ledger.FindingMovedAfterDecommission}, true},
		"inspected after end":             {[]step{{"A", 1, end}, {"A", 2, object("OBSERVE", "inspecting")}}, nil, true},
		"destroyed after decommissioning": {[]step{{"A", 1, end}, {"A", 2, object("DELETE", "destroying")}}, nil, true},
		"moved before end":                {[]step{{"A", 1, ship}, {"A", 2, end}}, nil, true},
		"moved after it lived again":      {[]step{{"A", 1, end}, {"A", 2, commission}, {"A", 3, ship}}, nil, false},
		"shipped by who holds it":         {[]step{{"A", 1, commission}, {"A", 2, ship}}, nil, false},
		"shipped by who does not":         {[]step{{"A", 1, commission}, {"B", 2, ship}}, []ledger.FindingCode{ledger.FindingShippedByNonHolder}, true},
		"shipped on by who received":      {[]step{{"A", 1, commission}, {"A", 2, ship}, {"B", 3, receive}, {"B", 4, ship}}, nil, false},
		"shipped after it was received":   {[]step{{"A", 1, commission}, {"B", 3, receive}, {"A", 4, ship}}, []ledger.FindingCode{ledger.FindingReceivedWithoutShipping, ledger.FindingShippedByNonHolder}, false},
		"shipped before it was received":  {[]step{{"A", 1, commission}, {"A", 2, ship}, {"B", 3, receive}}, nil, false},
		"shipped without any history":     {[]step{{"B", 2, ship}}, nil, false},
		"shipped from within a container": {[]step{{"A", 1, commission}, {"A", 2, aggregation("ADD")}, {"B", 3, ship}}, nil, false},
		"packed and shipped in one":       {[]step{{"A", 1, commission}, {"B", 2, staged(aggregation("ADD"), "shipping")}}, nil, false},
		"unpacked and shipped in one":     {[]step{{"A", 1, commission}, {"A", 2, aggregation("ADD")}, {"B", 3, staged(aggregation("DELETE"), "shipping")}}, nil, false},
		"shipped by who unpacked it":      {[]step{{"A", 1, commission}, {"A", 2, aggregation("ADD")}, {"B", 3, aggregation("DELETE")}, {"B", 4, ship}}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			orders := [][]step{c.steps}
			if c.anyOrder {
				reversed := slices.Clone(c.steps)
				slices.Reverse(reversed)
				orders = append(orders, reversed)
			}
			for _, steps := range orders {
				items := map[string]ledger.ItemState{}
				var got []ledger.FindingCode
				for _, s := range steps {
					in := read(t, s.minute, s.f)
					for _, f := range apply(items, in, by(s.msp)) {
						if f.Item != item || f.Event != in.Hash && f.Other != in.Hash || f.Other.IsZero() || f.Detail == "" {
							t.Errorf("%+v", f)
						}
						got = append(got, f.Code)
					}
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("found %v, not %v", got, c.want)
				}
			}
		})
	}
}

// events draws events on two items and a pallet by two organisations.
func events() *rapid.Generator[[]ledger.EventInput] {
	one := rapid.Custom(func(t *rapid.T) ledger.EventInput {
		f := rapid.SampledFrom([]fields{
			object("ADD", "commissioning"), object("OBSERVE", "shipping"), object("OBSERVE", "receiving"), object("OBSERVE", ""),
			object("DELETE", "destroying"), aggregation("ADD"), aggregation("DELETE"), aggregation("OBSERVE"),
			{"type": "TransformationEvent", "inputEPCList": []string{item}, "outputEPCList": []string{other}},
			{"action": "OBSERVE", "epcList": []string{pallet, other}, "bizStep": "departing"},
			{"type": "AssociationEvent", "action": "ADD", "parentID": pallet, "childEPCs": []string{other, pallet}},
		}).Draw(t, "event")
		// Few different minutes, so that events meet at the same time.
		return read(t, rapid.IntRange(0, 4).Draw(t, "minute"), f)
	})
	return rapid.SliceOfN(one, 1, 12)
}

func TestItemStateIsTheSameForEveryOrderOfRecording(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := events().Draw(t, "events")
		record := func(order []ledger.EventInput) map[string]ledger.ItemState {
			items := map[string]ledger.ItemState{}
			recorded := map[ledger.Digest]bool{}
			for _, in := range order {
				if recorded[in.Hash] {
					continue
				}
				recorded[in.Hash] = true
				// The organisation is a function of the event: who recorded it is part of what happened.
				apply(items, in, by([]string{"A", "B"}[in.Hash[0]%2]))
			}
			return items
		}
		first := record(all)
		second := record(rapid.Permutation(all).Draw(t, "order"))
		if len(first) != len(second) {
			t.Fatalf("%d items, then %d", len(first), len(second))
		}
		for epc, s := range first {
			if !reflect.DeepEqual(second[epc], s) {
				t.Fatalf("%+v\n%+v", s, second[epc])
			}
		}
	})
}

func TestReadEventRefuses(t *testing.T) {
	context, err := epcis.ParseContext(nil)
	if err != nil {
		t.Fatal(err)
	}
	many := make([]string, ledger.MaxEventItems+1)
	for i := range many {
		many[i] = fmt.Sprintf("urn:x:%d", i)
	}
	long := "https://example.org/" + strings.Repeat("y", ledger.MaxRegisterBytes)
	for name, c := range map[string]struct {
		body string
		code string
	}{
		"not JSON":     {"{", epcis.CodeNotJSON},
		"not EPCIS":    {`{"type":"ObjectEvent"}`, epcis.CodeRequired},
		"not compact":  {strings.Replace(string(body(1, object("ADD", ""))), ":", ": ", 1), ledger.CodeMalformed},
		"too large":    {`{"a":"` + strings.Repeat("x", ledger.MaxEventBytes) + `"}`, ledger.CodeTooLarge},
		"many items":   {string(body(1, fields{"action": "ADD", "epcList": many})), ledger.CodeTooLarge},
		"long eventID": {string(body(1, fields{"action": "ADD", "epcList": []string{item}, "eventID": "urn:x:" + strings.Repeat("y", 2000)})), ledger.CodeTooLarge},
		"long item":    {string(body(1, fields{"action": "ADD", "epcList": []string{"urn:x:" + strings.Repeat("y", 2000)}})), ledger.CodeTooLarge},
		"long place":   {string(body(1, fields{"action": "ADD", "epcList": []string{item}, "bizLocation": fields{"id": long}})), ledger.CodeTooLarge},
		"long point":   {string(body(1, fields{"action": "ADD", "epcList": []string{item}, "readPoint": fields{"id": long}})), ledger.CodeTooLarge},
		"long step":    {string(body(1, object("ADD", long))), ledger.CodeTooLarge},
		"long state":   {string(body(1, fields{"action": "ADD", "epcList": []string{item}, "disposition": long})), ledger.CodeTooLarge},
	} {
		if _, err := ledger.ReadEvent(context, nil, []byte(c.body)); ledger.Code(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhiteSpaceInsideStringsIsContent(t *testing.T) {
	in := read(t, 1, fields{"action": "OBSERVE", "epcList": []string{item}, "https://example.org/ns#note": "a \\\" b\n c"})
	if in.Hash.IsZero() {
		t.Fatal("no hash")
	}
}

func TestEventsAreTheirContent(t *testing.T) {
	a := read(t, 1, object("ADD", "commissioning"))
	b := read(t, 2, object("ADD", "commissioning"))
	named := func(in ledger.EventInput, id string) ledger.EventInput {
		in.Claims = id
		return in
	}
	record := ledger.EventRecord{TxID: "first", BodyDigest: a.Body, MSPID: "A"}
	restated := a
	restated.Body = ledger.Digest{1}
	for name, c := range map[string]struct {
		in   ledger.EventInput
		view ledger.EventView
		want ledger.EventDecision
		err  error
	}{
		"new":                           {a, ledger.EventView{}, ledger.EventDecision{Status: ledger.StatusRecorded}, nil},
		"new with a name":               {named(a, "urn:a"), ledger.EventView{}, ledger.EventDecision{Status: ledger.StatusRecorded, ClaimsID: true}, nil},
		"again":                         {a, ledger.EventView{Recorded: &record}, ledger.EventDecision{Status: ledger.StatusDuplicate, RecordedIn: "first"}, nil},
		"again, its name another's":     {named(a, "urn:b"), ledger.EventView{Recorded: &record, Bearer: &b.Hash}, ledger.EventDecision{Status: ledger.StatusDuplicate, RecordedIn: "first"}, nil},
		"other text":                    {restated, ledger.EventView{Recorded: &record}, ledger.EventDecision{Status: ledger.StatusDuplicate, Restatement: true}, nil},
		"other text again":              {restated, ledger.EventView{Recorded: &record, Restated: &ledger.EventRecord{TxID: "second"}}, ledger.EventDecision{Status: ledger.StatusDuplicate, Restatement: true, RecordedIn: "second"}, nil},
		"other text, name":              {named(restated, "urn:a"), ledger.EventView{Recorded: &record}, ledger.EventDecision{Status: ledger.StatusDuplicate, Restatement: true, ClaimsID: true}, nil},
		"name of another":               {named(b, "urn:a"), ledger.EventView{Bearer: &a.Hash}, ledger.EventDecision{}, ledger.ErrConflict},
		"own name":                      {named(a, "urn:a"), ledger.EventView{Bearer: &a.Hash}, ledger.EventDecision{Status: ledger.StatusRecorded}, nil},
		"other text of name of another": {named(restated, "urn:b"), ledger.EventView{Recorded: &record, Bearer: &b.Hash}, ledger.EventDecision{}, ledger.ErrConflict},
	} {
		got, err := ledger.DecideEvent(c.in, c.view, by("A"), 0)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.Status != c.want.Status || got.Restatement != c.want.Restatement || got.RecordedIn != c.want.RecordedIn || got.ClaimsID != c.want.ClaimsID {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestOnlyTheRecorderDeclaresInError(t *testing.T) {
	original := read(t, 1, object("ADD", "commissioning"))
	f := object("ADD", "commissioning")
	f["errorDeclaration"] = fields{"declarationTime": start.Add(time.Hour).Format(time.RFC3339), "reason": "did_not_occur"}
	f["eventID"] = "urn:uuid:374d95fc-9457-4a51-bd6a-0bba133845a8"
	declaration := read(t, 1, f)
	if declaration.Hash != original.Hash || declaration.Claims != "" {
		t.Fatal("a declaration is its event and takes no name")
	}
	record := ledger.EventRecord{TxID: "first", BodyDigest: original.Body, MSPID: "A"}
	for msp, want := range map[string]bool{"A": true, "B": false} {
		d, err := ledger.DecideEvent(declaration, ledger.EventView{Recorded: &record}, by(msp), 0)
		if err != nil || !d.Restatement || d.DeclareInError != want || !d.Record.DeclaredInError {
			t.Errorf("%s: %+v %v", msp, d, err)
		}
		// The same words of another organisation, recorded before, take nothing from the recorder's.
		d, err = ledger.DecideEvent(declaration, ledger.EventView{Recorded: &record, Restated: &ledger.EventRecord{TxID: "second", MSPID: "C"}}, by(msp), 0)
		if err != nil || d.DeclareInError != want || (d.RecordedIn == "") != want {
			t.Errorf("%s after another: %+v %v", msp, d, err)
		}
	}
	record.DeclaredInError = true
	d, err := ledger.DecideEvent(declaration, ledger.EventView{Recorded: &record, Restated: &ledger.EventRecord{TxID: "second", MSPID: "A"}}, by("A"), 0)
	if err != nil || d.DeclareInError || d.RecordedIn != "second" {
		t.Errorf("declared twice: %+v %v", d, err)
	}
}

func TestEventIDsThatAreHashesClaimContent(t *testing.T) {
	plain := read(t, 1, object("ADD", ""))
	f := object("ADD", "")
	f["eventID"] = epcis.Hash(plain.Hash).String()
	if own := read(t, 1, f); own.Mismatch || own.Claims != "" || own.Hash != plain.Hash {
		t.Errorf("own hash: %+v", own)
	}
	f["eventID"] = epcis.Hash{1}.String()
	if wrong := read(t, 1, f); !wrong.Mismatch || wrong.Claims != "" {
		t.Errorf("other hash: %+v", wrong)
	} else if m := ledger.MismatchFinding(wrong); m.Event != plain.Hash || !strings.Contains(m.Detail, plain.Hash.String()) {
		t.Errorf("%+v", m)
	}
}

func TestEventsFromTheFutureAreRefused(t *testing.T) {
	for minute, want := range map[int]error{24*60 + 5: nil, 24*60 + 6: ledger.ErrFuture} {
		if _, err := ledger.DecideEvent(read(t, minute, object("ADD", "")), ledger.EventView{}, by("A"), 0); !errors.Is(err, want) {
			t.Errorf("%d minutes: %v", minute, err)
		}
	}
}

func segment(seq uint64, previous ledger.Digest, minute int) ledger.Segment {
	at := ledger.MillisOf(start.Add(time.Duration(minute) * time.Minute))
	return ledger.Segment{
		Device: "https://id.gs1.org/8004/4012345ABC", Seq: seq, Previous: previous,
		Times:    []ledger.Millis{at, at + 60_000},
		Channels: []ledger.Channel{{Quantity: ledger.Temperature, Values: []int32{5000, 5100}}},
	}
}

func TestSegmentsFollowEachOther(t *testing.T) {
	first := ledger.SegmentRecord{TxID: "first", Digest: ledger.Digest{1}, To: ledger.MillisOf(start.Add(10 * time.Minute))}
	second := segment(1, first.Digest, 11)
	for name, c := range map[string]struct {
		s      ledger.Segment
		view   ledger.SegmentView
		status ledger.Status
		err    error
	}{
		"first":                 {segment(0, ledger.Digest{}, 0), ledger.SegmentView{}, ledger.StatusRecorded, nil},
		"first with a past":     {segment(0, ledger.Digest{1}, 0), ledger.SegmentView{}, 0, ledger.ErrChain},
		"next":                  {second, ledger.SegmentView{Previous: &first}, ledger.StatusRecorded, nil},
		"gap":                   {second, ledger.SegmentView{}, 0, ledger.ErrGap},
		"other past":            {segment(1, ledger.Digest{2}, 11), ledger.SegmentView{Previous: &first}, 0, ledger.ErrChain},
		"earlier than the last": {segment(1, first.Digest, 10), ledger.SegmentView{Previous: &first}, 0, ledger.ErrOrder},
		"again":                 {second, ledger.SegmentView{Recorded: &ledger.SegmentRecord{TxID: "then", Digest: ledger.Digest{9}}, Previous: &first}, ledger.StatusDuplicate, nil},
		"other content":         {second, ledger.SegmentView{Recorded: &ledger.SegmentRecord{TxID: "then", Digest: ledger.Digest{8}}, Previous: &first}, 0, ledger.ErrReplay},
	} {
		record, status, err := ledger.DecideSegment(ledger.SegmentInput{Segment: c.s, Digest: ledger.Digest{9}}, c.view, by("A"), 3)
		if !errors.Is(err, c.err) || status != c.status {
			t.Errorf("%s: %v %v", name, status, err)
		}
		if status == ledger.StatusRecorded && (record.Index != 3 || record.Count != 2 || record.To-record.From != 60_000 || record.MSPID != "A") {
			t.Errorf("%s: %+v", name, record)
		}
	}
}

func TestReadingsMustBePlausible(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*ledger.Segment)
		err    error
	}{
		"as it should be":   {func(*ledger.Segment) {}, nil},
		"the year 2099":     {func(s *ledger.Segment) { s.Times[1] = ledger.MillisOf(time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)) }, ledger.ErrFuture},
		"the year 1970":     {func(s *ledger.Segment) { s.Times[0] = 0 }, ledger.ErrSchema},
		"twice at one time": {func(s *ledger.Segment) { s.Times[1] = s.Times[0] }, ledger.ErrSchema},
		"nothing":           {func(s *ledger.Segment) { s.Times = nil }, ledger.ErrMalformed},
		"below absolute 0":  {func(s *ledger.Segment) { s.Channels[0].Values[0] = -273_151 }, ledger.ErrSchema},
		"hotter than ovens": {func(s *ledger.Segment) { s.Channels[0].Values[0] = 300_001 }, ledger.ErrSchema},
		"half open door": {func(s *ledger.Segment) {
			s.Channels[0] = ledger.Channel{Quantity: ledger.Door, Values: []int32{0, 500}}
		}, ledger.ErrSchema},
		"open door": {func(s *ledger.Segment) {
			s.Channels[0] = ledger.Channel{Quantity: ledger.Door, Values: []int32{0, 1000}}
		}, nil},
		"too humid": {func(s *ledger.Segment) {
			s.Channels[0] = ledger.Channel{Quantity: ledger.RelativeHumidity, Values: []int32{0, 100_001}}
		}, ledger.ErrSchema},
		"unknown quantity":     {func(s *ledger.Segment) { s.Channels[0].Quantity = 77 }, ledger.ErrSchema},
		"missing value":        {func(s *ledger.Segment) { s.Channels[0].Values = []int32{1} }, ledger.ErrSchema},
		"channel twice":        {func(s *ledger.Segment) { s.Channels = append(s.Channels, s.Channels[0]) }, ledger.ErrSchema},
		"device not canonical": {func(s *ledger.Segment) { s.Device = "urn:epc:id:giai:4012345.ABC" }, ledger.ErrSchema},
		"too many": {func(s *ledger.Segment) {
			s.Times = make([]ledger.Millis, ledger.MaxSegmentReadings+1)
		}, ledger.ErrTooLarge},
	} {
		s := segment(0, ledger.Digest{}, 0)
		c.change(&s)
		if err := ledger.CheckSegment(s, now); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func device(t *testing.T, seed byte) ledger.Device {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(ed25519.NewKeyFromSeed(append(make([]byte, 31), seed)).Public())
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Device{ID: "https://id.gs1.org/8004/4012345ABC", Algorithm: ledger.KeyEd25519, PublicKey: der}
}

func TestDevicesKeepTheirKeyAndOwner(t *testing.T) {
	d := device(t, 1)
	registered, status, err := ledger.DecideDevice(d, nil, by("A"))
	if err != nil || status != ledger.StatusRecorded || registered.Owner != "A" || registered.RegisteredAt != now || registered.TxID != "tx" {
		t.Fatalf("%+v %v %v", registered, status, err)
	}
	if _, status, err = ledger.DecideDevice(d, &registered, by("A")); status != ledger.StatusDuplicate || err != nil {
		t.Errorf("again: %v %v", status, err)
	}
	if _, _, err = ledger.DecideDevice(device(t, 2), &registered, by("A")); !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("other key: %v", err)
	}
	if _, _, err = ledger.DecideDevice(d, &registered, by("B")); !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("other owner: %v", err)
	}
	for name, change := range map[string]func(*ledger.Device){
		"URN":             func(d *ledger.Device) { d.ID = "urn:epc:id:giai:4012345.ABC" },
		"no id":           func(d *ledger.Device) { d.ID = "" },
		"no key":          func(d *ledger.Device) { d.PublicKey = nil },
		"no PKIX":         func(d *ledger.Device) { d.PublicKey = []byte("key") },
		"other algorithm": func(d *ledger.Device) { d.Algorithm = ledger.KeyECDSAP256 },
	} {
		bad := device(t, 1)
		change(&bad)
		if err := ledger.CheckDevice(bad); !errors.Is(err, ledger.ErrSchema) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := ledger.CheckDevice(d); err != nil {
		t.Error(err)
	}
	for _, id := range []string{"https://id.gs1.org/01/09521321000012/21/1001", "urn:example:logger7"} {
		other := d
		other.ID = id
		if err := ledger.CheckDevice(other); !errors.Is(err, ledger.ErrMalformed) {
			t.Errorf("%s is no GIAI: %v", id, err)
		}
	}
}

func TestSendersAreChecked(t *testing.T) {
	key := ed25519.NewKeyFromSeed(append(make([]byte, 31), 1))
	d := device(t, 1)
	d.Owner = "A"
	payload := []byte("payload")
	good := ed25519.Sign(key, payload)
	for name, c := range map[string]struct {
		device    *ledger.Device
		signature []byte
		msp       string
		want      error
	}{
		"good":    {&d, good, "A", nil},
		"unknown": {nil, good, "A", ledger.ErrDevice},
		"other's": {&d, good, "B", ledger.ErrUnauthorised},
		"forged":  {&d, make([]byte, 64), "A", ledger.ErrSignature},
		"none":    {&d, nil, "A", ledger.ErrSignature},
	} {
		if err := ledger.CheckSender(d.ID, c.device, payload, c.signature, by(c.msp)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func policy() ledger.Policy {
	return ledger.Policy{
		ID: "refrigerated", Version: 1, Products: []string{"*", "https://id.gs1.org/01/09506000134352"},
		Low: 2000, High: 8000, ExcursionLow: 2000, ExcursionHigh: 15_000, ExcursionFor: 86_400_000,
		MKTMax: 8000, MKTOver: 86_400_000,
	}
}

func TestPoliciesMustMakeSense(t *testing.T) {
	if err := ledger.CheckPolicy(policy()); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*ledger.Policy){
		"no id":               func(p *ledger.Policy) { p.ID = "" },
		"id with a slash":     func(p *ledger.Policy) { p.ID = "a/b" },
		"id in capitals":      func(p *ledger.Policy) { p.ID = "A" },
		"version 0":           func(p *ledger.Policy) { p.Version = 0 },
		"no products":         func(p *ledger.Policy) { p.Products = nil },
		"products descend":    func(p *ledger.Policy) { slices.Reverse(p.Products) },
		"wrong check digit":   func(p *ledger.Policy) { p.Products = []string{"https://id.gs1.org/01/09506000134353"} },
		"a GTIN by itself":    func(p *ledger.Policy) { p.Products = []string{"09506000134352"} },
		"low above high":      func(p *ledger.Policy) { p.Low, p.High = p.High, p.Low },
		"excursion too close": func(p *ledger.Policy) { p.ExcursionHigh = 7000 },
		"negative span":       func(p *ledger.Policy) { p.Grace = -1 },
		"endless span":        func(p *ledger.Policy) { p.ExcursionFor = 1 << 50 },
		"MKT without a span":  func(p *ledger.Policy) { p.MKTOver = 0 },
		"freezing span only":  func(p *ledger.Policy) { p.FreezeFor = 1 },
		"too cold to be true": func(p *ledger.Policy) { v := int32(-300_000); p.FreezeBelow = &v },
	} {
		p := policy()
		change(&p)
		if err := ledger.CheckPolicy(p); !errors.Is(err, ledger.ErrSchema) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPolicyVersionsFollowEachOther(t *testing.T) {
	nobody := func(string) (string, error) { return "", nil }
	first := policy()
	first.SetBy, first.TxID = "A", "first"
	second := policy()
	second.Version, second.Products = 2, []string{"https://id.gs1.org/01/09506000134352"}
	d, err := ledger.DecidePolicy(second, ledger.PolicyView{Previous: &first, Owner: func(string) (string, error) { return second.ID, nil }}, by("A"))
	if err != nil || d.Status != ledger.StatusRecorded || !slices.Equal(d.Release, []string{"*"}) || d.Policy.SetBy != "A" {
		t.Errorf("next: %+v %v", d, err)
	}
	if d, err = ledger.DecidePolicy(policy(), ledger.PolicyView{Recorded: &first, Owner: nobody}, by("B")); err != nil || d.Status != ledger.StatusDuplicate || d.Policy.TxID != "first" {
		t.Errorf("again: %+v %v", d, err)
	}
	changed := policy()
	changed.High = 7000
	for name, c := range map[string]struct {
		p    ledger.Policy
		view ledger.PolicyView
		msp  string
		want error
	}{
		"gap":           {second, ledger.PolicyView{Owner: nobody}, "A", ledger.ErrConflict},
		"other's":       {second, ledger.PolicyView{Previous: &first, Owner: nobody}, "B", ledger.ErrUnauthorised},
		"other content": {changed, ledger.PolicyView{Recorded: &first, Owner: nobody}, "A", ledger.ErrConflict},
		"taken product": {policy(), ledger.PolicyView{Owner: func(string) (string, error) { return "frozen", nil }}, "A", ledger.ErrConflict},
	} {
		if _, err := ledger.DecidePolicy(c.p, c.view, by(c.msp)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func verdict() ledger.Verdict {
	return ledger.Verdict{
		Shipment: pallet, Window: 3, Model: "coldchain@0123abcd", Level: ledger.Quarantine, Score: 900_000,
		From: 1, To: 2, Trace: ledger.Digest{1}, Inputs: ledger.Digest{2}, Policy: "refrigerated/1",
		Reasons:  []ledger.Reason{{Code: "above_range", Contribution: 1_000_000}, {Code: "short", Contribution: -100_000}},
		Events:   []ledger.Digest{{3}},
		Segments: []ledger.SegmentRange{{Device: "https://id.gs1.org/8004/4012345ABC", First: 0, Last: 4, Digest: ledger.Digest{4}}},
	}
}

func TestAVerdictStatesWhatItsProbabilityRestsOn(t *testing.T) {
	for _, tail := range []bool{false, true} {
		v := verdict()
		v.Stratum, v.References, v.PValue, v.Lane = "cold|a>b", 99, 10_000, "a>b"
		if tail {
			v.Tail, v.PValue = true, 12 // a model may say less than the references resolve
		}
		if err := ledger.CheckVerdict(v); err != nil {
			t.Error(err)
		}
	}
}

func TestVerdictsMustBeWhole(t *testing.T) {
	if err := ledger.CheckVerdict(verdict()); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*ledger.Verdict){
		"shipment as a URN":      func(v *ledger.Verdict) { v.Shipment = "urn:epc:id:sscc:9506000.0134352001" },
		"model without digest":   func(v *ledger.Verdict) { v.Model = "coldchain" },
		"no level":               func(v *ledger.Verdict) { v.Level = 0 },
		"unknown level":          func(v *ledger.Verdict) { v.Level = 4 },
		"score above one":        func(v *ledger.Verdict) { v.Score = 1_000_001 },
		"negative p-value":       func(v *ledger.Verdict) { v.PValue = -1 },
		"ends before it begins":  func(v *ledger.Verdict) { v.From = 3 },
		"no trace":               func(v *ledger.Verdict) { v.Trace = ledger.Digest{} },
		"no inputs":              func(v *ledger.Verdict) { v.Inputs = ledger.Digest{} },
		"no evidence":            func(v *ledger.Verdict) { v.Events, v.Segments = nil, nil },
		"no reason":              func(v *ledger.Verdict) { v.Reasons, v.Score = nil, 0 },
		"another sum":            func(v *ledger.Verdict) { v.Score-- },
		"reason without code":    func(v *ledger.Verdict) { v.Reasons[0].Code = "" },
		"range backwards":        func(v *ledger.Verdict) { v.Segments[0].First = 5 },
		"policy without version": func(v *ledger.Verdict) { v.Policy = "refrigerated" },
		"policy version 01":      func(v *ledger.Verdict) { v.Policy = "refrigerated/01" },
		"references of nothing":  func(v *ledger.Verdict) { v.References = 5 },
		"tail of nothing":        func(v *ledger.Verdict) { v.Tail = true },
		"stratum without p":      func(v *ledger.Verdict) { v.Stratum, v.References, v.PValue = "cold|*", 99, 0 },
		"p beyond its reference": func(v *ledger.Verdict) { v.Stratum, v.References, v.PValue = "cold|*", 98, 10_000 },
		"lane of two words":      func(v *ledger.Verdict) { v.Lane = "here > there" },
		"negative count":         func(v *ledger.Verdict) { v.Reasons[0].Count = -1 },
	} {
		v := verdict()
		change(&v)
		if err := ledger.CheckVerdict(v); !errors.Is(err, ledger.ErrSchema) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*ledger.Verdict){
		"many events": func(v *ledger.Verdict) { v.Events = make([]ledger.Digest, ledger.MaxVerdictEvents+1) },
		"long ids": func(v *ledger.Verdict) {
			long := ledger.SegmentRange{Device: "urn:x:" + strings.Repeat("y", 900), Digest: ledger.Digest{1}}
			v.Segments = slices.Repeat([]ledger.SegmentRange{long}, ledger.MaxVerdictSegments)
		},
		"long detail": func(v *ledger.Verdict) { v.Reasons[0].Detail = strings.Repeat("x", ledger.MaxReasonTextBytes+1) },
		"long counterfactual": func(v *ledger.Verdict) {
			v.Reasons[0].Counterfactual = strings.Repeat("x", ledger.MaxReasonTextBytes+1)
		},
	} {
		v := verdict()
		change(&v)
		if err := ledger.CheckVerdict(v); !errors.Is(err, ledger.ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// shelf is a ledger that holds what its fields say.
type shelf struct {
	events   []ledger.Digest
	segments map[uint64]ledger.Digest
	policies []string
}

func (s shelf) HasEvent(hash ledger.Digest) (bool, error) {
	return slices.Contains(s.events, hash), nil
}

func (s shelf) SegmentOf(_ string, seq uint64) (*ledger.SegmentRecord, error) {
	if d, ok := s.segments[seq]; ok {
		return &ledger.SegmentRecord{Digest: d}, nil
	}
	return nil, nil
}

func (s shelf) HasPolicy(id string, version uint32) (bool, error) {
	return slices.Contains(s.policies, fmt.Sprintf("%s/%d", id, version)), nil
}

func TestEvidenceMustBeRecorded(t *testing.T) {
	whole := shelf{[]ledger.Digest{{3}}, map[uint64]ledger.Digest{4: {4}}, []string{"refrigerated/1"}}
	for name, c := range map[string]struct {
		l    shelf
		want error
	}{
		"all there":     {whole, nil},
		"no event":      {shelf{nil, whole.segments, whole.policies}, ledger.ErrUnknown},
		"no segment":    {shelf{whole.events, nil, whole.policies}, ledger.ErrUnknown},
		"other segment": {shelf{whole.events, map[uint64]ledger.Digest{4: {5}}, whole.policies}, ledger.ErrConflict},
		"no policy":     {shelf{whole.events, whole.segments, nil}, ledger.ErrUnknown},
	} {
		if err := ledger.CheckEvidence(verdict(), c.l); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAVerdictIsGivenOnce(t *testing.T) {
	recorded, status, err := ledger.DecideVerdict(verdict(), nil, by("A"))
	if err != nil || status != ledger.StatusRecorded || recorded.Scorer != "A" || recorded.TxID != "tx" || recorded.At != now {
		t.Fatalf("%+v %v %v", recorded, status, err)
	}
	if _, status, err = ledger.DecideVerdict(verdict(), &recorded, by("B")); status != ledger.StatusDuplicate || err != nil {
		t.Errorf("again: %v %v", status, err)
	}
	changes := []func(*ledger.Verdict){
		func(v *ledger.Verdict) { v.Final = true },
		func(v *ledger.Verdict) { v.Level = ledger.Inspect },
		func(v *ledger.Verdict) { v.Score++ },
		func(v *ledger.Verdict) { v.PValue++ },
		func(v *ledger.Verdict) { v.From-- },
		func(v *ledger.Verdict) { v.To++ },
		func(v *ledger.Verdict) { v.Reasons = v.Reasons[:1] },
		func(v *ledger.Verdict) { v.Events = nil },
		func(v *ledger.Verdict) { v.Segments = nil },
		func(v *ledger.Verdict) { v.Policy = "" },
		func(v *ledger.Verdict) { v.Trace[5]++ },
		func(v *ledger.Verdict) { v.Inputs[5]++ },
	}
	for i, change := range changes {
		v := verdict()
		change(&v)
		if _, _, err := ledger.DecideVerdict(v, &recorded, by("A")); !errors.Is(err, ledger.ErrConflict) {
			t.Errorf("change %d: %v", i, err)
		}
	}
}

func TestCodesSurviveTheirWayAsText(t *testing.T) {
	codes := map[string]bool{}
	for _, err := range []error{
		ledger.ErrMalformed, ledger.ErrSchema, ledger.ErrConflict, ledger.ErrUnauthorised, ledger.ErrTooLarge, ledger.ErrUnknown,
		ledger.ErrSignature, ledger.ErrGap, ledger.ErrReplay, ledger.ErrChain, ledger.ErrOrder, ledger.ErrDevice, ledger.ErrFuture, ledger.ErrSkew,
	} {
		text := "chaincode response 500, " + ledger.ErrorText(fmt.Errorf("input 3: %w", err))
		code, rest := ledger.ParseCode(text)
		if code != ledger.Code(err) || rest != "input 3: "+err.Error() || codes[code] {
			t.Errorf("%v: %q, %q", err, code, rest)
		}
		codes[code] = true
	}
	for text, want := range map[string]string{
		"": "", "nothing": "", "WB_": "", "WB_X": "WB_X", "a WB_A b WB_CONFLICT: c": "WB_CONFLICT", "x: WB_EPCIS_REQUIRED: $.a": "WB_EPCIS_REQUIRED",
	} {
		if code, _ := ledger.ParseCode(text); code != want {
			t.Errorf("%q: %q", text, code)
		}
	}
	if ledger.Code(errors.New("x")) != ledger.CodeInternal || ledger.Code(nil) != "" {
		t.Error("codes of no refusal")
	}
	if ledger.Code(fmt.Errorf("event: %w", epcis.Faults{{Code: epcis.CodeRequired}})) != epcis.CodeRequired {
		t.Error("a fault of an event has its own code")
	}
}

func TestRolesAndSkew(t *testing.T) {
	roles := ledger.ParseRoles("recorder, gateway,admin,recorder")
	if !slices.Equal(roles, []ledger.Role{ledger.RoleRecorder, ledger.RoleGateway}) {
		t.Error(roles)
	}
	actor := ledger.Actor{MSPID: "A", Roles: roles}
	if err := actor.Require(ledger.RoleGateway); err != nil {
		t.Error(err)
	}
	if err := actor.Require(ledger.RoleScorer); !errors.Is(err, ledger.ErrUnauthorised) {
		t.Error(err)
	}
	actor.MSPID = ""
	if err := actor.Require(ledger.RoleGateway); !errors.Is(err, ledger.ErrUnauthorised) {
		t.Error(err)
	}
	limit := ledger.Millis(ledger.MaxSkew.Milliseconds())
	for d, want := range map[ledger.Millis]error{0: nil, limit: nil, -limit: nil, limit + 1: ledger.ErrSkew, -limit - 1: ledger.ErrSkew} {
		if err := ledger.CheckSkew(now+d, now); !errors.Is(err, want) {
			t.Errorf("%d: %v", d, err)
		}
	}
}

func TestDigestsAreParsedAsTheyArePrinted(t *testing.T) {
	d := ledger.Digest{1, 2, 255}
	if back, err := ledger.ParseDigest(d.String()); err != nil || back != d {
		t.Error(back, err)
	}
	for _, bad := range []string{"", "zz", strings.Repeat("z", 64)} {
		if _, err := ledger.ParseDigest(bad); !errors.Is(err, ledger.ErrMalformed) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzReadEvent(f *testing.F) {
	f.Add(body(1, object("ADD", "commissioning")))
	f.Add(body(1, aggregation("DELETE")))
	context, err := epcis.ParseContext(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in, err := ledger.ReadEvent(context, nil, data)
		if err != nil {
			if ledger.Code(err) == ledger.CodeInternal {
				t.Fatal(err)
			}
			return
		}
		for _, part := range in.Items {
			s := ledger.ItemState{EPC: part.EPC}.Apply(in, part.Role, by("A"))
			if s.LastEvent != in.Hash {
				t.Fatalf("%+v", s)
			}
		}
	})
}

func BenchmarkReadEvent(b *testing.B) {
	context, err := epcis.ParseContext(nil)
	if err != nil {
		b.Fatal(err)
	}
	data := body(1, object("ADD", "commissioning"))
	for b.Loop() {
		if _, err := ledger.ReadEvent(context, nil, data); err != nil {
			b.Fatal(err)
		}
	}
}
