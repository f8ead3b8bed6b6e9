package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/waybill-dev/waybill/analytics/dataset"
	"github.com/waybill-dev/waybill/analytics/dataset/datasettest"
	"github.com/waybill-dev/waybill/analytics/feature"
	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/scorer"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/internal/protocolsim"
	"github.com/waybill-dev/waybill/internal/racing"
)

// keptLedger is a ledger in memory.
type keptLedger struct{ blocks []readmodel.Block }

func (k *keptLedger) Height(context.Context) (uint64, error) { return uint64(len(k.blocks)), nil }

func (k *keptLedger) Blocks(_ context.Context, from uint64) iter.Seq2[readmodel.Block, error] {
	return func(yield func(readmodel.Block, error) bool) {
		for _, b := range k.blocks[from:] {
			if !yield(b, nil) {
				return
			}
		}
		yield(readmodel.Block{}, errors.New("the chain ends here"))
	}
}

const keptAt = ledger.Millis(1_772_366_400_000)

// add appends a block of one transaction.
func (k *keptLedger) add(tx wire.Transaction) {
	n := uint64(len(k.blocks))
	b := readmodel.Block{Number: n, Hash: [32]byte{byte(n), byte(n >> 8), 1}}
	b.Transactions = []readmodel.Recorded{{TxID: "tx", MSPID: "ProducerMSP", At: keptAt, Transaction: tx}}
	k.blocks = append(k.blocks, b)
}

// said runs a command on a ledger.
func (k *keptLedger) said(t *testing.T, want int, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	a := &app{ledger: k}
	if code := a.run(t.Context(), args, strings.NewReader(""), &out, &errs); code != want {
		t.Fatalf("waybill %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), code, want, out.String(), errs.String())
	}
	return out.String() + errs.String()
}

func TestAVerdictIsAuditedFromSnapshotToScore(t *testing.T) {
	racing.Pure(t)
	k := &keptLedger{}
	for _, b := range datasettest.Played(t, datasettest.OneLane(120)) {
		tx := wire.Transaction{}
		if len(b.Transactions) > 0 {
			tx = b.Transactions[0]
		}
		k.add(tx)
	}
	built, err := dataset.Build(t.Context(), datasetLedger{recordedLedger{k}}, dataset.Selection{To: uint64(len(k.blocks))}, false)
	if err != nil {
		t.Fatal(err)
	}
	var told struct{ Root string }
	text := k.said(t, exitOK, "dataset", "snapshot", "lane", "--dry-run", "--json", "--quiet")
	if err := json.Unmarshal([]byte(text), &told); err != nil || told.Root != built.Snapshot.Root.String() {
		t.Errorf("%v: %s", err, text)
	}
	d := built.Snapshot
	d.ID, d.Version, d.Licence, d.MSPID, d.By, d.At, d.TxID = "lane", 1, "CC0-1.0", "ProducerMSP", "modeller", keptAt, "tx"
	k.add(wire.Transaction{Models: wire.ModelRecords{Datasets: []ledger.DatasetSnapshot{d}}})
	if text := k.said(t, exitOK, "dataset", "verify", "lane/1"); !strings.Contains(text, "ok       lane/1  "+told.Root) {
		t.Error(text)
	}

	dir := t.TempDir()
	artefact, record := filepath.Join(dir, "model.json"), filepath.Join(dir, "record.json")
	train := []string{"train", "--snapshot", "lane/1", "--id", "fridge", "--seed", "5", "--quiet", "--use", "tests", "--licence", "CC0-1.0", "--limitations", "simulated"}
	k.said(t, exitOK, append(train, "--out", artefact, "--record", record)...)
	k.said(t, exitOK, append(train, "--out", artefact+"2", "--record", record+"2")...)
	for _, file := range []string{artefact, record} {
		one, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if two, err := os.ReadFile(file + "2"); err != nil || !bytes.Equal(normal(one), normal(two)) {
			t.Errorf("%s: trained again it is another: %v", file, err)
		}
	}
	m := submittedModel(t, k, artefact, record)
	verdict := firstFinal(k, m)
	k.add(wire.Transaction{Verdicts: []ledger.Verdict{verdict}})
	window := strconv.FormatUint(uint64(verdict.Window), 10)

	text = k.said(t, exitOK, "audit", verdict.Shipment, window, m.Name(), "--checks")
	for _, want := range []string{"data sets  lane/1", "artefact   ok       " + m.Digest().String(), "trace      ok", "0 differences", "references"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
	for format, want := range map[string]string{"card": "# Model fridge/1", "prov": "wasGeneratedBy", "ml-bom": "CycloneDX"} {
		if text := k.said(t, exitOK, "model", "export", "fridge/1", "--format", format); !strings.Contains(text, want) {
			t.Errorf("%s: %s", format, text)
		}
	}

	forged := verdict
	forged.Level = verdict.Level%3 + 1
	k.blocks[len(k.blocks)-1].Transactions[0].Verdicts = []ledger.Verdict{forged}
	if text := k.said(t, exitRefused, "audit", verdict.Shipment, window); !strings.Contains(text, "differs  verdict: level (recomputed)") || !strings.Contains(text, "WB_AUDIT_DIFFERS") {
		t.Error(text)
	}
	k.said(t, exitRefused, "audit", verdict.Shipment, "77")
	k.said(t, exitUsage, "train", "--simulated", "5", "--out", artefact, "--record", record)
	k.said(t, exitRefused, "dataset", "verify", "lane/9")
	k.said(t, exitUsage, "dataset", "snapshot", "lane", "--dry-run", "--where", "colour=red")
	d.Events++
	i := slices.IndexFunc(k.blocks, func(b readmodel.Block) bool { return len(b.Transactions[0].Models.Datasets) > 0 })
	k.blocks[i].Transactions[0].Models.Datasets = []ledger.DatasetSnapshot{d}
	if text := k.said(t, exitRefused, "dataset", "verify"); !strings.Contains(text, "DIFFERS  lane/1") || !strings.Contains(text, "events (recomputed)") {
		t.Error(text)
	}
	k.said(t, exitRefused, append(train, "--out", artefact)...)
}

// normal takes out what protojson varies on purpose.
func normal(text []byte) []byte { return bytes.ReplaceAll(text, []byte(" "), nil) }

// submittedModel puts an artefact and its record on the ledger.
func submittedModel(t *testing.T, k *keptLedger, artefact, record string) *score.Model {
	t.Helper()
	content, err := os.ReadFile(artefact)
	if err != nil {
		t.Fatal(err)
	}
	m, err := score.ParseModel(content)
	if err != nil {
		t.Fatal(err)
	}
	v := recordOf(t, record)
	v.MSPID, v.By, v.At, v.TxID = "ProducerMSP", "modeller", keptAt, "tx"
	chunks, _, err := ledger.CutArtefact(content)
	if err != nil {
		t.Fatal(err)
	}
	var stored []wire.StoredChunk
	for _, c := range chunks {
		stored = append(stored, wire.StoredChunk{Bytes: c, TxID: "tx"})
	}
	k.add(wire.Transaction{Models: wire.ModelRecords{Chunks: stored}})
	k.add(wire.Transaction{Models: wire.ModelRecords{Models: []ledger.ModelVersion{v}}})
	return m
}

// recordOf reads a record as the API does.
func recordOf(t *testing.T, file string) ledger.ModelVersion {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var in waybillv1.ModelVersion
	if err := protojson.Unmarshal(text, &in); err != nil {
		t.Fatal(err)
	}
	digest := func(text string) ledger.Digest {
		d, err := ledger.ParseDigest(text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	ref, err := ledger.ParseModelRef(in.GetName())
	if err != nil {
		t.Fatal(err)
	}
	c := in.GetCode()
	v := ledger.ModelVersion{
		ID: ref.ID, Version: ref.Version, Artefact: digest(in.GetArtefact()), Size: in.GetSize(), Format: in.GetFormat(), Features: digest(in.GetFeatures()),
		Seed: in.GetSeed(), Products: in.GetProducts(), IntendedUse: in.GetIntendedUse(), Limitations: in.GetLimitations(), Licence: in.GetLicence(),
		Code: ledger.TrainingCode{Module: c.GetModule(), Revision: c.GetRevision(), Source: digest(c.GetSource()), Go: c.GetGo(), Platform: c.GetPlatform(), Command: c.GetCommand()},
	}
	for _, text := range in.GetChunks() {
		v.Chunks = append(v.Chunks, digest(text))
	}
	for _, d := range in.GetTraining() {
		id, version, err := ledger.ParseDatasetName(d.GetName())
		if err != nil {
			t.Fatal(err)
		}
		v.Training = append(v.Training, ledger.DatasetRef{ID: id, Version: version, Root: digest(d.GetRoot())})
	}
	for _, line := range c.GetSums() {
		words := strings.Fields(line)
		v.Code.Sums = append(v.Code.Sums, ledger.ModuleSum{Path: words[0], Version: words[1], Sum: words[2]})
	}
	for _, m := range in.GetThresholds() {
		v.Thresholds = append(v.Thresholds, ledger.Metric{Name: m.GetName(), Value: m.GetValue(), Count: m.GetCount()})
	}
	for _, name := range slices.Sorted(maps.Keys(in.GetParameters())) {
		v.Parameters = append(v.Parameters, ledger.Hyperparameter{Name: name, Value: in.GetParameters()[name]})
	}
	if err := ledger.CheckModel(v); err != nil {
		t.Fatal(err)
	}
	return v
}

// firstFinal gives the first final verdict on a ledger.
func firstFinal(k *keptLedger, m *score.Model) ledger.Verdict {
	d := scorer.NewDocket(m, feature.DefaultLimits())
	for _, b := range k.blocks {
		for _, tx := range b.Transactions {
			for _, v := range d.Apply(b.Number, tx.Transaction) {
				if v.Final {
					v.Scorer, v.At, v.TxID = "ProducerMSP", keptAt, "tx"
					return v
				}
			}
		}
	}
	return ledger.Verdict{}
}

// A ledger that the contract wrote, on which one of four lies, and had recorded its lie alone before.
func TestTheTaskBehindAFinalVerdictIsAudited(t *testing.T) {
	k := &keptLedger{}
	organisations := map[ledger.Digest]string{}
	told := func(tx wire.Transaction) {
		r := readmodel.Recorded{TxID: fmt.Sprint(len(k.blocks)), MSPID: "A", Transaction: tx}
		by := func(mspID, id string, at ledger.Millis) { r.MSPID, r.TxID, r.At = mspID, id, at }
		for _, v := range tx.Credits.Accounts {
			organisations[v.ID] = v.MSPID
		}
		for _, v := range tx.Verdicts {
			by(v.Scorer, v.TxID, v.At)
		}
		for _, v := range tx.Scoring.Tasks {
			by(organisations[v.By], v.TxID, v.At)
		}
		for _, v := range tx.Scoring.Closings {
			by("A", v.TxID, v.At)
		}
		for _, v := range tx.Scoring.Commitments {
			by(organisations[v.Account], v.TxID, v.At)
		}
		for _, v := range tx.Scoring.Reveals {
			by(organisations[v.Account], v.TxID, v.At)
		}
		for _, v := range tx.Scoring.Settlements {
			by(v.MSPID, v.TxID, v.At)
		}
		n := uint64(len(k.blocks))
		k.blocks = append(k.blocks, readmodel.Block{Number: n, Hash: [32]byte{byte(n), byte(n >> 8), 1}, Transactions: []readmodel.Recorded{r}})
	}
	var members []protocolsim.Member
	var players []protocolsim.Player
	for i := range 4 {
		members = append(members, protocolsim.Member{Name: fmt.Sprint("s", i), MSPID: string(rune('A' + i)), Stake: 40_000})
		players = append(players, protocolsim.Player{Name: fmt.Sprint("s", i), Strategy: protocolsim.Honest})
	}
	players[3].Strategy = protocolsim.Cartel
	policy := protocolsim.DefaultPolicy()
	policy.Canary = 0
	w, err := protocolsim.NewWorldTold(policy, members, 1, told)
	if err != nil {
		t.Fatal(err)
	}
	list := w.Tasks[0].Statement
	if _, err = w.Play(w.Tasks[0], players, 1, rand.New(rand.NewPCG(1, 2))); err != nil {
		t.Fatal(err)
	}
	id, err := wire.TaskDigest(list)
	if err != nil {
		t.Fatal(err)
	}
	window := strconv.FormatUint(uint64(list.Window), 10)
	text := k.said(t, exitOK, "audit", list.Shipment, window, "--quiet")
	for _, want := range []string{"final     by challenge in block", "task      ok       " + id.String(), "is final", "proven wrong", w.Account("s3").String(), "0 differences"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
	var said struct {
		OK   bool
		Task struct {
			ID        string
			SettledBy string `json:"settled_by"`
			Rebuilt   bool
			Answers   []struct {
				IsFinal bool `json:"is_final"`
			}
		}
	}
	text = k.said(t, exitOK, "audit", list.Shipment, window, "--json", "--quiet")
	if err := json.Unmarshal([]byte(text), &said); err != nil || !said.OK || said.Task.ID != id.String() || said.Task.SettledBy != "challenge" || !said.Task.Rebuilt || len(said.Task.Answers) != 4 {
		t.Errorf("%v %s", err, text)
	}
	for i, b := range k.blocks {
		if settled := b.Transactions[0].Scoring.Settlements; len(settled) > 0 {
			forged := slices.Clone(settled)
			forged[0].Wrong = nil
			k.blocks[i].Transactions[0].Scoring.Settlements = forged
		}
	}
	if text := k.said(t, exitRefused, "audit", list.Shipment, window, "--quiet"); !strings.Contains(text, "settlement: wrong (recomputed)") {
		t.Error(text)
	}
}
