package demo_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/internal/demo"
	"github.com/waybill-dev/waybill/internal/stack"
)

// up builds the commands and runs what the demo runs.
func up(ctx context.Context, t *testing.T) *stack.Stack {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a Fabric network; not with -short")
	}
	dir, bin := t.TempDir(), t.TempDir()
	build := exec.CommandContext(ctx, "go", "build", "-o", bin+string(filepath.Separator), "./cmd/...")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the commands: %v\n%s", err, out)
	}
	s, err := stack.Up(ctx, stack.Options{
		Dir: dir, NetworkDir: filepath.Join(dir, "network"), Servers: demo.Servers(),
		Program: filepath.Join(bin, "waybill"), ChaincodeBin: filepath.Join(bin, "waybill-chaincode"),
		Say: func(line string) { t.Log(line) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		down, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Down(down); err != nil {
			t.Error(err)
		}
	})
	return s
}

type logged struct{ t *testing.T }

func (l logged) Say(line string) { l.t.Log(line) }

func (l logged) Track(func() []demo.Counter) func() { return func() {} }

func TestEndToEndEveryPlantedFaultIsFoundAndTheUsersOwnFilesAreJudged(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	s := up(ctx, t)
	state := t.TempDir()
	var four *demo.Panel
	end := func() {
		if four == nil {
			return
		}
		if err := four.Close(); err != nil {
			t.Error(err)
		}
	}
	defer func() { end() }()
	// Again and again on one ledger, as a user would.
	for _, run := range []struct {
		seed      uint64
		shipments int
	}{{1, 14}, {1, 14}, {2, 9}, {1, 1}} {
		seed, folder := run.seed, t.TempDir()
		end()
		var err error
		if four, err = demo.Convene(ctx, s, state, logged{t}); err != nil {
			t.Fatal(err)
		}
		report, err := demo.Play(ctx, s, four, demo.Config{Seed: seed, Shipments: run.shipments, Now: time.Now(), Folder: folder, Progress: logged{t}})
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		if err := report.WriteText(&text); err != nil {
			t.Fatal(err)
		}
		if !report.OK {
			t.Fatalf("seed %d:\n%s\n%+v", seed, text.String(), report.OnChain)
		}
		if report.Planted < min(8, run.shipments) || report.Found != report.Planted || report.Condemned != 0 || !report.States.Equal {
			t.Fatalf("seed %d says it is well:\n%s", seed, text.String())
		}
		t.Log("\n" + text.String())
		r := report.Recall
		if !r.OK || r.Contains < 60 || r.Touched < 8 || r.Sold < 12 || len(r.Holders) < 3 || r.Proof.Facts != r.Evidence || r.Proof.Code != "WB_PROOF_CONTENT" || len(report.Findings) != 6 {
			t.Fatalf("seed %d: the recall: %+v, findings: %+v", seed, r, report.Findings)
		}
		checkScoring(t, report.Scoring, run.shipments)
		if p := report.Picture; p == nil || len(p.Reasons) == 0 || p.Level == "clear" {
			t.Errorf("seed %d: the picture: %+v", seed, p)
		}
		for _, name := range []string{"shipment.svg", "recall.wbproof", "forged.wbproof", "roots/ProducerMSP.pem", "roots/CarrierMSP.pem", "roots/RetailerMSP.pem"} {
			if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
				t.Error(err)
			}
		}
	}

	dir := t.TempDir()
	document := `{"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],"type":"EPCISDocument","schemaVersion":"2.0",` +
		`"creationDate":"2026-01-01T00:00:00Z","epcisBody":{"eventList":[` +
		`{"type":"ObjectEvent","eventTime":"2026-01-01T00:00:00Z","eventTimeZoneOffset":"+00:00","epcList":["urn:epc:id:sgtin:9520001.000777.1"],"action":"ADD","bizStep":"commissioning"},` +
		`{"type":"ObjectEvent","eventTime":"yesterday","eventTimeZoneOffset":"+00:00","epcList":["urn:epc:id:sgtin:9520001.000777.2"],"action":"ADD"}]}}`
	var readings bytes.Buffer
	readings.WriteString("time,temperature\n")
	for i := range 400 { // five hours at 5 °C, then a failure
		value := "5.0"
		if i >= 300 {
			value = "19.5"
		}
		readings.WriteString(time.Date(2026, 1, 1, 0, i, 0, 0, time.UTC).Format(time.RFC3339) + "," + value + "\n")
	}
	for name, text := range map[string][]byte{"own.jsonld": []byte(document), "deep/logger.csv": readings.Bytes(), "deep/boxes.csv": []byte("name,colour,size\nbox,red,4\n")} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := demo.Input{Paths: []string{dir}}
	files, err := demo.Collect(in)
	if err != nil {
		t.Fatal(err)
	}
	report, err := demo.PlayInput(ctx, s, files, logged{t})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := report.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + text.String())
	// One of the document's two events is faulty: it is refused by itself, and the report says so.
	if d := report.Documents[0]; d.Recorded != 1 || d.Refused != 1 || len(d.Faults) == 0 || report.OK {
		t.Errorf("documents: %+v, ok %t", report.Documents, report.OK)
	}
	if r := report.Readings[0]; r.Policy != "refrigerated-medicine" || r.Worst != "quarantine" || r.Final != "quarantine" {
		t.Errorf("readings: %+v", r)
	}
	if len(report.Unreadable) != 1 || report.Unreadable[0].Code != "WB_CSV" {
		t.Errorf("unreadable: %+v", report.Unreadable)
	}
	if report.OnChain.Missing != 0 || !report.States.Equal {
		t.Errorf("on chain: %+v, states: %+v", report.OnChain, report.States)
	}
}

// checkScoring holds that the liar's lies were caught, paid for and without effect, and that nobody else lost anything.
func checkScoring(t *testing.T, r demo.ScoringReport, shipments int) {
	t.Helper()
	if !r.OK || r.Final != r.Windows || r.Windows < shipments || !r.Credits.Balanced || len(r.Scorers) != 4 {
		t.Fatalf("%+v", r)
	}
	ways := map[string]int{}
	for _, l := range r.Lies {
		ways[l.Lie]++
		if l.Cost == 0 || l.Reward == 0 || 2*l.Reward > l.Cost || l.By == "" || l.By == r.Liar || l.Stands != l.Engine || l.Block == 0 || l.Transaction == "" {
			t.Errorf("%+v", l)
		}
		caught := map[string][]string{
			"wrong answer": {"challenge", "draw"}, "copied commitment": {"shown silent"}, "silence": {"shown silent"}, "false claim": {"refuted, root"},
		}[l.Lie]
		if l.Said == l.Stands || !slices.ContainsFunc(caught, func(how string) bool { return strings.HasPrefix(l.Caught, how) }) {
			t.Errorf("%+v", l)
		}
	}
	if shipments >= 9 && (ways["wrong answer"] != 2 || ways["copied commitment"] != 1 || ways["silence"] != 1 || ways["false claim"] != 1) {
		t.Errorf("it told %v", ways)
	}
	for _, s := range r.Scorers {
		lied := s.Organisation == r.Liar
		if lied != (s.Wrong > 0) || lied && s.Slashed == 0 || s.Right == 0 || s.Rewards == 0 {
			t.Errorf("%+v", s)
		}
		if !lied && s.Silent > 0 {
			t.Logf("%s is honest, and was too late %d times: this machine is busy", s.Organisation, s.Silent)
		}
	}
}
