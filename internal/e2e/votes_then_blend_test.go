package e2e_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/analytics/score"
	"github.com/waybill-dev/waybill/analytics/simulate"
	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/epcis"
	"github.com/waybill-dev/waybill/gateway/profile"
	"github.com/waybill-dev/waybill/internal/protocolsim"
)

// TestEndToEndScorersOfDifferentModelsArePaidByAnInspection has two organisations score by one model and two by another, each
// trained from the ledger and approved there: the median becomes final, and an inspection that one of them records pays the
// others by how right they were.
func TestEndToEndScorersOfDifferentModelsArePaidByAnInspection(t *testing.T) {
	ctx, l := endToEndOn(t, governed, 8*time.Minute)
	const inspector = "carrier"
	organisations := []string{"producer", inspector, "retailer", assessor}
	began := time.Now()
	seed := uint64(began.UnixNano())
	t.Logf("seed %d", seed)
	models := l.twoModels(ctx, t, seed)
	t.Logf("two models are approved after %v", time.Since(began).Round(time.Millisecond))

	policy := protocolsim.DefaultPolicy()
	policy.Skew, policy.CommitFor, policy.RevealFor, policy.ChallengeFor, policy.Canary = 2_000, 10_000, 60_000, 8_000, 0
	policy.Blend = ledger.BlendPolicy{Own: true, Cap: 334_000, Truth: 448}
	founded := l.conveneUnder(ctx, t, policy, organisations...)
	for i, org := range organisations {
		l.serve(ctx, t, org, "--role", "scorer", "--metrics", "off", "--model", models[i/2])
	}

	// A shipment whose logger is silent for hours, which one model takes to be graver than the other, judged by all four.
	day, err := simulate.New(simulate.Config{
		Seed: seed + 9, Now: time.Now().Add(-time.Hour), Shipments: 1, Items: 1, SegmentReadings: 240, Faults: []simulate.Fault{simulate.FaultDropout},
		Lanes: []string{simulate.Lanes()[0].Name}, Products: []string{simulate.Products()[0].Name},
	})
	if err != nil {
		t.Fatal(err)
	}
	l.setUp(ctx, t, inspector, day)
	shipment := day.Truth[0].Shipment
	l.live(ctx, t, inspector, day, shipment)
	var last ledger.FinalVerdict
	until(ctx, t, "the last window of the shipment has a final blend", func() error {
		blends := l.blends(ctx, t, shipment)
		for _, f := range blends {
			last = f
		}
		for _, verdicts := range l.ledger(ctx, t).verdicts {
			if v := verdicts[0]; v.Shipment == shipment && v.Final && last.By == ledger.SettledBlend && v.Window == last.Window {
				return nil
			}
		}
		return fmt.Errorf("%d blends so far", len(blends))
	})
	task := l.task(ctx, t, last.Task)
	answers := map[ledger.Digest]ledger.TaskAnswer{}
	told := map[string]int{}
	for _, r := range task.Reveals {
		answers[r.Account] = r.Answer
		told[r.Answer.Model]++
	}
	t.Logf("after %v %d windows are final, the last by %+v", time.Since(began).Round(time.Millisecond), last.Window+1, *task.Settlement.Blend)
	if b := task.Settlement.Blend; len(told) != 2 || b.Count != 4 || b.Low >= b.High || last.Answer.Model != "" {
		t.Fatalf("%v, %+v", told, b)
	}
	until(ctx, t, "each model's own verdict is beside it", func() error {
		written := l.ledger(ctx, t).verdicts
		for model := range told {
			if len(written[verdictID{shipment, last.Window, model}]) == 0 {
				return fmt.Errorf("%s has written none", model)
			}
		}
		return nil
	})
	l.caughtUp(ctx, t, "retailer")
	if said := l.must(ctx, t, "scoring", "final", shipment, fmt.Sprint(last.Window), "--org", "retailer"); !strings.Contains(said, "blend") || !strings.Contains(said, "several") {
		t.Errorf("%s", said)
	}

	// The goods are looked at, and a scorer tells the ledger of it.
	s := &sent{events: map[ledger.Digest]bool{}}
	event := inspectionOf(t, shipment, "non_conformant")
	if err := s.event(ctx, l.dial(t, inspector, profile.IdentityCompany), nil, event); err != nil {
		t.Fatal(err)
	}
	since := time.Now()
	var paid map[ledger.Digest]ledger.Credits
	until(ctx, t, "the inspection is told and paid for", func() error {
		paid = l.paidFor(ctx, t, "truth/"+last.Task.String())
		if paid == nil {
			return fmt.Errorf("nobody was paid")
		}
		return nil
	})
	t.Logf("%v after it was recorded the inspection paid %v", time.Since(since).Round(time.Millisecond), paid)
	if _, itself := paid[founded.Accounts[inspector]]; itself || len(paid) != 3 {
		t.Errorf("%v are paid, the %s recorded the inspection", paid, inspector)
	}
	// Pay goes by stake too, and other tests may have cost a scorer some of its own. Each is rounded down twice, to a credit.
	perStake := func(a, b string) int {
		x, y := founded.Accounts[a], founded.Accounts[b]
		of, _ := task.Task.Seat(x)
		to, _ := task.Task.Seat(y)
		one, two := paid[x]*to.Weight, paid[y]*of.Weight
		if of.Weight != to.Weight && max(one, two)-min(one, two) < 2*max(of.Weight, to.Weight) {
			return 0
		}
		return cmp.Compare(one, two)
	}
	right, other := answers[founded.Accounts["producer"]].Score, answers[founded.Accounts["retailer"]].Score
	byScore, byPay := cmp.Compare(right, other), perStake("producer", "retailer")
	if byScore == 0 || byPay == -byScore || perStake("retailer", assessor) != 0 {
		t.Errorf("for scores of %d and %d of %+v %v are paid", right, other, task.Task.Panel, paid)
	}

	// By hand the same does nothing more, and another inspection changes nothing.
	hash := namedHash(t, event)
	if said := l.must(ctx, t, "scoring", "inspect", last.Task.String(), hash, "--org", assessor); !strings.Contains(said, "duplicate") {
		t.Error(said)
	}
	second := inspectionOf(t, shipment, "conformant")
	if err := s.event(ctx, l.dial(t, inspector, profile.IdentityCompany), nil, second); err != nil {
		t.Fatal(err)
	}
	l.level(ctx, t)
	if r := l.run(ctx, t, "scoring", "inspect", last.Task.String(), namedHash(t, second), "--org", "producer"); r.code == 0 || !strings.Contains(r.stdout, ledger.CodeConflict) {
		t.Errorf("exit %d: %s%s", r.code, r.stdout, r.stderr)
	}
	l.caughtUp(ctx, t, "retailer")
	if said := l.must(ctx, t, "scoring", "task", last.Task.String(), "--org", "retailer"); !strings.Contains(said, "spoiled") || !strings.Contains(said, "each scorer's own") {
		t.Error(said)
	}
	for _, b := range l.ledger(ctx, t).blocks {
		for _, tx := range b.Transactions {
			for _, r := range tx.Credits.Receipts {
				if fault, of, _ := strings.Cut(r.Cause, "/"); r.Stake != nil && of == last.Task.String() {
					t.Errorf("account %s paid for %s", r.Stake.Account, fault)
				}
			}
		}
	}
}

// milder has a trained model take broken rules four times more lightly, as its owners see it.
func milder(t *testing.T, file, record string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	m, err := score.ParseModel(data)
	if err != nil {
		t.Fatal(err)
	}
	p := m.Parameters()
	for i := range p.Severities {
		p.Severities[i].Millionths /= 4
	}
	trained := m.Digest().String()
	if m, err = score.NewModel(p); err == nil {
		err = os.WriteFile(file, m.Bytes(), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	stated, err := os.ReadFile(record)
	if err == nil {
		err = os.WriteFile(record, bytes.ReplaceAll(stated, []byte(trained), []byte(m.Digest().String())), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// twoModels has two models trained from what the ledger holds, one of them tuned by hand, and approved by two
// organisations each; it leaves servers that answer questions running.
func (l *lab) twoModels(ctx context.Context, t *testing.T, seed uint64) [2]string {
	t.Helper()
	for _, org := range []string{"producer", "carrier", "retailer"} {
		l.serve(ctx, t, org, "--role", "api", "--role", "readmodel")
	}
	const data = "blend"
	from := l.height(ctx, t)
	l.ship(ctx, t, simulate.Config{Seed: seed, Shipments: 125, SegmentReadings: 4_096})
	to := l.height(ctx, t)
	l.ship(ctx, t, simulate.Config{Seed: seed + 1, Shipments: 4, SegmentReadings: 4_096})
	l.must(ctx, t, "dataset", "snapshot", data, "--org", "producer", "--licence", "CC-BY-4.0", "--from", fmt.Sprint(from), "--to", fmt.Sprint(to))
	l.must(ctx, t, "dataset", "snapshot", data+"-held", "--org", "carrier", "--licence", "CC-BY-4.0", "--from", fmt.Sprint(to), "--to", fmt.Sprint(l.height(ctx, t)))
	l.level(ctx, t)
	l.must(ctx, t, "masterdata", "register", "--org", "producer", writeFile(t, "rules.yaml", []byte("rules: {keepers: [CarrierMSP, ProducerMSP, RetailerMSP]}\n")))
	l.votePolicy(ctx, t, "gates: [{metric: accepted_cleared, at_least: 0, count: 1}]")

	folder := t.TempDir()
	var out [2]string
	for i, more := range [][]string{{"--seed", "1"}, {"--seed", "2", "--alpha", "0.02"}} {
		id := fmt.Sprintf("blend-%d", i)
		out[i] = id + "/1"
		artefact, record := filepath.Join(folder, id+".json"), filepath.Join(folder, id+"-record.json")
		l.must(ctx, t, append([]string{
			"train", "--org", "producer", "--snapshot", data + "/1", "--id", id, "--out", artefact, "--record", record, "--use", "insulin by road",
			"--limitations", "none but one lane", "--licence", "Apache-2.0",
		}, more...)...)
		if i > 0 {
			milder(t, artefact, record)
		}
		l.must(ctx, t, "model", "submit", record, "--artefact", artefact, "--org", "producer")
		l.level(ctx, t)
		l.must(ctx, t, "model", "measure", out[i], data+"-held/1", "--submit", "--org", "carrier")
		for _, org := range []string{"carrier", "retailer"} {
			l.level(ctx, t)
			l.must(ctx, t, "model", "approve", out[i], "CarrierMSP", data+"-held/1", "--org", org)
		}
	}
	l.level(ctx, t)
	return out
}

// blends are the final verdicts on a shipment that answers of different models came to, by window.
func (l *lab) blends(ctx context.Context, t *testing.T, shipment string) (out []ledger.FinalVerdict) {
	t.Helper()
	for _, b := range l.ledger(ctx, t).blocks {
		for _, tx := range b.Transactions {
			for _, f := range tx.Scoring.Finals {
				if f.Shipment == shipment && f.Model == "" && int(f.Window) >= len(out) {
					out = append(out, f)
				}
			}
		}
	}
	return out
}

// paidFor is what a reward paid, by account; nil if none was.
func (l *lab) paidFor(ctx context.Context, t *testing.T, cause string) map[ledger.Digest]ledger.Credits {
	t.Helper()
	for _, b := range l.ledger(ctx, t).blocks {
		for _, tx := range b.Transactions {
			for _, r := range tx.Credits.Receipts {
				if r.Kind != ledger.CreditReward || r.Cause != cause {
					continue
				}
				out := map[ledger.Digest]ledger.Credits{}
				for _, n := range r.Created {
					out[n.Note.Owner] += n.Note.Amount
				}
				return out
			}
		}
	}
	return nil
}

// inspectionOf is an event that says what a look at a shipment's goods found.
func inspectionOf(t *testing.T, shipment, disposition string) []byte {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"type": "ObjectEvent", "action": "OBSERVE", "epcList": []string{shipment}, "bizStep": "inspecting", "disposition": disposition,
		"eventTime": time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), "eventTimeZoneOffset": "+00:00",
	})
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// namedHash names an event as commands do.
func namedHash(t *testing.T, body []byte) string {
	t.Helper()
	e, err := epcis.ParseEvent(nil, body)
	if err != nil {
		t.Fatal(err)
	}
	return e.Hash().String()
}
