package server

import (
	"context"
	"reflect"
	"testing"

	"google.golang.org/grpc/codes"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/api/readmodel"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/submit"
)

// scribe takes down what is put on the ledger and answers that it was recorded.
type scribe struct {
	ungoverned

	operations  []ledger.CreditOperation
	motions     []ledger.CreditMotion
	models      []ledger.ModelVersion
	modelMotion []ledger.ModelMotion
}

func recordedAll(n int) []submit.Outcome {
	out := make([]submit.Outcome, n)
	for i := range out {
		out[i] = submit.Outcome{Answer: wire.Answer{Status: ledger.StatusRecorded, Digest: ledger.Digest{byte(i + 1)}}, TxID: "tx"}
	}
	return out
}

func (s *scribe) Credits(_ context.Context, batch []ledger.CreditOperation) ([]submit.Outcome, error) {
	s.operations = append(s.operations, batch...)
	return recordedAll(len(batch)), nil
}

func (s *scribe) CreditMotions(_ context.Context, batch []ledger.CreditMotion) ([]submit.Outcome, error) {
	s.motions = append(s.motions, batch...)
	return recordedAll(len(batch)), nil
}

func (s *scribe) Models(_ context.Context, batch []ledger.ModelVersion) ([]submit.Outcome, error) {
	s.models = append(s.models, batch...)
	return recordedAll(len(batch)), nil
}

func (s *scribe) ModelMotions(_ context.Context, batch []ledger.ModelMotion) ([]submit.Outcome, error) {
	s.modelMotion = append(s.modelMotion, batch...)
	return recordedAll(len(batch)), nil
}

// shelf holds records of one kind each.
type shelf struct {
	ungoverned

	records map[wire.Kind][]readmodel.Governed
}

func (s shelf) Governed(_ context.Context, f readmodel.RecordFilter, after readmodel.RecordKey, limit int) ([]readmodel.Governed, error) {
	var out []readmodel.Governed
	for _, g := range s.records[f.Kind] {
		matches := (f.ID == "" || f.ID == g.Key.ID) && (f.Sub == "" || f.Sub == g.Key.Sub)
		later := after == (readmodel.RecordKey{}) || g.Key.ID > after.ID || g.Key.ID == after.ID && g.Key.Sub > after.Sub
		if matches && later && len(out) < limit {
			out = append(out, g)
		}
	}
	return out, nil
}

func (s shelf) Balance(context.Context, ledger.Digest) (readmodel.Balance, error) {
	return readmodel.Balance{Unspent: 7, Locked: 3, Notes: 2}, nil
}

func stored[T wire.Governed](t *testing.T, id, sub string, v T) readmodel.Governed {
	t.Helper()
	value, err := wire.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return readmodel.Governed{Key: readmodel.RecordKey{ID: id, Sub: sub}, Value: value}
}

func hexed(b byte) string { return ledger.Digest{b}.String() }

func TestOperationsReachTheLedgerAsTheyWereAsked(t *testing.T) {
	s := &scribe{}
	r := newRig(t, func(c *Config) { c.Governor = s })
	api := waybillv1.NewCreditServiceClient(r.connect(ledger.RoleHolder))
	payee := ledger.Digest{4}
	answer, err := api.Transact(t.Context(), &waybillv1.TransactRequest{Operations: []*waybillv1.CreditOperation{
		{Operation: &waybillv1.CreditOperation_Open{Open: &waybillv1.OpenAccount{}}},
		{Operation: &waybillv1.CreditOperation_Transfer{Transfer: &waybillv1.Transfer{Inputs: []string{"a/0", "a/1"}, Outputs: []*waybillv1.Payment{{To: hexed(4), Amount: 9}}}}, Memo: "m"},
		{Operation: &waybillv1.CreditOperation_Lock{Lock: &waybillv1.LockNotes{Inputs: []string{"a/0"}, Amount: 5, Lock: &waybillv1.NoteLock{Purpose: "escrow", Payee: hexed(4), Task: "t"}}}},
		{Operation: &waybillv1.CreditOperation_Release{Release: &waybillv1.ReleaseNote{Note: "a/2", ToPayee: true}}},
		{Operation: &waybillv1.CreditOperation_Unbond{Unbond: &waybillv1.UnbondStake{Stake: "a/3", Amount: 2}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := []ledger.CreditOperation{
		{Open: &ledger.OpenAccount{}},
		{Transfer: &ledger.Transfer{Inputs: []ledger.NoteID{{TxID: "a"}, {TxID: "a", Index: 1}}, Outputs: []ledger.Payment{{To: payee, Amount: 9}}}, Memo: "m"},
		{Lock: &ledger.LockNotes{Inputs: []ledger.NoteID{{TxID: "a"}}, Amount: 5, Lock: ledger.Lock{Purpose: ledger.LockEscrow, Payee: &payee, Task: "t"}}},
		{Release: &ledger.ReleaseNote{Note: ledger.NoteID{TxID: "a", Index: 2}, ToPayee: true}},
		{Unbond: &ledger.UnbondStake{Stake: ledger.NoteID{TxID: "a", Index: 3}, Amount: 2}},
	}
	if !reflect.DeepEqual(s.operations, want) {
		t.Errorf("%+v", s.operations)
	}
	if len(answer.GetResults()) != len(want) || answer.GetResults()[4].GetDigest() != hexed(5) {
		t.Errorf("%+v", answer)
	}
	for what, op := range map[string]*waybillv1.CreditOperation{
		ledger.CodeMalformed: {Operation: &waybillv1.CreditOperation_Release{Release: &waybillv1.ReleaseNote{Note: "a"}}},
		ledger.CodeSchema:    {Operation: &waybillv1.CreditOperation_Lock{Lock: &waybillv1.LockNotes{Inputs: []string{"a/0"}, Lock: &waybillv1.NoteLock{Purpose: "stake"}}}},
	} {
		_, err := api.Transact(t.Context(), &waybillv1.TransactRequest{Operations: []*waybillv1.CreditOperation{op}})
		wants(t, err, codes.InvalidArgument, what)
	}
}

func TestAVersionIsToldAsItWasSubmitted(t *testing.T) {
	s := &scribe{}
	parent := ledger.ModelRef{ID: "m", Version: 1}
	m := ledger.ModelVersion{
		ID: "m", Version: 2, Artefact: ledger.Digest{1}, Size: 5, Chunks: []ledger.Digest{{2}}, Format: "f", Features: ledger.Digest{3}, Seed: 9,
		Training:   []ledger.DatasetRef{{ID: "d", Version: 1, Root: ledger.Digest{4}}},
		Code:       ledger.TrainingCode{Module: "x", Revision: "r", Source: ledger.Digest{5}, Sums: []ledger.ModuleSum{{Path: "p", Version: "v1", Sum: "h1:a"}}, Go: "go1", Platform: "linux/amd64", Command: "c"},
		Parameters: []ledger.Hyperparameter{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}}, Thresholds: []ledger.Metric{{Name: "t", Value: -1}},
		Products: []string{"*"}, IntendedUse: "u", Limitations: "l", Licence: "MIT", Parent: &parent,
	}
	books := shelf{records: map[wire.Kind][]readmodel.Governed{
		wire.KindModel:       {stored(t, "m", readmodel.Numbered(2), m)},
		wire.KindModelStatus: {stored(t, "m", readmodel.Numbered(2), ledger.ModelStatus{Model: m.Ref(), State: ledger.ModelProduction, Serving: []string{"*"}, Approvers: []string{"B", "C"}})},
		wire.KindRevocation:  {stored(t, "m", readmodel.Numbered(2), ledger.Revocation{Model: m.Ref(), Reason: "wrong", MSPID: "B"})},
		wire.KindEvaluation:  {stored(t, "m/2", "B d/2", ledger.Evaluation{Model: m.Ref(), MSPID: "B", Metrics: []ledger.Metric{{Name: "recall", Value: 1}}})},
		wire.KindApproval:    {stored(t, "m/2", "B", ledger.Approval{Model: m.Ref(), MSPID: "B"}), stored(t, "m/2", "C", ledger.Approval{Model: m.Ref(), MSPID: "C"})},
	}}
	r := newRig(t, func(c *Config) { c.Governor, c.Books = s, books })
	read := waybillv1.NewModelServiceClient(r.connect(ledger.RoleReader))
	got, err := read.GetModel(t.Context(), &waybillv1.GetModelRequest{Name: "m/2"})
	if err != nil {
		t.Fatal(err)
	}
	if got.GetModel().GetStatus().GetState() != "revoked" || got.GetModel().GetStatus().GetRevoked() != "wrong" || len(got.GetApprovals()) != 2 || len(got.GetEvaluations()) != 1 {
		t.Errorf("%+v", got)
	}
	write := waybillv1.NewModelServiceClient(r.connect(ledger.RoleModeller))
	if _, err = write.SubmitModels(t.Context(), &waybillv1.SubmitModelsRequest{Models: []*waybillv1.ModelVersion{got.GetModel().GetModel()}}); err != nil {
		t.Fatal(err)
	}
	if len(s.models) != 1 || !reflect.DeepEqual(s.models[0], m) {
		t.Errorf("%+v, not %+v", s.models, m)
	}
	list, err := read.ListModels(t.Context(), &waybillv1.ListModelsRequest{})
	if err != nil || len(list.GetModels()) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	_, err = read.GetModel(t.Context(), &waybillv1.GetModelRequest{Name: "m/3"})
	wants(t, err, codes.NotFound, ledger.CodeNotFound)
	_, err = read.GetModel(t.Context(), &waybillv1.GetModelRequest{Name: "m"})
	wants(t, err, codes.InvalidArgument, ledger.CodeMalformed)
}

func TestMotionsReachTheLedgerAsTheyWereAsked(t *testing.T) {
	s := &scribe{}
	r := newRig(t, func(c *Config) {
		c.Governor, c.About.MSPID = s, "A"
		c.Books = shelf{records: map[wire.Kind][]readmodel.Governed{wire.KindCreditPolicy: {
			stored(t, "", readmodel.Numbered(3), ledger.CreditPolicy{Version: 3, Allowances: []ledger.Allowance{{MSPID: "A", Period: 3_600_000, Uses: 2, Amount: 5}}}),
		}}}
	})
	conn := r.connect(ledger.RoleSteward)
	use, least := uint32(1), int64(5)
	if _, err := waybillv1.NewCreditServiceClient(conn).GovernCredits(t.Context(), &waybillv1.GovernCreditsRequest{Motions: []*waybillv1.CreditMotion{
		{Motion: &waybillv1.CreditMotion_Mint{Mint: &waybillv1.Mint{Use: &use, Payments: []*waybillv1.Payment{{To: hexed(1), Amount: 2}}}}},
		{Motion: &waybillv1.CreditMotion_Recover{Recover: &waybillv1.RecoverAccount{Account: hexed(1)}}},
	}}); err != nil {
		t.Fatal(err)
	}
	if len(s.motions) != 2 || s.motions[0].Mint.Use.Policy != 3 || s.motions[0].Mint.Use.Period == 0 || s.motions[0].Mint.Use.Use != 1 || s.motions[1].Recover.Account != (ledger.Digest{1}) {
		t.Errorf("%+v", s.motions)
	}
	m := ledger.ModelRef{ID: "m", Version: 1}
	if _, err := waybillv1.NewModelServiceClient(conn).GovernModels(t.Context(), &waybillv1.GovernModelsRequest{Motions: []*waybillv1.ModelMotion{
		{Motion: &waybillv1.ModelMotion_Policy{Policy: &waybillv1.ModelPolicy{Version: 1, Approvals: 2, Gates: []*waybillv1.Gate{{Metric: "recall", AtLeast: &least, Count: 3}}}}},
		{Motion: &waybillv1.ModelMotion_Approve{Approve: &waybillv1.ApproveModel{Model: "m/1", Evaluator: "B", Dataset: "d/1"}}},
		{Motion: &waybillv1.ModelMotion_Promote{Promote: &waybillv1.PromoteModel{Model: "m/1", Class: "*"}}},
		{Motion: &waybillv1.ModelMotion_Rollback{Rollback: &waybillv1.RollbackModel{Class: "*", From: "m/1"}}},
		{Motion: &waybillv1.ModelMotion_Deprecate{Deprecate: "m/1"}},
		{Motion: &waybillv1.ModelMotion_Revoke{Revoke: &waybillv1.RevokeModel{Model: "m/1", Reason: "x"}}},
	}}); err != nil {
		t.Fatal(err)
	}
	want := []ledger.ModelMotion{
		{Policy: &ledger.ModelPolicy{Version: 1, Approvals: 2, Gates: []ledger.Gate{{Metric: "recall", AtLeast: &least, Count: 3}}}},
		{Approve: &ledger.ApproveModel{Model: m, Evaluation: ledger.EvaluationRef{Model: m, MSPID: "B", Dataset: "d/1"}}},
		{Promote: &ledger.PromoteModel{Model: m, Class: "*"}},
		{Rollback: &ledger.RollbackAlias{Class: "*", From: m}},
		{Deprecate: &ledger.DeprecateModel{Model: m}},
		{Revoke: &ledger.RevokeModel{Model: m, Reason: "x"}},
	}
	if !reflect.DeepEqual(s.modelMotion, want) {
		t.Errorf("%+v", s.modelMotion)
	}
}

func TestTheOrganisationsAccountIsThatOfItsServicesKey(t *testing.T) {
	id, key := ledger.Digest{1}, ledger.Digest{2}
	account := ledger.CreditAccount{ID: id, MSPID: "A", Binding: key, Rotations: 1}
	r := newRig(t, func(c *Config) {
		c.CreditKey = key
		c.Books = shelf{records: map[wire.Kind][]readmodel.Governed{
			wire.KindCreditKey:     {stored(t, key.String(), "", account)},
			wire.KindCreditAccount: {stored(t, id.String(), "", account)},
			wire.KindStake:         {stored(t, id.String(), "", ledger.Stake{Account: id, Bonded: 3, Note: &ledger.NoteID{TxID: "a"}})},
		}}
	})
	api := waybillv1.NewCreditServiceClient(r.connect(ledger.RoleReader))
	got, err := api.GetCreditAccount(t.Context(), &waybillv1.GetCreditAccountRequest{})
	if err != nil || got.GetAccount().GetId() != id.String() || got.GetAccount().GetUnspent() != 7 || got.GetAccount().GetStake().GetNote() != "a/0" {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = api.GetCreditAccount(t.Context(), &waybillv1.GetCreditAccountRequest{Account: hexed(9)})
	wants(t, err, codes.NotFound, ledger.CodeNoAccount)
}

func TestAServerWithoutBooksSaysSo(t *testing.T) {
	r := newRig(t)
	_, err := waybillv1.NewCreditServiceClient(r.connect(ledger.RoleReader)).GetCreditSums(t.Context(), &waybillv1.GetCreditSumsRequest{})
	wants(t, err, codes.Unimplemented, "WB_GOVERNED_NONE")
}
