package train

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/internal/racing"
)

var update = flag.Bool("update", false, "write the shipped model")

// everything is all that a logger can measure.
var everything = []ledger.Quantity{ledger.Temperature, ledger.RelativeHumidity, ledger.Shock, ledger.Light, ledger.Door}

var day = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// shippedHistories are what the shipped model is fitted to: journeys of the simulator's usual kind, of
// every policy, lane and sampling about as many. Tests of detection use other seeds.
func shippedHistories(t testing.TB) []History {
	t.Helper()
	var all []History
	for _, of := range []struct {
		seed     uint64
		sampling time.Duration
		n        int
	}{{1_000_001, time.Minute, 5_400}, {1_000_003, 5 * time.Minute, 2_200}, {1_000_005, 10 * time.Minute, 2_200}} {
		// Loggers measure all that there is to measure: one that measures less has fewer statistics, and is no odder by that.
		cfg := simulate.Config{Now: day, Shipments: of.n, Items: 1, Faults: []simulate.Fault{}, Sampling: of.sampling, Channels: everything}
		all = append(all, simulated(t, cfg, of.seed)...)
		// Two policies have one product each, the others two.
		cfg.Shipments, cfg.Products = of.n*35/100, []string{"frozen fish", "tablets 20-25 °C"}
		all = append(all, simulated(t, cfg, of.seed+1)...)
	}
	return all
}

func TestTheShippedModelIsWhatTrainingGives(t *testing.T) {
	if testing.Short() && !*update {
		t.Skip("trains on 13,230 journeys")
	}
	m, err := Fit(t.Context(), Config{ID: "coldchain-3", Source: "simulated clean journeys, not field data"}, shippedHistories(t))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("..", "score", "model.json")
	if *update {
		if err = os.WriteFile(path, m.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	shipped, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.Bytes(), shipped) {
		t.Error("training gives another model than the shipped one; run this test with -update")
	}
	if _, err := score.ParseModel(shipped); err != nil {
		t.Error(err)
	}
}

func TestTooLittleHistoryIsRefused(t *testing.T) {
	if _, err := Fit(t.Context(), Config{ID: "m"}, make([]History, leastSeries)); !errors.Is(err, ErrHistories) {
		t.Error(err)
	}
	if _, err := Fit(t.Context(), Config{ID: "m", Alpha: -1}, nil); !errors.Is(err, ErrConfig) {
		t.Error(err)
	}
}

// oneLane is the shipments of one product on one lane, so that few of them fill a stratum.
func oneLane(n int, plants ...simulate.Plant) simulate.Config {
	cfg := simulate.Config{Now: day, Shipments: n, Items: 1, Lanes: []string{"Basel - Lyon"}, Products: []string{"insulin 2-8 °C"}, Plants: plants}
	if len(plants) == 0 {
		cfg.Faults = []simulate.Fault{}
	}
	return cfg
}

func simulated(t testing.TB, cfg simulate.Config, seed uint64) []History {
	t.Helper()
	histories, err := Simulated(cfg, seed)
	if err != nil {
		t.Fatal(err)
	}
	return histories
}

func fitted(t testing.TB, cfg Config, histories []History) *score.Model {
	t.Helper()
	m, err := Fit(t.Context(), cfg, histories)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// judged gives the final verdict on a history.
func judged(t testing.TB, m *score.Model, h History) ledger.Verdict {
	t.Helper()
	e := score.New(m, h.Shipment, 0)
	for _, in := range h.Inputs {
		if err := e.Observe(in); err != nil {
			t.Fatal(err)
		}
	}
	return e.Judge(true)
}

func TestTheSameHistoriesGiveTheSameArtefact(t *testing.T) {
	histories := simulated(t, oneLane(340), 1)
	one := fitted(t, Config{ID: "m", Workers: 1}, histories)
	if many := fitted(t, Config{ID: "m", Workers: 4}, histories); many.Digest() != one.Digest() {
		t.Error("the number of workers changes the artefact")
	}
	racing.Pure(t)
	again := simulated(t, oneLane(340), 1)
	if same := fitted(t, Config{ID: "m"}, again); same.Digest() != one.Digest() {
		t.Error("the same histories give another artefact")
	}
	if other := fitted(t, Config{ID: "m", Seed: 1}, histories); other.Digest() == one.Digest() {
		t.Error("another division gives the same artefact")
	}
	if p := one.Parameters(); len(p.Strata) != 1 || p.Strata[0].Name != "refrigerated-medicine|9520001000010>9520003000018" || p.Strata[0].Table.Joint.N < 200 || p.Strata[0].Journey == nil || len(p.Lanes.Lanes) != 1 {
		t.Errorf("%d strata: %+v", len(p.Strata), p.Strata[0].Name)
	}
}

// poisoned puts faulty shipments in the place of every tenth.
func poisoned(t *testing.T, histories []History, seed uint64, plants []simulate.Plant) []History {
	t.Helper()
	n := len(histories) / 10
	var each []simulate.Plant
	for i := range n {
		each = append(each, plants[i%len(plants)])
	}
	faulty := simulated(t, oneLane(n, each...), seed)
	out := slices.Clone(histories)
	for i, h := range faulty {
		out[10*i+i%10] = h
	}
	return out
}

func TestATenthOfPoisonedHistoriesIsSurvived(t *testing.T) {
	racing.Pure(t)
	const n, tested = 400, 300
	clean := simulated(t, oneLane(n), 2)
	excursion := simulate.Plant{Fault: simulate.FaultExcursion, Size: 4}
	plain := fitted(t, Config{ID: "m"}, clean)
	further := simulated(t, oneLane(tested), 4)
	var planted []simulate.Plant
	for i := range 60 {
		planted = append(planted, []simulate.Plant{{Fault: simulate.FaultLevelStep, Size: 2}, {Fault: simulate.FaultDrift, Size: 8}, {Fault: simulate.FaultDefrost, Size: 4}}[i%3])
	}
	faulty := simulated(t, oneLane(60, planted...), 5)
	alarms := func(m *score.Model, histories []History) (count int) {
		for _, h := range histories {
			if v := judged(t, m, h); v.PValue > 0 && v.PValue <= m.Parameters().Alpha {
				count++
			}
		}
		return count
	}
	base := alarms(plain, faulty)
	for name, plants := range map[string][]simulate.Plant{
		"one fault": {excursion},
		"many faults": {
			excursion,
			{Fault: simulate.FaultFreeze, Size: 4},
			{Fault: simulate.FaultDrift, Size: 8},
			{Fault: simulate.FaultLevelStep, Size: 2},
			{Fault: simulate.FaultDefrost, Size: 4},
			{Fault: simulate.FaultStuck, Size: 4},
			{Fault: simulate.FaultUnitSlip, Size: 3},
			{Fault: simulate.FaultDwell, Size: 15},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := fitted(t, Config{ID: "m"}, poisoned(t, clean, 3, plants))
			false1, found := alarms(m, further), alarms(m, faulty)
			a, b := plain.Parameters().Drift, m.Parameters().Drift
			t.Logf("drift threshold %d for %d, floor %d for %d, %d trimmed; %d of %d clean alarm (%d without poison), %d of %d faults are found (%d)",
				b.Threshold, a.Threshold, b.SpreadFloor, a.SpreadFloor, m.Parameters().Strata[0].Table.Trimmed, false1, tested, alarms(plain, further), found, len(faulty), base)
			if b.Threshold > 5*a.Threshold/2 || b.Threshold < a.Threshold/2 || b.SpreadFloor > 2*a.SpreadFloor {
				t.Errorf("the drift is fitted to the poison: %+v, without it %+v", b, a)
			}
			if most := 9; false1 > most { // of 300 at an α of 0.01 and what trimming may cost, the 99.9th percentile
				t.Errorf("%d of %d clean shipments alarm", false1, tested)
			}
			if found < base*6/10 { // poison of the very kinds and sizes that are looked for is not all trimmed
				t.Errorf("%d of %d faults are found, without poison %d", found, len(faulty), base)
			}
		})
	}
}

func TestALedgersJourneysBecomeHistories(t *testing.T) {
	c := NewCollector(feature.DefaultLimits())
	var truth []simulate.Truth
	block := uint64(0)
	for j, err := range simulate.Journeys(oneLane(5)) {
		if err != nil {
			t.Fatal(err)
		}
		truth = append(truth, j.Truth)
		for _, a := range j.Actions {
			var tx wire.Transaction
			if a.Segment != nil {
				tx.Segments = []wire.RecordedSegment{{Segment: a.Segment.Readings}}
			}
			if a.Event != nil {
				parsed, err := epcis.ParseContext(a.Event.Context)
				if err != nil {
					t.Fatal(err)
				}
				in, err := ledger.ReadEvent(parsed, a.Event.Context, a.Event.Body)
				if err != nil {
					t.Fatal(err)
				}
				tx.Events = []wire.RecordedEvent{{Hash: in.Hash, Context: a.Event.Context, Body: a.Event.Body}}
			}
			block++
			c.Apply(block, tx)
		}
	}
	c.Apply(block+1, wire.Transaction{Verdicts: []ledger.Verdict{{Shipment: truth[2].Shipment, Level: ledger.Quarantine}}})
	if got := c.Histories(ledger.Quarantine); len(got) != 4 || slices.ContainsFunc(got, func(h History) bool { return h.Shipment == truth[2].Shipment }) {
		t.Errorf("%d histories", len(got))
	}
	for _, h := range c.Histories(ledger.Quarantine + 1) {
		readings := 0
		for _, in := range h.Inputs {
			readings += len(in.Times)
		}
		if readings < 300 {
			t.Errorf("%s has %d readings", h.Shipment, readings)
		}
	}
}
