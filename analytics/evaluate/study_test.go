package evaluate

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
)

var study = flag.String("study", "", "make the whole study and write FILE.txt, FILE.csv and FILE.json")

func methods(t testing.TB, reference int) []Method {
	t.Helper()
	m, err := score.Default()
	if err != nil {
		t.Fatal(err)
	}
	baselines, err := Baselines(7, Shipments(simulate.Config{Seed: 770_001, Now: now, Shipments: reference, Plants: []simulate.Plant{}}))
	if err != nil {
		t.Fatal(err)
	}
	return append([]Method{Engine(m)}, baselines...)
}

func TestTheWholeStudy(t *testing.T) {
	if *study == "" {
		t.Skip("takes minutes; run it with -study FILE")
	}
	r, err := Study{Base: simulate.Config{Seed: 880_001, Now: now}, Methods: methods(t, 400)}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var text, table bytes.Buffer
	if err := errors.Join(r.Text(&text), r.CSV(&table)); err != nil {
		t.Fatal(err)
	}
	raw, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{".txt": text.Bytes(), ".csv": table.Bytes(), ".json": raw} {
		if err := os.WriteFile(*study+name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAStudyIsRepeatableAndComplete(t *testing.T) {
	s := Study{
		Base: simulate.Config{Seed: 41, Now: now}, Clean: 40, Each: 4, Methods: methods(t, 40),
		Plants: []simulate.Plant{{Fault: simulate.FaultExcursion, Size: 8}, {Fault: simulate.FaultDropout, Size: 3}, {Fault: simulate.FaultDiverted}},
		Shifts: Shifts()[:2],
	}
	run := func(workers int) *Report {
		s.Workers = workers
		r, err := s.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range r.Methods {
			r.Methods[i].Microseconds = 0
		}
		return r
	}
	one, two := run(1), run(3)
	a, err := json.Marshal(one)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(two)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Error("how many shipments are judged at a time changes the report")
	}
	if len(one.Methods) != 5 || len(one.Methods[0].Settings) != 3 || len(one.Methods[0].Settings[0].Cases) != 3 {
		t.Fatalf("%+v", one)
	}
	for _, j := range one.Methods {
		for _, o := range j.Settings[1:] {
			if o.FalseAlarms.Rate() > o.Alpha {
				t.Errorf("%s alarms on %v of clean shipments where %v was asked for", j.Name, o.FalseAlarms.Rate(), o.Alpha)
			}
		}
	}
	if c := one.Methods[0].Settings[0].Cases; c[0].Found.Rate() != 1 || c[2].Found.Rate() != 1 || c[2].Named != 4 {
		t.Errorf("the engine found %+v", c)
	}
	var text, table bytes.Buffer
	if err := errors.Join(one.Text(&text), one.CSV(&table)); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&table).ReadAll()
	if err != nil || len(rows) != 1+5*3*3 {
		t.Errorf("%d rows (%v)", len(rows), err)
	}
	for _, word := range []string{"waybill", "half-space trees", "excursion", "8 °C", "not field data"} {
		if !strings.Contains(text.String(), word) {
			t.Errorf("the text does not say %q\n%s", word, &text)
		}
	}
}

// oracle judges by the truth: what a perfect judge's report looks like, and one that only guesses.
type oracle struct{ early bool }

func (oracle) Name() string    { return "oracle" }
func (oracle) Setting() string { return "told" }
func (o oracle) Judge(s *Shipment) (j Judgement, err error) {
	at := ledger.MillisOf(s.Truth.From)
	j.rise(at, 0)
	j.P = 1
	if s.Truth.Fault == simulate.FaultNone {
		return j, nil
	}
	if !o.early {
		at = ledger.MillisOf(s.Truth.FaultFrom) + 60_000
	}
	j.rise(at, 1)
	j.alarm(at)
	j.P, j.Reasons = 0.001, s.Truth.Reasons
	return j, nil
}

func TestAPerfectJudgeIsMeasuredAsOne(t *testing.T) {
	s := Study{
		Base: simulate.Config{Seed: 42, Now: now}, Clean: 30, Each: 5, Methods: []Method{oracle{}, oracle{early: true}},
		Plants: []simulate.Plant{{Fault: simulate.FaultDrift, Size: 4}, {Fault: simulate.FaultStuck, Size: 1}},
		Shifts: []Shift{},
	}
	r, err := s.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range r.Methods[0].Settings {
		if o.FalseAlarms.Count != 0 {
			t.Errorf("%+v", o.FalseAlarms)
		}
		for _, c := range o.Cases {
			if c.Found.Rate() != 1 || c.Early != 0 || c.Delay != 60 {
				t.Errorf("%+v", c)
			}
		}
	}
	if r.Methods[0].Settings[0].Cases[0].Named != 5 || !r.Methods[0].Promises[0].Kept {
		t.Errorf("%+v", r.Methods[0])
	}
	for _, o := range r.Methods[1].Settings {
		for _, c := range o.Cases {
			if c.Found.Count != 0 || c.Early != 5 {
				t.Errorf("an alarm before the fault counts as found: %+v", c)
			}
		}
	}
	if len(r.Behind()) != 0 {
		t.Errorf("%v", r.Behind())
	}
}

func TestImpossibleStudiesAreRefused(t *testing.T) {
	base := simulate.Config{Seed: 1, Now: now}
	for name, s := range map[string]Study{
		"no methods": {Base: base},
		"no alpha":   {Base: base, Methods: []Method{oracle{}}, Alphas: []float64{0}},
		"too many":   {Base: base, Methods: []Method{oracle{}}, Clean: simulate.MaxShipments + 1},
		"none":       {Base: base, Methods: []Method{oracle{}}, Each: -1},
		"workers":    {Base: base, Methods: []Method{oracle{}}, Workers: -1},
	} {
		if _, err := s.Run(t.Context()); !errors.Is(err, ErrStudy) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (Study{Methods: []Method{oracle{}}}).Run(t.Context()); !errors.Is(err, simulate.ErrConfig) {
		t.Errorf("without a time: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Study{Base: base, Methods: []Method{oracle{}}}).Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// Values of R's binom.test and pbinom.
func TestExactBinomialValues(t *testing.T) {
	near := func(what string, got, want float64) {
		if math.Abs(got-want) > 1e-6 {
			t.Errorf("%s is %.8f, want %.8f", what, got, want)
		}
	}
	s := NewShare(5, 100)
	near("low", s.Low, 0.01643187)
	near("high", s.High, 0.11283491)
	near("low of none", NewShare(0, 20).Low, 0)
	near("high of none", NewShare(0, 20).High, 0.16843347)
	near("low of all", NewShare(20, 20).Low, 0.83156653)
	near("high of all", NewShare(20, 20).High, 1)
	near("10 or more of 100", AtLeast(10, 100, 0.05), 0.02818829)
	near("0 or more", AtLeast(0, 100, 0.05), 1)
	near("more than all", AtLeast(101, 100, 0.05), 0)
}

func TestTheBinomialTailIsItsSum(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 200).Draw(rt, "n")
		k := rapid.IntRange(0, n).Draw(rt, "k")
		p := rapid.Float64Range(0.001, 0.999).Draw(rt, "p")
		sum, term := 0.0, math.Pow(1-p, float64(n))
		if term < 1e-250 {
			rt.Skip("the sum from below loses its digits")
		}
		for i := 0; i <= n; i++ {
			if i >= k {
				sum += term
			}
			term *= float64(n-i) / float64(i+1) * p / (1 - p)
		}
		if got := AtLeast(k, n, p); math.Abs(got-sum) > 1e-9 {
			rt.Fatalf("P(≥%d of %d at %v) = %v, the sum is %v", k, n, p, got, sum)
		}
		most := MostOf(n, p)
		if AtLeast(most, n, p) <= 0.01 && most > 0 || most < n && AtLeast(most+1, n, p) > 0.01 {
			rt.Fatalf("most of %d at %v is %d", n, p, most)
		}
	})
}
