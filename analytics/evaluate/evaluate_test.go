package evaluate

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/scorer"
	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/internal/racing"
)

var update = flag.Bool("update", false, "write the golden traces")

var now = time.Date(2026, 3, 14, 15, 0, 0, 0, time.UTC)

func TestPlantedFaultsAreFoundAndCleanShipmentsLeftAlone(t *testing.T) {
	racing.Pure(t)
	m, err := score.Default()
	if err != nil {
		t.Fatal(err)
	}
	f, outcomes, err := Measure(m, simulate.Config{Now: now, Shipments: 60}, 1, 2, 3, 4, 5, 6, 7, 8)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", f)
	if most := 10; f.Inspected > most { // of 416 at an α of 0.01, the 99th percentile
		t.Errorf("%d clean shipments inspected, more than %d contradict the model's α", f.Inspected, most)
	}
	for _, o := range outcomes {
		if o.Truth.Fault == simulate.FaultNone {
			// A share of α may be inspected, and only for what the statistics say.
			if o.Worst.Level == ledger.Quarantine || o.Worst.Level == ledger.Inspect && (o.Worst.PValue == 0 || o.Worst.PValue > m.Parameters().Alpha) {
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

func played(t *testing.T, m *score.Model, cfg simulate.Config) []ledger.Verdict {
	t.Helper()
	day, err := simulate.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	verdicts, err := Play(day, scorer.NewDocket(m, feature.DefaultLimits()))
	if err != nil {
		t.Fatal(err)
	}
	return verdicts
}

func TestVerdictsAreTheSameBitsEverywhere(t *testing.T) {
	racing.Pure(t)
	m, err := score.Default()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintln(&b, m.Name())
	for seed := range uint64(3) {
		for _, v := range played(t, m, simulate.Config{Seed: seed, Now: now, Shipments: 16, Items: 3}) {
			if v.Final {
				fmt.Fprintf(&b, "%s %d %s %d %s %s\n", v.Shipment, v.Window, v.Level, v.Score, v.Trace, v.Inputs)
			}
		}
	}
	path := filepath.Join("testdata", "traces.golden")
	if *update {
		if err = os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != b.String() {
		t.Error("traces differ from the golden ones; if the engine or the simulator was changed on purpose, run this test with -update")
	}
}

func TestADocketSavedAndRestoredAtAnyPointJudgesAlike(t *testing.T) {
	racing.Pure(t)
	m, err := score.Default()
	if err != nil {
		t.Fatal(err)
	}
	day, err := simulate.New(simulate.Config{Seed: 11, Now: now, Shipments: 12, Items: 4})
	if err != nil {
		t.Fatal(err)
	}
	straight, err := Play(day, scorer.NewDocket(m, feature.DefaultLimits()))
	if err != nil {
		t.Fatal(err)
	}
	r, d := NewRehearsal(), scorer.NewDocket(m, feature.DefaultLimits())
	var broken []ledger.Verdict
	for i, a := range day.Actions {
		tx, err := r.Record(a)
		if err != nil {
			t.Fatal(err)
		}
		broken = append(broken, d.Apply(uint64(i), tx)...)
		data, err := d.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		d = scorer.NewDocket(m, feature.DefaultLimits())
		if err = d.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		again, err := d.MarshalBinary()
		if err != nil || !bytes.Equal(data, again) {
			t.Fatalf("after action %d a restored docket saves other bytes (%v)", i, err)
		}
	}
	if len(straight) != len(broken) {
		t.Fatalf("%d verdicts, want %d", len(broken), len(straight))
	}
	for i := range straight {
		if straight[i].Trace != broken[i].Trace || straight[i].Inputs != broken[i].Inputs {
			t.Fatalf("verdict %d differs", i)
		}
	}
}
