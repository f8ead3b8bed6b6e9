package main

import (
	"context"
	"fmt"
	"io"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/waybill-dev/waybill/analytics/fleet"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/epcis"
)

// recordedTexts answers with events by their names.
type recordedTexts map[string]*waybillv1.Event

func (r recordedTexts) GetEvent(_ context.Context, in *waybillv1.GetEventRequest, _ ...grpc.CallOption) (*waybillv1.GetEventResponse, error) {
	e, ok := r[in.GetHash()]
	if !ok {
		return nil, status.Error(codes.NotFound, in.GetHash())
	}
	return &waybillv1.GetEventResponse{Event: e}, nil
}

// add records what a step says of a shipment at an hour, and gives the event's name.
func (r recordedTexts) add(step string, hour int, what string) string {
	name := fmt.Sprint(len(r))
	r[name] = &waybillv1.Event{BizStep: step, Body: fmt.Appendf(nil,
		`{"type":"ObjectEvent","eventTime":"2026-03-01T%02d:00:00Z","eventTimeZoneOffset":"+00:00","action":"OBSERVE","bizStep":%q,%s}`, hour, step, what)}
	return name
}

func kilograms(n string) string {
	return fmt.Sprintf(`"epcList":["urn:epc:id:sscc:9521321.0000000012"],"quantityList":[{"epcClass":"urn:epc:class:lgtin:9521321.000001.L1","quantity":%s,"uom":"KGM"}]`, n)
}

func TestALaneThatLosesALittleEachTimeIsTold(t *testing.T) {
	pallet, err := epcis.CanonicalEPC("urn:epc:id:sscc:9521321.0000000012")
	if err != nil {
		t.Fatal(err)
	}
	events := recordedTexts{}
	var verdicts []*waybillv1.Verdict
	ship := func(lane string, names ...string) {
		verdicts = append(verdicts, &waybillv1.Verdict{Shipment: pallet, Lane: lane, Events: names, To: at(len(verdicts) % 60)})
	}
	for i := range 120 {
		// Shipped on under way with less: the first shipping and the last receipt count.
		ship("a>b", events.add("shipping", 1, kilograms("100")), events.add("shipping", 3, kilograms("97")),
			events.add("receiving", 2, kilograms("97")), events.add("receiving", 9, kilograms("96")), events.add("inspecting", 10, kilograms("1")))
		came := "100"
		if i%2 == 0 {
			came = "99.6"
		}
		ship("c>d", events.add("shipping", 1, kilograms("100")), events.add("receiving", 9, kilograms(came)))
		ship("e>f", events.add("shipping", 1, `"epcList":["urn:epc:id:sscc:9521321.0000000012"]`), events.add("receiving", 2, kilograms("5")))
	}
	bar := newProgress(io.Discard, true, "", 0, "", "")
	defer bar.finish()
	rows, err := quantityRows(t.Context(), events, fleet.DefaultParams(), verdicts, bar)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, r := range rows {
		got[r.Kind+" "+r.Name+" "+r.Measure] = r.Drifts
		if r.Shipments != 120 || r.Drifts && (r.Since == "" || len(r.Oddest) == 0) {
			t.Errorf("%+v", r)
		}
	}
	want := map[string]bool{
		"lane a>b shortage": true, "lane a>b surplus": false, "supplier a shortage": true, "supplier a surplus": false,
		"lane c>d shortage": false, "lane c>d surplus": false, "supplier c shortage": false, "supplier c surplus": false,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v\nwant %v", got, want)
	}
}

func TestWhatAShipmentsEventsStateIsCompared(t *testing.T) {
	serials := func(n int) string {
		text := `"epcList":["urn:epc:id:sscc:9521321.0000000012"`
		for i := range n {
			text += fmt.Sprintf(`,"urn:epc:id:sgtin:9521321.000001.%d"`, i+1)
		}
		return text + "]"
	}
	shipment, err := epcis.CanonicalEPC("urn:epc:id:sscc:9521321.0000000012")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, sent, came  string
		shipped, received int64
	}{
		{"items, not the pallet itself", serials(10), serials(9), 1_000_000, 900_000},
		{"another unit is another amount", kilograms("10"), `"quantityList":[{"epcClass":"urn:epc:class:lgtin:9521321.000001.L1","quantity":10000,"uom":"GRM"}]`, 0, 0},
		{"more than was sent", kilograms("10"), kilograms("12.5"), 1_000_000, 1_250_000},
		{"nothing came", kilograms("10"), kilograms("0"), 1_000_000, 0},
		{"nothing was sent", kilograms("0"), kilograms("10"), 0, 0},
		{"absurdly more", kilograms("1e-300"), kilograms("1e300"), 1_000_000, 1_000_000_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			events := recordedTexts{}
			v := &waybillv1.Verdict{Shipment: shipment, Events: []string{events.add("shipping", 1, c.sent), events.add("receiving", 2, c.came)}}
			shipped, received, err := sentAndCame(t.Context(), events, v)
			if err != nil || shipped != c.shipped || received != c.received {
				t.Errorf("%d shipped, %d received, %v", shipped, received, err)
			}
		})
	}
	if _, _, err := sentAndCame(t.Context(), recordedTexts{}, &waybillv1.Verdict{Events: []string{"x"}}); status.Code(err) != codes.NotFound {
		t.Error(err)
	}
}
