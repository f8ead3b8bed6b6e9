package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"google.golang.org/grpc"

	"github.com/waybill-dev/waybill/analytics/calibrate"
	"github.com/waybill-dev/waybill/analytics/fleet"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
)

// paged answers with verdicts in pages of a few, final or not as the filter says.
type paged struct {
	waybillv1.VerdictServiceClient
	verdicts []*waybillv1.Verdict
}

func (p paged) ListVerdicts(_ context.Context, r *waybillv1.ListVerdictsRequest, _ ...grpc.CallOption) (*waybillv1.ListVerdictsResponse, error) {
	all := slices.DeleteFunc(slices.Clone(p.verdicts), func(v *waybillv1.Verdict) bool { return r.GetFilter().GetFinalOnly() && !v.GetFinal() })
	from, _ := strconv.Atoi(r.GetPageToken())
	to := min(len(all), from+7)
	answer := &waybillv1.ListVerdictsResponse{Verdicts: all[from:to]}
	if to < len(all) {
		answer.NextPageToken = strconv.Itoa(to)
	}
	return answer, nil
}

func finalVerdict(i int, stratum string, p int64, tail bool) *waybillv1.Verdict {
	return &waybillv1.Verdict{
		Shipment: fmt.Sprintf("s%d", i), Final: true, Model: "m@1", Level: waybillv1.VerdictLevel_VERDICT_LEVEL_CLEAR, To: at(i % 60),
		PValueMillionths: p, Stratum: "cold|" + stratum, References: 199, Tail: tail, Lane: stratum,
	}
}

func TestDiscoveriesFollowTheLedgersOrder(t *testing.T) {
	var verdicts []*waybillv1.Verdict
	for i := range 40 {
		verdicts = append(verdicts, finalVerdict(i, "a>b", 500_000, false))
	}
	verdicts[3] = finalVerdict(3, "a>b", 20, true)
	again := finalVerdict(3, "a>b", 900_000, false) // late data: supersedes, and is no second test
	again.Window = 9
	under := finalVerdict(99, "a>b", 20, true)
	under.Final = false
	none := finalVerdict(98, "a>b", 0, false)
	other := finalVerdict(3, "a>b", 20, true)
	other.Model = "other@1" // a model's p-values are tested together
	verdicts = append(verdicts, again, under, none, other)
	var found []string
	tests := map[string]int64{}
	err := decisions(t.Context(), paged{verdicts: verdicts}, calibrate.LOND, 50_000, func(v *waybillv1.Verdict, d calibrate.Decision) error {
		tests[v.GetModel()] = d.Test
		if d.Reject {
			found = append(found, v.GetModel()+" "+v.GetShipment())
		}
		return nil
	})
	if err != nil || fmt.Sprint(found) != "[m@1 s3 other@1 s3]" || tests["m@1"] != 40 || tests["other@1"] != 1 {
		t.Errorf("%v %v %v", found, tests, err)
	}
}

func TestALaneWhoseShipmentsBecameOdderIsTold(t *testing.T) {
	var verdicts []*waybillv1.Verdict
	for i := range 200 {
		verdicts = append(verdicts, finalVerdict(2*i, "a>b", int64(1+(i*7919)%200)*5_000, false))
		p, tail := int64(1+(i*7919)%200)*5_000, false
		if i > 100 { // beyond every reference
			p, tail = 40, true
		}
		verdicts = append(verdicts, finalVerdict(2*i+1, "c>d", p, tail))
	}
	rows, err := laneRows(t.Context(), paged{verdicts: verdicts}, fleet.DefaultParams())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, r := range rows {
		got[r.Kind+" "+r.Name] = r.Drifts
		if r.Drifts && (len(r.Oddest) == 0 || r.Since == "") {
			t.Errorf("%+v", r)
		}
	}
	want := map[string]bool{"lane cold|a>b": false, "supplier a": false, "lane cold|c>d": true, "supplier c": true}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestRatesOfErrorsAreBetweenNothingAndOne(t *testing.T) {
	for _, v := range []float64{0, -0.1, 1, 2, 1e-9} {
		if _, err := rateOf("--fdr", v); err == nil {
			t.Errorf("%v is taken", v)
		}
	}
	if n, err := rateOf("--fdr", 0.05); n != 50_000 || err != nil {
		t.Error(n, err)
	}
}
