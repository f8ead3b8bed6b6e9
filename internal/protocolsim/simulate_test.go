package protocolsim

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

// Whatever the stake and however few look: dishonesty costs, honesty pays, and no wrong verdict becomes final.
func TestNoDishonestStrategyPays(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Rounds = rounds(t, 60)
	report, err := Simulate(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err = report.Text(&text); err != nil {
		t.Fatal(err)
	}
	t.Log(text.String())
	if graphs := report.Graphs(); len(graphs) != 2 || len(graphs[0].Curves) != 1+len(Strategies()) || len(graphs[1].Curves) != len(cfg.Watches) {
		t.Errorf("%+v", graphs)
	}
	for _, row := range report.Rows {
		switch {
		case row.Wrong > 0:
			t.Errorf("%+v", row)
		case row.Honest <= 0:
			t.Errorf("honesty does not pay: %+v", row)
		case row.None > 0:
			t.Errorf("rounds without a final verdict: %+v", row)
		case row.Claims != row.Refuted || (row.Claims == row.Rounds) != (row.Strategy == Objector):
			t.Errorf("false claims: %+v", row)
		case row.Strategy != Honest && row.Value >= 0:
			t.Errorf("dishonesty pays: %+v", row)
		}
	}
}

func TestEqualSeedsGiveEqualFigures(t *testing.T) {
	play := func(seed uint64) string {
		cfg := DefaultConfig()
		cfg.Seed, cfg.Rounds, cfg.Watches, cfg.Shares = seed, 25, []Watch{0.5}, []float64{0.1}
		report, err := Simulate(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(report.Rows)
	}
	first := play(1)
	if again := play(1); again != first {
		t.Errorf("%s\n%s", first, again)
	}
	if other := play(2); other == first {
		t.Error("the seed changes nothing")
	}
}

func TestWhatCannotBeSimulatedIsRefused(t *testing.T) {
	for what, change := range map[string]func(*Config){
		"few scorers":  func(c *Config) { c.Scorers = 3 },
		"many scorers": func(c *Config) { c.Scorers = ledger.MaxScorers + 1 },
		"no rounds":    func(c *Config) { c.Rounds = 0 },
		"little stake": func(c *Config) { c.Stake = 1 },
		"a majority":   func(c *Config) { c.Shares = []float64{0.5} },
		"a chance":     func(c *Config) { c.Watches = []Watch{2} },
		"a cost":       func(c *Config) { c.Fee = -1 },
		"a policy":     func(c *Config) { c.Policy.Wrong = 0 },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		if _, err := Simulate(t.Context(), cfg); !errors.Is(err, ErrConfig) && !errors.Is(err, ledger.ErrSchema) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
