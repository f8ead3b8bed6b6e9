package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waybill-dev/waybill/analytics/simulate"
	waybillv1 "github.com/waybill-dev/waybill/api/gen/waybill/v1"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/wire"
	"github.com/waybill-dev/waybill/gateway/fabric"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/network"
)

// TestEndToEndAVerdictOfARegisteredModelIsMadeAgainByAnotherOrganisation takes a model through its life with the commands that people
// have: from what shipments recorded to a frozen snapshot, training, registry, measuring, approvals and production, to a
// verdict over ten thousand readings that an organisation which recorded none of it makes again.
func TestEndToEndAVerdictOfARegisteredModelIsMadeAgainByAnotherOrganisation(t *testing.T) {
	ctx, l := endToEndOn(t, governed, 8*time.Minute)
	const lane, model, held = "basel-lyon", "basel-lyon/1", "basel-lyon-held/1"
	for _, org := range []string{"producer", "carrier", "retailer"} {
		l.serve(ctx, t, org, "--role", "api", "--role", "readmodel", "--anchor-every", "250ms")
	}
	began := time.Now()
	seed := uint64(began.UnixNano())
	t.Logf("seed %d", seed)

	// Shipments to learn from, and others to measure on, of which one measured every three seconds.
	from := l.height(ctx, t)
	l.ship(ctx, t, simulate.Config{Seed: seed, Shipments: 125, SegmentReadings: 4_096})
	to := l.height(ctx, t)
	others := l.ship(ctx, t, simulate.Config{Seed: seed + 1, Shipments: 14, SegmentReadings: 4_096})
	long := l.ship(ctx, t, simulate.Config{Seed: seed + 2, Shipments: 1, Sampling: 2_500 * time.Millisecond, SegmentReadings: 1_000})[0]
	end := l.height(ctx, t)
	t.Logf("%d blocks of %d shipments after %v", end-from, 126+len(others), time.Since(began).Round(time.Millisecond))

	// Frozen by one organisation, made again by others.
	l.must(ctx, t, "dataset", "snapshot", lane, "--org", "producer", "--licence", "CC-BY-4.0", "--from", fmt.Sprint(from), "--to", fmt.Sprint(to))
	l.must(ctx, t, "dataset", "snapshot", lane+"-held", "--org", "carrier", "--licence", "CC-BY-4.0", "--from", fmt.Sprint(to), "--to", fmt.Sprint(end))
	l.level(ctx, t)
	for _, org := range []string{"retailer", assessor} {
		for range 2 {
			if said := l.must(ctx, t, "dataset", "verify", lane+"/1", held, "--org", org); strings.Count(said, "ok") != 2 {
				t.Errorf("%s: %s", org, said)
			}
		}
	}

	// Trained, twice and by two organisations, to one artefact.
	folder := t.TempDir()
	artefact, record := filepath.Join(folder, "model.json"), filepath.Join(folder, "record.json")
	train := func(org, out string, more ...string) (trained struct{ Model, Digest string }) {
		t.Helper()
		said := l.must(ctx, t, append([]string{"train", "--org", org, "--snapshot", lane + "/1", "--id", lane, "--out", out, "--json"}, more...)...)
		if err := json.Unmarshal([]byte(said), &trained); err != nil {
			t.Fatal(err, said)
		}
		return trained
	}
	trained := train("producer", artefact, "--record", record, "--use", "insulin by road", "--limitations", "none but Basel to Lyon", "--licence", "Apache-2.0")
	if again := train("retailer", filepath.Join(folder, "again.json")); again != trained || trained.Digest == "" {
		t.Errorf("the retailer trains %+v, the producer %+v", again, trained)
	}

	// Registered, measured by another, and approved by two others.
	l.must(ctx, t, "masterdata", "register", "--org", "producer", writeFile(t, "rules.yaml", []byte("rules: {keepers: [CarrierMSP, ProducerMSP, RetailerMSP]}\n")))
	l.votePolicy(ctx, t, "gates: [{metric: accepted_cleared, at_least: 500000, count: 10}]")
	l.must(ctx, t, "model", "submit", record, "--artefact", artefact, "--org", "producer")
	l.level(ctx, t)
	measured := l.must(ctx, t, "model", "measure", model, held, "--submit", "--org", "carrier")
	if !strings.Contains(measured, "accepted_cleared") || !strings.Contains(measured, "evaluation recorded") {
		t.Error(measured)
	}
	t.Log(measured)
	l.approvals(ctx, t, model, held)

	// What the ledger gives judges.
	served := filepath.Join(folder, "served.json")
	l.caughtUp(ctx, t, "retailer")
	l.must(ctx, t, "model", "artefact", model, "--output", served, "--org", "retailer")
	bytesOf := func(file string) []byte {
		t.Helper()
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	if !bytes.Equal(bytesOf(served), bytesOf(artefact)) {
		t.Error("the ledger gives another artefact than was trained")
	}
	judge := l.serve(ctx, t, assessor, "--role", "scorer", "--model", "production:*")
	verdict := l.finalVerdict(ctx, t, long, trained.Model)

	// Another organisation makes the verdict again from the ledger alone.
	name := []string{verdict.Shipment, strconv.FormatUint(uint64(verdict.Window), 10), verdict.Model}
	audited := l.audited(ctx, t, "retailer", 0, append(name, "--artefact", served)...)
	t.Logf("audited: %+v", audited)
	if !audited.OK || audited.Readings < 10_000 || audited.Journeys != 125 || audited.Differences != 0 || audited.Checks < 100 {
		t.Errorf("%+v", audited)
	}
	if audited.Seconds > 30 {
		t.Errorf("the audit of a verdict over %d readings took %.1f s", audited.Readings, audited.Seconds)
	}
	changed := bytesOf(served)
	changed[len(changed)/2] ^= 1
	if found := l.audited(ctx, t, "retailer", 1, append(name, "--artefact", writeFile(t, "changed.json", changed))...); found.OK || found.Differences != 1 {
		t.Errorf("a changed byte of the artefact: %+v", found)
	}
	l.proofBreaks(ctx, t, name)
	l.exports(ctx, t, model, trained.Digest)

	// Taken back, it gives no further verdict, and those it gave can still be audited.
	l.must(ctx, t, "model", "revoke", model, "--reason", "misses slow warming", "--org", "carrier")
	l.level(ctx, t)
	late := l.ship(ctx, t, simulate.Config{Seed: seed + 3, Shipments: 1, SegmentReadings: 4_096})[0]
	until(ctx, t, "the scorer says that it judges nothing", func() error {
		if said := judge.log.String(); !strings.Contains(said, ledger.CodeModelBlocked) || !strings.Contains(said, model+" was revoked") {
			return fmt.Errorf("it says %s", tail(said))
		}
		return nil
	})
	for id := range l.ledger(ctx, t).verdicts {
		if id.shipment == late {
			t.Errorf("a verdict by a model that was taken back: %+v", id)
		}
	}
	verdict.Window++
	l.refusedVerdict(ctx, t, verdict, ledger.CodeModelBlocked)
	if after := l.audited(ctx, t, "carrier", 0, name...); !after.OK || !after.Revoked {
		t.Errorf("%+v", after)
	}
}

// ship records a day of clean shipments of one lane, all of them at once, and gives their EPCs.
func (l *lab) ship(ctx context.Context, t *testing.T, cfg simulate.Config) []string {
	t.Helper()
	const org = "carrier"
	cfg.Now, cfg.Items, cfg.Faults = time.Now().Add(-time.Hour), 1, []simulate.Fault{}
	cfg.Lanes, cfg.Products = []string{simulate.Lanes()[0].Name}, []string{simulate.Products()[0].Name}
	day, err := simulate.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l.setUp(ctx, t, org, day)
	s := &sent{events: map[ledger.Digest]bool{}, segments: map[segmentID]ledger.Digest{}}
	company, gateway := l.dial(t, org, profile.IdentityCompany), l.dial(t, org, profile.IdentityGateway)
	actions := map[string][]simulate.Action{}
	for _, a := range day.Actions {
		if a.Kind == simulate.KindEvent || a.Kind == simulate.KindSegment {
			actions[a.Shipment] = append(actions[a.Shipment], a)
		}
	}
	work, ctx := errgroup.WithContext(ctx)
	for shipment, all := range actions {
		work.Go(func() error {
			for _, a := range all {
				var err error
				if a.Kind == simulate.KindEvent {
					err = s.event(ctx, company, a.Event.Context, a.Event.Body)
				} else {
					err = s.segment(ctx, gateway, a.Segment)
				}
				if err != nil {
					return fmt.Errorf("shipment %s: %w", shipment, err)
				}
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, truth := range day.Truth {
		names = append(names, truth.Shipment)
	}
	return names
}

// votePolicy brings a model policy into force, as the version that is next on this network.
func (l *lab) votePolicy(ctx context.Context, t *testing.T, gates string) {
	t.Helper()
	l.level(ctx, t)
	file := writeFile(t, "policy.yaml", fmt.Appendf(nil, "version: %d\napprovals: 2\n%s\n", l.nextModelPolicy(ctx, t), gates))
	for _, org := range []string{"producer", "retailer"} {
		l.must(ctx, t, "model", "policy", file, "--org", org)
		l.level(ctx, t)
	}
}

// nextModelPolicy is the version after the one in force.
func (l *lab) nextModelPolicy(ctx context.Context, t *testing.T) uint32 {
	t.Helper()
	client, err := fabric.Dial(l.profile(t, "producer"), profile.IdentityDashboard, fabric.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	raw, err := client.Evaluate(ctx, wire.FnGetModelPolicy, []byte(""))
	if err != nil && strings.Contains(err.Error(), ledger.CodeNotFound) {
		return 1
	}
	if err != nil {
		t.Fatal(err)
	}
	p, err := wire.Decode[ledger.ModelPolicy](raw, wire.MaxStoredBytes)
	if err != nil {
		t.Fatal(err)
	}
	return p.Version + 1
}

// approvals has the version approved by two organisations that did not submit it, and promoted; others may not.
func (l *lab) approvals(ctx context.Context, t *testing.T, model, held string) {
	t.Helper()
	approve := func(org string) result {
		l.level(ctx, t)
		return l.run(ctx, t, "model", "approve", model, "CarrierMSP", held, "--org", org)
	}
	if r := approve("producer"); r.code == 0 || !strings.Contains(r.stdout, ledger.CodeApproval) {
		t.Errorf("the submitter's own approval: exit %d, %s%s", r.code, r.stdout, r.stderr)
	}
	// Another steward of the submitter's organisation is of the same organisation.
	if _, err := l.net.Issue(ctx, network.IssueRequest{Organisation: "producer", Name: "second-steward", Roles: []string{string(ledger.RoleSteward)}}); err != nil {
		t.Fatal(err)
	}
	r, err := waybillv1.NewModelServiceClient(l.dial(t, "producer", "second-steward")).GovernModels(ctx, &waybillv1.GovernModelsRequest{Motions: []*waybillv1.ModelMotion{
		{Motion: &waybillv1.ModelMotion_Approve{Approve: &waybillv1.ApproveModel{Model: model, Evaluator: "CarrierMSP", Dataset: held}}},
	}})
	if err != nil || len(r.GetResults()) != 1 || r.GetResults()[0].GetCode() != ledger.CodeApproval {
		t.Errorf("an approval of the submitter's organisation: %v %v", r.GetResults(), err)
	}
	if r := approve("carrier"); r.code != 0 {
		t.Fatal(r.stdout, r.stderr)
	}
	l.level(ctx, t)
	if r := l.run(ctx, t, "model", "promote", model, "*", "--org", "producer"); r.code == 0 || !strings.Contains(r.stdout, ledger.CodeModelState) {
		t.Errorf("a promotion after one approval: exit %d, %s%s", r.code, r.stdout, r.stderr)
	}
	if r := approve("carrier"); r.code != 0 || !strings.Contains(r.stdout, "duplicate") {
		t.Errorf("one organisation's second approval: exit %d, %s%s", r.code, r.stdout, r.stderr)
	}
	if r := approve("retailer"); r.code != 0 {
		t.Fatal(r.stdout, r.stderr)
	}
	l.level(ctx, t)
	l.must(ctx, t, "model", "promote", model, "*", "--org", "producer")
	until(ctx, t, model+" is in production", func() error {
		if said := l.must(ctx, t, "model", "aliases", "*", "--org", "retailer"); !strings.Contains(said, model) {
			return fmt.Errorf("%s", said)
		}
		return nil
	})
}

// finalVerdict waits for a model's final verdict on a shipment.
func (l *lab) finalVerdict(ctx context.Context, t *testing.T, shipment, model string) (last ledger.Verdict) {
	t.Helper()
	until(ctx, t, "the model's final verdict is on the ledger", func() error {
		for _, v := range l.ledger(ctx, t).verdicts {
			if v[0].Shipment == shipment && v[0].Model == model && v[0].Window >= last.Window {
				last = v[0]
			}
		}
		if !last.Final {
			return fmt.Errorf("the last is of window %d", last.Window)
		}
		return nil
	})
	return last
}

// auditResult is what an audit says.
type auditResult struct {
	OK, Revoked                   bool
	Checks, Differences, Journeys int
	Readings                      uint64
	Seconds                       float64
}

func (l *lab) audited(ctx context.Context, t *testing.T, org string, want int, args ...string) (a auditResult) {
	t.Helper()
	r := l.run(ctx, t, append([]string{"audit", "--json", "--org", org}, args...)...)
	if r.code != want {
		t.Fatalf("waybill audit: exit %d\n%s%s", r.code, tail(r.stdout), tail(r.stderr))
	}
	first, _, _ := strings.Cut(r.stdout, "\n")
	if err := json.Unmarshal([]byte(first), &a); err != nil {
		t.Fatal(err, r.stdout)
	}
	if a.OK != (want == 0) {
		t.Log(r.stdout)
	}
	return a
}

// proofBreaks proves a verdict, verifies the proof offline, and wants it refused with any byte changed.
func (l *lab) proofBreaks(ctx context.Context, t *testing.T, verdict []string) {
	t.Helper()
	folder := t.TempDir()
	file, roots := filepath.Join(folder, "verdict.wbproof"), filepath.Join(folder, "roots")
	l.must(ctx, t, append([]string{"prove", "verdict", "--output", file, "--org", "retailer"}, verdict...)...)
	l.must(ctx, t, "roots", "export", "--org", "retailer", roots)
	l.must(ctx, t, "verify", file, "--roots", roots)
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{len(raw) / 7, len(raw) / 2, len(raw) - 9} {
		changed := bytes.Clone(raw)
		changed[at] ^= 1
		if r := l.run(ctx, t, "verify", writeFile(t, "changed.wbproof", changed), "--roots", roots); r.code == 0 {
			t.Errorf("byte %d of %d of the verdict's proof is changed and it verifies: %s", at, len(raw), r.stdout)
		}
	}
}

// exports writes the model's documents from the ledger.
func (l *lab) exports(ctx context.Context, t *testing.T, model, artefact string) {
	t.Helper()
	for format, holds := range map[string][]string{
		"ml-bom": {`"bomFormat"`, "CycloneDX", artefact, "accepted_cleared"},
		"prov":   {`"wasGeneratedBy"`, artefact},
		"card":   {"# ", artefact, "insulin by road", "CarrierMSP"},
	} {
		said := l.must(ctx, t, "model", "export", model, "--format", format, "--org", assessor)
		for _, want := range holds {
			if !strings.Contains(said, want) {
				t.Errorf("the %s lacks %s:\n%s", format, want, tail(said))
			}
		}
		if format != "card" && !json.Valid([]byte(said)) {
			t.Errorf("the %s is no JSON", format)
		}
	}
}

// refusedVerdict states a verdict as the assessor's scorer and wants the contract's refusal.
func (l *lab) refusedVerdict(ctx context.Context, t *testing.T, v ledger.Verdict, code string) {
	t.Helper()
	c, err := fabric.Dial(l.profile(t, assessor), profile.IdentityScorer, fabric.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	batch, err := wire.Encode(wire.VerdictBatch{Verdicts: []ledger.Verdict{v.Stated()}})
	if err != nil {
		t.Fatal(err)
	}
	tx, err := c.Endorse(ctx, wire.FnRecordVerdicts, batch)
	if err != nil {
		t.Fatal(err)
	}
	answers, err := wire.DecodeAnswers(tx.Result)
	if err != nil || len(answers.Answers) != 1 || answers.Answers[0].Code != code {
		t.Errorf("a verdict by a model that was taken back: %+v %v", answers.Answers, err)
	}
}
