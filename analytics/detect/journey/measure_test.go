package journey

import (
	"flag"
	"fmt"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
)

var measure = flag.Bool("measure", false, "measure what each statistic finds on simulated journeys")

// TestWhatEachStatisticFinds prints, for each fault and size, the share of simulated journeys in which each
// statistic is beyond 99 % of the clean ones, and the share beyond the threshold.
func TestWhatEachStatisticFinds(t *testing.T) {
	if !*measure {
		t.Skip("run with -measure")
	}
	for _, kind := range []struct {
		readings int
		step     ledger.Millis
	}{{540, minute}, {1000, 15 * minute}, {4000, minute}, {100, 10 * minute}} {
		var accepted []Readings
		for i := range 60 {
			accepted = append(accepted, lane(uint64(1_000_000+i), kind.readings, kind.step, fault{}))
		}
		ref, err := Fit(Default(), accepted)
		if err != nil {
			t.Fatal(err)
		}
		judge := func(seed int, f fault) Result {
			r, err := Judge(Default(), lane(uint64(seed), kind.readings, kind.step, f), &ref)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		clean := map[string][]int64{}
		const n = 400
		for i := range n {
			for _, s := range judge(i, fault{}).Statistics {
				clean[s.Name] = append(clean[s.Name], s.Ratio)
			}
		}
		names := []string{WindowEnergy, Discord, WindowResidual, ReferenceDistance}
		head := fmt.Sprintf("%d readings, %d min: ", kind.readings, kind.step/minute)
		line := head + "clean median/99%/alarms"
		for _, name := range names {
			slices.Sort(clean[name])
			alarms := 0
			for _, v := range clean[name] {
				if v >= 1_000_000 {
					alarms++
				}
			}
			if len(clean[name]) > 0 {
				line += fmt.Sprintf(" | %s %.2f/%.2f/%.3f", name, float64(clean[name][len(clean[name])/2])/1e6, float64(clean[name][len(clean[name])*99/100])/1e6, float64(alarms)/n)
			}
		}
		t.Log(line)
		for _, f := range []fault{
			{"excursion", 1},
			{"excursion", 2},
			{"excursion", 4},
			{"creep", 1},
			{"creep", 2},
			{"creep", 4},
			{"step", 0.5},
			{"step", 1},
			{"step", 2},
			{"doors", 15},
			{"doors", 30},
			{"doors", 60},
			{"defrost", 1},
			{"defrost", 2},
			{"whole", 0.7},
			{"whole", 1.5},
			{"spikes", 2},
			{"spikes", 5},
		} {
			found := map[string]int{}
			const runs = 100
			for i := range runs {
				somehow := false
				for _, s := range judge(100_000+i, f).Statistics {
					if s.Ratio > clean[s.Name][len(clean[s.Name])*99/100] {
						found[s.Name]++
						somehow = true
					}
				}
				if somehow {
					found["any"]++
				}
			}
			line := fmt.Sprintf("  %-10s %4.1f", f.name, f.size)
			for _, name := range append(names, "any") {
				line += fmt.Sprintf(" | %.2f", float64(found[name])/runs)
			}
			t.Log(line)
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	for _, step := range []ledger.Millis{minute, 5 * minute, 15 * minute} {
		b.Run(fmt.Sprintf("4000 readings %d minutes apart", step/minute), func(b *testing.B) {
			r := lane(1, 4000, step, fault{})
			for b.Loop() {
				if _, err := Judge(Default(), r, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
