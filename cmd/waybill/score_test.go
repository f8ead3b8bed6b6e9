package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/simulate"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/internal/racing"
	"github.com/waybill-dev/waybill/internal/testdata"
)

// call runs a command line.
func call(t testing.TB, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

// must runs a command line that succeeds.
func must(t testing.TB, stdin string, args ...string) string {
	t.Helper()
	code, stdout, stderr := call(t, stdin, args...)
	if code != exitOK {
		t.Fatalf("waybill %s: exit code %d\n%s", strings.Join(args, " "), code, stderr)
	}
	return stdout
}

func written(t testing.TB, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "logger.csv")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// fridge is a logger's file: a day's course with noise, and from row 500 on two hours at 20 °C.
func fridge(name string, rows int, f func(float64) float64) string {
	r := rand.New(rand.NewPCG(3, 5))
	noise := 0.0
	var b strings.Builder
	b.WriteString("timestamp," + name + "\n")
	for i := range rows {
		noise = 0.8*noise + 0.05*r.NormFloat64()
		v := math.Round(1000*(5+math.Sin(2*math.Pi*float64(i)/288)+noise)) / 1000
		if i >= 500 && i < 524 {
			v += 15
		}
		at := time.Date(2026, 1, 1, 0, 5*i, 0, 0, time.UTC)
		fmt.Fprintf(&b, "%s,%s\n", at.Format(time.DateTime), strconv.FormatFloat(f(v), 'g', -1, 64))
	}
	return b.String()
}

func plainly(v float64) float64 { return v }

func column(t testing.TB, csv string, i int) []string {
	t.Helper()
	var cells []string
	for line := range strings.Lines(csv) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), ",")
		if i >= len(fields) {
			t.Fatalf("line %q", line)
		}
		cells = append(cells, fields[i])
	}
	return cells[1:]
}

func TestAScoredFileTakesItsNameWhenItIsWhole(t *testing.T) {
	whole := fridge("value", 50, plainly)
	file := written(t, whole)
	out := filepath.Join(t.TempDir(), "scores.csv")
	if code, stdout, stderr := call(t, "", "score", file, "--out", out); code != exitOK || stdout != "" || !strings.Contains(stderr, "50 rows scored") {
		t.Fatalf("%d\n%s\n%s", code, stdout, stderr)
	}
	first, err := os.ReadFile(out)
	if err != nil || string(first) != must(t, whole, "score", "-", "-q") {
		t.Errorf("%v\n%s", err, first)
	}
	broken := written(t, whole+"never,5\n")
	code, _, stderr := call(t, "", "score", broken, "--out", out)
	if code != exitRefused || !strings.Contains(stderr, "WB_TIME: ") || !strings.Contains(stderr, "line 52") || !strings.Contains(stderr, out+".partial") {
		t.Errorf("%d\n%s", code, stderr)
	}
	again, err := os.ReadFile(out)
	if err != nil || !bytes.Equal(first, again) {
		t.Errorf("a file that was whole was written over: %v", err)
	}
	if partial, err := os.ReadFile(out + ".partial"); err != nil || !bytes.Equal(partial, first) {
		t.Errorf("what was scored before the fault: %v\n%s", err, partial)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(out), ".*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if code, _, stderr := call(t, "", "score", file, "--out", file); code != exitUsage {
		t.Errorf("the file that is read may be written: %d\n%s", code, stderr)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != whole {
		t.Error("the input was changed", err)
	}
}

func TestScoringEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	if code := run(ctx, []string{"score", written(t, fridge("value", 50, plainly))}, strings.NewReader(""), &out, &errs); code != exitInterrupted {
		t.Errorf("%d\n%s", code, errs.String())
	}
}

func TestWaitingForRowsEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	in, out := io.Pipe()
	defer out.Close()
	rows, seen := io.Pipe()
	ended := make(chan int)
	var errs bytes.Buffer
	go func() {
		ended <- run(ctx, []string{"score", "-", "-q"}, in, seen, &errs)
		seen.Close()
	}()
	if _, err := io.WriteString(out, "timestamp,value\n2026-01-01 00:00:00,5\n"); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(rows)
	for _, want := range []string{"timestamp,value,anomaly_score,p_value,alarm,reason\n", "2026-01-01 00:00:00,5,0,1,0,\n"} {
		if got, err := lines.ReadString('\n'); err != nil || got != want {
			t.Fatalf("%q, %v: what is scored waits for more", got, err)
		}
	}
	cancel()
	if code := <-ended; code != exitInterrupted {
		t.Errorf("%d\n%s", code, errs.String())
	}
}

func TestScoresDoNotDependOnUnitNameOrWhatFollows(t *testing.T) {
	racing.Pure(t)
	text := fridge("value", 560, plainly)
	want := must(t, text, "score", "-", "-q")
	scores, alarms := column(t, want, 2), column(t, want, 4)
	if !slices.ContainsFunc(scores, func(s string) bool { v, err := strconv.ParseFloat(s, 64); return err == nil && v > 0.3 }) {
		t.Fatal("nothing is unusual")
	}
	rapid.Check(t, func(rt *rapid.T) {
		a := rapid.Float64Range(1e-3, 1e3).Draw(rt, "a") * rapid.SampledFrom([]float64{1, -1}).Draw(rt, "sign")
		b := rapid.Float64Range(-1e4, 1e4).Draw(rt, "b") * math.Abs(a)
		name := rapid.StringMatching(`[a-zA-Z]{1,12}`).Filter(func(s string) bool {
			return !slices.Contains([]string{"label", "labels", "class", "target", "truth", "fault"}, strings.ToLower(s))
		}).Draw(rt, "name")
		moved := fridge(name, 560, func(v float64) float64 { return a*v + b })
		got := must(t, moved, "score", "-", "-q")
		for i, s := range column(t, got, 2) {
			x, err := strconv.ParseFloat(s, 64)
			y, _ := strconv.ParseFloat(scores[i], 64)
			if err != nil || math.Abs(x-y) > 1e-4 {
				rt.Fatalf("row %d: %s, was %s", i, s, scores[i])
			}
		}
		if !slices.Equal(column(t, got, 4), alarms) {
			rt.Fatal("other alarms")
		}
		lines := rapid.IntRange(2, 560).Draw(rt, "lines")
		cut := strings.Join(strings.SplitAfter(text, "\n")[:lines], "")
		if got := must(t, cut, "score", "-", "-q"); !strings.HasPrefix(want, got) {
			rt.Fatalf("the first %d lines are scored otherwise without the rest", lines)
		}
	})
}

func TestAnExcursionAlarmsByItsProfileAndIsDrawn(t *testing.T) {
	file := written(t, fridge("Temp (°F)", 600, func(v float64) float64 { return v*1.8 + 32 }))
	out := must(t, "", "score", file, "-q", "--profile", "refrigerated")
	reasons := column(t, out, 5)
	at := slices.Index(reasons, "above_range")
	if at < 500 || at > 510 {
		t.Errorf("above_range first in row %d", at)
	}
	if plain := must(t, "", "score", file, "-q"); slices.Contains(column(t, plain, 5), "above_range") {
		t.Error("a limit without a profile")
	}

	picture := filepath.Join(t.TempDir(), "logger.svg")
	if name := must(t, "", "plot", file, "--profile", "refrigerated", "--out", picture, "--title", "a fridge"); name != picture+"\n" {
		t.Errorf("%q", name)
	}
	svg, err := os.ReadFile(picture)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a fridge", "recommended 2 °C to 8 °C", ">alarm<", ">score<"} {
		if !strings.Contains(string(svg), want) {
			t.Errorf("the picture does not say %q", want)
		}
	}
	scored := written(t, out)
	again := must(t, "", "plot", scored, "-q", "--profile", "refrigerated", "--out", "-", "--title", "a fridge")
	beside := must(t, "", "plot", file, "-q", "--scores", scored, "--profile", "refrigerated", "--out", "-", "--title", "a fridge")
	if again != string(svg) || beside != string(svg) {
		t.Error("the picture of a file that was scored before differs")
	}
	other := written(t, must(t, fridge("value", 40, plainly), "score", "-", "-q"))
	if code, _, stderr := call(t, "", "plot", file, "--scores", other, "--out", "-"); code != exitRefused || !strings.Contains(stderr, "another file") {
		t.Errorf("%d\n%s", code, stderr)
	}
	if code, _, stderr := call(t, "", "plot", scored, "--out", scored); code != exitUsage {
		t.Errorf("%d\n%s", code, stderr)
	}
}

func TestNABScoredByTheCommand(t *testing.T) {
	racing.Pure(t)
	dir := filepath.Join(testdata.Dir(t), "nab")
	var r nabReport
	if err := json.Unmarshal([]byte(must(t, "", "evaluate", dir, "--json", "-q")), &r); err != nil {
		t.Fatal(err)
	}
	least := map[string]float64{"fixed": 65, "files": 62, "folders": 55, "best": 65}
	for _, o := range r.Profiles {
		if o.Profile == "standard" && o.Score < least[o.Choice] {
			t.Errorf("standard, threshold %s: %.2f, at least %v", o.Choice, o.Score, least[o.Choice])
		}
	}
	if len(r.Profiles) != 12 || r.Files < 20 || r.Series.Ranges != r.Windows {
		t.Errorf("%+v", r)
	}
}

func TestTheMotesScoredByTheCommand(t *testing.T) {
	file := filepath.Join(testdata.Dir(t), "motes", "single-hop.csv")
	var r struct {
		Together seriesReport   `json:"together"`
		Series   []seriesReport `json:"series"`
	}
	if err := json.Unmarshal([]byte(must(t, "", "evaluate", file, "--every", "5s", "--ignore", "indoor", "--json", "-q")), &r); err != nil {
		t.Fatal(err)
	}
	if r.Together.Ranges != 2 || r.Together.Alarmed != 2 || r.Together.FalseAlarms != 0 || len(r.Series) != 4 {
		t.Errorf("%+v", r.Together)
	}
}

func TestAModelIsTrainedFromFiles(t *testing.T) {
	racing.Pure(t)
	dir := t.TempDir()
	n := 0
	for j, err := range simulate.Journeys(simulate.Config{Seed: 5, Now: simulatedNow(), Shipments: 360, Items: 1, Products: []string{"insulin 2-8 °C", "vaccine 2-8 °C"}, Sampling: 5 * time.Minute, Plants: []simulate.Plant{}}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		log := j.Logs()[0]
		var b strings.Builder
		b.WriteString("time,temperature\n")
		for i, at := range log.Times {
			fmt.Fprintf(&b, "%s,%g\n", at.Time().Format(time.RFC3339), float64(log.Channels[0].Values[i])/1000)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.csv", n)), []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first, second := filepath.Join(t.TempDir(), "model.json"), filepath.Join(t.TempDir(), "model.json")
	said := must(t, "", "train", dir, "--profile", "refrigerated", "--id", "fridges", "--out", first, "-q")
	told := must(t, "", "train", dir, "--profile", "refrigerated", "--id", "fridges", "--out", second, "--json")
	a, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(second)
	if err != nil || !bytes.Equal(a, b) || said != "" {
		t.Fatal("the same files give another model", err)
	}
	m, err := score.ParseModel(a)
	if err != nil {
		t.Fatal(err)
	}
	p := m.Parameters()
	if !strings.HasPrefix(m.Name(), "fridges@") || len(p.Strata) != 1 || p.Strata[0].Name != score.Sampling5.Of(score.StratumName("refrigerated", score.AnyLane)) || p.Strata[0].Table.Given != n ||
		!strings.Contains(told, m.Digest().String()) {
		t.Errorf("%s of %d files: %d strata\n%s", m.Name(), n, len(p.Strata), told)
	}
	file := written(t, fridge("value", 60, plainly))
	must(t, "", "score", file, "-q", "--model", first)
}

func TestAShareThatAModelCannotHoldIsRefused(t *testing.T) {
	for _, flags := range [][]string{{"--alpha", "0"}, {"--alpha", "0.0000001"}, {"--alpha", "0.6"}, {"--alpha", "nan"}, {"--poison", "0.3"}} {
		if code, _, stderr := call(t, "", append([]string{"train", "--simulated", "200", "--out", "-"}, flags...)...); code != exitUsage || !strings.Contains(stderr, "0.000001 to 0.5") {
			t.Errorf("%v: %d %s", flags, code, stderr)
		}
	}
}

func (canned) GetShipment(_ context.Context, r *waybillv1.GetShipmentRequest) (*waybillv1.GetShipmentResponse, error) {
	return &waybillv1.GetShipmentResponse{Shipment: &waybillv1.Shipment{
		Id: r.GetId(), Bindings: []*waybillv1.Binding{{Device: "https://id.gs1.org/8004/9521321logger7", From: at(0), Until: at(59)}},
	}}, nil
}

func TestAShipmentIsDrawnFromTheAPI(t *testing.T) {
	var out, errs bytes.Buffer
	a := &app{dialed: cannedAPI(t, nil)}
	if code := a.run(t.Context(), []string{"plot", "urn:epc:id:sscc:9521321.0000000012", "--out", "-"}, strings.NewReader(""), &out, &errs); code != exitOK {
		t.Fatalf("%d\n%s", code, errs.String())
	}
	for _, want := range []string{"temperature, °C", "urn:epc:id:sscc:9521321.0000000012", "verdict"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the picture does not say %q", want)
		}
	}
	errs.Reset()
	if code := a.run(t.Context(), []string{"plot", "urn:epc:id:sscc:9521321.0000000012", "--by", "x"}, strings.NewReader(""), &out, &errs); code != exitUsage {
		t.Errorf("%d\n%s", code, errs.String())
	}
}
