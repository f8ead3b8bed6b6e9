package evaluate

import (
	"errors"
	"reflect"
	"testing"

	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/internal/racing"
)

// A journey that is played alone must come to the verdict of the day's: but for segments, which are
// not chained there, the inputs are the same.
func TestAShipmentAloneIsJudgedAsOneOfItsDay(t *testing.T) {
	racing.Pure(t)
	m, err := score.Default()
	if err != nil {
		t.Fatal(err)
	}
	cfg := simulate.Config{Seed: 5, Now: now, Shipments: 30, Items: 2}
	day, err := simulate.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	verdicts, err := Play(day, scorer.NewDocket(m, feature.DefaultLimits()))
	if err != nil {
		t.Fatal(err)
	}
	last := map[string]ledger.Verdict{}
	for _, v := range verdicts {
		last[v.Shipment] = v
	}
	n := 0
	for s, err := range Shipments(cfg) {
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(s.Truth, day.Truth[n]) {
			t.Fatalf("truth %+v, in the day %+v", s.Truth, day.Truth[n])
		}
		n++
		e := score.New(m, s.Truth.Shipment, 0)
		var v ledger.Verdict
		for _, step := range s.Steps {
			switch step.Kind {
			case feature.StepInput:
				_ = e.Observe(step.Input)
			case feature.StepJudge:
				if e.Due(step.Final, step.Forced) {
					v = e.Judge(step.Final)
				}
			default:
			}
		}
		want := last[s.Truth.Shipment]
		if v.Level != want.Level || v.Score != want.Score || v.Window != want.Window || v.Final != want.Final || v.From != want.From || v.To != want.To {
			t.Errorf("%s of %s: %s %d in window %d, in the day %s %d in window %d", s.Truth.Fault, s.Truth.Shipment, v.Level, v.Score, v.Window, want.Level, want.Score, want.Window)
		}
	}
	if n != len(day.Truth) {
		t.Errorf("%d shipments, want %d", n, len(day.Truth))
	}
	for _, err := range Shipments(simulate.Config{}) {
		if !errors.Is(err, simulate.ErrConfig) {
			t.Error(err)
		}
	}
}
