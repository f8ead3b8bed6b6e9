package e2e_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/gateway/profile"
)

// TestModelsServeOnceTwoOthersApproved submits, evaluates, approves, promotes, revokes and rolls back models on a network
// whose peers hold to the keys' own endorsement policies, and pays with credits that the organisations voted for.
func TestModelsServeOnceTwoOthersApproved(t *testing.T) {
	ctx, l := endToEndOn(t, governed, 4*time.Minute)
	orgs := map[string]string{"producer": "ProducerMSP", "carrier": "CarrierMSP", "retailer": "RetailerMSP"}
	for org := range orgs {
		l.serve(ctx, t, org, "--role", "api", "--role", "readmodel")
	}
	rules := writeFile(t, "rules.yaml", []byte("rules: {keepers: [CarrierMSP, ProducerMSP, RetailerMSP]}\n"))
	l.must(ctx, t, "masterdata", "register", "--org", "producer", rules)

	model := func(org, identity string) waybillv1.ModelServiceClient {
		return waybillv1.NewModelServiceClient(l.dial(t, org, identity))
	}
	answered := func(results []*waybillv1.GovernedResult, err error, want string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			got := strings.ToLower(strings.TrimPrefix(r.GetStatus().String(), "ANSWER_STATUS_"))
			if r.GetCode() != "" {
				got = r.GetCode()
			}
			if got != want {
				t.Fatalf("%s, not %s: %s", got, want, r.GetMessage())
			}
		}
	}
	allPeersRun := true
	govern := func(org, want string, m *waybillv1.ModelMotion) {
		t.Helper()
		if allPeersRun {
			l.level(ctx, t) // a motion rests on those of others, which their peers had first
		}
		r, err := model(org, profile.IdentitySteward).GovernModels(ctx, &waybillv1.GovernModelsRequest{Motions: []*waybillv1.ModelMotion{m}})
		answered(r.GetResults(), err, want)
	}
	approve := func(org, name, want string) {
		t.Helper()
		govern(org, want, &waybillv1.ModelMotion{Motion: &waybillv1.ModelMotion_Approve{Approve: &waybillv1.ApproveModel{Model: name, Evaluator: "CarrierMSP", Dataset: "test/1"}}})
	}
	promote := func(org, name, want string) {
		t.Helper()
		govern(org, want, &waybillv1.ModelMotion{Motion: &waybillv1.ModelMotion_Promote{Promote: &waybillv1.PromoteModel{Model: name, Class: "*"}}})
	}
	stands := func(name, want string) {
		t.Helper()
		until(ctx, t, name+" is "+want, func() error {
			r, err := model("retailer", profile.IdentityDashboard).GetModel(ctx, &waybillv1.GetModelRequest{Name: name})
			if err == nil && r.GetModel().GetStatus().GetState() != want {
				err = fmt.Errorf("it is %s", r.GetModel().GetStatus().GetState())
			}
			return err
		})
	}

	least := int64(900_000)
	policy := &waybillv1.ModelMotion{Motion: &waybillv1.ModelMotion_Policy{Policy: &waybillv1.ModelPolicy{Version: l.nextModelPolicy(ctx, t), Approvals: 2, Gates: []*waybillv1.Gate{{Metric: "recall", AtLeast: &least}}}}}
	govern("producer", "recorded", policy)
	govern("retailer", "recorded", policy)

	root := func(name string) string { sum := sha256.Sum256([]byte(name)); return hex.EncodeToString(sum[:]) }
	var snapshots []*waybillv1.DatasetSnapshot
	for _, id := range []string{"train", "test"} {
		snapshots = append(snapshots, &waybillv1.DatasetSnapshot{
			Id: id, Version: 1, Root: root(id), Events: 1, Segments: 1, Bytes: 1, From: 1, To: 2, Block: root("block"), Schema: "waybill-snapshot/1", Features: root("features"), Licence: "CC-BY-4.0",
		})
	}
	modeller := model("producer", profile.IdentityModeller)
	frozen, err := modeller.SnapshotDatasets(ctx, &waybillv1.SnapshotDatasetsRequest{Datasets: snapshots})
	answered(frozen.GetResults(), err, "recorded")
	for _, name := range []string{"m/1", "m/2"} {
		artefact := bytes.Repeat([]byte(name), ledger.MaxChunkBytes/2) // in two chunks
		l.level(ctx, t)
		chunks, digests, err := ledger.CutArtefact(artefact)
		if err != nil {
			t.Fatal(err)
		}
		version := &waybillv1.ModelVersion{
			Name: name, Artefact: root(string(artefact)), Size: uint64(len(artefact)), Format: "waybill-model/1", Features: root("features"), Products: []string{"*"},
			Training: []*waybillv1.DatasetRef{{Name: "train/1", Root: root("train")}}, IntendedUse: "a test", Licence: "MIT",
			Code: &waybillv1.TrainingCode{Module: "github.com/waybill-dev/waybill", Revision: "r", Source: root("source"), Go: "go1.26"},
		}
		for _, d := range digests {
			version.Chunks = append(version.Chunks, d.String())
		}
		stored, err := modeller.StoreChunks(ctx, &waybillv1.StoreChunksRequest{Chunks: chunks})
		answered(stored.GetResults(), err, "recorded")
		submitted, err := modeller.SubmitModels(ctx, &waybillv1.SubmitModelsRequest{Models: []*waybillv1.ModelVersion{version}})
		answered(submitted.GetResults(), err, "recorded")
		l.level(ctx, t)
		evaluated, err := model("carrier", profile.IdentityModeller).EvaluateModels(ctx, &waybillv1.EvaluateModelsRequest{Evaluations: []*waybillv1.ModelEvaluation{{
			Model: name, Dataset: &waybillv1.DatasetRef{Name: "test/1", Root: root("test")}, Metrics: []*waybillv1.Metric{{Name: "recall", Value: 950_000}},
		}}})
		answered(evaluated.GetResults(), err, "recorded")
		approve("producer", name, ledger.CodeApproval)
		approve("carrier", name, "recorded")
		approve("carrier", name, "duplicate")
		promote("producer", name, ledger.CodeModelState)
		approve("retailer", name, "recorded")
		promote("producer", name, "recorded")
		// Soon after another version came to serve it takes a majority of the keepers.
		if name == "m/2" {
			stands("m/1", "production")
			promote("producer", name, "duplicate")
			promote("retailer", name, "recorded")
		}
		stands(name, "production")

		l.caughtUp(ctx, t, "carrier")
		parts, err := model("carrier", profile.IdentityDashboard).GetArtefact(ctx, &waybillv1.GetArtefactRequest{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		var back []byte
		for {
			part, err := parts.Recv()
			if err == io.EOF { //nolint:errorlint // what a stream ends with
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			back = append(back, part.GetChunk()...)
		}
		if !bytes.Equal(back, artefact) {
			t.Errorf("the artefact of %s came back with %d bytes", name, len(back))
		}
	}
	stands("m/1", "approved")
	govern("carrier", "recorded", &waybillv1.ModelMotion{Motion: &waybillv1.ModelMotion_Revoke{Revoke: &waybillv1.RevokeModel{Model: "m/2", Reason: "misses slow warming"}}})
	stands("m/2", "revoked")
	govern("retailer", "recorded", &waybillv1.ModelMotion{Motion: &waybillv1.ModelMotion_Rollback{Rollback: &waybillv1.RollbackModel{Class: "*", From: "m/2"}}})
	stands("m/1", "production")

	// Without the retailer's peer a majority still endorses, but not two of those who did not submit the model: what
	// changes how it stands waits, and revoking does not.
	l.level(ctx, t)
	allPeersRun = false
	if err := l.net.StopProcess(ctx, "peer0.retailer"); err != nil {
		t.Fatal(err)
	}
	const class = "https://id.gs1.org/01/09506000134352"
	serveClass := &waybillv1.GovernModelsRequest{Motions: []*waybillv1.ModelMotion{{Motion: &waybillv1.ModelMotion_Promote{Promote: &waybillv1.PromoteModel{Model: "m/1", Class: class}}}}}
	short, cancel := context.WithTimeout(ctx, 6*time.Second)
	if r, err := model("producer", profile.IdentitySteward).GovernModels(short, serveClass); err == nil {
		t.Errorf("a promotion without the retailer's endorsement: %+v", r)
	}
	cancel()
	govern("carrier", "recorded", &waybillv1.ModelMotion{Motion: &waybillv1.ModelMotion_Revoke{Revoke: &waybillv1.RevokeModel{Model: "m/1", Reason: "so does this one"}}})
	if err := l.net.StartProcess(ctx, "peer0.retailer"); err != nil {
		t.Fatal(err)
	}
	stands("m/1", "revoked")

	// Credits that two of three voted for reach the carrier; the sums balance on every organisation's store.
	for org := range orgs {
		l.must(ctx, t, "credits", "open", "--org", org)
	}
	account := func(org string) *waybillv1.CreditAccount {
		r, err := waybillv1.NewCreditServiceClient(l.dial(t, org, profile.IdentityDashboard)).GetCreditAccount(ctx, &waybillv1.GetCreditAccountRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return r.GetAccount()
	}
	for org := range orgs {
		l.caughtUp(ctx, t, org)
	}
	before := account("carrier").GetUnspent() // it may have been paid for scoring
	payment := account("producer").GetId() + "=1000"
	l.must(ctx, t, "credits", "mint", "--org", "producer", "--serial", "first", payment)
	l.must(ctx, t, "credits", "mint", "--org", "carrier", "--serial", "first", payment)
	until(ctx, t, "the mint is read", func() error {
		if r := l.run(ctx, t, "credits", "transfer", "--org", "producer", account("carrier").GetId(), "300"); r.code != 0 {
			return fmt.Errorf("%s", r.stderr)
		}
		return nil
	})
	until(ctx, t, "the payment is read", func() error {
		l.must(ctx, t, "credits", "sums", "--org", "retailer") // fails where they do not balance
		if has := account("carrier").GetUnspent(); has != before+300 {
			return fmt.Errorf("%d credits, %d before", has, before)
		}
		return nil
	})
}
