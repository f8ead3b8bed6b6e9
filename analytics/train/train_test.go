package train

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/simulate"
)

var update = flag.Bool("update", false, "write the shipped model")

var day = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// shippedHistories are what the shipped model is fitted to: journeys of the simulator's usual kind, of
// every policy and lane about as many. Tests of detection use other seeds.
func shippedHistories(t testing.TB) []History {
	t.Helper()
	histories, err := Simulated(simulate.Config{Now: day, Shipments: 4_000, Items: 1, Faults: []simulate.Fault{}}, 1_000_001)
	if err != nil {
		t.Fatal(err)
	}
	return histories
}

func TestTheShippedModelIsWhatTrainingGives(t *testing.T) {
	if testing.Short() && !*update {
		t.Skip("trains on 4,000 journeys")
	}
	m, err := Fit(t.Context(), Config{ID: "coldchain-2", Source: "simulated clean journeys, not field data"}, shippedHistories(t))
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
