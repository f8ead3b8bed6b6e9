package sequence

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/waybill-dev/waybill/analytics/calibrate"
)

// more times as many trials are run; the figures that are written down are of -more 4.
var more = flag.Int("more", 1, "times as many trials")

// errand is an honest journey whose way leads, one time in twenty, by one of a thousand places.
func errand(r *rand.Rand) []Step {
	s := journey(r)
	if r.IntN(20) == 0 {
		s[0].Place = fmt.Sprint("414/", r.IntN(1_000))
	}
	return s
}

func statistics(table *LaneTable, steps []Step) []calibrate.Stat {
	var out []calibrate.Stat
	for code, g := range signals(table, steps, 0, true) {
		out = append(out, calibrate.Stat{Name: code, Value: g.Ratio})
	}
	return out
}

// route is the statistic that knows the most of what it was fitted to.
func route(table *LaneTable, steps []Step) []calibrate.Stat {
	return []calibrate.Stat{{Name: CodeRoute, Value: signals(table, steps, 0, true)[CodeRoute].Ratio}}
}

func TestLanesFittedToTheReferencesKeepTheErrorRateAndFittedToAllDoNot(t *testing.T) {
	const n, alpha = 200, 10_000
	trials := 125 * *more
	r := rand.New(rand.NewPCG(5, 5))
	wrong := map[string]int{}
	found := 0
	for trial := range trials {
		shipments := make([][]Step, n)
		for i := range shipments {
			shipments[i] = errand(r)
		}
		cfg := calibrate.Config{Seed: uint64(trial)}
		references, _, err := calibrate.Split(n, cfg)
		if err != nil {
			t.Fatal(err)
		}
		some := make([][]Step, len(references))
		for i, at := range references {
			some[i] = shipments[at]
		}
		next, late := errand(r), ordinary(r)
		late[4].At += 72 * hour
		own, every := fit(t, some), fit(t, shipments)
		for _, c := range []struct {
			name  string
			lanes *LaneTable
			stats func(*LaneTable, []Step) []calibrate.Stat
		}{
			{"references", own, statistics},
			{"references, route alone", own, route},
			{"all, route alone", every, route},
		} {
			rows := make([][]calibrate.Stat, n)
			for i := range rows {
				rows[i] = c.stats(c.lanes, shipments[i])
			}
			table, err := calibrate.Fit(rows, cfg)
			if err != nil {
				t.Fatal(err)
			}
			if table.P(c.stats(c.lanes, next)).Guaranteed <= alpha {
				wrong[c.name]++
			}
			if c.name == "references" && table.P(c.stats(c.lanes, late)).Guaranteed <= alpha {
				found++
			}
		}
	}
	t.Logf("of %d honest journeys have p ≤ 0.01: %v; of delays by three days %.3f", trials, wrong, float64(found)/float64(trials))
	m, p := float64(trials), float64(alpha)/1_000_000
	limit := int(m*p + 4*math.Sqrt(m*p*(1-p)))
	if wrong["references"] > limit || wrong["references, route alone"] > limit {
		t.Errorf("%v, plausible are %d", wrong, limit)
	}
	if float64(wrong["all, route alone"]) <= 2*m*p {
		t.Errorf("%v: fitting to the calibrating shipments did no harm, so that this test shows nothing", wrong)
	}
	if float64(found) < 0.95*m {
		t.Errorf("%d of %d delays found", found, trials)
	}
}
