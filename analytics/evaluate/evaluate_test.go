package evaluate

import (
	"testing"
	"time"

	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

var now = time.Date(2026, 3, 14, 15, 0, 0, 0, time.UTC)

func TestPlantedFaultsAreFoundAndCleanShipmentsLeftAlone(t *testing.T) {
	m, err := score.Default()
	if err != nil {
		t.Fatal(err)
	}
	f, outcomes, err := Measure(m, simulate.Config{Now: now, Shipments: 60}, 1, 2, 3, 4, 5, 6, 7, 8)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", f)
	for _, o := range outcomes {
		if o.Truth.Fault == simulate.FaultNone {
			if o.Worst.Level != ledger.Clear {
				t.Errorf("clean %s (%s) got %s: %+v", o.Truth.Shipment, o.Truth.Product, o.Worst.Level, o.Worst.Reasons)
			}
		} else if !o.Found {
			t.Errorf("%s of %s not found: %s %+v", o.Truth.Fault, o.Truth.Product, o.Worst.Level, o.Worst.Reasons)
		}
		if !o.Final {
			t.Errorf("%s was not judged at its end", o.Truth.Shipment)
		}
		if err := ledger.CheckVerdict(o.Worst); err != nil {
			t.Errorf("the contract would refuse a verdict: %v", err)
		}
	}
}
