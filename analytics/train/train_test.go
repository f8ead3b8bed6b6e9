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

// shippedHistories are what the shipped model is fitted to: short and long journeys, fast and slow
// loggers. Tests of detection use other seeds.
func shippedHistories(t *testing.T) []Series {
	t.Helper()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var all []Series
	for i, cfg := range []simulate.Config{
		{Shipments: 400, Items: 1},
		{Shipments: 200, Items: 1, Sampling: 5 * time.Minute},
		{Shipments: 100, Items: 1, Journey: 60 * time.Hour, Sampling: 2 * time.Minute},
	} {
		cfg.Now = now
		series, err := SimulatedSeries(cfg, 1_000_001+uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, series...)
	}
	return all
}

func TestTheShippedModelIsWhatTrainingGives(t *testing.T) {
	m, err := Fit(Config{ID: "coldchain-1", Source: "simulated clean journeys, not field data"}, shippedHistories(t))
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
		t.Errorf("training gives another model than the shipped one; run this test with -update\n%s", m.Bytes())
	}
	if _, err := score.ParseModel(shipped); err != nil {
		t.Error(err)
	}
}

func TestTooLittleHistoryIsRefused(t *testing.T) {
	if _, err := Fit(Config{ID: "m"}, make([]Series, leastSeries-1)); !errors.Is(err, ErrHistories) {
		t.Error(err)
	}
	if _, err := Fit(Config{ID: "m"}, make([]Series, leastSeries)); !errors.Is(err, ErrHistories) {
		t.Error(err)
	}
}
