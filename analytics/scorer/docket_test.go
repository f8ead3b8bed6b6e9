package scorer_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/analytics/evaluate"
	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/analytics/simulate"
)

func TestWhatIsSavedAgainWithoutEncodingIsWhatEncodingGives(t *testing.T) {
	m, err := score.Default()
	if err != nil {
		t.Fatal(err)
	}
	day, err := simulate.New(simulate.Config{Seed: 21, Now: time.Date(2026, 3, 14, 15, 0, 0, 0, time.UTC), Shipments: 8, Items: 2})
	if err != nil {
		t.Fatal(err)
	}
	r, d := evaluate.NewRehearsal(), scorer.NewDocket(m, feature.DefaultLimits())
	for i, a := range day.Actions {
		tx, err := r.Record(a)
		if err != nil {
			t.Fatal(err)
		}
		d.Apply(uint64(i), tx)
		if i%5 != 0 {
			continue
		}
		saved, err := d.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		fresh := scorer.NewDocket(m, feature.DefaultLimits())
		if err = fresh.UnmarshalBinary(saved); err != nil {
			t.Fatal(err)
		}
		again, err := fresh.MarshalBinary()
		if err != nil || !bytes.Equal(saved, again) {
			t.Fatalf("after action %d the docket saves what it no longer is (%v)", i, err)
		}
	}
}
