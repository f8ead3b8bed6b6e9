package contract_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/chaincode/contract"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/state/statetest"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/epcis"
)

var start = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

const (
	item   = "https://id.gs1.org/01/09506000134352/21/1"
	pallet = "https://id.gs1.org/00/095060001343520014"
	logger = "https://id.gs1.org/8004/4012345ABC"
)

// fatal is what a helper needs of a test, a benchmark or a property.
type fatal interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// channel is a channel of organisations A and B with the chaincode on it.
type channel struct {
	world    *statetest.World
	code     shim.Chaincode
	creators map[string][]byte
	clock    time.Time
	txs      int
}

func newChannel(t fatal) *channel {
	t.Helper()
	c := &channel{world: statetest.NewWorld(), creators: map[string][]byte{}, clock: start.Add(48 * time.Hour)}
	code, err := contract.New(func() time.Time { return c.clock }, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	c.code = code
	for _, msp := range []string{"A", "B"} {
		c.identity(t, msp, msp, "recorder,gateway,scorer,registrar,anchor,holder,modeller,steward")
	}
	for _, role := range []string{"recorder", "gateway", "scorer", "registrar", "reader", "anchor", "holder", "modeller", "steward", "none"} {
		c.identity(t, role, "A", role)
	}
	return c
}

func (c *channel) identity(t fatal, name, msp, roles string) {
	t.Helper()
	creator, err := statetest.Creator(msp, name, map[string]string{contract.RoleAttribute: roles})
	if err != nil {
		t.Fatal(err)
	}
	c.creators[name] = creator
}

// simulate runs a function on the committed state.
func (c *channel) simulate(who, txID, function string, args ...[]byte) (*statetest.Stub, *peer.Response) {
	stub := c.world.Simulate(statetest.Proposal{
		TxID: txID, Args: append([][]byte{[]byte(function)}, args...), Creator: c.creators[who], Time: timestamppb.New(c.clock),
	})
	return stub, c.code.Invoke(stub)
}

// submit runs a function and commits it.
func (c *channel) submit(t fatal, who, function string, batch []byte) ([]wire.Answer, *statetest.Stub) {
	t.Helper()
	c.txs++
	stub, response := c.simulate(who, fmt.Sprintf("tx%d", c.txs), function, batch)
	if response.GetStatus() != shim.OK {
		t.Fatalf("%s: %s", function, response.GetMessage())
	}
	answers, err := wire.DecodeAnswers(response.GetPayload())
	if err != nil {
		t.Fatal(err)
	}
	if codes := c.world.Commit(stub); codes[0] != peer.TxValidationCode_VALID {
		t.Fatalf("%s: %s", function, codes[0])
	}
	wrote := slices.ContainsFunc(answers.Answers, wire.Answer.Wrote)
	set := stub.ReadWriteSet()
	if wrote != (len(set.Writes) > 0) || wrote != (set.Event != nil) {
		t.Fatalf("answers say %v, writes are %d, event %v", wrote, len(set.Writes), set.Event)
	}
	return answers.Answers, stub
}

// query runs a function that reads.
func query[T wire.StoredModel | ledger.Alias | ledger.Note | ledger.CreditAccount | ledger.Stake | ledger.CreditPolicy | ledger.Receipt | ledger.CreditSums | wire.RecordedElement | ledger.MasterDatum | ledger.Finding | wire.RecordedEvent | ledger.ItemState | ledger.Device | wire.StoredSegment | ledger.Policy | ledger.Verdict | ledger.Anchor | ledger.AnchorHead](t fatal, c *channel, function string, args ...string) T {
	t.Helper()
	raw := make([][]byte, len(args))
	for i, a := range args {
		raw[i] = []byte(a)
	}
	stub, response := c.simulate("none", "query", function, raw...)
	if response.GetStatus() != shim.OK {
		t.Fatalf("%s: %s", function, response.GetMessage())
	}
	if set := stub.ReadWriteSet(); len(set.Writes) > 0 || set.Event != nil {
		t.Fatalf("%s writes", function)
	}
	v, err := wire.Decode[T](response.GetPayload(), wire.MaxStoredBytes)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

type fields map[string]any

// entry makes an event so many minutes after start.
func entry(minute int, f fields) wire.EventEntry {
	all := fields{
		"type": "ObjectEvent", "eventTimeZoneOffset": "+00:00", "action": "OBSERVE", "epcList": []string{item},
		"eventTime": start.Add(time.Duration(minute) * time.Minute).Format(time.RFC3339),
	}
	maps.Copy(all, f)
	body, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return wire.EventEntry{Body: body}
}

func events(t fatal, entries ...wire.EventEntry) []byte {
	t.Helper()
	data, err := wire.EncodeEventBatch(entries)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func encode[T wire.TaskBatch | wire.ScoringPolicyBatch | wire.ChunkBatch | wire.DatasetBatch | wire.ModelBatch | wire.EvaluationBatch | wire.ModelMotionBatch | wire.CreditBatch | wire.MotionBatch | wire.MasterBatch | wire.ReviewBatch | wire.DeviceBatch | wire.SegmentBatch | wire.PolicyBatch | wire.VerdictBatch | wire.RootBatch](t fatal, v T) []byte {
	t.Helper()
	data, err := wire.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func statuses(answers []wire.Answer) string {
	var b strings.Builder
	for i, a := range answers {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(a.Status.String())
		if a.Restatement {
			b.WriteString("+")
		}
		if a.Code != "" {
			b.WriteString(":" + a.Code)
		}
	}
	return b.String()
}

func expect(t fatal, answers []wire.Answer, want string) {
	t.Helper()
	if got := statuses(answers); got != want {
		for _, a := range answers {
			if a.Message != "" {
				want += "\n\t" + a.Message
			}
		}
		t.Fatalf("answered %s, not %s", got, want)
	}
}

// transaction reads a committed transaction as a consumer of the block stream does.
func transaction(t fatal, stub *statetest.Stub) wire.Transaction {
	t.Helper()
	set := stub.ReadWriteSet()
	tx, err := wire.ReadTransaction(set.Event.GetPayload(), func(yield func(string, []byte) bool) {
		for _, w := range set.Writes {
			if !yield(w.Key, w.Value) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func TestExportedMethodsAreTheTransactionFunctions(t *testing.T) {
	want := map[string][]string{
		"Traceability": {"GetEvent", "GetFinding", "GetItem", "RecordEvents", "Review"},
		"MasterData":   {"Get", "GetElement", "RecordElements", "Register"},
		"Telemetry":    {"GetDevice", "GetSegment", "RecordSegments", "RegisterDevices"},
		"Scoring": {
			"GetFinal", "GetPolicy", "GetScorers", "GetScoringPolicy", "GetTask", "GetVerdict", "Govern", "RecordVerdicts", "Score", "SetPolicies",
		},
		"Anchor": {"AnchorRoots", "GetAnchor", "GetAnchorHead"},
		"Model": {
			"Evaluate", "GetAlias", "GetChunk", "GetDataset", "GetEvaluation", "GetModel", "GetPolicy", "Govern", "SnapshotDatasets", "StoreChunks", "Submit",
		},
		"Token": {"GetAccount", "GetNote", "GetPolicy", "GetReceipt", "GetStake", "GetSums", "Govern", "Transact"},
	}
	// What contractapi asks of a contract and does not expose.
	framework := []string{
		"GetAfterTransaction", "GetBeforeTransaction", "GetEvaluateTransactions", "GetInfo", "GetName",
		"GetTransactionContextHandler", "GetUnknownTransaction",
	}
	for _, c := range []any{&contract.Traceability{}, &contract.Telemetry{}, &contract.Scoring{}, &contract.Anchor{}, &contract.MasterData{}, &contract.Token{}, &contract.Model{}} {
		kind := reflect.TypeOf(c)
		var got []string
		for method := range kind.Methods() {
			if !slices.Contains(framework, method.Name) {
				got = append(got, method.Name)
			}
		}
		if !slices.Equal(got, want[kind.Elem().Name()]) {
			t.Errorf("%s exports %v", kind.Elem().Name(), got)
		}
	}
}

func TestMetadataTellsWritesFromReads(t *testing.T) {
	c := newChannel(t)
	_, response := c.simulate("none", "tx", "org.hyperledger.fabric:GetMetadata")
	var metadata struct {
		Contracts map[string]struct {
			Transactions []struct {
				Name string
				Tag  []string
			}
		}
	}
	if err := json.Unmarshal(response.GetPayload(), &metadata); err != nil {
		t.Fatal(err, response.GetMessage())
	}
	seen := 0
	for _, name := range []string{"traceability", "telemetry", "scoring", "anchor", "masterdata", "token", "model"} {
		for _, tx := range metadata.Contracts[name].Transactions {
			seen++
			tag := "SUBMIT"
			if strings.HasPrefix(tx.Name, "Get") {
				tag = "EVALUATE"
			}
			if !slices.Contains(tx.Tag, tag) {
				t.Errorf("%s:%s is tagged %v", name, tx.Name, tx.Tag)
			}
		}
	}
	if seen != 45 {
		t.Errorf("%d functions", seen)
	}
}

func TestFunctionsAreCalledByTheirWholeNameAndArguments(t *testing.T) {
	c := newChannel(t)
	for _, args := range [][]string{
		{},
		{""},
		{"RecordEvents", "x"},
		{"traceability:recordEvents", "x"},
		{"traceability:", "x"},
		{"nothing:RecordEvents", "x"},
		{wire.FnRecordEvents},
		{wire.FnRecordEvents, "x", "y"},
		{"traceability:GetName"},
		{wire.FnGetSegment, "x"},
	} {
		var raw [][]byte
		for _, a := range args {
			raw = append(raw, []byte(a))
		}
		stub := c.world.Simulate(statetest.Proposal{TxID: "tx", Args: raw, Creator: c.creators["A"], Time: timestamppb.New(c.clock)})
		if response := c.code.Invoke(stub); response.GetStatus() == shim.OK || !strings.HasPrefix(response.GetMessage(), ledger.CodeMalformed) {
			t.Errorf("%q: %d %s", args, response.GetStatus(), response.GetMessage())
		}
	}
	if response := c.code.Init(c.world.Simulate(statetest.Proposal{TxID: "tx"})); response.GetStatus() != shim.OK {
		t.Error(response.GetMessage())
	}
}

// writers are the functions that write, with the role each needs and an argument that is well formed.
func writers(t fatal) map[string]struct {
	role  string
	batch []byte
} {
	t.Helper()
	return map[string]struct {
		role  string
		batch []byte
	}{
		wire.FnRecordEvents:     {"recorder", events(t, entry(1, nil))},
		wire.FnRegisterDevices:  {"registrar", encode(t, wire.DeviceBatch{Devices: []ledger.Device{device(t, 1)}})},
		wire.FnRecordSegments:   {"gateway", encode(t, wire.SegmentBatch{Segments: []wire.SignedSegment{signed(t, 1, reading(0, ledger.Digest{}, 0))}})},
		wire.FnReview:           {"recorder", encode(t, wire.ReviewBatch{Subjects: []wire.ReviewSubject{{Item: item}}})},
		wire.FnRegisterMaster:   {"registrar", encode(t, wire.MasterBatch{Data: []ledger.MasterDatum{{Version: 1, Prefix: &ledger.Prefix{Prefix: "9506000"}}}})},
		wire.FnRecordElements:   {"recorder", elements(t, "", place("Plant"))},
		wire.FnSetPolicies:      {"registrar", encode(t, wire.PolicyBatch{Policies: []ledger.Policy{policy()}})},
		wire.FnRecordVerdicts:   {"scorer", encode(t, wire.VerdictBatch{Verdicts: []ledger.Verdict{{Shipment: pallet}}})},
		wire.FnScore:            {"scorer", encode(t, wire.TaskBatch{Operations: []ledger.TaskOperation{{Register: &ledger.RegisterScorer{}}}})},
		wire.FnGovernScoring:    {"steward", encode(t, wire.ScoringPolicyBatch{Policies: []ledger.ScoringPolicy{scoringPolicy()}})},
		wire.FnTransact:         {"holder", encode(t, wire.CreditBatch{Operations: []ledger.CreditOperation{{Open: &ledger.OpenAccount{}}}})},
		wire.FnGovernCredits:    {"steward", encode(t, wire.MotionBatch{Motions: []ledger.CreditMotion{{Recover: &ledger.RecoverAccount{Account: ledger.Digest{1}}}}})},
		wire.FnStoreChunks:      {"modeller", encode(t, wire.ChunkBatch{Chunks: [][]byte{{1}}})},
		wire.FnSnapshotDatasets: {"modeller", encode(t, wire.DatasetBatch{Datasets: []ledger.DatasetSnapshot{datasetOf("d", 1)}})},
		wire.FnSubmitModels:     {"modeller", encode(t, wire.ModelBatch{Models: []ledger.ModelVersion{{ID: "m", Version: 1}}})},
		wire.FnEvaluateModels:   {"modeller", encode(t, wire.EvaluationBatch{Evaluations: []ledger.Evaluation{{Model: ledger.ModelRef{ID: "m", Version: 1}}}})},
		wire.FnGovernModels:     {"steward", encode(t, wire.ModelMotionBatch{Motions: []ledger.ModelMotion{{Deprecate: &ledger.DeprecateModel{Model: ledger.ModelRef{ID: "m", Version: 1}}}}})},
		wire.FnAnchorRoots:      {"anchor", encode(t, wire.RootBatch{Roots: []wire.SignedRoot{{Root: ledger.Root{Height: 1}}}})},
	}
}

func TestEveryFunctionRefusesTheWrongRole(t *testing.T) {
	c := newChannel(t)
	for function, w := range writers(t) {
		for _, who := range []string{"recorder", "gateway", "scorer", "registrar", "reader", "anchor", "holder", "modeller", "steward", "none", "nobody"} {
			stub, response := c.simulate(who, "tx", function, w.batch)
			if allowed := response.GetStatus() == shim.OK; allowed != (who == w.role) {
				t.Errorf("%s by %s: %d %s", function, who, response.GetStatus(), response.GetMessage())
			} else if !allowed && (!strings.HasPrefix(response.GetMessage(), ledger.CodeUnauthorised+": ") || len(stub.ReadWriteSet().Writes) > 0) {
				t.Errorf("%s by %s: %s", function, who, response.GetMessage())
			}
		}
	}
}

func TestEveryFunctionRefusesSkewAndGarbage(t *testing.T) {
	c := newChannel(t)
	for function, w := range writers(t) {
		for _, garbage := range [][]byte{nil, {}, {0}, {1}, []byte("{}"), {1, 0xa0}, bytes.Repeat([]byte{1}, 1000), w.batch[:len(w.batch)-1], append(bytes.Clone(w.batch), 0)} {
			if _, response := c.simulate("A", "tx", function, garbage); !strings.HasPrefix(response.GetMessage(), ledger.CodeMalformed+": ") {
				t.Errorf("%s %x: %s", function, garbage[:min(len(garbage), 20)], response.GetMessage())
			}
		}
		if _, response := c.simulate("A", "tx", function, make([]byte, ledger.MaxArgumentBytes+1)); !strings.HasPrefix(response.GetMessage(), ledger.CodeTooLarge+": ") {
			t.Errorf("%s: %s", function, response.GetMessage())
		}
		for _, d := range []time.Duration{-6 * time.Minute, 6 * time.Minute} {
			stub := c.world.Simulate(statetest.Proposal{TxID: "tx", Args: [][]byte{[]byte(function), w.batch}, Creator: c.creators["A"], Time: timestamppb.New(c.clock.Add(d))})
			if response := c.code.Invoke(stub); !strings.HasPrefix(response.GetMessage(), ledger.CodeClockSkew+": ") {
				t.Errorf("%s: %s", function, response.GetMessage())
			}
		}
	}
}

func TestEachEventIsAnsweredForItself(t *testing.T) {
	c := newChannel(t)
	a := entry(1, fields{"action": "ADD", "bizStep": "commissioning"})
	spaced := wire.EventEntry{Body: bytes.Replace(a.Body, []byte(":"), []byte(": "), 1)}
	future := entry(60*24*365*70, nil)
	answers, stub := c.submit(t, "A", wire.FnRecordEvents, events(t,
		a, wire.EventEntry{Body: []byte("{")}, entry(2, fields{"action": "KEEP"}), a, future, spaced,
		wire.EventEntry{Context: []byte("7"), Body: a.Body}, entry(3, fields{"bizStep": "shipping"}),
	))
	expect(t, answers, "recorded refused:WB_NOT_JSON refused:WB_EPCIS_VOCABULARY duplicate refused:WB_TIME_FUTURE refused:WB_MALFORMED refused:WB_EPCIS_CONTEXT recorded")
	if answers[3].RecordedIn != "tx1" || answers[3].Digest != answers[0].Digest {
		t.Errorf("%+v", answers[3])
	}
	tx := transaction(t, stub)
	if len(tx.Events) != 2 || !bytes.Equal(tx.Events[0].Body, a.Body) || tx.Events[1].Hash != answers[7].Digest || len(tx.Items) != 1 {
		t.Errorf("%+v", tx)
	}
	if tx.Items[0].Status != ledger.ItemInTransit || tx.Items[0].EPC != item {
		t.Errorf("%+v", tx.Items[0])
	}
	// The pack holds what was recorded and nothing of what was refused.
	back := query[wire.RecordedEvent](t, c, wire.FnGetEvent, answers[7].Digest.String())
	if !bytes.Equal(back.Body, entry(3, fields{"bizStep": "shipping"}).Body) || back.Record.TxID != "tx1" || back.Record.MSPID != "A" {
		t.Errorf("%s", back.Body)
	}
	if named := query[wire.RecordedEvent](t, c, wire.FnGetEvent, epcis.Hash(answers[7].Digest).String()); named.Hash != back.Hash {
		t.Error("an event is not found by its URI")
	}
	if s := query[ledger.ItemState](t, c, wire.FnGetItem, "urn:epc:id:sgtin:9506000.013435.1"); s.EPC != item || s.Custodian != "A" {
		t.Errorf("%+v", s)
	}
}

func TestWhatIsKnownAlreadyWritesNothing(t *testing.T) {
	c := newChannel(t)
	batch := events(t, entry(1, nil), entry(2, nil))
	first, _ := c.submit(t, "A", wire.FnRecordEvents, batch)
	expect(t, first, "recorded recorded")
	again, stub := c.submit(t, "B", wire.FnRecordEvents, batch)
	expect(t, again, "duplicate duplicate")
	if again[0].RecordedIn != "tx1" {
		t.Errorf("%+v", again[0])
	}
	if set := stub.ReadWriteSet(); len(set.Writes) > 0 || len(set.Reads) != 1+2 {
		t.Errorf("%d writes, %d reads", len(set.Writes), len(set.Reads))
	}
}

func TestOtherTextsOfAnEventAreRestatements(t *testing.T) {
	c := newChannel(t)
	original := entry(1, fields{"epcList": []string{"urn:epc:id:sgtin:9506000.013435.1"}})
	link := entry(1, nil)
	declared := entry(1, fields{"errorDeclaration": fields{"declarationTime": start.Add(time.Hour).Format(time.RFC3339), "reason": "did_not_occur"}})
	answers, _ := c.submit(t, "A", wire.FnRecordEvents, events(t, original, link, link))
	expect(t, answers, "recorded duplicate+ duplicate+")
	if answers[1].RecordedIn != "" || answers[2].RecordedIn != "tx1" {
		t.Errorf("%+v", answers)
	}
	answers, stub := c.submit(t, "A", wire.FnRecordEvents, events(t, original, link, declared))
	expect(t, answers, "duplicate duplicate+ duplicate+")
	tx := transaction(t, stub)
	if len(tx.Restatements) != 1 || !bytes.Equal(tx.Restatements[0].Body, declared.Body) || len(tx.Events) != 0 ||
		len(tx.Items) != 1 || len(tx.Items[0].Steps) != 0 || tx.Items[0].LastEvent.IsZero() {
		t.Errorf("%+v", tx)
	}
	back := query[wire.RecordedEvent](t, c, wire.FnGetEvent, answers[0].Digest.String())
	if !back.Record.DeclaredInError || !bytes.Equal(back.Body, original.Body) {
		t.Errorf("%+v", back.Record)
	}
}

func TestAnotherOrganisationDeclaresNothingInError(t *testing.T) {
	c := newChannel(t)
	answers, _ := c.submit(t, "A", wire.FnRecordEvents, events(t, entry(1, nil)))
	declared := entry(1, fields{"errorDeclaration": fields{"declarationTime": start.Add(time.Hour).Format(time.RFC3339)}})
	second, _ := c.submit(t, "B", wire.FnRecordEvents, events(t, declared))
	expect(t, second, "duplicate+")
	if back := query[wire.RecordedEvent](t, c, wire.FnGetEvent, answers[0].Digest.String()); back.Record.DeclaredInError {
		t.Error("declared in error by who did not record it")
	}
	// Nor does it keep the recorder from saying the same.
	own, stub := c.submit(t, "A", wire.FnRecordEvents, events(t, declared, declared))
	expect(t, own, "duplicate+ duplicate+")
	if back := query[wire.RecordedEvent](t, c, wire.FnGetEvent, answers[0].Digest.String()); !back.Record.DeclaredInError {
		t.Error("the recorder's own declaration came to nothing after another's in the same words")
	}
	if tx := transaction(t, stub); own[0].RecordedIn != "" || own[1].RecordedIn == "" || len(tx.Restatements) != 1 || !bytes.Equal(tx.Restatements[0].Body, declared.Body) {
		t.Errorf("%+v %+v", own, tx.Restatements)
	}
	again, stub := c.submit(t, "A", wire.FnRecordEvents, events(t, declared))
	if expect(t, again, "duplicate+"); len(stub.ReadWriteSet().Writes) > 0 {
		t.Error("declared twice")
	}
}

func TestAnEventIDBelongsToOneEvent(t *testing.T) {
	c := newChannel(t)
	id := fields{"eventID": "urn:uuid:374d95fc-9457-4a51-bd6a-0bba133845a8"}
	answers, _ := c.submit(t, "A", wire.FnRecordEvents, events(t, entry(1, id), entry(2, id)))
	expect(t, answers, "recorded refused:WB_CONFLICT")
	// Within an organisation: nobody can take an id away from another by being first.
	answers, _ = c.submit(t, "B", wire.FnRecordEvents, events(t, entry(3, id), entry(1, id), entry(4, id)))
	expect(t, answers, "recorded duplicate refused:WB_CONFLICT")
	answers, _ = c.submit(t, "A", wire.FnRecordEvents, events(t, entry(3, id), entry(1, id)))
	expect(t, answers, "duplicate duplicate")
	answers, stub := c.submit(t, "A", wire.FnRecordEvents, events(t, entry(5, fields{"eventID": epcis.Hash{1}.String()})))
	expect(t, answers, "recorded")
	if len(answers[0].Findings) != 1 || answers[0].Findings[0].Code != ledger.FindingEventIDMismatch {
		t.Errorf("%+v", answers[0].Findings)
	}
	if tx := transaction(t, stub); len(tx.Findings) != 1 || tx.Findings[0] != answers[0].Findings[0] || !slices.Equal(tx.Events[0].Record.Findings, []string{"event_id_mismatch"}) {
		t.Errorf("%+v", tx)
	}
}

func TestARestatementTakesItsEventIDForItsOrganisation(t *testing.T) {
	c := newChannel(t)
	first, second := fields{"eventID": "urn:uuid:11111111-9457-4a51-bd6a-0bba133845a8"}, fields{"eventID": "urn:uuid:22222222-9457-4a51-bd6a-0bba133845a8"}
	answers, _ := c.submit(t, "A", wire.FnRecordEvents, events(t, entry(1, first)))
	expect(t, answers, "recorded")
	answers, stub := c.submit(t, "A", wire.FnRecordEvents, events(t, entry(1, second), entry(2, second)))
	expect(t, answers, "duplicate+ refused:WB_CONFLICT")
	if tx := transaction(t, stub); len(tx.Restatements) != 1 || tx.Restatements[0].Record.EventID != second["eventID"] {
		t.Errorf("%+v", tx.Restatements)
	}
	answers, _ = c.submit(t, "A", wire.FnRecordEvents, events(t, entry(2, second), entry(2, first), entry(2, nil)))
	expect(t, answers, "refused:WB_CONFLICT refused:WB_CONFLICT recorded")
	// Sent again, both are there and nothing is written.
	answers, stub = c.submit(t, "A", wire.FnRecordEvents, events(t, entry(1, second), entry(1, first)))
	expect(t, answers, "duplicate+ duplicate")
	if set := stub.ReadWriteSet(); len(set.Writes) > 0 {
		t.Errorf("%d writes", len(set.Writes))
	}
	// Another organisation's ids are its own, and an id that others' content has is not taken over by a restatement.
	answers, _ = c.submit(t, "B", wire.FnRecordEvents, events(t, entry(3, second)))
	expect(t, answers, "recorded")
	answers, _ = c.submit(t, "A", wire.FnRecordEvents, events(t, entry(3, first)))
	expect(t, answers, "refused:WB_CONFLICT")
}

func TestFindingsSpanTransactionsAndBatches(t *testing.T) {
	c := newChannel(t)
	commission := fields{"action": "ADD", "bizStep": "commissioning"}
	answers, _ := c.submit(t, "A", wire.FnRecordEvents, events(t, entry(1, commission), entry(2, commission)))
	if len(answers[0].Findings) != 0 || len(answers[1].Findings) != 1 || answers[1].Findings[0].Other != answers[0].Digest {
		t.Fatalf("%+v", answers)
	}
	answers, _ = c.submit(t, "B", wire.FnRecordEvents, events(t, entry(3, fields{"bizStep": "shipping"})))
	if len(answers[0].Findings) != 1 || answers[0].Findings[0].Code != ledger.FindingShippedByNonHolder {
		t.Fatalf("%+v", answers)
	}
	answers, _ = c.submit(t, "A", wire.FnRecordEvents, events(t, entry(4, fields{"action": "DELETE"}), entry(5, fields{"bizStep": "receiving"})))
	if len(answers[1].Findings) != 1 || answers[1].Findings[0].Code != ledger.FindingMovedAfterDecommission {
		t.Fatalf("%+v", answers)
	}
}

func TestWhatWasDeclaredInErrorIsNoGroundForAFinding(t *testing.T) {
	declaration := fields{"declarationTime": start.Add(time.Hour).Format(time.RFC3339), "reason": "incorrect_data"}
	commission := fields{"action": "ADD", "bizStep": "commissioning"}
	wrong := maps.Clone(commission)
	wrong["errorDeclaration"] = declaration
	for who, want := range map[string]int{"A": 0, "B": 1} {
		c := newChannel(t)
		c.submit(t, "A", wire.FnRecordEvents, events(t, entry(1, commission)))
		c.submit(t, who, wire.FnRecordEvents, events(t, entry(1, wrong)))
		answers, stub := c.submit(t, "A", wire.FnRecordEvents, events(t, entry(2, commission)))
		if len(answers[0].Findings) != want || len(transaction(t, stub).Findings) != want {
			t.Errorf("declared by %s: %+v", who, answers[0].Findings)
		}
	}
	// An event that declares itself in error sets registers all the same, and no rule rests on it.
	c := newChannel(t)
	c.submit(t, "A", wire.FnRecordEvents, events(t, entry(2, commission)))
	answers, _ := c.submit(t, "B", wire.FnRecordEvents, events(t, entry(1, wrong)))
	if len(answers[0].Findings) != 0 {
		t.Errorf("%+v", answers[0].Findings)
	}
}

func TestTwoTransactionsOnOneEventConflict(t *testing.T) {
	c := newChannel(t)
	batch := events(t, entry(1, nil))
	one, _ := c.simulate("A", "one", wire.FnRecordEvents, batch)
	two, _ := c.simulate("B", "two", wire.FnRecordEvents, batch)
	codes := c.world.Commit(one, two)
	if codes[0] != peer.TxValidationCode_VALID || codes[1] != peer.TxValidationCode_MVCC_READ_CONFLICT {
		t.Fatal(codes)
	}
	_, response := c.simulate("B", "three", wire.FnRecordEvents, batch)
	answers, err := wire.DecodeAnswers(response.GetPayload())
	if err != nil {
		t.Fatal(err)
	}
	expect(t, answers.Answers, "duplicate")
}

func TestTransactionsOnOtherEventsAndItemsDoNotConflict(t *testing.T) {
	c := newChannel(t)
	one, _ := c.simulate("A", "one", wire.FnRecordEvents, events(t, entry(1, nil)))
	two, _ := c.simulate("A", "two", wire.FnRecordEvents, events(t, entry(1, fields{"epcList": []string{pallet}})))
	if codes := c.world.Commit(one, two); codes[0] != peer.TxValidationCode_VALID || codes[1] != peer.TxValidationCode_VALID {
		t.Fatal(codes)
	}
}

// randomBatches draws batches of events on few items, some of them refused, some named alike.
func randomBatches() *rapid.Generator[[][]wire.EventEntry] {
	one := rapid.Custom(func(t *rapid.T) wire.EventEntry {
		f := rapid.SampledFrom([]fields{
			{"action": "ADD", "bizStep": "commissioning"},
			{"bizStep": "shipping", "disposition": "in_transit"},
			{"bizStep": "receiving"},
			{"action": "DELETE", "bizStep": "destroying"},
			{"type": "AggregationEvent", "action": "ADD", "parentID": pallet, "childEPCs": []string{item}, "epcList": nil},
			{"action": "ADD", "eventID": "urn:uuid:374d95fc-9457-4a51-bd6a-0bba133845a8"},
			{"eventID": epcis.Hash{1}.String()},
			{"action": "NONE"},
		}).Draw(t, "event")
		e := entry(rapid.IntRange(0, 3).Draw(t, "minute"), f)
		if f["epcList"] == nil && f["type"] != nil {
			e.Body = bytes.Replace(e.Body, []byte(`"epcList":null,`), nil, 1)
		}
		if rapid.Bool().Draw(t, "context") {
			e.Context = []byte(`["` + epcis.DefaultContext + `",{"x":"https://example.org/"}]`)
		}
		return e
	})
	return rapid.SliceOfN(rapid.SliceOfN(one, 1, 8), 1, 4)
}

func TestSimulationsRepeatBitForBit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newChannel(t)
		for i, batch := range randomBatches().Draw(t, "batches") {
			data := events(t, batch...)
			stub, response := c.simulate("A", fmt.Sprint(i), wire.FnRecordEvents, data)
			for range 3 {
				again, second := c.simulate("A", fmt.Sprint(i), wire.FnRecordEvents, data)
				if !bytes.Equal(second.GetPayload(), response.GetPayload()) || second.GetMessage() != response.GetMessage() {
					t.Fatalf("answers differ: %v %v", second, response)
				}
				if !reflect.DeepEqual(again.ReadWriteSet(), stub.ReadWriteSet()) {
					t.Fatal("read-write sets differ")
				}
			}
			c.world.Commit(stub)
		}
	})
}

func TestReplaysChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newChannel(t)
		batches := randomBatches().Draw(t, "batches")
		var all []wire.EventEntry
		for _, batch := range batches {
			c.submit(t, "A", wire.FnRecordEvents, events(t, batch...))
			all = append(all, batch...)
		}
		before := c.world.State()
		c.submit(t, "A", wire.FnRecordEvents, events(t, rapid.Permutation(all).Draw(t, "order")...))
		if after := c.world.State(); !reflect.DeepEqual(before, after) {
			for key, value := range after {
				if !bytes.Equal(before[key], value) {
					t.Logf("%q: %x, then %x", key, before[key], value)
				}
			}
			t.Fatal("a replay wrote")
		}
	})
}

func TestBigBatches(t *testing.T) {
	c := newChannel(t)
	entries := make([]wire.EventEntry, 1000)
	for i := range entries {
		entries[i] = entry(i, fields{"epcList": []string{fmt.Sprintf("https://id.gs1.org/01/09506000134352/21/%d", i%300)}})
	}
	answers, stub := c.submit(t, "A", wire.FnRecordEvents, events(t, entries...))
	if n := len(answers); n != 1000 || answers[999].Status != ledger.StatusRecorded {
		t.Fatal(n)
	}
	if tx := transaction(t, stub); len(tx.Events) != 1000 || len(tx.Items) != 300 {
		t.Fatalf("%d events, %d items", len(tx.Events), len(tx.Items))
	}
	set := stub.ReadWriteSet()
	if len(set.Writes) != 1000+300+1 || len(set.Reads) != 1+1000+300 {
		t.Errorf("%d writes, %d reads", len(set.Writes), len(set.Reads))
	}
	if stub.Gets > 11+10 || stub.Puts > 14 {
		t.Errorf("%d messages to read, %d to write", stub.Gets, stub.Puts)
	}
	bodies := 0
	for _, e := range entries {
		bodies += len(e.Body)
	}
	if size := len(set.Event.GetPayload()); size > bodies/4 {
		t.Errorf("a summary of %d bytes for %d bytes of events", size, bodies)
	}
}

func TestABatchMayNotNameTooManyItems(t *testing.T) {
	c := newChannel(t)
	epcs := make([]string, ledger.MaxEventItems)
	for i := range epcs {
		epcs[i] = fmt.Sprintf("urn:x:%d", i)
	}
	var entries []wire.EventEntry
	for i := range ledger.MaxBatchItems/ledger.MaxEventItems + 1 {
		entries = append(entries, entry(i, fields{"epcList": epcs}))
	}
	entries = append(entries, entry(50, nil))
	_, response := c.simulate("A", "tx", wire.FnRecordEvents, events(t, entries...))
	answers, err := wire.DecodeAnswers(response.GetPayload())
	if err != nil {
		t.Fatal(err, response.GetMessage())
	}
	expect(t, answers.Answers, "recorded recorded recorded recorded refused:WB_TOO_LARGE refused:WB_TOO_LARGE")
}

func TestASmallBatchWritesNoMountain(t *testing.T) {
	c := newChannel(t)
	epcs := make([]string, ledger.MaxEventItems)
	for i := range epcs {
		epcs[i] = fmt.Sprintf("urn:x:%d", i)
	}
	long := "https://example.org/" + strings.Repeat("y", 60_000)
	batch := events(t, entry(1, fields{"epcList": epcs, "bizStep": long, "disposition": long, "bizLocation": fields{"id": long}}), entry(1, nil))
	answers, stub := c.submit(t, "A", wire.FnRecordEvents, batch)
	expect(t, answers, "refused:WB_TOO_LARGE recorded")
	if n := len(stub.ReadWriteSet().Writes); n != 3 {
		t.Errorf("%d writes", n)
	}
}

func key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(append(make([]byte, 31), seed))
}

func device(t fatal, seed byte) ledger.Device {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key(seed).Public())
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Device{ID: logger, Algorithm: ledger.KeyEd25519, PublicKey: der}
}

func reading(seq uint64, previous ledger.Digest, minute int) ledger.Segment {
	s := ledger.Segment{Device: logger, Seq: seq, Previous: previous, Channels: []ledger.Channel{{Quantity: ledger.Temperature}}}
	for i := range 10 {
		s.Times = append(s.Times, ledger.MillisOf(start.Add(time.Duration(minute*60+i)*time.Second)))
		s.Channels[0].Values = append(s.Channels[0].Values, int32(5000+100*i))
	}
	return s
}

func signed(t fatal, seed byte, s ledger.Segment) wire.SignedSegment {
	t.Helper()
	payload, err := wire.EncodeSegment(s)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := wire.SignSegment(key(seed), payload)
	if err != nil {
		t.Fatal(err)
	}
	return wire.SignedSegment{Payload: payload, Signature: signature}
}

func (c *channel) register(t fatal, who string, devices ...ledger.Device) []wire.Answer {
	t.Helper()
	answers, _ := c.submit(t, who, wire.FnRegisterDevices, encode(t, wire.DeviceBatch{Devices: devices}))
	return answers
}

func (c *channel) push(t fatal, who string, segments ...wire.SignedSegment) ([]wire.Answer, *statetest.Stub) {
	t.Helper()
	return c.submit(t, who, wire.FnRecordSegments, encode(t, wire.SegmentBatch{Segments: segments}))
}

func TestDevicesAreRegisteredOnce(t *testing.T) {
	c := newChannel(t)
	bad := device(t, 1)
	bad.ID = "urn:epc:id:giai:4012345.ABC"
	other := device(t, 2)
	expect(t, c.register(t, "A", device(t, 1), bad, device(t, 1), other), "recorded refused:WB_SCHEMA duplicate refused:WB_CONFLICT")
	expect(t, c.register(t, "A", device(t, 1)), "duplicate")
	expect(t, c.register(t, "B", device(t, 1)), "refused:WB_CONFLICT")
	d := query[ledger.Device](t, c, wire.FnGetDevice, logger)
	if d.Owner != "A" || d.TxID != "tx1" || !bytes.Equal(d.PublicKey, device(t, 1).PublicKey) {
		t.Errorf("%+v", d)
	}
}

func TestEachSegmentIsAnsweredForItself(t *testing.T) {
	c := newChannel(t)
	first := signed(t, 1, reading(0, ledger.Digest{}, 0))
	second := signed(t, 1, reading(1, wire.SegmentDigest(first.Payload), 1))
	third := signed(t, 1, reading(2, wire.SegmentDigest(second.Payload), 2))
	answers, _ := c.push(t, "A", first)
	expect(t, answers, "refused:WB_UNKNOWN_DEVICE")
	c.register(t, "A", device(t, 1))
	forged := wire.SignedSegment{Payload: first.Payload, Signature: make([]byte, 64)}
	stranger := signed(t, 2, reading(0, ledger.Digest{}, 0))
	garbage := wire.SignedSegment{Payload: []byte("WBS"), Signature: first.Signature}
	answers, stub := c.push(t, "A", forged, stranger, garbage, second, first, first, second)
	expect(t, answers, "refused:WB_SIGNATURE refused:WB_SIGNATURE refused:WB_MALFORMED refused:WB_SEGMENT_GAP recorded duplicate recorded")
	tx := transaction(t, stub)
	if len(tx.Segments) != 2 || tx.Segments[1].Segment.Seq != 1 || len(tx.Segments[0].Segment.Times) != 10 || !bytes.Equal(tx.Segments[1].Payload, second.Payload) {
		t.Errorf("%+v", tx.Segments)
	}
	replayed := signed(t, 1, reading(1, wire.SegmentDigest(first.Payload), 5))
	unchained := signed(t, 1, reading(2, ledger.Digest{7}, 2))
	backwards := signed(t, 1, reading(2, wire.SegmentDigest(second.Payload), 1))
	late := reading(2, wire.SegmentDigest(second.Payload), 2)
	late.Times[9] = ledger.MillisOf(time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC))
	absurd := reading(2, wire.SegmentDigest(second.Payload), 2)
	absurd.Channels[0].Values[3] = 2_000_000
	answers, _ = c.push(t, "A", second, replayed, unchained, backwards, signed(t, 1, late), signed(t, 1, absurd), third)
	expect(t, answers, "duplicate refused:WB_SEGMENT_REPLAY refused:WB_SEGMENT_CHAIN refused:WB_SEGMENT_ORDER refused:WB_TIME_FUTURE refused:WB_SCHEMA recorded")
	if answers[0].RecordedIn == "" {
		t.Errorf("%+v", answers[0])
	}
	stored := query[wire.StoredSegment](t, c, wire.FnGetSegment, logger, "2")
	if !bytes.Equal(stored.Signed.Payload, third.Payload) || stored.Record.Digest != wire.SegmentDigest(third.Payload) || stored.Record.Count != 10 {
		t.Errorf("%+v", stored.Record)
	}
	if answers, _ = c.push(t, "B", third); statuses(answers) != "refused:WB_UNAUTHORISED" {
		t.Error(statuses(answers))
	}
}

func TestSegmentSimulationsRepeatBitForBit(t *testing.T) {
	c := newChannel(t)
	c.register(t, "A", device(t, 1))
	var batch []wire.SignedSegment
	var previous ledger.Digest
	for i := range 50 {
		s := signed(t, 1, reading(uint64(i), previous, i))
		previous = wire.SegmentDigest(s.Payload)
		batch = append(batch, s)
	}
	data := encode(t, wire.SegmentBatch{Segments: batch})
	one, first := c.simulate("A", "tx", wire.FnRecordSegments, data)
	two, second := c.simulate("A", "tx", wire.FnRecordSegments, data)
	if !bytes.Equal(first.GetPayload(), second.GetPayload()) || !reflect.DeepEqual(one.ReadWriteSet(), two.ReadWriteSet()) {
		t.Fatal("simulations differ")
	}
	if n := len(one.ReadWriteSet().Writes); n != 51 {
		t.Errorf("%d writes", n)
	}
}

func TestABatchMayNotHoldTooManyReadings(t *testing.T) {
	c := newChannel(t)
	c.register(t, "A", device(t, 1))
	var batch []wire.SignedSegment
	var previous ledger.Digest
	at := ledger.MillisOf(start)
	for i := range ledger.MaxBatchReadings/ledger.MaxSegmentReadings + 1 {
		s := ledger.Segment{Device: logger, Seq: uint64(i), Previous: previous, Channels: []ledger.Channel{{Quantity: ledger.Temperature, Values: make([]int32, ledger.MaxSegmentReadings)}}}
		for range ledger.MaxSegmentReadings {
			s.Times = append(s.Times, at)
			at++
		}
		batch = append(batch, signed(t, 1, s))
		previous = wire.SegmentDigest(batch[i].Payload)
	}
	answers, _ := c.push(t, "A", batch...)
	if want := strings.Repeat("recorded ", 10) + "refused:WB_TOO_LARGE"; statuses(answers) != want {
		t.Error(statuses(answers))
	}
}

func policy() ledger.Policy {
	return ledger.Policy{
		ID: "refrigerated", Version: 1, Products: []string{"*", "https://id.gs1.org/01/09506000134352"},
		Low: 2000, High: 8000, ExcursionLow: 2000, ExcursionHigh: 15_000, ExcursionFor: 86_400_000, MKTMax: 8000, MKTOver: 86_400_000,
	}
}

func TestPoliciesSupersedeEachOther(t *testing.T) {
	c := newChannel(t)
	second := policy()
	second.Version, second.Products, second.High = 2, []string{"https://id.gs1.org/01/09506000134352"}, 7000
	rival := policy()
	rival.ID = "frozen"
	mad := policy()
	mad.Low = 9000
	set := func(who string, policies ...ledger.Policy) []wire.Answer {
		answers, _ := c.submit(t, who, wire.FnSetPolicies, encode(t, wire.PolicyBatch{Policies: policies}))
		return answers
	}
	expect(t, set("A", second, mad, policy(), policy(), rival), "refused:WB_CONFLICT refused:WB_SCHEMA recorded duplicate refused:WB_CONFLICT")
	expect(t, set("B", policy(), second), "duplicate refused:WB_UNAUTHORISED")
	const known, unknown = "https://id.gs1.org/01/09506000134352", "https://id.gs1.org/01/00000000000000"
	if p := query[ledger.Policy](t, c, wire.FnGetPolicy, unknown); p.Version != 1 || p.SetBy != "A" {
		t.Errorf("%+v", p)
	}
	expect(t, set("A", second), "recorded")
	if p := query[ledger.Policy](t, c, wire.FnGetPolicy, known); p.Version != 2 || p.High != 7000 {
		t.Errorf("%+v", p)
	}
	if _, response := c.simulate("A", "q", wire.FnGetPolicy, []byte(unknown)); !strings.HasPrefix(response.GetMessage(), ledger.CodeNotFound) {
		t.Error(response.GetMessage())
	}
	// The default is free again.
	rival.Products = []string{"*"}
	expect(t, set("B", rival), "recorded")
}

// evidence records what a verdict can rest on and gives such a verdict.
func (c *channel) evidence(t fatal) ledger.Verdict {
	t.Helper()
	return c.evidenceOf(t, "A")
}

// evidenceOf records what verdicts rest on as somebody of organisation A.
func (c *channel) evidenceOf(t fatal, who string) ledger.Verdict {
	t.Helper()
	answers, _ := c.submit(t, who, wire.FnRecordEvents, events(t, entry(1, fields{"epcList": []string{pallet}})))
	c.register(t, who, device(t, 1))
	segment := signed(t, 1, reading(0, ledger.Digest{}, 0))
	c.push(t, who, segment)
	c.submit(t, who, wire.FnSetPolicies, encode(t, wire.PolicyBatch{Policies: []ledger.Policy{policy()}}))
	return ledger.Verdict{
		Shipment: pallet, Model: "coldchain@0123abcd", Level: ledger.Inspect, Score: 500_000, From: 1, To: 2,
		Trace: ledger.Digest{1}, Inputs: ledger.Digest{2}, Policy: "refrigerated/1",
		Reasons:  []ledger.Reason{{Code: "above_range", Contribution: 500_000}},
		Events:   []ledger.Digest{answers[0].Digest},
		Segments: []ledger.SegmentRange{{Device: logger, Digest: wire.SegmentDigest(segment.Payload)}},
	}
}

func TestVerdictsRestOnWhatIsRecorded(t *testing.T) {
	c := newChannel(t)
	v := c.evidence(t)
	change := func(f func(*ledger.Verdict)) ledger.Verdict {
		changed := v
		changed.Events, changed.Segments = slices.Clone(v.Events), slices.Clone(v.Segments)
		f(&changed)
		return changed
	}
	record := func(who string, verdicts ...ledger.Verdict) ([]wire.Answer, *statetest.Stub) {
		return c.submit(t, who, wire.FnRecordVerdicts, encode(t, wire.VerdictBatch{Verdicts: verdicts}))
	}
	answers, stub := record("A",
		change(func(v *ledger.Verdict) { v.Events[0] = ledger.Digest{9} }),
		change(func(v *ledger.Verdict) { v.Segments[0].Last = 1 }),
		change(func(v *ledger.Verdict) { v.Segments[0].Digest = ledger.Digest{9} }),
		change(func(v *ledger.Verdict) { v.Policy = "refrigerated/2" }),
		change(func(v *ledger.Verdict) { v.Score++ }),
		v, v,
		change(func(v *ledger.Verdict) { v.Level = ledger.Quarantine }),
		change(func(v *ledger.Verdict) { v.Window, v.Final = 1, true }),
	)
	expect(t, answers, "refused:WB_NOT_FOUND refused:WB_NOT_FOUND refused:WB_CONFLICT refused:WB_NOT_FOUND refused:WB_SCHEMA recorded duplicate refused:WB_CONFLICT recorded")
	tx := transaction(t, stub)
	if len(tx.Verdicts) != 2 || tx.Verdicts[0].Scorer != "A" || tx.Verdicts[1].Window != 1 {
		t.Errorf("%+v", tx.Verdicts)
	}
	// Another organisation that judged alike doubles nothing.
	second, _ := record("B", v)
	expect(t, second, "duplicate")
	if second[0].RecordedIn != stub.TxID || second[0].Digest != answers[5].Digest {
		t.Errorf("%+v", second[0])
	}
	if got := query[ledger.Verdict](t, c, wire.FnGetVerdict, pallet, "1", v.Model); !got.Final || got.Level != ledger.Inspect {
		t.Errorf("%+v", got)
	}
}

func TestQueriesOfNothingSayNotFound(t *testing.T) {
	c := newChannel(t)
	for _, args := range [][]string{
		{wire.FnGetEvent, ledger.Digest{1}.String()},
		{wire.FnGetItem, item},
		{wire.FnGetDevice, logger},
		{wire.FnGetSegment, logger, "0"},
		{wire.FnGetPolicy, "*"},
		{wire.FnGetVerdict, pallet, "0", "m@1"},
	} {
		raw := make([][]byte, 0, 3)
		for _, a := range args[1:] {
			raw = append(raw, []byte(a))
		}
		if _, response := c.simulate("A", "tx", args[0], raw...); !strings.HasPrefix(response.GetMessage(), ledger.CodeNotFound+": ") {
			t.Errorf("%v: %s", args, response.GetMessage())
		}
		for i := range raw {
			raw[i] = []byte("\x00\xff")
		}
		if _, response := c.simulate("A", "tx", args[0], raw...); response.GetStatus() == shim.OK || strings.HasPrefix(response.GetMessage(), ledger.CodeInternal) {
			t.Errorf("%v: %s", args, response.GetMessage())
		}
	}
}

// failing is a peer that breaks off.
type failing struct{ *statetest.Stub }

func (failing) GetMultipleStates(...string) ([][]byte, error) { return nil, errors.New("peer is down") }

func TestFaultsOfTheMachineryEndTheTransaction(t *testing.T) {
	c := newChannel(t)
	for function, w := range writers(t) {
		stub := c.world.Simulate(statetest.Proposal{TxID: "tx", Args: [][]byte{[]byte(function), w.batch}, Creator: c.creators["A"], Time: timestamppb.New(c.clock)})
		response := c.code.Invoke(failing{stub})
		if slices.Contains([]string{wire.FnRecordVerdicts, wire.FnSubmitModels, wire.FnEvaluateModels}, function) { // refused before anything is read
			continue
		}
		if !strings.HasPrefix(response.GetMessage(), ledger.CodeInternal+": ") {
			t.Errorf("%s: %s", function, response.GetMessage())
		}
	}
}

// mad is a peer whose stub panics.
type mad struct{ *statetest.Stub }

func (mad) FinishWriteBatch() error { panic("no") }

func TestAPanicIsAnError(t *testing.T) {
	c := newChannel(t)
	stub := c.world.Simulate(statetest.Proposal{TxID: "tx", Args: [][]byte{[]byte(wire.FnRecordEvents), events(t, entry(1, nil))}, Creator: c.creators["A"], Time: timestamppb.New(c.clock)})
	if response := c.code.Invoke(mad{stub}); response.GetStatus() == shim.OK || !strings.HasPrefix(response.GetMessage(), ledger.CodeInternal) {
		t.Error(response)
	}
}

func FuzzInvoke(f *testing.F) {
	names := []string{
		wire.FnRecordEvents, wire.FnRegisterDevices, wire.FnRecordSegments, wire.FnSetPolicies, wire.FnRecordVerdicts, wire.FnTransact, wire.FnGovernCredits,
		wire.FnStoreChunks, wire.FnSnapshotDatasets, wire.FnSubmitModels, wire.FnEvaluateModels, wire.FnGovernModels,
		wire.FnScore, wire.FnGovernScoring,
	}
	for i, name := range names {
		f.Add(uint8(i), writers(f)[name].batch)
	}
	ruled := newScenario(f)
	ruled.play("network", []byte(network))
	c := ruled.c
	f.Fuzz(func(t *testing.T, which uint8, batch []byte) {
		stub, response := c.simulate("A", "tx", names[int(which)%len(names)], batch)
		if response.GetStatus() == shim.OK {
			if _, err := wire.DecodeAnswers(response.GetPayload()); err != nil {
				t.Fatal(err)
			}
			if stub.ReadWriteSet().Event != nil {
				transaction(t, stub)
			}
			return
		}
		if strings.HasPrefix(response.GetMessage(), ledger.CodeInternal) {
			t.Fatal(response.GetMessage())
		}
	})
}

func BenchmarkRecordEvents(b *testing.B) {
	c := newChannel(b)
	entries := make([]wire.EventEntry, 300)
	for i := range entries {
		entries[i] = entry(i, fields{
			"epcList": []string{fmt.Sprintf("urn:epc:id:sgtin:9506000.013435.%d", i)}, "bizStep": "shipping", "disposition": "in_transit",
			"readPoint":          fields{"id": "urn:epc:id:sgln:9506000.00001.0"},
			"bizTransactionList": []fields{{"type": "po", "bizTransaction": fmt.Sprintf("urn:epcglobal:cbv:bt:9506000000019:%d", i)}},
		})
	}
	batch := events(b, entries...)
	for b.Loop() {
		if _, response := c.simulate("A", "tx", wire.FnRecordEvents, batch); response.GetStatus() != shim.OK {
			b.Fatal(response.GetMessage())
		}
	}
	b.ReportMetric(float64(b.N)*300/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkRecordSegments(b *testing.B) {
	c := newChannel(b)
	c.register(b, "A", device(b, 1))
	var batch []wire.SignedSegment
	var previous ledger.Digest
	for i := range 100 {
		s := ledger.Segment{Device: logger, Seq: uint64(i), Previous: previous, Channels: []ledger.Channel{{Quantity: ledger.Temperature}}}
		for j := range 500 {
			s.Times = append(s.Times, ledger.MillisOf(start)+ledger.Millis(i*500+j)*1000)
			s.Channels[0].Values = append(s.Channels[0].Values, int32(5000+100*((j*j/7)%9)))
		}
		batch = append(batch, signed(b, 1, s))
		previous = wire.SegmentDigest(batch[i].Payload)
	}
	data := encode(b, wire.SegmentBatch{Segments: batch})
	for b.Loop() {
		if _, response := c.simulate("A", "tx", wire.FnRecordSegments, data); response.GetStatus() != shim.OK {
			b.Fatal(response.GetMessage())
		}
	}
	b.ReportMetric(float64(b.N)*50_000/b.Elapsed().Seconds(), "readings/s")
}
