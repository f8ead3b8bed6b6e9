package contract_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/state"
	"github.com/waybill-dev/waybill/chaincode/state/statetest"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

const vaccine = "https://id.gs1.org/01/09506000134352"

// registry is a channel of organisations A, B and C, whose rules they keep; ma, mb and mc are their
// modellers, sa, sb and sc their stewards. D keeps nothing.
type registry struct {
	*bank
	reason string // of the revocations that are asked for
	rules  uint32 // the version in force
}

func newRegistry(t fatal) *registry {
	t.Helper()
	r := &registry{bank: newBank(t), reason: "it was wrong"}
	for name, org := range map[string]string{"ma": "A", "mb": "B", "mc": "C", "md": "D"} {
		r.identity(name, org, "modeller")
	}
	return r
}

func datasetOf(id string, version uint32) ledger.DatasetSnapshot {
	return ledger.DatasetSnapshot{
		ID: id, Version: version, Root: sha256.Sum256([]byte(fmt.Sprint(id, version))), Events: 10, Segments: 20, Bytes: 1000,
		From: 1, To: 100, Block: ledger.Digest{7}, Schema: "waybill-snapshot/1", Features: ledger.Digest{8}, Licence: "CC-BY-4.0",
	}
}

// artefactOf makes an artefact of more than one chunk.
func artefactOf(ref ledger.ModelRef) []byte {
	return bytes.Repeat([]byte(ref.String()), ledger.MaxChunkBytes/2)
}

func modelOf(t fatal, ref ledger.ModelRef, training ...string) ledger.ModelVersion {
	t.Helper()
	artefact := artefactOf(ref)
	_, chunks, err := ledger.CutArtefact(artefact)
	if err != nil {
		t.Fatal(err)
	}
	m := ledger.ModelVersion{
		ID: ref.ID, Version: ref.Version, Artefact: sha256.Sum256(artefact), Size: uint64(len(artefact)), Chunks: chunks, Format: "waybill-model/1",
		Features: ledger.Digest{8}, Seed: 7, Products: []string{"*", vaccine}, IntendedUse: "cold chain", Licence: "Apache-2.0",
		Code: ledger.TrainingCode{
			Module: "github.com/waybill-dev/waybill", Revision: "v1", Source: ledger.Digest{9}, Go: "go1.26.0", Platform: "linux/amd64",
			Sums: []ledger.ModuleSum{{Path: "gonum.org/v1/gonum", Version: "v0.17.0", Sum: "h1:x"}},
		},
		Parameters: []ledger.Hyperparameter{{Name: "alpha", Value: "0.01"}},
		Thresholds: []ledger.Metric{{Name: "inspect", Value: 500_000}},
	}
	for _, name := range training {
		id, version, err := ledger.ParseDatasetName(name)
		if err != nil {
			t.Fatal(err)
		}
		m.Training = append(m.Training, datasetOf(id, version).Ref())
	}
	return m
}

func (r *registry) ref(text string) ledger.ModelRef {
	r.t.Helper()
	ref, err := ledger.ParseModelRef(text)
	if err != nil {
		r.t.Fatal(err)
	}
	return ref
}

func (r *registry) policyOf(version uint32, approvals uint32, recall int64) ledger.ModelMotion {
	return ledger.ModelMotion{Policy: &ledger.ModelPolicy{Version: version, Approvals: approvals, Gates: []ledger.Gate{{Metric: "recall", AtLeast: &recall, Count: 100}}}}
}

func (r *registry) evaluation(model, dataset string, recall int64) ledger.Evaluation {
	r.t.Helper()
	id, version, err := ledger.ParseDatasetName(dataset)
	if err != nil {
		r.t.Fatal(err)
	}
	return ledger.Evaluation{Model: r.ref(model), Dataset: datasetOf(id, version).Ref(), Metrics: []ledger.Metric{{Name: "recall", Value: recall, Count: 1000}}}
}

func (r *registry) motion(words []string) ledger.ModelMotion {
	r.t.Helper()
	o := options(words[1:])
	switch words[0] {
	case "policy":
		return r.policyOf(uint32(r.number(o["version"])), uint32(max(2, r.number(o["approvals"]))), r.number(o["recall"]))
	case "approve":
		ref := r.ref(words[1])
		by, dataset, _ := strings.Cut(o["on"], ":")
		return ledger.ModelMotion{Approve: &ledger.ApproveModel{Model: ref, Evaluation: ledger.EvaluationRef{Model: ref, MSPID: by, Dataset: dataset}}}
	case "promote":
		return ledger.ModelMotion{Promote: &ledger.PromoteModel{Model: r.ref(words[1]), Class: words[2]}}
	case "rollback":
		return ledger.ModelMotion{Rollback: &ledger.RollbackAlias{From: r.ref(words[1]), Class: words[2]}}
	case "deprecate":
		return ledger.ModelMotion{Deprecate: &ledger.DeprecateModel{Model: r.ref(words[1])}}
	case "revoke":
		return ledger.ModelMotion{Revoke: &ledger.RevokeModel{Model: r.ref(words[1]), Reason: r.reason}}
	}
	r.t.Fatalf("what is %q?", words[0])
	return ledger.ModelMotion{}
}

// call gives the function and the argument of a line of a story.
func (r *registry) call(words []string) (function string, batch []byte) {
	r.t.Helper()
	o := options(words[1:])
	switch words[0] {
	case "dataset":
		id, version, err := ledger.ParseDatasetName(words[1])
		if err != nil {
			r.t.Fatal(err)
		}
		d := datasetOf(id, version)
		if o["root"] != "" {
			d.Root = sha256.Sum256([]byte(o["root"]))
		}
		return wire.FnSnapshotDatasets, encode(r.t, wire.DatasetBatch{Datasets: []ledger.DatasetSnapshot{d}})
	case "store":
		chunks, _, err := ledger.CutArtefact(artefactOf(r.ref(words[1])))
		if err != nil {
			r.t.Fatal(err)
		}
		return wire.FnStoreChunks, encode(r.t, wire.ChunkBatch{Chunks: chunks})
	case "submit":
		m := modelOf(r.t, r.ref(words[1]), strings.Split(o["on"], ",")...)
		if o["use"] != "" {
			m.IntendedUse = o["use"]
		}
		if o["artefact"] != "" {
			other := modelOf(r.t, r.ref(o["artefact"]))
			m.Artefact, m.Size, m.Chunks = other.Artefact, other.Size, other.Chunks
		}
		if o["parent"] != "" {
			parent := r.ref(o["parent"])
			m.Parent = &parent
		}
		return wire.FnSubmitModels, encode(r.t, wire.ModelBatch{Models: []ledger.ModelVersion{m}})
	case "evaluate":
		e := r.evaluation(words[1], o["on"], r.number(o["recall"]))
		if o["root"] != "" {
			e.Dataset.Root = sha256.Sum256([]byte(o["root"]))
		}
		return wire.FnEvaluateModels, encode(r.t, wire.EvaluationBatch{Evaluations: []ledger.Evaluation{e}})
	}
	return wire.FnGovernModels, encode(r.t, wire.ModelMotionBatch{Motions: []ledger.ModelMotion{r.motion(words)}})
}

func (r *registry) state(model string) string {
	r.t.Helper()
	return query[wire.StoredModel](r.t, r.c, wire.FnGetModel, model).State().String()
}

// blocked says whether a verdict may rest on a model.
func (r *registry) blocked(model string) error {
	m := query[wire.StoredModel](r.t, r.c, wire.FnGetModel, model).Version
	return ledger.ModelBlocked(m.ID+"@"+m.Artefact.String(), state.New(r.c.world.Simulate(statetest.Proposal{TxID: "read"})))
}

// begins says whether a verdict may be begun by a model.
func (r *registry) begins(model string) error {
	m := query[wire.StoredModel](r.t, r.c, wire.FnGetModel, model).Version
	return ledger.ModelBegins(m.ID+"@"+m.Artefact.String(), state.New(r.c.world.Simulate(statetest.Proposal{TxID: "read"})))
}

// keepers has A, B and C vote for rules, as far as votes are needed, and gives the last answer.
func (r *registry) keepers(organisations ...string) string {
	r.t.Helper()
	r.rules = max(r.rules, 1) + 1
	batch := encode(r.t, wire.MasterBatch{Data: []ledger.MasterDatum{{Version: r.rules, Rules: &ledger.Rules{Keepers: organisations}}}})
	last := ""
	for _, org := range []string{"A", "B", "C"} {
		r.identity("r"+org, org, "registrar")
		answers, _ := r.c.submit(r.t, "r"+org, wire.FnRegisterMaster, batch)
		if last = statuses(answers); last == "duplicate" {
			return "recorded"
		}
	}
	return last
}

// play runs the lines of a story of models; testdata/models/README.md says what they mean.
func (r *registry) play(name string, text []byte) {
	r.t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		asked, want, _ := strings.Cut(line, "=>")
		words, want := strings.Fields(asked), strings.TrimSpace(want)
		if len(words) == 0 {
			continue
		}
		var got string
		switch words[0] {
		case "state":
			got = r.state(words[1])
		case "serves":
			got = query[ledger.Alias](r.t, r.c, wire.FnGetAlias, words[1]).Model.String()
		case "verdict":
			if got = "allowed"; r.begins(words[1]) != nil {
				got = "to finish"
			}
			if r.blocked(words[1]) != nil {
				got = ledger.Code(r.blocked(words[1]))
			}
		case "wait":
			d, err := time.ParseDuration(words[1])
			if err != nil {
				r.t.Fatal(err)
			}
			r.c.clock = r.c.clock.Add(d)
		case "keepers":
			got = r.keepers(strings.Split(words[1], ",")...)
		default:
			function, batch := r.call(words[1:])
			answers, _ := r.c.submit(r.t, words[0], function, batch)
			got = statuses(answers)
			if got != want {
				r.t.Fatalf("%s:%d: answered %q, not %q: %s", name, n, got, want, messages(answers))
			}
		}
		if got != want {
			r.t.Fatalf("%s:%d: %q, not %q", name, n, got, want)
		}
	}
}

func TestStoriesOfModels(t *testing.T) {
	files, err := filepath.Glob("testdata/models/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			newRegistry(t).play(filepath.Base(file), text)
		})
	}
}

// reach brings version m/2 into a state; m/1 has served before.
func (r *registry) reach(state string) {
	r.t.Helper()
	const before = `
sa policy version=1 recall=900000 => recorded
sb policy version=1 recall=900000 => recorded
ma dataset train/1 => recorded
ma dataset test/1 => recorded
ma store m/1 => recorded recorded
ma submit m/1 on=train/1 => recorded
mb evaluate m/1 on=test/1 recall=950000 => recorded
sb approve m/1 on=B:test/1 => recorded
sc approve m/1 on=B:test/1 => recorded
sa promote m/1 * => recorded
ma store m/2 => recorded recorded
`
	r.play("before", []byte(before))
	steps := []struct{ state, lines string }{
		{"absent", ""},
		{"draft", "ma submit m/2 on=train/1 parent=m/1 => recorded"},
		{"evaluated", "mb evaluate m/2 on=test/1 recall=960000 => recorded"},
		{"approved once", "sb approve m/2 on=B:test/1 => recorded"},
		{"approved", "sc approve m/2 on=B:test/1 => recorded"},
		{"production", "wait 24h\nsb promote m/2 * => recorded\nwait 24h"},
	}
	for _, step := range steps {
		r.play(step.state, []byte(step.lines))
		if step.state == state {
			return
		}
		if step.state == "approved" && state == "deprecated" {
			r.play(state, []byte("sb deprecate m/2 => recorded"))
			return
		}
	}
	if state == "revoked" {
		r.play(state, []byte("sb revoke m/2 => recorded"))
		return
	}
	r.t.Fatalf("what is %q?", state)
}

// Every move of the state machine of a version, legal and not: state, call, caller.
func TestEveryMoveOfAModel(t *testing.T) {
	states := []string{"absent", "draft", "evaluated", "approved once", "approved", "production", "deprecated", "revoked"}
	calls := []string{
		"submit m/2 on=train/1 parent=m/1", "submit m/2 on=train/1 parent=m/1 use=another", "evaluate m/2 on=test/1 recall=950000",
		"approve m/2 on=B:test/1", "promote m/2 *", "rollback m/2 *", "deprecate m/2", "revoke m/2",
	}
	callers := []string{"sa", "sb", "sc", "sd", "ma", "mb", "mc", "md", "none"}
	// "recorded" of deprecate and revoke by who does not stand behind the version is a vote.
	legal := map[string]string{ // state and call: callers whose call is recorded
		"absent/submit": "ma", "draft/evaluate": "ma mb mc md", "evaluated/evaluate": "ma mc md", "approved once/evaluate": "ma mc md",
		"approved/evaluate": "ma mc md", "production/evaluate": "ma mc md",
		"evaluated/approve": "sb sc", "approved once/approve": "sc",
		"approved/promote": "sa sb sc", "production/rollback": "sa sb sc", "revoked/rollback": "sa sb sc",
		"draft/deprecate": "sa sb sc", "evaluated/deprecate": "sa sb sc", "approved once/deprecate": "sa sb sc", "approved/deprecate": "sa sb sc",
		"draft/revoke": "sa sb sc", "evaluated/revoke": "sa sb sc", "approved once/revoke": "sa sb sc", "approved/revoke": "sa sb sc",
		"production/revoke": "sa sb sc", "deprecated/revoke": "sa sb sc",
	}
	var table strings.Builder
	seen := map[string]bool{}
	for _, state := range states {
		r := newRegistry(t)
		r.reach(state)
		for _, call := range calls {
			function, batch := r.call(strings.Fields(call))
			verb := strings.Fields(call)[0]
			if strings.Contains(call, "use=") {
				verb = "submit another"
			}
			for _, caller := range callers {
				_, response := r.c.simulate(caller, "move", function, batch)
				got, _ := ledger.ParseCode(response.GetMessage())
				if response.GetStatus() == shim.OK {
					answers, err := wire.DecodeAnswers(response.GetPayload())
					if err != nil {
						t.Fatal(err)
					}
					got = statuses(answers.Answers)
				}
				move := state + "/" + verb
				allowed := slices.Contains(strings.Fields(legal[move]), caller) || move == "absent/submit another" && caller == "ma"
				if (got == "recorded") != allowed || got == "" || strings.Contains(got, ledger.CodeInternal) {
					t.Errorf("%s by %s: %s: %s", move, caller, got, response.GetMessage())
				}
				if got == "recorded" {
					seen[move] = true
				}
				fmt.Fprintf(&table, "%-14s %-15s %-5s %s\n", state, verb, caller, strings.TrimPrefix(got, "refused:"))
			}
		}
	}
	for move := range legal {
		if !seen[move] {
			t.Errorf("nobody may %s", move)
		}
	}
	golden(t, "testdata/models/moves.golden", table.String())
}

// What changes how a version stands commits only with the endorsement of two organisations that did not
// submit it, whatever the contract said; a revocation does not wait for them.
func TestStandingsAreGuardedByKeyLevelEndorsement(t *testing.T) {
	r := newRegistry(t)
	r.reach("approved once")
	r.c.clock = r.c.clock.Add(24 * time.Hour)
	commit := func(who string, line string, endorsers ...string) peer.TxValidationCode {
		t.Helper()
		function, batch := r.call(strings.Fields(line))
		r.c.txs++
		stub, response := r.c.simulate(who, fmt.Sprintf("guarded%d", r.c.txs), function, batch)
		if response.GetStatus() != shim.OK {
			t.Fatal(response.GetMessage())
		}
		if len(stub.ReadWriteSet().Writes) == 0 {
			answers, err := wire.DecodeAnswers(response.GetPayload())
			t.Fatalf("%s writes nothing: %s %v", line, messages(answers.Answers), err)
		}
		stub.Endorsers = endorsers
		return r.c.world.Commit(stub)[0]
	}
	for _, v := range []struct {
		line      string
		endorsers []string
		code      peer.TxValidationCode
	}{
		{"approve m/2 on=B:test/1", []string{"A", "B"}, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE},
		{"approve m/2 on=B:test/1", []string{"A", "C", "D"}, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE},
		{"approve m/2 on=B:test/1", []string{"B", "B"}, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE},
		{"approve m/2 on=B:test/1", []string{"B", "C"}, peer.TxValidationCode_VALID},
		{"promote m/2 *", []string{"A", "C"}, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE},
		{"promote m/2 *", []string{"C", "B"}, peer.TxValidationCode_VALID},
		{"revoke m/2", []string{"A", "C"}, peer.TxValidationCode_VALID},
		{"rollback m/2 *", []string{"A", "C"}, peer.TxValidationCode_ENDORSEMENT_POLICY_FAILURE},
		{"rollback m/2 *", []string{"A", "B", "C"}, peer.TxValidationCode_VALID},
	} {
		if code := commit("sc", v.line, v.endorsers...); code != v.code {
			t.Errorf("%s endorsed by %v: %s", v.line, v.endorsers, code)
		}
	}
	alias, err := wire.AliasKey("*")
	if err != nil {
		t.Fatal(err)
	}
	if r.c.world.Policy(alias) == nil {
		t.Error("the alias has no endorsement policy of its own")
	}
}

func TestAnArtefactIsReadBackFromTheLedger(t *testing.T) {
	r := newRegistry(t)
	r.reach("approved")
	m := query[wire.StoredModel](t, r.c, wire.FnGetModel, "m/2").Version
	if len(m.Chunks) < 2 {
		t.Fatal("the artefact is in one chunk")
	}
	artefact, err := ledger.JoinArtefact(m, func(digest ledger.Digest) ([]byte, error) {
		_, response := r.c.simulate("none", "query", wire.FnGetChunk, []byte(digest.String()))
		return response.GetPayload(), nil
	})
	if err != nil || !bytes.Equal(artefact, artefactOf(m.Ref())) {
		t.Error(len(artefact), err)
	}
	same := query[wire.StoredModel](t, r.c, wire.FnGetModel, "m@"+m.Artefact.String())
	if same.Version.Ref() != m.Ref() {
		t.Errorf("%+v", same)
	}
	stub := r.c.world.Simulate(statetest.Proposal{TxID: "read"})
	if back, err := state.New(stub).Artefact(m); err != nil || !bytes.Equal(back, artefact) {
		t.Error(err)
	}
	for what, change := range map[string]func(*ledger.ModelVersion){
		"a chunk that is not there": func(m *ledger.ModelVersion) { m.Chunks = []ledger.Digest{{1}} },
		"a chunk less":              func(m *ledger.ModelVersion) { m.Chunks = m.Chunks[:1] },
		"another size":              func(m *ledger.ModelVersion) { m.Size++ },
		"another artefact":          func(m *ledger.ModelVersion) { m.Artefact[0]++ },
		"another order":             func(m *ledger.ModelVersion) { m.Chunks = []ledger.Digest{m.Chunks[1], m.Chunks[0]} },
	} {
		other := m.Stated()
		other.Version = 3
		change(&other)
		answers, _ := r.c.submit(t, "ma", wire.FnSubmitModels, encode(t, wire.ModelBatch{Models: []ledger.ModelVersion{other}}))
		if answers[0].Code != ledger.CodeArtefact {
			t.Errorf("%s: %+v", what, answers[0])
		}
	}
}

// Every field that a modeller states counts: none can be another under the same version.
func TestVersionsAndSnapshotsAreWrittenOnce(t *testing.T) {
	r := newRegistry(t)
	r.reach("draft")
	two := uint32(2)
	for what, change := range map[string]func(*ledger.ModelVersion){
		"format":   func(m *ledger.ModelVersion) { m.Format = "x" },
		"features": func(m *ledger.ModelVersion) { m.Features[1]++ },
		"source":   func(m *ledger.ModelVersion) { m.Code.Source[1]++ },
		"module":   func(m *ledger.ModelVersion) { m.Code.Module = "x" },
		"revision": func(m *ledger.ModelVersion) { m.Code.Revision = "v2" },
		"sum": func(m *ledger.ModelVersion) {
			m.Code.Sums = []ledger.ModuleSum{{Path: "a", Version: "v1", Sum: "h1:y"}}
		},
		"go":          func(m *ledger.ModelVersion) { m.Code.Go = "go1.26.1" },
		"platform":    func(m *ledger.ModelVersion) { m.Code.Platform = "linux/arm64" },
		"command":     func(m *ledger.ModelVersion) { m.Code.Command = "train" },
		"parameter":   func(m *ledger.ModelVersion) { m.Parameters = []ledger.Hyperparameter{{Name: "alpha", Value: "0.02"}} },
		"seed":        func(m *ledger.ModelVersion) { m.Seed++ },
		"threshold":   func(m *ledger.ModelVersion) { m.Thresholds = []ledger.Metric{{Name: "inspect", Value: 1}} },
		"products":    func(m *ledger.ModelVersion) { m.Products = []string{"*"} },
		"use":         func(m *ledger.ModelVersion) { m.IntendedUse = "x" },
		"limitations": func(m *ledger.ModelVersion) { m.Limitations = "x" },
		"licence":     func(m *ledger.ModelVersion) { m.Licence = "x" },
		"parent":      func(m *ledger.ModelVersion) { m.Parent = nil },
		"size":        func(m *ledger.ModelVersion) { m.Size++ },
		"training":    func(m *ledger.ModelVersion) { m.Training = []ledger.DatasetRef{datasetOf("test", 1).Ref()} },
	} {
		m := query[wire.StoredModel](t, r.c, wire.FnGetModel, "m/2").Version.Stated()
		change(&m)
		answers, _ := r.c.submit(t, "ma", wire.FnSubmitModels, encode(t, wire.ModelBatch{Models: []ledger.ModelVersion{m}}))
		if answers[0].Code != ledger.CodeConflict {
			t.Errorf("%s: %+v", what, answers[0])
		}
	}
	for what, change := range map[string]func(*ledger.DatasetSnapshot){
		"root":     func(d *ledger.DatasetSnapshot) { d.Root[1]++ },
		"events":   func(d *ledger.DatasetSnapshot) { d.Events++ },
		"segments": func(d *ledger.DatasetSnapshot) { d.Segments++ },
		"bytes":    func(d *ledger.DatasetSnapshot) { d.Bytes++ },
		"from":     func(d *ledger.DatasetSnapshot) { d.From++ },
		"to":       func(d *ledger.DatasetSnapshot) { d.To++ },
		"block":    func(d *ledger.DatasetSnapshot) { d.Block[1]++ },
		"query":    func(d *ledger.DatasetSnapshot) { d.Query = "x" },
		"schema":   func(d *ledger.DatasetSnapshot) { d.Schema = "x" },
		"features": func(d *ledger.DatasetSnapshot) { d.Features[1]++ },
		"licence":  func(d *ledger.DatasetSnapshot) { d.Licence = "x" },
		"about":    func(d *ledger.DatasetSnapshot) { d.About = "x" },
	} {
		d := datasetOf("train", 1)
		change(&d)
		answers, _ := r.c.submit(t, "ma", wire.FnSnapshotDatasets, encode(t, wire.DatasetBatch{Datasets: []ledger.DatasetSnapshot{d}}))
		if answers[0].Code != ledger.CodeConflict {
			t.Errorf("%s: %+v", what, answers[0])
		}
	}
	d := datasetOf("train", two)
	answers, _ := r.c.submit(t, "mb", wire.FnSnapshotDatasets, encode(t, wire.DatasetBatch{Datasets: []ledger.DatasetSnapshot{d, datasetOf("train", 4)}}))
	expect(t, answers, "refused:WB_UNAUTHORISED refused:WB_CONFLICT")
}

// Without a model policy verdicts rest on what their scorers say; with one on what was approved.
func TestVerdictsRestOnApprovedModels(t *testing.T) {
	r := newRegistry(t)
	read := func(name string) error {
		return ledger.ModelBlocked(name, state.New(r.c.world.Simulate(statetest.Proposal{TxID: "read"})))
	}
	stranger := "other@" + ledger.Digest{1}.String()
	for _, name := range []string{stranger, "other", "other@1"} {
		if err := read(name); err != nil {
			t.Error(err)
		}
	}
	r.reach("production")
	m := query[wire.StoredModel](t, r.c, wire.FnGetModel, "m/2").Version
	for name, blocked := range map[string]bool{
		stranger: true, "other": true, "other@1": true, "m@" + m.Artefact.String(): false, "n@" + m.Artefact.String(): true,
	} {
		if err := read(name); (err != nil) != blocked || blocked && !errors.Is(err, ledger.ErrModelBlocked) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What lets a version serve holds off neither its revocation nor verdicts on it, be it in the same block.
func TestTurningAnAliasHoldsOffNeitherRevocationNorVerdict(t *testing.T) {
	r := newRegistry(t)
	r.reach("production")
	r.identity("sc-A", "A", "recorder,gateway,registrar,scorer")
	v := r.c.evidenceOf(t, "sc-A")
	m := modelOf(t, r.ref("m/2"))
	v.Model = m.ID + "@" + m.Artefact.String()
	simulated := func(who, function string, batch []byte) *statetest.Stub {
		t.Helper()
		r.c.txs++
		stub, response := r.c.simulate(who, fmt.Sprintf("turn%d", r.c.txs), function, batch)
		if response.GetStatus() != shim.OK || len(stub.ReadWriteSet().Writes) == 0 {
			t.Fatal(response.GetMessage())
		}
		return stub
	}
	motion := func(who, line string) *statetest.Stub {
		t.Helper()
		function, batch := r.call(strings.Fields(line))
		return simulated(who, function, batch)
	}
	verdict := simulated("sc-A", wire.FnRecordVerdicts, encode(t, wire.VerdictBatch{Verdicts: []ledger.Verdict{v}}))
	if codes := r.c.world.Commit(motion("sa", "rollback m/2 *"), verdict, motion("sb", "revoke m/2")); slices.ContainsFunc(codes, func(c peer.TxValidationCode) bool { return c != peer.TxValidationCode_VALID }) {
		t.Error(codes)
	}
	r.play("after", []byte("serves * => m/1\nstate m/2 => revoked\nverdict m/2 => WB_MODEL_BLOCKED"))
}

func TestAModelHasOneName(t *testing.T) {
	m := modelOf(t, ledger.ModelRef{ID: "m", Version: 2})
	lower := m.Artefact.String()
	name := m.ID + "@" + lower
	if id, artefact, ok := ledger.ArtefactOf(name); !ok || id != m.ID || artefact != m.Artefact {
		t.Error(id, artefact, ok)
	}
	for _, governed := range []bool{false, true} {
		r := newRegistry(t)
		r.identity("sc-A", "A", "recorder,gateway,registrar,scorer")
		v := r.c.evidenceOf(t, "sc-A")
		if governed {
			r.reach("production")
		}
		var verdicts []ledger.Verdict
		for _, other := range []string{lower, strings.ToUpper(lower), strings.ToUpper(lower[:32]) + lower[32:]} {
			v.Model = m.ID + "@" + other
			verdicts = append(verdicts, v)
		}
		answers, _ := r.c.submit(t, "sc-A", wire.FnRecordVerdicts, encode(t, wire.VerdictBatch{Verdicts: verdicts}))
		expect(t, answers, "recorded refused:WB_MODEL_BLOCKED refused:WB_MODEL_BLOCKED")
	}
}
