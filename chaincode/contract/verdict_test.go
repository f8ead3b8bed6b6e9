package contract_test

import (
	"fmt"
	"testing"

	"github.com/waybill-dev/waybill/chaincode/ledger"
	"github.com/waybill-dev/waybill/chaincode/state/statetest"
	"github.com/waybill-dev/waybill/chaincode/wire"
)

// No new verdict rests on a model that is not approved, is deprecated or was revoked; what was recorded before stays, and a replay of it is a
// duplicate.
func TestNoVerdictIsRecordedOnABlockedModel(t *testing.T) {
	r := newRegistry(t)
	r.identity("sc-A", "A", "recorder,gateway,registrar,scorer")
	base := r.c.evidenceOf(t, "sc-A")
	on := func(model string, window uint32) ledger.Verdict {
		v := base
		v.Model, v.Window = model, window
		return v
	}
	record := func(verdicts ...ledger.Verdict) ([]wire.Answer, *statetest.Stub) {
		return r.c.submit(t, "sc-A", wire.FnRecordVerdicts, encode(t, wire.VerdictBatch{Verdicts: verdicts}))
	}
	stranger, m := "other@"+ledger.Digest{1}.String(), modelOf(t, r.ref("m/2"))
	name := m.ID + "@" + m.Artefact.String()
	// Before there is a model policy a scorer's word is all there is.
	answers, _ := record(on(stranger, 0), on("other@1", 0), on(name, 0))
	expect(t, answers, "recorded recorded recorded")
	for _, state := range []string{"draft", "evaluated", "approved", "production", "deprecated"} {
		t.Run(state, func(t *testing.T) {
			s := newRegistry(t)
			s.identity("sc-A", "A", "recorder,gateway,registrar,scorer")
			v := s.c.evidenceOf(t, "sc-A")
			v.Model = name
			s.reach(state)
			answers, _ := s.c.submit(t, "sc-A", wire.FnRecordVerdicts, encode(t, wire.VerdictBatch{Verdicts: []ledger.Verdict{v}}))
			want := "recorded"
			if state != "approved" && state != "production" {
				want = "refused:WB_MODEL_BLOCKED"
			}
			expect(t, answers, want)
		})
	}
	r.reach("production")
	answers, stub := record(on(stranger, 0), on(stranger, 1), on("other@1", 1), on(name, 0), on(name, 1), on("n@"+m.Artefact.String(), 1))
	expect(t, answers, "duplicate refused:WB_MODEL_BLOCKED refused:WB_MODEL_BLOCKED duplicate recorded refused:WB_MODEL_BLOCKED")
	if tx := transaction(t, stub); len(tx.Verdicts) != 1 {
		t.Errorf("%+v", tx.Verdicts)
	}
	r.play("revoked", []byte("sb revoke m/2 => recorded"))
	answers, _ = record(on(name, 1), on(name, 2))
	expect(t, answers, "duplicate refused:WB_MODEL_BLOCKED")
}

// What a model's standing costs: three keys a model and transaction, however many verdicts rest on it.
func TestAModelsStandingIsReadOnceATransaction(t *testing.T) {
	c := newChannel(t)
	base := c.evidence(t)
	base.Model = "coldchain@" + ledger.Digest{7}.String()
	reads := func(n int) int {
		var verdicts []ledger.Verdict
		for i := range n {
			v := base
			v.Window = uint32(i)
			verdicts = append(verdicts, v)
		}
		stub, response := c.simulate("A", fmt.Sprint("reads", n), wire.FnRecordVerdicts, encode(t, wire.VerdictBatch{Verdicts: verdicts}))
		if response.GetStatus() != 200 {
			t.Fatal(response.GetMessage())
		}
		return len(stub.ReadWriteSet().Reads)
	}
	if one, hundred := reads(1), reads(100); hundred-one != 99 {
		t.Errorf("%d keys for one verdict, %d for a hundred", one, hundred)
	}
}

// BenchmarkRecordVerdicts records a hundred verdicts of one model a transaction.
func BenchmarkRecordVerdicts(b *testing.B) {
	c := newChannel(b)
	base := c.evidence(b)
	base.Model = "coldchain@" + ledger.Digest{7}.String()
	var verdicts []ledger.Verdict
	for i := range 100 {
		v := base
		v.Window = uint32(i)
		verdicts = append(verdicts, v)
	}
	batch := encode(b, wire.VerdictBatch{Verdicts: verdicts})
	for b.Loop() {
		if _, response := c.simulate("A", "bench", wire.FnRecordVerdicts, batch); response.GetStatus() != 200 {
			b.Fatal(response.GetMessage())
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/100, "µs/verdict")
}
