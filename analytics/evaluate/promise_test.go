package evaluate

import (
	"testing"
	"time"

	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/internal/racing"
)

// everything is all that a logger can measure.
func everything() []ledger.Quantity {
	return []ledger.Quantity{ledger.Temperature, ledger.RelativeHumidity, ledger.Shock, ledger.Light, ledger.Door}
}

func studied(t *testing.T, clean, each int, cfg simulate.Config, plants []simulate.Plant) MethodReport {
	t.Helper()
	m, err := score.Default()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Now = now
	r, err := Study{Base: cfg, Clean: clean, Each: each, Methods: []Method{Engine(m)}, Plants: plants, Shifts: []Shift{}}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r.Methods[0]
}

// Seeds are none that the model was fitted to.
func TestTheShippedModelKeepsItsPromiseForEveryLoggerThatItKnows(t *testing.T) {
	if testing.Short() {
		t.Skip("judges 1,000 shipments")
	}
	for name, cfg := range map[string]simulate.Config{
		"two channels":                   {Seed: 550_001},
		"every channel":                  {Seed: 551_001, Channels: everything()},
		"each 5 minutes":                 {Seed: 552_001, Sampling: 5 * time.Minute},
		"every channel, each 10 minutes": {Seed: 553_001, Sampling: 10 * time.Minute, Channels: everything()},
		"frozen goods":                   {Seed: 554_001, Products: []string{"frozen fish"}},
	} {
		for _, p := range studied(t, 200, 1, cfg, []simulate.Plant{}).Promises {
			if p.Stated != 200 || !p.Kept {
				t.Errorf("%s: p ≤ %v for %d of %d, at most %d", name, p.Alpha, p.Alarms.Count, p.Stated, p.Most)
			}
		}
	}
}

func TestTheShippedModelFindsWhatOnlyOtherChannelsTell(t *testing.T) {
	racing.Pure(t)
	r := studied(t, 1, 20, simulate.Config{Seed: 555_001, Channels: everything()}, []simulate.Plant{
		{Fault: simulate.FaultShock, Size: 60}, {Fault: simulate.FaultShock, Size: 25}, {Fault: simulate.FaultOpened, Size: 90}, {Fault: simulate.FaultOpened, Size: 30},
	})
	for _, c := range r.Settings[0].Cases {
		if c.Found.Count < 18 || c.Named < 18 {
			t.Errorf("%s of %v %s: %d of 20 are found, %d for what they are", c.Fault, c.Size, c.Unit, c.Found.Count, c.Named)
		}
	}
}

func TestFrozenGoodsAreJudgedAsWellAsOthers(t *testing.T) {
	racing.Pure(t)
	r := studied(t, 1, 20, simulate.Config{Seed: 556_001, Products: []string{"frozen fish"}}, []simulate.Plant{
		{Fault: simulate.FaultDwell, Size: 15}, {Fault: simulate.FaultDelay, Size: 3}, {Fault: simulate.FaultLevelStep, Size: 2}, {Fault: simulate.FaultRouteDeviation, Size: 0.5},
	})
	for _, c := range r.Settings[0].Cases {
		if c.Found.Count < 17 {
			t.Errorf("%s of %v %s: %d of 20 are found", c.Fault, c.Size, c.Unit, c.Found.Count)
		}
	}
}
