package submit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/fabric/fabrictest"
	"github.com/waybill-dev/waybill/gateway/submit"
)

// parsed reads an event with those fields beside the obligatory ones.
func parsed(t *testing.T, fields string) *epcis.Event {
	t.Helper()
	e, err := epcis.ParseEvent(nil, []byte(`{"type":"ObjectEvent","eventTime":"2026-01-05T08:00:00.000Z","eventTimeZoneOffset":"+00:00","action":"OBSERVE",`+fields+`}`))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func keysOf(e *epcis.Event) []string { return submit.KeysOf(e, e.Hash()) }

func TestEventsShareAKeyWhereTheyBearOnTheSame(t *testing.T) {
	const item = `"epcList":["https://id.gs1.org/01/04012345123456/21/A"]`
	base := keysOf(parsed(t, item))
	for name, c := range map[string]struct {
		fields string
		share  bool
	}{
		"the same item":          {item + `,"bizStep":"inspecting"`, true},
		"the same item as a URN": {`"epcList":["urn:epc:id:sgtin:4012345.012345.A"],"bizStep":"inspecting"`, true},
		"another item":           {`"epcList":["https://id.gs1.org/01/04012345123456/21/B"]`, false},
		"its class only":         {`"epcList":[],"quantityList":[{"epcClass":"https://id.gs1.org/01/04012345123456","quantity":3}]`, false},
	} {
		keys := keysOf(parsed(t, c.fields))
		if got := slices.ContainsFunc(keys, func(k string) bool { return slices.Contains(base, k) }); got != c.share {
			t.Errorf("%s: %q and %q", name, base, keys)
		}
	}
	const other = `"epcList":["https://id.gs1.org/01/04012345123456/21/%s"],"eventID":"urn:uuid:5d8f4a0e-0000-4000-8000-000000000001"`
	a, b := keysOf(parsed(t, fmt.Sprintf(other, "C"))), keysOf(parsed(t, fmt.Sprintf(other, "D")))
	if !slices.ContainsFunc(a, func(k string) bool { return slices.Contains(b, k) }) {
		t.Errorf("one eventID: %q and %q", a, b)
	}
	transformation := func(side string) []string {
		const text = `{"type":"TransformationEvent","eventTime":"2026-01-05T08:00:00.000Z","eventTimeZoneOffset":"+00:00","transformationID":"urn:t:1",` +
			`"%s":[{"epcClass":"urn:epc:class:lgtin:4012345.012345.A","quantity":3,"uom":"KGM"}],"%s":["urn:epc:id:sgtin:4012345.012345.%s"]}`
		e, err := epcis.ParseEvent(nil, fmt.Appendf(nil, text, side+"QuantityList", side+"EPCList", side))
		if err != nil {
			t.Fatal(err)
		}
		return slices.DeleteFunc(keysOf(e), func(k string) bool { return strings.HasPrefix(k, "lot ") })
	}
	if a, b := transformation("input"), transformation("output"); !slices.ContainsFunc(a, func(k string) bool { return slices.Contains(b, k) }) {
		t.Errorf("one transformation: %q and %q", a, b)
	}
}

// TestEachKindGoesToItsFunctionInBatchesItAccepts decodes what is sent as the contracts do.
func TestEachKindGoesToItsFunctionInBatchesItAccepts(t *testing.T) {
	sizes := map[string][]int{}
	chaincode := func(function string, arguments [][]byte, v *fabrictest.View) ([]byte, error) {
		n, err := count(function, arguments[0])
		if err != nil {
			return nil, fabrictest.Refuse(ledger.Code(err), err.Error())
		}
		sizes[function] = append(sizes[function], n)
		v.Put(v.TxID(), []byte("x"))
		out := wire.Answers{Answers: make([]wire.Answer, n)}
		for i := range out.Answers {
			out.Answers[i].Status = ledger.StatusRecorded
		}
		return wire.Encode(out)
	}
	synctest.Test(t, func(t *testing.T) {
		running(t, fabrictest.New(chaincode), submit.Config{}, func(s *submit.Submitter) {
			calls := map[string]func() ([]submit.Outcome, error){
				wire.FnRecordEvents: func() ([]submit.Outcome, error) {
					return s.Events(t.Context(), slices.Repeat([]submit.Event{event("a")}, 3))
				},
				wire.FnRegisterDevices: func() ([]submit.Outcome, error) {
					return s.Devices(t.Context(), make([]ledger.Device, 3))
				},
				wire.FnRecordSegments: func() ([]submit.Outcome, error) {
					return s.Segments(t.Context(), slices.Repeat([]submit.Segment{segment(t, 90_000)}, 12))
				},
				wire.FnSetPolicies: func() ([]submit.Outcome, error) {
					return s.Policies(t.Context(), make([]ledger.Policy, 3))
				},
				wire.FnRecordVerdicts: func() ([]submit.Outcome, error) {
					return s.Verdicts(t.Context(), make([]ledger.Verdict, 3))
				},
			}
			for function, call := range calls {
				want := []int{3}
				if function == wire.FnRecordSegments {
					want = []int{11, 1} // the contract bounds the readings of a batch: a million
				}
				out, err := call()
				if n := len(out); err != nil || n < 3 || out[n-1].Status != ledger.StatusRecorded {
					t.Errorf("%s: %+v, %v", function, out, err)
				}
				if !slices.Equal(sizes[function], want) {
					t.Errorf("%s: batches of %v", function, sizes[function])
				}
			}
		})
	})
}

func count(function string, argument []byte) (int, error) {
	switch function {
	case wire.FnRecordEvents:
		b, err := wire.DecodeEventBatch(argument)
		return len(b), err
	case wire.FnRegisterDevices:
		b, err := wire.DecodeDeviceBatch(argument)
		return len(b.Devices), err
	case wire.FnRecordSegments:
		b, err := wire.DecodeSegmentBatch(argument)
		return len(b.Segments), err
	case wire.FnSetPolicies:
		b, err := wire.DecodePolicyBatch(argument)
		return len(b.Policies), err
	case wire.FnRecordVerdicts:
		b, err := wire.DecodeVerdictBatch(argument)
		return len(b.Verdicts), err
	}
	return 0, errors.New("no such function")
}

func segment(t *testing.T, times int) submit.Segment {
	t.Helper()
	s := ledger.Segment{Device: "d", Channels: []ledger.Channel{{Quantity: ledger.Temperature, Values: make([]int32, times)}}}
	for i := range times {
		s.Times = append(s.Times, ledger.Millis(i))
	}
	payload, err := wire.EncodeSegment(s)
	if err != nil {
		t.Fatal(err)
	}
	return submit.Segment{SignedSegment: wire.SignedSegment{Payload: payload, Signature: []byte("s")}, Device: "d"}
}

func TestNothingInNothingOut(t *testing.T) {
	out, err := submit.New(fabrictest.New(nil), submit.Config{}).Events(context.Background(), nil)
	if len(out) != 0 || err != nil {
		t.Errorf("%v, %v", out, err)
	}
}

func BenchmarkKeysOf(b *testing.B) {
	e, err := epcis.ParseEvent(nil, []byte(`{"type":"ObjectEvent","eventTime":"2026-01-05T08:00:00.000Z","eventTimeZoneOffset":"+00:00","action":"OBSERVE","epcList":["https://id.gs1.org/01/04012345123456/21/A"]}`))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		keysOf(e)
	}
}
